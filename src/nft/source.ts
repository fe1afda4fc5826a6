/**
 * Where a node of a ruleset came from. A Source is one text: a file, the command line, standard input, a
 * document in JSON; a Loc is a stretch of it. A node keeps two offsets only, since a set may have a hundred thousand
 * elements; line and column are found when somebody asks, which is when there is an error to print.
 */

export interface Source {
  /** As nft names it in messages: the path, `<cmdline>`, `/dev/stdin`. */
  readonly name: string;
  readonly text: string;
  /** The `include` that read this file. */
  readonly includedFrom?: Loc;
  /** Offsets of the first character of each line; made at first use by `position`. */
  lineStarts?: readonly number[];
}

export interface Loc {
  readonly source: Source;
  /** Offset of the first character. */
  readonly start: number;
  /** Offset behind the last character. */
  readonly end: number;
  /** In a JSON document: the path of the value, as in `nftables[3].add.rule.expr[0]`. */
  readonly path?: string;
}

export interface Position {
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1; a tab counts as one. */
  readonly column: number;
}

/** Of nodes that no text stands for: made from a dump of the kernel's, or by a rule of the language. */
export const NO_LOC: Loc = { source: { name: '<internal>', text: '' }, start: 0, end: 0 };

function lineStartsOf(source: Source): readonly number[] {
  if (source.lineStarts) return source.lineStarts;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at >= 0; at = source.text.indexOf('\n', at + 1))
    starts.push(at + 1);
  source.lineStarts = starts;
  return starts;
}

export function position(source: Source, offset: number): Position {
  const starts = lineStartsOf(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { offset, line: low + 1, column: offset - starts[low]! + 1 };
}

/** The text of a line, from 1, without its newline. */
export function lineText(source: Source, line: number): string {
  const starts = lineStartsOf(source);
  const end = starts[line] === undefined ? source.text.length : starts[line] - 1;
  return source.text.slice(starts[line - 1], end);
}

/** From the start of one to the end of the other. */
export function span(first: Loc, last: Loc): Loc {
  return { source: first.source, start: first.start, end: last.end };
}

/** The nth (from 0) place of a word within a stretch of text, or all of the stretch where it does not stand. */
export function wordIn(loc: Loc, word: string, nth = 0): Loc {
  const text = loc.source.text.slice(loc.start, loc.end);
  const isPart = (c: string | undefined): boolean => c !== undefined && /[\w.$/\\-]/.test(c);
  const found: number[] = [];
  for (let at = text.indexOf(word); at >= 0 && word !== ''; at = text.indexOf(word, at + 1))
    if (!isPart(text[at - 1]) && !isPart(text[at + word.length])) found.push(at);
  const at = found.at(Math.min(nth, found.length - 1));
  if (loc.path !== undefined || at === undefined) return loc;
  return { source: loc.source, start: loc.start + at, end: loc.start + at + word.length };
}

/** The first word of a stretch: what nft underlines of a statement. */
export function firstWord(loc: Loc): Loc {
  const length = loc.source.text.slice(loc.start, loc.end).search(/[\s;}]|$/);
  return loc.path !== undefined || length <= 0 ? loc : { ...loc, end: loc.start + length };
}
