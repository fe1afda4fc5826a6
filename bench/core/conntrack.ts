/**
 * ct_established, ct_established_100k: 64-byte UDP frames through a router that tracks connections, from the
 * receive ring of one port to the transmit ring of another. What is reported is what tracking adds: the same frames
 * through the same router with hooks that do nothing are measured in turn with it.
 *
 *   lan0 10.0.0.1/24 ◄── frames of 10.0.0.2:port          wan0 10.1.0.1/24 ──► 10.1.0.2
 */
import { Cta, CtMsg } from '../../assembly/abi/nf_conntrack_netlink.js';
import { NFNL_SUBSYS_CTNETLINK, NLM_F_CREATE } from '../../assembly/abi/nfnl.js';
import type { Namespace } from '../../src/net/namespace.js';
import { type ConntrackTuple, IPS_ASSURED, IPS_SEEN_REPLY, putTuple } from '../../src/netlink/ctnetlink.js';
import { joinMessages, nfMessage } from '../../src/netlink/nlmsg.js';
import { createStack, type Stack } from '../../src/stack.js';
import { frame, random32 } from './frames.js';
import { MemoryPort, Nic } from './memory_nic.js';

const FRAME_BYTES = 64;
const REQUEST_BYTES = 16 << 20;
const LAN_MAC = '02:00:00:00:00:01';
const WAN_MAC = '02:00:00:00:00:02';
const HOST_MAC = '02:00:00:00:00:99';
const DST = Uint8Array.of(10, 1, 0, 2);
const PORTS = 50_000;
/** Connections made by one batch of messages. */
const BATCH = 500;
/** An op that no module has: such a hook lets packets pass. */
const NO_OP = 1000;
const WEEK_S = 600_000;

interface Flow {
  src: Uint8Array;
  sport: number;
}

const text = (bytes: Uint8Array): string => bytes.join('.');

export class ConntrackBench {
  private constructor(
    private readonly stack: Stack,
    private readonly router: Namespace,
    private readonly nic: Nic,
    private readonly lan: MemoryPort,
  ) {}

  static async create(): Promise<ConntrackBench> {
    const stack = await createStack({ seed: 1, sizes: { requestBytes: REQUEST_BYTES } });
    const nic = await Nic.on(stack.core.instance);
    const router = await stack.namespace('router');
    await router.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const lan = new MemoryPort('memory:lan', nic);
    const wan = new MemoryPort('memory:wan', nic);
    const lan0 = await stack.port(router, lan, { name: 'lan0', mac: LAN_MAC });
    const wan0 = await stack.port(router, wan, { name: 'wan0', mac: WAN_MAC });
    await lan0.addAddress('10.0.0.1/8');
    await wan0.addAddress('10.1.0.1/24');
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.setSysctl('net.netfilter.nf_conntrack_max', 262_144);
    await router.setSysctl('net.netfilter.nf_conntrack_buckets', 262_144);
    await router.addNeighbour(wan0, { address: text(DST), mac: '02:00:00:00:01:02' });
    stack.core.loop.turn();
    return new ConntrackBench(stack, router, nic, lan);
  }

  /** Hooks that do nothing, so that packets go the way that has hooks. */
  async hooks(on: boolean): Promise<void> {
    for (const hook of [0, 2, 4]) {
      const spec = { family: 0 as const, hook, priority: 0, op: NO_OP, id: 1 };
      if (on) await this.router.addHook(spec);
      else await this.router.deleteHook(spec);
    }
  }

  /** From now on connections are tracked, and these many are known and answered; frames are of them, in random order. */
  async established(count: number): Promise<void> {
    await this.router.conntrack.enable(2);
    const flows = this.flows(count);
    for (let from = 0; from < count; from += BATCH) {
      const messages = flows.slice(from, from + BATCH).map((flow) => this.newConnection(flow));
      await this.router.nfnl.batch(joinMessages(messages));
    }
    const known = (await this.router.conntrack.stats()).count;
    if (known !== count) throw new Error(`${known} connections are known, not ${count}`);
    this.send(flows);
  }

  /** From now on each packet makes a connection: `count` tuples in turn through a table that holds half of them. */
  async fresh(count: number): Promise<void> {
    await this.router.setSysctl('net.netfilter.nf_conntrack_max', count / 2);
    await this.router.conntrack.enable(2);
    this.send(this.flows(count));
  }

  /**
   * Million connections a second: nearly every packet makes one, and one that was never answered gives way to it. Which one
   * is at random, so some tuples are still known when they come again; their packets are in the time.
   */
  async mconns(packets: number): Promise<number> {
    const before = (await this.router.conntrack.stats()).insert;
    const ns = this.ns(packets);
    const made = (await this.router.conntrack.stats()).insert - before;
    if (made < packets / 2) throw new Error(`${packets} packets made ${made} connections`);
    return (1000 / ns) * (made / packets);
  }

  async forget(): Promise<void> {
    await this.router.conntrack.flush();
    await this.router.conntrack.disable(2);
  }

  private flows(count: number): Flow[] {
    const random = random32(7);
    const flows = Array.from({ length: count }, (_, i): Flow => {
      const host = Math.floor(i / PORTS);
      return { src: Uint8Array.of(10, 0, 1 + (host >> 8), 2 + (host & 255)), sport: 1024 + (i % PORTS) };
    });
    for (let i = flows.length - 1; i > 0; i--) {
      const j = random() % (i + 1);
      [flows[i], flows[j]] = [flows[j]!, flows[i]!];
    }
    return flows;
  }

  private newConnection(flow: Flow): Uint8Array {
    const orig: ConntrackTuple = { src: '', dst: '', proto: 17, sport: flow.sport, dport: 9 };
    const reply: ConntrackTuple = { src: '', dst: '', proto: 17, sport: 9, dport: flow.sport };
    const head = { type: (NFNL_SUBSYS_CTNETLINK << 8) | CtMsg.NEW, family: 2, flags: NLM_F_CREATE, seq: 1 };
    return nfMessage(head, (attrs) => {
      putTuple(attrs, Cta.TUPLE_ORIG, orig, [flow.src, DST]);
      putTuple(attrs, Cta.TUPLE_REPLY, reply, [DST, flow.src]);
      attrs.u32(Cta.STATUS, IPS_SEEN_REPLY | IPS_ASSURED);
      attrs.u32(Cta.TIMEOUT, WEEK_S);
    });
  }

  private send(flows: readonly Flow[]): void {
    this.nic.reset();
    const bytes = new Uint8Array(flows.length * FRAME_BYTES);
    for (const [i, flow] of flows.entries()) bytes.set(udpFrame(flow), i * FRAME_BYTES);
    const at = this.nic.place(bytes);
    const { exports, state } = this.nic;
    this.fill = (port, n) => exports.fillFlows(port, state, at, flows.length, n);
  }

  private fill: (port: number, n: number) => void = () => {};

  /** Nanoseconds a packet. */
  ns(packets: number): number {
    const before = this.nic.frames;
    const begin = performance.now();
    const lost = this.lan.send(this.stack.core.loop, this.fill, packets);
    const ms = performance.now() - begin;
    if (lost !== 0) throw new Error(`${lost} packets were not forwarded`);
    return (ms * 1e6) / (this.nic.frames - before);
  }

  async close(): Promise<void> {
    await this.stack.close();
  }
}

function udpFrame(flow: Flow): Uint8Array {
  return frame({
    dstMac: LAN_MAC,
    srcMac: HOST_MAC,
    src: text(flow.src),
    dst: text(DST),
    protocol: 'udp',
    sport: flow.sport,
    dport: 9,
    bytes: FRAME_BYTES,
  });
}
