/**
 * Router advertisements that we send: RFC 4861 6.2, one advertiser per link. Linux leaves this to radvd(8); here it is
 * in the core, so that it runs on a board without a host, by the core's clock, and goes into snapshots with the rest.
 * The host hands over interval, fields and the options as bytes (src/net/router_advertise).
 *
 *   set ─► 3 advertisements at most 16 s apart ─► at random between min and max interval
 *   solicitation ─► one within half a second, but 3 s behind the last      off, or forwarding off ─► one of lifetime 0
 *
 * Nothing is sent from a link that does not forward, is down, or has no usable link-local address.
 */
import { Op } from '../abi/ops';
import { RadvRec } from '../abi/request';
import { Ipv6Conf } from '../abi/sysctl';
import { NetDevice, conf6, devAddrPtr, netifRunning } from '../dev/net_device';
import { kfree, kmalloc, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { WIRE_OK } from '../wire/check';
import { IPV6_HDR_LEN } from '../wire/ipv6';
import { ND_RA_LEN, emitNdRa } from '../wire/ndisc';
import {
  ND_OPT_LLADDR_LEN,
  ND_OPT_MTU_LEN,
  ND_OPT_SOURCE_LL_ADDR,
  emitNdOptLladdr,
  emitNdOptMtu,
  ndOptionsCheck,
} from '../wire/ndisc_options';
import { IFA_F_TENTATIVE, inet6Dev, ipv6GetLladdr } from './addr_hash';
import { ALL_NODES, ndiscAlloc, ndiscSendSkb } from './ndisc_send';

@unmanaged
@final
class Radv {
  timer0: u64;
  timer1: u64;
  timer2: u64;
  dev: usize;
  minMs: u32;
  maxMs: u32;
  /** Seconds. */
  lifetime: u32;
  reachableMs: u32;
  retransMs: u32;
  mtu: u32;
  hopLimit: u8;
  flags: u8;
  /** 1: with our link-layer address. */
  withAddr: u8;
  /** Advertisements that are still sent at the short interval of the beginning. */
  initial: u8;
  sent: u32;
  options: usize;
  optionBytes: u32;
  /** ns; 0: never. */
  lastSent: u64;
  /** When the next one is due. */
  due: u64;
}

const MS: u64 = 1_000_000;
// RFC 4861 10
const MAX_INITIAL_ADVERTISEMENTS: u8 = 3;
const MAX_INITIAL_INTERVAL_MS: u32 = 16_000;
const MIN_DELAY_BETWEEN_RAS_MS: u64 = 3000;
const MAX_RA_DELAY_MS: u32 = 500;
/** What fits 1280 bytes beside IPv6 header, fixed part, link-layer address and MTU. */
const OPTION_BYTES_MAX: u32 = 1280 - 40 - 16 - 8 - 8;
/** To look again whether the link may advertise. */
const NOT_YET_MS: u64 = 1000;

function timerOf(radv: Radv): Timer {
  return changetype<Timer>(changetype<usize>(radv));
}

/** Begins, changes (ON 1) or ends (ON 0) advertising, by the RadvRec at `rec`. 0, -EINVAL, -ENOMEM, -ENODEV. */
export function radvSet(dev: NetDevice, rec: usize, len: u32): i32 {
  if (dev.ip6Ptr === 0) return -Errno.ENODEV;
  if (load<u32>(rec, RadvRec.ON) === 0) {
    radvStop(dev, true);
    return 0;
  }
  const bytes = load<u32>(rec, RadvRec.OPTION_BYTES);
  if (bytes > len - RadvRec.OPTIONS || bytes > OPTION_BYTES_MAX) return -Errno.EINVAL;
  if (ndOptionsCheck(rec + RadvRec.OPTIONS, bytes) !== WIRE_OK) return -Errno.EINVAL;
  const most = load<u32>(rec, RadvRec.MAX_MS);
  const least = load<u32>(rec, RadvRec.MIN_MS);
  // RFC 4861 6.2.1: MaxRtrAdvInterval of 4 to 1800 seconds, Min of 3 seconds to 0.75 of it.
  if (most < 4000 || most > 1_800_000 || least < 3000 || least > (most >> 2) * 3) return -Errno.EINVAL;
  const lifetime = load<u32>(rec, RadvRec.LIFETIME);
  if (lifetime > 9000 || (lifetime !== 0 && lifetime < most / 1000)) return -Errno.EINVAL;
  let options: usize = 0;
  if (bytes !== 0) {
    options = kmalloc(bytes);
    if (options === 0) return -Errno.ENOMEM;
    memory.copy(options, rec + RadvRec.OPTIONS, bytes);
  }
  const idev = inet6Dev(dev);
  if (idev.radv === 0) {
    const p = kzalloc(offsetof<Radv>());
    if (p === 0) {
      kfree(options);
      return -Errno.ENOMEM;
    }
    changetype<Radv>(p).dev = changetype<usize>(dev);
    timerSetup(timerOf(changetype<Radv>(p)), Op.TIMER_RADV, p);
    idev.radv = p;
  }
  const radv = changetype<Radv>(idev.radv);
  kfree(radv.options);
  radv.options = options;
  radv.optionBytes = bytes;
  radv.minMs = least;
  radv.maxMs = most;
  radv.lifetime = lifetime;
  radv.reachableMs = load<u32>(rec, RadvRec.REACHABLE_MS);
  radv.retransMs = load<u32>(rec, RadvRec.RETRANS_MS);
  radv.mtu = load<u32>(rec, RadvRec.MTU);
  radv.hopLimit = load<u8>(rec, RadvRec.HOP_LIMIT);
  radv.flags = load<u8>(rec, RadvRec.FLAGS);
  radv.withAddr = load<u8>(rec, RadvRec.WITH_ADDR);
  radv.initial = MAX_INITIAL_ADVERTISEMENTS;
  schedule(radv, root().now);
  return 0;
}

function schedule(radv: Radv, when: u64): void {
  timerDel(timerOf(radv));
  radv.due = when;
  timerAdd(timerOf(radv), when);
}

function mayAdvertise(dev: NetDevice): bool {
  return (
    conf6(dev, Ipv6Conf.FORWARDING) !== 0 &&
    netifRunning(dev) &&
    inet6Dev(dev).ready !== 0 &&
    ipv6GetLladdr(dev, IFA_F_TENTATIVE) !== 0
  );
}

/** TIMER_RADV: the next one is due. */
export function radvTimer(p: usize): void {
  const radv = changetype<Radv>(p);
  const dev = changetype<NetDevice>(radv.dev);
  if (!mayAdvertise(dev)) {
    schedule(radv, root().now + NOT_YET_MS * MS);
    return;
  }
  send(radv, dev, radv.lifetime);
  let pause = radv.minMs + randomBelow(radv.maxMs - radv.minMs + 1);
  if (radv.initial > 0) {
    radv.initial--;
    pause = min(pause, MAX_INITIAL_INTERVAL_MS);
  }
  schedule(radv, root().now + <u64>pause * MS);
}

function send(radv: Radv, dev: NetDevice, lifetime: u32): void {
  const saddr = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
  if (saddr === 0) return;
  const bytes =
    ND_RA_LEN +
    (radv.withAddr !== 0 ? ND_OPT_LLADDR_LEN : 0) +
    (radv.mtu !== 0 ? ND_OPT_MTU_LEN : 0) +
    radv.optionBytes;
  const skb = ndiscAlloc(bytes);
  if (skb === null) return;
  let p = skb.data + IPV6_HDR_LEN;
  emitNdRa(p, radv.hopLimit, radv.flags, lifetime, radv.reachableMs, radv.retransMs);
  p += ND_RA_LEN;
  if (radv.withAddr !== 0) p += emitNdOptLladdr(p, ND_OPT_SOURCE_LL_ADDR, devAddrPtr(dev));
  if (radv.mtu !== 0) p += emitNdOptMtu(p, radv.mtu);
  memory.copy(p, radv.options, radv.optionBytes);
  radv.lastSent = root().now;
  radv.sent++;
  ndiscSendSkb(skb, dev, saddr, ALL_NODES);
}

/**
 * A solicitation came. RFC 4861 6.2.6: a delay of a random value within MAX_RA_DELAY_TIME; "if the router sent a
 * multicast Router Advertisement within the last MIN_DELAY_BETWEEN_RAS seconds", that long behind it; and one that is
 * due sooner anyway is answer enough.
 */
export function radvSolicited(dev: NetDevice): void {
  if (dev.ip6Ptr === 0 || inet6Dev(dev).radv === 0) return;
  const radv = changetype<Radv>(inet6Dev(dev).radv);
  const now = root().now;
  let when = now + <u64>randomBelow(MAX_RA_DELAY_MS + 1) * MS;
  if (radv.lastSent !== 0 && now - radv.lastSent < MIN_DELAY_BETWEEN_RAS_MS * MS)
    when += radv.lastSent + MIN_DELAY_BETWEEN_RAS_MS * MS - now;
  if (when < radv.due) schedule(radv, when);
}

/** RFC 4861 6.2.5: "ceasing to be an advertising interface": hosts are told to use the router no longer. */
export function radvStop(dev: NetDevice, tell: bool): void {
  const idev = inet6Dev(dev);
  if (idev.radv === 0) return;
  const radv = changetype<Radv>(idev.radv);
  if (tell && radv.sent !== 0 && mayAdvertise(dev)) send(radv, dev, 0);
  timerDel(timerOf(radv));
  kfree(radv.options);
  kfree(idev.radv);
  idev.radv = 0;
}

/** Forwarding of the link goes off (called before it does), or came on. */
export function radvForwarding(dev: NetDevice, on: bool): void {
  const idev = inet6Dev(dev);
  if (idev.radv === 0) return;
  const radv = changetype<Radv>(idev.radv);
  if (!on) {
    if (radv.sent !== 0 && mayAdvertise(dev)) send(radv, dev, 0);
    return;
  }
  radv.initial = MAX_INITIAL_ADVERTISEMENTS;
  schedule(radv, root().now);
}

export function radvOpsInit(): void {
  opSet(Op.TIMER_RADV, radvTimer.index);
}
