/** `ww nft run`: captures through rules, a line a packet, and its way; what rules log, in Linux's fields. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NftCaptureOptions } from '../../src/cli/nft_capture.js';
import { runNftCapture } from '../../src/cli/nft_capture_run.js';
import { RuleLog } from '../../src/cli/router_log.js';
import { fileSink, fileSource, openCapture } from '../../src/drivers/capture_file.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';
import type { LoggedPacket } from '../../src/tools/firewall/log_line.js';
import { compose } from '../../src/tools/packet/compose.js';
import { readPacketWords } from '../../src/tools/packet/words.js';

const RULES = `define wan = "wan0"
table inet filter {
	set web { type inet_service; elements = { 80, 443 } }
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan0" tcp dport @web counter accept comment "web"
		udp dport 53 counter
		udp dport 53 reject
		log prefix "no: " level info
	}
}
table ip nat {
	chain post { type nat hook postrouting priority srcnat; oifname $wan snat to 203.0.113.7 }
}
`;
let folder: string;
let inputs: NftCaptureOptions['in'];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nft-run-'));
  const write = (name: string, packets: readonly (readonly [ms: number, words: string])[]) => {
    const path = join(folder, name);
    const writer = new PcapngWriter(fileSink(path));
    const id = writer.addInterface('x');
    for (const [ms, words] of packets) {
      const frame = compose(readPacketWords(words), { smac: '02:50:00:00:00:01', dmac: '02:60:00:00:00:02' });
      writer.write(id, 1700000000, ms * 1e6, frame);
    }
    writer.close();
    return path;
  };
  writeFileSync(join(folder, 'fw.nft'), RULES);
  inputs = [
    {
      port: 'lan0',
      path: write('a.pcapng', [
        [1, 'ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp sport 1234 tcp dport 80 tcp flags syn'],
        [3, 'ip saddr 10.0.0.2 ip daddr 1.1.1.1 udp dport 53 payload "query"'],
        [4, 'ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp dport 25 tcp flags syn ip id 7'],
      ]),
    },
    {
      port: 'wan0',
      path: write('b.pcapng', [
        [
          2,
          'ip saddr 1.1.1.1 ip daddr 203.0.113.7 tcp sport 80 tcp dport 1234 tcp flags syn,ack tcp ackseq 2',
        ],
      ]),
    },
  ];
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(options: Partial<NftCaptureOptions> = {}) {
  let out = '';
  let err = '';
  const output = { out: (text: string) => (out += text), err: (text: string) => (err += text), color: false };
  const code = await runNftCapture(join(folder, 'fw.nft'), { in: inputs, seed: 1, ...options }, output);
  return { code, err, out: out.replaceAll(`${folder}/`, '') };
}

test('tells a line a packet: verdict, rule, what was rewritten, connection, log', async () => {
  const { code, out } = await run();
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    expect.stringMatching(
      /^ {3}1 {2}lan0 +accept {2}ip saddr 10\.0\.0\.2 .* \| to wan0 \| ip saddr -> 203\.0\.113\.7 \| ct new SYN_SENT snat \| fw\.nft:7 iifname "lan0" tcp dport @web counter accept/,
    ),
    expect.stringMatching(
      /^ {3}2 {2}wan0 +accept .* \| to lan0 \| ip daddr -> 10\.0\.0\.2 \| ct established reply SYN_RECV snat \| fw\.nft:6 /,
    ),
    expect.stringMatching(
      /^ {3}3 {2}lan0 +reject .* \| with icmp port-unreachable \| ct new \| fw\.nft:9 udp dport 53 reject$/,
    ),
    expect.stringMatching(
      /^ {3}4 {2}lan0 +drop .* \| ct new SYN_SENT \| policy drop of inet filter forward$/,
    ),
    expect.stringMatching(
      /^ {6}no: IN=lan0 OUT=wan0 MAC=\S+ SRC=10\.0\.0\.2 DST=1\.1\.1\.1 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=TCP SPT=40000 DPT=25 WINDOW=64240 RES=0x00 SYN URGP=0$/,
    ),
    '',
  ]);
});

test('as JSON, one object a line', async () => {
  const { out } = await run({ json: true });
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines[0]).toMatchObject({
    frame: 1,
    port: 'lan0',
    time: '1700000000.001000000',
    verdict: 'accept',
    chain: 'inet filter forward',
    rule: { place: 'fw.nft:7', comment: 'web' },
    oif: 'wan0',
    rewritten: { 'ip saddr': { from: '10.0.0.2', to: '203.0.113.7' } },
    ct: {
      state: 'new',
      direction: 'original',
      reply: { src: '1.1.1.1', dst: '203.0.113.7', sport: 80, dport: 1234 },
    },
  });
  expect(lines[2]).toMatchObject({
    verdict: 'reject',
    with: 'icmp port-unreachable',
    answers: [{ packet: expect.stringMatching(/icmp type destination-unreachable/) as string }],
  });
  expect(lines).toHaveLength(4);
});

test('explains one packet: rules that do not match, sets, connection, NAT, route', async () => {
  const { out } = await run({ explain: 1 });
  const steps = out.split('\n').map((line) => line.replace(/^ +\+\S+ +/, ''));
  expect(steps).toContain('connection tracking: new SYN_SENT, tcp 10.0.0.2 1234 > 1.1.1.1 80');
  expect(steps).toContain('inet filter forward: no match: ct state established,related accept (fw.nft:6)');
  expect(steps).toContain('inet filter forward: 80 is in @web (fw.nft:7)');
  expect(steps).toContainEqual(expect.stringMatching(/^route: via .* out of wan0/));
  expect(steps).toContain(
    'the connection is in the table: tcp 10.0.0.2 1234 > 1.1.1.1 80, answers tcp 1.1.1.1 80 > 203.0.113.7 1234',
  );
  expect(steps.at(-2)).toBe('sent by wan0');
  // A rule that only counts is told, too.
  expect((await run({ explain: 3 })).out).toMatch(/udp dport 53 counter \(verdict continue, fw\.nft:8\)/);
});

test('says what is wrong', async () => {
  expect(await run({ explain: 9 })).toMatchObject({
    code: 2,
    err: 'ww: --explain 9: the captures have 4 frames\n',
  });
  expect(await run({ in: [{ port: 'lan0', path: join(folder, 'none.pcap') }] })).toMatchObject({
    code: 2,
    err: expect.stringMatching(/none\.pcap/) as string,
  });
  expect(await run({ config: join(folder, 'none.yaml') })).toMatchObject({
    code: 2,
    err: expect.stringMatching(/none\.yaml: there is no such file/) as string,
  });
});

test('a running router logs to pino at a bounded rate, and groups to captures', () => {
  const lines: string[] = [];
  let now = 0;
  const say = (level: string) => (about: object, text: string) =>
    lines.push(`${level} ${JSON.stringify(about)} ${text}`);
  const log = {
    fatal: say('fatal'),
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
  };
  const rules = new RuleLog({
    log: log as never,
    deviceName: (handle) => `dev${handle}`,
    pcapDir: folder,
    now: () => now,
  });
  const frame = compose(readPacketWords('ip saddr 10.0.0.2 udp dport 53'), {
    smac: '02:50:00:00:00:01',
    dmac: '02:60:00:00:00:02',
  });
  const packet: LoggedPacket = {
    prefix: 'x: ',
    level: 'err',
    flags: 0,
    in: 1,
    family: 2,
    mark: 7,
    linkBytes: 14,
    frame,
    length: frame.length,
    ns: 0,
  };
  for (let i = 0; i < 300; i++) rules.take(packet, 0);
  expect(lines).toHaveLength(200);
  expect(lines[0]).toMatch(
    /^error \{"nft":"x:"\} x: IN=dev1 OUT= MAC=02:60:.*:08:00 SRC=10\.0\.0\.2 .* PROTO=UDP SPT=40000 DPT=53 LEN=8 MARK=0x7$/,
  );
  now = 1000;
  rules.take(packet, 0);
  expect(lines.slice(200)).toEqual([
    expect.stringMatching(/^warn \{"lines":100\}/),
    expect.stringMatching(/^error/),
  ]);
  const { level: _, ...grouped } = packet;
  rules.take({ ...grouped, group: 3 }, 1_700_000_000_500);
  rules.close();
  const reader = openCapture(fileSource(join(folder, 'nflog-3.pcapng')));
  expect(reader.next()).toMatchObject({
    seconds: 1700000000,
    nanoseconds: 500000000,
    interfaceName: 'dev1',
    comments: ['x: '],
  });
});
