/**
 * The packets that GRO holds: per device 8 buckets by flow hash, in each up to 8 flows, as Linux's gro_hash and
 * MAX_GRO_SKBS. A held packet is its flow's first segment; what follows it is hung on as fragments, never copied.
 *
 *   bucket ─► skb (newest flow) ─► skb ─► … ─► skb (oldest)          cb: GroCb below
 *              └ frags: slot of segment 2, of segment 3, …
 *
 * All of it lives within one napi poll: groFlush empties the table at the poll's end. Linux: net/core/gro.c.
 */
import { MAX_SKB_FRAGS } from '../abi/layout';
import { TraceGro, TraceKind } from '../abi/trace';
import { ipFastCsum } from '../lib/checksum';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Pool, poolFree } from '../lib/pool';
import { root } from '../lib/root';
import { FRAG_BYTES, FragTable, fragAt, fragTableAlloc, slotPut } from '../skb/pool';
import {
  SKB_F_GRO,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCP_FIXEDID,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { traceEvent } from '../skb/trace';
import { IPPROTO_TCP, IPPROTO_UDP, ipv4Protocol } from '../wire/ipv4';
import { ipv6Nexthdr } from '../wire/ipv6';
import { TCP_CHECK_OFFSET, TCPHDR_CWR, tcpFlags } from '../wire/tcp';
import { UDP_CHECK_OFFSET, udpSetLen } from '../wire/udp';
import { pseudoSum, skbPartialCsumSet } from './checksum_help';
import { NetDevice } from './net_device';

const GRO_HASH_BUCKETS: u32 = 8;
const MAX_GRO_SKBS: u32 = 8;
/** An IP packet's length field has 16 bits. */
export const GRO_MAX_LEN: u32 = 65535;

/** NetDevice.gro; behind it per bucket its first skb and how many. */
@unmanaged
@final
class Gro {
  /** A bit per bucket that holds something. */
  used: u32;
  /** Link to the packet that the last frame was merged into, or 0: a burst is mostly of one flow. */
  recent: usize;
}
const GRO_BYTES: u32 = 8 + GRO_HASH_BUCKETS * 8;

/** What the table keeps in skb.cb of a held packet; zero again before the packet goes up. */
@unmanaged
@final
export class GroCb {
  hash: u32;
  /** TCP: sequence number that must come next. */
  seq: u32;
  /** Segments merged so far. */
  count: u32;
  /** Payload bytes of each segment but the last, and of all headers from the network header. */
  mss: u32;
  hlen: u32;
  /** GRO_* */
  flags: u32;
}

/** The checksum of the first segment was verified, or somebody vouches for it. */
export const GRO_VERIFIED: u32 = 1;
/** Segments repeat the IPv4 id. */
export const GRO_FIXED_ID: u32 = 2;

export function groCb(skb: SkBuff): GroCb {
  return changetype<GroCb>(changetype<usize>(skb) + offsetof<SkBuff>('cb0'));
}

/** The device's table, made at its first use; 0 when memory ran out. */
export function groTable(dev: NetDevice): usize {
  if (dev.gro === 0) dev.gro = kzalloc(GRO_BYTES);
  return dev.gro;
}

/** True while no packet is held. */
export function groEmpty(table: usize): bool {
  return changetype<Gro>(table).used === 0;
}

export function groRecent(table: usize): usize {
  return changetype<Gro>(table).recent;
}

export function groSetRecent(table: usize, link: usize): void {
  changetype<Gro>(table).recent = link;
}

function bucketAt(table: usize, hash: u32): usize {
  return table + 8 + ((hash & (GRO_HASH_BUCKETS - 1)) << 3);
}

/** Address of the link that leads to the first held packet with `hash`, or 0. The caller compares the flow itself. */
export function groFirst(table: usize, hash: u32): usize {
  return next(bucketAt(table, hash), hash);
}

/** The one after the one that `link` leads to. */
export function groNext(link: usize, hash: u32): usize {
  return next(load<u32>(link), hash);
}

/** A link is the address of a bucket's head or of an skb, whose first word is `next`. */
function next(link: usize, hash: u32): usize {
  for (let p = load<u32>(link); p !== 0; p = load<u32>(link)) {
    if (groCb(changetype<SkBuff>(p)).hash === hash) return link;
    link = p;
  }
  return 0;
}

/** Holds `skb`, a new flow; the oldest of a full bucket goes up first. Returns the new n of `list`. */
export function groHold(table: usize, skb: SkBuff, hash: u32, list: usize, n: u32): u32 {
  const bucket = bucketAt(table, hash);
  if (load<u32>(bucket, 4) === MAX_GRO_SKBS) {
    let link = bucket;
    while (changetype<SkBuff>(load<u32>(link)).next !== 0) link = load<u32>(link);
    n = groRelease(table, link, list, n);
  }
  skb.next = load<u32>(bucket);
  store<u32>(bucket, changetype<usize>(skb));
  store<u32>(bucket, load<u32>(bucket, 4) + 1, 4);
  const gro = changetype<Gro>(table);
  gro.recent = 0;
  gro.used |= 1 << (hash & (GRO_HASH_BUCKETS - 1));
  return n;
}

/** Takes the packet that `link` leads to out, completes it and appends it to `list`; returns the new n. */
export function groRelease(table: usize, link: usize, list: usize, n: u32): u32 {
  const skb = changetype<SkBuff>(load<u32>(link));
  const hash = groCb(skb).hash;
  const bucket = bucketAt(table, hash);
  store<u32>(link, skb.next);
  store<u32>(bucket, load<u32>(bucket, 4) - 1, 4);
  changetype<Gro>(table).recent = 0;
  if (load<u32>(bucket) === 0) changetype<Gro>(table).used &= ~(1 << (hash & (GRO_HASH_BUCKETS - 1)));
  complete(skb);
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

/** Releases all packets, the oldest flow of a bucket first. */
export function groReleaseAll(table: usize, list: usize, n: u32): u32 {
  const gro = changetype<Gro>(table);
  while (gro.used !== 0) {
    const bucket = bucketAt(table, ctz(gro.used));
    let link = bucket;
    while (changetype<SkBuff>(load<u32>(link)).next !== 0) link = load<u32>(link);
    n = groRelease(table, link, list, n);
  }
  return n;
}

/** Releases what is held between the addresses of `skb`, whose ports cannot be read: it must not pass them. */
export function groReleaseAddrs(table: usize, skb: SkBuff, list: usize, n: u32): u32 {
  const v4 = load<u8>(skb.data) >> 4 === 4;
  const at: u32 = v4 ? 12 : 8;
  const bytes: u32 = v4 ? 8 : 32;
  if (skbHeadlen(skb) < at + bytes) return groReleaseAll(table, list, n);
  for (let i: u32 = 0; i < GRO_HASH_BUCKETS; i++) {
    let link = bucketAt(table, i);
    while (load<u32>(link) !== 0) {
      const p = changetype<SkBuff>(load<u32>(link));
      const same = p.protocol === skb.protocol && memory.compare(p.data + at, skb.data + at, bytes) === 0;
      if (same) n = groRelease(table, link, list, n);
      else link = changetype<usize>(p);
    }
  }
  return n;
}

/**
 * Hangs the payload of `skb`, behind `hlen` bytes of headers, on the held `p` and frees the record. False, and
 * nothing changed, when `p` has no room.
 */
export function groMerge(p: SkBuff, skb: SkBuff, hlen: u32): bool {
  const linear = skbHeadlen(skb) - hlen;
  const more: u32 = skb.frags === 0 ? 0 : changetype<FragTable>(skb.frags).n;
  const pieces = more + <u32>(linear !== 0);
  const n: u32 = p.frags === 0 ? 0 : changetype<FragTable>(p.frags).n;
  if (n + pieces > MAX_SKB_FRAGS) return false;
  if (p.frags === 0) {
    p.frags = fragTableAlloc();
    if (p.frags === 0) return false;
  }
  const table = p.frags;
  const frags = changetype<FragTable>(table);
  frags.n = n + pieces;
  const frag = fragAt(table, n);
  if (linear !== 0) {
    frag.ptr = skb.data + hlen;
    frag.len = linear;
    frag.owner = skb.head;
  } else {
    slotPut(skb.head);
  }
  const r = root();
  if (more !== 0) {
    const to = changetype<usize>(frag) + (linear !== 0 ? FRAG_BYTES : 0);
    memory.copy(to, changetype<usize>(fragAt(skb.frags, 0)), more * FRAG_BYTES);
    changetype<FragTable>(skb.frags).n = 0;
    poolFree(changetype<Pool>(r.fragTablePool), skb.frags);
  }
  const payload = skb.len - hlen;
  if (r.trace !== 0)
    traceEvent(
      TraceKind.GRO,
      TraceGro.MERGED,
      changetype<usize>(skb),
      skb.dev,
      changetype<usize>(p),
      p.traceId,
    );
  p.len += payload;
  p.dataLen += payload;
  poolFree(changetype<Pool>(r.skbPool), changetype<usize>(skb));
  return true;
}

/** Makes a GSO packet of one that has been merged; one that was alone goes as it came. */
function complete(p: SkBuff): void {
  const cb = groCb(p);
  const count = cb.count;
  const mss = cb.mss;
  const flags = cb.flags;
  p.next = 0;
  p.cb0 = 0;
  p.cb1 = 0;
  p.cb2 = 0;
  p.cb3 = 0;
  p.cb4 = 0;
  p.cb5 = 0;
  if (root().trace !== 0)
    traceEvent(TraceKind.GRO, TraceGro.COMPLETE, changetype<usize>(p), p.dev, count, p.traceId);
  if (count === 1) return;
  const iph = p.data;
  const v4 = load<u8>(iph) >> 4 === 4;
  const nhlen: u32 = v4 ? 20 : 40;
  const proto = v4 ? ipv4Protocol(iph) : ipv6Nexthdr(iph);
  const th = iph + nhlen;
  const len = p.len - nhlen;
  if (v4) {
    store<u16>(iph, bswap<u16>(<u16>p.len), 2);
    store<u16>(iph, 0, 10);
    store<u16>(iph, ipFastCsum(iph, 5), 10);
  } else {
    store<u16>(iph, bswap<u16>(<u16>len), 4);
  }
  let gsoType: u32 = (flags & GRO_FIXED_ID) !== 0 ? SKB_GSO_TCP_FIXEDID : 0;
  if (proto === IPPROTO_TCP) {
    gsoType |= v4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
    if ((tcpFlags(th) & TCPHDR_CWR) !== 0) gsoType |= SKB_GSO_TCP_ECN;
    skbPartialCsumSet(p, th, TCP_CHECK_OFFSET, pseudoSum(iph, len, IPPROTO_TCP));
  } else {
    gsoType |= SKB_GSO_UDP_L4;
    udpSetLen(th, len);
    skbPartialCsumSet(p, th, UDP_CHECK_OFFSET, pseudoSum(iph, len, IPPROTO_UDP));
  }
  p.transportHeader = th;
  p.gsoSize = <u16>mss;
  p.gsoSegs = <u16>count;
  p.gsoType = <u8>gsoType;
  p.flags |= SKB_F_GRO;
}

/** Frees the table; its packets have been released. */
export function groTableFree(dev: NetDevice): void {
  kfree(dev.gro);
  dev.gro = 0;
}
