/**
 * Routes that router advertisements brought, each with a timer of its own. Linux: net/ipv6/route.c,
 * rt6_add_dflt_router, rt6_add_route_info, and addrconf_prefix_route for prefixes on the link.
 *
 *   default     ::/0   via the router   protocol ra       metric ra_defrtr_metric   Router Lifetime
 *   route info  P/len  via the router   protocol ra       metric 1024               RFC 4191
 *   prefix      P/len  on the link      protocol kernel   metric 256                L flag
 *
 * A route is found again by what it is, not by its place in the FIB: somebody may have deleted it meanwhile. Among
 * routes of one metric the preference decides, and a router that does not answer comes behind all that do
 * (RFC 4191 3.2): FibInfo.rank.
 */
import { EventType } from '../abi/event';
import { Op } from '../abi/ops';
import { eventEmit } from '../dev/event';
import { l3mdevFibTable } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { AF_INET6 } from '../net/net';
import {
  Fib,
  FibInfo,
  RTPROT_KERNEL,
  RTPROT_RA,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RtType,
  fibDraft,
  fibDraftFree,
  fibFirst,
  fibInfoIntern,
  fibInfoPut,
  fibInsert,
  fibNextAlias,
  fibNh,
  fibRemove,
  nhGwPtr,
} from '../route/fib';
import { fibNet, fibNewTable } from '../route/fib_table';
import { ipv6AddrCopy, ipv6AddrEqual } from '../wire/ipv6_addr';
import { INFINITY_LIFE_TIME, Inet6Dev, inet6Dev } from './addr_hash';

export enum RaKind {
  PREFIX = 0,
  DEFAULT = 1,
  ROUTE_INFO = 2,
}

/** Per device; what is learned beyond is ignored, what is known goes on being refreshed. */
const PREFIXES_MAX: u32 = 64;
const ROUTERS_MAX: u32 = 32;
const ROUTE_INFOS_MAX: u32 = 128;
const SECOND: u64 = 1_000_000_000;
/** Behind every router that answers, whatever its preference. */
const RANK_FAILED: i32 = 8;

@unmanaged
@final
export class RaRoute {
  next: usize;
  dev: usize;
  timer0: u64;
  timer1: u64;
  timer2: u64;
  key0: u64;
  key1: u64;
  gw0: u64;
  gw1: u64;
  /** ns; 0: never. */
  expires: u64;
  plen: u8;
  /** RaKind */
  kind: u8;
  /** 1 high, 0 medium, -1 low. */
  pref: i8;
  /** 1: the router does not answer. */
  failed: u8;
  metric: u32;
  /** FibInfo, of which this holds a reference. */
  info: usize;
}

function timerOf(r: RaRoute): Timer {
  return changetype<Timer>(changetype<usize>(r) + offsetof<RaRoute>('timer0'));
}
function keyOf(r: RaRoute): usize {
  return changetype<usize>(r) + offsetof<RaRoute>('key0');
}
function gwOf(r: RaRoute): usize {
  return changetype<usize>(r) + offsetof<RaRoute>('gw0');
}
function fibOf(r: RaRoute): Fib {
  const dev = changetype<NetDevice>(r.dev);
  const vrf = l3mdevFibTable(dev);
  if (vrf === 0) return changetype<Fib>(dev.net.fib6);
  const fib = fibNewTable(fibNet(dev.net, AF_INET6), vrf);
  return fib === null ? changetype<Fib>(dev.net.fib6) : fib;
}

/** Whether its route still is in the table. */
function alive(r: RaRoute): bool {
  const fib = fibOf(r);
  let info = fibFirst(fib, keyOf(r), r.plen);
  while (info !== null) {
    if (changetype<usize>(info) === r.info) return true;
    info = fibNextAlias(fib, keyOf(r), r.plen, info);
  }
  return false;
}

