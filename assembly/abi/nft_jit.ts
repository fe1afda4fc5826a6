/**
 * NFT_JIT_DUMP: the chains of a namespace as a generator of code sees them (src/core/jit). Behind the dump's header
 * (abi/request Dump; CURSOR's first word counts chains) one record a chain. A chain whose VERSION and ADDRESS are still
 * those that its code was made of may get that code, by setOp(OP, index in the table). The core forgets it when the
 * chain's rules change, and interprets until there is new code.
 */
export enum NftJitRec {
  /** u32: id of abi/ops, from NFT_JIT_BASE; 0: there are none left, the chain stays interpreted. */
  OP = 0,
  /** u32: address of the chain, and of what packets run (abi/nft_bytecode). */
  CHAIN = 4,
  BLOB = 8,
  /** u32: generation of the ruleset that made the blob. */
  VERSION = 12,
  /** u32: 1 when code is installed. */
  COMPILED = 16,
  /** u32: addresses of two texts (u16 length, bytes): of the table's name and the chain's; u32 NFPROTO_*. */
  TABLE_NAME = 20,
  NAME = 24,
  FAMILY = 28,
  /** u32: id for the code that is asked before there is a frame (NFT_UNDECIDED), 0: it has none. */
  HOOK_OP = 32,
  SIZE = 36,
}
