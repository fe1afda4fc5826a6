/**
 * IGMP and MLD snooping: frames to a group go where somebody listens, if there is a querier that makes listeners tell.
 * Linux: net/bridge/br_multicast.c; RFC 4541.
 *
 *   report ──► the port is in the group until the membership interval ends     leave ──► asked again, then out
 *   query ───► another querier: its port leads to a multicast router           PIM hello ─► likewise
 *
 * Sources are told apart (br_multicast_report) with mcast_igmp_version 3 and mcast_mld_version 2. With 2 and 1, the
 * defaults, a listener of any source is one of the group.
 */
import { BrAttr, BrState, MDB_PERMANENT } from '../abi/bridge';
import { csumFold, csumIpv6Nofold, csumPartial } from '../lib/checksum';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Timer, timerAdd, timerPending } from '../lib/timer_wheel';
import { AF_INET, AF_INET6 } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { WIRE_OK } from '../wire/check';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import {
  BLOCK_OLD_SOURCES,
  CHANGE_TO_INCLUDE,
  IGMPV2_HOST_MEMBERSHIP_REPORT,
  IGMPV3_HOST_MEMBERSHIP_REPORT,
  IGMPV3_RECORD_LEN,
  IGMP_HOST_LEAVE_MESSAGE,
  IGMP_HOST_MEMBERSHIP_QUERY,
  IGMP_HOST_MEMBERSHIP_REPORT,
  IGMP_LEN,
  MODE_IS_INCLUDE,
  checkIgmp,
  igmpCode,
  igmpDelay,
  igmpGroup,
  igmpQuerySources,
  igmpType,
  mldDelay,
  recordLen,
  recordSources,
  recordType,
  reportRecords,
} from '../wire/igmp';
import {
  IPPROTO_IGMP,
  IPPROTO_PIM,
  checkIpv4Head,
  ipv4DaddrBe,
  ipv4Ihl,
  ipv4Protocol,
  ipv4Saddr,
  ipv4SaddrBe,
  ipv4TotLen,
} from '../wire/ipv4';
import {
  IPV6_HDR_LEN,
  NEXTHDR_HOP,
  NEXTHDR_ICMP,
  checkIpv6Head,
  ipv6Daddr,
  ipv6Nexthdr,
  ipv6PayloadLen,
  ipv6Saddr,
} from '../wire/ipv6';
import { ipv6SkipExthdr } from '../wire/ipv6_ext';
import {
  ICMPV6_MGM_QUERY,
  ICMPV6_MGM_REDUCTION,
  ICMPV6_MGM_REPORT,
  ICMPV6_MLD2_REPORT,
} from '../wire/icmpv6';
import { MLDV2_RECORD_LEN, MLD_LEN, checkMld, mldGroup, mldMaxResponse, mldQuerySources } from '../wire/mld';
import {
  MCAST_EXCLUDE,
  MCAST_INCLUDE,
  MdbEntry,
  PortGroup,
  hostTimer,
  mcast,
  mdbForgetPort,
  mdbGet,
  mdbHostJoin,
  mdbLookup,
  mdbPortGroupOf,
  mdbPortGet,
  mdbLookupSource,
  mdbTellsSources,
  mdbPortLeave,
  portGroupTimer,
  queryTimer,
} from './br_mdb';
import { BR_MULTICAST_FAST_LEAVE, BrPort, Bridge, brAttr } from './br_private';
import { multicastSendQueries } from './br_multicast_query';
import { SourceRecord, multicastRecord, sourceRecord } from './br_multicast_report';

/** What multicastRcv says: flood where nobody is known, to routers only, or the frame is broken. */
export const MCAST_FLOOD: u32 = 0;
export const MCAST_ROUTERS: u32 = 1;
export const MCAST_DROP: u32 = 2;

const NS_PER_CS: u64 = 10_000_000;
const NS_PER_MS: u64 = 1_000_000;
/** 224.0.0.0/24 as it loads: local network control, always flooded (RFC 4541 2.1.2). */
const LOCAL_MASK: u32 = 0x00ffffff;
const LOCAL_NET: u32 = 0x000000e0;
/** 224.0.0.13, all PIM routers. */
const ALL_PIM_ROUTERS: u32 = 0x0d0000e0;
/** Set in skb.cb0 of IGMP and MLD messages: they are not looked up. */
const CB_IGMP: u32 = 1;
/** RFC 3376 4.1.5. */
const QUERY_SUPPRESS: u32 = 8;
/** Linux: MDB_RTR_TYPE_*. */
export const MDB_RTR_DISABLED: u32 = 0;
export const MDB_RTR_TEMP_QUERY: u32 = 1;
export const MDB_RTR_PERM: u32 = 2;
export const MDB_RTR_TEMP: u32 = 3;

