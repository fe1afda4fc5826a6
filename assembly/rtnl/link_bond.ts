/** bonds. Linux: drivers/net/bonding/bond_netlink.c, bond_options.c. */
import {
  BOND_AD_COUNT,
  BOND_ARP_VALIDATE_MAX,
  BOND_ARP_VALIDATE_NONE,
  BOND_DATA_ARP_TARGETS,
  BOND_FOM_FOLLOW,
  BOND_MAX_ARP_TARGETS,
  BOND_MODE_8023AD,
  BOND_MODE_TLB,
  BOND_MODE_ACTIVEBACKUP,
  BOND_PRI_RESELECT_FAILURE,
  BOND_XMIT_POLICY_VLAN_SRCMAC,
  BondData,
  BondField,
  BondSlaveData,
} from '../abi/link_data';
import { LinkRec } from '../abi/request';
import { bondCreate, bondSetActiveSlave, bondStartTimers } from '../dev/bond';
import { bond3adUpdateRate } from '../dev/bond_3ad';
import { activeAggregator, activePorts } from '../dev/bond_3ad_select';
import { bondArpBegin, bondArpTarget } from '../dev/bond_arp';
import { bondSelectActive, bondSetCarrier } from '../dev/bond_select';
import { Bond, BondSlave, bondOf, bondSlave, firstSlave, nextSlave } from '../dev/bond_slave';
import { IFF_UP, NetDevice, devGetByIndex } from '../dev/net_device';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { configureRandom } from './link_conf';
import { linkRegister } from './link_register';

/** Linux: BOND_DEFAULT_MIIMON, for the modes that cannot do without. */
const DEFAULT_MIIMON: u32 = 100;
const ACTOR_SYS_PRIO_MIN: u32 = 1;
const USER_PORT_KEY_MAX: u32 = 1023;
const MAC_MASK: u64 = 0xffffffffffff;

export function bondNew(net: Net, body: usize): i32 {
  const dev = bondCreate(net);
  if (dev === null) return -Errno.ENOMEM;
  let err = dev.priv === 0 ? -Errno.ENOMEM : configureRandom(dev, body);
  if (err === 0) err = bondChange(dev, body + LinkRec.DATA);
  return linkRegister(dev, err, body);
}

class Asked {
  @inline
  static has(data: usize, field: BondField): bool {
    return ((load<u32>(data, BondData.SET) >> <u32>field) & 1) !== 0;
  }
}

