/**
 * The qdisc seam: what a queueing discipline is to the device above it. A discipline is three ops in a row (enqueue,
 * dequeue, reset; abi/ops) and a private record; sched/ has one file each. Linux: include/net/sch_generic.h.
 */
import { opIndex } from '../lib/ops';
import { skbOrphanFrags } from '../skb/foreign';
import { SkBuff } from '../skb/sk_buff';

@unmanaged
@final
export class Qdisc {
  /** First of the discipline's three ops. */
  ops: u32;
  /** NetDevice. */
  dev: usize;
  /** Packets queued, and packets at most. */
  qlen: u32;
  limit: u32;
  /** Packets that the device refused: first out when it has room (Linux: gso_skb). */
  requeueHead: usize;
  requeueTail: usize;
  priv: usize;
  handle: u32;
  backlog: u32;
  drops: u32;
  requeues: u32;
  overlimits: u32;
  bytes: u64;
  packets: u64;
}

export const NET_XMIT_SUCCESS: i32 = 0;
export const NET_XMIT_DROP: i32 = 1;

/** SUCCESS, or DROP and the packet is still the caller's. */
export function qdiscEnqueue(q: Qdisc, skb: SkBuff): i32 {
  if (skb.frags !== 0 && !skbOrphanFrags(skb)) return NET_XMIT_DROP;
  return call_indirect<i32>(opIndex(q.ops), changetype<usize>(skb), changetype<usize>(q));
}

/** The next packet to send, or null. */
export function qdiscDequeue(q: Qdisc): SkBuff | null {
  const head = q.requeueHead;
  if (head !== 0) {
    const skb = changetype<SkBuff>(head);
    q.requeueHead = skb.next;
    if (q.requeueHead === 0) q.requeueTail = 0;
    skb.next = 0;
    return skb;
  }
  return changetype<SkBuff | null>(call_indirect<usize>(opIndex(q.ops + 1), changetype<usize>(q)));
}

/**
 * Puts a packet that the device refused back to the front, `skb.next` list included. One that cannot be made ours for
 * want of memory stays where it is, and its ring waits for it.
 */
export function qdiscRequeue(q: Qdisc, skb: SkBuff): void {
  let last = skb;
  q.requeues++;
  skbOrphanFrags(last);
  while (last.next !== 0) {
    last = changetype<SkBuff>(last.next);
    skbOrphanFrags(last);
  }
  last.next = q.requeueHead;
  if (q.requeueHead === 0) q.requeueTail = changetype<usize>(last);
  q.requeueHead = changetype<usize>(skb);
}

/** Drops all that waits; ops and limits stay. */
export function qdiscReset(q: Qdisc): void {
  call_indirect<void>(opIndex(q.ops + 2), changetype<usize>(q));
}

export function qdiscEmpty(q: Qdisc): bool {
  return q.qlen === 0 && q.requeueHead === 0;
}
