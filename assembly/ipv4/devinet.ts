/**
 * IPv4 addresses of devices and the routes that follow from them. Linux: net/ipv4/devinet.c, fib_frontend.c.
 *
 *   dev.ipPtr ─► InDevice ─► Ifaddr ─► Ifaddr ...        net.addrs4 ─► buckets of the namespace's local addresses
 */
import { EventType } from '../abi/event';
import { Op } from '../abi/ops';
import { Ipv4Conf } from '../abi/sysctl';
import { eventEmit } from '../dev/event';
import { changesVrf, l3mdevFibTable } from '../dev/l3mdev';
import { IFF_LOOPBACK, IFF_UP, NetDevice, conf4Or, netifRunning } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { Errno } from '../net/errno';
import { neighIfdownFamily } from '../neigh/neighbour';
import { NetdevEvent, callAddrGone } from '../net/registry';
import {
  RTPROT_KERNEL,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RtType,
  fibAdd,
  fibDraft,
  fibFirst,
  fibNextAlias,
  fibNh,
  fibRemove,
  infoPrefSrcPtr,
} from '../route/fib';
import { exceptionFlush, exceptionFlushDev } from '../route/exception';
import { FibDown, fibFlushDev, fibFlushPrefSrc, fibSyncLinkState } from '../route/fib_dev';
import { fibRulesDevEvent } from '../route/fib_rules';
import { fibNet, fibNewTable } from '../route/fib_table';
import { nhFlushDev } from '../route/nexthop';
import { igmpDestroyDev, igmpDown, igmpInitDev, igmpRejoin, igmpUp } from './igmp';
import { ipFragDevGone } from './ip_fragment';
import { ipmrDevGone } from './ipmr';

@unmanaged
@final
export class InDevice {
  dev: usize;
  /** First Ifaddr; primaries in the order added, secondaries of a subnet behind their primary. */
  addrs: usize;
  count: u32;
  /** Groups joined (igmp): list, number, unsolicited reports still to be sent, 1 while a general query is answered. */
  mcList: usize;
  mcCount: u32;
  mcReports: u32;
  mcQuery: u32;
  /** Until when a querier of IGMP version 1, 2 counts as present (ns). */
  v1Until: u64;
  v2Until: u64;
  ifcTimer0: u64;
  ifcTimer1: u64;
  ifcTimer2: u64;
  gqTimer0: u64;
  gqTimer1: u64;
  gqTimer2: u64;
}

@unmanaged
@final
export class Ifaddr {
  /** Link of its bucket of net.addrs4. */
  hnext: usize;
  next: usize;
  dev: usize;
  /** Host order. */
  addr: u32;
  broadcast: u32;
  plen: u8;
  scope: u8;
  /** Another address of the subnet came first (IFA_F_SECONDARY). */
  secondary: u8;
  pad: u8;
  /** IFA_F_* */
  flags: u32;
}

export const IFA_F_SECONDARY: u32 = 1;
export const IFA_F_PERMANENT: u32 = 0x80;
/** Addresses of one namespace at most. */
const IFADDRS_MAX: u32 = 4096;
const BUCKET_BITS: u32 = 8;
export const ADDRS4_BYTES: u32 = 8 + (1 << BUCKET_BITS) * 4;

/** Address of the head of the chain that holds `addr` if it is local; an empty one says at once that it is not. */
export function ifaddrBucket(net: Net, addr: u32): usize {
  return net.addrs4 + 8 + (((addr * 0x9e3779b1) >> (32 - BUCKET_BITS)) << 2);
}

/** The local address `addr` (host order) of the namespace, or null. Linux: inet_lookup_ifaddr_rcu. */
export function inetLookupIfaddr(net: Net, addr: u32): Ifaddr | null {
  let at = load<u32>(ifaddrBucket(net, addr));
  while (at !== 0) {
    const ifa = changetype<Ifaddr>(at);
    if (ifa.addr === addr) return ifa;
    at = ifa.hnext;
  }
  return null;
}

export function inetMask(plen: u32): u32 {
  return plen === 0 ? 0 : 0xffffffff << (32 - plen);
}

