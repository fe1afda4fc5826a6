/**
 * Where lib/tag_table keeps what generated code (src/core/jit) reads by itself: the record of a table, and a bucket's
 * two halves. tag_table.test.ts holds the offsets against the record.
 */
export enum TagTableRec {
  /** u32: addresses of the tags (8 bytes a bucket) and of the slots (8 addresses of nodes a bucket). */
  TAGS = 0,
  SLOTS = 4,
  /** u32: buckets - 1. */
  MASK = 8,
  /** u64: what the hash begins with, then a factor for each word of the key. */
  FACTORS = 40,
}

/** Nodes of a bucket that have a tag of their own; the eighth slot is a chain of all others. */
export const TAG_SLOTS: u32 = 7;
