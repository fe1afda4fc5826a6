/**
 * A hash table that says no by one load: a bucket is eight tags, a byte each, of which all are compared at once, and
 * eight addresses, which only a likely hit reads. Nodes embed { next, hash } at 0 and have their key, whole words, at a
 * place that the table is told. Generated code looks up by itself (abi/tag_table).
 *
 *   tags    bucket ─► │ t0 t1 t2 t3 t4 t5 t6 │ 0, or ff: there is a chain │      t = 80 | 7 bits of the hash; 0: empty
 *   slots   bucket ─► │ n0 n1 n2 n3 n4 n5 n6 │ n7 ─next─► … │                    filled from the left
 *
 * The hash is multilinear over pairs of words: strongly universal, by factors that are drawn for the table (Thorup,
 * "High speed hashing for integers and strings", 3.4 and 4.2), so that who chooses keys cannot choose buckets. If one
 * has chained too many all the same, new factors are drawn. A table doubles at four nodes a bucket.
 */
import { kfree, kmalloc, kzalloc } from './kmalloc';
import { randomU64 } from './random';
import { TAG_SLOTS } from '../abi/tag_table';

@unmanaged
@final
export class TagNode {
  next: usize;
  hash: u32;
}

@unmanaged
@final
export class TagTable {
  tags: usize;
  slots: usize;
  mask: u32;
  count: u32;
  max: u32;
  /** Of a key; the last word counts only under `lastMask`. */
  words: u32;
  lastMask: u32;
  /** Offset of the key in a node. */
  keyAt: u32;
  /** Nodes from which on factors may be drawn anew. */
  redrawAt: u32;
  pad: u32;
  // b: u64, then a factor for each word
}
const FACTORS: usize = 40;
const ORDER_MAX: u32 = 22;
/** Nodes a bucket, on average, from which on the table grows. */
const LOAD: u32 = 4;
/** A chain longer than this is no accident. */
const CHAIN_MAX: u32 = 16;
const LOW: u64 = 0x0101010101010101;
const HIGH: u64 = 0x8080808080808080;

/** Bytes of a table for keys of so many bytes. */
export function tagTableBytes(keyBytes: u32): u32 {
  return <u32>FACTORS + 8 + (((keyBytes + 3) >> 2) << 3);
}

/** Makes the table of one bucket at `table` (zeroed, tagTableBytes); false: no memory. */
export function tagInit(table: TagTable, keyBytes: u32, keyAt: u32, max: u32): bool {
  table.words = (keyBytes + 3) >> 2;
  const odd = keyBytes & 3;
  table.lastMask = odd === 0 ? 0xffffffff : (1 << (odd << 3)) - 1;
  table.keyAt = keyAt;
  table.max = max;
  table.count = 0;
  table.redrawAt = 0;
  draw(table);
  return arrays(table, 1);
}

function draw(table: TagTable): void {
  const at = changetype<usize>(table) + FACTORS;
  for (let i: u32 = 0; i <= table.words; i++) store<u64>(at + (i << 3), randomU64());
}

/** Empty arrays of `buckets`; false, and nothing changed: no memory. */
function arrays(table: TagTable, buckets: u32): bool {
  const tags = kzalloc(buckets << 3);
  const slots = kmalloc(buckets << 5);
  if (tags === 0 || slots === 0) {
    kfree(tags);
    kfree(slots);
    return false;
  }
  table.tags = tags;
  table.slots = slots;
  table.mask = buckets - 1;
  return true;
}

/** Frees the arrays; the nodes are their owner's. */
export function tagDestroy(table: TagTable): void {
  kfree(table.tags);
  kfree(table.slots);
  table.tags = 0;
  table.slots = 0;
}

/** Of the key at `key`: the upper half of Σ (w0 + a0)(w1 + a1) + b over its pairs of words. */
export function tagHash(table: TagTable, key: usize): u32 {
  const a = changetype<usize>(table) + FACTORS;
  const words = table.words;
  let sum = load<u64>(a);
  const last = words - 1;
  const lastWord: u64 = load<u32>(key + (last << 2)) & table.lastMask;
  let i: u32 = 0;
  for (; i + 1 < last; i += 2) {
    sum +=
      (<u64>load<u32>(key + (i << 2)) + load<u64>(a + (i << 3), 8)) *
      (<u64>load<u32>(key + (i << 2), 4) + load<u64>(a + (i << 3), 16));
  }
  if (i === last) sum += lastWord * load<u64>(a + (i << 3), 8);
  else
    sum +=
      (<u64>load<u32>(key + (i << 2)) + load<u64>(a + (i << 3), 8)) *
      (lastWord + load<u64>(a + (i << 3), 16));
  return <u32>(sum >> 32);
}

