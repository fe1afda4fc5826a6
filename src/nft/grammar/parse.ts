/**
 * Text to tree: runs the generated parser (nft.peggy) over a text and what it includes, with the variables of each scope.
 *
 * The parser first runs without keeping account of what it expected, which is twice as fast; where the text is wrong it
 * runs again with it, to say so. Either run begins with the same variables, so that includes and definitions may
 * happen twice without harm.
 */
import type {
  BinaryExpr,
  BinaryOperator,
  ByteUnit,
  Command,
  Count,
  Expression,
  Loc,
  Priority,
} from '../ast.js';
import { NftError } from '../error.js';
import { type Source, span } from '../source.js';
import { bytesOf, toCount } from '../units.js';
import { addressEnd } from './address.js';
import { type IncludeOptions, readIncluded } from './include.js';
import * as generated from './nft.peggy';
import { numberOf, parseNumber, timeOf } from './number.js';
import { plainElements } from './plain_elements.js';
import { type Expectation, syntaxError } from './syntax_error.js';
import * as words from './vocabulary.js';

export interface ParseOptions extends IncludeOptions {
  /** Variables from outside, as of `-D name=value`; what the text defines at its top level is added on success. */
  readonly variables?: Map<string, Expression>;
}

const vocabulary = {
  ...words,
  meta: words.META,
  bareMeta: words.BARE_META,
  ct: words.CT,
  payload: words.PAYLOAD,
  exthdr: words.EXTHDR,
  tcpOption: words.TCP_OPTION,
  tcpOptionName: words.TCP_OPTION_NAME,
  ipOption: words.IP_OPTION,
  sctpChunk: words.SCTP_CHUNK,
  mangled: words.MANGLED,
  reserved: words.RESERVED,
  addressEnd,
  parseNumber,
  plainElements,
};

/** nft's limit. */
const MAX_INCLUDE_DEPTH = 16;

type Scope = Map<string, Expression>;
interface ParserContext {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

/** What the grammar asks of its surroundings. One a run. */
class Host {
  private readonly scopes: Scope[];

  constructor(
    global: Scope,
    private readonly options: ParseOptions,
    private readonly explain: boolean,
    private readonly depth = 0,
    scopes?: Scope[],
  ) {
    this.scopes = scopes ?? [global];
  }

  run(source: Source, startRule: string, context?: ParserContext): unknown {
    const host = new Host(this.scopes[0]!, this.options, this.explain, this.depth, this.scopes);
    try {
      return generated.parse(source.text, {
        startRule,
        grammarSource: source,
        explain: this.explain,
        host,
        vocabulary,
        context,
      });
    } catch (error) {
      if (error instanceof generated.SyntaxError) {
        throw syntaxError(source, error.location.start.offset, (error.expected ?? []) as Expectation[]);
      }
      throw error;
    }
  }

  refuse(message: string, loc: Loc): never {
    throw new NftError(message, loc);
  }

  // ---- variables ----

  enter(): true {
    this.scopes.push(new Map());
    return true;
  }

  leave(): true {
    this.scopes.pop();
    return true;
  }

  private scopeOf(name: string): Scope | undefined {
    return this.scopes.findLast((scope) => scope.has(name));
  }

  define(name: string, value: Expression, loc: Loc): void {
    const scope = this.scopes.at(-1)!;
    if (scope.has(name)) throw new NftError(`redefinition of symbol '${name}'`, loc);
    scope.set(name, value);
  }

  redefine(name: string, value: Expression, _loc: Loc): void {
    this.scopes.at(-1)!.set(name, value);
  }

  undefine(name: string, loc: Loc): void {
    if (!this.scopes.at(-1)!.delete(name)) throw new NftError(`undefined symbol '${name}'`, loc);
  }

  variable(name: string, loc: Loc): Expression {
    const value = this.scopeOf(name)?.get(name);
    if (value === undefined) throw new NftError(`unknown identifier '${name}'`, loc);
    return value;
  }

  /** `$x` within the prefix of a log. */
  expand(text: string, loc: Loc): string {
    return text.replace(/\$([A-Za-z_.][A-Za-z0-9/_.-]*)/g, (_, name: string) => {
      const value = this.variable(name, loc);
      if (value.kind !== 'symbol') throw new NftError(`variable '${name}' is not a string`, loc);
      return value.name;
    });
  }

  // ---- includes ----

  include(name: string, loc: Loc, startRule: string, context?: ParserContext): unknown[] {
    if (this.depth + 1 >= MAX_INCLUDE_DEPTH) {
      throw new NftError(`include nested too deeply, at most ${MAX_INCLUDE_DEPTH} levels`, loc);
    }
    const items: unknown[] = [];
    for (const source of readIncluded(name, loc, this.options)) {
      const host = new Host(this.scopes[0]!, this.options, this.explain, this.depth + 1, this.scopes);
      items.push(...(host.run(source, startRule, context) as unknown[]));
    }
    return items;
  }

  // ---- values ----

  number(text: string): Count {
    return numberOf(text);
  }

  time(text: string): Count {
    return timeOf(text);
  }

  bytes(value: Count, unit: ByteUnit): Count {
    return toCount(bytesOf(value, unit));
  }

  binary(op: BinaryOperator, first: Expression, rest: readonly Expression[]): Expression {
    return rest.reduce<Expression>(
      (left, right): BinaryExpr => ({ kind: 'binary', op, left, right, loc: span(left.loc, right.loc) }),
      first,
    );
  }

  strings(value: Expression, loc: Loc): string[] {
    const items = value.kind === 'set' ? value.elem.map(({ key }) => key) : [value];
    return items.map((item) =>
      item.kind === 'symbol' ? item.name : this.refuse('names of devices are expected', loc),
    );
  }

  priority(value: Expression, loc: Loc): Priority {
    if (value.kind === 'number') return { offset: Number(value.value), loc };
    const found = value.kind === 'symbol' ? /^([a-z]+)?\s*([+-]?)\s*(\d+)?$/.exec(value.name) : null;
    if (!found) return this.refuse('a priority is expected: a number or a name', loc);
    const [, name, sign, digits] = found;
    const offset = digits === undefined ? 0 : Number(digits) * (sign === '-' ? -1 : 1);
    return name === undefined ? { offset, loc } : { name, offset, loc };
  }

  policy(value: Expression, loc: Loc): string {
    if (value.kind === 'symbol' && (value.name === 'accept' || value.name === 'drop')) return value.name;
    return this.refuse("a policy is expected: 'accept' or 'drop'", loc);
  }
}

function run(source: Source, options: ParseOptions, explain: boolean): Command[] {
  const global: Scope = new Map(options.variables);
  const commands = new Host(global, options, explain).run(source, 'File') as Command[];
  for (const [name, value] of global) options.variables?.set(name, value);
  return commands;
}

/** The commands of a text; throws NftError. */
export function parse(source: Source, options: ParseOptions = {}): Command[] {
  try {
    return run(source, options, false);
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(source, error);
    if (!(error instanceof NftError)) throw error;
  }
  return run(source, options, true);
}

/** The stack ran out, in spite of the bound on nesting. */
function tooDeep(source: Source, cause: Error): NftError {
  return new NftError('nested too deeply', { source, start: 0, end: 1 }, undefined, { cause });
}
