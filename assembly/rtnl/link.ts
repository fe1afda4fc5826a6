/** LINK_*: devices. Linux: net/core/rtnetlink.c, `ip link`. A file link_<kind> has what is of one kind only. */
import { SkbDropReason } from '../abi/drop_reason';
import { Port } from '../abi/layout';
import {
  Dump,
  LINK_SET_DATA,
  LINK_SET_MASTER,
  LINK_SET_SLAVE_DATA,
  LinkRec,
  LinkStatsRec,
  MsgType,
} from '../abi/request';
import { backlogPurge } from '../dev/backlog';
import { groFree } from '../dev/gro';
import { napiDisable } from '../dev/napi';
import {
  DevKind,
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_UP,
  IFNAMSIZ,
  NET_ADDR_SET,
  Ndo,
  NetDevice,
  devClose,
  devGetByIndex,
  devGetByName,
  devNamePtr,
  devNdo,
  devOpen,
  devSetAddr,
  devSetCarrier,
  devSetMtu,
  freeNetdev,
  notifyLink,
  unregisterNetdev,
} from '../dev/net_device';
import { Qdisc } from '../dev/qdisc';
import { devSetAllmulti, devSetPromiscuity } from '../dev/upper';
import { vethUpdateCarrier } from '../dev/veth';
import { kfree } from '../lib/kmalloc';
import { opIndex } from '../lib/ops';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { pktgenForgetStreams } from '../pktgen/generator';
import { sinkDel } from '../pktgen/sink';
import { qdiscDestroy } from '../sched/sch_pfifo_fast';
import { handlesForgetDev } from '../skb/handles';
import { MAC_MASK, MTU_MAX, MTU_MIN, checkMac, checkName } from './link_conf';
import { fillLink } from './link_fill';
import { linkKindNew, linkKindSet, linkSlaveSet } from './link_kinds';
import { portUninit } from './link_port';

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
  const set = load<u32>(body, LinkRec.SET);
  const masterIndex = load<i32>(body, LinkRec.MASTER);
  const err = linkKindNew(net, body);
  if (err !== 0 || (set & LINK_SET_MASTER) === 0 || masterIndex === 0) return err;
  const dev = devGetByIndex(net, load<i32>(body, LinkRec.IFINDEX))!;
  const mastered = setMaster(dev, masterIndex);
  if (mastered !== 0) linkDelete(dev);
  else fillLink(dev, body);
  return mastered;
}

/** Everything that LINK_SET may change but the flags, in Linux's order (do_setlink). What came before an error stays. */
function linkSet(net: Net, dev: NetDevice, body: usize): i32 {
  const mtu = load<u32>(body, LinkRec.MTU);
  const mac = load<u64>(body, LinkRec.MAC) & MAC_MASK;
  const name = body + LinkRec.NAME;
  if (mtu !== 0 && (mtu < MTU_MIN || mtu > MTU_MAX + <u32>(dev.kind === DevKind.LOOPBACK)))
    return -Errno.EINVAL;
  if (mac !== 0 && !checkMac(mac)) return -Errno.EADDRNOTAVAIL;
  const renamed = load<u8>(name) !== 0 && devGetByName(net, name) !== dev;
  if (renamed) {
    const err = checkName(net, name);
    if (err !== 0) return err;
  }
  if (mac !== 0) {
    const err = devNdo(dev, Ndo.SET_MAC, body + LinkRec.MAC, 0);
    if (err !== 0) return err;
    dev.addrAssignType = NET_ADDR_SET;
    // A kind that had more to do with it may have set it itself.
    if (dev.addr !== mac || dev.ndo === 0) devSetAddr(dev, mac);
  }
  if (mtu !== 0) {
    const err = devSetMtu(dev, mtu);
    if (err !== 0) return err;
  }
  if (renamed) {
    memory.copy(devNamePtr(dev), name, IFNAMSIZ);
    notifyLink(dev, false);
  }
  const features = load<u32>(body, LinkRec.FEATURES);
  if (features !== 0) dev.features = features;
  const carrier = load<u8>(body, LinkRec.CARRIER);
  const own = dev.kind === DevKind.PORT || dev.kind === DevKind.DUMMY;
  if (carrier !== CARRIER_KEEP && own) devSetCarrier(dev, carrier !== 0);
  const set = load<u32>(body, LinkRec.SET);
  let err: i32 = 0;
  if ((set & LINK_SET_DATA) !== 0) err = linkKindSet(dev, body + LinkRec.DATA);
  if (err === 0 && (set & LINK_SET_MASTER) !== 0) err = setMaster(dev, load<i32>(body, LinkRec.MASTER));
  if (err === 0 && (set & LINK_SET_SLAVE_DATA) !== 0) err = linkSlaveSet(dev, body + LinkRec.SLAVE_DATA);
  if (err === 0) err = setFlags(dev, load<u32>(body, LinkRec.FLAGS), load<u32>(body, LinkRec.CHANGE));
  if (err === 0) fillLink(dev, body);
  return err;
}

