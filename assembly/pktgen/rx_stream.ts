/** What a sink knows of one stream: sequence numbers (sequence.ts) and latencies (histogram.ts). */
import { PktgenRx } from '../abi/pktgen';
import { HISTOGRAM_BYTES, histogramPercentile, histogramRecord } from './histogram';
import { SEQUENCE_WINDOW_BYTES, Sequence, sequenceLost, sequenceRcv } from './sequence';

@unmanaged
@final
export class RxStream {
  id: u32;
  histogram: usize;
  packets: u64;
  bytes: u64;
  corrupted: u64;
  latCount: u64;
  latInvalid: u64;
  latMin: u64;
  latMax: u64;
  latSum: u64;
  latLast: u64;
  /** RFC 3550 §A.8: sixteen times the jitter. */
  jitter16: u64;
  first: u64;
  last: u64;
}

const SEQUENCE_AT: usize = offsetof<RxStream>();
const WINDOW_AT: usize = SEQUENCE_AT + offsetof<Sequence>();
const HISTOGRAM_AT: usize = WINDOW_AT + SEQUENCE_WINDOW_BYTES;
/** Record, window and histogram in one piece. */
export const RX_STREAM_BYTES: usize = HISTOGRAM_AT + HISTOGRAM_BYTES;

/** Makes the stream `id` of zeroed bytes at `p`. */
export function rxStreamInit(p: usize, id: u32): RxStream {
  const stream = changetype<RxStream>(p);
  stream.id = id;
  stream.latMin = u64.MAX_VALUE;
  stream.histogram = p + HISTOGRAM_AT;
  rxSequence(stream).window = p + WINDOW_AT;
  return stream;
}

export function rxSequence(stream: RxStream): Sequence {
  return changetype<Sequence>(changetype<usize>(stream) + SEQUENCE_AT);
}

/** A whole frame of `len` bytes arrived at `now`; `latency` is all ones when the clocks cannot be compared. */
export function rxStreamRcv(stream: RxStream, run: u32, seq: u64, len: u32, now: u64, latency: u64): void {
  if (stream.packets === 0) stream.first = now;
  stream.last = now;
  stream.packets++;
  stream.bytes += len;
  sequenceRcv(rxSequence(stream), run, seq);
  if (!histogramRecord(stream.histogram, latency)) {
    stream.latInvalid++;
    return;
  }
  if (stream.latCount !== 0) {
    const before = stream.latLast;
    const difference = latency > before ? latency - before : before - latency;
    stream.jitter16 += difference - ((stream.jitter16 + 8) >> 4);
  }
  stream.latLast = latency;
  stream.latCount++;
  stream.latSum += latency;
  stream.latMin = min(stream.latMin, latency);
  stream.latMax = max(stream.latMax, latency);
}

/** Fills a PktgenRx from ID on. */
export function rxStreamFill(stream: RxStream, rec: usize): void {
  const seq = rxSequence(stream);
  const histogram = stream.histogram;
  const count = stream.latCount;
  store<u32>(rec, stream.id, PktgenRx.ID);
  store<u32>(rec, seq.run, PktgenRx.RUN);
  store<u32>(rec, seq.runs, PktgenRx.RUNS);
  store<u64>(rec, stream.packets, PktgenRx.PACKETS);
  store<u64>(rec, stream.bytes, PktgenRx.BYTES);
  store<u64>(rec, seq.unique, PktgenRx.UNIQUE);
  store<u64>(rec, sequenceLost(seq), PktgenRx.LOST);
  store<u64>(rec, seq.reordered, PktgenRx.REORDERED);
  store<u64>(rec, seq.duplicated, PktgenRx.DUPLICATED);
  store<u64>(rec, seq.late, PktgenRx.LATE);
  store<u64>(rec, stream.corrupted, PktgenRx.CORRUPTED);
  store<u64>(rec, seq.extent, PktgenRx.REORDER_EXTENT);
  store<u64>(rec, count, PktgenRx.LAT_COUNT);
  store<u64>(rec, stream.latInvalid, PktgenRx.LAT_INVALID);
  store<u64>(rec, count === 0 ? 0 : stream.latMin, PktgenRx.LAT_MIN);
  store<u64>(rec, stream.latMax, PktgenRx.LAT_MAX);
  store<u64>(rec, stream.latSum, PktgenRx.LAT_SUM);
  store<u64>(rec, stream.jitter16 >> 4, PktgenRx.JITTER);
  store<u64>(rec, histogramPercentile(histogram, count, 500), PktgenRx.P50);
  store<u64>(rec, histogramPercentile(histogram, count, 900), PktgenRx.P90);
  store<u64>(rec, histogramPercentile(histogram, count, 990), PktgenRx.P99);
  store<u64>(rec, histogramPercentile(histogram, count, 999), PktgenRx.P999);
  store<u64>(rec, stream.first, PktgenRx.FIRST);
  store<u64>(rec, stream.last, PktgenRx.LAST);
}
