/**
 * The build. `node esbuild.config.mjs [--bench] [--guest] [--hil]`
 *
 *   assembly/index.ts ── asc, targets of asconfig.json ──► build/core.wasm, build/core.scalar.wasm ──► dist/
 *   assembly/replay/index.ts ── the same ──► build/replay.wasm, build/replay.scalar.wasm ──► dist/
 *   assembly/board_test/index.ts ── the same ──► build/board_test.wasm, build/board_test.scalar.wasm
 *   src/cli/main.ts, src/index.ts ── esbuild, ESM with splitting ──► dist/cli.js, dist/index.js, dist/chunks/
 *   bench/index.ts, bench/assembly/ (--bench) ──► build/bench.js, build/bench_nic.wasm, build/bench_offload.wasm
 *   hil/guest/main.ts ──► build/guest.js; with --guest nothing else
 *   hil/main.ts (--hil) ──► build/hil.js
 *
 * asc takes seconds, so it runs only when the hash over assembly/** and its settings has changed. Everything is
 * written beside its place and renamed, so that two builds at once, or a build beside a running `ww`, do not
 * meet a half-written file; for the same reason chunks of an earlier build stay for a day.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { peggyForEsbuild } from './peggy_plugin.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const CHUNK_LIFE_MS = 24 * 3600 * 1000;
process.chdir(root);

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const notice = (text) => process.stderr.write(`build: ${text}\n`);

/** Writes by rename: a reader sees the old file or the new one. */
function replaceFile(path, write) {
  const temporary = `${path}.${process.pid}.tmp`;
  write(temporary);
  renameSync(temporary, path);
}

/** The core's files, below assembly/. */
function coreSources() {
  return readdirSync('assembly', { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort();
}

function coreHash(targets) {
  const hash = createHash('sha256');
  for (const name of coreSources()) hash.update(`${name}\0`).update(readFileSync(join('assembly', name)));
  hash.update(readFileSync('asconfig.json')).update(targets.join());
  hash.update(readJson('node_modules/assemblyscript/package.json').version);
  return hash.digest('hex');
}

function asc(target, outFile, entry = 'assembly/index.ts', options = []) {
  const script = 'node_modules/assemblyscript/bin/asc.js';
  const args = [script, entry, '--config', 'asconfig.json', '--target', target, '--outFile', outFile];
  args.push(...options);
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done() : fail(new Error(`asc --target ${target} failed (${code})`)),
    );
  });
}

