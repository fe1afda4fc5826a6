/**
 * Router advertisements that arrive (RFC 4861 6.3.4): default routers, link parameters, prefixes, routes, what is for
 * the host. Linux: net/ipv6/ndisc.c, ndisc_router_discovery. The message is checked by ndiscRcv before.
 *
 *   accept_ra (2 where the device forwards) ─► router lifetime, hop limit │ retrans and reachable time
 *                                           └► options: route information, prefixes, MTU ─► host: RDNSS, DNSSL ...
 *
 * The sender becomes a neighbour in any case. Learned routers, prefixes and routes are bounded in ra_routes, addresses
 * by net.ipv6.conf.DEV.max_addresses: what is beyond is ignored.
 */
import { Ipv6Conf, NeighVar } from '../abi/sysctl';
import { eventEmitOption } from '../dev/event';
import { NetDevice, conf6 } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6 } from '../net/net';
import {
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  NUD_STALE,
  neighCreate,
  neighUpdate,
} from '../neigh/neighbour';
import { SkBuff } from '../skb/sk_buff';
import { WIRE_OK } from '../wire/check';
import { IPV6_MIN_MTU, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrPrefix } from '../wire/ipv6_addr';
import {
  ND_RA_FLAG_MANAGED,
  ND_RA_FLAG_OTHER,
  ND_RA_LEN,
  ndRaFlags,
  ndRaHopLimit,
  ndRaLifetime,
  ndRaReachable,
  ndRaRetrans,
} from '../wire/ndisc';
import {
  ND_OPT_CAPTIVE_PORTAL,
  ND_OPT_DNSSL,
  ND_OPT_PREF64,
  ND_OPT_PREFIX_INFO,
  ND_OPT_RDNSS,
  ND_OPT_ROUTE_INFO,
  NdOptions,
  checkNdOpt,
  ndOptLen,
  ndOptLladdr,
  ndOptMtu,
  ndOptNext,
  ndOptType,
  ndRouteLen,
  ndRouteLifetime,
  ndRoutePref,
  ndRoutePrefix,
} from '../wire/ndisc_options';
import { IF_RA_MANAGED, IF_RA_OTHERCONF, IF_RA_RCVD, inet6Dev, ipv6ChkAddr } from './addr_hash';
import { RaKind, raRouteAdd, raRouteDelete, raRouteExpire, raRouteFind, raRouteSetPref } from './ra_routes';
import { slaacPrefixRcv } from './slaac';

const IP6_RT_PRIO_USER: u32 = 1024;
/** RFC 4191 2.2: "Router Preference: if the Reserved (10) value is received, treat as (00)". */
const PREF_RESERVED: u32 = 2;
/** Longer than this no time of a link is believed (ms; Linux: MAX_SCHEDULE_TIMEOUT of a 32-bit jiffy). */
const TIME_MAX_MS: u32 = 0x7fffffff;
const RETRANS_MIN_MS: u32 = 10;
const REACHABLE_MIN_MS: u32 = 100;
/** Also the longest lifetime of a route that is finite. */
const ADDR_ANY = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Whether the device listens to routers. Linux: ipv6_accept_ra. */
export function ipv6AcceptRa(dev: NetDevice): bool {
  const accept = conf6(dev, Ipv6Conf.ACCEPT_RA);
  return conf6(dev, Ipv6Conf.FORWARDING) !== 0 ? accept === 2 : accept !== 0;
}

/** Two bits as they are on the wire to 1 high, 0 medium, -1 low. */
function prefOf(bits: u32): i32 {
  if (bits === 1) return 1;
  return bits === 3 ? -1 : 0;
}

