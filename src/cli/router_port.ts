/**
 * A router's port with all that stands in front of its driver, from the wire to the core:
 *
 *   driver ── fault_injector ── pcap_writer ── tracer ── listener ── held until the router is configured
 *
 * What is captured and traced is what the router sees: frames received after the faults, frames sent before them.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatMac } from '../config/ip_address.js';
import type { FaultConfig, LinkConfig } from '../config/router_config.js';
import type { Driver, PortNotify, PortRings } from '../drivers/driver.js';
import { FaultInjector } from '../drivers/fault_injector.js';
import type { Faults } from '../drivers/fault_lane.js';
import { ListenerPort } from '../drivers/listener_port.js';
import { Middleware } from '../drivers/middleware.js';
import { openPort, parsePort } from '../drivers/open.js';
import { PcapDriver } from '../drivers/pcap_driver.js';
import { PcapWriterPort } from '../drivers/pcap_writer.js';
import { Tracer } from '../drivers/tracer.js';
import { NetError } from '../net_error.js';
import type { FaultTotals } from './port_figures.js';

export interface RouterPort {
  readonly driver: HeldPort;
  /** For `ww dump PORT`. */
  readonly listener?: ListenerPort;
  /** A capture file is its input: it ends. */
  readonly isFile: boolean;
  /** What its faults did so far; only where it has some. */
  readonly faults?: (() => FaultTotals) | undefined;
  /** Nothing more comes from this port, and nothing is under way in it. */
  drained(): boolean;
}

export interface RouterPortOptions {
  readonly spec: string;
  readonly mac?: Uint8Array | undefined;
  readonly mtu?: number | undefined;
  /** pcapng files to write all frames to. */
  readonly captures: readonly string[];
  readonly faults?: FaultConfig | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

/** Frames stay where they are until release(): a router that has no addresses yet would answer them wrongly. */
export class HeldPort extends Middleware {
  private notify!: PortNotify;
  private held = true;

  get mapped(): boolean | undefined {
    return this.inner.mapped;
  }

  get queues(): number | undefined {
    return this.inner.queues;
  }

  override attach(rings: PortRings, notify: PortNotify): void {
    this.notify = notify;
    this.inner.attach(rings, notify);
  }

  release(): void {
    this.held = false;
    this.notify.readable();
  }

  override rxBurst(max: number, queue?: number): number {
    return this.held ? 0 : this.inner.rxBurst(max, queue);
  }

  override txBurst(): number {
    return this.inner.txBurst();
  }

  override arm(): void {
    if (!this.held) this.inner.arm();
  }
}

/** What the file says of a link's port, and --pcap. */
export function routerPortOptions(
  { name, port, mac, mtu }: LinkConfig,
  pcapDir: string | undefined,
  trace: (line: string) => void,
): RouterPortOptions {
  const captures = port?.capture === undefined ? [] : [port.capture];
  if (pcapDir !== undefined) captures.push(join(pcapDir, `${name}.pcapng`));
  return { spec: port!.spec, mac, mtu, captures, faults: port!.faults, ...(port!.trace && { trace }) };
}

/** Opens all of it, or throws a NetError and leaves nothing open. */
export async function openRouterPort(options: RouterPortOptions): Promise<RouterPort> {
  const { spec, mac, mtu, captures, faults, trace } = options;
  const wire = openPort(spec, { mac: mac && formatMac(mac), mtu });
  let driver: Driver = wire;
  try {
    const injector = faults && new FaultInjector(wire, { seed: faults.seed ?? 1, ...bothWays(faults) });
    if (injector) driver = injector;
    for (const path of captures) {
      makeFolder(path);
      driver = new PcapWriterPort(driver, path);
    }
    if (trace) driver = new Tracer(driver, trace);
    const file = wire instanceof PcapDriver ? wire : null;
    const listener = new ListenerPort(driver);
    return {
      driver: new HeldPort(listener),
      listener,
      isFile: file !== null,
      ...(injector && { faults: () => injector.counters }),
      drained: () => file?.ended === true && injector?.pending !== true,
    };
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** Nobody answers duplicate address detection, or any other question, from a file. */
export function isFilePort(spec: string): boolean {
  return parsePort(spec).kind === 'pcap';
}

function bothWays({ loss, corrupt, duplicate, reorder, delayMs, rateBps }: FaultConfig): {
  rx: Faults;
  tx: Faults;
} {
  const faults: Faults = {
    ...(loss !== undefined && { loss }),
    ...(corrupt !== undefined && { corruption: corrupt }),
    ...(duplicate !== undefined && { duplication: duplicate }),
    ...(reorder !== undefined && { reordering: reorder }),
    ...(delayMs !== undefined && { delayMs }),
    ...(rateBps !== undefined && { rateBps }),
  };
  return { rx: faults, tx: faults };
}

function makeFolder(path: string): void {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    throw new NetError(code, `cannot make the folder ${folder} for ${path}: ${code}`, { cause });
  }
}
