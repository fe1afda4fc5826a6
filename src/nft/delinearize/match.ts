/** Comparisons as matches: constants as values of what they are compared with, masks as prefixes, flags or fields. */
import type { Expression, MatchOperator, MatchStatement } from '../ast.js';
import { isBitmask, isString } from '../datatype/datatype.js';
import type { CmpOp } from '../expr/cmp.js';
import { ICMP, ICMPV6 } from '../proto/transport.js';
import { NO_LOC as loc } from '../source.js';
import type { DelinearizeContext } from './context.js';
import { resolve, runOfOnes } from './load.js';
import type { MaskOperand, Operand, PayloadOperand, Resolved } from './operand.js';
import { fieldAt, fieldBeyond, fieldResolved, fieldWithin, type FoundField, rawPayload } from './payload.js';
import { bound, constant, joined, number, numberOfBytes, stringText } from './value.js';

const OPERATOR: Readonly<Record<CmpOp, MatchOperator>> = {
  eq: '==',
  neq: '!=',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
};

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const FULL_NAME = 16;

function push(ctx: DelinearizeContext, op: MatchOperator, left: Expression, right: Expression): void {
  ctx.stmts.push({ kind: 'match', op, left, right, loc } satisfies MatchStatement);
}

function constantFor(
  ctx: DelinearizeContext,
  data: Uint8Array,
  { type, bits, order, low = 0 }: Resolved,
): Expression {
  if (isString(type)) return stringText(data, data.length < FULL_NAME);
  return constant(numberOfBytes(data, order) >> BigInt(low), type, bits, ctx.names);
}

/** What a match that was just pushed says of the headers that follow. */
function learnField(ctx: DelinearizeContext, { proto, field }: FoundField, value: number): void {
  const at = ctx.stmts.length - 1;
  if ((proto === ICMP || proto === ICMPV6) && field.name === 'type') {
    ctx.icmpType = value;
    ctx.icmpDependency = at;
  }
  if (proto.key !== field.name) return;
  const base = ctx.learn(proto, undefined, value);
  if (base !== undefined) ctx.remember(base, { at, proto, value });
}

function learnMeta(ctx: DelinearizeContext, meta: string, value: number): void {
  const at = ctx.stmts.length - 1;
  const network = ctx.dependencies.get('nh');
  // Which family ICMP is of its number says.
  if (meta === 'l4proto' && network !== undefined) {
    const name = ctx.protos.get('nh')?.name;
    if ((value === IPPROTO_ICMP && name === 'ip') || (value === IPPROTO_ICMPV6 && name === 'ip6'))
      ctx.release('nh');
  }
  const base = ctx.learn(undefined, meta, value);
  if (base !== undefined) ctx.remember(base, { at, meta, value });
}

/** Fields that were loaded and compared together are matches of their own again. */
function compareHeader(
  ctx: DelinearizeContext,
  op: 'eq' | 'neq',
  operand: PayloadOperand,
  value: bigint,
): void {
  const { base } = operand;
  let { offset, bits } = operand;
  let rest = value;
  while (bits > 0) {
    const part = fieldWithin(ctx, base, offset, bits);
    const longer = part === undefined ? fieldBeyond(ctx, base, offset, bits) : undefined;
    if (longer !== undefined) {
      const resolved = fieldResolved(ctx, longer);
      const whole = rest << BigInt(longer.field.len - bits);
      const addr = constant(whole, resolved.type, longer.field.len, ctx.names);
      const prefix: Expression = { kind: 'prefix', addr, len: bits, loc };
      push(ctx, OPERATOR[op], resolved.expr, prefix);
      return;
    }
    if (part === undefined) {
      const raw = rawPayload({ kind: 'payload', base, offset, bits });
      push(ctx, OPERATOR[op], raw.expr, number(rest));
      return;
    }
    const { len } = part.field;
    const resolved = fieldResolved(ctx, part);
    bits -= len;
    offset += len;
    const piece = rest >> BigInt(bits);
    rest &= (1n << BigInt(bits)) - 1n;
    const right = constant(piece, resolved.type, len, ctx.names);
    // Several flags at once have no name.
    push(
      ctx,
      OPERATOR[op],
      resolved.expr,
      right.kind !== 'list' ? right : op === 'eq' ? number(piece) : joined(right),
    );
    if (op === 'eq') learnField(ctx, part, Number(piece));
  }
}

/** Are there fields from its beginning to its end? */
function fieldsCover(ctx: DelinearizeContext, { base, offset, bits }: PayloadOperand): boolean {
  let done = 0;
  while (done < bits) {
    const part = fieldWithin(ctx, base, offset + done, bits - done);
    if (part === undefined) return false;
    done += part.field.len;
  }
  return true;
}

