/**
 * Elements of sets: NFT_MSG_NEWSETELEM and DELSETELEM, what becomes of them when the transaction ends, dumps, and the
 * timer that ends them. Linux: nft_add_set_elem, nft_del_setelem in net/netfilter/nf_tables_api.c.
 */
import {
  NFTA_LIST_ELEM,
  NFT_DATA_VERDICT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_ELEM_CATCHALL,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
  NftMsg,
  NftaSetElem,
  NftaSetElemList,
} from '../../abi/nf_tables';
import { NLM_F_EXCL } from '../../abi/nfnl';
import { kfree, kmalloc } from '../../lib/kmalloc';
import { root } from '../../lib/root';
import { Timer, timerAdd, timerPending } from '../../lib/timer_wheel';
import { Errno } from '../../net/errno';
import {
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaNestCancel,
  nlaNestEnd,
  nlaNestStart,
  nlaOk,
  nlaParseNested,
  nlaPut,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  nlaStep,
  tbGet,
} from '../nlattr';
import {
  INACTIVE_NEXT,
  INACTIVE_NOW,
  Named,
  NftKind,
  activeNext,
  namedLookup,
  tableLookup,
  tableOf,
  textLen,
  textNew,
  textPtr,
  useInc,
} from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { dataValue, dataVerdict, dumpValue, dumpVerdict } from './nft_data';
import {
  Elem,
  ElemMore,
  elemAlloc,
  elemData,
  elemExpired,
  elemFree,
  elemHoldData,
  elemIsCatchall,
  elemIsEnd,
  elemKey,
  elemKeyEnd,
  elemMore,
} from './nft_elem';
import { exprsClone, exprsDump, exprsParseElem } from './nft_expr';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { NftSet, SetBackend, setGcMake, setLookupNla, setPublish } from './nft_set';
import {
  setFindLike,
  setGetLike,
  setInsert,
  setMake,
  setMayDelete,
  setRemove,
  setWalk,
} from './nft_set_backend';
import { TransKind, transAddElem } from './nft_trans';

const LIST_POLICY = memory.data<u8>([0, 0, 5, 255, 5, 255, 6, 0, 3, 0]);
const ELEM_POLICY = memory.data<u8>([
  0, 0, 6, 0, 6, 0, 3, 0, 4, 0, 4, 0, 7, 255, 6, 0, 0, 0, 5, 255, 6, 0, 6, 0,
]);
const NS_PER_MS: u64 = 1_000_000;
/** How often ends are looked for when the set does not say. Linux: HZ. */
const GC_MS: u64 = 1000;

/** The set that a message names; 0 and ctx.badAttr: none, by `err`. */
function setOfList(ctx: Ctx, tb: usize, now: bool): usize {
  const name = tbGet(tb, NftaSetElemList.TABLE);
  if (name === 0) return 0;
  const table = tableLookup(ctx.nn, name, ctx.family, now);
  if (table === null) {
    ctx.badAttr = name;
    return 0;
  }
  ctx.table = table;
  if (now) return namedLookup(table, NftKind.SET, tbGet(tb, NftaSetElemList.SET), 0, true);
  return setLookupNla(table, tbGet(tb, NftaSetElemList.SET), tbGet(tb, NftaSetElemList.SET_ID));
}

/** NFT_MSG_NEWSETELEM, DELSETELEM, DESTROYSETELEM */
export function setElems(ctx: Ctx, del: bool, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaSetElemList.MAX);
  let err = ctx.parse(tb, NftaSetElemList.MAX, LIST_POLICY);
  if (err === 0) err = elems(ctx, tb, del, destroy);
  tbPop(ctx, tb);
  return err;
}

