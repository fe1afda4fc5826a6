/**
 * A ruleset as text, exactly as `nft list ruleset` prints it, so that it can be loaded again.
 *
 * Tables in their order; within one: objects, sets and maps, flowtables, chains with their rules.
 */
import type { Command, Element, Rule, RulesetObject, Table } from '../ast.js';
import { chainText } from './chain.js';
import { flowtableText, objectText } from './object.js';
import type { PrintOptions } from './options.js';
import { setText } from './set.js';
import { handleText } from './statement.js';

export type { PrintOptions } from './options.js';

function tableHead(table: Table, options: PrintOptions): string {
  let text = '';
  if (table.flags?.length) text += `\tflags ${table.flags.join(',')}\n`;
  if (table.comment !== undefined) text += `\tcomment "${table.comment}"\n`;
  return `table ${table.family} ${table.name} {${handleText(table.handle, options)}\n${text}`;
}

/** In a block and flat alike: tables without their blocks, chains without their rules, each thing beside its table. */
export function flatten(objects: readonly RulesetObject[]): RulesetObject[] {
  return objects.flatMap((object): RulesetObject[] => {
    if (object.kind === 'table' && object.block) {
      const { block, ...table } = object;
      return [table, ...flatten(block)];
    }
    if (object.kind === 'chain' && object.rules) {
      const { rules, ...chain } = object;
      return [chain, ...rules];
    }
    return [object];
  });
}

/** The objects that a text declares: what a listing has, written as commands. */
export function objectsOf(commands: readonly Command[]): RulesetObject[] {
  return flatten(commands.flatMap((command) => (command.kind === 'add' ? [command.object] : [])));
}

type InTable = Exclude<RulesetObject, Table>;

function contents(objects: readonly InTable[], options: PrintOptions): string[] {
  const texts: { readonly order: number; readonly text: string }[] = [];
  const elements = objects.filter((object): object is Element => object.kind === 'element');
  for (const object of objects) {
    switch (object.kind) {
      case 'rule':
      case 'element':
        break;
      case 'chain': {
        const rules = objects.flatMap((o) => (o.kind === 'rule' && o.chain === object.name ? [o] : []));
        texts.push({ order: 3, text: chainText(object, rules, options) });
        break;
      }
      case 'flowtable':
        texts.push({ order: 2, text: flowtableText(object, options) });
        break;
      case 'set':
      case 'map': {
        const more = elements.flatMap((e) => (e.name === object.name ? e.elem : []));
        const set = more.length > 0 ? { ...object, elem: [...(object.elem ?? []), ...more] } : object;
        texts.push({ order: 1, text: setText(set, options) });
        break;
      }
      default:
        texts.push({ order: 0, text: objectText(object, options) });
    }
  }
  return texts.sort((a, b) => a.order - b.order).map(({ text }) => text);
}

export function printRuleset(objects: readonly RulesetObject[], options: PrintOptions = {}): string {
  const flat = flatten(objects);
  const byTable = new Map<string, InTable[]>();
  const keyOf = (family: string, table: string) => `${family} ${table}`;
  for (const object of flat) {
    if (object.kind === 'table') continue;
    const key = keyOf(object.family, object.table);
    const list = byTable.get(key);
    if (list) list.push(object);
    else byTable.set(key, [object]);
  }
  const tables = flat.filter((object): object is Table => object.kind === 'table');
  return tables
    .map((table) => {
      const head = tableHead(table, options);
      const inside = { ...options, family: table.family };
      const parts = contents(byTable.get(keyOf(table.family, table.name)) ?? [], inside);
      const blank = table.flags?.length ? '\n' : '';
      return `${head}${parts.length > 0 ? blank : ''}${parts.join('\n')}}\n`;
    })
    .join('');
}

export interface Selection {
  readonly table: Table;
  readonly objects: readonly InTable[];
}

/** Some things of some tables (`list chains`, `list set`): in the order they came, no blank lines between. */
export function printSelection(selections: readonly Selection[], options: PrintOptions = {}): string {
  return selections
    .map(({ table, objects }) => {
      const inside = { ...options, family: table.family };
      const texts = objects.map((object) => {
        if (object.kind !== 'chain') return contents([object], inside).join('');
        return chainText(
          object,
          objects.filter((each): each is Rule => each.kind === 'rule' && each.chain === object.name),
          inside,
        );
      });
      return `table ${table.family} ${table.name} {\n${texts.join('')}}\n`;
    })
    .join('');
}
