/**
 * The sink of a device: it stands before the stack (dev/receive calls it by op), takes the frames that carry a signature
 * out of the burst, and counts. A frame that is damaged is counted as corrupted and not believed: not even its stream's
 * name, unless that is one that the sink knows.
 *
 *   Sink │ hash of ids: u32 index + 1 │ RxStream x streams (record, window, histogram)
 *
 * All of it is allocated when the sink is made. Streams are learned as they arrive; those that find no room are counted
 * in `unknown` and consumed.
 */
import { PktgenLong, PktgenShort, PktgenSig, PktgenSink } from '../abi/pktgen';
import { NetDevice } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { consumeSkb } from '../skb/free';
import { CHECKSUM_NONE, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { skbLinearize } from '../skb/skbuff';
import { Pktgen, pktgenGet, pktgenPut } from './pktgen';
import { RX_STREAM_BYTES, RxStream, rxSequence, rxStreamInit, rxStreamRcv } from './rx_stream';
import { sequenceExtend } from './sequence';
import { Found, signatureFind, signatureOk } from './signature';

/** Streams that a sink may tell apart: 24 KB each. */
const STREAMS_MAX: u32 = 1024;
const NOT_COMPARABLE: u64 = u64.MAX_VALUE;

@unmanaged
@final
export class Sink {
  dev: usize;
  pass: u32;
  streams: u32;
  seen: u32;
  /** u32 index + 1 by id, open addressing; size - 1. */
  hash: usize;
  mask: u32;
  records: usize;
  /** The stream of the last frame. */
  last: usize;
  packets: u64;
  bytes: u64;
  corrupted: u64;
  others: u64;
  unknown: u64;
}

export function sinkNew(dev: NetDevice, rec: usize): i32 {
  const streams = load<u32>(rec, PktgenSink.STREAMS);
  if (streams === 0 || streams > STREAMS_MAX) return -Errno.EINVAL;
  if (dev.sink !== 0) return -Errno.EBUSY;
  const pktgen = pktgenGet();
  const p = kzalloc(offsetof<Sink>());
  let slots: u32 = 4;
  while (slots < 2 * streams) slots <<= 1;
  const hash = kzalloc(slots << 2);
  const records = kzalloc(streams * RX_STREAM_BYTES);
  if (pktgen === null || p === 0 || hash === 0 || records === 0) {
    kfree(p);
    kfree(hash);
    kfree(records);
    pktgenPut();
    return -Errno.ENOMEM;
  }
  const sink = changetype<Sink>(p);
  sink.dev = changetype<usize>(dev);
  sink.pass = load<u32>(rec, PktgenSink.PASS);
  sink.streams = streams;
  sink.hash = hash;
  sink.mask = slots - 1;
  sink.records = records;
  pktgen.users++;
  dev.sink = p;
  return 0;
}

/** Takes the device's sink away, if it has one. */
export function sinkDel(dev: NetDevice): void {
  if (dev.sink === 0) return;
  const sink = changetype<Sink>(dev.sink);
  dev.sink = 0;
  kfree(sink.hash);
  kfree(sink.records);
  kfree(changetype<usize>(sink));
  changetype<Pktgen>(root().pktgen).users--;
  pktgenPut();
}

/** Forgets all streams and figures. */
export function sinkReset(sink: Sink): void {
  memory.fill(sink.hash, 0, (sink.mask + 1) << 2);
  memory.fill(sink.records, 0, sink.seen * RX_STREAM_BYTES);
  sink.seen = 0;
  sink.last = 0;
  sink.packets = 0;
  sink.bytes = 0;
  sink.corrupted = 0;
  sink.others = 0;
  sink.unknown = 0;
}

/** Stream `i` in the order of their first frames. */
export function sinkStream(sink: Sink, i: u32): RxStream {
  return changetype<RxStream>(sink.records + i * RX_STREAM_BYTES);
}

/** The stream called `id`; learned when `learn` and there is room; null otherwise. */
function lookup(sink: Sink, id: u32, learn: bool): RxStream | null {
  let at = (id * 0x9e3779b1) & sink.mask;
  for (;;) {
    const index = load<u32>(sink.hash + (at << 2));
    if (index === 0) break;
    const stream = sinkStream(sink, index - 1);
    if (stream.id === id) return stream;
    at = (at + 1) & sink.mask;
  }
  if (!learn || sink.seen === sink.streams) return null;
  const stream = rxStreamInit(changetype<usize>(sinkStream(sink, sink.seen)), id);
  sink.seen++;
  store<u32>(sink.hash + (at << 2), sink.seen);
  return stream;
}

/** PKTGEN_RCV: takes its frames out of the `n` skbs at `list`; returns how many are left there. */
export function sinkRcv(list: usize, n: u32, dev: NetDevice): u32 {
  const sink = changetype<Sink>(dev.sink);
  const crcTables = changetype<Pktgen>(root().pktgen).crcTables;
  const found = changetype<Found>(scratch(Scratch.PKTGEN_FOUND));
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const p = load<u32>(list + (i << 2));
    const skb = changetype<SkBuff>(p);
    if (take(sink, skb, found, crcTables) && sink.pass === 0) consumeSkb(skb);
    else store<u32>(list + (kept++ << 2), p);
  }
  return kept;
}

/** True when the frame is one of a generator's. */
function take(sink: Sink, skb: SkBuff, found: Found, crcTables: usize): bool {
  // Long frames come in pieces, GSO ones are nobody's of ours.
  if (skb.frags !== 0 && (skb.gsoSize !== 0 || !skbLinearize(skb))) {
    sink.others++;
    return false;
  }
  const end = skb.data + skbHeadlen(skb);
  if (!signatureFind(found, skb.protocol, skb.data, end)) {
    sink.others++;
    return false;
  }
  const at = found.at;
  const id = <u32>load<u16>(at, PktgenSig.STREAM);
  if (!signatureOk(found, skb.ipSummed === CHECKSUM_NONE, crcTables)) {
    sink.corrupted++;
    const known = lookup(sink, id, false);
    if (known !== null) known.corrupted++;
    return true;
  }
  let stream = changetype<RxStream | null>(sink.last);
  if (stream === null || stream.id !== id) {
    stream = lookup(sink, id, true);
    if (stream === null) {
      sink.unknown++;
      return true;
    }
    sink.last = changetype<usize>(stream);
  }
  const len = <u32>(end - (skb.macHeader === 0 ? skb.data : skb.macHeader));
  sink.packets++;
  sink.bytes += len;
  const now = skb.tstamp;
  const run = <u32>load<u16>(at, PktgenSig.RUN);
  let seq: u64 = 0;
  let latency = NOT_COMPARABLE;
  if (found.end - at >= <usize>PktgenLong.SIZE) {
    seq = load<u64>(at, PktgenLong.SEQ);
    const tx = load<u64>(at, PktgenLong.TX);
    if (tx <= now) latency = now - tx;
  } else {
    seq = sequenceExtend(rxSequence(stream), run, load<u32>(at, PktgenShort.SEQ));
    // Modulo 2^32 ns: up to 2.1 s can be told from a clock that is behind.
    const late = <u32>now - load<u32>(at, PktgenShort.TX);
    if (<i32>late >= 0) latency = late;
  }
  rxStreamRcv(stream, run, seq, len, now, latency);
  return true;
}
