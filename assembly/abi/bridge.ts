/**
 * Bridges as requests see them: the attributes of a bridge and of its ports under the names of `ip link ... type
 * bridge` and `bridge link`, forwarding entries, VLANs and groups. Times are in hundredths of a second (USER_HZ), as in
 * Linux's own messages (include/uapi/linux/if_link.h, if_bridge.h).
 */

/** u32 each; those from ROOT_PORT on are read only. */
export enum BrAttr {
  FORWARD_DELAY = 0,
  HELLO_TIME,
  MAX_AGE,
  AGEING_TIME,
  STP_STATE,
  PRIORITY,
  VLAN_FILTERING,
  /** 0x8100 or 0x88a8 */
  VLAN_PROTOCOL,
  GROUP_FWD_MASK,
  VLAN_DEFAULT_PVID,
  /** 0: as many as BR_FDB_LEARNED_MAX. */
  FDB_MAX_LEARNED,
  NO_LINKLOCAL_LEARN,
  MCAST_SNOOPING,
  /** 0 never, 1 found out, 2 always */
  MCAST_ROUTER,
  MCAST_QUERY_USE_IFADDR,
  MCAST_QUERIER,
  MCAST_HASH_MAX,
  MCAST_LAST_MEMBER_COUNT,
  MCAST_STARTUP_QUERY_COUNT,
  MCAST_LAST_MEMBER_INTERVAL,
  MCAST_MEMBERSHIP_INTERVAL,
  MCAST_QUERIER_INTERVAL,
  MCAST_QUERY_INTERVAL,
  MCAST_QUERY_RESPONSE_INTERVAL,
  MCAST_STARTUP_QUERY_INTERVAL,
  MCAST_IGMP_VERSION,
  MCAST_MLD_VERSION,
  VLAN_STATS_ENABLED,
  /** Not while ports have VLANs. */
  VLAN_STATS_PER_PORT,
  ROOT_PORT,
  ROOT_PATH_COST,
  TOPOLOGY_CHANGE,
  TOPOLOGY_CHANGE_DETECTED,
  FDB_N_LEARNED,
  /** Priority and MAC as numbers: the upper and the lower half of the eight bytes in network order. */
  ROOT_ID_HI,
  ROOT_ID_LO,
  BRIDGE_ID_HI,
  BRIDGE_ID_LO,
  MAX,
}

/** u32 each; those from NO on are read only. */
export enum BrPortAttr {
  STATE = 0,
  PRIORITY,
  /** 0: by the port's speed. */
  COST,
  HAIRPIN,
  /** BPDU guard. */
  GUARD,
  ROOT_BLOCK,
  FAST_LEAVE,
  LEARNING,
  FLOOD,
  MCAST_FLOOD,
  BCAST_FLOOD,
  MCAST_TO_UNICAST,
  ISOLATED,
  LOCKED,
  NEIGH_SUPPRESS,
  PROXY_ARP,
  PROXY_ARP_WIFI,
  /** 0 never, 1 found out, 2 always, 3 found out a moment ago */
  MCAST_ROUTER,
  GROUP_FWD_MASK,
  NO,
  ID,
  DESIGNATED_ROOT_HI,
  DESIGNATED_ROOT_LO,
  DESIGNATED_BRIDGE_HI,
  DESIGNATED_BRIDGE_LO,
  DESIGNATED_PORT,
  DESIGNATED_COST,
  PVID,
  MAX,
}

/** Linux: include/uapi/linux/if_bridge.h */
export enum BrState {
  DISABLED = 0,
  LISTENING = 1,
  LEARNING = 2,
  FORWARDING = 3,
  BLOCKING = 4,
}

/** BRIDGE_SET, BRIDGE_PORT_SET (in): u32 net, i32 ifindex, u32 attribute, u32 value. */
export enum BrSetRec {
  NET = 0,
  IFINDEX = 4,
  ATTR = 8,
  VALUE = 12,
  SIZE = 16,
}

/** BRIDGE_GET, BRIDGE_PORT_GET: in net, ifindex; out i32 ifindex of the bridge, u32 count, u32[count]. */
export enum BrGetRec {
  NET = 0,
  IFINDEX = 4,
  MASTER = 8,
  COUNT = 12,
  VALUES = 16,
  SIZE = 168,
}

