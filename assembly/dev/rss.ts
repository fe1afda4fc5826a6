/**
 * Receive side scaling: which receive queue of a device a packet belongs to, so that a flow stays in one. The hash is
 * the one of NICs (lib/toeplitz), the table and its defaults are Linux's (ethtool_rxfh_indir_default).
 *
 *   addresses, ports ─► Toeplitz hash (skb.hash) ─► table[hash & 127] ─► queue (skb.queueMapping: queue + 1)
 */
import {
  RSS_HASH_ALL,
  RSS_HASH_TCP4,
  RSS_HASH_TCP6,
  RSS_HASH_UDP4,
  RSS_HASH_UDP6,
  RSS_KEY_BYTES,
  RSS_TABLE_ENTRIES,
} from '../abi/rss';
import { kzalloc } from '../lib/kmalloc';
import { randomU64 } from '../lib/random';
import { toeplitz } from '../lib/toeplitz';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { checkIpv4, IPPROTO_TCP, IPPROTO_UDP, ipv4Ihl, ipv4IsFragment, ipv4Protocol } from '../wire/ipv4';
import { IPV6_HDR_LEN, ipv6Nexthdr, ipv6Version } from '../wire/ipv6';

const IPV4_ADDRS: usize = 12;
const IPV4_ADDRS_BYTES: u32 = 8;
const IPV6_ADDRS: usize = 8;
const IPV6_ADDRS_BYTES: u32 = 32;
const PORTS_BYTES: u32 = 4;

@unmanaged
@final
export class Rss {
  queues: u32;
  hash: u32;
}
const HEADER_BYTES: usize = 8;

export function rssKey(rss: Rss): usize {
  return changetype<usize>(rss) + HEADER_BYTES;
}

export function rssTable(rss: Rss): usize {
  return rssKey(rss) + RSS_KEY_BYTES;
}

/** A random key, all hash types, and the queues in turn; null when memory ran out. Freed by kfree. */
export function rssNew(queues: u32): Rss | null {
  const p = kzalloc(HEADER_BYTES + RSS_KEY_BYTES + RSS_TABLE_ENTRIES);
  if (p === 0) return null;
  const rss = changetype<Rss>(p);
  rss.queues = queues;
  rss.hash = RSS_HASH_ALL;
  for (let i: u32 = 0; i < RSS_KEY_BYTES; i += 8) store<u64>(rssKey(rss) + i, randomU64());
  for (let i: u32 = 0; i < RSS_TABLE_ENTRIES; i++) store<u8>(rssTable(rss) + i, <u8>(i % queues));
  return rss;
}

export function rssQueue(rss: Rss, hash: u32): u32 {
  return load<u8>(rssTable(rss) + (hash & (RSS_TABLE_ENTRIES - 1)));
}

/** Hash of the packet at `network`, `len` bytes of which may be looked at; 0 when it is not IP. */
export function rssHash(rss: Rss, protocol: u32, network: usize, len: u32): u32 {
  if (protocol === ETH_P_IP) return hash4(rss, network, len);
  if (protocol === ETH_P_IPV6) return hash6(rss, network, len);
  return 0;
}

/** Fragments have no ports to look at but the first, and all shall go the same way. */
function hash4(rss: Rss, iph: usize, len: u32): u32 {
  if (checkIpv4(iph, len) !== 0) return 0;
  const key = rssKey(rss);
  const hash = toeplitz(key, iph + IPV4_ADDRS, IPV4_ADDRS_BYTES, 0, 0);
  const ihl = ipv4Ihl(iph);
  const wanted = ofPorts(rss, ipv4Protocol(iph), RSS_HASH_TCP4, RSS_HASH_UDP4);
  if (!wanted || ipv4IsFragment(iph) || len - ihl < PORTS_BYTES) return hash;
  return toeplitz(key, iph + ihl, PORTS_BYTES, IPV4_ADDRS_BYTES, hash);
}

function hash6(rss: Rss, ip6h: usize, len: u32): u32 {
  if (len < IPV6_HDR_LEN || ipv6Version(ip6h) !== 6) return 0;
  const key = rssKey(rss);
  const hash = toeplitz(key, ip6h + IPV6_ADDRS, IPV6_ADDRS_BYTES, 0, 0);
  const wanted = ofPorts(rss, ipv6Nexthdr(ip6h), RSS_HASH_TCP6, RSS_HASH_UDP6);
  if (!wanted || len - IPV6_HDR_LEN < PORTS_BYTES) return hash;
  return toeplitz(key, ip6h + IPV6_HDR_LEN, PORTS_BYTES, IPV6_ADDRS_BYTES, hash);
}

function ofPorts(rss: Rss, proto: u32, tcp: u32, udp: u32): bool {
  if (proto === IPPROTO_TCP) return (rss.hash & tcp) !== 0;
  return proto === IPPROTO_UDP && (rss.hash & udp) !== 0;
}
