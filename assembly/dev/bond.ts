/**
 * bond: several devices as one. Linux: drivers/net/bonding/bond_main.c, Documentation/networking/bonding.rst.
 *
 *   devQueueXmit(bond) ─► bondXmit: by mode ─┬─ active-backup: the active port     ─► devQueueXmit(port)
 *                                            ├─ balance-rr: the next
 *                                            ├─ balance-xor, 802.3ad: by hash
 *                                            ├─ balance-tlb: by load (bond_tlb)
 *                                            └─ broadcast: all
 *   port ─► rx_handler ─┬─ slow protocols (802.3ad) ─► bond_3ad
 *                       ├─ from a port that is not in use: to an end
 *                       └─ the bond's stack
 *
 * Differs: no balance-alb.
 */
import {
  BOND_FOM_ACTIVE,
  BOND_FOM_NONE,
  BOND_LINK_BACK,
  BOND_LINK_DOWN,
  BOND_LINK_UP,
  BOND_MODE_8023AD,
  BOND_MODE_ACTIVEBACKUP,
  BOND_MODE_BROADCAST,
  BOND_MODE_ROUNDROBIN,
  BOND_MODE_TLB,
} from '../abi/link_data';
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { randomU64 } from '../lib/random';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { NetdevEvent } from '../net/registry';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbClone, skbCowHead } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_SLOW, isLinkLocalEtherAddr } from '../wire/ethernet';
import {
  AD_MARKER_INFORMATION_SUBTYPE,
  AD_TYPE_LACPDU,
  SLOW_PDU_LEN,
  checkSlowPdu,
  markerTlvType,
  slowSubtype,
} from '../wire/lacp';
import { bond3adBind, bond3adReceive, bond3adReselect, bond3adTick, bond3adUnbind } from './bond_3ad';
import { bondArpBegin, bondArpMonitor, bondArpSeen } from './bond_arp';
import { bondXmitHash } from './bond_hash';
import { SLOW_PROTOCOLS_MULTICAST, markerRespond } from './bond_lacpdu';
import {
  bondChangeActive,
  bondDevLink,
  bondIgmpTimer,
  bondMiiMonitor,
  bondSelectActive,
  bondSetCarrier,
  intervals,
} from './bond_select';
import {
  BOND_AD_TIMER,
  BOND_ARP_TARGETS,
  BOND_ARP_TIMER,
  BOND_BYTES,
  BOND_IGMP_TIMER,
  BOND_MII_TIMER,
  BOND_SLAVE_BYTES,
  Bond,
  BondSlave,
  SLAVE_TARGET_RX,
  bondOf,
  bondSetActive,
  bondSetInactive,
  bondSlave,
  bondUsesPrimary,
  firstSlave,
  nextSlave,
  slaveDev,
} from './bond_slave';
import {
  bondTlbClear,
  bondTlbReady,
  bondTlbRebalance,
  bondTlbSlave,
  bondTlbSource,
  bondTlbTick,
} from './bond_tlb';
import {
  ARPHRD_ETHER,
  DevKind,
  IFF_LOOPBACK,
  IFF_MASTER,
  IFF_PROMISC,
  IFF_SLAVE,
  IFF_UP,
  NET_ADDR_RANDOM,
  NET_ADDR_STOLEN,
  Ndo,
  NetDevice,
  allocNetdev,
  devClose,
  devNdo,
  devOpen,
  devSetAddr,
  devSetMtu,
  netifRunning,
} from './net_device';
import { NETDEV_TX_OK } from './port';
import { netifReceiveSkbList } from './receive';
import {
  devSetPromiscuity,
  netdevRxHandlerRegister,
  netdevRxHandlerUnregister,
  netdevUpperDevLink,
  netdevUpperDevUnlink,
} from './upper';
import { devQueueXmit } from './xmit';

const MAC_MASK: u64 = 0xffffffffffff;
const MS: u64 = 1_000_000;
const AD_TICK_MS: u64 = 100;
const BOND_FEATURES: u32 =
  NetifF.HW_CSUM |
  NetifF.TSO |
  NetifF.TSO6 |
  NetifF.GSO_UDP_L4 |
  NetifF.SG |
  NetifF.RXCSUM |
  NetifF.HW_VLAN_TX |
  NetifF.LLTX;

