/**
 * IPv6 output, for forwarded packets and our own. Linux: net/ipv6/ip6_output.c.
 *
 *   ip6LocalOut ─► LOCAL_OUT ─┐
 *   ip6Forward ───────────────┴► ip6Output ─► POSTROUTING ─► fit the MTU ─► neighbour ─► devQueueXmit
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Ipv6Conf } from '../abi/sysctl';
import { ethHeader } from '../dev/eth';
import { gsoSegment } from '../dev/gso';
import { isL3Slave, l3mdevIfindexOf, l3mdevLoopback } from '../dev/l3mdev';
import { IFF_LOOPBACK, NetDevice, conf6 } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { devQueueXmit } from '../dev/xmit';
import { Scratch, scratch } from '../lib/scratch';
import { Neighbour, neighCreate, neighHold, neighOutput, neighPut } from '../neigh/neighbour';
import { NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { AF_INET6, Net, mibAdd, mibInc } from '../net/net';
import { exceptionFind, exceptionGwPtr } from '../route/exception';
import { FibNh, RtType, nhGwPtr, nhInfo } from '../route/fib';
import { kfreeSkbReason } from '../skb/free';
import { nfctVrfBegin, nfctVrfEnd } from '../skb/nfct';
import {
  CHECKSUM_NONE,
  CHECKSUM_UNNECESSARY,
  PACKET_LOOPBACK,
  SKB_F_FORWARDED,
  SKB_F_LOCAL,
  SkBuff,
} from '../skb/sk_buff';
import { skbClone, skbCowHead, skbPush } from '../skb/skbuff';
import {
  IPV6_HDR_LEN,
  IPV6_MAXPLEN,
  IPV6_MIN_MTU,
  emitIpv6,
  ipv6Daddr,
  ipv6HopLimit,
  ipv6SetPayloadLen,
} from '../wire/ipv6';
import {
  IPV6_ADDR_SCOPE_NODELOCAL,
  ipv6AddrIsLinklocal,
  ipv6AddrIsMulticast,
  ipv6AddrMcScope,
  ipv6MulticastMac,
} from '../wire/ipv6_addr';
import { ip6DoFragment } from './ip6_do_fragment';
import { ip6GsoNetworkSeglen } from './ip6_forward';
import { ip6Rcv } from './ip6_input';
import { IP6SKB_NOLOOP, ip6cbFlag, ip6cbFragMaxSize, ip6cbHas, ip6cbInit } from './ip6cb';
import { ipv6ChkMcastAddr } from './mcast';
import { ip6DstMtu } from './route';

const ETH_P_IPV6: u16 = 0x86dd;
const ETH_HLEN: u32 = 14;

/**
 * Sends by the next hop `nh`; data at the IPv6 header, skb.dev the device (lo for our own addresses), `indev` the one that
 * the packet came in by, 0 for our own. Owns the skb.
 */
export function ip6Output(skb: SkBuff, net: Net, nh: FibNh, indev: usize): void {
  if (net.hookCount !== 0) {
    skb.dst = changetype<usize>(nh);
    if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.POST_ROUTING, skb, indev, skb.dev)) return;
  }
  ip6FinishOutput(skb, net, nh);
}

/** Behind POSTROUTING: what is too long is fragmented (only our own can be; of
 * others the sender is told, by the hop limit already lowered). Linux: __ip6_finish_output. */
export function ip6FinishOutput(skb: SkBuff, net: Net, nh: FibNh): void {
  // Nearly all: nothing to be asked below the smallest MTU that a link may have (RFC 8200 5).
  if (skb.len <= IPV6_MIN_MTU && ip6cbFragMaxSize(skb) === 0) {
    finishOutput2(skb, net, nh);
    return;
  }
  const mtu = max(ip6DstMtu(net, nh, ipv6Daddr(skb.data), false), IPV6_MIN_MTU);
  if (skb.gsoSize !== 0) {
    if (ip6GsoNetworkSeglen(skb) <= mtu) finishOutput2(skb, net, nh);
    else finishGso(skb, net, nh, mtu);
    return;
  }
  const pieces = ip6cbFragMaxSize(skb);
  if (skb.len <= mtu && (pieces === 0 || skb.len <= pieces)) {
    finishOutput2(skb, net, nh);
    return;
  }
  // RFC 8200 4.5: a packet that came in fragments goes on in fragments no larger than those.
  sendFragments(skb, net, nh, pieces !== 0 ? min(mtu, max(pieces, IPV6_MIN_MTU)) : mtu);
}

