/**
 * ip_output: the way out, for forwarded packets and our own. Linux: net/ipv4/ip_output.c.
 *
 *   ipLocalOut ─► LOCAL_OUT ─┐
 *   ipForward ───────────────┴► ipOutput ─► POSTROUTING ─► fit the MTU ─► neighbour ─► devQueueXmit
 */
import { TraceKind } from '../abi/trace';
import { traceEvent } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { skbGsoValidateNetworkLen } from '../dev/gso_len';
import { gsoSegment } from '../dev/gso';
import { isL3Master, isL3Slave, l3mdevIfindexOf, l3mdevLoopback } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { ipFastCsum } from '../lib/checksum';
import { siphash3u32 } from '../lib/siphash';
import { randomU32 } from '../lib/random';
import { Neighbour, neighCreate, neighHold, neighOutput, neighPut } from '../neigh/neighbour';
import { NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { AF_INET, Net, identCounter, mibAdd, mibInc } from '../net/net';
import { exceptionFind, exceptionGwPtr } from '../route/exception';
import { FibNh, RtType, nhGwPtr, nhInfo } from '../route/fib';
import { kfreeSkbReason } from '../skb/free';
import { nfctVrfBegin, nfctVrfEnd } from '../skb/nfct';
import { SKB_F_FORWARDED, SkBuff } from '../skb/sk_buff';
import { skbPush } from '../skb/skbuff';
import { ipDoFragment } from './ip_do_fragment';
import { ipFragMaxSize } from './ip_options';
import { ipDstMtu } from './route';

const ETH_P_IP: u16 = 0x0800;
const IPV4_HDR_LEN: u32 = 20;
const IP_DF: u16 = 0x4000;

/** Sends by the next hop `nh`; data at the IPv4 header, which is complete. Owns the skb. */
export function ipOutput(net: Net, skb: SkBuff, nh: FibNh): void {
  mibInc(net, Mib.IpOutTransmits);
  mibAdd(net, Mib.IpExtOutOctets, skb.len);
  const indev = skb.dev;
  skb.dst = changetype<usize>(nh);
  skb.dev = nh.dev;
  skb.protocol = ETH_P_IP;
  if (net.hookCount !== 0) {
    // Our own packets have come from nowhere, or from their VRF.
    const known = (skb.flags & SKB_F_FORWARDED) !== 0 || isVrf(indev);
    const from = known ? indev : 0;
    if (!nfHook(net, NFPROTO_IPV4, NetfilterHook.POST_ROUTING, skb, from, nh.dev)) return;
  }
  ipFinishOutput(net, skb, nh);
}

function isVrf(dev: usize): bool {
  return dev !== 0 && isL3Master(changetype<NetDevice>(dev));
}

/** Behind POSTROUTING: what does not fit the MTU is cut. Linux: __ip_finish_output. */
export function ipFinishOutput(net: Net, skb: SkBuff, nh: FibNh): void {
  const forwarded = (skb.flags & SKB_F_FORWARDED) !== 0;
  const mtu = skb.len <= 68 ? skb.len : ipDstMtu(net, nh, bswap<u32>(load<u32>(skb.data, 16)), forwarded);
  if (skb.len <= mtu && ipFragMaxSize(skb) === 0) {
    finishOutput2(net, skb, nh);
    return;
  }
  if (skb.gsoSize !== 0 && skbGsoValidateNetworkLen(skb, mtu)) {
    finishOutput2(net, skb, nh);
    return;
  }
  if (skb.gsoSize !== 0) {
    finishGso(net, skb, nh, mtu);
    return;
  }
  sendFragments(net, skb, nh, mtu);
}

/** Linux: ip_finish_output_gso: segments that are too large themselves are cut first, then fragmented. */
function finishGso(net: Net, skb: SkBuff, nh: FibNh, mtu: u32): void {
  // gsoSegment works on whole frames; an empty link-layer header stands in for the one that the neighbour will put.
  const network = skb.data;
  skb.macHeader = skbPush(skb, 14);
  memory.fill(skb.macHeader, 0, 14);
  store<u16>(skb.macHeader, bswap<u16>(ETH_P_IP), 12);
  skb.networkHeader = network;
  let segment = gsoSegment(skb, 0);
  while (segment !== null) {
    const next = changetype<SkBuff | null>(segment.next);
    segment.next = 0;
    segment.data += 14;
    segment.len -= 14;
    sendFragments(net, segment, nh, mtu);
    segment = next;
  }
}

function sendFragments(net: Net, skb: SkBuff, nh: FibNh, mtu: u32): void {
  if (root().trace !== 0) traceEvent(TraceKind.FRAGMENT, 0, changetype<usize>(skb), skb.dev, mtu, 0);
  let fragment = ipDoFragment(net, skb, mtu);
  while (fragment !== null) {
    const next = changetype<SkBuff | null>(fragment.next);
    fragment.next = 0;
    finishOutput2(net, fragment, nh);
    fragment = next;
  }
}

/** Linux: ip_finish_output2: to the neighbour that is the gateway, or the destination on the link. */
function finishOutput2(net: Net, skb: SkBuff, nh: FibNh): void {
  const neigh = neighFor(net, nh, skb.data + 16);
  if (neigh === null) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
    return;
  }
  neighOutput(neigh, skb);
}

