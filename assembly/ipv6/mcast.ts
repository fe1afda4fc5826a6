/**
 * Groups that a device has joined, and multicast listener discovery, which tells routers of them: MLDv2 (RFC 3810),
 * and MLDv1 (RFC 2710) towards a querier that speaks no other. Linux: net/ipv6/mcast.c.
 *
 *   join ─► in the list; unsolicited reports, mc_ifc_count of them at random times within a second
 *   query ─► one report at a random time within the querier's maximum response delay
 *
 * Bounded: IP6_GROUPS_MAX groups a device, and what fits one packet in a report.
 */
import { Mib } from '../abi/snmp';
import { Op } from '../abi/ops';
import { Ipv6Conf } from '../abi/sysctl';
import { IFF_LOOPBACK, NetDevice, conf6 } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { timerAdd, timerDel, timerPending } from '../lib/timer_wheel';
import { mibInc } from '../net/net';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { ICMPV6_MGM_REDUCTION, ICMPV6_MGM_REPORT, ICMPV6_MLD2_REPORT, emitIcmpv6 } from '../wire/icmpv6';
import { NEXTHDR_HOP, NEXTHDR_ICMP, emitIpv6, ipv6HopLimit, ipv6Saddr } from '../wire/ipv6';
import {
  IPV6_ADDR_SCOPE_LINKLOCAL,
  ipv6AddrCopy,
  ipv6AddrEqual,
  ipv6AddrIsAny,
  ipv6AddrIsLinklocal,
  ipv6AddrIsLlAllNodes,
  ipv6AddrMcScope,
  ipv6AddrSolictMult,
} from '../wire/ipv6_addr';
import { IFA_F_TENTATIVE, Inet6Dev, gqTimer, ifcTimer, inet6Dev, ipv6GetLladdr } from './addr_hash';
import { icmpv6Checksum } from './icmp';
import { ip6XmitLink } from './ip6_output';

@unmanaged
@final
class Ifmcaddr6 {
  next: usize;
  users: u32;
  addr0: u64;
  addr1: u64;
  /** State-change reports still to be sent. */
  crCount: u8;
  /** Asked for by the query that is being answered. */
  asked: u8;
  pad: u16;
}

/** Groups that one device joins at most (a solicited-node group per address). */
const IP6_GROUPS_MAX: u32 = 1024;
/** Records of one report: 40 + 8 + 8 + 20 each within 1280 bytes. */
const RECORDS_MAX: u32 = 60;
/** RFC 3810 9.1: Robustness Variable. */
const MLD_QRV: u8 = 2;
/** RFC 3810 9.11: Unsolicited Report Interval. */
const UNSOLICITED_MS: u32 = 1000;
const MS: u64 = 1_000_000;

const MODE_IS_EXCLUDE: u8 = 2;
const CHANGE_TO_INCLUDE: u8 = 3;
const CHANGE_TO_EXCLUDE: u8 = 4;

const HBH_LEN: u32 = 8;
const MLD_V1_LEN: u32 = 24;
const MLD_V2_QUERY_LEN: u32 = 28;
const RECORD_LEN: u32 = 20;

