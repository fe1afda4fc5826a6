/**
 * Ethernet frames whose every byte follows from their number, in one direction: a frame that arrives is one that was sent,
 * unchanged, once and in order, or it is wrong.
 *
 *   0 ff:ff:ff:ff:ff:ff │ 6 02:57:57:00:00:0D │ 12 88b5 (for experiments, IEEE 802) │ 14 run │ 18 number │ 22 bytes of both
 */
const HEAD = 22;
const MIN = 60;
const MAX = 600;
const ETHERTYPE = 0x88b5;
const STEP = 2654435761;

export class CountedFrames {
  sent = 0;
  received = 0;
  /** What arrived and was not sent so, twice, or late. */
  readonly wrong: string[] = [];
  private last = -1;

  constructor(
    private readonly run: number,
    private readonly direction: number,
  ) {}

  /** The next one; it counts as sent only when sentOne() says so. */
  next(): Buffer {
    return this.frame(this.sent);
  }

  sentOne(): void {
    this.sent++;
  }

  arrived(frame: Uint8Array): void {
    const got = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
    const number = got.length >= HEAD ? got.readUInt32BE(18) : -1;
    if (number < 0 || number >= this.sent || !got.equals(this.frame(number)))
      this.wrong.push(`a frame that was never sent so: ${got.subarray(0, 32).toString('hex')}`);
    else if (number <= this.last) this.wrong.push(`frame ${number} behind frame ${this.last}`);
    else {
      this.last = number;
      this.received++;
    }
  }

  /** The highest number that arrived. */
  get newest(): number {
    return this.last;
  }

  private frame(number: number): Buffer {
    let x = Math.imul(number + 1, STEP) ^ this.run;
    const frame = Buffer.alloc(MIN + ((x >>> 8) % (MAX - MIN)), 0xff);
    frame.writeUInt32BE(0x02575700, 6);
    frame.writeUInt16BE(this.direction, 10);
    frame.writeUInt16BE(ETHERTYPE, 12);
    frame.writeInt32BE(this.run | 0, 14);
    frame.writeUInt32BE(number, 18);
    for (let i = HEAD; i < frame.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0;
      frame[i] = x >>> 24;
    }
    return frame;
  }
}
