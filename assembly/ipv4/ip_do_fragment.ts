/**
 * Fragmentation (RFC 791 §2.3, §3.2): a packet larger than the MTU becomes several. Linux: ip_fragment and
 * ip_do_fragment of net/ipv4/ip_output.c.
 *
 *   data ─► header │ payload ............................ │
 *           header' │ n * 8 bytes │  header'' │ n * 8 │  header'' │ rest │      ' offset, MF, tot_len, checksum
 *                                                                             '' and options without copy flag out
 *
 * A fragment that fits a small slot is copied into one, which leaves it linear for the driver; a larger one shares
 * the payload by reference.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { SKB_HEADROOM, SLOT_BYTES } from '../abi/layout';
import { Mib } from '../abi/snmp';
import { skbChecksumHelp } from '../dev/checksum_help';
import { ipFastCsum } from '../lib/checksum';
import { Net, mibInc } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfctGet } from '../skb/nfct';
import { Frag, FragTable, allocSkb, fragAt, slotGet, slotPut } from '../skb/pool';
import {
  CHECKSUM_PARTIAL,
  SKB_F_FORWARDED,
  SKB_F_IGNORE_DF,
  SKB_F_NFTRACE,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull, skbAddFrag, skbCopyBits, skbCowHead, skbPut } from '../skb/skbuff';
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../wire/icmp';
import {
  IPV4_HDR_LEN,
  IP_DF,
  IP_MF,
  IP_OFFSET,
  ipv4FragOff,
  ipv4Ihl,
  ipv4SetFragOff,
  ipv4SetTotLen,
} from '../wire/ipv4';
import { icmpSend } from './icmp';
import { IPSKB_FRAGLIST, IPSKB_FRAG_COMPLETE, IPSKB_FRAG_PMTU, ipCb } from './ip_cb';
import { ipOptionsFragment } from './ip_options';

/**
 * Cuts the packet (data at its IPv4 header, linear) into fragments of at most `mtu` bytes, linked by next. Owns the
 * skb. Null: it may not be fragmented (its sender is told) or memory ran out; it is gone and counted.
 */
