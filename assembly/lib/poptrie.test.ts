import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const ARENA_END = 0x1800000;
const TRIE = ARENA_END;
const KEY = TRIE + 64;
const PLEN = KEY + 16;
const BURST = KEY + 64;
/** Offset of Poptrie.directAt. */
const DIRECT_AT = 44;
const DIRECT = 40;

let m: AsModule;
let u8: Uint8Array;
let u32: Uint32Array;

beforeAll(async () => {
  m = await loadAs(['lib/testing', 'lib/poptrie'], { pages: ARENA_END / 0x10000 + 1 });
  u8 = new Uint8Array(m.memory.buffer);
  u32 = new Uint32Array(m.memory.buffer);
});

/** A prefix as a left-aligned number of `bits` bits. */
interface Prefix {
  key: bigint;
  plen: number;
}

function putKey(key: bigint, bits: number, at = KEY): void {
  for (let i = 0; i < bits / 8; i++) u8[at + i] = Number((key >> BigInt(bits - 8 - 8 * i)) & 0xffn);
}

function readKey(bits: number): bigint {
  let key = 0n;
  for (let i = 0; i < bits / 8; i++) key = (key << 8n) | BigInt(u8[KEY + i]!);
  return key;
}

const masked = (key: bigint, plen: number, bits: number) =>
  (key >> BigInt(bits - plen)) << BigInt(bits - plen);

/** The trie at TRIE and a Map, worked in step. */
class Pair {
  readonly model = new Map<string, { value: number } & Prefix>();
  constructor(
    readonly bits: number,
    directAt: number,
    memoryBytes = ARENA_END,
  ) {
    m.exports.testInit!(memoryBytes);
    expect(m.exports.poptrieInit!(TRIE, bits)).toBe(1);
    u32[(TRIE + DIRECT_AT) / 4] = directAt;
  }
  id({ key, plen }: Prefix): string {
    return `${masked(key, plen, this.bits)}/${plen}`;
  }
  insert({ key, plen }: Prefix, value: number): number {
    putKey(key, this.bits);
    const err = m.exports.poptrieInsert!(TRIE, KEY, plen, value);
    if (err === 0) this.model.set(this.id({ key, plen }), { value, key: masked(key, plen, this.bits), plen });
    return err;
  }
  remove({ key, plen }: Prefix): void {
    putKey(key, this.bits);
    const old = m.exports.poptrieRemove!(TRIE, KEY, plen) >>> 0;
    expect(old).toBe(this.model.get(this.id({ key, plen }))?.value ?? 0);
    this.model.delete(this.id({ key, plen }));
  }
  get({ key, plen }: Prefix): void {
    putKey(key, this.bits);
    const value = m.exports.poptrieGet!(TRIE, KEY, plen) >>> 0;
    expect(value).toBe(this.model.get(this.id({ key, plen }))?.value ?? 0);
  }
  expected(key: bigint): number {
    for (let plen = this.bits; plen >= 0; plen--) {
      const hit = this.model.get(`${masked(key, plen, this.bits)}/${plen}`);
      if (hit) return hit.value;
    }
    return 0;
  }
  lookup(key: bigint): void {
    const expected = this.expected(key);
    if (this.bits === 32) {
      expect(m.exports.poptrieLookup4!(TRIE, Number(key)) >>> 0).toBe(expected);
    } else {
      putKey(key, 128);
      expect(m.exports.poptrieLookup6!(TRIE, KEY) >>> 0).toBe(expected);
    }
  }
  burst(keys: bigint[]): void {
    keys.forEach((key, i) => {
      u32[BURST / 4 + i] = Number(key);
    });
    m.exports.poptrieLookupBurst4!(TRIE, BURST, BURST + 4 * keys.length, keys.length);
    keys.forEach((key, i) => {
      expect(u32[BURST / 4 + keys.length + i]).toBe(this.expected(key));
    });
  }
  iterate(): void {
    const expected = [...this.model.values()].sort((a, b) =>
      a.key === b.key ? a.plen - b.plen : a.key < b.key ? -1 : 1,
    );
    const got: { value: number; key: bigint; plen: number }[] = [];
    u8[PLEN] = 0xff;
    for (;;) {
      const value = m.exports.poptrieNext!(TRIE, KEY, PLEN) >>> 0;
      if (value === 0) break;
      got.push({ value, key: readKey(this.bits), plen: u8[PLEN]! });
      if (got.length > expected.length) break;
    }
    expect(got.length).toBe(expected.length);
    got.forEach((g, i) => {
      const e = expected[i]!;
      if (g.value !== e.value || g.key !== e.key || g.plen !== e.plen) expect(g).toEqual(e);
    });
  }
  destroy(): void {
    m.exports.poptrieDestroy!(TRIE);
    expect(m.exports.testPagesFree!()).toBe(m.exports.testPages!());
  }
}

