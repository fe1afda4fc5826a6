/** The rules of a router.yaml: mistakes are told at their place before anything starts, and the router built has the rules. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildRouter } from '../../src/cli/router.js';
import { checkRules } from '../../src/cli/router_rules.js';
import { startJit } from '../../src/cli/router_jit.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import { dumpRuleset } from '../../src/services/ruleset_dump.js';
import { readMessages } from '../../src/netlink/nlmsg.js';
import { readDump } from '../../src/nft/encode/dump.js';
import { SilentPort } from '../../src/replay/silent_port.js';
import { HeldPort } from '../../src/cli/router_port.js';
import { createStack } from '../../src/stack.js';

const HEAD = `network:
  version: 2
  ethernets:
    lan0: {addresses: [192.168.50.1/24]}
    wan0: {addresses: [203.0.113.2/24]}
ports: {lan0: tap:a, wan0: tap:b}
`;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-rules-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configured(tail: string) {
  const result = readRouterConfig(`${HEAD}${tail}`, join(folder, 'router.yaml'));
  if (result.kind === 'wrong') throw new Error(JSON.stringify(result.errors));
  return result.config;
}

/** `file:line:column: message; hint` */
async function mistakes(tail: string): Promise<string[]> {
  const { nftables, links } = configured(tail);
  const found = await checkRules(nftables!, links);
  return found.map(({ file, line, column, message, hint }) =>
    `${file}:${line}:${column}: ${message}; ${hint}`.replaceAll(`${folder}/`, ''),
  );
}

const inline = (...lines: string[]) => `nftables: |\n${lines.map((line) => `  ${line}\n`).join('')}`;

describe('mistakes in rules', () => {
  test.each([
    [
      'of the language',
      inline('table ip t {', '  chain c { tcp dport 99999 accept }', '}'),
      'router.yaml:9:25: Service out of range',
    ],
    [
      'of a name',
      inline('table ip t {', '  chain c { iif lan9 accept; }', '}'),
      'router.yaml:9:19: Interface does not exist; did you mean "lan0"?',
    ],
    [
      'that only nf_tables knows',
      inline('table ip t {', '  chain c { jump nowhere; }', '}'),
      'router.yaml:9:20: Could not process rule: No such file or directory',
    ],
    [
      'of a device of a hook',
      inline('table netdev t {', '  chain c { type filter hook ingress device dmz0 priority 0; }', '}'),
      'router.yaml:9:47: Could not process rule: No such file or directory',
    ],
    ['of what asks', inline('list ruleset'), "router.yaml:8:3: list asks; a router's rules can only set up"],
    [
      'of the file itself',
      'nftables: nowhere.nft\n',
      `router.yaml:7:11: Could not open file "nowhere.nft": No such file or directory`,
    ],
  ])('%s', async (_, tail, wanted) => {
    const [first] = await mistakes(tail);
    expect(first).toContain(wanted);
  });

  test('in a file and in what it includes name that file', async () => {
    writeFileSync(join(folder, 'inner.nft'), 'add rule ip t c drp\n');
    writeFileSync(
      join(folder, 'outer.nft'),
      `add table ip t\nadd chain ip t c\ninclude "${folder}/inner.nft"\n`,
    );
    const [first] = await mistakes('nftables: outer.nft\n');
    expect(first).toMatch(/^inner\.nft:1:17: .*; included by outer\.nft, line 3$/);
  });

  test('are told all at once', async () => {
    const rules = ['table ip t {', '  chain c {', '    jump a', '    accept', '    jump b', '  }', '}'];
    expect(await mistakes(inline(...rules))).toHaveLength(2);
  });
});

test('a router gets its rules with its links, and code for them', async () => {
  const rules = inline(
    ...['table inet fw {', '  chain forward {', '    type filter hook forward priority 0; policy drop;'],
    ...['    iif lan0 oif wan0 accept', '  }', '}'],
  );
  const config = configured(rules);
  expect(await checkRules(config.nftables!, config.links)).toEqual([]);
  const stack = await createStack({ clock: 'virtual' });
  try {
    const log = pino({ level: 'silent' });
    const openPort = () => ({
      driver: new HeldPort(new SilentPort('silent')),
      isFile: true,
      drained: () => true,
    });
    const { namespace } = await buildRouter(stack, config, { log, openPort });
    const things = readDump(readMessages(await dumpRuleset(namespace.nfnl)));
    expect(things.map(({ kind }) => kind)).toEqual(['table', 'chain', 'rule']);
    const jit = await startJit(stack, namespace, 'tree', log);
    expect(jit!.describe(namespace.handle)).toMatchObject([{ table: 'fw', name: 'forward', mode: 'tree' }]);
    jit!.close();
    expect(await startJit(stack, namespace, 'off', log)).toBeNull();
  } finally {
    await stack.close();
  }
});
