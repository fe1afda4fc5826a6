/**
 * Multicast forwarding of IPv4: packets to groups go on by the entries of route/mroute. Linux: net/ipv4/ipmr.c.
 *
 *   ipRouteInput: MULTICAST ─► ipMrInput ─┬─ entry ─► a copy per VIF ─► TTL ─► FORWARD ─► POSTROUTING ─► neighbour
 *                                        └─ none ─► waits, the host is told (MROUTE_NOCACHE)
 *
 * Differs: no PIM, no tunnels; packets of this namespace itself are not routed on, only those from outside.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Ipv4Conf } from '../abi/sysctl';
import { l3mdevIngress } from '../dev/l3mdev';
import { NetDevice, netifRunning } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { neighCreate, neighOutput } from '../neigh/neighbour';
import { Errno } from '../net/errno';
import { NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { AF_INET, Net, mibAdd, mibInc } from '../net/net';
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
  mrExpire,
  mrFindVif,
  mrKey4,
  mrVif,
  mrVifAdd,
  mrVifDel,
  MAXVIFS,
} from '../route/mroute';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { SKB_F_FORWARDED, SkBuff } from '../skb/sk_buff';
import { skbClone, skbCowHead } from '../skb/skbuff';
import { ipCb } from './ip_cb';
import { ipDoFragment } from './ip_do_fragment';
import { ipLocalDeliver } from './ip_input';
import { ipOptionsForward } from './ip_options';

const IP_DF: u16 = 0x4000;
const IPPROTO_IGMP: u8 = 2;
const LL_HEADROOM: u32 = 32;
const ETH_P_IP: u16 = 0x0800;

/** Turns multicast routing on or off. 0, -ENOMEM. Linux: MRT_INIT, MRT_DONE. */
export function ipmrInit(net: Net, on: bool): i32 {
  if (on === (net.mrt4 !== 0)) return 0;
  if (on) {
    net.mrt4 = mrCreate(net, AF_INET, Op.TIMER_IPMR);
    if (net.mrt4 === 0) return -Errno.ENOMEM;
  } else {
    const table = changetype<MrTable>(net.mrt4);
    for (let i: u32 = 0; i < MAXVIFS; i++) ipmrVifDel(net, i);
    mrDestroy(changetype<usize>(table));
    net.mrt4 = 0;
  }
  store<i32>(net.conf4All + (Ipv4Conf.MC_FORWARDING << 2), on ? 1 : 0);
  return 0;
}

export function ipmrVifAdd(net: Net, vifi: u32, dev: NetDevice, threshold: u32): i32 {
  if (net.mrt4 === 0) return -Errno.ENOENT;
  if (dev.ipPtr === 0) return -Errno.EADDRNOTAVAIL;
  const err = mrVifAdd(changetype<MrTable>(net.mrt4), vifi, dev, threshold);
  if (err === 0) store<i32>(dev.conf4 + (Ipv4Conf.MC_FORWARDING << 2), 1);
  return err;
}

export function ipmrVifDel(net: Net, vifi: u32): i32 {
  if (net.mrt4 === 0) return -Errno.ENOENT;
  const table = changetype<MrTable>(net.mrt4);
  if (vifi >= table.maxvif) return -Errno.EADDRNOTAVAIL;
  const dev = mrVif(table, vifi).dev;
  const err = mrVifDel(table, vifi);
  if (err === 0) store<i32>(changetype<NetDevice>(dev).conf4 + (Ipv4Conf.MC_FORWARDING << 2), 0);
  return err;
}

/** The device goes: its VIF does, too. */
export function ipmrDevGone(dev: NetDevice): void {
  const net = dev.net;
  if (net.mrt4 === 0) return;
  const table = changetype<MrTable>(net.mrt4);
  mrDevGone(table, changetype<usize>(dev));
  const vifi = mrFindVif(table, changetype<usize>(dev));
  if (vifi >= 0) ipmrVifDel(net, vifi);
}

/** Adds or changes an entry, and sends on what waited for it. 0, -ENOENT, -EINVAL, -ENOBUFS. */
export function ipmrMfcAdd(
  net: Net,
  origin: usize,
  group: usize,
  parent: i32,
  ttls: usize,
  proxy: bool,
): i32 {
  if (net.mrt4 === 0) return -Errno.ENOENT;
  if (parent >= <i32>MAXVIFS) return -Errno.ENFILE;
  if (load<u32>(group) !== 0 && load<u8>(group) >> 4 !== 0xe) return -Errno.EINVAL;
  const table = changetype<MrTable>(net.mrt4);
  const waiting = scratch(Scratch.IPMR_WAITING);
  const c = mfcAdd(table, origin, group, parent, ttls, proxy, waiting);
  if (c === null) return -Errno.ENOBUFS;
  let at: usize = load<u32>(waiting);
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    forward(net, table, skb, l3mdevIngress(skb), c, false);
  }
  return 0;
}

