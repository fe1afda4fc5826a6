/** The FIB through requests: many routes, the longest prefix wins, metrics, types, and all memory comes back. */
import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { RouteSpec } from '../../src/net/route.js';
import { createStack } from '../../src/stack.js';
import { CanaryDriver } from '../canary_driver.js';
import { Random } from '../random.js';
import { address, freeOf } from './lab.js';

const LONG = process.env.LONG === 'true';
const COUNT = LONG ? 1_000_000 : 100_000;
const SEED = Number(process.env.FUZZ_SEED ?? 77);
const LENGTHS = [8, 12, 16, 18, 19, 20, 21, 22, 22, 23, 24, 24, 24, 24, 24, 24, 28, 32];

const text4 = (a: number) => `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;
const mask = (plen: number) => (plen === 0 ? 0 : (-1 << (32 - plen)) >>> 0);

async function router() {
  const stack = await createStack({ clock: 'virtual', sizes: { memoryBytes: LONG ? 768 << 20 : 192 << 20 } });
  await stack.removeNamespace(await stack.namespace('first'));
  const pristine = freeOf(stack);
  const r = await stack.namespace('r');
  const link = await stack.port(r, new CanaryDriver('p', '02:00:00:00:00:01', 0, 0, 0), { name: 'p0' });
  await address(link, '10.0.0.1/16', 'fd00::1/64');
  return { stack, r, link, pristine };
}

describe(`${COUNT} routes`, () => {
  test('are loaded, found by the longest prefix, dumped, deleted, and leave no page behind', async () => {
    const { stack, r, pristine } = await router();
    const random = new Random(SEED);
    const wanted = new Map<string, string>();
    while (wanted.size < COUNT) {
      const plen = random.pick(LENGTHS);
      const prefix = ((1 + random.below(222)) * 2 ** 24 + random.below(2 ** 24)) & mask(plen);
      const first = prefix >>> 24;
      if (first === 10 || first === 127 || first === 0 || first > 223) continue;
      wanted.set(`${text4(prefix >>> 0)}/${plen}`, `10.0.${1 + random.below(200)}.${1 + random.below(250)}`);
    }
    const specs = function* (): Generator<RouteSpec> {
      for (const [to, via] of wanted) yield { to, via };
    };
    const statuses = await r.addRoutes(specs());
    expect(statuses.filter((status) => status !== 0)).toEqual([]);
    expect(statuses).toHaveLength(COUNT);

    const prefixes = [...wanted.keys()];
    for (let i = 0; i < 20_000; i++) {
      const near = random.pick(prefixes).split(/[./]/).map(Number);
      const spread = random.pick([0xff, 0xffff, 0xffffff]);
      const at =
        (((near[0]! << 24) | (near[1]! << 16) | (near[2]! << 8) | near[3]!) ^ (random.u32() & spread)) >>> 0;
      if ([0, 10, 127].includes(at >>> 24) || at >>> 24 > 223) continue;
      let via: string | undefined;
      for (let plen = 32; plen > 0 && via === undefined; plen--)
        via = wanted.get(`${text4((at & mask(plen)) >>> 0)}/${plen}`);
      const found = await r.routeGet(text4(at)).catch(() => undefined);
      expect(found?.via, text4(at)).toBe(via);
    }

    const dumped = await r.routes(AF_INET);
    const gateways = dumped.filter(({ via }) => via !== undefined);
    expect(gateways).toHaveLength(COUNT);
    for (const { to, via } of gateways) {
      const known = wanted.get(to.includes('/') ? to : `${to}/32`);
      if (known !== via) expect.fail(`${to} via ${via}, not ${known}`);
    }
    for (const to of random.shuffle(prefixes)) await r.deleteRoute({ to });
    const locals = await r.routes();
    expect(locals.length).toBeLessThan(20);
    await stack.removeNamespace(r);
    expect(freeOf(stack)).toEqual(pristine);
    await stack.close();
  }, 900_000);

  test('of IPv6 likewise, a tenth as many', async () => {
    const { stack, r, pristine } = await router();
    const random = new Random(SEED);
    const prefixes = Array.from({ length: COUNT / 10 }, (_, i) => {
      return `2001:${(i >> 8).toString(16)}:${(i & 255).toString(16)}:${random.below(65536).toString(16)}::/64`;
    });
    const statuses = await r.addRoutes(prefixes.map((to) => ({ to, via: 'fd00::9' })));
    expect(statuses.every((status) => status === 0)).toBe(true);
    expect((await r.routes(AF_INET6)).filter(({ via }) => via === 'fd00::9')).toHaveLength(prefixes.length);
    for (const to of prefixes.slice(0, 200)) {
      expect((await r.routeGet(to.replace('::/64', '::1'))).via).toBe('fd00::9');
    }
    for (const to of prefixes) await r.deleteRoute({ to });
    const locals = await r.routes();
    expect(locals.length).toBeLessThan(20);
    await stack.removeNamespace(r);
    expect(freeOf(stack)).toEqual(pristine);
    await stack.close();
  }, 300_000);
});

describe('routes of one prefix', () => {
  test('the lowest metric wins; when it goes, the next does', async () => {
    const { stack, r } = await router();
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.2', metric: 100 });
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.3', metric: 50 });
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.4', metric: 200 });
    expect((await r.routeGet('20.1.2.3')).via).toBe('10.0.0.3');
    await expect(r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.9', metric: 50 })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.5', metric: 50 }, 'replace');
    expect((await r.routeGet('20.1.2.3')).via).toBe('10.0.0.5');
    await r.deleteRoute({ to: '20.0.0.0/8', metric: 50 });
    expect((await r.routeGet('20.1.2.3')).via).toBe('10.0.0.2');
    await r.deleteRoute({ to: '20.0.0.0/8', metric: 100 });
    await r.deleteRoute({ to: '20.0.0.0/8', metric: 200 });
    await expect(r.routeGet('20.1.2.3')).rejects.toMatchObject({ code: 'ENETUNREACH' });
    await expect(r.deleteRoute({ to: '20.0.0.0/8' })).rejects.toMatchObject({ code: 'ESRCH' });
    await stack.close();
  });

  test('a gateway that no link reaches is refused, and so is a device that is not there', async () => {
    const { stack, r } = await router();
    const before = freeOf(stack);
    await expect(r.addRoute({ to: '20.0.0.0/8', via: '99.0.0.1' })).rejects.toMatchObject({
      code: 'ENETUNREACH',
    });
    await expect(r.addRoute({ to: '20.0.0.0/8', oif: 99 })).rejects.toMatchObject({ code: 'ENODEV' });
    expect(freeOf(stack)).toEqual(before);
    await stack.close();
  });

  test('go with the link that they leave by', async () => {
    const { stack, r, link } = await router();
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.0.2' });
    await r.addRoute({ to: '2001:db8::/32', via: 'fd00::2' });
    await link.down();
    expect((await r.routes()).filter(({ to }) => to === '20.0.0.0/8' || to === '2001:db8::/32')).toEqual([]);
    await stack.close();
  });
});
