/**
 * The monotonic clock without allocation: performance.now() puts a number on the heap at each call, which a loop that
 * moves a million packets a second hears from the garbage collector.
 *
 *   struct timespec (16 bytes)   0 tv_sec i64 │ 8 tv_nsec i64
 */
import { BoxedNumber } from './iovec.js';
import type { Sys } from './sys.js';

const CLOCK_MONOTONIC = 1;
const NS_PER_S = 1e9;

export class MonotonicTime {
  private readonly words = new Uint32Array(new ArrayBuffer(16));
  private readonly address: BoxedNumber;
  private readonly startS: number;
  private readonly startNs: number;

  constructor(private readonly sys: Sys) {
    this.address = new BoxedNumber(sys.addressOf(new Uint8Array(this.words.buffer)));
    sys.clockGettime(CLOCK_MONOTONIC, this.address.value);
    this.startS = this.words[0]!;
    this.startNs = this.words[2]!;
  }

  /** Puts the nanoseconds since this object was made into the first element. */
  read(into: Float64Array): void {
    this.sys.clockGettime(CLOCK_MONOTONIC, this.address.value);
    into[0] = (this.words[0]! - this.startS) * NS_PER_S + (this.words[2]! - this.startNs);
  }
}
