/**
 * Multicast from one Linux host to others through our router, by static routes, and a snooping bridge of ours between:
 *
 *     Linux host ──TAP── lan0  router  br0 ─┬─ p1 ──TAP── Linux host b, joins the group by IGMPv3 or MLDv2
 *     192.0.2.2               ipmr, ip6mr   └─ p2 ──TAP── Linux host c, joins nothing
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bridge } from '../../src/net/bridge.js';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { MulticastRouting } from '../../src/net/mroute.js';
import { createStack, type Stack } from '../../src/stack.js';
import { enterOwnNetns, type OwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/multicast skipped: ${missing}`);

const PATIENCE_MS = 20_000;
const ID = process.pid % 1_000_000;
const PORT = 5000;

async function until(what: string, look: () => Promise<boolean> | boolean): Promise<void> {
  const begin = performance.now();
  while (!(await look())) {
    if (performance.now() - begin > PATIENCE_MS) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A network namespace without a name, which ends with this process; the TAP `tap` is its eth0. */
class Host {
  private readonly children: ChildProcess[] = [];
  private constructor(private readonly holder: ChildProcess) {}

  static async start(tap: string, ...addresses: string[]): Promise<Host> {
    const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const host = new Host(holder);
    execFileSync('ip', ['link', 'set', tap, 'netns', String(holder.pid), 'name', 'eth0']);
    host.run('ip', 'link', 'set', 'lo', 'up');
    host.run('ip', 'link', 'set', 'eth0', 'addrgenmode', 'none', 'up');
    for (const address of addresses)
      host.run('ip', 'addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    return host;
  }

  private command(...words: string[]): string[] {
    return ['-t', String(this.holder.pid), '-n', ...words];
  }

  run(...words: string[]): string {
    return execFileSync('nsenter', this.command(...words), { encoding: 'utf8' });
  }

  /** A receiver by socat(1); `join`: the option that joins a group. What it hears is in `heard`. */
  listen(type: 'UDP4' | 'UDP6', join: string): { child: ChildProcess; heard: string[] } {
    const address = `${type}-RECV:${PORT},reuseaddr${join}`;
    const child = spawn('nsenter', this.command('socat', '-u', address, '-'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    const heard: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => heard.push(...text.trim().split('\n')));
    return { child, heard };
  }

  /** Bytes and frames that came in by eth0. */
  received(): number {
    return JSON.parse(this.run('ip', '-j', '-s', 'link', 'show', 'eth0'))[0].stats64.rx.packets;
  }

  close(): void {
    for (const child of this.children) child.kill('SIGKILL');
    this.holder.kill('SIGKILL');
  }
}

const FAMILIES = [
  {
    name: 'IPv4, IGMP',
    family: AF_INET,
    group: '239.1.2.3',
    source: '192.0.2.2',
    other: '239.1.2.4',
    type: 'UDP4',
    join: ',ip-add-membership=239.1.2.3:eth0',
  },
  {
    name: 'IPv6, MLD',
    family: AF_INET6,
    group: 'ff05::123',
    source: '2001:db8:1::2',
    other: 'ff05::124',
    type: 'UDP6',
    join: ',ipv6-join-group=[ff05::123]:eth0',
  },
] as const;

describe.skipIf(missing !== undefined).each(FAMILIES)(
  '$name',
  ({ family, group, source, other, type, join }) => {
    const six = family === AF_INET6;
    let netns: OwnNetns;
    let stack: Stack;
    let lan: Link;
    let bridge: Bridge;
    let mr: MulticastRouting;
    let ports: Link[];
    let b: Host;
    let c: Host;
    let sender: Socket;

    beforeEach(async () => {
      netns = enterOwnNetns();
      stack = await createStack();
      const router = await stack.namespace('router');
      await router.setSysctl('net.ipv4.ip_forward', 1);
      await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
      lan = await stack.port(router, `tap:wwm${ID}a`, { name: 'lan0' });
      bridge = await router.addBridge({ name: 'br0', mcastQuerier: true });
      ports = [];
      for (const i of [1, 2]) {
        const port = await stack.port(router, `tap:wwm${ID}p${i}`, { name: `p${i}` });
        await bridge.addPort(port);
        ports.push(port);
      }
      await bridge.link.up();
      for (const [link, ...addresses] of [
        [lan, '192.0.2.1/24', '2001:db8:1::1/64'],
        [bridge.link, '198.51.100.1/24', '2001:db8:2::1/64'],
      ] as const)
        for (const address of addresses) await link.addAddress(address, { nodad: true });
      const tap = `wwm${ID}a`;
      for (const line of [
        `link set ${tap} up`,
        `addr add 192.0.2.2/24 dev ${tap}`,
        `addr add 2001:db8:1::2/64 dev ${tap} nodad`,
      ])
        execFileSync('ip', line.split(' '));
      b = await Host.start(`wwm${ID}p1`, '198.51.100.2/24', '2001:db8:2::2/64');
      c = await Host.start(`wwm${ID}p2`, '198.51.100.3/24', '2001:db8:2::3/64');
      mr = router.multicastRouting(family);
      await mr.enable();
      await mr.addVif(0, lan);
      await mr.addVif(1, bridge.link);
      sender = createSocket(six ? 'udp6' : 'udp4');
      sender.bind(0, source);
      await once(sender, 'listening');
      sender.setMulticastInterface(six ? `::%${tap}` : source);
      sender.setMulticastTTL(8);
    });
    afterEach(async () => {
      sender.close();
      b.close();
      c.close();
      await stack.close();
      netns.leave();
    });

    const joined = async () =>
      (await bridge.mdb()).some((entry) => entry.group === group && entry.ifindex === ports[0]!.ifindex);
    const send = (text: string, to: string = group) =>
      new Promise<void>((resolve, reject) =>
        sender.send(`${text}\n`, PORT, to, (error) => (error === null ? resolve() : reject(error))),
      );
    const forwarded = async () => (await mr.vifs()).find(({ vif }) => vif === 1)!.packetsOut;

    test('reaches the host that joined, and only it; ends when it leaves', async () => {
      await mr.add({ source, group, from: 0, to: [1] });
      await mr.add({ source, group: other, from: 0, to: [1] });
      const one = b.listen(type, join);
      // Hears every datagram that its host takes at all.
      const two = c.listen(type, '');
      await until('the membership', joined);
      // Learned, and the querier has asked long enough ago: what nobody joined goes nowhere.
      await until('a snooping bridge', async () => {
        const before = [b.received(), c.received()];
        const sent = await forwarded();
        for (let i = 0; i < 10; i++) await send(`${i}`, other);
        await until('the copies', async () => (await forwarded()) === sent + 10);
        return b.received() - before[0]! < 10 && c.received() - before[1]! < 10;
      });

      const quiet = c.received();
      const sent = await forwarded();
      for (let i = 0; i < 100; i++) await send(`datagram ${i}`);
      await until('all of them', () => one.heard.length === 100);
      expect(one.heard).toEqual(Array.from({ length: 100 }, (_, i) => `datagram ${i}`));
      expect((await forwarded()) - sent).toBe(100);
      expect(two.heard).toEqual([]);
      // Its share is at most the querier's and the neighbours' own talk.
      expect(c.received() - quiet).toBeLessThan(10);

      // IGMP and MLD leave; the bridge asks twice for the last member, a second each.
      one.child.kill('SIGTERM');
      await until('the leave', async () => !(await joined()));
      const left = b.received();
      for (let i = 0; i < 50; i++) await send(`late ${i}`);
      await until('the copies', async () => (await forwarded()) === sent + 150);
      expect(b.received() - left).toBeLessThan(10);
      expect(await mr.routes()).toEqual(
        expect.arrayContaining([expect.objectContaining({ source, group, packets: 150, wrongInterface: 0 })]),
      );
    });

    test('tells of a group without route, and goes on with it once there is one', async () => {
      const heardOf: string[] = [];
      mr.onEvent((event) => {
        if (event.kind !== 'nocache' || event.group !== group) return;
        heardOf.push(`${event.source} by VIF ${event.vif}`);
        // What smcroute or a routing daemon would do.
        void mr.add({ source: event.source, group: event.group, from: event.vif, to: [1] });
      });
      const one = b.listen(type, join);
      await until('the membership', joined);
      // It waits in the router until the route is there.
      await send('first');
      await until('the first one', () => one.heard.length === 1);
      for (let i = 0; i < 20; i++) await send(`${i}`);
      await until('the last one', () => one.heard.length === 21);
      expect(one.heard).toEqual(['first', ...Array.from({ length: 20 }, (_, i) => `${i}`)]);
      expect(heardOf).toEqual([`${source} by VIF 0`]);
    });
  },
);
