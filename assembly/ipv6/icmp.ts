/**
 * ICMPv6 (RFC 4443): echo, errors that we send, dispatch of what arrives. Linux: net/ipv6/icmp.c.
 */
import { TraceKind } from '../abi/trace';
import { traceData } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import {
  isL3Master,
  l3mdevFibTable,
  l3mdevIfindexOf,
  l3mdevIngress,
  l3mdevMasterIfindex,
} from '../dev/l3mdev';
import { IFF_LOOPBACK, NetDevice, devGetByIndex } from '../dev/net_device';
import { csumFold, csumIpv6Nofold, csumPartial } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6, Net, mibInc, sysctl } from '../net/net';
import { FibNh, RtType, infoPrefSrcPtr, nhInfo } from '../route/fib';
import { fibGetTable, fibNet } from '../route/fib_table';
import { icmpGlobalAllow, icmpGlobalConsume, inetPeerXrlimAllow } from '../route/inet_peer';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfCtAttach, nfResetCt } from '../skb/nfct';
import { allocSkb } from '../skb/pool';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_HOST,
  SKB_F_CLONED,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull, skbChecksum, skbCopyBits, skbCowHead, skbPut } from '../skb/skbuff';
import {
  ICMPV6_DEST_UNREACH,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_HDR_LEN,
  ICMPV6_INFOMSG_MASK,
  ICMPV6_MGM_QUERY,
  ICMPV6_MGM_REDUCTION,
  ICMPV6_MGM_REPORT,
  ICMPV6_MLD2_REPORT,
  ICMPV6_PARAMPROB,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_UNK_OPTION,
  emitIcmpv6,
} from '../wire/icmpv6';
import {
  IPV6_HDR_LEN,
  IPV6_MIN_MTU,
  NEXTHDR_ICMP,
  ipv6Daddr,
  ipv6Dsfield,
  ipv6Nexthdr,
  ipv6Saddr,
} from '../wire/ipv6';
import {
  ipv6AddrIsAny,
  ipv6AddrIsLinklocal,
  ipv6AddrIsMulticast,
  ipv6AddrNeedsScopeId,
} from '../wire/ipv6_addr';
import { ipv6WalkExthdr } from '../wire/ipv6_ext';
import { NDISC_REDIRECT, NDISC_ROUTER_SOLICITATION } from '../wire/ndisc';
import { ipv6ChkAddrIn } from './addr_hash';
import { ipv6ChkAcastAddrIn } from './anycast';
import { ipv6DevGetSaddr } from './addr_select';
import { icmpv6Notify } from './icmp_err';
import { ip6EmitHeader, ip6LocalOut } from './ip6_output';
import { igmp6EventQuery } from './mcast';
import { ndiscRcv } from './ndisc';
import { FlowI6, fib6Plen, flowDaddr, flowI6Init, flowSaddr, ip6DstHoplimit, ip6RouteOutput } from './route';

const MS: u64 = 1_000_000;
/** RFC 4443 2.4 (c): "as much of the offending packet as will fit without making the error message exceed the
 * minimum IPv6 MTU". */
const QUOTE_MAX: u32 = IPV6_MIN_MTU - IPV6_HDR_LEN - ICMPV6_HDR_LEN;
const ICMPV6_CHECKSUM: u32 = 2;
const JUDGED: u32 = 256;

/** Fills in the checksum of the message of `len` bytes at `p`, all linear. */
export function icmpv6Checksum(saddr: usize, daddr: usize, p: usize, len: u32): void {
  store<u16>(p, 0, ICMPV6_CHECKSUM);
  const sum = csumPartial(p, len, 0);
  store<u16>(p, csumFold(csumIpv6Nofold(saddr, daddr, len, NEXTHDR_ICMP, sum)), ICMPV6_CHECKSUM);
}

/** The counter of messages of `type` that arrive; MAX when there is none. */
function inMib(type: u32): Mib {
  if (type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB)
    return <Mib>(Mib.Icmp6InDestUnreachs + type - 1);
  if (type >= ICMPV6_ECHO_REQUEST && type <= NDISC_REDIRECT) return <Mib>(Mib.Icmp6InEchos + type - 128);
  return type === ICMPV6_MLD2_REPORT ? Mib.Icmp6InMLDv2Reports : Mib.MAX;
}

function outMib(type: u32): Mib {
  if (type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB)
    return <Mib>(Mib.Icmp6OutDestUnreachs + type - 1);
  if (type >= ICMPV6_ECHO_REQUEST && type <= NDISC_REDIRECT) return <Mib>(Mib.Icmp6OutEchos + type - 128);
  return type === ICMPV6_MLD2_REPORT ? Mib.Icmp6OutMLDv2Reports : Mib.MAX;
}

