/**
 * Longest prefix match for keys of 32 and of 128 bits: a tree bitmap (Eatherton, Varghese, Dittia 2004) with the
 * direct table of poptrie (Asai, Ohara 2015) in front. It is its own RIB: prefixes are inserted and removed in place.
 *
 *   key     |dddddd|dddddd|dddddd|dddddd|d…       a node for each 6 bits in which prefixes end or go on
 *
 *   node    leaf      bit v:        a prefix ends with these 6 bits = v
 *           inner     bit 2^l | x:  a prefix ends with the first l bits = x, l = 1..5 (bit 1: /0, root only)
 *                     bit 0:        there is only one result, and it is in the field `results` itself
 *           child     bit v:        prefixes go on behind these 6 bits = v
 *           children  ─► nodes, one per bit of child       } in the order of the bits, sized to fit,
 *           results   ─► values, one per bit of leaf, inner }  from kmalloc
 *
 * A node takes half a cache line and never straddles two. With many prefixes a table over the first 18 bits holds
 * {node that goes on there, or 0; best result of the prefixes of up to 18 bits}; it only repeats what the first
 * three levels say. So a /24 of IPv4 costs three loads: table, node, result.
 */
import { kfree, kmalloc, kmallocSize, kzalloc } from './kmalloc';
import { Scratch, scratch } from './scratch';

/** Size of a Poptrie; 8-byte aligned. */
export const POPTRIE_BYTES: u32 = 64;

/** Prefixes from which on the direct table (2 MB) is worth it; below a quarter it goes again. */
export const POPTRIE_DIRECT_AT: u32 = 4096;

const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;

const NODE_BYTES: u32 = 32;
const RESULT_BYTES: u32 = 4;
const STRIDE: u32 = 6;
const ONE_RESULT: u64 = 1;
const DIRECT_BITS: u32 = 18;
const DIRECT_SHIFT: u32 = 32 - DIRECT_BITS;
const DIRECT_BYTES: usize = 8 << DIRECT_BITS;

/** By the 6 bits of a key in a node: the bits of `inner` that match them, the longest being the highest. */
const PATHS = memory.data<u64>([
  0x100010116, 0x100010116, 0x200010116, 0x200010116, 0x400020116, 0x400020116, 0x800020116, 0x800020116,
  0x1000040216, 0x1000040216, 0x2000040216, 0x2000040216, 0x4000080216, 0x4000080216, 0x8000080216,
  0x8000080216, 0x10000100426, 0x10000100426, 0x20000100426, 0x20000100426, 0x40000200426, 0x40000200426,
  0x80000200426, 0x80000200426, 0x100000400826, 0x100000400826, 0x200000400826, 0x200000400826,
  0x400000800826, 0x400000800826, 0x800000800826, 0x800000800826, 0x100000100104a, 0x100000100104a,
  0x200000100104a, 0x200000100104a, 0x400000200104a, 0x400000200104a, 0x800000200104a, 0x800000200104a,
  0x1000000400204a, 0x1000000400204a, 0x2000000400204a, 0x2000000400204a, 0x4000000800204a, 0x4000000800204a,
  0x8000000800204a, 0x8000000800204a, 0x10000001000408a, 0x10000001000408a, 0x20000001000408a,
  0x20000001000408a, 0x40000002000408a, 0x40000002000408a, 0x80000002000408a, 0x80000002000408a,
  0x100000004000808a, 0x100000004000808a, 0x200000004000808a, 0x200000004000808a, 0x400000008000808a,
  0x400000008000808a, 0x800000008000808a, 0x800000008000808a,
]);

@unmanaged
@final
class Node {
  leaf: u64;
  inner: u64;
  child: u64;
  children: usize;
  results: usize;
}

/** The root node, then what belongs to the whole. */
@unmanaged
@final
export class Poptrie {
  leaf: u64;
  inner: u64;
  child: u64;
  children: usize;
  results: usize;
  /** Width of keys: 32 or 128. */
  bits: u32;
  /** Prefixes in it. */
  count: u32;
  direct: usize;
  directAt: u32;
  /** The result when nothing matches: 0. */
  none: u32;
}

