/**
 * A bridge and its ports: the typed client of the requests in assembly/abi/bridge.ts. Names are those of
 * `ip link ... type bridge` and bridge(8); times are in seconds.
 */
import {
  BR_VLAN_PVID,
  BR_VLAN_UNTAGGED,
  BrAttr,
  BrGetRec,
  BrPortAttr,
  BrSetRec,
  BrState,
  BrVlanRec,
  BrVlanStatsRec,
  FDB_F_REPLACE,
  FDB_FLUSH_PERMANENT,
  FDB_FLUSH_STATIC,
  FdbRec,
  MDB_BLOCKED,
  MDB_FAST_LEAVE,
  MDB_KIND_SOURCE,
  MDB_PERMANENT,
  MDB_STAR_EXCL,
  MDB_USER,
  MdbRec,
} from '../../assembly/abi/bridge.js';
import { MsgType } from '../../assembly/abi/request.js';
import { formatIp, formatMac, parseIp } from '../config/ip_address.js';
import type { Core } from '../core/core.js';
import { NetError } from '../net_error.js';
import type { Link } from './link.js';
import { putMac } from './link_name.js';

const NUD_REACHABLE = 0x02;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_EXT_LEARNED = 0x10;
const NTF_STICKY = 0x40;
const AF_INET = 2;
const AF_INET6 = 10;

/** What a link is to these requests. */
interface LinkRef {
  readonly net: number;
  readonly ifindex: number;
  readonly name: string;
}

interface Option {
  readonly attr: number;
  readonly kind: 'number' | 'boolean' | 'seconds';
}
const number = (attr: number): Option => ({ attr, kind: 'number' });
const boolean = (attr: number): Option => ({ attr, kind: 'boolean' });
const seconds = (attr: number): Option => ({ attr, kind: 'seconds' });

/** `stp` stands last of what a new bridge is given, so that it begins with the right times and priority. */
const BRIDGE_OPTIONS = {
  forwardDelay: seconds(BrAttr.FORWARD_DELAY),
  helloTime: seconds(BrAttr.HELLO_TIME),
  maxAge: seconds(BrAttr.MAX_AGE),
  ageingTime: seconds(BrAttr.AGEING_TIME),
  priority: number(BrAttr.PRIORITY),
  groupFwdMask: number(BrAttr.GROUP_FWD_MASK),
  vlanDefaultPvid: number(BrAttr.VLAN_DEFAULT_PVID),
  vlanProtocol: number(BrAttr.VLAN_PROTOCOL),
  vlanFiltering: boolean(BrAttr.VLAN_FILTERING),
  fdbMaxLearned: number(BrAttr.FDB_MAX_LEARNED),
  noLinklocalLearn: boolean(BrAttr.NO_LINKLOCAL_LEARN),
  vlanStatsEnabled: boolean(BrAttr.VLAN_STATS_ENABLED),
  vlanStatsPerPort: boolean(BrAttr.VLAN_STATS_PER_PORT),
  mcastSnooping: boolean(BrAttr.MCAST_SNOOPING),
  mcastRouter: number(BrAttr.MCAST_ROUTER),
  mcastQueryUseIfaddr: boolean(BrAttr.MCAST_QUERY_USE_IFADDR),
  mcastHashMax: number(BrAttr.MCAST_HASH_MAX),
  mcastLastMemberCount: number(BrAttr.MCAST_LAST_MEMBER_COUNT),
  mcastStartupQueryCount: number(BrAttr.MCAST_STARTUP_QUERY_COUNT),
  mcastLastMemberInterval: seconds(BrAttr.MCAST_LAST_MEMBER_INTERVAL),
  mcastMembershipInterval: seconds(BrAttr.MCAST_MEMBERSHIP_INTERVAL),
  mcastQuerierInterval: seconds(BrAttr.MCAST_QUERIER_INTERVAL),
  mcastQueryInterval: seconds(BrAttr.MCAST_QUERY_INTERVAL),
  mcastQueryResponseInterval: seconds(BrAttr.MCAST_QUERY_RESPONSE_INTERVAL),
  mcastStartupQueryInterval: seconds(BrAttr.MCAST_STARTUP_QUERY_INTERVAL),
  mcastIgmpVersion: number(BrAttr.MCAST_IGMP_VERSION),
  mcastMldVersion: number(BrAttr.MCAST_MLD_VERSION),
  mcastQuerier: boolean(BrAttr.MCAST_QUERIER),
  stp: boolean(BrAttr.STP_STATE),
} as const;