/** First address of the device with `scope` or wider that has `dst` (host order) in its subnet; 0 when none. */
export function devSelectAddr(dev: NetDevice, dst: u32, scope: u8): u32 {
  if (dev.ipPtr === 0) return 0;
  let first: u32 = 0;
  for (let at = changetype<InDevice>(dev.ipPtr).addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const ifa = changetype<Ifaddr>(at);
    if (ifa.secondary !== 0 || ifa.scope > scope) continue;
    if (dst === 0 || ((ifa.addr ^ dst) & inetMask(ifa.plen)) === 0) return ifa.addr;
    if (first === 0) first = ifa.addr;
  }
  return first;
}

/**
 * Source address for packets to `dst` by `dev` (0: any). Linux: inet_select_addr: the device's own first, then its
 * VRF's, then any whose scope is not link of a device in the same VRF.
 */
export function inetSelectAddr(net: Net, dev: usize, dst: u32, scope: u8): u32 {
  if (dev !== 0) {
    const addr = devSelectAddr(changetype<NetDevice>(dev), dst, scope);
    if (addr !== 0) return addr;
  }
  const vrf = dev === 0 ? 0 : changetype<NetDevice>(dev).l3mdev;
  if (vrf !== 0) {
    const addr = unboundAddr(changetype<NetDevice>(vrf), scope);
    if (addr !== 0) return addr;
  }
  for (let at = net.devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    const other = changetype<NetDevice>(at);
    const addr = other.l3mdev === vrf ? unboundAddr(other, scope) : 0;
    if (addr !== 0) return addr;
  }
  return 0;
}

/** First address of the device that other devices may use. Linux: in_dev_select_addr. */
function unboundAddr(dev: NetDevice, scope: u8): u32 {
  if (dev.ipPtr === 0) return 0;
  for (let p = changetype<InDevice>(dev.ipPtr).addrs; p !== 0; p = changetype<Ifaddr>(p).next) {
    const ifa = changetype<Ifaddr>(p);
    if (ifa.secondary === 0 && ifa.scope !== RT_SCOPE_LINK && ifa.scope <= scope) return ifa.addr;
  }
  return 0;
}

/** True when `addr` lies in a subnet of the device. Linux: inet_addr_onlink with one address. */
export function inetAddrOnlink(dev: NetDevice, addr: u32): bool {
  if (dev.ipPtr === 0) return false;
  for (let at = changetype<InDevice>(dev.ipPtr).addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const ifa = changetype<Ifaddr>(at);
    if (((ifa.addr ^ addr) & inetMask(ifa.plen)) === 0) return true;
  }
  return false;
}

/**
 * Adds an address (host order) with its routes. `broadcast` 0 takes the subnet's. 0, -EEXIST, -EINVAL, -ENOBUFS,
 * -ENOMEM; on an error nothing has changed.
 */
export function inetAddrAdd(
  dev: NetDevice,
  addr: u32,
  plen: u32,
  broadcast: u32,
  scope: u8,
  flags: u32,
): i32 {
  if (plen > 32 || addr === 0 || addr >= 0xe0000000) return -Errno.EINVAL;
  const net = dev.net;
  if (load<u32>(net.addrs4) >= IFADDRS_MAX) return -Errno.ENOBUFS;
  const inDev = changetype<InDevice>(dev.ipPtr);
  let last: usize = 0;
  let secondary: u8 = 0;
  for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const have = changetype<Ifaddr>(at);
    last = at;
    if (have.plen !== <u8>plen || ((have.addr ^ addr) & inetMask(plen)) !== 0) continue;
    if (have.addr === addr) return -Errno.EEXIST;
    secondary = 1;
  }
  const p = kzalloc(offsetof<Ifaddr>());
  if (p === 0) return -Errno.ENOMEM;
  const ifa = changetype<Ifaddr>(p);
  ifa.dev = changetype<usize>(dev);
  ifa.addr = addr;
  ifa.plen = <u8>plen;
  ifa.scope = (dev.flags & IFF_LOOPBACK) !== 0 && scope === 0 && addr >>> 24 === 127 ? RT_SCOPE_HOST : scope;
  ifa.secondary = secondary;
  ifa.flags = flags | IFA_F_PERMANENT | (secondary !== 0 ? IFA_F_SECONDARY : 0);
  ifa.broadcast =
    broadcast !== 0 || plen >= 31 || (dev.flags & IFF_LOOPBACK) !== 0 ? broadcast : addr | ~inetMask(plen);
  if (last !== 0) changetype<Ifaddr>(last).next = p;
  else inDev.addrs = p;
  inDev.count++;
  const bucket = ifaddrBucket(net, addr);
  ifa.hnext = load<u32>(bucket);
  store<u32>(bucket, p);
  store<u32>(net.addrs4, load<u32>(net.addrs4) + 1);
  const err = addIfaddrRoutes(ifa);
  if (err !== 0) {
    removeIfaddr(dev, ifa);
    return err;
  }
  emitAddr(ifa, false);
  if (netifRunning(dev)) announce(dev, addr);
  return 0;
}

