import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const MEM = 8 << 20;

describe('skb test set-up', () => {
  let m: AsModule;
  let u8: Uint8Array;
  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'skb/testing'], { pages: 192 });
    u8 = new Uint8Array(m.memory.buffer);
    m.exports.testInit!(MEM);
    m.exports.testSkbInit!(64, 100, 3);
  });

  it('gives an skb of bytes, linear or in fragments, and takes it back', () => {
    const { testSkb, testSkbFrags, testSkbRead, testSkbSane, testSkbFree, testSkbClone, testSkbLeaks } =
      m.exports;
    for (let i = 0; i < 70000; i++) u8[MEM + i] = i * 7;
    const want = u8.slice(MEM, MEM + 5000);
    const makers = [
      () => testSkb!(MEM, 5000),
      () => testSkbFrags!(MEM, 5000, 100, 1000),
      () => testSkbFrags!(MEM, 5000, 0, 4900),
    ];
    for (const make of makers) {
      const skb = make();
      const clone = testSkbClone!(skb);
      expect(testSkbSane!(skb)).toBe(1);
      expect(testSkbRead!(skb, MEM + 100000)).toBe(5000);
      expect(u8.slice(MEM + 100000, MEM + 105000)).toEqual(want);
      expect(testSkbLeaks!()).toBeGreaterThan(0);
      testSkbFree!(skb);
      expect(testSkbRead!(clone, MEM + 200000)).toBe(5000);
      testSkbFree!(clone);
      expect(testSkbLeaks!()).toBe(0);
    }
  });
});
