/**
 * Requests: how the host configures the core and asks about it. A batch of messages lies in the request area; the
 * core handles them in order and answers in place, so what is asked and what is answered have one record.
 *
 *   0        4        8        12       16
 *   ├─ LEN ──┼─ TYPE ─┼ FLAGS ─┼ STATUS ┼─ record of the type ─── ... ── LEN
 *
 * LEN is a multiple of 8 and covers header, record and room for the answer. STATUS is 0 or a negative errno. A dump
 * has a cursor in front (DumpHeader): the core fills as many records as LEN has room for and moves the cursor on;
 * COUNT 0 is the end. Linux: rtnetlink(7), whose attributes the records mirror.
 */
export enum Msg {
  LEN = 0,
  TYPE = 4,
  FLAGS = 8,
  STATUS = 12,
  BODY = 16,
}

export enum MsgType {
  NONE = 0,
  NET_NEW = 1,
  NET_DEL,
  LINK_NEW = 8,
  LINK_DEL,
  LINK_SET,
  LINK_DUMP,
  LINK_STATS,
  ADDR_NEW = 16,
  ADDR_DEL,
  ADDR_DUMP,
  ROUTE_NEW = 24,
  ROUTE_DEL,
  ROUTE_DUMP,
  ROUTE_GET,
  NEIGH_NEW = 32,
  NEIGH_DEL,
  NEIGH_DUMP,
  SYSCTL_SET = 40,
  SYSCTL_GET,
  MIB_GET = 48,
  HOOK_NEW = 56,
  HOOK_DEL,
  RAW_BIND = 64,
  RAW_UNBIND,
  HANDLE_RELEASE = 72,
  HANDLE_VERDICT,
  XMIT = 80,
  SEED = 88,
  MEMORY_STATS = 96,
  /** abi/pktgen has their records. */
  PKTGEN_STREAM_NEW = 176,
  PKTGEN_STREAM_DEL,
  PKTGEN_START,
  PKTGEN_STOP,
  PKTGEN_STREAM_GET,
  PKTGEN_RATE,
  PKTGEN_SINK_NEW,
  PKTGEN_SINK_DEL,
  PKTGEN_SINK_RESET,
  PKTGEN_SINK_GET,
  PKTGEN_SINK_STREAM,
  PKTGEN_HISTOGRAM,
  // abi/bridge has the records
  BRIDGE_SET = 104,
  BRIDGE_GET,
  BRIDGE_PORT_SET,
  BRIDGE_PORT_GET,
  FDB_NEW,
  FDB_DEL,
  FDB_FLUSH,
  FDB_DUMP,
  BRIDGE_VLAN_NEW,
  BRIDGE_VLAN_DEL,
  BRIDGE_VLAN_DUMP,
  MDB_NEW,
  MDB_DEL,
  MDB_DUMP,
  BRIDGE_VLAN_SET,
  BRIDGE_VLAN_STATS,
  PACKET_RING_NEW = 192,
  PACKET_RING_DEL,
  FOREIGN_ORPHAN,
  RSS_GET,
  RSS_SET,
  ADDRLABEL_NEW = 152,
  ADDRLABEL_DEL,
  ADDRLABEL_DUMP,
  STABLE_SECRET,
  IP6_LINK_GET,
  /** NEIGH_*: an entry with NTF_PROXY (8) in FLAGS of NEIGH_NEW and NEIGH_DEL is one that is answered for; these are told here. */
  NEIGH_PROXY_DUMP,
  MROUTE_INIT,
  VIF_NEW,
  VIF_DEL,
  VIF_DUMP,
  MFC_NEW,
  MFC_DEL,
  MFC_DUMP,
  MCAST_JOIN,
  MCAST_LEAVE,
  RADV_SET,
  IP6_LAST = 175,
  /** abi/nf_conntrack has their records. */
  CT_ENABLE = 230,
  CT_EVENTS,
  CT_EVENTS_READ,
  CT_STATS,
  TRACE_SET = 208,
  RULE_NEW = 128,
  RULE_DEL,
  RULE_DUMP,
  NEXTHOP_NEW = 136,
  NEXTHOP_DEL,
  NEXTHOP_DUMP,
  NEXTHOP_BUCKETS,
  /** abi/nfnl has its record. */
  NFNL_MSG = 220,
  /** abi/nft_jit has its record. */
  NFT_JIT_DUMP,
  /** abi/nfnl has their record. */
  NFT_EVENTS = 224,
  NFT_EVENTS_READ,
  NFQUEUE_BIND,
}

