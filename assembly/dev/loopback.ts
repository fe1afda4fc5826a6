/** lo: what is sent comes back. Linux: drivers/net/loopback.c. */
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { Net } from '../net/net';
import { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, SKB_F_LOCAL, SkBuff } from '../skb/sk_buff';
import { netifRx } from './backlog';
import { ARPHRD_LOOPBACK, DevKind, IFF_LOOPBACK, NetDevice, allocNetdev } from './net_device';
import { NETDEV_TX_OK } from './port';

const LOOPBACK_MTU: u32 = 65536;
/** "lo" in a zero-padded name. */
const NAME_LO: u64 = 0x6f6c;

/** The namespace's lo, not yet registered; null when memory ran out. */
export function loopbackCreate(net: Net): NetDevice | null {
  const dev = allocNetdev(net, DevKind.LOOPBACK);
  if (dev === null) return null;
  dev.name0 = NAME_LO;
  dev.type = ARPHRD_LOOPBACK;
  dev.flags = IFF_LOOPBACK;
  dev.mtu = LOOPBACK_MTU;
  dev.carrier = 1;
  dev.broadcast = 0;
  dev.features =
    NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.GSO_UDP_L4 | NetifF.SG | NetifF.RXCSUM | NetifF.LLTX;
  dev.xmitOp = Op.XMIT_LOOPBACK;
  dev.pollOp = Op.POLL_BACKLOG;
  return dev;
}

/** ndo_start_xmit: the packet, its Ethernet header included, arrives again. */
export function loopbackXmit(skb: SkBuff, dev: NetDevice): i32 {
  dev.txPackets++;
  dev.txBytes += skb.len;
  // CHECKSUM_PARTIAL stays: nobody between sender and receiver could have damaged it.
  if (skb.ipSummed === CHECKSUM_NONE) skb.ipSummed = CHECKSUM_UNNECESSARY;
  skb.flags |= SKB_F_LOCAL;
  netifRx(skb, dev);
  return NETDEV_TX_OK;
}
