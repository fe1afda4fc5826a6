/**
 * Writing a translation into packets: addresses, ports, ids, checksums (also of packets whose checksum is still to be
 * filled in, and of GSO packets, of which each segment has these headers), and packets inside ICMP errors.
 * Linux: nf_nat_proto.c.
 *
 *   error on its way back:  IP │ ICMP │ IP of the cause │ its ports        the cause is written as it came to us,
 *                           └─ outer: as any answer      └─ inner: turned  the outer header as any packet
 */
import { skbCsumValid } from '../dev/checksum_help';
import { csumAdd, csumFold, csumIpv6Nofold, csumReplace4, csumSub } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET } from '../net/net';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_F_CLONED,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull, skbChecksum, skbCopyBits, skbCowHead } from '../skb/skbuff';
import { ICMP_ECHO, ICMP_ECHOREPLY, ICMP_REDIRECT, ICMP_TIMESTAMP } from '../wire/icmp';
import { ipv6ExtHdr, ipv6WalkExthdr } from '../wire/ipv6_ext';
import {
  IPS_DST_NAT,
  IPS_NAT_DONE_MASK,
  IPS_NAT_MASK,
  IPS_SRC_NAT,
  NF_TUPLE_DST,
  NF_TUPLE_SRC,
  NfConn,
  NfTuple,
  ctDir,
  nfTuple,
} from './nf_conntrack';
import {
  GRE_VERSION,
  GRE_VERSION_PPTP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  PPTP_GRE_CALL_END,
  nfInvertTuple,
} from './nf_conntrack_tuple';
import { NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC, nfHookToManip } from './nf_nat';

const IPV4_HDR_LEN: u32 = 20;
const IPV6_HDR_LEN: u32 = 40;
const TCP_HDR_LEN: u32 = 20;
const ICMP_HDR_LEN: u32 = 8;
const IP_OFFSET: u32 = 0x1fff;
/** The same as it lies in memory. */
const IP_OFFSET_BE: u16 = 0xff1f;
const CSUM_MANGLED_0: u16 = 0xffff;
const NDISC_REDIRECT: u32 = 137;
const ICMPV6_ECHO_REQUEST: u32 = 128;
const ICMPV6_ECHO_REPLY: u32 = 129;
/** Where target tuple's header work lies in its scratch place, behind the tuple. */
const WHERE_OFFSET: usize = 64;

/** Turns the packet of a connection as its `maniptype` end asks, in direction `dir`. False: it cannot be written. */
export function nfNatManipPkt(skb: SkBuff, ct: NfConn, maniptype: u32, dir: u32): bool {
  if (Plain.manip(skb, nfTuple(ct, dir ^ 1), maniptype)) return true;
  const target = changetype<NfTuple>(scratch(Scratch.NF_NAT_TARGET));
  nfInvertTuple(target, nfTuple(ct, dir ^ 1), 0);
  return manipPkt(skb, 0, target, maniptype, target.proto);
}

/** In line: once per translated packet. */
class Plain {
  /**
   * manipPkt for TCP and UDP behind a plain IPv4 header, whole and summed: both checksums follow address and port by
   * one difference (RFC 1624). `other` is the tuple of the other direction. False, and nothing is changed: not so plain.
   */
  @inline
  static manip(skb: SkBuff, other: NfTuple, maniptype: u32): bool {
    if (other.l3num !== <u8>AF_INET) return false;
    const udp = other.proto === <u8>IPPROTO_UDP;
    if (!udp) {
      if (other.proto !== <u8>IPPROTO_TCP) return false;
    }
    if (skbHeadlen(skb) < IPV4_HDR_LEN + TCP_HDR_LEN) return false;
    if ((skb.flags & SKB_F_CLONED) !== 0) return false;
    // NONE or UNNECESSARY.
    if (skb.ipSummed > CHECKSUM_UNNECESSARY) return false;
    const iph = skb.data;
    if (load<u8>(iph) !== 0x45) return false;
    if ((load<u16>(iph, 6) & IP_OFFSET_BE) !== 0) return false;
    const th = iph + IPV4_HDR_LEN;
    const src = maniptype === NF_NAT_MANIP_SRC;
    const addr = <u32>(src ? other.dst0 : other.src0);
    const port = src ? other.dport : other.sport;
    const addrAt = src ? iph + 12 : iph + 16;
    const portAt = src ? th : th + 2;
    // Named, so that they are of 32 bits: within <u64>(..) a load is one of 64.
    const oldAddr: u32 = ~load<u32>(addrAt);
    const oldPort: u32 = <u32>load<u16>(portAt) ^ 0xffff;
    const change = <u64>oldAddr + <u64>addr;
    const more = change + <u64>oldPort + <u64>port;
    store<u32>(addrAt, addr);
    store<u16>(portAt, port);
    store<u16>(iph, Plain.sum(load<u16>(iph, 10), change), 10);
    const check = udp ? th + 6 : th + 16;
    if (udp) {
      if (load<u16>(check) === 0) return true;
    }
    const sum = Plain.sum(load<u16>(check), more);
    store<u16>(check, udp && sum === 0 ? CSUM_MANGLED_0 : sum);
    return true;
  }

