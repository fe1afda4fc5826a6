/**
 * The FIB of both families: prefixes to routes. Linux: net/ipv4/fib_semantics.c, fib_trie.c; as there, the tables
 * main and local share one trie while no policy rules exist.
 *
 *   Fib.trie ─ longest prefix ─► FibInfo (one route)            FibInfo { type, metric, ... } FibNh x n
 *                             └► FibAlias|1 ─► FibAlias ─► ...  (several: lowest metric first)
 *
 * A FibInfo is shared by all prefixes with the same next hop, metric and type, and counted by them: a million
 * routes over ten next hops cost ten. `skb.dst` is a FibNh; it is valid until the burst ends, not longer.
 */
import { HashNode, HashTable, hashHead, hashInsert, hashRemove } from '../lib/hash_table';
import { jhash2 } from '../lib/jhash';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import {
  POPTRIE_BYTES,
  poptrieDestroy,
  poptrieGet,
  poptrieInit,
  poptrieInsert,
  poptrieLookup4,
  poptrieLookup6,
  poptrieRemove,
} from '../lib/poptrie';
import { Timer } from '../lib/timer_wheel';
import { root } from '../lib/root';
import { neighPut } from '../neigh/neighbour';
import { Errno } from '../net/errno';
import { AF_INET } from '../net/net';

// Linux: include/uapi/linux/rtnetlink.h
export enum RtType {
  UNSPEC = 0,
  UNICAST = 1,
  LOCAL = 2,
  BROADCAST = 3,
  ANYCAST = 4,
  MULTICAST = 5,
  BLACKHOLE = 6,
  UNREACHABLE = 7,
  PROHIBIT = 8,
  THROW = 9,
}
export const RT_SCOPE_UNIVERSE: u8 = 0;
export const RT_SCOPE_SITE: u8 = 200;
export const RT_SCOPE_LINK: u8 = 253;
export const RT_SCOPE_HOST: u8 = 254;
export const RT_SCOPE_NOWHERE: u8 = 255;
export const RTPROT_KERNEL: u8 = 2;
export const RTPROT_BOOT: u8 = 3;
export const RTPROT_STATIC: u8 = 4;
export const RTPROT_RA: u8 = 9;
export const RT_TABLE_DEFAULT: u32 = 253;
export const RT_TABLE_MAIN: u32 = 254;
export const RT_TABLE_LOCAL: u32 = 255;
export const RTNH_F_DEAD: u8 = 1;
export const RTNH_F_ONLINK: u8 = 4;
export const RTNH_F_LINKDOWN: u8 = 16;

/** One table: both families have the same shape. Linux: struct fib_table, fib6_table. */
@unmanaged
@final
export class Fib {
  trie: usize;
  /** 32 or 128. */
  bits: u32;
  /** Routes (aliases). */
  count: u32;
  /** RT_TABLE_* or any other number; the table main has what is local, too, until there are rules. */
  id: u32;
  /** Raised by every change: caches of lookups compare it. */
  genId: u32;
  /** Destinations looked up lately (route/dst_cache), 0: none yet; the genId that they are of. */
  dstCache: usize;
  dstGenId: u32;
  /** Next table of the namespace and family; FibNet (route/fib_table). */
  next: usize;
  owner: usize;
}

/** All tables of a namespace and family, their rules, and the routes' contents, which they share. */
@unmanaged
@final
export class FibNet {
  net: usize;
  /** AF_INET or AF_INET6 */
  family: u32;
  /** Fib: head of the list; main, local (the same as main until there are rules), default (0: none yet). */
  tables: usize;
  main: usize;
  local: usize;
  fallback: usize;
  tableCount: u32;
  /** Routes of all tables, and at most. */
  routes: u32;
  max: u32;
  /** HashTable of FibInfo by content. */
  infos: usize;
  /** FibRule by priority, their number, and whether they are others than those that a namespace begins with. */
  rules: usize;
  ruleCount: u32;
  custom: u32;
  /** Another with each change of routes, rules or what their next hops are. Linux: rt_genid. */
  genId: u32;
  /** Timer of fib_gc. */
  gcTimer0: u64;
  gcTimer1: u64;
  gcTimer2: u64;
}

export function fibGcTimer(fn: FibNet): Timer {
  return changetype<Timer>(changetype<usize>(fn) + offsetof<FibNet>('gcTimer0'));
}

