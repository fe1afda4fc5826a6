/** Statements of a rule, one function a kind; matches are in relational.ts, nat and what is like it in nat.ts. */
import { NFT_SET_EVAL, NFT_SET_TIMEOUT } from '../../../assembly/abi/nf_tables.js';
import type {
  DupStatement,
  FwdStatement,
  LogStatement,
  MangleStatement,
  MeterStatement,
  ObjrefStatement,
  QueueStatement,
  RejectStatement,
  ResetStatement,
  SetStatement,
  Statement,
  VerdictStatement,
} from '../ast.js';
import { LOG_LEVELS } from '../datatype/log.js';
import {
  ICMP_CODE,
  ICMPV6_CODE,
  ICMPX_CODE,
  IFINDEX,
  INTEGER,
  IP6ADDR,
  IPADDR,
} from '../datatype/datatype.js';
import { logFlagBits } from '../expr/log.js';
import { synproxyIr } from '../expr/synproxy.js';
import { IP, IP6, NFPROTO_IPV4, NFPROTO_IPV6 } from '../proto/network.js';
import { partsOf } from './anonymous_set.js';
import { evaluateArgument } from './argument.js';
import { type Expected, expectInteger, fail, NOTHING_EXPECTED, type RuleContext } from './context.js';
import { dependFirst } from './dependency.js';
import { converted } from './convert.js';
import { evaluate, evaluateValue } from './expression.js';
import { evaluateObjectMap, evaluateVmap, keyExpectedOf } from './map.js';
import { evaluateMasquerade, evaluateNat, evaluateTproxy } from './nat.js';
import { type ExthdrNode, isConstant, type Node, type PayloadNode } from './node.js';
import { objectNumber } from './object_number.js';
import { evaluateMatch } from './relational.js';
import type { SetDef } from './ruleset.js';
import { firstWord } from '../source.js';
import { evaluateState, stateIr } from './state.js';

/** What ends a rule: nothing may follow it. */
export function isTerminal(stmt: Statement): boolean {
  switch (stmt.kind) {
    case 'verdict':
    case 'reject':
    case 'snat':
    case 'dnat':
    case 'masquerade':
    case 'redirect':
    case 'queue':
      return true;
    default:
      return false;
  }
}

export function evaluateStatement(ctx: RuleContext, stmt: Statement): void {
  const state = stateIr(stmt);
  if (state !== undefined) {
    ctx.stmts.push({ kind: 'instruction', expr: state, loc: stmt.loc });
    return;
  }
  switch (stmt.kind) {
    case 'match':
      evaluateMatch(ctx, stmt);
      return;
    case 'verdict':
      evaluateVerdict(ctx, stmt);
      return;
    case 'vmap': {
      const { key, set } = evaluateVmap(ctx, stmt.key, stmt.data);
      ctx.stmts.push({ kind: 'vmap', key, set, loc: stmt.loc });
      return;
    }
    case 'objref':
      evaluateObjref(ctx, stmt);
      return;
    case 'log':
      evaluateLog(ctx, stmt);
      return;
    case 'reject':
      evaluateReject(ctx, stmt);
      return;
    case 'snat':
    case 'dnat':
      evaluateNat(ctx, stmt);
      return;
    case 'masquerade':
    case 'redirect':
      evaluateMasquerade(ctx, stmt);
      return;
    case 'tproxy':
      evaluateTproxy(ctx, stmt);
      return;
    case 'synproxy': {
      ctx.stmts.push({
        kind: 'instruction',
        expr: synproxyIr(stmt.mss, stmt.wscale, stmt.flags ?? []),
        loc: stmt.loc,
      });
      return;
    }
    case 'dup':
      evaluateDup(ctx, stmt);
      return;
    case 'fwd':
      evaluateFwd(ctx, stmt);
      return;
    case 'queue':
      evaluateQueue(ctx, stmt);
      return;
    case 'notrack':
      ctx.stmts.push({ kind: 'instruction', expr: { kind: 'notrack' }, loc: stmt.loc });
      return;
    case 'mangle':
      evaluateMangle(ctx, stmt);
      return;
    case 'reset':
      evaluateReset(ctx, stmt);
      return;
    case 'set':
      evaluateSetUpdate(ctx, stmt);
      return;
    case 'meter':
      evaluateMeter(ctx, stmt);
      return;
    case 'flow':
      ctx.stmts.push({
        kind: 'instruction',
        expr: { kind: 'flow_offload', flowtable: stmt.flowtable },
        loc: stmt.loc,
      });
      return;
    case 'xt':
      fail(stmt.loc, 'unsupported xtables compat expression, use iptables-nft with this ruleset');
      return;
    default:
      fail(stmt.loc, `statement ${stmt.kind} is not expected here`);
  }
}

