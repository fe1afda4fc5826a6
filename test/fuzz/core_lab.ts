/**
 * The router that the fuzz of the core feeds: three ports of different offloads, a veth to a host, routes of every
 * type, known and unknown neighbours, sysctls drawn from the seed.
 *
 *   lan (plain) ─┐                        ┌─ v0 ── eth0 ─ host (10.9.0.2, raw sockets)
 *   wan (vnet) ──┤ router, both families ─┤
 *   gro ─────────┘                        └─ blackhole, unreachable, prohibit, 203.0.113.0/24 via wan
 */
import { DeliveryKind } from '../../assembly/abi/event.js';
import { Status } from '../../assembly/abi/layout.js';
import type { CoreSizes } from '../../src/core/instance.js';
import type { Link } from '../../src/net/link.js';
import { AF_INET, AF_INET6 } from '../../src/net/ip.js';
import type { Namespace } from '../../src/net/namespace.js';
import { createStack, type Stack } from '../../src/stack.js';
import { CanaryDriver, type Frame } from '../canary_driver.js';
import { Random } from '../random.js';
import { addPrivVerdict } from '../wasm_callback.js';
import { PORTS } from './core_frames.js';

const SIZES: Partial<CoreSizes> = {
  memoryBytes: 40 << 20,
  skbs: 2048,
  smallSlots: 2048,
  largeSlots: 160,
  devices: 16,
  nets: 4,
  requestBytes: 64 << 10,
  events: 256,
  deliveries: 64,
  handles: 64,
};
/** Hardly more than the rings take: what has no memory for something comes to pass all the time. */
const STARVED: Partial<CoreSizes> = {
  ...SIZES,
  memoryBytes: 148 << 16,
  skbs: 96,
  smallSlots: 260,
  largeSlots: 134,
};
const RING_ENTRIES = 64;
const HOOK_OP = 600;
const NF_QUEUE = 3;
/** DROP, ACCEPT, REPEAT: the last queues it once more. */
const QUEUE_VERDICTS = [0, 1, 1, 1, 4];
const SUBNETS4 = ['192.0.2', '198.51.100', '100.64.0'];

/** How much of each pool is free. */
export interface Free {
  pages: number;
  skbs: number;
  small: number;
  large: number;
}

export class CoreLab {
  readonly drivers: CanaryDriver[] = [];
  readonly links: Link[] = [];
  /** Before the namespaces were made, and before the first frame. */
  pristine!: Free;
  atStart!: Free;
  /** Packets that raw sockets got. */
  readonly delivered: Uint8Array[] = [];
  /** What hooks queued, and what shall become of it. */
  private readonly queued: { handle: number; verdict: number }[] = [];
  router!: Namespace;
  host!: Namespace;

  private constructor(readonly stack: Stack) {
    stack.core.onDelivery(({ packet, kind, handle }) => {
      this.delivered.push(packet);
      if (kind !== DeliveryKind.QUEUE) return false;
      this.queued.push({ handle, verdict: QUEUE_VERDICTS[packet.length % QUEUE_VERDICTS.length]! });
      return true;
    });
  }

  static async create(options: {
    seed: number;
    canary: number;
    scalar: boolean;
    starved?: boolean;
  }): Promise<CoreLab> {
    const { seed, canary, scalar, starved = false } = options;
    const sizes = starved ? STARVED : SIZES;
    const lab = new CoreLab(await createStack({ clock: 'virtual', seed, scalar, sizes }));
    await lab.build(new Random(seed), canary, starved);
    return lab;
  }

  /** The same lab going on from a snapshot, with ports of its own. */
  static async restore(
    snapshot: Uint8Array,
    from: CoreLab,
    options: { canary: number; scalar: boolean },
  ): Promise<CoreLab> {
    const { canary, scalar } = options;
    const lab = new CoreLab(await createStack({ clock: 'virtual', scalar, snapshot }));
    lab.router = lab.stack.adopt('router', from.router.handle);
    lab.host = lab.stack.adopt('host', from.host.handle);
    for (const port of PORTS) {
      const driver = new CanaryDriver(port.name, port.mac, port.features, port.vnetHdrLen, canary);
      lab.links.push(await lab.stack.adoptPort(lab.router, port.name, driver));
      lab.drivers.push(driver);
    }
    return lab;
  }

  private async build(random: Random, canary: number, starved: boolean): Promise<void> {
    const { stack } = this;
    // The loopback of a first namespace makes what is made once and kept.
    await stack.removeNamespace(await stack.namespace('first'));
    this.pristine = this.free();
    const r = await stack.namespace('router');
    this.router = r;
    for (const [i, port] of PORTS.entries()) {
      const driver = new CanaryDriver(port.name, port.mac, port.features, port.vnetHdrLen, canary);
      const link = await stack.port(r, driver, { name: port.name, ringEntries: RING_ENTRIES });
      await link.addAddress(`${SUBNETS4[i]}.1/24`);
      await link.addAddress(`2001:db8:${i + 1}::1/64`, { nodad: true });
      await r.addNeighbour(link, { address: `${SUBNETS4[i]}.2`, mac: port.peer });
      await r.addNeighbour(link, { address: `2001:db8:${i + 1}::2`, mac: port.peer });
      this.drivers.push(driver);
      this.links.push(link);
    }
    const h = await stack.namespace('host');
    this.host = h;
    const [v0, eth0] = await stack.veth([r, 'v0'], [h, 'eth0'], random.pick([1280, 1400, 1500]));
    await v0.addAddress('10.9.0.1/24');
    await v0.addAddress('fd09::1/64', { nodad: true });
    await eth0.addAddress('10.9.0.2/24');
    await eth0.addAddress('fd09::2/64', { nodad: true });
    await h.addRoute({ to: 'default', via: '10.9.0.1' });
    await h.addRoute({ to: 'default', via: 'fd09::1' });
    for (const protocol of [1, 17]) await h.rawSocket(AF_INET, protocol, () => {});
    await h.rawSocket(AF_INET6, 58, () => {});
    await r.addRoute({ to: '203.0.113.0/24', via: '198.51.100.2' });
    await r.addRoute({ to: '10.1.0.0/16', type: 'blackhole' });
    await r.addRoute({ to: '10.2.0.0/16', type: 'unreachable' });
    await r.addRoute({ to: '10.3.0.0/16', type: 'prohibit' });
    await r.addRoute({ to: '2001:db8:f::/48', via: '2001:db8:2::2', mtu: 1280 });
    await r.addRoute({ to: '2001:db8:bad::/48', type: 'unreachable' });
    await this.sysctls(random);
    if (starved) await this.eatPages(random.below(4));
    stack.run(5000);
    this.drain();
    this.atStart = this.free();
  }

