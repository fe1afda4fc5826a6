/**
 * Packet sockets: whole frames of an interface. Linux: packet(7), sendmmsg(2), include/uapi/linux/if_packet.h.
 *
 *   struct sockaddr_ll (20 bytes)   0 family u16 │ 2 protocol be16 │ 4 ifindex i32 │ ...
 *   struct packet_mreq (16 bytes)   0 ifindex i32 │ 4 type u16 │ 6 alen u16 │ 8 address, 8 bytes
 *   struct tpacket_req (16 bytes)   0 block_size │ 4 block_nr │ 8 frame_size │ 12 frame_nr
 *   struct tpacket_stats (8 bytes)  0 packets u32 │ 4 drops u32
 *   struct mmsghdr (64 bytes)       0 msghdr: name, namelen, 16 iov, 24 iovlen, ... │ 56 msg_len u32
 */
import { errnoError } from './errno.js';
import { ifreqInt, packIfreqInt, packInt, SIOCGIFINDEX } from './if_tun.js';
import { BoxedNumber, IoVec } from './iovec.js';
import type { Sys } from './sys.js';

export const AF_PACKET = 17;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_DROP_MEMBERSHIP = 2;
export const PACKET_RX_RING = 5;
export const PACKET_STATISTICS = 6;
export const PACKET_AUXDATA = 8;
export const PACKET_VERSION = 10;
export const PACKET_VNET_HDR = 15;
export const PACKET_IGNORE_OUTGOING = 23;
export const TPACKET_V2 = 1;
export const PACKET_MR_PROMISC = 1;
export const PACKET_MR_ALLMULTI = 2;
export const ARPHRD_ETHER = 1;
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
const TWO_32 = 2 ** 32;
const MMSGHDR_BYTES = 64;
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const SOCKADDR_LL_BYTES = 20;

/** Socket buffers of `bytes`; without CAP_NET_ADMIN no more than net.core.[rw]mem_max. */
export function setBuffers(sys: Sys, fd: number, bytes: number): void {
  for (const [force, plain] of [
    [SO_SNDBUFFORCE, SO_SNDBUF],
    [SO_RCVBUFFORCE, SO_RCVBUF],
  ] as const) {
    if (sys.setsockopt(fd, SOL_SOCKET, force, packInt(bytes)) !== 0)
      sys.setsockopt(fd, SOL_SOCKET, plain, packInt(bytes));
  }
}

/** Every protocol, or none (`protocol` 0): such a socket only sends. */
export function packSockaddrLl(ifindex: number, protocol = ETH_P_ALL): Uint8Array {
  const address = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, protocol);
  address.setInt32(4, ifindex, true);
  return new Uint8Array(address.buffer);
}

export function packPacketMreq(ifindex: number, type: number): Uint8Array {
  const mreq = new DataView(new ArrayBuffer(16));
  mreq.setInt32(0, ifindex, true);
  mreq.setUint16(4, type, true);
  return new Uint8Array(mreq.buffer);
}

export function packTpacketReq(
  blockBytes: number,
  blocks: number,
  frameBytes: number,
  frames: number,
): Uint8Array {
  return new Uint8Array(new Uint32Array([blockBytes, blocks, frameBytes, frames]).buffer);
}

/** What one sendmmsg(2) is told: messages of one or more pieces of linear memory, filled anew for each call. */
export class SendBatch {
  readonly iov: IoVec;
  private readonly words: Uint32Array;
  private readonly pointer: BoxedNumber;
  private readonly iovLow: number;
  private readonly iovHigh: number;
  private messages = 0;
  private pieces = 0;

  /** `base` is the address of linear memory, `most` the messages and `pieces` the iovecs of one call. */
  constructor(
    private readonly sys: Sys,
    base: number,
    readonly most: number,
    private readonly piecesMost: number,
  ) {
    this.iov = new IoVec(sys, base, piecesMost);
    const address = this.iov.pointer.value;
    this.iovLow = address % TWO_32;
    this.iovHigh = Math.floor(address / TWO_32);
    const buffer = new ArrayBuffer(most * MMSGHDR_BYTES);
    this.words = new Uint32Array(buffer);
    this.pointer = new BoxedNumber(sys.addressOf(new Uint8Array(buffer)));
  }

  clear(): void {
    this.messages = 0;
    this.pieces = 0;
  }

  /** Begins a message of `pieces` pieces; false when there is no room for it. */
  message(pieces: number): boolean {
    if (this.messages === this.most || this.pieces + pieces > this.piecesMost) return false;
    const low = this.iovLow + (this.pieces << 4);
    const at = (this.messages++ * MMSGHDR_BYTES + MSG_IOV) >>> 2;
    this.words[at] = low;
    this.words[at + 1] = low < TWO_32 ? this.iovHigh : this.iovHigh + 1;
    this.words[at + 2] = pieces;
    return true;
  }

  /** The next piece of the message begun last: an offset in linear memory. */
  piece(offset: number, bytes: number): void {
    this.iov.set(this.pieces++, offset, bytes);
  }

  /** How many messages were sent; -1 when the first could not be, and errno says why. */
  send(fd: number): number {
    return this.sys.sendmmsg(fd, this.pointer.value, this.messages, MSG_DONTWAIT);
  }
}

/** Sends the same frame again and again by an interface of this network namespace; it receives nothing. */
export class FrameSender {
  private readonly fd: number;
  private readonly messages: BoxedNumber;
  /** Held: the kernel reads them by address. */
  private readonly held: readonly [Uint8Array, Uint8Array, IoVec];

  constructor(
    private readonly sys: Sys,
    ifName: string,
    frame: Uint8Array,
    readonly burst: number,
  ) {
    this.fd = sys.socket(AF_PACKET, SOCK_RAW, 0);
    const request = packIfreqInt(ifName, 0);
    const errno = sys.ioctl(this.fd, SIOCGIFINDEX, request);
    if (errno !== 0) throw errnoError(errno, ifName);
    sys.bind(this.fd, packSockaddrLl(ifreqInt(request), 0));
    const bytes = new Uint8Array(new ArrayBuffer(frame.length));
    bytes.set(frame);
    const iov = new IoVec(sys, sys.addressOf(bytes), 1);
    iov.set(0, 0, bytes.length);
    const messages = new DataView(new ArrayBuffer(burst * MMSGHDR_BYTES));
    for (let i = 0; i < burst; i++) {
      messages.setBigUint64(i * MMSGHDR_BYTES + MSG_IOV, BigInt(iov.pointer.value), true);
      messages.setBigUint64(i * MMSGHDR_BYTES + MSG_IOVLEN, 1n, true);
    }
    const array = new Uint8Array(messages.buffer);
    this.messages = new BoxedNumber(sys.addressOf(array));
    this.held = [bytes, array, iov];
  }

  /** Sends one burst; returns how many frames the interface took, 0 when its queue is full. */
  send(): number {
    const sent = this.sys.sendmmsg(this.fd, this.messages.value, this.burst, 0);
    return Math.max(sent, 0);
  }

  close(): void {
    this.sys.close(this.fd);
    void this.held;
  }
}
