/**
 * Streams at work: made, started, run, stopped. pktgen.ts has the picture of how they come to their turn.
 */
import { Op } from '../abi/ops';
import { PktgenRate, PktgenStream } from '../abi/pktgen';
import { NetDevice } from '../dev/net_device';
import { timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { randomU32 } from '../lib/random';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { below, nextSize, streamSend } from './emit';
import { paceDue, paceMissed, paceNext, paceSpend, paceStart } from './pace';
import { Pktgen, pktgenGet, pktgenPut } from './pktgen';
import { streamFree, streamNew } from './stream_new';
import { TxStream, bitsOf, burstOf, streamPace, streamTimer } from './tx_stream';

/** Frames that one stream sends in its turn at most, so that others and the receive side have theirs. */
const TURN_FRAMES: u32 = 256;
/** A stream whose device is full or down is tried with every poll, and at the latest after so many ns. */
const RETRY_NS: u64 = 1_000_000;

/** Makes a stream; `out` gets the length of the shortest frame that it could have. */
export function pktgenStreamNew(rec: usize, len: u32, dev: NetDevice, out: usize): i32 {
  const made = pktgenGet();
  if (made === null) return -Errno.ENOMEM;
  const pktgen = made;
  let err = -Errno.EEXIST;
  if (pktgenStream(load<u16>(rec, PktgenStream.ID)) === null)
    err = streamNew(rec, len, dev, pktgen.crcTables, out);
  if (err !== 0) {
    pktgenPut();
    return err;
  }
  const stream = changetype<TxStream>(load<u32>(out));
  store<u32>(out, stream.frameMin);
  timerSetup(streamTimer(stream), Op.TIMER_PKTGEN, changetype<usize>(stream));
  // In the order in which they were made.
  stream.next = 0;
  let at = pktgen.streams;
  if (at === 0) pktgen.streams = changetype<usize>(stream);
  else {
    while (changetype<TxStream>(at).next !== 0) at = changetype<TxStream>(at).next;
    changetype<TxStream>(at).next = changetype<usize>(stream);
  }
  pktgen.users++;
  return 0;
}

/** The stream called `id`, or null. */
export function pktgenStream(id: u32): TxStream | null {
  if (root().pktgen === 0) return null;
  let at = changetype<Pktgen>(root().pktgen).streams;
  while (at !== 0 && changetype<TxStream>(at).id !== id) at = changetype<TxStream>(at).next;
  return changetype<TxStream | null>(at);
}

/** First of all streams; next of one. */
export function pktgenStreams(): usize {
  return root().pktgen === 0 ? 0 : changetype<Pktgen>(root().pktgen).streams;
}

export function pktgenStreamDel(stream: TxStream): void {
  const pktgen = changetype<Pktgen>(root().pktgen);
  pktgenStop(stream);
  const p = changetype<usize>(stream);
  if (pktgen.streams === p) pktgen.streams = stream.next;
  else {
    let at = changetype<TxStream>(pktgen.streams);
    while (at.next !== p) at = changetype<TxStream>(at.next);
    at.next = stream.next;
  }
  streamFree(stream);
  pktgen.users--;
  pktgenPut();
}

/** Starts a stream, also one that runs, from frame 0 of a new run. */
export function pktgenStart(stream: TxStream): void {
  const pktgen = changetype<Pktgen>(root().pktgen);
  const now = root().now;
  pktgenStop(stream);
  if (pktgen.runNext === 0) pktgen.runNext = randomU32();
  stream.run = ++pktgen.runNext & 0xffff;
  stream.random = load<u32>(stream.config, PktgenStream.SEED) | 1;
  stream.seq = 0;
  stream.bytes = 0;
  stream.nomem = 0;
  stream.missed = 0;
  stream.busy = 0;
  stream.errors = 0;
  stream.last = 0;
  stream.slot = stream.sizeRandom !== 0 ? below(stream, stream.slots) : 0;
  stream.flow = stream.flowRandom !== 0 ? below(stream, stream.flows) : 0;
  stream.started = now + load<u64>(stream.config, PktgenStream.DELAY);
  stream.until = stream.duration === 0 ? u64.MAX_VALUE : stream.started + stream.duration;
  if (stream.rateKind !== PktgenRate.MAX)
    paceStart(streamPace(stream), stream.rate, burstOf(stream), stream.started);
  stream.running = 1;
  if (stream.started > now) timerAdd(streamTimer(stream), stream.started);
  else enqueue(pktgen, stream);
}

export function pktgenStop(stream: TxStream): void {
  stream.running = 0;
  stream.blocked = 0;
  timerDel(streamTimer(stream));
  if (stream.queued === 0) return;
  const pktgen = changetype<Pktgen>(root().pktgen);
  const p = changetype<usize>(stream);
  let prev: usize = 0;
  let at = pktgen.runHead;
  while (at !== p) {
    prev = at;
    at = changetype<TxStream>(at).runNext;
  }
  if (prev === 0) pktgen.runHead = stream.runNext;
  else changetype<TxStream>(prev).runNext = stream.runNext;
  if (pktgen.runTail === p) pktgen.runTail = prev;
  stream.queued = 0;
}

function enqueue(pktgen: Pktgen, stream: TxStream): void {
  if (stream.queued !== 0) return;
  const p = changetype<usize>(stream);
  stream.queued = 1;
  stream.runNext = 0;
  if (pktgen.runTail !== 0) changetype<TxStream>(pktgen.runTail).runNext = p;
  else pktgen.runHead = p;
  pktgen.runTail = p;
  pktgen.more = 1;
}

/** TIMER_PKTGEN: a frame of the stream is due. */
export function pktgenTimer(p: usize): void {
  enqueue(changetype<Pktgen>(root().pktgen), changetype<TxStream>(p));
}

/** The device goes away, and its streams with it. */
export function pktgenForgetStreams(dev: usize): void {
  let at = pktgenStreams();
  while (at !== 0) {
    const stream = changetype<TxStream>(at);
    at = stream.next;
    if (stream.dev === dev) pktgenStreamDel(stream);
  }
}

/** Another poll has frames to send at once. */
export function pktgenMore(): bool {
  const p = root().pktgen;
  return p !== 0 && changetype<Pktgen>(p).more !== 0;
}

/**
 * Gives each stream of the run list one turn; returns the frames that were sent. Called behind the receive side of a
 * poll: what a frame meets inside of the core it meets in the next one, whose clock is later.
 */
export function pktgenRun(): u32 {
  const pktgen = changetype<Pktgen>(root().pktgen);
  const last = pktgen.runTail;
  let sent: u32 = 0;
  pktgen.more = 0;
  while (pktgen.runHead !== 0) {
    const p = pktgen.runHead;
    const stream = changetype<TxStream>(p);
    pktgen.runHead = stream.runNext;
    if (pktgen.runHead === 0) pktgen.runTail = 0;
    stream.queued = 0;
    const before = stream.seq;
    const due = turn(stream, pktgen.crcTables);
    sent += <u32>(stream.seq - before);
    if (stream.running !== 0) settle(pktgen, stream, due);
    if (p === last) break;
  }
  return sent;
}

/** Where a stream waits for its next turn; `due`: it has more to send now. */
function settle(pktgen: Pktgen, stream: TxStream, due: bool): void {
  const more = pktgen.more;
  if (stream.blocked !== 0) {
    timerAdd(streamTimer(stream), root().now + RETRY_NS);
    enqueue(pktgen, stream);
    pktgen.more = more;
  } else if (due) {
    timerDel(streamTimer(stream));
    enqueue(pktgen, stream);
  } else timerAdd(streamTimer(stream), min(paceNext(streamPace(stream)), stream.until));
}

/** Sends what is due; true when more is. A stream that has sent all it may is stopped. */
function turn(stream: TxStream, crcTables: usize): bool {
  const now = root().now;
  const paced = stream.rateKind !== PktgenRate.MAX;
  const pace = streamPace(stream);
  // What was due before the end may still leave behind it.
  const end = now >= stream.until;
  let due: i64 = 0;
  if (paced) {
    due = paceDue(pace, end ? stream.until - 1 : now);
    const missed = paceMissed(pace, due);
    if (missed !== 0) {
      stream.missed +=
        stream.rateKind === PktgenRate.PPS ? missed : missed / bitsOf(stream.rateKind, nextSize(stream).len);
      due -= <i64>missed;
    }
  } else if (end) due = -1;
  stream.blocked = 0;
  let left = TURN_FRAMES;
  while (due >= 0 && left !== 0) {
    if (stream.count !== 0 && stream.seq >= stream.count) break;
    const cost: u64 =
      paced && stream.rateKind !== PktgenRate.PPS ? bitsOf(stream.rateKind, nextSize(stream).len) : 1;
    if (!streamSend(stream, now, crcTables)) break;
    if (paced) {
      paceSpend(pace, cost);
      due -= <i64>cost;
    }
    left--;
  }
  const all = stream.count !== 0 && stream.seq >= stream.count;
  if (all || (end && (due < 0 || stream.blocked !== 0))) {
    stream.running = 0;
    stream.blocked = 0;
    timerDel(streamTimer(stream));
    return false;
  }
  return due >= 0;
}
