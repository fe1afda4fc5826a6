/** bond: failover under a running stream of pings, announcements, spreading, and LACP between two of our bonds. */
import { describe, expect, test } from 'vitest';
import { formatMac } from '../../src/config/ip_address.js';
import { AF_INET } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { BondOptions } from '../../src/net/link_bond.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { cat, echo, ETH_P_ARP, ip4, u8, udp } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame, hex } from './frames.js';
import { address, freeOf, icmps, listen } from './lab.js';

interface Pair {
  stack: Stack;
  a: Namespace;
  b: Namespace;
  bondA: Link;
  bondB: Link;
  /** Ends of the cables: those of a, those of b. */
  portsA: Link[];
  portsB: Link[];
}

/** Two namespaces joined by `cables` veth pairs, bonded at both ends. */
async function bonded(cables: number, options: BondOptions): Promise<Pair> {
  const stack = await createStack({ clock: 'virtual' });
  const [a, b] = [await stack.namespace('a'), await stack.namespace('b')];
  const bondA = await a.addLink({ kind: 'bond', name: 'bond0', ...options });
  const bondB = await b.addLink({ kind: 'bond', name: 'bond0', ...options });
  const portsA: Link[] = [];
  const portsB: Link[] = [];
  for (let i = 0; i < cables; i++) {
    const [x, y] = await stack.veth([a, `p${i}`], [b, `p${i}`]);
    for (const [port, bond] of [
      [x, bondA],
      [y, bondB],
    ] as const) {
      await port.down();
      await port.set({ master: bond });
    }
    portsA.push(x);
    portsB.push(y);
  }
  await bondA.up();
  await bondB.up();
  await address(bondA, '10.0.0.1/24');
  await address(bondB, '10.0.0.2/24');
  stack.run(200);
  return { stack, a, b, bondA, bondB, portsA, portsB };
}

/** Pings b from a every 10 ms for `ms`; which of them were answered, by number. */
async function pings({ stack, a }: Pair, ms: number, at: (n: number) => Promise<void> = async () => {}) {
  const got = await listen(a, AF_INET);
  const total = ms / 10;
  for (let n = 0; n < total; n++) {
    await at(n);
    await a.send(AF_INET, ip4({ src: '10.0.0.1', dst: '10.0.0.2', id: n + 1 }, echo(u8(n >> 8, n & 255))));
    stack.run(10);
  }
  return new Set(icmps(got).map(({ message }) => (message[8]! << 8) | message[9]!));
}

const active = async (bond: Link) => {
  const { data } = await bond.info();
  return data?.kind === 'bond' ? data.activeSlave : -1;
};

