/**
 * Data through the router between two hosts of the kernel: all of it, unchanged, whatever the offloads and the wire
 * do. iperf3 verifies nothing, so it stands for many packets at once, and hashes stand for correctness. LONG=true
 * moves 100 MB each way instead of 10.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, type Host, Lab, type LabOptions, LAN, WAN } from './kernel_lab.js';
import { tapMissing } from './netns.js';
import { expectPoolsBack, iperf, type Pools, settledPools, transfer } from './traffic.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/router_transfer skipped: ${missing}`);

const MEGABYTE = 1_000_000;
const BYTES = (process.env.LONG === 'true' ? 100 : 10) * MEGABYTE;
const DATAGRAMS = 1000;
const MTU = 1500;

/** Datagrams that came, but found the buffer of their socket full: a slow reader, no fault of the way. */
async function overflowed(host: Host): Promise<number> {
  const { stdout } = await host.run('nstat', '-asz', 'UdpRcvbufErrors', 'Udp6RcvbufErrors');
  return [...stdout.matchAll(/RcvbufErrors\s+(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
}

/** What both wires did to frames so far. */
async function faults({ router }: Lab): Promise<{ lost: number; reordered: number }> {
  const ports = await Promise.all(['lan0', 'wan0'].map((name) => router.call('faultCounters', name)));
  const lanes = ports.flatMap(({ rx, tx }) => [rx, tx]);
  return {
    lost: lanes.reduce((sum, { lost }) => sum + lost, 0),
    reordered: lanes.reduce((sum, { reordered }) => sum + reordered, 0),
  };
}

/** Sizes drawn from a seed: mostly whole datagrams, some that are sent in fragments. */
function sizes(seed: number): number[] {
  let x = seed;
  const next = (below: number) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
  return Array.from({ length: DATAGRAMS }, () => 8 + (next(10) === 0 ? next(20_000) : next(1465)));
}

describe.skipIf(missing !== undefined)('data through our router', { timeout: 20_000 }, () => {
  describe.each<[string, LabOptions]>([
    ['with offloads', { offloads: true }],
    ['by packet ports', { ports: 'packet' }],
    ['without offloads', { offloads: false }],
    ['in the scalar build without offloads', { offloads: false, scalar: true }],
    // What the LAN sends in one has to be cut in the router, what the WAN sends is merged there.
    ['with offloads on the LAN only', { offloads: { lan0: true, wan0: false } }],
  ])('%s', (_, options) => {
    let lab: Lab;
    let free: Pools;
    beforeAll(async () => {
      lab = await Lab.start(options);
      free = await settledPools(lab);
    });
    afterAll(() => lab?.close());

    it.each(FAMILIES)(`${BYTES / MEGABYTE} MB each way by TCP arrive unchanged by IPv%i`, async (family) => {
      await transfer(lab.lan, lab.wan, family, BYTES);
      await transfer(lab.wan, lab.lan, family, BYTES);
    });

    it.each(FAMILIES)(
      '1,000 datagrams of random sizes each way arrive unchanged and in order by IPv%i',
      async (family) => {
        const { lan, wan } = lab;
        const flows = [
          { from: lan, to: wan, sizes: sizes(1) },
          { from: wan, to: lan, sizes: sizes(2) },
        ];
        await Promise.all(
          flows.map(async ({ from, to, sizes }) => {
            const port = await to.app.call('receiveDatagrams', to.plan.host[family]);
            try {
              await from.app.call('sendDatagrams', to.plan.host[family], port, sizes);
            } finally {
              const { order, broken, bytes } = await to.app.call('stopReceiving');
              expect({ order, broken, bytes }).toEqual({
                order: sizes.map((_, i) => i),
                broken: 0,
                bytes: sizes.reduce((sum, size) => sum + size, 0),
              });
            }
          }),
        );
      },
    );

    it('and every buffer is back in its pool', async () => {
      await expectPoolsBack(lab, free);
    });
  });

  describe.each<[string, LabOptions]>([
    [
      'that loses 1 % of the frames each way and reorders others',
      { faults: { loss: 0.01, reordering: 0.01 } },
    ],
    ['that does so, behind packet ports', { ports: 'packet', faults: { loss: 0.01, reordering: 0.01 } }],
    ['that does so with every segment', { faults: { loss: 0.01, reordering: 0.01 }, offloads: false }],
    // No checksum may be called right that was not looked at.
    [
      'that also flips bits and sends twice',
      { faults: { loss: 0.003, reordering: 0.003, corruption: 0.01, duplication: 0.01 }, offloads: false },
    ],
  ])('over a wire %s', (_, options) => {
    let lab: Lab;
    let free: Pools;
    beforeAll(async () => {
      lab = await Lab.start(options);
      free = await settledPools(lab);
    });
    afterAll(() => lab?.close());

    it.each(FAMILIES)(`${BYTES / MEGABYTE} MB each way by TCP arrive unchanged by IPv%i`, async (family) => {
      const before = await faults(lab);
      await transfer(lab.lan, lab.wan, family, BYTES);
      const after = await faults(lab);
      expect(after.lost).toBeGreaterThan(before.lost);
      expect(after.reordered).toBeGreaterThan(before.reordered);
    });

    it('and every buffer is back in its pool', async () => {
      await expectPoolsBack(lab, free);
    });
  });

  describe.each(['tap', 'packet'] as const)('by iperf3 and %s ports', (ports) => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await Lab.start({ ports });
      await lab.wan.start('Server listening', 'iperf3', '-s', '--forceflush');
    });
    afterAll(() => lab?.close());

    it.each(FAMILIES)('TCP runs both ways in frames larger than the MTU by IPv%i', async (family) => {
      for (const direction of [[], ['-R']]) {
        const link = direction.length === 0 ? 'lan0' : 'wan0';
        const before = await lab.router.call('stats', link);
        const end = await iperf(lab.lan, WAN.host[family], '-C', 'cubic', ...direction);
        expect(end.sum_received.bytes).toBeGreaterThan(10 * MEGABYTE);
        const after = await lab.router.call('stats', link);
        const bytesPerFrame = (after.rxBytes - before.rxBytes) / (after.rxPackets - before.rxPackets);
        expect(bytesPerFrame).toBeGreaterThan(2 * MTU);
        expect(after.rxErrors - before.rxErrors).toBe(0);
      }
    });

    it.each(FAMILIES)('four TCP streams share the way in both directions by IPv%i', async (family) => {
      const both = await iperf(lab.lan, WAN.host[family], '-C', 'cubic', '-P', '4', '--bidir');
      expect(both.sum_received.bytes).toBeGreaterThan(10 * MEGABYTE);
    });

    it.each(FAMILIES)('UDP at 50 Mbit/s loses nothing either way by IPv%i', async (family) => {
      for (const direction of [[], ['-R']]) {
        const receiver = direction.length === 0 ? lab.wan : lab.lan;
        const before = await overflowed(receiver);
        const end = await iperf(
          lab.lan,
          WAN.host[family],
          '-u',
          '-b',
          '50M',
          '-l',
          '1400',
          '-w',
          '400K',
          ...direction,
        );
        expect(end.sum!.lost_packets).toBe((await overflowed(receiver)) - before);
        expect(end.sum!.packets).toBeGreaterThan(8000);
      }
    });

    it('and of all that nothing was left in the router', async () => {
      for (const link of ['lan0', 'wan0']) {
        const { qdiscLen, rxErrors, txErrors } = await lab.router.call('stats', link);
        expect({ qdiscLen, rxErrors, txErrors }).toEqual({ qdiscLen: 0, rxErrors: 0, txErrors: 0 });
      }
      for (const family of FAMILIES) {
        const { stdout } = await lab.wan.run('ping', '-n', '-c', '3', '-i', '0.02', LAN.host[family]);
        expect(stdout).toContain('3 received, 0% packet loss');
      }
    });
  });
});
