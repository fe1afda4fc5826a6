/**
 * Groups that a device has joined, and IGMP, which tells routers of them: version 3 (RFC 3376), and 2 or 1 (RFC 2236,
 * 1112) for as long as a querier of that version is heard. Linux: net/ipv4/igmp.c.
 *
 *   join ─► in the list; reports, mc_ifc_count of them: the first at once, more within the unsolicited interval
 *   query ─► one report at a random time within the querier's maximum response time
 *
 * Bounded: GROUPS_MAX groups a device, and what fits one packet in a report.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Ipv4Conf } from '../abi/sysctl';
import { l3mdevIngress } from '../dev/l3mdev';
import { IFF_LOOPBACK, IFF_MULTICAST, IFF_UP, NetDevice, conf4Max, netifRunning } from '../dev/net_device';
import { csumFold, csumPartial, ipFastCsum } from '../lib/checksum';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { randomBelow, randomU32 } from '../lib/random';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { RT_SCOPE_LINK } from '../route/fib';
import { kfreeSkbReason, consumeSkb } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbPut } from '../skb/skbuff';
import { InDevice, inetSelectAddr } from './devinet';
import { ipCbClear } from './ip_cb';
import { ipMcOutput } from './ipmr';

@unmanaged
@final
class IpMcList {
  next: usize;
  /** Host order. */
  group: u32;
  users: u32;
  /** State-change reports still to be sent. */
  crCount: u8;
  /** Asked for by the query that is being answered. */
  asked: u8;
  pad: u16;
}

/** Of one device; a socket of Linux joins igmp_max_memberships (20). */
const GROUPS_MAX: u32 = 256;
const RECORDS_MAX: u32 = 64;
/** RFC 3376 8.1: Robustness Variable. */
const QRV: u8 = 2;
const MS: u64 = 1_000_000;
/** RFC 3376 8.12: Older Host Present Timeout: QRV * Query Interval + Query Response Interval. */
const OLDER_NS: u64 = 260 * 1000 * MS;
const ALL_HOSTS: u32 = 0xe0000001;
const ALL_ROUTERS: u32 = 0xe0000002;
const ALL_V3_ROUTERS: u32 = 0xe0000016;

const IPV4_RA_LEN: u32 = 24;
const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;
const MODE_IS_EXCLUDE: u8 = 2;
const CHANGE_TO_INCLUDE: u8 = 3;
const CHANGE_TO_EXCLUDE: u8 = 4;

function ifcTimer(inDev: InDevice): Timer {
  return changetype<Timer>(changetype<usize>(inDev) + offsetof<InDevice>('ifcTimer0'));
}
function gqTimer(inDev: InDevice): Timer {
  return changetype<Timer>(changetype<usize>(inDev) + offsetof<InDevice>('gqTimer0'));
}
function devOf(inDev: InDevice): NetDevice {
  return changetype<NetDevice>(inDev.dev);
}

function find(inDev: InDevice, group: u32): IpMcList | null {
  for (let at = inDev.mcList; at !== 0; at = changetype<IpMcList>(at).next) {
    if (changetype<IpMcList>(at).group === group) return changetype<IpMcList>(at);
  }
  return null;
}

/** Whether packets to the group (host order) that come by the device are ours. Linux: ip_check_mc_rcu. */
export function ipCheckMc(dev: NetDevice, group: u32): bool {
  // All hosts are in it, whatever was joined.
  if (group === ALL_HOSTS) return true;
  return dev.ipPtr !== 0 && find(changetype<InDevice>(dev.ipPtr), group) !== null;
}

/** The IPv4 half of a device was made. */
export function igmpInitDev(inDev: InDevice): void {
  timerSetup(ifcTimer(inDev), Op.TIMER_IGMP_IFC, changetype<usize>(inDev));
  timerSetup(gqTimer(inDev), Op.TIMER_IGMP_GQ, changetype<usize>(inDev));
}

