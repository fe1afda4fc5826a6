/**
 * The bridge family's hooks with every verdict, at every point of a frame's way; and the bridge's short way
 * (bridge/br_forward_fast) against the whole one, which a hook forces.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CoreDelivery } from '../../src/core/core.js';
import { AF_INET } from '../../src/net/ip.js';
import type { HookSpec } from '../../src/net/namespace.js';
import { echo, ip4 } from '../oracle/packet.js';
import { addPrivVerdict } from '../wasm_callback.js';
import { BROADCAST, type BridgeLab, bridgeLab, frame, mac } from './bridge_lab.js';
import { freeOf } from './lab.js';

const NFPROTO_BRIDGE = 2;
const [PRE_ROUTING, LOCAL_IN, FORWARD, LOCAL_OUT, POST_ROUTING] = [0, 1, 2, 3, 4];
const [DROP, ACCEPT, STOLEN, QUEUE] = [0, 1, 2, 3];
const QUEUED = 2;
const OP = 600;

/** The verdict that a hook at this point gives to every frame of the bridge. */
async function verdictAt(
  { stack, ns }: BridgeLab,
  hook: number,
  verdict: number,
): Promise<() => Promise<void>> {
  const { exports } = stack.core.instance;
  exports.setOp(OP, addPrivVerdict(exports.table));
  const spec: HookSpec = { family: NFPROTO_BRIDGE, hook, op: OP, priority: 0, id: 1, priv: verdict };
  await ns.addHook(spec);
  return () => ns.deleteHook(spec);
}

function queue({ stack }: BridgeLab): CoreDelivery[] {
  const held: CoreDelivery[] = [];
  stack.core.onDelivery((delivery) => {
    if (delivery.kind !== QUEUED) return false;
    held.push(delivery);
    return true;
  });
  return held;
}

/** Stations 1 to 3 behind ports 0 to 2 are known. */
async function talking(ports = 3): Promise<BridgeLab> {
  const lab = await bridgeLab(ports);
  for (let i = 0; i < ports; i++) lab.send(i, frame(mac(99), mac(i + 1)));
  return lab;
}

describe.each([
  ['PRE_ROUTING', PRE_ROUTING!],
  ['FORWARD', FORWARD!],
  ['POST_ROUTING', POST_ROUTING!],
])('a hook of the bridge family at %s', (_name, hook) => {
  const sent = frame(mac(2), mac(1), 7);

  test('drops', async () => {
    const lab = await talking();
    const before = freeOf(lab.stack);
    const remove = await verdictAt(lab, hook, DROP!);
    expect(lab.send(0, sent)).toEqual([0, 0, 0]);
    // It is counted at the device that the frame was with.
    const drops = await Promise.all(
      lab.links.map(async (link) => (await link.stats()).drops.NETFILTER_DROP ?? 0),
    );
    expect(drops).toEqual(hook === PRE_ROUTING ? [1, 0, 0] : [0, 1, 0]);
    expect(freeOf(lab.stack)).toEqual(before);
    await remove();
    expect(lab.send(0, sent)).toEqual([0, 1, 0]);
    await lab.stack.close();
  });

  test('steals: the frame goes no further and is not freed', async () => {
    const lab = await talking();
    const before = freeOf(lab.stack).skbs;
    await verdictAt(lab, hook, STOLEN!);
    expect(lab.send(0, sent)).toEqual([0, 0, 0]);
    expect(freeOf(lab.stack).skbs).toBe(before - 1);
    await lab.stack.close();
  });

  test('queues: ACCEPT sends the same frame on, DROP ends it', async () => {
    const lab = await talking();
    const before = freeOf(lab.stack);
    const held = queue(lab);
    await verdictAt(lab, hook, QUEUE! | (5 << 16));
    expect(lab.send(0, sent)).toEqual([0, 0, 0]);
    expect(held.map(({ socket, net }) => [socket, net])).toEqual([[5, lab.ns.handle]]);
    lab.stack.core.verdict(held[0]!.handle, ACCEPT!);
    lab.stack.run(1);
    expect(lab.drivers.map((driver) => driver.sent)).toEqual([[], [sent], []]);
    lab.send(0, sent);
    lab.stack.core.verdict(held[1]!.handle, DROP!);
    lab.stack.run(1);
    expect(lab.drivers.map((driver) => driver.sent)).toEqual([[], [], []]);
    expect(freeOf(lab.stack)).toEqual(before);
    await lab.stack.close();
  });

  test('queues copies of a flooded frame apart, or the frame before it is copied', async () => {
    const lab = await talking();
    const held = queue(lab);
    await verdictAt(lab, hook, QUEUE!);
    lab.send(0, frame(BROADCAST, mac(1), 7));
    expect(held).toHaveLength(hook === PRE_ROUTING ? 1 : 2);
    for (const { handle } of held) lab.stack.core.verdict(handle, ACCEPT!);
    lab.stack.run(1);
    expect(lab.drivers.map((driver) => driver.sent.length)).toEqual([0, 1, 1]);
    await lab.stack.close();
  });
});