function announce(dev: NetDevice, addr: u32): void {
  const fn = opIndex(Op.ARP_ANNOUNCE);
  if (fn !== 0) call_indirect<void>(fn, changetype<usize>(dev), addr);
}

/** Whatever arp_notify says: a failover. */
function gratuitousArp(dev: NetDevice, addr: u32): void {
  const fn = opIndex(Op.ARP_GRATUITOUS);
  if (fn !== 0) call_indirect<void>(fn, changetype<usize>(dev), addr);
}

function emitAddr(ifa: Ifaddr, removed: bool): void {
  const dev = changetype<NetDevice>(ifa.dev);
  const bytes = scratch(Scratch.DEVINET_BYTES);
  memory.fill(bytes, 0, 16);
  store<u32>(bytes, bswap<u32>(ifa.addr));
  eventEmit(EventType.ADDR, AF_INET, dev.net, dev.ifindex, ((<u32>ifa.plen) << 8) | <u32>removed, bytes);
  if (removed) callAddrGone(ifa.dev, AF_INET, bytes);
}

/** Removes an address; its secondaries go with it, or the first becomes primary when promote_secondaries is on. */
export function inetAddrDel(dev: NetDevice, addr: u32, plen: u32): i32 {
  const inDev = changetype<InDevice>(dev.ipPtr);
  let found: Ifaddr | null = null;
  for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const ifa = changetype<Ifaddr>(at);
    if (ifa.addr === addr && ifa.plen === <u8>plen) found = ifa;
  }
  if (found === null) return -Errno.EADDRNOTAVAIL;
  const primary = found.secondary === 0;
  const mask = inetMask(plen);
  deleteIfaddr(dev, found);
  if (!primary) return 0;
  if (conf4Or(dev, Ipv4Conf.PROMOTE_SECONDARIES)) {
    promoteSecondary(inDev, addr, plen);
    return 0;
  }
  // Linux deletes the secondaries with their primary unless promote_secondaries says otherwise.
  let at = inDev.addrs;
  while (at !== 0) {
    const ifa = changetype<Ifaddr>(at);
    at = ifa.next;
    if (ifa.plen === <u8>plen && ((ifa.addr ^ addr) & mask) === 0) deleteIfaddr(dev, ifa);
  }
  // Without an address the device speaks no IPv4: its other routes and its neighbours go, too. Linux: fib_disable_ip.
  if (inDev.addrs === 0) {
    fibFlushDev(dev.net, AF_INET, dev, FibDown.FORCE);
    exceptionFlush(dev.net, AF_INET);
    neighIfdownFamily(AF_INET, dev);
  }
  return 0;
}

/** The first secondary of the subnet that lost its primary takes its place, and its routes. */
function promoteSecondary(inDev: InDevice, addr: u32, plen: u32): void {
  for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const ifa = changetype<Ifaddr>(at);
    if (ifa.plen !== <u8>plen || ((ifa.addr ^ addr) & inetMask(plen)) !== 0) continue;
    ifa.secondary = 0;
    ifa.flags &= ~IFA_F_SECONDARY;
    addIfaddrRoutes(ifa);
    emitAddr(ifa, false);
    return;
  }
}

function deleteIfaddr(dev: NetDevice, ifa: Ifaddr): void {
  delIfaddrRoutes(ifa);
  emitAddr(ifa, true);
  removeIfaddr(dev, ifa);
}

function removeIfaddr(dev: NetDevice, ifa: Ifaddr): void {
  const inDev = changetype<InDevice>(dev.ipPtr);
  const p = changetype<usize>(ifa);
  let slot = changetype<usize>(inDev) + offsetof<InDevice>('addrs');
  while (load<u32>(slot) !== p) slot = load<u32>(slot) + offsetof<Ifaddr>('next');
  store<u32>(slot, ifa.next);
  inDev.count--;
  const net = dev.net;
  slot = ifaddrBucket(net, ifa.addr);
  while (load<u32>(slot) !== p) slot = load<u32>(slot) + offsetof<Ifaddr>('hnext');
  store<u32>(slot, ifa.hnext);
  store<u32>(net.addrs4, load<u32>(net.addrs4) - 1);
  kfree(p);
}

