/**
 * The packets that wait for one neighbour's address: a list in the order of arrival, bounded by unres_qlen_bytes;
 * what does not fit pushes the oldest out (Linux: __neigh_event_send).
 *
 * Differs: all queues together hold at most a quarter of the small slots, so that a scan of absent hosts cannot take
 * the buffers that the rest of the router needs.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NeighVar } from '../abi/sysctl';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import { kfreeSkbReason } from '../skb/free';
import { skbOrphanFrags } from '../skb/foreign';
import { slotBytes } from '../skb/pool';
import { SKB_BYTES, SkBuff } from '../skb/sk_buff';
import { Neighbour } from './neighbour';
import { neighTable, neighVar } from './neigh_table';

/** What an skb occupies, its record included. */
function skbTruesize(skb: SkBuff): u32 {
  return SKB_BYTES + slotBytes(skb.head) + skb.dataLen;
}

function queuesFull(): bool {
  const queued = neighTable(2).queued + neighTable(10).queued;
  return queued >= changetype<Pool>(root().smallPool).count >> 2;
}

/** Appends the packet; takes it over. Its route may be gone when it leaves, so it forgets it. */
export function neighEnqueue(neigh: Neighbour, skb: SkBuff): void {
  const size = skbTruesize(skb);
  const most = neighVar(neigh.dev, neigh.family, NeighVar.UNRES_QLEN_BYTES);
  while (neigh.queueHead !== 0 && (neigh.queueBytes + size > most || queuesFull())) {
    discard(neigh, changetype<SkBuff>(neighDequeue(neigh)));
  }
  skb.dev = neigh.dev;
  skb.dst = 0;
  skb.next = 0;
  if (size > most || queuesFull() || !skbOrphanFrags(skb)) {
    discard(neigh, skb);
    return;
  }
  const p = changetype<usize>(skb);
  if (neigh.queueTail !== 0) changetype<SkBuff>(neigh.queueTail).next = p;
  else neigh.queueHead = p;
  neigh.queueTail = p;
  neigh.queueBytes += size;
  neighTable(neigh.family).queued++;
}

function discard(neigh: Neighbour, skb: SkBuff): void {
  neighTable(neigh.family).unresDiscards++;
  kfreeSkbReason(skb, SkbDropReason.NEIGH_QUEUEFULL);
}

/** The oldest packet, or 0. */
export function neighDequeue(neigh: Neighbour): usize {
  const p = neigh.queueHead;
  if (p === 0) return 0;
  const skb = changetype<SkBuff>(p);
  neigh.queueHead = skb.next;
  if (neigh.queueHead === 0) neigh.queueTail = 0;
  neigh.queueBytes -= skbTruesize(skb);
  skb.next = 0;
  neighTable(neigh.family).queued--;
  return p;
}

/** Takes the whole queue: the head of a `next` list, 0 when it is empty. */
export function neighDetachQueue(neigh: Neighbour): usize {
  const head = neigh.queueHead;
  let n: u32 = 0;
  for (let at = head; at !== 0; at = changetype<SkBuff>(at).next) n++;
  neighTable(neigh.family).queued -= n;
  neigh.queueHead = 0;
  neigh.queueTail = 0;
  neigh.queueBytes = 0;
  return head;
}

/** Drops what waits. */
export function neighPurgeQueue(neigh: Neighbour, reason: SkbDropReason): void {
  let at = neighDetachQueue(neigh);
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    kfreeSkbReason(skb, reason);
  }
}
