/** Expressions of the syntax tree to typed ones, in the context of a rule. */
import type { Expression, Loc, PayloadExpr, RawTcpOptionExpr } from '../ast.js';
import {
  BOOLEAN,
  type ByteOrder,
  concatType,
  IFINDEX,
  INET_PROTO,
  INTEGER,
  INVALID,
  isBitmask,
  isInteger,
  paddedBits,
  STRING,
  FIB_ADDRTYPE,
  type Datatype,
} from '../datatype/datatype.js';
import {
  IP_OPTIONS,
  IPV6_HEADERS,
  type OptionDesc,
  SCTP_CHUNKS,
  TCP_OPTIONS,
  type ExthdrOp,
} from '../proto/exthdr.js';
import { CT_KEYS, IPSEC_KEYS, type Key, RT_KEYS, SOCKET_KEYS } from '../proto/keys.js';
import { IP, IP6, protoByName } from '../proto/network.js';
import { TH } from '../proto/transport.js';
import { findField } from '../proto/proto.js';
import { fold, numberNode, symbolNode } from './constant.js';
import { type Expected, fail, NOTHING_EXPECTED, type RuleContext } from './context.js';
import { converted, expectOf } from './convert.js';
import { metaNode, payloadNode, requireHeader, requireProto } from './dependency.js';
import { evaluateMap } from './map.js';
import {
  type BinopNode,
  type ConcatNode,
  isConstant,
  type Node,
  ones,
  type PayloadNode,
  type ExthdrNode,
  type ValueNode,
  valueNode,
} from './node.js';
import { namedSetOf, setReference } from './anonymous_set.js';

