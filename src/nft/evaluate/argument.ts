/** What a statement sets something to: a constant or an expression, of a type that fits. */
import type { Expression } from '../ast.js';
import { type Datatype, INTEGER, isInteger } from '../datatype/datatype.js';
import { type Expected, fail, type RuleContext } from './context.js';
import { converted } from './convert.js';
import { evaluate } from './expression.js';
import { isConstant, type Node } from './node.js';

/**
 * A value for a place of that type: a constant, or an expression of a type that fits. `inPacket`: the place is a header, in
 * network order; elsewhere nft swaps no bytes but those of `rt mtu`.
 */
export function evaluateArgument(
  ctx: RuleContext,
  expr: Expression,
  expected: Expected,
  what: Expression['loc'],
  inPacket = false,
): Node {
  if (expr.kind === 'set') fail(expr.loc, 'you cannot use a set here, unknown value to use', what);
  const node = ctx.expecting(expected, () => evaluate(ctx, expr));
  const { dtype } = expected;
  if (
    node.kind === 'payload' &&
    node.dtype === INTEGER &&
    (node.dtype !== dtype || node.bits !== expected.bits)
  )
    fail(
      expr.loc,
      `datatype mismatch: expected ${dtype.desc}, expression has type ${node.dtype.desc} with length ${node.bits}`,
      what,
    );
  if (node.dtype !== INTEGER && node.dtype !== dtype && !sameBoolean(node, dtype) && node.kind !== 'object')
    fail(expr.loc, `datatype mismatch: expected ${dtype.desc}, expression has type ${node.dtype.desc}`, what);
  if (node.kind === 'set reference')
    fail(expr.loc, 'you cannot reference a set here, unknown value to use', what);
  const swaps = (node.kind === 'rt' || inPacket) && !isConstant(node);
  return swaps ? converted(node, expected.order) : node;
}

const sameBoolean = (node: Node, dtype: Datatype): boolean =>
  node.dtype.name === 'boolean' && isInteger(dtype);
