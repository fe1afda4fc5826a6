/** A MAC address in a configuration: of an interface, so neither a group's nor zero. */
import { parseMac } from './ip_address.js';
import type { Value, YamlReader } from './yaml_reader.js';

export function readMac(reader: YamlReader, value: Value, what: string): Uint8Array | null {
  const example = 'write six pairs of hexadecimal digits, for example "52:54:00:12:34:56"';
  const text = reader.string(value, what, example);
  if (text === null) return null;
  const mac = parseMac(text);
  if (mac === null) {
    reader.error(value.at, `"${text}" is not a MAC address`, example);
  } else if ((mac[0]! & 1) !== 0 || mac.every((octet) => octet === 0)) {
    const hint = 'use an address whose first octet is even, for example "52:54:00:12:34:56"';
    reader.error(value.at, `"${text}" is a group address or zero, not that of an interface`, hint);
    return null;
  }
  return mac;
}