/** It goes: nothing is sent any more. */
export function igmpDestroyDev(inDev: InDevice): void {
  igmpDown(inDev);
  while (inDev.mcList !== 0) {
    const next = changetype<IpMcList>(inDev.mcList).next;
    kfree(inDev.mcList);
    inDev.mcList = next;
  }
}

export function igmpDown(inDev: InDevice): void {
  timerDel(ifcTimer(inDev));
  timerDel(gqTimer(inDev));
}

/** The device is up, with a carrier: what was joined is told. */
export function igmpUp(inDev: InDevice): void {
  for (let at = inDev.mcList; at !== 0; at = changetype<IpMcList>(at).next)
    changetype<IpMcList>(at).crCount = QRV;
  if (inDev.mcList !== 0) schedule(inDev);
}

/** One more user of the group. 0, -EINVAL, -ENOBUFS, -ENODEV. Linux: ip_mc_inc_group. */
export function ipMcIncGroup(dev: NetDevice, group: u32): i32 {
  if (group >>> 28 !== 0xe) return -Errno.EINVAL;
  if (dev.ipPtr === 0) return -Errno.ENODEV;
  const inDev = changetype<InDevice>(dev.ipPtr);
  const have = find(inDev, group);
  if (have !== null) {
    have.users++;
    return 0;
  }
  if (inDev.mcCount >= GROUPS_MAX) return -Errno.ENOBUFS;
  const p = kzalloc(offsetof<IpMcList>());
  if (p === 0) return -Errno.ENOBUFS;
  const im = changetype<IpMcList>(p);
  im.group = group;
  im.users = 1;
  im.next = inDev.mcList;
  inDev.mcList = p;
  inDev.mcCount++;
  if (group === ALL_HOSTS || !speaks(dev)) return 0;
  im.crCount = QRV;
  schedule(inDev);
  return 0;
}

/** One user less; the last leaves. 0 or -EADDRNOTAVAIL. Linux: __ip_mc_dec_group. */
export function ipMcDecGroup(dev: NetDevice, group: u32): i32 {
  if (dev.ipPtr === 0) return -Errno.ENODEV;
  const inDev = changetype<InDevice>(dev.ipPtr);
  const im = find(inDev, group);
  if (im === null) return -Errno.EADDRNOTAVAIL;
  if (--im.users !== 0) return 0;
  let slot = changetype<usize>(inDev) + offsetof<InDevice>('mcList');
  while (load<u32>(slot) !== changetype<usize>(im)) slot = load<u32>(slot) + offsetof<IpMcList>('next');
  store<u32>(slot, im.next);
  inDev.mcCount--;
  kfree(changetype<usize>(im));
  if (group !== ALL_HOSTS && speaks(dev)) sendLeave(inDev, group);
  return 0;
}

function speaks(dev: NetDevice): bool {
  return (
    netifRunning(dev) && (dev.flags & (IFF_LOOPBACK | IFF_MULTICAST | IFF_UP)) === (IFF_MULTICAST | IFF_UP)
  );
}

/** The version to speak on the link: the oldest querier's, or force_igmp_version. */
function version(inDev: InDevice): i32 {
  const forced = conf4Max(devOf(inDev), Ipv4Conf.FORCE_IGMP_VERSION);
  if (forced !== 0) return forced;
  if (inDev.v1Until > root().now) return 1;
  return inDev.v2Until > root().now ? 2 : 3;
}

function schedule(inDev: InDevice): void {
  inDev.mcReports = QRV;
  timerDel(ifcTimer(inDev));
  timerAdd(ifcTimer(inDev), root().now + 2 * MS);
}

