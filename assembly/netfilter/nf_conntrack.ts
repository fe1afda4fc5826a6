/**
 * The records of connection tracking. Linux: include/net/netfilter/nf_conntrack.h, nf_conntrack_tuple.h.
 *
 *   NfConn, 256 bytes, aligned so:
 *   0   ├ node of the original direction (chain, tuple)       ┼ status timeout events use ┤   hot
 *   64  ├ node of the reply direction                         ┼ mark zone acct            ┤   hot for answers
 *   128 ├ state of the protocol (TCP: both windows)                                       ┤   hot for TCP
 *   192 ├ timer, master, help, sequence offsets, labels, NAT                              ┤   cold
 *
 *   tuple, 40 bytes:  sport dport proto l3num zone | source (16) | destination (16)
 *
 * A node is in the table of its namespace once the connection is confirmed. Ports and ids stand in network order as in
 * the packet; ICMP has its id as sport, type and code as dport; the zone counts in the directions it is valid for.
 */
import { Sysctl } from '../abi/sysctl';
import { root } from '../lib/root';
import { Timer } from '../lib/timer_wheel';
import { Net } from '../net/net';
import { NFCT_EVENTS_OFFSET, NFCT_INFOMASK, NFCT_STATUS_OFFSET, NFCT_USE_OFFSET } from '../skb/nfct';
import { SkBuff } from '../skb/sk_buff';

@unmanaged
@final
export class NfTuple {
  sport: u16;
  dport: u16;
  proto: u8;
  /** AF_INET or AF_INET6. */
  l3num: u8;
  zone: u16;
  src0: u64;
  src1: u64;
  dst0: u64;
  dst1: u64;
}
export const NF_TUPLE_BYTES: u32 = 40;
/** Offsets in NfTuple of the addresses. */
export const NF_TUPLE_SRC: usize = 8;
export const NF_TUPLE_DST: usize = 24;

@unmanaged
@final
export class NfTupleHash {
  hnext: usize;
}
export const NF_NODE_TUPLE: usize = 8;
export const NF_NODE_REPLY: usize = 64;

@unmanaged
@final
export class NfConn {
  hnextOrig: usize;
  /** NfCtNet */
  ctnet: usize;
  orig0: u64;
  orig1: u64;
  orig2: u64;
  orig3: u64;
  orig4: u64;
  /** IPS_* */
  status: u32;
  /** Milliseconds of nfctTimeStamp when it ends; before it is confirmed, how long it shall live. */
  timeout: u32;
  /** IPCT_* bits that wait to be told (nf_conntrack_ecache). */
  events: u16;
  /** NF_CT_EXTRA_*: which of what lies in the cold lines is there, so that packets need not look. */
  extras: u16;
  /** References: the table has one, every skb one. */
  use: u32;
  hnextReply: usize;
  /** NfPath of each direction (nf_forward_path), or 0. */
  paths: usize;
  reply0: u64;
  reply1: u64;
  reply2: u64;
  reply3: u64;
  reply4: u64;
  mark: u32;
  zone: u16;
  /** NF_CT_ZONE_DIR_* */
  zoneDir: u8;
  pad2: u8;
  pad3: u32;
  /** NfConnAcct, or 0. */
  acct: usize;
  proto0: u64;
  proto1: u64;
  proto2: u64;
  proto3: u64;
  proto4: u64;
  proto5: u64;
  proto6: u64;
  proto7: u32;
  /** Told apart from others that had this place: CTA_ID. */
  serial: u32;
  timerNext: usize;
  timerPrev: usize;
  timerExpires: u64;
  timerOp: u32;
  timerArg: usize;
  /** The connection that expected this one; held. */
  master: usize;
  /** NfConnHelp (nf_conntrack_helper), two NfCtSeqadj, values of a `ct timeout` object: each or 0. */
  help: usize;
  seqadj: usize;
  timeoutPolicy: usize;
  labels0: u64;
  labels1: u64;
  /** ifindex that masquerading chose the address of, 0: none. */
  masqIndex: i32;
  /** Next of the same source (nf_nat_bysource). */
  bysourceNext: usize;
}
export const NF_CONN_BYTES: u32 = 256;
const PROTO_OFFSET: usize = 128;
const TIMER_OFFSET: usize = 192;

/** Counters of a connection, per direction, and when it began and ended (ns; 0: not asked for). */
@unmanaged
@final
export class NfConnAcct {
  packets0: u64;
  bytes0: u64;
  packets1: u64;
  bytes1: u64;
  start: u64;
  stop: u64;
}
export const NF_CONN_ACCT_BYTES: u32 = 48;

