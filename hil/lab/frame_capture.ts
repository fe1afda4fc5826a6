/** A pcapng file of frames that no port of a router has. */
import type { Direction } from '../../src/drivers/capture.js';
import { fileSink } from '../../src/drivers/capture_file.js';
import { wallClock } from '../../src/drivers/middleware.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';

export class FrameCapture {
  private readonly writer: PcapngWriter;

  constructor(path: string, name: string) {
    this.writer = new PcapngWriter(fileSink(path));
    this.writer.addInterface(name);
  }

  write(direction: Direction, frame: Uint8Array): void {
    const now = wallClock();
    const seconds = Math.floor(now / 1000);
    this.writer.write(0, seconds, Math.floor((now - seconds * 1000) * 1e6), frame, { direction });
  }

  close(): void {
    this.writer.close();
  }
}
