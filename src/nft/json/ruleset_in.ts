/**
 * JSON to commands: { "nftables": [ ... ] } of libnftables-json(5), checked on the way. An object without a command, as in a
 * listing, is added.
 */
import type {
  Chain,
  Command,
  CtExpectationObject,
  CtHelperObject,
  CtTimeoutObject,
  Element,
  Family,
  Flowtable,
  LimitObject,
  MapData,
  MapObject,
  ObjectType,
  QuotaObject,
  Rule,
  RulesetObject,
  SetObject,
  StatefulObject,
  SynproxyObject,
  Table,
  Target,
  TargetPlural,
  TargetType,
  TypeSpec,
} from '../ast.js';
import type { Source } from '../source.js';
import { bytesOf, toCount } from '../units.js';
import { Cursor, present } from './cursor.js';
import { elementsFrom } from './expression_in.js';
import { parseJson } from './parse_json.js';
import { limitFrom, TIME_UNITS } from './state_in.js';
import { anyStatement } from './statement_in.js';

const FAMILIES = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'] as const;
const SCHEMA_VERSION = 1;
const STATEFUL: readonly ObjectType[] = [
  'counter',
  'quota',
  'limit',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'synproxy',
  'secmark',
];

const family = (c: Cursor): Family => c.opt('family')?.word(FAMILIES) ?? 'ip';
const named = (c: Cursor) => ({
  family: family(c),
  table: c.get('table').string(),
  name: c.get('name').string(),
  handle: c.opt('handle')?.count(),
  comment: c.opt('comment')?.string(),
  loc: c.loc,
});
const strings = (c: Cursor | undefined) => c?.oneOrMore().map((item) => item.string());
const ms = (c: Cursor | undefined) => (c === undefined ? undefined : toCount(BigInt(c.count()) * 1000n));

// ---- objects ----

function tableFrom(c: Cursor): Table {
  return present<Table>({
    kind: 'table',
    family: family(c),
    name: c.get('name').string(),
    handle: c.opt('handle')?.count(),
    flags: c.opt('flags')?.words(['dormant', 'owner', 'persist'] as const),
    comment: c.opt('comment')?.string(),
    loc: c.loc,
  });
}

function chainFrom(c: Cursor): Chain {
  const prio = c.opt('prio');
  return present<Chain>({
    kind: 'chain',
    ...named(c),
    type: c.opt('type')?.string(),
    hook: c.opt('hook')?.string(),
    prio: prio && { offset: prio.number(), loc: prio.loc },
    devices: strings(c.opt('dev')),
    policy: c.opt('policy')?.word(['accept', 'drop'] as const),
    flags: c.opt('flags')?.words(['offload'] as const),
  });
}

function ruleFrom(c: Cursor): Rule {
  return present<Rule>({
    kind: 'rule',
    family: family(c),
    table: c.get('table').string(),
    chain: c.get('chain').string(),
    expr: c.opt('expr')?.items().map(anyStatement) ?? [],
    handle: c.opt('handle')?.count(),
    index: c.opt('index')?.count(),
    comment: c.opt('comment')?.string(),
    loc: c.loc,
  });
}

function typeFrom(c: Cursor): TypeSpec {
  const names = c.oneOrMore().flatMap((item) => item.string().split(/\s*\.\s*/));
  return { kind: 'type', names, loc: c.loc };
}

function mapDataFrom(c: Cursor): MapData {
  if (c.type === 'string') {
    if (c.string() === 'verdict') return { kind: 'verdict', loc: c.loc };
    const type = STATEFUL.find((name) => name === c.string());
    if (type) return { kind: 'object', type, loc: c.loc };
  }
  return typeFrom(c);
}

