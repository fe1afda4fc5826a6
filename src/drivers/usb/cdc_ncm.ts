/**
 * CDC-NCM: blocks of many frames each way (ntb.ts).
 *
 *   claim, data alternate 0 ─► GetNtbParameters ─► format, input size, CRC mode, datagram size ─► alternate 1 ─► filter
 *
 * The settings are allowed only while the data interface is at alternate 0 (NCM 1.0 §7.2). The link is down until a
 * notification says that it is up. 32-bit blocks are used by devices that have no others, or by the name cdc_ncm32.
 * Linux: drivers/net/usb/cdc_ncm.c
 */
import { NetError } from '../../net_error.js';
import {
  bulkPair,
  type BulkPair,
  type CdcFunctions,
  CDC_SUBCLASS_NCM,
  type CdcNotifications,
  claimCdc,
  classRequest,
  dataInterface,
  ETH_HLEN,
  ethernetNotifications,
  ethernetStatistics,
  interfacesOf,
  interruptIn,
  readMacString,
  setPacketFilter,
  USB_CLASS_COMM,
  VLAN_TAGS,
} from './cdc.js';
import type { InterfaceInfo } from './descriptors.js';
import { NTB16, NTB32, type NtbFormat, type NtbOutRules, NtbReader, NtbWriter } from './ntb.js';
import type { UsbHandle } from './transport.js';
import type {
  FrameList,
  UsbNetDriver,
  UsbNetEndpoint,
  UsbNetEvents,
  UsbNetFamily,
  UsbNetFilter,
} from './usb_net_driver.js';

const GET_NTB_PARAMETERS = 0x80;
const SET_NTB_FORMAT = 0x84;
const SET_NTB_INPUT_SIZE = 0x86;
const GET_MAX_DATAGRAM_SIZE = 0x87;
const SET_MAX_DATAGRAM_SIZE = 0x88;
const GET_CRC_MODE = 0x89;
const SET_CRC_MODE = 0x8a;

/** bmNetworkCapabilities (§5.2.1). */
const CAP_PACKET_FILTER = 0x01;
const CAP_MAX_DATAGRAM = 0x08;
const CAP_CRC_MODE = 0x10;
const CAP_INPUT_SIZE_8 = 0x20;

const PARAMETERS_BYTES = 28;
const NTB_MIN_BYTES = 2048;
/** As large as is useful: what is larger only fills caches. */
const NTB_MAX_BYTES = 32768;
const DATAGRAMS_MAX = 64;
const SEGMENT_BYTES = 1514;
const RX_TRANSFERS = 8;
const TX_TRANSFERS = 4;

interface NtbParameters {
  readonly formats: number;
  readonly inBytes: number;
  readonly outBytes: number;
  readonly divisor: number;
  readonly remainder: number;
  readonly alignment: number;
  readonly datagrams: number;
}

export const cdcNcm: UsbNetFamily = ncmFamily('cdc_ncm', 40, null);
/** Only by its name: 32-bit blocks where the device has both. */
export const cdcNcm32: UsbNetFamily = ncmFamily('cdc_ncm32', -1, NTB32);

function ncmFamily(name: string, rank: number, forced: NtbFormat | null): UsbNetFamily {
  const family: UsbNetFamily = {
    name,
    rank,
    match(_device, configuration) {
      return interfacesOf(configuration, [USB_CLASS_COMM, CDC_SUBCLASS_NCM])
        .filter((control) => bulkPair(configuration, dataInterface(control)) !== null)
        .map(({ number }) => ({ family, configuration, interface: number }));
    },
    async open(handle, { configuration, interface: number }, events) {
      const { control, data, functions } = await claimCdc(handle, configuration, number);
      const { ethernet, ncmCapabilities = 0 } = functions;
      if (ethernet === undefined)
        throw new NetError(
          'EPROTO',
          `interface ${number} has no Ethernet descriptor, so no MAC address is known`,
        );
      const mac = await readMacString(handle, ethernet.macString);
      const setup = await configure(handle, number, ncmCapabilities, ethernet.segmentBytes, forced);
      await handle.selectAlternate(data.alternate.number, data.alternate.alternate);
      if ((ncmCapabilities & CAP_PACKET_FILTER) !== 0) await setPacketFilter(handle, number, false);
      return new CdcNcm(handle, control, data, ethernet, ncmCapabilities, setup, mac, name, events);
    },
  };
  return family;
}