/** TIMER_IGMP_IFC: one unsolicited report of all that changed. */
export function igmpIfcTimer(p: usize): void {
  const inDev = changetype<InDevice>(p);
  if (!speaks(devOf(inDev))) return;
  sendReports(inDev, false);
  if (inDev.mcReports > 0) inDev.mcReports--;
  if (inDev.mcReports === 0) return;
  const id =
    version(inDev) === 3
      ? Ipv4Conf.IGMPV3_UNSOLICITED_REPORT_INTERVAL
      : Ipv4Conf.IGMPV2_UNSOLICITED_REPORT_INTERVAL;
  const interval = <u32>max(conf4Max(devOf(inDev), id), 1);
  timerAdd(ifcTimer(inDev), root().now + <u64>(randomBelow(interval) + 2) * MS);
}

/** TIMER_IGMP_GQ: the answer to a query. */
export function igmpGqTimer(p: usize): void {
  const inDev = changetype<InDevice>(p);
  if (speaks(devOf(inDev))) sendReports(inDev, true);
  inDev.mcQuery = 0;
}

/** NETDEV_RESEND_IGMP: every group is reported at once, as if it had been asked for. Linux: ip_mc_rejoin_groups. */
export function igmpRejoin(inDev: InDevice): void {
  if (!speaks(devOf(inDev))) return;
  const query = inDev.mcQuery;
  inDev.mcQuery = 1;
  sendReports(inDev, true);
  inDev.mcQuery = query;
}

function sendReports(inDev: InDevice, answer: bool): void {
  const v = version(inDev);
  let skb: SkBuff | null = null;
  let records: u32 = 0;
  for (let at = inDev.mcList; at !== 0; at = changetype<IpMcList>(at).next) {
    const im = changetype<IpMcList>(at);
    if (im.group === ALL_HOSTS) continue;
    if (answer ? inDev.mcQuery !== 1 && im.asked === 0 : im.crCount === 0) continue;
    im.asked = 0;
    if (!answer) im.crCount--;
    if (v < 3) {
      sendShort(inDev, v === 1 ? REPORT_V1 : REPORT_V2, im.group, im.group);
      continue;
    }
    if (skb === null) {
      skb = newReport();
      if (skb === null) return;
    }
    putRecord(skb, answer ? MODE_IS_EXCLUDE : CHANGE_TO_EXCLUDE, im.group);
    if (++records === RECORDS_MAX) {
      finishReport(inDev, skb, records);
      skb = null;
      records = 0;
    }
  }
  if (skb !== null) finishReport(inDev, skb, records);
}

function newReport(): SkBuff | null {
  const skb = allocSkb(IPV4_RA_LEN + 8 + RECORDS_MAX * 8);
  if (skb !== null) memory.fill(skbPut(skb, IPV4_RA_LEN + 8), 0, IPV4_RA_LEN + 8);
  return skb;
}

/** RFC 3376 4.2.12: no auxiliary data, no sources. */
function putRecord(skb: SkBuff, type: u8, group: u32): void {
  const p = skbPut(skb, 8);
  store<u32>(p, type);
  store<u32>(p, bswap<u32>(group), 4);
}

function finishReport(inDev: InDevice, skb: SkBuff, records: u32): void {
  const p = skb.data + IPV4_RA_LEN;
  store<u8>(p, REPORT_V3);
  store<u16>(p, bswap<u16>(<u16>records), 6);
  send(inDev, skb, ALL_V3_ROUTERS);
}

/** A message of 8 bytes. */
function sendShort(inDev: InDevice, type: u8, group: u32, daddr: u32): void {
  const skb = allocSkb(IPV4_RA_LEN + 8);
  if (skb === null) return;
  const p = skbPut(skb, IPV4_RA_LEN + 8) + IPV4_RA_LEN;
  store<u32>(p, type);
  store<u32>(p, bswap<u32>(group), 4);
  send(inDev, skb, daddr);
}

/** RFC 2236 3: to all routers; RFC 3376 6.1: a change to INCLUDE {}. Version 1 knows no leaving. */
function sendLeave(inDev: InDevice, group: u32): void {
  const v = version(inDev);
  if (v === 1) return;
  if (v === 2) {
    sendShort(inDev, LEAVE, group, ALL_ROUTERS);
    return;
  }
  const skb = newReport();
  if (skb === null) return;
  putRecord(skb, CHANGE_TO_INCLUDE, group);
  finishReport(inDev, skb, 1);
}

