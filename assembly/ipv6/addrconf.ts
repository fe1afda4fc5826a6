/**
 * IPv6 addresses of devices: made, added, aged, removed. Linux: net/ipv6/addrconf.c.
 *
 *   device up + carrier ─► link-local address (EUI-64), groups, DAD of all that wait
 *   device down         ─► all addresses and routes of it go (but with keep_addr_on_down)
 *   MTU below 1280      ─► no IPv6 on the device (RFC 8200 5)
 */
import { EventType } from '../abi/event';
import { Op } from '../abi/ops';
import { AddrRec } from '../abi/request';
import { Ipv6Conf } from '../abi/sysctl';
import { eventEmit } from '../dev/event';
import { changesVrf, isL3Master } from '../dev/l3mdev';
import {
  IFF_LOOPBACK,
  IFF_NOARP,
  IFF_UP,
  NetDevice,
  conf6,
  devAddrPtr,
  netifRunning,
  IFF_SLAVE,
} from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET6, Net } from '../net/net';
import { NetdevEvent, callAddrGone } from '../net/registry';
import { exceptionFlushDev } from '../route/exception';
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_SITE, RT_SCOPE_UNIVERSE } from '../route/fib';
import { FibDown, fibFlushDev, fibSyncLinkState } from '../route/fib_dev';
import { IPV6_MIN_MTU } from '../wire/ipv6';
import {
  IPV6_ADDR_ANY,
  IPV6_ADDR_LINKLOCAL,
  IPV6_ADDR_LOOPBACK,
  IPV6_ADDR_MULTICAST,
  IPV6_ADDR_SITELOCAL,
  ipv6AddrCopy,
  ipv6AddrEqual,
  ipv6AddrScope,
  ipv6AddrType,
  ipv6Eui64,
} from '../wire/ipv6_addr';
import {
  ADDRS6_MAX,
  DadState,
  IFAPROT_KERNEL_LL,
  IFAPROT_KERNEL_LO,
  IFAPROT_KERNEL_RA,
  IFA_F_DEPRECATED,
  IFA_F_MANAGETEMPADDR,
  IFA_F_NODAD,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_STABLE_PRIVACY,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  INFINITY_LIFE_TIME,
  Inet6Dev,
  Inet6Ifaddr,
  addrHashInsert,
  addrHashRemove,
  addrs6Count,
  dadTimer,
  gqTimer,
  ifaAddr,
  ifcTimer,
  inet6Dev,
  ipv6GetIfaddr,
  ipv6GetLladdr,
  lftTimer,
  rsTimer,
} from './addr_hash';
import { anycastForwardingChanged, anycastLeave } from './anycast';
import { addMulticastRoute, addPrefixRoute, delHostRoute, delPrefixRoute } from './addrconf_routes';
import { dadStart } from './dad';
import { ip6mrDevGone } from './ip6mr';
import { mcastDown, mcastJoinAllNodes, mcastLeaveSolicited, mcastRejoin, mcastRoutersChanged } from './mcast';
import { rsStop } from './ndisc_rs';
import { ndiscSendUnsolicitedNa } from './ndisc_send';
import { radvForwarding, radvStop } from './radv';
import { raRoutesPurge } from './ra_routes';
import { ipv6FragDevGone } from './reassembly';
import { ADDR_GEN_MODE_EUI64, ADDR_GEN_MODE_NONE, ipv6StableAddress } from './stable_privacy';
import { manageTempaddrs, regenAdvance, regenTempaddr } from './tempaddr';

const SECOND: u64 = 1_000_000_000;

/** Tells the host about an address. */
export function addrconfNotify(ifa: Inet6Ifaddr, removed: bool): void {
  const dev = changetype<NetDevice>(ifa.dev);
  eventEmit(
    EventType.ADDR,
    AF_INET6,
    dev.net,
    dev.ifindex,
    ((<u32>ifa.plen) << 8) | <u32>removed,
    ifaAddr(ifa),
  );
  if (removed) callAddrGone(ifa.dev, AF_INET6, ifaAddr(ifa));
}

/** Linux: rt_scope. */
function scopeOf(type: u32): u8 {
  if ((type & IPV6_ADDR_LINKLOCAL) !== 0) return RT_SCOPE_LINK;
  if ((type & IPV6_ADDR_LOOPBACK) !== 0) return RT_SCOPE_HOST;
  if ((type & IPV6_ADDR_SITELOCAL) !== 0) return RT_SCOPE_SITE;
  return RT_SCOPE_UNIVERSE;
}

