/**
 * A ring of netlink messages for the host: notifications of nf_tables and of connections wait in it. A message is made in
 * the ring's own scratch place and then copied in whole; one that finds no room is counted as lost.
 *
 *   head │ tail │ mask │ lost │ NlOut │ scratch bytes ││ scratch │ mask + 1 bytes of messages
 */
import { kmalloc } from '../lib/kmalloc';
import { NlOut } from './nlattr';

const OUT: u32 = 16;
const SCRATCH_LEN: u32 = 32;
const SCRATCH: u32 = 48;
const BYTES_MIN: u32 = 4096;
const BYTES_MAX: u32 = 1 << 22;

/** A ring of `bytes`, a power of two, whose messages take `scratch` at most. 0: no memory; 1: no such size. */
export function nfnlRingNew(bytes: u32, scratch: u32): usize {
  if (bytes < BYTES_MIN || bytes > BYTES_MAX || (bytes & (bytes - 1)) !== 0) return 1;
  const ring = kmalloc(SCRATCH + scratch + bytes);
  if (ring === 0) return 0;
  memory.fill(ring, 0, SCRATCH);
  store<u32>(ring, bytes - 1, 8);
  store<u32>(ring, scratch, SCRATCH_LEN);
  return ring;
}

/** Where the next message is made. */
export function nfnlRingOut(ring: usize): NlOut {
  const out = changetype<NlOut>(ring + OUT);
  out.begin = ring + SCRATCH;
  out.at = out.begin;
  out.end = out.begin + load<u32>(ring, SCRATCH_LEN);
  out.full = 0;
  return out;
}

export function nfnlRingEmpty(ring: usize): bool {
  return load<u32>(ring) === load<u32>(ring, 4);
}

/** What was made goes in: all of it, or it is counted as lost. */
export function nfnlRingPut(ring: usize): void {
  const from = ring + SCRATCH;
  const len = changetype<NlOut>(ring + OUT).at - from;
  const head = load<u32>(ring);
  const mask = load<u32>(ring, 8);
  if (mask + 1 - (head - load<u32>(ring, 4)) < len) {
    store<u32>(ring, load<u32>(ring, 12) + 1, 12);
    return;
  }
  const data = from + load<u32>(ring, SCRATCH_LEN);
  const at = head & mask;
  const first = min(len, mask + 1 - at);
  memory.copy(data + at, from, first);
  memory.copy(data, from + first, len - first);
  store<u32>(ring, head + len);
}

/** One that could not even be made. */
export function nfnlRingLost(ring: usize): void {
  store<u32>(ring, load<u32>(ring, 12) + 1, 12);
}

/** How many were lost since it was last asked. */
export function nfnlRingTakeLost(ring: usize): u32 {
  const lost = load<u32>(ring, 12);
  store<u32>(ring, 0, 12);
  return lost;
}

/** Copies whole messages to `to`, as many as fit `room`; returns their bytes. */
export function nfnlRingRead(ring: usize, to: usize, room: u32): u32 {
  const head = load<u32>(ring);
  let tail = load<u32>(ring, 4);
  const mask = load<u32>(ring, 8);
  const data = ring + SCRATCH + load<u32>(ring, SCRATCH_LEN);
  let done: u32 = 0;
  while (tail !== head) {
    // Messages are multiples of 4 long, so their length never wraps.
    const len = load<u32>(data + (tail & mask));
    if (len > room - done) break;
    const first = min(len, mask + 1 - (tail & mask));
    memory.copy(to + done, data + (tail & mask), first);
    memory.copy(to + done + first, data, len - first);
    done += len;
    tail += len;
  }
  store<u32>(ring, tail, 4);
  return done;
}
