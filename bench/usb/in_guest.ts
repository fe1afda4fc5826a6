/**
 * The part in the guest: `node build/bench_usb.js ROUNDS NAME...`, a sample a line. Our driver and Linux's take turns at
 * the same gadget, in the same run:
 *
 *   tx   our core's generator, or bench_sender on Linux's interface ─► adapter ─► gadget's interface, which counts
 *   rx   bench_sender on the gadget's interface ─► adapter ─► our link, or Linux's interface, which counts
 *   rtt  ping from the gadget's namespace
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gadget, type EthernetClass } from '../../hil/usb/gadget.js';
import { netInterfacesOf, until } from '../../hil/usb/sysfs.js';
import type { Link } from '../../src/net/link.js';
import { Pktgen } from '../../src/net/pktgen.js';
import { createStack, type Stack } from '../../src/stack.js';
import { builtFile } from '../built.js';
import { frame } from '../core/frames.js';
import { median } from '../suite.js';
import { LARGE, type Measurement, MEASUREMENTS, type Sample, SMALL } from './plan.js';

const PEER = 'bench-usb';
const PEER_DEVICE = 'eth0';
const ADAPTER = { mac: '02:00:00:00:02:01', address: '192.0.2.1' };
const PEER_HOST = { mac: '02:00:00:00:02:02', address: '192.0.2.2' };
const NOBODY = '198.51.100.9';
const WARM_MS = 500;
const WINDOW_MS = 2000;
const PINGS = 40;
const STREAM = 1;

const ip = (line: string) => execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: 'pipe' });

/** One end of the wire under test. */
interface Side {
  readonly name: Sample['side'];
  /** Floods towards the gadget; the answer stops it. */
  flood(bytes: number): Promise<() => Promise<void>>;
  /** Frames that came from the gadget so far. */
  received(): number | Promise<number>;
}

function bytesOf(from: typeof ADAPTER, to: typeof ADAPTER, bytes: number): Uint8Array {
  const addresses = { dstMac: to.mac, srcMac: from.mac, src: from.address, dst: NOBODY };
  return frame({ ...addresses, protocol: 'udp', sport: 4000, dport: 9, bytes });
}

/** bench_sender, in a namespace or here, until it is stopped. */
async function sender(
  netns: string | undefined,
  device: string,
  bytes: Uint8Array,
): Promise<() => Promise<void>> {
  const seconds = String((WARM_MS + WINDOW_MS + 20_000) / 1000);
  const hex = Buffer.from(bytes).toString('hex');
  const command = [process.execPath, builtFile('bench_sender.js'), device, hex, seconds];
  const argv = netns === undefined ? command : ['ip', 'netns', 'exec', netns, ...command];
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('close', (code) => reject(new Error(`bench_sender on ${device} ended with ${code}`)));
  });
  return async () => {
    child.kill('SIGKILL');
    await closed;
  };
}

