/**
 * Rules that nft 1.0.6 refuses are refused in its words: rules of test/nft/bytecode in the families that do not have them
 * (test/nft/refused: what nft says, and below it the rules by feature).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemNames } from '../../src/nft/datatype/names.js';
import { RulesetErrors, evaluateCommands } from '../../src/nft/evaluate/command.js';
import { parse } from '../../src/nft/grammar/parse.js';

const here = new URL('../nft/', import.meta.url);
const families = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];
const bytecode = readdirSync(new URL('bytecode', here));
const names = systemNames();

/** What stands around the rules of a file: sets and objects before, and the ends of its braces. */
function frame(feature: string, family: string): (rule: string) => string {
  const own = `${feature}.${family}.nft`;
  const file = bytecode.includes(own) ? own : bytecode.find((name) => name.startsWith(`${feature}.`))!;
  const lines = readFileSync(new URL(`bytecode/${file}`, here), 'utf8').split('\n');
  const chain = lines.findIndex((line) => line.trim().startsWith('chain c '));
  const hook = family === 'netdev' ? 'ingress device lo' : 'input';
  const hooked =
    file === own && lines[chain + 1]!.trim().startsWith('type ')
      ? lines[chain + 1]!
      : `type filter hook ${hook} priority 0;`;
  const head = lines.slice(0, chain + 1).map((line) => line.replace(/^table \w+ t/, `table ${family} t`));
  return (rule) => [...head, hooked, rule, '}', '}', ''].join('\n');
}

function messageOf(text: string): string {
  try {
    evaluateCommands(parse({ name: 'test', text }), { names });
    return '';
  } catch (error) {
    if (error instanceof RulesetErrors) return error.errors[0]!.message;
    return (error as Error).message;
  }
}

test.each(families)('what nft refuses in family %s is refused for the same reason', (family) => {
  const frames = new Map<string, (rule: string) => string>();
  const differing: { rule: string; nft: string; ours: string }[] = [];
  let count = 0;
  let nft = '';
  for (const line of readFileSync(new URL(`refused/${family}.txt`, here), 'utf8')
    .trimEnd()
    .split('\n')) {
    if (!line.startsWith('\t')) {
      nft = line;
      continue;
    }
    const [, feature = '', rule = ''] = line.split('\t');
    const around = frames.get(feature) ?? frame(feature, family);
    frames.set(feature, around);
    count++;
    const ours = messageOf(around(rule));
    if (ours !== nft) differing.push({ rule, nft, ours });
  }
  expect(differing).toEqual([]);
  expect(count).toBeGreaterThan(50);
});
