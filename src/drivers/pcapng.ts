/**
 * pcapng files (draft-ietf-opsawg-pcapng), read and written. Blocks that are not needed are passed over.
 *
 *   block   0 type │ 4 total length │ 8 body ... │ total length again      every part padded to 4 bytes
 *   SHB     8 0x1a2b3c4d in the section's byte order │ 12 version 1.0 │ 16 section length u64 │ 24 options
 *   IDB     8 link type u16 │ 12 snaplen │ 16 options: if_name, if_tsresol, if_tsoffset
 *   EPB     8 interface │ 12 time, high word first │ 20 captured │ 24 original │ 28 frame │ options: flags, comments
 *   SPB     8 original │ 12 frame
 */
import {
  BufferedSink,
  type ByteSink,
  type ByteSource,
  CAPTURE_FRAME_MAX,
  type CaptureReader,
  CaptureRecord,
  CaptureWindow,
  type Direction,
  LINKTYPE_ETHERNET,
} from './capture.js';

export const PCAPNG_SHB = 0x0a0d0d0a;
const IDB = 1;
const PACKET_BLOCK = 2; // obsolete form of EPB, still met in old files
const SPB = 3;
const EPB = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPT_ENDOFOPT = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const EPB_FLAGS = 2;
const EPB_FLAGS_INBOUND = 1;
const EPB_FLAGS_OUTBOUND = 2;

const TWO_16 = 2 ** 16;
const TWO_32 = 2 ** 32;
/** A block that is kept whole may be this long: the largest frame, and comments. */
const BLOCK_MAX = CAPTURE_FRAME_MAX + (1 << 20);
/** Units per second up to which a time is divided without BigInt: 2^36 x 2^16 is exact in a double. */
const FAST_UNITS_MAX = 2 ** 36;

export interface PcapngInterface {
  readonly linkType: number;
  readonly snaplen: number;
  readonly name: string;
  /** Units of time per second, and seconds that are added to every time. */
  readonly unitsPerSecond: number;
  readonly offsetSeconds: number;
}

export class PcapngReader implements CaptureReader {
  /** Those of the current section. */
  readonly interfaces: PcapngInterface[] = [];
  private readonly window: CaptureWindow;
  private readonly record = new CaptureRecord();
  private readonly text = new TextDecoder();
  private littleEndian = true;

  constructor(source: ByteSource | CaptureWindow) {
    this.window = source instanceof CaptureWindow ? source : new CaptureWindow(source);
    this.window.need(12, 'the section header');
    if (this.window.view.getUint32(this.window.at, true) !== PCAPNG_SHB) {
      throw this.window.error('this is no pcapng file (it does not start with a section header)');
    }
  }

  next(): CaptureRecord | undefined {
    const { window } = this;
    while (!window.atEnd()) {
      window.need(12, 'the header of a block');
      const start = window.offset;
      if (window.view.getUint32(window.at, true) === PCAPNG_SHB) this.readByteOrder();
      const type = window.view.getUint32(window.at, this.littleEndian);
      const length = window.view.getUint32(window.at + 4, this.littleEndian);
      if (length < 12 || (length & 3) !== 0) {
        throw window.error(
          `a block of ${length} bytes; a multiple of 4 from 12 on would be right`,
          start + 4,
        );
      }
      if (type === PCAPNG_SHB || type === IDB || type === EPB || type === SPB || type === PACKET_BLOCK) {
        if (length > BLOCK_MAX)
          throw window.error(`a block of ${length} bytes; at most ${BLOCK_MAX} are read`, start + 4);
        window.need(length, `a block of ${length} bytes`);
        this.checkTrailer(window.at + length - 4, length, start);
        const isFrame = this.readBlock(type, window.at, length - 4, start);
        window.take(length);
        if (isFrame) return this.record;
      } else {
        window.skip(length - 4, `a block of ${length} bytes`);
        window.need(4, `a block of ${length} bytes`);
        this.checkTrailer(window.at, length, start);
        window.take(4);
      }
    }
    return undefined;
  }

