/**
 * Offsets that generated code (src/core/jit) reads: of the frame of a packet that rules run for, and of what it points
 * to. They are those of Pkt, SkBuff, NetDevice and NfConn: nft_jit.test.ts holds them against each other.
 */
export enum NftFrame {
  CODE = 0,
  CHAIN = 4,
  SKB = 80,
  IN = 88,
  OUT = 92,
  FAMILY = 100,
  NH = 104,
  NH_LEN = 108,
  /** 0: not looked for; 1: there is a transport header; 2: there is none. */
  L4 = 112,
  TPROT = 116,
  THOFF = 120,
  FRAGOFF = 124,
}

/** Of the sk_buff. */
export enum NftFrameSkb {
  LEN = 20,
  PROTOCOL = 48,
  MARK = 72,
  PRIORITY = 80,
  /** Its connection; the low three bits are IP_CT_*. */
  NFCT = 100,
}

/** Of a device. */
export enum NftFrameDev {
  IFINDEX = 12,
  NAME = 224,
}

/** Of a connection. */
export enum NftFrameConn {
  STATUS = 48,
  MARK = 112,
}
export const NFT_L4_UNKNOWN: u32 = 0;
export const NFT_L4_VALID: u32 = 1;
