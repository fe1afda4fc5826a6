/**
 * VRFs: routers in the router. Hosts with the same addresses hang at two VRFs of one router and never hear of each
 * other; what goes from one to the other goes by a route that says so.
 *
 *   a (10.0.1.2) ── a1 ┐ red (10) ├ b1 ── b (10.0.2.2)
 *   c (10.0.1.2) ── c1 ┐ blue (20) ├ d1 ── d (10.0.2.2)        router r
 */
import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { be16, echo, echo6, icmp, ip4, ip6, pattern } from '../oracle/packet.js';
import { address, freeOf, icmps, listen } from './lab.js';

interface Side {
  left: Namespace;
  right: Namespace;
  vrf: Link;
  in: Link;
  out: Link;
}

interface Vrfs {
  stack: Stack;
  r: Namespace;
  red: Side;
  blue: Side;
}

async function side(stack: Stack, r: Namespace, name: string, table: number): Promise<Side> {
  const left = await stack.namespace(`${name}-left`);
  const right = await stack.namespace(`${name}-right`);
  for (const ns of [left, right]) await ns.setSysctl('net.ipv6.conf.default.accept_ra', 0);
  const vrf = await r.addLink({ kind: 'vrf', name, table });
  await vrf.up();
  const [left0, inside] = await stack.veth([left, 'eth0'], [r, `${name}-in`]);
  const [outside, right0] = await stack.veth([r, `${name}-out`], [right, 'eth0']);
  await inside.set({ master: vrf });
  await outside.set({ master: vrf });
  await address(left0, '10.0.1.2/24', 'fd01::2/64');
  await address(inside, '10.0.1.1/24', 'fd01::1/64');
  await address(outside, '10.0.2.1/24', 'fd02::1/64');
  await address(right0, '10.0.2.2/24', 'fd02::2/64');
  for (const [ns, n] of [
    [left, 1],
    [right, 2],
  ] as const) {
    await ns.addRoute({ to: 'default', via: `10.0.${n}.1` });
    await ns.addRoute({ to: 'default', via: `fd0${n}::1` });
  }
  return { left, right, vrf, in: inside, out: outside };
}

async function twoVrfs(): Promise<Vrfs> {
  const stack = await createStack({ clock: 'virtual' });
  const r = await stack.namespace('r');
  await r.setSysctl('net.ipv6.conf.default.accept_ra', 0);
  const red = await side(stack, r, 'red', 10);
  const blue = await side(stack, r, 'blue', 20);
  await r.setSysctl('net.ipv4.ip_forward', 1);
  await r.setSysctl('net.ipv6.conf.all.forwarding', 1);
  stack.run(3000);
  return { stack, r, red, blue };
}

const ping4 = (src: string, dst: string, ttl = 64) => ip4({ src, dst, ttl }, echo(pattern(8)));
const ping6 = (src: string, dst: string) => ip6({ src, dst }, echo6(pattern(8)));

/** Types and senders of what a namespace hears while the packet is on its way. */
async function hears(stack: Stack, from: Namespace, at: Namespace, packet: Uint8Array): Promise<string[]> {
  const family = packet[0]! >> 4 === 6 ? AF_INET6 : AF_INET;
  const got: Uint8Array[] = [];
  const stop = await at.rawSocket(family, family === AF_INET ? 1 : 58, (one) => got.push(one));
  await from.send(family, packet);
  stack.run(100);
  await stop();
  return icmps(got).map(({ type, code, src }) => `${type}/${code} ${src}`);
}

