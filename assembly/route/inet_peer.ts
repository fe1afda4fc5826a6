/**
 * What is remembered of single peers so that they cannot make us send too much: token buckets for ICMP errors and
 * redirects, and how many fragments each sent. Of both families. Linux: net/ipv4/inetpeer.c, icmp.c, route.c.
 *
 *   tokens  grow by a nanosecond a nanosecond up to XRLIM_BURST_FACTOR messages, each message costs `timeout`
 *
 * At most PEERS_MAX per family and namespace, the one longest not heard of giving way.
 */
import { Sysctl } from '../abi/sysctl';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { AF_INET, Net, sysctl } from '../net/net';
import { lruDestroy, lruGet, lruKey0, lruKey1 } from './lru_table';

@unmanaged
@final
export class InetPeer {
  // LruNode
  hnext: usize;
  hash: u32;
  newer: usize;
  older: usize;
  vif: i32;
  pad: u32;
  key0: u64;
  key1: u64;
  /** Token bucket in ns, and when it was last filled (or a redirect last sent). 0: a new peer. */
  tokens: u64;
  last: u64;
  /** Redirects sent without the peer's heeding them; fragments seen from it. */
  nRedirects: u32;
  rid: u32;
}

export const PEERS_MAX: u32 = 4096;
const XRLIM_BURST_FACTOR: u64 = 6;
const NS_PER_SEC: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
/** A new peer's bucket looks as if it was filled a minute ago (Linux: inet_getpeer). */
const NEW_PEER_AGE_NS: u64 = 60 * NS_PER_SEC;
/** Linux: ip_rt_error_cost, ip_rt_error_burst. */
const RT_ERROR_COST_NS: u64 = NS_PER_SEC;
const RT_ERROR_BURST_NS: u64 = 5 * NS_PER_SEC;

/**
 * The record of the peer at `key` (4 or 16 bytes, network order) in the VRF `vif` (ifindex, 0: none), made when there is
 * none; null: memory ran out.
 */
export function inetPeerGet(net: Net, family: u32, key: usize, vif: i32): InetPeer | null {
  const slot =
    changetype<usize>(net) + (family === AF_INET ? offsetof<Net>('inetPeers4') : offsetof<Net>('inetPeers6'));
  const node = lruGet(slot, lruKey0(family, key), lruKey1(family, key), vif, offsetof<InetPeer>(), PEERS_MAX);
  return changetype<InetPeer | null>(changetype<usize>(node));
}

/** Fills the bucket up to `burst` ns and takes `cost` out; false when it has less. */
function take(peer: InetPeer, burst: u64, cost: u64): bool {
  const now = max(root().now, 1);
  const grown = peer.last === 0 ? NEW_PEER_AGE_NS : now - peer.last;
  // The bound is for what comes in: a second look at the same moment, with another bound, takes nothing away.
  let tokens = grown === 0 ? peer.tokens : min(peer.tokens + grown, burst);
  peer.last = now;
  const allowed = tokens >= cost;
  if (allowed) tokens -= cost;
  peer.tokens = tokens;
  return allowed;
}

/** One more ICMP message to the peer may be sent: one in `timeoutNs`, six at once. Linux: inet_peer_xrlim_allow. */
export function inetPeerXrlimAllow(net: Net, family: u32, key: usize, vif: i32, timeoutNs: u64): bool {
  const peer = inetPeerGet(net, family, key, vif);
  return peer === null || take(peer, XRLIM_BURST_FACTOR * timeoutNs, timeoutNs);
}

/** The bucket of ip_error, which shares the peer's tokens: one unreachable a second, five at once. */
export function inetPeerErrorAllow(net: Net, family: u32, key: usize, vif: i32): bool {
  const peer = inetPeerGet(net, family, key, vif);
  return peer === null || take(peer, RT_ERROR_BURST_NS, RT_ERROR_COST_NS);
}

/**
 * One more redirect to the peer may be sent: after each one twice the pause (`load` ms at first), none after `number`
 * until it was quiet for `silence` ms. Linux: ip_rt_send_redirect.
 */
export function inetPeerRedirectAllow(
  net: Net,
  family: u32,
  key: usize,
  vif: i32,
  load: u32,
  number: u32,
  silence: u32,
): bool {
  const peer = inetPeerGet(net, family, key, vif);
  if (peer === null) return true;
  const now = root().now;
  const idle = peer.last === 0 ? NEW_PEER_AGE_NS : now - peer.last;
  if (idle > <u64>silence * NS_PER_MS) {
    peer.tokens = 0;
    peer.nRedirects = 0;
  }
  // "Too many ignored redirects; do not send anything."
  if (peer.nRedirects >= number) {
    peer.last = now;
    return false;
  }
  if (peer.nRedirects !== 0 && idle <= (<u64>load * NS_PER_MS) << min<u32>(peer.nRedirects, 31)) return false;
  peer.last = now;
  peer.nRedirects++;
  return true;
}

/** Counts one more fragment from the peer and gives their number. Linux: ip_frag_too_far's peer->rid. */
export function inetPeerRid(net: Net, family: u32, key: usize, vif: i32): u32 {
  const peer = inetPeerGet(net, family, key, vif);
  if (peer === null) return 0;
  peer.rid++;
  return peer.rid;
}

/**
 * All ICMP messages of the namespace together: icmp_msgs_per_sec, icmp_msgs_burst at once. The credit is filled at
 * most every 20 ms. Linux: icmp_global_allow.
 */
export function icmpGlobalAllow(net: Net): bool {
  if (<i32>net.icmpGlobalCredit > 0) return true;
  const now = root().now;
  const delta = min(now - net.icmpGlobalStamp, NS_PER_SEC);
  if (delta < NS_PER_SEC / 50) return false;
  const incr = (<u64>sysctl(net, Sysctl.ICMP_MSGS_PER_SEC) * delta) / NS_PER_SEC;
  if (incr === 0) return false;
  net.icmpGlobalStamp = now;
  const credit = <i64>(<i32>net.icmpGlobalCredit) + <i64>incr;
  net.icmpGlobalCredit = <u32>min<i64>(credit, sysctl(net, Sysctl.ICMP_MSGS_BURST));
  return <i32>net.icmpGlobalCredit > 0;
}

/** A message that icmpGlobalAllow let through is sent: it costs 0, 1 or 2, so that the limit tells a prober nothing. */
export function icmpGlobalConsume(net: Net): void {
  net.icmpGlobalCredit -= randomBelow(3);
}

/** The namespace ends. */
export function inetPeerNetExit(net: Net): void {
  lruDestroy(changetype<usize>(net) + offsetof<Net>('inetPeers4'));
  lruDestroy(changetype<usize>(net) + offsetof<Net>('inetPeers6'));
}
