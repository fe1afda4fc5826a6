/**
 * The short ways of ordinary packets (ipv4/ip_forward_fast; ip_forward_hooked where hooks stand) are the whole way in
 * one go: a router whose routing rules force the whole way must send the same frames and count the same. And the XDP
 * seam, which stands before all of them.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createStack, type Stack } from '../../src/stack.js';
import { be16, cat, hopByHop, ip4, ip6, mac, option, pattern, udp } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { addCallback } from '../wasm_callback.js';

const OP = 600;
const ACCEPT = 1;
const [FORWARD, POSTROUTING, XDP] = [2, 4, 7];
const [XDP_DROP, XDP_PASS] = [1, 2];
const ROUTER_MAC = '02:00:00:00:00:01';

interface Router {
  stack: Stack;
  lan: ScriptDriver;
  wan: ScriptDriver;
  counters(): Promise<Record<string, number>>;
  drops(): Promise<Record<string, number>>;
  send(frames: readonly Uint8Array[]): Uint8Array[];
  op(verdict: (a: number, b: number, c: number) => number): void;
  router: Awaited<ReturnType<Stack['namespace']>>;
  lanIndex: number;
}

async function router(): Promise<Router> {
  const stack = await createStack({ clock: 'virtual', seed: 3 });
  const ns = await stack.namespace('r');
  const lan = new ScriptDriver();
  const wan = new ScriptDriver();
  const lan0 = await stack.port(ns, lan, { name: 'lan0', mac: ROUTER_MAC });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: '02:00:00:00:00:02', mtu: 1400 });
  await lan0.addAddress('192.0.2.1/24');
  await wan0.addAddress('198.51.100.1/24');
  await ns.setSysctl('net.ipv4.ip_forward', 1);
  await ns.setSysctl('net.ipv4.icmp_ratelimit', 0);
  await ns.addNeighbour(wan0, { address: '198.51.100.2', mac: '02:00:00:00:00:22' });
  await ns.addNeighbour(lan0, { address: '192.0.2.2', mac: '02:00:00:00:00:12' });
  await ns.addNeighbour(wan0, { address: '198.51.100.3', mac: '02:00:00:00:00:23' });
  await ns.addRoute({ to: '203.0.113.0/24', via: '198.51.100.2' });
  await ns.addRoute({
    to: '203.0.112.0/24',
    nextHops: [{ via: '198.51.100.2' }, { via: '198.51.100.3', weight: 2 }],
  });
  await ns.addRoute({ to: '203.0.113.128/25', type: 'blackhole' });
  await ns.addRoute({ to: '203.0.113.64/26', via: '192.0.2.2' });
  stack.run(100);
  return {
    stack,
    lan,
    wan,
    router: ns,
    lanIndex: lan0.ifindex,
    counters: () => ns.snmp(),
    drops: async () => (await lan0.stats()).drops,
    send: (frames) => {
      lan.sent.length = 0;
      wan.sent.length = 0;
      lan.input.push(...frames);
      stack.run(1);
      return [...wan.sent, ...lan.sent];
    },
    op: (verdict) => {
      const { exports } = stack.core.instance;
      const index = addCallback(exports.table, 3, true, (a, b, c) => verdict(a!, b!, c!));
      expect(exports.setOp(OP, index)).toBe(0);
    },
  };
}

const ethernet = (packet: Uint8Array, dest = ROUTER_MAC) =>
  cat(mac(dest), mac('02:00:00:00:00:12'), be16(0x0800), packet);

/** Mostly what an ordinary packet has, sometimes something else: else hardly a frame would go the short way. */
const mostly = <T>(usual: readonly T[], odd: readonly T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );

const anyFrame = fc
  .record({
    src: mostly(['192.0.2.2', '10.1.2.3'], ['192.0.2.1', '127.0.0.1', '224.0.0.5', '0.0.0.0']),
    dst: mostly(
      ['203.0.113.1', '203.0.113.2', '203.0.112.1', '203.0.112.2', '203.0.112.3'],
      ['203.0.113.70', '203.0.113.200', '198.51.100.2', '9.9.9.9', '255.255.255.255'],
    ),
    ttl: mostly([2, 64, 255], [0, 1]),
    tos: fc.constantFrom(0, 0x10, 0xb8),
    df: fc.boolean(),
    size: mostly([0, 18, 300, 1372], [1373, 1400]),
    /** Bytes behind the packet. */
    padding: mostly([0], [12]),
    damaged: mostly([false], [true]),
    dest: mostly([ROUTER_MAC], ['ff:ff:ff:ff:ff:ff', '02:00:00:00:00:77']),
  })
  .map(({ size, padding, damaged, dest, ...header }) => {
    const packet = ip4({ ...header, id: 7 }, udp({ sport: 1, dport: 2 }, pattern(size)));
    if (damaged) packet[10]! ^= 1;
    return cat(ethernet(packet, dest), new Uint8Array(padding));
  });

