/** bond links: `ip link add NAME type bond mode ...`, and what /proc/net/bonding/NAME shows of them. */
import {
  BondData as At,
  BOND_DATA_ARP_TARGETS,
  BOND_MAX_ARP_TARGETS,
  BondField,
  BondSlaveData,
} from '../../assembly/abi/link_data.js';
import { formatIp, parseIp } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import { getMac, putMac } from './link_name.js';

const MODES = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb'] as const;
const POLICIES = ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'] as const;
const RATES = ['slow', 'fast'] as const;
const AD_SELECTS = ['stable', 'bandwidth', 'count'] as const;
const RESELECTS = ['always', 'better', 'failure'] as const;
const FAIL_OVER_MACS = ['none', 'active', 'follow'] as const;
const ARP_VALIDATES = [
  'none',
  'active',
  'backup',
  'all',
  'filter',
  'filter_active',
  'filter_backup',
] as const;
const ARP_ALL_TARGETS = ['any', 'all'] as const;
const LINK_STATES = ['up', 'fail', 'down', 'back'] as const;

/** ip-link(8)'s names in camel case. */
export interface BondOptions {
  /** Default, as Linux's: balance-rr. balance-alb is not supported. */
  mode?: (typeof MODES)[number];
  xmitHashPolicy?: (typeof POLICIES)[number];
  lacpRate?: (typeof RATES)[number];
  lacpActive?: boolean;
  adSelect?: (typeof AD_SELECTS)[number];
  primaryReselect?: (typeof RESELECTS)[number];
  failOverMac?: (typeof FAIL_OVER_MACS)[number];
  /** Announcements after a failover, num_grat_arp and num_unsol_na; default 1. */
  numPeerNotif?: number;
  allSlavesActive?: boolean;
  /** Milliseconds between looks at the links; 0, the default but with 802.3ad, is never: no failover. */
  miimon?: number;
  updelay?: number;
  downdelay?: number;
  peerNotifDelay?: number;
  /** Milliseconds between questions to `arpIpTargets`; instead of miimon. 0: none. */
  arpInterval?: number;
  /** IPv4 addresses, 16 at most. */
  arpIpTargets?: readonly string[];
  arpValidate?: (typeof ARP_VALIDATES)[number];
  arpAllTargets?: (typeof ARP_ALL_TARGETS)[number];
  /** Intervals without an answer that take a link down; default 2. */
  missedMax?: number;
  /** Reports of groups after a failover, 200 ms apart; default 1. */
  resendIgmp?: number;
  /** A port of the bond; null: none. */
  primary?: { ifindex: number } | null;
  activeSlave?: { ifindex: number } | null;
  minLinks?: number;
  packetsPerSlave?: number;
  adActorSysPrio?: number;
  adUserPortKey?: number;
  adActorSystem?: string;
}

export interface BondSpec extends BondOptions {
  kind: 'bond';
}

export interface BondData {
  kind: 'bond';
  mode: (typeof MODES)[number];
  xmitHashPolicy: (typeof POLICIES)[number];
  lacpRate: (typeof RATES)[number];
  lacpActive: boolean;
  adSelect: (typeof AD_SELECTS)[number];
  primaryReselect: (typeof RESELECTS)[number];
  failOverMac: (typeof FAIL_OVER_MACS)[number];
  numPeerNotif: number;
  allSlavesActive: boolean;
  miimon: number;
  updelay: number;
  downdelay: number;
  peerNotifDelay: number;
  arpInterval: number;
  arpIpTargets: string[];
  arpValidate: (typeof ARP_VALIDATES)[number];
  arpAllTargets: (typeof ARP_ALL_TARGETS)[number];
  missedMax: number;
  resendIgmp: number;
  /** ifindex; 0: none. */
  primary: number;
  activeSlave: number;
  minLinks: number;
  packetsPerSlave: number;
  adActorSysPrio: number;
  adUserPortKey: number;
  adActorSystem: string;
  /** Mode 802.3ad: the active aggregator, null while there is none. */
  ad: { aggregator: number; ports: number; actorKey: number; partnerKey: number; partnerMac: string } | null;
}

/** A port of a bond as such. */
export interface BondSlaveInfo {
  state: 'active' | 'backup';
  miiStatus: (typeof LINK_STATES)[number];
  linkFailureCount: number;
  permHwaddr: string;
  /** Mode 802.3ad. */
  aggregator: number;
  actorState: number;
  partnerState: number;
}

