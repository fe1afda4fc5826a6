/** Named sets and maps with their elements as a listing has them. */
import {
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_TIMEOUT,
} from '../../../assembly/abi/nf_tables.js';
import type { Expression, MapData, MapObject, ObjectType, SetFlag, SetObject, TypeSpec } from '../ast.js';
import { type ByteOrder, INTEGER, isString, NFT_DATA_VERDICT, typeById } from '../datatype/datatype.js';
import { OBJECT_NUMBER } from '../evaluate/object_number.js';
import { commentOf } from '../linearize/userdata.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';
import type { DelinearizeContext } from './context.js';
import type { KnownSet } from './index_sets.js';
import type { Resolved } from './operand.js';
import { elementsOf, type Part } from './set_expression.js';
import { setUserdataOf } from './set_userdata.js';
import { stateStatements } from './state.js';
import { typeofParts } from './typeof.js';

const SET_COMMENT = 7;
const FLAGS: readonly (readonly [number, SetFlag])[] = [
  [NFT_SET_CONSTANT, 'constant'],
  [NFT_SET_INTERVAL, 'interval'],
  [NFT_SET_TIMEOUT, 'timeout'],
  [NFT_SET_EVAL, 'dynamic'],
];

function typeofSpec(parts: readonly Resolved[]): TypeSpec {
  const items = parts.map(({ expr }) => expr);
  const expr: Expression = items.length === 1 ? items[0]! : { kind: 'concat', items, loc };
  return { kind: 'typeof', expr, loc };
}

function typeSpec(id: number): TypeSpec {
  const type = typeById(id) ?? INTEGER;
  return { kind: 'type', names: (type.parts ?? [type]).map(({ name }) => name), loc };
}

/** How the bytes of a key are kept: where there are intervals, numbers are in network order. */
function keyParts(
  { set }: KnownSet,
  described: readonly Resolved[] | undefined,
  order: ByteOrder | undefined,
): Part[] {
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0;
  const ordered = (own: ByteOrder): ByteOrder => (interval ? 'big' : own);
  if (described !== undefined) {
    const single = described.length === 1;
    return described.map((part) => ({
      type: part.type,
      bits: isString(part.type) ? 128 : part.bits,
      order: ordered(single && order !== undefined && order !== 'none' ? order : part.order),
    }));
  }
  const type = typeById(set.keyType) ?? INTEGER;
  if (type.parts !== undefined)
    return type.parts.map((part) => ({ type: part, bits: part.bits, order: ordered(part.byteorder) }));
  return [
    {
      type,
      bits: type.bits || set.keyLen * 8,
      order: ordered(type.byteorder === 'none' ? (order ?? 'host') : type.byteorder),
    },
  ];
}

function objectType(wanted: number): ObjectType {
  const found = (Object.entries(OBJECT_NUMBER) as [ObjectType, number][]).find(([, each]) => each === wanted);
  return found?.[0] ?? 'counter';
}

export function setObject(ctx: DelinearizeContext, known: KnownSet): SetObject | MapObject {
  const { set } = known;
  const { keyTypeof, dataTypeof, dataInterval, keyOrder, autoMerge } = setUserdataOf(set.userdata);
  const described = typeofParts(ctx, keyTypeof);
  const comment = commentOf(set.userdata, SET_COMMENT);
  const flags = FLAGS.flatMap(([bit, name]) => ((set.flags & bit) === 0 ? [] : [name]));
  const elem = elementsOf(ctx.names, known, keyParts(known, described, keyOrder));
  const stmts = stateStatements(set.exprs);
  const common = {
    family: set.family,
    table: set.table,
    name: set.name,
    ...(set.handle !== undefined && { handle: toCount(set.handle) }),
    type: described === undefined ? typeSpec(set.keyType) : typeofSpec(described),
    ...(set.policy === 1 && { policy: 'memory' as const }),
    ...(flags.length > 0 && { flags }),
    ...(set.timeoutMs > 0n && { timeoutMs: toCount(set.timeoutMs) }),
    ...(set.gcIntervalMs > 0 && { gcIntervalMs: set.gcIntervalMs }),
    // Of a constant set the kernel keeps how many elements there are.
    ...(set.size > 0 && (set.flags & NFT_SET_CONSTANT) === 0 && { size: set.size }),
    ...(autoMerge && { autoMerge }),
    ...(comment !== undefined && { comment }),
    ...(stmts.length > 0 && { stmts }),
    ...(elem.length > 0 && { elem }),
    loc,
  };
  const map = mapData(ctx, known, described !== undefined, dataTypeof);
  if (map === undefined) return { kind: 'set', ...common };
  return { kind: 'map', ...common, map, ...(dataInterval && { mapInterval: true }) };
}

function mapData(
  ctx: DelinearizeContext,
  { set }: KnownSet,
  described: boolean,
  dataTypeof: Uint8Array | undefined,
): MapData | undefined {
  if (set.objectType !== undefined && set.objectType !== 0)
    return { kind: 'object', type: objectType(set.objectType), loc };
  if (set.dataType === undefined) return undefined;
  if (set.dataType === NFT_DATA_VERDICT) return { kind: 'verdict', loc };
  const data = described ? typeofParts(ctx, dataTypeof) : undefined;
  return data === undefined ? typeSpec(set.dataType) : typeofSpec(data);
}
