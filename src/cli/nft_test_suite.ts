/** What `ww nft test` does: reads ruleset and tests, runs them (nft_test_run.ts), prints a line a test, JSON, JUnit. */
import { NftTraceType } from '../../assembly/abi/nf_tables.js';
import { writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { formatDiagnostic } from '../config/diagnostic.js';
import { loadRouterConfig } from '../config/netplan.js';
import { NetError } from '../net_error.js';
import type { Command as NftCommand } from '../nft/ast.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import { readSource } from '../nft/grammar/include.js';
import { readCommands } from '../nft/nft.js';
import { interfaceNames } from '../tools/firewall/interface_names.js';
import { type JunitCase, junitXml } from '../tools/firewall/junit.js';
import { type SuiteRouter, suiteRouter } from '../tools/firewall/suite_config.js';
import { type PacketSource, readSuite, type SuiteFile } from '../tools/firewall/test_file.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, type TextOutput } from './command_line.js';
import type { NftTestOptions } from './nft_test.js';
import type { TestResult } from './nft_test_run.js';
import { paint, useColor } from './screen.js';

const PROCESS_OUTPUT: TextOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

interface Loaded {
  readonly suite: SuiteFile;
  readonly router: SuiteRouter;
}

export async function runNftTest(
  rules: string,
  files: readonly string[],
  options: NftTestOptions,
  output: TextOutput = PROCESS_OUTPUT,
): Promise<number> {
  let only: RegExp;
  try {
    only = new RegExp(options.only ?? '', 'i');
  } catch (error) {
    output.err(`ww: --only: ${(error as Error).message}\n`);
    return EXIT_WRONG_USE;
  }
  const seed = Number(options.seed ?? 1);
  if (!Number.isInteger(seed) || seed < 0) {
    output.err(`ww: --seed: ${options.seed} is no number\n`);
    return EXIT_WRONG_USE;
  }
  const { runTest, readText } = await import('./nft_test_run.js');
  const suites: Loaded[] = [];
  let ruleset: NftCommand[];
  let wrong = false;
  try {
    ruleset = readCommands(readSource(rules), { json: true });
    const named = interfaceNames(ruleset);
    const bridge = ruleset.some((command) => command.kind === 'add' && command.object.family === 'bridge');
    for (const file of files) {
      const result = readSuite(readText(file), file);
      if (result.kind === 'wrong') {
        wrong = true;
        for (const error of result.errors) output.err(formatDiagnostic(error));
        continue;
      }
      const router = await routerOf(result.suite, named, bridge, output);
      if (router === undefined) wrong = true;
      else suites.push({ suite: result.suite, router });
    }
  } catch (error) {
    return mistake(error, output);
  }
  if (wrong) return EXIT_WRONG_USE;
  const chosen = suites.flatMap(({ suite, router }) =>
    suite.tests.filter(({ name }) => only.test(name)).map((test) => ({ test, suite, router })),
  );
  if (chosen.length === 0) {
    output.err(
      `ww: no test ${options.only === undefined ? 'is in the files' : `has ${options.only} in its name`}\n`,
    );
    return EXIT_WRONG_USE;
  }
  const results: TestResult[] = [];
  const color = output.color ?? useColor(process.stdout);
  const width = Math.min(60, Math.max(...chosen.map(({ test }) => test.name.length)));
  try {
    for (const { test, suite, router } of chosen) {
      const result = await runTest({ file: suite.file, ruleset, router, seed }, test);
      results.push(result);
      if (!options.json) output.out(resultText(result, width, color));
    }
  } catch (error) {
    return mistake(error, output);
  }
  if (options.json) output.out(`${JSON.stringify(resultsJson(results), null, 2)}\n`);
  else output.out(`${summary(results, color)}\n`);
  if (options.junit !== undefined) {
    try {
      writeFileSync(options.junit, junitXml(results.map(junitCase)));
    } catch (cause) {
      throw new NetError((cause as NodeJS.ErrnoException).code ?? 'EIO', `cannot write ${options.junit}`, {
        cause,
      });
    }
  }
  return results.every(({ ok }) => ok) ? EXIT_DONE : EXIT_FAILED;
}

/** The language's own errors in its own form; anything else is the caller's. */
function mistake(error: unknown, output: TextOutput): number {
  if (error instanceof RulesetErrors) for (const each of error.errors) output.err(`${each.toString()}\n`);
  else if (error instanceof NftError) output.err(`${error.toString()}\n`);
  else if (error instanceof NetError) output.err(`ww: ${error.message}\n`);
  else throw error;
  return EXIT_WRONG_USE;
}

async function routerOf(
  suite: SuiteFile,
  named: readonly string[],
  bridge: boolean,
  output: TextOutput,
): Promise<SuiteRouter | undefined> {
  if (suite.config === undefined) return suiteRouter(suite, [...named, ...testInterfaces(suite)], bridge);
  const { path } = suite.config;
  const found = await loadRouterConfig(isAbsolute(path) ? path : join(dirname(suite.file), path));
  if (found.kind === 'wrong') {
    for (const error of found.errors) output.err(formatDiagnostic(error));
    return undefined;
  }
  // The rules are those of the command line.
  const { nftables: _, ...config } = found.config;
  const sysctls = [...config.sysctls, ...suite.sysctls];
  const interfaces = config.links.filter(({ port }) => port !== null).map(({ name }) => name);
  return { config: { ...config, sysctls }, interfaces, bridged: false };
}

function testInterfaces({ tests }: SuiteFile): string[] {
  return tests.flatMap(({ iif, oif, packet, history, expect }) => [
    ...[iif, oif, expect.oif].filter((name) => name !== undefined),
    ...[packet, ...history].flatMap(sourceInterfaces),
  ]);
}

function sourceInterfaces(source: PacketSource): string[] {
  if (!('words' in source)) return [];
  return [source.words.iif, source.words.oif].filter((name) => name !== undefined);
}

function verdictOf(result: TestResult): string {
  return result.outcome?.verdict ?? '';
}

function resultText(result: TestResult, width: number, color: boolean): string {
  const { name, ok, failures, way, outcome, file, line } = result;
  const mark = ok ? paint('ok  ', 'green', color) : paint('FAIL', 'red', color);
  const by = outcome === undefined ? '' : verdictOf(result).padEnd(7) + decision(result);
  const head = `${mark}  ${name.padEnd(width)}  ${by}`.trimEnd();
  if (ok) return `${head}\n`;
  const lines = [head, `      ${paint(`${file}:${line}`, 'dim', color)}`];
  for (const { what, expected, was } of failures) {
    lines.push(
      `      ${what}`,
      `        expected  ${indented(expected)}`,
      `        was       ${indented(was)}`,
    );
  }
  if (way.length > 0) lines.push('      its way', ...way.map((step) => `        ${step}`));
  return `${lines.join('\n')}\n`;
}

const indented = (text: string): string => text.replaceAll('\n', `\n${' '.repeat(18)}`);

function decision({ outcome }: TestResult): string {
  const step = outcome?.decision;
  if (step === undefined) return '';
  if (step.rule !== undefined) return step.rule.place ?? step.rule.text;
  return `${step.type === NftTraceType.POLICY ? 'policy' : 'a rule'} of ${step.chain}`;
}

function summary(results: readonly TestResult[], color: boolean): string {
  const failed = results.filter(({ ok }) => !ok).length;
  const seconds = results.reduce((sum, each) => sum + each.seconds, 0);
  const passed = results.length - failed;
  const text = `${results.length} tests, ${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s`;
  return paint(text, failed === 0 ? 'green' : 'red', color);
}

function resultsJson(results: readonly TestResult[]): object {
  return {
    tests: results.length,
    failed: results.filter(({ ok }) => !ok).length,
    results: results.map((result) => {
      const { name, file, line, ok, failures, way, seconds, outcome } = result;
      const rule = outcome?.decision?.rule;
      return {
        ...{ name, file, line, ok, verdict: outcome?.verdict ?? null },
        rule:
          rule === undefined
            ? null
            : { where: rule.place ?? null, text: rule.text, comment: rule.comment ?? null },
        decision: decision(result) || null,
        failures,
        ...(way.length > 0 && { way }),
        seconds: Math.round(seconds * 1000) / 1000,
      };
    }),
  };
}

function junitCase({ name, file, line, seconds, ok, failures, way }: TestResult): JunitCase {
  const head = failures.map(({ what, expected, was }) => `${what}: expected ${expected}, was ${was}`);
  return {
    ...{ name, file, line, seconds },
    ...(!ok && { failure: { message: head.join('; '), text: [...head, '', ...way].join('\n') } }),
  };
}
