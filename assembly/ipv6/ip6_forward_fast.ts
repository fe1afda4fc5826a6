/**
 * The short way of an ordinary forwarded IPv6 packet, as ipv4/ip_forward_fast is that of IPv4: what the route lookup's
 * end, ip6Forward, ip6Output, the neighbour and devQueueXmit would do to it, in one go.
 *
 *   ip6ListRcv ─ lookups ─► Fast6Path.forward ─┬─ ordinary ──► hop limit, MAC, transmit descriptor
 *                                              └─ otherwise ─► ip6RcvFinish, the whole way
 *
 * Ordinary is: no hook in the namespace, no rule, redirect or proxy, no Hop-by-Hop header, addresses of 2000::/3 or
 * fc00::/7 and the like, one unicast route by a gateway whose neighbour is reachable, another device out than in, small
 * enough, an idle port. All of that is looked at before the first byte is written.
 */
import { Port } from '../abi/layout';
import { Ipv6Conf } from '../abi/sysctl';
import { FastXmit, fastXmitAllowed } from '../dev/fast_xmit';
import { NetDevice, conf6 } from '../dev/net_device';
import { root } from '../lib/root';
import { NUD_CONNECTED, Neighbour } from '../neigh/neighbour';
import { AF_INET6, Net } from '../net/net';
import { FibInfo, FibNh, RtType, fibNh } from '../route/fib';
import { CHECKSUM_PARTIAL, PACKET_HOST, SKB_F_CLONED, SkBuff } from '../skb/sk_buff';
import { traceEvents } from '../skb/trace';
import { ETH_HLEN } from '../wire/ethernet';

/** Headroom that the MAC header and the widest vnet header take. */
const HEADROOM: u32 = 32;
const ALIAS_TAG: u32 = 1;
/** Bytes 4 to 7 of the header as one little-endian word: payload length, next header, hop limit. */
const HOP_LIMIT_SHIFT: u32 = 24;
const HOP_LIMIT_ONE: u32 = 1 << HOP_LIMIT_SHIFT;

/** True when packets that came in by `dev` may go the short way at all; asked once per burst. */
export function ip6ForwardFastAllowed(net: Net, dev: NetDevice): bool {
  if (net.hookCount !== 0 || net.fibSlow6 !== 0 || net.exceptions6 !== 0) return false;
  if (dev.l3mdev !== 0 || traceEvents()) return false;
  if (load<i32>(net.conf6All + (Ipv6Conf.PROXY_NDP << 2)) !== 0) return false;
  return load<i32>(net.conf6All + (Ipv6Conf.FORWARDING << 2)) !== 0;
}

/**
 * Whether a route is fit for packets from `dev`: one unicast next hop by a gateway that is reachable now, out of another
 * device, which is an idle port. Holds for the burst, and is remembered in the route until its end.
 */
function qualify(info: FibInfo, dev: usize): bool {
  if (info.type !== <u8>RtType.UNICAST || info.nhCount !== 1 || info.mtu !== 0 || info.tos !== 0)
    return false;
  if (info.expires !== 0) return false;
  const nh: FibNh = fibNh(info, 0);
  if (nh.flags !== 0) return false;
  if (nh.gwFamily !== <u8>AF_INET6 || nh.neigh === 0 || nh.dev === dev) return false;
  const neigh = changetype<Neighbour>(nh.neigh);
  if (neigh.dead !== 0 || (<u32>neigh.nudState & NUD_CONNECTED) === 0) return false;
  if (!fastXmitAllowed(changetype<NetDevice>(nh.dev))) return false;
  info.burst = root().burst;
  return true;
}

/** A class, because only a method may be marked for inlining. */
export class Fast6Path {
  /**
   * Forwards the packet, which ip6RcvCore has checked, and returns true, or leaves everything as it is and returns false.
   * `value` is what the FIB holds for its destination. The counters that it would have moved are the caller's: one packet
   * of `skb.len` bytes forwarded (its length before the call).
   */
  @inline
  static forward(dev: usize, skb: SkBuff, value: u32, burst: u32): bool {
    // One test a line: asc makes a jump of each, and a chain of selects of what is joined by ||.
    if (value === 0) return false;
    if ((value & ALIAS_TAG) !== 0) return false;
    const info = changetype<FibInfo>(value);
    if (info.burst !== burst) {
      if (!qualify(info, dev)) return false;
    }
    if (skb.pktType !== PACKET_HOST) return false;
    if (((skb.flags & SKB_F_CLONED) | skb.frags | <u32>skb.gsoSize) !== 0) return false;
    if (skb.ipSummed === CHECKSUM_PARTIAL) return false;
    const hdr = skb.data;
    const word = load<u32>(hdr, 4);
    if (word >>> HOP_LIMIT_SHIFT <= 1) return false;
    // Next header 0: Hop-by-Hop options.
    if ((word & 0xff0000) === 0) return false;
    // First bytes 01 to fd: neither ::, ::1 and v4-mapped ones, nor link-local, nor a group.
    if (<u32>load<u8>(hdr, 8) - 1 >= 0xfd) return false;
    if (<u32>load<u8>(hdr, 24) - 1 >= 0xfd) return false;

    const nh: FibNh = fibNh(info, 0);
    const out = changetype<NetDevice>(nh.dev);
    if (skb.len > <u32>conf6(out, Ipv6Conf.MTU)) return false;
    const head = load<u32>(out.priv, Port.TX_HEAD);
    if (FastXmit.full(out.priv, head)) return false;
    if (hdr - skb.head < HEADROOM) return false;

    store<u32>(hdr, word - HOP_LIMIT_ONE, 4);
    const eth = hdr - ETH_HLEN;
    const neigh = changetype<Neighbour>(nh.neigh);
    store<u64>(eth - 2, neigh.hh0);
    store<u64>(eth - 2, neigh.hh1, 8);
    FastXmit.xmit(skb, out, eth, head);
    return true;
  }
}