describe('active-backup', () => {
  test('goes on by the other port within miimon, and back to its primary', async () => {
    const lab = await bonded(2, { mode: 'active-backup', miimon: 100 });
    const [p0, p1] = lab.portsA;
    await lab.bondA.set({ bond: { primary: p0! } });
    await lab.bondB.set({ bond: { primary: lab.portsB[0]! } });
    expect(await active(lab.bondA)).toBe(p0!.ifindex);
    const answered = await pings(lab, 3000, async (n) => {
      if (n === 100) await lab.portsB[0]!.down();
      if (n === 200) await lab.portsB[0]!.up();
    });
    const lost = Array.from({ length: 300 }, (_, n) => n).filter((n) => !answered.has(n));
    // Lost is what was sent between the cable's end and the next look at it, at either end.
    expect(lost.length).toBeLessThanOrEqual(11);
    expect(lost.every((n) => n >= 100 && n < 112)).toBe(true);
    expect(await active(lab.bondA)).toBe(p0!.ifindex);
    expect(await p0!.bondSlave()).toMatchObject({ state: 'active', miiStatus: 'up', linkFailureCount: 1 });
    expect(await p1!.bondSlave()).toMatchObject({ state: 'backup', miiStatus: 'up', linkFailureCount: 0 });
    await lab.stack.close();
  });

  test('stays with primary_reselect failure where it is, and waits for up- and downdelay', async () => {
    const lab = await bonded(2, {
      mode: 'active-backup',
      miimon: 100,
      updelay: 500,
      downdelay: 300,
      primaryReselect: 'failure',
    });
    const [p0, p1] = lab.portsA;
    await lab.bondA.set({ bond: { primary: p0! } });
    lab.stack.run(1000);
    expect(await active(lab.bondA)).toBe(p0!.ifindex);
    await lab.portsB[0]!.down();
    lab.stack.run(250);
    expect(await p0!.bondSlave()).toMatchObject({ miiStatus: 'fail' });
    expect(await active(lab.bondA)).toBe(p0!.ifindex);
    lab.stack.run(300);
    expect(await active(lab.bondA)).toBe(p1!.ifindex);
    await lab.portsB[0]!.up();
    lab.stack.run(250);
    expect(await p0!.bondSlave()).toMatchObject({ miiStatus: 'back' });
    lab.stack.run(1000);
    expect(await p0!.bondSlave()).toMatchObject({ miiStatus: 'up', state: 'backup' });
    expect(await active(lab.bondA)).toBe(p1!.ifindex);
    await lab.bondA.set({ bond: { activeSlave: p0! } });
    expect(await active(lab.bondA)).toBe(p0!.ifindex);
    await lab.stack.close();
  });

  test('without miimon does not see it, as Linux', async () => {
    const lab = await bonded(2, { mode: 'active-backup' });
    await lab.portsB[0]!.down();
    lab.stack.run(2000);
    expect(await active(lab.bondA)).toBe(lab.portsA[0]!.ifindex);
    expect((await pings(lab, 100)).size).toBe(0);
    await lab.stack.close();
  });

  test('loses its carrier with its last port, and what goes by it goes with it', async () => {
    const lab = await bonded(2, { mode: 'active-backup', miimon: 100 });
    for (const port of lab.portsB) await port.down();
    lab.stack.run(200);
    expect(await lab.bondA.info()).toMatchObject({ up: true, carrier: false });
    await lab.portsB[1]!.up();
    lab.stack.run(200);
    expect(await lab.bondA.info()).toMatchObject({ carrier: true });
    expect(await active(lab.bondA)).toBe(lab.portsA[1]!.ifindex);
    expect((await pings(lab, 100)).size).toBe(10);
    await lab.stack.close();
  });
});

/** A bond over two ports of drivers. */
async function atPorts(options: BondOptions) {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  const drivers = [new ScriptDriver(), new ScriptDriver()] as const;
  const macs = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;
  const bond = await ns.addLink({ kind: 'bond', name: 'bond0', ...options });
  const ports: Link[] = [];
  for (const i of [0, 1] as const) {
    const port = await stack.port(ns, drivers[i], { name: `p${i}`, mac: macs[i] });
    await port.down();
    await port.set({ master: bond });
    ports.push(port);
  }
  await bond.up();
  await address(bond, '10.0.0.1/24', 'fd00::1/64');
  stack.run(3000);
  for (const driver of drivers) driver.sent.splice(0);
  return { stack, ns, drivers, macs, bond, ports };
}

test.each([
  ['none', 0, 0],
  ['active', 0, 1],
  ['follow', 0, 0],
] as const)(
  'after a failover announces its addresses, fail_over_mac %s',
  async (failOverMac, before, after) => {
    const { stack, drivers, macs, bond, ports } = await atPorts({
      mode: 'active-backup',
      miimon: 100,
      numPeerNotif: 2,
      failOverMac,
    });
    expect((await bond.info()).mac).toBe(macs[before]);
    drivers[0].notify.state(false);
    await Promise.resolve();
    stack.run(1000);
    expect(drivers[0].sent).toEqual([]);
    const mac = macs[after];
    const garp = hex(
      frame(
        'ff:ff:ff:ff:ff:ff',
        mac,
        ETH_P_ARP,
        cat(
          u8(0, 1, 8, 0, 6, 4, 0, 1),
          frame(mac, mac, 0, u8()).subarray(0, 6),
          u8(10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1),
        ),
      ),
    );
    const sent = drivers[1].sent.map(hex);
    expect(sent.filter((text) => text === garp)).toHaveLength(2);
    // Unsolicited advertisements, of fd00::1 and of the link-local address, to all nodes.
    const advertisements = drivers[1].sent.filter((f) => f[12] === 0x86 && f[20] === 58 && f[54] === 136);
    expect(advertisements).toHaveLength(4);
    expect(
      advertisements.every(
        (f) => hex(f.subarray(0, 12)) === hex(frame('33:33:00:00:00:01', mac, 0, u8()).subarray(0, 12)),
      ),
    ).toBe(true);
    expect((await bond.info()).mac).toBe(mac);
    expect((await ports[1]!.info()).mac).toBe(mac);
    await ports[1]!.set({ master: null });
    expect((await ports[1]!.info()).mac).toBe(macs[1]);
    await stack.close();
  },
);

