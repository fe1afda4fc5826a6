/** A hash of registers (jhash) or of the packet's flow (symhash). Linux: net/netfilter/nft_hash.c */
import { NftaHash } from '../../../assembly/abi/nf_tables.js';
import { type ExprOps, hex } from './expr.js';

interface Common {
  readonly kind: 'hash';
  readonly modulus: number;
  readonly offset: number;
  readonly dreg: number;
}

export interface Jhash extends Common {
  readonly type: 'jhash';
  readonly sreg: number;
  readonly len: number;
  /** Left out: the kernel takes a random one. */
  readonly seed?: number;
}

export interface Symhash extends Common {
  readonly type: 'symhash';
}

export type HashIr = Jhash | Symhash;

export const hash: ExprOps<HashIr> = {
  name: 'hash',
  text(expr) {
    const input =
      expr.type === 'jhash' ? `jhash(reg ${expr.sreg}, ${expr.len}, ${hex(expr.seed ?? 0)})` : 'symhash()';
    return `hash reg ${expr.dreg} = ${input} % mod ${expr.modulus}${expr.offset === 0 ? '' : ` offset ${expr.offset}`}`;
  },
  encode(expr, attrs) {
    if (expr.type === 'jhash') attrs.u32(NftaHash.SREG, expr.sreg);
    attrs.u32(NftaHash.DREG, expr.dreg);
    if (expr.type === 'jhash') attrs.u32(NftaHash.LEN, expr.len);
    attrs.u32(NftaHash.MODULUS, expr.modulus);
    if (expr.type === 'jhash' && expr.seed !== undefined) attrs.u32(NftaHash.SEED, expr.seed);
    attrs.u32(NftaHash.OFFSET, expr.offset);
    attrs.u32(NftaHash.TYPE, expr.type === 'jhash' ? 0 : 1);
  },
  decode(attrs) {
    const common = {
      kind: 'hash' as const,
      modulus: attrs.u32(NftaHash.MODULUS) ?? 0,
      offset: attrs.u32(NftaHash.OFFSET) ?? 0,
      dreg: attrs.u32(NftaHash.DREG) ?? 0,
    };
    if (attrs.u32(NftaHash.TYPE) === 1) return { ...common, type: 'symhash' };
    const seed = attrs.u32(NftaHash.SEED);
    return {
      ...common,
      type: 'jhash',
      sreg: attrs.u32(NftaHash.SREG) ?? 0,
      len: attrs.u32(NftaHash.LEN) ?? 0,
      ...(seed !== undefined && { seed }),
    };
  },
};
