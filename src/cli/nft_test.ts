/** `ww nft test RULES.nft TESTS.yaml`: its options; what it does is in nft_test_suite.ts. */
import { Command } from 'commander';

export interface NftTestOptions {
  readonly json?: boolean;
  readonly junit?: string;
  readonly only?: string;
  readonly seed?: string;
}

const HELP = `
A file of tests, of which only tests: has to be there:

  interfaces: {lan0: [10.0.0.1/24], wan0: [203.0.113.1/24]}      or config: router.yaml, as of ww up
  routes: [default via 203.0.113.254]
  sysctls: {net.ipv4.ip_forward: 1}
  tests:
    - name: the LAN reaches the web, masqueraded
      packet: iifname lan0 ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp dport 443 tcp flags syn
      expect: {verdict: accept, oif: wan0, packet: ip saddr 203.0.113.1}
    - name: what was not asked for stays outside
      packet: iifname wan0 ip saddr 1.1.1.1 ip daddr 10.0.0.2 tcp sport 443
      expect: {verdict: drop, rule: policy}
    - name: the answer comes back
      history: [iifname lan0 ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp dport 443]
      packet: reply
      expect: {verdict: accept, packet: ip daddr 10.0.0.2, conntrack: tcp SYN_RECV src=10.0.0.2}

A packet is told in the words of a rule's matches; what they leave out is as usual, lengths and checksums are right. "ct state
established" makes a connection that is there already. Others: reply (of whoever got the last packet), handshake WORDS,
pcap FILE [FRAME], wait 30s; and of a test: iif, oif, hook, nft (commands before), repeat.

expect is accept, drop, reject [with tcp reset], queue, stolen; or verdict, with, rule (FILE:LINE, its comment, some of its
words, policy), oif, packet, answer (what is sent back), conntrack, counters, sets, log.

Exit codes: 0 all passed, 1 some failed, 2 wrong use (a mistake in a file, too).

Examples:
  ww nft test firewall.nft firewall_test.yaml
  ww nft test firewall.nft tests/*.yaml --only ssh --junit report.xml`;

export function makeNftTestCommand(report: (exitCode: number) => void): Command {
  return new Command('test')
    .description('unit tests of a firewall: packets through the rules, offline and unprivileged')
    .argument('<rules.nft>', 'the ruleset')
    .argument('<tests.yaml...>', 'files of tests')
    .option('--only <pattern>', 'only tests whose name has this (a regular expression)')
    .option('--junit <file>', "write the results as JUnit's XML")
    .option('--json', 'print the results as JSON')
    .option('--seed <number>', 'of all chance in the router', '1')
    .addHelpText('after', HELP)
    .action(async (rules: string, files: string[], options: NftTestOptions) => {
      const { runNftTest } = await import('./nft_test_suite.js');
      report(await runNftTest(rules, files, options));
    });
}
