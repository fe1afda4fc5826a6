/**
 * What the communication device classes share (CDC 1.2, ECM 1.2, PSTN 1.2): functional descriptors, notifications, and the
 * steps of bringing a function up.
 *
 *   communication interface (class 2)  ── union ──►  data interface (class 10)
 *     functional descriptors                            alternate 0: no endpoints, 1: bulk in, bulk out
 *     interrupt endpoint: notifications
 */
import { NetError } from '../../net_error.js';
import {
  type ConfigurationInfo,
  DT_CS_INTERFACE,
  type EndpointInfo,
  type InterfaceInfo,
  parseString,
} from './descriptors.js';
import { USB_DIR_IN, type UsbHandle, type UsbSetup } from './transport.js';
import type { UsbNetEndpoint, UsbNetEvents } from './usb_net_driver.js';

export const USB_CLASS_COMM = 2;
export const CDC_SUBCLASS_ETHERNET = 6;
export const CDC_SUBCLASS_EEM = 12;
export const CDC_SUBCLASS_NCM = 13;

const UNION = 6;
const ETHERNET = 15;
const NCM = 26;

export const ETH_HLEN = 14;
/** Room for two VLAN tags, where the device does not say how long a frame may be. */
export const VLAN_TAGS = 8;

export interface CdcFunctions {
  /** Interface of the data, from the union descriptor. */
  readonly data?: number | undefined;
  readonly ethernet?:
    | {
        readonly macString: number;
        readonly statistics: number;
        readonly segmentBytes: number;
        readonly filters: number;
      }
    | undefined;
  /** bmNetworkCapabilities of NCM. */
  readonly ncmCapabilities?: number | undefined;
}

/** Functional descriptors (CDC 1.2 §5.2.3) of a communication interface; what is too short for its kind is an EPROTO. */
export function cdcFunctions({ extra, number }: InterfaceInfo): CdcFunctions {
  const found: { -readonly [K in keyof CdcFunctions]: CdcFunctions[K] } = {};
  const need = (record: Uint8Array, bytes: number, what: string) => {
    if (record.length < bytes)
      throw new NetError(
        'EPROTO',
        `interface ${number}: its ${what} descriptor has ${record.length} bytes, it needs ${bytes}`,
      );
  };
  for (const record of extra) {
    if (record[1] !== DT_CS_INTERFACE || record.length < 3) continue;
    const u16 = (at: number) => record[at]! | (record[at + 1]! << 8);
    if (record[2] === UNION) {
      need(record, 5, 'union');
      found.data = record[4]!;
    } else if (record[2] === ETHERNET) {
      need(record, 13, 'Ethernet');
      found.ethernet = {
        macString: record[3]!,
        statistics: (u16(4) | (u16(6) << 16)) >>> 0,
        segmentBytes: u16(8),
        filters: u16(10),
      };
    } else if (record[2] === NCM) {
      need(record, 6, 'NCM');
      found.ncmCapabilities = record[5]!;
    }
  }
  return found;
}

export interface BulkPair {
  readonly alternate: InterfaceInfo;
  readonly in: UsbNetEndpoint;
  readonly out: UsbNetEndpoint;
}

/** The first alternate setting of an interface with a bulk endpoint each way. */
export function bulkPair({ interfaces }: ConfigurationInfo, number: number): BulkPair | null {
  for (const alternate of interfaces) {
    if (alternate.number !== number) continue;
    const bulk = alternate.endpoints.filter(
      ({ type, maxPacketSize }) => type === 'bulk' && maxPacketSize > 0,
    );
    const into = bulk.find(({ address }) => (address & USB_DIR_IN) !== 0);
    const out = bulk.find(({ address }) => (address & USB_DIR_IN) === 0);
    if (into !== undefined && out !== undefined) return { alternate, in: into, out };
  }
  return null;
}

