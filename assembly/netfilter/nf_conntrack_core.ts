/**
 * The hooks of connection tracking. Linux: nf_conntrack_core.c, nf_conntrack_proto.c.
 *
 *   PRE_ROUTING, LOCAL_OUT   -400 defrag   -200 nfConntrackIn: which connection, which direction, what it does to it
 *   LOCAL_IN, POST_ROUTING   INT_MAX nfConntrackConfirm: helper, sequence numbers; a new connection enters the table
 *
 * So a packet that the ruleset drops leaves no connection behind.
 */
import { IPCT_HELPER, IPCT_NEW, IPCT_RELATED, IPCT_REPLY } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { TRACE_CT_CONFIRMED, TRACE_CT_INVALID, TraceKind } from '../abi/trace';
import { isL3Master } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { NfHookState } from '../dev/nf_hook';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { NF_ACCEPT, NF_DROP, NF_REPEAT, NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { AF_INET, AF_INET6, Net, sysctl } from '../net/net';
import { IPSKB_FRAGLIST, ipCb } from '../ipv4/ip_cb';
import { IP6SKB_FRAGLIST, ip6cbClear, ip6cbHas } from '../ipv6/ip6cb';
import { consumeSkb } from '../skb/free';
import { nfctPut } from '../skb/nfct';
import { SKB_F_CLONED, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { traceData } from '../skb/trace';
import { skbClone } from '../skb/skbuff';
import {
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  IPS_TEMPLATE,
  IP_CT_DIR_ORIGINAL,
  IP_CT_DIR_REPLY,
  IP_CT_ESTABLISHED,
  IP_CT_ESTABLISHED_REPLY,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IP_CT_UNTRACKED,
  NF_CT_DEFAULT_ZONE_DIR,
  NF_CT_EXTRA_HELP,
  NF_TUPLE_BYTES,
  NfConn,
  NfConnAcct,
  NfCtStat,
  NfTuple,
  ctDir,
  ctInfo,
  nfConnCtNet,
  nfCtGet,
  nfCtNet,
  nfCtSet,
  nfCtStatInc,
  nfNodeConn,
  nfNodeDir,
  nfTuple,
  nfZoneId,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtDeliverCached, nfCtEventCache } from './nf_conntrack_ecache';
import { nfCtExpectNew } from './nf_conntrack_expect';
import { NF_CT_LONG_WAY, nfConntrackFast4, nfConntrackFast6 } from './nf_conntrack_fast';
import { nfCtHelpCall, nfCtHelpFromTemplate } from './nf_conntrack_helper';
import { nfCtIcmpError, nfCtIcmpPacket } from './nf_conntrack_proto_icmp';
import { nfCtIcmpv6Error, nfCtIcmpv6Packet } from './nf_conntrack_proto_icmpv6';
import { nfCtGenericPacket, nfCtGrePacket } from './nf_conntrack_proto';
import { SCTP_HDR_LEN, nfCtSctpPacket } from './nf_conntrack_proto_sctp';
import { nfCtTcpPacket, nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfCtUdpPacket } from './nf_conntrack_proto_udp';
import { nfCtSeqAdjust } from './nf_conntrack_seqadj';
import {
  nfCtAlloc,
  nfCtChainTooLong,
  nfCtFindHash,
  nfCtInsert,
  nfCtScratchTuple,
} from './nf_conntrack_table';
import { nfCtTimeoutAttach } from './nf_conntrack_timeout';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  NfHash,
  nfGetTuple,
  nfInvertTuple,
  nfL4proto,
  nfTupleEqual,
} from './nf_conntrack_tuple';

/** Fragments of our own, sent as such (LOCAL_OUT sees them only by raw sockets). */
const IP_FRAGMENT_BITS: u16 = 0x3fff;

/** Op NF_CONNTRACK_IN. Linux: nf_conntrack_in. */
export function nfConntrackIn(_priv: usize, p: usize, s: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const state = changetype<NfHookState>(s);
  const net = changetype<Net>(state.net);
  const hook = state.hook;
  const l3num = state.family === NFPROTO_IPV4 ? AF_INET : AF_INET6;
  let tmpl: usize = 0;
  if (skb.nfct === 0) {
    const verdict = l3num === AF_INET ? nfConntrackFast4(net, skb, hook) : nfConntrackFast6(net, skb, hook);
    if (verdict > 0 && verdict !== NF_CT_LONG_WAY) return verdict;
    if (verdict <= 0) return nfConntrackRefused(net, verdict);
  } else {
    // Seen before (lo), not to be tracked, or a template that says how.
    if (ctInfo(skb) === IP_CT_UNTRACKED) return NF_ACCEPT;
    tmpl = changetype<usize>(nfCtGet(skb));
    if ((changetype<NfConn>(tmpl).status & IPS_TEMPLATE) === 0) return NF_ACCEPT;
    skb.nfct = 0;
  }
  if (hook === <u32>NetfilterHook.LOCAL_OUT && l3num === AF_INET) {
    if ((bswap<u16>(load<u16>(skb.data, 6)) & IP_FRAGMENT_BITS) !== 0) {
      if (tmpl !== 0) nfctPut(tmpl);
      return NF_ACCEPT;
    }
  }
  const verdict = inPieces(skb, l3num)
    ? trackClone(net, skb, tmpl, hook, l3num)
    : track(net, skb, tmpl, hook, l3num);
  if (root().trace !== 0) traceConn(skb, 0);
  if (tmpl !== 0) nfctPut(tmpl);
  return verdict;
}

/** A packet that was put together and may leave in the same fragments. */
function inPieces(skb: SkBuff, l3num: u32): bool {
  if (skb.frags === 0) return false;
  return l3num === AF_INET ? (ipCb(skb).flags & IPSKB_FRAGLIST) !== 0 : ip6cbHas(skb, IP6SKB_FRAGLIST);
}

/** Trackers pull headers into the linear part, which would move the cuts between fragments: they get a clone. */
function trackClone(net: Net, skb: SkBuff, tmpl: usize, hook: u32, l3num: u32): i32 {
  const cloned = skb.flags & SKB_F_CLONED;
  const clone = skbClone(skb);
  if (clone === null) return NF_DROP;
  const verdict = track(net, clone, tmpl, hook, l3num);
  skb.nfct = clone.nfct;
  clone.nfct = 0;
  consumeSkb(clone);
  if (sctpPulls(net, skb, hook, l3num)) {
    if (l3num === AF_INET) ipCb(skb).flags &= ~IPSKB_FRAGLIST;
    else ip6cbClear(skb, IP6SKB_FRAGLIST);
  }
  if (cloned === 0) skb.flags &= ~SKB_F_CLONED;
  return verdict;
}

/**
 * Linux makes the header of SCTP writable to sum it: when it reached into a second fragment, the fragments are no longer
 * those that came, and the packet is cut anew. Linux: sctp_error.
 */
function sctpPulls(net: Net, skb: SkBuff, hook: u32, l3num: u32): bool {
  if (hook !== <u32>NetfilterHook.PRE_ROUTING || sysctl(net, Sysctl.NF_CONNTRACK_CHECKSUM) === 0)
    return false;
  const where = scratch(Scratch.NF_CT_L4);
  const dataoff = nfL4proto(skb, 0, l3num, where);
  if (dataoff <= 0 || load<u32>(where) !== IPPROTO_SCTP) return false;
  return skbHeadlen(skb) < <u32>dataoff + SCTP_HDR_LEN;
}

/** Told of every packet that is not excepted: its connection, or that it has none. */
function traceConn(skb: SkBuff, detail: u32): void {
  const p = changetype<usize>(skb);
  if (skb.nfct === 0) {
    traceData(TraceKind.CT, TRACE_CT_INVALID, p, skb.dev, 0, 0, 0, 0, 0, 0);
    return;
  }
  const ct = changetype<NfConn>(skb.nfct & ~7);
  const both = scratch(Scratch.NF_CT_TRACE);
  memory.copy(both, changetype<usize>(nfTuple(ct, IP_CT_DIR_ORIGINAL)), NF_TUPLE_BYTES);
  memory.copy(both + NF_TUPLE_BYTES, changetype<usize>(nfTuple(ct, IP_CT_DIR_REPLY)), NF_TUPLE_BYTES);
  const proto = <u32>nfTuple(ct, IP_CT_DIR_ORIGINAL).proto;
  const state: u32 = proto === IPPROTO_TCP ? <u32>nfTcpOf(ct).state : 0;
  const info = (<u32>skb.nfct & 7) | detail;
  traceData(TraceKind.CT, info, p, skb.dev, ct.status, ct.mark, ct.zone, state, both, NF_TUPLE_BYTES * 2);
}

function track(net: Net, skb: SkBuff, tmpl: usize, hook: u32, l3num: u32): i32 {
  const where = scratch(Scratch.NF_CT_L4);
  const dataoff = nfL4proto(skb, 0, l3num, where);
  if (dataoff <= 0) {
    nfCtStatInc(net, NfCtStat.INVALID);
    return NF_ACCEPT;
  }
  const proto = load<u32>(where);
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) {
    const verdict =
      proto === IPPROTO_ICMP
        ? nfCtIcmpError(net, skb, dataoff, tmpl, hook, l3num)
        : nfCtIcmpv6Error(net, skb, dataoff, tmpl, hook, l3num);
    if (verdict <= 0) {
      nfCtStatInc(net, NfCtStat.INVALID);
      return -verdict;
    }
    // An error about a connection, or what is not tracked.
    if (skb.nfct !== 0) return NF_ACCEPT;
  }
  for (;;) {
    if (!resolveNormal(net, skb, tmpl, dataoff, l3num, proto)) {
      nfCtStatInc(net, NfCtStat.DROP);
      return NF_DROP;
    }
    const nfct = skb.nfct;
    if (nfct === 0) {
      nfCtStatInc(net, NfCtStat.INVALID);
      return NF_ACCEPT;
    }
    const ct = changetype<NfConn>(nfct & ~7);
    const info = <u32>nfct & 7;
    const verdict = handlePacket(net, ct, skb, dataoff, info, hook, l3num, proto);
    if (verdict > 0) {
      if (info === IP_CT_ESTABLISHED_REPLY && (ct.status & IPS_SEEN_REPLY) === 0) {
        ct.status |= IPS_SEEN_REPLY;
        nfCtEventCache(ct, IPCT_REPLY);
      }
      return verdict;
    }
    skb.nfct = 0;
    nfctPut(nfct);
    // The connection was over, and this opens it anew.
    if (verdict === -NF_REPEAT) continue;
    return nfConntrackRefused(net, verdict);
  }
}

