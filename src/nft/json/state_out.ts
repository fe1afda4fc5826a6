/** Statements that keep state as JSON, in rules and in elements of sets. */
import type {
  CounterStatement,
  CtCountStatement,
  LastStatement,
  LimitStatement,
  QuotaStatement,
} from '../ast.js';
import { fields, type Json } from './text.js';

type StateStatement = CounterStatement | CtCountStatement | LastStatement | LimitStatement | QuotaStatement;

function limitJson({ rate, rateUnit, per, burst, burstUnit, inv }: LimitStatement): Json {
  const packets = rateUnit === 'packets';
  return {
    limit: fields({
      rate,
      burst: burst ?? (packets ? 5 : 0),
      per,
      inv: inv || undefined,
      rate_unit: packets ? undefined : rateUnit,
      burst_unit: packets ? undefined : (burstUnit ?? 'bytes'),
    }),
  };
}

function quotaJson({ val, valUnit, used, usedUnit, inv }: QuotaStatement): Json {
  return {
    quota: fields({
      val,
      val_unit: valUnit,
      used: used || undefined,
      used_unit: used ? (usedUnit ?? 'bytes') : undefined,
      inv: inv || undefined,
    }),
  };
}

/** `dynamic`: of elements added by packets, whose counts are not told. */
export function stateJson(stmt: StateStatement, dynamic = false): Json {
  switch (stmt.kind) {
    case 'counter':
      if (dynamic || stmt.packets === undefined) return { counter: null };
      return { counter: { packets: stmt.packets, bytes: stmt.bytes ?? 0 } };
    case 'quota':
      return quotaJson(stmt);
    case 'limit':
      return limitJson(stmt);
    case 'last':
      return { last: stmt.usedMs === undefined ? null : { used: stmt.usedMs } };
    case 'ct count':
      return { 'ct count': fields({ val: stmt.val, inv: stmt.inv || undefined }) };
  }
}
