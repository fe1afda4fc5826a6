/**
 * `ww SUBCOMMAND`: finds the subcommand and loads only its file, so that `ww --help` costs one small bundle.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong use. A subcommand reports its own; commander's complaints are wrong use.
 */
import { Command, CommanderError } from 'commander';
import { NetError } from '../net_error.js';
import { VERSION } from './version.js';

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_WRONG_USE = 2;

/** What a subcommand's file exports: a Command whose action reports the exit code. */
export type MakeCommand = (report: (exitCode: number) => void) => Command;

interface Subcommand {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<MakeCommand>;
  /** Not for people: the help is silent about it. */
  readonly hidden?: boolean;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: 'up',
    summary: 'start a router: that of a netplan file, or the built-in lab',
    load: async () => (await import('./up.js')).makeUpCommand,
  },
  {
    name: 'replay',
    summary: 'play captures through the router of a netplan file, the same way every time',
    load: async () => (await import('./replay.js')).makeReplayCommand,
  },
  {
    name: 'dump',
    summary: "print the frames of a running router's port, or of a capture, as tcpdump does",
    load: async () => (await import('./dump.js')).makeDumpCommand,
  },
  {
    name: 'nft',
    summary: 'packet filtering rules in the language of nft: check, compile, list',
    load: async () => (await import('./nft.js')).makeNftCommand,
  },
  {
    name: 'conntrack',
    summary: 'the connections that a running router tracks: list, end, change, follow',
    load: async () => (await import('./conntrack.js')).makeConntrackCommand,
  },
  {
    name: 'board',
    summary: 'boards behind a serial line: find, ask, watch, test, reset',
    load: async () => (await import('./board.js')).makeBoardCommand,
  },
  {
    name: 'usb',
    summary: 'USB Ethernet adapters without a kernel driver: find, ask, test',
    load: async () => (await import('./usb.js')).makeUsbCommand,
  },
  {
    name: 'pktgen',
    summary: 'send frames and count them: rates, loss, order, latency',
    load: async () => (await import('./pktgen.js')).makePktgenCommand,
  },
  {
    name: 'lab-host',
    summary: 'a host of the lab',
    load: async () => (await import('./lab_host.js')).makeLabHostCommand,
    hidden: true,
  },
];

/** Where text goes; a test gives its own. */
export interface TextOutput {
  out(text: string): void;
  err(text: string): void;
  /** Colours or none; default: as the terminal has it. */
  readonly color?: boolean;
}

const PROCESS_OUTPUT: TextOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

export async function runCommandLine(
  args: readonly string[],
  output: TextOutput = PROCESS_OUTPUT,
  subcommands: readonly Subcommand[] = SUBCOMMANDS,
): Promise<number> {
  let exitCode = EXIT_DONE;
  const program = new Command('ww')
    .description('Linux networking in user space: a complete router in WebAssembly')
    .version(VERSION, '-V, --version')
    .usage('COMMAND [options]')
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .showHelpAfterError('(ww --help lists the commands)')
    // What stands behind the name of a command is its own: `ww nft test --json` is not an option of nft.
    .enablePositionalOptions()
    .exitOverride();
  // `ww help up` and `ww up --help` both need the options of `up`.
  const wanted = args.filter((arg) => !arg.startsWith('-'));
  const name = wanted[0] === 'help' ? wanted[1] : wanted[0];
  try {
    for (const subcommand of subcommands) {
      if (subcommand.name !== name) {
        program
          .command(subcommand.name, { hidden: subcommand.hidden ?? false })
          .description(subcommand.summary);
        continue;
      }
      const make = await subcommand.load();
      const command = make((code) => {
        exitCode = code;
      });
      command.copyInheritedSettings(program).description(command.description() || subcommand.summary);
      for (const inner of command.commands) {
        inner
          .copyInheritedSettings(command)
          .showHelpAfterError(`(ww ${name} ${inner.name()} --help shows the options)`);
      }
      command.showHelpAfterError(`(ww ${name} --help shows the options)`);
      program.addCommand(command);
    }
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    return report(error, output);
  }
  return exitCode;
}

function report(error: unknown, output: TextOutput): number {
  if (error instanceof CommanderError) {
    const asked = ['commander.helpDisplayed', 'commander.version'].includes(error.code);
    // `ww` alone and `ww help` both show the help; only the second was asked for.
    return asked || (error.code === 'commander.help' && error.exitCode === 0) ? EXIT_DONE : EXIT_WRONG_USE;
  }
  // A NetError says what was wrong; anything else is a bug, and its stack is what helps.
  if (error instanceof NetError) output.err(`ww: ${error.message}\n`);
  else output.err(`ww: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT_FAILED;
}
