/** Addresses as the core's records hold them: family number, bytes in 16, prefix length. */
import { type Cidr, formatIp, parseCidr, parseIp } from '../config/ip_address.js';
import { NetError } from '../net_error.js';

export const AF_INET = 2;
export const AF_INET6 = 10;
export type AddressFamily = typeof AF_INET | typeof AF_INET6;

export interface Address {
  family: AddressFamily;
  bytes: Uint8Array;
}

export interface Prefix extends Address {
  plen: number;
}

function familyOf(bytes: Uint8Array): AddressFamily {
  return bytes.length === 4 ? AF_INET : AF_INET6;
}

/** An address, or EINVAL. */
export function address(text: string): Address {
  const ip = parseIp(text);
  if (ip === null)
    throw new NetError('EINVAL', `${JSON.stringify(text)} is no IP address (like 192.0.2.1 or 2001:db8::1)`);
  return { family: familyOf(ip.bytes), bytes: ip.bytes };
}

/** An address with its prefix length; without one, that of a single host. */
export function prefix(text: string): Prefix {
  if (!text.includes('/')) {
    const one = address(text);
    return { ...one, plen: one.bytes.length * 8 };
  }
  const cidr: Cidr | null = parseCidr(text);
  if (cidr === null)
    throw new NetError('EINVAL', `${JSON.stringify(text)} is no prefix (like 192.0.2.0/24 or 2001:db8::/32)`);
  return { family: familyOf(cidr.address), bytes: cidr.address, plen: cidr.prefix };
}

/** Writes an address into a 16-byte field. */
export function putAddress(view: DataView, at: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
}

/** Reads the address of a 16-byte field. */
export function getAddress(view: DataView, at: number, family: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, family === AF_INET ? 4 : 16).slice();
}

/** Text of a 16-byte field; `any` is what an all-zero one reads as. */
export function getAddressText(view: DataView, at: number, family: number): string | undefined {
  const bytes = getAddress(view, at, family);
  return bytes.every((byte) => byte === 0) ? undefined : formatIp(bytes);
}
