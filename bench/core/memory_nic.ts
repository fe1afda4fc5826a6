/**
 * Drivers whose frames come from the NIC module (bench/assembly/nic) in the core's own memory. They stand behind
 * ports of a normal stack and are worked by its normal loop, so that what is measured is what a router runs:
 *
 *   loop.turn() ─► rxBurst: nic.fill* ─► core.rx ─► core.poll ─► txBurst: nic.drain
 *
 * The upper half of the core's request area holds frames and state: it is idle while packets flow.
 */
import { readFile } from 'node:fs/promises';
import { Status } from '../../assembly/abi/layout.js';
import type { CoreInstance } from '../../src/core/instance.js';
import type { Loop } from '../../src/core/loop.js';
import { builtFile } from '../built.js';
import type { Driver, PortNotify, PortRings } from '../../src/drivers/driver.js';

interface NicExports {
  fillFlows(port: number, state: number, frames: number, flows: number, n: number): void;
  fillRandom(port: number, state: number, frame: number, n: number): void;
  fillGso(port: number, frame: number, headers: number, bytes: number, n: number): void;
  fillSegments(port: number, state: number, frame: number, bytes: number, payload: number, n: number): void;
  drain(port: number, state: number): number;
  checksums(ptr: number, len: number, count: number): number;
  calibrate(count: number): number;
}

/** Offsets of the record State in bench/assembly/nic. */
const STATE_RANDOM = 4;
const STATE_FRAMES = 8;
const STATE_BYTES = 16;
const STATE_SIZE = 64;
const TWO_32 = 2 ** 32;
const SEED = 0x2545f491;

/** What request area the stack must be made with: half of it is ours. */
export const NIC_REQUEST_BYTES = 512 << 10;

/** The NIC module on a memory of its own or that of a core. */
export async function loadNic(memory: WebAssembly.Memory): Promise<NicExports> {
  const { instance } = await WebAssembly.instantiate(await readFile(builtFile('bench_nic.wasm')), {
    env: { memory },
  });
  return instance.exports as unknown as NicExports;
}

/** What is sent, by one call a burst. */
export type Fill = (port: number, n: number) => void;

/** The NIC of one core: its frames and the drivers made of it. */
export class Nic {
  readonly state: number;
  private end = 0;
  private readonly limit: number;

  private constructor(
    readonly core: CoreInstance,
    readonly exports: NicExports,
  ) {
    const area = core.status(Status.REQUEST_AREA);
    const bytes = core.status(Status.REQUEST_BYTES);
    this.limit = area + bytes;
    this.state = area + (bytes >>> 1);
    this.reset();
  }

  /** Begins anew, without frames: long batches of requests write over what was placed. */
  reset(): void {
    this.end = this.state + STATE_SIZE;
    this.core.u8.fill(0, this.state, this.limit);
    this.core.view.setUint32(this.state + STATE_RANDOM, SEED, true);
  }

  static async on(core: CoreInstance): Promise<Nic> {
    return new Nic(core, await loadNic(core.memory));
  }

  /** Puts bytes into the core's memory for good and returns their address, a multiple of 64. */
  place(bytes: Uint8Array): number {
    const at = this.end;
    if (at + bytes.length > this.limit) throw new Error('the frames do not fit the request area');
    this.core.u8.set(bytes, at);
    this.end = (at + bytes.length + 63) & ~63;
    return at;
  }

  /** Frames drained since the start. */
  get frames(): number {
    return this.u64(STATE_FRAMES);
  }

  /** Bytes of them, vnet headers included. */
  get bytes(): number {
    return this.u64(STATE_BYTES);
  }

  private u64(offset: number): number {
    const { view } = this.core;
    return view.getUint32(this.state + offset + 4, true) * TWO_32 + view.getUint32(this.state + offset, true);
  }
}

export interface MemoryPortOptions {
  features?: number;
  vnetHdrLen?: 0 | 10;
}

/** One port. It sends only while `fill` is set, `burst` frames a turn. */
export class MemoryPort implements Driver {
  readonly kind = 'memory';
  readonly features: number;
  readonly vnetHdrLen: 0 | 10;
  fill: Fill | undefined;
  /** A full list of the core (BURST_MAX): what a card with a ring in memory would hand over. */
  burst = 256;
  rings!: PortRings;

  constructor(
    readonly name: string,
    private readonly nic: Nic,
    options: MemoryPortOptions = {},
  ) {
    this.features = options.features ?? 0;
    this.vnetHdrLen = options.vnetHdrLen ?? 0;
  }

  attach(rings: PortRings, notify: PortNotify): void {
    this.rings = rings;
    notify.state(true);
  }

  rxBurst(max: number): number {
    if (this.fill === undefined) return 0;
    const n = Math.min(max, this.burst);
    this.fill(this.rings.port, n);
    return n;
  }

  /** Sends `packets`, in whole bursts, by turns of the loop; returns how many of them came out of no port. */
  send(loop: Loop, fill: Fill, packets: number): number {
    const turns = Math.ceil(packets / this.burst);
    const before = this.nic.frames;
    // Only now: between measurements the loop runs by itself, and would go on sending.
    this.fill = fill;
    for (let i = 0; i < turns; i++) loop.turn();
    this.fill = undefined;
    return turns * this.burst - (this.nic.frames - before);
  }

  txBurst(): number {
    return this.nic.exports.drain(this.rings.port, this.nic.state);
  }

  arm(): void {}
  disarm(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}
