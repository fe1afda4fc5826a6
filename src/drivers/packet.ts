/**
 * An interface of this Linux as a port, by a packet socket: its end of a veth pair, a container's, a real NIC. The
 * kernel puts what the interface receives into a ring that is mapped into linear memory, and the core reads it there
 * (assembly/dev/tpacket); what is sent goes out by sendmmsg(2), straight from linear memory. A virtio_net_hdr in front
 * leaves checksums and segments of up to 64 KB undone on both sides. Linux: packet(7), net/packet/af_packet.c.
 *
 *   interface   what the kernel says             the port
 *   up          IFF_UP and IFF_RUNNING           up
 *   down        IFF_UP is missing, ENETDOWN      down, ENETDOWN; what is sent is dropped and counted
 *   no carrier  IFF_RUNNING is missing           down, ENETDOWN
 *   deleted     no interface of that index       down, ENODEV; taken again when one of that name is made
 *
 * The kernel's own stack goes on seeing every frame of the interface, too: whoever shares it gives it no address, or
 * the port a MAC of its own (README).
 */
import { release } from 'node:os';
import { NetifF } from '../../assembly/abi/features.js';
import { MAX_SKB_FRAGS } from '../../assembly/abi/layout.js';
import { TP_STATUS_USER, TpacketRing } from '../../assembly/abi/packet.js';
import { NetError } from '../net_error.js';
import { EAGAIN, EINTR, ENETDOWN, ENODEV, ENOMEM, ENXIO, errnoError } from '../sys/errno.js';
import type { FdWatch } from '../sys/fd_watch.js';
import { mapForeign, unmapForeign } from '../sys/foreign_map.js';
import * as packet from '../sys/if_packet.js';
import * as tun from '../sys/if_tun.js';
import { inNetns } from '../sys/netns.js';
import { Sys } from '../sys/sys.js';
import type { Driver, PortNotify, PortRings } from './driver.js';
import { macText } from './mac.js';
import { PacketReceiver } from './packet_receiver.js';

export interface PacketOptions {
  /** Our side's address. Default: the interface's own. With another one it is put into promiscuous mode. */
  mac?: string | undefined;
  /** The MTU that the link is to have; refused when the interface takes less. */
  mtu?: number | undefined;
  /** Checksums and segmentation left to the other side. Default: true. */
  offloads?: boolean | undefined;
  /** Network namespace of the interface: a name of ip-netns(8), or a path. Default: this thread's. */
  netns?: string | undefined;
}

const VNET_HDR_BYTES = 10;
const ETH_HLEN = 14;
const CHECK_MS = 250;
const SEND_BATCH = 256;
/** A NIC's queue full of segments of 64 KB; the kernel's default holds three. */
const SOCKET_BUFFER_BYTES = 4 << 20;
const PIECES = 1024 + MAX_SKB_FRAGS;
/**
 * A slot takes a GSO frame of 64 KB with all in front of it; an odd number of cache lines, so that headers do not all
 * meet in the same few cache sets.
 */
const GSO_SLOT_BYTES = 1033 * 64;
const GSO_BLOCK_BYTES = 1 << 20;
/** 960 slots: the kernel hands over what waited for a processor at once, up to net.core.netdev_max_backlog frames. */
const GSO_BLOCKS = 64;
/** Without offloads: what TPACKET_V2 puts in front of a frame, and a tag. */
const SLOT_OVERHEAD = 128;
const SLOT_ALIGN = 64;
const BLOCK_BYTES = 256 << 10;
const BLOCKS = 2;
const SLOT = TpacketRing.SLOT >> 2;
const HELD = TpacketRing.HELD >> 2;
const OFFLOADS = NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.RXCSUM;

const SOCKET_ADVICE = {
  EPERM: 'CAP_NET_RAW is needed: run as root, or setcap cap_net_raw+ep on node',
  EAFNOSUPPORT: 'this kernel has no packet sockets; modprobe af_packet',
};

export class PacketDriver implements Driver {
  readonly kind = 'packet';
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly features: number;
  readonly vnetHdrLen: 0 | 10;
  readonly mapped = true;

  private readonly sys = new Sys();
  private readonly hardware: string;
  private fd: number;
  private ifindex: number;
  private rings!: PortRings;
  private notify!: PortNotify;
  private watch: FdWatch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private batch!: packet.SendBatch;
  private base = 0;
  /** Index into u32 of the ring's TpacketRing record when the core reads it, -1 when frames go by descriptors. */
  private ringAt = -1;
  private mappedAt = -1;
  private mappedBytes = 0;
  private receiver: PacketReceiver | undefined;
  private armed = false;
  private promiscuous = false;
  /** undefined until told for the first time. */
  private up: boolean | undefined;
  private gone = false;

