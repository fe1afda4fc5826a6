/**
 * Reassembly of fragments, as far as both families do the same: queues by key, the order of pieces, overlaps, limits
 * and the joining. Linux: net/ipv4/inet_fragment.c.
 *
 *   Frags ─ hash ─► FragQueue { runs ─► run ─► run }          run = fragments that arrived in order, linked by next
 *                                       └► frag ─► frag        skb.cb4 = offset, cb5 = end of the run (its first skb),
 *                                                              skb.dst = next run; all of them while queued only
 *
 * A fragment that is wholly inside a run is a duplicate and ignored; one that overlaps otherwise ends the queue
 * (RFC 5722 §4 and its erratum 3089, which Linux follows for both families).
 *
 * Memory: slots held by queues count with their whole size (root().fragBytes has the sum of all namespaces). A
 * namespace holds at most ipfrag_high_thresh, all of them together at most half of the pools; above it fragments are
 * refused, and no queue gives way to a newer one.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { LARGE_SLOT_BYTES, MAX_SKB_FRAGS } from '../abi/layout';
import {
  HashNode,
  HashTable,
  hashBucket,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import { hsiphash } from '../lib/siphash';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Net } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import {
  FRAG_TABLE_BYTES,
  Frag,
  FragTable,
  fragAt,
  fragTableAlloc,
  fragTableFree,
  largeSlotAlloc,
  slotBytes,
  slotGet,
} from '../skb/pool';
import { SKB_BYTES, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { skbCopyBits } from '../skb/skbuff';

export const FRAG_KEY_MAX: u32 = 48;
/** Queues of one namespace and family at most, whatever they hold. */
const FRAG_QUEUES_MAX: u32 = 32768;

export const INET_FRAG_FIRST_IN: u8 = 1;
export const INET_FRAG_LAST_IN: u8 = 2;

export enum FragInsert {
  OK = 0,
  DUP = 1,
  OVERLAP = 2,
}

/** Queues of one family of a namespace: net.frags4, net.frags6. */
@unmanaged
@final
export class Frags {
  // HashTable
  buckets: usize;
  mask: u32;
  count: u32;
  max: u32;
  net: Net;
  /** Op of the timers: (FragQueue) => void. */
  timerOp: u32;
  /** Bytes held. */
  mem: u32;
}

@unmanaged
@final
export class FragQueue {
  // HashNode
  hnext: usize;
  hash: u32;
  frags: Frags;
  /** First and last run; last fragment of the last run. */
  runs: usize;
  // Timer, 8-byte aligned
  timerNext: usize;
  timerPrev: usize;
  timerExpires: u64;
  timerOp: u32;
  timerArg: usize;
  lastRun: usize;
  tail: usize;
  /** Bytes of the whole as far as known (exact once LAST_IN), bytes that are here. */
  len: u32;
  meat: u32;
  /** Bytes of memory, this record included. */
  mem: u32;
  pieces: u32;
  /** Largest fragment, header included; largest with DF. */
  maxSize: u32;
  maxDfSize: u32;
  /** ifindex of the last fragment's device. */
  iif: i32;
  /** The peer's count of fragments when this queue last got one. */
  rid: u32;
  /** INET_FRAG_*; ORed 1 << ECN of all fragments; length of the key. */
  flags: u8;
  ecn: u8;
  keyLen: u8;
  pad: u8;
  /** IPv6: offset of the next-header byte that named the fragment header, and its value. */
  nhoff: u32;
  // FRAG_KEY_MAX bytes of key follow
}

const QUEUE_BYTES: u32 = offsetof<FragQueue>() + FRAG_KEY_MAX;

/** What 1 << ECN of all fragments together means for the whole: a value to OR in, 0xff: no such combination. */
const ECN_TABLE = memory.data<u8>([0, 0, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 3, 0xff, 3, 0xff, 3, 0xff]);

/**
 * RFC 3168 §5.3: a reassembled packet has CE if any fragment had it; not-ECT together with anything else is invalid.
 * `seen`: bits 1 << ECN. The bits to OR into the ECN field, or 0xff.
 */
export function ipFragEcn(seen: u32): u32 {
  return load<u8>(ECN_TABLE + (seen & 15));
}

export function fragKeyPtr(q: FragQueue): usize {
  return changetype<usize>(q) + offsetof<FragQueue>();
}

function timerOf(q: FragQueue): Timer {
  return changetype<Timer>(changetype<usize>(q) + offsetof<FragQueue>('timerNext'));
}

