/** Routes: what a namespace is told and asked of its FIB. `ip route`. */
import { RouteMetric, RouteNhRec, RouteRec } from '../../assembly/abi/request.js';
import { NetError } from '../net_error.js';
import {
  type Address,
  AF_INET,
  AF_INET6,
  type AddressFamily,
  address,
  getAddressText,
  type Prefix,
  prefix,
  putAddress,
} from './ip.js';
import { formatCidr } from '../config/ip_address.js';

export const ROUTE_TYPES = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;
export type RouteType = keyof typeof ROUTE_TYPES;
const TYPE_NAMES = new Map<number, RouteType>(
  Object.entries(ROUTE_TYPES).map(([name, id]) => [id, name as RouteType]),
);

/** ICMPV6_ROUTER_PREF_* (RFC 4191). */
export const ROUTER_PREFS = { medium: 0, high: 1, low: 3 } as const;
export type RouterPref = keyof typeof ROUTER_PREFS;

/** RTAX_* by iproute2's words; `mtu` and `hoplimit` stand for themselves in a RouteSpec. */
export const ROUTE_METRICS = {
  window: RouteMetric.WINDOW,
  rtt: RouteMetric.RTT,
  rttvar: RouteMetric.RTTVAR,
  ssthresh: RouteMetric.SSTHRESH,
  cwnd: RouteMetric.CWND,
  advmss: RouteMetric.ADVMSS,
  reordering: RouteMetric.REORDERING,
  initcwnd: RouteMetric.INITCWND,
  features: RouteMetric.FEATURES,
  rto_min: RouteMetric.RTO_MIN,
  initrwnd: RouteMetric.INITRWND,
  quickack: RouteMetric.QUICKACK,
  fastopen_no_cookie: RouteMetric.FASTOPEN_NO_COOKIE,
} as const;
export type RouteMetricName = keyof typeof ROUTE_METRICS;
const RTAX_MTU = 2;

export const RTPROT_STATIC = 4;
const RTNH_F_ONLINK = 4;

/** One next hop of several. */
export interface NextHopSpec {
  via?: string;
  /** ifindex of the device. */
  oif?: number;
  /** 1 to 256; 1 unless said. */
  weight?: number;
  onLink?: boolean;
}

export interface RouteSpec {
  /** "default", a prefix or an address. */
  to: string;
  /** Of the other family, too: RFC 5549. */
  via?: string;
  /** ifindex of the device. */
  oif?: number;
  type?: RouteType;
  metric?: number;
  mtu?: number;
  /** `mtu lock`: path MTU discovery does not change it. */
  mtuLock?: boolean;
  hopLimit?: number;
  metrics?: Partial<Record<RouteMetricName, number>>;
  onLink?: boolean;
  scope?: number;
  src?: string;
  protocol?: number;
  tos?: number;
  table?: number;
  /** Several next hops instead of `via` and `oif`. */
  nextHops?: readonly NextHopSpec[];
  /** Id of a next-hop object instead of `via` and `oif`. */
  nhid?: number;
  /** Seconds (IPv6). */
  expires?: number;
  /** RFC 4191 (IPv6). */
  pref?: RouterPref;
  /** For `to: default` without `via`. */
  family?: AddressFamily;
}

/** What `ip route get` is told of the packet besides its destination. */
export interface RouteQuery {
  src?: string;
  oif?: number;
  /** ifindex that it came in by: it is routed as one that is received. */
  iif?: number;
  mark?: number;
  uid?: number;
  tos?: number;
  ipproto?: number;
  sport?: number;
  dport?: number;
}

export interface NextHopInfo {
  via?: string | undefined;
  oif: number;
  weight: number;
  flags: number;
}

export interface RouteInfo {
  family: AddressFamily;
  to: string;
  via?: string | undefined;
  oif: number;
  type: RouteType;
  metric: number;
  mtu: number;
  mtuLock: boolean;
  hopLimit: number;
  metrics: Partial<Record<RouteMetricName, number>>;
  protocol: number;
  scope: number;
  tos: number;
  table: number;
  flags: number;
  src?: string | undefined;
  /** Seconds until the route ends, 0: it does not (IPv6). */
  expires: number;
  /** RFC 4191. */
  pref: RouterPref;
  nhid?: number | undefined;
  /** When there are several. */
  nextHops?: NextHopInfo[] | undefined;
}

function destination(spec: RouteSpec, via: Address | null): Prefix {
  if (spec.to !== 'default') return prefix(spec.to);
  const family = spec.family ?? via?.family ?? AF_INET;
  return { family, bytes: new Uint8Array(family === AF_INET ? 4 : 16), plen: 0 };
}

