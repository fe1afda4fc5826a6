/** Instructions that load a register, as operands; and operands as expressions of the tree. */
import type { CtKey, Expression, IpsecExpr, MetaKey, RtExpr, SocketExpr } from '../ast.js';
import {
  BOOLEAN,
  type Datatype,
  FIB_ADDRTYPE,
  IFINDEX,
  IFNAME,
  INTEGER,
  INET_SERVICE,
  IP6ADDR,
  IPADDR,
  STRING,
  typeById,
} from '../datatype/datatype.js';
import type { IrExpr } from '../expr/registry.js';
import { CT_KEYS, IPSEC_KEYS, type Key, META_KEYS, RT_KEYS, SOCKET_KEYS } from '../proto/keys.js';
import { IP, IP6 } from '../proto/network.js';
import { SCTP, TCP } from '../proto/transport.js';
import { NO_LOC as loc } from '../source.js';
import type { DelinearizeContext } from './context.js';
import { exthdrOf, type ExthdrRead } from './exthdr.js';
import { anonymousMap } from './set_expression.js';
import { isAnonymous } from './index_sets.js';
import type { MaskOperand, Operand, Resolved } from './operand.js';
import { fieldAt, fieldResolved, rawPayload } from './payload.js';
import { constant, constantOf, joined, number, numberOfBytes } from './value.js';

type Leaf = Extract<Operand, { kind: 'leaf' }>;

function byNumber(table: Readonly<Record<string, Key>>, wanted: number): [string, Key] | undefined {
  return Object.entries(table).find(([, key]) => key.number === wanted);
}

const leaf = (expr: Expression, { type, bits, byteorder }: Key, meta?: string): Leaf => ({
  kind: 'leaf',
  expr,
  type,
  bits,
  order: byteorder,
  ...(meta !== undefined && { meta }),
});

function typed(expr: Expression, type: Datatype, bits: number): Leaf {
  return { kind: 'leaf', expr, type, bits, order: 'host' };
}

export function metaExpression(wanted: number): Leaf {
  const [name, key] = byNumber(META_KEYS, wanted) ?? ['mark', META_KEYS.mark!];
  return leaf({ kind: 'meta', key: name as MetaKey, loc }, key, name);
}

export function ctExpression(
  ctx: DelinearizeContext,
  { key: wanted, dir }: { readonly key: number; readonly dir?: 'original' | 'reply' },
): Leaf {
  const [name, key] = byNumber(CT_KEYS, wanted) ?? ['mark', CT_KEYS.mark!];
  const expr: Expression = { kind: 'ct', key: name as CtKey, ...(dir !== undefined && { dir }), loc };
  if (name === 'saddr' || name === 'daddr') {
    const six = ctx.family === 'ip6';
    return leaf(expr, { ...key, type: six ? IP6ADDR : IPADDR, bits: six ? 128 : 32 });
  }
  if (name.startsWith('proto-') && ctx.protos.has('th')) return leaf(expr, { ...key, type: INET_SERVICE });
  return leaf(expr, key);
}

/** `ip daddr` of the tables is the key `daddr` of a family. */
function withFamily(name: string): { key: string; family?: 'ip' | 'ip6' } {
  const [first, second] = name.split(' ');
  return second === undefined ? { key: name } : { key: second, family: first as 'ip' | 'ip6' };
}

