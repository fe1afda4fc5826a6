/**
 * Replay at full speed: a module of its own on the core's memory that plays captured frames into ports, lets the clock
 * run by their times, and writes what the ports send as pcapng. No frame costs JavaScript. It has no state but the
 * records of abi/replay in the window above the core, and no data (the core's constants lie where its own would).
 *
 *   batch ─► timers due before ─► frame into the receive ring ─► poll ─► transmit rings, drops ─► pcapng bytes
 */
import { LARGE_SLOT_BYTES, Port, RxDesc, SKB_HEADROOM, SLOT_BYTES, Status, TxDesc } from '../abi/layout';
import {
  REPLAY_SOLICITS_MAX,
  ReplayCtx,
  ReplayFrame,
  ReplayOut,
  ReplayPort,
  STOP_DONE,
  STOP_FLUSH,
  STOP_SOLICIT,
} from '../abi/replay';
import { SkbField } from '../abi/skb_field';
import { TRACE_NO_DEVICE, TraceKind, TraceRec, TraceRing } from '../abi/trace';
import { poll, rx } from './core';

const RX_LINEAR: u32 = SLOT_BYTES - SKB_HEADROOM;
const POLL_BUDGET: u32 = 1024;
// pcapng (draft-ietf-opsawg-pcapng)
const EPB: u32 = 6;
const EPB_HEAD: u32 = 28;
const OPT_COMMENT: u32 = 1;
const OPT_FLAGS_4: u32 = 2 | (4 << 16);
const OPT_PACKETID_8: u32 = 5 | (8 << 16);
const FLAGS_OUTBOUND: u32 = 2;
/** Head, flags, packet id, end of options, length: what a block has besides the frame and a comment. */
const EPB_ROOM: u32 = 80;
const COMMENT_MAX: u32 = 128;

const ETH_P_ARP_BE: u16 = 0x0608;
const ETH_P_IPV6_BE: u16 = 0xdd86;
const ND_NEIGHBOR_SOLICIT: u8 = 135;

/** Works the batch until its end, a full buffer or a question; may be called again for the rest. STOP_*. */
export function run(ctx: usize): u32 {
  const status = load<u32>(ctx, ReplayCtx.STATUS);
  while (drain(ctx)) {
    if (load<u32>(ctx, ReplayCtx.SOLICITS) !== 0) return STOP_SOLICIT;
    if (load<u32>(status, Status.MORE) !== 0) {
      pollAt(load<u64>(status, Status.NOW));
      continue;
    }
    const deadline = load<u64>(status, Status.NEXT_DEADLINE);
    const next = load<u32>(ctx, ReplayCtx.NEXT);
    if (next === load<u32>(ctx, ReplayCtx.COUNT)) {
      if (deadline > load<u64>(ctx, ReplayCtx.LIMIT)) return STOP_DONE;
      pollAt(deadline);
      continue;
    }
    const frame = load<u32>(ctx, ReplayCtx.BATCH) + next * <u32>ReplayFrame.SIZE;
    const time = load<u64>(frame, ReplayFrame.TIME);
    if (deadline <= time) {
      pollAt(deadline);
      continue;
    }
    store<u32>(ctx, next + 1, ReplayCtx.NEXT);
    const port = portAt(ctx, load<u32>(frame, ReplayFrame.PORT));
    const number = load<u32>(frame, ReplayFrame.NUMBER);
    receive(ctx, port, load<u32>(frame, ReplayFrame.AT), load<u32>(frame, ReplayFrame.LEN), number, time);
  }
  return STOP_FLUSH;
}

/** A frame that no capture has, an answer to a question, received by a port at the present moment. */
export function inject(ctx: usize, port: u32, at: usize, len: u32): void {
  const now = load<u64>(load<u32>(ctx, ReplayCtx.STATUS), Status.NOW);
  receive(ctx, portAt(ctx, port), at, len, 0, now);
}

function portAt(ctx: usize, index: u32): usize {
  return load<u32>(ctx, ReplayCtx.PORTS) + index * <u32>ReplayPort.SIZE;
}

function pollAt(now: u64): void {
  poll(<u32>now, <u32>(now >> 32), POLL_BUDGET);
}

function receive(ctx: usize, port: usize, at: usize, len: u32, number: u32, time: u64): void {
  const rings = load<u32>(port, ReplayPort.RINGS);
  const head = load<u32>(rings, Port.RX_HEAD);
  const desc = load<u32>(rings, Port.RX_RING) + (head & load<u32>(rings, Port.RX_MASK)) * <u32>RxDesc.SIZE;
  const buf = load<u32>(desc, RxDesc.BUF);
  const large = load<u32>(desc, RxDesc.LARGE);
  if (len > RX_LINEAR && (large === 0 || len - RX_LINEAR > LARGE_SLOT_BYTES)) {
    store<u32>(ctx, load<u32>(ctx, ReplayCtx.TOO_LONG) + 1, ReplayCtx.TOO_LONG);
    store<u32>(rings, load<u32>(rings, Port.RX_ERRORS) + 1, Port.RX_ERRORS);
    return;
  }
  if (len <= RX_LINEAR) {
    memory.copy(buf, at, len);
  } else {
    memory.copy(buf, at, RX_LINEAR);
    memory.copy(large, at + RX_LINEAR, len - RX_LINEAR);
  }
  store<u32>(desc, len, RxDesc.LEN);
  store<u32>(desc, 0, RxDesc.FLAGS);
  const trace = load<u32>(ctx, ReplayCtx.TRACE);
  if (trace !== 0) store<u32>(trace, number - 1, TraceRing.SERIAL);
  rx(load<u32>(port, ReplayPort.HANDLE), 0, 1);
  pollAt(time);
}

