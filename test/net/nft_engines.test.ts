/**
 * The engines that run rules agree: generated rulesets (test/oracle/nft/generate), loaded by our own compiler, with the
 * same packets through the interpreter, generated code as a list and as a tree, and the core for boards. Frames, counters,
 * elements and connections have to be equal. FUZZ_SEED=n makes all choices from n; NFT_PACKETS=n packets in all.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CoreOptions, CoreRouter } from '../oracle/core_router.js';
import { generated } from '../oracle/nft/generate.js';
import { allCases } from '../oracle/nft/cases.js';
import { difference, framesOf, NotThere, onOurs, recordOurs } from '../oracle/nft/run.js';
import { caseText } from '../oracle/nft/shrink.js';
import type { FrameStep } from '../oracle/router.js';
import { type Free, freeOf } from './lab.js';

const LONG = process.env.LONG === 'true';
const seed = Number(process.env.FUZZ_SEED ?? 1);
const packets = Number(process.env.NFT_PACKETS ?? (LONG ? 10_000_000 : 100_000));
const RULESETS = LONG ? 500 : 60;
const ENGINES: readonly CoreOptions[] = [{ jit: 'linear' }, { jit: 'tree' }, { scalar: true }];

const random = Array.from({ length: RULESETS }, (_, n) => generated(seed, n));
const byHand = allCases().filter(({ needs }) => needs === undefined);
const cases = [...byHand, ...random];
const each = Math.ceil(packets / cases.length);

describe('the interpreter, generated code and the core for boards', () => {
  let reference: CoreRouter;
  let engines: CoreRouter[] = [];
  let free: Free[] = [];
  let seen = 0;
  const refused: string[] = [];

  beforeAll(async () => {
    reference = await CoreRouter.create();
    engines = await Promise.all(ENGINES.map((how) => CoreRouter.create(how)));
    // What is made once is there from here on.
    for (const core of [reference, ...engines]) await recordOurs(core, byHand[0]!, { count: 1, seed });
    free = [reference, ...engines].map(({ stack }) => freeOf(stack));
  });
  afterAll(async () => {
    console.log(
      `engines: ${cases.length - refused.length} rulesets, ${seen} packets, seed ${seed}; not taken:\n  ${refused.join('\n  ')}`,
    );
    for (const core of [reference, ...engines]) await core.close();
  });

  it.for(cases.map((one, n) => [one.name, one, n] as const))(
    '%s',
    { timeout: 600_000 },
    async ([, one, n]) => {
      const given = framesOf(one);
      const source = given === undefined ? { count: each, seed: (seed * 100_003 + n) >>> 0 } : { given };
      const recorded = await recordOurs(reference, one, source).catch((error: unknown) => {
        if (!(error instanceof NotThere)) throw error;
        refused.push(`${one.name}: ${error.message.split('\n')[0]}`);
      });
      if (recorded === undefined) return;
      seen += recorded.batches.flat().length;
      for (const engine of engines) {
        const text = difference(recorded, await onOurs(engine, one, recorded, true));
        if (text === undefined) continue;
        const frames: FrameStep[] = recorded.batches.flat();
        expect.fail(`${engine.name}, seed ${seed}\n${text}\n${caseText(one, { text: one.text, frames })}`);
      }
    },
  );

  it('take nearly all rulesets', () => {
    expect(refused.length).toBeLessThan(cases.length / 10);
  });

  it('leave no skb and no page behind', () => {
    expect([reference, ...engines].map(({ stack }) => freeOf(stack))).toEqual(free);
  });
});
