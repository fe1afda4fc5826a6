/**
 * Fields that lie one behind the other and are each compared with a constant become one comparison:
 * `tcp sport 1 tcp dport 2` loads four bytes at once, wherever in the rule the two stand.
 */
import type { Family } from '../ast.js';
import { INTEGER } from '../datatype/datatype.js';
import { BASE_NUMBER } from '../proto/proto.js';
import type { PayloadNode, ValueNode } from './node.js';
import type { MatchTyped, TypedStatement } from './typed_statement.js';

const MAX_BITS = 128;
/** Comparisons of so many bits are fast in the kernel: two of them stay two. */
const FAST_BITS = 32;

interface Candidate extends MatchTyped {
  readonly left: PayloadNode;
  readonly right: ValueNode;
}

function isCandidate(stmt: TypedStatement): stmt is Candidate {
  return (
    stmt.kind === 'match' &&
    (stmt.op === 'eq' || stmt.op === 'neq') &&
    stmt.left.kind === 'payload' &&
    stmt.right.kind === 'value'
  );
}

function canMerge(a: Candidate, b: Candidate): boolean {
  const one = a.left;
  const two = b.left;
  return (
    a.op === b.op &&
    one.base === two.base &&
    one.offset + one.bits === two.offset &&
    [one.offset, one.bits, two.offset, two.bits].every((bits) => bits % 8 === 0) &&
    one.bits + two.bits <= MAX_BITS &&
    (one.bits + two.bits <= FAST_BITS || one.bits > FAST_BITS || two.bits > FAST_BITS)
  );
}

function merged(a: Candidate, b: Candidate): Candidate {
  const bits = a.left.bits + b.left.bits;
  return {
    ...a,
    left: { ...a.left, bits, dtype: INTEGER },
    right: {
      ...a.right,
      value: (a.right.value << BigInt(b.left.bits)) | b.right.value,
      bits,
      dtype: INTEGER,
      order: 'big',
    },
    protocol: a.protocol || b.protocol,
  };
}

const OWN_ETHERTYPE: Readonly<Partial<Record<Family, bigint>>> = { ip: 0x0800n, ip6: 0x86ddn };

/** In a table of IP, `meta protocol ip` says nothing: it goes, unless it is what the rule ends with. */
export function dropRedundant(stmts: TypedStatement[], family: Family): void {
  const own = OWN_ETHERTYPE[family];
  if (own === undefined) return;
  for (let at = stmts.length - 2; at >= 0; at--) {
    const stmt = stmts[at]!;
    if (stmt.kind !== 'match' || stmt.op !== 'eq' || stmt.right.kind !== 'value' || stmt.right.value !== own)
      continue;
    if (stmt.left.kind === 'meta' && stmt.left.name === 'protocol') stmts.splice(at, 1);
  }
}

export function mergeFields(stmts: TypedStatement[]): void {
  const found = stmts.filter(isCandidate);
  const order = new Map(found.map((stmt, at) => [stmt, at]));
  found.sort(
    (a, b) =>
      BASE_NUMBER[a.left.base] - BASE_NUMBER[b.left.base] ||
      a.left.offset - b.left.offset ||
      order.get(a)! - order.get(b)!,
  );
  let last = found[0];
  for (const each of found.slice(1)) {
    if (last === undefined || !canMerge(last, each)) {
      last = each;
      continue;
    }
    const made = merged(last, each);
    // What names a protocol stays where it is: fields behind it depend on it.
    const [stays, goes] = each.protocol ? [each, last] : [last, each];
    stmts[stmts.indexOf(stays)] = made;
    stmts.splice(stmts.indexOf(goes), 1);
    last = made;
  }
}
