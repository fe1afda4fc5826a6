/**
 * Reassembly of IPv4 (RFC 791 §3.2, RFC 815, RFC 1122 §3.3.2): fragments for us, or for who asks (conntrack). The
 * queues are in inet_fragment. Linux: net/ipv4/ip_fragment.c.
 *
 * Each skb is kept as its payload; its IP header stays in front of it, at networkHeader, for the error on timeout and
 * as the header of the whole.
 */
import { TraceKind } from '../abi/trace';
import { traceEvent } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { l3mdevIfindexOf } from '../dev/l3mdev';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { ipFastCsum } from '../lib/checksum';
import { opSet } from '../lib/ops';
import { poptrieLookup4 } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net, mibInc, sysctl } from '../net/net';
import { Errno } from '../net/errno';
import { Fib, RtType } from '../route/fib';
import { inetPeerRid } from '../route/inet_peer';
import { skbOrphanFrags } from '../skb/foreign';
import { kfreeSkbReason } from '../skb/free';
import { FragTable } from '../skb/pool';
import { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, SKB_F_IGNORE_DF, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull, skbCowHead, skbPull, skbPush, skbTrim } from '../skb/skbuff';
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from '../wire/icmp';
import {
  IPV4_MAX_TOT_LEN,
  IP_DF,
  IP_MF,
  IP_OFFSET,
  ipv4Daddr,
  ipv4DaddrBe,
  ipv4Ecn,
  ipv4FragOff,
  ipv4IdBe,
  ipv4Ihl,
  ipv4Protocol,
  ipv4Saddr,
  ipv4SaddrBe,
  ipv4SetFragOff,
  ipv4SetTotLen,
  ipv4Tos,
} from '../wire/ipv4';
import { icmpSend } from './icmp';
import {
  FragInsert,
  FragQueue,
  Frags,
  INET_FRAG_FIRST_IN,
  INET_FRAG_LAST_IN,
  fragComplete,
  fragFind,
  fragInsert,
  fragKeyPtr,
  fragKill,
  fragPullHead,
  fragReasm,
  fragReinit,
  fragsCreate,
  fragsDestroy,
  fragsFlushDev,
  ipFragEcn,
} from './inet_fragment';
import { IPSKB_FRAGLIST, IPSKB_FRAG_COMPLETE, IPSKB_FRAG_PMTU, ipCb } from './ip_cb';
import { inetAddrTypeDev, ipRouteInput } from './route';

/** Who wants the packet whole: fragments of different users do not mix (Linux: enum ip_defrag_users). */
export const IP_DEFRAG_LOCAL_DELIVER: u32 = 0;
export const IP_DEFRAG_CALL_RA_CHAIN: u32 = 1;
export const IP_DEFRAG_CONNTRACK_IN: u32 = 2;
/** Users from CONNTRACK_IN on stand in the way of packets that are not for us. */
const IP_DEFRAG_IN_BETWEEN: u32 = IP_DEFRAG_CONNTRACK_IN;

const NS_PER_SEC: u64 = 1_000_000_000;

/** Key: saddr, daddr, id and protocol, user. */
const KEY_BYTES: u32 = 20;
const KEY_USER: usize = 12;
const KEY_VIF: usize = 16;

/** At init and after every restore. */
export function ipFragOpsInit(): void {
  opSet(Op.TIMER_FRAG4, ipExpire.index);
}

/** 0 or -ENOMEM. */
export function ipFragNetInit(net: Net): i32 {
  net.frags4 = fragsCreate(net, Op.TIMER_FRAG4);
  return net.frags4 === 0 ? -Errno.ENOMEM : 0;
}

export function ipFragNetExit(net: Net): void {
  fragsDestroy(net.frags4);
  net.frags4 = 0;
}

/** The device goes away: so do the fragments that came by it. */
export function ipFragDevGone(net: Net, dev: usize): void {
  fragsFlushDev(net.frags4, dev);
}

function timeoutNs(net: Net): u64 {
  return <u64>max(sysctl(net, Sysctl.IPFRAG_TIME), 0) * NS_PER_SEC;
}

function keyOf(iph: usize, user: u32, vif: i32): usize {
  const key = scratch(Scratch.IP_FRAGMENT_KEY);
  store<u32>(key, ipv4SaddrBe(iph));
  store<u32>(key, ipv4DaddrBe(iph), 4);
  store<u32>(key, ipv4IdBe(iph) | (ipv4Protocol(iph) << 16), 8);
  store<u32>(key, user, KEY_USER);
  store<i32>(key, vif, KEY_VIF);
  return key;
}

/**
 * Takes a fragment (data at its IP header, which is sound and linear). The whole packet, data at its header, when this
 * was the last piece missing; null when it is kept or dropped.
 */
