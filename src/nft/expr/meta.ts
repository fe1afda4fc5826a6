/** Data of the packet that is in no header, read or set. Linux: net/netfilter/nft_meta.c */
import { NftaMeta } from '../../../assembly/abi/nf_tables.js';
import { META_KEYS } from '../proto/keys.js';
import type { ExprOps } from './expr.js';

export interface MetaLoad {
  readonly kind: 'meta';
  readonly key: number;
  readonly dreg: number;
}

export interface MetaSet {
  readonly kind: 'meta';
  readonly key: number;
  readonly sreg: number;
}

export type MetaIr = MetaLoad | MetaSet;

const NAMES = new Map(Object.values(META_KEYS).map((key) => [key.number, key.text]));

export const meta: ExprOps<MetaIr> = {
  name: 'meta',
  text(expr) {
    const key = NAMES.get(expr.key) ?? 'unknown';
    return 'dreg' in expr ? `meta load ${key} => reg ${expr.dreg}` : `meta set ${key} with reg ${expr.sreg}`;
  },
  encode(expr, attrs) {
    attrs.u32(NftaMeta.KEY, expr.key);
    if ('dreg' in expr) attrs.u32(NftaMeta.DREG, expr.dreg);
    else attrs.u32(NftaMeta.SREG, expr.sreg);
  },
  decode(attrs) {
    const key = attrs.u32(NftaMeta.KEY) ?? 0;
    const sreg = attrs.u32(NftaMeta.SREG);
    if (sreg !== undefined) return { kind: 'meta', key, sreg };
    return { kind: 'meta', key, dreg: attrs.u32(NftaMeta.DREG) ?? 0 };
  },
};
