import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const META = 0x10000;

describe('pool', () => {
  let m: AsModule;
  beforeAll(async () => {
    m = await loadAs(['lib/pool'], { pages: 8 });
  });

  it('gives each record once until it comes back, and 0 when all are out', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.option(fc.nat()), { maxLength: 150 }),
        (count, run) => {
          const { poolMetaBytes, poolInit, poolAlloc, poolFree } = m.exports;
          const size = 48;
          const records = META + poolMetaBytes!(count);
          expect(records % 64).toBe(0);
          expect(poolMetaBytes!(count)).toBeGreaterThanOrEqual(4 * count + 32);
          poolInit!(META, records, count, size);
          const held: number[] = [];
          for (const which of run) {
            if (which !== null && held.length > 0) {
              const [record] = held.splice(which % held.length, 1);
              poolFree!(META, record!);
              // The last freed is warm: it is given next.
              expect(poolAlloc!(META)).toBe(record);
              poolFree!(META, record!);
              continue;
            }
            const record = poolAlloc!(META);
            if (held.length === count) {
              expect(record).toBe(0);
              continue;
            }
            expect((record - records) % size).toBe(0);
            expect(record).toBeGreaterThanOrEqual(records);
            expect(record).toBeLessThan(records + count * size);
            expect(held).not.toContain(record);
            held.push(record);
          }
          for (const record of held) poolFree!(META, record);
          expect(new Uint32Array(m.memory.buffer)[META / 4]).toBe(count);
          expect(() => poolFree!(META, records)).toThrow(/abort/);
        },
      ),
    );
  });

  it('gives the records in the order of their addresses at first', () => {
    m.exports.poolInit!(META, META + 0x1000, 4, 256);
    const given = [0, 1, 2, 3].map(() => m.exports.poolAlloc!(META));
    expect(given).toEqual([0, 1, 2, 3].map((i) => META + 0x1000 + i * 256));
  });
});
