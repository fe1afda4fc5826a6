/** Routes: what a namespace is told and asked of its FIB. `ip route`. */
import { RouteRec } from '../../assembly/abi/request.js';
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
} as const;
export type RouteType = keyof typeof ROUTE_TYPES;
const TYPE_NAMES = new Map<number, RouteType>(
  Object.entries(ROUTE_TYPES).map(([name, id]) => [id, name as RouteType]),
);

export const RTPROT_STATIC = 4;
const RTNH_F_ONLINK = 4;

export interface RouteSpec {
  /** "default", a prefix or an address. */
  to: string;
  via?: string;
  /** ifindex of the device. */
  oif?: number;
  type?: RouteType;
  metric?: number;
  mtu?: number;
  onLink?: boolean;
  scope?: number;
  src?: string;
  protocol?: number;
  table?: number;
  /** For `to: default` without `via`. */
  family?: AddressFamily;
}

export interface RouteInfo {
  family: AddressFamily;
  to: string;
  via?: string | undefined;
  oif: number;
  type: RouteType;
  metric: number;
  mtu: number;
  protocol: number;
  scope: number;
  table: number;
  flags: number;
  src?: string | undefined;
  /** Seconds until a route of a router advertisement ends, 0: it does not. */
  expires: number;
  /** RFC 4191. */
  pref: 'low' | 'medium' | 'high';
}

function destination(spec: RouteSpec, via: Address | null): Prefix {
  if (spec.to !== 'default') return prefix(spec.to);
  const family = via?.family ?? spec.family ?? AF_INET;
  return { family, bytes: new Uint8Array(family === AF_INET ? 4 : 16), plen: 0 };
}

/** Writes a RouteRec. */
export function putRoute(view: DataView, at: number, net: number, spec: RouteSpec): void {
  const via = spec.via === undefined ? null : address(spec.via);
  const to = destination(spec, via);
  if (via !== null && via.family !== to.family) {
    throw new NetError('EINVAL', `route ${spec.to} via ${spec.via}: the families differ`);
  }
  view.setUint32(at + RouteRec.NET, net, true);
  view.setUint8(at + RouteRec.FAMILY, to.family);
  view.setUint8(at + RouteRec.PLEN, to.plen);
  view.setUint8(at + RouteRec.TYPE, ROUTE_TYPES[spec.type ?? 'unicast']);
  view.setUint8(at + RouteRec.PROTOCOL, spec.protocol ?? RTPROT_STATIC);
  view.setUint8(at + RouteRec.SCOPE, spec.scope ?? 0);
  view.setUint8(at + RouteRec.NH_FLAGS, spec.onLink === true ? RTNH_F_ONLINK : 0);
  view.setUint8(at + RouteRec.GW_FAMILY, via?.family ?? 0);
  view.setUint32(at + RouteRec.TABLE, spec.table ?? 0, true);
  view.setUint32(at + RouteRec.METRIC, spec.metric ?? 0, true);
  view.setUint32(at + RouteRec.MTU, spec.mtu ?? 0, true);
  view.setInt32(at + RouteRec.OIF, spec.oif ?? 0, true);
  putAddress(view, at + RouteRec.DST, to.bytes);
  if (via !== null) putAddress(view, at + RouteRec.GW, via.bytes);
  if (spec.src !== undefined) putAddress(view, at + RouteRec.PREFSRC, address(spec.src).bytes);
}

/** Reads a RouteRec. */
export function routeInfo(view: DataView, at: number): RouteInfo {
  const family = view.getUint8(at + RouteRec.FAMILY) === AF_INET6 ? AF_INET6 : AF_INET;
  const plen = view.getUint8(at + RouteRec.PLEN);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + RouteRec.DST, family === AF_INET ? 4 : 16);
  return {
    family,
    to: plen === 0 ? 'default' : formatCidr(bytes, plen),
    via:
      view.getUint8(at + RouteRec.GW_FAMILY) === 0
        ? undefined
        : getAddressText(view, at + RouteRec.GW, family),
    oif: view.getInt32(at + RouteRec.OIF, true),
    type: TYPE_NAMES.get(view.getUint8(at + RouteRec.TYPE)) ?? 'unicast',
    metric: view.getUint32(at + RouteRec.METRIC, true),
    mtu: view.getUint32(at + RouteRec.MTU, true),
    protocol: view.getUint8(at + RouteRec.PROTOCOL),
    scope: view.getUint8(at + RouteRec.SCOPE),
    table: view.getUint32(at + RouteRec.TABLE, true),
    flags: view.getUint8(at + RouteRec.NH_FLAGS),
    src: getAddressText(view, at + RouteRec.PREFSRC, family),
    expires: view.getUint32(at + RouteRec.EXPIRES, true),
    pref: (['low', 'medium', 'high'] as const)[view.getInt32(at + RouteRec.PREF, true) + 1] ?? 'medium',
  };
}
