/**
 * Fragmentation by the source (RFC 8200 4.5). Linux: net/ipv6/ip6_output.c, ip6_fragment.
 *
 *   | unfragmentable part | Fragment header, offset 0, M | first piece |   each piece but the last a multiple of 8
 *   | unfragmentable part | Fragment header, offset n    | second piece|
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { skbChecksumHelp } from '../dev/checksum_help';
import { randomU32 } from '../lib/random';
import { Scratch, scratch } from '../lib/scratch';
import { Net, mibInc } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfctGet } from '../skb/nfct';
import { FragTable, allocSkb, fragAt } from '../skb/pool';
import { CHECKSUM_PARTIAL, SKB_F_FORWARDED, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { skbCopyBits, skbPut } from '../skb/skbuff';
import { ICMPV6_PKT_TOOBIG } from '../wire/icmpv6';
import {
  IPV6_HDR_LEN,
  NEXTHDR_DEST,
  NEXTHDR_HOP,
  NEXTHDR_ROUTING,
  NEXTHDR_FRAGMENT,
  ipv6Nexthdr,
  ipv6SetPayloadLen,
} from '../wire/ipv6';
import { IP6_MF, IPV6_FRAG_HDR_LEN, emitIpv6Frag, ipv6ExtLen, ipv6ExtNexthdr } from '../wire/ipv6_ext';
import { icmpv6Send } from './icmp';
import { IP6SKB_FRAGLIST, IPV6_NEXTHDR_OFFSET, ip6cbFragMaxSize, ip6cbHas, ip6cbInit } from './ip6cb';

/**
 * Cuts the packet (data at its IPv6 header) to fragments of at most `mtu` bytes. Consumes it and returns them as a
 * `next` list; null: it was dropped and counted.
 */
export function ip6DoFragment(net: Net, skb: SkBuff, mtu: u32): SkBuff | null {
  const where = scratch(Scratch.IP6_DO_FRAGMENT_WHERE);
  const hlen = firstFragopt(skb, where);
  const nhoff = load<u32>(where);
  // Only the source fragments, and who put together what came in fragments.
  const foreign = (skb.flags & SKB_F_FORWARDED) !== 0 && ip6cbFragMaxSize(skb) === 0;
  if (foreign || hlen === 0 || mtu < hlen + IPV6_FRAG_HDR_LEN + 8) {
    icmpv6Send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
    return fail(net, skb, SkbDropReason.PKT_TOO_BIG);
  }
  if (skb.ipSummed === CHECKSUM_PARTIAL && !skbChecksumHelp(skb))
    return fail(net, skb, SkbDropReason.SKB_CSUM);
  const most = (mtu - hlen - IPV6_FRAG_HDR_LEN) & ~7;
  const nexthdr = <u32>load<u8>(skb.data + nhoff);
  let id = randomU32();
  if (id === 0) id = 1;
  let head: SkBuff | null = null;
  let tail: SkBuff | null = null;
  const room = mtu - hlen - IPV6_FRAG_HDR_LEN;
  const asReceived = ip6cbHas(skb, IP6SKB_FRAGLIST) && geometryFits(skb, hlen, room);
  let offset = hlen;
  for (let i: u32 = 0; offset < skb.len; i++) {
    const left = skb.len - offset;
    let len = left <= room ? left : most;
    if (asReceived) len = i === 0 ? skbHeadlen(skb) - hlen : fragAt(skb.frags, i - 1).len;
    const piece = makePiece(skb, hlen, nhoff, offset, len);
    if (piece === null) {
      dropList(head);
      return fail(net, skb, SkbDropReason.NOMEM);
    }
    const more = len < left ? IP6_MF : 0;
    emitIpv6Frag(piece.data + hlen, nexthdr, (offset - hlen) | more, id);
    if (tail === null) head = piece;
    else tail.next = changetype<usize>(piece);
    tail = piece;
    mibInc(net, Mib.Ip6FragCreates);
    offset += len;
  }
  mibInc(net, Mib.Ip6FragOKs);
  consumeSkb(skb);
  return head;
}

/** Linux's fast path: the packet came in fragments that fit, so it goes on in the same ones. */
function geometryFits(skb: SkBuff, hlen: u32, room: u32): bool {
  const first = skbHeadlen(skb) - hlen;
  if (skb.frags === 0 || first > room || (first & 7) !== 0) return false;
  const n = changetype<FragTable>(skb.frags).n;
  for (let i: u32 = 0; i < n; i++) {
    const len = fragAt(skb.frags, i).len;
    if (len > room || ((len & 7) !== 0 && i !== n - 1)) return false;
  }
  return true;
}

function fail(net: Net, skb: SkBuff, reason: SkbDropReason): SkBuff | null {
  mibInc(net, Mib.Ip6FragFails);
  kfreeSkbReason(skb, reason);
  return null;
}

function dropList(at: SkBuff | null): void {
  while (at !== null) {
    const next = changetype<SkBuff | null>(at.next);
    kfreeSkbReason(at, SkbDropReason.NOMEM);
    at = next;
  }
}

/** One fragment, its Fragment header still to be written. */
function makePiece(skb: SkBuff, hlen: u32, nhoff: u32, offset: u32, len: u32): SkBuff | null {
  const piece = allocSkb(hlen + IPV6_FRAG_HDR_LEN + len);
  if (piece === null) return null;
  const p = skbPut(piece, hlen + IPV6_FRAG_HDR_LEN + len);
  memory.copy(p, skb.data, hlen);
  skbCopyBits(skb, offset, p + hlen + IPV6_FRAG_HDR_LEN, len);
  ipv6SetPayloadLen(p, hlen + IPV6_FRAG_HDR_LEN + len - IPV6_HDR_LEN);
  store<u8>(p + nhoff, <u8>NEXTHDR_FRAGMENT);
  piece.networkHeader = p;
  piece.transportHeader = p + hlen;
  piece.dev = skb.dev;
  piece.dst = skb.dst;
  piece.iif = skb.iif;
  piece.mark = skb.mark;
  piece.hash = skb.hash;
  piece.priority = skb.priority;
  piece.protocol = skb.protocol;
  piece.pktType = skb.pktType;
  piece.flags = skb.flags & SKB_F_FORWARDED;
  piece.nfct = skb.nfct;
  nfctGet(skb.nfct);
  ip6cbInit(piece);
  piece.cb1 = skb.cb1 & ~IP6SKB_FRAGLIST;
  return piece;
}

/**
 * Length of the headers "that must be processed by nodes en route": IPv6, Hop-by-Hop, Destination Options before a
 * Routing header, Routing. The offset of the next-header byte that ends them goes to `where`. 0: they do not fit.
 * Linux: ip6_find_1stfragopt.
 */
function firstFragopt(skb: SkBuff, where: usize): u32 {
  const linear = skbHeadlen(skb);
  let offset = IPV6_HDR_LEN;
  let nhoff = IPV6_NEXTHDR_OFFSET;
  let nexthdr = ipv6Nexthdr(skb.data);
  let routed = false;
  while (nexthdr === NEXTHDR_HOP || nexthdr === NEXTHDR_ROUTING || (nexthdr === NEXTHDR_DEST && !routed)) {
    if (nexthdr === NEXTHDR_ROUTING) routed = true;
    if (linear < offset + 8) return 0;
    const len = ipv6ExtLen(skb.data + offset, nexthdr);
    if (linear < offset + len) return 0;
    nexthdr = ipv6ExtNexthdr(skb.data + offset);
    nhoff = offset;
    offset += len;
  }
  store<u32>(where, nhoff);
  return offset;
}
