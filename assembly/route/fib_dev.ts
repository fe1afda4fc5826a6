/**
 * Routes and the state of the devices that they leave by. Linux: net/ipv4/fib_semantics.c, fib_sync_down_dev and
 * fib_sync_up: a device that goes down takes its routes along, one that loses its carrier only marks them.
 */
import { NetDevice } from '../dev/net_device';
import { poptrieNext } from '../lib/poptrie';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net } from '../net/net';
import {
  Fib,
  FibInfo,
  RTNH_F_LINKDOWN,
  RT_SCOPE_NOWHERE,
  fibFirst,
  fibNextAlias,
  fibNh,
  fibRemove,
} from './fib';

/** The namespace's table of the family. */
export function netFib(net: Net, family: u32): Fib {
  return changetype<Fib>(family === AF_INET ? net.fib4 : net.fib6);
}

/**
 * Removes the routes that leave by `dev`. With `all` its local ones too (the device goes away); otherwise those of
 * scope nowhere stay, so that the addresses of a device that is down still answer.
 */
export function fibFlushDev(net: Net, family: u32, dev: NetDevice, all: bool): void {
  const p = changetype<usize>(dev);
  fibForEach(net, family, p, all, false);
}

/** Removes every route. */
export function fibFlushAll(net: Net, family: u32): void {
  fibForEach(net, family, 0, true, true);
}

function fibForEach(net: Net, family: u32, dev: usize, all: bool, every: bool): void {
  const fib = netFib(net, family);
  if (changetype<usize>(fib) === 0) return;
  const key = scratch(Scratch.FIB_DEV_KEY);
  const plenPtr = scratch(Scratch.FIB_DEV_PLEN_PTR);
  memory.fill(key, 0, 16);
  store<u32>(plenPtr, 0xff);
  while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let info = fibFirst(fib, key, plen);
    while (info !== null) {
      const next = fibNextAlias(fib, key, plen, info);
      if (every || leavesBy(info, dev, all)) fibRemove(fib, key, plen, info);
      info = next;
    }
  }
}

function leavesBy(info: FibInfo, dev: usize, all: bool): bool {
  if (info.nhCount === 0) return false;
  const nh = fibNh(info, 0);
  return nh.dev === dev && (all || nh.scope !== RT_SCOPE_NOWHERE);
}

/** Marks or clears RTNH_F_LINKDOWN on the next hops of `dev`, after its carrier changed. */
export function fibSyncLinkState(net: Net, family: u32, dev: NetDevice): void {
  const fib = netFib(net, family);
  if (changetype<usize>(fib) === 0) return;
  const key = scratch(Scratch.FIB_DEV_KEY2);
  const plenPtr = scratch(Scratch.FIB_DEV_PLEN_PTR2);
  memory.fill(key, 0, 16);
  store<u32>(plenPtr, 0xff);
  while (poptrieNext(fib.trie, key, plenPtr) !== 0) {
    const plen = load<u32>(plenPtr);
    let info = fibFirst(fib, key, plen);
    while (info !== null) {
      for (let i: u32 = 0; i < info.nhCount; i++) {
        const nh = fibNh(info, i);
        if (nh.dev !== changetype<usize>(dev)) continue;
        if (dev.carrier !== 0) nh.flags &= ~RTNH_F_LINKDOWN;
        else nh.flags |= RTNH_F_LINKDOWN;
      }
      info = fibNextAlias(fib, key, plen, info);
    }
  }
}
