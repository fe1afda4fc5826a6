/**
 * `ww pktgen` through routers, as a user measures one: both ways, by gateway, in rates and sizes, with tags; what it counts
 * as lost, duplicated and reordered is what the faults on the way did.
 *
 *   pktgen p0 ── packet: ══ veth ══ Linux's router ══ veth ══ packet: ── p1       namespaces of the kernel
 *   pktgen p0 ── tap: ── Linux's bridge ── tap: ── p1
 *   pktgen p0 ── udp: ── ww up, with faults ── udp: ── p1                         no privileges
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTimeOf } from '../../src/cli/lab_kernel.js';
import { CLI, Ww } from './ww_process.js';

/** Named as those of test/kernel, which remove what a killed run left. */
const OWNER = `${process.pid}-${startTimeOf('self') ?? 0}`;
const [GEN, ROUTER] = [`wwk-${OWNER}-pg`, `wwk-${OWNER}-pr`];

interface Stream {
  id: number;
  way: string;
  tx: { packets: number; missed: number } | null;
  rx: { unique: number; duplicated: number; reordered: number; bytes: number } | null;
  lost: number;
}
interface Summary {
  streams: Stream[];
  total: { sent: number; received: number; lost: number; corrupted: number };
}

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

/** In the generator's namespace, with --json; what it says at the end. */
async function measure(...args: string[]): Promise<Summary> {
  const command = ['netns', 'exec', GEN, process.execPath, CLI, 'pktgen', ...args, '--json'];
  const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, log] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`exit code ${String(code)}: ${log}`);
  return JSON.parse(out) as Summary;
}

