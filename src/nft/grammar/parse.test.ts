import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Command, Rule } from '../ast.js';
import { NftError } from '../error.js';
import { parse } from './parse.js';

const source = (text: string, name = 'x.nft') => ({ name, text });
const strip = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, v) => (key === 'loc' || key.endsWith('Loc') ? undefined : v)));
const commands = (text: string): Command[] => parse(source(text));
const statements = (text: string): unknown => {
  const [command] = commands(`add rule t c ${text}`);
  if (command?.kind !== 'add') throw new Error('no rule');
  return strip((command.object as Rule).expr);
};
const messageOf = (text: string, name?: string): string => {
  try {
    parse(source(text, name));
  } catch (error) {
    if (error instanceof NftError) return String(error);
    throw error;
  }
  return 'accepted';
};
const symbol = (name: string) => ({ kind: 'symbol', name });
const number = (value: number) => ({ kind: 'number', value });
const payload = (protocol: string, field: string) => ({ kind: 'payload', protocol, field });

describe('rules', () => {
  test('a word on the right is a symbol, though a statement could begin with it', () => {
    expect(statements('ip protocol tcp tcp dport 22 accept')).toEqual([
      { kind: 'match', op: 'in', left: payload('ip', 'protocol'), right: symbol('tcp') },
      { kind: 'match', op: 'in', left: payload('tcp', 'dport'), right: number(22) },
      { kind: 'verdict', verdict: 'accept' },
    ]);
  });

  test('a comparison of flags has a mask', () => {
    expect(statements('tcp flags != syn / syn,ack')).toEqual([
      {
        kind: 'match',
        op: '!=',
        left: payload('tcp', 'flags'),
        right: symbol('syn'),
        mask: { kind: 'list', items: [symbol('syn'), symbol('ack')] },
      },
    ]);
  });

  test('operators bind as in nft: shift, and, xor, or', () => {
    expect(statements('meta mark set mark | 1 ^ 2 & 3 << 4')).toEqual([
      {
        kind: 'mangle',
        key: { kind: 'meta', key: 'mark' },
        value: {
          kind: 'binary',
          op: '|',
          left: { kind: 'meta', key: 'mark' },
          right: {
            kind: 'binary',
            op: '^',
            left: number(1),
            right: {
              kind: 'binary',
              op: '&',
              left: number(2),
              right: { kind: 'binary', op: '<<', left: number(3), right: number(4) },
            },
          },
        },
      },
    ]);
  });

  test.each([
    ['dnat to 10.0.0.1-10.0.0.9:80-90', { from: symbol('10.0.0.1'), to: symbol('10.0.0.9') }],
    ['dnat ip6 to [fe80::1]-[fe80::9]:80-90', { from: symbol('fe80::1'), to: symbol('fe80::9') }],
  ])('%s has two ranges', (text, addr) => {
    expect(statements(text)).toMatchObject([
      {
        kind: 'dnat',
        addr: { kind: 'range', ...addr },
        port: { kind: 'range', from: number(80), to: number(90) },
      },
    ]);
  });

  test('numbers are decimal, hexadecimal or octal, of any size', () => {
    const right = (text: string) => {
      const [command] = commands(`add rule t c ct label ${text}`);
      const [match] = (command as { object: Rule }).object.expr;
      return match?.kind === 'match' && match.right.kind === 'number' ? match.right.value : undefined;
    };
    expect(right('010')).toBe(8);
    expect(right('0x10')).toBe(16);
    expect(right('18446744073709551615')).toBe(18446744073709551615n);
    expect(right('0xffffffffffffffffffffffffffffffff')).toBe(2n ** 128n - 1n);
  });

  test('every node knows its place', () => {
    const text = 'add rule t c\\\n  ip saddr 10.0.0.0/8 drop';
    const [command] = commands(text);
    const [match] = (command as { object: Rule }).object.expr;
    expect(match?.kind === 'match' && text.slice(match.right.loc.start, match.right.loc.end)).toBe(
      '10.0.0.0/8',
    );
    expect(match && text.slice(match.loc.start, match.loc.end)).toBe('ip saddr 10.0.0.0/8');
  });

  test('keywords are names where a name stands', () => {
    expect(strip(commands('add chain ip counter hour'))).toMatchObject([
      { object: { kind: 'chain', table: 'counter', name: 'hour' } },
    ]);
  });
});

