/**
 * Lookups that know more of the packet than its destination: rules, tos, the device it must leave by, next hops that
 * are dead. Linux: fib_lookup, fib_table_lookup (net/ipv4/fib_trie.c), fib6_rule_lookup.
 *
 *   FibFlow ─► rule ─► table ─► longest prefix with a route that fits ─► FibFlow.info, FibFlow.nh
 *               └── nothing there, or throw: the next rule
 */
import { NetDevice } from '../dev/net_device';
import { AF_INET, Net } from '../net/net';
import { Errno } from '../net/errno';
import { poptrieGet, poptrieLookup4, poptrieLookup6 } from '../lib/poptrie';
import { root } from '../lib/root';
import {
  Fib,
  FibInfo,
  FibNet,
  FibNh,
  RTNH_F_DEAD,
  RtType,
  fibFirst,
  fibNextAlias,
  fibNh,
  fibResult,
} from './fib';
import { fibNhAlive } from './fib_select';
import { fibNet } from './fib_table';

/** A next hop whose carrier is gone counts all the same. Linux: FIB_LOOKUP_IGNORE_LINKSTATE. */
export const FLOW_F_IGNORE_LINKSTATE: u8 = 1;
/** IPv6: only routes by `oif`. Linux: RT6_LOOKUP_F_IFACE. */
export const FLOW_F_IFACE: u8 = 2;
/** saddr is known. Linux: RT6_LOOKUP_F_HAS_SADDR. */
export const FLOW_F_HAS_SADDR: u8 = 4;

/** What is asked. Addresses in network order, IPv4 in the first four of 16 bytes. Linux: struct flowi. */
@unmanaged
@final
export class FibFlow {
  daddr0: u64;
  daddr1: u64;
  saddr0: u64;
  saddr1: u64;
  family: u32;
  /** ifindex, 0: any. */
  oif: i32;
  iif: i32;
  /** ifindex of the VRF that the packet is in, 0: none. */
  l3mdev: i32;
  mark: u32;
  uid: u32;
  /** The whole octet: DSCP and ECN. */
  tos: u8;
  proto: u8;
  /** FLOW_F_* */
  flags: u8;
  /** Routes of a narrower scope only (RT_SCOPE_*). */
  scope: u8;
  /** Host order, 0: not known. */
  sport: u16;
  dport: u16;
  // out
  /** FibInfo, and the first FibNh of it that fits: 0 for a route without next hops. */
  info: usize;
  nh: usize;
  /** Fib that it was found in. */
  fib: usize;
}
export const FIB_FLOW_BYTES: u32 = offsetof<FibFlow>();

/** A blank flow at `p`. */
export function fibFlowInit(p: usize, family: u32): FibFlow {
  memory.fill(p, 0, FIB_FLOW_BYTES);
  const fl = changetype<FibFlow>(p);
  fl.family = family;
  return fl;
}

export function flowDaddrPtr(fl: FibFlow): usize {
  return changetype<usize>(fl);
}

export function flowSaddrPtr(fl: FibFlow): usize {
  return changetype<usize>(fl) + offsetof<FibFlow>('saddr0');
}

/** Linux: fib_props[].error, ip6_rt_type_to_error: what a lookup that ends at a route of this type answers. */
export function rtTypeError(type: u32): i32 {
  if (type < <u32>RtType.BLACKHOLE) return 0;
  if (type === <u32>RtType.UNREACHABLE) return -Errno.EHOSTUNREACH;
  if (type === <u32>RtType.BLACKHOLE) return -Errno.EINVAL;
  if (type === <u32>RtType.PROHIBIT) return -Errno.EACCES;
  return -Errno.EAGAIN;
}

/** True when a lookup that ends at this route needs no second look: any flow may take its first next hop. */
export class Plain {
  @inline
  static is(info: FibInfo): bool {
    if (info.nhCount !== 1) return false;
    if (info.tos !== 0) return false;
    if (info.expires !== 0) return false;
    return fibNh(info, 0).flags === 0;
  }
}

/** The TOS bits that a route or rule names: legacy, without the upper three of DSCP. Linux: fib_dscp_masked_match. */
export const TOS_MASK: u8 = 0x1c;