describe('two VRFs with the same addresses', () => {
  test('forward each their own, and count it', async () => {
    const { stack, red, blue } = await twoVrfs();
    const heard = await listen(blue.right, AF_INET);
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.0.2.2'))).toEqual(['0/0 10.0.2.2']);
    expect(heard).toEqual([]);
    expect(await hears(stack, blue.left, blue.left, ping4('10.0.1.2', '10.0.2.2'))).toEqual(['0/0 10.0.2.2']);
    expect(heard).toHaveLength(1);
    expect(await hears(stack, red.left, red.left, ping6('fd01::2', 'fd02::2'))).toEqual([
      '129/0 fd020000000000000000000000000002',
    ]);
    expect(await red.vrf.stats()).toMatchObject({ rxPackets: 4, rxBytes: 2 * 36 + 2 * 56, txPackets: 0 });
    await stack.close();
  });

  test('answer a ping to each of the router’s addresses in the VRF', async () => {
    const { stack, red, blue } = await twoVrfs();
    await address(red.vrf, '10.9.9.9/32', 'fd99::9/128', '127.0.0.1/8');
    for (const to of ['10.0.1.1', '10.0.2.1', '10.9.9.9'])
      expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', to))).toEqual([`0/0 ${to}`]);
    expect(await hears(stack, red.left, red.left, ping6('fd01::2', 'fd99::9'))).toHaveLength(1);
    expect(await hears(stack, blue.left, blue.left, ping4('10.0.1.2', '10.9.9.9'))).toEqual(['3/0 10.0.1.1']);
    await stack.close();
  });

  test('answer from an address that is in no VRF, which rule 0 finds first', async () => {
    const { stack, r, red } = await twoVrfs();
    const outside = await r.addLink({ kind: 'dummy', name: 'd0' });
    await outside.up();
    await address(outside, '10.55.0.1/24');
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.55.0.1'))).toEqual(['0/0 10.55.0.1']);
    await stack.close();
  });

  test('tell errors with an address of the VRF, by its table', async () => {
    const { stack, red } = await twoVrfs();
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.0.2.2', 1))).toEqual([
      '11/0 10.0.1.1',
    ]);
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.77.0.1'))).toEqual(['3/0 10.0.1.1']);
    expect(await hears(stack, red.left, red.left, ping6('fd01::2', 'fd77::1'))).toEqual([
      '1/0 fd010000000000000000000000000001',
    ]);
    await stack.close();
  });

  test('send from the router by the VRF as the device, and to their own addresses by it', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    const heard = await listen(blue.right, AF_INET);
    const got: Uint8Array[] = [];
    await r.rawSocket(AF_INET, 1, (packet) => got.push(packet));
    await r.send(AF_INET, ping4('0.0.0.0', '10.0.2.2'), blue.vrf.ifindex);
    stack.run(100);
    expect(heard).toHaveLength(1);
    expect(icmps(got).map(({ type }) => type)).toEqual([0]);
    got.splice(0);
    await r.send(AF_INET, ping4('10.0.1.1', '10.0.2.1'), red.vrf.ifindex);
    stack.run(100);
    expect(icmps(got).map(({ type, src }) => `${type} ${src}`)).toEqual(['8 10.0.1.1', '0 10.0.2.1']);
    expect(await red.vrf.stats()).toMatchObject({ rxPackets: 2, txPackets: 2, rxBytes: 100, txBytes: 100 });
    await stack.close();
  });

  test('have the addresses of their loopback when the VRF was given them', async () => {
    const { stack, r, red } = await twoVrfs();
    await address(red.vrf, '127.0.0.1/8', '::1/128');
    const got = await listen(r, AF_INET);
    await r.send(AF_INET, ping4('127.0.0.1', '127.0.0.1'), red.vrf.ifindex);
    const got6 = await listen(r, AF_INET6);
    await r.send(AF_INET6, ping6('::1', '::1'), red.vrf.ifindex);
    stack.run(10);
    expect(icmps(got).map(({ type }) => type)).toEqual([8, 0]);
    expect(icmps(got6).map(({ type }) => type)).toEqual([128, 129]);
    await stack.close();
  });

  test('keep the neighbours and the learnt path MTUs of one from the other', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.0.2.2'))).toHaveLength(1);
    const names = async (address4: string) =>
      (await r.neighbours()).filter(({ address: one }) => one === address4).map(({ ifindex }) => ifindex);
    expect(await names('10.0.2.2')).toEqual([red.out.ifindex]);
    // A router behind red says that its way to 10.0.2.2 is narrow.
    const quoted = ip4({ src: '10.0.2.1', dst: '10.0.2.2' }, echo(pattern(8)));
    const narrow = icmp(3, 4, be16(0, 1300), quoted);
    await red.right.send(AF_INET, ip4({ src: '10.0.2.2', dst: '10.0.2.1' }, narrow));
    stack.run(10);
    const pieces = async ({ vrf, out }: Side) => {
      const before = (await out.stats()).txPackets;
      await r.send(
        AF_INET,
        ip4({ src: '0.0.0.0', dst: '10.0.2.2', df: false }, echo(pattern(1400))),
        vrf.ifindex,
      );
      stack.run(10);
      return (await out.stats()).txPackets - before;
    };
    // Blue asks for the neighbour first, which red knows.
    expect([await pieces(red), await pieces(blue)]).toEqual([2, 2]);
    expect([await pieces(red), await pieces(blue)]).toEqual([2, 1]);
    await stack.close();
  });
});

describe('routes from one VRF into another', () => {
  test('by a port of the other', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    await r.addRoute({ to: '10.88.0.0/16', via: '10.0.2.2', oif: blue.out.ifindex, table: 10 });
    const heard = await listen(blue.right, AF_INET);
    await red.left.send(AF_INET, ping4('10.0.1.2', '10.88.0.1'));
    stack.run(100);
    expect(icmps(heard).map(({ src }) => src)).toEqual([]);
    expect((await blue.out.stats()).txPackets).toBeGreaterThan(0);
    await stack.close();
  });

  test('by the other itself, whose table goes on', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    await r.addRoute({ to: '10.0.2.0/24', oif: blue.vrf.ifindex, table: 10, metric: 0 }, 'replace');
    await r.addRoute({ to: 'fd02::/64', oif: blue.vrf.ifindex, table: 10, metric: 1 });
    const heard = await listen(blue.right, AF_INET);
    const heard6 = await listen(blue.right, AF_INET6);
    await red.left.send(AF_INET, ping4('10.0.1.2', '10.0.2.2'));
    await red.left.send(AF_INET6, ping6('fd01::2', 'fd02::2'));
    stack.run(100);
    expect(icmps(heard).map(({ type, src }) => `${type} ${src}`)).toEqual(['8 10.0.1.2']);
    expect(icmps(heard6).map(({ type }) => type)).toEqual([128]);
    expect(await blue.vrf.stats()).toMatchObject({ txPackets: 2 });
    await stack.close();
  });
});