/** A router advertisement whose fixed part and options are sound; data at its ICMPv6 header. */
export function ndiscRouterDiscovery(skb: SkBuff, dev: NetDevice, opts: NdOptions): void {
  const saddr = ipv6Saddr(skb.networkHeader);
  const accepted = dev.ip6Ptr !== 0 && ipv6AcceptRa(dev);
  // Linux: "Do not accept RA with source-addr found on local machine unless accept_ra_from_local is set."
  const trusted =
    conf6(dev, Ipv6Conf.ACCEPT_RA_FROM_LOCAL) !== 0 || !ipv6ChkAddr(dev.net, saddr, changetype<usize>(dev));
  if (accepted) {
    const idev = inet6Dev(dev);
    const flags = ndRaFlags(skb.data);
    idev.ifFlags =
      (idev.ifFlags & ~(IF_RA_MANAGED | IF_RA_OTHERCONF)) |
      IF_RA_RCVD |
      ((flags & ND_RA_FLAG_MANAGED) !== 0 ? IF_RA_MANAGED : 0) |
      ((flags & ND_RA_FLAG_OTHER) !== 0 ? IF_RA_OTHERCONF : 0);
    if (trusted) defaultRouter(skb, dev, saddr);
    linkParameters(skb, dev);
  }
  learnRouter(dev, saddr, opts);
  if (!accepted) return;
  options(skb, dev, saddr, trusted, opts);
}

/** RFC 4861 6.3.4: the sender is a default router for its lifetime; RFC 4191: with its preference. */
function defaultRouter(skb: SkBuff, dev: NetDevice, saddr: usize): void {
  const lifetime = ndRaLifetime(skb.data);
  if (lifetime !== 0 && lifetime < <u32>conf6(dev, Ipv6Conf.ACCEPT_RA_MIN_LFT)) return;
  if (conf6(dev, Ipv6Conf.ACCEPT_RA_DEFRTR) === 0) return;
  let pref = (ndRaFlags(skb.data) >> 3) & 3;
  if (pref === PREF_RESERVED || conf6(dev, Ipv6Conf.ACCEPT_RA_RTR_PREF) === 0) pref = 0;
  const metric = <u32>conf6(dev, Ipv6Conf.RA_DEFRTR_METRIC);
  let route = raRouteFind(dev, RaKind.DEFAULT, ADDR_ANY, 0, saddr);
  if (route !== null && (lifetime === 0 || route.metric !== metric)) {
    raRouteDelete(route);
    route = null;
  }
  if (route === null && lifetime !== 0) {
    route = raRouteAdd(dev, RaKind.DEFAULT, ADDR_ANY, 0, saddr, prefOf(pref), metric);
  } else if (route !== null) {
    raRouteSetPref(route, prefOf(pref));
  }
  if (route !== null) raRouteExpire(route, lifetime);
  const hops = ndRaHopLimit(skb.data);
  // "Cur Hop Limit: unspecified (0) means that the router leaves it alone."
  if (hops !== 0 && <i32>hops >= conf6(dev, Ipv6Conf.ACCEPT_RA_MIN_HOP_LIMIT)) {
    store<i32>(dev.conf6 + (Ipv6Conf.HOP_LIMIT << 2), hops);
  }
}

function linkParameters(skb: SkBuff, dev: NetDevice): void {
  const retrans = ndRaRetrans(skb.data);
  if (retrans !== 0 && retrans < TIME_MAX_MS) {
    store<u32>(dev.neigh6 + (NeighVar.RETRANS_TIME_MS << 2), max(retrans, RETRANS_MIN_MS));
  }
  const reachable = ndRaReachable(skb.data);
  if (reachable !== 0 && reachable < TIME_MAX_MS / 3) {
    store<u32>(dev.neigh6 + (NeighVar.BASE_REACHABLE_TIME_MS << 2), max(reachable, REACHABLE_MIN_MS));
  }
}

/** RFC 4861 6.3.4: "the Neighbor Cache entry is created or updated; IsRouter is set". */
function learnRouter(dev: NetDevice, saddr: usize, opts: NdOptions): void {
  const neigh = neighCreate(AF_INET6, saddr, dev);
  if (neigh === null) return;
  const lladdr: usize = opts.sourceLlAddr === 0 ? 0 : ndOptLladdr(opts.sourceLlAddr);
  const how =
    NEIGH_UPDATE_F_WEAK_OVERRIDE |
    NEIGH_UPDATE_F_OVERRIDE |
    NEIGH_UPDATE_F_OVERRIDE_ISROUTER |
    NEIGH_UPDATE_F_ISROUTER;
  neighUpdate(neigh, lladdr, NUD_STALE, how);
}

