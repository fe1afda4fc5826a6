/**
 * Routing of IPv4 packets: where a received one goes, and by which source and device one of our own leaves.
 * Linux: net/ipv4/route.c, fib_frontend.c (source validation). No route is cached: a lookup gives a next hop of the
 * FIB, and skb.dst is that next hop until the burst ends.
 */
import { Ipv4Conf, Sysctl } from '../abi/sysctl';
import {
  IFF_LOOPBACK,
  IFF_UP,
  NetDevice,
  conf4,
  conf4And,
  conf4Max,
  conf4Or,
  devGetByIndex,
} from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net, sysctl } from '../net/net';
import { Errno } from '../net/errno';
import { isL3Master, l3mdevFibTable, l3mdevIfindexOf, l3mdevMasterIfindex } from '../dev/l3mdev';
import { exceptionFind, exceptionMtu } from '../route/exception';
import {
  Fib,
  FibInfo,
  FibNh,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RtType,
  fibLookup4,
  fibLookupDev,
  fibNh,
  fibNhOf,
  fibResult,
  infoPrefSrcPtr,
  nhGwPtr,
  nhInfo,
} from '../route/fib';
import { FLOW_F_IGNORE_LINKSTATE, FibFlow, Plain, fibFlowInit, rtTypeError } from '../route/fib_lookup';
import { fibFlowLookup } from '../route/fib_rules';
import { fibSelectPath } from '../route/fib_select';
import { fibGetTable, fibNet } from '../route/fib_table';
import { FlowHashInput, flowHashLocal, flowHashSkb } from '../route/flow_hash';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { ipCheckMc } from './igmp';
import { inetAddrOnlink, inetLookupIfaddr, inetSelectAddr } from './devinet';

/** What a packet of our own asks of routing (Linux: struct flowi4), and the answer. */
@unmanaged
@final
export class FlowI4 {
  /** Host order; a source of 0 is chosen. */
  daddr: u32;
  saddr: u32;
  tos: u32;
  /** ifindex it must leave by, 0: any. */
  oif: i32;
  proto: u32;
  mark: u32;
  /** Out: FibNh, and RtType of the route. */
  nh: usize;
  type: u32;
  /** Host order, 0: not known; the user that sends. */
  sport: u16;
  dport: u16;
  uid: u32;
  /** The received packet that this one answers, whose flow it shares, or 0. Linux: ip_route_output_key_hash's skb. */
  skb: usize;
}

export const IP_MAX_MTU: u32 = 0xffff;

export function ipv4IsMulticast(addr: u32): bool {
  return addr >>> 28 === 0xe;
}
function isLoopback(addr: u32): bool {
  return addr >>> 24 === 127;
}
function isZeronet(addr: u32): bool {
  return addr === 0;
}

/** IPv4 forwarding of this device: net.ipv4.conf.DEV.forwarding. */
export function inDevForward(dev: NetDevice): bool {
  return conf4(dev, Ipv4Conf.FORWARDING) !== 0;
}

/** What kind of address this is to the namespace. Linux: inet_addr_type. */
export function inetAddrType(net: Net, addr: u32): RtType {
  return addrTypeIn(changetype<Fib>(fibNet(net, AF_INET).local), addr);
}

/** The same of an address as `dev` (0: any) has it: one of another device is somebody's. Linux: inet_dev_addr_type. */
export function inetDevAddrType(net: Net, dev: usize, addr: u32): RtType {
  const local = changetype<Fib>(fibNet(net, AF_INET).local);
  const type = addrTypeIn(local, addr);
  if (dev === 0 || isZeronet(addr) || addr === 0xffffffff || ipv4IsMulticast(addr)) return type;
  const info = fibLookup4(local, addr);
  return info !== null && info.nhCount > 0 && fibNh(info, 0).dev !== dev ? RtType.UNICAST : type;
}

/** The same where the device may be in a VRF, which has addresses of its own. Linux: inet_addr_type_dev_table. */
export function inetAddrTypeDev(net: Net, dev: NetDevice, addr: u32): RtType {
  const table = l3mdevFibTable(dev);
  if (table === 0) return inetAddrType(net, addr);
  const fib = fibGetTable(fibNet(net, AF_INET), table);
  return fib === null ? RtType.UNICAST : addrTypeIn(fib, addr);
}

