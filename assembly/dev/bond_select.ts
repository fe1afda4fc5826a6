/**
 * Which port of a bond is in use: links looked at every miimon milliseconds, the best of those that are up made the
 * active one, and the network told when that changes. Linux: bond_miimon_inspect, bond_miimon_commit,
 * bond_select_active_slave (drivers/net/bonding/bond_main.c).
 *
 *          carrier gone                downdelay over
 *    UP ─────────────────► FAIL ─────────────────────► DOWN
 *     ▲ ◄── came again ─────┘                            │ carrier
 *     └───────────────────────── BACK ◄──────────────────┘
 *             updelay over        └─ gone again ─► DOWN
 */
import {
  BOND_FOM_ACTIVE,
  BOND_FOM_FOLLOW,
  BOND_LINK_BACK,
  BOND_LINK_DOWN,
  BOND_LINK_FAIL,
  BOND_LINK_UP,
  BOND_MODE_8023AD,
  BOND_MODE_ACTIVEBACKUP,
  BOND_MODE_ROUNDROBIN,
  BOND_MODE_TLB,
  BOND_PRI_RESELECT_ALWAYS,
} from '../abi/link_data';
import { root } from '../lib/root';
import { Timer, timerAdd } from '../lib/timer_wheel';
import { NetdevEvent, callNetdevNotifiers } from '../net/registry';
import { bond3adLinkChange } from './bond_3ad';
import { bond3adSetCarrier } from './bond_3ad_select';
import {
  BOND_IGMP_TIMER,
  Bond,
  BondSlave,
  bondOf,
  bondSetActive,
  bondSetInactive,
  bondSlave,
  bondUsesPrimary,
  firstSlave,
  nextSlave,
  slaveDev,
} from './bond_slave';
import { bondTlbActive, bondTlbClear, bondTlbRebalance } from './bond_tlb';
import { IFF_UP, NetDevice, devSetAddr, devSetCarrier, netifRunning } from './net_device';

const MS: u64 = 1_000_000;
/** The first report of groups behind a failover, and the time to the next. */
const IGMP_FIRST: u64 = MS;
const IGMP_NEXT: u64 = 200 * MS;

/** TIMER_BOND_IGMP. Linux: bond_resend_igmp_join_requests. */
export function bondIgmpTimer(devPtr: usize): void {
  const dev = changetype<NetDevice>(devPtr);
  const bond = bondOf(dev);
  callNetdevNotifiers(NetdevEvent.RESEND_IGMP, devPtr);
  if (bond.igmpRetrans <= 1) {
    bond.igmpRetrans = 0;
    return;
  }
  bond.igmpRetrans--;
  timerAdd(changetype<Timer>(dev.priv + BOND_IGMP_TIMER), root().now + IGMP_NEXT);
}

/** Linux: bond_check_dev_link with use_carrier. */
export function bondDevLink(dev: NetDevice): bool {
  return netifRunning(dev);
}

/** One look at all links. Linux: bond_mii_monitor. */
export function bondMiiMonitor(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  let failover = false;
  let ignoreUpdelay = bond.mode === <u8>BOND_MODE_ACTIVEBACKUP && bond.active === 0;
  let changed = false;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    const before = slave.link;
    const up = bondDevLink(slaveDev(slave));
    inspect(bond, slave, up, ignoreUpdelay);
    if (slave.link === before) continue;
    changed = true;
    if (slave.link === <u8>BOND_LINK_UP) {
      if (before !== <u8>BOND_LINK_FAIL) {
        ignoreUpdelay = false;
        // LACP says when it may be used; in the modes that use all, now.
        if (bond.mode === <u8>BOND_MODE_8023AD) slave.backup = 1;
        else if (!bondUsesPrimary(bond)) bondSetActive(slave);
        if (bond.mode === <u8>BOND_MODE_TLB) bondTlbRebalance(bond);
        bond3adLinkChange(slave, true);
      }
      if (bond.active === 0 || slave.dev === bond.primary) failover = true;
    } else if (slave.link === <u8>BOND_LINK_DOWN) {
      slave.linkFailures++;
      if (bond.mode === <u8>BOND_MODE_ACTIVEBACKUP || bond.mode === <u8>BOND_MODE_8023AD)
        bondSetInactive(slave);
      if (bond.mode === <u8>BOND_MODE_TLB) bondTlbClear(bond, slave, false);
      bond3adLinkChange(slave, false);
      if (slave.dev === bond.active) failover = true;
    }
  }
  if (failover) bondSelectActive(bondDev);
  if (changed) bondSetCarrier(bondDev);
  bondPeerNotify(bondDev);
}

