/**
 * The forwarding database: which port a MAC is behind, per VLAN. Linux: net/bridge/br_fdb.c.
 *
 *   key   63        48 47                              0      hash = uppermost bits of products with a random odd
 *         ├── VLAN ───┼── MAC, its first byte lowest ──┤      number: they depend on every bit, of the last byte too
 *
 * Local entries are addresses of this machine, static ones were given, all others were learned and go when nothing was
 * heard from them for the hold time. A timer walks the table at the time when the oldest may have to go.
 *
 * Bounded: fdb_max_learned learned entries, BR_FDB_LEARNED_MAX when that is 0. When the table is full, what is new is
 * not learned, and frames to it are flooded (as in Linux): nobody can push out what is there by sending from many
 * addresses, and ageing makes room.
 */
import { BrAttr, FDB_FLUSH_PERMANENT, FDB_FLUSH_STATIC, FdbEvent } from '../abi/bridge';
import { EventType } from '../abi/event';
import { eventEmit } from '../dev/event';
import { NetDevice } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { randomU64 } from '../lib/random';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Timer, timerAdd, timerPending } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { BrPort, BrTimer, Bridge, GROUP_BIT, MAC_MASK, brAttr, brTimer } from './br_private';

@unmanaged
@final
export class FdbEntry {
  hnext: usize;
  /** BrPort, or 0: the bridge device itself. */
  dst: usize;
  key: u64;
  /** Ticks (fdbTick) when it was last heard from, and last sent to. */
  updated: u32;
  used: u32;
  /** FDB_* */
  flags: u32;
  pad: u32;
}
const FDB_ENTRY_BYTES: u32 = 32;

export const FDB_LOCAL: u32 = 1;
export const FDB_STATIC: u32 = 2;
/** Does not follow its MAC to another port. */
export const FDB_STICKY: u32 = 4;
export const FDB_ADDED_BY_USER: u32 = 8;
export const FDB_EXT_LEARN: u32 = 16;
/** Learned from a frame: counts for fdb_max_learned. */
export const FDB_DYNAMIC_LEARNED: u32 = 32;

// Linux: include/uapi/linux/neighbour.h
export const NUD_REACHABLE: u32 = 0x02;
export const NUD_STALE: u32 = 0x04;
export const NUD_NOARP: u32 = 0x40;
export const NUD_PERMANENT: u32 = 0x80;

export const BR_FDB_LEARNED_MAX: u32 = 65536;
/** Entries given by the user, and addresses of ports in their VLANs, are bounded as well. */
const BR_FDB_OTHERS_MAX: u32 = 131072;
const BUCKETS_MIN: u32 = 256;
const BUCKETS_MAX: u32 = 131072;
const AF_BRIDGE: u32 = 7;
/** A tick is 2^20 ns. */
export const FDB_TICK_SHIFT: u32 = 20;
const NS_PER_CS: u64 = 10_000_000;
/** Between two walks over the table at least: 16 ms. */
const GC_MIN_TICKS: u32 = 16;

export function fdbInit(br: Bridge): bool {
  br.fdbFactor = randomU64() | 1;
  setSize(br, BUCKETS_MIN);
  br.fdbBuckets = kzalloc(BUCKETS_MIN << 2);
  return br.fdbBuckets !== 0;
}

/** `size` is a power of two. */
function setSize(br: Bridge, size: u32): void {
  br.fdbMask = size - 1;
  br.fdbShift = 64 - ctz(size);
}

export function fdbDestroy(br: Bridge): void {
  if (br.fdbBuckets === 0) return;
  for (let i: u32 = 0; i <= br.fdbMask; i++) {
    let at = load<u32>(br.fdbBuckets + (i << 2));
    while (at !== 0) {
      const next = changetype<FdbEntry>(at).hnext;
      kfree(at);
      at = next;
    }
  }
  kfree(br.fdbBuckets);
  br.fdbBuckets = 0;
}

export function fdbTick(): u32 {
  return <u32>(root().now >> FDB_TICK_SHIFT);
}

export function fdbKey(mac: u64, vid: u32): u64 {
  return (mac & MAC_MASK) | ((<u64>vid) << 48);
}

/** In line where frames are looked up. */
export class Fdb {
  /** Twice, since stations' addresses are often rows of numbers: after one product rows stay rows, which may meet. */
  @inline
  static hash(key: u64, factor: u64, shift: u32): u32 {
    const product = key * factor;
    return <u32>(((product ^ (product >> 29)) * factor) >> shift);
  }

