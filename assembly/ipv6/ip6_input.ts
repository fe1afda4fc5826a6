/**
 * IPv6 input: from the device to forwarding or local delivery. Linux: net/ipv6/ip6_input.c.
 *
 *   ip6ListRcv ─ check all ─► PREROUTING ─► look all routes up ─► each: the short way (ip6_forward_fast), or
 *                                                      ip6Input │ ip6McInput │ ip6Forward │ error
 *   ip6Input ─► LOCAL_IN ─► extension headers and protocols, one after the other (ip6InputFinish)
 *
 * A burst goes through in passes, so that the loads of the route lookups, which do not depend on each other, overlap.
 */
import { TraceKind } from '../abi/trace';
import { traceData, traceEvent, traceFrame } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Ipv6Conf } from '../abi/sysctl';
import { isL3Master, l3mdevIngress } from '../dev/l3mdev';
import { IFF_LOOPBACK, NetDevice, conf6 } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { SCRATCH_ROUTES, scratchList } from '../dev/scratch';
import { rawLocalDeliver } from '../inet/raw';
import { opIndex } from '../lib/ops';
import { poptrieLookup6 } from '../lib/poptrie';
import { Errno } from '../net/errno';
import { NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { AF_INET6, Net, mibAdd, mibInc } from '../net/net';
import { Fib, FibNh, RtType, nhGwPtr } from '../route/fib';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_OTHERHOST,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull, skbClone, skbPull, skbPush, skbTrim } from '../skb/skbuff';
import {
  ICMPV6_ADM_PROHIBITED,
  ICMPV6_DEST_UNREACH,
  ICMPV6_MGM_QUERY,
  ICMPV6_MLD2_REPORT,
  ICMPV6_NOROUTE,
  ICMPV6_PARAMPROB,
  ICMPV6_UNK_NEXTHDR,
} from '../wire/icmpv6';
import {
  IPV6_HDR_LEN,
  NEXTHDR_DEST,
  NEXTHDR_FRAGMENT,
  NEXTHDR_HOP,
  NEXTHDR_ICMP,
  NEXTHDR_NONE,
  NEXTHDR_ROUTING,
  NEXTHDR_TCP,
  NEXTHDR_UDP,
  ipv6Daddr,
  ipv6Nexthdr,
  ipv6PayloadLen,
  ipv6Saddr,
} from '../wire/ipv6';
import {
  ipv6AddrIsAny,
  ipv6AddrIsLoopback,
  ipv6AddrIsMulticast,
  ipv6AddrMcScope,
  IPV6_ADDR_SCOPE_LINKLOCAL,
} from '../wire/ipv6_addr';
import { ipv6DestoptRcv, ipv6ParseHopopts, ipv6RthdrRcv } from './exthdrs';
import { icmpv6Send } from './icmp';
import { ip6Forward } from './ip6_forward';
import { fastBurst } from '../route/fast_hop';
import { ip6ForwardFastAllowed, ip6ForwardRun } from './ip6_forward_fast';
import { ip6cbInit, ip6cbNhoff } from './ip6cb';
import { vrfIp6Rcv } from './ip6_vrf';
import { ip6MrInput } from './ip6mr';
import { ipv6ChkMcastAddr } from './mcast';
import { ipv6FragRcv } from './reassembly';
import { ip6RouteInputValue } from './route';

/** Takes `n` packets of one device at `list` (u32 pointers), data at the IPv6 header. Op RCV_IPV6. */
export function ip6ListRcv(list: usize, n: u32): void {
  if (n === 0) return;
  const dev = changetype<SkBuff>(load<u32>(list)).dev;
  const net = changetype<NetDevice>(dev).net;
  let octets: u32 = 0;
  let received: u32 = 0;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (skb.pktType === PACKET_OTHERHOST) {
      kfreeSkbReason(skb, SkbDropReason.OTHERHOST);
      continue;
    }
    received++;
    octets += skb.len;
    if (ip6RcvCore(skb, net)) store<u32>(list + (kept++ << 2), changetype<usize>(skb));
  }
  mibAdd(net, Mib.Ip6InReceives, received);
  mibAdd(net, Mib.Ip6InOctets, octets);
  if (net.hookCount !== 0) kept = prerouting(list, kept, net);

  const routes = scratchList(SCRATCH_ROUTES);
  const fib = changetype<Fib>(net.fib6);
  const gen = fib.genId;
  for (let i: u32 = 0; i < kept; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    store<u32>(routes + (i << 2), poptrieLookup6(fib.trie, ipv6Daddr(skb.networkHeader)));
  }
  const short = ip6ForwardFastAllowed(net, changetype<NetDevice>(dev));
  if (short) fastBurst(dev);
  for (let i: u32 = 0; i < kept; i++) {
    // A packet before this one may have changed the table (an address that failed its duplicate detection).
    const current = fib.genId === gen;
    if (short && current) {
      i = ip6ForwardRun(net, dev, list, routes, i, kept);
      if (i === kept) return;
    }
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    let value = load<u32>(routes + (i << 2));
    if (!current) value = poptrieLookup6(fib.trie, ipv6Daddr(skb.networkHeader));
    ip6RcvFinish(skb, net, value);
  }
}

