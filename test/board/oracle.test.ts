/**
 * The core on a board is the core in Node, bit for bit: 100 random frames through a random router a block, every frame
 * sent, counter and reason for a drop in its hash (assembly/board_test). A block that differs is fetched whole.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BoardRunner } from './board_runner.js';
import { BoardTest, firstDifference } from './board_test.js';
import { buildImages } from './images.js';

const BLOCKS = process.env.LONG === 'true' ? 1000 : 60;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

let node: BoardTest;
beforeAll(async () => {
  buildImages();
  node = await BoardTest.create(false);
}, 900_000);

describe.each(['virt64', 'virt32', 'sifive_u'])('the core on %s', (name) => {
  let board: BoardRunner;
  beforeAll(async () => {
    board = await BoardRunner.start(name);
  });
  afterAll(() => board?.close());

  it(`comes to the same as in Node with ${BLOCKS * 100} random frames`, { timeout: 900_000 }, async () => {
    for (let seed = SEED; seed < SEED + BLOCKS; seed++) {
      const here = node.block(seed);
      const there = await board.block(seed);
      if (here.hash === there.hash) continue;
      expect.fail(`seed ${seed}: ${firstDifference(node.log(seed), await board.log(seed))}`);
    }
  });

  it('gives a block whole', async () => {
    expect(firstDifference(node.log(SEED), await board.log(SEED))).toBe('none');
  });
});
