/** A register in a set; of a map, what it holds for it. Linux: net/netfilter/nft_lookup.c */
import { NftaLookup } from '../../../assembly/abi/nf_tables.js';
import { type ExprOps, hex } from './expr.js';

const NFT_LOOKUP_F_INV = 1;

export interface LookupIr {
  readonly kind: 'lookup';
  readonly sreg: number;
  readonly set: string;
  /** NFTA_SET_ID of a set of the same batch. */
  readonly setId: number;
  /** Of a map; 0 is the verdict. */
  readonly dreg?: number;
  readonly invert: boolean;
}

export const lookup: ExprOps<LookupIr> = {
  name: 'lookup',
  text: ({ sreg, set, dreg, invert }) =>
    `lookup reg ${sreg} set ${set}${dreg === undefined ? '' : ` dreg ${dreg}`}${invert ? ` ${hex(NFT_LOOKUP_F_INV)}` : ''}`,
  encode({ sreg, set, setId, dreg, invert }, attrs) {
    attrs.u32(NftaLookup.SREG, sreg);
    if (dreg !== undefined) attrs.u32(NftaLookup.DREG, dreg);
    attrs.text(NftaLookup.SET, set).u32(NftaLookup.SET_ID, setId);
    if (invert) attrs.u32(NftaLookup.FLAGS, NFT_LOOKUP_F_INV);
  },
  decode(attrs) {
    const dreg = attrs.u32(NftaLookup.DREG);
    return {
      kind: 'lookup',
      sreg: attrs.u32(NftaLookup.SREG) ?? 0,
      set: attrs.text(NftaLookup.SET) ?? '',
      setId: attrs.u32(NftaLookup.SET_ID) ?? 0,
      ...(dreg !== undefined && { dreg }),
      invert: ((attrs.u32(NftaLookup.FLAGS) ?? 0) & NFT_LOOKUP_F_INV) !== 0,
    };
  },
};