/** A packet to a group from `dev`; `local`: somebody here listens, too. Owns the skb. Linux: ip_mr_input. */
export function ipMrInput(net: Net, skb: SkBuff, dev: NetDevice, local: bool): void {
  if (net.mrt4 === 0) {
    if (local) ipLocalDeliver(net, skb);
    else kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
    return;
  }
  const iph = skb.networkHeader;
  // IGMP is between neighbours: it is heard, never forwarded.
  if (!local && load<u8>(iph, 9) === IPPROTO_IGMP) {
    ipLocalDeliver(net, skb);
    return;
  }
  const table = changetype<MrTable>(net.mrt4);
  const origin = mrKey4(scratch(Scratch.IPMR_ORIGIN), load<u32>(iph, 12));
  const group = mrKey4(scratch(Scratch.IPMR_GROUP), load<u32>(iph, 16));
  const vifi = mrFindVif(table, changetype<usize>(dev));
  let c = mfcFind(table, origin, group, -1);
  if (c === null && vifi >= 0) c = mfcFindAny(table, group, vifi);
  if (c === null) {
    let mine: SkBuff | null = skb;
    if (local) {
      mine = skbClone(skb);
      ipLocalDeliver(net, skb);
    }
    if (mine === null) return;
    if (vifi >= 0) mfcUnresolved(table, vifi, mine, origin, group);
    else kfreeSkbReason(mine, SkbDropReason.IP_INNOROUTES);
    return;
  }
  forward(net, table, skb, dev, c, local);
}

/** Owns the skb. */
function forward(net: Net, table: MrTable, skb: SkBuff, dev: NetDevice, c: Mfc, local: bool): void {
  const vifi = mrFindVif(table, changetype<usize>(dev));
  const ttl = <u32>load<u8>(skb.networkHeader, 8);
  let targets = mfcTargets(table, c, changetype<usize>(dev), vifi, ttl, skb.len);
  const any = targets !== 0;
  // The highest number first, as Linux goes through them.
  while (targets !== 0) {
    const to = 31 - <u32>clz(targets);
    targets &= ~((<u32>1) << to);
    const last = targets === 0 && !local;
    const copy = last ? skb : skbClone(skb);
    if (copy !== null) queueXmit(net, copy, dev, table, to);
    if (last) return;
  }
  if (local) ipLocalDeliver(net, skb);
  else if (any) consumeSkb(skb);
  else kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
}

/** Linux: ipmr_queue_xmit. Owns the skb. */
function queueXmit(net: Net, skb: SkBuff, from: NetDevice, table: MrTable, to: u32): void {
  const vif = mrVif(table, to);
  const dev = changetype<NetDevice>(vif.dev);
  if (vif.dev === 0 || !netifRunning(dev)) {
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return;
  }
  // "Do not fragment multicasts. Alas, IPv4 does not allow to send ICMP, so that packets will disappear to blackhole."
  if (skb.len > dev.mtu && (bswap<u16>(load<u16>(skb.networkHeader, 6)) & IP_DF) !== 0) {
    mibInc(net, Mib.IpFragFails);
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
    return;
  }
  if (!skbCowHead(skb, LL_HEADROOM)) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  vif.pktOut++;
  vif.bytesOut += skb.len;
  const iph = skb.networkHeader;
  store<u8>(iph, load<u8>(iph, 8) - 1, 8);
  const sum = <u32>load<u16>(iph, 10) + 1;
  store<u16>(iph, <u16>(sum + (sum >= 0xffff ? 1 : 0)), 10);
  skb.flags |= SKB_F_FORWARDED;
  skb.dst = 0;
  if (
    net.hookCount !== 0 &&
    !nfHook(net, NFPROTO_IPV4, NetfilterHook.FORWARD, skb, changetype<usize>(from), vif.dev)
  )
    return;
  mibInc(net, Mib.IpForwDatagrams);
  if (load<u8>(iph) !== 0x45 && ipCb(skb).optlen !== 0) ipOptionsForward(skb);
  ipMcOutput(net, skb, dev);
}

/** A packet to a group, complete, out of `dev`. Owns the skb. Linux: ip_mc_output. */
export function ipMcOutput(net: Net, skb: SkBuff, dev: NetDevice): void {
  mibInc(net, Mib.IpOutTransmits);
  mibAdd(net, Mib.IpExtOutOctets, skb.len);
  mibInc(net, Mib.IpExtOutMcastPkts);
  skb.dev = changetype<usize>(dev);
  skb.protocol = ETH_P_IP;
  // "Multicasts with ttl 0 must not go beyond the host."
  if (load<u8>(skb.data, 8) === 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_TTL);
    return;
  }
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV4, NetfilterHook.POST_ROUTING, skb, 0, skb.dev)) return;
  if (skb.len <= dev.mtu) {
    transmit(skb, dev);
    return;
  }
  let fragment = ipDoFragment(net, skb, dev.mtu);
  while (fragment !== null) {
    const next = changetype<SkBuff | null>(fragment.next);
    fragment.next = 0;
    transmit(fragment, dev);
    fragment = next;
  }
}

function transmit(skb: SkBuff, dev: NetDevice): void {
  const neigh = neighCreate(AF_INET, skb.data + 16, dev);
  if (neigh === null) kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
  else neighOutput(neigh, skb);
}

export function ipmrOpsInit(): void {
  opSet(Op.TIMER_IPMR, mrExpire.index);
}
