/** `ww nft explain -f`: what was made of the chains of a file, without a router. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/command_line.js';
import { JIT_MODES } from '../../src/cli/jit_mode.js';
import { explainFile, explainText } from '../../src/cli/nft_explain_run.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-explain-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, 'rules.nft');
  writeFileSync(path, text);
  return path;
}

const RULES = `table inet fw {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iif lan0 jump ports
    ct state established accept
  }
  chain ports {
    ${[22, 25, 53, 80, 443].map((port) => `tcp dport ${port} accept`).join('\n    ')}
  }
}
table netdev early {
  chain in { type filter hook ingress device wan0 priority -500; }
}
`;

test.each(JIT_MODES)('--jit=%s: every chain with its hook, its rules and what runs for them', async (jit) => {
  const { jit: told, bytes, chains } = await explainFile(file(RULES), jit);
  expect(told).toBe(jit);
  expect(chains.map(({ family, table, chain, rules }) => [family, table, chain, rules])).toEqual([
    ['inet', 'fw', 'forward', 2],
    ['inet', 'fw', 'ports', 5],
    ['netdev', 'early', 'in', 0],
  ]);
  expect(chains.map(({ hook }) => hook)).toEqual([
    'filter hook forward priority filter',
    undefined,
    expect.stringContaining('filter hook ingress device'),
  ]);
  expect(chains.map(({ policy }) => policy)).toEqual(['drop', undefined, 'accept']);
  const mode = jit === 'off' ? 'interpreter' : jit;
  expect(chains.map((chain) => chain.mode)).toEqual([mode, mode, mode]);
  expect(chains[1]).toMatchObject(
    jit === 'tree' ? { tables: 1, tableRules: 5 } : { tables: 0, tableRules: 0 },
  );
  if (jit === 'off') {
    expect(bytes).toBe(0);
    expect(chains[0]!.reason).toBe('--jit=off');
  } else {
    expect(bytes).toBe(chains.reduce((sum, each) => sum + each.bytes, 0));
    expect(bytes).toBeGreaterThan(100);
  }
});

test('says it in words', async () => {
  const text = explainText(await explainFile(file(RULES), 'tree'));
  expect(text).toMatch(/^--jit=tree: 3 of 3 chains compiled, [\d,]+ bytes of WebAssembly\n/);
  expect(text).toContain(
    'inet fw forward  (filter hook forward priority filter, policy drop)\n    2 rules: tree code, ',
  );
  expect(text).toMatch(
    /inet fw ports {2}\(jumped to\)\n {4}5 rules: tree code, \d+ bytes, 1 table for 5 rules/,
  );
  expect(explainText(await explainFile(file(RULES), 'off'))).toMatch(/^--jit=off: 3 chains, interpreted\n/);
});

test('options behind explain are its own, and a mistake in the file has its place', async () => {
  let said = '';
  const put = process.stderr.write;
  const path = file('table ip t { chain c { acept } }\n');
  process.stderr.write = ((text: string) => {
    said += text;
    return true;
  }) as typeof put;
  try {
    expect(await runCommandLine(['nft', 'explain', '-f', path, '--jit', 'linear', '-j'])).toBe(1);
  } finally {
    process.stderr.write = put;
  }
  expect(said).toMatch(/rules\.nft:1:24-28: Error: syntax error/);
});
