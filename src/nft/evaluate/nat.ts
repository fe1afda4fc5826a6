/** snat, dnat, masquerade, redirect and tproxy: addresses and ports, of one family, that need a transport header for ports. */
import type {
  Expression,
  Loc,
  MasqueradeStatement,
  NatFlag,
  NatStatement,
  SetExpr,
  TproxyStatement,
} from '../ast.js';
import { concatType, INET_SERVICE, IP6ADDR, IPADDR, paddedBits } from '../datatype/datatype.js';
import { NAT_F_NETMAP, NAT_F_PROTO_SPECIFIED } from '../expr/nat.js';
import { IP, IP6, NFPROTO_IPV4, NFPROTO_IPV6 } from '../proto/network.js';
import { firstWord } from '../source.js';
import { evaluateArgument } from './argument.js';
import { type Expected, fail, type RuleContext } from './context.js';
import { evaluate } from './expression.js';
import type { Node } from './node.js';
import type { MapDef } from './ruleset.js';

const FLAG_BITS: Readonly<Record<NatFlag, number>> = { random: 4, persistent: 8, 'fully-random': 16 };
const NFPROTO_INET = 1;
const PORT: Expected = { dtype: INET_SERVICE, bits: 16, order: 'big' };

const flagBits = (flags: readonly NatFlag[] | undefined): number =>
  (flags ?? []).reduce((bits, flag) => bits | FLAG_BITS[flag], 0);

/** 6, 17 or another protocol with ports must have been matched. */
function requireTransport(ctx: RuleContext, loc: Loc, stmt: { readonly loc: Loc }): void {
  if (ctx.proto.get('th') === undefined && !matchesTransport(ctx))
    fail(loc, 'transport protocol mapping is only valid after transport protocol match', stmt.loc);
}

/** `meta l4proto { tcp, udp }` says no single protocol, and is enough all the same. */
function matchesTransport(ctx: RuleContext): boolean {
  return ctx.stmts.some(
    (stmt) =>
      stmt.kind === 'match' &&
      ((stmt.left.kind === 'meta' && stmt.left.name === 'l4proto') ||
        (stmt.left.kind === 'payload' &&
          (stmt.left.field?.name === 'protocol' || stmt.left.field?.name === 'nexthdr'))),
  );
}

function natFamily(ctx: RuleContext, stmt: NatStatement | TproxyStatement, word: string): number {
  const own = ctx.family === 'ip' ? 'ip' : ctx.family === 'ip6' ? 'ip6' : undefined;
  if (own !== undefined) {
    if (stmt.family !== undefined && stmt.family !== own)
      conflict(word === 'nat' ? firstWord(stmt.loc) : stmt.loc, own, stmt.family, word);
    return own === 'ip' ? NFPROTO_IPV4 : NFPROTO_IPV6;
  }
  if (stmt.family !== undefined) return stmt.family === 'ip' ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return 0;
}

function conflict(loc: Loc, have: string, want: string, word: string): never {
  fail(
    loc,
    `conflicting protocols specified: ${have} vs. ${want}. You must specify ip or ip6 family in ${word} statement`,
  );
}

const addressOf = (family: number): Expected =>
  family === NFPROTO_IPV6
    ? { dtype: IP6ADDR, bits: 128, order: 'big' }
    : { dtype: IPADDR, bits: 32, order: 'big' };

/** Addresses in a map may have ports behind them, and be ranges: the first element says. */
function mapShape(address: Expected, data: SetExpr): MapDef | undefined {
  const first = data.elem.find(({ data: each }) => each !== undefined)?.data;
  if (first === undefined) return undefined;
  const interval = data.elem.some(({ data: each }) => each !== undefined && isRange(each));
  if (first.kind !== 'concat')
    return { kind: 'data', dtype: address.dtype, bits: address.bits, order: address.order, interval };
  const parts = [address, PORT].map(({ dtype, bits, order }) => ({ dtype, bits, order }));
  return {
    kind: 'data',
    dtype: concatType(parts.map(({ dtype }) => dtype)),
    bits: parts.reduce((sum, { bits }) => sum + paddedBits(bits), 0),
    order: 'none',
    parts,
    interval,
  };
}

function isRange(expr: Expression): boolean {
  return (
    expr.kind === 'range' || expr.kind === 'prefix' || (expr.kind === 'concat' && expr.items.some(isRange))
  );
}

const isNatFamily = ({ family }: RuleContext): boolean =>
  family === 'ip' || family === 'ip6' || family === 'inet';

