/**
 * Sources of a membership (IGMPv3, MLDv2), and the (S,G) entries that frames of one source are looked up in.
 * RFC 3376 6.2, RFC 3810 7.2. Linux: net/bridge/br_multicast.c.
 *
 *   PortGroup of (*,G), INCLUDE or EXCLUDE ─sources─► GroupSource ─next─► GroupSource      each with its timer
 *
 * A source of which a report told is installed: the port is in its (S,G), forwarded to while the source's timer runs,
 * blocked (MDB_BLOCKED) when it does not: that is a source which the port excludes. A port that excludes other sources,
 * or none, wants this one: it is in the (S,G) as well, marked MDB_STAR_EXCL, and goes when nobody else is left there.
 */
import { BrAttr, MDB_BLOCKED, MDB_FAST_LEAVE, MDB_PERMANENT, MDB_STAR_EXCL, MDB_USER } from '../abi/bridge';
import { Op } from '../abi/ops';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { AF_INET } from '../net/net';
import {
  MCAST_EXCLUDE,
  MCAST_INCLUDE,
  MdbEntry,
  PortGroup,
  mdbGet,
  mdbIsStarG,
  mdbLookup,
  mdbLookupSource,
  mdbPortDetach,
  mdbPortGet,
  mdbPortGroup,
  mdbPortGroupOf,
  mdbPortLeave,
  portGroupTimer,
} from './br_mdb';
import { BrPort, Bridge, brAttr } from './br_private';

@unmanaged
@final
export class GroupSource {
  next: usize;
  /** PortGroup of the (*,G). */
  pg: usize;
  addr0: u64;
  addr1: u64;
  /** SOURCE_* */
  flags: u8;
  /** Queries for it that are still to be sent. */
  rexmit: u8;
  pad0: u16;
  pad1: u32;
}
const SOURCE_TIMER: usize = 32;
const SOURCE_BYTES: usize = SOURCE_TIMER + 24;
/** Marks of a report that is being read, and: the (S,G) is there. */
export const SOURCE_DELETE: u8 = 1;
export const SOURCE_SEND: u8 = 2;
const SOURCE_INSTALLED: u8 = 4;
/** Named by the query that is being made. */
export const SOURCE_ASKED: u8 = 8;
/** Sources of a membership. Linux: PG_SRC_ENT_LIMIT. */
const SOURCES_MAX: u32 = 32;

export function groupSourceTimer(src: usize): Timer {
  return changetype<Timer>(src + SOURCE_TIMER);
}

export function groupSourceFind(pg: PortGroup, addr0: u64, addr1: u64): usize {
  let at = pg.sources;
  while (at !== 0) {
    const src = changetype<GroupSource>(at);
    if (src.addr0 === addr0 && src.addr1 === addr1) break;
    at = src.next;
  }
  return at;
}

/** An address that nothing can come from. */
function isSource(family: u32, addr0: u64, addr1: u64): bool {
  if (family !== AF_INET) return (addr0 | addr1) !== 0 && (addr0 & 0xff) !== 0xff;
  return (addr0 & 0xff) !== 0 && (addr0 & 0xf0) !== 0xe0;
}

/** 0: no source, one too many, or no memory. */
export function groupSourceNew(pg: PortGroup, addr0: u64, addr1: u64): usize {
  if (<u32>pg.sourceCount >= SOURCES_MAX) return 0;
  if (!isSource(changetype<MdbEntry>(pg.entry).family, addr0, addr1)) return 0;
  const at = kzalloc(SOURCE_BYTES);
  if (at === 0) return 0;
  const src = changetype<GroupSource>(at);
  src.pg = changetype<usize>(pg);
  src.addr0 = addr0;
  src.addr1 = addr1;
  src.next = pg.sources;
  pg.sources = at;
  pg.sourceCount++;
  timerSetup(groupSourceTimer(at), Op.TIMER_BR_SOURCE, at);
  return at;
}

/** The source counts until then. */
export function groupSourceMod(src: usize, until: u64): void {
  timerAdd(groupSourceTimer(src), until);
  groupSourceForward(src);
}

/** The (S,G) of the source, in the bridge and VLAN of its group; 0 when there is none. */
function sourceEntry(star: MdbEntry, addr0: u64, addr1: u64): usize {
  const br = changetype<Bridge>(star.br);
  return mdbLookupSource(br, star.family, star.vid, star.addr0, star.addr1, addr0, addr1);
}

