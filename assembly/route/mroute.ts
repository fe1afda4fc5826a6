/**
 * What multicast routing of both families has: interfaces (VIFs), entries (MFC), packets that wait for one. Linux:
 * net/ipv4/ipmr_base.c. The groups are static here: a host adds entries (smcroute, a routing daemon), the core reports
 * what it has none for.
 *
 *   net.mrt4/6 ─► MrTable { timer, VIFs, buckets ─► Mfc ─► ... , unresolved ─► Mfc { queue } ─► ... }
 *
 *   (S,G)   from its parent, to the VIFs whose threshold the TTL passes
 *   (*,G)   the same from any VIF of a tree that (*,*) entries span
 *   (*,*)   with parent P: from the others to P only
 *
 * Bounded: MAXVIFS interfaces, MFC_MAX entries, UNRES_MAX unresolved ones with QUEUE_MAX packets each for 10 seconds.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { EventType } from '../abi/event';
import { eventEmit } from '../dev/event';
import { NetDevice } from '../dev/net_device';
import { devSetAllmulti } from '../dev/upper';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET, Net } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { skbOrphanFrags } from '../skb/foreign';
import { SkBuff } from '../skb/sk_buff';

export const MAXVIFS: u32 = 32;
const MFC_MAX: u32 = 4096;
const UNRES_MAX: u32 = 64;
/** Linux: more than three packets of one group wait for nobody. */
const QUEUE_MAX: u32 = 4;
const UNRES_NS: u64 = 10_000_000_000;
/** Linux: MFC_ASSERT_THRESH: between two reports about one entry. */
const ASSERT_NS: u64 = 3_000_000_000;
const BUCKETS: u32 = 64;
/** A VIF that an entry does not send to. */
const TTL_NEVER: u8 = 255;

@unmanaged
@final
export class Vif {
  /** NetDevice, 0: there is none of this number. */
  dev: usize;
  /** Least TTL, which only who makes entries looks at, as in Linux. */
  threshold: u32;
  pktIn: u64;
  pktOut: u64;
  bytesIn: u64;
  bytesOut: u64;
}
const VIF_BYTES: u32 = offsetof<Vif>();

@unmanaged
@final
export class Mfc {
  next: usize;
  /** VIF that its packets come by. */
  parent: i32;
  origin0: u64;
  origin1: u64;
  group0: u64;
  group1: u64;
  pkt: u64;
  bytes: u64;
  wrongIf: u64;
  lastAssert: u64;
  lastUse: u64;
  /** VIFs from minvif to below maxvif may be sent to. */
  minvif: u32;
  maxvif: u32;
  ttls0: u64;
  ttls1: u64;
  ttls2: u64;
  ttls3: u64;
  /** While unresolved: packets that wait, until when, and by which VIF the first came. */
  queueHead: usize;
  queueTail: usize;
  queueLen: u32;
  isStatic: u32;
  expires: u64;
}

@unmanaged
@final
export class MrTable {
  timer0: u64;
  timer1: u64;
  timer2: u64;
  net: usize;
  family: u32;
  count: u32;
  unresCount: u32;
  unresHead: usize;
  /** Highest VIF in use, plus one. */
  maxvif: u32;
  // Vif x MAXVIFS, buckets x BUCKETS
}
const VIFS_AT: u32 = (offsetof<MrTable>() + 7) & ~7;
const BUCKETS_AT: u32 = VIFS_AT + MAXVIFS * VIF_BYTES;
const TABLE_BYTES: u32 = BUCKETS_AT + BUCKETS * 4;

