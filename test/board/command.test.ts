/** `ww board` on a virtual board. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runBoard } from '../../src/cli/board_run.js';
import { buildImages } from './images.js';

const LINE = 'serial:qemu:virt64';

async function run(
  name: string,
  line = '',
  options = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runBoard(name, { json: true, ...options }, line, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

beforeAll(buildImages, 600_000);

describe('ww board', () => {
  it('lists virtual boards', async () => {
    const { code, out } = await run('list', '', { probe: false });
    expect(code).toBe(0);
    expect(JSON.parse(out).virtual).toContain(LINE);
  });

  it('info says who the board is, with its port and counters', async () => {
    const { code, out } = await run('info', LINE);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      name: 'virt64',
      xlen: 64,
      mode: 'port',
      capabilities: ['port', 'core', 'reflect', 'selftest'],
      links: [{ port: 0, mac: '52:54:00:57:57:00', up: true, mtu: 1500 }],
      counters: { line: { bad: 0, lost: 0 }, ports: [{ tx_frames: 0 }] },
    });
  });

  it('selftest runs all tests of the board', async () => {
    const { code, out } = await run('selftest', LINE);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ failed: 0, passed: 21 });
  });

  it('bench tells round trips and rates of the line', async () => {
    const { code, out } = await run('bench', LINE);
    expect(code).toBe(0);
    const { name, echo } = JSON.parse(out) as {
      name: string;
      echo: { bytes: number; rttMedian: number; kibPerS: number }[];
    };
    expect(name).toBe('virt64');
    expect(echo.map(({ bytes }) => bytes)).toEqual([16, 512, 2040]);
    for (const { rttMedian, kibPerS } of echo) expect(Math.min(rttMedian, kibPerS)).toBeGreaterThan(0);
  });

  it('reset starts the board again, and waits for it', async () => {
    const { code, out } = await run('reset', LINE);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ reason: 'asked', starts: 2 });
  });

  it('monitor tells what happens', async () => {
    const { code, out } = await run('monitor', LINE, { duration: 1.5 });
    expect(code).toBe(0);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event as string);
    expect(events.slice(0, 2)).toEqual(['boot', 'up']);
  });

  it('complains of a line that is none as wrong use', async () => {
    expect(await run('info', 'serial:qemu:nothing')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no virtual board 'nothing'; there are virt64/),
    });
  });
});