export function interruptIn({ endpoints }: InterfaceInfo): EndpointInfo | undefined {
  return endpoints.find(
    ({ type, address, maxPacketSize }) =>
      type === 'interrupt' && (address & USB_DIR_IN) !== 0 && maxPacketSize > 0,
  );
}

/** Interfaces of a configuration that are this, alternate 0 each. */
export function interfacesOf(
  { interfaces }: ConfigurationInfo,
  ...kinds: readonly (readonly [interfaceClass: number, subClass: number, protocol?: number])[]
): readonly InterfaceInfo[] {
  return interfaces.filter(
    (one) =>
      one.alternate === 0 &&
      kinds.some(
        ([interfaceClass, subClass, protocol]) =>
          one.interfaceClass === interfaceClass &&
          one.interfaceSubClass === subClass &&
          (protocol === undefined || one.interfaceProtocol === protocol),
      ),
  );
}

export function classRequest(request: number, value: number, index: number): UsbSetup {
  return { requestType: 'class', recipient: 'interface', request, value, index };
}

/** Of the union descriptor; without one it is the next, as devices have it that leave the descriptor out. */
export function dataInterface(control: InterfaceInfo): number {
  try {
    return cdcFunctions(control).data ?? control.number + 1;
  } catch {
    return control.number + 1;
  }
}

interface ClaimedCdc {
  readonly control: InterfaceInfo;
  readonly data: BulkPair;
  readonly functions: CdcFunctions;
}

/** Both interfaces of a CDC function claimed, the data interface at alternate 0, where that has no endpoints. */
export async function claimCdc(
  handle: UsbHandle,
  configuration: ConfigurationInfo,
  number: number,
): Promise<ClaimedCdc> {
  const control = configuration.interfaces.find((one) => one.number === number && one.alternate === 0)!;
  const functions = cdcFunctions(control);
  const dataNumber = dataInterface(control);
  const data = bulkPair(configuration, dataNumber);
  if (data === null)
    throw new NetError(
      'EPROTO',
      `interface ${dataNumber} has no bulk endpoints for the data of interface ${number}`,
    );
  await handle.claimInterface(number);
  if (dataNumber !== number) await handle.claimInterface(dataNumber);
  // To and fro resets the function, whatever was left of an earlier driver (NCM 1.0 §7.2).
  if (data.alternate.alternate !== 0) await handle.selectAlternate(dataNumber, 0);
  return { control, data, functions };
}

const LANG_ENGLISH = 0x0409;
const GET_DESCRIPTOR = 6;

export async function readString(handle: UsbHandle, index: number): Promise<string> {
  const setup: UsbSetup = {
    requestType: 'standard',
    recipient: 'device',
    request: GET_DESCRIPTOR,
    value: 0x300 | index,
    index: LANG_ENGLISH,
  };
  return parseString(await handle.controlIn(setup, 255));
}

/** iMACAddress (ECM 1.2 §5.4): twelve hexadecimal digits. */
export async function readMacString(handle: UsbHandle, index: number): Promise<string> {
  const text = await readString(handle, index);
  if (!/^[0-9A-Fa-f]{12}$/.test(text))
    throw new NetError(
      'EPROTO',
      `the MAC address of the device is '${text}'; twelve hexadecimal digits would be right`,
    );
  const mac = text.toLowerCase().match(/../g)!.join(':');
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0 || mac === '00:00:00:00:00:00')
    throw new NetError('EPROTO', `the MAC address of the device is ${mac}, which is no station's`);
  return mac;
}

/**
 * Notifications (CDC 1.2 §6.3): 8 bytes in the form of a request, then wLength bytes. An interrupt endpoint of 8 bytes
 * delivers a longer one in pieces.
 */
export class CdcNotifications {
  private readonly bytes = new Uint8Array(64);
  private have = 0;

  constructor(private readonly heard: (code: number, value: number, data: Uint8Array) => void) {}