/** Frames of the source are forwarded to the port, or not, as its timer says. Linux: br_multicast_fwd_src_handle. */
export function groupSourceForward(at: usize): void {
  const src = changetype<GroupSource>(at);
  const pg = changetype<PortGroup>(src.pg);
  const star = changetype<MdbEntry>(pg.entry);
  const p = changetype<BrPort>(pg.port);
  if ((src.flags & SOURCE_INSTALLED) === 0 && !install(src, pg, star, p)) return;
  const entry = sourceEntry(star, src.addr0, src.addr1);
  const sg = entry === 0 ? 0 : mdbPortGroup(entry, p);
  if (sg === 0) return;
  const flags = changetype<PortGroup>(sg).flags;
  const wanted = timerPending(groupSourceTimer(at));
  changetype<PortGroup>(sg).flags = wanted ? flags & ~MDB_BLOCKED : flags | MDB_BLOCKED;
}

function install(src: GroupSource, pg: PortGroup, star: MdbEntry, p: BrPort): bool {
  const br = changetype<Bridge>(star.br);
  const entry = mdbGet(br, star.family, star.vid, star.addr0, star.addr1, src.addr0, src.addr1);
  if (entry === 0) return false;
  // One listener of a port has the (S,G), as in Linux; others there are served by their (*,G).
  if (mdbPortGroupOf(entry, p, pg.addr) === 0 && mdbPortGroup(entry, p) !== 0) return false;
  const at = mdbPortGet(entry, p, 0, pg.addr, MCAST_INCLUDE);
  if (at === 0) return false;
  src.flags |= SOURCE_INSTALLED;
  const sg = changetype<PortGroup>(at);
  sg.flags &= ~MDB_STAR_EXCL;
  if ((sg.flags & (MDB_USER | MDB_PERMANENT)) === (MDB_USER | MDB_PERMANENT)) return true;
  // From now on it lives as long as the source does.
  timerDel(portGroupTimer(at));
  starExcludePorts(star, sg);
  return true;
}

/** Ports that exclude other sources want this one. Linux: br_multicast_sg_add_exclude_ports. */
function starExcludePorts(star: MdbEntry, sg: PortGroup): void {
  const entry = sg.entry;
  changetype<MdbEntry>(entry).hostJoined = star.hostJoined;
  for (let at = star.ports; at !== 0; at = changetype<PortGroup>(at).next) {
    const other = changetype<PortGroup>(at);
    if (other.port === sg.port || <u32>other.filterMode === MCAST_INCLUDE) continue;
    addStarExclude(entry, changetype<BrPort>(other.port), sg.addr);
  }
}

function addStarExclude(entry: usize, p: BrPort, listener: u64): void {
  if (mdbPortGroup(entry, p) !== 0) return;
  const at = mdbPortGet(entry, p, MDB_STAR_EXCL, listener, MCAST_INCLUDE);
  if (at !== 0) timerDel(portGroupTimer(at));
}

/** A static (S,G) of the user's: ports that exclude are in it, too. */
export function groupSourceUser(br: Bridge, sg: PortGroup): void {
  const e = changetype<MdbEntry>(sg.entry);
  const star = mdbLookup(br, e.family, e.vid, e.addr0, e.addr1);
  if (star !== 0) starExcludePorts(changetype<MdbEntry>(star), sg);
}

/**
 * The port's mode became `mode`: in the (S,G)s of other ports' sources it is wanted, or no longer.
 * Linux: br_multicast_star_g_handle_mode.
 */
export function starHandleMode(pg: PortGroup, mode: u32): void {
  const star = changetype<MdbEntry>(pg.entry);
  const p = changetype<BrPort>(pg.port);
  for (let at = star.ports; at !== 0; at = changetype<PortGroup>(at).next) {
    if (at === changetype<usize>(pg)) continue;
    for (let one = changetype<PortGroup>(at).sources; one !== 0; one = changetype<GroupSource>(one).next) {
      const src = changetype<GroupSource>(one);
      if ((src.flags & SOURCE_INSTALLED) === 0) continue;
      const entry = sourceEntry(star, src.addr0, src.addr1);
      if (entry === 0) continue;
      if (mode === MCAST_EXCLUDE) {
        addStarExclude(entry, p, pg.addr);
        continue;
      }
      const sg = mdbPortGroup(entry, p);
      if (sg !== 0 && (changetype<PortGroup>(sg).flags & MDB_STAR_EXCL) !== 0) mdbPortLeave(sg);
    }
  }
}

