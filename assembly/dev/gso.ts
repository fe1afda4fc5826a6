/**
 * GSO: one large packet becomes the segments that it stands for, when the device cannot do that itself.
 * Linux: net/core/gso.c, skb_segment (net/core/skbuff.c).
 *
 *   headers │ payload ................      headers' │ payload[0..mss)
 *                                       ─►  headers' │ payload[mss..2mss)      headers mended by gso_tcp, gso_udp
 *                                           headers' │ rest
 *
 * The payload is copied and summed while it passes, or, when the device gathers (SG), shared by fragments that hold
 * a reference to its slot.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { SKB_HEADROOM, SLOT_BYTES } from '../abi/layout';
import { csumBlockAdd, csumPartial, csumPartialCopy } from '../lib/checksum';
import { Pool, poolAlloc } from '../lib/pool';
import { root } from '../lib/root';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { allocSkb, fragAt, slotAlloc, slotGet, slotPut } from '../skb/pool';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  SKB_BYTES,
  SKB_F_CLONED,
  SKB_F_GRO,
  SKB_GSO_TCP_FIXEDID,
  SKB_GSO_UDP_L4,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { skbAddFrag } from '../skb/skbuff';
import { ETH_HLEN } from '../wire/ethernet';
import { UDP_CHECK_OFFSET } from '../wire/udp';
import { gsoTransportHdrLen, gsoTransportOffset } from './gso_headers';
import { gsoIpSegments } from './gso_ip';
import { gsoTcpSegments } from './gso_tcp';
import { gsoUdpSegments } from './gso_udp';

/**
 * Consumes a GSO skb, data at its Ethernet header, and returns its segments linked by `next`, in order, each complete
 * for a device with `features` (NetifF). null: dropped, and counted as SKB_GSO_SEG or NOMEM.
 */
export function gsoSegment(skb: SkBuff, features: u32): SkBuff | null {
  const gsoType: u32 = skb.gsoType;
  // Behind a VLAN tag the network header is further away.
  const known = skb.networkHeader - skb.data;
  const network = skb.networkHeader !== 0 && known >= ETH_HLEN && known < skb.len ? known : ETH_HLEN;
  const transport = skb.gsoSize === 0 ? 0 : gsoTransportOffset(skb, network, gsoType);
  if (transport === 0 || transport > 0xffff - SKB_HEADROOM) {
    kfreeSkbReason(skb, SkbDropReason.SKB_GSO_SEG);
    return null;
  }
  const hlen = transport + gsoTransportHdrLen(skb, transport, gsoType);
  skb.macHeader = skb.data;
  skb.networkHeader = skb.data + network;
  skb.transportHeader = skb.data + transport;
  const partial = (features & NetifF.HW_CSUM) !== 0;
  const first = cut(skb, hlen, (features & NetifF.SG) !== 0, !partial);
  if (first === null) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return null;
  }
  gsoIpSegments(first, (gsoType & SKB_GSO_TCP_FIXEDID) !== 0);
  if ((gsoType & SKB_GSO_UDP_L4) !== 0) {
    // RFC 768: a sum of zero is that of a sender that makes none, unless it only stands for a partial one.
    const none = skb.ipSummed !== CHECKSUM_PARTIAL && load<u16>(skb.transportHeader, UDP_CHECK_OFFSET) === 0;
    gsoUdpSegments(first, partial, none);
  } else {
    gsoTcpSegments(first, skb.gsoSize, partial);
  }
  consumeSkb(skb);
  return first;
}

/**
 * Segments of `skb` with its headers as they are; with `sum`, `csum` of each is the sum of its payload. null when
 * memory ran out, and nothing is kept.
 */
