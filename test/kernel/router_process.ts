/**
 * Our router as a process of its own, as `ww up` is: a stack with a real clock whose ports are TAPs or packet ports,
 * worked by calls from the test (rpc.ts). It runs in a network namespace of its own, so that the interfaces' names are
 * nobody else's.
 */
import { Status } from '../../assembly/abi/layout.js';
import { MsgType } from '../../assembly/abi/request.js';
import type { PortState } from '../../src/core/core.js';
import type { Driver } from '../../src/drivers/driver.js';
import { FaultInjector } from '../../src/drivers/fault_injector.js';
import type { Faults } from '../../src/drivers/fault_lane.js';
import { openPort } from '../../src/drivers/open.js';
import { PacketDriver } from '../../src/drivers/packet.js';
import { TapDriver } from '../../src/drivers/tap.js';
import type { Link, LinkChange } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { RouteSpec } from '../../src/net/route.js';
import { createStack, type Stack } from '../../src/stack.js';
import { configureByIp } from '../oracle/ip_line.js';
import { serve } from './rpc.js';

export type PortConfig = ({ kind: 'tap' | 'packet' } | { kind: 'spec'; spec: string }) & {
  namespace: string;
  /** Of the link and of the TAP, or the interface that is a packet port. */
  name: string;
  mac: string;
  addresses: readonly string[];
  mtu?: number;
  offloads?: boolean;
  faults?: { seed: number; rx: Faults; tx: Faults };
};

export interface VethConfig {
  a: { namespace: string; name: string; addresses: readonly string[] };
  b: { namespace: string; name: string; addresses: readonly string[] };
  mtu: number;
}

export type NamedRoute = Omit<RouteSpec, 'oif'> & { dev?: string };

let stack: Stack;
const namespaces = new Map<string, Namespace>();
const links = new Map<string, Link>();
const injectors = new Map<string, FaultInjector>();

const namespaceOf = (name: string): Namespace => namespaces.get(name)!;
const linkOf = (name: string): Link => links.get(name)!;

const states: [number, boolean][] = [];

function driverOf(config: PortConfig): Driver {
  const { name, mac, offloads } = config;
  const options = { mac, offloads };
  if (config.kind === 'spec') return openPort(config.spec, options);
  return config.kind === 'tap' ? new TapDriver(name, options) : new PacketDriver(name, options);
}

async function addAddresses(link: Link, addresses: readonly string[]): Promise<void> {
  links.set(link.name, link);
  for (const address of addresses) await link.addAddress(address, { nodad: true });
}

const methods = {
  async start(seed: number, scalar: boolean) {
    stack = await createStack({ seed, scalar });
  },

  async namespace(name: string, sysctls: Readonly<Record<string, number>>) {
    const namespace = await stack.namespace(name);
    namespaces.set(name, namespace);
    for (const [key, value] of Object.entries(sysctls)) await namespace.setSysctl(key, value);
  },

  /** Makes the TAP, which the test then moves to a host's namespace; or opens an interface that is there. */
  async port(config: PortConfig) {
    const { namespace, name, mac, addresses, mtu, faults } = config;
    const driver = driverOf(config);
    const injector = faults === undefined ? undefined : new FaultInjector(driver, faults);
    if (injector !== undefined) injectors.set(name, injector);
    const link = await stack.port(namespaceOf(namespace), injector ?? driver, {
      name,
      ...(mtu === undefined ? {} : { mtu }),
      // A device's own address is known only when it has been opened.
      ...(config.kind === 'spec' && {
        mac,
        onState: ({ up }: PortState) => void states.push([performance.now(), up]),
      }),
    });
    await addAddresses(link, addresses);
  },

  /** Gives the device back, whatever it is. */
  async removePort(name: string) {
    await stack.removePort(linkOf(name));
    links.delete(name);
  },

  /** When the state of a port by spec changed, in milliseconds of this process, and to what. */
  states: () => states.splice(0),

  async veth({ a, b, mtu }: VethConfig) {
    const [one, two] = await stack.veth(
      [namespaceOf(a.namespace), a.name],
      [namespaceOf(b.namespace), b.name],
      mtu,
    );
    await addAddresses(one, a.addresses);
    await addAddresses(two, b.addresses);
  },

  async route(namespace: string, { dev, ...spec }: NamedRoute) {
    await namespaceOf(namespace).addRoute(dev === undefined ? spec : { ...spec, oif: linkOf(dev).ifindex });
  },

  /** A line of ip -batch (oracle/ip_line.ts). */
  ip: (namespace: string, line: string) => configureByIp(namespaceOf(namespace), line),
  neighbours: (namespace: string) => namespaceOf(namespace).neighbours(),
  /** Also one that a line of ip made. */
  link: async (name: string) => (links.get(name) ?? (await namespaceOf('router').link(name))).info(),
  addresses: (name: string) => linkOf(name).addresses(),
  stats: (name: string) => linkOf(name).stats(),
  snmp: (namespace: string) => namespaceOf(namespace).snmp(),
  setLink: (name: string, change: LinkChange) => linkOf(name).set(change),
  /** Records and slots that are free: what the core has given out is not in here. */
  async pools() {
    const view = await stack.core.request(
      { type: MsgType.MEMORY_STATS, bytes: Status.SIZE - Status.MEMORY_END },
      'memory',
    );
    const field = (status: Status) => view.getUint32(status - Status.MEMORY_END, true);
    return {
      skbs: field(Status.SKBS_FREE),
      small: field(Status.SMALL_FREE),
      large: field(Status.LARGE_FREE),
    };
  },
  faultCounters: (name: string) => injectors.get(name)!.counters,
};

export type RouterMethods = typeof methods;

serve(methods);
