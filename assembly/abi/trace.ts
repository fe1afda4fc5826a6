/**
 * The trace ring: what happened to which packet, in order, as records of different length (Linux has the like in pwru's
 * and nft's traces). Off by default; the request TRACE_SET makes it, says what is recorded and gives its address. A
 * ring that is full loses the newest record and counts it: tracing never slows or stops a packet.
 *
 *   TraceRing │ HEAD, TAIL, MASK, LOST, FLAGS, SERIAL, SNAPLEN │ entries: TraceRec { SIZE ... } TraceRec ... │
 *
 * HEAD and TAIL count bytes without wrapping (u32); a record never wraps: what is left at the ring's end is a PAD.
 */
export enum TraceRing {
  HEAD = 0,
  TAIL = 4,
  /** u32: bytes of the entries, a power of two, less one. */
  MASK = 8,
  /** u32: records that found no room. */
  LOST = 12,
  /** u32: TRACE_F_* */
  FLAGS = 16,
  /** u32: number of the frame received last; the host may set it. */
  SERIAL = 20,
  /** u32: bytes of a frame that are kept. */
  SNAPLEN = 24,
  ENTRIES = 32,
}
/** Record drops, each with its frame. */
export const TRACE_F_DROPS: u32 = 1;
/** Record every step of every packet; the short way of forwarding is off meanwhile. */
export const TRACE_F_EVENTS: u32 = 2;
/** Record the frames that ports receive (RECEIVED); the short ways stay on. */
export const TRACE_F_RECEIVED: u32 = 4;
/** Record the way of every packet through the rules of nf_tables, not only of those with `meta nftrace set 1`. */
export const TRACE_F_NFT: u32 = 8;
/** Record what the rules log. */
export const TRACE_F_LOG: u32 = 16;
/** With TRACE_F_NFT: also the rules that do not match, and what was looked up in sets (NFT_STEP). */
export const TRACE_F_NFT_STEPS: u32 = 32;

/** A record; SIZE is a multiple of 8. Numbers A to D and DATA mean what the kind says. */
export enum TraceRec {
  SIZE = 0,
  /** u16 TraceKind, u16 a detail of the kind */
  KIND = 4,
  DETAIL = 6,
  /** u32: number of the frame that the packet came in by; 0: made here. */
  ID = 8,
  /** u32: the sk_buff, which names the packet until it ends. */
  SKB = 12,
  /** u64 ns: the core's clock. */
  NOW = 16,
  /** u32: handle of the device, TRACE_NO_DEVICE when there is none. */
  DEVICE = 24,
  /** u32 each */
  A = 28,
  B = 32,
  C = 36,
  D = 40,
  /** u32: bytes of the packet, and how many of them lie in DATA. */
  LEN = 44,
  CAPTURED = 48,
  /** u32: mark of the packet, where the kind says so. */
  MARK = 52,
  DATA = 56,
}
export const TRACE_NO_DEVICE: u32 = 0xffffffff;

