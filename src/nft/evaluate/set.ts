/** Sets and maps with a name, and what is put into them. */
import {
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_EXPR,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
} from '../../../assembly/abi/nf_tables.js';
import type { MapObject, SetElement, SetFlag, SetObject, TypeSpec } from '../ast.js';
import {
  type ByteOrder,
  concatType,
  type Datatype,
  isString,
  STRING,
  typeByName,
  VERDICT,
} from '../datatype/datatype.js';
import type { IrExpr } from '../expr/registry.js';
import { type Compilation, fail, NOTHING_EXPECTED, RuleContext } from './context.js';
import { evaluate } from './expression.js';
import { isInterval } from './anonymous_set.js';
import { CONCAT_TYPEOF, typeofData, VERDICT_TYPEOF } from '../linearize/typeof.js';
import { checkOverlap, type Interval, mergeIntervals, sortedIntervals } from './interval.js';
import { evaluateElements, keyExpectedOf } from './map.js';
import type { ElementNode, Node } from './node.js';
import type { MapDef, SetDef, TableDef } from './ruleset.js';
import { stateIr } from './state.js';

const FLAG_BITS: Readonly<Record<SetFlag, number>> = {
  constant: NFT_SET_CONSTANT,
  interval: NFT_SET_INTERVAL,
  timeout: NFT_SET_TIMEOUT,
  dynamic: NFT_SET_EVAL,
};

interface TypeOfKey {
  readonly dtype: Datatype;
  readonly bits: number;
  readonly order: ByteOrder;
  readonly parts?: readonly { readonly dtype: Datatype; readonly bits: number; readonly order: ByteOrder }[];
  readonly typeofData?: readonly number[];
}

/** Names that `type` knows, or the expression whose values go in. */
function typeOf(ctx: RuleContext, spec: TypeSpec): TypeOfKey {
  if (spec.kind === 'type') {
    const types = spec.names.map((name) => {
      const found = typeByName(name);
      if (found === undefined) fail(spec.loc, `unknown datatype ${name}`);
      if (found.bits === 0 && found !== STRING && found !== VERDICT)
        fail(
          spec.loc,
          `unqualified type ${found.name} specified in set definition. Try "typeof expression" instead of "type datatype".`,
        );
      return found;
    });
    if (types.length === 1) return { dtype: types[0]!, bits: types[0]!.bits, order: types[0]!.byteorder };
    const dtype = concatType(types);
    const parts = types.map((type) => ({ dtype: type, bits: type.bits, order: type.byteorder }));
    return { dtype, bits: dtype.bits, order: 'none', parts, typeofData: CONCAT_TYPEOF };
  }
  const node = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, spec.expr));
  const described = typeofData(node);
  const kept = described && { typeofData: described };
  if (node.kind !== 'concat') return { dtype: node.dtype, bits: sizeOf(node), order: node.order, ...kept };
  const parts = node.items.map((item) => ({ dtype: item.dtype, bits: sizeOf(item), order: item.order }));
  return { dtype: node.dtype, bits: node.bits, order: 'none', parts, ...kept };
}

const sizeOf = (node: Node): number => node.bits;

function mapDef(ctx: RuleContext, object: SetObject | MapObject): MapDef | undefined {
  if (object.kind === 'set') return undefined;
  const { map } = object;
  if (map === undefined) return fail(object.loc, 'map definition does not specify mapping data type');
  const interval = object.mapInterval ?? false;
  if (map.kind === 'verdict') return { kind: 'verdict', dtype: VERDICT, bits: 0, order: 'none', interval };
  if (map.kind === 'object')
    return { kind: 'object', dtype: STRING, bits: 0, order: 'none', interval, objectType: map.type };
  const { dtype, bits, order, parts, typeofData: kept } = typeOf(ctx, map);
  if (dtype === VERDICT) return { kind: 'verdict', dtype, bits: 0, order: 'none', interval };
  return {
    kind: 'data',
    dtype,
    bits,
    order,
    ...(parts && { parts }),
    interval,
    ...(kept && { typeofData: kept }),
  };
}

/** In sets of intervals, numbers are in network order. */
function networkOrder(key: TypeOfKey): TypeOfKey {
  const big = ({ dtype, order }: { dtype: Datatype; order: ByteOrder }): ByteOrder =>
    order === 'host' && !isString(dtype) ? 'big' : order;
  if (key.parts) return { ...key, parts: key.parts.map((part) => ({ ...part, order: big(part) })) };
  return { ...key, order: big(key) };
}

