/** A bridge whose ports a test drives: what it sends into one, and what comes out of which. */
import type { Bridge, BridgeOptions } from '../../src/net/bridge.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';

export const mac = (n: number) => `02:00:00:00:10:${n.toString(16).padStart(2, '0')}`;
const bytes = (text: string) => text.split(':').map((part) => Number.parseInt(part, 16));
export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A frame of 60 bytes whose payload says which. */
export function frame(to: string, from: string, mark = 0, type = 0x9000): Uint8Array {
  const made = new Uint8Array(60).fill(mark, 14);
  made.set([...bytes(to), ...bytes(from), type >> 8, type & 255]);
  return made;
}

export interface BridgeLab {
  stack: Stack;
  ns: Namespace;
  bridge: Bridge;
  drivers: ScriptDriver[];
  links: Link[];
  /** Sends from a port and says which ports sent how many frames. */
  send(port: number, ...frames: Uint8Array[]): number[];
}

export async function bridgeLab(
  ports: number,
  options: BridgeOptions = {},
  driverOf: (port: number) => ScriptDriver = () => new ScriptDriver(),
): Promise<BridgeLab> {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('br');
  await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const bridge = await ns.addBridge({ name: 'br0', ...options });
  const drivers: ScriptDriver[] = [];
  const links: Link[] = [];
  for (let i = 0; i < ports; i++) {
    const driver = driverOf(i);
    drivers.push(driver);
    links.push(await stack.port(ns, driver, { name: `p${i}`, mac: `02:00:00:00:00:0${i + 1}` }));
    await bridge.addPort(links[i]!);
  }
  await bridge.link.up();
  stack.run(10);
  for (const driver of drivers) driver.sent.length = 0;
  const send = (port: number, ...frames: Uint8Array[]) => {
    for (const driver of drivers) driver.sent.length = 0;
    drivers[port]!.input.push(...frames);
    stack.run(1);
    return drivers.map((driver) => driver.sent.length);
  };
  return { stack, ns, bridge, drivers, links, send };
}
