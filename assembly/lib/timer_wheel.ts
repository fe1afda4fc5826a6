/**
 * Timers, embedded in the records that own them, in a hierarchical wheel. Linux: kernel/time/timer.c.
 *
 * A tick is 2^20 ns. The wheel has 8 levels of 64 slots; a timer lies at the level of the highest 6-bit digit in
 * which its tick differs from the wheel's, in the slot of that digit:
 *
 *   tick   ...|dddddd|dddddd|dddddd|        level 0: this tick, and the rest of its 64
 *   level     |  2   |  1   |  0   |        level 1: the rest of its 4096, 64 ticks a slot; and so on
 *
 * So everything at one level is earlier than everything at the next, and the earliest timer is in the first used
 * slot of the lowest used level. As time enters a slot of a higher level, its timers move down.
 *
 * A timer never fires before its `expires`, which is compared in ns; timers fire in order of their ticks, those of
 * one tick in the order in which they came there. A run first collects what is due, then calls the handlers: these
 * may add, delete or free any timer. One that a handler adds and that is due already fires in the next run.
 */
import { opCall1 } from './ops';
import { root } from './root';

/** Size of a Timer; 8-byte aligned. Zeroed bytes are a timer that is not pending. */
export const TIMER_BYTES: usize = 24;

export const TIMER_TICK_SHIFT: u32 = 20;

/** timerNext() when no timer is pending. */
export const TIMER_NEVER: u64 = u64.MAX_VALUE;

const DIGIT_BITS: u32 = 6;
const SLOTS: u32 = 64;
const LEVELS: u32 = 8;
const SLOT_BYTES: u32 = 8;

@unmanaged
@final
export class Timer {
  /** Neighbours in the slot's ring, which closes over its head; 0 when not pending. */
  next: usize;
  prev: usize;
  /** Absolute, ns. */
  expires: u64;
  /** Op id (abi/ops) of the handler, and what it is called with. */
  op: u32;
  arg: usize;
}

@unmanaged
@final
class Wheel {
  /** Head of the ring of timers that the present run is about to fire. */
  dueNext: usize;
  duePrev: usize;
  /** Where the wheel stands: no timer that is due before this tick is in it. */
  tick: u64;
  /** timerNext() as last found; only meant when `nextKnown`. */
  nextNs: u64;
  nextKnown: u32;
  count: u32;
  // u64 used[LEVELS]: bit per slot; then the heads {next, prev}[LEVELS][SLOTS]
}

const USED_OFFSET: usize = 32;
const HEADS_OFFSET: usize = USED_OFFSET + LEVELS * 8;

/** Bytes that the wheel takes. */
export function timerMetaBytes(): usize {
  return HEADS_OFFSET + LEVELS * SLOTS * SLOT_BYTES;
}

/** Makes an empty wheel at `meta` (8-byte aligned), standing at root().now. */
export function timerWheelInit(meta: usize): void {
  memory.fill(meta, 0, timerMetaBytes());
  const wheel = changetype<Wheel>(meta);
  wheel.tick = root().now >> TIMER_TICK_SHIFT;
  ringInit(meta);
  for (let i: usize = 0; i < LEVELS * SLOTS; i++) ringInit(meta + HEADS_OFFSET + i * SLOT_BYTES);
  root().timerWheel = meta;
}

/** Sets up a timer that is not pending: it will call op `op` with `arg`. */
export function timerSetup(timer: Timer, op: u32, arg: usize): void {
  timer.next = 0;
  timer.prev = 0;
  timer.op = op;
  timer.arg = arg;
}

/** Arms `timer` for `expires` ns; one that is pending is moved (Linux: mod_timer). */
export function timerAdd(timer: Timer, expires: u64): void {
  const wheel = changetype<Wheel>(root().timerWheel);
  if (timer.next !== 0) timerDel(timer);
  timer.expires = expires;
  place(wheel, timer);
  wheel.count++;
  if (expires < wheel.nextNs) wheel.nextNs = expires;
  if (wheel.count === 1) {
    wheel.nextNs = expires;
    wheel.nextKnown = 1;
  }
}

/** Disarms `timer`; says whether it was pending. */
export function timerDel(timer: Timer): bool {
  const next = timer.next;
  if (next === 0) return false;
  const wheel = changetype<Wheel>(root().timerWheel);
  const prev = timer.prev;
  changetype<Timer>(prev).next = next;
  changetype<Timer>(next).prev = prev;
  if (next === prev) markEmpty(wheel, next);
  timer.next = 0;
  timer.prev = 0;
  wheel.count--;
  if (timer.expires <= wheel.nextNs) wheel.nextKnown = 0;
  return true;
}

export function timerPending(timer: Timer): bool {
  return timer.next !== 0;
}

/** Timers that are pending. */
export function timerCount(): u32 {
  return changetype<Wheel>(root().timerWheel).count;
}

/** Fires every timer with `expires` <= `now`; says how many. */
export function timersRun(now: u64): u32 {
  const wheel = changetype<Wheel>(root().timerWheel);
  if (wheel.nextKnown !== 0 && now < wheel.nextNs) return 0;
  collect(wheel, now);
  const due = changetype<usize>(wheel);
  let fired: u32 = 0;
  while (wheel.dueNext !== due) {
    const timer = changetype<Timer>(wheel.dueNext);
    timerDel(timer);
    fired++;
    opCall1(timer.op, timer.arg);
  }
  return fired;
}