/** The tracker's verdict (turned negative) about a packet that is no part of its connection. */
export function nfConntrackRefused(net: Net, verdict: i32): i32 {
  nfCtStatInc(net, NfCtStat.INVALID);
  if (verdict === -NF_DROP) nfCtStatInc(net, NfCtStat.DROP);
  return -verdict;
}

function handlePacket(
  net: Net,
  ct: NfConn,
  skb: SkBuff,
  dataoff: u32,
  info: u32,
  hook: u32,
  l3num: u32,
  proto: u32,
): i32 {
  switch (proto) {
    case IPPROTO_TCP:
      return nfCtTcpPacket(net, ct, skb, dataoff, info, hook, l3num);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return nfCtUdpPacket(net, ct, skb, dataoff, info, hook, l3num, proto);
    case IPPROTO_ICMP:
      return nfCtIcmpPacket(net, ct, skb, info, l3num);
    case IPPROTO_ICMPV6:
      return nfCtIcmpv6Packet(net, ct, skb, info, l3num);
    case IPPROTO_SCTP:
      return nfCtSctpPacket(net, ct, skb, dataoff, info, hook, l3num);
    case IPPROTO_GRE:
      return nfCtGrePacket(net, ct, skb, info);
    default:
      return nfCtGenericPacket(net, ct, skb, info);
  }
}

