/**
 * Neighbour discovery messages (RFC 4861 4). The hop limit of 255 and the checksum are the caller's to check, and
 * so are the rules that need the IPv6 header (RFC 4861 7.1.1: unspecified source).
 *
 *   RS 133      | type code checksum | reserved               | options
 *   RA 134      | type code checksum | hops flags lifetime(2) | reachable(4) | retrans(4) | options
 *   NS 135      | type code checksum | reserved               | target(16)   | options
 *   NA 136      | type code checksum | R S O reserved         | target(16)   | options
 *   Redirect 137| type code checksum | reserved               | target(16)   | destination(16) | options
 *               0                    4                        8              24 (RA: 12)       40
 */
import { WIRE_FIELD, WIRE_OK, WIRE_SHORT } from './check';
import { emitIcmpv6, ICMPV6_HDR_LEN } from './icmpv6';
import { ipv6AddrCopy, ipv6AddrEqual, ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from './ipv6_addr';
import { ndOptionsCheck } from './ndisc_options';

export const NDISC_ROUTER_SOLICITATION: u32 = 133;
export const NDISC_ROUTER_ADVERTISEMENT: u32 = 134;
export const NDISC_NEIGHBOUR_SOLICITATION: u32 = 135;
export const NDISC_NEIGHBOUR_ADVERTISEMENT: u32 = 136;
export const NDISC_REDIRECT: u32 = 137;

export const NDISC_HOPLIMIT: u32 = 255;
export const ND_RS_LEN: u32 = 8;
export const ND_RA_LEN: u32 = 16;
export const ND_NS_LEN: u32 = 24;
export const ND_NA_LEN: u32 = 24;
export const ND_REDIRECT_LEN: u32 = 40;

/** Bits of ndRaFlags. */
export const ND_RA_FLAG_MANAGED: u32 = 0x80;
export const ND_RA_FLAG_OTHER: u32 = 0x40;
export const ND_RA_FLAG_HOME_AGENT: u32 = 0x20;
/** Two bits (RFC 4191 2.2): 01 high, 00 medium, 11 low. */
export const ND_RA_PREF_MASK: u32 = 0x18;

/** Bits of the NA's second word, host order. */
export const ND_NA_FLAG_ROUTER: u32 = 0x80000000;
export const ND_NA_FLAG_SOLICITED: u32 = 0x40000000;
export const ND_NA_FLAG_OVERRIDE: u32 = 0x20000000;

/** RFC 4861 6.1.1. */
export function checkNdRs(p: usize, len: u32): i32 {
  return checkMessage(p, len, ND_RS_LEN);
}

/** RFC 4861 6.1.2. */
export function checkNdRa(p: usize, len: u32): i32 {
  return checkMessage(p, len, ND_RA_LEN);
}

/** RFC 4861 7.1.1. */
export function checkNdNs(p: usize, len: u32): i32 {
  const result = checkMessage(p, len, ND_NS_LEN);
  if (result !== WIRE_OK) return result;
  return ipv6AddrIsMulticast(ndTarget(p)) ? WIRE_FIELD : WIRE_OK;
}

/** RFC 4861 7.1.2; that a NA to a group is not solicited is the caller's. */
export function checkNdNa(p: usize, len: u32): i32 {
  return checkNdNs(p, len);
}

/**
 * RFC 4861 8.1: the destination is no group, and "the ICMP Target Address is either a link-local address (when
 * redirected to a router) or the same as the ICMP Destination Address (when redirected to the on-link destination)".
 */
export function checkNdRedirect(p: usize, len: u32): i32 {
  const result = checkMessage(p, len, ND_REDIRECT_LEN);
  if (result !== WIRE_OK) return result;
  if (ipv6AddrIsMulticast(ndRedirectDest(p))) return WIRE_FIELD;
  if (!ipv6AddrIsLinklocal(ndTarget(p)) && !ipv6AddrEqual(ndTarget(p), ndRedirectDest(p))) return WIRE_FIELD;
  return WIRE_OK;
}

function checkMessage(p: usize, len: u32, fixed: u32): i32 {
  if (len < fixed) return WIRE_SHORT;
  if (load<u8>(p, 1) !== 0) return WIRE_FIELD;
  return ndOptionsCheck(p + fixed, len - fixed);
}

/** Address of the target's 16 bytes in NS, NA and Redirect. */
export function ndTarget(p: usize): usize {
  return p + 8;
}

/** Address of the destination's 16 bytes in a Redirect. */
export function ndRedirectDest(p: usize): usize {
  return p + 24;
}

/** ND_NA_FLAG_* bits. */
export function ndNaFlags(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4)) & 0xe0000000;
}

export function ndRaHopLimit(p: usize): u32 {
  return load<u8>(p, 4);
}

export function ndRaFlags(p: usize): u32 {
  return load<u8>(p, 5);
}

/** Seconds; 0: not a default router. */
export function ndRaLifetime(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** Milliseconds; 0: unspecified. */
export function ndRaReachable(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 8));
}

/** Milliseconds; 0: unspecified. */
export function ndRaRetrans(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 12));
}

/** With a checksum of 0, as all below; options follow at ND_RS_LEN. */
export function emitNdRs(p: usize): void {
  emitIcmpv6(p, NDISC_ROUTER_SOLICITATION, 0, 0);
}

export function emitNdRa(
  p: usize,
  hopLimit: u32,
  flags: u32,
  lifetime: u32,
  reachableMs: u32,
  retransMs: u32,
): void {
  const info = (hopLimit << 24) | ((flags & 0xff) << 16) | (lifetime & 0xffff);
  emitIcmpv6(p, NDISC_ROUTER_ADVERTISEMENT, 0, info);
  store<u32>(p, bswap<u32>(reachableMs), 8);
  store<u32>(p, bswap<u32>(retransMs), 12);
}

export function emitNdNs(p: usize, target: usize): void {
  emitIcmpv6(p, NDISC_NEIGHBOUR_SOLICITATION, 0, 0);
  ipv6AddrCopy(p + ICMPV6_HDR_LEN, target);
}

export function emitNdNa(p: usize, flags: u32, target: usize): void {
  emitIcmpv6(p, NDISC_NEIGHBOUR_ADVERTISEMENT, 0, flags);
  ipv6AddrCopy(p + ICMPV6_HDR_LEN, target);
}

export function emitNdRedirect(p: usize, target: usize, dest: usize): void {
  emitIcmpv6(p, NDISC_REDIRECT, 0, 0);
  ipv6AddrCopy(p + 8, target);
  ipv6AddrCopy(p + 24, dest);
}
