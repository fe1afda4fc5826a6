/** Instructions that are statements by themselves: log, reject, queue, synproxy, updates of sets and so on. */
import type { Expression, RejectStatement, SetElement, Statement, Verdict } from '../ast.js';
import {
  type Datatype,
  ICMP_CODE,
  ICMPV6_CODE,
  ICMPX_CODE,
  IFINDEX,
  INTEGER,
  IP6ADDR,
  IPADDR,
  typeById,
} from '../datatype/datatype.js';
import { LOG_FLAGS, LOG_LEVELS } from '../datatype/log.js';
import { OBJECT_NUMBER } from '../evaluate/object_number.js';
import type { ObjectType } from '../ast.js';
import type { VerdictData } from '../expr/data.js';
import type { DupIr, FwdIr } from '../expr/dup.js';
import type { DynsetIr } from '../expr/dynset.js';
import type { LogIr } from '../expr/log.js';
import type { ObjrefIr } from '../expr/objref.js';
import type { QueueIr } from '../expr/queue.js';
import type { RejectIr } from '../expr/reject.js';
import type { SynproxyIr } from '../expr/synproxy.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';
import { numberText } from '../print/value.js';
import type { DelinearizeContext } from './context.js';
import { isAnonymous } from './index_sets.js';
import { resolve, resolveAs } from './load.js';
import { synproxyOptions } from './object.js';
import type { RegisterFile } from './registers.js';
import { stateStatements } from './state.js';
import { constant, number, symbol } from './value.js';

export function verdictOf({ verdict, chain }: VerdictData): Verdict {
  return { verdict, ...(chain !== undefined && { target: chain }) };
}

export function logStatement({ prefix, group, snaplen, qthreshold, level, flags = 0 }: LogIr): Statement {
  const words = LOG_FLAGS.flatMap(({ bit, word }) => ((flags & bit) === 0 ? [] : [word]));
  const word = LOG_LEVELS[level ?? 4];
  return {
    kind: 'log',
    ...(prefix !== undefined && prefix !== '' && { prefix }),
    ...(group !== undefined && { group }),
    ...(snaplen !== undefined && snaplen !== 0 && { snaplen }),
    ...(qthreshold !== undefined && qthreshold !== 0 && { queueThreshold: qthreshold }),
    ...(level !== undefined && word && { level: word }),
    ...(words.length > 0 && { flags: words }),
    loc,
  };
}

/** What kind of ICMP it is the family says, and where there are two the match before, which is then not listed. */
export function rejectStatement(ctx: DelinearizeContext, { type, code }: RejectIr): RejectStatement {
  const own = ctx.family === 'ip' || ctx.family === 'ip6';
  const withCode = (word: 'icmp' | 'icmpv6' | 'icmpx', of: Datatype): RejectStatement => ({
    kind: 'reject',
    type: word,
    expr: constant(BigInt(code), of, 8, ctx.names),
    loc,
  });
  if (type === 1) {
    if (own) ctx.release('th');
    return { kind: 'reject', type: 'tcp reset', loc };
  }
  if (type === 2) return withCode('icmpx', ICMPX_CODE);
  const network = ctx.protos.get('nh')?.name;
  const six = ctx.family === 'ip6' || (!own && network === 'ip6');
  if (!own) ctx.release('nh');
  return six ? withCode('icmpv6', ICMPV6_CODE) : withCode('icmp', ICMP_CODE);
}

export function queueStatement(ctx: DelinearizeContext, registers: RegisterFile, queue: QueueIr): Statement {
  const operand = queue.sreg === undefined ? undefined : registers.get(queue.sreg);
  const first = number(BigInt(queue.num));
  const last = number(BigInt(queue.num + queue.total - 1));
  const num: Expression =
    operand !== undefined
      ? resolve(ctx, operand).expr
      : queue.total > 1
        ? { kind: 'range', from: first, to: last, loc }
        : first;
  const flags = [
    ...(queue.bypass ? (['bypass'] as const) : []),
    ...(queue.fanout ? (['fanout'] as const) : []),
  ];
  return { kind: 'queue', num, ...(flags.length > 0 && { flags }), loc };
}

