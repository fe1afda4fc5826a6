/**
 * NftJit: generated code for the chains of a namespace. What changed is generated anew while the core interprets; what
 * did not keeps its code. Nothing here is state: the core forgets the code of a chain that changes, a restored core has
 * none, and either way the packets fare the same.
 *
 *   commit ─► event NFT ─► sync: dump ─► chains without code ─► emit ─► compile ─► still the same? ─► setOp
 *
 * Chains go into modules of at most MODULE_RULES rules, so that the host is not held up for long; a module is let go
 * of when the last chain that has code in it has other code, or none. What cannot be compiled stays interpreted, and
 * describe() says why.
 */
import { EventType } from '../../../assembly/abi/event.js';
import { ROOT_BASE, ROOT_STATE_BYTES } from '../../../assembly/abi/layout.js';
import type { LocalCore } from '../core.js';
import { readBlob } from './blob.js';
import { dumpChains, type JitChain, sameChain } from './chain_dump.js';
import { I32 } from './code.js';
import { type ChainShape, type CoreImports, emitChain, type JitMode } from './emit_chain.js';
import { ModuleBuilder } from './module.js';

const PAGE_BYTES = 65536;
/** Where the core has the table's index of each op. */
const OP_TABLE = ROOT_BASE + ROOT_STATE_BYTES;
/** Rules that are generated without a pause. */
const MODULE_RULES = 4000;
/** Of one chain; V8 takes seconds for more. */
const CHAIN_RULES_MAX = 20_000;

const NO_OP = 'there are no ids left for generated code';
const NOT_YET = 'its code is not ready yet';

/** A chain, and what packets run of it. */
export interface ChainReport extends ChainShape {
  /** NFPROTO_* */
  readonly family: number;
  readonly table: string;
  readonly name: string;
  readonly mode: JitMode | 'interpreter';
  /** Why it is interpreted. */
  readonly reason?: string;
}

export interface SyncResult {
  /** Chains that got code now. */
  readonly compiled: readonly ChainReport[];
  /** Bytes of the modules. */
  readonly bytes: number;
}

/** Code that is installed: ops and places in the core's table, and what it was made of. */
interface Installed {
  readonly net: number;
  readonly from: JitChain;
  readonly places: readonly { readonly op: number; readonly place: number }[];
  readonly shape: ChainShape;
}

/** A chain's functions in a module, by export or as they are. */
interface Emitted {
  readonly from: JitChain;
  readonly name: string;
  readonly hook?: string;
  readonly shape: ChainShape;
}

interface Code {
  readonly from: JitChain;
  readonly code: () => number;
  readonly hook?: () => number;
  readonly shape: ChainShape;
}

export class NftJit {
  /** By op. */
  private readonly installed = new Map<number, Installed>();
  /** Indices in the core's function table that nobody uses. */
  private readonly freePlaces: number[] = [];
  /** By op: chains that could not be compiled. */
  private readonly failed = new Map<number, { from: JitChain; reason: string }>();
  /** By op: chains whose module V8 refused; each is tried in one of its own. */
  private readonly alone = new Set<number>();
  private readonly waiting = new Map<number, Promise<SyncResult>>();
  private readonly stop: () => void;
  private working: Promise<unknown> = Promise.resolve();
  private closed = false;

  /** `onError` hears of what went wrong: the chains stay interpreted. */
  constructor(
    private readonly core: LocalCore,
    readonly mode: JitMode,
    private readonly onError: (error: unknown) => void,
  ) {
    this.stop = core.onEvent((event) => {
      if (event.type !== EventType.NFT) return;
      this.sync(event.net).catch(onError);
    });
  }

  /** Generates code for what has none in the namespace; resolves when it is installed. One at a time. */
  sync(net: number): Promise<SyncResult> {
    const waiting = this.waiting.get(net);
    if (waiting !== undefined) return waiting;
    const done = this.working.then(() => {
      this.waiting.delete(net);
      return this.compile(net);
    });
    this.waiting.set(net, done);
    this.working = done.catch(() => undefined);
    return done;
  }

  /** The chains of the namespace, and what was made of them. */
  describe(net: number): ChainReport[] {
    return dumpChains(this.core, net).map((chain) => {
      const { family, table, name } = chain;
      const installed = this.installed.get(chain.op);
      if (chain.compiled && installed !== undefined && sameChain(installed.from, chain))
        return { ...installed.shape, family, table, name, mode: this.mode };
      const failed = this.failed.get(chain.op);
      const known = failed !== undefined && sameChain(failed.from, chain) ? failed.reason : NOT_YET;
      const rules = this.rulesOf(chain);
      const reason = chain.op === 0 ? NO_OP : known;
      return { ...emptyShape(rules), family, table, name, mode: 'interpreter', reason };
    });
  }

  /** Every chain is interpreted again. */
  close(): void {
    this.stop();
    this.closed = true;
    for (const op of [...this.installed.keys()]) this.uninstall(op, true);
  }

