/**
 * IPv6 routes: which way in, which way out, and how large a packet may be there. Linux: net/ipv6/route.c.
 *
 * An address that means something on one link only (link-local, multicast of link scope) is looked up among the
 * routes of one device; all others by longest prefix.
 */
import { Ipv6Conf } from '../abi/sysctl';
import { IFF_LOOPBACK, IFF_UP, NetDevice, conf6, devGetByIndex } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import {
  isL3Master,
  l3mdevFibTable,
  l3mdevIngress,
  l3mdevLoopback,
  l3mdevMasterIfindex,
} from '../dev/l3mdev';
import { poptrieGet, poptrieLookup6 } from '../lib/poptrie';
import { Errno } from '../net/errno';
import { AF_INET6, Net } from '../net/net';
import { exceptionFind, exceptionMtu } from '../route/exception';
import {
  Fib,
  FibInfo,
  FibNh,
  RT_TABLE_LOCAL,
  RtType,
  fibLookup6,
  fibLookupDev,
  fibNextAlias,
  fibNh,
  fibNhOf,
  fibResult,
  infoPrefSrcPtr,
  nhInfo,
} from '../route/fib';
import {
  FLOW_F_HAS_SADDR,
  FibFlow,
  Plain,
  fibFlowInit,
  fibTableLookup,
  flowDaddrPtr,
  flowSaddrPtr,
  rtTypeError,
} from '../route/fib_lookup';
import {
  FrAct,
  fibFlowLookup,
  fibRuleError,
  fibRuleMatch,
  fibRuleSuppress,
  fibRuleTable,
} from '../route/fib_rules';
import { fibSelectPath } from '../route/fib_select';
import { fibGetTable, fibNet } from '../route/fib_table';
import { FlowHashInput, flowHashLocal, flowHashSkb } from '../route/flow_hash';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
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
  /** Errno of a rule that refuses. */
  err: i32;
  /** Host order; traffic class; flow label as in the header. */
  sport: u16;
  dport: u16;
  tos: u32;
  flowLabel: u32;
  uid: u32;
  /** The received packet whose flow this one shares, or 0. */
  skb: usize;
}
export const FLOWI6_BYTES: u32 = offsetof<FlowI6>();

/** A flow at `p` to `daddr` (16 bytes); `saddr` may be 0: to be chosen. */
export function flowI6Init(p: usize, daddr: usize, saddr: usize, oif: i32, proto: u32): FlowI6 {
  const fl = changetype<FlowI6>(p);
  memory.fill(p, 0, FLOWI6_BYTES);
  fl.daddr0 = load<u64>(daddr);
  fl.daddr1 = load<u64>(daddr, 8);
  fl.saddr0 = saddr === 0 ? 0 : load<u64>(saddr);
  fl.saddr1 = saddr === 0 ? 0 : load<u64>(saddr, 8);
  fl.oif = oif;
  fl.proto = proto;
  return fl;
}

export function flowDaddr(fl: FlowI6): usize {
  return changetype<usize>(fl);
}

export function flowSaddr(fl: FlowI6): usize {
  return changetype<usize>(fl) + offsetof<FlowI6>('saddr0');
}

/** The table that addresses of this device's link are looked up in: main (with local), or its VRF's. */
function linkTable(net: Net, dev: NetDevice): Fib | null {
  const vrf = l3mdevFibTable(dev);
  return fibGetTable(fibNet(net, AF_INET6), vrf !== 0 ? vrf : RT_TABLE_LOCAL);
}

/** The route for a link-local destination of a packet that came by `dev`: ours, or a neighbour on that link. */
export function fib6LookupLinkLocal(net: Net, daddr: usize, dev: NetDevice): FibInfo | null {
  let info = linkLocalIn(linkTable(net, dev), daddr, changetype<usize>(dev));
  if (info === null && net.fibSlow6 !== 0 && dev.l3mdev === 0) {
    info = linkLocalIn(changetype<Fib>(net.fib6), daddr, changetype<usize>(dev));
  }
  // What we send to ourselves arrives by lo, whatever device has the address.
  if (info === null && (dev.flags & IFF_LOOPBACK) !== 0) {
    const ifa = ipv6GetIfaddr(net, daddr, 0);
    if (ifa !== null) return linkLocalIn(linkTable(net, changetype<NetDevice>(ifa.dev)), daddr, ifa.dev);
  }
  return info;
}

function linkLocalIn(fib: Fib | null, daddr: usize, dev: usize): FibInfo | null {
  return fib === null ? null : fibLookupDev(fib, daddr, dev);
}

