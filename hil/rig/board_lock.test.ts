import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BoardLock, lockFolder } from './board_lock.js';

const KEY = 'serial:/dev/ttyUSB0';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Of a process that was, and its number now nobody's or another's. */
function writeStale(): void {
  const { pid } = spawnSync('true');
  writeFileSync(join(folder, 'serial_dev_ttyUSB0.lock'), JSON.stringify({ pid, start: '1', since: 'then' }));
}

describe('the lock of a board', () => {
  it('is one run’s, until it is released', () => {
    const lock = BoardLock.acquire(KEY, folder);
    expect(() => BoardLock.acquire(KEY, folder)).toThrow(`process ${process.pid} has had it since`);
    expect(BoardLock.acquire('serial:/dev/ttyUSB1', folder)).toBeDefined();
    lock.release();
    BoardLock.acquire(KEY, folder).release();
  });

  it('leaves nothing but itself, readable by nobody else', () => {
    const lock = BoardLock.acquire(KEY, folder);
    expect(readdirSync(folder)).toEqual(['serial_dev_ttyUSB0.lock']);
    expect(statSync(join(folder, 'serial_dev_ttyUSB0.lock')).mode & 0o777).toBe(0o600);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process that is no more is taken over', () => {
    writeStale();
    BoardLock.acquire(KEY, folder);
    expect(() => BoardLock.acquire(KEY, folder)).toThrow(`process ${process.pid} has had it`);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('is taken over also when who was about to has died, too', () => {
    writeStale();
    const [stale] = readdirSync(folder);
    const owner = JSON.parse(execFileSync('cat', [join(folder, stale!)], { encoding: 'utf8' })) as {
      pid: number;
    };
    const { pid } = spawnSync('true');
    writeFileSync(
      join(folder, `${stale}.${owner.pid}-1`),
      JSON.stringify({ pid, start: '2', since: 'then' }),
    );
    BoardLock.acquire(KEY, folder);
    expect(readdirSync(folder)).toEqual([stale]);
  });

  it('that is no lock of ours is taken over', () => {
    writeFileSync(join(folder, 'serial_dev_ttyUSB0.lock'), 'garbage');
    BoardLock.acquire(KEY, folder).release();
  });

  it('lies in a folder that is this user’s alone', () => {
    const own = lockFolder(folder);
    expect(statSync(own).mode & 0o777).toBe(0o700);
    rmSync(own, { recursive: true });
    symlinkSync('/tmp', own);
    expect(() => lockFolder(folder)).toThrow('is not this user');
    rmSync(own);
  });
});