/** What is recorded. "frame" is the packet's bytes from its link-layer header on, where it has one. */
export enum TraceKind {
  PAD = 0,
  /** A frame came in by a device: A = PACKET_*, B = ethertype; frame. C, D: see DROP. */
  RECEIVED = 1,
  /** GRO: DETAIL = TraceGro; A = the run's skb (MERGED) or its frames (COMPLETE), B = number of the run's first frame. */
  GRO = 2,
  /** A hook function decided: DETAIL = hook, A = family, B = verdict, C = id, D = priority. */
  HOOK = 3,
  /** The route of a packet received: DETAIL = RtType (0: none), A = errno or 0, DEVICE = out; DATA = gateway (0, 4 or 16 bytes). */
  ROUTE = 4,
  /** Goes on to another host: A = TTL or hop limit as sent, B = MTU of the way. */
  FORWARD = 5,
  /** For this host: A = IP protocol; frame. */
  DELIVER = 6,
  /** Handed to a neighbour: DETAIL = NUD_*, A = 1 when it waits there for the address; DATA = address (16), MAC (6). */
  NEIGH = 7,
  /** Handed to a device; frame. */
  XMIT = 8,
  /** In the transmit ring of a port, or through a wire inside the core: the end of its way here. */
  SENT = 9,
  /** Ended: A = SkbDropReason; frame, and of a tag that is out of it C = its ethertype (0: none), D = TCI. */
  DROP = 10,
  /** Ended as it should: answered, read, delivered. */
  CONSUMED = 11,
  /** The packet A is a clone of this one. */
  CLONE = 12,
  /** A neighbour is asked for: A = probes sent before; DATA = address (16). */
  SOLICIT = 13,
  /** An ICMP or ICMPv6 error about this packet: DETAIL = family, A = type, B = code, C = its word (MTU, pointer, gateway). */
  ICMP_ERROR = 14,
  /** A fragment waits for the others: A = identification. */
  DEFRAG = 15,
  /** All fragments are there: this packet is the whole. */
  REASSEMBLED = 16,
  /** Too large for the way and cut: A = MTU. */
  FRAGMENT = 17,
  /** A neighbour changed: DETAIL = new NUD_*, A = old; DATA = address (16), MAC (6). */
  NEIGH_STATE = 18,
  /** Goes to the queueing discipline of a device. */
  QDISC = 19,
  /** A tag was taken off, it says which VLAN device or which VLAN of a bridge: A = its ethertype, B = TCI. */
  VLAN_UNTAG = 20,
  /** Received by a VLAN device: B = VLAN. */
  VLAN_RECEIVE = 21,
  /** A VLAN device hands it down to DEVICE: A = ethertype of the tag, B = TCI. */
  VLAN_TAG = 22,
  /** What a bridge does with it: DETAIL = TraceBridge, A = VLAN, B as that says, DEVICE = a port; DATA = MAC (6). */
  BRIDGE = 23,
  /** A port of a bridge changed: DETAIL = new BrState, A = old. */
  BRIDGE_STATE = 24,
  /** Cut into segments: A = bytes of payload each, B = how many. */
  GSO = 25,
  /**
   * A rule of nf_tables gave a verdict, a chain ended, a policy decided: DETAIL = NftTraceType | family << 8, A = verdict
   * (NF_* or NFT_*), B = handle of the rule, C = hook; DATA = name of the table, NUL, name of the chain.
   */
  NFT = 26,
  /**
   * A rule logs: DETAIL = 0 log, 1 nflog | bytes of the link-layer header << 8; A = level or group, B = flags, C = hook |
   * family << 8, D = handle of the device that it leaves by, MARK; DATA = prefix, NUL, then CAPTURED bytes in all with the
   * packet from its link-layer header, if it has one, on.
   */
  NFLOG = 27,
  /**
   * On the way through a rule: DETAIL = TraceNftStep | family << 8, A = as that says, B = handle of the rule, C = hook; DATA =
   * name of the table, NUL, name of the set (LOOKUP), NUL, the key.
   */
  NFT_STEP = 28,
  /**
   * Connection tracking knows the packet: DETAIL = ctinfo (IP_CT_*; TRACE_CT_INVALID: of no connection), TRACE_CT_CONFIRMED
   * when the connection enters the table, which is when NAT has chosen what the answers are sent to; A = status (IPS_*), B = mark, C =
   * zone, D = state of TCP or SCTP; DATA = the tuples of both directions (TraceTuple).
   */
  CT = 29,
  MAX = 30,
}

/** DETAIL of TraceKind.CT. */
export const TRACE_CT_INVALID: u32 = 8;
export const TRACE_CT_CONFIRMED: u32 = 16;

/** DETAIL of TraceKind.NFT_STEP. */
export enum TraceNftStep {
  /** The rule does not match: A = number of the instruction of its machine code that said so. */
  MISS = 1,
  /** A set was asked: A = 1 the key is in it. */
  LOOKUP = 2,
}

/** A tuple of connection tracking in a record: ports in network order, addresses of 16 bytes. */
export enum TraceTuple {
  SPORT = 0,
  DPORT = 2,
  PROTO = 4,
  /** u8: AF_INET or AF_INET6 */
  L3NUM = 5,
  ZONE = 6,
  SRC = 8,
  DST = 24,
  SIZE = 40,
}

/** DETAIL of TraceKind.GRO. */
export enum TraceGro {
  /** The first of a run: waits for what may follow it in this burst. */
  HELD = 1,
  /** Its payload hangs on the run now; the skb is gone. */
  MERGED = 2,
  /** The run goes up as one packet. */
  COMPLETE = 3,
}

/** DETAIL of TraceKind.BRIDGE. */
export enum TraceBridge {
  /** Came in by a port of the bridge: B = BrState. */
  PORT = 1,
  /** The sender is behind the port, from now on. */
  LEARNED = 2,
  /** The sender was behind another port: B = handle of that. */
  MOVED = 3,
  /** The receiver is known, behind the port. */
  FOUND = 4,
  /** The receiver is this machine. */
  LOCAL = 5,
  /** The receiver is not known. */
  FLOOD = 6,
  BROADCAST = 7,
  /** To a group that is not snooped: to every port. */
  MULTICAST = 8,
  /** To a group of the multicast database: to listeners and routers; B = 1 when it is listed there. */
  GROUP = 9,
  /** Goes out by the port. */
  OUT = 10,
  /** Not by this port: B = TraceBridgeNot. */
  NOT = 11,
  /** Goes up as the bridge device's. */
  UP = 12,
  /** The table is full: the sender is not learned. */
  FULL = 13,
}

/** Why a bridge does not send by a port. */
export enum TraceBridgeNot {
  /** It is not forwarding (spanning tree). */
  STATE = 1,
  /** The frame came in by it. */
  SAME = 2,
  ISOLATED = 3,
  /** It is not in the VLAN. */
  VLAN = 4,
  /** Such frames are not flooded there. */
  FLOODING = 5,
  /** Nobody there listens to the group. */
  LISTENERS = 6,
}
