/**
 * Sets the pools of skb/pool up for unit tests of what stands on them, makes skbs of bytes and reads them back, and
 * tells whether all came back. Not part of the core. Call testInit (lib/testing) first: the pools lie in its arena.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { LARGE_SLOT_BYTES, SKB_HEADROOM, SLOT_BYTES, SLOT_STRIDE } from '../abi/layout';
import { PAGE_SIZE, pageAlloc } from '../lib/page_alloc';
import { SkbField } from '../abi/skb_field';
import { Pool, poolInit, poolMetaBytes } from '../lib/pool';
import { root } from '../lib/root';
import { consumeSkb } from './free';
import {
  allocSkb,
  FRAG_TABLE_BYTES,
  FragTable,
  fragAt,
  largeSlotAlloc,
  skbRecordAlloc,
  slotAlloc,
  slotRefsInit,
} from './pool';
import { SKB_BYTES, SkBuff } from './sk_buff';
import { skbAddFrag, skbClone, skbCopyBits, skbPut } from './skbuff';

/** Offsets of the fields that tests look at: `view.getUint32(skb + SKB_LEN.value, true)`. */
export const SKB_NEXT: u32 = offsetof<SkBuff>('next');
export const SKB_DEV: u32 = offsetof<SkBuff>('dev');
export const SKB_HEAD: u32 = offsetof<SkBuff>('head');
export const SKB_DATA: u32 = offsetof<SkBuff>('data');
export const SKB_LEN: u32 = offsetof<SkBuff>('len');
export const SKB_DATA_LEN: u32 = offsetof<SkBuff>('dataLen');
export const SKB_FRAGS: u32 = offsetof<SkBuff>('frags');
export const SKB_MAC_HEADER: u32 = offsetof<SkBuff>('macHeader');
export const SKB_NETWORK_HEADER: u32 = offsetof<SkBuff>('networkHeader');
export const SKB_TRANSPORT_HEADER: u32 = offsetof<SkBuff>('transportHeader');
export const SKB_DST: u32 = offsetof<SkBuff>('dst');
export const SKB_PROTOCOL: u32 = offsetof<SkBuff>('protocol');
export const SKB_PKT_TYPE: u32 = offsetof<SkBuff>('pktType');
export const SKB_IP_SUMMED: u32 = offsetof<SkBuff>('ipSummed');
export const SKB_CSUM_START: u32 = offsetof<SkBuff>('csumStart');
export const SKB_CSUM_OFFSET: u32 = offsetof<SkBuff>('csumOffset');
export const SKB_CSUM: u32 = offsetof<SkBuff>('csum');
export const SKB_GSO_SIZE: u32 = offsetof<SkBuff>('gsoSize');
export const SKB_GSO_SEGS: u32 = offsetof<SkBuff>('gsoSegs');
export const SKB_GSO_TYPE: u32 = offsetof<SkBuff>('gsoType');
export const SKB_FLAGS: u32 = offsetof<SkBuff>('flags');
export const SKB_MARK: u32 = offsetof<SkBuff>('mark');
export const SKB_IIF: u32 = offsetof<SkBuff>('iif');

function pages(bytes: u32): usize {
  const count = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
  const p = pageAlloc(count <= 1 ? 0 : 32 - clz(count - 1));
  assert(p !== 0, 'testSkbInit: testInit gave too little memory');
  return p;
}

function makePool(count: u32, size: u32): usize {
  const meta = pages(<u32>poolMetaBytes(count));
  poolInit(meta, pages(max(count * size, 1)), count, size);
  return meta;
}

/** Pools of `skbs` records and fragment tables, `small` and `large` slots (large may be 0), and the drop counters. */
export function testSkbInit(skbs: u32, small: u32, large: u32): void {
  assert(offsetof<SkBuff>() === SKB_BYTES, 'SKB_BYTES is the size of SkBuff');
  assert(offsetof<SkBuff>('queueMapping') === SkbField.QUEUE_MAPPING, 'abi/skb_field: queueMapping');
  assert(offsetof<SkBuff>('hash') === SkbField.HASH, 'abi/skb_field: hash');
  assert(offsetof<SkBuff>('traceId') === SkbField.TRACE_ID, 'abi/skb_field: traceId');
  const r = root();
  r.skbPool = makePool(skbs, SKB_BYTES);
  r.fragTablePool = makePool(skbs, FRAG_TABLE_BYTES);
  r.smallPool = makePool(small, SLOT_STRIDE);
  r.smallBase = changetype<Pool>(r.smallPool).base;
  r.smallEnd = r.smallBase + small * SLOT_STRIDE;
  r.smallRefs = pages(small * 2);
  slotRefsInit(r.smallRefs, small);
  r.largePool = 0;
  r.largeBase = 0;
  r.largeEnd = 0;
  if (large !== 0) {
    r.largePool = makePool(large, LARGE_SLOT_BYTES);
    r.largeBase = changetype<Pool>(r.largePool).base;
    r.largeEnd = r.largeBase + large * LARGE_SLOT_BYTES;
    r.largeRefs = pages(large * 2);
    slotRefsInit(r.largeRefs, large);
  }
  r.dropCounts = pages(SkbDropReason.MAX << 3);
  memory.fill(r.dropCounts, 0, SkbDropReason.MAX << 3);
}

