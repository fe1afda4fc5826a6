/** Statements that write: a header's field (whole, or within the bytes around it), meta, ct, options. */
import type { Expression, MangleStatement, Mangled, Statement } from '../ast.js';
import type { CtIr } from '../expr/ct.js';
import type { MetaIr } from '../expr/meta.js';
import type { ExthdrIr } from '../expr/exthdr.js';
import type { PayloadIr } from '../expr/payload.js';
import { NO_LOC as loc } from '../source.js';
import type { DelinearizeContext } from './context.js';
import { exthdrOf } from './exthdr.js';
import { ctExpression, metaExpression, resolveAs } from './load.js';
import type { MaskOperand, Operand } from './operand.js';
import { fieldAt, fieldResolved, rawPayload } from './payload.js';
import { constant, joined, numberOfBytes } from './value.js';

function mangle(key: Expression, value: Expression): MangleStatement {
  return { kind: 'mangle', key: key as Mangled, value, loc };
}

/** The bits that the mask lets go are the field, what is put there is in `xor`. */
function withinBytes(
  ctx: DelinearizeContext,
  base: number,
  offset: number,
  { mask, xor }: MaskOperand,
): Statement | undefined {
  const bits = mask.length * 8;
  const all = (1n << BigInt(bits)) - 1n;
  const hole = all ^ numberOfBytes(mask, 'big');
  const text = hole.toString(2);
  const low = text.length - text.replace(/0+$/, '').length;
  const len = text.length - low;
  if (text.slice(0, len).includes('0')) return undefined;
  const found = fieldAt(ctx, base, offset + bits - low - len, len);
  if (found === undefined) return undefined;
  const { expr, type } = fieldResolved(ctx, found);
  return mangle(expr, joined(constant(numberOfBytes(xor, 'big') >> BigInt(low), type, len, ctx.names)));
}

export function mangleHeader(
  ctx: DelinearizeContext,
  { base, offset: bytes, len }: Extract<PayloadIr, { sreg: number }>,
  value: Operand,
): Statement {
  const offset = bytes * 8;
  if (value.kind === 'mask' && value.left.kind === 'payload') {
    const within = withinBytes(ctx, base, offset, value);
    if (within !== undefined) return within;
  }
  const found = fieldAt(ctx, base, offset, len * 8);
  const key =
    found === undefined
      ? rawPayload({ kind: 'payload', base, offset, bits: len * 8 })
      : fieldResolved(ctx, found);
  return mangle(key.expr, joined(resolveAs(ctx, value, key)));
}

export function mangleMeta(ctx: DelinearizeContext, { key }: MetaIr, value: Operand): Statement {
  const { expr, ...type } = metaExpression(key);
  return mangle(expr, resolveAs(ctx, value, type));
}

export function mangleCt(ctx: DelinearizeContext, ct: CtIr, value: Operand): Statement {
  const { expr, ...type } = ctExpression(ctx, ct);
  return mangle(expr, resolveAs(ctx, value, type));
}

export function mangleOption(ctx: DelinearizeContext, read: ExthdrIr, value: Operand): Statement | undefined {
  const key = exthdrOf({ op: read.op, type: read.type, offset: read.offset, len: read.len });
  return key && mangle(key.expr, resolveAs(ctx, value, key));
}

export function resetOption({ op, type }: ExthdrIr): Statement | undefined {
  const key = exthdrOf({ op, type, offset: 0, len: 1, present: true })?.expr;
  if (key?.kind !== 'tcp option' && key?.kind !== 'raw tcp option') return undefined;
  return { kind: 'reset', option: key, loc };
}