/** A gateway of the other family is one only for IPv4 by an IPv6 router. */
function checkFamily(spec: RouteSpec, to: Prefix, via: Address): void {
  if (via.family === to.family || to.family === AF_INET) return;
  throw new NetError('EINVAL', `route ${spec.to} via ${spec.via}: an IPv6 route has no IPv4 gateway`);
}

/** Bytes that the request takes. */
export function routeBytes(spec: RouteSpec): number {
  return RouteRec.SIZE + (spec.nextHops?.length ?? 0) * RouteNhRec.SIZE;
}

/** Bytes of the record at `at`. */
export function routeRecordBytes(view: DataView, at: number): number {
  return RouteRec.SIZE + view.getUint16(at + RouteRec.NH_COUNT, true) * RouteNhRec.SIZE;
}

/** Writes a RouteRec. */
export function putRoute(view: DataView, at: number, net: number, spec: RouteSpec): void {
  const firstVia = spec.via ?? spec.nextHops?.find((hop) => hop.via !== undefined)?.via;
  const via = firstVia === undefined ? null : address(firstVia);
  const to = destination(spec, via);
  if (via !== null) checkFamily(spec, to, via);
  view.setUint32(at + RouteRec.NET, net, true);
  view.setUint8(at + RouteRec.FAMILY, to.family);
  view.setUint8(at + RouteRec.PLEN, to.plen);
  view.setUint8(at + RouteRec.TYPE, ROUTE_TYPES[spec.type ?? 'unicast']);
  view.setUint8(at + RouteRec.PROTOCOL, spec.protocol ?? RTPROT_STATIC);
  view.setUint8(at + RouteRec.SCOPE, spec.scope ?? 0);
  view.setUint8(at + RouteRec.TOS, spec.tos ?? 0);
  view.setUint8(at + RouteRec.NH_FLAGS, spec.onLink === true ? RTNH_F_ONLINK : 0);
  view.setUint8(at + RouteRec.GW_FAMILY, spec.via === undefined ? 0 : via!.family);
  view.setUint32(at + RouteRec.TABLE, spec.table ?? 0, true);
  view.setUint32(at + RouteRec.METRIC, spec.metric ?? 0, true);
  view.setUint32(at + RouteRec.MTU, spec.mtu ?? 0, true);
  view.setUint32(at + RouteRec.HOPLIMIT, spec.hopLimit ?? 0, true);
  view.setInt32(at + RouteRec.OIF, spec.oif ?? 0, true);
  view.setUint32(at + RouteRec.NH_ID, spec.nhid ?? 0, true);
  view.setUint32(at + RouteRec.EXPIRES, spec.expires ?? 0, true);
  view.setUint8(at + RouteRec.PREF, ROUTER_PREFS[spec.pref ?? 'medium']);
  putAddress(view, at + RouteRec.DST, to.bytes);
  if (spec.via !== undefined) putAddress(view, at + RouteRec.GW, via!.bytes);
  if (spec.src !== undefined) putAddress(view, at + RouteRec.PREFSRC, address(spec.src).bytes);
  const metrics = at + RouteRec.METRICS;
  if (spec.mtuLock === true) view.setUint32(metrics + RouteMetric.LOCK * 4, 1 << RTAX_MTU, true);
  for (const [name, value] of Object.entries(spec.metrics ?? {})) {
    view.setUint32(metrics + ROUTE_METRICS[name as RouteMetricName] * 4, value, true);
  }
  const hops = spec.nextHops ?? [];
  view.setUint16(at + RouteRec.NH_COUNT, hops.length, true);
  for (const [i, hop] of hops.entries()) {
    putHop(view, at + RouteRec.SIZE + i * RouteNhRec.SIZE, spec, to, hop);
  }
}

function putHop(view: DataView, at: number, spec: RouteSpec, to: Prefix, hop: NextHopSpec): void {
  const weight = hop.weight ?? 1;
  if (!Number.isInteger(weight) || weight < 1 || weight > 256) {
    throw new NetError('EINVAL', `route ${spec.to}: a weight of ${weight}; it is between 1 and 256`);
  }
  view.setInt32(at + RouteNhRec.OIF, hop.oif ?? 0, true);
  view.setUint8(at + RouteNhRec.FLAGS, hop.onLink === true ? RTNH_F_ONLINK : 0);
  view.setUint16(at + RouteNhRec.WEIGHT, weight - 1, true);
  if (hop.via === undefined) return;
  const via = address(hop.via);
  checkFamily(spec, to, via);
  view.setUint8(at + RouteNhRec.GW_FAMILY, via.family);
  putAddress(view, at + RouteNhRec.GW, via.bytes);
}

