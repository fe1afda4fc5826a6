/**
 * Concatenations of ranges: each field of the key lies between those of an element's key and key end. Linux:
 * net/netfilter/nft_set_pipapo.c. Differs: a tree of cuts instead of bit maps; the first element that came and holds the
 * key is found, as there.
 *
 *   look │ bytes used, no room │ node: field, key of the cut (4 words of 16), less ─►, not less ─► │ ... │ leaf: n, elements in order │
 *
 * A cut sends elements on both sides of it both ways; one that parts too little is not made, so that memory stays within
 * a few times the elements.
 */
import { kfree, kmalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { Ctx } from './nft_ctx';
import { elemKey, elemKeyEnd, elemLive, elemNext, elemOrder } from './nft_elem';
import { keyEqual } from './nft_set_hash';
import { NftSet } from './nft_set';

const LEAF_MAX: u32 = 8;
const DEPTH_MAX: u32 = 40;
/** Node: u32 0xffffffff, u32 offset of the field | bytes << 16, u32 less, u32 not less, key. Leaf: u32 n, elements. */
const NODE: u32 = 0xffffffff;
const NODE_KEY: u32 = 16;

export function setPipapoInsert(ctx: Ctx, set: NftSet, elem: usize): i32 {
  for (let at = set.orderHead; at !== 0; at = load<u32>(elemOrder(set, at))) {
    if (!elemNext(at)) continue;
    const holdsStart = holds(set, at, elemKey(elem));
    if (holdsStart) {
      ctx.dup = at;
      const same =
        keyEqual(elemKey(at), elemKey(elem), set.klen) &&
        keyEqual(elemKeyEnd(set, at), elemKeyEnd(set, elem), set.klen);
      return same ? -Errno.EEXIST : -Errno.ENOTEMPTY;
    }
    if (holds(set, at, elemKeyEnd(set, elem))) {
      ctx.dup = at;
      return -Errno.ENOTEMPTY;
    }
  }
  const links = elemOrder(set, elem);
  store<u32>(links, 0);
  store<u32>(links, set.orderTail, 4);
  if (set.orderTail !== 0) store<u32>(elemOrder(set, set.orderTail), elem);
  else set.orderHead = elem;
  set.orderTail = elem;
  return 0;
}

export function setPipapoRemove(set: NftSet, elem: usize): void {
  const links = elemOrder(set, elem);
  const next = load<u32>(links);
  const prev = load<u32>(links, 4);
  if (prev !== 0) store<u32>(elemOrder(set, prev), next);
  else set.orderHead = next;
  if (next !== 0) store<u32>(elemOrder(set, next), prev, 4);
  else set.orderTail = prev;
}

/** The element that has just this key and key end, and that the transaction sees. */
export function setPipapoFind(set: NftSet, key: usize, end: usize): usize {
  for (let at = set.orderHead; at !== 0; at = load<u32>(elemOrder(set, at))) {
    if (!elemNext(at) || !keyEqual(elemKey(at), key, set.klen)) continue;
    if (keyEqual(elemKeyEnd(set, at), end, set.klen)) return at;
  }
  return 0;
}

function holds(set: NftSet, elem: usize, key: usize): bool {
  const low = elemKey(elem);
  const high = elemKeyEnd(set, elem);
  let at: u32 = 0;
  const fields = max<u32>(set.fieldCount, 1);
  for (let i: u32 = 0; i < fields; i++) {
    const len = set.fieldCount === 0 ? set.klen : set.field(i);
    if (memory.compare(key + at, low + at, len) < 0 || memory.compare(key + at, high + at, len) > 0)
      return false;
    at += (len + 3) & ~3;
  }
  return true;
}

/** Makes the tree of what the transaction sees; false: no memory. */
export function setPipapoMake(set: NftSet): bool {
  let n: u32 = 0;
  for (let at = set.orderHead; at !== 0; at = load<u32>(elemOrder(set, at))) {
    if (elemNext(at)) n++;
  }
  // Lists of elements of every level, and the tree: four times the elements for what a cut has on both sides.
  const work = kmalloc((n << 4) + 64);
  if (work === 0) return false;
  const most: u32 = 64 + n * 4 * 4 + n * (NODE_KEY + set.klen);
  const look = kmalloc(most + 8);
  if (look === 0) {
    kfree(work);
    return false;
  }
  let i: u32 = 0;
  for (let at = set.orderHead; at !== 0; at = load<u32>(elemOrder(set, at))) {
    if (elemNext(at)) store<u32>(work + (i++ << 2), at);
  }
  store<u32>(look, 8);
  store<u32>(look, 0, 4);
  build(set, look, most, work, n, work + (n << 2), work + (n << 4) + 64, 0);
  if (load<u32>(look, 4) !== 0) {
    // The cuts took more room than there is: one list of all.
    store<u32>(look, n, 8);
    memory.copy(look + 12, work, n << 2);
  }
  kfree(work);
  kfree(set.lookNext);
  set.lookNext = look;
  return true;
}

function take(look: usize, most: u32, bytes: u32): u32 {
  const at = load<u32>(look);
  if (at + bytes > most) return 0;
  store<u32>(look, at + bytes);
  return at;
}

/** Builds the tree of `n` elements at `list`; returns its offset. `spare`..`spareEnd` is room for lists. */
function build(
  set: NftSet,
  look: usize,
  most: u32,
  list: usize,
  n: u32,
  spare: usize,
  spareEnd: usize,
  depth: u32,
): u32 {
  const keyBytes = set.klen;
  if (n > LEAF_MAX && depth < DEPTH_MAX) {
    const cut = bestCut(set, list, n);
    const room = spareEnd - spare;
    const used = load<u32>(look);
    // What is left must hold the leaf that all else may become.
    if (cut !== 0 && room >= n << 3 && used + NODE_KEY + keyBytes + n * 16 + 64 <= most) {
      const where = <u32>(cut >> 32);
      const pivot = <usize>cut;
      const offset = where & 0xffff;
      const len = where >> 16;
      let less: u32 = 0;
      let more: u32 = 0;
      const moreList = spare + (n << 2);
      for (let i: u32 = 0; i < n; i++) {
        const elem = load<u32>(list + (i << 2));
        if (memory.compare(elemKey(elem) + offset, pivot + offset, len) < 0)
          store<u32>(spare + (less++ << 2), elem);
        if (memory.compare(elemKeyEnd(set, elem) + offset, pivot + offset, len) >= 0)
          store<u32>(moreList + (more++ << 2), elem);
      }
      const node = take(look, most, NODE_KEY + keyBytes);
      if (node !== 0) {
        store<u32>(look + node, NODE);
        store<u32>(look + node, where, 4);
        memory.copy(look + node + NODE_KEY, pivot, keyBytes);
        store<u32>(
          look + node,
          build(set, look, most, spare, less, moreList + (more << 2), spareEnd, depth + 1),
          8,
        );
        store<u32>(
          look + node,
          build(set, look, most, moreList, more, moreList + (more << 2), spareEnd, depth + 1),
          12,
        );
        return node;
      }
    }
  }
  const leaf = take(look, most, 4 + (n << 2));
  if (leaf === 0) {
    store<u32>(look, 1, 4);
    return 0;
  }
  store<u32>(look + leaf, n);
  memory.copy(look + leaf + 4, list, n << 2);
  return leaf;
}

/** Field (offset | bytes << 16) in the upper half and the key to cut at below: what parts best; 0: nothing does. */
function bestCut(set: NftSet, list: usize, n: u32): u64 {
  let best: u64 = 0;
  let least = n;
  let offset: u32 = 0;
  const fields = max<u32>(set.fieldCount, 1);
  for (let i: u32 = 0; i < fields; i++) {
    const len = set.fieldCount === 0 ? set.klen : set.field(i);
    // A few starts spread over the list; the median of them is as good as any.
    for (let s: u32 = 1; s < 8; s++) {
      const pivot = elemKey(load<u32>(list + (((n * s) >> 3) << 2)));
      let less: u32 = 0;
      let more: u32 = 0;
      for (let k: u32 = 0; k < n; k++) {
        const elem = load<u32>(list + (k << 2));
        if (memory.compare(elemKey(elem) + offset, pivot + offset, len) < 0) less++;
        if (memory.compare(elemKeyEnd(set, elem) + offset, pivot + offset, len) >= 0) more++;
      }
      const worse = max(less, more);
      if (worse < least && less + more <= n + (n >> 3)) {
        least = worse;
        best = ((<u64>(offset | (len << 16))) << 32) | <u64>pivot;
      }
    }
    offset += (len + 3) & ~3;
  }
  return best;
}

/** The first element that holds the key, or 0. */
export function setPipapoLookup(set: NftSet, key: usize): usize {
  const look = set.look;
  if (look === 0) return 0;
  let at = look + 8;
  while (load<u32>(at) === NODE) {
    const where = load<u32>(at, 4);
    const offset = where & 0xffff;
    const less = memory.compare(key + offset, at + NODE_KEY + offset, where >> 16) < 0;
    at = look + load<u32>(at + (less ? 8 : 12));
  }
  const n = load<u32>(at);
  for (let i: u32 = 0; i < n; i++) {
    const elem = load<u32>(at + 4 + (i << 2));
    if (elemLive(elem) && holds(set, elem, key)) return elem;
  }
  return 0;
}

/** The element behind `cursor` (u32 number, moved on), or 0. */
export function setPipapoWalk(set: NftSet, cursor: usize): usize {
  const n = load<u32>(cursor);
  let at = set.orderHead;
  for (let i: u32 = 0; at !== 0 && i < n; i++) at = load<u32>(elemOrder(set, at));
  store<u32>(cursor, n + 1);
  return at;
}
