/**
 * Records of the event ring (32 bytes each) and of the delivery ring (abi/layout HostRing): what happened, told to
 * the host in order. The Netlink layer makes its notifications of them; a consumer that is too slow sees LOST grow
 * and dumps anew.
 */
export enum EventType {
  NONE = 0,
  /** A device appeared, changed (flags, MTU, carrier, address) or went. A = new flags, B = 1 when it went. */
  LINK = 1,
  /** An address was added or removed: A = family, B = 1 when removed, PTR = 16 bytes of address in ADDR, C = prefix. */
  ADDR = 2,
  /** A route: A = family, B = 1 when removed; C = prefix length, ADDR = destination. */
  ROUTE = 3,
  /** A neighbour: A = family, B = new NUD state, ADDR = address. */
  NEIGH = 4,
  /** A packet was dropped (only while drop monitoring is on): A = reason, B = length, C = device handle. */
  DROP = 5,
  /** A packet passed a hook (only while tracing is on). */
  TRACE = 6,
  /** A forwarding entry of a bridge: A = AF_BRIDGE, B = 1 when removed, ADDR as in abi/bridge FdbEvent. */
  FDB = 16,
  /**
   * An option of a router advertisement for the host (RDNSS, DNSSL, PREF64, captive portal), in several records behind
   * each other: first FAMILY = bytes of the option, B = 0, ADDR = the router; then B = 1, 2, ... with 16 bytes each.
   */
  ND_USEROPT = 7,
  /** Multicast routing has no entry: FAMILY, IFINDEX it came by, B = VIF; ADDR = source, or B | 1 << 31 = group. */
  MROUTE_NOCACHE = 8,
  /** A packet of an entry came by another interface than its parent; as MROUTE_NOCACHE. */
  MROUTE_WRONGVIF = 9,
  /** A policy rule: A = family, B = priority << 1 | 1 when removed (ADDR: u32 table). */
  RULE = 24,
  /** A packet that is invalid to connection tracking, while nf_conntrack_log_invalid wants its protocol (abi/nf_conntrack CtInvalid). */
  CT_INVALID = 32,
  /** Messages wait in the ring of connection events, which was empty (CT_EVENTS_READ). */
  CT_EVENTS = 33,
  /** A next-hop object: B = 1 when removed, ADDR: u32 id. */
  NEXTHOP = 25,
  /** nf_tables' ruleset changed: B = its generation. */
  NFT = 28,
}

export enum Event {
  /** u16 type, u16 family or detail, u32 net id, i32 ifindex, u32 B, u8[16] address */
  TYPE = 0,
  FAMILY = 2,
  NET = 4,
  IFINDEX = 8,
  B = 12,
  ADDR = 16,
  SIZE = 32,
}

/** Records of the delivery ring: a packet for a socket or a queue, held by a handle until the host releases it. */
export enum Delivery {
  /** u32 handle (index | generation << 16), u32 socket or queue id, u32 net id, i32 ifindex */
  HANDLE = 0,
  SOCKET = 4,
  NET = 8,
  IFINDEX = 12,
  /** u32 address and bytes of the packet from its network header (linear). */
  PTR = 16,
  LEN = 20,
  /** u32 offset of the transport header from PTR; u16 protocol (ethertype), u16 kind */
  TRANSPORT = 24,
  PROTOCOL = 28,
  KIND = 30,
  SIZE = 32,
}
export enum DeliveryKind {
  RAW = 1,
  QUEUE = 2,
  STOLEN = 3,
}
