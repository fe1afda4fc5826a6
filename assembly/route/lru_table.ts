/**
 * A bounded table of records by address, the oldest giving way: what exceptions and peers are kept in. It is made
 * with its first record, so that a namespace without any pays one load to know it.
 *
 *   slot ─► LruTable { hash table; newest ◄─► ... ◄─► oldest }        record = LruNode, then what the owner keeps
 */
import {
  HashNode,
  HashTable,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { kfree, kzalloc } from '../lib/kmalloc';
import { hsiphash4u32 } from '../lib/siphash';
import { AF_INET } from '../net/net';

/** Both owners' records begin with these fields. */
@unmanaged
@final
export class LruNode {
  hnext: usize;
  hash: u32;
  newer: usize;
  older: usize;
  /** ifindex of the VRF that the address is in, 0: none. */
  vif: i32;
  pad: u32;
  /** Address, 16 bytes (IPv4 in the first four, network order, the rest 0). */
  key0: u64;
  key1: u64;
}

@unmanaged
@final
class LruTable {
  // HashTable
  buckets: usize;
  mask: u32;
  count: u32;
  max: u32;
  newest: usize;
  oldest: usize;
}

/** The two words of the key at `key`: 4 bytes of an IPv4 address or 16 of an IPv6 one. */
export function lruKey0(family: u32, key: usize): u64 {
  return family === AF_INET ? <u64>load<u32>(key) : load<u64>(key);
}

export function lruKey1(family: u32, key: usize): u64 {
  return family === AF_INET ? 0 : load<u64>(key, 8);
}

function hashOf(key0: u64, key1: u64, vif: i32): u32 {
  return hsiphash4u32(<u32>key0, <u32>(key0 >> 32) ^ <u32>vif, <u32>key1, <u32>(key1 >> 32));
}

/** The record with this key in the table at `slot`, or null. */
export function lruFind(slot: usize, key0: u64, key1: u64, vif: i32): LruNode | null {
  const p = load<u32>(slot);
  if (p === 0) return null;
  const hash = hashOf(key0, key1, vif);
  let at = hashHead(changetype<HashTable>(p), hash);
  while (at !== 0) {
    const node = changetype<LruNode>(at);
    if (node.key0 === key0 && node.key1 === key1 && node.vif === vif) return node;
    at = node.hnext;
  }
  return null;
}

/**
 * The record with this key, now the newest; made (of `size` bytes, zeroed behind the key) when there is none, in place
 * of the oldest when there are `most` or memory is short. Null when not even that helps.
 */
export function lruGet(slot: usize, key0: u64, key1: u64, vif: i32, size: u32, most: u32): LruNode | null {
  const found = lruFind(slot, key0, key1, vif);
  if (found !== null) {
    unlink(changetype<LruTable>(load<u32>(slot)), found);
    linkNewest(changetype<LruTable>(load<u32>(slot)), found);
    return found;
  }
  if (load<u32>(slot) === 0 && !create(slot, most)) return null;
  const table = changetype<LruTable>(load<u32>(slot));
  if (table.count >= most) lruRemove(slot, changetype<LruNode>(table.oldest), false);
  let p = kzalloc(size);
  if (p === 0 && table.oldest !== 0) {
    lruRemove(slot, changetype<LruNode>(table.oldest), false);
    p = kzalloc(size);
  }
  if (p === 0) return null;
  const node = changetype<LruNode>(p);
  node.key0 = key0;
  node.key1 = key1;
  node.vif = vif;
  hashInsert(changetype<HashTable>(load<u32>(slot)), changetype<HashNode>(p), hashOf(key0, key1, vif));
  linkNewest(table, node);
  return node;
}

function create(slot: usize, most: u32): bool {
  const p = kzalloc(offsetof<LruTable>());
  if (p === 0) return false;
  if (!hashInit(changetype<HashTable>(p), 4, most)) {
    kfree(p);
    return false;
  }
  store<u32>(slot, p);
  return true;
}

/** Takes a record out and frees it; with `shrink` the table goes with its last record. */
export function lruRemove(slot: usize, node: LruNode, shrink: bool): void {
  const p = load<u32>(slot);
  const table = changetype<LruTable>(p);
  unlink(table, node);
  hashRemove(changetype<HashTable>(p), changetype<HashNode>(changetype<usize>(node)));
  kfree(changetype<usize>(node));
  if (shrink && table.count === 0) lruDestroy(slot);
}

/** Newest record, 0 when there is none; its `older` goes on. */
export function lruNewest(slot: usize): usize {
  const p = load<u32>(slot);
  return p === 0 ? 0 : changetype<LruTable>(p).newest;
}

/** Frees all records and the table. */
export function lruDestroy(slot: usize): void {
  const p = load<u32>(slot);
  if (p === 0) return;
  let at = changetype<LruTable>(p).newest;
  while (at !== 0) {
    const older = changetype<LruNode>(at).older;
    kfree(at);
    at = older;
  }
  hashDestroy(changetype<HashTable>(p));
  kfree(p);
  store<u32>(slot, 0);
}

function linkNewest(table: LruTable, node: LruNode): void {
  node.newer = 0;
  node.older = table.newest;
  if (table.newest !== 0) changetype<LruNode>(table.newest).newer = changetype<usize>(node);
  else table.oldest = changetype<usize>(node);
  table.newest = changetype<usize>(node);
}

function unlink(table: LruTable, node: LruNode): void {
  if (node.newer !== 0) changetype<LruNode>(node.newer).older = node.older;
  else table.newest = node.older;
  if (node.older !== 0) changetype<LruNode>(node.older).newer = node.newer;
  else table.oldest = node.newer;
}
