/** The rig's suites on the virtual boards of hil/rig.yaml: the same cases as `npm run hil` runs. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { parseRig, type RigBoard } from '../../hil/rig/rig_config.js';
import type { OpenSuite, Suite } from '../../hil/rig/suite.js';
import { SUITES } from '../../hil/suites/index.js';
import { buildImages } from './images.js';

const LONG = process.env.LONG === 'true';
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const SETUP_MS = 60_000;
/** Behind a tty, every day: the rest is as on the board without. */
const TTY_SUITES = ['board', 'ping'];

const boards = parseRig('hil/rig.yaml', readFileSync('hil/rig.yaml', 'utf8')).filter(
  ({ line }) => line.kind === 'virtual',
);

beforeAll(buildImages);

function runSuite(board: RigBoard, suite: Suite): void {
  const missing = suite.missing(board);
  if (missing !== undefined) console.log(`${board.name}/${suite.name} skipped: ${missing}`);
  describe.skipIf(missing !== undefined)(`${board.name}: ${suite.name}`, () => {
    let open: OpenSuite;
    beforeAll(async () => {
      const folder = join('build/hil/test', board.name, suite.name);
      mkdirSync(folder, { recursive: true });
      open = await suite.open({ board, folder, seed: SEED, long: LONG });
    }, SETUP_MS);
    afterAll(() => open?.close());
    for (const [n, { name, limitMs }] of suite.cases(LONG).entries()) {
      it(name, { timeout: limitMs }, async () => {
        await open.run(n);
      });
    }
  });
}

for (const board of boards) {
  const tty = board.line.kind === 'virtual' && board.line.tty;
  for (const suite of SUITES) {
    if (!board.suites.includes(suite.name)) continue;
    if (LONG || !tty || TTY_SUITES.includes(suite.name)) runSuite(board, suite);
  }
}
