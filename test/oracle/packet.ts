/**
 * Builds the packets of the oracle's cases: every field right unless a case says otherwise. A packet is a chain of
 * parts, each of which knows its protocol number and is built once addresses (for the pseudo-header) and the number of
 * what follows are known.
 *
 *   ip4({ ttl: 1 }, udp({ dport: 53 }, pattern(40)))
 *   ip6({}, hopByHop(option(0x05, [0, 0])), udp({}, pattern(8)))
 */
import { parseIp, parseMac } from '../../src/config/ip_address.js';

/** A part of a packet behind the IP header. */
export interface Part {
  readonly protocol: number;
  build(pseudo: Pseudo, next: number): Uint8Array;
}

/** Addresses that a checksum covers. */
export interface Pseudo {
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
}

/** A checksum: right, wrong, or this number. */
export type Sum = 'bad' | number;

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;

export function cat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function u8(...bytes: readonly number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

/** Numbers in network order. */
export function be16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
}

export function be32(...values: readonly number[]): Uint8Array {
  return cat(...values.map((value) => be16(value >>> 16, value & 0xffff)));
}

/** `n` bytes of which no two neighbours and no two blocks of 8 are alike. */
export function pattern(n: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 3) * 13 + seed + 1) & 255);
}

/** An address in words, or its bytes as they are. */
export function ipBytes(text: string | Uint8Array): Uint8Array {
  if (typeof text !== 'string') return text;
  const ip = parseIp(text);
  if (ip === null) throw new Error(`no IP address: ${text}`);
  return ip.bytes;
}

export function mac(text: string): Uint8Array {
  const bytes = parseMac(text);
  if (bytes === null) throw new Error(`no MAC address: ${text}`);
  return bytes;
}

