/**
 * What became of a stream's frames, by their sequence numbers.
 *
 *   reordered    RFC 4737 §3.3: "s >= NextExp: in order, NextExp = s + 1; else: reordered"
 *   duplicated   RFC 5560: a number that has arrived already
 *   lost         what is missing of the numbers below NextExp (RFC 7680 with the end of the run as the threshold): a
 *                frame that is late counts as lost until it arrives
 *
 * A window of one bit per number tells copies from late frames among the last PKTGEN_WINDOW numbers, as RFC 5236 bounds
 * what it buffers; what is older is taken for late, and counted as such.
 *
 *   window    bit s mod 65536    1: arrived
 *                  ├── next - 65536 ─────── next - 1 ──┤ next
 */
import { PKTGEN_WINDOW } from '../abi/pktgen';

export const SEQUENCE_WINDOW_BYTES: u32 = PKTGEN_WINDOW >> 3;

@unmanaged
@final
export class Sequence {
  window: usize;
  run: u32;
  runBefore: u32;
  /** Runs seen. */
  runs: u32;
  pad: u32;
  /** RFC 4737's NextExp, and the first number that is counted of this run. */
  next: u64;
  base: u64;
  /** Numbers that earlier runs had. */
  before: u64;
  unique: u64;
  reordered: u64;
  duplicated: u64;
  late: u64;
  /** Longest way back from the highest number to a reordered one. */
  extent: u64;
}

export function sequenceLost(seq: Sequence): u64 {
  const expected = seq.before + seq.next - seq.base;
  return expected > seq.unique ? expected - seq.unique : 0;
}

/** The number that the low 32 bits `low` mean: the one nearest to what comes next. */
export function sequenceExtend(seq: Sequence, run: u32, low: u32): u64 {
  if (seq.runs === 0 || run !== seq.run) return low;
  const extended = <i64>seq.next + <i64>(<i32>(low - <u32>seq.next));
  return extended < 0 ? low : <u64>extended;
}

/** Frame `s` of `run` arrived whole. */
export function sequenceRcv(seq: Sequence, run: u32, s: u64): void {
  if (seq.runs === 0 || run !== seq.run) {
    if (seq.runs > 1 && run === seq.runBefore) {
      late(seq);
      return;
    }
    begin(seq, run, s);
  }
  if (s >= seq.next) {
    if (s > seq.next) clear(seq.window, seq.next, s);
    set(seq.window, s);
    seq.next = s + 1;
    seq.unique++;
    return;
  }
  const back = seq.next - s;
  // One from before a sink that came in the middle.
  if (s < seq.base) seq.base = s;
  if (back > PKTGEN_WINDOW) {
    late(seq);
  } else if (isSet(seq.window, s)) {
    seq.duplicated++;
    return;
  } else {
    set(seq.window, s);
    seq.unique++;
    seq.reordered++;
  }
  seq.extent = max(seq.extent, back - 1);
}

/** Too old to say more: not seen before, as far as one can know. */
function late(seq: Sequence): void {
  seq.late++;
  seq.reordered++;
  seq.unique++;
}

/** The generator was started anew. A sink that comes in the middle does not count what it could not see. */
function begin(seq: Sequence, run: u32, s: u64): void {
  seq.before += seq.next - seq.base;
  seq.runBefore = seq.run;
  seq.run = run;
  seq.runs++;
  seq.base = s > PKTGEN_WINDOW ? s : 0;
  seq.next = seq.base;
  memory.fill(seq.window, 0, SEQUENCE_WINDOW_BYTES);
}

function set(window: usize, s: u64): void {
  const bit = <u32>s & (PKTGEN_WINDOW - 1);
  const at = window + ((bit >> 5) << 2);
  store<u32>(at, load<u32>(at) | (1 << (bit & 31)));
}

function isSet(window: usize, s: u64): bool {
  const bit = <u32>s & (PKTGEN_WINDOW - 1);
  return ((load<u32>(window + ((bit >> 5) << 2)) >> (bit & 31)) & 1) !== 0;
}

/** The bits of `from` to `to` - 1 become those of numbers that have not arrived. */
function clear(window: usize, from: u64, to: u64): void {
  if (to - from >= PKTGEN_WINDOW) {
    memory.fill(window, 0, SEQUENCE_WINDOW_BYTES);
    return;
  }
  for (let s = from; s < to; s++) {
    const bit = <u32>s & (PKTGEN_WINDOW - 1);
    const at = window + ((bit >> 5) << 2);
    store<u32>(at, load<u32>(at) & ~(1 << (bit & 31)));
  }
}