function evaluateVerdict(ctx: RuleContext, { verdict, target, chain, loc }: VerdictStatement): void {
  if (chain === undefined) {
    ctx.stmts.push({
      kind: 'verdict',
      verdict: { verdict, ...(target !== undefined && { chain: target }) },
      loc,
    });
    return;
  }
  const id = ctx.shared.nextChainId();
  ctx.before.push({ chain, id });
  ctx.stmts.push({ kind: 'verdict', verdict: { verdict, chainId: id }, loc });
}

function evaluateObjref(ctx: RuleContext, stmt: ObjrefStatement): void {
  if (stmt.expr.kind === 'map') {
    const { key, set } = evaluateObjectMap(ctx, stmt.expr, stmt.type);
    ctx.stmts.push({ kind: 'objref', key, set, loc: stmt.loc });
    return;
  }
  if (stmt.expr.kind !== 'symbol') fail(stmt.expr.loc, 'the name of an object is expected');
  ctx.stmts.push({
    kind: 'instruction',
    expr: { kind: 'objref', type: objectNumber(stmt.type), name: stmt.expr.name },
    loc: stmt.loc,
  });
}

const MAX_PREFIX = 127;

function evaluateLog(ctx: RuleContext, stmt: LogStatement): void {
  const { prefix, group, snaplen, queueThreshold, level, flags } = stmt;
  if (prefix !== undefined && new TextEncoder().encode(prefix).length > MAX_PREFIX)
    fail(stmt.loc, 'log prefix is too long');
  const toGroup = group !== undefined || snaplen !== undefined || queueThreshold !== undefined;
  if (toGroup && (level !== undefined || flags !== undefined))
    fail(stmt.loc, 'flags and group are mutually exclusive');
  if (level === 'audit' && (flags !== undefined || prefix !== undefined))
    fail(stmt.loc, "log level audit doesn't support any further options");
  ctx.stmts.push({
    kind: 'instruction',
    expr: {
      kind: 'log',
      ...(prefix !== undefined && { prefix }),
      ...(toGroup && { group: group ?? 0 }),
      ...(snaplen !== undefined && { snaplen }),
      ...(queueThreshold !== undefined && { qthreshold: queueThreshold }),
      ...(level !== undefined && { level: LOG_LEVELS.indexOf(level) }),
      ...(flags !== undefined && { flags: logFlagBits(flags) }),
    },
    loc: stmt.loc,
  });
}

const REJECT_ICMP = 0;
const REJECT_RST = 1;
const REJECT_ICMPX = 2;
const ICMP_PORT_UNREACH = 3;
const ICMPV6_PORT_UNREACH = 4;
const ICMPX_PORT_UNREACH = 1;
const IPPROTO_TCP = 6;

function evaluateReject(ctx: RuleContext, stmt: RejectStatement): void {
  const { family } = ctx;
  if (family === 'arp') fail(stmt.loc, 'cannot use reject with arp');
  const push = (type: number, code: number): void => {
    ctx.stmts.push({ kind: 'instruction', expr: { kind: 'reject', type, code }, loc: stmt.loc });
  };
  const network = ctx.proto.get('nh')?.proto;
  const either = family === 'inet' || family === 'bridge' || family === 'netdev';
  if (stmt.type === undefined) {
    const own = family === 'ip' ? IP : family === 'ip6' ? IP6 : network;
    if (own === IP) push(REJECT_ICMP, ICMP_PORT_UNREACH);
    else if (own === IP6) push(REJECT_ICMP, ICMPV6_PORT_UNREACH);
    else push(REJECT_ICMPX, ICMPX_PORT_UNREACH);
    return;
  }
  if (stmt.type === 'tcp reset') {
    const transport = ctx.proto.get('th')?.proto;
    if (transport === undefined) dependFirst(ctx, 'l4proto', IPPROTO_TCP, stmt.loc);
    else if (transport.name !== 'tcp')
      fail(stmt.loc, `conflicting protocols specified: ${transport.name} vs. tcp`);
    push(REJECT_RST, 0);
    return;
  }
  const [type, wanted, dtype] =
    stmt.type === 'icmp'
      ? ([REJECT_ICMP, IP, ICMP_CODE] as const)
      : stmt.type === 'icmpv6'
        ? ([REJECT_ICMP, IP6, ICMPV6_CODE] as const)
        : ([REJECT_ICMPX, undefined, ICMPX_CODE] as const);
  const expected: Expected = { dtype, bits: 8, order: 'host' };
  const code =
    stmt.expr === undefined
      ? wanted === IP6
        ? ICMPV6_PORT_UNREACH
        : wanted === IP
          ? ICMP_PORT_UNREACH
          : ICMPX_PORT_UNREACH
      : Number(ctx.expecting(expected, () => evaluateValue(ctx, stmt.expr!)).value);
  if (wanted === undefined) {
    if (!either) fail(stmt.loc, 'abstracted ICMP unreachable not supported');
  } else if (
    (family === 'ip' && wanted === IP6) ||
    (family === 'ip6' && wanted === IP) ||
    (network !== undefined && network !== wanted)
  ) {
    fail(stmt.expr?.loc ?? stmt.loc, 'conflicting protocols specified: ip vs ip6', firstWord(stmt.loc));
  } else if (network === undefined) {
    if (family === 'inet') dependFirst(ctx, 'nfproto', wanted === IP ? NFPROTO_IPV4 : NFPROTO_IPV6, stmt.loc);
    else dependFirst(ctx, 'protocol', wanted === IP ? 0x0800 : 0x86dd, stmt.loc);
  }
  push(type, code);
}

