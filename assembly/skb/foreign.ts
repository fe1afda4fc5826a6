/**
 * Fragments that lie in memory which is not ours: a slot of a ring that the kernel or a peer fills (the foreign
 * window). A packet may go through the core and out of another port with its payload there; whoever keeps it longer
 * than that makes it his own first. Linux: skb_orphan_frags, SKBFL_ZEROCOPY_ENABLE.
 *
 *   Frag.owner ─► ForeignSlot { refs, taken, op, ... }     the last slotPut calls op, which gives the slot back
 */
import { LARGE_SLOT_BYTES, SLOT_BYTES } from '../abi/layout';
import { Pool } from '../lib/pool';
import { root } from '../lib/root';
import {
  FRAG_TABLE_BYTES,
  Frag,
  FragTable,
  fragAt,
  largeSlotAlloc,
  slotAlloc,
  slotIsForeign,
  slotPut,
} from './pool';
import { SkBuff } from './sk_buff';

/** Copies the bytes of a foreign fragment into a slot of ours, which becomes its owner; false when there is none. */
function orphan(frag: Frag): bool {
  if (frag.len > LARGE_SLOT_BYTES) return false;
  const slot = frag.len <= SLOT_BYTES ? slotAlloc() : largeSlotAlloc();
  if (slot === 0) return false;
  memory.copy(slot, frag.ptr, frag.len);
  slotPut(frag.owner);
  frag.ptr = slot;
  frag.owner = slot;
  return true;
}

/** Makes all bytes of the packet ours, so that it may be kept. False when memory ran out: it is to be dropped then. */
export function skbOrphanFrags(skb: SkBuff): bool {
  if (skb.frags === 0) return true;
  const n = changetype<FragTable>(skb.frags).n;
  for (let i: u32 = 0; i < n; i++) {
    const frag = fragAt(skb.frags, i);
    if (slotIsForeign(frag.owner) && !orphan(frag)) return false;
  }
  return true;
}

/**
 * Makes ours whatever any packet of the core has in foreign slots whose records lie in `from` to `from + bytes`: the
 * memory is about to go. Returns the fragments that no slot was left for: their bytes are lost.
 */
export function foreignOrphanAll(from: usize, bytes: u32): u32 {
  const pool = changetype<Pool>(root().fragTablePool);
  let lost: u32 = 0;
  for (let t: u32 = 0; t < pool.count; t++) {
    const table = pool.base + t * FRAG_TABLE_BYTES;
    const n = changetype<FragTable>(table).n;
    for (let i: u32 = 0; i < n; i++) {
      const frag = fragAt(table, i);
      if (!slotIsForeign(frag.owner) || frag.owner - from >= bytes || orphan(frag)) continue;
      slotPut(frag.owner);
      frag.owner = 0;
      lost++;
    }
  }
  return lost;
}