/** A flow for the rules from a received packet. */
function flowOfSkb(net: Net, skb: SkBuff): FibFlow {
  const hdr = skb.networkHeader;
  const dev = changetype<NetDevice>(skb.dev);
  const fl = fibFlowInit(scratch(Scratch.FIB_FLOW), AF_INET6);
  memory.copy(flowDaddrPtr(fl), hdr + 24, 16);
  memory.copy(flowSaddrPtr(fl), hdr + 8, 16);
  fl.flags = FLOW_F_HAS_SADDR;
  fl.iif = dev.ifindex;
  fl.l3mdev = l3mdevMasterIfindex(dev);
  fl.mark = skb.mark;
  fl.tos = <u8>((bswap<u32>(load<u32>(hdr)) >> 20) & 0xff);
  const nexthdr = ipv6Nexthdr(hdr);
  fl.proto = <u8>nexthdr;
  const ported = nexthdr === 6 || nexthdr === 17 || nexthdr === 33 || nexthdr === 132 || nexthdr === 136;
  if (ported && hdr + 44 <= skb.data + skbHeadlen(skb)) {
    fl.sport = bswap<u16>(load<u16>(hdr, 40));
    fl.dport = bswap<u16>(load<u16>(hdr, 42));
  }
  return fl;
}

/**
 * Where a received packet goes: skb.dst and the type of its route, or a negative errno (and skb.dst unchanged).
 * `value` is what the trie of the table main holds for the destination. No multicast. Linux: ip6_route_input.
 */
export function ip6RouteInputValue(skb: SkBuff, net: Net, value: u32): i32 {
  const best = net.fibSlow6 === 0 ? fibResult(value) : null;
  const daddr = ipv6Daddr(skb.networkHeader);
  let info: FibInfo | null = null;
  let nh: FibNh | null = null;
  if (ipv6AddrIsLinklocal(daddr)) {
    const dev = l3mdevIngress(skb);
    info = fib6LookupLinkLocal(net, daddr, dev);
    if (info === null) return -Errno.ENETUNREACH;
    nh = fibNhOf(info, changetype<usize>(dev));
    if (nh === null && info.nhCount !== 0) nh = fibNh(info, 0);
  } else if (best !== null && Plain.is(best)) {
    info = best;
    nh = fibNh(best, 0);
  } else {
    if (value === 0 && net.fibSlow6 === 0) return -Errno.ENETUNREACH;
    const fl = flowOfSkb(net, skb);
    const err = fibFlowLookup(net, fl);
    if (err !== 0) return err;
    info = changetype<FibInfo>(fl.info);
    nh = changetype<FibNh | null>(fl.nh);
  }
  const err = rtTypeError(info.type);
  if (err !== 0) return err === -Errno.EAGAIN ? -Errno.ENETUNREACH : err;
  if (nh === null) return -Errno.ENETUNREACH;
  if (info.nhCount > 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET6, skb));
  skb.dst = changetype<usize>(nh);
  return info.type;
}

/** The same for a packet whose route is not known yet; MULTICAST for a group. */
export function ip6RouteInput(skb: SkBuff, net: Net): i32 {
  const daddr = ipv6Daddr(skb.networkHeader);
  if (ipv6AddrIsMulticast(daddr)) return RtType.MULTICAST;
  return ip6RouteInputValue(skb, net, poptrieLookup6(changetype<Fib>(net.fib6).trie, daddr));
}

/**
 * Finds the way for a packet of our own and fills saddr (unless given), nh and type. 0, -ENODEV, -ENETUNREACH,
 * -EHOSTUNREACH, -EACCES, -EINVAL, -EADDRNOTAVAIL. Linux: ip6_dst_lookup_tail, ip6_route_output.
 */
