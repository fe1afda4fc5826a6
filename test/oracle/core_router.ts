/**
 * The core as a target: a namespace of its own per run, the same lines of ip -batch and sysctl given through the typed
 * client, frames put into the receive rings and taken from the transmit rings, time virtual.
 */
import { uptime } from 'node:os';
import { NetifF } from '../../assembly/abi/features.js';
import type { JitMode } from '../../src/core/jit/emit_chain.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import type { Link } from '../../src/net/link.js';
import type { Namespace } from '../../src/net/namespace.js';
import { Nfnl } from '../../src/net/nfnl.js';
import { conntrackText } from '../../src/netlink/ctnetlink.js';
import { createStack, type Stack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';
import { configureByBridge } from './bridge_line.js';
import { configureByIp } from './ip_line.js';
import { installNat } from './nat_rule.js';
import {
  EARLY_SYSCTL,
  type FrameStep,
  ipLines,
  type Netfilter,
  type OracleCase,
  type Output,
  type PortName,
  PORTS,
  ROUTER_MAC,
  type Session,
  type Setup,
  STANDARD_SYSCTL,
  type Step,
  type Target,
} from './router.js';

/** Linux's time stamps (of 32 bits) wrap five minutes after it has begun; ours then, too. */
const JIFFIES_BEGIN_MS = 2 ** 32 - 300_000;

export interface CoreOptions {
  /** The build for boards. */
  scalar?: true;
  /** Frames that follow each other on a port arrive together, not one by one. */
  bursts?: true;
  /** The same, and GRO is on. */
  gro?: true;
  /** Rules run as generated code, from CoreSession.generate on. */
  jit?: JitMode;
}

/** Lets the core merge what arrives together. */
class GroDriver extends ScriptDriver {
  override readonly features = NetifF.GRO | NetifF.GRO_UDP_FWD;
}

export class CoreRouter implements Target<CoreSession> {
  private runs = 0;
  private readonly jit: NftJit | undefined;

  private constructor(
    readonly stack: Stack,
    private readonly how: CoreOptions,
    readonly name: string,
  ) {
    // What stays interpreted shows in generate().
    if (how.jit !== undefined) this.jit = new NftJit(stack.core, how.jit, () => undefined);
  }

  static async create(how: CoreOptions = {}): Promise<CoreRouter> {
    const words = Object.entries(how).map(([key, value]) => (value === true ? key : `${value} code`));
    const stack = await createStack({ clock: 'virtual', seed: 7, scalar: how.scalar ?? false });
    // As on Linux the clock has run for a while when the first namespace comes: limits by time have their credit, and
    // what is told of a connection's end before it is tracked (ct expiration) is less by that while.
    stack.run(JIFFIES_BEGIN_MS + Math.round(uptime() * 1000));
    return new CoreRouter(stack, how, ['the core', ...words].join(', '));
  }

  /** GRO changes how many packets the router itself sees, so it is for trains that only pass through. */
  takes(one: OracleCase): boolean {
    return this.how.gro !== true || one.train === true;
  }

  async open(setup: Setup): Promise<CoreSession> {
    const namespace = await this.stack.namespace(`oracle${++this.runs}`);
    const session = new CoreSession(this.stack, namespace, this.how, this.jit);
    try {
      await session.begin(setup);
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  async run(setup: Setup, steps: readonly Step[]): Promise<Output> {
    const session = await this.open(setup);
    try {
      return await session.drive(steps);
    } finally {
      await session.close();
    }
  }

  close(): Promise<void> {
    this.jit?.close();
    return this.stack.close();
  }
}

export class CoreSession implements Session {
  readonly netfilter: Netfilter;
  private readonly links: Link[] = [];
  private readonly drivers = {} as Record<PortName, ScriptDriver>;
  /** What is tracked after each step, when that is asked for. */
  private noted: string[][] | undefined;

  constructor(
    private readonly stack: Stack,
    readonly namespace: Namespace,
    private readonly how: CoreOptions,
    private readonly jit?: NftJit,
  ) {
    this.netfilter = new Nfnl(stack.core, namespace.handle);
  }

  async begin(setup: Setup): Promise<void> {
    const { stack, namespace, drivers } = this;
    for (const [name, value] of Object.entries(EARLY_SYSCTL)) await namespace.setSysctl(name, value);
    for (const port of PORTS) {
      drivers[port] = this.how.gro === true ? new GroDriver() : new ScriptDriver();
      this.links.push(
        await stack.port(namespace, drivers[port], { name: port, mac: ROUTER_MAC[port], mtu: 1500 }),
      );
    }
    for (const line of ipLines(setup)) await configureByIp(namespace, line);
    for (const line of setup.bridge ?? []) await configureByBridge(namespace, line);
    for (const [name, value] of Object.entries({ ...STANDARD_SYSCTL, ...setup.sysctl })) {
      await namespace.setSysctl(name, value);
    }
    if (setup.conntrack !== undefined) {
      await namespace.conntrack.enable();
      this.noted = [];
    }
    if (setup.nat !== undefined) await installNat(stack, namespace, setup.nat, setup.helpers);
    stack.run(0);
  }

  /** Code for the rules that are loaded, if this core generates some. */
  async generate(): Promise<void> {
    const { jit, namespace } = this;
    if (jit === undefined) return;
    await jit.sync(namespace.handle);
    const left = jit.describe(namespace.handle).filter(({ mode }) => mode === 'interpreter');
    if (left.length > 0) throw new Error(`chain ${left[0]!.name} has no code: ${left[0]!.reason}`);
  }

  private async note(): Promise<void> {
    const entries = await this.namespace.conntrack.list();
    this.noted!.push(entries.map((entry) => conntrackText(entry, { proc: true })));
  }

  async drive(steps: readonly Step[]): Promise<Output> {
    const { stack, drivers } = this;
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'wait') {
        stack.run(step.ms);
        if (this.noted !== undefined) await this.note();
        continue;
      }
      drivers[step.port].input.push(step.frame);
      const next = steps[i + 1];
      const more =
        (this.how.bursts ?? this.how.gro) === true && next?.kind === 'frame' && next.port === step.port;
      if (!more) stack.run(0);
      if (this.noted !== undefined) await this.note();
    }
    return this.noted === undefined ? this.sent() : { ...this.sent(), conntrack: this.noted.splice(0) };
  }

  burst(frames: readonly FrameStep[]): Output {
    // One by one: in a burst what is forwarded may overtake what is answered.
    for (const { port, frame } of frames) {
      this.drivers[port].input.push(frame);
      this.stack.run(0);
    }
    // Linux's clock goes on as well: what may be sent at a rate counts on it.
    this.stack.run(1);
    return this.sent();
  }

  private sent(): Output {
    const { lan0, wan0 } = this.drivers;
    return { lan0: lan0.sent.splice(0), wan0: wan0.sent.splice(0) };
  }

  async close(): Promise<void> {
    const { stack, namespace } = this;
    // What the lines have made, the last first: it may stand on those before.
    for (const { kind, name } of (await namespace.links()).reverse()) {
      if (kind !== 'loopback' && kind !== 'port') await (await namespace.link(name)).delete();
    }
    for (const link of this.links) await stack.removePort(link);
    await stack.removeNamespace(namespace);
  }
}