/** The neighbour of a next hop, remembered there when it is a gateway. Linux: ip_neigh_for_gw. */
function neighFor(net: Net, nh: FibNh, daddr: usize): Neighbour | null {
  const dev = changetype<NetDevice>(nh.dev);
  if (net.exceptions4 !== 0) {
    // A redirect that we believed: another gateway for this destination.
    const exception = exceptionFind(net, AF_INET, daddr, l3mdevIfindexOf(nh.dev));
    if (exception !== null && exception.dev !== 0) {
      return neighCreate(AF_INET, exceptionGwPtr(exception), changetype<NetDevice>(exception.dev));
    }
  }
  if (nh.gwFamily === 0) return neighCreate(AF_INET, daddr, dev);
  if (nh.neigh !== 0) {
    const known = changetype<Neighbour>(nh.neigh);
    if (known.dead === 0) return known;
    neighPut(nh.neigh);
    nh.neigh = 0;
  }
  const neigh = neighCreate(nh.gwFamily, nhGwPtr(nh), dev);
  if (neigh === null) return null;
  neighHold(changetype<usize>(neigh));
  nh.neigh = changetype<usize>(neigh);
  return neigh;
}

/** Pushes an IPv4 header; tot_len, id and checksum follow in ipLocalOut. Options (a multiple of 4) may be 0. */
export function ipEmitHeader(
  skb: SkBuff,
  saddr: u32,
  daddr: u32,
  tos: u32,
  ttl: u32,
  proto: u32,
  df: bool,
  optPtr: usize,
  optLen: u32,
): void {
  skb.transportHeader = skb.data;
  const iph = skbPush(skb, IPV4_HDR_LEN + optLen);
  skb.networkHeader = iph;
  store<u8>(iph, <u8>(0x40 | ((IPV4_HDR_LEN + optLen) >> 2)));
  store<u8>(iph, <u8>tos, 1);
  store<u16>(iph, 0, 2);
  store<u16>(iph, 0, 4);
  store<u16>(iph, df ? bswap<u16>(IP_DF) : 0, 6);
  store<u8>(iph, <u8>ttl, 8);
  store<u8>(iph, <u8>proto, 9);
  store<u16>(iph, 0, 10);
  store<u32>(iph, bswap<u32>(saddr), 12);
  store<u32>(iph, bswap<u32>(daddr), 16);
  if (optLen !== 0) memory.copy(iph + IPV4_HDR_LEN, optPtr, optLen);
}

