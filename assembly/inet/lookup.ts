/**
 * Which socket a segment is for: a seam. The tables of bound, listening and established sockets will hang in
 * root().sockets and net.sockets; nothing fills them yet, so every lookup finds nothing, at the price of one load.
 * Addresses: IPv4 in host order, IPv6 as the address of 16 bytes; ports in host order. 0: no socket. `dif` and `sdif`
 * are what inetBoundDevEq asks for.
 */
import { root } from '../lib/root';
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';

export function udp4Lookup(
  net: Net,
  saddr: u32,
  sport: u32,
  daddr: u32,
  dport: u32,
  dif: i32,
  sdif: i32,
): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function tcp4Lookup(
  net: Net,
  saddr: u32,
  sport: u32,
  daddr: u32,
  dport: u32,
  dif: i32,
  sdif: i32,
): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function udp6Lookup(
  net: Net,
  saddr: usize,
  sport: u32,
  daddr: usize,
  dport: u32,
  dif: i32,
  sdif: i32,
): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function tcp6Lookup(
  net: Net,
  saddr: usize,
  sport: u32,
  daddr: usize,
  dport: u32,
  dif: i32,
  sdif: i32,
): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

/** Gives the packet to a socket that takes what is for others (IP_TRANSPARENT); false: it is none such. */
export function skbAssignTransparent(_skb: SkBuff, _socket: u32): bool {
  return false;
}

/**
 * Whether a socket bound to `bound` (ifindex, 0: to none) gets a packet that came by `dif`, or by the port `sdif` of the
 * VRF `dif` (0: of none). `accept` is net.ipv4.{tcp,udp,raw}_l3mdev_accept: sockets bound to nothing reach into all VRFs.
 * Linux: inet_bound_dev_eq.
 */
export function inetBoundDevEq(accept: bool, bound: i32, dif: i32, sdif: i32): bool {
  if (bound === 0) return sdif === 0 || accept;
  return bound === dif || bound === sdif;
}