/** The tag of a hash: never 0. */
function tagOf(hash: u32): u32 {
  return (hash >> 25) | 0x80;
}

function slot(table: TagTable, bucket: u32, i: u32): usize {
  return table.slots + (bucket << 5) + (i << 2);
}

/** A node with this hash, and so on: for (let at = tagFirst(t, h); at !== 0; at = tagNext(t, h, at)); 0: none. */
export function tagFirst(table: TagTable, hash: u32): usize {
  const bucket = hash & table.mask;
  const tags = load<u64>(table.tags + (bucket << 3));
  const x = tags ^ (LOW * <u64>tagOf(hash));
  let hits = (x - LOW) & ~x & HIGH & 0x00ffffffffffffff;
  while (hits !== 0) {
    const node = load<u32>(slot(table, bucket, <u32>(ctz(hits) >> 3)));
    if (changetype<TagNode>(node).hash === hash) return node;
    hits &= hits - 1;
  }
  if (tags >> 56 === 0) return 0;
  return chained(load<u32>(slot(table, bucket, TAG_SLOTS)), hash);
}

function chained(at: usize, hash: u32): usize {
  while (at !== 0 && changetype<TagNode>(at).hash !== hash) at = changetype<TagNode>(at).next;
  return at;
}

/** The node behind `node` with the same hash; 0: none. */
export function tagNext(table: TagTable, hash: u32, node: usize): usize {
  const bucket = hash & table.mask;
  const tags = load<u64>(table.tags + (bucket << 3));
  let i: u32 = 0;
  while (i < TAG_SLOTS && load<u32>(slot(table, bucket, i)) !== node) i++;
  if (i === TAG_SLOTS) return chained(changetype<TagNode>(node).next, hash);
  for (i++; i < TAG_SLOTS; i++) {
    if (((tags >> (i << 3)) & 0xff) === 0) return 0;
    const at = load<u32>(slot(table, bucket, i));
    if (changetype<TagNode>(at).hash === hash) return at;
  }
  return tags >> 56 === 0 ? 0 : chained(load<u32>(slot(table, bucket, TAG_SLOTS)), hash);
}

/** Puts `node` in, whose key is there; false, and nothing changed, when the table is full. */
export function tagInsert(table: TagTable, node: TagNode): bool {
  if (table.count >= table.max) return false;
  if (table.count >= (table.mask + 1) * LOAD && table.mask + 1 < (<u32>1) << ORDER_MAX)
    rebuild(table, (table.mask + 1) << 1);
  node.hash = tagHash(table, changetype<usize>(node) + table.keyAt);
  const chain = place(table, node);
  table.count++;
  if (chain > CHAIN_MAX && table.count >= table.redrawAt) {
    // Equal keys (of a transaction that deletes and adds) chain whatever the factors are: not again before it has grown.
    table.redrawAt = table.count + (table.count >> 2) + CHAIN_MAX;
    draw(table);
    const count = table.count;
    const all = tagTake(table);
    table.count = count;
    placeAll(table, all, true);
  }
  return true;
}

/** Into its bucket; how many are in the chain there. */
function place(table: TagTable, node: TagNode): u32 {
  const bucket = node.hash & table.mask;
  const tags = table.tags + (bucket << 3);
  // The first byte that is 0.
  const i = <u32>(ctz(~load<u64>(tags) & HIGH) >> 3);
  if (i < TAG_SLOTS) {
    store<u8>(tags + i, <u8>tagOf(node.hash));
    store<u32>(slot(table, bucket, i), changetype<usize>(node));
    return 0;
  }
  const head = slot(table, bucket, TAG_SLOTS);
  node.next = load<u8>(tags, 7) === 0 ? 0 : load<u32>(head);
  store<u32>(head, changetype<usize>(node));
  store<u8>(tags, 0xff, 7);
  let n: u32 = 0;
  for (let at = changetype<usize>(node); at !== 0; at = changetype<TagNode>(at).next) n++;
  return n;
}

