/**
 * Arrays of struct iovec over linear memory, and addresses in it as values that cost no allocation to pass.
 *
 *   struct iovec (64 bit)   0 iov_base u64 │ 8 iov_len u64
 */
import type { Sys } from './sys.js';

const TWO_32 = 2 ** 32;

/** An iovec array that is reused for every call; offsets count from `base`, the address of linear memory. */
export class IoVec {
  /** Address of the array: a boxed number, made once. */
  readonly pointer: BoxedNumber;
  /** The same address in two words. */
  readonly low: number;
  readonly high: number;
  private readonly words: Uint32Array;
  private readonly baseLow: number;
  private readonly baseHigh: number;

  constructor(sys: Sys, base: number, count: number) {
    const buffer = new ArrayBuffer(count * 16);
    this.words = new Uint32Array(buffer);
    const address = sys.addressOf(new Uint8Array(buffer));
    this.pointer = new BoxedNumber(address);
    this.low = address % TWO_32;
    this.high = Math.floor(address / TWO_32);
    this.baseLow = base % TWO_32;
    this.baseHigh = Math.floor(base / TWO_32);
  }

  set(index: number, offset: number, bytes: number): void {
    const low = this.baseLow + offset;
    const at = index << 2;
    this.words[at] = low;
    this.words[at + 1] = low < TWO_32 ? this.baseHigh : this.baseHigh + 1;
    this.words[at + 2] = bytes;
  }
}

/**
 * A number beyond 31 bits, kept as the one heap object that V8 makes of it: a plain field of doubles would be boxed
 * anew each time it is passed to a native function.
 */
export class BoxedNumber {
  private readonly cell: [number, null];

  constructor(value: number) {
    this.cell = [value, null];
  }

  get value(): number {
    return this.cell[0];
  }
}

const CACHE_BITS = 13;
const CACHE_MASK = (1 << CACHE_BITS) - 1;
const SLOT_SHIFT = 11; // SLOT_BYTES: one entry per small slot, as long as there are no more than 8192 of them

/** Addresses inside linear memory, boxed once per slot and offset: a direct-mapped cache. */
export class AddressCache {
  private readonly offsets = new Uint32Array(CACHE_MASK + 1);
  private readonly addresses: (number | null)[] = new Array<number | null>(CACHE_MASK + 1).fill(null);

  constructor(private readonly base: number) {}

  get(offset: number): number {
    const at = (offset >>> SLOT_SHIFT) & CACHE_MASK;
    const cached = this.addresses[at];
    if (this.offsets[at] === offset && typeof cached === 'number') return cached;
    const address = this.base + offset;
    this.offsets[at] = offset;
    this.addresses[at] = address;
    return address;
  }
}
