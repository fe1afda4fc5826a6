/**
 * Core mode: the core runs on the board and forwards between the board's ports; here is only its control plane. Two
 * neighbours, each at an Ethernet of the board, in a core of this process.
 *
 *   a: 192.0.2.2, 2001:db8:1::2 ── UDP ── port 0 ┐             ┌ port 1 ── UDP ── b: 198.51.100.2, 2001:db8:2::2
 *                                                └─ the board ─┘
 *                                                      │ serial line: requests, events
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import { LinkCrash, LinkOp } from '../../assembly/abi/link.js';
import { DAMAGES } from '../../hil/line/damaged_line.js';
import { LineProxy } from '../../hil/line/line_proxy.js';
import { loadRules } from '../../src/cli/router_rules.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { RemoteStack } from '../../src/remote_stack.js';
import { TraceFeed } from '../../src/services/trace_feed.js';
import { AF_INET } from '../../src/net/ip.js';
import { createStack } from '../../src/stack.js';
import { ping } from '../../src/tools/ping.js';
import { Random } from '../random.js';
import { CoreLab } from './core_lab.js';
import { buildImages } from './images.js';

const SECOND = { timeout: 10_000, interval: 20 };

/** All of a core in so little: 64 KB of it are constants and 36 KB the table of calls, which are no pools. */
const SMALL = {
  memoryBytes: 640 << 10,
  skbs: 48,
  smallSlots: 80,
  devices: 6,
  nets: 2,
  requestBytes: 16 << 10,
  events: 32,
  deliveries: 8,
  handles: 8,
};
const RULES = {
  file: 'rules',
  place: { file: 'rules', line: 1, column: 1, message: '', hint: '', source: '', width: 0 },
  text: `
table inet firewall {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related counter accept
    iifname "eth0" counter accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}`,
};

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

describe('the core on a board with one port and the line', () => {
  it.each(['virt64', 'sifive_u'])('forwards between them: %s', async (board) => {
    const lab = await CoreLab.start(`serial:qemu:${board}`, 1);
    try {
      for (const [to, size] of [
        ['198.51.100.2', 56],
        ['2001:db8:2::2', 56],
        ['198.51.100.2', 8000],
      ] as const)
        await expect
          .poll(() => ping(lab.a, to, { size, timeoutMs: 2000 }), { timeout: 20_000, interval: 20 })
          .toMatchObject({ kind: 'reply', from: to, bytes: size });
    } finally {
      await lab.close();
    }
  });
});

describe('the core on a board with half a megabyte', () => {
  it('forwards, filters and tracks', async () => {
    const lab = await CoreLab.start('serial:qemu:virt64', 2, { sizes: SMALL });
    try {
      expect(lab.stack.core.sizes.memoryBytes).toBe(SMALL.memoryBytes);
      await loadRules(lab.router, RULES);
      await expect
        .poll(() => ping(lab.a, '198.51.100.2', { timeoutMs: 1000 }), SECOND)
        .toMatchObject({ kind: 'reply' });
      await expect
        .poll(() => ping(lab.a, '2001:db8:2::2', { timeoutMs: 1000 }), SECOND)
        .toMatchObject({ kind: 'reply' });
      expect(await ping(lab.b, '192.0.2.2', { timeoutMs: 300 })).toMatchObject({ kind: 'timeout' });
      const connections = await lab.router.conntrack.list();
      expect(connections.length).toBeGreaterThan(0);
    } finally {
      await lab.close();
    }
  });
});

describe('what a core on a board knows', () => {
  let lab: CoreLab;
  beforeAll(async () => {
    lab = await CoreLab.start('serial:qemu:virt64', 2);
  });
  afterAll(() => lab?.close());

  it('tells which packets it drops, and why', async () => {
    const reasons: number[] = [];
    const stop = new TraceFeed(lab.stack.core).drops(({ reason }) => reasons.push(reason));
    await expect
      .poll(async () => {
        await ping(lab.a, '203.0.113.9', { timeoutMs: 200 });
        return reasons;
      }, SECOND)
      .toContain(SkbDropReason.IP_INNOROUTES);
    stop();
  });

  it('goes on in a core of this process, from a snapshot', async () => {
    await lab.router.addRoute({ to: '203.0.113.0/24', via: '198.51.100.2' }, 'replace');
    // Those of IPv6 come by themselves, when an address has been looked for.
    const here = await lab.router.routes(AF_INET);
    const stack = await createStack({ clock: 'virtual', snapshot: await lab.stack.core.snapshot() });
    try {
      const there = stack.adopt('router', lab.router.handle);
      expect(await there.routes(AF_INET)).toEqual(here);
      expect((await there.links()).map(({ name }) => name)).toEqual(['lo', 'eth0', 'eth1']);
    } finally {
      await stack.close();
    }
    await expect
      .poll(() => ping(lab.a, '198.51.100.2', { timeoutMs: 1000 }), SECOND)
      .toMatchObject({ kind: 'reply' });
  });
});

describe('requests to a core at the end of a bad line', () => {
  it('are done once each, whatever is lost', { timeout: 120_000 }, async () => {
    const seed = Number(process.env.FUZZ_SEED ?? 1);
    const random = new Random(seed);
    const proxy = await LineProxy.open(random);
    const board = await VirtualBoard.start({ board: 'virt64', nets: [{ kind: 'user' }] });
    proxy.connect(board.serial);
    const stack = await RemoteStack.open(proxy.spec.replace('serial:', ''));
    try {
      const router = await stack.namespace('router');
      const eth0 = await stack.port(router, 0, { name: 'eth0' });
      const made: string[] = [];
      for (let n = 0; n < 60; n++) {
        const address = `10.0.${n}.1/24`;
        made.push(address);
        const done = eth0.addAddress(address);
        if (n % 10 === 5) setTimeout(() => proxy.disconnect(), random.below(3));
        else if (n % 3 === 0) proxy.toHost = random.pick(DAMAGES);
        else if (n % 3 === 1) proxy.toBoard = random.pick(DAMAGES);
        // Done twice it would say EEXIST.
        await done;
      }
      const there = (await eth0.addresses()).filter(({ address }) => address.startsWith('10.0.'));
      expect(there.map(({ address, prefix }) => `${address}/${prefix}`).sort()).toEqual(made.sort());
      expect(stack.core.board.link.session.counters.sessions).toBeGreaterThan(1);
    } finally {
      await stack.close();
      await proxy.close();
      await board.close();
    }
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