export function ipDefrag(net: Net, skb: SkBuff, user: u32): SkBuff | null {
  mibInc(net, Mib.IpReasmReqds);
  const high = <u32>max(sysctl(net, Sysctl.IPFRAG_HIGH_THRESH), 0);
  const frags = changetype<Frags>(net.frags4);
  const q = fragFind(frags, keyOf(skb.data, user, l3mdevIfindexOf(skb.dev)), KEY_BYTES, high, timeoutNs(net));
  if (q === null) {
    mibInc(net, Mib.IpReasmFails);
    kfreeSkbReason(skb, SkbDropReason.FRAG_LIMIT);
    return null;
  }
  if (root().trace !== 0)
    traceEvent(TraceKind.DEFRAG, 0, changetype<usize>(skb), skb.dev, bswap<u16>(load<u16>(skb.data, 4)), 0);
  const whole = queue(net, q, skb);
  if (whole !== null && root().trace !== 0)
    traceEvent(TraceKind.REASSEMBLED, 0, changetype<usize>(whole), whole.dev, whole.len, 0);
  return whole;
}

/** The queue is corrupt: it ends, and so does the fragment. */
function discard(net: Net, q: FragQueue, skb: SkBuff, reason: SkbDropReason): SkBuff | null {
  fragKill(q, reason);
  mibInc(net, Mib.IpReasmFails);
  kfreeSkbReason(skb, reason);
  return null;
}

/** Linux: ip_frag_queue. */
function queue(net: Net, q: FragQueue, skb: SkBuff): SkBuff | null {
  if ((ipCb(skb).flags & IPSKB_FRAG_COMPLETE) === 0 && tooFar(net, q, skb.data)) {
    fragReinit(q, SkbDropReason.FRAG_TOO_FAR, timeoutNs(net));
  }
  const iph = skb.data;
  const ihl = ipv4Ihl(iph);
  const fragOff = ipv4FragOff(iph);
  const offset = (fragOff & IP_OFFSET) << 3;
  if (skb.len < ihl) return discard(net, q, skb, SkbDropReason.FRAG_INVALID);
  let end = offset + skb.len - ihl;
  if ((fragOff & IP_MF) === 0) {
    // The last one: nothing may lie behind it, and it must not end elsewhere than one before did.
    if (end < q.len || ((q.flags & INET_FRAG_LAST_IN) !== 0 && end !== q.len)) {
      return discard(net, q, skb, SkbDropReason.FRAG_INVALID);
    }
    q.flags |= INET_FRAG_LAST_IN;
    q.len = end;
  } else {
    // RFC 791 §3.2: all but the last are a multiple of 8 bytes long; what is more is cut off.
    if ((end & 7) !== 0) {
      end &= ~7;
      if (skb.ipSummed !== CHECKSUM_UNNECESSARY) skb.ipSummed = CHECKSUM_NONE;
    }
    if (end > q.len) {
      if ((q.flags & INET_FRAG_LAST_IN) !== 0) return discard(net, q, skb, SkbDropReason.FRAG_INVALID);
      q.len = end;
    }
  }
  // An offset in front of the end of the header when `end` was cut below it: no payload either way.
  if (end <= offset) return discard(net, q, skb, SkbDropReason.FRAG_INVALID);
  if (!pskbMayPull(skb, ihl)) return discard(net, q, skb, SkbDropReason.NOMEM);
  skb.networkHeader = skb.data;
  skbPull(skb, ihl);
  skbTrim(skb, end - offset);
  const dev = skb.dev;
  const dst = skb.dst;
  const header = skb.networkHeader;
  if (!skbOrphanFrags(skb)) return discard(net, q, skb, SkbDropReason.NOMEM);
  const result = fragInsert(q, skb, offset, end);
  if (result === FragInsert.DUP) {
    skb.dst = dst;
    kfreeSkbReason(skb, SkbDropReason.DUP_FRAG);
    return null;
  }
  if (result === FragInsert.OVERLAP) {
    mibInc(net, Mib.IpExtReasmOverlaps);
    return discard(net, q, skb, SkbDropReason.FRAG_OVERLAP);
  }
  q.iif = changetype<NetDevice>(dev).ifindex;
  q.ecn |= <u8>((<u32>1) << ipv4Ecn(header));
  if (offset === 0) q.flags |= INET_FRAG_FIRST_IN;
  const size = end - offset + ihl;
  if (size > q.maxSize) q.maxSize = size;
  if ((fragOff & IP_DF) !== 0 && size > q.maxDfSize) q.maxDfSize = size;
  return fragComplete(q) ? reasm(net, q, dev, dst, ihl) : null;
}

/**
 * Linux: ip_frag_too_far: more than ipfrag_max_dist fragments of this peer since the queue's last one: identifiers
 * have wrapped, and what is here belongs to another packet (RFC 4963).
 */