/** A bond without ports, not yet registered, with Linux's defaults; null when memory ran out. */
export function bondCreate(net: Net): NetDevice | null {
  const dev = allocNetdev(net, DevKind.BOND);
  if (dev === null) return null;
  dev.ndo = Op.NDO_BOND;
  dev.xmitOp = Op.XMIT_BOND;
  dev.features = BOND_FEATURES;
  dev.flags |= IFF_MASTER;
  assert(offsetof<Bond>() <= BOND_ARP_TARGETS, 'BOND_ARP_TARGETS is behind the fields');
  dev.priv = kzalloc(BOND_BYTES);
  if (dev.priv === 0) return dev;
  const bond = bondOf(dev);
  bond.mode = <u8>BOND_MODE_ROUNDROBIN;
  bond.numPeerNotif = 1;
  bond.packetsPerSlave = 1;
  bond.lacpActive = 1;
  bond.adActorSysPrio = 0xffff;
  bond.missedMax = 2;
  bond.resendIgmp = 1;
  timerSetup(miiTimer(dev), Op.TIMER_BOND_MII, changetype<usize>(dev));
  timerSetup(adTimer(dev), Op.TIMER_BOND_AD, changetype<usize>(dev));
  timerSetup(arpTimer(dev), Op.TIMER_BOND_ARP, changetype<usize>(dev));
  timerSetup(igmpTimer(dev), Op.TIMER_BOND_IGMP, changetype<usize>(dev));
  return dev;
}

function miiTimer(dev: NetDevice): Timer {
  return changetype<Timer>(dev.priv + BOND_MII_TIMER);
}
function adTimer(dev: NetDevice): Timer {
  return changetype<Timer>(dev.priv + BOND_AD_TIMER);
}
function arpTimer(dev: NetDevice): Timer {
  return changetype<Timer>(dev.priv + BOND_ARP_TIMER);
}
function igmpTimer(dev: NetDevice): Timer {
  return changetype<Timer>(dev.priv + BOND_IGMP_TIMER);
}

// ---- transmission

/** Linux: bond_slave_can_tx. */
function canTx(slave: BondSlave): bool {
  return slave.link === <u8>BOND_LINK_UP && slave.backup === 0 && (slaveDev(slave).flags & IFF_UP) !== 0;
}

/** Port number `id` of those that can send, counted from it on; 0 when there is none. */
function slaveById(dev: NetDevice, id: u32): usize {
  let first: usize = 0;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (canTx(slave)) {
      if (id === 0) return at;
      if (first === 0) first = at;
    }
    if (id !== 0) id--;
  }
  return first;
}

/** By hash among those that can send. Linux: bond_xmit_3ad_xor_slave_get. */
function slaveByHash(dev: NetDevice, skb: SkBuff): usize {
  let usable: u32 = 0;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    if (canTx(changetype<BondSlave>(at))) usable++;
  }
  if (usable === 0) return 0;
  let n = bondXmitHash(skb, bondOf(dev).xmitPolicy) % usable;
  let at = firstSlave(dev);
  while (at !== 0) {
    if (canTx(changetype<BondSlave>(at)) && n-- === 0) return at;
    at = nextSlave(changetype<BondSlave>(at));
  }
  return 0;
}

/** ndo_start_xmit. */
function bondXmit(skbPtr: usize, devPtr: usize): i32 {
  const skb = changetype<SkBuff>(skbPtr);
  const dev = changetype<NetDevice>(devPtr);
  const bond = bondOf(dev);
  let slave: usize = 0;
  switch (<u32>bond.mode) {
    case BOND_MODE_ACTIVEBACKUP:
      if (bond.active !== 0) slave = changetype<usize>(bondSlave(changetype<NetDevice>(bond.active)));
      break;
    case BOND_MODE_ROUNDROBIN:
      if (bond.slaveCount !== 0) slave = slaveById(dev, roundRobin(bond) % bond.slaveCount);
      break;
    case BOND_MODE_BROADCAST:
      broadcast(dev, skb);
      return NETDEV_TX_OK;
    case BOND_MODE_TLB:
      slave = bondTlbSlave(dev, skb);
      if (slave !== 0 && !canTx(changetype<BondSlave>(slave))) {
        bondTlbClear(bond, changetype<BondSlave>(slave), false);
        slave = 0;
      } else if (slave !== 0) {
        if (slave !== activeSlave(bond) && !skbCowHead(skb, 0)) slave = 0;
        else bondTlbSource(dev, changetype<BondSlave>(slave), skb);
      }
      break;
    default:
      slave = slaveByHash(dev, skb);
  }
  if (slave === 0) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return NETDEV_TX_OK;
  }
  sendBy(dev, changetype<BondSlave>(slave), skb);
  return NETDEV_TX_OK;
}

