/**
 * 802.3ad: LACP of IEEE 802.1AX §6.4 for the ports of a bond. Linux: drivers/net/bonding/bond_3ad.c.
 *
 *   every 100 ms, each port:  receive ─► periodic ─► selection ─► mux ─► transmit        LACPDU in ─► receive
 *
 * Ports whose partners have the same system and key share an aggregator; one aggregator is active (ad_select), and its
 * ports that are collecting and distributing carry the traffic. Differs: no churn detection; every link is said to have
 * 10 Gbit/s full duplex, as Linux says of veth.
 */
import { BOND_AD_COUNT, BOND_AD_STABLE, BOND_LINK_UP, BOND_MODE_8023AD } from '../abi/link_data';
import { devSetCarrier, IFF_UP, NetDevice } from './net_device';
import {
  LACP_STATE_AGGREGATION,
  LACP_STATE_COLLECTING,
  LACP_STATE_DEFAULTED,
  LACP_STATE_DISTRIBUTING,
  LACP_STATE_EXPIRED,
  LACP_STATE_LACP_ACTIVITY,
  LACP_STATE_LACP_TIMEOUT,
  LACP_STATE_SYNCHRONIZATION,
  lacpActor,
  lacpKey,
  lacpPartner,
  lacpPort,
  lacpPortPrio,
  lacpState,
  lacpSysPrio,
  lacpSystem,
} from '../wire/lacp';
import { lacpduSend } from './bond_lacpdu';
import {
  Bond,
  BondSlave,
  bondOf,
  bondSetActive,
  bondSetInactive,
  firstSlave,
  nextSlave,
  slaveBond,
  slaveDev,
} from './bond_slave';

/** Times of IEEE 802.1AX §6.4.4, in ticks of 100 ms. */
const FAST_PERIODIC_TIME: u32 = 10;
const SLOW_PERIODIC_TIME: u32 = 300;
const SHORT_TIMEOUT_TIME: u32 = 30;
const LONG_TIMEOUT_TIME: u32 = 900;
const AGGREGATE_WAIT_TIME: u32 = 20;
/** No more than three LACPDUs a second (§6.4.16). */
const TX_TICKS: u32 = 3;

export const PORT_PRIORITY: u32 = 255;
/** Speed (10 Gbit/s) and duplex of the actor's key, as Linux composes it. */
const KEY_SPEED_DUPLEX: u32 = (7 << 1) | 1;
const KEY_USER_SHIFT: u32 = 6;
const KEY_DUPLEX: u32 = 1;

enum Rx {
  DUMMY = 0,
  INITIALIZE,
  PORT_DISABLED,
  LACP_DISABLED,
  EXPIRED,
  DEFAULTED,
  CURRENT,
}
enum Periodic {
  DUMMY = 0,
  NO_PERIODIC,
  FAST_PERIODIC,
  SLOW_PERIODIC,
  PERIODIC_TX,
}
enum Mux {
  DUMMY = 0,
  DETACHED,
  WAITING,
  ATTACHED,
  COLLECTING_DISTRIBUTING,
}

/** The system that the bond says it is: its own MAC unless another was named. */
export function bondActorSystem(bondDev: NetDevice): u64 {
  const bond = bondOf(bondDev);
  return bond.adActorSystem !== 0 ? bond.adActorSystem : bondDev.addr;
}

function bondDevOf(slave: BondSlave): NetDevice {
  return changetype<NetDevice>(slave.bond);
}

/** A new port of the bond. Linux: bond_3ad_bind_slave. */
export function bond3adBind(slave: BondSlave): void {
  const bond = slaveBond(slave);
  slave.portNumber = ++bond.nextPortId;
  slave.aggId = ++bond.nextAggId;
  slave.actorState = <u8>(
    (LACP_STATE_AGGREGATION |
      (bond.lacpActive !== 0 ? LACP_STATE_LACP_ACTIVITY : 0) |
      (bond.lacpFast !== 0 ? LACP_STATE_LACP_TIMEOUT : 0))
  );
  setPartnerAdmin(slave);
  slave.isEnabled = 1;
  slave.begin = 1;
  slave.matched = 0;
  slave.txTimer = TX_TICKS;
  updateActorKey(slave, slave.link !== <u8>BOND_LINK_UP);
  slave.isEnabled = slave.link === <u8>BOND_LINK_UP ? 1 : 0;
  bondSetInactive(slave);
}