/** In front of the records of a dump: u32 net, u32 family (0: both), u32 cursor[6] (zero to begin), u32 count, out. */
export enum Dump {
  NET = 0,
  FAMILY = 4,
  CURSOR = 8,
  COUNT = 32,
  /** Only records of this ifindex; 0: all. */
  IFINDEX = 36,
  RECORDS = 40,
}

/** NET_NEW (out: NET), NET_DEL. */
export enum NetRec {
  NET = 0,
  SIZE = 8,
}

export enum LinkRec {
  NET = 0,
  IFINDEX = 4,
  /** u32: out; what rx() and the port table call it. */
  HANDLE = 8,
  /** u32 IFF_*; in LINK_SET the bits of CHANGE are set to those of FLAGS. */
  FLAGS = 12,
  CHANGE = 16,
  /** u32; 0 in LINK_NEW and LINK_SET: leave it. */
  MTU = 20,
  /** u16 ARPHRD_*, u8 DevKind, u8 carrier (LINK_SET: 0 off, 1 on, 255 leave it) */
  TYPE = 24,
  KIND = 26,
  CARRIER = 27,
  /** u32 NetifF */
  FEATURES = 28,
  /** u8[6]; all zero: leave it. */
  MAC = 32,
  /** u8[16], zero-padded; empty in LINK_SET: leave it. */
  NAME = 40,
  /** veth: namespace and, out, ifindex of the peer. */
  PEER_NET = 56,
  PEER_IFINDEX = 60,
  TXQLEN = 64,
  /** Port: descriptors each way, vnet header bytes, large slots wanted (0 or 1); out: address of the rings. */
  RING_ENTRIES = 68,
  VNET_HDR_LEN = 72,
  LARGE = 76,
  PORT = 80,
  /** u8[16]: veth, name of the peer; u8[6] its MAC. */
  PEER_NAME = 84,
  PEER_MAC = 100,
  /** Port: receive descriptors when they are to be fewer than RING_ENTRIES; 0: as many. */
  RX_ENTRIES = 108,
  /** i32: ifindex of the device that this one is stacked on (VLAN, macvlan), 0: none. */
  LINK = 112,
  /** i32: ifindex of the master that this device is a port of, 0: none. Set when SET says so. */
  MASTER = 116,
  /** u32 LINK_SET_*: which of MASTER, DATA and SLAVE_DATA the request means; LINK_NEW always means DATA. */
  SET = 120,
  /** u32, out: how many want every frame of the device. */
  PROMISCUITY = 124,
  /** u8[128]: what this kind of device has of its own; abi/link_data. */
  DATA = 128,
  /** u8[64]: what the device has as a port of its master, of the master's kind. */
  SLAVE_DATA = 256,
  SIZE = 320,
}
/** Bits of LinkRec.SET. */
export const LINK_SET_MASTER: u32 = 1;
export const LINK_SET_DATA: u32 = 2;
export const LINK_SET_SLAVE_DATA: u32 = 4;

/** LINK_STATS: in NET, IFINDEX; out u64 rtnl_link_stats64 and the qdisc's figures, then u64 per drop reason. */
export enum LinkStatsRec {
  NET = 0,
  IFINDEX = 4,
  RX_PACKETS = 8,
  TX_PACKETS = 16,
  RX_BYTES = 24,
  TX_BYTES = 32,
  RX_ERRORS = 40,
  TX_ERRORS = 48,
  RX_DROPPED = 56,
  TX_DROPPED = 64,
  MULTICAST = 72,
  QDISC_QLEN = 80,
  QDISC_DROPS = 88,
  QDISC_REQUEUES = 96,
  DROPS = 104,
}

export enum AddrRec {
  NET = 0,
  IFINDEX = 4,
  /** u8 family, prefix length, scope */
  FAMILY = 8,
  PLEN = 9,
  SCOPE = 10,
  /** u8 IFAPROT_*, out: 1 lo, 2 from a router advertisement, 3 link-local made by the core. */
  PROTO = 11,
  /** u32 IFA_F_* */
  FLAGS = 12,
  /** u8[16]; IPv4 in the first four, network order. */
  ADDR = 16,
  BROADCAST = 32,
  /** u32 seconds; all ones: forever. */
  VALID = 48,
  PREFERRED = 52,
  SIZE = 56,
}

