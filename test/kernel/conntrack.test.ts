/**
 * Connection tracking beside Linux's: the same packets through a namespace of the kernel with a ruleset that asks for
 * connections, and through ours; behind every packet both know the same connections, in the same states, until the
 * same time.
 *
 * WW_CT_SEED=n begins the generated conversations elsewhere; WW_CT_STREAMS is how many there are (default 24).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoreRouter } from '../oracle/core_router.js';
import { connectionsDiffer } from '../oracle/connections.js';
import { conntrackCases } from '../oracle/cases/conntrack.js';
import { helperCases } from '../oracle/cases/helper.js';
import { natCases } from '../oracle/cases/nat.js';
import { outputLines } from '../oracle/frame_dump.js';
import { LinuxRouter } from '../oracle/linux_router.js';
import { Normaliser } from '../oracle/normalise.js';
import type { Output, Setup, Step } from '../oracle/router.js';
import { TcpStream } from '../oracle/tcp_stream.js';
import { Random } from '../random.js';
import { tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/conntrack skipped: ${missing}`);

const SEED = Number(process.env.WW_CT_SEED ?? 1);
const STREAMS = Number(process.env.WW_CT_STREAMS ?? 24);
const SEGMENTS = 30;
const TRACKED = 'table inet t { chain c { type filter hook prerouting priority 0; ct state new counter; }; }';

function lines(output: Output, steps: readonly Step[]): string[] {
  const given = steps.flatMap((step) => (step.kind === 'frame' ? [step.frame] : []));
  return outputLines(new Normaliser(given).output(output));
}

describe.skipIf(missing !== undefined)('the same packets through Linux and through ours', () => {
  let linux: LinuxRouter;
  let core: CoreRouter;

  beforeAll(async () => {
    linux = new LinuxRouter();
    core = await CoreRouter.create();
  });
  afterAll(async () => {
    await linux.close();
    await core.close();
  });

  async function compare(
    setup: Setup,
    steps: readonly Step[],
    story: (step: number) => string,
  ): Promise<void> {
    const tracked = { conntrack: TRACKED, ...setup };
    const [expected, actual] = [await linux.run(tracked, steps), await core.run(tracked, steps)];
    for (const [i, theirs] of expected.conntrack!.entries()) {
      const difference = connectionsDiffer(theirs, actual.conntrack![i]!);
      expect(difference, `behind step ${i}\n${story(i)}`).toBeUndefined();
    }
    expect(lines(actual, steps)).toEqual(lines(expected, steps));
  }

  it.each([...conntrackCases, ...natCases, ...helperCases].map((one) => [one.name, one] as const))(
    '%s',
    async (_name, one) => {
      await compare(one.setup ?? {}, one.steps, () => '');
    },
  );

  it.each(Array.from({ length: STREAMS }, (_, i) => SEED + i))(
    'TCP conversations of seed %i leave the same connections',
    async (seed) => {
      const random = new Random(seed);
      const family = seed % 3 === 0 ? 6 : 4;
      const stream = new TcpStream(random, {
        family,
        sport: 40_000,
        dport: 80,
        mischief: random.pick([3, 6, 1000]),
      });
      const steps = Array.from({ length: SEGMENTS }, () => stream.next());
      await compare({}, steps, (step) =>
        stream.story
          .split('\n')
          .slice(0, step + 1)
          .join('\n'),
      );
    },
  );
});
