/**
 * NCM transfer blocks (NCM 1.0 §3), 16- and 32-bit.
 *
 *   NTH │ datagram │ pad │ datagram │ ... │ NDP: (index, length) (index, length) ... (0, 0)
 *    └── index of the first NDP ──────────────┘ └── index of the next NDP, or 0
 *
 *                 NTH16  NTH32                       NDP16  NDP32
 *   signature     0      0     NCMH, ncmh            0      0     NCM0, NCM1 (with CRC), ncm0, ncm1
 *   header length 4      4                           4      4     length of the table
 *   sequence      6      6                           6      8     index of the next table
 *   block length  8      8
 *   NDP index     10     12                          8      16    entries of 2 x 2, 2 x 4 bytes
 *
 * Nothing of a block is believed: every index and length is checked against the block, and the block against the transfer;
 * tables must not come round again, datagrams must not lie over headers, tables or each other.
 */
import { FCS_BYTES, fcsIsRight, putFcs } from './crc32.js';
import type { FrameList } from './usb_net_driver.js';

export interface NtbFormat {
  readonly bits: 16 | 32;
  /** Bytes of NTH, of NDP without entries, of an entry. */
  readonly nth: number;
  readonly ndp: number;
  readonly entry: number;
  readonly nthSignature: number;
  readonly ndpSignature: number;
  readonly ndpCrcSignature: number;
}

export const NTB16: NtbFormat = {
  bits: 16,
  nth: 12,
  ndp: 8,
  entry: 4,
  nthSignature: 0x484d434e,
  ndpSignature: 0x304d434e,
  ndpCrcSignature: 0x314d434e,
};

export const NTB32: NtbFormat = {
  bits: 32,
  nth: 16,
  ndp: 16,
  entry: 8,
  nthSignature: 0x686d636e,
  ndpSignature: 0x306d636e,
  ndpCrcSignature: 0x316d636e,
};

const TABLES_MAX = 32;
const ETH_HLEN = 14;

const u16 = (b: Uint8Array, at: number): number => b[at]! | (b[at + 1]! << 8);
const u32 = (b: Uint8Array, at: number): number =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;

export class NtbReader {
  /** Blocks that were missing by their sequence numbers. */
  gaps = 0;
  private expected = -1;
  /** The end of the datagram that ends last in this block. */
  private reached = 0;
  private readonly tables = new Uint32Array(TABLES_MAX);

  constructor(
    private readonly format: NtbFormat,
    private readonly frameBytes: number,
  ) {}

  /** Frames of the first `length` bytes, which hold one block, or more than one of a device that puts no end between them. */
  unpack(bytes: Uint8Array, length: number, frames: FrameList): void {
    let at = this.block(bytes, 0, length, frames);
    while (at > 0 && length - at >= this.format.nth && u32(bytes, at) === this.format.nthSignature) {
      const next = this.block(bytes, at, length, frames);
      if (next <= at) return;
      at = next;
    }
  }

  /** The block at `base`; returns where it ends, 0 after a fault in its header. */
  private block(bytes: Uint8Array, base: number, end: number, frames: FrameList): number {
    const { format } = this;
    const room = end - base;
    if (room < format.nth)
      return this.fault(frames, `a block of ${room} bytes; its header has ${format.nth}`);
    if (u32(bytes, base) !== format.nthSignature)
      return this.fault(frames, `signature 0x${u32(bytes, base).toString(16)} is no NTH${format.bits}`);
    const header = u16(bytes, base + 4);
    if (header !== format.nth) return this.fault(frames, `wHeaderLength is ${header}, not ${format.nth}`);
    // A block length of 0: it goes to the end of the transfer (§3.2.1).
    const told = this.word(bytes, base + 8);
    const size = told === 0 ? room : told;
    if (size > room) return this.fault(frames, `the block has ${size} bytes, the transfer ${room}`);
    if (size < format.nth) return this.fault(frames, `the block has ${size} bytes, less than its header`);
    const sequence = u16(bytes, base + 6);
    if (this.expected >= 0 && sequence !== this.expected) this.gaps += (sequence - this.expected) & 0xffff;
    this.expected = (sequence + 1) & 0xffff;
    const first = frames.count;
    this.reached = base + format.nth;
    let index = this.word(bytes, base + (format.bits === 16 ? 10 : 12));
    for (let n = 0; index !== 0; n++) {
      if (n === TABLES_MAX) {
        frames.error(`more than ${TABLES_MAX} tables`);
        break;
      }
      for (let i = 0; i < n; i++) {
        if (this.tables[i] !== index) continue;
        frames.error(`the table at ${index} comes round again`);
        return base + size;
      }
      this.tables[n] = index;
      const next = this.table(bytes, base, size, index, first, frames);
      if (next < 0) break;
      index = next;
    }
    return base + size;
  }

