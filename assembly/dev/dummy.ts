/** dummy: a device that swallows what it is given; somewhere to put an address. Linux: drivers/net/dummy.c. */
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { opSet } from '../lib/ops';
import { Net } from '../net/net';
import { consumeSkb } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { DevKind, IFF_BROADCAST, IFF_NOARP, NetDevice, allocNetdev } from './net_device';
import { NETDEV_TX_OK } from './port';

const DUMMY_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.HW_VLAN_TX | NetifF.LLTX;

/** Not yet registered; null when memory ran out. */
export function dummyCreate(net: Net): NetDevice | null {
  const dev = allocNetdev(net, DevKind.DUMMY);
  if (dev === null) return null;
  dev.flags = IFF_BROADCAST | IFF_NOARP;
  dev.features = DUMMY_FEATURES;
  dev.xmitOp = Op.XMIT_DUMMY;
  dev.carrier = 1;
  return dev;
}

function dummyXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  dev.txPackets++;
  dev.txBytes += skb.len;
  consumeSkb(skb);
  return NETDEV_TX_OK;
}

export function dummyOpsInit(): void {
  opSet(Op.XMIT_DUMMY, dummyXmit.index);
}
