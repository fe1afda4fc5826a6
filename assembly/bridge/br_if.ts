/**
 * Bridges and their ports come and go. Linux: net/bridge/br_if.c.
 *
 *   brAddIf: promiscuous, rx_handler, master; local entries; address, MTU and carrier of the bridge follow its ports
 */
import { BrAttr, BrState } from '../abi/bridge';
import { Op } from '../abi/ops';
import {
  ARPHRD_ETHER,
  DevKind,
  IFF_LOOPBACK,
  NetDevice,
  devSetAddr,
  devSetMtu,
  netifRunning,
} from '../dev/net_device';
import {
  devSetPromiscuity,
  netdevRxHandlerRegister,
  netdevRxHandlerUnregister,
  netdevUpperDevLink,
  netdevUpperDevUnlink,
} from '../dev/upper';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Timer, timerDel } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { NetdevEvent } from '../net/registry';
import { brNeighSuppressUpdate } from './br_arp_nd_proxy';
import { fdbAddLocal, fdbChangeLocal, fdbDeleteByPort, fdbDestroy, fdbInit } from './br_fdb';
import { mdbDestroy, mdbForgetPort, mdbInit } from './br_mdb';
import {
  BRIDGE_BYTES,
  BR_MAX_PORTS,
  BR_PORT_BYTES,
  BR_PORT_DEFAULT,
  BrPort,
  BrTimer,
  Bridge,
  brAttr,
  brAttrStore,
  brGetPort,
  brIsUp,
  brTimer,
  macNumber,
} from './br_private';
import { brPortStateSelection } from './br_stp';
import {
  brInitPort,
  brSetAgeingTime,
  brStpChangeBridgeId,
  brStpDisablePort,
  brStpEnablePort,
  brStpPortTimers,
  brStpTimers,
} from './br_stp_if';
import { brVlanChangeAddr, brVlanInit, vlanGroupAlloc, vlanGroupFree } from './br_vlan';

const PORT_PRIORITY: u8 = 32;
/** 802.1D-1998 table 8-5 has no speed above 1 Gbit/s; Linux gives 10 Gbit/s and what is virtual 2. */
export const PATH_COST: u32 = 2;
const MTU_DEFAULT: u32 = 1500;
const DEFAULTS = memory.data<u32>([
  // FORWARD_DELAY, HELLO_TIME, MAX_AGE, AGEING_TIME, STP_STATE, PRIORITY
  1500, 200, 2000, 30000, 0, 32768,
  // VLAN_FILTERING, VLAN_PROTOCOL, GROUP_FWD_MASK, VLAN_DEFAULT_PVID, FDB_MAX_LEARNED, NO_LINKLOCAL_LEARN
  0, 0x8100, 0, 1, 0, 0,
  // MCAST_SNOOPING, MCAST_ROUTER, MCAST_QUERY_USE_IFADDR, MCAST_QUERIER, MCAST_HASH_MAX
  1, 1, 0, 0, 4096,
  // MCAST_LAST_MEMBER_COUNT, MCAST_STARTUP_QUERY_COUNT, MCAST_LAST_MEMBER_INTERVAL, MCAST_MEMBERSHIP_INTERVAL
  2, 2, 100, 26000,
  // MCAST_QUERIER_INTERVAL, _QUERY_INTERVAL, _QUERY_RESPONSE_INTERVAL, _STARTUP_QUERY_INTERVAL, versions
  25500, 12500, 1000, 3125, 2, 1,
  // VLAN_STATS_ENABLED, VLAN_STATS_PER_PORT
  0, 0,
]);
const DEFAULTS_COUNT: u32 = 29;

