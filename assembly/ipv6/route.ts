/**
 * IPv6 routes: which way in, which way out, and how large a packet may be there. Linux: net/ipv6/route.c.
 *
 * An address that means something on one link only (link-local, multicast of link scope) is looked up among the
 * routes of one device; all others by longest prefix.
 */
import { Ipv6Conf } from '../abi/sysctl';
import { IFF_LOOPBACK, IFF_UP, NetDevice, conf6, devGetByIndex } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { hsiphash } from '../lib/siphash';
import { poptrieGet } from '../lib/poptrie';
import { Errno } from '../net/errno';
import { AF_INET6, Net } from '../net/net';
import { exceptionFind, exceptionMtu } from '../route/exception';
import {
  Fib,
  FibInfo,
  FibNh,
  RtType,
  fibLookup6,
  fibLookupDev,
  fibNextAlias,
  fibNh,
  fibResult,
  infoPrefSrcPtr,
  nhInfo,
} from '../route/fib';
import { SkBuff } from '../skb/sk_buff';
import { IPV6_DEFAULT_HOPLIMIT, IPV6_MIN_MTU, ipv6Daddr, ipv6Nexthdr } from '../wire/ipv6';
import { ipv6AddrIsAny, ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { ipv6DevGetSaddr } from './addr_select';
import { ipv6GetIfaddr } from './addr_hash';

/** What is known of a packet to be sent, and after ip6RouteOutput how it goes. */
@unmanaged
@final
export class FlowI6 {
  daddr0: u64;
  daddr1: u64;
  /** Any: chosen by ip6RouteOutput. */
  saddr0: u64;
  saddr1: u64;
  oif: i32;
  mark: u32;
  proto: u32;
  /** FibNh and RtType of the route. */
  nh: usize;
  type: u32;
  pad: u32;
}
export const FLOWI6_BYTES: u32 = offsetof<FlowI6>();

/** A flow at `p` to `daddr` (16 bytes); `saddr` may be 0: to be chosen. */
export function flowI6Init(p: usize, daddr: usize, saddr: usize, oif: i32, proto: u32): FlowI6 {
  const fl = changetype<FlowI6>(p);
  fl.daddr0 = load<u64>(daddr);
  fl.daddr1 = load<u64>(daddr, 8);
  fl.saddr0 = saddr === 0 ? 0 : load<u64>(saddr);
  fl.saddr1 = saddr === 0 ? 0 : load<u64>(saddr, 8);
  fl.oif = oif;
  fl.mark = 0;
  fl.proto = proto;
  fl.nh = 0;
  fl.type = 0;
  return fl;
}

export function flowDaddr(fl: FlowI6): usize {
  return changetype<usize>(fl);
}

export function flowSaddr(fl: FlowI6): usize {
  return changetype<usize>(fl) + offsetof<FlowI6>('saddr0');
}

/** The route for a link-local destination of a packet that came by `dev`: ours, or a neighbour on that link. */
export function fib6LookupLinkLocal(net: Net, daddr: usize, dev: NetDevice): FibInfo | null {
  const info = fibLookupDev(changetype<Fib>(net.fib6), daddr, changetype<usize>(dev));
  // What we send to ourselves arrives by lo, whatever device has the address.
  if (info === null && (dev.flags & IFF_LOOPBACK) !== 0) {
    const ifa = ipv6GetIfaddr(net, daddr, 0);
    if (ifa !== null) return fibLookupDev(changetype<Fib>(net.fib6), daddr, ifa.dev);
  }
  return info;
}

/** Finds the route of a received packet, sets skb.dst (a FibNh) and says its type; UNSPEC when there is none. */
export function ip6RouteInput(skb: SkBuff, net: Net): RtType {
  const daddr = ipv6Daddr(skb.networkHeader);
  if (ipv6AddrIsMulticast(daddr)) return RtType.MULTICAST;
  const info = ipv6AddrIsLinklocal(daddr)
    ? fib6LookupLinkLocal(net, daddr, changetype<NetDevice>(skb.dev))
    : fibLookup6(changetype<Fib>(net.fib6), daddr);
  if (info === null || info.nhCount === 0) return RtType.UNSPEC;
  skb.dst = changetype<usize>(ip6SelectPath(info, skb));
  return info.type;
}

/**
 * One of the next hops of the route, always the same for one flow: by addresses, flow label and next header, as
 * fib_multipath_hash_policy 0 says. Linux: fib6_select_path.
 */
export function ip6SelectPath(info: FibInfo, skb: SkBuff): FibNh {
  if (info.nhCount <= 1) return fibNh(info, 0);
  const hdr = skb.networkHeader;
  const key = scratch(Scratch.IPV6_ROUTE_KEY);
  store<u32>(key, load<u32>(hdr) & 0xffff0f00);
  store<u32>(key, ipv6Nexthdr(hdr), 4);
  memory.copy(key + 8, hdr + 8, 32);
  let total: u32 = 0;
  for (let i: u32 = 0; i < info.nhCount; i++) total += max<u32>(fibNh(info, i).weight, 1);
  let at = <u32>((<u64>hsiphash(key, 40) * <u64>total) >> 32);
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const weight = max<u32>(fibNh(info, i).weight, 1);
    if (at < weight) return fibNh(info, i);
    at -= weight;
  }
  return fibNh(info, 0);
}