/** Makes an empty trie for keys of `bits` = 32 or 128 bits in POPTRIE_BYTES at `t`. */
export function poptrieInit(t: usize, bits: u32): bool {
  if (bits !== 32 && bits !== 128) return false;
  memory.fill(t, 0, POPTRIE_BYTES);
  const trie = changetype<Poptrie>(t);
  trie.bits = bits;
  trie.directAt = POPTRIE_DIRECT_AT;
  return true;
}

/** Frees all memory; what stays is an empty trie. */
export function poptrieDestroy(t: usize): void {
  const trie = changetype<Poptrie>(t);
  freeBelow(changetype<Node>(t));
  kfree(trie.direct);
  poptrieInit(t, trie.bits);
}

/**
 * Gives the prefix of `plen` bits at `keyPtr` (network order; further bits are ignored) the result `value`, not 0.
 * Returns 0, -EINVAL, or -ENOMEM with nothing changed.
 */
export function poptrieInsert(t: usize, keyPtr: usize, plen: u32, value: u32): i32 {
  const trie = changetype<Poptrie>(t);
  if (plen > trie.bits || value === 0) return -EINVAL;
  const target = depthOf(plen);
  const rel = plen - target;
  const x = bitsAt(trie, keyPtr, target) >> (STRIDE - rel);
  let node = changetype<Node>(t);
  let depth: u32 = 0;
  if (trie.direct !== 0 && target >= DIRECT_BITS) {
    const known = load<u32>(directEntry(trie, directIndex(keyPtr)));
    if (known !== 0) {
      node = changetype<Node>(known);
      depth = DIRECT_BITS;
    }
  }
  while (depth < target) {
    const v = bitsAt(trie, keyPtr, depth);
    if (((node.child >> v) & 1) === 0) break;
    node = childAt(node, v);
    depth += STRIDE;
  }
  if (depth === target) {
    if (hasResult(node, rel, x)) {
      store<u32>(resultAt(node, rel, x), value);
      if (trie.direct !== 0 && plen <= DIRECT_BITS) refreshBest(trie, keyPtr, plen);
      return 0;
    }
    if (!insertResult(node, rel, x, value)) return -ENOMEM;
  } else {
    const chain = buildChain(trie, keyPtr, depth + STRIDE, target, rel, x, value);
    if (chain === 0) return -ENOMEM;
    if (!insertChild(node, bitsAt(trie, keyPtr, depth), chain)) {
      freeBelow(changetype<Node>(chain));
      kfree(chain);
      return -ENOMEM;
    }
    // Its content lies among its siblings now.
    kfree(chain);
    if (trie.direct !== 0 && depth < DIRECT_BITS && target >= DIRECT_BITS) refreshNodes(trie, keyPtr);
  }
  trie.count++;
  if (trie.direct !== 0) {
    if (plen <= DIRECT_BITS) refreshBest(trie, keyPtr, plen);
  } else if (trie.count >= trie.directAt && (trie.count - trie.directAt) % POPTRIE_DIRECT_AT === 0) {
    buildDirect(trie);
  }
  return 0;
}

/** Removes the prefix; returns its result, 0 when it was not there. */
export function poptrieRemove(t: usize, keyPtr: usize, plen: u32): u32 {
  const trie = changetype<Poptrie>(t);
  if (plen > trie.bits) return 0;
  const target = depthOf(plen);
  const rel = plen - target;
  let node = nodeAt(trie, keyPtr, target);
  if (node === 0) return 0;
  const x = bitsAt(trie, keyPtr, target) >> (STRIDE - rel);
  if (!hasResult(changetype<Node>(node), rel, x)) return 0;
  const value = load<u32>(resultAt(changetype<Node>(node), rel, x));
  removeResult(changetype<Node>(node), rel, x);
  trie.count--;

  let depth = target;
  while (depth > 0 && isEmpty(changetype<Node>(node))) {
    depth -= STRIDE;
    node = nodeAt(trie, keyPtr, depth);
    removeChild(changetype<Node>(node), bitsAt(trie, keyPtr, depth));
  }
  if (trie.direct === 0) return value;
  if (trie.count < trie.directAt >> 2) {
    kfree(trie.direct);
    trie.direct = 0;
    return value;
  }
  if (depth < DIRECT_BITS && target >= DIRECT_BITS) refreshNodes(trie, keyPtr);
  if (plen <= DIRECT_BITS) refreshBest(trie, keyPtr, plen);
  return value;
}