function elems(ctx: Ctx, tb: usize, del: bool, destroy: bool): i32 {
  const list = tbGet(tb, NftaSetElemList.ELEMENTS);
  if (tbGet(tb, NftaSetElemList.TABLE) === 0) return -Errno.EINVAL;
  if (!del && list === 0) return -Errno.EINVAL;
  if (tbGet(tb, NftaSetElemList.SET) === 0) return -Errno.EINVAL;
  const p = setOfList(ctx, tb, false);
  if (p === 0)
    return destroy
      ? 0
      : ctx.badAttr !== 0
        ? -Errno.ENOENT
        : badAttr(ctx, tbGet(tb, NftaSetElemList.SET), -Errno.ENOENT);
  const set = changetype<NftSet>(p);
  if (del && (set.flags & NFT_SET_ANONYMOUS) !== 0) return -Errno.EOPNOTSUPP;
  if (set.bindings !== 0 && (set.flags & (NFT_SET_CONSTANT | NFT_SET_ANONYMOUS)) !== 0) return -Errno.EBUSY;
  if (list === 0) return flush(ctx, set);
  ctx.set = p;
  let at = nlaData(list);
  let left = nlaLen(list);
  let err: i32 = 0;
  while (err === 0 && nlaOk(at, left)) {
    err = one(ctx, set, at, del);
    if (err === -Errno.ENOENT && destroy) err = 0;
    if (err !== 0) ctx.badAttr = at;
    const step = nlaStep(at, left);
    at += step;
    left -= step;
  }
  ctx.set = 0;
  return err;
}

function one(ctx: Ctx, set: NftSet, nla: usize, del: bool): i32 {
  const tb = tbPush(ctx, NftaSetElem.MAX);
  let err = nlaParseNested(tb, NftaSetElem.MAX, nla, ELEM_POLICY);
  if (err === 0) err = del ? delOne(ctx, set, tb) : addOne(ctx, set, tb);
  tbPop(ctx, tb);
  return err;
}

/** Reads flags and key of an element into a new one. 0 or a negative errno, with nothing left. */
function keyOf(ctx: Ctx, set: NftSet, tb: usize, elem: usize): i32 {
  const flagsAttr = tbGet(tb, NftaSetElem.FLAGS);
  const flags = flagsAttr === 0 ? 0 : nlaBe32(flagsAttr);
  if ((flags & ~(NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL)) !== 0) return -Errno.EOPNOTSUPP;
  if ((flags & NFT_SET_ELEM_INTERVAL_END) !== 0 && (set.flags & NFT_SET_INTERVAL) === 0) return -Errno.EINVAL;
  if (flags === (NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL)) return -Errno.EINVAL;
  const key = tbGet(tb, NftaSetElem.KEY);
  const catchall = (flags & NFT_SET_ELEM_CATCHALL) !== 0;
  if ((key === 0) !== catchall) return -Errno.EINVAL;
  changetype<Elem>(elem).flags = <u8>flags;
  if (catchall) return 0;
  const len = dataValue(ctx, key, elemKey(elem), set.klen);
  if (len < 0) return len;
  if (<u32>len !== set.klen) return -Errno.EINVAL;
  if (set.keyEndAt === 0) return 0;
  const end = tbGet(tb, NftaSetElem.KEY_END);
  if (end === 0) {
    memory.copy(elemKeyEnd(set, elem), elemKey(elem), set.klen);
    return 0;
  }
  const endLen = dataValue(ctx, end, elemKeyEnd(set, elem), set.klen);
  if (endLen < 0) return endLen;
  return <u32>endLen === set.klen ? 0 : -Errno.EINVAL;
}

