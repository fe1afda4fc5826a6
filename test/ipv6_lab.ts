/**
 * A router of one namespace for tests of assembly/ipv6, and packets for it written field by field. Device 0 has
 * 2001:db8:1::1/64, device 1 2001:db8:2::1/64; 2001:db8:1::2 and 2001:db8:2::2 are known neighbours. Addresses are
 * there without duplicate detection unless a test adds its own; what is sent is read from a log, frames whole.
 */
import type { Mib } from '../assembly/abi/snmp.js';
import type { SkbDropReason } from '../assembly/abi/drop_reason.js';
import { Ipv6Conf } from '../assembly/abi/sysctl.js';
import { type AsModule, loadAs } from './as.js';

export const SEC = 1_000_000_000n;
const ARENA = 24 << 20;
const IN = ARENA + 0x1000;
const ADDR = ARENA + 0x800;
const LOG = ARENA + 0x20000;
export const A1 = '2001:db8:1::1';
export const A2 = '2001:db8:2::1';
export const H1 = '2001:db8:1::2';
export const H2 = '2001:db8:2::2';
export const LL0 = 'fe80::ff:fe00:1';
export const MAC0 = '020000000001';
export const MAC1 = '020000000002';
export const MACH1 = '525400000101';
export const MACH2 = '525400000202';
export const NODAD = 2;

export interface Sent {
  ifindex: number;
  /** The frame; at most 2048 bytes of it are kept. */
  frame: Buffer;
  /** From the IPv6 header on. */
  bytes: Buffer;
  length: number;
}

/** The 16 bytes of an address. */
export function ip6(text: string): Buffer {
  const [left, right] = text.split('::');
  const words = (s: string | undefined) => (s ? s.split(':').map((w) => Number.parseInt(w, 16)) : []);
  const l = words(left);
  const r = words(right);
  const all = right === undefined ? l : [...l, ...Array<number>(8 - l.length - r.length).fill(0), ...r];
  const out = Buffer.alloc(16);
  all.forEach((w, i) => void out.writeUInt16BE(w, i * 2));
  return out;
}

