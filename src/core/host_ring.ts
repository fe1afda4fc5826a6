/** A ring of records that the core fills and the host empties (abi/layout HostRing): events and deliveries. */
import { HostRing } from '../../assembly/abi/layout.js';
import type { CoreInstance } from './instance.js';

export class HostRingReader {
  constructor(
    private readonly core: CoreInstance,
    private readonly ring: number,
    private readonly recordBytes: number,
  ) {}

  get empty(): boolean {
    const { u32 } = this.core;
    return u32[(this.ring + HostRing.TAIL) >>> 2] === u32[(this.ring + HostRing.HEAD) >>> 2];
  }

  /** Hands each waiting record's address to `take` and frees it. The record may be overwritten after `take`. */
  drain(take: (view: DataView, at: number) => void): void {
    const { u32, view } = this.core;
    const head = (this.ring + HostRing.HEAD) >>> 2;
    const tail = (this.ring + HostRing.TAIL) >>> 2;
    const mask = u32[(this.ring + HostRing.MASK) >>> 2]!;
    while (u32[tail] !== u32[head]) {
      const at = this.ring + HostRing.ENTRIES + (u32[tail]! & mask) * this.recordBytes;
      take(view, at);
      u32[tail] = (u32[tail]! + 1) >>> 0;
    }
  }

  /** Records that found the ring full since the core began. */
  get lost(): number {
    return this.core.u32[(this.ring + HostRing.LOST) >>> 2]!;
  }
}
