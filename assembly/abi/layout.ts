/**
 * The fixed places and sizes of linear memory that core and host agree on, the record that init() takes and the
 * status block that poll() leaves. Offsets are in bytes; every field is little-endian.
 */

/** Raised whenever a record in memory changes shape: a snapshot of another version is refused. */
export const LAYOUT_VERSION: u32 = 7;
export const CORE_MAGIC: u32 = 0x57_57_43_31; // "1CWW"

/** Static data of the module ends below this; Root starts here. */
export const ROOT_BASE: u32 = 0x10000;
export const ROOT_STATE_BYTES: u32 = 4096;
export const ROOT_OPS_BYTES: u32 = 16384;
/** Behind the ops: places for records that live no longer than a call (lib/scratch); no state either. */
export const ROOT_SCRATCH_BYTES: u32 = 16384;
export const SCRATCH_PLACE_BYTES: u32 = 128;

/** Frames that one call hands over at most, and that a list inside the core holds at most. */
export const BURST_MAX: u32 = 256;

/** A small buffer slot: headroom, then the linear part. */
export const SLOT_BYTES: u32 = 2048;
/** From slot to slot: an odd number of cache lines, so that headers do not all meet in the same few cache sets. */
export const SLOT_STRIDE: u32 = 2112;
export const SKB_HEADROOM: u32 = 128;
/** A large slot for the part of a GSO-sized read that does not fit the small one. */
export const LARGE_SLOT_BYTES: u32 = 65536;
export const MAX_SKB_FRAGS: u32 = 64;

/** Offsets in InitConfig; written by the host at ROOT_BASE before init(ROOT_BASE, size). */
export enum InitConfig {
  /** u32: bytes of linear memory that the core may use, counted from address 0. */
  MEMORY_BYTES = 0,
  /** u32: sk_buff records, small slots, large slots (may be 0). */
  SKBS = 4,
  SMALL_SLOTS = 8,
  LARGE_SLOTS = 12,
  /** u32: devices and namespaces at most. */
  DEVICES = 16,
  NETS = 20,
  /** u32: bytes of the request area. */
  REQUEST_BYTES = 24,
  /** u32: entries of the event ring and of the delivery ring, powers of two. */
  EVENTS = 28,
  DELIVERIES = 32,
  /** u32: skbs that the host may hold at once (STOLEN, QUEUE, deliveries). */
  HANDLES = 36,
  /** u64: seed of the random stream, and the time at which the clock starts (ns). */
  SEED = 40,
  NOW = 48,
  SIZE = 64,
}

/** Offsets in the status block, valid after init() and after every poll(), request() and xmit(). */
export enum Status {
  /** u64 ns: when the next timer is due; all ones when there is none. */
  NEXT_DEADLINE = 0,
  /** u32: packets handled by the last poll(); 1 when another poll() has work at once. */
  WORK = 8,
  MORE = 12,
  /** u32 address and size of the request area; address of the event and the delivery ring. */
  REQUEST_AREA = 16,
  REQUEST_BYTES = 20,
  EVENT_RING = 24,
  DELIVERY_RING = 28,
  /** u32: address of the device table: one u32 (address of the port's rings, or 0) per device handle. */
  PORT_TABLE = 32,
  /** u32: frames waiting in any transmit ring (wake flags of the drivers): bit per device handle, 4 words. */
  TX_PENDING = 36,
  /** u32: u64 per drop reason. */
  DROP_COUNTS = 52,
  /** u32: bytes of linear memory in use by the core, from address 0. */
  MEMORY_END = 56,
  /** u32: pages and skbs that are free, of how many. */
  PAGES_FREE = 60,
  PAGES = 64,
  SKBS_FREE = 68,
  SKBS = 72,
  SMALL_FREE = 76,
  SMALL = 80,
  LARGE_FREE = 84,
  LARGE = 88,
  /** u64 ns: the core's clock; a host that restores a snapshot goes on from here. */
  NOW = 96,
  /** u32: random words that the stream may still give before the host should refill it (request SEED). */
  SIZE = 128,
}

/**
 * A port's rings, worked by the driver (host) and the core. Head is moved by who produces, tail by who consumes;
 * both count up without wrapping (u32), an entry is index & mask.
 *
 *   receive:  the core keeps every descriptor filled with a free slot; the driver writes frames into the next ones,
 *             sets LEN, and says rx(dev, queue, count)
 *   transmit: the core fills descriptors and moves TX_HEAD; the driver sends and moves TX_TAIL;
 *             the core frees what lies behind TX_TAIL at its next poll()
 */
export enum Port {
  RX_RING = 0,
  RX_MASK = 4,
  /** u32: next descriptor that the driver fills; only rx() moves it. */
  RX_HEAD = 8,
  /** u32: next descriptor that the core reads. */
  RX_TAIL = 12,
  TX_RING = 16,
  TX_MASK = 20,
  TX_HEAD = 24,
  TX_TAIL = 28,
  /** u32: next transmit descriptor whose skb the core has to free. */
  TX_CLEAN = 32,
  /** u32: bytes of virtio_net_hdr in front of each frame, both ways: 0, 10 or 12. */
  VNET_HDR_LEN = 36,
  /** u32: 1 when receive descriptors carry a large slot, too. */
  RX_LARGE = 40,
  /** u32: frames that the driver could not send or read, told by the driver. */
  TX_ERRORS = 44,
  RX_ERRORS = 48,
  /** u32: record of the mapped ring that frames are read from instead of RX_RING (abi/packet TpacketRing), or 0. */
  RX_MAP = 52,
  /** u32: frames that the kernel dropped because the ring was full, told by the driver. */
  RX_MISSED = 56,
  /** u32: address of the device's MAC (6 bytes), for a driver that has to filter by it. */
  MAC = 60,
  /** u32: address of the u32 that is not 0 while somebody wants the frames of others, too (a bridge). */
  PROMISCUITY = 64,
  /** u32: receive queues; the Port record of the next one, which has receive fields only, or 0; Rss record, or 0. */
  RX_QUEUES = 68,
  RX_NEXT = 72,
  RSS = 76,
  SIZE = 80,
}

/** A receive descriptor. With a vnet header its first byte is written at BUF - VNET_HDR_LEN. */
export enum RxDesc {
  /** u32: where the frame's first byte goes; SLOT_BYTES - SKB_HEADROOM bytes fit. */
  BUF = 0,
  /** u32: large slot for what does not fit, or 0. */
  LARGE = 4,
  /** u32: bytes of the frame, without the vnet header; set by the driver. */
  LEN = 8,
  /** u32: RX_DESC_* flags, set by the driver. */
  FLAGS = 12,
  SIZE = 16,
}
/** The driver vouches for the checksum (CHECKSUM_UNNECESSARY). */
export const RX_DESC_CSUM_OK: u32 = 1;

/** A transmit descriptor: the linear part (vnet header included), then the fragments. */
export enum TxDesc {
  BUF = 0,
  LEN = 4,
  /** u32: address of a FragTable {u32 n, u32 pad, n x {u32 ptr, u32 len, u32 owner}}, or 0. */
  FRAGS = 8,
  SKB = 12,
  SIZE = 16,
}

/** A ring of records that the core produces and the host consumes: events and deliveries. */
export enum HostRing {
  HEAD = 0,
  TAIL = 4,
  MASK = 8,
  /** u32: records lost because the ring was full. */
  LOST = 12,
  ENTRIES = 16,
}