export function putBond(view: DataView, at: number, options: BondOptions): void {
  let set = 0;
  const put = (field: BondField, write: () => void) => {
    set |= 1 << field;
    write();
  };
  const choice = (field: BondField, offset: number, value: string | undefined, names: readonly string[]) => {
    if (value === undefined) return;
    const n = names.indexOf(value);
    if (n < 0) {
      const what = BondField[field]!.toLowerCase();
      throw new NetError('EINVAL', `a bond’s ${what} is not ${JSON.stringify(value)}: ${names.join(', ')}`);
    }
    put(field, () => {
      view.setUint8(at + offset, n);
    });
  };
  const word = (field: BondField, offset: number, value: number | undefined, bits: 8 | 16 | 32) => {
    if (value === undefined) return;
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
      const what = BondField[field]!.toLowerCase();
      throw new NetError('ERANGE', `a bond’s ${what} is 0 to ${2 ** bits - 1}, not ${value}`);
    }
    put(field, () => {
      if (bits === 8) view.setUint8(at + offset, value);
      else if (bits === 16) view.setUint16(at + offset, value, true);
      else view.setUint32(at + offset, value, true);
    });
  };
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : Number(value));
  choice(BondField.MODE, At.MODE, options.mode, MODES);
  choice(BondField.XMIT_HASH_POLICY, At.XMIT_HASH_POLICY, options.xmitHashPolicy, POLICIES);
  choice(BondField.AD_LACP_RATE, At.AD_LACP_RATE, options.lacpRate, RATES);
  choice(BondField.AD_SELECT, At.AD_SELECT, options.adSelect, AD_SELECTS);
  choice(BondField.PRIMARY_RESELECT, At.PRIMARY_RESELECT, options.primaryReselect, RESELECTS);
  choice(BondField.FAIL_OVER_MAC, At.FAIL_OVER_MAC, options.failOverMac, FAIL_OVER_MACS);
  word(BondField.NUM_PEER_NOTIF, At.NUM_PEER_NOTIF, options.numPeerNotif, 8);
  word(BondField.ALL_SLAVES_ACTIVE, At.ALL_SLAVES_ACTIVE, flag(options.allSlavesActive), 8);
  word(BondField.AD_LACP_ACTIVE, At.AD_LACP_ACTIVE, flag(options.lacpActive), 8);
  word(BondField.MIIMON, At.MIIMON, options.miimon, 32);
  word(BondField.UPDELAY, At.UPDELAY, options.updelay, 32);
  word(BondField.DOWNDELAY, At.DOWNDELAY, options.downdelay, 32);
  word(BondField.PEER_NOTIF_DELAY, At.PEER_NOTIF_DELAY, options.peerNotifDelay, 32);
  word(BondField.ARP_INTERVAL, At.ARP_INTERVAL, options.arpInterval, 32);
  choice(BondField.ARP_VALIDATE, At.ARP_VALIDATE, options.arpValidate, ARP_VALIDATES);
  choice(BondField.ARP_ALL_TARGETS, At.ARP_ALL_TARGETS, options.arpAllTargets, ARP_ALL_TARGETS);
  word(BondField.MISSED_MAX, At.MISSED_MAX, options.missedMax, 8);
  word(BondField.RESEND_IGMP, At.RESEND_IGMP, options.resendIgmp, 8);
  const targets = options.arpIpTargets;
  if (targets !== undefined) {
    const bytes = targetBytes(targets);
    put(BondField.ARP_IP_TARGETS, () => {
      new Uint8Array(view.buffer, view.byteOffset + at + BOND_DATA_ARP_TARGETS, 64).fill(0);
      new Uint8Array(view.buffer, view.byteOffset + at + BOND_DATA_ARP_TARGETS, 64).set(bytes);
    });
  }
  word(BondField.MIN_LINKS, At.MIN_LINKS, options.minLinks, 32);
  word(BondField.PACKETS_PER_SLAVE, At.PACKETS_PER_SLAVE, options.packetsPerSlave, 32);
  word(BondField.AD_ACTOR_SYS_PRIO, At.AD_ACTOR_SYS_PRIO, options.adActorSysPrio, 16);
  word(BondField.AD_USER_PORT_KEY, At.AD_USER_PORT_KEY, options.adUserPortKey, 16);
  if (options.primary !== undefined) word(BondField.PRIMARY, At.PRIMARY, options.primary?.ifindex ?? 0, 32);
  if (options.activeSlave !== undefined)
    word(BondField.ACTIVE_SLAVE, At.ACTIVE_SLAVE, options.activeSlave?.ifindex ?? 0, 32);
  const system = options.adActorSystem;
  if (system !== undefined)
    put(BondField.AD_ACTOR_SYSTEM, () => {
      putMac(view, at + At.AD_ACTOR_SYSTEM, system);
    });
  view.setUint32(at + At.SET, set, true);
}