  push(piece: Uint8Array): void {
    // What cannot be a notification must not be taken for the beginning of the next one.
    if (this.have + piece.length > this.bytes.length) this.have = 0;
    if (piece.length > this.bytes.length) return;
    this.bytes.set(piece, this.have);
    this.have += piece.length;
    if (this.have < 8) {
      this.have = 0;
      return;
    }
    const { bytes } = this;
    const need = 8 + (bytes[6]! | (bytes[7]! << 8));
    if (need > bytes.length || bytes[0] !== 0xa1) {
      this.have = 0;
      return;
    }
    if (this.have < need) return;
    this.have = 0;
    this.heard(bytes[1]!, bytes[2]! | (bytes[3]! << 8), bytes.subarray(8, need));
  }
}

const NETWORK_CONNECTION = 0x00;
const SPEED_CHANGE = 0x2a;

/** The two notifications of Ethernet functions (ECM 1.2 §6.3). */
export function ethernetNotifications(events: UsbNetEvents): CdcNotifications {
  return new CdcNotifications((code, value, data) => {
    if (code === NETWORK_CONNECTION) events.link(value !== 0);
    else if (code === SPEED_CHANGE && data.length >= 8) {
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      events.speed(view.getUint32(0, true), view.getUint32(4, true));
    }
  });
}

const SET_ETHERNET_PACKET_FILTER = 0x43;
const FILTER_PROMISCUOUS = 0x01;
const FILTER_ALL_MULTICAST = 0x02;
const FILTER_DIRECTED = 0x04;
const FILTER_BROADCAST = 0x08;

/**
 * SetEthernetPacketFilter (ECM 1.2 §6.2.4). All multicast: a router hears all groups, and the lists of devices are short.
 * An address other than the device's own needs everything, for the device knows no other. A device that refuses the request
 * receives what it likes, as Linux lives with.
 */
export async function setPacketFilter(handle: UsbHandle, number: number, everything: boolean): Promise<void> {
  const filter =
    FILTER_DIRECTED | FILTER_BROADCAST | FILTER_ALL_MULTICAST | (everything ? FILTER_PROMISCUOUS : 0);
  await handle
    .controlOut(classRequest(SET_ETHERNET_PACKET_FILTER, filter, number))
    .catch((error: unknown) => {
      if (!(error instanceof NetError) || error.code !== 'EPIPE') throw error;
    });
}

const GET_ETHERNET_STATISTIC = 0x44;
/** Ethernet statistics feature selectors (ECM 1.2 table 9), bit n - 1 of bmEthernetStatistics each. */
const STATISTICS = [
  'xmit_ok',
  'rcv_ok',
  'xmit_error',
  'rcv_error',
  'rcv_no_buffer',
  'directed_bytes_xmit',
  'directed_frames_xmit',
  'multicast_bytes_xmit',
  'multicast_frames_xmit',
  'broadcast_bytes_xmit',
  'broadcast_frames_xmit',
  'directed_bytes_rcv',
  'directed_frames_rcv',
  'multicast_bytes_rcv',
  'multicast_frames_rcv',
  'broadcast_bytes_rcv',
  'broadcast_frames_rcv',
  'rcv_crc_error',
  'transmit_queue_length',
  'rcv_error_alignment',
  'xmit_one_collision',
  'xmit_more_collisions',
  'xmit_deferred',
  'xmit_max_collisions',
  'rcv_overrun',
  'xmit_underrun',
  'xmit_heartbeat_failure',
  'xmit_times_crs_lost',
  'xmit_late_collisions',
] as const;

export async function ethernetStatistics(
  handle: UsbHandle,
  number: number,
  capabilities: number,
): Promise<Record<string, number>> {
  const counters: Record<string, number> = {};
  for (const [bit, name] of STATISTICS.entries()) {
    if (((capabilities >>> bit) & 1) === 0) continue;
    const setup = classRequest(GET_ETHERNET_STATISTIC, bit + 1, number);
    const bytes = await handle.controlIn(setup, 4).catch(() => null);
    if (bytes === null || bytes.length < 4) continue;
    counters[name] = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }
  return counters;
}
