/**
 * Records of IGMPv3 and MLDv2 reports about sources: what each does to the membership of the port. RFC 3376 6.4, RFC 3810
 * 7.4; the tables there are the comments here, with A, B, X, Y as there (X: sources that are forwarded while their timer
 * runs, Y: sources that are excluded). Linux: br_multicast_isinc_allow and those behind it (net/bridge/br_multicast.c).
 */
import { BrAttr, MDB_FAST_LEAVE } from '../abi/bridge';
import { root } from '../lib/root';
import { Timer, timerAdd, timerPending } from '../lib/timer_wheel';
import {
  ALLOW_NEW_SOURCES,
  BLOCK_OLD_SOURCES,
  CHANGE_TO_EXCLUDE,
  CHANGE_TO_INCLUDE,
  MODE_IS_EXCLUDE,
  MODE_IS_INCLUDE,
} from '../wire/igmp';
import {
  MCAST_EXCLUDE,
  MCAST_INCLUDE,
  MdbEntry,
  PortGroup,
  mcastAsks,
  mdbPortLeave,
  portGroupRexmitTimer,
  portGroupTimer,
} from './br_mdb';
import {
  GroupSource,
  SOURCE_DELETE,
  SOURCE_SEND,
  groupSourceDelete,
  groupSourceFind,
  groupSourceForward,
  groupSourceMod,
  groupSourceNew,
  groupSourceTimer,
  membershipNs,
  starHandleMode,
} from './br_mdb_source';
import { ehtAllow, ehtBlock, ehtIsOn, ehtMode, ehtNobodyLeft } from './br_multicast_eht';
import { multicastQueryGroup, multicastQuerySources } from './br_multicast_query';
import { Bridge, brAttr } from './br_private';

const NS_PER_CS: u64 = 10_000_000;

/** What a record says: who, its sources (`n` of `size` bytes), and when what it says ends. */
@unmanaged
@final
export class SourceRecord {
  host0: u64;
  host1: u64;
  until: u64;
  srcs: usize;
  n: u32;
  size: u32;
  type: u32;
}

function bridgeOf(pg: PortGroup): Bridge {
  return changetype<Bridge>(changetype<MdbEntry>(pg.entry).br);
}

/** When hosts that are asked about sources must have answered. Linux: br_multicast_lmqt. */
function lastMemberQueryTime(br: Bridge): u64 {
  const interval = <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_INTERVAL) * NS_PER_CS;
  return root().now + interval * <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT);
}

/** One record about the (*,G) membership `pg`, which may be gone afterwards. */
export function multicastRecord(pg: PortGroup, r: SourceRecord): void {
  switch (r.type) {
    case MODE_IS_INCLUDE:
    case ALLOW_NEW_SOURCES:
      isInclude(pg, r);
      return;
    case MODE_IS_EXCLUDE:
      isExclude(pg, r);
      return;
    case CHANGE_TO_INCLUDE:
      toInclude(pg, r);
      break;
    case CHANGE_TO_EXCLUDE:
      toExclude(pg, r);
      return;
    case BLOCK_OLD_SOURCES:
      block(pg, r);
      if (<u32>pg.filterMode === MCAST_INCLUDE && pg.sources === 0) {
        if (ehtNobodyLeft(pg)) pg.flags |= MDB_FAST_LEAVE;
        mdbPortLeave(changetype<usize>(pg));
        return;
      }
      break;
    default:
      return;
  }
  if (!ehtNobodyLeft(pg)) return;
  pg.flags |= MDB_FAST_LEAVE;
  mdbPortLeave(changetype<usize>(pg));
}

function src0(r: SourceRecord, i: u32): u64 {
  return r.size === 4 ? <u64>load<u32>(r.srcs + i * 4) : load<u64>(r.srcs + i * 16);
}

function src1(r: SourceRecord, i: u32): u64 {
  return r.size === 4 ? 0 : load<u64>(r.srcs + i * 16, 8);
}

function find(pg: PortGroup, r: SourceRecord, i: u32): usize {
  return groupSourceFind(pg, src0(r, i), src1(r, i));
}

function make(pg: PortGroup, r: SourceRecord, i: u32): usize {
  return groupSourceNew(pg, src0(r, i), src1(r, i));
}

/** Sets and clears marks of every source. */
function mark(pg: PortGroup, set: u8, clear: u8): void {
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next) {
    const src = changetype<GroupSource>(at);
    src.flags = (src.flags & ~clear) | set;
  }
}

function deleteMarked(pg: PortGroup): void {
  for (let at = pg.sources; at !== 0; ) {
    const src = changetype<GroupSource>(at);
    const next = src.next;
    if ((src.flags & SOURCE_DELETE) !== 0) groupSourceDelete(at, false);
    at = next;
  }
}

