/**
 * USB descriptors (USB 2.0 §9.5, §9.6), checked before they are believed. A configuration is a row of records
 *
 *   configuration │ interface, class-specific..., endpoint, endpoint... │ interface ...
 *   each record:    u8 bLength, u8 bDescriptorType, bLength - 2 bytes
 *
 * A record that is too short for its type, that goes on behind the end, or that would not move on (bLength 0) makes the
 * whole configuration unusable: an EPROTO that names the record and its place. Counts that do not agree with what is there
 * (bNumEndpoints, bNumInterfaces) are common in devices that work; what is there counts, and `odd` says so.
 */
import { NetError } from '../../net_error.js';

export const DT_DEVICE = 1;
export const DT_CONFIG = 2;
export const DT_STRING = 3;
export const DT_INTERFACE = 4;
export const DT_ENDPOINT = 5;
export const DT_CS_INTERFACE = 0x24;

const DEVICE_BYTES = 18;
const CONFIG_BYTES = 9;
const INTERFACE_BYTES = 9;
const ENDPOINT_BYTES = 7;

export const ENDPOINT_TYPES = ['control', 'isochronous', 'bulk', 'interrupt'] as const;

export interface DeviceInfo {
  readonly bcdUSB: number;
  readonly deviceClass: number;
  readonly deviceSubClass: number;
  readonly deviceProtocol: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly bcdDevice: number;
  readonly manufacturer: number;
  readonly product: number;
  readonly serial: number;
  readonly configurations: number;
}

export interface EndpointInfo {
  /** With the direction bit. */
  readonly address: number;
  readonly type: (typeof ENDPOINT_TYPES)[number];
  readonly maxPacketSize: number;
  readonly interval: number;
}

export interface InterfaceInfo {
  readonly number: number;
  readonly alternate: number;
  readonly interfaceClass: number;
  readonly interfaceSubClass: number;
  readonly interfaceProtocol: number;
  readonly name: number;
  readonly endpoints: readonly EndpointInfo[];
  /** The other records behind it, class-specific ones: each whole, bLength first. */
  readonly extra: readonly Uint8Array[];
}

export interface ConfigurationInfo {
  readonly value: number;
  readonly name: number;
  readonly selfPowered: boolean;
  readonly remoteWakeup: boolean;
  readonly maxPower: number;
  /** Every alternate setting of every interface, in the device's order. */
  readonly interfaces: readonly InterfaceInfo[];
  readonly odd: readonly string[];
}

export function parseDevice(bytes: Uint8Array): DeviceInfo {
  if (bytes.length < DEVICE_BYTES || bytes[0]! < DEVICE_BYTES)
    throw broken(
      `a device descriptor of ${Math.min(bytes.length, bytes[0] ?? 0)} bytes; it has ${DEVICE_BYTES}`,
    );
  if (bytes[1] !== DT_DEVICE) throw broken(`no device descriptor: its type is ${bytes[1]}`);
  const u16 = (at: number) => bytes[at]! | (bytes[at + 1]! << 8);
  return {
    bcdUSB: u16(2),
    deviceClass: bytes[4]!,
    deviceSubClass: bytes[5]!,
    deviceProtocol: bytes[6]!,
    vendorId: u16(8),
    productId: u16(10),
    bcdDevice: u16(12),
    manufacturer: bytes[14]!,
    product: bytes[15]!,
    serial: bytes[16]!,
    configurations: bytes[17]!,
  };
}

/** The records of `bytes` from `at` to `end`, whole ones only. */
function* records(
  bytes: Uint8Array,
  from: number,
  end: number,
): Generator<{ at: number; record: Uint8Array }> {
  for (let at = from; at < end; ) {
    if (end - at < 2) throw broken(`byte ${at}: one byte is left, a descriptor has two at least`);
    const length = bytes[at]!;
    const what = `descriptor of type ${bytes[at + 1]} at byte ${at}`;
    if (length < 2) throw broken(`${what}: bLength is ${length}, so nothing could follow it`);
    if (length > end - at) throw broken(`${what}: bLength is ${length}, but only ${end - at} bytes are left`);
    yield { at, record: bytes.subarray(at, at + length) };
    at += length;
  }
}

interface DraftInterface extends InterfaceInfo {
  readonly endpoints: EndpointInfo[];
  readonly extra: Uint8Array[];
  readonly promised: number;
}

