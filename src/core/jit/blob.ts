/**
 * A chain's blob, as the core's interpreter runs it (abi/nft_bytecode): its rules and their instructions, read from
 * linear memory. Addresses stay addresses: generated code counts in the records that the interpreter counts in.
 *
 *   RULE next rule │ instruction │ instruction … │ RULE next rule │ … │ END
 */
import { Nb, NftBlobRule, NftExprKind } from '../../../assembly/abi/nft_bytecode.js';

export interface Instruction {
  readonly kind: NftExprKind;
  /** Its second byte: what it means depends on the kind. */
  readonly aux: number;
  /** Address, and bytes. */
  readonly at: number;
  readonly size: number;
}

export interface BlobRule {
  /** Address of its RULE instruction: where the interpreter can go on. */
  readonly at: number;
  readonly instructions: readonly Instruction[];
}

/** Rules of the blob at `at`, in order; `end` is the address of its END. */
export function readBlob(view: DataView, at: number): { rules: BlobRule[]; end: number } {
  const rules: BlobRule[] = [];
  let rule = at;
  while (view.getUint8(rule) === NftExprKind.RULE) {
    const next = view.getUint32(rule + NftBlobRule.NEXT, true);
    const instructions: Instruction[] = [];
    let p = rule + view.getUint16(rule + Nb.SIZE, true);
    while (p < next) {
      const size = view.getUint16(p + Nb.SIZE, true);
      if (size === 0) throw new Error(`no instruction at ${p}`);
      instructions.push({ kind: view.getUint8(p), aux: view.getUint8(p + Nb.AUX), at: p, size });
      p += size;
    }
    rules.push({ at: rule, instructions });
    if (next <= rule) throw new Error(`no rule at ${rule}`);
    rule = next;
  }
  return { rules, end: rule };
}