  /** One NDP; returns the index of the next, -1 after a fault. */
  private table(
    b: Uint8Array,
    base: number,
    size: number,
    index: number,
    first: number,
    frames: FrameList,
  ): number {
    const { format, frameBytes } = this;
    const fault = (text: string) => {
      frames.error(text);
      return -1;
    };
    if (index < format.nth || index > size || size - index < format.ndp)
      return fault(`a table at ${index} of a block of ${size} bytes`);
    const at = base + index;
    const signature = u32(b, at);
    const crc = signature === format.ndpCrcSignature;
    if (!crc && signature !== format.ndpSignature)
      return fault(`signature 0x${signature.toString(16)} at ${index} is no NDP${format.bits}`);
    const length = u16(b, at + 4);
    if (length < format.ndp + format.entry || length > size - index)
      return fault(`the table at ${index} has ${length} bytes, the block has ${size}`);
    const tail = crc ? FCS_BYTES : 0;
    for (let entry = format.ndp; length - entry >= format.entry; entry += format.entry) {
      const offset = this.word(b, at + entry);
      const bytes = this.word(b, at + entry + format.entry / 2);
      if (offset === 0 || bytes === 0) break;
      if (offset < format.nth || offset > size || bytes > size - offset)
        return fault(`a datagram of ${bytes} bytes at ${offset} of a block of ${size} bytes`);
      if (bytes < ETH_HLEN + tail || bytes > frameBytes + tail) {
        frames.error(`a datagram of ${bytes} bytes`);
        continue;
      }
      if (offset < index + length && index < offset + bytes)
        return fault(`a datagram at ${offset} lies over its table at ${index}`);
      if (this.overlaps(base + offset, bytes, first, frames))
        return fault(`a datagram at ${offset} lies over another one`);
      const begin = base + offset;
      if (crc && !fcsIsRight(b, begin, begin + bytes - FCS_BYTES)) frames.error('a wrong CRC');
      else frames.add(begin, bytes - tail);
    }
    return this.word(b, at + (format.bits === 16 ? 6 : 8));
  }

  /** Datagrams come in order as a rule, behind all that were before. */
  private overlaps(
    begin: number,
    bytes: number,
    first: number,
    { count, offsets, lengths }: FrameList,
  ): boolean {
    const end = begin + bytes;
    if (begin < this.reached) {
      for (let i = first; i < count; i++) {
        if (begin < offsets[i]! + lengths[i]! && offsets[i]! < end) return true;
      }
    }
    this.reached = Math.max(this.reached, end);
    return false;
  }

  private word(bytes: Uint8Array, at: number): number {
    return this.format.bits === 16 ? u16(bytes, at) : u32(bytes, at);
  }

  private fault(frames: FrameList, text: string): 0 {
    frames.error(text);
    return 0;
  }
}

/** What a device asks of the blocks sent to it (§6.2.1). */
export interface NtbOutRules {
  readonly bytes: number;
  /** (offset of the payload behind the Ethernet header) % divisor = remainder. */
  readonly divisor: number;
  readonly remainder: number;
  readonly tableAlignment: number;
  readonly datagrams: number;
  readonly crc: boolean;
}

export class NtbWriter {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private count = 0;
  private sequence = 0;
  private readonly offsets: Uint32Array;
  private readonly lengths: Uint32Array;
  private readonly remainder: number;
  private readonly tail: number;

  constructor(
    private readonly format: NtbFormat,
    private readonly rules: NtbOutRules,
    private readonly maxPacketSize: number,
  ) {
    this.offsets = new Uint32Array(rules.datagrams);
    this.lengths = new Uint32Array(rules.datagrams);
    const { divisor, remainder, crc } = rules;
    this.remainder = (((remainder - ETH_HLEN) % divisor) + divisor) % divisor;
    this.tail = crc ? FCS_BYTES : 0;
  }

  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = this.format.nth;
    this.count = 0;
  }

  place(length: number): number {
    const { format, rules, count } = this;
    if (count === rules.datagrams) return -1;
    const { divisor } = rules;
    const offset = this.at + ((((this.remainder - this.at) % divisor) + divisor) % divisor);
    const end = offset + length + this.tail;
    // Behind it the table with one entry more than there are datagrams, and a byte for a short packet.
    const table = align(end, rules.tableAlignment) + format.ndp + (count + 2) * format.entry;
    if (table > rules.bytes) return -1;
    this.bytes.fill(0, this.at, offset);
    this.offsets[count] = offset;
    this.lengths[count] = length + this.tail;
    this.count++;
    this.at = end;
    return offset;
  }

  end(): number {
    const { format, rules, bytes, count } = this;
    const table = align(this.at, rules.tableAlignment);
    bytes.fill(0, this.at, table);
    const tableBytes = format.ndp + (count + 1) * format.entry;
    let size = table + tableBytes;
    bytes.fill(0, table, size);
    this.put32(table, rules.crc ? format.ndpCrcSignature : format.ndpSignature);
    this.put16(table + 4, tableBytes);
    for (let i = 0; i < count; i++) {
      const offset = this.offsets[i]!;
      const length = this.lengths[i]!;
      if (rules.crc) putFcs(bytes, offset, offset + length - FCS_BYTES);
      const at = table + format.ndp + i * format.entry;
      this.put(at, offset);
      this.put(at + format.entry / 2, length);
    }
    // A block that is shorter than the largest ends with a short packet (§3.2.2): a byte more instead of an empty one.
    if (size % this.maxPacketSize === 0 && size < rules.bytes) bytes[size++] = 0;
    this.put32(0, format.nthSignature);
    this.put16(4, format.nth);
    this.put16(6, this.sequence);
    this.sequence = (this.sequence + 1) & 0xffff;
    this.put(8, size);
    this.put(format.bits === 16 ? 10 : 12, table);
    return size;
  }

  private put(at: number, value: number): void {
    if (this.format.bits === 16) this.put16(at, value);
    else this.put32(at, value);
  }

  private put16(at: number, value: number): void {
    this.bytes[at] = value & 0xff;
    this.bytes[at + 1] = (value >>> 8) & 0xff;
  }

  private put32(at: number, value: number): void {
    this.put16(at, value & 0xffff);
    this.put16(at + 2, value >>> 16);
  }
}

function align(at: number, to: number): number {
  return Math.ceil(at / to) * to;
}
