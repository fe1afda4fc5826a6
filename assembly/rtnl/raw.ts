/** RAW_* and XMIT: packets between applications of the host and a namespace. Linux: net/ipv4/raw.c, net/ipv6/raw.c. */
import { MsgType, RawRec, XmitRec } from '../abi/request';
import { devGetByIndex } from '../dev/net_device';
import { rawBind, rawUnbind } from '../inet/raw';
import { ipRawXmit } from '../ipv4/raw';
import { ip6RawXmit } from '../ipv6/raw';
import { LARGE_SLOT_BYTES, SKB_HEADROOM } from '../abi/layout';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, netByHandle } from '../net/net';
import { allocSkb } from '../skb/pool';
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
  if (protocol > 255) return -Errno.EPROTONOSUPPORT;
  const ifindex = load<i32>(body, RawRec.IFINDEX);
  if (ifindex !== 0 && devGetByIndex(net, ifindex) === null) return -Errno.ENODEV;
  return rawBind(net, family, protocol, socket, ifindex);
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
  if (family === AF_INET) return ipRawXmit(net, skb, oif);
  if (family === AF_INET6) return ip6RawXmit(net, skb, oif);
  consumeSkb(skb);
  return -Errno.EAFNOSUPPORT;
}