function makeInfo(r: RaRoute): FibInfo | null {
  const info = fibDraft(1);
  if (info === null) return null;
  info.type = <u8>RtType.UNICAST;
  info.protocol = r.kind === <u8>RaKind.PREFIX ? RTPROT_KERNEL : RTPROT_RA;
  info.scope = RT_SCOPE_UNIVERSE;
  info.table = fibOf(r).id;
  info.metric = r.metric;
  info.rank = -(<i32>r.pref) + (r.failed !== 0 ? RANK_FAILED : 0);
  const nh = fibNh(info, 0);
  nh.dev = r.dev;
  nh.scope = RT_SCOPE_LINK;
  if (r.kind !== <u8>RaKind.PREFIX) {
    nh.gwFamily = <u8>AF_INET6;
    ipv6AddrCopy(nhGwPtr(nh), gwOf(r));
  }
  const interned = fibInfoIntern(fibOf(r), info);
  fibDraftFree(info);
  return interned;
}

/** Puts the route into the table. False: an equal one is there, which is somebody else's, or memory ran out. */
function insert(r: RaRoute): bool {
  const fib = fibOf(r);
  const info = makeInfo(r);
  if (info === null) return false;
  if (fibInsert(fib, keyOf(r), r.plen, info, true) !== 0) {
    fibInfoPut(fib, info);
    return false;
  }
  // One reference is the table's, one ours.
  info.refs++;
  r.info = changetype<usize>(info);
  return true;
}

function withdraw(r: RaRoute): void {
  if (r.info === 0) return;
  const fib = fibOf(r);
  const info = changetype<FibInfo>(r.info);
  if (alive(r)) fibRemove(fib, keyOf(r), r.plen, info);
  fibInfoPut(fib, info);
  r.info = 0;
}

function notify(r: RaRoute, removed: bool): void {
  const dev = changetype<NetDevice>(r.dev);
  eventEmit(EventType.ROUTE, AF_INET6, dev.net, dev.ifindex, ((<u32>r.plen) << 8) | <u32>removed, keyOf(r));
}

/** The record, and the route when it still stands; a record whose route was deleted goes. */
export function raRouteFind(dev: NetDevice, kind: RaKind, key: usize, plen: u32, gw: usize): RaRoute | null {
  for (let at = inet6Dev(dev).raRoutes; at !== 0; at = changetype<RaRoute>(at).next) {
    const r = changetype<RaRoute>(at);
    if (r.kind !== <u8>kind || <u32>r.plen !== plen || !ipv6AddrEqual(keyOf(r), key)) continue;
    if (gw !== 0 && !ipv6AddrEqual(gwOf(r), gw)) continue;
    if (alive(r)) return r;
    drop(r);
    return null;
  }
  return null;
}

function full(dev: NetDevice, kind: RaKind): bool {
  let n: u32 = 0;
  for (let at = inet6Dev(dev).raRoutes; at !== 0; at = changetype<RaRoute>(at).next) {
    if (changetype<RaRoute>(at).kind === <u8>kind) n++;
  }
  if (kind === RaKind.PREFIX) return n >= PREFIXES_MAX;
  return n >= (kind === RaKind.DEFAULT ? ROUTERS_MAX : ROUTE_INFOS_MAX);
}

/** Adds a route; null when there is no room or an equal one of somebody else. Its lifetime is set by raRouteExpire. */
export function raRouteAdd(
  dev: NetDevice,
  kind: RaKind,
  key: usize,
  plen: u32,
  gw: usize,
  pref: i32,
  metric: u32,
): RaRoute | null {
  if (full(dev, kind)) return null;
  const p = kzalloc(offsetof<RaRoute>());
  if (p === 0) return null;
  const r = changetype<RaRoute>(p);
  r.dev = changetype<usize>(dev);
  r.kind = <u8>kind;
  r.plen = <u8>plen;
  r.pref = <i8>pref;
  r.metric = metric;
  ipv6AddrCopy(keyOf(r), key);
  if (gw !== 0) ipv6AddrCopy(gwOf(r), gw);
  timerSetup(timerOf(r), Op.TIMER_RA_ROUTE, p);
  if (!insert(r)) {
    kfree(p);
    return null;
  }
  const idev = inet6Dev(dev);
  r.next = idev.raRoutes;
  idev.raRoutes = p;
  notify(r, false);
  return r;
}

