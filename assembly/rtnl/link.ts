/** LINK_*: devices. Linux: net/core/rtnetlink.c, `ip link`. */
import { SkbDropReason } from '../abi/drop_reason';
import { Port, Status } from '../abi/layout';
import { Dump, LinkRec, LinkStatsRec, MsgType } from '../abi/request';
import { backlogPurge } from '../dev/backlog';
import { groFree } from '../dev/gro';
import { napiDisable } from '../dev/napi';
import {
  DevKind,
  IFF_UP,
  IFNAMSIZ,
  NetDevice,
  allocNetdev,
  devAddrPtr,
  devClose,
  devFlags,
  devGetByIndex,
  devGetByName,
  devNamePtr,
  devOpen,
  devSetAddr,
  devSetCarrier,
  devSetMtu,
  freeNetdev,
  notifyLink,
  registerNetdev,
  unregisterNetdev,
} from '../dev/net_device';
import { portSetup, portTeardown } from '../dev/port';
import { Qdisc } from '../dev/qdisc';
import { vethCreate, vethPair, vethUpdateCarrier } from '../dev/veth';
import { kfree } from '../lib/kmalloc';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { pfifoFastAttach, qdiscDestroy } from '../sched/sch_pfifo_fast';
import { handlesForgetDev } from '../skb/handles';

const MAC_MASK: u64 = 0xffffffffffff;
const GROUP_BIT: u64 = 1;
/** RFC 791: every host accepts 68 bytes; 65535 is the longest datagram (lo has one more). */
const MTU_MIN: u32 = 68;
const MTU_MAX: u32 = 65535;
const RING_MAX: u32 = 4096;
const CARRIER_KEEP: u8 = 255;
/** Flags that LINK_SET may change. */
const IFF_CHANGEABLE: u32 = 0x1 | 0x80 | 0x100 | 0x200 | 0x1000;

