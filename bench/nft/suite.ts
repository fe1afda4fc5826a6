/**
 * `npm run bench -- nft`: what rules cost a packet, ours as generated code and the kernel's nf_tables in turn. Of each
 * figure what a packet costs with an empty chain is subtracted, on both sides: (N rules - 0 rules) / N.
 */
import { spawnSync } from 'node:child_process';
import { frame } from '../core/frames.js';
import { Calibration } from '../calib.js';
import { result, type Suite, type SuiteRun } from '../suite.js';
import { HOME_FLOWS, HomeRouter } from './home_router.js';
import { HOME_RULES } from './home_rules.js';
import { KernelRules } from './kernel_rules.js';
import { batchOf, OurRules } from './our_rules.js';
import { EMPTY, equality, oneCondition, setLookups, tenThousand, threeConditions } from './rulesets.js';
import { createStack } from '../../src/stack.js';
import type { JitMode } from '../../src/core/jit/emit_chain.js';

const ROUNDS = 7;
const PACKETS = 1 << 18;
const KERNEL_PACKETS = 60_000;
const LOOKUPS = 10;
/** Of the frames of bench/core/forward. */
const SADDR = '10.0.0.2';

interface Plan {
  readonly mode: JitMode;
  readonly rules: number;
  readonly text: string;
  readonly includes: string;
}

const PER_RULE =
  'of 64-byte frames; all rules miss; packets without the rules subtracted; the kernel by live XDP frames';
const PLANS: Readonly<Record<string, Plan>> = {
  linear_1cond: {
    mode: 'linear',
    rules: 100,
    text: oneCondition(100),
    includes: `rules of 100, one condition each, generated code rule by rule, ${PER_RULE}`,
  },
  linear_3cond: {
    mode: 'linear',
    rules: 100,
    text: threeConditions(100, SADDR),
    includes: `rules of 100, three conditions each of which the last misses, ${PER_RULE}`,
  },
  set_10k: {
    mode: 'linear',
    rules: LOOKUPS,
    text: setLookups(10_000, LOOKUPS),
    includes: `lookups in a set of 10,000 addresses, ${LOOKUPS} a packet, the address that of one of 1,024 flows in turn (the kernel: of one), ${PER_RULE}`,
  },
};
const TREE_INCLUDES =
  'what 1,000 rules that compare one port cost a packet as a branch by table; algorithmic: the kernel asks rule by rule';
const LOAD_INCLUDES =
  '10,000 rules of three conditions and a counter from text to rules that packets run; nft -f beside it';
const HOME_INCLUDES = `${HOME_RULES} rules as people write them (bench/nft/home_rules), generated code; ${HOME_FLOWS} answered UDP connections that are masqueraded, 64-byte frames in both directions in turn, rx ring to tx ring; the kernel has no such path in memory`;
const HOME_PACKETS = 1 << 19;
const NAMES = [...Object.keys(PLANS), 'tree_1000', 'load_10k_rules', 'home_router', 'calib_ns'];

async function run(suite: SuiteRun): Promise<void> {
  const calibration = await Calibration.create();
  calibration.sample();
  for (const [name, plan] of Object.entries(PLANS)) {
    if (!suite.names.has(name)) continue;
    const { ours, kernel } = await compare(suite, calibration, name, plan);
    // Million rules a second: 1,000 over the nanoseconds of one.
    const rate = (ns: number[]) => ns.map((each) => (1000 * plan.rules) / each);
    const unit = name === 'set_10k' ? 'Mlookup/s' : 'Mrule/s';
    suite.result(result(name, unit, rate(ours), plan.includes, rate(kernel)));
  }
  if (suite.names.has('tree_1000')) {
    const plan: Plan = { mode: 'tree', rules: 1000, text: equality(1000), includes: TREE_INCLUDES };
    const { ours, kernel } = await compare(suite, calibration, 'tree_1000', plan);
    suite.result(result('tree_1000', 'ns', ours, TREE_INCLUDES, kernel));
  }
  if (suite.names.has('load_10k_rules')) await load(suite, calibration);
  if (suite.names.has('home_router')) await home(suite, calibration);
  if (suite.names.has('calib_ns')) suite.result(calibration.result());
}

