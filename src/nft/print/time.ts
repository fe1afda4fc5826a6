/** Times as listings spell them: `1d2h3m4s5ms`. */
import type { Count } from '../ast.js';

const UNITS = [
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1000n],
  ['ms', 1n],
] as const;

export function timeText(ms: Count): string {
  let rest = BigInt(ms);
  let text = '';
  for (const [unit, size] of UNITS) {
    if (rest >= size) text += `${rest / size}${unit}`;
    rest %= size;
  }
  return text === '' ? '0s' : text;
}

const BYTE_UNITS = ['bytes', 'kbytes', 'mbytes'] as const;

/** The largest unit that divides it: `25 mbytes`. */
export function bytesText(bytes: Count): string {
  let rest = BigInt(bytes);
  let unit = 0;
  while (unit < 2 && rest !== 0n && rest % 1024n === 0n) {
    rest /= 1024n;
    unit++;
  }
  return `${rest} ${BYTE_UNITS[unit]}`;
}
