/** Instructions that keep state (counters, limits, quotas) as statements, of rules and of elements of sets. */
import type { ByteUnit, Statement, TimeUnit } from '../ast.js';
import { SECONDS } from '../expr/limit.js';
import type { IrExpr } from '../expr/registry.js';
import { NO_LOC as loc } from '../source.js';
import { toCount } from '../units.js';

const UNITS: readonly ByteUnit[] = ['bytes', 'kbytes', 'mbytes'];

/** The largest unit that divides it. */
function inUnits(bytes: bigint): [bigint, ByteUnit] {
  let rest = bytes;
  let unit = 0;
  while (unit < 2 && rest !== 0n && rest % 1024n === 0n) {
    rest /= 1024n;
    unit++;
  }
  return [rest, UNITS[unit]!];
}

export function timeUnit(seconds: bigint): TimeUnit {
  const found = (Object.entries(SECONDS) as [TimeUnit, bigint][]).find(([, each]) => each === seconds);
  return found?.[0] ?? 'second';
}

export function stateStatement(expr: IrExpr): Statement | undefined {
  switch (expr.kind) {
    case 'counter':
      return { kind: 'counter', packets: toCount(expr.packets), bytes: toCount(expr.bytes), loc };
    case 'quota': {
      const [val, valUnit] = inUnits(expr.bytes);
      const [used, usedUnit] = inUnits(expr.consumed);
      const more = expr.consumed === 0n ? {} : { used: toCount(used), usedUnit };
      return { kind: 'quota', val: toCount(val), valUnit, ...more, inv: expr.invert, loc };
    }
    case 'limit': {
      const { rate, unit, burst, type, invert: inv } = expr;
      const per = timeUnit(unit);
      if (type === 'packets')
        return { kind: 'limit', rate: toCount(rate), rateUnit: 'packets', per, burst, inv, loc };
      const [amount, rateUnit] = inUnits(rate);
      const [most, burstUnit] = inUnits(BigInt(burst));
      const more = burst === 0 ? {} : { burst: toCount(most), burstUnit };
      return { kind: 'limit', rate: toCount(amount), rateUnit, per, ...more, inv, loc };
    }
    case 'connlimit':
      return { kind: 'ct count', val: expr.count, inv: expr.invert, loc };
    case 'last':
      return { kind: 'last', ...(expr.msecs !== undefined && { usedMs: toCount(expr.msecs) }), loc };
    default:
      return undefined;
  }
}

export function stateStatements(exprs: readonly IrExpr[]): Statement[] {
  return exprs.flatMap((expr) => stateStatement(expr) ?? []);
}
