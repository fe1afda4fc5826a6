import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

describe('page allocator', () => {
  let m: AsModule;
  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/page_alloc'], { pages: 64 });
  });
  const { min, max } = Math;

  it('gives blocks that do not overlap, aligned to their size in the arena, and joins them again', () => {
    const command = fc.record({ order: fc.nat(7), free: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(
        fc.integer({ min: 0x20000, max: 0x300000 }),
        fc.array(command, { maxLength: 200 }),
        (bytes, run) => {
          const { testInit, testPages, testPagesFree, pageAlloc, pageFree, pageAddress, pageOf } = m.exports;
          testInit!(bytes);
          const pages = testPages!();
          const used = new Uint8Array(pages);
          const held: { ptr: number; order: number }[] = [];
          let free = pages;
          const release = (at: number) => {
            const [{ ptr, order }] = held.splice(at, 1) as [(typeof held)[0]];
            pageFree!(ptr);
            used.fill(0, pageOf!(ptr), pageOf!(ptr) + (1 << order));
            free += 1 << order;
          };
          for (const c of run) {
            if (c.free && held.length > 0) {
              release(c.which % held.length);
            } else {
              const ptr = pageAlloc!(c.order);
              if (ptr === 0) {
                // Only when no aligned run of free pages is there.
                for (let p = 0; p + (1 << c.order) <= pages; p += 1 << c.order) {
                  expect(used.subarray(p, p + (1 << c.order)).some((u) => u === 1)).toBe(true);
                }
                continue;
              }
              const page = pageOf!(ptr);
              expect(ptr % 4096).toBe(0);
              expect(pageAddress!(page)).toBe(ptr);
              expect(page % (1 << c.order)).toBe(0);
              expect(page + (1 << c.order)).toBeLessThanOrEqual(pages);
              expect(ptr + (4096 << c.order)).toBeLessThanOrEqual(bytes);
              expect(used.subarray(page, page + (1 << c.order)).every((u) => u === 0)).toBe(true);
              used.fill(1, page, page + (1 << c.order));
              free -= 1 << c.order;
              held.push({ ptr, order: c.order });
            }
            expect(testPagesFree!()).toBe(free);
          }
          while (held.length > 0) release(held.length - 1);
          expect(testPagesFree!()).toBe(pages);
          // All joined: the largest aligned block is there again.
          const order = min(16, 31 - Math.clz32(max(1, pages)));
          expect(pageAlloc!(order)).not.toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('answers 0 to an order that it does not have, and refuses to free a block twice', () => {
    m.exports.testInit!(0x100000);
    expect(m.exports.pageAlloc!(17)).toBe(0);
    expect(m.exports.pageAlloc!(16)).toBe(0);
    const ptr = m.exports.pageAlloc!(0);
    m.exports.pageFree!(ptr);
    expect(() => m.exports.pageFree!(ptr)).toThrow(/abort/);
  });
});