test('a port that is not in use is not heard', async () => {
  const { stack, ns, drivers, macs } = await atPorts({ mode: 'active-backup', miimon: 100 });
  const got = await listen(ns, AF_INET);
  const request = ip4({ src: '10.0.0.9', dst: '10.0.0.1' }, echo());
  drivers[1].input.push(frame(macs[0], '02:00:00:00:00:aa', 0x0800, request));
  stack.run(10);
  expect(got).toHaveLength(0);
  drivers[0].input.push(frame(macs[0], '02:00:00:00:00:aa', 0x0800, request));
  stack.run(10);
  expect(got).toHaveLength(1);
  await stack.close();
});

describe('the modes that use all ports', () => {
  /** Sends flows that differ in their source port; how many frames each port sent. */
  async function spread(options: BondOptions, flows: number): Promise<number[]> {
    const { stack, ns, drivers, bond } = await atPorts({ miimon: 100, ...options });
    await ns.addNeighbour(bond, { address: '10.0.0.2', mac: '02:00:00:00:00:aa' });
    for (let i = 0; i < flows; i++)
      await ns.send(
        AF_INET,
        ip4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ sport: 1000 + 2 * i, dport: 9 })),
      );
    stack.run(10);
    const counts = drivers.map((driver) => driver.sent.filter((f) => f[12] === 8 && f[23] === 17).length);
    await stack.close();
    return counts;
  }

  test('balance-rr takes turns, packets_per_slave at a time', async () => {
    expect(await spread({ mode: 'balance-rr' }, 10)).toEqual([5, 5]);
    const [a, b] = await spread({ mode: 'balance-rr', packetsPerSlave: 4 }, 16);
    expect([a! + b!, Math.abs(a! - b!) <= 4]).toEqual([16, true]);
  });

  test('balance-xor keeps a pair of hosts on one port by layer2, spreads flows by layer3+4', async () => {
    expect((await spread({ mode: 'balance-xor' }, 16)).toSorted()).toEqual([0, 16]);
    const [a, b] = await spread({ mode: 'balance-xor', xmitHashPolicy: 'layer3+4' }, 64);
    expect(a! + b!).toBe(64);
    expect(Math.min(a!, b!)).toBeGreaterThan(16);
  });

  test('balance-tlb gives flows to the port that carries least, with its address, and is heard by the active one', async () => {
    const { stack, ns, drivers, bond, macs, ports } = await atPorts({
      mode: 'balance-tlb',
      miimon: 100,
      xmitHashPolicy: 'layer3+4',
    });
    await ns.addNeighbour(bond, { address: '10.0.0.2', mac: '02:00:00:00:00:aa' });
    const carried = async () => {
      for (const driver of drivers) driver.sent.length = 0;
      for (let i = 0; i < 64; i++)
        await ns.send(
          AF_INET,
          ip4({ src: '10.0.0.1', dst: '10.0.0.2' }, udp({ sport: 1000 + 2 * i, dport: 9 })),
        );
      stack.run(10);
      return drivers.map((driver) => driver.sent.filter((f) => f[12] === 8 && f[23] === 17));
    };
    // Nobody knows yet what a flow carries: all are the other port's, as the active one has sent what is of no flow.
    expect((await carried()).map((sent) => sent.length)).toEqual([0, 64]);
    stack.run(11_000);
    const [a, b] = await carried();
    expect([a!.length + b!.length, a!.length > 20, b!.length > 20]).toEqual([64, true, true]);
    const source = (sent: Uint8Array[]) => new Set(sent.map((f) => formatMac(f.slice(6, 12))));
    expect([source(a!), source(b!)]).toEqual([new Set([macs[0]]), new Set([macs[1]])]);
    // Once a second each port says where its address is.
    for (const driver of drivers) driver.sent.length = 0;
    stack.run(1000);
    const learned = drivers.map((driver) =>
      driver.sent
        .filter((f) => f[12] === 0x90 && f[13] === 0)
        .map((f) => [formatMac(f.slice(0, 6)), formatMac(f.slice(6, 12))]),
    );
    expect(learned).toEqual(macs.map((one) => [[one, one]]));
    // The other takes over, with the bond's address.
    await ports[0]!.down();
    stack.run(200);
    const [, rest] = await carried();
    expect([rest!.length, source(rest!)]).toEqual([64, new Set([macs[0]])]);
    await stack.close();
  });

  test('broadcast sends by all', async () => {
    expect(await spread({ mode: 'broadcast' }, 3)).toEqual([3, 3]);
  });
});

