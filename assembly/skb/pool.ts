/**
 * Where skbs and their bytes come from and go to: a pool of records, a slab of 2 KB slots with headroom, one of
 * 64 KB slots for GSO-sized reads, and fragment tables. A slot has a reference count (clones, fragments of merged
 * packets); the pools are fixed by init, and an empty one is NOMEM, never a crash.
 */
import { LARGE_SLOT_BYTES, MAX_SKB_FRAGS, SKB_HEADROOM, SLOT_BYTES, SLOT_STRIDE } from '../abi/layout';
import { opIndex } from '../lib/ops';
import { Pool, poolAlloc, poolFree } from '../lib/pool';
import { root } from '../lib/root';
import { nfctPut } from './nfct';
import { SKB_BYTES, SkBuff } from './sk_buff';

/** The pieces of a packet that lie outside its linear part, in order. */
@unmanaged
@final
export class FragTable {
  n: u32;
  pad: u32;
}
export const FRAG_BYTES: u32 = 12;
export const FRAG_TABLE_BYTES: u32 = 8 + MAX_SKB_FRAGS * FRAG_BYTES;

/** A fragment: `len` bytes at `ptr`; `owner` is the slot whose reference it holds (0: foreign memory). */
@unmanaged
@final
export class Frag {
  ptr: usize;
  len: u32;
  owner: usize;
}

/**
 * Stands for a slot of a ring in foreign memory while a fragment lies there (see foreign.ts). Like a free slot of ours
 * a slot at rest has one reference.
 */
@unmanaged
@final
export class ForeignSlot {
  refs: u16;
  /** 1 while the slot is with the core. */
  taken: u16;
  /** Op that gives it back, (slot: usize) => void, and what that needs to know: the slot, the ring. */
  op: u32;
  arg: usize;
  ring: usize;
}
export const FOREIGN_SLOT_BYTES: u32 = 16;

export function fragAt(table: usize, i: u32): Frag {
  return changetype<Frag>(table + 8 + i * FRAG_BYTES);
}

/** Prepares the reference counts of `count` slots: a free slot has one reference, so that taking it writes nothing. */
export function slotRefsInit(refs: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u16>(refs + (i << 1), 1);
}

/** A small slot with one reference, or 0. */
export function slotAlloc(): usize {
  return poolAlloc(changetype<Pool>(root().smallPool));
}

/** A large slot with one reference, or 0. */
export function largeSlotAlloc(): usize {
  const pool = root().largePool;
  return pool === 0 ? 0 : poolAlloc(changetype<Pool>(pool));
}

function refsOf(slot: usize): usize {
  const r = root();
  if (slot - r.smallBase < r.smallEnd - r.smallBase)
    return r.smallRefs + (((slot - r.smallBase) / SLOT_STRIDE) << 1);
  if (slot - r.largeBase < r.largeEnd - r.largeBase)
    return r.largeRefs + (((slot - r.largeBase) / LARGE_SLOT_BYTES) << 1);
  return slot;
}

/** A slot of none of our pools: a ForeignSlot. */
export function slotIsForeign(slot: usize): bool {
  const r = root();
  if (slot === 0 || slot - r.smallBase < r.smallEnd - r.smallBase) return false;
  return slot - r.largeBase >= r.largeEnd - r.largeBase;
}

/** One more reference to the slot; 0 (foreign) is allowed. */
export function slotGet(slot: usize): void {
  if (slot === 0) return;
  const refs = refsOf(slot);
  store<u16>(refs, load<u16>(refs) + 1);
}

/** `n` more references to the slot; 0 (foreign) is allowed. */
export function slotHold(slot: usize, n: u32): void {
  if (slot === 0 || n === 0) return;
  const refs = refsOf(slot);
  store<u16>(refs, <u16>(load<u16>(refs) + n));
}

/** One reference less; the last gives the slot back to its pool. */
export function slotPut(slot: usize): void {
  if (slot === 0) return;
  const r = root();
  const refs = refsOf(slot);
  const held = load<u16>(refs);
  if (held !== 1) {
    store<u16>(refs, held - 1);
    return;
  }
  if (slot - r.smallBase < r.smallEnd - r.smallBase) poolFree(changetype<Pool>(r.smallPool), slot);
  else if (slot - r.largeBase < r.largeEnd - r.largeBase) poolFree(changetype<Pool>(r.largePool), slot);
  else call_indirect<void>(opIndex(changetype<ForeignSlot>(slot).op), slot);
}

export function slotShared(slot: usize): bool {
  return load<u16>(refsOf(slot)) !== 1;
}

/** Bytes that fit a slot behind its headroom; which slab it is of, by its address. */
export function slotBytes(slot: usize): u32 {
  const r = root();
  return slot - r.smallBase < r.smallEnd - r.smallBase ? SLOT_BYTES : LARGE_SLOT_BYTES;
}

export function fragTableAlloc(): usize {
  const table = poolAlloc(changetype<Pool>(root().fragTablePool));
  if (table !== 0) changetype<FragTable>(table).n = 0;
  return table;
}

/** In line where many slots are freed at once, with the fields of Root in locals: small is `base` to `base + bytes`. */
class SlotRef {
  /** slotPut of a slot that is mostly a small one. */
  @inline
  static put(slot: usize, base: usize, bytes: u32, refs: usize, pool: Pool): void {
    const offset = slot - base;
    if (offset >= bytes) {
      slotPut(slot);
    } else {
      const at = refs + ((offset / SLOT_STRIDE) << 1);
      const held = load<u16>(at);
      if (held === 1) poolFree(pool, slot);
      else store<u16>(at, held - 1);
    }
  }
}

