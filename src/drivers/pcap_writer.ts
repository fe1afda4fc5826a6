/**
 * Middleware: writes every frame that passes, both ways, to a pcapng file. The file is complete up to the last burst
 * whenever the port rests, so that it can be followed while it grows. A GSO frame is written as it crossed: larger than
 * the MTU, its checksum not filled in, as tcpdump shows it.
 */
import type { ByteSink, Direction } from './capture.js';
import { fileSink } from './capture_file.js';
import type { Driver } from './driver.js';
import { Observer, wallClock } from './middleware.js';
import { PcapngWriter } from './pcapng.js';

export interface PcapWriterOptions {
  /** Milliseconds since 1970. Default: the machine's clock. */
  clock?: () => number;
  /** Bytes of a frame that are kept. Default: all. */
  snaplen?: number;
}

export class PcapWriterPort extends Observer {
  private readonly writer: PcapngWriter;
  private readonly clock: () => number;
  private closed = false;

  /** `to` is a file's name or a sink of one's own. */
  constructor(inner: Driver, to: string | ByteSink, options: PcapWriterOptions = {}) {
    super(inner);
    this.clock = options.clock ?? wallClock;
    const sink = typeof to === 'string' ? fileSink(to) : to;
    this.writer = new PcapngWriter(sink, options.snaplen === undefined ? {} : { snaplen: options.snaplen });
    this.writer.addInterface(inner.name);
  }

  override arm(): void {
    this.writer.flush();
    super.arm();
  }

  override async close(): Promise<void> {
    await super.close();
    if (!this.closed) this.writer.close();
    this.closed = true;
  }

  protected override seen(direction: Direction, frame: Uint8Array): void {
    const now = this.clock();
    const seconds = Math.floor(now / 1000);
    this.writer.write(0, seconds, Math.floor((now - seconds * 1000) * 1e6), frame, { direction });
  }
}