/**
 * RFC 6864: identifiers need to be unique only for what may be fragmented, and there for as long as fragments live: a
 * counter per hash of the flow, which goes up by a random amount so that a receiver cannot count what others get.
 * Linux: __ip_select_ident.
 */
export function ipSelectIdent(net: Net, iph: usize, segs: u32): void {
  const flow = <u32>load<u8>(iph, 9) | (net.id << 8);
  const hash = <u32>siphash3u32(load<u32>(iph, 12), load<u32>(iph, 16), flow);
  const counter = identCounter(net, hash >> 16);
  const id = load<u16>(counter) + <u16>((randomU32() & 3) + 1);
  store<u16>(counter, id + <u16>(segs - 1));
  store<u16>(iph, bswap<u16>(id + <u16>hash), 4);
}

/**
 * A packet of our own (data at its header; skb.dst set): total length, checksum, LOCAL_OUT, out. Owns the skb.
 * Linux: __ip_local_out and dst_output.
 */
export function ipLocalOut(net: Net, skb: SkBuff): void {
  mibInc(net, Mib.IpOutRequests);
  const iph = skb.data;
  skb.networkHeader = iph;
  skb.protocol = ETH_P_IP;
  store<u16>(iph, bswap<u16>(<u16>skb.len), 2);
  store<u16>(iph, 0, 10);
  store<u16>(iph, ipFastCsum(iph, <u32>load<u8>(iph) & 15), 10);
  const nh = changetype<FibNh>(skb.dst);
  if (net.hookCount !== 0 && !localOutHooks(net, skb, nh)) return;
  // A hook may have found another way (ip_route_me_harder).
  ipLocalOutFinish(net, skb, changetype<FibNh>(skb.dst));
}

/** LOCAL_OUT; a packet that leaves a VRF passes it and POSTROUTING as the VRF's first. Linux: vrf_ip_out_direct. */
function localOutHooks(net: Net, skb: SkBuff, nh: FibNh): bool {
  if (nhInfo(nh).type === RtType.LOCAL)
    return nfHook(net, NFPROTO_IPV4, NetfilterHook.LOCAL_OUT, skb, 0, l3mdevLoopback(net, nh.dev));
  const out = changetype<NetDevice>(nh.dev);
  // "Don't divert multicast or local broadcast."
  if (isL3Slave(out) && load<u8>(skb.data, 16) < 0xe0) {
    skb.dev = out.l3mdev;
    nfctVrfBegin(skb);
    if (!nfHook(net, NFPROTO_IPV4, NetfilterHook.LOCAL_OUT, skb, 0, out.l3mdev)) return false;
    if (!nfHook(net, NFPROTO_IPV4, NetfilterHook.POST_ROUTING, skb, 0, out.l3mdev)) return false;
    nfctVrfEnd(skb);
  }
  return nfHook(net, NFPROTO_IPV4, NetfilterHook.LOCAL_OUT, skb, 0, nh.dev);
}

/** Behind LOCAL_OUT: to ourselves by lo or the VRF, to a group, or out. */
export function ipLocalOutFinish(net: Net, skb: SkBuff, nh: FibNh): void {
  const type = nhInfo(nh).type;
  if (type === RtType.LOCAL) {
    loopBack(net, skb, nh);
    return;
  }
  ipOutput(net, skb, nh);
}

/** Our own address: the packet goes round by lo, or by the VRF that the address is in. */
function loopBack(net: Net, skb: SkBuff, nh: FibNh): void {
  mibInc(net, Mib.IpOutTransmits);
  mibAdd(net, Mib.IpExtOutOctets, skb.len);
  skb.dst = changetype<usize>(nh);
  skb.dev = l3mdevLoopback(net, nh.dev);
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV4, NetfilterHook.POST_ROUTING, skb, 0, skb.dev)) return;
  const neigh = neighCreate(AF_INET, skb.data + 16, changetype<NetDevice>(skb.dev));
  if (neigh === null) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
    return;
  }
  neighOutput(neigh, skb);
}
