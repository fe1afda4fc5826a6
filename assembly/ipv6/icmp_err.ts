/**
 * What a received ICMPv6 error changes here: Packet Too Big makes a path MTU exception (RFC 8201). The rest is for
 * sockets. Linux: net/ipv6/icmp.c icmpv6_notify, net/ipv6/route.c ip6_update_pmtu.
 */
import { Sysctl } from '../abi/sysctl';
import { l3mdevDif, l3mdevIngress, l3mdevMasterIfindex, l3mdevSdif } from '../dev/l3mdev';
import { tcp6Lookup, udp6Lookup } from '../inet/lookup';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6, Net, sysctl } from '../net/net';
import { exceptionPmtu } from '../route/exception';
import { FibNh } from '../route/fib';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ICMPV6_HDR_LEN, ICMPV6_PKT_TOOBIG, icmpv6Mtu } from '../wire/icmpv6';
import {
  NEXTHDR_ICMP,
  NEXTHDR_TCP,
  NEXTHDR_UDP,
  IPV6_HDR_LEN,
  IPV6_MIN_MTU,
  ipv6Daddr,
  ipv6Nexthdr,
  ipv6Saddr,
  ipv6Version,
} from '../wire/ipv6';
import { ipv6SkipExthdr } from '../wire/ipv6_ext';
import { ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { ipv6ChkAddrIn } from './addr_hash';
import { flowI6Init, ip6DstMtu, ip6RouteOutput } from './route';

/** What protocols want of the upper-layer header. */
const UPPER_BYTES: u32 = 8;
const EXT_HEADERS_MAX: u32 = 512;
const SECOND: u64 = 1_000_000_000;

/** Data at the ICMPv6 header, 8 bytes linear. False: what it quotes is too short to tell anything. */
export function icmpv6Notify(skb: SkBuff, net: Net, type: u32): bool {
  if (!pskbMayPull(skb, ICMPV6_HDR_LEN + IPV6_HDR_LEN)) return false;
  const upper = upperOf(skb);
  if (upper === 0 || !pskbMayPull(skb, upper + UPPER_BYTES)) return false;
  if (type === ICMPV6_PKT_TOOBIG && sentHere(skb, net, upper)) updatePmtu(skb, net);
  return true;
}

/** Offset from data of the quoted packet's upper-layer header, its number in IPV6_ICMP_OUT; 0: it cannot be told. */
function upperOf(skb: SkBuff): u32 {
  const begin = ICMPV6_HDR_LEN + IPV6_HDR_LEN;
  if (!pskbMayPull(skb, min(skb.len, begin + EXT_HEADERS_MAX))) return 0;
  const out = scratch(Scratch.IPV6_ICMP_OUT);
  const nexthdr = <u32>ipv6Nexthdr(skb.data + ICMPV6_HDR_LEN);
  const at = ipv6SkipExthdr(skb.data + begin, skbHeadlen(skb) - begin, nexthdr, out, out + 4);
  return at < 0 ? 0 : begin + <u32>at;
}

/** A question of ICMPv6, or of a socket of TCP or UDP: nothing here sends others. Linux: the protocols' err_handler. */
function sentHere(skb: SkBuff, net: Net, upper: u32): bool {
  const proto = load<u32>(scratch(Scratch.IPV6_ICMP_OUT));
  if (proto === NEXTHDR_ICMP) return true;
  const inner = skb.data + ICMPV6_HDR_LEN;
  const sport = <u32>bswap<u16>(load<u16>(skb.data + upper));
  const dport = <u32>bswap<u16>(load<u16>(skb.data + upper, 2));
  const dif = l3mdevDif(skb);
  const sdif = l3mdevSdif(skb);
  if (proto === NEXTHDR_TCP)
    return tcp6Lookup(net, ipv6Daddr(inner), dport, ipv6Saddr(inner), sport, dif, sdif) !== 0;
  if (proto === NEXTHDR_UDP)
    return udp6Lookup(net, ipv6Daddr(inner), dport, ipv6Saddr(inner), sport, dif, sdif) !== 0;
  return false;
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
