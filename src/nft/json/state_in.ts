/** JSON to statements that keep state, in rules and in elements of sets. */
import type {
  ByteUnit,
  CounterStatement,
  CtCountStatement,
  LastStatement,
  LimitStatement,
  Loc,
  QuotaStatement,
} from '../ast.js';
import { bodyOf, type Cursor, present } from './cursor.js';

const BYTE_UNITS: readonly ByteUnit[] = ['bytes', 'kbytes', 'mbytes'];
export const TIME_UNITS = ['second', 'minute', 'hour', 'day', 'week'] as const;

function counterFrom(c: Cursor, loc: Loc): CounterStatement {
  const body = bodyOf(c);
  if (!body || (!body.has('packets') && !body.has('bytes'))) return { kind: 'counter', loc };
  return {
    kind: 'counter',
    packets: body.opt('packets')?.count() ?? 0,
    bytes: body.opt('bytes')?.count() ?? 0,
    loc,
  };
}

function quotaFrom(body: Cursor, loc: Loc): QuotaStatement {
  return present<QuotaStatement>({
    kind: 'quota',
    val: body.get('val').count(),
    valUnit: body.opt('val_unit')?.word(BYTE_UNITS) ?? 'bytes',
    used: body.opt('used')?.count(),
    usedUnit: body.has('used') ? (body.opt('used_unit')?.word(BYTE_UNITS) ?? 'bytes') : undefined,
    inv: body.opt('inv')?.boolean() ?? false,
    loc,
  });
}

export function limitFrom(body: Cursor, loc: Loc): LimitStatement {
  const rateUnit = body.opt('rate_unit')?.word(['packets', ...BYTE_UNITS] as const) ?? 'packets';
  const burstUnit =
    rateUnit === 'packets' ? 'packets' : (body.opt('burst_unit')?.word(BYTE_UNITS) ?? 'bytes');
  const burst = body.opt('burst')?.count();
  return present<LimitStatement>({
    kind: 'limit',
    rate: body.get('rate').count(),
    rateUnit,
    per: body.opt('per')?.word(TIME_UNITS) ?? 'second',
    burst,
    burstUnit: burst === undefined ? undefined : burstUnit,
    inv: body.opt('inv')?.boolean() ?? false,
    loc,
  });
}

/** By the name of the object's one property; undefined: it is another kind of statement. */
export function stateFrom(
  name: string,
  body: Cursor,
  loc: Loc,
): CounterStatement | CtCountStatement | LastStatement | LimitStatement | QuotaStatement | undefined {
  switch (name) {
    case 'counter':
      return counterFrom(body, loc);
    case 'quota':
      return quotaFrom(body, loc);
    case 'limit':
      return limitFrom(body, loc);
    case 'last': {
      const used = bodyOf(body)?.opt('used');
      return used ? { kind: 'last', usedMs: used.count(), loc } : { kind: 'last', loc };
    }
    case 'ct count':
      return {
        kind: 'ct count',
        val: body.get('val').number(),
        inv: body.opt('inv')?.boolean() ?? false,
        loc,
      };
    default:
      return undefined;
  }
}