function addOne(ctx: Ctx, set: NftSet, tb: usize): i32 {
  const elem = elemAlloc(set);
  if (elem === 0) return -Errno.ENOMEM;
  let err = keyOf(ctx, set, tb, elem);
  if (err === 0) err = moreOf(ctx, set, tb, elem);
  if (err !== 0) {
    elemFree(elem);
    return err;
  }
  err = dataOf(ctx, set, tb, elem);
  if (err !== 0) {
    elemFree(elem);
    return err;
  }
  changetype<Elem>(elem).state = INACTIVE_NOW;
  const counts = !elemIsCatchall(elem);
  if (counts && set.size !== 0 && set.nelems >= setRoom(set)) err = -Errno.ENFILE;
  if (err === 0) err = setInsert(ctx, set, elem);
  if (err === 0 && !transAddElem(ctx.nn, TransKind.ELEM_NEW, changetype<usize>(set), elem, ctx.seq)) {
    setRemove(set, elem);
    err = -Errno.ENOMEM;
  }
  if (err === 0) {
    if (counts) set.nelems++;
    set.dirty = 1;
    return 0;
  }
  if (err === -Errno.EEXIST && (ctx.flags & NLM_F_EXCL) === 0) err = sameAs(set, elem, ctx.dup);
  elemHoldData(set, elem, false);
  elemFree(elem);
  // One that overlaps is told as one that is there.
  return err === -Errno.ENOTEMPTY ? -Errno.EEXIST : err;
}

/** Elements that a set of `size` takes: of an interval both ends, and the end that may stand at zero. */
function setRoom(set: NftSet): u32 {
  return set.backend === <u8>SetBackend.RBTREE && set.size < 1 << 30 ? set.size * 2 + 1 : set.size;
}

/** The element is there already: it must be the same. */
function sameAs(set: NftSet, elem: usize, there: usize): i32 {
  if (elemIsEnd(elem) !== elemIsEnd(there)) return -Errno.EEXIST;
  if (set.dataAt !== 0 && !elemIsEnd(elem)) {
    if (memory.compare(elemData(set, elem), elemData(set, there), set.dlen) !== 0) return -Errno.EEXIST;
  }
  const a = changetype<Elem>(elem).more;
  const b = changetype<Elem>(there).more;
  const objA: usize = a === 0 ? 0 : changetype<ElemMore>(a).obj;
  const objB: usize = b === 0 ? 0 : changetype<ElemMore>(b).obj;
  if (objA !== objB) return -Errno.EEXIST;
  if (b !== 0 && changetype<ElemMore>(b).timeout !== 0 && a !== 0 && changetype<ElemMore>(a).timeout !== 0) {
    // Added again: it lives its time anew.
    changetype<ElemMore>(b).timeout = changetype<ElemMore>(a).timeout;
    changetype<ElemMore>(b).expires = changetype<ElemMore>(a).expires;
  }
  return 0;
}

/** Value of a map's element. */
function dataOf(ctx: Ctx, set: NftSet, tb: usize, elem: usize): i32 {
  const data = tbGet(tb, NftaSetElem.DATA);
  const objref = tbGet(tb, NftaSetElem.OBJREF);
  if ((set.flags & NFT_SET_MAP) !== 0) {
    if (data === 0) return elemIsEnd(elem) ? 0 : -Errno.EINVAL;
    if (elemIsEnd(elem)) return -Errno.EINVAL;
    if (set.dtype === NFT_DATA_VERDICT) return dataVerdict(ctx, data, elemData(set, elem), true);
    const len = dataValue(ctx, data, elemData(set, elem), set.dlen);
    if (len < 0) return len;
    return <u32>len === set.dlen ? 0 : -Errno.EINVAL;
  }
  if (data !== 0) return -Errno.EINVAL;
  if ((set.flags & NFT_SET_OBJECT) === 0) return objref === 0 ? 0 : -Errno.EINVAL;
  if (objref === 0) return elemIsEnd(elem) ? 0 : -Errno.EINVAL;
  if (elemIsEnd(elem)) return -Errno.EINVAL;
  const p = namedLookup(ctx.table, NftKind.OBJ, objref, set.objType, false);
  if (p === 0) return badAttr(ctx, objref, -Errno.ENOENT);
  const more = elemMore(elem);
  if (more === null) return -Errno.ENOMEM;
  if (!useInc(changetype<Named>(p))) return -Errno.EMFILE;
  more.obj = p;
  return 0;
}

