/**
 * pktgen: what the one source and sink of frames puts into every frame, and the records by which it is worked. The
 * firmware's C header is made from this file, too, so that a board can stand at either end.
 *
 * The signature is the beginning of what the frame carries: behind the UDP, TCP or ICMP header, or behind the ethertype
 * of a raw frame. Nothing that a router changes is part of it: addresses and ports (NAT), TTL, TOS and tags may change
 * on the way. Little-endian. There are two forms; the long one is used where it fits.
 *
 *   long, 32 bytes
 *    0       2        4       6       8               16              24          28          32
 *    ├ MAGIC ┼ STREAM ┼─ RUN ─┼─ pad ─┼───── SEQ ─────┼───── TX ──────┼─── LEN ───┼─── CRC ───┤ fill ...
 *      5747    1..65535         0       u64             u64 ns          u32         u32
 *
 *   short, 18 bytes: what is left of a frame of 64 bytes (60 and FCS) behind Ethernet, IPv4 and UDP
 *    0       2        4       6           10          14          18
 *    ├ MAGIC ┼ STREAM ┼─ RUN ─┼─── SEQ ───┼─── TX ────┼─── CRC ───┤ fill ...
 *      5753                     low 32      low 32 ns
 *
 *   MAGIC   "WG" or "WS" as bytes read (long, short)
 *   RUN     drawn when the stream is started: a sink that sees another one begins anew
 *   SEQ     0 for the first frame of a run; the sink extends the short form's 32 bits by what it has seen
 *   TX      the core's clock when the frame was made
 *   LEN     bytes of signature and fill
 *   CRC     CRC-32 (IEEE 802.3) of the fill, then of the signature's bytes before CRC, in this order: so the sender sums
 *           the fill once per stream and size
 *   fill    up to the end of the UDP datagram, TCP segment, ICMP message or raw frame; a pattern of the stream
 */
export const PKTGEN_MAGIC_LONG: u32 = 0x4757;
export const PKTGEN_MAGIC_SHORT: u32 = 0x5357;

export enum PktgenSig {
  MAGIC = 0,
  STREAM = 2,
  RUN = 4,
}
export enum PktgenLong {
  PAD = 6,
  SEQ = 8,
  TX = 16,
  LEN = 24,
  CRC = 28,
  SIZE = 32,
}
export enum PktgenShort {
  SEQ = 6,
  TX = 10,
  CRC = 14,
  SIZE = 18,
}

/** Ethertype of raw frames unless told otherwise: IEEE 802's Local Experimental Ethertype 1. */
export const PKTGEN_ETHERTYPE: u32 = 0x88b5;
/** Bytes that a frame of these records lacks of what is on the wire: FCS; preamble, start delimiter and gap. */
export const PKTGEN_FCS: u32 = 4;
export const PKTGEN_GAP: u32 = 20;

export enum PktgenProto {
  /** No IP: the signature lies behind the ethertype. */
  ETHER = 0,
  ICMP = 1,
  TCP = 6,
  UDP = 17,
}

/** Where frames go (Linux: pktgen's xmit_mode). */
export enum PktgenMode {
  /** Straight to the device's own function, past hooks and qdisc (Linux: start_xmit). */
  START_XMIT = 0,
  /** By dev_queue_xmit: egress hook and qdisc (Linux: queue_xmit). */
  QUEUE_XMIT = 1,
  /** By the stack's IP output: route, LOCAL_OUT, POST_ROUTING, neighbour. The frame's MACs and tags are not used. */
  IP_OUTPUT = 2,
  /** As if received by the device (Linux: netif_receive). */
  NETIF_RECEIVE = 3,
}

export enum PktgenRate {
  /** As fast as the device takes them. With a virtual clock this needs a COUNT. */
  MAX = 0,
  /** Frames a second. */
  PPS = 1,
  /** Bits a second of frames with FCS (layer 2), or of all that is on the wire (layer 1). */
  BPS_L2 = 2,
  BPS_L1 = 3,
}

export enum PktgenPattern {
  /** 0, 1, 2, ... 255, 0, ... */
  COUNTING = 0,
  /** PATTERN_BYTE everywhere. */
  BYTE = 1,
  /** Random, by SEED. */
  RANDOM = 2,
}

