/**
 * pfifo_fast: three bands, the lower always first; the priority of a packet (from its TOS) says which.
 * Linux: net/sched/sch_generic.c, tc-pfifo_fast(8).
 *
 *   skb.priority ─ PRIO2BAND ─► band 0 (interactive) ─┐
 *                              band 1 (best effort) ──┼─► dequeue: first non-empty
 *                              band 2 (bulk) ─────────┘
 */
import { Op } from '../abi/ops';
import { NetDevice } from '../dev/net_device';
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, Qdisc, qdiscDequeue } from '../dev/qdisc';
import { netifUnschedule } from '../dev/xmit';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { SkbDropReason } from '../abi/drop_reason';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';

const BANDS: u32 = 3;
const BAND_BYTES: u32 = 8;
/** By the four priority bits: tc-prio(8). */
const PRIO2BAND = memory.data<u8>([1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);

@unmanaged
@final
class Band {
  head: usize;
  tail: usize;
}

function band(q: Qdisc, i: u32): Band {
  return changetype<Band>(q.priv + i * BAND_BYTES);
}

/** Gives `dev` a pfifo_fast of txQueueLen packets; false when memory ran out. */
export function pfifoFastAttach(dev: NetDevice): bool {
  const p = kzalloc(offsetof<Qdisc>());
  const bands = kzalloc(BANDS * BAND_BYTES);
  if (p === 0 || bands === 0) {
    kfree(p);
    kfree(bands);
    return false;
  }
  const q = changetype<Qdisc>(p);
  q.ops = Op.QDISC_PFIFO_FAST_ENQUEUE;
  q.dev = changetype<usize>(dev);
  q.limit = dev.txQueueLen;
  q.priv = bands;
  dev.qdisc = p;
  return true;
}

/** Drops what waits and takes the qdisc off the device. */
export function qdiscDestroy(dev: NetDevice): void {
  netifUnschedule(dev);
  if (dev.qdisc === 0) return;
  const q = changetype<Qdisc>(dev.qdisc);
  purge(q);
  kfree(q.priv);
  kfree(dev.qdisc);
  dev.qdisc = 0;
}

function purge(q: Qdisc): void {
  let skb = qdiscDequeue(q);
  while (skb !== null) {
    kfreeSkbReason(skb, SkbDropReason.QUEUE_PURGE);
    skb = qdiscDequeue(q);
  }
}

function enqueue(skbPtr: usize, qPtr: usize): i32 {
  const q = changetype<Qdisc>(qPtr);
  if (q.qlen >= q.limit) return NET_XMIT_DROP;
  const skb = changetype<SkBuff>(skbPtr);
  const b = band(q, load<u8>(PRIO2BAND + (skb.priority & 15)));
  skb.next = 0;
  if (b.tail !== 0) changetype<SkBuff>(b.tail).next = skbPtr;
  else b.head = skbPtr;
  b.tail = skbPtr;
  q.qlen++;
  q.backlog += skb.len;
  return NET_XMIT_SUCCESS;
}

function dequeue(qPtr: usize): usize {
  const q = changetype<Qdisc>(qPtr);
  for (let i: u32 = 0; i < BANDS; i++) {
    const b = band(q, i);
    if (b.head === 0) continue;
    const skb = changetype<SkBuff>(b.head);
    b.head = skb.next;
    if (b.head === 0) b.tail = 0;
    skb.next = 0;
    q.qlen--;
    q.backlog -= skb.len;
    return changetype<usize>(skb);
  }
  return 0;
}

function reset(qPtr: usize): void {
  purge(changetype<Qdisc>(qPtr));
}

/** Fills the ops: at init and after a restore. */
export function pfifoFastInit(): void {
  opSet(Op.QDISC_PFIFO_FAST_ENQUEUE, enqueue.index);
  opSet(Op.QDISC_PFIFO_FAST_DEQUEUE, dequeue.index);
  opSet(Op.QDISC_PFIFO_FAST_RESET, reset.index);
}
