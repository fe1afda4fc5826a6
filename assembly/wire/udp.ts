/**
 * UDP header (RFC 768).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |            source             |             dest              |
 *  +-------------------------------+-------------------------------+
 *  |         len (with header)     |             check             |
 *  +-------------------------------+-------------------------------+
 */
import { WIRE_OK, WIRE_SHORT, WIRE_TOT_LEN, WIRE_TRUNCATED } from './check';

export const UDP_HDR_LEN: u32 = 8;
export const UDP_MAX_LEN: u32 = 0xffff;
/** Offset of the checksum in the header, for partial checksums. */
export const UDP_CHECK_OFFSET: u32 = 6;

/** `len`: bytes of the IP payload, all of them at `p`. */
export function checkUdp(p: usize, len: u32): i32 {
  return checkUdpHead(p, len, len);
}

/** For a datagram of `len` bytes of which the first `headLen` lie at `p`. */
export function checkUdpHead(p: usize, headLen: u32, len: u32): i32 {
  if (headLen < UDP_HDR_LEN) return WIRE_SHORT;
  const ulen = udpLen(p);
  if (ulen > len) return WIRE_TRUNCATED;
  if (ulen < UDP_HDR_LEN) return WIRE_TOT_LEN;
  return WIRE_OK;
}

/** Over IPv6 a length of 0 stands for "all of the payload" (RFC 2675 4). */
export function checkUdp6Head(p: usize, headLen: u32, len: u32): i32 {
  if (headLen < UDP_HDR_LEN) return WIRE_SHORT;
  if (load<u16>(p, 4) === 0) return len < UDP_HDR_LEN ? WIRE_SHORT : WIRE_OK;
  return checkUdpHead(p, headLen, len);
}

export function udpSource(p: usize): u32 {
  return bswap<u16>(load<u16>(p));
}

export function udpSourceBe(p: usize): u32 {
  return load<u16>(p);
}

export function udpDest(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function udpDestBe(p: usize): u32 {
  return load<u16>(p, 2);
}

/** Header and payload. */
export function udpLen(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

/** 0: the sender made no checksum, which only IPv4 allows. */
export function udpCheckBe(p: usize): u32 {
  return load<u16>(p, 6);
}

export function udpSetSource(p: usize, source: u32): void {
  store<u16>(p, bswap<u16>(<u16>source));
}

export function udpSetDest(p: usize, dest: u32): void {
  store<u16>(p, bswap<u16>(<u16>dest), 2);
}

export function udpSetLen(p: usize, len: u32): void {
  store<u16>(p, bswap<u16>(<u16>len), 4);
}

export function udpSetCheckBe(p: usize, checkBe: u32): void {
  store<u16>(p, <u16>checkBe, 6);
}

/** With a checksum of 0. */
export function emitUdp(p: usize, source: u32, dest: u32, len: u32): void {
  udpSetSource(p, source);
  udpSetDest(p, dest);
  udpSetLen(p, len);
  udpSetCheckBe(p, 0);
}