/** ns that the rules add to a packet, a sample a round, each side with its empty chain in the same round. */
async function compare(suite: SuiteRun, calibration: Calibration, name: string, plan: Plan) {
  suite.progress(`${name}: rulesets`);
  const closing: (() => void | Promise<void>)[] = [];
  try {
    const kernelOf = (which: string, text: string) => {
      const kernel = KernelRules.create(`${name}-${which}`);
      closing.push(() => kernel.close());
      kernel.load(text);
      return kernel;
    };
    const kernelEmpty = kernelOf('0', EMPTY);
    const kernelFull = kernelOf('n', plan.text);
    const empty = await OurRules.create(EMPTY, plan.mode, suite.progress);
    closing.push(() => empty.close());
    const full = await OurRules.create(plan.text, plan.mode, suite.progress);
    closing.push(() => full.close());
    const ours: number[] = [];
    const kernel: number[] = [];
    for (let i = 1; i <= ROUNDS; i++) {
      suite.progress(`${name}: round ${i} of ${ROUNDS}`);
      ours.push(full.nsPerPacket(PACKETS) - empty.nsPerPacket(PACKETS));
      const packet = kernelFrame();
      kernel.push(
        kernelFull.nsPerPacket(packet, KERNEL_PACKETS) - kernelEmpty.nsPerPacket(packet, KERNEL_PACKETS),
      );
      calibration.sample();
    }
    return { ours, kernel };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** As those of our side; to an address of the namespace's own. */
function kernelFrame(): Uint8Array {
  return frame({
    dstMac: '00:00:00:00:00:00',
    srcMac: '00:00:00:00:00:00',
    src: SADDR,
    dst: '127.0.0.1',
    protocol: 'udp',
    sport: 1024,
    dport: 9,
    bytes: 64,
  });
}

async function load(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const text = tenThousand();
  const ours: number[] = [];
  const kernel: number[] = [];
  for (let i = 1; i <= ROUNDS; i++) {
    suite.progress(`load_10k_rules: round ${i} of ${ROUNDS}`);
    const stack = await createStack({ clock: 'virtual' });
    const router = await stack.namespace('router');
    const begin = performance.now();
    const acks = await router.nfnl.batch(batchOf(text));
    ours.push(performance.now() - begin);
    await stack.close();
    if (acks.some(({ error }) => error !== 0)) throw new Error('the core refuses the ruleset');
    const from = performance.now();
    const { status, stderr } = spawnSync('unshare', ['-n', 'nft', '-f', '-'], {
      input: text,
      encoding: 'utf8',
    });
    kernel.push(performance.now() - from);
    if (status !== 0) throw new Error(`nft: ${stderr.split('\n')[0]}`);
    calibration.sample();
  }
  const seconds = (ms: readonly number[]) => ms.map((each) => each / 1000);
  suite.result(result('load_10k_rules', 's', seconds(ours), LOAD_INCLUDES, seconds(kernel)));
}

async function home(suite: SuiteRun, calibration: Calibration): Promise<void> {
  suite.progress('home_router: connections');
  const router = await HomeRouter.create('tree');
  try {
    const samples: number[] = [];
    for (let i = 1; i <= ROUNDS; i++) {
      suite.progress(`home_router: round ${i} of ${ROUNDS}`);
      samples.push(router.mpps(HOME_PACKETS));
      calibration.sample();
    }
    suite.result(result('home_router', 'Mpps', samples, HOME_INCLUDES));
  } finally {
    await router.close();
  }
}

export const nftSuite: Suite = {
  name: 'nft',
  summary: 'rules in memory beside the kernel: generated code, sets, loading',
  names: NAMES,
  problem: () => {
    if (process.platform !== 'linux') return 'the peer is Linux';
    return process.getuid?.() === 0 ? null : 'the kernel beside it takes root';
  },
  run,
};
