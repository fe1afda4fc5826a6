/** Places in headers back to their fields, by the headers that a rule's matches have named so far. */
import type { Expression } from '../ast.js';
import { INTEGER } from '../datatype/datatype.js';
import { ETHER } from '../proto/network.js';
import type { Field, Proto } from '../proto/proto.js';
import { ICMP, ICMPV6, TH } from '../proto/transport.js';
import { NO_LOC as loc } from '../source.js';
import { BASES, type DelinearizeContext } from './context.js';
import type { PayloadOperand, Resolved } from './operand.js';

const LONGEST_FIELD = 128;

export interface FoundField {
  readonly proto: Proto;
  readonly field: Field;
}

/** Of ICMP several fields lie at one place: the message's type says which, else the first. */
function fits(ctx: DelinearizeContext, proto: Proto, field: Field): boolean {
  if (field.onlyTypes === undefined || (proto !== ICMP && proto !== ICMPV6)) return true;
  return ctx.icmpType === undefined || field.onlyTypes.includes(ctx.icmpType);
}

/** The header at a base, and how far its fields are shifted by what lies before it. */
function headerAt(ctx: DelinearizeContext, base: number): { proto: Proto; shift: number } | undefined {
  const name = BASES[base]!;
  if (name === 'll') {
    const proto = ctx.stackedLl.at(-1);
    return proto && { proto, shift: ctx.stackedOffset() };
  }
  const proto = ctx.protos.get(name);
  return proto && proto.metaKey === undefined ? { proto, shift: 0 } : undefined;
}

/** The field that is exactly there. */
export function fieldAt(
  ctx: DelinearizeContext,
  base: number,
  offset: number,
  bits: number,
): FoundField | undefined {
  const header = headerAt(ctx, base);
  if (header === undefined) {
    if (base !== 2) return undefined;
    const field = TH.fields.find((each) => each.offset === offset && each.len === bits);
    return field && { proto: TH, field };
  }
  const candidates: [Proto, number][] = [[header.proto, header.shift]];
  if (base === 0 && header.proto !== ETHER) candidates.push([ETHER, 0]);
  for (const [proto, shift] of candidates) {
    const there = proto.fields.filter((each) => each.offset + shift === offset && each.len === bits);
    const field = there.find((each) => fits(ctx, proto, each));
    if (field !== undefined) return { proto, field };
  }
  return undefined;
}

/** The field that begins there and is not longer than `bits`: the first of several loaded together. */
export function fieldWithin(
  ctx: DelinearizeContext,
  base: number,
  offset: number,
  bits: number,
): FoundField | undefined {
  if (headerAt(ctx, base) === undefined) return fieldAt(ctx, base, offset, bits);
  for (let len = bits; len > 0; len--) {
    const found = fieldAt(ctx, base, offset, len);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The field that begins there and of which only the first `bits` were loaded: of a prefix. */
export function fieldBeyond(
  ctx: DelinearizeContext,
  base: number,
  offset: number,
  bits: number,
): FoundField | undefined {
  if (headerAt(ctx, base) === undefined) return undefined;
  for (let len = bits + 1; len <= LONGEST_FIELD; len++) {
    const found = fieldAt(ctx, base, offset, len);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function fieldResolved(
  ctx: DelinearizeContext,
  { proto, field }: FoundField,
  bits = field.len,
  low = 0,
): Resolved {
  if (proto !== TH) ctx.usesHeader(proto, field.name);
  // A field that one type of message has says which it is.
  if (field.onlyTypes?.length === 1 && ctx.icmpDependency !== undefined) {
    ctx.stmts[ctx.icmpDependency] = undefined;
    ctx.icmpDependency = undefined;
  }
  const expr: Expression = { kind: 'payload', protocol: proto.name, field: field.name, loc };
  return { expr, type: field.type, bits, order: 'big', ...(low > 0 && { low }) };
}

export function rawPayload({ base, offset, bits }: PayloadOperand): Resolved {
  return {
    expr: { kind: 'raw payload', base: BASES[base]!, offset, len: bits, loc },
    type: INTEGER,
    bits,
    order: 'big',
  };
}
