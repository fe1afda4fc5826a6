/**
 * Two cores joined by a bad wire: seeded loss, reordering, duplication and delay in front of a port, a UDP-like flow
 * through it. The same seed and the same clock give the same packets.
 *
 *   core A: a ── r ─ port ─ fault injector ═ wire ═ port ─ core B: b
 */
import { describe, expect, test } from 'vitest';
import { FaultInjector } from '../../src/drivers/fault_injector.js';
import type { Faults } from '../../src/drivers/fault_lane.js';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import { createStack, type Stack } from '../../src/stack.js';
import { be32, ip4, ip6, pattern, raw, cat } from '../oracle/packet.js';
import { address, freeOf } from './lab.js';
import { WireEnd } from './wire_end.js';

const FLOW = 500;
const FAMILIES = [
  { name: 'IPv4', family: AF_INET, a: '10.1.0.2', b: '10.2.0.2' },
  { name: 'IPv6', family: AF_INET6, a: 'fd01::2', b: 'fd02::2' },
] as const;

interface Outcome {
  /** Sequence numbers in the order of arrival. */
  arrived: number[];
  counters: FaultInjector['counters'];
}

/** Sends FLOW numbered packets of 100 bytes, one per millisecond, from a to b and tells what came. */
async function flow(
  side: (typeof FAMILIES)[number],
  seed: number,
  faults: Faults,
  size = 100,
): Promise<Outcome> {
  const options = {
    clock: 'virtual',
    seed,
    sizes: { memoryBytes: 48 << 20, skbs: 2048, smallSlots: 2048, largeSlots: 8 },
  } as const;
  const [one, two] = [await createStack(options), await createStack(options)];
  const both: Stack[] = [one, two];
  const [endA, endB] = WireEnd.pair();
  const injector = new FaultInjector(endA, {
    seed,
    tx: faults,
    clock: { now: () => one.clock.now() / 1e6, after: () => () => {} },
  });
  const [a, r] = [await one.namespace('a'), await one.namespace('r')];
  const [a0, r0] = await one.veth([a, 'eth0'], [r, 'lan0']);
  const r1 = await one.port(r, injector, { name: 'wan0', mac: '02:00:00:00:aa:01' });
  const b = await two.namespace('b');
  const b0 = await two.port(b, endB, { name: 'eth0', mac: '02:00:00:00:bb:01' });
  await address(a0, '10.1.0.2/24', 'fd01::2/64');
  await address(r0, '10.1.0.1/24', 'fd01::1/64');
  await address(r1, '10.2.0.1/24', 'fd02::1/64');
  await address(b0, '10.2.0.2/24', 'fd02::2/64');
  await a.addRoute({ to: 'default', via: '10.1.0.1' });
  await a.addRoute({ to: 'default', via: 'fd01::1' });
  await r.setSysctl('net.ipv4.ip_forward', 1);
  await r.setSysctl('net.ipv6.conf.all.forwarding', 1);
  // Known from the start: what is lost is the flow's, not a question of the neighbour's.
  for (const ip of ['10.2.0.2', 'fd02::2'])
    await r.addNeighbour(r1, { address: ip, mac: '02:00:00:00:bb:01' });
  const arrived: number[] = [];
  await b.rawSocket(side.family, 200, (packet) => {
    const payload = packet.subarray(side.family === AF_INET ? 20 : 40);
    expect(payload.subarray(4)).toEqual(pattern(size, payload[3]));
    arrived.push(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
  });
  const pass = (ms: number) => {
    for (let t = 0; t < ms; t++) for (const stack of both) stack.run(1);
  };
  pass(3000);
  const before = freeOf(two);
  for (let n = 0; n < FLOW; n++) {
    const part = raw(200, cat(be32(n), pattern(size, n & 255)));
    await a.send(
      side.family,
      side.family === AF_INET
        ? ip4({ src: side.a, dst: side.b, id: 0 }, part)
        : ip6({ src: side.a, dst: side.b }, part),
    );
    pass(1);
  }
  pass(500);
  const { counters } = injector;
  for (const stack of both) stack.run(120_000);
  expect(freeOf(two)).toMatchObject({ skbs: before.skbs, small: before.small });
  for (const stack of both) await stack.close();
  return { arrived, counters };
}

const ascending = (numbers: readonly number[]) => [...numbers].sort((x, y) => x - y);

describe.each(FAMILIES)('$name over a bad wire', (side) => {
  test('a wire without faults brings everything in order', async () => {
    const { arrived } = await flow(side, 1, {});
    expect(arrived).toEqual(Array.from({ length: FLOW }, (_, n) => n));
  });

  test('loss takes its share, duplication adds its own, reordering changes the order; content is never changed', async () => {
    const { arrived } = await flow(side, 7, { loss: 0.1, duplication: 0.05, reordering: 0.1, delayMs: 5 });
    const different = new Set(arrived);
    expect(different.size).toBeGreaterThan(FLOW * 0.82);
    expect(different.size).toBeLessThan(FLOW * 0.97);
    expect(arrived.length).toBeGreaterThan(different.size);
    expect(arrived).not.toEqual(ascending(arrived));
  });

  test('two runs with one seed do the same; another seed does not', async () => {
    const faults = { loss: 0.1, duplication: 0.05, reordering: 0.1, delayMs: 3 };
    const [one, again, other] = [
      await flow(side, 11, faults),
      await flow(side, 11, faults),
      await flow(side, 12, faults),
    ];
    expect(again).toEqual(one);
    expect(other.arrived).not.toEqual(one.arrived);
  });

  test('datagrams that travel in pieces come whole or not at all', async () => {
    if (side.family !== AF_INET) return;
    const { arrived } = await flow(
      side,
      5,
      { loss: 0.05, duplication: 0.05, reordering: 0.1, delayMs: 4 },
      3000,
    );
    const different = new Set(arrived);
    // Three pieces each: (1 - 0.05)^3 of them arrive.
    expect(different.size).toBeGreaterThan(FLOW * 0.75);
    expect(different.size).toBeLessThan(FLOW * 0.97);
  });
});
