/**
 * Sending on a bulk endpoint: a burst of the core's becomes as few transfers as the format allows.
 *
 *   transmit descriptors ─► begin, place + copy ..., end ─► submit [─► empty packet]      several in flight
 *
 * While every transfer is in flight frames stay in the transmit ring, so that a slow device makes fuller transfers.
 * A transfer that does not move for seconds is given up, as Linux's watchdog does.
 * Linux: drivers/net/usb/usbnet.c (usbnet_start_xmit, tx_complete, usbnet_tx_timeout)
 */
import { NetError } from '../../net_error.js';
import type { PortRings } from '../driver.js';
import { type UsbHandle, UsbStatus, type UsbTransfer } from './transport.js';
import type { UsbNetDriver } from './usb_net_driver.js';
import type { UsbNetCounters } from './usbnet.js';

interface TxSlot {
  readonly transfer: UsbTransfer;
  /** The empty packet behind it. */
  readonly empty: UsbTransfer;
  readonly bytes: Uint8Array;
  /** Parts in flight: 0, 1 or 2. */
  parts: number;
  frames: number;
}

export interface UsbTxEvents {
  /** After a txBurst() that left frames behind. */
  writable(): void;
  gone(): void;
  failed(why: NetError): void;
}

const NOTHING = new Uint8Array(0);
const ETH_HLEN = 14;
const WATCHDOG_MS = 5000;
const STALLS_MAX = 10;

export class UsbTx {
  private readonly slots: TxSlot[] = [];
  private readonly free: TxSlot[] = [];
  private readonly frameBytes: number;
  private blocked = false;
  private running = false;
  private recovering = false;
  private stallsInRow = 0;
  private watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly handle: UsbHandle,
    private readonly driver: UsbNetDriver,
    private readonly rings: PortRings,
    private readonly counters: UsbNetCounters,
    private readonly events: UsbTxEvents,
  ) {
    const { address, bytes, transfers } = driver.tx;
    this.frameBytes = driver.mtu + ETH_HLEN + 8;
    for (let i = 0; i < transfers; i++) {
      const slot: TxSlot = {
        transfer: handle.transfer(address, 'bulk', (status, length) => this.completed(slot, status, length)),
        empty: handle.transfer(address, 'bulk', (status) => this.completed(slot, status, 0)),
        bytes: new Uint8Array(bytes),
        parts: 0,
        frames: 0,
      };
      this.slots.push(slot);
      this.free.push(slot);
    }
  }

  start(): void {
    this.running = true;
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.watchdog);
  }

  txBurst(): number {
    const { rings } = this;
    const waiting = rings.txReady();
    if (waiting === 0 || !this.running) return 0;
    let done = 0;
    let sent = 0;
    while (done < waiting) {
      const slot = this.recovering ? undefined : this.free.pop();
      if (slot === undefined) {
        this.blocked = true;
        this.watch();
        break;
      }
      slot.frames = 0;
      done = this.fill(slot, done, waiting);
      if (slot.frames === 0) this.free.push(slot);
      else {
        sent += slot.frames;
        this.submit(slot);
      }
    }
    rings.txAdvance(done);
    this.counters.txFrames += sent;
    return sent;
  }

  /** Packs frames from `done` on, as many as there is room for; returns the first that was not. */
  private fill(slot: TxSlot, done: number, waiting: number): number {
    const { rings, driver, frameBytes } = this;
    const { bytes } = slot;
    driver.begin(bytes);
    for (; done < waiting; done++) {
      const desc = rings.txDesc(done);
      const length = rings.txBytes(desc);
      const at = length > frameBytes || length < ETH_HLEN ? -1 : driver.place(length);
      if (at < 0) {
        if (slot.frames > 0 && length <= frameBytes && length >= ETH_HLEN) break;
        rings.addTxErrors(1);
        continue;
      }
      rings.peekTx(desc, bytes.subarray(at, at + length));
      slot.frames++;
      this.counters.txBytes += length;
    }
    return done;
  }

  private submit(slot: TxSlot): void {
    const length = this.driver.end();
    const { maxPacketSize, fullEnds } = this.driver.tx;
    const whole = length % maxPacketSize === 0 && !(fullEnds === true && length === slot.bytes.length);
    slot.parts = whole ? 2 : 1;
    this.counters.txTransfers++;
    const taken = slot.transfer.submit(slot.bytes.subarray(0, length));
    if (taken && (!whole || slot.empty.submit(NOTHING))) return;
    if (!taken) slot.parts = 0;
    else slot.parts--;
    if (slot.parts === 0) this.lost(slot);
    this.events.gone();
  }

  private lost(slot: TxSlot): void {
    this.rings.addTxErrors(slot.frames);
    slot.frames = 0;
    this.free.push(slot);
  }

  private completed(slot: TxSlot, status: UsbStatus, _length: number): void {
    slot.parts--;
    if (status === UsbStatus.COMPLETED) this.stallsInRow = 0;
    else {
      this.rings.addTxErrors(slot.frames);
      slot.frames = 0;
      if (status === UsbStatus.STALL) this.recover();
      else if (status === UsbStatus.NO_DEVICE) {
        if (this.running) this.events.gone();
      } else if (status !== UsbStatus.CANCELLED) this.counters.transferErrors++;
    }
    if (slot.parts === 0) this.free.push(slot);
    this.recovered();
    clearTimeout(this.watchdog);
    this.watchdog = undefined;
    if (this.blocked && !this.recovering) this.unblock();
  }

  private unblock(): void {
    if (!this.running) return;
    this.blocked = false;
    this.events.writable();
  }

  private recover(): void {
    if (!this.running || this.recovering) return;
    this.recovering = true;
    this.counters.stalls++;
    for (const { transfer, empty } of this.slots) {
      transfer.cancel();
      empty.cancel();
    }
  }

  private recovered(): void {
    if (!this.recovering || !this.running || this.free.length < this.slots.length) return;
    if (++this.stallsInRow > STALLS_MAX) {
      this.running = false;
      this.events.failed(new NetError('EPIPE', 'the transmit endpoint stalls again and again'));
      return;
    }
    this.handle.clearHalt(this.driver.tx.address).then(
      () => {
        this.recovering = false;
        if (this.blocked) this.unblock();
      },
      (error: unknown) => this.events.failed(error as NetError),
    );
  }

  /** The device takes nothing: after a while what it did not take is given up, so that newer frames have their turn. */
  private watch(): void {
    this.watchdog ??= setTimeout(() => {
      this.watchdog = undefined;
      this.counters.txTimeouts++;
      for (const { transfer, empty } of this.slots) {
        transfer.cancel();
        empty.cancel();
      }
    }, WATCHDOG_MS);
  }
}