/** An empty set of queues whose timers call `timerOp`; 0: memory ran out. */
export function fragsCreate(net: Net, timerOp: u32): usize {
  const p = kzalloc(offsetof<Frags>());
  if (p === 0) return 0;
  if (!hashInit(changetype<HashTable>(p), 4, FRAG_QUEUES_MAX)) {
    kfree(p);
    return 0;
  }
  changetype<Frags>(p).net = net;
  changetype<Frags>(p).timerOp = timerOp;
  return p;
}

/** Frees all queues and the set. */
export function fragsDestroy(p: usize): void {
  if (p === 0) return;
  const frags = changetype<Frags>(p);
  for (let i: u32 = 0; i <= frags.mask; i++) {
    for (;;) {
      const at = hashBucket(changetype<HashTable>(p), i);
      if (at === 0) break;
      fragKill(changetype<FragQueue>(at), SkbDropReason.NET_NS_GONE);
    }
  }
  hashDestroy(changetype<HashTable>(p));
  kfree(p);
}

/** Frees the fragments that came in by a device that goes away. */
export function fragsFlushDev(p: usize, dev: usize): void {
  if (p === 0) return;
  const frags = changetype<Frags>(p);
  for (let i: u32 = 0; i <= frags.mask; i++) {
    let at = hashBucket(changetype<HashTable>(p), i);
    while (at !== 0) {
      const next = changetype<FragQueue>(at).hnext;
      if (holdsDev(changetype<FragQueue>(at), dev))
        fragKill(changetype<FragQueue>(at), SkbDropReason.QUEUE_PURGE);
      at = next;
    }
  }
}

function holdsDev(q: FragQueue, dev: usize): bool {
  for (let run = q.runs; run !== 0; run = changetype<SkBuff>(run).dst) {
    for (let at = run; at !== 0; at = changetype<SkBuff>(at).next)
      if (changetype<SkBuff>(at).dev === dev) return true;
  }
  return false;
}

/** Bytes that all reassembly may hold: half of what the pools have, by slots and by records. */
export function fragPoolShare(): u32 {
  const r = root();
  const slots = <u64>changetype<Pool>(r.smallPool).count * <u64>slotBytes(r.smallBase);
  const records = <u64>changetype<Pool>(r.skbPool).count * <u64>(slotBytes(r.smallBase) + SKB_BYTES);
  return <u32>min<u64>(min(slots, records) >> 1, u32.MAX_VALUE);
}

/** Bytes held by reassembly in all namespaces. */
function held(): u32 {
  return root().fragBytes;
}

function account(q: FragQueue, bytes: u32): void {
  q.mem += bytes;
  q.frags.mem += bytes;
  root().fragBytes = held() + bytes;
}

function unaccount(q: FragQueue, bytes: u32): void {
  q.mem -= bytes;
  q.frags.mem -= bytes;
  root().fragBytes = held() - bytes;
}

/** Memory that the skb keeps from others: its record, its slot, its fragments' slots. */
export function fragTruesize(skb: SkBuff): u32 {
  let bytes = SKB_BYTES + slotBytes(skb.head);
  if (skb.frags === 0) return bytes;
  const n = changetype<FragTable>(skb.frags).n;
  bytes += FRAG_TABLE_BYTES;
  let last: usize = 0;
  for (let i: u32 = 0; i < n; i++) {
    const owner = fragAt(skb.frags, i).owner;
    if (owner !== 0 && owner !== last) bytes += slotBytes(owner);
    last = owner;
  }
  return bytes;
}

/**
 * The queue with the `keyLen` bytes at `key`, made when there is none, and then timing out in `timeoutNs`. Null when
 * more than `high` bytes are held already: even queues that exist get nothing then. Linux: inet_frag_find.
 */
export function fragFind(frags: Frags, key: usize, keyLen: u32, high: u32, timeoutNs: u64): FragQueue | null {
  if (high === 0 || frags.mem > high || held() > fragPoolShare()) return null;
  const hash = hsiphash(key, keyLen);
  const table = changetype<HashTable>(changetype<usize>(frags));
  for (let at = hashHead(table, hash); at !== 0; at = changetype<HashNode>(at).hnext) {
    const q = changetype<FragQueue>(at);
    if (q.hash === hash && q.keyLen === <u8>keyLen && memory.compare(fragKeyPtr(q), key, keyLen) === 0)
      return q;
  }
  const p = kzalloc(QUEUE_BYTES);
  if (p === 0) return null;
  const q = changetype<FragQueue>(p);
  if (!hashInsert(table, changetype<HashNode>(p), hash)) {
    kfree(p);
    return null;
  }
  q.frags = frags;
  q.keyLen = <u8>keyLen;
  memory.copy(fragKeyPtr(q), key, keyLen);
  account(q, QUEUE_BYTES);
  timerSetup(timerOf(q), frags.timerOp, p);
  timerAdd(timerOf(q), root().now + timeoutNs);
  return q;
}