function csNs(br: Bridge, attr: BrAttr): u64 {
  return <u64>brAttr(br, attr) * NS_PER_CS;
}

/** A frame to a group from `p` (null: from the bridge device). Linux: br_multicast_rcv. */
export function multicastRcv(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): u32 {
  skb.cb0 = 0;
  if (br.snooping === 0) return MCAST_FLOOD;
  mcast(br).source = load<u64>(skb.macHeader, 4) >> 16;
  if (<u32>skb.protocol === ETH_P_IP) return ipv4Rcv(br, p, skb, vid);
  if (<u32>skb.protocol === ETH_P_IPV6) return ipv6Rcv(br, p, skb, vid);
  return MCAST_FLOOD;
}

function ipv4Rcv(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): u32 {
  if (!pskbMayPull(skb, 20)) return MCAST_DROP;
  if (!pskbMayPull(skb, ipv4Ihl(skb.data))) return MCAST_DROP;
  const iph = skb.data;
  if (checkIpv4Head(iph, skb.len - skb.dataLen, skb.len) !== WIRE_OK) return MCAST_DROP;
  const daddr = ipv4DaddrBe(iph);
  const local = (daddr & LOCAL_MASK) === LOCAL_NET;
  const ihl = ipv4Ihl(iph);
  if (ipv4Protocol(iph) !== IPPROTO_IGMP) {
    if (!local) return MCAST_ROUTERS;
    // A PIM hello (version 2, type 0): a multicast router is there.
    if (daddr === ALL_PIM_ROUTERS && ipv4Protocol(iph) === IPPROTO_PIM && pskbMayPull(skb, ihl + 4)) {
      if (load<u8>(skb.data + ihl) === 0x20) markRouter(br, p);
    }
    return MCAST_FLOOD;
  }
  const len = ipv4TotLen(iph) - ihl;
  if (len < IGMP_LEN || !pskbMayPull(skb, ihl + len)) return MCAST_DROP;
  const igmp = skb.data + ihl;
  if (checkIgmp(igmp, len) !== WIRE_OK) return MCAST_DROP;
  skb.cb0 = CB_IGMP;
  const type = igmpType(igmp);
  if (type === IGMP_HOST_MEMBERSHIP_REPORT || type === IGMPV2_HOST_MEMBERSHIP_REPORT) {
    if (isGroup4(igmpGroup(igmp))) join(br, p, AF_INET, vid, igmpGroup(igmp), 0, MCAST_EXCLUDE);
    return MCAST_ROUTERS;
  }
  if (type === IGMPV3_HOST_MEMBERSHIP_REPORT) {
    report3(br, p, vid, igmp, ipv4SaddrBe(skb.data));
  } else if (type === IGMP_HOST_LEAVE_MESSAGE) {
    leave(br, p, AF_INET, vid, igmpGroup(igmp), 0);
  } else if (type === IGMP_HOST_MEMBERSHIP_QUERY) {
    query4(br, p, vid, ipv4Saddr(skb.data), ipv4SaddrBe(skb.data), igmp, len);
  }
  return MCAST_FLOOD;
}

function isGroup4(group: u32): bool {
  return (group & LOCAL_MASK) !== LOCAL_NET && (group & 0xf0) === 0xe0;
}

function report3(br: Bridge, p: BrPort | null, vid: u32, igmp: usize, host: u32): void {
  const sources = p !== null && mdbTellsSources(br, AF_INET);
  let at = igmp + IGMP_LEN;
  for (let n = reportRecords(igmp); n > 0; n--) {
    const group = load<u32>(at, 4);
    const leaves = recordLeaves(at);
    if (leaves && !sources) leave(br, p, AF_INET, vid, group, 0);
    else if (!leaves && recordJoins(at) && isGroup4(group))
      join(br, p, AF_INET, vid, group, 0, sources ? MCAST_INCLUDE : MCAST_EXCLUDE);
    if (sources && p !== null && recordJoins(at))
      record(br, p, AF_INET, vid, group, 0, at, at + IGMPV3_RECORD_LEN, 4, host, 0);
    at += recordLen(at, IGMPV3_RECORD_LEN, 4);
  }
}

