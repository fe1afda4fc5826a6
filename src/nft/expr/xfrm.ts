/** Data of the IPsec transformations of the packet (`ipsec in reqid`). Linux: net/netfilter/nft_xfrm.c */
import { IPSEC_KEYS } from '../proto/keys.js';
import type { ExprOps } from './expr.js';

export interface XfrmIr {
  readonly kind: 'xfrm';
  readonly dir: 'in' | 'out';
  readonly spnum: number;
  readonly key: number;
  readonly dreg: number;
}

const NFTA_XFRM_DREG = 1;
const NFTA_XFRM_KEY = 2;
const NFTA_XFRM_DIR = 3;
const NFTA_XFRM_SPNUM = 4;

const NAMES = new Map(Object.values(IPSEC_KEYS).map((key) => [key.number, key.text]));

export const xfrm: ExprOps<XfrmIr> = {
  name: 'xfrm',
  text: ({ dir, spnum, key, dreg }) =>
    `xfrm load ${dir} ${spnum} ${NAMES.get(key) ?? 'unknown'} => reg ${dreg}`,
  encode({ dir, spnum, key, dreg }, attrs) {
    attrs.u32(NFTA_XFRM_KEY, key).u8(NFTA_XFRM_DIR, dir === 'in' ? 0 : 1);
    attrs.u32(NFTA_XFRM_SPNUM, spnum).u32(NFTA_XFRM_DREG, dreg);
  },
  decode: (attrs) => ({
    kind: 'xfrm',
    dir: attrs.u8(NFTA_XFRM_DIR) === 1 ? 'out' : 'in',
    spnum: attrs.u32(NFTA_XFRM_SPNUM) ?? 0,
    key: attrs.u32(NFTA_XFRM_KEY) ?? 0,
    dreg: attrs.u32(NFTA_XFRM_DREG) ?? 0,
  }),
};
