/**
 * Sequence numbers that wrap at 2^32 (RFC 9293 §3.4): compared by the sign of their difference, so that the order
 * holds as long as two of them lie less than 2^31 apart. Linux: include/net/tcp.h, before(), after(), between().
 */

/** `a` comes before `b`. */
export function seqBefore(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

/** `a` comes after `b`. */
export function seqAfter(a: u32, b: u32): bool {
  return <i32>(b - a) < 0;
}

/** `low` <= `seq` <= `high`, going upwards from `low`. */
export function seqBetween(seq: u32, low: u32, high: u32): bool {
  return high - low >= seq - low;
}
