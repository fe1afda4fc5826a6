/**
 * Reassembly of IPv6 (RFC 8200 4.5, RFC 5722, RFC 6946, RFC 7112): fragments for us. The queues are those of
 * ipv4/inet_fragment. Linux: net/ipv6/reassembly.c.
 *
 * Each skb is kept as its payload; its headers stay in front of it, from networkHeader on, for the error on timeout
 * and as the headers of the whole, from which the Fragment header is taken out.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { l3mdevIngress, l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice, devGetByIndex } from '../dev/net_device';
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
  fragsCreate,
  fragsDestroy,
  fragsFlushDev,
  ipFragEcn,
} from '../ipv4/inet_fragment';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { Net, mibInc, sysctl } from '../net/net';
import { skbOrphanFrags } from '../skb/foreign';
import { kfreeSkbReason } from '../skb/free';
import { FragTable } from '../skb/pool';
import { CHECKSUM_NONE, SKB_F_IGNORE_DF, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull, skbCowHead, skbPull, skbPush, skbTrim } from '../skb/skbuff';
import {
  ICMPV6_EXC_FRAGTIME,
  ICMPV6_HDR_FIELD,
  ICMPV6_HDR_INCOMP,
  ICMPV6_HDR_LEN,
  ICMPV6_TIME_EXCEED,
} from '../wire/icmpv6';
import {
  IPV6_HDR_LEN,
  IPV6_MAXPLEN,
  NEXTHDR_FRAGMENT,
  NEXTHDR_HOP,
  NEXTHDR_ICMP,
  NEXTHDR_NONE,
  NEXTHDR_TCP,
  NEXTHDR_UDP,
  ipv6Daddr,
  ipv6Ecn,
  ipv6PayloadLen,
  ipv6Saddr,
  ipv6SetPayloadLen,
} from '../wire/ipv6';
import { ipv6AddrCopy, ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import {
  IPV6_FRAG_HDR_LEN,
  ipv6ExtHdr,
  ipv6ExtLen,
  ipv6ExtNexthdr,
  ipv6FindExthdr,
  ipv6FragMf,
  ipv6FragOffBytes,
} from '../wire/ipv6_ext';
import { TCP_HDR_LEN } from '../wire/tcp';
import { UDP_HDR_LEN } from '../wire/udp';
import { icmpv6ParamProb } from './exthdrs';
import { icmpv6Send } from './icmp';
import {
  IP6SKB_FRAGLIST,
  IP6SKB_FRAGMENTED,
  IPV6_NEXTHDR_OFFSET,
  ip6cbFlag,
  ip6cbHas,
  ip6cbNhoff,
  ip6cbSetFragMaxSize,
  ip6cbSetNhoff,
} from './ip6cb';

const SECOND: u64 = 1_000_000_000;
/** Key: source, destination, identification, ifindex (only where addresses are of one link), user. */
const KEY_BYTES: u32 = 44;
const KEY_USER: usize = 40;
/** Users other than this one (connection tracking) are not the host: they neither count nor tell anybody. */
const IP6_DEFRAG_LOCAL_DELIVER: u32 = 0;
/** Offset of payload_len in the IPv6 header, of frag_off in the Fragment header. */
const PAYLOAD_LEN_OFFSET: u32 = 4;
const FRAG_OFF_OFFSET: u32 = 2;
/** Headers of a first fragment that are looked through for its upper layer. */
const HEADERS_MAX: u32 = 1024;

export function ipv6FragOpsInit(): void {
  opSet(Op.TIMER_FRAG6, ipv6FragExpire.index);
}

/** 0 or -ENOMEM. */
export function ipv6FragNetInit(net: Net): i32 {
  net.frags6 = fragsCreate(net, Op.TIMER_FRAG6);
  return net.frags6 === 0 ? -Errno.ENOMEM : 0;
}

export function ipv6FragNetExit(net: Net): void {
  fragsDestroy(net.frags6);
  net.frags6 = 0;
}

