/**
 * `ww up [router.yaml]`: reads and checks the configuration, then starts the router; without a file, the built-in lab.
 * Nothing is started from a file with a mistake in it.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.js';
import type { RouterConfig } from '../config/router_config.js';
import { EXIT_DONE, EXIT_WRONG_USE } from './command_line.js';
import { JIT_DEFAULT, JIT_MODES, type JitMode } from './jit_mode.js';
import { LOG_LEVELS, type LogLevel } from './log_level.js';
import { makeContext } from './up_context.js';

interface UpOptions {
  readonly duration?: number;
  readonly json?: boolean;
  readonly check?: boolean;
  readonly logLevel: LogLevel;
  readonly pcap?: string;
  readonly jit: JitMode;
}

const HELP = `
Without a file, ww starts its built-in lab: a LAN host, a WAN host, the home router between them.
In the file, nftables: FIREWALL.nft (from the folder of router.yaml), or nftables: | and the rules below it, gives the
router rules in the language of nft; ww nft lists and changes them while it runs. core: serial:LINE lets a board be the router.
Exit codes: 0 done, 1 failed, 2 wrong use (a mistake in the file, too).

Examples:
  ww up                       the lab, until Ctrl-C
  ww up --duration 10 --json  the lab for 10 seconds, then a summary
  ww up router.yaml --check   only look for mistakes in router.yaml`;

export function makeUpCommand(report: (exitCode: number) => void): Command {
  return new Command('up')
    .argument('[router.yaml]', 'netplan version 2, with ports:, sysctls: and nftables:')
    .addOption(new Option('--duration <seconds>', 'end by itself').argParser(parseSeconds))
    .option('--json', 'print one summary object on stdout at the end')
    .option('--check', 'only check the file')
    .addOption(new Option('--log-level <level>', 'how much is logged').choices(LOG_LEVELS).default('info'))
    .option('--pcap <folder>', 'write the frames of each port to a pcapng file there')
    .addOption(
      new Option('--jit <mode>', 'rules as generated code, rule by rule or as a tree; off: interpreted')
        .choices(JIT_MODES)
        .default(JIT_DEFAULT),
    )
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: UpOptions, command: Command) => {
      if (options.check && file === undefined)
        command.error('error: --check needs a file: ww up router.yaml --check');
      report(await up(file, options));
    });
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > 2 ** 31 / 1000) {
    throw new InvalidArgumentError('Give seconds, for example 10 or 2.5.');
  }
  return seconds;
}

async function up(file: string | undefined, options: UpOptions): Promise<number> {
  if (file === undefined) {
    const [context, { runLab }] = await Promise.all([makeContext(options), import('./lab.js')]);
    return await runLab(context);
  }
  const { loadRouterConfig } = await import('../config/netplan.js');
  const result = await loadRouterConfig(file).catch((error: unknown) => {
    process.stderr.write(`ww: ${error instanceof Error ? error.message : String(error)}\n`);
    return null;
  });
  if (result === null) return EXIT_WRONG_USE;
  printWarnings(result.warnings);
  const errors = result.kind === 'wrong' ? result.errors : await mistakesInRules(result.config);
  if (options.check && options.json) {
    process.stdout.write(
      `${JSON.stringify({ file, ok: errors.length === 0, errors, warnings: result.warnings })}\n`,
    );
  } else if (errors.length > 0) {
    process.stderr.write(
      `${errors.map(formatDiagnostic).join('\n')}\n${file}: ${countMistakes(errors.length)}\n`,
    );
  }
  if (result.kind === 'wrong' || errors.length > 0) return EXIT_WRONG_USE;
  if (options.check) {
    const { links, sysctls } = result.config;
    const routes = links.reduce((sum, link) => sum + link.routes.length, 0);
    const rules = result.config.nftables === undefined ? '' : ', and the rules';
    const found = `${links.length} links, ${routes} routes, ${sysctls.length} sysctls${rules}`;
    if (!options.json) process.stdout.write(`${file}: nothing wrong; ${found}\n`);
    return EXIT_DONE;
  }
  const [context, { runRouter }] = await Promise.all([makeContext(options), import('./router.js')]);
  return await runRouter(result.config, context);
}

async function mistakesInRules({ nftables, links }: RouterConfig): Promise<readonly Diagnostic[]> {
  if (nftables === undefined) return [];
  const { checkRules } = await import('./router_rules.js');
  return await checkRules(nftables, links);
}

function printWarnings(warnings: readonly Diagnostic[]): void {
  for (const { file, line, column, message, hint } of warnings) {
    process.stderr.write(`${file}:${line}:${column}: warning: ${message}; ${hint}\n`);
  }
}

function countMistakes(count: number): string {
  return count === 1 ? '1 mistake, nothing was started' : `${count} mistakes, nothing was started`;
}
