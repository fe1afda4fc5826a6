/**
 * ip_rcv: IPv4 packets from a device, as a list. Linux: net/ipv4/ip_input.c.
 *
 *   ipListRcv ─ check headers ─► PREROUTING ─► look all destinations up ─► ipRcvFinish ─┬► ipForward
 *                                                                                     └► ipLocalDeliver ─► LOCAL_IN
 *                                                                                          ─► icmp, udp, tcp, raw
 */
import { TraceKind } from '../abi/trace';
import { traceData, traceEvent, traceFrame } from '../skb/trace';
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Ipv4Conf } from '../abi/sysctl';
import { isL3Slave, l3mdevIngress, l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice, conf4Or } from '../dev/net_device';
import { NfHook, nfHook } from '../dev/nf_hook';
import { vrfRxStats } from '../dev/vrf';
import { SCRATCH_KEYS, SCRATCH_ROUTES, scratchList } from '../dev/scratch';
import { rawLocalDeliver } from '../inet/raw';
import { ipFastCsum } from '../lib/checksum';
import { opIndex } from '../lib/ops';
import { poptrieLookup4 } from '../lib/poptrie';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { NFPROTO_IPV4, NetfilterHook, PATH_GONE, PATH_STOP, PATH_TRACKED } from '../net/hooks';
import { AF_INET, Net, mibAdd, mibInc } from '../net/net';
import { dstLookupBurst4 } from '../route/dst_cache';
import { fastBurst } from '../route/fast_hop';
import { Fib, FibNh, RtType, nhGwPtr, nhInfo } from '../route/fib';
import { inetPeerErrorAllow } from '../route/inet_peer';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull, skbPull, skbTrim } from '../skb/skbuff';
import { icmpSend } from './icmp';
import { IP_DEFRAG_LOCAL_DELIVER, ipDefrag } from './ip_fragment';
import { ipForward } from './ip_forward';
import { ipForwardHooked } from './ip_forward_hooked';
import { ipForwardFastAllowed, ipForwardRun } from './ip_forward_fast';
import { ipCb } from './ip_cb';
import { ipMrInput } from './ipmr';
import { ipOptionsCompile, ipOptionsRcvSrr, ipOptionsSrrIsHit } from './ip_options';
import {
  E_LOCALNET,
  E_LOCAL_SOURCE,
  E_MARTIAN_DESTINATION,
  E_MARTIAN_SOURCE,
  E_RPFILTER,
  RouteInput,
  inDevForward,
  ipRouteInput,
  ipv4IsMulticast,
} from './route';

const IPV4_HDR_LEN: u32 = 20;
/** MF or an offset: a fragment. */
const IP_FRAGMENT_BITS: u16 = 0x3fff;
const ICMP_DEST_UNREACH: u32 = 3;
const ICMP_NET_UNREACH: u32 = 0;
const ICMP_HOST_UNREACH: u32 = 1;
const ICMP_PROT_UNREACH: u32 = 2;
const ICMP_PKT_FILTERED: u32 = 13;

/** Receives `n` IPv4 packets of one device (op RCV_IPV4). */
export function ipListRcv(list: usize, n: u32): void {
  const dev = changetype<SkBuff>(load<u32>(list)).dev;
  const net = changetype<NetDevice>(dev).net;
  const keys = scratchList(SCRATCH_KEYS);
  const hooked = net.hookCount !== 0;
  let kept: u32 = 0;
  let octets: u32 = 0;
  let received: u32 = 0;
  let forwarded: u32 = 0;
  let sentOctets: u32 = 0;
  const behind = hooked ? pathsBegin(net, changetype<NetDevice>(dev)) : 0;
  let path = behind === 0 ? 0 : opIndex(Op.NF_FORWARD_PATH);
  if (hooked && net.ct !== 0 && n > 1)
    call_indirect<void>(opIndex(Op.NF_CONNTRACK_TOUCH), changetype<usize>(net), list, n);
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    // "When the interface is in promisc. mode, drop all the crap that it receives, do not try to analyse it."
    if (skb.pktType === PACKET_OTHERHOST) {
      kfreeSkbReason(skb, SkbDropReason.OTHERHOST);
      continue;
    }
    received++;
    octets += skb.len;
    const reason = Header.check(net, skb);
    if (reason !== SkbDropReason.NOT_DROPPED_YET) {
      kfreeSkbReason(skb, reason);
      continue;
    }
    if (hooked) {
      let from: u32 = 0;
      if (path !== 0) {
        const sent = call_indirect<i32>(path, changetype<usize>(net), changetype<usize>(skb), dev);
        if (sent >= 0) {
          forwarded += <u32>(sent !== PATH_GONE);
          sentOctets += sent;
          continue;
        }
        if (sent === PATH_TRACKED) from = behind;
        else if (sent === PATH_STOP) path = 0;
      }
      if (!NfHook.ipv4(net, NetfilterHook.PRE_ROUTING, skb, dev, 0, from)) continue;
    }
    store<u32>(list + (kept << 2), changetype<usize>(skb));
    store<u32>(keys + (kept << 2), bswap<u32>(load<u32>(skb.data, 16)));
    kept++;
  }
  mibAdd(net, Mib.IpInReceives, received);
  mibAdd(net, Mib.IpExtInOctets, octets);
  countForwarded(net, forwarded, sentOctets);
  if (kept !== 0) routeList(net, dev, list, keys, kept);
}