/** Keys that lie close together, so that prefixes nest, and at both ends. */
function keys(bits: number): fc.Arbitrary<bigint> {
  const all = (1n << BigInt(bits)) - 1n;
  return fc.oneof(
    fc.bigInt(0n, all),
    fc.bigInt(0n, 0xffffn).map((x) => (0x0a01n << BigInt(bits - 16)) | (x << BigInt(bits - 32))),
    fc.tuple(fc.nat(7), fc.nat(bits - 3)).map(([x, shift]) => (BigInt(x) << BigInt(shift)) & all),
    fc.tuple(fc.nat(7), fc.nat(bits - 3)).map(([x, shift]) => all ^ ((BigInt(x) << BigInt(shift)) & all)),
  );
}

describe.each([
  [32, 1 << 30],
  [32, 3],
  [128, 1 << 30],
  [128, 3],
])('poptrie of %i-bit keys, direct table from %i prefixes', (bits, directAt) => {
  // The table is built and dropped over and over when it is this early: 3 ms each time.
  const numRuns = directAt === 3 ? 40 : 150;
  const prefix = fc.record({
    key: keys(bits),
    plen: fc.oneof(fc.integer({ min: 0, max: bits }), fc.nat(24), fc.constantFrom(0, 6, 12, 18, 24, bits)),
  });

  it('does what a map of prefixes does', () => {
    const command = fc.record({
      kind: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'again', 'get'),
      prefix,
      value: fc.integer({ min: 1, max: 0xffffffff }),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 120 }),
        fc.array(keys(bits), { maxLength: 40 }),
        (run, probes) => {
          const pair = new Pair(bits, directAt);
          for (const { kind, prefix, value, which } of run) {
            const held = [...pair.model.values()];
            const one = held.length > 0 ? held[which % held.length]! : prefix;
            if (kind === 'insert') expect(pair.insert(prefix, value)).toBe(0);
            else if (kind === 'again') expect(pair.insert(one, value)).toBe(0);
            else if (kind === 'remove') pair.remove(which & 1 ? one : prefix);
            else pair.get(which & 1 ? one : prefix);
            expect(u32[(TRIE + 36) / 4]).toBe(pair.model.size);
          }
          const near = [...pair.model.values()].flatMap(({ key, plen }) => {
            const last = key | ((1n << BigInt(bits - plen)) - 1n);
            return [key, last, BigInt.asUintN(bits, key - 1n), BigInt.asUintN(bits, last + 1n)];
          });
          const all = [...probes, ...near];
          for (const key of all) pair.lookup(key);
          if (bits === 32) pair.burst(all);
          pair.iterate();
          for (const { key, plen } of [...pair.model.values()]) pair.remove({ key, plen });
          // Nothing is left but the direct table of a trie that wants one at any size.
          if (u32[(TRIE + DIRECT) / 4] === 0) expect(m.exports.testPagesFree!()).toBe(m.exports.testPages!());
          for (const key of probes) pair.lookup(key);
          pair.destroy();
        },
      ),
      { numRuns },
    );
  });

  it('says ENOMEM when the arena is full, with nothing changed', () => {
    const pair = new Pair(bits, directAt, 0x18000 + 12 * 4096);
    let failed = 0;
    let x = 12345n;
    for (let i = 1; i <= 3000; i++) {
      x = (x * 6364136223846793005n + 1442695040888963407n) & ((1n << 128n) - 1n);
      const plen = Number(x >> 120n) % (bits + 1);
      const key = (x >> 3n) & ((1n << BigInt(bits)) - 1n);
      const err = pair.insert({ key, plen }, i);
      expect([0, -12]).toContain(err);
      if (err !== 0) {
        failed++;
        pair.get({ key, plen });
        pair.lookup(key);
      }
      if (failed > 0 && i % 3 === 0) pair.remove([...pair.model.values()][i % pair.model.size]!);
    }
    expect(failed).toBeGreaterThan(10);
    pair.iterate();
    pair.destroy();
  });
});

