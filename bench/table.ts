/** Results as an aligned table, and below it what each figure includes. */
import type { BenchResult } from './suite.js';

const HEADS = ['name', 'value', 'unit', 'against', 'ratio', 'lowest', 'highest'];
const LEFT = new Set([0, 2]);

export function renderTable(results: readonly BenchResult[]): string {
  const rows = results.map(({ name, value, unit, against, ratio, samples }) => [
    name,
    figure(value),
    unit,
    against === undefined ? '' : figure(against),
    ratio === undefined ? '' : ratio.toFixed(2),
    figure(Math.min(...samples)),
    figure(Math.max(...samples)),
  ]);
  const all = [HEADS, ...rows];
  const widths = HEADS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (LEFT.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

export function renderIncludes(results: readonly BenchResult[]): string {
  return results.map(({ name, includes }) => `${name}: ${includes}\n`).join('');
}

/** Four significant digits, whole numbers as they are. */
function figure(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}
