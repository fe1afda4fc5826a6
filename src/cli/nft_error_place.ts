/**
 * Where in the text a router's error lies: it names the attribute of the message that is wrong, whose value (a name, a
 * handle, an element's key) stands somewhere in the command. As nft does, which keeps the place of every attribute.
 */
import { NlMsgHdr, NfGenMsg, NLA_TYPE_MASK } from '../../assembly/abi/nfnl.js';
import { NftaSetElemList } from '../../assembly/abi/nf_tables.js';
import type { Loc } from '../nft/ast.js';
import type { EncodedMessage } from '../nft/encode/message.js';
import { wordIn } from '../nft/source.js';

const FIRST_ATTR = NlMsgHdr.SIZE + NfGenMsg.SIZE;
const NAME = /^[\w./\\-]+$/;
/** NFTA_*_TABLE, or the table's own name: the first of all attributes. */
const TABLE = 1;

export function placeOfError({ command, bytes, elements }: EncodedMessage, offset: number | undefined): Loc {
  const { loc, thing } = command!;
  if (offset === undefined || offset < FIRST_ATTR || offset + 4 > bytes.length) return loc;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(offset, true);
  const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
  const value = bytes.subarray(offset + 4, Math.min(offset + length, bytes.length));
  if (thing.kind === 'elements') {
    const n = elementAt(view, offset);
    const found = n === undefined ? undefined : elements?.[n]?.loc;
    if (found !== undefined) return found;
  }
  const text = Buffer.from(value).toString('latin1').replace(/\0+$/, '');
  if (NAME.test(text)) {
    // Of a rule, what stands in its expressions stands behind.
    if (thing.kind === 'rule' && !isTop(view, offset)) return wordIn(loc, text, Number.POSITIVE_INFINITY);
    const table = 'table' in thing ? thing.table : undefined;
    return wordIn(loc, text, type !== TABLE && text === table ? 1 : 0);
  }
  if (value.length === 8) return wordIn(loc, String(Buffer.from(value).readBigUInt64BE()));
  return loc;
}

/** Whether an attribute of the message itself, not of one within it, begins there. */
function isTop(view: DataView, offset: number): boolean {
  let at: number = FIRST_ATTR;
  while (at < offset && at + 4 <= view.byteLength) at += (Math.max(view.getUint16(at, true), 4) + 3) & ~3;
  return at === offset;
}

/** The number of the element, among those of the message, in which `offset` lies. */
function elementAt(view: DataView, offset: number): number | undefined {
  let at: number = FIRST_ATTR;
  while (at + 4 <= view.byteLength) {
    const length = view.getUint16(at, true);
    if ((view.getUint16(at + 2, true) & NLA_TYPE_MASK) === (NftaSetElemList.ELEMENTS as number)) break;
    at += (Math.max(length, 4) + 3) & ~3;
  }
  at += 4;
  for (let n = 0; at + 4 <= view.byteLength; n++) {
    const length = (Math.max(view.getUint16(at, true), 4) + 3) & ~3;
    if (offset >= at && offset < at + length) return n;
    at += length;
  }
  return undefined;
}