const PORT_OPTIONS = {
  state: number(BrPortAttr.STATE),
  priority: number(BrPortAttr.PRIORITY),
  cost: number(BrPortAttr.COST),
  hairpin: boolean(BrPortAttr.HAIRPIN),
  guard: boolean(BrPortAttr.GUARD),
  rootBlock: boolean(BrPortAttr.ROOT_BLOCK),
  fastLeave: boolean(BrPortAttr.FAST_LEAVE),
  learning: boolean(BrPortAttr.LEARNING),
  flood: boolean(BrPortAttr.FLOOD),
  mcastFlood: boolean(BrPortAttr.MCAST_FLOOD),
  bcastFlood: boolean(BrPortAttr.BCAST_FLOOD),
  mcastToUnicast: boolean(BrPortAttr.MCAST_TO_UNICAST),
  isolated: boolean(BrPortAttr.ISOLATED),
  locked: boolean(BrPortAttr.LOCKED),
  neighSuppress: boolean(BrPortAttr.NEIGH_SUPPRESS),
  proxyArp: boolean(BrPortAttr.PROXY_ARP),
  proxyArpWifi: boolean(BrPortAttr.PROXY_ARP_WIFI),
  mcastRouter: number(BrPortAttr.MCAST_ROUTER),
  groupFwdMask: number(BrPortAttr.GROUP_FWD_MASK),
} as const;

type Known<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** `ip link set BRIDGE type bridge ...` */
export type BridgeOptions = {
  -readonly [K in keyof typeof BRIDGE_OPTIONS]?: K extends BooleanBridgeOption ? boolean : number;
};
type BooleanBridgeOption =
  | 'vlanFiltering'
  | 'noLinklocalLearn'
  | 'vlanStatsEnabled'
  | 'vlanStatsPerPort'
  | 'mcastSnooping'
  | 'mcastQueryUseIfaddr'
  | 'mcastQuerier'
  | 'stp';

/** `bridge link set dev PORT ...` */
export type BridgePortOptions = {
  -readonly [K in keyof typeof PORT_OPTIONS]?: K extends NumberPortOption ? number : boolean;
};
type NumberPortOption = 'state' | 'priority' | 'cost' | 'mcastRouter' | 'groupFwdMask';

export type StpState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';

/** An identifier of the spanning tree, like "8000.02:00:00:00:00:01". */
export type BridgeId = string;

export interface BridgeInfo extends Known<BridgeOptions> {
  /** Number of the port towards the root, 0 when this bridge is the root. */
  readonly rootPort: number;
  readonly rootPathCost: number;
  readonly rootId: BridgeId;
  readonly bridgeId: BridgeId;
  readonly topologyChange: boolean;
  readonly topologyChangeDetected: boolean;
  readonly fdbLearned: number;
}

export interface BridgePortInfo extends Known<Omit<BridgePortOptions, 'state'>> {
  readonly state: StpState;
  readonly bridge: number;
  readonly no: number;
  readonly id: number;
  readonly designatedRoot: BridgeId;
  readonly designatedBridge: BridgeId;
  readonly designatedPort: number;
  readonly designatedCost: number;
  readonly pvid: number;
}

export interface FdbSpec {
  mac: string;
  vlan?: number;
  /** permanent: an address of ours; static: stays; dynamic (default): ages. */
  state?: 'permanent' | 'static' | 'dynamic';
  sticky?: boolean;
  extLearn?: boolean;
  replace?: boolean;
}

export interface FdbInfo {
  readonly mac: string;
  readonly vlan: number;
  readonly ifindex: number;
  readonly state: 'permanent' | 'static' | 'stale' | 'reachable';
  readonly sticky: boolean;
  readonly extLearn: boolean;
  /** From a frame, not from a request. */
  readonly learned: boolean;
  /** Seconds since a frame was sent to it, and since one came from it. */
  readonly used: number;
  readonly updated: number;
}

export interface BridgeVlan {
  readonly first: number;
  readonly last: number;
  readonly pvid: boolean;
  readonly untagged: boolean;
  /** Of a port, unless its own is worse. */
  readonly state: StpState;
}

