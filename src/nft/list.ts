/**
 * What `list` and `reset` show of a ruleset: of all its objects those that the command names, as text or JSON, as nft 1.0.6
 * shows them. Plurals name each table, whether or not there is something in it; but objects only where they are.
 */
import type { Chain, Rule, RulesetObject, Table, Target } from './ast.js';
import { NftError } from './error.js';
import { printJson } from './json/ruleset_out.js';
import { printRuleset, printSelection, type PrintOptions } from './print/ruleset.js';
import { wordIn } from './source.js';

type InTable = Exclude<RulesetObject, Table>;
type Kind = RulesetObject['kind'];

export interface ListOptions extends PrintOptions {
  readonly json?: boolean;
}

const missing = (target: Target, name: string, nth = 0): NftError =>
  new NftError('No such file or directory', wordIn(target.loc, name, nth));

/** By the word of the command: which objects, and whether tables without any are named. */
const PLURALS: Readonly<Partial<Record<Target['type'], { readonly kind: Kind; readonly always: boolean }>>> =
  {
    chains: { kind: 'chain', always: true },
    sets: { kind: 'set', always: true },
    meters: { kind: 'set', always: true },
    maps: { kind: 'map', always: true },
    flowtables: { kind: 'flowtable', always: true },
    counters: { kind: 'counter', always: false },
    quotas: { kind: 'quota', always: false },
    limits: { kind: 'limit', always: false },
    'ct helpers': { kind: 'ct helper', always: false },
    'ct timeouts': { kind: 'ct timeout', always: false },
    'ct expectations': { kind: 'ct expectation', always: false },
    synproxys: { kind: 'synproxy', always: false },
    secmarks: { kind: 'secmark', always: false },
  };

/** Tables that the command asks for, by family and name. */
function tablesOf(objects: readonly RulesetObject[], { family, table }: Target): Table[] {
  return objects.filter(
    (object): object is Table =>
      object.kind === 'table' &&
      (family === undefined || object.family === family) &&
      (table === undefined || object.name === table),
  );
}

const inside = (object: RulesetObject, { family, name }: Table): object is InTable =>
  object.kind !== 'table' && object.family === family && object.table === name;

/** `objects`: all of the ruleset, flat. Throws NftError where what is named is not there. */
export function listText(objects: readonly RulesetObject[], target: Target, options: ListOptions): string {
  const { json, ...print } = options;
  const { type } = target;
  const flat = (some: readonly RulesetObject[]): string => `${printJson(some)}\n`;
  if (type === 'ruleset') {
    const { family } = target;
    const of = objects.filter((object) => family === undefined || object.family === family);
    return json ? flat(of) : printRuleset(of, print);
  }
  if (type === 'tables') {
    const tables = tablesOf(objects, target);
    if (json) return flat(tables);
    return tables.map((table) => `table ${table.family} ${table.name}\n`).join('');
  }
  if (type === 'table') {
    const table = tableOf(objects, target);
    const of = [table, ...objects.filter((object) => inside(object, table))];
    return json ? flat(of) : printRuleset(of, print);
  }
  const plural = PLURALS[type];
  if (plural !== undefined || type === 'rules') {
    const tables = tablesOf(objects, target);
    if (target.table !== undefined && tables.length === 0) throw missing(target, target.table);
    const each = tables.map((table) => ({
      table,
      objects: objects.filter(
        (object): object is InTable =>
          inside(object, table) &&
          (plural === undefined ? isOfRules(object, target) : object.kind === plural.kind),
      ),
    }));
    const shown = each.filter((one) => plural?.always || one.objects.length > 0);
    return json ? flat(shown.flatMap((one) => one.objects)) : printSelection(shown, print);
  }
  const table = tableOf(objects, target);
  const found = oneOf(objects, table, target);
  if (json) return flat(found);
  return printSelection([{ table, objects: found }], print);
}

/** `reset rules chain ip t c`: chains with their rules. */
function isOfRules(object: InTable, { chain }: Target): boolean {
  if (object.kind === 'chain') return chain === undefined || object.name === chain;
  return object.kind === 'rule' && (chain === undefined || object.chain === chain);
}

function tableOf(objects: readonly RulesetObject[], target: Target): Table {
  const { family = 'ip', handle } = target;
  const name = target.type === 'table' ? (target.name ?? target.table) : target.table;
  const found = objects.find(
    (object): object is Table =>
      object.kind === 'table' &&
      object.family === family &&
      (target.type === 'table' && handle !== undefined
        ? BigInt(object.handle ?? 0) === BigInt(handle)
        : object.name === name),
  );
  if (found === undefined) throw missing(target, name ?? String(handle));
  return found;
}

/** A chain with its rules, a set, an object: by name or handle. */
function oneOf(objects: readonly RulesetObject[], table: Table, target: Target): InTable[] {
  const { type, name, handle, chain } = target;
  const has = (object: InTable): boolean =>
    handle === undefined
      ? 'name' in object && object.name === name
      : 'handle' in object && object.handle !== undefined && BigInt(object.handle) === BigInt(handle);
  const all = objects.filter((object): object is InTable => inside(object, table));
  if (type === 'rule') {
    const rule = all.find(
      (object): object is Rule => object.kind === 'rule' && object.chain === chain && has(object),
    );
    if (rule === undefined) throw missing(target, String(handle));
    return [...all.filter((object) => object.kind === 'chain' && object.name === chain), rule];
  }
  const kind = type === 'meter' ? 'set' : type;
  const found = all.find((object) => object.kind === kind && has(object));
  if (found === undefined) throw missing(target, name ?? String(handle), name === target.table ? 1 : 0);
  if (found.kind !== 'chain') return [found];
  return [found, ...rulesOf(all, found)];
}

function rulesOf(all: readonly InTable[], chain: Chain): InTable[] {
  return all.filter((object) => object.kind === 'rule' && object.chain === chain.name);
}