/** Who the partner is taken for before it spoke. */
function setPartnerAdmin(slave: BondSlave): void {
  slave.partnerSystem = 0;
  slave.partnerSysPrio = 0xffff;
  slave.partnerKey = 1;
  slave.partnerPort = 1;
  slave.partnerPortPrio = <u16>PORT_PRIORITY;
  slave.partnerState = <u8>LACP_STATE_LACP_ACTIVITY;
}

/** Linux: ad_update_actor_keys. `reset`: the link is down, its speed and duplex are not known. */
function updateActorKey(slave: BondSlave, reset: bool): void {
  const before = slave.actorOperKey;
  const user = (<u32>slaveBond(slave).adUserPortKey) << KEY_USER_SHIFT;
  slave.actorOperKey = <u16>(reset ? user : user | KEY_SPEED_DUPLEX);
  slave.actorAdminKey = slave.actorOperKey;
  if (before === slave.actorOperKey && slave.lacpEnabled === <u8>!reset) return;
  slave.lacpEnabled = reset ? 0 : 1;
  if (!reset) slave.begin = 1;
}

/** The link of a port came or went. */
export function bond3adLinkChange(slave: BondSlave, up: bool): void {
  if (slaveBond(slave).mode !== <u8>BOND_MODE_8023AD) return;
  slave.isEnabled = up ? 1 : 0;
  updateActorKey(slave, !up);
  if (!up) selectAggregator(bondDevOf(slave));
}

/** Parameters changed: the rate that the partner is asked for. Linux: bond_3ad_update_lacp_rate. */
export function bond3adUpdateRate(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (bond.lacpFast !== 0) slave.actorState |= <u8>LACP_STATE_LACP_TIMEOUT;
    else slave.actorState &= <u8>~LACP_STATE_LACP_TIMEOUT;
    if (bond.lacpActive !== 0) slave.actorState |= <u8>LACP_STATE_LACP_ACTIVITY;
    else slave.actorState &= <u8>~LACP_STATE_LACP_ACTIVITY;
  }
}

/** One tick of every port. Linux: bond_3ad_state_machine_handler. */
export function bond3adTick(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  if (bond.aggSelectTimer !== 0 && --bond.aggSelectTimer === 0) selectAggregator(bondDev);
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    rxMachine(slave, 0);
    periodicMachine(slave);
    selectionLogic(slave);
    muxMachine(slave);
    txMachine(slave);
    slave.begin = 0;
  }
}

/** A LACPDU came by the port. */
export function bond3adReceive(slave: BondSlave, pdu: usize): void {
  rxMachine(slave, pdu);
}

/** Receive machine (§6.4.12). `pdu` is a LACPDU, or 0. */
function rxMachine(slave: BondSlave, pdu: usize): void {
  const before = slave.rxState;
  if (slave.begin !== 0) {
    slave.rxState = <u8>Rx.INITIALIZE;
  } else if (slave.isEnabled === 0) {
    slave.rxState = <u8>Rx.PORT_DISABLED;
  } else if (pdu !== 0 && slave.rxState >= <u8>Rx.EXPIRED) {
    // In EXPIRED, DEFAULTED or CURRENT, on a LACPDU: record the partner, go to CURRENT.
    slave.rxTimer = 0;
    slave.rxState = <u8>Rx.CURRENT;
  } else if (slave.rxTimer !== 0) {
    if (--slave.rxTimer === 0) {
      // In EXPIRED, on the end of current_while: take the default partner, go to DEFAULTED.
      if (slave.rxState === <u8>Rx.EXPIRED) slave.rxState = <u8>Rx.DEFAULTED;
      // In CURRENT, likewise: ask for short timeouts, go to EXPIRED.
      else if (slave.rxState === <u8>Rx.CURRENT) slave.rxState = <u8>Rx.EXPIRED;
    }
  } else if (slave.rxState === <u8>Rx.PORT_DISABLED) {
    slave.rxState = <u8>(slave.lacpEnabled !== 0 ? Rx.EXPIRED : Rx.LACP_DISABLED);
  }
  if (slave.rxState === before && pdu === 0 && slave.begin === 0) return;
  if (slave.rxState === before && slave.rxState !== <u8>Rx.CURRENT && slave.begin === 0) return;
  rxEnter(slave, pdu);
}

