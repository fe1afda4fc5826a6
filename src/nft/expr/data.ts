/** NFTA_DATA: a value, or a verdict with its chain. */
import {
  NftaData,
  NftaVerdict,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
} from '../../../assembly/abi/nf_tables.js';
import type { NlAttrs, NlAttrWriter } from '../../netlink/nlattr.js';
import type { Verdict } from '../ast.js';

export type VerdictName = Verdict['verdict'];

export interface VerdictData {
  readonly verdict: VerdictName;
  readonly chain?: string;
  /** NFTA_VERDICT_CHAIN_ID: a chain without a name, of the same batch. */
  readonly chainId?: number;
}

const CODE: Readonly<Record<VerdictName, number>> = {
  drop: 0,
  accept: 1,
  continue: NFT_CONTINUE,
  return: NFT_RETURN,
  jump: NFT_JUMP,
  goto: NFT_GOTO,
};

export function verdictText(data: VerdictData): string {
  return data.chain === undefined ? data.verdict : `${data.verdict} -> ${data.chain}`;
}

export function writeValue(attrs: NlAttrWriter, type: number, value: Uint8Array): void {
  attrs.nest(type, (data) => data.put(NftaData.VALUE, value));
}

export function readValue(attrs: NlAttrs, type: number): Uint8Array {
  return attrs.nested(type)?.bytes(NftaData.VALUE) ?? new Uint8Array(0);
}

export function writeVerdict(attrs: NlAttrWriter, type: number, value: VerdictData): void {
  attrs.nest(type, (data) => {
    data.nest(NftaData.VERDICT, (verdict) => {
      verdict.u32(NftaVerdict.CODE, CODE[value.verdict]);
      if (value.chain !== undefined) verdict.text(NftaVerdict.CHAIN, value.chain);
      if (value.chainId !== undefined) verdict.u32(NftaVerdict.CHAIN_ID, value.chainId);
    });
  });
}

export function readVerdict(attrs: NlAttrs, type: number): VerdictData | undefined {
  const nest = attrs.nested(type)?.nested(NftaData.VERDICT);
  if (nest === undefined) return undefined;
  const code = nest.i32(NftaVerdict.CODE) ?? 0;
  const name = (Object.keys(CODE) as VerdictName[]).find((each) => CODE[each] === code) ?? 'drop';
  const chain = nest.text(NftaVerdict.CHAIN);
  const chainId = nest.u32(NftaVerdict.CHAIN_ID);
  return { verdict: name, ...(chain !== undefined && { chain }), ...(chainId !== undefined && { chainId }) };
}
