/** Packets that find a port's ring full wait in its qdisc, and leave as soon as the driver has made room. */
import { expect, test } from 'vitest';
import { AF_INET } from '../../src/net/ip.js';
import { createStack } from '../../src/stack.js';
import { CanaryDriver } from '../canary_driver.js';
import { ip4, pattern, udp } from '../oracle/packet.js';
import { address, freeOf } from './lab.js';

test('a datagram of more fragments than the ring has entries leaves whole, with no time passing', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const r = await stack.namespace('r');
  const port = new CanaryDriver('p', '02:00:00:00:00:01', 0, 0, 0);
  const link = await stack.port(r, port, { name: 'p0', ringEntries: 4 });
  await address(link, '10.0.0.1/24');
  await r.addNeighbour(link, { address: '10.0.0.2', mac: '02:00:00:00:00:02' });
  stack.run(5000);
  port.take();
  const before = freeOf(stack);
  await r.send(AF_INET, ip4({ src: '10.0.0.1', dst: '10.0.0.2', id: 0 }, udp({}, pattern(60_000))));
  stack.run(0);
  expect(port.take()).toHaveLength(41);
  expect((await link.stats()).qdiscLen).toBe(0);
  expect(freeOf(stack)).toMatchObject({ skbs: before.skbs, small: before.small, large: before.large });
  await stack.close();
});
