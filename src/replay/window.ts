/** The window of linear memory above the core's own, handed out from its beginning, once. */
import type { CoreInstance } from '../core/instance.js';

const ALIGN = 64;

export class MemoryWindow {
  private at: number;

  constructor(private readonly core: CoreInstance) {
    this.at = Math.ceil(core.sizes.memoryBytes / 65536) * 65536;
  }

  /** `bytes` zeroed bytes; their address. */
  take(bytes: number): number {
    const at = this.at;
    this.at = (at + bytes + ALIGN - 1) & ~(ALIGN - 1);
    if (this.at > this.core.u8.length) throw new Error('the window of linear memory is too small');
    return at;
  }

  /** As take(), as an array. */
  array(bytes: number): Uint8Array {
    const at = this.take(bytes);
    return this.core.u8.subarray(at, at + bytes);
  }

  place(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    this.core.u8.set(bytes, at);
    return at;
  }
}