/** Ports that are in an (S,G) for excluding others go when nobody names the source. Linux: br_multicast_sg_del_exclude_ports. */
export function dropStarExclude(e: MdbEntry): void {
  for (let at = e.ports; at !== 0; at = changetype<PortGroup>(at).next) {
    if ((changetype<PortGroup>(at).flags & (MDB_STAR_EXCL | MDB_PERMANENT)) === 0) return;
  }
  e.hostJoined = 0;
  for (let at = firstTemporary(e); at !== 0; at = firstTemporary(e)) mdbPortDetach(at);
}

function firstTemporary(e: MdbEntry): usize {
  let at = e.ports;
  while (at !== 0 && (changetype<PortGroup>(at).flags & MDB_PERMANENT) !== 0)
    at = changetype<PortGroup>(at).next;
  return at;
}

/** The bridge device listens to the group, or no longer: of every source. Linux: br_multicast_star_g_host_state. */
export function mdbStarHostState(e: MdbEntry): void {
  if (!mdbIsStarG(e)) return;
  for (let at = e.ports; at !== 0; at = changetype<PortGroup>(at).next) {
    for (let one = changetype<PortGroup>(at).sources; one !== 0; one = changetype<GroupSource>(one).next) {
      const src = changetype<GroupSource>(one);
      if ((src.flags & SOURCE_INSTALLED) === 0) continue;
      const entry = sourceEntry(e, src.addr0, src.addr1);
      if (entry !== 0) changetype<MdbEntry>(entry).hostJoined = e.hostJoined;
    }
  }
}

/** Linux: br_multicast_del_group_src. */
export function groupSourceDelete(at: usize, fastLeave: bool): void {
  const src = changetype<GroupSource>(at);
  const pg = changetype<PortGroup>(src.pg);
  let link = src.pg + offsetof<PortGroup>('sources');
  while (load<u32>(link) !== at) link = load<u32>(link) + offsetof<GroupSource>('next');
  store<u32>(link, src.next);
  pg.sourceCount--;
  timerDel(groupSourceTimer(at));
  if ((src.flags & SOURCE_INSTALLED) !== 0) {
    const entry = sourceEntry(changetype<MdbEntry>(pg.entry), src.addr0, src.addr1);
    const sg = entry === 0 ? 0 : mdbPortGroupOf(entry, changetype<BrPort>(pg.port), pg.addr);
    if (sg !== 0) uninstall(sg, fastLeave);
  }
  kfree(at);
}

function uninstall(sg: usize, fastLeave: bool): void {
  const flags = changetype<PortGroup>(sg).flags;
  if ((flags & (MDB_USER | MDB_PERMANENT)) === (MDB_USER | MDB_PERMANENT)) return;
  if (fastLeave) changetype<PortGroup>(sg).flags = flags | MDB_FAST_LEAVE;
  mdbPortLeave(sg);
}

/** TIMER_BR_SOURCE. RFC 3376 6.3: INCLUDE loses the source, EXCLUDE blocks it from now on. */
export function groupSourceExpired(at: usize): void {
  const pgAt = changetype<GroupSource>(at).pg;
  const pg = changetype<PortGroup>(pgAt);
  if (<u32>pg.filterMode === MCAST_EXCLUDE) {
    groupSourceForward(at);
    return;
  }
  groupSourceDelete(at, false);
  if (pg.sources === 0 && (pg.flags & MDB_PERMANENT) === 0) mdbPortLeave(pgAt);
}

/** TIMER_BR_PORT_GROUP. RFC 3376 6.5: to INCLUDE of the sources that still count; without any the port is out. */
export function portGroupExpired(at: usize): void {
  const pg = changetype<PortGroup>(at);
  if ((pg.flags & MDB_PERMANENT) !== 0) return;
  const excluded = <u32>pg.filterMode === MCAST_EXCLUDE;
  pg.filterMode = <u8>MCAST_INCLUDE;
  for (let one = pg.sources; one !== 0; ) {
    const next = changetype<GroupSource>(one).next;
    if (!timerPending(groupSourceTimer(one))) groupSourceDelete(one, false);
    one = next;
  }
  if (pg.sources === 0) mdbPortLeave(at);
  else if (excluded && mdbIsStarG(changetype<MdbEntry>(pg.entry))) starHandleMode(pg, MCAST_INCLUDE);
}

/** How long a report counts, in ns. Linux: br_multicast_gmi. */
export function membershipNs(br: Bridge): u64 {
  return <u64>brAttr(br, BrAttr.MCAST_MEMBERSHIP_INTERVAL) * 10_000_000;
}
