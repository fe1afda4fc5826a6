/**
 * CDC-EEM: frames behind one another as packets with two bytes in front (EEM 1.0 §5), no control interface at all.
 *
 *   15   14   13 ................ 0                      15   14    13 .. 11   10 ............ 0
 *   0    CRC  length with the CRC   frame   CRC          1    0     command    parameter          echo's data
 *
 * CRC 0: instead of the check sequence there is 0xdeadbeef. A length of 0 is nothing and fills packets up. A packet may go
 * on in the next transfer. What is sent stays in 1536 bytes: Linux's gadget reads no longer transfers.
 * The device has no address: the link gets one of its own. Linux: drivers/net/usb/cdc_eem.c
 */
import { bulkPair, CDC_SUBCLASS_EEM, ETH_HLEN, interfacesOf, USB_CLASS_COMM, VLAN_TAGS } from './cdc.js';
import { FCS_BYTES, fcsIsRight } from './crc32.js';
import { NetError } from '../../net_error.js';
import type { UsbHandle, UsbTransfer } from './transport.js';
import type { FrameList, UsbNetDriver, UsbNetEndpoint, UsbNetFamily } from './usb_net_driver.js';

const PROTOCOL_EEM = 7;
const MTU = 1500;
const RX_BYTES = 16384;
const RX_TRANSFERS = 8;
const TX_BYTES = 1536;
const TX_TRANSFERS = 16;
const HEADER = 2;
const COMMAND = 0x8000;
const CRC = 0x4000;
const LENGTH = 0x3fff;
const ECHO = 0;
const ECHO_RESPONSE = 1;
const PARAMETER = 0x7ff;
const NO_CRC = [0xde, 0xad, 0xbe, 0xef] as const;

export const cdcEem: UsbNetFamily = {
  name: 'cdc_eem',
  rank: 20,
  match(_device, configuration) {
    return interfacesOf(configuration, [USB_CLASS_COMM, CDC_SUBCLASS_EEM, PROTOCOL_EEM])
      .filter(({ number }) => bulkPair(configuration, number) !== null)
      .map(({ number }) => ({ family: cdcEem, configuration, interface: number }));
  },
  async open(handle, { configuration, interface: number }) {
    const pair = bulkPair(configuration, number);
    if (pair === null) throw new NetError('EPROTO', `interface ${number} has no bulk endpoints`);
    await handle.claimInterface(number);
    if (pair.alternate.alternate !== 0) await handle.selectAlternate(number, pair.alternate.alternate);
    return new CdcEem(handle, pair.in, pair.out);
  },
};

export class CdcEem implements UsbNetDriver {
  readonly name = 'cdc_eem';
  readonly mtu = MTU;
  readonly carrier = true;
  readonly rx;
  readonly tx;
  private readonly frameBytes = MTU + ETH_HLEN + VLAN_TAGS;
  private out: Uint8Array = new Uint8Array(0);
  private at = 0;
  /** The beginning of a packet that the last transfer did not end. */
  private readonly carry = new Uint8Array(HEADER + LENGTH);
  private carried = 0;
  /** Joins the carried beginning with the next transfer. */
  private readonly joined = new Uint8Array(HEADER + LENGTH);
  private readonly echo: UsbTransfer;
  private readonly answer = new Uint8Array(HEADER + PARAMETER);

  constructor(handle: Pick<UsbHandle, 'transfer'>, into: UsbNetEndpoint, out: UsbNetEndpoint) {
    this.rx = {
      address: into.address,
      maxPacketSize: into.maxPacketSize,
      bytes: RX_BYTES,
      transfers: RX_TRANSFERS,
    };
    this.tx = {
      address: out.address,
      maxPacketSize: out.maxPacketSize,
      bytes: TX_BYTES,
      transfers: TX_TRANSFERS,
    };
    this.echo = handle.transfer(out.address, 'bulk', () => {});
  }