function timerOf(table: MrTable): Timer {
  return changetype<Timer>(changetype<usize>(table));
}
export function mrVif(table: MrTable, vifi: u32): Vif {
  return changetype<Vif>(changetype<usize>(table) + VIFS_AT + vifi * VIF_BYTES);
}
export function mfcOrigin(c: Mfc): usize {
  return changetype<usize>(c) + offsetof<Mfc>('origin0');
}
export function mfcGroup(c: Mfc): usize {
  return changetype<usize>(c) + offsetof<Mfc>('group0');
}
export function mfcTtl(c: Mfc, vifi: u32): u8 {
  return load<u8>(changetype<usize>(c) + offsetof<Mfc>('ttls0') + vifi);
}
export function mfcAnySource(c: Mfc): bool {
  return (c.origin0 | c.origin1) === 0;
}
export function mfcAnyGroup(c: Mfc): bool {
  return (c.group0 | c.group1) === 0;
}

/** An empty table of the family, 0 when memory ran out. `timerOp` ends unresolved entries (mrExpire). */
export function mrCreate(net: Net, family: u32, timerOp: u32): usize {
  const p = kzalloc(TABLE_BYTES);
  if (p === 0) return 0;
  const table = changetype<MrTable>(p);
  table.net = changetype<usize>(net);
  table.family = family;
  timerSetup(timerOf(table), timerOp, p);
  return p;
}

/** Ends it, its VIFs first (the caller's, who counts mc_forwarding). */
export function mrDestroy(p: usize): void {
  const table = changetype<MrTable>(p);
  mrFlush(table, true);
  timerDel(timerOf(table));
  kfree(p);
}

/** Removes entries: all, or those that are not static; and everything unresolved. */
export function mrFlush(table: MrTable, all: bool): void {
  for (let i: u32 = 0; i < BUCKETS; i++) {
    let slot = bucketAt(table, i);
    while (load<u32>(slot) !== 0) {
      const c = changetype<Mfc>(load<u32>(slot));
      if (!all && c.isStatic !== 0) {
        slot = load<u32>(slot) + offsetof<Mfc>('next');
        continue;
      }
      store<u32>(slot, c.next);
      table.count--;
      kfree(changetype<usize>(c));
    }
  }
  while (table.unresHead !== 0) dropUnres(table, changetype<Mfc>(table.unresHead));
}

function bucketAt(table: MrTable, i: u32): usize {
  return changetype<usize>(table) + BUCKETS_AT + (i << 2);
}

function slotOf(table: MrTable, origin: usize, group: usize): usize {
  const h =
    (load<u64>(origin) ^ rotl<u64>(load<u64>(origin, 8), 13) ^ rotl<u64>(load<u64>(group), 29)) *
      0x9e3779b97f4a7c15 +
    load<u64>(group, 8) * 0xbf58476d1ce4e5b9;
  return bucketAt(table, <u32>(h >> 58));
}

/** The number of the VIF that stands for the device, -1: none. */
export function mrFindVif(table: MrTable, dev: usize): i32 {
  for (let i: u32 = 0; i < table.maxvif; i++) if (mrVif(table, i).dev === dev) return i;
  return -1;
}

/** 0, -EADDRINUSE (the number, or the device, is taken), -ENFILE. The caller turns mc_forwarding of the device on. */
export function mrVifAdd(table: MrTable, vifi: u32, dev: NetDevice, threshold: u32): i32 {
  if (vifi >= MAXVIFS) return -Errno.ENFILE;
  const v = mrVif(table, vifi);
  if (v.dev !== 0 || mrFindVif(table, changetype<usize>(dev)) >= 0) return -Errno.EADDRINUSE;
  memory.fill(changetype<usize>(v), 0, VIF_BYTES);
  v.dev = changetype<usize>(dev);
  v.threshold = threshold;
  if (vifi + 1 > table.maxvif) table.maxvif = vifi + 1;
  devSetAllmulti(dev, 1);
  return 0;
}

/** 0 or -EADDRNOTAVAIL. Entries keep its number, as in Linux: nothing goes there. */
export function mrVifDel(table: MrTable, vifi: u32): i32 {
  if (vifi >= table.maxvif || mrVif(table, vifi).dev === 0) return -Errno.EADDRNOTAVAIL;
  const v = mrVif(table, vifi);
  devSetAllmulti(changetype<NetDevice>(v.dev), -1);
  v.dev = 0;
  while (table.maxvif > 0 && mrVif(table, table.maxvif - 1).dev === 0) table.maxvif--;
  return 0;
}

