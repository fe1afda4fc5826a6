/**
 * Several next hops: how many flows each takes (exactly: the hash has a fixed seed), which flows move when one goes or
 * comes back, and what resilient groups keep where it was.
 *
 *   hosts ── lan ┐ r ├ w0 ── 10.1.0.2
 *                    ├ w1 ── 10.1.1.2       all lead to 203.0.113.0/24 and 2001:db8:3::/48
 *                    └ w2 ── 10.1.2.2
 */
import { describe, expect, test } from 'vitest';
import { AF_INET } from '../../src/net/ip.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { NextHopSpec, RouteSpec } from '../../src/net/route.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ETH_P_IP, ETH_P_IPV6, ip4, ip6, pattern, udp } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame } from './frames.js';

const PEER = '02:00:00:00:00:aa';
const OWN = '02:00:00:00:00:01';
const WAYS = 3;
const FLOWS = 600;
const NET = '203.0.113.0/24';
const NET6 = '2001:db8:3::/48';
const SEED = 0x1234567;

interface Fan {
  stack: Stack;
  r: Namespace;
  lan: ScriptDriver;
  ways: { link: Link; driver: ScriptDriver }[];
}

async function fan(): Promise<Fan> {
  const stack = await createStack({ clock: 'virtual' });
  const r = await stack.namespace('r');
  await r.setSysctl('net.ipv6.conf.default.accept_dad', 0);
  await r.setSysctl('net.ipv6.conf.default.accept_ra', 0);
  const lan = new ScriptDriver();
  const inside = await stack.port(r, lan, { name: 'lan', mac: OWN });
  await inside.addAddress('10.0.0.1/8', { nodad: true });
  const ways = [];
  for (let i = 0; i < WAYS; i++) {
    const driver = new ScriptDriver();
    const link = await stack.port(r, driver, { name: `w${i}`, mac: `02:00:00:00:01:0${i}` });
    await link.addAddress(`10.1.${i}.1/24`);
    await link.addAddress(`fd01:${i}::1/64`, { nodad: true });
    await r.addNeighbour(link, { address: `10.1.${i}.2`, mac: PEER });
    await r.addNeighbour(link, { address: `fd01:${i}::2`, mac: PEER });
    ways.push({ link, driver });
  }
  for (const [name, value] of Object.entries({
    'net.ipv4.ip_forward': 1,
    'net.ipv6.conf.all.forwarding': 1,
    'net.ipv4.fib_multipath_hash_seed': SEED,
    'net.ipv4.fib_multipath_hash_policy': 1,
    'net.ipv6.fib_multipath_hash_policy': 1,
  }))
    await r.setSysctl(name, value);
  stack.run(3000);
  return { stack, r, lan, ways };
}

const hops = ({ ways }: Fan, weights: readonly number[], six = false): NextHopSpec[] =>
  weights.map((weight, i) => ({
    via: six ? `fd01:${i}::2` : `10.1.${i}.2`,
    oif: ways[i]!.link.ifindex,
    weight,
  }));

const flow4 = (n: number) =>
  ip4({ src: '10.0.0.2', dst: '203.0.113.9' }, udp({ sport: 10000 + n, dport: 7 }, pattern(4)));
const flow6 = (n: number) =>
  ip6({ src: 'fd00::2', dst: '2001:db8:3::9' }, udp({ sport: 10000 + n, dport: 7 }, pattern(4)));

/** The way that each flow takes now, -1: none. */
function waysOf({ stack, lan, ways }: Fan, flows = FLOWS, six = false): number[] {
  const taken = new Array<number>(flows).fill(-1);
  for (const { driver } of ways) driver.sent.splice(0);
  for (let from = 0; from < flows; from += 50) {
    for (let n = from; n < Math.min(from + 50, flows); n++)
      lan.input.push(frame(OWN, PEER, six ? ETH_P_IPV6 : ETH_P_IP, six ? flow6(n) : flow4(n)));
    stack.run(0);
  }
  for (const [way, { driver }] of ways.entries())
    for (const sent of driver.sent) {
      const at = 14 + (six ? 40 : 20);
      if (sent.length > at + 2) taken[((sent[at]! << 8) | sent[at + 1]!) - 10000] = way;
    }
  return taken;
}

const counts = (taken: readonly number[]) =>
  Array.from({ length: WAYS }, (_, way) => taken.filter((one) => one === way).length);

/** How many flows are no longer where they were, of those that were not on `gone`. */
const moved = (before: readonly number[], after: readonly number[], gone = -1) =>
  before.filter((way, n) => way !== gone && after[n] !== way).length;