export function setDef(shared: Compilation, table: TableDef, object: SetObject | MapObject): SetDef {
  const { family, name, loc } = object;
  const ctx = new RuleContext(shared, family, table);
  const known = table.sets.get(name);
  if (object.type === undefined) {
    if (known !== undefined) return known;
    return fail(loc, `${object.kind} definition does not specify key`);
  }
  let flags = (object.flags ?? []).reduce((bits, flag) => bits | FLAG_BITS[flag], 0);
  let key = typeOf(ctx, object.type);
  if (key.dtype === VERDICT) fail(object.type.loc, 'a verdict cannot be a key');
  const data = mapDef(ctx, object);
  if (object.timeoutMs !== undefined) flags |= NFT_SET_TIMEOUT;
  const plainOrder = key.order;
  if ((flags & NFT_SET_INTERVAL) !== 0) {
    key = networkOrder(key);
    if (key.parts) flags |= NFT_SET_CONCAT;
  }
  if (data?.kind === 'object') flags |= NFT_SET_OBJECT;
  else if (data !== undefined) flags |= NFT_SET_MAP;
  const exprs: IrExpr[] = (object.stmts ?? []).map(
    (stmt) => stateIr(stmt) ?? fail(stmt.loc, 'only stateful statements may be in a set'),
  );
  if (exprs.length > 1) flags |= NFT_SET_EXPR;
  const constant = (flags & NFT_SET_CONSTANT) !== 0;
  const set: SetDef = {
    family,
    table: table.name,
    name,
    anonymous: false,
    id: shared.nextSetId(),
    flags,
    keyType: key.dtype,
    keyBits: key.bits,
    keyOrder: key.order,
    ...(key.parts && { parts: key.parts }),
    ...(data && { data }),
    size: Number(object.size ?? (constant ? (object.elem?.length ?? 0) : 0)),
    timeoutMs: BigInt(object.timeoutMs ?? 0),
    gcIntervalMs: BigInt(object.gcIntervalMs ?? 0),
    ...(object.policy && { policy: object.policy }),
    autoMerge: object.autoMerge ?? false,
    ...(object.comment !== undefined && { comment: object.comment }),
    ...(key.typeofData && { keyTypeof: key.typeofData }),
    ...(data?.typeofData && { dataTypeof: data.typeofData }),
    ...(data?.kind === 'verdict' && object.type.kind === 'typeof' && { dataTypeof: VERDICT_TYPEOF }),
    plainOrder,
    exprs,
    elements: known?.elements ?? [],
    ...(known?.known && { known: true }),
    loc,
  };
  table.sets.set(name, set);
  return set;
}

interface NewElements {
  readonly add: readonly ElementNode[];
  /** What goes before: it became part of what is added. */
  readonly remove: readonly ElementNode[];
}

/** Elements for a set that has a name: ranges only where it is for intervals, and none within another. */
export function setElements(
  shared: Compilation,
  table: TableDef,
  set: SetDef,
  elems: readonly SetElement[],
): NewElements {
  const ctx = new RuleContext(shared, set.family, table);
  const elements = evaluateElements(ctx, elems, keyExpectedOf(set), set.data);
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0;
  if (!interval) {
    const range = elements.find(({ key }) => isInterval(key));
    if (range !== undefined)
      fail(
        range.key.loc,
        "You must add 'flags interval' to your set declaration if you want to add interval elements",
      );
    return { add: elements, remove: [] };
  }
  if (set.parts !== undefined) return { add: elements, remove: [] };
  return set.autoMerge && set.data === undefined ? merged(set, elements) : beside(set, elements);
}

const sameRange = (a: Interval, b: Interval): boolean => a.from === b.from && a.to === b.to;

/** Ranges that overlap no other; one that is there already may be given again. */
function beside(set: SetDef, elements: readonly ElementNode[]): NewElements {
  const fresh = sortedIntervals(elements, set.keyBits);
  checkOverlap(fresh);
  const known = sortedIntervals(set.elements, set.keyBits);
  let at = 0;
  for (const each of fresh) {
    while (at < known.length && known[at]!.to < each.from) at++;
    const other = known[at];
    if (other !== undefined && other.from <= each.to && !sameRange(each, other))
      fail(each.element.key.loc, 'interval overlaps with an existing one');
  }
  set.elements = [...set.elements, ...elements];
  return { add: elements, remove: [] };
}

/** `auto-merge`: what overlaps or touches becomes one, with what is there, too, which goes then. */
function merged(set: SetDef, elements: readonly ElementNode[]): NewElements {
  const bits = set.keyBits;
  const known = sortedIntervals(set.elements, bits);
  const all = mergeIntervals([...set.elements, ...elements], bits, false);
  const whole = sortedIntervals(all, bits);
  const key = ({ from, to }: Interval): string => `${from}-${to}`;
  const had = new Set(known.map(key));
  const has = new Set(whole.map(key));
  const given = new Set(sortedIntervals(elements, bits).map(key));
  set.elements = all;
  return {
    // What was given is sent though it be there: its timeout and comment are new.
    add: [
      ...whole.filter((each) => !had.has(key(each)) || given.has(key(each))).map(({ element }) => element),
      ...elements.filter(({ key: { kind } }) => kind === 'wildcard'),
    ],
    remove: known.filter((each) => !has.has(key(each))).map(({ element }) => element),
  };
}

/** Elements to be deleted: of intervals, those that are there as they are. */
export function oldElements(
  shared: Compilation,
  table: TableDef,
  set: SetDef,
  elems: readonly SetElement[],
): ElementNode[] {
  const ctx = new RuleContext(shared, set.family, table);
  const elements = evaluateElements(ctx, elems, keyExpectedOf(set), set.data, true);
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0 && set.parts === undefined;
  if (!interval || set.known !== true) return elements;
  const known = sortedIntervals(set.elements, set.keyBits);
  for (const each of sortedIntervals(elements, set.keyBits))
    if (!known.some((other) => sameRange(each, other))) fail(each.element.key.loc, 'element does not exist');
  const gone = new Set(sortedIntervals(elements, set.keyBits).map(({ from, to }) => `${from}-${to}`));
  set.elements = known.filter(({ from, to }) => !gone.has(`${from}-${to}`)).map(({ element }) => element);
  return elements;
}
