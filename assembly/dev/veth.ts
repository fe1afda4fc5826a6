/**
 * veth: two devices back to back, in one namespace or in two. What one sends the other receives, without its
 * bytes being copied; what belonged to the sender's namespace is scrubbed. Linux: drivers/net/veth.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { Net } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { nfResetCt } from '../skb/nfct';
import { CHECKSUM_NONE, SKB_F_CLONED, SKB_F_IGNORE_DF, SKB_F_LOCAL, SkBuff } from '../skb/sk_buff';
import { netifRx } from './backlog';
import { DevKind, IFF_UP, NetDevice, allocNetdev, devSetCarrier } from './net_device';
import { NETDEV_TX_OK } from './port';

const VETH_FEATURES: u32 =
  NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.RXCSUM | NetifF.LLTX;

/** One end, unregistered and without peer; null when memory ran out. */
export function vethCreate(net: Net): NetDevice | null {
  const dev = allocNetdev(net, DevKind.VETH);
  if (dev === null) return null;
  dev.features = VETH_FEATURES;
  dev.xmitOp = Op.XMIT_VETH;
  dev.pollOp = Op.POLL_BACKLOG;
  return dev;
}

/** Joins two ends. */
export function vethPair(a: NetDevice, b: NetDevice): void {
  a.priv = changetype<usize>(b);
  b.priv = changetype<usize>(a);
}

/** The carrier of both ends is on while both are up. Called when either changes. */
export function vethUpdateCarrier(dev: NetDevice): void {
  if (dev.priv === 0) {
    devSetCarrier(dev, false);
    return;
  }
  const peer = changetype<NetDevice>(dev.priv);
  const on = (dev.flags & IFF_UP) !== 0 && (peer.flags & IFF_UP) !== 0;
  devSetCarrier(dev, on);
  devSetCarrier(peer, on);
}

/** ndo_start_xmit. */
export function vethXmit(skb: SkBuff, dev: NetDevice): i32 {
  if (dev.priv === 0) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return NETDEV_TX_OK;
  }
  const peer = changetype<NetDevice>(dev.priv);
  dev.txPackets++;
  dev.txBytes += skb.len;
  // Linux: skb_scrub_packet; what stays is the packet.
  skb.mark = 0;
  skb.priority = 0;
  skb.dst = 0;
  nfResetCt(skb);
  skb.flags &= SKB_F_CLONED;
  skb.flags |= SKB_F_LOCAL;
  skb.macHeader = 0;
  skb.networkHeader = 0;
  skb.transportHeader = 0;
  if (skb.ipSummed !== CHECKSUM_NONE) skb.flags &= ~SKB_F_IGNORE_DF;
  netifRx(skb, peer);
  return NETDEV_TX_OK;
}