function addrTypeIn(fib: Fib, addr: u32): RtType {
  if (isZeronet(addr) || addr === 0xffffffff) return RtType.BROADCAST;
  if (ipv4IsMulticast(addr)) return RtType.MULTICAST;
  const info = fibLookup4(fib, addr);
  // A route that refuses ends the lookup without an answer.
  return info === null || rtTypeError(info.type) !== 0 ? RtType.UNICAST : <RtType>info.type;
}

/** A flow of `family` IPv4 between two addresses in host order, in the place `p`. */
function flow4(p: usize, daddr: u32, saddr: u32): FibFlow {
  const fl = fibFlowInit(p, AF_INET);
  fl.daddr0 = bswap<u32>(daddr);
  fl.saddr0 = bswap<u32>(saddr);
  return fl;
}

/**
 * The next hop of a packet that has been routed once already and waited since, or null: skb.iif says whether it came in.
 */
export function ipRouteAgain(net: Net, skb: SkBuff): FibNh | null {
  const iph = skb.networkHeader;
  const fl = flow4(scratch(Scratch.FIB_FLOW), bswap<u32>(load<u32>(iph, 16)), bswap<u32>(load<u32>(iph, 12)));
  const from = skb.iif === 0 ? changetype<NetDevice | null>(net.loopback) : devGetByIndex(net, skb.iif);
  if (from !== null) flowOfSkb(net, fl, skb, from);
  if (fibFlowLookup(net, fl) !== 0 || fl.nh === 0) return null;
  const info = changetype<FibInfo>(fl.info);
  if (info.nhCount > 1) return fibSelectPath(net, info, flowHashSkb(net, AF_INET, skb));
  return changetype<FibNh>(fl.nh);
}

/** The device by which a packet of ours from `saddr` (0: any) to `daddr` would leave in the VRF of `dev`, 0: none. */
export function ipRouteDev(net: Net, dev: NetDevice, daddr: u32, saddr: u32): usize {
  const fl = flow4(scratch(Scratch.FIB_FLOW), daddr, saddr);
  fl.l3mdev = l3mdevMasterIfindex(dev);
  fl.iif = net.loopback === 0 ? 0 : changetype<NetDevice>(net.loopback).ifindex;
  if (fibFlowLookup(net, fl) !== 0 || fl.nh === 0) return 0;
  return changetype<FibNh>(fl.nh).dev;
}

/** Linux: l3mdev_update_flow: which VRF the flow is in; a VRF as the device to leave by means its table. */
function flowL3mdev(net: Net, fl: FibFlow): void {
  const index = fl.oif !== 0 ? fl.oif : fl.iif;
  const dev = devGetByIndex(net, index);
  if (dev === null || dev.l3mdev === 0) return;
  fl.l3mdev = l3mdevMasterIfindex(dev);
  if (fl.oif !== 0 && isL3Master(dev)) fl.oif = 0;
}

/** What the rules may ask of a received packet besides its addresses. */
function flowOfSkb(net: Net, fl: FibFlow, skb: SkBuff, dev: NetDevice): void {
  fl.iif = dev.ifindex;
  fl.mark = skb.mark;
  const iph = skb.networkHeader;
  fl.tos = load<u8>(iph, 1);
  fl.proto = load<u8>(iph, 9);
  if (dev.l3mdev !== 0) flowL3mdev(net, fl);
  if ((bswap<u16>(load<u16>(iph, 6)) & 0x3fff) !== 0) return;
  const transport = iph + ((<usize>load<u8>(iph) & 15) << 2);
  if (transport + 4 > skb.data + skbHeadlen(skb)) return;
  const proto = fl.proto;
  if (proto !== 6 && proto !== 17 && proto !== 33 && proto !== 132 && proto !== 136) return;
  fl.sport = bswap<u16>(load<u16>(transport));
  fl.dport = bswap<u16>(load<u16>(transport, 2));
}

/** lo, or a VRF, which is that for its own: what comes by it was sent by us. */
function loopsBack(dev: NetDevice): bool {
  return (dev.flags & IFF_LOOPBACK) !== 0 || isL3Master(dev);
}