/** Makes the Bridge of `dev`, with Linux's defaults; false when memory ran out (brFree takes what there is). */
export function brInit(dev: NetDevice): bool {
  const at = kzalloc(BRIDGE_BYTES);
  if (at === 0) return false;
  const br = changetype<Bridge>(at);
  dev.priv = at;
  br.dev = changetype<usize>(dev);
  for (let i: u32 = 0; i < DEFAULTS_COUNT; i++) brAttrStore(br, <BrAttr>i, load<u32>(DEFAULTS + (i << 2)));
  br.snooping = 1;
  br.vlanProto = 0x8100;
  br.maxAge = brAttr(br, BrAttr.MAX_AGE) * 10;
  br.helloTime = brAttr(br, BrAttr.HELLO_TIME) * 10;
  br.forwardDelay = brAttr(br, BrAttr.FORWARD_DELAY) * 10;
  br.bridgeId = ((<u64>brAttr(br, BrAttr.PRIORITY)) << 48) | macNumber(dev.addr);
  br.designatedRoot = br.bridgeId;
  brStpTimers(br);
  br.vlans = vlanGroupAlloc();
  if (br.vlans === 0 || !fdbInit(br) || !mdbInit(br)) return false;
  brSetAgeingTime(br);
  return true;
}

/** The device is registered: its own addresses. */
export function brRegistered(br: Bridge): void {
  fdbAddLocal(br, null, changetype<NetDevice>(br.dev).addr, 0);
  brVlanInit(br, null);
}

/** Frees what the bridge holds; its ports are gone. */
export function brFree(dev: NetDevice): void {
  if (dev.priv === 0) return;
  const br = changetype<Bridge>(dev.priv);
  dev.priv = 0;
  for (let i: u32 = 0; i < <u32>BrTimer.MAX; i++) timerDel(changetype<Timer>(brTimer(br, <BrTimer>i)));
  mdbDestroy(br);
  fdbDestroy(br);
  vlanGroupFree(br.vlans);
  kfree(changetype<usize>(br));
}

/** The Bridge and the BrPort of a device, or null. */
export function brOf(dev: NetDevice): Bridge | null {
  return dev.kind === <u8>DevKind.BRIDGE ? changetype<Bridge>(dev.priv) : null;
}

export function brPortOf(dev: NetDevice): BrPort | null {
  return dev.rxHandler === <u32>Op.RX_HANDLER_BRIDGE ? changetype<BrPort>(dev.rxHandlerData) : null;
}

/** Linux: br_add_if. */
export function brAddIf(br: Bridge, dev: NetDevice): i32 {
  if ((dev.flags & IFF_LOOPBACK) !== 0 || dev.type !== ARPHRD_ETHER) return -Errno.EINVAL;
  if (dev.kind === <u8>DevKind.BRIDGE) return -Errno.ELOOP;
  if (dev.rxHandler !== 0 || dev.upper !== 0) return -Errno.EBUSY;
  let no: u32 = 1;
  while (brGetPort(br, no) !== null) no++;
  if (no > BR_MAX_PORTS) return -Errno.EXFULL;
  const at = kzalloc(BR_PORT_BYTES);
  if (at === 0) return -Errno.ENOMEM;
  const p = changetype<BrPort>(at);
  p.br = changetype<usize>(br);
  p.dev = changetype<usize>(dev);
  p.addr = dev.addr;
  p.flags = BR_PORT_DEFAULT;
  p.no = <u16>no;
  p.priority = PORT_PRIORITY;
  p.pathCost = PATH_COST;
  p.mcastRouter = 1;
  p.vlans = vlanGroupAlloc();
  brStpPortTimers(p);
  brInitPort(p);
  p.state = <u8>BrState.DISABLED;
  let err = p.vlans === 0 ? -Errno.ENOMEM : netdevRxHandlerRegister(dev, Op.RX_HANDLER_BRIDGE, at);
  if (err === 0) {
    err = netdevUpperDevLink(dev, changetype<NetDevice>(br.dev));
    if (err !== 0) netdevRxHandlerUnregister(dev);
  }
  if (err !== 0) {
    vlanGroupFree(p.vlans);
    kfree(at);
    return err;
  }
  devSetPromiscuity(dev, 1);
  appendPort(br, p);
  fdbAddLocal(br, p, dev.addr, 0);
  brVlanInit(br, p);
  recalculateAddress(br);
  if (brIsUp(br) && netifRunning(dev)) brStpEnablePort(p);
  else if (br.portCount === 1) brPortStateSelection(br);
  adjustMtu(br);
  return 0;
}

