/**
 * Cuts a GSO packet into segments that have its headers as they are. Linux: skb_segment (net/core/skbuff.c).
 *
 *   headers │ payload ................      headers │ payload[0..mss)
 *                                       ─►  headers │ payload[mss..2mss)
 *                                           headers │ rest
 *
 * The payload is copied and summed while it passes, or, when the device gathers (SG), shared by fragments that hold
 * a reference to its slot. Some 45 segments are made per packet, so all that is the same for them is done once: the
 * pools are asked for all of them, and references are counted per slot.
 */
import { LARGE_SLOT_BYTES, MAX_SKB_FRAGS, SKB_HEADROOM, SLOT_BYTES } from '../abi/layout';
import { csumBlockAdd, csumPartial, csumPartialCopy } from '../lib/checksum';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import { consumeSkb } from '../skb/free';
import { nfctGet } from '../skb/nfct';
import { FragTable, fragAt, largeSlotAlloc, slotBytes, slotHold } from '../skb/pool';
import { CHECKSUM_NONE, SKB_BYTES, SKB_F_CLONED, SKB_F_GRO, SkBuff, skbHeadlen } from '../skb/sk_buff';

/** The fields of an skb from here on are the same in all segments. */
const SAME_FROM: u32 = 48;

/**
 * The segments of `skb`, whose headers (`hlen` bytes, linear) have their addresses set, linked by `next`; with `sum`,
 * `csum` of each is the sum of its payload. What the record says about GSO and checksum is gone from `skb`, too.
 * null when memory ran out, and nothing is kept.
 */
export function gsoCut(skb: SkBuff, hlen: u32, gather: bool, sum: bool): SkBuff | null {
  const mss = <u32>skb.gsoSize;
  const data = skb.data;
  const network = skb.networkHeader - data;
  const transport = skb.transportHeader - data;
  let left = skb.len - hlen;
  const count: u32 = left === 0 ? 1 : (left + mss - 1) / mss;
  const share = gather && left !== 0;
  const bytes = share ? hlen : hlen + min(left, mss);
  const small = bytes <= SLOT_BYTES - SKB_HEADROOM;
  if (bytes > LARGE_SLOT_BYTES - SKB_HEADROOM) return null;
  // A segment has fewer pieces than its packet, unless it is the only one.
  if (share && count === 1 && piecesOf(skb, hlen) > MAX_SKB_FRAGS) return null;
  const r = root();
  const skbs = changetype<Pool>(r.skbPool);
  const slots = changetype<Pool>(r.smallPool);
  const tables = changetype<Pool>(r.fragTablePool);
  const slotsWanted: u32 = small ? count : 0;
  const tablesWanted: u32 = share ? count : 0;
  if (skbs.free < count || slots.free < slotsWanted || tables.free < tablesWanted) return null;
  // Taken all at once, and used from the top down: what is not used can be given back by its number.
  skbs.free -= count;
  slots.free -= slotsWanted;
  tables.free -= tablesWanted;
  const skbStack = skbs.stack + (skbs.free << 2);
  const slotStack = slots.stack + (slots.free << 2);
  const tableStack = tables.stack + (tables.free << 2);
  forgetGso(skb);

  // The piece of the source that is next: the rest of the linear part, then one fragment after the other.
  let from = data + hlen;
  let fromLeft = skbHeadlen(skb) - hlen;
  let owner = skb.head;
  let shares: u32 = 0;
  let frag: u32 = 0;
  let first: usize = 0;
  let tail: usize = 0;
  for (let i = count; i !== 0; ) {
    i--;
    const take = min(left, mss);
    const slot = small ? load<u32>(slotStack + (i << 2)) : largeSlotAlloc();
    if (slot === 0) {
      slotHold(owner, shares);
      skbs.free += i + 1;
      if (share) tables.free += i + 1;
      freeSegments(first);
      return null;
    }
    const to = slot + SKB_HEADROOM;
    const segment = changetype<SkBuff>(load<u32>(skbStack + (i << 2)));
    if (tail !== 0) changetype<SkBuff>(tail).next = changetype<usize>(segment);
    else first = changetype<usize>(segment);
    tail = changetype<usize>(segment);
    Segment.copyRecord(tail, changetype<usize>(skb));
    Segment.copyHeader(to, data, hlen);
    segment.next = 0;
    segment.dev = skb.dev;
    segment.head = slot;
    segment.end = small ? slot + SLOT_BYTES : slot + slotBytes(slot);
    segment.data = to;
    segment.len = hlen + take;
    segment.macHeader = to;
    segment.networkHeader = to + network;
    segment.transportHeader = to + transport;
    segment.dst = skb.dst;
    if (skb.nfct !== 0) nfctGet(skb.nfct);

    let done: u32 = 0;
    let acc: u32 = 0;
    let pieces: u32 = 0;
    const table = share ? load<u32>(tableStack + (i << 2)) : 0;
    while (done < take) {
      if (fromLeft === 0) {
        slotHold(owner, shares);
        shares = 0;
        const piece = fragAt(skb.frags, frag++);
        from = piece.ptr;
        fromLeft = piece.len;
        owner = piece.owner;
        continue;
      }
      const piece = min(take - done, fromLeft);
      let part: u32 = 0;
      if (share) {
        const to = fragAt(table, pieces);
        to.ptr = from;
        to.len = piece;
        to.owner = owner;
        pieces++;
        shares++;
        if (sum) part = csumPartial(from, piece, 0);
      } else if (sum) {
        part = csumPartialCopy(from, to + hlen + done, piece, 0);
      } else {
        memory.copy(to + hlen + done, from, piece);
      }
      acc = done === 0 ? part : csumBlockAdd(acc, part, done);
      done += piece;
      from += piece;
      fromLeft -= piece;
    }
    segment.csum = acc;
    segment.dataLen = share ? take : 0;
    segment.frags = table;
    if (share) changetype<FragTable>(table).n = pieces;
    left -= take;
  }
  slotHold(owner, shares);
  return changetype<SkBuff>(first);
}

/** Pieces that the payload behind `hlen` lies in. */
function piecesOf(skb: SkBuff, hlen: u32): u32 {
  const n: u32 = skb.frags === 0 ? 0 : changetype<FragTable>(skb.frags).n;
  return n + <u32>(skbHeadlen(skb) !== hlen);
}

function forgetGso(skb: SkBuff): void {
  skb.ipSummed = CHECKSUM_NONE;
  skb.csum = 0;
  skb.gsoSize = 0;
  skb.gsoSegs = 0;
  skb.gsoType = 0;
  skb.flags &= ~(SKB_F_CLONED | SKB_F_GRO);
}

function freeSegments(first: usize): void {
  for (let at = first; at !== 0; ) {
    const segment = changetype<SkBuff>(at);
    at = segment.next;
    consumeSkb(segment);
  }
}

/** In line, once per segment. */
class Segment {
  /** All of the record that segments have in common. */
  @inline
  static copyRecord(to: usize, from: usize): void {
    if (ASC_FEATURE_SIMD) {
      v128.store(to, v128.load(from, 48), 48);
      v128.store(to, v128.load(from, 64), 64);
      v128.store(to, v128.load(from, 80), 80);
      v128.store(to, v128.load(from, 96), 96);
      v128.store(to, v128.load(from, 112), 112);
    } else {
      memory.copy(to + SAME_FROM, from + SAME_FROM, SKB_BYTES - SAME_FROM);
    }
  }

  /** memory.copy is a call; headers are short and never below 42 bytes: steps of 16, the last one overlapping. */
  @inline
  static copyHeader(to: usize, from: usize, n: u32): void {
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
}
