/**
 * A router of one namespace for tests of assembly/ipv4, and packets for it written field by field. Two devices: 1 with
 * 10.0.1.1/24 and MTU 1500, 2 with 10.0.2.1/24; the neighbours need no ARP, and what is sent is read from a log.
 */
import { type AsModule, loadAs } from './as.js';
import type { Mib } from '../assembly/abi/snmp.js';
import type { SkbDropReason } from '../assembly/abi/drop_reason.js';

export const SEC = 1_000_000_000n;
const ARENA = 24 << 20;
const IN = ARENA + 0x1000;
const LOG = ARENA + 0x20000;

export interface Sent {
  ifindex: number;
  /** From the IP header on; at most 2048 bytes of them are kept. */
  bytes: Buffer;
  length: number;
}

export interface PacketFields {
  tos?: number;
  id?: number;
  /** Flags and offset: 0x4000 DF, 0x2000 MF, offset in units of 8. */
  frag?: number;
  ttl?: number;
  proto?: number;
  src?: string;
  dst?: string;
  options?: number[];
  payload?: Buffer;
}

export function ip(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function sum16(bytes: Buffer, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

export function packet(f: PacketFields): Buffer {
  const options = Buffer.from(f.options ?? []);
  const payload = f.payload ?? Buffer.alloc(0);
  const ihl = 20 + options.length;
  const h = Buffer.alloc(ihl);
  h[0] = 0x40 | (ihl / 4);
  h[1] = f.tos ?? 0;
  h.writeUInt16BE(ihl + payload.length, 2);
  h.writeUInt16BE(f.id ?? 0x1234, 4);
  h.writeUInt16BE(f.frag ?? 0, 6);
  h[8] = f.ttl ?? 64;
  h[9] = f.proto ?? 17;
  h.writeUInt32BE(ip(f.src ?? '10.0.1.2'), 12);
  h.writeUInt32BE(ip(f.dst ?? '10.0.1.1'), 16);
  options.copy(h, 20);
  h.writeUInt16BE(0xffff - sum16(h), 10);
  return Buffer.concat([h, payload]);
}

export function icmp(type: number, code: number, info: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const h = Buffer.alloc(8);
  h[0] = type;
  h[1] = code;
  h.writeUInt32BE(info >>> 0, 4);
  const whole = Buffer.concat([h, data]);
  whole.writeUInt16BE(0xffff - sum16(whole), 2);
  return whole;
}

function pseudo(src: string, dst: string, proto: number, length: number): number {
  const p = Buffer.alloc(12);
  p.writeUInt32BE(ip(src), 0);
  p.writeUInt32BE(ip(dst), 4);
  p[9] = proto;
  p.writeUInt16BE(length, 10);
  return sum16(p);
}

export function udp(src: string, dst: string, sport: number, dport: number, data: Buffer): Buffer {
  const h = Buffer.alloc(8);
  h.writeUInt16BE(sport, 0);
  h.writeUInt16BE(dport, 2);
  h.writeUInt16BE(8 + data.length, 4);
  const whole = Buffer.concat([h, data]);
  whole.writeUInt16BE(0xffff - sum16(whole, pseudo(src, dst, 17, whole.length)), 6);
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

/** True when the checksum of a TCP or UDP segment between the addresses of `p` is right. */
export function transportSumOk(p: Buffer): boolean {
  const ihl = (p[0]! & 15) * 4;
  const body = p.subarray(ihl);
  const ends = Buffer.concat([
    p.subarray(12, 20),
    Buffer.from([0, p[9]!, body.length >> 8, body.length & 255]),
  ]);
  return sum16(body, sum16(ends)) === 0xffff;
}

/** Bytes 0, 1, 2, ... */
export function counting(length: number, from = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (from + i * 7) & 255));
}

export class Lab {
  readonly net: number;
  readonly devs: number[];
  now = 100n * SEC;

  private constructor(private readonly m: AsModule) {
    const x = m.exports;
    x.testInit!(ARENA);
    x.testSkbInit!(4096, 4096, 16);
    x.testIpInit!(LOG);
    this.net = x.testIpNet!();
    this.run(0n);
    this.devs = [
      x.testIpDev!(this.net, ip('10.0.1.1'), 24, 1500),
      x.testIpDev!(this.net, ip('10.0.2.1'), 24, 1500),
    ];
  }

  static async create(): Promise<Lab> {
    const m = await loadAs(['lib/testing', 'skb/testing', 'ipv4/testing'], { pages: 512 });
    return new Lab(m);
  }

  call(name: string, ...args: number[]): number {
    return this.m.exports[name]!(...args);
  }

  /** A packet arrives at device 0 or 1; what was sent in answer. `frag`: in pieces of memory of that size. */
  rcv(bytes: Buffer, { dev = 0, frag = 0, linear = 64, pktType = 0 } = {}): Sent[] {
    this.call('testLogClear');
    this.push(bytes, { dev, frag, linear, pktType });
    return this.sent();
  }

  push(bytes: Buffer, { dev = 0, frag = 0, linear = 64, pktType = 0 } = {}): void {
    new Uint8Array(this.m.memory.buffer).set(bytes, IN);
    this.call('testIpRcv', this.devs[dev]!, IN, bytes.length, linear, frag, pktType);
  }

  sent(): Sent[] {
    const view = new DataView(this.m.memory.buffer);
    const out: Sent[] = [];
    for (let i = 0; i < this.call('testLogCount'); i++) {
      const at = this.call('testLog', i);
      const length = view.getUint32(at, true);
      const bytes = Buffer.from(
        new Uint8Array(this.m.memory.buffer).slice(at + 8, at + 8 + Math.min(length, 2048)),
      );
      out.push({ ifindex: view.getUint32(at + 4, true), bytes, length });
    }
    return out;
  }

  /** Time goes on by `ns`; timers fire. What they caused to be sent. */
  run(ns: bigint): Sent[] {
    this.now += ns;
    this.call('testLogClear');
    this.call('testIpRun', Number(this.now & 0xffffffffn), Number(this.now >> 32n));
    return this.sent();
  }

  mib(id: Mib): number {
    return this.call('testMib', this.net, id);
  }

  drops(reason: SkbDropReason): number {
    return this.call('testDropCount', reason);
  }

  sysctl(id: number, value: number): void {
    this.call('testSysctl', this.net, id, value);
  }

  conf(id: number, all: number, own: number): void {
    for (const dev of this.devs) this.call('testConf4', dev, id, all, own);
  }

  /** Ends the namespace; returns what leaked: skbs, slots and bytes of fragment queues. */
  end(): number {
    this.call('testIpNetEnd', this.net);
    return this.call('testSkbLeaks') + this.call('testFragMem');
  }
}
