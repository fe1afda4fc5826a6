/**
 * napi: devices with frames to receive stand in a list and are polled in turn, at most NAPI_POLL_WEIGHT each, until
 * the budget of this poll is used. Linux: net/core/dev.c, net_rx_action.
 *
 * Adaptive polling is the host's: while poll() reports work it polls on without waiting for the ports' wakeups.
 */
import { opIndex } from '../lib/ops';
import { root } from '../lib/root';
import { NetDevice } from './net_device';

export const NAPI_POLL_WEIGHT: i32 = 64;

/** The device has frames: it will be polled. */
export function napiSchedule(dev: NetDevice): void {
  if (dev.napiScheduled !== 0) return;
  dev.napiScheduled = 1;
  dev.napiNext = 0;
  const r = root();
  const p = changetype<usize>(dev);
  if (r.napiTail !== 0) changetype<NetDevice>(r.napiTail).napiNext = p;
  else r.napiHead = p;
  r.napiTail = p;
}

/** Takes the device out of the list, wherever it stands: it is going away. */
export function napiDisable(dev: NetDevice): void {
  if (dev.napiScheduled === 0) return;
  dev.napiScheduled = 0;
  const r = root();
  const p = changetype<usize>(dev);
  let prev: usize = 0;
  let at = r.napiHead;
  while (at !== p) {
    prev = at;
    at = changetype<NetDevice>(at).napiNext;
  }
  if (prev !== 0) changetype<NetDevice>(prev).napiNext = dev.napiNext;
  else r.napiHead = dev.napiNext;
  if (r.napiTail === p) r.napiTail = prev;
}

/** Polls until nothing waits or `budget` packets are done; returns how many. */
export function netRxAction(budget: i32): i32 {
  const r = root();
  let done: i32 = 0;
  while (r.napiHead !== 0 && done < budget) {
    const dev = changetype<NetDevice>(r.napiHead);
    r.napiHead = dev.napiNext;
    if (r.napiHead === 0) r.napiTail = 0;
    dev.napiScheduled = 0;
    const weight = min(NAPI_POLL_WEIGHT, budget - done);
    const work = call_indirect<i32>(opIndex(dev.pollOp), changetype<usize>(dev), weight);
    done += work;
    // A full poll may have left frames behind: to the end of the list, so that the others have their turn.
    if (work >= weight) napiSchedule(dev);
  }
  return done;
}
