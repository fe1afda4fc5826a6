/**
 * 802.3ad: the receive machine of a port (IEEE 802.1AX §6.4.12) and what it records of the partner (§6.4.9).
 * Linux: ad_rx_machine (drivers/net/bonding/bond_3ad.c).
 *
 *                          LACPDU                 current_while over            current_while over
 *    PORT_DISABLED ─► EXPIRED ─────► CURRENT ─────────────────────► EXPIRED ─────────────────────► DEFAULTED
 *                                      ▲ LACPDU ────────────────────────────────────────────────────┘
 */
import {
  LACP_STATE_AGGREGATION,
  LACP_STATE_DEFAULTED,
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
import { PORT_PRIORITY, bondActorSystem, bondDevOf, setPartnerAdmin } from './bond_3ad_port';
import { BondSlave, bondOf } from './bond_slave';

/** Ticks of 100 ms (§6.4.4). */
const SHORT_TIMEOUT_TIME: u32 = 30;
const LONG_TIMEOUT_TIME: u32 = 900;

enum Rx {
  DUMMY = 0,
  INITIALIZE,
  PORT_DISABLED,
  LACP_DISABLED,
  EXPIRED,
  DEFAULTED,
  CURRENT,
}

/** Receive machine (§6.4.12). `pdu` is a LACPDU, or 0. */
export function rxMachine(slave: BondSlave, pdu: usize): void {
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
