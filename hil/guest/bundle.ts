/**
 * What runs in the guest, as modules that Node takes: build/guest/agent.mjs and worker.mjs. Written by rename, as two runs
 * may do it at once; node_modules stay outside, so the worker's vitest is the tests' vitest.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { treeRoot } from './places.js';

export const WORKER = 'build/guest/worker.mjs';

export async function bundle(): Promise<void> {
  const root = treeRoot();
  const outdir = join(root, 'build/guest');
  const { outputFiles } = await build({
    entryPoints: ['agent', 'worker'].map((name) => join(root, `hil/guest/${name}.ts`)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
  });
  mkdirSync(outdir, { recursive: true });
  for (const { path, contents } of outputFiles) {
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  }
}
