import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { PKTGEN_BUCKETS } from '../abi/pktgen.js';

const HISTOGRAM = 0x20000;

describe('the latency histogram', () => {
  let m: AsModule;
  const bucket = (ns: bigint) => (m.exports.histogramBucket as unknown as (ns: bigint) => number)(ns);
  const low = (b: number) =>
    BigInt.asUintN(64, (m.exports.histogramLow as unknown as (b: number) => bigint)(b));
  const record = (ns: bigint) =>
    (m.exports.histogramRecord as unknown as (h: number, ns: bigint) => number)(HISTOGRAM, ns) !== 0;
  const percentile = (count: number, perMille: number) =>
    Number(
      (m.exports.histogramPercentile as unknown as (h: number, n: bigint, p: number) => bigint)(
        HISTOGRAM,
        BigInt(count),
        perMille,
      ),
    );
  const clear = () => new Uint8Array(m.memory.buffer).fill(0, HISTOGRAM, HISTOGRAM + PKTGEN_BUCKETS * 8);

  beforeAll(async () => {
    m = await loadAs(['pktgen/histogram']);
  });

  it('puts every value into the bucket whose bounds it lies between, exact to 1/64', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 36n) - 1n }), (ns) => {
        const b = bucket(ns);
        expect(b).toBeLessThan(PKTGEN_BUCKETS);
        expect(low(b)).toBeLessThanOrEqual(ns);
        if (b + 1 < PKTGEN_BUCKETS) expect(low(b + 1)).toBeGreaterThan(ns);
        expect((ns - low(b)) * 64n).toBeLessThanOrEqual(ns);
      }),
    );
    expect(bucket(127n)).toBe(127);
    expect(bucket(128n)).toBe(128);
    expect(bucket((1n << 36n) - 1n)).toBe(PKTGEN_BUCKETS - 1);
  });

  it('refuses what is too long to be a latency', () => {
    clear();
    expect(record(1n << 36n)).toBe(false);
    expect(record(0xffffffffffffffffn)).toBe(false);
    expect(record((1n << 36n) - 1n)).toBe(true);
  });

  it('gives nearest-rank percentiles', () => {
    clear();
    for (let ns = 1n; ns <= 100n; ns++) record(ns);
    expect([500, 900, 990, 999, 1000].map((p) => percentile(100, p))).toEqual([50, 90, 99, 100, 100]);
    expect(percentile(0, 500)).toBe(0);
  });
});
