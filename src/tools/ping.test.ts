import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { createStack, type Stack } from '../stack.js';
import { type PingOptions, type PingResult, Pinger } from './ping.js';

/** lan ── router ── wan (MTU 1400), both families. */
let stack: Stack;
let lan: Namespace;
let pinger: Pinger;

beforeEach(async () => {
  stack = await createStack({ clock: 'virtual', seed: 5 });
  const router = await stack.namespace('router');
  await router.setSysctl('net.ipv4.ip_forward', 1);
  await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
  lan = await stack.namespace('lan');
  await join(router, lan, 1, 1500);
  await join(router, await stack.namespace('wan'), 2, 1400);
  pinger = await Pinger.open(lan, () => stack.clock.now() / 1e6);
});

afterEach(async () => {
  await pinger.close();
  await stack.close();
});

async function join(router: Namespace, host: Namespace, net: number, mtu: number): Promise<void> {
  for (const namespace of [router, host]) {
    await namespace.setSysctl('net.ipv6.conf.default.accept_dad', 0);
  }
  const [near, eth0]: Link[] = await stack.veth([router, `eth${net}`], [host, 'eth0'], mtu);
  for (const [link, own] of [
    [near, 1],
    [eth0, 2],
  ] as const) {
    await link!.addAddress(`10.0.${net}.${own}/24`);
    await link!.addAddress(`fd00:${net}::${own}/64`, { nodad: true });
  }
  await host.addRoute({ to: 'default', via: `10.0.${net}.1` });
  await host.addRoute({ to: 'default', via: `fd00:${net}::1`, oif: eth0!.ifindex });
}

/** Pings and lets the clock run meanwhile. */
async function ping(to: string, options?: PingOptions, ms = 100): Promise<PingResult> {
  const result = pinger.ping(to, options);
  // The request leaves after the microtasks of ping(): only then is there something to run.
  await new Promise(setImmediate);
  stack.run(ms);
  return await result;
}

describe.each([
  { family: 'IPv4', wan: '10.0.2.2', nobody: '10.0.2.9', router: '10.0.1.1', headers: 28 },
  { family: 'IPv6', wan: 'fd00:2::2', nobody: 'fd00:2::9', router: 'fd00:1::1', headers: 48 },
])('ping over $family', ({ family, wan, nobody, router, headers }) => {
  const v4 = family === 'IPv4';

  it('hears the far host', async () => {
    expect(await ping(wan, { size: 100 })).toMatchObject({ kind: 'reply', from: wan, ttl: 63, bytes: 100 });
  });

  it('hears of a hop whose TTL expires, from the first millisecond on', async () => {
    const expected = { kind: 'error', from: router, type: v4 ? 11 : 3, code: 0, text: 'time exceeded' };
    expect(await ping(wan, { ttl: 1 }, 10)).toMatchObject(expected);
  });

  it('hears what fits when a packet is too big', async () => {
    const result = await ping(wan, { size: 1500 - headers, dontFragment: true });
    expect(result).toMatchObject({ kind: 'error', from: router, mtu: 1400, text: 'too big' });
  });

  it('hears of a host that is not there after the three solicitations', async () => {
    const result = await ping(nobody, { timeoutMs: 5000 }, 5000);
    expect(result).toMatchObject({
      kind: 'error',
      text: v4 ? 'host unreachable' : 'address unreachable',
    });
    expect(result).toHaveProperty('rttMs', expect.closeTo(3000, -2));
  });

  it('hears itself', async () => {
    expect(await ping(v4 ? '10.0.1.2' : 'fd00:1::2')).toMatchObject({ kind: 'reply', ttl: 64 });
  });

  it('carries large packets in fragments, over IPv6 once the path MTU is known', async () => {
    if (!v4) expect(await ping(wan, { size: 20_000 })).toMatchObject({ kind: 'error', mtu: 1400 });
    expect(await ping(wan, { size: 20_000 })).toMatchObject({ kind: 'reply', bytes: 20_000 });
  });
});

it('says that nothing came, and what could not be sent', async () => {
  const silent = pinger.ping('10.0.2.2', { timeoutMs: 1 });
  expect(await silent).toEqual({ kind: 'timeout' });
  await lan.deleteRoute({ to: 'default', via: '10.0.1.1' });
  expect(await ping('10.0.2.2')).toMatchObject({ kind: 'refused', code: 'ENETUNREACH' });
  await expect(pinger.ping('10.0.2.2', { size: 70_000 })).rejects.toMatchObject({ code: 'EMSGSIZE' });
});

it('begins with DAD where Linux does: the device decides, `all` adds nothing', async () => {
  const fresh = await stack.namespace('fresh');
  expect(await fresh.getSysctl('net.ipv6.conf.all.accept_dad')).toBe(0);
  expect(await fresh.getSysctl('net.ipv6.conf.default.accept_dad')).toBe(1);
});
