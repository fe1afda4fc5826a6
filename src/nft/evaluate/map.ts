/** Elements of sets and maps, and expressions that look a key up: `map`, `vmap`, names of objects by key. */
import type { Expression, Loc, MapExpr, ObjectType, SetElement, SetExpr, SetReference } from '../ast.js';
import { STRING, VERDICT } from '../datatype/datatype.js';
import { anonymousSet, isInterval, namedSetOf, partsOf } from './anonymous_set.js';
import { compatible } from './constant.js';
import { type Expected, fail, NOTHING_EXPECTED, type RuleContext } from './context.js';
import { converted, expectOf, setOrder } from './convert.js';
import type { ElementNode, MapNode, Node, ValueNode } from './node.js';
import type { MapDef, SetDef } from './ruleset.js';
import { evaluateState } from './state.js';

export type KeyExpected = Expected & { readonly parts?: NonNullable<SetDef['parts']> };

/** What is looked for, in the way in which constants must stand against it. */
export function keyExpected(key: Node): KeyExpected {
  const parts = partsOf(key);
  return { ...expectOf(key), ...(parts && { parts }) };
}

export function keyExpectedOf(set: SetDef): KeyExpected {
  return {
    dtype: set.keyType,
    bits: set.keyBits,
    order: set.keyOrder,
    ...(set.parts && { parts: set.parts }),
  };
}

function dataNode(ctx: RuleContext, data: Expression, map: MapDef): Node {
  if (map.kind === 'object') {
    if (data.kind !== 'symbol') fail(data.loc, 'the name of an object is expected');
    return { kind: 'object', name: data.name, dtype: STRING, bits: 0, order: 'none', loc: data.loc };
  }
  if (map.kind === 'verdict') {
    if (data.kind !== 'verdict') fail(data.loc, 'a verdict is expected');
    return ctx.expecting({ dtype: VERDICT, bits: 0, order: 'none' }, () => ctx.evaluate(data));
  }
  const expected: KeyExpected = {
    dtype: map.dtype,
    bits: map.bits,
    order: map.order,
    ...(map.parts && { parts: map.parts }),
  };
  const node = ctx.expecting(expected, () => ctx.evaluate(data));
  if (!compatible(node.dtype, map.dtype))
    fail(data.loc, `datatype mismatch, expected ${map.dtype.desc}, expression has type ${node.dtype.desc}`);
  return node;
}

export function evaluateElements(
  ctx: RuleContext,
  elems: readonly SetElement[],
  expected: KeyExpected,
  map: MapDef | undefined,
  /** Of a map, keys alone will do. */
  keysOnly = false,
): ElementNode[] {
  const before = ctx.inSet;
  ctx.inSet = true;
  const made = elems.map((elem): ElementNode => {
    const key = ctx.expecting(expected, () => ctx.evaluate(elem.key));
    if (key.kind !== 'wildcard' && !compatible(key.dtype, expected.dtype))
      fail(
        elem.key.loc,
        `datatype mismatch, expected ${expected.dtype.desc}, expression has type ${key.dtype.desc}`,
      );
    if (map !== undefined && elem.data === undefined && !keysOnly) fail(elem.loc, 'Missing mapping');
    if (map === undefined && elem.data !== undefined) fail(elem.data.loc, 'a set holds no values');
    return {
      key,
      ...(map !== undefined && elem.data !== undefined && { data: dataNode(ctx, elem.data, map) }),
      ...(elem.timeoutMs !== undefined && { timeoutMs: BigInt(elem.timeoutMs) }),
      ...(elem.expiresMs !== undefined && { expiresMs: BigInt(elem.expiresMs) }),
      ...(elem.comment !== undefined && { comment: elem.comment }),
      stmts: (elem.stmts ?? []).map((stmt) => evaluateState(stmt)),
      loc: elem.loc,
    };
  });
  ctx.inSet = before;
  return made;
}

