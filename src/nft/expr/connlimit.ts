/** How many connections there are (`ct count`). Linux: net/netfilter/nft_connlimit.c */
import { NftaConnlimit } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

const NFT_CONNLIMIT_F_INV = 1;

export interface ConnlimitIr {
  readonly kind: 'connlimit';
  readonly count: number;
  readonly invert: boolean;
}

export const connlimit: ExprOps<ConnlimitIr> = {
  name: 'connlimit',
  text: ({ count, invert }) =>
    `connlimit count ${count} flags ${(invert ? NFT_CONNLIMIT_F_INV : 0).toString(16)}`,
  encode({ count, invert }, attrs) {
    attrs.u32(NftaConnlimit.COUNT, count).u32(NftaConnlimit.FLAGS, invert ? NFT_CONNLIMIT_F_INV : 0);
  },
  decode: (attrs) => ({
    kind: 'connlimit',
    count: attrs.u32(NftaConnlimit.COUNT) ?? 0,
    invert: ((attrs.u32(NftaConnlimit.FLAGS) ?? 0) & NFT_CONNLIMIT_F_INV) !== 0,
  }),
};
