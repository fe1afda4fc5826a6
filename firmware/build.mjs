/**
 * The images: `npm run firmware [-- BOARD...]`, or firmware/build.mjs for a test.
 *
 *   boards/NAME/board.json (march, base, drivers) ─► gcc ─► build/firmware/NAME.elf ─► dist/firmware/NAME.elf
 *   the core (core.mjs) ────────────────────────────────┘
 *
 * The same sources and the same compiler give the same bytes: nothing of the place or the time gets in. The banner's
 * hash is of the sources, flags and the compiler's version; when that hash is the one of the last build, nothing is done.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boardTestObject, boardTestSources } from './board_test.mjs';
import { coreObjects, coreSources, run } from './core.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..');
const OUT = join(ROOT, 'build/firmware');
const DIST = join(ROOT, 'dist/firmware');
const CC = 'riscv64-unknown-elf-gcc';
const WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wstrict-prototypes', '-Wno-unused-parameter', '-Werror'];
/** Portable sources and those of every board; drivers come from board.json. */
const COMMON = ['start', 'link', 'port', 'core', 'board_test'];
/** Without its function of floats, which gcc takes for a -march that it has no library for. */
const LIBGCC_OF = { lp64: 'rv64imac', ilp32: 'rv32imac' };

export const BOARDS = readdirSync(join(HERE, 'boards')).filter((name) =>
  existsSync(join(HERE, 'boards', name, 'board.json')),
);

/** undefined when the compiler is there, else what to do. */
export function whyNoFirmware() {
  const lacks = (command) => spawnSync(command, ['--version']).error !== undefined;
  if (lacks(CC)) return `${CC} is missing: apt-get install gcc-riscv64-unknown-elf (or npm run setup)`;
  return lacks('wasm2c') ? 'wasm2c is missing: apt-get install wabt (or npm run setup)' : undefined;
}

const versionOf = (command) => spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];

/** gcc's own functions for a board without floating point. */
function libgcc({ mabi }) {
  const flags = [`-march=${LIBGCC_OF[mabi]}`, `-mabi=${mabi}`, '-print-libgcc-file-name'];
  return spawnSync(CC, flags, { encoding: 'utf8' }).stdout.trim();
}

function sources(board) {
  const common = COMMON.flatMap((dir) =>
    readdirSync(join(HERE, dir))
      .filter((name) => /\.[cS]$/.test(name))
      .map((name) => join(dir, name)),
  );
  return [...common, ...board.drivers.map((name) => `drivers/${name}.c`)].sort();
}

/** Everything below firmware/ that a compiler reads. */
function inputs() {
  return readdirSync(HERE, { recursive: true })
    .filter((name) => /\.([chS]|ld|json)$/.test(name) && !name.startsWith('test'))
    .sort();
}

/** Builds one board's image; returns where it is and what it was made of. */
async function buildBoard(name, core, test) {
  const board = JSON.parse(readFileSync(join(HERE, 'boards', name, 'board.json'), 'utf8'));
  const flags = [
    ...['-std=gnu11', '-O2', '-ffreestanding', '-fno-common', '-ffunction-sections', '-fdata-sections'],
    ...[`-march=${board.march}`, `-mabi=${board.mabi}`, '-mcmodel=medany', ...board.tune.split(' ')],
    ...['-fno-ident', '-frandom-seed=wirewright', '-Icore/include'],
    `-DWASM_MEMORY_BYTES=${board.corePages * 65536}u`,
  ];
  const link = [
    '-nostdlib',
    '-Tstart/link.ld',
    `-Wl,--defsym=RAM_BASE=${board.base}`,
    '-Wl,--gc-sections,--build-id=none,--no-warn-rwx-segments',
  ];
  const hash = createHash('sha256')
    .update(versionOf(CC))
    .update(core.hash)
    .update(test.hash)
    .update(flags.join(' '))
    .update(link.join(' '));
  for (const path of inputs()) hash.update(`${path}\0`).update(readFileSync(join(HERE, path)));
  const build = hash.digest();
  const elf = join(OUT, `${name}.elf`);
  const stamp = join(OUT, `${name}.hash`);
  const fresh = existsSync(elf) && existsSync(stamp) && readFileSync(stamp, 'utf8') === build.toString('hex');
  if (!fresh) await compile(name, board, { core, test, flags, link, build, elf, stamp });
  mkdirSync(DIST, { recursive: true });
  copyFileSync(elf, join(DIST, `.${name}.${process.pid}`));
  renameSync(join(DIST, `.${name}.${process.pid}`), join(DIST, `${name}.elf`));
  return { name, elf, build: build.subarray(0, 8).toString('hex'), fresh };
}

async function compile(name, board, { core, test, flags, link, build, elf, stamp }) {
  const work = join(OUT, `.${name}-${process.pid}`);
  mkdirSync(work, { recursive: true });
  const bytes = (hash) => `{${[...hash.subarray(0, 8)].join(', ')}}`;
  const constant = (of, hash) => `extern const uint8_t ${of}[8];\nconst uint8_t ${of}[8] = ${bytes(hash)};\n`;
  writeFileSync(
    join(work, 'hash.c'),
    `#include <stdint.h>\n${constant('fw_build_hash', build)}${constant('fw_core_hash', Buffer.from(core.hash, 'hex'))}`,
  );
  const objects = await coreObjects(core, CC, versionOf(CC), flags);
  objects.push(await boardTestObject(test, core, CC, versionOf(CC), flags));
  const temporary = join(work, 'image.elf');
  const include = [`-Iboards/${name}`, `-I${core.folder}`, `-I${test.folder}`];
  const all = [...sources(board), join(work, 'hash.c'), ...objects, libgcc(board)];
  await run(CC, [...flags, ...include, ...WARNINGS, ...link, ...all, '-s', '-o', temporary]);
  renameSync(temporary, elf);
  writeFileSync(stamp, build.toString('hex'));
  spawnSync('rm', ['-rf', work]);
}

/** Builds the named boards, or all. */
export async function buildFirmware(names = BOARDS) {
  const built = [];
  const core = await coreSources(versionOf('wasm2c'));
  const test = await boardTestSources(versionOf('wasm2c'));
  for (const name of names) built.push(await buildBoard(name, core, test));
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const wrong = names.filter((name) => !BOARDS.includes(name));
  const why =
    wrong.length > 0
      ? `no such board: ${wrong.join(', ')} (there are ${BOARDS.join(', ')})`
      : whyNoFirmware();
  if (why !== undefined) {
    process.stderr.write(`firmware: ${why}\n`);
    process.exitCode = wrong.length > 0 ? 2 : 1;
  } else {
    for (const { name, elf, build, fresh } of await buildFirmware(names.length > 0 ? names : undefined)) {
      const kb = (statSync(elf).size / 1024).toFixed(0);
      process.stdout.write(
        `${name}  ${elf.slice(ROOT.length + 1)}  ${kb} KB  ${build}${fresh ? '  (as it was)' : ''}\n`,
      );
    }
  }
}