/** What a record says of sources. Linux: br_ip4_multicast_igmp3_report. */
function record(
  br: Bridge,
  p: BrPort,
  family: u32,
  vid: u32,
  addr0: u64,
  addr1: u64,
  at: usize,
  srcs: usize,
  size: u32,
  host0: u64,
  host1: u64,
): void {
  const entry = mdbLookup(br, family, vid, addr0, addr1);
  const pg = entry === 0 ? 0 : mdbPortGroupOf(entry, p, mcast(br).source);
  if (pg === 0 || (changetype<PortGroup>(pg).flags & MDB_PERMANENT) !== 0) return;
  const r = changetype<SourceRecord>(scratch(Scratch.BR_SOURCE_RECORD));
  sourceRecord(r, br, recordType(at), host0, host1, srcs, recordSources(at), size);
  multicastRecord(changetype<PortGroup>(pg), r);
}

/** RFC 3376 4.2.12: to INCLUDE of nothing is to leave. */
function recordLeaves(at: usize): bool {
  const type = recordType(at);
  return (type === CHANGE_TO_INCLUDE || type === MODE_IS_INCLUDE) && recordSources(at) === 0;
}

/** Any other record of a known type: somebody listens, even who only blocks some sources. */
function recordJoins(at: usize): bool {
  return recordType(at) >= MODE_IS_INCLUDE && recordType(at) <= BLOCK_OLD_SOURCES;
}

/** Linux: br_multicast_add_group. MCAST_INCLUDE: the record's sources say more. */
function join(br: Bridge, p: BrPort | null, family: u32, vid: u32, addr0: u64, addr1: u64, mode: u32): void {
  if (p !== null && p.state === <u8>BrState.DISABLED) return;
  const entry = mdbGet(br, family, vid, addr0, addr1, 0, 0);
  if (entry === 0) return;
  const until = root().now + csNs(br, BrAttr.MCAST_MEMBERSHIP_INTERVAL);
  if (p === null) {
    mdbHostJoin(entry, until);
    return;
  }
  const pg = mdbPortGet(entry, p, 0, mcast(br).source, mode);
  if (pg === 0 || mode === MCAST_INCLUDE) return;
  if ((changetype<PortGroup>(pg).flags & MDB_PERMANENT) === 0) timerAdd(portGroupTimer(pg), until);
}

/** Linux: br_multicast_leave_group. */
function leave(br: Bridge, p: BrPort | null, family: u32, vid: u32, addr0: u64, addr1: u64): void {
  const entry = mdbLookup(br, family, vid, addr0, addr1);
  if (entry === 0) return;
  const pg = p === null ? 0 : mdbPortGroupOf(entry, p, mcast(br).source);
  if (p !== null && (p.flags & BR_MULTICAST_FAST_LEAVE) !== 0) {
    if (pg !== 0 && (changetype<PortGroup>(pg).flags & MDB_PERMANENT) === 0) mdbPortLeave(pg);
    return;
  }
  // Another querier asks by itself who is left.
  if (root().now < otherUntil(br, family)) return;
  const count = <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT);
  const time = root().now + count * csNs(br, BrAttr.MCAST_LAST_MEMBER_INTERVAL);
  if (p === null) {
    if (changetype<MdbEntry>(entry).hostJoined !== 0) shorten(hostTimer(entry), time);
    return;
  }
  if (brAttr(br, BrAttr.MCAST_QUERIER) !== 0) multicastSendQueries(br, p, family, vid, addr0, addr1);
  if (pg === 0 || (changetype<PortGroup>(pg).flags & MDB_PERMANENT) !== 0) return;
  const timer = portGroupTimer(pg);
  if (timerPending(timer)) shorten(timer, time);
  else timerAdd(timer, time);
}

/** A timer runs out at `time` at the latest. */
function shorten(timer: Timer, time: u64): void {
  if (timerPending(timer) && timer.expires > time) timerAdd(timer, time);
}

