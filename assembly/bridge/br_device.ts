/**
 * The bridge as a device: what it sends goes out of its ports. Linux: net/bridge/br_device.c.
 *
 * Its features are all that can be left to the ports' own transmit path (checksums, segmentation, gathering): each port
 * does for itself what its device cannot. Differs: Linux takes what its ports have in common.
 */
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { TraceBridge } from '../abi/trace';
import { SkbDropReason } from '../abi/drop_reason';
import { DevKind, Ndo, NetDevice, allocNetdev } from '../dev/net_device';
import { NETDEV_TX_OK } from '../dev/port';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { ETH_HLEN } from '../wire/ethernet';
import { brDoProxySuppress } from './br_arp_nd_proxy';
import { fdbFind, fdbGc, fdbKey, fdbTick } from './br_fdb';
import {
  BR_LOCAL_ORIG,
  brDevQueuePushXmit,
  brFlood,
  brForward,
  brForwardFinish,
  brMulticastFlood,
} from './br_forward';
import { brAddIf, brDelIf, brFree, brInit, brPortEvent, brPortOf, brSetAddress } from './br_if';
import { brHandleFrames, brNetifReceive, brPreRoutingResume } from './br_input';
import { groupExpired, queryTimer } from './br_mdb';
import { groupSourceExpired, portGroupExpired } from './br_mdb_source';
import { portGroupRexmit } from './br_multicast_report';
import {
  MCAST_DROP,
  MCAST_FLOOD,
  mdbFind,
  multicastQuerierExists,
  multicastRcv,
  multicastStartQuerying,
} from './br_multicast';
import { queryTimerExpired } from './br_multicast_query';
import { BR_BCAST_FLOOD, BR_FLOOD, BR_MCAST_FLOOD, Bridge, GROUP_BIT, MAC_MASK } from './br_private';
import { brStpDisableBridge, brStpEnableBridge, brStpOpsInit } from './br_stp_if';
import { brTraceDest, brTraceFound } from './br_trace';
import { VLAN_DROP, brAllowedIngress } from './br_vlan';
import { timerDel } from '../lib/timer_wheel';

const BRIDGE_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.LLTX | NetifF.HW_VLAN_TX;

/** An unregistered bridge with this address, or null. */
export function brDevCreate(net: Net, mac: u64): NetDevice | null {
  const dev = allocNetdev(net, DevKind.BRIDGE);
  if (dev === null) return null;
  dev.xmitOp = Op.XMIT_BRIDGE;
  dev.ndo = Op.NDO_BRIDGE;
  dev.features = BRIDGE_FEATURES;
  dev.carrier = 1;
  dev.addr = mac;
  // What is missing after a failure is seen by the caller: priv is 0, or freed by brFree.
  if (brInit(dev)) return dev;
  brFree(dev);
  return dev;
}

/** ndo_start_xmit. Linux: br_dev_xmit. */
function brDevXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const br = changetype<Bridge>(dev.priv);
  dev.txPackets++;
  dev.txBytes += skb.len;
  skb.macHeader = skb.data;
  skb.data += ETH_HLEN;
  skb.len -= ETH_HLEN;
  skb.networkHeader = skb.data;
  let vid: u32 = 0;
  if (br.vlanFiltering !== 0) {
    vid = brAllowedIngress(br, br.vlans, skb);
    if (vid === VLAN_DROP) {
      dev.txDropped++;
      kfreeSkbReason(skb, SkbDropReason.VLAN_FILTER);
      return NETDEV_TX_OK;
    }
  }
  if (br.arpProxy !== 0) brDoProxySuppress(br, null, skb, vid);
  const dest = load<u64>(skb.macHeader) & MAC_MASK;
  if ((dest & GROUP_BIT) === 0) {
    const found = fdbFind(br, fdbKey(dest, vid));
    if (root().trace !== 0) brTraceFound(found, skb, vid);
    if (found === null) {
      brFlood(br, null, skb, BR_FLOOD, BR_LOCAL_ORIG);
    } else {
      found.used = fdbTick();
      brForward(br, found.dst, null, skb, BR_LOCAL_ORIG);
    }
  } else if (dest === MAC_MASK) {
    if (root().trace !== 0) brTraceDest(TraceBridge.BROADCAST, skb, 0, vid, 0);
    brFlood(br, null, skb, BR_BCAST_FLOOD, BR_LOCAL_ORIG);
  } else {
    xmitGroup(br, skb, vid);
  }
  return NETDEV_TX_OK;
}

