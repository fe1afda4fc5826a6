/** Packets that an application of the host, or a generator, wrote whole. Linux: net/ipv4/raw.c, raw_send_hdrinc. */
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { consumeSkb } from '../skb/free';
import { SKB_F_IGNORE_DF, SkBuff } from '../skb/sk_buff';
import { ipLocalOut, ipSelectIdent } from './ip_output';
import { FlowI4, ipRouteOutput } from './route';

/**
 * Sends the packet at data (linear), by `oif` unless 0; a source and an identifier of zero are filled in. Owns the skb.
 * 0 or a negative errno.
 */
export function ipRawXmit(net: Net, skb: SkBuff, oif: i32): i32 {
  const iph = skb.data;
  const ihl: u32 = skb.len < 20 ? 0 : (<u32>load<u8>(iph) & 15) << 2;
  if (skb.len < 20 || load<u8>(iph) >> 4 !== 4 || ihl < 20 || ihl > skb.len || skb.len > 65535) {
    consumeSkb(skb);
    return -Errno.EINVAL;
  }
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_RAW_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = bswap<u32>(load<u32>(iph, 16));
  fl.saddr = bswap<u32>(load<u32>(iph, 12));
  fl.oif = oif;
  fl.tos = load<u8>(iph, 1);
  fl.proto = load<u8>(iph, 9);
  const err = ipRouteOutput(net, fl);
  if (err !== 0) {
    consumeSkb(skb);
    return err;
  }
  if (load<u32>(iph, 12) === 0) store<u32>(iph, bswap<u32>(fl.saddr), 12);
  if (load<u16>(iph, 4) === 0) ipSelectIdent(net, iph, 1);
  skb.networkHeader = iph;
  skb.transportHeader = iph + ihl;
  skb.dst = fl.nh;
  // An application's packet larger than the MTU is cut here, as a socket without IP_MTU_DISCOVER would.
  if ((load<u8>(iph, 6) & 0x40) === 0) skb.flags |= SKB_F_IGNORE_DF;
  ipLocalOut(net, skb);
  return 0;
}