export function evaluate(ctx: RuleContext, expr: Expression): Node {
  switch (expr.kind) {
    case 'symbol':
      return symbolNode(ctx, expr);
    case 'number':
      return numberNode(ctx, expr);
    case 'boolean':
      return booleanNode(ctx, expr.value, expr.loc);
    case 'wildcard':
      return { kind: 'wildcard', ...ctx.expect, loc: expr.loc };
    case 'set reference':
      return setReference(namedSetOf(ctx, expr), expr.loc);
    case 'list':
      return listNode(ctx, expr.items, expr.loc);
    case 'prefix':
      return prefixNode(ctx, expr.addr, expr.len, expr.loc);
    case 'range':
      return rangeNode(ctx, expr.from, expr.to, expr.loc);
    case 'set':
      return fail(expr.loc, 'a set is not expected here');
    case 'verdict':
      return verdictNode(ctx, expr, expr.loc);
    case 'concat':
      return concatNode(ctx, expr.items, expr.loc);
    case 'binary':
      return binaryNode(ctx, expr.op, expr.left, expr.right, expr.loc);
    case 'map':
      return evaluateMap(ctx, expr);
    case 'payload':
      return headerField(ctx, expr);
    case 'raw payload': {
      const port = TH.fields.find(
        ({ offset, len }) => expr.base === 'th' && offset === expr.offset && len === expr.len,
      );
      if (port !== undefined) return payloadNode(TH, port, expr.loc);
      const node: PayloadNode = {
        kind: 'payload',
        base: expr.base,
        offset: expr.offset,
        bits: expr.len,
        dtype: INTEGER,
        order: 'big',
        loc: expr.loc,
      };
      return trimmed(node);
    }
    case 'exthdr':
      return exthdrNode(ctx, expr.name, expr.field, expr.loc);
    case 'tcp option':
      return optionNode(ctx, 'tcpopt', TCP_OPTIONS.get(expr.name), expr.field, expr.loc);
    case 'raw tcp option':
      return rawTcpOption(expr);
    case 'ip option':
      return optionNode(ctx, 'ipv4', IP_OPTIONS.get(expr.name), expr.field, expr.loc);
    case 'sctp chunk':
      return optionNode(ctx, 'sctp', SCTP_CHUNKS.get(expr.name), expr.field, expr.loc);
    case 'meta': {
      if (expr.key === 'nfproto' && ctx.family !== 'inet')
        fail(expr.loc, 'meta nfproto is only useful in the inet family');
      return metaNode(expr.key, expr.loc);
    }
    case 'ct':
      return ctNode(ctx, expr.key, expr.dir, expr.loc);
    case 'rt':
      return rtNode(ctx, expr.key, expr.family, expr.loc);
    case 'socket': {
      const key = SOCKET_KEYS[expr.key]!;
      const maxLevel = 255;
      if (expr.level !== undefined && expr.level > maxLevel)
        fail(expr.loc, `cgroupv2 level is too big: ${expr.level} max: ${maxLevel}`);
      return {
        kind: 'socket',
        key: key.number,
        ...typed(key),
        ...(expr.level !== undefined && { level: expr.level }),
        loc: expr.loc,
      };
    }
    case 'osf':
      return {
        kind: 'osf',
        ttl: expr.ttl === 'loose' ? 1 : expr.ttl === 'skip' ? 2 : 0,
        version: expr.key === 'version',
        dtype: STRING,
        bits: 128,
        order: 'host',
        loc: expr.loc,
      };
    case 'fib':
      return fibNode(expr.flags, expr.result, expr.loc);
    case 'ipsec': {
      const key = IPSEC_KEYS[expr.family === undefined ? expr.key : `${expr.family} ${expr.key}`];
      if (ctx.family !== 'ip' && ctx.family !== 'ip6' && ctx.family !== 'inet')
        return fail(expr.loc, 'ipsec expression is only valid in ip/ip6/inet tables');
      if (key === undefined) return fail(expr.loc, `ipsec ${expr.key} needs ip or ip6 before it`);
      return {
        kind: 'xfrm',
        key: key.number,
        dir: expr.dir,
        spnum: expr.spnum ?? 0,
        ...typed(key),
        loc: expr.loc,
      };
    }
    case 'numgen':
      return numgenNode(expr.mode, expr.mod, expr.offset ?? 0, expr.loc);
    case 'jhash': {
      const arg = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, expr.expr));
      return {
        kind: 'jhash',
        arg,
        modulus: expr.mod,
        offset: expr.offset ?? 0,
        ...(expr.seed !== undefined && { seed: expr.seed }),
        dtype: INTEGER,
        bits: 32,
        order: 'host',
        loc: expr.loc,
      };
    }
    case 'symhash':
      return {
        kind: 'symhash',
        modulus: expr.mod,
        offset: expr.offset ?? 0,
        dtype: INTEGER,
        bits: 32,
        order: 'host',
        loc: expr.loc,
      };
  }
}

/** An expression that must be a single constant. */
export function evaluateValue(ctx: RuleContext, expr: Expression): ValueNode {
  const node = evaluate(ctx, expr);
  if (node.kind !== 'value') fail(expr.loc, 'a single value is expected here');
  return node;
}

const typed = (key: Key): { dtype: Datatype; bits: number; order: ByteOrder } => ({
  dtype: key.type,
  bits: key.bits,
  order: key.byteorder,
});

function booleanNode(ctx: RuleContext, value: boolean, loc: Loc): Node {
  const { bits, order } = ctx.expect;
  return valueNode(value ? 1n : 0n, BOOLEAN, bits > 0 ? bits : 8, order === 'none' ? 'host' : order, loc);
}

function listNode(ctx: RuleContext, items: readonly Expression[], loc: Loc): Node {
  const { dtype, bits, order } = ctx.expect;
  let value = 0n;
  for (const item of items) {
    const node = evaluate(ctx, item);
    if (node.kind !== 'value') fail(item.loc, 'List member must be constant');
    if (!isBitmask(node.dtype) || node.dtype.base === INTEGER)
      fail(item.loc, `Basetype of type ${dtype.desc} is not bitmask`);
    value |= node.value;
  }
  return valueNode(value, dtype, bits, order, loc);
}

