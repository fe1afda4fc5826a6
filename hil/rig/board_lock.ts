/**
 * One run a board: a file in a folder that is this user's alone, with who holds it. The lock of a process that is no more
 * is taken over. It is made by link(2), whole or not at all; a stale one is removed only by who holds the lock
 * "PATH.OWNER" on its removal, so that nobody removes what another has just made instead.
 *
 *   acquire ─ link(own, PATH) ─ made ────────────────────────────────────────────► held
 *                │ exists, of a living process: refused
 *                └ of a dead one: acquire PATH.PID-START ─ still the dead one's? unlink ─ release ─► again
 */
import { linkSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '../../src/cli/lab_kernel.js';
import { NetError } from '../../src/net_error.js';

interface Owner {
  readonly pid: number;
  /** Ticks since boot at which the process started: a number may be another's by now. */
  readonly start: string;
  readonly since: string;
}

const ATTEMPTS = 20;
let made = 0;

/** Where this user's locks are. Made when it is not there; refused when others could write to it. */
export function lockFolder(runtime = process.env.XDG_RUNTIME_DIR): string {
  const uid = process.getuid?.() ?? 0;
  const folder = runtime === undefined ? `/tmp/wirewright-${uid}` : join(runtime, 'wirewright');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o022) !== 0) {
    throw new NetError('EACCES', `${folder} is not this user's own folder; remove it`);
  }
  return folder;
}

export class BoardLock {
  private constructor(private readonly path: string) {}

  /** Of the board that is reached by `key`. NetError EBUSY with who has it. */
  static acquire(key: string, folder = lockFolder()): BoardLock {
    const path = join(folder, `${key.replace(/[^\w.-]+/g, '_')}.lock`);
    const holder = take(path);
    if (holder !== undefined) {
      throw new NetError('EBUSY', `process ${holder.pid} has had it since ${holder.since}`);
    }
    return new BoardLock(path);
  }

  /** Synchronous, for exit handlers. */
  release(): void {
    rmSync(this.path, { force: true });
  }
}

/** Makes the lock; or tells who has it. */
function take(path: string): Owner | undefined {
  const own = `${path}.${process.pid}.${++made}.new`;
  const owner: Owner = {
    pid: process.pid,
    start: startTimeOf('self') ?? '0',
    since: new Date().toISOString(),
  };
  writeFileSync(own, JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  try {
    for (let i = 0; i < ATTEMPTS; i++) {
      if (linked(own, path)) return undefined;
      const holder = read(path);
      if (holder === undefined) continue;
      if (alive(holder)) return holder;
      remove(path, holder);
    }
    throw new NetError('EBUSY', `${path} comes and goes; remove it when no run is under way`);
  } finally {
    rmSync(own, { force: true });
  }
}

function remove(path: string, stale: Owner): void {
  const right = `${path}.${stale.pid}-${stale.start}`;
  if (take(right) !== undefined) return;
  try {
    const now = read(path);
    if (now !== undefined && now.pid === stale.pid && now.start === stale.start)
      rmSync(path, { force: true });
  } finally {
    rmSync(right, { force: true });
  }
}

const alive = ({ pid, start }: Owner): boolean => startTimeOf(pid) === start;

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when it is gone by now. What is no lock of ours counts as one of a dead process. */
function read(path: string): Owner | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { pid, start, since } = JSON.parse(text) as Partial<Owner>;
    if (typeof pid === 'number' && typeof start === 'string') return { pid, start, since: String(since) };
  } catch {
    // Not JSON.
  }
  return { pid: 0, start: '', since: '' };
}
