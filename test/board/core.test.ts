/**
 * Core mode: the core runs on the board and forwards between the board's ports; here is only its control plane. Two
 * neighbours, each at an Ethernet of the board, in a core of this process.
 *
 *   a: 192.0.2.2, 2001:db8:1::2 ── UDP ── port 0 ┐             ┌ port 1 ── UDP ── b: 198.51.100.2, 2001:db8:2::2
 *                                                └─ the board ─┘
 *                                                      │ serial line: requests, events
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkCrash, LinkOp } from '../../assembly/abi/link.js';
import { ping } from '../../src/tools/ping.js';
import { CoreLab } from './core_lab.js';
import { buildImages } from './images.js';

const SECOND = { timeout: 10_000, interval: 20 };

beforeAll(buildImages, 600_000);

describe.each(['virt64', 'virt32'])('the core on %s', (board) => {
  let lab: CoreLab;
  beforeAll(async () => {
    lab = await CoreLab.start(`serial:qemu:${board}`, 2);
  });
  afterAll(() => lab?.close());

  it.each([
    ['IPv4', '198.51.100.2', 56],
    ['IPv6', '2001:db8:2::2', 56],
    ['IPv4 in fragments', '198.51.100.2', 20_000],
    ['IPv6 in fragments', '2001:db8:2::2', 20_000],
  ])('forwards %s between its ports', async (_what, to, size) => {
    await expect
      .poll(() => ping(lab.a, to, { size, timeoutMs: 3000 }), { timeout: 30_000, interval: 20 })
      .toMatchObject({ kind: 'reply', from: to, bytes: size });
  });

  it('answers for itself', async () => {
    await expect
      .poll(() => ping(lab.a, '192.0.2.1', { timeoutMs: 1000 }), SECOND)
      .toMatchObject({ kind: 'reply', from: '192.0.2.1' });
  });

  it('tells its links, addresses, routes, neighbours and counters as a local core does', async () => {
    const links = await lab.router.links();
    expect(links.map(({ name }) => name)).toEqual(['lo', 'eth0', 'eth1']);
    expect(links.slice(1).every(({ up }) => up)).toBe(true);
    const neighbours = (await lab.router.neighbours()).map(({ address }) => address);
    expect(neighbours).toEqual(expect.arrayContaining(['192.0.2.2', '198.51.100.2']));
    const { IpForwDatagrams } = await lab.router.snmp();
    expect(IpForwDatagrams).toBeGreaterThan(0);
  });

  it('tells of what happens there by itself', async () => {
    const events: number[] = [];
    const stop = lab.stack.core.onEvent(({ type }) => events.push(type));
    await lab.eth1.addAddress('203.0.113.1/24');
    await expect.poll(() => events.length, SECOND).toBeGreaterThan(0);
    stop();
  });
});

describe('a trap in the code of the core on a board', () => {
  it('is told, stops the core and leaves the board there for a new one', async () => {
    const lab = await CoreLab.start('serial:qemu:virt64', 2);
    try {
      const { link, board } = lab.stack.core.board;
      const call = link.call(LinkOp.CRASH, Buffer.from([LinkCrash.CORE, 0, 0, 0]), 'crash');
      await expect(call).rejects.toMatchObject({ code: 'EFAULT' });
      await expect.poll(() => lab.traps, SECOND).toMatchObject([{ kind: 'core' }]);
      await expect(lab.router.links()).rejects.toMatchObject({ code: 'ENODEV' });
      expect(await lab.stack.core.board.state()).toMatchObject({ run: 'trapped' });
      expect((await link.connected(1000)).bootId).toBe(board.bootId);
    } finally {
      await lab.close();
    }
  });
});