  /** The checksum that was `check`, with `change` (~old + new, carries above) in its words. */
  @inline
  static sum(check: u16, change: u64): u16 {
    const flipped: u32 = <u32>check ^ 0xffff;
    const sum = change + <u64>flipped;
    return csumFold(csumAdd(<u32>sum, <u32>(sum >> 32)));
  }
}

/** The IP packet at `iphoff` from data. Linux: nf_nat_ipv4_manip_pkt, nf_nat_ipv6_manip_pkt. */
function manipPkt(skb: SkBuff, iphoff: u32, target: NfTuple, maniptype: u32, proto: u32): bool {
  // A sum over the whole packet would have to follow every byte; the checks by header fields do not need it.
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
  return <u32>target.l3num === AF_INET
    ? manipPkt4(skb, iphoff, target, maniptype, proto)
    : manipPkt6(skb, iphoff, target, maniptype, proto);
}

function manipPkt4(skb: SkBuff, iphoff: u32, target: NfTuple, maniptype: u32, proto: u32): bool {
  if (!pskbMayPull(skb, iphoff + IPV4_HDR_LEN) || !skbCowHead(skb, 0)) return false;
  let iph = skb.data + iphoff;
  const hdroff = iphoff + ((<u32>load<u8>(iph) & 15) << 2);
  if ((bswap<u16>(load<u16>(iph, 6)) & IP_OFFSET) === 0) {
    if (!manipL4(skb, iphoff, hdroff, target, maniptype, proto)) return false;
    iph = skb.data + iphoff;
  }
  const at = maniptype === NF_NAT_MANIP_SRC ? iph + 12 : iph + 16;
  const old = load<u32>(at);
  const addr = <u32>(maniptype === NF_NAT_MANIP_SRC ? target.src0 : target.dst0);
  csumReplace4(iph + 10, old, addr);
  store<u32>(at, addr);
  return true;
}

function manipPkt6(skb: SkBuff, iphoff: u32, target: NfTuple, maniptype: u32, proto: u32): bool {
  const base = iphoff + IPV6_HDR_LEN;
  if (!pskbMayPull(skb, base) || !skbCowHead(skb, 0)) return false;
  const nexthdr = <u32>load<u8>(skb.data + iphoff, 6);
  let hdroff = base;
  let first = true;
  if (ipv6ExtHdr(nexthdr)) {
    const where = scratch(Scratch.NF_NAT_TARGET) + WHERE_OFFSET;
    const at = ipv6WalkExthdr(skb.data + base, skbHeadlen(skb) - base, nexthdr, where, where + 4);
    first = at >= 0 && (load<u32>(where + 4) & 0xfff8) === 0;
    hdroff = base + <u32>max(at, 0);
  }
  if (first && !manipL4(skb, iphoff, hdroff, target, maniptype, proto)) return false;
  const hdr = skb.data + iphoff;
  const at = maniptype === NF_NAT_MANIP_SRC ? hdr + 8 : hdr + 24;
  store<u64>(at, maniptype === NF_NAT_MANIP_SRC ? target.src0 : target.dst0);
  store<u64>(at, maniptype === NF_NAT_MANIP_SRC ? target.src1 : target.dst1, 8);
  return true;
}

/** Whether the first `n` bytes from data may be written; false when the packet is shorter. */
function writable(skb: SkBuff, n: u32): bool {
  return pskbMayPull(skb, n) && skbCowHead(skb, 0);
}

