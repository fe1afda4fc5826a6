/** ROUTE_GET and the record of a route. Linux: inet_rtm_getroute, inet6_rtm_getroute, fib_dump_info; `ip route get`. */
import { RouteNhRec, RouteRec } from '../abi/request';
import { NetDevice, devGetByIndex } from '../dev/net_device';
import { FlowI4, ipRouteInput, ipRouteOutput } from '../ipv4/route';
import { FlowI6, flowI6Init, ip6RouteInput, ip6RouteOutput } from '../ipv6/route';
import { raRouteLeft, raRoutePref } from '../ipv6/ra_routes';
import { poptrieLookup4 } from '../lib/poptrie';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { RTPROT_STATIC, Fib, FibInfo, FibNh, fibNh, infoPrefSrcPtr, nhGwPtr, nhInfo } from '../route/fib';
import { consumeSkb } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { allocSkb } from '../skb/pool';
import { skbPut } from '../skb/skbuff';

const RTAX_COUNT: usize = 14;
const NS_PER_SEC: u64 = 1_000_000_000;
/** IPv4 or IPv6 header and ports. */
const PROBE_BYTES: u32 = 48;

/** Writes the RouteRec of a route, and RouteNhRec behind it when it has several next hops. */
export function fillRoute(net: Net, family: u32, info: FibInfo, key: usize, plen: u32, rec: usize): void {
  memory.fill(rec, 0, RouteRec.SIZE);
  store<u32>(rec, net.handle, RouteRec.NET);
  store<u8>(rec, <u8>family, RouteRec.FAMILY);
  store<u8>(rec, <u8>plen, RouteRec.PLEN);
  store<u8>(rec, info.type, RouteRec.TYPE);
  store<u8>(rec, info.protocol, RouteRec.PROTOCOL);
  store<u8>(rec, info.scope, RouteRec.SCOPE);
  store<u8>(rec, info.tos, RouteRec.TOS);
  store<u32>(rec, info.table, RouteRec.TABLE);
  store<u32>(rec, info.metric, RouteRec.METRIC);
  store<u32>(rec, info.mtu, RouteRec.MTU);
  store<u32>(rec, info.hopLimit, RouteRec.HOPLIMIT);
  store<u32>(rec, info.nhId, RouteRec.NH_ID);
  store<u8>(rec, <u8>info.pref, RouteRec.PREF);
  if (info.expires > root().now) {
    store<u32>(rec, <u32>((info.expires - root().now + NS_PER_SEC - 1) / NS_PER_SEC), RouteRec.EXPIRES);
  }
  memory.copy(rec + RouteRec.METRICS, changetype<usize>(info) + offsetof<FibInfo>('lock'), RTAX_COUNT << 2);
  memory.copy(rec + RouteRec.DST, key, family === AF_INET ? 4 : 16);
  memory.copy(rec + RouteRec.PREFSRC, infoPrefSrcPtr(info), 16);
  if (info.nhCount === 0) return;
  fillHop(fibNh(info, 0), rec);
  if (family === AF_INET6 && info.protocol !== RTPROT_STATIC) {
    const dev = changetype<NetDevice>(fibNh(info, 0).dev);
    store<u32>(rec, raRouteLeft(dev, info, key, plen), RouteRec.EXPIRES);
    const pref = raRoutePref(info);
    store<u8>(rec, pref < 0 ? 3 : <u8>pref, RouteRec.PREF);
  }
  if (info.nhCount === 1) return;
  store<u16>(rec, <u16>info.nhCount, RouteRec.NH_COUNT);
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    const at = rec + RouteRec.SIZE + i * <u32>RouteNhRec.SIZE;
    memory.fill(at, 0, RouteNhRec.SIZE);
    store<i32>(at, nh.dev === 0 ? 0 : changetype<NetDevice>(nh.dev).ifindex, RouteNhRec.OIF);
    store<u8>(at, nh.gwFamily, RouteNhRec.GW_FAMILY);
    store<u8>(at, nh.flags, RouteNhRec.FLAGS);
    store<u16>(at, <u16>(nh.weight - 1), RouteNhRec.WEIGHT);
    memory.copy(at + RouteNhRec.GW, nhGwPtr(nh), 16);
  }
}

function fillHop(nh: FibNh, rec: usize): void {
  store<u8>(rec, nh.flags, RouteRec.NH_FLAGS);
  store<u8>(rec, nh.gwFamily, RouteRec.GW_FAMILY);
  memory.copy(rec + RouteRec.GW, nhGwPtr(nh), 16);
  store<i32>(rec, nh.dev === 0 ? 0 : changetype<NetDevice>(nh.dev).ifindex, RouteRec.OIF);
}

/** What was found for `key`, with the one next hop that was chosen. */
function answer(net: Net, family: u32, nh: FibNh, key: usize, body: usize): void {
  const source = scratch(Scratch.RTNL_ROUTE_SOURCE);
  memory.copy(source, body + RouteRec.SRC, 16);
  const info = nhInfo(nh);
  const several = info.nhCount;
  // The chosen hop stands alone: there is no room behind the record.
  info.nhCount = min<u32>(several, 1);
  fillRoute(net, family, info, key, family === AF_INET ? 32 : 128, body);
  info.nhCount = several;
  fillHop(nh, body);
  memory.copy(body + RouteRec.PREFSRC, source, 16);
}

