/** NFT_JIT_DUMP: the chains of a namespace as the core tells of them (abi/nft_jit). */
import { NftJitRec } from '../../../assembly/abi/nft_jit.js';
import { MsgType } from '../../../assembly/abi/request.js';
import type { LocalCore } from '../core.js';

export interface JitChain {
  /** Id of its code among the core's ops; 0: there are no more. */
  readonly op: number;
  /** Id of the code that its hook asks first; 0: it has none. */
  readonly hookOp: number;
  /** Its address, and that of what packets run, and the generation of the ruleset that made it. */
  readonly chain: number;
  readonly blob: number;
  readonly version: number;
  /** Code is installed. */
  readonly compiled: boolean;
  readonly family: number;
  readonly table: string;
  readonly name: string;
}

/** The chains of the namespace, table by table. What their addresses point to stays until the next request. */
export function dumpChains(core: LocalCore, net: number): JitChain[] {
  const chains: JitChain[] = [];
  const { u8 } = core.instance;
  const text = (view: DataView, at: number) =>
    new TextDecoder().decode(u8.slice(at + 2, at + 2 + view.getUint16(at, true)));
  const read = (view: DataView, at: number) => {
    const u32 = (field: NftJitRec) => view.getUint32(at + field, true);
    chains.push({
      op: u32(NftJitRec.OP),
      hookOp: u32(NftJitRec.HOOK_OP),
      chain: u32(NftJitRec.CHAIN),
      blob: u32(NftJitRec.BLOB),
      version: u32(NftJitRec.VERSION),
      compiled: u32(NftJitRec.COMPILED) !== 0,
      family: u32(NftJitRec.FAMILY),
      table: text(core.instance.view, u32(NftJitRec.TABLE_NAME)),
      name: text(core.instance.view, u32(NftJitRec.NAME)),
    });
  };
  core.dumpNow(MsgType.NFT_JIT_DUMP, net, NftJitRec.SIZE, read, 'chains for generated code');
  return chains;
}

/** Is it still the chain, with the rules, that it was. */
export function sameChain(a: JitChain, b: JitChain): boolean {
  return a.op === b.op && a.blob === b.blob && a.version === b.version;
}