/** The result of exactly this prefix, or 0. */
export function poptrieGet(t: usize, keyPtr: usize, plen: u32): u32 {
  const trie = changetype<Poptrie>(t);
  if (plen > trie.bits) return 0;
  const target = depthOf(plen);
  const node = nodeAt(trie, keyPtr, target);
  if (node === 0) return 0;
  const rel = plen - target;
  const x = bitsAt(trie, keyPtr, target) >> (STRIDE - rel);
  if (!hasResult(changetype<Node>(node), rel, x)) return 0;
  return load<u32>(resultAt(changetype<Node>(node), rel, x));
}

/** The result of the longest prefix that matches an IPv4 address, in host order; 0 when none does. */
export function poptrieLookup4(t: usize, addr: u32): u32 {
  const trie = changetype<Poptrie>(t);
  const direct = trie.direct;
  if (direct === 0) return descend(changetype<Node>(t), (<u64>addr) << 32, 0, t + offsetof<Poptrie>('none'));
  const entry = direct + ((addr >> DIRECT_SHIFT) << 3);
  const node = load<u32>(entry);
  if (node === 0) return load<u32>(entry, 4);
  return descend(changetype<Node>(node), (<u64>addr) << (32 + DIRECT_BITS), 0, entry + 4);
}

/** The result of the longest prefix that matches the IPv6 address at `keyPtr`; 0 when none does. */
export function poptrieLookup6(t: usize, keyPtr: usize): u32 {
  const trie = changetype<Poptrie>(t);
  const hi = bswap<u64>(load<u64>(keyPtr));
  const lo = bswap<u64>(load<u64>(keyPtr, 8));
  const direct = trie.direct;
  if (direct === 0) return descend(changetype<Node>(t), hi, lo, t + offsetof<Poptrie>('none'));
  const entry = direct + ((<usize>(hi >> (64 - DIRECT_BITS))) << 3);
  const node = load<u32>(entry);
  if (node === 0) return load<u32>(entry, 4);
  return descend(
    changetype<Node>(node),
    (hi << DIRECT_BITS) | (lo >> (64 - DIRECT_BITS)),
    lo << DIRECT_BITS,
    entry + 4,
  );
}

/**
 * poptrieLookup4 for `n` addresses (u32, host order) at `keys`, into `results` (u32 each). The entries and the nodes
 * of all are touched first, each without waiting for the one before.
 */
export function poptrieLookupBurst4(t: usize, keys: usize, results: usize, n: u32): void {
  const bytes = n << 2;
  const direct = changetype<Poptrie>(t).direct;
  if (direct === 0) {
    for (let i: u32 = 0; i < bytes; i += 4) {
      store<u32>(results + i, poptrieLookup4(t, load<u32>(keys + i)));
    }
    return;
  }
  for (let i: u32 = 0; i < bytes; i += 4) {
    store<u32>(results + i, load<u32>(direct + ((load<u32>(keys + i) >> DIRECT_SHIFT) << 3)));
  }
  // Nodes are touched side by side. Where there is none, the root is: cheaper than a branch.
  let touched: u32 = 0;
  for (let i: u32 = 0; i < bytes; i += 4) {
    const node = load<u32>(results + i);
    touched |= load<u32>(select<usize>(node, t, node !== 0), offsetof<Node>('results'));
  }
  // Kept, so that the loads are not taken for useless.
  store<u32>(scratch(Scratch.POPTRIE_TOUCHED), touched);
  for (let i: u32 = 0; i < bytes; i += 4) {
    const addr = load<u32>(keys + i);
    const node = load<u32>(results + i);
    if (node !== 0) {
      // The first node in line: most prefixes end in it (/19 to /24), and a call costs as much as the rest.
      const n = changetype<Node>(node);
      const v = <u64>((addr >> (DIRECT_SHIFT - STRIDE)) & 63);
      const inner = n.inner & load<u64>(PATHS + ((<usize>v) << 3));
      if (((n.child >> v) & 1) !== 0) {
        const otherwise = direct + ((addr >> DIRECT_SHIFT) << 3) + 4;
        store<u32>(results + i, descend(n, (<u64>addr) << (32 + DIRECT_BITS), 0, otherwise));
        continue;
      }
      if ((((n.leaf >> v) & 1) | inner) !== 0) {
        store<u32>(results + i, Match.longest(n, v, inner));
        continue;
      }
    }
    store<u32>(results + i, load<u32>(direct + ((addr >> DIRECT_SHIFT) << 3), 4));
  }
}

