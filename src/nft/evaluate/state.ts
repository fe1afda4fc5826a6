/** Statements with a state of their own, which elements of sets may have as well: they are instructions already. */
import type { LimitStatement, QuotaStatement, Statement } from '../ast.js';
import type { LimitIr } from '../expr/limit.js';
import { SECONDS } from '../expr/limit.js';
import type { QuotaIr } from '../expr/quota.js';
import type { IrExpr } from '../expr/registry.js';
import { bytesOf } from '../units.js';
import { fail } from './context.js';
import type { TypedStatement } from './typed_statement.js';

const DEFAULT_BURST = 5;

export function limitIr({ rate, rateUnit, per, burst, burstUnit, inv }: LimitStatement): LimitIr {
  const packets = rateUnit === 'packets';
  const burstCount =
    burst === undefined
      ? packets
        ? DEFAULT_BURST
        : 0
      : packets || burstUnit === undefined || burstUnit === 'packets'
        ? Number(burst)
        : Number(bytesOf(burst, burstUnit));
  return {
    kind: 'limit',
    rate: packets ? BigInt(rate) : bytesOf(rate, rateUnit),
    unit: SECONDS[per],
    burst: burstCount,
    type: packets ? 'packets' : 'bytes',
    invert: inv,
  };
}

function quotaIr({ val, valUnit, used, usedUnit, inv }: QuotaStatement): QuotaIr {
  return {
    kind: 'quota',
    bytes: bytesOf(val, valUnit),
    consumed: used === undefined ? 0n : bytesOf(used, usedUnit ?? 'bytes'),
    invert: inv,
  };
}

/** The instruction of a stateful statement; undefined of any other. */
export function stateIr(stmt: Statement): IrExpr | undefined {
  switch (stmt.kind) {
    case 'counter':
      return { kind: 'counter', packets: BigInt(stmt.packets ?? 0), bytes: BigInt(stmt.bytes ?? 0) };
    case 'limit':
      return limitIr(stmt);
    case 'quota':
      return quotaIr(stmt);
    case 'ct count':
      return { kind: 'connlimit', count: stmt.val, invert: stmt.inv };
    case 'last':
      return { kind: 'last', ...(stmt.usedMs !== undefined && { msecs: BigInt(stmt.usedMs) }) };
    default:
      return undefined;
  }
}

export function evaluateState(stmt: Statement): TypedStatement {
  const expr = stateIr(stmt);
  if (expr === undefined) fail(stmt.loc, 'stateful statement expected');
  return { kind: 'instruction', expr, loc: stmt.loc };
}