export function sum16(bytes: Buffer, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

export interface PacketFields {
  tclass?: number;
  label?: number;
  hop?: number;
  next?: number;
  src?: string;
  dst?: string;
  /** Payload length when it is to be wrong. */
  plen?: number;
  payload?: Buffer;
}

export function packet(f: PacketFields): Buffer {
  const payload = f.payload ?? Buffer.alloc(0);
  const h = Buffer.alloc(40);
  h.writeUInt32BE((0x60000000 | ((f.tclass ?? 0) << 20) | (f.label ?? 0)) >>> 0, 0);
  h.writeUInt16BE(f.plen ?? payload.length, 4);
  h[6] = f.next ?? 17;
  h[7] = f.hop ?? 64;
  ip6(f.src ?? H1).copy(h, 8);
  ip6(f.dst ?? H2).copy(h, 24);
  return Buffer.concat([h, payload]);
}

function pseudo(src: string, dst: string, proto: number, length: number): number {
  const p = Buffer.alloc(8);
  p.writeUInt32BE(length, 0);
  p[7] = proto;
  return sum16(p, sum16(ip6(src), sum16(ip6(dst))));
}

export function icmp6(
  src: string,
  dst: string,
  type: number,
  code: number,
  info: number,
  data: Buffer = Buffer.alloc(0),
): Buffer {
  const h = Buffer.alloc(8);
  h[0] = type;
  h[1] = code;
  h.writeUInt32BE(info >>> 0, 4);
  const whole = Buffer.concat([h, data]);
  whole.writeUInt16BE(0xffff - sum16(whole, pseudo(src, dst, 58, whole.length)), 2);
  return whole;
}

/** An ICMPv6 packet. */
export function icmpPacket(
  src: string,
  dst: string,
  type: number,
  code: number,
  info: number,
  data: Buffer = Buffer.alloc(0),
  hop = 64,
) {
  return packet({ src, dst, next: 58, hop, payload: icmp6(src, dst, type, code, info, data) });
}

export function udp(src: string, dst: string, sport: number, dport: number, data: Buffer): Buffer {
  const h = Buffer.alloc(8);
  h.writeUInt16BE(sport, 0);
  h.writeUInt16BE(dport, 2);
  h.writeUInt16BE(8 + data.length, 4);
  const whole = Buffer.concat([h, data]);
  whole.writeUInt16BE(0xffff - sum16(whole, pseudo(src, dst, 17, whole.length)) || 0xffff, 6);
  return whole;
}

export function tcp(
  src: string,
  dst: string,
  seq: number,
  ack: number,
  flags: number,
  data: Buffer = Buffer.alloc(0),
): Buffer {
  const h = Buffer.alloc(20);
  h.writeUInt16BE(4000, 0);
  h.writeUInt16BE(80, 2);
  h.writeUInt32BE(seq >>> 0, 4);
  h.writeUInt32BE(ack >>> 0, 8);
  h[12] = 0x50;
  h[13] = flags;
  h.writeUInt16BE(1000, 14);
  const whole = Buffer.concat([h, data]);
  whole.writeUInt16BE(0xffff - sum16(whole, pseudo(src, dst, 6, whole.length)), 16);
  return whole;
}

/** The pieces of `body` (what stands behind the IPv6 header) as fragments of a packet; each {offset, length, more}. */
export function fragment(
  f: PacketFields,
  next: number,
  id: number,
  offset: number,
  more: boolean,
  piece: Buffer,
): Buffer {
  const h = Buffer.alloc(8);
  h[0] = next;
  h.writeUInt16BE(offset | (more ? 1 : 0), 2);
  h.writeUInt32BE(id, 4);
  return packet({ ...f, next: 44, payload: Buffer.concat([h, piece]) });
}

/** True when the transport checksum of a packet without extension headers is right. */
export function transportSumOk(p: Buffer): boolean {
  const body = p.subarray(40, 40 + p.readUInt16BE(4));
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(body.length, 0);
  ends[7] = p[6]!;
  return sum16(body, sum16(ends, sum16(p.subarray(8, 40)))) === 0xffff;
}

/** Bytes 0, 7, 14, ... */
export function counting(length: number, from = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (from + i * 7) & 255));
}

export class Lab {
  readonly net: number;
  readonly devs: number[] = [];
  now = 100n * SEC;
  private readonly pages: number;

  private constructor(private readonly m: AsModule) {
    const x = m.exports;
    x.testInit!(ARENA);
    x.testSkbInit!(4096, 4096, 16);
    x.testIp6Init!(LOG);
    this.pages = x.testPagesFree!();
    this.net = x.testIp6Net!();
  }

  /** Two devices that are up, with their addresses; `bare`: no devices. */
  static async create({ bare = false } = {}): Promise<Lab> {
    const m = await loadAs(['lib/testing', 'skb/testing', 'ipv6/testing'], { pages: 512 });
    const lab = new Lab(m);
    lab.run(0n);
    if (bare) return lab;
    lab.call('testConf6', lab.net, 0, Ipv6Conf.FORWARDING, 1);
    lab.device(1, A1);
    lab.device(2, A2);
    lab.settle();
    lab.neighbour(0, H1, MACH1);
    lab.neighbour(1, H2, MACH2);
    return lab;
  }

  /** Lets link-local addresses finish duplicate detection and reports go out. */
  settle(): Sent[] {
    return this.steps(6n);
  }

  /** Time goes on by `seconds` in steps of 50 ms; all that was sent. */
  steps(seconds: bigint): Sent[] {
    const all: Sent[] = [];
    for (let i = 0n; i < seconds * 20n; i++) all.push(...this.run(SEC / 20n));
    return all;
  }

  device(n: number, address?: string, mtu = 1500): number {
    const dev = this.call('testDev6', this.net, n, mtu);
    this.devs.push(dev);
    this.call('testUp', dev);
    if (address) this.add(this.devs.length - 1, address, 64, NODAD);
    return this.devs.length - 1;
  }

