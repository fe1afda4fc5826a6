/**
 * The bridge's own queries (mcast_querier), while nobody with a better right asks. IGMPv2 or v3 from 0.0.0.0 (or, with
 * mcast_query_use_ifaddr, the bridge's address), MLDv1 or v2 from its link-local address.
 * Linux: br_multicast_alloc_query, br_multicast_port_group_expired (net/bridge/br_multicast.c).
 */
import { BrAttr, BrState } from '../abi/bridge';
import { NetDevice } from '../dev/net_device';
import { devQueueXmit } from '../dev/xmit';
import { ipv6GetLladdr } from '../ipv6/addr_hash';
import { icmpv6Checksum } from '../ipv6/icmp';
import { inetSelectAddr } from '../ipv4/devinet';
import { ipFastCsum } from '../lib/checksum';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { timerAdd } from '../lib/timer_wheel';
import { AF_INET, AF_INET6 } from '../net/net';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { ICMPV6_MGM_QUERY } from '../wire/icmpv6';
import { IGMPV3_QUERY_LEN, IGMP_LEN, emitIgmpQuery } from '../wire/igmp';
import { IPPROTO_IGMP, IP_DF, emitIpv4, ipv4SetCheckBe, ipv4SetIhl } from '../wire/ipv4';
import { IPV6_HDR_LEN, NEXTHDR_HOP, emitIpv6 } from '../wire/ipv6';
import { MLDV2_QUERY_LEN, MLD_LEN } from '../wire/mld';
import { MdbEntry, PortGroup, mcast, queryTimer } from './br_mdb';
import { GroupSource, SOURCE_ASKED, groupSourceTimer } from './br_mdb_source';
import { BrPort, Bridge, brAttr, brIsUp } from './br_private';

const NS_PER_CS: u64 = 10_000_000;
/** IPv4 header with its Router Alert option (RFC 2113). */
const IPV4_LEN: u32 = 24;
const ROUTER_ALERT4: u32 = 0x00000494;
/** Hop-by-Hop: ICMPv6 next, length 0, Router Alert 0 (RFC 2711), PadN. */
const HBH_ALERT: u64 = 0x0001_0000_0205_003a;
const HBH_LEN: u32 = 8;
/** 224.0.0.1 and ff02::1. Differs from RFC 2236 9, as Linux does: what asks about a leave goes to all hosts, too. */
const ALL_SYSTEMS: u32 = 0xe0000001;
const ALL_NODES_0: u64 = 0x02ff;
const ALL_NODES_1: u64 = 0x01000000_00000000;
const QRV: u32 = 2;
const SUPPRESS: u32 = 8;

/** TIMER_BR_QUERY: general queries of both families out of every port. */
export function queryTimerExpired(arg: usize): void {
  const br = changetype<Bridge>(arg);
  if (br.snooping === 0 || brAttr(br, BrAttr.MCAST_QUERIER) === 0 || !brIsUp(br)) return;
  const c = mcast(br);
  const now = root().now;
  if (now >= c.otherUntil4) everyPort(br, AF_INET);
  if (now >= c.otherUntil6) everyPort(br, AF_INET6);
  c.startupSent++;
  const startup = c.startupSent < brAttr(br, BrAttr.MCAST_STARTUP_QUERY_COUNT);
  const interval = brAttr(br, startup ? BrAttr.MCAST_STARTUP_QUERY_INTERVAL : BrAttr.MCAST_QUERY_INTERVAL);
  timerAdd(queryTimer(br), now + <u64>max(interval, 1) * NS_PER_CS);
}

function everyPort(br: Bridge, family: u32): void {
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    if (p.state === <u8>BrState.DISABLED || p.state === <u8>BrState.BLOCKING) continue;
    multicastSendQueries(br, p, family, 0, 0, 0);
  }
}

/** One query out of `p`, to all hosts: general, or for a group. */
export function multicastSendQueries(
  br: Bridge,
  p: BrPort,
  family: u32,
  vid: u32,
  addr0: u64,
  addr1: u64,
): void {
  const skb =
    family === AF_INET ? query4(br, <u32>addr0, null, 0, false) : query6(br, addr0, addr1, null, 0, false);
  if (skb !== null) send(br, p, vid, skb);
}

function send(br: Bridge, p: BrPort, vid: u32, skb: SkBuff): void {
  skb.dev = p.dev;
  if (vid !== 0 && br.vlanFiltering !== 0) {
    skb.vlanProto = br.vlanProto;
    skb.vlanTci = <u16>vid;
  }
  devQueueXmit(skb);
}

