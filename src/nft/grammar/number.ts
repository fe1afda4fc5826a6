/** Numbers and times as the language spells them. */
import type { Count, Loc, NumberExpr } from '../ast.js';
import { toCount } from '../units.js';

/** Decimal, `0x` and, with a leading zero, octal. */
export function numberOf(text: string): Count {
  if (/^0[0-7]+$/.test(text)) return toCount(BigInt(`0o${text}`));
  return text.length < 16 ? Number(text) : toCount(BigInt(text));
}

export function parseNumber(text: string, loc: Loc): NumberExpr {
  const plain = text.charCodeAt(0) !== 0x30 || text === '0';
  return plain
    ? { kind: 'number', value: numberOf(text), loc }
    : { kind: 'number', value: numberOf(text), text, loc };
}

const MS: Readonly<Record<string, bigint>> = { d: 86_400_000n, h: 3_600_000n, m: 60_000n, s: 1000n, ms: 1n };

/** Milliseconds of `1d2h3m4s5ms`; a number alone is seconds. */
export function timeOf(text: string): Count {
  if (/^(0x)?[0-9a-fA-F]+$/.test(text) && !/^\d+d$/.test(text))
    return toCount(BigInt(numberOf(text)) * 1000n);
  let ms = 0n;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) ms += BigInt(digits!) * MS[unit!]!;
  return toCount(ms);
}
