/**
 * Connection tracking between core and host: requests CT_*, the ring of events, why a packet is invalid. Connections
 * themselves are asked for by ctnetlink messages (abi/nfnl: NFNL_MSG with subsystem CTNETLINK or CTNETLINK_EXP).
 */

/** CT_ENABLE: connections are tracked (as when a ruleset asks), once more (ON 1) or once less (ON 0); 3 and 2: and translated. */
export enum CtEnableRec {
  NET = 0,
  /** u32: 2 IPv4, 10 IPv6, 1 both. */
  FAMILY = 4,
  ON = 8,
  SIZE = 16,
}

/**
 * CT_EVENTS: who listens to what. MASK: IPCT_* bits, 0: nobody; BYTES: size of the ring of messages, a power of two.
 * CT_EVENTS_READ: the ctnetlink messages that waited, as many as fit behind DATA, and how many were lost since.
 */
export enum CtEventsRec {
  NET = 0,
  MASK = 4,
  BYTES = 8,
  /** u32, out. */
  OUT_BYTES = 12,
  LOST = 16,
  /** The messages; the record of CT_EVENTS ends here. */
  DATA = 24,
}

/** CT_STATS: counters of a namespace (nf_conntrack NfCtStat), u32 each, behind the header. */
export enum CtStatsRec {
  NET = 0,
  COUNT = 4,
  VALUES = 8,
  SIZE = 72,
}

/** IPCT_*: bits of an event. Linux: include/uapi/linux/netfilter/nf_conntrack_common.h. */
export const IPCT_NEW: u32 = 1;
export const IPCT_RELATED: u32 = 2;
export const IPCT_DESTROY: u32 = 4;
export const IPCT_REPLY: u32 = 8;
export const IPCT_ASSURED: u32 = 16;
export const IPCT_PROTOINFO: u32 = 32;
export const IPCT_HELPER: u32 = 64;
export const IPCT_MARK: u32 = 128;
export const IPCT_SEQADJ: u32 = 256;
export const IPCT_LABEL: u32 = 1024;

/** Event CT_INVALID: B = one of these, FAMILY = protocol, IFINDEX = device. The words of Linux are in src/net/conntrack. */
export enum CtInvalid {
  NONE = 0,
  SHORT,
  TRUNCATED,
  CHECKSUM,
  TCP_FLAGS,
  TCP_STATE,
  TCP_IGNORED,
  TCP_RST,
  TCP_SEQ_OVER,
  TCP_ACK_OVER,
  TCP_SEQ_UNDER,
  TCP_ACK_UNDER,
  TCP_OVERSHOT,
  TCP_CHALLENGE_ACK,
  ICMP_TYPE,
  ICMP_OUTER,
  SCTP,
  UDPLITE,
}
