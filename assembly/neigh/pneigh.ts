/**
 * Addresses that we answer for although others have them: `ip neigh add proxy`, and the requests whose answer waits a
 * random time, so that the owner itself may be first. Linux: net/core/neighbour.c, pneigh_lookup, pneigh_enqueue.
 *
 *   net.proxyTable ─► ProxyTable { timer, queue, buckets ─► PneighEntry ─► ... }
 *   request for a proxied address ─► queue (proxy_qlen per device) ─ at random within proxy_delay ─► answered
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { NeighVar } from '../abi/sysctl';
import { NetDevice, netifRunning } from '../dev/net_device';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex, opSet } from '../lib/ops';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerPending, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET, Net } from '../net/net';
import { skbOrphanFrags } from '../skb/foreign';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { neighVar } from './neigh_table';

@unmanaged
@final
export class PneighEntry {
  next: usize;
  dev: usize;
  key0: u64;
  key1: u64;
  family: u8;
  /** NTF_* */
  flags: u8;
  pad: u16;
}

const BUCKETS: u32 = 64;
/** Entries of one namespace; Linux has no bound. */
const PNEIGH_MAX: u32 = 4096;

@unmanaged
@final
class ProxyTable {
  timer0: u64;
  timer1: u64;
  timer2: u64;
  /** Requests that wait, in the order they came; skb.tstamp is when each is due, skb.mark its family. */
  queueHead: usize;
  queueTail: usize;
  count: u32;
  pad: u32;
}
const TABLE_BYTES: u32 = offsetof<ProxyTable>() + BUCKETS * 4;

function tableOf(net: Net): ProxyTable | null {
  return changetype<ProxyTable | null>(net.proxyTable);
}

function makeTable(net: Net): ProxyTable | null {
  if (net.proxyTable !== 0) return tableOf(net);
  const p = kzalloc(TABLE_BYTES);
  if (p === 0) return null;
  net.proxyTable = p;
  timerSetup(timerOf(changetype<ProxyTable>(p)), Op.TIMER_PROXY, p);
  return tableOf(net);
}

function timerOf(table: ProxyTable): Timer {
  return changetype<Timer>(changetype<usize>(table));
}

function slotOf(table: ProxyTable, key0: u64, key1: u64): usize {
  const h = (key0 ^ rotl<u64>(key1, 17)) * 0x9e3779b97f4a7c15;
  return changetype<usize>(table) + offsetof<ProxyTable>() + ((<u32>(h >> 58)) << 2);
}

function key0Of(family: u32, key: usize): u64 {
  return family === AF_INET ? <u64>load<u32>(key) : load<u64>(key);
}
function key1Of(family: u32, key: usize): u64 {
  return family === AF_INET ? 0 : load<u64>(key, 8);
}

/** The entry for `key` (4 or 16 bytes, network order) on `dev`, or null. */
export function pneighLookup(family: u32, net: Net, key: usize, dev: usize): PneighEntry | null {
  const table = tableOf(net);
  if (table === null) return null;
  const key0 = key0Of(family, key);
  const key1 = key1Of(family, key);
  for (let at = load<u32>(slotOf(table, key0, key1)); at !== 0; at = changetype<PneighEntry>(at).next) {
    const e = changetype<PneighEntry>(at);
    if (e.family === <u8>family && e.dev === dev && e.key0 === key0 && e.key1 === key1) return e;
  }
  return null;
}

/** Makes the entry, or gives the one that is there other flags. 0, -ENOBUFS, -ENOMEM, -EINVAL. */
export function pneighAdd(family: u32, net: Net, key: usize, dev: NetDevice, flags: u32): i32 {
  const have = pneighLookup(family, net, key, changetype<usize>(dev));
  if (have !== null) {
    have.flags = <u8>flags;
    return 0;
  }
  const table = makeTable(net);
  if (table === null) return -Errno.ENOMEM;
  if (table.count >= PNEIGH_MAX) return -Errno.ENOBUFS;
  const p = kzalloc(offsetof<PneighEntry>());
  if (p === 0) return -Errno.ENOMEM;
  const e = changetype<PneighEntry>(p);
  e.dev = changetype<usize>(dev);
  e.family = <u8>family;
  e.flags = <u8>flags;
  e.key0 = key0Of(family, key);
  e.key1 = key1Of(family, key);
  const slot = slotOf(table, e.key0, e.key1);
  e.next = load<u32>(slot);
  store<u32>(slot, p);
  table.count++;
  constructed(e, 1);
  return 0;
}

/** Solicitations for an IPv6 address come to its solicited-node group, which is joined for it. */
function constructed(e: PneighEntry, join: u32): void {
  const fn = e.family === <u8>AF_INET ? 0 : opIndex(Op.NEIGH_NDISC_PROXY);
  if (fn !== 0) call_indirect<void>(fn, e.dev, changetype<usize>(e) + offsetof<PneighEntry>('key0'), join);
}

/** 0 or -ENOENT. */
export function pneighDelete(family: u32, net: Net, key: usize, dev: usize): i32 {
  const e = pneighLookup(family, net, key, dev);
  const table = tableOf(net);
  if (e === null || table === null) return -Errno.ENOENT;
  remove(table, e);
  return 0;
}

function remove(table: ProxyTable, e: PneighEntry): void {
  let slot = slotOf(table, e.key0, e.key1);
  while (load<u32>(slot) !== changetype<usize>(e)) slot = load<u32>(slot) + offsetof<PneighEntry>('next');
  store<u32>(slot, e.next);
  table.count--;
  constructed(e, 0);
  kfree(changetype<usize>(e));
}

