/**
 * Where the neighbours of one family live: a hash by (device, address) over all namespaces, the list of those that
 * garbage collection may take, and the counters of /proc/net/stat/arp_cache. Linux: struct neigh_table.
 *
 *   NeighTable { gc timer, HashTable, gc ring, counters }     buckets ─► Neighbour.hnext ─► ...
 *                                      └► oldest Neighbour.gcNext ─► ... newest
 */
import { Op } from '../abi/ops';
import { NeighVar } from '../abi/sysctl';
import { NetDevice } from '../dev/net_device';
import {
  HashNode,
  HashTable,
  hashBucket,
  hashDestroy,
  hashHead,
  hashInit,
  hashInsert,
  hashRemove,
} from '../lib/hash_table';
import { root } from '../lib/root';
import { TIMER_BYTES, Timer, timerSetup } from '../lib/timer_wheel';
import { AF_INET, Net } from '../net/net';
import { Neighbour, neighKey } from './neighbour';

@unmanaged
@final
export class NeighTable {
  /** Timer of the periodic collection. */
  timer0: u64;
  timer1: u64;
  timer2: u64;
  /** When collection was last forced, and when it was last in vain (ns). */
  lastFlush: u64;
  lastFull: u64;
  family: u32;
  /** A HashTable; without buckets while it is empty. */
  buckets: usize;
  mask: u32;
  entries: u32;
  entriesMax: u32;
  /** Ring of the entries that collection may take, oldest first (Linux: gc_list). */
  gcHead: usize;
  gcTail: usize;
  /** Packets in the queues of all unresolved entries. */
  queued: u32;
  // Linux: struct neigh_statistics
  allocs: u32;
  destroys: u32;
  resFailed: u32;
  periodicGcRuns: u32;
  forcedGcRuns: u32;
  unresDiscards: u32;
  tableFulls: u32;
  /** Times that any entry came into a state: by the number of the state's bit. */
  entered0: u32;
  entered1: u32;
  entered2: u32;
  entered3: u32;
  entered4: u32;
  entered5: u32;
  entered6: u32;
  entered7: u32;
}

const BUCKETS_ORDER: u32 = 4;
/** Of all namespaces together, those that an administrator added included. */
export const NEIGH_ENTRIES_MAX: u32 = 1 << 20;
const TABLE_BYTES: usize = (offsetof<NeighTable>() + 15) & ~15;

/** Bytes that both tables take. */
export function neighTablesBytes(): usize {
  return 2 * TABLE_BYTES;
}

/** Makes both tables, empty, at `meta` (16-byte aligned). */
export function neighTablesInit(meta: usize): void {
  memory.fill(meta, 0, 2 * TABLE_BYTES);
  assert(offsetof<NeighTable>('lastFlush') === TIMER_BYTES, 'three words hold a timer');
  root().neighTable4 = meta;
  root().neighTable6 = meta + TABLE_BYTES;
  tableInit(meta, AF_INET);
  tableInit(meta + TABLE_BYTES, 10);
}

function tableInit(p: usize, family: u32): void {
  const table = changetype<NeighTable>(p);
  table.family = family;
  timerSetup(tableTimer(table), Op.TIMER_NEIGH_GC, p);
}

export function neighTable(family: u32): NeighTable {
  return changetype<NeighTable>(family === AF_INET ? root().neighTable4 : root().neighTable6);
}

export function tableTimer(table: NeighTable): Timer {
  return changetype<Timer>(changetype<usize>(table));
}

/** Address of the counter of entries into `state` (one NUD_* bit). */
export function tableEntered(table: NeighTable, state: u32): usize {
  return changetype<usize>(table) + offsetof<NeighTable>('entered0') + (ctz(state) << 2);
}

/** A value of net.ipv[46].neigh.DEV. */
export function neighVar(dev: usize, family: u32, id: NeighVar): u32 {
  const p = family === AF_INET ? changetype<NetDevice>(dev).neigh4 : changetype<NetDevice>(dev).neigh6;
  return load<u32>(p + ((<usize>id) << 2));
}

/** A time of net.ipv[46].neigh.DEV in nanoseconds. */
export function neighVarNs(dev: usize, family: u32, id: NeighVar): u64 {
  return <u64>neighVar(dev, family, id) * 1_000_000;
}

/** Address of the namespace's count of collectable entries. */
export function gcEntriesPtr(net: Net, family: u32): usize {
  const p = changetype<usize>(net);
  return p + (family === AF_INET ? offsetof<Net>('neigh4Entries') : offsetof<Net>('neigh6Entries'));
}