/**
 * Puts the fragment, which is `offset`..`end` of the whole and begins with its payload, into its place. Only when the
 * result is OK is the skb the queue's. Linux: inet_frag_queue_insert.
 */
export function fragInsert(q: FragQueue, skb: SkBuff, offset: u32, end: u32): FragInsert {
  const p = changetype<usize>(skb);
  if (q.runs === 0) {
    newRun(q, skb, 0, 0, offset, end);
  } else {
    const last = changetype<SkBuff>(q.lastRun);
    if (last.cb5 < end) {
      // The common case: it goes to the end.
      if (offset < last.cb5) return FragInsert.OVERLAP;
      if (offset === last.cb5) {
        changetype<SkBuff>(q.tail).next = p;
        last.cb5 = end;
        skb.next = 0;
        skb.cb4 = offset;
        skb.dst = 0;
        q.tail = p;
      } else {
        newRun(q, skb, q.lastRun, 0, offset, end);
      }
    } else {
      let before: usize = 0;
      let at = q.runs;
      while (at !== 0) {
        const run = changetype<SkBuff>(at);
        if (end <= run.cb4) break;
        if (offset < run.cb5)
          return offset >= run.cb4 && end <= run.cb5 ? FragInsert.DUP : FragInsert.OVERLAP;
        before = at;
        at = run.dst;
      }
      newRun(q, skb, before, at, offset, end);
    }
  }
  q.pieces++;
  q.meat += end - offset;
  account(q, fragTruesize(skb));
  return FragInsert.OK;
}

/** The skb becomes a run of its own between two (0: at that end). */
function newRun(q: FragQueue, skb: SkBuff, before: usize, behind: usize, offset: u32, end: u32): void {
  const p = changetype<usize>(skb);
  skb.next = 0;
  skb.cb4 = offset;
  skb.cb5 = end;
  skb.dst = behind;
  if (before !== 0) changetype<SkBuff>(before).dst = p;
  else q.runs = p;
  if (behind === 0) {
    q.lastRun = p;
    q.tail = p;
  }
}

/** Everything is here: the first and the last fragment, and as many bytes as between them. */
export function fragComplete(q: FragQueue): bool {
  return q.flags === (INET_FRAG_FIRST_IN | INET_FRAG_LAST_IN) && q.meat === q.len;
}

/** Drops the fragments; the queue goes on, empty, with a new timeout. Linux: ip_frag_reinit. */
export function fragReinit(q: FragQueue, reason: SkbDropReason, timeoutNs: u64): void {
  purge(q, reason);
  q.flags = 0;
  q.ecn = 0;
  q.len = 0;
  q.meat = 0;
  q.pieces = 0;
  q.maxSize = 0;
  q.maxDfSize = 0;
  q.iif = 0;
  timerAdd(timerOf(q), root().now + timeoutNs);
}

function purge(q: FragQueue, reason: SkbDropReason): void {
  let run = q.runs;
  while (run !== 0) {
    const nextRun = changetype<SkBuff>(run).dst;
    let at = run;
    while (at !== 0) {
      const skb = changetype<SkBuff>(at);
      at = skb.next;
      skb.next = 0;
      skb.dst = 0;
      kfreeSkbReason(skb, reason);
    }
    run = nextRun;
  }
  q.runs = 0;
  q.lastRun = 0;
  q.tail = 0;
  unaccount(q, q.mem - QUEUE_BYTES);
}

/** Ends the queue and drops what it holds. */
export function fragKill(q: FragQueue, reason: SkbDropReason): void {
  purge(q, reason);
  release(q);
}

function release(q: FragQueue): void {
  timerDel(timerOf(q));
  const frags = q.frags;
  unaccount(q, QUEUE_BYTES);
  hashRemove(changetype<HashTable>(changetype<usize>(frags)), changetype<HashNode>(changetype<usize>(q)));
  kfree(changetype<usize>(q));
}

/** Takes the first fragment out of a queue that is to be killed, for the error about it; null when it has none. */
export function fragPullHead(q: FragQueue): SkBuff | null {
  if (q.runs === 0) return null;
  const skb = changetype<SkBuff>(q.runs);
  if (skb.next !== 0) {
    const next = changetype<SkBuff>(skb.next);
    next.dst = skb.dst;
    next.cb5 = skb.cb5;
    q.runs = skb.next;
    if (q.lastRun === changetype<usize>(skb)) q.lastRun = skb.next;
  } else {
    q.runs = skb.dst;
    if (q.lastRun === changetype<usize>(skb)) {
      q.lastRun = 0;
      q.tail = 0;
    }
  }
  unaccount(q, min(fragTruesize(skb), q.mem - QUEUE_BYTES));
  skb.next = 0;
  skb.dst = 0;
  return skb;
}

