/**
 * Frames of the link on the line (firmware/link/README.md; firmware/link/cobs.c is the board's side):
 *
 *   00 │ COBS( LinkHeader │ payload │ u32 CRC-32 of both ) │ 00
 *
 * The decoder takes bytes as they come, in any pieces. Whatever the line does to them costs the frames it did it to:
 * the next delimiter begins afresh.
 */
import { crc32 } from 'node:zlib';
import { LINK_PAYLOAD_MAX, LinkHeader } from '../../../assembly/abi/link.js';

const CRC_BYTES = 4;
const FRAME_MAX = LinkHeader.SIZE + LINK_PAYLOAD_MAX + CRC_BYTES;
const FULL_BLOCK = 255;

export interface LinkFrameHeader {
  type: number;
  seq: number;
  session: number;
  pos: number;
  limit: number;
}

/** Bytes on the line at most for a payload of so many, both delimiters included. */
export function wireBytesMax(payload: number): number {
  const n = LinkHeader.SIZE + payload + CRC_BYTES;
  return n + Math.floor(n / 254) + 3;
}

/** The frame as it goes on the line. */
export function encodeLinkFrame(header: LinkFrameHeader, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = LinkHeader.SIZE;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(length + CRC_BYTES);
  frame[LinkHeader.TYPE] = header.type;
  frame[LinkHeader.FLAGS] = 0;
  frame.writeUInt16LE(header.seq, LinkHeader.SEQ);
  frame.writeUInt32LE(header.session, LinkHeader.SESSION);
  frame.writeUInt32LE(header.pos, LinkHeader.POS);
  frame.writeUInt32LE(header.limit, LinkHeader.LIMIT);
  let at: number = LinkHeader.SIZE;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  frame.writeUInt32LE(crc32(frame.subarray(0, at)), at);
  return cobsEncode(frame);
}

/** Exported for tests. */
export function cobsEncode(frame: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(frame.length + Math.floor(frame.length / 254) + 3);
  let code = 1;
  let at = 2;
  const closeBlock = (): void => {
    out[code] = at - code;
    code = at++;
  };
  out[0] = 0;
  for (const byte of frame) {
    // A full block stands for no zero, and closes only before a byte that comes after it.
    if (at - code === FULL_BLOCK) closeBlock();
    if (byte === 0) closeBlock();
    else out[at++] = byte;
  }
  closeBlock();
  out[code] = 0;
  return out.subarray(0, at);
}

export interface LinkDecoderEvents {
  /** A frame whose CRC is right; `payload` is valid only during the call. `wire`: its bytes on the line. */
  frame(header: LinkFrameHeader, payload: Buffer, wire: number): void;
  /** What lay between two delimiters and is no frame. */
  bad(): void;
}

export class LinkDecoder {
  private readonly buffer = Buffer.alloc(FRAME_MAX);
  private length = 0;
  private wire = 0;
  private code = 0;
  private left = 0;
  private open = false;
  private broken = false;

  constructor(private readonly events: LinkDecoderEvents) {}

  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0) this.delimiter();
      else this.byte(byte);
    }
  }

  private byte(byte: number): void {
    if (!this.open) {
      this.open = true;
      this.length = 0;
      this.wire = 0;
      this.left = 0;
      this.broken = false;
      this.code = FULL_BLOCK; // nothing was left out before the first block
    }
    this.wire++;
    if (this.left !== 0) {
      this.put(byte);
      this.left--;
      return;
    }
    if (this.code !== FULL_BLOCK) this.put(0);
    this.code = byte;
    this.left = byte - 1;
  }

  private put(byte: number): void {
    if (this.length === FRAME_MAX) this.broken = true;
    else this.buffer[this.length++] = byte;
  }

  private delimiter(): void {
    if (!this.open) return;
    this.open = false;
    const { buffer } = this;
    const end = this.length - CRC_BYTES;
    if (
      this.broken ||
      this.left !== 0 ||
      end < LinkHeader.SIZE ||
      crc32(buffer.subarray(0, end)) !== buffer.readUInt32LE(end)
    ) {
      this.events.bad();
      return;
    }
    const header = {
      type: buffer[LinkHeader.TYPE]!,
      seq: buffer.readUInt16LE(LinkHeader.SEQ),
      session: buffer.readUInt32LE(LinkHeader.SESSION),
      pos: buffer.readUInt32LE(LinkHeader.POS),
      limit: buffer.readUInt32LE(LinkHeader.LIMIT),
    };
    this.events.frame(header, buffer.subarray(LinkHeader.SIZE, end), this.wire + 2);
  }
}
