/** RAW_* and XMIT: packets between applications of the host and a namespace. Linux: net/ipv4/raw.c, net/ipv6/raw.c. */
import { MsgType, RawRec, XmitRec } from '../abi/request';
import { rawBind, rawUnbind } from '../inet/raw';
import { ipLocalOut, ipSelectIdent } from '../ipv4/ip_output';
import { FlowI4, ipRouteOutput } from '../ipv4/route';
import { ip6RawXmit } from '../ipv6/raw';
import { LARGE_SLOT_BYTES, SKB_HEADROOM } from '../abi/layout';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { allocSkb } from '../skb/pool';
import { SKB_F_IGNORE_DF, SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { consumeSkb } from '../skb/free';

export function requestRaw(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>RawRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, RawRec.NET));
  if (net === null) return -Errno.ENOENT;
  const socket = load<u32>(body, RawRec.SOCKET);
  if (type === <u32>MsgType.RAW_UNBIND) return rawUnbind(net, socket);
  const family = load<u32>(body, RawRec.FAMILY);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  const protocol = load<u32>(body, RawRec.PROTOCOL);
  return protocol > 255 ? -Errno.EPROTONOSUPPORT : rawBind(net, family, protocol, socket);
}

export function requestXmit(body: usize, len: u32): i32 {
  if (len < <u32>XmitRec.PACKET) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, XmitRec.NET));
  if (net === null) return -Errno.ENOENT;
  const bytes = load<u32>(body, XmitRec.BYTES);
  if (bytes > len - XmitRec.PACKET || bytes > LARGE_SLOT_BYTES - SKB_HEADROOM) return -Errno.EMSGSIZE;
  const family = load<u32>(body, XmitRec.FAMILY);
  const oif = load<i32>(body, XmitRec.OIF);
  const skb = allocSkb(bytes);
  if (skb === null) return -Errno.ENOBUFS;
  memory.copy(skbPut(skb, bytes), body + XmitRec.PACKET, bytes);
  if (family === AF_INET) return xmit4(net, skb, oif);
  if (family === AF_INET6) return ip6RawXmit(net, skb, oif);
  consumeSkb(skb);
  return -Errno.EAFNOSUPPORT;
}

/** Linux: raw_send_hdrinc. */
function xmit4(net: Net, skb: SkBuff, oif: i32): i32 {
  const iph = skb.data;
  const ihl: u32 = skb.len < 20 ? 0 : (<u32>load<u8>(iph) & 15) << 2;
  if (skb.len < 20 || load<u8>(iph) >> 4 !== 4 || ihl < 20 || ihl > skb.len || skb.len > 65535) {
    consumeSkb(skb);
    return -Errno.EINVAL;
  }
  const fl = changetype<FlowI4>(scratch(Scratch.RTNL_RAW_FL));
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
