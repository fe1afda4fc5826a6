/** JSON to statements: libnftables-json(5). */
import type {
  DupStatement,
  FwdStatement,
  Loc,
  LogStatement,
  MatchStatement,
  Mangled,
  MasqueradeStatement,
  MeterStatement,
  NatStatement,
  ObjectType,
  QueueStatement,
  RejectStatement,
  SetElement,
  SetStatement,
  Statement,
  SynproxyStatement,
  TproxyStatement,
} from '../ast.js';
import { LOG_FLAGS, LOG_LEVELS } from '../datatype/log.js';
import { MANGLED } from '../grammar/vocabulary.js';
import { bodyOf, type Cursor, present } from './cursor.js';
import { elementFrom, expressionFrom, isVerdict, mapData, verdictFrom } from './expression_in.js';
import { stateFrom } from './state_in.js';

const NAT_FLAGS = ['random', 'fully-random', 'persistent', 'netmap'] as const;
const LOG_WORDS = [...LOG_FLAGS.map(({ word }) => word), 'all'] as const;
const REJECTS = ['tcp reset', 'icmp', 'icmpv6', 'icmpx'] as const;

const optional = (c: Cursor | undefined) => (c === undefined ? undefined : expressionFrom(c));

function matchFrom(body: Cursor, loc: Loc): MatchStatement {
  const op = body.get('op').word(['==', '!=', '<', '>', '<=', '>=', 'in', '!'] as const);
  return {
    kind: 'match',
    op,
    left: expressionFrom(body.get('left')),
    right: expressionFrom(body.get('right')),
    loc,
  };
}

function logFrom(c: Cursor, loc: Loc): LogStatement {
  const body = bodyOf(c);
  if (!body) return { kind: 'log', loc };
  return present<LogStatement>({
    kind: 'log',
    prefix: body.opt('prefix')?.string(),
    group: body.opt('group')?.number(),
    snaplen: body.opt('snaplen')?.number(),
    queueThreshold: body.opt('queue-threshold')?.number(),
    level: body.opt('level')?.word(LOG_LEVELS),
    flags: body.opt('flags')?.words(LOG_WORDS),
    loc,
  });
}

function natFrom(kind: NatStatement['kind'], c: Cursor, loc: Loc): NatStatement {
  const body = bodyOf(c) ?? c.fail('an address or a port is expected');
  const given = body.opt('flags')?.words(NAT_FLAGS) ?? [];
  const flags = given.filter((flag) => flag !== 'netmap');
  const typeFlags = body.opt('type_flags')?.words(['prefix', 'interval', 'concat'] as const);
  return present<NatStatement>({
    kind,
    family: body.opt('family')?.word(['ip', 'ip6'] as const),
    addr: optional(body.opt('addr')),
    port: optional(body.opt('port')),
    flags: flags.length > 0 ? flags : undefined,
    typeFlags: typeFlags ?? (given.includes('netmap') ? ['prefix'] : undefined),
    loc,
  });
}

function masqueradeFrom(kind: MasqueradeStatement['kind'], c: Cursor, loc: Loc): MasqueradeStatement {
  const body = bodyOf(c);
  if (!body) return { kind, loc };
  const flags = body.opt('flags')?.words(['random', 'fully-random', 'persistent'] as const);
  return present<MasqueradeStatement>({ kind, port: optional(body.opt('port')), flags, loc });
}

function rejectFrom(c: Cursor, loc: Loc): RejectStatement {
  const body = bodyOf(c);
  if (!body) return { kind: 'reject', loc };
  return present<RejectStatement>({
    kind: 'reject',
    type: body.opt('type')?.word(REJECTS),
    expr: optional(body.opt('expr')),
    loc,
  });
}

function synproxyFrom(c: Cursor, loc: Loc): SynproxyStatement {
  const body = bodyOf(c);
  if (!body) return { kind: 'synproxy', loc };
  return present<SynproxyStatement>({
    kind: 'synproxy',
    mss: body.opt('mss')?.number(),
    wscale: body.opt('wscale')?.number(),
    flags: body.opt('flags')?.words(['timestamp', 'sack-perm'] as const),
    loc,
  });
}

function mangledFrom(c: Cursor): Mangled {
  const key = expressionFrom(c);
  return MANGLED.has(key.kind) ? (key as Mangled) : c.fail('this cannot be set');
}

const nameOf = (c: Cursor) => c.string().replace(/^@/, '');

/** Of a set or map changed by packets: the element with its statements and data. */
function dynamicElement(body: Cursor, elem: string, stmt: Cursor[]): SetElement {
  const found = elementFrom(body.get(elem));
  const stmts = stmt.map(anyStatement);
  return present<SetElement>({
    ...found,
    data: optional(body.opt('data')),
    stmts: stmts.length > 0 ? stmts : undefined,
  });
}

