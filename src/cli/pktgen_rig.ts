/**
 * What `ww pktgen` works with: a stack with the ports, streams and sinks on them, and their figures.
 *
 *   --port, --rx     port ── namespace p0 (streams, sink)        port ── namespace p1 (sink; streams with --both)
 *   --loop           gen ── veth ── router ── veth ── sink       all in this process, without ports
 *
 * What is no frame of ours goes to the namespace's stack: with --address it answers ARP and neighbour discovery.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { Pktgen, type RxFigures, type SinkFigures, type StreamSpec, type TxFigures } from '../net/pktgen.js';
import { NetError } from '../net_error.js';
import { createStack, type Stack } from '../stack.js';
import { DEFAULT_DST_MAC, reversed, type StreamPlan } from './pktgen_plan.js';

export interface RigPlan {
  readonly loop: boolean;
  readonly port?: string;
  readonly rx?: string;
  readonly both: boolean;
  readonly address?: string;
  readonly rxAddress?: string;
  readonly gateway?: string;
  readonly rxGateway?: string;
  readonly streams: readonly StreamPlan[];
  readonly durationS?: number;
  readonly pass: boolean;
}

/** A stream that we send, receive, or both. */
export interface StreamFigures {
  readonly id: number;
  /** 'p0 > p1' */
  readonly way: string;
  readonly tx: TxFigures | null;
  readonly rx: RxFigures | null;
  /** Its frames are to arrive here, so that what does not is lost. */
  readonly counted: boolean;
}

export interface RigFigures {
  readonly nowMs: number;
  readonly streams: readonly StreamFigures[];
  readonly sinks: readonly SinkFigures[];
}

interface OpenPort {
  readonly ns: Namespace;
  readonly link: Link;
}

interface RigStream {
  readonly spec: StreamSpec;
  readonly link: Link;
  readonly way: string;
  readonly sink: Link;
}

const SINK_STREAMS = 64;
const LINK_WAIT_MS = 5000;
const NEIGHBOUR_WAIT_MS = 3000;
const STEP_MS = 20;
const KNOWN: ReadonlySet<string> = new Set(['reachable', 'stale', 'delay', 'probe', 'permanent']);
/** What is under way when the last frame left has so long to arrive. */
export const SETTLE_MS = 500;
const LOOP = {
  lan: ['198.18.0.1/16', '2001:2::1/64'],
  wan: ['192.0.2.1/24', '2001:2:0:ff::1/64'],
  far: ['192.0.2.2', '2001:2:0:ff::2'],
} as const;

export class Rig {
  private readonly streams: RigStream[] = [];
  private sinkLinks: Link[] = [];

  private constructor(
    readonly stack: Stack,
    private readonly pktgen: Pktgen,
    private readonly plan: RigPlan,
  ) {}