/**
 * Adds the address at `addr` (16 bytes). `flags`: IFA_F_NODAD, IFA_F_NOPREFIXROUTE; lifetimes in seconds, all ones
 * for ever. 0, -EINVAL, -EEXIST, -ENODEV (no IPv6 on the device), -EACCES (disabled), -ENOBUFS, -ENOMEM.
 */
export function addrconfAdd(
  dev: NetDevice,
  addr: usize,
  plen: u32,
  flags: u32,
  validLft: u32,
  preferredLft: u32,
): i32 {
  if (plen > 128 || validLft === 0 || preferredLft > validLft) return -Errno.EINVAL;
  const type = ipv6AddrType(addr);
  if (type === IPV6_ADDR_ANY || (type & IPV6_ADDR_MULTICAST) !== 0) return -Errno.EINVAL;
  if ((type & IPV6_ADDR_LOOPBACK) !== 0 && (dev.flags & IFF_LOOPBACK) === 0 && !isL3Master(dev))
    return -Errno.EADDRNOTAVAIL;
  if (dev.ip6Ptr === 0) return -Errno.ENODEV;
  if (conf6(dev, Ipv6Conf.DISABLE_IPV6) !== 0) return -Errno.EACCES;
  // Linux: temporary addresses stand beside prefixes of 64 bits only.
  if ((flags & IFA_F_MANAGETEMPADDR) !== 0 && plen !== 64) return -Errno.EINVAL;
  return inet6AddAddr(dev, addr, plen, flags & USER_FLAGS, validLft, preferredLft, 0);
}

/** What a request may ask for. */
const USER_FLAGS: u32 = IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR;

/**
 * New lifetimes, and NOPREFIXROUTE and MANAGETEMPADDR, for an address that is there (`ip address change`). 0, -ENODEV,
 * -EINVAL, -EADDRNOTAVAIL. Linux: inet6_addr_modify.
 */
export function addrconfModify(
  dev: NetDevice,
  addr: usize,
  flags: u32,
  validLft: u32,
  preferredLft: u32,
): i32 {
  if (validLft === 0 || preferredLft > validLft) return -Errno.EINVAL;
  if (dev.ip6Ptr === 0) return -Errno.ENODEV;
  const ifa = ipv6GetIfaddr(dev.net, addr, changetype<usize>(dev));
  if (ifa === null) return -Errno.EADDRNOTAVAIL;
  if ((flags & IFA_F_MANAGETEMPADDR) !== 0 && (ifa.plen !== 64 || (ifa.flags & IFA_F_TEMPORARY) !== 0))
    return -Errno.EINVAL;
  const had = ifa.flags & IFA_F_NOPREFIXROUTE;
  if (had === 0 && (flags & IFA_F_NOPREFIXROUTE) !== 0) delPrefixRoute(ifa);
  ifa.flags =
    (ifa.flags & ~(IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR)) |
    (flags & (IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR));
  setLifetimes(ifa, validLft, preferredLft);
  if (had !== 0 && (flags & IFA_F_NOPREFIXROUTE) === 0 && (dev.flags & IFF_UP) !== 0) addPrefixRoute(ifa);
  addrconfNotify(ifa, false);
  if ((ifa.flags & IFA_F_MANAGETEMPADDR) !== 0) manageTempaddrs(dev, ifa, validLft, preferredLft, false);
  return 0;
}

