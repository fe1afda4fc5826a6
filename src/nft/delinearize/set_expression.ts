/**
 * Elements as the kernel keeps them, back to those of a text: bytes to values, the two ends of an interval to one element, in the
 * order in which nft lists them (that of the values; the kernel gives them as they lie in its tables).
 */
import {
  NFT_SET_ELEM_CATCHALL,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_INTERVAL,
} from '../../../assembly/abi/nf_tables.js';
import type { Expression, SetElement, SetExpr } from '../ast.js';
import {
  type ByteOrder,
  type Datatype,
  INTEGER,
  isBitmask,
  isString,
  typeById,
} from '../datatype/datatype.js';
import type { IrElement } from '../ir.js';
import { commentOf } from '../linearize/userdata.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';
import type { KnownSet } from './index_sets.js';
import { setUserdataOf } from './set_userdata.js';
import { stateStatements } from './state.js';
import { bound, constant, joined, type ListNames, numberOfBytes, stringText, symbol } from './value.js';

/** One part of a key. */
export interface Part {
  readonly type: Datatype;
  readonly bits: number;
  readonly order: ByteOrder;
  readonly low?: number;
}

interface Read {
  readonly names: ListNames;
}

const partBytes = ({ bits }: Part): number => Math.ceil(bits / 8);
const paddedBytes = (part: Part): number => Math.ceil(partBytes(part) / 4) * 4;

function oneValue({ names }: Read, value: bigint, { type, bits, low = 0 }: Part): Expression {
  return joined(constant(value >> BigInt(low), type, bits, names));
}

/** A range of values: one value, a prefix where the type has those, else both ends. */
function rangeExpression(read: Read, from: bigint, to: bigint, part: Part): Expression {
  if (from === to) return oneValue(read, from, part);
  const size = to - from + 1n;
  const whole = part.bits - (part.low ?? 0);
  const aligned = (size & (size - 1n)) === 0n && from % size === 0n;
  if (part.type.prefix === true && aligned) {
    const len = whole - (size.toString(2).length - 1);
    return { kind: 'prefix', addr: oneValue(read, from, part), len, loc };
  }
  const { type, bits, low = 0 } = part;
  const end = (value: bigint): Expression => bound(value >> BigInt(low), type, bits, read.names);
  return { kind: 'range', from: end(from), to: end(to), loc };
}

function slices(bytes: Uint8Array, parts: readonly Part[]): Uint8Array[] {
  let at = 0;
  return parts.map((part) => {
    const piece = bytes.subarray(at, at + partBytes(part));
    at += paddedBytes(part);
    return piece;
  });
}

function partExpression(read: Read, from: Uint8Array, to: Uint8Array | undefined, part: Part): Expression {
  if (isString(part.type)) {
    if (to === undefined || to.every((byte, at) => byte === from[at])) return stringText(from, false);
    return stringText(from, true);
  }
  const first = numberOfBytes(from, part.order);
  return rangeExpression(read, first, to === undefined ? first : numberOfBytes(to, part.order), part);
}

function keyExpression(read: Read, { key, keyEnd }: IrElement, parts: readonly Part[]): Expression {
  const ends = keyEnd === undefined ? [] : slices(keyEnd, parts);
  const items = slices(key, parts).map((from, at) => partExpression(read, from, ends[at], parts[at]!));
  return items.length === 1 ? items[0]! : { kind: 'concat', items, loc };
}

function dataParts(known: KnownSet, order: ByteOrder | undefined, bytes: number): Part[] {
  const type = typeById(known.set.dataType ?? 0) ?? INTEGER;
  if (type.parts !== undefined)
    return type.parts.map((part) => ({ type: part, bits: part.bits || 32, order: part.byteorder }));
  const bits = isString(type) ? bytes * 8 : type.bits || bytes * 8;
  return [{ type, bits, order: type.byteorder === 'none' ? (order ?? 'host') : type.byteorder }];
}

