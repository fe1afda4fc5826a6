/**
 * The rule language against nft itself: each file of the corpus is loaded into a namespace of this kernel, listed by nft, and the
 * listing parsed and printed again here. And what is printed here from the file as it was written loads and lists the same.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from '../../src/nft/grammar/parse.js';
import { parseJsonRuleset } from '../../src/nft/json/ruleset_in.js';
import { printJson } from '../../src/nft/json/ruleset_out.js';
import { Declared } from '../../src/nft/print/declared.js';
import { objectsOf, type PrintOptions, printRuleset } from '../../src/nft/print/ruleset.js';

const CORPUS = join(import.meta.dirname, '../nft/corpus');
const files = readdirSync(CORPUS).filter((name) => name.endsWith('.nft'));

/** Loads a ruleset into an empty namespace and lists it, once for each of the options. */
function listed(ruleset: string, ...options: readonly string[]): string[] {
  const mark = '#### next';
  const lists = options.map((option) => `echo '${mark}'; nft ${option} list ruleset`).join('; ');
  const text = execFileSync('unshare', ['-n', 'sh', '-c', `nft -f - && { ${lists}; }`], {
    input: ruleset,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  });
  return text.split(`${mark}\n`).slice(1);
}

/** The time that is left differs from one listing to the next. */
const lasting = (text: string) => text.replace(/ expires [0-9a-z]+/g, '').replace(/, "expires": \d+/g, '');
const print = (text: string, options?: PrintOptions) =>
  printRuleset(objectsOf(parse({ name: 'listing', text })), options);

const without = (...names: readonly string[]) => files.filter((file) => !names.includes(file));
const read = (file: string) => readFileSync(join(CORPUS, file), 'utf8');

describe('printed as nft lists it: whole, stateless, and with numbers for priorities', () => {
  test.each(files)('%s', (file) => {
    const [text = '', stateless = '', numbers = ''] = listed(read(file), '', '-s', '-y').map(lasting);
    expect(print(text)).toBe(text);
    expect(print(text, { stateless: true })).toBe(stateless);
    expect(print(text, { numericPriority: true })).toBe(numbers);
    expect(text).toBe(readFileSync(join(CORPUS, '../golden', file.replace('.nft', '.list')), 'utf8'));
  });
});

// Of updates of maps and of chains without a name nft writes no JSON.
describe("nft's JSON is read and written again", () => {
  test.each(without('dynamic.nft', 'structure.nft'))('%s', (file) => {
    const [json = ''] = listed(read(file), '-j').map(lasting);
    expect(`${printJson(objectsOf(parseJsonRuleset({ name: 'json', text: json })))}\n`).toBe(json);
  });
});

describe('what is printed of a file as it was written loads and lists the same', () => {
  test.each(files)('%s', (file) => {
    const declared = new Declared();
    for (const command of parse({ name: file, text: read(file) })) declared.apply(command);
    // nft 1.0.6 lists `parameter-problem` and reads `param-problem` only.
    const ours = printRuleset(declared.list()).replaceAll('icmpv6 parameter-problem', 'icmpv6 param-problem');
    const [given] = listed(read(file), '-s').map(lasting);
    expect(listed(ours, '-s').map(lasting)).toEqual([given]);
  });
});
