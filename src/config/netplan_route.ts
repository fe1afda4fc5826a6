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
import { ROUTE_SCOPES, ROUTE_TYPES, type RouteScope, type RouteType } from './router_config.js';
import type { Fields, Value, YamlReader } from './yaml_reader.js';

const LATER = ['from', 'congestion-window', 'advertised-receive-window', 'advertised-mss', 'table'];
const LATER_TYPES = ['anycast', 'broadcast', 'local', 'multicast', 'nat', 'throw', 'xresolve'];
const TO_EXAMPLE = 'write "to: default" or "to: NETWORK/PREFIX", for example 10.0.0.0/8';
const VIA_EXAMPLE = 'write "via: ADDRESS" with the address of the next router on this link';

/** A route as far as it is read; null where nothing, or something wrong, was given. */
interface Read {
  to: Value | null;
  via: Value | null;
  type: RouteType | null;
  onLink: boolean;
  metric: number | null;
  mtu: number | null;
  scope: RouteScope | null;
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
  };
  const mistakes = reader.errors.length;
  const what = `a route of ${link}`;
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
  };
  if (!reader.fields(value, what, 'write {to: default, via: ADDRESS}', fields, LATER)) return null;
  const { to, via, type, onLink, metric, mtu, scope } = read;
  if (to === null) {
    reader.error(value.at, `"to" is missing in ${what}`, TO_EXAMPLE);
    return null;
  }
  const gateway = via && readVia(reader, via);
  // A wrong "via" says nothing about the family of "default".
  const target =
    via && !gateway ? null : readTarget(reader, to, gateway && (gateway.length === 4 ? 4 : 6), read);
  checkVia(reader, to, read);
  if (target === null || type === null || reader.errors.length > mistakes) return null;
  if (via && gateway && (gateway.length === 4) !== (target.family === 4)) {
    const message = `the gateway is IPv${target.family === 4 ? 6 : 4}, the destination IPv${target.family}`;
    reader.error(via.at, message, `write an IPv${target.family} address after "via:"`);
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
      ...(metric !== null && { metric }),
      ...(mtu !== null && { mtu }),
      ...(scope !== null && { scope }),
    },
    at: value.at,
    viaAt: via?.at ?? value.at,
  };
}

function readVia(reader: YamlReader, value: Value): Uint8Array | null {
  const text = reader.string(value, 'via', VIA_EXAMPLE);
  if (text === null) return null;
  const ip = parseIp(text);
  if (ip === null) reader.error(value.at, `"${text}" is not an address: ${whyNotAddress(text)}`, VIA_EXAMPLE);
  return ip?.bytes ?? null;
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

function checkVia(reader: YamlReader, to: Value, { via, type, scope }: Read): void {
  if (type === null) return;
  if (type !== 'unicast') {
    if (via) reader.error(via.at, `a ${type} route has no gateway`, 'remove "via"');
  } else if (via === null && scope !== 'link') {
    const hint = `${VIA_EXAMPLE}, or "scope: link" when the destinations are on it themselves`;
    reader.error(to.at, '"via" is missing', hint);
  } else if (via && scope && scope !== 'global') {
    reader.error(via.at, `a route of scope ${scope} has no gateway`, 'remove "via", or the scope');
  }
}
