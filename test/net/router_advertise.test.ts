/** A router that advertises, and hosts that configure themselves by it. a ── eth0 ──── lan0 ── r, virtual clock. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AF_INET6 } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { RouterOption } from '../../src/net/router_option.js';
import { createStack, type Stack } from '../../src/stack.js';
import { be32, cat, icmp6, ip6 } from '../oracle/packet.js';
import { listen } from './lab.js';

let stack: Stack;
let a: Namespace;
let r: Namespace;
let a0: Link;
let lan: Link;
let heard: Uint8Array[];

beforeEach(async () => {
  stack = await createStack({ clock: 'virtual' });
  [a, r] = [await stack.namespace('a'), await stack.namespace('r')];
  await r.setSysctl('net.ipv6.conf.all.forwarding', 1);
  [a0, lan] = await stack.veth([a, 'eth0'], [r, 'lan0']);
  await lan.addAddress('2001:db8:1::1/64', { nodad: true });
  heard = await listen(a, AF_INET6);
});
afterEach(() => stack.close());

const advertisements = () => heard.filter((packet) => packet[40] === 134);
/** Milliseconds, in steps of 50, at which advertisements came. */
function times(ms: number): number[] {
  const at: number[] = [];
  let seen = advertisements().length;
  for (let t = 0; t < ms; t += 50) {
    stack.run(50);
    for (; seen < advertisements().length; seen++) at.push(t);
  }
  return at;
}

test('a host takes address, default route, MTU, route and name server from it', async () => {
  const options: RouterOption[] = [];
  a.onRouterOption(({ option }) => options.push(option));
  await a.setSysctl('net.ipv6.conf.eth0.accept_ra_rt_info_max_plen', 64);
  await lan.advertise({
    maxInterval: 30,
    preference: 'high',
    mtu: 1400,
    hopLimit: 33,
    other: true,
    prefixes: [{ prefix: '2001:db8:1::/64', valid: 7200, preferred: 1800 }],
    routes: [{ prefix: '2001:db8:9::/48', lifetime: 600, preference: 'low' }],
    dns: { servers: ['2001:db8::53'], search: ['lab.example'], lifetime: 900 },
  });
  stack.run(8000);
  const address = (await a0.addresses()).find((one) => one.address.startsWith('2001:db8:1:'));
  expect(address).toMatchObject({ prefix: 64, protocol: 2 });
  const routes = (await a.routes(AF_INET6)).filter(({ protocol }) => protocol === 9);
  const via = (await lan.addresses()).find((one) => one.address.startsWith('fe80'))!.address;
  expect(routes.map((one) => [one.to, one.via, one.pref])).toEqual([
    ['default', via, 'high'],
    ['2001:db8:9::/48', via, 'low'],
  ]);
  expect(await a.getSysctl('net.ipv6.conf.eth0.mtu')).toBe(1400);
  expect(await a.getSysctl('net.ipv6.conf.eth0.hop_limit')).toBe(33);
  expect((await a0.ip6Info()).other).toBe(true);
  expect(options).toContainEqual({ kind: 'rdnss', lifetime: 900, servers: ['2001:db8::53'] });
  expect(options).toContainEqual({ kind: 'dnssl', lifetime: 900, domains: ['lab.example'] });
  // RFC 4861 6.2.5: the last one says that it is no default router any more.
  await lan.advertise(null);
  stack.run(10);
  expect(advertisements().at(-1)!.subarray(46, 48)).toEqual(Uint8Array.of(0, 0));
  expect((await a.routes(AF_INET6)).some(({ to }) => to === 'default')).toBe(false);
});

test('advertises three times soon, then at random between its intervals', async () => {
  stack.run(3000);
  await lan.advertise({ maxInterval: 100, minInterval: 60 });
  const at = times(600_000);
  const pauses = at.slice(1).map((t, i) => t - at[i]!);
  expect(at[0]).toBeLessThan(100);
  for (const pause of pauses.slice(0, 2)) expect(pause).toBeLessThanOrEqual(16_050);
  for (const pause of pauses.slice(3)) {
    expect(pause).toBeGreaterThanOrEqual(59_900);
    expect(pause).toBeLessThanOrEqual(100_100);
  }
  expect(new Set(pauses.slice(3)).size).toBeGreaterThan(2);
});

test('answers a solicitation within half a second, and not twice within three', async () => {
  stack.run(3000);
  await lan.advertise({ maxInterval: 1800, minInterval: 1350 });
  stack.run(100_000);
  const src = (await a0.addresses()).find((one) => one.address.startsWith('fe80'))!.address;
  const solicit = () =>
    a.send(AF_INET6, ip6({ src, dst: 'ff02::2', hops: 255 }, icmp6(133, 0, be32(0), cat())), a0.ifindex);
  await solicit();
  expect(times(1000).length).toBe(1);
  await solicit();
  await solicit();
  const [next, ...more] = times(5000);
  expect(more).toEqual([]);
  expect(next).toBeGreaterThan(1500);
});

test('says nothing while the link does not forward, and takes its leave when that ends', async () => {
  stack.run(3000);
  await lan.advertise({ maxInterval: 10 });
  stack.run(1000);
  expect(advertisements().length).toBe(1);
  await r.setSysctl('net.ipv6.conf.lan0.forwarding', 0);
  stack.run(10);
  expect(advertisements().length).toBe(2);
  expect(advertisements()[1]!.subarray(46, 48)).toEqual(Uint8Array.of(0, 0));
  stack.run(100_000);
  expect(advertisements().length).toBe(2);
  await r.setSysctl('net.ipv6.conf.lan0.forwarding', 1);
  stack.run(100);
  expect(advertisements().length).toBe(3);
  await expect(lan.advertise({ maxInterval: 3 })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(lan.advertise({ lifetime: 100 })).rejects.toMatchObject({ code: 'EINVAL' });
});
