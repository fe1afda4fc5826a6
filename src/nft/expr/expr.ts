/**
 * What every expression of the IR has: a name on the wire, its line of `--debug=netlink`, and its attributes both ways. The IR is
 * what libnftnl holds: a rule is a list of expressions that load registers, work on them and compare them.
 *
 *   reg 0 verdict │ 1 2 3 4: 16 bytes each │ 8..23: the same memory in pieces of 4
 */
import type { NlAttrs, NlAttrWriter } from '../../netlink/nlattr.js';

export interface ExprOps<T> {
  /** NFTA_EXPR_NAME. */
  readonly name: string;
  /** What stands between the brackets of the debug text, without a blank at either end. */
  text(expr: T): string;
  encode(expr: T, attrs: NlAttrWriter): void;
  decode(attrs: NlAttrs): T;
}

/** Bytes of a register as the debug text has them: words of 32 bits as this little-endian machine reads them. */
export function words(data: Uint8Array): string {
  return hexWords(data)
    .map((word) => `0x${word}`)
    .join(' ');
}

/** The same without `0x`, for elements of sets. */
export function hexWords(data: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < data.length; at += 4) {
    let word = 0;
    for (let byte = 3; byte >= 0; byte--) word = word * 256 + (data[at + byte] ?? 0);
    found.push(word.toString(16).padStart(8, '0'));
  }
  return found;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;
