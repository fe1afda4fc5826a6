/**
 * ctnetlink: messages and attributes of connection tracking. Linux: include/uapi/linux/netfilter/nfnetlink_conntrack.h;
 * the names are its own, a prefix an enum.
 */
export enum CtMsg {
  NEW = 0,
  GET,
  DELETE,
  GET_CTRZERO,
  GET_STATS_CPU,
  GET_STATS,
  GET_DYING,
  GET_UNCONFIRMED,
}

export enum CtExpMsg {
  NEW = 0,
  GET,
  DELETE,
  GET_STATS_CPU,
}

export enum Cta {
  TUPLE_ORIG = 1,
  TUPLE_REPLY,
  STATUS,
  PROTOINFO,
  HELP,
  NAT_SRC,
  TIMEOUT,
  MARK,
  COUNTERS_ORIG,
  COUNTERS_REPLY,
  USE,
  ID,
  NAT_DST,
  TUPLE_MASTER,
  SEQ_ADJ_ORIG,
  SEQ_ADJ_REPLY,
  SECMARK,
  ZONE,
  SECCTX,
  TIMESTAMP,
  MARK_MASK,
  LABELS,
  LABELS_MASK,
  SYNPROXY,
  FILTER,
  STATUS_MASK,
}
export const CTA_MAX: u32 = 26;

export enum CtaTuple {
  IP = 1,
  PROTO,
  ZONE,
}

export enum CtaIp {
  V4_SRC = 1,
  V4_DST,
  V6_SRC,
  V6_DST,
}

export enum CtaProto {
  NUM = 1,
  SRC_PORT,
  DST_PORT,
  ICMP_ID,
  ICMP_TYPE,
  ICMP_CODE,
  ICMPV6_ID,
  ICMPV6_TYPE,
  ICMPV6_CODE,
}

export const CTA_PROTOINFO_TCP: u32 = 1;
export const CTA_PROTOINFO_SCTP: u32 = 3;
export enum CtaProtoinfoTcp {
  STATE = 1,
  WSCALE_ORIGINAL,
  WSCALE_REPLY,
  FLAGS_ORIGINAL,
  FLAGS_REPLY,
}
export enum CtaProtoinfoSctp {
  STATE = 1,
  VTAG_ORIGINAL,
  VTAG_REPLY,
}

export const CTA_COUNTERS_PACKETS: u32 = 1;
export const CTA_COUNTERS_BYTES: u32 = 2;
export const CTA_TIMESTAMP_START: u32 = 1;
export const CTA_TIMESTAMP_STOP: u32 = 2;
export const CTA_SEQADJ_CORRECTION_POS: u32 = 1;
export const CTA_SEQADJ_OFFSET_BEFORE: u32 = 2;
export const CTA_SEQADJ_OFFSET_AFTER: u32 = 3;
export const CTA_HELP_NAME: u32 = 1;
export const CTA_STATS_GLOBAL_ENTRIES: u32 = 1;
export const CTA_STATS_GLOBAL_MAX_ENTRIES: u32 = 2;
/** Of GET_STATS_CPU, those that are counted still. */
export enum CtaStats {
  FOUND = 2,
  INVALID = 4,
  INSERT = 8,
  INSERT_FAILED,
  DROP,
  EARLY_DROP,
  ERROR,
  SEARCH_RESTART,
  CLASH_RESOLVE,
  CHAIN_TOOLONG,
}

export enum CtaExpect {
  MASTER = 1,
  TUPLE,
  MASK,
  TIMEOUT,
  ID,
  HELP_NAME,
  ZONE,
  FLAGS,
  CLASS,
  NAT,
  FN,
}
export const CTA_EXPECT_MAX: u32 = 11;
export const CTA_EXPECT_NAT_DIR: u32 = 1;
export const CTA_EXPECT_NAT_TUPLE: u32 = 2;