function setFrom(kind: 'set' | 'map', c: Cursor): SetObject | MapObject {
  const type = c.opt('type');
  const elem = c.opt('elem');
  const base = {
    ...named(c),
    type: type && typeFrom(type),
    policy: c.opt('policy')?.word(['performance', 'memory'] as const),
    flags: c.opt('flags')?.words(['constant', 'interval', 'timeout', 'dynamic'] as const),
    timeoutMs: ms(c.opt('timeout')),
    gcIntervalMs: ms(c.opt('gc-interval')),
    size: c.opt('size')?.count(),
    autoMerge: c.opt('auto-merge')?.boolean(),
    stmts: c.opt('stmt')?.oneOrMore().map(anyStatement),
    elem: elem && elementsFrom(elem),
    elemLoc: elem?.loc,
  };
  if (kind === 'set') return present<SetObject>({ kind, ...base });
  return present<MapObject>({ kind, ...base, map: mapDataFrom(c.get('map')), mapInterval: undefined });
}

function elementFrom(c: Cursor): Element {
  const { family: of, table, name, loc } = named(c);
  return { kind: 'element', family: of, table, name, elem: elementsFrom(c.get('elem')), loc };
}

function flowtableFrom(c: Cursor): Flowtable {
  const prio = c.opt('prio');
  const { comment: _, ...base } = named(c);
  return present<Flowtable>({
    kind: 'flowtable',
    ...base,
    hook: c.opt('hook')?.string(),
    prio: prio && { offset: prio.number(), loc: prio.loc },
    devices: strings(c.opt('dev')),
    flags: c.opt('flags')?.words(['offload'] as const),
    counter: undefined,
  });
}

function limitObject(c: Cursor): LimitObject {
  const { rate, rateUnit, burst, burstUnit, inv } = limitFrom(c, c.loc);
  const unit =
    rateUnit === 'packets' ? 'packets' : (c.opt('unit')?.word(['packets', 'bytes'] as const) ?? 'bytes');
  return present<LimitObject>({
    kind: 'limit',
    ...named(c),
    rate: rateUnit === 'packets' ? rate : toCount(bytesOf(rate, rateUnit)),
    per: c.opt('per')?.word(TIME_UNITS) ?? 'second',
    burst:
      burst === undefined || !burstUnit || burstUnit === 'packets'
        ? burst
        : toCount(bytesOf(burst, burstUnit)),
    unit,
    inv,
  });
}

const l3proto = (c: Cursor) => c.opt('l3proto')?.word(FAMILIES);

function ctTimeoutPolicy(c: Cursor): CtTimeoutObject['policy'] {
  const policy = c.opt('policy');
  if (!policy) {
    const state = c.opt('state');
    return state ? [{ state: state.string(), value: c.get('value').number(), loc: c.loc }] : [];
  }
  return policy
    .keys()
    .map((state) => ({ state, value: policy.get(state).number(), loc: policy.get(state).loc }));
}

function statefulFrom(kind: ObjectType, c: Cursor): StatefulObject {
  switch (kind) {
    case 'counter':
      return present<StatefulObject & { kind: 'counter' }>({
        kind,
        ...named(c),
        packets: c.opt('packets')?.count(),
        bytes: c.opt('bytes')?.count(),
      });
    case 'quota':
      return present<QuotaObject>({
        kind,
        ...named(c),
        bytes: c.get('bytes').count(),
        used: c.opt('used')?.count(),
        inv: c.opt('inv')?.boolean() ?? false,
      });
    case 'limit':
      return limitObject(c);
    case 'ct helper':
      return present<CtHelperObject>({
        kind,
        ...named(c),
        type: c.get('type').string(),
        protocol: c.get('protocol').string(),
        l3proto: l3proto(c),
      });
    case 'ct timeout':
      return present<CtTimeoutObject>({
        kind,
        ...named(c),
        protocol: c.get('protocol').string(),
        l3proto: l3proto(c),
        policy: ctTimeoutPolicy(c),
      });
    case 'ct expectation':
      return present<CtExpectationObject>({
        kind,
        ...named(c),
        protocol: c.get('protocol').string(),
        l3proto: l3proto(c),
        dport: c.get('dport').number(),
        timeoutMs: c.get('timeout').number(),
        size: c.get('size').number(),
      });
    case 'synproxy':
      return present<SynproxyObject>({
        kind,
        ...named(c),
        mss: c.opt('mss')?.number(),
        wscale: c.opt('wscale')?.number(),
        flags: c.opt('flags')?.words(['timestamp', 'sack-perm'] as const) ?? [],
      });
    case 'secmark':
      return present<StatefulObject & { kind: 'secmark' }>({
        kind,
        ...named(c),
        context: c.get('context').string(),
      });
  }
}

