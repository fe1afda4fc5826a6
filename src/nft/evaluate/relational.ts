/** Matches: `LEFT [op] RIGHT`. The left side is read from the packet and says how constants on the right are read. */
import type { Expression, MatchStatement } from '../ast.js';
import { BITMASK, isInteger } from '../datatype/datatype.js';
import { anonymousSet } from './anonymous_set.js';
import { compatible } from './constant.js';
import { fail, NOTHING_EXPECTED, type RuleContext } from './context.js';
import { learn, learnIcmpType } from './dependency.js';
import { converted, expectOf } from './convert.js';
import { evaluate } from './expression.js';
import { keyAndElements, keyExpected, keyForSet, shiftOf, shifted } from './map.js';
import { isConstant, type Node, type ValueNode, valueNode } from './node.js';
import type { RelationOp } from './typed_statement.js';

const OPS: Readonly<Record<Exclude<MatchStatement['op'], 'in' | '!'>, RelationOp>> = {
  '==': 'eq',
  '!=': 'neq',
  '<': 'lt',
  '>': 'gt',
  '<=': 'lte',
  '>=': 'gte',
};
const TEXT: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  lte: '<=',
  gte: '>=',
  eq: '==',
  neq: '!=',
};

function relationOp(stmt: MatchStatement, left: Node, right: Node): RelationOp {
  if (stmt.op === '!') return 'noflags';
  if (stmt.op !== 'in') return OPS[stmt.op];
  const flags = right.kind === 'value' && left.kind !== 'binop' && right.dtype.base === BITMASK;
  return flags && stmt.mask === undefined ? 'flags' : 'eq';
}

/** A set of one plain value is that value. */
function single(right: Expression, left: Node): Expression {
  if (right.kind !== 'set' || right.elem.length !== 1 || left.kind === 'concat') return right;
  const elem = right.elem[0]!;
  const plain =
    elem.data === undefined &&
    elem.timeoutMs === undefined &&
    elem.expiresMs === undefined &&
    elem.comment === undefined &&
    (elem.stmts ?? []).length === 0;
  return plain && elem.key.kind !== 'wildcard' ? elem.key : right;
}

export function evaluateMatch(ctx: RuleContext, stmt: MatchStatement): void {
  let left = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, stmt.left));
  if (isConstant(left) && left.kind !== 'concat')
    fail(stmt.left.loc, 'Left hand side of relational expression must not be constant');
  if (stmt.mask !== undefined) left = masked(ctx, left, stmt.mask);
  const rightExpr = single(stmt.right, left);
  if (rightExpr.kind === 'set') {
    matchSet(ctx, stmt, left, rightExpr);
    return;
  }
  let right = rangeOrValue(ctx, left, rightExpr);
  const op = relationOp(stmt, left, right);
  if (right.kind === 'set reference') {
    matchNamed(ctx, stmt, left, right, op);
    return;
  }
  checkSides(stmt, op, left, right);
  if (right.kind === 'value' && (op === 'eq' || op === 'flags') && left.kind !== 'binop')
    learn(ctx, left, right.value);
  const shift = shiftOf(left);
  if (shift !== undefined) {
    left = shift.below;
    right = shifted(right, shift.by, wholeBits(left));
  } else if (left.kind === 'binop' && left.op === '^' && right.kind === 'value') {
    right = valueNode(right.value ^ left.right.value, right.dtype, right.bits, right.order, right.loc);
    left = left.left;
  } else if (left.kind === 'binop' && left.op === '&' && 'trimmed' in left.left) {
    right = shifted(right, 0n, wholeBits(left));
  }
  [left, right] = ordered(op, left, right);
  let relation = op;
  if (right.kind === 'range' && right.from.value > right.to.value) {
    // Hours that go past midnight in UTC: everything but what lies between.
    right = { ...right, from: right.to, to: right.from };
    relation = op === 'neq' ? 'eq' : 'neq';
  }
  ctx.stmts.push({ kind: 'match', op: relation, left, right, protocol: namesProtocol(left), loc: stmt.loc });
}

const wholeBits = (left: Node): number => (left.kind === 'binop' ? left.left.bits : left.bits);

function namesProtocol(left: Node): boolean {
  if (left.kind === 'payload') return left.proto?.key !== undefined && left.proto.key === left.field?.name;
  return left.kind === 'meta' && ['l4proto', 'protocol', 'nfproto'].includes(left.name);
}