function rxEnter(slave: BondSlave, pdu: usize): void {
  switch (<u32>slave.rxState) {
    case Rx.INITIALIZE:
      slave.selected = 0;
      recordDefault(slave);
      slave.actorState &= <u8>~LACP_STATE_EXPIRED;
      slave.matched = 0;
      slave.rxState = <u8>Rx.PORT_DISABLED;
      slave.rxTimer = 0;
      return;
    case Rx.PORT_DISABLED:
      slave.matched = 0;
      slave.rxTimer = 0;
      return;
    case Rx.LACP_DISABLED:
      slave.selected = 0;
      recordDefault(slave);
      slave.partnerState &= <u8>~LACP_STATE_AGGREGATION;
      slave.matched = 1;
      slave.actorState &= <u8>~LACP_STATE_EXPIRED;
      return;
    case Rx.EXPIRED:
      slave.partnerState &= <u8>~LACP_STATE_SYNCHRONIZATION;
      slave.partnerState |= <u8>LACP_STATE_LACP_TIMEOUT;
      slave.matched = 0;
      slave.rxTimer = SHORT_TIMEOUT_TIME;
      slave.actorState |= <u8>LACP_STATE_EXPIRED;
      return;
    case Rx.DEFAULTED:
      updateDefaultSelected(slave);
      recordDefault(slave);
      slave.matched = 1;
      slave.actorState &= <u8>~LACP_STATE_EXPIRED;
      return;
    case Rx.CURRENT:
      // Our own PDU: the ports are looped back to each other.
      if (lacpSystem(lacpActor(pdu)) === bondActorSystem(bondDevOf(slave))) return;
      updateSelected(slave, lacpActor(pdu));
      updateNtt(slave, lacpPartner(pdu));
      recordPdu(slave, pdu);
      slave.rxTimer =
        (<u32>slave.actorState & LACP_STATE_LACP_TIMEOUT) !== 0 ? SHORT_TIMEOUT_TIME : LONG_TIMEOUT_TIME;
      slave.actorState &= <u8>~LACP_STATE_EXPIRED;
  }
}

/** recordDefault (§6.4.9). */
function recordDefault(slave: BondSlave): void {
  setPartnerAdmin(slave);
  slave.actorState |= <u8>LACP_STATE_DEFAULTED;
}

/** update_Default_Selected: another partner than the default one was taken for granted. */
function updateDefaultSelected(slave: BondSlave): void {
  const same =
    slave.partnerSystem === 0 &&
    slave.partnerSysPrio === 0xffff &&
    slave.partnerKey === 1 &&
    slave.partnerPort === 1 &&
    <u32>slave.partnerPortPrio === PORT_PRIORITY &&
    (<u32>slave.partnerState & LACP_STATE_AGGREGATION) === 0;
  if (!same) slave.selected = 0;
}

/** update_Selected: the partner is not the one that the port was selected for. */
function updateSelected(slave: BondSlave, actor: usize): void {
  const same =
    lacpPort(actor) === <u32>slave.partnerPort &&
    lacpPortPrio(actor) === <u32>slave.partnerPortPrio &&
    lacpSystem(actor) === slave.partnerSystem &&
    lacpSysPrio(actor) === <u32>slave.partnerSysPrio &&
    lacpKey(actor) === <u32>slave.partnerKey &&
    ((lacpState(actor) ^ <u32>slave.partnerState) & LACP_STATE_AGGREGATION) === 0;
  if (!same) slave.selected = 0;
}

