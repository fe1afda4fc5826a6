/**
 * `npm run bench -- SUITE [--only NAME] [--json FILE]`: runs a suite, prints its table, writes its results.
 *
 *   {suite, machine, results: [{name, value, unit, against?, ratio?, samples, againstSamples?, includes}]}
 *
 * Exit codes: 0 done, 1 a measurement failed, 2 wrong use.
 */
import { writeFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { boardSuite } from './board/suite.js';
import { coreSuite } from './core/suite.js';
import { nftSuite } from './nft/suite.js';
import { pathSuite } from './path/suite.js';
import { usbSuite } from './usb/suite.js';
import { type BenchResult, machine, type Suite } from './suite.js';
import { renderIncludes, renderTable } from './table.js';

const SUITES: readonly Suite[] = [coreSuite, nftSuite, pathSuite, usbSuite, boardSuite];
const EXIT_FAILED = 1;
const EXIT_WRONG_USE = 2;

interface Options {
  readonly only?: string[];
  readonly json?: string;
}

function help(): string {
  const lines = SUITES.map(({ name, summary, names }) => `  ${name}  ${summary}\n        ${names.join(' ')}`);
  return `\nSuites and their names:\n${lines.join('\n')}\n\nExit codes: 0 done, 1 a measurement failed, 2 wrong use.`;
}

async function main(): Promise<void> {
  const program = new Command('bench')
    .usage('SUITE [options]')
    .argument('<suite>', SUITES.map(({ name }) => name).join(' or '))
    .option('--only <names...>', 'measure only these')
    .option('--json <file>', 'write the results there')
    .addHelpText('after', help())
    .exitOverride()
    .action(async (suiteName: string, options: Options, command: Command) => {
      const suite = SUITES.find(({ name }) => name === suiteName);
      if (suite === undefined) {
        return command.error(
          `error: there is no suite ${suiteName}; there are ${SUITES.map(({ name }) => name).join(', ')}`,
        );
      }
      const only = options.only ?? suite.names;
      const unknown = only.filter((name) => !suite.names.includes(name));
      if (unknown.length > 0) {
        return command.error(
          `error: ${suite.name} has no ${unknown.join(', ')}; it has ${suite.names.join(', ')}`,
        );
      }
      await runSuite(suite, new Set(only), options);
    });
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_WRONG_USE;
  }
}

async function runSuite(suite: Suite, names: ReadonlySet<string>, options: Options): Promise<void> {
  const problem = suite.problem();
  if (problem !== null) {
    process.stderr.write(`bench: ${suite.name}: ${problem}\n`);
    process.exitCode = EXIT_FAILED;
    return;
  }
  const results: BenchResult[] = [];
  const progress = (text: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  try {
    await suite.run({ names, progress, result: (result) => results.push(result) });
  } catch (error) {
    progress('');
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
  progress('');
  if (results.length > 0) process.stdout.write(`${renderTable(results)}\n${renderIncludes(results)}`);
  if (options.json !== undefined) {
    const report = { suite: suite.name, machine: machine(), results };
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}

await main();
