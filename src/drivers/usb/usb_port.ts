/**
 * A USB Ethernet adapter as a port: finds it, brings it up, and does so again whenever it is plugged in.
 *
 *              ┌──────────── attach, or a while later ◄────────────┐
 *   absent ────┴─► opening ─► up (frames) ─► unplugged, failed ─► closing
 *                     └─► refused: the reason is told, once
 *
 * The port outlives the device: the link goes down with it and keeps its addresses, routes and counters until it is there
 * again, at whatever socket.
 */
import { NetifF } from '../../../assembly/abi/features.js';
import { NetError } from '../../net_error.js';
import type { Driver, PortNotify, PortRings } from '../driver.js';
import { randomMac } from '../mac.js';
import { openLibusb } from './libusb.js';
import { candidates, type UsbCandidate } from './select.js';
import type { UsbHandle, UsbHost } from './transport.js';
import type { UsbNetDriver, UsbNetFamily } from './usb_net_driver.js';
import type { UsbSpec } from './usb_spec.js';
import { newCounters, UsbNet, type UsbNetCounters } from './usbnet.js';

export interface UsbPortOptions {
  /** Default: the device's. With another one the device has to give us everything. */
  readonly mac?: string | undefined;
  /** Default: the device's. */
  readonly mtu?: number | undefined;
  /** Default: libusb. */
  readonly host?: (() => Promise<UsbHost>) | undefined;
  readonly families?: readonly UsbNetFamily[] | undefined;
}

interface Opened {
  readonly handle: UsbHandle;
  readonly driver: UsbNetDriver;
  readonly candidate: UsbCandidate;
}

/** What is known of the device that is in use now, for people. */
export interface UsbPortInfo {
  readonly path: string;
  readonly driver: string;
  readonly configuration: number;
  readonly mac: string | undefined;
  readonly rxBps: number;
  readonly txBps: number;
  readonly counters: Readonly<UsbNetCounters>;
}

const RETRY_MS = 250;
const RETRY_MAX_MS = 4000;
const MTU = 1500;

export class UsbPort implements Driver {
  readonly kind = 'usb';
  readonly features = NetifF.GRO;
  readonly vnetHdrLen = 0;
  mac: string;
  mtu: number;
  readonly counters = newCounters();

  /** The address that the link has, as far as is known here. */
  private linkMac = '';
  private host: UsbHost | undefined;
  private unwatch: (() => void) | undefined;
  private rings: PortRings | undefined;
  private notify: PortNotify | undefined;
  private opened: Opened | undefined;
  private net: UsbNet | undefined;
  private armed = false;
  private carrier = false;
  private speed = [0, 0] as [number, number];
  private closed = false;
  /** What is being done with the device; one thing at a time. */
  private work: Promise<void> = Promise.resolve();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private retryMs = RETRY_MS;
  /** Message told last, so that a retry that fails alike is not told again. */
  private told: string | undefined;
  /** The device's own word; kept until it is told. */
  private failure: NetError | undefined;

  constructor(
    readonly name: string,
    private readonly spec: UsbSpec,
    private readonly options: UsbPortOptions = {},
  ) {
    this.mac = options.mac ?? randomMac();
    this.mtu = options.mtu ?? MTU;
  }

  get info(): UsbPortInfo | undefined {
    if (this.opened === undefined) return undefined;
    const { driver, candidate } = this.opened;
    return {
      path: candidate.device.path,
      driver: driver.name,
      configuration: candidate.match.configuration.value,
      mac: driver.mac,
      rxBps: this.speed[0],
      txBps: this.speed[1],
      counters: this.counters,
    };
  }

  /** Counters that the device keeps; none when it keeps none or is not there. */
  async deviceStatistics(): Promise<Record<string, number>> {
    return (await this.opened?.driver.statistics?.()) ?? {};
  }

  /** Brings the device up already, when it is there, for its address and MTU. What is wrong is told after attach(). */
  async prepare(): Promise<void> {
    if (this.opened !== undefined || this.closed) return;
    await this.run(() => this.open());
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    this.notify = notify;
    this.linkMac = this.mac;
    void this.run(() => this.open());
  }

  rxBurst(max: number): number {
    return this.net?.rxBurst(max) ?? 0;
  }

  txBurst(): number {
    if (this.net !== undefined) return this.net.txBurst();
    // Nobody is there to take them, and who comes must not be given frames of long ago.
    const { rings } = this;
    const waiting = rings?.txReady() ?? 0;
    if (waiting > 0) {
      rings!.addTxErrors(waiting);
      rings!.txAdvance(waiting);
    }
    return 0;
  }

  arm(): void {
    this.armed = true;
    this.net?.arm();
  }

  disarm(): void {
    this.armed = false;
    this.net?.disarm();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    this.unwatch?.();
    this.unwatch = undefined;
    await this.run(() => this.shut());
  }

