/**
 * The cheap rule for long lists: elements of a set that are addresses, prefixes, ranges, numbers and words, and
 * concatenations of those, read by a loop up to the closing brace. Whatever else there is (an option, a variable, a value
 * behind a colon, a string in quotes) makes it give up, and the grammar reads the list. Both make the same nodes.
 */
import type { Expression, NumberExpr, SetElement, SymbolExpr } from '../ast.js';
import type { Source } from '../source.js';
import { addressEnd } from './address.js';
import { NUMBER, RESERVED, WORD } from './vocabulary.js';
import { parseNumber } from './number.js';

const SPACE = /(?:[ \t\r\n]|\\\r?\n|#[^\n]*(?=\n))*/y;
const BLANK = /[ \t]*/y;
const LENGTH = /[ \t]*\/[ \t]*(\d{1,3})(?![\w.])/y;
const DASH = /[ \t]*-[ \t]*/y;
const DOT = /[ \t]*\.(?![A-Za-z_])[ \t]*/y;

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function value(source: Source, at: number): SymbolExpr | NumberExpr | undefined {
  const { text } = source;
  let end = addressEnd(text, at);
  if (end < 0) {
    end = skip(NUMBER, text, at);
    if (end >= 0) return parseNumber(text.slice(at, end), { source, start: at, end });
    end = skip(WORD, text, at);
    // `eth*`, a keyword, and all the rest: not plain.
    if (end < 0 || /[*\\]/.test(text.charAt(end))) return undefined;
    const word = text.slice(at, end);
    if (RESERVED.has(word) || word === 'exists' || word === 'missing') return undefined;
  }
  return { kind: 'symbol', name: text.slice(at, end), loc: { source, start: at, end } };
}

/** A value, prefix or range. */
function part(source: Source, at: number): Expression | undefined {
  const { text } = source;
  const first = value(source, at);
  if (!first) return undefined;
  const behind = skip(BLANK, text, first.loc.end);
  const next = text.charCodeAt(behind);
  if (next === 0x2f) {
    LENGTH.lastIndex = first.loc.end;
    const length = LENGTH.exec(text);
    if (!length) return undefined;
    return {
      kind: 'prefix',
      addr: first,
      len: Number(length[1]),
      loc: { source, start: at, end: LENGTH.lastIndex },
    };
  }
  if (next === 0x2d) {
    const to = value(source, skip(DASH, text, first.loc.end));
    if (!to) return undefined;
    return { kind: 'range', from: first, to, loc: { source, start: at, end: to.loc.end } };
  }
  return first;
}

function element(source: Source, start: number): SetElement | undefined {
  let key = part(source, start);
  if (!key) return undefined;
  let items: Expression[] | undefined;
  for (
    let at = skip(DOT, source.text, key.loc.end);
    at >= 0;
    at = skip(DOT, source.text, items.at(-1)!.loc.end)
  ) {
    const next = part(source, at);
    if (!next) return undefined;
    items ??= [key];
    items.push(next);
  }
  if (items) key = { kind: 'concat', items, loc: { source, start, end: items.at(-1)!.loc.end } };
  return { kind: 'elem', key, loc: key.loc };
}

/** The elements from `start` (behind the opening brace) up to the closing one; undefined where one is not plain. */
export function plainElements(
  source: Source,
  start: number,
): { elem: SetElement[]; end: number } | undefined {
  const { text } = source;
  const elem: SetElement[] = [];
  for (let at = skip(SPACE, text, start); ; ) {
    const next = element(source, at);
    if (!next) return undefined;
    elem.push(next);
    at = skip(SPACE, text, next.loc.end);
    if (text.charCodeAt(at) === 0x2c) at = skip(SPACE, text, at + 1);
    else if (text.charCodeAt(at) !== 0x7d) return undefined;
    if (text.charCodeAt(at) === 0x7d) return { elem, end: at };
  }
}
