import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type NftOptions, runNft } from './nft_run.js';

const directory = mkdtempSync(join(tmpdir(), 'ww-nft-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'rules.nft');
  writeFileSync(path, text);
  return path;
}

async function nft(options: NftOptions, ...words: string[]) {
  const printed = { out: '', err: '' };
  const code = await runNft(words, options, {
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
  });
  return { code, ...printed };
}

const RULES = `table inet fw {
	set hosts {
		type ipv4_addr
		elements = { 10.0.0.1, 10.0.0.2 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ip saddr @hosts accept
	}
}
`;

describe('-c', () => {
  test('says nothing of what is right', async () => {
    expect(await nft({ check: true, file: file(RULES) })).toEqual({ code: 0, out: '', err: '' });
  });

  test('names the place of every wrong rule', async () => {
    const path = file('table ip t {\n chain c {\n  tcp dport 70000 accept\n  ip saddr foo\n }\n}\n');
    const { code, out, err } = await nft({ check: true, file: path });
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`${path}:3:13-17: Error:`);
    expect(err).toContain('  tcp dport 70000 accept\n            ^^^^^\n');
    expect(err).toContain(`${path}:4:12-14: Error:`);
  });

  test('--debug=netlink prints instructions as nft does', async () => {
    const { code, out } = await nft(
      { check: true, debug: 'netlink' },
      'add',
      'rule',
      'ip',
      't',
      'c',
      'tcp dport 22 accept',
    );
    expect(code).toBe(0);
    expect(out).toBe(`ip t c
  [ meta load l4proto => reg 1 ]
  [ cmp eq reg 1 0x00000006 ]
  [ payload load 2b @ transport header + 2 => reg 1 ]
  [ cmp eq reg 1 0x00001600 ]
  [ immediate reg 0 accept ]

`);
  });

  test('--debug=netlink says everything once, of a file and of the command line', async () => {
    const { out } = await nft(
      { check: true, debug: 'netlink', file: file(RULES) },
      'add rule inet fw input drop',
    );
    expect(out.match(/^inet fw input$/gm)).toHaveLength(2);
    expect(out.trimEnd()).toMatch(/immediate reg 0 drop \]$/);
  });

  test('lists what a file declares, the commands of the command line after it', async () => {
    const more =
      'add rule inet fw input tcp dport 22 accept; insert rule inet fw input iif lo accept; delete element inet fw hosts { 10.0.0.1 }; list ruleset';
    const { code, out } = await nft({ check: true, file: file(RULES) }, more);
    expect(code).toBe(0);
    expect(out).toBe(
      RULES.replace('10.0.0.1, ', '')
        .replace('\t\tip saddr', '\t\tiif "lo" accept\n\t\tip saddr')
        .replace('@hosts accept\n', '@hosts accept\n\t\ttcp dport 22 accept\n'),
    );
  });

  test('reads and lists JSON', async () => {
    const listed = await nft({ check: true, json: true, file: file(RULES) }, 'list ruleset');
    const again = await nft({ check: true, json: true, file: file(listed.out) }, 'list ruleset');
    expect(again).toEqual({ code: 0, out: listed.out, err: '' });
    expect(JSON.parse(listed.out)).toHaveProperty('nftables.3.chain.policy', 'drop');
    expect((await nft({ check: true, file: file(RULES) }, 'list ruleset')).out).toBe(RULES);
  });

  test('-D defines variables, -I finds files', async () => {
    writeFileSync(join(directory, 'one.inc'), 'add rule ip t c tcp dport $ports accept\n');
    const options = { check: true, define: ['ports={ 22, 80 }'], includepath: [directory] };
    const commands = 'add table ip t; add chain ip t c; include "one.inc"; list ruleset';
    expect((await nft(options, commands)).out).toContain('\t\ttcp dport { 22, 80 } accept\n');
    expect((await nft({ check: true, define: ['ports'] }, 'list ruleset')).err).toContain(
      'name=value is expected',
    );
  });
});

test('without -c it says what is missing', async () => {
  vi.stubEnv('XDG_RUNTIME_DIR', directory);
  await expect(nft({}, 'add table ip t')).rejects.toThrow('no router of yours runs');
  vi.unstubAllEnvs();
});

test('levels of --debug that are none are refused', async () => {
  await expect(nft({ check: true, debug: 'nonsense' }, 'list ruleset')).rejects.toThrow(
    'nonsense is none of',
  );
});