export function requestLink(type: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.LINK_DUMP) return linkDump(body, len);
  if (type === <u32>MsgType.LINK_STATS) return linkStats(body, len);
  if (len < <u32>LinkRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, LinkRec.NET));
  if (net === null) return -Errno.ENOENT;
  if (type === <u32>MsgType.LINK_NEW) return linkNew(net, body);
  const dev = devGetByIndex(net, load<i32>(body, LinkRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  if (type === <u32>MsgType.LINK_SET) return linkSet(net, dev, body);
  if (type !== <u32>MsgType.LINK_DEL) return -Errno.EOPNOTSUPP;
  if (dev.kind === DevKind.LOOPBACK) return -Errno.EOPNOTSUPP;
  linkDelete(dev);
  return 0;
}

function linkNew(net: Net, body: usize): i32 {
  const kind = load<u8>(body, LinkRec.KIND);
  if (kind === DevKind.PORT) return portNew(net, body);
  if (kind === DevKind.VETH) return vethNew(net, body);
  return -Errno.EOPNOTSUPP;
}

function checkName(net: Net, name: usize): i32 {
  if (load<u8>(name) === 0 || load<u8>(name, IFNAMSIZ - 1) !== 0) return -Errno.EINVAL;
  return devGetByName(net, name) === null ? 0 : -Errno.EEXIST;
}

function checkMac(mac: u64): bool {
  return mac !== 0 && (mac & GROUP_BIT) === 0;
}

/** Name, MAC, MTU and queue length of a new device, checked. */
function configure(dev: NetDevice, name: usize, mac: u64, body: usize): i32 {
  const err = checkName(dev.net, name);
  if (err !== 0) return err;
  if (!checkMac(mac)) return -Errno.EADDRNOTAVAIL;
  const mtu = load<u32>(body, LinkRec.MTU);
  if (mtu !== 0 && (mtu < MTU_MIN || mtu > MTU_MAX)) return -Errno.EINVAL;
  memory.copy(devNamePtr(dev), name, IFNAMSIZ);
  dev.addr = mac;
  if (mtu !== 0) dev.mtu = mtu;
  const txqlen = load<u32>(body, LinkRec.TXQLEN);
  if (txqlen !== 0) dev.txQueueLen = txqlen;
  return 0;
}

function ringSizeOk(entries: u32): bool {
  return entries >= 2 && entries <= RING_MAX && (entries & (entries - 1)) === 0;
}

function portNew(net: Net, body: usize): i32 {
  const entries = load<u32>(body, LinkRec.RING_ENTRIES);
  const vnet = load<u32>(body, LinkRec.VNET_HDR_LEN);
  const asked = load<u32>(body, LinkRec.RX_ENTRIES);
  const rxEntries = asked === 0 ? entries : asked;
  if (!ringSizeOk(entries) || !ringSizeOk(rxEntries)) return -Errno.EINVAL;
  if (vnet !== 0 && vnet !== 10 && vnet !== 12) return -Errno.EINVAL;
  const dev = allocNetdev(net, DevKind.PORT);
  if (dev === null) return -Errno.ENOMEM;
  let err = configure(dev, body + LinkRec.NAME, load<u64>(body, LinkRec.MAC) & MAC_MASK, body);
  if (err === 0) {
    dev.features = load<u32>(body, LinkRec.FEATURES);
    if (!portSetup(dev, rxEntries, entries, vnet, load<u32>(body, LinkRec.LARGE) !== 0)) err = -Errno.ENOMEM;
    else if (!pfifoFastAttach(dev)) err = -Errno.ENOMEM;
    else if (!registerNetdev(dev)) err = -Errno.ENFILE;
  }
  if (err !== 0) {
    qdiscDestroy(dev);
    portTeardown(dev);
    freeNetdev(dev);
    return err;
  }
  const table = load<u32>(root().statusBlock, Status.PORT_TABLE);
  store<u32>(table + (dev.handle << 2), dev.priv);
  fillLink(dev, body);
  notifyLink(dev, false);
  return 0;
}

function vethNew(net: Net, body: usize): i32 {
  const peerNet = netByHandle(load<u32>(body, LinkRec.PEER_NET));
  if (peerNet === null) return -Errno.ENOENT;
  const a = vethCreate(net);
  const b = vethCreate(peerNet);
  let err = a === null || b === null ? -Errno.ENOMEM : 0;
  if (a !== null && b !== null) {
    err = configure(a, body + LinkRec.NAME, load<u64>(body, LinkRec.MAC) & MAC_MASK, body);
    if (err === 0)
      err = configure(b, body + LinkRec.PEER_NAME, load<u64>(body, LinkRec.PEER_MAC) & MAC_MASK, body);
    if (err === 0 && a.net === b.net && a.name0 === b.name0 && a.name1 === b.name1) err = -Errno.EEXIST;
    if (err === 0 && !registerNetdev(a)) err = -Errno.ENFILE;
    if (err === 0 && !registerNetdev(b)) {
      unregisterNetdev(a);
      err = -Errno.ENFILE;
    }
  }
  if (err !== 0 || a === null || b === null) {
    if (a !== null) freeNetdev(a);
    if (b !== null) freeNetdev(b);
    return err;
  }
  vethPair(a, b);
  fillLink(a, body);
  notifyLink(a, false);
  notifyLink(b, false);
  return 0;
}

function linkSet(net: Net, dev: NetDevice, body: usize): i32 {
  const mtu = load<u32>(body, LinkRec.MTU);
  const mac = load<u64>(body, LinkRec.MAC) & MAC_MASK;
  const name = body + LinkRec.NAME;
  if (mtu !== 0 && (mtu < MTU_MIN || mtu > MTU_MAX + <u32>(dev.kind === DevKind.LOOPBACK)))
    return -Errno.EINVAL;
  if (mac !== 0 && !checkMac(mac)) return -Errno.EADDRNOTAVAIL;
  if (load<u8>(name) !== 0 && devGetByName(net, name) !== dev) {
    const err = checkName(net, name);
    if (err !== 0) return err;
    memory.copy(devNamePtr(dev), name, IFNAMSIZ);
    notifyLink(dev, false);
  }
  if (mtu !== 0) devSetMtu(dev, mtu);
  if (mac !== 0) devSetAddr(dev, mac);
  const features = load<u32>(body, LinkRec.FEATURES);
  if (features !== 0) dev.features = features;
  const carrier = load<u8>(body, LinkRec.CARRIER);
  if (carrier !== CARRIER_KEEP && dev.kind === DevKind.PORT) devSetCarrier(dev, carrier !== 0);
  const change = load<u32>(body, LinkRec.CHANGE) & IFF_CHANGEABLE;
  const flags = load<u32>(body, LinkRec.FLAGS);
  dev.flags = (dev.flags & ~(change & ~IFF_UP)) | (flags & change & ~IFF_UP);
  if ((change & IFF_UP) !== 0) {
    // A port keeps what its driver says of the carrier; the other kinds follow their flags.
    if ((flags & IFF_UP) !== 0) devOpen(dev);
    else devClose(dev);
    if (dev.kind === DevKind.VETH) vethUpdateCarrier(dev);
  }
  fillLink(dev, body);
  return 0;
}

/** Deletes a device; a veth takes its peer along. */
function linkDelete(dev: NetDevice): void {
  const peer = dev.kind === DevKind.VETH ? dev.priv : 0;
  destroyDevice(dev);
  if (peer !== 0) destroyDevice(changetype<NetDevice>(peer));
}

/** Takes one device out and frees all that it holds. A veth's peer stays, without carrier. */
export function destroyDevice(dev: NetDevice): void {
  if (dev.kind === DevKind.VETH && dev.priv !== 0) {
    const peer = changetype<NetDevice>(dev.priv);
    peer.priv = 0;
    vethUpdateCarrier(peer);
  }
  unregisterNetdev(dev);
  notifyLink(dev, true);
  napiDisable(dev);
  backlogPurge(dev);
  handlesForgetDev(changetype<usize>(dev));
  qdiscDestroy(dev);
  if (dev.kind === DevKind.PORT) {
    const table = load<u32>(root().statusBlock, Status.PORT_TABLE);
    store<u32>(table + (dev.handle << 2), 0);
    portTeardown(dev);
  }
  groFree(dev);
  kfree(dev.ingressHooks);
  kfree(dev.egressHooks);
  freeNetdev(dev);
}

function fillLink(dev: NetDevice, rec: usize): void {
  store<u32>(rec, dev.net.handle, LinkRec.NET);
  store<i32>(rec, dev.ifindex, LinkRec.IFINDEX);
  store<u32>(rec, dev.handle, LinkRec.HANDLE);
  store<u32>(rec, devFlags(dev), LinkRec.FLAGS);
  store<u32>(rec, dev.mtu, LinkRec.MTU);
  store<u16>(rec, dev.type, LinkRec.TYPE);
  store<u8>(rec, dev.kind, LinkRec.KIND);
  store<u8>(rec, dev.carrier, LinkRec.CARRIER);
  store<u32>(rec, dev.features, LinkRec.FEATURES);
  memory.copy(rec + LinkRec.MAC, devAddrPtr(dev), 6);
  memory.copy(rec + LinkRec.NAME, devNamePtr(dev), IFNAMSIZ);
  store<u32>(rec, dev.txQueueLen, LinkRec.TXQLEN);
  store<u32>(rec, dev.kind === DevKind.PORT ? dev.priv : 0, LinkRec.PORT);
  if (dev.kind === DevKind.VETH && dev.priv !== 0) {
    const peer = changetype<NetDevice>(dev.priv);
    store<u32>(rec, peer.net.handle, LinkRec.PEER_NET);
    store<i32>(rec, peer.ifindex, LinkRec.PEER_IFINDEX);
  }
}

/** CURSOR[0] is the last ifindex told. */
function linkDump(body: usize, len: u32): i32 {
  if (len < <u32>Dump.RECORDS) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, Dump.NET));
  if (net === null) return -Errno.ENOENT;
  const room = (len - Dump.RECORDS) / LinkRec.SIZE;
  const after = load<i32>(body, Dump.CURSOR);
  let n: u32 = 0;
  let last = after;
  for (let at = net.devHead; at !== 0 && n < room; at = changetype<NetDevice>(at).nextDev) {
    const dev = changetype<NetDevice>(at);
    if (dev.ifindex <= after) continue;
    const rec = body + Dump.RECORDS + n * LinkRec.SIZE;
    memory.fill(rec, 0, LinkRec.SIZE);
    fillLink(dev, rec);
    last = dev.ifindex;
    n++;
  }
  store<i32>(body, last, Dump.CURSOR);
  store<u32>(body, n, Dump.COUNT);
  return 0;
}

