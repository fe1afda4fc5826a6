/**
 * Reads YAML into typed values and remembers where each one stood. A reading function that meets something else than it
 * wants reports that and returns null, so that one pass over a file finds all its mistakes.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import { type Diagnostic, nearest } from './diagnostic.js';

/** A piece of the text, [start, end) in characters. */
export type Range = readonly [start: number, end: number];

export interface Entry {
  readonly key: string;
  readonly keyAt: Range;
  readonly value: Value;
}

/** A value in the file: its node (null where nothing stands) and where to point when it is wrong. */
export interface Value {
  readonly node: Node | null;
  readonly at: Range;
}

export type Fields = Record<string, (value: Value, entry: Entry) => void>;

const SYNTAX_HINTS: Record<string, string> = {
  BAD_INDENT: 'indent the entries of one level equally, with spaces',
  TAB_AS_INDENT: 'YAML is indented with spaces only',
  MISSING_CHAR: 'check brackets, quotes and the ":" after each key',
  BAD_SCALAR_START: 'put this text in quotes',
  MULTILINE_IMPLICIT_KEY: 'a key is "name:" on one line',
  BLOCK_AS_IMPLICIT_KEY: 'start the inner block on its own line, indented further',
  MULTIPLE_DOCS: 'write one document only, without "---" between',
};

const SYNTAX_HINT = 'check indentation, brackets and quotes here and just above';
const FLOW_HINT = 'close the "[" or "{" that stands above, and put "," between its entries';

export class YamlReader {
  readonly errors: Diagnostic[] = [];
  readonly warnings: Diagnostic[] = [];
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {
    this.document = parseDocument(text, {
      lineCounter: this.lines,
      prettyErrors: false,
      logLevel: 'error',
    });
  }

  /** The whole file; null when its syntax is wrong, which is then reported alone. */
  root(): Value | null {
    let readable = true;
    for (const { code, message, pos } of this.document.errors) {
      if (code === 'DUPLICATE_KEY') {
        const key = this.wordAt(pos[0]);
        this.error([pos[0], pos[0] + key.length], `"${key}" is given twice`, 'merge the two, or remove one');
        continue;
      }
      readable = false;
      const hint = /^flow/i.test(message) ? FLOW_HINT : (SYNTAX_HINTS[code] ?? SYNTAX_HINT);
      this.error([pos[0], Math.max(pos[1], pos[0] + 1)], `not valid YAML: ${syntaxMessage(message)}`, hint);
    }
    return readable ? { node: this.document.contents, at: [0, 1] } : null;
  }

  error(at: Range, message: string, hint: string): void {
    this.errors.push(this.diagnostic(at, message, hint));
  }

  warning(at: Range, message: string, hint: string): void {
    this.warnings.push(this.diagnostic(at, message, hint));
  }

  /** A place to point at later, when more is known. */
  place(at: Range): Diagnostic {
    return this.diagnostic(at, '', '');
  }

  /**
   * The text behind a `|`, every character at the line and column where it stands in the file, so that a language of its
   * own tells its mistakes there; null for any other value.
   */
  block(value: Value): string | null {
    const node = this.resolve(value.node);
    if (!isScalar(node) || node.type !== 'BLOCK_LITERAL' || !node.range) return null;
    const [start, end] = node.range;
    const newline = this.text.indexOf('\n', start);
    if (newline < 0 || newline >= end) return '';
    return '\n'.repeat(this.lines.linePos(start).line) + this.text.slice(newline + 1, end);
  }

  /** The line number that a range begins on, for messages that name another place. */
  lineOf(at: Range): number {
    return this.lines.linePos(at[0]).line;
  }

  entries(value: Value, what: string, example: string): Entry[] | null {
    const node = this.resolve(value.node);
    if (!isMap(node)) {
      this.error(value.at, `${what} has to be a mapping, not ${describe(node)}`, example);
      return null;
    }
    const entries: Entry[] = [];
    for (const { key, value: inner } of node.items) {
      const keyNode = key as Node;
      const keyAt = rangeOf(keyNode) ?? value.at;
      if (!isScalar(keyNode)) {
        this.error(keyAt, 'a key has to be plain text', 'write "name: value"');
        continue;
      }
      const innerNode = inner as Node | null;
      const empty = innerNode === null || (isScalar(innerNode) && innerNode.value === null);
      const at = empty ? keyAt : (rangeOf(innerNode) ?? keyAt);
      entries.push({ key: scalarText(keyNode), keyAt, value: { node: innerNode, at } });
    }
    return entries;
  }

