/**
 * A copy of a packet to a gateway, whatever its destination: `dup to`. It is not tracked, leaves as one of our own, and
 * what dups it again is passed over. Linux: net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetDevice } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { FlowI4, ipRouteOutput } from '../ipv4/route';
import { ipLocalOut } from '../ipv4/ip_output';
import { ip6cbInit } from '../ipv6/ip6cb';
import { ip6LocalOut } from '../ipv6/ip6_output';
import { flowI6Init, ip6RouteOutput } from '../ipv6/route';
import { ipFastCsum } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { neighCreate, neighOutput } from '../neigh/neighbour';
import { NFPROTO_IPV4, NFPROTO_IPV6, NetfilterHook } from '../net/hooks';
import { AF_INET, AF_INET6, Net } from '../net/net';
import { FibNh, RtType, nhInfo } from '../route/fib';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfResetCt } from '../skb/nfct';
import { SKB_F_FORWARDED, SkBuff } from '../skb/sk_buff';
import { skbClone, skbCowHead } from '../skb/skbuff';
import { IP_CT_UNTRACKED } from './nf_conntrack';

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const IP_DF: u16 = 0x40;
const HEADROOM: u32 = 32;

/** A copy whose headers may be written, with no connection. */
function copyOf(skb: SkBuff): SkBuff | null {
  const copy = skbClone(skb);
  if (copy === null) return null;
  if (!skbCowHead(copy, HEADROOM)) {
    consumeSkb(copy);
    return null;
  }
  nfResetCt(copy);
  copy.nfct = IP_CT_UNTRACKED;
  copy.flags &= ~SKB_F_FORWARDED;
  copy.networkHeader = copy.data;
  return copy;
}

/** Is the copy on its way into or past us: its hop count guards against loops of two that dup to each other. */
function mayLoop(hook: u32): bool {
  return hook === <u32>NetfilterHook.PRE_ROUTING || hook === <u32>NetfilterHook.LOCAL_IN;
}

/** `gw`: the address in network order; `oif` 0: any device. */
export function nfDupIpv4(net: Net, skb: SkBuff, hook: u32, gw: usize, oif: i32): void {
  const copy = copyOf(skb);
  if (copy === null) return;
  const iph = copy.data;
  store<u16>(iph, load<u16>(iph, 6) | IP_DF, 6);
  if (mayLoop(hook)) store<u8>(iph, load<u8>(iph, 8) - 1, 8);
  const fl = changetype<FlowI4>(scratch(Scratch.NF_DUP_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = bswap<u32>(load<u32>(gw));
  fl.tos = load<u8>(iph, 1);
  fl.oif = oif;
  if (ipRouteOutput(net, fl) !== 0) {
    consumeSkb(copy);
    return;
  }
  const nh = changetype<FibNh>(fl.nh);
  copy.dst = fl.nh;
  copy.dev = nh.dev;
  if (nh.gwFamily !== 0 || nhInfo(nh).type !== RtType.UNICAST) {
    ipLocalOut(net, copy);
    return;
  }
  store<u16>(iph, bswap<u16>(<u16>copy.len), 2);
  store<u16>(iph, 0, 10);
  store<u16>(iph, ipFastCsum(iph, <u32>load<u8>(iph) & 15), 10);
  copy.protocol = ETH_P_IP;
  toLink(net, copy, nh, NFPROTO_IPV4, AF_INET, gw);
}

export function nfDupIpv6(net: Net, skb: SkBuff, hook: u32, gw: usize, oif: i32): void {
  const copy = copyOf(skb);
  if (copy === null) return;
  const hdr = copy.data;
  if (mayLoop(hook)) store<u8>(hdr, load<u8>(hdr, 7) - 1, 7);
  const fl = flowI6Init(scratch(Scratch.NF_DUP_FL), gw, 0, oif, load<u8>(hdr, 6));
  if (ip6RouteOutput(net, fl) !== 0) {
    consumeSkb(copy);
    return;
  }
  const nh = changetype<FibNh>(fl.nh);
  copy.dst = fl.nh;
  copy.dev = nh.dev;
  if (nh.gwFamily !== 0 || nhInfo(nh).type !== RtType.UNICAST) {
    ip6LocalOut(net, copy);
    return;
  }
  ip6cbInit(copy);
  copy.protocol = ETH_P_IPV6;
  toLink(net, copy, nh, NFPROTO_IPV6, AF_INET6, gw);
}

/** The gateway is on the link of `nh`: that neighbour, and not the packet's destination. */
function toLink(net: Net, skb: SkBuff, nh: FibNh, family: u32, af: u32, gw: usize): void {
  const dev = nh.dev;
  if (net.hookCount !== 0) {
    if (!nfHook(net, family, NetfilterHook.LOCAL_OUT, skb, 0, dev)) return;
    if (!nfHook(net, family, NetfilterHook.POST_ROUTING, skb, 0, dev)) return;
  }
  const out = changetype<NetDevice>(dev);
  if (skb.len > out.mtu && skb.gsoSize === 0) {
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
    return;
  }
  const neigh = neighCreate(af, gw, out);
  if (neigh === null) kfreeSkbReason(skb, SkbDropReason.NEIGH_CREATEFAIL);
  else neighOutput(neigh, skb);
}
