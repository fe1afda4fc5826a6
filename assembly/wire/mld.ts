/**
 * MLD (RFC 2710, RFC 3810): who listens to which IPv6 group; ICMPv6 behind a Hop-by-Hop header with a router alert.
 *
 *    0       1      2          4             6          8                    24
 *   +-------+------+----------+-------------+----------+--------------------+
 *   | type  | code | checksum | max response| reserved | group (16)         |   130 query, 131 report, 132 done
 *   +-------+------+----------+-------------+----------+--------------------+
 *
 *   v2 query: S/QRV, QQIC, u16 sources, sources behind. v2 report (143): u16 records at 6, then records as in wire/igmp
 *   with groups and sources of 16 bytes.
 */
import { WIRE_OK, WIRE_OPTION, WIRE_SHORT } from './check';
import { checkRecords } from './igmp';

export const MLD_LEN: u32 = 24;
export const MLDV2_QUERY_LEN: u32 = 28;
export const MLDV2_RECORD_LEN: u32 = 20;
const MLD_QUERY: u32 = 130;
const MLDV2_REPORT: u32 = 143;

/** Lengths only: the checksum, with its pseudo header, is ICMPv6's. */
export function checkMld(p: usize, len: u32): i32 {
  if (len < 8) return WIRE_SHORT;
  const type = <u32>load<u8>(p);
  if (type === MLDV2_REPORT) return checkRecords(p, len, MLDV2_RECORD_LEN, 16);
  if (len < MLD_LEN) return WIRE_SHORT;
  if (type === MLD_QUERY && len > MLD_LEN) {
    if (len < MLDV2_QUERY_LEN) return WIRE_OPTION;
    if ((len - MLDV2_QUERY_LEN) >> 4 < mldQuerySources(p)) return WIRE_OPTION;
  }
  return WIRE_OK;
}

/** Milliseconds; in a v2 query a code. */
export function mldMaxResponse(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

/** Address of the 16 bytes. */
export function mldGroup(p: usize): usize {
  return p + 8;
}

export function mldQuerySources(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 26));
}
