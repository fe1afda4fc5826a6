/**
 * The instructions made of every ruleset of the corpora, beside those that nft 1.0.6 makes (test/nft/debug, byte for byte).
 * A difference is shown rule by rule.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { systemNames } from '../../src/nft/datatype/names.js';
import { evaluateCommands } from '../../src/nft/evaluate/command.js';
import { parse } from '../../src/nft/grammar/parse.js';
import { debugText } from '../../src/nft/linearize/debug.js';

// `meta hour` and `meta time` are in local time.
process.env.TZ = 'UTC';

const here = new URL('../nft/', import.meta.url);
const files = ['bytecode', 'corpus', 'corpus_guest', 'corpus_unlisted'].flatMap((folder) =>
  readdirSync(new URL(folder, here))
    .sort()
    .map((file) => ({ folder, name: file.replace(/\.nft$/, '') })),
);
const names = systemNames();

/** One string a rule, set, chain or object. */
const blocks = (text: string): string[] => text.split(/\n(?=\S)/);

describe('bytecode', () => {
  test.each(files)('of $folder/$name is that of nft', ({ folder, name }) => {
    const path = new URL(`${folder}/${name}.nft`, here);
    const source = { name: path.pathname, text: readFileSync(path, 'utf8') };
    const golden = readFileSync(new URL(`debug/${name}.debug`, here), 'utf8');
    const made = debugText(evaluateCommands(parse(source), { names }));
    if (made === golden) return;
    expect(blocks(made)).toEqual(blocks(golden));
    expect(made).toBe(golden);
  });

  test('covers more than 800 rules', () => {
    const rules = files.reduce((sum, { name }) => {
      const golden = readFileSync(new URL(`debug/${name}.debug`, here), 'utf8');
      return sum + (golden.match(/^(?:ip|ip6|inet|arp|bridge|netdev) \S+ \S+(?: \d+)*$/gm)?.length ?? 0);
    }, 0);
    expect(rules).toBeGreaterThan(6000);
  });
});