/** Keyed, so that nobody on a link can choose addresses that fall into one bucket. */
export function neighHash(key0: u64, key1: u64, dev: usize): u32 {
  const r = root();
  let h = (key0 ^ r.hashKey0) * 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 32) ^ key1 ^ r.hashKey1) * 0xbf58476d1ce4e5b9;
  h = (h ^ (h >> 29) ^ <u64>dev) * 0x94d049bb133111eb;
  return <u32>(h >> 32);
}

export function tableEntries(table: NeighTable): HashTable {
  return changetype<HashTable>(changetype<usize>(table) + offsetof<NeighTable>('buckets'));
}

/** Puts the entry into the hash; false when memory ran out. The table's reference is the caller's. */
export function tableInsert(table: NeighTable, neigh: Neighbour, hash: u32): bool {
  const entries = tableEntries(table);
  if (entries.buckets === 0 && !hashInit(entries, BUCKETS_ORDER, NEIGH_ENTRIES_MAX)) return false;
  return hashInsert(entries, changetype<HashNode>(neigh), hash);
}

/** Takes the entry out of the hash. An empty table gives its buckets back. */
export function tableRemove(table: NeighTable, neigh: Neighbour): void {
  const entries = tableEntries(table);
  hashRemove(entries, changetype<HashNode>(neigh));
  if (entries.count === 0) hashDestroy(entries);
}

/** The entry with this key, without a reference, or null. */
export function tableFind(table: NeighTable, key0: u64, key1: u64, dev: usize): Neighbour | null {
  const entries = tableEntries(table);
  if (entries.buckets === 0) return null;
  let at = hashHead(entries, neighHash(key0, key1, dev));
  while (at !== 0) {
    const neigh = changetype<Neighbour>(at);
    if (neigh.key0 === key0 && neigh.key1 === key1 && neigh.dev === dev) return neigh;
    at = neigh.hnext;
  }
  return null;
}

/**
 * The entry behind the cursor {bucket u32, index u32} of the namespace `net`, or null at the end; the cursor moves
 * on. A dump over several requests may miss or repeat what moved meanwhile, as Linux's does.
 */
export function neighDumpNext(net: Net, family: u32, cursor: usize): Neighbour | null {
  const table = neighTable(family);
  let bucket = load<u32>(cursor);
  let index = load<u32>(cursor, 4);
  const entries = tableEntries(table);
  for (; entries.buckets !== 0 && bucket <= entries.mask; bucket++) {
    let at = hashBucket(entries, bucket);
    let i: u32 = 0;
    while (at !== 0) {
      const neigh = changetype<Neighbour>(at);
      if (i++ >= index && changetype<NetDevice>(neigh.dev).net === net) {
        store<u32>(cursor, bucket);
        store<u32>(cursor, i, 4);
        return neigh;
      }
      at = neigh.hnext;
    }
    index = 0;
  }
  store<u32>(cursor, bucket);
  store<u32>(cursor, 0, 4);
  return null;
}

/** Appends the entry to the list of those that collection may take. */
export function gcListAdd(table: NeighTable, neigh: Neighbour): void {
  if (neigh.inGcList !== 0) return;
  const p = changetype<usize>(neigh);
  neigh.inGcList = 1;
  neigh.gcNext = 0;
  neigh.gcPrev = table.gcTail;
  if (table.gcTail !== 0) changetype<Neighbour>(table.gcTail).gcNext = p;
  else table.gcHead = p;
  table.gcTail = p;
  const count = gcEntriesPtr(changetype<NetDevice>(neigh.dev).net, neigh.family);
  store<u32>(count, load<u32>(count) + 1);
}

export function gcListRemove(table: NeighTable, neigh: Neighbour): void {
  if (neigh.inGcList === 0) return;
  neigh.inGcList = 0;
  if (neigh.gcPrev !== 0) changetype<Neighbour>(neigh.gcPrev).gcNext = neigh.gcNext;
  else table.gcHead = neigh.gcNext;
  if (neigh.gcNext !== 0) changetype<Neighbour>(neigh.gcNext).gcPrev = neigh.gcPrev;
  else table.gcTail = neigh.gcPrev;
  const count = gcEntriesPtr(changetype<NetDevice>(neigh.dev).net, neigh.family);
  store<u32>(count, load<u32>(count) - 1);
}

/** Whether the key is a multicast address: its entry costs nothing to make again. */
export function neighIsMulticast(neigh: Neighbour): bool {
  const first = load<u8>(neighKey(neigh));
  return neigh.family === AF_INET ? (first & 0xf0) === 0xe0 : first === 0xff;
}
