/**
 * What a received ICMPv6 error changes here: Packet Too Big makes a path MTU exception (RFC 8201). The rest is for
 * sockets. Linux: net/ipv6/icmp.c icmpv6_notify, net/ipv6/route.c ip6_update_pmtu.
 */
import { Sysctl } from '../abi/sysctl';
import { l3mdevIngress, l3mdevMasterIfindex } from '../dev/l3mdev';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6, Net, sysctl } from '../net/net';
import { exceptionPmtu } from '../route/exception';
import { FibNh } from '../route/fib';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ICMPV6_HDR_LEN, ICMPV6_PKT_TOOBIG, icmpv6Mtu } from '../wire/icmpv6';
import { IPV6_HDR_LEN, IPV6_MIN_MTU, ipv6Daddr, ipv6Nexthdr, ipv6Saddr, ipv6Version } from '../wire/ipv6';
import { ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { ipv6ChkAddrIn } from './addr_hash';
import { flowI6Init, ip6DstMtu, ip6RouteOutput } from './route';

const SECOND: u64 = 1_000_000_000;

/** Data at the ICMPv6 header, 8 bytes linear. False: what it quotes is too short to tell anything. */
export function icmpv6Notify(skb: SkBuff, net: Net, type: u32): bool {
  if (!pskbMayPull(skb, ICMPV6_HDR_LEN + IPV6_HDR_LEN)) return false;
  if (type === ICMPV6_PKT_TOOBIG) updatePmtu(skb, net);
  return true;
}

/** The quoted packet must be one of ours, its path one that we would take, and the MTU news. */
function updatePmtu(skb: SkBuff, net: Net): void {
  const inner = skb.data + ICMPV6_HDR_LEN;
  const daddr = ipv6Daddr(inner);
  const saddr = ipv6Saddr(inner);
  if (ipv6Version(inner) !== 6 || ipv6AddrIsMulticast(daddr)) return;
  const dev = l3mdevIngress(skb);
  const vif = l3mdevMasterIfindex(dev);
  const link = ipv6AddrIsLinklocal(saddr) ? changetype<usize>(dev) : 0;
  if (!ipv6ChkAddrIn(net, saddr, link, dev.l3mdev)) return;
  const fl = flowI6Init(
    scratch(Scratch.IPV6_ICMP_ERR_FL),
    daddr,
    saddr,
    ipv6AddrIsLinklocal(daddr) ? skb.iif : vif,
    ipv6Nexthdr(inner),
  );
  if (ip6RouteOutput(net, fl) !== 0) return;
  // RFC 8201 4: "If a node receives a Packet Too Big message reporting a next-hop MTU that is less than the IPv6
  // minimum link MTU, it must discard it".
  const mtu = icmpv6Mtu(skb.data);
  if (mtu < IPV6_MIN_MTU) return;
  if (mtu >= ip6DstMtu(net, changetype<FibNh>(fl.nh), daddr, false)) return;
  const expires = root().now + <u64>sysctl(net, Sysctl.IP6_MTU_EXPIRES) * SECOND;
  exceptionPmtu(net, AF_INET6, daddr, vif, mtu, false, expires);
}
