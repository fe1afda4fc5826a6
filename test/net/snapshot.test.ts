/**
 * A snapshot of a running core, restored: the same further frames at the same times give the same frames out, byte for
 * byte, the same counters and, in the end, the same memory. Across builds, too: what differs between SIMD and scalar is
 * no state.
 */
import { describe, expect, test } from 'vitest';
import { Delivery, Event } from '../../assembly/abi/event.js';
import {
  HostRing,
  ROOT_BASE,
  ROOT_OPS_BYTES,
  ROOT_SCRATCH_BYTES,
  ROOT_STATE_BYTES,
  Status,
} from '../../assembly/abi/layout.js';
import { createStack } from '../../src/stack.js';
import type { Frame } from '../canary_driver.js';
import { burst, PORTS } from '../fuzz/core_frames.js';
import { CoreLab } from '../fuzz/core_lab.js';
import { be16, cat, ETH_P_IP, ip4, mac, pattern, raw } from '../oracle/packet.js';
import { Random } from '../random.js';

const CANARY = 0x5a;
const SEED = Number(process.env.FUZZ_SEED ?? 4242);

/** Some traffic: bursts into ports, time between them; what came out after each. */
function traffic(labs: readonly CoreLab[], random: Random, bursts: number): void {
  for (let i = 0; i < bursts; i++) {
    const port = random.below(PORTS.length);
    const frames = burst(SEED, random, port, 1 + random.below(40));
    const ms = random.pick([0, 0, 1, 10, 300, 2000]);
    for (const lab of labs) lab.feed(port, frames, ms);
    const [first, ...others] = labs.map((lab) => lab.drain());
    for (const other of others) expectSame(other, first!, `burst ${i}`);
  }
}

function expectSame(got: readonly Uint8Array[], wanted: readonly Uint8Array[], what: string): void {
  expect(got.length, what).toBe(wanted.length);
  const differs = wanted.findIndex((frame, n) => Buffer.compare(frame, got[n]!) !== 0);
  if (differs >= 0)
    expect(Buffer.from(got[differs]!).toString('hex'), what).toBe(
      Buffer.from(wanted[differs]!).toString('hex'),
    );
}

/** All state of a core but what the host's own questions leave: request area, event ring, delivery ring. */
function stateOf(lab: CoreLab): Uint8Array {
  const { instance } = lab.stack.core;
  const base = ROOT_BASE + ROOT_STATE_BYTES + ROOT_OPS_BYTES + ROOT_SCRATCH_BYTES;
  const bytes = instance.u8.slice(base, instance.status(Status.MEMORY_END));
  const ring = (at: number, record: number) => {
    const size = HostRing.ENTRIES + (instance.view.getUint32(at + HostRing.MASK, true) + 1) * record;
    bytes.fill(0, at - base, at - base + size);
  };
  ring(instance.status(Status.EVENT_RING), Event.SIZE);
  ring(instance.status(Status.DELIVERY_RING), Delivery.SIZE);
  const area = instance.status(Status.REQUEST_AREA) - base;
  return bytes.fill(0, area, area + instance.status(Status.REQUEST_BYTES));
}

function expectSameState(a: CoreLab, b: CoreLab): void {
  const [one, other] = [stateOf(a), stateOf(b)];
  if (Buffer.compare(one, other) === 0) return;
  const at = one.findIndex((byte, i) => byte !== other[i]);
  expect.fail(`memory differs from ${at.toString(16)} behind Root on`);
}

const ether = (packet: Uint8Array): Frame => ({
  bytes: cat(mac(PORTS[0].mac), mac(PORTS[0].peer), be16(ETH_P_IP), packet),
});

/** Packets that wait for a neighbour, pieces of a datagram, timers of both. */
function unfinished(lab: CoreLab): void {
  const waits = [201, 202, 203].map((host) =>
    ip4({ src: '192.0.2.2', dst: `198.51.100.${host}` }, raw(17, pattern(64))),
  );
  const pieces = [0, 1].map((n) =>
    ip4({ src: '192.0.2.2', dst: '192.0.2.1', id: 900 + n, mf: true }, raw(17, pattern(256))),
  );
  lab.feed(0, [...waits, ...pieces].map(ether), 100);
}

