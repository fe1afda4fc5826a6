/**
 * Subnet-Router anycast addresses: the prefix of an address with an interface identifier of zero. "All routers are
 * required to support the Subnet-Router anycast addresses for the subnets to which they have interfaces" (RFC 4291
 * 2.6.1). Linux: net/ipv6/anycast.c, addrconf_join_anycast.
 *
 *   forwarding on, address no longer tentative ─► anycast route /128, solicited-node group ─► off, or address gone
 *
 * Of two addresses in one prefix each joins the group; the route stays until the last of them goes.
 */
import { l3mdevFibTable } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6, Net } from '../net/net';
import { RT_TABLE_LOCAL, RtType, fibFirst, fibNextAlias, fibNh } from '../route/fib';
import { fibGetTable, fibNet } from '../route/fib_table';
import { ipv6AddrIsAny, ipv6AddrPrefix, ipv6PrefixEqual } from '../wire/ipv6_addr';
import { Inet6Ifaddr, ifaAddr, inet6Dev } from './addr_hash';
import { addRoute, delRoute } from './addrconf_routes';
import { mcastJoinSolicited, mcastLeaveSolicited } from './mcast';

/** RFC 6164: a /127 is a link between two routers, whose first address is one of theirs. */
const PLEN_MAX: u8 = 126;

export function anycastJoin(ifa: Inet6Ifaddr): void {
  if (ifa.anycast !== 0 || ifa.plen > PLEN_MAX) return;
  const addr = scratch(Scratch.ANYCAST_ADDR);
  ipv6AddrPrefix(addr, ifaAddr(ifa), ifa.plen);
  if (ipv6AddrIsAny(addr)) return;
  const dev = changetype<NetDevice>(ifa.dev);
  if (addRoute(dev, addr, 128, RtType.ANYCAST, RT_TABLE_LOCAL, 0) !== 0) return;
  ifa.anycast = 1;
  mcastJoinSolicited(dev, addr);
}

export function anycastLeave(ifa: Inet6Ifaddr): void {
  if (ifa.anycast === 0) return;
  ifa.anycast = 0;
  const dev = changetype<NetDevice>(ifa.dev);
  const addr = scratch(Scratch.ANYCAST_ADDR2);
  ipv6AddrPrefix(addr, ifaAddr(ifa), ifa.plen);
  mcastLeaveSolicited(dev, addr);
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const other = changetype<Inet6Ifaddr>(at);
    if (other.anycast === 0 || other.plen !== ifa.plen) continue;
    if (ipv6PrefixEqual(ifaAddr(other), addr, ifa.plen)) return;
  }
  delRoute(dev, addr, 128, RtType.ANYCAST, RT_TABLE_LOCAL);
}

/** Forwarding of the device was turned on or off. */
export function anycastForwardingChanged(dev: NetDevice, forwarding: bool): void {
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if (!forwarding) anycastLeave(ifa);
    else if (ifa.routed !== 0) anycastJoin(ifa);
  }
}

/** Whether `addr` is an anycast address of the router, on `dev` only unless that is 0. Linux: ipv6_chk_acast_addr. */
export function ipv6ChkAcastAddr(net: Net, dev: usize, addr: usize): bool {
  return ipv6ChkAcastAddrIn(net, dev, addr, dev === 0 ? 0 : l3mdevFibTable(changetype<NetDevice>(dev)));
}

/** The same in the VRF of that table, 0: in none. */
export function ipv6ChkAcastAddrIn(net: Net, dev: usize, addr: usize, vrf: u32): bool {
  const fib = fibGetTable(fibNet(net, AF_INET6), vrf !== 0 ? vrf : RT_TABLE_LOCAL);
  if (fib === null) return false;
  let info = fibFirst(fib, addr, 128);
  while (info !== null) {
    const anycast = info.type === <u8>RtType.ANYCAST && info.nhCount > 0;
    if (anycast && (dev === 0 || fibNh(info, 0).dev === dev)) return true;
    info = fibNextAlias(fib, addr, 128, info);
  }
  return false;
}
