/** The boards' images, built once per run of the tests: a second build of the same sources does nothing. */
import { execFileSync } from 'node:child_process';

export function buildImages(): void {
  execFileSync(process.execPath, ['firmware/build.mjs'], { stdio: ['ignore', 'ignore', 'inherit'] });
}
