/**
 * Replay of captures: the same bytes every time, in either build, whole or in two parts with a snapshot between; drops
 * with their reason; neighbours that the captures show.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replay, type ReplayOptions } from '../../src/cli/replay_run.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import type { CaptureRecord } from '../../src/drivers/capture.js';
import { fileSink, fileSource, openCapture } from '../../src/drivers/capture_file.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';
import { parseMoment } from '../../src/replay/moment.js';
import { be16, cat, ETH_P_ARP, ETH_P_IP, ip4, mac, pattern, raw } from '../oracle/packet.js';
import { Random } from '../random.js';

const LAN = '02:aa:00:00:00:01';
const HOST = '02:50:00:00:00:02';
const GATEWAY = '52:54:00:00:00:01';
const UDP = 17;
const T0 = 1_700_000_000;

const YAML = `
network:
  version: 2
  ethernets:
    lan0: {addresses: [192.168.50.1/24], macaddress: "${LAN}"}
    wan0:
      addresses: [203.0.113.2/24]
      mtu: 1400
      routes: [{to: default, via: 203.0.113.1}, {to: 10.9.0.0/16, type: blackhole}]
ports: {lan0: tap:ww-lan, wan0: tap:ww-wan}
`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-replay-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Sent {
  ns: number;
  bytes: Uint8Array;
  direction?: 'rx' | 'tx';
}

function capture(name: string, frames: readonly Sent[]): string {
  const path = join(folder, name);
  const writer = new PcapngWriter(fileSink(path));
  writer.addInterface('eth0');
  for (const { ns, bytes, direction } of frames)
    writer.write(0, T0 + Math.floor(ns / 1e9), ns % 1e9, bytes, { direction });
  writer.close();
  return path;
}

const frame = (dst: string, src: string, packet: Uint8Array) =>
  cat(mac(dst), mac(src), be16(ETH_P_IP), packet);
const datagram = (to: string, bytes = 40, options: object = {}) =>
  frame(LAN, HOST, ip4({ src: '192.168.50.2', dst: to, ...options }, raw(UDP, pattern(bytes))));

/** Everything that a router meets: forwarded, too large, TTL at its end, a blackhole, fragments, unknown hosts, noise. */
function traffic(count: number): Sent[] {
  const random = new Random(7);
  const frames: Sent[] = [];
  for (let i = 0, ns = 500; i < count; i++) {
    ns += random.below(20_000_000);
    const to = `10.${random.below(12)}.0.${random.below(200)}`;
    const bytes = random.pick([
      datagram(to),
      datagram(to, 1390, { df: true }),
      datagram(to, 1390),
      datagram(to, 40, { ttl: 1 }),
      datagram(`203.0.113.${10 + random.below(40)}`),
      datagram('192.168.50.1', 64, { id: i, mf: true }),
      frame('02:00:00:00:00:99', HOST, ip4({ src: '192.168.50.2', dst: to }, raw(UDP, pattern(20)))),
      pattern(random.below(80)),
    ]);
    frames.push({ ns, bytes });
  }
  return frames;
}

async function run(options: Partial<ReplayOptions> & Pick<ReplayOptions, 'inputs'>, yaml = YAML) {
  const config = readRouterConfig(yaml, 'router.yaml');
  if (config.kind === 'wrong') throw new Error(JSON.stringify(config.errors));
  return replay(config.config, { seed: 1, neighbour: 'auto', ...options });
}

function filesOf(dir: string): Map<string, Buffer> {
  return new Map(
    readdirSync(dir)
      .sort()
      .map((name) => [name, readFileSync(join(dir, name))]),
  );
}

function records(
  path: string,
): Pick<CaptureRecord, 'data' | 'comments' | 'seconds' | 'nanoseconds' | 'direction'>[] {
  const reader = openCapture(fileSource(path));
  const found = [];
  for (let r = reader.next(); r; r = reader.next())
    found.push({
      data: r.data.slice(),
      comments: [...r.comments],
      seconds: r.seconds,
      nanoseconds: r.nanoseconds,
      direction: r.direction,
    });
  return found;
}