describe('a VRF', () => {
  test('is what rules may name as the link that a packet came by', async () => {
    const { stack, r, red } = await twoVrfs();
    await r.addRule({ iif: 'red', to: '10.64.0.0/10', action: 'prohibit', family: AF_INET, priority: 900 });
    expect(await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.64.0.1'))).toEqual(['3/13 10.0.1.1']);
    await stack.close();
  });

  test('brings its rules with the first one, and they stay', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    const rules = async () =>
      (await r.rules())
        .filter(({ l3mdev }) => l3mdev === true)
        .map(({ family, priority }) => [family, priority]);
    expect(await rules()).toEqual([
      [AF_INET, 1000],
      [AF_INET6, 1000],
    ]);
    await red.vrf.delete();
    await blue.vrf.delete();
    expect(await rules()).toHaveLength(2);
    await stack.close();
  });

  test('moves the routes of its ports into its table, and back when they leave', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    const tables = async (link: Link) =>
      [
        ...new Set((await r.routes()).filter(({ oif }) => oif === link.ifindex).map(({ table }) => table)),
      ].sort();
    expect(await tables(red.in)).toEqual([10]);
    await red.in.set({ master: blue.vrf });
    await address(red.in, 'fd01::1/64');
    expect(await tables(red.in)).toEqual([20]);
    await red.in.set({ master: null });
    expect(await tables(red.in)).toEqual([254, 255]);
    await blue.vrf.delete();
    expect(await tables(blue.in)).toEqual([254, 255]);
    expect((await blue.in.info()).master).toBe(0);
    await stack.close();
  });

  test('does not take lo, another VRF or the table 0, and shares no table in strict mode', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    const code = (what: Promise<unknown>) =>
      what.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    expect(await code((await r.link('lo')).set({ master: red.vrf }))).toBe('EOPNOTSUPP');
    expect(await code(blue.vrf.set({ master: red.vrf }))).toBe('EINVAL');
    expect(await code(r.addLink({ kind: 'vrf', name: 'zero', table: 0 }))).toBe('EINVAL');
    const second = await r.addLink({ kind: 'vrf', name: 'second', table: 10 });
    expect(await code(r.setSysctl('net.vrf.strict_mode', 1))).toBe('EBUSY');
    await second.delete();
    await r.setSysctl('net.vrf.strict_mode', 1);
    expect(await code(r.addLink({ kind: 'vrf', name: 'second', table: 10 }))).toBe('EBUSY');
    expect((await red.vrf.info()).data).toEqual({ kind: 'vrf', table: 10 });
    expect(await red.vrf.info()).toMatchObject({ mtu: 65575 });
    await stack.close();
  });

  test('gives to sockets what their device or raw_l3mdev_accept lets them hear', async () => {
    const { stack, r, red, blue } = await twoVrfs();
    const count = async (bound?: Link) => {
      let n = 0;
      await r.rawSocket(AF_INET, 1, () => n++, bound);
      return () => n;
    };
    const [any, byRed, byPort, byBlue] = [
      await count(),
      await count(red.vrf),
      await count(red.in),
      await count(blue.vrf),
    ];
    const counts = () => [any(), byRed(), byPort(), byBlue()];
    await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.0.1.1'));
    expect(counts()).toEqual([1, 1, 1, 0]);
    await r.setSysctl('net.ipv4.raw_l3mdev_accept', 0);
    await hears(stack, red.left, red.left, ping4('10.0.1.2', '10.0.1.1'));
    expect(counts()).toEqual([1, 2, 2, 0]);
    await stack.close();
  });

  test('leaves nothing behind', async () => {
    const stack = await createStack({ clock: 'virtual' });
    const r = await stack.namespace('r');
    await stack.namespace('warm');
    const before = freeOf(stack);
    for (let i = 0; i < 3; i++) {
      const ns = await stack.namespace('once');
      const vrf = await ns.addLink({ kind: 'vrf', name: 'red', table: 10 });
      const dummy = await ns.addLink({ kind: 'dummy', name: 'd0', master: vrf });
      await vrf.up();
      await dummy.up();
      await address(dummy, '10.0.1.1/24', 'fd01::1/64');
      await ns.send(AF_INET, ping4('10.0.1.1', '10.0.1.1'), vrf.ifindex);
      await stack.removeNamespace(ns);
    }
    expect(freeOf(stack)).toEqual(before);
    await stack.removeNamespace(r);
    await stack.close();
  });
});
