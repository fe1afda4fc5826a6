/**
 * 802.3ad: which aggregator a port belongs to (selection logic, IEEE 802.1AX §6.4.14), and which aggregator of the bond
 * is the active one (ad_select). There is an aggregator record in every port, so that one is always free.
 * Linux: ad_port_selection_logic, ad_agg_selection_logic (drivers/net/bonding/bond_3ad.c).
 */
import { BOND_AD_COUNT, BOND_AD_STABLE, BOND_LINK_UP } from '../abi/link_data';
import { LACP_STATE_SYNCHRONIZATION } from '../wire/lacp';
import { bondDevOf } from './bond_3ad_port';
import {
  Bond,
  BondSlave,
  bondOf,
  bondSetActive,
  bondSetInactive,
  firstSlave,
  nextSlave,
  slaveDev,
} from './bond_slave';
import { IFF_UP, NetDevice, devSetCarrier } from './net_device';

const KEY_DUPLEX: u32 = 1;

/** Selection logic (§6.4.14): an aggregator for a port that is not selected. */
export function selectionLogic(slave: BondSlave): void {
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
export function detach(slave: BondSlave): void {
  const agg = changetype<BondSlave>(slave.aggregator);
  slave.aggregator = 0;
  if (--agg.aggPorts !== 0) return;
  agg.aggActive = 0;
  agg.aggPartnerSystem = 0;
}

/** All ports of the aggregator are ready as soon as each is by itself (§6.4.8, Ready). */
export function setPortsReady(agg: BondSlave): void {
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

export function enable(slave: BondSlave): void {
  if (slave.link === <u8>BOND_LINK_UP && (slaveDev(slave).flags & IFF_UP) !== 0) bondSetActive(slave);
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
export function selectAggregator(bondDev: NetDevice): void {
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
