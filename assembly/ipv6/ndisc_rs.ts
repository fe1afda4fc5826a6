/**
 * Router solicitations: asked once the link-local address is ours, and again with growing pauses until a router
 * answers (RFC 7559). Linux: net/ipv6/addrconf.c, addrconf_rs_timer.
 *
 *   link-local address done ─► RS ─ 4 s ±10 % ─► RS ─ twice as long ─► ... ─ at most 3600 s ─► RS ... until RF_RA_RCVD
 */
import { Op } from '../abi/ops';
import { Ipv6Conf } from '../abi/sysctl';
import { IFF_LOOPBACK, NetDevice, conf6, devAddrPtr } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { timerAdd, timerDel } from '../lib/timer_wheel';
import { IPV6_HDR_LEN } from '../wire/ipv6';
import { ND_RS_LEN, emitNdRs } from '../wire/ndisc';
import { ND_OPT_LLADDR_LEN, ND_OPT_SOURCE_LL_ADDR, emitNdOptLladdr } from '../wire/ndisc_options';
import {
  IFA_F_TENTATIVE,
  IF_RA_RCVD,
  IF_RS_SENT,
  Inet6Dev,
  inet6Dev,
  ipv6GetLladdr,
  rsTimer,
} from './addr_hash';
import { ipv6AcceptRa } from './ndisc_router';
import { ndiscAlloc, ndiscSendSkb } from './ndisc_send';

const SECOND: u64 = 1_000_000_000;
/** ff02::2 */
const ALL_ROUTERS = memory.data<u8>([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

function send(dev: NetDevice, saddr: usize): void {
  const skb = ndiscAlloc(ND_RS_LEN + ND_OPT_LLADDR_LEN);
  if (skb === null) return;
  const p = skb.data + IPV6_HDR_LEN;
  emitNdRs(p);
  emitNdOptLladdr(p + ND_RS_LEN, ND_OPT_SOURCE_LL_ADDR, devAddrPtr(dev));
  ndiscSendSkb(skb, dev, saddr, ALL_ROUTERS);
}

/** `base` with RAND of RFC 8415 15: uniformly 0.1 around `times`. */
function randomised(base: u64, times: u64): u64 {
  return (base * (times * 1_000_000 - 100_000 + <u64>randomBelow(200_001))) / 1_000_000;
}

function seconds(dev: NetDevice, id: Ipv6Conf): u64 {
  return <u64>max(conf6(dev, id), 0) * SECOND;
}

/** The first link-local address of the device passed duplicate detection: ask for routers. */
export function rsStart(dev: NetDevice): void {
  if ((dev.flags & IFF_LOOPBACK) !== 0 || !ipv6AcceptRa(dev)) return;
  if (conf6(dev, Ipv6Conf.ROUTER_SOLICITATIONS) === 0) return;
  const saddr = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
  if (saddr === 0) return;
  const idev = inet6Dev(dev);
  send(dev, saddr);
  idev.rsInterval = randomised(seconds(dev, Ipv6Conf.ROUTER_SOLICITATION_INTERVAL), 1);
  idev.rsProbes = 1;
  idev.ifFlags |= IF_RS_SENT;
  arm(idev, idev.rsInterval);
}

function arm(idev: Inet6Dev, pause: u64): void {
  timerDel(rsTimer(idev));
  timerAdd(rsTimer(idev), root().now + pause);
}

export function rsStop(idev: Inet6Dev): void {
  timerDel(rsTimer(idev));
}

/** TIMER_RS: nobody has advertised since the last solicitation. */
export function rsTimerHandler(p: usize): void {
  const idev = changetype<Inet6Dev>(p);
  const dev = changetype<NetDevice>(idev.dev);
  if (idev.ready === 0 || !ipv6AcceptRa(dev) || (idev.ifFlags & IF_RA_RCVD) !== 0) return;
  const most = conf6(dev, Ipv6Conf.ROUTER_SOLICITATIONS);
  const before = idev.rsProbes++;
  if (most >= 0 && before >= <u32>most) return;
  const saddr = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
  if (saddr === 0) return;
  send(dev, saddr);
  // RFC 7559 2: RT = 2*RTprev + RAND*RTprev, and MRT + RAND*MRT once that is beyond MRT.
  const ceiling = seconds(dev, Ipv6Conf.ROUTER_SOLICITATION_MAX_INTERVAL);
  let next = randomised(idev.rsInterval, 2);
  if (next > ceiling) next = randomised(ceiling, 1);
  idev.rsInterval = next;
  arm(
    idev,
    most >= 0 && idev.rsProbes === <u32>most ? seconds(dev, Ipv6Conf.ROUTER_SOLICITATION_DELAY) : next,
  );
}

export function rsOpsInit(): void {
  opSet(Op.TIMER_RS, rsTimerHandler.index);
}
