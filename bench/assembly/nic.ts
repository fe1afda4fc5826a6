/**
 * The other side of a port's rings, for measuring: plays a network card inside the core's memory, so that no frame
 * costs JavaScript. A module of its own on the same memory; it has no state but the record at `state`.
 *
 *   fill*    writes frames into the next receive descriptors, as a card's DMA does; the driver then says rx()
 *   drain    takes all frames that wait to be sent
 *
 * The destinations of fillRandom are Internet addresses, 1.0.0.0 to 223.255.255.255 without 10/8 and 127/8.
 */
import { Port, RxDesc, TxDesc } from '../../assembly/abi/layout';
import { csumFold, csumPartial, csumUnfold } from '../../assembly/lib/checksum';

const VNET_HDR_LEN: u32 = 10;
const LINEAR: u32 = 1920; // SLOT_BYTES - SKB_HEADROOM

/** The record at `state`, NicState of bench/core/memory_nic. */
@unmanaged
@final
class State {
  /** Next flow, and seed of the random destinations. */
  next: u32;
  random: u32;
  /** Frames and bytes drained. */
  frames: u64;
  bytes: u64;
  /** TCP: next sequence number. */
  seq: u32;
}

/** Offsets in an Ethernet frame with a plain IPv4 header. */
const IP: u32 = 14;
const IP_CHECK: u32 = IP + 10;
const IP_DADDR: u32 = IP + 16;
const TCP: u32 = IP + 20;
const TCP_SEQ: u32 = TCP + 4;
const TCP_CHECK: u32 = TCP + 16;

function descAt(port: usize, i: u32): usize {
  const at = load<u32>(port, Port.RX_HEAD) + i;
  return load<u32>(port, Port.RX_RING) + (at & load<u32>(port, Port.RX_MASK)) * RxDesc.SIZE;
}

function copy64(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
}

/** `n` frames of 64 bytes, the next of the `flows` that lie at `frames`. */
export function fillFlows(port: usize, state: usize, frames: usize, flows: u32, n: u32): void {
  const s = changetype<State>(state);
  const ring = load<u32>(port, Port.RX_RING);
  const mask = load<u32>(port, Port.RX_MASK);
  const head = load<u32>(port, Port.RX_HEAD);
  let next = s.next;
  for (let i: u32 = 0; i < n; i++) {
    const desc = ring + ((head + i) & mask) * RxDesc.SIZE;
    copy64(load<u32>(desc, RxDesc.BUF), frames + (next << 6));
    store<u32>(desc, 64, RxDesc.LEN);
    next++;
    if (next === flows) next = 0;
  }
  s.next = next;
}

/** `n` frames of 64 bytes like the one at `frame`, whose destination and header checksum are zero. */
export function fillRandom(port: usize, state: usize, frame: usize, n: u32): void {
  const s = changetype<State>(state);
  let random = s.random;
  const sum = csumPartial(frame + IP, 20, 0);
  for (let i: u32 = 0; i < n; i++) {
    let first: u32;
    do {
      random ^= random << 13;
      random ^= random >>> 17;
      random ^= random << 5;
      first = random & 255;
    } while (first === 0 || first === 10 || first === 127 || first > 223);
    const desc = descAt(port, i);
    const buf = load<u32>(desc, RxDesc.BUF);
    copy64(buf, frame);
    store<u32>(buf, random, IP_DADDR);
    store<u16>(buf, csumFold(csumPartial32(sum, random)), IP_CHECK);
    store<u32>(desc, 64, RxDesc.LEN);
  }
  s.random = random;
}

function csumPartial32(sum: u32, word: u32): u32 {
  const total = <u64>sum + <u64>word;
  return <u32>total + <u32>(total >> 32);
}

/** `n` GSO frames: vnet header and the first `headers` bytes from `frame`; the payload is what the slots hold. */
export function fillGso(port: usize, frame: usize, headers: u32, bytes: u32, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const desc = descAt(port, i);
    memory.copy(load<u32>(desc, RxDesc.BUF) - VNET_HDR_LEN, frame, VNET_HDR_LEN + headers);
    store<u32>(desc, bytes, RxDesc.LEN);
  }
}

/**
 * `n` consecutive TCP segments of one flow, each `bytes` long with `payload` of data. The frame at `frame` has
 * sequence number 0 and the checksum that goes with it.
 */
export function fillSegments(
  port: usize,
  state: usize,
  frame: usize,
  bytes: u32,
  payload: u32,
  n: u32,
): void {
  const s = changetype<State>(state);
  const sum = csumUnfold(~load<u16>(frame, TCP_CHECK));
  let seq = s.seq;
  for (let i: u32 = 0; i < n; i++) {
    const desc = descAt(port, i);
    const buf = load<u32>(desc, RxDesc.BUF);
    memory.copy(buf, frame, bytes);
    const seqBe = bswap<u32>(seq);
    store<u32>(buf, seqBe, TCP_SEQ);
    store<u16>(buf, csumFold(csumPartial32(sum, seqBe)), TCP_CHECK);
    store<u32>(desc, bytes, RxDesc.LEN);
    seq += payload;
  }
  s.seq = seq;
}

/** Takes what waits to be sent; returns how many frames. */
export function drain(port: usize, state: usize): u32 {
  const head = load<u32>(port, Port.TX_HEAD);
  let tail = load<u32>(port, Port.TX_TAIL);
  const n = head - tail;
  if (n === 0) return 0;
  const ring = load<u32>(port, Port.TX_RING);
  const mask = load<u32>(port, Port.TX_MASK);
  let bytes: u64 = 0;
  for (; tail !== head; tail++) {
    const desc = ring + (tail & mask) * TxDesc.SIZE;
    bytes += load<u32>(desc, TxDesc.LEN);
    const frags = load<u32>(desc, TxDesc.FRAGS);
    if (frags !== 0) bytes += fragBytes(frags);
  }
  store<u32>(port, tail, Port.TX_TAIL);
  const s = changetype<State>(state);
  s.frames += n;
  s.bytes += bytes;
  return n;
}

function fragBytes(frags: usize): u32 {
  let bytes: u32 = 0;
  const n = load<u32>(frags);
  for (let i: u32 = 0; i < n; i++) bytes += load<u32>(frags + 8 + i * 12, 4);
  return bytes;
}

/** Checksums `len` bytes at `ptr` `count` times; returns something of all of them, so that none is left out. */
export function checksums(ptr: usize, len: u32, count: u32): u32 {
  let all: u32 = 0;
  for (let i: u32 = 0; i < count; i++) all = csumPartial(ptr, len, all);
  return all;
}

/** A fixed loop: `count` dependent steps of a multiplication and an exclusive or. */
export function calibrate(count: u32): u32 {
  let x: u32 = 1;
  for (let i: u32 = 0; i < count; i++) x = (x ^ i) * 0x9e3779b1;
  return x;
}
