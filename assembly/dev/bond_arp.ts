/**
 * The ARP monitor: a port of a bond is up while hosts behind it answer, whatever its carrier says (arp_interval,
 * arp_ip_target). Linux: bond_activebackup_arp_mon, bond_loadbalance_arp_mon, bond_arp_rcv (bond_main.c), bonding.rst.
 *
 *   every arp_interval:  who has sent and heard in time?  ─► UP, DOWN ─► another active port ─► the next questions
 *   received frame ─► bondArpSeen: does it count (arp_validate)? ─► lastRx, targetRx
 *
 * active-backup asks by the active port; without one, by one port after the other until an answer comes. The other modes
 * ask by every port. Differs: targets behind a VLAN on top of the bond are asked without its tag.
 */
import {
  BOND_ARP_FILTER,
  BOND_ARP_VALIDATE_ACTIVE,
  BOND_ARP_VALIDATE_BACKUP,
  BOND_LINK_BACK,
  BOND_LINK_DOWN,
  BOND_LINK_UP,
  BOND_MODE_ACTIVEBACKUP,
} from '../abi/link_data';
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { root } from '../lib/root';
import { PACKET_LOOPBACK, PACKET_OTHERHOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ARPOP_REPLY, ARP_HDR_LEN, arpOp, arpSipBe, arpTipBe, checkArp } from '../wire/arp';
import { ETH_P_ARP } from '../wire/ethernet';
import { bondPeerNotify, bondSelectActive, bondSetCarrier } from './bond_select';
import {
  BOND_ARP_TARGETS,
  Bond,
  BondSlave,
  SLAVE_TARGET_RX,
  bondOf,
  bondSetActive,
  bondSetInactive,
  bondSlave,
  firstSlave,
  nextSlave,
  slaveBond,
  slaveDev,
} from './bond_slave';
import { NetDevice, netifRunning } from './net_device';

const MS: i64 = 1_000_000;
/** Linux: include/uapi/linux/rtnetlink.h. */
const RTN_LOCAL: i32 = 2;

function now(): i64 {
  return <i64>root().now;
}

/** Address of target `i`, network order. */
export function bondArpTarget(bondDev: NetDevice, i: u32): usize {
  return bondDev.priv + BOND_ARP_TARGETS + (i << 2);
}

function targetRx(slave: BondSlave, i: u32): usize {
  return changetype<usize>(slave) + SLAVE_TARGET_RX + (i << 3);
}

/** A new port, or monitoring begins: as if it had been heard an interval ago. */
export function bondArpBegin(slave: BondSlave): void {
  const bond = slaveBond(slave);
  const then = now() - (<i64>bond.arpInterval + 1) * MS;
  slave.lastTx = then;
  slave.lastRx = then;
  for (let i: u32 = 0; i < bond.arpTargetCount; i++) store<i64>(targetRx(slave, i), then);
  if (slave.link !== <u8>BOND_LINK_DOWN) slave.lastLinkUp = now();
}

/** Linux: bond_time_in_interval. No longer ago than `intervals` and a half. */
function inTime(bond: Bond, then: i64, intervals: u32): bool {
  return now() - then <= <i64>bond.arpInterval * MS * <i64>intervals + (<i64>bond.arpInterval * MS) / 2;
}

/** What is asked of a frame before it counts. Linux: slave_do_arp_validate. */
function validates(bond: Bond, slave: BondSlave): bool {
  const bit = slave.backup === 0 ? BOND_ARP_VALIDATE_ACTIVE : BOND_ARP_VALIDATE_BACKUP;
  return (<u32>bond.arpValidate & bit) !== 0;
}

/** Linux: slave_last_rx. With arp_all_targets the answer that is longest ago decides. */
function lastRx(bond: Bond, slave: BondSlave): i64 {
  if (bond.arpAllTargets === 0 || !validates(bond, slave) || bond.arpTargetCount === 0) return slave.lastRx;
  let oldest = load<i64>(targetRx(slave, 0));
  for (let i: u32 = 1; i < bond.arpTargetCount; i++) oldest = min(oldest, load<i64>(targetRx(slave, i)));
  return oldest;
}

/** A frame came by the port, data at its network header. Linux: bond_arp_rcv. */
export function bondArpSeen(slave: BondSlave, skb: SkBuff): void {
  const bond = slaveBond(slave);
  const arp = <u32>skb.protocol === ETH_P_ARP;
  if (!validates(bond, slave)) {
    if (arp || (<u32>bond.arpValidate & BOND_ARP_FILTER) === 0) slave.lastRx = now();
    return;
  }
  if (!arp || skb.pktType === PACKET_OTHERHOST || skb.pktType === PACKET_LOOPBACK) return;
  if (!pskbMayPull(skb, ARP_HDR_LEN) || checkArp(skb.data, skb.len) !== 0) return;
  const p = skb.data;
  // A backup port hears the active one's questions, if the switch floods them: those are as good as answers.
  if (slave.backup === 0) {
    accept(bond, slave, arpSipBe(p), arpTipBe(p));
  } else if (bond.active !== 0) {
    const active = bondSlave(changetype<NetDevice>(bond.active));
    if (lastRx(bond, active) > active.lastLinkUp) accept(bond, slave, arpTipBe(p), arpSipBe(p));
  } else if (bond.currentArpSlave !== 0 && arpOp(p) === ARPOP_REPLY) {
    const tried = bondSlave(changetype<NetDevice>(bond.currentArpSlave));
    if (inTime(bond, tried.lastTx, 1)) accept(bond, slave, arpSipBe(p), arpTipBe(p));
  }
}

