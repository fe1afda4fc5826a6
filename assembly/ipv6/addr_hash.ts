/**
 * The records of IPv6 addresses: per device in a list, per namespace in a hash. Linux: include/net/if_inet6.h and
 * the lookups of net/ipv6/addrconf.c. Nothing here acts; addrconf, dad and mcast do.
 *
 *   dev.ip6Ptr ─► Inet6Dev ─► Inet6Ifaddr ─► ...  (widest scope first)
 *                          └► Ifmcaddr6 ─► ...    groups that the device has joined (mcast)
 *   net.addrs6 ─► { count, pad, 256 buckets } ─► Inet6Ifaddr.hnext
 */
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Timer } from '../lib/timer_wheel';
import { NetDevice } from '../dev/net_device';
import { Net } from '../net/net';
import { ipv6AddrEqual } from '../wire/ipv6_addr';

@unmanaged
@final
export class Inet6Dev {
  dev: usize;
  addrs: usize;
  addrCount: u32;
  mcList: usize;
  mcCount: u32;
  /** 1 once the link is up and has a carrier (IF_READY). */
  ready: u32;
  /** Unsolicited MLD reports still to be sent (mc_ifc_count). */
  mcReports: u32;
  /** Solicited report: 1 a general one is due, 2 one for the groups that were asked for; version of the querier. */
  mcQuery: u32;
  mldVersion: u32;
  /** IF_*: what router advertisements said, and whether one came. */
  ifFlags: u32;
  /** Router solicitations: sent so far, ns between the last two, timer. */
  rsInterval: u64;
  rsTimer0: u64;
  rsTimer1: u64;
  rsTimer2: u64;
  rsProbes: u32;
  /** MTU of the last router advertisement that had one. */
  raMtu: u32;
  /** RaRoute list (ra_routes). */
  raRoutes: usize;
  /** Seconds that temporary addresses are replaced earlier by, so that not all hosts do it at once (RFC 8981 3.8). */
  desyncFactor: u32;
  /** Secret of RFC 7217, and 1 when it was set. */
  secret0: u64;
  secret1: u64;
  hasSecret: u32;
  /** Advertiser of this link (radv), 0: none. */
  radv: usize;
  /** Timer of unsolicited reports, and of answers to queries. */
  ifcTimer0: u64;
  ifcTimer1: u64;
  ifcTimer2: u64;
  gqTimer0: u64;
  gqTimer1: u64;
  gqTimer2: u64;
}

@unmanaged
@final
export class Inet6Ifaddr {
  hnext: usize;
  next: usize;
  /** NetDevice */
  dev: usize;
  /** IFA_F_* */
  flags: u32;
  addr0: u64;
  addr1: u64;
  /** Seconds from `stamp`; 0xffffffff: for ever. */
  validLft: u32;
  preferredLft: u32;
  /** ns when the lifetimes were set. */
  stamp: u64;
  plen: u8;
  /** RT_SCOPE_* as Linux tells user space. */
  scope: u8;
  /** Number that orders scopes in the device's list (RFC 4007: wider is larger). */
  scopeOrder: u8;
  /** Solicitations of duplicate detection still to be sent. */
  dadProbes: u8;
  /** DadState */
  dadState: u8;
  /** 1: its host route is in the table. */
  routed: u8;
  /** 1: its solicited-node group is joined. */
  joined: u8;
  /** 1: the anycast address of its prefix is joined. */
  anycast: u8;
  /** 1: made from a router advertisement, whose route it does not bring itself. */
  auto: u8;
  /** IFAPROT_* */
  proto: u8;
  /** Temporary: 1 once its successor was made; public: successors that failed (Linux: regen_count). */
  regenCount: u8;
  /** Collisions of the stable identifier so far (RFC 7217 5, DAD_Counter). */
  dadCount: u8;
  /** Temporary: the public address it stands beside, 0 when that is gone; when it was made (ns). */
  ifpub: usize;
  cstamp: u64;
  /** The nonce of our solicitations (RFC 7527); 6 bytes. */
  dadNonce: u64;
  dadTimer0: u64;
  dadTimer1: u64;
  dadTimer2: u64;
  lftTimer0: u64;
  lftTimer1: u64;
  lftTimer2: u64;
}

export enum DadState {
  /** Waits for the link, or for its turn. */
  PREDAD = 0,
  DAD = 1,
  POSTDAD = 2,
  ERRDAD = 3,
}

// Linux: include/uapi/linux/if_addr.h
export const IFA_F_TEMPORARY: u32 = 0x01;
export const IFA_F_NODAD: u32 = 0x02;
export const IFA_F_DADFAILED: u32 = 0x08;
export const IFA_F_DEPRECATED: u32 = 0x20;
export const IFA_F_TENTATIVE: u32 = 0x40;
export const IFA_F_PERMANENT: u32 = 0x80;
export const IFA_F_MANAGETEMPADDR: u32 = 0x100;
export const IFA_F_NOPREFIXROUTE: u32 = 0x200;
export const IFA_F_STABLE_PRIVACY: u32 = 0x800;
export const IFAPROT_KERNEL_LO: u8 = 1;
export const IFAPROT_KERNEL_RA: u8 = 2;
export const IFAPROT_KERNEL_LL: u8 = 3;

// Linux: include/net/if_inet6.h
export const IF_RS_SENT: u32 = 0x10;
export const IF_RA_RCVD: u32 = 0x20;
export const IF_RA_MANAGED: u32 = 0x40;
export const IF_RA_OTHERCONF: u32 = 0x80;