  /** Queues at a few points, for the host to decide. */
  async queueAt(points: readonly number[]): Promise<void> {
    const { exports } = this.stack.core.instance;
    exports.setOp(HOOK_OP, addPrivVerdict(exports.table));
    for (const family of [0, 1] as const) {
      for (const hook of points) {
        const spec = { family, hook, priority: 0, op: HOOK_OP, id: 1, priv: NF_QUEUE };
        // A starved core may have no memory for it.
        await this.router.addHook(spec).catch(() => {});
      }
    }
  }

  /** Takes the hooks off, and decides what still waits. */
  async unhook(points: readonly number[]): Promise<void> {
    for (const family of [0, 1] as const) {
      for (const hook of points) {
        await this.router.deleteHook({ family, hook, priority: 0, op: HOOK_OP, id: 1 }).catch(() => {});
      }
    }
    while (this.queued.length > 0) this.decide();
  }

  /** Routes of the host until only `left` pages are free. */
  private async eatPages(left: number): Promise<void> {
    for (let i = 0; this.free().pages > left && i < 20_000; i++) {
      const to = `${20 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`;
      const [status] = await this.host.addRoutes([{ to, via: '10.9.0.1', metric: i }]);
      if (status !== 0) return;
    }
  }

  private async sysctls(random: Random): Promise<void> {
    const r = this.router;
    await r.setSysctl('net.ipv4.ip_forward', random.once(8) ? 0 : 1);
    await r.setSysctl('net.ipv6.conf.all.forwarding', random.once(8) ? 0 : 1);
    const choices: [string, number[]][] = [
      ['net.ipv4.conf.all.rp_filter', [0, 0, 1, 2]],
      ['net.ipv4.conf.all.accept_source_route', [0, 1]],
      ['net.ipv4.conf.lan.accept_source_route', [0, 1]],
      ['net.ipv4.conf.lan.proxy_arp', [0, 0, 1]],
      ['net.ipv4.conf.wan.accept_redirects', [0, 1]],
      ['net.ipv6.conf.lan.accept_redirects', [0, 1]],
      ['net.ipv6.conf.gro.accept_ra', [0, 1, 2]],
      ['net.ipv6.conf.lan.accept_source_route', [-1, 0, 1]],
      ['net.ipv4.icmp_ratelimit', [0, 1000]],
      ['net.ipv4.icmp_msgs_per_sec', [1000, 1000000]],
      ['net.ipv4.icmp_msgs_burst', [50, 100000]],
      ['net.ipv6.icmp.ratelimit', [0, 1000]],
      ['net.ipv4.icmp_echo_ignore_broadcasts', [0, 1]],
    ];
    for (const [name, values] of choices) await r.setSysctl(name, random.pick(values));
  }

  free(): Free {
    const { instance } = this.stack.core;
    return {
      pages: instance.status(Status.PAGES_FREE),
      skbs: instance.status(Status.SKBS_FREE),
      small: instance.status(Status.SMALL_FREE),
      large: instance.status(Status.LARGE_FREE),
    };
  }

  /** Hands the frames to a port and lets `ms` pass. */
  feed(port: number, frames: readonly Frame[], ms: number): void {
    this.drivers[port]!.input.push(...frames);
    this.stack.run(ms);
    this.decide();
  }

  /** Gives back what hooks queued; what is queued again by that waits for the next time. */
  private decide(): void {
    const now = this.queued.splice(0);
    for (const { handle, verdict } of now) this.stack.core.verdict(handle, verdict);
    if (now.length > 0) this.stack.run(0);
  }

  /** What ports sent and sockets got since the last call. */
  drain(): Uint8Array[] {
    return [...this.drivers.flatMap((driver) => driver.take()), ...this.delivered.splice(0)];
  }

  /** Counters of both namespaces and drops by reason of every port. */
  async counters(): Promise<Record<string, number>> {
    const all: Record<string, number> = {};
    for (const ns of [this.router, this.host]) {
      for (const [name, n] of Object.entries(await ns.snmp())) if (n > 0) all[`${ns.name} ${name}`] = n;
    }
    for (const link of this.links) {
      const { drops, ...rest } = await link.stats();
      for (const [name, n] of [...Object.entries(rest), ...Object.entries(drops)])
        if (n > 0) all[`${link.name} ${name}`] = n;
    }
    return all;
  }

  /** Ends ports and namespaces. */
  async tearDown(): Promise<void> {
    for (const link of this.links) await this.stack.removePort(link);
    await this.stack.removeNamespace(this.router);
    await this.stack.removeNamespace(this.host);
    this.stack.run(0);
  }
}
