/**
 * What the event loop asks of every driver, and a port's rings as a driver sees them. A burst is the unit:
 *
 *   loop   n = driver.rxBurst(64)        driver writes n frames into descriptors RX_HEAD .. RX_HEAD + n - 1
 *          core.rx(dev, queue, n)        core moves RX_HEAD, later RX_TAIL
 *          core.poll(...)                core fills transmit descriptors, moves TX_HEAD
 *          driver.txBurst()              driver sends TX_TAIL .. TX_HEAD - 1, moves TX_TAIL
 *          driver.arm()                  nothing left to do: one readable() is wanted
 *
 * Drivers with system calls (tap) hand addresses inside linear memory to the kernel and never touch a payload byte;
 * the others (udp_wire, pcap) copy with putFrame() and peekTx().
 */
import {
  LARGE_SLOT_BYTES,
  Port,
  RxDesc,
  SKB_HEADROOM,
  SLOT_BYTES,
  TxDesc,
} from '../../assembly/abi/layout.js';
import type { NetError } from '../net_error.js';

/** Bytes of a frame that fit behind RxDesc.BUF; what is longer goes on in RxDesc.LARGE. */
export const RX_SMALL_BYTES = SLOT_BYTES - SKB_HEADROOM;
export const RX_LARGE_BYTES: number = LARGE_SLOT_BYTES;
/** No frame of any driver is longer: a GSO frame of 64 KB behind an Ethernet header with tags. */
export const FRAME_BYTES_MAX = RX_SMALL_BYTES + RX_LARGE_BYTES;

/** A receive ring that the kernel fills and the core reads itself: abi/packet PacketRingRec. */
export interface MappedRing {
  /** Offset in linear memory. */
  readonly at: number;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly frameBytes: number;
  readonly vnetHdrLen: number;
}

/** The foreign window of the core behind a port (src/core/window). */
export interface Foreign {
  /** A free part of the window; NetError ENOMEM, beginning with `what`, when there is none. */
  alloc(bytes: number, what: string): number;
  free(at: number): void;
  /** From now on the core reads the port's frames there; returns the offset of the ring's TpacketRing record. */
  mapRing(ring: MappedRing, what: string): number;
  /** The core forgets the ring: nothing of it is used any more when this returns. */
  unmapRing(): void;
}

/** How a driver calls back. The callee may call into the driver at once. */
export interface PortNotify {
  /** Frames wait. Once per arm(); the driver is disarmed when it is called. */
  readable(): void;
  /** After a txBurst() that left frames behind: it is worth calling again. */
  writable(): void;
  /** The link came up, or went down and why. Called first from attach() or soon after; then only on a change. */
  state(up: boolean, why?: NetError): void;
  /** The port has another hardware address than it had when the link was made: another device was plugged in. */
  address?(mac: string): void;
}

export interface Driver {
  /** 'tap', 'udp', 'pcap'; a middleware says the kind of the driver behind it. */
  readonly kind: string;
  /** As given: 'tap:ww0', 'udp:127.0.0.1:7001-127.0.0.1:7002', 'pcap:in.pcapng'. */
  readonly name: string;
  /** Our side's address, 'aa:bb:cc:dd:ee:ff'. */
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** NetifF bits: what the port takes on transmit and may deliver on receive. Needs a vnet header, SG excepted. */
  readonly features: number;
  /** What Port.VNET_HDR_LEN of the rings given to attach() has to be. */
  readonly vnetHdrLen: 0 | 10 | 12;
  /**
   * The driver maps its receive ring when the rings given to attach() have `foreign`; it needs no receive descriptors
   * then, and rxBurst() answers how many frames the core may take from the ring.
   */
  readonly mapped?: boolean | undefined;
  /** Receive queues, each with a ring of its own (PortRings.queue). Default: one. */
  readonly queues?: number | undefined;
  /** Frames that rxBurst is asked for at a time; without it the loop's own choice. */
  readonly burst?: number;
  /** Finds out `mac` and `mtu` where that takes time; awaited before the link is made. What fails is told by state(). */
  prepare?(): Promise<void>;
  /** Takes the rings and starts; called once. Throws a NetError when the port cannot be had. */
  attach(rings: PortRings, notify: PortNotify): void;
  /**
   * Reads up to `max` frames into the next receive descriptors, LEN and FLAGS set, and returns how many; 0 when none
   * wait. The caller then says core.rx(dev, queue, count), before the next rxBurst() of the queue.
   */
  rxBurst(max: number, queue?: number): number;
  /**
   * Sends what lies between TX_TAIL and TX_HEAD and moves TX_TAIL. Returns how many were sent. Frames that cannot be
   * sent at all are passed over and counted in TX_ERRORS; while the port blocks they stay, and writable() follows.
   */
  txBurst(): number;
  /** Asks for one readable(). Also called when frames already wait: then it comes at once, but never from in here. */
  arm(): void;
  disarm(): void;
  /** Gives everything back; no callback comes after it was called. May be called twice. */
  close(): Promise<void>;
}

