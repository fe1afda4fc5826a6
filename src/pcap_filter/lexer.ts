/** The words of a filter expression. */
import { FilterError } from './filter_error.js';
import { CONSTANTS } from './names.js';

export type TokenKind = 'word' | 'number' | 'ipv4' | 'ipv6' | 'mac' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written; a word's backslash is taken off. */
  readonly text: string;
  readonly at: number;
  /** Of a number. */
  readonly value: number;
  /** A word behind a backslash is a name, never a keyword. */
  readonly escaped: boolean;
}

const SYMBOLS = [
  '<<',
  '>>',
  '<=',
  '>=',
  '!=',
  '==',
  '&&',
  '||',
  '(',
  ')',
  '[',
  ']',
  ':',
  '<',
  '>',
  '=',
  '!',
  '&',
  '|',
  '^',
  '+',
  '-',
  '*',
  '/',
  '%',
];
const HEX = '[0-9a-fA-F]';
const MAC = new RegExp(
  `^(?:${HEX}{1,2}(?::${HEX}{1,2}){5}|${HEX}{1,2}(?:-${HEX}{1,2}){5}|${HEX}{1,2}(?:\\.${HEX}{1,2}){5}|${HEX}{4}\\.${HEX}{4}\\.${HEX}{4}|${HEX}{12})(?![\\w:.-])`,
);
const IPV6 = /^(?=[0-9a-fA-F:]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]+(?:\d+\.\d+\.\d+\.\d+)?(?![\w:])/;
const IPV4 = /^\d+(?:\.\d+){1,3}(?![\w.-])/;
const NUMBER = /^(?:0[xX][0-9a-fA-F]+|\d+)(?![\w.])/;
const WORD = /^\\?[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/;

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest)?.[0].length ?? 0;
    if (space > 0) {
      at += space;
      continue;
    }
    const token = next(text, rest, at);
    found.push(token);
    at += token.text.length + (token.escaped ? 1 : 0);
  }
  found.push({ kind: 'end', text: '', at: text.length, value: 0, escaped: false });
  return found;
}

function next(text: string, rest: string, at: number): Token {
  const make = (kind: TokenKind, word: string, value = 0): Token => ({
    kind,
    text: word,
    at,
    value,
    escaped: false,
  });
  const mac = MAC.exec(rest)?.[0];
  // Twelve digits alone are a number.
  if (mac !== undefined && !/^\d{12}$/.test(mac)) return make('mac', mac);
  const ipv6 = IPV6.exec(rest)?.[0];
  if (ipv6 !== undefined) return make('ipv6', ipv6);
  const ipv4 = IPV4.exec(rest)?.[0];
  if (ipv4 !== undefined) return make('ipv4', ipv4);
  const number = NUMBER.exec(rest)?.[0];
  if (number !== undefined && !/^\d+-[A-Za-z0-9]/.test(rest))
    return make('number', number, numberOf(text, number, at));
  const word = WORD.exec(rest)?.[0];
  if (word !== undefined) {
    if (word.startsWith('\\')) return { kind: 'word', text: word.slice(1), at, value: 0, escaped: true };
    const constant = CONSTANTS.get(word.toLowerCase());
    return constant === undefined ? make('word', word) : make('number', word, constant);
  }
  const symbol = SYMBOLS.find((one) => rest.startsWith(one));
  if (symbol !== undefined) return make('symbol', symbol);
  throw new FilterError(text, at, `'${rest[0]}' means nothing in a filter`);
}

/** As strtoul does: hexadecimal, octal behind a 0, decimal. */
function numberOf(text: string, word: string, at: number): number {
  if (/^0[0-7]*[89]/.test(word)) throw new FilterError(text, at, `${word} is no octal number`);
  const value = /^0[xX]/.test(word)
    ? Number(word)
    : word.startsWith('0')
      ? Number.parseInt(word, 8)
      : Number(word);
  if (value > 0xffffffff) throw new FilterError(text, at, `${word} is larger than 4294967295`);
  return value;
}