describe('802.3ad', () => {
  const SYNCED = 0x3d; // activity, aggregation, synchronization, collecting, distributing

  const ad = async (bond: Link) => {
    const { data } = await bond.info();
    return data?.kind === 'bond' ? data.ad : null;
  };

  test('two bonds find each other, aggregate their cables and lose none of the rest when one goes', async () => {
    const lab = await bonded(3, {
      mode: '802.3ad',
      miimon: 100,
      lacpRate: 'fast',
      xmitHashPolicy: 'layer3+4',
    });
    lab.stack.run(8000);
    const partner = (await lab.bondB.info()).mac;
    expect(await ad(lab.bondA)).toMatchObject({
      ports: 3,
      actorKey: 15,
      partnerKey: 15,
      partnerMac: partner,
    });
    for (const port of lab.portsA) {
      const slave = await port.bondSlave();
      expect(slave).toMatchObject({ state: 'active', miiStatus: 'up' });
      expect([slave.actorState & SYNCED, slave.partnerState & SYNCED]).toEqual([SYNCED, SYNCED]);
    }
    expect((await pings(lab, 200)).size).toBe(20);
    await lab.portsB[1]!.down();
    lab.stack.run(4500);
    expect(await ad(lab.bondA)).toMatchObject({ ports: 2 });
    expect((await pings(lab, 200)).size).toBe(20);
    await lab.portsB[1]!.up();
    lab.stack.run(8000);
    expect(await ad(lab.bondA)).toMatchObject({ ports: 3 });
    // And again behind a snapshot.
    const restored = await createStack({ clock: 'virtual', snapshot: lab.stack.snapshot() });
    const a = restored.adopt('a', lab.a.handle);
    restored.run(5000);
    expect(await ad(await a.link('bond0'))).toMatchObject({ ports: 3, partnerMac: partner });
    await restored.close();
    await lab.stack.close();
  });

  test('a partner that falls silent is no partner after three seconds of fast rate', async () => {
    const lab = await bonded(2, { mode: '802.3ad', miimon: 100, lacpRate: 'fast' });
    lab.stack.run(8000);
    expect(await ad(lab.bondA)).toMatchObject({ ports: 2 });
    await lab.stack.removeNamespace(lab.b);
    lab.stack.run(200);
    expect(await lab.bondA.info()).toMatchObject({ carrier: false });
    await lab.stack.close();
  });

  test('sends LACPDUs as IEEE 802.1AX says, uses one port when nobody answers, and answers markers', async () => {
    const { stack, drivers, macs, bond, ports } = await atPorts({ mode: '802.3ad', lacpRate: 'fast' });
    for (const driver of drivers) driver.sent.splice(0);
    stack.run(31_000);
    const pdus = drivers[1].sent.filter((f) => f[12] === 0x88 && f[13] === 0x09);
    expect(pdus.length).toBeGreaterThan(0);
    const [first, second] = macs.map((text) => text.replaceAll(':', ''));
    const text = hex(pdus.at(-1)!);
    expect(text.slice(0, 28)).toBe(`0180c2000002${second}8809`);
    // Actor: priority 65535, the bond's MAC, key 15, port priority 255, port 2.
    expect(text.slice(28, 64)).toBe(`01010114ffff${first}000f00ff0002`);
    expect(pdus.at(-1)!.length).toBe(124);
    expect(text.slice(72, 76)).toBe('0214');
    expect(text.slice(112, 116)).toBe('0310');
    expect((await bond.info()).carrier).toBe(true);
    const states = await Promise.all(ports.map(async (port) => (await port.bondSlave()).state));
    expect(states.toSorted()).toEqual(['active', 'backup']);
    drivers[0].sent.splice(0);
    const marker = cat(u8(2, 1, 1, 16, 0, 7, 2, 0, 0, 0, 0, 9, 1, 2, 3, 4), new Uint8Array(94));
    drivers[0].input.push(frame('01:80:c2:00:00:02', '02:00:00:00:00:09', 0x8809, marker));
    stack.run(10);
    const response = marker.slice();
    response[2] = 2;
    expect(drivers[0].sent.map(hex)).toContain(hex(frame('01:80:c2:00:00:02', macs[0], 0x8809, response)));
    await stack.close();
  });
});

