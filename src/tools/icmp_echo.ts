/**
 * Echo requests and what comes back for them, both families, as bytes: what ping sends and reads.
 *
 *   IPv4  RFC 792: request 8, reply 0; errors 3, 5, 11, 12 quote the packet that they are about
 *   IPv6  RFC 4443: request 128, reply 129; errors 1 to 4 quote it, too
 */
import { AF_INET, type AddressFamily } from '../net/ip.js';

export interface Echo {
  readonly family: AddressFamily;
  /** 4 or 16 bytes; for IPv4 all zero lets the core choose. */
  readonly source: Uint8Array;
  readonly to: Uint8Array;
  readonly id: number;
  readonly seq: number;
  /** Bytes behind the ICMP header. */
  readonly size: number;
  readonly ttl: number;
  readonly dontFragment: boolean;
}

/** What a packet says about an echo request of ours. */
export interface EchoAnswer {
  readonly id: number;
  readonly seq: number;
  readonly from: Uint8Array;
  readonly type: number;
  readonly code: number;
  /** Of a reply: its TTL and the bytes behind its ICMP header. */
  readonly reply?: { readonly ttl: number; readonly bytes: number };
  /** Of "fragmentation needed" and "packet too big". */
  readonly mtu?: number;
}

interface Family {
  readonly headerBytes: number;
  readonly request: number;
  readonly reply: number;
  readonly errors: readonly number[];
}

const PROTO_ICMP = 1;
const PROTO_ICMPV6 = 58;
const NEXTHDR_FRAGMENT = 44;
const ICMP_HEADER = 8;
const IP_DF = 0x4000;
const V4: Family = { headerBytes: 20, request: 8, reply: 0, errors: [3, 5, 11, 12] };
const V6: Family = { headerBytes: 40, request: 128, reply: 129, errors: [1, 2, 3, 4] };
const ICMP_DEST_UNREACH = 3;
const ICMP_FRAG_NEEDED = 4;
const ICMPV6_PKT_TOOBIG = 2;

function familyOf(family: AddressFamily): Family {
  return family === AF_INET ? V4 : V6;
}

/** The whole packet. IPv4's header checksum and identification are the core's. */
export function emitEcho(echo: Echo): Uint8Array {
  const { headerBytes, request } = familyOf(echo.family);
  const packet = new Uint8Array(headerBytes + ICMP_HEADER + echo.size);
  const view = new DataView(packet.buffer);
  if (echo.family === AF_INET) {
    view.setUint8(0, 0x45);
    view.setUint16(2, packet.length);
    view.setUint16(6, echo.dontFragment ? IP_DF : 0);
    view.setUint8(8, echo.ttl);
    view.setUint8(9, PROTO_ICMP);
    packet.set(echo.source, 12);
    packet.set(echo.to, 16);
  } else {
    view.setUint8(0, 0x60);
    view.setUint16(4, packet.length - headerBytes);
    view.setUint8(6, PROTO_ICMPV6);
    view.setUint8(7, echo.ttl);
    packet.set(echo.source, 8);
    packet.set(echo.to, 24);
  }
  const icmp = packet.subarray(headerBytes);
  icmp[0] = request;
  view.setUint16(headerBytes + 4, echo.id);
  view.setUint16(headerBytes + 6, echo.seq);
  for (let i = 0; i < echo.size; i++) icmp[ICMP_HEADER + i] = i & 255;
  // RFC 4443 §2.3: ICMPv6 sums over a pseudo-header, too: addresses, length, next header.
  const pseudo = echo.family === AF_INET ? 0 : sum16(packet.subarray(8, 40)) + icmp.length + PROTO_ICMPV6;
  view.setUint16(headerBytes + 2, ~fold(sum16(icmp) + pseudo) & 0xffff);
  return packet;
}

/** Reads a packet from its network header on, its ICMP header at `transport`; null when it is no answer to an echo. */
export function readEchoAnswer(
  family: AddressFamily,
  packet: Uint8Array,
  transport: number,
): EchoAnswer | null {
  const { headerBytes, request, reply, errors } = familyOf(family);
  if (transport < headerBytes || packet.length - ICMP_HEADER < transport) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const type = packet[transport]!;
  const code = packet[transport + 1]!;
  const from = family === AF_INET ? packet.slice(12, 16) : packet.slice(8, 24);
  if (type === reply) {
    const ttl = packet[family === AF_INET ? 8 : 7]!;
    return {
      ...idOf(view, transport),
      from,
      type,
      code,
      reply: { ttl, bytes: packet.length - transport - ICMP_HEADER },
    };
  }
  if (!errors.includes(type)) return null;
  const quoted = transport + ICMP_HEADER;
  const echo = quotedEcho(family, packet, quoted);
  if (echo === null || packet.length - ICMP_HEADER < echo || packet[echo] !== request) return null;
  const tooBig =
    family === AF_INET
      ? type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED && view.getUint16(transport + 6)
      : type === ICMPV6_PKT_TOOBIG && view.getUint32(transport + 4);
  return { ...idOf(view, echo), from, type, code, ...(tooBig !== false && { mtu: tooBig }) };
}

/** Where the quoted packet's ICMP header begins. */
function quotedEcho(family: AddressFamily, packet: Uint8Array, at: number): number | null {
  if (packet.length - at < familyOf(family).headerBytes) return null;
  if (family === AF_INET) {
    const first = (((packet[at + 6]! & 0x1f) << 8) | packet[at + 7]!) === 0;
    return first && packet[at + 9] === PROTO_ICMP ? at + (packet[at]! & 15) * 4 : null;
  }
  if (packet[at + 6] === PROTO_ICMPV6) return at + 40;
  // The first fragment has the ICMP header behind its own; the others have none.
  const first = packet[at + 6] === NEXTHDR_FRAGMENT && packet[at + 40] === PROTO_ICMPV6;
  return first && packet[at + 42] === 0 && packet[at + 43]! >> 3 === 0 ? at + 48 : null;
}

function idOf(view: DataView, icmp: number): { id: number; seq: number } {
  return { id: view.getUint16(icmp + 4), seq: view.getUint16(icmp + 6) };
}

function sum16(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  return sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

const V4_ERRORS: Record<number, string> = {
  3: 'destination unreachable',
  5: 'redirect',
  11: 'time exceeded',
  12: 'parameter problem',
};
const V4_UNREACHABLE: readonly string[] = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'too big',
];
const V6_ERRORS: Record<number, string> = {
  1: 'destination unreachable',
  2: 'too big',
  3: 'time exceeded',
  4: 'parameter problem',
};
const V6_UNREACHABLE: readonly string[] = [
  'no route',
  'prohibited',
  'beyond the scope of the source',
  'address unreachable',
  'port unreachable',
];

/** What an error of this type and code says. */
export function errorText(family: AddressFamily, type: number, code: number): string {
  if (family === AF_INET) {
    return (type === ICMP_DEST_UNREACH && V4_UNREACHABLE[code]) || V4_ERRORS[type] || `ICMP ${type}/${code}`;
  }
  return (type === 1 && V6_UNREACHABLE[code]) || V6_ERRORS[type] || `ICMPv6 ${type}/${code}`;
}
