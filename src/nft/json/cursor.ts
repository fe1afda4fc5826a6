/**
 * A place in a JSON document while it is checked against the schema: every step down knows its path, so that what does
 * not fit is told by it: `nftables[3].add.rule.expr[0].match.op: one of ==, !=, ... is expected`.
 */
import type { Count } from '../ast.js';
import { NftError } from '../error.js';
import type { Loc, Source } from '../source.js';
import type { JsonNode } from './parse_json.js';

export class Cursor {
  constructor(
    private readonly source: Source,
    private readonly node: JsonNode,
    readonly path: string,
  ) {}

  get loc(): Loc {
    return { source: this.source, start: this.node.start, end: this.node.end };
  }

  get type(): JsonNode['type'] {
    return this.node.type;
  }

  fail(message: string): never {
    throw new NftError(`${this.path === '' ? 'document' : this.path}: ${message}`, this.loc);
  }

  private step(node: JsonNode, name: string | number): Cursor {
    const path =
      typeof name === 'number' ? `${this.path}[${name}]` : this.path === '' ? name : `${this.path}.${name}`;
    return new Cursor(this.source, node, path);
  }

  // ---- objects ----

  private entries(): ReadonlyMap<string, JsonNode> {
    return this.node.type === 'object'
      ? this.node.entries
      : this.fail(`an object is expected, not ${this.type}`);
  }

  keys(): string[] {
    return [...this.entries().keys()];
  }

  has(name: string): boolean {
    return this.entries().has(name);
  }

  opt(name: string): Cursor | undefined {
    const node = this.entries().get(name);
    return node && this.step(node, name);
  }

  get(name: string): Cursor {
    return this.opt(name) ?? this.fail(`property '${name}' is missing`);
  }

  /** Of an object with one property, as most of the schema has: its name and value. */
  only(what: string): [string, Cursor] {
    const keys = this.keys();
    if (keys.length !== 1) this.fail(`${what} is an object with one property, this has ${keys.length}`);
    return [keys[0]!, this.get(keys[0]!)];
  }

  // ---- arrays ----

  items(): Cursor[] {
    const { node } = this;
    if (node.type !== 'array') return this.fail(`an array is expected, not ${this.type}`);
    return node.items.map((item, i) => this.step(item, i));
  }

  /** An array, or one value that stands for an array of it. */
  oneOrMore(): Cursor[] {
    return this.node.type === 'array' ? this.items() : [this];
  }

  pair(): [Cursor, Cursor] {
    const items = this.items();
    if (items.length !== 2) this.fail(`two values are expected, not ${items.length}`);
    return [items[0]!, items[1]!];
  }

  // ---- values ----

  string(): string {
    return this.node.type === 'string'
      ? this.node.value
      : this.fail(`a string is expected, not ${this.type}`);
  }

  boolean(): boolean {
    return this.node.type === 'boolean'
      ? this.node.value
      : this.fail(`true or false is expected, not ${this.type}`);
  }

  /** An integer. */
  count(): Count {
    const { node } = this;
    if (node.type !== 'number') return this.fail(`a number is expected, not ${this.type}`);
    if (typeof node.value === 'number' && !Number.isInteger(node.value)) this.fail('an integer is expected');
    return node.value;
  }

  number(): number {
    return Number(this.count());
  }

  word<Word extends string>(words: readonly Word[]): Word {
    const found = words.find((word) => word === this.string());
    return found ?? this.fail(`one of ${words.join(', ')} is expected, not '${this.string()}'`);
  }

  words<Word extends string>(words: readonly Word[]): Word[] {
    return this.oneOrMore().map((item) => item.word(words));
  }
}

/** Leaves out what is undefined, as the tree wants it. */
export function present<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  const found: Partial<T> = {};
  for (const key of Object.keys(object) as (keyof T)[])
    if (object[key] !== undefined) found[key] = object[key] as T[typeof key];
  return found as T;
}

/** What may be null in place of an object: then nothing. */
export const bodyOf = (c: Cursor): Cursor | undefined => (c.type === 'null' ? undefined : c);
