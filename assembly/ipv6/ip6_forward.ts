/**
 * IPv6 forwarding: a packet for somebody else, its route found. Linux: net/ipv6/ip6_output.c, ip6_forward.
 */
import { TraceKind } from '../abi/trace';
import { traceEvent } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Ipv6Conf } from '../abi/sysctl';
import { l3mdevIngress, l3mdevMasterIfindex } from '../dev/l3mdev';
import { NetDevice, conf6 } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { Scratch, scratch } from '../lib/scratch';
import { pneighLookup } from '../neigh/pneigh';
import { NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { AF_INET6, Net, mibInc } from '../net/net';
import { ndiscSendRedirect } from './ndisc_redirect';
import { FibNh, RtType, nhGwPtr } from '../route/fib';
import { inetPeerXrlimAllow } from '../route/inet_peer';
import { kfreeSkbReason } from '../skb/free';
import {
  PACKET_HOST,
  SKB_F_FORWARDED,
  SKB_F_IGNORE_DF,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { skbCowHead } from '../skb/skbuff';
import {
  ICMPV6_ADDR_UNREACH,
  ICMPV6_DEST_UNREACH,
  ICMPV6_EXC_HOPLIMIT,
  ICMPV6_NOROUTE,
  ICMPV6_NOT_NEIGHBOUR,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_TIME_EXCEED,
} from '../wire/icmpv6';
import {
  IPV6_HDR_LEN,
  IPV6_MIN_MTU,
  NEXTHDR_ICMP,
  NEXTHDR_TCP,
  ipv6Daddr,
  ipv6Nexthdr,
  ipv6Saddr,
} from '../wire/ipv6';
import { ipv6ExtHdr, ipv6SkipExthdr } from '../wire/ipv6_ext';
import { NDISC_REDIRECT, NDISC_ROUTER_SOLICITATION } from '../wire/ndisc';
import {
  IPV6_ADDR_ANY,
  IPV6_ADDR_LINKLOCAL,
  IPV6_ADDR_LOOPBACK,
  IPV6_ADDR_MULTICAST,
  ipv6AddrIsLinklocal,
  ipv6AddrType,
} from '../wire/ipv6_addr';
import { icmpv6Send } from './icmp';
import { ip6Input } from './ip6_input';
import { ip6Output } from './ip6_output';
import { IP6SKB_SRCRT, ip6cbFragMaxSize, ip6cbHas } from './ip6cb';
import { ip6DstMtu, ip6RouteInput } from './route';

/** Headroom that the link-layer header needs. */
const HEADROOM: u32 = 16;
const SECOND_NS: u64 = 1_000_000_000;

function addressError(skb: SkBuff, net: Net, reason: SkbDropReason): void {
  mibInc(net, Mib.Ip6InAddrErrors);
  kfreeSkbReason(skb, reason);
}

/** net.ipv6.conf.DEV.force_forwarding of the device that it came in by. */
function forced(skb: SkBuff): bool {
  return conf6(l3mdevIngress(skb), Ipv6Conf.FORCE_FORWARDING) !== 0;
}

/** Owns the skb; skb.dst is `nh`. */
export function ip6Forward(skb: SkBuff, net: Net, nh: FibNh): void {
  if (load<i32>(net.conf6All + (Ipv6Conf.FORWARDING << 2)) === 0 && !forced(skb)) {
    addressError(skb, net, SkbDropReason.FORWARDING_OFF);
    return;
  }
  // A frame to a link-layer group must not be multiplied (Linux: pkt_type != PACKET_HOST).
  if (skb.pktType !== PACKET_HOST) {
    kfreeSkbReason(skb, SkbDropReason.UNICAST_IN_L2_MULTICAST);
    return;
  }
  const hdr = skb.networkHeader;
  if (load<i32>(net.conf6All + (Ipv6Conf.PROXY_NDP << 2)) !== 0 && forProxy(skb, net, hdr)) return;
  // RFC 8200 3: "When forwarding, the packet is discarded if Hop Limit was zero when received or is decremented to zero."
  if (load<u8>(hdr, 7) <= 1) {
    icmpv6Send(skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
    mibInc(net, Mib.Ip6InHdrErrors);
    kfreeSkbReason(skb, SkbDropReason.IP_TTL);
    return;
  }
  if (nh.dev === 0) {
    mibInc(net, Mib.Ip6InNoRoutes);
    icmpv6Send(skb, ICMPV6_DEST_UNREACH, ICMPV6_NOROUTE, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
    return;
  }
  if (nh.dev === changetype<usize>(l3mdevIngress(skb)) && !ip6cbHas(skb, IP6SKB_SRCRT))
    redirect(skb, net, nh);
  else if (!sourceMayCross(skb, net)) return;

  const mtu = max(ip6DstMtu(net, nh, ipv6Daddr(hdr), true), IPV6_MIN_MTU);
  if (skb.len > mtu && ip6PktTooBig(skb, mtu)) {
    tooBig(skb, net, nh, mtu);
    return;
  }
  if (!skbCowHead(skb, HEADROOM)) {
    mibInc(net, Mib.Ip6OutDiscards);
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  const own = skb.networkHeader;
  store<u8>(own, load<u8>(own, 7) - 1, 7);
  skb.flags |= SKB_F_FORWARDED;
  if (root().trace !== 0)
    traceEvent(TraceKind.FORWARD, 0, changetype<usize>(skb), nh.dev, load<u8>(own, 7), mtu);
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV6, NetfilterHook.FORWARD, skb, skb.dev, nh.dev)) return;
  mibInc(net, Mib.Ip6OutForwDatagrams);
  const indev = skb.dev;
  skb.dev = nh.dev;
  ip6Output(skb, net, nh, indev);
}

/**
 * RFC 4389 4.1: neighbour discovery to an address that we answer for is ours, and nothing to a link-local one can go
 * on. True: the packet is taken care of. Linux: ip6_forward_proxy_check.
 */
function forProxy(skb: SkBuff, net: Net, hdr: usize): bool {
  const daddr = ipv6Daddr(hdr);
  if (pneighLookup(AF_INET6, net, daddr, changetype<usize>(l3mdevIngress(skb))) === null) return false;
  const out = scratch(Scratch.IP6_FORWARD_OUT);
  let offset: i32 = 0;
  let nexthdr = ipv6Nexthdr(hdr);
  if (ipv6ExtHdr(nexthdr)) {
    offset = ipv6SkipExthdr(hdr + IPV6_HDR_LEN, skbHeadlen(skb) - IPV6_HDR_LEN, nexthdr, out, out + 4);
    if (offset < 0) return false;
    nexthdr = load<u32>(out);
  }
  const at = IPV6_HDR_LEN + <u32>offset;
  if (nexthdr === NEXTHDR_ICMP && skbHeadlen(skb) > at) {
    const type = <u32>load<u8>(hdr + at);
    if (type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT) {
      ip6Input(skb, net);
      return true;
    }
  }
  if (!ipv6AddrIsLinklocal(daddr)) return false;
  icmpv6Send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
  mibInc(net, Mib.Ip6InDiscards);
  kfreeSkbReason(skb, SkbDropReason.IPV6_SCOPE);
  return true;
}

/**
 * The packet leaves by the link it came from: its sender is told of the better first hop, at most once a second per
 * destination here and per source in ndiscSendRedirect (RFC 4861 8.2).
 */
function redirect(skb: SkBuff, net: Net, nh: FibNh): void {
  const daddr = ipv6Daddr(skb.networkHeader);
  const target = nh.gwFamily !== 0 ? nhGwPtr(nh) : daddr;
  if (inetPeerXrlimAllow(net, AF_INET6, daddr, l3mdevMasterIfindex(changetype<NetDevice>(nh.dev)), SECOND_NS))
    ndiscSendRedirect(skb, target);
}

/** False, and the skb is gone, when the source address must not leave its link. */
function sourceMayCross(skb: SkBuff, net: Net): bool {
  const saddr = ipv6Saddr(skb.networkHeader);
  const first = load<u8>(saddr);
  // Nearly all packets: an address of 2000::/3 or fc00::/7.
  if (first !== 0 && first < 0xfe) return true;
  const type = ipv6AddrType(saddr);
  if (type === IPV6_ADDR_ANY || (type & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LOOPBACK)) !== 0) {
    addressError(skb, net, SkbDropReason.IP_INVALID_SOURCE);
    return false;
  }
  // RFC 4291 2.5.6: "Routers must not forward any packets with Link-Local source or destination addresses to other
  // links", and RFC 4443 3.1 code 2: "beyond scope of source address".
  if ((type & IPV6_ADDR_LINKLOCAL) !== 0) {
    icmpv6Send(skb, ICMPV6_DEST_UNREACH, ICMPV6_NOT_NEIGHBOUR, 0);
    addressError(skb, net, SkbDropReason.IPV6_SCOPE);
    return false;
  }
  return true;
}

/** Linux: ip6_pkt_too_big, for a packet longer than the MTU. A GSO packet is judged by its segments. */
export function ip6PktTooBig(skb: SkBuff, mtu: u32): bool {
  if (ip6cbFragMaxSize(skb) > mtu) return true;
  if ((skb.flags & SKB_F_IGNORE_DF) !== 0) return false;
  return skb.gsoSize === 0 || ip6GsoNetworkSeglen(skb) > mtu;
}

/** Length of one segment of a GSO packet from its IPv6 header. Linux: skb_gso_network_seglen. */
export function ip6GsoNetworkSeglen(skb: SkBuff): u32 {
  const hdr = skb.networkHeader;
  const headlen = skbHeadlen(skb) - (hdr - skb.data);
  let transport: u32 = IPV6_HDR_LEN;
  let nexthdr = ipv6Nexthdr(hdr);
  if (ipv6ExtHdr(nexthdr)) {
    const out = scratch(Scratch.IP6_FORWARD_OUT);
    const at = ipv6SkipExthdr(hdr + IPV6_HDR_LEN, headlen - IPV6_HDR_LEN, nexthdr, out, out + 4);
    if (at < 0) return skb.len;
    transport += at;
    nexthdr = load<u32>(out);
  }
  if ((skb.gsoType & SKB_GSO_TCPV6) !== 0 && nexthdr === NEXTHDR_TCP) {
    if (headlen < transport + 20) return skb.len;
    return transport + ((load<u8>(hdr + transport, 12) >> 4) << 2) + skb.gsoSize;
  }
  if ((skb.gsoType & SKB_GSO_UDP_L4) !== 0) return transport + 8 + skb.gsoSize;
  return skb.len;
}

/** RFC 8200 5: only the source may fragment; it is told the MTU (RFC 8201). */
function tooBig(skb: SkBuff, net: Net, nh: FibNh, mtu: u32): void {
  // The message comes from the address of the link that the packet did not fit.
  const from = skb.dev;
  skb.dev = nh.dev;
  icmpv6Send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
  skb.dev = from;
  mibInc(net, Mib.Ip6InTooBigErrors);
  mibInc(net, Mib.Ip6FragFails);
  kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
}

/** A packet that comes back from a queue at FORWARD; its route is found anew. */
export function ip6ForwardResume(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (ip6RouteInput(skb, net) !== RtType.UNICAST) {
    kfreeSkbReason(skb, SkbDropReason.IP_INNOROUTES);
    return;
  }
  const nh = changetype<FibNh>(skb.dst);
  mibInc(net, Mib.Ip6OutForwDatagrams);
  const indev = skb.dev;
  skb.dev = nh.dev;
  ip6Output(skb, net, nh, indev);
}
