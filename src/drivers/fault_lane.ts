/**
 * One direction of a bad wire: what happens to each frame, and the queue of those under way. Every frame draws the same
 * count of random numbers, so the same seed and the same frames give the same fate, and changing one probability does
 * not move the others.
 *
 *   frame ─► lost? ─► corrupted? ─► twice? ─► held back behind later ones? ─► queue (rate, delay, limit) ─► out
 */

export interface Faults {
  /** Probabilities, 0 to 1. */
  loss?: number;
  /** One bit of the frame flips. */
  corruption?: number;
  duplication?: number;
  /** The frame lets one to three later ones pass, or waits for REORDER_MS when none come. */
  reordering?: number;
  delayMs?: number;
  /** Bits per second; what comes faster waits. */
  rateBps?: number;
  /** Frames under way at most; more are lost. Default: 1000. */
  queueFrames?: number;
}

export interface FaultCounters {
  frames: number;
  lost: number;
  corrupted: number;
  duplicated: number;
  reordered: number;
  /** Lost because the queue was full. */
  overflowed: number;
}

interface Waiting {
  bytes: Uint8Array;
  dueMs: number;
}

const REORDER_MS = 10;
const QUEUE_FRAMES = 1000;
const NEEDS_CSUM = 1;

/** xorshift32: small, seeded, the same everywhere. */
export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** In [0, 1). */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state / 2 ** 32;
  }
}

export class FaultLane {
  readonly counters: FaultCounters = {
    frames: 0,
    lost: 0,
    corrupted: 0,
    duplicated: 0,
    reordered: 0,
    overflowed: 0,
  };
  private readonly random: SeededRandom;
  private readonly queue: Waiting[] = [];
  private held: { bytes: Uint8Array; behind: number; untilMs: number } | undefined;
  private freeMs = 0;

  /** `vnetHdrLen`: bytes in front of each frame that are no part of it. */
  constructor(
    private readonly faults: Faults,
    seed: number,
    private readonly vnetHdrLen: number,
  ) {
    this.random = new SeededRandom(seed);
  }

  /** Takes a frame (vnet header first) and owns it. */
  push(bytes: Uint8Array, nowMs: number): void {
    const { faults, counters, random } = this;
    this.releaseHeld(nowMs);
    counters.frames++;
    const lost = random.next() < (faults.loss ?? 0);
    const corrupted = random.next() < (faults.corruption ?? 0);
    const bit = random.next();
    const twice = random.next() < (faults.duplication ?? 0);
    const reordered = random.next() < (faults.reordering ?? 0);
    const behind = 1 + Math.floor(random.next() * 3);
    if (lost) {
      counters.lost++;
      return;
    }
    if (corrupted) {
      counters.corrupted++;
      if (!this.corrupt(bytes, bit)) return;
    }
    if (reordered && this.held === undefined) {
      counters.reordered++;
      this.held = { bytes, behind, untilMs: nowMs + REORDER_MS };
      return;
    }
    this.enqueue(bytes, nowMs);
    if (twice) {
      counters.duplicated++;
      this.enqueue(bytes.slice(), nowMs);
    }
    if (this.held !== undefined && --this.held.behind <= 0) this.letGo(nowMs);
  }

  /** The next frame that is due, or undefined. */
  pop(nowMs: number): Uint8Array | undefined {
    this.releaseHeld(nowMs);
    const first = this.queue[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.queue.shift();
    return first.bytes;
  }

  /** When pop() has something, in milliseconds of the same clock; undefined when nothing is under way. */
  nextMs(): number | undefined {
    const due = this.queue[0]?.dueMs;
    const until = this.held?.untilMs;
    if (due === undefined || until === undefined) return due ?? until;
    return Math.min(due, until);
  }

  private enqueue(bytes: Uint8Array, nowMs: number): void {
    const { rateBps, delayMs = 0, queueFrames = QUEUE_FRAMES } = this.faults;
    if (this.queue.length >= queueFrames) {
      this.counters.overflowed++;
      return;
    }
    let sentMs = nowMs;
    if (rateBps !== undefined) {
      sentMs = Math.max(nowMs, this.freeMs) + ((bytes.length - this.vnetHdrLen) * 8000) / rateBps;
      this.freeMs = sentMs;
    }
    this.queue.push({ bytes, dueMs: sentMs + delayMs });
  }

  private releaseHeld(nowMs: number): void {
    if (this.held !== undefined && nowMs >= this.held.untilMs) this.letGo(nowMs);
  }

  private letGo(nowMs: number): void {
    const { bytes } = this.held!;
    this.held = undefined;
    this.enqueue(bytes, nowMs);
  }

  /**
   * Flips a bit. A checksum that is left to be filled in later would hide it: it is filled in first. A GSO frame has no
   * checksum of its own to break and is lost (false), as its segments would be at the receiver.
   */
  private corrupt(bytes: Uint8Array, bit: number): boolean {
    const hdr = this.vnetHdrLen;
    if (hdr !== 0) {
      if (bytes[1] !== 0) return false;
      if ((bytes[0]! & NEEDS_CSUM) !== 0) fillChecksum(bytes, hdr);
      bytes.fill(0, 0, hdr);
    }
    const at = Math.floor(bit * (bytes.length - hdr) * 8);
    const index = hdr + (at >>> 3);
    if (index < bytes.length) bytes[index] = bytes[index]! ^ (1 << (at & 7));
    return true;
  }
}

/** Does what NEEDS_CSUM asks: the sum from csum_start on to csum_start + csum_offset. */
function fillChecksum(bytes: Uint8Array, hdr: number): void {
  const start = hdr + (bytes[6]! | (bytes[7]! << 8));
  const place = start + (bytes[8]! | (bytes[9]! << 8));
  if (place + 2 > bytes.length) return;
  let sum = 0;
  for (let i = start; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  const checksum = ~sum & 0xffff || 0xffff;
  bytes[place] = checksum >>> 8;
  bytes[place + 1] = checksum & 0xff;
}
