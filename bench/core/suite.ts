/** `npm run bench -- core`: what the core does in memory, on one core of the machine, with no system call. */
import { Calibration } from '../calib.js';
import { type Progress, result, type Suite, type SuiteRun } from '../suite.js';
import { allocatedBytes } from './alloc.js';
import { ConntrackBench } from './conntrack.js';
import { BridgeBench } from './bridge.js';
import { FIB_PREFIXES, ForwardBench } from './forward.js';
import { FIB6_PREFIXES, Forward6Bench } from './forward6.js';
import { labRssMb, wasmKb } from './footprint.js';
import { loadNic } from './memory_nic.js';
import { OffloadBench } from './offload.js';
import { OffloadMemory } from './offload_memory.js';

const ROUNDS = 11;
const FORWARD_PACKETS = 1 << 20;
const ALLOC_PACKETS = 10_000_000;
const ALLOC_STEPS = 100;
const OFFLOAD_TURNS = 10_000;
const OFFLOAD_FORWARD_TURNS = 400;
/** Connections that are known, by the figure's name; packets of one round. */
const CT_FLOWS = { ct_established: 1000, ct_established_100k: 100_000 } as const;
const CT_NEW_TUPLES = 1 << 16;
const CT_PACKETS = 1 << 19;
const CHECKSUM_BYTES = 1500;
const CHECKSUM_COUNT = 200_000;

const FORWARD_INCLUDES = `64-byte frames, rx ring to tx ring by the host's loop, 256 a turn: checks, FIB of ${FIB_PREFIXES / 1000}k prefixes, neighbour, TTL, checksum, MACs, qdisc; the NIC's fill and drain included`;

const INCLUDES = {
  checksum_1500: 'lib/checksum over 1500 bytes, one block again and again; the loop is in WebAssembly',
  gso_tcp:
    'a TCP packet of 45 x 1448 in a 64 KB fragment made from the pools, cut into 45 segments (payload by reference, IP and TCP checksums in full), all freed; bytes of payload, the same 64 KB every turn; no router; the loop is in WebAssembly',
  gro_tcp:
    '45 frames of 1448 as DMA left them in their slots: skbs and slots taken from the pools, IP and TCP checksums verified, merged by reference into one packet, all freed, 66 bytes of headers put back; bytes of payload, the same frames every turn; no router; the loop is in WebAssembly',
  gso_forward:
    'a 64 KB frame received, forwarded through a router in memory and cut into 45 segments, each summed; payload by reference; bytes as sent, headers included',
  gro_forward:
    'segments of 1448 copied in, verified, merged and forwarded through a router in memory, 64 a turn; bytes as received, headers included',
  forward_hot: `${FORWARD_INCLUDES}; 1,024 flows in turn`,
  forward_random: `${FORWARD_INCLUDES}; destinations random over the whole Internet`,
  forward6_hot: `64-byte IPv6 frames, rx ring to tx ring by the host's loop, 256 a turn: checks, FIB of ${FIB6_PREFIXES / 1000}k prefixes, neighbour, hop limit, MACs, qdisc; 1,024 flows in turn; the NIC's fill and drain included`,
  ecmp_hot: `${FORWARD_INCLUDES}; each prefix with two next hops, chosen by the hash of the addresses; 1,024 flows in turn`,
  bridge_hot:
    "64-byte frames, rx ring to tx ring by the host's loop, 256 a turn: two ports, 1,024 known addresses, source and destination looked up; the NIC's fill and drain included",
  ct_established:
    'what tracking adds to a forwarded 64-byte UDP packet of one of 1,000 answered connections, in random order: defragmentation check, checksum, lookup, state, timeout, confirmation; the same frames by hooks that do nothing are subtracted',
  ct_established_100k: 'the same with 100,000 connections',
  ct_new:
    'connections made: 64-byte UDP packets of 65,536 tuples in turn, forwarded, through a full table of 32,768, so that nearly each makes one and an unanswered one gives way (early drop); the kernel has no such path in memory',
  alloc_per_packet:
    'bytes of JavaScript heap per packet of forward_hot over 10 million, collected ones included',
  rss_mb: 'resident memory of `ww up`, the lab, while it runs (10^6 bytes)',
  wasm_kb: 'build/core.wasm, KB of 1,024 bytes',
} as const;

/** Cost against routes and flows: every number of the one with every number of the other. */
const SCALE_ROUTES = { 10: 10, '10k': 10_000, '1m': 1_000_000 } as const;
const SCALE_FLOWS = { 1: 1, '1k': 1000, '100k': 100_000 } as const;
const SCALE_PACKETS = 1 << 19;
const SCALE_ROUNDS = 5;
const SCALE_NAMES = Object.keys(SCALE_ROUTES).flatMap((routes) =>
  Object.keys(SCALE_FLOWS).map((flows) => `routes_${routes}_flows_${flows}`),
);

