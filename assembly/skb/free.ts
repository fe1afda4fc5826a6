/**
 * The two ends of an skb: consumeSkb when it did its work, kfreeSkbReason when it did not. A drop is counted by its
 * reason, for the core and for the device that the packet is on, and told to the host while drops are monitored.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { root } from '../lib/root';
import { skbRecordFree } from './pool';
import { SkBuff } from './sk_buff';
import { traceDrop, traceEvent } from './trace';
import { TraceKind } from '../abi/trace';

/** Offset in NetDevice of the pointer to its drop counters (u64 per reason); dev/ asserts it. */
export const DEV_DROPS_OFFSET: usize = 0;

/** The packet reached its end as it should. */
export function consumeSkb(skb: SkBuff): void {
  if (root().trace !== 0) traceEvent(TraceKind.CONSUMED, 0, changetype<usize>(skb), skb.dev, 0, 0);
  skbRecordFree(skb);
}

/** The packet ends here, because of `reason`. */
export function kfreeSkbReason(skb: SkBuff, reason: SkbDropReason): void {
  countDrop(skb.dev, reason);
  if (root().trace !== 0) traceDrop(skb, reason);
  skbRecordFree(skb);
}

/** Counts a drop for which no skb exists (a frame that found no room). `dev` may be 0. */
export function countDrop(dev: usize, reason: SkbDropReason): void {
  const at = (<usize>reason) << 3;
  const all = root().dropCounts + at;
  store<u64>(all, load<u64>(all) + 1);
  if (dev === 0) return;
  const own = load<u32>(dev, DEV_DROPS_OFFSET) + at;
  store<u64>(own, load<u64>(own) + 1);
}
