import { Net } from '../net/net';
/** What is remembered of one peer. */
@unmanaged
@final
export class InetPeer {
  hnext: usize;
  hash: u32;
  lruPrev: usize;
  lruNext: usize;
  key0: u64;
  key1: u64;
  /** Token bucket in nanoseconds, and when it was last filled. */
  tokens: u64;
  last: u64;
  /** Redirects sent without the peer's heeding them; fragments seen from it. */
  nRedirects: u32;
  rid: u32;
}
/** The record of the peer at `key` (4 or 16 bytes, network order), made when there is none; null when memory ran out. */
export function inetPeerGet(net: Net, family: u32, key: usize): InetPeer | null {
  return null;
}
export function inetPeerXrlimAllow(net: Net, family: u32, key: usize, timeoutNs: u64): bool {
  return true;
}
/** ip_error's own bucket: one message a second, five at once. */
export function inetPeerErrorAllow(net: Net, family: u32, key: usize): bool {
  return true;
}
export function icmpGlobalAllow(net: Net): bool {
  return true;
}
/** After a message that icmpGlobalAllow let through was really sent. */
export function icmpGlobalConsume(net: Net): void {}
export function inetPeerNetExit(net: Net): void {}
/** Linux: ip_rt_send_redirect's pause; load and silence in ms. */
export function inetPeerRedirectAllow(net: Net, family: u32, key: usize, load: u32, number: u32, silence: u32): bool {
  return true;
}
