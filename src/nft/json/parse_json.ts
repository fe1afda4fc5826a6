/**
 * A reader of JSON that knows where each value stands, and keeps integers of 64 bits whole, both of which JSON.parse does not.
 * RFC 8259.
 */
import { NftError } from '../error.js';
import type { Loc, Source } from '../source.js';

export type JsonNode = { readonly start: number; readonly end: number } & (
  | { readonly type: 'null' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'number'; readonly value: number | bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly items: readonly JsonNode[] }
  | { readonly type: 'object'; readonly entries: ReadonlyMap<string, JsonNode> }
);

const SPACE = /[ \t\r\n]*/y;
/** Its end; whether it is well formed is for JSON.parse to say. */
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const MAX_DEPTH = 200;

class Reader {
  private at = 0;

  constructor(private readonly source: Source) {}

  private fail(message: string): never {
    const loc: Loc = { source: this.source, start: this.at, end: this.at + 1 };
    throw new NftError(`invalid JSON: ${message}`, loc);
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source.text);
    if (!found) return undefined;
    this.at = pattern.lastIndex;
    return found[0];
  }

  /** The next character that is no blank. */
  private peek(): string {
    this.match(SPACE);
    return this.source.text.charAt(this.at);
  }

  private expect(character: string): void {
    if (this.peek() !== character) this.fail(`'${character}' is expected`);
    this.at++;
  }

  document(): JsonNode {
    const node = this.value(0);
    if (this.peek() !== '') this.fail('the end is expected');
    return node;
  }

  private value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.fail('nested too deeply');
    const next = this.peek();
    const start = this.at;
    if (next === '{') return this.object(start, depth);
    if (next === '[') return this.array(start, depth);
    if (next === '"') return { type: 'string', value: this.string(), start, end: this.at };
    const word = this.match(WORD);
    if (word === 'null') return { type: 'null', start, end: this.at };
    if (word !== undefined) return { type: 'boolean', value: word === 'true', start, end: this.at };
    const number = this.match(NUMBER);
    if (number === undefined) return this.fail(next === '' ? 'it ends too early' : 'a value is expected');
    const whole = /^-?\d+$/.test(number) ? BigInt(number) : undefined;
    const value = whole === undefined || Number.isSafeInteger(Number(whole)) ? Number(number) : whole;
    return { type: 'number', value, start, end: this.at };
  }

  private string(): string {
    const text = this.match(STRING);
    try {
      if (text !== undefined) return JSON.parse(text) as string;
    } catch {}
    return this.fail('this string is not well formed');
  }

  private array(start: number, depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.expect('[');
    if (this.peek() !== ']') {
      do items.push(this.value(depth + 1));
      while (this.comma());
    }
    this.expect(']');
    return { type: 'array', items, start, end: this.at };
  }

  private object(start: number, depth: number): JsonNode {
    const entries = new Map<string, JsonNode>();
    this.expect('{');
    if (this.peek() !== '}') {
      do {
        if (this.peek() !== '"') this.fail('the name of a property is expected');
        const name = this.string();
        this.expect(':');
        entries.set(name, this.value(depth + 1));
      } while (this.comma());
    }
    this.expect('}');
    return { type: 'object', entries, start, end: this.at };
  }

  private comma(): boolean {
    if (this.peek() !== ',') return false;
    this.at++;
    return true;
  }
}

export function parseJson(source: Source): JsonNode {
  return new Reader(source).document();
}
