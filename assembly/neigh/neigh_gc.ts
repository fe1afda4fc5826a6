/**
 * What keeps the tables small: above gc_thresh1 entries a namespace's unused ones go after gc_staletime; above
 * gc_thresh2 a new one makes room by force; gc_thresh3 is the end. Linux: net/core/neighbour.c, neigh_periodic_work,
 * neigh_forced_gc, neigh_alloc.
 *
 * Differs: Linux counts all namespaces against the thresholds of the first one. Here each has its own count and its
 * own thresholds, so that none can take the others' room.
 */
import { NeighVar, Sysctl } from '../abi/sysctl';
import { Op } from '../abi/ops';
import { NetDevice } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { timerAdd, timerPending } from '../lib/timer_wheel';
import { AF_INET, Net, sysctl } from '../net/net';
import {
  NTF_EXT_LEARNED,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_NOARP,
  NUD_PERMANENT,
  Neighbour,
  neighRemove,
} from './neighbour';
import { NeighTable, gcEntriesPtr, neighIsMulticast, neighVarNs, tableTimer } from './neigh_table';

/** Half of the default base_reachable_time, as Linux paces its work. */
const GC_INTERVAL: u64 = 15_000_000_000;
/** What changed in the last five seconds is not taken by force. */
const GC_YOUNG: u64 = 5_000_000_000;

function gcThresh(net: Net, family: u32, which: u32): u32 {
  const first = family === AF_INET ? Sysctl.NEIGH4_GC_THRESH1 : Sysctl.NEIGH6_GC_THRESH1;
  return <u32>sysctl(net, first + which);
}

/** Whether the namespace may have one more entry; makes room first when it has many. */
export function neighRoomForOne(table: NeighTable, net: Net): bool {
  const count = gcEntriesPtr(net, table.family);
  const entries = load<u32>(count);
  const most = gcThresh(net, table.family, 2);
  const many = gcThresh(net, table.family, 1);
  if (entries < many) return true;
  const now = root().now;
  if (entries < most && now - table.lastFlush <= GC_YOUNG) return true;
  // In vain a moment ago: time decides what may go, so it would be again.
  const again = entries >= most && table.lastFull === now && now !== 0;
  if (!again) forcedGc(table, net, entries > many ? entries - many : 1);
  if (load<u32>(count) < most) return true;
  table.lastFull = now;
  table.tableFulls++;
  return false;
}

/** Takes up to `most` entries of `net` that nobody holds and that are stale, useless or cheap to make again. */
function forcedGc(table: NeighTable, net: Net, most: u32): void {
  const now = root().now;
  table.forcedGcRuns++;
  table.lastFlush = now;
  let at = table.gcHead;
  while (at !== 0 && most > 0) {
    const neigh = changetype<Neighbour>(at);
    at = neigh.gcNext;
    if (neigh.refs !== 1 || changetype<NetDevice>(neigh.dev).net !== net) continue;
    const state = <u32>neigh.nudState;
    if ((state & NUD_IN_TIMER) !== 0) continue;
    const old = neigh.updated + GC_YOUNG < now;
    if (!old && (state & (NUD_FAILED | NUD_NOARP)) === 0 && !neighIsMulticast(neigh)) continue;
    neighRemove(neigh);
    most--;
  }
}

/** The periodic collection runs while there is something to collect. */
export function tableGcStart(table: NeighTable): void {
  const timer = tableTimer(table);
  if (!timerPending(timer)) timerAdd(timer, root().now + GC_INTERVAL);
}

/** TIMER_NEIGH_GC: entries that nobody holds, and that failed or were not used for gc_staletime, go. */
export function neighPeriodicGc(p: usize): void {
  const table = changetype<NeighTable>(p);
  const now = root().now;
  table.periodicGcRuns++;
  let at = table.gcHead;
  while (at !== 0) {
    const neigh = changetype<Neighbour>(at);
    at = neigh.gcNext;
    const net = changetype<NetDevice>(neigh.dev).net;
    if (load<u32>(gcEntriesPtr(net, table.family)) < gcThresh(net, table.family, 0)) continue;
    const state = <u32>neigh.nudState;
    if ((state & (NUD_PERMANENT | NUD_IN_TIMER)) !== 0 || (neigh.flags & NTF_EXT_LEARNED) !== 0) continue;
    if (now - neigh.confirmed < now - neigh.used) neigh.used = neigh.confirmed;
    const stale = neighVarNs(neigh.dev, table.family, NeighVar.GC_STALETIME_MS);
    if (neigh.refs === 1 && (state === NUD_FAILED || now - neigh.used > stale)) neighRemove(neigh);
  }
  if (table.entries > 0) timerAdd(tableTimer(table), now + GC_INTERVAL);
}

/** Fills the op; called at init and after a restore. */
export function neighGcOpsInit(): void {
  opSet(Op.TIMER_NEIGH_GC, neighPeriodicGc.index);
}
