/** Tables, chains, sets and objects on one line, as `nft monitor` and --echo print them. */
import type { Chain, Flowtable, MapObject, SetObject, StatefulObject, Table } from '../ast.js';
import { chainText } from './chain.js';
import { flowtableText, objectText } from './object.js';
import type { PrintOptions } from './options.js';
import { setText } from './set.js';
import { handleText } from './statement.js';

export function tableLine(table: Table, options: PrintOptions, made: boolean): string {
  const flags = made && table.flags?.length ? ` { flags ${table.flags.join(',')}; }` : '';
  return `table ${table.family} ${table.name}${flags}${handleText(table.handle, options)}`;
}

/** What stands in the braces, by lines; and what stands behind the opening one. */
function inside(text: string): { readonly lines: string[]; readonly head: string } {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const head = first.slice(first.indexOf('{') + 1).trim();
  return { lines: lines.slice(0, -1).map((line) => line.trim()), head: head === '' ? '' : `${head} ` };
}

export function chainLine(chain: Chain, options: PrintOptions): string {
  const { handles: _, ...plain } = options;
  const { comment: _comment, ...bare } = chain;
  const { lines } = inside(chainText(bare, [], { ...plain, family: chain.family }));
  const base = lines.length === 0 ? '' : ` { ${lines.join(' ')} }`;
  return `chain ${chain.family} ${chain.table} ${chain.name}${base}${handleText(chain.handle, options)}`;
}

export function setLine(set: SetObject | MapObject, options: PrintOptions): string {
  const { elem: _, ...empty } = set;
  const { lines, head } = inside(setText(empty, options));
  return `${set.kind} ${set.family} ${set.table} ${set.name} { ${head}${lines.map((line) => `${line}; `).join('')}} `;
}

/** Lines that end in a semicolon, by kind: all of them, the last, or none. */
const ALL = new Set(['ct helper', 'ct timeout', 'ct expectation', 'flowtable']);

export function objectLine(object: StatefulObject | Flowtable, options: PrintOptions): string {
  const text = object.kind === 'flowtable' ? flowtableText(object, options) : objectText(object, options);
  const { lines, head } = inside(text);
  const ends = (at: number): boolean =>
    ALL.has(object.kind) || (object.kind === 'synproxy' && at === lines.length - 1);
  const body = lines.map((line, at) => `${line}${ends(at) ? ';' : ''} `).join('');
  return `${object.kind} ${object.family} ${object.table} ${object.name} { ${head}${body}} `;
}