  add(
    dev: number,
    address: string,
    plen: number,
    flags = 0,
    valid = 0xffffffff,
    preferred = 0xffffffff,
  ): number {
    return this.call('testAddrAdd', this.devs[dev]!, this.addr(address), plen, flags, valid, preferred);
  }

  flags(dev: number, address: string): number {
    return this.call('testAddrFlags', this.devs[dev]!, this.addr(address)) >>> 0;
  }

  neighbour(dev: number, address: string, mac: string): void {
    const at = this.addr(address);
    new Uint8Array(this.m.memory.buffer).set(Buffer.from(mac, 'hex'), at + 64);
    this.call('testNeighPermanent', this.devs[dev]!, at, at + 64);
  }

  route(dst: string, plen: number, gw: string | undefined, dev: number | undefined, type = 1): number {
    const at = this.addr(dst);
    if (gw) new Uint8Array(this.m.memory.buffer).set(ip6(gw), at + 32);
    return this.call(
      'testIp6Route',
      this.net,
      at,
      plen,
      gw ? at + 32 : 0,
      dev === undefined ? 0 : this.devs[dev]!,
      type,
    );
  }

  /** Puts an address into memory. */
  addr(address: string): number {
    new Uint8Array(this.m.memory.buffer).set(ip6(address), ADDR);
    return ADDR;
  }

  call(name: string, ...args: number[]): number {
    return this.m.exports[name]!(...args);
  }

  /** A packet arrives at device 0 or 1; what was sent in answer. `frag`: in pieces of memory of that size. */
  rcv(bytes: Buffer, { dev = 0, frag = 0, linear = 64, pktType = 0 } = {}): Sent[] {
    this.call('testLogClear');
    new Uint8Array(this.m.memory.buffer).set(bytes, IN);
    this.call('testIp6Rcv', this.devs[dev]!, IN, bytes.length, linear, frag, pktType);
    return this.sent();
  }

  /** An application of ours sends a packet; the errno and what left. */
  xmit(bytes: Buffer, oif = 0): [number, Sent[]] {
    this.call('testLogClear');
    new Uint8Array(this.m.memory.buffer).set(bytes, IN);
    return [this.call('testRawXmit', this.net, IN, bytes.length, oif), this.sent()];
  }

  sent(): Sent[] {
    const view = new DataView(this.m.memory.buffer);
    const out: Sent[] = [];
    for (let i = 0; i < this.call('testLogCount'); i++) {
      const at = this.call('testLog', i);
      const length = view.getUint32(at, true);
      const frame = Buffer.from(
        new Uint8Array(this.m.memory.buffer).slice(at + 8, at + 8 + Math.min(length, 2048)),
      );
      out.push({
        ifindex: view.getUint32(at + 4, true),
        frame,
        bytes: frame.subarray(14),
        length: length - 14,
      });
    }
    return out;
  }

  ifindex(dev: number): number {
    return this.call('testIfindex', this.devs[dev]!);
  }

  /** Time goes on by `ns`; timers fire. What they caused to be sent. */
  run(ns: bigint): Sent[] {
    this.now += ns;
    this.call('testLogClear');
    this.call('testIp6Run', Number(this.now & 0xffffffffn), Number(this.now >> 32n));
    return this.sent();
  }

  mib(id: Mib): number {
    return this.call('testMib', this.net, id);
  }

  drops(reason: SkbDropReason): number {
    return this.call('testDropCount', reason);
  }

  conf(dev: number | undefined, id: Ipv6Conf, value: number): number {
    return this.call('testConf6', this.net, dev === undefined ? 0 : this.devs[dev]!, id, value);
  }

  /** Ends the namespace; what leaked: [skbs and slots, pages]. */
  end(): [number, number] {
    this.call('testIp6NetEnd', this.net);
    return [this.call('testSkbLeaks'), this.pages - this.call('testPagesFree')];
  }
}
