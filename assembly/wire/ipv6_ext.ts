/**
 * IPv6 extension headers (RFC 8200 4, AH RFC 4302 2) and the options in Hop-by-Hop and Destination headers.
 *
 *   Hop-by-Hop (0), Routing (43), Destination (60)         Fragment (44)
 *   +---------+---------+----------------                  +---------+---------+--------------+--+-+
 *   | nexthdr | hdrlen  |  (hdrlen + 1) * 8 bytes in all   | nexthdr |    0    | offset (13)  |  |M|
 *   +---------+---------+----------------                  +---------+---------+--------------+--+-+
 *   AH (51): the same, (hdrlen + 2) * 4 bytes in all       |            identification             |
 *                                                          +---------------------------------------+
 *   option:  | type | len | data (len) |    Pad1: one byte of 0
 *   type:    bits 7-6 what to do when it is not known (RFC 8200 4.2), bit 5 it may change on the way
 */
import { WIRE_FIELD, WIRE_HDR_LEN, WIRE_OK, WIRE_OPTION, WIRE_SHORT } from './check';
import {
  NEXTHDR_AUTH,
  NEXTHDR_DEST,
  NEXTHDR_FRAGMENT,
  NEXTHDR_HOP,
  NEXTHDR_NONE,
  NEXTHDR_ROUTING,
} from './ipv6';

export const IPV6_EXT_MIN_LEN: u32 = 8;
export const IPV6_FRAG_HDR_LEN: u32 = 8;
export const IP6_MF: u32 = 0x0001;
export const IP6_OFFSET: u32 = 0xfff8;

export const IPV6_TLV_PAD1: u32 = 0;
export const IPV6_TLV_PADN: u32 = 1;
export const IPV6_TLV_ROUTERALERT: u32 = 5;
export const IPV6_TLV_CALIPSO: u32 = 7;
export const IPV6_TLV_IOAM: u32 = 49;
export const IPV6_TLV_JUMBO: u32 = 194;
export const IPV6_TLV_HAO: u32 = 201;

/** "The highest-order 2 bits specify the action if the option is not recognized" (RFC 8200 4.2). */
export const IPV6_TLV_SKIP: u32 = 0;
export const IPV6_TLV_DISCARD: u32 = 1;
/** Discard and send a parameter problem, code 2, even when the destination was a group. */
export const IPV6_TLV_ICMP: u32 = 2;
/** The same, but only when the destination was not a group. */
export const IPV6_TLV_ICMP_UNICAST: u32 = 3;

export const IPV6_SRCRT_TYPE_0: u32 = 0;
export const IPV6_SRCRT_TYPE_2: u32 = 2;
export const IPV6_SRCRT_TYPE_3: u32 = 3;
export const IPV6_SRCRT_TYPE_4: u32 = 4;

/** Headers that a walk goes through. ESP is none: what follows it cannot be read. */
export function ipv6ExtHdr(nexthdr: u32): bool {
  return (
    nexthdr === NEXTHDR_HOP ||
    nexthdr === NEXTHDR_ROUTING ||
    nexthdr === NEXTHDR_FRAGMENT ||
    nexthdr === NEXTHDR_AUTH ||
    nexthdr === NEXTHDR_NONE ||
    nexthdr === NEXTHDR_DEST
  );
}

/** The extension header of type `nexthdr` at `p` lies in the `len` bytes, and its length is a possible one. */
export function checkIpv6Ext(p: usize, len: u32, nexthdr: u32): i32 {
  if (len < IPV6_EXT_MIN_LEN) return WIRE_SHORT;
  if (ipv6ExtLen(p, nexthdr) > len) return WIRE_HDR_LEN;
  // SPI and sequence number are always there (RFC 4302 2).
  if (nexthdr === NEXTHDR_AUTH && ipv6ExtLen(p, nexthdr) < 12) return WIRE_HDR_LEN;
  return WIRE_OK;
}

export function ipv6ExtNexthdr(p: usize): u32 {
  return load<u8>(p);
}

/** Length of the whole extension header of type `nexthdr` in bytes. */
export function ipv6ExtLen(p: usize, nexthdr: u32): u32 {
  if (nexthdr === NEXTHDR_FRAGMENT) return IPV6_FRAG_HDR_LEN;
  const hdrlen = <u32>load<u8>(p, 1);
  return nexthdr === NEXTHDR_AUTH ? (hdrlen + 2) << 2 : (hdrlen + 1) << 3;
}

