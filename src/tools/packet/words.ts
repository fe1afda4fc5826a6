/**
 * A packet in nft's own words: `ip saddr 10.0.0.2 tcp dport 22 tcp flags syn`. The words are those of a rule's matches, read by
 * the parser of rules; here they say what a packet is (compose.ts) or what it has to be (match.ts). Beyond the language:
 * `payload "text"`, `payload 0x0102`, and `gre protocol ip`, which nft 1.0.6 does not know.
 */
import type { Command, CtKey, Expression, MatchStatement } from '../../nft/ast.js';
import { type Datatype, ETHERTYPE, INTEGER } from '../../nft/datatype/datatype.js';
import { parseValue } from '../../nft/datatype/parse.js';
import { type SystemNames, systemNames } from '../../nft/datatype/names.js';
import { NftError } from '../../nft/error.js';
import { parse } from '../../nft/grammar/parse.js';
import { IPV6_HEADERS, TCP_OPTIONS } from '../../nft/proto/exthdr.js';
import { protoByName } from '../../nft/proto/network.js';
import { type Field, field, findField, type Proto } from '../../nft/proto/proto.js';

/** Offsets count from the first of the words. */
export class WordsError extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly end: number,
  ) {
    super(message);
    this.name = 'WordsError';
  }
}

/** RFC 2784. */
export const GRE: Proto = {
  name: 'gre',
  base: 'th',
  len: 32,
  fields: [field('flags', INTEGER, 0, 5), field('version', INTEGER, 13, 3), field('protocol', ETHERTYPE, 16)],
  next: [],
};

/** Where a word's value stands: in a header, in an IPv6 extension header, in a TCP option. */
export type Place =
  | { readonly kind: 'header'; readonly proto: Proto; readonly field: Field }
  | { readonly kind: 'extension'; readonly name: string; readonly type: number; readonly field?: Field }
  | { readonly kind: 'option'; readonly name: string; readonly type: number; readonly field?: Field };

