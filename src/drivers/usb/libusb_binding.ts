/**
 * The native half of the npm package `usb`, as far as libusb.ts uses it. Its own JavaScript (Interface, Endpoint) is passed
 * by: it counts interfaces by their place instead of by bInterfaceNumber, and allocates a buffer for each transfer.
 */
import { NetError } from '../../net_error.js';

/** `errno` is a status of a transfer (above 0) or an error of libusb (below 0). */
export interface BindingError extends Error {
  readonly errno: number;
}

type Done = (error?: BindingError) => void;

export interface BindingTransfer {
  submit(bytes: Uint8Array): void;
  cancel(): boolean;
}

interface BindingEndpoint {
  readonly bLength: number;
  readonly bDescriptorType: number;
  readonly bEndpointAddress: number;
  readonly bmAttributes: number;
  readonly wMaxPacketSize: number;
  readonly bInterval: number;
  readonly bRefresh: number;
  readonly bSynchAddress: number;
  readonly extra: Uint8Array;
}

interface BindingInterface {
  readonly bLength: number;
  readonly bDescriptorType: number;
  readonly bInterfaceNumber: number;
  readonly bAlternateSetting: number;
  readonly bNumEndpoints: number;
  readonly bInterfaceClass: number;
  readonly bInterfaceSubClass: number;
  readonly bInterfaceProtocol: number;
  readonly iInterface: number;
  readonly extra: Uint8Array;
  readonly endpoints: readonly BindingEndpoint[];
}

export interface BindingConfiguration {
  readonly bLength: number;
  readonly bDescriptorType: number;
  readonly bNumInterfaces: number;
  readonly bConfigurationValue: number;
  readonly iConfiguration: number;
  readonly bmAttributes: number;
  readonly bMaxPower: number;
  readonly extra: Uint8Array;
  readonly interfaces: readonly (readonly BindingInterface[])[];
}

export interface BindingDevice {
  readonly busNumber: number;
  readonly deviceAddress: number;
  readonly portNumbers?: readonly number[];
  readonly deviceDescriptor: Record<string, number>;
  readonly configDescriptor?: BindingConfiguration | undefined;
  readonly allConfigDescriptors: readonly BindingConfiguration[];
  __open(): void;
  __close(): void;
  __claimInterface(number: number): void;
  __releaseInterface(number: number, done: Done): void;
  __setInterface(number: number, alternate: number, done: Done): void;
  __setConfiguration(value: number, done: Done): void;
  __clearHalt(endpoint: number, done: Done): void;
  __isKernelDriverActive(number: number): boolean;
  __detachKernelDriver(number: number): void;
  __attachKernelDriver(number: number): void;
}

export interface Binding {
  readonly INIT_ERROR: number;
  readonly Transfer: new (
    device: BindingDevice,
    endpoint: number,
    type: number,
    timeoutMs: number,
    done: (error: BindingError | undefined, bytes: Uint8Array, length: number) => void,
  ) => BindingTransfer;
  getDeviceList(): BindingDevice[];
  on(event: 'attach' | 'detach', listener: (device: BindingDevice) => void): void;
  removeListener(event: 'attach' | 'detach', listener: (device: BindingDevice) => void): void;
  /** Waiting for devices does not keep the process alive. */
  unrefHotplugEvents(): void;
}

/** Loads libusb. ENOSYS, with what to install, when it cannot be had on this machine. */
export async function loadBinding(): Promise<Binding> {
  let binding: Binding;
  try {
    binding = (await import('usb')).usb as unknown as Binding;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = /libudev/.test(why)
      ? 'libudev.so.1 is missing: sudo apt-get install libudev1'
      : 'npm install, or npm rebuild usb, puts it there';
    throw new NetError(
      'ENOSYS',
      `USB cannot be used: libusb was not loaded (${why.split('\n')[0]}); ${advice}`,
      {
        cause,
      },
    );
  }
  if (binding.INIT_ERROR !== 0)
    throw new NetError(
      'ENOSYS',
      `USB cannot be used: libusb did not start (error ${binding.INIT_ERROR}); is /dev/bus/usb there?`,
    );
  return binding;
}

/** Errors of libusb by their number. */
const CODES: Record<number, string> = {
  [-1]: 'EIO',
  [-2]: 'EINVAL',
  [-3]: 'EACCES',
  [-4]: 'ENODEV',
  [-5]: 'ENOENT',
  [-6]: 'EBUSY',
  [-7]: 'ETIMEDOUT',
  [-8]: 'EOVERFLOW',
  [-9]: 'EPIPE',
  [-10]: 'EINTR',
  [-11]: 'ENOMEM',
  [-12]: 'EOPNOTSUPP',
  1: 'EIO',
  2: 'ETIMEDOUT',
  3: 'ECANCELED',
  4: 'EPIPE',
  5: 'ENODEV',
  6: 'EOVERFLOW',
};

const WORDS: Record<string, string> = {
  EACCES: 'permission denied',
  ENODEV: 'the device is gone',
  EBUSY: 'another program or driver has it',
  ETIMEDOUT: 'the device did not answer',
  EPIPE: 'the device refused it (stall)',
  EOVERFLOW: 'the device sent more than was asked for',
  ECANCELED: 'given up',
};

/** `what` was tried and failed so. */
export function usbError(what: string, cause: unknown): NetError {
  if (cause instanceof NetError) return cause;
  const errno = (cause as Partial<BindingError>).errno;
  const code = (errno === undefined ? undefined : CODES[errno]) ?? 'EIO';
  const words = WORDS[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new NetError(code, `${what}: ${words}`, { cause });
}
