/**
 * `routing-policy` of a link: rules that choose the table in which a packet's route is looked up. `ip rule`.
 *
 *   routing-policy:
 *     - {from: 192.168.5.0/24, table: 101, priority: 100}
 *     - {to: "fd00:9::/48", mark: 7, type-of-service: 16, table: 102}
 *
 * Without a table a rule leads to the table of the VRF that it stands in, or to main. Where no priority is given Linux
 * puts a rule before those that are there.
 */
import {
  addressBits,
  type Cidr,
  formatCidr,
  networkOf,
  parseCidr,
  parseIp,
  sameAddress,
  whyNotCidr,
} from './ip_address.js';
import type { RuleDraft } from './link_draft.js';
import type { Fields, Value, YamlReader } from './yaml_reader.js';

const EXAMPLE = 'write {from: 192.168.5.0/24, table: 101}';
const TABLE_MAX = 2 ** 32 - 1;
/** Of DSCP the upper three bits and ECN are not for routing. Linux: RT_TOS. */
const TOS_BITS = 0x1c;

export function readRoutingPolicy(reader: YamlReader, value: Value, what: string): RuleDraft[] {
  const items = reader.items(value, 'routing-policy', `${EXAMPLE} lines`) ?? [];
  return items.flatMap((item) => readRule(reader, item, what) ?? []);
}

function readRule(reader: YamlReader, value: Value, link: string): RuleDraft | null {
  const mistakes = reader.errors.length;
  const what = `a rule of ${link}`;
  const ends: { from?: Cidr; to?: Cidr } = {};
  let second = value.at;
  let tableAt = value.at;
  const numbers: { table?: number; priority?: number; mark?: number; tos?: number } = {};
  const put = (key: keyof typeof numbers, read: number | null) => {
    if (read !== null) numbers[key] = read;
  };
  const end = (key: 'from' | 'to') => (inner: Value) => {
    const read = readPrefix(reader, inner, key);
    if (read) ends[key] = read;
    second = inner.at;
  };
  const fields: Fields = {
    from: end('from'),
    to: end('to'),
    table: (inner) => {
      tableAt = inner.at;
      put('table', reader.integer(inner, 'table', 1, TABLE_MAX));
    },
    priority: (inner) => put('priority', reader.integer(inner, 'priority', 0, TABLE_MAX)),
    mark: (inner) => put('mark', reader.integer(inner, 'mark', 1, TABLE_MAX)),
    'type-of-service': (inner) => {
      const tos = reader.integer(inner, 'type-of-service', 0, 255);
      if (tos !== null && (tos & ~TOS_BITS) !== 0) {
        const hint = 'write one of 4, 8, 12, 16, 20, 24, 28';
        reader.error(inner.at, `type-of-service ${tos} is none that a rule can ask for`, hint);
      } else put('tos', tos);
    },
  };
  if (!reader.fields(value, what, EXAMPLE, fields)) return null;
  if (reader.errors.length > mistakes) return null;
  const { from, to } = ends;
  const family = (from ?? to)?.family;
  if (family === undefined) {
    reader.error(value.at, `"from" or "to" is missing in ${what}`, EXAMPLE);
    return null;
  }
  if (from && to && from.family !== to.family) {
    const hint = 'write both of one family, or two rules';
    reader.error(second, `"from" and "to" are not of one family in ${what}`, hint);
    return null;
  }
  return { config: { family, ...numbers, ...ends }, at: value.at, tableAt };
}

/** A network, or an address alone. */
function readPrefix(reader: YamlReader, value: Value, key: string): Cidr | null {
  const example = `write "${key}: NETWORK/PREFIX" or an address`;
  const text = reader.string(value, key, example);
  if (text === null) return null;
  const host = parseIp(text);
  if (host) return { family: host.family, address: host.bytes, prefix: addressBits(host.family) };
  const cidr = parseCidr(text);
  if (cidr === null) {
    reader.error(value.at, `"${text}" is not a network: ${whyNotCidr(text)}`, example);
    return null;
  }
  const network = networkOf(cidr.address, cidr.prefix);
  if (sameAddress(network, cidr.address)) return cidr;
  const hint = `did you mean ${formatCidr(network, cidr.prefix)}?`;
  reader.error(value.at, `"${text}" has bits set beyond its prefix length`, hint);
  return null;
}
