/**
 * The Internet checksum (RFC 1071): a one's complement sum of 16-bit words, the end carry brought around.
 *
 * Sums are kept as 32 bits in memory order: words are added as they lie in memory, never swapped, so that a
 * folded sum is stored into a header as it is (RFC 1071 §2(B)). Fields of a header are passed the same way, as
 * loaded (suffix Be). A byte at an odd offset counts in the high half of its word: csumBlockAdd turns a sum by it.
 *
 * Nothing is read behind ptr + len. Linux: lib/checksum.c, arch/x86/lib/csum-partial_64.c.
 */

/** Blocks of 64 bytes that are summed in lanes of 16 bits before the lanes are read: see laneSums. */
const BLOCKS_MAX: u32 = 63;

/** Adds `len` bytes at `ptr` to `sum`. */
export function csumPartial(ptr: usize, len: u32, sum: u32): u32 {
  let acc: u64 = sum;
  let p = ptr;
  let left = len;
  if (ASC_FEATURE_SIMD) {
    while (left >= 64) {
      const blocks = min(left >> 6, BLOCKS_MAX);
      const end = p + (blocks << 6);
      let low = i16x8.splat(0);
      let high = low;
      do {
        const w = v128.load(p);
        const x = v128.load(p, 16);
        const y = v128.load(p, 32);
        const z = v128.load(p, 48);
        low = i16x8.add(low, i16x8.add(i16x8.add(w, x), i16x8.add(y, z)));
        high = i16x8.add(high, i16x8.shr_u(i16x8.avgr_u(i16x8.avgr_u(w, x), i16x8.avgr_u(y, z)), 8));
        p += 64;
      } while (p < end);
      left -= blocks << 6;
      let sums = laneSums(low, high);
      if (left < 64) {
        if ((left & 32) !== 0) {
          const w = i32x4.extadd_pairwise_i16x8_u(v128.load(p));
          sums = i32x4.add(sums, i32x4.add(w, i32x4.extadd_pairwise_i16x8_u(v128.load(p, 16))));
          p += 32;
        }
        if ((left & 16) !== 0) {
          sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(v128.load(p)));
          p += 16;
        }
        left &= 15;
      }
      acc += total(sums);
    }
  } else {
    let b: u64 = 0;
    let c: u64 = 0;
    let d: u64 = 0;
    while (left >= 32) {
      acc += <u64>load<u32>(p) + <u64>load<u32>(p, 16);
      b += <u64>load<u32>(p, 4) + <u64>load<u32>(p, 20);
      c += <u64>load<u32>(p, 8) + <u64>load<u32>(p, 24);
      d += <u64>load<u32>(p, 12) + <u64>load<u32>(p, 28);
      p += 32;
      left -= 32;
    }
    acc += b + c + d;
  }
  while (left >= 16) {
    acc += <u64>load<u32>(p) + <u64>load<u32>(p, 4) + <u64>load<u32>(p, 8) + <u64>load<u32>(p, 12);
    p += 16;
    left -= 16;
  }
  if ((left & 8) !== 0) {
    acc += <u64>load<u32>(p) + <u64>load<u32>(p, 4);
    p += 8;
  }
  if ((left & 4) !== 0) {
    acc += <u64>load<u32>(p);
    p += 4;
  }
  if ((left & 2) !== 0) {
    acc += <u64>load<u16>(p);
    p += 2;
  }
  if ((left & 1) !== 0) acc += <u64>load<u8>(p);
  return csumFrom64(acc);
}

/**
 * Copies `len` bytes from `src` to `dst`, which do not overlap, and adds them to `sum`. Each byte is loaded once, so
 * what is summed is what is copied: src may be hostile and change. One pass is faster than two from about 200 bytes.
 */
export function csumPartialCopy(src: usize, dst: usize, len: u32, sum: u32): u32 {
  if (ASC_FEATURE_SIMD) {
    let acc: u64 = sum;
    let p = src;
    let q = dst;
    let left = len;
    while (left >= 64) {
      const blocks = min(left >> 6, BLOCKS_MAX);
      const end = p + (blocks << 6);
      let low = i16x8.splat(0);
      let high = low;
      do {
        const w = v128.load(p);
        const x = v128.load(p, 16);
        const y = v128.load(p, 32);
        const z = v128.load(p, 48);
        v128.store(q, w);
        v128.store(q, x, 16);
        v128.store(q, y, 32);
        v128.store(q, z, 48);
        low = i16x8.add(low, i16x8.add(i16x8.add(w, x), i16x8.add(y, z)));
        high = i16x8.add(high, i16x8.shr_u(i16x8.avgr_u(i16x8.avgr_u(w, x), i16x8.avgr_u(y, z)), 8));
        p += 64;
        q += 64;
      } while (p < end);
      left -= blocks << 6;
      let sums = laneSums(low, high);
      if (left < 64) {
        if ((left & 32) !== 0) {
          const w = v128.load(p);
          const x = v128.load(p, 16);
          v128.store(q, w);
          v128.store(q, x, 16);
          const y = i32x4.extadd_pairwise_i16x8_u(w);
          sums = i32x4.add(sums, i32x4.add(y, i32x4.extadd_pairwise_i16x8_u(x)));
          p += 32;
          q += 32;
        }
        if ((left & 16) !== 0) {
          const w = v128.load(p);
          v128.store(q, w);
          sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(w));
          p += 16;
          q += 16;
        }
        left &= 15;
      }
      acc += total(sums);
    }
    while (left >= 8) {
      const w = load<u64>(p);
      store<u64>(q, w);
      acc += (w & 0xffffffff) + (w >> 32);
      p += 8;
      q += 8;
      left -= 8;
    }
    if ((left & 4) !== 0) {
      const w = load<u32>(p);
      store<u32>(q, w);
      acc += <u64>w;
      p += 4;
      q += 4;
    }
    if ((left & 2) !== 0) {
      const w = load<u16>(p);
      store<u16>(q, w);
      acc += <u64>w;
      p += 2;
      q += 2;
    }
    if ((left & 1) !== 0) {
      const w = load<u8>(p);
      store<u8>(q, w);
      acc += <u64>w;
    }
    return csumFrom64(acc);
  } else {
    memory.copy(dst, src, len);
    return csumPartial(dst, len, sum);
  }
}

