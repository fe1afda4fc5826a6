import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  allTypes,
  concatType,
  type Datatype,
  INET_SERVICE,
  IPADDR,
  MARK,
  typeById,
  typeByName,
  typeText,
} from './datatype.js';
import { systemNames } from './names.js';
import { parseValue } from './parse.js';

const names = systemNames((name) => (name === 'eth7' ? 7 : undefined));

/** What `nft describe TYPE` of nft 1.0.6 prints, type by type. */
const described = readFileSync(new URL('../../../test/nft/describe.txt', import.meta.url), 'utf8')
  .split(/^(?=datatype )/m)
  .map((text) => ({ type: /^datatype (\S+)/.exec(text)![1]!, text }));

/** nft prints a symbol as the number that the bytes are on this machine. */
function printed(dtype: Datatype, value: number): string {
  if (dtype.decimal) return String(value).padStart(20);
  const digits = Math.ceil(dtype.bits / 8) * 2;
  const hex = value.toString(16).padStart(digits, '0');
  const swapped = dtype.byteorder === 'big' ? hex.match(/../g)!.reverse().join('') : hex;
  return `0x${swapped}`;
}

test.each(described)('$type is what nft describes', ({ type, text }) => {
  const dtype = typeByName(type)!;
  const lines = [`${typeText(dtype)}, ${dtype.bits} bits`];
  if (dtype.symbols) {
    lines.push('', `pre-defined symbolic constants (in ${dtype.decimal ? 'decimal' : 'hexadecimal'}):`);
    for (const [name, value] of Object.entries(dtype.symbols))
      lines.push(`\t${name.padEnd(30)}\t${printed(dtype, value)}`);
  }
  const known = dtype.symbols ? text.trim() : text.split('\n')[0]!.trim();
  expect(lines.join('\n')).toBe(known);
});

describe('numbers of types', () => {
  test('are unique and found again', () => {
    for (const dtype of allTypes()) expect(typeById(dtype.id)).toBe(dtype);
  });

  test('of a concatenation hold its parts', () => {
    const made = concatType([IPADDR, INET_SERVICE]);
    expect(made.id).toBe(0x1cd);
    expect(made.bits).toBe(64);
    expect(typeById(made.id)).toEqual(made);
  });
});

test.each([
  ['ipv4_addr', '10.0.0.1', 0x0a000001n],
  ['ether_addr', '00:11:22:33:44:55', 0x1122334455n],
  ['inet_proto', 'icmpv6', 58n],
  ['inet_service', '443', 443n],
  ['tcp_flag', 'syn', 2n],
  ['ct_label', '5', 32n],
  ['iface_index', 'eth7', 7n],
  ['classid', '1:a', 0x1000an],
  ['time', '1d2h3m4s5ms', 93784005n],
])('a word of %s: %s', (type, word, value) => {
  expect(parseValue(typeByName(type)!, word, names)).toBe(value);
});

test.each([
  ['mark', 'nothing', 'Could not parse packet mark'],
  ['inet_proto', '256', 'Protocol out of range'],
  ['inet_service', '70000', 'Service out of range'],
  ['iface_index', 'eth9', 'Interface does not exist'],
  ['ipv4_addr', '::1', 'Could not resolve hostname: Address family for hostname not supported'],
])('of %s, %s is refused as nft refuses it', (type, word, error) => {
  expect(parseValue(typeByName(type)!, word, names)).toEqual({ error });
});

test('a mark is in host order, an address in network order', () => {
  expect(MARK.byteorder).toBe('host');
  expect(IPADDR.byteorder).toBe('big');
});
