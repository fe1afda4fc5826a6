/** Multicast forwarding with static groups, both families, and membership. s ── r ── x, y: r routes, x and y listen. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { MrouteEvent, MulticastRouting } from '../../src/net/mroute.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ip4, ip6, pattern, udp } from '../oracle/packet.js';
import { address } from './lab.js';

const both = [
  {
    name: 'IPv4',
    family: AF_INET,
    group: '239.1.2.3',
    source: '10.0.1.2',
    other: '10.0.1.9',
    far: '10.0.2.2',
  },
  { name: 'IPv6', family: AF_INET6, group: 'ff05::123', source: 'fd01::2', other: 'fd01::9', far: 'fd02::2' },
] as const;

describe.each(both)('$name', ({ family, group, source, other, far }) => {
  let stack: Stack;
  let s: Namespace;
  let r: Namespace;
  let x: Namespace;
  let y: Namespace;
  let mr: MulticastRouting;
  const links: Record<string, Link> = {};
  const got: Record<string, Uint8Array[]> = {};

  beforeEach(async () => {
    stack = await createStack({ clock: 'virtual' });
    [s, r] = [await stack.namespace('s'), await stack.namespace('r')];
    [x, y] = [await stack.namespace('x'), await stack.namespace('y')];
    [links.s, links.lan] = await stack.veth([s, 'eth0'], [r, 'lan0']);
    [links.wx, links.x] = await stack.veth([r, 'wx0'], [x, 'eth0']);
    [links.wy, links.y] = await stack.veth([r, 'wy0'], [y, 'eth0']);
    await address(links.s, '10.0.1.2/24', 'fd01::2/64');
    await address(links.lan, '10.0.1.1/24', 'fd01::1/64');
    await address(links.wx, '10.0.2.1/24', 'fd02::1/64');
    await address(links.x, '10.0.2.2/24', 'fd02::2/64');
    await address(links.wy, '10.0.3.1/24', 'fd03::1/64');
    await address(links.y, '10.0.3.2/24', 'fd03::2/64');
    for (const ns of [x, y]) {
      await ns.joinGroup(ns === x ? links.x : links.y, group);
      got[ns.name] = [];
      await ns.rawSocket(family, 17, (packet) => got[ns.name]!.push(packet));
    }
    mr = r.multicastRouting(family);
    await mr.enable();
    await mr.addVif(0, links.lan);
    await mr.addVif(1, links.wx);
    await mr.addVif(2, links.wy);
    stack.run(3000);
  });
  afterEach(() => stack.close());

  async function send(ttl = 8, src: string = source, from = s, link = links.s!): Promise<void> {
    const payload = udp({ dport: 5000 }, pattern(20));
    const packet =
      family === AF_INET
        ? ip4({ src, dst: group, ttl }, payload)
        : ip6({ src, dst: group, hops: ttl }, payload);
    await from.send(family, packet, link.ifindex);
    stack.run(10);
  }
  const heard = () => [got.x!.length, got.y!.length];
  const ttlOf = (packet: Uint8Array) => packet[family === AF_INET ? 8 : 7];

  test('copies a packet of (S,G) to each interface whose threshold its TTL exceeds, TTL one less', async () => {
    await mr.add({ source, group, from: 0, to: [1, { vif: 2, ttl: 8 }] });
    await send();
    expect(heard()).toEqual([1, 0]);
    expect(ttlOf(got.x![0]!)).toBe(7);
    await send(9);
    expect(heard()).toEqual([2, 1]);
    await send(1);
    expect(heard()).toEqual([2, 1]);
    const [route] = await mr.routes();
    expect(route).toMatchObject({ source, group, from: 0, packets: 3, wrongInterface: 0 });
    expect(route!.to).toEqual([
      { vif: 1, ttl: 1 },
      { vif: 2, ttl: 8 },
    ]);
    expect((await mr.vifs()).map(({ packetsIn, packetsOut }) => [packetsIn, packetsOut])).toEqual([
      [3, 0],
      [0, 2],
      [0, 1],
    ]);
    await mr.delete({ source, group, from: 0 });
    expect(await mr.routes()).toEqual([]);
  });

  test('tells the host of a group that it has no entry for, and sends on what waited once there is one', async () => {
    const events: MrouteEvent[] = [];
    mr.onEvent((event) => events.push(event));
    for (let i = 0; i < 6; i++) await send();
    expect(events).toEqual([{ kind: 'nocache', vif: 0, ifindex: links.lan!.ifindex, source, group }]);
    expect(heard()).toEqual([0, 0]);
    await mr.add({ source, group, from: 0, to: [2] });
    stack.run(10);
    expect(heard()).toEqual([0, 4]);
    await send(8, other);
    stack.run(10_100);
    await mr.add({ source: other, group, from: 0, to: [1] });
    stack.run(10);
    expect(heard()).toEqual([0, 4]);
  });

  test('forwards nothing of an entry that comes by another interface, and reports it now and then', async () => {
    const events: MrouteEvent[] = [];
    await mr.add({ source: far, group, from: 0, to: [1, 2] });
    mr.onEvent((event) => events.push(event));
    for (let i = 0; i < 3; i++) await send(8, far, x, links.x);
    expect(heard()[1]).toBe(0);
    expect((await mr.routes())[0]!.wrongInterface).toBe(3);
    expect(events.map(({ kind, vif }) => [kind, vif])).toEqual([['wrongvif', 1]]);
    stack.run(3000);
    await send(8, far, x, links.x);
    expect(events.length).toBe(2);
  });

  test('forwards (*,G) within its tree and (*,*) to its parent only', async () => {
    await mr.add({ from: 0, to: [0, 1, 2], proxy: true });
    await send(8, far, x, links.x);
    expect(heard()[1]).toBe(0);
    await mr.add({ group, from: 0, to: [1, 2], proxy: true });
    await send(8, far, x, links.x);
    expect(heard()[1]).toBe(1);
    await send();
    expect(heard()[1]).toBe(2);
  });

  test('forwards no group of link scope, and nothing once it is off', async () => {
    await mr.add({ source, group, from: 0, to: [1] });
    expect(await r.getSysctl(`net.ipv${family === AF_INET ? 4 : 6}.conf.all.mc_forwarding`)).toBe(1);
    await mr.enable(false);
    expect(await r.getSysctl(`net.ipv${family === AF_INET ? 4 : 6}.conf.lan0.mc_forwarding`)).toBe(0);
    await send();
    expect(heard()).toEqual([0, 0]);
    expect(await mr.vifs()).toEqual([]);
  });

  test('bounds what waits, whoever sends', async () => {
    const free = (await import('./lab.js')).freeOf(stack);
    for (let i = 1; i < 200; i++) {
      const src = family === AF_INET ? `10.0.1.${i}` : `fd01::${i.toString(16)}`;
      for (let n = 0; n < 6; n++) await send(8, src);
    }
    const now = (await import('./lab.js')).freeOf(stack);
    expect(free.skbs - now.skbs).toBeLessThanOrEqual(64 * 4 + 8);
    stack.run(11_000);
    expect((await import('./lab.js')).freeOf(stack).skbs).toBe(free.skbs);
    await links.lan!.delete();
    expect((await mr.vifs()).map(({ vif }) => vif)).toEqual([1, 2]);
  });
});

test('IGMP: reports what is joined, answers queries in their version, and leaves', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const [a, r] = [await stack.namespace('a'), await stack.namespace('r')];
  const [a0, r0] = await stack.veth([a, 'eth0'], [r, 'eth0']);
  await address(a0, '10.0.0.2/24');
  await address(r0, '10.0.0.1/24');
  const heard: Uint8Array[] = [];
  await r.rawSocket(AF_INET, 2, (packet) => heard.push(packet));
  for (const group of ['224.0.0.22', '224.0.0.2', '239.1.2.3']) await r.joinGroup(r0, group);
  stack.run(20_000);
  heard.length = 0;
  const take = () =>
    heard.splice(0).map((p) =>
      Buffer.from(p.subarray(24))
        .toString('hex')
        .replace(/^(....)..../, '$1'),
    );
  const leave = await a.joinGroup(a0, '239.1.2.3');
  stack.run(5000);
  expect(heard[0]!.subarray(0, 2)).toEqual(Uint8Array.of(0x46, 0xc0));
  expect([heard[0]![8], [...heard[0]!.subarray(12, 24)]]).toEqual([
    1,
    [10, 0, 0, 2, 224, 0, 0, 22, 0x94, 4, 0, 0],
  ]);
  expect(take()).toEqual(Array(2).fill('22000000000104000000ef010203'));
  const query = async (code: number, ...rest: number[]) => {
    const igmp = Uint8Array.of(0x11, code, 0, 0, 0, 0, 0, 0, ...rest);
    const view = new DataView(igmp.buffer);
    let sum = 0;
    for (let i = 0; i < igmp.length; i += 2) sum += view.getUint16(i);
    view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    const packet = ip4({ src: '10.0.0.1', dst: '224.0.0.1', ttl: 1 }, { protocol: 2, build: () => igmp });
    await r.send(AF_INET, packet, r0.ifindex);
    stack.run(11_000);
  };
  await query(10, 2, 125, 0, 0);
  expect(take()).toEqual(['22000000000102000000ef010203']);
  await query(100);
  expect(take()).toEqual(['1600ef010203']);
  await leave();
  stack.run(100);
  expect(take()).toEqual(['1700ef010203']);
  await stack.close();
});
