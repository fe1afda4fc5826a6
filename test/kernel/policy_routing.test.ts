/**
 * Our router among Linux hosts: VRFs with the same addresses, routes by source, flows spread over several next hops.
 * Which host answered is told by what it serves: its own name.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { LinuxHost } from './linux_host.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/policy_routing skipped: ${missing}`);

/** A router, and hosts that a test hangs at it. */
class Star {
  private readonly hosts: LinuxHost[] = [];

  private constructor(
    readonly stack: Stack,
    readonly router: Namespace,
    private readonly netns: { leave(): void },
  ) {}

  static async make(): Promise<Star> {
    const netns = enterOwnNetns();
    const stack = await createStack();
    const router = await stack.namespace('router');
    await router.setSysctl('net.ipv6.conf.default.accept_dad', 0);
    await router.setSysctl('net.ipv6.conf.default.accept_ra', 0);
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
    return new Star(stack, router, netns);
  }

  /** A port with these addresses and the host behind it. */
  async hang(
    name: string,
    addresses: readonly string[],
    lines: readonly string[],
    master?: Link,
  ): Promise<[Link, LinuxHost]> {
    const link = await this.stack.port(this.router, `tap:${name}`, { name });
    if (master) await link.set({ master });
    for (const one of addresses) await link.addAddress(one, { nodad: true });
    const host = await LinuxHost.start(name, lines);
    this.hosts.push(host);
    return [link, host];
  }

  async close(): Promise<void> {
    for (const host of this.hosts) host.close();
    await this.stack.close();
    this.netns.leave();
  }
}

/** Says its name to whoever connects, by IPv4 and IPv6. */
const server = (name: string) =>
  `require('net').createServer((s) => s.end('${name}')).listen(8000, '::', () => console.log('ready'))`;
const ask = (host: LinuxHost, address: string, from?: string) =>
  host.node(
    `require('net').connect({ port: 8000, host: '${address}'${from === undefined ? '' : `, localAddress: '${from}'`} }).on('error', (e) => console.log(e.code)).pipe(process.stdout)`,
  );

describe.skipIf(missing !== undefined)('two VRFs of our router, with the same addresses', () => {
  let star: Star;
  const left: Record<string, LinuxHost> = {};

  beforeAll(async () => {
    star = await Star.make();
    for (const [i, name] of ['red', 'blue'].entries()) {
      const vrf = await star.router.addLink({ kind: 'vrf', name, table: 10 + i });
      await vrf.up();
      const side = (n: number) => [
        `addr add 10.0.${n}.2/24 dev eth0`,
        `addr add fd0${n}::2/64 dev eth0 nodad`,
        `route add default via 10.0.${n}.1`,
        `-6 route add default via fd0${n}::1`,
      ];
      [, left[name]] = await star.hang(`${name}-l`, ['10.0.1.1/24', 'fd01::1/64'], side(1), vrf);
      const [, right] = await star.hang(`${name}-r`, ['10.0.2.1/24', 'fd02::1/64'], side(2), vrf);
      await right.serve(server(name));
    }
  });
  afterAll(() => star?.close());

  test.each(['10.0.2.2', 'fd02::2'])('each lead to their own %s', async (address) => {
    expect(await ask(left.red!, address)).toBe('red');
    expect(await ask(left.blue!, address)).toBe('blue');
  });

  test('answer pings and tell of a TTL that ran out', async () => {
    for (const host of [left.red!, left.blue!]) {
      expect(await host.run('ping', '-n', '-c', '1', '-w', '5', '10.0.2.1')).toContain('1 received');
      expect(await host.run('ping', '-n', '-c', '1', '-w', '5', 'fd02::1')).toContain('1 received');
      expect(await host.run('ping', '-n', '-c', '1', '-w', '5', '-t', '1', '10.0.2.2')).toMatch(
        /From 10\.0\.1\.1 .*Time to live exceeded/,
      );
    }
  });

  test('know nothing of a network of the other', async () => {
    await star.router.addRoute({ to: '10.99.0.0/16', via: '10.0.2.2', table: 11 });
    expect(await left.red!.run('ping', '-n', '-c', '1', '-w', '5', '10.99.0.1')).toMatch(
      /From 10\.0\.1\.1 .*Destination Net Unreachable/,
    );
  });
});