/** Time, comment and expressions. */
function moreOf(ctx: Ctx, set: NftSet, tb: usize, elem: usize): i32 {
  const end = elemIsEnd(elem);
  const timeoutAttr = tbGet(tb, NftaSetElem.TIMEOUT);
  const expiration = tbGet(tb, NftaSetElem.EXPIRATION);
  const udata = tbGet(tb, NftaSetElem.USERDATA);
  const expr = tbGet(tb, NftaSetElem.EXPR);
  const exprs = tbGet(tb, NftaSetElem.EXPRESSIONS);
  if (end && (timeoutAttr | expiration | udata | expr | exprs) !== 0) return -Errno.EINVAL;
  let timeout: u64 = 0;
  if (timeoutAttr !== 0) {
    if ((set.flags & NFT_SET_TIMEOUT) === 0) return -Errno.EINVAL;
    timeout = nlaBe64(timeoutAttr);
  } else if ((set.flags & NFT_SET_TIMEOUT) !== 0 && !end) timeout = set.timeout;
  if (timeout > u64.MAX_VALUE / NS_PER_MS / 2) return -Errno.ERANGE;
  let expires = timeout;
  if (expiration !== 0) {
    if ((set.flags & NFT_SET_TIMEOUT) === 0) return -Errno.EINVAL;
    if (timeout === 0) return -Errno.EOPNOTSUPP;
    expires = nlaBe64(expiration);
    if (expires > timeout) return -Errno.ERANGE;
  }
  if (timeout === 0 && (udata | expr | exprs) === 0 && (set.nexprs === 0 || end)) return 0;
  const more = elemMore(elem);
  if (more === null) return -Errno.ENOMEM;
  if (timeout !== 0) {
    if (!setGcMake(set)) return -Errno.ENOMEM;
    more.timeout = timeout;
    more.expires = root().now + expires * NS_PER_MS;
  }
  if (udata !== 0 && nlaLen(udata) !== 0) {
    more.udata = textNew(nlaData(udata), nlaLen(udata));
    if (more.udata === 0) return -Errno.ENOMEM;
  }
  if ((expr | exprs) !== 0) return exprsParseElem(ctx, expr, exprs, set, more);
  return end ? 0 : elemCloneExprs(set, more);
}

/** The set's expressions for a new element; 0 or -ENOMEM. */
export function elemCloneExprs(set: NftSet, more: ElemMore): i32 {
  if (set.nexprs === 0) return 0;
  more.exprs = kmalloc(set.exprsLen);
  if (more.exprs === 0) return -Errno.ENOMEM;
  memory.copy(more.exprs, set.exprs, set.exprsLen);
  more.exprsLen = set.exprsLen;
  more.nexprs = set.nexprs;
  return exprsClone(more.exprs, more.exprsLen) ? 0 : -Errno.ENOMEM;
}

function delOne(ctx: Ctx, set: NftSet, tb: usize): i32 {
  const draft = elemAlloc(set);
  if (draft === 0) return -Errno.ENOMEM;
  let err = keyOf(ctx, set, tb, draft);
  let found: usize = 0;
  if (err === 0) {
    found = setFindLike(set, draft);
    if (found === 0 || !setMayDelete(ctx, set, found)) err = -Errno.ENOENT;
  }
  kfree(draft);
  return err === 0 ? gone(ctx, set, found) : err;
}

/** From the transaction's sight. */
function gone(ctx: Ctx, set: NftSet, elem: usize): i32 {
  if (!transAddElem(ctx.nn, TransKind.ELEM_DEL, changetype<usize>(set), elem, ctx.seq)) return -Errno.ENOMEM;
  elemHoldData(set, elem, false);
  changetype<Elem>(elem).state |= INACTIVE_NEXT;
  if (!elemIsCatchall(elem)) set.nelems--;
  set.dirty = 1;
  return 0;
}

