import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const M = (1n << 64n) - 1n;

/** xorshift128+ with shifts 23, 18, 5 from a splitmix64 seed, in BigInt. */
function* reference(seed: bigint): Generator<bigint> {
  const mix = (z: bigint) => {
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & M;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & M;
    return z ^ (z >> 31n);
  };
  let s0 = mix((seed + 0x9e3779b97f4a7c15n) & M);
  let s1 = mix((seed + 2n * 0x9e3779b97f4a7c15n) & M);
  for (;;) {
    yield (s0 + s1) & M;
    let a = s0;
    s0 = s1;
    a = (a ^ (a << 23n)) & M;
    s1 = a ^ s1 ^ (a >> 18n) ^ (s1 >> 5n);
  }
}

describe('random', () => {
  let m: AsModule;
  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/random'], { pages: 16 });
    m.exports.testInit!(0x100000);
  });

  it('gives the stream of xorshift128+ that the seed starts', () => {
    const next = m.exports.randomU64 as unknown as () => bigint;
    m.exports.randomSeed!(0x89abcdef, 0x01234567);
    const expected = reference(0x0123456789abcdefn);
    for (let i = 0; i < 100; i++) expect(BigInt.asUintN(64, next())).toBe(expected.next().value);
  });

  it('gives the known first number of splitmix64 for seed 0', () => {
    // From the reference implementation's stream for seed 0: e220a8397b1dcdaf, 6e789e6aa1b965f4.
    expect(reference(0n).next().value).toBe((0xe220a8397b1dcdafn + 0x6e789e6aa1b965f4n) & M);
  });

  it('is uniform below n', () => {
    m.exports.randomSeed!(1, 0);
    for (const n of [1, 2, 3, 7, 100]) {
      const seen = new Array<number>(n).fill(0);
      const draws = 200 * n;
      for (let i = 0; i < draws; i++) seen[m.exports.randomBelow!(n)]!++;
      const chi2 = seen.reduce((sum, c) => sum + (c - 200) ** 2 / 200, 0);
      expect(chi2).toBeLessThan(n + 6 * Math.sqrt(2 * n) + 10);
    }
    // Where rejecting matters most: n just above half of the range.
    let upper = 0;
    for (let i = 0; i < 4000; i++) if (m.exports.randomBelow!(0xc0000000) >>> 0 >= 0x60000000) upper++;
    expect(Math.abs(upper - 2000)).toBeLessThan(200);
  });
});