function activeSlave(bond: Bond): usize {
  return bond.active === 0 ? 0 : changetype<usize>(bondSlave(changetype<NetDevice>(bond.active)));
}

/** Linux: bond_rr_gen_slave_id. */
function roundRobin(bond: Bond): u32 {
  if (bond.packetsPerSlave === 0) return <u32>randomU64();
  return bond.rrCounter++ / bond.packetsPerSlave;
}

function sendBy(dev: NetDevice, slave: BondSlave, skb: SkBuff): void {
  dev.txPackets++;
  dev.txBytes += skb.len;
  skb.dev = slave.dev;
  slave.lastTx = <i64>root().now;
  devQueueXmit(skb);
}

/** To all ports that are up, a clone each but for the last. */
function broadcast(dev: NetDevice, skb: SkBuff): void {
  let last: usize = 0;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (slave.link !== <u8>BOND_LINK_UP || (slaveDev(slave).flags & IFF_UP) === 0) continue;
    if (last !== 0) {
      const clone = skbClone(skb);
      if (clone !== null) sendBy(dev, changetype<BondSlave>(last), clone);
    }
    last = at;
  }
  if (last !== 0) {
    sendBy(dev, changetype<BondSlave>(last), skb);
    return;
  }
  dev.txDropped++;
  kfreeSkbReason(skb, SkbDropReason.DEV_READY);
}

// ---- reception

/** The rx_handler of a port. Linux: bond_handle_frame. */
function bondHandleFrames(list: usize, n: u32, portPtr: usize): u32 {
  const slave = bondSlave(changetype<NetDevice>(portPtr));
  const dev = changetype<NetDevice>(slave.bond);
  const lacp = bondOf(dev).mode === <u8>BOND_MODE_8023AD;
  const asks = bondOf(dev).arpInterval !== 0;
  let kept: u32 = 0;
  let up: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if (lacp && <u32>skb.protocol === ETH_P_SLOW && slowProtocol(skb, slave)) continue;
    if (asks) bondArpSeen(slave, skb);
    dev.rxPackets++;
    dev.rxBytes += skb.len + ETH_HLEN;
    if (slave.inactive !== 0) {
      // LLDP and the like are the port's own business, whether it is in use or not.
      if (isLinkLocalEtherAddr(skb.macHeader)) store<u32>(list + (kept++ << 2), changetype<usize>(skb));
      else kfreeSkbReason(skb, SkbDropReason.UNHANDLED_PROTO);
      continue;
    }
    skb.dev = changetype<usize>(dev);
    skb.iif = dev.ifindex;
    // With fail_over_mac the port's address need not be the bond's.
    if (skb.pktType === PACKET_OTHERHOST && (load<u64>(skb.macHeader) & MAC_MASK) === dev.addr)
      skb.pktType = PACKET_HOST;
    if (skb.pktType === PACKET_MULTICAST) dev.multicast++;
    store<u32>(list + (up++ << 2), changetype<usize>(skb));
  }
  if (slave.inactive !== 0) return kept;
  if (up !== 0) {
    if ((dev.flags & IFF_UP) !== 0) netifReceiveSkbList(dev, list, up);
    else
      for (let i: u32 = 0; i < up; i++)
        kfreeSkbReason(changetype<SkBuff>(load<u32>(list + (i << 2))), SkbDropReason.DEV_READY);
  }
  return 0;
}

/** LACPDUs and markers end here. False: not one of these. */
function slowProtocol(skb: SkBuff, slave: BondSlave): bool {
  if ((load<u64>(skb.macHeader) & MAC_MASK) !== SLOW_PROTOCOLS_MULTICAST) return false;
  if (!pskbMayPull(skb, SLOW_PDU_LEN) || checkSlowPdu(skb.data, skb.len) !== 0) return false;
  if (slowSubtype(skb.data) === AD_TYPE_LACPDU) {
    bond3adReceive(slave, skb.data);
    consumeSkb(skb);
  } else if (markerTlvType(skb.data) === AD_MARKER_INFORMATION_SUBTYPE) {
    markerRespond(skb, slave);
  } else {
    consumeSkb(skb);
  }
  return true;
}

// ---- ports