  /**
   * A mapping with known keys; `later` are keys with a meaning in netplan that is not there yet. Anything else is a
   * mistake. Returns false when it was no mapping.
   */
  fields(
    value: Value,
    what: string,
    example: string,
    fields: Fields,
    later: readonly string[] = [],
  ): boolean {
    const entries = this.entries(value, what, example);
    if (entries === null) return false;
    const known = Object.keys(fields);
    for (const entry of entries) {
      const read = Object.hasOwn(fields, entry.key) ? fields[entry.key] : undefined;
      if (read) {
        read(entry.value, entry);
      } else if (later.includes(entry.key)) {
        this.error(
          entry.keyAt,
          `"${entry.key}" is not supported yet in ${what}`,
          `remove it; ${list(known)}`,
        );
      } else {
        this.error(entry.keyAt, `unknown key "${entry.key}" in ${what}`, suggest(entry.key, known));
      }
    }
    return true;
  }

  items(value: Value, what: string, example: string): Value[] | null {
    const node = this.resolve(value.node);
    if (!isSeq(node)) {
      this.error(value.at, `${what} has to be a list, not ${describe(node)}`, example);
      return null;
    }
    return node.items.map((item) => ({ node: item as Node, at: rangeOf(item as Node) ?? value.at }));
  }

  isMapping(value: Value): boolean {
    return isMap(this.resolve(value.node));
  }

  /** Text; a number counts as the text it was written as. */
  string(value: Value, what: string, example: string): string | null {
    const node = this.resolve(value.node);
    if (isScalar(node) && node.value !== null && typeof node.value !== 'boolean') return scalarText(node);
    this.error(value.at, `${what} has to be text, not ${describe(node)}`, example);
    return null;
  }

  integer(value: Value, what: string, min: number, max: number): number | null {
    const node = this.resolve(value.node);
    const hint = `write a whole number from ${min} to ${max}`;
    const given = isScalar(node) && node.value !== null ? scalarText(node) : describe(node);
    const number = isScalar(node) ? toInteger(node.value) : null;
    if (number === null) {
      this.error(value.at, `${what} has to be a whole number, not ${given}`, hint);
      return null;
    }
    if (number < min || number > max) {
      this.error(value.at, `${what} ${number} is out of range`, hint);
      return null;
    }
    return number;
  }

  /** true and false; also yes, no, on and off, which netplan's YAML 1.1 takes. */
  boolean(value: Value, what: string): boolean | null {
    const node = this.resolve(value.node);
    const text = isScalar(node) ? String(node.value).toLowerCase() : '';
    if (['true', 'yes', 'on'].includes(text)) return true;
    if (['false', 'no', 'off'].includes(text)) return false;
    const given = isScalar(node) && node.value !== null ? scalarText(node) : describe(node);
    this.error(
      value.at,
      `${what} has to be true or false, not ${given}`,
      `write "${what}: true" or "${what}: false"`,
    );
    return null;
  }

  oneOf<T extends string>(
    value: Value,
    what: string,
    choices: readonly T[],
    later: readonly string[] = [],
  ): T | null {
    const text = this.string(value, what, list(choices));
    if (text === null) return null;
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    if (later.includes(text)) this.error(value.at, `${what} "${text}" is not supported yet`, list(choices));
    else this.error(value.at, `unknown ${what} "${text}"`, suggest(text, choices));
    return null;
  }

  private resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.document) ?? null) : node;
  }

  private wordAt(start: number): string {
    return /^[^\s:,\]}]+/.exec(this.text.slice(start))?.[0] ?? '';
  }

  private diagnostic([start, end]: Range, message: string, hint: string): Diagnostic {
    const { line, col } = this.lines.linePos(Math.min(start, this.text.length));
    const lineStart = this.lines.lineStarts[line - 1] ?? 0;
    const newline = this.text.indexOf('\n', lineStart);
    const source = this.text.slice(lineStart, newline === -1 ? undefined : newline).replace(/\r$/, '');
    const width = Math.max(1, Math.min(end - start, source.length - (col - 1)));
    return { file: this.file, line, column: col, message, hint, source, width };
  }
}

export function suggest(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === null ? list(known) : `did you mean "${near}"?`;
}

function list(known: readonly string[]): string {
  return `possible here: ${known.join(', ')}`;
}

function rangeOf(node: Node | null): Range | null {
  return node?.range ? [node.range[0], node.range[1]] : null;
}

/** What was written, without quotes. */
function scalarText(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

function toInteger(value: unknown): number | null {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : null;
}

function describe(node: Node | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  return typeof node.value === 'boolean' ? `${node.value}` : `"${scalarText(node)}"`;
}

function syntaxMessage(message: string): string {
  const quote = /^Missing closing (["'])quote/.exec(message)?.[1];
  if (message.includes('multiple documents')) return 'there is more than one document';
  return quote ? `a ${quote} is not closed` : message.charAt(0).toLowerCase() + message.slice(1);
}