/** FLAGS of ADDR_NEW: an IPv6 address that is there gets the lifetimes and flags (`ip address replace`). */
export const ADDR_F_REPLACE: u32 = 1;

export enum RouteRec {
  NET = 0,
  /** u8 each: family, prefix length, RtType, RTPROT_* */
  FAMILY = 4,
  PLEN = 5,
  TYPE = 6,
  PROTOCOL = 7,
  /** u8 each: RT_SCOPE_*, tos, RTNH_F_*, family of the gateway (0: none) */
  SCOPE = 8,
  TOS = 9,
  NH_FLAGS = 10,
  GW_FAMILY = 11,
  /** u32 table, metric, mtu; i32 ifindex */
  TABLE = 12,
  METRIC = 16,
  MTU = 20,
  OIF = 24,
  HOPLIMIT = 28,
  DST = 32,
  GW = 48,
  PREFSRC = 64,
  /** u32: id of a next-hop object, 0: none. */
  NH_ID = 80,
  /** u32 seconds until it ends, 0: never (IPv6). */
  EXPIRES = 84,
  /** u8 ICMPV6_ROUTER_PREF_*; u16: next hops behind the record (RouteNhRec), when there are several. */
  PREF = 88,
  NH_COUNT = 90,
  /** ROUTE_GET: i32 ifindex that the packet came by, u32 mark, u32 uid, u8 IP protocol, u16 ports (host order). */
  IIF = 92,
  MARK = 96,
  UID = 100,
  IPPROTO = 104,
  SPORT = 106,
  DPORT = 108,
  /** ROUTE_GET: 16 bytes, the source asked with; PREFSRC answers. */
  SRC = 112,
  /** u32 x RTAX_COUNT: the other metrics, in the order of RouteMetric. */
  METRICS = 128,
  SIZE = 184,
}
/** Of METRICS; Linux: RTAX_*. LOCK is a mask of 1 << RTAX_*. */
export enum RouteMetric {
  LOCK = 0,
  WINDOW,
  RTT,
  RTTVAR,
  SSTHRESH,
  CWND,
  ADVMSS,
  REORDERING,
  INITCWND,
  FEATURES,
  RTO_MIN,
  INITRWND,
  QUICKACK,
  FASTOPEN_NO_COOKIE,
  COUNT,
}

/** A next hop of several: i32 ifindex, u8 family of the gateway, u8 RTNH_F_*, u16 weight - 1, gateway. */
export enum RouteNhRec {
  OIF = 0,
  GW_FAMILY = 4,
  FLAGS = 5,
  WEIGHT = 6,
  GW = 8,
  SIZE = 24,
}
/** FLAGS of ROUTE_NEW (Linux: NLM_F_*): replace what has the same prefix, tos and metric; add behind it. */
export const ROUTE_F_REPLACE: u32 = 1;
export const ROUTE_F_APPEND: u32 = 2;

/** RULE_NEW, RULE_DEL, RULE_DUMP. Linux: struct fib_rule_hdr and FRA_*. */
export enum RuleRec {
  NET = 0,
  /** u8 each: family, FR_ACT_*, prefix length of source and destination */
  FAMILY = 4,
  ACTION = 5,
  SRC_LEN = 6,
  DST_LEN = 7,
  /** u8 each: tos, IP protocol, 1 for l3mdev, RTPROT_* */
  TOS = 8,
  IPPROTO = 9,
  L3MDEV = 10,
  PROTOCOL = 11,
  /** u32 FIB_RULE_* */
  FLAGS = 12,
  /** u32; all ones in RULE_NEW: chosen, in RULE_DEL: any. */
  PRIORITY = 16,
  /** u32: 0 in RULE_DEL: any. */
  TABLE = 20,
  GOTO = 24,
  FWMARK = 28,
  FWMASK = 32,
  /** i32, -1: none. */
  SUPPRESS_PREFIXLEN = 36,
  SUPPRESS_IFGROUP = 40,
  /** u32 first and last user id, and u32 1 when they are meant. */
  UID_START = 44,
  UID_END = 48,
  HAS_UID = 52,
  /** u16 first and last port each, 0: any. */
  SPORT_START = 56,
  SPORT_END = 58,
  DPORT_START = 60,
  DPORT_END = 62,
  SRC = 64,
  DST = 80,
  /** u8[16] names */
  IIF = 96,
  OIF = 112,
  SIZE = 128,
}

