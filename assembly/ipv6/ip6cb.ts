/**
 * IP6CB: what IPv6 notes in skb.cb between its layers. Linux: struct inet6_skb_parm, include/linux/ipv6.h.
 *
 *   cb0  nhoff: offset from the network header of the byte that names the header at skb.transportHeader
 *   cb1  IP6SKB_* flags, the value of a router alert in the upper half
 *   cb2  frag_max_size: length of the largest fragment that the packet was made of, 0 when it came whole
 */
import { SkBuff } from '../skb/sk_buff';

export const IP6SKB_ROUTERALERT: u32 = 2;
export const IP6SKB_FRAGMENTED: u32 = 16;
export const IP6SKB_HOPBYHOP: u32 = 32;
export const IP6SKB_JUMBOGRAM: u32 = 128;
/** Had a Routing header: no redirects for such packets. */
export const IP6SKB_SRCRT: u32 = 256;
/** Sent by neighbour discovery or MLD, whose messages are not looped back. */
export const IP6SKB_NOLOOP: u32 = 512;
/** Ours: the linear part and each fragment of the skb are one received IPv6 fragment (Linux: a frag_list). */
export const IP6SKB_FRAGLIST: u32 = 1024;

/** Offset of the next-header byte in the IPv6 header. */
export const IPV6_NEXTHDR_OFFSET: u32 = 6;

export function ip6cbInit(skb: SkBuff): void {
  skb.cb0 = IPV6_NEXTHDR_OFFSET;
  skb.cb1 = 0;
  skb.cb2 = 0;
}

export function ip6cbNhoff(skb: SkBuff): u32 {
  return skb.cb0;
}

export function ip6cbSetNhoff(skb: SkBuff, nhoff: u32): void {
  skb.cb0 = nhoff;
}

export function ip6cbHas(skb: SkBuff, flag: u32): bool {
  return (skb.cb1 & flag) !== 0;
}

export function ip6cbFlag(skb: SkBuff, flag: u32): void {
  skb.cb1 |= flag;
}

export function ip6cbClear(skb: SkBuff, flag: u32): void {
  skb.cb1 &= ~flag;
}

export function ip6cbFragMaxSize(skb: SkBuff): u32 {
  return skb.cb2;
}

export function ip6cbSetFragMaxSize(skb: SkBuff, size: u32): void {
  skb.cb2 = size;
}
