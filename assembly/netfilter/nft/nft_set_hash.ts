/**
 * Single values in a hash table that grows (lib/hash_table). Linux: net/netfilter/nft_set_hash.c. Differs: sets of one or
 * two bytes, which Linux keeps as bitmaps, are kept here, too.
 */
import {
  HashNode,
  HashTable,
  hashBucket,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../../lib/hash_table';
import { jhash1word, jhash2, jhash2words } from '../../lib/jhash';
import { kfree, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { elemKey, elemLive, elemNext } from './nft_elem';
import { SET_MAX, NftSet, setTable } from './nft_set';

export function setHashInit(set: NftSet): i32 {
  set.store = kzalloc(offsetof<HashTable>());
  if (set.store === 0) return -Errno.ENOMEM;
  if (hashInit(setTable(set), 2, SET_MAX)) return 0;
  kfree(set.store);
  set.store = 0;
  return -Errno.ENOMEM;
}

export function setHashExit(set: NftSet): void {
  if (set.store === 0) return;
  hashDestroy(setTable(set));
  kfree(set.store);
  set.store = 0;
}

/** Of the `len` bytes of a key; what a register holds behind them does not count. */
export function keyHash(key: usize, len: u32, seed: u32): u32 {
  if (len === 4) return jhash1word(load<u32>(key), seed);
  if (len === 8) return jhash2words(load<u32>(key), load<u32>(key, 4), seed);
  const words = len >> 2;
  const rest = len & 3;
  let h = words === 0 ? seed : jhash2(key, words, seed);
  if (rest === 0) return h;
  let last: u32 = 0;
  for (let i: u32 = 0; i < rest; i++) last |= (<u32>load<u8>(key + (words << 2) + i)) << (i << 3);
  h = jhash1word(last, h);
  return h;
}

export function keyEqual(a: usize, b: usize, len: u32): bool {
  if (len === 4) return load<u32>(a) === load<u32>(b);
  return memory.compare(a, b, len) === 0;
}

/** The element that packets find, or 0. */
export function setHashLookup(set: NftSet, key: usize): usize {
  const len = set.klen;
  const hash = keyHash(key, len, set.seed);
  for (let at = hashHead(setTable(set), hash); at !== 0; at = changetype<HashNode>(at).hnext) {
    if (changetype<HashNode>(at).hash !== hash || !keyEqual(elemKey(at), key, len)) continue;
    if (elemLive(at)) return at;
  }
  return 0;
}

/** The element that the transaction sees, or 0. */
export function setHashFind(set: NftSet, key: usize): usize {
  const hash = keyHash(key, set.klen, set.seed);
  for (let at = hashHead(setTable(set), hash); at !== 0; at = changetype<HashNode>(at).hnext) {
    if (changetype<HashNode>(at).hash === hash && keyEqual(elemKey(at), key, set.klen) && elemNext(at))
      return at;
  }
  return 0;
}

export function setHashInsert(set: NftSet, elem: usize): bool {
  return hashInsert(setTable(set), changetype<HashNode>(elem), keyHash(elemKey(elem), set.klen, set.seed));
}

export function setHashRemove(set: NftSet, elem: usize): void {
  hashRemove(setTable(set), changetype<HashNode>(elem));
}

/** The element behind `cursor` (bucket << 32 | number in it, moved on), or 0 at the end. */
export function setHashWalk(set: NftSet, cursor: usize): usize {
  const table = setTable(set);
  let bucket = load<u32>(cursor);
  let skip = load<u32>(cursor, 4);
  while (bucket <= table.mask) {
    let n: u32 = 0;
    for (let at = hashBucket(table, bucket); at !== 0; at = changetype<HashNode>(at).hnext) {
      if (n++ < skip) continue;
      store<u32>(cursor, bucket);
      store<u32>(cursor, n, 4);
      return at;
    }
    bucket++;
    skip = 0;
  }
  store<u32>(cursor, bucket);
  store<u32>(cursor, 0, 4);
  return 0;
}
