/** The command line of `npm run hil`. */
import { parseArgs } from 'node:util';
import { NetError } from '../../src/net_error.js';

export const USAGE = `usage: npm run hil -- [options] [line...]

  line                 boards instead of those of the rig: /dev/ttyUSB0, tcp://HOST:PORT, qemu:virt64, pty:virt64
  --ethernet IFACE     the interface that the one board's Ethernet is wired to
  --rig FILE           the boards; default hil/rig.yaml
  --only WHAT          boards, suites or cases with that in BOARD/SUITE/CASE; may be given again
  --seed N             all random choices come from it; default: another one each time, which is printed
  --long               the counts that a release is tested with (as LONG=true)
  --no-build           the firmware's images as they are
  --require            a board or a suite that is skipped is a failure (as CI=true)
  --out DIR            what the run leaves; default: a new folder in build/hil
  --json               the results as JSON on the standard output
  --list               what would be run
`;

export interface HilOptions {
  readonly lines: readonly string[];
  readonly ethernet: string | undefined;
  readonly rig: string | undefined;
  readonly only: readonly string[];
  readonly seed: number | undefined;
  readonly long: boolean;
  readonly build: boolean;
  readonly require: boolean;
  readonly out: string | undefined;
  readonly json: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

const SEED_MAX = 2 ** 31;

/** Throws a NetError EINVAL that says what would be right. */
export function parseOptions(words: readonly string[], env: NodeJS.ProcessEnv = process.env): HilOptions {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(words);
  } catch (error) {
    throw new NetError('EINVAL', (error as Error).message);
  }
  const { values, positionals } = parsed;
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < SEED_MAX))
    throw new NetError('EINVAL', `--seed ${values.seed}: a whole number below ${SEED_MAX} would be right`);
  if (values.ethernet !== undefined && positionals.length !== 1)
    throw new NetError('EINVAL', '--ethernet wants exactly one line; several boards are named in a rig file');
  return {
    lines: positionals,
    ethernet: values.ethernet,
    rig: values.rig,
    only: (values.only ?? []).flatMap((word) => word.split(',')).filter((word) => word !== ''),
    seed,
    long: values.long === true || env.LONG === 'true',
    build: values['no-build'] !== true,
    require: values.require === true || env.CI === 'true',
    out: values.out,
    json: values.json === true,
    list: values.list === true,
    help: values.help === true,
  };
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ethernet: { type: 'string' },
      rig: { type: 'string' },
      only: { type: 'string', multiple: true },
      seed: { type: 'string' },
      long: { type: 'boolean' },
      'no-build': { type: 'boolean' },
      require: { type: 'boolean' },
      out: { type: 'string' },
      json: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
}
