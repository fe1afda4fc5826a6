/**
 * Random routers and random frames (assembly/board_test) give the same in the SIMD build and in the scalar one, of which
 * the boards have the C: every frame sent, every counter, every reason for a drop. The boards' turn is test/board.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { BoardTestKind } from '../../assembly/abi/board_test.js';
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import { BoardTest, firstDifference, readLog } from '../board/board_test.js';

const BLOCKS = process.env.LONG === 'true' ? 1000 : 100;
const SEED = Number(process.env.FUZZ_SEED ?? 1);
/** Blocks that one test runs. */
const PIECE = 100;

let simd: BoardTest;
let scalar: BoardTest;
beforeAll(async () => {
  simd = await BoardTest.create(false);
  scalar = await BoardTest.create(true);
});

describe('100 random frames through a random router', () => {
  const pieces = Array.from({ length: BLOCKS / PIECE }, (_, i) => SEED + i * PIECE);
  it.each(pieces)(
    'are the same in both builds, seeds %i and the 99 behind it',
    { timeout: 120_000 },
    (first) => {
      for (let seed = first; seed < first + PIECE; seed++) {
        const block = simd.block(seed);
        if (scalar.block(seed).hash === block.hash) continue;
        expect.fail(`seed ${seed}: ${firstDifference(simd.log(seed), scalar.log(seed))}`);
      }
    },
  );

  it('reach every part: forwarding, rules, connections, fragments, both ends of GRO, queues, drops of all kinds', () => {
    const total = { framesIn: 0, framesOut: 0, forwarded: 0, connections: 0, deliveries: 0 };
    const reasons = new Set<number>();
    let large = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const block = simd.block(seed);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += block[key];
      for (const { kind, a, data } of readLog(simd.log(seed))) {
        if (kind === BoardTestKind.OUT && (a >> 8 !== 0 || data.length > 2000)) large++;
        if (kind !== BoardTestKind.DROPS) continue;
        for (let i = 0; i < SkbDropReason.MAX; i++) if (data.readBigUInt64LE(8 * i) !== 0n) reasons.add(i);
      }
    }
    expect(total.framesIn).toBeGreaterThan(6000);
    expect(total.framesOut).toBeGreaterThan(3000);
    expect(total.forwarded).toBeGreaterThan(1000);
    expect(total.connections).toBeGreaterThan(100);
    expect(total.deliveries).toBeGreaterThan(10);
    expect(large).toBeGreaterThan(10);
    expect(reasons.size).toBeGreaterThan(35);
  });

  it('come to another hash when one bit of them is another, and to the same one when nothing is', () => {
    expect(simd.block(3).hash).toBe(simd.block(3).hash);
    expect(simd.block(3).hash).not.toBe(simd.block(4).hash);
    const log = simd.log(3);
    expect(log.length).toBe(simd.block(3).logBytes);
    log[log.length - 1]! ^= 1;
    expect(firstDifference(log, simd.log(3))).toMatch(/STATS 1000/);
  });
});

describe.each([
  ['SIMD', () => simd],
  ['scalar', () => scalar],
] as const)('the vectors of a board, in the %s build', (_name, build) => {
  it('all pass', () => {
    const results: { name: string; passed: boolean }[] = [];
    for (let n = 0; ; n++) {
      const result = build().vector(n);
      if (result === undefined) break;
      results.push(result);
    }
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(16);
  });
});
