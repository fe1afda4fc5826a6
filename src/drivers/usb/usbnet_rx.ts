/**
 * Receiving from a bulk endpoint: transfers queued ahead, so that the device never waits for us.
 *
 *        ┌────────────────────────── submit ◄─────────────────────────┐
 *   pending ─► COMPLETED ─► done (in order) ─► unpack ─► frames copied to descriptors
 *           ─► STALL ─► cancel all, clear the halt, submit all again
 *           ─► ERROR, OVERFLOW ─► counted; several in a row wait, too many fail the device
 *           ─► NO_DEVICE ─► gone
 *
 * Linux: drivers/net/usb/usbnet.c (rx_submit, rx_complete, EVENT_RX_HALT)
 */
import { NetError } from '../../net_error.js';
import type { PortRings } from '../driver.js';
import { type UsbHandle, UsbStatus, type UsbTransfer } from './transport.js';
import { FrameList, type UsbNetDriver } from './usb_net_driver.js';
import type { UsbNetCounters } from './usbnet.js';

interface RxSlot {
  readonly transfer: UsbTransfer;
  readonly bytes: Uint8Array;
  length: number;
}

export interface UsbRxEvents {
  /** Frames wait; once per arm(). */
  readable(): void;
  gone(): void;
  failed(why: NetError): void;
}

const ERRORS_AT_ONCE = 3;
const ERRORS_MAX = 20;
const PAUSE_MS = 10;
const PAUSE_MAX_MS = 500;
const STALLS_MAX = 10;

export class UsbRx {
  private readonly done: RxSlot[] = [];
  private readonly idle: RxSlot[] = [];
  private readonly slots: RxSlot[] = [];
  private readonly list: FrameList;
  private current: RxSlot | undefined;
  private next = 0;
  private armed = false;
  private waking = false;
  private running = false;
  private recovering = false;
  /** Without a good transfer in between. */
  private errorsInRow = 0;
  private stallsInRow = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What was wrong with the last transfer that had something wrong. */
  fault = '';

  constructor(
    private readonly handle: UsbHandle,
    private readonly driver: UsbNetDriver,
    private readonly rings: PortRings,
    private readonly counters: UsbNetCounters,
    private readonly events: UsbRxEvents,
  ) {
    const { address, bytes, transfers } = driver.rx;
    // No frame of any driver takes less than the 14 bytes of its header.
    this.list = new FrameList(Math.floor(bytes / 14) + 1);
    for (let i = 0; i < transfers; i++) {
      const slot: RxSlot = {
        transfer: handle.transfer(address, 'bulk', (status, length) => this.completed(slot, status, length)),
        bytes: new Uint8Array(bytes),
        length: 0,
      };
      this.slots.push(slot);
      this.idle.push(slot);
    }
  }

  start(): void {
    this.running = true;
    this.submitIdle();
  }

  /** Nothing is submitted any more; what is pending the handle's close() ends. */
  stop(): void {
    this.running = false;
    this.armed = false;
    clearTimeout(this.timer);
  }

  rxBurst(max: number): number {
    const { rings, list } = this;
    const limit = Math.min(max, rings.rxSpace());
    let frames = 0;
    while (frames < limit) {
      if (this.current === undefined && !this.take()) break;
      const { bytes } = this.current!;
      for (; this.next < list.count && frames < limit; this.next++) {
        const at = list.offsets[this.next]!;
        const length = list.lengths[this.next]!;
        const from = this.next === 0 && list.joined !== undefined ? list.joined : bytes;
        if (rings.putFrame(frames, from.subarray(at, at + length))) {
          frames++;
          this.counters.rxBytes += length;
        } else rings.addRxErrors(1);
      }
      if (this.next === list.count) this.release();
    }
    this.counters.rxFrames += frames;
    return frames;
  }

  arm(): void {
    this.armed = true;
    if (this.current !== undefined || this.done.length > 0) this.wake();
  }

  disarm(): void {
    this.armed = false;
  }

  /** The next transfer that holds something becomes the current one. */
  private take(): boolean {
    const slot = this.done.shift();
    if (slot === undefined) return false;
    this.current = slot;
    this.next = 0;
    const { list } = this;
    list.clear();
    this.driver.unpack(slot.bytes, slot.length, list);
    if (list.errors > 0) {
      this.rings.addRxErrors(list.errors);
      this.counters.rxFaults += list.errors;
      this.fault = list.fault;
    }
    return true;
  }

  private release(): void {
    const slot = this.current!;
    this.current = undefined;
    this.submit(slot);
  }

  private submit(slot: RxSlot): void {
    if (!this.running || this.recovering || this.timer !== undefined) this.idle.push(slot);
    else if (!slot.transfer.submit(slot.bytes)) {
      this.idle.push(slot);
      this.events.gone();
    }
  }

  private submitIdle(): void {
    for (const slot of this.idle.splice(0)) this.submit(slot);
  }

  private completed(slot: RxSlot, status: UsbStatus, length: number): void {
    switch (status) {
      case UsbStatus.COMPLETED:
        this.counters.rxTransfers++;
        this.errorsInRow = 0;
        if (length === 0) {
          this.submit(slot);
          return;
        }
        this.stallsInRow = 0;
        slot.length = Math.min(length, slot.bytes.length);
        this.done.push(slot);
        if (this.armed) this.wake();
        break;
      case UsbStatus.NO_DEVICE:
        this.idle.push(slot);
        if (this.running) this.events.gone();
        break;
      case UsbStatus.STALL:
        this.idle.push(slot);
        this.recover();
        break;
      case UsbStatus.CANCELLED:
        this.idle.push(slot);
        break;
      default:
        this.trouble(slot);
    }
    this.recovered();
  }

  private trouble(slot: RxSlot): void {
    this.rings.addRxErrors(1);
    this.counters.transferErrors++;
    this.errorsInRow++;
    if (this.errorsInRow <= ERRORS_AT_ONCE) {
      this.submit(slot);
      return;
    }
    this.idle.push(slot);
    if (!this.running || this.timer !== undefined) return;
    if (this.errorsInRow > ERRORS_MAX) {
      this.events.failed(new NetError('EIO', `${ERRORS_MAX} receive transfers in a row failed`));
      return;
    }
    // The device may be on its way out, which is told a moment later; or a cable is bad.
    const pause = Math.min(PAUSE_MAX_MS, PAUSE_MS << (this.errorsInRow - ERRORS_AT_ONCE - 1));
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.submitIdle();
    }, pause);
  }

  /** A halted endpoint: everything on it has to end before the halt is cleared (USB 2.0 §9.4.5). */
  private recover(): void {
    if (!this.running || this.recovering) return;
    this.recovering = true;
    this.counters.stalls++;
    for (const { transfer } of this.slots) transfer.cancel();
  }

  private recovered(): void {
    if (!this.recovering || !this.running || this.slots.some(({ transfer }) => transfer.pending)) return;
    if (++this.stallsInRow > STALLS_MAX) {
      this.running = false;
      this.events.failed(new NetError('EPIPE', 'the receive endpoint stalls again and again'));
      return;
    }
    this.handle.clearHalt(this.driver.rx.address).then(
      () => {
        this.recovering = false;
        this.submitIdle();
      },
      (error: unknown) => this.events.failed(error as NetError),
    );
  }

  /** At the end of this turn of the event loop, so that all that comes in it makes one burst. */
  private wake(): void {
    if (this.waking) return;
    this.waking = true;
    setImmediate(() => {
      this.waking = false;
      if (!this.armed) return;
      this.armed = false;
      this.events.readable();
    });
  }
}