function track(pg: PortGroup, r: SourceRecord, mode: u32): void {
  if (!ehtIsOn(pg)) return;
  const toReport = r.type === CHANGE_TO_INCLUDE || r.type === CHANGE_TO_EXCLUDE;
  const lmqt = lastMemberQueryTime(bridgeOf(pg));
  ehtMode(pg, r.host0, r.host1, r.srcs, r.n, r.size, mode, toReport, r.until, lmqt);
}

/**
 * INCLUDE (A)    IS_IN, ALLOW (B)  ->  INCLUDE (A+B)       (B)=GMI
 * EXCLUDE (X,Y)  IS_IN, ALLOW (B)  ->  EXCLUDE (X+B,Y-B)   (B)=GMI
 */
function isInclude(pg: PortGroup, r: SourceRecord): void {
  for (let i: u32 = 0; i < r.n; i++) {
    let src = find(pg, r, i);
    if (src === 0) src = make(pg, r, i);
    if (src !== 0) groupSourceMod(src, r.until);
  }
  if (r.type === MODE_IS_INCLUDE) track(pg, r, MCAST_INCLUDE);
  else if (ehtIsOn(pg)) ehtAllow(pg, r.host0, r.host1, r.srcs, r.n, r.size, r.until);
}

/**
 * INCLUDE (A)    IS_EX (B)  ->  EXCLUDE (A*B,B-A)   (B-A)=0, delete (A-B), group timer=GMI
 * EXCLUDE (X,Y)  IS_EX (A)  ->  EXCLUDE (A-Y,Y*A)   (A-X-Y)=GMI, delete (X-A), (Y-A), group timer=GMI
 */
function isExclude(pg: PortGroup, r: SourceRecord): void {
  const included = <u32>pg.filterMode === MCAST_INCLUDE;
  mark(pg, SOURCE_DELETE, 0);
  for (let i: u32 = 0; i < r.n; i++) {
    let src = find(pg, r, i);
    if (src !== 0) {
      changetype<GroupSource>(src).flags &= ~SOURCE_DELETE;
    } else {
      src = make(pg, r, i);
      if (src !== 0 && !included) groupSourceMod(src, r.until);
    }
    if (src !== 0 && included) groupSourceForward(src);
  }
  track(pg, r, MCAST_EXCLUDE);
  deleteMarked(pg);
  exclude(pg, r, included);
}

function exclude(pg: PortGroup, r: SourceRecord, included: bool): void {
  if (included) starHandleMode(pg, MCAST_EXCLUDE);
  pg.filterMode = <u8>MCAST_EXCLUDE;
  timerAdd(portGroupTimer(changetype<usize>(pg)), r.until);
}

/**
 * INCLUDE (A)    TO_IN (B)  ->  INCLUDE (A+B)       (B)=GMI, ask for (A-B)
 * EXCLUDE (X,Y)  TO_IN (A)  ->  EXCLUDE (X+A,Y-A)   (A)=GMI, ask for (X-A), ask for the group
 */
function toInclude(pg: PortGroup, r: SourceRecord): void {
  const included = <u32>pg.filterMode === MCAST_INCLUDE;
  let left: u32 = 0;
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next) {
    if (!included && !timerPending(groupSourceTimer(at))) continue;
    changetype<GroupSource>(at).flags |= SOURCE_SEND;
    left++;
  }
  for (let i: u32 = 0; i < r.n; i++) {
    let src = find(pg, r, i);
    if (src === 0) {
      src = make(pg, r, i);
    } else if ((changetype<GroupSource>(src).flags & SOURCE_SEND) !== 0) {
      changetype<GroupSource>(src).flags &= ~SOURCE_SEND;
      left--;
    }
    if (src !== 0) groupSourceMod(src, r.until);
  }
  track(pg, r, MCAST_INCLUDE);
  if (left !== 0) askSources(pg);
  if (!included) askGroup(pg);
}

/**
 * INCLUDE (A)    TO_EX (B)  ->  EXCLUDE (A*B,B-A)   (B-A)=0, delete (A-B), ask for (A*B), group timer=GMI
 * EXCLUDE (X,Y)  TO_EX (A)  ->  EXCLUDE (A-Y,Y*A)   (A-X-Y)=group timer, delete (X-A), (Y-A), ask for (A-Y), timer=GMI
 */
function toExclude(pg: PortGroup, r: SourceRecord): void {
  const included = <u32>pg.filterMode === MCAST_INCLUDE;
  mark(pg, SOURCE_DELETE, SOURCE_SEND);
  let asked: u32 = 0;
  for (let i: u32 = 0; i < r.n; i++) {
    let src = find(pg, r, i);
    const known = src !== 0;
    if (known) changetype<GroupSource>(src).flags &= ~SOURCE_DELETE;
    else src = make(pg, r, i);
    if (src === 0) continue;
    if (!known && !included) untilGroupEnds(pg, src);
    const ask = included ? known : timerPending(groupSourceTimer(src));
    if (ask) {
      changetype<GroupSource>(src).flags |= SOURCE_SEND;
      asked++;
    }
    if (included) groupSourceForward(src);
  }
  track(pg, r, MCAST_EXCLUDE);
  deleteMarked(pg);
  if (asked !== 0) askSources(pg);
  exclude(pg, r, included);
}

