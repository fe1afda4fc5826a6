import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NftError } from '../error.js';
import { parse } from '../grammar/parse.js';
import { objectsOf, printRuleset } from '../print/ruleset.js';
import { parseJsonRuleset } from './ruleset_in.js';
import { printJson } from './ruleset_out.js';

const GOLDEN = join(import.meta.dirname, '../../../test/nft/golden');
const goldens = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.list-j'))
  .map((name) => name.replace('.list-j', ''));
const read = (name: string) => readFileSync(join(GOLDEN, name), 'utf8');
const fromJson = (text: string) => objectsOf(parseJsonRuleset({ name: 'x.json', text }));

describe("nft's JSON is read and written again, letter by letter", () => {
  test.each(goldens)('%s', (name) => {
    expect(`${printJson(fromJson(read(`${name}.list-j`)))}\n`).toBe(read(`${name}.list-j`));
  });
});

/** What nft 1.0.6 leaves out of its JSON, and so cannot come back. */
const lost = (text: string) =>
  text
    .replace(/ device "lo"/g, '')
    .replace(/\n\t+comment "made"/g, '')
    .replace(/synproxy mss 0/g, 'synproxy')
    .replace(/ wscale 0/g, '');

describe("text printed from nft's JSON is the text that nft prints", () => {
  test.each(goldens.filter((name) => name !== 'sets'))('%s', (name) => {
    expect(lost(printRuleset(fromJson(read(`${name}.list-j`))))).toBe(lost(read(`${name}.list`)));
  });

  test('sets, but for `typeof` and flags', () => {
    const rulesOf = (text: string) => text.slice(text.indexOf('chain other'));
    expect(rulesOf(printRuleset(fromJson(read('sets.list-j'))))).toBe(rulesOf(read('sets.list')));
  });
});

describe("JSON printed from nft's text is the JSON that nft prints", () => {
  const plain = (text: string) =>
    (JSON.parse(text) as { nftables: Record<string, object>[] }).nftables.map((item) =>
      JSON.stringify(item, (key, value: unknown) => (key === 'handle' ? undefined : value)),
    );

  test.each(['ct_objects', 'nat'])('%s', (name) => {
    const text = printJson(objectsOf(parse({ name, text: read(`${name}.list`) })));
    expect(new Set(plain(text))).toEqual(new Set(plain(read(`${name}.list-j`))));
  });
});

describe('what does not fit the schema is told by its path', () => {
  const rule = (stmt: unknown) =>
    JSON.stringify({ nftables: [{ add: { rule: { family: 'ip', table: 't', chain: 'c', expr: [stmt] } } }] });
  const match = (body: object) =>
    rule({ match: { op: '==', left: { meta: { key: 'mark' } }, right: 1, ...body } });
  test.each([
    ['{"nftables": [}', 'x.json:1:15-15: Error: invalid JSON: a value is expected'],
    ['{"nft": []}', "document: property 'nftables' is missing"],
    [
      '{"nftables": [{"add": {"table": {"name": 5}}}]}',
      'nftables[0].add.table.name: a string is expected, not number',
    ],
    ['{"nftables": [{"add": {"tabel": {"name": "t"}}}]}', "nftables[0].add: 'tabel' cannot be added"],
    ['{"nftables": [{"metainfo": {"json_schema_version": 2}}]}', 'version 2 is newer than 1'],
    [
      match({ op: '=' }),
      "nftables[0].add.rule.expr[0].match.op: one of ==, !=, <, >, <=, >=, in, ! is expected, not '='",
    ],
    [
      match({ left: { meta: { key: 'foo' } } }),
      'nftables[0].add.rule.expr[0].match.left.meta.key: one of length,',
    ],
    [
      match({ right: { range: [1] } }),
      'nftables[0].add.rule.expr[0].match.right.range: two values are expected, not 1',
    ],
    [
      match({ left: { payload: { protocol: 'tcp', field: 'x' } } }),
      'match.left.payload.field: the fields of tcp are sport,',
    ],
    [rule({ frobnicate: null }), "nftables[0].add.rule.expr[0].frobnicate: 'frobnicate' is no statement"],
    [rule({ counter: { packets: 1.5 } }), 'counter.packets: an integer is expected'],
  ])('%s', (text, message) => {
    let told = 'accepted';
    try {
      parseJsonRuleset({ name: 'x.json', text });
    } catch (error) {
      if (!(error instanceof NftError)) throw error;
      told = String(error);
    }
    expect(told).toContain(message);
  });
});

test('integers of 64 bits stay whole', () => {
  const text =
    '{"nftables": [{"counter": {"family": "ip", "table": "t", "name": "c", "packets": 9007199254740993, "bytes": 1}}]}';
  expect(printJson(fromJson(text))).toContain('"packets": 9007199254740993');
});