  private checkTrailer(at: number, length: number, start: number): void {
    const trailer = this.window.view.getUint32(at, this.littleEndian);
    if (trailer !== length) {
      throw this.window.error(
        `a block of ${length} bytes ends with the length ${trailer}`,
        start + length - 4,
      );
    }
  }

  private readByteOrder(): void {
    const { window } = this;
    if (window.view.getUint32(window.at + 8, true) === BYTE_ORDER_MAGIC) this.littleEndian = true;
    else if (window.view.getUint32(window.at + 8, false) === BYTE_ORDER_MAGIC) this.littleEndian = false;
    else throw window.error('the section header has no byte-order magic', window.offset + 8);
  }

  /** True when the record was filled. `end` is where the body ends, counted from `at`. */
  private readBlock(type: number, at: number, end: number, start: number): boolean {
    if (type === PCAPNG_SHB) this.readSection(at, end, start);
    else if (type === IDB) this.readInterface(at, end, start);
    else if (type === SPB) return this.readSimple(at, end, start);
    else return this.readEnhanced(type, at, end, start);
    return false;
  }

  private readSection(at: number, end: number, start: number): void {
    if (end < 24) throw this.window.error('the section header is shorter than 28 bytes', start + 4);
    const major = this.window.view.getUint16(at + 12, this.littleEndian);
    if (major !== 1)
      throw this.window.error(`pcapng version ${major} is unknown; 1 would be right`, start + 12);
    this.interfaces.length = 0;
  }

  private readInterface(at: number, end: number, start: number): void {
    const { view } = this.window;
    if (end < 16) throw this.window.error('the interface description is shorter than 20 bytes', start + 4);
    let name = '';
    let unitsPerSecond = 1e6;
    let offsetSeconds = 0;
    this.options(at, 16, end, start, (code, value, length) => {
      if (code === IF_NAME) name = this.string(value, length);
      else if (code === IF_TSRESOL && length >= 1) {
        const resolution = view.getUint8(value);
        unitsPerSecond = resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
        if (unitsPerSecond >= 2 ** 64)
          throw this.window.error(`if_tsresol ${resolution} is out of range`, start);
      } else if (code === IF_TSOFFSET && length >= 8) {
        offsetSeconds = Number(view.getBigInt64(value, this.littleEndian));
      }
    });
    const linkType = view.getUint16(at + 8, this.littleEndian);
    const snaplen = view.getUint32(at + 12, this.littleEndian);
    this.interfaces.push({ linkType, snaplen, name, unitsPerSecond, offsetSeconds });
  }

  private readEnhanced(type: number, at: number, end: number, start: number): boolean {
    const { window, littleEndian } = this;
    const { view } = window;
    if (end < 28) throw window.error('the packet block is shorter than 32 bytes', start + 4);
    const id = type === EPB ? view.getUint32(at + 8, littleEndian) : view.getUint16(at + 8, littleEndian);
    const from = this.interfaces[id];
    if (from === undefined) {
      throw window.error(
        `a frame of interface ${id}; the section describes ${this.interfaces.length}`,
        start + 8,
      );
    }
    const captured = view.getUint32(at + 20, littleEndian);
    const original = view.getUint32(at + 24, littleEndian);
    this.checkFrame(captured, original, end - 28, start + 20);
    this.setTime(from, view.getUint32(at + 12, littleEndian), view.getUint32(at + 16, littleEndian));
    this.setFrame(id, from, at + 28, captured, original, start);
    const options = 28 + ((captured + 3) & ~3);
    if (end - options >= 4) this.readFrameOptions(at, options, end, start);
    return true;
  }

