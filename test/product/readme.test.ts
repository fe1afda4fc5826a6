/** What the README shows has to be true. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readRouterConfig } from '../../src/config/netplan.js';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The blocks of that language. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!);

describe('the README', () => {
  it('shows the library in 15 lines that run', () => {
    const [example] = blocks('js') as [string];
    expect(example.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(15);
    // Inside of the package its own name leads to it, as it does for whoever installed it.
    const file = join(root, `build/readme-${process.pid}.mjs`);
    writeFileSync(file, example);
    try {
      const output = execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 });
      expect(output).toContain("kind: 'reply'");
      expect(output).toContain('mtu: 1400');
    } finally {
      rmSync(file);
    }
  });

  it('shows a router.yaml without a mistake', () => {
    const result = readRouterConfig(blocks('yaml')[0]!, 'router.yaml');
    expect(result).toMatchObject({ kind: 'ok', warnings: [] });
    if (result.kind !== 'ok') return;
    expect(result.config.links.map(({ name }) => name)).toEqual(['lan0', 'wan0']);
    expect(result.config.links[1]!.routes).toHaveLength(2);
  });

  it("shows tests of the example's, which are run", () => {
    const file = readFileSync(join(root, 'test/nft/example/firewall_test.yaml'), 'utf8');
    const { tests } = parse(file) as { tests: { name: string; packet: string }[] };
    for (const { name, packet } of parse(blocks('yaml')[1]!) as typeof tests)
      expect(tests).toContainEqual(expect.objectContaining({ name, packet }));
  });

  it('names only commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => name !== 'ci' && !(name in scripts))).toEqual([]);
  });
});
