/**
 * Compiles AssemblyScript modules of the core for a unit test: an entry that re-exports what the named modules
 * export, built once per content of assembly/ and cached in build/as-cache.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CACHE = join(ROOT, 'build/as-cache');
const ENTRY = 'assembly/__entry.ts';

export interface AsModule {
  /** The functions (and constant globals) that the modules export; numbers in, numbers out. */
  exports: Record<string, (...args: number[]) => number> & Record<string, unknown>;
  memory: WebAssembly.Memory;
  table: WebAssembly.Table;
}

export interface AsOptions {
  /** The SIMD build (hosts) or the scalar one (boards). Default: true. */
  simd?: boolean;
  /** 64 KB pages of memory. Default: 256 (16 MB). */
  pages?: number;
  /** Keep `assert`s, to find our own bugs. Default: true. */
  asserts?: boolean;
}

/**
 * `modules` are paths below assembly/ without `.ts`. Throws with asc's diagnostics when they do not compile.
 */
export async function loadAs(modules: string[], options: AsOptions = {}): Promise<AsModule> {
  const { simd = true, pages = 256, asserts = true } = options;
  const entry = `${modules.map((m) => `export * from './${m}';`).join('\n')}\n`;
  const bytes = await compile(entry, simd, asserts);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const abort = (_msg: number, file: number, line: number, column: number): never => {
    throw new Error(`abort in assembly code (file string at ${file}) ${line}:${column}`);
  };
  const { instance } = await WebAssembly.instantiate(bytes as BufferSource, { env: { memory, abort } });
  return {
    exports: instance.exports as AsModule['exports'],
    memory,
    table: instance.exports.table as WebAssembly.Table,
  };
}

async function compile(entry: string, simd: boolean, asserts: boolean): Promise<Uint8Array> {
  const sources = readdirSync(join(ROOT, 'assembly'), { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'))
    .map((f) => join('assembly', f))
    .sort();
  const hash = createHash('sha256').update(`2\0${entry}\0${simd}\0${asserts}`);
  for (const file of sources) hash.update(file).update(readFileSync(join(ROOT, file)));
  const cached = join(CACHE, `${hash.digest('hex')}.wasm`);
  if (existsSync(cached)) return readFileSync(cached);

  let binary: Uint8Array | undefined;
  const args = [
    ENTRY,
    '--outFile',
    'out.wasm',
    '-O3',
    '--runtime',
    'stub',
    '--importMemory',
    '--exportTable',
  ];
  args.push('--memoryBase', '1024', '--zeroFilledMemory', ...(asserts ? [] : ['--noAssert']));
  args.push(...(simd ? ['--enable', 'simd'] : ['--disable', 'simd']));
  const { error, stderr } = await asc.main(args, {
    readFile: (name) => {
      if (name === ENTRY) return entry;
      // The builds' options say noAssert, which no flag can take back.
      if (name.endsWith('asconfig.json')) return null;
      const path = join(ROOT, name);
      return existsSync(path) ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (_name, data) => {
      binary = data as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`asc: ${stderr.toString()}${error?.message ?? ''}`);
  mkdirSync(CACHE, { recursive: true });
  const partial = `${cached}.${process.pid}`;
  writeFileSync(partial, binary);
  renameSync(partial, cached);
  return binary;
}