/** What is the same for all prefixes that go one way. From `type` on it is their identity. */
@unmanaged
@final
export class FibInfo {
  hnext: usize;
  hash: u32;
  refs: u32;
  /** Burst (root().burst) in which this route was last found fit for the short way (ipv4/ip_forward_fast). */
  burst: u32;
  /** FibNh x nhCount: behind the record, or apart when they are those of a next-hop object. */
  nhs: usize;
  /** NhObject (route/nexthop) that the next hops come from, or 0; the next FibInfo of the same object. */
  object: usize;
  objectNext: usize;
  /** 1: every next hop is dead; the route goes with the next flush. */
  dead: u32;
  /** AF_INET or AF_INET6 */
  family: u32;
  // identity
  /** RtType */
  type: u8;
  protocol: u8;
  scope: u8;
  /** Fraction of what makes a route unique besides its prefix: Linux compares tos and metric. */
  tos: u8;
  table: u32;
  metric: u32;
  /** RTAX_MTU of the route, 0 when not set; RTAX_HOPLIMIT */
  mtu: u32;
  hopLimit: u32;
  /** Id of the next-hop object, 0: none. */
  nhId: u32;
  /** Preferred source, 16 bytes (IPv4 in the first four, network order). */
  prefSrc0: u64;
  prefSrc1: u64;
  /** ns when it ends, 0: never (IPv6). */
  expires: u64;
  // the other metrics (RTAX_*), 0: not set
  lock: u32;
  window: u32;
  rtt: u32;
  rttvar: u32;
  ssthresh: u32;
  cwnd: u32;
  advmss: u32;
  reordering: u32;
  initcwnd: u32;
  features: u32;
  rtoMin: u32;
  initrwnd: u32;
  quickack: u32;
  fastopenNoCookie: u32;
  /** ICMPV6_ROUTER_PREF_* (RFC 4191). */
  pref: u32;
  nhCount: u32;
  /** Among IPv6 routes of one metric the lowest is tried first: router preference and reachability (ipv6/ra_routes). */
  rank: i32;
  pad: u32;
}

/** A next hop. */
@unmanaged
@final
export class FibNh {
  /** FibInfo */
  info: usize;
  /** NetDevice, 0 for routes that go nowhere (blackhole and the like). */
  dev: usize;
  /** Address family of the gateway: AF_INET, AF_INET6, or 0 when the destination is on the link. */
  gwFamily: u8;
  /** RTNH_F_* */
  flags: u8;
  scope: u8;
  pad: u8;
  /** 1..65536 */
  weight: u32;
  /** Highest flow hash (31 bits) that goes this way; -1: none does. Linux: fib_nh_upper_bound. */
  upperBound: i32;
  /** Neighbour of the gateway, found at first use; a dead one is looked up anew. Holds a reference. */
  neigh: usize;
  /** Gateway, 16 bytes (IPv4 in the first four, network order). */
  gw0: u64;
  gw1: u64;
}
export const FIB_NH_BYTES: u32 = offsetof<FibNh>();
export const FIB_INFO_BYTES: u32 = offsetof<FibInfo>();
/** Next hops that one route may have. */
export const FIB_NH_MAX: u32 = 256;

/** Several routes of one prefix. */
@unmanaged
@final
class FibAlias {
  next: usize;
  info: usize;
}

/** In what a trie holds: the rest is the address of a FibAlias. */
export const ALIAS_TAG: u32 = 1;
export const FIB_ROUTES_MAX: u32 = 2_000_000;

export function fibNh(info: FibInfo, i: u32): FibNh {
  return changetype<FibNh>(info.nhs + i * FIB_NH_BYTES);
}

export function nhGwPtr(nh: FibNh): usize {
  return changetype<usize>(nh) + offsetof<FibNh>('gw0');
}

export function nhInfo(nh: FibNh): FibInfo {
  return changetype<FibInfo>(nh.info);
}

export function infoPrefSrcPtr(info: FibInfo): usize {
  return changetype<usize>(info) + offsetof<FibInfo>('prefSrc0');
}

/** A table of `owner`, not yet in its list; 0 when memory ran out. */
export function fibCreate(owner: FibNet, id: u32): usize {
  const p = kzalloc(offsetof<Fib>());
  if (p === 0) return 0;
  const fib = changetype<Fib>(p);
  fib.bits = owner.family === AF_INET ? 32 : 128;
  fib.id = id;
  fib.owner = changetype<usize>(owner);
  fib.trie = kzalloc(POPTRIE_BYTES);
  if (fib.trie === 0 || !poptrieInit(fib.trie, fib.bits)) {
    fibDestroy(p);
    return 0;
  }
  return p;
}

/** Frees the table; all routes must have been flushed (fibFlushAll). */
export function fibDestroy(p: usize): void {
  if (p === 0) return;
  const fib = changetype<Fib>(p);
  if (fib.trie !== 0) poptrieDestroy(fib.trie);
  kfree(fib.trie);
  kfree(fib.dstCache);
  kfree(p);
}

