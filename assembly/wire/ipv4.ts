/**
 * IPv4 header (RFC 791 3.1). The header checksum is verified and written by the caller (lib/checksum).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+-------+---------------+-------------------------------+
 *  |version|  ihl  |      tos      |            tot_len            |
 *  +-------+-------+---------------+-----+-------------------------+
 *  |              id               |0 D M|     fragment offset     |
 *  +---------------+---------------+-----+-------------------------+
 *  |      ttl      |   protocol    |             check             |
 *  +---------------+---------------+-------------------------------+
 *  |                             saddr                             |
 *  +---------------------------------------------------------------+
 *  |                             daddr                             |
 *  +---------------------------------------------------------------+
 *  |                 options, ihl * 4 - 20 bytes                   |
 *  +---------------------------------------------------------------+
 */
import { WIRE_HDR_LEN, WIRE_OK, WIRE_SHORT, WIRE_TOT_LEN, WIRE_TRUNCATED, WIRE_VERSION } from './check';

export const IPV4_HDR_LEN: u32 = 20;
export const IPV4_MAX_HDR_LEN: u32 = 60;
export const IPV4_MAX_TOT_LEN: u32 = 0xffff;
/** "Every internet module must be able to forward a datagram of 68 octets" (RFC 791 3.2). */
export const IPV4_MIN_MTU: u32 = 68;
export const IPV4_VERSION: u32 = 4;

export const IP_CE: u32 = 0x8000;
export const IP_DF: u32 = 0x4000;
export const IP_MF: u32 = 0x2000;
export const IP_OFFSET: u32 = 0x1fff;
export const IPDEFTTL: u32 = 64;

export const IPTOS_TOS_MASK: u32 = 0x1e;
export const IPTOS_PREC_MASK: u32 = 0xe0;
export const IPTOS_PREC_INTERNETCONTROL: u32 = 0xc0;
export const INET_ECN_NOT_ECT: u32 = 0;
export const INET_ECN_ECT_1: u32 = 1;
export const INET_ECN_ECT_0: u32 = 2;
export const INET_ECN_CE: u32 = 3;
export const INET_ECN_MASK: u32 = 3;

export const IPPROTO_IP: u32 = 0;
export const IPPROTO_ICMP: u32 = 1;
export const IPPROTO_IGMP: u32 = 2;
export const IPPROTO_IPIP: u32 = 4;
export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_EGP: u32 = 8;
export const IPPROTO_UDP: u32 = 17;
export const IPPROTO_DCCP: u32 = 33;
export const IPPROTO_IPV6: u32 = 41;
export const IPPROTO_RSVP: u32 = 46;
export const IPPROTO_GRE: u32 = 47;
export const IPPROTO_ESP: u32 = 50;
export const IPPROTO_AH: u32 = 51;
export const IPPROTO_ICMPV6: u32 = 58;
export const IPPROTO_OSPF: u32 = 89;
export const IPPROTO_PIM: u32 = 103;
export const IPPROTO_COMP: u32 = 108;
export const IPPROTO_VRRP: u32 = 112;
export const IPPROTO_SCTP: u32 = 132;
export const IPPROTO_UDPLITE: u32 = 136;
export const IPPROTO_RAW: u32 = 255;

/** For bytes that lie in one piece. */
export function checkIpv4(p: usize, len: u32): i32 {
  return checkIpv4Head(p, len, len);
}

/** For a packet of `len` bytes of which the first `headLen` lie at `p` and the rest in fragments. */
export function checkIpv4Head(p: usize, headLen: u32, len: u32): i32 {
  if (headLen < IPV4_HDR_LEN) return WIRE_SHORT;
  if (ipv4Version(p) !== IPV4_VERSION) return WIRE_VERSION;
  const ihl = ipv4Ihl(p);
  if (ihl < IPV4_HDR_LEN || ihl > headLen) return WIRE_HDR_LEN;
  const totLen = ipv4TotLen(p);
  if (totLen > len) return WIRE_TRUNCATED;
  if (totLen < ihl) return WIRE_TOT_LEN;
  return WIRE_OK;
}

export function ipv4Version(p: usize): u32 {
  return <u32>load<u8>(p) >> 4;
}

/** Length of the header in bytes. */
export function ipv4Ihl(p: usize): u32 {
  return (<u32>load<u8>(p) & 15) << 2;
}

export function ipv4Tos(p: usize): u32 {
  return load<u8>(p, 1);
}

export function ipv4Ecn(p: usize): u32 {
  return <u32>load<u8>(p, 1) & INET_ECN_MASK;
}

