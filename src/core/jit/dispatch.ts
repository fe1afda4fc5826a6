/**
 * A hash without collisions to speak of for the constants that a run of rules compares one field with: multiply, keep
 * the high bits, branch by table. Fibonacci hashing (Knuth, TAOCP 3, §6.4) with the multiplier chosen for these keys.
 */

/** Keys of one slot are compared one by one. */
const SLOT_KEYS = 2;
const TRIES = 64;
const BITS_MAX = 13;
/** Odd, and different for every try: steps of the golden ratio. */
const GOLDEN = 0x9e3779b1;

export interface Dispatch {
  readonly multiplier: number;
  /** Slots are 1 << bits. */
  readonly bits: number;
  /** By slot: indices of the keys there. */
  readonly slots: readonly (readonly number[])[];
}

/** One word of a key of two: what generated code does before it multiplies. */
export function foldKey(lo: number, hi: number): number {
  return (lo ^ hi) >>> 0;
}

function slotOf(key: number, multiplier: number, bits: number): number {
  return Math.imul(key, multiplier) >>> (32 - bits);
}

/** Finds a multiplier that spreads the keys, which differ; the best of those tried. */
export function planDispatch(keys: readonly number[]): Dispatch {
  const bits = Math.min(BITS_MAX, Math.max(2, Math.ceil(Math.log2(keys.length)) + 1));
  let best: Dispatch | undefined;
  let worst = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && worst > SLOT_KEYS; i++) {
    const multiplier = Math.imul(GOLDEN, 2 * i + 1) >>> 0;
    const slots: number[][] = Array.from({ length: 1 << bits }, () => []);
    let most = 0;
    keys.forEach((key, k) => {
      most = Math.max(most, slots[slotOf(key, multiplier, bits)]!.push(k));
    });
    if (most >= worst) continue;
    worst = most;
    best = { multiplier, bits, slots };
  }
  return best!;
}