/** What validating a source gave: its sender may be told of a better route only if it is on the link (Linux: itag/err). */
const SOURCE_OK: i32 = 0;
const SOURCE_ONLINK: i32 = 1;

/**
 * Linux: fib_validate_source. Whether a packet from `saddr` may come in by `dev` when it goes on by `out` (0: to us).
 * SOURCE_ONLINK when the source is a neighbour; -EINVAL for our own address, -EXDEV for a failed reverse path.
 */
function validateSource(
  net: Net,
  dev: NetDevice,
  saddr: u32,
  out: usize,
  skb: SkBuff | null,
  daddr: u32,
): i32 {
  // Only our own output comes by these, and its source was checked there: Linux keeps that route (loopback_xmit).
  if (loopsBack(dev)) return SOURCE_OK;
  const rpf = conf4Max(dev, Ipv4Conf.RP_FILTER);
  const acceptLocal = conf4Or(dev, Ipv4Conf.ACCEPT_LOCAL);
  if (
    rpf === 0 &&
    (out !== changetype<usize>(dev) || !conf4Or(dev, Ipv4Conf.SEND_REDIRECTS)) &&
    // With rules of one's own an address may be ours in one table and somebody's in another.
    fibNet(net, AF_INET).custom === 0
  ) {
    if (!acceptLocal && inetLookupIfaddr(net, saddr) !== null) return -Errno.EINVAL;
    return SOURCE_OK;
  }
  const fl = flow4(scratch(Scratch.FIB_FLOW2), saddr, daddr);
  fl.iif = net.loopback === 0 ? 0 : changetype<NetDevice>(net.loopback).ifindex;
  fl.flags = FLOW_F_IGNORE_LINKSTATE;
  if (skb !== null && conf4Or(dev, Ipv4Conf.SRC_VALID_MARK)) fl.mark = skb.mark;
  if (dev.l3mdev !== 0) fl.l3mdev = l3mdevMasterIfindex(dev);
  if (fibFlowLookup(net, fl) === 0) {
    const found = changetype<FibInfo>(fl.info);
    if (found.type !== RtType.UNICAST && (found.type !== RtType.LOCAL || !acceptLocal)) return -Errno.EINVAL;
    for (let i: u32 = 0; i < found.nhCount; i++) {
      const nh = fibNh(found, i);
      if (
        nh.dev === changetype<usize>(dev) ||
        (nh.dev !== 0 && changetype<NetDevice>(nh.dev).l3mdev === changetype<usize>(dev))
      )
        return nh.gwFamily === 0 ? SOURCE_ONLINK : SOURCE_OK;
    }
    if (inetSelectAddr(net, changetype<usize>(dev), 0, RT_SCOPE_LINK) !== 0) {
      if (rpf === 1) return -Errno.EXDEV;
      fl.oif = dev.ifindex;
      if (fibFlowLookup(net, fl) === 0) {
        const other = changetype<FibInfo>(fl.info);
        if (other.type === RtType.UNICAST && fl.nh !== 0)
          return changetype<FibNh>(fl.nh).gwFamily === 0 ? SOURCE_ONLINK : SOURCE_OK;
      }
      return SOURCE_OK;
    }
  }
  return rpf !== 0 ? -Errno.EXDEV : SOURCE_OK;
}

/** Input results besides a next hop: how ipRcvFinish goes on. */
export enum RouteInput {
  FORWARD = 0,
  LOCAL = 1,
  /** As FORWARD, and the sender is to be told of the better way. */
  FORWARD_REDIRECT = 2,
  /** To a group that is routed on (ipmr); the second: and somebody here listens. */
  MULTICAST = 3,
  MULTICAST_LOCAL = 4,
}
/** Errors beyond errno: a martian source, a martian destination (drop reasons of their own). */
export const E_MARTIAN_SOURCE: i32 = -1000;
export const E_MARTIAN_DESTINATION: i32 = -1001;
export const E_LOCAL_SOURCE: i32 = -1002;
export const E_RPFILTER: i32 = -1003;
export const E_LOCALNET: i32 = -1004;