/** NEXTHOP_NEW, NEXTHOP_DEL, NEXTHOP_GET and, NhGroupRec behind it, NEXTHOP_DUMP. Linux: struct nhmsg and NHA_*. */
export enum NexthopRec {
  NET = 0,
  /** u32; 0 in NEXTHOP_NEW: chosen (out). */
  ID = 4,
  /** u8 each: family, RTPROT_*, RTNH_F_*, 1 for blackhole */
  FAMILY = 8,
  PROTOCOL = 9,
  FLAGS = 10,
  BLACKHOLE = 11,
  /** i32 */
  OIF = 12,
  /** u8 family of the gateway, u8 NH_GROUP_TYPE_*, u16 members of the group behind the record. */
  GW_FAMILY = 16,
  GROUP_TYPE = 17,
  GROUP_COUNT = 18,
  /** Resilient: u16 buckets; u32 milliseconds. */
  BUCKETS = 20,
  IDLE_TIMER = 24,
  UNBALANCED_TIMER = 28,
  GW = 32,
  /** u32 milliseconds, out: how long it has been unbalanced. */
  UNBALANCED_TIME = 48,
  SIZE = 56,
}
export enum NexthopGroupRec {
  /** u32 id, u32 weight - 1 */
  ID = 0,
  WEIGHT = 4,
  SIZE = 8,
}
export const NEXTHOP_GROUP_MAX: u32 = 128;
/** NEXTHOP_BUCKETS: u32 net, u32 id of a resilient group, u32 first bucket; out: u32 count, NexthopBucketRec each. */
export enum NexthopBucketsRec {
  NET = 0,
  ID = 4,
  FIRST = 8,
  COUNT = 12,
  RECORDS = 16,
}
export enum NexthopBucketRec {
  /** u32 id of the member, u32 milliseconds since a packet used it */
  ID = 0,
  IDLE_MS = 4,
  SIZE = 8,
}

export enum NeighRec {
  NET = 0,
  IFINDEX = 4,
  /** u8 family, u8 NUD_*, u8 NTF_* */
  FAMILY = 8,
  STATE = 9,
  FLAGS = 10,
  REFS = 12,
  KEY = 16,
  LLADDR = 32,
  /** u32: probes sent; milliseconds since confirmed, used, updated. */
  PROBES = 40,
  CONFIRMED_MS = 44,
  USED_MS = 48,
  UPDATED_MS = 52,
  SIZE = 56,
}

/** u32 net, u32 SysctlGroup, i32 ifindex (CONF*, NEIGH*: 0 = default, -1 = all), u32 id, i32 value */
export enum SysctlRec {
  NET = 0,
  GROUP = 4,
  IFINDEX = 8,
  ID = 12,
  VALUE = 16,
  SIZE = 24,
}
export enum SysctlGroup {
  NET = 0,
  CONF4 = 1,
  CONF6 = 2,
  NEIGH4 = 3,
  NEIGH6 = 4,
}

/** MIB_GET: u32 net, pad; out: u64 per Mib. */
export enum MibRec {
  NET = 0,
  VALUES = 8,
}

/** HOOK_NEW/DEL: u32 net, u32 family (NFPROTO_*), u32 hook, i32 ifindex (netdev hooks), i32 priority, u32 op, u32 priv, u32 id */
export enum HookRec {
  NET = 0,
  FAMILY = 4,
  HOOK = 8,
  IFINDEX = 12,
  PRIORITY = 16,
  OP = 20,
  PRIV = 24,
  ID = 28,
  SIZE = 32,
}

/**
 * RAW_BIND: u32 net, u32 family, u32 protocol, u32 socket id (chosen by the host), i32 ifindex that it is bound to
 * (SO_BINDTODEVICE; 0: none)
 */
export enum RawRec {
  NET = 0,
  FAMILY = 4,
  PROTOCOL = 8,
  SOCKET = 12,
  IFINDEX = 16,
  SIZE = 20,
}

/** NFQUEUE_BIND: u32 net, u32 number of a queue, u32 1: the host takes what rules queue there, 0: no longer. */
export enum NfqueueRec {
  NET = 0,
  NUM = 4,
  ON = 8,
  SIZE = 12,
}

/** HANDLE_RELEASE: u32 handle. HANDLE_VERDICT: u32 handle, i32 verdict (NF_*). */
export enum HandleRec {
  HANDLE = 0,
  VERDICT = 4,
  SIZE = 8,
}

