/** `ww nft test`: the example of the README, what fails and how that is told, and mistakes in the files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NftTestOptions } from '../../src/cli/nft_test.js';
import { runNftTest } from '../../src/cli/nft_test_suite.js';

const EXAMPLE = 'test/nft/example/firewall.nft';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nft-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(rules: string, tests: string, options: NftTestOptions = {}) {
  const files = { rules: join(folder, 'fw.nft'), tests: join(folder, 't.yaml') };
  writeFileSync(files.rules, rules);
  writeFileSync(files.tests, tests);
  let out = '';
  let err = '';
  const output = { out: (text: string) => (out += text), err: (text: string) => (err += text), color: false };
  const code = await runNftTest(files.rules, [files.tests], options, output);
  return { code, out, err: err.replaceAll(`${folder}/`, '') };
}

/** Tests of which each is one line: what is expected and of which packet. */
const suite = (...tests: readonly string[]) => `tests:\n${tests.map((each) => `  - {${each}}\n`).join('')}`;

test('the example of the README passes', async () => {
  let out = '';
  const output = { out: (text: string) => (out += text), err: (text: string) => (out += text), color: false };
  expect(await runNftTest(EXAMPLE, [EXAMPLE.replace('.nft', '_test.yaml')], {}, output), out).toBe(0);
  expect(out).toMatch(/^8 tests, 8 passed, 0 failed/m);
});

test("rules in libnftables' JSON", async () => {
  const at = { family: 'inet', table: 't' };
  const left = { payload: { protocol: 'tcp', field: 'dport' } };
  const rules = [
    { table: { family: 'inet', name: 't' } },
    { chain: { ...at, name: 'f', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } },
    { rule: { ...at, chain: 'f', expr: [{ match: { op: '==', left, right: 22 } }, { accept: null }] } },
  ];
  const tests = suite('packet: tcp dport 22, expect: accept', 'packet: tcp dport 23, expect: drop');
  const { code, out } = await run(JSON.stringify({ nftables: rules }), tests);
  expect(out).toMatch(/^2 tests, 2 passed/m);
  expect(code).toBe(0);
});

const FORWARD = `table inet t {
	set seen { type ipv4_addr; flags dynamic; }
	chain f {
		type filter hook forward priority 0; policy accept;
		tcp dport 22 reject with tcp reset comment "no ssh"
		udp dport 53 counter drop
		udp dport 54 queue to 3
		udp dport 55 limit rate over 1/hour burst 2 packets drop
		udp dport 56 add @seen { ip saddr }
		ct state established accept comment "old"
		udp dport 57 drop
		udp dport 58 ip saddr 10.0.0.2 jump { ip daddr 10.9.0.0/16 drop comment "deep"; }
	}
	chain i { type filter hook input priority 0; tcp dport 23 drop; }
	chain o { type filter hook output priority 0; udp dport 59 drop comment "not from here"; }
}
`;

