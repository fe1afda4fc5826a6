/** The lists of skb pointers that one stage of a burst works on; each stage has its own, and no stage re-enters itself. */
import { BURST_MAX } from '../abi/layout';
import { root } from '../lib/root';

/** What a napi poll collected for netif_receive_skb_list. */
export const SCRATCH_RECEIVE: u32 = 0;
/** ipRcv: addresses looked up, and the routes found. */
export const SCRATCH_KEYS: u32 = 1;
export const SCRATCH_ROUTES: u32 = 2;
/** The run of one protocol handed to its receiver. */
export const SCRATCH_PROTO: u32 = 3;
/** route/dst_cache: addresses that are not in it, where in the burst they stand, and the routes found. */
export const SCRATCH_MISSED: u32 = 4;
export const SCRATCH_MISSED_AT: u32 = 5;
export const SCRATCH_MISSED_ROUTES: u32 = 6;
export const SCRATCH_LISTS: u32 = 8;
export const SCRATCH_BYTES: u32 = SCRATCH_LISTS * BURST_MAX * 4;

export function scratchList(stage: u32): usize {
  return root().scratch + stage * BURST_MAX * 4;
}
