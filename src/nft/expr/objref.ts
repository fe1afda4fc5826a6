/** A named object, or the one that a map holds for a register. Linux: net/netfilter/nft_objref.c */
import { NftaObjref } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface ObjrefImm {
  readonly kind: 'objref';
  /** NFT_OBJECT_*. */
  readonly type: number;
  readonly name: string;
}

export interface ObjrefMap {
  readonly kind: 'objref';
  readonly sreg: number;
  readonly set: string;
  readonly setId: number;
}

export type ObjrefIr = ObjrefImm | ObjrefMap;

export const objref: ExprOps<ObjrefIr> = {
  name: 'objref',
  text: (expr) =>
    'sreg' in expr
      ? `objref sreg ${expr.sreg} set ${expr.set}`
      : `objref type ${expr.type} name ${expr.name}`,
  encode(expr, attrs) {
    if ('sreg' in expr)
      attrs
        .u32(NftaObjref.SET_SREG, expr.sreg)
        .put(NftaObjref.SET_NAME, new TextEncoder().encode(expr.set))
        .u32(NftaObjref.SET_ID, expr.setId);
    else
      attrs.u32(NftaObjref.IMM_TYPE, expr.type).put(NftaObjref.IMM_NAME, new TextEncoder().encode(expr.name));
  },
  decode(attrs) {
    const set = attrs.text(NftaObjref.SET_NAME);
    if (set === undefined)
      return {
        kind: 'objref',
        type: attrs.u32(NftaObjref.IMM_TYPE) ?? 0,
        name: attrs.text(NftaObjref.IMM_NAME) ?? '',
      };
    return {
      kind: 'objref',
      sreg: attrs.u32(NftaObjref.SET_SREG) ?? 0,
      set,
      setId: attrs.u32(NftaObjref.SET_ID) ?? 0,
    };
  },
};
