/**
 * ICMP for IPv4 (RFC 792, RFC 1191 4, RFC 1812 5.2.7, RFC 4884). Every message that the core makes or reads starts
 * with these 8 bytes; the second word depends on the type.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |     type      |     code      |           checksum            |
 *  +---------------+---------------+-------------------------------+
 *  |            echo: id           |        echo: sequence         |
 *  |            redirect: gateway address                          |
 *  |            fragmentation needed: 0    |   next-hop MTU        |
 *  | parameter problem: pointer    |                               |
 *  +---------------------------------------------------------------+
 *  |   echo: data; errors: IP header and what follows of the cause |
 */
import { WIRE_OK, WIRE_SHORT } from './check';

export const ICMP_HDR_LEN: u32 = 8;
export const ICMP_TIMESTAMP_LEN: u32 = 20;

export const ICMP_ECHOREPLY: u32 = 0;
export const ICMP_DEST_UNREACH: u32 = 3;
export const ICMP_SOURCE_QUENCH: u32 = 4;
export const ICMP_REDIRECT: u32 = 5;
export const ICMP_ECHO: u32 = 8;
export const ICMP_ROUTERADVERT: u32 = 9;
export const ICMP_ROUTERSOLICIT: u32 = 10;
export const ICMP_TIME_EXCEEDED: u32 = 11;
export const ICMP_PARAMETERPROB: u32 = 12;
export const ICMP_TIMESTAMP: u32 = 13;
export const ICMP_TIMESTAMPREPLY: u32 = 14;
export const ICMP_INFO_REQUEST: u32 = 15;
export const ICMP_INFO_REPLY: u32 = 16;
export const ICMP_ADDRESS: u32 = 17;
export const ICMP_ADDRESSREPLY: u32 = 18;
export const NR_ICMP_TYPES: u32 = 18;
export const ICMP_EXT_ECHO: u32 = 42;
export const ICMP_EXT_ECHOREPLY: u32 = 43;

/** Codes of ICMP_DEST_UNREACH. */
export const ICMP_NET_UNREACH: u32 = 0;
export const ICMP_HOST_UNREACH: u32 = 1;
export const ICMP_PROT_UNREACH: u32 = 2;
export const ICMP_PORT_UNREACH: u32 = 3;
export const ICMP_FRAG_NEEDED: u32 = 4;
export const ICMP_SR_FAILED: u32 = 5;
export const ICMP_NET_UNKNOWN: u32 = 6;
export const ICMP_HOST_UNKNOWN: u32 = 7;
export const ICMP_HOST_ISOLATED: u32 = 8;
export const ICMP_NET_ANO: u32 = 9;
export const ICMP_HOST_ANO: u32 = 10;
export const ICMP_NET_UNR_TOS: u32 = 11;
export const ICMP_HOST_UNR_TOS: u32 = 12;
export const ICMP_PKT_FILTERED: u32 = 13;
export const ICMP_PREC_VIOLATION: u32 = 14;
export const ICMP_PREC_CUTOFF: u32 = 15;
export const NR_ICMP_UNREACH: u32 = 15;

/** Codes of ICMP_REDIRECT. */
export const ICMP_REDIR_NET: u32 = 0;
export const ICMP_REDIR_HOST: u32 = 1;
export const ICMP_REDIR_NETTOS: u32 = 2;
export const ICMP_REDIR_HOSTTOS: u32 = 3;

/** Codes of ICMP_TIME_EXCEEDED. */
export const ICMP_EXC_TTL: u32 = 0;
export const ICMP_EXC_FRAGTIME: u32 = 1;

export function checkIcmp(_p: usize, len: u32): i32 {
  return len < ICMP_HDR_LEN ? WIRE_SHORT : WIRE_OK;
}

export function icmpType(p: usize): u32 {
  return load<u8>(p);
}

export function icmpCode(p: usize): u32 {
  return load<u8>(p, 1);
}

export function icmpChecksumBe(p: usize): u32 {
  return load<u16>(p, 2);
}

export function icmpEchoId(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

export function icmpEchoSequence(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** Host order. */
export function icmpGateway(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

/** Next-hop MTU of fragmentation needed; 0 from a router older than RFC 1191. */
export function icmpFragMtu(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** Offset of the octet that a parameter problem is about. */
export function icmpParamPointer(p: usize): u32 {
  return load<u8>(p, 4);
}

/** The type-dependent word, host order. */
export function icmpInfo(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

/** An error message, which must never be answered by another error (RFC 1122 3.2.2). */
export function icmpIsError(type: u32): bool {
  return (
    type === ICMP_DEST_UNREACH ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETERPROB
  );
}

export function icmpSetType(p: usize, type: u32): void {
  store<u8>(p, <u8>type);
}

export function icmpSetCode(p: usize, code: u32): void {
  store<u8>(p, <u8>code, 1);
}

export function icmpSetChecksumBe(p: usize, checksumBe: u32): void {
  store<u16>(p, <u16>checksumBe, 2);
}

/** With a checksum of 0; `info` is the second word in host order: MTU, gateway, pointer << 24, id << 16 | sequence. */
export function emitIcmp(p: usize, type: u32, code: u32, info: u32): void {
  icmpSetType(p, type);
  icmpSetCode(p, code);
  icmpSetChecksumBe(p, 0);
  store<u32>(p, bswap<u32>(info), 4);
}
