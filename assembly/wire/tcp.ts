/**
 * TCP header (RFC 9293 3.1).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |            source             |             dest              |
 *  +-------------------------------+-------------------------------+
 *  |                              seq                              |
 *  +---------------------------------------------------------------+
 *  |                            ack_seq                            |
 *  +-------+-----+-+-+-+-+-+-+-+-+-+-------------------------------+
 *  | doff  |res  |A|C|E|U|A|P|R|S|F|            window             |
 *  |       |     |E|W|C|R|C|S|S|Y|I|                               |
 *  |       |     | |R|E|G|K|H|T|N|N|                               |
 *  +-------+-----+-+-+-+-+-+-+-+-+-+-------------------------------+
 *  |             check             |            urg_ptr            |
 *  +-------------------------------+-------------------------------+
 *  |                  options, doff * 4 - 20 bytes                 |
 *  +---------------------------------------------------------------+
 */
import { WIRE_HDR_LEN, WIRE_OK, WIRE_SHORT } from './check';

export const TCP_HDR_LEN: u32 = 20;
export const TCP_MAX_HDR_LEN: u32 = 60;
/** Offset of the checksum in the header, for partial checksums. */
export const TCP_CHECK_OFFSET: u32 = 16;

export const TCPHDR_FIN: u32 = 0x01;
export const TCPHDR_SYN: u32 = 0x02;
export const TCPHDR_RST: u32 = 0x04;
export const TCPHDR_PSH: u32 = 0x08;
export const TCPHDR_ACK: u32 = 0x10;
export const TCPHDR_URG: u32 = 0x20;
export const TCPHDR_ECE: u32 = 0x40;
export const TCPHDR_CWR: u32 = 0x80;
export const TCPHDR_AE: u32 = 0x100;
export const TCPHDR_FLAGS_MASK: u32 = 0x1ff;
export const TCPHDR_SYN_ECN: u32 = 0xc2;

/** `len`: the bytes at `p`; the header with its options must be among them. */
export function checkTcp(p: usize, len: u32): i32 {
  if (len < TCP_HDR_LEN) return WIRE_SHORT;
  const doff = tcpDoff(p);
  if (doff < TCP_HDR_LEN || doff > len) return WIRE_HDR_LEN;
  return WIRE_OK;
}

export function tcpSource(p: usize): u32 {
  return bswap<u16>(load<u16>(p));
}

export function tcpSourceBe(p: usize): u32 {
  return load<u16>(p);
}

export function tcpDest(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function tcpDestBe(p: usize): u32 {
  return load<u16>(p, 2);
}

export function tcpSeq(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

export function tcpAckSeq(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 8));
}

/** Length of the header in bytes. */
export function tcpDoff(p: usize): u32 {
  return (<u32>load<u8>(p, 12) >> 4) << 2;
}

/** TCPHDR_* bits, AE among them. */
export function tcpFlags(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 12)) & TCPHDR_FLAGS_MASK;
}

export function tcpWindow(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 14));
}

export function tcpCheckBe(p: usize): u32 {
  return load<u16>(p, 16);
}

export function tcpUrgPtr(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 18));
}

/** Length of the options in bytes: 0 to 40. */
export function tcpOptLen(p: usize): u32 {
  return tcpDoff(p) - TCP_HDR_LEN;
}

export function tcpSetSource(p: usize, source: u32): void {
  store<u16>(p, bswap<u16>(<u16>source));
}

export function tcpSetDest(p: usize, dest: u32): void {
  store<u16>(p, bswap<u16>(<u16>dest), 2);
}

export function tcpSetSeq(p: usize, seq: u32): void {
  store<u32>(p, bswap<u32>(seq), 4);
}

export function tcpSetAckSeq(p: usize, ackSeq: u32): void {
  store<u32>(p, bswap<u32>(ackSeq), 8);
}

/** `doff` in bytes; reserved bits become 0. */
export function tcpSetDoffFlags(p: usize, doff: u32, flags: u32): void {
  store<u16>(p, bswap<u16>(<u16>((doff << 10) | (flags & TCPHDR_FLAGS_MASK))), 12);
}

/** Leaves header length and reserved bits as they are. */
export function tcpSetFlags(p: usize, flags: u32): void {
  const word = bswap<u16>(load<u16>(p, 12));
  store<u16>(p, bswap<u16>(<u16>((word & ~TCPHDR_FLAGS_MASK) | (flags & TCPHDR_FLAGS_MASK))), 12);
}

export function tcpSetWindow(p: usize, window: u32): void {
  store<u16>(p, bswap<u16>(<u16>window), 14);
}

export function tcpSetCheckBe(p: usize, checkBe: u32): void {
  store<u16>(p, <u16>checkBe, 16);
}

export function tcpSetUrgPtr(p: usize, urgPtr: u32): void {
  store<u16>(p, bswap<u16>(<u16>urgPtr), 18);
}

/** With a checksum and an urgent pointer of 0; `doff` in bytes, the options are written by emitTcpOptions. */
export function emitTcp(
  p: usize,
  source: u32,
  dest: u32,
  seq: u32,
  ackSeq: u32,
  doff: u32,
  flags: u32,
  window: u32,
): void {
  tcpSetSource(p, source);
  tcpSetDest(p, dest);
  tcpSetSeq(p, seq);
  tcpSetAckSeq(p, ackSeq);
  tcpSetDoffFlags(p, doff, flags);
  tcpSetWindow(p, window);
  tcpSetCheckBe(p, 0);
  tcpSetUrgPtr(p, 0);
}
