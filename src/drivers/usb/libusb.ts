/**
 * The USB host over libusb (npm package `usb`).
 *
 *   open ─► [detach the kernel's drivers] ─► [configuration] ─► claim ─► alternate ─► transfers
 *   close ─► cancel all, wait for all ─► release ─► configuration as it was, drivers attached again ─► closed
 *
 * libusb must not close a device with anything pending, so everything that was begun is counted. On Linux an open device is
 * never suspended (usbfs holds it awake), so there is no autosuspend to turn off.
 */
import { NetError } from '../../net_error.js';
import {
  type Binding,
  type BindingConfiguration,
  type BindingDevice,
  type BindingError,
  type BindingTransfer,
  loadBinding,
  usbError,
} from './libusb_binding.js';
import { parseString } from './descriptors.js';
import { accessProblem, owners, speedMbps, sysfsStrings } from './sysfs.js';
import {
  type TransferDone,
  type UsbAccessProblem,
  type UsbDevice,
  type UsbHandle,
  type UsbHost,
  usbId,
  type UsbOwner,
  type UsbSetup,
  UsbStatus,
  type UsbStrings,
  type UsbTransfer,
} from './transport.js';

const CONTROL_MS = 5000;
const TYPE = { control: 0, bulk: 2, interrupt: 3 } as const;
const REQUEST_TYPE = { standard: 0, class: 0x20, vendor: 0x40 } as const;
const RECIPIENT = { device: 0, interface: 1, endpoint: 2, other: 3 } as const;
const SETUP_BYTES = 8;
const DIR_IN = 0x80;
const STATUS_GONE = -4;
const LANG_ENGLISH = 0x0409;
const STRING_BYTES = 255;

export async function openLibusb(): Promise<UsbHost> {
  return new LibusbHost(await loadBinding());
}

class LibusbHost implements UsbHost {
  private readonly known = new WeakMap<BindingDevice, LibusbDevice>();

  constructor(private readonly binding: Binding) {}

  devices(): readonly UsbDevice[] {
    return this.binding.getDeviceList().map((device) => this.device(device));
  }

  watch(listener: (event: 'attach' | 'detach', device: UsbDevice) => void): () => void {
    const attach = (device: BindingDevice) => listener('attach', this.device(device));
    const detach = (device: BindingDevice) => listener('detach', this.device(device));
    this.binding.on('attach', attach);
    this.binding.on('detach', detach);
    this.binding.unrefHotplugEvents();
    return () => {
      this.binding.removeListener('attach', attach);
      this.binding.removeListener('detach', detach);
    };
  }

  private device(device: BindingDevice): LibusbDevice {
    let made = this.known.get(device);
    if (made === undefined) {
      made = new LibusbDevice(this.binding, device);
      this.known.set(device, made);
    }
    return made;
  }
}

class LibusbDevice implements UsbDevice {
  readonly path: string;
  readonly vendorId: number;
  readonly productId: number;
  readonly descriptor: Uint8Array;
  private raw: readonly Uint8Array[] | undefined;

  constructor(
    private readonly binding: Binding,
    private readonly device: BindingDevice,
  ) {
    const { busNumber, portNumbers, deviceDescriptor: d } = device;
    this.path = portNumbers === undefined ? `usb${busNumber}` : `${busNumber}-${portNumbers.join('.')}`;
    this.vendorId = d['idVendor']!;
    this.productId = d['idProduct']!;
    this.descriptor = deviceBytes(d);
  }

  get configurations(): readonly Uint8Array[] {
    this.raw ??= this.device.allConfigDescriptors.map(configurationBytes);
    return this.raw;
  }

  get speedMbps(): number | undefined {
    return speedMbps(this.path);
  }

  async strings(): Promise<UsbStrings> {
    const told = sysfsStrings(this.path);
    if (told !== undefined) return told;
    let handle: UsbHandle;
    try {
      handle = await this.open();
    } catch {
      return {};
    }
    const text = async (index: number) => {
      if (index === 0) return undefined;
      const setup: UsbSetup = {
        requestType: 'standard',
        recipient: 'device',
        request: 6,
        value: 0x300 | index,
        index: LANG_ENGLISH,
      };
      return await handle.controlIn(setup, STRING_BYTES).then(parseString, () => undefined);
    };
    try {
      const [manufacturer, product, serial] = [
        this.descriptor[14]!,
        this.descriptor[15]!,
        this.descriptor[16]!,
      ];
      return {
        manufacturer: await text(manufacturer),
        product: await text(product),
        serial: await text(serial),
      };
    } finally {
      await handle.close();
    }
  }

  owners(): readonly UsbOwner[] {
    return owners(this.path);
  }