describe('a route with three next hops', () => {
  test.each([
    { weights: [1, 1, 1], four: [205, 189, 206], six: [176, 206, 218] },
    { weights: [1, 2, 3], four: [103, 194, 303], six: [77, 208, 315] },
    { weights: [1, 256, 1], four: [3, 594, 3], six: [1, 596, 3] },
  ])('shares the flows out by weights $weights', async ({ weights, four, six }) => {
    const at = await fan();
    await at.r.addRoute({ to: NET, nextHops: hops(at, weights) });
    await at.r.addRoute({ to: NET6, nextHops: hops(at, weights, true) });
    expect(counts(waysOf(at))).toEqual(four);
    expect(counts(waysOf(at, FLOWS, true))).toEqual(six);
    // A flow stays where it is.
    expect(moved(waysOf(at), waysOf(at))).toBe(0);
    await at.stack.close();
  });

  test('takes all flows of one source and destination one way with policy 0', async () => {
    const at = await fan();
    await at.r.setSysctl('net.ipv4.fib_multipath_hash_policy', 0);
    await at.r.addRoute({ to: NET, nextHops: hops(at, [1, 1, 1]) });
    expect(counts(waysOf(at)).filter((count) => count === 0)).toHaveLength(2);
    await at.stack.close();
  });

  test('spreads others with another seed', async () => {
    const at = await fan();
    await at.r.addRoute({ to: NET, nextHops: hops(at, [1, 1, 1]) });
    const before = waysOf(at);
    await at.r.setSysctl('net.ipv4.fib_multipath_hash_seed', SEED + 1);
    const after = waysOf(at);
    expect([counts(after), moved(before, after)]).toEqual([[198, 204, 198], 393]);
    await at.stack.close();
  });

  test('does without one whose link is down, and takes it back as it was', async () => {
    const at = await fan();
    const spec: RouteSpec = { to: NET, nextHops: hops(at, [1, 1, 1]) };
    await at.r.addRoute(spec);
    const before = waysOf(at);
    await at.ways[1]!.link.down();
    const without = waysOf(at);
    expect([counts(without), moved(before, without, 1)]).toEqual([[297, 0, 303], 0]);
    await at.ways[1]!.link.up();
    await at.r.addNeighbour(at.ways[1]!.link, { address: '10.1.1.2', mac: PEER });
    expect(moved(before, waysOf(at))).toBe(0);
    await at.stack.close();
  });

  test('stays with one without carrier, unless ignore_routes_with_linkdown says otherwise', async () => {
    const at = await fan();
    await at.r.addRoute({ to: NET, nextHops: hops(at, [1, 1, 1]) });
    const before = waysOf(at);
    const { driver } = at.ways[2]!;
    driver.notify.state(false);
    const lost = waysOf(at);
    expect([moved(before, lost, 2), lost.filter((way) => way === -1).length]).toEqual([0, counts(before)[2]]);
    driver.notify.state(true);
    await at.r.setSysctl('net.ipv4.conf.w2.ignore_routes_with_linkdown', 1);
    driver.notify.state(false);
    const around = waysOf(at);
    expect(counts(around)).toEqual([297, 303, 0]);
    driver.notify.state(true);
    expect(moved(before, waysOf(at))).toBe(0);
    await at.stack.close();
  });

  test('goes round a neighbour that does not answer, when fib_multipath_use_neigh says so', async () => {
    const at = await fan();
    await at.r.addRoute({ to: NET, nextHops: hops(at, [1, 1, 1]) });
    const before = waysOf(at);
    await at.r.deleteNeighbour(at.ways[0]!.link, '10.1.0.2');
    const asking = waysOf(at);
    expect(asking.filter((way) => way === -1)).toHaveLength(counts(before)[0]!);
    at.stack.run(4000);
    expect(waysOf(at).filter((way) => way === -1)).toHaveLength(counts(before)[0]!);
    at.stack.run(4000);
    await at.r.setSysctl('net.ipv4.fib_multipath_use_neigh', 1);
    const around = waysOf(at);
    // The next that is good takes its part: nobody else moves.
    expect([counts(around), moved(before, around, 0)]).toEqual([[0, 394, 206], 0]);
    await at.stack.close();
  });
});

