/**
 * The routes that follow from addresses and devices, all of protocol kernel. Linux: net/ipv6/addrconf.c,
 * addrconf_prefix_route, addrconf_add_mroute, addrconf_f6i_alloc.
 *
 *   address/plen   prefix → dev     main   metric 256    while the device is up
 *   address/128    local            local  metric 0      once the address is no longer tentative
 *   prefix::/128   anycast → dev  local  metric 0      as the host route, while the device forwards (anycast.ts)
 *   ff00::/8       multicast → dev  local  metric 256    per device that is up
 */
import { l3mdevFibTable } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET6 } from '../net/net';
import {
  RTPROT_KERNEL,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RtType,
  fibAdd,
  fibDraft,
  fibFirst,
  fibNextAlias,
  fibNh,
  fibRemove,
} from '../route/fib';
import { fibGetTable, fibNet, fibNewTable } from '../route/fib_table';
import { ipv6AddrPrefix, ipv6PrefixEqual } from '../wire/ipv6_addr';
import { IFA_F_NOPREFIXROUTE, Inet6Ifaddr, ifaAddr, inet6Dev } from './addr_hash';

/** Metric of routes that come from addresses. */
export const IP6_RT_PRIO_ADDRCONF: u32 = 256;

/** A route of protocol kernel; one that is there already is no error. */
export function addRoute(dev: NetDevice, key: usize, plen: u32, type: RtType, table: u32, metric: u32): i32 {
  const fib = fibNewTable(fibNet(dev.net, AF_INET6), tableOf(dev, table));
  if (fib === null) return -Errno.ENOBUFS;
  const info = fibDraft(1);
  if (info === null) return -Errno.ENOMEM;
  info.type = <u8>type;
  info.protocol = RTPROT_KERNEL;
  info.scope = RT_SCOPE_UNIVERSE;
  info.table = tableOf(dev, table);
  info.metric = metric;
  const nh = fibNh(info, 0);
  nh.dev = changetype<usize>(dev);
  nh.scope = type === RtType.LOCAL ? RT_SCOPE_NOWHERE : RT_SCOPE_LINK;
  const err = fibAdd(fib, key, plen, info, true);
  return err === -Errno.EEXIST ? 0 : err;
}

/** A device in a VRF has all its routes in the VRF's table. Linux: l3mdev_fib_table. */
function tableOf(dev: NetDevice, table: u32): u32 {
  const vrf = l3mdevFibTable(dev);
  return vrf !== 0 ? vrf : table;
}

export function delRoute(dev: NetDevice, key: usize, plen: u32, type: RtType, table: u32): void {
  const id = tableOf(dev, table);
  const fib = fibGetTable(fibNet(dev.net, AF_INET6), id);
  if (fib === null) return;
  let info = fibFirst(fib, key, plen);
  while (info !== null) {
    const match = info.table === id && info.type === <u8>type && info.protocol === RTPROT_KERNEL;
    if (match && info.nhCount === 1 && fibNh(info, 0).dev === changetype<usize>(dev)) {
      fibRemove(fib, key, plen, info);
      return;
    }
    info = fibNextAlias(fib, key, plen, info);
  }
}

/** An address that a router advertisement gave has its route from there, when the prefix is on the link at all. */
function bringsRoute(ifa: Inet6Ifaddr): bool {
  return ifa.auto === 0 && (ifa.flags & IFA_F_NOPREFIXROUTE) === 0;
}

/** The route to the prefix of the address. */
export function addPrefixRoute(ifa: Inet6Ifaddr): i32 {
  if (!bringsRoute(ifa)) return 0;
  const key = scratch(Scratch.ADDRCONF_ROUTES_KEY);
  ipv6AddrPrefix(key, ifaAddr(ifa), ifa.plen);
  return addRoute(
    changetype<NetDevice>(ifa.dev),
    key,
    ifa.plen,
    RtType.UNICAST,
    RT_TABLE_MAIN,
    IP6_RT_PRIO_ADDRCONF,
  );
}

/** Removes it, unless another address of the device has the same prefix. Linux: check_cleanup_prefix_route. */
export function delPrefixRoute(ifa: Inet6Ifaddr): void {
  if (!bringsRoute(ifa)) return;
  const dev = changetype<NetDevice>(ifa.dev);
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const other = changetype<Inet6Ifaddr>(at);
    if (other === ifa || other.plen !== ifa.plen || !bringsRoute(other)) continue;
    if (ipv6PrefixEqual(ifaAddr(other), ifaAddr(ifa), ifa.plen)) return;
  }
  const key = scratch(Scratch.ADDRCONF_ROUTES_KEY2);
  ipv6AddrPrefix(key, ifaAddr(ifa), ifa.plen);
  delRoute(dev, key, ifa.plen, RtType.UNICAST, RT_TABLE_MAIN);
}

/** From now on the address receives. */
export function addHostRoute(ifa: Inet6Ifaddr): i32 {
  if (ifa.routed !== 0) return 0;
  const err = addRoute(changetype<NetDevice>(ifa.dev), ifaAddr(ifa), 128, RtType.LOCAL, RT_TABLE_LOCAL, 0);
  if (err === 0) ifa.routed = 1;
  return err;
}

export function delHostRoute(ifa: Inet6Ifaddr): void {
  if (ifa.routed === 0) return;
  ifa.routed = 0;
  delRoute(changetype<NetDevice>(ifa.dev), ifaAddr(ifa), 128, RtType.LOCAL, RT_TABLE_LOCAL);
}

/** Groups are reached by every device. */
export function addMulticastRoute(dev: NetDevice): i32 {
  const key = scratch(Scratch.ADDRCONF_ROUTES_KEY3);
  memory.fill(key, 0, 16);
  store<u8>(key, 0xff);
  return addRoute(dev, key, 8, RtType.MULTICAST, RT_TABLE_LOCAL, IP6_RT_PRIO_ADDRCONF);
}