test('LOCAL_IN and LOCAL_OUT see what goes to and comes from the bridge device', async () => {
  const lab = await bridgeLab(2);
  await lab.bridge.link.addAddress('10.0.0.1/24');
  await lab.ns.addNeighbour(lab.bridge.link, { address: '10.0.0.2', mac: mac(1) });
  lab.send(0, frame(mac(99), mac(1)));
  const { rxPackets } = await lab.bridge.link.stats();
  const own = (await lab.bridge.link.info()).mac;
  const held = queue(lab);
  const remove = await verdictAt(lab, LOCAL_IN!, QUEUE!);
  lab.send(0, frame(own, mac(1)));
  expect(held).toHaveLength(1);
  // Linux counts it before the hook: br_pass_frame_up.
  expect((await lab.bridge.link.stats()).rxPackets).toBe(rxPackets + 1);
  lab.stack.core.verdict(held[0]!.handle, ACCEPT!);
  lab.stack.run(1);
  expect((await lab.bridge.link.stats()).drops.UNHANDLED_PROTO).toBe(1);
  await remove();
  await verdictAt(lab, LOCAL_OUT!, DROP!);
  for (const driver of lab.drivers) driver.sent.length = 0;
  await lab.ns.send(AF_INET, ip4({ src: '10.0.0.1', dst: '10.0.0.2' }, echo()));
  lab.stack.run(10);
  expect(lab.drivers.map(({ sent }) => sent.length)).toEqual([0, 0]);
  await lab.stack.close();
});

test('a port that goes while its frames are queued does no harm', async () => {
  const lab = await talking();
  const held = queue(lab);
  await verdictAt(lab, FORWARD!, QUEUE!);
  for (let i = 0; i < 3; i++) lab.send(0, frame(mac(2), mac(1), i));
  await lab.links[1]!.set({ master: null });
  lab.stack.core.verdict(held[0]!.handle, ACCEPT!);
  await lab.stack.removePort(lab.links[1]!);
  for (const { handle } of held.slice(1)) lab.stack.core.verdict(handle, ACCEPT!);
  lab.stack.run(10);
  await lab.stack.close();
});

test('the short way is the whole way: same frames, same counters, same entries', async () => {
  const stations = fc.integer({ min: 1, max: 6 });
  const one = fc.record({
    port: fc.integer({ min: 0, max: 3 }),
    to: fc.oneof(
      stations.map(mac),
      fc.constant(BROADCAST),
      fc.constant('01:00:5e:01:02:03'),
      fc.constant('02:00:00:00:00:01'),
    ),
    from: stations.map(mac),
    long: fc.integer({ min: 0, max: 60 }),
  });
  const labs = [await bridgeLab(4, { ageingTime: 1 }), await bridgeLab(4, { ageingTime: 1 })];
  await verdictAt(labs[1]!, FORWARD!, ACCEPT!);
  for (const { bridge, links } of labs) await bridge.port(links[3]!).set({ isolated: true });
  for (const { bridge, links } of labs) await bridge.port(links[2]!).set({ isolated: true });
  let mark = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 24 }), async (list) => {
      const seen = [];
      for (const lab of labs) {
        for (const driver of lab.drivers) driver.sent.length = 0;
        let n = mark;
        for (const { port, to, from, long } of list) {
          const made = frame(to, from, ++n & 255);
          lab.drivers[port]!.input.push(
            long === 0 ? new Uint8Array([...made, ...new Uint8Array(1500)]) : made,
          );
        }
        lab.stack.run(40);
        const stats = await Promise.all(
          lab.links.map(async (link) => {
            const { rxPackets, txPackets, txBytes, txDropped, drops } = await link.stats();
            return { rxPackets, txPackets, txBytes, txDropped, drops };
          }),
        );
        const fdb = (await lab.bridge.fdb()).map((entry) => ({
          ...entry,
          used: Math.round(entry.used * 50),
        }));
        seen.push({
          sent: lab.drivers.map(({ sent }) => sent.map((s) => Buffer.from(s).toString('hex'))),
          stats,
          fdb: fdb.toSorted((a, b) => (a.mac + a.vlan < b.mac + b.vlan ? -1 : 1)),
        });
      }
      mark += list.length;
      expect(seen[0]).toEqual(seen[1]);
    }),
    { numRuns: 60 },
  );
  for (const lab of labs) await lab.stack.close();
});
