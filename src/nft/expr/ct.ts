/** Data of the packet's connection, read or set. Linux: net/netfilter/nft_ct.c */
import { NftaCt, NftCt } from '../../../assembly/abi/nf_tables.js';
import { CT_KEYS } from '../proto/keys.js';
import type { ExprOps } from './expr.js';

type Dir = 'original' | 'reply';

export interface CtLoad {
  readonly kind: 'ct';
  readonly key: number;
  readonly dir?: Dir;
  readonly dreg: number;
}

export interface CtSet {
  readonly kind: 'ct';
  readonly key: number;
  readonly dir?: Dir;
  readonly sreg: number;
}

export type CtIr = CtLoad | CtSet;

/** libnftnl of nft 1.0.6 has no name for `ct id`. */
const NAMES = new Map(
  Object.values(CT_KEYS)
    .filter((key) => key.number !== NftCt.ID)
    .map((key) => [key.number, key.text]),
);

export const ct: ExprOps<CtIr> = {
  name: 'ct',
  text(expr) {
    const key = NAMES.get(expr.key) ?? 'unknown';
    const dir = expr.dir === undefined ? '' : ` , dir ${expr.dir}`;
    return 'dreg' in expr
      ? `ct load ${key} => reg ${expr.dreg}${dir}`
      : `ct set ${key} with reg ${expr.sreg}${dir}`;
  },
  encode(expr, attrs) {
    attrs.u32(NftaCt.KEY, expr.key);
    if ('dreg' in expr) attrs.u32(NftaCt.DREG, expr.dreg);
    if (expr.dir !== undefined) attrs.u8(NftaCt.DIRECTION, expr.dir === 'original' ? 0 : 1);
    if ('sreg' in expr) attrs.u32(NftaCt.SREG, expr.sreg);
  },
  decode(attrs) {
    const direction = attrs.u8(NftaCt.DIRECTION);
    const common = {
      kind: 'ct' as const,
      key: attrs.u32(NftaCt.KEY) ?? 0,
      ...(direction !== undefined && { dir: direction === 0 ? ('original' as const) : ('reply' as const) }),
    };
    const sreg = attrs.u32(NftaCt.SREG);
    return sreg !== undefined ? { ...common, sreg } : { ...common, dreg: attrs.u32(NftaCt.DREG) ?? 0 };
  },
};