/** Linux: ip6_finish_output_gso_slowpath_drop: segments that do not fit are made, then fragmented. */
function finishGso(skb: SkBuff, net: Net, nh: FibNh, mtu: u32): void {
  // Segments are cut below a link-layer header; an empty one stands in for the neighbour's.
  const hdr = skb.data;
  if (!skbCowHead(skb, ETH_HLEN)) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  skb.macHeader = skbPush(skb, ETH_HLEN);
  memory.fill(skb.macHeader, 0, ETH_HLEN);
  store<u16>(skb.macHeader, bswap<u16>(ETH_P_IPV6), 12);
  skb.networkHeader = hdr;
  let segment = gsoSegment(skb, 0);
  while (segment !== null) {
    const next = changetype<SkBuff | null>(segment.next);
    segment.next = 0;
    segment.data += ETH_HLEN;
    segment.len -= ETH_HLEN;
    segment.networkHeader = segment.data;
    ip6cbInit(segment);
    sendFragments(segment, net, nh, mtu);
    segment = next;
  }
}

function sendFragments(skb: SkBuff, net: Net, nh: FibNh, mtu: u32): void {
  let fragment = ip6DoFragment(net, skb, mtu);
  while (fragment !== null) {
    const next = changetype<SkBuff | null>(fragment.next);
    fragment.next = 0;
    finishOutput2(fragment, net, nh);
    fragment = next;
  }
}

/** Linux: ip6_finish_output2. */
function finishOutput2(skb: SkBuff, net: Net, nh: FibNh): void {
  const daddr = ipv6Daddr(skb.data);
  mibInc(net, Mib.Ip6OutTransmits);
  mibAdd(net, Mib.Ip6OutOctets, skb.len);
  skb.protocol = ETH_P_IPV6;
  if (load<u8>(daddr) === 0xff && !multicastOut(skb, net)) return;
  const neigh =
    skb.dev === nh.dev
      ? neighFor(net, nh, daddr, skb)
      : neighCreate(AF_INET6, daddr, changetype<NetDevice>(skb.dev));
  if (neigh === null) {
    mibInc(net, Mib.Ip6OutNoRoutes);
    kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
    return;
  }
  neighOutput(neigh, skb);
}

/** A packet to a group: a copy for ourselves when the device has joined it. False: it does not leave the node. */
function multicastOut(skb: SkBuff, net: Net): bool {
  const dev = changetype<NetDevice>(skb.dev);
  const daddr = ipv6Daddr(skb.data);
  mibInc(net, Mib.Ip6OutMcastPkts);
  mibAdd(net, Mib.Ip6OutMcastOctets, skb.len);
  if ((dev.flags & IFF_LOOPBACK) !== 0) return true;
  if (!ip6cbHas(skb, IP6SKB_NOLOOP) && ipv6ChkMcastAddr(dev, daddr)) {
    const copy = skbClone(skb);
    if (copy !== null) loopBack(copy);
  }
  if (ipv6HopLimit(skb.data) === 0 || ipv6AddrMcScope(daddr) <= IPV6_ADDR_SCOPE_NODELOCAL) {
    kfreeSkbReason(skb, SkbDropReason.IPV6_SCOPE);
    return false;
  }
  return true;
}

/** Linux: dev_loopback_xmit. */
function loopBack(skb: SkBuff): void {
  skb.pktType = PACKET_LOOPBACK;
  skb.flags |= SKB_F_LOCAL;
  if (skb.ipSummed === CHECKSUM_NONE) skb.ipSummed = CHECKSUM_UNNECESSARY;
  skb.iif = changetype<NetDevice>(skb.dev).ifindex;
  skb.dst = 0;
  ip6Rcv(skb);
}

/** The neighbour of a next hop, remembered there when it is a gateway. */
function neighFor(net: Net, nh: FibNh, daddr: usize, skb: SkBuff): Neighbour | null {
  const dev = changetype<NetDevice>(nh.dev);
  if (net.exceptions6 !== 0 && (skb.flags & SKB_F_FORWARDED) === 0) {
    // A router told us of a better first hop (RFC 4861 8.3).
    const exception = exceptionFind(net, AF_INET6, daddr, l3mdevIfindexOf(nh.dev));
    if (exception !== null && exception.dev === nh.dev && (exception.gw0 | exception.gw1) !== 0) {
      return neighCreate(AF_INET6, exceptionGwPtr(exception), dev);
    }
  }
  if (nh.gwFamily === 0 || ipv6AddrIsMulticast(daddr)) return neighCreate(AF_INET6, daddr, dev);
  if (nh.neigh !== 0) {
    const known = changetype<Neighbour>(nh.neigh);
    if (known.dead === 0) return known;
    neighPut(nh.neigh);
    nh.neigh = 0;
  }
  const neigh = neighCreate(AF_INET6, nhGwPtr(nh), dev);
  if (neigh === null) return null;
  neighHold(changetype<usize>(neigh));
  nh.neigh = changetype<usize>(neigh);
  return neigh;
}

/** Pushes an IPv6 header without flow label; payload_len follows in ip6LocalOut. */
export function ip6EmitHeader(
  skb: SkBuff,
  saddr: usize,
  daddr: usize,
  tclass: u32,
  hopLimit: u32,
  nexthdr: u32,
): void {
  skb.transportHeader = skb.data;
  const hdr = skbPush(skb, IPV6_HDR_LEN);
  skb.networkHeader = hdr;
  emitIpv6(hdr, tclass, 0, 0, nexthdr, hopLimit, saddr, daddr);
}