async function buildCore() {
  if (!existsSync('assembly/index.ts')) {
    notice('assembly/index.ts is missing, no core.wasm');
    return;
  }
  const targets = Object.entries(readJson('asconfig.json').targets).filter(([, target]) => target.outFile);
  const entries = targets.flatMap(([name, { outFile }]) => [
    { name, entry: 'assembly/index.ts', outFile },
    { name, entry: 'assembly/replay/index.ts', outFile: outFile.replace('core', 'replay') },
  ]);
  const outFiles = entries.map(({ outFile }) => outFile);
  const hash = coreHash(targets.map(([name]) => name));
  const stamp = 'build/core.hash';
  const fresh =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outFiles.every((path) => existsSync(path));
  if (!fresh) {
    notice('compiling the core, some ten seconds; done again only when it changes');
    const work = `build/.asc-${process.pid}`;
    mkdirSync(work, { recursive: true });
    try {
      const temporary = (outFile) => join(work, outFile.split('/').at(-1));
      await Promise.all(entries.map(({ name, entry, outFile }) => asc(name, temporary(outFile), entry)));
      for (const { outFile } of entries) renameSync(temporary(outFile), outFile);
      replaceFile(stamp, (path) => writeFileSync(path, hash));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  for (const path of outFiles) {
    replaceFile(join('dist', path.split('/').at(-1)), (temporary) => copyFileSync(path, temporary));
  }
  if (!fresh)
    notice(outFiles.map((path) => `${path} ${(statSync(path).size / 1024).toFixed(0)} KB`).join(', '));
}

/**
 * The tests that run where the core runs. Their constants lie above the core's memory (abi/board_test), whose ABI is
 * all that they know of it, so that they are compiled when they or it change.
 */
async function buildBoardTest() {
  const sources = coreSources().filter((name) => /^(board_test|abi|lib|wire)\//.test(name));
  const hash = createHash('sha256').update(readFileSync('asconfig.json'));
  for (const name of sources) hash.update(`${name}\0`).update(readFileSync(join('assembly', name)));
  hash.update(readJson('node_modules/assemblyscript/package.json').version);
  const wanted = hash.digest('hex');
  const stamp = 'build/board_test.hash';
  const outFiles = { simd: 'build/board_test.wasm', scalar: 'build/board_test.scalar.wasm' };
  const there = Object.values(outFiles).every((path) => existsSync(path));
  if (there && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const place = ['--memoryBase', String(0xc0_0000), '--initialMemory', String(0xc4)];
  await Promise.all(
    Object.entries(outFiles).map(async ([target, outFile]) => {
      const temporary = `${outFile}.${process.pid}.wasm`;
      await asc(target, temporary, 'assembly/board_test/index.ts', place);
      renameSync(temporary, outFile);
    }),
  );
  replaceFile(stamp, (path) => writeFileSync(path, wanted));
}

/** A module of the benchmarks (bench/assembly), compiled as the core is; `sources` are what it is made of. */
async function buildBenchModule(name, sources) {
  const entry = `bench/assembly/${name}.ts`;
  const outFile = `build/bench_${name}.wasm`;
  const newest = Math.max(...[entry, 'asconfig.json', ...sources].map((path) => statSync(path).mtimeMs));
  if (existsSync(outFile) && statSync(outFile).mtimeMs > newest) return;
  const temporary = `build/.${name}-${process.pid}.wasm`;
  await asc('simd', temporary, entry);
  renameSync(temporary, outFile);
}

/** A module that is loaded lazily and not written yet does not stop the build of the others. */
const missingLazyModules = {
  name: 'missing-lazy-modules',
  setup(api) {
    api.onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const source = resolve(resolveDir, path.replace(/\.js$/, '.ts'));
      if (existsSync(source) || existsSync(resolve(resolveDir, path))) return undefined;
      notice(`${source.slice(root.length + 1)} is missing, left out`);
      return { path, external: true };
    });
  },
};

async function bundle(entryPoints, outdir, chunkDir) {
  const present = Object.fromEntries(
    Object.entries(entryPoints).filter(([, path]) => {
      if (!existsSync(path)) notice(`${path} is missing, left out`);
      return existsSync(path);
    }),
  );
  if (Object.keys(present).length === 0) return;
  const { version } = readJson('package.json');
  const { outputFiles } = await build({
    entryPoints: present,
    outdir,
    chunkNames: `${chunkDir}/[name]-[hash]`,
    bundle: true,
    write: false,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    define: { WW_VERSION: JSON.stringify(version) },
    logLevel: 'warning',
    plugins: [missingLazyModules, peggyForEsbuild],
  });
  const chunks = join(root, outdir, chunkDir);
  mkdirSync(chunks, { recursive: true });
  // Chunks before entries: an entry never names a chunk that is not there yet.
  outputFiles.sort((a, b) => Number(b.path.startsWith(chunks)) - Number(a.path.startsWith(chunks)));
  for (const { path, contents } of outputFiles) {
    replaceFile(path, (temporary) => {
      writeFileSync(temporary, contents);
      if (path.endsWith('cli.js')) chmodSync(temporary, 0o755);
    });
  }
  const written = new Set(outputFiles.map(({ path }) => path));
  for (const name of readdirSync(chunks)) {
    const path = join(chunks, name);
    if (written.has(path)) continue;
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > CHUNK_LIFE_MS) {
      rmSync(path, { force: true });
    }
  }
}

mkdirSync('build', { recursive: true });
mkdirSync('dist', { recursive: true });
try {
  const jobs = [bundle({ guest: 'hil/guest/main.ts' }, 'build', 'guest-chunks')];
  if (!process.argv.includes('--guest')) {
    jobs.push(
      buildCore(),
      buildBoardTest(),
      bundle({ cli: 'src/cli/main.ts', index: 'src/index.ts' }, 'dist', 'chunks'),
    );
  }
  if (process.argv.includes('--hil')) jobs.push(bundle({ hil: 'hil/main.ts' }, 'build', 'hil-chunks'));
  if (process.argv.includes('--bench')) {
    const entries = {
      bench: 'bench/index.ts',
      bench_sender: 'bench/path/sender.ts',
      bench_router: 'bench/path/router.ts',
      bench_usb: 'bench/usb/in_guest.ts',
    };
    const nicSources = ['assembly/lib/checksum.ts', 'assembly/abi/layout.ts'];
    const offloadSources = coreSources().map((name) => join('assembly', name));
    jobs.push(
      buildBenchModule('nic', nicSources),
      buildBenchModule('offload', offloadSources),
      bundle(entries, 'build', 'bench-chunks'),
    );
  }
  await Promise.all(jobs);
} catch (error) {
  // esbuild and asc have printed their diagnostics already.
  notice(error.errors ? `${error.errors.length} error(s)` : error.message);
  process.exitCode = 1;
}