test('the short way sends the same frames and counts the same as the whole way', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame, { minLength: 1, maxLength: 100, size: 'max' }), async (frames) => {
      const [short, hooked, whole] = [await router(), await router(), await router()];
      hooked.op(() => ACCEPT);
      for (const hook of [FORWARD, POSTROUTING])
        await hooked.router.addHook({ family: 0, hook, priority: 0, op: OP, id: 1 });
      await whole.router.addRule({ family: 2, priority: 100, table: 254 });
      const sent = whole.send(frames);
      const [counters, drops] = [await whole.counters(), await whole.drops()];
      for (const way of [short, hooked]) {
        expect(way.send(frames)).toEqual(sent);
        expect(await way.counters()).toEqual(counters);
        expect(await way.drops()).toEqual(drops);
      }
      for (const { stack } of [short, hooked, whole]) await stack.close();
    }),
    { numRuns: 40 },
  );
});

/** The same with IPv6; `whole` has a hook that lets everything pass. */
async function router6(hooked: boolean) {
  const stack = await createStack({ clock: 'virtual', seed: 3 });
  const ns = await stack.namespace('r');
  const lan = new ScriptDriver();
  const wan = new ScriptDriver();
  await ns.setSysctl('net.ipv6.conf.default.router_solicitations', 0);
  const lan0 = await stack.port(ns, lan, { name: 'lan0', mac: ROUTER_MAC });
  const wan0 = await stack.port(ns, wan, { name: 'wan0', mac: '02:00:00:00:00:02', mtu: 1400 });
  await lan0.addAddress('2001:db8:1::1/64', { nodad: true });
  await wan0.addAddress('2001:db8:2::1/64', { nodad: true });
  await ns.setSysctl('net.ipv6.conf.all.forwarding', 1);
  await ns.setSysctl('net.ipv6.icmp.ratelimit', 0);
  await ns.addNeighbour(wan0, { address: '2001:db8:2::2', mac: '02:00:00:00:00:22' });
  await ns.addNeighbour(lan0, { address: '2001:db8:1::2', mac: '02:00:00:00:00:12' });
  await ns.addRoute({ to: '2001:db8:f::/48', via: '2001:db8:2::2' });
  await ns.addRoute({ to: '2001:db8:f:8000::/49', type: 'blackhole' });
  await ns.addRoute({ to: '2001:db8:f:4000::/50', via: '2001:db8:1::2' });
  stack.run(5000);
  if (hooked) {
    const { exports } = stack.core.instance;
    const index = addCallback(exports.table, 3, true, () => ACCEPT);
    expect(exports.setOp(OP, index)).toBe(0);
    await ns.addHook({ family: 1, hook: FORWARD, priority: 0, op: OP, id: 1 });
  }
  return {
    stack,
    counters: () => ns.snmp(),
    drops: async () => (await lan0.stats()).drops,
    stats: async () => [await lan0.stats(), await wan0.stats()],
    send: (frames: readonly Uint8Array[]) => {
      lan.sent.length = 0;
      wan.sent.length = 0;
      lan.input.push(...frames);
      stack.run(1);
      return [...wan.sent, ...lan.sent];
    },
  };
}