/** Everything that waits in transmit rings and in the trace ring, to its file. False: a buffer is full. */
function drain(ctx: usize): bool {
  const n = load<u32>(ctx, ReplayCtx.PORT_COUNT);
  let again = false;
  for (let i: u32 = 0; i < n; i++) {
    const port = portAt(ctx, i);
    const rings = load<u32>(port, ReplayPort.RINGS);
    const head = load<u32>(rings, Port.TX_HEAD);
    if (head === load<u32>(rings, Port.TX_TAIL)) continue;
    // A queue that had found the ring full goes on at the next poll.
    again = again || head - load<u32>(rings, Port.TX_CLEAN) > load<u32>(rings, Port.TX_MASK);
    if (!drainPort(ctx, port, i, rings, head)) return false;
  }
  const trace = load<u32>(ctx, ReplayCtx.TRACE);
  const drops = trace !== 0 && load<u32>(ctx, ReplayCtx.KEEP_TRACE) === 0;
  if (drops && load<u32>(trace, TraceRing.HEAD) !== load<u32>(trace, TraceRing.TAIL)) {
    if (!drainDrops(ctx, trace)) return false;
  }
  if (again) store<u32>(load<u32>(ctx, ReplayCtx.STATUS), 1, Status.MORE);
  return true;
}

function drainPort(ctx: usize, port: usize, index: u32, rings: usize, head: u32): bool {
  const ring = load<u32>(rings, Port.TX_RING);
  const mask = load<u32>(rings, Port.TX_MASK);
  const out = load<u32>(port, ReplayPort.OUT);
  const now = load<u64>(load<u32>(ctx, ReplayCtx.STATUS), Status.NOW) + load<u64>(ctx, ReplayCtx.BASE);
  for (let tail = load<u32>(rings, Port.TX_TAIL); tail !== head; tail++) {
    const desc = ring + (tail & mask) * <u32>TxDesc.SIZE;
    const frags = load<u32>(desc, TxDesc.FRAGS);
    const len = frameBytes(desc, frags);
    const used = load<u32>(out, ReplayOut.USED);
    if (load<u32>(out, ReplayOut.BYTES) - used < len + EPB_ROOM) {
      store<u32>(rings, tail, Port.TX_TAIL);
      return false;
    }
    const block = load<u32>(out, ReplayOut.BUFFER) + used;
    epbHead(block, load<u32>(port, ReplayPort.INTERFACE), now, len, len);
    copyFrame(block + EPB_HEAD, desc, frags);
    let end = pad(block + EPB_HEAD, len);
    store<u32>(end, OPT_FLAGS_4);
    store<u32>(end, FLAGS_OUTBOUND, 4);
    end += 8;
    const number = load<u32>(load<u32>(desc, TxDesc.SKB), SkbField.TRACE_ID);
    if (number !== 0) {
      store<u32>(end, OPT_PACKETID_8);
      store<u64>(end, <u64>number, 4);
      end += 12;
    }
    store<u32>(out, used + epbEnd(block, end), ReplayOut.USED);
    store<u32>(out, load<u32>(out, ReplayOut.FRAMES) + 1, ReplayOut.FRAMES);
    if (load<u32>(ctx, ReplayCtx.ASK) !== 0 && asks(block + EPB_HEAD, len))
      tell(ctx, index, block + EPB_HEAD, len);
  }
  store<u32>(rings, head, Port.TX_TAIL);
  return true;
}

function frameBytes(desc: usize, frags: usize): u32 {
  let len = load<u32>(desc, TxDesc.LEN);
  if (frags === 0) return len;
  const n = load<u32>(frags);
  for (let i: u32 = 0; i < n; i++) len += load<u32>(frags + 8 + i * 12, 4);
  return len;
}

function copyFrame(to: usize, desc: usize, frags: usize): void {
  const linear = load<u32>(desc, TxDesc.LEN);
  memory.copy(to, load<u32>(desc, TxDesc.BUF), linear);
  if (frags === 0) return;
  to += linear;
  const n = load<u32>(frags);
  for (let i: u32 = 0; i < n; i++) {
    const frag = frags + 8 + i * 12;
    memory.copy(to, load<u32>(frag), load<u32>(frag, 4));
    to += load<u32>(frag, 4);
  }
}