/** Linux: bond_enslave. */
function bondEnslave(devPtr: usize, portPtr: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const port = changetype<NetDevice>(portPtr);
  const bond = bondOf(dev);
  if (port.upper !== 0 || port.rxHandler !== 0) return -Errno.EBUSY;
  if (bond.mode === <u8>BOND_MODE_TLB && !bondTlbReady(bond)) return -Errno.ENOMEM;
  if ((port.flags & IFF_MASTER) !== 0 && port.kind === DevKind.BOND) return -Errno.EPERM;
  if (port.type !== ARPHRD_ETHER || (port.flags & IFF_LOOPBACK) !== 0) return -Errno.EINVAL;
  // "Device can not be enslaved while up."
  if ((port.flags & IFF_UP) !== 0) return -Errno.EPERM;
  assert(offsetof<BondSlave>() <= SLAVE_TARGET_RX, 'SLAVE_TARGET_RX is behind the fields');
  const p = kzalloc(BOND_SLAVE_BYTES);
  if (p === 0) return -Errno.ENOMEM;
  const slave = changetype<BondSlave>(p);
  slave.dev = portPtr;
  slave.bond = devPtr;
  slave.permAddr = port.addr;
  slave.origMtu = port.mtu;
  // The first port gives the bond its address, unless the user did.
  if (
    dev.portHead === 0 &&
    (dev.addrAssignType === NET_ADDR_RANDOM || dev.addrAssignType === NET_ADDR_STOLEN)
  ) {
    dev.addrAssignType = NET_ADDR_STOLEN;
    devSetAddr(dev, port.addr);
  }
  let err = devSetMtu(port, dev.mtu);
  const keepMac = bond.failOverMac !== <u8>BOND_FOM_NONE && bond.mode === <u8>BOND_MODE_ACTIVEBACKUP;
  // With balance-tlb each has its own; the active one takes the bond's.
  if (err === 0 && !keepMac && bond.mode !== <u8>BOND_MODE_TLB) err = setPortMac(port, dev.addr);
  if (err === 0) {
    port.flags |= IFF_SLAVE;
    err = devOpen(port);
  }
  if (err === 0) err = netdevRxHandlerRegister(port, Op.RX_HANDLER_BOND, p);
  if (err === 0) {
    const linked = netdevUpperDevLink(port, dev);
    if (linked !== 0) netdevRxHandlerUnregister(port);
    err = linked;
  }
  if (err !== 0) {
    devClose(port);
    port.flags &= ~IFF_SLAVE;
    setPortMac(port, slave.permAddr);
    devSetMtu(port, slave.origMtu);
    kfree(p);
    return err;
  }
  bond.slaveCount++;
  if ((dev.flags & IFF_PROMISC) !== 0) devSetPromiscuity(port, 1);
  startLink(bond, slave);
  bondArpBegin(slave);
  if (bondUsesPrimary(bond)) {
    bondSetInactive(slave);
    if (bond.mode === <u8>BOND_MODE_TLB) bondTlbRebalance(bond);
    bondSelectActive(dev);
  } else if (bond.mode === <u8>BOND_MODE_8023AD) {
    if (dev.portHead === portPtr) bond.aggSelectTimer = 1;
    bond3adBind(slave);
  } else {
    bondSetActive(slave);
    if (bond.active === 0 && slave.link === <u8>BOND_LINK_UP) bond.active = portPtr;
  }
  bondSetCarrier(dev);
  return 0;
}

/** What a new port's link is taken for. */
function startLink(bond: Bond, slave: BondSlave): void {
  if (bond.miimon === 0) {
    const up = bond.arpInterval === 0 || netifRunning(slaveDev(slave));
    slave.link = <u8>(up ? BOND_LINK_UP : BOND_LINK_DOWN);
  } else if (!bondDevLink(slaveDev(slave))) {
    slave.link = <u8>BOND_LINK_DOWN;
  } else if (bond.updelay !== 0) {
    slave.link = <u8>BOND_LINK_BACK;
    slave.delay = intervals(bond, bond.updelay);
  } else {
    slave.link = <u8>BOND_LINK_UP;
  }
}

function setPortMac(port: NetDevice, mac: u64): i32 {
  if (port.addr === mac) return 0;
  const at = scratch(Scratch.BOND_MAC);
  store<u64>(at, mac);
  const err = devNdo(port, Ndo.SET_MAC, at, 0);
  if (err === 0 && port.addr !== mac) devSetAddr(port, mac);
  return err;
}

