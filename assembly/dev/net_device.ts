/**
 * net_device: an interface of a namespace. Linux: include/linux/netdevice.h, net/core/dev.c.
 *
 * All kinds share it. What differs is the op that transmits (abi/ops XMIT_*), the block of ops at `ndo` (open, stop,
 * what a device below told...; dev/upper) and the record at `priv`. A device has two numbers: its ifindex, unique in its
 * namespace, and its handle, unique in the core, by which the host names its rings.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { EventType } from '../abi/event';
import { Op } from '../abi/ops';
import { Ipv4Conf, Ipv6Conf, NeighVar } from '../abi/sysctl';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex } from '../lib/ops';
import { root } from '../lib/root';
import { Net } from '../net/net';
import { NetdevEvent, callNetdevNotifiers } from '../net/registry';
import { DEV_DROPS_OFFSET } from '../skb/free';
import { DEV_HANDLE_OFFSET } from '../skb/trace';
import { eventEmit } from './event';

@unmanaged
@final
export class NetDevice {
  /** u64 per drop reason; first, see skb/free. The handle's place is known to skb/trace. */
  drops: usize;
  net: Net;
  nextDev: usize;
  ifindex: i32;
  handle: u32;
  /** IFF_* without RUNNING and LOWER_UP, which follow from `carrier`. */
  flags: u32;
  mtu: u32;
  /** ARPHRD_* */
  type: u16;
  /** DevKind */
  kind: u8;
  carrier: u8;
  /** NetifF */
  features: u32;
  /** Bytes of link-layer header. */
  hardHeaderLen: u32;
  /** Op that sends one skb: (skb, dev) => NETDEV_TX_*. */
  xmitOp: u32;
  /** What the kind keeps: port rings, veth's peer. */
  priv: usize;
  /** InDevice (ipv4/devinet), Inet6Dev (ipv6/addrconf), and their sysctls of this device. */
  ipPtr: usize;
  ip6Ptr: usize;
  conf4: usize;
  conf6: usize;
  neigh4: usize;
  neigh6: usize;
  /** napi: link of the poll list, op of the poll function, frames waiting in the backlog (veth, loopback). */
  napiNext: usize;
  napiScheduled: u32;
  pollOp: u32;
  backlogHead: usize;
  backlogTail: usize;
  backlogLen: u32;
  /** Qdisc, or 0 when the device has no queue; link of the list of devices whose qdisc is to be run. */
  qdisc: usize;
  txNext: usize;
  txScheduled: u32;
  txQueueLen: u32;
  /** GRO's held packets (dev/gro), or 0. */
  gro: usize;
  gsoMaxSize: u32;
  gsoMaxSegs: u32;
  /** Hook lists of the netdev family, or 0. */
  ingressHooks: usize;
  egressHooks: usize;
  /** XDP program's op, or 0. */
  xdp: u32;
  /** Op that sees what is received before the protocols do (abi/ops RX_HANDLER_*), or 0, and what it keeps. */
  rxHandler: u32;
  rxHandlerData: usize;
  /** First op of the kind's block, or 0. */
  ndo: u32;
  /** The master that this device is a port of, the ports of this master, and the next port of the same master. */
  upper: usize;
  portHead: usize;
  portNext: usize;
  /** The device that this one is stacked on, the devices stacked on this one, and the next on the same. */
  lower: usize;
  stackedHead: usize;
  stackedNext: usize;
  /** VLAN devices by protocol and id (dev/vlan_core), or 0. */
  vlans: usize;
  /** How many want every frame, and every group's; what the user asked for of them. */
  promiscuity: u32;
  allmulti: u32;
  gflags: u32;
  /** Devices below this one, longest way. */
  nestLevel: u8;
  addrAssignType: u8;
  /** What takes a generator's frames out before the stack (pktgen/sink), or 0. */
  sink: usize;
  /** Next hops that go out here (route/), and neighbours: counts for the end of the device. */
  refs: u32;
  /** VRF device that it is in, itself for a VRF, 0: none (dev/l3mdev). */
  l3mdev: usize;
  /** IFLA_GROUP */
  group: u32;
  addr: u64;
  broadcast: u64;
  name0: u64;
  name1: u64;
  // rtnl_link_stats64, what a port moves
  rxPackets: u64;
  txPackets: u64;
  rxBytes: u64;
  txBytes: u64;
  rxErrors: u64;
  txErrors: u64;
  rxDropped: u64;
  txDropped: u64;
  multicast: u64;
}

