/**
 * Receiving from a bulk endpoint: transfers queued ahead, so that the device never waits for us.
 *
 *        ┌────────────────────────── submit ◄─────────────────────────┐
 *   pending ─► COMPLETED ─► done (in order) ─► take ─► frames in descriptors
 *           ─► STALL ─► cancel all, clear the halt, submit all again
 *           ─► ERROR, OVERFLOW ─► counted; several in a row wait, too many fail the device
 *           ─► NO_DEVICE ─► gone
 *
 * Two kinds differ in where transfers go to: buffers of their own, from which frames are copied (UsbRxCopied), or straight
 * into receive descriptors, for formats of one frame a transfer (UsbRxDirect, usbnet_rx_direct.ts).
 * Linux: drivers/net/usb/usbnet.c (rx_submit, rx_complete, EVENT_RX_HALT)
 */
import { NetError } from '../../net_error.js';
import type { PortRings } from '../driver.js';
import { type UsbHandle, UsbStatus, type UsbTransfer } from './transport.js';
import { FrameList, type UsbNetDriver } from './usb_net_driver.js';
import type { UsbNetCounters } from './usbnet.js';

export interface RxSlot {
  readonly transfer: UsbTransfer;
  readonly index: number;
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

export abstract class UsbRx {
  /** Transfers with something in them, in the order in which it came. */
  protected readonly done: RxSlot[] = [];
  private idle: RxSlot[] = [];
  private readonly slots: RxSlot[] = [];
  private armed = false;
  private waking = false;
  protected running = false;
  private recovering = false;
  /** Without a good transfer in between. */
  private errorsInRow = 0;
  private stallsInRow = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What was wrong with the last transfer that had something wrong. */
  fault = '';

  constructor(
    private readonly handle: UsbHandle,
    protected readonly driver: UsbNetDriver,
    protected readonly rings: PortRings,
    protected readonly counters: UsbNetCounters,
    private readonly events: UsbRxEvents,
  ) {
    const { address, transfers } = driver.rx;
    for (let index = 0; index < transfers; index++) {
      const slot: RxSlot = {
        transfer: handle.transfer(address, 'bulk', (status, length) => this.completed(slot, status, length)),
        index,
        length: 0,
      };
      this.slots.push(slot);
      this.idle.push(slot);
    }
  }

  /** As Driver.rxBurst. */
  abstract rxBurst(max: number): number;

  /** Where the transfer goes to; undefined: nowhere now, it is asked again in a later burst. */
  protected abstract target(slot: RxSlot): Uint8Array | undefined;

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

  arm(): void {
    this.armed = true;
    if (this.waiting) this.wake();
  }

  disarm(): void {
    this.armed = false;
  }

  protected get waiting(): boolean {
    return this.done.length > 0;
  }

  protected told(list: FrameList): void {
    if (list.errors === 0) return;
    this.rings.addRxErrors(list.errors);
    this.counters.rxFaults += list.errors;
    this.fault = list.fault;
  }

  protected submit(slot: RxSlot): void {
    const bytes =
      !this.running || this.recovering || this.timer !== undefined ? undefined : this.target(slot);
    if (bytes === undefined) this.idle.push(slot);
    else if (!slot.transfer.submit(bytes)) {
      this.idle.push(slot);
      this.events.gone();
    }
  }

  protected submitIdle(): void {
    if (this.idle.length === 0) return;
    const { idle } = this;
    this.idle = [];
    for (const slot of idle) this.submit(slot);
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
        slot.length = Math.min(length, this.driver.rx.bytes);
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

/** Of transfers that may hold many frames. */
export class UsbRxCopied extends UsbRx {
  private readonly buffers: Uint8Array[];
  private readonly list: FrameList;
  private current: RxSlot | undefined;
  private next = 0;

  constructor(...args: ConstructorParameters<typeof UsbRx>) {
    super(...args);
    const { bytes, transfers } = this.driver.rx;
    this.buffers = Array.from({ length: transfers }, () => new Uint8Array(bytes));
    // No frame of any driver takes less than the 14 bytes of its header.
    this.list = new FrameList(Math.floor(bytes / 14) + 1);
  }

  override rxBurst(max: number): number {
    const { rings, list } = this;
    const limit = Math.min(max, rings.rxSpace());
    let frames = 0;
    while (frames < limit) {
      if (this.current === undefined && !this.take()) break;
      const bytes = this.buffers[this.current!.index]!;
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

  protected override target({ index }: RxSlot): Uint8Array {
    return this.buffers[index]!;
  }

  protected override get waiting(): boolean {
    return this.current !== undefined || super.waiting;
  }

  /** The next transfer that holds something becomes the current one. */
  private take(): boolean {
    const slot = this.done.shift();
    if (slot === undefined) return false;
    this.current = slot;
    this.next = 0;
    this.list.clear();
    this.driver.unpack(this.buffers[slot.index]!, slot.length, this.list);
    this.told(this.list);
    return true;
  }

  private release(): void {
    const slot = this.current!;
    this.current = undefined;
    this.submit(slot);
  }
}
