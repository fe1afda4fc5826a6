import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BoardLock } from './board_lock.js';
import { parseOptions } from './options.js';
import { boardOfLine, type RigBoard } from './rig_config.js';
import { RunFolder } from './run_folder.js';
import { Runner, type RunOptions } from './runner.js';
import { type Suite, suite } from './suite.js';

const BOARD: RigBoard = { ...boardOfLine('/dev/null', undefined), name: 'b' };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-hil-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Run = () => Promise<Record<string, unknown>>;

class Bench {
  static closed = 0;
  async close(): Promise<void> {
    Bench.closed++;
  }
}

const made = (cases: Record<string, Run>, open: () => Promise<Bench> = async () => new Bench()): Suite =>
  suite<Bench>({
    name: 'board',
    needs: [],
    open,
    cases: () => Object.entries(cases).map(([name, run]) => ({ name, limitMs: 50, run })),
  });

async function run(what: Suite, options: Partial<RunOptions> = {}, board = BOARD): Promise<string[]> {
  Bench.closed = 0;
  const runner = new Runner({
    folder: RunFolder.make(folder),
    seed: 1,
    long: false,
    suites: [what],
    wanted: () => true,
    signal: new AbortController().signal,
    onProgress: () => {},
    onResult: () => {},
    lockFolder: folder,
    ...options,
  });
  await runner.board(board);
  return runner.results.map(
    ({ suite, name, state, why }) => `${suite}/${name} ${state}${why ? `: ${why}` : ''}`,
  );
}

const good: Run = async () => ({ n: 1 });
const bad: Run = async () => {
  throw new Error('it is wrong');
};
const never: Run = () => new Promise(() => {});

describe('a run', () => {
  it('runs every case, whatever came of the one before', async () => {
    expect(await run(made({ a: good, b: bad, c: good }))).toEqual([
      'board/a passed',
      'board/b failed: it is wrong',
      'board/c passed',
    ]);
    expect(Bench.closed).toBe(1);
  });

  it('goes on after a case that does not end, without what comes after it on the same bench', async () => {
    expect(await run(made({ a: never, b: good }))).toEqual([
      'board/a failed: it did not end within 0.05 s',
      "board/b failed: not run: 'a' did not end",
    ]);
    expect(Bench.closed).toBe(1);
  });

  it('runs only what is wanted', async () => {
    expect(await run(made({ a: good, b: bad }), { wanted: (path) => path === 'b/board/a' })).toEqual([
      'board/a passed',
    ]);
  });

  it('tells that a board is not there, rather than pass over it', async () => {
    expect(await run(made({ a: good }), {}, boardOfLine('/dev/ww-none', undefined))).toEqual([
      'board/is there skipped: missing: there is no /dev/ww-none',
    ]);
  });

  it('fails when the suite cannot be set up', async () => {
    const open = async (): Promise<Bench> => {
      throw new Error('no line');
    };
    expect(await run(made({ a: good }, open))).toEqual(['board/set up failed: no line']);
  });

  it('does not touch a board that another run has, and leaves no lock', async () => {
    const lock = BoardLock.acquire('serial:/dev/null', folder);
    const [only] = await run(made({ a: good }));
    expect(only).toMatch(/^board\/is free failed: in use: process \d+ has had it since/);
    lock.release();
    expect(await run(made({ a: good }))).toEqual(['board/a passed']);
    expect(readdirSync(folder).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  it('that is interrupted ends what it is at, and closes it', async () => {
    const abort = new AbortController();
    const a: Run = () => {
      setTimeout(() => abort.abort(), 5);
      return new Promise(() => {});
    };
    expect(await run(made({ a, b: good }), { signal: abort.signal })).toEqual([]);
    expect(Bench.closed).toBe(1);
  });
});

describe('the folders of runs', () => {
  it('are kept, the last ten', () => {
    const paths = Array.from(
      { length: 12 },
      (_, i) => RunFolder.below(folder, new Date(Date.UTC(2026, 0, 1 + i))).path,
    );
    expect(readdirSync(folder)).toHaveLength(10);
    expect(existsSync(paths[11]!)).toBe(true);
    expect(existsSync(paths[1]!)).toBe(false);
  });
});

describe('the command line', () => {
  it('takes patterns, a seed and lines', () => {
    expect(
      parseOptions(['--only', 'virt64,ping', '--seed', '5', '/dev/ttyUSB0', '--ethernet', 'eth1'], {}),
    ).toEqual({
      lines: ['/dev/ttyUSB0'],
      ethernet: 'eth1',
      rig: undefined,
      only: ['virt64', 'ping'],
      seed: 5,
      long: false,
      build: true,
      require: false,
      out: undefined,
      json: false,
      list: false,
      help: false,
    });
    expect(parseOptions([], { CI: 'true', LONG: 'true' })).toMatchObject({ require: true, long: true });
  });

  it.each([
    [['--seed', 'x'], /whole number/],
    [['--sed'], /--sed/],
    [['--ethernet', 'eth0'], /exactly one line/],
  ])('refuses %j', (words, message) => {
    expect(() => parseOptions(words, {})).toThrow(message);
  });
});