export enum DevKind {
  LOOPBACK = 1,
  VETH = 2,
  PORT = 3,
  DUMMY = 4,
  VLAN = 5,
  MACVLAN = 6,
  BOND = 7,
  BRIDGE = 8,
  VRF = 9,
}

/** Where the address comes from. Linux: include/uapi/linux/netdevice.h. */
export const NET_ADDR_PERM: u8 = 0;
export const NET_ADDR_RANDOM: u8 = 1;
/** The lower device's: it goes on following that one. */
export const NET_ADDR_STOLEN: u8 = 2;
export const NET_ADDR_SET: u8 = 3;

/** The ops of a kind of device, from NetDevice.ndo on: (dev, a, b) => i32, 0 or a negative errno. */
export enum Ndo {
  /** Before the device is up. */
  OPEN = 0,
  /** While it is still up. */
  STOP = 1,
  /** (self, NetdevEvent, other): something happened to the device below, or to a port. */
  EVENT = 2,
  /** (master, port): the port is to be taken in, released. */
  ADD_SLAVE = 3,
  DEL_SLAVE = 4,
  /** (dev, mtu), (dev, address of the MAC): may it be, and what else must follow. */
  CHANGE_MTU = 5,
  SET_MAC = 6,
  /** The device is out of its namespace: frees what the kind holds. */
  UNINIT = 7,
}

// Linux: include/uapi/linux/if.h
export const IFF_UP: u32 = 0x1;
export const IFF_BROADCAST: u32 = 0x2;
export const IFF_LOOPBACK: u32 = 0x8;
export const IFF_POINTOPOINT: u32 = 0x10;
export const IFF_RUNNING: u32 = 0x40;
export const IFF_NOARP: u32 = 0x80;
export const IFF_PROMISC: u32 = 0x100;
export const IFF_ALLMULTI: u32 = 0x200;
export const IFF_MASTER: u32 = 0x400;
export const IFF_SLAVE: u32 = 0x800;
export const IFF_MULTICAST: u32 = 0x1000;
export const IFF_LOWER_UP: u32 = 0x10000;

export const ARPHRD_ETHER: u16 = 1;
export const ARPHRD_LOOPBACK: u16 = 772;
export const IFNAMSIZ: u32 = 16;

/** An unregistered device, or null when memory ran out. */
export function allocNetdev(net: Net, kind: DevKind): NetDevice | null {
  assert(offsetof<NetDevice>('drops') === DEV_DROPS_OFFSET, 'drops comes first');
  assert(offsetof<NetDevice>('handle') === DEV_HANDLE_OFFSET, 'handle lies where skb/trace looks');
  const p = kzalloc(offsetof<NetDevice>());
  if (p === 0) return null;
  const dev = changetype<NetDevice>(p);
  dev.net = net;
  dev.kind = <u8>kind;
  dev.type = ARPHRD_ETHER;
  dev.hardHeaderLen = 14;
  dev.mtu = 1500;
  dev.flags = IFF_BROADCAST | IFF_MULTICAST;
  dev.broadcast = 0xffffffffffff;
  dev.txQueueLen = 1000;
  dev.gsoMaxSize = 65536;
  dev.gsoMaxSegs = 65535;
  dev.drops = kzalloc(SkbDropReason.MAX << 3);
  dev.conf4 = kzalloc(Ipv4Conf.MAX << 2);
  dev.conf6 = kzalloc(Ipv6Conf.MAX << 2);
  dev.neigh4 = kzalloc(NeighVar.MAX << 2);
  dev.neigh6 = kzalloc(NeighVar.MAX << 2);
  if (dev.drops === 0 || dev.conf4 === 0 || dev.conf6 === 0 || dev.neigh4 === 0 || dev.neigh6 === 0) {
    freeNetdev(dev);
    return null;
  }
  // A device starts with the namespace's `default` values, as Linux does when it appears.
  memory.copy(dev.conf4, net.conf4Default, Ipv4Conf.MAX << 2);
  memory.copy(dev.conf6, net.conf6Default, Ipv6Conf.MAX << 2);
  memory.copy(dev.neigh4, net.neigh4Default, NeighVar.MAX << 2);
  memory.copy(dev.neigh6, net.neigh6Default, NeighVar.MAX << 2);
  return dev;
}