/** Linux: l4proto_manip_pkt. The IP header still has its old addresses. */
function manipL4(skb: SkBuff, iphoff: u32, hdroff: u32, target: NfTuple, maniptype: u32, proto: u32): bool {
  switch (proto) {
    case IPPROTO_TCP: {
      // In an ICMP error there may be no more of it than the ports.
      const whole = skb.len >= hdroff + 20;
      if (!writable(skb, hdroff + (whole ? 20 : 8))) return false;
      return manipPorts(skb, iphoff, hdroff, target, maniptype, whole ? 16 : 0, false);
    }
    case IPPROTO_UDP: {
      if (!writable(skb, hdroff + 8)) return false;
      const summed = load<u16>(skb.data + hdroff, 6) !== 0 || skb.ipSummed === CHECKSUM_PARTIAL;
      return manipPorts(skb, iphoff, hdroff, target, maniptype, summed ? 6 : 0, true);
    }
    case IPPROTO_UDPLITE: {
      if (!writable(skb, hdroff + 8)) return false;
      return manipPorts(skb, iphoff, hdroff, target, maniptype, 6, true);
    }
    case IPPROTO_SCTP:
      return manipSctp(skb, hdroff, target, maniptype);
    case IPPROTO_ICMP:
      return manipIcmp(skb, hdroff, target);
    case IPPROTO_ICMPV6:
      return manipIcmpv6(skb, iphoff, hdroff, target, maniptype);
    case IPPROTO_GRE:
      return manipGre(skb, hdroff, target, maniptype);
    default:
      return true;
  }
}

/** Of PPTP the call, which only names the destination's. Linux: gre_manip_pkt. */
function manipGre(skb: SkBuff, hdroff: u32, target: NfTuple, maniptype: u32): bool {
  if (!writable(skb, hdroff + PPTP_GRE_CALL_END)) return false;
  if (maniptype !== NF_NAT_MANIP_DST) return true;
  const version = load<u8>(skb.data + hdroff, 1) & GRE_VERSION;
  if (version === GRE_VERSION_PPTP) store<u16>(skb.data + hdroff, target.dport, 6);
  return version <= GRE_VERSION_PPTP;
}

/** Addresses and one port change; the sum is `checkAt` behind the header, 0: there is none. */
function manipPorts(
  skb: SkBuff,
  iphoff: u32,
  hdroff: u32,
  target: NfTuple,
  maniptype: u32,
  checkAt: u32,
  mangleZero: bool,
): bool {
  const th = skb.data + hdroff;
  const src = maniptype === NF_NAT_MANIP_SRC;
  const at = src ? th : th + 2;
  const port = src ? target.sport : target.dport;
  const old = load<u16>(at);
  store<u16>(at, port);
  if (checkAt === 0) return true;
  const check = th + checkAt;
  csumUpdate(skb, iphoff, check, target, maniptype);
  // With CHECKSUM_PARTIAL the ports are summed where the packet leaves.
  if (skb.ipSummed !== CHECKSUM_PARTIAL || iphoff !== 0) replaceSum(check, old, port);
  if (mangleZero && load<u16>(check) === 0) store<u16>(check, CSUM_MANGLED_0);
  return true;
}

function replaceSum(check: usize, old: u32, fresh: u32): void {
  const sum = csumAdd(csumSub(<u32>(load<u16>(check) ^ 0xffff), old), fresh);
  store<u16>(check, csumFold(sum));
}

/** The pseudo header changes. Linux: nf_csum_update, inet_proto_csum_replace4. */
function csumUpdate(skb: SkBuff, iphoff: u32, check: usize, target: NfTuple, maniptype: u32): void {
  const src = maniptype === NF_NAT_MANIP_SRC;
  const iph = skb.data + iphoff;
  const to = changetype<usize>(target) + (src ? NF_TUPLE_SRC : NF_TUPLE_DST);
  const partial = skb.ipSummed === CHECKSUM_PARTIAL && iphoff === 0;
  let sum = partial ? <u32>load<u16>(check) : <u32>(load<u16>(check) ^ 0xffff);
  if (<u32>target.l3num === AF_INET) {
    sum = csumAdd(csumSub(sum, load<u32>(src ? iph + 12 : iph + 16)), load<u32>(to));
  } else {
    const from = iph + (src ? 8 : 24);
    for (let i: usize = 0; i < 16; i += 4) {
      sum = csumAdd(csumSub(sum, load<u32>(from + i)), load<u32>(to + i));
    }
  }
  store<u16>(check, partial ? ~csumFold(sum) : csumFold(sum));
}

/** An id stands in questions and answers only. */
function icmpHasId(type: u32): bool {
  return type === ICMP_ECHO || type === ICMP_ECHOREPLY || (type >= ICMP_TIMESTAMP && type <= 18);
}

