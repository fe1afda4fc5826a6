/**
 * home_router: a router at home with its firewall (home_rules), in memory: 64-byte UDP frames of answered connections,
 * one direction and the other in turn, from the receive ring of one port to the transmit ring of the other. Those that
 * go out are masqueraded, their answers come back by it.
 *
 *   lan0 192.168.1.1/16 ◄── 1,000 connections of 192.168.1.x        wan0 198.51.100.1/24 ──► 198.51.100.254 ──► anywhere
 */
import type { JitMode } from '../../src/core/jit/emit_chain.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import { createStack, type Stack } from '../../src/stack.js';
import type { Namespace } from '../../src/net/namespace.js';
import { frame } from '../core/frames.js';
import { type Fill, MemoryPort, Nic } from '../core/memory_nic.js';
import { homeRouter } from './home_rules.js';
import { batchOf } from './our_rules.js';

const FRAME_BYTES = 64;
export const HOME_FLOWS = 1000;
const REQUEST_BYTES = 1 << 20;
const NIC_STATE_BYTES = 64;
const LAN_MAC = '02:00:00:00:00:01';
const WAN_MAC = '02:00:00:00:00:02';
const HOST_MAC = '02:00:00:00:00:99';
const GATEWAY_MAC = '02:00:00:00:01:02';
const GATEWAY = '198.51.100.254';
const WAN = '198.51.100.1';
const HOSTS = 50;
/** UDP is a stream two seconds after it began. */
const STREAM_MS = 2100;

interface Flow {
  src: string;
  dst: string;
  sport: number;
}

export class HomeRouter {
  private jit: NftJit | undefined;

  private constructor(
    private readonly stack: Stack,
    private readonly router: Namespace,
    private readonly nic: Nic,
    private readonly lan: MemoryPort,
    private readonly wan: MemoryPort,
    private readonly out: Fill,
    private readonly back: Fill,
  ) {}

  static async create(mode: JitMode | 'off'): Promise<HomeRouter> {
    const stack = await createStack({ seed: 1, sizes: { requestBytes: REQUEST_BYTES } });
    try {
      return await HomeRouter.configure(stack, mode);
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  private static async configure(stack: Stack, mode: JitMode | 'off'): Promise<HomeRouter> {
    const nic = await Nic.on(stack.core.instance);
    const router = await stack.namespace('router');
    await router.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
    const lan = new MemoryPort('memory:lan', nic);
    const wan = new MemoryPort('memory:wan', nic);
    const lan0 = await stack.port(router, lan, { name: 'lan0', mac: LAN_MAC });
    const wan0 = await stack.port(router, wan, { name: 'wan0', mac: WAN_MAC });
    await lan0.addAddress('192.168.1.1/16');
    await wan0.addAddress(`${WAN}/24`);
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.addNeighbour(wan0, { address: GATEWAY, mac: GATEWAY_MAC });
    for (let i = 0; i < HOSTS; i++) await router.addNeighbour(lan0, { address: hostOf(i), mac: HOST_MAC });
    await router.addRoute({ to: 'default', via: GATEWAY });
    const failed = (await router.nfnl.batch(batchOf(homeRouter('lan0', 'wan0')))).filter(
      ({ error }) => error !== 0,
    );
    if (failed.length > 0) throw new Error(`the core refuses ${failed.length} messages of the ruleset`);
    stack.core.loop.turn();
    nic.reset();
    const flows = flowsOf();
    const out = place(nic, flows.map(outFrame));
    const back = place(nic, flows.map(backFrame));
    const home = new HomeRouter(stack, router, nic, lan, wan, out, back);
    await home.establish();
    if (mode !== 'off') {
      home.jit = new NftJit(stack.core, mode, (error) => {
        throw error;
      });
      await home.jit.sync(router.handle);
    }
    home.mpps(1 << 19);
    return home;
  }

  /** Each connection is asked and answered, and again when it is a stream. */
  private async establish(): Promise<void> {
    this.send(4 * HOME_FLOWS);
    await new Promise((resolve) => setTimeout(resolve, STREAM_MS));
    this.send(4 * HOME_FLOWS);
    const known = (await this.router.conntrack.list()).filter(
      ({ status, orig, reply }) => (status & ASSURED) !== 0 && orig.src !== reply.dst,
    );
    if (known.length !== HOME_FLOWS) throw new Error(`${known.length} connections are established`);
  }

  private send(packets: number): number {
    const { loop } = this.stack.core;
    const turns = Math.ceil(packets / this.lan.burst / 2);
    const before = this.nic.frames;
    this.lan.fill = this.out;
    this.wan.fill = this.back;
    for (let i = 0; i < turns; i++) loop.turn();
    this.lan.fill = undefined;
    this.wan.fill = undefined;
    loop.turn();
    return this.nic.frames - before - 2 * turns * this.lan.burst;
  }

  /** Million packets a second, both directions together. */
  mpps(packets: number): number {
    const before = this.nic.frames;
    const begin = performance.now();
    const lost = this.send(packets);
    const ms = performance.now() - begin;
    if (lost !== 0) throw new Error(`${-lost} packets were not forwarded`);
    return (this.nic.frames - before) / ms / 1000;
  }

  async close(): Promise<void> {
    this.jit?.close();
    await this.stack.close();
  }
}

/** IPS_ASSURED */
const ASSURED = 4;

const hostOf = (i: number): string => `192.168.1.${100 + i}`;

function flowsOf(): Flow[] {
  return Array.from({ length: HOME_FLOWS }, (_, i) => ({
    src: hostOf(i % HOSTS),
    dst: `93.${(i * 37) & 255}.${(i * 101) & 255}.${1 + (i % 250)}`,
    sport: 10_000 + i,
  }));
}

function outFrame({ src, dst, sport }: Flow): Uint8Array {
  return frame({
    dstMac: LAN_MAC,
    srcMac: HOST_MAC,
    src,
    dst,
    protocol: 'udp',
    sport,
    dport: 443,
    bytes: FRAME_BYTES,
  });
}

/** Masquerading keeps the port, which no other connection has. */
function backFrame({ dst, sport }: Flow): Uint8Array {
  return frame({
    dstMac: WAN_MAC,
    srcMac: GATEWAY_MAC,
    src: dst,
    dst: WAN,
    protocol: 'udp',
    sport: 443,
    dport: sport,
    bytes: FRAME_BYTES,
  });
}

function place(nic: Nic, frames: readonly Uint8Array[]): Fill {
  const bytes = new Uint8Array(frames.length * FRAME_BYTES);
  for (const [i, each] of frames.entries()) bytes.set(each, i * FRAME_BYTES);
  const at = nic.place(bytes);
  const { exports } = nic;
  // Each port has its own place in the list.
  const state = nic.place(new Uint8Array(NIC_STATE_BYTES));
  return (port, n) => exports.fillFlows(port, state, at, frames.length, n);
}
