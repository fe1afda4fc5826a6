/**
 * Places for a record that lives no longer than one call: a route being asked for, a key, options being read. They lie
 * behind the op table of this core, so that cores that share a memory do not share them; they are no state, and a
 * snapshot leaves them out. One place per use, named after its file: a function that may run inside itself by way of
 * another has none.
 */
import { SCRATCH_PLACE_BYTES } from '../abi/layout';
import { scratchArea } from './root';

export enum Scratch {
  NF_HOOK_STATE,
  DEVINET_BYTES,
  DEVINET_KEY,
  DEVINET_DRAFT,
  IPV4_ICMP_FL,
  IPV4_ICMP_OPTIONS,
  IPV4_ICMP_INNER,
  IPV4_ICMP_KEY,
  IPV4_ICMP_ERR_FL,
  IPV4_ICMP_ERR_FL2,
  IPV4_ICMP_ERR_FL3,
  IP_FRAGMENT_KEY,
  IP_OPTIONS_FL,
  IP_OPTIONS_FOUND,
  IPV4_ROUTE_KEY,
  IPV4_ROUTE_KEY2,
  IPV4_ROUTE_KEY3,
  IPV4_ROUTE_KEY4,
  IPV4_TCP_OPTIONS,
  IPV4_TCP_FL,
  ADDRCONF_ADDR,
  ADDRCONF_ADDR2,
  ADDRCONF_ROUTES_DRAFT,
  ADDRCONF_ROUTES_KEY,
  ADDRCONF_ROUTES_KEY2,
  ADDRCONF_ROUTES_KEY3,
  ANYCAST_ADDR,
  ANYCAST_ADDR2,
  IPV6_ICMP_OUT,
  IPV6_ICMP_FL,
  IPV6_ICMP_FL2,
  IPV6_ICMP_ERR_FL,
  IP6_DO_FRAGMENT_WHERE,
  IP6_FORWARD_OUT,
  IP6_INIT_FL,
  IP6_OUTPUT_MAC,
  MCAST_GROUP,
  MCAST_GROUP2,
  NDISC_OPTIONS,
  NDISC_FROM,
  NDISC_REDIRECT_FL,
  NDISC_REDIRECT_OPTS,
  NDISC_REDIRECT_FL2,
  NDISC_SEND_GROUP,
  NDISC_SEND_GROUP2,
  IPV6_RAW_FL,
  REASSEMBLY_KEY,
  IPV6_ROUTE_KEY,
  IPV6_ROUTE_FL,
  IPV6_TCP_FL,
  FIB_DEV_KEY,
  FIB_DEV_PLEN_PTR,
  FIB_DEV_KEY2,
  FIB_DEV_PLEN_PTR2,
  RTNL_HOOK_WHERE_OUT,
  RTNL_RAW_FL,
  RTNL_ROUTE_DRAFT,
  RTNL_ROUTE_KEY,
  RTNL_ROUTE_SOURCE,
  RTNL_ROUTE_FL,
  RTNL_ROUTE_KEY2,
  RTNL_ROUTE_PLEN_PTR,
  POPTRIE_TOUCHED,
  MAX,
}

/** Address of the place: SCRATCH_PLACE_BYTES bytes, 8-byte aligned, not zeroed. */
export function scratch(place: Scratch): usize {
  return scratchArea() + <usize>place * SCRATCH_PLACE_BYTES;
}