function otherUntil(br: Bridge, family: u32): u64 {
  return family === AF_INET ? mcast(br).otherUntil4 : mcast(br).otherUntil6;
}

/** Linux: br_ip4_multicast_query. */
function query4(
  br: Bridge,
  p: BrPort | null,
  vid: u32,
  saddr: u32,
  saddrBe: u32,
  igmp: usize,
  len: u32,
): void {
  let group = igmpGroup(igmp);
  let delayNs = <u64>igmpCode(igmp) * 10 * NS_PER_CS;
  if (len === IGMP_LEN) {
    // RFC 2236 2.2: a v1 query has no code, and is always general.
    if (delayNs === 0) {
      delayNs = 1000 * NS_PER_CS;
      group = 0;
    }
  } else {
    if (igmpQuerySources(igmp) !== 0) return;
    // Another querier that goes on asking (RFC 3376 6.6.1): what is known stays.
    if (group !== 0 && mdbTellsSources(br, AF_INET) && (load<u8>(igmp, 8) & QUERY_SUPPRESS) !== 0) return;
    delayNs = <u64>max(igmpDelay(igmpCode(igmp)), 1) * 10 * NS_PER_CS;
  }
  if (group !== 0) {
    groupQueried(br, AF_INET, vid, group, 0, delayNs);
    return;
  }
  const c = mcast(br);
  const now = root().now;
  // RFC 2236 3: the querier with the lowest address is the one, be it 0.0.0.0, a snooping bridge's.
  const known = now < c.otherUntil4;
  const best = known ? bswap<u32>(c.otherAddr4) : asks(br) ? c.ownAddr4 : 0;
  if (best !== 0 && saddr > best) return;
  if (now >= c.otherUntil4) c.otherDelay4 = now + delayNs;
  c.otherAddr4 = saddrBe;
  c.otherUntil4 = now + csNs(br, BrAttr.MCAST_QUERIER_INTERVAL);
  markRouter(br, p);
}

/** A query for one group: who does not answer in time is out. */
function groupQueried(br: Bridge, family: u32, vid: u32, addr0: u64, addr1: u64, delayNs: u64): void {
  const entry = mdbLookup(br, family, vid, addr0, addr1);
  if (entry === 0) return;
  const time = root().now + delayNs * <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT);
  if (changetype<MdbEntry>(entry).hostJoined !== 0) shorten(hostTimer(entry), time);
  const all = !mdbTellsSources(br, family);
  for (let pg = changetype<MdbEntry>(entry).ports; pg !== 0; pg = changetype<PortGroup>(pg).next) {
    const timer = portGroupTimer(pg);
    if (timerPending(timer)) shorten(timer, time);
    else if (all || <u32>changetype<PortGroup>(pg).filterMode === MCAST_EXCLUDE) timerAdd(timer, time);
  }
}

function ipv6Rcv(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): u32 {
  if (!pskbMayPull(skb, IPV6_HDR_LEN)) return MCAST_DROP;
  if (checkIpv6Head(skb.data, skb.len - skb.dataLen, skb.len) !== WIRE_OK) return MCAST_DROP;
  const all = <u32>allNodes(ipv6Daddr(skb.data)) ? MCAST_FLOOD : MCAST_ROUTERS;
  if (ipv6Nexthdr(skb.data) !== NEXTHDR_HOP) return all;
  const total = IPV6_HDR_LEN + ipv6PayloadLen(skb.data);
  if (total > skb.len || !pskbMayPull(skb, min(total, 1500))) return all;
  const out = scratch(Scratch.BR_MULTICAST_EXT);
  const behind = min(total, 1500) - IPV6_HDR_LEN;
  const offset = ipv6SkipExthdr(skb.data + IPV6_HDR_LEN, behind, NEXTHDR_HOP, out, out + 4);
  if (offset < 0 || load<u32>(out) !== NEXTHDR_ICMP || load<u32>(out, 4) !== 0) return all;
  const len = behind - <u32>offset;
  if (len < 8) return all;
  const mld = skb.data + IPV6_HDR_LEN + <u32>offset;
  const type = <u32>load<u8>(mld);
  const known = (type >= ICMPV6_MGM_QUERY && type <= ICMPV6_MGM_REDUCTION) || type === ICMPV6_MLD2_REPORT;
  if (!known) return all;
  const ip = skb.data;
  const sum = csumIpv6Nofold(ipv6Saddr(ip), ipv6Daddr(ip), len, NEXTHDR_ICMP, csumPartial(mld, len, 0));
  if (csumFold(sum) !== 0 || checkMld(mld, len) !== WIRE_OK) return MCAST_DROP;
  skb.cb0 = CB_IGMP;
  if (type === ICMPV6_MGM_REPORT) {
    const group = mldGroup(mld);
    if (isGroup6(group)) join(br, p, AF_INET6, vid, load<u64>(group), load<u64>(group, 8), MCAST_EXCLUDE);
    return MCAST_ROUTERS;
  }
  if (type === ICMPV6_MLD2_REPORT) report2(br, p, vid, mld, ipv6Saddr(ip));
  else if (type === ICMPV6_MGM_REDUCTION) leave6(br, p, vid, mldGroup(mld));
  else query6(br, p, vid, ipv6Saddr(ip), mld, len);
  return MCAST_FLOOD;
}

