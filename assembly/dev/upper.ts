/**
 * Devices on top of devices: ports of a master (bridge, bond, VRF), devices stacked on a lower one (VLAN, macvlan),
 * and the rx_handler by which either gets to see what the device below receives.
 * Linux: netdev_master_upper_dev_link, netdev_rx_handler_register (net/core/dev.c).
 *
 *      master ──portHead──► port ──portNext──► port        port.upper = master
 *      lower ──stackedHead─► vlan ─stackedNext─► vlan      vlan.lower = lower
 *
 * What happens to a device (NetdevEvent) is told to the devices above it by their Ndo.EVENT, behind IPv4, IPv6 and the
 * neighbours. A device that is deleted is released by its master, releases its ports and takes what is stacked on it
 * along: rtnl/link does that before unregisterNetdev.
 */
import { Op } from '../abi/ops';
import { opSet } from '../lib/ops';
import { Errno } from '../net/errno';
import { NetdevEvent, callNetdevNotifiers } from '../net/registry';
import { DevKind, IFF_ALLMULTI, IFF_PROMISC, Ndo, NetDevice, devNdo, notifyLink } from './net_device';
import { vethUpdateCarrier } from './veth';

/** Linux: MAX_NEST_DEV. */
const MAX_NEST_DEV: u32 = 8;

/**
 * `op` (list: usize, n: u32, dev: usize) => u32 gets every burst of `dev` behind the ingress hooks and the VLAN devices.
 * It owns all `n` skbs: it ends them, or sends them on its way, by netifReceiveSkbList of another device if it likes
 * (the list is its own), or leaves some for `dev` itself, moved to the front of the list; it returns how many.
 * -EBUSY when there is one already.
 */
export function netdevRxHandlerRegister(dev: NetDevice, op: u32, data: usize): i32 {
  if (dev.rxHandler !== 0) return -Errno.EBUSY;
  dev.rxHandler = op;
  dev.rxHandlerData = data;
  return 0;
}

export function netdevRxHandlerUnregister(dev: NetDevice): void {
  dev.rxHandler = 0;
  dev.rxHandlerData = 0;
}

/** `target` is `dev`, or below it. */
function devReaches(dev: NetDevice, target: usize): bool {
  if (changetype<usize>(dev) === target) return true;
  if (dev.lower !== 0 && devReaches(changetype<NetDevice>(dev.lower), target)) return true;
  for (let at = dev.portHead; at !== 0; at = changetype<NetDevice>(at).portNext) {
    if (devReaches(changetype<NetDevice>(at), target)) return true;
  }
  return false;
}

/** Makes `port` a port of `master`. -EBUSY when it has a master, -ELOOP when it is above it, -EMLINK when too deep. */
export function netdevUpperDevLink(port: NetDevice, master: NetDevice): i32 {
  if (port.upper !== 0) return -Errno.EBUSY;
  if (devReaches(port, changetype<usize>(master))) return -Errno.ELOOP;
  if (<u32>port.nestLevel + 1 > MAX_NEST_DEV) return -Errno.EMLINK;
  if (port.nestLevel >= master.nestLevel) master.nestLevel = port.nestLevel + 1;
  port.upper = changetype<usize>(master);
  port.portNext = 0;
  if (master.portHead === 0) {
    master.portHead = changetype<usize>(port);
  } else {
    let last = changetype<NetDevice>(master.portHead);
    while (last.portNext !== 0) last = changetype<NetDevice>(last.portNext);
    last.portNext = changetype<usize>(port);
  }
  callNetdevNotifiers(NetdevEvent.CHANGEUPPER, changetype<usize>(port));
  notifyLink(port, false);
  return 0;
}

/** The port has no master any more. */
export function netdevUpperDevUnlink(port: NetDevice): void {
  if (port.upper === 0) return;
  const master = changetype<NetDevice>(port.upper);
  const p = changetype<usize>(port);
  if (master.portHead === p) {
    master.portHead = port.portNext;
  } else {
    let at = changetype<NetDevice>(master.portHead);
    while (at.portNext !== p) at = changetype<NetDevice>(at.portNext);
    at.portNext = port.portNext;
  }
  port.upper = 0;
  port.portNext = 0;
  callNetdevNotifiers(NetdevEvent.CHANGEUPPER, p);
  notifyLink(port, false);
}

/** Stacks `dev`, not yet registered, on `lower`; -EMLINK when that is too deep. */
export function netdevLowerDevLink(dev: NetDevice, lower: NetDevice): i32 {
  if (<u32>lower.nestLevel + 1 > MAX_NEST_DEV) return -Errno.EMLINK;
  dev.nestLevel = lower.nestLevel + 1;
  dev.lower = changetype<usize>(lower);
  dev.stackedNext = lower.stackedHead;
  lower.stackedHead = changetype<usize>(dev);
  return 0;
}

export function netdevLowerDevUnlink(dev: NetDevice): void {
  if (dev.lower === 0) return;
  const lower = changetype<NetDevice>(dev.lower);
  const p = changetype<usize>(dev);
  if (lower.stackedHead === p) {
    lower.stackedHead = dev.stackedNext;
  } else {
    let at = changetype<NetDevice>(lower.stackedHead);
    while (at.stackedNext !== p) at = changetype<NetDevice>(at.stackedNext);
    at.stackedNext = dev.stackedNext;
  }
  dev.lower = 0;
  dev.stackedNext = 0;
}

/** One more (inc 1) or one less (-1) wants every frame of the device, and so of those below it. Linux: dev_set_promiscuity. */
export function devSetPromiscuity(dev: NetDevice, inc: i32): void {
  dev.promiscuity += inc;
  const on = dev.promiscuity !== 0;
  if (on === ((dev.flags & IFF_PROMISC) !== 0)) return;
  dev.flags = on ? dev.flags | IFF_PROMISC : dev.flags & ~IFF_PROMISC;
  notifyLink(dev, false);
  const step = on ? 1 : -1;
  if (dev.lower !== 0) devSetPromiscuity(changetype<NetDevice>(dev.lower), step);
  for (let at = dev.portHead; at !== 0; at = changetype<NetDevice>(at).portNext)
    devSetPromiscuity(changetype<NetDevice>(at), step);
}

/** Likewise for every group's frames. */
export function devSetAllmulti(dev: NetDevice, inc: i32): void {
  dev.allmulti += inc;
  const on = dev.allmulti !== 0;
  if (on === ((dev.flags & IFF_ALLMULTI) !== 0)) return;
  dev.flags = on ? dev.flags | IFF_ALLMULTI : dev.flags & ~IFF_ALLMULTI;
  notifyLink(dev, false);
  if (dev.lower !== 0) devSetAllmulti(changetype<NetDevice>(dev.lower), on ? 1 : -1);
}

/** NETDEV_EVENT_UPPER: tells the devices above. */
function tellUpper(event: u32, devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  const upOrDown = event === <u32>NetdevEvent.UP || event === <u32>NetdevEvent.DOWN;
  if (upOrDown && dev.kind === DevKind.VETH) vethUpdateCarrier(dev);
  let at = dev.stackedHead;
  while (at !== 0) {
    const stacked = changetype<NetDevice>(at);
    at = stacked.stackedNext;
    devNdo(stacked, Ndo.EVENT, event, devPtr);
  }
  if (dev.upper !== 0) devNdo(changetype<NetDevice>(dev.upper), Ndo.EVENT, event, devPtr);
}

export function upperOpsInit(): void {
  opSet(Op.NETDEV_EVENT_UPPER, tellUpper.index);
}