/** Where a packet to DST would go; the record says what else is known of the packet, and is filled with the route. */
export function routeGet(net: Net, family: u32, body: usize): i32 {
  const key = scratch(Scratch.RTNL_ROUTE_KEY);
  memory.copy(key, body + RouteRec.DST, 16);
  // What asks with PREFSRC as its source, as before SRC was, is asked so.
  if (load<u64>(body, RouteRec.SRC) === 0 && load<u64>(body + RouteRec.SRC, 8) === 0)
    memory.copy(body + RouteRec.SRC, body + RouteRec.PREFSRC, 16);
  if (load<i32>(body, RouteRec.IIF) !== 0) return getInput(net, family, key, body);
  return family === AF_INET ? getOutput4(net, key, body) : getOutput6(net, key, body);
}

function getOutput4(net: Net, key: usize, body: usize): i32 {
  const fl = changetype<FlowI4>(scratch(Scratch.RTNL_ROUTE_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = bswap<u32>(load<u32>(key));
  fl.saddr = bswap<u32>(load<u32>(body, RouteRec.SRC));
  fl.oif = load<i32>(body, RouteRec.OIF);
  fl.mark = load<u32>(body, RouteRec.MARK);
  fl.uid = load<u32>(body, RouteRec.UID);
  fl.tos = load<u8>(body, RouteRec.TOS);
  fl.proto = load<u8>(body, RouteRec.IPPROTO);
  fl.sport = load<u16>(body, RouteRec.SPORT);
  fl.dport = load<u16>(body, RouteRec.DPORT);
  const err = ipRouteOutput(net, fl);
  if (err !== 0) return err;
  memory.fill(body + RouteRec.SRC, 0, 16);
  store<u32>(body, bswap<u32>(fl.saddr), RouteRec.SRC);
  answer(net, AF_INET, changetype<FibNh>(fl.nh), key, body);
  return 0;
}

function getOutput6(net: Net, key: usize, body: usize): i32 {
  const fl: FlowI6 = flowI6Init(
    scratch(Scratch.RTNL_ROUTE_FL),
    key,
    body + RouteRec.SRC,
    load<i32>(body, RouteRec.OIF),
    load<u8>(body, RouteRec.IPPROTO),
  );
  fl.mark = load<u32>(body, RouteRec.MARK);
  fl.uid = load<u32>(body, RouteRec.UID);
  fl.tos = load<u8>(body, RouteRec.TOS);
  fl.sport = load<u16>(body, RouteRec.SPORT);
  fl.dport = load<u16>(body, RouteRec.DPORT);
  const err = ip6RouteOutput(net, fl);
  if (err !== 0) return err;
  store<u64>(body, fl.saddr0, RouteRec.SRC);
  store<u64>(body + RouteRec.SRC, fl.saddr1, 8);
  answer(net, AF_INET6, changetype<FibNh>(fl.nh), key, body);
  return 0;
}

/** As if a packet with these fields came in by IIF: it is made, routed and thrown away. */
function getInput(net: Net, family: u32, key: usize, body: usize): i32 {
  const dev = devGetByIndex(net, load<i32>(body, RouteRec.IIF));
  if (dev === null) return -Errno.ENODEV;
  const skb = allocSkb(PROBE_BYTES);
  if (skb === null) return -Errno.ENOBUFS;
  const p = skbPut(skb, PROBE_BYTES);
  memory.fill(p, 0, PROBE_BYTES);
  skb.networkHeader = p;
  skb.dev = changetype<usize>(dev);
  skb.iif = dev.ifindex;
  skb.mark = load<u32>(body, RouteRec.MARK);
  const err = family === AF_INET ? input4(net, skb, dev, key, body) : input6(net, skb, key, body);
  if (err === 0) answer(net, family, changetype<FibNh>(skb.dst), key, body);
  skb.dst = 0;
  consumeSkb(skb);
  return err;
}

function putPorts(at: usize, body: usize): void {
  store<u16>(at, bswap<u16>(load<u16>(body, RouteRec.SPORT)));
  store<u16>(at, bswap<u16>(load<u16>(body, RouteRec.DPORT)), 2);
}

function input4(net: Net, skb: SkBuff, dev: NetDevice, key: usize, body: usize): i32 {
  const iph = skb.networkHeader;
  store<u8>(iph, 0x45);
  store<u8>(iph, load<u8>(body, RouteRec.TOS), 1);
  store<u8>(iph, load<u8>(body, RouteRec.IPPROTO), 9);
  store<u32>(iph, load<u32>(body, RouteRec.SRC), 12);
  store<u32>(iph, load<u32>(key), 16);
  putPorts(iph + 20, body);
  const daddr = bswap<u32>(load<u32>(key));
  const value = poptrieLookup4(changetype<Fib>(net.fib4).trie, daddr);
  const way = ipRouteInput(skb, net, dev, daddr, bswap<u32>(load<u32>(iph, 12)), value);
  if (way < 0) return way <= -1000 ? (way === -1003 ? -Errno.EXDEV : -Errno.EINVAL) : way;
  if (skb.dst === 0) return -Errno.EINVAL;
  return 0;
}

function input6(net: Net, skb: SkBuff, key: usize, body: usize): i32 {
  const hdr = skb.networkHeader;
  store<u32>(hdr, bswap<u32>(0x60000000 | ((<u32>load<u8>(body, RouteRec.TOS)) << 20)));
  store<u8>(hdr, load<u8>(body, RouteRec.IPPROTO), 6);
  memory.copy(hdr + 8, body + RouteRec.SRC, 16);
  memory.copy(hdr + 24, key, 16);
  putPorts(hdr + 40, body);
  const type = ip6RouteInput(skb, net);
  if (type < 0) return type;
  return skb.dst === 0 ? -Errno.EINVAL : 0;
}
