/**
 * SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), keyed with root().hashKey0/1.
 *
 * siphash*: SipHash-2-4, where a guess must not be possible (identifiers, cookies, ports). hsiphash*: SipHash-1-3
 * cut to 32 bits, for hash tables that strangers fill. Words are little-endian, so siphash of words is siphash of
 * their bytes in memory. Linux: lib/siphash.c.
 *
 *   v0..v3 = key ^ "somepseudorandomlygeneratedbytes"
 *   per 8 bytes m: v3 ^= m; C rounds; v0 ^= m       last: length << 56 | rest       v2 ^= 0xff; D rounds
 */
import { root } from './root';

const INIT0: u64 = 0x736f6d6570736575;
const INIT1: u64 = 0x646f72616e646f6d;
const INIT2: u64 = 0x6c7967656e657261;
const INIT3: u64 = 0x7465646279746573;
/** A length of 4 bytes, where the last word has it. */
const LENGTH4: u64 = 0x0400000000000000;

/** SipHash-2-4 of one to four u32 words. */
export function siphash1u32(a: u32): u64 {
  return sip(root().hashKey0, root().hashKey1, 2, 4, 0, 0, 0, 0, LENGTH4 | <u64>a);
}

export function siphash2u32(a: u32, b: u32): u64 {
  return sip(root().hashKey0, root().hashKey1, 2, 4, 1, 0, pair(a, b), 0, LENGTH4 * 2);
}

export function siphash3u32(a: u32, b: u32, c: u32): u64 {
  return sip(root().hashKey0, root().hashKey1, 2, 4, 1, 0, pair(a, b), 0, (LENGTH4 * 3) | <u64>c);
}

export function siphash4u32(a: u32, b: u32, c: u32, d: u32): u64 {
  return sip(root().hashKey0, root().hashKey1, 2, 4, 2, 0, pair(a, b), pair(c, d), LENGTH4 * 4);
}

/** SipHash-2-4 of `len` bytes, at any alignment. */
export function siphash(ptr: usize, len: u32): u64 {
  return sip(root().hashKey0, root().hashKey1, 2, 4, len >> 3, ptr, 0, 0, lastWord(ptr, len));
}

/** SipHash-2-4 of `len` bytes with a key of the caller's. */
export function siphashKeyed(k0: u64, k1: u64, ptr: usize, len: u32): u64 {
  return sip(k0, k1, 2, 4, len >> 3, ptr, 0, 0, lastWord(ptr, len));
}

/** SipHash-1-3 of one to four u32 words, 32 bits of it. */
export function hsiphash1u32(a: u32): u32 {
  return <u32>sip(root().hashKey0, root().hashKey1, 1, 3, 0, 0, 0, 0, LENGTH4 | <u64>a);
}

export function hsiphash2u32(a: u32, b: u32): u32 {
  return <u32>sip(root().hashKey0, root().hashKey1, 1, 3, 1, 0, pair(a, b), 0, LENGTH4 * 2);
}

export function hsiphash3u32(a: u32, b: u32, c: u32): u32 {
  return <u32>sip(root().hashKey0, root().hashKey1, 1, 3, 1, 0, pair(a, b), 0, (LENGTH4 * 3) | <u64>c);
}

export function hsiphash4u32(a: u32, b: u32, c: u32, d: u32): u32 {
  return <u32>sip(root().hashKey0, root().hashKey1, 1, 3, 2, 0, pair(a, b), pair(c, d), LENGTH4 * 4);
}

/** SipHash-1-3 of `len` bytes, at any alignment, 32 bits of it. */
export function hsiphash(ptr: usize, len: u32): u32 {
  return <u32>sip(root().hashKey0, root().hashKey1, 1, 3, len >> 3, ptr, 0, 0, lastWord(ptr, len));
}

function pair(lo: u32, hi: u32): u64 {
  return ((<u64>hi) << 32) | <u64>lo;
}

/** The bytes behind the last whole word, and the length. */
function lastWord(ptr: usize, len: u32): u64 {
  const rest = ptr + (len & ~7);
  let word = (<u64>len) << 56;
  for (let i: u32 = 0; i < (len & 7); i++) word |= (<u64>load<u8>(rest + i)) << (i << 3);
  return word;
}

/** SipHash-c-d of `words` words, those at `ptr` or, when it is 0, m0 and m1; then of `last`. */
function sip(k0: u64, k1: u64, c: u32, d: u32, words: u32, ptr: usize, m0: u64, m1: u64, last: u64): u64 {
  let v0 = k0 ^ INIT0;
  let v1 = k1 ^ INIT1;
  let v2 = k0 ^ INIT2;
  let v3 = k1 ^ INIT3;
  for (let i: u32 = 0; ; i++) {
    let m: u64 = 0;
    let rounds = c;
    if (i < words) {
      m = ptr !== 0 ? load<u64>(ptr + (i << 3)) : i === 0 ? m0 : m1;
    } else if (i === words) {
      m = last;
    } else {
      v2 ^= 0xff;
      rounds = d;
    }
    v3 ^= m;
    do {
      v0 += v1;
      v2 += v3;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 = rotl<u64>(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 = rotl<u64>(v2, 32);
      rounds--;
    } while (rounds !== 0);
    v0 ^= m;
    if (i > words) break;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