export enum PktgenSizes {
  /** SIZE_COUNT entries of SIZES, in turn, each as often as its weight says and evenly spread. */
  TABLE = 0,
  /** Every size from the first to the second entry, in turn. */
  RANGE = 1,
}
export const PKTGEN_SIZES_MAX: u32 = 64;
/** Slots of one turn of a table: the sum of its weights. */
export const PKTGEN_WEIGHTS_MAX: u32 = 4096;
/** Longest frame, without FCS. */
export const PKTGEN_FRAME_MAX: u32 = 9018;

/**
 * PKTGEN_STREAM_NEW: a stream, not yet running. IDs are unique in the core. Of SADDRS addresses from SADDR on, DADDRS,
 * SPORTS and DPORTS likewise (0 counts as 1), a flow is one combination: flow i has source port i mod SPORTS, then
 * source address, destination port, destination address, as the digits of a number. FLOWS bounds i; 0: all of them.
 */
export enum PktgenStream {
  NET = 0,
  IFINDEX = 4,
  /** u16 1..65535; u8 PktgenMode, u8 PktgenProto */
  ID = 8,
  MODE = 10,
  PROTO = 11,
  /** u8 2 (IPv4), 10 (IPv6) or 0 (ETHER); u8 1: flows in random order; u8 TOS or traffic class; u8 TTL */
  FAMILY = 12,
  FLOW_RANDOM = 13,
  TOS = 14,
  TTL = 15,
  /** u16 each: outer and inner tag, TPID (0: none) and TCI */
  TPID0 = 16,
  TCI0 = 18,
  TPID1 = 20,
  TCI1 = 22,
  /** u8[6] each, and how many from there on (0 counts as 1): station i is flow i modulo the count */
  DST_MAC = 24,
  SRC_MAC = 30,
  DST_MACS = 36,
  SRC_MACS = 40,
  /** u16 ethertype of ETHER; u8 flags of TCP; u8 PktgenPattern */
  ETHERTYPE = 44,
  TCP_FLAGS = 46,
  PATTERN = 47,
  /** u8[16] each, IPv4 in the first four, network order */
  SADDR = 48,
  DADDR = 64,
  /** u32 each; addresses differ in their last 32 bits */
  SADDRS = 80,
  DADDRS = 84,
  /** u16 each, host order (ICMP: SPORT is the echo's identifier), and u32 how many */
  SPORT = 88,
  DPORT = 90,
  SPORTS = 92,
  DPORTS = 96,
  FLOWS = 100,
  /** u8 1: sizes in random order; u8 PktgenSizes, u8 PktgenRate, u8 PATTERN_BYTE */
  SIZE_RANDOM = 104,
  SIZE_KIND = 105,
  RATE_KIND = 106,
  PATTERN_BYTE = 107,
  /** u32: frames that may be sent at once to catch up, of those that were due; 0: what 5 ms of the rate are, at least 32 */
  BURST = 108,
  /** u64: frames or bits a second; frames to send at most; ns to send at most, and to wait before (0: none) */
  RATE = 112,
  COUNT = 120,
  DURATION = 128,
  DELAY = 136,
  /** u32: of all that is random in the stream; u8 1: IPv4's DF is set; then u32 number of sizes */
  SEED = 144,
  DF = 148,
  SIZE_COUNT = 152,
  /** {u16 bytes of the frame without FCS, u16 weight} each */
  SIZES = 160,
}
export const PKTGEN_SIZE_BYTES: u32 = 4;

/** PKTGEN_STREAM_GET: in ID; out the rest. PKTGEN_STREAM_DEL, PKTGEN_START, PKTGEN_STOP: ID (0: all). */
export enum PktgenTx {
  ID = 0,
  /** u32: 1 while it runs; the run it is in, and what the shortest frame of its kind has */
  RUNNING = 4,
  RUN = 8,
  FRAME_MIN = 12,
  /** u64: frames and bytes (without FCS) sent; frames that found no skb; frames that were due and given up (BURST) */
  PACKETS = 16,
  BYTES = 24,
  NOMEM = 32,
  MISSED = 40,
  /** u64 ns: when it was started, when its last frame was sent, for how long it may */
  STARTED = 48,
  LAST = 56,
  /** u64: times that the device was full; packets that the stack refused (IP_OUTPUT) */
  BUSY = 64,
  ERRORS = 72,
  SIZE = 80,
}