/** One packet from inside the stack (a multicast looped back), all checks as for one from outside. */
export function ip6Rcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  mibInc(net, Mib.Ip6InReceives);
  mibAdd(net, Mib.Ip6InOctets, skb.len);
  if (!ip6RcvCore(skb, net)) return;
  if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.PRE_ROUTING, skb, skb.dev, 0)) return;
  const value = poptrieLookup6(changetype<Fib>(net.fib6).trie, ipv6Daddr(skb.networkHeader));
  ip6RcvFinish(skb, net, value);
}

/** A packet that comes back from a queue at PREROUTING. */
export function ip6RcvResume(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  const value = poptrieLookup6(changetype<Fib>(net.fib6).trie, ipv6Daddr(skb.networkHeader));
  ip6RcvFinish(skb, net, value);
}

function prerouting(list: usize, n: u32, net: Net): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.PRE_ROUTING, skb, skb.dev, 0)) continue;
    store<u32>(list + (kept++ << 2), changetype<usize>(skb));
  }
  return kept;
}

function headerError(skb: SkBuff, net: Net, reason: SkbDropReason): bool {
  mibInc(net, Mib.Ip6InHdrErrors);
  kfreeSkbReason(skb, reason);
  return false;
}

/** Linux: ip6_rcv_core. True: the packet goes on, headers set; false: it was dropped. */
function ip6RcvCore(skb: SkBuff, net: Net): bool {
  const dev = changetype<NetDevice>(skb.dev);
  if (dev.ip6Ptr === 0 || conf6(dev, Ipv6Conf.DISABLE_IPV6) !== 0) {
    mibInc(net, Mib.Ip6InDiscards);
    kfreeSkbReason(skb, SkbDropReason.IPV6DISABLED);
    return false;
  }
  if (skbHeadlen(skb) < IPV6_HDR_LEN && !pskbMayPull(skb, IPV6_HDR_LEN)) {
    return headerError(skb, net, SkbDropReason.IP_INHDR);
  }
  const hdr = skb.data;
  if (load<u8>(hdr) >> 4 !== 6) return headerError(skb, net, SkbDropReason.UNHANDLED_PROTO);
  const saddr0 = load<u8>(hdr, 8);
  const daddr0 = load<u8>(hdr, 24);
  // "A multicast address must not be used as source" (RFC 4291 2.7).
  if (saddr0 === 0xff) return headerError(skb, net, SkbDropReason.IP_INVALID_SOURCE);
  if ((saddr0 === 0 || daddr0 === 0) && (dev.flags & IFF_LOOPBACK) === 0 && !isL3Master(dev)) {
    // "A packet received on an interface with a destination address of loopback must be dropped" (RFC 4291 2.5.3),
    // and the same for the source.
    if (ipv6AddrIsLoopback(ipv6Saddr(hdr)) || ipv6AddrIsLoopback(ipv6Daddr(hdr))) {
      return headerError(skb, net, SkbDropReason.LOOPBACK_SOURCE_OUTSIDE);
    }
  }
  if (daddr0 === 0xff) {
    const scope = ipv6AddrMcScope(ipv6Daddr(hdr));
    // RFC 4291 2.7: scope 0 is reserved, "it must be silently dropped"; scope 1 never crosses a link (erratum 3480).
    if (scope === 0) return headerError(skb, net, SkbDropReason.IPV6_SCOPE);
    if (scope === 1 && skb.pktType !== PACKET_LOOPBACK && (dev.flags & IFF_LOOPBACK) === 0) {
      return headerError(skb, net, SkbDropReason.IPV6_SCOPE);
    }
  } else if (skb.pktType !== PACKET_HOST && conf6(dev, Ipv6Conf.DROP_UNICAST_IN_L2_MULTICAST) !== 0) {
    return headerError(skb, net, SkbDropReason.UNICAST_IN_L2_MULTICAST);
  }
  skb.networkHeader = hdr;
  skb.transportHeader = hdr + IPV6_HDR_LEN;
  ip6cbInit(skb);
  const payload = ipv6PayloadLen(hdr);
  const nexthdr = ipv6Nexthdr(hdr);
  // A jumbogram has a length of 0 and tells it in its Hop-by-Hop header (RFC 2675 3).
  if (payload !== 0 || nexthdr !== NEXTHDR_HOP) {
    if (payload > skb.len - IPV6_HDR_LEN) {
      mibInc(net, Mib.Ip6InTruncatedPkts);
      kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
      return false;
    }
    if (payload < skb.len - IPV6_HDR_LEN) ip6Trim(skb, payload + IPV6_HDR_LEN);
  }
  if (nexthdr === NEXTHDR_HOP && !ipv6ParseHopopts(skb, net)) {
    mibInc(net, Mib.Ip6InHdrErrors);
    return false;
  }
  return true;
}