test('refuses what cannot be', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  const bond = await ns.addLink({ kind: 'bond', name: 'bond0', mode: 'active-backup' });
  const dummy = await ns.addLink({ kind: 'dummy', name: 'd0' });
  await dummy.up();
  await expect(dummy.set({ master: bond })).rejects.toMatchObject({ code: 'EPERM' });
  await dummy.down();
  await dummy.set({ master: bond });
  expect(await dummy.info()).toMatchObject({ master: bond.ifindex, up: true, mac: (await bond.info()).mac });
  await expect(bond.set({ bond: { mode: 'balance-rr' } })).rejects.toMatchObject({ code: 'EBUSY' });
  await expect(bond.set({ bond: { lacpRate: 'fast' } })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(bond.set({ bond: { primary: bond } })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(bond.set({ master: dummy })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  const other = await ns.addLink({ kind: 'bond', name: 'bond1' });
  await expect(bond.set({ master: other })).rejects.toMatchObject({ code: 'EPERM' });
  await (await ns.link('lo')).down();
  await expect((await ns.link('lo')).set({ master: bond })).rejects.toMatchObject({ code: 'EINVAL' });
  await stack.close();
});

test('leaves nothing behind', async () => {
  const stack = await createStack({ clock: 'virtual' });
  await stack.removeNamespace(await stack.namespace('first'));
  const before = freeOf(stack);
  for (let i = 0; i < 12; i++) {
    const ns = await stack.namespace('n');
    const mode = (['active-backup', '802.3ad', 'balance-xor'] as const)[i % 3]!;
    const bond = await ns.addLink({ kind: 'bond', name: 'bond0', mode, miimon: 50, mtu: 1400 });
    for (const name of ['d0', 'd1', 'd2']) await ns.addLink({ kind: 'dummy', name, master: bond });
    await bond.up();
    await address(bond, '10.0.0.1/24');
    await (await ns.addLink({ kind: 'vlan', name: 'bond0.5', link: bond, id: 5 })).up();
    stack.run(3000);
    expect((await (await ns.link('d1')).info()).mtu).toBe(1400);
    if (i % 2 === 0) await (await ns.link('d0')).delete();
    if (i % 4 < 2) {
      await bond.delete();
      expect(await (await ns.link('d2')).info()).toMatchObject({ master: 0, up: false, mtu: 1500 });
    }
    await stack.removeNamespace(ns);
    expect(freeOf(stack), `round ${i}`).toEqual(before);
  }
  await stack.close();
});