describe('determinism', () => {
  test('the same captures give the same bytes: twice, and in the scalar build', async () => {
    const inputs = [{ port: 'lan0', path: capture('a.pcapng', traffic(3000)) }];
    const dirs = ['one', 'two', 'scalar'].map((name) => join(folder, name));
    await run({ inputs, outDir: dirs[0]! });
    await run({ inputs, outDir: dirs[1]! });
    await run({ inputs, outDir: dirs[2]!, scalar: true });
    const one = filesOf(dirs[0]!);
    expect([...one.keys()]).toEqual(['drops.pcapng', 'lan0.pcapng', 'summary.json', 'wan0.pcapng']);
    for (const name of ['drops', 'lan0', 'wan0'])
      expect(one.get(`${name}.pcapng`)!.length).toBeGreaterThan(5000);
    for (const other of [filesOf(dirs[1]!), filesOf(dirs[2]!)])
      for (const [name, bytes] of one) expect(bytes.equals(other.get(name)!), name).toBe(true);
  });

  test('another seed gives other identifiers, and is said in the summary', async () => {
    const inputs = [{ port: 'lan0', path: capture('a.pcapng', traffic(300)) }];
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await run({ inputs, outDir: one });
    const { summary } = await run({ inputs, outDir: two, seed: 2 });
    expect(summary.seed).toBe(2);
    const [a, b] = [one, two].map((dir) => readFileSync(join(dir, 'lan0.pcapng')));
    expect(a!.equals(b!)).toBe(false);
  });

  test.each(['#1000', '+13.25', '#1', '+0'])(
    'a snapshot at %s and what follows give the bytes of the whole',
    async (moment) => {
      const all = traffic(2000);
      const inputs = [
        {
          port: 'lan0',
          path: capture(
            'a.pcapng',
            all.filter((_, i) => i % 3 !== 0),
          ),
        },
        {
          port: 'wan0',
          path: capture(
            'b.pcapng',
            all.filter((_, i) => i % 3 === 0),
          ),
        },
      ];
      const [whole, first, rest] = ['whole', 'first', 'rest'].map((name) => join(folder, name));
      const snapshot = join(folder, 'middle.snap');
      await run({ inputs, outDir: whole! });
      await run({ inputs, outDir: first!, until: parseMoment(moment), snapshot });
      await run({ inputs, outDir: rest!, fromSnapshot: snapshot, scalar: true });
      const wanted = filesOf(whole!);
      const [a, b] = [filesOf(first!), filesOf(rest!)];
      for (const name of ['drops.pcapng', 'lan0.pcapng', 'wan0.pcapng']) {
        const head = headBytes(b.get(name)!);
        expect(
          Buffer.concat([a.get(name)!, b.get(name)!.subarray(head)]).equals(wanted.get(name)!),
          name,
        ).toBe(true);
      }
      expect(b.get('summary.json')!.toString()).toBe(wanted.get('summary.json')!.toString());
    },
  );
});

/** Section header and interface descriptions. */
function headBytes(file: Buffer): number {
  let at = 0;
  while (at < file.length && file.readUInt32LE(at) !== 6) at += file.readUInt32LE(at + 4);
  return at;
}