/** The device goes away: so do the fragments that came by it. */
export function ipv6FragDevGone(net: Net, dev: usize): void {
  fragsFlushDev(net.frags6, dev);
}

/**
 * A packet with a Fragment header, which is at data. The packet to go on with, its transport header behind the
 * Fragment header (or where that was); null when it is kept or dropped.
 */
export function ipv6FragRcv(skb: SkBuff, net: Net): SkBuff | null {
  mibInc(net, Mib.Ip6ReasmReqds);
  const hdr = skb.networkHeader;
  // A jumbogram must not be fragmented (RFC 2675 3); whole headers only; not twice.
  const sound = !ip6cbHas(skb, IP6SKB_FRAGMENTED) && ipv6PayloadLen(hdr) !== 0;
  if (!sound || !pskbMayPull(skb, IPV6_FRAG_HDR_LEN)) {
    mibInc(net, Mib.Ip6InHdrErrors);
    icmpv6ParamProb(skb, ICMPV6_HDR_FIELD, skb.data - skb.networkHeader);
    return null;
  }
  const fhdr = skb.data;
  if (ipv6FragOffBytes(fhdr) === 0 && !ipv6FragMf(fhdr)) return atomic(skb, net);
  if (ipv6FragOffBytes(fhdr) === 0 && upperTruncated(skb)) {
    // RFC 8200 4.5, RFC 7112 5: the first fragment must have all headers through the upper layer's.
    mibInc(net, Mib.Ip6InHdrErrors);
    icmpv6ParamProb(skb, ICMPV6_HDR_INCOMP, 0);
    return null;
  }
  const high = <u32>max(sysctl(net, Sysctl.IP6FRAG_HIGH_THRESH), 0);
  const timeout = <u64>max(sysctl(net, Sysctl.IP6FRAG_TIME), 0) * SECOND;
  const key = keyOf(skb, IP6_DEFRAG_LOCAL_DELIVER);
  const q = fragFind(changetype<Frags>(net.frags6), key, KEY_BYTES, high, timeout);
  if (q === null) {
    mibInc(net, Mib.Ip6ReasmFails);
    kfreeSkbReason(skb, SkbDropReason.FRAG_LIMIT);
    return null;
  }
  return queue(skb, net, q);
}

/**
 * A packet on its way (data at its IPv6 header), for connection tracking as `user`. What goes on: the whole packet, or
 * the same one when it has no Fragment header or one that the receiver is to complain of; null: it is kept or dropped.
 * Linux: nf_ct_frag6_gather.
 */
export function nfCtFrag6Gather(net: Net, skb: SkBuff, user: u32): SkBuff | null {
  if (ipv6PayloadLen(skb.data) === 0) return skb;
  if (!pskbMayPull(skb, min(skb.len, HEADERS_MAX))) return skb;
  const hdr = skb.data;
  const linear = skbHeadlen(skb) - IPV6_HDR_LEN;
  const at = ipv6FindExthdr(hdr + IPV6_HDR_LEN, linear, load<u8>(hdr, 6), NEXTHDR_FRAGMENT);
  if (at < 0) return skb;
  const offset = IPV6_HDR_LEN + <u32>at;
  const fhdr = hdr + offset;
  skbPull(skb, offset);
  const frag = ipv6FragOffBytes(fhdr);
  const end = frag + skb.len - IPV6_FRAG_HDR_LEN;
  const bad = end > IPV6_MAXPLEN || (ipv6FragMf(fhdr) && (end & 7) !== 0);
  if (bad || (frag === 0 && upperTruncated(skb))) {
    skbPush(skb, offset);
    return skb;
  }
  skb.networkHeader = hdr;
  ip6cbSetNhoff(skb, previousNhoff(hdr, offset));
  const high = <u32>max(sysctl(net, Sysctl.IP6FRAG_HIGH_THRESH), 0);
  const timeout = <u64>max(sysctl(net, Sysctl.IP6FRAG_TIME), 0) * SECOND;
  const q = fragFind(changetype<Frags>(net.frags6), keyOf(skb, user), KEY_BYTES, high, timeout);
  if (q === null) {
    kfreeSkbReason(skb, SkbDropReason.FRAG_LIMIT);
    return null;
  }
  const whole = queue(skb, net, q);
  if (whole !== null) beginAnew(whole);
  return whole;
}

