/** What the README shows has to be true. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRouterConfig } from '../../src/config/netplan.js';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The only block of that language. */
function block(language: string): string {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))];
  expect(blocks).toHaveLength(1);
  return blocks[0]![1]!;
}

describe('the README', () => {
  it('shows the library in 15 lines that run', () => {
    const example = block('js');
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
    const result = readRouterConfig(block('yaml'), 'router.yaml');
    expect(result).toMatchObject({ kind: 'ok', warnings: [] });
    if (result.kind !== 'ok') return;
    expect(result.config.links.map(({ name }) => name)).toEqual(['lan0', 'wan0']);
    expect(result.config.links[1]!.routes).toHaveLength(2);
  });

  it('names only commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => name !== 'ci' && !(name in scripts))).toEqual([]);
  });
});
