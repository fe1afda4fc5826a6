/** Swaps bytes where host and network order differ. Linux: net/netfilter/nft_byteorder.c */
import { NftaByteorder } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface ByteorderExpr {
  readonly kind: 'byteorder';
  readonly sreg: number;
  readonly dreg: number;
  readonly op: 'ntoh' | 'hton';
  readonly len: number;
  readonly size: number;
}

export const byteorder: ExprOps<ByteorderExpr> = {
  name: 'byteorder',
  text: ({ sreg, dreg, op, len, size }) => `byteorder reg ${dreg} = ${op}(reg ${sreg}, ${size}, ${len})`,
  encode({ sreg, dreg, op, len, size }, attrs) {
    attrs.u32(NftaByteorder.SREG, sreg).u32(NftaByteorder.DREG, dreg);
    attrs.u32(NftaByteorder.OP, op === 'ntoh' ? 0 : 1);
    attrs.u32(NftaByteorder.LEN, len).u32(NftaByteorder.SIZE, size);
  },
  decode: (attrs) => ({
    kind: 'byteorder',
    sreg: attrs.u32(NftaByteorder.SREG) ?? 0,
    dreg: attrs.u32(NftaByteorder.DREG) ?? 0,
    op: attrs.u32(NftaByteorder.OP) === 1 ? 'hton' : 'ntoh',
    len: attrs.u32(NftaByteorder.LEN) ?? 0,
    size: attrs.u32(NftaByteorder.SIZE) ?? 0,
  }),
};