/** The error that a route of this type is to who sends: 0 for one that leads somewhere. */
function typeError(type: u32): i32 {
  switch (type) {
    case RtType.UNICAST:
    case RtType.LOCAL:
    case RtType.ANYCAST:
    case RtType.MULTICAST:
      return 0;
    case RtType.BLACKHOLE:
      return -Errno.EINVAL;
    case RtType.PROHIBIT:
      return -Errno.EACCES;
    case RtType.UNREACHABLE:
      return -Errno.EHOSTUNREACH;
    default:
      return -Errno.ENETUNREACH;
  }
}

/**
 * Finds the way for a packet of our own and fills saddr (unless given), nh and type. 0, -ENODEV, -ENETUNREACH,
 * -EHOSTUNREACH, -EACCES, -EINVAL, -EADDRNOTAVAIL. Linux: ip6_dst_lookup_tail, ip6_route_output.
 */
export function ip6RouteOutput(net: Net, fl: FlowI6): i32 {
  const info = lookupOutput(net, fl);
  if (info === null) return outputError(net, fl);
  if (info.nhCount === 0) return typeError(info.type) !== 0 ? typeError(info.type) : -Errno.ENETUNREACH;
  const err = typeError(info.type);
  if (err !== 0) return err;
  const nh = fibNh(info, 0);
  if (nh.dev === 0) return -Errno.ENETUNREACH;
  fl.nh = changetype<usize>(nh);
  fl.type = info.type;
  if ((fl.saddr0 | fl.saddr1) !== 0) return 0;
  const prefer = infoPrefSrcPtr(info);
  if (!ipv6AddrIsAny(prefer) && info.type !== RtType.LOCAL) {
    fl.saddr0 = load<u64>(prefer);
    fl.saddr1 = load<u64>(prefer, 8);
    return 0;
  }
  return ipv6DevGetSaddr(net, nh.dev, flowDaddr(fl), flowSaddr(fl)) ? 0 : -Errno.EADDRNOTAVAIL;
}

function outputError(net: Net, fl: FlowI6): i32 {
  return fl.oif !== 0 && devGetByIndex(net, fl.oif) === null ? -Errno.ENODEV : -Errno.ENETUNREACH;
}

function lookupOutput(net: Net, fl: FlowI6): FibInfo | null {
  const fib = changetype<Fib>(net.fib6);
  const daddr = flowDaddr(fl);
  const group = ipv6AddrIsMulticast(daddr);
  const linkLocal = !group && ipv6AddrIsLinklocal(daddr);
  // Linux: rt6_need_strict, and a socket bound to a device that has no source address yet.
  const strict = group || linkLocal || (fl.oif !== 0 && (fl.saddr0 | fl.saddr1) === 0);
  if (!strict) {
    const info = fibLookup6(fib, daddr);
    // Among the routes of one prefix the one by the device that was asked for is better.
    if (info === null || fl.oif === 0 || info.nhCount === 0) return info;
    const dev = changetype<NetDevice>(fibNh(info, 0).dev);
    if (changetype<usize>(dev) === 0 || dev.ifindex === fl.oif || info.type === RtType.LOCAL) return info;
    const wanted = devGetByIndex(net, fl.oif);
    if (wanted === null) return info;
    const other = fibLookupDev(fib, daddr, changetype<usize>(wanted));
    return other !== null && fib6Plen(fib, daddr, other) === fib6Plen(fib, daddr, info) ? other : info;
  }
  if (fl.oif !== 0) {
    const dev = devGetByIndex(net, fl.oif);
    if (dev === null) return null;
    if (linkLocal) return fib6LookupLinkLocal(net, daddr, dev);
    const info = fibLookupDev(fib, daddr, changetype<usize>(dev));
    if (group || info !== null) return info;
    const own = fibLookup6(fib, daddr);
    return own !== null && own.type === RtType.LOCAL ? own : null;
  }
  if (linkLocal) {
    const ifa = ipv6GetIfaddr(net, daddr, 0);
    if (ifa !== null) return fibLookupDev(fib, daddr, ifa.dev);
  }
  return firstDevRoute(net, fib, daddr);
}