function cut(skb: SkBuff, hlen: u32, share: bool, sum: bool): SkBuff | null {
  const mss = <u32>skb.gsoSize;
  const data = skb.data;
  const transport = skb.transportHeader - data;
  let left = skb.len - hlen;
  // The piece of the source that is next: the rest of the linear part, then one fragment after the other.
  let from = data + hlen;
  let fromLeft = skbHeadlen(skb) - hlen;
  let owner = skb.head;
  let frag: u32 = 0;
  let first: SkBuff | null = null;
  let tail: usize = 0;
  do {
    const take = min(left, mss);
    const made = allocSegment(share ? hlen : hlen + take);
    if (made === null) {
      freeSegments(first);
      return null;
    }
    const segment = made;
    inherit(segment, skb, transport);
    const to = segment.data;
    copyHeader(to, data, hlen);
    segment.len = hlen;
    if (tail !== 0) changetype<SkBuff>(tail).next = changetype<usize>(segment);
    else first = segment;
    tail = changetype<usize>(segment);

    let done: u32 = 0;
    let acc: u32 = 0;
    while (done < take) {
      if (fromLeft === 0) {
        const next = fragAt(skb.frags, frag++);
        from = next.ptr;
        fromLeft = next.len;
        owner = next.owner;
        continue;
      }
      const piece = min(take - done, fromLeft);
      if (share) {
        slotGet(owner);
        if (!skbAddFrag(segment, from, piece, owner)) {
          slotPut(owner);
          freeSegments(first);
          return null;
        }
        if (sum) acc = csumBlockAdd(acc, csumPartial(from, piece, 0), done);
      } else {
        const at = to + hlen + done;
        if (sum) acc = csumBlockAdd(acc, csumPartialCopy(from, at, piece, 0), done);
        else memory.copy(at, from, piece);
        segment.len += piece;
      }
      done += piece;
      from += piece;
      fromLeft -= piece;
    }
    segment.csum = acc;
    left -= take;
  } while (left !== 0);
  return first;
}

/** allocSkb without zeroing the record, which inherit fills. */
function allocSegment(bytes: u32): SkBuff | null {
  if (bytes > SLOT_BYTES - SKB_HEADROOM) return allocSkb(bytes);
  const slot = slotAlloc();
  if (slot === 0) return null;
  const record = poolAlloc(changetype<Pool>(root().skbPool));
  if (record === 0) {
    slotPut(slot);
    return null;
  }
  const segment = changetype<SkBuff>(record);
  segment.head = slot;
  segment.end = slot + SLOT_BYTES;
  segment.data = slot + SKB_HEADROOM;
  return segment;
}

/** What a segment has of its packet: all but the bytes, and what they say about GSO and checksum. */
function inherit(segment: SkBuff, skb: SkBuff, transport: u32): void {
  const head = segment.head;
  const end = segment.end;
  const data = segment.data;
  copyRecord(changetype<usize>(segment), changetype<usize>(skb));
  segment.next = 0;
  segment.head = head;
  segment.end = end;
  segment.data = data;
  segment.len = 0;
  segment.dataLen = 0;
  segment.frags = 0;
  segment.macHeader = data;
  segment.networkHeader = data + (skb.networkHeader - skb.macHeader);
  segment.transportHeader = data + transport;
  segment.ipSummed = CHECKSUM_NONE;
  segment.gsoSize = 0;
  segment.gsoSegs = 0;
  segment.gsoType = 0;
  segment.flags &= ~(SKB_F_CLONED | SKB_F_GRO);
}

function copyRecord(to: usize, from: usize): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(to, v128.load(from), 0);
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
    v128.store(to, v128.load(from, 64), 64);
    v128.store(to, v128.load(from, 80), 80);
    v128.store(to, v128.load(from, 96), 96);
    v128.store(to, v128.load(from, 112), 112);
  } else {
    memory.copy(to, from, SKB_BYTES);
  }
}

/** memory.copy is a call; headers are short and never below 42 bytes: steps of 16, the last one overlapping. */
function copyHeader(to: usize, from: usize, n: u32): void {
  if (ASC_FEATURE_SIMD) {
    const last = n - 16;
    for (let i: u32 = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + last, v128.load(from + last));
  } else {
    const last = n - 8;
    for (let i: u32 = 0; i < last; i += 8) store<u64>(to + i, load<u64>(from + i));
    store<u64>(to + last, load<u64>(from + last));
  }
}

function freeSegments(first: SkBuff | null): void {
  let at = changetype<usize>(first);
  while (at !== 0) {
    const segment = changetype<SkBuff>(at);
    at = segment.next;
    consumeSkb(segment);
  }
}
