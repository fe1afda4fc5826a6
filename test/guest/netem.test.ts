/**
 * Our router between two hosts of Debian's kernel whose links are bad by netem(8): delay, jitter, loss, reordering,
 * duplication, in front of the router's ports each way, and a rate with fq on the far host.
 *
 *   LAN host ─ netem ─ TAP ─ lan0  our router  wan0 ─ TAP ─ netem ─ WAN host
 *
 * Neighbours are found and kept through loss, TCP gets everything across unchanged, and what netem does to a ping's time
 * and number is all that is done to it.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES, type Host, Lab, WAN } from '../kernel/kernel_lab.js';

const LIMIT_MS = 240_000;
const BYTES = 1_000_000;
const NUD = { timeout: 90_000, interval: 1000 };

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.start();
}, LIMIT_MS);
afterEach(() => lab?.close());

/** What leaves a host by its link; the router's frames to it come undisturbed. */
async function netem(host: Host, ...words: string[]): Promise<void> {
  const { code, stderr } = await host.run('tc', 'qdisc', 'replace', 'dev', host.device, 'root', ...words);
  expect(code, stderr).toBe(0);
}

async function transfer(from: Host, to: Host, family: 4 | 6): Promise<void> {
  const address = to.plan.host[family];
  const port = await to.app.call('listen', address, { seed: 11, bytes: BYTES });
  const [one, two] = await Promise.all([
    from.app.call('exchange', address, port, { seed: 12, bytes: BYTES }),
    to.app.call('served'),
  ]);
  expect([one.receivedBytes, two.receivedBytes]).toEqual([BYTES, BYTES]);
  expect([one.received, two.received]).toEqual([two.sent, one.sent]);
}

interface Pings {
  sent: number;
  received: number;
  duplicates: number;
  /** Milliseconds. */
  min: number;
}

async function ping(from: Host, to: string, ...options: string[]): Promise<Pings> {
  const { stdout } = await from.run('ping', '-n', '-q', ...options, to);
  const counts = /(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?/.exec(stdout);
  const times = /= ([\d.]+)\//.exec(stdout);
  if (counts === null) throw new Error(stdout);
  return {
    sent: Number(counts[1]),
    received: Number(counts[2]),
    duplicates: Number(counts[3] ?? 0),
    min: Number(times?.[1] ?? Number.NaN),
  };
}

describe('links that netem disturbs', () => {
  it.each(FAMILIES)(
    'delay and nothing else: every ping of IPv%i takes it both ways and arrives',
    async (family) => {
      await netem(lab.lan, 'netem', 'delay', '60ms');
      await netem(lab.wan, 'netem', 'delay', '40ms');
      const { sent, received, duplicates, min } = await ping(
        lab.lan,
        WAN.host[family],
        '-c',
        '10',
        '-i',
        '0.3',
      );
      expect({ sent, received, duplicates }).toEqual({ sent: 10, received: 10, duplicates: 0 });
      expect(min).toBeGreaterThanOrEqual(100);
    },
    LIMIT_MS,
  );

  it.each(FAMILIES)(
    'TCP of IPv%i gets across loss, reordering, duplication and jitter unchanged',
    async (family) => {
      const bad = ['netem', 'delay', '5ms', '3ms', 'loss', '2%', 'reorder', '5%', '50%', 'duplicate', '1%'];
      await netem(lab.lan, ...bad);
      await netem(lab.wan, ...bad);
      await transfer(lab.lan, lab.wan, family);
    },
    LIMIT_MS,
  );

  it(
    'neighbours are found, kept and found again where a third of their answers is lost',
    async () => {
      await netem(lab.lan, 'netem', 'loss', '33%');
      await netem(lab.wan, 'netem', 'loss', '33%');
      // Soon stale, so that the router has to probe again and again.
      for (const family of FAMILIES)
        for (const name of ['lan0', 'wan0'])
          await lab.router.call('namespace', 'router', {
            [`net.ipv${family}.neigh.${name}.base_reachable_time_ms`]: 1000,
          });
      for (let round = 0; round < 2; round++) {
        for (const family of FAMILIES) {
          // A ping gets there and back with four in nine, and neighbours may fail meanwhile.
          const some = async () =>
            (await ping(lab.lan, WAN.host[family], '-c', '10', '-i', '0.2', '-W', '1')).received;
          await expect.poll(some, NUD).toBeGreaterThan(0);
        }
      }
      // A link that is good again serves both families as if nothing had been.
      await netem(lab.lan, 'pfifo');
      await netem(lab.wan, 'pfifo');
      for (const family of FAMILIES) {
        const all = async () =>
          (await ping(lab.lan, WAN.host[family], '-c', '5', '-i', '0.2', '-W', '2')).received;
        await expect.poll(all, NUD).toBe(5);
      }
    },
    LIMIT_MS,
  );

  it(
    'a far host that sends by fq at its own pace is not held up',
    async () => {
      await netem(lab.wan, 'fq', 'maxrate', '8mbit');
      await transfer(lab.lan, lab.wan, 4);
      await transfer(lab.lan, lab.wan, 6);
    },
    LIMIT_MS,
  );
});
