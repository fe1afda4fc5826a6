/** A token bucket. Linux: net/netfilter/nft_limit.c */
import { NftaLimit } from '../../../assembly/abi/nf_tables.js';
import type { TimeUnit } from '../ast.js';
import { type ExprOps, hex } from './expr.js';

const NFT_LIMIT_F_INV = 1;

/** Seconds, as NFTA_LIMIT_UNIT has them. */
export const SECONDS: Readonly<Record<TimeUnit, bigint>> = {
  second: 1n,
  minute: 60n,
  hour: 3600n,
  day: 86400n,
  week: 604800n,
};

export interface LimitIr {
  readonly kind: 'limit';
  readonly rate: bigint;
  readonly unit: bigint;
  readonly burst: number;
  readonly type: 'packets' | 'bytes';
  readonly invert: boolean;
}

export const limit: ExprOps<LimitIr> = {
  name: 'limit',
  text({ rate, unit, burst, type, invert }) {
    const per = Object.entries(SECONDS).find(([, seconds]) => seconds === unit)?.[0] ?? 'error';
    return `limit rate ${rate}/${per} burst ${burst} type ${type} flags ${hex(invert ? NFT_LIMIT_F_INV : 0)}`;
  },
  encode({ rate, unit, burst, type, invert }, attrs) {
    attrs.u64(NftaLimit.RATE, rate).u64(NftaLimit.UNIT, unit);
    if (burst !== 0) attrs.u32(NftaLimit.BURST, burst);
    attrs.u32(NftaLimit.TYPE, type === 'packets' ? 0 : 1);
    attrs.u32(NftaLimit.FLAGS, invert ? NFT_LIMIT_F_INV : 0);
  },
  decode: (attrs) => ({
    kind: 'limit',
    rate: attrs.u64(NftaLimit.RATE) ?? 0n,
    unit: attrs.u64(NftaLimit.UNIT) ?? 0n,
    burst: attrs.u32(NftaLimit.BURST) ?? 0,
    type: attrs.u32(NftaLimit.TYPE) === 1 ? 'bytes' : 'packets',
    invert: ((attrs.u32(NftaLimit.FLAGS) ?? 0) & NFT_LIMIT_F_INV) !== 0,
  }),
};
