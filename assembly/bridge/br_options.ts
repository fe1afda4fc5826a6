/**
 * The settings of bridges and ports by number (abi/bridge BrAttr, BrPortAttr): bounds in a table, then what a change
 * sets off. Linux: br_changelink, br_setport (net/bridge/br_netlink.c).
 */
import { BrAttr, BrPortAttr, BrState } from '../abi/bridge';
import { NetDevice, netifRunning } from '../dev/net_device';
import { Errno } from '../net/errno';
import { brNeighSuppressUpdate } from './br_arp_nd_proxy';
import { PATH_COST } from './br_if';
import { mdbFlush, portHasRouter } from './br_mdb';
import { multicastSetQuerier } from './br_multicast';
import {
  BR_BCAST_FLOOD,
  BR_BPDU_GUARD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_LEARNING,
  BR_MCAST_FLOOD,
  BR_MULTICAST_FAST_LEAVE,
  BR_MULTICAST_TO_UNICAST,
  BR_NEIGH_SUPPRESS,
  BR_PORT_LOCKED,
  BR_PROXYARP,
  BR_PROXYARP_WIFI,
  BR_ROOT_BLOCK,
  BrPort,
  Bridge,
  brAttr,
  brAttrStore,
  brIsUp,
} from './br_private';
import { brPortStateSelection, brSetState } from './br_stp';
import {
  brSetAgeingTime,
  brSetForwardDelay,
  brSetHelloTime,
  brSetMaxAge,
  brStpSet,
  brStpSetBridgePriority,
  brStpSetPathCost,
  brStpSetPortPriority,
} from './br_stp_if';
import { brPortsHaveVlans, brVlanSetDefaultPvid } from './br_vlan';
import { VlanGroup, vlanStatsMode } from './br_vlan_entry';

const ANY: u32 = 0xffffffff;
/** Least and greatest value, by BrAttr. Linux: br_set_forward_delay, br_set_hello_time...; 802.1D table 8-3. */
const BOUNDS = memory.data<u32>([
  // Forward delay 2 to 30 s, hello 1 to 10 s, max age 6 to 40 s.
  200,
  3000,
  100,
  1000,
  600,
  4000,
  0,
  0x7fffffff,
  0,
  1,
  0,
  65535,
  // vlan_filtering, vlan_protocol, group_fwd_mask, vlan_default_pvid, fdb_max_learned, no_linklocal_learn
  0,
  1,
  0,
  0xffff,
  0,
  0xffff,
  0,
  4094,
  0,
  65536,
  0,
  1,
  // mcast_snooping, _router, _query_use_ifaddr, _querier, _hash_max
  0,
  1,
  0,
  2,
  0,
  1,
  0,
  1,
  1,
  65536,
  // last_member_count, startup_query_count, last_member_interval, membership_interval
  0,
  255,
  0,
  255,
  0,
  ANY,
  0,
  ANY,
  // querier_interval, query_interval (a second at least), query_response_interval, startup_query_interval, versions
  0,
  ANY,
  100,
  ANY,
  0,
  ANY,
  100,
  ANY,
  2,
  3,
  1,
  2,
  // vlan_stats_enabled, _per_port
  0,
  1,
  0,
  1,
]);
/** 01:80:c2:00:00:00 to 02 and PAUSE must never be forwarded, except where the user's BPDUs are (Linux: BR_GROUPFWD_RESTRICTED). */
const GROUPFWD_RESTRICTED: u32 = 7;

/** Bit of BrPort.flags by BrPortAttr, from HAIRPIN to PROXY_ARP_WIFI. */
const PORT_FLAGS = memory.data<u32>([
  BR_HAIRPIN_MODE,
  BR_BPDU_GUARD,
  BR_ROOT_BLOCK,
  BR_MULTICAST_FAST_LEAVE,
  BR_LEARNING,
  BR_FLOOD,
  BR_MCAST_FLOOD,
  BR_BCAST_FLOOD,
  BR_MULTICAST_TO_UNICAST,
  BR_ISOLATED,
  BR_PORT_LOCKED,
  BR_NEIGH_SUPPRESS,
  BR_PROXYARP,
  BR_PROXYARP_WIFI,
]);

