/** Which way a set keeps its elements, and the steps that depend on it. Linux: struct nft_set_ops. */
import { NFT_SET_CONCAT, NFT_SET_INTERVAL, NFT_SET_MAP } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { kfree } from '../../lib/kmalloc';
import { Ctx } from './nft_ctx';
import {
  ELEM_KEY,
  Elem,
  elemFree,
  elemHoldData,
  elemIsCatchall,
  elemIsEnd,
  elemKey,
  elemKeyEnd,
  elemLive,
  elemNext,
} from './nft_elem';
import { NftSet, SetBackend } from './nft_set';
import {
  setHashExit,
  setHashFind,
  setHashInit,
  setHashInsert,
  setHashLookup,
  setHashRemove,
  setHashTake,
  setHashWalk,
} from './nft_set_hash';
import {
  setPipapoFind,
  setPipapoInsert,
  setPipapoLookup,
  setPipapoMake,
  setPipapoRemove,
  setPipapoWalk,
} from './nft_set_pipapo';
import {
  setTreeDelete,
  setTreeFind,
  setTreeGet,
  setTreeInsert,
  setTreeLookup,
  setTreeMake,
  setTreeRemove,
  setTreeTake,
  setTreeWalk,
} from './nft_set_rbtree';
import { namedRemove, Named } from './nf_tables';

/** Chooses the backend and lays elements out; 0 or a negative errno. */
export function setBackendInit(set: NftSet): i32 {
  const interval = (set.flags & NFT_SET_INTERVAL) !== 0;
  const concat = (set.flags & NFT_SET_CONCAT) !== 0;
  set.backend = <u8>(interval ? (concat ? SetBackend.PIPAPO : SetBackend.RBTREE) : SetBackend.HASH);
  const klen = (set.klen + 3) & ~3;
  let at: u32 = ELEM_KEY + klen;
  if (set.backend === <u8>SetBackend.PIPAPO) {
    set.keyEndAt = <u16>at;
    at += klen;
  }
  if ((set.flags & NFT_SET_MAP) !== 0) {
    set.dataAt = <u16>at;
    at += (set.dlen + 3) & ~3;
  }
  if (set.backend === <u8>SetBackend.PIPAPO) at += 8;
  set.elemBytes = at;
  return set.backend === <u8>SetBackend.HASH ? setHashInit(set) : 0;
}

/** Frees elements and tables. */
export function setBackendExit(set: NftSet): void {
  while (set.catchall !== 0) {
    const elem = set.catchall;
    set.catchall = changetype<Elem>(elem).left;
    elemFree(elem);
  }
  if (set.backend === <u8>SetBackend.HASH) {
    if (set.store === 0) return;
    freeChains(set);
    setHashExit(set);
    return;
  }
  if (set.backend === <u8>SetBackend.RBTREE) {
    for (let elem = setTreeTake(set); elem !== 0; elem = setTreeTake(set)) elemFree(elem);
  } else {
    while (set.orderHead !== 0) {
      const elem = set.orderHead;
      setPipapoRemove(set, elem);
      elemFree(elem);
    }
  }
  kfree(set.look);
  kfree(set.lookNext);
  set.look = 0;
  set.lookNext = 0;
}

/** All elements of the hash table. */
function freeChains(set: NftSet): void {
  for (let elem = setHashTake(set); elem !== 0; ) {
    const next = changetype<Elem>(elem).left;
    elemFree(elem);
    elem = next;
  }
}

/** The element that a packet's key finds, or 0. `key` is padded to words, field by field. */
export function setLookup(set: NftSet, key: usize): usize {
  let elem: usize = 0;
  if (set.backend === <u8>SetBackend.HASH) elem = setHashLookup(set, key);
  else if (set.backend === <u8>SetBackend.RBTREE) elem = setTreeLookup(set, key);
  else elem = setPipapoLookup(set, key);
  if (elem !== 0 || set.catchall === 0) return elem;
  for (elem = set.catchall; elem !== 0; elem = changetype<Elem>(elem).left) {
    if (elemLive(elem)) return elem;
  }
  return 0;
}

/** The element like `elem` (key, end, catchall) that the transaction sees, or 0. */
export function setFindLike(set: NftSet, elem: usize): usize {
  if (elemIsCatchall(elem)) {
    for (let at = set.catchall; at !== 0; at = changetype<Elem>(at).left) {
      if (elemNext(at)) return at;
    }
    return 0;
  }
  if (set.backend === <u8>SetBackend.HASH) return setHashFind(set, elemKey(elem));
  if (set.backend === <u8>SetBackend.RBTREE) return setTreeFind(set, elemKey(elem), elemIsEnd(elem));
  return setPipapoFind(set, elemKey(elem), elemKeyEnd(set, elem));
}