function objectFrom(name: string, c: Cursor): RulesetObject | undefined {
  switch (name) {
    case 'table':
      return tableFrom(c);
    case 'chain':
      return chainFrom(c);
    case 'rule':
      return ruleFrom(c);
    case 'set':
    case 'map':
      return setFrom(name, c);
    case 'element':
      return elementFrom(c);
    case 'flowtable':
      return flowtableFrom(c);
    default: {
      const kind = STATEFUL.find((each) => each === name);
      return kind && statefulFrom(kind, c);
    }
  }
}

// ---- commands ----

const SINGULAR: readonly TargetType[] = [
  'table',
  'chain',
  'rule',
  'set',
  'map',
  'meter',
  'flowtable',
  'ruleset',
  ...STATEFUL,
];
const PLURAL: readonly TargetPlural[] = [
  'tables',
  'chains',
  'rules',
  'sets',
  'maps',
  'meters',
  'flowtables',
  'counters',
  'quotas',
  'limits',
  'ct helpers',
  'ct timeouts',
  'ct expectations',
  'synproxys',
  'secmarks',
  'hooks',
];

function targetFrom(name: string, c: Cursor): Target {
  const type = [...SINGULAR, ...PLURAL].find((each) => each === name) ?? c.fail(`'${name}' is unknown here`);
  const body = c.type === 'null' ? undefined : c;
  const plural = type === 'ruleset' || (PLURAL as readonly string[]).includes(type);
  const given = body?.opt('family')?.word(FAMILIES);
  return present<Target>({
    type,
    family: given ?? (plural ? undefined : 'ip'),
    table: body?.opt('table')?.string(),
    chain: body?.opt('chain')?.string(),
    name: body?.opt('name')?.string(),
    handle: body?.opt('handle')?.count(),
    device: undefined,
    loc: c.loc,
  });
}

function added(kind: 'add' | 'create' | 'insert' | 'replace', c: Cursor): Command {
  const [name, body] = c.only('what a command is about');
  const object = objectFrom(name, body) ?? c.fail(`'${name}' cannot be added`);
  if ((kind === 'insert' || kind === 'replace') && object.kind !== 'rule')
    c.fail(`only a rule is for ${kind}`);
  return { kind, object, loc: c.loc };
}

function commandFrom(verb: string, c: Cursor, whole: Cursor): Command {
  switch (verb) {
    case 'add':
    case 'create':
    case 'insert':
    case 'replace':
      return added(verb, c);
    case 'delete':
    case 'destroy':
    case 'list':
    case 'flush':
    case 'reset':
    case 'get': {
      const [name, body] = c.only('what a command is about');
      if (name === 'element' && verb !== 'list' && verb !== 'flush') {
        return { kind: `${verb} element`, element: elementFrom(body), loc: c.loc };
      }
      if (verb === 'get') return c.fail(`'get' is for elements, not for '${name}'`);
      return { kind: verb, target: targetFrom(name, body), loc: c.loc };
    }
    case 'rename': {
      const body = c.get('chain');
      return {
        kind: 'rename',
        target: targetFrom('chain', body),
        newname: body.get('newname').string(),
        loc: c.loc,
      };
    }
    default: {
      const object = objectFrom(verb, c) ?? whole.fail(`'${verb}' is neither a command nor an object`);
      return { kind: 'add', object, implied: true, loc: c.loc };
    }
  }
}

export function parseJsonRuleset(source: Source): Command[] {
  const root = new Cursor(source, parseJson(source), '');
  const commands: Command[] = [];
  for (const item of root.get('nftables').items()) {
    const [verb, body] = item.only('a command');
    if (verb !== 'metainfo') {
      commands.push(commandFrom(verb, body, item));
      continue;
    }
    const version = body.opt('json_schema_version');
    if (version && version.number() > SCHEMA_VERSION)
      version.fail(`version ${version.number()} is newer than ${SCHEMA_VERSION}, the one known`);
  }
  return commands;
}