export function brSet(br: Bridge, attr: u32, value: u32): i32 {
  if (attr >= <u32>BrAttr.ROOT_PORT) return attr < <u32>BrAttr.MAX ? -Errno.EPERM : -Errno.EINVAL;
  const old = brAttr(br, <BrAttr>attr);
  const bounds = BOUNDS + (attr << 3);
  const timeOff = attr === <u32>BrAttr.FORWARD_DELAY && br.stp === 0 && value === 0;
  if (!timeOff && (value < load<u32>(bounds) || value > load<u32>(bounds, 4))) return -Errno.ERANGE;
  if (attr === <u32>BrAttr.GROUP_FWD_MASK && (value & GROUPFWD_RESTRICTED) !== 0) return -Errno.EINVAL;
  if (attr === <u32>BrAttr.VLAN_PROTOCOL && value !== 0x8100 && value !== 0x88a8)
    return -Errno.EPROTONOSUPPORT;
  if (attr === <u32>BrAttr.VLAN_DEFAULT_PVID && br.vlanFiltering !== 0 && value !== old) return -Errno.EPERM;
  if (attr === <u32>BrAttr.VLAN_STATS_PER_PORT && value !== old && brPortsHaveVlans(br)) return -Errno.EBUSY;
  brAttrStore(br, <BrAttr>attr, value);
  switch (attr) {
    case BrAttr.FORWARD_DELAY:
      brSetForwardDelay(br);
      break;
    case BrAttr.HELLO_TIME:
      brSetHelloTime(br);
      break;
    case BrAttr.MAX_AGE:
      brSetMaxAge(br);
      break;
    case BrAttr.AGEING_TIME:
      brSetAgeingTime(br);
      break;
    case BrAttr.STP_STATE:
      brStpSet(br, value !== 0);
      break;
    case BrAttr.PRIORITY:
      brStpSetBridgePriority(br, value);
      break;
    case BrAttr.VLAN_FILTERING:
      br.vlanFiltering = <u8>value;
      break;
    case BrAttr.VLAN_PROTOCOL:
      br.vlanProto = <u16>value;
      break;
    case BrAttr.VLAN_STATS_ENABLED:
    case BrAttr.VLAN_STATS_PER_PORT:
      vlanStatsMode(br, brAttr(br, BrAttr.VLAN_STATS_ENABLED), brAttr(br, BrAttr.VLAN_STATS_PER_PORT));
      break;
    case BrAttr.VLAN_DEFAULT_PVID:
      if (value !== old) brVlanSetDefaultPvid(br, old, value);
      break;
    case BrAttr.MCAST_SNOOPING:
      setSnooping(br, value);
      break;
    case BrAttr.MCAST_QUERIER:
      if (value !== old) multicastSetQuerier(br);
      break;
  }
  return 0;
}

/** Without snooping nothing learned is kept. */
function setSnooping(br: Bridge, on: u32): void {
  if (<u32>br.snooping === on) return;
  br.snooping = <u8>on;
  if (on === 0) mdbFlush(br);
  else multicastSetQuerier(br);
}

export function brGet(br: Bridge, attr: u32): u32 {
  switch (attr) {
    case BrAttr.ROOT_PORT:
      return br.rootPort;
    case BrAttr.ROOT_PATH_COST:
      return br.rootPathCost;
    case BrAttr.TOPOLOGY_CHANGE:
      return br.topologyChange;
    case BrAttr.TOPOLOGY_CHANGE_DETECTED:
      return br.topologyChangeDetected;
    case BrAttr.FDB_N_LEARNED:
      return br.fdbLearned;
    case BrAttr.ROOT_ID_HI:
      return <u32>(br.designatedRoot >> 32);
    case BrAttr.ROOT_ID_LO:
      return <u32>br.designatedRoot;
    case BrAttr.BRIDGE_ID_HI:
      return <u32>(br.bridgeId >> 32);
    case BrAttr.BRIDGE_ID_LO:
      return <u32>br.bridgeId;
    default:
      return brAttr(br, <BrAttr>attr);
  }
}

