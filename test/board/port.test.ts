/**
 * A board as a port of a router, without root: frames through its serial line and its Ethernet, on every virtual board.
 * hil/suites does the same from the kernel, and has the faults.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkCrash, LinkOp } from '../../assembly/abi/link.js';
import { parseCounters } from '../../src/drivers/serial/link_messages.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { ping } from '../../src/tools/ping.js';
import { Random } from '../random.js';
import { BoardLab, freeUdpPort } from './board_lab.js';
import { buildImages } from './images.js';
import { LineProxy } from '../../hil/line/line_proxy.js';

const SECOND = { timeout: 10_000, interval: 20 };
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

beforeAll(buildImages, 600_000);

describe.each(['virt64', 'virt32', 'sifive_u'])('a port on %s', (board) => {
  let lab: BoardLab;
  beforeAll(async () => {
    lab = await BoardLab.start((ethernet) => `serial:qemu:${board}@${ethernet}`);
    await lab.driver.link.connected(10_000);
  });
  afterAll(() => lab?.close());

  it('says who it is, and that its link is up', async () => {
    await expect.poll(() => lab.states.at(-1), SECOND).toBe('up');
    expect(lab.driver.link.session.board).toMatchObject({
      name: board,
      xlen: board === 'virt32' ? 32 : 64,
      ports: 1,
      version: 1,
      build: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it.each([
    ['IPv4', '192.0.2.2', 56],
    ['IPv6', '2001:db8::2', 56],
    ['IPv4 in 44 fragments', '192.0.2.2', 65000],
    ['IPv6 in 45 fragments', '2001:db8::2', 65000],
  ])('pings over %s', async (_what, to, size) => {
    await expect
      .poll(() => ping(lab.a, to, { size, timeoutMs: size > 1500 ? 9000 : 1000 }), {
        timeout: 40_000,
        interval: 20,
      })
      .toMatchObject({ kind: 'reply', from: to, bytes: size });
  });

  it('passes its own tests', async () => {
    const names: string[] = [];
    for (let n = 0; ; n++) {
      const result = await lab.driver.link
        .call(LinkOp.SELFTEST, word(n), `selftest ${n}`)
        .catch((error: { code: string }) => error.code);
      if (result === 'ENOENT') break;
      expect(result, `test ${n}`).toMatchObject({ status: 1 });
      names.push((result as { data: Buffer }).data.toString());
    }
    expect(names).toContain('crc32 check value');
  });

  it('counts what passed', async () => {
    const { link } = lab.driver;
    const before = { ...link.session.counters };
    await ping(lab.a, '192.0.2.2', { timeoutMs: 2000 });
    const { data } = await link.call(LinkOp.COUNTERS, Buffer.alloc(0), 'counters');
    const { line, ports } = parseCounters(data);
    expect(line).toMatchObject({ bad: 0, lost: 0, duplicates: 0, overruns: 0 });
    expect(ports[0]).toMatchObject({ rx_errors: 0, tx_lost: 0 });
    expect(ports[0]!.tx_frames! + ports[0]!.tx_dropped!).toBe(link.session.counters.sent);
    expect(link.session.counters.sent).toBeGreaterThan(before.sent);
  });

  it.each([
    [
      'an illegal instruction',
      LinkCrash.ILLEGAL,
      { kind: 'trap', what: 'illegal instruction', cause: '0x2' },
      'trap',
    ],
    ['a wild load', LinkCrash.LOAD, { kind: 'trap', what: 'load access fault', address: '0x40' }, 'trap'],
    ['no progress', LinkCrash.HANG, { kind: 'watchdog' }, 'watchdog'],
  ])('tells of %s, starts again and goes on', async (_what, how, trap, reason) => {
    const { link } = lab.driver;
    const traps: unknown[] = [];
    const boots: unknown[] = [];
    link.events.trap = (told) => traps.push(told);
    link.events.boot = (told) => boots.push(told);
    const { bootId } = await link.connected(1000);
    await expect(link.call(LinkOp.CRASH, word(how), 'crash')).rejects.toMatchObject({
      code: how === LinkCrash.HANG ? 'ETIMEDOUT' : 'ECONNRESET',
    });
    await expect.poll(() => traps, SECOND).toMatchObject([trap]);
    await expect.poll(() => boots.at(-1), SECOND).toMatchObject({ reason });
    expect((await link.connected(5000)).bootId).not.toBe(bootId);
    await expect
      .poll(() => ping(lab.a, '192.0.2.2', { timeoutMs: 500 }), SECOND)
      .toMatchObject({ kind: 'reply' });
  });
});

describe('a board with virtio version 1', () => {
  it('is as one with the legacy interface', async () => {
    const proxy = await LineProxy.open(new Random(1));
    let board: VirtualBoard | undefined;
    const lab = await BoardLab.start(async (ethernet) => {
      const [, local, remote] = /^udp:(.*)-(.*)$/.exec(ethernet)!;
      board = await VirtualBoard.start({
        board: 'virt64',
        nets: [{ kind: 'udp', local: local!, remote: remote! }],
        modern: true,
      });
      proxy.connect(board.serial);
      return proxy.spec;
    });
    try {
      await expect
        .poll(() => ping(lab.a, '192.0.2.2', { size: 20_000, timeoutMs: 5000 }), {
          timeout: 40_000,
          interval: 20,
        })
        .toMatchObject({ kind: 'reply', bytes: 20_000 });
    } finally {
      await lab.close();
      await proxy.close();
      await board?.close();
    }
  });
});

describe('a board that cannot be had', () => {
  it('is said to be so, with what would be right', async () => {
    const lab = await BoardLab.start(() => `serial:tcp://127.0.0.1:1`);
    await expect.poll(() => lab.states, SECOND).toEqual(['ECONNREFUSED']);
    await lab.close();
    expect(await freeUdpPort()).toBeGreaterThan(0);
  });
});