/** Cuts what the link added behind the packet; a sum over all of it no longer holds. */
export function ip6Trim(skb: SkBuff, len: u32): void {
  skbTrim(skb, len);
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
}

/** Linux: ip6_rcv_finish and dst_input. `value` is what the trie of the table main holds for the destination. */
function ip6RcvFinish(skb: SkBuff, net: Net, value: u32): void {
  if (changetype<NetDevice>(skb.dev).l3mdev !== 0 && !vrfIp6Rcv(net, skb)) return;
  if (load<u8>(ipv6Daddr(skb.networkHeader)) === 0xff) {
    ip6McInput(skb, net);
    return;
  }
  const type = ip6RouteInputValue(skb, net, value);
  if (root().trace !== 0) traceRoute(skb, type);
  switch (type) {
    case RtType.UNICAST: {
      ip6Forward(skb, net, changetype<FibNh>(skb.dst));
      return;
    }
    case RtType.LOCAL:
    case RtType.ANYCAST: {
      ip6Input(skb, net);
      return;
    }
    case -Errno.EINVAL: {
      kfreeSkbReason(skb, SkbDropReason.IP_BLACKHOLE);
      return;
    }
    case -Errno.EACCES: {
      ip6PktDrop(skb, net, ICMPV6_ADM_PROHIBITED, SkbDropReason.IP_PROHIBIT);
      return;
    }
    case -Errno.EHOSTUNREACH: {
      ip6PktDrop(skb, net, ICMPV6_NOROUTE, SkbDropReason.IP_UNREACHABLE);
      return;
    }
    default:
      ip6PktDrop(skb, net, ICMPV6_NOROUTE, SkbDropReason.IP_INNOROUTES);
  }
}

/** The route as it was found, by its first next hop. */
function traceRoute(skb: SkBuff, type: i32): void {
  const p = changetype<usize>(skb);
  if (type < 0) {
    traceEvent(TraceKind.ROUTE, 0, p, 0, -type, 0);
    return;
  }
  const nh = changetype<FibNh>(skb.dst);
  traceData(TraceKind.ROUTE, type, p, nh.dev, 0, 0, 0, 0, nhGwPtr(nh), nh.gwFamily === 0 ? 0 : 16);
}

/** Linux: ip6_pkt_drop for received packets: counted, told to the sender, dropped. */
function ip6PktDrop(skb: SkBuff, net: Net, code: u32, reason: SkbDropReason): void {
  mibInc(net, ipv6AddrIsAny(ipv6Daddr(skb.networkHeader)) ? Mib.Ip6InAddrErrors : Mib.Ip6InNoRoutes);
  icmpv6Send(skb, ICMPV6_DEST_UNREACH, code, 0);
  kfreeSkbReason(skb, reason);
}

/** A packet to a group: for us when the device has joined it. Linux: ip6_mc_input. */
function ip6McInput(skb: SkBuff, net: Net): void {
  mibInc(net, Mib.Ip6InMcastPkts);
  mibAdd(net, Mib.Ip6InMcastOctets, skb.len);
  skb.dst = 0;
  if (net.mrt6 !== 0 && ipv6AddrMcScope(ipv6Daddr(skb.networkHeader)) > IPV6_ADDR_SCOPE_LINKLOCAL) {
    let copy: SkBuff | null = null;
    if (!isMld(skb)) copy = skbClone(skb);
    if (copy !== null) ip6MrInput(net, copy);
  }
  if (!ipv6ChkMcastAddr(l3mdevIngress(skb), ipv6Daddr(skb.networkHeader)) && !isMld(skb)) {
    kfreeSkbReason(skb, SkbDropReason.OTHERHOST);
    return;
  }
  ip6Input(skb, net);
}

/** A message of multicast listener discovery right behind a Hop-by-Hop header. Linux: ipv6_is_mld. */
function isMld(skb: SkBuff): bool {
  const hdr = skb.networkHeader;
  if (ipv6Nexthdr(hdr) !== NEXTHDR_HOP) return false;
  const offset = skb.transportHeader - hdr;
  if (load<u8>(hdr + ip6cbNhoff(skb)) !== <u8>NEXTHDR_ICMP || !pskbMayPull(skb, offset + 8)) return false;
  const type = <u32>load<u8>(skb.networkHeader + offset);
  return (type >= ICMPV6_MGM_QUERY && type <= ICMPV6_MGM_QUERY + 2) || type === ICMPV6_MLD2_REPORT;
}