/** `bridge -s vlan show`; bytes without Ethernet headers and tags. */
export interface BridgeVlanStats {
  readonly vlan: number;
  readonly pvid: boolean;
  readonly untagged: boolean;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
}

export interface MdbInfo {
  /** An address, or a MAC. */
  readonly group: string;
  readonly vlan: number;
  readonly ifindex: number;
  readonly permanent: boolean;
  /** Seconds until it goes, 0 for one that stays. */
  readonly timer: number;
  /** The only source that it is about (an (S,G)). */
  readonly source?: string;
  /** include: only of `sources`; exclude: of all but those whose timer is over. */
  readonly filterMode: 'include' | 'exclude';
  readonly sources: readonly MdbSource[];
  /** An (S,G) whose source the port does not want; one where it is because it wants all but some others. */
  readonly blocked: boolean;
  readonly addedByStarExclude: boolean;
  readonly fastLeave: boolean;
  /** kernel: from a report; static: from a request. */
  readonly protocol: 'kernel' | 'static';
}

export interface MdbSource {
  readonly address: string;
  /** Seconds that frames of it are still forwarded, 0 for one that is excluded. */
  readonly timer: number;
}

function toNumber({ kind }: Option, value: number | boolean): number {
  return kind === 'seconds' ? Math.round(Number(value) * 100) : Number(value);
}

function fromNumber({ kind }: Option, value: number): number | boolean {
  if (kind === 'boolean') return value !== 0;
  return kind === 'seconds' ? value / 100 : value;
}

function setMessages(
  type: MsgType,
  link: LinkRef,
  table: Readonly<Record<string, Option>>,
  options: Readonly<Record<string, number | boolean | undefined>>,
): { name: string; message: { type: MsgType; bytes: number; fill: (v: DataView, at: number) => void } }[] {
  return Object.entries(table).flatMap(([name, option]) => {
    const value = options[name];
    if (value === undefined) return [];
    const fill = (v: DataView, at: number) => {
      key(v, at, link);
      v.setUint32(at + BrSetRec.ATTR, option.attr, true);
      v.setUint32(at + BrSetRec.VALUE, toNumber(option, value), true);
    };
    return [{ name, message: { type, bytes: BrSetRec.SIZE, fill } }];
  });
}

function key(view: DataView, at: number, link: LinkRef): void {
  view.setUint32(at + BrSetRec.NET, link.net, true);
  view.setInt32(at + BrSetRec.IFINDEX, link.ifindex, true);
}

/** Sets what `options` has of the bridge `link`, one after the other; the first that is refused is named. */
async function setBridge(core: Core, link: LinkRef, options: BridgeOptions): Promise<void> {
  for (const { name, message } of setMessages(MsgType.BRIDGE_SET, link, BRIDGE_OPTIONS, options))
    await core.request(message, `${link.name}: ${name}`);
}

async function setBridgePort(core: Core, link: LinkRef, options: BridgePortOptions): Promise<void> {
  for (const { name, message } of setMessages(MsgType.BRIDGE_PORT_SET, link, PORT_OPTIONS, options))
    await core.request(message, `${link.name}: ${name}`);
}

async function values(
  core: Core,
  type: MsgType,
  link: LinkRef,
): Promise<{ view: DataView; at: (attr: number) => number }> {
  const fill = (v: DataView, at: number) => key(v, at, link);
  const view = await core.request({ type, bytes: BrGetRec.SIZE, fill }, `${link.name}: bridge`);
  return { view, at: (attr) => view.getUint32(BrGetRec.VALUES + attr * 4, true) };
}

function known(
  table: Readonly<Record<string, Option>>,
  at: (attr: number) => number,
): Record<string, number | boolean> {
  return Object.fromEntries(
    Object.entries(table).map(([name, option]) => [name, fromNumber(option, at(option.attr))]),
  );
}

function bridgeId(hi: number, lo: number): BridgeId {
  const mac = Uint8Array.of(
    (hi >> 8) & 255,
    hi & 255,
    lo >>> 24,
    (lo >> 16) & 255,
    (lo >> 8) & 255,
    lo & 255,
  );
  return `${(hi >>> 16).toString(16).padStart(4, '0')}.${formatMac(mac)}`;
}

