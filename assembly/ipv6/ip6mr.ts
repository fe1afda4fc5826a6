/**
 * Multicast forwarding of IPv6: as ipv4/ipmr, behind ip6McInput. Linux: net/ipv6/ip6mr.c.
 *
 * Differs: no PIM; packets of this namespace itself are not routed on, only those from outside.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Ipv6Conf } from '../abi/sysctl';
import { l3mdevIngress } from '../dev/l3mdev';
import { NetDevice, netifRunning } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { AF_INET6, Net, mibInc } from '../net/net';
import { Fib, FibInfo, fibLookupDev, fibNh } from '../route/fib';
import {
  Mfc,
  MrTable,
  mfcAdd,
  mfcFind,
  mfcFindAny,
  mfcTargets,
  mfcUnresolved,
  mrCreate,
  mrDestroy,
  mrDevGone,
  mrFindVif,
  mrExpire,
  mrVif,
  mrVifAdd,
  mrVifDel,
  MAXVIFS,
} from '../route/mroute';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { SKB_F_FORWARDED, SkBuff } from '../skb/sk_buff';
import { skbClone, skbCowHead } from '../skb/skbuff';
import { ipv6Daddr, ipv6Saddr } from '../wire/ipv6';
import { ip6Output } from './ip6_output';

const HEADROOM: u32 = 32;

export function ip6mrInit(net: Net, on: bool): i32 {
  if (on === (net.mrt6 !== 0)) return 0;
  if (on) {
    net.mrt6 = mrCreate(net, AF_INET6, Op.TIMER_IP6MR);
    if (net.mrt6 === 0) return -Errno.ENOMEM;
  } else {
    for (let i: u32 = 0; i < MAXVIFS; i++) ip6mrMifDel(net, i);
    mrDestroy(net.mrt6);
    net.mrt6 = 0;
  }
  store<i32>(net.conf6All + (Ipv6Conf.MC_FORWARDING << 2), on ? 1 : 0);
  return 0;
}

export function ip6mrMifAdd(net: Net, vifi: u32, dev: NetDevice, threshold: u32): i32 {
  if (net.mrt6 === 0) return -Errno.ENOENT;
  if (dev.ip6Ptr === 0) return -Errno.EADDRNOTAVAIL;
  const err = mrVifAdd(changetype<MrTable>(net.mrt6), vifi, dev, threshold);
  if (err === 0) store<i32>(dev.conf6 + (Ipv6Conf.MC_FORWARDING << 2), 1);
  return err;
}

export function ip6mrMifDel(net: Net, vifi: u32): i32 {
  if (net.mrt6 === 0) return -Errno.ENOENT;
  const table = changetype<MrTable>(net.mrt6);
  if (vifi >= table.maxvif) return -Errno.EADDRNOTAVAIL;
  const dev = mrVif(table, vifi).dev;
  const err = mrVifDel(table, vifi);
  if (err === 0) store<i32>(changetype<NetDevice>(dev).conf6 + (Ipv6Conf.MC_FORWARDING << 2), 0);
  return err;
}

export function ip6mrDevGone(dev: NetDevice): void {
  const net = dev.net;
  if (net.mrt6 === 0) return;
  const table = changetype<MrTable>(net.mrt6);
  mrDevGone(table, changetype<usize>(dev));
  const vifi = mrFindVif(table, changetype<usize>(dev));
  if (vifi >= 0) ip6mrMifDel(net, vifi);
}

/** 0, -ENOENT, -EINVAL, -ENOBUFS. */
export function ip6mrMfcAdd(
  net: Net,
  origin: usize,
  group: usize,
  parent: i32,
  ttls: usize,
  proxy: bool,
): i32 {
  if (net.mrt6 === 0) return -Errno.ENOENT;
  if (parent >= <i32>MAXVIFS) return -Errno.ENFILE;
  const any = (load<u64>(group) | load<u64>(group, 8)) === 0;
  if (!any && load<u8>(group) !== 0xff) return -Errno.EINVAL;
  const table = changetype<MrTable>(net.mrt6);
  const waiting = scratch(Scratch.IPMR_WAITING);
  const c = mfcAdd(table, origin, group, parent, ttls, proxy, waiting);
  if (c === null) return -Errno.ENOBUFS;
  let at: usize = load<u32>(waiting);
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    forward(net, table, skb, l3mdevIngress(skb), c);
  }
  return 0;
}

/** A packet to a group of more than link scope; a copy of what is delivered here, if it is. Owns the skb. */
export function ip6MrInput(net: Net, skb: SkBuff): void {
  const dev = l3mdevIngress(skb);
  const table = changetype<MrTable>(net.mrt6);
  const origin = scratch(Scratch.IPMR_ORIGIN);
  const group = scratch(Scratch.IPMR_GROUP);
  memory.copy(origin, ipv6Saddr(skb.networkHeader), 16);
  memory.copy(group, ipv6Daddr(skb.networkHeader), 16);
  const vifi = mrFindVif(table, changetype<usize>(dev));
  let c = mfcFind(table, origin, group, -1);
  if (c === null && vifi >= 0) c = mfcFindAny(table, group, vifi);
  if (c !== null) {
    forward(net, table, skb, dev, c);
    return;
  }
  if (vifi >= 0) mfcUnresolved(table, vifi, skb, origin, group);
  else kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
}

function forward(net: Net, table: MrTable, skb: SkBuff, dev: NetDevice, c: Mfc): void {
  const vifi = mrFindVif(table, changetype<usize>(dev));
  const hops = <u32>load<u8>(skb.networkHeader, 7);
  let targets = mfcTargets(table, c, changetype<usize>(dev), vifi, hops, skb.len);
  if (targets === 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
    return;
  }
  while (targets !== 0) {
    const to = 31 - <u32>clz(targets);
    targets &= ~((<u32>1) << to);
    if (targets === 0) {
      forward2(net, skb, dev, table, to);
      return;
    }
    const copy = skbClone(skb);
    if (copy !== null) forward2(net, copy, dev, table, to);
  }
  consumeSkb(skb);
}

/** Linux: ip6mr_forward2. Owns the skb. */
function forward2(net: Net, skb: SkBuff, from: NetDevice, table: MrTable, to: u32): void {
  const vif = mrVif(table, to);
  const dev = changetype<NetDevice>(vif.dev);
  let info: FibInfo | null = null;
  if (vif.dev !== 0 && netifRunning(dev))
    info = fibLookupDev(changetype<Fib>(net.fib6), ipv6Daddr(skb.networkHeader), vif.dev);
  if (info === null || info.nhCount === 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return;
  }
  if (!skbCowHead(skb, HEADROOM)) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  vif.pktOut++;
  vif.bytesOut += skb.len;
  const hdr = skb.networkHeader;
  store<u8>(hdr, load<u8>(hdr, 7) - 1, 7);
  skb.flags |= SKB_F_FORWARDED;
  const nh = fibNh(info, 0);
  skb.dst = changetype<usize>(nh);
  if (
    net.hookCount !== 0 &&
    !nfHook(net, NFPROTO_IPV6, NetfilterHook.FORWARD, skb, changetype<usize>(from), vif.dev)
  )
    return;
  mibInc(net, Mib.Ip6OutForwDatagrams);
  skb.dev = vif.dev;
  ip6Output(skb, net, nh, skb.dev);
}

export function ip6mrOpsInit(): void {
  opSet(Op.TIMER_IP6MR, mrExpire.index);
}
