/**
 * `ww pktgen`: sends streams of frames on a port and counts what arrives on another, or the same: rates, loss, order,
 * damage, latency. pktgen_rig.ts does it; this file has the words.
 */
import { Command, Option } from 'commander';
import { NetError } from '../net_error.js';
import { EXIT_WRONG_USE } from './command_line.js';
import { LOG_LEVELS, type LogLevel } from './log_level.js';
import { parseNumber, parsePercent, PROTO_NAMES } from './pktgen_options.js';
import { planStream, type StreamPlan, type StreamWords } from './pktgen_plan.js';

export interface PktgenWords extends StreamWords {
  readonly port?: string;
  readonly rx?: string;
  readonly both?: boolean;
  readonly loop?: boolean;
  readonly address?: string;
  readonly rxAddress?: string;
  readonly gateway?: string;
  readonly rxGateway?: string;
  readonly streams?: string;
  readonly duration?: string;
  readonly pass?: boolean;
  readonly search?: boolean;
  readonly lossLimit?: string;
  readonly json?: boolean;
  readonly logLevel: LogLevel;
}

const HELP = `
Sizes are those of frames with FCS, 64 to 9022; IMIX is 64, 594 and 1518 as 7:4:1. Every frame carries a signature
(stream, sequence number, time, CRC), by which the sink tells what was lost, reordered (RFC 4737), duplicated or damaged.
Latencies need one clock: both ends in this process, or processes of one machine (there to about a millisecond).

A udp: wire needs no privileges, tap: and packet: do. Exit codes: 0 done, 1 failed or lost more than --loss-limit,
2 wrong use.

Examples:
  ww pktgen --loop                                   see it work: a generator, a router, a sink, all in here
  ww pktgen --rx udp:127.0.0.1:7002-127.0.0.1:7001   only count, until Ctrl-C; in another terminal:
  ww pktgen --port udp:127.0.0.1:7001-127.0.0.1:7002 --rate 20kpps --duration 10
  ww pktgen --port tap:ww0 --rx tap:ww1 --rate 100mbps --size imix --flows 1000 --duration 10 --json
  ww pktgen --port tap:ww0 --rx tap:ww1 --both --streams streams.yaml
  ww pktgen --port tap:ww0 --rx tap:ww1 --address 10.0.1.2/24 --gateway 10.0.1.1 --src 10.0.1.2 --dst 10.0.2.2 \\
            --rx-address 10.0.2.2/24                 through a router: it is asked for its MAC, and its ARP is answered
  ww pktgen --loop --search --rate 2mpps --duration 2  the fastest rate without loss (RFC 2544), to a hundredth`;

export function makePktgenCommand(report: (exitCode: number) => void): Command {
  const command = new Command('pktgen')
    .option('--port <port>', 'send there: tap:NAME, udp:LOCAL-REMOTE, packet:IFACE')
    .option('--rx <port>', 'count there; default: on --port. Alone: only count')
    .option('--both', 'the streams the other way, too')
    .option('--loop', 'without ports: a router between generator and sink, in this process')
    .option(
      '--rate <rate>',
      'max, 20kpps, 1.5mpps, 300mbps (with FCS), 1gbpsl1 (with preamble and gap)',
      '1kpps',
    )
    .option('--size <size>', '64, imix, 64-1518, 64:7,594:4,1518:1', '64')
    .option('--flows <n>', 'flows, in turn; they differ in what is given as a range, or in the source port')
    .option('--random', 'flows and sizes at random, by --seed')
    .addOption(new Option('--proto <proto>', 'what the frames are').choices(PROTO_NAMES).default('udp'))
    .option('--src <range>', 'addresses: A, A-B, A+N; default 198.18.0.2 or 2001:2::2')
    .option('--dst <range>', 'default 198.19.0.2 or 2001:2:0:1::2')
    .option('--sport <range>', 'ports: N, N-M', undefined)
    .option('--dport <range>', 'default 9')
    .option('--ipv6', 'IPv6 when no address says so')
    .option('--vlan <id[:priority]>', 'a tag; twice for two, the outer one (802.1ad) first', collect, [])
    .option('--src-mac <mac[+n]>', "default: the port's")
    .option('--dst-mac <mac[+n]>', "default: the gateway's, or that of the port at --rx")
    .option('--tos <n>', 'TOS or traffic class, 0 to 255')
    .option('--dscp <n>', 'the same by DSCP, 0 to 63')
    .option('--ttl <n>', 'default 64')
    .option('--df', "IPv4's don't fragment")
    .option('--ethertype <n>', 'of --proto ether; default 0x88b5')
    .option('--pattern <pattern>', 'counting, random or a byte', 'counting')
    .option('--seed <n>', 'of all that is random', '1')
    .option('--duration <seconds>', 'end by itself')
    .option('--count <n>', 'frames of each stream at most')
    .option('--burst <n>', 'frames that may be caught up with at once; default: 5 ms of the rate')
    .option(
      '--mode <mode>',
      'start_xmit, queue_xmit, ip_output or netif_receive, as in pktgen of Linux',
      'start_xmit',
    )
    .option('--streams <file>', 'a YAML list of streams in these words')
    .option('--address <cidr>', 'address of --port, for ARP and --gateway')
    .option('--rx-address <cidr>', 'address of --rx')
    .option('--gateway <address>', 'send to the MAC of this router')
    .option('--rx-gateway <address>', 'the same for the way back of --both')
    .option('--pass', "the port's namespace sees the counted frames, too")
    .option('--search', 'look for the highest rate up to --rate whose loss is within --loss-limit')
    .option('--loss-limit <percent>', 'default 0% in a search')
    .option('--json', 'print one summary object on stdout at the end')
    .addOption(new Option('--log-level <level>', 'how much is logged').choices(LOG_LEVELS).default('info'))
    .addHelpText('after', HELP);
  return command.action(async (words: PktgenWords) => {
    report(await pktgen(words, command));
  });
}

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}

