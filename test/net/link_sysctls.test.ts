/** Sysctls of links that decide what stays when a link goes, and whether a packet goes on. */
import { expect, test } from 'vitest';
import { AF_INET6 } from '../../src/net/ip.js';
import { createStack } from '../../src/stack.js';
import { echo6, ip6 } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { icmps, listen, twoNetworks } from './lab.js';

const PEER = '02:00:00:00:00:aa';

test('keep_addr_on_down keeps the permanent IPv6 addresses of a link, not its link-local one', async () => {
  const { stack, r, lan, a } = await twoNetworks();
  await r.setSysctl('net.ipv6.conf.lan0.keep_addr_on_down', 1);
  await lan.addAddress('fd05::1/64', { nodad: true, validLft: 3600, preferredLft: 3600 });
  const shown = async () =>
    (await lan.addresses()).map(({ address }) => address).filter((one) => one.includes(':'));
  expect(await shown()).toHaveLength(3);
  await lan.down();
  expect(await shown()).toEqual(['fd01::1']);
  expect((await r.routes(AF_INET6)).filter(({ oif }) => oif === lan.ifindex)).toEqual([]);
  await lan.up();
  stack.run(3000);
  const got = await listen(a, AF_INET6);
  await a.send(AF_INET6, ip6({ src: 'fd01::2', dst: 'fd01::1' }, echo6()));
  stack.run(1000);
  expect(icmps(got).map(({ type }) => type)).toEqual([129]);
  await r.setSysctl('net.ipv6.conf.lan0.keep_addr_on_down', -1);
  await r.setSysctl('net.ipv6.conf.all.keep_addr_on_down', 1);
  await lan.down();
  expect(await shown()).toEqual([]);
  await stack.close();
});

test('force_forwarding forwards what comes by a link, and by no other', async () => {
  const { stack, a, b, r } = await twoNetworks();
  await r.setSysctl('net.ipv6.conf.all.forwarding', 0);
  await r.setSysctl('net.ipv6.conf.lan0.force_forwarding', 1);
  const [atA, atB] = [await listen(a, AF_INET6), await listen(b, AF_INET6)];
  await a.send(AF_INET6, ip6({ src: 'fd01::2', dst: 'fd02::2' }, echo6()));
  stack.run(1000);
  expect(icmps(atB).map(({ type }) => type)).toEqual([128]);
  expect(icmps(atA)).toEqual([]);
  await r.setSysctl('net.ipv6.conf.all.force_forwarding', 1);
  await a.send(AF_INET6, ip6({ src: 'fd01::2', dst: 'fd02::2' }, echo6()));
  stack.run(1000);
  expect(icmps(atA).map(({ type }) => type)).toEqual([129]);
  await stack.close();
});

test('neighbours of a link without carrier go, unless arp_evict_nocarrier or ndisc_evict_nocarrier is off', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const r = await stack.namespace('r');
  const driver = new ScriptDriver();
  const link = await stack.port(r, driver, { name: 'p0' });
  const flap = async () => {
    await r.addNeighbour(link, { address: '10.0.0.2', mac: PEER, state: 'stale' });
    await r.addNeighbour(link, { address: 'fd00::2', mac: PEER, state: 'stale' });
    driver.notify.state(false);
    driver.notify.state(true);
    return (await r.neighbours()).filter(({ mac }) => mac === PEER).map(({ address }) => address);
  };
  expect(await flap()).toEqual([]);
  await r.setSysctl('net.ipv4.conf.p0.arp_evict_nocarrier', 0);
  expect(await flap()).toEqual(['10.0.0.2']);
  await r.setSysctl('net.ipv6.conf.all.ndisc_evict_nocarrier', 0);
  expect((await flap()).sort()).toEqual(['10.0.0.2', 'fd00::2']);
  await stack.close();
});
