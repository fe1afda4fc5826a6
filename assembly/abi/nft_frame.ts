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
  DATA = 16,
  LEN = 20,
  DATA_LEN = 24,
  PROTOCOL = 48,
  FLAGS = 69,
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

/** Of NfHookState, which the code of a hook has instead of a frame. */
export enum NftHookState {
  HOOK = 0,
  FAMILY = 4,
  IN = 12,
  OUT = 16,
}

/** Of BaseChain. */
export enum NftBaseChain {
  POLICY = 6,
  COUNTING = 7,
}

/** What the code of a hook gives when the chain has to be run after all; nothing was done to the packet. */
export const NFT_UNDECIDED: i32 = -100;
/** SKB_F_PATH: cleared where a rule asks what other packets of the connection need not share (nf_forward_path). */
export const NFT_SKB_F_PATH: i32 = 128;