/** Looks the destinations (`keys`, host order) up together and sends each packet its way. */
function routeList(net: Net, dev: usize, list: usize, keys: usize, n: u32): void {
  const routes = scratchList(SCRATCH_ROUTES);
  const fib = changetype<Fib>(net.fib4);
  // Rules are asked of each packet by itself (ipRouteInput).
  if (net.fibSlow4 === 0) dstLookupBurst4(fib, keys, routes, n);
  else memory.fill(routes, 0, n << 2);
  // What an earlier packet of the burst caused (a redirect learned) may change the table under the later ones.
  const genId = fib.genId;
  const short = ipForwardFastAllowed(net, changetype<NetDevice>(dev));
  const hooked = net.hookCount !== 0;
  if (short) fastBurst(dev);
  let forwarded: u32 = 0;
  let octets: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const current = fib.genId === genId;
    if (short && !hooked && current) {
      i = ipForwardRun(net, dev, list, keys, routes, i, n);
      if (i === n) return;
    }
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    const daddr = load<u32>(keys + (i << 2));
    const value = current ? load<u32>(routes + (i << 2)) : poptrieLookup4(fib.trie, daddr);
    if (short && hooked) {
      const sent = ipForwardHooked(net, dev, skb, daddr, value);
      if (sent >= 0) {
        forwarded += <u32>(sent !== 0);
        octets += sent;
        continue;
      }
    }
    rcvFinish(net, skb, daddr, value);
  }
  countForwarded(net, forwarded, octets);
}

/** Where tracked packets go on among the hooks of PREROUTING, when paths may be taken (netfilter/nf_forward_path); or 0. */
function pathsBegin(net: Net, dev: NetDevice): u32 {
  if (net.ct === 0 || root().trace !== 0 || !ipForwardFastAllowed(net, dev)) return 0;
  return call_indirect<u32>(opIndex(Op.NF_FORWARD_PATH_BEGIN), changetype<usize>(net));
}

/** Packets of the short ways that came by POSTROUTING. */
function countForwarded(net: Net, packets: u32, octets: u32): void {
  mibAdd(net, Mib.IpForwDatagrams, packets);
  mibAdd(net, Mib.IpOutTransmits, packets);
  mibAdd(net, Mib.IpExtOutOctets, octets);
}

/** Inlined where it is used, once per packet. */
class Header {
  /** Linux: ip_rcv_core. NOT_DROPPED_YET when the header is sound; the packet then ends where tot_len says. */
  @inline
  static check(net: Net, skb: SkBuff): SkbDropReason {
    if (skbHeadlen(skb) < IPV4_HDR_LEN && !pskbMayPull(skb, IPV4_HDR_LEN)) return headerError(net);
    let iph = skb.data;
    const first = <u32>load<u8>(iph);
    let ihl = IPV4_HDR_LEN;
    let sum: u32;
    // RFC 1122 §3.2.1.2: a host must silently discard a datagram whose version is not 4, and one with a bad checksum.
    if (first === 0x45) {
      sum = ipFastCsum(iph, 5);
    } else {
      if (first >> 4 !== 4) return headerError(net);
      ihl = (first & 15) << 2;
      if (ihl < IPV4_HDR_LEN) return headerError(net);
      if (!pskbMayPull(skb, ihl)) return headerError(net);
      iph = skb.data;
      sum = ipFastCsum(iph, ihl >> 2);
    }
    if (sum !== 0) {
      mibInc(net, Mib.IpExtInCsumErrors);
      mibInc(net, Mib.IpInHdrErrors);
      return SkbDropReason.IP_CSUM;
    }
    const totLen = <u32>bswap<u16>(load<u16>(iph, 2));
    if (skb.len !== totLen) {
      if (skb.len < totLen) {
        mibInc(net, Mib.IpExtInTruncatedPkts);
        return SkbDropReason.PKT_TOO_SMALL;
      }
      if (totLen < ihl) return headerError(net);
      // Padding of a short Ethernet frame.
      skbTrim(skb, totLen);
    } else if (totLen < ihl) {
      return headerError(net);
    }
    skb.networkHeader = iph;
    skb.transportHeader = iph + ihl;
    return SkbDropReason.NOT_DROPPED_YET;
  }
}

