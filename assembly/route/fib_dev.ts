/**
 * Routes and the state of the devices that they leave by. Linux: net/ipv4/fib_semantics.c, fib_sync_down_dev and
 * fib_sync_up: a device that goes down takes its routes along, one that loses its carrier only marks them. A route
 * with several next hops stays while one of them lives.
 */
import { NetDevice } from '../dev/net_device';
import { HashTable, hashBucket } from '../lib/hash_table';
import { poptrieNext } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { root } from '../lib/root';
import { AF_INET, Net } from '../net/net';
import {
  FIB_NH_BYTES,
  Fib,
  FibInfo,
  FibNet,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RT_SCOPE_NOWHERE,
  fibFirst,
  fibInfoRehash,
  fibNextAlias,
  fibNh,
  fibRemove,
  nhForgetNeigh,
} from './fib';
import { fibRebalance } from './fib_select';
import { fibNet } from './fib_table';

/** The namespace's table main of the family. */
export function netFib(net: Net, family: u32): Fib {
  return changetype<Fib>(family === AF_INET ? net.fib4 : net.fib6);
}

/** What happened to a device. */
export enum FibDown {
  /** It was taken down: its routes go but those of scope nowhere, so that its own addresses still answer. */
  DOWN,
  /** It lost its last address: all of them go. */
  FORCE,
  /** It is gone. */
  GONE,
}

/** Removes the routes whose next hops are all dead, now that `dev` is. */
export function fibFlushDev(net: Net, family: u32, dev: NetDevice, how: FibDown): void {
  const fn = fibNet(net, family);
  if (markDown(fn, changetype<usize>(dev), how)) flushDead(fn);
}

/** Marks next hops out of `dev` dead; true when a route has none left. Every route with an hop by a device that is gone goes (IPv4). */
function markDown(fn: FibNet, dev: usize, how: FibDown): bool {
  const infos = changetype<HashTable>(fn.infos);
  let any = false;
  for (let b: u32 = 0; b <= infos.mask; b++) {
    let at = hashBucket(infos, b);
    while (at !== 0) {
      const info = changetype<FibInfo>(at);
      at = info.hnext;
      let dead: u32 = 0;
      let hit = false;
      for (let i: u32 = 0; i < info.nhCount; i++) {
        const nh = fibNh(info, i);
        if (nh.dev === dev && (how !== FibDown.DOWN || nh.scope !== RT_SCOPE_NOWHERE)) {
          nh.flags |= RTNH_F_DEAD;
          hit = true;
        }
        if ((nh.flags & RTNH_F_DEAD) !== 0) dead++;
      }
      if (!hit) continue;
      info.burst = 0;
      if (dead === info.nhCount || (how === FibDown.GONE && fn.family === AF_INET)) {
        info.dead = 1;
        any = true;
      } else if (how === FibDown.GONE) {
        dropHops(fn, info, dev);
      } else {
        fibRebalance(info);
      }
    }
  }
  return any;
}

/** IPv6: each next hop is a route of its own, and those by the device that is gone go. */
function dropHops(fn: FibNet, info: FibInfo, dev: usize): void {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < info.nhCount; i++) {
    const nh = fibNh(info, i);
    if (nh.dev === dev) {
      nhForgetNeigh(nh);
      continue;
    }
    if (kept !== i) memory.copy(info.nhs + kept * FIB_NH_BYTES, info.nhs + i * FIB_NH_BYTES, FIB_NH_BYTES);
    kept++;
  }
  info.nhCount = kept;
  fibInfoRehash(fn, info);
  fibRebalance(info);
}

function flushDead(fn: FibNet): void {
  forEach(fn, false);
}

/** Removes every route of every table. */
export function fibFlushAll(net: Net, family: u32): void {
  forEach(fibNet(net, family), true);
}

/** Removes the routes whose FibInfo is marked dead. */
export function fibFlushDead(net: Net, family: u32): void {
  forEach(fibNet(net, family), false);
}

/** Removes the routes that prefer this source: its address is gone. Linux: fib_sync_down_addr. */
export function fibFlushPrefSrc(net: Net, family: u32, addr: usize): void {
  const fn = fibNet(net, family);
  const infos = changetype<HashTable>(fn.infos);
  const a0 = family === AF_INET ? <u64>load<u32>(addr) : load<u64>(addr);
  const a1 = family === AF_INET ? 0 : load<u64>(addr, 8);
  let any = false;
  for (let b: u32 = 0; b <= infos.mask; b++) {
    for (let at = hashBucket(infos, b); at !== 0; at = changetype<FibInfo>(at).hnext) {
      const info = changetype<FibInfo>(at);
      if (info.prefSrc0 !== a0 || info.prefSrc1 !== a1) continue;
      info.dead = 1;
      any = true;
    }
  }
  if (any) flushDead(fn);
}

function forEach(fn: FibNet, every: bool): void {
  const key = scratch(Scratch.FIB_DEV_KEY);
  const plenPtr = scratch(Scratch.FIB_DEV_PLEN_PTR);
  for (let t = fn.tables; t !== 0; t = changetype<Fib>(t).next) {
    const fib = changetype<Fib>(t);
    memory.fill(key, 0, 16);
    store<u32>(plenPtr, 0xff);
    while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
      const plen = load<u32>(plenPtr);
      let info = fibFirst(fib, key, plen);
      while (info !== null) {
        const next = fibNextAlias(fib, key, plen, info);
        if (every || info.dead !== 0) fibRemove(fib, key, plen, info);
        info = next;
      }
    }
  }
}

/** Clears or sets RTNH_F_DEAD and RTNH_F_LINKDOWN on the next hops of `dev`, which came up or whose carrier changed. */
export function fibSyncLinkState(net: Net, family: u32, dev: NetDevice, up: bool): void {
  fibNet(net, family).genId++;
  root().pathGen++;
  const infos = changetype<HashTable>(fibNet(net, family).infos);
  for (let b: u32 = 0; b <= infos.mask; b++) {
    for (let at = hashBucket(infos, b); at !== 0; at = changetype<FibInfo>(at).hnext) {
      const info = changetype<FibInfo>(at);
      let hit = false;
      for (let i: u32 = 0; i < info.nhCount; i++) {
        const nh = fibNh(info, i);
        if (nh.dev !== changetype<usize>(dev)) continue;
        hit = true;
        if (up) nh.flags &= ~RTNH_F_DEAD;
        if (dev.carrier !== 0) nh.flags &= ~RTNH_F_LINKDOWN;
        else nh.flags |= RTNH_F_LINKDOWN;
      }
      if (!hit) continue;
      info.burst = 0;
      fibRebalance(info);
    }
  }
}