  constructor(
    private readonly ifName: string,
    private readonly options: PacketOptions = {},
  ) {
    const { netns } = options;
    this.name = `packet:${ifName}${netns === undefined ? '' : `@${netns}`}`;
    const problem = tun.ifNameProblem(ifName);
    if (problem !== undefined) throw new NetError('EINVAL', `${this.name}: ${problem}`);
    this.fd = netns === undefined ? this.socket() : inNetns(this.sys, netns, this.name, () => this.socket());
    try {
      const found = this.sys.ioctl(this.fd, tun.SIOCGIFINDEX, tun.packIfreqInt(ifName, 0));
      if (found !== 0) throw errnoError(found, `${this.name}: SIOCGIFINDEX`, { ENODEV: this.noSuch() });
      this.ifindex = this.index();
      this.hardware = this.hardwareAddress();
      this.mac = options.mac ?? this.hardware;
      this.mtu = this.linkMtu();
      this.vnetHdrLen = this.setUp();
    } catch (error) {
      this.sys.close(this.fd);
      throw error;
    }
    const uso = kernelHasUso() ? NetifF.GSO_UDP_L4 : 0;
    this.features = NetifF.SG | (this.vnetHdrLen === 0 ? 0 : OFFLOADS | uso);
  }

  attach(rings: PortRings, notify: PortNotify): void {
    if (rings.vnetHdrLen !== this.vnetHdrLen) throw new Error(`${this.name}: rings with another vnet header`);
    this.rings = rings;
    this.notify = notify;
    this.base = this.sys.addressOf(rings.u8);
    this.batch = new packet.SendBatch(this.sys, this.base, SEND_BATCH, PIECES);
    if (rings.foreign !== undefined) this.mapRing();
    else this.receiver = new PacketReceiver(this.sys, this.fd, this.name, rings, this.base);
    this.bind();
    this.watch = this.sys.watch(this.fd, (event) => {
      if (event === 'writable') this.notify.writable();
      else if (event === 'error') this.check();
      else if (this.armed) {
        this.armed = false;
        this.notify.readable();
      }
    });
    this.timer = setInterval(() => this.check(), CHECK_MS);
    this.timer.unref();
    this.check();
  }

  rxBurst(max: number): number {
    const { rings, ringAt } = this;
    if (ringAt < 0) return this.receiver!.burst(max);
    const { u32 } = rings;
    if ((u32[u32[ringAt + SLOT]! >>> 2]! & TP_STATUS_USER) === 0) return 0;
    return u32[ringAt + HELD]! === 0 ? max : 0;
  }

