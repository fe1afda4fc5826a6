/**
 * Kinds of IPv6 address (RFC 4291 2.4, RFC 4007), and what is derived from one. Every address is a pointer to its
 * 16 bytes, which need no alignment.
 *
 *   ::/128     any            fe80::/10   link-local unicast      ff0X::/8  multicast, X the scope:
 *   ::1/128    loopback       fec0::/10   site-local (old)          1 node  2 link  5 site  8 organization  e global
 *   ::ffff:0:0/96  mapped     fc00::/7    unique local (global scope)
 */

/** Bits of ipv6AddrType. */
export const IPV6_ADDR_ANY: u32 = 0x0000;
export const IPV6_ADDR_UNICAST: u32 = 0x0001;
export const IPV6_ADDR_MULTICAST: u32 = 0x0002;
export const IPV6_ADDR_LOOPBACK: u32 = 0x0010;
export const IPV6_ADDR_LINKLOCAL: u32 = 0x0020;
export const IPV6_ADDR_SITELOCAL: u32 = 0x0040;
export const IPV6_ADDR_COMPATV4: u32 = 0x0080;
export const IPV6_ADDR_MAPPED: u32 = 0x1000;

export const IPV6_ADDR_SCOPE_NODELOCAL: u32 = 0x01;
export const IPV6_ADDR_SCOPE_LINKLOCAL: u32 = 0x02;
export const IPV6_ADDR_SCOPE_SITELOCAL: u32 = 0x05;
export const IPV6_ADDR_SCOPE_ORGLOCAL: u32 = 0x08;
export const IPV6_ADDR_SCOPE_GLOBAL: u32 = 0x0e;

export const IN6_ADDR_LEN: u32 = 16;

export function ipv6AddrEqual(a: usize, b: usize): bool {
  return load<u64>(a) === load<u64>(b) && load<u64>(a, 8) === load<u64>(b, 8);
}

export function ipv6AddrCopy(to: usize, from: usize): void {
  const high = load<u64>(from);
  const low = load<u64>(from, 8);
  store<u64>(to, high);
  store<u64>(to, low, 8);
}

export function ipv6AddrIsAny(a: usize): bool {
  return (load<u64>(a) | load<u64>(a, 8)) === 0;
}

export function ipv6AddrIsLoopback(a: usize): bool {
  return load<u64>(a) === 0 && load<u64>(a, 8) === 0x0100000000000000;
}

export function ipv6AddrIsMulticast(a: usize): bool {
  return load<u8>(a) === 0xff;
}

/** fe80::/10. */
export function ipv6AddrIsLinklocal(a: usize): bool {
  return (load<u16>(a) & 0xc0ff) === 0x80fe;
}

/** ::ffff:0:0/96. */
export function ipv6AddrIsV4mapped(a: usize): bool {
  return load<u64>(a) === 0 && load<u32>(a, 8) === 0xffff0000;
}

/** ff02::1. */
export function ipv6AddrIsLlAllNodes(a: usize): bool {
  return load<u64>(a) === 0x02ff && load<u64>(a, 8) === 0x0100000000000000;
}

/** ff02::2. */
export function ipv6AddrIsLlAllRouters(a: usize): bool {
  return load<u64>(a) === 0x02ff && load<u64>(a, 8) === 0x0200000000000000;
}

/** ff02::1:ff00:0/104 (RFC 4291 2.7.1). */
export function ipv6AddrIsSolictMult(a: usize): bool {
  return load<u64>(a) === 0x02ff && (load<u64>(a, 8) & 0xffffffffff) === 0xff01000000;
}

/** The low nibble of the second byte of a multicast address (RFC 4291 2.7). */
export function ipv6AddrMcScope(a: usize): u32 {
  return <u32>load<u8>(a, 1) & 15;
}

/** An address whose meaning depends on the interface: link-local unicast, and multicast of node and link scope. */
export function ipv6AddrNeedsScopeId(a: usize): bool {
  if (ipv6AddrIsLinklocal(a)) return true;
  if (!ipv6AddrIsMulticast(a)) return false;
  const scope = ipv6AddrMcScope(a);
  return scope === IPV6_ADDR_SCOPE_NODELOCAL || scope === IPV6_ADDR_SCOPE_LINKLOCAL;
}