/**
 * Linux: ip_route_input_slow. `value` is what the FIB's trie holds for the destination (0: nothing). RouteInput, with
 * skb.dst set for FORWARD, or a negative errno or E_*.
 */
export function ipRouteInput(skb: SkBuff, net: Net, dev: NetDevice, daddr: u32, saddr: u32, value: u32): i32 {
  // "Check for the most weird martians, which can be not detected by fib lookup."
  if (ipv4IsMulticast(saddr) || saddr === 0xffffffff) return E_MARTIAN_SOURCE;
  if (daddr === 0xffffffff || (saddr === 0 && daddr === 0)) return broadcastInput(net, dev, saddr);
  if (isZeronet(saddr)) return E_MARTIAN_SOURCE;
  if (isZeronet(daddr)) return E_MARTIAN_DESTINATION;
  const loopbackOk = loopsBack(dev) || conf4Or(dev, Ipv4Conf.ROUTE_LOCALNET);
  if (isLoopback(daddr) && !loopbackOk) return E_LOCALNET;
  if (isLoopback(saddr) && !loopbackOk) return E_MARTIAN_SOURCE;
  if (ipv4IsMulticast(daddr)) return multicastInput(net, dev, daddr, saddr);

  const forwarding = inDevForward(dev);
  const best = net.fibSlow4 === 0 ? fibResult(value) : null;
  let info: FibInfo;
  let nh: FibNh | null = null;
  if (best !== null && dev.l3mdev === 0 && Plain.is(best)) {
    info = best;
    const err = rtTypeError(info.type);
    if (err !== 0) return forwarding ? err : -Errno.EHOSTUNREACH;
    nh = fibNh(info, 0);
  } else {
    if (value === 0 && net.fibSlow4 === 0) return forwarding ? -Errno.ENETUNREACH : -Errno.EHOSTUNREACH;
    const fl = flow4(scratch(Scratch.FIB_FLOW), daddr, saddr);
    flowOfSkb(net, fl, skb, dev);
    const err = fibFlowLookup(net, fl);
    if (err !== 0) return forwarding ? err : -Errno.EHOSTUNREACH;
    info = changetype<FibInfo>(fl.info);
    nh = changetype<FibNh | null>(fl.nh);
  }
  const directed = info.type === RtType.BROADCAST && conf4And(dev, Ipv4Conf.BC_FORWARDING);
  if (info.type === RtType.BROADCAST && !directed) return broadcastInput(net, dev, saddr);
  if (nh === null) return forwarding ? -Errno.ENETUNREACH : -Errno.EHOSTUNREACH;
  if (info.type === RtType.LOCAL) {
    const source = validateSource(net, dev, saddr, 0, skb, daddr);
    if (source < 0) return sourceError(source);
    skb.dst = changetype<usize>(nh);
    return RouteInput.LOCAL;
  }
  if (!directed) {
    if (!forwarding) return -Errno.EHOSTUNREACH;
    if (info.type !== RtType.UNICAST) return E_MARTIAN_DESTINATION;
  }
  if (info.nhCount > 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET, skb));

  const out = changetype<NetDevice>(nh.dev);
  const source = validateSource(net, dev, saddr, nh.dev, skb, daddr);
  if (source < 0) return sourceError(source);
  skb.dst = changetype<usize>(nh);
  // RFC 1812 §5.2.7.2: a redirect only when the packet leaves by the interface it came in by and its source is
  // directly connected to it.
  if (
    nh.dev === changetype<usize>(dev) &&
    source === SOURCE_ONLINK &&
    conf4Or(out, Ipv4Conf.SEND_REDIRECTS)
  ) {
    const gw = nh.gwFamily === AF_INET ? bswap<u32>(load<u32>(nhGwPtr(nh))) : daddr;
    if (conf4Or(out, Ipv4Conf.SHARED_MEDIA) || (inetAddrOnlink(out, saddr) && inetAddrOnlink(out, gw))) {
      return RouteInput.FORWARD_REDIRECT;
    }
  }
  return RouteInput.FORWARD;
}

function sourceError(source: i32): i32 {
  return source === -Errno.EXDEV ? E_RPFILTER : E_LOCAL_SOURCE;
}

