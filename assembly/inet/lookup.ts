/**
 * Which socket a segment is for: a seam. The tables of bound, listening and established sockets will hang in
 * root().sockets and net.sockets; nothing fills them yet, so every lookup finds nothing, at the price of one load.
 * Addresses: IPv4 in host order, IPv6 as the address of 16 bytes; ports in host order. 0: no socket.
 */
import { root } from '../lib/root';
import { Net } from '../net/net';

export function udp4Lookup(net: Net, saddr: u32, sport: u32, daddr: u32, dport: u32, dif: i32): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function tcp4Lookup(net: Net, saddr: u32, sport: u32, daddr: u32, dport: u32, dif: i32): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function udp6Lookup(net: Net, saddr: usize, sport: u32, daddr: usize, dport: u32, dif: i32): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}

export function tcp6Lookup(net: Net, saddr: usize, sport: u32, daddr: usize, dport: u32, dif: i32): u32 {
  if (root().sockets === 0 || net.sockets === 0) return 0;
  return 0;
}