  private readFrameOptions(at: number, from: number, end: number, start: number): void {
    const { record, littleEndian } = this;
    const { view } = this.window;
    this.options(at, from, end, start, (code, value, length) => {
      if (code === OPT_COMMENT) record.comments.push(this.string(value, length));
      else if (code === EPB_FLAGS && length >= 4) {
        const direction = view.getUint32(value, littleEndian) & 3;
        if (direction === EPB_FLAGS_INBOUND) record.direction = 'rx';
        else if (direction === EPB_FLAGS_OUTBOUND) record.direction = 'tx';
      }
    });
  }

  private readSimple(at: number, end: number, start: number): boolean {
    const { window, record } = this;
    if (end < 12) throw window.error('the simple packet block is shorter than 16 bytes', start + 4);
    const from = this.interfaces[0];
    if (from === undefined)
      throw window.error('a simple packet block before any interface description', start);
    const original = window.view.getUint32(at + 8, this.littleEndian);
    const captured = from.snaplen === 0 ? original : Math.min(original, from.snaplen);
    this.checkFrame(captured, original, end - 12, start + 8);
    record.seconds = 0;
    record.nanoseconds = 0;
    this.setFrame(0, from, at + 12, captured, original, start);
    return true;
  }

  private checkFrame(captured: number, original: number, room: number, offset: number): void {
    if (captured > room)
      throw this.window.error(`a frame of ${captured} bytes in a block with room for ${room}`, offset);
    if (captured > CAPTURE_FRAME_MAX) {
      throw this.window.error(
        `a frame of ${captured} bytes; at most ${CAPTURE_FRAME_MAX} are possible`,
        offset,
      );
    }
    if (captured > original)
      throw this.window.error(`${captured} bytes captured of a frame of ${original}`, offset);
  }

  private setFrame(
    id: number,
    from: PcapngInterface,
    at: number,
    captured: number,
    original: number,
    start: number,
  ): void {
    const { record } = this;
    record.interfaceId = id;
    record.interfaceName = from.name;
    record.linkType = from.linkType;
    record.originalLength = original;
    record.direction = undefined;
    record.comments.length = 0;
    record.offset = start;
    record.bytes = this.window.bytes;
    record.at = at;
    record.length = captured;
  }

  /** high x 2^32 + low, in the interface's units, as seconds and nanoseconds. */
  private setTime(from: PcapngInterface, high: number, low: number): void {
    const units = from.unitsPerSecond;
    let seconds: number;
    let rest: number;
    if (units <= FAST_UNITS_MAX) {
      const upper = (high % units) * TWO_16 + (low >>> 16);
      const lower = (upper % units) * TWO_16 + (low & 0xffff);
      seconds =
        Math.floor(high / units) * TWO_32 + Math.floor(upper / units) * TWO_16 + Math.floor(lower / units);
      rest = lower % units;
    } else {
      const time = BigInt(high) * BigInt(TWO_32) + BigInt(low);
      seconds = Number(time / BigInt(units));
      rest = Number(time % BigInt(units));
    }
    this.record.seconds = seconds + from.offsetSeconds;
    this.record.nanoseconds = Math.floor(units === 1e9 ? rest : (rest / units) * 1e9);
  }

  /** Calls `each` with the place of every option between `from` and `end`, which count from `at`. */
  private options(
    at: number,
    from: number,
    end: number,
    start: number,
    each: (code: number, value: number, length: number) => void,
  ): void {
    const { view } = this.window;
    let next = from;
    while (end - next >= 4) {
      const code = view.getUint16(at + next, this.littleEndian);
      const length = view.getUint16(at + next + 2, this.littleEndian);
      if (code === OPT_ENDOFOPT) return;
      if (length > end - next - 4) {
        throw this.window.error(
          `option ${code} of ${length} bytes; ${end - next - 4} are left in the block`,
          start + next,
        );
      }
      each(code, at + next + 4, length);
      next += 4 + ((length + 3) & ~3);
    }
  }

  private string(at: number, length: number): string {
    return this.text.decode(this.window.bytes.subarray(at, at + length));
  }
}

