/**
 * The Ethernet header's two ends: eth_type_trans on receive, eth_header on output. Linux: net/ethernet/eth.c.
 */
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, SkBuff } from '../skb/sk_buff';
import { NetDevice } from './net_device';

const ETH_HLEN: u32 = 14;
const MAC_MASK: u64 = 0xffffffffffff;
/** The group bit is the lowest of the first byte (IEEE 802 §8.2.2), which a little-endian load puts lowest. */
const GROUP_BIT: u64 = 1;

/**
 * Reads the header at skb.data (14 bytes are there: the caller checked), sets protocol, pktType and macHeader, and
 * moves data behind it.
 */
export function ethTypeTrans(skb: SkBuff, dev: NetDevice): void {
  const eth = skb.data;
  const dest = load<u64>(eth) & MAC_MASK;
  skb.macHeader = eth;
  skb.data = eth + ETH_HLEN;
  skb.len -= ETH_HLEN;
  skb.networkHeader = skb.data;
  skb.protocol = bswap<u16>(load<u16>(eth, 12));
  skb.pktType = ethPktType(dest, dev.addr);
}

/** Whom a frame to `dest` is for, at a device whose address is `own` (both with the first byte lowest). */
export function ethPktType(dest: u64, own: u64): u8 {
  if (dest === own) return PACKET_HOST;
  if ((dest & GROUP_BIT) === 0) return PACKET_OTHERHOST;
  return dest === MAC_MASK ? PACKET_BROADCAST : PACKET_MULTICAST;
}

/** Pushes a header of `protocol` from the device to `dest` (6 bytes); the headroom is the caller's. */
export function ethHeader(skb: SkBuff, dev: NetDevice, protocol: u16, dest: usize): void {
  skb.data -= ETH_HLEN;
  skb.len += ETH_HLEN;
  const eth = skb.data;
  skb.macHeader = eth;
  store<u32>(eth, load<u32>(dest));
  store<u16>(eth, load<u16>(dest, 4), 4);
  store<u32>(eth, <u32>dev.addr, 6);
  store<u16>(eth, <u16>(dev.addr >> 32), 10);
  store<u16>(eth, bswap<u16>(protocol), 12);
}
