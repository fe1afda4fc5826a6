/**
 * Runs suites on boards, one after the other, and tells what comes of each case as it ends.
 *
 *   board ─ there? ─ lock ─┬─ suite ─ needs there? ─ open ─┬─ case, within its limit ─ result
 *                          └─ ...                          └─ ...                       close
 *
 * A case that fails leaves the bench to the next one; one that does not end has it closed, and the rest of the suite fails.
 */
import type { OpenSuite, Place, Suite } from './suite.js';
import { BoardLock } from './board_lock.js';
import { boardMissing } from './needs.js';
import type { Result, State } from './report.js';
import type { RigBoard } from './rig_config.js';
import type { RunFolder } from './run_folder.js';

export interface RunOptions {
  readonly folder: RunFolder;
  readonly seed: number;
  readonly long: boolean;
  readonly suites: readonly Suite[];
  /** Of 'board/suite/case': whether it is to be run. */
  wanted(path: string): boolean;
  readonly signal: AbortSignal;
  /** A case begins, or tells how far it is. */
  onProgress(text: string): void;
  onResult(result: Result): void;
  /** For tests: the folder of the locks. */
  readonly lockFolder?: string;
}

const CLOSE_MS = 15_000;

class Late extends Error {}

/** Rejects when `limitMs` are over or the run is ended; the work itself goes on until its bench is closed. */
function within<T>(work: Promise<T>, limitMs: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Late(`it did not end within ${limitMs / 1000} s`)), limitMs);
    const ended = (): void => reject(new Late('the run was interrupted'));
    if (signal.aborted) ended();
    signal.addEventListener('abort', ended, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(late);
      signal.removeEventListener('abort', ended);
    });
  });
}

/** What went wrong, for a person, and where, for the report. */
function reason(error: unknown): { why: string; stack?: string } {
  if (!(error instanceof Error)) return { why: String(error) };
  return { why: error.message.trim(), ...(error.stack === undefined ? {} : { stack: error.stack }) };
}

export class Runner {
  readonly results: Result[] = [];

  constructor(private readonly options: RunOptions) {}

  async board(board: RigBoard): Promise<void> {
    const { options } = this;
    const suites = options.suites.filter(
      (suite) =>
        board.suites.includes(suite.name) &&
        suite.cases(options.long).some(({ name }) => options.wanted(`${board.name}/${suite.name}/${name}`)),
    );
    if (suites.length === 0 || options.signal.aborted) return;
    const missing = boardMissing(board);
    if (missing !== undefined) {
      this.result(board, 'board', 'is there', 'skipped', 0, { why: `missing: ${missing}` });
      return;
    }
    const lock = this.lock(board);
    if (lock === 'refused') return;
    const release = (): void => lock?.release();
    process.once('exit', release);
    try {
      for (const suite of suites) if (!options.signal.aborted) await this.suite(board, suite);
    } finally {
      process.removeListener('exit', release);
      release();
    }
  }

  /** A virtual board is the run's own: nobody else can have it. */
  private lock(board: RigBoard): BoardLock | undefined | 'refused' {
    if (board.line.kind === 'virtual') return undefined;
    try {
      return BoardLock.acquire(board.line.spec, this.options.lockFolder);
    } catch (error) {
      this.result(board, 'board', 'is free', 'failed', 0, { why: `in use: ${(error as Error).message}` });
      return 'refused';
    }
  }

  private async suite(board: RigBoard, suite: Suite): Promise<void> {
    const { folder, seed, long, signal, wanted } = this.options;
    const missing = suite.missing(board);
    if (missing !== undefined) {
      this.result(board, suite.name, 'the suite', 'skipped', 0, { why: missing });
      return;
    }
    const cases = suite.cases(long);
    const label = `${board.name}/${suite.name}`;
    const place: Place = {
      board,
      folder: folder.suite(board.name, suite.name),
      seed,
      long,
      progress: (text) => this.options.onProgress(`${label}: ${text}`),
    };
    this.options.onProgress(`${label}: set up`);
    const begin = performance.now();
    let open: OpenSuite;
    try {
      open = await suite.open(place);
    } catch (error) {
      this.result(board, suite.name, 'set up', 'failed', performance.now() - begin, reason(error));
      return;
    }
    let stuck: string | undefined;
    try {
      for (const [n, { name, limitMs }] of cases.entries()) {
        if (signal.aborted) return;
        if (!wanted(`${label}/${name}`)) continue;
        if (stuck !== undefined) {
          this.result(board, suite.name, name, 'failed', 0, { why: `not run: '${stuck}' did not end` });
          continue;
        }
        this.options.onProgress(`${label}: ${name}`);
        if ((await this.case(board, suite, open, n, name, limitMs)) === 'stuck') stuck = name;
      }
    } finally {
      await within(open.close(), CLOSE_MS, new AbortController().signal).catch((error: unknown) => {
        this.result(board, suite.name, 'clean up', 'failed', 0, reason(error));
      });
    }
  }

  private async case(
    board: RigBoard,
    suite: Suite,
    open: OpenSuite,
    n: number,
    name: string,
    limitMs: number,
  ): Promise<'ended' | 'stuck'> {
    const begin = performance.now();
    try {
      const figures = await within(open.run(n), limitMs, this.options.signal);
      this.result(board, suite.name, name, 'passed', performance.now() - begin, { figures });
      return 'ended';
    } catch (error) {
      if (this.options.signal.aborted) return 'stuck';
      this.result(board, suite.name, name, 'failed', performance.now() - begin, reason(error));
      return error instanceof Late ? 'stuck' : 'ended';
    }
  }

  private result(
    { name: board }: RigBoard,
    suite: string,
    name: string,
    state: State,
    ms: number,
    rest: Pick<Result, 'why' | 'stack' | 'figures'>,
  ): void {
    const result: Result = { board, suite, name, state, ms: Math.round(ms), ...rest };
    this.results.push(result);
    this.options.onResult(result);
  }
}
