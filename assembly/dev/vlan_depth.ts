/**
 * Where the network header of a frame lies that has VLAN tags in it: who segments, or is told where a checksum goes,
 * has to look behind them. Linux: __vlan_get_protocol_offset, skb_vlan_tagged_multi (include/linux/if_vlan.h).
 *
 *   addresses │ 0x88a8 tci │ 0x8100 tci │ 0x0800 │ IPv4 ...
 *             ├─ 4 bytes ─►├─ 4 bytes ─►├─ type ─► the packet
 */
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from '../wire/ethernet';
import { VLAN_HLEN } from '../wire/vlan';

/** Linux: VLAN_MAX_DEPTH. */
const VLAN_MAX_DEPTH: u32 = 8;
/** The frame ends within its tags, or has too many. */
export const VLAN_DEPTH_BAD: u32 = 0xffffffff;

function isTag(type: u32): bool {
  return type === ETH_P_8021Q || type === ETH_P_8021AD;
}

/**
 * Offset from skb.data of what follows the tags; `offset` is where it is without any, and the two bytes before that are
 * the ethertype. The bytes up to there are linear then, and skb.data may have moved.
 */
export function vlanDepth(skb: SkBuff, offset: u32): u32 {
  for (let i: u32 = 0; isTag(bswap<u16>(load<u16>(skb.data + offset - 2))); i++) {
    if (i === VLAN_MAX_DEPTH || !pskbMayPull(skb, offset + VLAN_HLEN)) return VLAN_DEPTH_BAD;
    offset += VLAN_HLEN;
  }
  return offset;
}

/** A frame, data at its Ethernet header, with two tags or more, counting one that is still in the skb. */
export function skbVlanTaggedMulti(skb: SkBuff): bool {
  if (!isTag(bswap<u16>(load<u16>(skb.data, ETH_HLEN - 2)))) return false;
  if (skb.vlanProto !== 0) return true;
  if (!pskbMayPull(skb, ETH_HLEN + VLAN_HLEN)) return false;
  return isTag(bswap<u16>(load<u16>(skb.data, ETH_HLEN + VLAN_HLEN - 2)));
}