interface NcmSetup {
  readonly format: NtbFormat;
  readonly inBytes: number;
  readonly rules: NtbOutRules;
  readonly segment: number;
}

async function configure(
  handle: UsbHandle,
  number: number,
  capabilities: number,
  segmentBytes: number,
  forced: NtbFormat | null,
): Promise<NcmSetup> {
  const answer = await handle.controlIn(classRequest(GET_NTB_PARAMETERS, 0, number), PARAMETERS_BYTES);
  const told = parseNtbParameters(answer);
  const format = forced ?? ((told.formats & 1) !== 0 ? NTB16 : NTB32);
  if ((told.formats & (format === NTB16 ? 1 : 2)) === 0)
    throw new NetError(
      'EOPNOTSUPP',
      `the device has no ${format.bits}-bit blocks (bmNtbFormatsSupported ${told.formats})`,
    );
  const set = (request: number, value: number, data?: Uint8Array) =>
    handle.controlOut(classRequest(request, value, number), data);
  // A device that has one format only may refuse the request.
  if (told.formats === 3) await set(SET_NTB_FORMAT, format === NTB16 ? 0 : 1);
  const inBytes = Math.min(told.inBytes, NTB_MAX_BYTES);
  if (inBytes !== told.inBytes || (capabilities & CAP_INPUT_SIZE_8) !== 0) {
    const size = new Uint8Array((capabilities & CAP_INPUT_SIZE_8) !== 0 ? 8 : 4);
    new DataView(size.buffer).setUint32(0, inBytes, true);
    await set(SET_NTB_INPUT_SIZE, 0, size);
  }
  let crc = false;
  if ((capabilities & CAP_CRC_MODE) !== 0) {
    // USB has checks of its own; a device that insists gets its CRCs.
    await set(SET_CRC_MODE, 0).catch(() => {});
    const mode = await handle.controlIn(classRequest(GET_CRC_MODE, 0, number), 2).catch(() => null);
    crc = mode !== null && mode.length > 0 && mode[0] === 1;
  }
  const segment = await datagramSize(handle, number, capabilities, segmentBytes);
  const divisor = Math.min(told.divisor, 4096);
  return {
    format,
    inBytes,
    segment,
    rules: {
      bytes: Math.min(told.outBytes, NTB_MAX_BYTES),
      divisor,
      remainder: told.remainder % divisor,
      tableAlignment: Math.min(told.alignment, 4096),
      datagrams: told.datagrams === 0 ? DATAGRAMS_MAX : Math.min(told.datagrams, DATAGRAMS_MAX),
      crc,
    },
  };
}

/** What of wMaxSegmentSize the device is set to now (§6.2.7): it may be less until somebody sets it. */
async function datagramSize(
  handle: UsbHandle,
  number: number,
  capabilities: number,
  segmentBytes: number,
): Promise<number> {
  const segment = Math.max(segmentBytes, SEGMENT_BYTES);
  if ((capabilities & CAP_MAX_DATAGRAM) === 0) return segment;
  const size = await handle.controlIn(classRequest(GET_MAX_DATAGRAM_SIZE, 0, number), 2).catch(() => null);
  if (size === null || size.length < 2) return segment;
  const now = size[0]! | (size[1]! << 8);
  if (now === segment) return segment;
  const wanted = Uint8Array.of(segment & 0xff, segment >> 8);
  return await handle.controlOut(classRequest(SET_MAX_DATAGRAM_SIZE, 0, number), wanted).then(
    () => segment,
    () => Math.max(now, SEGMENT_BYTES),
  );
}

