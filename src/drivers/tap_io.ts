/**
 * The system calls of a TAP port, one face and two ways: many frames by one io_uring_enter where the kernel offers it,
 * one read or write a frame where it does not. Results are those of the calls, -errno for an error.
 *
 *   n = io.read(first, count)     into receive descriptors first .. first + count - 1; result(0 .. n-1)
 *   n = io.write(first, count)    transmit descriptors first .. first + count - 1; result(0 .. n-1)
 */
import { MAX_SKB_FRAGS } from '../../assembly/abi/layout.js';
import {
  IORING_OP_READ,
  IORING_OP_READV,
  IORING_OP_WRITE,
  IORING_OP_WRITEV,
  IoUring,
  URING_ENTRIES,
} from '../sys/io_uring.js';
import { AddressCache, IoVec } from '../sys/iovec.js';
import type { Sys } from '../sys/sys.js';
import { type PortRings, RX_LARGE_BYTES, RX_SMALL_BYTES } from './driver.js';

export interface TapIo {
  /** Frames that one call can move. */
  readonly burst: number;
  read(first: number, count: number): number;
  write(first: number, count: number): number;
  result(i: number): number;
  close(): void;
}

const IOV_BASE = 0;
const TX_IOVS = 1 + MAX_SKB_FRAGS;

/** `calls`: one system call a frame, whatever this kernel offers. */
export function openTapIo(sys: Sys, fd: number, rings: PortRings, calls: boolean): TapIo {
  const uring = calls ? null : UringIo.open(sys, fd, rings);
  return uring ?? new CallIo(sys, fd, rings);
}

/** One system call a frame. */
class CallIo implements TapIo {
  readonly burst = 1;
  private readonly addresses: AddressCache;
  private readonly rxIov: IoVec;
  private readonly txIov: IoVec;
  private last = 0;

  constructor(
    private readonly sys: Sys,
    private readonly fd: number,
    private readonly rings: PortRings,
  ) {
    const base = sys.addressOf(rings.u8);
    this.addresses = new AddressCache(base);
    this.rxIov = new IoVec(sys, base, 2);
    this.txIov = new IoVec(sys, base, TX_IOVS);
  }

  read(first: number, count: number): number {
    const { rings, sys, fd } = this;
    const desc = rings.rxDesc(first);
    const buf = rings.rxBuf(desc);
    if (buf === 0 || count === 0) return 0;
    const hdr = rings.vnetHdrLen;
    const large = rings.rxLargeBuf(desc);
    let bytes: number;
    if (large === 0) {
      bytes = sys.read(fd, this.addresses.get(buf - hdr), hdr + RX_SMALL_BYTES);
    } else {
      this.rxIov.set(0, buf - hdr, hdr + RX_SMALL_BYTES);
      this.rxIov.set(1, large, RX_LARGE_BYTES);
      bytes = sys.readv(fd, this.rxIov.pointer.value, 2);
    }
    this.last = bytes < 0 ? -sys.errno() : bytes;
    return 1;
  }

  write(first: number): number {
    const { rings, sys, fd } = this;
    const desc = rings.txDesc(first);
    const frags = rings.txFrags(desc);
    let bytes: number;
    if (frags === 0) {
      bytes = sys.write(fd, this.addresses.get(rings.txBuf(desc)), rings.txLen(desc));
    } else {
      const count = fillFrags(rings, desc, frags, this.txIov, IOV_BASE);
      bytes = sys.writev(fd, this.txIov.pointer.value, count);
    }
    this.last = bytes < 0 ? -sys.errno() : bytes;
    return 1;
  }

  result(): number {
    return this.last;
  }

  close(): void {}
}

/** A burst by one system call. */
class UringIo implements TapIo {
  readonly burst = URING_ENTRIES;
  private readonly rxIov: IoVec;
  private readonly txIov: IoVec;

  private constructor(
    private readonly ring: IoUring,
    private readonly rings: PortRings,
    sys: Sys,
    base: number,
  ) {
    this.rxIov = new IoVec(sys, base, 2 * URING_ENTRIES);
    this.txIov = new IoVec(sys, base, TX_IOVS * URING_ENTRIES);
  }

  static open(sys: Sys, fd: number, rings: PortRings): UringIo | null {
    const base = sys.addressOf(rings.u8);
    const ring = IoUring.open(sys, fd, base);
    return ring === null ? null : new UringIo(ring, rings, sys, base);
  }

  read(first: number, count: number): number {
    const { rings, ring, rxIov } = this;
    const hdr = rings.vnetHdrLen;
    let n = 0;
    for (; n < count; n++) {
      const desc = rings.rxDesc(first + n);
      const buf = rings.rxBuf(desc);
      if (buf === 0) break;
      const large = rings.rxLargeBuf(desc);
      if (large === 0) {
        ring.prep(n, IORING_OP_READ, buf - hdr, hdr + RX_SMALL_BYTES);
      } else {
        const entry = n << 1;
        rxIov.set(entry, buf - hdr, hdr + RX_SMALL_BYTES);
        rxIov.set(entry + 1, large, RX_LARGE_BYTES);
        ring.prepVector(n, IORING_OP_READV, rxIov, entry, 2);
      }
    }
    return n === 0 ? 0 : ring.submit(n);
  }

  write(first: number, count: number): number {
    const { rings, ring, txIov } = this;
    for (let i = 0; i < count; i++) {
      const desc = rings.txDesc(first + i);
      const frags = rings.txFrags(desc);
      if (frags === 0) {
        ring.prep(i, IORING_OP_WRITE, rings.txBuf(desc), rings.txLen(desc));
      } else {
        const entry = i * TX_IOVS;
        const iovs = fillFrags(rings, desc, frags, txIov, entry);
        ring.prepVector(i, IORING_OP_WRITEV, txIov, entry, iovs);
      }
    }
    return ring.submit(count);
  }

  result(i: number): number {
    return this.ring.result(i);
  }

  close(): void {
    this.ring.close();
  }
}

/** The linear part and the fragments of a frame as iovecs from `entry` on; returns how many. */
function fillFrags(rings: PortRings, desc: number, frags: number, iov: IoVec, entry: number): number {
  const { u32 } = rings;
  const table = frags >>> 2;
  const count = Math.min(u32[table]!, MAX_SKB_FRAGS);
  iov.set(entry, rings.txBuf(desc), rings.txLen(desc));
  for (let i = 1, f = table + 2; i <= count; i++, f += 3) iov.set(entry + i, u32[f]!, u32[f + 1]!);
  return count + 1;
}