/** For the group of a membership, to the group. `suppress`: routers leave their timers (RFC 3376 4.1.5). */
export function multicastQueryGroup(br: Bridge, pg: PortGroup, suppress: bool): void {
  query(br, pg, 0, suppress);
}

/**
 * For sources of a membership that are still to be asked for. `first`: with the suppress bit, those that count for
 * longer than the last member query time, and if there are any those that do not; else only these. True: more is to do.
 */
export function multicastQuerySources(br: Bridge, pg: PortGroup, first: bool): bool {
  const lmqt = queryTimeEnd(br);
  let n = choose(pg, first, lmqt);
  if (n === 0) return false;
  query(br, pg, n, first);
  if (first) {
    n = choose(pg, false, lmqt);
    if (n !== 0) query(br, pg, n, true);
  }
  return unasked(pg);
}

/** Linux: br_multicast_lmqt. */
function queryTimeEnd(br: Bridge): u64 {
  const interval = <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_INTERVAL) * NS_PER_CS;
  return root().now + interval * <u64>brAttr(br, BrAttr.MCAST_LAST_MEMBER_COUNT);
}

/** Marks the sources that the next query names; how many. */
function choose(pg: PortGroup, over: bool, lmqt: u64): u32 {
  let n: u32 = 0;
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next) {
    const src = changetype<GroupSource>(at);
    const named = src.rexmit !== 0 && groupSourceTimer(at).expires > lmqt === over;
    src.flags = named ? src.flags | SOURCE_ASKED : src.flags & ~SOURCE_ASKED;
    if (!named) continue;
    src.rexmit--;
    n++;
  }
  return n;
}

function unasked(pg: PortGroup): bool {
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next)
    if (changetype<GroupSource>(at).rexmit !== 0) return true;
  return false;
}

function query(br: Bridge, pg: PortGroup, n: u32, suppress: bool): void {
  const e = changetype<MdbEntry>(pg.entry);
  const skb =
    <u32>e.family === AF_INET
      ? query4(br, <u32>e.addr0, pg, n, suppress)
      : query6(br, e.addr0, e.addr1, pg, n, suppress);
  if (skb !== null) send(br, changetype<BrPort>(pg.port), e.vid, skb);
}

/** Sources that `choose` marked, `size` bytes each. */
function putSources(pg: PortGroup, to: usize, size: u32): void {
  for (let at = pg.sources; at !== 0; at = changetype<GroupSource>(at).next) {
    const src = changetype<GroupSource>(at);
    if ((src.flags & SOURCE_ASKED) === 0) continue;
    if (size === 4) {
      store<u32>(to, <u32>src.addr0);
    } else {
      store<u64>(to, src.addr0);
      store<u64>(to, src.addr1, 8);
    }
    to += size;
  }
}

function frame(br: Bridge, bytes: u32, protocol: u32): SkBuff | null {
  const made = allocSkb(ETH_HLEN + bytes);
  if (made === null) return null;
  const dev = changetype<NetDevice>(br.dev);
  const eth = skbPut(made, ETH_HLEN + bytes);
  store<u32>(eth, <u32>dev.addr, 6);
  store<u16>(eth, <u16>(dev.addr >> 32), 10);
  store<u16>(eth, bswap<u16>(<u16>protocol), 12);
  made.protocol = <u16>protocol;
  made.macHeader = eth;
  made.networkHeader = eth + ETH_HLEN;
  return made;
}

