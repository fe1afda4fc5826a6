/** One entry of netplan's `routes`. */
import {
  addressBits,
  type Cidr,
  formatCidr,
  networkOf,
  parseCidr,
  parseIp,
  sameAddress,
  whyNotAddress,
  whyNotCidr,
} from './ip_address.js';
import type { RouteDraft } from './link_draft.js';
import { readNexthops } from './netplan_nexthops.js';
import {
  ROUTE_SCOPES,
  ROUTE_TYPES,
  type RouteConfig,
  type RouteScope,
  type RouteType,
} from './router_config.js';
import type { Entry, Fields, Range, Value, YamlReader } from './yaml_reader.js';

const LATER_TYPES = ['nat', 'xresolve'];
const TABLE_MAX = 2 ** 32 - 1;
const TO_EXAMPLE = 'write "to: default" or "to: NETWORK/PREFIX", for example 10.0.0.0/8';
const VIA_EXAMPLE = 'write "via: ADDRESS" with the address of the next router on this link';

type Metrics = NonNullable<RouteConfig['metrics']>;

/** A route as far as it is read; null where nothing, or something wrong, was given. */
interface Read {
  to: Value | null;
  via: Value | null;
  type: RouteType | null;
  onLink: boolean;
  metric: number | null;
  mtu: number | null;
  scope: RouteScope | null;
  table: number | null;
  tableAt: Range | null;
  from: Value | null;
  metrics: { -readonly [Key in keyof Metrics]: Metrics[Key] };
  nexthops: Value | null;
}

export function readRoute(reader: YamlReader, value: Value, link: string): RouteDraft | null {
  const read: Read = {
    to: null,
    via: null,
    type: 'unicast',
    onLink: false,
    metric: null,
    mtu: null,
    scope: null,
    table: null,
    tableAt: null,
    from: null,
    metrics: {},
    nexthops: null,
  };
  const mistakes = reader.errors.length;
  const what = `a route of ${link}`;
  const metric = (key: keyof Metrics, most: number) => (inner: Value, entry: Entry) => {
    const value = reader.integer(inner, entry.key, 1, most);
    if (value !== null) read.metrics[key] = value;
  };
  const fields: Fields = {
    to: (inner) => {
      read.to = inner;
    },
    via: (inner) => {
      read.via = inner;
    },
    type: (inner) => {
      read.type = reader.oneOf(inner, 'type', ROUTE_TYPES, LATER_TYPES);
    },
    'on-link': (inner) => {
      read.onLink = reader.boolean(inner, 'on-link') ?? false;
    },
    metric: (inner) => {
      read.metric = reader.integer(inner, 'metric', 0, 2 ** 32 - 1);
    },
    mtu: (inner) => {
      read.mtu = reader.integer(inner, 'mtu', 68, 65535);
    },
    scope: (inner) => {
      read.scope = reader.oneOf(inner, 'scope', ROUTE_SCOPES);
    },
    table: (inner) => {
      read.tableAt = inner.at;
      read.table = reader.integer(inner, 'table', 1, TABLE_MAX);
    },
    from: (inner) => {
      read.from = inner;
    },
    nexthops: (inner) => {
      read.nexthops = inner;
    },
    'congestion-window': metric('initcwnd', 65535),
    'advertised-receive-window': metric('initrwnd', 65535),
    'advertised-mss': metric('advmss', 65535),
  };
  if (!reader.fields(value, what, 'write {to: default, via: ADDRESS}', fields)) return null;
  const { to, via, type, onLink, mtu, scope } = read;
  if (to === null) {
    reader.error(value.at, `"to" is missing in ${what}`, TO_EXAMPLE);
    return null;
  }
  const gateway = via && readVia(reader, via);
  const hops = read.nexthops && readNexthops(reader, read.nexthops, what);
  const first = gateway ?? hops?.[0]?.via ?? null;
  // A wrong "via" says nothing about the family of "default".
  const target =
    (via && !gateway) || (read.nexthops && !hops)
      ? null
      : readTarget(reader, to, first && (first.length === 4 ? 4 : 6), read);
  checkVia(reader, to, read);
  const from = read.from && readFrom(reader, read.from, target);
  if (target === null || type === null || reader.errors.length > mistakes) return null;
  const place = via ?? read.nexthops;
  if (place && first && (first.length === 4) !== (target.family === 4)) {
    const message = `the gateway is IPv${target.family === 4 ? 6 : 4}, the destination IPv${target.family}`;
    reader.error(place.at, message, `write an IPv${target.family} address after "via:"`);
    return null;
  }
  return {
    config: {
      family: target.family,
      to: target.address,
      prefix: target.prefix,
      type,
      onLink,
      ...(gateway && { via: gateway }),
      ...(read.metric !== null && { metric: read.metric }),
      ...(mtu !== null && { mtu }),
      ...(scope !== null && { scope }),
      ...(read.table !== null && { table: read.table }),
      ...(from && { from }),
      ...(Object.keys(read.metrics).length > 0 && { metrics: read.metrics }),
    },
    at: value.at,
    viaAt: place?.at ?? value.at,
    ...(read.tableAt && { tableAt: read.tableAt }),
    ...(hops && { hops }),
  };
}