/** What an instruction puts into its register; undefined: it does something else. */
export function loaded(ctx: DelinearizeContext, expr: IrExpr): Operand | undefined {
  switch (expr.kind) {
    case 'payload':
      if (!('dreg' in expr)) return undefined;
      return { kind: 'payload', base: expr.base, offset: expr.offset * 8, bits: expr.len * 8 };
    case 'exthdr':
      return 'dreg' in expr ? { kind: 'exthdr', read: expr } : undefined;
    case 'meta':
      return 'dreg' in expr ? metaExpression(expr.key) : undefined;
    case 'ct':
      return 'dreg' in expr ? ctExpression(ctx, expr) : undefined;
    case 'immediate':
      return expr.data instanceof Uint8Array ? { kind: 'value', data: expr.data } : undefined;
    case 'rt': {
      const [name, key] = byNumber(RT_KEYS, expr.key) ?? ['classid', RT_KEYS.classid!];
      return leaf({ kind: 'rt', ...(withFamily(name) as Pick<RtExpr, 'key' | 'family'>), loc }, key);
    }
    case 'socket': {
      const [name, key] = byNumber(SOCKET_KEYS, expr.key) ?? ['mark', SOCKET_KEYS.mark!];
      const level = expr.level === undefined ? {} : { level: expr.level };
      return leaf({ kind: 'socket', key: name as SocketExpr['key'], ...level, loc }, key);
    }
    case 'xfrm': {
      const [name, key] = byNumber(IPSEC_KEYS, expr.key) ?? ['reqid', IPSEC_KEYS.reqid!];
      const rest = withFamily(name) as Pick<IpsecExpr, 'key' | 'family'>;
      return leaf({ kind: 'ipsec', dir: expr.dir, spnum: expr.spnum, ...rest, loc }, key);
    }
    case 'osf': {
      const ttl = (['', 'loose', 'skip'] as const)[expr.ttl];
      return typed(
        { kind: 'osf', key: expr.version ? 'version' : 'name', ...(ttl && { ttl }), loc },
        STRING,
        128,
      );
    }
    case 'fib': {
      const { flags, result, present } = expr;
      const type = result === 'oif' ? IFINDEX : result === 'oifname' ? IFNAME : FIB_ADDRTYPE;
      const node: Expression = { kind: 'fib', flags, result, loc };
      return typed(node, present ? BOOLEAN : type, result === 'oifname' && !present ? 128 : 32);
    }
    case 'numgen': {
      const { mode, modulus, offset } = expr;
      return typed({ kind: 'numgen', mode, mod: modulus, ...(offset && { offset }), loc }, INTEGER, 32);
    }
    case 'hash': {
      const offset = expr.offset === 0 ? {} : { offset: expr.offset };
      if (expr.type === 'symhash')
        return typed({ kind: 'symhash', mod: expr.modulus, ...offset, loc }, INTEGER, 32);
      return undefined;
    }
    default:
      return undefined;
  }
}

const HEADER_OF = { ipv6: IP6, ipv4: IP, tcpopt: TCP, sctp: SCTP } as const;

/** What is searched for says which header it belongs to. */
function exthdrResolved(
  ctx: DelinearizeContext,
  read: ExthdrRead,
  low?: number,
  bits?: number,
): Resolved | undefined {
  const found = exthdrOf(read, low, bits);
  if (found !== undefined) ctx.usesHeader(HEADER_OF[read.op]);
  return found;
}

/** A run of ones in a mask: its lowest bit and its length. */
export function runOfOnes(mask: bigint): { low: number; bits: number } | undefined {
  if (mask === 0n) return undefined;
  let low = 0;
  while (((mask >> BigInt(low)) & 1n) === 0n) low++;
  const bits = (mask >> BigInt(low)).toString(2);
  return bits.includes('0') ? undefined : { low, bits: bits.length };
}

/** A mask that leaves exactly one field of what was loaded. */
function maskedField(ctx: DelinearizeContext, { left, mask, xor }: MaskOperand): Resolved | undefined {
  if (xor.some((byte) => byte !== 0)) return undefined;
  const part = runOfOnes(numberOfBytes(mask, 'big'));
  if (part === undefined) return undefined;
  if (left.kind === 'exthdr') return exthdrResolved(ctx, left.read, part.low, part.bits);
  if (left.kind !== 'payload') return undefined;
  const offset = left.offset + left.bits - part.low - part.bits;
  const found = fieldAt(ctx, left.base, offset, part.bits);
  return found && fieldResolved(ctx, found, left.bits, part.low);
}

