/**
 * One USB network device that is open: its receive, transmit and interrupt transfers between a driver (usb_net_driver.ts)
 * and a port's rings. Made when the device is brought up, and thrown away with it.
 *
 *   bulk in ─► UsbRx ─► rxBurst        txBurst ─► UsbTx ─► bulk out        interrupt in ─► notification()
 *
 * Linux: drivers/net/usb/usbnet.c
 */
import type { NetError } from '../../net_error.js';
import type { PortRings } from '../driver.js';
import { macText } from '../mac.js';
import { type UsbHandle, UsbStatus, type UsbTransfer } from './transport.js';
import type { UsbNetDriver } from './usb_net_driver.js';
import { type UsbRx, UsbRxCopied } from './usbnet_rx.js';
import { UsbRxDirect } from './usbnet_rx_direct.js';
import { UsbTx } from './usbnet_tx.js';

export interface UsbNetCounters {
  rxTransfers: number;
  rxFrames: number;
  rxBytes: number;
  /** Frames or parts of transfers that were not usable. */
  rxFaults: number;
  txTransfers: number;
  txFrames: number;
  txBytes: number;
  txTimeouts: number;
  transferErrors: number;
  stalls: number;
}

export function newCounters(): UsbNetCounters {
  return {
    rxTransfers: 0,
    rxFrames: 0,
    rxBytes: 0,
    rxFaults: 0,
    txTransfers: 0,
    txFrames: 0,
    txBytes: 0,
    txTimeouts: 0,
    transferErrors: 0,
    stalls: 0,
  };
}

export interface UsbNetPortEvents {
  readable(): void;
  writable(): void;
  /** Unplugged. Perhaps more than once. */
  gone(): void;
  failed(why: NetError): void;
}

const INTERRUPT_PAUSE_MS = 100;
const INTERRUPT_ERRORS_MAX = 10;

export class UsbNet {
  private readonly rx: UsbRx;
  private readonly tx: UsbTx;
  private readonly interrupt: UsbTransfer | undefined;
  private readonly notice: Uint8Array;
  private interruptErrors = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;
  private filter = '';
  private setting = false;

  constructor(
    private readonly handle: UsbHandle,
    readonly driver: UsbNetDriver,
    private readonly rings: PortRings,
    counters: UsbNetCounters,
    private readonly events: UsbNetPortEvents,
  ) {
    const { bytes, oneFrame } = driver.rx;
    const Rx = oneFrame === true && UsbRxDirect.fits(bytes) ? UsbRxDirect : UsbRxCopied;
    this.rx = new Rx(handle, driver, rings, counters, events);
    this.tx = new UsbTx(handle, driver, rings, counters, events);
    const { interrupt } = driver;
    // A transfer of another size than wMaxPacketSize would wait for the end of a notification that has come already.
    this.notice = new Uint8Array(interrupt?.maxPacketSize ?? 0);
    if (interrupt !== undefined)
      this.interrupt = handle.transfer(interrupt.address, 'interrupt', (status, length) =>
        this.notified(status, length),
      );
  }

  /** What was wrong with the last transfer that had something wrong. */
  get fault(): string {
    return this.rx.fault;
  }

  start(): void {
    this.running = true;
    this.filter = `false ${this.driver.mac ?? ''}`;
    this.rx.start();
    this.tx.start();
    this.listen();
    this.driver.start?.();
    this.checkFilter();
  }

  rxBurst(max: number): number {
    return this.rx.rxBurst(max);
  }

  txBurst(): number {
    return this.tx.txBurst();
  }

  arm(): void {
    this.checkFilter();
    this.rx.arm();
  }

  disarm(): void {
    this.rx.disarm();
  }

  /** Ends everything; resolves when nothing is in flight and the device is given back. */
  async close(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    this.rx.stop();
    this.tx.stop();
    await this.driver.stop?.();
    await this.handle.close();
  }

  private listen(): void {
    if (!this.running || this.interrupt === undefined) return;
    if (!this.interrupt.submit(this.notice)) this.events.gone();
  }

  private notified(status: UsbStatus, length: number): void {
    if (!this.running) return;
    switch (status) {
      case UsbStatus.COMPLETED:
        this.interruptErrors = 0;
        this.driver.notification?.(this.notice.subarray(0, Math.min(length, this.notice.length)));
        this.listen();
        return;
      case UsbStatus.NO_DEVICE:
        this.events.gone();
        return;
      case UsbStatus.CANCELLED:
        return;
      case UsbStatus.STALL:
        this.handle.clearHalt(this.driver.interrupt!.address).then(
          () => this.later(),
          () => this.later(),
        );
        return;
      default:
        this.later();
    }
  }

  /** A device whose notifications fail is still good for frames: after some tries it is not listened to any more. */
  private later(): void {
    if (!this.running || ++this.interruptErrors > INTERRUPT_ERRORS_MAX) return;
    this.timer = setTimeout(() => this.listen(), INTERRUPT_PAUSE_MS);
  }

  /** The link's address or who listens to everything may have changed; looked at whenever there is nothing to do. */
  private checkFilter(): void {
    if (this.driver.setFilter === undefined || this.setting || !this.running) return;
    const ours = this.rings.mac();
    const mac = ours === undefined ? this.driver.mac : macText(ours);
    const { promiscuous } = this.rings;
    const wanted = `${promiscuous} ${mac ?? ''}`;
    if (wanted === this.filter) return;
    this.filter = wanted;
    this.setting = true;
    this.driver.setFilter({ promiscuous, mac }).then(
      () => {
        this.setting = false;
      },
      (error: unknown) => {
        this.setting = false;
        if (this.running) this.events.failed(error as NetError);
      },
    );
  }
}