/** Without a device named: the first one that is up and has a route for the address. */
function firstDevRoute(net: Net, fib: Fib, daddr: usize): FibInfo | null {
  for (let at = net.devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    const dev = changetype<NetDevice>(at);
    if ((dev.flags & IFF_UP) === 0 || (dev.flags & IFF_LOOPBACK) !== 0) continue;
    const info = fibLookupDev(fib, daddr, at);
    if (info !== null) return info;
  }
  return null;
}

/**
 * `ip -6 route get`: the FibNh (positive) for `daddr` by `oif` (0: any), or a negative errno. The source at `saddr`
 * (16 bytes) is asked with, and filled in when it is unspecified.
 */
export function ip6RouteGet(net: Net, daddr: usize, oif: i32, saddr: usize): i32 {
  const fl = flowI6Init(scratch(Scratch.IPV6_ROUTE_FL), daddr, saddr, oif, 0);
  const err = ip6RouteOutput(net, fl);
  if (err !== 0) return err;
  store<u64>(saddr, fl.saddr0);
  store<u64>(saddr, fl.saddr1, 8);
  return <i32>fl.nh;
}

/** Length of the prefix by which `info` was found for `addr`; slow. */
export function fib6Plen(fib: Fib, addr: usize, info: FibInfo): u32 {
  for (let plen: i32 = 128; plen >= 0; plen--) {
    const value = poptrieGet(fib.trie, addr, plen);
    if (value !== 0 && hasInfo(fib, addr, plen, value, info)) return plen;
  }
  return 0;
}

function hasInfo(fib: Fib, addr: usize, plen: u32, value: u32, info: FibInfo): bool {
  let at: FibInfo | null = fibResult(value);
  while (at !== null) {
    if (at === info) return true;
    at = fibNextAlias(fib, addr, plen, at);
  }
  return false;
}

/**
 * MTU of the way by `nh` to `daddr`: what the route says and what routers told us (RFC 8201). With `forward` that of
 * the device alone, by which a packet is judged before it is changed. Linux: ip6_dst_mtu_maybe_forward.
 */
export function ip6DstMtu(net: Net, nh: FibNh, daddr: usize, forward: bool): u32 {
  const dev = changetype<NetDevice>(nh.dev);
  const link = <u32>conf6(dev, Ipv6Conf.MTU);
  if (forward) return link;
  const info = nhInfo(nh);
  let mtu =
    info.mtu !== 0 ? info.mtu : info.type === RtType.LOCAL ? changetype<NetDevice>(net.loopback).mtu : link;
  if (net.exceptions6 !== 0) {
    const exception = exceptionFind(net, AF_INET6, daddr);
    if (exception !== null) {
      const learned = exceptionMtu(exception);
      if (learned !== 0 && learned < mtu) mtu = learned;
    }
  }
  return max(mtu, IPV6_MIN_MTU);
}

/** The hop limit of packets of ours by `nh`. Linux: ip6_dst_hoplimit. */
export function ip6DstHoplimit(nh: FibNh): u32 {
  const info = nhInfo(nh);
  if (info.hopLimit !== 0) return info.hopLimit;
  return nh.dev === 0 ? IPV6_DEFAULT_HOPLIMIT : <u32>conf6(changetype<NetDevice>(nh.dev), Ipv6Conf.HOP_LIMIT);
}