/** It goes through the headers where it is delivered, but for hop-by-hop options: those were read where it came in. */
function beginAnew(skb: SkBuff): void {
  const hdr = skb.data;
  const options = load<u8>(hdr, IPV6_NEXTHDR_OFFSET) === <u8>NEXTHDR_HOP;
  ip6cbSetNhoff(skb, options ? IPV6_HDR_LEN : IPV6_NEXTHDR_OFFSET);
  skb.transportHeader = hdr + IPV6_HDR_LEN;
  if (options) skb.transportHeader += ipv6ExtLen(hdr + IPV6_HDR_LEN, NEXTHDR_HOP);
}

/** Offset of the byte that names the header at `offset`; the headers before it are sound. */
function previousNhoff(hdr: usize, offset: u32): u32 {
  let nhoff = IPV6_NEXTHDR_OFFSET;
  let at = IPV6_HDR_LEN;
  while (at < offset) {
    const nexthdr = <u32>load<u8>(hdr + nhoff);
    nhoff = at;
    at += ipv6ExtLen(hdr + at, nexthdr);
  }
  return nhoff;
}

function isLocal(q: FragQueue): bool {
  return load<u32>(fragKeyPtr(q), KEY_USER) === IP6_DEFRAG_LOCAL_DELIVER;
}

function countFail(net: Net, q: FragQueue): void {
  if (isLocal(q)) mibInc(net, Mib.Ip6ReasmFails);
}

/** RFC 6946: a packet whole in itself; it never meets others. */
function atomic(skb: SkBuff, net: Net): SkBuff {
  const fhdr = skb.data;
  mibInc(net, Mib.Ip6ReasmOKs);
  skb.transportHeader = fhdr + IPV6_FRAG_HDR_LEN;
  ip6cbSetNhoff(skb, fhdr - skb.networkHeader);
  ip6cbFlag(skb, IP6SKB_FRAGMENTED);
  ip6cbSetFragMaxSize(skb, ipv6PayloadLen(skb.networkHeader) + IPV6_HDR_LEN);
  return skb;
}

/** Linux: ipv6frag_thdr_truncated. Data at the Fragment header of a first fragment. */
function upperTruncated(skb: SkBuff): bool {
  if (!pskbMayPull(skb, min(skb.len, HEADERS_MAX))) return true;
  const len = skbHeadlen(skb);
  let nexthdr = ipv6ExtNexthdr(skb.data);
  let offset = IPV6_FRAG_HDR_LEN;
  while (ipv6ExtHdr(nexthdr)) {
    if (nexthdr === NEXTHDR_NONE) return false;
    // Cut off among its extension headers: Linux takes that for whole, and waits for the rest.
    if (offset + 2 > len) return false;
    const next = ipv6ExtNexthdr(skb.data + offset);
    offset += ipv6ExtLen(skb.data + offset, nexthdr);
    nexthdr = next;
  }
  if (nexthdr === NEXTHDR_TCP) offset += TCP_HDR_LEN;
  else if (nexthdr === NEXTHDR_UDP) offset += UDP_HDR_LEN;
  else if (nexthdr === NEXTHDR_ICMP) offset += ICMPV6_HDR_LEN;
  else offset += 1;
  return offset > skb.len;
}

