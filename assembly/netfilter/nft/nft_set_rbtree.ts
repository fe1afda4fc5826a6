/**
 * Intervals of one value: an element where each begins and one (NFT_SET_ELEM_INTERVAL_END) where it has ended. The
 * transaction works on a treap; packets look keys up in a sorted array that a commit makes of it. Linux:
 * net/netfilter/nft_set_rbtree.c, whose order of elements and whose overlaps these are.
 *
 *   look │ n │ keys, smallest first (u32 as numbers when they have 4 bytes) │ elements │
 *
 * The last key that is not larger than what is looked for decides: a start is a hit, an end is none.
 */
import { NFT_SET_ANONYMOUS } from '../../abi/nf_tables';
import { jhash1word } from '../../lib/jhash';
import { kfree, kmalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { Ctx } from './nft_ctx';
import { Elem, elemExpired, elemIsEnd, elemKey, elemLive, elemNext } from './nft_elem';
import { NftSet } from './nft_set';

/** Keys, then ends before starts (the start decides), then addresses, so that no two elements are equal. */
function compare(set: NftSet, a: usize, b: usize): i32 {
  const d = memory.compare(elemKey(a), elemKey(b), set.klen);
  if (d !== 0) return d;
  const endA = elemIsEnd(a);
  if (endA !== elemIsEnd(b)) return endA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Heap order of the treap: an address's hash, which nobody outside chooses. */
function priority(elem: usize): u32 {
  return jhash1word(elem, 0x9e3779b9);
}

function merge(a: usize, b: usize): usize {
  if (a === 0) return b;
  if (b === 0) return a;
  if (priority(a) > priority(b)) {
    changetype<Elem>(a).right = merge(changetype<Elem>(a).right, b);
    return a;
  }
  changetype<Elem>(b).left = merge(a, changetype<Elem>(b).left);
  return b;
}

/** Elements below `at` in `tree` stay, those above become the tree that is returned; `left` gets the former. */
function insertAt(set: NftSet, tree: usize, elem: usize): usize {
  if (tree === 0) return elem;
  if (priority(elem) > priority(tree)) {
    split(set, tree, elem, elem, elem + 4);
    return elem;
  }
  const node = changetype<Elem>(tree);
  if (compare(set, elem, tree) < 0) node.left = insertAt(set, node.left, elem);
  else node.right = insertAt(set, node.right, elem);
  return tree;
}

/** Cuts `tree` at `elem`: the smaller into *low, the larger into *high. */
function split(set: NftSet, tree: usize, elem: usize, low: usize, high: usize): void {
  while (tree !== 0) {
    if (compare(set, tree, elem) < 0) {
      store<u32>(low, tree);
      low = tree + offsetof<Elem>('right');
      tree = changetype<Elem>(tree).right;
    } else {
      store<u32>(high, tree);
      high = tree + offsetof<Elem>('left');
      tree = changetype<Elem>(tree).left;
    }
  }
  store<u32>(low, 0);
  store<u32>(high, 0);
}

function removeAt(set: NftSet, elem: usize): void {
  let link = changetype<usize>(set) + offsetof<NftSet>('store');
  while (load<u32>(link) !== 0 && load<u32>(link) !== elem) {
    const at = load<u32>(link);
    link = at + (compare(set, elem, at) < 0 ? offsetof<Elem>('left') : offsetof<Elem>('right'));
  }
  if (load<u32>(link) === 0) return;
  store<u32>(link, merge(changetype<Elem>(elem).left, changetype<Elem>(elem).right));
}

export function setTreeRemove(set: NftSet, elem: usize): void {
  removeAt(set, elem);
}

/** The largest element that the transaction sees and whose key is smaller than that of `elem`. */
function before(set: NftSet, elem: usize): usize {
  // Elements that are not seen lie in between: the walk goes down once more below each of them.
  let limit = elem;
  while (limit !== 0) {
    let found: usize = 0;
    let at = set.store;
    while (at !== 0) {
      const d =
        limit === elem ? memory.compare(elemKey(at), elemKey(elem), set.klen) : compare(set, at, limit);
      if (d < 0) {
        found = at;
        at = changetype<Elem>(at).right;
      } else at = changetype<Elem>(at).left;
    }
    if (found === 0 || elemNext(found)) return found;
    limit = found;
  }
  return 0;
}

/** The element with that key and that end, which the transaction sees; 0: none. */
export function setTreeFind(set: NftSet, key: usize, end: bool): usize {
  return findIn(set, set.store, key, end);
}

function findIn(set: NftSet, tree: usize, key: usize, end: bool): usize {
  let at = tree;
  while (at !== 0) {
    const d = memory.compare(key, elemKey(at), set.klen);
    if (d === 0) {
      if (elemIsEnd(at) === end && elemNext(at)) return at;
      // Of equal keys some are deleted, some are ends: on both sides.
      const left = findIn(set, changetype<Elem>(at).left, key, end);
      if (left !== 0) return left;
      at = changetype<Elem>(at).right;
      continue;
    }
    at = d < 0 ? changetype<Elem>(at).left : changetype<Elem>(at).right;
  }
  return 0;
}

/** The smallest element that the transaction sees and whose key is larger than that of `elem`; of two equal ones, the end. */
function after(set: NftSet, elem: usize): usize {
  let limit = elem;
  while (limit !== 0) {
    let found: usize = 0;
    let at = set.store;
    while (at !== 0) {
      const d =
        limit === elem ? memory.compare(elemKey(at), elemKey(elem), set.klen) : compare(set, at, limit);
      if (d > 0) {
        found = at;
        at = changetype<Elem>(at).left;
      } else at = changetype<Elem>(at).right;
    }
    if (found === 0 || elemNext(found)) return found;
    limit = found;
  }
  return 0;
}

/** 0, -EEXIST (ctx.dup says which) or -ENOTEMPTY: it would overlap another interval. */
export function setTreeInsert(ctx: Ctx, set: NftSet, elem: usize): i32 {
  const err = elemIsEnd(elem) ? fitsEnd(ctx, set, elem) : fitsStart(ctx, set, elem);
  if (err !== 0) return err;
  changetype<Elem>(elem).left = 0;
  changetype<Elem>(elem).right = 0;
  set.store = insertAt(set, set.store, elem);
  return 0;
}

/*
 * A start that was there already (or that is deleted) is kept in `nn.lastStart` until its end comes: an end that is there
 * as well has to be that interval's own, so that what is named is an interval and not two halves.
 */
function fitsStart(ctx: Ctx, set: NftSet, elem: usize): i32 {
  ctx.nn.lastStart = 0;
  const same = setTreeFind(set, elemKey(elem), false);
  if (same !== 0) {
    ctx.dup = same;
    ctx.nn.lastStart = same;
    return -Errno.EEXIST;
  }
  // Inside an interval: the element before is a start whose end is yet to come (an end at this key ends it).
  // Of an anonymous set, which nobody adds to, ends that a next start says already are left out.
  const pred = before(set, elem);
  const whole = (set.flags & NFT_SET_ANONYMOUS) === 0;
  if (whole && pred !== 0 && !elemIsEnd(pred) && setTreeFind(set, elemKey(elem), true) === 0)
    return -Errno.ENOTEMPTY;
  return 0;
}

function fitsEnd(ctx: Ctx, set: NftSet, elem: usize): i32 {
  const same = setTreeFind(set, elemKey(elem), true);
  const pred = before(set, elem);
  if (same !== 0) {
    const start = ctx.nn.lastStart;
    ctx.nn.lastStart = 0;
    ctx.dup = same;
    return start !== 0 && pred !== start ? -Errno.ENOTEMPTY : -Errno.EEXIST;
  }
  // After an end, no interval is open that this one could end; before one, it would cut that one's interval in two.
  if (pred !== 0 && elemIsEnd(pred)) return -Errno.ENOTEMPTY;
  if (setTreeFind(set, elemKey(elem), false) !== 0) return 0;
  const next = after(set, elem);
  return next !== 0 && elemIsEnd(next) ? -Errno.ENOTEMPTY : 0;
}

/** May the transaction delete `elem`, which it sees? An end only behind the start that it deleted, or without one. */
export function setTreeDelete(ctx: Ctx, set: NftSet, elem: usize): bool {
  const start = ctx.nn.lastStart;
  ctx.nn.lastStart = elemIsEnd(elem) ? 0 : elem;
  if (!elemIsEnd(elem) || start === 0) return true;
  return below(set, elem) === start;
}

/** The next smaller element, whether the transaction sees it or not. */
function below(set: NftSet, elem: usize): usize {
  let found: usize = 0;
  let at = set.store;
  while (at !== 0) {
    if (compare(set, at, elem) < 0) {
      found = at;
      at = changetype<Elem>(at).right;
    } else at = changetype<Elem>(at).left;
  }
  return found;
}

function count(tree: usize): u32 {
  if (tree === 0) return 0;
  return 1 + count(changetype<Elem>(tree).left) + count(changetype<Elem>(tree).right);
}

/** Makes the array of what the transaction sees; false: no memory. */
export function setTreeMake(set: NftSet): bool {
  const n = count(set.store);
  const keyBytes = (set.klen + 3) & ~3;
  const look = kmalloc(8 + n * (keyBytes + 4));
  if (look === 0) return false;
  kfree(set.lookNext);
  store<u32>(look, n, 4);
  store<u32>(look, fill(set, set.store, look, 0));
  set.lookNext = look;
  return true;
}

function fill(set: NftSet, tree: usize, look: usize, n: u32): u32 {
  if (tree === 0) return n;
  n = fill(set, changetype<Elem>(tree).left, look, n);
  if (elemNext(tree)) {
    const keyBytes = (set.klen + 3) & ~3;
    const room = load<u32>(look, 4);
    const key = look + 8 + n * keyBytes;
    if (set.klen === 4) store<u32>(key, bswap<u32>(load<u32>(elemKey(tree))));
    else memory.copy(key, elemKey(tree), keyBytes);
    store<u32>(look + 8 + room * keyBytes + (n << 2), tree);
    n++;
  }
  return fill(set, changetype<Elem>(tree).right, look, n);
}

/** The start whose interval holds the key, or 0. */
export function setTreeLookup(set: NftSet, key: usize): usize {
  const look = set.look;
  if (look === 0) return 0;
  let low: u32 = 0;
  let high = load<u32>(look);
  const keys = look + 8;
  if (set.klen === 4) {
    const wanted = bswap<u32>(load<u32>(key));
    while (low < high) {
      const mid = (low + high) >> 1;
      if (load<u32>(keys + (mid << 2)) <= wanted) low = mid + 1;
      else high = mid;
    }
  } else {
    const keyBytes = (set.klen + 3) & ~3;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (memory.compare(keys + mid * keyBytes, key, set.klen) <= 0) low = mid + 1;
      else high = mid;
    }
  }
  if (low === 0) return 0;
  const elems = keys + load<u32>(look, 4) * ((set.klen + 3) & ~3);
  const elem = load<u32>(elems + ((low - 1) << 2));
  return elemIsEnd(elem) || !elemLive(elem) ? 0 : elem;
}

/**
 * What NFT_MSG_GETSETELEM asks for by a key: the start of the interval that holds it or, of an end, the end that comes
 * next; 0: none. Linux: __nft_rbtree_get.
 */
export function setTreeGet(set: NftSet, key: usize, end: bool): usize {
  const same = setTreeFind(set, key, end);
  if (same !== 0) return elemExpired(same) ? 0 : same;
  let found: usize = 0;
  let at = set.store;
  while (at !== 0) {
    const d = memory.compare(elemKey(at), key, set.klen);
    const below = d < 0 || (d === 0 && !end);
    if (below !== end && elemNext(at)) found = at;
    at = below ? changetype<Elem>(at).right : changetype<Elem>(at).left;
  }
  return found === 0 || elemIsEnd(found) !== end || elemExpired(found) ? 0 : found;
}

/** The n-th element, largest first as Linux dumps them; 0: the end. `cursor`: u32 n, moved on. */
export function setTreeWalk(set: NftSet, cursor: usize): usize {
  const look = set.look;
  const n: u32 = look === 0 ? 0 : load<u32>(look);
  const i = load<u32>(cursor);
  if (i >= n) return 0;
  store<u32>(cursor, i + 1);
  const elems = look + 8 + load<u32>(look, 4) * ((set.klen + 3) & ~3);
  return load<u32>(elems + ((n - 1 - i) << 2));
}

/** Any element of the tree, taken out of it; 0: it is empty. */
export function setTreeTake(set: NftSet): usize {
  const elem = set.store;
  if (elem !== 0) set.store = merge(changetype<Elem>(elem).left, changetype<Elem>(elem).right);
  return elem;
}
