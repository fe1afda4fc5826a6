/**
 * ICMPv6 (RFC 4443 2.1). Bit 7 of the type tells information from errors. Neighbour discovery: wire/ndisc.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |     type      |     code      |           checksum            |
 *  +---------------+---------------+-------------------------------+
 *  |            echo: id           |        echo: sequence         |
 *  |                  packet too big: MTU                          |
 *  |                  parameter problem: pointer                   |
 *  +---------------------------------------------------------------+
 *  |   echo: data; errors: as much of the cause as fits 1280 bytes |
 */
import { WIRE_OK, WIRE_SHORT } from './check';

export const ICMPV6_HDR_LEN: u32 = 8;

export const ICMPV6_DEST_UNREACH: u32 = 1;
export const ICMPV6_PKT_TOOBIG: u32 = 2;
export const ICMPV6_TIME_EXCEED: u32 = 3;
export const ICMPV6_PARAMPROB: u32 = 4;
export const ICMPV6_ERRMSG_MAX: u32 = 127;
export const ICMPV6_INFOMSG_MASK: u32 = 0x80;
export const ICMPV6_ECHO_REQUEST: u32 = 128;
export const ICMPV6_ECHO_REPLY: u32 = 129;
export const ICMPV6_MGM_QUERY: u32 = 130;
export const ICMPV6_MGM_REPORT: u32 = 131;
export const ICMPV6_MGM_REDUCTION: u32 = 132;
export const ICMPV6_NI_QUERY: u32 = 139;
export const ICMPV6_NI_REPLY: u32 = 140;
export const ICMPV6_MLD2_REPORT: u32 = 143;
export const ICMPV6_DHAAD_REQUEST: u32 = 144;
export const ICMPV6_DHAAD_REPLY: u32 = 145;
export const ICMPV6_MRDISC_ADV: u32 = 151;
export const ICMPV6_EXT_ECHO_REQUEST: u32 = 160;
export const ICMPV6_EXT_ECHO_REPLY: u32 = 161;

/** Codes of ICMPV6_DEST_UNREACH. */
export const ICMPV6_NOROUTE: u32 = 0;
export const ICMPV6_ADM_PROHIBITED: u32 = 1;
export const ICMPV6_NOT_NEIGHBOUR: u32 = 2;
export const ICMPV6_ADDR_UNREACH: u32 = 3;
export const ICMPV6_PORT_UNREACH: u32 = 4;
export const ICMPV6_POLICY_FAIL: u32 = 5;
export const ICMPV6_REJECT_ROUTE: u32 = 6;

/** Codes of ICMPV6_TIME_EXCEED. */
export const ICMPV6_EXC_HOPLIMIT: u32 = 0;
export const ICMPV6_EXC_FRAGTIME: u32 = 1;

/** Codes of ICMPV6_PARAMPROB. */
export const ICMPV6_HDR_FIELD: u32 = 0;
export const ICMPV6_UNK_NEXTHDR: u32 = 1;
export const ICMPV6_UNK_OPTION: u32 = 2;
export const ICMPV6_HDR_INCOMP: u32 = 3;

/** Linux asks for the second word of every message, so do we. */
export function checkIcmpv6(_p: usize, len: u32): i32 {
  return len < ICMPV6_HDR_LEN ? WIRE_SHORT : WIRE_OK;
}

export function icmpv6Type(p: usize): u32 {
  return load<u8>(p);
}

export function icmpv6Code(p: usize): u32 {
  return load<u8>(p, 1);
}

export function icmpv6ChecksumBe(p: usize): u32 {
  return load<u16>(p, 2);
}

export function icmpv6EchoId(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 4));
}

export function icmpv6EchoSequence(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** The type-dependent word, host order. */
export function icmpv6Info(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

export function icmpv6Mtu(p: usize): u32 {
  return icmpv6Info(p);
}

/** Offset of the octet that a parameter problem is about. */
export function icmpv6Pointer(p: usize): u32 {
  return icmpv6Info(p);
}

/** "Error messages are identified as such by a zero in the high-order bit" (RFC 4443 2.1). */
export function icmpv6IsError(type: u32): bool {
  return (type & ICMPV6_INFOMSG_MASK) === 0;
}

export function icmpv6SetType(p: usize, type: u32): void {
  store<u8>(p, <u8>type);
}

export function icmpv6SetCode(p: usize, code: u32): void {
  store<u8>(p, <u8>code, 1);
}

export function icmpv6SetChecksumBe(p: usize, checksumBe: u32): void {
  store<u16>(p, <u16>checksumBe, 2);
}

/** With a checksum of 0; `info` is the second word in host order: MTU, pointer, id << 16 | sequence. */
export function emitIcmpv6(p: usize, type: u32, code: u32, info: u32): void {
  icmpv6SetType(p, type);
  icmpv6SetCode(p, code);
  icmpv6SetChecksumBe(p, 0);
  store<u32>(p, bswap<u32>(info), 4);
}