function keyOf(skb: SkBuff, user: u32): usize {
  const key = scratch(Scratch.REASSEMBLY_KEY);
  const hdr = skb.networkHeader;
  const daddr = ipv6Daddr(hdr);
  ipv6AddrCopy(key, ipv6Saddr(hdr));
  ipv6AddrCopy(key + 16, daddr);
  store<u32>(key, load<u32>(skb.data, 4), 32);
  const oneLink = ipv6AddrIsMulticast(daddr) || ipv6AddrIsLinklocal(daddr);
  const dev = changetype<NetDevice>(skb.dev);
  store<i32>(key, oneLink ? l3mdevIngress(skb).ifindex : l3mdevMasterIfindex(dev), 36);
  store<u32>(key, user, KEY_USER);
  return key;
}

/** The queue is corrupt: it ends, and so does the fragment. */
function discard(skb: SkBuff, net: Net, q: FragQueue, reason: SkbDropReason): SkBuff | null {
  countFail(net, q);
  fragKill(q, reason);
  kfreeSkbReason(skb, reason);
  return null;
}

/** A length or offset that cannot be: told to the sender. */
function problem(skb: SkBuff, net: Net, pointer: u32): SkBuff | null {
  mibInc(net, Mib.Ip6InHdrErrors);
  icmpv6ParamProb(skb, ICMPV6_HDR_FIELD, pointer);
  return null;
}

/** Linux: ip6_frag_queue. */
function queue(skb: SkBuff, net: Net, q: FragQueue): SkBuff | null {
  const fhdr = skb.data;
  const offset = ipv6FragOffBytes(fhdr);
  const size = skb.len - IPV6_FRAG_HDR_LEN;
  const end = offset + size;
  // RFC 8200 4.5: "If the length and offset of a fragment are such that the Payload Length of the packet reassembled
  // from that fragment would exceed 65,535 octets": Parameter Problem at the Fragment Offset.
  if (end > IPV6_MAXPLEN) return problem(skb, net, fhdr - skb.networkHeader + FRAG_OFF_OFFSET);
  if (!ipv6FragMf(fhdr)) {
    if (end < q.len || ((q.flags & INET_FRAG_LAST_IN) !== 0 && end !== q.len)) {
      return discard(skb, net, q, SkbDropReason.FRAG_INVALID);
    }
    q.flags |= INET_FRAG_LAST_IN;
    q.len = end;
  } else {
    // "If the length of a fragment ... is not a multiple of 8 octets and the M flag of that fragment is 1": at the
    // Payload Length.
    if ((end & 7) !== 0) return problem(skb, net, PAYLOAD_LEN_OFFSET);
    if (end > q.len) {
      if ((q.flags & INET_FRAG_LAST_IN) !== 0) return discard(skb, net, q, SkbDropReason.FRAG_INVALID);
      q.len = end;
    }
  }
  if (size === 0) return discard(skb, net, q, SkbDropReason.FRAG_INVALID);
  const nhoff = ip6cbNhoff(skb);
  const dev = skb.dev;
  const dst = skb.dst;
  skbPull(skb, IPV6_FRAG_HDR_LEN);
  skbTrim(skb, size);
  const header = skb.networkHeader;
  if (!skbOrphanFrags(skb)) return discard(skb, net, q, SkbDropReason.NOMEM);
  const result = fragInsert(q, skb, offset, end);
  if (result === FragInsert.DUP) {
    skb.dst = dst;
    kfreeSkbReason(skb, SkbDropReason.DUP_FRAG);
    return null;
  }
  if (result === FragInsert.OVERLAP) {
    // RFC 5722 4: "all the fragments received so far and those to come must be discarded".
    return discard(skb, net, q, SkbDropReason.FRAG_OVERLAP);
  }
  q.iif = changetype<NetDevice>(dev).ifindex;
  q.ecn |= <u8>((<u32>1) << ipv6Ecn(header));
  const length = skb.data - header + size;
  if (length > q.maxSize) q.maxSize = length;
  if (offset === 0) {
    q.nhoff = nhoff;
    q.flags |= INET_FRAG_FIRST_IN;
  }
  return fragComplete(q) ? reasm(net, q, dev, dst) : null;
}

