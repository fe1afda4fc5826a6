/**
 * What ND knows about an address without asking. Linux: net/ipv6/ndisc.c, ndisc_constructor and ndisc_mc_map.
 */
import { IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT, NetDevice } from '../dev/net_device';
import { RTN_MULTICAST, RTN_UNICAST } from './arp_ops';
import { Neighbour, neighKey, neighSetNoarp } from './neighbour';

/** 33-33 and the group's low 32 bits (RFC 2464 §7), first byte lowest. */
function ndiscMcMap(key: usize): u64 {
  return 0x3333 | ((<u64>load<u32>(key, 12)) << 16);
}

export function ndiscConstruct(neigh: Neighbour): void {
  const dev = changetype<NetDevice>(neigh.dev);
  const key = neighKey(neigh);
  const multicast = load<u8>(key) === 0xff;
  neigh.type = <u8>(multicast ? RTN_MULTICAST : RTN_UNICAST);
  if (multicast) neighSetNoarp(neigh, ndiscMcMap(key));
  else if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) neighSetNoarp(neigh, dev.addr);
  else if ((dev.flags & IFF_POINTOPOINT) !== 0) neighSetNoarp(neigh, dev.broadcast);
}