function addressExpected(ctx: RuleContext, stmt: Statement): Expected {
  if (ctx.family === 'ip') return { dtype: IPADDR, bits: 32, order: 'big' };
  if (ctx.family === 'ip6') return { dtype: IP6ADDR, bits: 128, order: 'big' };
  return fail(stmt.loc, 'unsupported family');
}

const DEVICE: Expected = { dtype: IFINDEX, bits: 32, order: 'host' };

function evaluateDup(ctx: RuleContext, stmt: DupStatement): void {
  if (ctx.family === 'netdev') {
    if (stmt.dev !== undefined) fail(stmt.dev.loc, 'cannot specify device');
    ctx.stmts.push({ kind: 'dup', dev: evaluateArgument(ctx, stmt.addr, DEVICE, stmt.loc), loc: stmt.loc });
    return;
  }
  const addr = evaluateArgument(ctx, stmt.addr, addressExpected(ctx, stmt), stmt.loc);
  const dev = stmt.dev === undefined ? undefined : evaluateArgument(ctx, stmt.dev, DEVICE, stmt.loc);
  ctx.stmts.push({ kind: 'dup', addr, ...(dev && { dev }), loc: stmt.loc });
}

function evaluateFwd(ctx: RuleContext, stmt: FwdStatement): void {
  if (ctx.family !== 'netdev') fail(stmt.loc, 'unsupported family');
  const dev = evaluateArgument(ctx, stmt.dev, DEVICE, stmt.loc);
  if (stmt.addr === undefined) {
    ctx.stmts.push({ kind: 'fwd', dev, loc: stmt.loc });
    return;
  }
  const ip = stmt.family === 'ip';
  const expected: Expected = { dtype: ip ? IPADDR : IP6ADDR, bits: ip ? 32 : 128, order: 'big' };
  const addr = evaluateArgument(ctx, stmt.addr, expected, stmt.loc);
  ctx.stmts.push({ kind: 'fwd', dev, addr, family: ip ? NFPROTO_IPV4 : NFPROTO_IPV6, loc: stmt.loc });
}

const MAX_QUEUE = 65535;

function evaluateQueue(ctx: RuleContext, stmt: QueueStatement): void {
  const fanout = stmt.flags?.includes('fanout') ?? false;
  const bypass = stmt.flags?.includes('bypass') ?? false;
  const expected = expectInteger(16, 'host');
  const num: Node =
    stmt.num === undefined
      ? { kind: 'value', value: 0n, dtype: INTEGER, bits: 16, order: 'host', loc: stmt.loc }
      : ctx.expecting(expected, () => evaluate(ctx, stmt.num!));
  if (fanout && num.kind !== 'range' && num.kind !== 'value' && stmt.num !== undefined)
    fail(stmt.num.loc, 'fanout requires a range to be specified');
  if (fanout && num.kind === 'value') fail(stmt.loc, 'fanout requires a range to be specified');
  if ('modulus' in num && (num.modulus ?? 0) + (num.offset ?? 0) - 1 > MAX_QUEUE)
    fail(num.loc, `queue expression max value exceeds ${MAX_QUEUE}`);
  ctx.stmts.push({ kind: 'queue', num, bypass, fanout, loc: stmt.loc });
}

function evaluateMangle(ctx: RuleContext, stmt: MangleStatement): void {
  const node = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, stmt.key));
  const key = mangled(node);
  if (key === undefined) fail(stmt.key.loc, 'this cannot be set');
  if (key.kind === 'exthdr' && key.present) fail(stmt.key.loc, 'only fields of an option can be set');
  const bits = 'trimmed' in key ? (key as { trimmed: number }).trimmed : key.bits;
  const expected: Expected = { dtype: key.dtype, bits, order: key.order };
  const value = evaluateArgument(ctx, stmt.value, expected, stmt.key.loc, key.kind === 'payload');
  ctx.stmts.push({ kind: 'mangle', key, value, loc: stmt.loc });
}