export function freeNetdev(dev: NetDevice): void {
  kfree(dev.drops);
  kfree(dev.conf4);
  kfree(dev.conf6);
  kfree(dev.neigh4);
  kfree(dev.neigh6);
  kfree(changetype<usize>(dev));
}

/** Gives the device its handle and ifindex and tells the layers above; false when the device table is full. */
export function registerNetdev(dev: NetDevice): bool {
  const r = root();
  let handle: u32 = 0;
  while (handle < r.devCount && load<u32>(r.devs + (handle << 2)) !== 0) handle++;
  if (handle === r.devCount) return false;
  store<u32>(r.devs + (handle << 2), changetype<usize>(dev));
  dev.handle = handle;
  if (handle >= r.devHigh) r.devHigh = handle + 1;
  const net = dev.net;
  dev.ifindex = ++net.ifindexNext;
  const p = changetype<usize>(dev);
  if (net.devTail !== 0) changetype<NetDevice>(net.devTail).nextDev = p;
  else net.devHead = p;
  net.devTail = p;
  net.devCount++;
  callNetdevNotifiers(NetdevEvent.REGISTER, p);
  return true;
}

/** Takes the device out of its namespace; the layers above forget it. The caller frees it and what its kind holds. */
export function unregisterNetdev(dev: NetDevice): void {
  devClose(dev);
  const p = changetype<usize>(dev);
  callNetdevNotifiers(NetdevEvent.UNREGISTER, p);
  const net = dev.net;
  let prev: usize = 0;
  let at = net.devHead;
  while (at !== p) {
    prev = at;
    at = changetype<NetDevice>(at).nextDev;
  }
  if (prev !== 0) changetype<NetDevice>(prev).nextDev = dev.nextDev;
  else net.devHead = dev.nextDev;
  if (net.devTail === p) net.devTail = prev;
  net.devCount--;
  store<u32>(root().devs + (dev.handle << 2), 0);
}

/** The device that the host calls `handle`, or null. */
export function devByHandle(handle: u32): NetDevice | null {
  if (handle >= root().devCount) return null;
  return changetype<NetDevice | null>(load<u32>(root().devs + (handle << 2)));
}

export function devGetByIndex(net: Net, ifindex: i32): NetDevice | null {
  let at = net.devHead;
  while (at !== 0 && changetype<NetDevice>(at).ifindex !== ifindex) at = changetype<NetDevice>(at).nextDev;
  return changetype<NetDevice | null>(at);
}

/** By name: `name` points to 16 bytes, zero-padded. */
export function devGetByName(net: Net, name: usize): NetDevice | null {
  let at = net.devHead;
  while (at !== 0) {
    const dev = changetype<NetDevice>(at);
    if (dev.name0 === load<u64>(name) && dev.name1 === load<u64>(name, 8)) return dev;
    at = dev.nextDev;
  }
  return null;
}

/** Calls one op of the device's kind; 0 when the kind has none. */
export function devNdo(dev: NetDevice, which: Ndo, a: usize, b: usize): i32 {
  if (dev.ndo === 0) return 0;
  const fn = opIndex(dev.ndo + <u32>which);
  return fn === 0 ? 0 : call_indirect<i32>(fn, changetype<usize>(dev), a, b);
}

/** Administratively up: routes and addresses of it start to count. 0, or why its kind cannot be up now. */
export function devOpen(dev: NetDevice): i32 {
  if ((dev.flags & IFF_UP) !== 0) return 0;
  const err = devNdo(dev, Ndo.OPEN, 0, 0);
  if (err !== 0) return err;
  dev.flags |= IFF_UP;
  notifyLink(dev, false);
  callNetdevNotifiers(NetdevEvent.UP, changetype<usize>(dev));
  return 0;
}