function setFrom(body: Cursor, loc: Loc): SetStatement {
  const op = body.get('op').word(['add', 'update', 'delete'] as const);
  const elem = dynamicElement(body, 'elem', body.opt('stmt')?.oneOrMore() ?? []);
  return { kind: 'set', op, elem, set: nameOf(body.opt('map') ?? body.get('set')), loc };
}

function meterFrom(body: Cursor, loc: Loc): MeterStatement {
  const stmt = body.opt('stmt');
  const elem = dynamicElement(body, 'key', stmt === undefined ? [] : [stmt]);
  return present<MeterStatement>({
    kind: 'meter',
    name: body.get('name').string(),
    size: body.opt('size')?.count(),
    elem,
    loc,
  });
}

const OBJECTS: readonly string[] = [
  'counter',
  'quota',
  'limit',
  'synproxy',
  'secmark',
  'ct helper',
  'ct timeout',
  'ct expectation',
];

/** Properties of the statements that bear such a name themselves: without one of them an expression says which object. */
const STATE = ['packets', 'bytes', 'rate', 'val', 'mss', 'wscale', 'flags'];

/** Kinds of object that a statement refers to by a name or a map. */
function objrefFrom(name: string, body: Cursor, loc: Loc): Statement | undefined {
  if (!OBJECTS.includes(name)) return undefined;
  const byName = body.type === 'string' || (body.type === 'object' && !STATE.some((own) => body.has(own)));
  return byName ? { kind: 'objref', type: name as ObjectType, expr: expressionFrom(body), loc } : undefined;
}

/** By the name of the object's one property. */
export function statementFrom(name: string, body: Cursor, loc: Loc): Statement {
  const early = objrefFrom(name, body, loc) ?? stateFrom(name, body, loc);
  if (early) return early;
  switch (name) {
    case 'match':
      return matchFrom(body, loc);
    case 'vmap':
      return { kind: 'vmap', key: expressionFrom(body.get('key')), data: mapData(body.get('data')), loc };
    case 'log':
      return logFrom(body, loc);
    case 'reject':
      return rejectFrom(body, loc);
    case 'snat':
    case 'dnat':
      return natFrom(name, body, loc);
    case 'masquerade':
    case 'redirect':
      return masqueradeFrom(name, body, loc);
    case 'tproxy':
      return present<TproxyStatement>({
        kind: 'tproxy',
        family: body.opt('family')?.word(['ip', 'ip6'] as const),
        addr: optional(body.opt('addr')),
        port: optional(body.opt('port')),
        loc,
      });
    case 'synproxy':
      return synproxyFrom(body, loc);
    case 'dup':
      return present<DupStatement>({
        kind: 'dup',
        addr: expressionFrom(body.get('addr')),
        dev: optional(body.opt('dev')),
        loc,
      });
    case 'fwd':
      return present<FwdStatement>({
        kind: 'fwd',
        dev: expressionFrom(body.get('dev')),
        family: body.opt('family')?.word(['ip', 'ip6'] as const),
        addr: optional(body.opt('addr')),
        loc,
      });
    case 'queue': {
      const inside = bodyOf(body);
      const flags = inside?.opt('flags')?.words(['bypass', 'fanout'] as const);
      return present<QueueStatement>({ kind: 'queue', num: optional(inside?.opt('num')), flags, loc });
    }
    case 'notrack':
      return { kind: 'notrack', loc };
    case 'mangle':
      return {
        kind: 'mangle',
        key: mangledFrom(body.get('key')),
        value: expressionFrom(body.get('value')),
        loc,
      };
    case 'reset': {
      const option = expressionFrom(body);
      if (option.kind === 'tcp option' || option.kind === 'raw tcp option')
        return { kind: 'reset', option, loc };
      return body.fail('a TCP option is expected');
    }
    case 'set':
    case 'map':
      return setFrom(body, loc);
    case 'meter':
      return meterFrom(body, loc);
    case 'flow':
      return {
        kind: 'flow',
        op: body.get('op').word(['add'] as const),
        flowtable: nameOf(body.get('flowtable')),
        loc,
      };
    case 'xt':
      return {
        kind: 'xt',
        type: body.get('type').word(['match', 'target', 'watcher'] as const),
        name: body.get('name').string(),
        loc,
      };
    default:
      if (isVerdict(name)) return { kind: 'verdict', ...verdictFrom(name, body), loc };
      return body.fail(`'${name}' is no statement`);
  }
}

export function anyStatement(c: Cursor): Statement {
  const [name, body] = c.only('a statement');
  return statementFrom(name, body, c.loc);
}
