/**
 * Registers: 64 bytes, given out in steps of 16, or as many pieces of 4 as a concatenation needs. The kernel names the same memory
 * twice; the name of 16 bytes is used where one begins.
 *
 *   offset   0        16       32       48
 *            1        2        3        4
 *            8 9 10 11 12 ...                 23
 */
import { paddedBits } from '../datatype/datatype.js';
import type { Node } from '../evaluate/node.js';
import { NetError } from '../../net_error.js';

const WHOLE = 4;
const PIECES = 16;

/** The kernel's number of the register at a piece. */
export function registerAt(piece: number): number {
  return piece % WHOLE === 0 ? 1 + piece / WHOLE : 8 + piece;
}

export const VERDICT_REGISTER = 0;

export class Registers {
  private used = 0;

  /** Where `node` may be put: a piece. */
  alloc(node?: Node): number {
    const at = this.used;
    const bits = node?.kind === 'concat' ? node.bits : 0;
    const pieces = Math.max(bits > 0 ? paddedBits(bits) / 32 : WHOLE, 1);
    this.used += pieces;
    if (this.used > PIECES) throw new NetError('ERANGE', 'a rule needs more registers than there are');
    return at;
  }

  /** All of them are free again. */
  reset(): void {
    this.used = 0;
  }

  release(to: number): void {
    this.used = to;
  }
}

/** How many pieces a value of so many bits takes in a concatenation. */
export const pieces = (bits: number): number => paddedBits(bits) / 32;