const RX_HEAD = Port.RX_HEAD >> 2;
const RX_TAIL = Port.RX_TAIL >> 2;
const TX_HEAD = Port.TX_HEAD >> 2;
const TX_TAIL = Port.TX_TAIL >> 2;
const TX_ERRORS = Port.TX_ERRORS >> 2;
const RX_ERRORS = Port.RX_ERRORS >> 2;
const RX_MISSED = Port.RX_MISSED >> 2;
const MAC = Port.MAC >> 2;
const RX_NEXT = Port.RX_NEXT >> 2;
const PROMISCUITY = Port.PROMISCUITY >> 2;
const RX_BUF = RxDesc.BUF >> 2;
const RX_LARGE = RxDesc.LARGE >> 2;
const RX_LEN = RxDesc.LEN >> 2;
const RX_FLAGS = RxDesc.FLAGS >> 2;
const RX_DESC_SHIFT = 2; // words of a descriptor, as a power of two
const TX_BUF = TxDesc.BUF >> 2;
const TX_LEN = TxDesc.LEN >> 2;
const TX_FRAGS = TxDesc.FRAGS >> 2;
const TX_DESC_SHIFT = 2;

/**
 * A port's rings over linear memory (abi/layout: Port, RxDesc, TxDesc). Made by src/core for a port that exists.
 * Memory does not grow (initial = maximum), so the views live as long as the port. Positions are counted from the head
 * (receive) or the tail (transmit): rxDesc(0) is the next one to fill, txDesc(0) the next one to send.
 */
export class PortRings {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly vnetHdrLen: number;
  /** Receive descriptors carry a large slot, too: frames of up to FRAME_BYTES_MAX fit. */
  readonly rxLarge: boolean;
  private readonly at: number;
  private readonly rxRing: number;
  private readonly rxMask: number;
  private readonly txRing: number;
  private readonly txMask: number;

  constructor(
    readonly memory: WebAssembly.Memory,
    readonly port: number,
    /** Where a driver may map a ring that the core reads itself; without it frames go by descriptors. */
    readonly foreign?: Foreign,
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.at = port >>> 2;
    this.rxRing = this.word(Port.RX_RING) >>> 2;
    this.rxMask = this.word(Port.RX_MASK);
    this.txRing = this.word(Port.TX_RING) >>> 2;
    this.txMask = this.word(Port.TX_MASK);
    this.vnetHdrLen = this.word(Port.VNET_HDR_LEN);
    this.rxLarge = this.word(Port.RX_LARGE) !== 0;
  }

  /** The same rings for a driver that somebody stands in front of who wants to see the descriptors. */
  byDescriptors(): PortRings {
    return new PortRings(this.memory, this.port);
  }

  /** The rings of receive queue `n`, 0 being this; its transmit ring is this one's. */
  queue(n: number): PortRings {
    let { port } = this;
    for (let i = 0; i < n; i++) port = this.u32[(port >>> 2) + RX_NEXT]!;
    return n === 0 ? this : new PortRings(this.memory, port);
  }

  private word(offset: number): number {
    return this.u32[(this.port + offset) >>> 2]!;
  }

  /** Frames that may be read before the core has to be polled. */
  rxSpace(): number {
    const u32 = this.u32;
    return this.rxMask + 1 - ((u32[this.at + RX_HEAD]! - u32[this.at + RX_TAIL]!) >>> 0);
  }

  /** Index into u32 of the receive descriptor `i` after RX_HEAD. */
  rxDesc(i: number): number {
    return this.rxRing + (((this.u32[this.at + RX_HEAD]! + i) & this.rxMask) << RX_DESC_SHIFT);
  }

  rxBuf(desc: number): number {
    return this.u32[desc + RX_BUF]!;
  }

  rxLargeBuf(desc: number): number {
    return this.u32[desc + RX_LARGE]!;
  }

  rxLen(desc: number): number {
    return this.u32[desc + RX_LEN]!;
  }

  /** Exchanges the buffers of two receive descriptors. */
  rxSwap(a: number, b: number): void {
    const { u32 } = this;
    for (let i = 0; i < RX_LEN; i++) {
      const word = u32[a + i]!;
      u32[a + i] = u32[b + i]!;
      u32[b + i] = word;
    }
  }

  /** The frame in this descriptor is complete: `len` bytes without the vnet header. */
  rxDone(desc: number, len: number, flags: number): void {
    this.u32[desc + RX_LEN] = len;
    this.u32[desc + RX_FLAGS] = flags;
  }

  /** Frames that wait to be sent. */
  txReady(): number {
    return (this.u32[this.at + TX_HEAD]! - this.u32[this.at + TX_TAIL]!) >>> 0;
  }

  /** Index into u32 of the transmit descriptor `i` after TX_TAIL; one already sent when `i` is negative. */
  txDesc(i: number): number {
    return this.txRing + (((this.u32[this.at + TX_TAIL]! + i) & this.txMask) << TX_DESC_SHIFT);
  }

