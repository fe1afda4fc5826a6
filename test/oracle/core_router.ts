/**
 * The core as a target: a namespace of its own per run, the same lines of ip -batch and sysctl given through the typed
 * client, frames put into the receive rings and taken from the transmit rings, time virtual.
 */
import { NetifF } from '../../assembly/abi/features.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { conntrackText } from '../../src/netlink/ctnetlink.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';
import { configureByBridge } from './bridge_line.js';
import { configureByIp } from './ip_line.js';
import {
  EARLY_SYSCTL,
  ipLines,
  type OracleCase,
  type Output,
  type PortName,
  PORTS,
  ROUTER_MAC,
  type Setup,
  STANDARD_SYSCTL,
  type Step,
  type Target,
} from './router.js';

export interface CoreOptions {
  /** The build for boards. */
  scalar?: true;
  /** Frames that follow each other on a port arrive together, not one by one. */
  bursts?: true;
  /** The same, and GRO is on. */
  gro?: true;
}

/** Lets the core merge what arrives together. */
class GroDriver extends ScriptDriver {
  override readonly features = NetifF.GRO | NetifF.GRO_UDP_FWD;
}

export class CoreRouter implements Target {
  private runs = 0;

  private constructor(
    readonly stack: Stack,
    private readonly how: CoreOptions,
    readonly name: string,
  ) {}

  static async create(how: CoreOptions = {}): Promise<CoreRouter> {
    const name = ['the core', ...Object.keys(how)].join(', ');
    return new CoreRouter(
      await createStack({ clock: 'virtual', seed: 7, scalar: how.scalar ?? false }),
      how,
      name,
    );
  }

  /** GRO changes how many packets the router itself sees, so it is for trains that only pass through. */
  takes(one: OracleCase): boolean {
    return this.how.gro !== true || one.train === true;
  }

  async run(setup: Setup, steps: readonly Step[]): Promise<Output> {
    const { stack } = this;
    const namespace = await stack.namespace(`oracle${++this.runs}`);
    const links: Link[] = [];
    try {
      for (const [name, value] of Object.entries(EARLY_SYSCTL)) await namespace.setSysctl(name, value);
      const drivers = {} as Record<PortName, ScriptDriver>;
      for (const port of PORTS) {
        drivers[port] = this.how.gro === true ? new GroDriver() : new ScriptDriver();
        links.push(
          await stack.port(namespace, drivers[port], { name: port, mac: ROUTER_MAC[port], mtu: 1500 }),
        );
      }
      await this.configure(namespace, setup);
      return await this.drive(drivers, steps, setup.conntrack === undefined ? undefined : namespace);
    } finally {
      await this.removeOthers(namespace);
      for (const link of links) await stack.removePort(link);
      await stack.removeNamespace(namespace);
    }
  }

  /** What the lines have made. The last first: it may stand on those before. */
  private async removeOthers(namespace: Namespace): Promise<void> {
    for (const { kind, name } of (await namespace.links()).reverse()) {
      if (kind !== 'loopback' && kind !== 'port') await (await namespace.link(name)).delete();
    }
  }

  close(): Promise<void> {
    return this.stack.close();
  }

  private async configure(namespace: Namespace, setup: Setup): Promise<void> {
    for (const line of ipLines(setup)) await configureByIp(namespace, line);
    for (const line of setup.bridge ?? []) await configureByBridge(namespace, line);
    for (const [name, value] of Object.entries({ ...STANDARD_SYSCTL, ...setup.sysctl })) {
      await namespace.setSysctl(name, value);
    }
    if (setup.conntrack !== undefined) await namespace.conntrack.enable();
  }

  private async drive(
    drivers: Record<PortName, ScriptDriver>,
    steps: readonly Step[],
    tracked: Namespace | undefined,
  ): Promise<Output> {
    const { stack } = this;
    const conntrack: string[][] = [];
    const note = async () => {
      if (tracked === undefined) return;
      const entries = await tracked.conntrack.list();
      conntrack.push(entries.map((entry) => conntrackText(entry, { proc: true })));
    };
    stack.run(0);
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'wait') {
        stack.run(step.ms);
        await note();
        continue;
      }
      drivers[step.port].input.push(step.frame);
      const next = steps[i + 1];
      const more =
        (this.how.bursts ?? this.how.gro) === true && next?.kind === 'frame' && next.port === step.port;
      if (!more) stack.run(0);
      await note();
    }
    const sent = { lan0: drivers.lan0.sent, wan0: drivers.wan0.sent };
    return tracked === undefined ? sent : { ...sent, conntrack };
  }
}
