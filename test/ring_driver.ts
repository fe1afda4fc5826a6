/**
 * A driver whose receive ring lies in the core's foreign window and is filled by the test instead of the kernel: what
 * dev/tpacket reads, with no privilege and any descriptor.
 */
import { TP_STATUS_KERNEL, TP_STATUS_USER, Tpacket2Hdr, TpacketRing } from '../assembly/abi/packet.js';
import type { PortNotify, PortRings } from '../src/drivers/driver.js';
import { ScriptDriver } from './script_driver.js';

export const SLOT_BYTES = 66112;
export const PER_BLOCK = 3;
const BLOCK_BYTES = 53 * 4096;
const BLOCKS = 2;
export const SLOTS = BLOCKS * PER_BLOCK;
const FRAME_AT = 96;

export interface Descriptor {
  status?: number;
  len?: number;
  snaplen?: number;
  mac?: number;
  net?: number;
  tci?: number;
  tpid?: number;
  vnet?: Uint8Array;
}

export class RingDriver extends ScriptDriver {
  readonly mapped = true;
  override readonly features: number;
  at = -1;
  record = -1;
  private next = 0;

  constructor(vnetHdrLen: 0 | 10 = 10, features = 0) {
    super(vnetHdrLen);
    this.features = features;
  }

  override attach(rings: PortRings, notify: PortNotify): void {
    super.attach(rings, notify);
    const foreign = rings.foreign!;
    this.at = foreign.alloc(BLOCKS * BLOCK_BYTES, 'script: a ring');
    this.rings.u8.fill(0, this.at, this.at + BLOCKS * BLOCK_BYTES);
    const ring = { at: this.at, blocks: BLOCKS, blockBytes: BLOCK_BYTES, frameBytes: SLOT_BYTES };
    this.record = foreign.mapRing({ ...ring, vnetHdrLen: this.vnetHdrLen }, 'script');
  }

  /** Frames that the core may take: the slot that it reads next is the test's to fill. */
  override rxBurst(max: number): number {
    const { u32 } = this.rings;
    const slot = u32[(this.record + TpacketRing.SLOT) >>> 2]!;
    const held = u32[(this.record + TpacketRing.HELD) >>> 2]!;
    return (u32[slot >>> 2]! & TP_STATUS_USER) === 0 || held !== 0 ? 0 : max;
  }

  slot(i: number): number {
    return this.at + Math.floor(i / PER_BLOCK) * BLOCK_BYTES + (i % PER_BLOCK) * SLOT_BYTES;
  }

  status(i: number): number {
    return this.rings.u32[this.slot(i) >>> 2]!;
  }

  /** What the kernel does with a frame; the descriptor's fields may be others. Returns the slot's number. */
  fill(frame: Uint8Array, own: Descriptor = {}): number {
    const i = this.next;
    this.next = (i + 1) % SLOTS;
    if (this.status(i) !== TP_STATUS_KERNEL) throw new Error(`slot ${i} is not the kernel's`);
    const slot = this.slot(i);
    const view = new DataView(this.rings.memory.buffer, slot, SLOT_BYTES);
    const hdr = this.vnetHdrLen;
    this.rings.u8.fill(0, slot, slot + FRAME_AT);
    if (own.vnet !== undefined) this.rings.u8.set(own.vnet, slot + FRAME_AT - hdr);
    this.rings.u8.set(frame, slot + FRAME_AT);
    view.setUint32(Tpacket2Hdr.LEN, own.len ?? frame.length, true);
    view.setUint32(Tpacket2Hdr.SNAPLEN, own.snaplen ?? frame.length, true);
    view.setUint16(Tpacket2Hdr.MAC, own.mac ?? FRAME_AT, true);
    view.setUint16(Tpacket2Hdr.NET, own.net ?? FRAME_AT + 14, true);
    view.setUint16(Tpacket2Hdr.VLAN_TCI, own.tci ?? 0, true);
    view.setUint16(Tpacket2Hdr.VLAN_TPID, own.tpid ?? 0, true);
    view.setUint32(Tpacket2Hdr.STATUS, own.status ?? TP_STATUS_USER, true);
    return i;
  }

  /** What munmap does: the bytes are gone. */
  override async close(): Promise<void> {
    if (this.at >= 0) {
      this.rings.foreign!.unmapRing();
      this.rings.u8.fill(0xee, this.at, this.at + BLOCKS * BLOCK_BYTES);
      this.rings.foreign!.free(this.at);
    }
    this.at = -1;
    await super.close();
  }
}
