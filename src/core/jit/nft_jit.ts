/**
 * NftJit: generated code for the chains of a namespace. What changed is generated anew, into one module, while the core
 * interprets; what did not keeps its code. Nothing here is state: the core forgets the code of a chain that changes, a
 * restored core has none, and either way the packets fare the same.
 *
 *   commit ─► event NFT ─► sync: NFT_JIT_DUMP ─► chains without code ─► emit ─► compile ─► still the same? ─► setOp
 */
import { EventType } from '../../../assembly/abi/event.js';
import { NftJitRec } from '../../../assembly/abi/nft_jit.js';
import { MsgType } from '../../../assembly/abi/request.js';
import type { LocalCore } from '../core.js';
import { readBlob } from './blob.js';
import { I32 } from './code.js';
import { type ChainShape, emitChain, type JitMode } from './emit_chain.js';
import { ModuleBuilder } from './module.js';

const PAGE_BYTES = 65536;

/** A chain as the core tells of it. */
interface JitChain {
  readonly op: number;
  readonly chain: number;
  readonly blob: number;
  readonly version: number;
  readonly compiled: boolean;
  readonly family: number;
  readonly table: string;
  readonly name: string;
}

/** A chain whose code is installed. */
export interface CompiledChain extends ChainShape {
  readonly family: number;
  readonly table: string;
  readonly name: string;
}

export interface SyncResult {
  /** Chains that got code now. */
  readonly compiled: readonly CompiledChain[];
  /** Bytes of the module. */
  readonly bytes: number;
}

export class NftJit {
  /** Index in the core's function table of the code behind an op: it is used again. */
  private readonly places = new Map<number, number>();
  private readonly shapes = new Map<number, CompiledChain>();
  private readonly stop: () => void;
  private working: Promise<unknown> = Promise.resolve();

  /** `onError` hears of what went wrong behind an event: the chains stay interpreted. */
  constructor(
    private readonly core: LocalCore,
    private readonly mode: JitMode,
    onError: (error: unknown) => void,
  ) {
    this.stop = core.onEvent((event) => {
      if (event.type !== EventType.NFT) return;
      this.sync(event.net).catch(onError);
    });
  }

  /** Generates code for what has none in the namespace; resolves when it is installed. One at a time. */
  sync(net: number): Promise<SyncResult> {
    const done = this.working.then(() => this.compile(net));
    this.working = done.catch(() => undefined);
    return done;
  }

  /** What has code now. */
  compiled(): readonly CompiledChain[] {
    return [...this.shapes.values()];
  }

  close(): void {
    this.stop();
  }

  private async compile(net: number): Promise<SyncResult> {
    const stale: JitChain[] = [];
    await this.chains(net, (chain) => {
      if (!chain.compiled && chain.op !== 0) stale.push(chain);
    });
    if (stale.length === 0) return { compiled: [], bytes: 0 };
    const { bytes, functions } = this.generate(stale);
    const { exports, memory } = this.core.instance;
    const { instance } = await WebAssembly.instantiate(bytes, { core: { ...exports, memory } });
    const compiled: CompiledChain[] = [];
    await this.chains(net, (chain) => {
      const made = functions.get(chain.op);
      if (made === undefined || chain.compiled) return;
      if (made.from.blob !== chain.blob || made.from.version !== chain.version) return;
      this.install(chain.op, instance.exports[made.name] as () => number);
      const { family, table, name } = chain;
      compiled.push({ ...made.shape, family, table, name });
      this.shapes.set(chain.op, compiled.at(-1)!);
    });
    return { compiled, bytes: bytes.length };
  }

  private generate(chains: readonly JitChain[]): {
    bytes: Uint8Array<ArrayBuffer>;
    functions: Map<number, { from: JitChain; name: string; shape: ChainShape }>;
  } {
    const { memory, view, scalar } = this.core.instance;
    const pages = memory.buffer.byteLength / PAGE_BYTES;
    const builder = new ModuleBuilder({ pages, shared: !scalar });
    const imports = {
      interpret: builder.import('nftInterpret', [I32, I32], [I32]),
      evaluate: builder.import('nftEvaluate', [I32, I32], [I32]),
      run: builder.import('nftRun', [I32, I32], [I32]),
      transport: builder.import('nftTransport', [I32], [I32]),
    };
    const functions = new Map<number, { from: JitChain; name: string; shape: ChainShape }>();
    for (const from of chains) {
      const { name, shape } = emitChain(view, readBlob(view, from.blob), builder, imports, this.mode);
      functions.set(from.op, { from, name, shape });
    }
    return { bytes: builder.finish(), functions };
  }

  private install(op: number, code: () => number): void {
    const { exports } = this.core.instance;
    const place = this.places.get(op) ?? exports.table.grow(1);
    this.places.set(op, place);
    exports.table.set(place, code);
    exports.setOp(op, place);
  }

  private async chains(net: number, each: (chain: JitChain) => void): Promise<void> {
    const read = (view: DataView, at: number) => {
      const u32 = (field: NftJitRec) => view.getUint32(at + field, true);
      each({
        op: u32(NftJitRec.OP),
        chain: u32(NftJitRec.CHAIN),
        blob: u32(NftJitRec.BLOB),
        version: u32(NftJitRec.VERSION),
        compiled: u32(NftJitRec.COMPILED) !== 0,
        family: u32(NftJitRec.FAMILY),
        table: this.text(u32(NftJitRec.TABLE_NAME)),
        name: this.text(u32(NftJitRec.NAME)),
      });
    };
    await this.core.dump(MsgType.NFT_JIT_DUMP, net, 0, NftJitRec.SIZE, read, 'chains for generated code');
  }

  /** A text of the core: u16 length, bytes. */
  private text(at: number): string {
    const { u8, view } = this.core.instance;
    return new TextDecoder().decode(u8.slice(at + 2, at + 2 + view.getUint16(at, true)));
  }
}