/** Linux: fib_add_ifaddr: the host route always, broadcast and subnet while the device is up. */
function addIfaddrRoutes(ifa: Ifaddr): i32 {
  const dev = changetype<NetDevice>(ifa.dev);
  let err = magicRoute(dev, true, RtType.LOCAL, ifa.addr, 32, ifa.addr, RT_SCOPE_HOST);
  if (err !== 0 && err !== -Errno.EEXIST) return err;
  if ((dev.flags & IFF_UP) === 0) return 0;
  if (ifa.broadcast !== 0 && ifa.broadcast !== 0xffffffff) {
    err = magicRoute(dev, true, RtType.BROADCAST, ifa.broadcast, 32, ifa.addr, RT_SCOPE_LINK);
    if (err !== 0 && err !== -Errno.EEXIST) return err;
  }
  const subnet = ifa.addr & inetMask(ifa.plen);
  if (ifa.secondary === 0 && subnet >>> 24 !== 0 && (ifa.plen < 32 || subnet !== ifa.addr)) {
    const lo = (dev.flags & IFF_LOOPBACK) !== 0;
    const scope = lo ? RT_SCOPE_HOST : RT_SCOPE_LINK;
    err = magicRoute(dev, true, lo ? RtType.LOCAL : RtType.UNICAST, subnet, ifa.plen, ifa.addr, scope);
    if (err !== 0 && err !== -Errno.EEXIST) return err;
  }
  return 0;
}

/** Linux: fib_del_ifaddr; what another address of the device still needs stays. */
function delIfaddrRoutes(ifa: Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  const inDev = changetype<InDevice>(dev.ipPtr);
  let keepBroadcast = false;
  let keepAddr = false;
  for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next) {
    const other = changetype<Ifaddr>(at);
    if (other === ifa) continue;
    if (other.addr === ifa.addr) keepAddr = true;
    if (other.broadcast === ifa.broadcast && (ifa.secondary !== 0 || other.secondary === 0))
      keepBroadcast = true;
  }
  const subnet = ifa.addr & inetMask(ifa.plen);
  const lo = (dev.flags & IFF_LOOPBACK) !== 0;
  const scope = lo ? RT_SCOPE_HOST : RT_SCOPE_LINK;
  if (ifa.secondary === 0)
    magicRoute(dev, false, lo ? RtType.LOCAL : RtType.UNICAST, subnet, ifa.plen, ifa.addr, scope);
  if (!keepBroadcast) magicRoute(dev, false, RtType.BROADCAST, ifa.broadcast, 32, ifa.addr, RT_SCOPE_LINK);
  if (!keepAddr) {
    magicRoute(dev, false, RtType.LOCAL, ifa.addr, 32, ifa.addr, RT_SCOPE_HOST);
    const gone = scratch(Scratch.DEVINET_KEY);
    store<u32>(gone, bswap<u32>(ifa.addr));
    if (inetLookupIfaddrBut(ifa) === null) fibFlushPrefSrc(dev.net, AF_INET, gone);
  }
}

/** Another entry of the namespace with the same address, or null. */
function inetLookupIfaddrBut(ifa: Ifaddr): Ifaddr | null {
  let at = load<u32>(ifaddrBucket(changetype<NetDevice>(ifa.dev).net, ifa.addr));
  while (at !== 0) {
    const other = changetype<Ifaddr>(at);
    if (other.addr === ifa.addr && other !== ifa) return other;
    at = other.hnext;
  }
  return null;
}

