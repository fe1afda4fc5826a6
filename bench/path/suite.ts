/**
 * `npm run bench -- path`: real frames between network namespaces of this Linux, through our router by TAP or by
 * packet ports on veth, and through Linux's own by veth, in turns; likewise through our bridge and Linux's. The hosts,
 * what they send and how it is counted are the same on both sides.
 */
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtFile } from '../built.js';
import { Calibration } from '../calib.js';
import { frame } from '../core/frames.js';
import { median, result, type Suite, type SuiteRun } from '../suite.js';
import { BridgeSites } from './bridge_sites.js';
import { HOST_DEVICE, LAN, SINK, WAN } from './plan.js';
import { type CpuTime, cpuTime, inNamespace, outputOf, received, type Site, Sites } from './sites.js';

const ROUNDS = 5;
const PINGS = 2000;
const PING_INTERVAL = '0.005';
const UDP_WARM_MS = 200;
const UDP_MS = 800;
const TCP_SECONDS = 2;

/** What one round of one side gave. */
interface Sample {
  readonly value: number;
  /** Cores busy in the machine, and with our router's process. */
  readonly machine: number;
  readonly router: number;
  /** UDP: million frames per second that the LAN host's interface took. */
  readonly offered?: number;
}

interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly includes: string;
  /** Which of our routers; the bridge is compared with Linux's bridge, the others with its router. */
  readonly by: 'ours' | 'packet' | 'bridge';
  /** Samples of one round. */
  readonly take: (site: Site) => Promise<Sample[]>;
}

const UDP_INCLUDES =
  'one UDP flow flooded by sendmmsg(64) on a packet socket of the LAN host; frames counted as the WAN host receives them';

const PACKET_INCLUDES = 'veth to veth by packet ports with MACs of their own';

const MEASUREMENTS: readonly Measurement[] = [
  {
    name: 'tap_udp_64',
    by: 'ours',
    unit: 'Mpps',
    includes: `64-byte frames; ${UDP_INCLUDES}`,
    take: (site) => udp(site, 64),
  },
  {
    name: 'tap_udp_1500',
    by: 'ours',
    unit: 'Mpps',
    includes: `1514-byte frames; ${UDP_INCLUDES}`,
    take: (site) => udp(site, 1514),
  },
  {
    name: 'tap_tcp',
    by: 'ours',
    unit: 'Gbit/s',
    includes: 'iperf3, one stream of cubic, both ends on this machine, offloads on (GSO frames)',
    take: tcp,
  },
  {
    name: 'packet_udp_64',
    by: 'packet',
    unit: 'Mpps',
    includes: `64-byte frames; ${UDP_INCLUDES}; ${PACKET_INCLUDES}`,
    take: (site) => udp(site, 64),
  },
  {
    name: 'packet_udp_1500',
    by: 'packet',
    unit: 'Mpps',
    includes: `1514-byte frames; ${UDP_INCLUDES}; ${PACKET_INCLUDES}`,
    take: (site) => udp(site, 1514),
  },
  {
    name: 'packet_tcp',
    by: 'packet',
    unit: 'Gbit/s',
    includes: `iperf3, one stream of cubic, both ends on this machine, GSO frames; ${PACKET_INCLUDES}`,
    take: tcp,
  },
  {
    name: 'bridge_udp_64',
    by: 'bridge',
    unit: 'Mpps',
    includes: `64-byte frames; ${UDP_INCLUDES}; our bridge between two TAPs, Linux's between two veth pairs`,
    take: (site) => udp(site, 64, SINK.mac),
  },
  {
    name: 'ping_rtt',
    by: 'ours',
    unit: 'us',
    includes: `median of ${PINGS} pings of 64 bytes, ${PING_INTERVAL} s apart, LAN host to WAN host and back`,
    take: ping,
  },
];

async function run(suite: SuiteRun): Promise<void> {
  const calibration = await Calibration.create();
  const wanted = MEASUREMENTS.filter(({ name }) => suite.names.has(name));
  const sites = wanted.some(({ by }) => by !== 'bridge') ? await Sites.create() : null;
  const bridges = wanted.some(({ by }) => by === 'bridge') ? await BridgeSites.create() : null;
  try {
    for (const measurement of wanted) {
      const { by } = measurement;
      const [theirSite, ourSite] =
        by === 'bridge' ? [bridges!.linuxBridge, bridges!.bridge] : [sites!.linux, sites![by]];
      const ours: Sample[] = [];
      const linux: Sample[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        suite.progress(`${measurement.name}: round ${round} of ${ROUNDS}`);
        calibration.sample();
        linux.push(...(await measurement.take(theirSite)));
        ours.push(...(await measurement.take(ourSite)));
      }
      const values = (samples: readonly Sample[]) => samples.map(({ value }) => value);
      const includes = `${measurement.includes}; ${account(ours, linux)}`;
      suite.result(result(measurement.name, measurement.unit, values(ours), includes, values(linux)));
    }
  } finally {
    sites?.close();
    bridges?.close();
  }
  calibration.sample();
  if (suite.names.has('calib_ns')) suite.result(calibration.result());
}

