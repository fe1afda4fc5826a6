/**
 * IPv6 header (RFC 8200 3). Addresses are pointers to their 16 bytes (wire/ipv6_addr).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+---------------+---------------------------------------+
 *  |version| traffic class |              flow label               |
 *  +-------+---------------+-------+---------------+---------------+
 *  |          payload_len          |    nexthdr    |   hop_limit   |
 *  +-------------------------------+---------------+---------------+
 *  |                           saddr (16)                          |
 *  +---------------------------------------------------------------+
 *  |                           daddr (16)                          |
 *  +---------------------------------------------------------------+
 */
import { WIRE_OK, WIRE_SHORT, WIRE_TRUNCATED, WIRE_VERSION } from './check';
import { ipv6AddrCopy } from './ipv6_addr';

export const IPV6_HDR_LEN: u32 = 40;
export const IPV6_VERSION: u32 = 6;
export const IPV6_MIN_MTU: u32 = 1280;
export const IPV6_MAXPLEN: u32 = 65535;
export const IPV6_DEFAULT_HOPLIMIT: u32 = 64;

export const NEXTHDR_HOP: u32 = 0;
export const NEXTHDR_IPV4: u32 = 4;
export const NEXTHDR_TCP: u32 = 6;
export const NEXTHDR_UDP: u32 = 17;
export const NEXTHDR_IPV6: u32 = 41;
export const NEXTHDR_ROUTING: u32 = 43;
export const NEXTHDR_FRAGMENT: u32 = 44;
export const NEXTHDR_GRE: u32 = 47;
export const NEXTHDR_ESP: u32 = 50;
export const NEXTHDR_AUTH: u32 = 51;
export const NEXTHDR_ICMP: u32 = 58;
export const NEXTHDR_NONE: u32 = 59;
export const NEXTHDR_DEST: u32 = 60;
export const NEXTHDR_SCTP: u32 = 132;
export const NEXTHDR_MOBILITY: u32 = 135;

/** For bytes that lie in one piece. */
export function checkIpv6(p: usize, len: u32): i32 {
  return checkIpv6Head(p, len, len);
}

/**
 * For a packet of `len` bytes of which the first `headLen` lie at `p`. A payload length of 0 in front of a
 * Hop-by-Hop header passes: a jumbogram has it, and its option is read there (RFC 2675 3).
 */
export function checkIpv6Head(p: usize, headLen: u32, len: u32): i32 {
  if (headLen < IPV6_HDR_LEN || len < IPV6_HDR_LEN) return WIRE_SHORT;
  if (ipv6Version(p) !== IPV6_VERSION) return WIRE_VERSION;
  if (ipv6PayloadLen(p) > len - IPV6_HDR_LEN) return WIRE_TRUNCATED;
  return WIRE_OK;
}

export function ipv6Version(p: usize): u32 {
  return <u32>load<u8>(p) >> 4;
}

/** The traffic class, which Linux calls dsfield. */
export function ipv6Dsfield(p: usize): u32 {
  return (bswap<u16>(load<u16>(p)) >> 4) & 0xff;
}

export function ipv6Ecn(p: usize): u32 {
  return (<u32>load<u8>(p, 1) >> 4) & 3;
}

export function ipv6Flowlabel(p: usize): u32 {
  return bswap<u32>(load<u32>(p)) & 0xfffff;
}

/** Without this header. */
export function ipv6PayloadLen(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

export function ipv6Nexthdr(p: usize): u32 {
  return load<u8>(p, 6);
}

export function ipv6HopLimit(p: usize): u32 {
  return load<u8>(p, 7);
}

/** Address of the source's 16 bytes. */
export function ipv6Saddr(p: usize): usize {
  return p + 8;
}

/** Address of the destination's 16 bytes. */
export function ipv6Daddr(p: usize): usize {
  return p + 24;
}

/** Leaves the flow label as it is. */
export function ipv6SetDsfield(p: usize, dsfield: u32): void {
  const word = (<u32>bswap<u16>(load<u16>(p)) & 0xf00f) | ((dsfield & 0xff) << 4);
  store<u16>(p, bswap<u16>(<u16>word));
}

export function ipv6SetPayloadLen(p: usize, len: u32): void {
  store<u16>(p, bswap<u16>(<u16>len), 4);
}

export function ipv6SetNexthdr(p: usize, nexthdr: u32): void {
  store<u8>(p, <u8>nexthdr, 6);
}

export function ipv6SetHopLimit(p: usize, hopLimit: u32): void {
  store<u8>(p, <u8>hopLimit, 7);
}

/** `saddr` and `daddr` point to 16 bytes. */
export function emitIpv6(
  p: usize,
  dsfield: u32,
  flowlabel: u32,
  payloadLen: u32,
  nexthdr: u32,
  hopLimit: u32,
  saddr: usize,
  daddr: usize,
): void {
  store<u32>(p, bswap<u32>((IPV6_VERSION << 28) | ((dsfield & 0xff) << 20) | (flowlabel & 0xfffff)));
  ipv6SetPayloadLen(p, payloadLen);
  ipv6SetNexthdr(p, nexthdr);
  ipv6SetHopLimit(p, hopLimit);
  ipv6AddrCopy(p + 8, saddr);
  ipv6AddrCopy(p + 24, daddr);
}