const anyFrame6 = fc
  .record({
    src: mostly(['2001:db8:1::2', 'fd00::7'], ['2001:db8:1::1', '::1', 'ff02::1', '::', 'fe80::9']),
    dst: mostly(
      ['2001:db8:f::1', '2001:db8:f:1::2'],
      ['2001:db8:f:4000::1', '2001:db8:f:8000::1', '2001:db8:2::2', '3fff::1', 'fe80::1', 'ff02::1', '::1'],
    ),
    hops: mostly([2, 64, 255], [0, 1]),
    tclass: fc.constantFrom(0, 0xb8),
    size: mostly([0, 18, 300, 1352], [1353, 1400]),
    padding: mostly([0], [12]),
    options: mostly([false], [true]),
    cut: mostly([false], [true]),
    dest: mostly([ROUTER_MAC], ['33:33:00:00:00:01', '02:00:00:00:00:77']),
  })
  .map(({ size, padding, options, cut, dest, ...header }) => {
    const payload = udp({ sport: 1, dport: 2 }, pattern(size));
    const packet = ip6(header, ...(options ? [hopByHop(option(1, [0, 0, 0, 0]))] : []), payload);
    const whole = cat(mac(dest), mac('02:00:00:00:00:12'), be16(0x86dd), packet, new Uint8Array(padding));
    return cut ? whole.subarray(0, whole.length - 9) : whole;
  });

test('the short way of IPv6 sends the same frames and counts the same as the whole way', {
  timeout: 60_000,
}, async () => {
  let short6 = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame6, { minLength: 1, maxLength: 100, size: 'max' }), async (frames) => {
      const [short, whole] = [await router6(false), await router6(true)];
      const sent = short.send(frames);
      expect(sent).toEqual(whole.send(frames));
      const [a, b] = [await short.counters(), await whole.counters()];
      expect(a).toEqual(b);
      short6 += a.Ip6OutForwDatagrams!;
      expect(await short.stats()).toEqual(await whole.stats());
      await short.stack.close();
      await whole.stack.close();
    }),
    { numRuns: 40 },
  );
  // Otherwise nothing was compared.
  expect(short6).toBeGreaterThan(500);
});

test('a burst follows the table: destinations seen before, as many as there are, and a route that changes', async () => {
  const r = await router();
  await r.router.addRoute({ to: '10.0.0.0/9', via: '198.51.100.2' });
  await r.router.addRoute({ to: '10.128.0.0/9', via: '198.51.100.3' });
  // More than the cache of destinations holds, so that they push each other out.
  const hosts = [...Array(12_000).keys()].map((i) => `10.${(i * 37) % 256}.${i >> 8}.${i & 255}`);
  const frames = hosts.map((dst) => ethernet(ip4({ src: '192.0.2.2', dst }, udp())));
  const ways = () => {
    const sent: string[] = [];
    for (let i = 0; i < frames.length; i += 100)
      for (const frame of r.send(frames.slice(i, i + 100)).filter((each) => each[12] === 8 && each[13] === 0))
        sent.push(`${[...frame.subarray(30, 34)].join('.')} ${frame[5]!.toString(16)}`);
    return sent.sort();
  };
  const by = (way: (host: string) => string) => hosts.map((host) => `${host} ${way(host)}`).sort();
  const halves = (host: string) => (Number(host.split('.')[1]) < 128 ? '22' : '23');
  expect(ways()).toEqual(by(halves));
  expect(ways()).toEqual(by(halves));
  await r.router.addRoute({ to: '10.0.0.0/8', via: '198.51.100.2' });
  await r.router.deleteRoute({ to: '10.128.0.0/9', via: '198.51.100.3' });
  expect(ways()).toEqual(by(() => '22'));
  await r.router.addRoute({ to: '10.128.0.0/9', via: '198.51.100.3' });
  expect(ways()).toEqual(by(halves));
  await r.stack.close();
});

test('an XDP program decides before there is an skb: PASS forwards, anything else drops as XDP', async () => {
  const r = await router();
  const frame = ethernet(ip4({ src: '192.0.2.2', dst: '203.0.113.1' }, udp()));
  let verdict = XDP_PASS;
  const seen: number[] = [];
  r.op((_dev, _frame, bytes) => {
    seen.push(bytes);
    return verdict;
  });
  const hook = { family: 0 as const, hook: XDP, priority: 0, op: OP, id: 1, ifindex: r.lanIndex };
  await r.router.addHook(hook);
  await expect(r.router.addHook(hook)).rejects.toMatchObject({ code: 'EBUSY' });
  expect(r.send([frame])).toHaveLength(1);
  verdict = XDP_DROP;
  expect(r.send([frame])).toHaveLength(0);
  expect(seen).toEqual([frame.length, frame.length]);
  expect((await r.drops()).XDP).toBe(1);
  await r.router.deleteHook(hook);
  await expect(r.router.deleteHook(hook)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(r.send([frame])).toHaveLength(1);
  await r.stack.close();
});
