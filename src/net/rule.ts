/** Policy rules: which table a packet's route is looked up in. `ip rule`. */
import { RuleRec } from '../../assembly/abi/request.js';
import { formatCidr } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import { AF_INET, AF_INET6, type AddressFamily, type Prefix, prefix, putAddress } from './ip.js';

/** FR_ACT_* by iproute2's words; a rule with a table is `lookup`. */
export const RULE_ACTIONS = {
  lookup: 1,
  goto: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
export type RuleAction = keyof typeof RULE_ACTIONS;
const ACTION_NAMES = new Map<number, RuleAction>(
  Object.entries(RULE_ACTIONS).map(([name, id]) => [id, name as RuleAction]),
);

const FIB_RULE_INVERT = 2;
const FIB_RULE_UNRESOLVED = 4;
const FIB_RULE_DETACHED = 8 | 16;
const ANY = 0xffffffff;
const RTPROT_STATIC = 4;

export interface PortRange {
  first: number;
  last: number;
}

export interface RuleSpec {
  /** Chosen when it is left out: in front of the second rule, as Linux does. */
  priority?: number;
  /** Follows from `from` and `to`; IPv4 unless said. */
  family?: AddressFamily;
  /** The packets that are meant are those that are not so. */
  not?: boolean;
  from?: string;
  to?: string;
  /** Names of devices: what comes from an application has `lo` as its iif. */
  iif?: string;
  oif?: string;
  fwmark?: number;
  fwmask?: number;
  tos?: number;
  ipproto?: number;
  sport?: PortRange;
  dport?: PortRange;
  uidrange?: { first: number; last: number };
  table?: number;
  /** `lookup` unless said; `goto` needs its priority. */
  action?: RuleAction;
  goto?: number;
  /** Take the table of the VRF that the packet is in. */
  l3mdev?: boolean;
  suppressPrefixlength?: number;
  suppressIfgroup?: number;
  protocol?: number;
}

export interface RuleInfo extends RuleSpec {
  family: AddressFamily;
  priority: number;
  action: RuleAction;
  /** A goto without its target, a device that there is not. */
  unresolved: boolean;
  detached: boolean;
}

/** `default` and `all` are every address. */
function selector(text: string | undefined): Prefix | undefined {
  return text === undefined || text === 'all' || text === 'default' ? undefined : prefix(text);
}

function familyOf(spec: RuleSpec, from: Prefix | undefined, to: Prefix | undefined): AddressFamily {
  const family = from?.family ?? to?.family ?? spec.family ?? AF_INET;
  if ((from ?? to)?.family !== (to ?? from)?.family || (spec.family ?? family) !== family) {
    throw new NetError(
      'EINVAL',
      `rule from ${spec.from ?? 'all'} to ${spec.to ?? 'all'}: the families differ`,
    );
  }
  return family;
}

function putText(view: DataView, at: number, text: string | undefined): void {
  const bytes = new TextEncoder().encode(text ?? '');
  if (bytes.length > 15) throw new NetError('EINVAL', `"${text}" is too long for the name of a link`);
  new Uint8Array(view.buffer, view.byteOffset + at, 16).set(bytes);
}

function getText(view: DataView, at: number): string | undefined {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, 16);
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(bytes.slice(0, end < 0 ? 16 : end));
  return text === '' ? undefined : text;
}

