/**
 * What the machines of 802.3ad have alike: who we are to a partner, and who the partner is taken for before it spoke.
 * Linux: drivers/net/bonding/bond_3ad.c.
 */
import { LACP_STATE_LACP_ACTIVITY } from '../wire/lacp';
import { BondSlave, bondOf } from './bond_slave';
import { NetDevice } from './net_device';

export const PORT_PRIORITY: u32 = 255;

/** The system that the bond says it is: its own MAC unless another was named. */
export function bondActorSystem(bondDev: NetDevice): u64 {
  const bond = bondOf(bondDev);
  return bond.adActorSystem !== 0 ? bond.adActorSystem : bondDev.addr;
}

export function bondDevOf(slave: BondSlave): NetDevice {
  return changetype<NetDevice>(slave.bond);
}

/** Who the partner is taken for before it spoke. */
export function setPartnerAdmin(slave: BondSlave): void {
  slave.partnerSystem = 0;
  slave.partnerSysPrio = 0xffff;
  slave.partnerKey = 1;
  slave.partnerPort = 1;
  slave.partnerPortPrio = <u16>PORT_PRIORITY;
  slave.partnerState = <u8>LACP_STATE_LACP_ACTIVITY;
}
