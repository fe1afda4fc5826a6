/**
 * IGMP (RFC 1112, RFC 2236, RFC 3376): who listens to which IPv4 group.
 *
 *    0       1          2          4            8                      type 0x11 query, 0x12/0x16 report, 0x17 leave
 *   +-------+----------+----------+------------+
 *   | type  | max resp | checksum | group      |                       v3 query: S/QRV, QQIC, u16 sources, sources
 *   +-------+----------+----------+------------+
 *
 *   type 0x22 (v3 report): u16 0 at 4, u16 records at 6, then per record
 *   +-------------+-----------------+--------------+-----------+-------------+----------------+
 *   | record type | auxiliary words | u16 sources  | group (4) | sources (4) | auxiliary data |
 *   +-------------+-----------------+--------------+-----------+-------------+----------------+
 */
import { csumFold, csumPartial } from '../lib/checksum';
import { WIRE_FIELD, WIRE_OK, WIRE_OPTION, WIRE_SHORT } from './check';

export const IPPROTO_IGMP: u32 = 2;
export const IGMP_HOST_MEMBERSHIP_QUERY: u32 = 0x11;
export const IGMP_HOST_MEMBERSHIP_REPORT: u32 = 0x12;
export const IGMPV2_HOST_MEMBERSHIP_REPORT: u32 = 0x16;
export const IGMP_HOST_LEAVE_MESSAGE: u32 = 0x17;
export const IGMPV3_HOST_MEMBERSHIP_REPORT: u32 = 0x22;

export const IGMP_LEN: u32 = 8;
export const IGMPV3_QUERY_LEN: u32 = 12;
export const IGMPV3_RECORD_LEN: u32 = 8;

// Record types of IGMPv3 and MLDv2.
export const MODE_IS_INCLUDE: u32 = 1;
export const MODE_IS_EXCLUDE: u32 = 2;
export const CHANGE_TO_INCLUDE: u32 = 3;
export const CHANGE_TO_EXCLUDE: u32 = 4;
export const ALLOW_NEW_SOURCES: u32 = 5;
export const BLOCK_OLD_SOURCES: u32 = 6;

/** Length, checksum and, in a v3 report or query, that every record and source is there. */
export function checkIgmp(p: usize, len: u32): i32 {
  if (len < IGMP_LEN) return WIRE_SHORT;
  if (csumFold(csumPartial(p, len, 0)) !== 0) return WIRE_FIELD;
  const type = igmpType(p);
  if (type === IGMPV3_HOST_MEMBERSHIP_REPORT) return checkRecords(p, len, IGMPV3_RECORD_LEN, 4);
  if (type === IGMP_HOST_MEMBERSHIP_QUERY && len > IGMP_LEN) {
    if (len < IGMPV3_QUERY_LEN) return WIRE_OPTION;
    if ((len - IGMPV3_QUERY_LEN) >> 2 < <u32>bswap<u16>(load<u16>(p, 10))) return WIRE_OPTION;
  }
  return WIRE_OK;
}

/** Records of a report: `header` bytes each, the count of sources at 2, `source` bytes per source, words of data behind. */
export function checkRecords(p: usize, len: u32, header: u32, source: u32): i32 {
  let left = len - IGMP_LEN;
  let at = p + IGMP_LEN;
  for (let n: u32 = bswap<u16>(load<u16>(p, 6)); n > 0; n--) {
    if (left < header) return WIRE_OPTION;
    const size = recordLen(at, header, source);
    if (size > left) return WIRE_OPTION;
    at += size;
    left -= size;
  }
  return WIRE_OK;
}

/** Bytes of one record; its header is there. */
export function recordLen(at: usize, header: u32, source: u32): u32 {
  return header + recordSources(at) * source + ((<u32>load<u8>(at, 1)) << 2);
}

export function recordType(at: usize): u32 {
  return load<u8>(at);
}

export function recordSources(at: usize): u32 {
  return bswap<u16>(load<u16>(at, 2));
}

/** Records of a v3 report (or MLDv2 report). */
export function reportRecords(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

export function igmpType(p: usize): u32 {
  return load<u8>(p);
}

/** Maximum response time in 1/10 s; in a v3 query a code (igmpDelay). */
export function igmpCode(p: usize): u32 {
  return load<u8>(p, 1);
}

/** Network order. */
export function igmpGroup(p: usize): u32 {
  return load<u32>(p, 4);
}

export function igmpQuerySources(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 10));
}

/** RFC 3376 4.1.1: from 128 on the code is a floating point number. */
export function igmpDelay(code: u32): u32 {
  return code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
}

/** RFC 3810 5.1.3: the same with twelve bits, for MLDv2. */
export function mldDelay(code: u32): u32 {
  return code < 32768 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

/** A query of `len` bytes for `group` (network order; 0: general), checksum and all; what v3 has behind it is there. */
export function emitIgmpQuery(p: usize, len: u32, code: u32, group: u32): void {
  store<u8>(p, <u8>IGMP_HOST_MEMBERSHIP_QUERY);
  store<u8>(p, <u8>code, 1);
  store<u16>(p, 0, 2);
  store<u32>(p, group, 4);
  store<u16>(p, <u16>csumFold(csumPartial(p, len, 0)), 2);
}