/**
 * Goes on to the next prefix in the order of keys, then of lengths: writes it to `keyPtr` and `plenPtr` (u8) and
 * returns its result, 0 behind the last one. The prefix given need not be there; plen 0xff begins.
 */
export function poptrieNext(t: usize, keyPtr: usize, plenPtr: usize): u32 {
  const trie = changetype<Poptrie>(t);
  const plen = <u32>load<u8>(plenPtr);
  if (plen === 0xff) {
    memory.fill(keyPtr, 0, trie.bits >> 3);
    return nextIn(trie, changetype<Node>(t), 0, true, keyPtr, 0, plenPtr);
  }
  return nextIn(trie, changetype<Node>(t), 0, true, keyPtr, plen + 1, plenPtr);
}

/**
 * Goes down from `node` with the rest of a key, left-aligned in hi and lo, and loads the longest match, or what is
 * at `otherwise`.
 */
function descend(node: Node, hi: u64, lo: u64, otherwise: usize): u32 {
  let n = node;
  let high = hi;
  let low = lo;
  let best: usize = 0;
  let bestV: u64 = 0;
  for (;;) {
    const v = high >> (64 - STRIDE);
    const matches = ((n.leaf >> v) & 1) | (n.inner & load<u64>(PATHS + ((<usize>v) << 3)));
    if (matches !== 0) {
      best = changetype<usize>(n);
      bestV = v;
    }
    const child = n.child;
    if (((child >> v) & 1) === 0) break;
    n = changetype<Node>(n.children + ((<usize>popcnt<u64>(child & (((<u64>1) << v) - 1))) << 5));
    high = (high << STRIDE) | (low >> (64 - STRIDE));
    low <<= STRIDE;
  }
  if (best === 0) return load<u32>(otherwise);
  const last = changetype<Node>(best);
  return Match.longest(last, bestV, last.inner & load<u64>(PATHS + ((<usize>bestV) << 3)));
}

/** A class, because only a method may be marked for inlining: a call costs half a lookup. */
class Match {
  /** The longest match of 6 bits `v` in a node that has one; `inner` are the node's own that match. */
  @inline
  static longest(node: Node, v: u64, inner: u64): u32 {
    const all = node.inner;
    if ((all & ONE_RESULT) !== 0) return <u32>node.results;
    const leaf = node.leaf;
    if (((leaf >> v) & 1) !== 0) {
      return load<u32>(node.results + ((<usize>popcnt<u64>(leaf & (((<u64>1) << v) - 1))) << 2));
    }
    // Of the inner ones the highest bit is the longest; those below it, and all leaves, have their results before it.
    const below = (~(<u64>0) >> clz<u64>(inner)) >> 1;
    const index = popcnt<u64>(leaf) + popcnt<u64>(all & below);
    return load<u32>(node.results + ((<usize>index) << 2));
  }
}

/** Depth of the node in which a prefix of `plen` bits ends. */
function depthOf(plen: u32): u32 {
  return plen === 0 ? 0 : ((plen - 1) / STRIDE) * STRIDE;
}

/** The 6 bits of a key from bit `depth` on; zeros behind its end. */
function bitsAt(trie: Poptrie, keyPtr: usize, depth: u32): u32 {
  const at = depth >> 3;
  let word = (<u32>load<u8>(keyPtr + at)) << 8;
  if ((at + 1) << 3 < trie.bits) word |= <u32>load<u8>(keyPtr + at + 1);
  return (word >> (10 - (depth & 7))) & 63;
}

/** Writes the 6 bits of a key from bit `depth` on, and zeros to its end when `last`. */
function setBits(trie: Poptrie, keyPtr: usize, depth: u32, v: u32, last: bool): void {
  const bytes = trie.bits >> 3;
  const at = depth >> 3;
  const shift = 10 - (depth & 7);
  let word = (<u32>load<u8>(keyPtr + at)) << 8;
  if (at + 1 < bytes) word |= <u32>load<u8>(keyPtr + at + 1);
  word = (word & ~(63 << shift)) | (v << shift);
  if (last) word &= ~((1 << shift) - 1);
  store<u8>(keyPtr + at, word >> 8);
  if (at + 1 < bytes) store<u8>(keyPtr + at + 1, word);
  if (last && at + 2 < bytes) memory.fill(keyPtr + at + 2, 0, bytes - at - 2);
}

