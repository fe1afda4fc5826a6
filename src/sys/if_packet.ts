/**
 * Sending whole frames by a packet socket, many with one system call. Linux: packet(7), sendmmsg(2).
 *
 *   struct sockaddr_ll (20 bytes)   0 family u16 │ 2 protocol be16 │ 4 ifindex i32 │ ...
 *   struct mmsghdr (64 bytes)       0 msghdr: name, namelen, 16 iov, 24 iovlen, ... │ 56 msg_len u32
 */
import { ifreqInt, packIfreqInt, SIOCGIFINDEX } from './if_tun.js';
import { errnoError } from './errno.js';
import { BoxedNumber, IoVec } from './iovec.js';
import type { Sys } from './sys.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const MMSGHDR_BYTES = 64;
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const SOCKADDR_LL_BYTES = 20;

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
    const address = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
    address.setUint16(0, AF_PACKET, true);
    address.setInt32(4, ifreqInt(request), true);
    sys.bind(this.fd, new Uint8Array(address.buffer));
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
