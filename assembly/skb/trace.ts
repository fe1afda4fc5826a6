/**
 * The trace ring (abi/trace): packets' ways, step by step, for `ww replay --explain`, drop captures and the like. Off,
 * a step costs one test of root().trace, which is why callers write
 *
 *   if (root().trace !== 0) traceEvent(...)
 */
import {
  TRACE_F_DROPS,
  TRACE_F_EVENTS,
  TRACE_F_LOG,
  TRACE_F_RECEIVED,
  TRACE_NO_DEVICE,
  TraceKind,
  TraceRec,
  TraceRing,
} from '../abi/trace';
import { kfree, kmalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { SkBuff, skbHeadlen } from './sk_buff';
import { skbCopyBits } from './skbuff';

/** Offset in NetDevice of its handle; dev/ asserts it. */
export const DEV_HANDLE_OFFSET: usize = 16;

const ETH_HLEN: u32 = 14;

/** Starts recording into a ring of `bytes` (a power of two), or changes what is recorded. Its address, 0: no memory. */
export function traceSet(flags: u32, bytes: u32, snaplen: u32): usize {
  const r = root();
  if (r.trace === 0) {
    const ring = kmalloc(TraceRing.ENTRIES + bytes);
    if (ring === 0) return 0;
    memory.fill(ring, 0, TraceRing.ENTRIES);
    store<u32>(ring, bytes - 1, TraceRing.MASK);
    r.trace = ring;
  }
  store<u32>(r.trace, flags, TraceRing.FLAGS);
  store<u32>(r.trace, snaplen, TraceRing.SNAPLEN);
  return r.trace;
}

/** Ends all recording. */
export function traceOff(): void {
  const r = root();
  kfree(r.trace);
  r.trace = 0;
}

/** True while every step is recorded: short ways are off. */
export function traceEvents(): bool {
  return root().trace !== 0 && (load<u32>(root().trace, TraceRing.FLAGS) & TRACE_F_EVENTS) !== 0;
}

/** Takes room for a record with `data` bytes behind it and fills its head; 0 when the ring is full (counted). */
function begin(kind: TraceKind, detail: u32, skb: usize, dev: usize, data: u32): usize {
  const ring = root().trace;
  const size = (<u32>TraceRec.DATA + data + 7) & ~7;
  const mask = load<u32>(ring, TraceRing.MASK);
  let head = load<u32>(ring, TraceRing.HEAD);
  const tail = load<u32>(ring, TraceRing.TAIL);
  const left = mask + 1 - (head & mask);
  const pad = left < size ? left : 0;
  if (mask + 1 - (head - tail) < size + pad) {
    store<u32>(ring, load<u32>(ring, TraceRing.LOST) + 1, TraceRing.LOST);
    return 0;
  }
  if (pad !== 0) {
    const p = ring + TraceRing.ENTRIES + (head & mask);
    store<u32>(p, pad, TraceRec.SIZE);
    store<u32>(p, <u32>TraceKind.PAD, TraceRec.KIND);
    head += pad;
  }
  const rec = ring + TraceRing.ENTRIES + (head & mask);
  memory.fill(rec, 0, TraceRec.DATA);
  store<u32>(rec, size, TraceRec.SIZE);
  store<u16>(rec, <u16>kind, TraceRec.KIND);
  store<u16>(rec, <u16>detail, TraceRec.DETAIL);
  if (skb !== 0) store<u32>(rec, changetype<SkBuff>(skb).traceId, TraceRec.ID);
  store<u32>(rec, skb, TraceRec.SKB);
  store<u64>(rec, root().now, TraceRec.NOW);
  store<u32>(rec, dev === 0 ? TRACE_NO_DEVICE : load<u32>(dev, DEV_HANDLE_OFFSET), TraceRec.DEVICE);
  store<u32>(ring, head + size, TraceRing.HEAD);
  return rec;
}

/** A step without bytes. `dev` may be 0. */
export function traceEvent(kind: TraceKind, detail: u32, skb: usize, dev: usize, a: u32, b: u32): void {
  traceData(kind, detail, skb, dev, a, b, 0, 0, 0, 0);
}

/** A step with up to four numbers and `len` bytes at `ptr`. */
export function traceData(
  kind: TraceKind,
  detail: u32,
  skb: usize,
  dev: usize,
  a: u32,
  b: u32,
  c: u32,
  d: u32,
  ptr: usize,
  len: u32,
): void {
  if (!traceEvents()) return;
  const rec = begin(kind, detail, skb, dev, len);
  if (rec === 0) return;
  store<u32>(rec, a, TraceRec.A);
  store<u32>(rec, b, TraceRec.B);
  store<u32>(rec, c, TraceRec.C);
  store<u32>(rec, d, TraceRec.D);
  store<u32>(rec, len, TraceRec.CAPTURED);
  memory.copy(rec + TraceRec.DATA, ptr, len);
}

/** A step with the packet's bytes; its own device. */
export function traceFrame(kind: TraceKind, skb: SkBuff, a: u32, b: u32): void {
  if (traceEvents()) putFrame(kind, skb, a, b);
}

/** The packet ends for `reason`. */
export function traceDrop(skb: SkBuff, reason: u32): void {
  if ((load<u32>(root().trace, TraceRing.FLAGS) & (TRACE_F_DROPS | TRACE_F_EVENTS)) !== 0)
    putFrame(TraceKind.DROP, skb, reason, 0);
}

/** A frame of `len` bytes at `frame`, never made an skb, ends for `reason`. */
export function traceDropFrame(dev: usize, frame: usize, len: u32, reason: u32): void {
  const ring = root().trace;
  if ((load<u32>(ring, TraceRing.FLAGS) & (TRACE_F_DROPS | TRACE_F_EVENTS)) === 0) return;
  const take = min(len, load<u32>(ring, TraceRing.SNAPLEN));
  const rec = begin(TraceKind.DROP, 0, 0, dev, take);
  if (rec === 0) return;
  const serial = load<u32>(ring, TraceRing.SERIAL) + 1;
  store<u32>(ring, serial, TraceRing.SERIAL);
  store<u32>(rec, serial, TraceRec.ID);
  store<u32>(rec, reason, TraceRec.A);
  store<u32>(rec, len, TraceRec.LEN);
  store<u32>(rec, take, TraceRec.CAPTURED);
  memory.copy(rec + TraceRec.DATA, frame, take);
}

/** Numbers the `n` frames at `list` that a device received. */
export function traceReceived(list: usize, n: u32): void {
  const ring = root().trace;
  const all = (load<u32>(ring, TraceRing.FLAGS) & (TRACE_F_EVENTS | TRACE_F_RECEIVED)) !== 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    const serial = load<u32>(ring, TraceRing.SERIAL) + 1;
    store<u32>(ring, serial, TraceRing.SERIAL);
    skb.traceId = serial;
    if (all) putFrame(TraceKind.RECEIVED, skb, skb.pktType, skb.protocol);
  }
}

