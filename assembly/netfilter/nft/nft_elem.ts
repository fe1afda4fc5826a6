/** An element of a set, as nft_set draws it. */
import { NFT_DATA_VERDICT, NFT_SET_ELEM_CATCHALL, NFT_SET_ELEM_INTERVAL_END } from '../../abi/nf_tables';
import { kfree, kzalloc } from '../../lib/kmalloc';
import { root } from '../../lib/root';
import { verdictGet, verdictPut } from './nft_data';
import { exprsDestroy } from './nft_expr';
import { INACTIVE_NEXT, INACTIVE_NOW, Named } from './nf_tables';
import { NftSet, SetBackend } from './nft_set';

@unmanaged
@final
export class Elem {
  /** HashNode; in a tree the children of smaller and larger keys. */
  left: usize;
  right: usize;
  /** INACTIVE_* */
  state: u8;
  /** NFT_SET_ELEM_* */
  flags: u8;
  pad: u16;
  /** ElemMore, or 0. */
  more: usize;
}
export const ELEM_KEY: usize = 16;

/** What few elements have. */
@unmanaged
@final
export class ElemMore {
  /** ms as it was given, 0: that of the set; ns when it ends, 0: never. */
  timeout: u64;
  expires: u64;
  udata: usize;
  /** Expressions: records. */
  exprs: usize;
  exprsLen: u32;
  nexprs: u32;
  /** The object that an object map gives. */
  obj: usize;
  pad: u32;
}

export function elemKey(elem: usize): usize {
  return elem + ELEM_KEY;
}

export function elemKeyEnd(set: NftSet, elem: usize): usize {
  return elem + set.keyEndAt;
}

export function elemData(set: NftSet, elem: usize): usize {
  return elem + set.dataAt;
}

export function elemAlloc(set: NftSet): usize {
  return kzalloc(set.elemBytes);
}

/** Its ElemMore, made when there is none; null: no memory. */
export function elemMore(elem: usize): ElemMore | null {
  const e = changetype<Elem>(elem);
  if (e.more === 0) e.more = kzalloc(offsetof<ElemMore>());
  return changetype<ElemMore | null>(e.more);
}

/** Frees an element that nothing refers to. */
export function elemFree(elem: usize): void {
  const e = changetype<Elem>(elem);
  if (e.more !== 0) {
    const more = changetype<ElemMore>(e.more);
    exprsDestroy(more.exprs, more.exprsLen, true);
    kfree(more.exprs);
    kfree(more.udata);
    kfree(e.more);
  }
  kfree(elem);
}

export function elemIsEnd(elem: usize): bool {
  return (<u32>changetype<Elem>(elem).flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
}

export function elemIsCatchall(elem: usize): bool {
  return (<u32>changetype<Elem>(elem).flags & NFT_SET_ELEM_CATCHALL) !== 0;
}

export function elemExpired(elem: usize): bool {
  const more = changetype<Elem>(elem).more;
  if (more === 0) return false;
  const expires = changetype<ElemMore>(more).expires;
  return expires !== 0 && root().now >= expires;
}

/** Packets may find it. */
export function elemLive(elem: usize): bool {
  return (changetype<Elem>(elem).state & INACTIVE_NOW) === 0 && !elemExpired(elem);
}

/** The transaction may find it. */
export function elemNext(elem: usize): bool {
  return (changetype<Elem>(elem).state & INACTIVE_NEXT) === 0 && !elemExpired(elem);
}

/** Lets go of what the element names, or holds it again. */
export function elemHoldData(set: NftSet, elem: usize, hold: bool): void {
  if (set.dataAt !== 0 && set.dtype === NFT_DATA_VERDICT && !elemIsEnd(elem)) {
    if (hold) verdictGet(elemData(set, elem));
    else verdictPut(elemData(set, elem));
  }
  const more = changetype<Elem>(elem).more;
  if (more === 0 || changetype<ElemMore>(more).obj === 0) return;
  const obj = changetype<Named>(changetype<ElemMore>(more).obj);
  if (hold) obj.use++;
  else obj.use--;
}

/** Links of the elements of a PIPAPO set in the order they came: u32 next, u32 previous, at the element's end. */
export function elemOrder(set: NftSet, elem: usize): usize {
  assert(set.backend === <u8>SetBackend.PIPAPO, 'elemOrder');
  return elem + set.elemBytes - 8;
}