/**
 * The sums of up to BLOCKS_MAX blocks in lanes of 32 bits, of which each has two of the lanes of 16 bits.
 *
 * `low` is what the words of a lane sum to, modulo 2^16. `high` tells the rest: in it are, per block, the upper 8 bits
 * of the mean of its four words. Means are rounded up, by less than 1, and 8 bits are cut off: four words make between
 * 1024 * high - 4 and 1024 * high + 1020, and 63 times that is a span below 2^16, in which `low` leaves one number.
 * This takes 9 operations for 64 bytes; to keep the carries in wider lanes takes 12.
 */
function laneSums(low: v128, high: v128): v128 {
  const above = i16x8.add(i16x8.sub(low, i16x8.shl(high, 10)), i16x8.splat(<i16>(4 * BLOCKS_MAX)));
  const least = i32x4.sub(
    i32x4.shl(i32x4.extadd_pairwise_i16x8_u(high), 10),
    i32x4.splat(<i32>(2 * 4 * BLOCKS_MAX)),
  );
  return i32x4.add(i32x4.extadd_pairwise_i16x8_u(above), least);
}

/** The sum of four lanes of 32 bits, none of which is near to 2^31. */
function total(sums: v128): u64 {
  const pairs = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1);
  return (pairs & 0xffffffff) + (pairs >>> 32);
}

/** A 64-bit sum brought down to 32 bits. */
export function csumFrom64(sum: u64): u32 {
  return <u32>((sum + rotl<u64>(sum, 32)) >> 32);
}

/** The checksum of a header whose words sum to `sum`: folded to 16 bits and complemented; 0 when it was right. */
export function csumFold(sum: u32): u16 {
  return <u16>((~sum - rotl<u32>(sum, 16)) >> 16);
}

/** A checksum as a sum, to be worked on. */
export function csumUnfold(check: u16): u32 {
  return <u32>check;
}

export function csumAdd(sum: u32, addend: u32): u32 {
  const s = sum + addend;
  return s + <u32>(s < addend);
}

export function csumSub(sum: u32, addend: u32): u32 {
  return csumAdd(sum, ~addend);
}

/** Adds `sum2`, the sum of a block that begins `offset` bytes behind where `sum` began. */
export function csumBlockAdd(sum: u32, sum2: u32, offset: u32): u32 {
  return csumAdd(sum, (offset & 1) !== 0 ? rotr<u32>(sum2, 8) : sum2);
}

/** Takes a block at `offset` out of `sum`. */
export function csumBlockSub(sum: u32, sum2: u32, offset: u32): u32 {
  return csumBlockAdd(sum, ~sum2, offset);
}

/** Mends the checksum at `checkPtr` for a 16-bit field that changes (RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m')). */
export function csumReplace2(checkPtr: usize, oldBe: u16, newBe: u16): void {
  const sum = <u32>(load<u16>(checkPtr) ^ 0xffff) + <u32>(oldBe ^ 0xffff) + <u32>newBe;
  store<u16>(checkPtr, csumFold(sum));
}

/** The same for a 32-bit field. */
export function csumReplace4(checkPtr: usize, oldBe: u32, newBe: u32): void {
  const sum = csumAdd(csumSub(<u32>(load<u16>(checkPtr) ^ 0xffff), oldBe), newBe);
  store<u16>(checkPtr, csumFold(sum));
}

/** The checksum of an IPv4 header of `ihl` 32-bit words, ihl >= 5: 0 when the one in it is right. */
export function ipFastCsum(ptr: usize, ihl: u32): u16 {
  let acc =
    <u64>load<u32>(ptr) +
    <u64>load<u32>(ptr, 4) +
    <u64>load<u32>(ptr, 8) +
    <u64>load<u32>(ptr, 12) +
    <u64>load<u32>(ptr, 16);
  for (let i: u32 = 5; i < ihl; i++) acc += <u64>load<u32>(ptr + (i << 2));
  return csumFold(csumFrom64(acc));
}

/** `sum` plus the pseudo header of IPv4 (RFC 9293 §3.1, RFC 768); `len` and `proto` in host order. */
export function csumTcpUdpNofold(saddrBe: u32, daddrBe: u32, len: u32, proto: u32, sum: u32): u32 {
  return csumFrom64(<u64>sum + <u64>saddrBe + <u64>daddrBe + ((<u64>len + <u64>proto) << 8));
}

/** `sum` plus the pseudo header of IPv6 (RFC 8200 §8.1); `len` and `proto` in host order. */
export function csumIpv6Nofold(saddrPtr: usize, daddrPtr: usize, len: u32, proto: u32, sum: u32): u32 {
  const source =
    <u64>load<u32>(saddrPtr) +
    <u64>load<u32>(saddrPtr, 4) +
    <u64>load<u32>(saddrPtr, 8) +
    <u64>load<u32>(saddrPtr, 12);
  const destination =
    <u64>load<u32>(daddrPtr) +
    <u64>load<u32>(daddrPtr, 4) +
    <u64>load<u32>(daddrPtr, 8) +
    <u64>load<u32>(daddrPtr, 12);
  return csumFrom64(<u64>sum + source + destination + <u64>bswap<u32>(len) + <u64>bswap<u32>(proto));
}
