/** A port whose frames a caller gives and takes: what stands behind the links of a router that runs offline. */
import type { Driver, PortNotify, PortRings } from '../../drivers/driver.js';

export class MemoryPort implements Driver {
  readonly kind = 'memory';
  readonly features = 0;
  readonly vnetHdrLen = 0;
  readonly mtu = 1500;
  /** Frames that wait to be received. */
  readonly input: Uint8Array[] = [];
  /** Frames that were sent. */
  readonly sent: Uint8Array[] = [];
  private rings!: PortRings;
  private notify!: PortNotify;

  constructor(readonly name: string) {}

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.notify = notify;
    notify.state(true);
  }

  receive(frame: Uint8Array): void {
    this.input.push(frame);
    this.notify.readable();
  }

  rxBurst(max: number): number {
    const burst = Math.min(max, this.rings.rxSpace());
    let frames = 0;
    while (frames < burst && this.input.length > 0) {
      if (this.rings.putFrame(frames, this.input.shift()!, new Uint8Array(0))) frames++;
      else this.rings.addRxErrors(1);
    }
    return frames;
  }

  txBurst(): number {
    const waiting = this.rings.txReady();
    for (let i = 0; i < waiting; i++) {
      const desc = this.rings.txDesc(i);
      const frame = new Uint8Array(this.rings.txBytes(desc));
      this.rings.peekTx(desc, frame);
      this.sent.push(frame);
    }
    this.rings.txAdvance(waiting);
    return waiting;
  }

  arm(): void {}
  disarm(): void {}
  async close(): Promise<void> {}
}