/** Puts the references of all fragments and frees the table. */
export function fragTableFree(table: usize): void {
  const r = root();
  const slots = changetype<Pool>(r.smallPool);
  const base = r.smallBase;
  const bytes = r.smallEnd - base;
  const refs = r.smallRefs;
  const n = changetype<FragTable>(table).n;
  for (let i: u32 = 0; i < n; i++) SlotRef.put(fragAt(table, i).owner, base, bytes, refs, slots);
  // A table at rest is empty: foreignOrphanAll looks at every one.
  changetype<FragTable>(table).n = 0;
  poolFree(changetype<Pool>(r.fragTablePool), table);
}

/** Inlined where it is used, once per packet: a class, because only a method may be marked so. */
export class SkbRecord {
  /** Sets every field to zero. */
  @inline
  static clear(skb: SkBuff): void {
    const p = changetype<usize>(skb);
    if (ASC_FEATURE_SIMD) {
      const zero = i64x2.splat(0);
      v128.store(p, zero, 0);
      v128.store(p, zero, 16);
      v128.store(p, zero, 32);
      v128.store(p, zero, 48);
      v128.store(p, zero, 64);
      v128.store(p, zero, 80);
      v128.store(p, zero, 96);
      v128.store(p, zero, 112);
    } else {
      memory.fill(p, 0, SKB_BYTES);
    }
  }
}

/** An skb record with every field zero, or null. */
export function skbRecordAlloc(): SkBuff | null {
  if (offsetof<SkBuff>() !== SKB_BYTES) ERROR('SkBuff is not SKB_BYTES long');
  const p = poolAlloc(changetype<Pool>(root().skbPool));
  if (p === 0) return null;
  const skb = changetype<SkBuff>(p);
  SkbRecord.clear(skb);
  return skb;
}

/** Gives record, slot and fragments back. The callers with a meaning are in skb/free. */
export function skbRecordFree(skb: SkBuff): void {
  if (skb.frags !== 0) fragTableFree(skb.frags);
  if (skb.nfct !== 0) nfctPut(skb.nfct);
  const r = root();
  const base = r.smallBase;
  SlotRef.put(skb.head, base, r.smallEnd - base, r.smallRefs, changetype<Pool>(r.smallPool));
  poolFree(changetype<Pool>(r.skbPool), changetype<usize>(skb));
}

/**
 * skbRecordFree for the skbs of `count` transmit descriptors (abi TxDesc, skb at `skbOffset`, `step` apart) of a ring
 * that begins at `ring` and wraps at `end`.
 */
export function skbFreeSent(
  ring: usize,
  end: usize,
  from: usize,
  count: u32,
  skbOffset: usize,
  step: usize,
): void {
  const r = root();
  const skbs = changetype<Pool>(r.skbPool);
  const slots = changetype<Pool>(r.smallPool);
  const base = r.smallBase;
  const bytes = r.smallEnd - base;
  const refs = r.smallRefs;
  // Tops of the pools' stacks: a count in memory would be waited for, packet by packet.
  let skbTop = skbs.stack + (skbs.free << 2);
  let slotTop = slots.stack + (slots.free << 2);
  let at = from;
  for (let i: u32 = 0; i < count; i++) {
    const skb = changetype<SkBuff>(load<u32>(at + skbOffset));
    at += step;
    if (at === end) at = ring;
    const slot = skb.head;
    const offset = slot - base;
    const ref = refs + ((offset / SLOT_STRIDE) << 1);
    // Of a slot that is not small nothing is read: `ref` is behind the table.
    let odd = skb.frags | <u32>(offset >= bytes);
    if (odd === 0) odd = load<u16>(ref) ^ 1;
    if (odd !== 0) {
      slots.free = (slotTop - slots.stack) >> 2;
      if (skb.frags !== 0) fragTableFree(skb.frags);
      slotPut(slot);
      slotTop = slots.stack + (slots.free << 2);
    } else {
      store<u32>(slotTop, slot);
      slotTop += 4;
    }
    store<u32>(skbTop, changetype<usize>(skb));
    skbTop += 4;
  }
  slots.free = (slotTop - slots.stack) >> 2;
  skbs.free = (skbTop - skbs.stack) >> 2;
  assert(skbs.free <= skbs.count, 'skbFreeSent: freed twice');
}

/** Moves a whole packet from one record to another that has none, and gives the first back to the pool. */
export function skbRecordMove(to: SkBuff, from: SkBuff): void {
  memory.copy(changetype<usize>(to), changetype<usize>(from), SKB_BYTES);
  poolFree(changetype<Pool>(root().skbPool), changetype<usize>(from));
}

/** Gives a record back whose packet went to another (skbRecordMove). */
export function skbRecordForget(skb: SkBuff): void {
  poolFree(changetype<Pool>(root().skbPool), changetype<usize>(skb));
}

/** A new skb with an empty linear part behind `SKB_HEADROOM` bytes; room for `bytes`, or null. */
export function allocSkb(bytes: u32): SkBuff | null {
  const slot = bytes <= SLOT_BYTES - SKB_HEADROOM ? slotAlloc() : largeSlotAlloc();
  if (slot === 0) return null;
  if (bytes > slotBytes(slot) - SKB_HEADROOM) {
    slotPut(slot);
    return null;
  }
  const skb = skbRecordAlloc();
  if (skb === null) {
    slotPut(slot);
    return null;
  }
  skb.head = slot;
  skb.end = slot + slotBytes(slot);
  skb.data = slot + SKB_HEADROOM;
  return skb;
}
