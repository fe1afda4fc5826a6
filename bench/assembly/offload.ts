/**
 * GSO and GRO by themselves, on memory of their own: what dev/ does with one TCP packet of 64 KB, without ports and
 * routing around it. Packets are made and freed as always, but the payload stays where a card's DMA would put it: the
 * pools give the slot freed last first, so that each turn meets the slots of the one before.
 *
 *   gsoTake   slot with the headers, large slot with the payload ─► gsoSegment ─► list of segments
 *   groTake   a slot per frame ─► groReceiveList ─► packets at `list`
 *   groGive   frees them, and makes the first frame's headers, which became those of the whole, its own again
 */
import { NetifF } from '../../assembly/abi/features';
import { SKB_HEADROOM, SLOT_BYTES } from '../../assembly/abi/layout';
import { ethTypeTrans } from '../../assembly/dev/eth';
import { groReceiveList } from '../../assembly/dev/gro';
import { gsoSegment } from '../../assembly/dev/gso';
import { NetDevice } from '../../assembly/dev/net_device';
import { testDev } from '../../assembly/dev/testing';
import { kzalloc } from '../../assembly/lib/kmalloc';
import { testInit } from '../../assembly/lib/testing';
import { consumeSkb } from '../../assembly/skb/free';
import { allocSkb, largeSlotAlloc, skbRecordAlloc, slotAlloc, slotPut } from '../../assembly/skb/pool';
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SkBuff } from '../../assembly/skb/sk_buff';
import { skbAddFrag, skbPut } from '../../assembly/skb/skbuff';
import { testSkbInit } from '../../assembly/skb/testing';
import { ETH_HLEN } from '../../assembly/wire/ethernet';
import { IPV4_HDR_LEN } from '../../assembly/wire/ipv4';
import { TCP_CHECK_OFFSET } from '../../assembly/wire/tcp';

export {
  SKB_GSO_SEGS,
  SKB_LEN,
  SKB_NEXT,
  testSkbFree,
  testSkbLeaks,
  testSkbRead,
} from '../../assembly/skb/testing';

/** What the turns work with. */
@unmanaged
@final
class Offload {
  dev: usize;
  /** The frames: `count` of `bytes` each, with `hlen` of headers; and the headers of all of them in one. */
  frames: usize;
  count: u32;
  bytes: u32;
  hlen: u32;
  headers: usize;
  /** GRO: the slot of each frame (u32), and the list of a poll. */
  slots: usize;
  list: usize;
}

/**
 * Makes everything anew in the first `memoryBytes`, behind which the frames and headers lie; the payload comes from
 * the frames. Returns what the other functions want, or 0.
 */
export function offloadInit(
  memoryBytes: u32,
  frames: usize,
  count: u32,
  bytes: u32,
  headers: usize,
  hlen: u32,
): usize {
  testInit(memoryBytes);
  testSkbInit(count + 1, count + 1, 1);
  const p = kzalloc(offsetof<Offload>());
  const o = changetype<Offload>(p);
  o.dev = testDev(NetifF.SG | NetifF.GRO);
  o.frames = frames;
  o.count = count;
  o.bytes = bytes;
  o.hlen = hlen;
  o.headers = headers;
  o.slots = kzalloc(count << 2);
  o.list = kzalloc(count << 2);
  return p;
}

/** Puts the payload of all frames into the large slot. */
export function gsoPrepare(p: usize): void {
  const o = changetype<Offload>(p);
  const slot = largeSlotAlloc();
  const payload = o.bytes - o.hlen;
  for (let k: u32 = 0; k < o.count; k++) {
    memory.copy(slot + k * payload, o.frames + k * o.bytes + o.hlen, payload);
  }
  slotPut(slot);
}