function xmitGroup(br: Bridge, skb: SkBuff, vid: u32): void {
  const snooped = multicastRcv(br, null, skb, vid);
  if (snooped === MCAST_DROP) {
    kfreeSkbReason(skb, SkbDropReason.IP_INHDR);
    return;
  }
  const mdst = mdbFind(br, skb, vid);
  if ((mdst !== 0 || snooped !== MCAST_FLOOD) && multicastQuerierExists(br, skb, mdst)) {
    if (root().trace !== 0) brTraceDest(TraceBridge.GROUP, skb, 0, vid, <u32>(mdst !== 0));
    brMulticastFlood(br, mdst, null, skb, BR_LOCAL_ORIG);
    return;
  }
  if (root().trace !== 0) brTraceDest(TraceBridge.MULTICAST, skb, 0, vid, 0);
  brFlood(br, null, skb, BR_MCAST_FLOOD, BR_LOCAL_ORIG);
}

function bridge(dev: usize): Bridge {
  return changetype<Bridge>(changetype<NetDevice>(dev).priv);
}

function ndoOpen(dev: usize, _a: usize, _b: usize): i32 {
  const br = bridge(dev);
  br.up = 1;
  brStpEnableBridge(br);
  multicastStartQuerying(br);
  return 0;
}

function ndoStop(dev: usize, _a: usize, _b: usize): i32 {
  const br = bridge(dev);
  brStpDisableBridge(br);
  timerDel(queryTimer(br));
  br.up = 0;
  return 0;
}

function ndoEvent(dev: usize, event: usize, other: usize): i32 {
  const p = brPortOf(changetype<NetDevice>(other));
  if (p !== null && p.br === changetype<NetDevice>(dev).priv) brPortEvent(p, <NetdevEvent>event);
  return 0;
}

function ndoAddSlave(dev: usize, port: usize, _b: usize): i32 {
  return brAddIf(bridge(dev), changetype<NetDevice>(port));
}

function ndoDelSlave(_dev: usize, port: usize, _b: usize): i32 {
  const p = brPortOf(changetype<NetDevice>(port));
  if (p === null) return -Errno.EINVAL;
  brDelIf(p);
  return 0;
}

/** From now on the MTU is the user's (Linux: br_change_mtu); following the ports goes the same way and says so after. */
function ndoChangeMtu(dev: usize, _mtu: usize, _b: usize): i32 {
  bridge(dev).mtuSet = 1;
  return 0;
}

/** Linux: br_set_mac_address. */
function ndoSetMac(dev: usize, mac: usize, _b: usize): i32 {
  const br = bridge(dev);
  br.addrSet = 1;
  brSetAddress(br, load<u64>(mac) & MAC_MASK);
  return 0;
}

function ndoUninit(dev: usize, _a: usize, _b: usize): i32 {
  brFree(changetype<NetDevice>(dev));
  return 0;
}

function resumePreRouting(skb: usize): void {
  brPreRoutingResume(changetype<SkBuff>(skb));
}
function resumeLocalIn(skb: usize): void {
  brNetifReceive(changetype<SkBuff>(skb));
}
function resumeForward(skb: usize): void {
  brForwardFinish(changetype<SkBuff>(skb));
}
function resumePostRouting(skb: usize): void {
  brDevQueuePushXmit(changetype<SkBuff>(skb));
}

/** Everything that is called through the table; at init and after every restore. */
export function bridgeOpsInit(): void {
  opSet(Op.XMIT_BRIDGE, brDevXmit.index);
  opSet(Op.RX_HANDLER_BRIDGE, brHandleFrames.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.OPEN, ndoOpen.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.STOP, ndoStop.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.EVENT, ndoEvent.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.ADD_SLAVE, ndoAddSlave.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.DEL_SLAVE, ndoDelSlave.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.CHANGE_MTU, ndoChangeMtu.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.SET_MAC, ndoSetMac.index);
  opSet(Op.NDO_BRIDGE + <u32>Ndo.UNINIT, ndoUninit.index);
  opSet(Op.OKFN_BRIDGE, resumePreRouting.index);
  opSet(Op.OKFN_BRIDGE + 1, resumeLocalIn.index);
  opSet(Op.OKFN_BRIDGE + 2, resumeForward.index);
  opSet(Op.OKFN_BRIDGE + 3, resumeForward.index);
  opSet(Op.OKFN_BRIDGE + 4, resumePostRouting.index);
  opSet(Op.TIMER_BR_GC, fdbGc.index);
  opSet(Op.TIMER_BR_GROUP, groupExpired.index);
  opSet(Op.TIMER_BR_PORT_GROUP, portGroupExpired.index);
  opSet(Op.TIMER_BR_SOURCE, groupSourceExpired.index);
  opSet(Op.TIMER_BR_REXMIT, portGroupRexmit.index);
  opSet(Op.TIMER_BR_QUERY, queryTimerExpired.index);
  brStpOpsInit();
}
