/**
 * The section `neighbours`: who is where without being asked (`ip neighbour add ... nud permanent`).
 *
 *   neighbours:
 *     wan0: {203.0.113.1: "52:54:00:00:00:01", "fe80::1": "52:54:00:00:00:01"}
 */
import { isMulticast, parseIp, whyNotAddress } from './ip_address.js';
import { readMac } from './mac_value.js';
import type { NeighbourConfig } from './router_config.js';
import type { Entry, Value, YamlReader } from './yaml_reader.js';

const EXAMPLE = 'write lines such as wan0: {203.0.113.1: "52:54:00:00:00:01"}';

export interface NamedNeighbour extends NeighbourConfig {
  readonly entry: Entry;
}

export function readNeighbours(reader: YamlReader, value: Value): NamedNeighbour[] {
  const found: NamedNeighbour[] = [];
  for (const link of reader.entries(value, 'neighbours', EXAMPLE) ?? []) {
    for (const entry of reader.entries(link.value, `neighbours of ${link.key}`, EXAMPLE) ?? []) {
      const ip = parseIp(entry.key);
      const mac = readMac(reader, entry.value, 'the MAC address of a neighbour');
      if (ip === null) {
        reader.error(entry.keyAt, `"${entry.key}" is not an address: ${whyNotAddress(entry.key)}`, EXAMPLE);
      } else if (isMulticast(ip.bytes)) {
        reader.error(
          entry.keyAt,
          `${entry.key} is a group, not a neighbour`,
          'groups need no entry; remove it',
        );
      } else if (mac !== null) {
        found.push({ link: link.key, address: ip.bytes, mac, entry: link });
      }
    }
  }
  return found;
}

export function checkNeighbours(
  reader: YamlReader,
  neighbours: readonly NamedNeighbour[],
  links: readonly string[],
): NeighbourConfig[] {
  const told = new Set<Entry>();
  for (const { link, entry } of neighbours) {
    if (links.includes(link) || told.has(entry)) continue;
    told.add(entry);
    const hint = `add "${link}:" under ethernets, or remove these neighbours`;
    reader.error(entry.keyAt, `neighbours of "${link}", but there is no such link`, hint);
  }
  return neighbours.map(({ link, address, mac }) => ({ link, address, mac }));
}
