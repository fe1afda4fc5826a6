/** `ww pktgen` as a user runs it: in one process, between two, in a pipe, ended by Ctrl-C, with mistakes. */
import { afterEach, describe, expect, it } from 'vitest';
import { Ww } from './ww_process.js';

const running: Ww[] = [];
function pktgen(...args: string[]): Ww {
  const ww = new Ww(['pktgen', ...args]);
  running.push(ww);
  return ww;
}
afterEach(() => {
  for (const ww of running.splice(0)) ww.kill('SIGKILL');
});

interface Summary {
  streams: {
    id: number;
    tx: { packets: number } | null;
    rx: { unique: number } | null;
    lost: number;
    latencyNs: { p50: number } | null;
  }[];
  total: { sent: number; received: number; lost: number; corrupted: number };
  search?: { rate: number; trials: { passed: boolean }[] };
}
const summaryOf = (ww: Ww) => JSON.parse(ww.stdout) as Summary;

describe('ww pktgen --loop', () => {
  it('sends through a router in this process and loses nothing', async () => {
    const ww = pktgen(
      '--loop',
      '--count',
      '2000',
      '--rate',
      '10kpps',
      '--size',
      'imix',
      '--flows',
      '100',
      '--json',
    );
    expect((await ww.exited).code).toBe(0);
    const { streams, total } = summaryOf(ww);
    expect(total).toEqual({ sent: 2000, received: 2000, lost: 0, corrupted: 0 });
    expect(streams[0]!.latencyNs!.p50).toBeGreaterThan(0);
  });

  it('searches for the throughput and tells every trial', async () => {
    const ww = pktgen(
      '--loop',
      '--search',
      '--rate',
      '2kpps',
      '--duration',
      '0.5',
      '--loss-limit',
      '100',
      '--json',
    );
    expect((await ww.exited).code).toBe(0);
    expect(summaryOf(ww).search!.trials.length).toBeGreaterThan(0);
    expect(ww.log.some(({ msg }) => /^(passed|failed) /.test(msg))).toBe(true);
  });

  it('ends with Ctrl-C and a summary, for people without --json', async () => {
    const ww = pktgen('--loop', '--rate', '2kpps');
    await ww.line(({ msg, rxPps }) => msg === 'stream' && Number(rxPps) > 0);
    ww.kill('SIGINT');
    expect((await ww.exited).code).toBe(0);
    expect(ww.stdout).toMatch(/^stream +way +tx Mpps/);
    expect(ww.stdout).toMatch(/\n\d+ sent, \d+ received, 0 lost, 0 damaged\n$/);
  });
});

describe('ww pktgen between two processes', () => {
  it('counts over a udp wire what the other sends', async () => {
    const port = 20_000 + (process.pid % 20_000);
    const [left, right] = [`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`];
    const rx = pktgen('--rx', `udp:${right}-${left}`, '--json');
    await rx.line(({ msg }) => msg.startsWith('counting on'));
    const tx = pktgen(
      '--port',
      `udp:${left}-${right}`,
      '--count',
      '500',
      '--rate',
      '2kpps',
      '--proto',
      'tcp',
      '--size',
      '200',
      '--json',
    );
    expect((await tx.exited).code).toBe(0);
    rx.kill('SIGTERM');
    expect((await rx.exited).code).toBe(0);
    expect(summaryOf(tx).total).toMatchObject({ sent: 500 });
    const { streams, total } = summaryOf(rx);
    expect(total).toMatchObject({ received: 500, lost: 0, corrupted: 0 });
    expect(streams[0]).toMatchObject({ id: 1, tx: null });
  });
});

describe('a mistake', () => {
  it.each([
    [[], /--port PORT, --rx PORT or --loop/],
    [['--loop', '--rate', 'fast'], /rate 'fast': 'max', frames like/],
    [['--loop', '--size', '20'], /each from 64 to 9022/],
    [['--port', 'nothing:x'], /no such kind of port/],
    [['--loop', '--search'], /--search needs --duration/],
    [['--loop', '--proto', 'sctp'], /Allowed choices are udp/],
    [['--streams', '/nowhere.yaml', '--loop'], /cannot read \/nowhere.yaml: ENOENT/],
  ])('%j is wrong use, and nothing is started', async (args, message) => {
    const ww = pktgen(...args);
    expect((await ww.exited).code).toBe(2);
    expect(ww.stderr.join('\n')).toMatch(message);
    expect(ww.stdout).toBe('');
  });
});