describe.each([
  ['simd', 'simd'],
  ['simd', 'scalar'],
  ['scalar', 'simd'],
  ['scalar', 'scalar'],
])('a snapshot of the %s build restored in the %s build', (from, to) => {
  test('goes on as the original does', async () => {
    const random = new Random(SEED);
    const original = await CoreLab.create({ seed: SEED, canary: CANARY, scalar: from === 'scalar' });
    traffic([original], random, 40);
    unfinished(original);
    original.drain();
    const held = original.atStart.skbs - original.free().skbs;
    expect(held).toBeGreaterThan(4);

    const snapshot = original.stack.snapshot();
    const restored = await CoreLab.restore(snapshot, original, { canary: CANARY, scalar: to === 'scalar' });
    expect(restored.stack.clock.now()).toBe(original.stack.clock.now());
    expect(restored.free()).toEqual(original.free());

    // What waits comes to its end in both: neighbours fail, pieces time out.
    for (const lab of [original, restored]) lab.stack.run(3000);
    const out = original.drain();
    expectSame(restored.drain(), out, 'three seconds later');
    expect(out.length).toBeGreaterThan(0);
    traffic([original, restored], random, 60);
    for (const lab of [original, restored]) lab.stack.run(120_000);
    expectSame(restored.drain(), original.drain(), 'two quiet minutes later');
    expect(await restored.counters()).toEqual(await original.counters());
    expectSameState(restored, original);
    for (const lab of [original, restored]) {
      await lab.tearDown();
      await lab.stack.close();
    }
    expect(restored.free()).toEqual(original.pristine);
  });
});

test('the simd and the scalar build do the same with a long run of traffic, down to the last byte of memory', async () => {
  const random = new Random(SEED + 1);
  const simd = await CoreLab.create({ seed: SEED, canary: CANARY, scalar: false });
  // From its first moment, so that both have the same names for sockets.
  const scalar = await CoreLab.restore(simd.stack.snapshot(), simd, { canary: CANARY, scalar: true });
  const labs = [simd, scalar];
  traffic(labs, random, process.env.LONG === 'true' ? 5000 : 300);
  expect(await scalar.counters()).toEqual(await simd.counters());
  expectSameState(simd, scalar);
  for (const lab of labs) await lab.stack.close();
});

describe('a snapshot is refused', () => {
  const SIZES = { memoryBytes: 16 << 20, skbs: 256, smallSlots: 256, largeSlots: 2 };
  const take = async () => {
    const stack = await createStack({ clock: 'virtual', sizes: SIZES });
    const snapshot = stack.snapshot();
    await stack.close();
    return snapshot;
  };
  const restore = (snapshot: Uint8Array, sizes = {}) => createStack({ clock: 'virtual', snapshot, sizes });

  test.each([
    ['memoryBytes', 32 << 20],
    ['skbs', 512],
    ['largeSlots', 0],
  ])('by a core with other %s', async (key, value) => {
    const snapshot = await take();
    await expect(restore(snapshot, { [key]: value })).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining(key) as string,
    });
    await (await restore(snapshot, SIZES)).close();
  });

  test('when it is of another layout', async () => {
    const snapshot = await take();
    snapshot[4]! ^= 0x40;
    await expect(restore(snapshot)).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('layout') as string,
    });
  });

  test('when it is none, cut off, or has a byte changed anywhere', async () => {
    const snapshot = await take();
    const random = new Random(SEED);
    const damaged = [
      new Uint8Array(),
      pattern(100),
      snapshot.subarray(0, 40),
      snapshot.subarray(0, snapshot.length - 1),
    ];
    for (let i = 0; i < 20; i++) {
      const copy = snapshot.slice();
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
      damaged.push(copy);
    }
    for (const bytes of damaged) await expect(restore(bytes)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});