describe('one test after the other', () => {
  test.each([
    ['a reset', 'packet: tcp dport 22, expect: reject with tcp reset'],
    [
      'its rule',
      'packet: tcp dport 22, expect: {verdict: reject, rule: no ssh, answer: "tcp flags rst tcp sport 22"}',
    ],
    [
      'a counter',
      'packet: udp dport 53, repeat: 3, expect: {verdict: drop, counters: {udp dport 53: {packets: 3, bytes: 84}}}',
    ],
    ['a queue', 'packet: udp dport 54, expect: queue'],
    ['a limit', 'packet: udp dport 55, repeat: 3, expect: drop'],
    ['a limit not reached', 'packet: udp dport 55, repeat: 2, expect: {verdict: accept, rule: policy}'],
    [
      'a set that grows',
      'packet: ip saddr 10.0.0.7 udp dport 56, expect: {verdict: accept, sets: {seen: [10.0.0.7]}}',
    ],
    [
      'elements given',
      'nft: "add element inet t seen { 10.0.0.1 }", packet: tcp dport 80, expect: {verdict: accept, sets: {inet t seen: [10.0.0.1]}}',
    ],
    [
      'a connection that is there',
      'packet: ct state established udp dport 57, expect: {verdict: accept, rule: old}',
    ],
    [
      'the other direction of it',
      'packet: iifname wan0 ct state established ct direction reply tcp sport 80, expect: {verdict: accept, conntrack: "tcp ESTABLISHED dport=80 [ASSURED]"}',
    ],
    [
      'history',
      'history: [udp dport 99, reply], packet: udp sport 40000 udp dport 99, expect: {verdict: accept, rule: old}',
    ],
    [
      'a handshake',
      'history: [handshake tcp dport 80], packet: tcp dport 80 tcp flags ack payload hi, expect: {conntrack: tcp ESTABLISHED}',
    ],
    [
      'time that passes',
      'history: [udp dport 99, reply, wait 10m], packet: udp dport 57, expect: {verdict: drop, conntrack: none}',
    ],
    [
      'a chain without a name',
      'packet: ip saddr 10.0.0.2 ip daddr 10.9.1.1 udp dport 58, expect: {verdict: drop, rule: deep}',
    ],
    ['input', 'hook: input, packet: ip daddr 7.7.7.7 tcp dport 23, expect: drop'],
    ['output', 'hook: output, packet: udp dport 59, expect: {verdict: drop, rule: not from here}'],
    [
      'output that passes',
      'hook: output, packet: udp dport 60, oif: wan0, expect: {verdict: accept, oif: wan0}',
    ],
    ['IPv6', 'packet: ip6 daddr fd00::9 tcp dport 22, expect: reject with tcp reset'],
    ['a mapping', 'packet: {ip: {saddr: 10.0.0.2, daddr: 10.9.1.1}, udp: {dport: 58}}, expect: drop'],
    [
      'the other interface',
      'iif: wan0, oif: lan0, packet: tcp dport 80, expect: {verdict: accept, oif: lan0, packet: ip ttl 63}',
    ],
  ])('%s', async (_, line) => {
    const { code, out, err } = await run(
      FORWARD,
      suite(
        line.replace(/payload hi/, 'payload "hi"').replace(/packet: ([^"{][^,]*"[^,]*),/, "packet: '$1',"),
      ),
    );
    expect(err).toBe('');
    expect(code, out).toBe(0);
  });

  // What the words compose is what the same words match, in our rules as in any.
  test.each([
    'ether saddr 02:00:00:00:00:77 ip saddr 10.0.0.2',
    'ip saddr 10.0.0.2 ip daddr 10.9.0.1 ip dscp ef ip ttl 3 ip id 77',
    'ip protocol udp ip length 28',
    'ip6 saddr fd00::2 ip6 daddr fd00:9::1 ip6 hoplimit 9 ip6 flowlabel 5 tcp dport 5',
    'tcp sport 1 tcp dport 2 tcp sequence 3 tcp ackseq 4 tcp flags ack,psh tcp window 5 tcp urgptr 6',
    'tcp option maxseg size 1400 tcp option window count 7 tcp option timestamp tsval 9',
    'udp sport 1 udp dport 2 udp length 13 @th,64,8 0x68',
    'udplite sport 4 udplite dport 5',
    'sctp sport 4 sctp dport 5 sctp vtag 6',
    'dccp sport 4 dccp dport 5 dccp type request',
    'icmp type echo-request icmp id 5 icmp sequence 6',
    'icmp type redirect icmp gateway 0x0a000001',
    'icmpv6 type echo-request icmpv6 id 5',
    'ah spi 5 ah sequence 6',
    'esp spi 5 esp sequence 6',
    'comp cpi 5',
    'igmp type membership-query',
    'meta l4proto 47 ip daddr 10.9.0.1',
    'exthdr frag exists frag id 9 frag more-fragments 1 ip6 daddr fd00:9::1',
    'hbh nexthdr 6 tcp dport 5',
    'meta length 700 udp dport 5',
  ])('%s', async (words) => {
    const rules = `table inet t { chain p { type filter hook prerouting priority -450; ${words} counter comment "it"; } }\n`;
    const packet = words.replace(/@th,64,8 0x68/, 'payload "hello"');
    const { code, out, err } = await run(rules, suite(`packet: '${packet}', expect: {counters: {it: 1}}`));
    expect(code, out + err).toBe(0);
  });

  test('one that fails says what was, what was expected, and the way', async () => {
    const { code, out } = await run(
      FORWARD,
      suite('name: a dns query, packet: ip saddr 10.0.0.2 udp dport 53, expect: accept'),
    );
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL {2}a dns query {2}drop {3}.*fw\.nft:6$/m);
    expect(out).toMatch(
      /verdict\n {8}expected {2}accept\n {8}was {7}drop, .*fw\.nft:6 udp dport 53 counter drop\n/,
    );
    expect(out).toMatch(/its way\n.*received on lan0/);
    expect(out).toMatch(/inet t f: udp dport 53 counter drop \(verdict drop, .*fw\.nft:6\)/);
    expect(out).toMatch(/dropped on lan0: NETFILTER_DROP/);
    expect(out).toMatch(/^1 tests, 0 passed, 1 failed/m);
  });

  test('one without a route is no drop of the rules', async () => {
    const tests = `interfaces: {lan0: [10.0.0.1/24], wan0: []}\nsysctls: {net.ipv4.ip_forward: 0}\n${suite('packet: tcp dport 80, expect: drop')}`;
    const { code, out } = await run(FORWARD, tests);
    expect(code).toBe(1);
    expect(out).toMatch(/was {7}none of the rules/);
  });

  test('only some, as JSON, and as JUnit', async () => {
    const tests = suite(
      'name: one, packet: udp dport 53, expect: drop',
      'name: two, packet: udp dport 53, expect: accept',
    );
    const one = await run(FORWARD, tests, { only: 'ON', json: true });
    expect(JSON.parse(one.out)).toMatchObject({
      tests: 1,
      failed: 0,
      results: [{ name: 'one', verdict: 'drop', ok: true }],
    });
    const junit = join(folder, 'out.xml');
    expect(await run(FORWARD, tests, { junit })).toMatchObject({ code: 1 });
    expect(readFileSync(junit, 'utf8')).toMatch(
      /tests="2" failures="1"[\s\S]*<failure message="verdict: expected accept, was drop/,
    );
    expect(await run(FORWARD, tests, { only: 'three' })).toMatchObject({
      code: 2,
      err: 'ww: no test has three in its name\n',
    });
  });
});

