/**
 * Duplicate address detection: RFC 4862 5.4, with the nonces of RFC 7527. Linux: net/ipv6/addrconf.c, addrconf_dad_*.
 *
 *   PREDAD ─ link ready ─► DAD ─ dad_transmits solicitations, retrans_time apart ─► POSTDAD
 *                           └── somebody answers or solicits the same address ────► ERRDAD
 *
 * Until POSTDAD the address is tentative: no source, no host route, no answers to solicitations for it.
 */
import { Op } from '../abi/ops';
import { Ipv6Conf, NeighVar } from '../abi/sysctl';
import { IFF_LOOPBACK, IFF_NOARP, NetDevice, conf6 } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { randomBelow, randomU64 } from '../lib/random';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { timerAdd, timerDel } from '../lib/timer_wheel';
import { AF_INET6 } from '../net/net';
import { neighVarNs } from '../neigh/neigh_table';
import { ipv6AddrIsLinklocal } from '../wire/ipv6_addr';
import {
  DadState,
  IFA_F_DADFAILED,
  IFA_F_MANAGETEMPADDR,
  IFA_F_NODAD,
  IFA_F_PERMANENT,
  IFA_F_STABLE_PRIVACY,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  INFINITY_LIFE_TIME,
  Inet6Ifaddr,
  dadTimer,
  ifaAddr,
  inet6Dev,
  ipv6GetIfaddr,
} from './addr_hash';
import { addrconfDisable, addrconfNotify, inet6AddAddr, inet6DelIfaddr } from './addrconf';
import { anycastJoin } from './anycast';
import { addHostRoute } from './addrconf_routes';
import { mcastDadComplete, mcastJoinSolicited } from './mcast';
import { rsStart } from './ndisc_rs';
import { ndiscSendDadNs, ndiscSendUnsolicitedNa } from './ndisc_send';
import { ipv6StableAddress } from './stable_privacy';
import { createTempaddr } from './tempaddr';

const MS: u64 = 1_000_000;
/** RFC 4861 10: MAX_RTR_SOLICITATION_DELAY, before which the first solicitation waits by chance. */
const MAX_RTR_SOLICITATION_DELAY_MS: u32 = 1000;

/** Linux: accept_dad, `all` and the device's own: the larger counts as "on". */
function dadMode(dev: NetDevice): i32 {
  return max(conf6(dev, Ipv6Conf.ACCEPT_DAD), load<i32>(dev.net.conf6All + (Ipv6Conf.ACCEPT_DAD << 2)));
}

