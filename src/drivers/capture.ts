/**
 * What the readers and writers of capture files (pcap, pcapng) share: a record, where bytes come from and go to, and a
 * window over a file that is never in memory as a whole.
 */
import { NetError } from '../net_error.js';

export const LINKTYPE_ETHERNET = 1;
/** Longest frame that a file may hold, as tcpdump's MAXIMUM_SNAPLEN: a length beyond it is a broken file. */
export const CAPTURE_FRAME_MAX = 262144;

export type Direction = 'rx' | 'tx';

/** One frame. The reader reuses it: it and its bytes are valid until the next next(). */
export class CaptureRecord {
  /** Number of the interface in the file's section; always 0 in pcap. */
  interfaceId = 0;
  /** Its name, '' where the file says none. */
  interfaceName = '';
  linkType = LINKTYPE_ETHERNET;
  /** Since 1970; 0 and 0 where the file has no time (Simple Packet Block). */
  seconds = 0;
  nanoseconds = 0;
  /** The frame: `length` bytes at `at` in `bytes`. */
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  length = 0;
  /** Bytes of the frame on the wire; at least `length`. */
  originalLength = 0;
  direction: Direction | undefined = undefined;
  readonly comments: string[] = [];
  /** Where the record starts in the file. */
  offset = 0;

  get data(): Uint8Array {
    return this.bytes.subarray(this.at, this.at + this.length);
  }
}

export interface CaptureReader {
  /** The next frame, or undefined at the end. Throws a NetError that names file and byte. */
  next(): CaptureRecord | undefined;
}

export interface ByteSource {
  readonly name: string;
  /** Fills the start of `into`; 0 at the end. */
  read(into: Uint8Array): number;
  close(): void;
}

export interface ByteSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** A window over a source: `need(n)` bytes lie at `at` in `bytes` and `view`, then `take(n)` moves on. */
export class CaptureWindow {
  bytes: Uint8Array;
  view: DataView;
  at = 0;
  private end = 0;
  private consumed = 0;

  constructor(
    private readonly source: ByteSource,
    /** Where the bytes are to lie; it is used until something longer has to fit. */
    place: Uint8Array = new Uint8Array(1 << 16),
    /** Called before bytes that were taken are overwritten. */
    private readonly beforeMove: () => void = () => {},
  ) {
    this.bytes = place;
    this.view = new DataView(place.buffer, place.byteOffset, place.length);
  }

  /** Byte of the file that `at` stands for. */
  get offset(): number {
    return this.consumed + this.at;
  }

  /** True when nothing is left. */
  atEnd(): boolean {
    return this.fill(1) === 0;
  }

  /** Makes `count` bytes available from `at` on; `what` is what they are, for the error. */
  need(count: number, what: string): void {
    const got = this.fill(count);
    if (got < count) throw this.error(`the file ends in ${what}: ${count} bytes are needed, ${got} are left`);
  }

  take(count: number): void {
    this.at += count;
  }

  /** Passes over bytes that need not fit the window. */
  skip(count: number, what: string): void {
    let left = count;
    while (left > 0) {
      const got = Math.min(this.fill(1), left);
      if (got === 0) throw this.error(`the file ends in ${what}: ${left} of ${count} bytes are missing`);
      this.at += got;
      left -= got;
    }
  }

  /** For throw: names the file and the byte. */
  error(what: string, offset = this.offset): NetError {
    return new NetError('EINVAL', `${this.source.name}: byte ${offset}: ${what}`);
  }

  /** Reads until `count` bytes lie from `at` on or the source ends; returns how many do. */
  private fill(count: number): number {
    if (this.end - this.at >= count) return this.end - this.at;
    if (this.at + count > this.bytes.length) this.makeRoom(count);
    while (this.end - this.at < count) {
      const got = this.source.read(this.bytes.subarray(this.end));
      if (got === 0) break;
      this.end += got;
    }
    return this.end - this.at;
  }

  private makeRoom(count: number): void {
    const old = this.bytes;
    this.beforeMove();
    if (count > old.length) {
      this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(count)));
      this.view = new DataView(this.bytes.buffer);
    }
    if (this.bytes === old) old.copyWithin(0, this.at, this.end);
    else this.bytes.set(old.subarray(this.at, this.end));
    this.consumed += this.at;
    this.end -= this.at;
    this.at = 0;
  }
}

/** Collects what is written into pieces of 64 KB. */
export class BufferedSink {
  private readonly buffer = new Uint8Array(1 << 16);
  private readonly view = new DataView(this.buffer.buffer);
  private used = 0;

  constructor(private readonly sink: ByteSink) {}

  u16(value: number, littleEndian: boolean): void {
    this.room(2);
    this.view.setUint16(this.used, value, littleEndian);
    this.used += 2;
  }

  u32(value: number, littleEndian: boolean): void {
    this.room(4);
    this.view.setUint32(this.used, value, littleEndian);
    this.used += 4;
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length > this.buffer.length) {
      this.flush();
      this.sink.write(bytes);
      return;
    }
    this.room(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** Zeros up to a multiple of 4 after `length` bytes. */
  pad(length: number): void {
    const count = -length & 3;
    this.room(count);
    this.buffer.fill(0, this.used, this.used + count);
    this.used += count;
  }

  flush(): void {
    if (this.used === 0) return;
    this.sink.write(this.buffer.subarray(0, this.used));
    this.used = 0;
  }

  close(): void {
    this.flush();
    this.sink.close();
  }

  private room(count: number): void {
    if (this.used + count > this.buffer.length) this.flush();
  }
}
