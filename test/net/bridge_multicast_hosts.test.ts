/**
 * Snooping end to end: hosts of this stack, with their own IGMP and MLD, around bridges that ask them.
 *
 *   a ── p0 ┐                      ┌ q0 ── d
 *   b ── p1 ┼ br0 ── up ═══ up ── br1
 *   c ── p2 ┘
 */
import { expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { Bridge } from '../../src/net/bridge.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ip4, ip6, udp } from '../oracle/packet.js';
import { address } from './lab.js';

const GROUP = { 4: '239.1.2.3', 6: 'ff15::1:2:3' } as const;

interface Host {
  ns: Namespace;
  link: Link;
  port: Link;
}

interface Lab {
  stack: Stack;
  bridges: [Bridge, Bridge];
  hosts: Record<'a' | 'b' | 'c' | 'd', Host>;
  trunk: [Link, Link];
}

async function lab(): Promise<Lab> {
  const stack = await createStack({ clock: 'virtual' });
  const sw = [await stack.namespace('sw0'), await stack.namespace('sw1')] as const;
  const bridges: Bridge[] = [];
  for (const ns of sw) bridges.push(await ns.addBridge({ name: 'br0' }));
  const hosts: Partial<Lab['hosts']> = {};
  for (const [i, [name, at]] of (['a0', 'b0', 'c0', 'd1'] as const)
    .map((text) => [...text] as const)
    .entries()) {
    const ns = await stack.namespace(name!);
    const on = Number(at);
    const [link, port] = await stack.veth([ns, 'eth0'], [sw[on]!, `p${i}`]);
    await bridges[on]!.addPort(port);
    await address(link, `10.0.0.${i + 1}/24`, `fd00::${i + 1}/64`);
    hosts[name as 'a'] = { ns, link, port };
  }
  const trunk = await stack.veth([sw[0], 'up'], [sw[1], 'up']);
  for (const [i, link] of trunk.entries()) await bridges[i]!.addPort(link);
  // The first has the lower address: of two queriers it is the one that goes on.
  for (const [i, { link }] of bridges.entries()) {
    await link.addAddress(`10.0.0.${101 + i}/24`);
    await link.up();
  }
  stack.run(5000);
  return { stack, bridges: bridges as [Bridge, Bridge], hosts: hosts as Lab['hosts'], trunk };
}

/** What each host receives while d sends 5 datagrams to the group. */
async function heard({ stack, hosts }: Lab, family: 4 | 6): Promise<number[]> {
  const links = [hosts.a, hosts.b, hosts.c].map(({ link }) => link);
  const count = () => Promise.all(links.map(async (link) => (await link.stats()).rxBytes));
  const payload = new Uint8Array(1000);
  const before = await count();
  for (let i = 0; i < 5; i++) {
    const datagram = udp({ sport: 5000, dport: 5001 }, payload);
    if (family === 4)
      await hosts.d.ns.send(AF_INET, ip4({ src: '10.0.0.4', dst: GROUP[4], ttl: 4 }, datagram));
    else
      await hosts.d.ns.send(
        AF_INET6,
        ip6({ src: 'fd00::4', dst: GROUP[6], hops: 4 }, datagram),
        hosts.d.link.ifindex,
      );
    stack.run(10);
  }
  return (await count()).map((bytes, i) => Math.floor((bytes - before[i]!) / 1000));
}

test.each([4, 6] as const)(
  'IPv%i: a group goes where hosts joined it, behind the other bridge too',
  async (family) => {
    const at = await lab();
    const { stack, bridges, hosts } = at;
    // The route of groups of IPv6 is one per link already; that of IPv4 is not.
    if (family === 4) await hosts.d.ns.addRoute({ to: '224.0.0.0/4', oif: hosts.d.link.ifindex });
    // Nobody asks: everybody gets it.
    expect(await heard(at, family)).toEqual([5, 5, 5]);
    for (const bridge of bridges) await bridge.set({ mcastQueryUseIfaddr: true, mcastQuerier: true });
    const leave = await hosts.a.ns.joinGroup(hosts.a.link, GROUP[family]);
    stack.run(40_000);
    expect(await heard(at, family)).toEqual([5, 0, 0]);
    const joined = (await bridges[0].mdb()).filter(({ group }) => group === GROUP[family]);
    expect(joined.map(({ ifindex }) => ifindex)).toEqual([hosts.a.port.ifindex]);
    // It stays as long as it answers, past the membership interval.
    stack.run(600_000);
    expect(await heard(at, family)).toEqual([5, 0, 0]);
    const second = await hosts.b.ns.joinGroup(hosts.b.link, GROUP[family]);
    stack.run(3000);
    expect(await heard(at, family)).toEqual([5, 5, 0]);
    await leave();
    stack.run(300_000);
    expect(await heard(at, family)).toEqual([0, 5, 0]);
    await second();
    stack.run(300_000);
    expect(await heard(at, family)).toEqual([0, 0, 0]);
    await stack.close();
  },
);

test('of two queriers one asks, and the other when that one is gone', async () => {
  const at = await lab();
  const { stack, bridges, trunk, hosts } = at;
  for (const bridge of bridges) await bridge.set({ mcastQueryUseIfaddr: true, mcastQuerier: true });
  stack.run(300_000);
  // The second's port to the first leads to a multicast router, and no other way round.
  const router = async (i: number) => (await bridges[i]!.port(trunk[i]!).info()).mcastRouter;
  expect([await router(0), await router(1)]).toEqual([1, 3]);
  await trunk[0].down();
  stack.run(300_000);
  // Alone, it asks its host again, which goes on hearing its group.
  await hosts.d.ns.joinGroup(hosts.d.link, GROUP[4]);
  stack.run(600_000);
  expect((await bridges[1].mdb()).some(({ group }) => group === GROUP[4])).toBe(true);
  expect(await router(1)).toBe(1);
  await stack.close();
});
