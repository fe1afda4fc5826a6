import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadAs } from '../../test/as.js';

const { seqBefore, seqAfter, seqBetween } = (await loadAs(['lib/seq'], { pages: 2 })).exports;

describe('seq', () => {
  it('orders numbers less than 2^31 apart, over the wrap, too', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 0x7fffffff }), (a, d) => {
        expect([seqBefore!(a, a + d), seqBefore!(a + d, a), seqBefore!(a, a)]).toEqual([1, 0, 0]);
        expect([seqAfter!(a + d, a), seqAfter!(a, a + d), seqAfter!(a, a)]).toEqual([1, 0, 0]);
      }),
    );
    expect(seqBefore!(0xfffffff0, 5)).toBe(1);
  });

  it('knows what lies between, the ends included', () => {
    expect(seqBetween!(0xfffffff0, 0xfffffff0, 5)).toBe(1);
    expect(seqBetween!(5, 0xfffffff0, 5)).toBe(1);
    expect(seqBetween!(0, 0xfffffff0, 5)).toBe(1);
    expect(seqBetween!(6, 0xfffffff0, 5)).toBe(0);
    expect(seqBetween!(0xffffffef, 0xfffffff0, 5)).toBe(0);
  });
});
