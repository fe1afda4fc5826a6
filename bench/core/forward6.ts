/**
 * forward6_hot: 64-byte IPv6 frames through a router's whole path, ring to ring, as forward_hot is for IPv4.
 *
 *   lan0 2001:db8:1::1/64 ◄── frames of 2001:db8:1::2        200,000 prefixes, 16 gateways
 *   wan0 2001:db8:2::1/64 ──► gateways 2001:db8:2::2 ..      (permanent neighbours)
 */
import type { RouteSpec } from '../../src/net/route.js';
import { type Stack, createStack } from '../../src/stack.js';
import { random32 } from './frames.js';
import { type Fill, MemoryPort, NIC_REQUEST_BYTES, Nic } from './memory_nic.js';

export const FIB6_PREFIXES = 200_000;
const FLOWS = 1024;
const FRAME_BYTES = 64;
const ETH_HLEN = 14;
/** Frames of our own that may leave during a measurement. */
const MAX_OTHERS = 64;
const LAN_MAC = '02:00:00:00:00:01';
const GATEWAYS = Array.from({ length: 16 }, (_, i) => `2001:db8:2::${(i + 2).toString(16)}`);
/** Of the IPv6 table of 2024 (bgp.potaroo.net), rounded; what is left out is below 1 %. */
const LENGTH_SHARES: readonly (readonly [length: number, share: number])[] = [
  [48, 0.48],
  [32, 0.15],
  [40, 0.13],
  [44, 0.12],
  [36, 0.05],
  [29, 0.03],
  [46, 0.02],
  [47, 0.02],
];

export class Forward6Bench {
  private constructor(
    private readonly stack: Stack,
    private readonly nic: Nic,
    private readonly lan: MemoryPort,
    private readonly frames: number,
  ) {}

  static async create(progress: (text: string) => void): Promise<Forward6Bench> {
    const stack = await createStack({ seed: 1, sizes: { requestBytes: NIC_REQUEST_BYTES } });
    try {
      const nic = await Nic.on(stack.core.instance);
      const router = await stack.namespace('router');
      await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
      await router.setSysctl('net.ipv6.conf.default.router_solicitations', 0);
      const [lan, wan] = [new MemoryPort('memory:lan', nic), new MemoryPort('memory:wan', nic)];
      const lan0 = await stack.port(router, lan, { name: 'lan0', mac: LAN_MAC });
      const wan0 = await stack.port(router, wan, { name: 'wan0', mac: '02:00:00:00:00:02' });
      await lan0.addAddress('2001:db8:1::1/64', { nodad: true });
      await wan0.addAddress('2001:db8:2::1/64', { nodad: true });
      for (const [i, address] of GATEWAYS.entries())
        await router.addNeighbour(wan0, { address, mac: `02:00:00:00:01:${(i + 16).toString(16)}` });
      progress(`a FIB of ${FIB6_PREFIXES} prefixes`);
      const failed = (await router.addRoutes(routes())).filter((status) => status !== 0);
      if (failed.length > 0)
        throw new Error(`${failed.length} routes were refused, the first with ${failed[0]}`);
      stack.core.loop.turn();
      nic.reset();
      const random = random32(42);
      const flows = new Uint8Array(FLOWS * FRAME_BYTES);
      for (let i = 0; i < FLOWS; i++) flows.set(frame(random, 1024 + i), i * FRAME_BYTES);
      const bench = new Forward6Bench(stack, nic, lan, nic.place(flows));
      bench.forward(FLOWS);
      return bench;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  /** Sends bursts until `packets` have come out of the other port; throws when one did not. */
  forward(packets: number): void {
    const { exports, state } = this.nic;
    const fill: Fill = (port, n) => exports.fillFlows(port, state, this.frames, FLOWS, n);
    const lost = this.lan.send(this.stack.core.loop, fill, packets);
    // A report of MLD or the like more is no fault.
    if (lost > 0 || lost < -MAX_OTHERS) throw new Error(`${lost} frames were not forwarded`);
  }

  /** Million packets per second. */
  mpps(packets: number): number {
    const begin = performance.now();
    this.forward(packets);
    return packets / (performance.now() - begin) / 1000;
  }

  close(): Promise<void> {
    return this.stack.close();
  }
}

function* routes(): Generator<RouteSpec> {
  const random = random32(7);
  yield { to: 'default', via: GATEWAYS[0]! };
  const seen = new Set<string>();
  for (let n = 1; n < FIB6_PREFIXES; ) {
    const length = drawLength(random() / 2 ** 32);
    const [high, low] = prefix(random, length);
    const to = `${hex(high >>> 16)}:${hex(high & 0xffff)}:${hex(low >>> 16)}:${hex(low & 0xffff)}::/${length}`;
    if (seen.has(to)) continue;
    seen.add(to);
    n++;
    yield { to, via: GATEWAYS[random() % GATEWAYS.length]! };
  }
}

function drawLength(at: number): number {
  let sum = 0;
  for (const [bits, share] of LENGTH_SHARES) {
    sum += share;
    if (at < sum) return bits;
  }
  return 48;
}

/** The first 64 bits of a prefix in 2000::/3, but for our own 2001:db8::/32. */
function prefix(random: () => number, bits: number): [number, number] {
  for (;;) {
    const high = (0x20000000 | (random() & 0x1fffffff)) >>> 0;
    if (high === 0x20010db8) continue;
    const low = bits <= 32 ? 0 : (random() & (-1 << (64 - bits))) >>> 0;
    return [bits < 32 ? (high & (-1 << (32 - bits))) >>> 0 : high, low];
  }
}

const hex = (n: number): string => n.toString(16);

function frame(random: () => number, sport: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99, 0x86, 0xdd]);
  const ip = ETH_HLEN;
  view.setUint32(ip, 0x60000000);
  view.setUint16(ip + 4, FRAME_BYTES - ip - 40);
  bytes.set([17, 64], ip + 6);
  bytes.set([0x20, 1, 0x0d, 0xb8, 0, 1], ip + 8);
  bytes[ip + 23] = 2;
  const [high, low] = prefix(random, 48);
  view.setUint32(ip + 24, high);
  view.setUint32(ip + 28, low);
  bytes[ip + 39] = 1;
  view.setUint16(ip + 40, sport);
  view.setUint16(ip + 42, 9);
  view.setUint16(ip + 44, FRAME_BYTES - ip - 40);
  view.setUint16(ip + 46, 0xffff);
  return bytes;
}