function ownerOf(fib: Fib): FibNet {
  return changetype<FibNet>(fib.owner);
}

function firstInfo(value: u32): FibInfo | null {
  if (value === 0) return null;
  if ((value & ALIAS_TAG) !== 0) value = changetype<FibAlias>(value - ALIAS_TAG).info;
  return changetype<FibInfo>(value);
}

/** The best route of what a lookup in the trie gave (burst lookups use the trie themselves). */
export function fibResult(value: u32): FibInfo | null {
  return firstInfo(value);
}

/** The route for an IPv4 destination (host order), or null. */
export function fibLookup4(fib: Fib, daddr: u32): FibInfo | null {
  return firstInfo(poptrieLookup4(fib.trie, daddr));
}

/** The route for the IPv6 destination at `daddr` (16 bytes), or null. */
export function fibLookup6(fib: Fib, daddr: usize): FibInfo | null {
  return firstInfo(poptrieLookup6(fib.trie, daddr));
}

/** The first next hop of the route that leaves by `dev` and is not dead, or null. */
export function fibNhOf(info: FibInfo, dev: usize): FibNh | null {
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (nh.dev === dev && (nh.flags & RTNH_F_DEAD) === 0) return nh;
  }
  return null;
}

/**
 * The most specific route for the address at `key` (network order, 4 or 16 bytes) that leaves by `dev`; routes
 * without device do not count. Slow: for sockets bound to a device and for link-local destinations.
 */
export function fibLookupDev(fib: Fib, key: usize, dev: usize): FibInfo | null {
  for (let plen: i32 = fib.bits; plen >= 0; plen--) {
    const value = poptrieGet(fib.trie, key, plen);
    if (value === 0) continue;
    if ((value & ALIAS_TAG) === 0) {
      const info = changetype<FibInfo>(value);
      if (fibNhOf(info, dev) !== null) return info;
      continue;
    }
    for (let at = <usize>(value - ALIAS_TAG); at !== 0; at = changetype<FibAlias>(at).next) {
      const info = changetype<FibInfo>(changetype<FibAlias>(at).info);
      if (fibNhOf(info, dev) !== null) return info;
    }
  }
  return null;
}

/** Routes of exactly this prefix, best first: calls to walk them. 0 when there is none or at the end. */
export function fibFirst(fib: Fib, key: usize, plen: u32): FibInfo | null {
  return firstInfo(poptrieGet(fib.trie, key, plen));
}

/** The route of the prefix behind `info`, or null. */
export function fibNextAlias(fib: Fib, key: usize, plen: u32, info: FibInfo): FibInfo | null {
  const value = poptrieGet(fib.trie, key, plen);
  if ((value & ALIAS_TAG) === 0) return null;
  let at = <usize>(value - ALIAS_TAG);
  while (at !== 0 && changetype<FibAlias>(at).info !== changetype<usize>(info))
    at = changetype<FibAlias>(at).next;
  if (at === 0) return null;
  at = changetype<FibAlias>(at).next;
  return at === 0 ? null : changetype<FibInfo>(changetype<FibAlias>(at).info);
}

/** Whether two routes of one prefix are the same to an insert: table, tos and metric (Linux: fib_table_insert). */
function sameAlias(a: FibInfo, b: FibInfo, whole: bool): bool {
  if (a.table !== b.table || a.tos !== b.tos || a.metric !== b.metric) return false;
  return !whole || changetype<usize>(a) === changetype<usize>(b);
}

/** Local before main, then by tos, then by metric: the order in which routes of one prefix are tried. */
function aliasBefore(a: FibInfo, b: FibInfo): bool {
  if (a.table !== b.table) return a.table > b.table;
  if (a.tos !== b.tos) return a.tos > b.tos;
  if (a.metric !== b.metric) return a.metric < b.metric;
  return a.rank < b.rank;
}

/**
 * Adds the route `info` (interned: fibInfoIntern; its reference is taken over) for the prefix. With `append`, a
 * second one of the same metric may stand behind the first (IPv6, `ip route append`). 0, -EEXIST, -ENOMEM, -ENFILE:
 * then the reference stays the caller's.
 */
