/** Statements that keep state, in rules and in elements of sets: counters, limits and the like. */
import type {
  CounterStatement,
  CtCountStatement,
  LastStatement,
  LimitStatement,
  QuotaStatement,
  Statement,
} from '../ast.js';
import type { PrintOptions } from './options.js';
import { timeText } from './time.js';

type StateStatement = CounterStatement | CtCountStatement | LastStatement | LimitStatement | QuotaStatement;

export function isState(stmt: Statement): stmt is StateStatement {
  return ['counter', 'ct count', 'last', 'limit', 'quota'].includes(stmt.kind);
}

function limitText(limit: LimitStatement): string {
  const { rate, rateUnit, per, burst, burstUnit, inv } = limit;
  const over = inv ? 'over ' : '';
  if (rateUnit === 'packets') {
    const usual = burst === undefined || Number(burst) === 5;
    return `rate ${over}${rate}/${per}${usual ? '' : ` burst ${burst} packets`}`;
  }
  const more = burst && Number(burst) !== 0 ? ` burst ${burst} ${burstUnit ?? 'bytes'}` : '';
  return `rate ${over}${rate} ${rateUnit}/${per}${more}`;
}

function quotaText({ val, valUnit, used, usedUnit, inv }: QuotaStatement, options: PrintOptions): string {
  const more = used && !options.stateless ? ` used ${used} ${usedUnit ?? 'bytes'}` : '';
  return `quota ${inv ? 'over ' : ''}${val} ${valUnit}${more}`;
}

/** `dynamic`: of elements added by packets, whose counts are not printed. */
export function stateText(stmt: StateStatement, options: PrintOptions, dynamic = false): string {
  switch (stmt.kind) {
    case 'counter': {
      if (dynamic || options.stateless || stmt.packets === undefined) return 'counter';
      return `counter packets ${stmt.packets} bytes ${stmt.bytes ?? 0}`;
    }
    case 'quota':
      return quotaText(stmt, options);
    case 'limit':
      return `limit ${limitText(stmt)}`;
    case 'last':
      return options.stateless
        ? 'last'
        : `last used ${stmt.usedMs === undefined ? 'never' : timeText(stmt.usedMs)}`;
    case 'ct count':
      return `ct count ${stmt.inv ? 'over ' : ''}${stmt.val}`;
  }
}
