/**
 * The seam between the engine (usbnet.ts), which moves transfers, and the drivers of classes and vendors, which know what is
 * in them. A driver is found by its UsbNetFamily (families.ts), brings the device up in open(), and then is asked
 *
 *   rx   unpack(transfer) ─► FrameList: where in it the frames are                nothing is copied here
 *   tx   begin(room) ─► place(length) ... place(length) ─► end()                  the engine copies each frame to its place
 *   interrupt ─► notification(bytes) ─► events.link(), events.speed()
 *
 * Linux: include/linux/usb/usbnet.h (driver_info: bind, unbind, rx_fixup, tx_fixup, status).
 */
import type { NetError } from '../../net_error.js';
import type { ConfigurationInfo, DeviceInfo } from './descriptors.js';
import type { UsbHandle } from './transport.js';

/** What a family would drive of a device. */
export interface UsbNetMatch {
  readonly family: UsbNetFamily;
  readonly configuration: ConfigurationInfo;
  /** The interface that stands for the function: where control requests go. */
  readonly interface: number;
}

export interface UsbNetEvents {
  /** The cable, as the device tells it. */
  link(up: boolean): void;
  /** Bits per second each way. */
  speed(rxBps: number, txBps: number): void;
  /** The device does not do what it has to: it is closed, and tried again. */
  failed(why: NetError): void;
  /** Something odd that is lived with. */
  odd(what: string): void;
}

export interface UsbNetFamily {
  /** Linux's name of the driver: 'cdc_ether', 'cdc_ncm', 'r8152'. */
  readonly name: string;
  /** Of several families for one device that with the highest wins; one below 0 is taken only by its name. */
  readonly rank: number;
  /** The functions of this configuration that it can drive; usually none or one. */
  match(device: DeviceInfo, configuration: ConfigurationInfo): readonly UsbNetMatch[];
  /** Brings the device up. What it throws says why that is not possible. The configuration is active already. */
  open(handle: UsbHandle, match: UsbNetMatch, events: UsbNetEvents): Promise<UsbNetDriver>;
}

export interface UsbNetEndpoint {
  readonly address: number;
  readonly maxPacketSize: number;
}

export interface UsbNetDriver {
  readonly name: string;
  /** The device's own address; undefined when it has none to tell. */
  readonly mac?: string | undefined;
  /** Payload of the largest frame. */
  readonly mtu: number;
  readonly rx: UsbNetEndpoint & {
    /** Bytes of a transfer; transfers that are queued ahead. */
    readonly bytes: number;
    readonly transfers: number;
    /** Each transfer is one frame and nothing else: it may be read straight into a receive descriptor. */
    readonly oneFrame?: boolean;
  };
  readonly tx: UsbNetEndpoint & {
    readonly bytes: number;
    readonly transfers: number;
    /** A transfer of exactly `bytes` bytes ends by its size: no empty packet follows it. */
    readonly fullEnds?: boolean;
  };
  readonly interrupt?: UsbNetEndpoint | undefined;
  /** The link is up from the beginning, until the device says otherwise (no notification is promised). */
  readonly carrier: boolean;

  /** Finds the frames in the first `length` bytes. A fault is told to `frames`, never thrown. */
  unpack(bytes: Uint8Array, length: number, frames: FrameList): void;

  /** A new transmit transfer of up to `bytes.length` bytes. */
  begin(bytes: Uint8Array): void;
  /** Offset in the transfer where the next frame of `length` bytes goes; -1: it does not fit any more. */
  place(length: number): number;
  /**
   * All frames are in place: completes headers; returns the bytes to send. The engine sends an empty packet behind a
   * transfer that ends on a packet's boundary; a driver whose format does without returns another length.
   */
  end(): number;

  /** What came from the interrupt endpoint. */
  notification?(bytes: Uint8Array): void;
  /** Sets what is received: everything, or frames to `mac` (ours), broadcast and multicast. */
  setFilter?(filter: UsbNetFilter): Promise<void>;
  /** Counters of the device, for people. */
  statistics?(): Promise<Record<string, number>>;
  /** Transfers have begun: what has to run beside them (keepalive, polling of a PHY) may start. */
  start?(): void;
  /** Ends what start() began and, where the device is still there, tells it. Never rejects. */
  stop?(): Promise<void>;
}

export interface UsbNetFilter {
  readonly promiscuous: boolean;
  readonly mac: string | undefined;
}

/** Frames of one transfer, as places in it: made once, filled anew for each. */
export class FrameList {
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  count = 0;
  /** Frames or parts that were not usable, and what was wrong with the last. */
  errors = 0;
  fault = '';
  /** Where the first frame lies, when that is not the transfer (it was put together of two). */
  joined: Uint8Array | undefined;

  constructor(readonly capacity: number) {
    this.offsets = new Uint32Array(capacity);
    this.lengths = new Uint32Array(capacity);
  }

  clear(): void {
    this.count = 0;
    this.errors = 0;
    this.fault = '';
    this.joined = undefined;
  }

  /** The first frame, which lies elsewhere; its bytes stay as they are until the next transfer is unpacked. */
  addJoined(bytes: Uint8Array, offset: number, length: number): void {
    this.joined = bytes;
    this.add(offset, length);
  }

  /** `offset` and `length` have to lie in the transfer: the driver has checked. */
  add(offset: number, length: number): void {
    if (this.count === this.capacity) {
      this.error('more frames than can be');
      return;
    }
    this.offsets[this.count] = offset;
    this.lengths[this.count] = length;
    this.count++;
  }

  error(fault: string): void {
    this.errors++;
    this.fault = fault;
  }
}
