/** A number that counts up or is random. Linux: net/netfilter/nft_numgen.c */
import { NftaNg } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface NumgenIr {
  readonly kind: 'numgen';
  readonly mode: 'inc' | 'random';
  readonly modulus: number;
  readonly offset: number;
  readonly dreg: number;
}

export const numgen: ExprOps<NumgenIr> = {
  name: 'numgen',
  text: ({ mode, modulus, offset, dreg }) =>
    `numgen reg ${dreg} = ${mode} mod ${modulus}${offset === 0 ? '' : ` offset ${offset}`}`,
  encode({ mode, modulus, offset, dreg }, attrs) {
    attrs.u32(NftaNg.DREG, dreg).u32(NftaNg.MODULUS, modulus);
    attrs.u32(NftaNg.TYPE, mode === 'inc' ? 0 : 1);
    attrs.u32(NftaNg.OFFSET, offset);
  },
  decode: (attrs) => ({
    kind: 'numgen',
    mode: attrs.u32(NftaNg.TYPE) === 1 ? 'random' : 'inc',
    modulus: attrs.u32(NftaNg.MODULUS) ?? 0,
    offset: attrs.u32(NftaNg.OFFSET) ?? 0,
    dreg: attrs.u32(NftaNg.DREG) ?? 0,
  }),
};
