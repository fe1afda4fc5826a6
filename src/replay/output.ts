/** A pcapng file that the replay module fills: a buffer in linear memory, written in large blocks. */
import { ReplayOut } from '../../assembly/abi/replay.js';
import type { CoreInstance } from '../core/instance.js';
import type { ByteSink } from '../drivers/capture.js';
import { fileSink } from '../drivers/capture_file.js';
import { PcapngWriter } from '../drivers/pcapng.js';
import type { MemoryWindow } from './window.js';

/** Room for the largest frame many times over. */
export const OUTPUT_BYTES = 1 << 20;

export class ReplayOutput {
  /** Its ReplayOut. */
  readonly address: number;
  private readonly buffer: number;
  private readonly sink: ByteSink;

  /** Makes the file with one interface of each name; null: nothing is kept. */
  constructor(
    private readonly core: CoreInstance,
    window: MemoryWindow,
    path: string | null,
    interfaces: readonly string[],
  ) {
    this.address = window.take(ReplayOut.SIZE);
    this.buffer = window.take(OUTPUT_BYTES);
    core.view.setUint32(this.address + ReplayOut.BUFFER, this.buffer, true);
    core.view.setUint32(this.address + ReplayOut.BYTES, OUTPUT_BYTES, true);
    this.sink = path === null ? { write: () => {}, close: () => {} } : fileSink(path);
    const writer = new PcapngWriter(this.sink);
    for (const name of interfaces) writer.addInterface(name);
    writer.flush();
  }

  get frames(): number {
    return this.core.view.getUint32(this.address + ReplayOut.FRAMES, true);
  }

  flush(): void {
    const { view, u8 } = this.core;
    const used = view.getUint32(this.address + ReplayOut.USED, true);
    if (used === 0) return;
    this.sink.write(u8.subarray(this.buffer, this.buffer + used));
    view.setUint32(this.address + ReplayOut.USED, 0, true);
  }

  close(): void {
    this.flush();
    this.sink.close();
  }
}
