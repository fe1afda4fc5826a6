/** JSON to expressions: libnftables-json(5). */
import type {
  BinaryOperator,
  CtExpr,
  Expression,
  FibExpr,
  IpsecExpr,
  JhashExpr,
  MapExpr,
  NumgenExpr,
  OsfExpr,
  RtExpr,
  SetElement,
  SetExpr,
  SetReference,
  SocketExpr,
  SymhashExpr,
  Verdict,
} from '../ast.js';
import {
  CT,
  EXTHDR,
  IP_OPTION,
  META,
  PAYLOAD,
  SCTP_CHUNK,
  TCP_OPTION,
  TCP_OPTION_NAME,
} from '../grammar/vocabulary.js';
import { toCount } from '../units.js';
import { type Cursor, present } from './cursor.js';
import { stateFrom } from './state_in.js';

const VERDICTS = ['accept', 'drop', 'continue', 'return', 'jump', 'goto'] as const;

export function isVerdict(name: string): name is Verdict['verdict'] {
  return (VERDICTS as readonly string[]).includes(name);
}

export function verdictFrom(name: Verdict['verdict'], body: Cursor): Verdict {
  if (name !== 'jump' && name !== 'goto') return { verdict: name };
  return { verdict: name, target: body.get('target').string() };
}

const familyOf = (c: Cursor | undefined) => c?.word(['ip', 'ip6'] as const);

function knownField(
  c: Cursor,
  table: ReadonlyMap<string, ReadonlyMap<string, string>>,
  name: string,
): string {
  const field = c.string();
  const known = table.get(name)?.get(field);
  return known ?? c.fail(`the fields of ${name} are ${[...(table.get(name)?.keys() ?? [])].join(', ')}`);
}

function known(c: Cursor, table: ReadonlyMap<string, unknown>): string {
  const name = c.string();
  return table.has(name) ? name : c.fail(`one of ${[...table.keys()].join(', ')} is expected`);
}

/** `@name` or { "set": [...] }. */
export function mapData(c: Cursor): SetExpr | SetReference {
  const data = expressionFrom(c);
  if (data.kind === 'set' || data.kind === 'set reference') return data;
  return c.fail('a set or the name of a map is expected');
}

// ---- elements ----

const ms = (c: Cursor | undefined) => (c === undefined ? undefined : toCount(BigInt(c.count()) * 1000n));

function elementKeyFrom(c: Cursor): SetElement {
  const body = c.type === 'object' ? c.opt('elem') : undefined;
  if (!body) return { kind: 'elem', key: expressionFrom(c), loc: c.loc };
  const stmts = body.keys().flatMap((name) => stateFrom(name, body.get(name), body.loc) ?? []);
  return present<SetElement>({
    kind: 'elem',
    key: expressionFrom(body.get('val')),
    data: undefined,
    timeoutMs: ms(body.opt('timeout')),
    expiresMs: ms(body.opt('expires')),
    comment: body.opt('comment')?.string(),
    stmts: stmts.length > 0 ? stmts : undefined,
    loc: c.loc,
  });
}

/** A value, an `elem`, or of a map the two of them. */
export function elementFrom(c: Cursor): SetElement {
  if (c.type !== 'array') return elementKeyFrom(c);
  const [key, data] = c.pair();
  return { ...elementKeyFrom(key), data: expressionFrom(data), loc: c.loc };
}

export const elementsFrom = (c: Cursor): SetElement[] => c.oneOrMore().map(elementFrom);

// ---- from the packet ----

function payloadFrom(body: Cursor, { loc }: Cursor): Expression {
  if (body.has('base')) {
    const base = body.get('base').word(['ll', 'nh', 'th', 'ih'] as const);
    return {
      kind: 'raw payload',
      base,
      offset: body.get('offset').number(),
      len: body.get('len').number(),
      loc,
    };
  }
  const protocol = known(body.get('protocol'), PAYLOAD);
  const field = body.get('field');
  const ofArp = protocol === 'arp' && /^[sd]addr (ip|ether)$/.test(field.string());
  return {
    kind: 'payload',
    protocol,
    field: ofArp ? field.string() : knownField(field, PAYLOAD, protocol),
    loc,
  };
}

