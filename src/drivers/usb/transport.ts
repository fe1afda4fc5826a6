/**
 * What the USB drivers need of a USB host: a small part of what libusb can, in the shape of WebUSB.
 *
 *   UsbHost ── devices(), watch() ──► UsbDevice ── open() ──► UsbHandle ── transfer() ──► UsbTransfer
 *   hotplug                           descriptors             claim, control              submit, cancel, many in flight
 *
 * libusb.ts is the one over libusb, fake_usb.ts the one of the unit tests; a third over navigator.usb is possible, for
 * the drivers on this interface import nothing of Node.
 */

/** How a transfer ended; libusb's numbers. */
export enum UsbStatus {
  COMPLETED = 0,
  ERROR = 1,
  TIMED_OUT = 2,
  CANCELLED = 3,
  STALL = 4,
  NO_DEVICE = 5,
  /** The device sent more than there was room for. */
  OVERFLOW = 6,
}

/** A control request as WebUSB writes it. */
export interface UsbSetup {
  readonly requestType: 'standard' | 'class' | 'vendor';
  readonly recipient: 'device' | 'interface' | 'endpoint' | 'other';
  readonly request: number;
  readonly value: number;
  readonly index: number;
}

/** One place for a transfer on an endpoint, used again and again. */
export interface UsbTransfer {
  readonly pending: boolean;
  /**
   * Reads into `bytes`, or sends them; they belong to the transfer until it is done. False when the device cannot be
   * asked any more (it is gone, or the handle is being closed): then nothing is called.
   */
  submit(bytes: Uint8Array): boolean;
  /** Ends a pending one early: it is done soon, CANCELLED unless it was done anyway. */
  cancel(): void;
}

/** `length`: bytes that were really moved. May submit again at once. */
export type TransferDone = (status: UsbStatus, length: number) => void;

/** An open device. What fails rejects with a NetError: EPIPE is a stalled request, ENODEV a device that is gone. */
export interface UsbHandle {
  /** bConfigurationValue of the active configuration; 0: none. */
  readonly configuration: number;
  selectConfiguration(value: number): Promise<void>;
  /** Also takes the interface from a driver of the operating system, which gets it back in close(). */
  claimInterface(number: number): Promise<void>;
  selectAlternate(number: number, alternate: number): Promise<void>;
  controlIn(setup: UsbSetup, length: number): Promise<Uint8Array>;
  controlOut(setup: UsbSetup, data?: Uint8Array): Promise<void>;
  /** A transfer on a claimed endpoint (its address with the direction bit). */
  transfer(endpoint: number, type: 'bulk' | 'interrupt', done: TransferDone): UsbTransfer;
  clearHalt(endpoint: number): Promise<void>;
  /** Transfers that were submitted and are not done. */
  readonly inFlight: number;
  /** Cancels what is pending, waits for its end, gives interfaces and drivers back. May be called twice. */
  close(): Promise<void>;
}

export interface UsbStrings {
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly serial?: string | undefined;
}

/** Who has an interface now, where the operating system tells. */
export interface UsbOwner {
  readonly interface: number;
  /** The operating system's driver: 'cdc_ether', 'usbfs' (a program). */
  readonly driver: string;
  /** Its network interface, and whether that has an address: somebody works with it. */
  readonly netdev?: string | undefined;
  /** The address of that. */
  readonly mac?: string | undefined;
  readonly inUse?: boolean | undefined;
}

export interface UsbDevice {
  /** Where it is plugged in: '1-2.3' is port 3 of the hub at port 2 of bus 1. */
  readonly path: string;
  readonly vendorId: number;
  readonly productId: number;
  /** The 18 bytes of the device descriptor. */
  readonly descriptor: Uint8Array;
  /** The configuration descriptors with all that follows each, as the device sends them. */
  readonly configurations: readonly Uint8Array[];
  /** Mbit/s of the bus it is on. */
  readonly speedMbps?: number | undefined;
  /** May open the device for a moment to ask. What cannot be had is left out. */
  strings(): Promise<UsbStrings>;
  owners(): readonly UsbOwner[];
  /** undefined when it can be opened as far as permissions go; otherwise what is missing. */
  accessProblem(): UsbAccessProblem | undefined;
  open(): Promise<UsbHandle>;
}

export interface UsbAccessProblem {
  /** '/dev/bus/usb/001/004 belongs to root:root, mode 664' */
  readonly what: string;
  /** Lines to paste into a shell. */
  readonly remedy: readonly string[];
}

export interface UsbHost {
  devices(): readonly UsbDevice[];
  /** Hears of devices that come and go, until the returned function is called. */
  watch(listener: (event: 'attach' | 'detach', device: UsbDevice) => void): () => void;
}

/** 'in' endpoints have this bit in their address. */
export const USB_DIR_IN = 0x80;

/** '0525:a4a2', as lsusb writes it. */
export function usbId({ vendorId, productId }: Pick<UsbDevice, 'vendorId' | 'productId'>): string {
  return `${hex4(vendorId)}:${hex4(productId)}`;
}

function hex4(n: number): string {
  return n.toString(16).padStart(4, '0');
}