async function run(suite: SuiteRun): Promise<void> {
  const calibration = await Calibration.create();
  const wanted = (...names: (keyof typeof INCLUDES)[]) => names.some((name) => suite.names.has(name));
  calibration.sample();
  if (wanted('checksum_1500')) await checksum(suite, calibration);
  if (wanted('gso_tcp', 'gro_tcp')) await offload(suite, calibration);
  if (wanted('gso_forward', 'gro_forward')) await offloadForward(suite, calibration);
  if (wanted('forward_hot', 'forward_random', 'alloc_per_packet')) await forward(suite, calibration);
  if (wanted('forward6_hot')) await forward6(suite, calibration);
  if (wanted('ecmp_hot')) await ecmp(suite, calibration);
  await scale(suite, calibration);
  if (wanted('bridge_hot')) await bridge(suite, calibration);
  if (wanted('ct_established', 'ct_established_100k')) await conntrack(suite, calibration);
  if (wanted('ct_new')) await fresh(suite, calibration);
  if (wanted('rss_mb')) {
    suite.progress('rss_mb: the lab runs for some seconds');
    suite.result(result('rss_mb', 'MB', await labRssMb(), INCLUDES.rss_mb));
  }
  if (wanted('wasm_kb')) suite.result(result('wasm_kb', 'KB', [wasmKb()], INCLUDES.wasm_kb));
  calibration.sample();
  if (suite.names.has('calib_ns')) suite.result(calibration.result());
}

async function checksum(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const nic = await loadNic(new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true }));
  nic.checksums(65536, CHECKSUM_BYTES, CHECKSUM_COUNT);
  const samples = rounds('checksum_1500', suite.progress, calibration, () => {
    const begin = performance.now();
    nic.checksums(65536, CHECKSUM_BYTES, CHECKSUM_COUNT);
    return (CHECKSUM_BYTES * CHECKSUM_COUNT) / (performance.now() - begin) / 1e6;
  });
  suite.result(result('checksum_1500', 'GB/s', samples, INCLUDES.checksum_1500));
}

async function offload(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await OffloadMemory.create();
  offloadRates(suite, calibration, {
    gso_tcp: () => bench.gso(OFFLOAD_TURNS),
    gro_tcp: () => bench.gro(OFFLOAD_TURNS),
  });
}

async function offloadForward(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await OffloadBench.create();
  try {
    offloadRates(suite, calibration, {
      gso_forward: () => bench.gso(OFFLOAD_FORWARD_TURNS),
      gro_forward: () => bench.gro(OFFLOAD_FORWARD_TURNS),
    });
  } finally {
    await bench.close();
  }
}

function offloadRates(
  suite: SuiteRun,
  calibration: Calibration,
  take: Partial<Record<keyof typeof INCLUDES, () => number>>,
): void {
  for (const name of Object.keys(take) as (keyof typeof take)[]) {
    if (!suite.names.has(name)) continue;
    const gbits = take[name]!;
    for (let i = 0; i < 5; i++) gbits();
    const samples = rounds(name, suite.progress, calibration, gbits);
    suite.result(result(name, 'Gbit/s', samples, INCLUDES[name]));
  }
}

async function forward(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await ForwardBench.create(suite.progress);
  try {
    bench.hot();
    for (let i = 0; i < 3; i++) bench.mpps(FORWARD_PACKETS);
    const hot: number[] = [];
    const random: number[] = [];
    rounds('forward_hot, forward_random', suite.progress, calibration, () => {
      bench.hot();
      hot.push(bench.mpps(FORWARD_PACKETS));
      bench.random();
      random.push(bench.mpps(FORWARD_PACKETS));
      return 0;
    });
    if (suite.names.has('forward_hot'))
      suite.result(result('forward_hot', 'Mpps', hot, INCLUDES.forward_hot));
    if (suite.names.has('forward_random'))
      suite.result(result('forward_random', 'Mpps', random, INCLUDES.forward_random));
    if (!suite.names.has('alloc_per_packet')) return;
    suite.progress('alloc_per_packet: 10 million packets');
    bench.hot();
    const step = (packets: number) => bench.forward(packets);
    const { bytes } = await allocatedBytes(ALLOC_STEPS, ALLOC_PACKETS / ALLOC_STEPS, step);
    suite.result(result('alloc_per_packet', 'B', [bytes / ALLOC_PACKETS], INCLUDES.alloc_per_packet));
  } finally {
    await bench.close();
  }
}