/** Linux: fib_magic: a route of protocol kernel, added or deleted. */
function magicRoute(dev: NetDevice, add: bool, type: RtType, dst: u32, plen: u32, src: u32, scope: u8): i32 {
  const key = scratch(Scratch.DEVINET_KEY);
  store<u32>(key, bswap<u32>(dst));
  const vrf = l3mdevFibTable(dev);
  const table = vrf !== 0 ? vrf : type === RtType.UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
  const fib = fibNewTable(fibNet(dev.net, AF_INET), table);
  if (fib === null) return -Errno.ENOBUFS;
  if (!add) {
    let info = fibFirst(fib, key, plen);
    while (info !== null) {
      const match = info.table === table && info.type === <u8>type && info.protocol === RTPROT_KERNEL;
      if (match && info.nhCount === 1 && fibNh(info, 0).dev === changetype<usize>(dev)) {
        const src4 = load<u32>(infoPrefSrcPtr(info));
        if (src4 === bswap<u32>(src) || type !== RtType.UNICAST) {
          fibRemove(fib, key, plen, info);
          return 0;
        }
      }
      info = fibNextAlias(fib, key, plen, info);
    }
    return -Errno.ESRCH;
  }
  const info = fibDraft(1);
  if (info === null) return -Errno.ENOMEM;
  info.type = <u8>type;
  info.protocol = RTPROT_KERNEL;
  info.scope = scope;
  info.table = table;
  store<u32>(infoPrefSrcPtr(info), bswap<u32>(src));
  const nh = fibNh(info, 0);
  nh.dev = changetype<usize>(dev);
  nh.scope = type === RtType.LOCAL ? RT_SCOPE_NOWHERE : RT_SCOPE_LINK;
  return fibAdd(fib, key, plen, info, true);
}

/** The netdev notifier of IPv4 (op NETDEV_EVENT_IPV4). */
export function inetdevEvent(event: u32, devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  if (event === NetdevEvent.REGISTER) {
    fibRulesDevEvent(dev.net, AF_INET, dev, false);
    if (dev.net.fib6 !== 0) fibRulesDevEvent(dev.net, AF_INET6, dev, false);
    dev.ipPtr = kzalloc(offsetof<InDevice>());
    if (dev.ipPtr === 0) return;
    changetype<InDevice>(dev.ipPtr).dev = devPtr;
    igmpInitDev(changetype<InDevice>(dev.ipPtr));
    return;
  }
  if (dev.ipPtr === 0) return;
  const inDev = changetype<InDevice>(dev.ipPtr);
  if (event === NetdevEvent.UP) {
    fibSyncLinkState(dev.net, AF_INET, dev, true);
    if ((dev.flags & IFF_LOOPBACK) !== 0 && inDev.addrs === 0) {
      inetAddrAdd(dev, 0x7f000001, 8, 0, RT_SCOPE_HOST, 0);
    } else {
      for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next)
        addIfaddrRoutes(changetype<Ifaddr>(at));
    }
    igmpUp(inDev);
  } else if (event === NetdevEvent.DOWN) {
    igmpDown(inDev);
    nhFlushDev(dev.net, devPtr);
    fibFlushDev(dev.net, AF_INET, dev, FibDown.DOWN);
    exceptionFlush(dev.net, AF_INET);
  } else if (event === NetdevEvent.CHANGE) {
    fibSyncLinkState(dev.net, AF_INET, dev, false);
    if (netifRunning(dev)) {
      for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next)
        announce(dev, changetype<Ifaddr>(at).addr);
    }
  } else if (event === NetdevEvent.CHANGEUPPER) {
    // Into a VRF, or out of it: what was said of the device is not true in the other table. Linux: fib_disable_ip.
    if (!changesVrf(dev)) return;
    fibFlushDev(dev.net, AF_INET, dev, FibDown.FORCE);
    exceptionFlush(dev.net, AF_INET);
    neighIfdownFamily(AF_INET, dev);
  } else if (event === NetdevEvent.NOTIFY_PEERS) {
    for (let at = inDev.addrs; at !== 0; at = changetype<Ifaddr>(at).next)
      gratuitousArp(dev, changetype<Ifaddr>(at).addr);
  } else if (event === NetdevEvent.RESEND_IGMP) {
    igmpRejoin(inDev);
  } else if (event === NetdevEvent.UNREGISTER) {
    while (inDev.addrs !== 0) deleteIfaddr(dev, changetype<Ifaddr>(inDev.addrs));
    nhFlushDev(dev.net, devPtr);
    fibFlushDev(dev.net, AF_INET, dev, FibDown.GONE);
    fibRulesDevEvent(dev.net, AF_INET, dev, true);
    if (dev.net.fib6 !== 0) fibRulesDevEvent(dev.net, AF_INET6, dev, true);
    exceptionFlushDev(dev.net, devPtr);
    ipFragDevGone(dev.net, devPtr);
    ipmrDevGone(dev);
    igmpDestroyDev(inDev);
    kfree(dev.ipPtr);
    dev.ipPtr = 0;
  }
}
