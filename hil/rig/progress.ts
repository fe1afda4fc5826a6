/**
 * What a person sees of a run: a line a result; on a terminal also a last line that is written over, with what is under
 * way. In a pipe only the results.
 */
import type { Result } from './report.js';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const SIGNS = { passed: '✓', failed: '✗', skipped: '-' } as const;
const CLEAR = '\r\u001b[K';

export class Progress {
  private shown = false;

  constructor(private readonly terminal: Terminal) {}

  /** What is under way. */
  now(text: string): void {
    if (this.terminal.isTTY !== true) return;
    this.shown = true;
    this.terminal.write(`${CLEAR}${text.slice(0, (this.terminal.columns ?? 80) - 1)}`);
  }

  result({ board, suite, name, state, ms, why, figures }: Result): void {
    const time = state === 'skipped' ? '' : `  ${(ms / 1000).toFixed(1)} s`;
    this.line(` ${SIGNS[state]} ${board}/${suite}: ${name}${time}${figuresText(figures)}`);
    if (why === undefined) return;
    for (const line of why.trimEnd().split('\n')) this.line(`     ${line}`);
  }

  line(text: string): void {
    this.clear();
    this.terminal.write(`${text}\n`);
  }

  clear(): void {
    if (this.shown) this.terminal.write(CLEAR);
    this.shown = false;
  }
}

/** Numbers only; the rest is in the report. */
function figuresText(figures: Result['figures']): string {
  const numbers = Object.entries(figures ?? {}).filter(([, value]) => typeof value === 'number');
  return numbers.length === 0 || numbers.length > 4
    ? ''
    : `  (${numbers.map(([key, n]) => `${key} ${n}`).join(', ')})`;
}