function tooFar(net: Net, q: FragQueue, iph: usize): bool {
  const most = sysctl(net, Sysctl.IPFRAG_MAX_DIST);
  if (most <= 0) return false;
  const end = inetPeerRid(net, AF_INET, iph + 12, load<i32>(fragKeyPtr(q), KEY_VIF));
  const start = q.rid;
  q.rid = end;
  if (q.tail === 0 || end - start <= <u32>most) return false;
  mibInc(net, Mib.IpReasmFails);
  return true;
}

/** Linux: ip_frag_reasm. `ihl` is the length of the header of the fragment that came last. */
function reasm(net: Net, q: FragQueue, dev: usize, dst: usize, ihl: u32): SkBuff | null {
  const ecn = ipFragEcn(q.ecn);
  if (ecn === 0xff) {
    mibInc(net, Mib.IpReasmFails);
    fragKill(q, SkbDropReason.FRAG_INVALID);
    return null;
  }
  const first = changetype<SkBuff>(q.runs);
  const hlen = ipv4Ihl(first.networkHeader);
  // "Oversized IP packet": together longer than tot_len can say (the ping of death).
  if (max(hlen, ihl) + q.len > IPV4_MAX_TOT_LEN) {
    mibInc(net, Mib.IpReasmFails);
    fragKill(q, SkbDropReason.PKT_TOO_BIG);
    return null;
  }
  const df = q.maxDfSize === q.maxSize;
  const maxSize = max(q.maxDfSize, q.maxSize);
  const pieces = q.pieces;
  const inBetween = load<u32>(fragKeyPtr(q), KEY_USER) >= IP_DEFRAG_IN_BETWEEN;
  const single = skbHeadlen(first) !== 0 && first.dataLen === 0;
  const whole = fragReasm(q);
  if (whole === null) {
    mibInc(net, Mib.IpReasmFails);
    return null;
  }
  skbPush(whole, hlen);
  if (!skbCowHead(whole, 0)) {
    mibInc(net, Mib.IpReasmFails);
    kfreeSkbReason(whole, SkbDropReason.NOMEM);
    return null;
  }
  whole.cb4 = 0;
  whole.cb5 = 0;
  whole.dev = dev;
  whole.dst = dst;
  whole.ipSummed = CHECKSUM_NONE;
  const iph = whole.data;
  whole.networkHeader = iph;
  whole.transportHeader = iph + hlen;
  const cb = ipCb(whole);
  cb.fragMaxSize = <u16>maxSize;
  if (df) cb.flags |= IPSKB_FRAG_PMTU;
  // It came in fragments and may leave in fragments, DF or not (Linux: nf_ct_ipv4_gather_frags).
  if (inBetween) whole.flags |= SKB_F_IGNORE_DF;
  if (inBetween && single && whole.frags !== 0 && changetype<FragTable>(whole.frags).n === pieces - 1) {
    cb.flags |= IPSKB_FRAGLIST;
  }
  ipv4SetTotLen(iph, whole.len);
  store<u8>(iph, <u8>(ipv4Tos(iph) | ecn), 1);
  // A packet whose largest fragment had DF keeps it, and is fragmented again no larger than it came.
  ipv4SetFragOff(iph, df ? IP_DF : 0);
  store<u16>(iph, 0, 10);
  store<u16>(iph, ipFastCsum(iph, hlen >> 2), 10);
  mibInc(net, Mib.IpReasmOKs);
  return whole;
}

/** Timer of a queue (op TIMER_FRAG4): its packet does not become whole any more. Linux: ip_expire. */
export function ipExpire(queuePtr: usize): void {
  const q = changetype<FragQueue>(queuePtr);
  const net = q.frags.net;
  mibInc(net, Mib.IpReasmFails);
  mibInc(net, Mib.IpReasmTimeout);
  const user = load<u32>(fragKeyPtr(q), KEY_USER);
  const dev = devGetByIndex(net, q.iif);
  const head = (q.flags & INET_FRAG_FIRST_IN) !== 0 && dev !== null ? fragPullHead(q) : null;
  fragKill(q, SkbDropReason.FRAG_REASM_TIMEOUT);
  if (head === null || dev === null) return;
  head.dev = changetype<usize>(dev);
  if (mayReport(net, head, dev, user)) icmpSend(head, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
  kfreeSkbReason(head, SkbDropReason.FRAG_REASM_TIMEOUT);
}

/** RFC 792: the host that reassembles reports the timeout; who stands in between does not. */
function mayReport(net: Net, head: SkBuff, dev: NetDevice, user: u32): bool {
  const iph = head.networkHeader;
  const daddr = ipv4Daddr(iph);
  const value = poptrieLookup4(changetype<Fib>(net.fib4).trie, daddr);
  const way = ipRouteInput(head, net, dev, daddr, ipv4Saddr(iph), value);
  head.dst = 0;
  if (way < 0) return false;
  return user < IP_DEFRAG_IN_BETWEEN || inetAddrTypeDev(net, dev, daddr) === RtType.LOCAL;
}
