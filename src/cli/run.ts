/**
 * From a router that runs to the end of the process, the same for `ww up` with a file and for the lab: live figures on
 * a terminal or lines in the log, until Ctrl-C, SIGTERM, --duration, a reader of the output that left, or the router's own
 * end; then one orderly close.
 *
 *   running ── first signal, duration, EPIPE, done ──► closing ──► exit code
 *                                                        └── second signal, or too long ──► exit at once
 */
import { EXIT_DONE, EXIT_FAILED } from './command_line.js';
import { type LiveSource, ratesBetween, renderTable, type Sample } from './live_view.js';
import type { Screen } from './screen.js';

/** What is used of pino. */
export interface RunLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Figures at one moment: drawn on a terminal, or told as records of the log. */
export interface LiveFrame {
  lines(columns: number, color: boolean): readonly string[];
  log(): readonly (readonly [message: string, fields: object])[];
}

/** Figures of other kinds than those of ports. */
export interface LiveView {
  frame(): Promise<LiveFrame>;
}

export interface RunOptions {
  readonly log: RunLog;
  readonly screen: Screen | null;
  readonly durationS?: number;
  readonly json: boolean;
  readonly source: LiveSource | LiveView;
  /** How often figures are logged. Default: LOG_MS. */
  readonly logMs?: number;
  /** The object of --json; asked for once, while everything still stands. */
  readonly summary: () => object | Promise<object>;
  /** The summary for people, printed when there is no --json; behind summary(). */
  readonly text?: () => string;
  readonly close: () => Promise<void>;
  /** The router's own end: resolves when it has nothing left to do, rejects when it cannot go on. */
  readonly done?: Promise<void>;
}

interface RunOutput {
  write(text: string, written?: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** The process as this loop sees it; a test gives its own. */
export interface RunProcess {
  readonly stdout: RunOutput;
  readonly stderr: RunOutput;
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  removeListener(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

const DRAW_MS = 500;
const LOG_MS = 5000;
const CLOSE_LIMIT_MS = 10_000;
/** One Ctrl-C can arrive twice: from the terminal, and passed on by npm. */
const SAME_KEY_MS = 300;
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

type End = { readonly why: string; readonly error?: unknown };

export async function runUntilDone(options: RunOptions, host: RunProcess = process): Promise<number> {
  const { log, screen, source } = options;
  let endedAtMs: number | null = null;
  let finish: (end: End) => void = () => {};
  const ended = new Promise<End>((resolve) => {
    finish = (end) => {
      endedAtMs ??= Date.now();
      resolve(end);
    };
  });
  const onSignal = (signal: NodeJS.Signals) => {
    if (endedAtMs === null) {
      finish({ why: signal });
    } else if (Date.now() - endedAtMs >= SAME_KEY_MS) {
      screen?.close();
      host.exit(EXIT_FAILED);
    }
  };
  // Nobody reads the figures or the log any more: a router that runs on unseen is nobody's wish.
  const onOutputError = (error: Error) => {
    const left = (error as NodeJS.ErrnoException).code === 'EPIPE';
    finish(left ? { why: 'the reader of the output left' } : { why: 'the output failed', error });
  };
  for (const signal of SIGNALS) host.on(signal, onSignal);
  for (const output of [host.stdout, host.stderr]) output.on('error', onOutputError);
  options.done?.then(
    () => finish({ why: 'nothing left to do' }),
    (error: unknown) => finish({ why: 'the router cannot go on', error }),
  );
  const { durationS } = options;
  const timer =
    durationS === undefined ? undefined : setTimeout(() => finish({ why: 'duration' }), durationS * 1000);
  const view = 'frame' in source ? source : portView(source);
  const figures = showFigures(view, options.logMs ?? LOG_MS, screen, log, finish);
  try {
    const end = await ended;
    if (end.error === undefined) log.info({ why: end.why }, 'stopping');
    else log.error({ err: end.error }, end.why);
    figures.stop();
    const ok = await closeInOrder(options, host);
    return ok && end.error === undefined ? EXIT_DONE : EXIT_FAILED;
  } finally {
    clearTimeout(timer);
    figures.stop();
    screen?.close();
    for (const signal of SIGNALS) host.removeListener(signal, onSignal);
    for (const output of [host.stdout, host.stderr]) output.removeListener('error', onOutputError);
  }
}

/** The figures of ports, between two samples. */
function portView(source: LiveSource): LiveView {
  let before: Sample | null = null;
  return {
    async frame() {
      const after = await source.sample();
      const rates = ratesBetween(before ?? after, after);
      const first = before === null;
      before = after;
      return {
        lines: (columns, color) => renderTable(rates, columns, color),
        log: () =>
          first
            ? []
            : rates.map(({ drops, ...port }) => [
                'port',
                { ...roundFigures(port), ...Object.fromEntries(drops) },
              ]),
      };
    },
  };
}

function showFigures(
  view: LiveView,
  logMs: number,
  screen: Screen | null,
  log: RunLog,
  finish: (end: End) => void,
): { stop(): void } {
  let showing = false;
  let stopped = false;
  const show = async () => {
    // A source slower than the interval is not asked twice at once.
    if (showing) return;
    showing = true;
    try {
      const frame = await view.frame();
      if (stopped) return;
      if (screen) screen.draw(frame.lines(screen.columns, screen.color));
      else for (const [message, fields] of frame.log()) log.info(fields, message);
    } catch (error) {
      finish({ why: 'the figures cannot be read', error });
    } finally {
      showing = false;
    }
  };
  void show();
  const interval = setInterval(() => void show(), screen ? DRAW_MS : logMs);
  return {
    stop: () => {
      stopped = true;
      clearInterval(interval);
    },
  };
}

function roundFigures<T extends object>(figures: T): object {
  const rounded = Object.entries(figures).map(([key, value]) => [
    key,
    typeof value === 'number' ? Math.round(value) : value,
  ]);
  return Object.fromEntries(rounded) as object;
}

/** The summary is taken before anything is torn down and printed after all of it is. */
async function closeInOrder(options: RunOptions, host: RunProcess): Promise<boolean> {
  const { log, json } = options;
  let ok = true;
  let summary: object | null = null;
  let text = '';
  if (json || options.text !== undefined) {
    try {
      summary = await options.summary();
      if (!json) text = options.text?.() ?? '';
    } catch (err) {
      log.error({ err }, 'no summary');
      ok = false;
    }
  }
  let limit: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, fail) => {
    limit = setTimeout(() => fail(new Error(`not closed after ${CLOSE_LIMIT_MS / 1000} s`)), CLOSE_LIMIT_MS);
  });
  try {
    await Promise.race([options.close(), tooLong]);
  } catch (err) {
    log.error({ err }, 'closing failed');
    ok = false;
  } finally {
    clearTimeout(limit);
  }
  if (json && summary) await write(host, `${JSON.stringify(summary)}\n`);
  else if (text !== '') await write(host, text);
  return ok;
}

/** An error of stdout has a listener of its own; here it only must not keep us waiting. */
function write(host: RunProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    host.stdout.write(text, () => resolve());
  });
}
