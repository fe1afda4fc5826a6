/** Registers while a rule is read: what was loaded where. A concatenation lies in pieces of 4 bytes behind one another. */
import { bytesOfOperand, type Operand } from './operand.js';

const PIECES = 16;

/** The piece a register begins at: linearize/registers.ts has the picture. */
export const pieceOf = (register: number): number => (register < 8 ? (register - 1) * 4 : register - 8);

export class RegisterFile {
  private readonly pieces = new Array<Operand | undefined>(PIECES).fill(undefined);

  set(register: number, operand: Operand): void {
    const piece = pieceOf(register);
    this.pieces.fill(undefined, piece, piece + Math.ceil(bytesOfOperand(operand) / 4));
    this.pieces[piece] = operand;
  }

  get(register: number): Operand | undefined {
    return this.pieces[pieceOf(register)];
  }

  /** As many bytes as a key of a set has: one operand, or those that lie behind one another. */
  key(register: number, bytes: number): Operand | undefined {
    const first = this.get(register);
    if (first === undefined || first.kind === 'concat') return first;
    const items: Operand[] = [];
    let at = pieceOf(register);
    for (let left = bytes; left > 0; ) {
      const item = this.pieces[at];
      if (item === undefined) break;
      items.push(item);
      const taken = Math.max(Math.ceil(bytesOfOperand(item) / 4), 1);
      at += taken;
      left -= taken * 4;
    }
    return items.length > 1 ? { kind: 'concat', items } : first;
  }
}