/** ff02::1 */
function allNodes(addr: usize): bool {
  return load<u64>(addr) === 0x02ff && load<u64>(addr, 8) === 0x01000000_00000000;
}

function isGroup6(group: usize): bool {
  return load<u8>(group) === 0xff && !allNodes(group);
}

function leave6(br: Bridge, p: BrPort | null, vid: u32, group: usize): void {
  leave(br, p, AF_INET6, vid, load<u64>(group), load<u64>(group, 8));
}

function report2(br: Bridge, p: BrPort | null, vid: u32, mld: usize, host: usize): void {
  const sources = p !== null && mdbTellsSources(br, AF_INET6);
  let at = mld + 8;
  for (let n = reportRecords(mld); n > 0; n--) {
    const addr0 = load<u64>(at, 4);
    const addr1 = load<u64>(at, 12);
    const leaves = recordLeaves(at);
    if (leaves && !sources) leave6(br, p, vid, at + 4);
    else if (!leaves && recordJoins(at) && isGroup6(at + 4))
      join(br, p, AF_INET6, vid, addr0, addr1, sources ? MCAST_INCLUDE : MCAST_EXCLUDE);
    if (sources && p !== null && recordJoins(at)) {
      const srcs = at + MLDV2_RECORD_LEN;
      record(br, p, AF_INET6, vid, addr0, addr1, at, srcs, 16, load<u64>(host), load<u64>(host, 8));
    }
    at += recordLen(at, MLDV2_RECORD_LEN, 16);
  }
}

function query6(br: Bridge, p: BrPort | null, vid: u32, saddr: usize, mld: usize, len: u32): void {
  const group = mldGroup(mld);
  const v2 = len > MLD_LEN;
  if (v2 && mldQuerySources(mld) !== 0) return;
  const general = (load<u64>(group) | load<u64>(group, 8)) === 0;
  const suppresses = v2 && (load<u8>(mld, 24) & QUERY_SUPPRESS) !== 0;
  if (!general && suppresses && mdbTellsSources(br, AF_INET6)) return;
  const ms = v2 ? mldDelay(mldMaxResponse(mld)) : mldMaxResponse(mld);
  const delayNs = <u64>max(ms, 1) * NS_PER_MS;
  if (!general) {
    groupQueried(br, AF_INET6, vid, load<u64>(group), load<u64>(group, 8), delayNs);
    return;
  }
  const c = mcast(br);
  const now = root().now;
  const hi = bswap<u64>(load<u64>(saddr));
  const lo = bswap<u64>(load<u64>(saddr, 8));
  if (now < c.otherUntil6) {
    if (hi > c.otherAddr60 || (hi === c.otherAddr60 && lo > c.otherAddr61)) return;
  } else {
    const own = asks(br) && c.hasIpv6Addr !== 0;
    if (own && (hi > c.ownAddr60 || (hi === c.ownAddr60 && lo > c.ownAddr61))) return;
    c.otherDelay6 = now + delayNs;
  }
  c.otherAddr60 = hi;
  c.otherAddr61 = lo;
  c.otherUntil6 = now + csNs(br, BrAttr.MCAST_QUERIER_INTERVAL);
  markRouter(br, p);
}

/** The bridge itself is a querier, unless it loses the election. */
function asks(br: Bridge): bool {
  return brAttr(br, BrAttr.MCAST_QUERIER) !== 0 && br.up !== 0;
}

