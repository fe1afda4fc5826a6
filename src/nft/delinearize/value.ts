/**
 * Constants back to how a listing spells them: bytes of a register as a value of a type, by its symbols or by the names a machine
 * keeps. The counterpart of datatype/parse.ts. Numbers stay numbers: print/ knows which types are hexadecimal.
 */
import type { Expression, ListExpr, SymbolExpr } from '../ast.js';
import { BITMASK, BOOLEAN, CT_LABEL, type Datatype, isBitmask, isString } from '../datatype/datatype.js';
import type { NameKind, SystemNames } from '../datatype/names.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';

/** Names for listings; `ifname`: of whoever has the interfaces. */
export interface ListNames extends Pick<SystemNames, 'nameOf'> {
  ifname(index: number): string | undefined;
}

const NAMED: Readonly<Partial<Record<Datatype['reading'], NameKind>>> = {
  protocol: 'protocol',
  realm: 'realm',
  mark: 'mark',
  devgroup: 'devgroup',
};

export const symbol = (name: string, quoted?: boolean): SymbolExpr => ({
  kind: 'symbol',
  name,
  ...(quoted !== undefined && { quoted }),
  loc,
});

export const number = (value: bigint): Expression => ({ kind: 'number', value: toCount(value), loc });

/** The number that `bytes` are in their order. */
export function numberOfBytes(bytes: Uint8Array, order: 'host' | 'big' | 'none'): bigint {
  let value = 0n;
  for (let at = 0; at < bytes.length; at++)
    value = (value << 8n) | BigInt(bytes[order === 'host' ? bytes.length - 1 - at : at]!);
  return value;
}

function hexBytes(value: bigint, count: number): string[] {
  const hex = value.toString(16).padStart(count * 2, '0');
  return Array.from({ length: count }, (_, at) => hex.slice(at * 2, at * 2 + 2));
}

/** RFC 5952: the longest run of zeros is left out, the last 32 bits of a mapped address are those of IPv4. */
export function ip6Text(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - 16 * at)) & 0xffffn));
  const low = value & 0xffffffffn;
  if (value >> 32n === 0xffffn) return `::ffff:${ip4Text(low)}`;
  if (value >> 32n === 0n && low > 0xffffn) return `::${ip4Text(low)}`;
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (part: readonly number[]) => part.map((word) => word.toString(16)).join(':');
  if (best.at < 0) return text(words);
  return `${text(words.slice(0, best.at))}::${text(words.slice(best.at + best.length))}`;
}

export function ip4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

const two = (value: number) => String(value).padStart(2, '0');

/** Of the day, in local time: nft keeps it in UTC. */
function hourText(seconds: number): string {
  const local = (((seconds - new Date().getTimezoneOffset() * 60) % 86400) + 86400) % 86400;
  const [h, m, s] = [Math.floor(local / 3600), Math.floor(local / 60) % 60, local % 60];
  return `${two(h)}:${two(m)}${s === 0 ? '' : `:${two(s)}`}`;
}

function dateText(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n));
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Flags of a type, each bit by its name, from the lowest. */
function flags(value: bigint, type: Datatype): Expression[] {
  const found: Expression[] = [];
  for (let bit = 1n; bit <= value; bit <<= 1n) {
    if ((value & bit) === 0n) continue;
    const name = Object.entries(type.symbols ?? {}).find(([, each]) => BigInt(each) === bit)?.[0];
    found.push(name === undefined ? number(bit) : symbol(name));
  }
  return found;
}

function labelText(value: bigint, names: ListNames): Expression {
  const bit = value.toString(2).length - 1;
  if (value !== 1n << BigInt(bit)) return number(value);
  const name = names.nameOf('label', bit);
  return name === undefined ? number(BigInt(bit)) : symbol(name);
}

/** `bits`: of what the value is compared with, where the type does not say. */
export function constant(value: bigint, type: Datatype, bits: number, names: ListNames): Expression {
  if (type === CT_LABEL) return labelText(value, names);
  if (isBitmask(type) && type !== BITMASK && value !== 0n) {
    const items = flags(value, type);
    return items.length === 1 ? items[0]! : ({ kind: 'list', items, loc } satisfies ListExpr);
  }
  if (type === BOOLEAN) return { kind: 'boolean', value: value !== 0n, loc };
  switch (type.reading) {
    case 'address4':
      return symbol(ip4Text(value));
    case 'address6':
      return symbol(ip6Text(value));
    case 'lladdr':
      return symbol(hexBytes(value, Math.ceil((type.bits || bits) / 8)).join(':'));
    case 'time':
      return number(value / 1000n);
    case 'date':
      return symbol(dateText(value));
    case 'hour':
      return symbol(hourText(Number(value)));
    case 'ifindex': {
      const name = names.ifname(Number(value));
      return name === undefined ? number(value) : symbol(name);
    }
    case 'classid':
      if (value === 0n) return symbol('none');
      return value === 0xffffffffn ? symbol('root') : number(value);
    default:
  }
  const kind = NAMED[type.reading];
  const name =
    kind === undefined
      ? Object.entries(type.symbols ?? {}).find(([, each]) => BigInt(each) === value)?.[0]
      : names.nameOf(kind, Number(value));
  return name === undefined ? number(value) : symbol(name);
}

/** Flags where no list may stand: `syn | ack`. */
export function joined(expr: Expression): Expression {
  if (expr.kind !== 'list') return expr;
  return expr.items.reduce((left, right) => ({ kind: 'binary', op: '|', left, right, loc }));
}

/** The end of a range: of protocols the number. */
export function bound(value: bigint, type: Datatype, bits: number, names: ListNames): Expression {
  return type.reading === 'protocol' ? number(value) : constant(value, type, bits, names);
}

/** Text up to its first zero; `star`: whatever follows. */
export function stringText(bytes: Uint8Array, star: boolean): Expression {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  const plain = text.endsWith('*') ? `${text.slice(0, -1)}\\*` : text;
  return symbol(star ? `${text}*` : plain, true);
}

export function constantOf(
  bytes: Uint8Array,
  type: Datatype,
  order: 'host' | 'big' | 'none',
  names: ListNames,
): Expression {
  if (isString(type)) return stringText(bytes, false);
  return constant(numberOfBytes(bytes, order), type, bytes.length * 8, names);
}
