/**
 * What a register holds while a rule is read: where the value came from, and what was done to it. Headers stay places until a
 * statement uses them, because which protocol they are of only earlier statements say.
 */
import type { Expression } from '../ast.js';
import type { ByteOrder, Datatype } from '../datatype/datatype.js';
import type { ExthdrRead } from './exthdr.js';

/** An expression of the tree, and how the bytes it loads are to be understood. */
export interface Resolved {
  readonly expr: Expression;
  readonly type: Datatype;
  readonly bits: number;
  readonly order: ByteOrder;
  /** The lowest bit of the value within what is loaded. */
  readonly low?: number;
}

export type Operand =
  | ({ readonly kind: 'leaf'; readonly meta?: string } & Resolved)
  | PayloadOperand
  | { readonly kind: 'exthdr'; readonly read: ExthdrRead }
  | { readonly kind: 'value'; readonly data: Uint8Array }
  | MaskOperand
  | { readonly kind: 'shift'; readonly op: '<<' | '>>'; readonly left: Operand; readonly by: number }
  | { readonly kind: 'swap'; readonly left: Operand }
  | { readonly kind: 'concat'; readonly items: readonly Operand[] }
  | { readonly kind: 'map'; readonly key: Operand; readonly set: string; readonly bytes: number }
  | {
      readonly kind: 'jhash';
      readonly arg: Operand;
      readonly make: (arg: Expression) => Expression;
    };

export interface PayloadOperand {
  readonly kind: 'payload';
  readonly base: number;
  /** In bits. */
  readonly offset: number;
  readonly bits: number;
}

export interface MaskOperand {
  readonly kind: 'mask';
  readonly left: Operand;
  readonly mask: Uint8Array;
  readonly xor: Uint8Array;
}

/** Bytes in a register. */
export function bytesOfOperand(operand: Operand): number {
  switch (operand.kind) {
    case 'leaf':
    case 'payload':
      return Math.ceil(operand.bits / 8);
    case 'exthdr':
      return operand.read.len;
    case 'value':
      return operand.data.length;
    case 'mask':
    case 'shift':
    case 'swap':
      return bytesOfOperand(operand.left);
    case 'concat':
      return operand.items.reduce((sum, item) => sum + Math.ceil(bytesOfOperand(item) / 4) * 4, 0);
    case 'map':
      return operand.bytes;
    case 'jhash':
      return 4;
  }
}