/** The device stops: its entries and what waits for an answer on it go. */
export function pneighIfdown(dev: NetDevice): void {
  const table = tableOf(dev.net);
  if (table === null) return;
  const p = changetype<usize>(dev);
  for (let i: u32 = 0; i < BUCKETS; i++) {
    let at = load<u32>(changetype<usize>(table) + offsetof<ProxyTable>() + (i << 2));
    while (at !== 0) {
      const e = changetype<PneighEntry>(at);
      at = e.next;
      if (e.dev === p) remove(table, e);
    }
  }
  purge(table, p);
}

/** `dev` 0: all. */
function purge(table: ProxyTable, dev: usize): void {
  let prev: usize = 0;
  let at = table.queueHead;
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    if (dev !== 0 && skb.dev !== dev) {
      prev = changetype<usize>(skb);
      continue;
    }
    unlink(table, prev, skb);
    kfreeSkbReason(skb, SkbDropReason.QUEUE_PURGE);
  }
}

function unlink(table: ProxyTable, prev: usize, skb: SkBuff): void {
  if (prev === 0) table.queueHead = skb.next;
  else changetype<SkBuff>(prev).next = skb.next;
  if (table.queueTail === changetype<usize>(skb)) table.queueTail = prev;
  skb.next = 0;
}

function waiting(table: ProxyTable, dev: usize, family: u32): u32 {
  let n: u32 = 0;
  for (let at = table.queueHead; at !== 0; at = changetype<SkBuff>(at).next) {
    if (changetype<SkBuff>(at).dev === dev && changetype<SkBuff>(at).mark === family) n++;
  }
  return n;
}

/**
 * RFC 4861 7.2.8: the answer of a proxy "SHOULD be delayed by a random time between 0 and MAX_ANYCAST_DELAY_TIME". Owns
 * the skb; it comes back by op PROXY_REDO_ARP or PROXY_REDO_NDISC, as it is now.
 */
export function pneighEnqueue(family: u32, skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  const table = makeTable(dev.net);
  if (table === null || waiting(table, skb.dev, family) > neighVar(skb.dev, family, NeighVar.PROXY_QLEN)) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_QUEUEFULL);
    return;
  }
  if (!skbOrphanFrags(skb)) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  const delay = neighVar(skb.dev, family, NeighVar.PROXY_DELAY_MS);
  skb.tstamp = root().now + <u64>randomBelow(max(delay, 1)) * 1_000_000;
  skb.mark = family;
  skb.dst = 0;
  skb.next = 0;
  if (table.queueTail === 0) table.queueHead = changetype<usize>(skb);
  else changetype<SkBuff>(table.queueTail).next = changetype<usize>(skb);
  table.queueTail = changetype<usize>(skb);
  arm(table);
}

/** For the one that is due first. */
function arm(table: ProxyTable): void {
  if (timerPending(timerOf(table))) timerDel(timerOf(table));
  let first: u64 = u64.MAX_VALUE;
  for (let at = table.queueHead; at !== 0; at = changetype<SkBuff>(at).next)
    first = min(first, changetype<SkBuff>(at).tstamp);
  if (first !== u64.MAX_VALUE) timerAdd(timerOf(table), max(first, root().now));
}

/** TIMER_PROXY */
export function pneighTimer(p: usize): void {
  const table = changetype<ProxyTable>(p);
  const now = root().now;
  let prev: usize = 0;
  let at = table.queueHead;
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    if (skb.tstamp > now) {
      prev = changetype<usize>(skb);
      continue;
    }
    unlink(table, prev, skb);
    redo(skb);
  }
  arm(table);
}

function redo(skb: SkBuff): void {
  const fn = opIndex(skb.mark === AF_INET ? Op.PROXY_REDO_ARP : Op.PROXY_REDO_NDISC);
  skb.mark = 0;
  if (fn === 0 || !netifRunning(changetype<NetDevice>(skb.dev))) {
    kfreeSkbReason(skb, SkbDropReason.QUEUE_PURGE);
    return;
  }
  call_indirect<void>(fn, changetype<usize>(skb));
}

/** The entry behind `cursor` {bucket u32, index u32}, or null at the end. */
export function pneighDumpNext(net: Net, cursor: usize): PneighEntry | null {
  const table = tableOf(net);
  if (table === null) return null;
  for (let bucket = load<u32>(cursor); bucket < BUCKETS; bucket++) {
    let i: u32 = 0;
    let at = load<u32>(changetype<usize>(table) + offsetof<ProxyTable>() + (bucket << 2));
    while (at !== 0) {
      if (i++ >= load<u32>(cursor, 4)) {
        store<u32>(cursor, bucket);
        store<u32>(cursor, i, 4);
        return changetype<PneighEntry>(at);
      }
      at = changetype<PneighEntry>(at).next;
    }
    store<u32>(cursor, 0, 4);
  }
  store<u32>(cursor, BUCKETS);
  return null;
}

/** The devices are gone, and their entries with them. */
export function pneighNetExit(net: Net): void {
  const table = tableOf(net);
  if (table === null) return;
  purge(table, 0);
  timerDel(timerOf(table));
  kfree(net.proxyTable);
  net.proxyTable = 0;
}

export function pneighOpsInit(): void {
  opSet(Op.TIMER_PROXY, pneighTimer.index);
}