/** Records, fragment tables and slots that are not back in their pools: 0 when nothing leaked. */
export function testSkbLeaks(): u32 {
  const r = root();
  let out = taken(r.skbPool) + taken(r.fragTablePool) + taken(r.smallPool);
  if (r.largePool !== 0) out += taken(r.largePool);
  return out;
}

function taken(pool: usize): u32 {
  return changetype<Pool>(pool).count - changetype<Pool>(pool).free;
}

/** Takes records (`which` 0), small slots (1), large slots (2) or fragment tables (3) away, all but `left`. */
export function testPoolKeep(which: u32, left: u32): void {
  const r = root();
  const at =
    which === 0 ? r.skbPool : which === 1 ? r.smallPool : which === 2 ? r.largePool : r.fragTablePool;
  const pool = changetype<Pool>(at);
  pool.count -= pool.free - left;
  pool.free = left;
}

/** Drops counted for `reason` so far. */
export function testDropCount(reason: u32): u32 {
  return <u32>load<u64>(root().dropCounts + (reason << 3));
}

/** A linear skb of the `len` bytes at `ptr`; 0 when no slot is free. */
export function testSkb(ptr: usize, len: u32): usize {
  const skb = allocSkb(len);
  if (skb === null) return 0;
  memory.copy(skbPut(skb, len), ptr, len);
  return changetype<usize>(skb);
}

/** An skb of the `len` bytes at `ptr`: `linear` of them in the linear part, the rest in fragments of `fragLen`. */
export function testSkbFrags(ptr: usize, len: u32, linear: u32, fragLen: u32): usize {
  const p = testSkb(ptr, min(linear, len));
  if (p === 0) return 0;
  const skb = changetype<SkBuff>(p);
  for (let at = linear; at < len; at += fragLen) {
    const take = min(fragLen, len - at);
    const slot = take <= SLOT_BYTES ? slotAlloc() : largeSlotAlloc();
    assert(slot !== 0, 'testSkbFrags: no slot');
    memory.copy(slot, ptr + at, take);
    assert(skbAddFrag(skb, slot, take, slot), 'testSkbFrags: too many fragments');
  }
  return p;
}

/** An skb whose bytes in the slot are not copied but lie at `ptr`, `headroom` unused bytes before them: for over-reads. */
export function testSkbAt(ptr: usize, len: u32): usize {
  const skb = skbRecordAlloc();
  if (skb === null) return 0;
  const slot = slotAlloc();
  skb.head = slot;
  skb.end = slot + SLOT_BYTES;
  skb.data = slot + SKB_HEADROOM;
  if (!skbAddFrag(skb, ptr, len, 0)) return 0;
  return changetype<usize>(skb);
}

/** Copies the packet from `data` on, fragments included, to `to`; returns its length. */
export function testSkbRead(skb: usize, to: usize): u32 {
  const len = changetype<SkBuff>(skb).len;
  skbCopyBits(changetype<SkBuff>(skb), 0, to, len);
  return len;
}

/** True when the lengths of skb and fragments agree, and the linear part lies inside its slot. */
export function testSkbSane(p: usize): bool {
  const skb = changetype<SkBuff>(p);
  let inFrags: u32 = 0;
  if (skb.frags !== 0) {
    const n = changetype<FragTable>(skb.frags).n;
    if (n === 0) return false;
    for (let i: u32 = 0; i < n; i++) inFrags += fragAt(skb.frags, i).len;
  }
  if (inFrags !== skb.dataLen || skb.dataLen > skb.len) return false;
  return skb.data >= skb.head && skb.data + skb.len - skb.dataLen <= skb.end;
}

export function testSkbClone(skb: usize): usize {
  return changetype<usize>(skbClone(changetype<SkBuff>(skb)));
}

/** Ends an skb, or each of a `next`-linked list. */
export function testSkbFree(p: usize): void {
  while (p !== 0) {
    const skb = changetype<SkBuff>(p);
    p = skb.next;
    consumeSkb(skb);
  }
}