export function ipv4Dscp(p: usize): u32 {
  return <u32>load<u8>(p, 1) >> 2;
}

export function ipv4TotLen(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function ipv4Id(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

export function ipv4IdBe(p: usize): u32 {
  return load<u16>(p, 4);
}

/** The whole field: flags and offset in units of 8 bytes. */
export function ipv4FragOff(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** Where this fragment's payload stands in the whole, in bytes. */
export function ipv4FragOffBytes(p: usize): u32 {
  return (ipv4FragOff(p) & IP_OFFSET) << 3;
}

export function ipv4Df(p: usize): bool {
  return (load<u8>(p, 6) & 0x40) !== 0;
}

export function ipv4Mf(p: usize): bool {
  return (load<u8>(p, 6) & 0x20) !== 0;
}

/** More fragments follow, or the offset is not 0. */
export function ipv4IsFragment(p: usize): bool {
  return (load<u16>(p, 6) & 0xff3f) !== 0;
}

export function ipv4Ttl(p: usize): u32 {
  return load<u8>(p, 8);
}

export function ipv4Protocol(p: usize): u32 {
  return load<u8>(p, 9);
}

export function ipv4CheckBe(p: usize): u32 {
  return load<u16>(p, 10);
}

export function ipv4Saddr(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 12));
}

export function ipv4SaddrBe(p: usize): u32 {
  return load<u32>(p, 12);
}

export function ipv4Daddr(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 16));
}

export function ipv4DaddrBe(p: usize): u32 {
  return load<u32>(p, 16);
}

/** Length of the options in bytes: 0 to 40. */
export function ipv4OptLen(p: usize): u32 {
  return ipv4Ihl(p) - IPV4_HDR_LEN;
}

/** `ihl` in bytes. */
export function ipv4SetIhl(p: usize, ihl: u32): void {
  store<u8>(p, <u8>((IPV4_VERSION << 4) | (ihl >> 2)));
}

export function ipv4SetTos(p: usize, tos: u32): void {
  store<u8>(p, <u8>tos, 1);
}

export function ipv4SetTotLen(p: usize, totLen: u32): void {
  store<u16>(p, bswap<u16>(<u16>totLen), 2);
}

export function ipv4SetId(p: usize, id: u32): void {
  store<u16>(p, bswap<u16>(<u16>id), 4);
}

export function ipv4SetFragOff(p: usize, fragOff: u32): void {
  store<u16>(p, bswap<u16>(<u16>fragOff), 6);
}

export function ipv4SetTtl(p: usize, ttl: u32): void {
  store<u8>(p, <u8>ttl, 8);
}

export function ipv4SetProtocol(p: usize, protocol: u32): void {
  store<u8>(p, <u8>protocol, 9);
}

export function ipv4SetCheckBe(p: usize, checkBe: u32): void {
  store<u16>(p, <u16>checkBe, 10);
}

export function ipv4SetSaddr(p: usize, saddr: u32): void {
  store<u32>(p, bswap<u32>(saddr), 12);
}

export function ipv4SetDaddr(p: usize, daddr: u32): void {
  store<u32>(p, bswap<u32>(daddr), 16);
}

/** TTL - 1 with the checksum kept right (RFC 1624); returns the new TTL. The TTL must not be 0. */
export function ipv4DecreaseTtl(p: usize): u32 {
  // The TTL is the first byte of its 16-bit word: a 1 less there is a 0x0100 more in the complement, which is 1 in
  // the bytes' order on the wire. 0xffff cannot be the sum of a valid header and becomes 0.
  const check = <u32>load<u16>(p, 10) + 1;
  store<u16>(p, <u16>(check >= 0xffff ? check + 1 : check), 10);
  const ttl = <u32>load<u8>(p, 8) - 1;
  store<u8>(p, <u8>ttl, 8);
  return ttl & 0xff;
}

/** Writes a header without options and with a checksum of 0; addresses in host order, `fragOff` with its flags. */
export function emitIpv4(
  p: usize,
  tos: u32,
  totLen: u32,
  id: u32,
  fragOff: u32,
  ttl: u32,
  protocol: u32,
  saddr: u32,
  daddr: u32,
): void {
  ipv4SetIhl(p, IPV4_HDR_LEN);
  ipv4SetTos(p, tos);
  ipv4SetTotLen(p, totLen);
  ipv4SetId(p, id);
  ipv4SetFragOff(p, fragOff);
  ipv4SetTtl(p, ttl);
  ipv4SetProtocol(p, protocol);
  ipv4SetCheckBe(p, 0);
  ipv4SetSaddr(p, saddr);
  ipv4SetDaddr(p, daddr);
}