/** One announcement of those that a failover asked for, when it is due. */
export function bondPeerNotify(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  if (bond.sendPeerNotif === 0) return;
  const due = shouldNotify(bondDev);
  bond.sendPeerNotif--;
  if (due) callNetdevNotifiers(NetdevEvent.NOTIFY_PEERS, changetype<usize>(bondDev));
}

/** One step of the link's state; up- and downdelay count whole intervals. */
function inspect(bond: Bond, slave: BondSlave, up: bool, ignoreUpdelay: bool): void {
  const usable = slave.link === <u8>BOND_LINK_UP || slave.link === <u8>BOND_LINK_FAIL;
  if (usable) inspectUp(bond, slave, up);
  else inspectDown(bond, slave, up, ignoreUpdelay);
}

function inspectUp(bond: Bond, slave: BondSlave, up: bool): void {
  // In FAIL, on carrier: go to UP.
  if (up) {
    slave.link = <u8>BOND_LINK_UP;
    return;
  }
  // In UP, on loss of carrier: wait for downdelay, go to FAIL.
  if (slave.link === <u8>BOND_LINK_UP) {
    slave.link = <u8>BOND_LINK_FAIL;
    slave.delay = intervals(bond, bond.downdelay);
  }
  // In FAIL, on the end of downdelay, at once when there is none: go to DOWN.
  if (slave.delay <= 0) slave.link = <u8>BOND_LINK_DOWN;
  else slave.delay--;
}

function inspectDown(bond: Bond, slave: BondSlave, up: bool, ignoreUpdelay: bool): void {
  // In BACK, on loss of carrier: go to DOWN.
  if (!up) {
    slave.link = <u8>BOND_LINK_DOWN;
    return;
  }
  // In DOWN, on carrier: wait for updelay, go to BACK.
  if (slave.link === <u8>BOND_LINK_DOWN) {
    slave.link = <u8>BOND_LINK_BACK;
    slave.delay = intervals(bond, bond.updelay);
  }
  // In BACK, on the end of updelay, at once when no other port is there: go to UP.
  if (ignoreUpdelay) slave.delay = 0;
  if (slave.delay <= 0) slave.link = <u8>BOND_LINK_UP;
  else slave.delay--;
}

export function intervals(bond: Bond, ms: u32): i32 {
  return bond.miimon === 0 ? 0 : <i32>(ms / bond.miimon);
}

/** Linux: bond_choose_primary_or_current, bond_find_best_slave. A port, or 0. */
function findBest(bondDev: NetDevice): usize {
  const bond = bondOf(bondDev);
  const current = isUp(bond.active);
  if (isUp(bond.primary)) {
    // Speeds are alike here, so that `better` never is.
    const take = bond.forcePrimary !== 0 || !current || bond.primaryReselect === <u8>BOND_PRI_RESELECT_ALWAYS;
    bond.forcePrimary = 0;
    return take ? bond.primary : bond.active;
  }
  if (current) return bond.active;
  let best: usize = 0;
  let least = i32.MAX_VALUE;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (slave.link === <u8>BOND_LINK_UP) return slave.dev;
    if (slave.link === <u8>BOND_LINK_BACK && slave.delay < least && bondDevLink(slaveDev(slave))) {
      least = slave.delay;
      best = slave.dev;
    }
  }
  return best;
}

