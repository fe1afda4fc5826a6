/**
 * Middleware: a bad wire in front of any driver, each direction by itself: loss, corruption, duplication, reordering,
 * delay and rate (fault_lane.ts). Two runs with one seed, the same frames and the same clock do the same.
 *
 *   router's rings ─copy─► lane tx ─► own rings ─► driver behind
 *   router's rings ◄─copy─ lane rx ◄─ own rings ◄─ driver behind
 */
import type { Driver, PortNotify, PortRings } from './driver.js';
import { type FaultCounters, FaultLane, type Faults } from './fault_lane.js';
import { Middleware } from './middleware.js';
import { StandInPort } from './stand_in_port.js';

/** Milliseconds, from any start, and calls at a later one. */
export interface FaultClock {
  now(): number;
  /** Returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

export interface FaultInjectorOptions {
  seed: number;
  rx?: Faults;
  tx?: Faults;
  /** Default: the machine's. */
  clock?: FaultClock;
}

const ENTRIES = 64;
const machineClock: FaultClock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.ceil(ms));
    return () => clearTimeout(timer);
  },
};

export class FaultInjector extends Middleware {
  private own!: StandInPort;
  private readonly rxLane: FaultLane;
  private readonly txLane: FaultLane;
  private readonly clock: FaultClock;
  private rings!: PortRings;
  private notify!: PortNotify;
  private armed = false;
  private closed = false;
  private cancelRx: (() => void) | undefined;
  private cancelTx: (() => void) | undefined;
  private rxErrors = 0;
  private txErrors = 0;

  constructor(inner: Driver, options: FaultInjectorOptions) {
    super(inner);
    this.clock = options.clock ?? machineClock;
    this.rxLane = new FaultLane(options.rx ?? {}, options.seed, inner.vnetHdrLen);
    this.txLane = new FaultLane(options.tx ?? {}, options.seed ^ 0x5bd1e995, inner.vnetHdrLen);
  }

  get counters(): { rx: Readonly<FaultCounters>; tx: Readonly<FaultCounters> } {
    return { rx: this.rxLane.counters, tx: this.txLane.counters };
  }

  /** Frames are under way in it, either way. */
  get pending(): boolean {
    const { rxLane, txLane, own } = this;
    return rxLane.nextMs() !== undefined || txLane.nextMs() !== undefined || own.rings.txReady() !== 0;
  }

  override attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.notify = notify;
    this.own = new StandInPort({ entries: ENTRIES, vnetHdrLen: this.vnetHdrLen, large: rings.rxLarge });
    this.inner.attach(this.own.rings, {
      readable: () => this.wake(),
      writable: () => this.pump(),
      state: (up, why) => notify.state(up, why),
    });
  }

  override rxBurst(max: number): number {
    const { own, rings, rxLane, vnetHdrLen } = this;
    const now = this.clock.now();
    own.rx(this.inner.rxBurst(ENTRIES), (frame) => rxLane.push(frame, now));
    const burst = Math.min(max, rings.rxSpace());
    let frames = 0;
    while (frames < burst) {
      const bytes = rxLane.pop(now);
      if (bytes === undefined) break;
      if (rings.putFrame(frames, bytes.subarray(vnetHdrLen), bytes.subarray(0, vnetHdrLen))) frames++;
      else rings.addRxErrors(1);
    }
    this.tellErrors();
    return frames;
  }

  /** The lane takes every frame at once; the port behind may block as it likes. */
  override txBurst(): number {
    const { rings } = this;
    const waiting = rings.txReady();
    const now = this.clock.now();
    for (let i = 0; i < waiting; i++) {
      const desc = rings.txDesc(i);
      const frame = new Uint8Array(rings.txBytes(desc));
      rings.peekTx(desc, frame);
      this.txLane.push(frame, now);
    }
    rings.txAdvance(waiting);
    this.pump();
    return waiting;
  }

  override arm(): void {
    this.armed = true;
    this.inner.arm();
    this.scheduleRx();
  }

  override disarm(): void {
    this.armed = false;
    this.cancelRx?.();
    this.cancelRx = undefined;
    this.inner.disarm();
  }

  override close(): Promise<void> {
    this.closed = true;
    this.disarm();
    this.cancelTx?.();
    this.cancelTx = undefined;
    return super.close();
  }

  private wake(): void {
    if (!this.armed || this.closed) return;
    this.armed = false;
    this.cancelRx?.();
    this.cancelRx = undefined;
    this.inner.disarm();
    this.notify.readable();
  }

  private scheduleRx(): void {
    this.cancelRx?.();
    this.cancelRx = undefined;
    const next = this.rxLane.nextMs();
    if (next === undefined) return;
    this.cancelRx = this.clock.after(Math.max(0, next - this.clock.now()), () => this.wake());
  }

  /** Sends what is due, and comes back for the rest. */
  private pump(): void {
    if (this.closed) return;
    const { own, txLane } = this;
    const now = this.clock.now();
    for (;;) {
      let bytes: Uint8Array | undefined;
      while (own.txSpace() > 0) {
        bytes = txLane.pop(now);
        if (bytes === undefined) break;
        if (!own.tx(bytes)) this.rings.addTxErrors(1);
      }
      if (own.rings.txReady() === 0) break;
      this.inner.txBurst();
      if (own.rings.txReady() !== 0) break; // blocked: writable() comes
      if (bytes === undefined) break;
    }
    this.tellErrors();
    this.cancelTx?.();
    this.cancelTx = undefined;
    const next = txLane.nextMs();
    if (next !== undefined && own.rings.txReady() === 0) {
      this.cancelTx = this.clock.after(Math.max(0, next - now), () => this.pump());
    }
  }

  /** The errors that the driver behind counts in its own rings are the port's. */
  private tellErrors(): void {
    const { rxErrors, txErrors } = this.own.rings;
    if (rxErrors !== this.rxErrors) this.rings.addRxErrors(rxErrors - this.rxErrors);
    if (txErrors !== this.txErrors) this.rings.addTxErrors(txErrors - this.txErrors);
    this.rxErrors = rxErrors;
    this.txErrors = txErrors;
  }
}
