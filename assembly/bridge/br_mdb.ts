/**
 * The multicast database: which ports have listeners of a group. Linux: net/bridge/br_mdb.c, br_multicast.c.
 *
 *   McastContext ─table─► MdbEntry (VLAN, source, group) ─ports─► PortGroup ─next─► PortGroup      each with its timer
 *
 * A (*,G) has source 0, an (S,G) only frames of that source (br_mdb_source makes them of what IGMPv3 and MLDv2 tell).
 * Bounded: mcast_hash_max groups. One more, and snooping is switched off, as Linux does: groups are flooded then, which
 * loses nobody's traffic.
 */
import { BrAttr, MDB_BLOCKED, MDB_PERMANENT } from '../abi/bridge';
import { Op } from '../abi/ops';
import {
  HashNode,
  HashTable,
  hashBucket,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { jhash3words } from '../lib/jhash';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { TIMER_NEVER, Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { AF_INET, AF_INET6 } from '../net/net';
import { dropStarExclude, groupSourceDelete, mdbStarHostState, starHandleMode } from './br_mdb_source';
import { ehtForget } from './br_multicast_eht';
import { BR_MULTICAST_TO_UNICAST, BrPort, Bridge, brAttr, brAttrStore } from './br_private';

/** What snooping keeps of a bridge. */
@unmanaged
@final
export class McastContext {
  table: usize;
  /** The querier that others are: until when it counts (ns), from when on its answers are complete, its address. */
  otherUntil4: u64;
  otherUntil6: u64;
  otherDelay4: u64;
  otherDelay6: u64;
  otherAddr4: u32;
  startupSent: u32;
  otherAddr60: u64;
  otherAddr61: u64;
  /** The last query of MLD found a link-local address to come from. */
  hasIpv6Addr: u32;
  portGroups: u32;
  /** Sender of the report that is being read. */
  source: u64;
  /** Where our own queries came from last: in an election others are measured by it. */
  ownAddr4: u32;
  pad: u32;
  ownAddr60: u64;
  ownAddr61: u64;
}
const CONTEXT_TIMERS: usize = 112;
const CONTEXT_TABLE: usize = CONTEXT_TIMERS + 24;
const CONTEXT_BYTES: usize = CONTEXT_TABLE + offsetof<HashTable>();

@unmanaged
@final
export class MdbEntry {
  hnext: usize;
  hash: u32;
  br: usize;
  vid: u16;
  /** AF_INET, AF_INET6, or 0 for a MAC. */
  family: u8;
  hostJoined: u8;
  addr0: u64;
  addr1: u64;
  /** The source of an (S,G), 0 of a (*,G). */
  src0: u64;
  src1: u64;
  ports: usize;
  pad: u32;
}
const ENTRY_TIMER: usize = 56;
const ENTRY_BYTES: usize = ENTRY_TIMER + 24;

@unmanaged
@final
export class PortGroup {
  next: usize;
  port: usize;
  entry: usize;
  /** MDB_* */
  flags: u32;
  /** The listener, where the port sends to each by itself (mcast_to_unicast); all ones for a static one. */
  addr: u64;
  /** GroupSource of br_mdb_source, and how many; EhtHost of br_multicast_eht. */
  sources: usize;
  hosts: usize;
  sourceCount: u16;
  hostCount: u16;
  /** MCAST_INCLUDE, MCAST_EXCLUDE */
  filterMode: u8;
  /** Queries for the group that are still to be sent. */
  rexmit: u8;
  pad: u16;
}
const GROUP_TIMER: usize = 40;
const GROUP_REXMIT_TIMER: usize = GROUP_TIMER + 24;
/** Members of all groups together: a port that tells listeners apart has as many as there are addresses. */
const PORT_GROUPS_MAX: u32 = 65536;
const ANY_LISTENER: u64 = 0xffffffffffff;
const GROUP_BYTES: usize = GROUP_REXMIT_TIMER + 24;
/** Linux: include/uapi/linux/in.h */
export const MCAST_EXCLUDE: u32 = 0;
export const MCAST_INCLUDE: u32 = 1;

export function mcast(br: Bridge): McastContext {
  return changetype<McastContext>(br.mcast);
}

export function queryTimer(br: Bridge): Timer {
  return changetype<Timer>(br.mcast + CONTEXT_TIMERS);
}

function table(br: Bridge): HashTable {
  return changetype<HashTable>(br.mcast + CONTEXT_TABLE);
}

export function mdbInit(br: Bridge): bool {
  assert(offsetof<McastContext>() <= CONTEXT_TIMERS, 'CONTEXT_TIMERS is behind the fields');
  br.mcast = kzalloc(CONTEXT_BYTES);
  if (br.mcast === 0) return false;
  timerSetup(queryTimer(br), Op.TIMER_BR_QUERY, changetype<usize>(br));
  if (hashInit(table(br), 6, brAttr(br, BrAttr.MCAST_HASH_MAX))) return true;
  kfree(br.mcast);
  br.mcast = 0;
  return false;
}

export function mdbDestroy(br: Bridge): void {
  if (br.mcast === 0) return;
  mdbFlush(br);
  timerDel(queryTimer(br));
  hashDestroy(table(br));
  kfree(br.mcast);
  br.mcast = 0;
}

export function mdbCount(br: Bridge): u32 {
  return table(br).count;
}

function hashOf(vid: u32, addr0: u64, addr1: u64, src0: u64, src1: u64): u32 {
  const folded = addr0 ^ addr1;
  const source = src0 ^ src1;
  const third = vid ^ <u32>source ^ <u32>(source >> 32);
  return jhash3words(<u32>folded, <u32>(folded >> 32), third, <u32>root().hashKey0);
}

/** The (*,G) entry of a group, or 0. IPv4 groups have their address (network order) in addr0. */
export function mdbLookup(br: Bridge, family: u32, vid: u32, addr0: u64, addr1: u64): usize {
  return mdbLookupSource(br, family, vid, addr0, addr1, 0, 0);
}

/** The (S,G) entry, or 0. */
export function mdbLookupSource(
  br: Bridge,
  family: u32,
  vid: u32,
  addr0: u64,
  addr1: u64,
  src0: u64,
  src1: u64,
): usize {
  const hash = hashOf(vid, addr0, addr1, src0, src1);
  for (let at = hashHead(table(br), hash); at !== 0; at = changetype<HashNode>(at).hnext) {
    const e = changetype<MdbEntry>(at);
    if (e.hash !== hash || <u32>e.vid !== vid || <u32>e.family !== family) continue;
    if (e.addr0 !== addr0 || e.addr1 !== addr1) continue;
    if (e.src0 === src0 && e.src1 === src1) return at;
  }
  return 0;
}

/** The entry, made when there is none; 0 when there is no room. */
export function mdbGet(
  br: Bridge,
  family: u32,
  vid: u32,
  addr0: u64,
  addr1: u64,
  src0: u64,
  src1: u64,
): usize {
  const known = mdbLookupSource(br, family, vid, addr0, addr1, src0, src1);
  if (known !== 0) return known;
  const t = table(br);
  t.max = brAttr(br, BrAttr.MCAST_HASH_MAX);
  if (t.count >= t.max) {
    br.snooping = 0;
    brAttrStore(br, BrAttr.MCAST_SNOOPING, 0);
    return 0;
  }
  const at = kzalloc(ENTRY_BYTES);
  if (at === 0) return 0;
  const e = changetype<MdbEntry>(at);
  e.br = changetype<usize>(br);
  e.family = <u8>family;
  e.vid = <u16>vid;
  e.addr0 = addr0;
  e.addr1 = addr1;
  e.src0 = src0;
  e.src1 = src1;
  timerSetup(changetype<Timer>(at + ENTRY_TIMER), Op.TIMER_BR_GROUP, at);
  hashInsert(t, changetype<HashNode>(at), hashOf(vid, addr0, addr1, src0, src1));
  return at;
}

/** The entry is a (*,G). */
export function mdbIsStarG(e: MdbEntry): bool {
  return (e.src0 | e.src1) === 0;
}

/** An entry that nobody needs goes. */
export function mdbRelease(e: MdbEntry): void {
  if (e.hostJoined !== 0 || e.ports !== 0) return;
  const at = changetype<usize>(e);
  timerDel(changetype<Timer>(at + ENTRY_TIMER));
  hashRemove(table(changetype<Bridge>(e.br)), changetype<HashNode>(at));
  kfree(at);
}

/** The bridge device itself listens until then; TIMER_NEVER: for good. */
export function mdbHostJoin(entry: usize, until: u64): void {
  const e = changetype<MdbEntry>(entry);
  if (e.hostJoined === 0) {
    e.hostJoined = 1;
    mdbStarHostState(e);
  }
  if (until !== TIMER_NEVER) timerAdd(changetype<Timer>(entry + ENTRY_TIMER), until);
}

export function mdbHostLeave(entry: usize): void {
  changetype<MdbEntry>(entry).hostJoined = 0;
  mdbStarHostState(changetype<MdbEntry>(entry));
  mdbRelease(changetype<MdbEntry>(entry));
}

export function portGroupRexmitTimer(pg: usize): Timer {
  return changetype<Timer>(pg + GROUP_REXMIT_TIMER);
}

export function portGroupTimer(pg: usize): Timer {
  return changetype<Timer>(pg + GROUP_TIMER);
}

export function hostTimer(entry: usize): Timer {
  return changetype<Timer>(entry + ENTRY_TIMER);
}

/** The port's membership of the entry, or 0. */
export function mdbPortGroup(entry: usize, p: BrPort): usize {
  let at = changetype<MdbEntry>(entry).ports;
  while (at !== 0 && changetype<PortGroup>(at).port !== changetype<usize>(p))
    at = changetype<PortGroup>(at).next;
  return at;
}

/** As far as the port tells listeners apart, the membership of this one, or 0. Linux: br_port_group_equal. */
export function mdbPortGroupOf(entry: usize, p: BrPort, source: u64): usize {
  if ((p.flags & BR_MULTICAST_TO_UNICAST) === 0) return mdbPortGroup(entry, p);
  let at = changetype<MdbEntry>(entry).ports;
  while (at !== 0) {
    const pg = changetype<PortGroup>(at);
    if (pg.port === changetype<usize>(p) && pg.addr === source) break;
    at = pg.next;
  }
  return at;
}

/**
 * The membership of `p`, made when there is none: with no timer, in filter mode `mode`. `source`: the listener, 0 for a
 * static entry. 0 when memory ran out.
 */
export function mdbPortGet(entry: usize, p: BrPort, flags: u32, source: u64, mode: u32): usize {
  const known = source === 0 ? mdbPortGroup(entry, p) : mdbPortGroupOf(entry, p, source);
  if (known !== 0) return known;
  const c = mcast(changetype<Bridge>(changetype<MdbEntry>(entry).br));
  const at = c.portGroups >= PORT_GROUPS_MAX ? 0 : kzalloc(GROUP_BYTES);
  if (at === 0) {
    mdbRelease(changetype<MdbEntry>(entry));
    return 0;
  }
  const pg = changetype<PortGroup>(at);
  pg.port = changetype<usize>(p);
  pg.entry = entry;
  pg.flags = flags;
  pg.filterMode = <u8>mode;
  pg.addr = source === 0 ? ANY_LISTENER : source;
  c.portGroups++;
  // Last: listeners of one port are served in the order in which they came.
  let link = entry + offsetof<MdbEntry>('ports');
  while (load<u32>(link) !== 0) link = load<u32>(link) + offsetof<PortGroup>('next');
  store<u32>(link, at);
  timerSetup(portGroupTimer(at), Op.TIMER_BR_PORT_GROUP, at);
  timerSetup(portGroupRexmitTimer(at), Op.TIMER_BR_REXMIT, at);
  return at;
}

/**
 * The membership ends, and with it what was made of its sources; the entry goes with its last one.
 * Linux: br_multicast_del_pg.
 */
export function mdbPortLeave(at: usize): void {
  const e = changetype<MdbEntry>(changetype<PortGroup>(at).entry);
  mdbPortDetach(at);
  mdbRelease(e);
}

/** The same, but that the entry stays, even if nobody is left. */
export function mdbPortDetach(at: usize): void {
  const pg = changetype<PortGroup>(at);
  const e = changetype<MdbEntry>(pg.entry);
  let link = pg.entry + offsetof<MdbEntry>('ports');
  while (load<u32>(link) !== at) link = load<u32>(link) + offsetof<PortGroup>('next');
  store<u32>(link, pg.next);
  timerDel(portGroupTimer(at));
  timerDel(portGroupRexmitTimer(at));
  ehtForget(pg);
  while (pg.sources !== 0) groupSourceDelete(pg.sources, false);
  if (mdbIsStarG(e)) starHandleMode(pg, MCAST_INCLUDE);
  else dropStarExclude(e);
  mcast(changetype<Bridge>(e.br)).portGroups--;
  kfree(at);
}

/** TIMER_BR_GROUP */
export function groupExpired(entry: usize): void {
  mdbHostLeave(entry);
}

/** The port leaves every group: its link went (permanent entries stay), or it leaves the bridge (`all`). */
export function mdbForgetPort(br: Bridge, p: BrPort, all: bool): void {
  const t = table(br);
  for (let i: u32 = 0; i <= t.mask; i++) {
    // What goes takes others with it, so each time from the bucket's beginning.
    for (let at = findOf(t, i, p, all); at !== 0; at = findOf(t, i, p, all)) mdbPortLeave(at);
  }
}

/** A membership in bucket `i` that ends: of port `p` (null: of any), permanent ones only with `all`. */
function findOf(t: HashTable, i: u32, p: BrPort | null, all: bool): usize {
  for (let at = hashBucket(t, i); at !== 0; at = changetype<HashNode>(at).hnext) {
    for (let member = changetype<MdbEntry>(at).ports; member !== 0; ) {
      const pg = changetype<PortGroup>(member);
      const its = p === null || pg.port === changetype<usize>(p);
      if (its && (all || (pg.flags & MDB_PERMANENT) === 0)) return member;
      member = pg.next;
    }
  }
  return 0;
}

/** Empties the table. */
export function mdbFlush(br: Bridge): void {
  const t = table(br);
  for (let i: u32 = 0; i <= t.mask; i++) {
    for (let at = findOf(t, i, null, true); at !== 0; at = findOf(t, i, null, true)) mdbPortLeave(at);
    for (let at = hashBucket(t, i); at !== 0; at = hashBucket(t, i)) mdbHostLeave(at);
  }
}

/** Entry number `index` counted over the buckets, to walk the table; 0 behind the last. */
export function mdbAt(br: Bridge, index: u32): usize {
  const t = table(br);
  for (let i: u32 = 0; i <= t.mask; i++) {
    for (let at = hashBucket(t, i); at !== 0; at = changetype<HashNode>(at).hnext) {
      if (index-- === 0) return at;
    }
  }
  return 0;
}

/** A multicast router is behind the port: it was heard, or the user says so. */
export function portHasRouter(p: BrPort): bool {
  return p.mcastRouter === 2 || ((p.mcastRouter & 1) !== 0 && root().now < p.mcastRouterUntil);
}

/** Whether a frame for the group of `entry` (0: of nobody) goes out of `p`. */
export function mdbPortWants(entry: usize, p: BrPort): bool {
  if (portHasRouter(p)) return true;
  if (entry === 0) return false;
  // Who listens to some sources only has an (S,G) of each.
  const e = changetype<MdbEntry>(entry);
  const includes = !mdbIsStarG(e) || !mdbTellsSources(changetype<Bridge>(e.br), e.family);
  for (let at = e.ports; at !== 0; ) {
    const pg = changetype<PortGroup>(at);
    at = pg.next;
    if (pg.port !== changetype<usize>(p) || (pg.flags & MDB_BLOCKED) !== 0) continue;
    if (includes || <u32>pg.filterMode === MCAST_EXCLUDE) return true;
  }
  return false;
}

/** Our queries are the ones that count. */
export function mcastAsks(br: Bridge, family: u32): bool {
  if (brAttr(br, BrAttr.MCAST_QUERIER) === 0) return false;
  return root().now >= (family === AF_INET ? mcast(br).otherUntil4 : mcast(br).otherUntil6);
}

/** Sources are told apart: IGMPv3, MLDv2. Linux: br_multicast_should_handle_mode. */
export function mdbTellsSources(br: Bridge, family: u32): bool {
  if (family === AF_INET) return brAttr(br, BrAttr.MCAST_IGMP_VERSION) === 3;
  return family === AF_INET6 && brAttr(br, BrAttr.MCAST_MLD_VERSION) === 2;
}

/** How long an entry's timer still runs, in hundredths of a second; 0: for ever. */
export function timerLeftCs(timer: Timer): u32 {
  if (!timerPending(timer)) return 0;
  const now = root().now;
  return timer.expires <= now ? 0 : <u32>((timer.expires - now) / 10_000_000);
}
