/** `ww nft test`, `ww nft run` and rules that log in `ww up`, as a user runs them: right, wrong, in a pipe. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileSink } from '../../src/drivers/capture_file.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';
import { compose } from '../../src/tools/packet/compose.js';
import { readPacketWords } from '../../src/tools/packet/words.js';
import { CLI, Ww } from './ww_process.js';

const EXAMPLE = 'test/nft/example/firewall';
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-nft-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function ww(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'nft', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function capture(name: string, words: string): string {
  const path = join(folder, name);
  const writer = new PcapngWriter(fileSink(path));
  const id = writer.addInterface('x');
  const ends = { smac: '02:50:00:00:00:01', dmac: '02:aa:00:00:00:01' };
  writer.write(id, 1_700_000_000, 0, compose(readPacketWords(words), ends));
  writer.close();
  return path;
}

test('tests a firewall, and says by its exit code how that went', () => {
  const right = ww('test', `${EXAMPLE}.nft`, `${EXAMPLE}_test.yaml`);
  expect(right).toMatchObject({ status: 0, stderr: '' });
  expect(right.stdout).not.toContain('\u001b');
  const junit = join(folder, 'report.xml');
  const tests = join(folder, 't.yaml');
  writeFileSync(tests, 'tests: [{name: all may pass, packet: iifname wan0 udp dport 9, expect: accept}]\n');
  const wrong = ww('test', `${EXAMPLE}.nft`, tests, '--junit', junit);
  expect(wrong.status).toBe(1);
  expect(wrong.stdout).toMatch(/^FAIL {2}all may pass/);
  expect(existsSync(junit)).toBe(true);
});

test.each([
  [['test'], /missing required argument 'rules\.nft'/],
  [['test', 'no.nft', `${EXAMPLE}_test.yaml`], /no\.nft/],
  [['test', `${EXAMPLE}.nft`, 'no.yaml'], /cannot read no\.yaml: there is no such file/],
  [['test', `${EXAMPLE}.nft`, `${EXAMPLE}.nft`], /firewall\.nft:\d+:\d+: /],
  [
    ['test', `${EXAMPLE}_test.yaml`, `${EXAMPLE}_test.yaml`],
    /firewall_test\.yaml:1:\d+-\d+: Error: syntax error/,
  ],
  [['test', `${EXAMPLE}.nft`, `${EXAMPLE}_test.yaml`, '--only', '('], /--only: /],
  [['run', `${EXAMPLE}.nft`], /required option '--in <port=file>' not specified/],
  [['run', `${EXAMPLE}.nft`, '--in', 'lan0'], /write PORT=FILE/],
  [['run', `${EXAMPLE}.nft`, '--in', 'lan0=no.pcapng'], /no\.pcapng/],
  [['run', `${EXAMPLE}.nft`, '--in', 'lan0=a', '--explain', '0'], /a frame has a number/],
])('refuses wrong use: %j', (args, why) => {
  const { status, stderr } = ww(...args);
  expect(stderr).toMatch(why);
  expect(stderr).not.toMatch(/ at .*\.js:\d+/);
  expect(status).toBe(2);
});

test('puts a capture through the rules', () => {
  const path = capture('a.pcapng', 'ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp dport 80');
  const { status, stdout } = ww('run', `${EXAMPLE}.nft`, '--in', `lan0=${path}`, '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    frame: 1,
    port: 'lan0',
    verdict: 'accept',
    oif: 'wan0',
    ct: { state: 'new' },
  });
});

test('ww up logs what its rules log, and keeps what they give to a group', async () => {
  const path = capture('in.pcapng', 'ip saddr 10.0.0.2 ip daddr 10.0.0.1 udp dport 53');
  writeFileSync(
    join(folder, 'router.yaml'),
    `
network: {version: 2, ethernets: {lan0: {addresses: [10.0.0.1/24], macaddress: "02:aa:00:00:00:01"}}}
ports: {lan0: "pcap:${path}"}
nftables: |
  table inet t {
    chain i {
      type filter hook input priority 0;
      udp dport 53 log prefix "dns: " level err
      udp dport 53 log prefix "kept" group 5 drop
    }
  }
`,
  );
  const up = new Ww(['up', join(folder, 'router.yaml'), '--pcap', folder]);
  const line = await up.line(({ nft }) => nft === 'dns:');
  expect(line.msg).toMatch(
    /^dns: IN=lan0 OUT= MAC=02:aa:.* SRC=10\.0\.0\.2 DST=10\.0\.0\.1 LEN=28 .* PROTO=UDP SPT=40000 DPT=53 LEN=8$/,
  );
  expect(line.level).toBe('error');
  expect(await up.exited).toMatchObject({ code: 0 });
  expect(existsSync(join(folder, 'nflog-5.pcapng'))).toBe(true);
});