function requireNatFamily(ctx: RuleContext, loc: Loc): void {
  if (!isNatFamily(ctx)) fail(firstWord(loc), 'NAT is only supported for IPv4/IPv6');
}

const NO_FAMILY = 'ip or ip6 must be specified with address for inet tables.';

export function evaluateNat(ctx: RuleContext, stmt: NatStatement): void {
  requireNatFamily(ctx, stmt.loc);
  let family = natFamily(ctx, stmt, 'nat');
  let flags = flagBits(stmt.flags);
  if (family === 0 && stmt.addr !== undefined) family = impliedFamily(ctx, stmt);
  let addr: Node | undefined;
  let shape: { interval: boolean; concat: boolean; addrBits: number } | undefined;
  if (stmt.addr !== undefined) {
    const expected = addressOf(family);
    const shaped = { ...expected, shape: (data: SetExpr) => mapShape(expected, data) };
    addr = ctx.expecting(shaped, () => evaluate(ctx, stmt.addr!));
    if (addr.kind === 'map') {
      const data = addr.set.data!;
      shape = { interval: data.interval, concat: data.parts !== undefined, addrBits: expected.bits };
      if (shape.concat) requireTransport(ctx, stmt.addr.loc, stmt);
    } else {
      addr = evaluateArgument(ctx, stmt.addr, expected, stmt.loc);
    }
    if (stmt.typeFlags?.includes('prefix')) flags |= NAT_F_NETMAP;
  }
  if (family === 0) family = NFPROTO_INET;
  const port = evaluatePort(ctx, stmt.port, stmt);
  if (port !== undefined) flags |= NAT_F_PROTO_SPECIFIED;
  ctx.stmts.push({
    kind: 'nat',
    type: stmt.kind,
    family,
    ...(addr && { addr }),
    ...(port && { port }),
    flags,
    ...(shape && { mapShape: shape }),
    loc: stmt.loc,
  });
}

/** In inet, what was matched before says which family the address is of. */
function impliedFamily(ctx: RuleContext, stmt: NatStatement): number {
  const network = ctx.proto.get('nh')?.proto;
  if (network === IP) return NFPROTO_IPV4;
  if (network === IP6) return NFPROTO_IPV6;
  return fail(firstWord(stmt.loc), NO_FAMILY);
}

function evaluatePort(
  ctx: RuleContext,
  expr: Expression | undefined,
  stmt: NatStatement | MasqueradeStatement | TproxyStatement,
): Node | undefined {
  if (expr === undefined) return undefined;
  const port = evaluateArgument(ctx, expr, PORT, stmt.loc);
  requireTransport(ctx, expr.loc, stmt);
  return port;
}

export function evaluateMasquerade(ctx: RuleContext, stmt: MasqueradeStatement): void {
  requireNatFamily(ctx, stmt.loc);
  const port = evaluatePort(ctx, stmt.port, stmt);
  const type = stmt.kind === 'masquerade' ? 'masq' : 'redir';
  const flags = flagBits(stmt.flags) | (port === undefined ? 0 : NAT_F_PROTO_SPECIFIED);
  ctx.stmts.push({ kind: 'nat', type, family: 0, ...(port && { port }), flags, loc: stmt.loc });
}

export function evaluateTproxy(ctx: RuleContext, stmt: TproxyStatement): void {
  if (!isNatFamily(ctx)) fail(stmt.loc, 'tproxy is only supported for IPv4/IPv6/INET');
  const family = natFamily(ctx, stmt, 'tproxy');
  if (ctx.proto.get('th') === undefined && !matchesTransport(ctx))
    fail(stmt.loc, 'Transparent proxy support requires transport protocol match');
  let addr: Node | undefined;
  if (stmt.addr !== undefined) {
    if (family === 0) fail(stmt.loc, NO_FAMILY);
    addr = evaluateArgument(ctx, stmt.addr, addressOf(family), stmt.loc);
    if (addr.kind === 'range') fail(stmt.addr.loc, 'Address ranges are not supported for tproxy.');
  }
  const port = evaluatePort(ctx, stmt.port, stmt);
  if (port?.kind === 'range') fail(stmt.port!.loc, 'Port ranges are not supported for tproxy.');
  ctx.stmts.push({
    kind: 'nat',
    type: 'tproxy',
    family,
    ...(addr && { addr }),
    ...(port && { port }),
    flags: 0,
    loc: stmt.loc,
  });
}
