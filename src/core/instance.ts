/**
 * The WebAssembly instance of a core in this process: memory, exports, typed views. The only file that instantiates
 * it; everything else of src/core works through the views, which stay valid because the memory never grows.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InitConfig, ROOT_BASE, type Status } from '../../assembly/abi/layout.js';
import { NetError } from '../net_error.js';
import { adviseHugePages } from '../sys/huge_pages.js';
import { errnoName } from './errno_name.js';

/** What assembly/index.ts exports. Times are ns as low and high word. */
export interface CoreExports {
  init(config: number): number;
  attach(): number;
  status(): number;
  request(nowLo: number, nowHi: number, bytes: number): number;
  rx(handle: number, queue: number, count: number): number;
  rssQueue(handle: number, frame: number, bytes: number): number;
  poll(nowLo: number, nowHi: number, budget: number): number;
  forget(handle: number): void;
  setOp(id: number, fn: number): number;
  table: WebAssembly.Table;
}

/** How much of everything the core may have; what is left out is the host's default. */
export interface CoreSizes {
  /** Linear memory in bytes, a multiple of 64 KB. Untouched pages cost nothing. */
  memoryBytes: number;
  /** Behind it: room for rings of the kernel and memory of peers that ports map. No part of a snapshot. */
  windowBytes: number;
  skbs: number;
  smallSlots: number;
  largeSlots: number;
  devices: number;
  nets: number;
  requestBytes: number;
  events: number;
  deliveries: number;
  handles: number;
}

export const HOST_SIZES: CoreSizes = {
  memoryBytes: 256 << 20,
  windowBytes: 512 << 20,
  skbs: 16384,
  smallSlots: 16384,
  largeSlots: 768,
  devices: 64,
  nets: 64,
  requestBytes: 256 << 10,
  events: 4096,
  deliveries: 1024,
  handles: 1024,
};

const PAGE_BYTES = 65536;
/** 4 GB, all that 32-bit addresses reach. */
const PAGES_MAX = 65536;

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Where the build put the core: beside the bundle, or in build/ when run from source. */
async function loadModule(file: string): Promise<WebAssembly.Module> {
  const places = [`./${file}`, `../${file}`, `../../build/${file}`];
  for (const place of places) {
    const path = fileURLToPath(new URL(place, import.meta.url));
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes !== undefined) return WebAssembly.compile(bytes);
  }
  throw new NetError('ENOENT', `${file} is not built: run npm run build`);
}

/** A built module, compiled once. */
export function moduleOf(file: string): Promise<WebAssembly.Module> {
  let module = compiled.get(file);
  if (module === undefined) {
    module = loadModule(file);
    compiled.set(file, module);
    module.catch(() => compiled.delete(file));
  }
  return module;
}

export interface InstanceOptions {
  sizes?: Partial<CoreSizes>;
  /** Seed of the core's random stream, two words. */
  seed?: readonly [number, number];
  /** Time at which the core's clock starts, ns. */
  nowLo?: number;
  nowHi?: number;
  /** The scalar build (boards) instead of the SIMD one. */
  scalar?: boolean;
}

/** An instance with its views. */
export class CoreInstance {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly view: DataView;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly exports: CoreExports,
    readonly sizes: CoreSizes,
    readonly scalar: boolean,
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** Makes an instance; its core is empty, or not there at all (`bare`) until a snapshot is put in. */
  static async create(options: InstanceOptions = {}, bare = false): Promise<CoreInstance> {
    const sizes = { ...HOST_SIZES, ...options.sizes };
    const scalar = options.scalar ?? false;
    const module = await moduleOf(scalar ? 'core.scalar.wasm' : 'core.wasm');
    const own = Math.ceil(sizes.memoryBytes / PAGE_BYTES);
    const pages = Math.min(own + Math.ceil(sizes.windowBytes / PAGE_BYTES), Math.max(own, PAGES_MAX));
    const memory = scalar
      ? new WebAssembly.Memory({ initial: pages, maximum: pages })
      : new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    adviseHugePages(new Uint8Array(memory.buffer, 0, own * PAGE_BYTES));
    const abort = (_message: number, _file: number, line: number, column: number): never => {
      throw new Error(`the core aborted at ${line}:${column}`);
    };
    const instance = await WebAssembly.instantiate(module, { env: { memory, abort } });
    const core = new CoreInstance(memory, instance.exports as unknown as CoreExports, sizes, scalar);
    if (!bare) core.init(options);
    return core;
  }

  private init(options: InstanceOptions): void {
    const at = ROOT_BASE;
    const { view, sizes } = this;
    const put = (offset: InitConfig, value: number) => view.setUint32(at + offset, value >>> 0, true);
    put(InitConfig.MEMORY_BYTES, Math.min(sizes.memoryBytes, 0xffff0000));
    put(InitConfig.SKBS, sizes.skbs);
    put(InitConfig.SMALL_SLOTS, sizes.smallSlots);
    put(InitConfig.LARGE_SLOTS, sizes.largeSlots);
    put(InitConfig.DEVICES, sizes.devices);
    put(InitConfig.NETS, sizes.nets);
    put(InitConfig.REQUEST_BYTES, sizes.requestBytes);
    put(InitConfig.EVENTS, sizes.events);
    put(InitConfig.DELIVERIES, sizes.deliveries);
    put(InitConfig.HANDLES, sizes.handles);
    const [lo, hi] = options.seed ?? [0x57_57, 1];
    view.setUint32(at + InitConfig.SEED, lo >>> 0, true);
    view.setUint32(at + InitConfig.SEED + 4, hi >>> 0, true);
    view.setUint32(at + InitConfig.NOW, (options.nowLo ?? 0) >>> 0, true);
    view.setUint32(at + InitConfig.NOW + 4, (options.nowHi ?? 0) >>> 0, true);
    const err = this.exports.init(at);
    if (err !== 0) {
      throw new NetError(errnoName(err), `the core refuses its sizes: ${JSON.stringify(sizes)}`);
    }
  }

  /** A field of the status block. */
  status(field: Status): number {
    return this.u32[(this.exports.status() + field) >>> 2]!;
  }
}