/** As addrconfAdd, behind its checks; `proto` is IFAPROT_KERNEL_RA for what a router advertisement brought. */
export function inet6AddAddr(
  dev: NetDevice,
  addr: usize,
  plen: u32,
  flags: u32,
  validLft: u32,
  preferredLft: u32,
  proto: u8,
): i32 {
  const type = ipv6AddrType(addr);
  if (ipv6GetIfaddr(dev.net, addr, changetype<usize>(dev)) !== null) return -Errno.EEXIST;
  if (addrs6Count(dev.net) >= ADDRS6_MAX) return -Errno.ENOBUFS;
  const p = kzalloc(offsetof<Inet6Ifaddr>());
  if (p === 0) return -Errno.ENOMEM;
  const ifa = changetype<Inet6Ifaddr>(p);
  ifa.dev = changetype<usize>(dev);
  ipv6AddrCopy(ifaAddr(ifa), addr);
  ifa.plen = <u8>plen;
  ifa.scope = scopeOf(type);
  ifa.scopeOrder = <u8>ipv6AddrScope(addr);
  ifa.flags = flags | IFA_F_TENTATIVE;
  ifa.proto = proto;
  ifa.auto = proto === IFAPROT_KERNEL_RA ? 1 : 0;
  ifa.cstamp = root().now;
  timerSetup(dadTimer(ifa), Op.TIMER_DAD, p);
  timerSetup(lftTimer(ifa), Op.TIMER_ADDR6, p);
  setLifetimes(ifa, validLft, preferredLft);
  linkIfaddr(inet6Dev(dev), ifa);
  addrHashInsert(dev.net, ifa);
  if ((dev.flags & IFF_UP) !== 0) {
    const err = addPrefixRoute(ifa);
    if (err !== 0) {
      unlinkIfaddr(ifa);
      kfree(p);
      return err;
    }
  }
  addrconfNotify(ifa, false);
  if ((dev.flags & IFF_UP) !== 0) dadStart(ifa);
  if (ifa.auto === 0 && (flags & IFA_F_MANAGETEMPADDR) !== 0)
    manageTempaddrs(dev, ifa, validLft, preferredLft, true);
  return 0;
}

/** In the order that Linux keeps: by scope, the widest first, then the newest: of two as good it is the source. */
function linkIfaddr(idev: Inet6Dev, ifa: Inet6Ifaddr): void {
  let slot = changetype<usize>(idev) + offsetof<Inet6Dev>('addrs');
  while (load<u32>(slot) !== 0 && changetype<Inet6Ifaddr>(load<u32>(slot)).scopeOrder > ifa.scopeOrder) {
    slot = load<u32>(slot) + offsetof<Inet6Ifaddr>('next');
  }
  ifa.next = load<u32>(slot);
  store<u32>(slot, changetype<usize>(ifa));
  idev.addrCount++;
}

function unlinkIfaddr(ifa: Inet6Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  const idev = inet6Dev(dev);
  timerDel(dadTimer(ifa));
  timerDel(lftTimer(ifa));
  let slot = changetype<usize>(idev) + offsetof<Inet6Dev>('addrs');
  while (load<u32>(slot) !== changetype<usize>(ifa)) slot = load<u32>(slot) + offsetof<Inet6Ifaddr>('next');
  store<u32>(slot, ifa.next);
  idev.addrCount--;
  addrHashRemove(dev.net, ifa);
}

/** Removes the address `addr`/`plen`. 0, -ENODEV, -EADDRNOTAVAIL, -EINVAL. */
export function addrconfDel(dev: NetDevice, addr: usize, plen: u32): i32 {
  if (plen > 128) return -Errno.EINVAL;
  if (dev.ip6Ptr === 0) return -Errno.ENODEV;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if (ifa.plen === <u8>plen && ipv6AddrEqual(ifaAddr(ifa), addr)) {
      if ((ifa.flags & (IFA_F_MANAGETEMPADDR | IFA_F_TEMPORARY)) === IFA_F_MANAGETEMPADDR)
        manageTempaddrs(dev, ifa, 0, 0, false);
      inet6DelIfaddr(ifa);
      return 0;
    }
  }
  return -Errno.EADDRNOTAVAIL;
}

/** Ends an address: routes, group, timers, record. Linux: ipv6_del_addr. */
export function inet6DelIfaddr(ifa: Inet6Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  delHostRoute(ifa);
  anycastLeave(ifa);
  delPrefixRoute(ifa);
  unlinkIfaddr(ifa);
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const other = changetype<Inet6Ifaddr>(at);
    if (other.ifpub === changetype<usize>(ifa)) other.ifpub = 0;
  }
  if (ifa.joined !== 0) mcastLeaveSolicited(dev, ifaAddr(ifa));
  addrconfNotify(ifa, true);
  kfree(changetype<usize>(ifa));
}