/** Parameters of a new bond or an old one; nothing is changed when one of them is wrong. Linux: bond_changelink. */
export function bondChange(dev: NetDevice, data: usize): i32 {
  const bond = bondOf(dev);
  const err = check(dev, bond, data);
  if (err !== 0) return err;
  if (Asked.has(data, BondField.MODE)) {
    bond.mode = load<u8>(data, BondData.MODE);
    const links = bond.mode === <u8>BOND_MODE_8023AD || bond.mode === <u8>BOND_MODE_TLB;
    if (links && bond.miimon === 0) bond.miimon = DEFAULT_MIIMON;
  }
  if (Asked.has(data, BondField.XMIT_HASH_POLICY))
    bond.xmitPolicy = load<u8>(data, BondData.XMIT_HASH_POLICY);
  if (Asked.has(data, BondField.AD_LACP_RATE)) bond.lacpFast = load<u8>(data, BondData.AD_LACP_RATE);
  if (Asked.has(data, BondField.AD_LACP_ACTIVE)) bond.lacpActive = load<u8>(data, BondData.AD_LACP_ACTIVE);
  if (Asked.has(data, BondField.AD_SELECT)) bond.adSelect = load<u8>(data, BondData.AD_SELECT);
  if (Asked.has(data, BondField.PRIMARY_RESELECT))
    bond.primaryReselect = load<u8>(data, BondData.PRIMARY_RESELECT);
  if (Asked.has(data, BondField.FAIL_OVER_MAC)) bond.failOverMac = load<u8>(data, BondData.FAIL_OVER_MAC);
  if (Asked.has(data, BondField.NUM_PEER_NOTIF)) bond.numPeerNotif = load<u8>(data, BondData.NUM_PEER_NOTIF);
  if (Asked.has(data, BondField.ALL_SLAVES_ACTIVE))
    bond.allSlavesActive = load<u8>(data, BondData.ALL_SLAVES_ACTIVE);
  if (Asked.has(data, BondField.MIIMON)) bond.miimon = load<u32>(data, BondData.MIIMON);
  changeArp(dev, bond, data);
  if (Asked.has(data, BondField.UPDELAY)) bond.updelay = load<u32>(data, BondData.UPDELAY);
  if (Asked.has(data, BondField.DOWNDELAY)) bond.downdelay = load<u32>(data, BondData.DOWNDELAY);
  if (Asked.has(data, BondField.PEER_NOTIF_DELAY))
    bond.peerNotifDelay = load<u32>(data, BondData.PEER_NOTIF_DELAY);
  if (Asked.has(data, BondField.MIN_LINKS)) bond.minLinks = load<u32>(data, BondData.MIN_LINKS);
  if (Asked.has(data, BondField.PACKETS_PER_SLAVE))
    bond.packetsPerSlave = load<u32>(data, BondData.PACKETS_PER_SLAVE);
  if (Asked.has(data, BondField.AD_ACTOR_SYS_PRIO))
    bond.adActorSysPrio = load<u16>(data, BondData.AD_ACTOR_SYS_PRIO);
  if (Asked.has(data, BondField.AD_USER_PORT_KEY))
    bond.adUserPortKey = load<u16>(data, BondData.AD_USER_PORT_KEY);
  if (Asked.has(data, BondField.AD_ACTOR_SYSTEM))
    bond.adActorSystem = load<u64>(data, BondData.AD_ACTOR_SYSTEM) & MAC_MASK;
  if (Asked.has(data, BondField.PRIMARY)) {
    bond.primary = portPtr(dev, load<i32>(data, BondData.PRIMARY));
    bond.forcePrimary = bond.primary === 0 ? 0 : 1;
  }
  bond3adUpdateRate(dev);
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at))) {
    const slave = changetype<BondSlave>(at);
    slave.inactive = slave.backup !== 0 && bond.allSlavesActive === 0 ? 1 : 0;
  }
  if ((dev.flags & IFF_UP) !== 0) bondStartTimers(dev);
  if (dev.portHead !== 0) {
    if (bond.mode === <u8>BOND_MODE_ACTIVEBACKUP) bondSelectActive(dev);
    bondSetCarrier(dev);
  }
  if (!Asked.has(data, BondField.ACTIVE_SLAVE)) return 0;
  return bondSetActiveSlave(dev, portOf(dev, load<i32>(data, BondData.ACTIVE_SLAVE)));
}

/** The ARP monitor's parameters. It and miimon shut each other out. */
function changeArp(dev: NetDevice, bond: Bond, data: usize): void {
  if (Asked.has(data, BondField.MIIMON) && bond.miimon !== 0) {
    bond.arpInterval = 0;
    bond.arpValidate = <u8>BOND_ARP_VALIDATE_NONE;
  }
  if (Asked.has(data, BondField.ARP_INTERVAL)) {
    bond.arpInterval = load<u32>(data, BondData.ARP_INTERVAL);
    if (bond.arpInterval !== 0) bond.miimon = 0;
  }
  if (Asked.has(data, BondField.ARP_IP_TARGETS)) {
    let n: u32 = 0;
    for (; n < BOND_MAX_ARP_TARGETS; n++) {
      const target = load<u32>(data + BOND_DATA_ARP_TARGETS + (n << 2));
      if (target === 0) break;
      store<u32>(bondArpTarget(dev, n), target);
    }
    bond.arpTargetCount = n;
  }
  if (Asked.has(data, BondField.ARP_VALIDATE)) bond.arpValidate = load<u8>(data, BondData.ARP_VALIDATE);
  if (Asked.has(data, BondField.ARP_ALL_TARGETS))
    bond.arpAllTargets = load<u8>(data, BondData.ARP_ALL_TARGETS);
  if (Asked.has(data, BondField.MISSED_MAX)) bond.missedMax = load<u8>(data, BondData.MISSED_MAX);
  if (Asked.has(data, BondField.RESEND_IGMP)) bond.resendIgmp = load<u8>(data, BondData.RESEND_IGMP);
  if (!Asked.has(data, BondField.ARP_INTERVAL) && !Asked.has(data, BondField.ARP_IP_TARGETS)) return;
  for (let at = firstSlave(dev); at !== 0; at = nextSlave(changetype<BondSlave>(at)))
    bondArpBegin(changetype<BondSlave>(at));
}