async function bridgeInfo(core: Core, link: LinkRef): Promise<BridgeInfo> {
  const { at } = await values(core, MsgType.BRIDGE_GET, link);
  return {
    ...(known(BRIDGE_OPTIONS, at) as unknown as Known<BridgeOptions>),
    rootPort: at(BrAttr.ROOT_PORT),
    rootPathCost: at(BrAttr.ROOT_PATH_COST),
    rootId: bridgeId(at(BrAttr.ROOT_ID_HI), at(BrAttr.ROOT_ID_LO)),
    bridgeId: bridgeId(at(BrAttr.BRIDGE_ID_HI), at(BrAttr.BRIDGE_ID_LO)),
    topologyChange: at(BrAttr.TOPOLOGY_CHANGE) !== 0,
    topologyChangeDetected: at(BrAttr.TOPOLOGY_CHANGE_DETECTED) !== 0,
    fdbLearned: at(BrAttr.FDB_N_LEARNED),
  };
}

async function bridgePortInfo(core: Core, link: LinkRef): Promise<BridgePortInfo> {
  const { view, at } = await values(core, MsgType.BRIDGE_PORT_GET, link);
  const { state, ...options } = known(PORT_OPTIONS, at);
  return {
    ...(options as unknown as Known<Omit<BridgePortOptions, 'state'>>),
    state: (BrState[Number(state)] ?? 'DISABLED').toLowerCase() as StpState,
    bridge: view.getInt32(BrGetRec.MASTER, true),
    no: at(BrPortAttr.NO),
    id: at(BrPortAttr.ID),
    designatedRoot: bridgeId(at(BrPortAttr.DESIGNATED_ROOT_HI), at(BrPortAttr.DESIGNATED_ROOT_LO)),
    designatedBridge: bridgeId(at(BrPortAttr.DESIGNATED_BRIDGE_HI), at(BrPortAttr.DESIGNATED_BRIDGE_LO)),
    designatedPort: at(BrPortAttr.DESIGNATED_PORT),
    designatedCost: at(BrPortAttr.DESIGNATED_COST),
    pvid: at(BrPortAttr.PVID),
  };
}

/** `bridge fdb add`, and `replace`: of a port, or of the bridge itself. */
async function fdbAdd(core: Core, link: LinkRef, spec: FdbSpec): Promise<void> {
  const states = { permanent: NUD_PERMANENT, static: NUD_NOARP, dynamic: NUD_REACHABLE };
  const flags = (spec.sticky === true ? NTF_STICKY : 0) | (spec.extLearn === true ? NTF_EXT_LEARNED : 0);
  await core.request(
    {
      type: MsgType.FDB_NEW,
      flags: spec.replace === true ? FDB_F_REPLACE : 0,
      bytes: FdbRec.SIZE,
      fill: (v, at) => {
        putFdb(v, at, link, spec);
        v.setUint16(at + FdbRec.STATE, states[spec.state ?? 'dynamic'], true);
        v.setUint8(at + FdbRec.FLAGS, flags);
      },
    },
    `${link.name}: fdb entry ${spec.mac}`,
  );
}

async function fdbDelete(core: Core, link: LinkRef, spec: { mac: string; vlan?: number }): Promise<void> {
  const fill = (v: DataView, at: number) => putFdb(v, at, link, spec);
  await core.request(
    { type: MsgType.FDB_DEL, bytes: FdbRec.SIZE, fill },
    `${link.name}: fdb entry ${spec.mac}`,
  );
}

function putFdb(
  view: DataView,
  at: number,
  link: LinkRef,
  { mac, vlan }: { mac: string; vlan?: number },
): void {
  key(view, at, link);
  putMac(view, at + FdbRec.MAC, mac);
  view.setUint16(at + FdbRec.VID, vlan ?? 0, true);
}

/** `bridge fdb flush`: what ages, and what else is named; of the bridge, or of the one port. */
async function fdbFlush(
  core: Core,
  link: LinkRef,
  which: { vlan?: number; static?: boolean; permanent?: boolean } = {},
): Promise<void> {
  const also =
    (which.static === true ? FDB_FLUSH_STATIC : 0) | (which.permanent === true ? FDB_FLUSH_PERMANENT : 0);
  const fill = (v: DataView, at: number) => {
    key(v, at, link);
    v.setUint16(at + FdbRec.STATE, also, true);
    v.setUint16(at + FdbRec.VID, which.vlan ?? 0, true);
  };
  await core.request({ type: MsgType.FDB_FLUSH, bytes: FdbRec.SIZE, fill }, `${link.name}: fdb flush`);
}

