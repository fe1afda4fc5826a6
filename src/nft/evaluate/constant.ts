/** Constants: words and numbers as values of the type that is expected, and arithmetic on them. */
import type { Loc, NumberExpr, SymbolExpr } from '../ast.js';
import { type Datatype, INTEGER, INVALID, isInteger, isString } from '../datatype/datatype.js';
import { parseInteger, parseValue, stringValue } from '../datatype/parse.js';
import { type Expected, fail, type RuleContext } from './context.js';
import { ones, type ValueNode, valueNode } from './node.js';

/** The bytes of a wildcard: `eth*` is `eth`, and `eth\*` is a name that ends with a star. */
function stringNode(name: string, expected: Expected, loc: Loc): ValueNode {
  const chars = expected.bits / 8;
  const escaped = name.endsWith('\\*');
  const wildcard = name.endsWith('*') && !escaped;
  const text = escaped ? `${name.slice(0, -2)}*` : wildcard ? name.slice(0, -1) : name;
  const bytes = new TextEncoder().encode(text).length;
  if (wildcard && bytes === 0) fail(loc, 'All-wildcard strings are not supported');
  if (expected.bits > 0 && bytes + (wildcard ? 1 : 0) > chars)
    fail(loc, `String exceeds maximum length of ${chars}`);
  const bits = wildcard ? bytes * 8 : expected.bits > 0 ? expected.bits : bytes * 8;
  return valueNode(stringValue(text), expected.dtype, bits, 'host', loc, wildcard);
}

/** Fits it the place it is for? Its size and byte order become those of the place. */
export function checkedInteger(value: bigint, dtype: Datatype, expected: Expected, loc: Loc): ValueNode {
  const bits = expected.bits > 0 ? expected.bits : Math.max(1, value.toString(2).length);
  const max = expected.max ?? ones(bits);
  if (value > max || value < 0n) fail(loc, `Value ${value} exceeds valid range 0-${max}`);
  return valueNode(value, dtype, bits, expected.order === 'none' ? 'host' : expected.order, loc);
}

function maxOf(expected: Expected): Expected {
  if (expected.dtype.reading === 'day') return { ...expected, max: 6n };
  return expected;
}

export function symbolNode(ctx: RuleContext, symbol: SymbolExpr): ValueNode {
  return textNode(ctx, symbol.name, symbol.loc);
}

function textNode(ctx: RuleContext, text: string, loc: Loc): ValueNode {
  const expected = ctx.expect;
  const { dtype } = expected;
  if (dtype === INVALID) {
    const number = parseInteger(text);
    if (number === undefined) fail(loc, `unknown value '${text}'`);
    return checkedInteger(number, INTEGER, expected, loc);
  }
  if (isString(dtype)) return stringNode(text, expected, loc);
  const parsed = parseValue(dtype, text, ctx.shared.names);
  if (typeof parsed !== 'bigint') fail(loc, parsed.error);
  return checkedInteger(parsed, dtype, maxOf(expected), loc);
}

export function numberNode(ctx: RuleContext, number: NumberExpr): ValueNode {
  const { dtype } = ctx.expect;
  const text = number.text ?? String(number.value);
  // A number of these types is not its own value: seconds become milliseconds, a string keeps its digits.
  const read = dtype.reading;
  if (isString(dtype) || read === 'time' || read === 'date' || read === 'hour' || read === 'label')
    return textNode(ctx, text, number.loc);
  const value = BigInt(number.value);
  if (read === 'protocol' && value > 255n) fail(number.loc, 'Protocol out of range');
  if (read === 'service' && value > 65535n) fail(number.loc, 'Service out of range');
  return checkedInteger(value, dtype === INVALID ? INTEGER : dtype, maxOf(ctx.expect), number.loc);
}

export function fold(
  op: '&' | '|' | '^' | '<<' | '>>',
  left: ValueNode,
  right: ValueNode,
  loc: Loc,
): ValueNode {
  const bits = left.bits;
  const made = (value: bigint): ValueNode => valueNode(value & ones(bits), left.dtype, bits, left.order, loc);
  switch (op) {
    case '&':
      return made(left.value & right.value);
    case '|':
      return made(left.value | right.value);
    case '^':
      return made(left.value ^ right.value);
    case '<<':
      return made(left.value << right.value);
    case '>>':
      return made(left.value >> right.value);
  }
}

/** May a value of this type stand where that one is expected? */
export function compatible(have: Datatype, want: Datatype): boolean {
  if (have === want || want === INVALID || have === INVALID) return true;
  if (have.parts && want.parts)
    return (
      have.parts.length === want.parts.length &&
      have.parts.every((part, at) => compatible(part, want.parts![at]!))
    );
  return have === INTEGER && isInteger(want);
}
