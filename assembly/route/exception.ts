/**
 * What was learnt about single destinations: a path MTU (RFC 1191, RFC 8201) or a better gateway (redirects), of both
 * families. Linux: the fib_nh_exceptions of net/ipv4/route.c, and net/ipv6/route.c's exception table.
 *
 * Differs: Linux hangs them at the next hop, we at the namespace and the VRF, as our next hops are shared by prefixes.
 * `vif` is the ifindex of the VRF that the way to the address is in, 0: none. They expire when looked up; at most EXCEPTIONS_MAX per family and namespace, the one longest not told anew giving way.
 */
import { l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { root } from '../lib/root';
import { AF_INET, Net } from '../net/net';
import { LruNode, lruDestroy, lruFind, lruGet, lruKey0, lruKey1, lruNewest, lruRemove } from './lru_table';

@unmanaged
@final
export class Exception {
  // LruNode
  hnext: usize;
  hash: u32;
  newer: usize;
  older: usize;
  vif: i32;
  pad0: u32;
  key0: u64;
  key1: u64;
  /** Path MTU, 0 when only the gateway was learnt. */
  pmtu: u32;
  /** 1: the path MTU told was below the smallest we believe (Linux: fnhe_mtu_locked). */
  locked: u32;
  /** NetDevice of the gateway, 0 when only the MTU was learnt. */
  dev: usize;
  pad: u32;
  /** ns */
  expires: u64;
  /** Gateway, 16 bytes (IPv4 in the first four, network order). */
  gw0: u64;
  gw1: u64;
}

export const EXCEPTIONS_MAX: u32 = 1024;
/** How long a redirect is believed. Linux: ip_rt_gc_timeout, 300 s. */
export const REDIRECT_EXPIRES_NS: u64 = 300_000_000_000;

function slotOf(net: Net, family: u32): usize {
  return (
    changetype<usize>(net) +
    (family === AF_INET ? offsetof<Net>('exceptions4') : offsetof<Net>('exceptions6'))
  );
}

/** The path to the address at `key` (4 or 16 bytes, network order) takes packets of `mtu` bytes, until `expiresNs`. */
export function exceptionPmtu(
  net: Net,
  family: u32,
  key: usize,
  vif: i32,
  mtu: u32,
  locked: bool,
  expiresNs: u64,
): void {
  const exception = get(net, family, key, vif);
  if (exception === null) return;
  exception.pmtu = mtu;
  exception.locked = <u32>locked;
  exception.expires = expiresNs;
}

/** The address at `key` is better reached by the gateway at `gw` out of `dev`. */
export function exceptionRedirect(net: Net, family: u32, key: usize, gw: usize, dev: usize): void {
  const exception = get(net, family, key, l3mdevMasterIfindex(changetype<NetDevice>(dev)));
  if (exception === null) return;
  exception.gw0 = lruKey0(family, gw);
  exception.gw1 = lruKey1(family, gw);
  exception.dev = dev;
  exception.expires = root().now + REDIRECT_EXPIRES_NS;
}

function get(net: Net, family: u32, key: usize, vif: i32): Exception | null {
  const slot = slotOf(net, family);
  // One that has expired must not lend what it knew to the one that takes its place.
  exceptionFind(net, family, key, vif);
  const node = lruGet(
    slot,
    lruKey0(family, key),
    lruKey1(family, key),
    vif,
    offsetof<Exception>(),
    EXCEPTIONS_MAX,
  );
  return changetype<Exception | null>(changetype<usize>(node));
}

/** What is known of the address at `key` now, or null. */
export function exceptionFind(net: Net, family: u32, key: usize, vif: i32): Exception | null {
  const slot = slotOf(net, family);
  if (load<u32>(slot) === 0) return null;
  const node = lruFind(slot, lruKey0(family, key), lruKey1(family, key), vif);
  if (node === null) return null;
  const exception = changetype<Exception>(changetype<usize>(node));
  if (exception.expires < root().now) {
    lruRemove(slot, node, true);
    return null;
  }
  return exception;
}

/** The path MTU learnt, 0: none. */
export function exceptionMtu(exception: Exception): u32 {
  return exception.pmtu;
}

/** Address of the gateway's 16 bytes; meant only when `dev` is not 0. */
export function exceptionGwPtr(exception: Exception): usize {
  return changetype<usize>(exception) + offsetof<Exception>('gw0');
}

/** Forgets all of a family (Linux: rt_cache_flush, when routes change). */
export function exceptionFlush(net: Net, family: u32): void {
  lruDestroy(slotOf(net, family));
}

/** Forgets the gateways out of `dev`, which goes away. */
export function exceptionFlushDev(net: Net, dev: usize): void {
  flushDev(changetype<usize>(net) + offsetof<Net>('exceptions4'), dev);
  flushDev(changetype<usize>(net) + offsetof<Net>('exceptions6'), dev);
}

function flushDev(slot: usize, dev: usize): void {
  let at = lruNewest(slot);
  while (at !== 0) {
    const next = changetype<LruNode>(at).older;
    if (changetype<Exception>(at).dev === dev) lruRemove(slot, changetype<LruNode>(at), true);
    at = next;
  }
}

/** The namespace ends. */
export function exceptionNetExit(net: Net): void {
  exceptionFlush(net, AF_INET);
  lruDestroy(changetype<usize>(net) + offsetof<Net>('exceptions6'));
}