function isUp(port: usize): bool {
  return port !== 0 && bondSlave(changetype<NetDevice>(port)).link === <u8>BOND_LINK_UP;
}

/** Makes the best port the active one, where the mode has one. */
export function bondSelectActive(bondDev: NetDevice): void {
  const best = findBest(bondDev);
  if (best === bondOf(bondDev).active) return;
  bondChangeActive(bondDev, best);
  bondSetCarrier(bondDev);
}

/** Linux: bond_change_active_slave. */
export function bondChangeActive(bondDev: NetDevice, port: usize): void {
  const bond = bondOf(bondDev);
  const old = bond.active;
  if (old === port) return;
  if (port !== 0) {
    const slave = bondSlave(changetype<NetDevice>(port));
    if (slave.link === <u8>BOND_LINK_BACK) {
      slave.delay = 0;
      slave.link = <u8>BOND_LINK_UP;
    }
  }
  bond.active = port;
  if (port !== 0) bondSlave(changetype<NetDevice>(port)).lastLinkUp = <i64>root().now;
  if ((bondDev.flags & IFF_UP) !== 0 && bond.resendIgmp !== 0) {
    const backup = bondUsesPrimary(bond) && port !== 0;
    if (backup || bond.mode === <u8>BOND_MODE_ROUNDROBIN) {
      bond.igmpRetrans = bond.resendIgmp;
      timerAdd(changetype<Timer>(bondDev.priv + BOND_IGMP_TIMER), root().now + IGMP_FIRST);
    }
  }
  if (!bondUsesPrimary(bond)) return;
  if (old !== 0) bondSetInactive(bondSlave(changetype<NetDevice>(old)));
  if (port === 0) return;
  bondSetActive(bondSlave(changetype<NetDevice>(port)));
  if (bond.mode === <u8>BOND_MODE_TLB) {
    bondTlbActive(bondDev, port, old);
    return;
  }
  failOverMac(bondDev, changetype<NetDevice>(port), old);
  if ((bondDev.flags & IFF_UP) === 0) return;
  bond.sendPeerNotif = <u32>bond.numPeerNotif * max<u32>(1, intervals(bond, bond.peerNotifDelay));
  if (!shouldNotify(bondDev)) return;
  bond.sendPeerNotif--;
  callNetdevNotifiers(NetdevEvent.NOTIFY_PEERS, changetype<usize>(bondDev));
}

/** Linux: bond_do_fail_over_mac. */
function failOverMac(bondDev: NetDevice, port: NetDevice, old: usize): void {
  const policy: u32 = bondOf(bondDev).failOverMac;
  if (policy === BOND_FOM_ACTIVE) {
    if (bondDev.addr !== port.addr) devSetAddr(bondDev, port.addr);
  } else if (policy === BOND_FOM_FOLLOW) {
    const own = port.addr;
    const wanted = old === 0 ? bondDev.addr : changetype<NetDevice>(old).addr;
    if (own !== wanted) devSetAddr(port, wanted);
    if (old !== 0) devSetAddr(changetype<NetDevice>(old), own);
  }
}

/** Linux: bond_should_notify_peers. */
function shouldNotify(bondDev: NetDevice): bool {
  const bond = bondOf(bondDev);
  if (bond.active === 0 || bond.sendPeerNotif === 0 || bondDev.carrier === 0) return false;
  return bond.sendPeerNotif % max<u32>(1, intervals(bond, bond.peerNotifDelay)) === 0;
}

/** Linux: bond_set_carrier. On while a port's link is up; 802.3ad asks its active aggregator. */
export function bondSetCarrier(bondDev: NetDevice): void {
  if (bondDev.portHead !== 0 && bondOf(bondDev).mode === <u8>BOND_MODE_8023AD) {
    bond3adSetCarrier(bondDev);
    return;
  }
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    if (changetype<BondSlave>(at).link !== <u8>BOND_LINK_UP) continue;
    devSetCarrier(bondDev, true);
    return;
  }
  devSetCarrier(bondDev, false);
}
