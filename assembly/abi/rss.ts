/**
 * Receive side scaling of a port with several receive queues: RSS_GET and RSS_SET (`ethtool -x`, `-X`, `-N rx-flow-hash`).
 */
export const RSS_KEY_BYTES: u32 = 40;
export const RSS_TABLE_ENTRIES: u32 = 128;
export const RX_QUEUES_MAX: u32 = 16;

export enum RssRec {
  NET = 0,
  IFINDEX = 4,
  /** u32, out: receive queues of the device. */
  QUEUES = 8,
  /** u32 RSS_HASH_* */
  HASH = 12,
  /** u32 RSS_CHANGE_*: what RSS_SET sets. */
  CHANGE = 16,
  /** u8[40]: the Toeplitz key. */
  KEY = 24,
  /** u8[128]: the queue by the lowest seven bits of the hash. */
  TABLE = 64,
  SIZE = 192,
}
export const RSS_CHANGE_HASH: u32 = 1;
export const RSS_CHANGE_KEY: u32 = 2;
export const RSS_CHANGE_TABLE: u32 = 4;

/** What a packet's ports are hashed of; the addresses always are. */
export const RSS_HASH_TCP4: u32 = 1;
export const RSS_HASH_UDP4: u32 = 2;
export const RSS_HASH_TCP6: u32 = 4;
export const RSS_HASH_UDP6: u32 = 8;
export const RSS_HASH_ALL: u32 = 15;
