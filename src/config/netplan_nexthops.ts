/**
 * `nexthops` of a route: several next hops with weights, among which the flows of packets are spread (ECMP).
 *
 *   routes:
 *     - to: default
 *       nexthops: [{via: 192.0.2.1, weight: 2}, {via: 198.51.100.1, link: wan1}]
 *
 * Differs: netplan has no such key, and only one gateway a route. `link` names another link than the one that the route
 * stands under.
 */
import { parseIp, whyNotAddress } from './ip_address.js';
import type { HopDraft } from './link_draft.js';
import type { Fields, Value, YamlReader } from './yaml_reader.js';

const WEIGHT_MAX = 256;
const EXAMPLE = 'write [{via: 192.0.2.1}, {via: 198.51.100.1, link: wan1, weight: 2}]';

/** The next hops, or null: what is wrong is reported. */
export function readNexthops(reader: YamlReader, value: Value, what: string): HopDraft[] | null {
  const mistakes = reader.errors.length;
  const items = reader.items(value, `"nexthops" in ${what}`, EXAMPLE) ?? [];
  if (items.length === 0 && reader.errors.length === mistakes)
    reader.error(value.at, `"nexthops" is empty in ${what}`, EXAMPLE);
  const hops = items.map((item) => readHop(reader, item, what));
  if (reader.errors.length > mistakes) return null;
  const [first, ...rest] = hops as HopDraft[];
  const other = rest.find((hop) => hop.via.length !== first!.via.length);
  if (other) {
    const family = first!.via.length === 4 ? 4 : 6;
    const hint = `write IPv${family} addresses only, or a second route`;
    reader.error(other.viaAt, 'the next hops of a route are of one family', hint);
    return null;
  }
  return hops as HopDraft[];
}

function readHop(reader: YamlReader, value: Value, what: string): HopDraft | null {
  let via: Uint8Array | null = null;
  let viaAt = value.at;
  let given = false;
  let weight = 1;
  let onLink = false;
  let link: HopDraft['link'];
  const fields: Fields = {
    via: (inner) => {
      given = true;
      viaAt = inner.at;
      const text = reader.string(inner, 'via', EXAMPLE);
      if (text === null) return;
      via = parseIp(text)?.bytes ?? null;
      if (via === null)
        reader.error(inner.at, `"${text}" is not an address: ${whyNotAddress(text)}`, EXAMPLE);
    },
    link: (inner) => {
      const name = reader.string(inner, 'link', 'write the name of a link');
      if (name !== null) link = { value: name, at: inner.at };
    },
    weight: (inner) => {
      weight = reader.integer(inner, 'weight', 1, WEIGHT_MAX) ?? 1;
    },
    'on-link': (inner) => {
      onLink = reader.boolean(inner, 'on-link') ?? false;
    },
  };
  if (!reader.fields(value, `a next hop of ${what}`, EXAMPLE, fields)) return null;
  if (!given) reader.error(value.at, `"via" is missing in a next hop of ${what}`, EXAMPLE);
  return via && { via, viaAt, weight, onLink, ...(link && { link }) };
}