/** Exact ns at which the earliest pending timer is due; TIMER_NEVER when there is none. */
export function timerNext(): u64 {
  const wheel = changetype<Wheel>(root().timerWheel);
  if (wheel.count === 0) return TIMER_NEVER;
  if (wheel.nextKnown !== 0) return wheel.nextNs;
  let head = changetype<usize>(wheel);
  if (wheel.dueNext === head) {
    let level: u32 = 0;
    while (loadUsed(wheel, level) === 0) level++;
    head = slotHead(wheel, level, <u32>ctz(loadUsed(wheel, level)));
  }
  let first = TIMER_NEVER;
  let at = changetype<Timer>(head).next;
  while (at !== head) {
    const timer = changetype<Timer>(at);
    if (timer.expires < first) first = timer.expires;
    at = timer.next;
  }
  wheel.nextNs = first;
  wheel.nextKnown = 1;
  return first;
}

/** Turns the wheel to `now` and moves all that is due to the due ring, in order. */
function collect(wheel: Wheel, now: u64): void {
  const nowTick = now >> TIMER_TICK_SHIFT;
  takeDue(wheel, now);
  while (wheel.tick < nowTick) {
    let level: u32 = 0;
    while (level < LEVELS && loadUsed(wheel, level) === 0) level++;
    if (level === LEVELS) {
      wheel.tick = nowTick;
      return;
    }
    const slot = <u32>ctz(loadUsed(wheel, level));
    const shift = level * DIGIT_BITS;
    // Digits above `level` are the wheel's, those below are 0: where the slot begins.
    const begin = (((wheel.tick >> shift) & ~63) | slot) << shift;
    if (begin > nowTick) {
      wheel.tick = nowTick;
      return;
    }
    wheel.tick = begin;
    if (level > 0) cascade(wheel, level, slot);
    takeDue(wheel, now);
  }
}

/** Places the timers of a slot that the wheel has just entered anew, each at a lower level. */
function cascade(wheel: Wheel, level: u32, slot: u32): void {
  const head = slotHead(wheel, level, slot);
  let at = changetype<Timer>(head).next;
  ringInit(head);
  storeUsed(wheel, level, loadUsed(wheel, level) & ~((<u64>1) << slot));
  while (at !== head) {
    const next = changetype<Timer>(at).next;
    place(wheel, changetype<Timer>(at));
    at = next;
  }
}

/** Moves what is due from the slot of the wheel's tick to the due ring. */
function takeDue(wheel: Wheel, now: u64): void {
  const head = slotHead(wheel, 0, <u32>wheel.tick & 63);
  let at = changetype<Timer>(head).next;
  while (at !== head) {
    const timer = changetype<Timer>(at);
    const next = timer.next;
    if (timer.expires <= now) {
      changetype<Timer>(timer.prev).next = next;
      changetype<Timer>(next).prev = timer.prev;
      ringAppend(changetype<usize>(wheel), timer);
    }
    at = next;
  }
  if (changetype<Timer>(head).next === head) markEmpty(wheel, head);
}

/** Puts a timer into the slot of its `expires`; one that is late, into the present one. */
function place(wheel: Wheel, timer: Timer): void {
  const tick = max(timer.expires >> TIMER_TICK_SHIFT, wheel.tick);
  const differs = tick ^ wheel.tick;
  const level = differs === 0 ? 0 : (63 - <u32>clz(differs)) / DIGIT_BITS;
  const slot = <u32>(tick >> (level * DIGIT_BITS)) & 63;
  ringAppend(slotHead(wheel, level, slot), timer);
  storeUsed(wheel, level, loadUsed(wheel, level) | ((<u64>1) << slot));
}

/** Clears the bit of a slot whose ring has become empty; the due ring has none. */
function markEmpty(wheel: Wheel, head: usize): void {
  const heads = changetype<usize>(wheel) + HEADS_OFFSET;
  if (head < heads) return;
  const index = <u32>(head - heads) / SLOT_BYTES;
  if (index >= LEVELS * SLOTS) return;
  const level = index / SLOTS;
  storeUsed(wheel, level, loadUsed(wheel, level) & ~((<u64>1) << (index & 63)));
}

function slotHead(wheel: Wheel, level: u32, slot: u32): usize {
  return changetype<usize>(wheel) + HEADS_OFFSET + (level * SLOTS + slot) * SLOT_BYTES;
}

function loadUsed(wheel: Wheel, level: u32): u64 {
  return load<u64>(changetype<usize>(wheel) + (level << 3), USED_OFFSET);
}

function storeUsed(wheel: Wheel, level: u32, used: u64): void {
  store<u64>(changetype<usize>(wheel) + (level << 3), used, USED_OFFSET);
}

function ringInit(head: usize): void {
  changetype<Timer>(head).next = head;
  changetype<Timer>(head).prev = head;
}

function ringAppend(head: usize, timer: Timer): void {
  const last = changetype<Timer>(head).prev;
  timer.next = head;
  timer.prev = last;
  changetype<Timer>(last).next = changetype<usize>(timer);
  changetype<Timer>(head).prev = changetype<usize>(timer);
}
