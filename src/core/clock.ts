/**
 * Where time comes from: the machine's monotonic clock, or a virtual one that only moves when it is told to. Times
 * are nanoseconds; as numbers they are exact for 104 days since the start, so both clocks start at zero.
 */

export interface Clock {
  /** Nanoseconds since the clock started. */
  now(): number;
  readonly virtual: boolean;
}

export class RealClock implements Clock {
  readonly virtual = false;
  private readonly start = performance.now();

  now(): number {
    return Math.round((performance.now() - this.start) * 1e6);
  }
}

export class VirtualClock implements Clock {
  readonly virtual = true;
  private time = 0;

  now(): number {
    return this.time;
  }

  /** Moves on to `ns`; never back. */
  set(ns: number): void {
    if (ns > this.time) this.time = ns;
  }
}
