/**
 * Kinds of IPv4 address (RFC 6890, RFC 1112 4 and 6.4); every address is a u32 in host order.
 *
 *   0.0.0.0         this host ("zeronet")        169.254.0.0/16     link-local (RFC 3927)
 *   127.0.0.0/8     loopback                     224.0.0.0/4        multicast; 224.0.0.0/24 stays on the link
 *   240.0.0.0/4     class E, reserved            255.255.255.255    limited broadcast
 */

export const INADDR_ANY: u32 = 0;
export const INADDR_BROADCAST: u32 = 0xffffffff;
export const INADDR_LOOPBACK: u32 = 0x7f000001;
export const INADDR_ALLHOSTS_GROUP: u32 = 0xe0000001;
export const INADDR_ALLRTRS_GROUP: u32 = 0xe0000002;

export function ipv4IsMulticast(addr: u32): bool {
  return (addr & 0xf0000000) === 0xe0000000;
}

/** 224.0.0.0/24: never forwarded, whatever its TTL (RFC 5771 4). */
export function ipv4IsLocalMulticast(addr: u32): bool {
  return (addr & 0xffffff00) === 0xe0000000;
}

export function ipv4IsLoopback(addr: u32): bool {
  return (addr & 0xff000000) === 0x7f000000;
}

/** 0.0.0.0 alone: the rest of 0.0.0.0/8 is an address like any other. Linux: ipv4_is_zeronet. */
export function ipv4IsZeronet(addr: u32): bool {
  return addr === INADDR_ANY;
}

export function ipv4IsLbcast(addr: u32): bool {
  return addr === INADDR_BROADCAST;
}

/** Class E; the limited broadcast address lies in it. */
export function ipv4IsBadclass(addr: u32): bool {
  return (addr & 0xf0000000) === 0xf0000000;
}

export function ipv4IsLinklocal(addr: u32): bool {
  return (addr & 0xffff0000) === 0xa9fe0000;
}

/** 10/8, 172.16/12, 192.168/16 (RFC 1918 3). */
export function ipv4IsPrivate(addr: u32): bool {
  return (
    (addr & 0xff000000) === 0x0a000000 ||
    (addr & 0xfff00000) === 0xac100000 ||
    (addr & 0xffff0000) === 0xc0a80000
  );
}

/** Netmask of a prefix length of 0 to 32. */
export function ipv4Netmask(plen: u32): u32 {
  return plen === 0 ? 0 : (<u32>0xffffffff) << (32 - plen);
}

/** The group's low 23 bits behind 01-00-5e (RFC 1112 6.4), 6 bytes at `mac`. */
export function ipv4MulticastMac(addr: u32, mac: usize): void {
  store<u16>(mac, 0x0001);
  store<u32>(mac, bswap<u32>(0x5e000000 | (addr & 0x007fffff)), 2);
}