function appendPort(br: Bridge, p: BrPort): void {
  br.portCount++;
  if (br.ports === 0) {
    br.ports = changetype<usize>(p);
    return;
  }
  let last = changetype<BrPort>(br.ports);
  while (last.next !== 0) last = changetype<BrPort>(last.next);
  last.next = changetype<usize>(p);
}

/** Linux: br_del_if. */
export function brDelIf(p: BrPort): void {
  const br = changetype<Bridge>(p.br);
  const dev = changetype<NetDevice>(p.dev);
  if (p.state !== <u8>BrState.DISABLED) brStpDisablePort(p);
  mdbForgetPort(br, p, true);
  devSetPromiscuity(dev, -1);
  netdevRxHandlerUnregister(dev);
  let link = changetype<usize>(br) + offsetof<Bridge>('ports');
  while (load<u32>(link) !== changetype<usize>(p)) link = load<u32>(link) + offsetof<BrPort>('next');
  store<u32>(link, p.next);
  br.portCount--;
  brNeighSuppressUpdate(br);
  fdbDeleteByPort(br, p, true);
  netdevUpperDevUnlink(dev);
  vlanGroupFree(p.vlans);
  kfree(changetype<usize>(p));
  adjustMtu(br);
  recalculateAddress(br);
}

/** The lowest address of its ports is the bridge's, unless one was given. Linux: br_stp_recalculate_bridge_id. */
function recalculateAddress(br: Bridge): void {
  if (br.addrSet !== 0) return;
  let best: u64 = 0;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const mac = changetype<NetDevice>(changetype<BrPort>(at).dev).addr;
    if (best === 0 || macNumber(mac) < macNumber(best)) best = mac;
  }
  const dev = changetype<NetDevice>(br.dev);
  if (best === dev.addr) return;
  brSetAddress(br, best);
  devSetAddr(dev, best);
}

/** Entries and identifiers follow a new address of the bridge device. */
export function brSetAddress(br: Bridge, mac: u64): void {
  const dev = changetype<NetDevice>(br.dev);
  const old = dev.addr;
  dev.addr = mac;
  fdbChangeLocal(br, null, old, mac);
  brVlanChangeAddr(br, null, old, mac);
  brStpChangeBridgeId(br, mac);
}

/** The smallest MTU of its ports is the bridge's, unless one was given. Linux: br_mtu_auto_adjust. */
function adjustMtu(br: Bridge): void {
  if (br.mtuSet !== 0) return;
  let mtu: u32 = 0;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) {
    const own = changetype<NetDevice>(changetype<BrPort>(at).dev).mtu;
    if (mtu === 0 || own < mtu) mtu = own;
  }
  devSetMtu(changetype<NetDevice>(br.dev), mtu === 0 ? MTU_DEFAULT : mtu);
  br.mtuSet = 0;
}

/** Something happened to the device of a port. Linux: br_device_event. */
export function brPortEvent(p: BrPort, event: NetdevEvent): void {
  const br = changetype<Bridge>(p.br);
  const dev = changetype<NetDevice>(p.dev);
  if (event === NetdevEvent.CHANGEMTU) {
    adjustMtu(br);
    return;
  }
  if (event === NetdevEvent.CHANGEADDR) {
    fdbChangeLocal(br, p, p.addr, dev.addr);
    brVlanChangeAddr(br, p, p.addr, dev.addr);
    p.addr = dev.addr;
    recalculateAddress(br);
    return;
  }
  if (event !== NetdevEvent.UP && event !== NetdevEvent.DOWN && event !== NetdevEvent.CHANGE) return;
  if (!brIsUp(br)) return;
  const on = netifRunning(dev);
  if (on && p.state === <u8>BrState.DISABLED) brStpEnablePort(p);
  else if (!on && p.state !== <u8>BrState.DISABLED) brStpDisablePort(p);
}
