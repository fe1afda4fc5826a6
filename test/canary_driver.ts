/**
 * A driver whose frames lie between canaries: all of the receive slot that is not the frame holds one byte. Two cores
 * that get the same frames between different canaries must send the same: what they send then depends on no byte
 * outside of a frame (an over-read inside linear memory does not trap).
 *
 *   slot  ├── headroom: canary ──┤ vnet │ frame │── canary to the end of the slot ──┤
 */
import { LARGE_SLOT_BYTES, SKB_HEADROOM } from '../assembly/abi/layout.js';
import { type Driver, type PortNotify, type PortRings, RX_SMALL_BYTES } from '../src/drivers/driver.js';

/** Canary behind what a frame takes of its large slot; filling all 64 KB would cost more than the core. */
const LARGE_CANARY = 512;

export interface Frame {
  bytes: Uint8Array;
  vnetHdr?: Uint8Array | undefined;
}

export class CanaryDriver implements Driver {
  readonly kind = 'canary';
  readonly mtu = 1500;
  readonly input: Frame[] = [];
  readonly sent: Uint8Array[] = [];
  closed = 0;
  private rings!: PortRings;

  constructor(
    readonly name: string,
    readonly mac: string,
    readonly features: number,
    readonly vnetHdrLen: 0 | 10 | 12,
    private readonly canary: number,
  ) {}

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    notify.state(true);
  }

  rxBurst(max: number): number {
    const { rings, input, canary } = this;
    const burst = Math.min(max, rings.rxSpace(), input.length);
    let frames = 0;
    for (let i = 0; i < burst; i++) {
      const { bytes, vnetHdr } = input[i]!;
      const desc = rings.rxDesc(frames);
      const buf = rings.rxBuf(desc);
      const large = rings.rxLargeBuf(desc);
      rings.u8.fill(canary, buf - SKB_HEADROOM, buf + RX_SMALL_BYTES);
      if (large !== 0) {
        const spill = Math.max(0, bytes.length - RX_SMALL_BYTES);
        rings.u8.fill(canary, large + spill, large + Math.min(spill + LARGE_CANARY, LARGE_SLOT_BYTES));
      }
      if (rings.putFrame(frames, bytes, vnetHdr)) frames++;
      else rings.addRxErrors(1);
    }
    input.splice(0, burst);
    return frames;
  }

  txBurst(): number {
    const { rings } = this;
    const waiting = rings.txReady();
    for (let i = 0; i < waiting; i++) {
      const desc = rings.txDesc(i);
      const frame = new Uint8Array(rings.txBytes(desc));
      rings.peekTx(desc, frame);
      this.sent.push(frame);
    }
    rings.txAdvance(waiting);
    return waiting;
  }

  /** What was sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }

  arm(): void {}
  disarm(): void {}
  async close(): Promise<void> {
    this.closed++;
  }
}
