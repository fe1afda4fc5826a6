/**
 * 802.3ad: LACP of IEEE 802.1AX §6.4 for the ports of a bond. Linux: drivers/net/bonding/bond_3ad.c.
 *
 *   every 100 ms, each port:  receive ─► periodic ─► selection ─► mux ─► transmit        LACPDU in ─► receive
 *        bond_3ad_              rx        periodic     select      mux   here
 *
 * Ports whose partners have the same system and key share an aggregator; one aggregator is active (ad_select), and its
 * ports that are collecting and distributing carry the traffic. Differs: no churn detection; every link is said to have
 * 10 Gbit/s full duplex, as Linux says of veth.
 */
import { BOND_LINK_UP, BOND_MODE_8023AD } from '../abi/link_data';
import {
  LACP_STATE_AGGREGATION,
  LACP_STATE_COLLECTING,
  LACP_STATE_DISTRIBUTING,
  LACP_STATE_LACP_ACTIVITY,
  LACP_STATE_LACP_TIMEOUT,
  LACP_STATE_SYNCHRONIZATION,
} from '../wire/lacp';
import { muxMachine } from './bond_3ad_mux';
import { periodicMachine } from './bond_3ad_periodic';
import { bondActorSystem, bondDevOf, setPartnerAdmin } from './bond_3ad_port';
import { rxMachine } from './bond_3ad_rx';
import { detach, selectAggregator, selectionLogic } from './bond_3ad_select';
import { lacpduSend } from './bond_lacpdu';
import { BondSlave, bondOf, bondSetInactive, firstSlave, nextSlave, slaveBond } from './bond_slave';
import { NetDevice } from './net_device';

/** No more than three LACPDUs a second (§6.4.16). */
const TX_TICKS: u32 = 3;
/** Speed (10 Gbit/s) and duplex of the actor's key, as Linux composes it. */
const KEY_SPEED_DUPLEX: u32 = (7 << 1) | 1;
const KEY_USER_SHIFT: u32 = 6;

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

/** Transmit machine (§6.4.16). */
function txMachine(slave: BondSlave): void {
  if (slave.txTimer !== 0 && --slave.txTimer !== 0) return;
  slave.txTimer = TX_TICKS;
  if (slave.ntt === 0 || slave.lacpEnabled === 0) return;
  if (slaveBond(slave).lacpActive === 0 && (<u32>slave.partnerState & LACP_STATE_LACP_ACTIVITY) === 0) return;
  if (lacpduSend(slave, bondActorSystem(bondDevOf(slave)))) slave.ntt = 0;
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