export interface PcapngWriterOptions {
  littleEndian?: boolean;
  snaplen?: number;
}

export interface FrameNotes {
  originalLength?: number;
  direction?: Direction | undefined;
  /** For one the reason of a drop. */
  comment?: string | undefined;
}

/** Times are in nanoseconds. */
export class PcapngWriter {
  private readonly out: BufferedSink;
  private readonly text = new TextEncoder();
  private readonly le: boolean;
  private readonly snaplen: number;
  private interfaces = 0;

  constructor(sink: ByteSink, options: PcapngWriterOptions = {}) {
    this.out = new BufferedSink(sink);
    this.le = options.littleEndian ?? true;
    this.snaplen = options.snaplen ?? CAPTURE_FRAME_MAX;
    const application = this.text.encode('wirewright');
    const length = 28 + optionBytes(application.length) + 4;
    this.words(PCAPNG_SHB, length, BYTE_ORDER_MAGIC);
    this.out.u16(1, this.le);
    this.out.u16(0, this.le);
    this.words(0xffffffff, 0xffffffff); // section length: not known
    this.option(SHB_USERAPPL, application);
    this.words(OPT_ENDOFOPT, length);
  }

  /** Returns the interface's number for write(). */
  addInterface(name: string, linkType: number = LINKTYPE_ETHERNET): number {
    const bytes = this.text.encode(name);
    const length = 20 + optionBytes(bytes.length) + optionBytes(1) + 4;
    this.words(IDB, length);
    this.out.u16(linkType, this.le);
    this.out.u16(0, this.le);
    this.words(this.snaplen);
    this.option(IF_NAME, bytes);
    this.option(IF_TSRESOL, new Uint8Array([9]));
    this.words(OPT_ENDOFOPT, length);
    return this.interfaces++;
  }

  write(id: number, seconds: number, nanoseconds: number, frame: Uint8Array, notes: FrameNotes = {}): void {
    if (id >= this.interfaces) throw new Error(`pcapng: there is no interface ${id}`);
    const captured = Math.min(frame.length, this.snaplen);
    const comment = notes.comment === undefined ? undefined : this.text.encode(notes.comment.slice(0, 16000));
    const options =
      (notes.direction === undefined ? 0 : optionBytes(4)) +
      (comment === undefined ? 0 : optionBytes(comment.length));
    const length = 32 + ((captured + 3) & ~3) + (options === 0 ? 0 : options + 4);
    // seconds x 10^9 + nanoseconds in two words: 10^9 = 15258 x 2^16 + 51712.
    const low = seconds * 51712 + nanoseconds;
    const middle = seconds * 15258 + Math.floor(low / TWO_16);
    this.words(EPB, length, id, Math.floor(middle / TWO_16));
    this.words((middle % TWO_16) * TWO_16 + (low % TWO_16), captured, notes.originalLength ?? frame.length);
    this.out.bytes(captured === frame.length ? frame : frame.subarray(0, captured));
    this.out.pad(captured);
    if (notes.direction !== undefined) {
      this.out.u16(EPB_FLAGS, this.le);
      this.out.u16(4, this.le);
      this.words(notes.direction === 'rx' ? EPB_FLAGS_INBOUND : EPB_FLAGS_OUTBOUND);
    }
    if (comment !== undefined) this.option(OPT_COMMENT, comment);
    if (options !== 0) this.words(OPT_ENDOFOPT);
    this.words(length);
  }

  flush(): void {
    this.out.flush();
  }

  close(): void {
    this.out.close();
  }

  private words(...words: number[]): void {
    for (const word of words) this.out.u32(word, this.le);
  }

  private option(code: number, value: Uint8Array): void {
    this.out.u16(code, this.le);
    this.out.u16(value.length, this.le);
    this.out.bytes(value);
    this.out.pad(value.length);
  }
}

function optionBytes(length: number): number {
  return 4 + ((length + 3) & ~3);
}