export interface PktgenPlan {
  readonly streams: readonly StreamPlan[];
  readonly durationS?: number;
  readonly lossLimit?: number;
}

/** Looks for what makes no sense before anything is opened. Throws a NetError. */
export async function planPktgen(words: PktgenWords): Promise<PktgenPlan> {
  const refuse = (text: string) => {
    throw new NetError('EINVAL', text);
  };
  if (words.loop === true && (words.port ?? words.rx) !== undefined) refuse('--loop takes no ports');
  if (words.loop !== true && words.port === undefined && words.rx === undefined)
    refuse('--port PORT, --rx PORT or --loop says where; ww pktgen --loop shows it at work');
  if (words.both === true && (words.port === undefined || words.rx === undefined || words.rx === words.port))
    refuse('--both needs two ports: --port and --rx');
  if (words.gateway !== undefined && words.address === undefined)
    refuse('--gateway needs --address: an address of the same network to ask from');
  if (words.rxGateway !== undefined && words.rxAddress === undefined)
    refuse('--rx-gateway needs --rx-address: an address of the same network to ask from');
  const receiveOnly = words.loop !== true && words.port === undefined;
  const durationS = words.duration === undefined ? undefined : seconds(words.duration);
  const lossLimit = words.lossLimit === undefined ? undefined : parsePercent(words.lossLimit);
  let streams: readonly StreamPlan[] = [];
  if (!receiveOnly) {
    const { readStreams } = await import('./pktgen_yaml.js');
    streams = words.streams === undefined ? [planStream(words)] : await readStreams(words.streams);
  }
  if (words.search === true) {
    if (receiveOnly) refuse('--search needs --port: the search sends');
    if (streams.some(({ rate }) => rate.kind === 'max'))
      refuse('--search needs a --rate to begin with, like the 1488kpps that a gigabit has of 64 bytes');
    if (durationS === undefined)
      refuse('--search needs --duration: how long each trial is (RFC 2544 has 60 seconds)');
  }
  return {
    streams,
    ...(durationS !== undefined && { durationS }),
    ...(lossLimit !== undefined && { lossLimit }),
  };
}

function seconds(text: string): number {
  if (/^\d+$/.test(text)) return parseNumber(text, 'duration', 1, 2_000_000);
  const n = Number(text);
  if (!/^\d*\.\d+$/.test(text) || n <= 0)
    throw new NetError('EINVAL', `duration '${text}': seconds like 10 or 2.5`);
  return n;
}

async function pktgen(words: PktgenWords, command: Command): Promise<number> {
  let plan: PktgenPlan;
  try {
    plan = await planPktgen(words);
    const { parsePort } = await import('../drivers/open.js');
    for (const port of [words.port, words.rx]) if (port !== undefined) parsePort(port);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    command.configureOutput().writeErr?.(`ww: ${error.message}\n(ww pktgen --help shows the options)\n`);
    return EXIT_WRONG_USE;
  }
  const { runPktgen } = await import('./pktgen_run.js');
  return await runPktgen(words, plan);
}
