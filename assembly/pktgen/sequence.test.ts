import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const SEQ = 0x20000;
const WINDOW = 0x30000;
const W = 65536;

describe('sequence numbers', () => {
  let m: AsModule;
  let view: DataView;
  const rcv = (s: number, run = 1) =>
    (m.exports.sequenceRcv as unknown as (p: number, run: number, s: bigint) => void)(SEQ, run, BigInt(s));
  const extend = (run: number, low: number) =>
    Number(
      (m.exports.sequenceExtend as unknown as (p: number, r: number, l: number) => bigint)(SEQ, run, low),
    );
  const u64 = (at: number) => Number(view.getBigUint64(SEQ + at, true));
  const figures = () => ({
    runs: view.getUint32(SEQ + 12, true),
    lost: Number((m.exports.sequenceLost as unknown as (p: number) => bigint)(SEQ)),
    unique: u64(48),
    reordered: u64(56),
    duplicated: u64(64),
    late: u64(72),
    extent: u64(80),
  });

  beforeAll(async () => {
    m = await loadAs(['pktgen/sequence']);
    view = new DataView(m.memory.buffer);
  });
  beforeEach(() => {
    new Uint8Array(m.memory.buffer).fill(0, SEQ, WINDOW + W);
    view.setUint32(SEQ, WINDOW, true);
  });

  it('counts gaps as lost, until what was missing arrives late', () => {
    for (const s of [0, 1, 5, 2]) rcv(s);
    expect(figures()).toMatchObject({ unique: 4, lost: 2, reordered: 1, duplicated: 0, extent: 3 });
  });

  it('counts a copy as duplicated and as nothing else, also of a reordered frame', () => {
    for (const s of [0, 3, 1, 1, 3, 3]) rcv(s);
    expect(figures()).toMatchObject({ unique: 3, lost: 1, reordered: 1, duplicated: 3 });
  });

  it('agrees with a plain account of any order, with copies, within the window', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 400 }), (order) => {
        new Uint8Array(m.memory.buffer).fill(0, SEQ + 4, WINDOW + W);
        const seen = new Set<number>();
        let next = 0;
        let [reordered, duplicated] = [0, 0];
        for (const s of order) {
          rcv(s);
          if (seen.has(s)) duplicated++;
          else if (s < next) reordered++;
          seen.add(s);
          next = Math.max(next, s + 1);
        }
        expect(figures()).toMatchObject({
          unique: seen.size,
          lost: next - seen.size,
          reordered,
          duplicated,
          late: 0,
        });
      }),
    );
  });

  it('takes a number further back than the window for late, never for a copy', () => {
    for (let s = 0; s <= W; s++) rcv(s);
    rcv(1); // the oldest that is in the window
    rcv(0);
    expect(figures()).toMatchObject({ duplicated: 1, late: 1, reordered: 1, lost: 0 });
  });

  it('forgets the old bits where a gap was', () => {
    rcv(7);
    rcv(W + 3);
    rcv(W + 9); // W + 7 shares its bit with 7
    rcv(W + 7);
    expect(figures()).toMatchObject({ unique: 4, duplicated: 0, reordered: 1 });
    rcv(5 * W);
    rcv(5 * W - 1);
    expect(figures()).toMatchObject({ duplicated: 0, reordered: 2 });
  });

  it('begins anew with another run, keeps what was counted, and takes stragglers for late', () => {
    for (const s of [0, 1, 4]) rcv(s, 1);
    for (const s of [0, 1]) rcv(s, 2);
    expect(figures()).toMatchObject({ runs: 2, unique: 5, lost: 2, reordered: 0 });
    rcv(2, 1);
    expect(figures()).toMatchObject({ runs: 2, unique: 6, lost: 1, late: 1 });
    rcv(2, 2);
    expect(figures()).toMatchObject({ runs: 2, unique: 7, lost: 1 });
  });

  it('does not count what was sent before it came', () => {
    rcv(1_000_000);
    rcv(1_000_002);
    expect(figures()).toMatchObject({ unique: 2, lost: 1 });
  });

  it('extends 32 bits to the number nearest to the next', () => {
    rcv(2 ** 33 + 5);
    expect(extend(1, 6)).toBe(2 ** 33 + 6);
    expect(extend(1, 2 ** 32 - 1)).toBe(2 ** 33 - 1);
    expect(extend(1, 2 ** 31)).toBe(2 ** 33 + 2 ** 31);
    expect(extend(2, 7)).toBe(7);
  });
});
