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

/** IFLA_BOND_*. In a request the fields whose bit (1 << BondField) is in SET are meant. */
export enum BondData {
  /** u8 each: BOND_MODE_*, BOND_XMIT_POLICY_*, 1: fast, BOND_AD_*, BOND_PRI_RESELECT_*, BOND_FOM_* */
  MODE = 0,
  XMIT_HASH_POLICY = 1,
  AD_LACP_RATE = 2,
  AD_SELECT = 3,
  PRIMARY_RESELECT = 4,
  FAIL_OVER_MAC = 5,
  NUM_PEER_NOTIF = 6,
  ALL_SLAVES_ACTIVE = 7,
  /** u32 milliseconds each. */
  MIIMON = 8,
  UPDELAY = 12,
  DOWNDELAY = 16,
  PEER_NOTIF_DELAY = 20,
  /** i32 ifindex, 0: none. */
  PRIMARY = 24,
  ACTIVE_SLAVE = 28,
  /** u32 */
  MIN_LINKS = 32,
  PACKETS_PER_SLAVE = 36,
  /** u16 */
  AD_ACTOR_SYS_PRIO = 40,
  AD_USER_PORT_KEY = 42,
  /** u8, u8[6] */
  AD_LACP_ACTIVE = 44,
  AD_ACTOR_SYSTEM = 46,
  /** u32: bits of BondField. */
  SET = 52,
  /** Out, mode 802.3ad: the active aggregator: u16 id, ports, actor key, partner key, u8[6] partner's system. */
  AD_AGGREGATOR = 56,
  AD_NUM_PORTS = 58,
  AD_ACTOR_KEY = 60,
  AD_PARTNER_KEY = 62,
  AD_PARTNER_MAC = 64,
  /** u32 milliseconds; u8 BOND_ARP_VALIDATE_*, u8 1: all targets have to answer, u8, u8 */
  ARP_INTERVAL = 120,
  ARP_VALIDATE = 124,
  ARP_ALL_TARGETS = 125,
  MISSED_MAX = 126,
  RESEND_IGMP = 127,
}
/** Where the AD_* are, in the other modes: u32[16] in network order, what the ARP monitor asks, ends with a zero. */
export const BOND_DATA_ARP_TARGETS: u32 = 56;
/** Linux: BOND_MAX_ARP_TARGETS. */
export const BOND_MAX_ARP_TARGETS: u32 = 16;
export enum BondField {
  MODE,
  XMIT_HASH_POLICY,
  AD_LACP_RATE,
  AD_SELECT,
  PRIMARY_RESELECT,
  FAIL_OVER_MAC,
  NUM_PEER_NOTIF,
  ALL_SLAVES_ACTIVE,
  MIIMON,
  UPDELAY,
  DOWNDELAY,
  PEER_NOTIF_DELAY,
  PRIMARY,
  ACTIVE_SLAVE,
  MIN_LINKS,
  PACKETS_PER_SLAVE,
  AD_ACTOR_SYS_PRIO,
  AD_USER_PORT_KEY,
  AD_LACP_ACTIVE,
  AD_ACTOR_SYSTEM,
  ARP_INTERVAL,
  ARP_IP_TARGETS,
  ARP_VALIDATE,
  ARP_ALL_TARGETS,
  MISSED_MAX,
  RESEND_IGMP,
}
export const BOND_MODE_ROUNDROBIN: u32 = 0;
export const BOND_MODE_ACTIVEBACKUP: u32 = 1;
export const BOND_MODE_XOR: u32 = 2;
export const BOND_MODE_BROADCAST: u32 = 3;
export const BOND_MODE_8023AD: u32 = 4;
export const BOND_MODE_TLB: u32 = 5;
export const BOND_XMIT_POLICY_LAYER2: u32 = 0;
export const BOND_XMIT_POLICY_LAYER34: u32 = 1;
export const BOND_XMIT_POLICY_LAYER23: u32 = 2;
export const BOND_XMIT_POLICY_ENCAP23: u32 = 3;
export const BOND_XMIT_POLICY_ENCAP34: u32 = 4;
export const BOND_XMIT_POLICY_VLAN_SRCMAC: u32 = 5;
export const BOND_PRI_RESELECT_ALWAYS: u32 = 0;
export const BOND_PRI_RESELECT_BETTER: u32 = 1;
export const BOND_PRI_RESELECT_FAILURE: u32 = 2;
export const BOND_FOM_NONE: u32 = 0;
export const BOND_FOM_ACTIVE: u32 = 1;
export const BOND_FOM_FOLLOW: u32 = 2;
export const BOND_ARP_VALIDATE_NONE: u32 = 0;
export const BOND_ARP_VALIDATE_ACTIVE: u32 = 1;
export const BOND_ARP_VALIDATE_BACKUP: u32 = 2;
/** Only ARP of the targets counts where nothing is validated. */
export const BOND_ARP_FILTER: u32 = 4;
export const BOND_ARP_VALIDATE_MAX: u32 = 6;
export const BOND_AD_STABLE: u32 = 0;
export const BOND_AD_BANDWIDTH: u32 = 1;
export const BOND_AD_COUNT: u32 = 2;

/** IFLA_BOND_SLAVE_*: of a port of a bond, out. */
export enum BondSlaveData {
  /** u8: 0 active, 1 backup; u8: BOND_LINK_* */
  STATE = 0,
  MII_STATUS = 1,
  /** u8: LACP state of actor and partner. */
  AD_ACTOR_OPER_PORT_STATE = 2,
  AD_PARTNER_OPER_PORT_STATE = 3,
  /** u32 */
  LINK_FAILURE_COUNT = 4,
  /** u8[6], u16 */
  PERM_HWADDR = 8,
  AD_AGGREGATOR_ID = 14,
}
export const BOND_LINK_UP: u32 = 0;
export const BOND_LINK_FAIL: u32 = 1;
export const BOND_LINK_DOWN: u32 = 2;
export const BOND_LINK_BACK: u32 = 3;

/** Ports. */
export enum PortData {
  /** u32: receive queues, 1 to RX_QUEUES_MAX (abi/rss); 0 in LINK_NEW: one. */
  QUEUES = 0,
}

/** IFLA_VRF_*. */
export enum VrfData {
  /** u32: routing table of both families; only in LINK_NEW. */
  TABLE = 0,
}
