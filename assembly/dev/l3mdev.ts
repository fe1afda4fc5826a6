/**
 * Which VRF a device belongs to. Linux: net/l3mdev/l3mdev.c. NetDevice.l3mdev is the VRF device that the device is
 * enslaved to, and of a VRF device itself; dev/vrf keeps it.
 */
import { Net } from '../net/net';
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