  private run(what: () => Promise<void>): Promise<void> {
    this.work = this.work.then(what, what);
    return this.work;
  }

  private async open(): Promise<void> {
    if (this.closed) return;
    if (this.opened === undefined) {
      try {
        const host = await this.usb();
        this.opened = await this.choose(host);
      } catch (error) {
        this.refused(error);
        return;
      }
      const { driver } = this.opened;
      if (this.options.mac === undefined && driver.mac !== undefined) this.mac = driver.mac;
      if (this.options.mtu === undefined) this.mtu = driver.mtu;
    }
    if (this.rings !== undefined && this.net === undefined) this.begin(this.opened);
  }

  private async usb(): Promise<UsbHost> {
    this.host ??= await (this.options.host ?? openLibusb)();
    this.unwatch ??= this.host.watch((event, device) => {
      if (event === 'attach') this.again(0);
      else if (this.opened?.candidate.device === device) this.gone();
    });
    return this.host;
  }

  /** The first that can be opened. Of several functions of one device the next is tried only when the best is refused. */
  private async choose(host: UsbHost): Promise<Opened> {
    let why: unknown;
    for (const candidate of await candidates(host, this.spec, this.options.families)) {
      try {
        return await this.bringUp(candidate);
      } catch (error) {
        why ??= error;
      }
    }
    throw why;
  }

  private async bringUp(candidate: UsbCandidate): Promise<Opened> {
    const { device, match } = candidate;
    const handle = await device.open();
    try {
      if (handle.configuration !== match.configuration.value)
        await handle.selectConfiguration(match.configuration.value);
      this.carrier = false;
      this.speed = [0, 0];
      let known = false;
      const driver = await match.family.open(handle, match, {
        link: (up) => {
          known = true;
          this.carrier = up;
          this.tell();
        },
        speed: (rxBps, txBps) => {
          this.speed = [rxBps, txBps];
        },
        failed: (why) => this.failed(handle, why),
        odd: () => {},
      });
      if (!known) this.carrier = driver.carrier;
      return { handle, driver, candidate };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private begin({ handle, driver }: Opened): void {
    this.net = new UsbNet(handle, driver, this.rings!, this.counters, {
      readable: () => this.notify!.readable(),
      writable: () => this.notify!.writable(),
      gone: () => this.gone(),
      failed: (why) => this.failed(handle, why),
    });
    this.retryMs = RETRY_MS;
    if (this.mac !== this.linkMac) this.notify!.address?.(this.mac);
    this.linkMac = this.mac;
    this.net.start();
    if (this.armed) this.net.arm();
    this.tell();
  }

  private async shut(): Promise<void> {
    const { net, opened } = this;
    this.net = undefined;
    this.opened = undefined;
    if (net !== undefined) await net.close();
    else await opened?.handle.close();
  }

  private gone(): void {
    this.lose(new NetError('ENODEV', `${this.name}: the device was unplugged`));
  }

  private failed(handle: UsbHandle, why: NetError): void {
    if (this.opened !== undefined && this.opened.handle !== handle) return;
    this.lose(new NetError(why.code, `${this.name}: ${why.message}`, { cause: why }));
  }

  /** The device is no use any more: the link is down at once, the rest takes its time. */
  private lose(why: NetError): void {
    if (this.closed || this.failure !== undefined) return;
    this.failure = why;
    this.carrier = false;
    this.state(false, why);
    void this.run(async () => {
      await this.shut();
      this.failure = undefined;
      this.again(this.retryMs);
      this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS);
    });
  }

  private refused(error: unknown): void {
    if (!(error instanceof NetError)) throw error;
    const waits = error.code === 'ENODEV';
    const message = error.message.startsWith('port ') ? error.message : `${this.name}: ${error.message}`;
    this.state(false, new NetError(error.code, message, { cause: error }));
    // Without a device there is an event when it comes; everything else may change without one.
    if (error.code !== 'ENOSYS') this.again(waits ? RETRY_MAX_MS : this.retryMs);
    if (!waits) this.retryMs = Math.min(2 * this.retryMs, RETRY_MAX_MS);
  }

  private again(ms: number): void {
    if (this.closed || this.opened !== undefined) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.run(() => this.open()), ms);
    this.retry.unref?.();
  }

  /** The link is up when there is a device and its cable is. */
  private tell(): void {
    if (this.net === undefined) return;
    if (this.carrier) this.state(true);
    else this.state(false, new NetError('ENETDOWN', `${this.name}: there is no carrier`));
  }

  private state(up: boolean, why?: NetError): void {
    if (this.notify === undefined || this.closed) return;
    const told = up ? '' : why!.message;
    if (told === this.told) return;
    this.told = told;
    this.notify.state(up, why);
  }
}
