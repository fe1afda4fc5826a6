/**
 * gso_tcp and gro_tcp: one TCP packet of 64 KB cut and merged by the core's own code in memory, without a router around
 * it. bench/assembly/offload has the loops; here is what they work on, and whether they do it right.
 *
 *   gso_tcp   headers │ 45 x 1448 in one fragment ──► 45 frames
 *   gro_tcp   the same 45 frames ──► headers │ 1448 │ 44 fragments
 */
import { readFile } from 'node:fs/promises';
import { builtFile } from '../built.js';
import { checksum, frame, pseudoSum } from './frames.js';

const SEGMENTS = 45;
const MSS = 1448;
const PAYLOAD = SEGMENTS * MSS;
const ETH = 14;
const TCP = ETH + 20;
/** Timestamps, as in every TCP segment of 1448: kind 8, length 10, between two NOPs. */
const OPTIONS = [1, 1, 8, 10, 0, 1, 2, 3, 0, 4, 5, 6];
const HEADERS = TCP + 20 + OPTIONS.length;
const FRAME = HEADERS + MSS;

/** The module's memory: the core's state in `ARENA` bytes, then what is placed. */
const PAGES = 64;
const ARENA = 3 << 20;
const FRAMES_AT = ARENA;
const HEADERS_AT = FRAMES_AT + SEGMENTS * FRAME;
const READ_AT = HEADERS_AT + 1024;
/** Turns that are not measured: they find what the caches hold. */
const WARM_TURNS = 20;

interface OffloadExports {
  offloadInit(
    memoryBytes: number,
    frames: number,
    count: number,
    bytes: number,
    headers: number,
    hlen: number,
  ): number;
  gsoPrepare(offload: number): void;
  gsoTake(offload: number): number;
  gsoTurns(offload: number, times: number): number;
  groPrepare(offload: number): void;
  groFrame(offload: number, k: number): number;
  groPacket(offload: number, k: number): number;
  groTake(offload: number): number;
  groGive(offload: number, n: number): void;
  groTurns(offload: number, times: number): number;
  testSkbFree(skb: number): void;
  testSkbLeaks(): number;
  testSkbRead(skb: number, to: number): number;
  readonly SKB_NEXT: WebAssembly.Global;
  readonly SKB_GSO_SEGS: WebAssembly.Global;
}

export class OffloadMemory {
  private readonly u8: Uint8Array;
  private readonly view: DataView;
  private readonly frames = segments();

  private constructor(
    private readonly module: OffloadExports,
    memory: WebAssembly.Memory,
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.frames.forEach((bytes, k) => {
      this.u8.set(bytes, FRAMES_AT + k * FRAME);
    });
    this.u8.set(wholeHeaders(this.frames[0]!), HEADERS_AT);
  }

