/**
 * `ww conntrack`: the connections of a running router, as conntrack(8) shows and changes those of Linux. Options and
 * words are its; what they do is in conntrack_run.ts.
 */
import { Command, Option } from 'commander';
import type { MakeCommand } from './command_line.js';
import type { ConntrackOptions } from './conntrack_run.js';

/** Long names that say the same. */
const SYNONYMS: Readonly<Record<string, string>> = {
  '--orig-src': '--src',
  '--orig-dst': '--dst',
  '--orig-port-src': '--sport',
  '--orig-port-dst': '--dport',
  '--source': '--src',
  '--destination': '--dst',
  '--sport-orig': '--sport',
  '--icmpv6-type': '--icmp-type',
  '--icmpv6-code': '--icmp-code',
  '--icmpv6-id': '--icmp-id',
  '--protonum': '--proto',
};

/** The same options by the names that they have here. */
export const plainNames = (args: readonly string[]): string[] =>
  args.map((arg) => {
    const [name = '', value] = arg.split('=', 2);
    const plain = SYNONYMS[name] ?? name;
    return value === undefined ? plain : `${plain}=${value}`;
  });

export const makeConntrackCommand: MakeCommand = (report) => {
  const command = new Command('conntrack')
    .usage('COMMAND [table] [options]')
    .description('the connections that a running router tracks, as conntrack(8)')
    .option('-L, --dump [table]', 'list connections, or with the table expect expectations')
    .option('-G, --get', 'the connection of these addresses and ports')
    .option('-D, --delete', 'end the connections that the options choose')
    .option('-I, --create', 'make a connection')
    .option('-U, --update', 'change mark, timeout, status of those that the options choose')
    .option('-E, --event [table]', 'show what happens until interrupted')
    .option('-F, --flush [table]', 'end all')
    .option('-C, --count [table]', 'how many there are')
    .option('-S, --stats', 'counters')
    .option('-s, --src <address>', 'source of the original direction; with /length or /mask a network')
    .option('-d, --dst <address>', 'its destination')
    .option('-r, --reply-src <address>', 'source of the reply direction')
    .option('-q, --reply-dst <address>', 'its destination')
    .option('-n, --src-nat [address]', 'whose source is translated')
    .option('-g, --dst-nat [address]', 'whose destination is translated')
    .option('-j, --any-nat [address]', 'either')
    .option('-p, --proto <protocol>', 'tcp, udp, icmp, icmpv6, sctp, gre, udplite or a number')
    .option('-f, --family <family>', 'ipv4 or ipv6')
    .option('--sport <port>', 'source port of the original direction')
    .option('--dport <port>', 'destination port')
    .option('--reply-port-src <port>', 'source port of the reply direction')
    .option('--reply-port-dst <port>', 'destination port')
    .option('--icmp-type <number>', 'of ICMP')
    .option('--icmp-code <number>', 'of ICMP')
    .option('--icmp-id <number>', 'of ICMP')
    .option('--state <state>', 'of TCP: ESTABLISHED and so on')
    .option('-t, --timeout <seconds>', 'of -I and -U')
    .option('-m, --mark <mark>', 'mark, or mark/mask; of -I and -U the one to set')
    .option('-u, --status <status>', 'ASSURED, SEEN_REPLY, UNREPLIED and so on, with commas between')
    .option('-w, --zone <zone>', 'zone')
    .option('-e, --event-mask <events>', 'of -E: NEW, UPDATES, DESTROY, with commas between')
    .option('-z, --zero', 'of -L: counters begin anew')
    .addOption(
      new Option('-o, --output <formats>', 'extended, id, timestamp, json; with commas between').default(''),
    )
    .option('--pid <pid>', 'of several running routers, this one')
    .addHelpText(
      'after',
      `
Examples:
  ww conntrack -L                             all connections, a line each
  ww conntrack -L -p tcp --dport 22 -o json
  ww conntrack -D -s 10.0.1.0/24              end those of a network
  ww conntrack -E -e NEW,DESTROY -o timestamp
`,
    )
    .action(async (options: ConntrackOptions) => {
      const { runConntrack } = await import('./conntrack_run.js');
      report(await runConntrack(options));
    });
  const { parseOptions } = command;
  command.parseOptions = (argv) => parseOptions.call(command, plainNames(argv));
  return command;
};
