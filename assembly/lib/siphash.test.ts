import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AsModule, loadAs } from '../../test/as.js';

const M = (1n << 64n) - 1n;
const rotl = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & M;

/** SipHash-c-d as the paper has it. */
function reference(c: number, d: number, k0: bigint, k1: bigint, bytes: Uint8Array): bigint {
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = () => {
    v[0] = (v[0]! + v[1]!) & M;
    v[1] = rotl(v[1]!, 13n) ^ v[0]!;
    v[0] = rotl(v[0]!, 32n);
    v[2] = (v[2]! + v[3]!) & M;
    v[3] = rotl(v[3]!, 16n) ^ v[2]!;
    v[0] = (v[0]! + v[3]!) & M;
    v[3] = rotl(v[3]!, 21n) ^ v[0]!;
    v[2] = (v[2]! + v[1]!) & M;
    v[1] = rotl(v[1]!, 17n) ^ v[2]!;
    v[2] = rotl(v[2]!, 32n);
  };
  const padded = new Uint8Array((bytes.length & ~7) + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const view = new DataView(padded.buffer);
  for (let i = 0; i < padded.length; i += 8) {
    const m = view.getBigUint64(i, true);
    v[3]! ^= m;
    for (let r = 0; r < c; r++) round();
    v[0]! ^= m;
  }
  v[2]! ^= 0xffn;
  for (let r = 0; r < d; r++) round();
  return v[0]! ^ v[1]! ^ v[2]! ^ v[3]!;
}

describe('siphash', () => {
  const K0 = 0x0706050403020100n;
  const K1 = 0x0f0e0d0c0b0a0908n;
  const AT = 0x100000;
  let m: AsModule;
  let big: Record<string, (...args: number[]) => bigint>;

  beforeAll(async () => {
    m = await loadAs(['lib/testing', 'lib/siphash'], { pages: 32 });
    big = m.exports as unknown as typeof big;
    m.exports.testInit!(AT);
    (m.exports.testSetHashKeys as unknown as (k0: bigint, k1: bigint) => void)(K0, K1);
    new Uint8Array(m.memory.buffer).set(
      Uint8Array.from({ length: 64 }, (_, i) => i),
      AT,
    );
  });

  it("gives the values of the paper's appendix and of its reference code", () => {
    expect(BigInt.asUintN(64, big.siphash!(AT, 15))).toBe(0xa129ca6149be45e5n);
    expect(BigInt.asUintN(64, big.siphash!(AT, 0))).toBe(0x726fdb47dd0e0e31n);
  });

  it('agrees with the definition on bytes of any length and alignment', () => {
    const memory = new Uint8Array(m.memory.buffer);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(7), (bytes, offset) => {
        memory.set(bytes, AT + 256 + offset);
        const long = big.siphash!(AT + 256 + offset, bytes.length);
        expect(BigInt.asUintN(64, long)).toBe(reference(2, 4, K0, K1, bytes));
        const short = m.exports.hsiphash!(AT + 256 + offset, bytes.length) >>> 0;
        expect(BigInt(short)).toBe(reference(1, 3, K0, K1, bytes) & 0xffffffffn);
      }),
    );
  });

  it('hashes words as their bytes in memory', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffffffff), { minLength: 1, maxLength: 4 }), (words) => {
        const bytes = new Uint8Array(Uint32Array.from(words).buffer);
        const long = big[`siphash${words.length}u32`]!(...words);
        expect(BigInt.asUintN(64, long)).toBe(reference(2, 4, K0, K1, bytes));
        const short = m.exports[`hsiphash${words.length}u32`]!(...words) >>> 0;
        expect(BigInt(short)).toBe(reference(1, 3, K0, K1, bytes) & 0xffffffffn);
      }),
    );
  });
});
