/**
 * 802.1Q and 802.1ad devices: a device of its own for the frames of one VLAN of a lower device; stacked twice they are
 * QinQ. Receiving is vlan_core's. Linux: net/8021q/vlan.c, vlan_dev.c.
 *
 *   devQueueXmit(vlan) ─► vlanXmit: tag into the skb ─► devQueueXmit(lower) ─► into the frame, unless the lower can
 *
 * Up, carrier, MTU and MAC follow the lower device: it comes up, its VLANs come up; it goes down, they go down (unless
 * loose_binding); a smaller MTU makes theirs smaller; a MAC that was not set by hand is always the lower's.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { TraceKind } from '../abi/trace';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { kfreeSkbReason } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { traceEvent } from '../skb/trace';
import { ethProto } from '../wire/ethernet';
import {
  DevKind,
  IFF_UP,
  NET_ADDR_STOLEN,
  NetDevice,
  Ndo,
  allocNetdev,
  devClose,
  devOpen,
  devSetAddr,
  devSetCarrier,
  devSetMtu,
} from './net_device';
import { NETDEV_TX_OK } from './port';
import { netdevLowerDevUnlink } from './upper';
import {
  VLAN_DEV_BYTES,
  VLAN_FLAG_LOOSE_BINDING,
  VLAN_FLAG_REORDER_HDR,
  VlanDev,
  vlanDev,
  vlanEgressMask,
  vlanFindDev,
  vlanGroupSet,
} from './vlan_core';
import { devQueueXmit } from './xmit';

/** Segmentation and sums are left to the lower device, which does what it cannot leave to its own in software. */
const VLAN_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.RXCSUM | NetifF.LLTX;

/** A VLAN device, not yet registered nor stacked; null when memory ran out. */
export function vlanCreate(net: Net, lower: NetDevice, proto: u32, id: u32): NetDevice | null {
  const dev = allocNetdev(net, DevKind.VLAN);
  if (dev === null) return null;
  dev.ndo = Op.NDO_VLAN;
  dev.xmitOp = Op.XMIT_VLAN;
  dev.features = VLAN_FEATURES;
  dev.mtu = lower.mtu;
  dev.addr = lower.addr;
  dev.broadcast = lower.broadcast;
  dev.addrAssignType = NET_ADDR_STOLEN;
  dev.priv = kzalloc(VLAN_DEV_BYTES);
  if (dev.priv !== 0) {
    const vlan = vlanDev(dev);
    vlan.vlanProto = <u16>proto;
    vlan.vlanId = <u16>id;
    vlan.flags = VLAN_FLAG_REORDER_HDR;
  }
  return dev;
}

/** ndo_start_xmit. */
function vlanXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const vlan: VlanDev = vlanDev(dev);
  const lower = changetype<NetDevice>(dev.lower);
  if ((lower.flags & IFF_UP) === 0) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return NETDEV_TX_OK;
  }
  // Without REORDER_HDR who sends frames by hand may have put the tag in already.
  if ((vlan.flags & VLAN_FLAG_REORDER_HDR) !== 0 || ethProto(skb.data) !== <u32>vlan.vlanProto) {
    skb.vlanProto = vlan.vlanProto;
    skb.vlanTci = <u16>(<u32>vlan.vlanId | vlanEgressMask(vlan, skb.priority));
  }
  dev.txPackets++;
  dev.txBytes += skb.len;
  skb.dev = dev.lower;
  if (root().trace !== 0)
    traceEvent(TraceKind.VLAN_TAG, 0, changetype<usize>(skb), skb.dev, skb.vlanProto, skb.vlanTci);
  devQueueXmit(skb);
  return NETDEV_TX_OK;
}

/** Linux: vlan_dev_open. */
function vlanOpen(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const lower = changetype<NetDevice>(dev.lower);
  if ((lower.flags & IFF_UP) === 0 && (vlanDev(dev).flags & VLAN_FLAG_LOOSE_BINDING) === 0)
    return -Errno.ENETDOWN;
  if (dev.addr !== lower.addr && dev.addrAssignType === NET_ADDR_STOLEN) devSetAddr(dev, lower.addr);
  if (lower.carrier !== 0) devSetCarrier(dev, true);
  return 0;
}

function vlanStop(devPtr: usize, _a: usize, _b: usize): i32 {
  devSetCarrier(changetype<NetDevice>(devPtr), false);
  return 0;
}

/** Linux: vlan_device_event, for one VLAN device of `lower`. */
function vlanEvent(devPtr: usize, event: usize, lowerPtr: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const lower = changetype<NetDevice>(lowerPtr);
  const loose = (vlanDev(dev).flags & VLAN_FLAG_LOOSE_BINDING) !== 0;
  switch (<u32>event) {
    case NetdevEvent.UP:
      if (!loose) devOpen(dev);
      transferOperstate(dev, lower);
      break;
    case NetdevEvent.DOWN:
      if (!loose) devClose(dev);
      transferOperstate(dev, lower);
      break;
    case NetdevEvent.CHANGE:
      transferOperstate(dev, lower);
      break;
    case NetdevEvent.CHANGEMTU:
      if (dev.mtu > lower.mtu) devSetMtu(dev, lower.mtu);
      break;
    case NetdevEvent.CHANGEADDR:
      if ((dev.flags & IFF_UP) !== 0 && dev.addrAssignType === NET_ADDR_STOLEN) devSetAddr(dev, lower.addr);
      break;
  }
  return 0;
}

/** Linux: netif_stacked_transfer_operstate. */
function transferOperstate(dev: NetDevice, lower: NetDevice): void {
  devSetCarrier(dev, lower.carrier !== 0 && (dev.flags & IFF_UP) !== 0);
}

/** Linux: vlan_dev_change_mtu. */
function vlanChangeMtu(devPtr: usize, mtu: usize, _b: usize): i32 {
  return mtu > changetype<NetDevice>(changetype<NetDevice>(devPtr).lower).mtu ? -Errno.ERANGE : 0;
}

function vlanUninit(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  if (dev.lower !== 0) {
    const vlan = vlanDev(dev);
    const lower = changetype<NetDevice>(dev.lower);
    if (vlanFindDev(lower, vlan.vlanProto, vlan.vlanId) === dev)
      vlanGroupSet(lower, vlan.vlanProto, vlan.vlanId, 0);
    netdevLowerDevUnlink(dev);
  }
  kfree(dev.priv);
  dev.priv = 0;
  return 0;
}

export function vlanOpsInit(): void {
  opSet(Op.XMIT_VLAN, vlanXmit.index);
  opSet(Op.NDO_VLAN + <u32>Ndo.OPEN, vlanOpen.index);
  opSet(Op.NDO_VLAN + <u32>Ndo.STOP, vlanStop.index);
  opSet(Op.NDO_VLAN + <u32>Ndo.EVENT, vlanEvent.index);
  opSet(Op.NDO_VLAN + <u32>Ndo.CHANGE_MTU, vlanChangeMtu.index);
  opSet(Op.NDO_VLAN + <u32>Ndo.UNINIT, vlanUninit.index);
}
