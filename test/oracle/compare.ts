/**
 * The oracle: cases of test/oracle/cases run on Linux's own router in a namespace and on ours, and what comes out has
 * to be the same, byte for byte (design: tier 3; what is left out of the comparison: normalise.ts, what deliberately
 * differs: differences.ts). The kernel tier runs those that every kernel can, the guest tier the others.
 *
 * WW_ORACLE=text runs the cases whose name contains it, and prints what Linux sent.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Free, freeOf } from '../net/lab.js';
import { type CoreOptions, CoreRouter } from './core_router.js';
import { differences } from './differences.js';
import { explain, outputLines } from './frame_dump.js';
import { LinuxRouter } from './linux_router.js';
import { Normaliser } from './normalise.js';
import type { OracleCase, Output, Target } from './router.js';

const only = process.env.WW_ORACLE;

/** Each with the core in all its builds and ways of being fed. */
export const ALL_CORES: readonly CoreOptions[] = [{}, { bursts: true }, { gro: true }, { scalar: true }];

async function outputOf(target: Target, one: OracleCase): Promise<Output> {
  const given = one.steps.flatMap((step) => (step.kind === 'frame' ? [step.frame] : []));
  return new Normaliser(given).output(await target.run(one.setup ?? {}, one.steps));
}

function counts(output: Output): { lan0: number; wan0: number } {
  return { lan0: output.lan0.length, wan0: output.wan0.length };
}

export function compareWithLinux(
  cases: readonly OracleCase[],
  options: readonly CoreOptions[] = ALL_CORES,
): void {
  const chosen = cases.filter((one) => only === undefined || one.name.includes(only));
  let linux: LinuxRouter;
  const cores: { core: CoreRouter; free: Free }[] = [];
  const begun = new Map<OracleCase, Promise<Output>>();

  beforeAll(async () => {
    linux = new LinuxRouter();
    for (const how of options) {
      const core = await CoreRouter.create(how);
      cores.push({ core, free: freeOf(core.stack) });
    }
    // Those that wait for Linux's timers do so all at once, beside the others.
    for (const one of chosen) if (one.steps.some((step) => step.kind === 'wait')) begin(one);
  });

  afterAll(async () => {
    await linux.close();
    for (const { core } of cores) await core.close();
  });

  function begin(one: OracleCase): void {
    const output = outputOf(linux, one);
    output.catch(() => {}); // its own test reports it
    begun.set(one, output);
  }

  it.each(chosen.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    await new Promise(setImmediate); // those that were begun want their turn: nothing below waits
    const early = begun.get(one);
    begun.delete(one); // a second try asks Linux anew
    const expected = await (early ?? outputOf(linux, one));
    const linuxSent = outputLines(expected);
    if (only !== undefined) console.log(`${one.name}\n${linuxSent.join('\n')}`);
    const want = { lan0: 0, wan0: 0, ...one.out };
    expect(counts(expected), `what Linux sent:\n${linuxSent.join('\n')}`).toEqual(want);
    const difference = differences.find((entry) => entry.name === one.name);
    for (const { core } of cores) {
      if (!core.takes(one)) continue;
      const actual = await outputOf(core, one);
      const sent = outputLines(actual);
      if (difference === undefined) {
        expect(sent, `${core.name}\n${explain(expected, actual)}`).toEqual(linuxSent);
      } else {
        expect(sent, `${core.name} agrees: the deliberate difference is none any more`).not.toEqual(
          linuxSent,
        );
        expect(counts(actual), `what ${core.name} sent:\n${sent.join('\n')}`).toEqual(difference.ours);
      }
    }
  });

  it('leaves no skb and no page behind in the core', () => {
    for (const { core, free } of cores) expect(freeOf(core.stack), core.name).toEqual(free);
  });
}