/** `bridge fdb show`: of the bridge, or of the one port. */
async function fdb(core: Core, link: LinkRef): Promise<FdbInfo[]> {
  const found: FdbInfo[] = [];
  const read = (v: DataView, at: number) => found.push(fdbInfo(v, at));
  await core.dump(MsgType.FDB_DUMP, link.net, 0, FdbRec.SIZE, read, `${link.name}: fdb`, link.ifindex);
  return found;
}

function fdbInfo(view: DataView, at: number): FdbInfo {
  const state = view.getUint16(at + FdbRec.STATE, true);
  const flags = view.getUint8(at + FdbRec.FLAGS);
  const aged = state === NUD_REACHABLE ? 'reachable' : 'stale';
  return {
    mac: formatMac(new Uint8Array(view.buffer, view.byteOffset + at + FdbRec.MAC, 6).slice()),
    vlan: view.getUint16(at + FdbRec.VID, true),
    ifindex: view.getInt32(at + FdbRec.IFINDEX, true),
    state: state === NUD_PERMANENT ? 'permanent' : state === NUD_NOARP ? 'static' : aged,
    sticky: (flags & NTF_STICKY) !== 0,
    extLearn: (flags & NTF_EXT_LEARNED) !== 0,
    learned: view.getUint8(at + FdbRec.LEARNED) !== 0,
    used: view.getUint32(at + FdbRec.USED, true) / 100,
    updated: view.getUint32(at + FdbRec.UPDATED, true) / 100,
  };
}

export interface BridgeVlanSpec {
  first: number;
  last?: number;
  pvid?: boolean;
  untagged?: boolean;
}

/** `bridge vlan add`, `bridge vlan del`: of a port, or (self) of the bridge. */
async function bridgeVlanAdd(core: Core, link: LinkRef, spec: BridgeVlanSpec): Promise<void> {
  await vlanRequest(core, MsgType.BRIDGE_VLAN_NEW, link, spec);
}

async function bridgeVlanDelete(core: Core, link: LinkRef, first: number, last = first): Promise<void> {
  await vlanRequest(core, MsgType.BRIDGE_VLAN_DEL, link, { first, last });
}

/** `bridge vlan set ... state`: of a port, while the bridge has no spanning tree of its own. */
async function bridgeVlanState(
  core: Core,
  link: LinkRef,
  first: number,
  last: number,
  state: StpState,
): Promise<void> {
  const fill = (v: DataView, at: number) => {
    key(v, at, link);
    v.setUint16(at + BrVlanRec.VID, first, true);
    v.setUint16(at + BrVlanRec.VID_END, last, true);
    v.setUint16(at + BrVlanRec.STATE, BrState[state.toUpperCase() as keyof typeof BrState], true);
  };
  await core.request(
    { type: MsgType.BRIDGE_VLAN_SET, bytes: BrVlanRec.SIZE, fill },
    `${link.name}: VLAN ${first}`,
  );
}

async function bridgeVlanStats(core: Core, link: LinkRef): Promise<BridgeVlanStats[]> {
  const found: BridgeVlanStats[] = [];
  const read = (v: DataView, at: number) => {
    const flags = v.getUint16(at + BrVlanStatsRec.FLAGS, true);
    found.push({
      vlan: v.getUint16(at + BrVlanStatsRec.VID, true),
      pvid: (flags & BR_VLAN_PVID) !== 0,
      untagged: (flags & BR_VLAN_UNTAGGED) !== 0,
      rxBytes: v.getBigUint64(at + BrVlanStatsRec.RX_BYTES, true),
      rxPackets: v.getBigUint64(at + BrVlanStatsRec.RX_PACKETS, true),
      txBytes: v.getBigUint64(at + BrVlanStatsRec.TX_BYTES, true),
      txPackets: v.getBigUint64(at + BrVlanStatsRec.TX_PACKETS, true),
    });
  };
  const what = `${link.name}: VLANs`;
  await core.dump(MsgType.BRIDGE_VLAN_STATS, link.net, 0, BrVlanStatsRec.SIZE, read, what, link.ifindex);
  return found;
}