/** Seconds from now; all ones: never. */
export function raRouteExpire(r: RaRoute, lifetime: u32): void {
  timerDel(timerOf(r));
  r.expires = 0;
  if (lifetime === INFINITY_LIFE_TIME) return;
  r.expires = root().now + <u64>lifetime * SECOND;
  timerAdd(timerOf(r), r.expires);
}

function replaceInfo(r: RaRoute): void {
  const fib = fibOf(r);
  const old = r.info;
  if (!insert(r)) return;
  // The new one stands before the old one goes: no packet finds the prefix missing.
  fibRemove(fib, keyOf(r), r.plen, changetype<FibInfo>(old));
  fibInfoPut(fib, changetype<FibInfo>(old));
}

export function raRouteSetPref(r: RaRoute, pref: i32): void {
  if (<i32>r.pref === pref) return;
  r.pref = <i8>pref;
  replaceInfo(r);
}

/** Op NDISC_ROUTER_STATE: the neighbour `gw` of `dev` answers, or does not any more. */
export function raRouterState(devPtr: usize, gw: usize, failed: u32): void {
  const dev = changetype<NetDevice>(devPtr);
  if (dev.ip6Ptr === 0) return;
  for (let at = inet6Dev(dev).raRoutes; at !== 0; at = changetype<RaRoute>(at).next) {
    const r = changetype<RaRoute>(at);
    if (r.kind === <u8>RaKind.PREFIX || <u32>r.failed === failed || !ipv6AddrEqual(gwOf(r), gw)) continue;
    r.failed = <u8>failed;
    if (alive(r)) replaceInfo(r);
  }
}

function drop(r: RaRoute): void {
  const idev = inet6Dev(changetype<NetDevice>(r.dev));
  let slot = changetype<usize>(idev) + offsetof<Inet6Dev>('raRoutes');
  while (load<u32>(slot) !== changetype<usize>(r)) slot = load<u32>(slot) + offsetof<RaRoute>('next');
  store<u32>(slot, r.next);
  timerDel(timerOf(r));
  withdraw(r);
  kfree(changetype<usize>(r));
}

/** The route ends. */
export function raRouteDelete(r: RaRoute): void {
  notify(r, true);
  drop(r);
}

/** TIMER_RA_ROUTE */
export function raRouteTimer(p: usize): void {
  raRouteDelete(changetype<RaRoute>(p));
}

/** All of the device (it goes down), or its default routes only (it became a router: RFC 4861 6.2.5). */
export function raRoutesPurge(dev: NetDevice, defaultsOnly: bool): void {
  let at = inet6Dev(dev).raRoutes;
  while (at !== 0) {
    const r = changetype<RaRoute>(at);
    at = r.next;
    if (!defaultsOnly || r.plen === 0) raRouteDelete(r);
  }
}

/** Seconds that the route still has, 0: no end. For dumps. */
export function raRouteLeft(dev: NetDevice, info: FibInfo, key: usize, plen: u32): u32 {
  if (dev.ip6Ptr === 0) return 0;
  for (let at = inet6Dev(dev).raRoutes; at !== 0; at = changetype<RaRoute>(at).next) {
    const r = changetype<RaRoute>(at);
    if (r.info !== changetype<usize>(info) || <u32>r.plen !== plen || !ipv6AddrEqual(keyOf(r), key)) continue;
    if (r.expires === 0) return 0;
    return r.expires > root().now ? <u32>((r.expires - root().now + SECOND - 1) / SECOND) : 1;
  }
  return 0;
}

/** 1 high, 0 medium, -1 low. */
export function raRoutePref(info: FibInfo): i32 {
  return -(info.rank > 1 ? info.rank - RANK_FAILED : info.rank);
}

export function raRoutesOpsInit(): void {
  opSet(Op.TIMER_RA_ROUTE, raRouteTimer.index);
  opSet(Op.NDISC_ROUTER_STATE, raRouterState.index);
}