/** The node at `depth` on the way of a key, or 0. */
function nodeAt(trie: Poptrie, keyPtr: usize, depth: u32): usize {
  let node = changetype<Node>(changetype<usize>(trie));
  for (let d: u32 = 0; d < depth; d += STRIDE) {
    const v = bitsAt(trie, keyPtr, d);
    if (((node.child >> v) & 1) === 0) return 0;
    node = childAt(node, v);
  }
  return changetype<usize>(node);
}

function childAt(node: Node, v: u32): Node {
  return changetype<Node>(node.children + rank(node.child, v) * NODE_BYTES);
}

/** Bits of `map` below bit `v`. */
function rank(map: u64, v: u32): u32 {
  return <u32>popcnt<u64>(map & (((<u64>1) << v) - 1));
}

function isEmpty(node: Node): bool {
  return (node.leaf | node.inner | node.child) === 0;
}

function resultCount(node: Node): u32 {
  return <u32>popcnt<u64>(node.leaf) + <u32>popcnt<u64>(node.inner & ~ONE_RESULT);
}

/** Whether the prefix of `rel` bits `x` ends in this node. */
function hasResult(node: Node, rel: u32, x: u32): bool {
  if (rel === STRIDE) return ((node.leaf >> x) & 1) !== 0;
  return ((node.inner >> ((1 << rel) | x)) & 1) !== 0;
}

/** Where its result is among the node's, or would be. */
function resultIndex(node: Node, rel: u32, x: u32): u32 {
  if (rel === STRIDE) return rank(node.leaf, x);
  return <u32>popcnt<u64>(node.leaf) + rank(node.inner & ~ONE_RESULT, (1 << rel) | x);
}

/** Address of the result of a prefix that ends in this node. */
function resultAt(node: Node, rel: u32, x: u32): usize {
  if ((node.inner & ONE_RESULT) !== 0) return changetype<usize>(node) + offsetof<Node>('results');
  return node.results + resultIndex(node, rel, x) * RESULT_BYTES;
}

function insertResult(node: Node, rel: u32, x: u32, value: u32): bool {
  const count = resultCount(node);
  if (count === 0) {
    node.results = value;
    node.inner |= ONE_RESULT;
  } else {
    const index = resultIndex(node, rel, x);
    const single = count === 1;
    const block = arrayInsert(
      single ? 0 : node.results,
      single ? 0 : count,
      RESULT_BYTES,
      single ? 0 : index,
    );
    if (block === 0) return false;
    if (single) {
      // Room for four: the one that was in the node goes to the other place.
      store<u32>(block + (1 - index) * RESULT_BYTES, node.results);
      node.inner &= ~ONE_RESULT;
    }
    store<u32>(block + index * RESULT_BYTES, value);
    node.results = block;
  }
  if (rel === STRIDE) node.leaf |= (<u64>1) << x;
  else node.inner |= (<u64>1) << ((1 << rel) | x);
  return true;
}

function removeResult(node: Node, rel: u32, x: u32): void {
  const count = resultCount(node);
  const index = resultIndex(node, rel, x);
  if (rel === STRIDE) node.leaf &= ~((<u64>1) << x);
  else node.inner &= ~((<u64>1) << ((1 << rel) | x));
  if (count === 1) {
    node.inner &= ~ONE_RESULT;
    node.results = 0;
  } else if (count === 2) {
    const other = load<u32>(node.results + (1 - index) * RESULT_BYTES);
    kfree(node.results);
    node.results = other;
    node.inner |= ONE_RESULT;
  } else {
    node.results = arrayRemove(node.results, count, RESULT_BYTES, index);
  }
}

/** Copies the node at `content` among the children of `node`. */
function insertChild(node: Node, v: u32, content: usize): bool {
  const count = <u32>popcnt<u64>(node.child);
  const index = rank(node.child, v);
  const block = arrayInsert(node.children, count, NODE_BYTES, index);
  if (block === 0) return false;
  memory.copy(block + index * NODE_BYTES, content, NODE_BYTES);
  node.children = block;
  node.child |= (<u64>1) << v;
  return true;
}