/** All elements. */
function flush(ctx: Ctx, set: NftSet): i32 {
  if (set.backend === <u8>SetBackend.RBTREE) {
    const err = flushTree(ctx, set, set.store);
    if (err !== 0) return err;
    for (let at = set.catchall; at !== 0; at = changetype<Elem>(at).left) {
      if (activeNext(changetype<Elem>(at).state)) {
        const failed = gone(ctx, set, at);
        if (failed !== 0) return failed;
      }
    }
    return 0;
  }
  const cursor = changetype<usize>(set) + offsetof<NftSet>('walk0');
  store<u64>(cursor, 0);
  store<u32>(cursor, 0, 8);
  for (let at = setWalk(set, cursor); at !== 0; at = setWalk(set, cursor)) {
    if (!activeNext(changetype<Elem>(at).state)) continue;
    const err = gone(ctx, set, at);
    if (err !== 0) return err;
  }
  return 0;
}

function flushTree(ctx: Ctx, set: NftSet, tree: usize): i32 {
  if (tree === 0) return 0;
  let err = flushTree(ctx, set, changetype<Elem>(tree).left);
  if (err === 0 && activeNext(changetype<Elem>(tree).state)) err = gone(ctx, set, tree);
  return err !== 0 ? err : flushTree(ctx, set, changetype<Elem>(tree).right);
}

export function elemCommitNew(set: NftSet, elem: usize): void {
  changetype<Elem>(elem).state &= ~INACTIVE_NOW;
  gcArm(set);
}

export function elemCommitDel(set: NftSet, elem: usize): void {
  setRemove(set, elem);
  elemFree(elem);
}

export function elemAbortNew(set: NftSet, elem: usize): void {
  if (activeNext(set.state)) elemHoldData(set, elem, false);
  setRemove(set, elem);
  if (!elemIsCatchall(elem)) set.nelems--;
  elemFree(elem);
}

export function elemAbortDel(set: NftSet, elem: usize): void {
  changetype<Elem>(elem).state &= ~INACTIVE_NEXT;
  if (!elemIsCatchall(elem)) set.nelems++;
  elemHoldData(set, elem, true);
}

/** The timer that ends elements runs while there may be any. */
export function gcArm(set: NftSet): void {
  if (set.gc === 0 || timerPending(changetype<Timer>(set.gc))) return;
  const ms: u64 = set.gcInt !== 0 ? set.gcInt : GC_MS;
  timerAdd(changetype<Timer>(set.gc), root().now + ms * NS_PER_MS);
}

/** Ends the elements whose time is over, unless a transaction holds them. */
export function setGc(set: NftSet): void {
  let left: u32 = 0;
  let ended: usize = 0;
  if (set.backend === <u8>SetBackend.RBTREE) {
    ended = gcTree(set.store, 0);
    left = set.nelems;
  } else {
    const cursor = changetype<usize>(set) + offsetof<NftSet>('walk0');
    store<u64>(cursor, 0);
    store<u32>(cursor, 0, 8);
    for (let at = setWalk(set, cursor); at !== 0; at = setWalk(set, cursor)) {
      const e = changetype<Elem>(at);
      if (e.state === 0 && elemExpired(at)) {
        changetype<ElemMore>(e.more).pad = ended;
        ended = at;
      } else left++;
    }
  }
  const any = ended !== 0;
  set.walk1 = 0;
  while (ended !== 0) {
    const next = changetype<ElemMore>(changetype<Elem>(ended).more).pad;
    elemHoldData(set, ended, false);
    setRemove(set, ended);
    if (!elemIsCatchall(ended)) set.nelems--;
    ended = retire(set, ended, next);
  }
  if (any && set.backend !== <u8>SetBackend.HASH) remake(set);
  freeRetired(set);
  if (left !== 0) gcArm(set);
}

/** Kept until no array names it. */
function retire(set: NftSet, elem: usize, next: usize): usize {
  changetype<ElemMore>(changetype<Elem>(elem).more).pad = <u32>set.walk1;
  store<u32>(changetype<usize>(set) + offsetof<NftSet>('walk1'), elem);
  return next;
}

function freeRetired(set: NftSet): void {
  const list = changetype<usize>(set) + offsetof<NftSet>('walk1');
  while (load<u32>(list) !== 0) {
    const elem = load<u32>(list);
    store<u32>(list, changetype<ElemMore>(changetype<Elem>(elem).more).pad);
    elemFree(elem);
  }
}

