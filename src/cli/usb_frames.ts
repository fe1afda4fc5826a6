/**
 * The test of a port with frames of our own, of sizes around each boundary: sent at one end, compared at the other.
 *
 *   loopback   port ─► plug ─► port                peer   port ─► cable ─► other, then other ─► port
 *
 * Frames have the EtherType for experiments (IEEE 802 §9.2.3), a mark of this run, their number, and bytes of that number.
 */
import type { Driver } from '../drivers/driver.js';
import { StandInPort } from '../drivers/stand_in_port.js';
import { NetError } from '../net_error.js';

export interface FrameResult {
  readonly from: string;
  readonly to: string;
  readonly sent: number;
  readonly received: number;
  readonly damaged: number;
  readonly outOfOrder: number;
  readonly sizesLost: readonly number[];
  readonly mbps: number;
}

const SIZES = [
  60, 64, 65, 127, 128, 497, 498, 508, 511, 512, 513, 1009, 1010, 1023, 1024, 1025, 1500, 1513, 1514,
];
const ETHERTYPE = 0x88b5;
const HEADER = 26;
const RING = 256;
/** Frames under way: as many as the shortest queue of an adapter holds (Linux's gadgets have ten places, and drop what is more). */
const WINDOW = 8;
const BURST = 64;
/** Nothing came for so long: what is missing is lost. */
const SILENCE_MS = 1000;

class End {
  readonly stand: StandInPort;
  /** Bytes in front of each frame. */
  private readonly hdr: number;
  state: { up: boolean; why: NetError | undefined } | undefined;
  private wake: () => void = () => {};

  constructor(
    readonly name: string,
    readonly driver: Driver,
  ) {
    this.hdr = driver.vnetHdrLen;
    this.stand = new StandInPort({ entries: RING, vnetHdrLen: driver.vnetHdrLen, large: false });
  }

  /** False when the ring is full. */
  tx(frame: Uint8Array): boolean {
    const bytes = new Uint8Array(this.hdr + frame.length);
    bytes.set(frame, this.hdr);
    return this.stand.tx(bytes);
  }

  rx(max: number, each?: (frame: Uint8Array) => void): void {
    this.stand.rx(this.driver.rxBurst(max), (frame) => each?.(frame.subarray(this.hdr)));
  }

  attach(): void {
    this.driver.attach(this.stand.rings, {
      readable: () => this.wake(),
      writable: () => this.wake(),
      state: (up, why) => {
        this.state = { up, why };
        this.wake();
      },
    });
  }

  /** Something changed, or the time is over. */
  async wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
      this.driver.arm();
    });
    clearTimeout(timer);
    this.driver.disarm();
  }

  async up(ms: number): Promise<void> {
    for (const end = performance.now() + ms; this.state?.up !== true; ) {
      const rest = end - performance.now();
      if (rest <= 0)
        throw this.state?.why ?? new NetError('ETIMEDOUT', `${this.name}: the link does not come up`);
      await this.wait(rest);
    }
  }
}

export async function frameTest(
  port: Driver,
  peer: Driver | undefined,
  count: number,
  linkMs: number,
): Promise<{ ok: boolean; results: readonly FrameResult[] }> {
  const here = new End(peer === undefined ? 'device' : 'device', port);
  const there = peer === undefined ? here : new End('peer', peer);
  for (const end of new Set([here, there])) {
    await end.driver.prepare?.();
    end.attach();
    await end.up(linkMs);
  }
  const mark = (Math.random() * 0xffffffff) >>> 0;
  const results = [await oneWay(here, there, count, mark)];
  if (peer !== undefined) results.push(await oneWay(there, here, count, mark + 1));
  const ok = results.every(
    ({ sent, received, damaged, outOfOrder }) => received === sent && damaged + outOfOrder === 0,
  );
  return { ok, results };
}

async function oneWay(from: End, to: End, count: number, mark: number): Promise<FrameResult> {
  const total = SIZES.length * count;
  const seen = new Uint8Array(total);
  let sent = 0;
  let received = 0;
  let damaged = 0;
  let outOfOrder = 0;
  let bytes = 0;
  let last = -1;
  const take = (frame: Uint8Array) => {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    if (frame.length < HEADER || view.getUint16(12) !== ETHERTYPE || view.getUint32(14) !== mark >>> 0)
      return;
    const number = view.getUint32(18);
    if (number >= sent || seen[number] !== 0) {
      damaged++;
      return;
    }
    const expected = testFrame(number, mark, sizeOf(number));
    if (frame.length !== expected.length || frame.some((byte, i) => byte !== expected[i])) damaged++;
    seen[number] = 1;
    received++;
    bytes += frame.length;
    if (number < last) outOfOrder++;
    last = Math.max(last, number);
  };
  const begin = performance.now();
  let lastMs = begin;
  while (received < total && performance.now() - lastMs < SILENCE_MS) {
    // No more under way than a receive ring holds: what is lost is then lost on the wire.
    while (sent < total && sent - received < WINDOW && from.tx(testFrame(sent, mark, sizeOf(sent)))) sent++;
    from.driver.txBurst();
    const before = received;
    to.rx(BURST, take);
    if (from !== to) from.rx(BURST);
    if (received > before) lastMs = performance.now();
    else await to.wait(20);
    if (to.state?.up === false || from.state?.up === false) break;
    // Lost frames must not keep the window shut.
    if (performance.now() - lastMs > SILENCE_MS / 2 && sent < total && received < sent) break;
  }
  const seconds = (lastMs - begin) / 1000;
  const lost = Array.from({ length: sent }, (_, i) => i).filter((i) => seen[i] === 0);
  return {
    from: from.name,
    to: to.name,
    sent,
    received,
    damaged,
    outOfOrder,
    sizesLost: [...new Set(lost.map(sizeOf))].sort((a, b) => a - b),
    mbps: seconds > 0 ? Math.round((bytes * 8) / seconds / 1e4) / 100 : 0,
  };
}

function sizeOf(number: number): number {
  return SIZES[number % SIZES.length]!;
}

function testFrame(number: number, mark: number, size: number): Uint8Array {
  const frame = new Uint8Array(size);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0x77, 0x77, 0, 0, 1], 6);
  view.setUint16(12, ETHERTYPE);
  view.setUint32(14, mark >>> 0);
  view.setUint32(18, number);
  for (let i = HEADER - 4; i < size; i++) frame[i] = (number * 31 + i * 7) & 0xff;
  return frame;
}