  /** Opens ports and makes the streams; nothing is sent yet. `say` hears what takes its time. */
  static async open(plan: RigPlan, say: (text: string) => void): Promise<Rig> {
    const stack = await createStack();
    // A latency is as exact as the clock is read often.
    stack.core.loop.precise = true;
    const rig = new Rig(stack, new Pktgen(stack.core), plan);
    try {
      if (plan.loop) await rig.makeLoop();
      else await rig.openPorts(say);
      return rig;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  private async makeLoop(): Promise<void> {
    const { stack, plan } = this;
    const [gen, router, sink] = [
      await stack.namespace('gen'),
      await stack.namespace('router'),
      await stack.namespace('sink'),
    ];
    for (const ns of [gen, router, sink])
      for (const where of ['all', 'default']) await ns.setSysctl(`net.ipv6.conf.${where}.accept_dad`, 0);
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
    const [p0, lan] = await stack.veth([gen, 'p0'], [router, 'lan0']);
    const [wan, p1] = await stack.veth([router, 'wan0'], [sink, 'p1']);
    for (const cidr of LOOP.lan) await lan.addAddress(cidr, { nodad: true });
    for (const cidr of LOOP.wan) await wan.addAddress(cidr, { nodad: true });
    const farMac = (await p1.info()).mac;
    for (const address of LOOP.far) await router.addNeighbour(wan, { address, mac: farMac });
    // Whatever the destinations are, they lie behind the sink: it does not care which it is.
    await router.addRoute({ to: '0.0.0.0/0', via: LOOP.far[0] });
    await router.addRoute({ to: '::/0', via: LOOP.far[1] });
    await this.addStreams(p0, p1, plan.streams, (await lan.info()).mac);
    this.sinkLinks = [p1];
    await this.pktgen.addSink(p1, { streams: SINK_STREAMS });
  }

  private async openPorts(say: (text: string) => void): Promise<void> {
    const { plan, pktgen } = this;
    const first = plan.port ?? plan.rx!;
    const p0 = await this.openPort('p0', first, plan.port === undefined ? plan.rxAddress : plan.address, say);
    const other = plan.port !== undefined && plan.rx !== undefined && plan.rx !== plan.port;
    const p1 = other ? await this.openPort('p1', plan.rx!, plan.rxAddress, say) : p0;
    this.sinkLinks = other && plan.both ? [p1.link, p0.link] : [p1.link];
    for (const link of this.sinkLinks) await pktgen.addSink(link, { streams: SINK_STREAMS, pass: plan.pass });
    if (plan.port === undefined) return;
    const there = await this.nextMac(p0, plan.gateway, other ? p1.link : null);
    await this.addStreams(p0.link, p1.link, plan.streams, there);
    if (!plan.both) return;
    const back = await this.nextMac(p1, plan.rxGateway, p0.link);
    await this.addStreams(p1.link, p0.link, plan.streams.map(reversed), back);
  }

  /** Whom frames of a port are for: the gateway, or else the port at the other end. */
  private async nextMac(port: OpenPort, gateway: string | undefined, far: Link | null): Promise<string> {
    if (gateway !== undefined) return await resolve(port, gateway);
    return far === null ? DEFAULT_DST_MAC : (await far.info()).mac;
  }

  private async openPort(
    name: string,
    spec: string,
    address: string | undefined,
    say: (text: string) => void,
  ): Promise<OpenPort> {
    const { stack } = this;
    const ns = await stack.namespace(name);
    // Nothing but our frames: no router solicitations, no group reports.
    if (address?.includes(':') !== true) await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    let up = false;
    let why = '';
    const link = await stack.port(ns, spec, {
      name,
      onState: (state) => {
        up = state.up;
        why = state.why?.message ?? '';
      },
    });
    if (address !== undefined) await link.addAddress(address, { nodad: true });
    for (let waited = 0; !up && waited < LINK_WAIT_MS; waited += STEP_MS) {
      if (waited === 0) say(`waiting for the link of ${spec}`);
      await sleep(STEP_MS);
    }
    if (up) return { ns, link };
    const set = spec.startsWith('tap:') ? `; ip link set ${spec.slice(4)} up sets it up` : '';
    throw new NetError('ENETDOWN', `port '${spec}' has no link${why === '' ? '' : `: ${why}`}${set}`);
  }

  private async addStreams(
    link: Link,
    sink: Link,
    plans: readonly StreamPlan[],
    dstMac: string,
  ): Promise<void> {
    const srcMac = (await link.info()).mac;
    for (const plan of plans) {
      const spec: StreamSpec = {
        srcMac,
        dstMac,
        ...plan,
        id: this.streams.length + 1,
        ...(this.plan.durationS !== undefined && { durationNs: Math.round(this.plan.durationS * 1e9) }),
      };
      await this.pktgen.addStream(link, spec);
      this.streams.push({ spec, link, sink, way: `${link.name} > ${sink.name}` });
    }
  }

  get specs(): readonly StreamSpec[] {
    return this.streams.map(({ spec }) => spec);
  }

  async start(): Promise<void> {
    await this.pktgen.start();
  }

  async stop(): Promise<void> {
    await this.pktgen.stop();
  }

  /** Resolves when every stream has ended and what was under way has arrived. */
  async ended(): Promise<void> {
    if (this.streams.length === 0) return await new Promise(() => {});
    for (;;) {
      const all = await Promise.all(this.streams.map(({ spec }) => this.pktgen.figures(spec.id)));
      if (all.every(({ running }) => !running)) break;
      await sleep(STEP_MS);
    }
    await sleep(SETTLE_MS);
  }

  /** One trial of a search: every stream at `share` of the rate of the first. */
  async trial(rates: readonly number[], durationS: number): Promise<RigFigures> {
    for (const link of this.sinkLinks) await this.pktgen.resetSink(link);
    for (const [i, { spec }] of this.streams.entries()) {
      const kind = spec.rate.kind;
      await this.pktgen.setRate(
        spec.id,
        { kind, value: rates[i]! },
        { count: 0, durationNs: durationS * 1e9 },
      );
    }
    await this.start();
    await this.ended();
    return await this.figures();
  }

  async figures(): Promise<RigFigures> {
    const { pktgen } = this;
    const seen = new Map<string, RxFigures>();
    const sinks: SinkFigures[] = [];
    for (const link of this.sinkLinks) {
      sinks.push(await pktgen.sink(link));
      for (const rx of await pktgen.sinkStreams(link)) seen.set(`${link.name} ${rx.id}`, rx);
    }
    const streams: StreamFigures[] = [];
    for (const { spec, way, sink } of this.streams) {
      const key = `${sink.name} ${spec.id}`;
      const rx = seen.get(key) ?? null;
      const counted = this.plan.loop || this.plan.rx !== undefined || rx !== null;
      streams.push({ id: spec.id, way, tx: await pktgen.figures(spec.id), rx, counted });
      seen.delete(key);
    }
    // Streams of others, that only arrive here.
    for (const [key, rx] of seen)
      streams.push({ id: rx.id, way: `> ${key.split(' ')[0]}`, tx: null, rx, counted: false });
    return { nowMs: performance.now(), streams, sinks };
  }

  async close(): Promise<void> {
    await this.stack.close();
  }
}

/** Asks for the gateway's MAC by sending to it, and waits for the answer. */
async function resolve({ ns, link }: OpenPort, gateway: string): Promise<string> {
  const { ping } = await import('../tools/ping.js');
  void ping(ns, gateway, { timeoutMs: NEIGHBOUR_WAIT_MS }).catch(() => {});
  for (let waited = 0; waited < NEIGHBOUR_WAIT_MS; waited += STEP_MS) {
    const entry = (await ns.neighbours()).find((neigh) => neigh.address === gateway);
    if (entry !== undefined && KNOWN.has(entry.state)) return entry.mac;
    await sleep(STEP_MS);
  }
  throw new NetError(
    'EHOSTUNREACH',
    `nobody answers for the gateway ${gateway} on ${link.name}; --address has to be of its network`,
  );
}
