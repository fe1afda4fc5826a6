/**
 * Where time comes from: the machine's monotonic clock, or a virtual one that only moves when it is told to. Times
 * are nanoseconds; as numbers they are exact for 104 days since the start. The virtual clock starts at zero, the real one
 * at the time since midnight UT, which IP's timestamps tell (RFC 791 §3.1); a restored core's where the core was.
 */
import { MonotonicTime } from '../sys/monotonic_time.js';
import { Sys } from '../sys/sys.js';

export interface Clock {
  /** Nanoseconds since the clock started. */
  now(): number;
  /** Puts now() into the first element: for loops that must not allocate, where a returned double would be boxed. */
  read(into: Float64Array): void;
  /** Moves on to `ns`; never back. A core that was restored goes on at its own time. */
  set(ns: number): void;
  readonly virtual: boolean;
}

const MS_PER_DAY = 86_400_000;

export class RealClock implements Clock {
  readonly virtual = false;
  private readonly start = performance.now();
  private readonly monotonic = monotonicTime();
  private readonly cell = new Float64Array(1);
  /** What is added to the machine's clock: to start at the time of day, and what set() moved it on. */
  private ahead = 0;

  constructor() {
    // As finely as the machine has it: two processes of one machine agree then.
    this.ahead = Math.round(((performance.timeOrigin + performance.now()) % MS_PER_DAY) * 1e6) - this.now();
  }

  now(): number {
    this.read(this.cell);
    return this.cell[0]!;
  }

  read(into: Float64Array): void {
    if (this.monotonic !== null) this.monotonic.read(into);
    else into[0] = Math.round((performance.now() - this.start) * 1e6);
    into[0]! += this.ahead;
  }

  set(ns: number): void {
    this.ahead += Math.max(0, ns - this.now());
  }
}

/** Lets others that wait for this processor go first; does nothing where there are no system calls. */
export function yielder(): () => void {
  try {
    const { schedYield } = new Sys();
    return () => void schedYield();
  } catch {
    return () => {};
  }
}

/** null where there are no system calls: performance.now() does, at the cost of an allocation. */
function monotonicTime(): MonotonicTime | null {
  try {
    return new MonotonicTime(new Sys());
  } catch {
    return null;
  }
}

export class VirtualClock implements Clock {
  readonly virtual = true;
  private time = 0;

  now(): number {
    return this.time;
  }

  read(into: Float64Array): void {
    into[0] = this.time;
  }

  set(ns: number): void {
    if (ns > this.time) this.time = ns;
  }
}