/** Cores used, and who could not do more. */
function account(ours: readonly Sample[], linux: readonly Sample[]): string {
  const mid = (samples: readonly Sample[], key: 'machine' | 'router' | 'offered') =>
    median(samples.map((sample) => sample[key] ?? 0)).toFixed(2);
  const cores = `cores busy: ours ${mid(ours, 'machine')} (router ${mid(ours, 'router')}), Linux ${mid(linux, 'machine')}`;
  if (ours[0]?.offered === undefined) return cores;
  const offered = `offered: ours ${mid(ours, 'offered')}, Linux ${mid(linux, 'offered')} Mpps`;
  return `${cores}; ${offered}; bottleneck: ${bottleneck('our router', ours)}, ${bottleneck('the sender, in whose system call Linux forwards', linux)}`;
}

function bottleneck(router: string, samples: readonly Sample[]): string {
  const offered = median(samples.map((sample) => sample.offered ?? 0));
  const delivered = median(samples.map(({ value }) => value));
  if (samples[0]!.router === 0) return router;
  return delivered < 0.98 * offered ? router : 'the sender before our router';
}

function coresSince(before: CpuTime, after: CpuTime, seconds: number): { machine: number; router: number } {
  return {
    machine: (after.machine - before.machine) / seconds,
    router: (after.router - before.router) / seconds,
  };
}

async function udp(site: Site, bytes: number, dstMac: string = LAN.routerMac): Promise<Sample[]> {
  const sent = frame({
    dstMac,
    srcMac: LAN.hostMac,
    src: LAN.host,
    dst: SINK.address,
    protocol: 'udp',
    sport: 4000,
    dport: 9,
    bytes,
  });
  const seconds = String((UDP_WARM_MS + UDP_MS + 100) / 1000);
  const sender = inNamespace(site.lan, [
    process.execPath,
    builtFile('bench_sender.js'),
    HOST_DEVICE,
    Buffer.from(sent).toString('hex'),
    seconds,
  ]);
  let output = '';
  sender.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(sender, 'close');
  while (!output.includes('started') && sender.exitCode === null) await sleep(5);
  await sleep(UDP_WARM_MS);
  const cpuBefore = cpuTime(site);
  const before = received(site);
  const begin = performance.now();
  await sleep(UDP_MS);
  const frames = received(site) - before;
  const ms = performance.now() - begin;
  const cores = coresSince(cpuBefore, cpuTime(site), ms / 1000);
  await closed;
  const { perSecond } = JSON.parse(output.split('\n')[1] ?? '{}') as { perSecond: number };
  return [{ value: frames / ms / 1000, offered: perSecond / 1e6, ...cores }];
}

async function tcp(site: Site): Promise<Sample[]> {
  const before = cpuTime(site);
  const begin = performance.now();
  const command = ['iperf3', '-c', WAN.host, '-C', 'cubic', '-t', String(TCP_SECONDS), '-J'];
  const report = JSON.parse(await outputOf(site.lan, command)) as {
    error?: string;
    end: { sum_received?: { bits_per_second: number } };
  };
  const rate = report.end.sum_received?.bits_per_second;
  if (rate === undefined) throw new Error(`iperf3 through ${site.name}: ${report.error}`);
  return [{ value: rate / 1e9, ...coresSince(before, cpuTime(site), (performance.now() - begin) / 1000) }];
}

async function ping(site: Site): Promise<Sample[]> {
  const before = cpuTime(site);
  const begin = performance.now();
  const count = PINGS / ROUNDS;
  const output = await outputOf(site.lan, ['ping', '-n', '-i', PING_INTERVAL, '-c', String(count), WAN.host]);
  const cores = coresSince(before, cpuTime(site), (performance.now() - begin) / 1000);
  const times = [...output.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length < count * 0.99)
    throw new Error(`ping through ${site.name}: ${times.length} of ${count} came back`);
  return times.map((value) => ({ value, ...cores }));
}

/** What is missing here, or null. */
function problem(): string | null {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces and TAPs';
  const missing = ['ip', 'bridge', 'iperf3', 'ping', 'sysctl'].filter(
    (command) => spawnSync(command, ['-V']).error !== undefined,
  );
  return missing.length === 0
    ? null
    : `needs the commands ${missing.join(', ')}: npm run setup installs them`;
}

export const pathSuite: Suite = {
  name: 'path',
  summary:
    "through TAPs and packet ports between network namespaces, beside Linux's own router and bridge (root)",
  names: [...MEASUREMENTS.map(({ name }) => name), 'calib_ns'],
  problem,
  run,
};
