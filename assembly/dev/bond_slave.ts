/**
 * What bonding keeps: of the bond its parameters and timers, of each port its link state, its LACP port and the
 * aggregator record that comes with it. Linux: include/net/bonding.h, bond_3ad.h.
 *
 *   bond.priv ─► Bond        port.rxHandlerData ─► BondSlave        the ports in order: bond.portHead, port.portNext
 */
import { BOND_MAX_ARP_TARGETS, BOND_MODE_ACTIVEBACKUP, BOND_MODE_TLB } from '../abi/link_data';
import { TIMER_BYTES } from '../lib/timer_wheel';
import { NetDevice } from './net_device';

@unmanaged
@final
export class Bond {
  mode: u8;
  xmitPolicy: u8;
  lacpFast: u8;
  adSelect: u8;
  primaryReselect: u8;
  failOverMac: u8;
  numPeerNotif: u8;
  allSlavesActive: u8;
  lacpActive: u8;
  /** The primary is to be taken once whatever primaryReselect says (it was just named). */
  forcePrimary: u8;
  /** The bond's address was given by hand: the first port's does not replace it. */
  adActorSysPrio: u16;
  adUserPortKey: u16;
  miimon: u32;
  updelay: u32;
  downdelay: u32;
  peerNotifDelay: u32;
  minLinks: u32;
  packetsPerSlave: u32;
  rrCounter: u32;
  /** NetDevice or 0. */
  primary: usize;
  active: usize;
  /** Announcements that are still to be made. */
  sendPeerNotif: u32;
  /** 802.3ad: the next port number, aggregator id, and ticks until an aggregator is chosen at first. */
  nextPortId: u16;
  nextAggId: u16;
  aggSelectTimer: u32;
  slaveCount: u32;
  adActorSystem: u64;
  // ARP monitor (bond_arp); the targets are behind
  arpInterval: u32;
  arpTargetCount: u32;
  arpValidate: u8;
  arpAllTargets: u8;
  missedMax: u8;
  /** Reports of groups after a failover: how many, and how many are still to come. */
  resendIgmp: u8;
  igmpRetrans: u32;
  /** Without an active port: the one that is tried out, a NetDevice. */
  currentArpSlave: usize;
  // balance-tlb (bond_tlb): flows, bytes that were of none, ticks until they are assigned anew and until ports tell theirs
  tlbTable: usize;
  tlbUnbalanced: u64;
  tlbTicks: u32;
  tlbLearnTicks: u32;
  // u32 arpTargets[16], network order; Timer mii, ad, arp, igmp
}
export const BOND_ARP_TARGETS: usize = 136;
export const BOND_MII_TIMER: usize = BOND_ARP_TARGETS + ((<usize>BOND_MAX_ARP_TARGETS) << 2);
export const BOND_AD_TIMER: usize = BOND_MII_TIMER + TIMER_BYTES;
export const BOND_ARP_TIMER: usize = BOND_AD_TIMER + TIMER_BYTES;
export const BOND_IGMP_TIMER: usize = BOND_ARP_TIMER + TIMER_BYTES;
export const BOND_BYTES: usize = BOND_IGMP_TIMER + TIMER_BYTES;

@unmanaged
@final
export class BondSlave {
  permAddr: u64;
  dev: usize;
  bond: usize;
  origMtu: u32;
  linkFailures: u32;
  /** Intervals of miimon left of updelay or downdelay. */
  delay: i32;
  /** BOND_LINK_* */
  link: u8;
  /** Not the one (or not among those) to send; what comes by it is not received. */
  backup: u8;
  inactive: u8;

  // LACP port (IEEE 802.1AX §6.4.7)
  isEnabled: u8;
  begin: u8;
  lacpEnabled: u8;
  selected: u8;
  readyN: u8;
  ready: u8;
  matched: u8;
  ntt: u8;
  rxState: u8;
  periodicState: u8;
  muxState: u8;
  actorState: u8;
  partnerState: u8;
  portNumber: u16;
  actorAdminKey: u16;
  actorOperKey: u16;
  partnerSysPrio: u16;
  partnerKey: u16;
  partnerPort: u16;
  partnerPortPrio: u16;
  partnerSystem: u64;
  /** Ticks of 100 ms. */
  rxTimer: u32;
  periodicTimer: u32;
  muxTimer: u32;
  txTimer: u32;
  /** BondSlave whose aggregator this port is attached to, or 0. */
  aggregator: usize;

  // Aggregator
  aggId: u16;
  aggIndividual: u8;
  aggActive: u8;
  aggActorKey: u16;
  aggPartnerSysPrio: u16;
  aggPartnerKey: u16;
  aggPorts: u16;
  aggPartnerSystem: u64;

  // ARP monitor: when (ns) the port last sent, last heard what counts, and came up; i64, as they begin before time does.
  lastTx: i64;
  lastRx: i64;
  lastLinkUp: i64;
  /** balance-tlb: bytes per second of the flows that it was given. */
  tlbLoad: u32;
  // i64 targetRx[16]: when each target last answered
}
export const SLAVE_TARGET_RX: usize = 160;
export const BOND_SLAVE_BYTES: usize = SLAVE_TARGET_RX + ((<usize>BOND_MAX_ARP_TARGETS) << 3);

export function bondOf(dev: NetDevice): Bond {
  return changetype<Bond>(dev.priv);
}

export function bondSlave(port: NetDevice): BondSlave {
  return changetype<BondSlave>(port.rxHandlerData);
}

export function slaveDev(slave: BondSlave): NetDevice {
  return changetype<NetDevice>(slave.dev);
}

export function slaveBond(slave: BondSlave): Bond {
  return bondOf(changetype<NetDevice>(slave.bond));
}

/** The port behind this one, or 0. */
export function nextSlave(slave: BondSlave): usize {
  const next = slaveDev(slave).portNext;
  return next === 0 ? 0 : changetype<usize>(bondSlave(changetype<NetDevice>(next)));
}

export function firstSlave(bond: NetDevice): usize {
  return bond.portHead === 0 ? 0 : changetype<usize>(bondSlave(changetype<NetDevice>(bond.portHead)));
}

/** One port is the active one, whose choice is the bond's. Linux: bond_uses_primary. */
export function bondUsesPrimary(bond: Bond): bool {
  return bond.mode === <u8>BOND_MODE_ACTIVEBACKUP || bond.mode === <u8>BOND_MODE_TLB;
}

/** Linux: bond_set_slave_active_flags. */
export function bondSetActive(slave: BondSlave): void {
  slave.backup = 0;
  slave.inactive = 0;
}

/** Linux: bond_set_slave_inactive_flags. */
export function bondSetInactive(slave: BondSlave): void {
  // balance-tlb sends by all, and hears one.
  if (slaveBond(slave).mode !== <u8>BOND_MODE_TLB) slave.backup = 1;
  slave.inactive = slaveBond(slave).allSlavesActive === 0 ? 1 : 0;
}
