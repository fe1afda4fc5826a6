/**
 * The oracle of nftables (test/oracle/nft/compare.ts): rulesets by feature and generated ones through Linux's netfilter
 * and ours. LONG=true: a million packets and more.
 */
import { describe, expect, it } from 'vitest';
import { LinuxRouter } from '../oracle/linux_router.js';
import { allCases } from '../oracle/nft/cases.js';
import { compareRulesets } from '../oracle/nft/compare.js';
import { generated } from '../oracle/nft/generate.js';
import { setupOf } from '../oracle/nft/nft_case.js';
import { asBatch } from '../oracle/nft/ruleset.js';
import { difference, onLinux, play } from '../oracle/nft/run.js';
import { tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/nft_oracle skipped: ${missing}`);
const LONG = process.env.LONG === 'true';
const seed = Number(process.env.FUZZ_SEED ?? 1);
const packets = Number(process.env.NFT_PACKETS ?? (LONG ? 5000 : 400));
/** Of which the case's number is that of the ruleset; 100 of them with LONG, so that there are 250 in all. */
const random = Array.from({ length: LONG ? 100 : 25 }, (_, n) => generated(seed, n));
const cases = [...allCases().filter(({ needs }) => needs === undefined), ...random];

describe.skipIf(missing !== undefined)('the oracle itself', () => {
  it('has cases with names of their own', () => {
    expect(cases.length).toBeGreaterThanOrEqual(120);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it.for(cases.filter((_one, i) => i % 16 === 0))(
    'is fair: $name: Linux agrees with its own copy',
    async (one) => {
      const linux = new LinuxRouter();
      const recorded = await onLinux(linux, one, { count: 500, seed });
      const copy = await linux.open(setupOf(one));
      try {
        const seen = await play(copy, recorded, async () => {
          expect(await copy.netfilter.batch(asBatch(recorded.ruleset))).toEqual([]);
        });
        const text = difference(recorded, seen);
        if (text !== undefined) expect.fail(text);
      } finally {
        await copy.close();
        await linux.close();
      }
    },
  );
});

describe.skipIf(missing !== undefined)('the same rulesets on Linux and on ours', () => {
  compareRulesets(cases, { packets, seed, engines: LONG ? 1 : 4 });
});