/** Route information, then prefixes, then the MTU, as Linux orders them; what is for the host last. */
function options(skb: SkBuff, dev: NetDevice, saddr: usize, trusted: bool, opts: NdOptions): void {
  const from = skb.data + ND_RA_LEN;
  const len = skb.len - ND_RA_LEN;
  if (trusted && conf6(dev, Ipv6Conf.ACCEPT_RA_RTR_PREF) !== 0 && opts.routeInfo !== 0) {
    for (let pos = 0; pos >= 0 && <u32>pos < len; pos = ndOptNext(from, len, pos)) {
      if (ndOptType(from + pos) === ND_OPT_ROUTE_INFO) routeInfo(from + pos, dev, saddr);
    }
  }
  if (conf6(dev, Ipv6Conf.ACCEPT_RA_PINFO) !== 0 && opts.prefixInfo !== 0) {
    for (let pos = 0; pos >= 0 && <u32>pos < len; pos = ndOptNext(from, len, pos)) {
      const p = from + pos;
      if (ndOptType(p) === ND_OPT_PREFIX_INFO && checkNdOpt(p) === WIRE_OK) slaacPrefixRcv(dev, p);
    }
  }
  if (opts.mtu !== 0 && conf6(dev, Ipv6Conf.ACCEPT_RA_MTU) !== 0) linkMtu(dev, ndOptMtu(opts.mtu));
  for (let pos = 0; pos >= 0 && <u32>pos < len; pos = ndOptNext(from, len, pos)) {
    const p = from + pos;
    if (isUserOption(p)) eventEmitOption(dev.net, dev.ifindex, saddr, p, ndOptLen(p));
  }
}

/** Options that the host resolves names and the like by. Linux: ndisc_is_useropt. */
function isUserOption(p: usize): bool {
  const type = ndOptType(p);
  if (type === ND_OPT_RDNSS || type === ND_OPT_DNSSL) return checkNdOpt(p) === WIRE_OK;
  return type === ND_OPT_CAPTIVE_PORTAL || type === ND_OPT_PREF64;
}

/** RFC 4191 2.3. Linux: rt6_route_rcv. */
function routeInfo(p: usize, dev: NetDevice, saddr: usize): void {
  if (checkNdOpt(p) !== WIRE_OK) return;
  const plen = ndRouteLen(p);
  const lifetime = ndRouteLifetime(p);
  if (plen === 0 && conf6(dev, Ipv6Conf.ACCEPT_RA_DEFRTR) === 0) return;
  if (lifetime !== 0 && lifetime < <u32>conf6(dev, Ipv6Conf.ACCEPT_RA_MIN_LFT)) return;
  if (<i32>plen < conf6(dev, Ipv6Conf.ACCEPT_RA_RT_INFO_MIN_PLEN)) return;
  if (<i32>plen > conf6(dev, Ipv6Conf.ACCEPT_RA_RT_INFO_MAX_PLEN)) return;
  // "If the Reserved (10) value is received, the Route Information Option MUST be ignored."
  if (ndRoutePref(p) === PREF_RESERVED) return;
  const pref = prefOf(ndRoutePref(p));
  const key = scratch(Scratch.RA_ROUTES_KEY);
  memory.fill(key, 0, 16);
  memory.copy(key, ndRoutePrefix(p), ndOptLen(p) - 8);
  ipv6AddrPrefix(key, key, plen);
  const kind = plen === 0 ? RaKind.DEFAULT : RaKind.ROUTE_INFO;
  let route = raRouteFind(dev, kind, key, plen, saddr);
  if (route !== null && lifetime === 0) {
    raRouteDelete(route);
    return;
  }
  if (lifetime === 0) return;
  if (route === null) route = raRouteAdd(dev, kind, key, plen, saddr, pref, IP6_RT_PRIO_USER);
  else raRouteSetPref(route, pref);
  if (route !== null) raRouteExpire(route, lifetime);
}

/** RFC 4861 6.3.4: the MTU of the link, "if the value is not less than 1280 and not larger than that of the device". */
function linkMtu(dev: NetDevice, mtu: u32): void {
  inet6Dev(dev).raMtu = mtu;
  if (mtu < IPV6_MIN_MTU || mtu > dev.mtu) return;
  store<i32>(dev.conf6 + (Ipv6Conf.MTU << 2), mtu);
}