/** The whole field: offset in bytes, as its low 3 bits are no part of it, and IP6_MF. */
export function ipv6FragOff(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function ipv6FragOffBytes(p: usize): u32 {
  return ipv6FragOff(p) & IP6_OFFSET;
}

export function ipv6FragMf(p: usize): bool {
  return (load<u8>(p, 3) & 1) !== 0;
}

export function ipv6FragId(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

/** `fragOff`: offset in bytes (a multiple of 8) and IP6_MF. */
export function emitIpv6Frag(p: usize, nexthdr: u32, fragOff: u32, id: u32): void {
  store<u8>(p, <u8>nexthdr);
  store<u8>(p, 0, 1);
  store<u16>(p, bswap<u16>(<u16>fragOff), 2);
  store<u32>(p, bswap<u32>(id), 4);
}

/** Routing header: its type and the segments left (RFC 8200 4.4). */
export function ipv6RtType(p: usize): u32 {
  return load<u8>(p, 2);
}

export function ipv6RtSegmentsLeft(p: usize): u32 {
  return load<u8>(p, 3);
}

/**
 * Walks the extension headers behind the IPv6 header. `p`, `len`: all behind it; `nexthdr`: its field. Returns the
 * offset of the upper-layer header from `p` and stores its number (u32) and the last fragment field (u32, host
 * order, 0 when there was none). Behind the header of a fragment that is not the first there is no upper-layer
 * header: the walk then ends at that Fragment header itself. -1: a header does not fit, or "no next header".
 * Linux: net/ipv6/exthdrs_core.c. Differs: a header that is longer than the packet is -1, not an offset behind it.
 */
export function ipv6SkipExthdr(
  p: usize,
  len: u32,
  nexthdr: u32,
  outNexthdrPtr: usize,
  outFragOffPtr: usize,
): i32 {
  const at = ipv6WalkExthdr(p, len, nexthdr, outNexthdrPtr, outFragOffPtr);
  return at > <i32>len ? -1 : at;
}

/** The same as Linux has it: what a header that is longer than the packet names may be told to lie behind the packet. */
export function ipv6WalkExthdr(
  p: usize,
  len: u32,
  nexthdr: u32,
  outNexthdrPtr: usize,
  outFragOffPtr: usize,
): i32 {
  let pos: u32 = 0;
  let fragOff: u32 = 0;
  while (ipv6ExtHdr(nexthdr)) {
    if (nexthdr === NEXTHDR_NONE || pos > len || len - pos < 2) return -1;
    if (nexthdr === NEXTHDR_FRAGMENT) {
      if (len - pos < 4) return -1;
      fragOff = ipv6FragOff(p + pos);
      if ((fragOff & IP6_OFFSET) !== 0) break;
    }
    const hdrlen = ipv6ExtLen(p + pos, nexthdr);
    nexthdr = ipv6ExtNexthdr(p + pos);
    pos += hdrlen;
  }
  store<u32>(outNexthdrPtr, nexthdr);
  store<u32>(outFragOffPtr, fragOff);
  return pos;
}

/**
 * Offset from `p` of the first extension header of type `target`, or -1. Stops where ipv6SkipExthdr does. A
 * Hop-by-Hop header counts only as the first (RFC 8200 4.1).
 */
export function ipv6FindExthdr(p: usize, len: u32, nexthdr: u32, target: u32): i32 {
  let pos: u32 = 0;
  while (ipv6ExtHdr(nexthdr)) {
    if (nexthdr === NEXTHDR_NONE || len - pos < IPV6_EXT_MIN_LEN) return -1;
    if (nexthdr === NEXTHDR_HOP && pos !== 0) return -1;
    const hdrlen = ipv6ExtLen(p + pos, nexthdr);
    if (hdrlen > len - pos) return -1;
    if (nexthdr === target) return pos;
    if (nexthdr === NEXTHDR_FRAGMENT && ipv6FragOffBytes(p + pos) !== 0) return -1;
    nexthdr = ipv6ExtNexthdr(p + pos);
    pos += hdrlen;
  }
  return -1;
}

/** The position behind the option at `pos` of `len` bytes of options (the header without its first 2), or -1. */
export function ipv6OptNext(opts: usize, len: u32, pos: u32): i32 {
  if (pos >= len) return -1;
  if (load<u8>(opts + pos) === <u8>IPV6_TLV_PAD1) return pos + 1;
  if (len - pos < 2) return -1;
  const optlen = <u32>load<u8>(opts + pos, 1) + 2;
  if (optlen > len - pos) return -1;
  return pos + optlen;
}

/** IPV6_TLV_SKIP and the like, for an option that is not known. */
export function ipv6OptAction(type: u32): u32 {
  return (type >> 6) & 3;
}

/** "Option Data can change en route": AH counts it as zeros. */
export function ipv6OptMayChange(type: u32): bool {
  return (type & 0x20) !== 0;
}

/**
 * All options fit, and the padding is what a sender needs: at most 7 bytes in a row, PadN filled with zeros, as
 * Linux asks (net/ipv6/exthdrs.c) because padding is a covert channel (RFC 4942 2.1.9.5).
 */
export function ipv6OptionsCheck(opts: usize, len: u32): i32 {
  let pos: u32 = 0;
  let padding: u32 = 0;
  while (pos < len) {
    const next = ipv6OptNext(opts, len, pos);
    if (next < 0) return WIRE_OPTION;
    if (load<u8>(opts + pos) > <u8>IPV6_TLV_PADN) {
      padding = 0;
    } else {
      padding += next - pos;
      if (padding > 7) return WIRE_FIELD;
      for (let at = pos + 2; at < <u32>next; at++) if (load<u8>(opts + at) !== 0) return WIRE_FIELD;
    }
    pos = next;
  }
  return WIRE_OK;
}
