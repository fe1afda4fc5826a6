/**
 * forward_hot, forward_random, ecmp_hot, routes_N_flows_N, alloc_per_packet: 64-byte UDP frames through a router's whole path, from the receive
 * ring of one port to the transmit ring of another, worked by the loop that `ww up` runs.
 *
 *   lan0 10.0.0.1/24 ◄── frames of 10.0.0.2          500,000 prefixes, 16 gateways
 *   wan0 10.1.0.1/24 ──► gateways 10.1.0.2 .. .17    (permanent neighbours)
 *
 * With `ways` 2 each prefix has two of them as its next hops, between which the hash of the flow decides.
 */
import { type Stack, createStack } from '../../src/stack.js';
import type { Namespace } from '../../src/net/namespace.js';
import type { RouteSpec } from '../../src/net/route.js';
import type { Progress } from '../suite.js';
import { bgpRoutes } from './fib.js';
import { checksum, frame, internetAddress, ipv4Text, random32 } from './frames.js';
import { type Fill, MemoryPort, NIC_REQUEST_BYTES, Nic } from './memory_nic.js';

export const FIB_PREFIXES = 500_000;
const FLOWS = 1024;
/** Beyond these many prefixes the core's memory is larger than it is by default. */
const PREFIXES_BY_DEFAULT = 500_000;
const LARGE_MEMORY_BYTES = 768 << 20;
const HOST = '10.0.0.2';
const GATEWAYS = Array.from({ length: 16 }, (_, i) => `10.1.0.${i + 2}`);
const GATEWAY_MACS = GATEWAYS.map((_, i) => `02:00:00:00:01:${(i + 2).toString(16).padStart(2, '0')}`);
const LAN_MAC = '02:00:00:00:00:01';
const WAN_MAC = '02:00:00:00:00:02';
const HOST_MAC = '02:00:00:00:00:99';
const FRAME_BYTES = 64;
/** Frames whose way out is compared with what the FIB says. */
const CHECKED = 64;

export interface ForwardPlan {
  readonly prefixes?: number;
  readonly flows?: number;
  /** Next hops of each prefix. */
  readonly ways?: 1 | 2;
}

export class ForwardBench {
  private fill: Fill = () => {};

  private constructor(
    readonly stack: Stack,
    readonly router: Namespace,
    private readonly nic: Nic,
    private readonly lan: MemoryPort,
    private readonly wan: MemoryPort,
    private readonly frames: number,
    private readonly flows: number,
    private readonly template: number,
  ) {}