/**
 * The frame as it stands: from its MAC header, where that still lies in front of what the present layer sees; a packet
 * that has none gets an empty one with its ethertype, so that every frame in a capture begins alike.
 */
function putFrame(kind: TraceKind, skb: SkBuff, a: u32, b: u32): void {
  const mac = skb.macHeader;
  const inside = mac >= skb.head && mac <= skb.data && skb.data - mac <= 256 && mac !== 0;
  const front: u32 = inside ? skb.data - mac : ETH_HLEN;
  const len = front + skb.len;
  const take = min(len, load<u32>(root().trace, TraceRing.SNAPLEN));
  const rec = begin(kind, 0, changetype<usize>(skb), skb.dev, take);
  if (rec === 0) return;
  store<u32>(rec, a, TraceRec.A);
  store<u32>(rec, b, TraceRec.B);
  store<u32>(rec, skb.vlanProto, TraceRec.C);
  store<u32>(rec, skb.vlanTci, TraceRec.D);
  store<u32>(rec, len, TraceRec.LEN);
  store<u32>(rec, take, TraceRec.CAPTURED);
  const to = rec + TraceRec.DATA;
  if (inside && skb.frags === 0) {
    memory.copy(to, mac, take);
    return;
  }
  if (take < front) return;
  if (inside) {
    memory.copy(to, mac, front);
  } else {
    memory.fill(to, 0, 12);
    store<u16>(to, bswap<u16>(skb.protocol), 12);
  }
  const linear = min(take - front, skbHeadlen(skb));
  memory.copy(to + front, skb.data, linear);
  if (take - front > linear) skbCopyBits(skb, linear, to + front + linear, take - front - linear);
}