export function parseConfiguration(bytes: Uint8Array): ConfigurationInfo {
  if (bytes.length < CONFIG_BYTES)
    throw broken(`a configuration of ${bytes.length} bytes; it has ${CONFIG_BYTES} at least`);
  if (bytes[0]! < CONFIG_BYTES || bytes[1] !== DT_CONFIG)
    throw broken(`no configuration descriptor: type ${bytes[1]}, bLength ${bytes[0]}`);
  const total = bytes[2]! | (bytes[3]! << 8);
  if (total > bytes.length)
    throw broken(`wTotalLength is ${total}, but the device sent ${bytes.length} bytes`);
  if (total < bytes[0]!) throw broken(`wTotalLength is ${total}, less than bLength, ${bytes[0]}`);
  const odd: string[] = [];
  const interfaces: DraftInterface[] = [];
  for (const { at, record } of records(bytes, bytes[0]!, total)) {
    const type = record[1]!;
    if (type === DT_INTERFACE) {
      interfaces.push(readInterface(record, at, interfaces));
      continue;
    }
    const last = interfaces.at(-1);
    if (type === DT_ENDPOINT) {
      if (last === undefined) throw broken(`endpoint at byte ${at}: no interface is before it`);
      last.endpoints.push(readEndpoint(record, at, last));
    } else if (type === DT_CONFIG || type === DT_DEVICE) {
      throw broken(`descriptor of type ${type} at byte ${at}: inside of a configuration`);
    } else last?.extra.push(record);
  }
  for (const { number, alternate, endpoints, promised } of interfaces) {
    if (endpoints.length !== promised)
      odd.push(
        `interface ${number}.${alternate}: bNumEndpoints is ${promised}, there are ${endpoints.length}`,
      );
  }
  const numbers = new Set(interfaces.map(({ number }) => number)).size;
  if (numbers !== bytes[4]) odd.push(`bNumInterfaces is ${bytes[4]}, there are ${numbers}`);
  return {
    value: bytes[5]!,
    name: bytes[6]!,
    selfPowered: (bytes[7]! & 0x40) !== 0,
    remoteWakeup: (bytes[7]! & 0x20) !== 0,
    maxPower: bytes[8]!,
    interfaces,
    odd,
  };
}

function readInterface(record: Uint8Array, at: number, before: readonly InterfaceInfo[]): DraftInterface {
  if (record.length < INTERFACE_BYTES)
    throw broken(`interface at byte ${at}: bLength is ${record.length}, it has ${INTERFACE_BYTES} bytes`);
  const [number, alternate] = [record[2]!, record[3]!];
  if (before.some((other) => other.number === number && other.alternate === alternate))
    throw broken(`interface at byte ${at}: interface ${number}.${alternate} is there twice`);
  return {
    number,
    alternate,
    promised: record[4]!,
    interfaceClass: record[5]!,
    interfaceSubClass: record[6]!,
    interfaceProtocol: record[7]!,
    name: record[8]!,
    endpoints: [],
    extra: [],
  };
}

function readEndpoint(
  record: Uint8Array,
  at: number,
  { endpoints, number, alternate }: DraftInterface,
): EndpointInfo {
  const where = `endpoint at byte ${at} of interface ${number}.${alternate}`;
  if (record.length < ENDPOINT_BYTES)
    throw broken(`${where}: bLength is ${record.length}, it has ${ENDPOINT_BYTES} bytes`);
  const address = record[2]!;
  if ((address & 0x0f) === 0 || (address & 0x70) !== 0)
    throw broken(`${where}: 0x${address.toString(16)} is no address of an endpoint`);
  if (endpoints.some((other) => other.address === address))
    throw broken(`${where}: endpoint 0x${address.toString(16)} is there twice`);
  return {
    address,
    type: ENDPOINT_TYPES[record[3]! & 3]!,
    // Bits 12:11 are transactions per microframe (USB 2.0 §9.6.6).
    maxPacketSize: (record[4]! | (record[5]! << 8)) & 0x7ff,
    interval: record[6]!,
  };
}

/** Text of a string descriptor (USB 2.0 §9.6.7): UTF-16LE behind two bytes. */
export function parseString(bytes: Uint8Array): string {
  if (bytes.length < 2 || bytes[1] !== DT_STRING) throw broken(`no string descriptor: ${bytes.length} bytes`);
  if (bytes[0]! > bytes.length || bytes[0]! < 2 || (bytes[0]! & 1) !== 0)
    throw broken(`string descriptor: bLength is ${bytes[0]}, the device sent ${bytes.length} bytes`);
  let text = '';
  for (let at = 2; at < bytes[0]!; at += 2) text += String.fromCharCode(bytes[at]! | (bytes[at + 1]! << 8));
  return text;
}

function broken(what: string): NetError {
  return new NetError('EPROTO', `broken USB descriptor: ${what}`);
}
