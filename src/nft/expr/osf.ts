/** A guess at the sender's operating system. Linux: net/netfilter/nft_osf.c */
import { NftaOsf } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface OsfIr {
  readonly kind: 'osf';
  /** 0 exact, 1 loose, 2 skip. */
  readonly ttl: number;
  /** NFT_OSF_F_VERSION. */
  readonly version: boolean;
  readonly dreg: number;
}

export const osf: ExprOps<OsfIr> = {
  name: 'osf',
  text: ({ dreg }) => `osf dreg ${dreg}`,
  encode({ dreg, ttl, version }, attrs) {
    attrs.u32(NftaOsf.DREG, dreg).u8(NftaOsf.TTL, ttl);
    if (version) attrs.u32(NftaOsf.FLAGS, 1);
  },
  decode: (attrs) => ({
    kind: 'osf',
    ttl: attrs.u8(NftaOsf.TTL) ?? 0,
    version: attrs.u32(NftaOsf.FLAGS) === 1,
    dreg: attrs.u32(NftaOsf.DREG) ?? 0,
  }),
};
