/**
 * The clock of the state machine: one handler per state that waits for time, for RFC 4861 §7.3.3. Linux:
 * net/core/neighbour.c, neigh_timer_handler.
 */
import { NeighVar } from '../abi/sysctl';
import { Op } from '../abi/ops';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import {
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  Neighbour,
  PROBE_INTERVAL_MIN,
  neighAddTimer,
  neighHold,
  neighInvalidate,
  neighProbe,
  neighProbeInterval,
  neighPut,
  neighSetState,
} from './neighbour';
import { neighVar, neighVarNs } from './neigh_table';

/** TIMER_NEIGH. */
export function neighTimerHandler(p: usize): void {
  const neigh = changetype<Neighbour>(p);
  const now = root().now;
  neighHold(p);
  switch (<u32>neigh.nudState) {
    case NUD_REACHABLE:
      reachableTimer(neigh, now);
      break;
    case NUD_DELAY:
      delayTimer(neigh, now);
      break;
    case NUD_PROBE:
    case NUD_INCOMPLETE:
      probeTimer(neigh, now);
      break;
  }
  neighPut(p);
}

function reachableTimer(neigh: Neighbour, now: u64): void {
  const delay = neighVarNs(neigh.dev, neigh.family, NeighVar.DELAY_FIRST_PROBE_TIME_MS);
  if (now - neigh.confirmed < neigh.reachableTime) {
    // In REACHABLE, confirmed meanwhile: stay.
    rearm(neigh, now, neigh.confirmed + neigh.reachableTime);
    return;
  }
  neigh.updated = now;
  if (now <= neigh.used + delay) {
    // In REACHABLE, on the end of the reachable time, used a moment ago: go to DELAY (Linux saves the way over STALE).
    neighSetState(neigh, NUD_DELAY);
    rearm(neigh, now, now + delay);
    return;
  }
  // In REACHABLE, on the end of the reachable time: go to STALE (RFC 4861 §7.3.3).
  neighSetState(neigh, NUD_STALE);
}

function delayTimer(neigh: Neighbour, now: u64): void {
  const delay = neighVarNs(neigh.dev, neigh.family, NeighVar.DELAY_FIRST_PROBE_TIME_MS);
  neigh.updated = now;
  if (now - neigh.confirmed <= delay) {
    // In DELAY, confirmed by an upper layer meanwhile: go to REACHABLE.
    neighSetState(neigh, NUD_REACHABLE);
    rearm(neigh, now, neigh.confirmed + neigh.reachableTime);
    return;
  }
  // In DELAY, on the end of DELAY_FIRST_PROBE_TIME: ask the neighbour itself, go to PROBE (RFC 4861 §7.3.3).
  neigh.probes = 0;
  neighSetState(neigh, NUD_PROBE);
  probeTimer(neigh, now);
}

function probeTimer(neigh: Neighbour, now: u64): void {
  if (neigh.probes >= maxProbes(neigh)) {
    // In INCOMPLETE or PROBE, after the last probe: give up, go to FAILED (RFC 4861 §7.2.2, §7.3.3).
    neighSetState(neigh, NUD_FAILED);
    neighInvalidate(neigh);
    return;
  }
  rearm(neigh, now, now + neighProbeInterval(neigh));
  neighProbe(neigh);
}

/** Linux: neigh_max_probes. Resolution begins at ucast_solicit, so that INCOMPLETE sends multicast ones only. */
function maxProbes(neigh: Neighbour): u32 {
  const groups = neigh.nudState === NUD_PROBE ? NeighVar.MCAST_RESOLICIT : NeighVar.MCAST_SOLICIT;
  return (
    neighVar(neigh.dev, neigh.family, NeighVar.UCAST_SOLICIT) +
    neighVar(neigh.dev, neigh.family, NeighVar.APP_SOLICIT) +
    neighVar(neigh.dev, neigh.family, groups)
  );
}

function rearm(neigh: Neighbour, now: u64, when: u64): void {
  neighAddTimer(neigh, max(when, now + PROBE_INTERVAL_MIN));
}

/** Fills the op; called at init and after a restore. */
export function neighTimerOpsInit(): void {
  opSet(Op.TIMER_NEIGH, neighTimerHandler.index);
}