function checkArp(bond: Bond, mode: u32, data: usize): i32 {
  if (Asked.has(data, BondField.ARP_INTERVAL) && load<u32>(data, BondData.ARP_INTERVAL) !== 0) {
    // Linux: bond_opt_unsuppmodes; "ARP monitoring cannot be used with MII monitoring".
    if (mode === BOND_MODE_8023AD) return -Errno.EACCES;
    if (Asked.has(data, BondField.MIIMON) && load<u32>(data, BondData.MIIMON) !== 0) return -Errno.EINVAL;
  }
  if (Asked.has(data, BondField.ARP_VALIDATE)) {
    if (mode === BOND_MODE_8023AD) return -Errno.EACCES;
    if (load<u8>(data, BondData.ARP_VALIDATE) > <u8>BOND_ARP_VALIDATE_MAX) return -Errno.EINVAL;
  }
  if (Asked.has(data, BondField.ARP_ALL_TARGETS) && load<u8>(data, BondData.ARP_ALL_TARGETS) > 1)
    return -Errno.EINVAL;
  if (Asked.has(data, BondField.MISSED_MAX) && load<u8>(data, BondData.MISSED_MAX) === 0)
    return -Errno.EINVAL;
  return 0;
}

function check(dev: NetDevice, bond: Bond, data: usize): i32 {
  const mode: u32 = Asked.has(data, BondField.MODE) ? load<u8>(data, BondData.MODE) : bond.mode;
  if (Asked.has(data, BondField.MODE)) {
    // balance-alb is not there.
    if (mode > BOND_MODE_TLB) return -Errno.EOPNOTSUPP;
    if ((dev.flags & IFF_UP) !== 0) return -Errno.EBUSY;
    if (dev.portHead !== 0) return -Errno.EBUSY;
  }
  const arp = checkArp(bond, mode, data);
  if (arp !== 0) return arp;
  if (load<u8>(data, BondData.XMIT_HASH_POLICY) > <u8>BOND_XMIT_POLICY_VLAN_SRCMAC) return -Errno.EINVAL;
  if ((load<u8>(data, BondData.AD_LACP_RATE) | load<u8>(data, BondData.ALL_SLAVES_ACTIVE)) > 1)
    return -Errno.EINVAL;
  if (load<u8>(data, BondData.AD_LACP_ACTIVE) > 1) return -Errno.EINVAL;
  if (load<u8>(data, BondData.AD_SELECT) > <u8>BOND_AD_COUNT) return -Errno.EINVAL;
  if (load<u8>(data, BondData.PRIMARY_RESELECT) > <u8>BOND_PRI_RESELECT_FAILURE) return -Errno.EINVAL;
  if (load<u8>(data, BondData.FAIL_OVER_MAC) > <u8>BOND_FOM_FOLLOW) return -Errno.EINVAL;
  // Linux: these may only change while there is no port.
  if (Asked.has(data, BondField.FAIL_OVER_MAC) && dev.portHead !== 0) return -Errno.EBUSY;
  const up = (dev.flags & IFF_UP) !== 0;
  if (Asked.has(data, BondField.AD_LACP_RATE)) {
    if (mode !== BOND_MODE_8023AD) return -Errno.EINVAL;
    if (up) return -Errno.EBUSY;
  }
  const system = load<u64>(data, BondData.AD_ACTOR_SYSTEM) & MAC_MASK;
  if (Asked.has(data, BondField.AD_ACTOR_SYSTEM) && ((system & 1) !== 0 || system === 0))
    return -Errno.EINVAL;
  if (Asked.has(data, BondField.AD_ACTOR_SYS_PRIO)) {
    if (<u32>load<u16>(data, BondData.AD_ACTOR_SYS_PRIO) < ACTOR_SYS_PRIO_MIN) return -Errno.EINVAL;
  }
  if (<u32>load<u16>(data, BondData.AD_USER_PORT_KEY) > USER_PORT_KEY_MAX) return -Errno.EINVAL;
  if (Asked.has(data, BondField.AD_USER_PORT_KEY) && up) return -Errno.EBUSY;
  const primary = load<i32>(data, BondData.PRIMARY);
  if (Asked.has(data, BondField.PRIMARY)) {
    if (mode !== BOND_MODE_ACTIVEBACKUP && mode !== BOND_MODE_TLB) return -Errno.EINVAL;
    if (primary !== 0 && portOf(dev, primary) === null) return -Errno.EINVAL;
  }
  const active = load<i32>(data, BondData.ACTIVE_SLAVE);
  if (Asked.has(data, BondField.ACTIVE_SLAVE) && active !== 0 && portOf(dev, active) === null)
    return -Errno.EINVAL;
  return 0;
}

/** The port of that ifindex, or null. */
function portOf(dev: NetDevice, ifindex: i32): NetDevice | null {
  const port = devGetByIndex(dev.net, ifindex);
  return port !== null && port.upper === changetype<usize>(dev) ? port : null;
}