/** Moves constants to where a field lies that is no whole bytes: `ip dscp cs1` is compared with 0x20, unshifted. */
export function shifted(node: Node, by: bigint, bits: number): Node {
  switch (node.kind) {
    case 'value':
      return { ...node, value: node.value << by, bits };
    case 'range':
      return {
        ...node,
        from: shifted(node.from, by, bits) as ValueNode,
        to: shifted(node.to, by, bits) as ValueNode,
        bits,
      };
    case 'prefix':
      return {
        ...node,
        base: shifted(node.base, by, bits) as ValueNode,
        len: bits - Number(by) - (node.bits - node.len),
        bits,
      };
    default:
      return node;
  }
}

/** The shift of a field that is no whole bytes, and what is below it. */
export function shiftOf(left: Node): { by: bigint; below: Node } | undefined {
  if (left.kind !== 'binop') return undefined;
  if (left.op === '>>') return { by: left.right.value, below: left.left };
  return undefined;
}

function isTrimmed(node: Node): boolean {
  return (
    node.kind === 'binop' &&
    (node.left.kind === 'payload' || node.left.kind === 'exthdr') &&
    'trimmed' in node.left
  );
}

/** The bits of the bytes that a trimmed field lies in. */
function wholeBits(below: Node): number {
  return below.kind === 'binop' ? below.left.bits : below.bits;
}

/** The key of an anonymous set, and its elements: in network order if there are intervals, unshifted. */
export function keyAndElements(
  ctx: RuleContext,
  keyNode: Node,
  elems: readonly SetElement[],
  map: MapDef | undefined,
): { key: Node; elements: ElementNode[] } {
  let key = keyNode;
  let elements = evaluateElements(ctx, elems, keyExpected(key), map);
  const shift = shiftOf(key);
  if (shift !== undefined && isTrimmed(shift.below)) {
    const bits = wholeBits(shift.below);
    elements = elements.map((each) => ({ ...each, key: shifted(each.key, shift.by, bits) }));
    key = { ...shift.below, bits };
  } else if (isTrimmed(key)) {
    const bits = wholeBits(key);
    elements = elements.map((each) => ({ ...each, key: shifted(each.key, 0n, bits) }));
    key = { ...key, bits } as Node;
  }
  if (elements.some((each) => isInterval(each.key))) key = inNetworkOrder(key, elements);
  return { key, elements };
}

/** Intervals are compared byte by byte from the first: numbers in host order have to be swapped. */
export function inNetworkOrder(key: Node, elements: readonly ElementNode[]): Node {
  if (key.kind === 'concat') {
    key.items = key.items.map((item, at) => {
      if (item.order !== 'host' || item.dtype.reading === 'string') return item;
      for (const { key: each } of elements) if (each.kind === 'concat') setOrder(each.items[at]!, 'big');
      return converted(item, 'big');
    });
    return key;
  }
  if (key.order !== 'host' || key.dtype.reading === 'string') return key;
  for (const { key: each } of elements) setOrder(each, 'big');
  return converted(key, 'big');
}

export function dataMap(expected: Expected, data: SetExpr | undefined): MapDef {
  const interval = data?.elem.some(({ data: each }) => each !== undefined && holdsRange(each)) ?? false;
  return { kind: 'data', dtype: expected.dtype, bits: expected.bits, order: expected.order, interval };
}

function holdsRange(expr: Expression): boolean {
  if (expr.kind === 'concat') return expr.items.some(holdsRange);
  return expr.kind === 'range' || expr.kind === 'prefix';
}

