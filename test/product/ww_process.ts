/** The built `ww` as a user runs it: a process with its output, waited for by what it says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { controlFolder } from '../../src/services/control_protocol.js';

export const CLI = join(import.meta.dirname, '../../dist/cli.js');
const NOBODY = 65534;
const WAIT_MS = 20_000;

/** A line of pino's. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface WwOptions {
  readonly cwd?: string;
  readonly user?: 'nobody';
  /** How long it may take to say what is waited for. */
  readonly waitMs?: number;
}

export class Ww {
  stdout = '';
  readonly stderr: string[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();
  private ended = false;
  private readonly waitMs: number;

  constructor(args: readonly string[], { cwd, user, waitMs = WAIT_MS }: WwOptions = {}) {
    this.waitMs = waitMs;
    const command = [process.execPath, CLI, ...args];
    if (user) command.unshift(...asNobody());
    this.child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    createInterface(this.child.stderr!).on('line', (line) => {
      this.stderr.push(line);
      this.look();
    });
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.ended = true;
        this.look();
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  get log(): LogLine[] {
    return this.stderr.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []));
  }

  /** The first line of the log after the first `skip` that is as wanted, said already or to come. */
  async line(wanted: (line: LogLine) => boolean, skip = 0): Promise<LogLine> {
    return await this.until(() => this.log.slice(skip).find(wanted));
  }

  /** Looks again whenever the process said something; rejects with all that it said when it never comes. */
  private until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`${why}:\n${this.stderr.join('\n')}\n${this.stdout}`));
      };
      const look = () => {
        const found = find();
        if (found !== undefined) {
          done();
          resolve(found);
        } else if (this.ended) fail('ww ended before it said what was waited for');
      };
      const { waitMs } = this;
      const timer = setTimeout(() => fail(`ww did not say what was waited for in ${waitMs} ms`), waitMs);
      this.waiting.add(look);
      look();
    });
  }

  private look(): void {
    for (const look of [...this.waiting]) look();
  }
}

function asNobody(): string[] {
  return ['setpriv', '--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
}

/** Why `ww` cannot be run without privileges here, or null. */
export function whyNotNobody(): string | null {
  if (process.getuid?.() !== 0) return null;
  const [command, ...args] = asNobody();
  const read = `require('fs').readFileSync(${JSON.stringify(CLI)})`;
  const { status, error } = spawnSync(command!, [...args, process.execPath, '-e', read]);
  if (error) return 'needs setpriv (util-linux)';
  return status === 0 ? null : `the user nobody cannot read ${CLI}`;
}

/** What a lab of this process would have left behind: namespaces, interfaces, processes in them, its socket and rules. */
export function leftovers(pid: number): string[] {
  const mark = new RegExp(`^ww-(?:lan|wan)-${pid}-`);
  const namespaces = existsSync('/run/netns')
    ? readdirSync('/run/netns').filter((name) => mark.test(name))
    : [];
  const suffix = pid.toString(36);
  const taps = readdirSync('/sys/class/net').filter((name) =>
    [`ww-l-${suffix}`, `ww-w-${suffix}`].includes(name),
  );
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const command = commandOf(name);
      return new RegExp(`ww-(?:lan|wan)-${pid}-`).test(command) ? [command] : [];
    });
  const folder = controlFolder();
  const files =
    folder === null || !existsSync(folder)
      ? []
      : readdirSync(folder).filter((name) => name.startsWith(`${pid}.`));
  return [...namespaces, ...taps, ...processes, ...files];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended meanwhile
  }
}