/** ff02::16, all MLDv2-capable routers. */
const ALL_MLD2_ROUTERS = memory.data<u8>([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]);
const ALL_ROUTERS = memory.data<u8>([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
const ALL_NODES = memory.data<u8>([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const IFLOCAL_ALL_NODES = memory.data<u8>([0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const IFLOCAL_ALL_ROUTERS = memory.data<u8>([0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
const SITE_ALL_ROUTERS = memory.data<u8>([0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
const ADDR_ANY = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

function groupAddr(mc: Ifmcaddr6): usize {
  return changetype<usize>(mc) + offsetof<Ifmcaddr6>('addr0');
}

function find(idev: Inet6Dev, group: usize): Ifmcaddr6 | null {
  for (let at = idev.mcList; at !== 0; at = changetype<Ifmcaddr6>(at).next) {
    if (ipv6AddrEqual(groupAddr(changetype<Ifmcaddr6>(at)), group)) return changetype<Ifmcaddr6>(at);
  }
  return null;
}

/** Whether the device has joined the group. */
export function ipv6ChkMcastAddr(dev: NetDevice, group: usize): bool {
  return dev.ip6Ptr !== 0 && find(inet6Dev(dev), group) !== null;
}

/** RFC 3810 5: no reports for all-nodes and for scopes that do not leave the node. */
function reported(mc: Ifmcaddr6): bool {
  return !ipv6AddrIsLlAllNodes(groupAddr(mc)) && ipv6AddrMcScope(groupAddr(mc)) >= IPV6_ADDR_SCOPE_LINKLOCAL;
}

/** One more user of the group; false when there is no room. Linux: __ipv6_dev_mc_inc. */
export function ipv6DevMcInc(dev: NetDevice, group: usize): bool {
  if (dev.ip6Ptr === 0) return false;
  const idev = inet6Dev(dev);
  const have = find(idev, group);
  if (have !== null) {
    have.users++;
    return true;
  }
  if (idev.mcCount >= IP6_GROUPS_MAX) return false;
  const p = kzalloc(offsetof<Ifmcaddr6>());
  if (p === 0) return false;
  const mc = changetype<Ifmcaddr6>(p);
  mc.users = 1;
  ipv6AddrCopy(groupAddr(mc), group);
  mc.next = idev.mcList;
  idev.mcList = p;
  idev.mcCount++;
  if (reported(mc)) {
    mc.crCount = MLD_QRV;
    if (idev.ready !== 0) scheduleReports(idev);
  }
  return true;
}

/** One user less; the last leaves the group. Linux: __ipv6_dev_mc_dec. */
export function ipv6DevMcDec(dev: NetDevice, group: usize): void {
  if (dev.ip6Ptr === 0) return;
  const idev = inet6Dev(dev);
  const found = find(idev, group);
  if (found === null || --found.users !== 0) return;
  let slot = changetype<usize>(idev) + offsetof<Inet6Dev>('mcList');
  while (load<u32>(slot) !== changetype<usize>(found)) slot = load<u32>(slot) + offsetof<Ifmcaddr6>('next');
  store<u32>(slot, found.next);
  idev.mcCount--;
  if (idev.ready !== 0 && reported(found)) sendLeave(changetype<NetDevice>(idev.dev), groupAddr(found));
  kfree(changetype<usize>(found));
}

export function mcastJoinSolicited(dev: NetDevice, addr: usize): void {
  if ((dev.flags & IFF_LOOPBACK) !== 0) return;
  const group = scratch(Scratch.MCAST_GROUP);
  ipv6AddrSolictMult(addr, group);
  ipv6DevMcInc(dev, group);
}

export function mcastLeaveSolicited(dev: NetDevice, addr: usize): void {
  if ((dev.flags & IFF_LOOPBACK) !== 0) return;
  const group = scratch(Scratch.MCAST_GROUP2);
  ipv6AddrSolictMult(addr, group);
  ipv6DevMcDec(dev, group);
}

/** Groups that every node is in. */
export function mcastJoinAllNodes(dev: NetDevice): void {
  ipv6DevMcInc(dev, IFLOCAL_ALL_NODES);
  ipv6DevMcInc(dev, ALL_NODES);
}

/** Joins or leaves the groups of routers, as net.ipv6.conf.DEV.forwarding says (RFC 4291 2.7.1). */
export function mcastRoutersChanged(dev: NetDevice): void {
  const router = conf6(dev, Ipv6Conf.FORWARDING) !== 0;
  const joined = ipv6ChkMcastAddr(dev, ALL_ROUTERS);
  if (router === joined || (dev.flags & IFF_LOOPBACK) !== 0) return;
  if (router) {
    ipv6DevMcInc(dev, ALL_ROUTERS);
    ipv6DevMcInc(dev, IFLOCAL_ALL_ROUTERS);
    ipv6DevMcInc(dev, SITE_ALL_ROUTERS);
  } else {
    ipv6DevMcDec(dev, ALL_ROUTERS);
    ipv6DevMcDec(dev, IFLOCAL_ALL_ROUTERS);
    ipv6DevMcDec(dev, SITE_ALL_ROUTERS);
  }
}

/** The device loses IPv6: all groups are forgotten, nothing is sent. */
export function mcastDown(dev: NetDevice): void {
  const idev = inet6Dev(dev);
  timerDel(ifcTimer(idev));
  timerDel(gqTimer(idev));
  while (idev.mcList !== 0) {
    const next = changetype<Ifmcaddr6>(idev.mcList).next;
    kfree(idev.mcList);
    idev.mcList = next;
  }
  idev.mcCount = 0;
}

/** The link-local address may be used now: reports that went from the unspecified address are repeated (RFC 3590). */
export function mcastDadComplete(dev: NetDevice): void {
  const idev = inet6Dev(dev);
  for (let at = idev.mcList; at !== 0; at = changetype<Ifmcaddr6>(at).next) {
    const mc = changetype<Ifmcaddr6>(at);
    if (reported(mc)) mc.crCount = MLD_QRV;
  }
  scheduleReports(idev);
}

function scheduleReports(idev: Inet6Dev): void {
  idev.mcReports = MLD_QRV;
  if (timerPending(ifcTimer(idev))) return;
  timerAdd(ifcTimer(idev), root().now + <u64>(randomBelow(UNSOLICITED_MS) + 1) * MS);
}

/** TIMER_MLD_IFC: one unsolicited report of all that changed. */
export function mldIfcHandler(p: usize): void {
  const idev = changetype<Inet6Dev>(p);
  const dev = changetype<NetDevice>(idev.dev);
  if (idev.ready === 0) return;
  sendReports(idev, dev, false);
  if (idev.mcReports > 0) idev.mcReports--;
  if (idev.mcReports > 0) timerAdd(ifcTimer(idev), root().now + <u64>(randomBelow(UNSOLICITED_MS) + 1) * MS);
}

/** NETDEV_RESEND_IGMP: every group is reported at once. Linux: mld_resend_report. */
export function mcastRejoin(dev: NetDevice): void {
  const idev = changetype<Inet6Dev>(dev.ip6Ptr);
  if (idev.ready === 0) return;
  const query = idev.mcQuery;
  idev.mcQuery = 1;
  sendReports(idev, dev, true);
  idev.mcQuery = query;
}

/** TIMER_MLD_GQ: the answer to a query. */
export function mldGqHandler(p: usize): void {
  const idev = changetype<Inet6Dev>(p);
  if (idev.ready !== 0) sendReports(idev, changetype<NetDevice>(idev.dev), true);
  idev.mcQuery = 0;
}

/** Sends the groups that were asked for (`answer`), or those that changed. */
function sendReports(idev: Inet6Dev, dev: NetDevice, answer: bool): void {
  let skb: SkBuff | null = null;
  let records: u32 = 0;
  let at = idev.mcList;
  while (at !== 0) {
    const mc = changetype<Ifmcaddr6>(at);
    at = mc.next;
    if (!reported(mc) || (answer ? idev.mcQuery !== 1 && mc.asked === 0 : mc.crCount === 0)) continue;
    mc.asked = 0;
    if (!answer) mc.crCount--;
    if (idev.mldVersion === 1) {
      sendV1(dev, ICMPV6_MGM_REPORT, groupAddr(mc), groupAddr(mc));
      continue;
    }
    if (skb === null) {
      skb = newReport();
      if (skb === null) return;
    }
    putRecord(skb, answer ? MODE_IS_EXCLUDE : CHANGE_TO_EXCLUDE, groupAddr(mc));
    if (++records === RECORDS_MAX) {
      finishReport(skb, dev, records);
      skb = null;
      records = 0;
    }
  }
  if (skb !== null) finishReport(skb, dev, records);
}

/** RFC 3810 5.2: a report without records, the header still to be written. */
function newReport(): SkBuff | null {
  const skb = allocSkb(40 + HBH_LEN + 8 + RECORDS_MAX * RECORD_LEN);
  if (skb === null) return null;
  memory.fill(skbPut(skb, 40 + HBH_LEN + 8), 0, 40 + HBH_LEN + 8);
  return skb;
}

function putRecord(skb: SkBuff, type: u8, group: usize): void {
  const p = skbPut(skb, RECORD_LEN);
  store<u32>(p, type);
  ipv6AddrCopy(p + 4, group);
}

function finishReport(skb: SkBuff, dev: NetDevice, records: u32): void {
  emitIcmpv6(skb.data + 40 + HBH_LEN, ICMPV6_MLD2_REPORT, 0, records);
  finish(skb, dev, ALL_MLD2_ROUTERS);
  mibInc(dev.net, Mib.Icmp6OutMLDv2Reports);
}

function sendLeave(dev: NetDevice, group: usize): void {
  if (inet6Dev(dev).mldVersion === 1) {
    sendV1(dev, ICMPV6_MGM_REDUCTION, group, ALL_ROUTERS);
    return;
  }
  const skb = newReport();
  if (skb === null) return;
  putRecord(skb, CHANGE_TO_INCLUDE, group);
  finishReport(skb, dev, 1);
}

/** RFC 2710 3: Report and Done. */
function sendV1(dev: NetDevice, type: u32, group: usize, daddr: usize): void {
  const skb = allocSkb(40 + HBH_LEN + MLD_V1_LEN);
  if (skb === null) return;
  const p = skbPut(skb, 40 + HBH_LEN + MLD_V1_LEN) + 40 + HBH_LEN;
  emitIcmpv6(p, type, 0, 0);
  ipv6AddrCopy(p + 8, group);
  finish(skb, dev, daddr);
  mibInc(
    dev.net,
    type === ICMPV6_MGM_REPORT ? Mib.Icmp6OutGroupMembResponses : Mib.Icmp6OutGroupMembReductions,
  );
}

/**
 * Headers and checksum around the message behind 48 bytes, and out. "An MLD message is sent with a link-local
 * source address, a Hop Limit of 1 and a Router Alert option" (RFC 3810 5); unspecified while there is none (5.2.13).
 */
function finish(skb: SkBuff, dev: NetDevice, daddr: usize): void {
  const hdr = skb.data;
  const lladdr = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
  const saddr = lladdr !== 0 ? lladdr : ADDR_ANY;
  emitIpv6(hdr, 0, 0, skb.len - 40, NEXTHDR_HOP, 1, saddr, daddr);
  // Next header 58, length 0, Router Alert of value 0 (MLD), PadN of 0: 3a 00 05 02 00 00 01 00.
  store<u32>(hdr + 40, NEXTHDR_ICMP | 0x02050000);
  store<u32>(hdr + 44, 0x00010000);
  icmpv6Checksum(hdr + 8, daddr, hdr + 40 + HBH_LEN, skb.len - 40 - HBH_LEN);
  mibInc(dev.net, Mib.Icmp6OutMsgs);
  ip6XmitLink(skb, dev);
}

/** A received query; the message (`len` bytes) lies at `p`, linear. False: it is not to be believed. */
export function igmp6EventQuery(skb: SkBuff, dev: NetDevice, p: usize, len: u32): bool {
  const hdr = skb.networkHeader;
  // RFC 3810 6.2: link-local source, hop limit 1, router alert; Linux asks for the first and the second.
  if (!ipv6AddrIsLinklocal(ipv6Saddr(hdr)) || ipv6HopLimit(hdr) !== 1 || len < MLD_V1_LEN) return false;
  if (dev.ip6Ptr === 0 || (len > MLD_V1_LEN && len < MLD_V2_QUERY_LEN)) return false;
  const idev = inet6Dev(dev);
  const group = p + 8;
  const general = ipv6AddrIsAny(group);
  let delay = <u32>bswap<u16>(load<u16>(p, 4));
  if (len === MLD_V1_LEN) {
    idev.mldVersion = 1;
  } else {
    idev.mldVersion = 2;
    // RFC 3810 5.1.3: from 32768 on a float of 3 bits exponent and 12 bits mantissa.
    if (delay >= 32768) delay = ((delay & 0xfff) | 0x1000) << (((delay >> 12) & 7) + 3);
  }
  if (!general) {
    const mc = find(idev, group);
    if (mc === null) return true;
    mc.asked = 1;
    if (idev.mcQuery === 0) idev.mcQuery = 2;
  } else {
    idev.mcQuery = 1;
  }
  const when = root().now + <u64>(randomBelow(max(delay, 1)) + 1) * MS;
  if (!timerPending(gqTimer(idev)) || gqTimer(idev).expires > when) timerAdd(gqTimer(idev), when);
  return true;
}

export function mcastOpsInit(): void {
  opSet(Op.TIMER_MLD_IFC, mldIfcHandler.index);
  opSet(Op.TIMER_MLD_GQ, mldGqHandler.index);
}
