/**
 * Our router, or with `bridge` our bridge, as a process of its own: `node build/bench_router.js LAN-PORT WAN-PORT
 * [bridge]`. Says "ready" when its ports are there, and runs until its standard input ends.
 */
import { createStack } from '../../src/stack.js';
import { LAN, PREFIX, SINK, WAN } from './plan.js';

const [lanPort, wanPort, as] = process.argv.slice(2) as [string, string, string | undefined];
const stack = await createStack();
const router = await stack.namespace('router');
const lan = await stack.port(router, lanPort, { name: 'lan0', mac: LAN.routerMac });
const wan = await stack.port(router, wanPort, { name: 'wan0', mac: WAN.routerMac });
if (as === 'bridge') {
  const bridge = await router.addBridge({ name: 'br0' });
  await bridge.addPort(lan);
  await (await bridge.addPort(wan)).addFdb({ mac: SINK.mac, state: 'static' });
  await bridge.link.up();
} else {
  await router.setSysctl('net.ipv4.ip_forward', 1);
  await lan.addAddress(`${LAN.router}/${PREFIX}`);
  await wan.addAddress(`${WAN.router}/${PREFIX}`);
  await router.addNeighbour(wan, { address: SINK.address, mac: SINK.mac });
}
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => void stack.close().then(() => process.exit(0)));
