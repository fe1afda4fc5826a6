/** So many bytes and no more. Linux: net/netfilter/nft_quota.c */
import { NftaQuota } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

const NFT_QUOTA_F_INV = 1;

export interface QuotaIr {
  readonly kind: 'quota';
  readonly bytes: bigint;
  readonly consumed: bigint;
  readonly invert: boolean;
}

export const quota: ExprOps<QuotaIr> = {
  name: 'quota',
  text: ({ bytes, consumed, invert }) =>
    `quota bytes ${bytes} consumed ${consumed} flags ${invert ? NFT_QUOTA_F_INV : 0}`,
  encode({ bytes, consumed, invert }, attrs) {
    attrs.u64(NftaQuota.BYTES, bytes);
    attrs.u64(NftaQuota.CONSUMED, consumed).u32(NftaQuota.FLAGS, invert ? NFT_QUOTA_F_INV : 0);
  },
  decode: (attrs) => ({
    kind: 'quota',
    bytes: attrs.u64(NftaQuota.BYTES) ?? 0n,
    consumed: attrs.u64(NftaQuota.CONSUMED) ?? 0n,
    invert: ((attrs.u32(NftaQuota.FLAGS) ?? 0) & NFT_QUOTA_F_INV) !== 0,
  }),
};
