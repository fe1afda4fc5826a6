/**
 * NAT's vocabulary: what a rule asks for, which end is changed where. Linux: include/net/netfilter/nf_nat.h,
 * include/uapi/linux/netfilter/nf_nat.h.
 */
import { NetfilterHook } from '../net/hooks';

/** What a translation may choose from: addresses and ports as in packets (network order), both ends included. */
@unmanaged
@final
export class NfNatRange {
  /** NF_NAT_RANGE_* */
  flags: u32;
  minProto: u16;
  maxProto: u16;
  baseProto: u16;
  pad: u16;
  /** IPv4: in the first four bytes, the rest 0. */
  min0: u64;
  min1: u64;
  max0: u64;
  max1: u64;
}
export const NF_NAT_RANGE_BYTES: u32 = 48;
/** Offsets in NfNatRange of the addresses. */
export const NF_NAT_RANGE_MIN: usize = 16;
export const NF_NAT_RANGE_MAX: usize = 32;

export const NF_NAT_RANGE_MAP_IPS: u32 = 1;
export const NF_NAT_RANGE_PROTO_SPECIFIED: u32 = 2;
export const NF_NAT_RANGE_PROTO_RANDOM: u32 = 4;
export const NF_NAT_RANGE_PERSISTENT: u32 = 8;
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY: u32 = 16;
export const NF_NAT_RANGE_PROTO_OFFSET: u32 = 32;
export const NF_NAT_RANGE_NETMAP: u32 = 64;
export const NF_NAT_RANGE_PROTO_RANDOM_ALL: u32 = NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY;

export const NF_NAT_MANIP_SRC: u32 = 0;
export const NF_NAT_MANIP_DST: u32 = 1;

/** Which end a hook changes: the source where a packet leaves, the destination where it enters. */
export function nfHookToManip(hook: u32): u32 {
  const leaves = hook === <u32>NetfilterHook.POST_ROUTING || hook === <u32>NetfilterHook.LOCAL_IN;
  return leaves ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;
}