/** New lifetimes (a request, later a router advertisement); arms the timer for the one that ends first. */
export function setLifetimes(ifa: Inet6Ifaddr, validLft: u32, preferredLft: u32): void {
  ifa.validLft = validLft;
  ifa.preferredLft = preferredLft;
  ifa.stamp = root().now;
  ifa.flags &= ~(IFA_F_PERMANENT | IFA_F_DEPRECATED);
  // What a router gave is not permanent, however long it lives: it goes when its duplicate is found.
  if (validLft === INFINITY_LIFE_TIME && ifa.auto === 0) ifa.flags |= IFA_F_PERMANENT;
  if (preferredLft === 0) ifa.flags |= IFA_F_DEPRECATED;
  armLifetime(ifa);
}

function armLifetime(ifa: Inet6Ifaddr): void {
  timerDel(lftTimer(ifa));
  const preferred = (ifa.flags & IFA_F_DEPRECATED) === 0 && ifa.preferredLft !== INFINITY_LIFE_TIME;
  if (preferred && regenDue(ifa)) timerAdd(lftTimer(ifa), regenAt(ifa));
  else if (preferred) timerAdd(lftTimer(ifa), ifa.stamp + <u64>ifa.preferredLft * SECOND);
  else if (ifa.validLft !== INFINITY_LIFE_TIME)
    timerAdd(lftTimer(ifa), ifa.stamp + <u64>ifa.validLft * SECOND);
}

/** Whether a temporary address still has to see to its successor. */
function regenDue(ifa: Inet6Ifaddr): bool {
  return (ifa.flags & IFA_F_TEMPORARY) !== 0 && ifa.regenCount === 0 && ifa.ifpub !== 0;
}

function regenAt(ifa: Inet6Ifaddr): u64 {
  const advance = regenAdvance(changetype<NetDevice>(ifa.dev));
  return ifa.stamp + <u64>(ifa.preferredLft > advance ? ifa.preferredLft - advance : 0) * SECOND;
}

/** TIMER_ADDR6: no longer preferred, then no longer valid (RFC 4862 5.5.4). */
export function lifetimeHandler(p: usize): void {
  const ifa = changetype<Inet6Ifaddr>(p);
  if (ifa.validLft !== INFINITY_LIFE_TIME && root().now >= ifa.stamp + <u64>ifa.validLft * SECOND) {
    inet6DelIfaddr(ifa);
    return;
  }
  if ((ifa.flags & IFA_F_DEPRECATED) === 0 && root().now < ifa.stamp + <u64>ifa.preferredLft * SECOND) {
    // One that is being checked still has no successor: it may fail, and be replaced for that.
    regenTempaddr(ifa);
    armLifetime(ifa);
    return;
  }
  ifa.flags |= IFA_F_DEPRECATED;
  addrconfNotify(ifa, false);
  armLifetime(ifa);
}

/**
 * The address (Inet6Ifaddr) behind `cursor` {u32 ifindex, u32 index; zeros at first}, 0 at the end. A dump over
 * several requests may miss or repeat what changed meanwhile, as Linux's does.
 */
export function addrconfDumpNext(net: Net, cursor: usize): usize {
  for (let p = net.devHead; p !== 0; p = changetype<NetDevice>(p).nextDev) {
    const dev = changetype<NetDevice>(p);
    if (dev.ifindex < load<i32>(cursor) || dev.ip6Ptr === 0) continue;
    if (dev.ifindex > load<i32>(cursor)) {
      store<i32>(cursor, dev.ifindex);
      store<u32>(cursor, 0, 4);
    }
    let skip = load<u32>(cursor, 4);
    let at = inet6Dev(dev).addrs;
    while (at !== 0 && skip > 0) {
      at = changetype<Inet6Ifaddr>(at).next;
      skip--;
    }
    if (at === 0) continue;
    store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
    return at;
  }
  return 0;
}

/** Fills the AddrRec (zeroed) at `rec`; the lifetimes are what is left of them. */
export function addrconfFillRec(p: usize, rec: usize): void {
  const ifa = changetype<Inet6Ifaddr>(p);
  const dev = changetype<NetDevice>(ifa.dev);
  const elapsed = <u32>((root().now - ifa.stamp) / SECOND);
  store<u32>(rec, dev.net.handle, AddrRec.NET);
  store<i32>(rec, dev.ifindex, AddrRec.IFINDEX);
  store<u8>(rec, <u8>AF_INET6, AddrRec.FAMILY);
  store<u8>(rec, ifa.plen, AddrRec.PLEN);
  store<u8>(rec, ifa.scope, AddrRec.SCOPE);
  store<u32>(rec, ifa.flags, AddrRec.FLAGS);
  ipv6AddrCopy(rec + AddrRec.ADDR, ifaAddr(ifa));
  store<u32>(rec, left(ifa.validLft, elapsed), AddrRec.VALID);
  store<u8>(rec, ifa.proto, AddrRec.PROTO);
  store<u32>(rec, left(ifa.preferredLft, elapsed), AddrRec.PREFERRED);
}