/** Without memory for a new array the old one goes: nothing is found until the next change. */
function remake(set: NftSet): void {
  set.dirty = 1;
  if (setMake(set)) {
    setPublish(set);
    return;
  }
  kfree(set.look);
  set.look = 0;
}

function gcTree(tree: usize, ended: usize): usize {
  if (tree === 0) return ended;
  const e = changetype<Elem>(tree);
  ended = gcTree(e.left, ended);
  ended = gcTree(e.right, ended);
  if (e.state === 0 && elemExpired(tree)) {
    changetype<ElemMore>(e.more).pad = ended;
    ended = tree;
  }
  return ended;
}

/** An element as NFTA_LIST_ELEM; false: there is no room, and nothing was written. */
function elemFill(ctx: Ctx, set: NftSet, elem: usize, reset: bool): bool {
  const out = ctx.out;
  const nest = nlaNestStart(out, NFTA_LIST_ELEM);
  if (!elemIsCatchall(elem)) {
    dumpValue(out, NftaSetElem.KEY, elemKey(elem), set.klen);
    if (set.keyEndAt !== 0) dumpValue(out, NftaSetElem.KEY_END, elemKeyEnd(set, elem), set.klen);
  }
  const e = changetype<Elem>(elem);
  if (set.dataAt !== 0 && !elemIsEnd(elem)) {
    if (set.dtype === NFT_DATA_VERDICT) dumpVerdict(out, NftaSetElem.DATA, elemData(set, elem));
    else dumpValue(out, NftaSetElem.DATA, elemData(set, elem), set.dlen);
  }
  if (e.more !== 0) {
    const more = changetype<ElemMore>(e.more);
    exprsDump(more.exprs, more.exprsLen, more.nexprs, out, NftaSetElem.EXPR, NftaSetElem.EXPRESSIONS, reset);
    if (more.obj !== 0) {
      const name = changetype<Named>(more.obj).name;
      nlaPutString(out, NftaSetElem.OBJREF, textPtr(name), textLen(name));
    }
  }
  if (e.flags !== 0) nlaPutBe32(out, NftaSetElem.FLAGS, e.flags);
  if (e.more !== 0) {
    const more = changetype<ElemMore>(e.more);
    if (more.expires !== 0) {
      if (more.timeout !== set.timeout) nlaPutBe64(out, NftaSetElem.TIMEOUT, more.timeout);
      const now = root().now;
      const left = now < more.expires ? (more.expires - now) / NS_PER_MS : 0;
      nlaPutBe64(out, NftaSetElem.EXPIRATION, left);
    }
    if (more.udata !== 0) nlaPut(out, NftaSetElem.USERDATA, textPtr(more.udata), textLen(more.udata));
  }
  nlaNestEnd(out, nest);
  if (out.full === 0) return true;
  out.full = 0;
  nlaNestCancel(out, nest);
  return false;
}

