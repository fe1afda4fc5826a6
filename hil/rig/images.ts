/** The images of virtual boards: built when the compiler is there, and what is in them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, whether this runs from source or from a bundle in build/. */
export function projectRoot(from = dirname(fileURLToPath(import.meta.url))): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('there is no package.json above this program');
  return projectRoot(parent);
}

const image = (board: string): string => join(projectRoot(), 'build/firmware', `${board}.elf`);

/** A second build of the same sources does nothing. Returns what the build complained of. */
export function buildImages(): string | undefined {
  try {
    execFileSync(process.execPath, ['firmware/build.mjs'], {
      cwd: projectRoot(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim() || String(error);
  }
}

export function imageMissing(board: string): string | undefined {
  return existsSync(image(board)) ? undefined : `the firmware of ${board} is not built (npm run firmware)`;
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Of the file, and the build as the board's banner says it. */
export function imageHash(board: string): { sha256: string; build: string } | undefined {
  if (!existsSync(image(board))) return undefined;
  const stamp = image(board).replace(/elf$/, 'hash');
  return {
    sha256: sha256(image(board)),
    build: existsSync(stamp) ? readFileSync(stamp, 'utf8').trim().slice(0, 16) : '',
  };
}

/** Of the core that a router of this tree runs. */
export function coreHash(): string | undefined {
  const path = join(projectRoot(), 'build/core.wasm');
  return existsSync(path) ? sha256(path) : undefined;
}
