import type { Driver, PortNotify, PortRings } from '../../src/drivers/driver.js';

/** One end of a wire in memory: what is sent here is received at the other. */
export class WireEnd implements Driver {
  readonly kind = 'wire';
  readonly name = 'wire:0';
  readonly features = 0;
  readonly vnetHdrLen = 0;
  private readonly waiting: Uint8Array[] = [];
  private rings!: PortRings;
  other!: WireEnd;

  static pair(): [WireEnd, WireEnd] {
    const [a, b] = [new WireEnd(), new WireEnd()];
    a.other = b;
    b.other = a;
    return [a, b];
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    notify.state(true);
  }

  rxBurst(max: number): number {
    let n = 0;
    while (n < Math.min(max, this.rings.rxSpace()) && this.waiting.length > 0) {
      if (this.rings.putFrame(n, this.waiting.shift()!)) n++;
    }
    return n;
  }

  txBurst(): number {
    const n = this.rings.txReady();
    for (let i = 0; i < n; i++) {
      const desc = this.rings.txDesc(i);
      const frame = new Uint8Array(this.rings.txBytes(desc));
      this.rings.peekTx(desc, frame);
      this.other.waiting.push(frame);
    }
    this.rings.txAdvance(n);
    return n;
  }

  arm(): void {}
  disarm(): void {}
  async close(): Promise<void> {}
}