/** Zone of a template for one direction; 0 without. */
export function nfCtTmplZone(tmpl: usize, dir: u32): u16 {
  if (tmpl === 0) return 0;
  return nfZoneId(changetype<NfConn>(tmpl).zone, changetype<NfConn>(tmpl).zoneDir, dir);
}

/**
 * Finds the packet's connection, or makes it, and puts it on the skb, which stays without when the packet cannot be of
 * one. False: there is no room. Linux: resolve_normal_ct.
 */
function resolveNormal(net: Net, skb: SkBuff, tmpl: usize, dataoff: u32, l3num: u32, proto: u32): bool {
  const tuple = nfCtScratchTuple();
  const zone = nfCtTmplZone(tmpl, IP_CT_DIR_ORIGINAL);
  if (!nfGetTuple(skb, 0, dataoff, l3num, proto, zone, tuple)) return true;
  const ctnet = nfCtNet(net);
  const hash = NfHash.of(ctnet, tuple);
  let node = nfCtFindHash(net, tuple, hash);
  if (node === 0 && tmpl !== 0) {
    const replyZone = nfCtTmplZone(tmpl, IP_CT_DIR_REPLY);
    if (replyZone !== zone) {
      tuple.zone = replyZone;
      node = nfCtFindHash(net, tuple, NfHash.of(ctnet, tuple));
      tuple.zone = zone;
    }
  }
  if (node === 0) return initConntrack(net, skb, tmpl, tuple, hash);
  const ct = nfNodeConn(node);
  ct.use++;
  let info = IP_CT_ESTABLISHED;
  if (nfNodeDir(node) === IP_CT_DIR_REPLY) {
    info = IP_CT_ESTABLISHED_REPLY;
  } else if ((ct.status & IPS_SEEN_REPLY) === 0) {
    info = (ct.status & IPS_EXPECTED) !== 0 ? IP_CT_RELATED : IP_CT_NEW;
  }
  nfCtSet(skb, ct, info);
  return true;
}