// Linux: include/uapi/linux/netfilter/nf_conntrack_common.h
export const IP_CT_ESTABLISHED: u32 = 0;
export const IP_CT_RELATED: u32 = 1;
export const IP_CT_NEW: u32 = 2;
export const IP_CT_IS_REPLY: u32 = 3;
export const IP_CT_ESTABLISHED_REPLY: u32 = 3;
export const IP_CT_RELATED_REPLY: u32 = 4;
/** Not to be tracked: no connection is behind it. */
export const IP_CT_UNTRACKED: u32 = 7;

export const IP_CT_DIR_ORIGINAL: u32 = 0;
export const IP_CT_DIR_REPLY: u32 = 1;

export const IPS_EXPECTED: u32 = 1;
export const IPS_SEEN_REPLY: u32 = 1 << 1;
export const IPS_ASSURED: u32 = 1 << 2;
export const IPS_CONFIRMED: u32 = 1 << 3;
export const IPS_SRC_NAT: u32 = 1 << 4;
export const IPS_DST_NAT: u32 = 1 << 5;
export const IPS_NAT_MASK: u32 = IPS_SRC_NAT | IPS_DST_NAT;
export const IPS_SEQ_ADJUST: u32 = 1 << 6;
export const IPS_SRC_NAT_DONE: u32 = 1 << 7;
export const IPS_DST_NAT_DONE: u32 = 1 << 8;
export const IPS_NAT_DONE_MASK: u32 = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
export const IPS_DYING: u32 = 1 << 9;
export const IPS_FIXED_TIMEOUT: u32 = 1 << 10;
export const IPS_TEMPLATE: u32 = 1 << 11;
export const IPS_UNTRACKED: u32 = 1 << 12;
export const IPS_HELPER: u32 = 1 << 13;
export const IPS_OFFLOAD: u32 = 1 << 14;

export const NF_CT_DEFAULT_ZONE_DIR: u8 = 3;

/** A helper, counters, timeouts of its own, an address of masquerading, sequence numbers to adjust. */
export const NF_CT_EXTRA_HELP: u16 = 1;
export const NF_CT_EXTRA_ACCT: u16 = 2;
export const NF_CT_EXTRA_POLICY: u16 = 4;
export const NF_CT_EXTRA_MASQ: u16 = 8;
export const NF_CT_EXTRA_SEQADJ: u16 = 16;

/** Of a namespace: what it tracks. Made with the first hook that asks for it. */
@unmanaged
@final
export class NfCtNet {
  /** Net; 0 when that is gone, and only connections that packets hold are left. */
  net: usize;
  /** u32 per bucket: address of a node. */
  buckets: usize;
  mask: u32;
  /** Connections, those not yet confirmed among them. */
  count: u32;
  /** Keys of the hash. */
  key0: u32;
  key1: u32;
  key2: u32;
  key3: u32;
  mul: u64;
  /** Time as last worked out (nfctTimeStamp). */
  nowNs: u64;
  nowMs: u32;
  /** Who asked for tracking and for NAT, per family (0 IPv4, 1 IPv6). */
  users4: u32;
  users6: u32;
  natUsers4: u32;
  natUsers6: u32;
  /** 10 hook lists of nat chains: family * 5 + hook. */
  natHooks: usize;
  /** u32 per bucket of sources (nf_nat_core), as many as `mask` says. */
  bysource: usize;
  /** NfExpect list and their number. */
  expects: usize;
  expectCount: u32;
  serial: u32;
  /** IPCT_* that somebody listens to, and the ring of their messages (nf_conntrack_ecache). */
  eventMask: u32;
  eventRing: usize;
  /** Counters by NfCtStat. */
  stats: usize;
  /** Bucket where early drop goes on. */
  gcAt: u32;
  /** Who asked for packets in one piece, per family. */
  defragUsers4: u32;
  defragUsers6: u32;
  /** Who asked for tracking on bridges. */
  bridgeUsers: u32;
}

/** Linux: struct ip_conntrack_stat. */
export enum NfCtStat {
  FOUND = 0,
  INVALID,
  INSERT,
  INSERT_FAILED,
  CLASH_RESOLVE,
  DROP,
  EARLY_DROP,
  ERROR,
  EXPECT_NEW,
  EXPECT_CREATE,
  EXPECT_DELETE,
  SEARCH_RESTART,
  CHAINTOOLONG,
  MAX,
}

export function nfCtNet(net: Net): NfCtNet {
  return changetype<NfCtNet>(net.ct);
}

export function nfCtStatInc(net: Net, stat: NfCtStat): void {
  const p = nfCtNet(net).stats + ((<usize>stat) << 2);
  store<u32>(p, load<u32>(p) + 1);
}

/** The connection of an skb; null when it has none, or is not to be tracked. Linux: nf_ct_get. */
export function nfCtGet(skb: SkBuff): NfConn | null {
  return changetype<NfConn | null>(skb.nfct & ~NFCT_INFOMASK);
}