function headerError(net: Net): SkbDropReason {
  mibInc(net, Mib.IpInHdrErrors);
  return SkbDropReason.IP_INHDR;
}

/** A packet that comes back from a queue at PREROUTING. */
export function ipRcvResume(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  const daddr = bswap<u32>(load<u32>(skb.data, 16));
  rcvFinish(net, skb, daddr, poptrieLookup4(changetype<Fib>(net.fib4).trie, daddr));
}

/** Linux: ip_rcv_finish: the route is known; options, then forward or deliver. */
function rcvFinish(net: Net, skb: SkBuff, daddr: u32, value: u32): void {
  let dev = changetype<NetDevice>(skb.dev);
  if (dev.l3mdev !== 0) {
    if (!vrfIpRcv(net, skb, dev)) return;
    dev = l3mdevIngress(skb);
    daddr = bswap<u32>(load<u32>(skb.networkHeader, 16));
  }
  const iph = skb.networkHeader;
  const way = ipRouteInput(skb, net, dev, daddr, bswap<u32>(load<u32>(iph, 12)), value);
  if (root().trace !== 0) traceRoute(skb, way);
  if (way < 0 && way <= E_MARTIAN_SOURCE) {
    kfreeSkbReason(skb, martianReason(way));
    return;
  }
  if (load<u8>(iph) !== 0x45) {
    if (!rcvOptions(net, skb, dev)) return;
    if (ipOptionsSrrIsHit(skb)) {
      // A source route that named us: it goes on to its next address, by the route found for that.
      ipForward(net, skb, changetype<FibNh>(skb.dst), bswap<u32>(ipCb(skb).nexthop), false);
      return;
    }
  }
  if (way === RouteInput.LOCAL) {
    if (skb.pktType === PACKET_MULTICAST || skb.pktType === PACKET_BROADCAST) countGroup(net, skb, daddr);
    // RFC 1122 §3.3.6: a datagram to a unicast address that came as a link-layer broadcast or multicast.
    if (skb.pktType !== 0 && unicastInGroupFrame(skb, dev, daddr)) {
      kfreeSkbReason(skb, SkbDropReason.UNICAST_IN_L2_MULTICAST);
      return;
    }
    ipLocalDeliver(net, skb);
    return;
  }
  if (way >= RouteInput.MULTICAST) {
    countGroup(net, skb, daddr);
    ipMrInput(net, skb, dev, way === RouteInput.MULTICAST_LOCAL);
    return;
  }
  if (way < 0) {
    ipError(net, skb, dev, way);
    return;
  }
  ipForward(net, skb, changetype<FibNh>(skb.dst), daddr, way === RouteInput.FORWARD_REDIRECT);
}

/**
 * A packet of a port in a VRF becomes the VRF's; routing still asks its port. Linux: l3mdev_ip_rcv, vrf_ip_rcv. False: a
 * hook took it.
 */
function vrfIpRcv(net: Net, skb: SkBuff, port: NetDevice): bool {
  if (!isL3Slave(port)) return true;
  skb.dev = port.l3mdev;
  if (load<u8>(skb.networkHeader, 16) >> 4 === 0xe) return true;
  vrfRxStats(changetype<NetDevice>(skb.dev), skb.len);
  if (net.hookCount === 0) return true;
  return nfHook(net, NFPROTO_IPV4, NetfilterHook.PRE_ROUTING, skb, skb.dev, 0);
}

/** Type, device and gateway of the way that was found, or why there is none. */
function traceRoute(skb: SkBuff, way: i32): void {
  const p = changetype<usize>(skb);
  if (way < 0) {
    traceEvent(TraceKind.ROUTE, 0, p, 0, <u32>-way, 0);
  } else if (way === RouteInput.LOCAL || skb.dst === 0) {
    traceEvent(TraceKind.ROUTE, RtType.LOCAL, p, skb.dev, 0, 0);
  } else {
    const nh = changetype<FibNh>(skb.dst);
    traceData(TraceKind.ROUTE, nhInfo(nh).type, p, nh.dev, 0, 0, 0, 0, nhGwPtr(nh), gatewayBytes(nh));
  }
}

function gatewayBytes(nh: FibNh): u32 {
  if (nh.gwFamily === 0) return 0;
  return <u32>nh.gwFamily === AF_INET ? 4 : 16;
}

