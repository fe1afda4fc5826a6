/**
 * pcap files (draft-ietf-opsawg-pcap), read and written in either byte order, in microseconds or nanoseconds.
 *
 *   file     0 magic │ 4 major 2, minor 4 │ 8 zone │ 12 sigfigs │ 16 snaplen │ 20 FCS and link type │ 24
 *   record   0 seconds │ 4 micro- or nanoseconds │ 8 captured bytes │ 12 bytes on the wire │ 16 frame
 */
import {
  BufferedSink,
  type ByteSink,
  type ByteSource,
  CAPTURE_FRAME_MAX,
  type CaptureReader,
  CaptureRecord,
  CaptureWindow,
  LINKTYPE_ETHERNET,
} from './capture.js';

export const PCAP_MAGIC_US = 0xa1b2c3d4;
export const PCAP_MAGIC_NS = 0xa1b23c4d;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** The byte order and the unit of time that a first word (read as little-endian) stands for; undefined: no pcap. */
export function pcapMagic(word: number): { littleEndian: boolean; nanoseconds: boolean } | undefined {
  const swapped = ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
  if (word === PCAP_MAGIC_US || word === PCAP_MAGIC_NS) {
    return { littleEndian: true, nanoseconds: word === PCAP_MAGIC_NS };
  }
  if (swapped === PCAP_MAGIC_US || swapped === PCAP_MAGIC_NS) {
    return { littleEndian: false, nanoseconds: swapped === PCAP_MAGIC_NS };
  }
  return undefined;
}

export class PcapReader implements CaptureReader {
  readonly linkType: number;
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  private readonly window: CaptureWindow;
  private readonly record = new CaptureRecord();

  constructor(source: ByteSource | CaptureWindow) {
    const window = source instanceof CaptureWindow ? source : new CaptureWindow(source);
    this.window = window;
    window.need(FILE_HEADER_BYTES, 'the file header');
    const magic = pcapMagic(window.view.getUint32(window.at, true));
    if (magic === undefined)
      throw window.error('this is no pcap file (its first four bytes are no magic number)');
    this.littleEndian = magic.littleEndian;
    this.nanoseconds = magic.nanoseconds;
    const major = window.view.getUint16(window.at + 4, this.littleEndian);
    if (major !== 2)
      throw window.error(`pcap version ${major} is unknown; 2 would be right`, window.offset + 4);
    this.linkType = window.view.getUint32(window.at + 20, this.littleEndian) & 0xffff;
    window.take(FILE_HEADER_BYTES);
  }

  next(): CaptureRecord | undefined {
    const { window, record, littleEndian } = this;
    if (window.atEnd()) return undefined;
    window.need(RECORD_HEADER_BYTES, 'the header of a record');
    const { view, at } = window;
    const fraction = view.getUint32(at + 4, littleEndian) * (this.nanoseconds ? 1 : 1000);
    const captured = view.getUint32(at + 8, littleEndian);
    const original = view.getUint32(at + 12, littleEndian);
    if (captured > CAPTURE_FRAME_MAX) {
      throw window.error(
        `a frame of ${captured} bytes; at most ${CAPTURE_FRAME_MAX} are possible`,
        window.offset + 8,
      );
    }
    if (captured > original) {
      throw window.error(`${captured} bytes captured of a frame of ${original}`, window.offset + 8);
    }
    record.offset = window.offset;
    record.linkType = this.linkType;
    record.seconds = view.getUint32(at, littleEndian) + Math.floor(fraction / 1e9);
    record.nanoseconds = fraction % 1e9;
    record.originalLength = original;
    window.need(RECORD_HEADER_BYTES + captured, `a frame of ${captured} bytes`);
    window.take(RECORD_HEADER_BYTES);
    record.bytes = window.bytes;
    record.at = window.at;
    record.length = captured;
    window.take(captured);
    return record;
  }
}

export interface PcapWriterOptions {
  linkType?: number;
  snaplen?: number;
  littleEndian?: boolean;
  nanoseconds?: boolean;
}

export class PcapWriter {
  private readonly out: BufferedSink;
  private readonly littleEndian: boolean;
  private readonly nanoseconds: boolean;
  private readonly snaplen: number;

  constructor(sink: ByteSink, options: PcapWriterOptions = {}) {
    this.out = new BufferedSink(sink);
    this.littleEndian = options.littleEndian ?? true;
    this.nanoseconds = options.nanoseconds ?? true;
    this.snaplen = options.snaplen ?? CAPTURE_FRAME_MAX;
    const le = this.littleEndian;
    this.out.u32(this.nanoseconds ? PCAP_MAGIC_NS : PCAP_MAGIC_US, le);
    this.out.u16(2, le);
    this.out.u16(4, le);
    this.out.u32(0, le);
    this.out.u32(0, le);
    this.out.u32(this.snaplen, le);
    this.out.u32(options.linkType ?? LINKTYPE_ETHERNET, le);
  }

  write(seconds: number, nanoseconds: number, frame: Uint8Array, originalLength = frame.length): void {
    const captured = Math.min(frame.length, this.snaplen);
    this.out.u32(seconds, this.littleEndian);
    this.out.u32(this.nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000), this.littleEndian);
    this.out.u32(captured, this.littleEndian);
    this.out.u32(originalLength, this.littleEndian);
    this.out.bytes(captured === frame.length ? frame : frame.subarray(0, captured));
  }

  flush(): void {
    this.out.flush();
  }

  close(): void {
    this.out.close();
  }
}
