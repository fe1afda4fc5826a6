/**
 * The short way of an ordinary forwarded packet: what ipRouteInput, ipForward, ipOutput, the neighbour and
 * devQueueXmit would do to it, in one go. Linux has the same idea in its flowtable (net/netfilter/nf_flow_table_ip.c).
 *
 *   rcvRun ─ lookup burst ─► ipForwardFast ─┬─ ordinary ──► MAC, TTL, transmit descriptor
 *                                          └─ otherwise ─► rcvFinish, the whole way
 *
 * Ordinary is: no hook in the namespace (ip_forward_hooked is for those that have), no options, a unicast source and destination, no reverse path filter, one
 * unicast route by gateways whose neighbours are reachable (of several the flow's hash chooses), another device out than
 * in, small enough, an idle port. All of that is looked at before the first byte is written, so that a packet may still take the whole way.
 */
import { Port } from '../abi/layout';
import { Ipv4Conf } from '../abi/sysctl';
import { FastXmit, fastXmitAllowed } from '../dev/fast_xmit';
import { NetDevice, conf4Max, conf4Or } from '../dev/net_device';
import { root } from '../lib/root';
import { NUD_CONNECTED, Neighbour } from '../neigh/neighbour';
import { AF_INET, Net } from '../net/net';
import { FibInfo, FibNh, RtType, fibNh } from '../route/fib';
import { fibSelectPath } from '../route/fib_select';
import { flowHashSkb } from '../route/flow_hash';
import { CHECKSUM_PARTIAL, PACKET_HOST, SKB_F_CLONED, SkBuff } from '../skb/sk_buff';
import { traceEvents } from '../skb/trace';
import { ETH_HLEN } from '../wire/ethernet';
import { ifaddrBucket } from './devinet';

/** Headroom that the MAC header and the widest vnet header take. */
export const FAST_HEADROOM: u32 = 32;
export const ALIAS_TAG: u32 = 1;

/** True when packets that came in by `dev` may go the short way at all; asked once per burst. */
export function ipForwardFastAllowed(net: Net, dev: NetDevice): bool {
  return (
    !traceEvents() &&
    net.exceptions4 === 0 &&
    net.fibSlow4 === 0 &&
    dev.l3mdev === 0 &&
    load<i32>(dev.conf4 + ((<usize>Ipv4Conf.FORWARDING) << 2)) !== 0 &&
    conf4Max(dev, Ipv4Conf.RP_FILTER) === 0 &&
    !conf4Or(dev, Ipv4Conf.ROUTE_LOCALNET)
  );
}

/** True for an address that no packet between two hosts has: in 0/8, 127/8, or from 224/4 on. */
export function isOddAddress(addr: u32): bool {
  const first = addr >>> 24;
  return (<u32>(first - 1 >= 223) | <u32>(first === 127)) !== 0;
}

/**
 * Whether a route is fit for packets from `dev`: unicast, each of its next hops a gateway that is reachable now, out of
 * another device, which is an idle port. Holds for the burst, and is remembered in the route until its end.
 */
function qualify(info: FibInfo, dev: usize): bool {
  if (info.type !== <u8>RtType.UNICAST || info.nhCount === 0 || info.mtu !== 0 || info.tos !== 0)
    return false;
  for (let i: u32 = 0; i < info.nhCount; i++) if (!fitHop(fibNh(info, i), dev)) return false;
  info.burst = root().burst;
  return true;
}

function fitHop(nh: FibNh, dev: usize): bool {
  if (nh.flags !== 0) return false;
  if (nh.gwFamily !== <u8>AF_INET || nh.neigh === 0 || nh.dev === dev) return false;
  const neigh = changetype<Neighbour>(nh.neigh);
  if (neigh.dead !== 0 || (<u32>neigh.nudState & NUD_CONNECTED) === 0) return false;
  return fastXmitAllowed(changetype<NetDevice>(nh.dev));
}

/** A class, because only a method may be marked for inlining: a call costs as much as a third of the work. */
export class FastPath {
  /**
   * Forwards the packet and returns true, or leaves everything as it is and returns false. `daddr` is in host order,
   * `value` what the FIB holds for it. The counters that it would have moved are the caller's: one packet of
   * `skb.len` bytes forwarded (its length before the call).
   */
  @inline
  static forward(net: Net, dev: usize, skb: SkBuff, daddr: u32, value: u32, burst: u32): bool {
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
    const iph = skb.data;
    const saddr = bswap<u32>(load<u32>(iph, 12));
    // TTL in the lowest byte, protocol, checksum in the upper half.
    const word = load<u32>(iph, 8);
    if (load<u8>(iph) !== 0x45) return false;
    if ((word & 0xff) <= 1) return false;
    if ((<u32>isOddAddress(saddr) | <u32>isOddAddress(daddr)) !== 0) return false;
    if (load<u32>(ifaddrBucket(net, saddr)) !== 0) return false;

    let nh: FibNh = fibNh(info, 0);
    if (info.nhCount !== 1) nh = fibSelectPath(net, info, flowHashSkb(net, AF_INET, skb));
    const out = changetype<NetDevice>(nh.dev);
    if (skb.len > out.mtu) return false;
    const head = load<u32>(out.priv, Port.TX_HEAD);
    if (FastXmit.full(out.priv, head)) return false;
    if (skb.data - skb.head < FAST_HEADROOM) return false;

    // RFC 1141: TTL one less, checksum one more.
    const sum = (word >> 16) + 1;
    store<u32>(iph, ((sum + <u32>(sum >= 0xffff)) << 16) | ((word & 0xffff) - 1), 8);
    const eth = iph - ETH_HLEN;
    const neigh = changetype<Neighbour>(nh.neigh);
    store<u64>(eth - 2, neigh.hh0);
    store<u64>(eth - 2, neigh.hh1, 8);
    FastXmit.xmit(skb, out, eth, head);
    return true;
  }
}
