/**
 * VLAN tag (IEEE 802.1Q clause 9). The tag stands where the EtherType would: the pointer is to the TCI, the tag's
 * own EtherType (ETH_P_8021Q, ETH_P_8021AD) is the one in front of it.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-----+-+-----------------------+-------------------------------+
 *  | PCP |D|          VID          |    encapsulated EtherType     |
 *  +-----+-+-----------------------+-------------------------------+
 */
import { WIRE_OK, WIRE_SHORT } from './check';

export const VLAN_HLEN: u32 = 4;
export const VLAN_ETH_HLEN: u32 = 18;
export const VLAN_PRIO_MASK: u32 = 0xe000;
export const VLAN_PRIO_SHIFT: u32 = 13;
export const VLAN_CFI_MASK: u32 = 0x1000;
export const VLAN_VID_MASK: u32 = 0x0fff;
/** VIDs run from 0 (priority tag) to 4094; 4095 is reserved (802.1Q table 9-2). */
export const VLAN_N_VID: u32 = 4096;

export function checkVlan(_p: usize, len: u32): i32 {
  return len < VLAN_HLEN ? WIRE_SHORT : WIRE_OK;
}

export function vlanTci(p: usize): u32 {
  return bswap<u16>(load<u16>(p));
}

export function vlanVid(p: usize): u32 {
  return vlanTci(p) & VLAN_VID_MASK;
}

export function vlanPrio(p: usize): u32 {
  return vlanTci(p) >> VLAN_PRIO_SHIFT;
}

/** Drop eligible; Linux calls it CFI. */
export function vlanDei(p: usize): bool {
  return (vlanTci(p) & VLAN_CFI_MASK) !== 0;
}

export function vlanEncapsulatedProto(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function vlanSetTci(p: usize, tci: u32): void {
  store<u16>(p, bswap<u16>(<u16>tci));
}

export function emitVlan(p: usize, tci: u32, encapsulatedProto: u32): void {
  vlanSetTci(p, tci);
  store<u16>(p, bswap<u16>(<u16>encapsulatedProto), 2);
}
