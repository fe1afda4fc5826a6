/**
 * The oracle of nftables: rulesets of test/oracle/nft/cases, and generated ones, on Linux's netfilter and on ours, with
 * the same traffic. Each test is a ruleset; a failure is shrunk and printed as a case.
 *
 * FUZZ_SEED=n makes all choices from n; WW_ORACLE=text runs the cases whose name contains it; NFT_PACKETS=n frames each.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Free, freeOf } from '../../net/lab.js';
import { type CoreOptions, CoreRouter } from '../core_router.js';
import { LinuxRouter } from '../linux_router.js';
import { known, refused } from './known.js';
import type { NftCase } from './nft_case.js';
import {
  difference,
  framesOf,
  NotThere,
  onLinux,
  onOurs,
  type Recorded,
  type Seen,
  silentCounters,
} from './run.js';
import { caseText, shrink } from './shrink.js';

const only = process.env.WW_ORACLE;
const SHRINK_MS = Number(process.env.NFT_SHRINK_MS ?? 30_000);
/** Frames with which each rule of a case has to be reached. */
const ENOUGH = 4000;
const CASE_MS = 60_000 + 2 * SHRINK_MS;

export interface Count {
  /** Frames of each case. */
  packets: number;
  seed: number;
  /** Every so many cases also go through each engine; 1: all, 0: none. */
  engines: number;
}

/** Ways of ours to run the same rules; what each sees has to be what the interpreter saw. */
const ENGINES: readonly { how: CoreOptions; own?: true }[] = [
  { how: { jit: 'linear' } },
  { how: { jit: 'tree' }, own: true },
  { how: { scalar: true } },
];

/** Of a name: the same traffic whichever cases run beside it. FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

const list = (lines: readonly string[]): string => lines.map((line) => `\n  ${line}`).join('');

export function compareRulesets(cases: readonly NftCase[], count: Count): void {
  const chosen = cases.filter(({ name }) => only === undefined || name.includes(only));
  const notTaken: string[] = [];
  const differing: string[] = [];
  let packets = 0;
  let linux: LinuxRouter;
  let core: CoreRouter;
  let free: Free;
  let engines: CoreRouter[] = [];
  const ran = ENGINES.map(() => 0);

  beforeAll(async () => {
    linux = new LinuxRouter();
    core = await CoreRouter.create();
    if (count.engines > 0) engines = await Promise.all(ENGINES.map(({ how }) => CoreRouter.create(how)));
    free = freeOf(core.stack);
  });

  afterAll(async () => {
    console.log(
      `nftables oracle: ${chosen.length - notTaken.length} rulesets, ${packets} packets, seed ${count.seed}; ` +
        `${notTaken.length} that ours does not take${list(notTaken)}; ${differing.length} known to differ${list(differing)}`,
    );
    console.log(engines.map(({ name }, i) => `${name}: ${ran[i]} of the same rulesets`).join('\n'));
    await linux.close();
    await core.close();
    for (const engine of engines) await engine.close();
  });

  /** The same through every engine whose turn it is. */
  async function throughEngines(one: NftCase, recorded: Recorded, ours: Seen): Promise<void> {
    const interpreted = { ...recorded, ...ours };
    for (const [i, engine] of engines.entries()) {
      if ((hash(one.name) + i) % count.engines !== 0) continue;
      // Chains without a name are numbered by who makes them.
      const own = ENGINES[i]!.own && !/\b(jump|goto) \{/.test(one.text);
      const text = difference(interpreted, await onOurs(engine, one, recorded, own));
      if (text !== undefined)
        expect.fail(
          `${engine.name}\n${caseText(one, { text: one.text, frames: recorded.batches.flat() })}\n${text}`,
        );
      ran[i]!++;
    }
  }

  async function differs(one: NftCase, recorded: Recorded): Promise<string | undefined> {
    return difference(recorded, await onOurs(core, one, recorded));
  }

  it.for(chosen.map((one) => [one.name, one] as const))('%s', { timeout: CASE_MS }, async ([, one]) => {
    const seed = (hash(one.name) ^ count.seed) >>> 0;
    const given = framesOf(one);
    const recorded = await onLinux(
      linux,
      one,
      given === undefined ? { count: count.packets, seed } : { given },
    );
    if (given === undefined && count.packets >= ENOUGH)
      expect(silentCounters(recorded).length, silentCounters(recorded).join('\n')).toBeLessThanOrEqual(
        one.silent ?? 0,
      );
    const taken = await onOurs(core, one, recorded).then(
      (seen) => ({ seen, difference: difference(recorded, seen) }),
      (error: unknown) => {
        if (!(error instanceof NotThere)) throw error;
        return error.message.split('\n')[0]!;
      },
    );
    const why = typeof taken === 'string' ? taken.slice(0, taken.indexOf(':')) : undefined;
    expect(why, `${taken}`).toBe(refused[one.name]);
    if (typeof taken === 'string') {
      notTaken.push(`${one.name}: ${taken}`);
      return;
    }
    const text = taken.difference;
    packets += recorded.batches.flat().length;
    const reason = known[one.name];
    if (reason !== undefined) {
      differing.push(`${one.name}: ${reason}`);
      if (count.packets >= ENOUGH)
        expect(text, 'agrees with Linux: its line in known.ts has to go').toBeDefined();
    } else if (text !== undefined) await fail(one, recorded, text);
    await throughEngines(one, recorded, taken.seen);
  });

  /** A difference is one when Linux agrees with itself: what it chooses by chance or by its clock is none. */
  async function fail(one: NftCase, recorded: Recorded, text: string): Promise<void> {
    const frames = recorded.batches.flat();
    const again = await onLinux(linux, one, { batches: recorded.batches }, recorded.ruleset);
    if (difference(recorded, again) !== undefined) {
      const third = await differs(one, again);
      if (third === undefined) return;
      expect.fail(`Linux disagrees with itself\n${difference(recorded, again)}\nand ours with it\n${third}`);
    }
    const small = await shrink(
      { text: one.text, frames },
      async (some, rest) => {
        const changed = { ...one, text: some };
        return (await differs(changed, await onLinux(linux, changed, { given: rest }))) !== undefined;
      },
      SHRINK_MS,
    );
    const last = { ...one, text: small.text };
    const why = await differs(last, await onLinux(linux, last, { given: small.frames }));
    expect.fail(`seed ${count.seed}\n${caseText(one, small)}\n${why ?? text}`);
  }

  it('leaves no skb and no page behind in the core', () => {
    expect(freeOf(core.stack)).toEqual(free);
  });
}