function targetBytes(targets: readonly string[]): number[] {
  if (targets.length > BOND_MAX_ARP_TARGETS)
    throw new NetError('EINVAL', `a bond has ${BOND_MAX_ARP_TARGETS} ARP targets at most`);
  return targets.flatMap((text) => {
    const ip = parseIp(text);
    if (ip?.family !== 4) throw new NetError('EINVAL', `${JSON.stringify(text)} is no IPv4 address`);
    return [...ip.bytes];
  });
}

function readTargets(view: DataView, at: number): string[] {
  const targets: string[] = [];
  for (let i = 0; i < BOND_MAX_ARP_TARGETS; i++) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + i * 4, 4).slice();
    if (bytes.every((byte) => byte === 0)) break;
    targets.push(formatIp(bytes));
  }
  return targets;
}

function nameOf<T extends string>(names: readonly T[], n: number): T {
  return names[n] ?? names[0]!;
}

export function readBond(view: DataView, at: number): BondData {
  const u8 = (offset: number) => view.getUint8(at + offset);
  const u16 = (offset: number) => view.getUint16(at + offset, true);
  const u32 = (offset: number) => view.getUint32(at + offset, true);
  const lacp = u8(At.MODE) === MODES.indexOf('802.3ad');
  const ports = lacp ? u16(At.AD_NUM_PORTS) : 0;
  return {
    kind: 'bond',
    mode: nameOf(MODES, u8(At.MODE)),
    xmitHashPolicy: nameOf(POLICIES, u8(At.XMIT_HASH_POLICY)),
    lacpRate: nameOf(RATES, u8(At.AD_LACP_RATE)),
    lacpActive: u8(At.AD_LACP_ACTIVE) !== 0,
    adSelect: nameOf(AD_SELECTS, u8(At.AD_SELECT)),
    primaryReselect: nameOf(RESELECTS, u8(At.PRIMARY_RESELECT)),
    failOverMac: nameOf(FAIL_OVER_MACS, u8(At.FAIL_OVER_MAC)),
    numPeerNotif: u8(At.NUM_PEER_NOTIF),
    allSlavesActive: u8(At.ALL_SLAVES_ACTIVE) !== 0,
    miimon: u32(At.MIIMON),
    updelay: u32(At.UPDELAY),
    downdelay: u32(At.DOWNDELAY),
    peerNotifDelay: u32(At.PEER_NOTIF_DELAY),
    arpInterval: u32(At.ARP_INTERVAL),
    arpIpTargets: lacp ? [] : readTargets(view, at + BOND_DATA_ARP_TARGETS),
    arpValidate: nameOf(ARP_VALIDATES, u8(At.ARP_VALIDATE)),
    arpAllTargets: nameOf(ARP_ALL_TARGETS, u8(At.ARP_ALL_TARGETS)),
    missedMax: u8(At.MISSED_MAX),
    resendIgmp: u8(At.RESEND_IGMP),
    primary: u32(At.PRIMARY),
    activeSlave: u32(At.ACTIVE_SLAVE),
    minLinks: u32(At.MIN_LINKS),
    packetsPerSlave: u32(At.PACKETS_PER_SLAVE),
    adActorSysPrio: u16(At.AD_ACTOR_SYS_PRIO),
    adUserPortKey: u16(At.AD_USER_PORT_KEY),
    adActorSystem: getMac(view, at + At.AD_ACTOR_SYSTEM),
    ad:
      ports === 0
        ? null
        : {
            aggregator: u16(At.AD_AGGREGATOR),
            ports,
            actorKey: u16(At.AD_ACTOR_KEY),
            partnerKey: u16(At.AD_PARTNER_KEY),
            partnerMac: getMac(view, at + At.AD_PARTNER_MAC),
          },
  };
}

export function readBondSlave(view: DataView, at: number): BondSlaveInfo {
  return {
    state: view.getUint8(at + BondSlaveData.STATE) === 0 ? 'active' : 'backup',
    miiStatus: nameOf(LINK_STATES, view.getUint8(at + BondSlaveData.MII_STATUS)),
    linkFailureCount: view.getUint32(at + BondSlaveData.LINK_FAILURE_COUNT, true),
    permHwaddr: getMac(view, at + BondSlaveData.PERM_HWADDR),
    aggregator: view.getUint16(at + BondSlaveData.AD_AGGREGATOR_ID, true),
    actorState: view.getUint8(at + BondSlaveData.AD_ACTOR_OPER_PORT_STATE),
    partnerState: view.getUint8(at + BondSlaveData.AD_PARTNER_OPER_PORT_STATE),
  };
}
