/**
 * CDC-ECM: each transfer is one Ethernet frame, ended by a short packet or an empty one (ECM 1.2 §3.3.1).
 *
 *   claim ─► MAC string ─► data alternate 0, then 1 ─► packet filter ─► frames
 *
 * The link is up until a notification says otherwise: many devices, QEMU's among them, never say anything.
 * Linux: drivers/net/usb/cdc_ether.c
 */
import { NetError } from '../../net_error.js';
import {
  bulkPair,
  type BulkPair,
  CDC_SUBCLASS_ETHERNET,
  type CdcFunctions,
  claimCdc,
  dataInterface,
  type CdcNotifications,
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
import type { UsbHandle } from './transport.js';
import type {
  FrameList,
  UsbNetDriver,
  UsbNetEndpoint,
  UsbNetEvents,
  UsbNetFamily,
  UsbNetFilter,
} from './usb_net_driver.js';

const SEGMENT_BYTES = 1514;
const RX_TRANSFERS = 32;
const TX_TRANSFERS = 32;

export const cdcEther: UsbNetFamily = {
  name: 'cdc_ether',
  rank: 30,
  match(_device, configuration) {
    return interfacesOf(configuration, [USB_CLASS_COMM, CDC_SUBCLASS_ETHERNET])
      .filter((control) => bulkPair(configuration, dataInterface(control)) !== null)
      .map(({ number }) => ({ family: cdcEther, configuration, interface: number }));
  },
  async open(handle, { configuration, interface: number }, events) {
    const { control, data, functions } = await claimCdc(handle, configuration, number);
    const { ethernet } = functions;
    if (ethernet === undefined)
      throw new NetError(
        'EPROTO',
        `interface ${number} has no Ethernet descriptor, so no MAC address is known`,
      );
    const mac = await readMacString(handle, ethernet.macString);
    await handle.selectAlternate(data.alternate.number, data.alternate.alternate);
    await setPacketFilter(handle, number, false);
    return new CdcEther(handle, control, data, ethernet, mac, events);
  },
};

class CdcEther implements UsbNetDriver {
  readonly name = 'cdc_ether';
  readonly mtu: number;
  readonly carrier = true;
  readonly rx;
  readonly tx;
  readonly interrupt: UsbNetEndpoint | undefined;
  private readonly frameBytes: number;
  private readonly notifications: CdcNotifications;
  private length = 0;

  constructor(
    private readonly handle: UsbHandle,
    private readonly control: InterfaceInfo,
    data: BulkPair,
    private readonly ethernet: NonNullable<CdcFunctions['ethernet']>,
    readonly mac: string,
    events: UsbNetEvents,
  ) {
    const segment = ethernet.segmentBytes;
    if (segment < SEGMENT_BYTES) events.odd(`wMaxSegmentSize is ${segment}; 1514 is taken`);
    this.mtu = Math.max(segment, SEGMENT_BYTES) - ETH_HLEN;
    this.frameBytes = this.mtu + ETH_HLEN + VLAN_TAGS;
    const packet = data.in.maxPacketSize;
    this.rx = {
      ...data.in,
      bytes: Math.ceil((this.frameBytes + 1) / packet) * packet,
      transfers: RX_TRANSFERS,
      oneFrame: true,
    };
    this.tx = { ...data.out, bytes: this.frameBytes, transfers: TX_TRANSFERS };
    this.interrupt = interruptIn(control);
    this.notifications = ethernetNotifications(events);
  }

  unpack(_bytes: Uint8Array, length: number, frames: FrameList): void {
    // An empty transfer is nothing: it may end another.
    if (length === 0) return;
    if (length < ETH_HLEN) frames.error(`a frame of ${length} bytes`);
    else if (length > this.frameBytes)
      frames.error(`a frame of ${length} bytes, longer than ${this.frameBytes}`);
    else frames.add(0, length);
  }

  begin(): void {
    this.length = 0;
  }

  place(length: number): number {
    if (this.length !== 0) return -1;
    this.length = length;
    return 0;
  }

  end(): number {
    return this.length;
  }

  notification(bytes: Uint8Array): void {
    this.notifications.push(bytes);
  }

  async setFilter({ promiscuous, mac }: UsbNetFilter): Promise<void> {
    const everything = promiscuous || (mac !== undefined && mac !== this.mac);
    await setPacketFilter(this.handle, this.control.number, everything);
  }

  async statistics(): Promise<Record<string, number>> {
    return await ethernetStatistics(this.handle, this.control.number, this.ethernet.statistics);
  }
}