/** Linux: init_conntrack. */
function initConntrack(net: Net, skb: SkBuff, tmpl: usize, tuple: NfTuple, hash: u32): bool {
  const reply = changetype<NfTuple>(scratch(Scratch.NF_CT_REPLY));
  if (!nfInvertTuple(reply, tuple, 0)) return true;
  const zone: u16 = tmpl === 0 ? 0 : changetype<NfConn>(tmpl).zone;
  const zoneDir = tmpl === 0 ? NF_CT_DEFAULT_ZONE_DIR : changetype<NfConn>(tmpl).zoneDir;
  const ct = nfCtAlloc(net, zone, zoneDir, tuple, reply, hash);
  if (ct === null) return false;
  if (tmpl !== 0) nfCtTimeoutAttach(ct, changetype<NfConn>(tmpl).timeoutPolicy);
  const expected = nfCtNet(net).expectCount !== 0 && nfCtExpectNew(net, ct, tuple);
  if (!expected && tmpl !== 0) nfCtHelpFromTemplate(ct, changetype<NfConn>(tmpl));
  nfCtSet(skb, ct, expected ? IP_CT_RELATED : IP_CT_NEW);
  return true;
}

/** Op NF_CONNTRACK_CONFIRM: the packet leaves the hooks. Linux: nf_confirm. */
export function nfConntrackConfirm(_priv: usize, p: usize, s: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const nfct = skb.nfct;
  const ct = changetype<NfConn>(nfct & ~7);
  if (changetype<usize>(ct) === 0 || inVrfPostrouting(changetype<NfHookState>(s))) return NF_ACCEPT;
  // Put on by a rule behind tracking: nobody took it off.
  if ((ct.status & IPS_TEMPLATE) !== 0) return NF_ACCEPT;
  const adjust = (ct.status & IPS_SEQ_ADJUST) !== 0;
  const info = <u32>nfct & 7;
  if (((ct.extras & NF_CT_EXTRA_HELP) !== 0 || adjust) && info !== IP_CT_RELATED_REPLY) {
    const state = changetype<NfHookState>(s);
    const l3num = state.family === NFPROTO_IPV4 ? AF_INET : AF_INET6;
    const dataoff = nfL4proto(skb, 0, l3num, scratch(Scratch.NF_CT_L4));
    if (dataoff > 0) {
      if (ct.help !== 0) {
        const verdict = nfCtHelpCall(ct, skb, dataoff, info);
        if (verdict !== NF_ACCEPT) return verdict;
      }
      if ((ct.status & IPS_SEQ_ADJUST) !== 0 && !nfCtSeqAdjust(skb, ct, info, dataoff)) {
        nfCtStatInc(changetype<Net>(state.net), NfCtStat.DROP);
        return NF_DROP;
      }
    }
  }
  let verdict = NF_ACCEPT;
  if ((ct.status & IPS_CONFIRMED) === 0) {
    verdict = confirm(skb, ct, info);
    if (root().trace !== 0 && verdict === NF_ACCEPT && skb.nfct !== 0) traceConn(skb, TRACE_CT_CONFIRMED);
  }
  if (verdict === NF_ACCEPT && skb.nfct === nfct && ct.events !== 0) nfCtDeliverCached(ct);
  return verdict;
}