export const INFINITY_LIFE_TIME: u32 = 0xffffffff;
/** Addresses of one namespace, and of one device (Linux: max_addresses 16 holds for autoconfigured ones only). */
export const ADDRS6_MAX: u32 = 4096;

const BUCKET_BITS: u32 = 8;
const ADDRS6_BYTES: u32 = 8 + (1 << BUCKET_BITS) * 4;

export function inet6Dev(dev: NetDevice): Inet6Dev {
  return changetype<Inet6Dev>(dev.ip6Ptr);
}

export function ifcTimer(idev: Inet6Dev): Timer {
  return changetype<Timer>(changetype<usize>(idev) + offsetof<Inet6Dev>('ifcTimer0'));
}

export function gqTimer(idev: Inet6Dev): Timer {
  return changetype<Timer>(changetype<usize>(idev) + offsetof<Inet6Dev>('gqTimer0'));
}

export function rsTimer(idev: Inet6Dev): Timer {
  return changetype<Timer>(changetype<usize>(idev) + offsetof<Inet6Dev>('rsTimer0'));
}

export function dadTimer(ifa: Inet6Ifaddr): Timer {
  return changetype<Timer>(changetype<usize>(ifa) + offsetof<Inet6Ifaddr>('dadTimer0'));
}

export function lftTimer(ifa: Inet6Ifaddr): Timer {
  return changetype<Timer>(changetype<usize>(ifa) + offsetof<Inet6Ifaddr>('lftTimer0'));
}

/** Address of the 16 bytes. */
export function ifaAddr(ifa: Inet6Ifaddr): usize {
  return changetype<usize>(ifa) + offsetof<Inet6Ifaddr>('addr0');
}

export function addrs6Create(): usize {
  return kzalloc(ADDRS6_BYTES);
}

export function addrs6Destroy(addrs: usize): void {
  kfree(addrs);
}

export function addrs6Count(net: Net): u32 {
  return load<u32>(net.addrs6);
}

function bucketOf(net: Net, addr: usize): usize {
  const r = root();
  const h = (load<u64>(addr) ^ r.hashKey0 ^ rotl<u64>(load<u64>(addr, 8), 23)) * 0x9e3779b97f4a7c15;
  return net.addrs6 + 8 + ((<u32>(h >> (64 - BUCKET_BITS))) << 2);
}

export function addrHashInsert(net: Net, ifa: Inet6Ifaddr): void {
  const bucket = bucketOf(net, ifaAddr(ifa));
  ifa.hnext = load<u32>(bucket);
  store<u32>(bucket, changetype<usize>(ifa));
  store<u32>(net.addrs6, load<u32>(net.addrs6) + 1);
}

export function addrHashRemove(net: Net, ifa: Inet6Ifaddr): void {
  let slot = bucketOf(net, ifaAddr(ifa));
  while (load<u32>(slot) !== changetype<usize>(ifa)) slot = load<u32>(slot) + offsetof<Inet6Ifaddr>('hnext');
  store<u32>(slot, ifa.hnext);
  store<u32>(net.addrs6, load<u32>(net.addrs6) - 1);
}

/** The record of `addr`, of `dev` only unless that is 0; tentative ones, too. Linux: ipv6_get_ifaddr. */
export function ipv6GetIfaddr(net: Net, addr: usize, dev: usize): Inet6Ifaddr | null {
  let at = load<u32>(bucketOf(net, addr));
  while (at !== 0) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if (ipv6AddrEqual(ifaAddr(ifa), addr) && (dev === 0 || ifa.dev === dev)) return ifa;
    at = ifa.hnext;
  }
  return null;
}

/** Whether `addr` is ours and not tentative; of `dev` only unless that is 0. Linux: ipv6_chk_addr. */
export function ipv6ChkAddr(net: Net, addr: usize, dev: usize): bool {
  let at = load<u32>(bucketOf(net, addr));
  while (at !== 0) {
    const ifa = changetype<Inet6Ifaddr>(at);
    const mine = ipv6AddrEqual(ifaAddr(ifa), addr) && (dev === 0 || ifa.dev === dev);
    if (mine && (ifa.flags & IFA_F_TENTATIVE) === 0) return true;
    at = ifa.hnext;
  }
  return false;
}

/** The same among the devices of the VRF `l3mdev` (NetDevice, 0: of none). Linux: ipv6_chk_addr_and_flags. */
export function ipv6ChkAddrIn(net: Net, addr: usize, dev: usize, l3mdev: usize): bool {
  let at = load<u32>(bucketOf(net, addr));
  while (at !== 0) {
    const ifa = changetype<Inet6Ifaddr>(at);
    at = ifa.hnext;
    if (!ipv6AddrEqual(ifaAddr(ifa), addr) || (dev !== 0 && ifa.dev !== dev)) continue;
    if (changetype<NetDevice>(ifa.dev).l3mdev !== l3mdev) continue;
    if ((ifa.flags & IFA_F_TENTATIVE) === 0) return true;
  }
  return false;
}

/** A link-local address of the device that bears none of `banned` flags, or 0. Linux: ipv6_get_lladdr. */
export function ipv6GetLladdr(dev: NetDevice, banned: u32): usize {
  if (dev.ip6Ptr === 0) return 0;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    const linkLocal = (load<u16>(ifaAddr(ifa)) & 0xc0ff) === 0x80fe;
    if (linkLocal && (ifa.flags & banned) === 0) return ifaAddr(ifa);
  }
  return 0;
}
