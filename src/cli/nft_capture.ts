/** `ww nft run RULES.nft --in PORT=FILE`: its options; what it does is in nft_capture_run.ts. */
import { Command, InvalidArgumentError, Option } from 'commander';

export interface NftCaptureOptions {
  readonly in: readonly { readonly port: string; readonly path: string }[];
  readonly config?: string;
  readonly json?: boolean;
  /** true: of every packet; a number: of that one. */
  readonly explain?: true | number;
  readonly seed: number;
}

const HELP = `
Every frame of the captures goes through the rules, in the order of time, in a router in memory whose clock is that of the
captures. One line a packet: its number, where it came in, the verdict, the rule that decided with file and line, what the
packet is, what became of it (where it went, what was rewritten), and its connection's state. With --json one object a line.

Without --config the ports are those of --in and of the rules; a destination is routed to the port where a capture shows it
as a sender, everything else to wan0 or the last port, and every frame is taken for one to the router's MAC address. With
--config the router is that of the file: its addresses, routes, sysctls; its own nftables: are not loaded.

--explain tells every packet's way step by step: hooks, chains, rules, sets, connection tracking, NAT, route. --explain 17
plays all before it silently, and tells that of packet 17 (with one capture its number in Wireshark).

Exit codes: 0 done, 1 failed, 2 wrong use (a mistake in a file, too).

Examples:
  ww nft run firewall.nft --in lan0=a.pcapng
  ww nft run firewall.nft --in lan0=a.pcapng --in wan0=b.pcapng --config router.yaml --json
  ww nft run firewall.nft --in wan0=b.pcapng --explain 17`;

export function makeNftCaptureCommand(report: (exitCode: number) => void): Command {
  return new Command('run')
    .description('the packets of captures through the rules: what becomes of each, and which rule decided')
    .argument('<rules.nft>', 'the ruleset')
    .addOption(
      new Option('--in <port=file>', 'a capture (pcap, pcapng) for a port; may be given again')
        .argParser(collectInput)
        .makeOptionMandatory(),
    )
    .option('--config <router.yaml>', 'addresses, routes and sysctls: a netplan file, as for ww up')
    .option('--json', 'one object a line')
    .addOption(
      new Option('--explain [frame]', 'the whole way, of every packet or of one').argParser(parseFrame),
    )
    .addOption(new Option('--seed <number>', 'of all chance in the router').argParser(parseSeed).default(1))
    .addHelpText('after', HELP)
    .action(async (rules: string, options: NftCaptureOptions) => {
      const { runNftCapture } = await import('./nft_capture_run.js');
      report(await runNftCapture(rules, options));
    });
}

function collectInput(text: string, before: NftCaptureOptions['in'] = []): NftCaptureOptions['in'] {
  const match = /^([^\s=]+)=(.+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('write PORT=FILE, for example lan0=a.pcapng.');
  return [...before, { port: match[1]!, path: match[2]! }];
}

function whole(text: string, from: number, what: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < from) throw new InvalidArgumentError(what);
  return number;
}

const parseFrame = (text: string): number => whole(text, 1, 'a frame has a number from 1 on.');
const parseSeed = (text: string): number => whole(text, 0, 'it has to be a whole number.');