/** The entry of exactly this source and group (16 bytes each), of this parent unless that is negative. */
export function mfcFind(table: MrTable, origin: usize, group: usize, parent: i32): Mfc | null {
  for (let at = load<u32>(slotOf(table, origin, group)); at !== 0; at = changetype<Mfc>(at).next) {
    const c = changetype<Mfc>(at);
    if (same(c, origin, group) && (parent < 0 || c.parent === parent)) return c;
  }
  return null;
}

function same(c: Mfc, origin: usize, group: usize): bool {
  return (
    c.origin0 === load<u64>(origin) &&
    c.origin1 === load<u64>(origin, 8) &&
    c.group0 === load<u64>(group) &&
    c.group1 === load<u64>(group, 8)
  );
}

const ANY = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** A (*,*) entry that sends to the VIF. Linux: mr_mfc_find_any_parent. */
export function mfcFindAnyParent(table: MrTable, vifi: u32): Mfc | null {
  for (let at = load<u32>(slotOf(table, ANY, ANY)); at !== 0; at = changetype<Mfc>(at).next) {
    const c = changetype<Mfc>(at);
    if (same(c, ANY, ANY) && mfcTtl(c, vifi) < TTL_NEVER) return c;
  }
  return null;
}

/** The (*,G) entry of a group for packets by this VIF, or the (*,*) one. Linux: mr_mfc_find_any. */
export function mfcFindAny(table: MrTable, group: usize, vifi: u32): Mfc | null {
  for (let at = load<u32>(slotOf(table, ANY, group)); at !== 0; at = changetype<Mfc>(at).next) {
    const c = changetype<Mfc>(at);
    if (!same(c, ANY, group)) continue;
    if (mfcTtl(c, vifi) < TTL_NEVER) return c;
    // "It's ok if the vifi is part of the static tree."
    const proxy = c.parent >= 0 ? mfcFindAnyParent(table, c.parent) : null;
    if (proxy !== null && mfcTtl(proxy, vifi) < TTL_NEVER) return c;
  }
  return mfcFindAnyParent(table, vifi);
}

/**
 * Adds an entry, or changes that of the same source and group. `ttls`: MAXVIFS bytes, 0 and 255: not to this VIF. The
 * entry, with `out` (u32) set to the packets that waited for it, or null: no room (-ENOBUFS), or no such VIF (-EINVAL).
 */
export function mfcAdd(
  table: MrTable,
  origin: usize,
  group: usize,
  parent: i32,
  ttls: usize,
  proxy: bool,
  out: usize,
): Mfc | null {
  store<u32>(out, 0);
  let c = mfcFind(table, origin, group, proxy ? parent : -1);
  if (c === null) {
    if (table.count >= MFC_MAX) return null;
    const p = kzalloc(offsetof<Mfc>());
    if (p === 0) return null;
    c = changetype<Mfc>(p);
    memory.copy(mfcOrigin(c), origin, 16);
    memory.copy(mfcGroup(c), group, 16);
    const slot = slotOf(table, origin, group);
    c.next = load<u32>(slot);
    store<u32>(slot, p);
    table.count++;
    c.lastUse = root().now;
  }
  c.parent = parent;
  setThresholds(table, c, ttls);
  c.isStatic = 1;
  const waiting = unresFind(table, origin, group);
  if (waiting !== null) {
    store<u32>(out, <u32>waiting.queueHead);
    waiting.queueHead = 0;
    dropUnres(table, waiting);
  }
  return c;
}

