/**
 * Finds the transport header of a packet that is, or is said to be, GSO, and checks that it is what its GSO type says.
 * Linux: the probing of include/linux/virtio_net.h and the walks in inet_gso_segment, ipv6_gso_segment.
 */
import { SKB_GSO_TCPV4, SKB_GSO_TCPV6, SKB_GSO_UDP_L4, SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HDR_LEN,
  ipv4Ihl,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Version,
} from '../wire/ipv4';
import {
  IPV6_HDR_LEN,
  ipv6Nexthdr,
  ipv6Version,
  NEXTHDR_DEST,
  NEXTHDR_HOP,
  NEXTHDR_ROUTING,
} from '../wire/ipv6';
import { ipv6ExtLen, ipv6ExtNexthdr } from '../wire/ipv6_ext';
import { TCP_HDR_LEN, tcpDoff } from '../wire/tcp';
import { UDP_HDR_LEN } from '../wire/udp';

/** Extension headers that a GSO packet may have at most; each may be 2 KB. */
const EXT_HEADERS_MAX: u32 = 8;

/**
 * Offset of the TCP or UDP header from skb.data, when `network` (an offset from there, too) is the header of an
 * unfragmented packet of this `gsoType`; all headers are linear then. 0 when it is not. skb.data may move.
 */
export function gsoTransportOffset(skb: SkBuff, network: u32, gsoType: u32): u32 {
  if ((gsoType & SKB_GSO_TCPV4) !== 0) return ipv4Transport(skb, network, IPPROTO_TCP);
  if ((gsoType & SKB_GSO_TCPV6) !== 0) return ipv6Transport(skb, network, IPPROTO_TCP);
  if ((gsoType & SKB_GSO_UDP_L4) === 0 || !pskbMayPull(skb, network + IPV4_HDR_LEN)) return 0;
  if (ipv4Version(skb.data + network) === 4) return ipv4Transport(skb, network, IPPROTO_UDP);
  return ipv6Transport(skb, network, IPPROTO_UDP);
}

/** Length of the transport header at `offset` as gsoTransportOffset gave it. */
export function gsoTransportHdrLen(skb: SkBuff, offset: u32, gsoType: u32): u32 {
  return (gsoType & SKB_GSO_UDP_L4) !== 0 ? UDP_HDR_LEN : tcpDoff(skb.data + offset);
}

function ipv4Transport(skb: SkBuff, network: u32, proto: u32): u32 {
  if (!pskbMayPull(skb, network + IPV4_HDR_LEN)) return 0;
  const iph = skb.data + network;
  const ihl = ipv4Ihl(iph);
  if (ipv4Version(iph) !== 4 || ihl < IPV4_HDR_LEN || ipv4IsFragment(iph) || ipv4Protocol(iph) !== proto)
    return 0;
  return checkTransport(skb, network + ihl, proto);
}

/** Fragment, AH and ESP headers end it: what has them cannot be cut. */
function ipv6Transport(skb: SkBuff, network: u32, proto: u32): u32 {
  let offset = network + IPV6_HDR_LEN;
  if (!pskbMayPull(skb, offset) || ipv6Version(skb.data + network) !== 6) return 0;
  let nexthdr = ipv6Nexthdr(skb.data + network);
  for (let i: u32 = 0; nexthdr !== proto; i++) {
    if (i === EXT_HEADERS_MAX) return 0;
    if (nexthdr !== NEXTHDR_HOP && nexthdr !== NEXTHDR_ROUTING && nexthdr !== NEXTHDR_DEST) return 0;
    if (!pskbMayPull(skb, offset + 8)) return 0;
    const ext = skb.data + offset;
    offset += ipv6ExtLen(ext, nexthdr);
    nexthdr = ipv6ExtNexthdr(ext);
  }
  return checkTransport(skb, offset, proto);
}

function checkTransport(skb: SkBuff, offset: u32, proto: u32): u32 {
  if (proto === IPPROTO_UDP) return pskbMayPull(skb, offset + UDP_HDR_LEN) ? offset : 0;
  if (!pskbMayPull(skb, offset + TCP_HDR_LEN)) return 0;
  const doff = tcpDoff(skb.data + offset);
  return doff >= TCP_HDR_LEN && pskbMayPull(skb, offset + doff) ? offset : 0;
}
