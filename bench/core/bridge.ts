/**
 * bridge_hot: 64-byte frames through a bridge of two ports, from the receive ring of one to the transmit ring of the
 * other, worked by the loop that `ww up` runs. 512 stations behind each port, so that 1,024 addresses are known.
 */
import { type Stack, createStack } from '../../src/stack.js';
import { frame } from './frames.js';
import { type Fill, MemoryPort, NIC_REQUEST_BYTES, Nic } from './memory_nic.js';

const STATIONS = 512;
const FLOWS = 1024;
const FRAME_BYTES = 64;

export class BridgeBench {
  private constructor(
    private readonly stack: Stack,
    private readonly nic: Nic,
    private readonly lan: MemoryPort,
    private readonly frames: number,
  ) {}

  static async create(): Promise<BridgeBench> {
    const stack = await createStack({ seed: 1, sizes: { requestBytes: NIC_REQUEST_BYTES } });
    try {
      const nic = await Nic.on(stack.core.instance);
      const ns = await stack.namespace('bridge');
      await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
      const bridge = await ns.addBridge({ name: 'br0', ageingTime: 86400 });
      const [lan, wan] = [new MemoryPort('memory:lan', nic), new MemoryPort('memory:wan', nic)];
      for (const [i, driver] of [lan, wan].entries()) {
        const link = await stack.port(ns, driver, { name: `p${i}`, mac: `02:00:00:00:00:0${i + 1}` });
        const port = await bridge.addPort(link);
        // Each station is known by an entry, as if it had spoken.
        for (let s = 0; s < STATIONS; s++) await port.addFdb({ mac: station(i, s) });
      }
      await bridge.link.up();
      stack.core.loop.turn();
      nic.reset();
      const flows = new Uint8Array(FLOWS * FRAME_BYTES);
      for (let i = 0; i < FLOWS; i++) flows.set(flow(i), i * FRAME_BYTES);
      const bench = new BridgeBench(stack, nic, lan, nic.place(flows));
      bench.forward(FLOWS);
      const { fdbLearned } = await bridge.info();
      if (fdbLearned !== 0) throw new Error(`${fdbLearned} addresses were learned that are known`);
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
    if (lost !== 0) throw new Error(`${lost} frames were not forwarded`);
  }

  /** Million frames per second. */
  mpps(packets: number): number {
    const begin = performance.now();
    this.forward(packets);
    return packets / (performance.now() - begin) / 1000;
  }

  close(): Promise<void> {
    return this.stack.close();
  }
}

function station(port: number, n: number): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `02:00:00:01:${hex((port << 4) | (n >> 8))}:${hex(n & 255)}`;
}

function flow(i: number): Uint8Array {
  return frame({
    dstMac: station(1, (i * 7) % STATIONS),
    srcMac: station(0, i % STATIONS),
    src: '10.0.0.2',
    dst: '10.0.0.3',
    protocol: 'udp',
    sport: 1024 + i,
    dport: 9,
    bytes: FRAME_BYTES,
  });
}
