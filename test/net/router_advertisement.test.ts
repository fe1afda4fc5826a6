/**
 * A host that configures itself from router advertisements, with a virtual clock: addresses with the two-hour rule and
 * their lifetimes, default routes with preference, routes, parameters of the link, options for the host, and the
 * solicitations before.
 *
 *   a ── eth0 ──── eth0 ── r    r's advertisements are written byte by byte and sent as a raw socket would
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AF_INET6 } from '../../src/net/ip.js';
import { IFA_F_DEPRECATED, IFA_F_TEMPORARY, type Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { RouterOption } from '../../src/net/router_option.js';
import { createStack, type Stack } from '../../src/stack.js';
import { be16, be32, cat, icmp6, ip6, ipBytes, ndOption, u8 } from '../oracle/packet.js';
import {
  advertisement,
  dnssl,
  mtuOption,
  prefixInfo,
  type Ra,
  rdnss,
  routeInfo,
} from '../oracle/router_advertisement.js';
import { freeOf, listen } from './lab.js';

const ROUTER = 'fe80::1';
const HOUR = 3600;
const FOREVER = 0xffffffff;

describe('a host and the advertisements of its routers', () => {
  let stack: Stack;
  let a: Namespace;
  let r: Namespace;
  let a0: Link;
  let r0: Link;

  beforeEach(async () => {
    stack = await createStack({ clock: 'virtual' });
    [a, r] = [await stack.namespace('a'), await stack.namespace('r')];
    [a0, r0] = await stack.veth([a, 'eth0'], [r, 'eth0']);
    await r0.addAddress(`${ROUTER}/64`, { nodad: true });
    await r0.addAddress('fe80::2/64', { nodad: true });
    stack.run(3000);
  });
  afterEach(() => stack.close());

  async function advertise(ra: Ra, ...options: readonly Uint8Array[]): Promise<void> {
    await r.send(AF_INET6, advertisement(ra, ...options), r0.ifindex);
    stack.run(1);
  }
  const seconds = (n: number) => stack.run(n * 1000);
  const global = async () => (await a0.addresses()).filter(({ address }) => address.startsWith('2001:'));
  const routes = async (protocol: number) =>
    (await a.routes(AF_INET6))
      .filter(
        (route) => route.protocol === protocol && /^(2|default)/.test(route.to) && route.type === 'unicast',
      )
      .map(({ to, via, expires, pref }) => ({ to, via, expires, pref }));

  test('makes an address and a default route of an advertisement, and drops both when their time is over', async () => {
    await advertise({ lifetime: 600 }, prefixInfo('2001:db8:5::', 7200, 1800));
    seconds(2);
    const [address, ...more] = await global();
    expect(more).toEqual([]);
    expect(address).toMatchObject({
      prefix: 64,
      flags: 0x100,
      protocol: 2,
      validLft: 7198,
      preferredLft: 1798,
    });
    expect(address!.address).toMatch(/^2001:db8:5:0:[0-9a-f]*:[0-9a-f]*ff:fe/);
    expect(await routes(9)).toEqual([{ to: 'default', via: ROUTER, expires: 598, pref: 'medium' }]);
    expect(await routes(2)).toEqual([
      { to: '2001:db8:5::/64', via: undefined, expires: 7198, pref: 'medium' },
    ]);
    seconds(600);
    expect(await routes(9)).toEqual([]);
    seconds(1200);
    expect((await global())[0]!.flags & IFA_F_DEPRECATED).toBe(IFA_F_DEPRECATED);
    seconds(5400);
    expect(await global()).toEqual([]);
    expect(await routes(2)).toEqual([]);
  });

  test('sends from a deprecated address only when there is no other', async () => {
    await advertise({}, prefixInfo('2001:db8:5::', 7200, 10), prefixInfo('2001:db8:6::', 7200, 5000));
    seconds(2);
    const source = async () => (await a.routeGet('2001:db8:5::77')).src;
    expect(await source()).toMatch(/^2001:db8:5:/);
    seconds(20);
    expect(await source()).toMatch(/^2001:db8:6:/);
    await a0.deleteAddress(
      `${(await global()).find(({ address }) => address.startsWith('2001:db8:6'))!.address}/64`,
    );
    expect(await source()).toMatch(/^2001:db8:5:/);
  });

  test('believes a shorter valid lifetime down to two hours and no further', async () => {
    const valid = async () => (await global())[0]!.validLft;
    await advertise({}, prefixInfo('2001:db8:5::', 10 * HOUR, HOUR));
    expect(await valid()).toBe(10 * HOUR);
    await advertise({}, prefixInfo('2001:db8:5::', 3 * HOUR, HOUR));
    expect(await valid()).toBe(3 * HOUR);
    await advertise({}, prefixInfo('2001:db8:5::', 60, 30));
    expect(await valid()).toBe(2 * HOUR);
    seconds(HOUR);
    await advertise({}, prefixInfo('2001:db8:5::', 0, 0));
    expect(await valid()).toBe(HOUR);
    expect((await global())[0]!.flags & IFA_F_DEPRECATED).toBe(IFA_F_DEPRECATED);
    await a.setSysctl('net.ipv6.conf.eth0.ra_honor_pio_life', 1);
    await advertise({}, prefixInfo('2001:db8:5::', 60, 30));
    expect(await valid()).toBe(60);
    seconds(61);
    expect(await global()).toEqual([]);
  });

  test('makes no address of a prefix without A flag, of another length, or that lives longer preferred than valid', async () => {
    await advertise(
      {},
      prefixInfo('2001:db8:1::', 7200, 1800, 0x80),
      prefixInfo('2001:db8:2::', 7200, 1800, 0xc0, 65),
      prefixInfo('2001:db8:3::', 1800, 7200),
      prefixInfo('2001:db8:4::', 0, 0),
      prefixInfo('fe80::', 7200, 1800),
      prefixInfo('ff05::', 7200, 1800),
    );
    seconds(2);
    expect(await global()).toEqual([]);
    expect((await routes(2)).map(({ to }) => to)).toEqual(['2001:db8:1::/64', '2001:db8:2::/65']);
    await a.setSysctl('net.ipv6.conf.eth0.autoconf', 0);
    await advertise({}, prefixInfo('2001:db8:6::', 7200, 1800));
    expect(await global()).toEqual([]);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_pinfo', 0);
    await advertise({}, prefixInfo('2001:db8:7::', 7200, 1800));
    expect((await routes(2)).length).toBe(3);
  });

  test('goes on making addresses up to max_addresses and ignores prefixes beyond', async () => {
    await a.setSysctl('net.ipv6.conf.eth0.max_addresses', 4);
    for (let i = 1; i <= 90; i++)
      await advertise({}, prefixInfo(`2001:db8:${i.toString(16)}::`, FOREVER, FOREVER));
    // The link-local one counts.
    expect((await global()).length).toBe(3);
    expect((await routes(2)).length).toBe(64);
    expect((await global())[0]).toMatchObject({ validLft: null, preferredLft: null });
    // What is known is still refreshed.
    await advertise({}, prefixInfo('2001:db8:1::', 5000, 4000));
    expect((await routes(2)).find(({ to }) => to === '2001:db8:1::/64')!.expires).toBe(5000);
  });

  test('takes the preferred router first, and the next when the preferred one goes or does not answer', async () => {
    await advertise({ lifetime: 1000, src: 'fe80::1', flags: 0x18 });
    await advertise({ lifetime: 1000, src: 'fe80::2', flags: 0x08 });
    expect((await routes(9)).map(({ via, pref }) => [via, pref])).toEqual([
      ['fe80::2', 'high'],
      ['fe80::1', 'low'],
    ]);
    const gateway = async () => (await a.routeGet('2001:db8::1', { src: 'fe80::5' })).via;
    expect(await gateway()).toBe('fe80::2');
    await advertise({ lifetime: 1000, src: 'fe80::1', flags: 0x08 });
    await advertise({ lifetime: 1000, src: 'fe80::2', flags: 0x10 });
    expect(await gateway()).toBe('fe80::1');
    await advertise({ lifetime: 0, src: 'fe80::1' });
    expect(await gateway()).toBe('fe80::2');
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_rtr_pref', 0);
    await advertise({ lifetime: 900, src: 'fe80::1', flags: 0x08 });
    expect((await routes(9)).every(({ pref }) => pref === 'medium')).toBe(true);
    await a.setSysctl('net.ipv6.conf.eth0.ra_defrtr_metric', 512);
    await advertise({ lifetime: 900, src: 'fe80::2' });
    const metrics = (await a.routes(AF_INET6)).filter(({ protocol }) => protocol === 9);
    expect(metrics.map(({ via, metric }) => [via, metric])).toEqual([
      ['fe80::2', 512],
      ['fe80::1', 1024],
    ]);
  });

  test('learns more specific routes within accept_ra_rt_info_min_plen and max_plen', async () => {
    const send = () =>
      advertise(
        { lifetime: 0 },
        routeInfo('2001:db8:100::', 40, 1000, 1),
        routeInfo('2001:db8:200::', 64, 500, 3),
        routeInfo('2001:db8:300::', 48, 500, 2),
        routeInfo('::', 0, 700),
      );
    await send();
    expect((await routes(9)).map(({ to }) => to)).toEqual(['default']);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_rt_info_max_plen', 64);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_rt_info_min_plen', 1);
    await send();
    expect((await routes(9)).slice(-2)).toEqual([
      { to: '2001:db8:100::/40', via: ROUTER, expires: 1000, pref: 'high' },
      { to: '2001:db8:200::/64', via: ROUTER, expires: 500, pref: 'low' },
    ]);
    await advertise({ lifetime: 0 }, routeInfo('2001:db8:100::', 40, 0));
    seconds(501);
    expect((await routes(9)).filter(({ to }) => to !== 'default')).toEqual([]);
  });

  test('takes MTU, hop limit and times of the link, within their bounds', async () => {
    const conf = (name: string) => a.getSysctl(`net.ipv6.conf.eth0.${name}`);
    const neigh = (name: string) => a.getSysctl(`net.ipv6.neigh.eth0.${name}`);
    await advertise({ hops: 33, reachable: 20_000, retrans: 500, flags: 0xc0 }, mtuOption(1400));
    expect(await conf('hop_limit')).toBe(33);
    expect(await conf('mtu')).toBe(1400);
    expect(await neigh('base_reachable_time_ms')).toBe(20_000);
    expect(await neigh('retrans_time_ms')).toBe(500);
    expect(await a0.ip6Info()).toMatchObject({ advertised: true, managed: true, other: true, raMtu: 1400 });
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_min_hop_limit', 30);
    await advertise({ hops: 20 }, mtuOption(1279));
    await advertise({ hops: 0 }, mtuOption(1501));
    expect([await conf('hop_limit'), await conf('mtu'), await neigh('retrans_time_ms')]).toEqual([
      33, 1400, 500,
    ]);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_mtu', 0);
    await advertise({}, mtuOption(1300));
    expect(await conf('mtu')).toBe(1400);
  });

  test('ignores advertisements where accept_ra says so: 0, 1 while it forwards, not 2', async () => {
    const count = async () => (await routes(9)).length;
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra', 0);
    await advertise({});
    expect(await count()).toBe(0);
    // Linux: who it is is learned all the same.
    expect((await a.neighbours(AF_INET6)).some(({ address }) => address === ROUTER)).toBe(true);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra', 1);
    await advertise({});
    expect(await count()).toBe(1);
    await a.setSysctl('net.ipv6.conf.eth0.forwarding', 1);
    expect(await count()).toBe(0);
    await advertise({});
    expect(await count()).toBe(0);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra', 2);
    await advertise({});
    expect(await count()).toBe(1);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_defrtr', 0);
    await advertise({ lifetime: 0 });
    expect(await count()).toBe(1);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_min_lft', 60);
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_defrtr', 1);
    await advertise({ lifetime: 59, src: 'fe80::2' });
    expect(await count()).toBe(1);
  });

  test('hands name servers and search lists to the host', async () => {
    const heard: RouterOption[] = [];
    a.onRouterOption(({ option, router, ifindex }) => {
      expect([router, ifindex]).toEqual([ROUTER, a0.ifindex]);
      heard.push(option);
    });
    await advertise(
      {},
      rdnss(600, '2001:db8::53', '2001:db8::5353'),
      dnssl(FOREVER, 'lab.example', 'example.net'),
      ndOption(31, cat(be16(0), be32(60), u8(60, 65, 66, 67, 0, 0, 0, 0))),
      ndOption(25, cat(be16(0), be32(60), new Uint8Array(8))),
      ndOption(38, cat(be16(600), ipBytes('64:ff9b::').subarray(0, 12))),
    );
    await Promise.resolve();
    expect(heard).toEqual([
      { kind: 'rdnss', lifetime: 600, servers: ['2001:db8::53', '2001:db8::5353'] },
      { kind: 'dnssl', lifetime: null, domains: ['lab.example', 'example.net'] },
      { kind: 'pref64', lifetime: 600, prefix: '64:ff9b::/96' },
    ]);
  });

  test('makes a temporary address beside each public one, prefers it, and replaces it in time', async () => {
    await a.setSysctl('net.ipv6.conf.eth0.use_tempaddr', 2);
    await a.setSysctl('net.ipv6.conf.eth0.temp_prefered_lft', 600);
    await a.setSysctl('net.ipv6.conf.eth0.temp_valid_lft', 1800);
    await a.setSysctl('net.ipv6.conf.eth0.max_desync_factor', 0);
    const refresh = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await advertise({}, prefixInfo('2001:db8:5::', 7200, 3600));
        seconds(100);
      }
    };
    const temporary = async () => (await global()).filter(({ flags }) => (flags & IFA_F_TEMPORARY) !== 0);
    await refresh(1);
    const [first, ...more] = await temporary();
    expect(more).toEqual([]);
    expect(first!.preferredLft).toBe(500);
    expect(first!.validLft).toBe(1700);
    expect((await a.routeGet('2001:db8:9::1')).src).toBe(first!.address);
    await a.setSysctl('net.ipv6.conf.eth0.use_tempaddr', 1);
    expect((await a.routeGet('2001:db8:9::1')).src).not.toBe(first!.address);
    await a.setSysctl('net.ipv6.conf.eth0.use_tempaddr', 2);
    await refresh(5);
    const two = await temporary();
    expect(two.length).toBe(2);
    expect(two.find(({ address }) => address === first!.address)!.flags & IFA_F_DEPRECATED).toBe(
      IFA_F_DEPRECATED,
    );
    const second = two.find(({ address }) => address !== first!.address)!;
    expect((await a.routeGet('2001:db8:9::1')).src).toBe(second.address);
    await refresh(13);
    expect((await temporary()).some(({ address }) => address === first!.address)).toBe(false);
    const publicOne = (await global()).find(({ flags }) => (flags & IFA_F_TEMPORARY) === 0)!;
    await a0.deleteAddress(`${publicOne.address}/64`);
    seconds(2);
    expect(await global()).toEqual([]);
  });

  test('makes the same address of the same secret, and another after a collision', async () => {
    await a0.setStableSecret('2001:db8:aaaa::1234');
    await advertise({}, prefixInfo('2001:db8:5::', 7200, 3600));
    const [first] = await global();
    expect(first!.address).not.toMatch(/ff:fe/);
    expect(first!.flags & 0x800).toBe(0x800);
    await a0.deleteAddress(`${first!.address}/64`);
    await r0.addAddress(`${first!.address}/64`, { nodad: true });
    await advertise({}, prefixInfo('2001:db8:5::', 7200, 3600));
    expect((await global())[0]!.address).toBe(first!.address);
    seconds(5);
    const [second, ...more] = await global();
    expect(more).toEqual([]);
    expect(second!.address).not.toBe(first!.address);
    expect(second!.flags & 0x48).toBe(0);
    // The next advertisement refreshes that one.
    await advertise({}, prefixInfo('2001:db8:5::', 7200, 3600));
    expect((await global()).map(({ address }) => address)).toEqual([second!.address]);
  });

  test('asks for routers with growing pauses until one answers (RFC 7559)', async () => {
    const b = await stack.namespace('b');
    const [b0, s0] = await stack.veth([b, 'eth0'], [r, 'eth1']);
    await r.setSysctl('net.ipv6.conf.eth1.forwarding', 1);
    const heard = await listen(r, AF_INET6);
    const at: number[] = [];
    let seen = 0;
    for (let ms = 0; ms < 200_000; ms += 50) {
      stack.run(50);
      const asked = heard.filter((packet) => packet[40] === 133).length;
      if (asked > seen) at.push(ms);
      seen = asked;
    }
    const pauses = at.slice(1).map((ms, i) => ms - at[i]!);
    expect(pauses.length).toBeGreaterThanOrEqual(4);
    pauses.forEach((pause, i) => {
      const about = 4000 * 2 ** i;
      expect(pause).toBeGreaterThan(about * 0.85 ** (i + 1));
      expect(pause).toBeLessThan(about * 1.15 ** (i + 1) + 100);
    });
    await r.send(AF_INET6, advertisement({ src: (await s0.addresses())[0]!.address }), s0.ifindex);
    stack.run(1_000_000);
    expect(heard.filter((packet) => packet[40] === 133).length).toBe(seen);
    expect(await b0.ip6Info()).toMatchObject({ solicited: true, advertised: true });
  });

  test('takes every truncation and any damage of an advertisement without harm', async () => {
    const whole = advertisement(
      {},
      prefixInfo('2001:db8:5::', 7200, 3600),
      routeInfo('2001:db8:6::', 64, 100),
      mtuOption(1400),
      rdnss(600, '2001:db8::53'),
      dnssl(600, 'lab.example'),
    ).subarray(40);
    const rebuilt = (body: Uint8Array) =>
      ip6({ src: ROUTER, dst: 'ff02::1', hops: 255 }, icmp6(134, 0, body.slice(4, 8), body.slice(8)));
    await a.setSysctl('net.ipv6.conf.eth0.accept_ra_rt_info_max_plen', 128);
    const before = freeOf(stack);
    let state = 1;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const send = async (from: number, to: number) => {
      for (let n = from; n < to; n++) await r.send(AF_INET6, rebuilt(whole.slice(0, n)), r0.ifindex);
      stack.run(10);
    };
    await send(8, 16);
    await send(17, 24);
    expect(await routes(9)).toEqual([]);
    await send(16, whole.length);
    expect((await routes(9)).length).toBeGreaterThan(0);
    for (let i = 0; i < 1000; i++) {
      const body = whole.slice();
      for (let k = random(4); k >= 0; k--) body[4 + random(body.length - 4)] = random(256);
      await r.send(AF_INET6, rebuilt(body), r0.ifindex);
      if (i % 50 === 0) stack.run(20);
    }
    stack.run(1000);
    expect((await a0.ip6Info()).addresses).toBeLessThanOrEqual(16);
    expect(freeOf(stack).skbs).toBe(before.skbs);
  });

  test('leaves nothing behind when its link goes', async () => {
    await advertise({}, prefixInfo('2001:db8:5::', 7200, 3600), routeInfo('2001:db8:6::', 64, 100));
    await a0.down();
    expect(await routes(9)).toEqual([]);
    expect(await global()).toEqual([]);
    await a0.up();
    stack.run(3000);
    expect(await routes(9)).toEqual([]);
    await a0.delete();
  });
});