/** Writes a RouteRec that asks the way to `to`. */
export function putRouteQuery(view: DataView, at: number, net: number, to: string, query: RouteQuery): void {
  putRoute(view, at, net, { to });
  view.setInt32(at + RouteRec.OIF, query.oif ?? 0, true);
  view.setInt32(at + RouteRec.IIF, query.iif ?? 0, true);
  view.setUint32(at + RouteRec.MARK, query.mark ?? 0, true);
  view.setUint32(at + RouteRec.UID, query.uid ?? 0, true);
  view.setUint8(at + RouteRec.TOS, query.tos ?? 0);
  view.setUint8(at + RouteRec.IPPROTO, query.ipproto ?? 0);
  view.setUint16(at + RouteRec.SPORT, query.sport ?? 0, true);
  view.setUint16(at + RouteRec.DPORT, query.dport ?? 0, true);
  if (query.src !== undefined) putAddress(view, at + RouteRec.SRC, address(query.src).bytes);
}

function gateway(view: DataView, at: number, family: number): string | undefined {
  return family === 0 ? undefined : getAddressText(view, at, family);
}

function hopInfos(view: DataView, at: number): NextHopInfo[] | undefined {
  const count = view.getUint16(at + RouteRec.NH_COUNT, true);
  if (count === 0) return undefined;
  return Array.from({ length: count }, (_, i) => {
    const hop = at + RouteRec.SIZE + i * RouteNhRec.SIZE;
    return {
      via: gateway(view, hop + RouteNhRec.GW, view.getUint8(hop + RouteNhRec.GW_FAMILY)),
      oif: view.getInt32(hop + RouteNhRec.OIF, true),
      weight: view.getUint16(hop + RouteNhRec.WEIGHT, true) + 1,
      flags: view.getUint8(hop + RouteNhRec.FLAGS),
    };
  });
}

function metricInfos(view: DataView, at: number): Partial<Record<RouteMetricName, number>> {
  const metrics: Partial<Record<RouteMetricName, number>> = {};
  for (const [name, index] of Object.entries(ROUTE_METRICS)) {
    const value = view.getUint32(at + RouteRec.METRICS + index * 4, true);
    if (value !== 0) metrics[name as RouteMetricName] = value;
  }
  return metrics;
}

/** Reads a RouteRec. */
export function routeInfo(view: DataView, at: number): RouteInfo {
  const family = view.getUint8(at + RouteRec.FAMILY) === AF_INET6 ? AF_INET6 : AF_INET;
  const plen = view.getUint8(at + RouteRec.PLEN);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + RouteRec.DST, family === AF_INET ? 4 : 16);
  const pref = view.getUint8(at + RouteRec.PREF);
  const lock = view.getUint32(at + RouteRec.METRICS + RouteMetric.LOCK * 4, true);
  return {
    family,
    to: plen === 0 ? 'default' : formatCidr(bytes, plen),
    via: gateway(view, at + RouteRec.GW, view.getUint8(at + RouteRec.GW_FAMILY)),
    oif: view.getInt32(at + RouteRec.OIF, true),
    type: TYPE_NAMES.get(view.getUint8(at + RouteRec.TYPE)) ?? 'unicast',
    metric: view.getUint32(at + RouteRec.METRIC, true),
    mtu: view.getUint32(at + RouteRec.MTU, true),
    mtuLock: (lock & (1 << RTAX_MTU)) !== 0,
    hopLimit: view.getUint32(at + RouteRec.HOPLIMIT, true),
    metrics: metricInfos(view, at),
    protocol: view.getUint8(at + RouteRec.PROTOCOL),
    scope: view.getUint8(at + RouteRec.SCOPE),
    tos: view.getUint8(at + RouteRec.TOS),
    table: view.getUint32(at + RouteRec.TABLE, true),
    flags: view.getUint8(at + RouteRec.NH_FLAGS),
    src: getAddressText(view, at + RouteRec.PREFSRC, family),
    nhid: view.getUint32(at + RouteRec.NH_ID, true) || undefined,
    expires: view.getUint32(at + RouteRec.EXPIRES, true),
    pref: pref === ROUTER_PREFS.high ? 'high' : pref === ROUTER_PREFS.low ? 'low' : 'medium',
    nextHops: hopInfos(view, at),
  };
}