export function fibInsert(fib: Fib, key: usize, plen: u32, info: FibInfo, append: bool): i32 {
  if (ownerOf(fib).routes >= ownerOf(fib).max) return -Errno.ENFILE;
  const value = poptrieGet(fib.trie, key, plen);
  const p = changetype<usize>(info);
  if (value === 0) {
    const err = poptrieInsert(fib.trie, key, plen, p);
    if (err !== 0) return err;
  } else {
    let list = <usize>(value & ~ALIAS_TAG);
    const single = (value & ALIAS_TAG) === 0;
    if (single) {
      if (sameAlias(changetype<FibInfo>(list), info, append)) return -Errno.EEXIST;
    } else {
      for (let at = list; at !== 0; at = changetype<FibAlias>(at).next) {
        if (sameAlias(changetype<FibInfo>(changetype<FibAlias>(at).info), info, append)) return -Errno.EEXIST;
      }
    }
    const mine = kmalloc(offsetof<FibAlias>());
    if (mine === 0) return -Errno.ENOMEM;
    changetype<FibAlias>(mine).info = p;
    changetype<FibAlias>(mine).next = 0;
    if (single) {
      const first = kmalloc(offsetof<FibAlias>());
      if (first === 0) {
        kfree(mine);
        return -Errno.ENOMEM;
      }
      changetype<FibAlias>(first).info = list;
      changetype<FibAlias>(first).next = 0;
      list = first;
    }
    let prev: usize = 0;
    let at = list;
    while (at !== 0 && !aliasBefore(info, changetype<FibInfo>(changetype<FibAlias>(at).info))) {
      prev = at;
      at = changetype<FibAlias>(at).next;
    }
    changetype<FibAlias>(mine).next = at;
    if (prev !== 0) changetype<FibAlias>(prev).next = mine;
    else list = mine;
    // Replacing the value of a prefix that is there allocates nothing.
    poptrieInsert(fib.trie, key, plen, list | ALIAS_TAG);
  }
  fib.count++;
  ownerOf(fib).routes++;
  ownerOf(fib).genId++;
  fib.genId++;
  root().pathGen++;
  return 0;
}

/** Takes the route `info` of the prefix out and puts the reference that the table had. False when it is not there. */
export function fibRemove(fib: Fib, key: usize, plen: u32, info: FibInfo): bool {
  const value = poptrieGet(fib.trie, key, plen);
  const p = changetype<usize>(info);
  if (value === 0) return false;
  if ((value & ALIAS_TAG) === 0) {
    if (<usize>value !== p) return false;
    poptrieRemove(fib.trie, key, plen);
  } else {
    const list = <usize>(value - ALIAS_TAG);
    let prev: usize = 0;
    let at = list;
    while (at !== 0 && changetype<FibAlias>(at).info !== p) {
      prev = at;
      at = changetype<FibAlias>(at).next;
    }
    if (at === 0) return false;
    const next = changetype<FibAlias>(at).next;
    if (prev !== 0) changetype<FibAlias>(prev).next = next;
    else poptrieInsert(fib.trie, key, plen, next | ALIAS_TAG);
    kfree(at);
    const head = poptrieGet(fib.trie, key, plen) - ALIAS_TAG;
    if (changetype<FibAlias>(head).next === 0) {
      poptrieInsert(fib.trie, key, plen, changetype<FibAlias>(head).info);
      kfree(head);
    }
  }
  fib.count--;
  ownerOf(fib).routes--;
  ownerOf(fib).genId++;
  fib.genId++;
  root().pathGen++;
  fibInfoPut(fib, info);
  return true;
}

const IDENTITY: usize = offsetof<FibInfo>('type');

/**
 * A blank route with `nhCount` next hops of weight 1 to be filled in and given to fibInfoIntern or fibAdd, null when
 * memory ran out. It is the caller's to free (fibDraftFree), which fibAdd does.
 */
export function fibDraft(nhCount: u32): FibInfo | null {
  const p = kzalloc(FIB_INFO_BYTES + nhCount * FIB_NH_BYTES);
  if (p === 0) return null;
  const info = changetype<FibInfo>(p);
  info.nhs = p + FIB_INFO_BYTES;
  info.nhCount = nhCount;
  for (let i: u32 = 0; i < nhCount; i++) fibNh(info, i).weight = 1;
  return info;
}

export function fibDraftFree(draft: FibInfo): void {
  kfree(changetype<usize>(draft));
}

/** Adds the route that the draft says for the prefix and frees the draft: fibInfoIntern and fibInsert. */
export function fibAdd(fib: Fib, key: usize, plen: u32, draft: FibInfo, append: bool): i32 {
  const info = fibInfoIntern(fib, draft);
  fibDraftFree(draft);
  if (info === null) return -Errno.ENOMEM;
  const err = fibInsert(fib, key, plen, info, append);
  if (err !== 0) fibInfoPut(fib, info);
  return err;
}