function mangled(
  node: Node,
): (PayloadNode | ExthdrNode | Extract<Node, { kind: 'meta' | 'ct' }>) | undefined {
  switch (node.kind) {
    case 'payload':
    case 'exthdr':
    case 'meta':
    case 'ct':
      return node;
    case 'binop': {
      // A field that is no whole bytes: its bytes, and where in them it lies.
      const mask = node.op === '>>' ? node.left : node;
      if (mask.kind !== 'binop' || (mask.left.kind !== 'payload' && mask.left.kind !== 'exthdr'))
        return undefined;
      const shift = node.op === '>>' ? node.right.value : 0n;
      return Object.assign(mask.left, { shift, mask: mask.right.value });
    }
    default:
      return undefined;
  }
}

function evaluateReset(ctx: RuleContext, stmt: ResetStatement): void {
  const node = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, stmt.option));
  if (node.kind !== 'exthdr') fail(stmt.loc, 'an option is expected');
  if (node.type < 2) fail(stmt.loc, 'eol and nop cannot be reset');
  ctx.stmts.push({
    kind: 'instruction',
    expr: { kind: 'exthdr', op: 'tcpopt', type: node.type, offset: 0, len: 0, reset: true },
    loc: stmt.loc,
  });
}

function pushUpdate(
  ctx: RuleContext,
  stmt: SetStatement | MeterStatement,
  set: SetDef,
  key: Node,
  op: 'add' | 'update' | 'delete',
): void {
  const { data, timeoutMs, stmts } = stmt.elem;
  const timeout = timeoutMs === undefined ? 0n : BigInt(timeoutMs);
  let value: Node | undefined;
  if (data !== undefined) {
    if (set.data === undefined || set.data.kind !== 'data') fail(data.loc, 'a set holds no values');
    const { dtype, bits, order } = set.data;
    value = evaluateArgument(ctx, data, { dtype, bits, order }, stmt.loc);
  }
  ctx.stmts.push({
    kind: 'dynset',
    op,
    set,
    key,
    ...(value && { data: value }),
    timeoutMs: timeout,
    stmts: (stmts ?? []).map((each) => evaluateState(each)),
    loc: stmt.loc,
  });
}

function evaluateSetUpdate(ctx: RuleContext, stmt: SetStatement): void {
  const set = ctx.table.sets.get(stmt.set);
  if (set === undefined) fail(stmt.loc, 'No such file or directory');
  const expected = keyExpectedOf(set);
  const key = ctx.expecting(expected, () => evaluate(ctx, stmt.elem.key));
  if (isConstant(key)) fail(stmt.elem.key.loc, 'Key expression cannot be constant');
  const differs = set.keyType.parts
    ? key.dtype.id !== set.keyType.id && key.dtype.parts?.length !== set.keyType.parts.length
    : key.dtype !== set.keyType && key.dtype !== INTEGER && set.keyType !== INTEGER;
  if (differs)
    fail(
      stmt.elem.key.loc,
      `datatype mismatch, expected ${set.keyType.desc}, expression has type ${key.dtype.desc}`,
      stmt.loc,
    );
  pushUpdate(ctx, stmt, set, key.kind === 'concat' ? key : converted(key, set.keyOrder), stmt.op);
}

function evaluateMeter(ctx: RuleContext, stmt: MeterStatement): void {
  const key = ctx.expecting(NOTHING_EXPECTED, () => evaluate(ctx, stmt.elem.key));
  if (isConstant(key)) fail(stmt.elem.key.loc, 'Meter key expression can not be constant');
  const timeout = stmt.elem.timeoutMs;
  let set = ctx.table.sets.get(stmt.name);
  if (set === undefined) {
    const parts = partsOf(key);
    set = ctx.addSet(
      {
        name: stmt.name,
        anonymous: false,
        flags: NFT_SET_EVAL | ANONYMOUS_METER | (timeout === undefined ? 0 : NFT_SET_TIMEOUT),
        keyType: key.dtype,
        keyBits: key.bits,
        keyOrder: key.order,
        ...(parts && { parts }),
        size: Number(stmt.size ?? 0),
        loc: stmt.loc,
      },
      [],
    );
    ctx.table.sets.set(stmt.name, set);
  }
  pushUpdate(ctx, stmt, set, key, timeout === undefined ? 'add' : 'update');
}

/** A meter goes with its rule, though it has a name. */
const ANONYMOUS_METER = 1;