/** Writes a RuleRec. With `remove` what is left out means any. */
export function putRule(view: DataView, at: number, net: number, spec: RuleSpec, remove = false): void {
  const from = selector(spec.from);
  const to = selector(spec.to);
  const action = spec.action ?? (spec.goto === undefined ? 'lookup' : 'goto');
  view.setUint32(at + RuleRec.NET, net, true);
  view.setUint8(at + RuleRec.FAMILY, familyOf(spec, from, to));
  view.setUint8(at + RuleRec.ACTION, RULE_ACTIONS[action]);
  view.setUint8(at + RuleRec.SRC_LEN, from?.plen ?? 0);
  view.setUint8(at + RuleRec.DST_LEN, to?.plen ?? 0);
  view.setUint8(at + RuleRec.TOS, spec.tos ?? 0);
  view.setUint8(at + RuleRec.IPPROTO, spec.ipproto ?? 0);
  view.setUint8(at + RuleRec.L3MDEV, spec.l3mdev === true ? 1 : 0);
  view.setUint8(at + RuleRec.PROTOCOL, spec.protocol ?? (remove ? 0 : RTPROT_STATIC));
  view.setUint32(at + RuleRec.FLAGS, spec.not === true ? FIB_RULE_INVERT : 0, true);
  view.setUint32(at + RuleRec.PRIORITY, spec.priority ?? ANY, true);
  view.setUint32(at + RuleRec.TABLE, spec.table ?? 0, true);
  view.setUint32(at + RuleRec.GOTO, spec.goto ?? 0, true);
  view.setUint32(at + RuleRec.FWMARK, spec.fwmark ?? 0, true);
  view.setUint32(at + RuleRec.FWMASK, spec.fwmask ?? 0, true);
  view.setInt32(at + RuleRec.SUPPRESS_PREFIXLEN, spec.suppressPrefixlength ?? -1, true);
  view.setInt32(at + RuleRec.SUPPRESS_IFGROUP, spec.suppressIfgroup ?? -1, true);
  view.setUint32(at + RuleRec.UID_START, spec.uidrange?.first ?? 0, true);
  view.setUint32(at + RuleRec.UID_END, spec.uidrange?.last ?? 0, true);
  view.setUint32(at + RuleRec.HAS_UID, spec.uidrange === undefined ? 0 : 1, true);
  view.setUint16(at + RuleRec.SPORT_START, spec.sport?.first ?? 0, true);
  view.setUint16(at + RuleRec.SPORT_END, spec.sport?.last ?? 0, true);
  view.setUint16(at + RuleRec.DPORT_START, spec.dport?.first ?? 0, true);
  view.setUint16(at + RuleRec.DPORT_END, spec.dport?.last ?? 0, true);
  if (from !== undefined) putAddress(view, at + RuleRec.SRC, from.bytes);
  if (to !== undefined) putAddress(view, at + RuleRec.DST, to.bytes);
  putText(view, at + RuleRec.IIF, spec.iif);
  putText(view, at + RuleRec.OIF, spec.oif);
}

function range(view: DataView, at: number): PortRange | undefined {
  const last = view.getUint16(at + 2, true);
  return last === 0 ? undefined : { first: view.getUint16(at, true), last };
}

function cidr(view: DataView, at: number, plen: number, family: AddressFamily): string | undefined {
  if (plen === 0) return undefined;
  return formatCidr(new Uint8Array(view.buffer, view.byteOffset + at, family === AF_INET ? 4 : 16), plen);
}

/** Drops what is undefined, so that a rule prints as it was said. */
function said<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

/** Reads a RuleRec. */
export function ruleInfo(view: DataView, at: number): RuleInfo {
  const family = view.getUint8(at + RuleRec.FAMILY) === AF_INET6 ? AF_INET6 : AF_INET;
  const flags = view.getUint32(at + RuleRec.FLAGS, true);
  const suppressPrefixlength = view.getInt32(at + RuleRec.SUPPRESS_PREFIXLEN, true);
  const suppressIfgroup = view.getInt32(at + RuleRec.SUPPRESS_IFGROUP, true);
  return said({
    family,
    priority: view.getUint32(at + RuleRec.PRIORITY, true),
    action: ACTION_NAMES.get(view.getUint8(at + RuleRec.ACTION)) ?? 'nop',
    not: (flags & FIB_RULE_INVERT) !== 0 || undefined,
    from: cidr(view, at + RuleRec.SRC, view.getUint8(at + RuleRec.SRC_LEN), family),
    to: cidr(view, at + RuleRec.DST, view.getUint8(at + RuleRec.DST_LEN), family),
    iif: getText(view, at + RuleRec.IIF),
    oif: getText(view, at + RuleRec.OIF),
    fwmark: view.getUint32(at + RuleRec.FWMARK, true) || undefined,
    fwmask: view.getUint32(at + RuleRec.FWMASK, true) || undefined,
    tos: view.getUint8(at + RuleRec.TOS) || undefined,
    ipproto: view.getUint8(at + RuleRec.IPPROTO) || undefined,
    sport: range(view, at + RuleRec.SPORT_START),
    dport: range(view, at + RuleRec.DPORT_START),
    uidrange:
      view.getUint32(at + RuleRec.HAS_UID, true) === 0
        ? undefined
        : {
            first: view.getUint32(at + RuleRec.UID_START, true),
            last: view.getUint32(at + RuleRec.UID_END, true),
          },
    table: view.getUint32(at + RuleRec.TABLE, true) || undefined,
    goto: view.getUint32(at + RuleRec.GOTO, true) || undefined,
    l3mdev: view.getUint8(at + RuleRec.L3MDEV) !== 0 || undefined,
    suppressPrefixlength: suppressPrefixlength < 0 ? undefined : suppressPrefixlength,
    suppressIfgroup: suppressIfgroup < 0 ? undefined : suppressIfgroup,
    protocol: view.getUint8(at + RuleRec.PROTOCOL) || undefined,
    unresolved: (flags & FIB_RULE_UNRESOLVED) !== 0,
    detached: (flags & FIB_RULE_DETACHED) !== 0,
  } as RuleInfo);
}