/** FDB_NEW, FDB_DEL, FDB_FLUSH, and records of FDB_DUMP. */
export enum FdbRec {
  NET = 0,
  /** i32: port, or the bridge itself. */
  IFINDEX = 4,
  /** i32, out: the bridge. */
  MASTER = 8,
  /** u16 NUD_*: PERMANENT is local, NOARP static, REACHABLE (or 0) ages; u8 NTF_*; u8 1 when it was learned */
  STATE = 12,
  FLAGS = 14,
  LEARNED = 15,
  MAC = 16,
  /** u16; 0: no VLAN, in FDB_NEW with VLAN filtering every VLAN of the port as well. */
  VID = 22,
  /** u32, out: hundredths of a second since it was used, and since it was seen. */
  USED = 24,
  UPDATED = 28,
  SIZE = 32,
}
/** FLAGS of FDB_NEW (NLM_F_*), 0: add, -EEXIST when it is there. */
export const FDB_F_REPLACE: u32 = 1;
export const FDB_F_APPEND: u32 = 2;
/** STATE of FDB_FLUSH: which kinds go besides those that age. */
export const FDB_FLUSH_STATIC: u32 = 1;
export const FDB_FLUSH_PERMANENT: u32 = 2;

/** BRIDGE_VLAN_NEW, _DEL, _SET, and records of BRIDGE_VLAN_DUMP: a range of VLANs of a port or of the bridge itself. */
export enum BrVlanRec {
  NET = 0,
  IFINDEX = 4,
  /** u16 first, last; u16 BR_VLAN_* */
  VID = 8,
  VID_END = 10,
  FLAGS = 12,
  /** u16 BrState: in of _SET, out of _DUMP. */
  STATE = 14,
  SIZE = 16,
}

/** Records of BRIDGE_VLAN_STATS: u16 VLAN, u16 BR_VLAN_*; u64 each. */
export enum BrVlanStatsRec {
  VID = 0,
  FLAGS = 2,
  RX_BYTES = 8,
  RX_PACKETS = 16,
  TX_BYTES = 24,
  TX_PACKETS = 32,
  SIZE = 40,
}
export const BR_VLAN_PVID: u32 = 2;
export const BR_VLAN_UNTAGGED: u32 = 4;

/** MDB_NEW, MDB_DEL, and records of MDB_DUMP. */
export enum MdbRec {
  NET = 0,
  /** i32: port, or the bridge itself (the host joined). */
  IFINDEX = 4,
  MASTER = 8,
  /** u16 VLAN; u8 family (AF_INET, AF_INET6, 0: a MAC); u8 MDB_* */
  VID = 12,
  FAMILY = 14,
  FLAGS = 15,
  ADDR = 16,
  /** u32, out: hundredths of a second until it goes; 0 for permanent ones. */
  TIMER = 32,
  /** u8, out: 1 INCLUDE, 0 EXCLUDE; u8 MDB_KIND_* */
  FILTER_MODE = 36,
  KIND = 37,
  /** The source of an (S,G), 0 of a (*,G). */
  SRC = 40,
  SIZE = 56,
}
export const MDB_PERMANENT: u32 = 1;
export const MDB_FAST_LEAVE: u32 = 2;
/** Of an (S,G): the port is in it because it excludes other sources; the port excludes this one. */
export const MDB_STAR_EXCL: u32 = 4;
export const MDB_BLOCKED: u32 = 8;
/** From a request, not from a report ("proto static"). */
export const MDB_USER: u32 = 64;
/** KIND of a record of MDB_DUMP: a membership, or one of the sources of the membership told before it (SRC, TIMER). */
export const MDB_KIND_GROUP: u32 = 0;
export const MDB_KIND_SOURCE: u32 = 1;

/** Event FDB (abi/event): ADDR is MAC, u16 VLAN, i32 ifindex of the bridge, u16 NUD_* state. */
export enum FdbEvent {
  MAC = 0,
  VID = 6,
  MASTER = 8,
  STATE = 12,
}
