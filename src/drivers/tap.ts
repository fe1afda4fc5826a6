/**
 * A TAP interface of this Linux as a port: what the kernel sends to the interface is received here, what is sent here
 * arrives there. Frames go straight between the kernel and linear memory (tap_io), with a virtio_net_hdr in front, so that checksums and segments of up to 64 KB stay undone on both sides (Linux: drivers/net/tun.c).
 *
 *   interface   what the descriptor says            the port
 *   up          poll: POLLOUT, write: n             up
 *   down        poll: nothing, write: EIO           down, ENETDOWN; what is sent is dropped and counted
 *   deleted     poll: POLLERR, read: EBADFD         down, ENODEV; taken again when someone makes it anew
 *   in another network namespace: as before, the descriptor moves with it
 */
import { NetifF } from '../../assembly/abi/features.js';
import { NetError } from '../net_error.js';
import { EAGAIN, EBADFD, EINTR, EIO, errnoError } from '../sys/errno.js';
import type { FdWatch } from '../sys/fd_watch.js';
import * as tun from '../sys/if_tun.js';
import { AF_INET, O_NONBLOCK, O_RDWR, POLLERR, POLLOUT, SOCK_DGRAM, Sys } from '../sys/sys.js';
import { type Driver, FRAME_BYTES_MAX, type PortNotify, type PortRings, RX_SMALL_BYTES } from './driver.js';
import { randomMac } from './mac.js';
import { openTapIo, type TapIo } from './tap_io.js';

export interface TapOptions {
  /** Our side's address. Default: random, locally administered. */
  mac?: string | undefined;
  /** Set on the interface, too. Default: what the interface has. */
  mtu?: number | undefined;
  /** Checksums and segmentation left to the other side. Default: true. */
  offloads?: boolean | undefined;
  /** One system call a frame, as on a kernel without io_uring. Default: false. */
  calls?: boolean | undefined;
  /** Also sets the kernel's side up. Default: false, as a network manager would do it. */
  up?: boolean | undefined;
}

const VNET_HDR_BYTES = 10;
const ETH_HLEN = 14;
const TX_QUEUE_LEN = 2000;
const CHECK_MS = 250;
/** A burst ends behind as many bytes: large frames shall still lie in the cache when they are sent on. */
const BURST_BYTES = 192 << 10;
const OFFLOADS = NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.RXCSUM;
const TUN_F_ALL = tun.TUN_F_CSUM | tun.TUN_F_TSO4 | tun.TUN_F_TSO6 | tun.TUN_F_USO4 | tun.TUN_F_USO6;

const OPEN_ADVICE = {
  ENOENT:
    'this kernel has no TUN/TAP driver loaded; run modprobe tun, or mkdir -p /dev/net && mknod /dev/net/tun c 10 200',
  ENODEV: 'this kernel has no TUN/TAP driver; run modprobe tun, or use a udp: port, which needs nothing',
  ENXIO: 'this kernel has no TUN/TAP driver; run modprobe tun, or use a udp: port, which needs nothing',
  EACCES: 'run as root, or give this user read and write access to /dev/net/tun',
  EPERM:
    'run as root (a container needs --device /dev/net/tun), or use a udp: port, which needs no privileges',
};
const SETIFF_ADVICE = {
  EPERM:
    'CAP_NET_ADMIN is needed: run as root, or have root make it yours: ip tuntap add NAME mode tap user $USER vnet_hdr',
  EBUSY: 'another process holds this interface; name another one or end that process',
  EINVAL: 'an interface of this name exists and is no single-queue TAP; name another one',
};

export class TapDriver implements Driver {
  readonly kind = 'tap';
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly features: number;
  readonly vnetHdrLen = VNET_HDR_BYTES;

  private readonly sys = new Sys();
  private readonly offloads: boolean;
  private readonly calls: boolean;
  private fd: number;
  private rings!: PortRings;
  private notify!: PortNotify;
  private watch: FdWatch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private io!: TapIo;
  /** Frames that the next receive burst can count on, and their usual length: what the last one brought. */
  private expected = 1;
  private usualBytes = 0;
  private armed = false;
  /** undefined until told for the first time. */
  private up: boolean | undefined;
  private gone = false;