/**
 * XMIT: an IP packet of an application, complete with its network header, sent from namespace NET as a raw socket
 * with IP_HDRINCL would: u32 net, u32 family, i32 ifindex (0: by route), u32 bytes; then the packet. A source of zero
 * and an IPv4 identifier of zero are filled in.
 */
export enum XmitRec {
  NET = 0,
  FAMILY = 4,
  OIF = 8,
  BYTES = 12,
  PACKET = 16,
}

/** TRACE_SET: what is recorded (abi/trace TRACE_F_*; 0 ends it), bytes of the ring (a power of two), of a frame; out: RING. */
export enum TraceSetRec {
  FLAGS = 0,
  BYTES = 4,
  SNAPLEN = 8,
  /** u32, out: address of the TraceRing. */
  RING = 12,
  SIZE = 16,
}

/** SEED: u32 lo, u32 hi: refills the random stream. */
export enum SeedRec {
  LO = 0,
  HI = 4,
  SIZE = 8,
}

/** ADDRLABEL_*: u32 net, i32 ifindex (0: any), u32 prefix length, u32 label, u8[16] prefix. FLAGS 1: replace. */
export enum AddrLabelRec {
  NET = 0,
  IFINDEX = 4,
  PLEN = 8,
  LABEL = 12,
  PREFIX = 16,
  SIZE = 32,
}

/** STABLE_SECRET: net.ipv6.conf.DEV.stable_secret, 16 bytes. */
export enum StableSecretRec {
  NET = 0,
  IFINDEX = 4,
  SECRET = 8,
  SIZE = 24,
}

/** IP6_LINK_GET: out u32 IF_* (0x10 solicited, 0x20 advertised, 0x40 managed, 0x80 other), MTU of the last RA, addresses. */
export enum Ip6LinkRec {
  NET = 0,
  IFINDEX = 4,
  FLAGS = 8,
  RA_MTU = 12,
  ADDRESSES = 16,
  SIZE = 24,
}

/** MROUTE_INIT: u32 net, u32 family, u32 on. Turning it off ends VIFs and entries. */
export enum MrouteRec {
  NET = 0,
  FAMILY = 4,
  ON = 8,
  SIZE = 16,
}

/** VIF_*: u32 net, u32 family, u32 number, i32 ifindex, u32 threshold; out u64 packets and bytes in, out. */
export enum VifRec {
  NET = 0,
  FAMILY = 4,
  VIF = 8,
  IFINDEX = 12,
  THRESHOLD = 16,
  PKT_IN = 24,
  PKT_OUT = 32,
  BYTES_IN = 40,
  BYTES_OUT = 48,
  SIZE = 56,
}

/**
 * MFC_*: u32 net, u32 family, i32 parent VIF, u32 proxy (1: entries of one group differ by parent), source and group
 * (zeros: any), u8 ttls[32] (0, 255: not to that VIF); out u64 packets, bytes, wrong interface, ms since used.
 */
export enum MfcRec {
  NET = 0,
  FAMILY = 4,
  PARENT = 8,
  PROXY = 12,
  ORIGIN = 16,
  GROUP = 32,
  TTLS = 48,
  PKT = 80,
  BYTES = 88,
  WRONG_IF = 96,
  LAST_USE_MS = 104,
  SIZE = 112,
}

/** MCAST_JOIN, MCAST_LEAVE: u32 net, u32 family, i32 ifindex, u8[16] group. */
export enum McastRec {
  NET = 0,
  FAMILY = 4,
  IFINDEX = 8,
  GROUP = 16,
  SIZE = 32,
}

/**
 * RADV_SET: u32 net, i32 ifindex, u32 on; u32 interval ms least and most, u32 lifetime s, u32 reachable and retrans ms,
 * u32 mtu (0: none), u8 hop limit, u8 flags as on the wire, u8 with link-layer address; u32 bytes of options, options.
 */
export enum RadvRec {
  NET = 0,
  IFINDEX = 4,
  ON = 8,
  MIN_MS = 12,
  MAX_MS = 16,
  LIFETIME = 20,
  REACHABLE_MS = 24,
  RETRANS_MS = 28,
  MTU = 32,
  HOP_LIMIT = 36,
  FLAGS = 37,
  WITH_ADDR = 38,
  OPTION_BYTES = 40,
  OPTIONS = 48,
}
