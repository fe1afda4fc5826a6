/**
 * A USB host without USB, for unit tests: devices are plugged in and out, their control requests are answered by a function,
 * and their endpoints are worked by hand.
 *
 *   driver ── bulk out ─► device.sent()          device.send() ── bulk in, interrupt ─► driver
 *
 * Completions come in a later turn of the event loop, and a transfer is submitted only once at a time, as with libusb.
 */
import { NetError } from '../../net_error.js';
import {
  type TransferDone,
  type UsbAccessProblem,
  USB_DIR_IN,
  type UsbDevice,
  type UsbHandle,
  type UsbHost,
  type UsbOwner,
  type UsbSetup,
  UsbStatus,
  type UsbStrings,
  type UsbTransfer,
} from './transport.js';

export interface FakeDeviceOptions {
  readonly path?: string;
  readonly descriptor: Uint8Array;
  readonly configurations: readonly Uint8Array[];
  readonly serial?: string;
  readonly owners?: readonly UsbOwner[];
  readonly problem?: UsbAccessProblem;
  /** Answers a control request; null is a stall. `data` is there in requests to the device. */
  readonly control?: (setup: UsbSetup, data: Uint8Array | undefined) => Uint8Array | null;
}

export class FakeUsbHost implements UsbHost {
  private readonly plugged = new Set<FakeUsbDevice>();
  private readonly listeners = new Set<(event: 'attach' | 'detach', device: UsbDevice) => void>();

  constructor(...devices: readonly FakeUsbDevice[]) {
    for (const device of devices) this.plugged.add(device);
  }

  devices(): readonly UsbDevice[] {
    return [...this.plugged];
  }

  watch(listener: (event: 'attach' | 'detach', device: UsbDevice) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get watchers(): number {
    return this.listeners.size;
  }

  plug(device: FakeUsbDevice): void {
    this.plugged.add(device);
    for (const listener of this.listeners) listener('attach', device);
  }

  unplug(device: FakeUsbDevice): void {
    this.plugged.delete(device);
    device.unplugged();
    for (const listener of this.listeners) listener('detach', device);
  }
}

export class FakeUsbDevice implements UsbDevice {
  readonly path: string;
  readonly vendorId: number;
  readonly productId: number;
  readonly descriptor: Uint8Array;
  readonly configurations: readonly Uint8Array[];
  /** The open handle. */
  handle: FakeHandle | undefined;
  /** Set to refuse open(). */
  refuse: NetError | undefined;
  opened = 0;
  closed = 0;
  configuration = 1;
  readonly requests: { setup: UsbSetup; data: Uint8Array | undefined }[] = [];
  private gone = false;

  constructor(readonly options: FakeDeviceOptions) {
    const d = options.descriptor;
    this.path = options.path ?? '1-1';
    this.descriptor = d;
    this.configurations = options.configurations;
    this.vendorId = d[8]! | (d[9]! << 8);
    this.productId = d[10]! | (d[11]! << 8);
  }

  strings(): Promise<UsbStrings> {
    return Promise.resolve({ serial: this.options.serial });
  }

  owners(): readonly UsbOwner[] {
    return this.options.owners ?? [];
  }

  accessProblem(): UsbAccessProblem | undefined {
    return this.options.problem;
  }

  open(): Promise<UsbHandle> {
    if (this.refuse !== undefined) return Promise.reject(this.refuse);
    if (this.gone) return Promise.reject(new NetError('ENODEV', 'the device is gone'));
    this.opened++;
    this.handle = new FakeHandle(this);
    return Promise.resolve(this.handle);
  }

  unplugged(): void {
    this.gone = true;
    this.handle?.fail(UsbStatus.NO_DEVICE);
  }

  /** The device sends on an 'in' endpoint; `status` other than COMPLETED ends one transfer so. */
  send(endpoint: number, bytes: Uint8Array, status = UsbStatus.COMPLETED): void {
    this.handle?.deliver(endpoint, bytes, status);
  }

  /** What has come to an 'out' endpoint, a transfer each, and takes it away. */
  sent(endpoint: number): Uint8Array[] {
    return this.handle?.sent.get(endpoint)?.splice(0) ?? [];
  }