/** Linux: ipmr_update_thresholds. */
function setThresholds(table: MrTable, c: Mfc, ttls: usize): void {
  c.minvif = MAXVIFS;
  c.maxvif = 0;
  const at = changetype<usize>(c) + offsetof<Mfc>('ttls0');
  memory.fill(at, TTL_NEVER, MAXVIFS);
  for (let i: u32 = 0; i < table.maxvif; i++) {
    const ttl = load<u8>(ttls + i);
    if (mrVif(table, i).dev === 0 || ttl === 0 || ttl === TTL_NEVER) continue;
    store<u8>(at + i, ttl);
    if (c.minvif > i) c.minvif = i;
    c.maxvif = i + 1;
  }
}

/** 0 or -ENOENT. */
export function mfcDel(table: MrTable, origin: usize, group: usize, parent: i32): i32 {
  const c = mfcFind(table, origin, group, parent);
  if (c === null) return -Errno.ENOENT;
  let slot = slotOf(table, origin, group);
  while (load<u32>(slot) !== changetype<usize>(c)) slot = load<u32>(slot) + offsetof<Mfc>('next');
  store<u32>(slot, c.next);
  table.count--;
  kfree(changetype<usize>(c));
  return 0;
}

/** The entry behind `cursor` {u32 bucket, u32 index}, or null at the end. */
export function mfcDumpNext(table: MrTable, cursor: usize): Mfc | null {
  for (let bucket = load<u32>(cursor); bucket < BUCKETS; bucket++) {
    let i: u32 = 0;
    for (let at = load<u32>(bucketAt(table, bucket)); at !== 0; at = changetype<Mfc>(at).next) {
      if (i++ < load<u32>(cursor, 4)) continue;
      store<u32>(cursor, bucket);
      store<u32>(cursor, i, 4);
      return changetype<Mfc>(at);
    }
    store<u32>(cursor, 0, 4);
  }
  store<u32>(cursor, BUCKETS);
  return null;
}

function unresFind(table: MrTable, origin: usize, group: usize): Mfc | null {
  for (let at = table.unresHead; at !== 0; at = changetype<Mfc>(at).next) {
    if (same(changetype<Mfc>(at), origin, group)) return changetype<Mfc>(at);
  }
  return null;
}

/** No entry for this packet: it waits, and the host hears of it once. Owns the skb. Linux: ipmr_cache_unresolved. */
export function mfcUnresolved(table: MrTable, vifi: u32, skb: SkBuff, origin: usize, group: usize): void {
  let c = unresFind(table, origin, group);
  if (c === null) {
    const p = table.unresCount < UNRES_MAX ? kzalloc(offsetof<Mfc>()) : 0;
    if (p === 0) {
      kfreeSkbReason(skb, SkbDropReason.NEIGH_QUEUEFULL);
      return;
    }
    c = changetype<Mfc>(p);
    memory.copy(mfcOrigin(c), origin, 16);
    memory.copy(mfcGroup(c), group, 16);
    c.parent = -1;
    c.expires = root().now + UNRES_NS;
    c.next = table.unresHead;
    table.unresHead = p;
    table.unresCount++;
    if (!timerPending(timerOf(table))) timerAdd(timerOf(table), c.expires);
    report(table, EventType.MROUTE_NOCACHE, vifi, skb.dev, c);
  }
  if (c.queueLen >= QUEUE_MAX || !skbOrphanFrags(skb)) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_QUEUEFULL);
    return;
  }
  skb.next = 0;
  skb.dst = 0;
  if (c.queueTail === 0) c.queueHead = changetype<usize>(skb);
  else changetype<SkBuff>(c.queueTail).next = changetype<usize>(skb);
  c.queueTail = changetype<usize>(skb);
  c.queueLen++;
}

/** Source and group of an entry, as two records behind each other. */
function report(table: MrTable, type: EventType, vifi: u32, devPtr: usize, c: Mfc): void {
  const net = changetype<Net>(table.net);
  const ifindex = changetype<NetDevice>(devPtr).ifindex;
  eventEmit(type, table.family, net, ifindex, vifi, mfcOrigin(c));
  eventEmit(type, table.family, net, ifindex, vifi | 0x80000000, mfcGroup(c));
}