function exthdrFrom(body: Cursor, { loc }: Cursor): Expression {
  const name = body.get('name').string();
  const given = body.opt('field');
  if (name !== 'rt0' && !EXTHDR.has(name))
    body.get('name').fail(`one of ${[...EXTHDR.keys(), 'rt0'].join(', ')} is expected`);
  if (!given) return { kind: 'exthdr', name, loc };
  const indexed = /^(addr|sid)(?:\[(\d+)\])?$/.exec(given.string());
  if (indexed && name !== 'rt2') {
    const offset = indexed[2] === undefined ? (body.opt('offset')?.number() ?? 0) : Number(indexed[2]);
    return { kind: 'exthdr', name, field: indexed[1]!, offset, loc };
  }
  return { kind: 'exthdr', name, field: knownField(given, EXTHDR, name), loc };
}

function tcpOptionFrom(body: Cursor, { loc }: Cursor): Expression {
  if (body.has('base')) {
    const base = body.get('base').number();
    const offset = body.opt('offset')?.number() ?? 0;
    const len = body.opt('len')?.number() ?? 0;
    // Its first byte is its kind: that is how `tcp option 253 exists` is written.
    if (offset === 0 && (len === 8 || len === 0)) return { kind: 'raw tcp option', base, loc };
    return { kind: 'raw tcp option', base, offset, len, loc };
  }
  const spelt = known(body.get('name'), TCP_OPTION);
  const name = TCP_OPTION_NAME.get(spelt) ?? spelt;
  const field = body.opt('field');
  return field
    ? { kind: 'tcp option', name, field: knownField(field, TCP_OPTION, name), loc }
    : { kind: 'tcp option', name, loc };
}

function ctFrom(body: Cursor, { loc }: Cursor): CtExpr {
  const key = body.get('key');
  const family = familyOf(body.opt('family'));
  const name = family ? `${family} ${key.string()}` : key.string();
  const ctKey = CT.get(name) ?? (/^ip6? [sd]addr$/.test(name) ? (name as CtExpr['key']) : undefined);
  if (ctKey === undefined) return key.fail(`one of ${[...CT.keys()].join(', ')} is expected`);
  return present<CtExpr>({
    kind: 'ct',
    key: ctKey,
    dir: body.opt('dir')?.word(['original', 'reply'] as const),
    loc,
  });
}

function socketFrom(body: Cursor, { loc }: Cursor): SocketExpr {
  const key = body.get('key').word(['transparent', 'mark', 'wildcard', 'cgroupv2'] as const);
  return present<SocketExpr>({ kind: 'socket', key, level: body.opt('level')?.number(), loc });
}

const seedOf = (c: Cursor | undefined) => (c === undefined || c.number() === 0 ? undefined : c.number());
const operators: readonly string[] = ['|', '^', '&', '<<', '>>'];