/** IP_CT_*; only of meaning while nfCtGet gives a connection, or as IP_CT_UNTRACKED. */
export function ctInfo(skb: SkBuff): u32 {
  return <u32>(skb.nfct & NFCT_INFOMASK);
}

/** Direction of a packet with this ctinfo. */
export function ctDir(info: u32): u32 {
  return info >= IP_CT_IS_REPLY ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL;
}

/** Gives an skb that has none its connection, whose reference goes with it. */
export function nfCtSet(skb: SkBuff, ct: NfConn, info: u32): void {
  skb.nfct = changetype<usize>(ct) | info;
}

/** The tuple of one direction. */
export function nfTuple(ct: NfConn, dir: u32): NfTuple {
  return changetype<NfTuple>(changetype<usize>(ct) + dir * NF_NODE_REPLY + NF_NODE_TUPLE);
}

export function nfNode(ct: NfConn, dir: u32): NfTupleHash {
  return changetype<NfTupleHash>(changetype<usize>(ct) + dir * NF_NODE_REPLY);
}

/** The connection that a node is of: they are aligned to their size. */
export function nfNodeConn(node: usize): NfConn {
  return changetype<NfConn>(node & ~(NF_CONN_BYTES - 1));
}

export function nfNodeDir(node: usize): u32 {
  return (node & NF_NODE_REPLY) !== 0 ? IP_CT_DIR_REPLY : IP_CT_DIR_ORIGINAL;
}

/** 60 bytes for the protocol's tracker. */
export function nfProtoState(ct: NfConn): usize {
  return changetype<usize>(ct) + PROTO_OFFSET;
}

export function nfTimer(ct: NfConn): Timer {
  return changetype<Timer>(changetype<usize>(ct) + TIMER_OFFSET);
}

export function nfConnCtNet(ct: NfConn): NfCtNet {
  return changetype<NfCtNet>(ct.ctnet);
}

/** Its namespace; only while that is there (nfConnAlive). */
export function nfConnNet(ct: NfConn): Net {
  return changetype<Net>(nfConnCtNet(ct).net);
}

export function nfConnAlive(ct: NfConn): bool {
  return nfConnCtNet(ct).net !== 0;
}

export function nfSrcPtr(tuple: NfTuple): usize {
  return changetype<usize>(tuple) + NF_TUPLE_SRC;
}

export function nfDstPtr(tuple: NfTuple): usize {
  return changetype<usize>(tuple) + NF_TUPLE_DST;
}

/** Zone in one direction; 0 where it is not valid for it. Linux: nf_ct_zone_id. */
export function nfZoneId(zone: u16, zoneDir: u8, dir: u32): u16 {
  return ((<u32>zoneDir >> dir) & 1) !== 0 ? zone : 0;
}

/** Milliseconds, wrapping: compared by difference. Worked out once per moment. Linux: nfct_time_stamp. */
export function nfctTimeStamp(ctnet: NfCtNet): u32 {
  const now = root().now;
  if (ctnet.nowNs !== now) {
    ctnet.nowNs = now;
    ctnet.nowMs = <u32>(now / 1_000_000);
  }
  return ctnet.nowMs;
}

/** Its time has come, though the timer may not have said so yet. */
export function nfCtExpired(ct: NfConn, now: u32): bool {
  return <i32>(ct.timeout - now) <= 0;
}

/** Milliseconds that it still has. Linux: nf_ct_expires. */
export function nfCtExpires(ct: NfConn): u32 {
  const left = <i32>(ct.timeout - nfctTimeStamp(nfConnCtNet(ct)));
  return left > 0 ? <u32>left : 0;
}

/** Milliseconds of a sysctl in seconds, at most what half a wrap can tell. */
export function nfCtSeconds(seconds: i32): u32 {
  return <u32>min(max(seconds, 0), 2_147_483) * 1000;
}

export function nfCtTimeoutSysctl(net: Net, id: Sysctl): u32 {
  return nfCtSeconds(load<i32>(net.sysctls + ((<usize>id) << 2)));
}

/** That the records are as the picture above says; called once, at init. */
export function nfConntrackAssertLayout(): void {
  assert(offsetof<NfConn>() <= NF_CONN_BYTES, 'NfConn fits');
  assert(offsetof<NfConn>('use') === NFCT_USE_OFFSET, 'skb/nfct knows where the count is');
  assert(offsetof<NfConn>('status') === NFCT_STATUS_OFFSET, 'and where the status is');
  assert(offsetof<NfConn>('events') === NFCT_EVENTS_OFFSET, 'and where events and extras are');
  assert(offsetof<NfConn>('acct') === 124, 'the reply line');
  assert(offsetof<NfConn>('hnextReply') === NF_NODE_REPLY, 'the reply node');
  assert(offsetof<NfConn>('proto0') === PROTO_OFFSET, 'protocol state');
  assert(offsetof<NfConn>('timerNext') === TIMER_OFFSET, 'timer');
}