function left(lifetime: u32, elapsed: u32): u32 {
  if (lifetime === INFINITY_LIFE_TIME) return lifetime;
  return lifetime > elapsed ? lifetime - elapsed : 0;
}

/** Gives the device its IPv6 half; without one (memory, MTU, disabled) it speaks no IPv6. Linux: ipv6_add_dev. */
function addDev(dev: NetDevice): void {
  store<i32>(dev.conf6 + (Ipv6Conf.MTU << 2), <i32>dev.mtu);
  if ((dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0) store<i32>(dev.conf6 + (Ipv6Conf.ACCEPT_DAD << 2), -1);
  if ((dev.flags & IFF_LOOPBACK) !== 0) store<i32>(dev.conf6 + (Ipv6Conf.USE_TEMPADDR << 2), -1);
  if (dev.mtu < IPV6_MIN_MTU || dev.ip6Ptr !== 0) return;
  const p = kzalloc(offsetof<Inet6Dev>());
  if (p === 0) return;
  const idev = changetype<Inet6Dev>(p);
  idev.dev = changetype<usize>(dev);
  idev.mldVersion = 2;
  timerSetup(ifcTimer(idev), Op.TIMER_MLD_IFC, p);
  timerSetup(gqTimer(idev), Op.TIMER_MLD_GQ, p);
  timerSetup(rsTimer(idev), Op.TIMER_RS, p);
  dev.ip6Ptr = p;
  mcastJoinAllNodes(dev);
}

function delDev(dev: NetDevice): void {
  if (dev.ip6Ptr === 0) return;
  ifdown(dev, true);
  ip6mrDevGone(dev);
  radvStop(dev, false);
  mcastDown(dev);
  kfree(dev.ip6Ptr);
  dev.ip6Ptr = 0;
}

/** The device is up: its routes, and with a carrier its link-local address and DAD. Linux: addrconf_notify, NETDEV_UP. */
function ifup(dev: NetDevice): void {
  if (dev.ip6Ptr === 0 || conf6(dev, Ipv6Conf.DISABLE_IPV6) !== 0) return;
  const idev = inet6Dev(dev);
  if ((dev.flags & IFF_LOOPBACK) !== 0) {
    idev.ready = 1;
    const addr = scratch(Scratch.ADDRCONF_ADDR);
    store<u64>(addr, 0);
    store<u64>(addr, 0x0100000000000000, 8);
    inet6AddAddr(dev, addr, 128, 0, INFINITY_LIFE_TIME, INFINITY_LIFE_TIME, IFAPROT_KERNEL_LO);
    startAll(idev);
    return;
  }
  for (let at = idev.addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next)
    addPrefixRoute(changetype<Inet6Ifaddr>(at));
  if (!isL3Master(dev)) addMulticastRoute(dev);
  if (netifRunning(dev)) linkReady(dev);
}

function linkReady(dev: NetDevice): void {
  const idev = inet6Dev(dev);
  if (idev.ready !== 0) return;
  idev.ready = 1;
  mcastRoutersChanged(dev);
  makeLinkLocal(dev);
  startAll(idev);
}

/** Linux: addrconf_addr_gen; a VRF is no link. */
function makeLinkLocal(dev: NetDevice): void {
  if (isL3Master(dev)) return;
  const mode = conf6(dev, Ipv6Conf.ADDR_GEN_MODE);
  if (mode === ADDR_GEN_MODE_NONE || ipv6GetLladdr(dev, 0) !== 0) return;
  const addr = scratch(Scratch.ADDRCONF_ADDR2);
  store<u64>(addr, 0x80fe);
  let flags: u32 = 0;
  if (mode === ADDR_GEN_MODE_EUI64) ipv6Eui64(addr + 8, devAddrPtr(dev));
  else {
    if (!ipv6StableAddress(dev, addr, 0)) return;
    flags = IFA_F_STABLE_PRIVACY;
  }
  inet6AddAddr(dev, addr, 64, flags, INFINITY_LIFE_TIME, INFINITY_LIFE_TIME, IFAPROT_KERNEL_LL);
}

/** Begins DAD of all addresses that wait for the link. */
function startAll(idev: Inet6Dev): void {
  let at = idev.addrs;
  while (at !== 0) {
    const ifa = changetype<Inet6Ifaddr>(at);
    at = ifa.next;
    if (ifa.dadState === DadState.PREDAD) dadStart(ifa);
  }
}

/** Addresses and routes of the device go, but for what keep_addr_on_down keeps. Linux: addrconf_ifdown. */
function ifdown(dev: NetDevice, gone: bool = false): void {
  const idev = inet6Dev(dev);
  idev.ready = 0;
  idev.ifFlags = 0;
  rsStop(idev);
  raRoutesPurge(dev, false);
  timerDel(ifcTimer(idev));
  timerDel(gqTimer(idev));
  idev.mcReports = 0;
  idev.mcQuery = 0;
  dropAddrs(dev, idev, !gone && keepsAddrs(dev));
  fibFlushDev(dev.net, AF_INET6, dev, FibDown.FORCE);
  exceptionFlushDev(dev.net, changetype<usize>(dev));
}

function keepsAddrs(dev: NetDevice): bool {
  if (conf6(dev, Ipv6Conf.DISABLE_IPV6) !== 0) return false;
  const own = conf6(dev, Ipv6Conf.KEEP_ADDR_ON_DOWN);
  return own > 0 || (own === 0 && load<i32>(dev.net.conf6All + (Ipv6Conf.KEEP_ADDR_ON_DOWN << 2)) > 0);
}

/** With `keep` permanent addresses beyond the link stay, and are checked anew when the device comes up. */
function dropAddrs(dev: NetDevice, idev: Inet6Dev, keep: bool): void {
  let at = idev.addrs;
  while (at !== 0) {
    const ifa = changetype<Inet6Ifaddr>(at);
    at = ifa.next;
    const local = ifa.scope === RT_SCOPE_LINK || ifa.scope === RT_SCOPE_HOST;
    if (!keep || local || (ifa.flags & IFA_F_PERMANENT) === 0) {
      inet6DelIfaddr(ifa);
      continue;
    }
    timerDel(dadTimer(ifa));
    delHostRoute(ifa);
    anycastLeave(ifa);
    if (ifa.joined !== 0) mcastLeaveSolicited(dev, ifaAddr(ifa));
    ifa.joined = 0;
    ifa.flags |= IFA_F_TENTATIVE;
    ifa.dadState = <u8>DadState.PREDAD;
  }
}

/** DAD of the link-local address failed and accept_dad is 2: no IPv6 here until somebody turns it on again. */
export function addrconfDisable(dev: NetDevice): void {
  store<i32>(dev.conf6 + (Ipv6Conf.DISABLE_IPV6 << 2), 1);
  if (dev.ip6Ptr !== 0) ifdown(dev);
}

/**
 * Sets net.ipv6.conf.DEV.* (dev), or of `all` (dev null), with what follows from it. Linux: addrconf_sysctl_*.
 */
export function addrconfSysctlSet(net: Net, dev: NetDevice | null, id: Ipv6Conf, value: i32): i32 {
  if (dev !== null) {
    if (id === Ipv6Conf.MTU && (value < <i32>IPV6_MIN_MTU || value > <i32>dev.mtu)) return -Errno.EINVAL;
    setConf(dev, id, value);
    return 0;
  }
  store<i32>(net.conf6All + ((<usize>id) << 2), value);
  // `all` of these reaches every device and those to come; the others are looked at beside the device's own.
  if (id !== Ipv6Conf.FORWARDING && id !== Ipv6Conf.DISABLE_IPV6 && id !== Ipv6Conf.FORCE_FORWARDING)
    return 0;
  store<i32>(net.conf6Default + ((<usize>id) << 2), value);
  for (let p = net.devHead; p !== 0; p = changetype<NetDevice>(p).nextDev)
    setConf(changetype<NetDevice>(p), id, value);
  return 0;
}

function setConf(dev: NetDevice, id: Ipv6Conf, value: i32): void {
  const at = dev.conf6 + ((<usize>id) << 2);
  const old = load<i32>(at);
  // A router that becomes a host says so while it may still advertise (RFC 4861 6.2.5).
  if (id === Ipv6Conf.FORWARDING && old !== 0 && value === 0 && dev.ip6Ptr !== 0) radvForwarding(dev, false);
  store<i32>(at, value);
  if (old === value || dev.ip6Ptr === 0) return;
  if (id === Ipv6Conf.FORWARDING) {
    if ((old === 0) === (value === 0)) return;
    mcastRoutersChanged(dev);
    anycastForwardingChanged(dev, value !== 0);
    if (value !== 0) radvForwarding(dev, true);
    // A router has no default router but one that it was told to have. Linux: rt6_purge_dflt_routers.
    if (value !== 0 && conf6(dev, Ipv6Conf.ACCEPT_RA) !== 2) raRoutesPurge(dev, true);
  } else if (id === Ipv6Conf.DISABLE_IPV6) {
    if (value !== 0) ifdown(dev);
    else if ((dev.flags & IFF_UP) !== 0) ifup(dev);
  }
}

/** The netdev notifier of IPv6 (op NETDEV_EVENT_IPV6). */
export function addrconfNetdevEvent(event: u32, devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  switch (event) {
    case NetdevEvent.REGISTER: {
      addDev(dev);
      return;
    }
    case NetdevEvent.UNREGISTER: {
      delDev(dev);
      fibFlushDev(dev.net, AF_INET6, dev, FibDown.GONE);
      ipv6FragDevGone(dev.net, devPtr);
      return;
    }
    case NetdevEvent.CHANGEMTU: {
      changeMtu(dev);
      return;
    }
  }
  if (dev.ip6Ptr === 0) return;
  // Linux: addrconf_notify; the port of a bond has no address of its own.
  const slave = (dev.flags & IFF_SLAVE) !== 0;
  switch (event) {
    case NetdevEvent.NOTIFY_PEERS: {
      notifyPeers(dev);
      return;
    }
    case NetdevEvent.RESEND_IGMP: {
      mcastRejoin(dev);
      return;
    }
    case NetdevEvent.UP: {
      fibSyncLinkState(dev.net, AF_INET6, dev, true);
      if (slave) return;
      ifup(dev);
      return;
    }
    case NetdevEvent.DOWN: {
      ifdown(dev);
      return;
    }
    case NetdevEvent.CHANGE: {
      fibSyncLinkState(dev.net, AF_INET6, dev, false);
      if (!slave && netifRunning(dev) && conf6(dev, Ipv6Conf.DISABLE_IPV6) === 0) linkReady(dev);
      return;
    }
    case NetdevEvent.CHANGEUPPER: {
      if (changesVrf(dev)) ifdown(dev);
      return;
    }
    case NetdevEvent.CHANGEADDR: {
      changeAddr(dev);
      return;
    }
  }
}

function changeMtu(dev: NetDevice): void {
  if (dev.mtu < IPV6_MIN_MTU) {
    delDev(dev);
    store<i32>(dev.conf6 + (Ipv6Conf.MTU << 2), <i32>dev.mtu);
    return;
  }
  store<i32>(dev.conf6 + (Ipv6Conf.MTU << 2), <i32>dev.mtu);
  if (dev.ip6Ptr !== 0) return;
  addDev(dev);
  if (dev.ip6Ptr !== 0 && (dev.flags & IFF_UP) !== 0) ifup(dev);
}

/** Another MAC: neighbours are told when ndisc_notify says so (RFC 4861 7.2.6). The link-local address stays. */
function changeAddr(dev: NetDevice): void {
  const notify =
    conf6(dev, Ipv6Conf.NDISC_NOTIFY) | load<i32>(dev.net.conf6All + (Ipv6Conf.NDISC_NOTIFY << 2));
  if (notify !== 0) notifyPeers(dev);
}

/** All nodes are told our MAC with each address. Linux: ndisc_send_unsol_na. */
function notifyPeers(dev: NetDevice): void {
  if (inet6Dev(dev).ready === 0) return;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if ((ifa.flags & IFA_F_TENTATIVE) === 0) ndiscSendUnsolicitedNa(dev, ifa);
  }
}

export function addrconfOpsInit(): void {
  opSet(Op.TIMER_ADDR6, lifetimeHandler.index);
  opSet(Op.NETDEV_EVENT_IPV6, addrconfNetdevEvent.index);
}