function masked(ctx: DelinearizeContext, operand: MaskOperand): Resolved {
  const field = maskedField(ctx, operand);
  if (field !== undefined) return field;
  const left = resolve(ctx, operand.left);
  const order = left.order === 'big' ? 'big' : 'host';
  const mask = numberOfBytes(operand.mask, order);
  const xor = numberOfBytes(operand.xor, order);
  const all = (1n << BigInt(operand.mask.length * 8)) - 1n;
  const value = (of: bigint): Expression => joined(constant(of, left.type, left.bits, ctx.names));
  const or = xor & ~mask & all;
  const flip = xor & mask;
  let { expr } = left;
  const keep = mask | or;
  const op = (sign: '&' | '|' | '^', right: bigint): void => {
    expr = { kind: 'binary', op: sign, left: expr, right: value(right), loc };
  };
  // (x & m) ^ o with o outside of m is `x & (m | o) | o`, as nft writes it.
  if (flip !== 0n) {
    if (mask !== all) op('&', mask);
    op('^', xor);
  } else if (or !== 0n) {
    if (keep !== all) op('&', keep);
    op('|', or);
  } else op('&', mask);
  return { ...left, expr };
}

export function resolve(ctx: DelinearizeContext, operand: Operand): Resolved {
  switch (operand.kind) {
    case 'leaf':
      return operand;
    case 'payload': {
      const found = fieldAt(ctx, operand.base, operand.offset, operand.bits);
      return found ? fieldResolved(ctx, found) : rawPayload(operand);
    }
    case 'exthdr':
      return (
        exthdrResolved(ctx, operand.read) ?? {
          expr: number(0n),
          type: INTEGER,
          bits: operand.read.len * 8,
          order: 'big',
        }
      );
    case 'value':
      return {
        expr: number(numberOfBytes(operand.data, 'host')),
        type: INTEGER,
        bits: operand.data.length * 8,
        order: 'host',
      };
    case 'mask':
      return masked(ctx, operand);
    case 'shift': {
      const left = resolve(ctx, operand.left);
      if (operand.op === '>>' && left.low === operand.by) return { ...left, low: 0 };
      const right: Expression = { kind: 'number', value: operand.by, text: String(operand.by), loc };
      return { ...left, expr: { kind: 'binary', op: operand.op, left: left.expr, right, loc } };
    }
    case 'swap': {
      const left = resolve(ctx, operand.left);
      return { ...left, order: left.order === 'big' ? 'host' : 'big' };
    }
    case 'concat': {
      const items = operand.items.map((item) => resolve(ctx, item));
      return {
        expr: { kind: 'concat', items: items.map(({ expr }) => expr), loc },
        type: INTEGER,
        bits: items.reduce((sum, { bits }) => sum + Math.ceil(bits / 32) * 32, 0),
        order: 'none',
      };
    }
    case 'map': {
      const known = ctx.sets.find(ctx.family, ctx.table, operand.set);
      const key = resolve(ctx, operand.key);
      const data =
        known === undefined || !isAnonymous(known.set)
          ? ({ kind: 'set reference', name: operand.set, loc } as const)
          : anonymousMap(ctx, known, partsOf(ctx, operand.key));
      const type = typeById(known?.set.dataType ?? 0) ?? INTEGER;
      return {
        expr: { kind: 'map', key: key.expr, data, loc },
        type,
        bits: type.bits,
        order: type.byteorder,
      };
    }
    case 'jhash': {
      const arg = resolve(ctx, operand.arg);
      return { expr: operand.make(arg.expr), type: INTEGER, bits: 32, order: 'host' };
    }
  }
}

/** How the elements of a set that this is looked up in are to be read: one, or the parts of a concatenation. */
export function partsOf(ctx: DelinearizeContext, operand: Operand): Resolved[] {
  return operand.kind === 'concat'
    ? operand.items.map((item) => resolve(ctx, item))
    : [resolve(ctx, operand)];
}

/** A constant as a value of what it is put into or compared with; anything else as itself. */
export function resolveAs(
  ctx: DelinearizeContext,
  operand: Operand,
  { type, order }: Pick<Resolved, 'type' | 'order'>,
): Expression {
  if (operand.kind === 'value') return constantOf(operand.data, type, order, ctx.names);
  return resolve(ctx, operand).expr;
}