/** Counts a message that is sent. */
export function icmpv6CountOut(net: Net, type: u32): void {
  mibInc(net, Mib.Icmp6OutMsgs);
  const mib = outMib(type);
  if (mib !== Mib.MAX) mibInc(net, mib);
}

/**
 * "An ICMPv6 error message MUST NOT be originated as a result of receiving an ICMPv6 error message or a redirect"
 * (RFC 4443 2.4 e.1, e.2), nor about something of which that cannot be known. Linux: is_ineligible.
 */
function isIneligible(skb: SkBuff, hdr: usize): bool {
  const out = scratch(Scratch.IPV6_ICMP_OUT);
  const bytes = skb.data + skbHeadlen(skb) - hdr;
  const at = ipv6WalkExthdr(hdr + IPV6_HDR_LEN, bytes - IPV6_HDR_LEN, ipv6Nexthdr(hdr), out, out + 4);
  if (at < 0) return false;
  if (load<u32>(out) !== NEXTHDR_ICMP) return false;
  const offset = IPV6_HDR_LEN + <u32>at;
  // A later fragment of an ICMPv6 message: its type is not here.
  if (offset >= bytes) return load<u32>(out, 4) === 0;
  const type = <u32>load<u8>(hdr + offset);
  return (type & ICMPV6_INFOMSG_MASK) === 0 || type === NDISC_REDIRECT;
}

/** RFC 4443 2.4 (e.3): the two errors that a packet to a group may cause. */
function groupMayErr(skb: SkBuff, hdr: usize, type: u32, code: u32, info: u32): bool {
  if (type === ICMPV6_PKT_TOOBIG) return true;
  if (type !== ICMPV6_PARAMPROB || code !== ICMPV6_UNK_OPTION) return false;
  // "reporting an unrecognized IPv6 option that has the Option Type highest-order two bits set to 10"
  const bytes = skb.data + skbHeadlen(skb) - hdr;
  return info < bytes && (load<u8>(hdr + info) & 0xc0) === 0x80;
}

/** Types that the rate limits hold for: net.ipv6.icmp.ratemask, by default all errors but Packet Too Big. */
function limited(type: u32): bool {
  return (type & ICMPV6_INFOMSG_MASK) === 0 && type !== ICMPV6_PKT_TOOBIG;
}

/** Linux: icmpv6_xrlim_allow: a token bucket per peer, more generous to wide prefixes. */
function xrlimAllow(net: Net, type: u32, fl: FlowI6): bool {
  const nh = changetype<FibNh>(fl.nh);
  if (!limited(type) || fl.type === RtType.LOCAL) return true;
  let timeout = <u32>sysctl(net, Sysctl.IP6_ICMP_RATELIMIT);
  const table = fibGetTable(fibNet(net, AF_INET6), nhInfo(nh).table);
  const plen = table === null ? 128 : fib6Plen(table, flowDaddr(fl), nhInfo(nh));
  if (plen < 128) timeout >>= (128 - plen) >> 5;
  if (inetPeerXrlimAllow(net, AF_INET6, flowDaddr(fl), l3mdevIfindexOf(nh.dev), <u64>timeout * MS))
    return true;
  mibInc(net, Mib.Icmp6OutRateLimitHost);
  return false;
}

/** The address that the packet was sent to, when it is ours, else 0. */
function errorSource(skb: SkBuff, net: Net, daddr: usize): usize {
  const port = l3mdevIngress(skb);
  const dev: usize = ipv6AddrIsLinklocal(daddr) ? changetype<usize>(port) : 0;
  if (ipv6ChkAcastAddrIn(net, dev, daddr, l3mdevFibTable(port))) return daddr;
  return ipv6ChkAddrIn(net, daddr, dev, port.l3mdev) ? daddr : 0;
}

/**
 * Tells the sender of `skb` (its network header set, all that is to be quoted from there on) what became of its
 * packet. Does not consume. `info`: MTU or pointer. Linux: icmp6_send.
 */