  static async create(): Promise<OffloadMemory> {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: 65536, shared: true });
    const { instance } = await WebAssembly.instantiate(await readFile(builtFile('bench_offload.wasm')), {
      env: { memory },
    });
    const bench = new OffloadMemory(instance.exports as unknown as OffloadExports, memory);
    bench.checkGso();
    bench.checkGro();
    bench.checkGroVerifies();
    return bench;
  }

  /** Gbit/s of payload. */
  gso(turns: number): number {
    const { module } = this;
    const offload = this.init();
    module.gsoPrepare(offload);
    return this.rate(turns, SEGMENTS, (times) => module.gsoTurns(offload, times));
  }

  /** Gbit/s of payload. */
  gro(turns: number): number {
    const { module } = this;
    const offload = this.init();
    module.groPrepare(offload);
    return this.rate(turns, 1, (times) => module.groTurns(offload, times));
  }

  private rate(turns: number, each: number, take: (times: number) => number): number {
    take(WARM_TURNS);
    const begin = performance.now();
    const made = take(turns);
    const ms = performance.now() - begin;
    if (made !== turns * each) throw new Error(`${turns} turns made ${made} packets, not ${each} each`);
    this.checkLeaks();
    return (turns * PAYLOAD * 8) / ms / 1e6;
  }

  private init(): number {
    const { module } = this;
    const offload = module.offloadInit(ARENA, FRAMES_AT, SEGMENTS, FRAME, HEADERS_AT, HEADERS);
    if (offload === 0) throw new Error('the memory is too small');
    return offload;
  }

  private read(skb: number): Uint8Array {
    const n = this.module.testSkbRead(skb, READ_AT);
    return this.u8.slice(READ_AT, READ_AT + n);
  }

  private checkLeaks(): void {
    const leaks = this.module.testSkbLeaks();
    if (leaks !== 0) throw new Error(`${leaks} records and slots were not freed`);
  }

  /** The segments are the frames, byte for byte, whose checksums were made by other code. */
  private checkGso(): void {
    const { module } = this;
    const offload = this.init();
    module.gsoPrepare(offload);
    const list = module.gsoTake(offload);
    const made: Uint8Array[] = [];
    for (let skb = list; skb !== 0; skb = this.view.getUint32(skb + module.SKB_NEXT.value, true))
      made.push(this.read(skb));
    if (made.length !== SEGMENTS) throw new Error(`GSO made ${made.length} segments`);
    made.forEach((bytes, k) => {
      if (!sums(bytes)) throw new Error(`GSO made a wrong checksum in segment ${k}`);
      if (Buffer.compare(bytes, this.frames[k]!) !== 0) throw new Error(`GSO made a wrong segment ${k}`);
    });
    module.testSkbFree(list);
    this.checkLeaks();
  }

  /** All frames come up as one packet, whose payload is theirs. */
  private checkGro(): void {
    const { module } = this;
    const offload = this.init();
    module.groPrepare(offload);
    const n = module.groTake(offload);
    if (n !== 1) throw new Error(`GRO made ${n} packets`);
    const skb = module.groPacket(offload, 0);
    const segs = this.view.getUint16(skb + module.SKB_GSO_SEGS.value, true);
    const packet = this.read(skb);
    const whole = [this.u8.subarray(HEADERS_AT + ETH, HEADERS_AT + HEADERS)];
    for (const bytes of this.frames) whole.push(bytes.subarray(HEADERS));
    if (segs !== SEGMENTS || Buffer.compare(packet, Buffer.concat(whole)) !== 0)
      throw new Error(`GRO made a wrong packet of ${segs} segments, ${packet.length} bytes`);
    module.groGive(offload, n);
    this.checkLeaks();
  }

  /** A frame with a wrong byte in its payload is not merged. */
  private checkGroVerifies(): void {
    const { module } = this;
    for (const k of [0, 1, SEGMENTS >> 1, SEGMENTS - 1]) {
      const offload = this.init();
      module.groPrepare(offload);
      const at = module.groFrame(offload, k) + FRAME - 1;
      this.u8[at] = this.u8[at]! ^ 1;
      const n = module.groTake(offload);
      if (n < 2) throw new Error(`GRO merged frame ${k}, whose checksum is wrong`);
      module.groGive(offload, n);
      this.checkLeaks();
    }
  }
}

/** Consecutive frames of one flow, complete. */
function segments(): Uint8Array[] {
  return Array.from({ length: SEGMENTS }, (_, k) => {
    const out = frame({
      dstMac: '02:00:00:00:00:01',
      srcMac: '02:00:00:00:00:99',
      src: '10.1.0.2',
      dst: '10.0.0.2',
      protocol: 'tcp',
      sport: 5201,
      dport: 40000,
      bytes: FRAME,
    });
    const view = new DataView(out.buffer);
    view.setUint16(ETH + 4, k + 1);
    view.setUint32(TCP + 4, k * MSS);
    view.setUint8(TCP + 12, (HEADERS - TCP) << 2);
    out.set(OPTIONS, TCP + 20);
    for (let i = HEADERS; i < FRAME; i++) out[i] = (i * 7 + k * 31) & 255;
    setIpCheck(view, out);
    view.setUint16(TCP + 16, 0);
    view.setUint16(TCP + 16, checksum(out.subarray(TCP), pseudoSum(out.subarray(ETH), FRAME - TCP)));
    return out;
  });
}

/** Headers of the packet that `first` begins; its TCP checksum is the pseudo header's sum, as offloads want it. */
function wholeHeaders(first: Uint8Array): Uint8Array {
  const out = first.slice(0, HEADERS);
  const view = new DataView(out.buffer);
  view.setUint16(ETH + 2, HEADERS - ETH + PAYLOAD);
  setIpCheck(view, out);
  const sum = pseudoSum(out.subarray(ETH), HEADERS - TCP + PAYLOAD);
  view.setUint16(TCP + 16, ~checksum(new Uint8Array(0), sum) & 0xffff);
  return out;
}

function setIpCheck(view: DataView, out: Uint8Array): void {
  view.setUint16(ETH + 10, 0);
  view.setUint16(ETH + 10, checksum(out.subarray(ETH, TCP)));
}

/** Both checksums are right. */
function sums(bytes: Uint8Array): boolean {
  const l4 = bytes.subarray(TCP);
  return (
    checksum(bytes.subarray(ETH, TCP)) === 0 && checksum(l4, pseudoSum(bytes.subarray(ETH), l4.length)) === 0
  );
}
