/** Namespaces see nothing of each other, and leave nothing behind when they end. */
import { describe, expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import { createStack } from '../../src/stack.js';
import { CanaryDriver } from '../canary_driver.js';
import { echo, echo6, ip4, ip6, pattern, raw, udp } from '../oracle/packet.js';
import { address, families, freeOf, icmps, listen, twoNetworks } from './lab.js';

const echo4 = (dst: string) => ip4({ src: '10.0.1.2', dst, id: 0 }, echo());

describe('two namespaces with the same addresses', () => {
  test('each get their own packets, count them apart and keep their own neighbours', async () => {
    const one = await twoNetworks();
    const two = await twoNetworks({ into: one.stack, names: ['a2', 'r2', 'b2'] });
    const gotOne = await listen(one.a, AF_INET);
    const gotTwo = await listen(two.a, AF_INET);
    const before = await two.wan.stats();
    await one.a.send(AF_INET, echo4('10.0.2.2'));
    one.stack.run(100);
    expect(icmps(gotOne).map(({ type }) => type)).toEqual([0]);
    expect(gotTwo).toEqual([]);
    expect((await one.r.snmp()).IpForwDatagrams).toBe(2);
    expect((await two.r.snmp()).IpForwDatagrams).toBe(0);
    expect(await one.r.neighbours(AF_INET)).toHaveLength(2);
    expect(await two.r.neighbours(AF_INET)).toHaveLength(0);
    expect(await two.wan.stats()).toEqual(before);
    await one.stack.close();
  });

  test('have routes, sysctls, links and addresses of their own', async () => {
    const one = await twoNetworks();
    const two = await twoNetworks({ into: one.stack, names: ['a2', 'r2', 'b2'] });
    const before = await two.r.routes();
    await one.r.addRoute({ to: '10.7.0.0/16', type: 'blackhole' });
    await one.r.setSysctl('net.ipv4.ip_forward', 0);
    await one.r.setSysctl('net.ipv4.conf.all.rp_filter', 1);
    await one.r.setSysctl('net.ipv4.conf.lan0.rp_filter', 2);
    await one.r.setSysctl('net.ipv4.neigh.lan0.gc_stale_time', 7);
    await one.lan.set({ mtu: 900, name: 'other' });
    await one.lan.deleteAddress('10.0.1.1/24');
    expect(await two.r.routes()).toEqual(before);
    expect(await two.r.getSysctl('net.ipv4.ip_forward')).toBe(1);
    expect(await two.r.getSysctl('net.ipv4.conf.all.rp_filter')).toBe(0);
    expect(await two.r.getSysctl('net.ipv4.conf.lan0.rp_filter')).toBe(0);
    expect(await two.r.getSysctl('net.ipv4.neigh.lan0.gc_stale_time')).toBe(60);
    expect(await two.lan.info()).toMatchObject({ mtu: 1500, name: 'lan0' });
    expect((await two.r.links()).map(({ name }) => name)).toEqual(['lo', 'lan0', 'wan0']);
    const got = await listen(two.a, AF_INET);
    await two.a.send(AF_INET, echo4('10.0.2.2'));
    one.stack.run(100);
    expect(icmps(got)).toHaveLength(1);
    await one.stack.close();
  });

  test('do not take fragments of each other', async () => {
    const one = await twoNetworks();
    const two = await twoNetworks({ into: one.stack, names: ['a2', 'r2', 'b2'] });
    const whole = udp({ dport: 9 }, pattern(1000)).build(
      { src: Uint8Array.of(10, 0, 1, 2), dst: Uint8Array.of(10, 0, 2, 2) },
      0,
    );
    const fields = { src: '10.0.1.2', dst: '10.0.2.2', id: 77 };
    await one.a.send(AF_INET, ip4({ ...fields, mf: true }, raw(17, whole.subarray(0, 800))));
    await two.a.send(AF_INET, ip4({ ...fields, offset: 800 }, raw(17, whole.subarray(800))));
    one.stack.run(100);
    expect((await one.b.snmp()).IpReasmOKs).toBe(0);
    expect((await two.b.snmp()).IpReasmOKs).toBe(0);
    await one.a.send(AF_INET, ip4({ ...fields, offset: 800 }, raw(17, whole.subarray(800))));
    one.stack.run(100);
    expect((await one.b.snmp()).IpReasmOKs).toBe(1);
    expect((await one.b.snmp()).UdpNoPorts).toBe(1);
    await one.stack.close();
  });

  test('answer requests only with their own handle, and none once they ended', async () => {
    const { stack, a, r, b } = await twoNetworks();
    await stack.removeNamespace(b);
    await expect(b.links()).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(b.snmp()).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await r.links()).map(({ name }) => name)).toContain('wan0');
    expect((await (await r.link('wan0')).info()).carrier).toBe(false);
    const got = await listen(a, AF_INET);
    await a.send(AF_INET, echo4('10.0.1.1'));
    stack.run(100);
    expect(icmps(got)).toHaveLength(1);
    await stack.close();
  });
});