export function icmpv6Send(skb: SkBuff, type: u32, code: u32, info: u32): void {
  if (root().trace !== 0)
    traceData(TraceKind.ICMP_ERROR, AF_INET6, changetype<usize>(skb), skb.dev, type, code, info, 0, 0, 0);
  // What must be read of the packet to judge it.
  if (skb.dataLen !== 0) pskbMayPull(skb, min(skb.len, JUDGED));
  const hdr = skb.networkHeader;
  if (hdr === 0 || skb.dev === 0 || hdr > skb.data || skb.data + skbHeadlen(skb) - hdr < IPV6_HDR_LEN) return;
  const dev = changetype<NetDevice>(skb.dev);
  const net = dev.net;
  const daddr = ipv6Daddr(hdr);
  const saddr = ipv6Saddr(hdr);
  let from: usize = errorSource(skb, net, daddr);
  if (ipv6AddrIsMulticast(daddr) || skb.pktType !== PACKET_HOST) {
    if (!groupMayErr(skb, hdr, type, code, info)) return;
    from = 0;
  }
  // RFC 4443 2.4 (e.6): the source "does not uniquely identify a single node".
  if (ipv6AddrIsAny(saddr) || ipv6AddrIsMulticast(saddr) || isIneligible(skb, hdr)) return;
  const global = limited(type) && (dev.flags & IFF_LOOPBACK) === 0;
  if (global && !icmpGlobalAllow(net)) return;

  const fl = flowI6Init(
    scratch(Scratch.IPV6_ICMP_FL),
    saddr,
    from,
    ipv6AddrNeedsScopeId(saddr) ? skb.iif : l3mdevMasterIfindex(dev),
    NEXTHDR_ICMP,
  );
  fl.skb = changetype<usize>(skb);
  if (sysctl(net, Sysctl.IP6_FWMARK_REFLECT) !== 0) fl.mark = skb.mark;
  // A more telling source than that of the way back: an address of the link that the packet came by.
  if (from === 0) {
    const indev: usize = skb.iif === 0 ? 0 : changetype<usize>(devGetByIndex(net, skb.iif));
    ipv6DevGetSaddr(net, indev, saddr, flowSaddr(fl));
  }
  if (ip6RouteOutput(net, fl) !== 0) {
    mibInc(net, Mib.Ip6OutNoRoutes);
    return;
  }
  const nh = changetype<FibNh>(fl.nh);
  if (from === 0 && !ipv6AddrIsAny(infoPrefSrcPtr(nhInfo(nh))) && fl.type !== RtType.LOCAL) {
    fl.saddr0 = nhInfo(nh).prefSrc0;
    fl.saddr1 = nhInfo(nh).prefSrc1;
  }
  if (!xrlimAllow(net, type, fl)) return;
  const pulled = skb.data - hdr;
  const quote = min(skb.len + pulled, QUOTE_MAX);
  const error = allocSkb(IPV6_HDR_LEN + ICMPV6_HDR_LEN + quote);
  if (error === null) {
    mibInc(net, Mib.Icmp6OutErrors);
    return;
  }
  if (global) icmpGlobalConsume(net);
  if (skb.nfct !== 0) nfCtAttach(error, skb);
  error.data += IPV6_HDR_LEN;
  const p = skbPut(error, ICMPV6_HDR_LEN + quote);
  emitIcmpv6(p, type, code, info);
  const first = min(pulled, quote);
  memory.copy(p + ICMPV6_HDR_LEN, hdr, first);
  if (quote > first) skbCopyBits(skb, 0, p + ICMPV6_HDR_LEN + first, quote - first);
  icmpv6Checksum(flowSaddr(fl), flowDaddr(fl), p, ICMPV6_HDR_LEN + quote);
  error.dst = fl.nh;
  icmpv6CountOut(net, type);
  ip6EmitHeader(error, flowSaddr(fl), flowDaddr(fl), 0, ip6DstHoplimit(nh), NEXTHDR_ICMP);
  ip6LocalOut(net, error);
}

function inError(skb: SkBuff, net: Net, reason: SkbDropReason): void {
  mibInc(net, Mib.Icmp6InErrors);
  kfreeSkbReason(skb, reason);
}