/** The partner's view of us, but for the bits of `states`, is right. */
function seesUs(slave: BondSlave, partner: usize, states: u32): bool {
  const bondDev = bondDevOf(slave);
  return (
    lacpPort(partner) === <u32>slave.portNumber &&
    lacpPortPrio(partner) === PORT_PRIORITY &&
    lacpSystem(partner) === bondActorSystem(bondDev) &&
    lacpSysPrio(partner) === <u32>bondOf(bondDev).adActorSysPrio &&
    lacpKey(partner) === <u32>slave.actorOperKey &&
    ((lacpState(partner) ^ <u32>slave.actorState) & states) === 0
  );
}

/** update_NTT: the partner is to be told anew. */
function updateNtt(slave: BondSlave, partner: usize): void {
  const states =
    LACP_STATE_LACP_ACTIVITY | LACP_STATE_LACP_TIMEOUT | LACP_STATE_SYNCHRONIZATION | LACP_STATE_AGGREGATION;
  if (!seesUs(slave, partner, states)) slave.ntt = 1;
}

/** recordPDU. */
function recordPdu(slave: BondSlave, pdu: usize): void {
  const actor = lacpActor(pdu);
  const state = lacpState(actor);
  slave.matched =
    seesUs(slave, lacpPartner(pdu), LACP_STATE_AGGREGATION) || (state & LACP_STATE_AGGREGATION) === 0 ? 1 : 0;
  slave.partnerPort = <u16>lacpPort(actor);
  slave.partnerPortPrio = <u16>lacpPortPrio(actor);
  slave.partnerSystem = lacpSystem(actor);
  slave.partnerSysPrio = <u16>lacpSysPrio(actor);
  slave.partnerKey = <u16>lacpKey(actor);
  slave.actorState &= <u8>~LACP_STATE_DEFAULTED;
  const synced = slave.matched !== 0 && (state & LACP_STATE_SYNCHRONIZATION) !== 0;
  slave.partnerState = <u8>(synced ? state : state & ~LACP_STATE_SYNCHRONIZATION);
}

/** Periodic transmission machine (§6.4.13). */
function periodicMachine(slave: BondSlave): void {
  const before = slave.periodicState;
  const active = ((<u32>slave.actorState | <u32>slave.partnerState) & LACP_STATE_LACP_ACTIVITY) !== 0;
  const fast = (<u32>slave.partnerState & LACP_STATE_LACP_TIMEOUT) !== 0;
  if (slave.begin !== 0 || slave.lacpEnabled === 0 || slave.isEnabled === 0 || !active) {
    slave.periodicState = <u8>Periodic.NO_PERIODIC;
  } else if (slave.periodicTimer !== 0) {
    if (--slave.periodicTimer === 0) {
      slave.periodicState = <u8>Periodic.PERIODIC_TX;
    } else if (slave.periodicState === <u8>Periodic.FAST_PERIODIC && !fast) {
      slave.periodicState = <u8>Periodic.SLOW_PERIODIC;
    } else if (slave.periodicState === <u8>Periodic.SLOW_PERIODIC && fast) {
      slave.periodicTimer = 0;
      slave.periodicState = <u8>Periodic.PERIODIC_TX;
    }
  } else if (slave.periodicState === <u8>Periodic.NO_PERIODIC) {
    slave.periodicState = <u8>Periodic.FAST_PERIODIC;
  } else if (slave.periodicState === <u8>Periodic.PERIODIC_TX) {
    slave.periodicState = <u8>(fast ? Periodic.FAST_PERIODIC : Periodic.SLOW_PERIODIC);
  }
  if (slave.periodicState === before) return;
  switch (<u32>slave.periodicState) {
    case Periodic.NO_PERIODIC:
      slave.periodicTimer = 0;
      break;
    case Periodic.FAST_PERIODIC:
      slave.periodicTimer = FAST_PERIODIC_TIME - 1;
      break;
    case Periodic.SLOW_PERIODIC:
      slave.periodicTimer = SLOW_PERIODIC_TIME - 1;
      break;
    case Periodic.PERIODIC_TX:
      slave.ntt = 1;
      break;
  }
}

