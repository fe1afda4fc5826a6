import { Net } from '../net/net';
/** What was learnt about one destination. */
@unmanaged
@final
export class Exception {
  hnext: usize;
  hash: u32;
  lruPrev: usize;
  lruNext: usize;
  /** Path MTU, 0 when only the gateway was learnt. */
  pmtu: u32;
  /** 1: below route_min_pmtu; it is not to be raised or trusted (Linux: fnhe_mtu_locked). */
  locked: u32;
  /** NetDevice of the gateway, 0 when only the MTU was learnt. */
  dev: usize;
  pad: u32;
  expires: u64;
  /** Destination and gateway, 16 bytes each (IPv4 in the first four, network order). */
  key0: u64;
  key1: u64;
  gw0: u64;
  gw1: u64;
}
export function exceptionPmtu(net: Net, family: u32, key: usize, mtu: u32, locked: bool, expiresNs: u64): void {}
export function exceptionRedirect(net: Net, family: u32, key: usize, gw: usize, dev: usize): void {}
export function exceptionFind(net: Net, family: u32, key: usize): Exception | null {
  return null;
}
export function exceptionFlush(net: Net, family: u32): void {}
export function exceptionFlushDev(net: Net, dev: usize): void {}
export function exceptionNetExit(net: Net): void {}
/** The path MTU learned, 0: none. */
export function exceptionMtu(exception: Exception): u32 {
  return exception.pmtu;
}