describe('mistakes', () => {
  test.each([
    ['test:\n  - packet: x\n', /t\.yaml:1:1: unknown key "test" in the file[\s\S]*did you mean "tests"/],
    ['{}\n', /t\.yaml:1:1: the file has no tests/],
    [suite('packet: tcp dport 22'), /t\.yaml:2:5: the test expects nothing/],
    [suite('expect: drop'), /the test has no packet/],
    [suite('packet: tcp dprt 22, expect: drop'), /t\.yaml:2:18: syntax error/],
    [suite('packet: tcp dport 22, expect: denied'), /unknown verdict "denied"[\s\S]*accept, drop/],
    [
      suite('packet: tcp dport 22, expect: {verdict: drop, rul: x}'),
      /unknown key "rul" in expect[\s\S]*did you mean "rule"/,
    ],
    [suite('packet: tcp dport 22, hook: forwrd, expect: drop'), /did you mean "forward"/],
    ['interfaces: {lan0: [10.0.0.300/24]}\ntests: []\n', /t\.yaml:1:21: .*300/],
    ['routes: [default]\ntests: []\n', /is no route/],
    [suite('packet: wait forever, expect: drop'), /is no time/],
    ['tests: [\n', /not valid YAML/],
  ])('in the tests: %j', async (tests, why) => {
    const { code, err, out } = await run(FORWARD, tests);
    expect(err + out).toMatch(why);
    expect(code).toBe(2);
  });

  test('in the rules', async () => {
    const { code, err } = await run(
      'table inet t { chain c { tcp dport accept } }\n',
      suite('packet: x, expect: drop'),
    );
    expect(code).toBe(2);
    expect(err).toMatch(/^fw\.nft:1:\d+-\d+: Error: /);
  });
});