export function synproxyStatement({ mss, wscale, flags }: SynproxyIr): Statement {
  return { kind: 'synproxy', ...synproxyOptions(mss, wscale, flags), loc };
}

const DEVICE = { type: IFINDEX, order: 'host' } as const;
const addressOf = (six: boolean) => ({ type: six ? IP6ADDR : IPADDR, order: 'big' }) as const;

export function dupStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  { sregAddr, sregDev }: DupIr,
): Statement | undefined {
  const addr = sregAddr === undefined ? undefined : registers.get(sregAddr);
  const dev = sregDev === undefined ? undefined : registers.get(sregDev);
  const device = dev && resolveAs(ctx, dev, DEVICE);
  if (addr === undefined) return device && { kind: 'dup', addr: device, loc };
  const to = resolveAs(ctx, addr, addressOf(ctx.family === 'ip6'));
  return { kind: 'dup', addr: to, ...(device && { dev: device }), loc };
}

export function fwdStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  { sregDev, sregAddr, nfproto }: FwdIr,
): Statement | undefined {
  const dev = registers.get(sregDev);
  const addr = sregAddr === undefined ? undefined : registers.get(sregAddr);
  if (dev === undefined) return undefined;
  const device = resolveAs(ctx, dev, DEVICE);
  if (addr === undefined) return { kind: 'fwd', dev: device, loc };
  const six = nfproto === 10;
  const to = resolveAs(ctx, addr, addressOf(six));
  return { kind: 'fwd', dev: device, family: six ? 'ip6' : 'ip', addr: to, loc };
}

function objectType(wanted: number | undefined): ObjectType {
  const found = (Object.entries(OBJECT_NUMBER) as [ObjectType, number][]).find(([, each]) => each === wanted);
  return found?.[0] ?? 'counter';
}

export function objrefStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  expr: ObjrefIr,
): Statement | undefined {
  if (!('sreg' in expr))
    return { kind: 'objref', type: objectType(expr.type), expr: symbol(expr.name, true), loc };
  const known = ctx.sets.find(ctx.family, ctx.table, expr.set);
  const key = registers.key(expr.sreg, known?.set.keyLen ?? 0);
  if (key === undefined) return undefined;
  const map = resolve(ctx, { kind: 'map', key, set: expr.set, bytes: 0 }).expr;
  return { kind: 'objref', type: objectType(known?.set.objectType), expr: map, loc };
}

/** Where it stands nothing says of what type it is. */
function spelt(expr: Expression, type: Datatype): Expression {
  return expr.kind === 'number' ? { ...expr, text: numberText(expr, { type }) } : expr;
}

/** A set without a name that packets fill is what `meter` makes. */
export function setStatement(
  ctx: DelinearizeContext,
  registers: RegisterFile,
  { op, sregKey, set, sregData, timeoutMs, exprs }: DynsetIr,
): Statement | undefined {
  const known = ctx.sets.find(ctx.family, ctx.table, set);
  const keyOperand = registers.key(sregKey, known?.set.keyLen ?? 0);
  if (keyOperand === undefined) return undefined;
  const dataOperand = sregData === undefined ? undefined : registers.get(sregData);
  const type = typeById(known?.set.dataType ?? 0) ?? INTEGER;
  const data = dataOperand && spelt(resolveAs(ctx, dataOperand, { type, order: type.byteorder }), type);
  const stmts = stateStatements(exprs);
  const elem: SetElement = {
    kind: 'elem',
    key: resolve(ctx, keyOperand).expr,
    ...(data && { data }),
    ...(timeoutMs !== 0n && { timeoutMs: toCount(timeoutMs) }),
    ...(stmts.length > 0 && { stmts }),
    loc,
  };
  if (known !== undefined && isAnonymous(known.set)) {
    const { size } = known.set;
    return { kind: 'meter', name: set, ...(size > 0 && { size }), elem, loc };
  }
  return { kind: 'set', op, elem, set, loc };
}