  txBurst(): number {
    const { rings, batch } = this;
    const waiting = rings.txReady();
    let done = 0;
    let sent = 0;
    while (done < waiting) {
      this.fill(done, waiting);
      const result = batch.send(this.fd);
      if (result > 0) {
        // If there is one that could not be sent, it comes first in the next round, which hears why.
        done += result;
        sent += result;
        continue;
      }
      const errno = this.sys.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN) {
        this.watch?.want(false, true);
        break;
      }
      // ENOBUFS: the interface's queue dropped it. EMSGSIZE, EINVAL: the interface does not take such a frame.
      const cut = errno === ENETDOWN || errno === ENXIO || errno === ENODEV;
      const lost = cut ? waiting - done : 1;
      rings.addTxErrors(lost);
      done += lost;
      if (cut) this.check();
    }
    if (done !== 0) rings.txAdvance(done);
    return sent;
  }

  arm(): void {
    this.armed = true;
    // Frames wait behind one that cannot be sent: writable() is what is waited for.
    if (this.ringAt >= 0 && this.rings.u32[this.ringAt + HELD]! !== 0) return;
    if (!this.gone) this.watch?.want(true, false);
  }

  disarm(): void {
    this.armed = false;
    this.watch?.unwantRead();
  }

  async close(): Promise<void> {
    if (this.fd < 0) return;
    clearInterval(this.timer);
    this.watch?.close();
    this.unmapRing();
    this.sys.close(this.fd);
    this.fd = -1;
    this.gone = true;
    this.armed = false;
  }

  /** Puts the waiting frames from `from` on into the batch, as many as there is room for. */
  private fill(from: number, waiting: number): void {
    const { rings, batch } = this;
    const { u32 } = rings;
    batch.clear();
    for (let i = from; i < waiting; i++) {
      const desc = rings.txDesc(i);
      const table = rings.txFrags(desc) >>> 2;
      const frags = table === 0 ? 0 : Math.min(u32[table]!, MAX_SKB_FRAGS);
      if (!batch.message(1 + frags)) break;
      batch.piece(rings.txBuf(desc), rings.txLen(desc));
      for (let k = 0, f = table + 2; k < frags; k++, f += 3) batch.piece(u32[f]!, u32[f + 1]!);
    }
  }

  private socket(): number {
    const { sys } = this;
    return sys.socket(
      packet.AF_PACKET,
      packet.SOCK_RAW | packet.SOCK_NONBLOCK,
      0,
      `${this.name}: packet socket`,
      SOCKET_ADVICE,
    );
  }

  /** Everything that has to be set before the ring is; returns the bytes of vnet header. */
  private setUp(): 0 | 10 {
    const one = tun.packInt(1);
    const set = (option: number, value: Uint8Array) =>
      this.sys.setsockopt(this.fd, packet.SOL_PACKET, option, value);
    const errno = set(packet.PACKET_VERSION, tun.packInt(packet.TPACKET_V2));
    if (errno !== 0) throw errnoError(errno, `${this.name}: PACKET_VERSION`);
    packet.setBuffers(this.sys, this.fd, SOCKET_BUFFER_BYTES);
    // Since Linux 4.20; before, we would hear ourselves.
    const ignore = set(packet.PACKET_IGNORE_OUTGOING, one);
    if (ignore !== 0) throw errnoError(ignore, `${this.name}: PACKET_IGNORE_OUTGOING: Linux 4.20 is needed`);
    if (this.options.offloads === false) return 0;
    return set(packet.PACKET_VNET_HDR, one) === 0 ? VNET_HDR_BYTES : 0;
  }

  private mapRing(): void {
    const { sys, rings, name } = this;
    const foreign = rings.foreign!;
    const gso = this.vnetHdrLen !== 0;
    const frameBytes = gso ? GSO_SLOT_BYTES : plainSlotBytes(this.interfaceMtu());
    const blockBytes = gso ? GSO_BLOCK_BYTES : Math.max(BLOCK_BYTES, Math.ceil(frameBytes / 65536) * 65536);
    const what = `${name}: a receive ring`;
    const perBlock = Math.floor(blockBytes / frameBytes);
    let blocks = gso ? GSO_BLOCKS : BLOCKS;
    for (; ; blocks >>= 1) {
      const req = packet.packTpacketReq(blockBytes, blocks, frameBytes, blocks * perBlock);
      const errno = sys.setsockopt(this.fd, packet.SOL_PACKET, packet.PACKET_RX_RING, req);
      if (errno === 0) break;
      // A machine with little memory gets a shorter ring.
      if (errno !== ENOMEM || blocks === 1)
        throw errnoError(errno, `${what} of ${(blocks * blockBytes) >>> 10} KB`);
    }
    const bytes = blocks * blockBytes;
    const at = foreign.alloc(bytes, what);
    this.mappedAt = at;
    const refused = mapForeign(sys, this.base, at, bytes, this.fd);
    if (refused !== 0) {
      foreign.free(at);
      this.mappedAt = -1;
      throw errnoError(refused, `${what}: mmap`);
    }
    this.mappedBytes = bytes;
    const vnetHdrLen = this.vnetHdrLen;
    const record = foreign.mapRing({ at, blocks, blockBytes, frameBytes, vnetHdrLen }, what);
    this.ringAt = record >>> 2;
  }

  private unmapRing(): void {
    if (this.mappedAt < 0) return;
    const foreign = this.rings.foreign!;
    if (this.ringAt >= 0) foreign.unmapRing();
    const errno = unmapForeign(this.sys, this.base, this.mappedAt, this.mappedBytes);
    // A part of the window that is still the kernel's is given to nobody else.
    if (errno === 0) foreign.free(this.mappedAt);
    this.mappedAt = -1;
    this.ringAt = -1;
  }

  private bind(): void {
    this.sys.bind(this.fd, packet.packSockaddrLl(this.ifindex));
    this.membership(packet.PACKET_ADD_MEMBERSHIP, packet.PACKET_MR_ALLMULTI);
    this.promiscuous = false;
  }

  private membership(action: number, type: number): void {
    const mreq = packet.packPacketMreq(this.ifindex, type);
    this.sys.setsockopt(this.fd, packet.SOL_PACKET, action, mreq);
  }

  /** Asks the kernel how the interface is: on attach, after an error and every CHECK_MS. */
  private check(): void {
    if (this.fd < 0) return;
    // Takes a pending error away, too.
    this.sys.getsockopt(this.fd, packet.SOL_SOCKET, packet.SO_ERROR, tun.packInt(0));
    const name = this.nameNow() ?? this.comeBack();
    if (name === undefined) {
      this.setState(
        false,
        'ENODEV',
        `the interface is gone; the port comes back when there is a ${this.ifName}`,
      );
    } else {
      const flags = tun.packIfreqFlags(name, 0);
      const errno = this.sys.ioctl(this.fd, tun.SIOCGIFFLAGS, flags);
      const now = errno === 0 ? tun.ifreqFlags(flags) : 0;
      if ((now & tun.IFF_UP) === 0) {
        this.setState(false, 'ENETDOWN', `the interface is down; ip link set ${name} up`);
      } else if ((now & tun.IFF_RUNNING) === 0) {
        this.setState(false, 'ENETDOWN', 'no carrier: the cable, or the other end, is missing or down');
      } else {
        this.setState(true);
      }
      this.filter();
    }
    this.countMissed();
    if (this.armed && !this.gone) this.watch?.want(true, false);
  }

  private setState(up: boolean, code = '', why = ''): void {
    this.gone = code === 'ENODEV';
    if (this.up === up) return;
    this.up = up;
    if (up) this.notify.state(true);
    else this.notify.state(false, new NetError(code, `${this.name}: ${why}`));
  }

  /** What the interface that we are bound to is called now; undefined when there is none of that index. */
  private nameNow(): string | undefined {
    const request = tun.packIfreqInt('', this.ifindex);
    new DataView(request.buffer).setInt32(tun.IFNAMSIZ, this.ifindex, true);
    return this.sys.ioctl(this.fd, tun.SIOCGIFNAME, request) === 0 ? tun.ifreqName(request) : undefined;
  }

  /** Somebody made an interface of our name anew: the socket, with its ring, moves there. */
  private comeBack(): string | undefined {
    const request = tun.packIfreqInt(this.ifName, 0);
    if (this.sys.ioctl(this.fd, tun.SIOCGIFINDEX, request) !== 0) return undefined;
    this.ifindex = tun.ifreqInt(request);
    try {
      this.bind();
    } catch {
      return undefined; // gone again already
    }
    return this.ifName;
  }

  /** Frames to an address that is not the interface's own come only when it is promiscuous. */
  private filter(): void {
    const ours = this.rings.mac();
    const other = (ours === undefined ? this.mac : macText(ours)) !== this.hardware;
    const wanted = other || this.rings.promiscuous;
    if (wanted === this.promiscuous) return;
    this.promiscuous = wanted;
    this.membership(
      wanted ? packet.PACKET_ADD_MEMBERSHIP : packet.PACKET_DROP_MEMBERSHIP,
      packet.PACKET_MR_PROMISC,
    );
  }

  /** Reading the statistics sets them to zero, and the ring's LOSING flag back. */
  private countMissed(): void {
    const stats = new Uint8Array(new ArrayBuffer(8));
    if (this.sys.getsockopt(this.fd, packet.SOL_PACKET, packet.PACKET_STATISTICS, stats) !== 0) return;
    const drops = new DataView(stats.buffer).getUint32(4, true);
    if (drops !== 0) this.rings.addRxMissed(drops);
  }

  private request(code: number, what: string): Uint8Array {
    const arg = tun.packIfreqInt(this.ifName, 0);
    const errno = this.sys.ioctl(this.fd, code, arg);
    if (errno !== 0) throw errnoError(errno, `${this.name}: ${what}`, { ENODEV: this.noSuch() });
    return arg;
  }

  private index(): number {
    return tun.ifreqInt(this.request(tun.SIOCGIFINDEX, 'interface'));
  }

  private interfaceMtu(): number {
    return tun.ifreqInt(this.request(tun.SIOCGIFMTU, 'MTU'));
  }

  private linkMtu(): number {
    const most = this.interfaceMtu();
    const { mtu = most } = this.options;
    if (mtu <= most) return mtu;
    const advice = `ip link set ${this.ifName} mtu ${mtu}`;
    throw new NetError('EINVAL', `${this.name}: MTU ${mtu}: the interface takes ${most}; ${advice}`);
  }

  private hardwareAddress(): string {
    const { type, address } = tun.ifreqHwaddr(this.request(tun.SIOCGIFHWADDR, 'address'));
    if (type === packet.ARPHRD_ETHER) return macText(address);
    const why = `${this.name}: the interface is not Ethernet (ARPHRD ${type}); a veth, bridge or NIC would be right`;
    throw new NetError('EAFNOSUPPORT', why);
  }

  private noSuch(): string {
    const { netns } = this.options;
    const where = netns === undefined ? '' : ` in ${netns}`;
    const list = netns === undefined ? 'ip link' : `ip -n ${netns} link`;
    return `there is no interface ${this.ifName}${where}; ${list} shows them`;
  }
}

/** Bytes of a slot that takes whole frames of this MTU: an odd number of cache lines. */
function plainSlotBytes(mtu: number): number {
  const lines = Math.ceil((mtu + ETH_HLEN + SLOT_OVERHEAD) / SLOT_ALIGN);
  return (lines | 1) * SLOT_ALIGN;
}

/** Packet sockets take segments of UDP since Linux 6.2. */
function kernelHasUso(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}
