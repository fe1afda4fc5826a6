/**
 * When frames are due. A rate is units a second (frames, or bits); a frame costs some. After t ns floor(t * rate / 1e9)
 * units are due, and a frame may leave when what was spent before it is due: the first at once, frame k of a rate in
 * frames a second exactly at ceil(k * 1e9 / rate). The clock's start moves on second by second, in which exactly `rate`
 * units are due, so nothing is rounded twice and nothing overflows.
 *
 *   second           now
 *   ├────────────────┼──────────────► ns
 *   └── due(now) ────┘   spent ≤ due: send; what is behind by more than `burst` is given up
 */

const SECOND: u64 = 1_000_000_000;

@unmanaged
@final
export class Pace {
  /** Units a second. */
  rate: u64;
  /** Units that may be caught up with at once. */
  burst: i64;
  /** Start of the present second, ns; units spent since then, negative while some of earlier seconds are due. */
  second: u64;
  spent: i64;
}

/** floor(ns * rate / 1e9) for ns up to a second. */
function unitsIn(ns: u64, rate: u64): u64 {
  return ns * (rate / SECOND) + (ns * (rate % SECOND)) / SECOND;
}

export function paceStart(pace: Pace, rate: u64, burst: u64, now: u64): void {
  pace.rate = rate;
  pace.burst = <i64>burst;
  pace.second = now;
  pace.spent = 0;
}

/**
 * Units that are due at `now` and not spent: with 0 and more a frame may leave; negative when it is too early. Of what
 * lies behind by more than the burst so many units are given up: paceMissed.
 */
export function paceDue(pace: Pace, now: u64): i64 {
  const seconds = (now - pace.second) / SECOND;
  if (seconds !== 0) {
    pace.second += seconds * SECOND;
    pace.spent -= <i64>(seconds * pace.rate);
  }
  return <i64>unitsIn(now - pace.second, pace.rate) - pace.spent;
}

/** Gives up what is behind by more than the burst, `due` being the answer of paceDue; how many units. */
export function paceMissed(pace: Pace, due: i64): u64 {
  if (due <= pace.burst) return 0;
  pace.spent += due - pace.burst;
  return <u64>(due - pace.burst);
}

/** A frame of `cost` units left. */
export function paceSpend(pace: Pace, cost: u64): void {
  pace.spent += <i64>cost;
}

/** When the next frame is due, ns. */
export function paceNext(pace: Pace): u64 {
  return pace.spent <= 0 ? pace.second : pace.second + timeOf(<u64>pace.spent, pace.rate);
}

/** Least ns in which `units` are due: ceil(units * 1e9 / rate). */
function timeOf(units: u64, rate: u64): u64 {
  const whole = units / rate;
  const rest = units % rate;
  // An estimate to a few parts of 2^53, put right by the exact inverse.
  let ns = <u64>((<f64>rest * 1e9) / <f64>rate);
  while (ns > 0 && unitsIn(ns - 1, rate) >= rest) ns--;
  while (unitsIn(ns, rate) < rest) ns++;
  return whole * SECOND + ns;
}
