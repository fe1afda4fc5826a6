/**
 * The Toeplitz hash of receive side scaling (Microsoft, "RSS hashing functions"; NDIS 6): each bit that is set in the
 * input adds the 32 bits of the key that begin at its place.
 *
 *   input  s a d d r │ d a d d r │ sport │ dport          all in network order, as they stand in the packet
 *   key    40 bytes: 32 bits more than the longest input, two IPv6 addresses and two ports
 */

/** Hash of `len` bytes at `input`, which follow `before` bytes of input whose hash was `hash`; 36 bytes at most in all. */
export function toeplitz(key: usize, input: usize, len: u32, before: u32, hash: u32): u32 {
  for (let i: u32 = 0; i < len; i++) {
    const at = key + before + i;
    const window = ((<u64>bswap<u32>(load<u32>(at))) << 8) | <u64>load<u8>(at, 4);
    const byte = <u32>load<u8>(input + i);
    for (let bit: u32 = 0; bit < 8; bit++) {
      const set = (byte >> (7 - bit)) & 1;
      hash ^= <u32>(window >> (8 - bit)) & (0 - set);
    }
  }
  return hash;
}