function removeChild(node: Node, v: u32): void {
  const count = <u32>popcnt<u64>(node.child);
  node.children = arrayRemove(node.children, count, NODE_BYTES, rank(node.child, v));
  node.child &= ~((<u64>1) << v);
}

/**
 * The nodes from depth `from` to `target`, each the only child of the one before; the last has the one result.
 * Returns the first, 0 when the arena is full. Detached, so that a failure changes nothing.
 */
function buildChain(
  trie: Poptrie,
  keyPtr: usize,
  from: u32,
  target: u32,
  rel: u32,
  x: u32,
  value: u32,
): usize {
  let block = kzalloc(NODE_BYTES);
  if (block === 0) return 0;
  insertResult(changetype<Node>(block), rel, x, value);
  for (let depth = target; depth > from; ) {
    depth -= STRIDE;
    const above = kzalloc(NODE_BYTES);
    if (above === 0) {
      freeBelow(changetype<Node>(block));
      kfree(block);
      return 0;
    }
    changetype<Node>(above).child = (<u64>1) << bitsAt(trie, keyPtr, depth);
    changetype<Node>(above).children = block;
    block = above;
  }
  return block;
}

/** Frees what hangs below a node. */
function freeBelow(node: Node): void {
  const count = <u32>popcnt<u64>(node.child);
  for (let i: u32 = 0; i < count; i++) freeBelow(changetype<Node>(node.children + i * NODE_BYTES));
  if (count !== 0) kfree(node.children);
  if (resultCount(node) > 1) kfree(node.results);
}

/** Opens a gap at `index` of an array of `count`; returns where the array is now, or 0 with nothing changed. */
function arrayInsert(base: usize, count: u32, size: u32, index: u32): usize {
  const head = index * size;
  const tail = (count - index) * size;
  if (count !== 0 && kmallocSize(count * size) === kmallocSize((count + 1) * size)) {
    memory.copy(base + head + size, base + head, tail);
    return base;
  }
  const block = kmalloc((count + 1) * size);
  if (block === 0 || count === 0) return block;
  memory.copy(block, base, head);
  memory.copy(block + head + size, base + head, tail);
  kfree(base);
  return block;
}

/** Closes the place at `index`; returns where the array is now, 0 when it is empty. */
function arrayRemove(base: usize, count: u32, size: u32, index: u32): usize {
  if (count === 1) {
    kfree(base);
    return 0;
  }
  const left = (count - 1) * size;
  memory.copy(base + index * size, base + (index + 1) * size, left - index * size);
  if (kmallocSize(left) === kmallocSize(count * size)) return base;
  const block = kmalloc(left);
  if (block === 0) return base; // larger than needed does no harm
  memory.copy(block, base, left);
  kfree(base);
  return block;
}

function directIndex(keyPtr: usize): u32 {
  return bswap<u32>(load<u32>(keyPtr)) >> DIRECT_SHIFT;
}

function directEntry(trie: Poptrie, index: u32): usize {
  return trie.direct + (index << 3);
}

/** Builds the direct table; without memory for it, lookups go on from the root. */
function buildDirect(trie: Poptrie): void {
  const direct = kzalloc(DIRECT_BYTES);
  if (direct === 0) return;
  trie.direct = direct;
  for (let index: u32 = 0; index < (<u32>1) << DIRECT_BITS; index++) {
    store<u32>(directEntry(trie, index), bestOf(trie, index), 4);
    if ((index & 63) === 0) pointNodes(trie, index);
  }
}

/** Sets the best results of all entries under a prefix of up to 18 bits. */
function refreshBest(trie: Poptrie, keyPtr: usize, plen: u32): void {
  const free = DIRECT_BITS - plen;
  const first = (directIndex(keyPtr) >> free) << free;
  const end = first + (1 << free);
  for (let index = first; index < end; index++) store<u32>(directEntry(trie, index), bestOf(trie, index), 4);
}