  /** The entry of `key`, or 0. */
  @inline
  static find(buckets: usize, shift: u32, factor: u64, key: u64): usize {
    let at: usize = load<u32>(buckets + (Fdb.hash(key, factor, shift) << 2));
    while (at !== 0) {
      if (changetype<FdbEntry>(at).key === key) break;
      at = changetype<FdbEntry>(at).hnext;
    }
    return at;
  }
}

export function fdbFind(br: Bridge, key: u64): FdbEntry | null {
  return changetype<FdbEntry | null>(Fdb.find(br.fdbBuckets, br.fdbShift, br.fdbFactor, key));
}

function bucketOf(br: Bridge, key: u64): usize {
  return br.fdbBuckets + (Fdb.hash(key, br.fdbFactor, br.fdbShift) << 2);
}

/** Learns, or refreshes, that `key` is behind `p`. Linux: br_fdb_update. */
export function fdbUpdate(br: Bridge, p: BrPort, key: u64, tick: u32): void {
  if (br.learns === 0) return;
  const found = fdbFind(br, key);
  if (found !== null) {
    const e = found;
    // A frame with our own source address comes from a loop, or from somebody who plays us.
    if ((e.flags & FDB_LOCAL) !== 0) return;
    e.updated = tick;
    if (e.dst !== changetype<usize>(p) && (e.flags & FDB_STICKY) === 0) {
      e.dst = changetype<usize>(p);
      fdbNotify(br, e, false);
    }
    return;
  }
  if (fdbLearnedFull(br)) return;
  const made = fdbCreate(br, changetype<usize>(p), key, FDB_DYNAMIC_LEARNED);
  if (made === null) return;
  br.fdbLearned++;
  fdbNotify(br, made, false);
  const gc = changetype<Timer>(brTimer(br, BrTimer.GC));
  if (!timerPending(gc))
    timerAdd(gc, root().now + ((<u64>max(br.holdTicks, GC_MIN_TICKS)) << FDB_TICK_SHIFT));
}

/** Nothing more is learned. */
export function fdbLearnedFull(br: Bridge): bool {
  const asked = brAttr(br, BrAttr.FDB_MAX_LEARNED);
  return br.fdbLearned >= (asked === 0 ? BR_FDB_LEARNED_MAX : asked);
}

/** A new entry; the caller knows that there is none. */
function fdbCreate(br: Bridge, dst: usize, key: u64, flags: u32): FdbEntry | null {
  // Twice as many buckets as entries: a chain of two is a branch that nobody foresees.
  if (br.fdbCount << 1 > br.fdbMask && br.fdbMask < BUCKETS_MAX - 1) fdbGrow(br);
  const p = kzalloc(FDB_ENTRY_BYTES);
  if (p === 0) return null;
  const e = changetype<FdbEntry>(p);
  e.dst = dst;
  e.key = key;
  e.flags = flags;
  e.updated = fdbTick();
  e.used = e.updated;
  const bucket = bucketOf(br, key);
  e.hnext = load<u32>(bucket);
  store<u32>(bucket, p);
  br.fdbCount++;
  return e;
}

function fdbGrow(br: Bridge): void {
  const size = (br.fdbMask + 1) << 1;
  const buckets = kzalloc(size << 2);
  if (buckets === 0) return;
  const old = br.fdbBuckets;
  const oldMask = br.fdbMask;
  br.fdbBuckets = buckets;
  setSize(br, size);
  for (let i: u32 = 0; i <= oldMask; i++) {
    let at = load<u32>(old + (i << 2));
    while (at !== 0) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      const bucket = bucketOf(br, e.key);
      e.hnext = load<u32>(bucket);
      store<u32>(bucket, changetype<usize>(e));
    }
  }
  kfree(old);
}

function fdbDelete(br: Bridge, e: FdbEntry): void {
  let link = bucketOf(br, e.key);
  while (load<u32>(link) !== changetype<usize>(e)) link = load<u32>(link) + offsetof<FdbEntry>('hnext');
  store<u32>(link, e.hnext);
  br.fdbCount--;
  if ((e.flags & FDB_DYNAMIC_LEARNED) !== 0) br.fdbLearned--;
  fdbNotify(br, e, true);
  kfree(changetype<usize>(e));
}

/** NUD_* as `bridge fdb` shows it. Linux: fdb_to_nud. */
export function fdbState(br: Bridge, e: FdbEntry): u32 {
  if ((e.flags & FDB_LOCAL) !== 0) return NUD_PERMANENT;
  if ((e.flags & FDB_STATIC) !== 0) return NUD_NOARP;
  return fdbExpired(br, e, fdbTick()) ? NUD_STALE : NUD_REACHABLE;
}

