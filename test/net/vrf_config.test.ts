/** What `ww up` makes of vrfs, routing-policy and the routes of a file. */
import { expect, test } from 'vitest';
import { makeLogger } from '../../src/cli/log.js';
import { buildRouter } from '../../src/cli/router.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import { createStack } from '../../src/stack.js';

const FILE = `network:
  version: 2
  ethernets: {lo: {}}
  dummy-devices:
    a: {addresses: [10.0.1.1/24, "fd01::1/64"], routes: [{to: 10.9.0.0/16, via: 10.0.1.2}]}
    b: {addresses: [10.0.1.1/24]}
    c:
      addresses: [10.0.3.1/24]
      routes:
        - {to: default, nexthops: [{via: 10.0.3.2, weight: 3}, {via: 10.0.4.2, link: d}]}
        - {to: 10.8.0.0/16, via: 10.0.3.9, table: 100, from: 10.0.3.1, congestion-window: 20, advertised-mss: 1200}
        - {to: 10.7.0.0/16, type: throw, table: 100}
      routing-policy:
        - {from: 10.0.3.0/24, table: 100, priority: 50}
        - {to: "fd09::/64", mark: 7, type-of-service: 16, table: 100, priority: 60}
    d: {addresses: [10.0.4.1/24]}
  vrfs:
    red:
      table: 10
      interfaces: [a]
      routes: [{to: default, via: 10.0.1.3}, {to: 10.66.0.0/16, type: unreachable}]
      routing-policy: [{from: 10.0.77.0/24, priority: 70}]
    blue: {table: 20, interfaces: [b]}
`;

test('a router has the VRFs, rules and routes of its file', async () => {
  const read = readRouterConfig(FILE, 'router.yaml');
  if (read.kind !== 'ok') throw new Error(JSON.stringify(read.errors));
  const stack = await createStack({ clock: 'virtual' });
  const log = makeLogger({ level: 'silent', pretty: false, color: false, write: () => {} });
  const { namespace } = await buildRouter(stack, read.config, { log });
  stack.run(3000);
  const links = await namespace.links();
  const by = (name: string) => links.find((link) => link.name === name)!;
  expect(by('red')).toMatchObject({ kind: 'vrf', up: true, data: { table: 10 } });
  expect([by('a').master, by('b').master]).toEqual([by('red').ifindex, by('blue').ifindex]);
  const get = async (to: string, query = {}) => {
    const { via, oif, table, type } = await namespace.routeGet(to, query);
    return { via, oif: links.find(({ ifindex }) => ifindex === oif)?.name, table, type };
  };
  const red = { oif: by('red').ifindex };
  expect(await get('10.50.0.1', red)).toMatchObject({ via: '10.0.1.3', oif: 'a', table: 10 });
  expect(await get('10.9.0.1', red)).toMatchObject({ via: '10.0.1.2', oif: 'a', table: 10 });
  await expect(get('10.66.0.1', red)).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  expect(await get('10.0.1.9', { oif: by('blue').ifindex })).toMatchObject({ oif: 'b', table: 20 });
  expect(await get('10.8.0.1', { src: '10.0.3.1' })).toMatchObject({ via: '10.0.3.9', oif: 'c', table: 100 });
  const routes = await namespace.routes(AF_INET);
  expect(routes.find(({ to, table }) => to === 'default' && table === 254)!.nextHops).toMatchObject([
    { via: '10.0.3.2', oif: by('c').ifindex, weight: 3 },
    { via: '10.0.4.2', oif: by('d').ifindex, weight: 1 },
  ]);
  expect(routes.find(({ to }) => to === '10.8.0.0/16')).toMatchObject({
    src: '10.0.3.1',
    metrics: { initcwnd: 20, advmss: 1200 },
  });
  expect(routes.find(({ to }) => to === '10.7.0.0/16')).toMatchObject({ type: 'throw', table: 100 });
  const rules = (await namespace.rules()).filter(({ priority }) => priority > 0 && priority < 100);
  expect(rules).toMatchObject([
    { family: AF_INET, priority: 50, from: '10.0.3.0/24', table: 100 },
    { family: AF_INET, priority: 70, from: '10.0.77.0/24', table: 10 },
    { family: AF_INET6, priority: 60, to: 'fd09::/64', fwmark: 7, tos: 16, table: 100 },
  ]);
  await stack.close();
});
