/**
 * The core as a target: a namespace of its own per run, the same lines of ip -batch and sysctl given through the typed
 * client, frames put into the receive rings and taken from the transmit rings, time virtual.
 */
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';
import { configureByIp } from './ip_line.js';
import {
  EARLY_SYSCTL,
  type Output,
  type PortName,
  PORTS,
  ROUTER_MAC,
  type Setup,
  STANDARD_IP,
  STANDARD_SYSCTL,
  type Step,
  type Target,
} from './router.js';

export class CoreRouter implements Target {
  private runs = 0;

  private constructor(
    readonly stack: Stack,
    private readonly bursts: boolean,
    readonly name: string,
  ) {}

  /** With `bursts`, frames that follow each other on a port arrive together, not one by one. */
  static async create(options: { scalar?: boolean; bursts?: boolean } = {}): Promise<CoreRouter> {
    const { scalar = false, bursts = false } = options;
    const name = `the core${scalar ? ', scalar' : ''}${bursts ? ', in bursts' : ''}`;
    return new CoreRouter(await createStack({ clock: 'virtual', seed: 7, scalar }), bursts, name);
  }

  async run(setup: Setup, steps: readonly Step[]): Promise<Output> {
    const { stack } = this;
    const namespace = await stack.namespace(`oracle${++this.runs}`);
    const links: Link[] = [];
    try {
      for (const [name, value] of Object.entries(EARLY_SYSCTL)) await namespace.setSysctl(name, value);
      const drivers = {} as Record<PortName, ScriptDriver>;
      for (const port of PORTS) {
        drivers[port] = new ScriptDriver();
        links.push(
          await stack.port(namespace, drivers[port], { name: port, mac: ROUTER_MAC[port], mtu: 1500 }),
        );
      }
      await this.configure(namespace, setup);
      return this.drive(drivers, steps);
    } finally {
      for (const link of links) await stack.removePort(link);
      await stack.removeNamespace(namespace);
    }
  }

  close(): Promise<void> {
    return this.stack.close();
  }

  private async configure(namespace: Namespace, setup: Setup): Promise<void> {
    for (const line of [...STANDARD_IP, ...(setup.ip ?? [])]) await configureByIp(namespace, line);
    for (const [name, value] of Object.entries({ ...STANDARD_SYSCTL, ...setup.sysctl })) {
      await namespace.setSysctl(name, value);
    }
  }

  private drive(drivers: Record<PortName, ScriptDriver>, steps: readonly Step[]): Output {
    const { stack } = this;
    stack.run(0);
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'wait') {
        stack.run(step.ms);
        continue;
      }
      drivers[step.port].input.push(step.frame);
      const next = steps[i + 1];
      const more = this.bursts && next?.kind === 'frame' && next.port === step.port;
      if (!more) stack.run(0);
    }
    return { lan0: drivers.lan0.sent, wan0: drivers.wan0.sent };
  }
}