async function vlanRequest(core: Core, type: MsgType, link: LinkRef, spec: BridgeVlanSpec): Promise<void> {
  const flags = (spec.pvid === true ? BR_VLAN_PVID : 0) | (spec.untagged === true ? BR_VLAN_UNTAGGED : 0);
  const fill = (v: DataView, at: number) => {
    key(v, at, link);
    v.setUint16(at + BrVlanRec.VID, spec.first, true);
    v.setUint16(at + BrVlanRec.VID_END, spec.last ?? spec.first, true);
    v.setUint16(at + BrVlanRec.FLAGS, flags, true);
  };
  await core.request({ type, bytes: BrVlanRec.SIZE, fill }, `${link.name}: VLAN ${spec.first}`);
}

async function bridgeVlans(core: Core, link: LinkRef): Promise<BridgeVlan[]> {
  const found: BridgeVlan[] = [];
  const read = (v: DataView, at: number) => {
    const flags = v.getUint16(at + BrVlanRec.FLAGS, true);
    found.push({
      first: v.getUint16(at + BrVlanRec.VID, true),
      last: v.getUint16(at + BrVlanRec.VID_END, true),
      pvid: (flags & BR_VLAN_PVID) !== 0,
      untagged: (flags & BR_VLAN_UNTAGGED) !== 0,
      state: BrState[v.getUint16(at + BrVlanRec.STATE, true)]!.toLowerCase() as StpState,
    });
  };
  await core.dump(
    MsgType.BRIDGE_VLAN_DUMP,
    link.net,
    0,
    BrVlanRec.SIZE,
    read,
    `${link.name}: VLANs`,
    link.ifindex,
  );
  return found;
}

export interface MdbSpec {
  /** An address, or the MAC of a group. */
  group: string;
  vlan?: number;
  permanent?: boolean;
  /** Only frames of this source. */
  source?: string;
}

/** `bridge mdb add`, `bridge mdb del`: of a port, or of the bridge itself. */
async function mdbAdd(core: Core, link: LinkRef, spec: MdbSpec): Promise<void> {
  await mdbRequest(core, MsgType.MDB_NEW, link, spec);
}

async function mdbDelete(core: Core, link: LinkRef, spec: MdbSpec): Promise<void> {
  await mdbRequest(core, MsgType.MDB_DEL, link, spec);
}

async function mdbRequest(core: Core, type: MsgType, link: LinkRef, spec: MdbSpec): Promise<void> {
  const ip = parseIp(spec.group);
  if (ip === null && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(spec.group))
    throw new NetError('EINVAL', `${JSON.stringify(spec.group)} is neither an address nor a MAC`);
  const source = spec.source === undefined ? null : parseIp(spec.source);
  if (spec.source !== undefined && (source === null || source.family !== ip?.family))
    throw new NetError('EINVAL', `${JSON.stringify(spec.source)} is no source of ${spec.group}`);
  const fill = (v: DataView, at: number) => {
    key(v, at, link);
    v.setUint16(at + MdbRec.VID, spec.vlan ?? 0, true);
    v.setUint8(at + MdbRec.FLAGS, spec.permanent === true ? MDB_PERMANENT : 0);
    if (ip === null) {
      putMac(v, at + MdbRec.ADDR, spec.group);
      return;
    }
    v.setUint8(at + MdbRec.FAMILY, ip.family === 4 ? AF_INET : AF_INET6);
    new Uint8Array(v.buffer, v.byteOffset + at + MdbRec.ADDR, ip.bytes.length).set(ip.bytes);
    if (source !== null)
      new Uint8Array(v.buffer, v.byteOffset + at + MdbRec.SRC, source.bytes.length).set(source.bytes);
  };
  await core.request({ type, bytes: MdbRec.SIZE, fill }, `${link.name}: group ${spec.group}`);
}

