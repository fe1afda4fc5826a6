/**
 * Slow protocols: LACP and the marker protocol (IEEE 802.1AX §6.4.2, §6.5.3). The pointer is to the subtype, behind the
 * Ethernet header of type 0x8809; both PDUs have 110 bytes.
 *
 *   LACPDU  │ 1 │ 1 │ 01 14 actor information │ 02 14 partner information │ 03 10 collector │ 00 00 │ 50 reserved
 *   marker  │ 2 │ 1 │ 01 10 port system transaction pad │ 00 00 │ 90 reserved           (02 10 … in the response)
 *
 *   information (behind its type and length): system priority 2, system 6, key 2, port priority 2, port 2, state 1, 3
 */
import { WIRE_FIELD, WIRE_OK, WIRE_SHORT } from './check';

export const SLOW_PDU_LEN: u32 = 110;
export const AD_TYPE_LACPDU: u32 = 1;
export const AD_TYPE_MARKER: u32 = 2;
export const AD_MARKER_INFORMATION_SUBTYPE: u32 = 1;
export const AD_MARKER_RESPONSE_SUBTYPE: u32 = 2;
const MARKER_TLV_TYPE: usize = 2;
const ACTOR: usize = 4;
const PARTNER: usize = 24;
const COLLECTOR: usize = 42;
const INFO_TLV_LEN: u8 = 20;
const COLLECTOR_TLV_LEN: u8 = 16;

// Bits of a state (IEEE 802.1AX §6.4.2.3).
export const LACP_STATE_LACP_ACTIVITY: u32 = 1;
export const LACP_STATE_LACP_TIMEOUT: u32 = 2;
export const LACP_STATE_AGGREGATION: u32 = 4;
export const LACP_STATE_SYNCHRONIZATION: u32 = 8;
export const LACP_STATE_COLLECTING: u32 = 16;
export const LACP_STATE_DISTRIBUTING: u32 = 32;
export const LACP_STATE_DEFAULTED: u32 = 64;
export const LACP_STATE_EXPIRED: u32 = 128;

export function checkSlowPdu(p: usize, len: u32): i32 {
  if (len < SLOW_PDU_LEN) return WIRE_SHORT;
  const subtype = load<u8>(p);
  return subtype === AD_TYPE_LACPDU || subtype === AD_TYPE_MARKER ? WIRE_OK : WIRE_FIELD;
}

export function slowSubtype(p: usize): u32 {
  return load<u8>(p);
}

/** AD_MARKER_*_SUBTYPE of a marker PDU. */
export function markerTlvType(p: usize): u32 {
  return load<u8>(p, MARKER_TLV_TYPE);
}

/** Makes the response of a marker PDU of it. */
export function markerSetResponse(p: usize): void {
  store<u8>(p, <u8>AD_MARKER_RESPONSE_SUBTYPE, MARKER_TLV_TYPE);
}

/** The information of the sender; of whom it believes to be its partner. */
export function lacpActor(p: usize): usize {
  return p + ACTOR;
}
export function lacpPartner(p: usize): usize {
  return p + PARTNER;
}

export function lacpSysPrio(info: usize): u32 {
  return bswap<u16>(load<u16>(info));
}
/** The first byte lowest. */
export function lacpSystem(info: usize): u64 {
  return <u64>load<u32>(info, 2) | ((<u64>load<u16>(info, 6)) << 32);
}
export function lacpKey(info: usize): u32 {
  return bswap<u16>(load<u16>(info, 8));
}
export function lacpPortPrio(info: usize): u32 {
  return bswap<u16>(load<u16>(info, 10));
}
export function lacpPort(info: usize): u32 {
  return bswap<u16>(load<u16>(info, 12));
}
export function lacpState(info: usize): u32 {
  return load<u8>(info, 14);
}

/** A LACPDU without actor and partner information. */
export function emitLacpdu(p: usize): void {
  memory.fill(p, 0, SLOW_PDU_LEN);
  store<u8>(p, <u8>AD_TYPE_LACPDU);
  store<u8>(p, 1, 1);
  store<u8>(p, 1, ACTOR - 2);
  store<u8>(p, INFO_TLV_LEN, ACTOR - 1);
  store<u8>(p, 2, PARTNER - 2);
  store<u8>(p, INFO_TLV_LEN, PARTNER - 1);
  store<u8>(p, 3, COLLECTOR);
  store<u8>(p, COLLECTOR_TLV_LEN, COLLECTOR + 1);
}

export function emitLacpInfo(
  info: usize,
  sysPrio: u32,
  system: u64,
  key: u32,
  portPrio: u32,
  port: u32,
  state: u32,
): void {
  store<u16>(info, bswap<u16>(<u16>sysPrio));
  store<u32>(info, <u32>system, 2);
  store<u16>(info, <u16>(system >> 32), 6);
  store<u16>(info, bswap<u16>(<u16>key), 8);
  store<u16>(info, bswap<u16>(<u16>portPrio), 10);
  store<u16>(info, bswap<u16>(<u16>port), 12);
  store<u8>(info, <u8>state, 14);
}
