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