/**
 * A packet of our own (data at its header, skb.dst a FibNh): payload length, LOCAL_OUT, out. Owns the skb.
 * Linux: __ip6_local_out and dst_output.
 */
export function ip6LocalOut(net: Net, skb: SkBuff): void {
  const nh = changetype<FibNh>(skb.dst);
  const payload = skb.len - IPV6_HDR_LEN;
  ipv6SetPayloadLen(skb.data, payload > IPV6_MAXPLEN ? 0 : payload);
  ip6cbInit(skb);
  skb.networkHeader = skb.data;
  skb.protocol = ETH_P_IPV6;
  skb.dev = nhInfo(nh).type === RtType.LOCAL ? ip6Loopback(net, nh, ipv6Daddr(skb.data)) : nh.dev;
  mibInc(net, Mib.Ip6OutRequests);
  if (net.hookCount !== 0 && !localOutHooks(net, skb)) return;
  // A hook may have found another way (ip6_route_me_harder).
  ip6LocalOutFinish(net, skb, changetype<FibNh>(skb.dst), net.hookCount === 0 ? 0 : vrfOf(skb));
}

/** The device of our own address: lo, or the VRF that it is in. Linux: ip6_rt_get_dev_rcu. */
function ip6Loopback(net: Net, nh: FibNh, daddr: usize): usize {
  return ipv6AddrIsLinklocal(daddr) ? net.loopback : l3mdevLoopback(net, nh.dev);
}

/** LOCAL_OUT; a packet that leaves a VRF passes it and POSTROUTING as the VRF's first. Linux: vrf_ip6_out_direct. */
function localOutHooks(net: Net, skb: SkBuff): bool {
  const out = skb.dev;
  const vrf = vrfOf(skb);
  if (vrf !== 0) {
    skb.dev = vrf;
    nfctVrfBegin(skb);
    if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.LOCAL_OUT, skb, 0, skb.dev)) return false;
    if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.POST_ROUTING, skb, 0, skb.dev)) return false;
    nfctVrfEnd(skb);
    skb.dev = out;
  }
  return nfHook(net, NFPROTO_IPV6, NetfilterHook.LOCAL_OUT, skb, 0, out);
}

/** The VRF that a packet of our own leaves; groups and the link have none. */
function vrfOf(skb: SkBuff): usize {
  const port = changetype<NetDevice>(skb.dev);
  if (!isL3Slave(port)) return 0;
  const daddr = ipv6Daddr(skb.data);
  return ipv6AddrIsMulticast(daddr) || ipv6AddrIsLinklocal(daddr) ? 0 : port.l3mdev;
}

/** Behind LOCAL_OUT. `vrf`: the one that it left, or 0. */
export function ip6LocalOutFinish(net: Net, skb: SkBuff, nh: FibNh, vrf: usize): void {
  if (conf6(changetype<NetDevice>(skb.dev), Ipv6Conf.DISABLE_IPV6) !== 0) {
    mibInc(net, Mib.Ip6OutDiscards);
    kfreeSkbReason(skb, SkbDropReason.IPV6DISABLED);
    return;
  }
  ip6Output(skb, net, nh, vrf);
}

/**
 * A complete message of neighbour discovery or MLD (data at its header) to its group or to a neighbour on the link
 * of `dev`: through the hooks, but past the routes, as Linux sends it by icmp6_dst_alloc. Owns the skb.
 */
export function ip6XmitLink(skb: SkBuff, dev: NetDevice): void {
  const net = dev.net;
  skb.networkHeader = skb.data;
  skb.protocol = ETH_P_IPV6;
  skb.dev = changetype<usize>(dev);
  skb.iif = 0;
  ip6cbInit(skb);
  ip6cbFlag(skb, IP6SKB_NOLOOP);
  mibInc(net, Mib.Ip6OutRequests);
  if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.LOCAL_OUT, skb, 0, skb.dev)) return;
  if (!nfHook(net, NFPROTO_IPV6, NetfilterHook.POST_ROUTING, skb, 0, skb.dev)) return;
  mibInc(net, Mib.Ip6OutTransmits);
  mibAdd(net, Mib.Ip6OutOctets, skb.len);
  const daddr = ipv6Daddr(skb.data);
  if (ipv6AddrIsMulticast(daddr)) {
    mibInc(net, Mib.Ip6OutMcastPkts);
    mibAdd(net, Mib.Ip6OutMcastOctets, skb.len);
    const mac = scratch(Scratch.IP6_OUTPUT_MAC);
    ipv6MulticastMac(daddr, mac);
    ethHeader(skb, dev, ETH_P_IPV6, mac);
    devQueueXmit(skb);
    return;
  }
  const neigh = neighCreate(AF_INET6, daddr, dev);
  if (neigh === null) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
    return;
  }
  neighOutput(neigh, skb);
}
