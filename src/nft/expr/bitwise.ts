/** dreg = (sreg & mask) ^ xor, or a shift. Linux: net/netfilter/nft_bitwise.c */
import { NftaBitwise } from '../../../assembly/abi/nf_tables.js';
import { readValue, writeValue } from './data.js';
import { type ExprOps, words } from './expr.js';

interface Common {
  readonly kind: 'bitwise';
  readonly sreg: number;
  readonly dreg: number;
  readonly len: number;
}

export interface BitwiseBool extends Common {
  readonly op: 'bool';
  /** Of a prefix or of flags. */
  readonly implied?: true;
  readonly mask: Uint8Array;
  readonly xor: Uint8Array;
}

export interface BitwiseShift extends Common {
  readonly op: 'lshift' | 'rshift';
  /** By how many bits: 4 bytes in host order. */
  readonly data: Uint8Array;
}

export type BitwiseExpr = BitwiseBool | BitwiseShift;

const OPS = ['bool', 'lshift', 'rshift'] as const;

export const bitwise: ExprOps<BitwiseExpr> = {
  name: 'bitwise',
  text(expr) {
    if (expr.op === 'bool')
      return `bitwise reg ${expr.dreg} = ( reg ${expr.sreg} & ${words(expr.mask)} ) ^ ${words(expr.xor)}`;
    return `bitwise reg ${expr.dreg} = ( reg ${expr.sreg} ${expr.op === 'lshift' ? '<<' : '>>'} ${words(expr.data)} )`;
  },
  encode(expr, attrs) {
    attrs.u32(NftaBitwise.SREG, expr.sreg).u32(NftaBitwise.DREG, expr.dreg);
    // nft sends it for what the rule says, not for the masks of prefixes and flags.
    if (expr.op !== 'bool' || expr.implied !== true) attrs.u32(NftaBitwise.OP, OPS.indexOf(expr.op));
    attrs.u32(NftaBitwise.LEN, expr.len);
    if (expr.op === 'bool') {
      writeValue(attrs, NftaBitwise.MASK, expr.mask);
      writeValue(attrs, NftaBitwise.XOR, expr.xor);
    } else {
      writeValue(attrs, NftaBitwise.DATA, expr.data);
    }
  },
  decode(attrs) {
    const common = {
      kind: 'bitwise' as const,
      sreg: attrs.u32(NftaBitwise.SREG) ?? 0,
      dreg: attrs.u32(NftaBitwise.DREG) ?? 0,
      len: attrs.u32(NftaBitwise.LEN) ?? 0,
    };
    const op = OPS[attrs.u32(NftaBitwise.OP) ?? 0] ?? 'bool';
    if (op !== 'bool') return { ...common, op, data: readValue(attrs, NftaBitwise.DATA) };
    return {
      ...common,
      op,
      mask: readValue(attrs, NftaBitwise.MASK),
      xor: readValue(attrs, NftaBitwise.XOR),
    };
  },
};
