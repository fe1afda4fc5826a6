/**
 * The driver of the test's ports: frames into receive rings, and everything that the core gives into the log.
 *
 *   inject ─► RxDesc ... turn: rx, poll until there is no more ─► TxDesc, events, deliveries, trace ─► log
 */
import { BoardTestKind } from '../abi/board_test';
import { Delivery, DeliveryKind, Event } from '../abi/event';
import {
  HostRing,
  LARGE_SLOT_BYTES,
  Port,
  RxDesc,
  SKB_HEADROOM,
  SLOT_BYTES,
  Status,
  TxDesc,
} from '../abi/layout';
import { HandleRec, MsgType } from '../abi/request';
import { TraceRing } from '../abi/trace';
import { poll, rx, status } from './core';
import { below, lab, portAt } from './lab';
import { logRecord } from './log';
import { msg, send } from './message';

const RX_LINEAR: u32 = SLOT_BYTES - SKB_HEADROOM;
const BUDGET: u32 = 256;
const ROUNDS: u32 = 64;
const MS: u64 = 1000000;

/** A frame of `len` bytes for port `i`; `vnet`: its header, when the port has one. */
export function inject(i: u32, at: usize, len: u32, vnet: usize): void {
  const l = lab();
  const p = portAt(i);
  const rings = p.rings;
  const head = load<u32>(rings, Port.RX_HEAD) + p.pending;
  const mask = load<u32>(rings, Port.RX_MASK);
  const room = mask + 1 - (head - load<u32>(rings, Port.RX_TAIL));
  const linear = RX_LINEAR;
  logRecord(BoardTestKind.IN, i, room === 0 ? 0 : 1, at, len);
  if (room === 0) return;
  const desc = load<u32>(rings, Port.RX_RING) + (head & mask) * <u32>RxDesc.SIZE;
  const buf = load<u32>(desc, RxDesc.BUF);
  const large = load<u32>(desc, RxDesc.LARGE);
  if (buf === 0 || (len > linear && (large === 0 || len - linear > LARGE_SLOT_BYTES))) {
    store<u32>(rings, load<u32>(rings, Port.RX_ERRORS) + 1, Port.RX_ERRORS);
    return;
  }
  memory.copy(buf, at, min(len, linear));
  if (len > linear) memory.copy(large, at + linear, len - linear);
  if (p.vnetHdrLen !== 0) memory.copy(buf - p.vnetHdrLen, vnet, p.vnetHdrLen);
  store<u32>(desc, len, RxDesc.LEN);
  store<u32>(desc, p.vnetHdrLen === 0 && below(16) === 0 ? 1 : 0, RxDesc.FLAGS);
  p.pending++;
  l.framesIn++;
}

/** Tells the core what lies in the rings. */
export function received(): void {
  const ports = lab().ports;
  for (let i: u32 = 0; i < ports; i++) {
    const p = portAt(i);
    if (p.pending !== 0) rx(p.handle, 0, p.pending);
    p.pending = 0;
  }
}

/** The core takes what waits, `after` ns later, and works until it has nothing more to do. */
export function turn(after: u64): void {
  const l = lab();
  l.now += after;
  received();
  for (let round: u32 = 0; round < ROUNDS; round++) {
    poll(<u32>l.now, <u32>(l.now >> 32), BUDGET);
    const sent = drain();
    if (!sent && load<u32>(status(), Status.MORE) === 0) break;
  }
}

/** Lets the clock run for `ns`, from timer to timer. */
export function pass(ns: u64): void {
  const l = lab();
  const end = l.now + ns;
  for (let n: u32 = 0; n < ROUNDS; n++) {
    const deadline = load<u64>(status(), Status.NEXT_DEADLINE);
    if (deadline > end) break;
    turn(deadline > l.now ? deadline - l.now : 0);
  }
  turn(end > l.now ? end - l.now : 0);
}

/** Takes all that the core gives; true when a port has sent. */
export function drain(): bool {
  const l = lab();
  let any = false;
  for (let i: u32 = 0; i < l.ports; i++) {
    if (drainPort(i)) any = true;
  }
  drainEvents();
  if (drainDeliveries()) any = true;
  if (l.trace !== 0) drainTrace();
  return any;
}

