/**
 * Prefixes of router advertisements: routes on the link, and addresses made from them (RFC 4862 5.5). Linux:
 * net/ipv6/addrconf.c, addrconf_prefix_rcv.
 *
 *   L flag ─► route to the prefix, for its valid lifetime
 *   A flag ─► prefix of 64 bits + identifier (EUI-64, or RFC 7217) ─► address, its lifetimes refreshed by each RA
 *                                                              └──► temporary addresses beside it (tempaddr)
 */
import { Ipv6Conf } from '../abi/sysctl';
import { NetDevice, conf6, devAddrPtr } from '../dev/net_device';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import {
  IPV6_ADDR_LINKLOCAL,
  IPV6_ADDR_MULTICAST,
  ipv6AddrCopy,
  ipv6AddrPrefix,
  ipv6AddrType,
  ipv6Eui64,
} from '../wire/ipv6_addr';
import {
  ND_OPT_PREFIX_AUTO,
  ND_OPT_PREFIX_ONLINK,
  ndPrefix,
  ndPrefixFlags,
  ndPrefixLen,
  ndPrefixPreferred,
  ndPrefixValid,
} from '../wire/ndisc_options';
import {
  IFAPROT_KERNEL_RA,
  IFA_F_MANAGETEMPADDR,
  IFA_F_STABLE_PRIVACY,
  INFINITY_LIFE_TIME,
  Inet6Ifaddr,
  inet6Dev,
  ipv6GetIfaddr,
} from './addr_hash';
import { addrconfNotify, inet6AddAddr, setLifetimes } from './addrconf';
import { IP6_RT_PRIO_ADDRCONF } from './addrconf_routes';
import { RaKind, raRouteAdd, raRouteDelete, raRouteExpire, raRouteFind } from './ra_routes';
import { ADDR_GEN_MODE_STABLE_PRIVACY, ADDR_GEN_MODE_RANDOM, ipv6StableAddress } from './stable_privacy';
import { manageTempaddrs } from './tempaddr';

const SECOND: u64 = 1_000_000_000;
/** RFC 4862 5.5.3 e: two hours. */
const MIN_VALID_LIFETIME: u32 = 7200;

/** The Prefix Information at `p`, whose length and fields are right. */
export function slaacPrefixRcv(dev: NetDevice, p: usize): void {
  const prefix = ndPrefix(p);
  const plen = ndPrefixLen(p);
  const valid = ndPrefixValid(p);
  const preferred = ndPrefixPreferred(p);
  // "If the prefix is the link-local prefix, silently ignore"; "if the preferred lifetime is greater than the valid
  // lifetime, silently ignore".
  if ((ipv6AddrType(prefix) & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LINKLOCAL)) !== 0) return;
  if (preferred > valid) return;
  const flags = ndPrefixFlags(p);
  if ((flags & ND_OPT_PREFIX_ONLINK) !== 0) onLink(dev, prefix, plen, valid);
  if ((flags & ND_OPT_PREFIX_AUTO) === 0 || conf6(dev, Ipv6Conf.AUTOCONF) === 0) return;
  // RFC 4862 5.5.3 d: "if the sum of the prefix length and interface identifier length does not equal 128 bits, ignore".
  if (plen !== 64) return;
  autoconf(dev, prefix, valid, preferred);
}

/** RFC 4861 6.3.4: the prefix is on the link while it is valid; 0 ends it. */
function onLink(dev: NetDevice, prefix: usize, plen: u32, valid: u32): void {
  const key = scratch(Scratch.SLAAC_PREFIX);
  ipv6AddrPrefix(key, prefix, plen);
  let route = raRouteFind(dev, RaKind.PREFIX, key, plen, 0);
  if (route !== null && valid === 0) {
    raRouteDelete(route);
    return;
  }
  if (valid === 0) return;
  if (route === null) route = raRouteAdd(dev, RaKind.PREFIX, key, plen, 0, 0, IP6_RT_PRIO_ADDRCONF);
  if (route !== null) raRouteExpire(route, valid);
}

function autoconf(dev: NetDevice, prefix: usize, valid: u32, preferred: u32): void {
  const addr = scratch(Scratch.SLAAC_ADDR);
  ipv6AddrCopy(addr, prefix);
  const mode = conf6(dev, Ipv6Conf.ADDR_GEN_MODE);
  let flags = IFA_F_MANAGETEMPADDR;
  if (mode === ADDR_GEN_MODE_STABLE_PRIVACY || mode === ADDR_GEN_MODE_RANDOM) {
    if (!ipv6StableAddress(dev, addr, 0)) return;
    flags |= IFA_F_STABLE_PRIVACY;
  } else {
    ipv6Eui64(addr + 8, devAddrPtr(dev));
  }
  const have = findMade(dev, addr, (flags & IFA_F_STABLE_PRIVACY) !== 0);
  if (have !== null) {
    refresh(have, valid, preferred);
    manageTempaddrs(dev, have, have.validLft, preferred, false);
    return;
  }
  if (valid === 0) return;
  // Linux: "Do not allow to create too much of autoconfigured addresses; this would be too easy way to crash kernel."
  const most = conf6(dev, Ipv6Conf.MAX_ADDRESSES);
  if (most !== 0 && inet6Dev(dev).addrCount >= <u32>most) return;
  if (inet6AddAddr(dev, addr, 64, flags, valid, preferred, IFAPROT_KERNEL_RA) !== 0) return;
  const made = ipv6GetIfaddr(dev.net, addr, changetype<usize>(dev));
  if (made !== null) manageTempaddrs(dev, made, valid, preferred, true);
}

/** The address made before: a stable one may have moved on to another identifier after a collision. */
function findMade(dev: NetDevice, addr: usize, stable: bool): Inet6Ifaddr | null {
  const found = ipv6GetIfaddr(dev.net, addr, changetype<usize>(dev));
  if (found !== null || !stable) return found;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    const mine = (ifa.flags & IFA_F_STABLE_PRIVACY) !== 0 && ifa.auto !== 0 && ifa.dadCount !== 0;
    if (mine && ifa.addr0 === load<u64>(addr)) return ifa;
  }
  return null;
}

/**
 * RFC 4862 5.5.3 e, the two-hour rule: a shorter lifetime is believed only down to two hours, so that one forged
 * advertisement cannot take all addresses away. With ra_honor_pio_life it is believed as it is.
 */
function refresh(ifa: Inet6Ifaddr, valid: u32, preferred: u32): void {
  const dev = changetype<NetDevice>(ifa.dev);
  const elapsed = <u32>((root().now - ifa.stamp) / SECOND);
  let stored: u32 = INFINITY_LIFE_TIME;
  if (ifa.validLft !== INFINITY_LIFE_TIME) stored = ifa.validLft > elapsed ? ifa.validLft - elapsed : 0;
  if (stored !== 0 && conf6(dev, Ipv6Conf.RA_HONOR_PIO_LIFE) === 0) {
    valid = max(valid, min(stored, MIN_VALID_LIFETIME));
  }
  setLifetimes(ifa, valid, preferred);
  addrconfNotify(ifa, false);
}
