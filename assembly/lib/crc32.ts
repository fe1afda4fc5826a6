/**
 * CRC-32 of IEEE 802.3 (polynomial 0x04c11db7, reflected), eight bytes a step with eight tables of 256 words
 * ("slicing-by-8", Kounavis and Berry). The tables are built by crc32Init into memory that the caller gives, and
 * that address is passed in: this file keeps no state.
 */

/** Bytes of the tables. */
export const CRC32_TABLE_BYTES: u32 = 8 * 256 * 4;

const POLYNOMIAL: u32 = 0xedb88320;

/** Builds the tables at `tables`. */
export function crc32Init(tables: usize): void {
  for (let i: u32 = 0; i < 256; i++) {
    let c = i;
    for (let bit = 0; bit < 8; bit++) c = (c >> 1) ^ ((0 - (c & 1)) & POLYNOMIAL);
    store<u32>(tables + (i << 2), c);
  }
  for (let i: u32 = 256; i < 8 * 256; i++) {
    const c = load<u32>(tables + ((i - 256) << 2));
    store<u32>(tables + (i << 2), (c >> 8) ^ load<u32>(tables + ((c & 0xff) << 2)));
  }
}

/** CRC of `len` bytes behind those that gave `crc`; 0 to begin with. */
export function crc32(tables: usize, ptr: usize, len: u32, crc: u32): u32 {
  let c = ~crc;
  let p = ptr;
  let left = len;
  while (left >= 8) {
    const lo = load<u32>(p) ^ c;
    const hi = load<u32>(p, 4);
    c =
      load<u32>(tables + ((lo & 0xff) << 2), 7 * 1024) ^
      load<u32>(tables + (((lo >> 8) & 0xff) << 2), 6 * 1024) ^
      load<u32>(tables + (((lo >> 16) & 0xff) << 2), 5 * 1024) ^
      load<u32>(tables + ((lo >> 24) << 2), 4 * 1024) ^
      load<u32>(tables + ((hi & 0xff) << 2), 3 * 1024) ^
      load<u32>(tables + (((hi >> 8) & 0xff) << 2), 2 * 1024) ^
      load<u32>(tables + (((hi >> 16) & 0xff) << 2), 1024) ^
      load<u32>(tables + ((hi >> 24) << 2));
    p += 8;
    left -= 8;
  }
  while (left > 0) {
    c = (c >> 8) ^ load<u32>(tables + (((c ^ <u32>load<u8>(p)) & 0xff) << 2));
    p++;
    left--;
  }
  return ~c;
}

/** Steps in line for who has the bytes in registers; `c` is the register, ~crc of what came before. */
export class Crc32 {
  /** Four bytes, the first lowest. */
  @inline
  static word(tables: usize, c: u32, word: u32): u32 {
    const x = c ^ word;
    return (
      load<u32>(tables + ((x & 0xff) << 2), 3 * 1024) ^
      load<u32>(tables + (((x >> 8) & 0xff) << 2), 2 * 1024) ^
      load<u32>(tables + (((x >> 16) & 0xff) << 2), 1024) ^
      load<u32>(tables + ((x >> 24) << 2))
    );
  }

  /** Eight bytes, the first lowest. */
  @inline
  static long(tables: usize, c: u32, word: u64): u32 {
    const lo = <u32>word ^ c;
    const hi = <u32>(word >> 32);
    return (
      load<u32>(tables + ((lo & 0xff) << 2), 7 * 1024) ^
      load<u32>(tables + (((lo >> 8) & 0xff) << 2), 6 * 1024) ^
      load<u32>(tables + (((lo >> 16) & 0xff) << 2), 5 * 1024) ^
      load<u32>(tables + ((lo >> 24) << 2), 4 * 1024) ^
      load<u32>(tables + ((hi & 0xff) << 2), 3 * 1024) ^
      load<u32>(tables + (((hi >> 8) & 0xff) << 2), 2 * 1024) ^
      load<u32>(tables + (((hi >> 16) & 0xff) << 2), 1024) ^
      load<u32>(tables + ((hi >> 24) << 2))
    );
  }

  /** Two bytes, the first lowest. */
  @inline
  static half(tables: usize, c: u32, half: u32): u32 {
    const x = c ^ half;
    return (
      (x >> 16) ^ load<u32>(tables + ((x & 0xff) << 2), 1024) ^ load<u32>(tables + (((x >> 8) & 0xff) << 2))
    );
  }
}
