/**
 * LinkRec.DATA and SLAVE_DATA: what each kind of device has of its own, an enum of offsets per kind.
 * Linux: IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA (include/uapi/linux/if_link.h).
 */

/** IFLA_VLAN_*. */
export enum VlanData {
  /** u16 VLAN id (0 to 4094) and u16 protocol, 0x8100 (also for 0) or 0x88a8; both only in LINK_NEW. */
  ID = 0,
  PROTOCOL = 2,
  /** u32 VLAN_FLAG_*; the bits of FLAGS_MASK are set to those of FLAGS. A new device has REORDER_HDR. */
  FLAGS = 4,
  FLAGS_MASK = 8,
  /** u32[8]: skb priority by PCP; those of the bits in INGRESS_MASK are set. */
  INGRESS = 12,
  /** u32[16] skb priority and u8[16] PCP of it; the first EGRESS_COUNT pairs are set, PCP 0 takes one away. */
  EGRESS_PRIORITY = 44,
  EGRESS_PCP = 108,
  /** u8 each */
  EGRESS_COUNT = 124,
  INGRESS_MASK = 125,
}

/** IFLA_MACVLAN_*. */
export enum MacvlanData {
  /** u32 MACVLAN_MODE_*; 0 in a request: VEPA for a new device, else as it is. */
  MODE = 0,
  /** u16 MACVLAN_FLAG_*; the bits of FLAGS_MASK (u16) are set to those of FLAGS. */
  FLAGS = 4,
  FLAGS_MASK = 6,
  /** u16 MACADDR_*: what to do with the MACs; u16 how many (out: of all that there are). */
  MACADDR_MODE = 8,
  MACADDR_COUNT = 10,
  /** u8[6] each, MACVLAN_MACADDRS_MAX of them. */
  MACADDRS = 12,
}
export const MACVLAN_MACADDRS_MAX: u32 = 19;
export const MACVLAN_MODE_PRIVATE: u32 = 1;
export const MACVLAN_MODE_VEPA: u32 = 2;
export const MACVLAN_MODE_BRIDGE: u32 = 4;
export const MACVLAN_MODE_PASSTHRU: u32 = 8;
export const MACVLAN_MODE_SOURCE: u32 = 16;
export const MACVLAN_FLAG_NOPROMISC: u32 = 1;
export const MACVLAN_FLAG_NODST: u32 = 2;
/** Linux: enum macvlan_macaddr_mode, one higher: 0 leaves the list alone. */
export const MACADDR_ADD: u32 = 1;
export const MACADDR_DEL: u32 = 2;
export const MACADDR_FLUSH: u32 = 3;
export const MACADDR_SET: u32 = 4;