/** The packet is for us. */
export function ip6Input(skb: SkBuff, net: Net): void {
  if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.LOCAL_IN, skb, skb.dev, 0)) return;
  ip6InputFinish(skb, net);
}

/** The op of an upper-layer protocol, NONE for one that is not ours. */
function protocolOp(nexthdr: u32): u32 {
  if (nexthdr === NEXTHDR_ICMP) return Op.PROTO_ICMPV6;
  if (nexthdr === NEXTHDR_UDP) return Op.PROTO_UDP6;
  if (nexthdr === NEXTHDR_TCP) return Op.PROTO_TCP6;
  return Op.NONE;
}

/** Headers that one packet may have; more cannot be meant well (Linux has no bound but the packet's length). */
const EXT_HEADERS_MAX: u32 = 64;

/** Linux: ip6_protocol_deliver_rcu: header after header, each handler moves skb.transportHeader on. */
export function ip6InputFinish(skb: SkBuff, net: Net): void {
  let fragmented = false;
  for (let i: u32 = 0; i < EXT_HEADERS_MAX; i++) {
    const nhoff = ip6cbNhoff(skb);
    const nexthdr = <u32>load<u8>(skb.networkHeader + nhoff);
    const offset = skb.transportHeader - skb.data;
    if (offset > skb.len || !pskbMayPull(skb, offset)) {
      mibInc(net, Mib.Ip6InHdrErrors);
      kfreeSkbReason(skb, SkbDropReason.IPV6_BAD_EXTHDR);
      return;
    }
    skbPull(skb, offset);
    const raw = net.sockets !== 0 && toRawSockets(skb, net, nexthdr);
    switch (nexthdr) {
      case NEXTHDR_ROUTING: {
        if (!ipv6RthdrRcv(skb, net)) return;
        continue;
      }
      case NEXTHDR_DEST: {
        if (!ipv6DestoptRcv(skb, net)) return;
        continue;
      }
      case NEXTHDR_FRAGMENT: {
        if (fragmented) {
          mibInc(net, Mib.Ip6InHdrErrors);
          kfreeSkbReason(skb, SkbDropReason.IPV6_BAD_EXTHDR);
          return;
        }
        fragmented = true;
        const whole = ipv6FragRcv(skb, net);
        if (whole === null) return;
        skb = whole;
        continue;
      }
      case NEXTHDR_NONE: {
        // "Indicates that there is nothing following that header" (RFC 8200 4.7): delivered, to nobody.
        mibInc(net, Mib.Ip6InDelivers);
        consumeSkb(skb);
        return;
      }
    }
    deliver(skb, net, nexthdr, nhoff, raw);
    return;
  }
  mibInc(net, Mib.Ip6InHdrErrors);
  kfreeSkbReason(skb, SkbDropReason.IPV6_BAD_EXTHDR);
}

/** Raw sockets see the packet from its IPv6 header on. */
function toRawSockets(skb: SkBuff, net: Net, nexthdr: u32): bool {
  const offset = skb.data - skb.networkHeader;
  skbPush(skb, offset);
  const taken = rawLocalDeliver(net, AF_INET6, skb, <u8>nexthdr);
  skbPull(skb, offset);
  return taken;
}

function deliver(skb: SkBuff, net: Net, nexthdr: u32, nhoff: u32, raw: bool): void {
  const fn = opIndex(protocolOp(nexthdr));
  if (fn !== 0) {
    const daddr = ipv6Daddr(skb.networkHeader);
    if (ipv6AddrIsMulticast(daddr) && !ipv6ChkMcastAddr(l3mdevIngress(skb), daddr) && !isMld(skb)) {
      kfreeSkbReason(skb, SkbDropReason.OTHERHOST);
      return;
    }
    mibInc(net, Mib.Ip6InDelivers);
    if (root().trace !== 0) traceFrame(TraceKind.DELIVER, skb, nexthdr, 0);
    call_indirect<void>(fn, changetype<usize>(skb));
    return;
  }
  if (raw) {
    mibInc(net, Mib.Ip6InDelivers);
    consumeSkb(skb);
    return;
  }
  // RFC 8200 4: "ICMP Code value of 1 (unrecognized Next Header type encountered) and the Pointer field containing
  // the offset of the unrecognized value within the original packet".
  mibInc(net, Mib.Ip6InUnknownProtos);
  icmpv6Send(skb, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, nhoff);
  kfreeSkbReason(skb, SkbDropReason.IP_NOPROTO);
}
