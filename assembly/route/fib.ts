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
import {
  HashNode,
  HashTable,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { jhash2 } from '../lib/jhash';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import {
  poptrieDestroy,
  poptrieGet,
  poptrieInit,
  poptrieInsert,
  poptrieLookup4,
  poptrieLookup6,
  poptrieRemove,
} from '../lib/poptrie';
import { neighPut } from '../neigh/neighbour';
import { Errno } from '../net/errno';

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
export const RT_TABLE_MAIN: u32 = 254;
export const RT_TABLE_LOCAL: u32 = 255;
export const RTNH_F_DEAD: u8 = 1;
export const RTNH_F_ONLINK: u8 = 4;
export const RTNH_F_LINKDOWN: u8 = 16;

/** One table: both families have the same shape. */
@unmanaged
@final
export class Fib {
  trie: usize;
  /** 32 or 128. */
  bits: u32;
  /** Routes (aliases), and at most. */
  count: u32;
  max: u32;
  /** HashTable of FibInfo by content. */
  infos: usize;
  /** Raised by every change: caches of lookups compare it. */
  genId: u32;
}

/** What is the same for all prefixes that go one way. Its first FIB_INFO_KEY_BYTES from `type` are its identity. */
@unmanaged
@final
export class FibInfo {
  hnext: usize;
  hash: u32;
  refs: u32;
  /** Burst (root().burst) in which this route was last found fit for the short way (ipv4/ip_forward_fast). */
  burst: u32;
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
  /** Preferred source, 16 bytes (IPv4 in the first four, network order). */
  prefSrc0: u64;
  prefSrc1: u64;
  nhCount: u32;
  /** Among IPv6 routes of one metric the lowest is tried first: router preference and reachability (ipv6/ra_routes). */
  rank: i32;
  // FibNh x nhCount follow
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
  weight: u8;
  /** Neighbour of the gateway, found at first use; a dead one is looked up anew. Holds a reference. */
  neigh: usize;
  /** Gateway, 16 bytes (IPv4 in the first four, network order). */
  gw0: u64;
  gw1: u64;
}
export const FIB_NH_BYTES: u32 = offsetof<FibNh>();
export const FIB_INFO_BYTES: u32 = offsetof<FibInfo>();

/** Several routes of one prefix. */
@unmanaged
@final
class FibAlias {
  next: usize;
  info: usize;
}

const ALIAS_TAG: u32 = 1;
export const FIB_ROUTES_MAX: u32 = 2_000_000;

export function fibNh(info: FibInfo, i: u32): FibNh {
  return changetype<FibNh>(changetype<usize>(info) + FIB_INFO_BYTES + i * FIB_NH_BYTES);
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

/** A table for addresses of `bits` bits; 0 when memory ran out. */
export function fibCreate(bits: u32): usize {
  const p = kzalloc(offsetof<Fib>());
  if (p === 0) return 0;
  const fib = changetype<Fib>(p);
  fib.bits = bits;
  fib.max = FIB_ROUTES_MAX;
  fib.trie = kzalloc(64);
  fib.infos = kzalloc(offsetof<HashTable>());
  if (
    fib.trie === 0 ||
    fib.infos === 0 ||
    !hashInit(changetype<HashTable>(fib.infos), 4, FIB_ROUTES_MAX) ||
    !poptrieInit(fib.trie, bits)
  ) {
    fibDestroy(p);
    return 0;
  }
  return p;
}

/** Frees the table; all routes must have been flushed (fibFlush). */
export function fibDestroy(p: usize): void {
  if (p === 0) return;
  const fib = changetype<Fib>(p);
  if (fib.trie !== 0) poptrieDestroy(fib.trie);
  if (fib.infos !== 0) hashDestroy(changetype<HashTable>(fib.infos));
  kfree(fib.trie);
  kfree(fib.infos);
  kfree(p);
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
      if (info.nhCount > 0 && fibNh(info, 0).dev === dev) return info;
      continue;
    }
    for (let at = <usize>(value - ALIAS_TAG); at !== 0; at = changetype<FibAlias>(at).next) {
      const info = changetype<FibInfo>(changetype<FibAlias>(at).info);
      if (info.nhCount > 0 && fibNh(info, 0).dev === dev) return info;
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

/** Local before main, then by metric: the order in which routes of one prefix are tried. */
function aliasBefore(a: FibInfo, b: FibInfo): bool {
  if (a.table !== b.table) return a.table > b.table;
  if (a.metric !== b.metric) return a.metric < b.metric;
  return a.rank < b.rank;
}

/**
 * Adds the route `info` (interned: fibInfoIntern; its reference is taken over) for the prefix. With `append`, a
 * second one of the same metric may stand behind the first (IPv6, `ip route append`). 0, -EEXIST, -ENOMEM, -ENFILE:
 * then the reference stays the caller's.
 */
export function fibInsert(fib: Fib, key: usize, plen: u32, info: FibInfo, append: bool): i32 {
  if (fib.count >= fib.max) return -Errno.ENFILE;
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
  fib.genId++;
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
  fib.genId++;
  fibInfoPut(fib, info);
  return true;
}

const IDENTITY: usize = offsetof<FibInfo>('type');

/**
 * The table's own FibInfo equal to the one at `draft` (a filled FibInfo with its nhCount FibNh behind it), with one
 * more reference; made when there is none. Null when memory ran out. Each of its next hops counts in its device.
 */
export function fibInfoIntern(fib: Fib, draft: usize): FibInfo | null {
  const infos = changetype<HashTable>(fib.infos);
  const n = changetype<FibInfo>(draft).nhCount;
  const bytes = FIB_INFO_BYTES + n * FIB_NH_BYTES;
  let hash = jhash2(draft + IDENTITY, (FIB_INFO_BYTES - IDENTITY) >> 2, n);
  for (let i: u32 = 0; i < n; i++) {
    const nh = fibNh(changetype<FibInfo>(draft), i);
    hash = jhash2(nhGwPtr(nh), 4, hash ^ <u32>nh.dev);
  }
  let at = hashHead(infos, hash);
  while (at !== 0) {
    const have = changetype<FibInfo>(at);
    if (have.hash === hash && sameInfo(have, changetype<FibInfo>(draft))) {
      have.refs++;
      return have;
    }
    at = have.hnext;
  }
  const p = kmalloc(bytes);
  if (p === 0) return null;
  memory.copy(p, draft, bytes);
  const info = changetype<FibInfo>(p);
  info.refs = 1;
  info.hash = hash;
  if (!hashInsert(infos, changetype<HashNode>(p), hash)) {
    kfree(p);
    return null;
  }
  for (let i: u32 = 0; i < n; i++) {
    fibNh(info, i).info = p;
    fibNh(info, i).neigh = 0;
  }
  return info;
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

/** One reference less; the last frees it. Neighbours held by next hops must be put by the caller's layer: see fibInfoPut. */
export function fibInfoPut(fib: Fib, info: FibInfo): void {
  if (--info.refs !== 0) return;
  hashRemove(changetype<HashTable>(fib.infos), changetype<HashNode>(changetype<usize>(info)));
  for (let i: u32 = 0; i < info.nhCount; i++) nhForgetNeigh(fibNh(info, i));
  kfree(changetype<usize>(info));
}

/** Lets go of the neighbour that a next hop remembered. */
export function nhForgetNeigh(nh: FibNh): void {
  const neigh = nh.neigh;
  nh.neigh = 0;
  if (neigh !== 0) neighPut(neigh);
}
