/**
 * 802.3ad: the periodic transmission machine of a port (IEEE 802.1AX §6.4.13): how often the partner is to hear of us,
 * every second or every 30. Linux: ad_periodic_machine (drivers/net/bonding/bond_3ad.c).
 */
import { LACP_STATE_LACP_ACTIVITY, LACP_STATE_LACP_TIMEOUT } from '../wire/lacp';
import { BondSlave } from './bond_slave';

/** Ticks of 100 ms (§6.4.4). */
const FAST_PERIODIC_TIME: u32 = 10;
const SLOW_PERIODIC_TIME: u32 = 300;

enum Periodic {
  DUMMY = 0,
  NO_PERIODIC,
  FAST_PERIODIC,
  SLOW_PERIODIC,
  PERIODIC_TX,
}

/** Periodic transmission machine (§6.4.13). */
export function periodicMachine(slave: BondSlave): void {
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