function fdbExpired(br: Bridge, e: FdbEntry, tick: u32): bool {
  return (e.flags & (FDB_STATIC | FDB_LOCAL | FDB_EXT_LEARN)) === 0 && tick - e.updated >= br.holdTicks;
}

function fdbNotify(br: Bridge, e: FdbEntry, gone: bool): void {
  const dev = changetype<NetDevice>(br.dev);
  const addr = scratch(Scratch.BR_FDB_EVENT);
  store<u64>(addr, e.key, FdbEvent.MAC);
  store<i32>(addr, dev.ifindex, FdbEvent.MASTER);
  store<u32>(addr, fdbState(br, e), FdbEvent.STATE);
  eventEmit(EventType.FDB, AF_BRIDGE, dev.net, fdbIfindex(br, e), <u32>gone, addr);
}

export function fdbIfindex(br: Bridge, e: FdbEntry): i32 {
  return changetype<NetDevice>(e.dst === 0 ? br.dev : changetype<BrPort>(e.dst).dev).ifindex;
}

/**
 * An address of this machine: of the bridge (`p` null) or of a port, in a VLAN. An entry that was learned gives way.
 * Linux: br_fdb_add_local.
 */
export function fdbAddLocal(br: Bridge, p: BrPort | null, mac: u64, vid: u32): void {
  if (mac === 0 || (mac & GROUP_BIT) !== 0) return;
  const key = fdbKey(mac, vid);
  const found = fdbFind(br, key);
  if (found !== null) {
    if ((found.flags & FDB_LOCAL) !== 0) return;
    fdbDelete(br, found);
  }
  if (br.fdbCount - br.fdbLearned >= BR_FDB_OTHERS_MAX) return;
  const made = fdbCreate(br, changetype<usize>(p), key, FDB_LOCAL | FDB_STATIC);
  if (made !== null) fdbNotify(br, made, false);
}

/**
 * The device no longer has this address: the entry goes, unless another port, or the bridge, has the same one.
 * Linux: fdb_delete_local.
 */
export function fdbDelLocal(br: Bridge, p: BrPort | null, mac: u64, vid: u32): void {
  const found = fdbFind(br, fdbKey(mac, vid));
  if (found === null) return;
  const e = found;
  if ((e.flags & (FDB_LOCAL | FDB_ADDED_BY_USER)) !== FDB_LOCAL || e.dst !== changetype<usize>(p)) return;
  if (!fdbTakenOver(br, e, changetype<usize>(p))) fdbDelete(br, e);
}

/** Gives a local entry to whoever else has its address. */
function fdbTakenOver(br: Bridge, e: FdbEntry, but: usize): bool {
  const mac = e.key & MAC_MASK;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    if (at === but || changetype<NetDevice>(changetype<BrPort>(at).dev).addr !== mac) continue;
    e.dst = at;
    return true;
  }
  if (but === 0 || changetype<NetDevice>(br.dev).addr !== mac) return false;
  e.dst = 0;
  return true;
}

/** What was learned behind `p` goes (link down); with `all` everything that points there (the port leaves). */
export function fdbDeleteByPort(br: Bridge, p: BrPort, all: bool): void {
  for (let i: u32 = 0; i <= br.fdbMask; i++) {
    let at = load<u32>(br.fdbBuckets + (i << 2));
    while (at !== 0) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      if (e.dst !== changetype<usize>(p)) continue;
      if (!all && (e.flags & (FDB_STATIC | FDB_LOCAL | FDB_EXT_LEARN)) !== 0) continue;
      if ((e.flags & (FDB_LOCAL | FDB_ADDED_BY_USER)) === FDB_LOCAL && fdbTakenOver(br, e, e.dst)) continue;
      fdbDelete(br, e);
    }
  }
}

/** A VLAN of `p` (null: of the bridge) went: so does what points there in it. */
export function fdbDeleteVlan(br: Bridge, p: BrPort | null, vid: u32): void {
  for (let i: u32 = 0; i <= br.fdbMask; i++) {
    let at = load<u32>(br.fdbBuckets + (i << 2));
    while (at !== 0) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      if (e.dst === changetype<usize>(p) && <u32>(e.key >> 48) === vid) fdbDelete(br, e);
    }
  }
}

/** `bridge fdb flush`: of `p` or of all ports (null), of one VLAN or all (0); `also` says which kinds besides. */
export function fdbFlush(br: Bridge, p: BrPort | null, vid: u32, also: u32): void {
  for (let i: u32 = 0; i <= br.fdbMask; i++) {
    let at = load<u32>(br.fdbBuckets + (i << 2));
    while (at !== 0) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      if (p !== null && e.dst !== changetype<usize>(p)) continue;
      if (vid !== 0 && <u32>(e.key >> 48) !== vid) continue;
      if ((e.flags & FDB_LOCAL) !== 0) {
        if ((also & FDB_FLUSH_PERMANENT) === 0) continue;
      } else if ((e.flags & (FDB_STATIC | FDB_EXT_LEARN)) !== 0) {
        if ((also & FDB_FLUSH_STATIC) === 0) continue;
      }
      fdbDelete(br, e);
    }
  }
}

