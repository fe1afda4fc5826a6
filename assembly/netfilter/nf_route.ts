/**
 * A packet of our own that a hook gave another destination, mark or class finds its way anew.
 * Linux: net/ipv4/netfilter.c, ip_route_me_harder; net/ipv6/netfilter.c, ip6_route_me_harder.
 */
import { Scratch, scratch } from '../lib/scratch';
import { NFPROTO_IPV4 } from '../net/hooks';
import { Net } from '../net/net';
import { FlowI4, inetAddrType, ipRouteOutput } from '../ipv4/route';
import { flowI6Init, ip6RouteOutput } from '../ipv6/route';
import { FibNh, RtType, nhInfo } from '../route/fib';
import { SkBuff } from '../skb/sk_buff';

/** False: there is no way. */
export function ipRouteMeHarder(net: Net, skb: SkBuff, family: u32): bool {
  const iph = skb.networkHeader;
  const p = scratch(Scratch.NF_NAT_FL);
  if (family === NFPROTO_IPV4) {
    memory.fill(p, 0, offsetof<FlowI4>());
    const fl = changetype<FlowI4>(p);
    fl.daddr = bswap<u32>(load<u32>(iph, 16));
    fl.saddr = bswap<u32>(load<u32>(iph, 12));
    fl.tos = load<u8>(iph, 1);
    fl.mark = skb.mark;
    // A source that is not ours (a raw socket's) says nothing of the way.
    if (inetAddrType(net, fl.saddr) !== RtType.LOCAL) fl.saddr = 0;
    if (ipRouteOutput(net, fl) !== 0) return false;
    skb.dst = fl.nh;
    return true;
  }
  const fl = flowI6Init(p, iph + 24, iph + 8, 0, load<u8>(iph, 6));
  fl.mark = skb.mark;
  if (ip6RouteOutput(net, fl) !== 0) return false;
  skb.dst = fl.nh;
  const nh = changetype<FibNh>(fl.nh);
  skb.dev = nhInfo(nh).type === RtType.LOCAL ? net.loopback : nh.dev;
  return true;
}