function broadcastInput(net: Net, dev: NetDevice, saddr: u32): i32 {
  if (!isZeronet(saddr)) {
    const source = validateSource(net, dev, saddr, 0, null, 0);
    if (source < 0) return sourceError(source);
  }
  return RouteInput.LOCAL;
}

/** Groups that the device has joined, and those that are routed on. Linux: ip_check_mc_rcu, ip_route_input_mc. */
function multicastInput(net: Net, dev: NetDevice, daddr: u32, saddr: u32): i32 {
  const ours = ipCheckMc(dev, daddr);
  const local = daddr >>> 8 === 0xe00000;
  const routed = !local && conf4(dev, Ipv4Conf.MC_FORWARDING) !== 0;
  if (!ours && !routed) return -Errno.EINVAL;
  if (isZeronet(saddr)) {
    if (!local) return E_MARTIAN_SOURCE;
    return RouteInput.LOCAL;
  }
  const source = validateSource(net, dev, saddr, 0, null, 0);
  if (source < 0) return sourceError(source);
  if (!routed) return RouteInput.LOCAL;
  return ours ? RouteInput.MULTICAST_LOCAL : RouteInput.MULTICAST;
}

/**
 * Linux: ip_route_output_key_hash. Finds the way for a packet of our own and fills saddr, nh and type. 0, -EINVAL,
 * -ENETUNREACH, -EHOSTUNREACH, -EACCES, -ENODEV, -ENETDOWN.
 */
export function ipRouteOutput(net: Net, fl: FlowI4): i32 {
  if (fl.saddr !== 0) {
    if (ipv4IsMulticast(fl.saddr) || fl.saddr === 0xffffffff || isZeronet(fl.saddr)) return -Errno.EINVAL;
  }
  let out: NetDevice | null = null;
  if (fl.oif !== 0) {
    out = devGetByIndex(net, fl.oif);
    if (out === null) return -Errno.ENODEV;
    if ((out.flags & IFF_UP) === 0) return -Errno.ENETUNREACH;
  }
  if (fl.daddr === 0) fl.daddr = fl.saddr !== 0 ? fl.saddr : 0x7f000001;
  const group = ipv4IsMulticast(fl.daddr) || fl.daddr === 0xffffffff;
  const key = flow4(scratch(Scratch.FIB_FLOW3), fl.daddr, fl.saddr);
  key.iif = net.loopback === 0 ? 0 : changetype<NetDevice>(net.loopback).ifindex;
  key.mark = fl.mark;
  key.uid = fl.uid;
  key.tos = <u8>fl.tos;
  key.proto = <u8>fl.proto;
  key.sport = fl.sport;
  key.dport = fl.dport;
  key.oif = fl.oif;
  if (fl.oif !== 0) flowL3mdev(net, key);
  let err = fibFlowLookup(net, key);
  let found = changetype<FibInfo | null>(key.info);
  let nh = changetype<FibNh | null>(key.nh);
  if (err !== 0 && out === null && group && fl.saddr !== 0) {
    // A group without a route goes by the device that has the source address.
    const ifa = inetLookupIfaddr(net, fl.saddr);
    if (ifa !== null) out = changetype<NetDevice>(ifa.dev);
  }
  // A device in a VRF has the routes of its table and no others.
  if (out !== null && !isL3Master(out) && (group || (err !== 0 && key.l3mdev === 0))) {
    const own = fl.oif !== 0 && inetAddrTypeDev(net, out, fl.daddr) === RtType.LOCAL;
    if (own) {
      key.oif = 0;
      err = fibFlowLookup(net, key);
      found = changetype<FibInfo | null>(key.info);
    } else {
      // "Apparently, routing tables are wrong. Assume, that the destination is on link."
      found = anyRouteOf(net, out);
      err = found === null ? -Errno.ENETUNREACH : 0;
    }
    nh = null;
  }
  if (err !== 0) return err;
  if (found === null) return -Errno.ENETUNREACH;
  const info = found;
  if (nh === null) nh = out === null ? fibNh(info, 0) : fibNhOf(info, changetype<usize>(out));
  if (nh === null) nh = fibNh(info, 0);
  if (info.nhCount > 1 && key.oif === 0) nh = fibSelectPath(net, info, flowHash(net, fl));
  fl.nh = changetype<usize>(nh);
  fl.type = group ? (fl.daddr === 0xffffffff ? RtType.BROADCAST : RtType.MULTICAST) : info.type;
  if (fl.saddr === 0) {
    if (info.type === RtType.LOCAL) {
      const prefer = bswap<u32>(load<u32>(infoPrefSrcPtr(info)));
      fl.saddr = prefer !== 0 ? prefer : fl.daddr;
    } else {
      fl.saddr = sourceFor(net, info, nh, fl.daddr);
    }
  }
  return 0;
}