describe('sets', () => {
  test('the cheap rule and the grammar make the same nodes', () => {
    const list =
      '1.1.1.1, 10.0.0.0/8, 22-80, ssh, fe80::1, 00:11:22:33:44:55, 1.1.1.1 . 80 - 90, # x\n 0x10,';
    const [plain] = commands(`add element t s { ${list} }`);
    const [whole] = commands(`add element t s { ${list} 7 comment "x" }`);
    const elements = (command: Command | undefined) =>
      command?.kind === 'add' && command.object.kind === 'element' ? command.object.elem : [];
    expect(elements(plain)).toHaveLength(8);
    expect(strip(elements(whole).slice(0, -1))).toEqual(strip(elements(plain)));
    expect(
      elements(whole)
        .map(({ key }) => key.loc.end - key.loc.start)
        .slice(0, -1),
    ).toEqual(elements(plain).map(({ key }) => key.loc.end - key.loc.start));
  });

  test('sets within sets are one', () => {
    const text = 'define a = { 1.1.1.1, 2.2.2.2 }\nadd element t s { $a, 3.3.3.3 }';
    expect(strip(commands(text))).toMatchObject([
      { object: { elem: ['1.1.1.1', '2.2.2.2', '3.3.3.3'].map((name) => ({ key: { name } })) } },
    ]);
  });

  test('an element has options before its data', () => {
    expect(
      strip(commands('add element t m { ssh timeout 1h30m expires 5 comment "a b" : jump x, * : drop }')),
    ).toEqual([
      {
        kind: 'add',
        object: {
          kind: 'element',
          family: 'ip',
          table: 't',
          name: 'm',
          elem: [
            {
              kind: 'elem',
              key: symbol('ssh'),
              timeoutMs: 5_400_000,
              expiresMs: 5000,
              comment: 'a b',
              data: { kind: 'verdict', verdict: 'jump', target: 'x' },
            },
            { kind: 'elem', key: { kind: 'wildcard' }, data: { kind: 'verdict', verdict: 'drop' } },
          ],
        },
      },
    ]);
  });
});

describe('variables', () => {
  test('end with their block', () => {
    expect(messageOf('table t {\n define x = 1\n chain c { mark $x; }\n}\nadd rule t c mark $x')).toBe(
      "x.nft:5:19-20: Error: unknown identifier 'x'\nadd rule t c mark $x\n                  ^^",
    );
  });

  test('can be changed and forgotten', () => {
    expect(strip(commands('define p = 1\nredefine p = 2\nadd rule t c mark $p'))).toMatchObject([
      { object: { expr: [{ right: { value: 2 } }] } },
    ]);
    expect(messageOf('define p = 1\ndefine p = 2')).toContain("redefinition of symbol 'p'");
    expect(messageOf('define p = 1\nundefine p\nadd rule t c mark $p')).toContain("unknown identifier 'p'");
  });

  test('stand for devices, priorities, policies, chains and prefixes of the log', () => {
    const text = `define d = { eth0, lo }
      define p = "filter - 5"
      define pol = "drop"
      define j = other
      define pre = hello
      table netdev t {
        chain c { type filter hook ingress devices = $d priority $p; policy $pol; jump $j; log prefix "$pre: " }
      }`;
    expect(strip(commands(text))).toMatchObject([
      {
        object: {
          block: [
            {
              devices: ['eth0', 'lo'],
              prio: { name: 'filter', offset: -5 },
              policy: 'drop',
              rules: [{ expr: [{ target: 'other' }] }, { expr: [{ prefix: 'hello: ' }] }],
            },
          ],
        },
      },
    ]);
  });
});

