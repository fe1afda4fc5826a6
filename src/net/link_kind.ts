/**
 * The kinds of links and what each has of its own: how it is asked for (LinkSpec) and what it tells (LinkData), one
 * file link_<kind>.ts each for those with more than a name.
 */
import { LINK_SET_MASTER, LinkRec } from '../../assembly/abi/request.js';
import { putMac, putName } from './link_name.js';
import {
  type BondData,
  type BondSlaveInfo,
  type BondSpec,
  putBond,
  readBond,
  readBondSlave,
} from './link_bond.js';
import { type MacvlanData, type MacvlanSpec, putMacvlan, readMacvlan } from './link_macvlan.js';
import { putVlan, readVlan, type VlanData, type VlanSpec } from './link_vlan.js';
import { putVrf, readVrf, type VrfData, type VrfSpec } from './link_vrf.js';

/** By DevKind of the core, from 1 on. */
const KINDS = ['loopback', 'veth', 'port', 'dummy', 'vlan', 'macvlan', 'bond', 'bridge', 'vrf'] as const;
export type LinkKind = (typeof KINDS)[number];

export interface LinkCommon {
  name: string;
  /** Default: of the lower device where there is one, else random. */
  mac?: string;
  mtu?: number;
  txQueueLen?: number;
  /** The bridge, bond or VRF that it is to be a port of. */
  master?: { ifindex: number };
}

export interface DummySpec {
  kind: 'dummy';
}

/** Its settings are Bridge.set's. */
export interface BridgeSpec {
  kind: 'bridge';
}

/** `ip link add NAME type KIND ...`. */
export type LinkSpec = LinkCommon & (DummySpec | VlanSpec | MacvlanSpec | BondSpec | BridgeSpec | VrfSpec);

/** What a kind tells beyond what all links have. */
export type LinkData = VlanData | MacvlanData | BondData | VrfData | null;

export function linkKind(devKind: number): LinkKind {
  return KINDS[devKind - 1] ?? 'port';
}

/** Writes a LinkRec of LINK_NEW. */
export function putLinkSpec(view: DataView, at: number, net: number, spec: LinkSpec): void {
  view.setUint32(at + LinkRec.NET, net, true);
  view.setUint8(at + LinkRec.KIND, KINDS.indexOf(spec.kind) + 1);
  view.setUint32(at + LinkRec.MTU, spec.mtu ?? 0, true);
  view.setUint32(at + LinkRec.TXQLEN, spec.txQueueLen ?? 0, true);
  putName(view, at + LinkRec.NAME, spec.name);
  if (spec.mac !== undefined) putMac(view, at + LinkRec.MAC, spec.mac);
  if (spec.master !== undefined) {
    view.setUint32(at + LinkRec.SET, LINK_SET_MASTER, true);
    view.setInt32(at + LinkRec.MASTER, spec.master.ifindex, true);
  }
  if (spec.kind === 'vlan') {
    view.setInt32(at + LinkRec.LINK, spec.link.ifindex, true);
    putVlan(view, at + LinkRec.DATA, spec);
  }
  if (spec.kind === 'vrf') putVrf(view, at + LinkRec.DATA, spec);
  if (spec.kind === 'bond') putBond(view, at + LinkRec.DATA, spec);
  if (spec.kind === 'macvlan') {
    view.setInt32(at + LinkRec.LINK, spec.link.ifindex, true);
    putMacvlan(view, at + LinkRec.DATA, spec);
  }
}

/** Reads what the kind has of its own in a LinkRec. */
export function linkData(kind: LinkKind, view: DataView, at: number): LinkData {
  if (kind === 'vlan') return readVlan(view, at + LinkRec.DATA);
  if (kind === 'vrf') return readVrf(view, at + LinkRec.DATA);
  if (kind === 'bond') return readBond(view, at + LinkRec.DATA);
  if (kind === 'macvlan') return readMacvlan(view, at + LinkRec.DATA);
  return null;
}

/** What a link has as a port of a bond; nothing that makes sense for a port of another kind of master. */
export function bondSlave(view: DataView, at: number): BondSlaveInfo {
  return readBondSlave(view, at + LinkRec.SLAVE_DATA);
}
