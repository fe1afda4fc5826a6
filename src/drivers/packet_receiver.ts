/**
 * Receiving by recvmsg(2) into a port's own descriptors: for a packet port that somebody stands in front of (capture,
 * trace, faults), who has to see the frames. A tag that the kernel took out comes in PACKET_AUXDATA and is put back.
 *
 *   msghdr (56 bytes)    0 name │ 8 namelen │ 16 iov │ 24 iovlen │ 32 control │ 40 controllen │ 48 flags
 *   control              cmsghdr { 0 len, 8 level, 12 type } tpacket_auxdata
 *   tpacket_auxdata      0 status │ 4 len │ 8 snaplen │ 12 mac, 14 net u16 │ 16 vlan_tci, 18 vlan_tpid u16
 */
import {
  TP_STATUS_CSUM_VALID,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from '../../assembly/abi/packet.js';
import { RX_DESC_CSUM_OK } from '../../assembly/abi/layout.js';
import { EINTR, errnoError } from '../sys/errno.js';
import { PACKET_AUXDATA, SOL_PACKET } from '../sys/if_packet.js';
import { packInt } from '../sys/if_tun.js';
import { BoxedNumber, IoVec } from '../sys/iovec.js';
import type { Sys } from '../sys/sys.js';
import { type PortRings, RX_LARGE_BYTES, RX_SMALL_BYTES } from './driver.js';

const MSGHDR_BYTES = 56;
const CONTROL_BYTES = 64;
const CMSG_HDR_BYTES = 16;
const MSG_TRUNC = 0x20;
const ETH_ADDRS = 12;
const ETH_HLEN = 14;
const VLAN_HLEN = 4;
const ETH_P_8021Q = 0x8100;
const VNET_NEEDS_CSUM = 1;

export class PacketReceiver {
  private readonly iov: IoVec;
  private readonly message: DataView;
  private readonly control: DataView;
  private readonly pointer: BoxedNumber;

  constructor(
    private readonly sys: Sys,
    private readonly fd: number,
    name: string,
    private readonly rings: PortRings,
    base: number,
  ) {
    const errno = sys.setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, packInt(1));
    if (errno !== 0) throw errnoError(errno, `${name}: PACKET_AUXDATA`);
    this.iov = new IoVec(sys, base, 2);
    this.message = new DataView(new ArrayBuffer(MSGHDR_BYTES));
    this.control = new DataView(new ArrayBuffer(CONTROL_BYTES));
    this.pointer = new BoxedNumber(sys.addressOf(new Uint8Array(this.message.buffer)));
    this.message.setBigUint64(16, BigInt(this.iov.pointer.value), true);
    this.message.setBigUint64(32, BigInt(sys.addressOf(new Uint8Array(this.control.buffer))), true);
  }

  /** Reads up to `max` frames into the next receive descriptors; returns how many. */
  burst(max: number): number {
    const { rings, sys } = this;
    const burst = Math.min(max, rings.rxSpace());
    let frames = 0;
    for (let tries = 0; tries < burst; tries++) {
      const desc = rings.rxDesc(frames);
      const bytes = this.receive(rings.rxBuf(desc), rings.rxLargeBuf(desc));
      if (bytes < 0) {
        if (sys.errno() === EINTR) continue;
        break;
      }
      if (this.accept(desc, bytes)) frames++;
      else rings.addRxErrors(1);
    }
    return frames;
  }

  private receive(buf: number, large: number): number {
    const { iov, message, rings } = this;
    const hdr = rings.vnetHdrLen;
    iov.set(0, buf - hdr, hdr + RX_SMALL_BYTES);
    if (large !== 0) iov.set(1, large, RX_LARGE_BYTES);
    message.setUint32(24, large === 0 ? 1 : 2, true);
    message.setUint32(40, CONTROL_BYTES, true);
    message.setUint32(48, 0, true);
    return this.sys.recvmsg(this.fd, this.pointer.value, 0);
  }

  /** The frame of `bytes` in the descriptor is whole, and has its tag again. */
  private accept(desc: number, bytes: number): boolean {
    const { rings, message, control } = this;
    const len = bytes - rings.vnetHdrLen;
    if ((message.getUint32(48, true) & MSG_TRUNC) !== 0 || len < ETH_HLEN) return false;
    const aux = CMSG_HDR_BYTES;
    const told = message.getUint32(40, true) >= aux + 20 && control.getInt32(12, true) === PACKET_AUXDATA;
    const status = told ? control.getUint32(aux, true) : 0;
    const flags = (status & TP_STATUS_CSUM_VALID) !== 0 ? RX_DESC_CSUM_OK : 0;
    if ((status & TP_STATUS_VLAN_VALID) === 0) {
      rings.rxDone(desc, len, flags);
      return true;
    }
    const known = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
    const tpid = known ? control.getUint16(aux + 18, true) : ETH_P_8021Q;
    if (!this.putTag(desc, len, tpid, control.getUint16(aux + 16, true))) return false;
    rings.rxDone(desc, len + VLAN_HLEN, flags);
    return true;
  }

  private putTag(desc: number, len: number, tpid: number, tci: number): boolean {
    const { rings } = this;
    const { u8, vnetHdrLen } = rings;
    const buf = rings.rxBuf(desc);
    const large = rings.rxLargeBuf(desc);
    const end = len + VLAN_HLEN;
    if (end > RX_SMALL_BYTES) {
      const spill = end - RX_SMALL_BYTES;
      if (large === 0 || spill > RX_LARGE_BYTES) return false;
      // What the tag pushes out of the small slot goes in front of what is in the large one.
      const pushed = Math.min(VLAN_HLEN, spill);
      if (spill > pushed) u8.copyWithin(large + pushed, large, large + spill - pushed);
      const from = buf + RX_SMALL_BYTES - VLAN_HLEN;
      u8.copyWithin(large, from, from + pushed);
    }
    const small = Math.min(end, RX_SMALL_BYTES);
    u8.copyWithin(buf + ETH_ADDRS + VLAN_HLEN, buf + ETH_ADDRS, buf + small - VLAN_HLEN);
    u8[buf + ETH_ADDRS] = tpid >>> 8;
    u8[buf + ETH_ADDRS + 1] = tpid & 255;
    u8[buf + ETH_ADDRS + 2] = tci >>> 8;
    u8[buf + ETH_ADDRS + 3] = tci & 255;
    // csum_start counts from the frame's first byte.
    if (vnetHdrLen !== 0 && (u8[buf - vnetHdrLen]! & VNET_NEEDS_CSUM) !== 0) {
      const at = buf - vnetHdrLen + 6;
      const start = u8[at]! + (u8[at + 1]! << 8) + VLAN_HLEN;
      u8[at] = start & 255;
      u8[at + 1] = start >>> 8;
    }
    return true;
  }
}