/** A source that is new where others are excluded counts as long as the group does. */
function untilGroupEnds(pg: PortGroup, src: usize): void {
  groupSourceMod(src, portGroupTimer(changetype<usize>(pg)).expires);
}

/**
 * INCLUDE (A)    BLOCK (B)  ->  INCLUDE (A)             ask for (A*B)
 * EXCLUDE (X,Y)  BLOCK (A)  ->  EXCLUDE (X+(A-Y),Y)     (A-X-Y)=group timer, ask for (A-Y)
 */
function block(pg: PortGroup, r: SourceRecord): void {
  const included = <u32>pg.filterMode === MCAST_INCLUDE;
  mark(pg, 0, SOURCE_SEND);
  let asked: u32 = 0;
  for (let i: u32 = 0; i < r.n; i++) {
    let src = find(pg, r, i);
    if (src === 0) {
      if (included) continue;
      src = make(pg, r, i);
      if (src === 0) continue;
      untilGroupEnds(pg, src);
    }
    if (!included && !timerPending(groupSourceTimer(src))) continue;
    changetype<GroupSource>(src).flags |= SOURCE_SEND;
    asked++;
  }
  if (ehtIsOn(pg)) ehtBlock(pg, r.host0, r.host1, r.srcs, r.n, r.size, r.until);
  if (asked !== 0) askSources(pg);
}

/** Sources that are marked are asked for, and end soon if nobody answers. Linux: __grp_src_query_marked_and_rexmit. */
function askSources(pg: PortGroup): void {
  const br = bridgeOf(pg);
  if (br.up === 0 || br.snooping === 0) return;
  const asks = mcastAsks(br, changetype<MdbEntry>(pg.entry).family);
  const lmqt = lastMemberQueryTime(br);
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next) {
    const src = changetype<GroupSource>(at);
    if ((src.flags & SOURCE_SEND) === 0) continue;
    src.flags &= ~SOURCE_SEND;
    if (groupSourceTimer(at).expires <= lmqt) continue;
    if (asks) src.rexmit = <u8>brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT);
    groupSourceMod(at, lmqt);
  }
  if (!asks) return;
  multicastQuerySources(br, pg, true);
  again(br, pg);
}

/** The group is asked for, and ends soon if nobody answers. Linux: __grp_send_query_and_rexmit. */
function askGroup(pg: PortGroup): void {
  const br = bridgeOf(pg);
  if (br.up === 0 || br.snooping === 0) return;
  if (mcastAsks(br, changetype<MdbEntry>(pg.entry).family)) {
    pg.rexmit = <u8>(brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT) - 1);
    multicastQueryGroup(br, pg, false);
    again(br, pg);
  }
  if (<u32>pg.filterMode === MCAST_EXCLUDE)
    shorten(portGroupTimer(changetype<usize>(pg)), lastMemberQueryTime(br));
}

function again(br: Bridge, pg: PortGroup): void {
  const next = root().now + <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_INTERVAL) * NS_PER_CS;
  shorten(portGroupRexmitTimer(changetype<usize>(pg)), next);
}

/** Runs, and ends at `time` at the latest. */
function shorten(timer: Timer, time: u64): void {
  if (!timerPending(timer) || timer.expires > time) timerAdd(timer, time);
}

/** TIMER_BR_REXMIT: queries that nobody may miss are sent again. Linux: br_multicast_port_group_rexmit. */
export function portGroupRexmit(at: usize): void {
  const pg = changetype<PortGroup>(at);
  const br = bridgeOf(pg);
  if (br.up === 0 || br.snooping === 0) return;
  if (!mcastAsks(br, changetype<MdbEntry>(pg.entry).family)) return;
  if (pg.rexmit !== 0) {
    pg.rexmit--;
    multicastQueryGroup(br, pg, true);
  }
  const more = multicastQuerySources(br, pg, false);
  if (pg.rexmit === 0 && !more) return;
  const next = root().now + <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_INTERVAL) * NS_PER_CS;
  timerAdd(portGroupRexmitTimer(at), next);
}

/** What a record of `type` from `host` says. */
export function sourceRecord(
  r: SourceRecord,
  br: Bridge,
  type: u32,
  host0: u64,
  host1: u64,
  srcs: usize,
  n: u32,
  size: u32,
): SourceRecord {
  r.host0 = host0;
  r.host1 = host1;
  r.until = root().now + membershipNs(br);
  r.srcs = srcs;
  r.n = n;
  r.size = size;
  r.type = type;
  return r;
}
