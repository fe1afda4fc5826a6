/**
 * Instructions of the core on each board, and what an image takes, are within bench/budgets.json, and the same from run
 * to run. Whoever makes one smaller writes the new number there; `npm run bench -- board` prints them.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { boardFigures, boardSuite } from '../../bench/board/suite.js';
import { VIRTUAL_BOARDS } from '../../src/drivers/serial/serial_spec.js';
import { buildImages } from './images.js';

const RUNS = process.env.LONG === 'true' ? 3 : 2;
const BUDGETS = JSON.parse(readFileSync('bench/budgets.json', 'utf8')) as Record<string, number>;

beforeAll(buildImages, 900_000);

it.each(VIRTUAL_BOARDS)('%s stays within its budgets', { timeout: 300_000 }, async (board) => {
  const figures = await boardFigures(board, new Set(boardSuite.names), RUNS);
  const own = boardSuite.names.filter((name) => (name.split('.')[1] ?? 'virt64') === board);
  expect(figures.map(({ name }) => name).toSorted()).toEqual(own.toSorted());
  const found = figures.map(({ name, samples }) => ({ name, value: samples[0]!, budget: BUDGETS[name] }));
  expect(found.filter(({ value, budget }) => !(value <= budget!))).toEqual([]);
});