describe('includes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ww-nft-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

  test('wildcards are read in order, hidden files are not, none is no error', () => {
    write('b.nft', 'add table b');
    write('a.nft', 'add table a');
    write('.c.nft', 'add table c');
    const text = `include "${directory}/*.nft"\ninclude "${directory}/nothing*"`;
    expect(strip(commands(text))).toMatchObject([{ object: { name: 'a' } }, { object: { name: 'b' } }]);
  });

  test('are read within a block, and define for what follows', () => {
    write('in.inc', 'define x = 5\nmark $x accept\n');
    const text = `table t { chain c {\n include "in.inc"\n mark $x drop\n } }`;
    expect(strip(parse(source(text), { includePaths: [directory] }))).toMatchObject([
      {
        object: { block: [{ rules: [{ table: 't', chain: 'c' }, { expr: [{ right: { value: 5 } }, {}] }] }] },
      },
    ]);
  });

  test('an error says who included the file', () => {
    write('bad.inc', 'add rule t c tcp dport accept\n');
    expect(messageOf(`# x\ninclude "${directory}/bad.inc"`, 'main.nft')).toBe(
      `In file included from main.nft:2:1-${directory.length + 18}:
${directory}/bad.inc:1:24-29: Error: syntax error, unexpected 'accept', expecting a value or an operator
add rule t c tcp dport accept
                       ^^^^^^`,
    );
  });

  test('a circle ends at 16 levels', () => {
    write('loop.inc', `include "${directory}/loop.inc"\n`);
    expect(messageOf(`include "${directory}/loop.inc"`)).toContain('nested too deeply, at most 16 levels');
  });
});

describe('errors', () => {
  test.each([
    [
      'add rule t c tcp foo 5',
      "1:18-20: Error: syntax error, unexpected 'foo', the fields of tcp are sport, dport,",
    ],
    [
      'add rule t c meta foo 5',
      "1:19-21: Error: syntax error, unexpected 'foo', the keys of meta are length,",
    ],
    [
      'add rule t c ip saddr 1.1.1.1 acept',
      "1:31-35: Error: syntax error, unexpected 'acept', expecting a statement",
    ],
    [
      'add rule t c log level foo',
      "1:24-26: Error: syntax error, unexpected 'foo', expecting a level of syslog",
    ],
    [
      'table t {\n chain c {\n  accept\n',
      "4:1-1: Error: syntax error, unexpected end of file, expecting a line of a chain; the '{' at 2:10",
    ],
    [
      'add rule t c ip saddr "abc',
      '1:23-23: Error: syntax error, unexpected a string without its closing quote',
    ],
    [
      'add table t { \u0001 }',
      '1:15-15: Error: syntax error, unexpected junk (byte 0x01), expecting an item of a table',
    ],
    ['add rule t c tcp dport set 22 5', '1:31-31: Error: syntax error, unexpected'],
    [
      'add element t s { 1.1.1.1 2.2.2.2 }',
      "1:27-33: Error: syntax error, unexpected '2.2.2.2', expecting an option of the element",
    ],
  ])('%j', (text, message) => {
    expect(messageOf(text)).toContain(message);
  });

  test.each([
    ['parentheses', `add rule t c mark ${'('.repeat(10_000)}`],
    ['chains', 'table t { chain c { '.concat('jump { '.repeat(10_000))],
    ['sets', `add element t s ${'{ '.repeat(10_000)}`],
  ])('%s within each other have a bound', (_, text) => {
    expect(messageOf(text)).toContain('Error: nested too deeply');
  });

  test('any bytes give an error with a place or a ruleset', () => {
    const words = [
      'table',
      't',
      '{',
      '}',
      'chain',
      'c',
      ';',
      '\n',
      'ip saddr',
      '1.1.1.1',
      '$',
      '"',
      '@',
      ':',
      ',',
      '-',
      '/',
      '(',
      'map',
      '\u0000',
      '#',
      '\\',
      'set',
      'elements = ',
      '0x',
      '9',
      'jump',
      '*',
    ];
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let i = 0; i < 1000; i++) {
      const text = Array.from({ length: random(20) }, () => words[random(words.length)]).join(
        ' '.repeat(random(2)),
      );
      expect(messageOf(text)).toMatch(/^accepted$|^x\.nft:\d+:\d+-\d+: Error: \S/);
    }
  });
});
