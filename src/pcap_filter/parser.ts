/**
 * The grammar of pcap-filter(7): `and` and `or` have one precedence and go from left to right; an identifier without
 * qualifiers behind them takes those of the one before it ("port 80 or 443").
 */
import type { Arithmetic, Direction, Expression, Id, IdType, Protocol, Qualifiers } from './ast.js';
import { FilterError } from './filter_error.js';
import { type Token, tokens } from './lexer.js';

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ...(
    (
      'ip ip6 arp rarp tcp udp sctp icmp icmp6 igmp igrp pim vrrp carp ' +
      'ah esp atalk aarp decnet lat sca moprc mopdl iso esis isis clnp stp ipx netbeui ether'
    ).split(' ') as Protocol[]
  ).map((name) => [name, name] as const),
  ['link', 'ether'],
  ['ppp', 'ether'],
  ['slip', 'ether'],
  ['fddi', 'ether'],
  ['tr', 'ether'],
  ['wlan', 'ether'],
  ['es-is', 'esis'],
  ['is-is', 'isis'],
]);
const TYPES: ReadonlyMap<string, IdType> = new Map(
  (['host', 'net', 'port', 'portrange', 'proto', 'protochain'] as const).map((name) => [name, name]),
);
const OTHERS = [
  'and',
  'or',
  'not',
  'src',
  'dst',
  'mask',
  'gateway',
  'less',
  'greater',
  'broadcast',
  'multicast',
  'inbound',
  'outbound',
  'vlan',
  'mpls',
  'pppoed',
  'pppoes',
  'len',
  'length',
  'llc',
];
/** What pcap has for other links, or for tunnels that are not looked into. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['gateway', "'gateway' needs a list of names; write 'ether host MAC and not host ADDRESS'"],
  ['geneve', "'geneve' is not supported; 'udp port 6081' finds the packets around it"],
  ['vxlan', "'vxlan' is not supported; 'udp port 4789' finds the packets around it"],
  ...['ifname', 'on', 'rnr', 'rulenum', 'reason', 'rset', 'ruleset', 'srnr', 'subrulenum', 'action'].map(
    (word) => [word, `'${word}' is of BSD's packet filter log; these are Ethernet frames`] as const,
  ),
  ...[
    'type',
    'subtype',
    'dir',
    'direction',
    'addr1',
    'addr2',
    'addr3',
    'addr4',
    'address1',
    'address2',
    'address3',
    'address4',
    'ra',
    'ta',
    'radio',
  ].map((word) => [word, `'${word}' is of 802.11; these are Ethernet frames`] as const),
  ...[
    'lane',
    'metac',
    'bcc',
    'oam',
    'oamf4',
    'oamf4ec',
    'oamf4sc',
    'sc',
    'ilmic',
    'vpi',
    'vci',
    'connectmsg',
    'metaconnect',
    'sio',
    'opc',
    'dpc',
    'sls',
    'fisu',
    'lssu',
    'msu',
    'lsu',
    'hfisu',
    'hlssu',
    'hmsu',
    'hsio',
    'hopc',
    'hdpc',
    'hsls',
  ].map((word) => [word, `'${word}' is of ATM or SS7; these are Ethernet frames`] as const),
]);
const RELATIONS = ['>', '>=', '=', '==', '<=', '<', '!='];
/** Of arithmetic, from weak to strong. */
const OPERATORS: readonly (readonly string[])[] = [
  ['|'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%', '^'],
];
const NO_QUALIFIERS: Qualifiers = { protocol: 'default', direction: 'default', type: 'default' };

/** An empty expression (every frame) is null. */
export function parseFilter(text: string): Expression | null {
  return new Parser(text).parse();
}

class Parser {
  private readonly words: readonly Token[];
  private index = 0;
  /** Of the last identifier, for those that follow without; null where there is none to inherit. */
  private inherited: Qualifiers | null = null;

  constructor(private readonly text: string) {
    this.words = tokens(text);
  }

  parse(): Expression | null {
    if (this.words.length === 1) return null;
    const expression = this.expression();
    if (this.token.kind !== 'end') {
      const what = this.is(')')
        ? "a ')' without its '('"
        : `'${this.token.text}' does not go on from here; 'and' or 'or' would`;
      throw this.error(what);
    }
    return expression;
  }

  private get token(): Token {
    return this.words[this.index]!;
  }

  private error(what: string, token = this.token): FilterError {
    return new FilterError(this.text, token.at, what);
  }

  private is(text: string, token = this.token): boolean {
    return token.kind === 'symbol'
      ? token.text === text
      : token.kind === 'word' && !token.escaped && token.text === text;
  }

  private take(...texts: readonly string[]): boolean {
    if (!texts.some((text) => this.is(text))) return false;
    this.index++;
    return true;
  }

  private need(text: string, why: string): void {
    if (!this.take(text)) throw this.error(`'${text}' is missing ${why}`);
  }

  private expression(): Expression {
    this.inherited = null;
    let left = this.term(false);
    for (;;) {
      const kind = this.take('and', '&&') ? 'and' : this.take('or', '||') ? 'or' : null;
      if (kind === null) return left;
      left = { kind, left, right: this.term(true) };
    }
  }

  /** `bare`: an identifier without qualifiers may stand here. */
  private term(bare: boolean): Expression {
    if (this.take('not', '!')) return { kind: 'not', of: this.term(bare) };
    const relation = this.relation();
    if (relation !== null) {
      this.inherited = null;
      return relation;
    }
    if (this.take('(')) {
      const inner = this.expression();
      this.need(')', "behind what '(' began");
      this.inherited = null;
      return inner;
    }
    if (bare && this.isId()) {
      if (this.inherited === null)
        throw this.error(`what '${this.token.text}' is, is not said; 'host', 'net' or 'port' would`);
      return this.id(this.inherited);
    }
    return this.primary();
  }

  /** A comparison of numbers, or null and nothing taken. */
  private relation(): Expression | null {
    const begin = this.index;
    if (!this.beginsArithmetic()) return null;
    const left = this.arithmetic(0);
    const operator = this.token.text;
    if (this.token.kind === 'symbol' && RELATIONS.includes(operator)) {
      this.index++;
      return {
        kind: 'relation',
        operator: operator === '==' ? '=' : operator,
        left,
        right: this.arithmetic(0),
      };
    }
    // "(80 or 443)" and the like begin as arithmetic might.
    const first = this.words[begin]!;
    if (first.kind === 'symbol' || first.kind === 'number') {
      this.index = begin;
      return null;
    }
    throw this.error("a comparison is missing; '= 0' or the like would be right");
  }

  private beginsArithmetic(): boolean {
    let at = this.index;
    while (this.words[at]!.text === '(' || this.words[at]!.text === '-') at++;
    const token = this.words[at]!;
    const after = this.words[at + 1];
    if (token.kind === 'word' && !token.escaped) {
      if (token.text === 'len' || token.text === 'length') return true;
      return PROTOCOLS.has(token.text) && after !== undefined && this.is('[', after);
    }
    if (token.kind !== 'number') return false;
    return at > this.index ? this.closesIntoArithmetic(at) : isOperator(after);
  }

  /** Behind a number in parentheses: "(80)" alone is an identifier. */
  private closesIntoArithmetic(at: number): boolean {
    let next = at + 1;
    while (this.words[next]?.text === ')') next++;
    return isOperator(this.words[next]);
  }

  private arithmetic(level: number): Arithmetic {
    const operators = OPERATORS[level];
    if (operators === undefined) return this.factor();
    let left = this.arithmetic(level + 1);
    while (this.token.kind === 'symbol' && operators.includes(this.token.text)) {
      const operator = this.token;
      this.index++;
      const right = this.arithmetic(level + 1);
      if ((operator.text === '/' || operator.text === '%') && right.kind === 'constant' && right.value === 0)
        throw this.error('division by zero', operator);
      left = { kind: 'binary', operator: operator.text, left, right };
    }
    return left;
  }

  private factor(): Arithmetic {
    const { token } = this;
    if (this.take('-')) return { kind: 'negate', of: this.factor() };
    if (this.take('(')) {
      const inner = this.arithmetic(0);
      this.need(')', "behind what '(' began");
      return inner;
    }
    if (token.kind === 'number') {
      this.index++;
      return { kind: 'constant', value: token.value };
    }
    if (this.take('len', 'length')) return { kind: 'length' };
    const protocol = token.kind === 'word' ? PROTOCOLS.get(token.text) : undefined;
    if (protocol === undefined || !this.is('[', this.words[this.index + 1])) {
      throw this.error(`'${token.text}' is no number; a number, 'len' or 'PROTOCOL[OFFSET]' would be`);
    }
    this.index += 2;
    const index = this.arithmetic(0);
    let size = 1;
    if (this.take(':')) {
      size = this.number('the size');
      if (size !== 1 && size !== 2 && size !== 4)
        throw this.error('a size is 1, 2 or 4', this.words[this.index - 1]);
    }
    this.need(']', 'behind the offset');
    return { kind: 'bytes', protocol, index, size, at: token.at };
  }

  private number(what: string): number {
    const { token } = this;
    if (token.kind !== 'number') throw this.error(`${what} has to be a number`);
    this.index++;
    return token.value;
  }

  private isId(): boolean {
    const { token } = this;
    if (token.kind === 'word') return token.escaped || !this.isKeyword(token.text);
    return token.kind !== 'symbol' && token.kind !== 'end';
  }

  private isKeyword(word: string): boolean {
    return PROTOCOLS.has(word) || TYPES.has(word) || OTHERS.includes(word) || REFUSED.has(word);
  }

  private primary(): Expression {
    const { token } = this;
    const { at } = token;
    if (token.kind === 'end') throw this.error('the expression ends where something has to follow');
    if (token.kind === 'word' && !token.escaped && REFUSED.has(token.text))
      throw this.error(REFUSED.get(token.text)!);
    if (this.isId())
      throw this.error(
        `what '${token.text}' is, is not said; 'host ${token.text}' or 'port ${token.text}' would`,
      );
    this.inherited = null;
    if (this.take('less')) return { kind: 'length', than: 'less', bytes: this.number('the length') };
    if (this.take('greater')) return { kind: 'length', than: 'greater', bytes: this.number('the length') };
    if (this.take('inbound')) return { kind: 'direction', direction: 'rx' };
    if (this.take('outbound')) return { kind: 'direction', direction: 'tx' };
    if (this.take('llc')) {
      if (this.isId()) throw this.error("only 'llc' without a type is supported");
      return { kind: 'llc' };
    }
    for (const tag of ['vlan', 'mpls', 'pppoed', 'pppoes'] as const) {
      if (!this.take(tag)) continue;
      const valued =
        tag !== 'pppoed' && this.token.kind === 'number' && !isOperator(this.words[this.index + 1]);
      return { kind: 'tag', tag, value: valued ? this.number('the tag') : undefined, at };
    }
    for (const group of ['broadcast', 'multicast'] as const) {
      if (this.take(group)) return { kind: 'cast', protocol: 'default', group, at };
    }
    return this.qualified();
  }

  /** Qualifiers, and what they are of. */
  private qualified(): Expression {
    const { token } = this;
    const protocol = token.kind === 'word' && !token.escaped ? PROTOCOLS.get(token.text) : undefined;
    if (protocol !== undefined) this.index++;
    if (protocol !== undefined) {
      for (const group of ['broadcast', 'multicast'] as const) {
        if (!this.take(group)) continue;
        if (protocol !== 'ether' && protocol !== 'ip' && protocol !== 'ip6')
          throw this.error(`'${protocol}' has no ${group}; 'ether', 'ip' and 'ip6' have`, token);
        return { kind: 'cast', protocol, group, at: token.at };
      }
    }
    const direction = this.direction();
    const typeToken = this.token;
    const type = typeToken.kind === 'word' && !typeToken.escaped ? TYPES.get(typeToken.text) : undefined;
    if (type !== undefined) this.index++;
    if (this.token.kind === 'word' && !this.token.escaped && REFUSED.has(this.token.text))
      throw this.error(REFUSED.get(this.token.text)!);
    if (protocol === undefined && direction === 'default' && type === undefined)
      throw this.error(`'${token.text}' does not begin a test`);
    if (direction === 'default' && type === undefined && protocol !== undefined) {
      this.inherited = null;
      if (this.isId())
        throw this.error(
          `between '${token.text}' and '${this.token.text}' something like 'host' or 'port' is missing`,
        );
      return { kind: 'protocol', protocol, at: token.at };
    }
    const qualifiers: Qualifiers = {
      ...NO_QUALIFIERS,
      direction,
      ...(protocol && { protocol }),
      ...(type && { type }),
    };
    this.inherited = qualifiers;
    return this.ids(qualifiers);
  }

  /** src, dst, src or dst, src and dst. */
  private direction(): Direction {
    const first = this.take('src') ? 'src' : this.take('dst') ? 'dst' : null;
    if (first === null) return 'default';
    const other = first === 'src' ? 'dst' : 'src';
    const joined = this.is('or') || this.is('||') ? 'or' : this.is('and') || this.is('&&') ? 'and' : null;
    const then = this.words[this.index + 1];
    if (joined === null || then === undefined || !this.is(other, then)) return first;
    // "src 1.2.3.4 and dst ..." has an identifier between; here there is none.
    this.index += 2;
    return joined;
  }

  /** One identifier, or several in parentheses joined by and, or. */
  private ids(qualifiers: Qualifiers): Expression {
    if (this.take('not', '!')) return { kind: 'not', of: this.ids(qualifiers) };
    if (!this.take('(')) return this.id(qualifiers);
    let left = this.ids(qualifiers);
    for (;;) {
      if (this.take(')')) return left;
      const kind = this.take('and', '&&') ? 'and' : this.take('or', '||') ? 'or' : null;
      if (kind === null) throw this.error("'and', 'or' or ')' is missing");
      left = { kind, left, right: this.ids(qualifiers) };
    }
  }

  private id(qualifiers: Qualifiers): Expression {
    const { token } = this;
    if (!this.isId()) {
      const found = token.text === '' ? 'nothing' : `'${token.text}'`;
      throw this.error(`${found} stands where an address, a number or a name has to`);
    }
    this.index++;
    return { kind: 'id', qualifiers, id: this.idOf(token), at: token.at };
  }

  private idOf(token: Token): Id {
    const { text } = token;
    switch (token.kind) {
      case 'mac':
        return { kind: 'mac', text };
      case 'ipv6':
        return { kind: 'ipv6', text, ...this.prefix() };
      case 'ipv4':
        if (this.take('mask')) return { kind: 'ipv4', text, maskText: this.maskText() };
        return { kind: 'ipv4', text, ...this.prefix() };
      case 'number':
        if (this.is('/') || this.is('mask')) return this.idOf({ ...token, kind: 'ipv4' });
        return { kind: 'number', value: token.value, text };
      default:
        return { kind: 'name', text };
    }
  }

  private maskText(): string {
    const { token } = this;
    if (token.kind !== 'ipv4') throw this.error("a mask like 255.255.255.0 has to follow 'mask'");
    this.index++;
    return token.text;
  }

  private prefix(): { prefix?: number } {
    return this.take('/') ? { prefix: this.number('the prefix length') } : {};
  }
}

function isOperator(token: Token | undefined): boolean {
  if (token?.kind !== 'symbol') return false;
  return (
    RELATIONS.includes(token.text) ||
    (OPERATORS.some((some) => some.includes(token.text)) && token.text !== '/')
  );
}