/** Selection logic (§6.4.14): an aggregator for a port that is not selected. */
function selectionLogic(slave: BondSlave): void {
  if (slave.selected !== 0) return;
  const bondDev = bondDevOf(slave);
  if (slave.aggregator !== 0) detach(slave);
  let free: usize = 0;
  let found: usize = 0;
  for (let at = firstSlave(bondDev); at !== 0 && found === 0; at = nextSlave(changetype<BondSlave>(at))) {
    const agg = changetype<BondSlave>(at);
    if (agg.aggPorts === 0) {
      if (free === 0) free = at;
      continue;
    }
    const same =
      agg.aggActorKey === slave.actorOperKey &&
      agg.aggPartnerSystem === slave.partnerSystem &&
      agg.aggPartnerSysPrio === slave.partnerSysPrio &&
      agg.aggPartnerKey === slave.partnerKey;
    if (same && agg.aggPartnerSystem !== 0 && agg.aggIndividual === 0) found = at;
  }
  if (found === 0) {
    // There is one record per port, so one is free.
    found = free;
    if (found === 0) return;
    const agg = changetype<BondSlave>(found);
    agg.aggIndividual = (<u32>slave.actorOperKey & KEY_DUPLEX) !== 0 ? 0 : 1;
    agg.aggActorKey = slave.actorOperKey;
    agg.aggPartnerSystem = slave.partnerSystem;
    agg.aggPartnerSysPrio = slave.partnerSysPrio;
    agg.aggPartnerKey = slave.partnerKey;
  }
  const agg = changetype<BondSlave>(found);
  agg.aggPorts++;
  slave.aggregator = found;
  slave.selected = 1;
  setPortsReady(agg);
  selectAggregator(bondDev);
  if (agg.aggActive === 0) slave.actorState &= <u8>~LACP_STATE_SYNCHRONIZATION;
}

/** Takes the port off its aggregator. */
function detach(slave: BondSlave): void {
  const agg = changetype<BondSlave>(slave.aggregator);
  slave.aggregator = 0;
  if (--agg.aggPorts !== 0) return;
  agg.aggActive = 0;
  agg.aggPartnerSystem = 0;
}

/** All ports of the aggregator are ready as soon as each is by itself (§6.4.8, Ready). */
function setPortsReady(agg: BondSlave): void {
  const bondDev = bondDevOf(agg);
  let all: u8 = 1;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (slave.aggregator === changetype<usize>(agg) && slave.readyN === 0) all = 0;
  }
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (slave.aggregator === changetype<usize>(agg)) slave.ready = all;
  }
}

/** Mux machine, coupled control (§6.4.15). */
function muxMachine(slave: BondSlave): void {
  const before = slave.muxState;
  const partnerSync = (<u32>slave.partnerState & LACP_STATE_SYNCHRONIZATION) !== 0;
  if (slave.begin !== 0 || slave.aggregator === 0) {
    slave.muxState = <u8>Mux.DETACHED;
    if (slave.begin !== 0 && before === <u8>Mux.DETACHED) return;
  } else {
    const agg = changetype<BondSlave>(slave.aggregator);
    switch (<u32>slave.muxState) {
      case Mux.DETACHED:
        if (slave.selected !== 0) slave.muxState = <u8>Mux.WAITING;
        break;
      case Mux.WAITING:
        if (slave.selected === 0) {
          slave.readyN = 0;
          setPortsReady(agg);
          slave.muxState = <u8>Mux.DETACHED;
          break;
        }
        if (slave.muxTimer !== 0 && --slave.muxTimer === 0) slave.readyN = 1;
        setPortsReady(agg);
        if (slave.ready !== 0 && slave.muxTimer === 0) slave.muxState = <u8>Mux.ATTACHED;
        break;
      case Mux.ATTACHED:
        if (slave.selected !== 0 && partnerSync && slaveBond(slave).aggSelectTimer === 0) {
          if (agg.aggActive !== 0) slave.muxState = <u8>Mux.COLLECTING_DISTRIBUTING;
        } else if (slave.selected === 0) {
          slave.readyN = 0;
          setPortsReady(agg);
          slave.muxState = <u8>Mux.DETACHED;
        }
        break;
      case Mux.COLLECTING_DISTRIBUTING: {
        const actorSync = (<u32>slave.actorState & LACP_STATE_SYNCHRONIZATION) !== 0;
        if (slave.selected === 0 || !partnerSync || !actorSync) slave.muxState = <u8>Mux.ATTACHED;
        else if (agg.aggActive !== 0 && slave.backup !== 0) enable(slave);
        break;
      }
      default:
        slave.muxState = <u8>Mux.DETACHED;
    }
  }
  if (slave.muxState === before) {
    // An aggregator that became active takes its attached ports along.
    if (before === <u8>Mux.ATTACHED && slave.aggregator !== 0) {
      const wanted = changetype<BondSlave>(slave.aggregator).aggActive !== 0;
      const has = (<u32>slave.actorState & LACP_STATE_SYNCHRONIZATION) !== 0;
      if (wanted !== has) {
        slave.actorState ^= <u8>LACP_STATE_SYNCHRONIZATION;
        slave.ntt = 1;
      }
    }
    return;
  }
  muxEnter(slave);
}

