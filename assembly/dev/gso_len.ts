/** How large the segments of a GSO packet will be, without cutting it. Linux: net/core/gso.c. */
import { SKB_GSO_UDP_L4, SkBuff, skbHeadlen } from '../skb/sk_buff';

const UDP_HLEN: u32 = 8;

/** Length of the transport header of a GSO packet; its network and transport header addresses are set. */
export function skbGsoTransportSeglen(skb: SkBuff): u32 {
  if ((skb.gsoType & SKB_GSO_UDP_L4) !== 0) return UDP_HLEN + skb.gsoSize;
  const offset = skb.transportHeader - skb.data;
  // The header's length field lies in the linear part, or the packet is as large as it says it is.
  if (offset + 13 > skbHeadlen(skb)) return skb.len;
  return ((<u32>load<u8>(skb.transportHeader, 12) >> 4) << 2) + skb.gsoSize;
}

/** True when each segment, from its network header on, fits `mtu`. */
export function skbGsoValidateNetworkLen(skb: SkBuff, mtu: u32): bool {
  return skb.transportHeader - skb.networkHeader + skbGsoTransportSeglen(skb) <= mtu;
}
