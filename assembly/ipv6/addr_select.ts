/**
 * Which of our addresses a packet is sent from: RFC 6724 5, in the order and with the departures of Linux
 * (net/ipv6/addrconf.c, ipv6_dev_get_saddr). The rules are one number each, the first the highest digits, so that the
 * best address is the one with the largest number.
 *
 *   bit 32 same address │ 24-31 scope │ 20 preferred │ 16 outgoing interface │ 12 label │ 10 temporary │ 0-7 prefix
 *
 * Rule 4 (home addresses) is Mobile IPv6's, and rule 5.5 needs the advertising router of each prefix: neither is in
 * Linux without its options, nor here.
 */
import { Ipv6Conf } from '../abi/sysctl';
import { NetDevice, IFF_UP, conf6 } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { Net } from '../net/net';
import {
  IPV6_ADDR_LOOPBACK,
  IPV6_ADDR_SCOPE_LINKLOCAL,
  ipv6AddrCopy,
  ipv6AddrDiff,
  ipv6AddrEqual,
  ipv6AddrIsMulticast,
  ipv6AddrNeedsScopeId,
  ipv6AddrScope,
  ipv6AddrType,
} from '../wire/ipv6_addr';
import {
  IFA_F_DEPRECATED,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  Inet6Ifaddr,
  ifaAddr,
  inet6Dev,
} from './addr_hash';
import { ipv6AddrLabel } from './addr_label';

/**
 * Chooses a source for `daddr` and writes it to `out`. `dstDev`: NetDevice by which the packet leaves, or 0.
 * False, and `out` is left as it is: there is none.
 */
export function ipv6DevGetSaddr(net: Net, dstDev: usize, daddr: usize, out: usize): bool {
  // RFC 6724 4: for groups and link-local destinations only addresses of the outgoing interface are candidates.
  const own =
    dstDev !== 0 &&
    (ipv6AddrIsMulticast(daddr) ||
      ipv6AddrNeedsScopeId(daddr) ||
      conf6(changetype<NetDevice>(dstDev), Ipv6Conf.USE_OIF_ADDRS_ONLY) !== 0 ||
      load<i32>(net.conf6All + (Ipv6Conf.USE_OIF_ADDRS_ONLY << 2)) !== 0);
  const scope = ipv6AddrScope(daddr);
  const label = ipv6AddrLabel(net, daddr, dstDev);
  const ask = changetype<SaddrQuery>(scratch(Scratch.ADDR_SELECT));
  ask.daddr = daddr;
  ask.dstDev = dstDev;
  ask.scope = scope;
  ask.label = label;
  ask.best = 0;
  ask.found = 0;
  const vrf: usize = dstDev === 0 ? 0 : changetype<NetDevice>(dstDev).l3mdev;
  // In a VRF the addresses of the outgoing device and of the VRF go before those of its other ports.
  if (own || vrf !== 0) consider(ask, dstDev);
  if (!own && vrf !== 0) consider(ask, vrf);
  const enough = vrf !== 0 && ask.found !== 0 && sourceScope(ask.found) >= scope;
  if (!own && !enough) {
    for (let p = net.devHead; p !== 0; p = changetype<NetDevice>(p).nextDev) {
      // "Only consider addresses on devices in the same L3 domain."
      if (changetype<NetDevice>(p).l3mdev === vrf) consider(ask, p);
    }
  }
  if (ask.found === 0) return false;
  ipv6AddrCopy(out, ask.found);
  return true;
}

/** What is asked, and the best answer so far. */
@unmanaged
@final
class SaddrQuery {
  best: u64;
  daddr: usize;
  dstDev: usize;
  scope: u32;
  label: u32;
  found: usize;
}

/** The addresses of one device. */
function consider(ask: SaddrQuery, p: usize): void {
  const dev = changetype<NetDevice>(p);
  if (dev.ip6Ptr === 0 || ((dev.flags & IFF_UP) === 0 && p !== ask.dstDev)) return;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if ((ifa.flags & IFA_F_TENTATIVE) !== 0) continue;
    const score = scoreOf(ifa, ask.daddr, ask.scope, ask.label, p === ask.dstDev);
    if (score <= ask.best) continue;
    ask.best = score;
    ask.found = ifaAddr(ifa);
  }
}

function scoreOf(ifa: Inet6Ifaddr, daddr: usize, scope: u32, label: u32, outgoing: bool): u64 {
  const addr = ifaAddr(ifa);
  // Rule 1: prefer the same address.
  let score: u64 = ipv6AddrEqual(addr, daddr) ? (<u64>1) << 32 : 0;
  // Rule 2: the smallest scope that is not smaller than the destination's, else the largest one.
  const mine = sourceScope(addr);
  score |= (<u64>(mine >= scope ? 255 - mine : 127 + mine)) << 24;
  // Rule 3: avoid deprecated addresses.
  if ((ifa.flags & IFA_F_DEPRECATED) === 0) score |= 1 << 20;
  // Rule 5: prefer the outgoing interface.
  if (outgoing) score |= 1 << 16;
  // Rule 6: prefer the same label.
  if (ipv6AddrLabel(changetype<NetDevice>(ifa.dev).net, addr, ifa.dev) === label) score |= 1 << 12;
  // Rule 7: prefer temporary addresses, where use_tempaddr says so; public ones elsewhere.
  const wantsTemporary = conf6(changetype<NetDevice>(ifa.dev), Ipv6Conf.USE_TEMPADDR) >= 2;
  if (((ifa.flags & IFA_F_TEMPORARY) !== 0) === wantsTemporary) score |= 1 << 10;
  // Rule 8: the longest matching prefix, not beyond the prefix of the address.
  return score | <u64>(min(ipv6AddrDiff(addr, daddr), <u32>ifa.plen) + 1);
}

/** Linux: ipv6_addr_src_scope: loopback counts as link-local. */
function sourceScope(addr: usize): u32 {
  return (ipv6AddrType(addr) & IPV6_ADDR_LOOPBACK) !== 0 ? IPV6_ADDR_SCOPE_LINKLOCAL : ipv6AddrScope(addr);
}