/** The best result of prefixes of up to 18 bits for an entry, from the first three levels. */
function bestOf(trie: Poptrie, index: u32): u32 {
  let node = changetype<Node>(changetype<usize>(trie));
  let best: u32 = 0;
  for (let shift: i32 = DIRECT_BITS - STRIDE; shift >= 0; shift -= STRIDE) {
    const v = (index >> <u32>shift) & 63;
    const matches = ((node.leaf >> v) & 1) | (node.inner & load<u64>(PATHS + (v << 3)));
    if (matches !== 0) best = Match.longest(node, v, node.inner & load<u64>(PATHS + ((<usize>v) << 3)));
    if (((node.child >> v) & 1) === 0) break;
    node = childAt(node, v);
  }
  return best;
}

/** After the children of the node at depth 12 on this key's way have changed, or it has come or gone. */
function refreshNodes(trie: Poptrie, keyPtr: usize): void {
  pointNodes(trie, directIndex(keyPtr) & ~63);
}

/** Points the 64 entries from `first` on, which share 12 bits, to their nodes at depth 18. */
function pointNodes(trie: Poptrie, first: u32): void {
  let node = changetype<Node>(changetype<usize>(trie));
  let there = true;
  for (let shift: u32 = 12; shift >= STRIDE && there; shift -= STRIDE) {
    const v = (first >> shift) & 63;
    there = ((node.child >> v) & 1) !== 0;
    if (there) node = childAt(node, v);
  }
  let at = there ? node.children : 0;
  for (let v: u32 = 0; v < 64; v++) {
    const has = there && ((node.child >> v) & 1) !== 0;
    store<u32>(directEntry(trie, first + v), has ? at : 0);
    if (has) at += NODE_BYTES;
  }
}

/**
 * The first prefix not before (key, plen) in and below a node. `bounded`: the way to the node is that of the key;
 * else all in it come later. The key is written only on the way back from what was found.
 */
function nextIn(
  trie: Poptrie,
  node: Node,
  depth: u32,
  bounded: bool,
  keyPtr: usize,
  plen: u32,
  out: usize,
): u32 {
  const first = bounded ? bitsAt(trie, keyPtr, depth) : 0;
  let v = nextUsed(node, first);
  while (v < 64) {
    const same = bounded && v === first;
    if (!same || zeroFrom(trie, keyPtr, depth + STRIDE)) {
      // Prefixes that begin at v, the shorter first. Length 0 is only at the root.
      let rel: u32 = v === 0 ? (depth === 0 ? 0 : 1) : STRIDE - <u32>ctz<u32>(v);
      if (same && depth + rel < plen) rel = plen - depth;
      for (; rel <= STRIDE; rel++) {
        const x = v >> (STRIDE - rel);
        if (!hasResult(node, rel, x)) continue;
        setBits(trie, keyPtr, depth, v, true);
        store<u8>(out, depth + rel);
        return load<u32>(resultAt(node, rel, x));
      }
    }
    if (((node.child >> v) & 1) !== 0) {
      const value = nextIn(trie, childAt(node, v), depth + STRIDE, same, keyPtr, plen, out);
      if (value !== 0) {
        setBits(trie, keyPtr, depth, v, false);
        return value;
      }
    }
    v = nextUsed(node, v + 1);
  }
  return 0;
}

/** The first 6 bits from `from` on where a prefix begins or a child is; 64 when there are none. */
function nextUsed(node: Node, from: u32): u32 {
  if (from > 63) return 64;
  let next: u32 = 64;
  const ends = (node.leaf | node.child) >> from;
  if (ends !== 0) next = from + <u32>ctz<u64>(ends);
  for (let rel: u32 = 0; rel < STRIDE; rel++) {
    const free = STRIDE - rel;
    const x = (from + (1 << free) - 1) >> free;
    if (x >= (<u32>1) << rel) continue;
    // Bits 2^rel + x to 2 * 2^rel - 1 of inner.
    const level = (node.inner >> ((1 << rel) + x)) & (((<u64>1) << ((1 << rel) - x)) - 1);
    if (level !== 0) next = min(next, (x + <u32>ctz<u64>(level)) << free);
  }
  return next;
}

/** Whether the key has only zeros from bit `from` on. */
function zeroFrom(trie: Poptrie, keyPtr: usize, from: u32): bool {
  if (from >= trie.bits) return true;
  const bytes = trie.bits >> 3;
  let at = from >> 3;
  if ((<u32>load<u8>(keyPtr + at) & (0xff >> (from & 7))) !== 0) return false;
  for (at++; at < bytes; at++) if (load<u8>(keyPtr + at) !== 0) return false;
  return true;
}
