/**
 * The event loop of a local core: bursts from the drivers in, poll, bursts out.
 *
 *        ┌──────────────── work ◄──────────────┐
 *   idle ┴► rxBurst of each port ─► core.poll ─┴► txBurst ─► nothing for SPIN ─► arm drivers, timer ─► idle
 *
 * While there is work it polls without waiting (napi's adaptive polling, seen from the host), in slices so that the
 * process stays responsive. When nothing came for a while it asks the drivers to wake it. A packet in such a loop costs
 * no JavaScript but its driver's system call.
 */
import { Status } from '../../assembly/abi/layout.js';
import type { Driver } from '../drivers/driver.js';
import { type Clock, yielder } from './clock.js';
import type { CoreInstance } from './instance.js';

export interface LoopPort {
  readonly driver: Driver;
  /** Device handle in the core. */
  readonly handle: number;
}

/** Frames that one port may bring in per turn unless its driver says otherwise, and packets that one poll handles. */
const RX_BURST = 64;
const POLL_BUDGET = 1024;
/** The clock is read in every fourth turn of a busy run: a reading costs as much as forwarding three packets. */
const CLOCK_TURNS_MASK = 3;
/** How long to look for frames without waiting, after the last one came: to be woken costs several times what a packet does. */
const SPIN_NS = 50e3;
/** How long to run before other work of the process has its turn. */
const SLICE_NS = 1e6;
const NS_PER_MS = 1e6;
const TWO_32 = 4294967296;

export class Loop {
  private ports: LoopPort[] = [];
  private queued = false;
  private closed = false;
  /** The last turn made room in a transmit ring: a queue that had found it full waits for the next poll. */
  private sent = false;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;
  /** Reads the clock in every turn: for who measures times between frames. */
  precise = false;
  /** The clock when it was last read, in an array so that it is never put on the heap. */
  private readonly time = new Float64Array(1);
  /** Turns with work since the last one without. */
  private busyTurns = 0;
  private readonly deadlineAt: number;
  private readonly moreAt: number;
  private readonly yield = yielder();

  constructor(
    private readonly core: CoreInstance,
    private readonly clock: Clock,
    /** Called after every poll: drains events and deliveries. */
    private readonly afterPoll: () => void,
  ) {
    this.deadlineAt = (core.exports.status() + Status.NEXT_DEADLINE) >>> 2;
    this.moreAt = (core.exports.status() + Status.MORE) >>> 2;
  }

  add(port: LoopPort): void {
    this.ports = [...this.ports, port];
    this.kick();
  }

  remove(handle: number): void {
    this.ports = this.ports.filter((port) => port.handle !== handle);
  }

  /** There may be work: run a slice soon. */
  kick(): void {
    if (this.queued || this.closed || this.clock.virtual) return;
    this.queued = true;
    this.immediate = setImmediate(() => this.slice());
  }

  /** A driver saw frames: run at once, in its callback. */
  wake(): void {
    if (this.closed || this.clock.virtual || this.queued) return;
    this.slice();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
  }

  /** One turn: frames in, poll, frames out. True when there was work. */
  turn(): boolean {
    const { exports, u32 } = this.core;
    let work = 0;
    for (const port of this.ports) {
      const { driver } = port;
      const max = driver.burst ?? RX_BURST;
      for (let queue = 0, queues = driver.queues ?? 1; queue < queues; queue++) {
        const n = driver.rxBurst(max, queue);
        if (n > 0) {
          exports.rx(port.handle, queue, n);
          work += n;
        }
      }
    }
    if (work === 0) this.busyTurns = 0;
    if ((this.busyTurns & CLOCK_TURNS_MASK) === 0 || this.precise || this.clock.virtual)
      this.clock.read(this.time);
    if (work > 0) this.busyTurns++;
    const now = this.time[0]!;
    if (work > 0 || this.sent || u32[this.moreAt] !== 0 || this.deadline() <= now) {
      // As signed words: an unsigned one above 2^31 would be put on the heap, each time.
      work += exports.poll(now | 0, (now / TWO_32) | 0, POLL_BUDGET);
      this.afterPoll();
    }
    let sent = 0;
    for (const port of this.ports) sent += port.driver.txBurst();
    this.sent = sent > 0;
    return work + sent > 0;
  }

  /** When the core's next timer is due, ns of its clock; Infinity when there is none. */
  deadline(): number {
    const { u32 } = this.core;
    const hi = u32[this.deadlineAt + 1]!;
    return hi === 0xffffffff ? Infinity : hi * TWO_32 + u32[this.deadlineAt]!;
  }

  private slice(): void {
    this.queued = false;
    if (this.closed) return;
    clearTimeout(this.timer);
    this.busyTurns = 0;
    let begin = Infinity;
    let last = 0;
    for (;;) {
      const worked = this.turn();
      const now = this.time[0]!;
      if (begin === Infinity) begin = now;
      if (worked || last === 0) last = now;
      // A frame may wait to be made by someone who waits for this processor.
      else this.yield();
      if (this.closed) return;
      if (now - last > SPIN_NS) break;
      if (now - begin > SLICE_NS) {
        this.kick();
        return;
      }
    }
    for (const port of this.ports) port.driver.arm();
    const wait = (this.deadline() - this.clock.now()) / NS_PER_MS;
    if (wait !== Infinity) this.timer = setTimeout(() => this.kick(), Math.max(0, Math.ceil(wait)));
  }
}
