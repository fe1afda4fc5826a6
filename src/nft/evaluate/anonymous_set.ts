/** Sets that a rule brings along: `{ 22, 80 }`. */
import {
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
} from '../../../assembly/abi/nf_tables.js';
import type { Loc, SetReference } from '../ast.js';
import { fail, type RuleContext } from './context.js';
import { typeofData, VERDICT_TYPEOF } from '../linearize/typeof.js';
import { mergeIntervals, setSize } from './interval.js';
import type { ElementNode, Node, SetRefNode } from './node.js';
import type { MapDef, SetDef } from './ruleset.js';

/** A range, a prefix or a string that ends in `*`, alone or within a concatenation. */
export function isInterval(key: Node): boolean {
  if (key.kind === 'concat') return key.items.some(isInterval);
  return key.kind === 'range' || key.kind === 'prefix' || (key.kind === 'value' && key.wildcard === true);
}

/** Sizes and orders of the parts of a concatenation. */
export function partsOf(key: Node): NonNullable<SetDef['parts']> | undefined {
  if (key.kind !== 'concat') return undefined;
  return key.items.map(({ dtype, bits, order }) => ({ dtype, bits, order }));
}

export function setReference(set: SetDef, loc: Loc): SetRefNode {
  return { kind: 'set reference', set, dtype: set.keyType, bits: set.keyBits, order: set.keyOrder, loc };
}

export function namedSetOf(ctx: RuleContext, { name, loc }: SetReference): SetDef {
  const set = ctx.table.sets.get(name);
  if (set === undefined) fail(loc, 'No such file or directory');
  return set;
}

/** Makes the set of `elements` for keys like `left`, and a reference to it. */
export function anonymousSet(
  ctx: RuleContext,
  left: Node,
  elements: readonly ElementNode[],
  data: MapDef | undefined,
  loc: Loc,
): SetRefNode {
  let flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT;
  const interval = elements.some(({ key }) => isInterval(key));
  if (interval) flags |= NFT_SET_INTERVAL | (left.dtype.parts ? NFT_SET_CONCAT : 0);
  if (data !== undefined) {
    flags |= data.kind === 'object' ? NFT_SET_OBJECT : NFT_SET_MAP;
  }
  const parts = partsOf(left);
  // Swapped for the sake of intervals: what was swapped counts.
  const source = left.kind === 'unary' ? left.arg : left;
  const described = source.kind === 'concat' || (data === undefined && source.kind !== 'binop');
  const keyTypeof = described ? typeofData(source, false) : undefined;
  const plain = interval && left.dtype.parts === undefined;
  const kept = plain ? mergeIntervals(elements, left.bits, data !== undefined) : elements;
  const name = data === undefined ? '__set%d' : data.kind === 'object' ? '__objmap%d' : '__map%d';
  const set = ctx.addSet(
    {
      name,
      anonymous: true,
      flags,
      keyType: left.dtype,
      keyBits: left.bits,
      keyOrder: plain && left.order === 'host' && !left.dtype.name.startsWith('ifname') ? 'big' : left.order,
      ...(parts && { parts }),
      ...(data && { data }),
      ...(keyTypeof && { keyTypeof }),
      ...(data?.kind === 'verdict' && { dataTypeof: VERDICT_TYPEOF }),
      plainOrder: source.order,
      size: setSize(kept, left.bits, plain),
      loc,
    },
    kept,
  );
  return setReference(set, loc);
}