/** Linux: br_multicast_mark_router. */
function markRouter(br: Bridge, p: BrPort | null): void {
  if (p === null || p.mcastRouter === <u8>MDB_RTR_DISABLED || p.mcastRouter === <u8>MDB_RTR_PERM) return;
  p.mcastRouterUntil = root().now + csNs(br, BrAttr.MCAST_QUERIER_INTERVAL);
}

/** Somebody asks listeners, so that what is known of them is complete. Linux: br_multicast_querier_exists. */
export function multicastQuerierExists(br: Bridge, skb: SkBuff, mdst: usize): bool {
  const c = mcast(br);
  const now = root().now;
  if (<u32>skb.protocol === ETH_P_IP) {
    return now > c.otherDelay4 && (brAttr(br, BrAttr.MCAST_QUERIER) !== 0 || now < c.otherUntil4);
  }
  if (<u32>skb.protocol === ETH_P_IPV6) {
    const own = brAttr(br, BrAttr.MCAST_QUERIER) !== 0 && c.hasIpv6Addr !== 0;
    return now > c.otherDelay6 && (own || now < c.otherUntil6);
  }
  return mdst !== 0;
}

/** The entry that a frame to a group is for, or 0. Linux: br_mdb_entry_skb_get. */
export function mdbFind(br: Bridge, skb: SkBuff, vid: u32): usize {
  if (br.snooping === 0 || skb.cb0 === CB_IGMP) return 0;
  if (<u32>skb.protocol === ETH_P_IP) {
    const group = <u64>load<u32>(skb.data, 16);
    if (mdbTellsSources(br, AF_INET)) {
      const found = mdbLookupSource(br, AF_INET, vid, group, 0, load<u32>(skb.data, 12), 0);
      if (found !== 0) return found;
    }
    return mdbLookup(br, AF_INET, vid, group, 0);
  }
  if (<u32>skb.protocol === ETH_P_IPV6) {
    const addr0 = load<u64>(skb.data, 24);
    const addr1 = load<u64>(skb.data, 32);
    if (mdbTellsSources(br, AF_INET6)) {
      const src0 = load<u64>(skb.data, 8);
      const found = mdbLookupSource(br, AF_INET6, vid, addr0, addr1, src0, load<u64>(skb.data, 16));
      if (found !== 0) return found;
    }
    return mdbLookup(br, AF_INET6, vid, addr0, addr1);
  }
  return mdbLookup(br, 0, vid, load<u64>(skb.macHeader) & 0xffffffffffff, 0);
}

/** The bridge device itself listens: it joined, or it is a multicast router. */
export function mdbHostJoined(br: Bridge, mdst: usize): bool {
  if (mdst !== 0 && changetype<MdbEntry>(mdst).hostJoined !== 0) return true;
  return brAttr(br, BrAttr.MCAST_ROUTER) === MDB_RTR_PERM;
}

/** The port takes part again: whoever is behind it is asked. Linux: br_multicast_enable_port. */
export function multicastEnablePort(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  if (p.mcastIsRouter !== 0 || br.snooping === 0) return;
  p.mcastIsRouter = 1;
  if (brAttr(br, BrAttr.MCAST_QUERIER) !== 0) multicastStartQuerying(br);
}

export function multicastDisablePort(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  p.mcastIsRouter = 0;
  p.mcastRouterUntil = 0;
  if (br.mcast !== 0) mdbForgetPort(br, p, false);
}

/** Queries begin anew, as at startup: at once, then startup_query_count in all, then every query interval. */
export function multicastStartQuerying(br: Bridge): void {
  mcast(br).startupSent = 0;
  if (br.up !== 0) timerAdd(queryTimer(br), root().now);
}

/** mcast_querier was switched. Linux: br_multicast_set_querier. */
export function multicastSetQuerier(br: Bridge): void {
  if (brAttr(br, BrAttr.MCAST_QUERIER) === 0) return;
  const c = mcast(br);
  const now = root().now;
  const complete = now + csNs(br, BrAttr.MCAST_QUERY_RESPONSE_INTERVAL);
  if (now >= c.otherUntil4) c.otherDelay4 = complete;
  if (now >= c.otherUntil6) c.otherDelay6 = complete;
  multicastStartQuerying(br);
}
