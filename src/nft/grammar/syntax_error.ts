/**
 * A failure of the generated parser in nft's words: what stands there, and what could. The parser names every literal that
 * it tried at the furthest place; where that is the beginning of a statement, a command and so on, the dozens of
 * them are named together.
 */
import { NftError } from '../error.js';
import { position, type Source } from '../source.js';
import { addressEnd } from './address.js';
import {
  CT,
  EXTHDR,
  IP_OPTION,
  META,
  NUMBER,
  PAYLOAD,
  QUOTED,
  SCTP_CHUNK,
  TCP_OPTION,
  TIME,
  WORD,
} from './vocabulary.js';

export interface Expectation {
  readonly type: string;
  readonly text?: string;
  readonly description?: string;
}

/** Named together when all of the words on the left are among what was expected; they stand for the rest then. */
const TOGETHER: readonly (readonly [string, readonly string[]])[] = [
  ['a command', ['add', 'delete', 'list']],
  ['an element', ['an address', '*']],
  ['a value or an operator', ['an address', 'a number', '==', '!=']],
  ['a value', ['an address', 'a number']],
  ['an item of a table', ['chain', 'set', 'map']],
  ['an option of the element', ['timeout', 'expires', 'comment']],
  ['a line of a chain', ['type', 'policy', 'accept']],
  ['a statement', ['accept', 'jump']],
];
/** Not worth a mention beside others. */
const QUIET = new Set([
  ...'|^&(.,-/+[:@$!;',
  ...[
    'or',
    'xor',
    'and',
    '<<',
    '>>',
    'lshift',
    'rshift',
    'map',
    'exists',
    'missing',
    '\\n',
    'include',
    'define',
  ],
  ...['redefine', 'undefine', 'an expression'],
]);
const MAX_NAMED = 6;

function tokenAt(source: Source, at: number): { end: number; name: string } {
  const { text } = source;
  if (at >= text.length) return { end: at + 1, name: 'end of file' };
  const address = addressEnd(text, at);
  if (address >= 0) return { end: address, name: `'${text.slice(at, address)}'` };
  for (const pattern of [QUOTED, TIME, NUMBER, WORD]) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return { end: pattern.lastIndex, name: `'${text.slice(at, pattern.lastIndex)}'` };
  }
  const code = text.codePointAt(at)!;
  if (code === 10) return { end: at + 1, name: 'newline' };
  if (text[at] === '"') return { end: at + 1, name: 'a string without its closing quote' };
  const junk = code < 32 || code > 126;
  return {
    end: at + 1,
    name: junk ? `junk (byte 0x${code.toString(16).padStart(2, '0')})` : `'${text[at]}'`,
  };
}

function expectedList(expected: readonly Expectation[]): string {
  const all = new Set(expected.flatMap(({ text, description }) => text ?? description ?? []));
  const quoted = new Set(expected.flatMap(({ type, text }) => (type === 'literal' && text ? [text] : [])));
  for (const [name, words] of TOGETHER) if (words.every((word) => all.has(word))) return name;
  const named = [...all].filter((word) => !QUIET.has(word));
  const some = (named.length > 0 ? named : [...all]).map((word) => (quoted.has(word) ? `'${word}'` : word));
  if (some.length > MAX_NAMED) return `${some.slice(0, MAX_NAMED).join(', ')}...`;
  return some.length > 1 ? `${some.slice(0, -1).join(', ')} or ${some.at(-1)}` : (some[0] ?? '');
}

/** What could stand where a word of a table was due. */
function knownWords(source: Source, at: number, expected: readonly Expectation[]): string | undefined {
  const due = (name: string) => expected.some(({ description }) => description === name);
  const before = /([a-z0-9]+)(?:\s+option|\s+chunk)?\s*$/.exec(source.text.slice(Math.max(0, at - 40), at));
  const word = before?.[1] ?? '';
  const list = (words: Iterable<string>) => [...words].join(', ');
  if (due('a field')) {
    const fields = PAYLOAD.get(word) ?? EXTHDR.get(word);
    const more = word === 'arp' ? ', saddr ip, daddr ip, saddr ether, daddr ether' : '';
    return fields && `the fields of ${word} are ${list(fields.keys())}${more}`;
  }
  if (due('a key of meta') && word === 'meta') return `the keys of meta are ${list(META.keys())}`;
  if (due('a key of ct')) return `the keys of ct are ${list(CT.keys())}`;
  if (due('a TCP option')) return `the options are ${list(TCP_OPTION.keys())}`;
  if (due('an IP option')) return `the options are ${list(IP_OPTION.keys())}`;
  if (due('a chunk of SCTP')) return `the chunks are ${list(SCTP_CHUNK.keys())}`;
  return undefined;
}

/** Line and column of the innermost brace that is still open at the end. */
function openBrace(source: Source): string {
  const open: number[] = [];
  for (const { 0: piece, index } of source.text.matchAll(/#[^\n]*|"[^"]*"|[{}]/g)) {
    if (piece === '{') open.push(index);
    else if (piece === '}') open.pop();
  }
  const last = open.at(-1);
  if (last === undefined) return '';
  const { line, column } = position(source, last);
  return `; the '{' at ${line}:${column} is not closed`;
}

export function syntaxError(source: Source, at: number, expected: readonly Expectation[]): NftError {
  // The blanks before a token belong to no token.
  let start = at;
  while (/[ \t\r]/.test(source.text.charAt(start))) start++;
  const token = tokenAt(source, start);
  const loc = { source, start, end: token.end };
  const known = knownWords(source, start, expected);
  if (known !== undefined) return new NftError(`syntax error, unexpected ${token.name}, ${known}`, loc);
  const what = expectedList(expected);
  const expecting = what === '' ? '' : `, expecting ${what}`;
  const message = `syntax error, unexpected ${token.name}${expecting}${start >= source.text.length ? openBrace(source) : ''}`;
  return new NftError(message, loc);
}
