import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const ARENA_END = 0x100000;
const TABLE = ARENA_END;
const NODES = ARENA_END + 64;

describe('hash table', () => {
  let m: AsModule;
  let u32: Uint32Array;
  const node = (i: number) => NODES + i * 8;

  /** All nodes, by walking the buckets; each must lie in the bucket of its hash. */
  function walk(): number[] {
    const found: number[] = [];
    const mask = u32[TABLE / 4 + 1]!;
    for (let b = 0; b <= mask; b++) {
      for (let at = m.exports.hashBucket!(TABLE, b); at !== 0; at = u32[at / 4]!) {
        expect((u32[at / 4 + 1]! & mask) >>> 0).toBe(b);
        found.push((at - NODES) / 8);
      }
    }
    return found.sort((a, b) => a - b);
  }

  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/hash_table'], { pages: 32 });
    u32 = new Uint32Array(m.memory.buffer);
  });
  beforeEach(() => m.exports.testInit!(ARENA_END));

  it('holds what was inserted and not removed, while it grows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ i: fc.nat(99), hash: fc.nat(0xffffffff), remove: fc.boolean() }), {
          maxLength: 300,
        }),
        (commands) => {
          m.exports.testInit!(ARENA_END);
          expect(m.exports.hashInit!(TABLE, 1, 50)).toBe(1);
          const model = new Map<number, number>();
          for (const { i, hash, remove } of commands) {
            if (model.has(i) || remove) {
              if (model.has(i)) expect(m.exports.hashRemove!(TABLE, node(i))).toBe(1);
              model.delete(i);
            } else {
              const fits = model.size < 50;
              expect(m.exports.hashInsert!(TABLE, node(i), hash)).toBe(fits ? 1 : 0);
              if (fits) model.set(i, hash);
            }
            expect(u32[TABLE / 4 + 2]).toBe(model.size);
          }
          expect(walk()).toEqual([...model.keys()].sort((a, b) => a - b));
          for (const [i, hash] of model) {
            let at = m.exports.hashHead!(TABLE, hash);
            while (at !== 0 && at !== node(i)) at = u32[at / 4]!;
            expect(at).toBe(node(i));
          }
          m.exports.hashDestroy!(TABLE);
          expect(m.exports.testPagesFree!()).toBe(m.exports.testPages!());
        },
      ),
    );
  });

  it('says so when a node is not in it', () => {
    m.exports.hashInit!(TABLE, 2, 10);
    m.exports.hashInsert!(TABLE, node(0), 1);
    u32[node(1) / 4 + 1] = 1;
    expect(m.exports.hashRemove!(TABLE, node(1))).toBe(0);
    expect(walk()).toEqual([0]);
  });

  it('goes on with longer chains when the arena is full', () => {
    m.exports.testInit!(0x18000 + 3 * 4096);
    m.exports.hashInit!(TABLE, 2, 100_000);
    for (let i = 0; i < 20_000; i++)
      expect(m.exports.hashInsert!(TABLE, node(i), Math.imul(i, 0x9e3779b1))).toBe(1);
    expect(u32[TABLE / 4 + 1]).toBeLessThan(4096);
    expect(walk().length).toBe(20_000);
  });
});
