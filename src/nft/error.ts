/**
 * What is wrong with a ruleset, and where, printed as nft does: the place, why, the line, and carets under it; for an
 * included file, who included it.
 *
 *   In file included from main.nft:3:1-22:
 *   ports.nft:1:31-36: Error: syntax error, unexpected 'accept', expecting a value
 *   add rule filter input tcp dport accept
 *                                   ^^^^^^
 */
import { type Loc, lineText, position } from './source.js';

export class NftError extends Error {
  constructor(
    message: string,
    readonly loc: Loc,
    /** What the fault rests on (the left side that a right side does not fit), marked with tildes. */
    readonly because?: Loc,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NftError';
  }

  /** `file:line:column-column`, or the path in a JSON document. */
  get where(): string {
    return place(this.loc);
  }

  /** The whole message, as printed. */
  override toString(): string {
    return formatError(this);
  }
}

/** `file:line:column-column`; over several lines the end is that of the first. */
function place(loc: Loc): string {
  const { name } = loc.source;
  if (loc.path !== undefined) return `${name}: ${loc.path}`;
  const start = position(loc.source, loc.start);
  const last = lastColumn(loc);
  return `${name}:${start.line}:${start.column}-${last}`;
}

function lastColumn(loc: Loc): number {
  const start = position(loc.source, loc.start);
  const line = lineText(loc.source, start.line);
  const length = Math.max(1, Math.min(loc.end - loc.start, line.length - start.column + 1));
  return start.column + length - 1;
}

const MAX_LINE = 400;

function underline(line: string, error: NftError): string {
  const { loc, because } = error;
  const at = position(loc.source, loc.start);
  const marks: string[] = Array.from(line.slice(0, at.column - 1), (c) => (c === '\t' ? '\t' : ' '));
  if (because && because.source === loc.source && position(loc.source, because.start).line === at.line) {
    const from = position(loc.source, because.start).column;
    for (let column = from; column <= lastColumn(because); column++) marks[column - 1] = '~';
  }
  for (let column = at.column; column <= lastColumn(loc); column++) marks[column - 1] = '^';
  return Array.from(marks, (mark) => mark ?? ' ').join('');
}

export function formatError(error: NftError): string {
  const lines: string[] = [];
  for (let from = error.loc.source.includedFrom; from; from = from.source.includedFrom) {
    lines.unshift(`In file included from ${place(from)}:`);
  }
  lines.push(`${error.where}: Error: ${error.message}`);
  if (error.loc.path === undefined && error.loc.source.text !== '') {
    const line = lineText(error.loc.source, position(error.loc.source, error.loc.start).line);
    const printable = [...line].map((c) => (c === '\ufffd' || (c < ' ' && c !== '\t') ? '?' : c)).join('');
    if (line.length <= MAX_LINE) lines.push(printable, underline(line, error));
  }
  return lines.join('\n');
}
