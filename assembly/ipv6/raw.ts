/** Packets that an application of the host wrote whole. Linux: net/ipv6/raw.c, rawv6_send_hdrinc. */
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { consumeSkb } from '../skb/free';
import { SKB_F_IGNORE_DF, SkBuff } from '../skb/sk_buff';
import { IPV6_HDR_LEN, IPV6_MAXPLEN, ipv6Daddr, ipv6Nexthdr, ipv6Saddr, ipv6Version } from '../wire/ipv6';
import { ipv6AddrCopy, ipv6AddrIsAny, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { ip6LocalOut } from './ip6_output';
import { flowI6Init, flowSaddr, ip6RouteOutput } from './route';

/**
 * Sends the packet at data (linear), by `oif` unless 0; an unspecified source is chosen (its checksums are then the
 * caller's concern: it should have asked for the route first). Owns the skb. 0 or a negative errno.
 */
export function ip6RawXmit(net: Net, skb: SkBuff, oif: i32): i32 {
  const err = xmit(net, skb, oif);
  if (err !== 0) consumeSkb(skb);
  return err;
}

function xmit(net: Net, skb: SkBuff, oif: i32): i32 {
  if (skb.len < IPV6_HDR_LEN || skb.len - IPV6_HDR_LEN > IPV6_MAXPLEN || ipv6Version(skb.data) !== 6) {
    return -Errno.EINVAL;
  }
  const hdr = skb.data;
  const saddr = ipv6Saddr(hdr);
  if (ipv6AddrIsMulticast(saddr) || ipv6AddrIsAny(ipv6Daddr(hdr))) return -Errno.EINVAL;
  const fl = flowI6Init(scratch(Scratch.IPV6_RAW_FL), ipv6Daddr(hdr), saddr, oif, ipv6Nexthdr(hdr));
  const err = ip6RouteOutput(net, fl);
  if (err !== 0) return err;
  if (ipv6AddrIsAny(saddr)) ipv6AddrCopy(saddr, flowSaddr(fl));
  skb.networkHeader = hdr;
  skb.transportHeader = hdr + IPV6_HDR_LEN;
  skb.dst = fl.nh;
  skb.flags |= SKB_F_IGNORE_DF;
  ip6LocalOut(net, skb);
  return 0;
}