function epbHead(block: usize, iface: u32, time: u64, captured: u32, len: u32): void {
  store<u32>(block, EPB);
  store<u32>(block, iface, 8);
  store<u32>(block, <u32>(time >> 32), 12);
  store<u32>(block, <u32>time, 16);
  store<u32>(block, captured, 20);
  store<u32>(block, len, 24);
}

/** Zeros up to a multiple of four behind `len` bytes at `at`; returns where that is. */
function pad(at: usize, len: u32): usize {
  const end = at + len;
  const aligned = (at + len + 3) & ~3;
  for (let p = end; p < aligned; p++) store<u8>(p, 0);
  return aligned;
}

/** Ends options and block; returns its bytes. */
function epbEnd(block: usize, end: usize): u32 {
  store<u32>(end, 0);
  const len = end + 8 - block;
  store<u32>(end, len, 4);
  store<u32>(block, len, 4);
  return len;
}

/** An ARP request or a neighbour solicitation. */
function asks(frame: usize, len: u32): bool {
  if (len < 42) return false;
  const type = load<u16>(frame, 12);
  if (type === ETH_P_ARP_BE) return load<u16>(frame, 20) === 0x0100;
  if (type !== ETH_P_IPV6_BE || len < 78) return false;
  return load<u8>(frame, 20) === 58 && load<u8>(frame, 54) === ND_NEIGHBOR_SOLICIT;
}

/** More than the list holds are asked again by the router. */
function tell(ctx: usize, port: u32, at: usize, len: u32): void {
  const n = load<u32>(ctx, ReplayCtx.SOLICITS);
  if (n === REPLAY_SOLICITS_MAX) return;
  const entry = load<u32>(ctx, ReplayCtx.SOLICIT_LIST) + n * 12;
  store<u32>(entry, port);
  store<u32>(entry, at, 4);
  store<u32>(entry, len, 8);
  store<u32>(ctx, n + 1, ReplayCtx.SOLICITS);
}

function drainDrops(ctx: usize, ring: usize): bool {
  const mask = load<u32>(ring, TraceRing.MASK);
  const head = load<u32>(ring, TraceRing.HEAD);
  let tail = load<u32>(ring, TraceRing.TAIL);
  while (tail !== head) {
    const rec = ring + TraceRing.ENTRIES + (tail & mask);
    if (load<u16>(rec, TraceRec.KIND) === <u16>TraceKind.DROP && !putDrop(ctx, rec)) {
      store<u32>(ring, tail, TraceRing.TAIL);
      return false;
    }
    tail += load<u32>(rec, TraceRec.SIZE);
  }
  store<u32>(ring, tail, TraceRing.TAIL);
  return true;
}

function putDrop(ctx: usize, rec: usize): bool {
  const out = load<u32>(ctx, ReplayCtx.DROPS);
  const used = load<u32>(out, ReplayOut.USED);
  const captured = load<u32>(rec, TraceRec.CAPTURED);
  if (load<u32>(out, ReplayOut.BYTES) - used < captured + EPB_ROOM + COMMENT_MAX) return false;
  const block = load<u32>(out, ReplayOut.BUFFER) + used;
  const device = load<u32>(rec, TraceRec.DEVICE);
  const iface =
    device === TRACE_NO_DEVICE ? 0 : load<u32>(load<u32>(ctx, ReplayCtx.DROP_INTERFACES) + (device << 2));
  const time = load<u64>(rec, TraceRec.NOW) + load<u64>(ctx, ReplayCtx.BASE);
  epbHead(block, iface, time, captured, load<u32>(rec, TraceRec.LEN));
  memory.copy(block + EPB_HEAD, rec + TraceRec.DATA, captured);
  const comment = pad(block + EPB_HEAD, captured);
  const reason = load<u32>(ctx, ReplayCtx.REASONS) + (load<u32>(rec, TraceRec.A) << 3);
  const bytes = load<u32>(reason, 4);
  memory.copy(comment + 4, load<u32>(reason), bytes);
  const number = load<u32>(rec, TraceRec.ID);
  let len = bytes;
  if (number !== 0) len += putNumber(comment + 4 + bytes, number);
  store<u32>(comment, OPT_COMMENT | (len << 16));
  let end = pad(comment + 4, len);
  if (number !== 0) {
    store<u32>(end, OPT_PACKETID_8);
    store<u64>(end, <u64>number, 4);
    end += 12;
  }
  store<u32>(out, used + epbEnd(block, end), ReplayOut.USED);
  store<u32>(out, load<u32>(out, ReplayOut.FRAMES) + 1, ReplayOut.FRAMES);
  return true;
}

/** ", frame N"; returns the bytes. */
function putNumber(at: usize, number: u32): u32 {
  store<u64>(at, 0x20656d617266202c);
  let digits: u32 = 1;
  for (let rest = number / 10; rest !== 0; rest /= 10) digits++;
  let rest = number;
  for (let i = digits; i > 0; i--) {
    store<u8>(at + 7 + i, <u8>(0x30 + (rest % 10)));
    rest /= 10;
  }
  return 8 + digits;
}