describe('a group of next-hop objects', () => {
  async function group(
    at: Fan,
    resilient?: { buckets?: number; idleTimer?: number; unbalancedTimer?: number },
  ) {
    for (const [i, { link }] of at.ways.entries())
      await at.r.addNexthop({ id: i + 1, via: `10.1.${i}.2`, oif: link.ifindex });
    const spec = (...ids: number[]) => ({
      id: 10,
      group: ids.map((id) => ({ id })),
      ...(resilient && { resilient }),
    });
    await at.r.addNexthop(spec(1, 2, 3));
    await at.r.addRoute({ to: NET, nhid: 10 });
    return spec;
  }

  test('shares out anew when a member goes, and flows of the others move, too', async () => {
    const at = await fan();
    await group(at);
    const before = waysOf(at);
    expect(counts(before)).toEqual([205, 189, 206]);
    await at.r.deleteNexthop(1);
    const after = waysOf(at);
    expect([counts(after), moved(before, after, 0)]).toEqual([[0, 297, 303], 97]);
    await at.stack.close();
  });

  test('ends with its last member, and its route with it', async () => {
    const at = await fan();
    await group(at);
    for (const id of [1, 2, 3]) await at.r.deleteNexthop(id);
    expect(await at.r.nexthops()).toEqual([]);
    expect((await at.r.routes(AF_INET)).filter(({ to }) => to === NET)).toEqual([]);
    expect(counts(waysOf(at))).toEqual([0, 0, 0]);
    await at.stack.close();
  });

  test('resilient: only the flows of the member that goes move', async () => {
    const at = await fan();
    await group(at, { buckets: 60, idleTimer: 10 });
    const before = waysOf(at);
    expect(counts(before)).toEqual([193, 210, 197]);
    await at.r.deleteNexthop(2);
    const after = waysOf(at);
    expect([counts(after), moved(before, after, 1)]).toEqual([[304, 0, 296], 0]);
    const owners = (await at.r.nexthopBuckets(10)).map(({ id }) => id);
    expect([1, 2, 3].map((id) => owners.filter((one) => one === id).length)).toEqual([30, 0, 30]);
    await at.stack.close();
  });

  test('resilient: a member that comes gets buckets once they are idle, not before', async () => {
    const at = await fan();
    const spec = await group(at, { buckets: 60, idleTimer: 10 });
    await at.r.addNexthop(spec(1, 3), 'replace');
    const before = waysOf(at);
    await at.r.addNexthop(spec(1, 2, 3), 'replace');
    for (let i = 0; i < 5; i++) {
      expect(moved(before, waysOf(at))).toBe(0);
      at.stack.run(5000);
    }
    expect((await at.r.nexthops()).find(({ id }) => id === 10)!.resilient!.unbalancedTime).toBe(25);
    at.stack.run(6000);
    const after = waysOf(at);
    expect([counts(after), moved(before, after)]).toEqual([[193, 211, 196], 211]);
    expect((await at.r.nexthops()).find(({ id }) => id === 10)!.resilient!.unbalancedTime).toBe(0);
    await at.stack.close();
  });

  test('resilient: unbalanced_timer ends the waiting, idle or not', async () => {
    const at = await fan();
    const spec = await group(at, { buckets: 60, idleTimer: 10, unbalancedTimer: 30 });
    await at.r.addNexthop(spec(1, 3), 'replace');
    await at.r.addNexthop(spec(1, 2, 3), 'replace');
    at.stack.run(25_000);
    at.stack.run(5000);
    expect(counts(waysOf(at))[1]).toBe(211);
    await at.stack.close();
  });
});

test('an IPv6 route that ends is passed over at once, and gone when the collector has come round', async () => {
  const at = await fan();
  const way = at.ways[0]!.link.ifindex;
  const shown = async () =>
    (await at.r.routes()).filter(({ to }) => to === NET6).map(({ expires }) => expires);
  await at.r.addRoute({ to: NET6, via: 'fd01:0::2', oif: way, expires: 5 });
  await at.r.addRoute({ to: '2001:db8:4::/48', via: 'fd01:0::2', oif: way, expires: 50 });
  expect(await shown()).toEqual([5]);
  at.stack.run(4900);
  expect(counts(waysOf(at, 10, true))).toEqual([10, 0, 0]);
  at.stack.run(200);
  expect(counts(waysOf(at, 10, true))).toEqual([0, 0, 0]);
  expect(await shown()).toEqual([0]);
  at.stack.run(25_000);
  expect(await shown()).toEqual([]);
  expect((await at.r.routes()).some(({ to }) => to === '2001:db8:4::/48')).toBe(true);
  at.stack.run(30_000);
  expect((await at.r.routes()).some(({ to }) => to === '2001:db8:4::/48')).toBe(false);
  await at.stack.close();
});