/** How many ones a mask begins with, if it has no others and not only them. */
function prefixLength(mask: bigint, size: number): number | undefined {
  const bits = mask.toString(2).padStart(size, '0');
  return /^1*0+$/.test(bits) ? bits.indexOf('0') : undefined;
}

function compareMasked(ctx: DelinearizeContext, op: CmpOp, operand: MaskOperand, data: Uint8Array): void {
  const equal = op === 'eq' || op === 'neq';
  const plain = operand.xor.every((byte) => byte === 0);
  const zero = data.every((byte) => byte === 0);
  const whole = resolveWhole(ctx, operand);
  if (whole !== undefined && equal && plain) {
    const { type, order } = whole;
    if (isBitmask(type) && type.symbols !== undefined && zero) {
      const mask = constant(numberOfBytes(operand.mask, order), type, whole.bits, ctx.names);
      push(ctx, op === 'neq' ? 'in' : '!', whole.expr, mask);
      return;
    }
    const flags = constant(numberOfBytes(operand.mask, order), type, whole.bits, ctx.names);
    if (isBitmask(type) && type.symbols !== undefined && flags.kind === 'list') {
      const right = constantFor(ctx, data, whole);
      ctx.stmts.push({ kind: 'match', op: OPERATOR[op], left: whole.expr, right, mask: flags, loc });
      return;
    }
    const len = prefixLength(numberOfBytes(operand.mask, order), operand.mask.length * 8);
    if (type.prefix === true && len !== undefined) {
      push(ctx, OPERATOR[op], whole.expr, { kind: 'prefix', addr: constantFor(ctx, data, whole), len, loc });
      return;
    }
  }
  const part = runOfOnes(numberOfBytes(operand.mask, 'big'));
  if (whole === undefined && equal && plain && part !== undefined && operand.left.kind === 'payload') {
    const { offset, bits } = operand.left;
    const trimmed = { ...operand.left, offset: offset + bits - part.low - part.bits, bits: part.bits };
    if (fieldsCover(ctx, trimmed)) {
      compareHeader(ctx, op, trimmed, numberOfBytes(data, 'big') >> BigInt(part.low));
      return;
    }
  }
  const left = resolve(ctx, operand);
  push(ctx, OPERATOR[op], left.expr, constantFor(ctx, data, left));
}

/** What the mask is laid over, where that is something by itself. */
function resolveWhole(ctx: DelinearizeContext, { left }: MaskOperand): Resolved | undefined {
  if (left.kind === 'leaf') return left;
  if (left.kind !== 'payload') return undefined;
  const found = fieldAt(ctx, left.base, left.offset, left.bits);
  return found && fieldResolved(ctx, found);
}

export function compare(ctx: DelinearizeContext, op: CmpOp, operand: Operand, data: Uint8Array): void {
  if (operand.kind === 'payload' && (op === 'eq' || op === 'neq')) {
    compareHeader(ctx, op, operand, numberOfBytes(data, 'big'));
    return;
  }
  if (operand.kind === 'mask') {
    compareMasked(ctx, op, operand, data);
    return;
  }
  const left = resolve(ctx, operand);
  if (left.type.prefix === true && left.order === 'big' && data.length * 8 < left.bits) {
    const whole = numberOfBytes(data, 'big') << BigInt(left.bits - data.length * 8);
    const addr = constant(whole, left.type, left.bits, ctx.names);
    push(ctx, OPERATOR[op], left.expr, { kind: 'prefix', addr, len: data.length * 8, loc });
    return;
  }
  const right = constantFor(ctx, data, left);
  push(ctx, OPERATOR[op], left.expr, op === 'neq' ? joined(right) : right);
  if (operand.kind === 'leaf' && operand.meta !== undefined && op === 'eq')
    learnMeta(ctx, operand.meta, Number(numberOfBytes(data, left.order === 'big' ? 'big' : 'host')));
}

export function compareRange(
  ctx: DelinearizeContext,
  op: 'eq' | 'neq',
  operand: Operand,
  from: Uint8Array,
  to: Uint8Array,
): void {
  const left = resolve(ctx, operand);
  const { type, bits, order, low = 0 } = left;
  const end = (data: Uint8Array): Expression =>
    bound(numberOfBytes(data, order) >> BigInt(low), type, bits, ctx.names);
  const right: Expression = { kind: 'range', from: end(from), to: end(to), loc };
  push(ctx, op === 'eq' ? 'in' : '!=', left.expr, right);
}