/** PKTGEN_RATE: the rate and the bounds of a stream's next start; -EBUSY while it runs. */
export enum PktgenRateRec {
  ID = 0,
  KIND = 4,
  RATE = 8,
  /** u64: as in PktgenStream; all ones: as it is */
  COUNT = 16,
  DURATION = 24,
  SIZE = 32,
}

/**
 * PKTGEN_SINK_NEW, PKTGEN_SINK_DEL, PKTGEN_SINK_RESET, PKTGEN_SINK_GET: what recognises signatures among the frames that
 * a device receives. It stands before the stack, which sees the others only, or (PASS) all of them.
 */
export enum PktgenSink {
  NET = 0,
  IFINDEX = 4,
  /** u32: streams that it can tell apart at most, u32 1: the stack shall see the frames, too */
  STREAMS = 8,
  PASS = 12,
  /** out, u64: frames recognised and their bytes; damaged ones; frames without a signature; of a stream too many */
  PACKETS = 16,
  BYTES = 24,
  CORRUPTED = 32,
  OTHERS = 40,
  UNKNOWN = 48,
  /** out, u32: streams seen so far */
  SEEN = 56,
  SIZE = 64,
}

/**
 * PKTGEN_SINK_STREAM: what a sink knows of a stream. In NET, IFINDEX, and INDEX (0 to SEEN - 1, in the order in which
 * they were seen first). All u64 but where said otherwise; times in ns.
 */
export enum PktgenRx {
  NET = 0,
  IFINDEX = 4,
  /** u32; out: u32 id, u32 run, u32 runs seen */
  INDEX = 8,
  ID = 12,
  RUN = 16,
  RUNS = 20,
  /** Whole frames that arrived, copies included, and their bytes without FCS. */
  PACKETS = 24,
  BYTES = 32,
  /** Different sequence numbers that arrived; what is missing of those up to the highest one. */
  UNIQUE = 40,
  LOST = 48,
  /** RFC 4737 §3.3: behind one with a higher sequence number; copies are not counted again. */
  REORDERED = 56,
  /** RFC 5560: copies of what had arrived already. */
  DUPLICATED = 64,
  /** Further behind than the window tells copies from late ones: counted in REORDERED and UNIQUE as well. */
  LATE = 72,
  /** Its own CRC, or a checksum that the frame carries, is wrong. In LOST, too: nothing of such a frame is believed. */
  CORRUPTED = 80,
  /** Sequence numbers between a reordered frame and the highest before it, at most. */
  REORDER_EXTENT = 88,
  /** Latency: measured frames; those whose clocks cannot be compared; shortest, longest, sum. */
  LAT_COUNT = 96,
  LAT_INVALID = 104,
  LAT_MIN = 112,
  LAT_MAX = 120,
  LAT_SUM = 128,
  /** RFC 3550 §6.4.1 */
  JITTER = 136,
  /** Of the histogram: nearest-rank percentiles, exact to 1/64. */
  P50 = 144,
  P90 = 152,
  P99 = 160,
  P999 = 168,
  FIRST = 176,
  LAST = 184,
  SIZE = 192,
}

/**
 * PKTGEN_HISTOGRAM: in NET, IFINDEX, INDEX, FIRST; out COUNT and u64 counts of the buckets from FIRST on, as many as the
 * message has room for.
 *
 *   bucket b < 128          latency b ns
 *   bucket 64 * e + m       (64 + m) << (e - 1) ns and up to the next: 64 buckets for each power of two (e >= 1)
 *
 * What is longer than the last bucket (2^36 ns, 68 s) is not plausible and counted in LAT_INVALID.
 */
export enum PktgenHistogram {
  NET = 0,
  IFINDEX = 4,
  INDEX = 8,
  FIRST = 12,
  COUNT = 16,
  BUCKETS = 24,
}
export const PKTGEN_SUB_BITS: u32 = 6;
export const PKTGEN_LAT_BITS: u32 = 36;
/** 64 buckets for each of the powers from 2^6 on, and those below. */
export const PKTGEN_BUCKETS: u32 = 64 * 31;
/** Sequence numbers behind the highest among which copies are told from late frames. */
export const PKTGEN_WINDOW: u32 = 65536;