/** The first of two passes of a packet of our own that leaves a VRF. */
export function inVrfPostrouting(state: NfHookState): bool {
  if (state.hook !== <u32>NetfilterHook.POST_ROUTING || state.out === 0) return false;
  return isL3Master(changetype<NetDevice>(state.out));
}

/** A new connection enters the table. Linux: __nf_conntrack_confirm. */
function confirm(skb: SkBuff, ct: NfConn, info: u32): i32 {
  // A RST or an error that was sent in answer to the packet that makes the connection.
  if (ctDir(info) !== IP_CT_DIR_ORIGINAL) return NF_ACCEPT;
  const ctnet = nfConnCtNet(ct);
  if (ctnet.net === 0) return NF_DROP;
  const net = changetype<Net>(ctnet.net);
  const orig = nfTuple(ct, IP_CT_DIR_ORIGINAL);
  const reply = nfTuple(ct, IP_CT_DIR_REPLY);
  if ((ct.status & IPS_DYING) !== 0) {
    nfCtStatInc(net, NfCtStat.INSERT_FAILED);
    return NF_DROP;
  }
  const hash = NfHash.of(ctnet, orig);
  const replyHash = NfHash.of(ctnet, reply);
  // NAT may have chosen the same answers for two that are on their way at once (a packet waited in a queue).
  let other = nfCtFindHash(net, orig, hash);
  if (other === 0) other = nfCtFindHash(net, reply, replyHash);
  if (other !== 0) return resolveClash(net, skb, ct, info, other);
  if (nfCtChainTooLong(ctnet, hash) || nfCtChainTooLong(ctnet, replyHash)) {
    nfCtStatInc(net, NfCtStat.CHAINTOOLONG);
    nfCtStatInc(net, NfCtStat.INSERT_FAILED);
    return NF_DROP;
  }
  ct.status |= IPS_CONFIRMED;
  ct.timeout += nfctTimeStamp(ctnet);
  if (ct.acct !== 0 && sysctl(net, Sysctl.NF_CONNTRACK_TIMESTAMP) !== 0) {
    changetype<NfConnAcct>(ct.acct).start = root().now;
  }
  nfCtInsert(ctnet, ct, hash, replyHash);
  nfCtStatInc(net, NfCtStat.INSERT);
  if (ct.help !== 0) nfCtEventCache(ct, IPCT_HELPER);
  nfCtEventCache(ct, ct.master !== 0 ? IPCT_RELATED : IPCT_NEW);
  return NF_ACCEPT;
}

/**
 * Another packet of the same connection was faster. The skb joins it when both would do the same to its packets;
 * otherwise there is no right answer to it, and it is dropped. Linux: nf_ct_resolve_clash.
 */
function resolveClash(net: Net, skb: SkBuff, loser: NfConn, info: u32, node: usize): i32 {
  const winner = nfNodeConn(node);
  const proto = <u32>nfTuple(loser, IP_CT_DIR_ORIGINAL).proto;
  const same =
    nfTupleEqual(nfTuple(winner, 0), nfTuple(loser, 0)) &&
    nfTupleEqual(nfTuple(winner, 1), nfTuple(loser, 1)) &&
    winner.zone === loser.zone;
  if (!same || proto === IPPROTO_TCP || proto === IPPROTO_SCTP) {
    nfCtStatInc(net, NfCtStat.INSERT_FAILED);
    nfCtStatInc(net, NfCtStat.DROP);
    return NF_DROP;
  }
  winner.use++;
  nfctPut(skb.nfct);
  nfCtSet(skb, winner, info);
  nfCtStatInc(net, NfCtStat.CLASH_RESOLVE);
  return NF_ACCEPT;
}