/** rx_packets of an interface, from a file of a process in its namespace. */
function kernelReceived(netDev: string, device: string): number {
  const line = readFileSync(netDev, 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${device}:`));
  return Number(line!.split(':')[1]!.trim().split(/\s+/)[1]);
}

/** Frames per second while `flood` runs. */
async function rate(begin: () => Promise<() => Promise<void>>, count: () => number | Promise<number>) {
  const stop = await begin();
  try {
    await sleep(WARM_MS);
    const before = await count();
    const start = performance.now();
    await sleep(WINDOW_MS);
    const frames = (await count()) - before;
    return (frames * 1000) / (performance.now() - start);
  } finally {
    await stop();
  }
}

async function rtt(): Promise<number> {
  const argv = [
    'netns',
    'exec',
    PEER,
    'ping',
    '-n',
    '-i',
    '0.02',
    '-c',
    String(PINGS),
    '-w',
    '20',
    ADAPTER.address,
  ];
  const output = await new Promise<string>((resolve) => {
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
    child.once('close', () => resolve(text));
  });
  const times = [...output.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length < PINGS / 2) throw new Error(`${times.length} of ${PINGS} pings came back`);
  return median(times);
}

function oursSide(stack: Stack, link: Link): Side {
  const generator = new Pktgen(stack.core);
  return {
    name: 'ours',
    async flood(bytes) {
      await generator.addStream(link, {
        id: STREAM,
        proto: 'udp',
        src: ADAPTER.address,
        dst: NOBODY,
        srcMac: ADAPTER.mac,
        dstMac: PEER_HOST.mac,
        sizes: { kind: 'table', entries: [[bytes, 1]] },
        rate: { kind: 'max', value: 0 },
      });
      await generator.start(STREAM);
      return async () => {
        await generator.stop(STREAM);
        await generator.deleteStream(STREAM);
      };
    },
    received: async () => (await link.stats()).rxPackets,
  };
}

function linuxSide(device: string): Side {
  return {
    name: 'linux',
    flood: (bytes) => sender(undefined, device, bytesOf(ADAPTER, PEER_HOST, bytes)),
    received: () => kernelReceived('/proc/net/dev', device),
  };
}

async function take({ what }: Measurement, side: Side, peerNetDev: string): Promise<number> {
  if (what === 'rtt') return rtt();
  const bytes = what.endsWith('_64') ? SMALL : LARGE;
  const perSecond = what.startsWith('tx')
    ? await rate(
        () => side.flood(bytes),
        () => kernelReceived(peerNetDev, PEER_DEVICE),
      )
    : await rate(
        () => sender(PEER, PEER_DEVICE, bytesOf(PEER_HOST, ADAPTER, bytes)),
        () => side.received(),
      );
  return bytes === SMALL ? perSecond / 1000 : (perSecond * LARGE * 8) / 1e6;
}

function report(sample: Sample): void {
  process.stdout.write(`${JSON.stringify(sample)}\n`);
}

/** One round of one class: ours, then Linux's. */
async function round(kind: EthernetClass, wanted: readonly Measurement[]): Promise<void> {
  ip(`netns add ${PEER}`);
  const gadget = new Gadget({ kind, deviceMac: PEER_HOST.mac, hostMac: ADAPTER.mac });
  const idle = spawn('ip', ['netns', 'exec', PEER, 'sleep', '3600'], { stdio: 'ignore' });
  try {
    const device = await gadget.plug();
    const linux = () => until(`Linux's interface of the ${kind} gadget`, () => netInterfacesOf(device)[0]);
    await linux();
    gadget.moveTo(PEER, PEER_DEVICE);
    ip(`-n ${PEER} addr add ${PEER_HOST.address}/24 dev ${PEER_DEVICE}`);
    ip(`-n ${PEER} link set ${PEER_DEVICE} up`);
    const netDev = `/proc/${idle.pid}/net/dev`;
    await until('the namespace', () =>
      readFileSync(netDev, 'utf8').includes(`${PEER_DEVICE}:`) ? true : undefined,
    );

    const stack = await createStack();
    const router = await stack.namespace('router');
    let up: () => void = () => {};
    const isUp = new Promise<void>((resolve) => (up = resolve));
    const link = await stack.port(router, `usb:${gadget.id}`, {
      name: 'usb0',
      mac: ADAPTER.mac,
      onState: (state) => state.up && up(),
    });
    await link.addAddress(`${ADAPTER.address}/24`);
    await isUp;
    const ours = oursSide(stack, link);
    for (const one of wanted) report({ name: one.name, side: 'ours', value: await take(one, ours, netDev) });
    await stack.close();

    const dev = await linux();
    ip(`link set ${dev} address ${ADAPTER.mac}`);
    ip(`addr add ${ADAPTER.address}/24 dev ${dev}`);
    ip(`link set ${dev} up`);
    const theirs = linuxSide(dev);
    for (const one of wanted)
      report({ name: one.name, side: 'linux', value: await take(one, theirs, netDev) });
  } finally {
    idle.kill('SIGKILL');
    gadget.remove();
    await until('the gadget gone', () => (gadget.device === undefined ? true : undefined));
    ip(`netns delete ${PEER}`);
  }
}

const [rounds = '1', ...names] = process.argv.slice(2);
const wanted = MEASUREMENTS.filter(({ name }) => names.includes(name));
for (let i = 0; i < Number(rounds); i++) {
  for (const kind of new Set(wanted.map((one) => one.kind))) {
    await round(
      kind,
      wanted.filter((one) => one.kind === kind),
    );
  }
}
process.exit(0);
