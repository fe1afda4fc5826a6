/**
 * Drivers in front of drivers. What a middleware leaves alone passes through; there are two ways to see frames:
 *
 *   Observer        tracer, pcap_writer: the driver behind works on the router's own rings, the observer looks at the
 *                   descriptors that were just filled or sent. Nothing is staged; one copy a frame to look at it.
 *   own rings       fault_injector: the driver behind works on private rings (StandInPort), frames are copied between
 *                   them and the router's, and may be changed, held or lost on the way.
 *
 * Both are tools of diagnosis: they cost a copy and small objects per frame.
 */
import type { Direction } from './capture.js';
import { type Driver, FRAME_BYTES_MAX, type PortNotify, type PortRings } from './driver.js';

/** Milliseconds since 1970, with fractions, as finely as the machine has them. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

export abstract class Middleware implements Driver {
  constructor(protected readonly inner: Driver) {}

  get kind(): string {
    return this.inner.kind;
  }

  get name(): string {
    return this.inner.name;
  }

  get mac(): string | undefined {
    return this.inner.mac;
  }

  get mtu(): number | undefined {
    return this.inner.mtu;
  }

  get features(): number {
    return this.inner.features;
  }

  get vnetHdrLen(): 0 | 10 | 12 {
    return this.inner.vnetHdrLen;
  }

  async prepare(): Promise<void> {
    await this.inner.prepare?.();
  }

  abstract attach(rings: PortRings, notify: PortNotify): void;
  abstract rxBurst(max: number): number;
  abstract txBurst(): number;

  arm(): void {
    this.inner.arm();
  }

  disarm(): void {
    this.inner.disarm();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

export abstract class Observer extends Middleware {
  protected rings!: PortRings;
  private readonly scratch = new Uint8Array(2 * FRAME_BYTES_MAX);

  override attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.inner.attach(rings.byDescriptors(), notify);
  }

  override rxBurst(max: number): number {
    const count = this.inner.rxBurst(max);
    for (let i = 0; i < count; i++) {
      this.show('rx', this.rings.peekRx(this.rings.rxDesc(i), this.scratch));
    }
    return count;
  }

  /** Shows what was handed to the port, also what it then counted as an error. */
  override txBurst(): number {
    const { rings } = this;
    const waiting = rings.txReady();
    const sent = this.inner.txBurst();
    for (let i = rings.txReady() - waiting; i < 0; i++) {
      this.show('tx', rings.peekTx(rings.txDesc(i), this.scratch));
    }
    return sent;
  }

  /** A frame on its way; both arrays are valid only during the call. The vnet header is empty when there is none. */
  protected abstract seen(direction: Direction, frame: Uint8Array, vnetHdr: Uint8Array): void;

  private show(direction: Direction, bytes: number): void {
    if (bytes < this.vnetHdrLen) return;
    const { scratch, vnetHdrLen } = this;
    this.seen(direction, scratch.subarray(vnetHdrLen, bytes), scratch.subarray(0, vnetHdrLen));
  }
}