function portPtr(dev: NetDevice, ifindex: i32): usize {
  return changetype<usize>(portOf(dev, ifindex));
}

function ifindexOf(port: usize): i32 {
  return port === 0 ? 0 : changetype<NetDevice>(port).ifindex;
}

export function bondFill(dev: NetDevice, data: usize): void {
  const bond = bondOf(dev);
  store<u8>(data, bond.mode, BondData.MODE);
  store<u8>(data, bond.xmitPolicy, BondData.XMIT_HASH_POLICY);
  store<u8>(data, bond.lacpFast, BondData.AD_LACP_RATE);
  store<u8>(data, bond.adSelect, BondData.AD_SELECT);
  store<u8>(data, bond.primaryReselect, BondData.PRIMARY_RESELECT);
  store<u8>(data, bond.failOverMac, BondData.FAIL_OVER_MAC);
  store<u8>(data, bond.numPeerNotif, BondData.NUM_PEER_NOTIF);
  store<u8>(data, bond.allSlavesActive, BondData.ALL_SLAVES_ACTIVE);
  store<u32>(data, bond.miimon, BondData.MIIMON);
  store<u32>(data, bond.updelay, BondData.UPDELAY);
  store<u32>(data, bond.downdelay, BondData.DOWNDELAY);
  store<u32>(data, bond.peerNotifDelay, BondData.PEER_NOTIF_DELAY);
  store<i32>(data, ifindexOf(bond.primary), BondData.PRIMARY);
  store<i32>(data, ifindexOf(bond.active), BondData.ACTIVE_SLAVE);
  store<u32>(data, bond.minLinks, BondData.MIN_LINKS);
  store<u32>(data, bond.packetsPerSlave, BondData.PACKETS_PER_SLAVE);
  store<u16>(data, bond.adActorSysPrio, BondData.AD_ACTOR_SYS_PRIO);
  store<u16>(data, bond.adUserPortKey, BondData.AD_USER_PORT_KEY);
  store<u8>(data, bond.lacpActive, BondData.AD_LACP_ACTIVE);
  storeMac(data + BondData.AD_ACTOR_SYSTEM, bond.adActorSystem);
  store<u32>(data, bond.arpInterval, BondData.ARP_INTERVAL);
  store<u8>(data, bond.arpValidate, BondData.ARP_VALIDATE);
  store<u8>(data, bond.arpAllTargets, BondData.ARP_ALL_TARGETS);
  store<u8>(data, bond.missedMax, BondData.MISSED_MAX);
  store<u8>(data, bond.resendIgmp, BondData.RESEND_IGMP);
  if (bond.mode !== <u8>BOND_MODE_8023AD) {
    memory.copy(data + BOND_DATA_ARP_TARGETS, bondArpTarget(dev, 0), (<usize>bond.arpTargetCount) << 2);
    return;
  }
  const active = activeAggregator(dev);
  if (active === 0) return;
  const agg = changetype<BondSlave>(active);
  store<u16>(data, agg.aggId, BondData.AD_AGGREGATOR);
  store<u16>(data, <u16>activePorts(agg), BondData.AD_NUM_PORTS);
  store<u16>(data, agg.aggActorKey, BondData.AD_ACTOR_KEY);
  store<u16>(data, agg.aggPartnerKey, BondData.AD_PARTNER_KEY);
  storeMac(data + BondData.AD_PARTNER_MAC, agg.aggPartnerSystem);
}

/** What a port of a bond has as such. */
export function bondSlaveFill(port: NetDevice, data: usize): void {
  const slave = bondSlave(port);
  store<u8>(data, slave.backup, BondSlaveData.STATE);
  store<u8>(data, slave.link, BondSlaveData.MII_STATUS);
  store<u32>(data, slave.linkFailures, BondSlaveData.LINK_FAILURE_COUNT);
  storeMac(data + BondSlaveData.PERM_HWADDR, slave.permAddr);
  if (bondOf(changetype<NetDevice>(slave.bond)).mode !== <u8>BOND_MODE_8023AD) return;
  store<u8>(data, slave.actorState, BondSlaveData.AD_ACTOR_OPER_PORT_STATE);
  store<u8>(data, slave.partnerState, BondSlaveData.AD_PARTNER_OPER_PORT_STATE);
  const agg = slave.aggregator;
  store<u16>(data, agg === 0 ? 0 : changetype<BondSlave>(agg).aggId, BondSlaveData.AD_AGGREGATOR_ID);
}

function storeMac(at: usize, mac: u64): void {
  store<u32>(at, <u32>mac);
  store<u16>(at, <u16>(mac >> 32), 4);
}