function flowHash(net: Net, fl: FlowI4): u32 {
  if (fl.skb !== 0) return flowHashSkb(net, AF_INET, changetype<SkBuff>(fl.skb));
  const input = changetype<FlowHashInput>(scratch(Scratch.FIB_HASH_INNER));
  const addrs = scratch(Scratch.IPV4_ROUTE_KEY);
  store<u32>(addrs, bswap<u32>(fl.saddr));
  store<u32>(addrs, bswap<u32>(fl.daddr), 4);
  input.family = AF_INET;
  input.proto = fl.proto;
  input.saddr = addrs;
  input.daddr = addrs + 4;
  input.sport = fl.sport;
  input.dport = fl.dport;
  input.flowLabel = 0;
  return flowHashLocal(net, input);
}

/** A route that says nothing but the device: its first connected one, or any local one of its own addresses. */
function anyRouteOf(net: Net, dev: NetDevice): FibInfo | null {
  const addr = inetSelectAddr(net, changetype<usize>(dev), 0, RT_SCOPE_HOST);
  if (addr === 0) return null;
  const key = scratch(Scratch.IPV4_ROUTE_KEY3);
  store<u32>(key, bswap<u32>(addr & 0xffffff00) | 0);
  const fib = fibGetTable(fibNet(net, AF_INET), l3mdevFibTable(dev));
  return fib === null ? null : fibLookupDev(fib, key, changetype<usize>(dev));
}

/** Linux: fib_result_prefsrc: the route's own choice, or an address of the next hop's device. */
export function sourceFor(net: Net, info: FibInfo, nh: FibNh, daddr: u32): u32 {
  const prefer = bswap<u32>(load<u32>(infoPrefSrcPtr(info)));
  if (prefer !== 0) return prefer;
  const target = nh.gwFamily === AF_INET ? bswap<u32>(load<u32>(nhGwPtr(nh))) : daddr;
  return inetSelectAddr(
    net,
    nh.dev,
    target,
    info.scope === RT_SCOPE_LINK ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
  );
}

/**
 * MTU of the way by `nh` to `daddr` (host order). A forwarded packet is judged by the device and the route; learned
 * path MTUs count for it only with ip_forward_use_pmtu. Linux: ip_dst_mtu_maybe_forward.
 */
export function ipDstMtu(net: Net, nh: FibNh, daddr: u32, forward: bool): u32 {
  const mtu = nhInfo(nh).mtu;
  const link = min(mtu !== 0 ? mtu : changetype<NetDevice>(nh.dev).mtu, IP_MAX_MTU);
  if (net.exceptions4 === 0 || (forward && sysctl(net, Sysctl.IP_FORWARD_USE_PMTU) === 0)) return link;
  const key = scratch(Scratch.IPV4_ROUTE_KEY4);
  store<u32>(key, bswap<u32>(daddr));
  const exception = exceptionFind(net, AF_INET, key, l3mdevIfindexOf(nh.dev));
  if (exception === null) return link;
  const learned = exceptionMtu(exception);
  return learned === 0 ? link : min(link, learned);
}

/** True when redirects to `addr` by way of `dev` are believed: net.ipv4.conf.*.accept_redirects. */
export function acceptRedirects(dev: NetDevice): bool {
  return inDevForward(dev)
    ? conf4And(dev, Ipv4Conf.ACCEPT_REDIRECTS)
    : conf4Or(dev, Ipv4Conf.ACCEPT_REDIRECTS);
}
