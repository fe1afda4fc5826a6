import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';
import { Random } from '../../test/random.js';
import { TAG_SLOTS, TagTableRec } from '../abi/tag_table.js';

const ARENA_END = 0x200000;
const TABLE = ARENA_END;
const NODES = ARENA_END + 0x100;
const NODE_BYTES = 32;
const KEY_AT = 8;

describe('a table of tags', () => {
  let m: AsModule;
  let u32: Uint32Array;
  let u8: Uint8Array;
  const node = (i: number) => NODES + i * NODE_BYTES;
  const field = (of: TagTableRec) => u32[(TABLE + of) / 4]!;
  const count = () => u32[TABLE / 4 + 3]!;

  function init(keyBytes: number, max = 1 << 20): void {
    m.exports.testInit!(ARENA_END);
    u8.fill(0, TABLE, TABLE + 0x100);
    expect(m.exports.tagInit!(TABLE, keyBytes, KEY_AT, max)).toBe(1);
  }
  /** Node i with that key. */
  function key(i: number, bytes: readonly number[]): number {
    u8.fill(0, node(i), node(i) + NODE_BYTES);
    u8.set(bytes, node(i) + KEY_AT);
    return node(i);
  }
  const number = (i: number, n: number) => key(i, [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
  /** All nodes, by walking; how many the longest bucket has. */
  function walk(): { found: number[]; longest: number } {
    const found: number[] = [];
    let longest = 0;
    for (let b = 0; b <= field(TagTableRec.MASK); b++) {
      let n = 0;
      for (let at = m.exports.tagAt!(TABLE, b, n) as number; at !== 0; ) {
        expect((u32[at / 4 + 1]! & field(TagTableRec.MASK)) >>> 0).toBe(b);
        found.push((at - NODES) / NODE_BYTES);
        at = m.exports.tagAt!(TABLE, b, ++n) as number;
      }
      longest = Math.max(longest, n);
    }
    return { found: found.sort((a, b) => a - b), longest };
  }
  function lookup(at: number): number[] {
    const hash = m.exports.tagHash!(TABLE, at) as number;
    const found: number[] = [];
    for (let n = m.exports.tagFirst!(TABLE, hash) as number; n !== 0; ) {
      found.push(n);
      n = m.exports.tagNext!(TABLE, hash, n) as number;
    }
    return found;
  }

  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/tag_table'], { pages: 64 });
    u32 = new Uint32Array(m.memory.buffer);
    u8 = new Uint8Array(m.memory.buffer);
  });
  beforeEach(() => init(4));

  it('holds what was inserted and not removed, while it grows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ i: fc.nat(99), value: fc.nat(40), remove: fc.boolean() }), { maxLength: 250 }),
        (commands) => {
          init(4, 80);
          const model = new Map<number, number>();
          for (const { i, value, remove } of commands) {
            if (model.has(i) || remove) {
              expect(m.exports.tagRemove!(TABLE, node(i))).toBe(model.delete(i) ? 1 : 0);
            } else {
              const fits = model.size < 80;
              expect(m.exports.tagInsert!(TABLE, number(i, value))).toBe(fits ? 1 : 0);
              if (fits) model.set(i, value);
            }
            expect(count()).toBe(model.size);
          }
          expect(walk().found).toEqual([...model.keys()].sort((a, b) => a - b));
          // Equal keys have equal hashes: each finds all of them.
          for (const [i, value] of model) {
            const like = [...model].filter(([, other]) => other === value).map(([n]) => node(n));
            expect(lookup(node(i) + KEY_AT)).toEqual(expect.arrayContaining(like));
          }
        },
      ),
    );
  });

  it.each([1, 2, 3, 4, 5, 6, 8, 12, 16, 20])(
    'hashes the %i bytes of a key and nothing behind them',
    (len) => {
      init(len);
      const bytes = Array.from({ length: len }, (_, i) => i + 1);
      const hash = m.exports.tagHash!(TABLE, key(0, bytes) + KEY_AT) as number;
      const padded = (len + 3) & ~3;
      key(1, [...bytes, ...Array.from({ length: padded - len }, () => 0xee)]);
      expect(m.exports.tagHash!(TABLE, node(1) + KEY_AT)).toBe(hash);
      for (let i = 0; i < len; i++) {
        key(
          1,
          bytes.map((b, at) => (at === i ? b ^ 0x40 : b)),
        );
        expect(m.exports.tagHash!(TABLE, node(1) + KEY_AT)).not.toBe(hash);
      }
    },
  );

  it('is spread evenly by keys that differ in one byte: few buckets overflow', () => {
    const n = 10_000;
    for (let i = 0; i < n; i++) m.exports.tagInsert!(TABLE, number(i, i << 16));
    const buckets = field(TagTableRec.MASK) + 1;
    expect(n / buckets).toBeGreaterThan(2);
    expect(n / buckets).toBeLessThanOrEqual(4);
    let full = 0;
    for (let b = 0; b < buckets; b++) if (u8[field(TagTableRec.TAGS) + 8 * b + TAG_SLOTS] !== 0) full++;
    expect(full / buckets).toBeLessThan(0.02);
    expect(walk().longest).toBeLessThan(24);
  });

  it('draws new factors when keys are chosen for one bucket, and again when it has grown: no chain stays long', () => {
    const r = new Random(7);
    let used = 0;
    // Who knows the factors, as nobody outside does, finds keys that all go where the first went.
    for (let tries = 0; used < 300 && tries < 400_000; tries++) {
      const at = number(used, r.u32());
      const hash = m.exports.tagHash!(TABLE, at + KEY_AT) as number;
      if ((hash & 0xff) !== 1) continue;
      m.exports.tagInsert!(TABLE, at);
      used++;
    }
    expect(used).toBe(300);
    expect(count()).toBe(300);
    expect(walk().found).toHaveLength(300);
    expect(walk().longest).toBeLessThan(60);
  });

  it('takes the nodes out as a list', () => {
    for (let i = 0; i < 50; i++) m.exports.tagInsert!(TABLE, number(i, i));
    const seen = new Set<number>();
    for (let at = m.exports.tagTake!(TABLE) as number; at !== 0; at = u32[at / 4]!) seen.add(at);
    expect(seen.size).toBe(50);
    expect(walk().found).toEqual([]);
    expect(count()).toBe(0);
  });
});