  private async compile(net: number): Promise<SyncResult> {
    const compiled: ChainReport[] = [];
    const tried = new Set<number>();
    let bytes = 0;
    this.letGo(net, dumpChains(this.core, net));
    while (!this.closed) {
      const all = dumpChains(this.core, net);
      const chains = this.some(all, tried);
      if (chains.length === 0) break;
      const made = await this.module(chains, all);
      bytes += made.bytes;
      // What changed while V8 compiled is not the same chain any more.
      const now = new Map(dumpChains(this.core, net).map((chain) => [chain.op, chain]));
      for (const code of made.codes) {
        const chain = now.get(code.from.op);
        if (this.closed || chain === undefined || chain.compiled || !sameChain(code.from, chain)) continue;
        this.install(net, code);
        const { family, table, name } = code.from;
        compiled.push({ ...code.shape, family, table, name, mode: this.mode });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { compiled, bytes };
  }

  /** Code of chains that have changed, or gone: nobody calls it any more. */
  private letGo(net: number, chains: readonly JitChain[]): void {
    const now = new Map(chains.map((chain) => [chain.op, chain]));
    for (const [op, { net: of, from }] of [...this.installed]) {
      if (of !== net) continue;
      const chain = now.get(op);
      if (chain === undefined || !chain.compiled || !sameChain(chain, from)) this.uninstall(op, false);
    }
    for (const [op, { from }] of [...this.failed]) {
      const chain = now.get(op);
      if (chain !== undefined && !sameChain(chain, from)) this.failed.delete(op);
    }
  }

  /** Chains without code that fit a module together, one at least. */
  private some(chains: readonly JitChain[], tried: Set<number>): JitChain[] {
    const some: JitChain[] = [];
    let rules = 0;
    for (const chain of chains) {
      if (chain.compiled || chain.op === 0 || this.failed.has(chain.op)) continue;
      const alone = this.alone.delete(chain.op);
      if (alone) {
        if (some.length === 0) return [chain];
        this.alone.add(chain.op);
        break;
      }
      if (tried.has(chain.op)) continue;
      const n = this.rulesOf(chain);
      if (some.length > 0 && rules + n > MODULE_RULES) break;
      tried.add(chain.op);
      rules += n;
      some.push(chain);
    }
    return some;
  }

  private rulesOf({ blob }: JitChain): number {
    return readBlob(this.core.instance.view, blob).rules.length;
  }

  /** Emits and compiles. Of a module that V8 refuses each chain is tried alone. */
  private async module(
    chains: readonly JitChain[],
    all: readonly JitChain[],
  ): Promise<{ bytes: number; codes: Code[] }> {
    const { bytes, emitted } = this.emit(chains, all);
    if (emitted.length === 0) return { bytes: 0, codes: [] };
    const { memory, exports } = this.core.instance;
    try {
      const { instance } = await WebAssembly.instantiate(bytes, { core: { ...exports, memory } });
      const named = (name: string) => instance.exports[name] as () => number;
      const codes = emitted.map(({ from, name, hook, shape }) => ({
        from,
        shape,
        code: named(name),
        ...(hook === undefined ? {} : { hook: named(hook) }),
      }));
      return { bytes: bytes.length, codes };
    } catch (error) {
      if (emitted.length === 1) this.fail(emitted[0]!.from, error);
      else for (const { from } of emitted) this.alone.add(from.op);
      return { bytes: 0, codes: [] };
    }
  }

  private emit(
    chains: readonly JitChain[],
    all: readonly JitChain[],
  ): {
    bytes: Uint8Array<ArrayBuffer>;
    emitted: Emitted[];
  } {
    const { memory, view, scalar } = this.core.instance;
    const builder = new ModuleBuilder({ pages: memory.buffer.byteLength / PAGE_BYTES, shared: !scalar });
    const ops = new Map(all.map(({ chain, op }) => [chain, op]));
    const imports: CoreImports = {
      chainType: builder.type([I32], [I32]),
      codeOf: (chain) => {
        const op = ops.get(chain) ?? 0;
        return op === 0 ? undefined : OP_TABLE + 4 * op;
      },
      interpret: builder.import('nftInterpret', [I32, I32], [I32]),
      evaluate: builder.import('nftEvaluate', [I32, I32], [I32]),
      run: builder.import('nftRun', [I32, I32], [I32]),
      transport: builder.import('nftTransport', [I32], [I32]),
    };
    const emitted: Emitted[] = [];
    for (const from of chains) {
      const mark = builder.mark();
      try {
        const blob = readBlob(view, from.blob);
        const n = blob.rules.length;
        if (n > CHAIN_RULES_MAX)
          throw new Error(`it has ${n} rules, ${CHAIN_RULES_MAX} are the most that are compiled`);
        emitted.push({ from, ...emitChain(view, blob, builder, imports, this.mode, from.hookOp !== 0) });
      } catch (error) {
        builder.reset(mark);
        this.fail(from, error);
      }
    }
    return { bytes: builder.finish(), emitted };
  }

  private fail(from: JitChain, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.failed.set(from.op, { from, reason });
    this.onError(
      new Error(`chain ${from.table} ${from.name} stays interpreted: ${reason}`, { cause: error }),
    );
  }

  private install(net: number, { from, code, hook, shape }: Code): void {
    const places = [this.place(from.op, code)];
    if (hook !== undefined) places.push(this.place(from.hookOp, hook));
    this.installed.set(from.op, { net, from, places, shape });
  }

  private place(op: number, code: () => number): { op: number; place: number } {
    const { exports } = this.core.instance;
    const place = this.freePlaces.pop() ?? exports.table.grow(1);
    exports.table.set(place, code);
    exports.setOp(op, place);
    return { op, place };
  }

  /** `running`: the core may still call it. */
  private uninstall(chainOp: number, running: boolean): void {
    const { exports } = this.core.instance;
    for (const { op, place } of this.installed.get(chainOp)!.places) {
      if (running) exports.setOp(op, 0);
      exports.table.set(place, null);
      this.freePlaces.push(place);
    }
    this.installed.delete(chainOp);
  }
}

function emptyShape(rules: number): ChainShape {
  return { rules, functions: 0, bytes: 0, dispatched: 0, dispatches: 0, evaluated: 0 };
}
