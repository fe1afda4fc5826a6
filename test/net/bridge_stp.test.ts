import { expect, test } from 'vitest';
import type { Bridge, StpState } from '../../src/net/bridge.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { freeOf } from './lab.js';

/**
 * Three bridges in a ring, a host behind the first and the third:
 *
 *   a ── br1 ─── br2
 *          \     /
 *           br3 ── c
 */
interface Ring {
  stack: Stack;
  bridges: Bridge[];
  /** By bridge: its links to the next and to the one before. */
  links: Map<string, Link>;
  a: Namespace;
  c: Namespace;
}

async function ring(stp: boolean, into?: Stack): Promise<Ring> {
  const stack = into ?? (await createStack({ clock: 'virtual' }));
  const spaces: Namespace[] = [];
  const bridges: Bridge[] = [];
  for (let i = 1; i <= 3; i++) {
    const ns = await stack.namespace(`br${i}`);
    await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    spaces.push(ns);
    bridges.push(await ns.addBridge({ name: 'br0', stp, priority: 0x8000 + 0x1000 * i }));
  }
  const links = new Map<string, Link>();
  const join = async (from: number, to: number) => {
    const [x, y] = await stack.veth([spaces[from]!, `to${to + 1}`], [spaces[to]!, `to${from + 1}`]);
    links.set(`${from + 1}${to + 1}`, x).set(`${to + 1}${from + 1}`, y);
    await bridges[from]!.addPort(x);
    await bridges[to]!.addPort(y);
  };
  const host = async (name: string, at: number, address: string) => {
    const ns = await stack.namespace(name);
    await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const [end, port] = await stack.veth([ns, 'eth0'], [spaces[at]!, name]);
    await bridges[at]!.addPort(port);
    await end.addAddress(address);
    return ns;
  };
  const a = await host('a', 0, '10.0.0.1/24');
  const c = await host('c', 2, '10.0.0.3/24');
  // The spanning tree is on before there is a loop.
  for (const bridge of bridges) await bridge.link.up();
  await join(0, 1);
  await join(1, 2);
  await join(2, 0);
  return { stack, bridges, links, a, c };
}

async function states({ bridges, links }: Ring): Promise<Record<string, StpState>> {
  const found: Record<string, StpState> = {};
  for (const [name, link] of links) {
    found[name] = (await bridges[Number(name[0]) - 1]!.port(link).info()).state;
  }
  return found;
}

/** Sends an echo request from a to c; resolves with the number of replies. */
async function ping({ stack, a }: Ring): Promise<number> {
  let replies = 0;
  const close = await a.rawSocket(2, 1, () => replies++);
  const ip = new Uint8Array(28);
  ip.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 3, 8, 0, 0xf7, 0xfe, 0, 1, 0, 0]);
  await a.send(2, ip);
  stack.run(50);
  await close();
  return replies;
}

test('three bridges in a ring agree on the root, block one port, and a cut link heals', async () => {
  const lab = await ring(true);
  const { stack, bridges, links } = lab;
  stack.run(40_000);
  const [one, two, three] = await Promise.all(bridges.map((bridge) => bridge.info()));
  expect([two!.rootId, three!.rootId]).toEqual([one!.bridgeId, one!.bridgeId]);
  expect([one!.rootPort, one!.rootPathCost, two!.rootPathCost, three!.rootPathCost]).toEqual([0, 0, 2, 2]);
  expect(await states(lab)).toEqual({
    12: 'forwarding',
    21: 'forwarding',
    23: 'forwarding',
    32: 'blocking',
    31: 'forwarding',
    13: 'forwarding',
  });
  expect(await ping(lab)).toBe(1);
  // The way between the first and the third is cut: what was blocked takes over.
  await links.get('13')!.down();
  stack.run(2_000);
  expect(await ping(lab)).toBe(0);
  stack.run(50_000);
  expect((await states(lab))['32']).toBe('forwarding');
  expect(await ping(lab)).toBe(1);
  expect(three!.rootId === one!.bridgeId).toBe(true);
  // And gives way again.
  await links.get('13')!.up();
  stack.run(60_000);
  expect((await states(lab))['32']).toBe('blocking');
  expect(await ping(lab)).toBe(1);
  await stack.close();
});

test('a broadcast in a ring with a spanning tree arrives once, and the pools are full again', async () => {
  const lab = await ring(true);
  lab.stack.run(40_000);
  const free = freeOf(lab.stack);
  const before = await lab.bridges[2]!.link.stats();
  expect(await ping(lab)).toBe(1);
  const after = await lab.bridges[2]!.link.stats();
  // One ARP request is all that everybody sees.
  expect(after.rxPackets - before.rxPackets).toBeLessThanOrEqual(2);
  expect(freeOf(lab.stack).skbs).toBe(free.skbs);
  await lab.stack.close();
});

test('the root that goes is replaced, and the bridge with the lowest priority becomes it', async () => {
  const lab = await ring(true);
  const { stack, bridges } = lab;
  stack.run(40_000);
  await bridges[0]!.link.down();
  stack.run(60_000);
  const [two, three] = await Promise.all(bridges.slice(1).map((bridge) => bridge.info()));
  expect(three!.rootId).toBe(two!.bridgeId);
  await bridges[2]!.set({ priority: 0 });
  stack.run(60_000);
  expect((await bridges[1]!.info()).rootId).toBe((await bridges[2]!.info()).bridgeId);
  await stack.close();
});

test('a new port listens, learns, and forwards after twice the forward delay; without a spanning tree at once', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('br');
  const bridge = await ns.addBridge({ name: 'br0', stp: true, forwardDelay: 4 });
  await bridge.link.up();
  const [link] = await stack.veth([ns, 'v0'], [ns, 'v1']);
  const port = await bridge.addPort(link);
  const seen: string[] = [(await port.info()).state];
  for (let i = 0; i < 2; i++) {
    stack.run(4_100);
    seen.push((await port.info()).state);
  }
  expect(seen).toEqual(['listening', 'learning', 'forwarding']);
  await bridge.set({ stp: false });
  await link.down();
  expect((await port.info()).state).toBe('disabled');
  await link.up();
  expect((await port.info()).state).toBe('forwarding');
  await stack.close();
});

test('BPDU guard switches a port off, root guard keeps it from becoming the way to the root', async () => {
  const lab = await ring(true);
  const { stack, bridges, links } = lab;
  stack.run(40_000);
  await bridges[1]!.port(links.get('21')!).set({ rootBlock: true });
  stack.run(60_000);
  // The second bridge may not reach the first that way: it goes round by the third.
  const second = await bridges[1]!.info();
  expect([second.rootPathCost, (await bridges[1]!.port(links.get('21')!).info()).state]).not.toEqual([
    2,
    'forwarding',
  ]);
  await bridges[1]!.port(links.get('21')!).set({ rootBlock: false, guard: true });
  stack.run(5_000);
  expect((await states(lab))['21']).toBe('disabled');
  await stack.close();
});

test('a snapshot of a ring goes on as the ring does', async () => {
  const lab = await ring(true);
  lab.stack.run(20_000);
  const snapshot = lab.stack.snapshot();
  lab.stack.run(30_000);
  const restored = await createStack({ clock: 'virtual', snapshot });
  restored.run(30_000);
  expect(Buffer.compare(Buffer.from(restored.snapshot()), Buffer.from(lab.stack.snapshot()))).toBe(0);
  await lab.stack.close();
  await restored.close();
});
