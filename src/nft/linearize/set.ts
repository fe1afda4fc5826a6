/** Sets and their elements to the IR: keys as bytes, intervals as the kernel's pairs, values behind them. */
import {
  NFT_SET_ELEM_CATCHALL,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_INTERVAL,
} from '../../../assembly/abi/nf_tables.js';
import { NFT_DATA_VERDICT, paddedBits } from '../datatype/datatype.js';
import { intervalElements, reverseBytes } from '../evaluate/interval.js';
import {
  type ConcatNode,
  type ElementNode,
  type Node,
  ones,
  prefixMask,
  type ValueNode,
  valueBytes,
} from '../evaluate/node.js';
import type { SetDef } from '../evaluate/ruleset.js';
import type { VerdictData } from '../expr/data.js';
import type { IrElement, IrSet } from '../ir.js';
import { objectNumber } from '../evaluate/object_number.js';
import { linearize } from './statement.js';
import { elementUserdata, setUserdata } from './userdata.js';

export function setIr(set: SetDef): IrSet {
  const { data } = set;
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0;
  const userdata = setUserdata(set);
  return {
    kind: 'set',
    family: set.family,
    table: set.table,
    name: set.name,
    id: set.id,
    flags: set.flags,
    keyType: set.keyType.id,
    keyLen: Math.ceil(set.keyBits / 8),
    ...(data?.kind === 'data' && {
      dataType: data.dtype.id,
      dataLen: Math.ceil(data.bits / 8) * (data.interval ? 2 : 1),
    }),
    ...(data?.kind === 'verdict' && { dataType: NFT_DATA_VERDICT, dataLen: 0 }),
    ...(data?.kind === 'object' && { objectType: objectNumber(data.objectType!) }),
    timeoutMs: set.timeoutMs,
    gcIntervalMs: Number(set.gcIntervalMs),
    ...(set.policy !== undefined && { policy: set.policy === 'memory' ? 1 : 0 }),
    size: set.size,
    ...(set.parts && interval && { fieldLens: set.parts.map(({ bits }) => Math.ceil(bits / 8)) }),
    ...(userdata && { userdata }),
    exprs: set.exprs,
  };
}

type End = 'from' | 'to';

function endOf(node: Node, end: End): Uint8Array {
  switch (node.kind) {
    case 'value':
      return stringEnd(node, end);
    case 'range':
      return valueBytes(end === 'from' ? node.from.value : node.to.value, node.bits, node.order);
    case 'prefix': {
      const mask = prefixMask(node.len, node.bits);
      const base = node.base.value & mask;
      return valueBytes(end === 'from' ? base : base | (ones(node.bits) ^ mask), node.bits, node.order);
    }
    default:
      throw new Error(`${node.kind} has no ends`);
  }
}

/** `lan*` is all that begins with these bytes. */
function stringEnd(node: ValueNode, end: End): Uint8Array {
  if (node.wildcard !== true) return valueBytes(node.value, node.bits, node.order);
  const bytes = new Uint8Array(16).fill(end === 'from' ? 0 : 0xff);
  bytes.set(valueBytes(node.value, node.bits, 'host'));
  return bytes;
}

function concatEnd(node: ConcatNode, end: End): Uint8Array {
  const bytes = new Uint8Array(
    node.items.reduce((sum, { bits, kind, dtype }) => sum + partBytes(bits, kind, dtype.bits), 0),
  );
  let at = 0;
  for (const item of node.items) {
    bytes.set(endOf(item, end), at);
    at += partBytes(item.bits, item.kind, item.dtype.bits);
  }
  return bytes;
}

/** A wildcard's bits are only those before the star. */
function partBytes(bits: number, kind: Node['kind'], typeBits: number): number {
  return paddedBits(kind === 'value' && typeBits > bits ? typeBits : bits) / 8;
}

function keyEnd(key: Node, end: End): Uint8Array {
  return key.kind === 'concat' ? concatEnd(key, end) : endOf(key, end);
}

function dataOf(element: ElementNode, set: SetDef): Uint8Array | VerdictData | undefined {
  const { data } = element;
  if (data === undefined || data.kind === 'object') return undefined;
  if (data.kind === 'verdict') return data.verdict;
  if (set.data?.interval !== true) return keyEnd(data, 'from');
  const from = keyEnd(data, 'from');
  const to = keyEnd(data, 'to');
  const pad = paddedBits(from.length * 8) / 8;
  const both = new Uint8Array(pad + to.length);
  both.set(from);
  both.set(to, pad);
  return both;
}

function common(element: ElementNode, set: SetDef, open: boolean): Omit<IrElement, 'key' | 'flags'> {
  const data = dataOf(element, set);
  const userdata = elementUserdata(element.comment, open);
  return {
    ...(data !== undefined && { data }),
    ...(element.data?.kind === 'object' && { object: element.data.name }),
    ...(element.timeoutMs !== undefined && { timeoutMs: element.timeoutMs }),
    ...(element.expiresMs !== undefined && { expiresMs: element.expiresMs }),
    ...(userdata && { userdata }),
    loc: element.key.loc,
    exprs: linearize(element.stmts),
  };
}

/** `more`: for a set that is there already. */
export function elementsIr(set: SetDef, elements: readonly ElementNode[], more = false): IrElement[] {
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0;
  const catchall = elements
    .filter(({ key }) => key.kind === 'wildcard')
    .map(
      (element): IrElement => ({
        key: new Uint8Array(0),
        ...common(element, set, false),
        flags: NFT_SET_ELEM_CATCHALL,
      }),
    );
  const keyed = elements.filter(({ key }) => key.kind !== 'wildcard');
  if (interval && set.parts === undefined) return [...intervals(set, keyed, more), ...catchall];
  const made = keyed.map(
    (element): IrElement => ({
      key: keyEnd(element.key, 'from'),
      ...(interval && { keyEnd: keyEnd(element.key, 'to') }),
      ...common(element, set, false),
      flags: 0,
    }),
  );
  return [...made, ...catchall];
}

function intervals(set: SetDef, elements: readonly ElementNode[], more: boolean): IrElement[] {
  const text = set.keyType.reading === 'string';
  const bits = set.keyBits;
  const bytes = (value: bigint): Uint8Array =>
    text ? stringKey(value, bits) : valueBytes(value, bits, 'big');
  const how = { fromZero: !more, ends: !set.anonymous };
  return intervalElements(elements, bits, how).map(({ value, end, open, element }): IrElement => {
    if (element === undefined || end)
      return { key: bytes(value), flags: end ? NFT_SET_ELEM_INTERVAL_END : 0, exprs: [] };
    return { key: bytes(value), ...common(element, set, open), flags: 0 };
  });
}

/** Back from the order in which strings are compared to the bytes in memory. */
function stringKey(value: bigint, bits: number): Uint8Array {
  return valueBytes(reverseBytes(value, bits), bits, 'host');
}
