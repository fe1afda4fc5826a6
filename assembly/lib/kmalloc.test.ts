import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

describe('kmalloc', () => {
  let m: AsModule;
  let u8: Uint8Array;
  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/kmalloc'], { pages: 64 });
    u8 = new Uint8Array(m.memory.buffer);
  });

  it('gives objects that keep their bytes, 16-byte aligned, and leaves nothing behind', () => {
    const size = fc.oneof(fc.nat(64), fc.nat(2100), fc.nat(40_000));
    const command = fc.record({ size, free: fc.boolean(), which: fc.nat(), zero: fc.boolean() });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 400 }), fc.boolean(), (run, small) => {
        const { testInit, testPages, testPagesFree, kmalloc, kzalloc, kfree } = m.exports;
        testInit!(small ? 0x30000 : 0x200000);
        const held: { ptr: number; size: number; tag: number }[] = [];
        const release = (at: number) => {
          const [{ ptr, size, tag }] = held.splice(at, 1) as [(typeof held)[0]];
          // Overlap would have overwritten the tag.
          expect(u8.subarray(ptr, ptr + size).every((b) => b === tag)).toBe(true);
          kfree!(ptr);
        };
        let tag = 0;
        for (const c of run) {
          if (c.free && held.length > 0) {
            release(c.which % held.length);
            continue;
          }
          const ptr = c.zero ? kzalloc!(c.size) : kmalloc!(c.size);
          if (ptr === 0) continue;
          expect(ptr % 16).toBe(0);
          if (c.zero) expect(u8.subarray(ptr, ptr + c.size).every((b) => b === 0)).toBe(true);
          tag = (tag % 255) + 1;
          u8.fill(tag, ptr, ptr + c.size);
          held.push({ ptr, size: c.size, tag });
        }
        while (held.length > 0) release(0);
        expect(testPagesFree!()).toBe(testPages!());
      }),
      { numRuns: 200 },
    );
  });

  it('puts as many objects into a page as fit, in every class', () => {
    for (const size of [16, 32, 64, 96, 128, 192, 256, 384, 512, 1024, 2048]) {
      m.exports.testInit!(0x100000);
      const before = m.exports.testPagesFree!();
      const objects = new Set<number>();
      for (let i = 0; i < Math.floor(4096 / size); i++) objects.add(m.exports.kmalloc!(size));
      expect(objects.size).toBe(Math.floor(4096 / size));
      expect(before - m.exports.testPagesFree!()).toBe(1);
      const next = m.exports.kmalloc!(size);
      expect(before - m.exports.testPagesFree!()).toBe(2);
      for (const ptr of [...objects, next]) m.exports.kfree!(ptr);
      expect(m.exports.testPagesFree!()).toBe(before);
    }
  });

  it('answers 0 when there is no room, to absurd sizes, too', () => {
    m.exports.testInit!(0x100000);
    for (const size of [0xffffffff, 0xfffff001, 0x80000000, 0x100000])
      expect(m.exports.kmalloc!(size)).toBe(0);
    expect(m.exports.kzalloc!(0xffffffff)).toBe(0);
    m.exports.kfree!(0);
    expect(m.exports.testPagesFree!()).toBe(m.exports.testPages!());
  });
});