function manipIcmp(skb: SkBuff, hdroff: u32, target: NfTuple): bool {
  if (!writable(skb, hdroff + ICMP_HDR_LEN)) return false;
  const p = skb.data + hdroff;
  if (!icmpHasId(load<u8>(p))) return true;
  replaceSum(p + 2, load<u16>(p, 4), target.sport);
  store<u16>(p, target.sport, 4);
  return true;
}

function manipIcmpv6(skb: SkBuff, iphoff: u32, hdroff: u32, target: NfTuple, maniptype: u32): bool {
  if (!writable(skb, hdroff + ICMP_HDR_LEN)) return false;
  const p = skb.data + hdroff;
  csumUpdate(skb, iphoff, p + 2, target, maniptype);
  const type = <u32>load<u8>(p);
  if (type !== ICMPV6_ECHO_REQUEST && type !== ICMPV6_ECHO_REPLY) return true;
  if (skb.ipSummed !== CHECKSUM_PARTIAL || iphoff !== 0) replaceSum(p + 2, load<u16>(p, 4), target.sport);
  store<u16>(p, target.sport, 4);
  return true;
}

/** SCTP's CRC32c covers no address, but the ports. */
function manipSctp(skb: SkBuff, hdroff: u32, target: NfTuple, maniptype: u32): bool {
  const whole = skb.len >= hdroff + 12;
  if (!writable(skb, hdroff + (whole ? 12 : 8))) return false;
  const sh = skb.data + hdroff;
  if (maniptype === NF_NAT_MANIP_SRC) store<u16>(sh, target.sport);
  else store<u16>(sh, target.dport, 2);
  if (!whole || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  store<u32>(sh, 0, 8);
  let crc: u32 = 0xffffffff;
  const byte = scratch(Scratch.NF_NAT_TARGET) + WHERE_OFFSET;
  for (let at = hdroff; at < skb.len; at++) {
    skbCopyBits(skb, at, byte, 1);
    crc ^= load<u8>(byte);
    for (let i = 0; i < 8; i++) crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
  }
  store<u32>(sh, ~crc, 8);
  return true;
}

/** What one end of a connection asks of the packets of a hook: 0 nothing. */
export function nfNatStatusBit(hook: u32, dir: u32): u32 {
  const bit = nfHookToManip(hook) === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
  return dir === 0 ? bit : bit ^ IPS_NAT_MASK;
}

/**
 * An ICMP or ICMPv6 error about a translated connection, its header at `hdrlen`. False: it is to be dropped.
 * Linux: nf_nat_icmp_reply_translation, nf_nat_icmpv6_reply_translation.
 */
export function nfNatIcmpReplyTranslation(skb: SkBuff, ct: NfConn, info: u32, hook: u32, hdrlen: u32): bool {
  const dir = ctDir(info);
  const manip = nfHookToManip(hook);
  const v4 = <u32>nfTuple(ct, 0).l3num === AF_INET;
  const inner = hdrlen + ICMP_HDR_LEN;
  if (!writable(skb, inner + (v4 ? IPV4_HDR_LEN : IPV6_HDR_LEN))) return false;
  const len = skb.len - hdrlen;
  const pseudo = v4 ? 0 : csumIpv6Nofold(skb.data + 8, skb.data + 24, len, IPPROTO_ICMPV6, 0);
  if (!skbCsumValid(skb, hdrlen, len, pseudo)) return false;
  const type = <u32>load<u8>(skb.data + hdrlen);
  if (type === (v4 ? ICMP_REDIRECT : NDISC_REDIRECT)) {
    // "If NAT isn't finished, assume it and drop"; of a translated connection a redirect makes no sense.
    if ((ct.status & IPS_NAT_DONE_MASK) !== IPS_NAT_DONE_MASK) return false;
    if ((ct.status & IPS_NAT_MASK) !== 0) return false;
  }
  if ((ct.status & nfNatStatusBit(hook, dir)) === 0) return true;
  const other = nfTuple(ct, dir ^ 1);
  if (!manipPkt(skb, inner, other, manip ^ 1, other.proto)) return false;
  if (skb.ipSummed !== CHECKSUM_PARTIAL) {
    const p = skb.data + hdrlen;
    store<u16>(p, 0, 2);
    const sum = v4 ? 0 : csumIpv6Nofold(skb.data + 8, skb.data + 24, len, IPPROTO_ICMPV6, 0);
    store<u16>(p, csumFold(skbChecksum(skb, hdrlen, len, sum)), 2);
  }
  const target = changetype<NfTuple>(scratch(Scratch.NF_NAT_TARGET));
  nfInvertTuple(target, other, 0);
  return manipPkt(skb, 0, target, manip, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}
