/** A driver without a port: a test says what it receives, and sees what was sent. */
import type { Driver, PortNotify, PortRings } from '../src/drivers/driver.js';

export class ScriptDriver implements Driver {
  readonly kind = 'script';
  readonly name = 'script:0';
  readonly mac = '02:00:00:00:00:99';
  readonly mtu = 1500;
  readonly features: number = 0;
  /** Frames that wait, vnet header first. */
  readonly input: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  /** Frames that may be sent before the port blocks. */
  room = Number.POSITIVE_INFINITY;
  armed = false;
  closed = 0;
  rings!: PortRings;
  notify!: PortNotify;

  constructor(readonly vnetHdrLen: 0 | 10 | 12 = 0) {}

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.notify = notify;
    notify.state(true);
  }

  rxBurst(max: number): number {
    const burst = Math.min(max, this.rings.rxSpace());
    let frames = 0;
    while (frames < burst && this.input.length > 0) {
      const bytes = this.input.shift()!;
      const hdr = this.vnetHdrLen;
      if (this.rings.putFrame(frames, bytes.subarray(hdr), bytes.subarray(0, hdr))) frames++;
      else this.rings.addRxErrors(1);
    }
    return frames;
  }

  txBurst(): number {
    let done = 0;
    for (const waiting = this.rings.txReady(); done < waiting && this.room > 0; done++, this.room--) {
      const desc = this.rings.txDesc(done);
      const frame = new Uint8Array(this.rings.txBytes(desc));
      this.rings.peekTx(desc, frame);
      this.sent.push(frame);
    }
    this.rings.txAdvance(done);
    return done;
  }

  arm(): void {
    this.armed = true;
  }

  disarm(): void {
    this.armed = false;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}