  accessProblem(): UsbAccessProblem | undefined {
    const { busNumber, deviceAddress } = this.device;
    return accessProblem(busNumber, deviceAddress, usbId(this));
  }

  async open(): Promise<UsbHandle> {
    const name = `USB device ${usbId(this)} at ${this.path}`;
    try {
      this.device.__open();
    } catch (cause) {
      const { message, code } = usbError(name, cause);
      const problem = code === 'EACCES' ? this.accessProblem() : undefined;
      const advice = problem === undefined ? '' : ` (${problem.what}); 'ww usb list' prints what is missing`;
      throw new NetError(code, `${message}${advice}`, { cause });
    }
    return new LibusbHandle(this.binding, this.device, name);
  }
}

class LibusbTransfer implements UsbTransfer {
  pending = false;
  readonly native: BindingTransfer;

  constructor(
    private readonly owner: LibusbHandle,
    device: BindingDevice,
    binding: Binding,
    endpoint: number,
    type: number,
    timeoutMs: number,
    private readonly done: TransferDone,
  ) {
    this.native = new binding.Transfer(device, endpoint, type, timeoutMs, (error, _bytes, length) => {
      this.end(error === undefined ? UsbStatus.COMPLETED : error.errno, length);
    });
  }

  submit(bytes: Uint8Array): boolean {
    if (this.owner.closing) return false;
    try {
      this.native.submit(bytes);
    } catch (error) {
      if ((error as BindingError).errno === STATUS_GONE) return false;
      // The kernel would not take it (its memory for transfers is used up): an error of this transfer, soon.
      setImmediate(() => this.end(UsbStatus.ERROR, 0));
    }
    this.pending = true;
    this.owner.began(this);
    return true;
  }

  cancel(): void {
    if (!this.pending) return;
    try {
      this.native.cancel();
    } catch {
      // It ended in this moment; its completion is on the way.
    }
  }

  private end(status: UsbStatus, length: number): void {
    this.pending = false;
    this.owner.ended(this);
    this.done(status, length);
  }
}

