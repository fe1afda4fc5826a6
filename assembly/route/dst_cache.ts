/**
 * Destinations looked up lately, in front of a table's trie: of a flow's packets only the first goes down the trie. It
 * holds what the trie holds, whole addresses only, and forgets everything when the table changes (Fib.genId). Of fixed
 * size, so that a sweep over random destinations costs one line of memory a packet more and nothing else.
 *
 *   keys ─► set of the address's hash: two entries, the later one first ─┬─ found ───────────────────► routes
 *                                                                        └─ missed ─► poptrie ─► set ─► routes
 */
import { kzalloc } from '../lib/kmalloc';
import { poptrieLookupBurst4 } from '../lib/poptrie';
import { SCRATCH_MISSED, SCRATCH_MISSED_AT, SCRATCH_MISSED_ROUTES, scratchList } from '../dev/scratch';
import { Fib } from './fib';

/** Two entries, each the address in the lower half and what the trie holds for it in the upper; 0 is none. */
const SET_BYTES: u32 = 16;
const SETS_BITS: u32 = 12;
const BYTES: u32 = SET_BYTES << SETS_BITS;
/** 2^32 / the golden ratio. */
const HASH: u32 = 0x9e3779b1;
/** A shorter burst goes to the trie, and makes no cache. */
const BURST_MIN: u32 = 16;

/** A class, because only a method may be marked for inlining. */
class Cached {
  @inline
  static set(cache: usize, addr: u32): usize {
    return cache + (((addr * HASH) >>> (32 - SETS_BITS)) << 4);
  }
}

/** What the trie of `fib` holds for `n` addresses (u32, host order) at `keys`, into `routes` (u32 each, 0: nothing). */
export function dstLookupBurst4(fib: Fib, keys: usize, routes: usize, n: u32): void {
  const cache = n < BURST_MIN ? 0 : dstCache(fib);
  if (cache === 0) {
    poptrieLookupBurst4(fib.trie, keys, routes, n);
    return;
  }
  const missed = scratchList(SCRATCH_MISSED);
  const missedAt = scratchList(SCRATCH_MISSED_AT);
  const bytes = n << 2;
  let end: u32 = 0;
  for (let i: u32 = 0; i < bytes; i += 4) {
    const addr = load<u32>(keys + i);
    const set = Cached.set(cache, addr);
    let entry = load<u64>(set);
    if (<u32>entry !== addr) entry = load<u64>(set, 8);
    const value = <u32>(entry >> 32);
    store<u32>(routes + i, value);
    if (<u32>entry === addr) {
      if (value !== 0) continue;
    }
    store<u32>(missed + end, addr);
    store<u32>(missedAt + end, i);
    end += 4;
  }
  if (end === 0) return;
  const found = scratchList(SCRATCH_MISSED_ROUTES);
  poptrieLookupBurst4(fib.trie, missed, found, end >> 2);
  for (let i: u32 = 0; i < end; i += 4) {
    const addr = load<u32>(missed + i);
    const value = load<u32>(found + i);
    const set = Cached.set(cache, addr);
    store<u32>(routes + load<u32>(missedAt + i), value);
    store<u64>(set, load<u64>(set), 8);
    store<u64>(set, ((<u64>value) << 32) | addr);
  }
}

/** The cache of a table, empty when the table has changed since; 0 when there is no memory for one. */
function dstCache(fib: Fib): usize {
  if (fib.dstCache === 0) fib.dstCache = kzalloc(BYTES);
  else if (fib.dstGenId !== fib.genId) memory.fill(fib.dstCache, 0, BYTES);
  fib.dstGenId = fib.genId;
  return fib.dstCache;
}
