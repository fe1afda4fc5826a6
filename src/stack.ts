/**
 * createStack: a core in this process with its namespaces, links and ports; what `import 'wirewright'` gives.
 *
 *   Stack ─► LocalCore (src/core) ─► WebAssembly
 *     ├─► Namespace, Link (src/net): configuration by request messages
 *     └─► Driver (src/drivers): frames by bursts
 */
import { MsgType, NetRec } from '../assembly/abi/request.js';
import { EventType } from '../assembly/abi/event.js';
import { formatMac } from './config/ip_address.js';
import { type Clock, RealClock, VirtualClock } from './core/clock.js';
import { type CoreEvent, LocalCore, type PortState } from './core/core.js';
import type { CoreSizes } from './core/instance.js';
import type { Driver } from './drivers/driver.js';
import { openPort } from './drivers/open.js';
import { Link, type LinkInfo } from './net/link.js';
import { Namespace } from './net/namespace.js';
import { NetError } from './net_error.js';

/** With 64 KB behind each descriptor a short ring is the faster: what is read next is still in the cache. */
const LARGE_RX_ENTRIES = 64;
/** A driver whose ring the core reads itself fills no descriptor. */
const MAPPED_RX_ENTRIES = 2;

export interface StackOptions {
  /** `real` runs by itself; `virtual` moves only by run(). Default: real. */
  clock?: 'real' | 'virtual';
  /** Of all randomness in the core. With a virtual clock the same seed gives the same packets. */
  seed?: number;
  sizes?: Partial<CoreSizes>;
  /** The scalar build, as on boards. */
  scalar?: boolean;
  /** A snapshot to go on from. */
  snapshot?: Uint8Array;
}

export interface PortOptions {
  name: string;
  /** Default: the driver's, or one made of the seed. */
  mac?: string;
  mtu?: number;
  ringEntries?: number;
  /** Receive frames of up to 64 KB. Default: when the driver has offloads. */
  large?: boolean;
  /** Told when the port's link goes and comes, with the reason. */
  onState?: (state: PortState) => void;
}

export class Stack {
  private readonly namespaces = new Map<string, Namespace>();
  private readonly ports: { link: Link; handle: number }[] = [];
  private macCount = 0;

  constructor(
    readonly core: LocalCore,
    readonly clock: Clock,
    private readonly seed: number,
  ) {}

  /** The namespace of that name; made, with lo up, when there is none. */
  async namespace(name: string): Promise<Namespace> {
    if (this.namespaces.has(name)) return this.namespaces.get(name)!;
    const view = await this.core.request({ type: MsgType.NET_NEW, bytes: NetRec.SIZE }, `namespace ${name}`);
    const namespace = new Namespace(this.core, view.getUint32(NetRec.NET, true), name);
    this.namespaces.set(name, namespace);
    await (await namespace.link('lo')).up();
    return namespace;
  }

  /** Ends a namespace with its links; the drivers of its ports are closed first. */
  async removeNamespace(namespace: Namespace): Promise<void> {
    this.namespaces.delete(namespace.name);
    for (const { link } of this.ports.filter((port) => port.link.net === namespace.handle))
      await this.removePort(link);
    await namespace.close();
  }

  /** Joins two namespaces by a veth pair whose ends are up. */
  async veth(a: [Namespace, string], b: [Namespace, string], mtu?: number): Promise<[Link, Link]> {
    const { link, peer } = await a[0].addVeth({
      name: a[1],
      mac: this.mac(),
      peer: { namespace: b[0], name: b[1], mac: this.mac() },
      ...(mtu === undefined ? {} : { mtu }),
    });
    await link.up();
    await peer.up();
    return [link, peer];
  }

  /** A link of `namespace` behind which a driver stands: a spec like "tap:ww0" or a Driver. The link is set up. */
  async port(namespace: Namespace, spec: string | Driver, options: PortOptions): Promise<Link> {
    const driver = typeof spec === 'string' ? openPort(spec, { mac: options.mac }) : spec;
    await driver.prepare?.();
    const mtu = options.mtu ?? driver.mtu;
    const large = options.large ?? (driver.vnetHdrLen !== 0 && driver.mapped !== true);
    let info: LinkInfo;
    try {
      info = await namespace.addPortLink({
        name: options.name,
        mac: options.mac ?? driver.mac ?? this.mac(),
        features: driver.features,
        vnetHdrLen: driver.vnetHdrLen,
        large,
        ringEntries: options.ringEntries ?? 256,
        ...rxEntries(driver, large, options.ringEntries),
        ...(driver.queues === undefined ? {} : { queues: driver.queues }),
        ...(mtu === undefined ? {} : { mtu }),
      });
    } catch (error) {
      await driver.close();
      throw error;
    }
    const link = new Link(this.core, namespace.handle, info.ifindex, options.name);
    await link.up();
    try {
      this.attach(link, info, driver, options.onState, options.mac === undefined);
    } catch (error) {
      await this.removePort(link);
      throw error;
    }
    return link;
  }

