/**
 * NFNL_MSG: netfilter's own netlink messages (nlmsghdr, nfgenmsg, attributes) as a request, so that the bytes which
 * configure Linux configure the core. The answer overwrites the question.
 *
 *   NfnlRec │ NET, BYTES, CURSOR[4], OUT_BYTES │ DATA: BYTES bytes of messages in, OUT_BYTES bytes of messages out │
 *
 * A batch: messages from NFNL_MSG_BATCH_BEGIN to NFNL_MSG_BATCH_END, one transaction. One that is longer than a
 * request is cut between messages and sent piece by piece; packets see the old ruleset until its end. Each answer has
 * an NLMSG_ERROR for every message of the piece that failed, or that asked for an acknowledgement (NLM_F_ACK); after a
 * failure the rest is still checked, and the end aborts it all. A batch that begins anew ends an unfinished one.
 *
 * A dump (NLM_F_DUMP): as many whole messages as fit; the host puts question and CURSOR back and asks again until
 * OUT_BYTES is 0. CURSOR is zero to begin; the first word of the answer's cursor is not.
 *
 * Anything else that is asked (NFT_MSG_GET* without NLM_F_DUMP) is answered by its message, or by an NLMSG_ERROR.
 */
export enum NfnlRec {
  /** u32: namespace. */
  NET = 0,
  /** u32: bytes of messages in DATA. */
  BYTES = 4,
  /** u32[4]: where a dump goes on. */
  CURSOR = 8,
  /** u32, out: bytes of messages in DATA. */
  OUT_BYTES = 24,
  /** u32, out: generation of the ruleset. */
  GENID = 28,
  DATA = 32,
}

/**
 * NFT_EVENTS: whether somebody listens to what happens to the ruleset. BYTES: size of the ring of notifications, a power
 * of two; 0: nobody. NFT_EVENTS_READ: those that waited, as many as fit behind DATA, and how many were lost since.
 * Event NFT tells that there are some.
 */
export enum NftEventsRec {
  NET = 0,
  BYTES = 4,
  /** u32, out. */
  OUT_BYTES = 8,
  LOST = 12,
  DATA = 16,
}

// Linux: include/uapi/linux/netlink.h
export enum NlMsgHdr {
  LEN = 0,
  TYPE = 4,
  FLAGS = 6,
  SEQ = 8,
  PID = 12,
  SIZE = 16,
}
export const NLMSG_NOOP: u32 = 1;
export const NLMSG_ERROR: u32 = 2;
export const NLMSG_DONE: u32 = 3;
export const NLMSG_MIN_TYPE: u32 = 16;

export const NLM_F_REQUEST: u32 = 0x1;
export const NLM_F_MULTI: u32 = 0x2;
export const NLM_F_ACK: u32 = 0x4;
export const NLM_F_ROOT: u32 = 0x100;
export const NLM_F_MATCH: u32 = 0x200;
export const NLM_F_DUMP: u32 = 0x300;
export const NLM_F_REPLACE: u32 = 0x100;
export const NLM_F_EXCL: u32 = 0x200;
export const NLM_F_CREATE: u32 = 0x400;
export const NLM_F_APPEND: u32 = 0x800;
/** Of NFT_MSG_DEL*: not what refers to it (Linux: NLM_F_NONREC). */
export const NLM_F_NONREC: u32 = 0x100;
/** Of an NLMSG_ERROR: only the header of the message in question follows; attributes follow it. */
export const NLM_F_CAPPED: u32 = 0x100;
export const NLM_F_ACK_TLVS: u32 = 0x200;
/** Attributes of an NLMSG_ERROR: text, offset of the attribute that is wrong, counted from its message's begin. */
export const NLMSGERR_ATTR_MSG: u32 = 1;
export const NLMSGERR_ATTR_OFFS: u32 = 2;

export const NLA_HDRLEN: u32 = 4;
export const NLA_F_NESTED: u32 = 0x8000;
export const NLA_F_NET_BYTEORDER: u32 = 0x4000;
export const NLA_TYPE_MASK: u32 = 0x3fff;

// Linux: include/uapi/linux/netfilter/nfnetlink.h
export enum NfGenMsg {
  /** u8 family, u8 version, be16 resource id (batch: the subsystem; answers: low bits of the generation) */
  FAMILY = 0,
  VERSION = 1,
  RES_ID = 2,
  SIZE = 4,
}
export const NFNL_SUBSYS_CTNETLINK: u32 = 1;
export const NFNL_SUBSYS_CTNETLINK_EXP: u32 = 2;
export const NFNL_SUBSYS_QUEUE: u32 = 3;
export const NFNL_SUBSYS_ULOG: u32 = 4;
export const NFNL_SUBSYS_OSF: u32 = 5;
export const NFNL_SUBSYS_CTNETLINK_TIMEOUT: u32 = 8;
export const NFNL_SUBSYS_NFTABLES: u32 = 10;
export const NFNL_MSG_BATCH_BEGIN: u32 = 16;
export const NFNL_MSG_BATCH_END: u32 = 17;
export const NFNL_BATCH_GENID: u32 = 1;

/** Families of nf_tables. Linux: NFPROTO_* of include/uapi/linux/netfilter.h. */
export enum NfProto {
  UNSPEC = 0,
  INET = 1,
  IPV4 = 2,
  ARP = 3,
  NETDEV = 5,
  BRIDGE = 7,
  IPV6 = 10,
}
