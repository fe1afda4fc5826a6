/**
 * Frames that came from a source with callbacks (a socket, a serial line), in order, until the loop asks for them: a ring of
 * copies. While it is armed, the first frame of a turn of the event loop wakes the loop at that turn's end, so that all
 * frames of the turn make one burst.
 *
 *   callback ─► push ─► ring ─► rxBurst ─► descriptors          armed: push ─► readable(), once
 */
import type { PortRings } from './driver.js';

export class FrameQueue {
  rings: PortRings | undefined;
  private readonly bytes: Uint8Array;
  private readonly lengths: Uint32Array;
  private readonly mask: number;
  private head = 0;
  private tail = 0;
  private armed = false;
  private waking = false;
  private closed = false;

  /** Holds `frames`, a power of two, of at most `frameBytes` each. */
  constructor(
    frames: number,
    private readonly frameBytes: number,
    private readonly readable: () => void,
  ) {
    if ((frames & (frames - 1)) !== 0) throw new Error(`queueFrames ${frames} is no power of two`);
    this.mask = frames - 1;
    this.bytes = new Uint8Array(frames * frameBytes);
    this.lengths = new Uint32Array(frames);
  }

  /** Empty or too long, or no room: an error of the port. */
  push(frame: Uint8Array): void {
    if (frame.length > this.frameBytes || frame.length === 0 || this.head - this.tail > this.mask) {
      this.rings?.addRxErrors(1);
      return;
    }
    const place = this.head & this.mask;
    this.bytes.set(frame, place * this.frameBytes);
    this.lengths[place] = frame.length;
    this.head++;
    if (this.armed) this.wake();
  }

  /** As Driver.rxBurst. */
  rxBurst(max: number): number {
    const rings = this.rings!;
    const burst = Math.min(max, rings.rxSpace(), this.head - this.tail);
    let frames = 0;
    for (let i = 0; i < burst; i++) {
      const place = this.tail & this.mask;
      const at = place * this.frameBytes;
      if (rings.putFrame(frames, this.bytes.subarray(at, at + this.lengths[place]!))) frames++;
      else rings.addRxErrors(1);
      this.tail++;
    }
    return frames;
  }

  arm(): void {
    this.armed = true;
    if (this.head !== this.tail) this.wake();
  }

  disarm(): void {
    this.armed = false;
  }

  close(): void {
    this.closed = true;
    this.armed = false;
  }

  private wake(): void {
    if (this.waking) return;
    this.waking = true;
    setImmediate(() => {
      this.waking = false;
      if (!this.armed || this.closed) return;
      this.armed = false;
      this.readable();
    });
  }
}