describe('a namespace that ends', () => {
  test('leaves no page, skb or slot behind, 100 times over', async () => {
    const stack = await createStack({ clock: 'virtual' });
    await stack.removeNamespace(await stack.namespace('first'));
    const before = freeOf(stack);
    for (let i = 0; i < 100; i++) {
      const { a, r, b, lan } = await twoNetworks({ into: stack, mtu: 1280 });
      const port = new CanaryDriver('p', '02:00:00:00:07:01', 0, i % 2 === 0 ? 0 : 12, 0);
      const link = await stack.port(r, port, { name: 'port0', ringEntries: 64 });
      await address(link, '10.5.0.1/24', 'fd05::1/64');
      for (let n = 0; n < 40; n++) {
        await r.addRoute({ to: `10.${n}.128.0/17`, via: '10.5.0.9' });
        await r.addRoute({ to: `fd80:${n}::/32`, via: 'fd05::9', metric: n });
        await r.addNeighbour(lan, { address: `10.0.1.${100 + n}`, mac: '02:00:00:00:09:09' });
      }
      for (const hook of [0, 1, 2, 3, 4]) {
        await r.addHook({ family: 0, hook, priority: 0, op: 600, id: hook + 1 });
        await r.addHook({ family: 1, hook, priority: 0, op: 600, id: hook + 1 });
      }
      await r.addHook({ family: 0, hook: 5, priority: 0, op: 600, id: 9, ifindex: lan.ifindex });
      await r.addHook({ family: 0, hook: 6, priority: 0, op: 600, id: 9, ifindex: lan.ifindex });
      for (const side of families) {
        await listen(b, side.family);
        const six = side.family === AF_INET6;
        const packet = (dst: string, size = 32, id = 0) =>
          six
            ? ip6({ src: side.a, dst }, echo6(pattern(size)))
            : ip4({ src: side.a, dst, id }, echo(pattern(size)));
        await a.send(side.family, packet(side.b, 3000));
        // Waits for a neighbour that nobody is, on both kinds of link.
        await a.send(side.family, packet(side.nobody));
        await a.send(side.family, packet(six ? 'fd80:3::1' : '10.3.128.1'));
        // The path's MTU is learnt, a piece waits for the rest of it.
        if (!six) {
          await a.send(AF_INET, ip4({ src: side.a, dst: side.b, id: 0, df: true }, echo(pattern(1400))));
          await a.send(AF_INET, ip4({ src: side.a, dst: side.b, id: 5, mf: true }, raw(17, pattern(800))));
        }
      }
      stack.run(i % 3 === 0 ? 0 : 50);
      port.take();
      if (i % 2 === 0) await stack.removePort(link);
      const ends = [a, r, b];
      for (let n = 0; n < 3; n++) await stack.removeNamespace(ends[(i + n) % 3]!);
      expect(port.closed).toBe(1);
      expect(freeOf(stack), `after round ${i}`).toEqual(before);
    }
    await stack.close();
  });
});