describe('through the kernel', () => {
  beforeAll(() => {
    ip('netns', 'add', GEN);
    ip('netns', 'add', ROUTER);
    for (const i of [1, 2]) {
      ip('link', 'add', `p${i}`, 'netns', GEN, 'type', 'veth', 'peer', 'name', `e${i}`, 'netns', ROUTER);
      ip('netns', 'exec', GEN, 'sysctl', '-qw', `net.ipv6.conf.p${i}.disable_ipv6=1`);
      ip('-n', GEN, 'link', 'set', `p${i}`, 'arp', 'off', 'up');
      ip('-n', ROUTER, 'addr', 'add', `10.${i}.0.1/24`, 'dev', `e${i}`);
      ip('-n', ROUTER, 'addr', 'add', `fd0${i}::1/64`, 'dev', `e${i}`, 'nodad');
      ip('-n', ROUTER, 'link', 'set', `e${i}`, 'up');
    }
    const forward = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
    ip('netns', 'exec', ROUTER, 'sysctl', '-qw', ...forward);
    ip('-n', GEN, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', GEN, 'link', 'set', 'br0', 'up');
    for (const tap of ['t1', 't2']) {
      ip('-n', GEN, 'tuntap', 'add', tap, 'mode', 'tap', 'vnet_hdr');
      ip('-n', GEN, 'link', 'set', tap, 'master', 'br0', 'up');
    }
  });
  afterAll(() => {
    for (const name of [GEN, ROUTER]) ip('netns', 'delete', name);
  });

  const V4 = [
    ...['--address', '10.1.0.2/24', '--gateway', '10.1.0.1', '--src', '10.1.0.2'],
    ...['--rx-address', '10.2.0.2/24', '--rx-gateway', '10.2.0.1', '--dst', '10.2.0.2'],
  ];
  const V6 = [
    ...['--address', 'fd01::2/64', '--gateway', 'fd01::1', '--src', 'fd01::2'],
    ...['--rx-address', 'fd02::2/64', '--rx-gateway', 'fd02::1', '--dst', 'fd02::2'],
  ];
  const PACKET = ['--port', 'packet:p1', '--rx', 'packet:p2'];

  it.each([
    ['IPv4', V4],
    ['IPv6', V6],
  ])('both ways through Linux, IMIX, many flows, over %s', async (_, addresses) => {
    const mix = ['--both', '--size', 'imix', '--flows', '100', '--rate', '2kpps', '--count', '2400'];
    const { streams, total } = await measure(...PACKET, ...addresses, ...mix);
    expect(streams.map(({ way }) => way)).toEqual(['p0 > p1', 'p1 > p0']);
    expect(total).toEqual({ sent: 4800, received: 4800, lost: 0, corrupted: 0 });
    // 7 of 64, 4 of 594, 1 of 1518 bytes with FCS; IPv6 needs more for its headers than 64.
    const short = addresses === V4 ? 60 : 80;
    for (const { rx } of streams) expect(rx!.bytes / 200).toBeCloseTo(7 * short + 4 * 590 + 1514, -2);
  });

  it('keeps a rate, or says how many frames it was too late for', async () => {
    const { streams } = await measure(
      ...PACKET,
      ...V4,
      '--rate',
      '1mbps',
      '--size',
      '125',
      '--duration',
      '1.5',
    );
    const { packets, missed } = streams[0]!.tx!;
    // 1,000 frames of 125 bytes a second.
    expect(Math.abs(packets + missed - 1500)).toBeLessThan(20);
    expect(streams[0]!.lost).toBe(0);
  });

  it('frames with two tags over TAPs and a bridge of the kernel', async () => {
    const args = ['--port', 'tap:t1', '--rx', 'tap:t2', '--both', '--vlan', '100', '--vlan', '7:5'];
    const { total } = await measure(...args, '--size', '100-1400', '--rate', '2kpps', '--count', '2000');
    expect(total).toEqual({ sent: 4000, received: 4000, lost: 0, corrupted: 0 });
  });
});

describe('through ww up with faults', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ww-pktgen-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('counts as lost, duplicated and reordered what the faults did', async () => {
    const port = 42_000 + (process.pid % 10_000);
    const at = (n: number) => `127.0.0.1:${port + n}`;
    const yaml = `
network:
  version: 2
  ethernets:
    lan0: {addresses: [10.1.0.1/24]}
    wan0: {addresses: [10.2.0.1/24]}
neighbours: {wan0: {10.2.0.2: "02:00:00:00:00:02"}}
ports:
  lan0: udp:${at(0)}-${at(1)}
  wan0: {port: "udp:${at(2)}-${at(3)}", faults: {loss: 2%, duplicate: 3%, reorder: 1%, seed: 7}}
`;
    writeFileSync(join(folder, 'router.yaml'), yaml);
    const router = new Ww(['up', 'router.yaml', '--json'], { cwd: folder });
    try {
      await router.line(({ msg }) => msg === 'router started');
      const gen = new Ww([
        ...['pktgen', '--port', `udp:${at(1)}-${at(0)}`, '--rx', `udp:${at(3)}-${at(2)}`],
        ...['--address', '10.1.0.2/24', '--gateway', '10.1.0.1', '--src', '10.1.0.2', '--dst', '10.2.0.2'],
        ...['--rate', '2kpps', '--count', '4000', '--json'],
      ]);
      expect((await gen.exited).code).toBe(0);
      router.kill('SIGTERM');
      expect((await router.exited).code).toBe(0);
      const { streams } = JSON.parse(gen.stdout) as Summary;
      const { ports } = JSON.parse(router.stdout) as {
        ports: { wan0: { faults: { tx: Record<string, number> } } };
      };
      const did = ports.wan0.faults.tx;
      const { lost, rx } = streams[0]!;
      // One neighbour or other question of the router itself may be among them.
      expect(did.lost).toBeGreaterThan(40);
      expect(Math.abs(lost - did.lost!)).toBeLessThanOrEqual(1);
      expect(Math.abs(rx!.duplicated - did.duplicated!)).toBeLessThanOrEqual(1);
      // Held back for 10 ms: others of the 2,000 a second pass it, unless it is the last, or the process slept.
      expect(did.reordered).toBeGreaterThan(20);
      expect(rx!.reordered).toBeGreaterThan(did.reordered! * 0.7);
      expect(rx!.reordered).toBeLessThanOrEqual(did.reordered! * 1.3);
    } finally {
      router.kill('SIGTERM');
      await router.exited;
    }
  });
});
