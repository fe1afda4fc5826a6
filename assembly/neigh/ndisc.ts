/**
 * What ND knows about an address without asking: groups, and links that need no resolution. Linux: net/ipv6/ndisc.c,
 * ndisc_constructor. The messages themselves are in ipv6/ndisc*.ts, above the addresses that they are about.
 */
import { Op } from '../abi/ops';
import { IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT, NetDevice } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { Neighbour, neighKey, neighSetNoarp } from './neighbour';

const RTN_UNICAST: u8 = 1;
const RTN_MULTICAST: u8 = 5;

/** 33-33 and the group's low 32 bits (RFC 2464 7), first byte lowest. */
function ndiscMcMap(group: usize): u64 {
  return 0x3333 | ((<u64>load<u32>(group, 12)) << 16);
}

/** Op NEIGH_NDISC_CONSTRUCT: a new entry of the table. */
export function ndiscConstruct(p: usize): void {
  const neigh = changetype<Neighbour>(p);
  const dev = changetype<NetDevice>(neigh.dev);
  const group = ipv6AddrIsMulticast(neighKey(neigh));
  neigh.type = group ? RTN_MULTICAST : RTN_UNICAST;
  if (group) neighSetNoarp(neigh, ndiscMcMap(neighKey(neigh)));
  else if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) neighSetNoarp(neigh, dev.addr);
  else if ((dev.flags & IFF_POINTOPOINT) !== 0) neighSetNoarp(neigh, dev.broadcast);
}

export function ndiscConstructOpInit(): void {
  opSet(Op.NEIGH_NDISC_CONSTRUCT, ndiscConstruct.index);
}
