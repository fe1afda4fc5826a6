/**
 * The routing tables of a namespace, one set per family. Linux: fib_get_table, fib_new_table, fib_unmerge.
 *
 *   net.fib4 ─► main ─ owner ─► FibNet { tables: main ─► 100 ─► 7 ─► ..., infos, rules }
 *
 * The tables main and local share one trie, main's, as long as there are no rules of one's own: then one lookup
 * answers. The first such rule parts them (fibUnmerge), for good, and lookups go from rule to rule (route/fib_rules).
 * A namespace has at most FIB_TABLES_MAX tables per family; one more is refused with ENOBUFS, unless an empty one can
 * give way.
 */
import { Op } from '../abi/ops';
import { HashTable, hashDestroy, hashInit } from '../lib/hash_table';
import { kfree, kzalloc } from '../lib/kmalloc';
import { poptrieNext } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { timerDel, timerSetup } from '../lib/timer_wheel';
import { AF_INET, Net } from '../net/net';
import {
  FIB_ROUTES_MAX,
  Fib,
  FibInfo,
  FibNet,
  RT_TABLE_DEFAULT,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  fibCreate,
  fibDestroy,
  fibFirst,
  fibInsert,
  fibNextAlias,
  fibRemove,
  fibGcTimer,
} from './fib';

export const FIB_TABLES_MAX: u32 = 1024;
/** Bits of net.fibSlow4/6: why a lookup has to ask more than one trie. */
export const FIB_SLOW_RULES: u32 = 1;
export const FIB_SLOW_DEFAULT: u32 = 2;

/** The tables of a new namespace, with main; its address is main's, 0 when memory ran out. */
export function fibNetCreate(net: Net, family: u32): usize {
  const p = kzalloc(offsetof<FibNet>());
  if (p === 0) return 0;
  const fn = changetype<FibNet>(p);
  fn.net = changetype<usize>(net);
  fn.family = family;
  fn.max = FIB_ROUTES_MAX;
  timerSetup(fibGcTimer(fn), Op.TIMER_FIB6_GC, p);
  fn.infos = kzalloc(offsetof<HashTable>());
  if (fn.infos === 0 || !hashInit(changetype<HashTable>(fn.infos), 4, FIB_ROUTES_MAX)) {
    kfree(fn.infos);
    kfree(p);
    return 0;
  }
  const main = fibNewTable(fn, RT_TABLE_MAIN);
  fn.local = fn.main;
  if (main === null) {
    hashDestroy(changetype<HashTable>(fn.infos));
    kfree(fn.infos);
    kfree(p);
    return 0;
  }
  return changetype<usize>(main);
}

/** Frees all tables; their routes have been flushed, and the rules are gone. */
export function fibNetDestroy(main: usize): void {
  if (main === 0) return;
  const p = changetype<Fib>(main).owner;
  const fn = changetype<FibNet>(p);
  timerDel(fibGcTimer(fn));
  let at = fn.tables;
  while (at !== 0) {
    const next = changetype<Fib>(at).next;
    fibDestroy(at);
    at = next;
  }
  hashDestroy(changetype<HashTable>(fn.infos));
  kfree(fn.infos);
  kfree(p);
}

/** The tables of the family. */
export function fibNet(net: Net, family: u32): FibNet {
  return changetype<FibNet>(changetype<Fib>(family === AF_INET ? net.fib4 : net.fib6).owner);
}

/** The table of this number (0: main), or null. */
export function fibGetTable(fn: FibNet, id: u32): Fib | null {
  if (id === RT_TABLE_MAIN || id === 0) return changetype<Fib>(fn.main);
  if (id === RT_TABLE_LOCAL) return changetype<Fib>(fn.local);
  for (let at = fn.tables; at !== 0; at = changetype<Fib>(at).next) {
    if (changetype<Fib>(at).id === id) return changetype<Fib>(at);
  }
  return null;
}

/** The table of this number, made when there is none; null when there are too many, or memory ran out. */
export function fibNewTable(fn: FibNet, id: u32): Fib | null {
  if (fn.main !== 0) {
    const have = fibGetTable(fn, id);
    if (have !== null) return have;
  }
  if (fn.tableCount >= FIB_TABLES_MAX && !reclaim(fn)) return null;
  const p = fibCreate(fn, id);
  if (p === 0) return null;
  const fib = changetype<Fib>(p);
  // main stays in front, so that its address is that of the list.
  if (fn.main === 0) {
    fn.main = p;
    fn.tables = p;
  } else {
    fib.next = changetype<Fib>(fn.main).next;
    changetype<Fib>(fn.main).next = p;
  }
  fn.tableCount++;
  if (id === RT_TABLE_DEFAULT) {
    fn.fallback = p;
    fibSlow(fn, FIB_SLOW_DEFAULT);
  }
  return fib;
}

/** Frees one table without routes; false when there is none. */
function reclaim(fn: FibNet): bool {
  let prev = fn.main;
  for (let at = changetype<Fib>(prev).next; at !== 0; at = changetype<Fib>(at).next) {
    const fib = changetype<Fib>(at);
    if (fib.count === 0 && at !== fn.local && at !== fn.fallback) {
      changetype<Fib>(prev).next = fib.next;
      fibDestroy(at);
      fn.tableCount--;
      return true;
    }
    prev = at;
  }
  return false;
}

function fibSlow(fn: FibNet, why: u32): void {
  const net = changetype<Net>(fn.net);
  if (fn.family === AF_INET) net.fibSlow4 |= why;
  else net.fibSlow6 |= why;
}

/** Parts local from main and has every lookup go by the rules. False when memory ran out: then nothing changed. */
export function fibUnmerge(fn: FibNet): bool {
  if (fn.custom !== 0) return true;
  const main = changetype<Fib>(fn.main);
  const p = fibCreate(fn, RT_TABLE_LOCAL);
  if (p === 0) return false;
  const local = changetype<Fib>(p);
  if (!copyLocal(main, local)) {
    dropLocal(local);
    fibDestroy(p);
    return false;
  }
  dropLocal(main);
  local.next = main.next;
  main.next = p;
  fn.local = p;
  fn.tableCount++;
  fn.custom = 1;
  fibSlow(fn, FIB_SLOW_RULES);
  return true;
}

function copyLocal(from: Fib, to: Fib): bool {
  const key = scratch(Scratch.FIB_TABLE_KEY);
  const plenPtr = scratch(Scratch.FIB_TABLE_PLEN_PTR);
  store<u32>(plenPtr, 0xff);
  while (poptrieNext(from.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let info: FibInfo | null = fibFirst(from, key, plen);
    while (info !== null) {
      if (info.table === RT_TABLE_LOCAL) {
        info.refs++;
        if (fibInsert(to, key, plen, info, true) !== 0) {
          info.refs--;
          return false;
        }
      }
      info = fibNextAlias(from, key, plen, info);
    }
  }
  return true;
}

/** Takes the routes of the table local out of this trie. */
function dropLocal(fib: Fib): void {
  const key = scratch(Scratch.FIB_TABLE_KEY);
  const plenPtr = scratch(Scratch.FIB_TABLE_PLEN_PTR);
  store<u32>(plenPtr, 0xff);
  while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let info: FibInfo | null = fibFirst(fib, key, plen);
    while (info !== null) {
      const next: FibInfo | null = fibNextAlias(fib, key, plen, info);
      if (info.table === RT_TABLE_LOCAL) fibRemove(fib, key, plen, info);
      info = next;
    }
  }
}