function muxEnter(slave: BondSlave): void {
  const carrying = LACP_STATE_COLLECTING | LACP_STATE_DISTRIBUTING;
  switch (<u32>slave.muxState) {
    case Mux.DETACHED:
      slave.actorState &= <u8>~(LACP_STATE_SYNCHRONIZATION | carrying);
      disableCollecting(slave);
      slave.ntt = 1;
      break;
    case Mux.WAITING:
      slave.muxTimer = AGGREGATE_WAIT_TIME;
      break;
    case Mux.ATTACHED:
      if (changetype<BondSlave>(slave.aggregator).aggActive !== 0)
        slave.actorState |= <u8>LACP_STATE_SYNCHRONIZATION;
      else slave.actorState &= <u8>~LACP_STATE_SYNCHRONIZATION;
      slave.actorState &= <u8>~carrying;
      disableCollecting(slave);
      slave.ntt = 1;
      break;
    case Mux.COLLECTING_DISTRIBUTING:
      slave.actorState |= <u8>(carrying | LACP_STATE_SYNCHRONIZATION);
      enable(slave);
      slave.ntt = 1;
      break;
  }
}

/** A link whose partner does not speak LACP stays as it is. */
function disableCollecting(slave: BondSlave): void {
  const agg = slave.aggregator;
  if (agg !== 0 && changetype<BondSlave>(agg).aggPartnerSystem !== 0) bondSetInactive(slave);
}

function enable(slave: BondSlave): void {
  if (slave.link === <u8>BOND_LINK_UP && (slaveDev(slave).flags & IFF_UP) !== 0) bondSetActive(slave);
}

/** Transmit machine (§6.4.16). */
function txMachine(slave: BondSlave): void {
  if (slave.txTimer !== 0 && --slave.txTimer !== 0) return;
  slave.txTimer = TX_TICKS;
  if (slave.ntt === 0 || slave.lacpEnabled === 0) return;
  if (slaveBond(slave).lacpActive === 0 && (<u32>slave.partnerState & LACP_STATE_LACP_ACTIVITY) === 0) return;
  if (lacpduSend(slave, bondActorSystem(bondDevOf(slave)))) slave.ntt = 0;
}

/** Ports of the aggregator that are up. */
export function activePorts(agg: BondSlave): u32 {
  const bondDev = bondDevOf(agg);
  let n: u32 = 0;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    if (slave.aggregator === changetype<usize>(agg) && slave.isEnabled !== 0) n++;
  }
  return n;
}

/** Linux: ad_agg_selection_test. Whether `agg` is better than the best so far. */
function better(bond: Bond, agg: BondSlave, best: usize): bool {
  if (best === 0) return true;
  const other = changetype<BondSlave>(best);
  // Not individual before individual, a partner that answers before one that does not.
  if (agg.aggIndividual !== other.aggIndividual) return agg.aggIndividual === 0;
  const answers = agg.aggPartnerSystem !== 0;
  if (answers !== (other.aggPartnerSystem !== 0)) return answers;
  const ports = activePorts(agg);
  const otherPorts = activePorts(other);
  // All links are equally fast: bandwidth is a matter of their number.
  if (bond.adSelect === <u8>BOND_AD_COUNT || ports !== otherPorts) return ports > otherPorts;
  return false;
}

/** The active aggregator, a BondSlave, or 0. */
export function activeAggregator(bondDev: NetDevice): usize {
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    if (changetype<BondSlave>(at).aggActive !== 0) return at;
  }
  return 0;
}

