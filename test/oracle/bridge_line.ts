/** The lines of bridge -batch that the oracle's cases use, done to a namespace of the core. */
import type { BridgePort, StpState } from '../../src/net/bridge.js';
import type { Namespace } from '../../src/net/namespace.js';

const STATES: readonly StpState[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];

export async function configureByBridge(namespace: Namespace, text: string): Promise<void> {
  const words = text.split(' ');
  const value = (key: string) => words[words.indexOf(key) + 1]!;
  const device = value('dev');
  const port = words.includes('self') ? await namespace.bridge(device) : await portOf(namespace, device);
  const vid = Number(value('vid'));
  switch (words.slice(0, 2).join(' ')) {
    case 'vlan add':
      await port.addVlan({ first: vid, pvid: words.includes('pvid'), untagged: words.includes('untagged') });
      return;
    case 'vlan set':
      await (port as BridgePort).setVlanState(STATES[Number(value('state'))]!, vid);
      return;
    case 'vlan del':
      await port.deleteVlan(vid);
      return;
    default:
      throw new Error(`test/oracle/bridge_line.ts does not know: bridge ${text}`);
  }
}

async function portOf(namespace: Namespace, name: string): Promise<BridgePort> {
  const link = await namespace.link(name);
  const { master } = await link.info();
  const bridge = (await namespace.links()).find(({ ifindex }) => ifindex === master);
  if (bridge === undefined) throw new Error(`${name} is no port of a bridge`);
  return (await namespace.bridge(bridge.name)).port(link);
}