/** Of a key in a set that has a name: intervals are in network order there as well. */
export function keyForSet(key: Node, set: SetDef, loc: Loc): Node {
  if (!compatible(key.dtype, set.keyType) && !compatible(set.keyType, key.dtype)) {
    fail(
      loc,
      set.data === undefined
        ? `datatype mismatch, expected ${key.dtype.desc}, expression has type ${set.keyType.desc}`
        : `datatype mismatch, map expects ${set.keyType.desc}, mapping expression has type ${key.dtype.desc}`,
      key.loc,
    );
  }
  if (set.parts && key.kind === 'concat') {
    key.items = key.items.map((item, at) =>
      item.order === 'host' && set.parts![at]!.order === 'big' ? converted(item, 'big') : item,
    );
    return key;
  }
  if (key.order === 'host' && set.keyOrder === 'big' && key.dtype.reading !== 'string')
    return converted(key, 'big');
  return key;
}

export function evaluateMap(ctx: RuleContext, expr: MapExpr): MapNode {
  const expected = ctx.expect;
  const key = ctx.expecting(NOTHING_EXPECTED, () => ctx.evaluate(expr.key));
  if (expr.data.kind === 'set reference') {
    const set = namedSetOf(ctx, expr.data);
    if (set.data === undefined) fail(expr.data.loc, `Expression is not a map`);
    const { dtype, bits, order } = set.data;
    return { kind: 'map', key: keyForSet(key, set, expr.data.loc), set, dtype, bits, order, loc: expr.loc };
  }
  const map = mapOfData(expected, expr.data);
  const made = keyAndElements(ctx, key, expr.data.elem, map);
  const { set } = anonymousSet(ctx, made.key, made.elements, map, expr.data.loc);
  return {
    kind: 'map',
    key: made.key,
    set,
    dtype: map.dtype,
    bits: map.bits,
    order: map.order,
    loc: expr.loc,
  };
}

/** What an anonymous map holds: values of the type expected, or addresses with ports behind them (nat). */
function mapOfData(expected: Expected, data: SetExpr): MapDef {
  const shaped = (expected as Expected & { shape?: (data: SetExpr) => MapDef | undefined }).shape?.(data);
  return shaped ?? dataMap(expected, data);
}

/** `KEY vmap ...`: the key and the map. */
export function evaluateVmap(
  ctx: RuleContext,
  keyExpr: Expression,
  data: SetExpr | SetReference,
): { key: Node; set: SetDef } {
  const key = ctx.expecting(NOTHING_EXPECTED, () => ctx.evaluate(keyExpr));
  if (data.kind === 'set reference') {
    const set = namedSetOf(ctx, data);
    if (set.data === undefined) fail(data.loc, 'Expression is not a map');
    if (set.data.kind !== 'verdict')
      fail(
        key.loc,
        `datatype mismatch: expected netfilter verdict, expression has type ${set.data.dtype.desc}`,
      );
    return { key: keyForSet(key, set, data.loc), set };
  }
  const map: MapDef = { kind: 'verdict', dtype: VERDICT, bits: 0, order: 'none', interval: false };
  const made = keyAndElements(ctx, key, data.elem, map);
  const { set } = anonymousSet(ctx, made.key, made.elements, map, data.loc);
  return { key: made.key, set };
}

/** `counter name KEY map { ... }`. */
export function evaluateObjectMap(
  ctx: RuleContext,
  expr: MapExpr,
  objectType: ObjectType,
): { key: Node; set: SetDef } {
  const key = ctx.expecting(NOTHING_EXPECTED, () => ctx.evaluate(expr.key));
  if (expr.data.kind === 'set reference') {
    const set = namedSetOf(ctx, expr.data);
    if (set.data === undefined) fail(expr.data.loc, 'Expression is not a map');
    if (set.data.kind !== 'object') fail(expr.data.loc, 'Expression is not a map with objects');
    return { key: keyForSet(key, set, expr.data.loc), set };
  }
  const map: MapDef = { kind: 'object', dtype: STRING, bits: 0, order: 'none', interval: false, objectType };
  const made = keyAndElements(ctx, key, expr.data.elem, map);
  const { set } = anonymousSet(ctx, made.key, made.elements, map, expr.data.loc);
  return { key: made.key, set };
}
