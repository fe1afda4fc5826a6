/**
 * The compression function of SHA-1 (FIPS 180-4 6.1.2) over one block, from the standard's initial value. Not for
 * signatures: RFC 7217 wants a function that mixes, and Linux takes this one.
 */
import { SCRATCH_PLACE_BYTES } from '../abi/layout';
import { Scratch, scratch } from './scratch';

const ROUNDS: u32 = 80;

/** Digest of the 64 bytes at `block` to `out`, five u32 words in the machine's own order. */
export function sha1Block(out: usize, block: usize): void {
  let a: u32 = 0x67452301;
  let b: u32 = 0xefcdab89;
  let c: u32 = 0x98badcfe;
  let d: u32 = 0x10325476;
  let e: u32 = 0xc3d2e1f0;
  assert(SCRATCH_PLACE_BYTES >= 64, 'sixteen words');
  const w = scratch(Scratch.SHA1_WORDS);
  for (let i: u32 = 0; i < 16; i++) store<u32>(w + (i << 2), bswap<u32>(load<u32>(block + (i << 2))));
  for (let t: u32 = 0; t < ROUNDS; t++) {
    // The schedule in sixteen words that go round.
    const at = w + ((t & 15) << 2);
    if (t >= 16) {
      const x =
        load<u32>(w + (((t - 3) & 15) << 2)) ^
        load<u32>(w + (((t - 8) & 15) << 2)) ^
        load<u32>(w + (((t - 14) & 15) << 2)) ^
        load<u32>(at);
      store<u32>(at, rotl<u32>(x, 1));
    }
    let f: u32;
    let k: u32;
    if (t < 20) {
      f = (b & c) | (~b & d);
      k = 0x5a827999;
    } else if (t < 40) {
      f = b ^ c ^ d;
      k = 0x6ed9eba1;
    } else if (t < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d;
      k = 0xca62c1d6;
    }
    const next: u32 = rotl<u32>(a, 5) + f + e + k + load<u32>(at);
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  store<u32>(out, a + 0x67452301);
  store<u32>(out, b + 0xefcdab89, 4);
  store<u32>(out, c + 0x98badcfe, 8);
  store<u32>(out, d + 0x10325476, 12);
  store<u32>(out, e + 0xc3d2e1f0, 16);
}
