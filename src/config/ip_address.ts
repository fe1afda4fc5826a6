/**
 * IPv4, IPv6 and MAC addresses as text and as bytes in network order, for the whole host.
 *
 * Parsing is strict: dotted quads without leading zeros (RFC 6943 §3.1.1 on why the loose forms are unsafe), the
 * IPv6 forms of RFC 4291 §2.2 and nothing else (no zone, no brackets). A parser returns null for wrong text and
 * whyNotAddress says what is wrong with it. Output of IPv6 is canonical after RFC 5952.
 */

export type Family = 4 | 6;

export interface IpAddress {
  readonly family: Family;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
}

export interface Cidr {
  readonly family: Family;
  /** With its host bits, as written. */
  readonly address: Uint8Array;
  readonly prefix: number;
}

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const HEXTET = /^[0-9a-f]{1,4}$/i;
const MAC = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;

export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!OCTET.test(part) || Number(part) > 255) return null;
    bytes[index] = Number(part);
  }
  return bytes;
}

/** The hextets of one side of `::`; the last may be a dotted quad where the address ends with it. */
function parseHextets(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const words: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes('.')) {
      const quad = parseIpv4(part);
      if (quad === null) return null;
      words.push((quad[0]! << 8) | quad[1]!, (quad[2]! << 8) | quad[3]!);
    } else if (HEXTET.test(part)) {
      words.push(Number.parseInt(part, 16));
    } else {
      return null;
    }
  }
  return words;
}

export function parseIpv6(text: string): Uint8Array | null {
  const gap = text.indexOf('::');
  if (gap !== -1 && text.indexOf('::', gap + 1) !== -1) return null;
  const head = parseHextets(gap === -1 ? text : text.slice(0, gap), gap === -1);
  const tail = gap === -1 ? [] : parseHextets(text.slice(gap + 2), true);
  if (head === null || tail === null) return null;
  const given = head.length + tail.length;
  // RFC 5952 §4.2.2 forbids to write "::" for one group; RFC 4291 lets a reader accept it, but not for none.
  if (gap === -1 ? given !== 8 : given > 7) return null;
  const words = [...head, ...new Array<number>(8 - given).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  for (const [index, word] of words.entries()) {
    bytes[index * 2] = word >> 8;
    bytes[index * 2 + 1] = word & 255;
  }
  return bytes;
}

export function parseIp(text: string): IpAddress | null {
  const family: Family = text.includes(':') ? 6 : 4;
  const bytes = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return bytes && { family, bytes };
}

/** ADDRESS/PREFIX; the prefix is required. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  if (slash === -1) return null;
  const ip = parseIp(text.slice(0, slash));
  const prefixText = text.slice(slash + 1);
  if (ip === null || !OCTET.test(prefixText)) return null;
  const prefix = Number(prefixText);
  return prefix > addressBits(ip.family) ? null : { family: ip.family, address: ip.bytes, prefix };
}

/** `52:54:00:12:34:56` or with dashes, one separator throughout. */
export function parseMac(text: string): Uint8Array | null {
  if (!MAC.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16));
}

export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** RFC 5952 §4: lower case, no leading zeros, "::" for the first longest run of two or more zero groups. */
export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  // RFC 5952 §5: an IPv4-mapped address keeps its dotted quad.
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes.subarray(12, 16))}`;
  }
  let start = -1;
  let length = 1;
  for (let index = 0; index < 8; index++) {
    let end = index;
    while (end < 8 && words[end] === 0) end++;
    if (end - index > length) {
      start = index;
      length = end - index;
    }
    if (end > index) index = end;
  }
  const hex = words.map((word) => word.toString(16));
  if (start === -1) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

export function formatIp(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes);
}

export function formatCidr(address: Uint8Array, prefix: number): string {
  return `${formatIp(address)}/${prefix}`;
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

export function addressBits(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** The address with its host bits cleared. */
export function networkOf(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((octet, index) => octet & prefixOctet(prefix, index));
}

export function inPrefix(address: Uint8Array, network: Uint8Array, prefix: number): boolean {
  if (address.length !== network.length) return false;
  return address.every((octet, index) => ((octet ^ network[index]!) & prefixOctet(prefix, index)) === 0);
}

/** Octet `index` of the mask of a prefix. */
function prefixOctet(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff00 >> bits) & 0xff;
}

export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

export function isMulticast(address: Uint8Array): boolean {
  return address.length === 4 ? address[0]! >> 4 === 14 : address[0] === 0xff;
}

/** fe80::/10 */
export function isLinkLocal6(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && address[1]! >> 6 === 2;
}

/** What is wrong with text that parseIp refuses, in a few words. */
export function whyNotAddress(text: string): string {
  if (text === '') return 'it is empty';
  if (/\s/.test(text)) return 'it contains a space';
  return text.includes(':') ? whyNotIpv6(text) : whyNotIpv4(text);
}

/** The same for parseCidr. */
export function whyNotCidr(text: string): string {
  const slash = text.indexOf('/');
  if (slash === -1) {
    return parseIp(text) ? 'the prefix length is missing' : whyNotAddress(text);
  }
  const ip = parseIp(text.slice(0, slash));
  if (ip === null) return whyNotAddress(text.slice(0, slash));
  const prefix = text.slice(slash + 1);
  if (!OCTET.test(prefix))
    return `the prefix length "${prefix}" is not a number from 0 to ${addressBits(ip.family)}`;
  return `an IPv${ip.family} prefix length is at most ${addressBits(ip.family)}`;
}

function whyNotIpv4(text: string): string {
  const parts = text.split('.');
  for (const part of parts) {
    if (part === '' || !/^\d+$/.test(part)) continue;
    if (part.length > 1 && part.startsWith('0')) return `"${part}" has a leading zero`;
    if (Number(part) > 255) return `${part} is more than 255`;
  }
  const bad = parts.find((part) => !/^\d+$/.test(part));
  if (bad !== undefined && parts.length > 1)
    return bad === '' ? 'a number is missing' : `"${bad}" is not a number`;
  if (bad !== undefined) return 'it is neither IPv4 nor IPv6';
  return `an IPv4 address has 4 numbers, this has ${parts.length}`;
}

function whyNotIpv6(text: string): string {
  if (text.includes('%')) return 'a zone (%) is not part of an address here';
  if (text.includes('[')) return 'brackets are for URLs only';
  const gaps = text.split('::').length - 1;
  if (gaps > 1 || text.includes(':::')) return '"::" may stand only once';
  const parts = text.split(':').filter((part) => part !== '');
  const bad = parts.find((part) => !HEXTET.test(part) && !part.includes('.'));
  if (bad !== undefined) return `"${bad}" is not a group of up to 4 hexadecimal digits`;
  const quad = parts.find((part) => part.includes('.'));
  if (quad !== undefined && parseIpv4(quad) === null) return whyNotIpv4(quad);
  if (gaps === 0 && parts.length < 8)
    return `an IPv6 address without "::" has 8 groups, this has ${parts.length}`;
  return 'it has too many groups, or a ":" too many';
}