/** Chooses the active aggregator. Linux: ad_agg_selection_logic. */
function selectAggregator(bondDev: NetDevice): void {
  const bond = bondOf(bondDev);
  const active = activeAggregator(bondDev);
  let best: usize = 0;
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const agg = changetype<BondSlave>(at);
    agg.aggActive = 0;
    if (agg.aggPorts !== 0 && activePorts(agg) !== 0 && better(bond, agg, best)) best = at;
  }
  if (best !== 0 && active !== 0 && best !== active && bond.adSelect === <u8>BOND_AD_STABLE) {
    // stable: as long as it has a port that is up, unless only the other one's partner answers.
    const now = changetype<BondSlave>(active);
    const keeps = now.aggPartnerSystem !== 0 || changetype<BondSlave>(best).aggPartnerSystem === 0;
    const keyed = now.aggActorKey !== 0 || changetype<BondSlave>(best).aggActorKey === 0;
    if (now.aggPorts !== 0 && activePorts(now) !== 0 && keeps && keyed) best = active;
  }
  if (best !== 0) {
    changetype<BondSlave>(best).aggActive = 1;
    if (active !== 0 && active !== best) disablePorts(bondDev, active);
    // A partner that does not speak LACP: the one link is used as it is.
    if (changetype<BondSlave>(best).aggPartnerSystem === 0) enablePorts(bondDev, best);
  }
  bond3adSetCarrier(bondDev);
}

function disablePorts(bondDev: NetDevice, agg: usize): void {
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    if (changetype<BondSlave>(at).aggregator === agg) bondSetInactive(changetype<BondSlave>(at));
  }
}

function enablePorts(bondDev: NetDevice, agg: usize): void {
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    if (changetype<BondSlave>(at).aggregator === agg) enable(changetype<BondSlave>(at));
  }
}

/** Linux: bond_3ad_set_carrier. On while the active aggregator has min_links ports that are up. */
export function bond3adSetCarrier(bondDev: NetDevice): void {
  const active = activeAggregator(bondDev);
  const ports: u32 = active === 0 ? 0 : activePorts(changetype<BondSlave>(active));
  devSetCarrier(bondDev, active !== 0 && ports >= bondOf(bondDev).minLinks);
}

/**
 * The port leaves: its partner is told, and the ports that were attached to its aggregator record move to a free one.
 * Linux: bond_3ad_unbind_slave.
 */
export function bond3adUnbind(slave: BondSlave): void {
  const bondDev = bondDevOf(slave);
  slave.actorState &= <u8>(
    ~(LACP_STATE_SYNCHRONIZATION | LACP_STATE_COLLECTING | LACP_STATE_DISTRIBUTING | LACP_STATE_AGGREGATION)
  );
  if (slave.lacpEnabled !== 0) lacpduSend(slave, bondActorSystem(bondDev));
  if (slave.aggregator !== 0) detach(slave);
  if (slave.aggPorts === 0) {
    slave.aggActive = 0;
    return;
  }
  const self = changetype<usize>(slave);
  for (let at = firstSlave(bondDev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const free = changetype<BondSlave>(at);
    if (at === self || free.aggPorts !== 0) continue;
    free.aggIndividual = slave.aggIndividual;
    free.aggActive = slave.aggActive;
    free.aggActorKey = slave.aggActorKey;
    free.aggPartnerSystem = slave.aggPartnerSystem;
    free.aggPartnerSysPrio = slave.aggPartnerSysPrio;
    free.aggPartnerKey = slave.aggPartnerKey;
    free.aggPorts = slave.aggPorts;
    for (let p = firstSlave(bondDev); p !== 0; p = nextSlave(changetype<BondSlave>(p))) {
      if (changetype<BondSlave>(p).aggregator === self) changetype<BondSlave>(p).aggregator = at;
    }
    break;
  }
  slave.aggPorts = 0;
  slave.aggActive = 0;
}

/** Behind bond3adUnbind, when the port is out of the list. */
export function bond3adReselect(bondDev: NetDevice): void {
  selectAggregator(bondDev);
}
