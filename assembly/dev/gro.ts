/**
 * GRO: frames of a flow that arrive together go up as one packet. Linux: net/core/gro.c, dev_gro_receive.
 *
 *   portPoll ─► groReceiveList ─► groReceive, each frame ─► gro_tcp, gro_udp ─► held, merged, or at once to the list
 *                              ─► groRun, those that plainly follow it      ─► merged
 *                              ─► groFlush at the end                       ─► all that is held to the list
 *
 * The order within a flow stays as it was; GSO of the result gives the same frames again, byte for byte.
 */
import { NetifF } from '../abi/features';
import { TraceGro, TraceKind } from '../abi/trace';
import { root } from '../lib/root';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { traceEvent, traceEvents } from '../skb/trace';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { IPPROTO_TCP, IPPROTO_UDP, IPV4_HDR_LEN, ipv4Protocol } from '../wire/ipv4';
import { IPV6_HDR_LEN, ipv6Nexthdr } from '../wire/ipv6';
import { ipv6ExtHdr } from '../wire/ipv6_ext';
import { tcpSeq } from '../wire/tcp';
import {
  groCheckIpv4,
  groCheckIpv6,
  groCsumValid,
  groFind,
  groHash,
  groSameHeaders,
  groSameId,
} from './gro_ip';
import {
  GRO_FIXED_ID,
  GRO_MAX_LEN,
  GRO_VERIFIED,
  groCb,
  groEmpty,
  groHold,
  groMerge,
  groRelease,
  groReleaseAddrs,
  groReleaseAll,
  groSetRecent,
  groTable,
  groTableFree,
} from './gro_table';
import { groRun } from './gro_run';
import { groTcpContinues, groTcpHlen, groTcpHolds, groTcpLast } from './gro_tcp';
import { UDP_GRO_CNT_MAX, groUdpHlen, groUdpPlain } from './gro_udp';
import { NetDevice } from './net_device';
import { skbTagged, skbVlanUntag } from './vlan_core';

/**
 * Takes the `n` skbs at `list`, as groReceive does each, flushes, and leaves there what goes up, which is never more
 * than what came so far; returns how many.
 */
export function groReceiveList(dev: NetDevice, list: usize, n: u32): u32 {
  let up: u32 = 0;
  let i: u32 = 0;
  // While steps are told, each frame goes by itself.
  const run = !traceEvents();
  while (i < n) {
    up = groReceive(dev, changetype<SkBuff>(load<u32>(list + (i << 2))), list, up);
    i++;
    if (run && dev.gro !== 0 && i < n) i += groRun(dev.gro, list + (i << 2), n - i);
  }
  return groFlush(dev, list, up);
}

/**
 * Takes `skb` (data at its network header) and appends to `list` what goes up now; returns the new n of the list,
 * which has room for as many as were received since the last groFlush.
 */
