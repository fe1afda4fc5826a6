/**
 * GSO: one large packet becomes the segments that it stands for, when the device cannot do that itself.
 * Linux: net/core/gso.c.
 *
 *   gsoSegment ─► gso_headers: is it what it says? ─► gso_cut: pieces with its headers ─► gso_ip ─► gso_tcp, gso_udp
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { SKB_HEADROOM } from '../abi/layout';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { CHECKSUM_PARTIAL, SKB_GSO_TCP_FIXEDID, SKB_GSO_UDP_L4, SkBuff } from '../skb/sk_buff';
import { ETH_HLEN } from '../wire/ethernet';
import { UDP_CHECK_OFFSET } from '../wire/udp';
import { gsoCut } from './gso_cut';
import { gsoTransportHdrLen, gsoTransportOffset } from './gso_headers';
import { gsoIpSegments } from './gso_ip';
import { gsoTcpSegments } from './gso_tcp';
import { gsoUdpSegments } from './gso_udp';
import { VLAN_DEPTH_BAD, vlanDepth } from './vlan_depth';

/**
 * Consumes a GSO skb, data at its Ethernet header, and returns its segments linked by `next`, in order, each complete
 * for a device with `features` (NetifF). null: dropped, and counted as SKB_GSO_SEG or NOMEM.
 */
export function gsoSegment(skb: SkBuff, features: u32): SkBuff | null {
  const gsoType: u32 = skb.gsoType;
  const network = vlanDepth(skb, ETH_HLEN);
  const whole = skb.gsoSize !== 0 && network !== VLAN_DEPTH_BAD;
  const transport = whole ? gsoTransportOffset(skb, network, gsoType) : 0;
  if (transport === 0 || transport > 0xffff - SKB_HEADROOM) {
    kfreeSkbReason(skb, SkbDropReason.SKB_GSO_SEG);
    return null;
  }
  const hlen = transport + gsoTransportHdrLen(skb, transport, gsoType);
  skb.macHeader = skb.data;
  skb.networkHeader = skb.data + network;
  skb.transportHeader = skb.data + transport;
  const partial = (features & NetifF.HW_CSUM) !== 0;
  const mss = <u32>skb.gsoSize;
  // RFC 768: a sum of zero is that of a sender that makes none, unless it only stands for a partial one.
  const none = skb.ipSummed !== CHECKSUM_PARTIAL && load<u16>(skb.transportHeader, UDP_CHECK_OFFSET) === 0;
  const first = gsoCut(skb, hlen, (features & NetifF.SG) !== 0, !partial);
  if (first === null) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return null;
  }
  gsoIpSegments(first, (gsoType & SKB_GSO_TCP_FIXEDID) !== 0);
  if ((gsoType & SKB_GSO_UDP_L4) !== 0) gsoUdpSegments(first, partial, none);
  else gsoTcpSegments(first, mss, partial);
  consumeSkb(skb);
  return first;
}
