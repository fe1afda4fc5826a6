/** Router advertisements and their options, built field by field (RFC 4861 4.2, 4191 2.3, 8106 5). */
import { be16, be32, cat, icmp6, ip6, ipBytes, ndOption, u8 } from './packet.js';

const ROUTER = 'fe80::1';

export interface Ra {
  src?: string;
  hops?: number;
  flags?: number;
  lifetime?: number;
  reachable?: number;
  retrans?: number;
}

export function advertisement(ra: Ra, ...options: readonly Uint8Array[]): Uint8Array {
  const rest = cat(u8(ra.hops ?? 64, ra.flags ?? 0), be16(ra.lifetime ?? 1800));
  const body = cat(be32(ra.reachable ?? 0, ra.retrans ?? 0), ...options);
  return ip6({ src: ra.src ?? ROUTER, dst: 'ff02::1', hops: 255 }, icmp6(134, 0, rest, body));
}

export function prefixInfo(
  prefix: string,
  valid: number,
  preferred: number,
  flags = 0xc0,
  plen = 64,
): Uint8Array {
  return ndOption(3, cat(u8(plen, flags), be32(valid, preferred, 0), ipBytes(prefix)));
}

export function routeInfo(prefix: string, plen: number, lifetime: number, pref = 0): Uint8Array {
  const bytes = plen === 0 ? 0 : plen <= 64 ? 8 : 16;
  return ndOption(24, cat(u8(plen, pref << 3), be32(lifetime), ipBytes(prefix).subarray(0, bytes)));
}

export const mtuOption = (mtu: number) => ndOption(5, cat(be16(0), be32(mtu)));
export const rdnss = (lifetime: number, ...servers: string[]) =>
  ndOption(25, cat(be16(0), be32(lifetime), ...servers.map(ipBytes)));
const label = (text: string) => cat(u8(text.length), new TextEncoder().encode(text));
export function dnssl(lifetime: number, ...domains: string[]): Uint8Array {
  const names = cat(...domains.map((domain) => cat(...domain.split('.').map(label), u8(0))));
  return ndOption(31, cat(be16(0), be32(lifetime), names, new Uint8Array((8 - (names.length % 8)) % 8)));
}
