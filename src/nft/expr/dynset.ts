/** Registers into a set, from the packet path. Linux: net/netfilter/nft_dynset.c */
import { NFTA_LIST_ELEM, NftaDynset } from '../../../assembly/abi/nf_tables.js';
import type { NlAttrs, NlAttrWriter } from '../../netlink/nlattr.js';
import type { ExprOps } from './expr.js';
import type { IrExpr } from './registry.js';

const NFT_DYNSET_F_EXPR = 2;
const OPS = ['add', 'update', 'delete'] as const;

export interface DynsetIr {
  readonly kind: 'dynset';
  readonly op: (typeof OPS)[number];
  readonly sregKey: number;
  readonly set: string;
  readonly setId: number;
  readonly sregData?: number;
  readonly timeoutMs: bigint;
  /** Of the element made. */
  readonly exprs: readonly IrExpr[];
}

/** How the expressions within are worked: the registry gives it, which knows them all. */
interface Within {
  text(expr: IrExpr): string;
  write(attrs: NlAttrWriter, expr: IrExpr): void;
  read(attrs: NlAttrs | Uint8Array): IrExpr;
}

export const dynsetOps = (within: Within): ExprOps<DynsetIr> => ({
  name: 'dynset',
  text({ op, sregKey, set, sregData, timeoutMs, exprs }) {
    const data = sregData === undefined ? '' : ` sreg_data ${sregData}`;
    const timeout = timeoutMs === 0n ? '' : ` timeout ${timeoutMs}ms`;
    const state = exprs.map((expr) => ` expr [ ${within.text(expr)} ]`).join('');
    return `dynset ${op} reg_key ${sregKey} set ${set}${data}${timeout}${state}`;
  },
  encode({ op, sregKey, set, setId, sregData, timeoutMs, exprs }, attrs) {
    attrs.u32(NftaDynset.SREG_KEY, sregKey);
    if (sregData !== undefined) attrs.u32(NftaDynset.SREG_DATA, sregData);
    attrs.u32(NftaDynset.OP, OPS.indexOf(op));
    if (timeoutMs !== 0n) attrs.u64(NftaDynset.TIMEOUT, timeoutMs);
    attrs.text(NftaDynset.SET_NAME, set).u32(NftaDynset.SET_ID, setId);
    if (exprs.length === 1) attrs.nest(NftaDynset.EXPR, (nest) => within.write(nest, exprs[0]!));
    if (exprs.length > 1)
      attrs.nest(NftaDynset.EXPRESSIONS, (list) => {
        for (const expr of exprs) list.nest(NFTA_LIST_ELEM, (nest) => within.write(nest, expr));
      });
    if (exprs.length > 1) attrs.u32(NftaDynset.FLAGS, NFT_DYNSET_F_EXPR);
  },
  decode(attrs) {
    const sregData = attrs.u32(NftaDynset.SREG_DATA);
    const one = attrs.nested(NftaDynset.EXPR);
    const many = attrs.nested(NftaDynset.EXPRESSIONS);
    return {
      kind: 'dynset',
      op: OPS[attrs.u32(NftaDynset.OP) ?? 0]!,
      sregKey: attrs.u32(NftaDynset.SREG_KEY) ?? 0,
      set: attrs.text(NftaDynset.SET_NAME) ?? '',
      setId: attrs.u32(NftaDynset.SET_ID) ?? 0,
      ...(sregData !== undefined && { sregData }),
      timeoutMs: attrs.u64(NftaDynset.TIMEOUT) ?? 0n,
      exprs:
        one !== undefined
          ? [within.read(one)]
          : (many?.all(NFTA_LIST_ELEM) ?? []).map((each) => within.read(each)),
    };
  },
});