export function brPortSet(p: BrPort, attr: u32, value: u32): i32 {
  if (attr >= <u32>BrPortAttr.NO) return attr < <u32>BrPortAttr.MAX ? -Errno.EPERM : -Errno.EINVAL;
  if (attr >= <u32>BrPortAttr.HAIRPIN && attr <= <u32>BrPortAttr.PROXY_ARP_WIFI) {
    if (value > 1) return -Errno.EINVAL;
    const bit = load<u32>(PORT_FLAGS + ((attr - <u32>BrPortAttr.HAIRPIN) << 2));
    p.flags = value !== 0 ? p.flags | bit : p.flags & ~bit;
    brNeighSuppressUpdate(changetype<Bridge>(p.br));
    if (bit === BR_ROOT_BLOCK) brPortStateSelection(changetype<Bridge>(p.br));
    return 0;
  }
  switch (attr) {
    case BrPortAttr.STATE:
      return setPortState(p, value);
    case BrPortAttr.PRIORITY:
      if (value > 63) return -Errno.ERANGE;
      brStpSetPortPriority(p, value);
      return 0;
    case BrPortAttr.COST:
      if (value > 65535) return -Errno.ERANGE;
      brStpSetPathCost(p, value, PATH_COST);
      return 0;
    case BrPortAttr.MCAST_ROUTER:
      if (value > 3) return -Errno.EINVAL;
      p.mcastRouter = <u8>value;
      return 0;
    default:
      if ((value & 1) !== 0 || (value & 2) !== 0 || value > 0xffff) return -Errno.EINVAL;
      p.groupFwdMask = <u16>value;
      return 0;
  }
}

/** Only without our own spanning tree: somebody else's decides then (or the user). Linux: br_set_port_state. */
function setPortState(p: BrPort, state: u32): i32 {
  const br = changetype<Bridge>(p.br);
  if (state > <u32>BrState.BLOCKING) return -Errno.EINVAL;
  if (br.stp !== 0) return -Errno.EBUSY;
  if ((!netifRunning(changetype<NetDevice>(p.dev)) || !brIsUp(br)) && state !== <u32>BrState.DISABLED)
    return -Errno.ENETDOWN;
  brSetState(p, <BrState>state);
  return 0;
}

export function brPortGet(p: BrPort, attr: u32): u32 {
  if (attr >= <u32>BrPortAttr.HAIRPIN && attr <= <u32>BrPortAttr.PROXY_ARP_WIFI)
    return <u32>((p.flags & load<u32>(PORT_FLAGS + ((attr - <u32>BrPortAttr.HAIRPIN) << 2))) !== 0);
  switch (attr) {
    case BrPortAttr.STATE:
      return p.state;
    case BrPortAttr.PRIORITY:
      return p.priority;
    case BrPortAttr.COST:
      return p.pathCost;
    case BrPortAttr.MCAST_ROUTER:
      return p.mcastRouter === 1 && portHasRouter(p) ? 3 : p.mcastRouter;
    case BrPortAttr.GROUP_FWD_MASK:
      return p.groupFwdMask;
    case BrPortAttr.NO:
      return p.no;
    case BrPortAttr.ID:
      return p.id;
    case BrPortAttr.DESIGNATED_ROOT_HI:
      return <u32>(p.designatedRoot >> 32);
    case BrPortAttr.DESIGNATED_ROOT_LO:
      return <u32>p.designatedRoot;
    case BrPortAttr.DESIGNATED_BRIDGE_HI:
      return <u32>(p.designatedBridge >> 32);
    case BrPortAttr.DESIGNATED_BRIDGE_LO:
      return <u32>p.designatedBridge;
    case BrPortAttr.DESIGNATED_PORT:
      return p.designatedPort;
    case BrPortAttr.DESIGNATED_COST:
      return p.designatedCost;
    default:
      return changetype<VlanGroup>(p.vlans).pvid;
  }
}
