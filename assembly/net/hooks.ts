/**
 * The hook points: per family and hook number a list of functions in order of priority. Netfilter, and whoever else
 * wants to see packets, registers here; what runs them is dev/nf_hook. Linux: net/netfilter/core.c.
 *
 *   net.hooks ─► [NFPROTO_IPV4: 5 lists][NFPROTO_IPV6: 5][NFPROTO_BRIDGE: 5][NFPROTO_ARP: 5]
 *   dev.ingressHooks, dev.egressHooks ─► list
 *   list = { n, pad } { priority i32, op u32, priv u32, id u32 } x n
 */
import { Errno } from './errno';
import { Net } from './net';
import { kfree, kmalloc } from '../lib/kmalloc';

// Linux: include/uapi/linux/netfilter.h
export const NFPROTO_IPV4: u32 = 0;
export const NFPROTO_IPV6: u32 = 1;
export const NFPROTO_BRIDGE: u32 = 2;
/** Hooks 0 in, 1 out (NF_ARP_*). */
export const NFPROTO_ARP: u32 = 3;
export const NF_ARP_OUT: u32 = 1;

export enum NetfilterHook {
  PRE_ROUTING = 0,
  LOCAL_IN = 1,
  FORWARD = 2,
  LOCAL_OUT = 3,
  POST_ROUTING = 4,
  NETDEV_INGRESS = 5,
  NETDEV_EGRESS = 6,
  /** Not of netfilter: the one XDP program of a device. */
  NETDEV_XDP = 7,
}
const INET_HOOKS: u32 = 5;

export const NF_DROP: i32 = 0;
export const NF_ACCEPT: i32 = 1;
export const NF_STOLEN: i32 = 2;
/** The queue's number is in the upper 16 bits. */
export const NF_QUEUE: i32 = 3;
export const NF_REPEAT: i32 = 4;
export const NF_VERDICT_MASK: i32 = 0xff;

/**
 * In the upper byte of a hook's op: which packets it has nothing to do with, so that it need not be called for them.
 * What is no fragment; what has no connection, or one that is settled; what is not translated here (skb/nfct).
 */
export const HOOK_FOR_FRAGMENTS: u32 = 1 << 24;
export const HOOK_FOR_UNSETTLED: u32 = 2 << 24;
export const HOOK_FOR_TRANSLATED: u32 = 3 << 24;
export const HOOK_FOR_MASK: u32 = 0xff << 24;

/** What NF_FORWARD_PATH says of a packet that it did not send: it is gone; */
export const PATH_GONE: i32 = 0;
/** nothing was done to it; */
export const PATH_NONE: i32 = -1;
/** it is tracked, and the hooks behind that are its way; */
export const PATH_TRACKED: i32 = -2;
/** as PATH_NONE, and what comes behind it in this burst must not overtake it. */
export const PATH_STOP: i32 = -3;

/** Hooks on one point at most (Linux: MAX_HOOK_COUNT 1024; ours stays in one block of the arena). */
export const HOOKS_MAX: u32 = 128;

@unmanaged
@final
export class HookEntry {
  priority: i32;
  op: u32;
  priv: usize;
  /** Chosen by who registered; unregistering names it. */
  id: u32;
}
export const HOOK_ENTRY_BYTES: u32 = 16;
export const HOOK_LIST_HEADER: u32 = 8;

export function hookEntry(list: usize, i: u32): HookEntry {
  return changetype<HookEntry>(list + HOOK_LIST_HEADER + i * HOOK_ENTRY_BYTES);
}

/** Where the list of `hook` of `family` hangs; only for the five of the IP and bridge families. */
export function hookSlot(net: Net, family: u32, hook: NetfilterHook): usize {
  return net.hooks + ((family * INET_HOOKS + <u32>hook) << 2);
}

export const NET_HOOKS_BYTES: u32 = 4 * INET_HOOKS * 4;

/** The list of an IP hook, 0 when nobody registered. */
export function hookList(net: Net, family: u32, hook: NetfilterHook): usize {
  return net.hookCount === 0 ? 0 : load<u32>(hookSlot(net, family, hook));
}

/** Adds a hook to the list at `slot`, behind those of the same priority, or (as Linux does) in `front` of them. */
export function hookRegister(
  slot: usize,
  priority: i32,
  op: u32,
  priv: usize,
  id: u32,
  front: bool = false,
): i32 {
  const old = load<u32>(slot);
  const n: u32 = old === 0 ? 0 : load<u32>(old);
  if (n === HOOKS_MAX) return -Errno.ENOMEM;
  const list = kmalloc(HOOK_LIST_HEADER + (n + 1) * HOOK_ENTRY_BYTES);
  if (list === 0) return -Errno.ENOMEM;
  store<u32>(list, n + 1);
  let at: u32 = 0;
  while (at < n && hookEntry(old, at).priority < priority) at++;
  while (!front && at < n && hookEntry(old, at).priority === priority) at++;
  if (at > 0) memory.copy(list + HOOK_LIST_HEADER, old + HOOK_LIST_HEADER, at * HOOK_ENTRY_BYTES);
  if (at < n) {
    memory.copy(
      changetype<usize>(hookEntry(list, at + 1)),
      changetype<usize>(hookEntry(old, at)),
      (n - at) * HOOK_ENTRY_BYTES,
    );
  }
  const entry = hookEntry(list, at);
  entry.priority = priority;
  entry.op = op;
  entry.priv = priv;
  entry.id = id;
  store<u32>(slot, list);
  kfree(old);
  return 0;
}

/** Takes the hook called `id` out; -ENOENT when there is none. */
export function hookUnregister(slot: usize, id: u32): i32 {
  const list = load<u32>(slot);
  const n: u32 = list === 0 ? 0 : load<u32>(list);
  let at: u32 = 0;
  while (at < n && hookEntry(list, at).id !== id) at++;
  if (at === n) return -Errno.ENOENT;
  if (n === 1) {
    kfree(list);
    store<u32>(slot, 0);
    return 0;
  }
  memory.copy(
    changetype<usize>(hookEntry(list, at)),
    changetype<usize>(hookEntry(list, at + 1)),
    (n - 1 - at) * HOOK_ENTRY_BYTES,
  );
  store<u32>(list, n - 1);
  return 0;
}