  /** Stops taking what is sent: transfers stay pending. */
  hold(held: boolean): void {
    if (this.handle !== undefined) this.handle.held = held;
    if (!held) this.handle?.resume();
  }
}

class FakeTransfer implements UsbTransfer {
  pending = false;
  bytes: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly owner: FakeHandle,
    readonly endpoint: number,
    private readonly done: TransferDone,
  ) {}

  submit(bytes: Uint8Array): boolean {
    if (this.pending) throw new Error('Transfer is already active');
    if (!this.owner.usable) return false;
    this.pending = true;
    this.bytes = bytes;
    this.owner.submitted(this);
    return true;
  }

  cancel(): void {
    if (this.pending) this.owner.cancelled(this);
  }

  end(status: UsbStatus, length: number): void {
    setImmediate(() => {
      this.pending = false;
      this.owner.ended(this);
      this.done(status, length);
    });
  }
}

export class FakeHandle implements UsbHandle {
  readonly sent = new Map<number, Uint8Array[]>();
  readonly claimed = new Set<number>();
  readonly alternates = new Map<number, number>();
  readonly cleared: number[] = [];
  held = false;
  private readonly live = new Set<FakeTransfer>();
  /** Submitted and not answered, by endpoint, in order. */
  private readonly waiting = new Map<number, FakeTransfer[]>();
  private readonly unread = new Map<number, { bytes: Uint8Array; status: UsbStatus }[]>();
  private closing: Promise<void> | undefined;
  private gone = false;

  constructor(private readonly device: FakeUsbDevice) {}

  get configuration(): number {
    return this.device.configuration;
  }

  get usable(): boolean {
    return !this.gone && this.closing === undefined;
  }

  get inFlight(): number {
    return this.live.size;
  }

  async selectConfiguration(value: number): Promise<void> {
    await this.check();
    this.device.configuration = value;
  }

  async claimInterface(number: number): Promise<void> {
    await this.check();
    this.claimed.add(number);
  }

  async selectAlternate(number: number, alternate: number): Promise<void> {
    await this.check();
    if (!this.claimed.has(number)) throw new NetError('EINVAL', `interface ${number} is not claimed`);
    this.alternates.set(number, alternate);
  }

  async controlIn(setup: UsbSetup, length: number): Promise<Uint8Array> {
    return (await this.control(setup, undefined)).slice(0, length);
  }

  async controlOut(setup: UsbSetup, data?: Uint8Array): Promise<void> {
    await this.control(setup, data === undefined ? new Uint8Array(0) : data.slice());
  }

  transfer(endpoint: number, _type: 'bulk' | 'interrupt', done: TransferDone): UsbTransfer {
    return new FakeTransfer(this, endpoint, done);
  }

