/** Sets and their elements as messages and back. A message's length is bounded: many elements are sent as several. */
import {
  NFT_DATA_VERDICT,
  NFTA_LIST_ELEM,
  NftaSet,
  NftaSetDesc,
  NftaSetElem,
  NftaSetElemList,
  NftaSetField,
} from '../../../assembly/abi/nf_tables.js';
import { NlAttrs, type NlAttrWriter } from '../../netlink/nlattr.js';
import type { Family } from '../ast.js';
import { readValue, readVerdict, writeValue, writeVerdict } from '../expr/data.js';
import { readExpr, readExprs, writeExpr, writeExprs } from '../expr/registry.js';
import type { IrElement, IrElements, IrSet } from '../ir.js';

export function writeSet(set: IrSet, attrs: NlAttrWriter): void {
  attrs.text(NftaSet.TABLE, set.table);
  if (set.name !== '') attrs.text(NftaSet.NAME, set.name);
  if (set.handle !== undefined) attrs.u64(NftaSet.HANDLE, set.handle);
  if (set.keyLen === 0) return;
  attrs.u32(NftaSet.FLAGS, set.flags);
  attrs.u32(NftaSet.KEY_TYPE, set.keyType).u32(NftaSet.KEY_LEN, set.keyLen);
  if (set.dataType !== undefined) attrs.u32(NftaSet.DATA_TYPE, set.dataType);
  if (set.dataLen !== undefined) attrs.u32(NftaSet.DATA_LEN, set.dataLen);
  if (set.objectType !== undefined) attrs.u32(NftaSet.OBJ_TYPE, set.objectType);
  attrs.u32(NftaSet.ID, set.id);
  if (set.policy !== undefined && set.policy !== 0) attrs.u32(NftaSet.POLICY, set.policy);
  if (set.size > 0 || set.fieldLens !== undefined) attrs.nest(NftaSet.DESC, (desc) => writeDesc(set, desc));
  if (set.timeoutMs > 0n) attrs.u64(NftaSet.TIMEOUT, set.timeoutMs);
  if (set.gcIntervalMs > 0) attrs.u32(NftaSet.GC_INTERVAL, set.gcIntervalMs);
  if (set.userdata !== undefined) attrs.put(NftaSet.USERDATA, set.userdata);
  if (set.exprs.length === 1) attrs.nest(NftaSet.EXPR, (nest) => writeExpr(nest, set.exprs[0]!));
  else if (set.exprs.length > 1) writeExprs(attrs, NftaSet.EXPRESSIONS, set.exprs);
}

function writeDesc({ size, fieldLens }: IrSet, desc: NlAttrWriter): void {
  if (size > 0) desc.u32(NftaSetDesc.SIZE, size);
  if (fieldLens === undefined) return;
  desc.nest(NftaSetDesc.CONCAT, (concat) => {
    for (const len of fieldLens)
      concat.nest(NFTA_LIST_ELEM, (field) => {
        field.u32(NftaSetField.LEN, len);
      });
  });
}

/** `remove`: of a set that is there, which needs no number. */
export function elementsHead({ table, set, setId }: IrElements, attrs: NlAttrWriter, remove: boolean): void {
  attrs.text(NftaSetElemList.TABLE, table).text(NftaSetElemList.SET, set);
  if (setId !== 0 && !remove) attrs.u32(NftaSetElemList.SET_ID, setId);
}

function writeElement(element: IrElement, attrs: NlAttrWriter): void {
  if (element.flags !== 0) attrs.u32(NftaSetElem.FLAGS, element.flags);
  if (element.timeoutMs !== undefined) attrs.u64(NftaSetElem.TIMEOUT, element.timeoutMs);
  if (element.expiresMs !== undefined) attrs.u64(NftaSetElem.EXPIRATION, element.expiresMs);
  if (element.key.length > 0) writeValue(attrs, NftaSetElem.KEY, element.key);
  if (element.keyEnd !== undefined) writeValue(attrs, NftaSetElem.KEY_END, element.keyEnd);
  if (element.data instanceof Uint8Array) writeValue(attrs, NftaSetElem.DATA, element.data);
  else if (element.data !== undefined) writeVerdict(attrs, NftaSetElem.DATA, element.data);
  if (element.userdata !== undefined) attrs.put(NftaSetElem.USERDATA, element.userdata);
  if (element.object !== undefined) attrs.text(NftaSetElem.OBJREF, element.object);
  const { exprs } = element;
  if (exprs.length === 1) attrs.nest(NftaSetElem.EXPR, (nest) => writeExpr(nest, exprs[0]!));
  else if (exprs.length > 1) writeExprs(attrs, NftaSetElem.EXPRESSIONS, exprs);
}

export function writeElementList(elements: readonly IrElement[], attrs: NlAttrWriter): void {
  if (elements.length === 0) return;
  attrs.nest(NftaSetElemList.ELEMENTS, (list) => {
    // libnftnl numbers them.
    for (const [at, element] of elements.entries()) list.nest(at + 1, (nest) => writeElement(element, nest));
  });
}