function martianReason(way: i32): SkbDropReason {
  if (way === E_RPFILTER) return SkbDropReason.IP_RPFILTER;
  if (way === E_LOCAL_SOURCE) return SkbDropReason.IP_LOCAL_SOURCE;
  if (way === E_LOCALNET) return SkbDropReason.IP_LOCALNET;
  if (way === E_MARTIAN_DESTINATION) return SkbDropReason.IP_INVALID_DEST;
  return SkbDropReason.IP_INVALID_SOURCE;
}

function countGroup(net: Net, skb: SkBuff, daddr: u32): void {
  mibInc(net, ipv4IsMulticast(daddr) ? Mib.IpExtInMcastPkts : Mib.IpExtInBcastPkts);
}

function unicastInGroupFrame(skb: SkBuff, dev: NetDevice, daddr: u32): bool {
  if (!conf4Or(dev, Ipv4Conf.DROP_UNICAST_IN_L2_MULTICAST) || skb.dst === 0) return false;
  return nhInfo(changetype<FibNh>(skb.dst)).type === RtType.LOCAL && !ipv4IsMulticast(daddr);
}

/** Linux: ip_rcv_options. False: the packet is gone. */
function rcvOptions(net: Net, skb: SkBuff, dev: NetDevice): bool {
  if (!ipOptionsCompile(net, skb)) {
    mibInc(net, Mib.IpInHdrErrors);
    kfreeSkbReason(skb, SkbDropReason.IP_OPTIONS);
    return false;
  }
  if (!ipOptionsRcvSrr(skb, dev)) {
    kfreeSkbReason(skb, SkbDropReason.IP_OPTIONS);
    return false;
  }
  return true;
}

/** Linux: ip_error: no way for this packet; its sender is told when we forward. */
function ipError(net: Net, skb: SkBuff, dev: NetDevice, err: i32): void {
  if (!inDevForward(dev)) {
    if (err === -Errno.EHOSTUNREACH) mibInc(net, Mib.IpInAddrErrors);
    else if (err === -Errno.ENETUNREACH) mibInc(net, Mib.IpExtInNoRoutes);
    kfreeSkbReason(skb, SkbDropReason.IP_INADDRERRORS);
    return;
  }
  // Linux answers one sender once a second, five times at once (error_cost, error_burst).
  const tell = inetPeerErrorAllow(net, AF_INET, skb.networkHeader + 12, l3mdevMasterIfindex(dev));
  if (err === -Errno.EHOSTUNREACH) {
    if (tell) icmpSend(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_UNREACHABLE);
  } else if (err === -Errno.ENETUNREACH) {
    mibInc(net, Mib.IpExtInNoRoutes);
    if (tell) icmpSend(skb, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
  } else if (err === -Errno.EACCES) {
    if (tell) icmpSend(skb, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_PROHIBIT);
  } else {
    kfreeSkbReason(skb, SkbDropReason.IP_BLACKHOLE);
  }
}

/** Linux: ip_local_deliver: for us. Fragments are put together first. */
export function ipLocalDeliver(net: Net, skb: SkBuff): void {
  if ((bswap<u16>(load<u16>(skb.networkHeader, 6)) & IP_FRAGMENT_BITS) !== 0) {
    const whole = ipDefrag(net, skb, IP_DEFRAG_LOCAL_DELIVER);
    if (whole === null) return;
    skb = whole;
  }
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV4, NetfilterHook.LOCAL_IN, skb, skb.dev, 0)) return;
  ipLocalDeliverFinish(skb);
}

/** To the protocol's receiver; data moves to the transport header. */
export function ipLocalDeliverFinish(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  const protocol = load<u8>(skb.networkHeader, 9);
  if (root().trace !== 0) traceFrame(TraceKind.DELIVER, skb, protocol, 0);
  const taken = rawLocalDeliver(net, AF_INET, skb, protocol);
  const fn = opIndex(protocolOp(protocol));
  if (fn === 0) {
    // RFC 1122 §3.2.2.1: a host should generate Protocol Unreachable when it does not know the protocol.
    if (!taken) {
      mibInc(net, Mib.IpInUnknownProtos);
      icmpSend(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
      kfreeSkbReason(skb, SkbDropReason.IP_NOPROTO);
      return;
    }
    mibInc(net, Mib.IpInDelivers);
    consumeSkb(skb);
    return;
  }
  mibInc(net, Mib.IpInDelivers);
  skbPull(skb, skb.transportHeader - skb.networkHeader);
  call_indirect<void>(fn, changetype<usize>(skb));
}

function protocolOp(protocol: u8): u32 {
  if (protocol === 1) return Op.PROTO_ICMP;
  if (protocol === 17) return Op.PROTO_UDP;
  if (protocol === 6) return Op.PROTO_TCP;
  if (protocol === 2) return Op.PROTO_IGMP;
  return Op.NONE;
}
