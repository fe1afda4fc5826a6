/**
 * A chained hash table of records that embed their node at offset 0. The bucket array is a power of two, lies in
 * the arena, doubles when there are as many nodes as buckets, and keeps its size when the arena has no room.
 * `max` bounds the nodes, so that nobody outside can fill the memory.
 *
 *   buckets ─► [ ● | 0 | ● | … ]  u32 per bucket
 *                │       └─► {hnext ─► {0, hash, …}, hash, …}
 *
 *   for (let at = hashHead(t, h); at !== 0; at = changetype<HashNode>(at).hnext)
 *     if (changetype<HashNode>(at).hash === h && keys are equal) found
 */
import { kfree, kzalloc } from './kmalloc';

@unmanaged
@final
export class HashNode {
  hnext: usize;
  hash: u32;
}

@unmanaged
@final
export class HashTable {
  buckets: usize;
  mask: u32;
  count: u32;
  max: u32;
}

const ORDER_MAX: u32 = 24;

/** Makes a table of 2^order buckets for up to `max` nodes; false when the arena is full. */
export function hashInit(table: HashTable, order: u32, max: u32): bool {
  assert(order <= ORDER_MAX, 'hashInit: order');
  const buckets = kzalloc((<usize>4) << order);
  table.buckets = buckets;
  table.mask = (1 << order) - 1;
  table.count = 0;
  table.max = max;
  return buckets !== 0;
}

/** Frees the buckets; the nodes are their owner's. */
export function hashDestroy(table: HashTable): void {
  kfree(table.buckets);
  table.buckets = 0;
  table.mask = 0;
  table.count = 0;
}

/** First node of the chain that holds `hash`, among others; 0 when it is empty. */
export function hashHead(table: HashTable, hash: u32): usize {
  return load<u32>(table.buckets + ((hash & table.mask) << 2));
}

/** First node of bucket `index`, 0..mask, to walk over all. */
export function hashBucket(table: HashTable, index: u32): usize {
  return load<u32>(table.buckets + (index << 2));
}

/** Puts `node` in front of its chain; false, and nothing changed, when the table is full. */
export function hashInsert(table: HashTable, node: HashNode, hash: u32): bool {
  if (table.count >= table.max) return false;
  if (table.count > table.mask) grow(table);
  const head = table.buckets + ((hash & table.mask) << 2);
  node.hash = hash;
  node.hnext = load<u32>(head);
  store<u32>(head, changetype<usize>(node));
  table.count++;
  return true;
}

/** Takes `node` out; false when it is not in the table. */
export function hashRemove(table: HashTable, node: HashNode): bool {
  let link = table.buckets + ((node.hash & table.mask) << 2);
  for (;;) {
    const at = load<u32>(link);
    if (at === 0) return false;
    if (at === changetype<usize>(node)) break;
    link = at + offsetof<HashNode>('hnext');
  }
  store<u32>(link, node.hnext);
  node.hnext = 0;
  table.count--;
  return true;
}

/** Doubles the buckets, if the arena can; the order within a chain stays. */
function grow(table: HashTable): void {
  const size = table.mask + 1;
  if (size >= (<u32>1) << ORDER_MAX) return;
  const buckets = kzalloc((<usize>size) << 3);
  if (buckets === 0) return;
  for (let i: u32 = 0; i < size; i++) {
    let lowTail = buckets + (i << 2);
    let highTail = buckets + ((i + size) << 2);
    let at = load<u32>(table.buckets + (i << 2));
    while (at !== 0) {
      const node = changetype<HashNode>(at);
      if ((node.hash & size) === 0) {
        store<u32>(lowTail, at);
        lowTail = at + offsetof<HashNode>('hnext');
      } else {
        store<u32>(highTail, at);
        highTail = at + offsetof<HashNode>('hnext');
      }
      at = node.hnext;
    }
    store<u32>(lowTail, 0);
    store<u32>(highTail, 0);
  }
  kfree(table.buckets);
  table.buckets = buckets;
  table.mask = (size << 1) - 1;
}