/** Begins for an address whose device is ready; does nothing while that is not. */
export function dadStart(ifa: Inet6Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  if (ifa.dadState === DadState.ERRDAD) return;
  const exempt =
    (dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0 ||
    dadMode(dev) < 1 ||
    (ifa.flags & IFA_F_NODAD) !== 0 ||
    (ifa.flags & IFA_F_TENTATIVE) === 0;
  if (!exempt && inet6Dev(dev).ready === 0) return;
  if (ifa.joined === 0) {
    ifa.joined = 1;
    mcastJoinSolicited(dev, ifaAddr(ifa));
  }
  if (exempt) {
    dadCompleted(ifa);
    return;
  }
  ifa.dadState = <u8>DadState.DAD;
  ifa.dadProbes = <u8>max(0, min(255, conf6(dev, Ipv6Conf.DAD_TRANSMITS)));
  ifa.dadNonce = randomU64() >> 16;
  // RFC 4862 5.4.2: "a node should delay joining and the first solicitation by a random delay between 0 and
  // MAX_RTR_SOLICITATION_DELAY".
  timerAdd(dadTimer(ifa), root().now + <u64>randomBelow(MAX_RTR_SOLICITATION_DELAY_MS) * MS);
}

/** TIMER_DAD: the next solicitation, or the end. */
export function dadTimerHandler(p: usize): void {
  const ifa = changetype<Inet6Ifaddr>(p);
  const dev = changetype<NetDevice>(ifa.dev);
  if (ifa.dadProbes === 0) {
    dadCompleted(ifa);
    return;
  }
  ifa.dadProbes--;
  timerAdd(dadTimer(ifa), root().now + max(neighVarNs(ifa.dev, AF_INET6, NeighVar.RETRANS_TIME_MS), 10 * MS));
  ndiscSendDadNs(dev, ifa);
}

/** In DAD, on silence: the address is ours, go to POSTDAD (RFC 4862 5.4.5). */
function dadCompleted(ifa: Inet6Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  timerDel(dadTimer(ifa));
  ifa.flags &= ~(IFA_F_TENTATIVE | IFA_F_DADFAILED);
  ifa.dadState = <u8>DadState.POSTDAD;
  addHostRoute(ifa);
  if (conf6(dev, Ipv6Conf.FORWARDING) !== 0) anycastJoin(ifa);
  addrconfNotify(ifa, false);
  if ((dev.flags & IFF_LOOPBACK) !== 0 || inet6Dev(dev).ready === 0) return;
  if (ipv6AddrIsLinklocal(ifaAddr(ifa))) {
    mcastDadComplete(dev);
    if (lonelyLladdr(dev)) rsStart(dev);
  }
  const notify =
    conf6(dev, Ipv6Conf.NDISC_NOTIFY) | load<i32>(dev.net.conf6All + (Ipv6Conf.NDISC_NOTIFY << 2));
  if (notify !== 0) ndiscSendUnsolicitedNa(dev, ifa);
}

/** Whether the device has one usable link-local address and no other. Linux: ipv6_lonely_lladdr. */
function lonelyLladdr(dev: NetDevice): bool {
  let n = 0;
  for (let at = inet6Dev(dev).addrs; at !== 0; at = changetype<Inet6Ifaddr>(at).next) {
    const ifa = changetype<Inet6Ifaddr>(at);
    if (ipv6AddrIsLinklocal(ifaAddr(ifa)) && (ifa.flags & IFA_F_TENTATIVE) === 0) n++;
  }
  return n === 1;
}

/** RFC 7217 5: the same inputs with the next DAD_Counter. False: no more tries. */
function nextStable(ifa: Inet6Ifaddr): bool {
  const dev = changetype<NetDevice>(ifa.dev);
  const addr = scratch(Scratch.DAD_ADDR);
  store<u64>(addr, ifa.addr0);
  const counter = ifa.dadCount + 1;
  if (!ipv6StableAddress(dev, addr, counter)) return false;
  const elapsed = <u32>((root().now - ifa.stamp) / 1_000_000_000);
  const keeps = IFA_F_STABLE_PRIVACY | IFA_F_MANAGETEMPADDR;
  const valid = remaining(ifa.validLft, elapsed);
  const preferred = remaining(ifa.preferredLft, elapsed);
  if (inet6AddAddr(dev, addr, ifa.plen, ifa.flags & keeps, valid, preferred, ifa.proto) !== 0) return false;
  const made = ipv6GetIfaddr(dev.net, addr, ifa.dev);
  if (made !== null) made.dadCount = counter;
  return true;
}

function remaining(lifetime: u32, elapsed: u32): u32 {
  if (lifetime === INFINITY_LIFE_TIME) return lifetime;
  return lifetime > elapsed ? lifetime - elapsed : 0;
}

/** In DAD, on another's claim: the address is not to be used, go to ERRDAD (RFC 4862 5.4.5). */
export function dadFailure(ifa: Inet6Ifaddr): void {
  const dev = changetype<NetDevice>(ifa.dev);
  timerDel(dadTimer(ifa));
  if (ifa.dadState === DadState.ERRDAD) return;
  ifa.dadState = <u8>DadState.ERRDAD;
  // "If the address is a link-local address formed from an interface identifier based on the hardware address, IP
  // operation on the interface SHOULD be disabled": net.ipv6.conf.DEV.accept_dad = 2.
  const stable = (ifa.flags & IFA_F_STABLE_PRIVACY) !== 0;
  const disable = dadMode(dev) > 1 && !stable && ipv6AddrIsLinklocal(ifaAddr(ifa));
  if (stable && nextStable(ifa)) {
    inet6DelIfaddr(ifa);
    return;
  }
  if ((ifa.flags & IFA_F_TEMPORARY) !== 0) {
    // RFC 8981 3.4: "generate a new randomized interface identifier and repeat", TEMP_IDGEN_RETRIES times.
    if (ifa.ifpub !== 0) createTempaddr(changetype<Inet6Ifaddr>(ifa.ifpub));
    inet6DelIfaddr(ifa);
    return;
  }
  if ((ifa.flags & IFA_F_PERMANENT) === 0) {
    inet6DelIfaddr(ifa);
  } else {
    ifa.flags |= IFA_F_TENTATIVE | IFA_F_DADFAILED;
    addrconfNotify(ifa, false);
  }
  if (disable) addrconfDisable(dev);
}

export function dadOpsInit(): void {
  opSet(Op.TIMER_DAD, dadTimerHandler.index);
}