/** Begins a message of elements of `set`. */
function listBegin(ctx: Ctx, set: NftSet): usize {
  const table = tableOf(changetype<Named>(changetype<usize>(set)));
  const msg = nftMsgBegin(ctx, NftMsg.NEWSETELEM, table.family);
  nlaPutString(ctx.out, NftaSetElemList.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(ctx.out, NftaSetElemList.SET, textPtr(set.name), textLen(set.name));
  return msg;
}

/** One element as a message of its own; false: it did not fit. */
export function setElemFill(ctx: Ctx, set: NftSet, elem: usize, reset: bool): bool {
  const msg = listBegin(ctx, set);
  const nest = nlaNestStart(ctx.out, NftaSetElemList.ELEMENTS);
  if (!elemFill(ctx, set, elem, reset)) return false;
  nlaNestEnd(ctx.out, nest);
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETSETELEM with NLM_F_DUMP: CURSOR: [0] begun, [1..3] of setWalk. */
export function setElemDump(ctx: Ctx, cursor: usize, reset: bool): i32 {
  const tb = tbPush(ctx, NftaSetElemList.MAX);
  let err = ctx.parse(tb, NftaSetElemList.MAX, LIST_POLICY);
  let p: usize = 0;
  if (err === 0) {
    if (tbGet(tb, NftaSetElemList.TABLE) === 0 || tbGet(tb, NftaSetElemList.SET) === 0) err = -Errno.EINVAL;
    else p = setOfList(ctx, tb, true);
    if (err === 0 && p === 0) err = -Errno.ENOENT;
  }
  tbPop(ctx, tb);
  if (err !== 0) return err;
  const set = changetype<NftSet>(p);
  const begun = load<u32>(cursor) !== 0;
  store<u32>(cursor, 1);
  let any = false;
  const held = changetype<usize>(set) + offsetof<NftSet>('walk0');
  // Messages as long as Linux makes them: what fits a page and some.
  while (nftMsgFits(ctx)) {
    const msg = listBegin(ctx, set);
    const nest = nlaNestStart(ctx.out, NftaSetElemList.ELEMENTS);
    let n: u32 = 0;
    let end = false;
    for (;;) {
      memory.copy(held, cursor + 4, 12);
      const elem = setWalk(set, cursor + 4);
      if (elem === 0) {
        end = true;
        break;
      }
      if ((changetype<Elem>(elem).state & INACTIVE_NOW) !== 0 || elemExpired(elem)) continue;
      if (ctx.out.at - msg > 16000 || !elemFill(ctx, set, elem, reset)) {
        memory.copy(cursor + 4, held, 12);
        break;
      }
      n++;
    }
    // A set without elements is one message, too.
    if (n === 0 && (begun || any)) {
      ctx.out.at = msg;
      ctx.out.full = 0;
      break;
    }
    nlaNestEnd(ctx.out, nest);
    nftMsgEnd(ctx, msg);
    any = true;
    if (end) break;
  }
  return 0;
}

/** NFT_MSG_GETSETELEM: the elements that are asked for. */
export function setElemGet(ctx: Ctx, reset: bool): i32 {
  const tb = tbPush(ctx, NftaSetElemList.MAX);
  let err = ctx.parse(tb, NftaSetElemList.MAX, LIST_POLICY);
  if (err === 0) err = getList(ctx, tb, reset);
  tbPop(ctx, tb);
  return err;
}

function getList(ctx: Ctx, tb: usize, reset: bool): i32 {
  const list = tbGet(tb, NftaSetElemList.ELEMENTS);
  if (list === 0 || tbGet(tb, NftaSetElemList.TABLE) === 0 || tbGet(tb, NftaSetElemList.SET) === 0)
    return -Errno.EINVAL;
  const p = setOfList(ctx, tb, true);
  if (p === 0) return -Errno.ENOENT;
  const set = changetype<NftSet>(p);
  let at = nlaData(list);
  let left = nlaLen(list);
  while (nlaOk(at, left)) {
    const err = getOne(ctx, set, at, reset);
    if (err !== 0) return err;
    const step = nlaStep(at, left);
    at += step;
    left -= step;
  }
  return 0;
}

function getOne(ctx: Ctx, set: NftSet, nla: usize, reset: bool): i32 {
  const tb = tbPush(ctx, NftaSetElem.MAX);
  let err = nlaParseNested(tb, NftaSetElem.MAX, nla, ELEM_POLICY);
  const draft = err === 0 ? elemAlloc(set) : 0;
  if (err === 0 && draft === 0) err = -Errno.ENOMEM;
  if (err === 0) err = keyOf(ctx, set, tb, draft);
  tbPop(ctx, tb);
  const found = err === 0 ? setGetLike(set, draft) : 0;
  kfree(draft);
  if (err !== 0) return err;
  if (found === 0) return -Errno.ENOENT;
  return setElemFill(ctx, set, found, reset) ? 0 : -Errno.ENOSPC;
}