  /** Creates the interface `ifName`, or attaches to the one that is there; it ends with us unless it is persistent. */
  constructor(
    private readonly ifName: string,
    options: TapOptions = {},
  ) {
    this.name = `tap:${ifName}`;
    const problem = tun.ifNameProblem(ifName);
    if (problem !== undefined) throw new NetError('EINVAL', `${this.name}: ${problem}`);
    this.mac = options.mac ?? randomMac();
    this.offloads = options.offloads ?? true;
    this.calls = options.calls ?? false;
    this.features = NetifF.SG | (this.offloads ? OFFLOADS : 0);
    this.fd = this.sys.open('/dev/net/tun', O_RDWR | O_NONBLOCK, `${this.name}: /dev/net/tun`, OPEN_ADVICE);
    try {
      const existed = this.exists();
      this.setInterface();
      this.mtu = this.configure(options, existed);
    } catch (error) {
      this.sys.close(this.fd);
      throw error;
    }
  }

  attach(rings: PortRings, notify: PortNotify): void {
    if (rings.vnetHdrLen !== VNET_HDR_BYTES) throw new Error(`${this.name}: the rings have no vnet header`);
    this.rings = rings;
    this.notify = notify;
    this.setOffload();
    this.io = openTapIo(this.sys, this.fd, rings, this.calls);
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

  /**
   * A burst asks for as many frames as the last one brought, then for twice as many as long as all of them were there: a
   * read that finds nothing costs a quarter of one that does.
   */
  rxBurst(max: number): number {
    const { rings } = this;
    const burst = Math.min(max, rings.rxSpace());
    let frames = 0;
    let total = 0;
    let ask = Math.min(this.expected, this.io.burst);
    for (let tries = 0; tries < burst && total < BURST_BYTES && !this.gone; ) {
      const fit = this.usualBytes === 0 ? burst : Math.ceil((BURST_BYTES - total) / this.usualBytes);
      const done = this.io.read(frames, Math.min(ask, fit, burst - tries));
      if (done === 0) break;
      let more = true;
      const first = frames;
      for (let i = 0; i < done; i++) {
        const bytes = this.io.result(i);
        if (bytes < 0) {
          more = this.readFailed(-bytes) && more;
          continue;
        }
        total += bytes;
        // The frames of a burst lie in descriptors without a gap.
        if (this.received(first + i, frames, bytes)) frames++;
      }
      tries += done;
      if (!more) break;
      ask = Math.min(2 * done, this.io.burst);
    }
    if (frames === 0) return 0;
    this.expected = frames + 1;
    this.usualBytes = total / frames;
    if (this.up !== true) this.setState(true);
    return frames;
  }

  /** What was read into descriptor `from` is the burst's frame `to`, when it is a frame. */
  private received(from: number, to: number, bytes: number): boolean {
    const { rings } = this;
    const desc = rings.rxDesc(from);
    // The kernel cuts what does not fit, without a word: a full read is a frame too long for this slot.
    const room = rings.rxLargeBuf(desc) === 0 ? RX_SMALL_BYTES : FRAME_BYTES_MAX;
    if (bytes >= VNET_HDR_BYTES + room || bytes < VNET_HDR_BYTES + ETH_HLEN) {
      rings.addRxErrors(1);
      return false;
    }
    if (from !== to) rings.rxSwap(desc, rings.rxDesc(to));
    rings.rxDone(from === to ? desc : rings.rxDesc(to), bytes - VNET_HDR_BYTES, 0);
    return true;
  }

  txBurst(): number {
    const { rings, io } = this;
    const waiting = rings.txReady();
    let done = 0;
    let sent = 0;
    let go = true;
    while (done < waiting && go) {
      const n = io.write(done, Math.min(waiting - done, io.burst));
      if (n === 0) break;
      for (let i = 0; i < n; i++) {
        const result = io.result(i);
        if (result >= 0) {
          done++;
          sent++;
          continue;
        }
        const errno = -result;
        if (errno === EINTR && i === n - 1) continue;
        if (errno === EAGAIN && i === n - 1) {
          this.watch?.want(false, true);
          go = false;
          continue;
        }
        rings.addTxErrors(1);
        done++;
        if (errno === EIO || errno === EBADFD) this.setState(false, errno === EBADFD);
      }
    }
    if (done !== 0) rings.txAdvance(done);
    if (sent !== 0 && this.up !== true) this.setState(true);
    return sent;
  }

  arm(): void {
    this.armed = true;
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
    this.io?.close();
    this.sys.close(this.fd);
    this.fd = -1;
    this.gone = true;
    this.armed = false;
  }

  /** True when the next read may do better. */
  private readFailed(errno: number): boolean {
    if (errno === EAGAIN) return false;
    if (errno === EINTR) return true;
    this.rings.addRxErrors(1);
    if (errno === EBADFD || errno === EIO) this.setState(false, errno === EBADFD);
    return false;
  }

  /** Asks the descriptor how the interface is: on attach, after an error and every CHECK_MS. */
  private check(): void {
    if (this.fd < 0 || (this.gone && !this.comeBack())) return;
    const events = this.sys.pollNow(this.fd, POLLOUT);
    if ((events & POLLERR) !== 0) this.setState(false, true);
    else this.setState((events & POLLOUT) !== 0);
    if (this.armed && !this.gone) this.watch?.want(true, false);
  }

  private setState(up: boolean, gone = false): void {
    this.gone = gone;
    if (this.up === up) return;
    this.up = up;
    if (up) this.notify.state(true);
    else if (gone) {
      const why = `${this.name}: the interface was deleted; ip tuntap add ${this.ifName} mode tap brings it back`;
      this.notify.state(false, new NetError('ENODEV', why));
    } else {
      const why = `${this.name}: the interface is down; ip link set ${this.ifName} up`;
      this.notify.state(false, new NetError('ENETDOWN', why));
    }
  }

  /** A descriptor whose interface was deleted can take one again. We do not make it: whoever deleted it meant it. */
  private comeBack(): boolean {
    if (!this.exists()) return false;
    try {
      this.setInterface();
    } catch {
      return false; // held by another process, or no TAP: the state stays as told
    }
    this.setOffload();
    this.gone = false;
    return true;
  }

  private setInterface(): void {
    const flags = tun.IFF_TAP | tun.IFF_NO_PI | tun.IFF_VNET_HDR;
    const errno = this.sys.ioctl(this.fd, tun.TUNSETIFF, tun.packIfreqFlags(this.ifName, flags));
    if (errno !== 0) throw errnoError(errno, `${this.name}: TUNSETIFF`, SETIFF_ADVICE);
    const bad = this.sys.ioctl(this.fd, tun.TUNSETVNETHDRSZ, tun.packInt(VNET_HDR_BYTES));
    if (bad !== 0) throw errnoError(bad, `${this.name}: TUNSETVNETHDRSZ`);
  }

  /** What the kernel may hand us undone. Without large slots: no segments that do not fit. Old kernels lack USO. */
  private setOffload(): void {
    const csum = this.offloads ? tun.TUN_F_CSUM : 0;
    if (csum !== 0 && this.rings.rxLarge) {
      if (this.sys.ioctl(this.fd, tun.TUNSETOFFLOAD, TUN_F_ALL) === 0) return;
      const tcpOnly = csum | tun.TUN_F_TSO4 | tun.TUN_F_TSO6;
      if (this.sys.ioctl(this.fd, tun.TUNSETOFFLOAD, tcpOnly) === 0) return;
    }
    this.sys.ioctl(this.fd, tun.TUNSETOFFLOAD, csum);
  }

  /** Sets what the options ask of the kernel's side and returns its MTU. */
  private configure(options: TapOptions, existed: boolean): number {
    return this.withSocket((socket) => {
      const request = (code: number, what: string, arg: Uint8Array): Uint8Array => {
        const errno = this.sys.ioctl(socket, code, arg);
        if (errno !== 0) throw errnoError(errno, `${this.name}: ${what}`);
        return arg;
      };
      const name = this.ifName;
      if (!existed) this.sys.ioctl(socket, tun.SIOCSIFTXQLEN, tun.packIfreqInt(name, TX_QUEUE_LEN));
      if (options.mtu !== undefined) {
        request(tun.SIOCSIFMTU, `MTU ${options.mtu}`, tun.packIfreqInt(name, options.mtu));
      }
      if (options.up === true) {
        const flags = tun.ifreqFlags(request(tun.SIOCGIFFLAGS, 'flags', tun.packIfreqFlags(name, 0)));
        request(tun.SIOCSIFFLAGS, 'set up', tun.packIfreqFlags(name, flags | tun.IFF_UP));
      }
      return tun.ifreqInt(request(tun.SIOCGIFMTU, 'MTU', tun.packIfreqInt(name, 0)));
    });
  }

  private exists(): boolean {
    return this.withSocket(
      (socket) => this.sys.ioctl(socket, tun.SIOCGIFINDEX, tun.packIfreqInt(this.ifName, 0)) === 0,
    );
  }

  private withSocket<T>(use: (socket: number) => T): T {
    const socket = this.sys.socket(AF_INET, SOCK_DGRAM, 0);
    try {
      return use(socket);
    } finally {
      this.sys.close(socket);
    }
  }
}
