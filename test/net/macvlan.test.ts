/** macvlan: who hears whom in each mode, at a port and between macvlans of one lower device. */
import { describe, expect, test } from 'vitest';
import { AF_INET } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { MacvlanMode } from '../../src/net/link_macvlan.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { echo, ETH_P_IP, ip4, pattern } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame } from './frames.js';
import { freeOf } from './lab.js';

const PEER = '02:00:00:00:00:aa';
const OWN = '02:00:00:00:00:99';
const MACS = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'] as const;
const ALL = 'ff:ff:ff:ff:ff:ff';

interface Lab {
  stack: Stack;
  ns: Namespace;
  port: Link;
  driver: ScriptDriver;
  links: Link[];
}

/** A port p0 and one macvlan on it per mode, up. */
async function lab(...modes: readonly MacvlanMode[]): Promise<Lab> {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  await ns.setSysctl('net.ipv6.conf.all.disable_ipv6', 1);
  await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const driver = new ScriptDriver();
  const port = await stack.port(ns, driver, { name: 'p0' });
  const links: Link[] = [];
  for (const [i, mode] of modes.entries()) {
    const macvlan = await ns.addLink({
      kind: 'macvlan',
      name: `m${i}`,
      link: port,
      mode,
      ...(mode === 'passthru' ? {} : { mac: MACS[i]! }),
    });
    links.push(await macvlan.up());
  }
  return { stack, ns, port, driver, links };
}

const packet = ip4({ src: '10.9.9.2', dst: '10.9.9.1' }, echo(pattern(16)));

/** Which devices count a frame from the wire: the macvlans in order, then how often. */
async function hears(at: Lab, dst: string, src = PEER): Promise<number[]> {
  const count = () => Promise.all(at.links.map(async (link) => (await link.stats()).rxPackets));
  const before = await count();
  at.driver.input.push(frame(dst, src, ETH_P_IP, packet));
  at.stack.run(10);
  return (await count()).map((n, i) => n - before[i]!);
}

describe('what comes from the wire', () => {
  test('goes to the macvlan with its MAC, and to all when it is for a group', async () => {
    const at = await lab('private', 'vepa', 'bridge');
    expect(await hears(at, MACS[1])).toEqual([0, 1, 0]);
    expect(await hears(at, OWN)).toEqual([0, 0, 0]);
    expect(await hears(at, PEER)).toEqual([0, 0, 0]);
    expect(await hears(at, ALL)).toEqual([1, 1, 1]);
    expect((await at.links[0]!.stats()).multicast).toBe(1);
    expect(await at.links[1]!.stats()).toMatchObject({ rxBytes: 2 * (packet.length + 14) });
    // The lower device's own stack gets the group's frame, too.
    expect((await at.ns.snmp()).IpInReceives).toBe(6);
    await at.links[1]!.down();
    expect(await hears(at, MACS[1])).toEqual([0, 0, 0]);
    expect(await hears(at, ALL)).toEqual([1, 0, 1]);
    await at.stack.close();
  });

  test('sent back by the switch reaches those that may hear the sender', async () => {
    const at = await lab('private', 'vepa', 'bridge');
    // Of a private one: itself. Of a VEPA one: the others. Of a bridge one: VEPA only, bridge ports heard it before.
    expect(await hears(at, ALL, MACS[0])).toEqual([1, 0, 0]);
    expect(await hears(at, ALL, MACS[1])).toEqual([0, 0, 1]);
    expect(await hears(at, ALL, MACS[2])).toEqual([0, 1, 0]);
    await at.stack.close();
  });

  test('all goes to the one in passthru mode, which has the lower device’s MAC and makes it promiscuous', async () => {
    const at = await lab('passthru');
    expect(await at.links[0]!.info()).toMatchObject({ mac: OWN, data: { mode: 'passthru' } });
    expect((await at.port.info()).promiscuity).toBe(1);
    expect(await hears(at, PEER)).toEqual([1]);
    expect(await hears(at, OWN)).toEqual([1]);
    await at.links[0]!.set({ mac: '02:00:00:00:00:44' });
    expect((await at.port.info()).mac).toBe('02:00:00:00:00:44');
    await expect(
      at.ns.addLink({ kind: 'macvlan', name: 'second', link: at.port, mode: 'bridge' }),
    ).rejects.toMatchObject({ code: 'EINVAL' });
    await at.links[0]!.down();
    expect((await at.port.info()).promiscuity).toBe(0);
    await at.stack.close();
  });

  test('reaches one in source mode when it names the sender, and with nodst nobody else', async () => {
    const at = await lab('source', 'bridge');
    const [source] = at.links;
    expect(await hears(at, MACS[1])).toEqual([0, 1]);
    await source!.set({ macvlan: { macaddrs: [PEER, '02:00:00:00:00:ab'] } });
    expect((await source!.info()).data).toMatchObject({ macaddrs: [PEER, '02:00:00:00:00:ab'] });
    expect(await hears(at, MACS[1])).toEqual([1, 1]);
    expect(await hears(at, MACS[1], '02:00:00:00:00:ac')).toEqual([0, 1]);
    await source!.set({ macvlan: { nodst: true } });
    expect(await hears(at, MACS[1])).toEqual([1, 0]);
    await source!.set({ macvlan: { mode: 'private' } });
    expect((await source!.info()).data).toMatchObject({ mode: 'private', macaddrs: [] });
    await at.stack.close();
  });
});

