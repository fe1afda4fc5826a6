/**
 * The core's own form of rules. An expression is a record of fixed size for its kind; a rule holds its records one
 * behind the other, and so do an element with expressions and an object. What packets run is a chain's blob, made of
 * its rules when a transaction ends:
 *
 *   blob │ RULE next rule │ instruction │ instruction ... │ RULE next rule │ ... │ END │
 *
 *   instruction = u8 kind, u8 detail, u16 bytes of it all, operands. For most kinds that is a copy of the expression's
 *   record. Kinds of INSTRUCTION_REF (they count, or hold much) are { kind, detail, 8, u32 address of the record }.
 *   A few kinds stand only in blobs: FUSED_* are two or three expressions in one, which still write the registers that
 *   the single ones would.
 *
 * Registers are 20 words: 0 to 3 the verdict, 4 to 19 NFT_REG32_00 to 15; NFT_REG_1 is NFT_REG32_00 to 03. SREG and DREG
 * are offsets in bytes (16 to 76). Linux: struct nft_regs. Values lie in them as the packet has them; numbers of meta and
 * ct in the machine's order (little-endian).
 */
export enum NftExprKind {
  NONE = 0,
  IMMEDIATE,
  CMP,
  RANGE,
  BITWISE,
  BYTEORDER,
  PAYLOAD,
  PAYLOAD_SET,
  META,
  META_SET,
  LOOKUP,
  COUNTER,
  EXTHDR,
  EXTHDR_SET,
  EXTHDR_RESET,
  DYNSET,
  LIMIT,
  QUOTA,
  LAST,
  LOG,
  REJECT,
  FIB,
  RT,
  SOCKET,
  NUMGEN,
  HASH,
  OSF,
  QUEUE,
  DUP,
  FWD,
  OBJREF,
  OBJREF_MAP,
  CONNLIMIT,
  NOTRACK,
  CT,
  CT_SET,
  NAT,
  MASQ,
  REDIR,
  TPROXY,
  SYNPROXY,
  FLOW_OFFLOAD,
  TUNNEL,
  /** Only of objects. */
  CT_HELPER,
  CT_TIMEOUT,
  CT_EXPECT,
  MAX,
  // only in blobs
  END = 48,
  /** u32 address of the next RULE or END, u32 Rule. */
  RULE,
  /** PAYLOAD and CMP (EQ, NEQ) of 1, 2 or 4 bytes: NbFused. */
  FUSED_PAYLOAD_CMP,
  /** PAYLOAD, BITWISE (mask and xor) and CMP of 1, 2 or 4 bytes. */
  FUSED_PAYLOAD_MASK_CMP,
  /** META l4proto or nfproto and CMP of 1 byte. */
  FUSED_L4PROTO_CMP,
  FUSED_NFPROTO_CMP,
  /** META iifname or oifname and CMP of 16 bytes. */
  FUSED_IFNAME_CMP,
  /** PAYLOAD and CMP (EQ, NEQ) of another length. */
  FUSED_PAYLOAD_CMPN,
  /** CT state, BITWISE with that register and CMP with 0. */
  FUSED_CT_STATE,
}

/** RULE: addresses of the next RULE or END, and of the rule. */
export enum NftBlobRule {
  NEXT = 4,
  RULE = 8,
}

/** In front of every record and instruction. */
export enum Nb {
  KIND = 0,
  /** u8, by kind */
  AUX = 1,
  /** u16: bytes of the record or instruction. */
  SIZE = 2,
  /** INSTRUCTION_REF kinds: address of the record. */
  REF = 4,
}

/** DREG 0: a verdict (i32 code, u32 Chain). */
export enum NbImmediate {
  DREG = 4,
  LEN = 6,
  DATA = 8,
  SIZE = 24,
}

/** AUX: NFT_CMP_* */
export enum NbCmp {
  SREG = 4,
  LEN = 6,
  DATA = 8,
  SIZE = 24,
}

/** AUX: 0 inside, 1 outside. */
export enum NbRange {
  SREG = 4,
  LEN = 6,
  FROM = 8,
  TO = 24,
  SIZE = 40,
}

/** AUX: 0 mask and xor, 1 and 2 shift left and right by the u32 at MASK, 3 to 5 and, or, xor with SREG2. */
export enum NbBitwise {
  SREG = 4,
  DREG = 6,
  LEN = 8,
  SREG2 = 10,
  MASK = 12,
  XOR = 28,
  SIZE = 44,
}

/** AUX: 0 ntoh, 1 hton (both swap). */
export enum NbByteorder {
  SREG = 4,
  DREG = 6,
  LEN = 8,
  UNIT = 9,
  SIZE = 12,
}

/** AUX: base, 0 link layer, 1 network, 2 transport, 3 inner. REG is DREG, or SREG of PAYLOAD_SET. */
export enum NbPayload {
  REG = 4,
  LEN = 6,
  CSUM_TYPE = 7,
  OFFSET = 8,
  CSUM_OFFSET = 10,
  CSUM_FLAGS = 12,
  SIZE = 16,
}

/** META, META_SET, RT, SOCKET, CT, CT_SET; AUX: the key. */
export enum NbKey {
  REG = 4,
  LEN = 6,
  /** CT: direction, 255 none; SOCKET: level of cgroupv2. */
  DIR = 7,
  SIZE = 8,
}

/** AUX: bit 0 inverted, bit 1 DREG is meant. */
export enum NbLookup {
  SET = 4,
  SREG = 8,
  DREG = 10,
  SIZE = 12,
}

export enum NbCounter {
  PACKETS = 8,
  BYTES = 16,
  SIZE = 24,
}

/** A fused load and comparison: AUX: 0 equal, 1 not equal. MASK and XOR only of FUSED_PAYLOAD_MASK_CMP. */
export enum NbFused {
  DREG = 4,
  LEN = 6,
  BASE = 7,
  OFFSET = 8,
  MASK = 12,
  XOR = 16,
  VALUE = 20,
  SIZE = 24,
}

/** FUSED_IFNAME_CMP and FUSED_PAYLOAD_CMPN: up to 16 bytes to compare with. BASE of the first: 0 in, 1 out. */
export enum NbFusedN {
  DREG = 4,
  LEN = 6,
  BASE = 7,
  OFFSET = 8,
  VALUE = 12,
  SIZE = 28,
}

/** Words of registers, and offset of NFT_REG32_00. */
export const NFT_REGS_BYTES: u32 = 80;
export const NFT_REG1: u32 = 16;