describe.skipIf(missing !== undefined)('one client and three ways out', () => {
  const FLOWS = 120;
  let star: Star;
  let client: LinuxHost;
  const names = ['a', 'b', 'c'];

  beforeAll(async () => {
    star = await Star.make();
    [, client] = await star.hang(
      'lan',
      ['10.0.0.1/24'],
      ['addr add 10.0.0.2/24 dev eth0', 'addr add 10.0.0.3/24 dev eth0', 'route add default via 10.0.0.1'],
    );
    for (const [i, name] of names.entries()) {
      const [link, host] = await star.hang(
        `way-${name}`,
        [`10.1.${i}.1/24`],
        [
          `addr add 10.1.${i}.2/24 dev eth0`,
          `route add default via 10.1.${i}.1`,
          'route add local 203.0.113.0/24 dev lo',
        ],
      );
      await host.serve(server(name));
      await host.serve(
        `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send('${name}', r.port, r.address)); s.bind(9000, () => console.log('ready'))`,
      );
      await star.router.addNexthop({ id: i + 1, via: `10.1.${i}.2`, oif: link.ifindex });
    }
    await star.router.setSysctl('net.ipv4.fib_multipath_hash_policy', 1);
    await star.router.setSysctl('net.ipv4.fib_multipath_hash_seed', 77);
    const group = names.map((_name, i) => ({ id: i + 1 }));
    await star.router.addNexthop({ id: 10, group });
    await star.router.addNexthop({ id: 20, group, resilient: { buckets: 64, idleTimer: 60 } });
    await star.router.addRoute({ to: '203.0.113.0/25', nhid: 10 });
    await star.router.addRoute({ to: '203.0.113.128/25', nhid: 20 });
  });
  afterAll(() => star?.close());

  /** The answers that datagrams from as many ports get, one letter each; a dot is none. */
  const flows = (to: string) =>
    client
      .node(`
      const got = new Array(${FLOWS}).fill('.');
      let left = ${FLOWS};
      const done = () => { console.log(got.join('')); process.exit(); };
      setTimeout(done, 5000);
      for (let n = 0; n < ${FLOWS}; n++) {
        const s = require('dgram').createSocket('udp4');
        s.on('message', (m) => { got[n] = String(m); if (--left === 0) done(); });
        s.bind(20000 + n, '10.0.0.2', () => s.send('x', 9000, '${to}'));
      }`)
      .then((text) => text.trim());
  const counts = (text: string) => names.map((name) => text.split(name).length - 1);

  test('a source takes the way of its rule, the other the one of main', async () => {
    await star.router.addRoute({ to: '203.0.113.9/32', via: '10.1.0.2' });
    await star.router.addRoute({ to: '203.0.113.9/32', via: '10.1.2.2', table: 100 });
    await star.router.addRule({ from: '10.0.0.3', table: 100, priority: 100 });
    expect(await ask(client, '203.0.113.9', '10.0.0.2')).toBe('a');
    expect(await ask(client, '203.0.113.9', '10.0.0.3')).toBe('c');
  });

  test('flows are spread as the seed has it, all answered, and stay where they are', async () => {
    // While a neighbour is being asked for, a group goes round it, as Linux's does.
    await flows('203.0.113.1');
    const first = await flows('203.0.113.1');
    expect(counts(first)).toEqual([40, 40, 40]);
    expect(await flows('203.0.113.1')).toBe(first);
  });

  test('of a resilient group only the flows of the one that goes move', async () => {
    const before = await flows('203.0.113.200');
    expect(counts(before)).toEqual([43, 35, 42]);
    await star.router.deleteNexthop(2);
    const after = await flows('203.0.113.200');
    expect([...before].filter((way, n) => way !== 'b' && after[n] !== way)).toEqual([]);
    expect(counts(after)).toEqual([58, 0, 62]);
  });
});
