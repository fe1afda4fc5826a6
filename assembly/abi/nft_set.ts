/**
 * Offsets that generated code (src/core/jit) reads of sets and their elements: those of NftSet, Elem and ElemMore, which
 * nft_jit.test.ts holds against each other.
 */
export enum NftSetRec {
  /** u32: NFT_SET_*; bytes of a key; type and bytes of a map's data. */
  FLAGS = 48,
  KLEN = 56,
  DTYPE = 60,
  DLEN = 64,
  /** u8: SetBackend. */
  BACKEND = 96,
  /** u16: offset of the data in an element. */
  DATA_AT = 110,
  /** u32: the table (abi/tag_table) of HASH; what packets look up in of RBTREE; the element of `*`. */
  STORE = 116,
  LOOK = 120,
  CATCHALL = 128,
}

export enum SetBackend {
  HASH = 0,
  /** Intervals of one value: start and end elements. */
  RBTREE = 1,
  /** Concatenations of ranges. */
  PIPAPO = 2,
}

export enum NftElemRec {
  /** u8: not 0 while it is not, or will not be, part of the set; NFT_SET_ELEM_*. */
  STATE = 8,
  FLAGS = 9,
  /** u32: what few elements have (a time, expressions, an object), or 0. */
  MORE = 12,
  KEY = 16,
}

/** Of what packets look intervals up in: u32 how many, and for how many there is room; keys, then elements. */
export enum NftIntervals {
  COUNT = 0,
  ROOM = 4,
  KEYS = 8,
}
