/**
 * Exact figures of the boards: instructions of an operation, and what an image takes. Each is counted three times, with
 * a board of its own, and is the same: a difference is a failure. bench/budgets.json has their bounds (test/board).
 *
 * Bare names are virt64; `.virt32` and `.sifive_u` are the others.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { VIRTUAL_BOARDS } from '../../src/drivers/serial/serial_spec.js';
import { type Suite, type SuiteRun, result } from '../suite.js';
import { imageSizes } from './elf.js';
import { BOARD_BENCHES, type BoardBenchName, countInstructions } from './instructions.js';

const TIMES = 3;
const BARE = 'virt64';
const SMALL = 'icount_forward_small';
const SIZES = ['board_flash_kb', 'board_ram_kb'] as const;

const INCLUDES: Readonly<Record<BoardBenchName, string>> = {
  icount_checksum_1500: 'csumPartial of 1,500 bytes, and the fold',
  icount_parse: 'Ethernet, IPv4 with its checksum and UDP of a 64-byte frame: checked, ports read',
  icount_fib_10k: 'a lookup in 10,000 prefixes, without the cache of routes',
  icount_forward: 'a 64-byte UDP frame from receive ring to transmit ring, 32 flows, 32 in a burst',
  icount_home_router: 'the same with connection tracking, masquerading and 200 rules, interpreted',
};

const suffix = (board: string): string => (board === BARE ? '' : `.${board}`);
const benches = Object.keys(BOARD_BENCHES) as BoardBenchName[];
const names = [
  ...VIRTUAL_BOARDS.flatMap((board) => [...benches, ...SIZES].map((name) => `${name}${suffix(board)}`)),
  SMALL,
];

/** The figures of one board: the instructions `times` times, told apart when they differ. */
export async function boardFigures(
  board: string,
  wanted: ReadonlySet<string>,
  times = TIMES,
): Promise<{ name: string; unit: string; samples: number[]; includes: string }[]> {
  const chosen = benches.filter((name) => wanted.has(`${name}${suffix(board)}`));
  const samples = new Map<string, number[]>();
  for (let i = 0; i < times; i++) {
    for (const [name, value] of await countInstructions(board, chosen)) {
      samples.set(name, [...(samples.get(name) ?? []), value]);
    }
  }
  const figures = chosen.map((name) => ({
    name: `${name}${suffix(board)}`,
    unit: 'instructions',
    samples: samples.get(name)!,
    includes: INCLUDES[name],
  }));
  if (board === BARE && wanted.has(SMALL)) {
    const small: number[] = [];
    for (let i = 0; i < times; i++)
      small.push((await countInstructions(board, ['icount_forward'], true)).get('icount_forward')!);
    const includes = 'icount_forward by a core that has half a megabyte for everything, 16 in a burst';
    figures.push({ name: SMALL, unit: 'instructions', samples: small, includes });
  }
  for (const figure of figures) {
    if (new Set(figure.samples).size > 1)
      throw new Error(`${figure.name} differs from run to run: ${figure.samples.join(', ')}`);
  }
  const { flashBytes, ramBytes } = imageSizes(readFileSync(`build/firmware/${board}.elf`));
  const kb = { board_flash_kb: flashBytes / 1024, board_ram_kb: ramBytes / 1024 };
  for (const name of SIZES) {
    if (!wanted.has(`${name}${suffix(board)}`)) continue;
    const includes =
      name === 'board_flash_kb'
        ? 'code, constants and initial values of the image, core and tests in it'
        : 'what the image writes to: 16 MB for the core, rings, stacks, variables';
    figures.push({ name: `${name}${suffix(board)}`, unit: 'KB', samples: [kb[name]], includes });
  }
  return figures;
}

async function run({ names: wanted, progress, result: tell }: SuiteRun): Promise<void> {
  for (const board of VIRTUAL_BOARDS) {
    const own = [...wanted].filter((name) => (name.split('.')[1] ?? BARE) === board);
    if (own.length === 0) continue;
    progress(board);
    for (const { name, unit, samples, includes } of await boardFigures(board, new Set(own)))
      tell(result(name, unit, samples, includes));
  }
}

export const boardSuite: Suite = {
  name: 'board',
  summary: 'instructions of the core on virtual RISC-V boards, exact, and sizes of the images',
  names,
  problem: () => {
    try {
      execFileSync(process.execPath, ['firmware/build.mjs'], { stdio: ['ignore', 'ignore', 'inherit'] });
      return null;
    } catch {
      return 'the images cannot be built: see above';
    }
  },
  run,
};