export function ipDoFragment(net: Net, skb: SkBuff, mtu: u32): SkBuff | null {
  const cb = ipCb(skb);
  const fragOff = ipv4FragOff(skb.data);
  if ((fragOff & IP_DF) !== 0) {
    if ((skb.flags & SKB_F_IGNORE_DF) === 0 || <u32>cb.fragMaxSize > mtu) {
      mibInc(net, Mib.IpFragFails);
      icmpSend(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
      kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
      return null;
    }
  }
  const hlen = ipv4Ihl(skb.data);
  const size = cb.fragMaxSize !== 0 ? min(<u32>cb.fragMaxSize, mtu) : mtu;
  // Room for at least 8 bytes of payload, or there would be no end (RFC 791 §3.2: every link takes 68 bytes).
  if (size < hlen + 8 || !pskbMayPull(skb, hlen)) return fail(net, skb, SkbDropReason.PKT_TOO_BIG);
  if (skb.ipSummed === CHECKSUM_PARTIAL && !skbChecksumHelp(skb)) return fail(net, skb, SkbDropReason.NOMEM);
  // The header changes between fragments, and others may have the same buffer.
  if (!skbCowHead(skb, 0)) return fail(net, skb, SkbDropReason.NOMEM);
  ipCb(skb).flags |= IPSKB_FRAG_COMPLETE;
  const asReceived = (cb.flags & IPSKB_FRAGLIST) !== 0 && geometryFits(skb, hlen, size - hlen);
  const list = cut(net, skb, hlen, size - hlen, asReceived);
  if (list === null) return fail(net, skb, SkbDropReason.NOMEM);
  consumeSkb(skb);
  mibInc(net, Mib.IpFragOKs);
  return list;
}

function fail(net: Net, skb: SkBuff, reason: SkbDropReason): SkBuff | null {
  mibInc(net, Mib.IpFragFails);
  kfreeSkbReason(skb, reason);
  return null;
}

/** Linux's fast path: the packet came in fragments that fit, so it goes on in the same ones. */
function geometryFits(skb: SkBuff, hlen: u32, room: u32): bool {
  const first = skbHeadlen(skb) - hlen;
  if (
    skb.frags === 0 ||
    first > room ||
    (first & 7) !== 0 ||
    (ipv4FragOff(skb.data) & (IP_OFFSET | IP_MF)) !== 0
  )
    return false;
  const n = changetype<FragTable>(skb.frags).n;
  for (let i: u32 = 0; i < n; i++) {
    const len = fragAt(skb.frags, i).len;
    if (len > room || ((len & 7) !== 0 && i + 1 < n)) return false;
  }
  return true;
}

function cut(net: Net, skb: SkBuff, hlen: u32, room: u32, asReceived: bool): SkBuff | null {
  const iph = skb.data;
  const fragOff = ipv4FragOff(iph);
  // Of a fragment that is cut again, all pieces have MF but the last piece of the last fragment.
  const moreBehind = fragOff & IP_MF;
  const df = !asReceived && (ipCb(skb).flags & IPSKB_FRAG_PMTU) !== 0 ? IP_DF : 0;
  let offset = (fragOff & IP_OFFSET) << 3;
  let at = hlen;
  let left = skb.len - hlen;
  let head: usize = 0;
  let tail: usize = 0;
  let piece: u32 = 0;
  while (left > 0) {
    let len = asReceived ? pieceLen(skb, hlen, piece) : min(left, room);
    if (len < left) len &= ~7;
    const made = makeFragment(skb, hlen, at, len);
    if (made === null) {
      dropFragments(head);
      return null;
    }
    const fragment = made;
    left -= len;
    const header = fragment.data;
    ipv4SetFragOff(header, (offset >> 3) | df | (left > 0 ? IP_MF : moreBehind));
    ipv4SetTotLen(header, hlen + len);
    store<u16>(header, 0, 10);
    store<u16>(header, ipFastCsum(header, hlen >> 2), 10);
    // RFC 791 §3.1, copied flag: once the first fragment has them all, the others carry what must be copied.
    if (offset === 0 && hlen > IPV4_HDR_LEN) ipOptionsFragment(iph);
    at += len;
    offset += len;
    piece++;
    if (tail !== 0) changetype<SkBuff>(tail).next = changetype<usize>(fragment);
    else head = changetype<usize>(fragment);
    tail = changetype<usize>(fragment);
  }
  for (let i: u32 = 0; i < piece; i++) mibInc(net, Mib.IpFragCreates);
  return changetype<SkBuff | null>(head);
}

function pieceLen(skb: SkBuff, hlen: u32, piece: u32): u32 {
  return piece === 0 ? skbHeadlen(skb) - hlen : fragAt(skb.frags, piece - 1).len;
}

/** A packet with a copy of the header and `len` bytes of the payload from `at`; null: memory ran out. */
function makeFragment(skb: SkBuff, hlen: u32, at: u32, len: u32): SkBuff | null {
  const copies = hlen + len <= SLOT_BYTES - SKB_HEADROOM;
  const fragment = allocSkb(copies ? hlen + len : hlen);
  if (fragment === null) return null;
  const header = skbPut(fragment, hlen);
  memory.copy(header, skb.data, hlen);
  if (copies) skbCopyBits(skb, at, skbPut(fragment, len), len);
  else if (!sharePart(skb, at, len, fragment)) {
    consumeSkb(fragment);
    return null;
  }
  fragment.networkHeader = header;
  fragment.transportHeader = header + hlen;
  fragment.dev = skb.dev;
  fragment.dst = skb.dst;
  fragment.protocol = skb.protocol;
  fragment.pktType = skb.pktType;
  fragment.flags = skb.flags & (SKB_F_FORWARDED | SKB_F_IGNORE_DF | SKB_F_NFTRACE);
  fragment.mark = skb.mark;
  fragment.hash = skb.hash;
  fragment.priority = skb.priority;
  fragment.iif = skb.iif;
  fragment.tstamp = skb.tstamp;
  fragment.nfct = skb.nfct;
  nfctGet(skb.nfct);
  fragment.traceId = skb.traceId;
  fragment.queueMapping = skb.queueMapping;
  ipCb(fragment).flags = ipCb(skb).flags & ~IPSKB_FRAGLIST;
  return fragment;
}

/** Adds `len` bytes of `skb` from `at` to `to` by reference; false, with what was added still there, when it cannot. */
function sharePart(skb: SkBuff, at: u32, len: u32, to: SkBuff): bool {
  const linear = skbHeadlen(skb);
  if (at < linear) {
    const take = min(linear - at, len);
    if (!share(to, skb.data + at, take, skb.head)) return false;
    at += take;
    len -= take;
  }
  let begin = linear;
  for (let i: u32 = 0; len > 0; i++) {
    const frag: Frag = fragAt(skb.frags, i);
    if (at - begin < frag.len) {
      const take = min(frag.len - (at - begin), len);
      if (!share(to, frag.ptr + (at - begin), take, frag.owner)) return false;
      at += take;
      len -= take;
    }
    begin += frag.len;
  }
  return true;
}

function share(to: SkBuff, ptr: usize, len: u32, owner: usize): bool {
  slotGet(owner);
  if (skbAddFrag(to, ptr, len, owner)) return true;
  slotPut(owner);
  return false;
}

function dropFragments(at: usize): void {
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    consumeSkb(skb);
  }
}
