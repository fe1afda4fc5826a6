/**
 * A mistake in a file that somebody wrote, told so that it can be mended at once: where, what was wrong, what would be
 * right, and the line itself.
 *
 *   router.yaml:4:26: "192.168.1.300/24" is not an address: 300 is more than 255
 *       4 |       addresses: [192.168.1.300/24]
 *         |                   ^~~~~~~~~~~~~~~~
 *     write ADDRESS/PREFIX, for example 192.168.1.1/24
 */

export interface Diagnostic {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  readonly message: string;
  readonly hint: string;
  /** The line of the file. */
  readonly source: string;
  /** How many characters of it are meant, at least 1. */
  readonly width: number;
}

export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, message, hint, source, width } = diagnostic;
  const number = String(line).padStart(5);
  // Tabs stay tabs, so that the caret stands under its character however wide they are.
  const lead = source.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const marks = `^${'~'.repeat(width - 1)}`;
  const head = `${file}:${line}:${column}: ${message}`;
  return `${head}\n${number} | ${source}\n${' '.repeat(5)} | ${lead}${marks}\n  ${hint}\n`;
}

/** The candidate that a hasty writer most likely meant, if any is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
