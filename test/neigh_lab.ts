/**
 * What the unit tests of assembly/neigh share: the composition of neigh/testing.ts with a virtual clock in
 * milliseconds, frames as hex, and neighbours by address.
 */
import { type AsModule, loadAs } from './as.js';
import { constant, hex, toHex } from './wire_input.js';

export const NUD = {
  NONE: 0,
  INCOMPLETE: 1,
  REACHABLE: 2,
  STALE: 4,
  DELAY: 8,
  PROBE: 16,
  FAILED: 32,
  NOARP: 64,
  PERMANENT: 128,
};
const CORE_BYTES = 8 << 20;
const SCRATCH = CORE_BYTES;
const INPUT = SCRATCH + 0x40000;
export const AF_INET = 2;
export const AF_INET6 = 10;
/** The MAC of the first device. */
export const MAC = '020000000001';
export const PEER = '525400123456';

export function ip(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export class NeighLab {
  readonly m: AsModule;
  readonly f: Record<string, (...args: number[]) => number>;
  readonly view: DataView;
  net = 0;
  dev = 0;
  /** ms */
  now = 0;
  private pages = 0;
  private devices: number[] = [];

  constructor(m: AsModule) {
    this.m = m;
    this.f = m.exports;
    this.view = new DataView(m.memory.buffer);
  }

  static async load(): Promise<NeighLab> {
    const modules = ['lib/testing', 'skb/testing', 'neigh/testing', 'neigh/neighbour', 'neigh/neigh_table'];
    return new NeighLab(await loadAs([...modules, 'neigh/neigh_request', 'neigh/arp'], { pages: 192 }));
  }

  /** A fresh core with `skbs` skbs and one device, `now` ms after its clock began. */
  reset(skbs = 512, now = 100_000): void {
    this.f.testInit!(CORE_BYTES);
    this.f.testSkbInit!(skbs, skbs, 1);
    this.f.testNeighInit!(SCRATCH);
    this.devices = [];
    this.now = 0;
    this.setNow(now);
    this.pages = this.f.testPagesFree!();
    this.net = this.f.testNet!();
    this.dev = this.addDevice(MAC);
  }

  addDevice(mac: string, flags = 0): number {
    const b = hex(mac);
    const v = new DataView(b.buffer);
    const dev = this.f.testDev!(this.net, v.getUint32(0, true), v.getUint16(4, true), flags);
    this.devices.push(dev);
    return dev;
  }

  /** Ends devices and namespace; returns what leaked: [pages, skbs]. */
  end(): [number, number] {
    for (const dev of this.devices) this.f.testDevEnd!(dev);
    this.f.testNetEnd!(this.net);
    return [this.pages - this.f.testPagesFree!(), this.f.testSkbLeaks!()];
  }

  private setNow(ms: number): void {
    this.now = ms;
    const ns = BigInt(Math.round(ms * 1000)) * 1000n;
    this.f.testRun!(Number(ns & 0xffffffffn), Number(ns >> 32n));
  }

  /** Lets `ms` pass in steps of 50 ms, so that each timer fires near its time. */
  advance(ms: number, step = 50): void {
    const end = this.now + ms;
    while (this.now < end) this.setNow(Math.min(end, this.now + step));
  }

  constant(name: string): number {
    return constant(this.m, name);
  }

  put(bytes: string): number {
    const b = hex(bytes);
    new Uint8Array(this.m.memory.buffer).set(b, INPUT);
    return INPUT;
  }

  /** 16 bytes of key in a place of their own. */
  key(address: string): number {
    const at = INPUT + 0x1000;
    const bytes = new Uint8Array(this.m.memory.buffer, at, 16).fill(0);
    if (address.includes('.')) this.view.setUint32(at, ip(address));
    else bytes.set(hex(address));
    return at;
  }

  family(address: string): number {
    return address.includes('.') ? AF_INET : AF_INET6;
  }

  find(address: string, dev = this.dev): number {
    return this.f.neighLookup!(this.family(address), this.key(address), dev);
  }

  state(address: string, dev = this.dev): number | undefined {
    const neigh = this.find(address, dev);
    return neigh === 0 ? undefined : this.stateOf(neigh);
  }

  stateOf(neigh: number): number {
    return this.view.getUint8(neigh + this.constant('NEIGH_STATE'));
  }

  macOf(neigh: number): string {
    return toHex(new Uint8Array(this.m.memory.buffer, neigh + this.constant('NEIGH_HA'), 6));
  }

  /** Sends an IPv4 packet (or IPv6 for an IPv6 address) of `len` bytes to `address`; returns the neighbour. */
  output(
    address: string,
    options: { len?: number; source?: string; tag?: number; dev?: number; protocol?: number } = {},
  ) {
    const { len = 28, source = '0.0.0.0', tag = 0, dev = this.dev } = options;
    const family = this.family(address);
    const protocol = options.protocol ?? (family === AF_INET ? 0x0800 : 0x86dd);
    const bytes = new Uint8Array(len);
    bytes[0] = protocol === 0x0800 ? 0x45 : 0x60;
    const v = new DataView(bytes.buffer);
    v.setUint16(2, len);
    v.setUint32(12, ip(source));
    bytes[20] = tag;
    return this.f.testOutput!(family, this.key(address), dev, this.put(toHex(bytes)), len, protocol);
  }

  /** Frames that left since the last call, as hex. */
  sent(): string[] {
    const n = this.f.testFrames!();
    const out: string[] = [];
    for (let i = 0; i < Math.min(n, 1024); i++) {
      const at = this.f.testFrame!(i);
      const len = Math.min(this.view.getUint32(at, true), 124);
      out.push(toHex(new Uint8Array(this.m.memory.buffer, at + 4, len)));
    }
    this.f.testClearFrames!();
    return out;
  }

  arp(frame: string, dev = this.dev): void {
    this.f.testRcvArp!(this.put(frame), hex(frame).length, dev);
  }

  /** An ARP frame: to `dest`, from `sha`. */
  arpFrame(dest: string, op: number, sha: string, sip: string, tha: string, tip: string): string {
    const hexIp = (a: string) => ip(a).toString(16).padStart(8, '0');
    return `${dest}${sha}0806000108000604${op.toString(16).padStart(4, '0')}${sha}${hexIp(sip)}${tha}${hexIp(tip)}`;
  }

  update(address: string, mac: string | null, state: number, flags = 0): number {
    const lladdr = mac === null ? 0 : this.put(mac);
    return this.f.neighUpdate!(this.find(address), lladdr, state, flags);
  }

  /** Sets a value of net.ipv4.neigh.DEV or (v6) net.ipv6.neigh.DEV. */
  neighVar(id: number, value: number, which: 'DEV_NEIGH4' | 'DEV_NEIGH6' = 'DEV_NEIGH4'): void {
    const table = this.view.getUint32(this.dev + this.constant(which), true);
    this.view.setInt32(table + id * 4, value, true);
  }

  conf4(id: number, value: number): void {
    this.view.setInt32(
      this.view.getUint32(this.dev + this.constant('DEV_CONF4'), true) + id * 4,
      value,
      true,
    );
  }

  sysctl(id: number, value: number): void {
    this.view.setInt32(
      this.view.getUint32(this.net + this.constant('NET_SYSCTLS'), true) + id * 4,
      value,
      true,
    );
  }

  drops(reason: number): number {
    return this.f.testDropCount!(reason);
  }

  /** Neighbour events since the last call: [state, first four bytes of the address]. */
  events(): [number, number][] {
    const ring = this.f.testEventRing!();
    const out: [number, number][] = [];
    let tail = this.view.getUint32(ring + 4, true);
    for (; tail !== this.view.getUint32(ring, true); tail++) {
      const at = ring + 16 + (tail & this.view.getUint32(ring + 8, true)) * 32;
      if (this.view.getUint16(at, true) === 4)
        out.push([this.view.getUint32(at + 12, true), this.view.getUint32(at + 16)]);
    }
    this.view.setUint32(ring + 4, tail, true);
    return out;
  }
}
