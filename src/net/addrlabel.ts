/** The policy table of RFC 6724, and the order of destinations by it. `ip addrlabel`, getaddrinfo(3). */
import { AddrLabelRec } from '../../assembly/abi/request.js';
import { formatCidr, inPrefix, parseIp } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import { AF_INET6, prefix, putAddress } from './ip.js';

export interface AddressLabel {
  prefix: string;
  label: number;
  /** Of this device only; 0: of all. */
  ifindex: number;
}

export function putAddressLabel(
  view: DataView,
  at: number,
  net: number,
  entry: { prefix: string; label?: number; ifindex?: number },
): void {
  const { family, bytes, plen } = prefix(entry.prefix);
  if (family !== AF_INET6) throw new NetError('EINVAL', `${entry.prefix}: labels are for IPv6 prefixes`);
  view.setUint32(at + AddrLabelRec.NET, net, true);
  view.setInt32(at + AddrLabelRec.IFINDEX, entry.ifindex ?? 0, true);
  view.setUint32(at + AddrLabelRec.PLEN, plen, true);
  view.setUint32(at + AddrLabelRec.LABEL, entry.label ?? 0, true);
  putAddress(view, at + AddrLabelRec.PREFIX, bytes);
}

export function addressLabel(view: DataView, at: number): AddressLabel {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + AddrLabelRec.PREFIX, 16).slice();
  return {
    prefix: formatCidr(bytes, view.getUint32(at + AddrLabelRec.PLEN, true)),
    label: view.getUint32(at + AddrLabelRec.LABEL, true),
    ifindex: view.getInt32(at + AddrLabelRec.IFINDEX, true),
  };
}

/** RFC 6724 2.1: the precedence of destinations, which Linux leaves to the C library (gai.conf(5)). */
const PRECEDENCE: readonly (readonly [prefix: string, length: number, precedence: number, label: number])[] =
  [
    ['::1', 128, 50, 0],
    ['::', 0, 40, 1],
    ['::ffff:0:0', 96, 35, 4],
    ['2002::', 16, 30, 2],
    ['2001::', 32, 5, 5],
    ['fc00::', 7, 3, 13],
    ['::', 96, 1, 3],
    ['fec0::', 10, 1, 11],
    ['3ffe::', 16, 1, 12],
  ];

export interface Destination {
  address: string;
  /** The address that we would send from; undefined: there is no way there. */
  source: string | undefined;
  /** Of the source. */
  deprecated?: boolean;
}

/** 16 bytes; an IPv4 address as ::ffff:a.b.c.d (RFC 6724 3.2). */
function mapped(text: string): Uint8Array {
  const ip = parseIp(text);
  if (ip === null) throw new NetError('EINVAL', `${JSON.stringify(text)} is no IP address`);
  if (ip.family === 6) return ip.bytes;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip.bytes);
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
}

function policy(bytes: Uint8Array): { precedence: number; label: number } {
  let best = { length: -1, precedence: 40, label: 1 };
  for (const [text, length, precedence, label] of PRECEDENCE) {
    if (length > best.length && inPrefix(bytes, mapped6(text), length)) best = { length, precedence, label };
  }
  return best;
}

function mapped6(text: string): Uint8Array {
  return parseIp(text)!.bytes;
}

/** RFC 6724 3.1, 3.2: 1 node, 2 link, 5 site, 14 global. */
function scopeOf(bytes: Uint8Array): number {
  if (isMapped(bytes)) {
    const [a, b] = bytes.subarray(12);
    return a === 127 || (a === 169 && b === 254) ? 2 : 14;
  }
  if (bytes[0] === 0xff) return bytes[1]! & 15;
  const isLoopback = bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
  if (isLoopback || (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80)) return 2;
  return bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0xc0 ? 5 : 14;
}

function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i++) {
    const differ = a[i]! ^ b[i]!;
    if (differ !== 0) return i * 8 + Math.clz32(differ) - 24;
  }
  return 128;
}

/** RFC 6724 6: the destinations in the order to try them. Rules 4 (home addresses) and 7 (native transport) never tell. */
export function sortDestinations<T extends Destination>(destinations: readonly T[]): T[] {
  const known = destinations.map((destination, order) => {
    const bytes = mapped(destination.address);
    const source = destination.source === undefined ? null : mapped(destination.source);
    return { destination, order, bytes, source, ...policy(bytes), scope: scopeOf(bytes) };
  });
  type Known = (typeof known)[number];
  const compare = (a: Known, b: Known): number => {
    // Rule 1: avoid unusable destinations.
    if (a.source === null || b.source === null) return rank(b.source !== null, a.source !== null, a, b);
    const rules: [boolean, boolean][] = [
      // Rule 2: prefer matching scope.
      [a.scope === scopeOf(a.source), b.scope === scopeOf(b.source)],
      // Rule 3: avoid deprecated addresses.
      [a.destination.deprecated !== true, b.destination.deprecated !== true],
      // Rule 5: prefer matching label.
      [a.label === policy(a.source).label, b.label === policy(b.source).label],
    ];
    for (const [ofA, ofB] of rules) if (ofA !== ofB) return ofA ? -1 : 1;
    // Rule 6: prefer higher precedence. Rule 8: prefer smaller scope.
    if (a.precedence !== b.precedence) return b.precedence - a.precedence;
    if (a.scope !== b.scope) return a.scope - b.scope;
    // Rule 9: use the longest matching prefix, within one family.
    if (isMapped(a.bytes) === isMapped(b.bytes) && !isMapped(a.bytes)) {
      const longer = commonPrefix(b.bytes, b.source) - commonPrefix(a.bytes, a.source);
      if (longer !== 0) return longer;
    }
    // Rule 10: otherwise, leave the order unchanged.
    return a.order - b.order;
  };
  return known.toSorted(compare).map(({ destination }) => destination);
}

function rank(b: boolean, a: boolean, x: { order: number }, y: { order: number }): number {
  return a === b ? x.order - y.order : a ? -1 : 1;
}
