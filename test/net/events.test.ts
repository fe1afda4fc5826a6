/** What a core tells by itself: links, addresses, routes and neighbours that change. */
import { describe, expect, test } from 'vitest';
import { HostRing, Status } from '../../assembly/abi/layout.js';
import type { CoreEvent } from '../../src/core/core.js';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import { echo, ip4 } from '../oracle/packet.js';
import { twoNetworks } from './lab.js';

type Kind = 'link' | 'address' | 'route' | 'neighbour';

async function watch(kind: Kind) {
  const lab = await twoNetworks();
  const events: CoreEvent[] = [];
  const stop = lab.stack.on(kind, (event) => events.push(event));
  return { ...lab, events, stop };
}

describe('events', () => {
  test('a link that goes down, up, and away is told of with its namespace and index', async () => {
    const { stack, r, lan, events, stop } = await watch('link');
    await lan.down();
    expect(
      events.filter(({ net, ifindex }) => net === r.handle && ifindex === lan.ifindex).length,
    ).toBeGreaterThan(0);
    events.length = 0;
    await lan.up();
    expect(events.some(({ net, ifindex }) => net === r.handle && ifindex === lan.ifindex)).toBe(true);
    events.length = 0;
    await lan.delete();
    expect(events.some(({ ifindex, b }) => ifindex === lan.ifindex && (b & 1) === 1)).toBe(true);
    stop();
    events.length = 0;
    await stack.namespace('more');
    expect(events).toEqual([]);
    await stack.close();
  });

  test('an address that comes and goes is told of', async () => {
    const { stack, lan, events } = await watch('address');
    await lan.addAddress('10.44.0.1/24');
    await lan.addAddress('fd44::1/64', { nodad: true });
    expect(
      events.some(
        ({ family, address }) => family === AF_INET && address.subarray(0, 4).join('.') === '10.44.0.1',
      ),
    ).toBe(true);
    expect(
      events.some(({ family, address }) => family === AF_INET6 && address[0] === 0xfd && address[1] === 0x44),
    ).toBe(true);
    events.length = 0;
    await lan.deleteAddress('10.44.0.1/24');
    expect(events.some(({ family, address }) => family === AF_INET && address[1] === 44)).toBe(true);
    await stack.close();
  });

  test('a route that comes and goes is told of', async () => {
    const { stack, r, events } = await watch('route');
    await r.addRoute({ to: '20.0.0.0/8', via: '10.0.1.2' });
    expect(events.some(({ net, address }) => net === r.handle && address[0] === 20)).toBe(true);
    events.length = 0;
    await r.deleteRoute({ to: '20.0.0.0/8' });
    expect(events.some(({ net, address }) => net === r.handle && address[0] === 20)).toBe(true);
    await stack.close();
  });

  test('a neighbour that is found, and one that is not, is told of', async () => {
    const { stack, a, events } = await watch('neighbour');
    await a.send(AF_INET, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, echo()));
    await a.send(AF_INET, ip4({ src: '10.0.1.2', dst: '10.0.1.99', id: 0 }, echo()));
    stack.run(5000);
    const states = (address: string) =>
      events
        .filter((e) => e.net === a.handle && e.address.subarray(0, 4).join('.') === address)
        .map(({ b }) => b);
    expect(states('10.0.1.1')).toContain(2);
    expect(states('10.0.1.99')).toContain(0x20);
    await stack.close();
  });

  test('a listener that makes more of them within itself hears each once, in order', async () => {
    const { stack, r, lan, events } = await watch('address');
    const made = ['10.44.0.1', '10.44.0.2', '10.44.0.3'];
    const stop = stack.on('address', () => {
      const next = made.shift();
      if (next !== undefined) void lan.addAddress(`${next}/24`);
    });
    await lan.addAddress('10.44.0.9/24');
    await r.links();
    expect(
      events
        .filter(({ family, b }) => family === AF_INET && (b & 1) === 0)
        .map(({ address }) => address.slice(0, 4).join('.')),
    ).toEqual(['10.44.0.9', '10.44.0.1', '10.44.0.2', '10.44.0.3']);
    stop();
    await stack.close();
  });

  test('those that nobody takes are counted as lost, and later ones arrive', async () => {
    const { stack, r } = await twoNetworks({ sizes: { events: 8 } });
    const events: CoreEvent[] = [];
    stack.on('route', (event) => events.push(event));
    const specs = Array.from({ length: 100 }, (_, i) => ({ to: `20.${i}.0.0/16`, via: '10.0.1.2' }));
    await r.addRoutes(specs);
    const { instance } = stack.core;
    expect(events).toHaveLength(8);
    expect(instance.u32[(instance.status(Status.EVENT_RING) + HostRing.LOST) >>> 2]).toBeGreaterThanOrEqual(
      92,
    );
    events.length = 0;
    await r.addRoute({ to: '30.0.0.0/8', via: '10.0.1.2' });
    expect(events).toHaveLength(1);
    await stack.close();
  });
});