function prefixNode(ctx: RuleContext, addr: Expression, len: number, loc: Loc): Node {
  const base = evaluate(ctx, addr);
  if (base.kind !== 'value') fail(loc, 'Prefix expression is undefined for this expression');
  if (!isInteger(base.dtype)) fail(loc, `Prefix expression expected integer value`);
  if (len > base.bits) fail(loc, `Prefix length ${len} is invalid for type of ${base.bits} bits width`);
  const masked = { ...base, value: base.value & (ones(base.bits) ^ ones(base.bits - len)) };
  return { kind: 'prefix', base: masked, len, dtype: base.dtype, bits: base.bits, order: base.order, loc };
}

function rangeNode(ctx: RuleContext, fromExpr: Expression, toExpr: Expression, loc: Loc): Node {
  const from = evaluateValue(ctx, fromExpr);
  const to = evaluateValue(ctx, toExpr);
  const wraps = from.dtype.reading === 'hour' && !ctx.inSet;
  if (from.value > to.value && !wraps) fail(loc, 'Range has zero or negative size');
  return { kind: 'range', from, to, dtype: from.dtype, bits: from.bits, order: from.order, loc };
}

export function verdictNode(
  ctx: RuleContext,
  expr: { readonly verdict: import('../expr/data.js').VerdictName; readonly target?: string },
  loc: Loc,
): Node {
  return {
    kind: 'verdict',
    verdict: { verdict: expr.verdict, ...(expr.target !== undefined && { chain: expr.target }) },
    dtype: ctx.expect.dtype,
    bits: 0,
    order: 'none',
    loc,
  };
}

/** Constants take the types of the parts expected; expressions bring theirs. */
function concatNode(ctx: RuleContext, exprs: readonly Expression[], loc: Loc): ConcatNode {
  const want = ctx.expect.dtype.parts;
  const sizes = ctx.expect as Expected & { parts?: readonly Expected[] };
  if (want !== undefined && want.length !== exprs.length)
    fail(loc, `datatype mismatch, expected ${ctx.expect.dtype.desc}, expression has ${exprs.length} parts`);
  const items = exprs.map((each, at) => {
    const part = want?.[at];
    const expected: Expected =
      sizes.parts?.[at] ??
      (part === undefined ? NOTHING_EXPECTED : { dtype: part, bits: part.bits, order: part.byteorder });
    const node = ctx.expecting(expected, () => evaluate(ctx, each));
    if (node.kind === 'value' && part === undefined && node.dtype === INVALID)
      fail(each.loc, 'cannot use datatype integer in concatenations');
    return node;
  });
  return concatOf(items, loc);
}

export function concatOf(items: Node[], loc: Loc): ConcatNode {
  const dtype = concatType(items.map((item) => item.dtype));
  const bits = items.reduce((sum, item) => sum + paddedBits(item.bits), 0);
  return { kind: 'concat', items, dtype, bits, order: 'none', loc };
}

const NAMES: Readonly<Record<string, string>> = { '<<': '<<', '>>': '>>', '&': '&', '|': '|', '^': '^' };

function binaryNode(
  ctx: RuleContext,
  op: BinopNode['op'],
  leftExpr: Expression,
  rightExpr: Expression,
  loc: Loc,
): Node {
  const left = evaluate(ctx, leftExpr);
  const shift = op === '<<' || op === '>>';
  const expected: Expected = shift
    ? { dtype: INTEGER, bits: Math.max(left.bits, 32), order: 'host' }
    : isConstant(left)
      ? ctx.expect
      : expectOf(left);
  const right = ctx.expecting(expected, () => evaluate(ctx, rightExpr));
  if (right.kind !== 'value')
    fail(rightExpr.loc, `Right hand side of binary operation (${NAMES[op]}) must be constant`, leftExpr.loc);
  if (shift && right.value >= BigInt(left.bits)) {
    const which = op === '<<' ? 'Left' : 'Right';
    fail(
      leftExpr.loc,
      `${which} shift of ${right.value} bits is undefined for type of ${left.bits} bits width`,
      rightExpr.loc,
    );
  }
  if (left.kind === 'value') return fold(op, left, right, loc);
  if (left.kind === 'range' || left.kind === 'prefix' || left.kind === 'set reference')
    fail(leftExpr.loc, `Binary operation (${NAMES[op]}) is undefined for ${left.kind} expressions`);
  const based = shift ? converted(left, 'host') : left;
  return {
    kind: 'binop',
    op,
    left: based,
    right,
    dtype: shift ? INTEGER : left.dtype,
    bits: left.bits,
    order: based.order,
    loc,
  };
}

