/** What `ww up` makes of vlans, bonds, dummy-devices and macvlans of a file. */
import { expect, test } from 'vitest';
import { buildRouter } from '../../src/cli/router.js';
import { makeLogger } from '../../src/cli/log.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import { createStack } from '../../src/stack.js';

const FILE = `network:
  version: 2
  ethernets:
    lo: {}
  vlans:
    bond0.7: {id: 7, link: bond0, addresses: [10.7.0.1/24]}
    br0.8: {id: 8, link: br0}
    bond0.9: {id: 9, link: bond0}
  bridges:
    br0: {interfaces: [bond0.9]}
  macvlans:
    m0: {link: d2, mode: bridge, macaddress: "02:00:00:00:00:05"}
  bonds:
    bond0:
      interfaces: [d0, d1]
      mtu: 1400
      link-local: []
      parameters: {mode: active-backup, mii-monitor-interval: 100, primary: d1}
  dummy-devices: {d0: {}, d1: {}, d2: {addresses: [10.2.0.1/24]}}
`;

test('a router has the virtual links of its file, up, with their addresses and masters', async () => {
  const read = readRouterConfig(FILE, 'router.yaml');
  if (read.kind !== 'ok') throw new Error(JSON.stringify(read.errors));
  const stack = await createStack({ clock: 'virtual' });
  const log = makeLogger({ level: 'silent', pretty: false, color: false, write: () => {} });
  const router = await buildRouter(stack, read.config, { log });
  // A bridge has carrier once a port forwards: twice its forward delay.
  stack.run(31_000);
  expect(await Promise.all(router.links.map(async (link) => (await link.info()).name))).toEqual([
    'd0',
    'd1',
    'd2',
    'm0',
    'bond0',
    'bond0.7',
    'bond0.9',
    'br0',
    'br0.8',
  ]);
  const links = await router.namespace.links();
  const by = (name: string) => links.find((link) => link.name === name)!;
  expect(links.filter(({ up, carrier }) => !up || !carrier).map(({ name }) => name)).toEqual([]);
  expect(by('bond0')).toMatchObject({
    mtu: 1400,
    data: { mode: 'active-backup', miimon: 100, primary: by('d1').ifindex, activeSlave: by('d1').ifindex },
  });
  expect([by('d0').master, by('d1').master]).toEqual([by('bond0').ifindex, by('bond0').ifindex]);
  expect(by('bond0.7')).toMatchObject({ mtu: 1400, link: by('bond0').ifindex, data: { id: 7 } });
  expect(by('bond0.9').master).toBe(by('br0').ifindex);
  expect(by('br0.8').link).toBe(by('br0').ifindex);
  expect(by('m0')).toMatchObject({ mac: '02:00:00:00:00:05', data: { mode: 'bridge' } });
  const addresses = async (name: string) =>
    (await (await router.namespace.link(name)).addresses()).map(({ address }) => address);
  expect(await addresses('bond0.7')).toContain('10.7.0.1');
  expect(await addresses('bond0')).toEqual([]);
  await stack.close();
});
