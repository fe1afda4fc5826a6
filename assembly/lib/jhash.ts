/**
 * lookup3 (Bob Jenkins, 2006, public domain): fast hashes of a few 32-bit words, for tables whose keys no stranger
 * chooses, or with a secret `initval`. Linux: include/linux/jhash.h (the same results).
 *
 *   12 bytes go into a, b, c, which mix() stirs reversibly; final() avalanches them into c
 *
 * The rounds are written out in each function: a function returns one value, and the state has three.
 */

const JHASH_INITVAL: u32 = 0xdeadbeef;

export function jhash1word(a: u32, initval: u32): u32 {
  return jhashFinal(a, 0, 0, initval + JHASH_INITVAL + (1 << 2));
}

export function jhash2words(a: u32, b: u32, initval: u32): u32 {
  return jhashFinal(a, b, 0, initval + JHASH_INITVAL + (2 << 2));
}

export function jhash3words(a: u32, b: u32, c: u32, initval: u32): u32 {
  return jhashFinal(a, b, c, initval + JHASH_INITVAL + (3 << 2));
}

/** Hash of `count` u32 words at `ptr` (lookup3's hashword). */
export function jhash2(ptr: usize, count: u32, initval: u32): u32 {
  let a: u32 = JHASH_INITVAL + (count << 2) + initval;
  let b = a;
  let c = a;
  let p = ptr;
  let left = count;
  while (left > 3) {
    a += load<u32>(p);
    b += load<u32>(p, 4);
    c += load<u32>(p, 8);
    a = (a - c) ^ rotl<u32>(c, 4);
    c += b;
    b = (b - a) ^ rotl<u32>(a, 6);
    a += c;
    c = (c - b) ^ rotl<u32>(b, 8);
    b += a;
    a = (a - c) ^ rotl<u32>(c, 16);
    c += b;
    b = (b - a) ^ rotl<u32>(a, 19);
    a += c;
    c = (c - b) ^ rotl<u32>(b, 4);
    b += a;
    p += 12;
    left -= 3;
  }
  if (left === 0) return c;
  if (left > 2) c += load<u32>(p, 8);
  if (left > 1) b += load<u32>(p, 4);
  return finish(a + load<u32>(p), b, c);
}

function jhashFinal(a: u32, b: u32, c: u32, initval: u32): u32 {
  return finish(a + initval, b + initval, c + initval);
}

function finish(a: u32, b: u32, c: u32): u32 {
  let x = a;
  let y = b;
  let z = c;
  z = (z ^ y) - rotl<u32>(y, 14);
  x = (x ^ z) - rotl<u32>(z, 11);
  y = (y ^ x) - rotl<u32>(x, 25);
  z = (z ^ y) - rotl<u32>(y, 16);
  x = (x ^ z) - rotl<u32>(z, 4);
  y = (y ^ x) - rotl<u32>(x, 14);
  return (z ^ y) - rotl<u32>(y, 24);
}