describe('what comes out', () => {
  test('a forwarded frame leaves at the time at which it came, marked as sent', async () => {
    const path = capture('a.pcapng', [{ ns: 123_456_789, bytes: datagram('10.1.0.1') }]);
    const yaml = `${YAML}neighbours: {wan0: {203.0.113.1: "${GATEWAY}"}}`;
    await run({ inputs: [{ port: 'lan0', path }], outDir: folder }, yaml);
    const [sent] = records(join(folder, 'wan0.pcapng')).filter(
      ({ data }) => data[12] === 8 && data[13] === 0,
    );
    expect(sent).toMatchObject({ seconds: T0, nanoseconds: 123_456_789, direction: 'tx' });
    expect(sent!.data.subarray(0, 6)).toEqual(Uint8Array.from(mac(GATEWAY)));
    expect(sent!.data[22]).toBe(63);
  });

  test('each drop is there, with its reason and the number of its frame', async () => {
    const path = capture('a.pcapng', [
      { ns: 0, bytes: datagram('10.9.0.1') },
      {
        ns: 1,
        bytes: frame(
          '02:00:00:00:00:99',
          HOST,
          ip4({ src: '192.168.50.2', dst: '10.1.0.1' }, raw(UDP, pattern(8))),
        ),
      },
      { ns: 2, bytes: datagram('10.1.0.1', 40, { ttl: 1 }) },
      { ns: 3, bytes: pattern(10) },
    ]);
    const { summary } = await run({ inputs: [{ port: 'lan0', path }], outDir: folder, neighbour: 'none' });
    expect(records(join(folder, 'drops.pcapng')).map(({ comments }) => comments)).toEqual([
      ['dropped: IP_BLACKHOLE, frame 1'],
      ['dropped: OTHERHOST, frame 2'],
      ['dropped: IP_TTL, frame 3'],
      ['dropped: DEV_HDR, frame 4'],
      // The error about the third: its sender was never heard by ARP, and nobody answers.
      ['dropped: NEIGH_FAILED'],
    ]);
    expect(summary.drops).toEqual({ DEV_HDR: 1, IP_BLACKHOLE: 1, IP_TTL: 1, NEIGH_FAILED: 1, OTHERHOST: 1 });
  });

  test('frames that the port had sent itself are passed over, by mark or by MAC address', async () => {
    const own = frame(HOST, LAN, ip4({ src: '10.1.0.1', dst: '192.168.50.2' }, raw(UDP, pattern(8))));
    const path = capture('a.pcapng', [
      { ns: 0, bytes: own },
      { ns: 1, bytes: datagram('10.1.0.1'), direction: 'tx' },
      { ns: 2, bytes: datagram('10.9.0.1') },
    ]);
    const { summary, notes } = await run({ inputs: [{ port: 'lan0', path }] });
    expect(summary.frames).toMatchObject({ read: 3, received: 1 });
    expect(summary.inputs.lan0).toMatchObject({ outgoing: 2 });
    expect(notes[0]).toContain('2 frames that lan0 itself had sent');
  });

  test('a capture for another MAC address is told with what would be right', async () => {
    const yaml = YAML.replace(LAN, '02:aa:00:00:00:77');
    const path = capture('a.pcapng', [{ ns: 0, bytes: datagram('10.1.0.1') }]);
    const { notes } = await run({ inputs: [{ port: 'lan0', path }] }, yaml);
    expect(notes.join()).toContain(`write "macaddress: ${LAN}" at lan0`);
  });
});

describe('neighbours', () => {
  const arp = (sender: string, senderMac: string) =>
    cat(
      mac('ff:ff:ff:ff:ff:ff'),
      mac(senderMac),
      be16(ETH_P_ARP),
      Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1),
      mac(senderMac),
      Uint8Array.from(sender.split('.').map(Number)),
      Uint8Array.of(0, 0, 0, 0, 0, 0, 203, 0, 113, 2),
    );
  const forwarded = (dir: string) =>
    records(join(dir, 'wan0.pcapng')).filter(({ data }) => data[12] === 8 && data[13] === 0);

  test('auto: one that a capture shows, also later than it is asked for, answers', async () => {
    const inputs = [
      { port: 'lan0', path: capture('a.pcapng', [{ ns: 0, bytes: datagram('10.1.0.1') }]) },
      { port: 'wan0', path: capture('b.pcapng', [{ ns: 5e9, bytes: arp('203.0.113.1', GATEWAY) }]) },
    ];
    const { summary } = await run({ inputs, outDir: folder });
    expect(summary.frames.answers).toBe(1);
    const [sent] = forwarded(folder);
    expect(sent!.data.subarray(0, 6)).toEqual(Uint8Array.from(mac(GATEWAY)));
    expect(sent!.nanoseconds).toBe(0);
  });

  test('all: anybody answers; none: nobody', async () => {
    const inputs = [{ port: 'lan0', path: capture('a.pcapng', [{ ns: 0, bytes: datagram('10.1.0.1') }]) }];
    await run({ inputs, outDir: folder, neighbour: 'all' });
    expect(forwarded(folder)).toHaveLength(1);
    const { summary } = await run({ inputs, outDir: folder, neighbour: 'none' });
    expect(forwarded(folder)).toHaveLength(0);
    // The datagram, and the error about it.
    expect(summary.drops).toMatchObject({ NEIGH_FAILED: 2 });
  });
});
