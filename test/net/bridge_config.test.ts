import { pino } from 'pino';
import { expect, test } from 'vitest';
import { buildRouter } from '../../src/cli/router.js';
import { HeldPort, type RouterPort } from '../../src/cli/router_port.js';
import { readRouterConfig } from '../../src/config/netplan.js';
import { createStack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';
import { BROADCAST, frame, mac } from './bridge_lab.js';

const FILE = `
network:
  version: 2
  ethernets: {lan0: {}, lan1: {}, lan2: {}}
  bridges:
    br0:
      interfaces: [lan0, lan1, lan2]
      addresses: [10.0.0.1/24]
      parameters:
        stp: false
        ageing-time: 60
        path-cost: {lan1: 50}
        port-priority: {lan1: 8}
        vlan-filtering: true
        port-vlans: {lan0: {pvid: 10}, lan1: {tagged: [10, 20]}, lan2: {pvid: 20}, br0: {pvid: 10}}
ports: {lan0: "udp:127.0.0.1:1-127.0.0.1:2", lan1: "udp:127.0.0.1:3-127.0.0.1:4", lan2: "udp:127.0.0.1:5-127.0.0.1:6"}
`;

test('router.yaml makes a bridge with its ports, parameters and VLANs', async () => {
  const result = readRouterConfig(FILE, 'router.yaml');
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result.errors));
  const stack = await createStack({ clock: 'virtual' });
  const drivers: ScriptDriver[] = [];
  const openPort = (): RouterPort => {
    const driver = new ScriptDriver();
    drivers.push(driver);
    return { driver: new HeldPort(driver), isFile: true, drained: () => true };
  };
  const { namespace, ports, links } = await buildRouter(stack, result.config, {
    log: pino({ level: 'silent' }),
    openPort,
  });
  for (const { driver } of ports) driver.release();
  const bridge = await namespace.bridge('br0');
  expect(await bridge.info()).toMatchObject({ ageingTime: 60, stp: false, vlanFiltering: true });
  expect(await bridge.port(links[1]!).info()).toMatchObject({
    cost: 50,
    priority: 8,
    pvid: 0,
    state: 'forwarding',
  });
  expect(await bridge.vlans()).toEqual([
    { first: 10, last: 10, pvid: true, untagged: true, state: 'forwarding' },
  ]);
  for (const driver of drivers) driver.sent.length = 0;
  drivers[0]!.input.push(frame(BROADCAST, mac(1)));
  stack.run(5);
  expect(
    drivers.map(({ sent }) => sent.filter((one) => one.at(-1) === 0 && one.length >= 60).length),
  ).toEqual([0, 1, 0]);
  await stack.close();
});