  /** Address of the linear part, its vnet header first. */
  txBuf(desc: number): number {
    return this.u32[desc + TX_BUF]!;
  }

  /** Bytes of the linear part, vnet header included. */
  txLen(desc: number): number {
    return this.u32[desc + TX_LEN]!;
  }

  /** Address of the frag table {u32 n, u32 pad, n x {u32 ptr, u32 len, u32 owner}}, or 0. */
  txFrags(desc: number): number {
    return this.u32[desc + TX_FRAGS]!;
  }

  /** The first `n` waiting frames are done with, sent or not. */
  txAdvance(n: number): void {
    this.u32[this.at + TX_TAIL] = this.u32[this.at + TX_TAIL]! + n;
  }

  get txTail(): number {
    return this.u32[this.at + TX_TAIL]!;
  }

  get txErrors(): number {
    return this.u32[this.at + TX_ERRORS]!;
  }

  get rxErrors(): number {
    return this.u32[this.at + RX_ERRORS]!;
  }

  addTxErrors(n: number): void {
    this.u32[this.at + TX_ERRORS] = this.u32[this.at + TX_ERRORS]! + n;
  }

  addRxErrors(n: number): void {
    this.u32[this.at + RX_ERRORS] = this.u32[this.at + RX_ERRORS]! + n;
  }

  /** Frames that were lost before the driver saw them: the kernel's ring was full. */
  addRxMissed(n: number): void {
    this.u32[this.at + RX_MISSED] = this.u32[this.at + RX_MISSED]! + n;
  }

  /** The link's address in the core; undefined when nobody says. */
  mac(): Uint8Array | undefined {
    const at = this.u32[this.at + MAC]!;
    return at === 0 ? undefined : this.u8.slice(at, at + 6);
  }

  /** Somebody wants frames that are for other addresses, too. */
  get promiscuous(): boolean {
    const at = this.u32[this.at + PROMISCUITY]!;
    return at !== 0 && this.u32[at >>> 2] !== 0;
  }

  /**
   * Copies a frame into receive descriptor `i` after RX_HEAD, behind an all-zero vnet header or the one given. False,
   * and the descriptor left as it was, when the frame does not fit.
   */
  putFrame(i: number, frame: Uint8Array, vnetHdr?: Uint8Array): boolean {
    const desc = this.rxDesc(i);
    const buf = this.rxBuf(desc);
    const large = this.rxLargeBuf(desc);
    const len = frame.length;
    if (buf === 0 || len > (large === 0 ? RX_SMALL_BYTES : FRAME_BYTES_MAX)) return false;
    if (this.vnetHdrLen !== 0) {
      this.u8.fill(0, buf - this.vnetHdrLen, buf);
      if (vnetHdr !== undefined) this.u8.set(vnetHdr, buf - this.vnetHdrLen);
    }
    if (len <= RX_SMALL_BYTES) {
      this.u8.set(frame, buf);
    } else {
      this.u8.set(frame.subarray(0, RX_SMALL_BYTES), buf);
      this.u8.set(frame.subarray(RX_SMALL_BYTES), large);
    }
    this.rxDone(desc, len, 0);
    return true;
  }

  /** Copies the frame of a receive descriptor, vnet header first, to `into`; returns the bytes. */
  peekRx(desc: number, into: Uint8Array): number {
    const hdr = this.vnetHdrLen;
    const buf = this.rxBuf(desc);
    const len = this.rxLen(desc);
    const small = Math.min(len, RX_SMALL_BYTES);
    into.set(this.u8.subarray(buf - hdr, buf + small));
    if (len > small) {
      const large = this.rxLargeBuf(desc);
      into.set(this.u8.subarray(large, large + len - small), hdr + small);
    }
    return hdr + len;
  }

  /** Bytes of a waiting frame, its vnet header and fragments included. */
  txBytes(desc: number): number {
    const frags = this.txFrags(desc) >>> 2;
    let bytes = this.txLen(desc);
    if (frags !== 0) {
      for (let n = this.u32[frags]!, f = frags + 2; n > 0; n--, f += 3) bytes += this.u32[f + 1]!;
    }
    return bytes;
  }

  /**
   * Copies the frame of a transmit descriptor, vnet header first and fragments joined, to `into`; returns the bytes, or
   * -1 when they do not fit.
   */
  peekTx(desc: number, into: Uint8Array): number {
    if (this.txBytes(desc) > into.length) return -1;
    const buf = this.txBuf(desc);
    let at = this.txLen(desc);
    into.set(this.u8.subarray(buf, buf + at));
    const frags = this.txFrags(desc) >>> 2;
    if (frags === 0) return at;
    for (let n = this.u32[frags]!, f = frags + 2; n > 0; n--, f += 3) {
      const ptr = this.u32[f]!;
      const len = this.u32[f + 1]!;
      into.set(this.u8.subarray(ptr, ptr + len), at);
      at += len;
    }
    return at;
  }
}
