/** `npm run hil`: the suites on all boards of hil/rig.yaml that are there (hil/README.md). */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { argv, exit, stderr, stdout } from 'node:process';
import { NetError } from '../src/net_error.js';
import { buildImages, coreHash, imageHash, projectRoot } from './rig/images.js';
import { boardMissing } from './rig/needs.js';
import { type HilOptions, parseOptions, USAGE } from './rig/options.js';
import { Progress } from './rig/progress.js';
import { type Result, reportJson, reportJunit, type RunFacts, totals } from './rig/report.js';
import { boardOfLine, parseRig, type RigBoard } from './rig/rig_config.js';
import { RunFolder } from './rig/run_folder.js';
import { Runner } from './rig/runner.js';
import { SUITES } from './suites/index.js';

const EXIT_FAILED = 1;
const EXIT_WRONG_USE = 2;
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function boardsOf({ lines, ethernet, rig }: HilOptions): RigBoard[] {
  if (lines.length > 0) return lines.map((line) => boardOfLine(line, ethernet));
  const file = rig ?? join(projectRoot(), 'hil/rig.yaml');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new NetError('EINVAL', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  return parseRig(rig ?? 'hil/rig.yaml', text);
}

function list(boards: readonly RigBoard[], { json, long }: HilOptions): void {
  const rows = boards.map((board) => {
    const missing = boardMissing(board);
    const suites = SUITES.filter(({ name }) => board.suites.includes(name)).map((suite) => ({
      name: suite.name,
      missing: suite.missing(board),
      cases: suite.cases(long).map(({ name }) => name),
    }));
    return { name: board.name, line: board.lineText, missing, suites };
  });
  if (json) {
    stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  for (const { name, line, missing, suites } of rows) {
    stdout.write(`${name}  ${line}${missing === undefined ? '' : `  missing: ${missing}`}\n`);
    for (const suite of suites)
      stdout.write(`  ${suite.name}  ${suite.missing ?? `${suite.cases.length} cases`}\n`);
  }
}

const images = (boards: readonly RigBoard[]): string[] => [
  ...new Set(boards.flatMap(({ line }) => (line.kind === 'virtual' ? [line.board] : []))),
];

function firmwareOf(boards: readonly RigBoard[]): RunFacts['firmware'] {
  return Object.fromEntries(
    images(boards).flatMap((name) => {
      const hash = imageHash(name);
      return hash === undefined ? [] : [[name, hash]];
    }),
  );
}

async function run(boards: readonly RigBoard[], options: HilOptions): Promise<number> {
  const seed = options.seed ?? randomInt(2 ** 31);
  const folder =
    options.out === undefined
      ? RunFolder.below(join(projectRoot(), 'build/hil'))
      : RunFolder.make(options.out);
  const progress = new Progress(options.json ? stderr : stdout);
  const ended = new AbortController();
  const onSignal = (): void => ended.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const started = new Date().toISOString();
  const complaint = options.build && images(boards).length > 0 ? buildImages() : undefined;
  if (complaint !== undefined) progress.line(`images: ${complaint}`);
  progress.line(`seed ${seed}, results in ${folder.path}`);
  const lower = options.only.map((word) => word.toLowerCase());
  const runner = new Runner({
    folder,
    seed,
    long: options.long,
    suites: SUITES,
    wanted: (path) => lower.length === 0 || lower.some((word) => path.toLowerCase().includes(word)),
    signal: ended.signal,
    onProgress: (text) => progress.now(text),
    onResult: (result) => progress.result(result),
  });
  for (const board of boards) await runner.board(board);
  progress.clear();
  const results = judged(runner.results, options);
  const facts: RunFacts = {
    seed,
    started,
    long: options.long,
    machine: { node: process.version, kernel: release(), arch: process.arch, cpus: availableParallelism() },
    core: coreHash(),
    firmware: firmwareOf(boards),
    boards: boards.map((board) => {
      const missing = boardMissing(board);
      return { name: board.name, line: board.lineText, ...(missing === undefined ? {} : { missing }) };
    }),
    interrupted: ended.signal.aborted,
  };
  folder.write('results.json', reportJson(facts, results));
  folder.write('junit.xml', reportJunit(facts, results));
  if (options.json) stdout.write(reportJson(facts, results));
  const { passed, failed, skipped } = totals(results);
  progress.line(
    `${passed} passed, ${failed} failed, ${skipped} skipped${ended.signal.aborted ? ' (interrupted)' : ''}; ${folder.path}`,
  );
  if (results.length === 0 && !ended.signal.aborted) {
    stderr.write(
      `nothing has ${options.only.join(' or ')} in BOARD/SUITE/CASE; --list shows what there is\n`,
    );
    return EXIT_WRONG_USE;
  }
  return failed > 0 || ended.signal.aborted ? EXIT_FAILED : 0;
}

/** What had to run and did not is a failure: with --require, and a board that was named on the command line. */
function judged(results: readonly Result[], { require, lines }: HilOptions): Result[] {
  if (!require && lines.length === 0) return [...results];
  return results.map((result) =>
    result.state === 'skipped' && (require || result.why?.startsWith('missing') === true)
      ? { ...result, state: 'failed' }
      : result,
  );
}

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(words);
    if (options.help) {
      stdout.write(USAGE);
      return 0;
    }
    const boards = boardsOf(options);
    if (!options.list) return await run(boards, options);
    list(boards, options);
    return 0;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    stderr.write(
      `${error.message}\n${error.code === 'EINVAL' && !error.message.includes('\n') ? USAGE : ''}`,
    );
    return error.code === 'EINVAL' ? EXIT_WRONG_USE : EXIT_FAILED;
  }
}

// What is left open (a line that hangs) shall not hold the process.
exit(await main(argv.slice(2)));
