/**
 * Temporary addresses (RFC 8981): beside each public address one with a random identifier, replaced shortly before it
 * is no longer preferred. Linux: net/ipv6/addrconf.c, ipv6_create_tempaddr, manage_tempaddrs.
 *
 *   public address made or refreshed ─► temporary one, preferred temp_prefered_lft - desync, valid temp_valid_lft
 *   regen_advance seconds before that ends ─► the next one        collision ─► another, regen_max_retry times
 */
import { Ipv6Conf, NeighVar, Sysctl } from '../abi/sysctl';
import { NetDevice, conf6 } from '../dev/net_device';
import { randomBelow, randomU64 } from '../lib/random';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6, sysctl } from '../net/net';
import { neighVar } from '../neigh/neigh_table';
import {
  IFAPROT_KERNEL_RA,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  INFINITY_LIFE_TIME,
  Inet6Ifaddr,
  inet6Dev,
  ipv6GetIfaddr,
} from './addr_hash';
import { addrconfNotify, inet6AddAddr, setLifetimes } from './addrconf';
import { ipv6ReservedIid } from './stable_privacy';

const SECOND: u64 = 1_000_000_000;

/** Seconds before the end of the preferred lifetime at which the next one is made (RFC 8981 3.8 REGEN_ADVANCE). */
export function regenAdvance(dev: NetDevice): u32 {
  const transmits = <u32>max(conf6(dev, Ipv6Conf.DAD_TRANSMITS), 1);
  const retrans = max(neighVar(changetype<usize>(dev), AF_INET6, NeighVar.RETRANS_TIME_MS), 10);
  const retries = <u32>max(sysctl(dev.net, Sysctl.IP6_IDGEN_RETRIES), 0);
  return <u32>max(conf6(dev, Ipv6Conf.REGEN_MIN_ADVANCE), 0) + (retries * transmits * retrans) / 1000;
}

/** Makes one beside the public address `ifp`; false when none is wanted, or it would not live long enough. */
export function createTempaddr(ifp: Inet6Ifaddr): bool {
  const dev = changetype<NetDevice>(ifp.dev);
  const idev = inet6Dev(dev);
  if (conf6(dev, Ipv6Conf.USE_TEMPADDR) <= 0) return false;
  if (<i32>ifp.regenCount >= conf6(dev, Ipv6Conf.REGEN_MAX_RETRY)) {
    // RFC 8981 3.4: after so many collisions somebody does not want us to have one.
    store<i32>(dev.conf6 + (Ipv6Conf.USE_TEMPADDR << 2), -1);
    return false;
  }
  ifp.regenCount++;
  const age = <u32>((root().now - ifp.stamp) / SECOND);
  const advance = regenAdvance(dev);
  const preferredMost = <u32>max(conf6(dev, Ipv6Conf.TEMP_PREFERED_LFT), 0);
  const validMost = <u32>max(conf6(dev, Ipv6Conf.TEMP_VALID_LFT), 0);
  const room = preferredMost > advance ? preferredMost - advance : 0;
  const desyncMost = min(<u32>max(conf6(dev, Ipv6Conf.MAX_DESYNC_FACTOR), 0), room);
  if (idev.desyncFactor === 0 || idev.desyncFactor > desyncMost) {
    idev.desyncFactor = desyncMost === 0 ? 0 : randomBelow(desyncMost);
  }
  // "The lower of the lifetime of the public address and TEMP_VALID_LIFETIME; of TEMP_PREFERRED_LIFETIME less DESYNC."
  // What is left of the public one's lifetimes, since ours begin now.
  const valid = min(left(ifp.validLft, age), validMost);
  const preferred = min(min(left(ifp.preferredLft, age), preferredMost - idev.desyncFactor), valid);
  // "Created only if this calculated preferred lifetime is greater than REGEN_ADVANCE time units."
  if (preferred <= advance) return false;
  const addr = scratch(Scratch.TEMPADDR_ADDR);
  store<u64>(addr, ifp.addr0);
  do store<u64>(addr, randomU64(), 8);
  while (ipv6ReservedIid(addr + 8) || ipv6GetIfaddr(dev.net, addr, ifp.dev) !== null);
  if (inet6AddAddr(dev, addr, ifp.plen, IFA_F_TEMPORARY, valid, preferred, IFAPROT_KERNEL_RA) !== 0)
    return false;
  const made = ipv6GetIfaddr(dev.net, addr, ifp.dev);
  if (made === null) return false;
  made.ifpub = changetype<usize>(ifp);
  made.cstamp = root().now;
  setLifetimes(made, valid, preferred);
  return true;
}

function left(lifetime: u32, elapsed: u32): u32 {
  if (lifetime === INFINITY_LIFE_TIME) return lifetime;
  return lifetime > elapsed ? lifetime - elapsed : 0;
}

/**
 * The public address `ifp` has new lifetimes: those beside it follow, "subject to the overall constraint that no
 * temporary addresses should ever remain valid or preferred for a time longer than" configured, since their creation.
 */
export function manageTempaddrs(
  dev: NetDevice,
  ifp: Inet6Ifaddr,
  valid: u32,
  preferred: u32,
  create: bool,
): void {
  const idev = inet6Dev(dev);
  let any = false;
  for (let at = idev.addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ift = changetype<Inet6Ifaddr>(at);
    if ((ift.flags & IFA_F_TEMPORARY) === 0) continue;
    any = true;
    if (ift.ifpub !== changetype<usize>(ifp)) continue;
    const age = <u32>((root().now - ift.cstamp) / SECOND);
    const validMost = left(<u32>max(conf6(dev, Ipv6Conf.TEMP_VALID_LFT), 0), age);
    const preferredMost = <u32>max(conf6(dev, Ipv6Conf.TEMP_PREFERED_LFT), 0);
    setLifetimes(
      ift,
      min(valid, validMost),
      min(preferred, left(left(preferredMost, idev.desyncFactor), age)),
    );
    if ((ift.flags & IFA_F_TENTATIVE) === 0) addrconfNotify(ift, false);
  }
  if (!any && (valid !== 0 || preferred !== 0)) create = true;
  if (create && conf6(dev, Ipv6Conf.USE_TEMPADDR) > 0) createTempaddr(ifp);
}

/** In its last preferred seconds: the next one is made, once. */
export function regenTempaddr(ift: Inet6Ifaddr): void {
  if (ift.regenCount !== 0 || ift.ifpub === 0) return;
  ift.regenCount = 1;
  const ifpub = changetype<Inet6Ifaddr>(ift.ifpub);
  ifpub.regenCount = 0;
  createTempaddr(ifpub);
}
