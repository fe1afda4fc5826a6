/**
 * IPv6 routes that were told to end (`ip -6 route add ... expires N`). A lookup passes them over from that moment; they go
 * from their tables when the garbage collector comes round, every net.ipv6.route.gc_interval seconds while there are any.
 * Linux: net/ipv6/ip6_fib.c, fib6_run_gc.
 */
import { Op } from '../abi/ops';
import { Sysctl } from '../abi/sysctl';
import { HashTable, hashBucket } from '../lib/hash_table';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { timerAdd, timerPending } from '../lib/timer_wheel';
import { AF_INET6, Net, sysctl } from '../net/net';
import { FibInfo, FibNet, fibGcTimer } from './fib';
import { fibFlushDead } from './fib_dev';
import { fibNet } from './fib_table';

const SECOND: u64 = 1_000_000_000;

export function fibGcOpsInit(): void {
  opSet(Op.TIMER_FIB6_GC, run.index);
}

/** A route that ends is about to be added. */
export function fibGcStart(net: Net): void {
  arm(fibNet(net, AF_INET6));
}

function arm(fn: FibNet): void {
  const timer = fibGcTimer(fn);
  if (timerPending(timer)) return;
  const seconds = max(sysctl(changetype<Net>(fn.net), Sysctl.IP6_GC_INTERVAL), 1);
  timerAdd(timer, root().now + <u64>seconds * SECOND);
}

function run(fnPtr: usize): void {
  const fn = changetype<FibNet>(fnPtr);
  const infos = changetype<HashTable>(fn.infos);
  let ended = false;
  let more = false;
  for (let b: u32 = 0; b <= infos.mask; b++) {
    for (let at = hashBucket(infos, b); at !== 0; at = changetype<FibInfo>(at).hnext) {
      const info = changetype<FibInfo>(at);
      if (info.expires === 0) continue;
      if (info.expires > root().now) {
        more = true;
        continue;
      }
      info.dead = 1;
      ended = true;
    }
  }
  if (ended) fibFlushDead(changetype<Net>(fn.net), AF_INET6);
  if (more) arm(fn);
}
