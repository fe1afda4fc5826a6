/**
 * Elements that are ranges: as pairs of numbers, sorted, merged where they touch (sets) or refused where they overlap (maps), and
 * cut into the elements that the kernel's interval sets have: where one begins, and where it ends.
 *
 *   10-19 30-39:   0 end · 10 · 20 end · 30 · 40 end          39 the largest: no end, but a mark in the userdata
 */
import { NftError } from '../error.js';
import { type ElementNode, type Node, ones, prefixMask, type RangeNode, valueNode } from './node.js';

export interface Interval {
  readonly from: bigint;
  readonly to: bigint;
  readonly element: ElementNode;
}

/** The first and the last value that a key stands for. */
export function bounds(key: Node, bits: number): { from: bigint; to: bigint } | undefined {
  switch (key.kind) {
    case 'value': {
      if (key.wildcard !== true) return { from: key.value, to: key.value };
      // In the order of the bytes in memory: what follows the star is the low end.
      const low = reverseBytes(key.value, bits);
      return { from: low, to: low | ones(bits - key.bits) };
    }
    case 'range':
      return { from: key.from.value, to: key.to.value };
    case 'prefix': {
      const mask = prefixMask(key.len, bits);
      return { from: key.base.value & mask, to: (key.base.value & mask) | ones(bits - key.len) };
    }
    default:
      return undefined;
  }
}

export function reverseBytes(value: bigint, bits: number): bigint {
  let rest = value;
  let result = 0n;
  for (let at = 0; at < bits / 8; at++) {
    result = (result << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return result;
}

/** Strings are compared by their bytes, the first counting most. */
function stringBounds(key: Node, bits: number): { from: bigint; to: bigint } | undefined {
  if (key.kind === 'value' && key.wildcard !== true) {
    const value = reverseBytes(key.value, bits);
    return { from: value, to: value };
  }
  return bounds(key, bits);
}

const isText = (key: Node): boolean => key.dtype.reading === 'string';

export function boundsOf(key: Node, bits: number): { from: bigint; to: bigint } | undefined {
  return isText(key) ? stringBounds(key, bits) : bounds(key, bits);
}

export function sortedIntervals(elements: readonly ElementNode[], bits: number): Interval[] {
  const found: Interval[] = [];
  for (const element of elements) {
    const range = boundsOf(element.key, bits);
    if (range !== undefined) found.push({ ...range, element });
  }
  return found.sort((a, b) =>
    a.from < b.from ? -1 : a.from > b.from ? 1 : a.to < b.to ? -1 : a.to > b.to ? 1 : 0,
  );
}

/** Sorted; of a set, what overlaps or touches becomes one; of a map that is an error. */
export function mergeIntervals(elements: readonly ElementNode[], bits: number, map: boolean): ElementNode[] {
  const catchall = elements.filter(({ key }) => key.kind === 'wildcard');
  const sorted = sortedIntervals(elements, bits);
  if (map) {
    checkOverlap(sorted);
    return [...sorted.map(({ element }) => element), ...catchall];
  }
  const merged: Interval[] = [];
  for (const each of sorted) {
    const last = merged.at(-1);
    if (last === undefined || each.from > last.to + 1n) merged.push(each);
    else if (each.to > last.to)
      merged[merged.length - 1] = { ...last, to: each.to, element: widened(last, each.to) };
  }
  return [...merged.map(({ element }) => element), ...catchall];
}

function widened({ element, from }: Interval, to: bigint): ElementNode {
  const { dtype, order, loc } = element.key;
  const bits = element.key.kind === 'range' ? element.key.from.bits : element.key.bits;
  const key: RangeNode = {
    kind: 'range',
    from: valueNode(from, dtype, bits, order, loc),
    to: valueNode(to, dtype, bits, order, loc),
    dtype,
    bits,
    order,
    loc,
  };
  return { ...element, key };
}

export function checkOverlap(sorted: readonly Interval[]): void {
  for (let at = 1; at < sorted.length; at++) {
    const before = sorted[at - 1]!;
    const each = sorted[at]!;
    if (each.from <= before.to && !(each.from === before.from && each.to === before.to))
      throw new NftError('conflicting intervals specified', each.element.key.loc, before.element.key.loc);
  }
}

/** NFTA_SET_DESC_SIZE of an anonymous set: of intervals both ends count, and what lies before the first. */
export function setSize(elements: readonly ElementNode[], bits: number, interval: boolean): number {
  if (!interval) return elements.length;
  const keyed = elements.filter(({ key }) => key.kind !== 'wildcard');
  const first = keyed.length === 0 ? undefined : boundsOf(keyed[0]!.key, bits);
  const before = first !== undefined && first.from > 0n ? 1 : 0;
  return keyed.length * 2 + before + (elements.length - keyed.length);
}

export interface IntervalElement {
  readonly value: bigint;
  readonly end: boolean;
  /** It reaches to the largest value: no end follows. */
  readonly open: boolean;
  readonly element?: ElementNode;
}

/**
 * The kernel's elements of sorted intervals. `fromZero`: begin with the end of nothing, at zero. `ends`: an interval ends
 * even where the next one begins, as in sets to which more may be added.
 */
export function intervalElements(
  elements: readonly ElementNode[],
  bits: number,
  { fromZero, ends }: { readonly fromZero: boolean; readonly ends: boolean },
): IntervalElement[] {
  const sorted = sortedIntervals(elements, bits);
  const max = ones(bits);
  const made: IntervalElement[] = [];
  if (fromZero && sorted.length > 0 && sorted[0]!.from > 0n) made.push({ value: 0n, end: true, open: false });
  sorted.forEach(({ from, to, element }, at) => {
    const open = to === max;
    made.push({ value: from, end: false, open, element });
    if (!open && (ends || sorted[at + 1]?.from !== to + 1n))
      made.push({ value: to + 1n, end: true, open: false });
  });
  return made;
}