/** Linux: bond_validate_arp. `from` is to be a target and `to` an address of ours. */
function accept(bond: Bond, slave: BondSlave, from: u32, to: u32): void {
  if (from === 0) return;
  const bondDev = changetype<NetDevice>(slave.bond);
  const type = opIndex(Op.ARP_ADDR_TYPE);
  if (type === 0) return;
  const net = changetype<usize>(bondDev.net);
  if (call_indirect<i32>(type, net, slave.bond, bswap<u32>(to)) !== RTN_LOCAL) return;
  for (let i: u32 = 0; i < bond.arpTargetCount; i++) {
    if (load<u32>(bondArpTarget(bondDev, i)) !== from) continue;
    slave.lastRx = now();
    store<i64>(targetRx(slave, i), now());
    return;
  }
}

/** Asks every target by the port. Linux: bond_arp_send_all. */
function ask(bondDev: NetDevice, slave: BondSlave): void {
  const fn = opIndex(Op.BOND_ARP_SEND);
  if (fn === 0) return;
  for (let i: u32 = 0; i < bondOf(bondDev).arpTargetCount; i++) {
    slave.lastTx = now();
    const target = bswap<u32>(load<u32>(bondArpTarget(bondDev, i)));
    call_indirect<void>(fn, slave.dev, changetype<usize>(bondDev), target);
  }
}

/** One look at all ports. */
export function bondArpMonitor(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  if (bond.mode !== <u8>BOND_MODE_ACTIVEBACKUP) {
    balanced(bondDev, bond);
    return;
  }
  if (inspect(bondDev, bond)) bondSetCarrier(bondDev);
  probe(bondDev, bond);
  bondPeerNotify(bondDev);
}

/** Linux: bond_ab_arp_inspect, bond_ab_arp_commit. True: a link changed. */
function inspect(bondDev: NetDevice, bond: Bond): bool {
  let changed = false;
  let failover = false;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    const heard = lastRx(bond, slave);
    if (slave.link !== <u8>BOND_LINK_UP) {
      // In DOWN or BACK, on an answer within an interval: go to UP.
      if (!inTime(bond, heard, 1)) continue;
      changed = true;
      if (comesUp(bond, slave)) failover = true;
      continue;
    }
    // A port that was just taken in or made active has two intervals to be heard.
    if (inTime(bond, slave.lastLinkUp, 2)) continue;
    const missed = <u32>bond.missedMax;
    let down = false;
    if (slave.backup !== 0) down = bond.currentArpSlave === 0 && !inTime(bond, heard, missed + 1);
    else down = !inTime(bond, slave.lastTx, missed) || !inTime(bond, heard, missed);
    if (!down) continue;
    // In UP, on silence: go to DOWN.
    changed = true;
    goesDown(slave);
    if (slave.dev !== bond.active) continue;
    bond.currentArpSlave = 0;
    failover = true;
  }
  if (failover) bondSelectActive(bondDev);
  return changed;
}

/** True: there may be a better active port now. */
function comesUp(bond: Bond, slave: BondSlave): bool {
  slave.link = <u8>BOND_LINK_UP;
  if (bond.currentArpSlave !== 0) {
    bondSetInactive(bondSlave(changetype<NetDevice>(bond.currentArpSlave)));
    bond.currentArpSlave = 0;
  }
  return bond.active === 0 || slave.dev === bond.primary;
}

function goesDown(slave: BondSlave): void {
  slave.link = <u8>BOND_LINK_DOWN;
  slave.linkFailures++;
  bondSetInactive(slave);
}

/** Linux: bond_ab_arp_probe. */
function probe(bondDev: NetDevice, bond: Bond): void {
  if (bond.active !== 0) {
    ask(bondDev, bondSlave(changetype<NetDevice>(bond.active)));
    return;
  }
  if (bond.currentArpSlave === 0) {
    if (bondDev.portHead === 0) return;
    bond.currentArpSlave = bondDev.portHead;
  }
  bondSetInactive(bondSlave(changetype<NetDevice>(bond.currentArpSlave)));
  // The next port behind the one that was tried, or else the first.
  let first: usize = 0;
  let next: usize = 0;
  let found = false;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    const up = netifRunning(slaveDev(slave));
    if (up && !found && first === 0) first = at;
    if (up && found && next === 0) next = at;
    if (!up && slave.link === <u8>BOND_LINK_UP) goesDown(slave);
    if (slave.dev === bond.currentArpSlave) found = true;
  }
  if (next === 0) next = first;
  if (next === 0) return;
  const slave = changetype<BondSlave>(next);
  slave.link = <u8>BOND_LINK_BACK;
  bondSetActive(slave);
  ask(bondDev, slave);
  slave.lastLinkUp = now();
  bond.currentArpSlave = slave.dev;
}

/** Linux: bond_loadbalance_arp_mon. */
function balanced(bondDev: NetDevice, bond: Bond): void {
  let changed = false;
  let failover = false;
  const old = bond.active;
  const missed = <u32>bond.missedMax;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    const heard = lastRx(bond, slave);
    if (slave.link !== <u8>BOND_LINK_UP) {
      if (inTime(bond, slave.lastTx, 1) && inTime(bond, heard, 1)) {
        slave.link = <u8>BOND_LINK_UP;
        bondSetActive(slave);
        changed = true;
        if (old === 0) failover = true;
      }
    } else if (!inTime(bond, slave.lastTx, missed) || !inTime(bond, heard, missed)) {
      goesDown(slave);
      changed = true;
      if (slave.dev === old) failover = true;
    }
    if (netifRunning(slaveDev(slave))) ask(bondDev, slave);
  }
  if (failover) bondSelectActive(bondDev);
  if (changed) bondSetCarrier(bondDev);
}