/** `bridge mdb show`: of the bridge, or of the one port. */
async function mdb(core: Core, link: LinkRef): Promise<MdbInfo[]> {
  const found: (MdbInfo & { sources: MdbSource[] })[] = [];
  const read = (v: DataView, at: number) => {
    const family = v.getUint8(at + MdbRec.FAMILY);
    const size = family === AF_INET ? 4 : 16;
    const bytes = (from: number, n: number) => new Uint8Array(v.buffer, v.byteOffset + at + from, n).slice();
    const timer = v.getUint32(at + MdbRec.TIMER, true) / 100;
    const source = bytes(MdbRec.SRC, size);
    if (v.getUint8(at + MdbRec.KIND) === MDB_KIND_SOURCE) {
      found.at(-1)!.sources.push({ address: formatIp(source), timer });
      return;
    }
    const flags = v.getUint8(at + MdbRec.FLAGS);
    found.push({
      group: family === 0 ? formatMac(bytes(MdbRec.ADDR, 6)) : formatIp(bytes(MdbRec.ADDR, size)),
      vlan: v.getUint16(at + MdbRec.VID, true),
      ifindex: v.getInt32(at + MdbRec.IFINDEX, true),
      permanent: (flags & MDB_PERMANENT) !== 0,
      timer,
      ...(source.some((byte) => byte !== 0) ? { source: formatIp(source) } : {}),
      filterMode: v.getUint8(at + MdbRec.FILTER_MODE) === 1 ? 'include' : 'exclude',
      sources: [],
      blocked: (flags & MDB_BLOCKED) !== 0,
      addedByStarExclude: (flags & MDB_STAR_EXCL) !== 0,
      fastLeave: (flags & MDB_FAST_LEAVE) !== 0,
      protocol: (flags & MDB_USER) !== 0 ? 'static' : 'kernel',
    });
  };
  await core.dump(MsgType.MDB_DUMP, link.net, 0, MdbRec.SIZE, read, `${link.name}: groups`, link.ifindex);
  return found;
}

/** What a bridge and its ports have alike: entries, VLANs and groups that point there. */
class BridgeSide {
  constructor(
    protected readonly core: Core,
    protected readonly link: LinkRef,
  ) {}

  /** `bridge fdb show` */
  fdb(): Promise<FdbInfo[]> {
    return fdb(this.core, this.link);
  }

  addFdb(spec: FdbSpec): Promise<void> {
    return fdbAdd(this.core, this.link, spec);
  }

  deleteFdb(spec: { mac: string; vlan?: number }): Promise<void> {
    return fdbDelete(this.core, this.link, spec);
  }

  /** What ages goes, and what else is named. */
  flushFdb(which: { vlan?: number; static?: boolean; permanent?: boolean } = {}): Promise<void> {
    return fdbFlush(this.core, this.link, which);
  }

  /** `bridge vlan show` */
  vlans(): Promise<BridgeVlan[]> {
    return bridgeVlans(this.core, this.link);
  }

  /** `bridge -s vlan show` */
  vlanStats(): Promise<BridgeVlanStats[]> {
    return bridgeVlanStats(this.core, this.link);
  }

  addVlan(spec: BridgeVlanSpec): Promise<void> {
    return bridgeVlanAdd(this.core, this.link, spec);
  }

  deleteVlan(first: number, last = first): Promise<void> {
    return bridgeVlanDelete(this.core, this.link, first, last);
  }

  /** `bridge mdb show` */
  mdb(): Promise<MdbInfo[]> {
    return mdb(this.core, this.link);
  }

  addMdb(spec: MdbSpec): Promise<void> {
    return mdbAdd(this.core, this.link, spec);
  }

  deleteMdb(spec: MdbSpec): Promise<void> {
    return mdbDelete(this.core, this.link, spec);
  }
}

/** A port, as `bridge link` sees it. */
export class BridgePort extends BridgeSide {
  info(): Promise<BridgePortInfo> {
    return bridgePortInfo(this.core, this.link);
  }

  set(options: BridgePortOptions): Promise<void> {
    return setBridgePort(this.core, this.link, options);
  }

  /** `bridge vlan set dev PORT vid FIRST-LAST state STATE` */
  setVlanState(state: StpState, first: number, last = first): Promise<void> {
    return bridgeVlanState(this.core, this.link, first, last, state);
  }
}

/** A bridge: a link (`bridge.link`, with addresses), and what makes it one. */
export class Bridge extends BridgeSide {
  constructor(
    core: Core,
    override readonly link: Link,
  ) {
    super(core, link);
  }

  info(): Promise<BridgeInfo> {
    return bridgeInfo(this.core, this.link);
  }

  set(options: BridgeOptions): Promise<void> {
    return setBridge(this.core, this.link, options);
  }

  /** `ip link set PORT master BRIDGE`, then the settings of the port. */
  async addPort(port: Link, options: BridgePortOptions = {}): Promise<BridgePort> {
    await port.set({ master: this.link });
    const made = this.port(port);
    await made.set(options);
    return made;
  }

  port(port: Link): BridgePort {
    return new BridgePort(this.core, port);
  }
}