/** Linux: ip6_frag_reasm. */
function reasm(net: Net, q: FragQueue, dev: usize, dst: usize): SkBuff | null {
  const first = changetype<SkBuff>(q.runs);
  const hlen = first.data - first.networkHeader;
  const payload = hlen - IPV6_HDR_LEN - IPV6_FRAG_HDR_LEN + q.len;
  const ecn = ipFragEcn(q.ecn);
  if (ecn === 0xff || payload > IPV6_MAXPLEN) {
    countFail(net, q);
    fragKill(q, ecn === 0xff ? SkbDropReason.FRAG_INVALID : SkbDropReason.PKT_TOO_BIG);
    return null;
  }
  const nhoff = q.nhoff;
  const maxSize = q.maxSize;
  const local = isLocal(q);
  const pieces = q.pieces;
  const single = skbHeadlen(first) !== 0 && first.dataLen === 0;
  const whole = fragReasm(q);
  if (whole === null) {
    if (local) mibInc(net, Mib.Ip6ReasmFails);
    return null;
  }
  skbPush(whole, hlen);
  if (!skbCowHead(whole, 0)) {
    if (local) mibInc(net, Mib.Ip6ReasmFails);
    kfreeSkbReason(whole, SkbDropReason.NOMEM);
    return null;
  }
  // The Fragment header goes: what stood before it moves up to it.
  const old = whole.data;
  store<u8>(old + nhoff, load<u8>(old + hlen - IPV6_FRAG_HDR_LEN));
  memory.copy(old + IPV6_FRAG_HDR_LEN, old, hlen - IPV6_FRAG_HDR_LEN);
  skbPull(whole, IPV6_FRAG_HDR_LEN);
  const hdr = whole.data;
  whole.macHeader = 0;
  whole.networkHeader = hdr;
  whole.transportHeader = hdr + hlen - IPV6_FRAG_HDR_LEN;
  whole.dev = dev;
  whole.dst = dst;
  whole.cb4 = 0;
  whole.cb5 = 0;
  whole.ipSummed = CHECKSUM_NONE;
  ipv6SetPayloadLen(hdr, payload);
  store<u8>(hdr, load<u8>(hdr, 1) | (ecn << 4), 1);
  ip6cbSetNhoff(whole, nhoff);
  ip6cbFlag(whole, IP6SKB_FRAGMENTED);
  ip6cbSetFragMaxSize(whole, maxSize);
  const kept = single && whole.frags !== 0 && changetype<FragTable>(whole.frags).n === pieces - 1;
  if (!local && kept) ip6cbFlag(whole, IP6SKB_FRAGLIST);
  // It came in pieces that fit, and goes on in such. Linux: nf_ct_frag6_reasm.
  if (!local) whole.flags |= SKB_F_IGNORE_DF;
  if (local) mibInc(net, Mib.Ip6ReasmOKs);
  return whole;
}

/** Op TIMER_FRAG6: 60 seconds were not enough. "If the first fragment has been received, Time Exceeded code 1". */
export function ipv6FragExpire(p: usize): void {
  const q = changetype<FragQueue>(p);
  const net = q.frags.net;
  if (!isLocal(q)) {
    fragKill(q, SkbDropReason.FRAG_REASM_TIMEOUT);
    return;
  }
  mibInc(net, Mib.Ip6ReasmFails);
  mibInc(net, Mib.Ip6ReasmTimeout);
  const dev = devGetByIndex(net, q.iif);
  const head = (q.flags & INET_FRAG_FIRST_IN) !== 0 && dev !== null ? fragPullHead(q) : null;
  fragKill(q, SkbDropReason.FRAG_REASM_TIMEOUT);
  if (head === null || dev === null) return;
  head.dev = changetype<usize>(dev);
  icmpv6Send(head, ICMPV6_TIME_EXCEED, ICMPV6_EXC_FRAGTIME, 0);
  kfreeSkbReason(head, SkbDropReason.FRAG_REASM_TIMEOUT);
}