/** By the name of the object's one property. */
function objectFrom(name: string, body: Cursor, c: Cursor): Expression | undefined {
  const { loc } = c;
  switch (name) {
    case 'concat':
      return { kind: 'concat', items: body.items().map(expressionFrom), loc };
    case 'set':
      return { kind: 'set', elem: elementsFrom(body), loc };
    case 'map':
      return {
        kind: 'map',
        key: expressionFrom(body.get('key')),
        data: mapData(body.get('data')),
        loc,
      } satisfies MapExpr;
    case 'prefix':
      return { kind: 'prefix', addr: expressionFrom(body.get('addr')), len: body.get('len').number(), loc };
    case 'range': {
      const [from, to] = body.pair();
      return { kind: 'range', from: expressionFrom(from), to: expressionFrom(to), loc };
    }
    case 'payload':
      return payloadFrom(body, c);
    case 'exthdr':
      return exthdrFrom(body, c);
    case 'tcp option':
      return tcpOptionFrom(body, c);
    case 'ip option':
    case 'sctp chunk': {
      const table = name === 'ip option' ? IP_OPTION : SCTP_CHUNK;
      const option = known(body.get('name'), table);
      const field = body.opt('field');
      return field
        ? { kind: name, name: option, field: knownField(field, table, option), loc }
        : { kind: name, name: option, loc };
    }
    case 'meta': {
      const key = body.get('key');
      const found = META.get(key.string());
      return found
        ? { kind: 'meta', key: found, loc }
        : key.fail(`one of ${[...META.keys()].join(', ')} is expected`);
    }
    case 'ct':
      return ctFrom(body, c);
    case 'rt': {
      const key = body.get('key').word(['classid', 'nexthop', 'mtu', 'ipsec'] as const);
      return present<RtExpr>({ kind: 'rt', key, family: familyOf(body.opt('family')), loc });
    }
    case 'socket':
      return socketFrom(body, c);
    case 'osf': {
      const key = body.get('key').word(['name', 'version'] as const);
      return present<OsfExpr>({
        kind: 'osf',
        key,
        ttl: body.opt('ttl')?.word(['loose', 'skip'] as const),
        loc,
      });
    }
    case 'fib': {
      const flags = body.get('flags').words(['saddr', 'daddr', 'mark', 'iif', 'oif'] as const);
      return {
        kind: 'fib',
        flags,
        result: body.get('result').word(['oif', 'oifname', 'type'] as const),
        loc,
      } satisfies FibExpr;
    }
    case 'ipsec':
      return present<IpsecExpr>({
        kind: 'ipsec',
        dir: body.get('dir').word(['in', 'out'] as const),
        spnum: seedOf(body.opt('spnum')),
        key: body.get('key').word(['reqid', 'spi', 'saddr', 'daddr'] as const),
        family: familyOf(body.opt('family')),
        loc,
      });
    case 'numgen':
      return present<NumgenExpr>({
        kind: 'numgen',
        mode: body.get('mode').word(['inc', 'random'] as const),
        mod: body.get('mod').number(),
        offset: seedOf(body.opt('offset')),
        loc,
      });
    case 'jhash':
      return present<JhashExpr>({
        kind: 'jhash',
        expr: expressionFrom(body.get('expr')),
        mod: body.get('mod').number(),
        seed: body.opt('seed')?.number(),
        offset: seedOf(body.opt('offset')),
        loc,
      });
    case 'symhash':
      return present<SymhashExpr>({
        kind: 'symhash',
        mod: body.get('mod').number(),
        offset: seedOf(body.opt('offset')),
        loc,
      });
    case 'elem':
      return expressionFrom(body.get('val'));
    default:
      if (isVerdict(name)) return { kind: 'verdict', ...verdictFrom(name, body), loc };
      if (!operators.includes(name)) return undefined;
      return binaryFrom(name as BinaryOperator, body, c);
  }
}

/** Two sides; newer versions write longer chains as one. */
function binaryFrom(op: BinaryOperator, body: Cursor, { loc }: Cursor): Expression {
  const sides = body.items().map(expressionFrom);
  if (sides.length < 2) body.fail(`two values are expected, not ${sides.length}`);
  return sides
    .slice(1)
    .reduce((left, right): Expression => ({ kind: 'binary', op, left, right, loc }), sides[0]!);
}

export function expressionFrom(c: Cursor): Expression {
  const { loc } = c;
  switch (c.type) {
    case 'string': {
      const name = c.string();
      if (name === '*') return { kind: 'wildcard', loc };
      if (name.startsWith('@')) return { kind: 'set reference', name: name.slice(1), loc };
      return { kind: 'symbol', name, loc };
    }
    case 'number': {
      const value = c.count();
      return { kind: 'number', value: value < 0 ? toCount(BigInt.asUintN(64, BigInt(value))) : value, loc };
    }
    case 'boolean':
      return { kind: 'boolean', value: c.boolean(), loc };
    case 'array':
      return { kind: 'list', items: c.items().map(expressionFrom), loc };
    case 'object': {
      const [name, body] = c.only('an expression');
      return objectFrom(name, body, c) ?? c.fail(`'${name}' is no expression`);
    }
    default:
      return c.fail('an expression is expected, not null');
  }
}