/** What an attribute holds at most; an element of the largest kind is far below. */
const MAX_LIST = 0xffff - 1024;

function lengthOf({ key, keyEnd, data, userdata, object, exprs }: IrElement): number {
  const dataLen = data === undefined ? 0 : data instanceof Uint8Array ? data.length + 16 : 280;
  return (
    64 +
    key.length +
    (keyEnd?.length ?? 0) +
    dataLen +
    (userdata?.length ?? 0) +
    (object?.length ?? 0) +
    exprs.length * 128
  );
}

export function elementsSplit(elements: readonly IrElement[]): (readonly IrElement[])[] {
  const parts: IrElement[][] = [[]];
  let length = 0;
  for (const element of elements) {
    length += lengthOf(element);
    if (length > MAX_LIST) {
      parts.push([]);
      length = lengthOf(element);
    }
    parts.at(-1)!.push(element);
  }
  return parts;
}

export function readSet(family: Family, attrs: NlAttrs): IrSet {
  const desc = attrs.nested(NftaSet.DESC);
  const fields = desc?.nested(NftaSetDesc.CONCAT)?.all(NFTA_LIST_ELEM);
  const one = attrs.nested(NftaSet.EXPR);
  const many = attrs.nested(NftaSet.EXPRESSIONS);
  const dataType = attrs.u32(NftaSet.DATA_TYPE);
  const dataLen = attrs.u32(NftaSet.DATA_LEN);
  const objectType = attrs.u32(NftaSet.OBJ_TYPE);
  const policy = attrs.u32(NftaSet.POLICY);
  const userdata = attrs.bytes(NftaSet.USERDATA);
  const handle = attrs.u64(NftaSet.HANDLE);
  return {
    kind: 'set',
    family,
    table: attrs.text(NftaSet.TABLE) ?? '',
    name: attrs.text(NftaSet.NAME) ?? '',
    id: attrs.u32(NftaSet.ID) ?? 0,
    flags: attrs.u32(NftaSet.FLAGS) ?? 0,
    keyType: attrs.u32(NftaSet.KEY_TYPE) ?? 0,
    keyLen: attrs.u32(NftaSet.KEY_LEN) ?? 0,
    ...(dataType !== undefined && { dataType }),
    ...(dataLen !== undefined && { dataLen }),
    ...(objectType !== undefined && { objectType }),
    timeoutMs: attrs.u64(NftaSet.TIMEOUT) ?? 0n,
    gcIntervalMs: attrs.u32(NftaSet.GC_INTERVAL) ?? 0,
    ...(policy !== undefined && { policy }),
    size: desc?.u32(NftaSetDesc.SIZE) ?? 0,
    ...(fields && { fieldLens: fields.map((field) => new NlAttrs(field).u32(NftaSetField.LEN) ?? 0) }),
    ...(userdata !== undefined && { userdata }),
    exprs: one !== undefined ? [readExpr(one)] : many === undefined ? [] : readExprs(many),
    ...(handle !== undefined && { handle }),
  };
}

function readElement(attrs: NlAttrs, dataType: number | undefined): IrElement {
  const one = attrs.nested(NftaSetElem.EXPR);
  const many = attrs.nested(NftaSetElem.EXPRESSIONS);
  const keyEnd = attrs.has(NftaSetElem.KEY_END) ? readValue(attrs, NftaSetElem.KEY_END) : undefined;
  const verdict = dataType === NFT_DATA_VERDICT ? readVerdict(attrs, NftaSetElem.DATA) : undefined;
  const data = verdict ?? (attrs.has(NftaSetElem.DATA) ? readValue(attrs, NftaSetElem.DATA) : undefined);
  const object = attrs.text(NftaSetElem.OBJREF);
  const timeoutMs = attrs.u64(NftaSetElem.TIMEOUT);
  const expiresMs = attrs.u64(NftaSetElem.EXPIRATION);
  const userdata = attrs.bytes(NftaSetElem.USERDATA);
  return {
    key: readValue(attrs, NftaSetElem.KEY),
    ...(keyEnd && { keyEnd }),
    ...(data !== undefined && { data }),
    ...(object !== undefined && { object }),
    flags: attrs.u32(NftaSetElem.FLAGS) ?? 0,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(expiresMs !== undefined && { expiresMs }),
    ...(userdata !== undefined && { userdata }),
    exprs: one !== undefined ? [readExpr(one)] : many === undefined ? [] : readExprs(many),
  };
}

/** `dataType`: of the set, which says whether values are verdicts. */
export function readElements(family: Family, attrs: NlAttrs, dataType?: number): IrElements {
  const list = attrs.nested(NftaSetElemList.ELEMENTS);
  return {
    kind: 'elements',
    family,
    table: attrs.text(NftaSetElemList.TABLE) ?? '',
    set: attrs.text(NftaSetElemList.SET) ?? '',
    setId: attrs.u32(NftaSetElemList.SET_ID) ?? 0,
    elements: (list?.everything() ?? []).map((each) => readElement(new NlAttrs(each), dataType)),
  };
}