/** IPV6_ADDR_* bits. A multicast address bears the bit of its scope, too, as in Linux. */
export function ipv6AddrType(a: usize): u32 {
  const first = <u32>load<u8>(a);
  if (first === 0xff) {
    const scope = ipv6AddrMcScope(a);
    if (scope === IPV6_ADDR_SCOPE_NODELOCAL) return IPV6_ADDR_MULTICAST | IPV6_ADDR_LOOPBACK;
    if (scope === IPV6_ADDR_SCOPE_LINKLOCAL) return IPV6_ADDR_MULTICAST | IPV6_ADDR_LINKLOCAL;
    if (scope === IPV6_ADDR_SCOPE_SITELOCAL) return IPV6_ADDR_MULTICAST | IPV6_ADDR_SITELOCAL;
    return IPV6_ADDR_MULTICAST;
  }
  if (first === 0xfe) {
    const second = <u32>load<u8>(a, 1) & 0xc0;
    if (second === 0x80) return IPV6_ADDR_UNICAST | IPV6_ADDR_LINKLOCAL;
    if (second === 0xc0) return IPV6_ADDR_UNICAST | IPV6_ADDR_SITELOCAL;
    return IPV6_ADDR_UNICAST;
  }
  if (load<u64>(a) !== 0) return IPV6_ADDR_UNICAST;
  const third = load<u32>(a, 8);
  const fourth = load<u32>(a, 12);
  if (third === 0xffff0000) return IPV6_ADDR_UNICAST | IPV6_ADDR_MAPPED;
  if (third !== 0) return IPV6_ADDR_UNICAST;
  if (fourth === 0) return IPV6_ADDR_ANY;
  if (fourth === 0x01000000) return IPV6_ADDR_UNICAST | IPV6_ADDR_LOOPBACK;
  return IPV6_ADDR_UNICAST | IPV6_ADDR_COMPATV4;
}

/** The scope as RFC 4007 numbers it; loopback counts as link-local (RFC 4007 4), "any" has none: 0. */
export function ipv6AddrScope(a: usize): u32 {
  if (ipv6AddrIsMulticast(a)) return ipv6AddrMcScope(a);
  const type = ipv6AddrType(a);
  if (type === IPV6_ADDR_ANY) return 0;
  if ((type & (IPV6_ADDR_LINKLOCAL | IPV6_ADDR_LOOPBACK)) !== 0) return IPV6_ADDR_SCOPE_LINKLOCAL;
  if ((type & IPV6_ADDR_SITELOCAL) !== 0) return IPV6_ADDR_SCOPE_SITELOCAL;
  return IPV6_ADDR_SCOPE_GLOBAL;
}

/** The solicited-node group of an address: ff02::1:ffXX:XXXX with its low 24 bits (RFC 4291 2.7.1). */
export function ipv6AddrSolictMult(addr: usize, out: usize): void {
  const low = load<u32>(addr, 12) | 0xff;
  store<u64>(out, 0x02ff);
  store<u32>(out, 0x01000000, 8);
  store<u32>(out, low, 12);
}

/** 33-33 and the group's low 32 bits (RFC 2464 7), 6 bytes at `mac`. */
export function ipv6MulticastMac(group: usize, mac: usize): void {
  const low = load<u32>(group, 12);
  store<u16>(mac, 0x3333);
  store<u32>(mac, low, 2);
}

/** Whether the first `plen` bits (0 to 128) are the same. */
export function ipv6PrefixEqual(a: usize, b: usize, plen: u32): bool {
  if (plen === 0) return true;
  const high = bswap<u64>(load<u64>(a) ^ load<u64>(b));
  if (plen <= 64) return high >> (64 - <u64>plen) === 0;
  if (high !== 0) return false;
  const low = bswap<u64>(load<u64>(a, 8) ^ load<u64>(b, 8));
  return low >> (128 - <u64>plen) === 0;
}

/** Number of leading bits that are the same: 0 to 128. */
export function ipv6AddrDiff(a: usize, b: usize): u32 {
  const high = bswap<u64>(load<u64>(a) ^ load<u64>(b));
  if (high !== 0) return <u32>clz<u64>(high);
  return 64 + <u32>clz<u64>(bswap<u64>(load<u64>(a, 8) ^ load<u64>(b, 8)));
}

/** The first `plen` bits of `addr` (0 to 128), the rest zero. */
export function ipv6AddrPrefix(out: usize, addr: usize, plen: u32): void {
  const high = bswap<u64>(load<u64>(addr));
  const low = bswap<u64>(load<u64>(addr, 8));
  const highMask: u64 = plen === 0 ? 0 : plen >= 64 ? ~(<u64>0) : ~(<u64>0) << (64 - <u64>plen);
  const lowMask: u64 = plen <= 64 ? 0 : ~(<u64>0) << (128 - <u64>plen);
  store<u64>(out, bswap<u64>(high & highMask));
  store<u64>(out, bswap<u64>(low & lowMask), 8);
}

/** Modified EUI-64 interface identifier of a MAC (RFC 4291 appendix A), 8 bytes at `out`. */
export function ipv6Eui64(out: usize, mac: usize): void {
  store<u8>(out, load<u8>(mac) ^ 2);
  store<u16>(out, load<u16>(mac, 1), 1);
  store<u16>(out, 0xfeff, 3);
  store<u16>(out, load<u16>(mac, 3), 5);
  store<u8>(out, load<u8>(mac, 5), 7);
}