/** `pg`: to the group itself (otherwise to all hosts), and for `n` of its sources. */
function query4(br: Bridge, group: u32, pg: PortGroup | null, n: u32, suppress: bool): SkBuff | null {
  const v3 = brAttr(br, BrAttr.MCAST_IGMP_VERSION) === 3;
  const len = v3 ? IGMPV3_QUERY_LEN + n * 4 : IGMP_LEN;
  const made = frame(br, IPV4_LEN + len, ETH_P_IP);
  if (made === null) return null;
  const dev = changetype<NetDevice>(br.dev);
  const to = pg === null ? ALL_SYSTEMS : bswap<u32>(group);
  const use = brAttr(br, BrAttr.MCAST_QUERY_USE_IFADDR) !== 0;
  const saddr = use ? inetSelectAddr(dev.net, br.dev, 0, 253) : 0;
  mcast(br).ownAddr4 = saddr;
  const eth = made.macHeader;
  // RFC 1112 6.4: the low 23 bits of the group.
  store<u32>(eth, 0x005e0001 | (((to >> 16) & 0x7f) << 24));
  store<u16>(eth, bswap<u16>(<u16>to), 4);
  const iph = made.networkHeader;
  emitIpv4(iph, 0xc0, IPV4_LEN + len, 0, IP_DF, 1, IPPROTO_IGMP, saddr, to);
  ipv4SetIhl(iph, IPV4_LEN);
  store<u32>(iph, ROUTER_ALERT4, 20);
  ipv4SetCheckBe(iph, ipFastCsum(iph, IPV4_LEN >> 2));
  const attr = group === 0 ? BrAttr.MCAST_QUERY_RESPONSE_INTERVAL : BrAttr.MCAST_LAST_MEMBER_INTERVAL;
  const igmp = iph + IPV4_LEN;
  if (v3) {
    store<u8>(igmp, <u8>(QRV | (suppress ? SUPPRESS : 0)), 8);
    store<u8>(igmp, <u8>querySeconds(br), 9);
    store<u16>(igmp, bswap<u16>(<u16>n), 10);
    if (pg !== null && n !== 0) putSources(pg, igmp + IGMPV3_QUERY_LEN, 4);
  }
  emitIgmpQuery(igmp, len, min(brAttr(br, attr) / 10, v3 ? 127 : 255), group);
  return made;
}

/** The interval between general queries; from 128 on it would be a code (RFC 3376 4.1.7). */
function querySeconds(br: Bridge): u32 {
  return min(brAttr(br, BrAttr.MCAST_QUERY_INTERVAL) / 100, 127);
}

function query6(
  br: Bridge,
  addr0: u64,
  addr1: u64,
  pg: PortGroup | null,
  n: u32,
  suppress: bool,
): SkBuff | null {
  const dev = changetype<NetDevice>(br.dev);
  const saddr = ipv6GetLladdr(dev, 0);
  // RFC 2710 5: queries come from a link-local address.
  mcast(br).hasIpv6Addr = <u32>(saddr !== 0);
  if (saddr === 0) return null;
  mcast(br).ownAddr60 = bswap<u64>(load<u64>(saddr));
  mcast(br).ownAddr61 = bswap<u64>(load<u64>(saddr, 8));
  const v2 = brAttr(br, BrAttr.MCAST_MLD_VERSION) === 2;
  const len = v2 ? MLDV2_QUERY_LEN + n * 16 : MLD_LEN;
  const made = frame(br, IPV6_HDR_LEN + HBH_LEN + len, ETH_P_IPV6);
  if (made === null) return null;
  const general = (addr0 | addr1) === 0;
  const to = scratch(Scratch.BR_MULTICAST_TO);
  store<u64>(to, pg === null ? ALL_NODES_0 : addr0);
  store<u64>(to, pg === null ? ALL_NODES_1 : addr1, 8);
  const eth = made.macHeader;
  store<u16>(eth, 0x3333);
  store<u32>(eth, load<u32>(to, 12), 2);
  const ip = made.networkHeader;
  emitIpv6(ip, 0, 0, HBH_LEN + len, NEXTHDR_HOP, 1, saddr, to);
  store<u64>(ip + IPV6_HDR_LEN, HBH_ALERT);
  const mld = ip + IPV6_HDR_LEN + HBH_LEN;
  memory.fill(mld, 0, len);
  store<u8>(mld, <u8>ICMPV6_MGM_QUERY);
  const attr = general ? BrAttr.MCAST_QUERY_RESPONSE_INTERVAL : BrAttr.MCAST_LAST_MEMBER_INTERVAL;
  store<u16>(mld, bswap<u16>(<u16>min(brAttr(br, attr) * 10, 32767)), 4);
  store<u64>(mld, addr0, 8);
  store<u64>(mld, addr1, 16);
  if (v2) {
    store<u8>(mld, <u8>(QRV | (suppress ? SUPPRESS : 0)), 24);
    store<u8>(mld, <u8>querySeconds(br), 25);
    store<u16>(mld, bswap<u16>(<u16>n), 26);
    if (pg !== null && n !== 0) putSources(pg, mld + MLDV2_QUERY_LEN, 16);
  }
  icmpv6Checksum(saddr, to, mld, len);
  return made;
}
