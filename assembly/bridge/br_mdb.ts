/**
 * The multicast database: which ports have listeners of a group. Linux: net/bridge/br_mdb.c, br_multicast.c.
 *
 *   McastContext ─table─► MdbEntry (VLAN, group) ─ports─► PortGroup ─next─► PortGroup      each with its timer
 *
 * Bounded: mcast_hash_max groups. One more, and snooping is switched off, as Linux does: groups are flooded then, which
 * loses nobody's traffic.
 */
import { BrAttr, MDB_PERMANENT } from '../abi/bridge';
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
  ports: usize;
  pad: u32;
}
const ENTRY_TIMER: usize = 40;
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
}
const GROUP_TIMER: usize = 24;
/** Members of all groups together: a port that tells listeners apart has as many as there are addresses. */
const PORT_GROUPS_MAX: u32 = 65536;
const ANY_LISTENER: u64 = 0xffffffffffff;
const GROUP_BYTES: usize = GROUP_TIMER + 24;

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

function hashOf(vid: u32, addr0: u64, addr1: u64): u32 {
  const folded = addr0 ^ addr1;
  return jhash3words(<u32>folded, <u32>(folded >> 32), vid, <u32>root().hashKey0);
}

/** The entry of a group, or 0. IPv4 groups have their address (network order) in addr0. */
export function mdbLookup(br: Bridge, family: u32, vid: u32, addr0: u64, addr1: u64): usize {
  const hash = hashOf(vid, addr0, addr1);
  for (let at = hashHead(table(br), hash); at !== 0; at = changetype<HashNode>(at).hnext) {
    const e = changetype<MdbEntry>(at);
    if (e.hash !== hash || <u32>e.vid !== vid || <u32>e.family !== family) continue;
    if (e.addr0 === addr0 && e.addr1 === addr1) return at;
  }
  return 0;
}

/** The entry, made when there is none; 0 when there is no room. */
export function mdbGet(br: Bridge, family: u32, vid: u32, addr0: u64, addr1: u64): usize {
  const known = mdbLookup(br, family, vid, addr0, addr1);
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
  timerSetup(changetype<Timer>(at + ENTRY_TIMER), Op.TIMER_BR_GROUP, at);
  hashInsert(t, changetype<HashNode>(at), hashOf(vid, addr0, addr1));
  return at;
}

/** An entry that nobody needs goes. */
function release(e: MdbEntry): void {
  if (e.hostJoined !== 0 || e.ports !== 0) return;
  const at = changetype<usize>(e);
  timerDel(changetype<Timer>(at + ENTRY_TIMER));
  hashRemove(table(changetype<Bridge>(e.br)), changetype<HashNode>(at));
  kfree(at);
}

/** The bridge device itself listens until then; TIMER_NEVER: for good. */
export function mdbHostJoin(entry: usize, until: u64): void {
  changetype<MdbEntry>(entry).hostJoined = 1;
  if (until !== TIMER_NEVER) timerAdd(changetype<Timer>(entry + ENTRY_TIMER), until);
}

export function mdbHostLeave(entry: usize): void {
  changetype<MdbEntry>(entry).hostJoined = 0;
  release(changetype<MdbEntry>(entry));
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
 * Adds or refreshes; a permanent one (until TIMER_NEVER) stays permanent. `source`: the listener, 0 for a static entry.
 * False when memory ran out.
 */
export function mdbPortJoin(entry: usize, p: BrPort, flags: u32, until: u64, source: u64): bool {
  let at = source === 0 ? mdbPortGroup(entry, p) : mdbPortGroupOf(entry, p, source);
  if (at === 0) {
    const c = mcast(changetype<Bridge>(changetype<MdbEntry>(entry).br));
    at = c.portGroups >= PORT_GROUPS_MAX ? 0 : kzalloc(GROUP_BYTES);
    if (at === 0) {
      release(changetype<MdbEntry>(entry));
      return false;
    }
    const pg = changetype<PortGroup>(at);
    pg.port = changetype<usize>(p);
    pg.entry = entry;
    pg.flags = flags;
    pg.addr = source === 0 ? ANY_LISTENER : source;
    c.portGroups++;
    // Last: listeners of one port are served in the order in which they came.
    const e = changetype<MdbEntry>(entry);
    let link = changetype<usize>(e) + offsetof<MdbEntry>('ports');
    while (load<u32>(link) !== 0) link = load<u32>(link) + offsetof<PortGroup>('next');
    store<u32>(link, at);
    timerSetup(portGroupTimer(at), Op.TIMER_BR_PORT_GROUP, at);
  }
  const pg = changetype<PortGroup>(at);
  if ((flags & MDB_PERMANENT) !== 0) {
    pg.flags |= MDB_PERMANENT;
    timerDel(portGroupTimer(at));
  } else if ((pg.flags & MDB_PERMANENT) === 0) {
    timerAdd(portGroupTimer(at), until);
  }
  return true;
}

export function mdbPortLeave(at: usize): void {
  const pg = changetype<PortGroup>(at);
  const e = changetype<MdbEntry>(pg.entry);
  if (e.ports === at) {
    e.ports = pg.next;
  } else {
    let prev = changetype<PortGroup>(e.ports);
    while (prev.next !== at) prev = changetype<PortGroup>(prev.next);
    prev.next = pg.next;
  }
  timerDel(portGroupTimer(at));
  mcast(changetype<Bridge>(e.br)).portGroups--;
  kfree(at);
  release(e);
}

/** TIMER_BR_PORT_GROUP */
export function portGroupExpired(at: usize): void {
  if ((changetype<PortGroup>(at).flags & MDB_PERMANENT) === 0) mdbPortLeave(at);
}

/** TIMER_BR_GROUP */
export function groupExpired(entry: usize): void {
  mdbHostLeave(entry);
}

/** The port leaves every group: its link went (permanent entries stay), or it leaves the bridge (`all`). */
export function mdbForgetPort(br: Bridge, p: BrPort, all: bool): void {
  const t = table(br);
  for (let i: u32 = 0; i <= t.mask; i++) {
    let at = hashBucket(t, i);
    while (at !== 0) {
      const next = changetype<HashNode>(at).hnext;
      let member = changetype<MdbEntry>(at).ports;
      while (member !== 0) {
        const pg = changetype<PortGroup>(member);
        const gone = pg.port === changetype<usize>(p) && (all || (pg.flags & MDB_PERMANENT) === 0);
        const behind = pg.next;
        if (gone) mdbPortLeave(member);
        member = behind;
      }
      at = next;
    }
  }
}

/** Empties the table. */
export function mdbFlush(br: Bridge): void {
  const t = table(br);
  for (let i: u32 = 0; i <= t.mask; i++) {
    let at = hashBucket(t, i);
    while (at !== 0) {
      const e = changetype<MdbEntry>(at);
      at = changetype<HashNode>(at).hnext;
      e.hostJoined = 1;
      while (e.ports !== 0) mdbPortLeave(e.ports);
      e.hostJoined = 0;
      release(e);
    }
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
  return portHasRouter(p) || (entry !== 0 && mdbPortGroup(entry, p) !== 0);
}

/** How long an entry's timer still runs, in hundredths of a second; 0: for ever. */
export function timerLeftCs(timer: Timer): u32 {
  if (!timerPending(timer)) return 0;
  const now = root().now;
  return timer.expires <= now ? 0 : <u32>((timer.expires - now) / 10_000_000);
}