class LibusbHandle implements UsbHandle {
  closing = false;
  private readonly pending = new Set<LibusbTransfer>();
  private readonly claimed = new Set<number>();
  private readonly detached = new Set<number>();
  private readonly first: number;
  /** Requests that run in libuv's threads. */
  private readonly calls = new Set<Promise<void>>();
  private idle: (() => void) | undefined;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly binding: Binding,
    private readonly device: BindingDevice,
    private readonly name: string,
  ) {
    this.first = this.configuration;
  }

  get configuration(): number {
    try {
      return this.device.configDescriptor?.bConfigurationValue ?? 0;
    } catch {
      return 0;
    }
  }

  get inFlight(): number {
    return this.pending.size;
  }

  async selectConfiguration(value: number): Promise<void> {
    for (const [alternate] of this.device.configDescriptor?.interfaces ?? [])
      if (alternate !== undefined) this.detach(alternate.bInterfaceNumber);
    await this.call(`configuration ${value}`, (done) => this.device.__setConfiguration(value, done));
  }

  async claimInterface(number: number): Promise<void> {
    this.detach(number);
    try {
      this.device.__claimInterface(number);
    } catch (cause) {
      throw usbError(`${this.name}: interface ${number} cannot be had`, cause);
    }
    this.claimed.add(number);
  }

  async selectAlternate(number: number, alternate: number): Promise<void> {
    await this.call(`alternate setting ${number}.${alternate}`, (done) =>
      this.device.__setInterface(number, alternate, done),
    );
  }

  async controlIn(setup: UsbSetup, length: number): Promise<Uint8Array> {
    const bytes = this.setup(DIR_IN, setup, length);
    const actual = await this.control(setup, bytes);
    return bytes.subarray(SETUP_BYTES, SETUP_BYTES + Math.min(actual, length));
  }

  async controlOut(setup: UsbSetup, data: Uint8Array = new Uint8Array(0)): Promise<void> {
    const bytes = this.setup(0, setup, data.length);
    bytes.set(data, SETUP_BYTES);
    await this.control(setup, bytes);
  }

  transfer(endpoint: number, type: 'bulk' | 'interrupt', done: TransferDone): UsbTransfer {
    return new LibusbTransfer(this, this.device, this.binding, endpoint, TYPE[type], 0, done);
  }

  async clearHalt(endpoint: number): Promise<void> {
    await this.call(`clearing the halt of endpoint 0x${endpoint.toString(16)}`, (done) =>
      this.device.__clearHalt(endpoint, done),
    );
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  began(transfer: LibusbTransfer): void {
    this.pending.add(transfer);
  }

  ended(transfer: LibusbTransfer): void {
    this.pending.delete(transfer);
    if (this.pending.size === 0) this.idle?.();
  }

  private async end(): Promise<void> {
    this.closing = true;
    for (const transfer of [...this.pending]) transfer.cancel();
    await Promise.allSettled([...this.calls]);
    if (this.pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    const quietly = (work: (done: (error?: BindingError) => void) => void) => this.run(work).catch(() => {});
    for (const number of this.claimed) await quietly((done) => this.device.__releaseInterface(number, done));
    // A configuration that is set anew is offered to the kernel's drivers; attaching them is for one that stayed.
    if (this.first !== 0 && this.first !== this.configuration)
      await quietly((done) => this.device.__setConfiguration(this.first, done));
    else for (const number of this.detached) this.attach(number);
    this.device.__close();
  }

  private detach(number: number): void {
    try {
      if (!this.device.__isKernelDriverActive(number)) return;
      this.device.__detachKernelDriver(number);
      this.detached.add(number);
    } catch {
      // No such thing on this system, or it went by itself with a neighbour's; claiming says more.
    }
  }

  private attach(number: number): void {
    try {
      this.device.__attachKernelDriver(number);
    } catch {
      // One driver may have had two interfaces and is back already, or the device is gone.
    }
  }

  private setup(direction: number, setup: UsbSetup, length: number): Uint8Array {
    const bytes = new Uint8Array(SETUP_BYTES + length);
    const { requestType, recipient, request, value, index } = setup;
    bytes.set([
      direction | REQUEST_TYPE[requestType] | RECIPIENT[recipient],
      request,
      value & 0xff,
      value >> 8,
      index & 0xff,
      index >> 8,
      length & 0xff,
      length >> 8,
    ]);
    return bytes;
  }

  private control({ request }: UsbSetup, bytes: Uint8Array): Promise<number> {
    const what = `${this.name}: request 0x${request.toString(16).padStart(2, '0')}`;
    return new Promise((resolve, reject) => {
      const transfer = new LibusbTransfer(
        this,
        this.device,
        this.binding,
        0,
        TYPE.control,
        CONTROL_MS,
        (status, length) => {
          if (status === UsbStatus.COMPLETED) resolve(length);
          else reject(usbError(what, { errno: status }));
        },
      );
      if (!transfer.submit(bytes)) reject(new NetError('ENODEV', `${what}: the device is gone`));
    });
  }

  private async call(what: string, work: (done: (error?: BindingError) => void) => void): Promise<void> {
    if (this.closing) throw new NetError('ENODEV', `${this.name}: ${what}: it is being closed`);
    const running = this.run(work);
    this.calls.add(running);
    try {
      await running;
    } catch (cause) {
      throw usbError(`${this.name}: ${what}`, cause);
    } finally {
      this.calls.delete(running);
    }
  }

  private run(work: (done: (error?: BindingError) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
  }
}

function deviceBytes(d: Record<string, number>): Uint8Array {
  const u16 = (value: number) => [value & 0xff, value >> 8];
  return Uint8Array.from([
    d['bLength']!,
    d['bDescriptorType']!,
    ...u16(d['bcdUSB']!),
    d['bDeviceClass']!,
    d['bDeviceSubClass']!,
    d['bDeviceProtocol']!,
    d['bMaxPacketSize0']!,
    ...u16(d['idVendor']!),
    ...u16(d['idProduct']!),
    ...u16(d['bcdDevice']!),
    d['iManufacturer']!,
    d['iProduct']!,
    d['iSerialNumber']!,
    d['bNumConfigurations']!,
  ]);
}

/** As the device sent it, put together again of what libusb took apart, so that there is one parser (descriptors.ts). */
function configurationBytes(c: BindingConfiguration): Uint8Array {
  const body: number[] = [...c.extra];
  for (const i of c.interfaces.flat()) {
    body.push(
      9,
      4,
      i.bInterfaceNumber,
      i.bAlternateSetting,
      i.bNumEndpoints,
      i.bInterfaceClass,
      i.bInterfaceSubClass,
      i.bInterfaceProtocol,
      i.iInterface,
      ...i.extra,
    );
    for (const e of i.endpoints) {
      const size = e.wMaxPacketSize;
      body.push(7, 5, e.bEndpointAddress, e.bmAttributes, size & 0xff, size >> 8, e.bInterval, ...e.extra);
    }
  }
  const total = 9 + body.length;
  return Uint8Array.from([
    9,
    2,
    total & 0xff,
    total >> 8,
    c.bNumInterfaces,
    c.bConfigurationValue,
    c.iConfiguration,
    c.bmAttributes,
    c.bMaxPower,
    ...body,
  ]);
}