export function ip6RouteOutput(net: Net, fl: FlowI6): i32 {
  fl.err = 0;
  const info = lookupOutput(net, fl);
  if (info === null) return fl.err !== 0 ? fl.err : outputError(net, fl);
  const err = rtTypeError(info.type);
  if (err !== 0) return err === -Errno.EAGAIN ? -Errno.ENETUNREACH : err;
  if (info.nhCount === 0) return -Errno.ENETUNREACH;
  const nh = hopOf(net, info, fl);
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

/** The next hop of the route: by the device that is asked for, or by the flow's hash. */
function hopOf(net: Net, info: FibInfo, fl: FlowI6): FibNh {
  if (info.nhCount === 1) return fibNh(info, 0);
  if (fl.oif !== 0) {
    const dev = devGetByIndex(net, fl.oif);
    if (dev !== null) {
      const nh = fibNhOf(info, changetype<usize>(dev));
      if (nh !== null) return nh;
    }
  }
  if (fl.skb !== 0) return fibSelectPath(net, info, flowHashSkb(net, AF_INET6, changetype<SkBuff>(fl.skb)));
  const input = changetype<FlowHashInput>(scratch(Scratch.FIB_HASH_INNER));
  input.family = AF_INET6;
  input.proto = fl.proto;
  input.saddr = flowSaddr(fl);
  input.daddr = flowDaddr(fl);
  input.sport = fl.sport;
  input.dport = fl.dport;
  input.flowLabel = fl.flowLabel;
  return fibSelectPath(net, info, flowHashLocal(net, input));
}

function outputError(net: Net, fl: FlowI6): i32 {
  return fl.oif !== 0 && devGetByIndex(net, fl.oif) === null ? -Errno.ENODEV : -Errno.ENETUNREACH;
}

/** The route by the rules, or by the table main when there are none of one's own. Null, and perhaps fl.err. */
function lookupOutput(net: Net, fl: FlowI6): FibInfo | null {
  const fn = fibNet(net, AF_INET6);
  if (fn.custom === 0) return lookupOutputIn(net, changetype<Fib>(fn.main), fl);
  const flow = fibFlowInit(scratch(Scratch.FIB_FLOW2), AF_INET6);
  flow.daddr0 = fl.daddr0;
  flow.daddr1 = fl.daddr1;
  flow.saddr0 = fl.saddr0;
  flow.saddr1 = fl.saddr1;
  if ((fl.saddr0 | fl.saddr1) !== 0) flow.flags = FLOW_F_HAS_SADDR;
  flow.iif = net.loopback === 0 ? 0 : changetype<NetDevice>(net.loopback).ifindex;
  flow.oif = fl.oif;
  flow.mark = fl.mark;
  flow.uid = fl.uid;
  flow.proto = <u8>fl.proto;
  flow.sport = fl.sport;
  flow.dport = fl.dport;
  flow.tos = <u8>fl.tos;
  let out: NetDevice | null = null;
  if (fl.oif !== 0) out = devGetByIndex(net, fl.oif);
  const wanted = fl.oif;
  if (out !== null) {
    flow.l3mdev = l3mdevMasterIfindex(out);
    // A VRF as the device to leave by means its table, and no link (Linux: vrf_link_scope_lookup).
    if (isL3Master(out)) {
      const daddr = flowDaddr(fl);
      if (ipv6AddrIsMulticast(daddr) || ipv6AddrIsLinklocal(daddr)) return null;
      fl.oif = 0;
    }
  }
  let found: FibInfo | null = null;
  let rule = fibRuleMatch(fn.rules, flow);
  while (rule !== null) {
    if (rule.action !== <u8>FrAct.TO_TBL) {
      fl.err = fibRuleError(rule);
      break;
    }
    const table = fibRuleTable(net, rule, flow);
    let info: FibInfo | null = null;
    if (table !== null) info = lookupOutputIn(net, table, fl);
    if (table !== null && info !== null && rtTypeError(info.type) !== -Errno.EAGAIN) {
      flow.fib = changetype<usize>(table);
      flow.info = changetype<usize>(info);
      flow.nh = info.nhCount === 0 ? 0 : changetype<usize>(fibNh(info, 0));
      if (!fibRuleSuppress(rule, flow)) {
        found = info;
        break;
      }
    }
    rule = fibRuleMatch(rule.next, flow);
  }
  fl.oif = wanted;
  return found;
}

function lookupOutputIn(net: Net, fib: Fib, fl: FlowI6): FibInfo | null {
  const daddr = flowDaddr(fl);
  const group = ipv6AddrIsMulticast(daddr);
  const linkLocal = !group && ipv6AddrIsLinklocal(daddr);
  // Linux: rt6_need_strict, and a socket bound to a device that has no source address yet.
  const strict = group || linkLocal || (fl.oif !== 0 && (fl.saddr0 | fl.saddr1) === 0);
  if (!strict) {
    const flow = fibFlowInit(scratch(Scratch.FIB_FLOW), AF_INET6);
    flow.daddr0 = fl.daddr0;
    flow.daddr1 = fl.daddr1;
    const err = fibTableLookup(fib, flow);
    let info: FibInfo | null = null;
    if (err !== -Errno.EAGAIN || flow.info !== 0) info = changetype<FibInfo | null>(flow.info);
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
    info.mtu !== 0
      ? info.mtu
      : info.type === RtType.LOCAL
        ? changetype<NetDevice>(l3mdevLoopback(net, nh.dev)).mtu
        : link;
  if (net.exceptions6 !== 0) {
    const exception = exceptionFind(net, AF_INET6, daddr, l3mdevMasterIfindex(dev));
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
