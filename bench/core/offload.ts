/**
 * gso_forward and gro_forward: TCP frames of one flow through a router in memory, between a port that has large frames
 * and one that has not. offload_memory has the same without the router.
 *
 *   gso_forward   64 KB frames with an undone checksum ──► 45 segments, each summed; payload by reference
 *   gro_forward   64 consecutive segments, each verified ──► merged into two large frames
 */
import { NetifF } from '../../assembly/abi/features.js';
import { type Stack, createStack } from '../../src/stack.js';
import { checksum, frame, pseudoSum } from './frames.js';
import { type Fill, MemoryPort, NIC_REQUEST_BYTES, Nic } from './memory_nic.js';

const OFFLOADS = NetifF.SG | NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6 | NetifF.RXCSUM;
const HOST_MAC = '02:00:00:00:00:99';
const PLAIN_MAC = '02:00:00:00:00:01';
const LARGE_MAC = '02:00:00:00:00:02';
const HEADERS = 54;
const MSS = 1448;
const GSO_SEGMENTS = 45;
const GSO_BYTES = HEADERS + GSO_SEGMENTS * MSS;
const VNET_HDR = 10;
/** 4 x 45 segments fit the transmit ring of 256. */
const GSO_BURST = 4;
const GRO_BURST = 64;

export class OffloadBench {
  private constructor(
    private readonly stack: Stack,
    private readonly nic: Nic,
    private readonly plain: MemoryPort,
    private readonly large: MemoryPort,
    private readonly fillGso: Fill,
    private readonly fillSegments: Fill,
  ) {}

  static async create(): Promise<OffloadBench> {
    const stack = await createStack({ seed: 1, sizes: { requestBytes: NIC_REQUEST_BYTES } });
    const nic = await Nic.on(stack.core.instance);
    const router = await stack.namespace('router');
    // Plain: a card without TSO that gathers, and whose frames go through GRO. Large: a TAP with its offloads.
    const plain = new MemoryPort('memory:plain', nic, { features: NetifF.SG | NetifF.GRO });
    const large = new MemoryPort('memory:large', nic, { features: OFFLOADS, vnetHdrLen: VNET_HDR });
    const plain0 = await stack.port(router, plain, { name: 'plain0', mac: PLAIN_MAC });
    const large0 = await stack.port(router, large, { name: 'large0', mac: LARGE_MAC });
    await plain0.addAddress('10.0.0.1/24');
    await large0.addAddress('10.1.0.1/24');
    await router.setSysctl('net.ipv4.ip_forward', 1);
    await router.addNeighbour(plain0, { address: '10.0.0.2', mac: HOST_MAC });
    await router.addNeighbour(large0, { address: '10.1.0.2', mac: HOST_MAC });
    const { exports, state } = nic;
    const gsoAt = nic.place(gsoFrame());
    const segmentAt = nic.place(tcpFrame('10.0.0.2', '10.1.0.2', PLAIN_MAC, HEADERS + MSS));
    const bench = new OffloadBench(
      stack,
      nic,
      plain,
      large,
      (port, n) => exports.fillGso(port, gsoAt, HEADERS, GSO_BYTES, n),
      (port, n) => exports.fillSegments(port, state, segmentAt, HEADERS + MSS, MSS, n),
    );
    large.burst = GSO_BURST;
    plain.burst = GRO_BURST;
    bench.checkGso();
    bench.checkGro();
    return bench;
  }

  /** Gbit/s of frames that leave the plain port. */
  gso(turns: number): number {
    this.large.fill = this.fillGso;
    const rate = this.rate(turns);
    this.large.fill = undefined;
    return rate;
  }

  /** Gbit/s of frames that enter by the plain port. */
  gro(turns: number): number {
    this.plain.fill = this.fillSegments;
    const begin = performance.now();
    this.turns(turns);
    const ms = performance.now() - begin;
    this.plain.fill = undefined;
    return (turns * GRO_BURST * (HEADERS + MSS) * 8) / ms / 1e6;
  }

  async close(): Promise<void> {
    await this.stack.close();
  }

  private rate(turns: number): number {
    const before = this.nic.bytes;
    const begin = performance.now();
    this.turns(turns);
    return ((this.nic.bytes - before) * 8) / (performance.now() - begin) / 1e6;
  }

  private turns(turns: number): void {
    const { loop } = this.stack.core;
    for (let i = 0; i < turns; i++) loop.turn();
  }

  /** All segments come out, and one's checksums are right. */
  private checkGso(): void {
    const frames = this.nic.frames;
    const bytes = this.nic.bytes;
    this.gso(1);
    const n = this.nic.frames - frames;
    if (n !== GSO_BURST * GSO_SEGMENTS || this.nic.bytes - bytes !== n * (HEADERS + MSS))
      throw new Error(`GSO made ${n} segments of ${this.nic.bytes - bytes} bytes`);
    const out = new Uint8Array(2048);
    const { rings } = this.plain;
    const ip = out.subarray(14, rings.peekTx(rings.txDesc(-1), out));
    if (checksum(ip.subarray(0, 20)) !== 0 || checksum(ip.subarray(20), pseudoSum(ip, ip.length - 20)) !== 0)
      throw new Error(`GSO made a wrong checksum: ${Buffer.from(out).toString('hex')}`);
  }

  /** 64 segments come out as two frames with all of the payload. */
  private checkGro(): void {
    const frames = this.nic.frames;
    const bytes = this.nic.bytes;
    this.gro(1);
    const n = this.nic.frames - frames;
    const payload = this.nic.bytes - bytes - n * (VNET_HDR + HEADERS);
    if (n !== 2 || payload !== GRO_BURST * MSS)
      throw new Error(`GRO made ${n} frames with ${payload} bytes of payload`);
  }
}

function tcpFrame(src: string, dst: string, dstMac: string, bytes: number): Uint8Array {
  return frame({ dstMac, srcMac: HOST_MAC, src, dst, protocol: 'tcp', sport: 5201, dport: 40000, bytes });
}

/** vnet header and headers of a GSO frame; the TCP checksum is that of the pseudo header, as offloads want it. */
function gsoFrame(): Uint8Array {
  const whole = tcpFrame('10.1.0.2', '10.0.0.2', LARGE_MAC, GSO_BYTES);
  const out = new Uint8Array(VNET_HDR + HEADERS);
  out.set(whole.subarray(0, HEADERS), VNET_HDR);
  const view = new DataView(out.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(2, HEADERS, true);
  view.setUint16(4, MSS, true);
  view.setUint16(6, 34, true);
  view.setUint16(8, 16, true);
  view.setUint16(
    VNET_HDR + 50,
    ~checksum(new Uint8Array(0), pseudoSum(whole.subarray(14), GSO_BYTES - 34)) & 0xffff,
  );
  return out;
}