/** Puts the IPv4 header with its router alert in front: "IP TTL of 1, IP Precedence of Internetwork Control". */
function send(inDev: InDevice, skb: SkBuff, daddr: u32): void {
  const dev = devOf(inDev);
  const p = skb.data + IPV4_RA_LEN;
  const bytes = skb.len - IPV4_RA_LEN;
  store<u16>(p, 0, 2);
  store<u16>(p, csumFold(csumPartial(p, bytes, 0)), 2);
  const iph = skb.data;
  store<u16>(iph, 0xc046);
  store<u16>(iph, bswap<u16>(<u16>skb.len), 2);
  store<u16>(iph, <u16>randomU32(), 4);
  store<u16>(iph, 0x40, 6);
  store<u32>(iph, 0x0201, 8);
  store<u32>(iph, bswap<u32>(inetSelectAddr(dev.net, changetype<usize>(dev), 0, RT_SCOPE_LINK)), 12);
  store<u32>(iph, bswap<u32>(daddr), 16);
  store<u32>(iph, 0x0494, 20);
  store<u16>(iph, ipFastCsum(iph, IPV4_RA_LEN >> 2), 10);
  skb.networkHeader = iph;
  ipCbClear(skb);
  ipMcOutput(dev.net, skb, dev);
}

/** A message of IGMP, data at it; owns the skb. Linux: igmp_rcv. */
export function igmpRcv(skb: SkBuff): void {
  const dev = l3mdevIngress(skb);
  if (dev.ipPtr === 0 || !pskbMayPull(skb, 8) || !pskbMayPull(skb, skb.len)) {
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  if (csumFold(csumPartial(skb.data, skb.len, 0)) !== 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_CSUM);
    return;
  }
  if (load<u8>(skb.data) === QUERY) heardQuery(changetype<InDevice>(dev.ipPtr), skb.data, skb.len);
  consumeSkb(skb);
}

/** RFC 3376 7.1: which version a query is of tells its length. Linux: igmp_heard_query. */
function heardQuery(inDev: InDevice, p: usize, len: u32): void {
  const code = <u32>load<u8>(p, 1);
  const group = bswap<u32>(load<u32>(p, 4));
  let tenths: u32;
  if (len === 8) {
    if (code === 0) {
      inDev.v1Until = root().now + OLDER_NS;
      tenths = 100;
    } else {
      inDev.v2Until = root().now + OLDER_NS;
      tenths = code;
    }
  } else {
    if (len < 12) return;
    // RFC 3376 4.1.1: from 128 on a floating-point value.
    tenths = code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
    if (group === 0 && load<u16>(p, 10) !== 0) return;
  }
  let any = group === 0;
  if (group !== 0) {
    const im = find(inDev, group);
    if (im === null) return;
    im.asked = 1;
    any = true;
  } else inDev.mcQuery = 1;
  if (!any || timerPending(gqTimer(inDev))) return;
  timerAdd(gqTimer(inDev), root().now + <u64>(randomBelow(max<u32>(tenths * 100, 1)) + 1) * MS);
}

/** The group behind `index` in the list of the device, 0 at the end. */
export function igmpGroupAt(dev: NetDevice, index: u32): u32 {
  if (dev.ipPtr === 0) return 0;
  let at = changetype<InDevice>(dev.ipPtr).mcList;
  while (at !== 0 && index-- > 0) at = changetype<IpMcList>(at).next;
  return at === 0 ? 0 : changetype<IpMcList>(at).group;
}

export function igmpOpsInit(): void {
  opSet(Op.TIMER_IGMP_IFC, igmpIfcTimer.index);
  opSet(Op.TIMER_IGMP_GQ, igmpGqTimer.index);
}