function drainPort(i: u32): bool {
  const l = lab();
  const rings = portAt(i).rings;
  const head = load<u32>(rings, Port.TX_HEAD);
  let tail = load<u32>(rings, Port.TX_TAIL);
  if (head === tail) return false;
  for (; tail !== head; tail++) {
    const desc = load<u32>(rings, Port.TX_RING) + (tail & load<u32>(rings, Port.TX_MASK)) * <u32>TxDesc.SIZE;
    const frags = load<u32>(desc, TxDesc.FRAGS);
    const n: u32 = frags === 0 ? 0 : load<u32>(frags);
    logRecord(
      BoardTestKind.OUT,
      (n << 8) | i,
      <u32>(l.now / MS),
      load<u32>(desc, TxDesc.BUF),
      load<u32>(desc, TxDesc.LEN),
    );
    for (let k: u32 = 0; k < n; k++) {
      const frag = frags + 8 + k * 12;
      logRecord(BoardTestKind.OUT, i, k, load<u32>(frag), load<u32>(frag, 4));
    }
    l.framesOut++;
  }
  store<u32>(rings, head, Port.TX_TAIL);
  return true;
}

function drainEvents(): void {
  const ring = load<u32>(status(), Status.EVENT_RING);
  const head = load<u32>(ring, HostRing.HEAD);
  for (let tail = load<u32>(ring, HostRing.TAIL); tail !== head; tail++) {
    const at = ring + HostRing.ENTRIES + (tail & load<u32>(ring, HostRing.MASK)) * <u32>Event.SIZE;
    logRecord(BoardTestKind.EVENT, 0, 0, at, Event.SIZE);
  }
  store<u32>(ring, head, HostRing.TAIL);
  lost(ring, 0);
}

/** A packet for a socket is let go, one in a queue gets a verdict. */
function drainDeliveries(): bool {
  const l = lab();
  const ring = load<u32>(status(), Status.DELIVERY_RING);
  let any = false;
  for (;;) {
    const tail = load<u32>(ring, HostRing.TAIL);
    if (tail === load<u32>(ring, HostRing.HEAD)) break;
    const at = ring + HostRing.ENTRIES + (tail & load<u32>(ring, HostRing.MASK)) * <u32>Delivery.SIZE;
    const kind = <u32>load<u16>(at, Delivery.KIND);
    const handle = load<u32>(at, Delivery.HANDLE);
    logRecord(
      BoardTestKind.DELIVERY,
      kind,
      load<u32>(at, Delivery.SOCKET),
      load<u32>(at, Delivery.PTR),
      load<u32>(at, Delivery.LEN),
    );
    store<u32>(ring, tail + 1, HostRing.TAIL);
    const verdict = kind === <u32>DeliveryKind.QUEUE;
    const body = msg(verdict ? MsgType.HANDLE_VERDICT : MsgType.HANDLE_RELEASE, HandleRec.SIZE);
    store<u32>(body, handle, HandleRec.HANDLE);
    if (verdict) store<u32>(body, below(4) === 0 ? 0 : 1, HandleRec.VERDICT);
    send();
    l.deliveries++;
    any = true;
  }
  lost(ring, 1);
  return any;
}

function drainTrace(): void {
  const ring = lab().trace;
  const head = load<u32>(ring, TraceRing.HEAD);
  const tail = load<u32>(ring, TraceRing.TAIL);
  const mask = load<u32>(ring, TraceRing.MASK);
  // The ring's end may lie between.
  const begin = tail & mask;
  const first = min(head - tail, mask + 1 - begin);
  if (first !== 0) logRecord(BoardTestKind.TRACE, 0, 0, ring + TraceRing.ENTRIES + begin, first);
  if (head - tail !== first)
    logRecord(BoardTestKind.TRACE, 1, 0, ring + TraceRing.ENTRIES, head - tail - first);
  store<u32>(ring, head, TraceRing.TAIL);
  lost(ring, 2);
}

/** Says it, and counts anew. */
function lost(ring: usize, which: u32): void {
  const n = load<u32>(ring, HostRing.LOST);
  if (n === 0) return;
  lab().lost += n;
  store<u32>(ring, 0, HostRing.LOST);
  logRecord(BoardTestKind.LOST, which, n, ring, 0);
}
