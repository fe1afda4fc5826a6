/** `ww replay router.yaml --in PORT=FILE`: its options and what it prints; replay_run.ts does it. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { NetError } from '../net_error.js';
import { type Moment, parseMoment } from '../replay/moment.js';
import { NEIGHBOUR_MODES, type NeighbourMode } from '../replay/neighbours.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './command_line.js';
import type { ReplayResult } from './replay_run.js';

interface ReplayCommandOptions {
  readonly in: readonly { port: string; path: string }[];
  readonly out?: string;
  readonly seed: number;
  readonly neighbour: NeighbourMode;
  readonly until?: Moment;
  readonly fromSnapshot?: string;
  readonly snapshot?: string;
  readonly explain?: number;
  readonly json?: boolean;
}

const HELP = `
The router of the file, offline: every port of it takes its frames from a capture (pcap or pcapng, '-' is standard
input) and the captures' times are the clock. No privileges are needed, and the same input gives the same bytes, always.

DIR gets PORT.pcapng for each port (what the router sent there), drops.pcapng (what it dropped; each packet's comment
says why, and which frame it was) and summary.json. A frame's number is the one that Wireshark shows; with several
captures it is its place in the order of time. Frames that a capture marks as sent, or that come from the port's own MAC
address, are passed over.

When the router asks for a neighbour (ARP, ND), the captures answer: --neighbour auto answers for the addresses on the
port's networks that any frame shows, "all" also for others with an invented MAC address, "none" for nobody. Static
neighbours stand in the file: neighbours: {wan0: {203.0.113.1: "52:54:00:00:00:01"}}.

--explain N plays up to frame N and tells its way step by step: where it came in, hooks, route, neighbour, TTL, where it
went out or why it was dropped, and what it triggered. Nothing else is written.

A moment is +SECONDS after the first frame, #FRAME, seconds since 1970, or a time like 2023-11-14T22:13:20Z.
Exit codes: 0 done, 1 failed, 2 wrong use (a mistake in the file, too).

Examples:
  ww replay router.yaml --in lan0=a.pcapng --out DIR
  ww replay router.yaml --in lan0=a.pcapng --explain 17
  ww replay router.yaml --in lan0=a.pcapng --in wan0=b.pcap --until +10 --snapshot ten.snap
  ww replay router.yaml --in lan0=a.pcapng --in wan0=b.pcap --from-snapshot ten.snap --out REST`;

export function makeReplayCommand(report: (exitCode: number) => void): Command {
  return new Command('replay')
    .argument('<router.yaml>', 'netplan version 2, as for ww up; what its ports: say is not opened')
    .addOption(
      new Option('--in <port=file>', 'a capture for a port; may be given again')
        .argParser(collectInput)
        .makeOptionMandatory(),
    )
    .option('--out <folder>', 'where PORT.pcapng, drops.pcapng and summary.json go')
    .addOption(new Option('--seed <number>', 'of all chance in the router').argParser(parseSeed).default(1))
    .addOption(
      new Option('--neighbour <who>', 'who answers ARP and ND').choices(NEIGHBOUR_MODES).default('auto'),
    )
    .addOption(new Option('--until <moment>', 'stop there').argParser(parseUntil))
    .option('--snapshot <file>', 'write the state at the end')
    .option('--from-snapshot <file>', 'go on from such a state, with the same captures')
    .addOption(new Option('--explain <frame>', 'tell the whole way of this frame').argParser(parseFrame))
    .option('--json', 'print the summary on stdout')
    .addHelpText('after', HELP)
    .action(async (file: string, options: ReplayCommandOptions) => {
      report(await runReplay(file, options));
    });
}

function collectInput(text: string, before: readonly { port: string; path: string }[] = []) {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new InvalidArgumentError('Write PORT=FILE, for example lan0=a.pcapng.');
  const input = { port: text.slice(0, at), path: text.slice(at + 1) };
  if (input.path === '-' && before.some(({ path }) => path === '-'))
    throw new InvalidArgumentError('Standard input can be read once.');
  return [...before, input];
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d{1,10}$/.test(text) || seed > 0xffffffff)
    throw new InvalidArgumentError('Give a whole number from 0 to 4294967295.');
  return seed;
}

function parseFrame(text: string): number {
  if (!/^#?[1-9]\d{0,8}$/.test(text))
    throw new InvalidArgumentError('Give the number of a frame, from 1 on.');
  return Number(text.replace('#', ''));
}

function parseUntil(text: string): Moment {
  try {
    return parseMoment(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function runReplay(file: string, options: ReplayCommandOptions): Promise<number> {
  const [{ loadRouterConfig }, { formatDiagnostic }] = await Promise.all([
    import('../config/netplan.js'),
    import('../config/diagnostic.js'),
  ]);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const loaded = await loadRouterConfig(file).catch((error: unknown) => {
    if (!(error instanceof NetError)) throw error;
    say(`ww: ${error.message}`);
    return null;
  });
  if (loaded === null) return EXIT_WRONG_USE;
  if (loaded.kind === 'wrong') {
    say(loaded.errors.map(formatDiagnostic).join('\n'));
    return EXIT_WRONG_USE;
  }
  const { nftables, links } = loaded.config;
  if (nftables !== undefined) {
    const mistakes = await (await import('./router_rules.js')).checkRules(nftables, links);
    if (mistakes.length > 0) {
      say(mistakes.map(formatDiagnostic).join('\n'));
      return EXIT_WRONG_USE;
    }
  }
  const { replay } = await import('./replay_run.js');
  const { out, in: inputs, json, ...rest } = options;
  const beganMs = performance.now();
  const progress = new Progress();
  try {
    const result = await replay(loaded.config, {
      ...rest,
      inputs,
      ...(out !== undefined && rest.explain === undefined && { outDir: out }),
      progress: (frames) => progress.show(frames),
    });
    progress.close();
    if (result.explained !== undefined) {
      if (json) process.stdout.write(`${JSON.stringify({ frame: rest.explain, way: result.explained })}\n`);
      else process.stdout.write(`${result.explained.join('\n')}\n`);
      return EXIT_DONE;
    }
    if (json) process.stdout.write(`${JSON.stringify(result.summary)}\n`);
    else printSummary(result, (performance.now() - beganMs) / 1000, out);
    for (const note of result.notes) say(`note: ${note}`);
    if (result.interrupted) say('interrupted: what was played until then is written');
    return result.interrupted ? EXIT_FAILED : EXIT_DONE;
  } finally {
    progress.close();
  }
}

const DRAW_MS = 200;

/** Frames so far, on a terminal; and Ctrl-C, which ends the replay in order. */
class Progress {
  private readonly beganMs = performance.now();
  private drawnMs = this.beganMs;
  private drawn = false;
  private stopped = false;
  private readonly stop = () => {
    this.stopped = true;
  };

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, this.stop);
  }

  async show(frames: number): Promise<boolean> {
    // A signal is heard when the process comes to rest.
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    if (process.stderr.isTTY && now - this.drawnMs > DRAW_MS) {
      const rate = frames / (now - this.beganMs) / 1000;
      process.stderr.write(`\r\x1b[K${frames.toLocaleString('en')} frames, ${rate.toFixed(1)} Mpps`);
      this.drawnMs = now;
      this.drawn = true;
    }
    return !this.stopped;
  }

  close(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, this.stop);
    if (this.drawn) process.stderr.write('\r\x1b[K');
    this.drawn = false;
  }
}

function printSummary({ summary }: ReplayResult, seconds: number, out: string | undefined): void {
  const { frames, drops } = summary;
  const lines = [`${frames.received} of ${frames.read} frames played in ${seconds.toFixed(2)} s`];
  for (const [name, port] of Object.entries(summary.ports)) {
    const { rxFrames, txFrames } = port as { rxFrames: number; txFrames: number };
    lines.push(`  ${name.padEnd(15)} received ${rxFrames}, sent ${txFrames}`);
  }
  for (const [reason, count] of Object.entries(drops)) lines.push(`  dropped ${count} ${reason}`);
  if (out !== undefined) lines.push(`written to ${out}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