describe('what a macvlan sends', () => {
  const neighbour = '10.0.0.2';
  /** m0 sends to the MAC of m1 (or to all): what m1 and the wire get of it. */
  async function sends(at: Lab, dst: string): Promise<[number, number]> {
    const [a, b] = at.links;
    await a!.addAddress('10.0.0.1/24').catch(() => {});
    await at.ns.addNeighbour(a!, { address: neighbour, mac: dst });
    at.stack.run(10);
    at.driver.sent.splice(0);
    const before = (await b!.stats()).rxPackets;
    await at.ns.send(AF_INET, ip4({ src: '10.0.0.1', dst: neighbour }, echo()));
    at.stack.run(10);
    return [(await b!.stats()).rxPackets - before, at.driver.sent.length];
  }

  test('in bridge mode stays among the bridge’s, a group’s frame goes out as well', async () => {
    const at = await lab('bridge', 'bridge');
    expect(await sends(at, MACS[1])).toEqual([1, 0]);
    expect(await sends(at, ALL)).toEqual([1, 1]);
    expect(await sends(at, PEER)).toEqual([0, 1]);
    expect(await at.links[0]!.stats()).toMatchObject({ txPackets: 3 });
    await at.stack.close();
  });

  test.each(['private', 'vepa'] as const)('in %s mode goes out whoever it is for', async (mode) => {
    const at = await lab(mode, mode);
    expect(await sends(at, MACS[1])).toEqual([0, 1]);
    expect(await sends(at, ALL)).toEqual([0, 1]);
    await at.stack.close();
  });
});

test('mode, MAC, MTU and carrier: as Linux has them', async () => {
  const at = await lab('bridge', 'bridge');
  const [a, b] = at.links;
  const add = (more: object) => at.ns.addLink({ kind: 'macvlan', name: 'x', link: at.port, ...more });
  expect((await (await add({})).info()).data).toMatchObject({ mode: 'vepa' });
  await at.ns.link('x').then((x) => x.delete());
  const same = await add({ mac: MACS[0] });
  await expect(same.up()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(a!.set({ mac: MACS[1] })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(a!.set({ macvlan: { mode: 'passthru' } })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(a!.set({ mtu: 1501 })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(add({ name: 'y', link: await at.ns.link('lo') })).rejects.toMatchObject({ code: 'EINVAL' });
  await at.port.set({ mtu: 1400 });
  expect(await b!.info()).toMatchObject({ mtu: 1400, link: at.port.ifindex });
  at.driver.notify.state(false);
  await Promise.resolve();
  expect(await a!.info()).toMatchObject({ carrier: false, up: true });
  const on = await at.ns.addLink({ kind: 'macvlan', name: 'on', link: a! });
  expect((await on.info()).link).toBe(at.port.ifindex);
  await at.stack.close();
});

test('leaves nothing behind', async () => {
  const stack = await createStack({ clock: 'virtual' });
  await stack.removeNamespace(await stack.namespace('first'));
  const before = freeOf(stack);
  for (let i = 0; i < 10; i++) {
    const ns = await stack.namespace('n');
    const lower = await ns.addLink({ kind: 'dummy', name: 'd0' });
    await lower.up();
    const modes = ['bridge', 'source', 'private'] as const;
    for (const mode of modes) {
      const link = await ns.addLink({
        kind: 'macvlan',
        name: mode,
        link: lower,
        mode,
        ...(mode === 'source' ? { macaddrs: [PEER] } : {}),
      });
      await link.up();
      await (await ns.addLink({ kind: 'vlan', name: `${mode}.5`, link, id: 5 })).up();
    }
    stack.run(2000);
    if (i % 2 === 0) await lower.delete();
    await stack.removeNamespace(ns);
    expect(freeOf(stack), `round ${i}`).toEqual(before);
  }
  await stack.close();
});
