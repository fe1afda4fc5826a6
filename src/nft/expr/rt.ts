/** Data of the packet's route. Linux: net/netfilter/nft_rt.c */
import { NftaRt } from '../../../assembly/abi/nf_tables.js';
import { RT_KEYS } from '../proto/keys.js';
import type { ExprOps } from './expr.js';

export interface RtIr {
  readonly kind: 'rt';
  readonly key: number;
  readonly dreg: number;
}

const NAMES = new Map(Object.values(RT_KEYS).map((key) => [key.number, key.text]));

export const rt: ExprOps<RtIr> = {
  name: 'rt',
  text: ({ key, dreg }) => `rt load ${NAMES.get(key) ?? 'unknown'} => reg ${dreg}`,
  encode({ key, dreg }, attrs) {
    attrs.u32(NftaRt.KEY, key).u32(NftaRt.DREG, dreg);
  },
  decode: (attrs) => ({ kind: 'rt', key: attrs.u32(NftaRt.KEY) ?? 0, dreg: attrs.u32(NftaRt.DREG) ?? 0 }),
};
