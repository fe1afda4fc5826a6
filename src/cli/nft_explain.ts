/**
 * `ww nft explain`: what runs for each chain, generated code or the interpreter, and why; of a running router, or with -f
 * of a file, whose rules are loaded into a core of their own.
 */
import { Command, Option } from 'commander';
import { EXIT_DONE, EXIT_FAILED, type TextOutput } from './command_line.js';
import { JIT_DEFAULT, JIT_MODES, type JitMode } from './jit_mode.js';

export interface NftExplainOptions {
  readonly file?: string;
  readonly json?: boolean;
  readonly pid?: string;
  readonly jit: JitMode;
}

const HELP = `
A chain is generated WebAssembly or interpreted. With --jit=tree rules in a row that test the same field become branches by
table. "by interpreter" counts the instructions inside generated code that the interpreter does.
`;

export function makeNftExplainCommand(
  report: (exitCode: number) => void,
  output: TextOutput = {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  },
): Command {
  return new Command('explain')
    .description('what the chains were made into: code, its size, its tables; or why not')
    .option('-f, --file <file>', 'of the rules in this file; needs no running router and no privilege')
    .addOption(new Option('--jit <mode>', 'with -f').choices(JIT_MODES).default(JIT_DEFAULT))
    .option('-j, --json', 'as JSON')
    .option('--pid <pid>', 'of several running routers, this one')
    .addHelpText('after', HELP)
    .action(async (options: NftExplainOptions) => {
      const [{ explainFile, explainRouter, explainText }, { NftError }, { RulesetErrors }] =
        await Promise.all([
          import('./nft_explain_run.js'),
          import('../nft/error.js'),
          import('../nft/evaluate/command.js'),
        ]);
      try {
        const { file, pid, jit, json } = options;
        const built = await (file === undefined ? explainRouter(pid) : explainFile(file, jit));
        output.out(json ? `${JSON.stringify(built)}\n` : explainText(built));
        report(EXIT_DONE);
      } catch (error) {
        const errors = error instanceof RulesetErrors ? error.errors : [error];
        for (const each of errors) {
          if (!(each instanceof NftError)) throw error;
          output.err(`${each.toString()}\n`);
        }
        report(EXIT_FAILED);
      }
    });
}