/**
 * Joins a complete queue: the first fragment's skb, the payloads of the others behind it as fragments, or copied to
 * one large slot when they are too many. The queue is gone. Null: memory ran out, all are dropped.
 */
export function fragReasm(q: FragQueue): SkBuff | null {
  const first = changetype<SkBuff>(q.runs);
  // One list of all fragments in order.
  let tail = q.runs;
  let run = first.dst;
  for (;;) {
    while (changetype<SkBuff>(tail).next !== 0) tail = changetype<SkBuff>(tail).next;
    if (run === 0) break;
    const next = changetype<SkBuff>(run).dst;
    changetype<SkBuff>(tail).next = run;
    changetype<SkBuff>(run).dst = 0;
    run = next;
  }
  q.runs = 0;
  q.lastRun = 0;
  q.tail = 0;
  const rest = first.next;
  first.next = 0;
  first.dst = 0;
  let slots: u32 = 0;
  for (let at = changetype<usize>(first); at !== 0; at = nextOf(at, first, rest))
    slots += partsOf(changetype<SkBuff>(at));
  slots -= skbHeadlen(first) !== 0 ? 1 : 0;
  unaccount(q, q.mem - QUEUE_BYTES);
  release(q);
  const joined = slots <= MAX_SKB_FRAGS ? chain(first, rest) : copyAll(first, rest);
  if (joined) return first;
  dropList(rest);
  kfreeSkbReason(first, SkbDropReason.NOMEM);
  return null;
}

function nextOf(at: usize, first: SkBuff, rest: usize): usize {
  return at === changetype<usize>(first) ? rest : changetype<SkBuff>(at).next;
}

/** Pieces of memory that the skb's bytes lie in. */
function partsOf(skb: SkBuff): u32 {
  return (skbHeadlen(skb) !== 0 ? 1 : 0) + (skb.frags !== 0 ? changetype<FragTable>(skb.frags).n : 0);
}

function dropList(at: usize): void {
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
  }
}

/** Appends the bytes of the others to `first` without copying them: their slots get a second owner, then lose theirs. */
function chain(first: SkBuff, rest: usize): bool {
  if (rest === 0) return true;
  if (first.frags === 0) {
    first.frags = fragTableAlloc();
    if (first.frags === 0) return false;
  }
  const to = changetype<FragTable>(first.frags);
  while (rest !== 0) {
    const skb = changetype<SkBuff>(rest);
    const linear = skbHeadlen(skb);
    if (linear !== 0) add(to, skb.data, linear, skb.head);
    const n: u32 = skb.frags === 0 ? 0 : changetype<FragTable>(skb.frags).n;
    for (let i: u32 = 0; i < n; i++) {
      const frag: Frag = fragAt(skb.frags, i);
      add(to, frag.ptr, frag.len, frag.owner);
    }
    first.len += skb.len;
    first.dataLen += skb.len;
    rest = skb.next;
    skb.next = 0;
    consumeSkb(skb);
  }
  return true;
}

function add(table: FragTable, ptr: usize, len: u32, owner: usize): void {
  const frag = fragAt(changetype<usize>(table), table.n);
  frag.ptr = ptr;
  frag.len = len;
  frag.owner = owner;
  slotGet(owner);
  table.n++;
}

/** More pieces than a table takes: all payload goes into one large slot; the headers of `first` move along. */
function copyAll(first: SkBuff, rest: usize): bool {
  let bytes = first.len;
  for (let at = rest; at !== 0; at = changetype<SkBuff>(at).next) bytes += changetype<SkBuff>(at).len;
  if (bytes > LARGE_SLOT_BYTES) return false;
  const table = fragTableAlloc();
  if (table === 0) return false;
  const slot = largeSlotAlloc();
  if (slot === 0) {
    fragTableFree(table);
    return false;
  }
  // The linear part of the first stays where it is, with the headers in front of it; all else follows in the slot.
  const linear = skbHeadlen(first);
  let to = slot;
  if (first.dataLen !== 0) {
    skbCopyBits(first, linear, to, first.dataLen);
    to += first.dataLen;
    fragTableFree(first.frags);
    first.frags = 0;
  }
  while (rest !== 0) {
    const skb = changetype<SkBuff>(rest);
    skbCopyBits(skb, 0, to, skb.len);
    to += skb.len;
    rest = skb.next;
    skb.next = 0;
    consumeSkb(skb);
  }
  first.frags = table;
  const frag = fragAt(table, 0);
  frag.ptr = slot;
  frag.len = to - slot;
  frag.owner = slot;
  changetype<FragTable>(table).n = 1;
  first.dataLen = to - slot;
  first.len = linear + first.dataLen;
  return true;
}