function contentHash(info: FibInfo): u32 {
  const n = info.nhCount;
  let hash = jhash2(changetype<usize>(info) + IDENTITY, <u32>((FIB_INFO_BYTES - IDENTITY) >> 2), n);
  for (let i: u32 = 0; i < n; i++) {
    const nh = fibNh(info, i);
    hash = jhash2(nhGwPtr(nh), 4, hash ^ <u32>nh.dev);
  }
  return hash;
}

/**
 * The namespace's own FibInfo equal to the draft, with one more reference; made when there is none. Null when memory
 * ran out.
 */
export function fibInfoIntern(fib: Fib, draft: FibInfo): FibInfo | null {
  const infos = changetype<HashTable>(ownerOf(fib).infos);
  const n = draft.nhCount;
  const hash = contentHash(draft);
  let at = hashHead(infos, hash);
  while (at !== 0) {
    const have = changetype<FibInfo>(at);
    if (have.hash === hash && have.dead === 0 && sameInfo(have, draft)) {
      have.refs++;
      return have;
    }
    at = have.hnext;
  }
  // Those of an object lie apart: they may become others, and more.
  const apart = draft.nhId !== 0;
  const p = kmalloc(FIB_INFO_BYTES + (apart ? 0 : n * FIB_NH_BYTES));
  if (p === 0) return null;
  memory.copy(p, changetype<usize>(draft), FIB_INFO_BYTES);
  const info = changetype<FibInfo>(p);
  info.nhs = apart ? kmalloc(n * FIB_NH_BYTES) : p + FIB_INFO_BYTES;
  info.refs = 1;
  info.burst = 0;
  info.dead = 0;
  info.family = ownerOf(fib).family;
  info.object = 0;
  info.objectNext = 0;
  if (info.nhs === 0 || !hashInsert(infos, changetype<HashNode>(p), hash)) {
    if (apart) kfree(info.nhs);
    kfree(p);
    return null;
  }
  memory.copy(info.nhs, draft.nhs, n * FIB_NH_BYTES);
  fibNhsOwned(info);
  return info;
}

/** The next hops of `info` were written anew: they are its own, and hold no neighbour. */
export function fibNhsOwned(info: FibInfo): void {
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    nh.info = changetype<usize>(info);
    nh.neigh = 0;
  }
}

/** Its content has changed: it is found by the new one from now on. */
export function fibInfoRehash(owner: FibNet, info: FibInfo): void {
  owner.genId++;
  root().pathGen++;
  const infos = changetype<HashTable>(owner.infos);
  const node = changetype<HashNode>(changetype<usize>(info));
  hashRemove(infos, node);
  hashInsert(infos, node, contentHash(info));
}

function sameInfo(a: FibInfo, b: FibInfo): bool {
  const pa = changetype<usize>(a);
  const pb = changetype<usize>(b);
  if (memory.compare(pa + IDENTITY, pb + IDENTITY, FIB_INFO_BYTES - IDENTITY) !== 0) return false;
  for (let i: u32 = 0; i < a.nhCount; i++) {
    const x = fibNh(a, i);
    const y = fibNh(b, i);
    if (x.dev !== y.dev || x.gwFamily !== y.gwFamily || x.scope !== y.scope || x.weight !== y.weight)
      return false;
    if (((x.flags ^ y.flags) & RTNH_F_ONLINK) !== 0 || x.gw0 !== y.gw0 || x.gw1 !== y.gw1) return false;
  }
  return true;
}

/** One reference less; the last frees it. */
export function fibInfoPut(fib: Fib, info: FibInfo): void {
  if (--info.refs !== 0) return;
  hashRemove(changetype<HashTable>(ownerOf(fib).infos), changetype<HashNode>(changetype<usize>(info)));
  if (info.object !== 0) nhObjectForget(info);
  for (let i: u32 = 0; i < info.nhCount; i++) nhForgetNeigh(fibNh(info, i));
  if (info.nhId !== 0) kfree(info.nhs);
  kfree(changetype<usize>(info));
}

/** An NhObject begins with the head of the list of its routes: FibInfo by objectNext. */
function nhObjectForget(info: FibInfo): void {
  let slot = info.object;
  const p = changetype<usize>(info);
  while (load<u32>(slot) !== p) slot = load<u32>(slot) + offsetof<FibInfo>('objectNext');
  store<u32>(slot, info.objectNext);
  info.object = 0;
}

/** Lets go of the neighbour that a next hop remembered. */
export function nhForgetNeigh(nh: FibNh): void {
  const neigh = nh.neigh;
  nh.neigh = 0;
  if (neigh !== 0) neighPut(neigh);
}
