/**
 * The folder that a run leaves:
 *
 *   build/hil/2026-01-31T12-00-00-PID/
 *     results.json, junit.xml
 *     BOARD/SUITE/serial.log        what the board and its line did, with times
 *     BOARD/SUITE/PORT.pcapng       frames of every port that the suite had
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Older runs in the same place go. */
const KEPT = 10;
const OURS = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d+$/;

export class RunFolder {
  private constructor(readonly path: string) {}

  static make(path: string): RunFolder {
    mkdirSync(path, { recursive: true });
    return new RunFolder(path);
  }

  /** A new one below `parent`, where only the last ten stay. */
  static below(parent: string, now = new Date()): RunFolder {
    mkdirSync(parent, { recursive: true });
    const old = readdirSync(parent)
      .filter((name) => OURS.test(name))
      .sort();
    for (const name of old.slice(0, Math.max(0, old.length - KEPT + 1)))
      rmSync(join(parent, name), { recursive: true, force: true });
    return RunFolder.make(
      join(parent, `${now.toISOString().slice(0, 19).replace(/:/g, '-')}-${process.pid}`),
    );
  }

  /** Of a suite on a board. */
  suite(board: string, suite: string): string {
    const path = join(this.path, board, suite);
    mkdirSync(path, { recursive: true });
    return path;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }
}