export function groReceive(dev: NetDevice, skb: SkBuff, list: usize, n: u32): u32 {
  const headlen = skbHeadlen(skb);
  let nhlen: u32 = 0;
  let proto: u32 = 0;
  if (skb.protocol === ETH_P_IP && headlen >= IPV4_HDR_LEN) {
    nhlen = IPV4_HDR_LEN;
    proto = ipv4Protocol(skb.data);
  } else if (skb.protocol === ETH_P_IPV6 && headlen >= IPV6_HDR_LEN) {
    nhlen = IPV6_HDR_LEN;
    proto = ipv6Nexthdr(skb.data);
  } else if (skb.vlanProto === 0 && skbTagged(skb)) {
    // Linux: napi_skb_finish comes behind skb_vlan_untag for a tag that the driver left in the frame.
    if (!skbVlanUntag(skb)) return n;
    return groReceive(dev, skb, list, n);
  }
  if (proto === IPPROTO_TCP || (proto === IPPROTO_UDP && (dev.features & NetifF.GRO_UDP_FWD) !== 0)) {
    const table = groTable(dev);
    if (table !== 0) return receive(table, skb, proto, nhlen, list, n);
  } else if (nhlen === IPV6_HDR_LEN && dev.gro !== 0 && ipv6ExtHdr(proto) && !groEmpty(dev.gro)) {
    n = groReleaseAddrs(dev.gro, skb, list, n);
  }
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

/** A packet that may be merged: its `proto` is TCP or UDP, its network header `nhlen` long if it is as it must be. */
function receive(table: usize, skb: SkBuff, proto: u32, nhlen: u32, list: usize, n: u32): u32 {
  const tcp = proto === IPPROTO_TCP;
  let hlen: u32 = 0;
  if (nhlen === IPV4_HDR_LEN ? groCheckIpv4(skb) : groCheckIpv6(skb)) {
    hlen = tcp ? groTcpHlen(skb, nhlen) : groUdpHlen(skb, nhlen);
  }
  if (hlen === 0) {
    // Options, a fragment, a damaged header: it must not overtake what is held between its addresses.
    if (!groEmpty(table)) n = groReleaseAddrs(table, skb, list, n);
    return goUp(skb, list, n);
  }
  const th = skb.data + nhlen;
  const payload = skb.len - hlen;
  const fits = payload !== 0 && skb.gsoSize === 0 && (tcp || groUdpPlain(th, skb.len - nhlen));
  const link = groFind(table, skb, nhlen);
  if (link !== 0) {
    const p = changetype<SkBuff>(load<u32>(link));
    const cb = groCb(p);
    if (
      fits &&
      payload <= cb.mss &&
      hlen === cb.hlen &&
      p.len + payload <= GRO_MAX_LEN &&
      (!tcp || groTcpContinues(cb, p.data + nhlen, th, hlen - nhlen)) &&
      groSameHeaders(p, skb, nhlen) &&
      firstValid(p, nhlen, proto) &&
      groCsumValid(skb, nhlen, proto)
    ) {
      const last = tcp ? groTcpLast(th) : 0;
      const fixedId = cb.count === 1 && groSameId(p, skb, nhlen);
      if (groMerge(p, skb, hlen)) {
        if (fixedId) cb.flags |= GRO_FIXED_ID;
        cb.count++;
        cb.seq += payload;
        if (last !== 0) tcpAddFlags(p.data + nhlen, last);
        if (payload < cb.mss || last !== 0 || (!tcp && cb.count === UDP_GRO_CNT_MAX)) {
          return groRelease(table, link, list, n);
        }
        groSetRecent(table, link);
        return n;
      }
    }
    n = groRelease(table, link, list, n);
  }
  if (!fits || (tcp && !groTcpHolds(th))) return goUp(skb, list, n);
  const hash = groHash(skb.data, nhlen);
  const cb = groCb(skb);
  cb.hash = hash;
  cb.seq = tcp ? tcpSeq(th) + payload : 0;
  cb.count = 1;
  cb.mss = payload;
  cb.hlen = hlen;
  cb.flags = 0;
  if (root().trace !== 0)
    traceEvent(TraceKind.GRO, TraceGro.HELD, changetype<usize>(skb), skb.dev, 0, skb.traceId);
  return groHold(table, skb, hash, list, n);
}

function goUp(skb: SkBuff, list: usize, n: u32): u32 {
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

/** The first segment's checksum is looked at only when there is a second one: a packet alone goes as it came. */
function firstValid(p: SkBuff, nhlen: u32, proto: u32): bool {
  const cb = groCb(p);
  if ((cb.flags & GRO_VERIFIED) !== 0) return true;
  if (!groCsumValid(p, nhlen, proto)) return false;
  cb.flags |= GRO_VERIFIED;
  return true;
}

function tcpAddFlags(th: usize, flags: u32): void {
  store<u8>(th, load<u8>(th, 13) | <u8>flags, 13);
}

/** The end of a napi poll: appends all that `dev` holds; returns the new n. */
export function groFlush(dev: NetDevice, list: usize, n: u32): u32 {
  if (dev.gro === 0 || groEmpty(dev.gro)) return n;
  return groReleaseAll(dev.gro, list, n);
}

/** The device goes away: frees its table. Nothing is held outside a poll. */
export function groFree(dev: NetDevice): void {
  if (dev.gro === 0) return;
  assert(groEmpty(dev.gro), 'groFree: inside a poll');
  groTableFree(dev);
}
