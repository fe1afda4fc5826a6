/** 802.1Q and 802.1ad devices: between namespaces, and byte by byte at a port. */
import { expect, test } from 'vitest';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { echo, ETH_P_IP, ip4, pattern } from '../oracle/packet.js';
import { ScriptDriver } from '../script_driver.js';
import { frame, hex, tag } from './frames.js';
import { address } from './lab.js';

const PEER = '02:00:00:00:00:aa';
const OWN = '02:00:00:00:00:99';

/** A namespace with a port p0 (up) and what a test stacks on it. */
async function atPort(): Promise<{ stack: Stack; ns: Namespace; port: Link; driver: ScriptDriver }> {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  const driver = new ScriptDriver();
  const port = await stack.port(ns, driver, { name: 'p0' });
  await ns.setSysctl('net.ipv6.conf.all.disable_ipv6', 1);
  return { stack, ns, port, driver };
}

const request = (dst: string, size = 16) => ip4({ src: '10.0.10.2', dst, id: 7 }, echo(pattern(size)));

test('a frame with the tag of a VLAN device reaches it, and its answer has the tag again', async () => {
  const { stack, ns, port, driver } = await atPort();
  const vlan = await ns.addLink({ kind: 'vlan', name: 'p0.10', link: port, id: 10 });
  await vlan.up();
  await address(vlan, '10.0.10.1/24');
  await ns.addNeighbour(vlan, { address: '10.0.10.2', mac: PEER });
  stack.run(2500);
  driver.sent.splice(0);
  driver.input.push(frame(OWN, PEER, ETH_P_IP, request('10.0.10.1'), tag(10, 5)));
  stack.run(10);
  expect(driver.sent.map((sent) => hex(sent.subarray(0, 18)))).toEqual([
    hex(frame(PEER, OWN, ETH_P_IP, new Uint8Array(0), tag(10))),
  ]);
  expect(await vlan.stats()).toMatchObject({ rxPackets: 1, rxBytes: 44 });
  expect(await vlan.info()).toMatchObject({
    kind: 'vlan',
    link: port.ifindex,
    mac: OWN,
    data: { id: 10, protocol: '802.1Q', reorderHdr: true, looseBinding: false },
  });
  await stack.close();
});