/** Linux: __bond_release_one. */
function bondRelease(devPtr: usize, portPtr: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const port = changetype<NetDevice>(portPtr);
  if (port.upper !== devPtr) return -Errno.EINVAL;
  const bond = bondOf(dev);
  const slave = bondSlave(port);
  const lacp = bond.mode === <u8>BOND_MODE_8023AD;
  if (lacp) bond3adUnbind(slave);
  netdevRxHandlerUnregister(port);
  // The record is out of reach of the handler now, but not of the list: it leaves both before it is freed.
  if (bond.primary === portPtr) bond.primary = 0;
  if (bond.currentArpSlave === portPtr) bond.currentArpSlave = 0;
  const wasActive = bond.active === portPtr;
  bond.active = wasActive ? 0 : bond.active;
  if (bond.mode === <u8>BOND_MODE_TLB) bondTlbClear(bond, slave, false);
  if ((dev.flags & IFF_PROMISC) !== 0) devSetPromiscuity(port, -1);
  netdevUpperDevUnlink(port);
  bond.slaveCount--;
  if (lacp) bond3adReselect(dev);
  else if (wasActive) bondSelectActive(dev);
  bondSetCarrier(dev);
  if (dev.portHead === 0 && dev.addrAssignType === NET_ADDR_STOLEN) {
    // The address went with the port: another one until the next comes.
    dev.addrAssignType = NET_ADDR_RANDOM;
    devSetAddr(dev, (randomU64() & MAC_MASK & ~(<u64>1)) | 2);
  }
  devClose(port);
  port.flags &= ~IFF_SLAVE;
  if (bond.failOverMac !== <u8>BOND_FOM_ACTIVE || bond.mode !== <u8>BOND_MODE_ACTIVEBACKUP)
    setPortMac(port, slave.permAddr);
  devSetMtu(port, slave.origMtu);
  kfree(changetype<usize>(slave));
  return 0;
}

// ---- the bond itself

/** Linux: bond_open. */
function bondOpen(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const bond = bondOf(dev);
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (bondUsesPrimary(bond) && slave.dev !== bond.active) bondSetInactive(slave);
    else if (bond.mode !== <u8>BOND_MODE_8023AD) bondSetActive(slave);
  }
  bondStartTimers(dev);
  if (bond.mode === <u8>BOND_MODE_8023AD) bond.aggSelectTimer = 1;
  return 0;
}

function bondStop(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  bondOf(dev).sendPeerNotif = 0;
  timerDel(miiTimer(dev));
  timerDel(adTimer(dev));
  timerDel(arpTimer(dev));
  timerDel(igmpTimer(dev));
  return 0;
}

/** Starts what the mode and miimon ask for; also after these have changed. */
export function bondStartTimers(dev: NetDevice): void {
  const bond = bondOf(dev);
  timerDel(miiTimer(dev));
  timerDel(adTimer(dev));
  timerDel(arpTimer(dev));
  const now = root().now;
  if (bond.miimon !== 0) timerAdd(miiTimer(dev), now);
  if (bond.arpInterval !== 0) timerAdd(arpTimer(dev), now);
  if (ticks(bond)) timerAdd(adTimer(dev), now + AD_TICK_MS * MS);
}

/** LACP and balance-tlb do something every 100 ms. */
function ticks(bond: Bond): bool {
  return bond.mode === <u8>BOND_MODE_8023AD || bond.mode === <u8>BOND_MODE_TLB;
}

function miiTimerHandler(devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  bondMiiMonitor(dev);
  const bond = bondOf(dev);
  if (bond.miimon !== 0 && (dev.flags & IFF_UP) !== 0)
    timerAdd(miiTimer(dev), root().now + <u64>bond.miimon * MS);
}

function arpTimerHandler(devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  bondArpMonitor(dev);
  const bond = bondOf(dev);
  if (bond.arpInterval !== 0 && (dev.flags & IFF_UP) !== 0)
    timerAdd(arpTimer(dev), root().now + <u64>bond.arpInterval * MS);
}

function adTimerHandler(devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  if (bondOf(dev).mode === <u8>BOND_MODE_TLB) bondTlbTick(dev);
  else bond3adTick(dev);
  if (ticks(bondOf(dev)) && (dev.flags & IFF_UP) !== 0) timerAdd(adTimer(dev), root().now + AD_TICK_MS * MS);
}

