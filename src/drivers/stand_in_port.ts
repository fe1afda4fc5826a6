/**
 * A port's rings in a memory of their own, with this object standing in for the core: it fills receive descriptors,
 * takes what a driver received, and gives it frames to send. The fault injector puts one between itself and the driver
 * behind it; tests give one to any driver.
 *
 *   0      64        rx ring          tx ring          frag table   slots
 *   ├ Port ┼─────────┼────────────────┼────────────────┼────────────┼── rx small, rx large, tx ──┤
 */
import {
  LARGE_SLOT_BYTES,
  Port,
  RxDesc,
  SKB_HEADROOM,
  SLOT_BYTES,
  TxDesc,
} from '../../assembly/abi/layout.js';
import { FRAME_BYTES_MAX, PortRings } from './driver.js';

export interface StandInPortOptions {
  /** Descriptors of either ring, a power of two. Default: 64. */
  entries?: number;
  vnetHdrLen?: 0 | 10 | 12;
  /** Receive descriptors carry a large slot. Default: true with a vnet header. */
  large?: boolean;
}

const TX_SLOT_BYTES = Math.ceil((FRAME_BYTES_MAX + SKB_HEADROOM) / 4096) * 4096;
const PAGE = 65536;
const PORT_AT = 64;

export class StandInPort {
  readonly rings: PortRings;
  private readonly entries: number;
  private readonly hdr: number;
  private readonly rxRing: number;
  private readonly txRing: number;
  private readonly txSlots: number;

  constructor(options: StandInPortOptions = {}) {
    const { entries = 64, vnetHdrLen = 0, large = vnetHdrLen !== 0 } = options;
    this.entries = entries;
    this.hdr = vnetHdrLen;
    this.rxRing = PORT_AT + Port.SIZE;
    this.txRing = this.rxRing + entries * RxDesc.SIZE;
    const rxSlots = Math.ceil((this.txRing + entries * TxDesc.SIZE) / SLOT_BYTES) * SLOT_BYTES;
    const largeSlots = rxSlots + entries * SLOT_BYTES;
    this.txSlots = largeSlots + (large ? entries * LARGE_SLOT_BYTES : 0);
    const pages = Math.ceil((this.txSlots + entries * TX_SLOT_BYTES) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const u32 = new Uint32Array(memory.buffer);
    const put = (at: number, value: number): void => {
      u32[at >>> 2] = value;
    };
    put(PORT_AT + Port.RX_RING, this.rxRing);
    put(PORT_AT + Port.RX_MASK, entries - 1);
    put(PORT_AT + Port.TX_RING, this.txRing);
    put(PORT_AT + Port.TX_MASK, entries - 1);
    put(PORT_AT + Port.VNET_HDR_LEN, vnetHdrLen);
    put(PORT_AT + Port.RX_LARGE, large ? 1 : 0);
    for (let i = 0; i < entries; i++) {
      put(this.rxRing + i * RxDesc.SIZE + RxDesc.BUF, rxSlots + i * SLOT_BYTES + SKB_HEADROOM);
      put(this.rxRing + i * RxDesc.SIZE + RxDesc.LARGE, large ? largeSlots + i * LARGE_SLOT_BYTES : 0);
    }
    this.rings = new PortRings(memory, PORT_AT);
  }

  /** What core.rx() and a poll do: hands out the next `count` received frames, vnet header first, and frees them. */
  rx(count: number, each?: (frame: Uint8Array) => void): void {
    const { rings } = this;
    const at = (PORT_AT + Port.RX_HEAD) >>> 2;
    for (let i = 0; i < count; i++) {
      const desc = rings.rxDesc(0);
      if (each !== undefined) {
        const frame = new Uint8Array(this.hdr + rings.rxLen(desc));
        rings.peekRx(desc, frame);
        each(frame);
      }
      rings.u32[at] = rings.u32[at]! + 1;
      rings.u32[at + 1] = rings.u32[at + 1]! + 1;
    }
  }

  /** Free transmit descriptors. */
  txSpace(): number {
    return this.entries - this.rings.txReady();
  }

  /**
   * Puts a frame (vnet header first) into the transmit ring; false when the ring is full. With `linear` only so many
   * bytes are the linear part, and the others lie in a table of fragments of up to `fragBytes`.
   */
  tx(frame: Uint8Array, linear = frame.length, fragBytes = frame.length): boolean {
    const { u8, u32 } = this.rings;
    const head = (PORT_AT + Port.TX_HEAD) >>> 2;
    if (this.txSpace() === 0 || frame.length > TX_SLOT_BYTES - 1024) return false;
    const index = u32[head]! & (this.entries - 1);
    const slot = this.txSlots + index * TX_SLOT_BYTES;
    const data = slot + 1024;
    const desc = (this.txRing + index * TxDesc.SIZE) >>> 2;
    u8.set(frame, data);
    u32[desc] = data;
    u32[desc + 1] = Math.min(linear, frame.length);
    u32[desc + 2] = linear < frame.length ? slot : 0;
    let frags = 0;
    for (let at = linear; at < frame.length; at += fragBytes, frags++) {
      const entry = (slot + 8 + frags * 12) >>> 2;
      u32[entry] = data + at;
      u32[entry + 1] = Math.min(fragBytes, frame.length - at);
    }
    u32[slot >>> 2] = frags;
    u32[head] = u32[head]! + 1;
    return true;
  }

  /** The frame that the driver would send next, vnet header first; undefined when none waits. */
  peekTx(): Uint8Array | undefined {
    if (this.rings.txReady() === 0) return undefined;
    const desc = this.rings.txDesc(0);
    const frame = new Uint8Array(this.rings.txBytes(desc));
    this.rings.peekTx(desc, frame);
    return frame;
  }
}