  async clearHalt(endpoint: number): Promise<void> {
    await this.check();
    if (this.waiting.get(endpoint)?.some(({ pending }) => pending))
      throw new Error('a halt cleared under transfers');
    this.cleared.push(endpoint);
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  submitted(transfer: FakeTransfer): void {
    this.live.add(transfer);
    const { endpoint } = transfer;
    const queue = this.waiting.get(endpoint) ?? [];
    this.waiting.set(endpoint, queue);
    queue.push(transfer);
    if ((endpoint & USB_DIR_IN) !== 0) this.match(endpoint);
    else if (!this.held) this.resume();
  }

  cancelled(transfer: FakeTransfer): void {
    const queue = this.waiting.get(transfer.endpoint) ?? [];
    const at = queue.indexOf(transfer);
    if (at < 0) return;
    queue.splice(at, 1);
    transfer.end(UsbStatus.CANCELLED, 0);
  }

  ended(transfer: FakeTransfer): void {
    this.live.delete(transfer);
  }

  fail(status: UsbStatus): void {
    if (status === UsbStatus.NO_DEVICE) this.gone = true;
    for (const queue of this.waiting.values())
      for (const transfer of queue.splice(0)) transfer.end(status, 0);
  }

  deliver(endpoint: number, bytes: Uint8Array, status: UsbStatus): void {
    const queue = this.unread.get(endpoint) ?? [];
    this.unread.set(endpoint, queue);
    queue.push({ bytes, status });
    this.match(endpoint);
  }

  resume(): void {
    for (const [endpoint, queue] of this.waiting) {
      if ((endpoint & USB_DIR_IN) !== 0) continue;
      const taken = this.sent.get(endpoint) ?? [];
      this.sent.set(endpoint, taken);
      for (const transfer of queue.splice(0)) {
        taken.push(transfer.bytes.slice());
        transfer.end(UsbStatus.COMPLETED, transfer.bytes.length);
      }
    }
  }

  /** The next transfers take what the device has sent; what is longer than a transfer goes on in the next. */
  private match(endpoint: number): void {
    const queue = this.waiting.get(endpoint) ?? [];
    const unread = this.unread.get(endpoint) ?? [];
    while (queue.length > 0 && unread.length > 0) {
      const transfer = queue.shift()!;
      const { bytes, status } = unread[0]!;
      const length = Math.min(bytes.length, transfer.bytes.length);
      transfer.bytes.set(bytes.subarray(0, length));
      if (length < bytes.length) unread[0] = { bytes: bytes.subarray(length), status };
      else unread.shift();
      transfer.end(status, length);
    }
  }

  private async control(setup: UsbSetup, data: Uint8Array | undefined): Promise<Uint8Array> {
    await this.check();
    this.device.requests.push({ setup, data });
    const answer = this.device.options.control?.(setup, data);
    await this.check();
    if (answer === null) throw new NetError('EPIPE', 'the device refused it (stall)');
    return answer ?? new Uint8Array(0);
  }

  private async check(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.usable) throw new NetError('ENODEV', 'the device is gone');
  }

  private async end(): Promise<void> {
    for (const transfer of [...this.live]) this.cancelled(transfer);
    while (this.live.size > 0) await new Promise((resolve) => setImmediate(resolve));
    this.device.closed++;
    if (this.device.handle === this) this.device.handle = undefined;
  }
}

/** Descriptors for tests, their lengths filled in. */
export function deviceDescriptor(vendorId: number, productId: number, configurations = 1): Uint8Array {
  const u16 = (n: number) => [n & 0xff, n >> 8];
  return Uint8Array.from([
    18,
    1,
    ...u16(0x200),
    2,
    0,
    0,
    64,
    ...u16(vendorId),
    ...u16(productId),
    0,
    1,
    1,
    2,
    3,
    configurations,
  ]);
}

export interface FakeInterface {
  readonly number: number;
  readonly alternate?: number;
  /** Class, subclass, protocol. */
  readonly kind: readonly [number, number, number];
  /** Bodies of class-specific descriptors, from their subtype on. */
  readonly functional?: readonly (readonly number[])[];
  /** Address, type (2 bulk, 3 interrupt), wMaxPacketSize. */
  readonly endpoints?: readonly (readonly [number, number, number])[];
}

export function configurationDescriptor(value: number, interfaces: readonly FakeInterface[]): Uint8Array {
  const body = interfaces.flatMap(({ number, alternate = 0, kind, functional = [], endpoints = [] }) => [
    ...[9, 4, number, alternate, endpoints.length, ...kind, 0],
    ...functional.flatMap((record) => [record.length + 2, 0x24, ...record]),
    ...endpoints.flatMap(([address, type, size]) => [7, 5, address, type, size & 0xff, size >> 8, 1]),
  ]);
  const total = 9 + body.length;
  const numbers = new Set(interfaces.map(({ number }) => number)).size;
  return Uint8Array.from([9, 2, total & 0xff, total >> 8, numbers, value, 0, 0xc0, 50, ...body]);
}

/** A string descriptor. */
export function stringDescriptor(text: string): Uint8Array {
  const units = [...text].flatMap((c) => [c.charCodeAt(0) & 0xff, c.charCodeAt(0) >> 8]);
  return Uint8Array.from([2 + units.length, 3, ...units]);
}