export interface Word {
  readonly place: Place;
  readonly op: MatchStatement['op'];
  readonly value: Expression;
  readonly mask?: Expression;
  /** As it stands in the text. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What is said of the packet beside its bytes. */
export interface PacketWords {
  readonly text: string;
  readonly words: readonly Word[];
  readonly iif?: string;
  readonly oif?: string;
  /** Words of `ct state`, `ct direction`, `ct mark`... */
  readonly ct: Readonly<Partial<Record<CtKey, string>>>;
  readonly mark?: number;
  readonly length?: number;
  /** `meta l4proto`, `meta nfproto`. */
  readonly l4proto?: number;
  readonly family?: 'ip' | 'ip6';
  readonly payload?: Uint8Array;
}

const PREFIX = 'add rule inet t c ';

/** `payload ...` and `gre ...`, blanked out of the text so that places stay. */
interface Beyond {
  text: string;
  payload?: Uint8Array;
  words: Word[];
}

const number = (value: number): Expression => ({
  kind: 'number',
  value,
  loc: { source: { name: '', text: '' }, start: 0, end: 0 },
});

function beyond(text: string): Beyond {
  const found: Beyond = { text, words: [] };
  const blank = (start: number, end: number) => {
    found.text = found.text.slice(0, start) + ' '.repeat(end - start) + found.text.slice(end);
  };
  const payload = /(?:^|\s)(payload)(?:\s+(?:"([^"]*)"|'([^']*)'|(0x[0-9a-f]*)|(\S+)))?/i.exec(found.text);
  if (payload !== null) {
    const start = payload.index + payload[0].indexOf('payload');
    const [, , double, single, hex, other] = payload;
    const plain = double ?? single;
    const end = payload.index + payload[0].length;
    if (plain !== undefined) found.payload = new TextEncoder().encode(plain);
    else if (hex !== undefined && hex.length % 2 === 0)
      found.payload = Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
    else {
      const what = hex === undefined ? (other ?? 'nothing') : 'an odd number of digits';
      throw new WordsError(`payload is "text" or 0x0102..., not ${what}`, start, end);
    }
    blank(start, end);
  }
  const gre = /(?:^|\s)(gre)\s+(version|flags|protocol)\s+(\S+)/g;
  for (let match = gre.exec(found.text); match !== null; match = gre.exec(found.text)) {
    const start = match.index + match[0].indexOf('gre');
    const end = match.index + match[0].length;
    const place: Place = { kind: 'header', proto: GRE, field: findField(GRE, match[2]!)! };
    const value = parseValue(place.field.type, match[3]!, systemNames());
    if (typeof value !== 'bigint') throw new WordsError(value.error, start, end);
    const word = text.slice(start, end);
    found.words.push({ place, op: '==', value: number(Number(value)), text: word, start, end });
    blank(start, end);
    gre.lastIndex = end;
  }
  return found;
}

/** Throws WordsError. */
export function readPacketWords(text: string): PacketWords {
  const outside = beyond(text);
  const statements = readMatches(outside.text);
  const words: Word[] = [...outside.words];
  const about: { -readonly [K in keyof PacketWords]: PacketWords[K] } & {
    ct: Partial<Record<CtKey, string>>;
  } = {
    text,
    words,
    ct: {},
    ...(outside.payload && { payload: outside.payload }),
  };
  for (const match of statements) {
    const start = Math.max(0, match.loc.start - PREFIX.length);
    const end = Math.min(text.length, match.loc.end - PREFIX.length);
    const fail = (why: string): never => {
      throw new WordsError(why, start, end);
    };
    const { right, op } = match;
    // `tcp flags & (syn | rst) == syn` is a mask, as `tcp flags syn / syn,rst` is.
    const masks = match.left.kind === 'binary' && match.left.op === '&' ? match.left : undefined;
    const left = masks?.left ?? match.left;
    const mask = masks?.right ?? match.mask;
    const own = text.slice(start, end).trim();
    const word = (place: Place): Word => ({
      ...{ place, op, value: right, text: own, start, end },
      ...(mask && { mask }),
    });
    switch (left.kind) {
      case 'payload': {
        const proto = protoByName(left.protocol);
        const found = proto && findField(proto, left.field);
        if (proto === undefined || found === undefined)
          return fail(`there is no ${left.protocol} ${left.field}`);
        words.push(word({ kind: 'header', proto, field: found }));
        break;
      }
      case 'exthdr': {
        const desc = IPV6_HEADERS.get(left.name);
        if (desc === undefined) return fail(`there is no extension header ${left.name}`);
        const found = desc.fields.find((each) => each.name === left.field);
        words.push(
          word({ kind: 'extension', name: left.name, type: desc.type, ...(found && { field: found }) }),
        );
        break;
      }
      case 'tcp option': {
        const desc = TCP_OPTIONS.get(left.name);
        if (desc === undefined) return fail(`there is no TCP option ${left.name}`);
        const found = desc.fields.find((each) => each.name === left.field);
        words.push(
          word({ kind: 'option', name: left.name, type: desc.type, ...(found && { field: found }) }),
        );
        break;
      }
      case 'ct':
        about.ct[left.key] = textOf(right);
        break;
      case 'meta': {
        const said = metaWord(left.key, right);
        if (said === undefined)
          fail(`${own}: a packet is told by its headers, iifname, oifname, ct, mark, length`);
        Object.assign(about, said);
        break;
      }
      default:
        fail(`${own}: this is nothing that can be said of a packet`);
    }
  }
  return about;
}

function metaWord(key: string, right: Expression): Partial<PacketWords> | undefined {
  const text = textOf(right);
  switch (key) {
    case 'iif':
    case 'iifname':
      return { iif: text };
    case 'oif':
    case 'oifname':
      return { oif: text };
    case 'mark':
      return Number.isInteger(Number(text)) ? { mark: Number(text) } : undefined;
    case 'length':
      return Number.isInteger(Number(text)) ? { length: Number(text) } : undefined;
    case 'l4proto': {
      const proto = parseValue(
        protoByName('ip')!.fields.find(({ name }) => name === 'protocol')!.type,
        text,
        systemNames(),
      );
      return typeof proto === 'bigint' ? { l4proto: Number(proto) } : undefined;
    }
    case 'nfproto':
      return text === 'ipv4' ? { family: 'ip' } : text === 'ipv6' ? { family: 'ip6' } : undefined;
    case 'protocol':
      return text === 'ip' || text === 'ip6' ? { family: text } : undefined;
    default:
      return undefined;
  }
}

function readMatches(text: string): MatchStatement[] {
  if (text.trim() === '') return [];
  let commands: Command[];
  try {
    commands = parse({ name: 'packet', text: `${PREFIX}${text.replace(/[\n;#]/g, ' ')}\n` });
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    const start = Math.max(0, Math.min(error.loc.start - PREFIX.length, text.length - 1));
    throw new WordsError(error.message, start, Math.max(start + 1, error.loc.end - PREFIX.length));
  }
  const rule =
    commands[0]?.kind === 'add' && commands[0].object.kind === 'rule' ? commands[0].object : undefined;
  return (rule?.expr ?? []).map((statement) => {
    if (statement.kind === 'match') return statement;
    const start = statement.loc.start - PREFIX.length;
    throw new WordsError(
      `a packet has fields only, as a rule's matches name them; ${statement.kind} is a statement`,
      start,
      statement.loc.end - PREFIX.length,
    );
  });
}

/** Of a plain word. */
export function textOf(value: Expression): string {
  switch (value.kind) {
    case 'symbol':
      return value.name;
    case 'number':
      return String(value.value);
    case 'list':
      return value.items.map(textOf).join(',');
    case 'boolean':
      return value.value ? 'exists' : 'missing';
    default:
      return '';
  }
}

/** The number that a constant is as `type`; undefined: it is none. Flags in a list go together. */
export function constant(value: Expression, type: Datatype, names: SystemNames): bigint | string {
  switch (value.kind) {
    case 'number':
      return type.reading === 'time' ? BigInt(value.value) * 1000n : BigInt(value.value);
    case 'symbol': {
      const parsed = parseValue(type, value.name, names);
      return typeof parsed === 'bigint' ? parsed : parsed.error;
    }
    case 'boolean':
      return value.value ? 1n : 0n;
    case 'list':
      return joined(value.items, type, names);
    case 'binary':
      return value.op === '|'
        ? joined([value.left, value.right], type, names)
        : 'only | joins the values of a packet';
    default:
      return `a packet has one value here, not a ${value.kind}`;
  }
}

function joined(items: readonly Expression[], type: Datatype, names: SystemNames): bigint | string {
  let all = 0n;
  for (const item of items) {
    const one = constant(item, type, names);
    if (typeof one !== 'bigint') return one;
    all |= one;
  }
  return all;
}