describe('poptrie', () => {
  it('refuses widths, lengths and values that it cannot hold', () => {
    m.exports.testInit!(ARENA_END);
    expect(m.exports.poptrieInit!(TRIE, 64)).toBe(0);
    expect(m.exports.poptrieInit!(TRIE, 32)).toBe(1);
    expect(m.exports.poptrieInsert!(TRIE, KEY, 33, 1)).toBe(-22);
    expect(m.exports.poptrieInsert!(TRIE, KEY, 24, 0)).toBe(-22);
    expect(m.exports.poptrieGet!(TRIE, KEY, 33)).toBe(0);
    expect(m.exports.poptrieRemove!(TRIE, KEY, 33)).toBe(0);
    expect(m.exports.testPagesFree!()).toBe(m.exports.testPages!());
  });

  it('costs nothing while it is empty, and a few pages with a handful of routes', () => {
    const pair = new Pair(32, 4096);
    pair.insert({ key: 0n, plen: 0 }, 1);
    expect(m.exports.testPages!() - m.exports.testPagesFree!()).toBe(0);
    for (let i = 0; i < 20; i++) pair.insert({ key: BigInt(0x0a000000 + i * 256), plen: 24 }, i + 2);
    expect(m.exports.testPages!() - m.exports.testPagesFree!()).toBeLessThan(8);
    pair.destroy();
  });

  it('builds the direct table at 4096 prefixes and drops it below 1024', () => {
    const pair = new Pair(32, 4096);
    const at = (i: number) => ({ key: BigInt(Math.imul(i, 0x9e3779b1) >>> 0), plen: 16 + (i % 9) });
    let i = 0;
    while (pair.model.size < 4095) pair.insert(at(i++), i);
    expect(u32[(TRIE + DIRECT) / 4]).toBe(0);
    while (pair.model.size < 4200) pair.insert(at(i++), i);
    expect(u32[(TRIE + DIRECT) / 4]).not.toBe(0);
    const probes = Array.from({ length: 256 }, (_, k) => BigInt(Math.imul(k, 0x85ebca6b) >>> 0));
    for (const probe of probes) pair.lookup(probe);
    pair.burst(probes);
    pair.iterate();
    for (const p of [...pair.model.values()].slice(0, 3300)) pair.remove(p);
    expect(u32[(TRIE + DIRECT) / 4]).toBe(0);
    pair.burst(probes);
    pair.iterate();
    pair.destroy();
  });

  const count = process.env.LONG === 'true' ? 1_000_000 : 50_000;
  it(`holds ${count} routes and gives all memory back`, async () => {
    const big = await loadAs(['lib/testing', 'lib/poptrie'], { pages: 2048 });
    const end = 2047 * 0x10000;
    const memory = new DataView(big.memory.buffer);
    big.exports.testInit!(end);
    big.exports.poptrieInit!(end, 32);
    const model = new Map<number, number>();
    let x = 1;
    for (let i = 1; model.size < count; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      const key = (x & 0xffffff00) >>> 0;
      memory.setUint32(end + 64, key);
      expect(big.exports.poptrieInsert!(end, end + 64, 24, i)).toBe(0);
      model.set(key, i);
    }
    for (const [key, value] of model) {
      if (big.exports.poptrieLookup4!(end, key | 0x55) >>> 0 !== value) expect.fail(`${key}`);
    }
    for (const key of model.keys()) {
      memory.setUint32(end + 64, key);
      expect(big.exports.poptrieRemove!(end, end + 64, 24)).not.toBe(0);
    }
    big.exports.poptrieDestroy!(end);
    expect(big.exports.testPagesFree!()).toBe(big.exports.testPages!());
  });
});