/** A packet came by a VIF that is not the parent of its entry: the host hears of it now and then. */
export function mfcWrongVif(table: MrTable, vifi: i32, devPtr: usize, c: Mfc): void {
  c.wrongIf++;
  if (vifi < 0 || mfcTtl(c, vifi) === TTL_NEVER) return;
  if (c.lastAssert !== 0 && root().now - c.lastAssert < ASSERT_NS) return;
  c.lastAssert = root().now;
  report(table, EventType.MROUTE_WRONGVIF, vifi, devPtr, c);
}

function dropUnres(table: MrTable, c: Mfc): void {
  let slot = changetype<usize>(table) + offsetof<MrTable>('unresHead');
  while (load<u32>(slot) !== changetype<usize>(c)) slot = load<u32>(slot) + offsetof<Mfc>('next');
  store<u32>(slot, c.next);
  table.unresCount--;
  let at = c.queueHead;
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
  }
  kfree(changetype<usize>(c));
}

/** The timer: unresolved entries that nobody made one for go, with their packets. */
export function mrExpire(p: usize): void {
  const table = changetype<MrTable>(p);
  let next: u64 = u64.MAX_VALUE;
  let at = table.unresHead;
  while (at !== 0) {
    const c = changetype<Mfc>(at);
    at = c.next;
    if (c.expires <= root().now) dropUnres(table, c);
    else next = min(next, c.expires);
  }
  if (next !== u64.MAX_VALUE) timerAdd(timerOf(table), next);
}

/** The device is going: packets that came by it wait no longer. */
export function mrDevGone(table: MrTable, dev: usize): void {
  let at = table.unresHead;
  while (at !== 0) {
    const c = changetype<Mfc>(at);
    at = c.next;
    for (let s = c.queueHead; s !== 0; s = changetype<SkBuff>(s).next) {
      if (changetype<SkBuff>(s).dev !== dev) continue;
      dropUnres(table, c);
      break;
    }
  }
}

/** For AF_INET a 16-byte key is made of the address, which is in the first four bytes. */
export function mrKey4(at: usize, addrBe: u32): usize {
  store<u64>(at, <u64>addrBe);
  store<u64>(at, 0, 8);
  return at;
}

/**
 * Which VIFs a packet goes to, as a bit each; 0: to none. Counts what comes in. Linux: ip_mr_forward. `vifi`: the one it
 * came by or -1; `ttl`: of the packet.
 */
export function mfcTargets(table: MrTable, c: Mfc, devPtr: usize, vifi: i32, ttl: u32, len: u32): u32 {
  c.pkt++;
  c.bytes += len;
  c.lastUse = root().now;
  let onTree = false;
  if (mfcAnySource(c) && vifi >= 0 && c.parent >= 0) {
    // "For an (*,G) entry, we only check that the incoming interface is part of the static tree."
    const proxy = mfcFindAnyParent(table, c.parent);
    onTree = proxy !== null && mfcTtl(proxy, vifi) < TTL_NEVER;
  }
  if (!onTree && (c.parent < 0 || mrVif(table, c.parent).dev !== devPtr)) {
    mfcWrongVif(table, vifi, devPtr, c);
    return 0;
  }
  const incoming = mrVif(table, onTree && vifi >= 0 ? vifi : c.parent);
  incoming.pktIn++;
  incoming.bytesIn += len;
  if (mfcAnySource(c) && mfcAnyGroup(c)) {
    // "It's an (*,*) entry and the packet is not coming from the upstream: forward the packet to the upstream only."
    if (vifi >= 0 && vifi !== c.parent && ttl > <u32>mfcTtl(c, c.parent)) return (<u32>1) << c.parent;
    return 0;
  }
  let targets: u32 = 0;
  for (let i = c.minvif; i < c.maxvif; i++) {
    if (mfcAnySource(c) && <i32>i === vifi) continue;
    if (ttl > <u32>mfcTtl(c, i)) targets |= (<u32>1) << i;
  }
  return targets;
}

export function mrIs4(table: MrTable): bool {
  return table.family === AF_INET;
}
