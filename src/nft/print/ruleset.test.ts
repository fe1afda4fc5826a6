import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from '../grammar/parse.js';
import { objectsOf, type PrintOptions, printRuleset } from './ruleset.js';

const GOLDEN = join(import.meta.dirname, '../../../test/nft/golden');
const goldens = readdirSync(GOLDEN).filter((name) => name.endsWith('.list'));
const print = (text: string, options?: PrintOptions, name = 'x.nft') =>
  printRuleset(objectsOf(parse({ name, text })), options);

describe('what nft listed is parsed and printed again, letter by letter', () => {
  test.each(goldens)('%s', (name) => {
    const text = readFileSync(join(GOLDEN, name), 'utf8');
    expect(print(text, {}, name)).toBe(text);
  });
});

describe('options', () => {
  const text = `table ip t {
	set s {
		type ipv4_addr
		timeout 1m
		elements = { 10.0.0.1 counter packets 1 bytes 2 timeout 1m expires 5s }
	}

	chain c {
		type filter hook input priority filter - 5; policy drop;
		counter packets 5 bytes 6 quota 10 kbytes used 3 bytes
	}
}
`;

  test('-s leaves out what changes', () => {
    const stateless = print(text, { stateless: true });
    expect(stateless).toContain('elements = { 10.0.0.1 counter timeout 1m }');
    expect(stateless).toContain('\t\tcounter quota 10 kbytes\n');
  });

  test('-t leaves out elements', () => {
    expect(print(text, { terse: true })).not.toContain('10.0.0.1');
  });

  test('-y has priorities as numbers', () => {
    expect(print(text, { numericPriority: true })).toContain('priority -5; policy drop;');
  });

  test('-a has handles', () => {
    const objects = objectsOf(parse({ name: 'x', text })).map((object, i) => ({ ...object, handle: i + 1 }));
    const lines = printRuleset(objects, { handles: true }).split('\n');
    expect(lines.filter((line) => line.includes('# handle'))).toEqual([
      'table ip t { # handle 1',
      '\tset s { # handle 2',
      '\tchain c { # handle 3',
      '\t\tcounter packets 5 bytes 6 quota 10 kbytes used 3 bytes # handle 4',
    ]);
  });
});

test('commands one by one make the ruleset that a block makes', () => {
  const block =
    'table inet t { chain c { type filter hook input priority 0; tcp dport 22 accept; }; set s { type mark; elements = { 1, 2 }; }; }';
  const single = `add table inet t
    add chain inet t c { type filter hook input priority filter; policy accept; }
    add set inet t s { type mark; }
    add element inet t s { 1, 2 }
    add rule inet t c tcp dport 22 accept`;
  expect(print(single)).toBe(print(block));
});
