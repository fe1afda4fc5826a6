/**
 * VRF: a device that stands for a routing table. What its ports receive is routed by that table, and its own addresses
 * and those of its ports are reached by it as others' are by lo. Linux: drivers/net/vrf.c.
 *
 *   port ─► PREROUTING ─► vrfRcv: skb.dev = VRF ─► PREROUTING ─► route (rule 1000: l3mdev) ─► as ever
 *   route by `dev VRF`, own address in it ─► vrfXmit ─► its table ─┬► a port of it: LOCAL_OUT, out
 *                                                                  └► ours: received by the VRF
 */
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { SkbDropReason } from '../abi/drop_reason';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex, opSet } from '../lib/ops';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { SKB_F_FORWARDED, SKB_F_LOCAL, SkBuff } from '../skb/sk_buff';
import { skbPull, skbPush } from '../skb/skbuff';
import { ETH_HLEN } from '../wire/ethernet';
import { netifRx } from './backlog';
import { Vrf, isL3Master } from './l3mdev';
import {
  DevKind,
  IFF_LOOPBACK,
  IFF_MASTER,
  IFF_NOARP,
  IFF_UP,
  Ndo,
  NetDevice,
  allocNetdev,
  devClose,
  devOpen,
} from './net_device';
import { NETDEV_TX_OK } from './port';
import { netdevUpperDevLink, netdevUpperDevUnlink } from './upper';

/** Linux: IP6_MAX_MTU; below the smallest MTU of IPv6 neither family would work. */
export const VRF_MTU: u32 = 65575;
export const VRF_MTU_MIN: u32 = 1280;
const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const VRF_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.RXCSUM | NetifF.LLTX;

/** What the family did with a packet that was sent by the VRF (ops VRF_OUTPUT_*); negative: an errno, the skb is ours. */
export enum VrfOutput {
  SENT = 0,
  /** For an address of this VRF. */
  LOCAL = 1,
}

/** A VRF of that table, not yet registered; null when memory ran out. */
export function vrfCreate(net: Net, table: u32): NetDevice | null {
  const dev = allocNetdev(net, DevKind.VRF);
  if (dev === null) return null;
  dev.flags = IFF_NOARP | IFF_MASTER;
  dev.mtu = VRF_MTU;
  dev.features = VRF_FEATURES;
  dev.carrier = 1;
  dev.xmitOp = Op.XMIT_VRF;
  dev.pollOp = Op.POLL_BACKLOG;
  dev.ndo = Op.NDO_VRF;
  dev.priv = kzalloc(offsetof<Vrf>());
  if (dev.priv !== 0) {
    changetype<Vrf>(dev.priv).table = table;
    dev.l3mdev = changetype<usize>(dev);
  }
  return dev;
}

/** Another VRF of the namespace has this table. */
export function vrfTableTaken(net: Net, table: u32): bool {
  for (let at = net.devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    const dev = changetype<NetDevice>(at);
    if (isL3Master(dev) && changetype<Vrf>(dev.priv).table === table) return true;
  }
  return false;
}

/** Two VRFs of the namespace have one table: net.vrf.strict_mode may not be turned on. */
export function vrfTablesShared(net: Net): bool {
  for (let at = net.devHead; at !== 0; at = changetype<NetDevice>(at).nextDev) {
    const dev = changetype<NetDevice>(at);
    if (!isL3Master(dev)) continue;
    for (let p = dev.nextDev; p !== 0; p = changetype<NetDevice>(p).nextDev) {
      const other = changetype<NetDevice>(p);
      if (!isL3Master(other)) continue;
      if (changetype<Vrf>(other.priv).table === changetype<Vrf>(dev.priv).table) return true;
    }
  }
  return false;
}

/** Down and up again, so that addresses and routes find their new table. Linux: cycle_netdev. */
function cycle(port: NetDevice): i32 {
  if ((port.flags & IFF_UP) === 0) return 0;
  devClose(port);
  return devOpen(port);
}

/** Linux: vrf_add_slave. */
function vrfAddSlave(masterPtr: usize, portPtr: usize, _b: usize): i32 {
  const port = changetype<NetDevice>(portPtr);
  // The VRF itself is what lo is elsewhere.
  if ((port.flags & IFF_LOOPBACK) !== 0) return -Errno.EOPNOTSUPP;
  if (isL3Master(port)) return -Errno.EINVAL;
  // IPv4 and IPv6 take all routes of the port out (CHANGEUPPER) while it still has its old table.
  const err = netdevUpperDevLink(port, changetype<NetDevice>(masterPtr));
  if (err !== 0) return err;
  port.l3mdev = masterPtr;
  return cycle(port);
}

function vrfDelSlave(_master: usize, portPtr: usize, _b: usize): i32 {
  const port = changetype<NetDevice>(portPtr);
  netdevUpperDevUnlink(port);
  port.l3mdev = 0;
  return cycle(port);
}

function vrfChangeMtu(_dev: usize, mtu: usize, _b: usize): i32 {
  return mtu < VRF_MTU_MIN || mtu > VRF_MTU ? -Errno.EINVAL : 0;
}

function vrfUninit(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  dev.l3mdev = 0;
  kfree(dev.priv);
  dev.priv = 0;
  return 0;
}

/** Counts a packet that the VRF takes from its port. Linux: vrf_rx_stats. */
export function vrfRxStats(dev: NetDevice, len: u32): void {
  dev.rxPackets++;
  dev.rxBytes += len;
}

/** ndo_start_xmit; data at the Ethernet header. Linux: vrf_xmit. */
function vrfXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const len = skb.len;
  let op: u32 = Op.NONE;
  if (skb.protocol === ETH_P_IP) op = Op.VRF_OUTPUT_IPV4;
  else if (skb.protocol === ETH_P_IPV6) op = Op.VRF_OUTPUT_IPV6;
  const fn = opIndex(op);
  let result: i32 = -Errno.EAFNOSUPPORT;
  if (fn !== 0) {
    skbPull(skb, ETH_HLEN);
    skb.networkHeader = skb.data;
    result = call_indirect<i32>(fn, skbPtr, devPtr);
  }
  if (result < 0) {
    dev.txErrors++;
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return NETDEV_TX_OK;
  }
  dev.txPackets++;
  dev.txBytes += len;
  if (result === VrfOutput.SENT) return NETDEV_TX_OK;
  skbPush(skb, ETH_HLEN);
  skb.flags &= ~SKB_F_FORWARDED;
  skb.flags |= SKB_F_LOCAL;
  netifRx(skb, dev);
  return NETDEV_TX_OK;
}

export function vrfOpsInit(): void {
  opSet(Op.XMIT_VRF, vrfXmit.index);
  opSet(Op.NDO_VRF + Ndo.ADD_SLAVE, vrfAddSlave.index);
  opSet(Op.NDO_VRF + Ndo.DEL_SLAVE, vrfDelSlave.index);
  opSet(Op.NDO_VRF + Ndo.CHANGE_MTU, vrfChangeMtu.index);
  opSet(Op.NDO_VRF + Ndo.UNINIT, vrfUninit.index);
}
