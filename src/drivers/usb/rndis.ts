/**
 * RNDIS messages ([MS-RNDIS]): little-endian words, the first two are always the type and the length of the message.
 * Offsets inside of a message count from its third word (byte 8). Everything is checked against what really came.
 */
import { NetError } from '../../net_error.js';
import type { FrameList } from './usb_net_driver.js';

export enum RndisMsg {
  PACKET = 0x00000001,
  INIT = 0x00000002,
  HALT = 0x00000003,
  QUERY = 0x00000004,
  SET = 0x00000005,
  RESET = 0x00000006,
  INDICATE = 0x00000007,
  KEEPALIVE = 0x00000008,
  COMPLETION = 0x80000000,
}

export enum RndisOid {
  GEN_MAXIMUM_FRAME_SIZE = 0x00010106,
  GEN_LINK_SPEED = 0x00010107,
  GEN_CURRENT_PACKET_FILTER = 0x0001010e,
  GEN_MEDIA_CONNECT_STATUS = 0x00010114,
  GEN_XMIT_OK = 0x00020101,
  GEN_RCV_OK = 0x00020102,
  GEN_XMIT_ERROR = 0x00020103,
  GEN_RCV_ERROR = 0x00020104,
  GEN_RCV_NO_BUFFER = 0x00020105,
  PERMANENT_ADDRESS_802_3 = 0x01010101,
}

export const RNDIS_STATUS_SUCCESS = 0;
export const RNDIS_STATUS_MEDIA_CONNECT = 0x4001000b;
export const RNDIS_STATUS_MEDIA_DISCONNECT = 0x4001000c;

export const RNDIS_FILTER_DIRECTED = 0x01;
export const RNDIS_FILTER_ALL_MULTICAST = 0x04;
export const RNDIS_FILTER_BROADCAST = 0x08;
export const RNDIS_FILTER_PROMISCUOUS = 0x20;

export const RNDIS_PACKET_BYTES = 44;
const ETH_HLEN = 14;

const word = (b: Uint8Array, at: number): number =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;