function masked(ctx: RuleContext, left: Node, maskExpr: Expression): Node {
  const mask = ctx.expecting(expectOf(left), () => evaluate(ctx, maskExpr));
  if (mask.kind !== 'value') fail(maskExpr.loc, 'a mask must be constant');
  return {
    kind: 'binop',
    op: '&',
    left,
    right: mask,
    dtype: left.dtype,
    bits: left.bits,
    order: left.order,
    loc: left.loc,
  };
}

function rangeOrValue(ctx: RuleContext, left: Node, expr: Expression): Node {
  if (expr.kind === 'boolean') return existence(left, expr.value, expr);
  const right = ctx.expecting(keyExpected(left), () => evaluate(ctx, expr));
  if (!isConstant(right))
    fail(expr.loc, 'Right hand side of relational expression must be constant', left.loc);
  return right;
}

/** `exists`, `missing`: of what may be absent, the question is whether it is there. */
function existence(left: Node, value: boolean, expr: Expression): ValueNode {
  if (left.kind === 'fib') {
    left.present = true;
  } else if (left.kind === 'exthdr' ? !left.present : left.dtype.name !== 'boolean') {
    if (left.kind !== 'meta' && left.kind !== 'rt')
      fail(
        expr.loc,
        `datatype mismatch, expected ${left.dtype.desc}, expression has type boolean type`,
        left.loc,
      );
  }
  return valueNode(value ? 1n : 0n, left.dtype, left.bits, left.order, expr.loc);
}

function checkSides(stmt: MatchStatement, op: RelationOp, left: Node, right: Node): void {
  if (left.kind === 'concat') {
    if (op === 'eq')
      fail(left.loc, 'Use concatenations with sets and maps, not singleton values', stmt.right.loc);
    fail(
      left.loc,
      `Relational expression (${TEXT[op] ?? op}) is undefined for concat expressions`,
      stmt.right.loc,
    );
  }
  if (!compatible(right.dtype, left.dtype) && !compatible(left.dtype, right.dtype))
    fail(
      stmt.right.loc,
      `datatype mismatch, expected ${left.dtype.desc}, expression has type ${right.dtype.desc}`,
      stmt.left.loc,
    );
  const compares = op === 'lt' || op === 'gt' || op === 'lte' || op === 'gte';
  if (compares && right.kind !== 'value')
    fail(
      stmt.right.loc,
      `Relational expression (${TEXT[op]}) is undefined for ${right.kind} expressions`,
      left.loc,
    );
}

/** Larger and smaller, and ranges, are compared from the first byte: in network order. */
function ordered(op: RelationOp, left: Node, right: Node): [Node, Node] {
  const compares = op === 'lt' || op === 'gt' || op === 'lte' || op === 'gte' || right.kind === 'range';
  if (!compares || left.order !== 'host' || !isInteger(left.dtype)) return [left, right];
  const swapped = converted(left, 'big');
  return [swapped, converted(right, 'big')];
}

function matchSet(
  ctx: RuleContext,
  stmt: MatchStatement,
  left: Node,
  right: Extract<Expression, { kind: 'set' }>,
): void {
  const { key, elements } = keyAndElements(ctx, left, right.elem, undefined);
  const reference = anonymousSet(ctx, key, elements, undefined, right.loc);
  const op = stmt.op === '!=' ? 'neq' : 'eq';
  const last = elements.at(-1)?.key;
  if (op === 'eq' && last?.kind === 'value') learnIcmpType(ctx, left, last.value);
  if (stmt.op !== 'in' && stmt.op !== '==' && stmt.op !== '!=')
    fail(right.loc, `Relational expression (${stmt.op}) is undefined for set expressions`, left.loc);
  ctx.stmts.push({
    kind: 'match',
    op,
    left: key,
    right: reference,
    protocol: namesProtocol(left),
    loc: stmt.loc,
  });
}

function matchNamed(
  ctx: RuleContext,
  stmt: MatchStatement,
  left: Node,
  right: Extract<Node, { kind: 'set reference' }>,
  op: RelationOp,
): void {
  const { set } = right;
  const key = keyForSet(left, set, stmt.right.loc);
  ctx.stmts.push({
    kind: 'match',
    op: op === 'neq' ? 'neq' : 'eq',
    left: key,
    right,
    protocol: namesProtocol(left),
    loc: stmt.loc,
  });
}
