/**
 * What ARP knows about an address without asking: groups, broadcasts, and links that need no ARP at all.
 * Linux: net/ipv4/arp.c, arp_constructor and arp_mc_map.
 */
import { IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT, NetDevice } from '../dev/net_device';
import { RTN_BROADCAST, RTN_MULTICAST, arpAddrType } from './arp_ops';
import { Neighbour, neighSetNoarp } from './neighbour';

/** 01-00-5e and the group's low 23 bits (RFC 1112 §6.4), first byte lowest. */
function arpMcMap(group: u32): u64 {
  return 0x5e0001 | ((<u64>bswap<u32>(group & 0x7fffff)) << 16);
}

/** `addr` in host order. */
export function arpConstruct(neigh: Neighbour, addr: u32): void {
  const dev = changetype<NetDevice>(neigh.dev);
  const type = arpAddrType(dev.net, dev, addr);
  neigh.type = <u8>type;
  if (type === RTN_MULTICAST) {
    neighSetNoarp(neigh, arpMcMap(addr));
  } else if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) {
    neighSetNoarp(neigh, dev.addr);
  } else if (type === RTN_BROADCAST || (dev.flags & IFF_POINTOPOINT) !== 0) {
    neighSetNoarp(neigh, dev.broadcast);
  }
}