/** Whether the flow may take this route: 0 and fl.nh; an error that the route is; 1: look further. */
function fits(fl: FibFlow, info: FibInfo): i32 {
  if (info.tos !== 0 && (fl.tos & TOS_MASK) !== info.tos) return 1;
  if (info.dead !== 0 || info.scope < fl.scope) return 1;
  if (info.expires !== 0 && info.expires <= root().now) return 1;
  fl.info = changetype<usize>(info);
  fl.nh = 0;
  const err = rtTypeError(info.type);
  if (err !== 0) return err;
  const anyState = (fl.flags & FLOW_F_IGNORE_LINKSTATE) !== 0;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh: FibNh = fibNh(info, i);
    if (anyState ? (nh.flags & RTNH_F_DEAD) !== 0 : !fibNhAlive(fl.family, nh)) continue;
    if (fl.oif !== 0 && !leavesBy(fl, nh)) continue;
    fl.nh = changetype<usize>(nh);
    return 0;
  }
  return 1;
}

function leavesBy(fl: FibFlow, nh: FibNh): bool {
  // IPv6 prefers the device only, unless it is said to be strict.
  if (fl.family !== AF_INET && (fl.flags & FLOW_F_IFACE) === 0) return true;
  return nh.dev !== 0 && changetype<NetDevice>(nh.dev).ifindex === fl.oif;
}

function fitsAny(fl: FibFlow, fib: Fib, plen: u32, first: FibInfo): i32 {
  let info: FibInfo | null = first;
  while (info !== null) {
    const err = fits(fl, info);
    if (err <= 0) return err;
    info = fibNextAlias(fib, flowDaddrPtr(fl), plen, info);
  }
  return 1;
}

/** Looks the destination up in one table. 0 with fl.info and fl.nh, an error that the route is, -EAGAIN: nothing. */
export function fibTableLookup(fib: Fib, fl: FibFlow): i32 {
  const key = flowDaddrPtr(fl);
  fl.fib = changetype<usize>(fib);
  fl.info = 0;
  const value =
    fl.family === AF_INET
      ? poptrieLookup4(fib.trie, bswap<u32>(<u32>fl.daddr0))
      : poptrieLookup6(fib.trie, key);
  const best = fibResult(value);
  if (best === null) return -Errno.EAGAIN;
  if (fl.oif === 0 && fl.scope === 0 && Plain.is(best)) {
    fl.info = changetype<usize>(best);
    fl.nh = changetype<usize>(fibNh(best, 0));
    return rtTypeError(best.type);
  }
  // Nearly always the first route of the longest prefix does.
  const first = fits(fl, best);
  if (first <= 0) return first;
  // "Backtrace": the longest prefix may have nothing that fits, and a shorter one something.
  for (let plen: i32 = fib.bits; plen >= 0; plen--) {
    if (poptrieGet(fib.trie, key, plen) === 0) continue;
    const at = fibFirst(fib, key, plen);
    if (at === null) continue;
    const err = fitsAny(fl, fib, plen, at);
    if (err <= 0) return err;
  }
  fl.info = 0;
  return -Errno.EAGAIN;
}

/** Length of the prefix by which the route of `fl` was found; slow. */
export function fibFlowPlen(fl: FibFlow): i32 {
  if (fl.fib === 0) return -1;
  const fib = changetype<Fib>(fl.fib);
  const key = flowDaddrPtr(fl);
  for (let plen: i32 = fib.bits; plen >= 0; plen--) {
    let info: FibInfo | null = fibFirst(fib, key, plen);
    while (info !== null) {
      if (changetype<usize>(info) === fl.info) return plen;
      info = fibNextAlias(fib, key, plen, info);
    }
  }
  return -1;
}

/** The lookup of a namespace without rules of its own. Linux: fib_lookup, the short half; fib6_rule_lookup likewise. */
export function fibLookupPlain(net: Net, fl: FibFlow): i32 {
  const fn: FibNet = fibNet(net, fl.family);
  let err = fibTableLookup(changetype<Fib>(fn.main), fl);
  // "default" is asked whatever main said, but for IPv6, which has no such rule.
  if (err !== 0 && fl.family === AF_INET && fn.fallback !== 0)
    err = fibTableLookup(changetype<Fib>(fn.fallback), fl);
  return err === -Errno.EAGAIN ? -Errno.ENETUNREACH : err;
}