/** Linux: bond_slave_netdev_event. A port that is set down by hand is seen by the next look at its link. */
function bondEvent(devPtr: usize, event: usize, portPtr: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const bond = bondOf(dev);
  if (<u32>event !== <u32>NetdevEvent.CHANGEADDR) return 0;
  // fail_over_mac active: the bond has whatever address its active port has.
  if (bond.failOverMac !== <u8>BOND_FOM_ACTIVE || bond.active !== portPtr) return 0;
  if (bond.mode !== <u8>BOND_MODE_ACTIVEBACKUP) return 0;
  const addr = changetype<NetDevice>(portPtr).addr;
  if (dev.addr !== addr) devSetAddr(dev, addr);
  return 0;
}

/** Linux: bond_change_mtu. All ports, or none. */
function bondChangeMtu(devPtr: usize, mtu: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const err = devSetMtu(slaveDev(changetype<BondSlave>(at)), mtu);
    if (err === 0) continue;
    for (let back = firstSlave(dev); back !== at; back = nextSlave(changetype<BondSlave>(back)))
      devSetMtu(slaveDev(changetype<BondSlave>(back)), dev.mtu);
    return err;
  }
  return 0;
}

/** Linux: bond_set_mac_address. */
function bondSetMac(devPtr: usize, macPtr: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  const bond = bondOf(dev);
  const mac = load<u64>(macPtr) & MAC_MASK;
  if (bond.mode === <u8>BOND_MODE_ACTIVEBACKUP && bond.failOverMac === <u8>BOND_FOM_ACTIVE)
    return -Errno.EOPNOTSUPP;
  if (bond.mode === <u8>BOND_MODE_TLB) {
    // Only the active one has the bond's address.
    return bond.active === 0 ? 0 : setPortMac(changetype<NetDevice>(bond.active), mac);
  }
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const err = setPortMac(slaveDev(changetype<BondSlave>(at)), mac);
    if (err !== 0) return err;
  }
  return 0;
}

function bondUninit(devPtr: usize, _a: usize, _b: usize): i32 {
  const dev = changetype<NetDevice>(devPtr);
  if (dev.priv !== 0) {
    bondStop(devPtr, 0, 0);
    if (bondOf(dev).tlbTable !== 0) kfree(bondOf(dev).tlbTable);
  }
  kfree(dev.priv);
  dev.priv = 0;
  return 0;
}

/** `ip link set bond0 type bond active_slave`: only a port that is up. */
export function bondSetActiveSlave(dev: NetDevice, port: NetDevice | null): i32 {
  const bond = bondOf(dev);
  if (!bondUsesPrimary(bond)) return -Errno.EINVAL;
  if (port === null) {
    bondChangeActive(dev, 0);
    bondSelectActive(dev);
    return 0;
  }
  if (port.upper !== changetype<usize>(dev)) return -Errno.EINVAL;
  if (bondSlave(port).link !== <u8>BOND_LINK_UP && bondSlave(port).link !== <u8>BOND_LINK_BACK)
    return -Errno.EINVAL;
  bondChangeActive(dev, changetype<usize>(port));
  return 0;
}

export function bondOpsInit(): void {
  opSet(Op.XMIT_BOND, bondXmit.index);
  opSet(Op.RX_HANDLER_BOND, bondHandleFrames.index);
  opSet(Op.TIMER_BOND_MII, miiTimerHandler.index);
  opSet(Op.TIMER_BOND_AD, adTimerHandler.index);
  opSet(Op.TIMER_BOND_ARP, arpTimerHandler.index);
  opSet(Op.TIMER_BOND_IGMP, bondIgmpTimer.index);
  opSet(Op.NDO_BOND + <u32>Ndo.OPEN, bondOpen.index);
  opSet(Op.NDO_BOND + <u32>Ndo.STOP, bondStop.index);
  opSet(Op.NDO_BOND + <u32>Ndo.EVENT, bondEvent.index);
  opSet(Op.NDO_BOND + <u32>Ndo.ADD_SLAVE, bondEnslave.index);
  opSet(Op.NDO_BOND + <u32>Ndo.DEL_SLAVE, bondRelease.index);
  opSet(Op.NDO_BOND + <u32>Ndo.CHANGE_MTU, bondChangeMtu.index);
  opSet(Op.NDO_BOND + <u32>Ndo.SET_MAC, bondSetMac.index);
  opSet(Op.NDO_BOND + <u32>Ndo.UNINIT, bondUninit.index);
}
