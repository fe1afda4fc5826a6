/**
 * The module of tests in the images, made as the core is (core.mjs), but of one file.
 *
 *   assembly/board_test ─ asc ─► board_test.wasm ─ wasm2c ─► board_test_wasm.h, .c ─ gcc ─► an object for each board
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashOf, kept, run } from './core.mjs';
import { header } from './link/generate.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..');
/** Where its constants lie: abi/board_test BOARD_TEST_DATA. */
const PLACE = ['--memoryBase', String(0xc0_0000), '--initialMemory', String(0xc4)];

/** It as C, and board_test_abi.h: {folder, hash}. */
export async function boardTestSources(wasm2cVersion) {
  const assembly = join(ROOT, 'assembly');
  const names = readdirSync(assembly, { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('replay'))
    .sort();
  const { version } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules/assemblyscript/package.json'), 'utf8'),
  );
  const sources = names.flatMap((name) => [name, readFileSync(join(assembly, name))]);
  const settings = [readFileSync(join(ROOT, 'asconfig.json')), readFileSync(fileURLToPath(import.meta.url))];
  const folder = await kept(
    hashOf('board_test', ...sources, ...settings, version, wasm2cVersion),
    async (work) => {
      const wasm = join(work, 'board_test.wasm');
      const script = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
      const asc = ['assembly/board_test/index.ts', '--config', 'asconfig.json', '--target', 'scalar'];
      await run(process.execPath, [script, ...asc, ...PLACE, '--outFile', wasm], ROOT);
      const file = join(work, 'board_test_wasm.c');
      await run('wasm2c', [wasm, '-n', 'board_test', '-o', file]);
      const text = readFileSync(file, 'utf8')
        .replaceAll('mem->size', 'WASM_MEMORY_BYTES')
        .replaceAll('mem->data', 'wasm_memory');
      writeFileSync(file, text);
      writeFileSync(join(work, 'board_test_abi.h'), header('board_test'));
      rmSync(wasm);
    },
  );
  // Of what comes out: the core's sources may change where this does not.
  return {
    folder,
    hash: hashOf(
      ...readdirSync(folder)
        .sort()
        .map((name) => readFileSync(join(folder, name))),
    ),
  };
}

/** The object for one board: its path. */
export async function boardTestObject({ folder, hash }, core, cc, ccVersion, flags) {
  const rt = readFileSync(join(HERE, 'core/include/wasm-rt.h'));
  const made = await kept(hashOf(hash, ccVersion, flags.join(' '), rt), async (work) => {
    const from = join(folder, 'board_test_wasm.c');
    const include = [`-I${folder}`, `-I${core.folder}`];
    await run(cc, [...flags, '-w', ...include, '-c', from, '-o', join(work, 'board_test.o')]);
  });
  return join(made, 'board_test.o');
}
