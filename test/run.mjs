/**
 * Runs the tests by tier: `node test/run.mjs [--only TIER|PATTERN]... [--seed N] [--fresh]`
 *
 *   lint ─► unit ─► net ─► kernel ─► board ─► guest ─► usb ─► fuzz ─► product ─► "N passed, N failed, N skipped"
 *
 * A tier whose needs are missing is skipped, with the reason; with CI=true a skip is a failure. LONG=true runs the
 * counts that the issues name and can be resumed: tiers that passed, and ranges of seeds that a fuzz test has behind
 * it, are remembered in build/long/ as long as the sources are the same. A PATTERN is matched against paths of test
 * files. --seed makes every random choice of the tests come from N (FUZZ_SEED); a failure prints the seed that repeats it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const CI = process.env.CI === 'true';
const LONG = process.env.LONG === 'true';
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const env = { ...process.env, PATH: [process.env.PATH, ...SBIN].join(delimiter) };

const hasCommand = (name) =>
  env.PATH.split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return statSync(join(dir, name)).isFile();
    } catch {
      return false;
    }
  });

const isLinux = ['Linux', () => process.platform === 'linux'];
const isRoot = ['root', () => process.getuid?.() === 0];
const hasTun = ['/dev/net/tun', () => existsSync('/dev/net/tun')];
const commands = (...names) => names.map((name) => [`the command ${name}`, () => hasCommand(name)]);

/** Debian's kernel, as `npm run setup` prepares it (hil/guest). */
const hasGuest = [
  'the guest (npm run setup)',
  () => spawnSync(process.execPath, ['build/guest.js', '--check']).status === 0,
];

/** In the order in which they run. `needs`: what it is called, and whether it is there. */
const TIERS = {
  lint: { needs: [], run: lint },
  unit: { needs: [], run: vitest },
  net: { needs: [], run: vitest },
  kernel: {
    needs: [
      isLinux,
      isRoot,
      hasTun,
      ...commands('ip', 'ping', 'traceroute', 'iperf3', 'tcpdump', 'nft', 'socat', 'ethtool', 'radvd'),
    ],
    run: vitest,
  },
  board: {
    needs: [
      isLinux,
      ...commands('riscv64-unknown-elf-gcc', 'qemu-system-riscv64', 'qemu-system-riscv32', 'setpriv'),
    ],
    run: vitest,
  },
  guest: { needs: [isLinux, ...commands('qemu-system-x86_64', 'ip'), hasGuest], run: vitest },
  usb: {
    needs: [
      isLinux,
      ...commands(
        'qemu-system-x86_64',
        'ip',
        'ping',
        'iperf3',
        'riscv64-unknown-elf-gcc',
        'qemu-system-riscv64',
      ),
      hasGuest,
    ],
    run: vitest,
  },
  fuzz: { needs: [], run: vitest },
  product: { needs: [isLinux, isRoot, hasTun, ...commands('ip', 'ping', 'radvd')], run: vitest },
};

/** Each counts as one test. */
const LINTERS = {
  'biome check': ['biome', 'check', '--error-on-warnings', '.'],
  'tsc --noEmit': ['tsc', '--noEmit'],
  eslint: ['eslint', '.'],
  'dependency-cruiser': ['depcruise', '--config', '.dependency-cruiser.cjs', 'src', 'assembly'],
  knip: ['knip'],
};

const say = (text) => process.stdout.write(`${text}\n`);

/** Runs a program of node_modules/.bin with our output, or with what it prints collected. */
function run(name, args, { quiet = false, extraEnv = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(join('node_modules/.bin', name), args, {
      env: { ...env, ...extraEnv },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => done({ code: 1, output: String(error) }));
    child.once('close', (code) => done({ code: code ?? 1, output }));
  });
}

async function lint() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [title, [name, ...args]] of Object.entries(LINTERS)) {
    const { code, output } = await run(name, args, { quiet: true });
    if (code === 0) total.passed++;
    else {
      total.failed++;
      say(output.trimEnd());
    }
    say(` ${code === 0 ? '✓' : '✗'} ${title}`);
  }
  return total;
}

