/** `describe`: what an expression is, or a type: kind, type, size, and the names of its values. */
import type { Expression } from '../ast.js';
import {
  BOOLEAN,
  type Datatype,
  INET_PROTO,
  INVALID,
  isString,
  STRING,
  typeByName,
  typeText,
} from '../datatype/datatype.js';
import type { SystemNames } from '../datatype/names.js';
import { IP_OPTIONS, IPV6_HEADERS, type OptionDesc, SCTP_CHUNKS, TCP_OPTIONS } from '../proto/exthdr.js';
import { CT_KEYS, IPSEC_KEYS, META_KEYS, RT_KEYS, SOCKET_KEYS } from '../proto/keys.js';
import { protoByName } from '../proto/network.js';
import { type Field, findField } from '../proto/proto.js';
import { typeOf } from './type_of.js';

/** Names of 16 bytes: what a string of no size of its own is compared with. */
const NAME_BITS = 128;

function optionBits(table: ReadonlyMap<string, OptionDesc>, name: string, field: string | undefined): number {
  if (field === undefined) return BOOLEAN.bits;
  return table.get(name)?.fields.find((each) => each.name === field)?.len ?? 0;
}

function bitsOf(expr: Expression): number {
  switch (expr.kind) {
    case 'payload': {
      const proto = protoByName(expr.protocol);
      return (proto && findField(proto, expr.field)?.len) ?? 0;
    }
    case 'raw payload':
      return expr.len;
    case 'meta':
      return META_KEYS[expr.key]?.bits ?? 0;
    case 'ct':
      return CT_KEYS[expr.key]?.bits ?? 0;
    case 'rt':
      return RT_KEYS[expr.family ? `${expr.family} ${expr.key}` : expr.key]?.bits ?? 0;
    case 'socket':
      return SOCKET_KEYS[expr.key]?.bits ?? 0;
    case 'ipsec':
      return IPSEC_KEYS[expr.family ? `${expr.family} ${expr.key}` : expr.key]?.bits ?? 0;
    case 'exthdr':
      return optionBits(IPV6_HEADERS, expr.name, expr.field);
    case 'tcp option':
      return optionBits(TCP_OPTIONS, expr.name, expr.field);
    case 'ip option':
      return optionBits(IP_OPTIONS, expr.name, expr.field);
    case 'sctp chunk':
      return optionBits(SCTP_CHUNKS, expr.name, expr.field);
    case 'raw tcp option':
      return expr.len ?? BOOLEAN.bits;
    case 'osf':
      return NAME_BITS;
    case 'fib':
      return expr.result === 'oifname' ? NAME_BITS : 32;
    case 'numgen':
    case 'jhash':
    case 'symhash':
      return 32;
    default:
      return 0;
  }
}

/** What nft calls them. */
const KINDS: Readonly<Partial<Record<Expression['kind'], string>>> = {
  'raw payload': 'payload',
  'tcp option': 'exthdr',
  'raw tcp option': 'exthdr',
  'ip option': 'exthdr',
  'sctp chunk': 'exthdr',
  ipsec: 'xfrm',
  jhash: 'hash',
  symhash: 'hash',
};

/** Of a type alone nft prints values as the numbers that their bytes are on a little-endian machine. */
function valueText(type: Datatype, value: number, swap: boolean): string {
  if (type.decimal) return String(value).padStart(20);
  const hex = value.toString(16).padStart(Math.ceil(type.bits / 8) * 2, '0');
  return `0x${swap && type.byteorder === 'big' ? (hex.match(/../g) ?? []).reverse().join('') : hex}`;
}

function symbolLines(type: Datatype, names: SystemNames, swap: boolean): string[] {
  if (type === INET_PROTO) {
    return Array.from({ length: 256 }, (_, value) => [names.nameOf('protocol', value), value] as const)
      .filter(([name]) => name !== undefined)
      .map(([name, value]) => `\t${String(name).padEnd(30)}\t${value}`);
  }
  if (!type.symbols || Object.keys(type.symbols).length === 0) return [];
  const lines = Object.entries(type.symbols).map(
    ([name, value]) => `\t${name.padEnd(30)}\t${valueText(type, value, swap)}`,
  );
  return ['', `pre-defined symbolic constants (in ${type.decimal ? 'decimal' : 'hexadecimal'}):`, ...lines];
}

/** A header or option without a field: what it begins with. */
function firstField(expr: Expression): Field | undefined {
  if (expr.kind === 'exthdr' && expr.field === undefined) return IPV6_HEADERS.get(expr.name)?.fields[0];
  if (expr.kind === 'tcp option' && expr.field === undefined) return TCP_OPTIONS.get(expr.name)?.fields[0];
  if (expr.kind === 'ip option' && expr.field === undefined) return IP_OPTIONS.get(expr.name)?.fields[0];
  return expr.kind === 'sctp chunk' && expr.field === undefined
    ? SCTP_CHUNKS.get(expr.name)?.fields[0]
    : undefined;
}

const nameType = (expr: Expression): Datatype | undefined =>
  expr.kind === 'fib' && expr.result === 'oifname' ? STRING : undefined;

export function describeText(expr: Expression, names: SystemNames): string {
  const named = expr.kind === 'symbol' ? typeByName(expr.name) : undefined;
  const type = named ?? firstField(expr)?.type ?? nameType(expr) ?? typeOf(expr) ?? INVALID;
  const kind = named ? '' : `${KINDS[expr.kind] ?? expr.kind} expression, `;
  if (type === INVALID) return `${kind}${typeText(type)}\n`;
  const bits = named?.bits ?? firstField(expr)?.len ?? bitsOf(expr);
  const size = !named && isString(type) && bits > 0 ? `${bits / 8} characters` : `${bits} bits`;
  // Raw payload has an integer type of its own, printed in hexadecimal.
  const base = expr.kind === 'raw payload' ? ' (basetype integer)' : '';
  const first = `${kind}${typeText(type)}${base}, ${size}`;
  return `${[first, ...symbolLines(type, names, named !== undefined)].join('\n')}\n`;
}