async function forward6(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await Forward6Bench.create(suite.progress);
  try {
    for (let i = 0; i < 3; i++) bench.mpps(FORWARD_PACKETS);
    const samples = rounds('forward6_hot', suite.progress, calibration, () => bench.mpps(FORWARD_PACKETS));
    suite.result(result('forward6_hot', 'Mpps', samples, INCLUDES.forward6_hot));
  } finally {
    await bench.close();
  }
}

/** What tracking adds: the same frames with hooks that do nothing, in turn. */
async function conntrack(suite: SuiteRun, calibration: Calibration): Promise<void> {
  for (const [name, count] of Object.entries(CT_FLOWS) as [keyof typeof CT_FLOWS, number][]) {
    if (!suite.names.has(name)) continue;
    const bench = await ConntrackBench.create();
    try {
      await bench.established(count);
      const tracked: number[] = [];
      for (let i = 0; i < 3; i++) bench.ns(CT_PACKETS);
      rounds(name, suite.progress, calibration, () => tracked.push(bench.ns(CT_PACKETS)));
      await bench.forget();
      await bench.hooks(true);
      for (let i = 0; i < 3; i++) bench.ns(CT_PACKETS);
      const hooks = rounds(name, suite.progress, calibration, () => bench.ns(CT_PACKETS));
      const bare = hooks.toSorted((a, b) => a - b)[hooks.length >> 1]!;
      const samples = tracked.map((ns) => ns - bare);
      suite.result(result(name, 'ns', samples, INCLUDES[name]));
    } finally {
      await bench.close();
    }
  }
}

async function fresh(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await ConntrackBench.create();
  try {
    await bench.fresh(CT_NEW_TUPLES);
    for (let i = 0; i < 2; i++) bench.ns(CT_NEW_TUPLES);
    const samples: number[] = [];
    for (let i = 1; i <= ROUNDS; i++) {
      suite.progress(`ct_new: round ${i} of ${ROUNDS}`);
      samples.push(await bench.mconns(CT_NEW_TUPLES));
      calibration.sample();
    }
    suite.result(result('ct_new', 'Mconn/s', samples, INCLUDES.ct_new));
  } finally {
    await bench.close();
  }
}

async function ecmp(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await ForwardBench.create(suite.progress, { ways: 2 });
  try {
    bench.hot();
    for (let i = 0; i < 3; i++) bench.mpps(FORWARD_PACKETS);
    const samples = rounds('ecmp_hot', suite.progress, calibration, () => bench.mpps(FORWARD_PACKETS));
    suite.result(result('ecmp_hot', 'Mpps', samples, INCLUDES.ecmp_hot));
  } finally {
    await bench.close();
  }
}

/** Nanoseconds per packet; one router at a time, as the largest takes most of a gigabyte. */
async function scale(suite: SuiteRun, calibration: Calibration): Promise<void> {
  for (const [routes, prefixes] of Object.entries(SCALE_ROUTES)) {
    for (const [name, flows] of Object.entries(SCALE_FLOWS)) {
      const full = `routes_${routes}_flows_${name}`;
      if (!suite.names.has(full)) continue;
      const bench = await ForwardBench.create(suite.progress, { prefixes, flows });
      try {
        bench.hot();
        bench.mpps(SCALE_PACKETS);
        const samples: number[] = [];
        for (let i = 1; i <= SCALE_ROUNDS; i++) {
          suite.progress(`${full}: round ${i} of ${SCALE_ROUNDS}`);
          samples.push(1000 / bench.mpps(SCALE_PACKETS));
          calibration.sample();
        }
        const includes = `as forward_hot, with a FIB of ${prefixes} prefixes and ${flows} flows in turn`;
        suite.result(result(full, 'ns', samples, includes));
      } finally {
        await bench.close();
      }
    }
  }
}

async function bridge(suite: SuiteRun, calibration: Calibration): Promise<void> {
  const bench = await BridgeBench.create();
  try {
    for (let i = 0; i < 3; i++) bench.mpps(FORWARD_PACKETS);
    const samples = rounds('bridge_hot', suite.progress, calibration, () => bench.mpps(FORWARD_PACKETS));
    suite.result(result('bridge_hot', 'Mpps', samples, INCLUDES.bridge_hot));
  } finally {
    await bench.close();
  }
}

function rounds(what: string, progress: Progress, calibration: Calibration, take: () => number): number[] {
  const samples: number[] = [];
  for (let i = 1; i <= ROUNDS; i++) {
    progress(`${what}: round ${i} of ${ROUNDS}`);
    samples.push(take());
    calibration.sample();
  }
  return samples;
}

export const coreSuite: Suite = {
  name: 'core',
  summary: 'the core in memory: checksums, offloads, forwarding, allocations, sizes',
  names: [...Object.keys(INCLUDES), ...SCALE_NAMES, 'calib_ns'],
  problem: () => null,
  run,
};
