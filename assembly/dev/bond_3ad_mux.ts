/**
 * 802.3ad: the mux machine of a port, coupled control (IEEE 802.1AX §6.4.15): attached to its aggregator, and in use.
 * Linux: ad_mux_machine (drivers/net/bonding/bond_3ad.c).
 *
 *    DETACHED ─ selected ─► WAITING ─ 2 s, all ready ─► ATTACHED ─ partner in sync ─► COLLECTING_DISTRIBUTING
 *       ▲ ──── unselected ─────┘ ◄──────────────────────────┘ ◄─── unselected, out of sync ─────┘
 */
import { LACP_STATE_COLLECTING, LACP_STATE_DISTRIBUTING, LACP_STATE_SYNCHRONIZATION } from '../wire/lacp';
import { enable, setPortsReady } from './bond_3ad_select';
import { BondSlave, bondSetInactive, slaveBond } from './bond_slave';

/** Ticks of 100 ms (§6.4.4). */
const AGGREGATE_WAIT_TIME: u32 = 20;

enum Mux {
  DUMMY = 0,
  DETACHED,
  WAITING,
  ATTACHED,
  COLLECTING_DISTRIBUTING,
}

/** Mux machine, coupled control (§6.4.15). */
export function muxMachine(slave: BondSlave): void {
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