function checksumOk(skb: SkBuff): bool {
  if (skb.ipSummed === CHECKSUM_UNNECESSARY || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  const hdr = skb.networkHeader;
  const pseudo = csumIpv6Nofold(ipv6Saddr(hdr), ipv6Daddr(hdr), skb.len, NEXTHDR_ICMP, 0);
  return csumFold(skbChecksum(skb, 0, skb.len, pseudo)) === 0;
}

/** A message for us, data at its header (op PROTO_ICMPV6). Owns the skb. */
export function icmpv6Rcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  mibInc(net, Mib.Icmp6InMsgs);
  if (!checksumOk(skb)) {
    mibInc(net, Mib.Icmp6InCsumErrors);
    inError(skb, net, SkbDropReason.ICMP_CSUM);
    return;
  }
  if (!pskbMayPull(skb, ICMPV6_HDR_LEN)) {
    inError(skb, net, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  const type = <u32>load<u8>(skb.data);
  const mib = inMib(type);
  if (mib !== Mib.MAX) mibInc(net, mib);
  if (type === ICMPV6_ECHO_REQUEST) {
    echoReply(skb, net);
    return;
  }
  if ((type & ICMPV6_INFOMSG_MASK) === 0) {
    // RFC 4443 2.4 (a): errors of unknown type go to the upper layer, too.
    if (!icmpv6Notify(skb, net, type)) inError(skb, net, SkbDropReason.PKT_TOO_SMALL);
    else consumeSkb(skb);
    return;
  }
  if (type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT) {
    const reason = ndiscRcv(skb, net);
    if (reason === SkbDropReason.NOT_DROPPED_YET) consumeSkb(skb);
    else kfreeSkbReason(skb, reason);
    return;
  }
  if (type === ICMPV6_MGM_QUERY) {
    const good = pskbMayPull(skb, skb.len) && igmp6EventQuery(skb, l3mdevIngress(skb), skb.data, skb.len);
    if (good) consumeSkb(skb);
    else kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  // Reports of others, echo replies nobody waits for in the core, and "informational messages of unknown type MUST be
  // silently discarded" (RFC 4443 2.4 b).
  if (type === ICMPV6_ECHO_REPLY || type === ICMPV6_MGM_REPORT || type === ICMPV6_MGM_REDUCTION) {
    consumeSkb(skb);
    return;
  }
  kfreeSkbReason(skb, SkbDropReason.UNHANDLED_PROTO);
}

/** ifindex by which a request is answered; in a VRF that of the device with the address. Linux: icmp6_iif. */
function replyOif(skb: SkBuff): i32 {
  if (skb.dst === 0 || !isL3Master(changetype<NetDevice>(skb.dev))) return skb.iif;
  return changetype<NetDevice>(changetype<FibNh>(skb.dst).dev).ifindex;
}

/** RFC 4443 4.2: the packet itself goes back, as it is but for type, checksum and header. Linux: icmpv6_echo_reply. */
function echoReply(skb: SkBuff, net: Net): void {
  const hdr = skb.networkHeader;
  const daddr = ipv6Daddr(hdr);
  const group = ipv6AddrIsMulticast(daddr);
  const anycast = !group && ipv6ChkAcastAddrIn(net, 0, daddr, l3mdevFibTable(changetype<NetDevice>(skb.dev)));
  if (
    sysctl(net, Sysctl.IP6_ICMP_ECHO_IGNORE_ALL) !== 0 ||
    (group && sysctl(net, Sysctl.IP6_ICMP_ECHO_IGNORE_MULTICAST) !== 0) ||
    (anycast && sysctl(net, Sysctl.IP6_ICMP_ECHO_IGNORE_ANYCAST) !== 0)
  ) {
    kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
    return;
  }
  // "The source address MUST be a unicast address": of a request to a group or to anybody, one that is chosen.
  const asAnycast = sysctl(net, Sysctl.IP6_ANYCAST_SRC_ECHO_REPLY) !== 0;
  const from: usize = group || (anycast && !asAnycast) ? 0 : daddr;
  const tclass = ipv6Dsfield(hdr);
  if (ipv6AddrIsAny(ipv6Saddr(hdr)) || ipv6AddrIsMulticast(ipv6Saddr(hdr))) {
    kfreeSkbReason(skb, SkbDropReason.IP_INVALID_SOURCE);
    return;
  }
  const fl = flowI6Init(scratch(Scratch.IPV6_ICMP_FL2), ipv6Saddr(hdr), from, replyOif(skb), NEXTHDR_ICMP);
  if (sysctl(net, Sysctl.IP6_FWMARK_REFLECT) !== 0) fl.mark = skb.mark;
  if (ip6RouteOutput(net, fl) !== 0) {
    mibInc(net, Mib.Ip6OutNoRoutes);
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return;
  }
  if (!skbCowHead(skb, IPV6_HDR_LEN + 16)) {
    mibInc(net, Mib.Icmp6OutErrors);
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  const len = skb.len;
  store<u8>(skb.data, <u8>ICMPV6_ECHO_REPLY);
  store<u16>(skb.data, 0, ICMPV6_CHECKSUM);
  const sum = skbChecksum(skb, 0, len, 0);
  store<u16>(
    skb.data,
    csumFold(csumIpv6Nofold(flowSaddr(fl), flowDaddr(fl), len, NEXTHDR_ICMP, sum)),
    ICMPV6_CHECKSUM,
  );
  skb.flags &= SKB_F_CLONED;
  skb.ipSummed = CHECKSUM_NONE;
  skb.pktType = PACKET_HOST;
  skb.gsoSize = 0;
  skb.gsoSegs = 0;
  skb.gsoType = 0;
  skb.mark = 0;
  skb.hash = 0;
  skb.priority = 0;
  nfResetCt(skb);
  skb.iif = 0;
  skb.macHeader = 0;
  skb.dst = fl.nh;
  icmpv6CountOut(net, ICMPV6_ECHO_REPLY);
  ip6EmitHeader(
    skb,
    flowSaddr(fl),
    flowDaddr(fl),
    tclass,
    ip6DstHoplimit(changetype<FibNh>(fl.nh)),
    NEXTHDR_ICMP,
  );
  ip6LocalOut(net, skb);
}