  static async create(progress: Progress, plan: ForwardPlan = {}): Promise<ForwardBench> {
    const { prefixes = FIB_PREFIXES, flows = FLOWS, ways = 1 } = plan;
    const stack = await createStack({
      seed: 1,
      sizes: {
        // Half of it is the NIC’s.
        requestBytes: NIC_REQUEST_BYTES + 2 * flows * FRAME_BYTES,
        ...(prefixes > PREFIXES_BY_DEFAULT && { memoryBytes: LARGE_MEMORY_BYTES }),
      },
    });
    try {
      const bench = await ForwardBench.configure(stack, progress, { prefixes, flows, ways });
      bench.hot();
      await bench.check();
      bench.random();
      await bench.check();
      return bench;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  private static async configure(
    stack: Stack,
    progress: Progress,
    { prefixes, flows, ways }: Required<ForwardPlan>,
  ): Promise<ForwardBench> {
    const nic = await Nic.on(stack.core.instance);
    const router = await stack.namespace('router');
    // Nothing but what the NIC brings in: no router solicitations, no group reports.
    await router.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const lan = new MemoryPort('memory:lan', nic);
    const wan = new MemoryPort('memory:wan', nic);
    const lan0 = await stack.port(router, lan, { name: 'lan0', mac: LAN_MAC });
    const wan0 = await stack.port(router, wan, { name: 'wan0', mac: WAN_MAC });
    await lan0.addAddress('10.0.0.1/24');
    await wan0.addAddress('10.1.0.1/24');
    await router.setSysctl('net.ipv4.ip_forward', 1);
    for (const [i, address] of GATEWAYS.entries())
      await router.addNeighbour(wan0, { address, mac: GATEWAY_MACS[i]! });
    progress(`a FIB of ${prefixes} prefixes`);
    const routes = bgpRoutes(prefixes, GATEWAYS, 7);
    const failed = (await router.addRoutes(ways === 1 ? routes : twoWays(routes))).filter(
      (status) => status !== 0,
    );
    if (failed.length > 0)
      throw new Error(`${failed.length} routes were refused, the first with ${failed[0]}`);
    stack.core.loop.turn();
    nic.reset();
    const random = random32(42);
    const frames = new Uint8Array(flows * FRAME_BYTES);
    for (let i = 0; i < flows; i++)
      frames.set(udpFrame(ipv4Text(internetAddress(random)), 1024 + (i % 60_000)), i * FRAME_BYTES);
    const template = udpFrame('0.0.0.0', 1024);
    template.fill(0, 24, 26);
    return new ForwardBench(stack, router, nic, lan, wan, nic.place(frames), flows, nic.place(template));
  }

  /** From now on the frames are of the flows, in turn. */
  hot(): void {
    const { exports, state } = this.nic;
    this.fill = (port, n) => exports.fillFlows(port, state, this.frames, this.flows, n);
  }

  /** From now on each frame has a random destination. */
  random(): void {
    const { exports, state } = this.nic;
    this.fill = (port, n) => exports.fillRandom(port, state, this.template, n);
  }

  /** Sends bursts until `packets` have been forwarded; throws when one was not. */
  forward(packets: number): void {
    const lost = this.lan.send(this.stack.core.loop, this.fill, packets);
    if (lost !== 0) throw new Error(`${lost} packets were not forwarded`);
  }

  /** Million packets per second. */
  mpps(packets: number): number {
    const begin = performance.now();
    this.forward(packets);
    return packets / (performance.now() - begin) / 1000;
  }

  async close(): Promise<void> {
    await this.stack.close();
  }

  /** One burst by hand: every frame goes to the right gateway, with TTL, checksum and MACs as they should be. */
  private async check(): Promise<void> {
    const { core } = this.stack;
    const rings = this.wan.rings;
    const { ifindex: iif } = await this.router.link('lan0');
    const n = CHECKED;
    this.fill(this.lan.rings.port, n);
    const sent = [...Array(n).keys()].map((i) => {
      const at = this.lan.rings.rxBuf(this.lan.rings.rxDesc(i));
      return core.instance.u8.slice(at, at + FRAME_BYTES);
    });
    core.instance.exports.rx(await this.handle('lan0'), 0, n);
    core.poll();
    if (rings.txReady() !== n) throw new Error(`of ${n} frames ${rings.txReady()} came out`);
    for (const [i, before] of sent.entries()) {
      const after = new Uint8Array(FRAME_BYTES);
      rings.peekTx(rings.txDesc(i), after);
      const dst = before.subarray(30, 34).join('.');
      const { via } = await this.router.routeGet(dst, { src: HOST, iif });
      const mac = GATEWAY_MACS[GATEWAYS.indexOf(via ?? '')];
      const got = [...after.subarray(0, 6)].map((b) => b.toString(16).padStart(2, '0')).join(':');
      const payload = Buffer.compare(before.subarray(34), after.subarray(34)) === 0;
      if (got !== mac || after[22] !== 63 || checksum(after.subarray(14, 34)) !== 0 || !payload)
        throw new Error(`a frame to ${dst} by ${via} came out wrong: ${Buffer.from(after).toString('hex')}`);
    }
    this.wan.txBurst();
  }

  private async handle(name: string): Promise<number> {
    return (await (await this.router.link(name)).info()).handle;
  }
}

/** Each prefix by its gateway and the one behind it. */
function* twoWays(routes: Iterable<RouteSpec>): Generator<RouteSpec> {
  for (const { to, via } of routes) {
    const other = GATEWAYS[(GATEWAYS.indexOf(via!) + 1) % GATEWAYS.length]!;
    yield { to, nextHops: [{ via: via! }, { via: other }] };
  }
}

function udpFrame(dst: string, sport: number): Uint8Array {
  return frame({
    dstMac: LAN_MAC,
    srcMac: HOST_MAC,
    src: HOST,
    dst,
    protocol: 'udp',
    sport,
    dport: 9,
    bytes: FRAME_BYTES,
  });
}
