/**
 * Fuzzes the rule language: lines of the corpus with words left out, doubled, exchanged or spoiled. A text is either refused, with
 * a place in it, or it is a tree: then it prints, what is printed is a tree that prints the same, its JSON is read again and written
 * the same, and compiling it gives instructions or errors with places. Never anything else.
 *
 * FUZZ_COUNT: texts (default 4,000). FUZZ_SEED=n: begins there; a failure names its text's seed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Command } from '../../src/nft/ast.js';
import { NftError } from '../../src/nft/error.js';
import { RulesetErrors } from '../../src/nft/evaluate/command.js';
import { parse } from '../../src/nft/grammar/parse.js';
import { parseJsonRuleset } from '../../src/nft/json/ruleset_in.js';
import { printJson } from '../../src/nft/json/ruleset_out.js';
import { compile } from '../../src/nft/nft.js';
import { objectsOf, printRuleset } from '../../src/nft/print/ruleset.js';
import { Random } from '../random.js';

const COUNT = Number(process.env.FUZZ_COUNT ?? (process.env.LONG === 'true' ? 1_000_000 : 4_000));
/** The long run looks for new ones; the short one holds what was found. */
const SEED = Number(process.env.FUZZ_SEED ?? (process.env.LONG === 'true' ? Date.now() % 2 ** 30 : 1));
const CORPUS = join(import.meta.dirname, '../nft/corpus');

const texts = readdirSync(CORPUS).map((name) => readFileSync(join(CORPUS, name), 'utf8'));
/** What stands between braces on one line: rules, mostly. */
const lines = [
  ...new Set(
    texts
      .join('\n')
      .split('\n')
      .map((line) => line.trim()),
  ),
].filter((line) => line !== '');
const words = [...new Set(lines.join(' ').split(/\s+/))];
const SPOILS = [
  '',
  '"',
  '{',
  '}',
  '@',
  '$',
  '\\',
  '\u0000',
  '🦊',
  '-',
  '/',
  ':',
  '.',
  ',',
  '0x',
  '99999999999999999999',
  '*',
  '#',
  '(',
];

function mutated(random: Random): string {
  const parts = random.pick(lines).split(' ');
  for (let times = random.below(4); times > 0; times--) {
    const at = random.below(parts.length);
    const other = random.pick([random.pick(words), random.pick(SPOILS), parts[random.below(parts.length)]!]);
    const kind = random.below(4);
    if (kind === 0) parts.splice(at, 1);
    else if (kind === 1) parts.splice(at, 0, other);
    else if (kind === 2) parts[at] = other;
    else parts[at] = `${parts[at]}${random.pick(SPOILS)}`;
  }
  return `table inet t {\n\tset s { type ipv4_addr; }\n\tchain other { }\n\tchain c {\n\t\t${parts.join(' ')}\n\t}\n}\n`;
}

/** The commands, or undefined for what is refused as it should be. */
function parsed(text: string): Command[] | undefined {
  try {
    return parse({ name: 'x.nft', text });
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    expect(String(error)).toMatch(/^x\.nft:\d+:\d+-\d+: Error: \S/);
    expect(error.loc.end).toBeGreaterThan(error.loc.start);
    return undefined;
  }
}

function check(text: string): 'refused' | 'taken' {
  const commands = parsed(text);
  if (!commands) return 'refused';
  const objects = objectsOf(commands);
  const printed = printRuleset(objects);
  const again = parsed(printed);
  expect(again, printed).toBeDefined();
  expect(printRuleset(objectsOf(again!))).toBe(printed);
  const json = printJson(objects);
  expect(printJson(objectsOf(parseJsonRuleset({ name: 'x.json', text: json })))).toBe(json);
  try {
    compile(commands).debug();
  } catch (error) {
    if (!(error instanceof RulesetErrors)) throw error;
    for (const each of error.errors) expect(String(each)).toMatch(/^x\.nft:\d+:\d+-\d+: Error: \S/);
  }
  return 'taken';
}

test(`${COUNT} spoiled rules from seed ${SEED}`, () => {
  let taken = 0;
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const text = mutated(new Random(seed));
    try {
      if (check(text) === 'taken') taken++;
    } catch (cause) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_COUNT=1:\n${text}`, { cause });
    }
  }
  // Both ways are gone.
  if (COUNT < 100) return;
  expect(taken).toBeGreaterThan(COUNT / 20);
  expect(taken).toBeLessThan(COUNT);
}, 600_000);