function dataExpression(read: Read, known: KnownSet, element: IrElement): Expression | undefined {
  const { data, object } = element;
  if (object !== undefined) return symbol(object, true);
  if (data === undefined) return undefined;
  if (!(data instanceof Uint8Array)) {
    const target = data.chain === undefined ? {} : { target: data.chain };
    return { kind: 'verdict', verdict: data.verdict, ...target, loc };
  }
  const { dataInterval, dataOrder } = setUserdataOf(known.set.userdata);
  const length = dataInterval ? data.length / 2 : data.length;
  const parts = dataParts(known, dataOrder, length);
  const to = dataInterval ? slices(data.subarray(length), parts) : [];
  const from = slices(data.subarray(0, length), parts);
  const items = from.map((bytes, at) => partExpression(read, bytes, to[at], parts[at]!));
  return items.length === 1 ? items[0]! : { kind: 'concat', items, loc };
}

function element(read: Read, known: KnownSet, from: IrElement, key: Expression): SetElement {
  const data = dataExpression(read, known, from);
  const comment = commentOf(from.userdata);
  const stmts = stateStatements(from.exprs);
  return {
    kind: 'elem',
    key,
    ...(data && { data }),
    ...(from.timeoutMs && { timeoutMs: toCount(from.timeoutMs) }),
    ...(from.expiresMs && { expiresMs: toCount(from.expiresMs) }),
    ...(comment !== undefined && { comment }),
    ...(stmts.length > 0 && { stmts }),
    loc,
  };
}

/** As nft sorts: by the number that the key is; of a concatenation that of its bytes, the last counting most. */
function sortKey(bytes: Uint8Array, parts: readonly Part[]): bigint {
  const pieces = slices(bytes, parts);
  if (pieces.length > 1) return numberOfBytes(Uint8Array.from(pieces.flatMap((piece) => [...piece])), 'host');
  const { type, order } = parts[0]!;
  const value = numberOfBytes(pieces[0]!, isString(type) ? 'host' : order);
  // Of flags the first counts.
  return isBitmask(type) && type.symbols !== undefined ? value & -value : value;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Where one begins and where it ends are two elements: `10 · 20 end` is 10-19. */
function intervals(read: Read, known: KnownSet, elements: readonly IrElement[], part: Part): SetElement[] {
  const text = isString(part.type);
  const bits = BigInt(known.set.keyLen * 8);
  const order = text ? 'big' : part.order;
  const ends = elements
    .map((from) => ({
      from,
      value: numberOfBytes(from.key, order),
      end: (from.flags & NFT_SET_ELEM_INTERVAL_END) !== 0,
    }))
    .sort((a, b) => compare(a.value, b.value) || Number(b.end) - Number(a.end));
  const found: SetElement[] = [];
  for (const [at, { from, value, end }] of ends.entries()) {
    if (end) continue;
    const next = ends[at + 1];
    const last = next === undefined ? (1n << bits) - 1n : next.value - 1n;
    const key = text ? stringText(from.key, last !== value) : rangeExpression(read, value, last, part);
    found.push(element(read, known, from, key));
  }
  return found;
}

export function elementsOf(names: ListNames, known: KnownSet, given: readonly Part[]): SetElement[] {
  const read = { names };
  const isCatchall = ({ flags }: IrElement): boolean => (flags & NFT_SET_ELEM_CATCHALL) !== 0;
  const plain = known.elements.filter((each) => !isCatchall(each));
  const catchall = known.elements
    .filter(isCatchall)
    .map((each) => element(read, known, each, { kind: 'wildcard', loc }));
  const interval = (known.set.flags & NFT_SET_INTERVAL) !== 0;
  const parts = given;
  if (interval && parts.length === 1) return [...intervals(read, known, plain, parts[0]!), ...catchall];
  // Concatenated intervals are listed as the kernel has them.
  const sorted = interval
    ? plain.map((each) => ({ each, sort: 0n }))
    : plain
        .map((each) => ({ each, sort: sortKey(each.key, parts) }))
        // Equal ones end up the other way round.
        .reverse()
        .sort((a, b) => compare(a.sort, b.sort));
  return [
    ...sorted.map(({ each }) => element(read, known, each, keyExpression(read, each, parts))),
    ...catchall,
  ];
}

/** `{ ... }` of a set without a name, read as what is looked up in it. */
export function anonymousMap({ names }: Read, known: KnownSet, parts: readonly Part[]): SetExpr {
  return { kind: 'set', elem: elementsOf(names, known, parts), loc };
}