/** One vitest project; what it wrote is counted. A run that ends badly without a failed test counts as one. */
async function vitest(tier, { patterns, seed }, again = false) {
  const report = join('build', `test-${process.pid}-${tier}.json`);
  const args = ['run', '--project', tier, '--reporter=default', '--reporter=json', `--outputFile=${report}`];
  args.push('--passWithNoTests', ...patterns);
  const { code } = await run('vitest', args, {
    extraEnv: seed === undefined ? {} : { FUZZ_SEED: String(seed) },
  });
  const total = { passed: 0, failed: 0, skipped: 0 };
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    total.passed = numPassedTests;
    total.failed = numFailedTests;
    total.skipped = numPendingTests + numTodoTests;
    // A file that could not be loaded has no tests to fail.
    total.failed += testResults.filter(
      (f) => f.status === 'failed' && f.assertionResults.length === 0,
    ).length;
  } catch (error) {
    say(`${tier}: no report (${error.message})`);
  }
  rmSync(report, { force: true });
  if (code !== 0 && total.failed === 0) {
    // Seen now and then on a busy machine: a worker process that ends when all its tests have passed. Not twice.
    if (!again) {
      say(`${tier}: every test passed, but the run failed; once more`);
      return vitest(tier, { patterns, seed }, true);
    }
    total.failed = 1;
  }
  return total;
}

/** Changes when anything that a test may depend on does. */
function sourceHash() {
  const hash = createHash('sha256');
  for (const dir of ['assembly', 'firmware', 'src', 'hil', 'test']) {
    for (const name of readdirSync(dir, { recursive: true }).sort()) {
      const path = join(dir, name);
      if (statSync(path).isFile()) hash.update(`${path}\0`).update(readFileSync(path));
    }
  }
  return hash.update(readFileSync('package-lock.json')).digest('hex').slice(0, 16);
}

/** What a long run has behind it: {sources, tiers: {name: totals}, fuzz: {...}}; fuzz tests keep theirs in files beside. */
function longState(fresh) {
  const path = 'build/long/state.json';
  const sources = sourceHash();
  mkdirSync('build/long', { recursive: true });
  let state;
  try {
    state = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // None yet.
  }
  if (fresh || state?.sources !== sources) {
    rmSync('build/long', { recursive: true, force: true });
    mkdirSync('build/long', { recursive: true });
    state = { sources, tiers: {} };
  }
  return { state, save: () => writeFileSync(path, JSON.stringify(state, null, 2)) };
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        seed: { type: 'string' },
        fresh: { type: 'boolean', default: false },
      },
    });
    if (values.seed !== undefined && !/^\d+$/.test(values.seed)) throw new Error('--seed wants a number');
    const words = values.only.flatMap((word) => word.split(','));
    const tiers = words.filter((word) => word in TIERS);
    const patterns = words.filter((word) => !(word in TIERS));
    // A pattern alone looks through every tier of vitest's.
    const wanted =
      tiers.length > 0 ? tiers : Object.keys(TIERS).filter((t) => patterns.length === 0 || t !== 'lint');
    return { wanted, patterns, seed: values.seed, fresh: values.fresh };
  } catch (error) {
    process.stderr.write(
      `${error.message}\nusage: node test/run.mjs [--only TIER|PATTERN]... [--seed N] [--fresh]\n`,
    );
    process.exit(2);
  }
}

const { wanted, patterns, seed, fresh } = options();
mkdirSync('build', { recursive: true });
const long = LONG ? longState(fresh) : undefined;
const total = { passed: 0, failed: 0, skipped: 0 };
const notes = [];
const add = (part) => {
  for (const key of Object.keys(total)) total[key] += part[key];
};

for (const tier of Object.keys(TIERS)) {
  if (!wanted.includes(tier)) continue;
  const { needs, run: runTier } = TIERS[tier];
  const missing = needs.filter(([, there]) => !there()).map(([what]) => what);
  if (missing.length > 0) {
    notes.push(`${tier} skipped: needs ${missing.join(', ')}${CI ? ' (CI=true: a failure)' : ''}`);
    say(notes.at(-1));
    add({ passed: 0, failed: CI ? 1 : 0, skipped: CI ? 0 : 1 });
    continue;
  }
  const known = patterns.length === 0 ? long?.state.tiers[tier] : undefined;
  if (known !== undefined) {
    notes.push(`${tier}: passed earlier with these sources (--fresh runs it again)`);
    say(notes.at(-1));
    add(known);
    continue;
  }
  say(`\n── ${tier} ──`);
  const begin = Date.now();
  const part = await runTier(tier, { patterns, seed });
  if (CI && part.skipped > 0) {
    notes.push(`${tier}: ${part.skipped} skipped (CI=true: failures)`);
    part.failed += part.skipped;
    part.skipped = 0;
  }
  notes.push(
    `${tier}: ${part.passed} passed, ${part.failed} failed, ${part.skipped} skipped in ${((Date.now() - begin) / 1000).toFixed(0)} s`,
  );
  add(part);
  if (long !== undefined && patterns.length === 0 && part.failed === 0) {
    long.state.tiers[tier] = part;
    long.save();
  }
}

say(`\n${notes.join('\n')}\n`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