function linkStats(body: usize, len: u32): i32 {
  const size = <u32>LinkStatsRec.DROPS + <u32>SkbDropReason.MAX * 8;
  if (len < size) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, LinkStatsRec.NET));
  if (net === null) return -Errno.ENOENT;
  const found = devGetByIndex(net, load<i32>(body, LinkStatsRec.IFINDEX));
  if (found === null) return -Errno.ENODEV;
  const dev = found;
  memory.copy(body + LinkStatsRec.RX_PACKETS, changetype<usize>(dev) + offsetof<NetDevice>('rxPackets'), 72);
  if (dev.kind === DevKind.PORT && dev.priv !== 0) {
    store<u64>(body, dev.rxErrors + load<u32>(dev.priv, Port.RX_ERRORS), LinkStatsRec.RX_ERRORS);
    store<u64>(body, dev.txErrors + load<u32>(dev.priv, Port.TX_ERRORS), LinkStatsRec.TX_ERRORS);
  }
  memory.fill(body + LinkStatsRec.QDISC_QLEN, 0, 24);
  if (dev.qdisc !== 0) {
    const q = changetype<Qdisc>(dev.qdisc);
    store<u64>(body, q.qlen, LinkStatsRec.QDISC_QLEN);
    store<u64>(body, q.drops, LinkStatsRec.QDISC_DROPS);
    store<u64>(body, q.requeues, LinkStatsRec.QDISC_REQUEUES);
  }
  memory.copy(body + LinkStatsRec.DROPS, dev.drops, <u32>SkbDropReason.MAX * 8);
  return 0;
}
