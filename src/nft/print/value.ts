/** Constants: how a value is spelt depends on the type it has (numbers in hexadecimal, names in quotes, times). */
import type { BinaryOperator, Expression, NumberExpr, SymbolExpr } from '../ast.js';
import {
  BOOLEAN,
  CGROUPV2,
  CLASSID,
  CT_LABEL,
  type Datatype,
  DATE,
  DAY,
  DEVGROUP,
  DSCP,
  ECN,
  ETHERTYPE,
  GID,
  HOUR,
  IFINDEX,
  isBitmask,
  isString,
  MARK,
  REALM,
  TIME,
  UID,
} from '../datatype/datatype.js';
import { timeText } from './time.js';

/** Whose names stand in quotes. */
const QUOTED: ReadonlySet<Datatype> = new Set([
  IFINDEX,
  REALM,
  DEVGROUP,
  DATE,
  HOUR,
  DAY,
  CGROUPV2,
  UID,
  GID,
  CT_LABEL,
  MARK,
]);
/** Digits of numbers that are printed in hexadecimal. */
const HEX_DIGITS: ReadonlyMap<Datatype, number> = new Map([
  [MARK, 8],
  [DSCP, 2],
  [ECN, 1],
  [ETHERTYPE, 4],
]);

export interface ValueType {
  readonly type?: Datatype | undefined;
  /** Of raw payload. */
  readonly raw?: boolean;
}

export function numberText({ value, text }: NumberExpr, { type, raw }: ValueType): string {
  if (text !== undefined) return text;
  const hex = (digits: number) => `0x${value.toString(16).padStart(digits, '0')}`;
  if (raw) return hex(1);
  if (type === undefined) return String(value);
  if (type === TIME) return timeText(BigInt(value) * 1000n);
  if (type === BOOLEAN && (value === 0 || value === 1)) return value === 1 ? 'exists' : 'missing';
  if (type === CLASSID)
    return `${(Number(value) >>> 16).toString(16)}:${(Number(value) & 0xffff).toString(16)}`;
  const digits = HEX_DIGITS.get(type);
  if (digits !== undefined) return hex(digits);
  return isBitmask(type) && type !== CT_LABEL ? hex(1) : String(value);
}

export function symbolText({ name, quoted }: SymbolExpr, { type }: ValueType): string {
  const quotes =
    quoted ?? (type !== undefined && (isString(type) || (QUOTED.has(type) && !/^\d+$/.test(name))));
  return quotes ? `"${name}"` : name;
}

/** A bound of a range: always a number, and a time always seconds. */
export function boundText(expr: Expression, { type }: ValueType): string | undefined {
  if (expr.kind === 'number' && expr.text === undefined && type === TIME) return `${expr.value}s`;
  if (expr.kind !== 'symbol' || expr.quoted || QUOTED.has(type ?? TIME)) return undefined;
  const value = type?.symbols?.[expr.name];
  return value === undefined ? undefined : numberText({ kind: 'number', value, loc: expr.loc }, { type });
}

const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = { '|': 1, '^': 2, '&': 3, '<<': 4, '>>': 4 };

/** Does `part` need parentheses as a side of `op`? */
export function needsParentheses(op: BinaryOperator, part: Expression): boolean {
  if (part.kind === 'list') return true;
  return part.kind === 'binary' && PRECEDENCE[part.op] < PRECEDENCE[op];
}
