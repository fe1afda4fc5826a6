/**
 * Which VRF a device belongs to. Linux: net/l3mdev/l3mdev.c. NetDevice.l3mdev is the VRF device that the device is
 * enslaved to, and of a VRF device itself; dev/vrf keeps it.
 */
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { NetDevice, devGetByIndex } from './net_device';

/** What a VRF device keeps at `priv`. */
@unmanaged
@final
export class Vrf {
  /** Routing table of both families. */
  table: u32;
  pad: u32;
}

/** ifindex of the VRF that the device is in (of a VRF: its own), 0: none. */
export function l3mdevMasterIfindex(dev: NetDevice): i32 {
  return dev.l3mdev === 0 ? 0 : changetype<NetDevice>(dev.l3mdev).ifindex;
}

/** Table of the VRF that the device is in, 0: none. Linux: l3mdev_fib_table. */
export function l3mdevFibTable(dev: NetDevice): u32 {
  if (dev.l3mdev === 0) return 0;
  return changetype<Vrf>(changetype<NetDevice>(dev.l3mdev).priv).table;
}

export function isL3Master(dev: NetDevice): bool {
  return dev.l3mdev === changetype<usize>(dev);
}

/** Table of the VRF device of this ifindex, 0: it is none. */
export function l3mdevTable(net: Net, ifindex: i32): u32 {
  if (ifindex === 0) return 0;
  const dev = devGetByIndex(net, ifindex);
  return dev === null || !isL3Master(dev) ? 0 : l3mdevFibTable(dev);
}

/** ifindex of the VRF of a device that may be missing (0). */
export function l3mdevIfindexOf(dev: usize): i32 {
  return dev === 0 ? 0 : l3mdevMasterIfindex(changetype<NetDevice>(dev));
}

/** What our own addresses are reached by: lo, or the VRF that `dev` is in. */
export function l3mdevLoopback(net: Net, dev: usize): usize {
  if (dev !== 0 && changetype<NetDevice>(dev).l3mdev !== 0) return changetype<NetDevice>(dev).l3mdev;
  return net.loopback;
}

/** A port of a VRF, and not a VRF itself. Linux: netif_is_l3_slave. */
export function isL3Slave(dev: NetDevice): bool {
  return dev.l3mdev !== 0 && dev.l3mdev !== changetype<usize>(dev);
}

/**
 * The device that a received packet came in by, behind the VRF's taking it (skb.dev is the VRF then, and skb.iif stays).
 * Linux: IPCB(skb)->iif, IP6CB(skb)->iif.
 */
export function l3mdevIngress(skb: SkBuff): NetDevice {
  const dev = changetype<NetDevice>(skb.dev);
  if (!isL3Master(dev) || skb.iif === dev.ifindex) return dev;
  const port = devGetByIndex(dev.net, skb.iif);
  return port === null ? dev : port;
}

/** ifindex that sockets see a packet come by: of the VRF, where it came into one. Linux: inet_iif. */
export function l3mdevDif(skb: SkBuff): i32 {
  const dev = changetype<NetDevice>(skb.dev);
  return isL3Master(dev) ? dev.ifindex : skb.iif;
}

/** ifindex of the port behind the VRF that skb.dev is, 0: it is none. Linux: inet_sdif. */
export function l3mdevSdif(skb: SkBuff): i32 {
  return isL3Master(changetype<NetDevice>(skb.dev)) ? skb.iif : 0;
}

/** At CHANGEUPPER: the device was taken into a VRF, or is on its way out of one. */
export function changesVrf(dev: NetDevice): bool {
  if (dev.l3mdev !== 0) return true;
  return dev.upper !== 0 && isL3Master(changetype<NetDevice>(dev.upper));
}