/** One's complement sum of 16-bit words, not yet complemented (RFC 1071). */
export function sum16(bytes: Uint8Array, from = 0): number {
  let sum = from;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

export function pseudoSum(pseudo: Pseudo, protocol: number, length: number): number {
  return sum16(cat(pseudo.src, pseudo.dst, be32(length), be16(protocol)));
}

function putSum(bytes: Uint8Array, at: number, from: number, sum: Sum | undefined, zeroIsFfff = false): void {
  let value = ~sum16(bytes, from) & 0xffff;
  if (zeroIsFfff && value === 0) value = 0xffff;
  if (sum === 'bad') value ^= 0x1111;
  else if (sum !== undefined) value = sum;
  bytes.set(be16(value), at);
}

/** Bytes as they are, under a protocol number. */
export function raw(protocol: number, bytes: Uint8Array): Part {
  return { protocol, build: () => bytes };
}

export interface UdpFields {
  sport?: number;
  dport?: number;
  length?: number;
  sum?: Sum;
}

export function udp(fields: UdpFields = {}, payload: Uint8Array = pattern(18)): Part {
  return {
    protocol: 17,
    build(pseudo) {
      const length = fields.length ?? 8 + payload.length;
      const head = be16(fields.sport ?? 40000, fields.dport ?? 7, length, 0);
      const bytes = cat(head, payload);
      putSum(bytes, 6, pseudoSum(pseudo, 17, length), fields.sum, true);
      return bytes;
    },
  };
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface TcpFields {
  sport?: number;
  dport?: number;
  seq?: number;
  ack?: number;
  flags?: number;
  window?: number;
  /** Header length in words; default: what options make it. */
  doff?: number;
  options?: Uint8Array;
  sum?: Sum;
}

export function tcp(fields: TcpFields = {}, payload: Uint8Array = u8()): Part {
  return {
    protocol: 6,
    build(pseudo) {
      const options = fields.options ?? u8();
      const doff = fields.doff ?? 5 + options.length / 4;
      const ports = be16(fields.sport ?? 40000, fields.dport ?? 81);
      const numbers = be32(fields.seq ?? 0x01020304, fields.ack ?? 0);
      const rest = be16((doff << 12) | (fields.flags ?? SYN), fields.window ?? 0x7210, 0, 0);
      const bytes = cat(ports, numbers, rest, options, payload);
      putSum(bytes, 16, pseudoSum(pseudo, 6, bytes.length), fields.sum);
      return bytes;
    },
  };
}

/** An ICMP message: type, code, the four bytes after the checksum, the rest. */
export function icmp(type: number, code: number, rest: Uint8Array, payload: Uint8Array, sum?: Sum): Part {
  return {
    protocol: 1,
    build() {
      const bytes = cat(u8(type, code, 0, 0), rest, payload);
      putSum(bytes, 2, 0, sum);
      return bytes;
    },
  };
}

export function echo(
  payload: Uint8Array = pattern(32),
  fields: { id?: number; seq?: number; sum?: Sum } = {},
): Part {
  return icmp(8, 0, be16(fields.id ?? 0x77, fields.seq ?? 1), payload, fields.sum);
}

export function icmp6(type: number, code: number, rest: Uint8Array, payload: Uint8Array, sum?: Sum): Part {
  return {
    protocol: 58,
    build(pseudo) {
      const bytes = cat(u8(type, code, 0, 0), rest, payload);
      putSum(bytes, 2, pseudoSum(pseudo, 58, bytes.length), sum);
      return bytes;
    },
  };
}

export function echo6(
  payload: Uint8Array = pattern(32),
  fields: { id?: number; seq?: number; sum?: Sum } = {},
): Part {
  return icmp6(128, 0, be16(fields.id ?? 0x77, fields.seq ?? 1), payload, fields.sum);
}

export interface Ip4Fields {
  src?: string | Uint8Array;
  dst?: string | Uint8Array;
  ttl?: number;
  tos?: number;
  id?: number;
  df?: boolean;
  mf?: boolean;
  /** The reserved bit of the flags (RFC 3514). */
  evil?: boolean;
  /** Fragment offset in bytes. */
  offset?: number;
  protocol?: number;
  options?: Uint8Array;
  sum?: Sum;
  total?: number;
  ihl?: number;
  version?: number;
}

/** The hosts that packets come from and go to when a case does not say. */
export const LAN_HOST = '192.0.2.2';
export const WAN_HOST = '198.51.100.2';
export const LAN_HOST6 = '2001:db8:1::2';
export const WAN_HOST6 = '2001:db8:2::2';

export function ip4(fields: Ip4Fields, part: Part): Uint8Array {
  const src = ipBytes(fields.src ?? LAN_HOST);
  const dst = ipBytes(fields.dst ?? WAN_HOST);
  const payload = part.build({ src, dst }, 0);
  const options = fields.options ?? u8();
  const ihl = fields.ihl ?? 5 + options.length / 4;
  const total = fields.total ?? 20 + options.length + payload.length;
  const flags = (fields.evil ? 0x8000 : 0) | (fields.df ? 0x4000 : 0) | (fields.mf ? 0x2000 : 0);
  const head = cat(
    u8(((fields.version ?? 4) << 4) | ihl, fields.tos ?? 0),
    be16(total, fields.id ?? 0x1234, flags | ((fields.offset ?? 0) >> 3)),
    u8(fields.ttl ?? 64, fields.protocol ?? part.protocol, 0, 0),
    src,
    dst,
    options,
  );
  putSum(head, 10, 0, fields.sum);
  return cat(head, payload);
}

/**
 * The datagram cut at the given offsets of its payload (multiples of 8), each piece a fragment with `fields`; the
 * pieces are in order.
 */
export function fragments4(fields: Ip4Fields, part: Part, ...cuts: readonly number[]): Uint8Array[] {
  const pseudo = { src: ipBytes(fields.src ?? LAN_HOST), dst: ipBytes(fields.dst ?? WAN_HOST) };
  const whole = part.build(pseudo, 0);
  const ends = [...cuts, whole.length];
  return ends.map((end, i) => piece4(fields, part.protocol, whole, i === 0 ? 0 : ends[i - 1]!, end));
}

/** Bytes `from` to `to` of a payload as one fragment; MF unless it reaches the end. */
export function piece4(
  fields: Ip4Fields,
  protocol: number,
  whole: Uint8Array,
  from: number,
  to: number,
): Uint8Array {
  return ip4({ ...fields, offset: from, mf: to < whole.length }, raw(protocol, whole.subarray(from, to)));
}

export interface Ip6Fields {
  src?: string | Uint8Array;
  dst?: string | Uint8Array;
  hops?: number;
  tclass?: number;
  flow?: number;
  /** Payload length; default: what follows. */
  length?: number;
  next?: number;
  version?: number;
}

function pseudo6(fields: Ip6Fields): Pseudo {
  return { src: ipBytes(fields.src ?? LAN_HOST6), dst: ipBytes(fields.dst ?? WAN_HOST6) };
}

export function ip6(fields: Ip6Fields, ...parts: readonly Part[]): Uint8Array {
  const pseudo = pseudo6(fields);
  const payload = chain(pseudo, parts);
  const first = ((fields.version ?? 6) << 28) | ((fields.tclass ?? 0) << 20) | (fields.flow ?? 0);
  return cat(
    be32(first >>> 0),
    be16(fields.length ?? payload.length),
    u8(fields.next ?? parts[0]?.protocol ?? 59, fields.hops ?? 64),
    pseudo.src,
    pseudo.dst,
    payload,
  );
}

function chain(pseudo: Pseudo, parts: readonly Part[]): Uint8Array {
  return cat(...parts.map((part, i) => part.build(pseudo, parts[i + 1]?.protocol ?? 59)));
}

/** An option of a hop-by-hop or destination options header. */
export function option(type: number, data: readonly number[] = []): Uint8Array {
  return u8(type, data.length, ...data);
}

/** An options header, padded with PadN or Pad1 to a multiple of 8. `lengthUnits` overrides its length field. */
function optionsHeader(protocol: number, options: readonly Uint8Array[], lengthUnits?: number): Part {
  return {
    protocol,
    build(_pseudo, next) {
      const body = cat(...options);
      const pad = (8 - ((2 + body.length) % 8)) % 8;
      const filler =
        pad === 0 ? u8() : pad === 1 ? u8(0) : u8(1, pad - 2, ...new Array<number>(pad - 2).fill(0));
      const units = lengthUnits ?? (2 + body.length + pad) / 8 - 1;
      return cat(u8(next, units), body, filler);
    },
  };
}

export function hopByHop(...options: readonly Uint8Array[]): Part {
  return optionsHeader(0, options);
}

export function destOptions(...options: readonly Uint8Array[]): Part {
  return optionsHeader(60, options);
}

/** A hop-by-hop header that claims `units` times 8 bytes behind its first 8. */
export function hopByHopLength(units: number, ...options: readonly Uint8Array[]): Part {
  return optionsHeader(0, options, units);
}

/** A routing header: type, segments left, and what follows them (a multiple of 8 and 4 more). */
export function routing(type: number, left: number, data: Uint8Array): Part {
  return {
    protocol: 43,
    build: (_pseudo, next) => cat(u8(next, (4 + data.length) / 8 - 1, type, left), data),
  };
}

/** A fragment header; `offset` in bytes. */
export function fragment6(offset: number, more: boolean, id = 0xabcd0123): Part {
  return {
    protocol: 44,
    build: (_pseudo, next) => cat(u8(next, 0), be16(offset | (more ? 1 : 0)), be32(id)),
  };
}

/** As fragments4; `parts` is what gets cut. */
export function fragments6(
  fields: Ip6Fields,
  parts: readonly Part[],
  ...cuts: readonly number[]
): Uint8Array[] {
  const whole = chain(pseudo6(fields), parts);
  const ends = [...cuts, whole.length];
  return ends.map((end, i) => piece6(fields, parts[0]!.protocol, whole, i === 0 ? 0 : ends[i - 1]!, end));
}

export function piece6(
  fields: Ip6Fields,
  protocol: number,
  whole: Uint8Array,
  from: number,
  to: number,
  id?: number,
): Uint8Array {
  return ip6(fields, fragment6(from, to < whole.length, id), raw(protocol, whole.subarray(from, to)));
}

/** What a checksummed part is in a packet with these addresses, for cases that cut it themselves. */
export function built(part: Part, src: string, dst: string): Uint8Array {
  return part.build({ src: ipBytes(src), dst: ipBytes(dst) }, 0);
}

export interface ArpFields {
  op?: number;
  sha?: string;
  spa?: string;
  tha?: string;
  tpa?: string;
  hardware?: number;
  protocol?: number;
  hlen?: number;
  plen?: number;
}

export function arp(fields: ArpFields): Uint8Array {
  return cat(
    be16(fields.hardware ?? 1, fields.protocol ?? ETH_P_IP),
    u8(fields.hlen ?? 6, fields.plen ?? 4),
    be16(fields.op ?? 1),
    mac(fields.sha ?? '02:00:00:00:01:02'),
    ipBytes(fields.spa ?? LAN_HOST),
    mac(fields.tha ?? '00:00:00:00:00:00'),
    ipBytes(fields.tpa ?? '192.0.2.1'),
  );
}

/** An option of neighbour discovery: length in units of 8 unless given. */
export function ndOption(type: number, data: Uint8Array, units = (2 + data.length) / 8): Uint8Array {
  return cat(u8(type, units), data);
}

/** Solicited-node multicast address (RFC 4291 §2.7.1). */
export function solicitedNode(address: string): string {
  const b = ipBytes(address);
  const hex = (i: number): string => b[i]!.toString(16).padStart(2, '0');
  return `ff02::1:ff${hex(13)}:${hex(14)}${hex(15)}`;
}

/** The Ethernet address of a multicast IP address, or undefined for a unicast one. */
export function multicastMac(destination: Uint8Array): Uint8Array | undefined {
  if (destination.length === 16) {
    return destination[0] === 0xff ? cat(u8(0x33, 0x33), destination.subarray(12)) : undefined;
  }
  if (destination.every((byte) => byte === 255)) return u8(255, 255, 255, 255, 255, 255);
  if (destination[0]! >> 4 !== 14) return undefined;
  return u8(1, 0, 0x5e, destination[1]! & 127, destination[2]!, destination[3]!);
}
