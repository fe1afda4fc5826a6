/**
 * The core in the images: WebAssembly made C by wasm2c, compiled once for each board.
 *
 *   assembly/board.ts ─ asc ─► board.wasm ─ wasm2c ─► core_wasm.h, core_impl.h, core_0.c, core_1.c ─ gcc ─► two objects
 *
 * Compiling takes half a minute a board, so all of it is kept in ~/.cache/wirewright/board-core under the hash of what
 * it is made of, for every checkout of this user; what nobody used for a month goes.
 *
 * wasm2c gives one file whose functions are static; they are shared out over two here, so that two compilers work.
 * Memory is one static array of a known size: accesses name it, instead of looking through a pointer for where it is and
 * how long.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { header } from './link/generate.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..');
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wirewright/board-core');
const PARTS = 2;
const KEEP_MS = 30 * 24 * 3600 * 1000;

export function run(command, args, cwd = HERE) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done() : fail(new Error(`${command} ${args.at(-1)}: exit code ${code}`)),
    );
  });
}

export const hashOf = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length} `).update(part);
  return hash.digest('hex');
};

/** Makes the folder by `make`, or finds it made; two builds at once do not meet a half-made one. */
export async function kept(hash, make) {
  const folder = join(CACHE, hash.slice(0, 32));
  if (!existsSync(folder)) {
    const work = `${folder}.${process.pid}`;
    mkdirSync(work, { recursive: true });
    try {
      await make(work);
      if (!existsSync(folder)) renameSync(work, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}

function forgetOld() {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > KEEP_MS)
      rmSync(path, { recursive: true, force: true });
  }
}

/** Of everything that the core's C is made of. */
function sourceHash(wasm2cVersion) {
  const folder = join(ROOT, 'assembly');
  const names = readdirSync(folder, { recursive: true })
    .filter(
      (name) =>
        name.endsWith('.ts') &&
        !name.endsWith('.test.ts') &&
        !/^(replay|board_test|abi\/board_test)/.test(name),
    )
    .sort();
  const { version } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules/assemblyscript/package.json'), 'utf8'),
  );
  return hashOf(
    ...names.flatMap((name) => [name, readFileSync(join(folder, name))]),
    readFileSync(join(ROOT, 'asconfig.json')),
    readFileSync(fileURLToPath(import.meta.url)),
    version,
    wasm2cVersion,
  );
}

/** wasm2c's one file as a header and files of about the same size. */
function shareOut(text, folder) {
  const cut = text.indexOf('static bool s_module_initialized');
  if (cut < 0) throw new Error('wasm2c gives another kind of file than this build knows: 1.0.32 is right');
  const prototypes = [];
  const functions = [];
  const head = text
    .slice(0, cut)
    .replaceAll('mem->size', 'WASM_MEMORY_BYTES')
    .replaceAll('mem->data', 'wasm_memory')
    .replace('#define wasm_asm __asm__', '#define wasm_asm(x)');
  let rest = text.slice(cut).replace(/^static (\S+ w2c_\w+\([^)]*\);)$/gm, (_, prototype) => {
    prototypes.push(prototype);
    return '';
  });
  rest = rest.replace(/^static (\S+ w2c_\w+\([^)]*\) \{\n[\s\S]*?^\}\n)/gm, (_, definition) => {
    functions.push(definition);
    return '';
  });
  const types = /^static (u32 func_types\[\d+\];)$/m.exec(rest);
  rest = rest.replace(types[0], types[1]);
  writeFileSync(join(folder, 'core_impl.h'), `${head}extern ${types[1]}\n${prototypes.join('\n')}\n`);
  const parts = Array.from({ length: PARTS }, () => []);
  const total = functions.reduce((sum, { length }) => sum + length, 0);
  let sum = 0;
  for (const definition of functions) {
    parts[Math.min(PARTS - 1, Math.floor((sum * PARTS) / total))].push(definition);
    sum += definition.length;
  }
  for (const [i, part] of parts.entries())
    writeFileSync(
      join(folder, `core_${i}.c`),
      `#include "core_impl.h"\n${i === 0 ? rest : ''}${part.join('\n')}`,
    );
}

/** The core as C, and core_abi.h: {folder, hash}. */
export async function coreSources(wasm2cVersion) {
  const hash = sourceHash(wasm2cVersion);
  mkdirSync(CACHE, { recursive: true });
  forgetOld();
  const folder = await kept(hash, async (work) => {
    const wasm = join(work, 'board.wasm');
    const script = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
    const asc = ['assembly/board.ts', '--config', 'asconfig.json', '--target', 'scalar', '--outFile', wasm];
    process.stderr.write(
      'firmware: compiling the core for boards, about two minutes; done again when it changes\n',
    );
    await run(process.execPath, [script, ...asc], ROOT);
    await run('wasm2c', [wasm, '-n', 'core', '-o', join(work, 'core_wasm.c')]);
    shareOut(readFileSync(join(work, 'core_wasm.c'), 'utf8'), work);
    rmSync(join(work, 'core_wasm.c'));
    writeFileSync(join(work, 'core_abi.h'), header('layout'));
  });
  // Of what comes out: the sources may change where the core does not.
  const files = readdirSync(folder).filter((name) => /^core_(impl|wasm|\d)/.test(name));
  return { folder, hash: hashOf(...files.sort().map((name) => readFileSync(join(folder, name)))) };
}

/** The core's objects for one board: paths of its parts. */
export async function coreObjects({ folder, hash }, cc, ccVersion, flags) {
  const rt = readFileSync(join(HERE, 'core/include/wasm-rt.h'));
  const made = await kept(hashOf(hash, ccVersion, flags.join(' '), rt), async (work) => {
    const compile = (i) =>
      run(cc, [
        ...flags,
        '-w',
        `-I${folder}`,
        '-c',
        join(folder, `core_${i}.c`),
        '-o',
        join(work, `core_${i}.o`),
      ]);
    await Promise.all(Array.from({ length: PARTS }, (_, i) => compile(i)));
  });
  return Array.from({ length: PARTS }, (_, i) => join(made, `core_${i}.o`));
}
