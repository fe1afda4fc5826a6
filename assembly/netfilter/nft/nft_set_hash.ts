/**
 * Single values in a hash table (lib/tag_table). Linux: net/netfilter/nft_set_hash.c. Differs: sets of one or two bytes,
 * which Linux keeps as bitmaps, are kept here, too.
 */
import { kfree, kzalloc } from '../../lib/kmalloc';
import {
  TagNode,
  tagAt,
  tagDestroy,
  tagFirst,
  tagHash,
  tagInit,
  tagInsert,
  tagNext,
  tagRemove,
  tagTableBytes,
  tagTake,
} from '../../lib/tag_table';
import { Errno } from '../../net/errno';
import { ELEM_KEY, elemKey, elemLive, elemNext } from './nft_elem';
import { SET_MAX, NftSet, setTable } from './nft_set';

export function setHashInit(set: NftSet): i32 {
  set.store = kzalloc(tagTableBytes(set.klen));
  if (set.store === 0) return -Errno.ENOMEM;
  if (tagInit(setTable(set), set.klen, ELEM_KEY, SET_MAX)) return 0;
  kfree(set.store);
  set.store = 0;
  return -Errno.ENOMEM;
}

export function setHashExit(set: NftSet): void {
  if (set.store === 0) return;
  tagDestroy(setTable(set));
  kfree(set.store);
  set.store = 0;
}

export function keyEqual(a: usize, b: usize, len: u32): bool {
  if (len === 4) return load<u32>(a) === load<u32>(b);
  return memory.compare(a, b, len) === 0;
}

/** The element that packets find, or 0. */
export function setHashLookup(set: NftSet, key: usize): usize {
  const table = setTable(set);
  const len = set.klen;
  const hash = tagHash(table, key);
  for (let at = tagFirst(table, hash); at !== 0; at = tagNext(table, hash, at)) {
    if (keyEqual(elemKey(at), key, len) && elemLive(at)) return at;
  }
  return 0;
}

/** The element that the transaction sees, or 0. */
export function setHashFind(set: NftSet, key: usize): usize {
  const table = setTable(set);
  const hash = tagHash(table, key);
  for (let at = tagFirst(table, hash); at !== 0; at = tagNext(table, hash, at)) {
    if (keyEqual(elemKey(at), key, set.klen) && elemNext(at)) return at;
  }
  return 0;
}

export function setHashInsert(set: NftSet, elem: usize): bool {
  return tagInsert(setTable(set), changetype<TagNode>(elem));
}

export function setHashRemove(set: NftSet, elem: usize): void {
  tagRemove(setTable(set), changetype<TagNode>(elem));
}

/** All elements as a list by Elem.left, and none is left in the table. */
export function setHashTake(set: NftSet): usize {
  return tagTake(setTable(set));
}

/** The element behind `cursor` (bucket << 32 | number in it, moved on), or 0 at the end. */
export function setHashWalk(set: NftSet, cursor: usize): usize {
  const table = setTable(set);
  let bucket = load<u32>(cursor);
  let n = load<u32>(cursor, 4);
  while (bucket <= table.mask) {
    const at = tagAt(table, bucket, n++);
    store<u32>(cursor, bucket);
    store<u32>(cursor, n, 4);
    if (at !== 0) return at;
    bucket++;
    n = 0;
  }
  store<u32>(cursor, bucket);
  store<u32>(cursor, 0, 4);
  return 0;
}
