/**
 * A stream of frames to send: its record, and how it is asked about. All that is the same in every frame is prepared once
 * (stream_new.ts, template.ts): the template, and for each size the sums of what does not change.
 *
 *   template   Ethernet │ tags │ IP │ UDP, TCP, ICMP │ signature │ fill
 *              0        14     l3   l4               payload
 *   sizes      {length, IP sum, transport sum, CRC of the fill}, and `schedule`: which one each frame of a turn has
 */
import {
  PKTGEN_FCS,
  PKTGEN_GAP,
  PKTGEN_SIZE_BYTES,
  PktgenLong,
  PktgenRate,
  PktgenShort,
  PktgenSizes,
  PktgenStream,
} from '../abi/pktgen';
import { Timer } from '../lib/timer_wheel';
import { Pace } from './pace';

/** Bursts: frames at least, and what the rate makes in a 200th of a second. */
const BURST_FRAMES: u64 = 32;
const BURST_FRACTION: u64 = 200;

@unmanaged
@final
export class TxStream {
  next: usize;
  runNext: usize;
  /** In the run list; waits for its device. */
  queued: u32;
  blocked: u32;
  dev: usize;
  id: u32;
  running: u32;
  run: u32;
  mode: u32;
  proto: u32;
  family: u32;
  /** Copy of the configuration, from PktgenStream.NET to SIZE_COUNT. */
  config: usize;
  template: usize;
  /** SizeEntry of each length, u16 index of each slot of a turn, slots. */
  sizes: usize;
  schedule: usize;
  slots: u32;
  slot: u32;
  l3: u32;
  l4: u32;
  payload: u32;
  frameMin: u32;
  /** Counts of what varies, 1: it is in the template. */
  flows: u32;
  sports: u32;
  saddrs: u32;
  dports: u32;
  daddrs: u32;
  smacs: u32;
  dmacs: u32;
  flow: u32;
  flowRandom: u32;
  sizeRandom: u32;
  /** xorshift32 */
  random: u32;
  rateKind: u32;
  rate: u64;
  count: u64;
  duration: u64;
  /** First frame at, and none from `until` on. */
  started: u64;
  until: u64;
  seq: u64;
  bytes: u64;
  nomem: u64;
  missed: u64;
  busy: u64;
  errors: u64;
  last: u64;
  // Pace and Timer, both of 64-bit alignment
  pace0: u64;
  pace1: u64;
  pace2: u64;
  pace3: u64;
  timer0: u64;
  timer1: u64;
  timer2: u64;
}

@unmanaged
@final
export class SizeEntry {
  len: u32;
  /** Sums in memory order without what varies, not folded. */
  ipSum: u32;
  l4Sum: u32;
  /** crc32() of the fill. */
  crc: u32;
}
export const SIZE_ENTRY_BYTES: u32 = 16;

export function streamPace(stream: TxStream): Pace {
  return changetype<Pace>(changetype<usize>(stream) + offsetof<TxStream>('pace0'));
}
export function streamTimer(stream: TxStream): Timer {
  return changetype<Timer>(changetype<usize>(stream) + offsetof<TxStream>('timer0'));
}

export function sizeEntry(stream: TxStream, i: u32): SizeEntry {
  return changetype<SizeEntry>(stream.sizes + i * SIZE_ENTRY_BYTES);
}

/** Longest signature that a frame of this payload carries; 0 when none fits. */
export function signatureBytes(payload: u32): u32 {
  if (payload >= <u32>PktgenLong.SIZE) return PktgenLong.SIZE;
  return payload >= <u32>PktgenShort.SIZE ? PktgenShort.SIZE : 0;
}

/** What a frame costs of a rate in bits. */
export function bitsOf(kind: u32, len: u32): u64 {
  const gap = kind === PktgenRate.BPS_L1 ? PKTGEN_FCS + PKTGEN_GAP : PKTGEN_FCS;
  return (<u64>(len + gap)) << 3;
}

/** Units that a stream may catch up with at once. */
export function burstOf(stream: TxStream): u64 {
  const config = stream.config;
  const frames = <u64>load<u32>(config, PktgenStream.BURST);
  const pps = stream.rateKind === PktgenRate.PPS;
  const cost: u64 = pps ? 1 : bitsOf(stream.rateKind, longestFrame(stream));
  if (frames !== 0) return frames * cost;
  return max(stream.rate / BURST_FRACTION, BURST_FRAMES * cost);
}

export function longestFrame(stream: TxStream): u32 {
  let len: u32 = 0;
  const n = sizeCount(stream);
  for (let i: u32 = 0; i < n; i++) len = max(len, sizeEntry(stream, i).len);
  return len;
}

export function sizeCount(stream: TxStream): u32 {
  const config = stream.config;
  const n = load<u32>(config, PktgenStream.SIZE_COUNT);
  if (load<u8>(config, PktgenStream.SIZE_KIND) !== <u8>PktgenSizes.RANGE) return n;
  const from = config + PktgenStream.SIZES;
  return <u32>load<u16>(from, PKTGEN_SIZE_BYTES) - <u32>load<u16>(from) + 1;
}