function headerField(ctx: RuleContext, expr: PayloadExpr): Node {
  const proto = protoByName(expr.protocol);
  const field = proto && findField(proto, expr.field);
  if (proto === undefined || field === undefined)
    fail(expr.loc, `no header has a field ${expr.protocol} ${expr.field}`);
  const node = payloadNode(proto, field, expr.loc);
  requireHeader(ctx, node);
  return trimmed(node);
}

/** A field that is no whole bytes: the bytes it lies in, masked, and shifted to the right place. */
export function trimmed<T extends PayloadNode | ExthdrNode>(node: T, enclosing = node.offset % 8): Node {
  const { bits } = node;
  if (enclosing === 0 && bits % 8 === 0) return node;
  const whole = Math.ceil((enclosing + bits) / 8) * 8;
  const shift = whole - enclosing - bits;
  const bytes = { ...node, offset: node.offset - enclosing, bits: whole, trimmed: bits } as T;
  const value = (of: bigint): ValueNode => valueNode(of, node.dtype, whole, 'big', node.loc);
  const mask: BinopNode = {
    kind: 'binop',
    op: '&',
    left: bytes,
    right: value(ones(bits) << BigInt(shift)),
    dtype: node.dtype,
    bits,
    order: 'big',
    loc: node.loc,
  };
  if (shift === 0) return mask;
  return { ...mask, op: '>>', left: mask, right: valueNode(BigInt(shift), INTEGER, 32, 'host', node.loc) };
}

function exthdrNode(ctx: RuleContext, name: string, fieldName: string | undefined, loc: Loc): Node {
  const desc = IPV6_HEADERS.get(name);
  if (desc === undefined) fail(loc, `no extension header ${name}`);
  const network = ctx.proto.get('nh')?.proto;
  if (network !== undefined && network !== IP6) fail(loc, `cannot use exthdr with ${network.name}`);
  if (network === undefined) requireProto(ctx, IP6, loc);
  // Like nft 1.0.6, which takes `addr[1]` and loads what lies at `addr[0]`.
  return optionField('ipv6', desc, fieldName, loc);
}

function optionNode(
  ctx: RuleContext,
  op: ExthdrOp,
  desc: OptionDesc | undefined,
  fieldName: string | undefined,
  loc: Loc,
): Node {
  if (desc === undefined) fail(loc, 'no such option');
  if (op === 'ipv4') {
    const network = ctx.proto.get('nh')?.proto;
    if (network !== undefined && network !== IP) fail(loc, `cannot use exthdr with ${network.name}`);
    if (network === undefined) requireProto(ctx, IP, loc);
  }
  return optionField(op, desc, fieldName, loc);
}

function optionField(op: ExthdrOp, desc: OptionDesc, name: string | undefined, loc: Loc): Node {
  if (name === undefined) {
    const dtype = op === 'ipv6' ? INET_PROTO : INTEGER;
    return {
      kind: 'exthdr',
      name: desc.name,
      index: 1,
      op,
      type: desc.type,
      offset: 0,
      present: true,
      raw: false,
      dtype: BOOLEAN,
      bits: 8,
      order: dtype === INET_PROTO ? 'big' : 'host',
      loc,
    };
  }
  const field = desc.fields.find((each) => each.name === name);
  if (field === undefined) fail(loc, `${desc.name} has no field ${name}`);
  const node: ExthdrNode = {
    kind: 'exthdr',
    name: desc.name,
    index: desc.fields.indexOf(field) + (op === 'ipv6' ? 1 : 0),
    op,
    type: desc.type,
    offset: field.offset,
    present: false,
    raw: false,
    dtype: field.type,
    bits: field.len,
    order: 'big',
    loc,
  };
  return trimmed(node);
}