export function devClose(dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) return;
  callNetdevNotifiers(NetdevEvent.GOING_DOWN, changetype<usize>(dev));
  devNdo(dev, Ndo.STOP, 0, 0);
  dev.flags &= ~IFF_UP;
  notifyLink(dev, false);
  callNetdevNotifiers(NetdevEvent.DOWN, changetype<usize>(dev));
}

/** The link appeared or went (cable, driver). */
export function devSetCarrier(dev: NetDevice, on: bool): void {
  if ((dev.carrier !== 0) === on) return;
  dev.carrier = <u8>on;
  notifyLink(dev, false);
  callNetdevNotifiers(NetdevEvent.CHANGE, changetype<usize>(dev));
}

/** 0, or why the kind does not take it. */
export function devSetMtu(dev: NetDevice, mtu: u32): i32 {
  if (dev.mtu === mtu) return 0;
  const err = devNdo(dev, Ndo.CHANGE_MTU, mtu, 0);
  if (err !== 0) return err;
  dev.mtu = mtu;
  notifyLink(dev, false);
  callNetdevNotifiers(NetdevEvent.CHANGEMTU, changetype<usize>(dev));
  return 0;
}

/** Gives the device an address that its kind has agreed to, or that it follows. */
export function devSetAddr(dev: NetDevice, mac: u64): void {
  dev.addr = mac;
  notifyLink(dev, false);
  callNetdevNotifiers(NetdevEvent.CHANGEADDR, changetype<usize>(dev));
}

/** IFF_* as the host sees them: RUNNING and LOWER_UP follow from the carrier. */
export function devFlags(dev: NetDevice): u32 {
  if ((dev.flags & IFF_UP) === 0 || dev.carrier === 0) return dev.flags;
  return dev.flags | IFF_LOWER_UP | IFF_RUNNING;
}

/** Tells the host that the device appeared, changed or (`gone`) went: RTM_NEWLINK, RTM_DELLINK. */
export function notifyLink(dev: NetDevice, gone: bool): void {
  eventEmit(EventType.LINK, 0, dev.net, dev.ifindex, (devFlags(dev) << 1) | <u32>gone, devNamePtr(dev));
}

/** Up and with carrier: frames can leave. */
export function netifRunning(dev: NetDevice): bool {
  return (dev.flags & IFF_UP) !== 0 && dev.carrier !== 0;
}

/** Address of the six bytes of the device's own MAC; of the broadcast MAC. */
export function devAddrPtr(dev: NetDevice): usize {
  return changetype<usize>(dev) + offsetof<NetDevice>('addr');
}

export function devBroadcastPtr(dev: NetDevice): usize {
  return changetype<usize>(dev) + offsetof<NetDevice>('broadcast');
}

export function devNamePtr(dev: NetDevice): usize {
  return changetype<usize>(dev) + offsetof<NetDevice>('name0');
}

export function conf4(dev: NetDevice, id: Ipv4Conf): i32 {
  return load<i32>(dev.conf4 + ((<usize>id) << 2));
}

export function conf6(dev: NetDevice, id: Ipv6Conf): i32 {
  return load<i32>(dev.conf6 + ((<usize>id) << 2));
}

/** Linux: IN_DEV_ORCONF, `all` or the device's own. */
export function conf4Or(dev: NetDevice, id: Ipv4Conf): bool {
  return conf4(dev, id) !== 0 || load<i32>(dev.net.conf4All + ((<usize>id) << 2)) !== 0;
}

/** Linux: IN_DEV_ANDCONF, `all` and the device's own. */
export function conf4And(dev: NetDevice, id: Ipv4Conf): bool {
  return conf4(dev, id) !== 0 && load<i32>(dev.net.conf4All + ((<usize>id) << 2)) !== 0;
}

/** Linux: IN_DEV_MAXCONF, the larger one. */
export function conf4Max(dev: NetDevice, id: Ipv4Conf): i32 {
  return max(conf4(dev, id), load<i32>(dev.net.conf4All + ((<usize>id) << 2)));
}

/** True for ops that need no queue in front of them. */
export function devIsPort(dev: NetDevice): bool {
  return dev.xmitOp === Op.XMIT_PORT;
}