/** The segments of a packet made for it, linked by `next`; 0 when something failed. */
export function gsoTake(p: usize): usize {
  const o = changetype<Offload>(p);
  const hlen = o.hlen;
  const made = allocSkb(hlen);
  if (made === null) return 0;
  const skb = made;
  memory.copy(skbPut(skb, hlen), o.headers, hlen);
  const payload = o.bytes - hlen;
  const slot = largeSlotAlloc();
  if (slot === 0 || !skbAddFrag(skb, slot, o.count * payload, slot)) return 0;
  skb.dev = o.dev;
  skb.macHeader = skb.data;
  skb.networkHeader = skb.data + ETH_HLEN;
  skb.transportHeader = skb.networkHeader + IPV4_HDR_LEN;
  skb.protocol = 0x0800;
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = <u16>(skb.transportHeader - skb.head);
  skb.csumOffset = <u16>TCP_CHECK_OFFSET;
  skb.gsoSize = <u16>payload;
  skb.gsoSegs = <u16>o.count;
  skb.gsoType = SKB_GSO_TCPV4;
  return changetype<usize>(gsoSegment(skb, NetifF.SG));
}

/** Cuts `times` packets and frees the segments; returns how many those were. */
export function gsoTurns(p: usize, times: u32): u32 {
  let made: u32 = 0;
  for (let i: u32 = 0; i < times; i++) {
    let at = gsoTake(p);
    while (at !== 0) {
      const segment = changetype<SkBuff>(at);
      at = segment.next;
      made++;
      consumeSkb(segment);
    }
  }
  return made;
}

/** Puts each frame into a slot, and the slots where the next allocations take them from. */
export function groPrepare(p: usize): void {
  const o = changetype<Offload>(p);
  for (let k: u32 = 0; k < o.count; k++) {
    const slot = slotAlloc();
    store<u32>(o.slots + (k << 2), slot);
    memory.copy(slot + SKB_HEADROOM, o.frames + k * o.bytes, o.bytes);
  }
  for (let k: u32 = 0; k < o.count; k++) slotPut(load<u32>(o.slots + (k << 2)));
}

/** Where frame `k` lies. */
export function groFrame(p: usize, k: u32): usize {
  return load<u32>(changetype<Offload>(p).slots + (k << 2)) + SKB_HEADROOM;
}

/** Packet `k` of those that came up. */
export function groPacket(p: usize, k: u32): usize {
  return load<u32>(changetype<Offload>(p).list + (k << 2));
}

/** One poll of all frames, with checksums that nobody vouches for; returns how many packets came up, 0 on failure. */
export function groTake(p: usize): u32 {
  const o = changetype<Offload>(p);
  const dev = changetype<NetDevice>(o.dev);
  const count = o.count;
  for (let k: u32 = 0; k < count; k++) {
    const made = skbRecordAlloc();
    // The slots come in the order that they were freed in; they are the same ones, and frame k is in slots[k].
    if (made === null || slotAlloc() === 0) return 0;
    const skb = made;
    const slot = load<u32>(o.slots + (k << 2));
    skb.dev = o.dev;
    skb.head = slot;
    skb.end = slot + SLOT_BYTES;
    skb.data = slot + SKB_HEADROOM;
    skb.len = o.bytes;
    ethTypeTrans(skb, dev);
    store<u32>(o.list + (k << 2), changetype<usize>(skb));
  }
  return groReceiveList(dev, o.list, count);
}

export function groGive(p: usize, n: u32): void {
  const o = changetype<Offload>(p);
  for (let k: u32 = 0; k < n; k++) consumeSkb(changetype<SkBuff>(load<u32>(o.list + (k << 2))));
  memory.copy(load<u32>(o.slots) + SKB_HEADROOM, o.frames, o.hlen);
}

/** Receives all frames `times` times and frees what comes up; returns how many packets those were. */
export function groTurns(p: usize, times: u32): u32 {
  let up: u32 = 0;
  for (let i: u32 = 0; i < times; i++) {
    const n = groTake(p);
    groGive(p, n);
    up += n;
  }
  return up;
}