/** What the MAC of a port, or of the bridge, was becomes what it is, in every VLAN that has it. */
export function fdbChangeLocal(br: Bridge, p: BrPort | null, from: u64, to: u64): void {
  fdbDelLocal(br, p, from, 0);
  fdbAddLocal(br, p, to, 0);
}

/** A request's entry. Linux: fdb_add_entry. `state` is NUD_*, `flags` FDB_STICKY or FDB_EXT_LEARN. */
export function fdbAddEntry(
  br: Bridge,
  p: BrPort | null,
  key: u64,
  state: u32,
  flags: u32,
  replace: bool,
): i32 {
  const kind =
    (state & NUD_PERMANENT) !== 0 ? FDB_LOCAL | FDB_STATIC : (state & NUD_NOARP) !== 0 ? FDB_STATIC : 0;
  // Only an entry that stays can be one of the bridge itself.
  if (p === null && kind !== (FDB_LOCAL | FDB_STATIC)) return -Errno.EINVAL;
  if ((flags & FDB_STICKY) !== 0 && kind === (FDB_LOCAL | FDB_STATIC)) return -Errno.EINVAL;
  const wanted = kind | flags | FDB_ADDED_BY_USER;
  const found = fdbFind(br, key);
  if (found !== null) {
    if (!replace) return -Errno.EEXIST;
    if ((found.flags & FDB_DYNAMIC_LEARNED) !== 0) br.fdbLearned--;
    found.dst = changetype<usize>(p);
    found.flags = wanted;
    found.updated = fdbTick();
    found.used = found.updated;
    fdbNotify(br, found, false);
    return 0;
  }
  if (br.fdbCount - br.fdbLearned >= BR_FDB_OTHERS_MAX) return -Errno.ENOSPC;
  const made = fdbCreate(br, changetype<usize>(p), key, wanted);
  if (made === null) return -Errno.ENOMEM;
  fdbNotify(br, made, false);
  if (kind === 0) fdbGcSoon(br);
  return 0;
}

export function fdbDelEntry(br: Bridge, p: BrPort | null, key: u64): i32 {
  const found = fdbFind(br, key);
  if (found === null || found.dst !== changetype<usize>(p)) return -Errno.ENOENT;
  fdbDelete(br, found);
  return 0;
}

/** Hold time in ticks changed: the walk comes at the new time. */
export function fdbSetHold(br: Bridge, ms: u32): void {
  const ticks = min<u64>((<u64>ms * 1_000_000) >> FDB_TICK_SHIFT, 0x7fffffff);
  br.holdTicks = <u32>ticks;
  if (br.fdbCount !== 0) fdbGcSoon(br);
}

function fdbGcSoon(br: Bridge): void {
  timerAdd(changetype<Timer>(brTimer(br, BrTimer.GC)), root().now + ((<u64>GC_MIN_TICKS) << FDB_TICK_SHIFT));
}

/** Timer: takes out what is too old and comes again when the next may be. Linux: br_fdb_cleanup. */
export function fdbGc(p: usize): void {
  const br = changetype<Bridge>(p);
  const tick = fdbTick();
  const hold = br.holdTicks;
  let wait: u32 = 0xffffffff;
  for (let i: u32 = 0; i <= br.fdbMask; i++) {
    let at = load<u32>(br.fdbBuckets + (i << 2));
    while (at !== 0) {
      const e = changetype<FdbEntry>(at);
      at = e.hnext;
      if ((e.flags & (FDB_STATIC | FDB_LOCAL | FDB_EXT_LEARN)) !== 0) continue;
      const age = tick - e.updated;
      if (age >= hold) fdbDelete(br, e);
      else wait = min(wait, hold - age);
    }
  }
  if (wait === 0xffffffff) return;
  timerAdd(
    changetype<Timer>(brTimer(br, BrTimer.GC)),
    root().now + ((<u64>max(wait, GC_MIN_TICKS)) << FDB_TICK_SHIFT),
  );
}

/** Hundredths of a second that a tick of the table lies back. */
export function fdbAgeCs(tick: u32): u32 {
  return <u32>(((<u64>(fdbTick() - tick)) << FDB_TICK_SHIFT) / NS_PER_CS);
}