  unpack(bytes: Uint8Array, length: number, frames: FrameList): void {
    let at = this.carried === 0 ? 0 : this.resume(bytes, length, frames);
    while (length - at >= HEADER) {
      const header = bytes[at]! | (bytes[at + 1]! << 8);
      const size = sizeOf(header);
      if (size > length - at - HEADER) break;
      at += HEADER;
      if ((header & COMMAND) !== 0) this.command(header, bytes, at);
      else if (size > 0) this.packet(header, bytes, at, size, frames);
      at += size;
    }
    if (at < length) this.keep(bytes, at, length, frames);
  }

  begin(bytes: Uint8Array): void {
    this.out = bytes;
    this.at = 0;
  }

  place(length: number): number {
    // Two bytes more may have to fill up the last packet.
    if (this.at + HEADER + length + FCS_BYTES + HEADER > this.out.length) return -1;
    const { out, at } = this;
    const size = length + FCS_BYTES;
    out[at] = size & 0xff;
    out[at + 1] = size >> 8;
    out.set(NO_CRC, at + HEADER + length);
    this.at = at + HEADER + size;
    return at + HEADER;
  }

  end(): number {
    if (this.at % this.tx.maxPacketSize === 0) {
      this.out.fill(0, this.at, this.at + HEADER);
      this.at += HEADER;
    }
    return this.at;
  }

  private packet(header: number, bytes: Uint8Array, at: number, size: number, frames: FrameList): void {
    const length = size - FCS_BYTES;
    if (length < ETH_HLEN || length > this.frameBytes) frames.error(`an EEM packet of ${size} bytes`);
    else if ((header & CRC) !== 0 && !fcsIsRight(bytes, at, at + length)) frames.error('a wrong CRC');
    else frames.add(at, length);
  }

  /** A link command (§5.1.3): an echo is answered, all others are hints. */
  private command(header: number, bytes: Uint8Array, at: number): void {
    if (((header >> 11) & 7) !== ECHO || this.echo.pending) return;
    const size = header & PARAMETER;
    const answer = COMMAND | (ECHO_RESPONSE << 11) | size;
    this.answer[0] = answer & 0xff;
    this.answer[1] = answer >> 8;
    this.answer.set(bytes.subarray(at, at + size), HEADER);
    this.echo.submit(this.answer.subarray(0, HEADER + size));
  }

  /** A transfer that is full may end inside of a packet; another one that does is a device that lies. */
  private keep(bytes: Uint8Array, at: number, length: number, frames: FrameList): void {
    if (length < this.rx.bytes) {
      frames.error(`an EEM packet that goes on behind the transfer, ${length - at} bytes of it are there`);
      return;
    }
    this.carried = length - at;
    this.carry.set(bytes.subarray(at, length));
  }

  /** Ends the carried packet with the first bytes of the next transfer; returns how many they were. */
  private resume(bytes: Uint8Array, length: number, frames: FrameList): number {
    const { joined, carried } = this;
    this.carried = 0;
    joined.set(this.carry.subarray(0, carried));
    const taken = Math.min(length, joined.length - carried);
    joined.set(bytes.subarray(0, taken), carried);
    if (carried + taken < HEADER) {
      frames.error('an EEM packet of one byte');
      return length;
    }
    const header = joined[0]! | (joined[1]! << 8);
    const whole = HEADER + sizeOf(header);
    if (whole > carried + taken) {
      frames.error(`an EEM packet that never ends: ${whole} bytes`);
      return length;
    }
    if ((header & COMMAND) !== 0) this.command(header, joined, HEADER);
    else if (whole > HEADER) this.joinedFrame(header, whole - HEADER, frames);
    return whole - carried;
  }

  private joinedFrame(header: number, size: number, frames: FrameList): void {
    const length = size - FCS_BYTES;
    if (length < ETH_HLEN || length > this.frameBytes) frames.error(`an EEM packet of ${size} bytes`);
    else if ((header & CRC) !== 0 && !fcsIsRight(this.joined, HEADER, HEADER + length))
      frames.error('a wrong CRC');
    else frames.addJoined(this.joined, HEADER, length);
  }
}

/** Bytes behind the header. Of commands only the two echoes have any. */
function sizeOf(header: number): number {
  if ((header & COMMAND) === 0) return header & LENGTH;
  return ((header >> 11) & 7) <= ECHO_RESPONSE ? header & PARAMETER : 0;
}