/** Takes `node` out; false when it is not in the table. */
export function tagRemove(table: TagTable, node: TagNode): bool {
  const bucket = node.hash & table.mask;
  const tags = table.tags + (bucket << 3);
  const used = <u32>(ctz((~load<u64>(tags) & HIGH) | 0x8000000000000000) >> 3);
  const head = slot(table, bucket, TAG_SLOTS);
  const hasChain = load<u8>(tags, 7) !== 0;
  for (let i: u32 = 0; i < used; i++) {
    if (load<u32>(slot(table, bucket, i)) !== changetype<usize>(node)) continue;
    if (hasChain) {
      const first = load<u32>(head);
      store<u32>(slot(table, bucket, i), first);
      store<u8>(tags + i, <u8>tagOf(changetype<TagNode>(first).hash));
      unchain(tags, head, changetype<TagNode>(first).next);
    } else {
      store<u32>(slot(table, bucket, i), load<u32>(slot(table, bucket, used - 1)));
      store<u8>(tags + i, load<u8>(tags + used - 1));
      store<u8>(tags + used - 1, 0);
    }
    table.count--;
    return true;
  }
  if (!hasChain) return false;
  let link = head;
  while (load<u32>(link) !== changetype<usize>(node)) {
    link = load<u32>(link);
    if (link === 0) return false;
  }
  if (link === head) unchain(tags, head, node.next);
  else store<u32>(link, node.next);
  table.count--;
  return true;
}

function unchain(tags: usize, head: usize, next: usize): void {
  store<u32>(head, next);
  if (next === 0) store<u8>(tags, 0, 7);
}

/** Other arrays for the same nodes; without memory all stays. */
function rebuild(table: TagTable, buckets: u32): void {
  const tags = table.tags;
  const slots = table.slots;
  const mask = table.mask;
  if (!arrays(table, buckets)) return;
  const all = takeAll(tags, slots, mask);
  kfree(tags);
  kfree(slots);
  placeAll(table, all, false);
}

/** The nodes as one list; the arrays still say where they were. */
function takeAll(tags: usize, slots: usize, mask: u32): usize {
  let all: usize = 0;
  for (let b: u32 = 0; b <= mask; b++) {
    const word = load<u64>(tags + (b << 3));
    const n = <u32>(ctz((~word & HIGH) | 0x8000000000000000) >> 3);
    let at: usize = word >> 56 === 0 ? 0 : load<u32>(slots + (b << 5), TAG_SLOTS << 2);
    while (at !== 0) {
      const next = changetype<TagNode>(at).next;
      changetype<TagNode>(at).next = all;
      all = at;
      at = next;
    }
    for (let i: u32 = 0; i < n; i++) {
      at = load<u32>(slots + (b << 5) + (i << 2));
      changetype<TagNode>(at).next = all;
      all = at;
    }
  }
  return all;
}

/** Empties the table; what was in it is a list by `next`. */
export function tagTake(table: TagTable): usize {
  const all = takeAll(table.tags, table.slots, table.mask);
  memory.fill(table.tags, 0, (table.mask + 1) << 3);
  table.count = 0;
  return all;
}

/** The nodes of a list into buckets; `drawn`: by new factors. */
function placeAll(table: TagTable, all: usize, drawn: bool): void {
  while (all !== 0) {
    const node = changetype<TagNode>(all);
    all = node.next;
    if (drawn) node.hash = tagHash(table, changetype<usize>(node) + table.keyAt);
    place(table, node);
  }
}

/** Node `n` of a bucket, to walk over all; 0: there are not so many. */
export function tagAt(table: TagTable, bucket: u32, n: u32): usize {
  const tags = load<u64>(table.tags + (bucket << 3));
  if (n < TAG_SLOTS) return ((tags >> (n << 3)) & 0xff) === 0 ? 0 : load<u32>(slot(table, bucket, n));
  if (tags >> 56 === 0) return 0;
  let at = load<u32>(slot(table, bucket, TAG_SLOTS));
  for (let i: u32 = TAG_SLOTS; i < n && at !== 0; i++) at = changetype<TagNode>(at).next;
  return at;
}