/** GetNtbParameters' answer (§6.2.1); EPROTO says what no block could be made of. */
export function parseNtbParameters(bytes: Uint8Array): NtbParameters {
  if (bytes.length < PARAMETERS_BYTES)
    throw new NetError('EPROTO', `NTB parameters of ${bytes.length} bytes; they have ${PARAMETERS_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const formats = view.getUint16(2, true) & 3;
  const [inBytes, outBytes] = [view.getUint32(4, true), view.getUint32(16, true)];
  if (formats === 0) throw new NetError('EPROTO', 'NTB parameters: no format of blocks is supported');
  if (inBytes < NTB_MIN_BYTES || outBytes < NTB_MIN_BYTES)
    throw new NetError(
      'EPROTO',
      `NTB parameters: blocks of ${inBytes} and ${outBytes} bytes; ${NTB_MIN_BYTES} are the least`,
    );
  const alignment = view.getUint16(24, true);
  return {
    formats,
    inBytes,
    outBytes,
    // A divisor of 0 asks for nothing; a table begins at a multiple of 4 at least, and of a power of two (§3.3.4).
    divisor: Math.max(1, view.getUint16(20, true)),
    remainder: view.getUint16(22, true),
    alignment: alignment >= 4 && (alignment & (alignment - 1)) === 0 ? alignment : 4,
    datagrams: view.getUint16(26, true),
  };
}

class CdcNcm implements UsbNetDriver {
  readonly mtu: number;
  readonly carrier: boolean;
  readonly rx;
  readonly tx;
  readonly interrupt: UsbNetEndpoint | undefined;
  private readonly notifications: CdcNotifications;
  private readonly reader: NtbReader;
  private readonly writer: NtbWriter;

  constructor(
    private readonly handle: UsbHandle,
    private readonly control: InterfaceInfo,
    data: BulkPair,
    private readonly ethernet: NonNullable<CdcFunctions['ethernet']>,
    private readonly capabilities: number,
    { format, inBytes, rules, segment }: NcmSetup,
    readonly mac: string,
    readonly name: string,
    events: UsbNetEvents,
  ) {
    this.mtu = segment - ETH_HLEN;
    const packet = data.in.maxPacketSize;
    // Whole packets, so that a packet too many is not an overflow; a block of inBytes still ends the transfer.
    this.rx = { ...data.in, bytes: Math.ceil(inBytes / packet) * packet, transfers: RX_TRANSFERS };
    this.tx = { ...data.out, bytes: rules.bytes, transfers: TX_TRANSFERS, fullEnds: true };
    this.interrupt = interruptIn(control);
    this.carrier = this.interrupt === undefined;
    this.notifications = ethernetNotifications(events);
    this.reader = new NtbReader(format, segment + VLAN_TAGS);
    this.writer = new NtbWriter(format, rules, data.out.maxPacketSize);
  }

  unpack(bytes: Uint8Array, length: number, frames: FrameList): void {
    this.reader.unpack(bytes, length, frames);
  }

  begin(bytes: Uint8Array): void {
    this.writer.begin(bytes);
  }

  place(length: number): number {
    return this.writer.place(length);
  }

  end(): number {
    return this.writer.end();
  }

  notification(bytes: Uint8Array): void {
    this.notifications.push(bytes);
  }

  async setFilter({ promiscuous, mac }: UsbNetFilter): Promise<void> {
    if ((this.capabilities & CAP_PACKET_FILTER) === 0) return;
    const everything = promiscuous || (mac !== undefined && mac !== this.mac);
    await setPacketFilter(this.handle, this.control.number, everything);
  }

  async statistics(): Promise<Record<string, number>> {
    const device = await ethernetStatistics(this.handle, this.control.number, this.ethernet.statistics);
    return { ...device, blocks_missing: this.reader.gaps };
  }
}