/** The bits of `change` become those of `flags`. Linux: __dev_change_flags. */
function setFlags(dev: NetDevice, flags: u32, change: u32): i32 {
  change &= IFF_CHANGEABLE;
  const plain = change & ~(IFF_UP | IFF_PROMISC | IFF_ALLMULTI);
  dev.flags = (dev.flags & ~plain) | (flags & plain);
  const wanted = (flags ^ dev.gflags) & change;
  if ((wanted & IFF_PROMISC) !== 0) {
    dev.gflags ^= IFF_PROMISC;
    devSetPromiscuity(dev, (flags & IFF_PROMISC) !== 0 ? 1 : -1);
  }
  if ((wanted & IFF_ALLMULTI) !== 0) {
    dev.gflags ^= IFF_ALLMULTI;
    devSetAllmulti(dev, (flags & IFF_ALLMULTI) !== 0 ? 1 : -1);
  }
  if ((change & IFF_UP) === 0) return 0;
  // A port keeps what its driver says of the carrier; the other kinds follow their flags.
  let err: i32 = 0;
  if ((flags & IFF_UP) !== 0) err = devOpen(dev);
  else devClose(dev);
  return err;
}

/** `ip link set DEV master M`: out of the old master, into the new one; 0 is none. Linux: do_set_master. */
function setMaster(dev: NetDevice, ifindex: i32): i32 {
  if (dev.upper !== 0) {
    const old = changetype<NetDevice>(dev.upper);
    if (old.ifindex === ifindex) return 0;
    const err = devNdo(old, Ndo.DEL_SLAVE, changetype<usize>(dev), 0);
    if (err !== 0) return err;
  }
  if (ifindex === 0) return 0;
  const master = devGetByIndex(dev.net, ifindex);
  if (master === null) return -Errno.EINVAL;
  if (master.ndo === 0 || opIndex(master.ndo + Ndo.ADD_SLAVE) === 0) return -Errno.EOPNOTSUPP;
  return devNdo(master, Ndo.ADD_SLAVE, changetype<usize>(dev), 0);
}

/** Deletes a device; a veth takes its peer along. */
function linkDelete(dev: NetDevice): void {
  const peer = dev.kind === DevKind.VETH ? dev.priv : 0;
  destroyDevice(dev);
  if (peer !== 0) destroyDevice(changetype<NetDevice>(peer));
}

/**
 * Takes one device out and frees all that it holds, with what is stacked on it; its ports go free. A veth's peer stays,
 * without carrier.
 */
export function destroyDevice(dev: NetDevice): void {
  if (dev.kind === DevKind.VETH && dev.priv !== 0) {
    const peer = changetype<NetDevice>(dev.priv);
    peer.priv = 0;
    vethUpdateCarrier(peer);
  }
  pktgenForgetStreams(changetype<usize>(dev));
  sinkDel(dev);
  while (dev.stackedHead !== 0) linkDelete(changetype<NetDevice>(dev.stackedHead));
  if (dev.upper !== 0) devNdo(changetype<NetDevice>(dev.upper), Ndo.DEL_SLAVE, changetype<usize>(dev), 0);
  while (dev.portHead !== 0) devNdo(dev, Ndo.DEL_SLAVE, dev.portHead, 0);
  unregisterNetdev(dev);
  notifyLink(dev, true);
  napiDisable(dev);
  backlogPurge(dev);
  handlesForgetDev(changetype<usize>(dev));
  qdiscDestroy(dev);
  if (dev.kind === DevKind.PORT) portUninit(dev);
  devNdo(dev, Ndo.UNINIT, 0, 0);
  groFree(dev);
  kfree(dev.ingressHooks);
  kfree(dev.egressHooks);
  freeNetdev(dev);
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
    store<u64>(body, dev.rxDropped + load<u32>(dev.priv, Port.RX_MISSED), LinkStatsRec.RX_DROPPED);
  }
  memory.fill(body + LinkStatsRec.QDISC_QLEN, 0, 24);
  if (dev.qdisc !== 0) {
    const q = changetype<Qdisc>(dev.qdisc);
    store<u64>(body, q.qlen, LinkStatsRec.QDISC_QLEN);
    store<u64>(body, q.drops, LinkStatsRec.QDISC_DROPS);
    store<u64>(body, q.requeues, LinkStatsRec.QDISC_REQUEUES);
  }
  memory.copy(body + LinkStatsRec.DROPS, dev.drops, <u32>SkbDropReason.MAX * 8);
  if (dev.kind === DevKind.PORT && dev.priv !== 0) {
    const at = body + LinkStatsRec.DROPS + <u32>SkbDropReason.FULL_RING * 8;
    store<u64>(at, load<u64>(at) + load<u32>(dev.priv, Port.RX_MISSED));
  }
  return 0;
}