/** A message of these words, its length in the second, `data` behind them. */
export function rndisMessage(
  type: RndisMsg,
  words: readonly number[],
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const head = 8 + 4 * words.length;
  const bytes = new Uint8Array(head + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  for (const [i, value] of words.entries()) view.setUint32(8 + 4 * i, value, true);
  bytes.set(data, head);
  return bytes;
}

/** QUERY and SET have one form: request, oid, length and offset of the data, a reserved word. */
export function rndisRequest(
  type: RndisMsg.QUERY | RndisMsg.SET,
  id: number,
  oid: RndisOid,
  data?: Uint8Array,
): Uint8Array {
  const length = data?.length ?? 0;
  return rndisMessage(type, [id, oid, length, length === 0 ? 0 : 20, 0], data);
}

/** A control message that came, its type and length checked; null when there was none (devices answer one byte then). */
export function rndisControl(
  bytes: Uint8Array,
): { readonly type: number; readonly words: Uint32Array; readonly bytes: Uint8Array } | null {
  if (bytes.length < 2) return null;
  if (bytes.length < 8) throw broken(`a message of ${bytes.length} bytes`);
  const type = word(bytes, 0);
  const length = word(bytes, 4);
  if (length < 8 || length > bytes.length)
    throw broken(`message 0x${type.toString(16)} says that it has ${length} bytes, ${bytes.length} came`);
  const words = new Uint32Array(length >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = word(bytes, 4 * i);
  return { type, words, bytes: bytes.subarray(0, length) };
}

export interface RndisInit {
  readonly packets: number;
  readonly transferBytes: number;
  /** A power of two. */
  readonly alignment: number;
}

/** What INITIALIZE_CMPLT says: [2] id, [3] status, [6] flags, [7] medium, [8] packets, [9] bytes, [10] alignment. */
export function rndisInit(words: Uint32Array): RndisInit {
  if (words.length < 11) throw broken(`INITIALIZE_CMPLT has ${4 * words.length} bytes, it needs 44 at least`);
  if (words[3] !== RNDIS_STATUS_SUCCESS)
    throw broken(`INITIALIZE was refused: status 0x${words[3]!.toString(16)}`);
  if (words[7] !== 0) throw broken(`the medium is ${words[7]}, not 802.3`);
  if (words[10]! > 7) throw broken(`PacketAlignmentFactor is ${words[10]}; 7 is the most`);
  return { packets: Math.max(1, words[8]!), transferBytes: words[9]!, alignment: 1 << words[10]! };
}

/** The data of QUERY_CMPLT: [2] id, [3] status, [4] length, [5] offset. */
export function rndisAnswer(words: Uint32Array, bytes: Uint8Array, what: string): Uint8Array {
  if (words.length < 6) throw broken(`QUERY_CMPLT has ${4 * words.length} bytes, it needs 24`);
  if (words[3] !== RNDIS_STATUS_SUCCESS)
    throw new NetError('EOPNOTSUPP', `RNDIS: ${what} was refused: status 0x${words[3]!.toString(16)}`);
  const [length, offset] = [words[4]!, words[5]! + 8];
  if (length === 0) return new Uint8Array(0);
  if (offset < 24 || offset > bytes.length || length > bytes.length - offset)
    throw broken(`${what}: ${length} bytes at ${offset} of a message of ${bytes.length}`);
  return bytes.subarray(offset, offset + length);
}

/** Finds the packets of a transfer, one message behind the other. */
export function rndisUnpack(bytes: Uint8Array, length: number, frameBytes: number, frames: FrameList): void {
  let at = 0;
  while (length - at >= 8) {
    const room = length - at;
    const type = word(bytes, at);
    const size = word(bytes, at + 4);
    if (type !== RndisMsg.PACKET) {
      // Zeros behind the last message fill a packet up.
      if (type !== 0 || size !== 0) frames.error(`message 0x${type.toString(16)} among the packets`);
      return;
    }
    if (size < RNDIS_PACKET_BYTES || size > room) {
      frames.error(`a packet message of ${size} bytes, the transfer has ${room}`);
      return;
    }
    const offset = word(bytes, at + 8);
    const data = word(bytes, at + 12);
    if (offset > size - 8 || offset + 8 < RNDIS_PACKET_BYTES || data > size - 8 - offset)
      frames.error(`${data} bytes at ${offset} of a packet message of ${size} bytes`);
    else if (data < ETH_HLEN || data > frameBytes) frames.error(`a frame of ${data} bytes`);
    else frames.add(at + 8 + offset, data);
    at += size;
  }
  for (; at < length; at++) {
    if (bytes[at] !== 0) {
      frames.error(`${length - at} bytes behind the last message`);
      return;
    }
  }
}

/** Puts packets behind one another, each message a multiple of the device's alignment but the last. */
export class RndisPacker {
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private at = 0;
  private last = 0;
  private count = 0;

  constructor(private readonly init: RndisInit) {}

  begin(bytes: Uint8Array): void {
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.at = 0;
    this.count = 0;
  }

  place(length: number): number {
    const { bytes, init, view } = this;
    if (this.count === init.packets) return -1;
    const start = Math.ceil(this.at / init.alignment) * init.alignment;
    const end = start + RNDIS_PACKET_BYTES + length;
    if (end > bytes.length) return -1;
    if (this.count > 0) {
      // The message before has to end where this one begins.
      bytes.fill(0, this.at, start);
      view.setUint32(this.last + 4, start - this.last, true);
    }
    bytes.fill(0, start, start + RNDIS_PACKET_BYTES);
    view.setUint32(start, RndisMsg.PACKET, true);
    view.setUint32(start + 4, end - start, true);
    view.setUint32(start + 8, RNDIS_PACKET_BYTES - 8, true);
    view.setUint32(start + 12, length, true);
    this.last = start;
    this.at = end;
    this.count++;
    return start + RNDIS_PACKET_BYTES;
  }

  end(): number {
    return this.at;
  }
}

function broken(what: string): NetError {
  return new NetError('EPROTO', `broken RNDIS: ${what}`);
}
