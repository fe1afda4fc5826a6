/**
 * The stream of random numbers: xorshift128+ (Vigna) over root().rng0 and rng1. It is state like all else, so one
 * seed gives one run; the host refills it by seeding. Not for secrets: keys are drawn at init from the host's seed.
 */
import { root } from './root';

/** Starts the stream from 64 bits of seed, spread by splitmix64 (Steele, Lea, Flood). */
export function randomSeed(lo: u32, hi: u32): void {
  const r = root();
  const seed = ((<u64>hi) << 32) | <u64>lo;
  r.rng0 = splitmix64(seed + 0x9e3779b97f4a7c15);
  r.rng1 = splitmix64(seed + 0x3c6ef372fe94f82a);
  // All zeros is the one state that xorshift never leaves.
  if ((r.rng0 | r.rng1) === 0) r.rng1 = 1;
}

function splitmix64(x: u64): u64 {
  let z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

export function randomU64(): u64 {
  const r = root();
  let a = r.rng0;
  const b = r.rng1;
  const result = a + b;
  r.rng0 = b;
  a ^= a << 23;
  r.rng1 = a ^ b ^ (a >> 18) ^ (b >> 5);
  return result;
}

/** The upper half of the next number: the lowest bits of xorshift128+ are its weakest. */
export function randomU32(): u32 {
  return <u32>(randomU64() >> 32);
}

/** Uniform in 0..n-1, n > 0, without bias (Lemire's multiplication, rejecting the short part). */
export function randomBelow(n: u32): u32 {
  assert(n !== 0, 'randomBelow: n is 0');
  let product = <u64>randomU32() * <u64>n;
  if (<u32>product < n) {
    const least: u32 = (<u32>0 - n) % n;
    while (<u32>product < least) product = <u64>randomU32() * <u64>n;
  }
  return <u32>(product >> 32);
}