/** What a question by the key of `elem` means: of intervals, the one that holds it. 0: none. */
export function setGetLike(set: NftSet, elem: usize): usize {
  if (elemIsCatchall(elem) || set.backend === <u8>SetBackend.HASH) return setFindLike(set, elem);
  if (set.backend === <u8>SetBackend.RBTREE) return setTreeGet(set, elemKey(elem), elemIsEnd(elem));
  return setPipapoLookup(set, elemKey(elem));
}

/** 0, -EEXIST with ctx.dup, -ENOTEMPTY, -ENOMEM. */
export function setInsert(ctx: Ctx, set: NftSet, elem: usize): i32 {
  ctx.dup = 0;
  if (elemIsCatchall(elem)) {
    ctx.dup = setFindLike(set, elem);
    if (ctx.dup !== 0) return -Errno.EEXIST;
    changetype<Elem>(elem).left = set.catchall;
    set.catchall = elem;
    return 0;
  }
  if (set.backend === <u8>SetBackend.RBTREE) return setTreeInsert(ctx, set, elem);
  if (set.backend === <u8>SetBackend.PIPAPO) return setPipapoInsert(ctx, set, elem);
  ctx.dup = setHashFind(set, elemKey(elem));
  if (ctx.dup !== 0) return -Errno.EEXIST;
  return setHashInsert(set, elem) ? 0 : -Errno.ENFILE;
}

/** Whether the transaction may delete this element, which it sees, by its key. */
export function setMayDelete(ctx: Ctx, set: NftSet, elem: usize): bool {
  return set.backend !== <u8>SetBackend.RBTREE || elemIsCatchall(elem) || setTreeDelete(ctx, set, elem);
}

/** Takes the element out; who calls frees it. */
export function setRemove(set: NftSet, elem: usize): void {
  if (elemIsCatchall(elem)) {
    let link = changetype<usize>(set) + offsetof<NftSet>('catchall');
    while (load<u32>(link) !== 0 && load<u32>(link) !== elem) link = load<u32>(link);
    if (load<u32>(link) === elem) store<u32>(link, changetype<Elem>(elem).left);
    return;
  }
  if (set.backend === <u8>SetBackend.HASH) setHashRemove(set, elem);
  else if (set.backend === <u8>SetBackend.RBTREE) setTreeRemove(set, elem);
  else setPipapoRemove(set, elem);
}

/** The element behind the cursor (u32 which part, two words of the backend; moved on), or 0 at the end. */
export function setWalk(set: NftSet, cursor: usize): usize {
  if (load<u32>(cursor) === 0) {
    let elem: usize = 0;
    if (set.backend === <u8>SetBackend.HASH) elem = setHashWalk(set, cursor + 4);
    else if (set.backend === <u8>SetBackend.RBTREE) elem = setTreeWalk(set, cursor + 4);
    else elem = setPipapoWalk(set, cursor + 4);
    if (elem !== 0) return elem;
    store<u32>(cursor, 1);
    store<u32>(cursor, 0, 4);
  }
  const n = load<u32>(cursor, 4);
  let at = set.catchall;
  for (let i: u32 = 0; at !== 0 && i < n; i++) at = changetype<Elem>(at).left;
  store<u32>(cursor, n + 1, 4);
  return at;
}

/** What the elements that the transaction sees name is let go of, or held. */
export function setWalkData(set: NftSet, hold: bool): void {
  if (set.backend === <u8>SetBackend.RBTREE) {
    holdTree(set, set.store, hold);
    for (let at = set.catchall; at !== 0; at = changetype<Elem>(at).left) holdOne(set, at, hold);
    return;
  }
  const cursor = changetype<usize>(set) + offsetof<NftSet>('walk0');
  store<u64>(cursor, 0);
  store<u32>(cursor, 0, 8);
  for (let at = setWalk(set, cursor); at !== 0; at = setWalk(set, cursor)) holdOne(set, at, hold);
}

function holdOne(set: NftSet, elem: usize, hold: bool): void {
  if ((changetype<Elem>(elem).state & 2) === 0) elemHoldData(set, elem, hold);
}

/** The tree, not the array: of elements that this transaction added, too. */
function holdTree(set: NftSet, tree: usize, hold: bool): void {
  if (tree === 0) return;
  holdTree(set, changetype<Elem>(tree).left, hold);
  holdOne(set, tree, hold);
  holdTree(set, changetype<Elem>(tree).right, hold);
}

/** Makes what packets will look things up in; false: no memory. */
export function setMake(set: NftSet): bool {
  if (set.dirty === 0) return true;
  if (set.backend === <u8>SetBackend.RBTREE && !setTreeMake(set)) return false;
  if (set.backend === <u8>SetBackend.PIPAPO && !setPipapoMake(set)) return false;
  set.dirty = 0;
  return true;
}

export function setFreeNext(set: NftSet): void {
  kfree(set.lookNext);
  set.lookNext = 0;
}

/** Out of its table again, before anything refers to it. */
export function setPut(set: NftSet): void {
  namedRemove(changetype<Named>(changetype<usize>(set)));
}