function readVia(reader: YamlReader, value: Value): Uint8Array | null {
  const text = reader.string(value, 'via', VIA_EXAMPLE);
  if (text === null) return null;
  const ip = parseIp(text);
  if (ip === null) reader.error(value.at, `"${text}" is not an address: ${whyNotAddress(text)}`, VIA_EXAMPLE);
  return ip?.bytes ?? null;
}

/** `from`: the source of the router's own packets, one of its addresses. */
function readFrom(reader: YamlReader, value: Value, target: Cidr | null): Uint8Array | null {
  const example = 'write "from: ADDRESS" with an address of this router';
  const text = reader.string(value, 'from', example);
  if (text === null) return null;
  const ip = parseIp(text);
  if (ip === null) {
    reader.error(value.at, `"${text}" is not an address: ${whyNotAddress(text)}`, example);
    return null;
  }
  if (target === null || ip.family === target.family) return ip.bytes;
  const message = `the source is IPv${ip.family}, the destination IPv${target.family}`;
  reader.error(value.at, message, `write an IPv${target.family} address after "from:"`);
  return null;
}

/** `default` is of the gateway's family; a bare address is a host route. */
function readTarget(
  reader: YamlReader,
  value: Value,
  viaFamily: 4 | 6 | null,
  { type, scope }: Read,
): Cidr | null {
  const text = reader.string(value, 'to', TO_EXAMPLE);
  if (text === null) return null;
  if (text === 'default') {
    if (viaFamily !== null) {
      return { family: viaFamily, address: new Uint8Array(viaFamily === 4 ? 4 : 16), prefix: 0 };
    }
    const message = '"default" without "via" leaves the family open';
    // The missing gateway of a unicast route is reported by checkVia.
    if (type !== 'unicast' || scope === 'link')
      reader.error(value.at, message, 'write "to: 0.0.0.0/0" or "to: ::/0"');
    return null;
  }
  const host = parseIp(text);
  const cidr = host
    ? { family: host.family, address: host.bytes, prefix: addressBits(host.family) }
    : parseCidr(text);
  if (cidr === null) {
    reader.error(value.at, `"${text}" is not a network: ${whyNotCidr(text)}`, TO_EXAMPLE);
    return null;
  }
  const network = networkOf(cidr.address, cidr.prefix);
  if (!sameAddress(network, cidr.address)) {
    const hint = `did you mean ${formatCidr(network, cidr.prefix)}?`;
    reader.error(value.at, `"${text}" has bits set beyond its prefix length`, hint);
    return null;
  }
  return cidr;
}

function checkVia(reader: YamlReader, to: Value, { via, nexthops, type, scope, onLink }: Read): void {
  if (type === null) return;
  if (nexthops) {
    if (via) reader.error(via.at, 'a route has "via" or "nexthops"', 'remove one of them');
    else if (type !== 'unicast')
      reader.error(nexthops.at, `a ${type} route has no gateways`, 'remove "nexthops"');
    else if (onLink) {
      const hint = 'write it in those next hops that it is true of';
      reader.error(nexthops.at, '"on-link" belongs to each of the "nexthops"', hint);
    }
    return;
  }
  if (type !== 'unicast') {
    if (via) reader.error(via.at, `a ${type} route has no gateway`, 'remove "via"');
  } else if (via === null && scope !== 'link') {
    const hint = `${VIA_EXAMPLE}, or "scope: link" when the destinations are on it themselves`;
    reader.error(to.at, '"via" is missing', hint);
  } else if (via && scope && scope !== 'global') {
    reader.error(via.at, `a route of scope ${scope} has no gateway`, 'remove "via", or the scope');
  }
}
