/** CRC32c (Castagnoli), bit by bit: SCTP packets that a rule rewrites. RFC 9260 appendix A. */

const POLYNOMIAL: u32 = 0x82f63b78;

/** As it is stored into the packet. */
export function crc32cBytes(ptr: usize, len: u32): u32 {
  let crc: u32 = u32.MAX_VALUE;
  for (let i: u32 = 0; i < len; i++) {
    crc ^= load<u8>(ptr + i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
  }
  return ~crc;
}