function rawTcpOption(expr: RawTcpOptionExpr): Node {
  const common = {
    kind: 'exthdr' as const,
    name: '',
    index: 0,
    op: 'tcpopt' as const,
    type: expr.base,
    loc: expr.loc,
  };
  if (expr.offset === undefined || expr.len === undefined)
    return { ...common, offset: 0, present: true, raw: false, dtype: BOOLEAN, bits: 8, order: 'host' };
  return trimmed({
    ...common,
    offset: expr.offset,
    present: false,
    raw: true,
    dtype: INTEGER,
    bits: expr.len,
    order: 'big',
  });
}

function ctNode(ctx: RuleContext, name: string, dir: 'original' | 'reply' | undefined, loc: Loc): Node {
  const key = CT_KEYS[name];
  if (key === undefined) fail(loc, `ct ${name} is not known`);
  let { type, bits } = key;
  const { number } = key;
  if (name === 'saddr' || name === 'daddr') {
    const network = ctx.proto.get('nh')?.proto;
    const family = network === IP ? 'ip' : network === IP6 ? 'ip6' : undefined;
    if (family === undefined)
      fail(loc, `cannot determine ip protocol version, use "ip ${name}" or "ip6 ${name}" instead`);
    const withFamily = CT_KEYS[`${family} ${name}`]!;
    type = withFamily.type;
    bits = withFamily.bits;
  } else if (/^ip6? [sd]addr$/.test(name)) {
    const want = name.startsWith('ip6') ? IP6 : IP;
    const network = ctx.proto.get('nh')?.proto;
    if ((network === IP || network === IP6) && network !== want)
      fail(loc, `conflicting protocols specified: ${network.name} vs. ${want.name}`);
  } else if (name === 'proto-src' || name === 'proto-dst') {
    if (ctx.proto.get('th') !== undefined) type = CT_PORT;
  }
  return {
    kind: 'ct',
    name,
    key: number,
    ...(dir !== undefined && { dir }),
    dtype: type,
    bits,
    order: key.byteorder,
    loc,
  };
}
const CT_PORT: Datatype = protoByName('tcp')!.fields[0]!.type;

function rtNode(ctx: RuleContext, name: string, family: 'ip' | 'ip6' | undefined, loc: Loc): Node {
  let keyName = name;
  if (name === 'nexthop') {
    const network = ctx.proto.get('nh')?.proto;
    const have = network === IP ? 'ip' : network === IP6 ? 'ip6' : undefined;
    const want = family ?? have;
    if (want === undefined)
      fail(loc, 'cannot determine ip protocol version, use "ip nexthop" or "ip6 nexthop" instead');
    if (have !== undefined && have !== want) fail(loc, `${want} nexthop will not match`);
    keyName = `${want} nexthop`;
  }
  const key = RT_KEYS[keyName]!;
  return { kind: 'rt', key: key.number, ...typed(key), loc };
}

function fibNode(
  flags: readonly import('../ast.js').FibFlag[],
  result: 'oif' | 'oifname' | 'type',
  loc: Loc,
): Node {
  const has = (flag: (typeof flags)[number]): boolean => flags.includes(flag);
  if (has('saddr') && has('daddr')) fail(loc, 'fib: saddr and daddr are mutually exclusive');
  if (!has('saddr') && !has('daddr')) fail(loc, 'fib: neither saddr nor daddr given');
  if (has('iif') && has('oif')) fail(loc, 'fib: iif and oif are mutually exclusive');
  const common = { kind: 'fib' as const, fibFlags: flags, fibResult: result, order: 'host' as const, loc };
  if (result === 'oif') return { ...common, dtype: IFINDEX, bits: 32 };
  if (result === 'oifname') return { ...common, dtype: STRING, bits: 128 };
  return { ...common, dtype: FIB_ADDRTYPE, bits: 32 };
}

function numgenNode(mode: 'inc' | 'random', modulus: number, offset: number, loc: Loc): Node {
  if (modulus + offset - 1 > 0xffffffff) fail(loc, 'value too large: modulus and offset exceed 32 bits');
  return { kind: 'numgen', mode, modulus, offset, dtype: INTEGER, bits: 32, order: 'host', loc };
}