  /** After a restore: the namespace that the core calls `handle`; names are the host's. */
  adopt(name: string, handle: number): Namespace {
    const namespace = new Namespace(this.core, handle, name);
    this.namespaces.set(name, namespace);
    return namespace;
  }

  /** After a restore: puts a driver behind a port's link, which has the rings and the settings that it had. */
  async adoptPort(
    namespace: Namespace,
    name: string,
    driver: Driver,
    onState?: PortOptions['onState'],
  ): Promise<Link> {
    const info = (await namespace.links()).find((link) => link.name === name && link.kind === 'port');
    if (info === undefined) throw new NetError('ENODEV', `there is no port ${name} in ${namespace.name}`);
    const link = new Link(this.core, namespace.handle, info.ifindex, name);
    this.attach(link, info, driver, onState);
    return link;
  }

  /** `itsOwn`: the link has the address of what is behind the port, whatever that is. */
  private attach(
    link: Link,
    info: LinkInfo,
    driver: Driver,
    onState: PortOptions['onState'],
    itsOwn = false,
  ): void {
    this.ports.push({ link, handle: info.handle });
    this.core.addPort(
      info.handle,
      info.port,
      driver,
      (state) => {
        void link.set({ carrier: state.up }).catch(() => {});
        onState?.(state);
      },
      (mac) => {
        if (itsOwn) void link.set({ mac }).catch(() => {});
      },
    );
  }

  /** Takes a port and its link away. */
  async removePort(link: Link): Promise<void> {
    const at = this.ports.findIndex((port) => port.link === link);
    if (at < 0) return;
    const [port] = this.ports.splice(at, 1);
    await this.core.removePort(port!.handle);
    await link.delete();
  }

  /** Hears of links, addresses, routes and neighbours that change. Returns how to stop. */
  on(
    event: 'link' | 'address' | 'route' | 'neighbour' | 'fdb',
    listener: (event: CoreEvent) => void,
  ): () => void {
    const type = {
      link: EventType.LINK,
      address: EventType.ADDR,
      route: EventType.ROUTE,
      neighbour: EventType.NEIGH,
      fdb: EventType.FDB,
    }[event];
    return this.core.onEvent((e) => {
      if (e.type === type) listener(e);
    });
  }

  /** Virtual clock: lets `ms` pass. */
  run(ms: number): void {
    this.core.runUntil(this.clock.now() + ms * 1e6);
  }

  /** The whole state; createStack({ snapshot }) goes on from it. */
  snapshot(): Uint8Array {
    return this.core.snapshot();
  }

  /** Ends everything: ports, drivers, namespaces. */
  async close(): Promise<void> {
    await this.core.close();
    this.namespaces.clear();
  }

  /** Locally administered, unicast, different for each link and seed. */
  private mac(): string {
    const n = ++this.macCount;
    return formatMac(Uint8Array.of(2, this.seed & 255, (this.seed >> 8) & 255, 0, n >> 8, n & 255));
  }
}

function rxEntries(driver: Driver, large: boolean, ringEntries: number | undefined): { rxEntries?: number } {
  if (driver.mapped === true) return { rxEntries: MAPPED_RX_ENTRIES };
  return !large || ringEntries !== undefined ? {} : { rxEntries: LARGE_RX_ENTRIES };
}

export async function createStack(options: StackOptions = {}): Promise<Stack> {
  const clock = options.clock === 'virtual' ? new VirtualClock() : new RealClock();
  const seed = options.seed ?? (options.clock === 'virtual' ? 1 : (Math.random() * 0x7fffffff) | 0);
  const common = {
    clock,
    seed: [seed, 0] as const,
    ...(options.sizes === undefined ? {} : { sizes: options.sizes }),
    ...(options.scalar === undefined ? {} : { scalar: options.scalar }),
  };
  const core =
    options.snapshot === undefined
      ? await LocalCore.create(common)
      : await LocalCore.restore(options.snapshot, common);
  return new Stack(core, clock, seed);
}