/** What is recorded (TRACE_F_*); only while root().trace is not 0. */
export function traceFlags(): u32 {
  return load<u32>(root().trace, TraceRing.FLAGS);
}

/** A step with three numbers and two names behind each other, whatever the flags say. */
export function traceNames(
  kind: TraceKind,
  detail: u32,
  skb: usize,
  dev: usize,
  a: u32,
  b: u32,
  c: u32,
  ptr: usize,
  len: u32,
  ptr2: usize,
  len2: u32,
): void {
  namesRecord(kind, detail, skb, dev, a, b, c, ptr, len, ptr2, len2, 0);
}

/** The same, with a third piece of bytes behind the names. */
export function traceThree(
  kind: TraceKind,
  detail: u32,
  skb: usize,
  dev: usize,
  a: u32,
  b: u32,
  c: u32,
  ptr: usize,
  len: u32,
  ptr2: usize,
  len2: u32,
  ptr3: usize,
  len3: u32,
): void {
  const at = namesRecord(kind, detail, skb, dev, a, b, c, ptr, len, ptr2, len2, 1 + len3);
  if (at === 0) return;
  store<u8>(at, 0);
  memory.copy(at + 1, ptr3, len3);
}

/** Where `more` bytes behind the second name go; 0: the ring is full. */
function namesRecord(
  kind: TraceKind,
  detail: u32,
  skb: usize,
  dev: usize,
  a: u32,
  b: u32,
  c: u32,
  ptr: usize,
  len: u32,
  ptr2: usize,
  len2: u32,
  more: u32,
): usize {
  const rec = begin(kind, detail, skb, dev, len + 1 + len2 + more);
  if (rec === 0) return 0;
  store<u32>(rec, a, TraceRec.A);
  store<u32>(rec, b, TraceRec.B);
  store<u32>(rec, c, TraceRec.C);
  store<u32>(rec, len + 1 + len2 + more, TraceRec.CAPTURED);
  const at = rec + TraceRec.DATA;
  memory.copy(at, ptr, len);
  store<u8>(at + len, 0);
  memory.copy(at + len + 1, ptr2, len2);
  return at + len + 1 + len2;
}

/**
 * What a rule logs (abi/trace NFLOG): while TRACE_F_LOG is on, `prefix` and the packet, at most `snaplen` bytes of it (0:
 * as the ring keeps), from its link-layer header on where that stands in front of `nh`.
 */
export function traceLog(
  detail: u32,
  skb: SkBuff,
  dev: usize,
  a: u32,
  b: u32,
  c: u32,
  d: u32,
  prefix: usize,
  prefixLen: u32,
  snaplen: u32,
  nh: usize,
): void {
  const ring = root().trace;
  if ((load<u32>(ring, TraceRing.FLAGS) & TRACE_F_LOG) === 0) return;
  const mac = skb.macHeader;
  const front: u32 = mac !== 0 && mac >= skb.head && mac <= nh && nh - mac <= 256 ? nh - mac : 0;
  const linear = skb.data + skbHeadlen(skb);
  const len: u32 = linear > nh ? linear - nh + front : 0;
  let take = min(len, load<u32>(ring, TraceRing.SNAPLEN));
  if (snaplen !== 0) take = min(take, snaplen);
  const rec = begin(
    TraceKind.NFLOG,
    detail | (front << 8),
    changetype<usize>(skb),
    dev,
    prefixLen + 1 + take,
  );
  if (rec === 0) return;
  store<u32>(rec, skb.mark, TraceRec.MARK);
  store<u32>(rec, a, TraceRec.A);
  store<u32>(rec, b, TraceRec.B);
  store<u32>(rec, c, TraceRec.C);
  store<u32>(rec, d, TraceRec.D);
  store<u32>(rec, len, TraceRec.LEN);
  store<u32>(rec, prefixLen + 1 + take, TraceRec.CAPTURED);
  memory.copy(rec + TraceRec.DATA, prefix, prefixLen);
  store<u8>(rec + prefixLen, 0, TraceRec.DATA);
  memory.copy(rec + TraceRec.DATA + prefixLen + 1, nh - front, take);
}
