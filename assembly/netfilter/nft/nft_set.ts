/**
 * Sets and maps: making, ending and dumping them. Their elements are in nft_setelem, how elements are kept in
 * nft_set_hash (single values), nft_set_rbtree (intervals) and nft_set_pipapo (concatenated ranges). Linux:
 * nf_tables_newset and the like in net/netfilter/nf_tables_api.c.
 *
 *   element │ node (8 bytes: chain of the hash table, or children in the tree) │ state, flags │ ElemMore │ key │ key end │ data │
 */
import {
  NFTA_LIST_ELEM,
  NFT_DATA_RESERVED_MASK,
  NFT_DATA_VALUE_MAXLEN,
  NFT_DATA_VERDICT,
  NFT_REG32_COUNT,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONCAT,
  NFT_SET_CONSTANT,
  NFT_SET_EVAL,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFT_SET_TIMEOUT,
  NftMsg,
  NftObject,
  NftaSet,
  NftaSetDesc,
  NftaSetField,
} from '../../abi/nf_tables';
import { SetBackend } from '../../abi/nft_set';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../abi/nfnl';
import { Op } from '../../abi/ops';
import { kfree, kmalloc, kzalloc } from '../../lib/kmalloc';
import { TagTable } from '../../lib/tag_table';
import { TIMER_BYTES, Timer, timerDel, timerSetup } from '../../lib/timer_wheel';
import { Errno } from '../../net/errno';
import {
  NlOut,
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaOk,
  nlaParseNested,
  nlaPut,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  nlaStep,
  nlaStrlen,
  nlaType,
  tbGet,
} from '../nlattr';
import {
  INACTIVE_NEXT,
  Named,
  NftKind,
  Table,
  activeNext,
  namedAdd,
  namedByHandle,
  namedLookup,
  tableHead,
  tableLookup,
  tableOf,
  textIs,
  textLen,
  textNew,
  textOf,
  textPtr,
} from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { exprsDestroy, exprsDump, exprsParse } from './nft_expr';
import { nftMsgBegin, nftMsgEnd } from './nft_msg';
import { setBackendExit, setBackendInit, setFreeNext, setMake, setPut, setWalkData } from './nft_set_backend';
import { TransKind, transAdd } from './nft_trans';

export { SetBackend };

@unmanaged
@final
export class NftSet extends Named {
  flags: u32;
  ktype: u32;
  klen: u32;
  dtype: u32;
  dlen: u32;
  /** NFT_SET_POL_*, elements at most (0: no bound), their time and how often those that ended are looked for, ms. */
  policy: u32;
  size: u32;
  gcInt: u32;
  timeout: u64;
  /** Elements that count against `size`. */
  nelems: u32;
  /** Expressions that use it. */
  bindings: u32;
  backend: u8;
  fieldCount: u8;
  /** 1: elements changed in the open transaction. */
  dirty: u8;
  nexprs: u8;
  /** What every new element gets: records, and their bytes. */
  exprs: usize;
  exprsLen: u32;
  /** Offsets in an element: end of the key (0: none), data (0: none); its size. */
  keyEndAt: u16;
  dataAt: u16;
  elemBytes: u32;
  /** HASH: TagTable of all elements. RBTREE: root of the tree. */
  store: usize;
  /** What packets look things up in, and what they will from the commit on (RBTREE, PIPAPO). */
  look: usize;
  lookNext: usize;
  /** The element of `*`, or 0: elements in a list by `hnext`. */
  catchall: usize;
  /** Timer that ends elements, or 0. */
  gc: usize;
  /** Oldest first: elements of PIPAPO in the order they came. */
  orderHead: usize;
  orderTail: usize;
  /** Bytes of each field of a concatenation. */
  field0: u64;
  field1: u64;
  /** Cursor of walks over all elements. */
  walk0: u64;
  walk1: u64;

  table0(): TagTable {
    return changetype<TagTable>(this.store);
  }

  /** Made without a rule that uses it. */
  unbound(): bool {
    return (
      (this.flags & NFT_SET_ANONYMOUS) !== 0 && this.bindings === 0 && (this.state & INACTIVE_NEXT) === 0
    );
  }

  updateCommit(gcInt: u32, timeout: usize, size: u32): void {
    this.gcInt = gcInt;
    if (timeout !== 0) this.timeout = load<u64>(timeout);
    if (size !== 0) this.size = size;
    kfree(timeout);
  }

  dropNext(): void {
    this.dirty = 0;
    setFreeNext(this);
  }

  field(i: u32): u32 {
    return load<u8>(changetype<usize>(this) + offsetof<NftSet>('field0') + i);
  }
}

export const SET_POLICY = memory.data<u8>([
  0, 0, 5, 255, 5, 255, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 6, 0, 3, 0, 4, 0, 3, 0, 7, 255, 0, 0, 3, 0, 4, 0,
  6, 0, 6, 0, 5, 255, 3, 0,
]);
const DESC_POLICY = memory.data<u8>([0, 0, 3, 0, 6, 0]);
const FIELD_POLICY = memory.data<u8>([0, 0, 3, 0]);
const FLAGS_ALL: u32 = 0x1ff;
/** Elements that a set without `size` may have. */
export const SET_MAX: u32 = 1 << 24;

/** The set of that name, or made in this transaction under that id; 0: none. */
export function setLookupNla(table: Table, name: usize, id: usize): usize {
  const p = name === 0 ? 0 : namedLookup(table, NftKind.SET, name, 0, false);
  if (p !== 0 || id === 0) return p;
  const wanted = nlaBe32(id);
  for (let at = tableHead(table, NftKind.SET); at !== 0; at = changetype<Named>(at).next) {
    const set = changetype<Named>(at);
    if (set.id === wanted && wanted !== 0 && activeNext(set.state)) return at;
  }
  return 0;
}

/** NFT_MSG_NEWSET */
export function setNew(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaSet.MAX);
  let err = ctx.parse(tb, NftaSet.MAX, SET_POLICY);
  if (err === 0) err = setNewTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

function setNewTb(ctx: Ctx, tb: usize): i32 {
  const name = tbGet(tb, NftaSet.NAME);
  if (tbGet(tb, NftaSet.TABLE) === 0 || name === 0 || tbGet(tb, NftaSet.KEY_LEN) === 0) return -Errno.EINVAL;
  if (tbGet(tb, NftaSet.ID) === 0) return -Errno.EINVAL;
  const p = kzalloc(offsetof<NftSet>());
  if (p === 0) return -Errno.ENOMEM;
  const draft = changetype<NftSet>(p);
  let err = setDraft(ctx, tb, draft);
  if (err === 0) err = setPlace(ctx, tb, draft);
  // 1: it was there already, and as asked.
  if (err !== 0) {
    exprsDestroy(draft.exprs, draft.exprsLen, false);
    kfree(draft.exprs);
    kfree(draft.udata);
    setBackendExit(draft);
    kfree(draft.gc);
    kfree(p);
  }
  return err === 1 ? 0 : err;
}

/** Reads what the set is to be. */
function setDraft(ctx: Ctx, tb: usize, set: NftSet): i32 {
  const ktype = tbGet(tb, NftaSet.KEY_TYPE);
  if (ktype !== 0) {
    set.ktype = nlaBe32(ktype);
    if ((set.ktype & NFT_DATA_RESERVED_MASK) === NFT_DATA_RESERVED_MASK) return -Errno.EINVAL;
  }
  set.klen = nlaBe32(tbGet(tb, NftaSet.KEY_LEN));
  if (set.klen === 0 || set.klen > NFT_DATA_VALUE_MAXLEN) return -Errno.EINVAL;
  const flags = tbGet(tb, NftaSet.FLAGS);
  if (flags !== 0) {
    set.flags = nlaBe32(flags);
    const f = set.flags;
    if ((f & ~FLAGS_ALL) !== 0) return -Errno.EOPNOTSUPP;
    if ((f & (NFT_SET_MAP | NFT_SET_OBJECT)) === (NFT_SET_MAP | NFT_SET_OBJECT)) return -Errno.EOPNOTSUPP;
    if ((f & (NFT_SET_EVAL | NFT_SET_OBJECT)) === (NFT_SET_EVAL | NFT_SET_OBJECT)) return -Errno.EOPNOTSUPP;
    if ((f & NFT_SET_ANONYMOUS) !== 0 && (f & NFT_SET_TIMEOUT) !== 0) return -Errno.EOPNOTSUPP;
    if ((f & (NFT_SET_CONSTANT | NFT_SET_TIMEOUT)) === (NFT_SET_CONSTANT | NFT_SET_TIMEOUT))
      return -Errno.EOPNOTSUPP;
  }
  const dtype = tbGet(tb, NftaSet.DATA_TYPE);
  if (dtype !== 0) {
    if ((set.flags & NFT_SET_MAP) === 0) return -Errno.EINVAL;
    set.dtype = nlaBe32(dtype);
    const reserved = (set.dtype & NFT_DATA_RESERVED_MASK) === NFT_DATA_RESERVED_MASK;
    if (reserved && set.dtype !== NFT_DATA_VERDICT) return -Errno.EINVAL;
    if (reserved) set.dlen = 16;
    else {
      if (tbGet(tb, NftaSet.DATA_LEN) === 0) return -Errno.EINVAL;
      set.dlen = nlaBe32(tbGet(tb, NftaSet.DATA_LEN));
      if (set.dlen === 0 || set.dlen > NFT_DATA_VALUE_MAXLEN) return -Errno.EINVAL;
    }
  } else if ((set.flags & NFT_SET_MAP) !== 0) return -Errno.EINVAL;
  const objType = tbGet(tb, NftaSet.OBJ_TYPE);
  if (objType !== 0) {
    if ((set.flags & NFT_SET_OBJECT) === 0) return -Errno.EINVAL;
    const type = nlaBe32(objType);
    if (type === 0 || type > <u32>NftObject.SYNPROXY) return -Errno.EOPNOTSUPP;
    set.objType = <u16>type;
  } else if ((set.flags & NFT_SET_OBJECT) !== 0) return -Errno.EINVAL;
  const timeout = tbGet(tb, NftaSet.TIMEOUT);
  if (timeout !== 0) {
    if ((set.flags & NFT_SET_TIMEOUT) === 0) return -Errno.EINVAL;
    set.timeout = nlaBe64(timeout);
  }
  const gc = tbGet(tb, NftaSet.GC_INTERVAL);
  if (gc !== 0) {
    if ((set.flags & NFT_SET_TIMEOUT) === 0) return -Errno.EINVAL;
    set.gcInt = nlaBe32(gc);
  }
  const policy = tbGet(tb, NftaSet.POLICY);
  if (policy !== 0) set.policy = nlaBe32(policy);
  const desc = tbGet(tb, NftaSet.DESC);
  if (desc !== 0) {
    const err = descParse(ctx, desc, set);
    if (err !== 0) return err;
  }
  if (set.fieldCount > 1 !== ((set.flags & NFT_SET_CONCAT) !== 0)) return -Errno.EINVAL;
  return 0;
}

function descParse(ctx: Ctx, nla: usize, set: NftSet): i32 {
  const tb = tbPush(ctx, NftaSetDesc.MAX);
  let err = nlaParseNested(tb, NftaSetDesc.MAX, nla, DESC_POLICY);
  if (err === 0 && tbGet(tb, NftaSetDesc.SIZE) !== 0) set.size = nlaBe32(tbGet(tb, NftaSetDesc.SIZE));
  const concat = tbGet(tb, NftaSetDesc.CONCAT);
  tbPop(ctx, tb);
  if (err !== 0 || concat === 0) return err;
  let at = nlaData(concat);
  let left = nlaLen(concat);
  let bytes: u32 = 0;
  while (nlaOk(at, left)) {
    if (nlaType(at) !== NFTA_LIST_ELEM) return -Errno.EINVAL;
    if (<u32>set.fieldCount >= NFT_REG32_COUNT) return -Errno.E2BIG;
    const fb = tbPush(ctx, NftaSetField.MAX);
    err = nlaParseNested(fb, NftaSetField.MAX, at, FIELD_POLICY);
    const len = tbGet(fb, NftaSetField.LEN);
    tbPop(ctx, fb);
    if (err !== 0) return err;
    if (len === 0) return -Errno.EINVAL;
    const n = nlaBe32(len);
    if (n === 0 || n > NFT_DATA_VALUE_MAXLEN) return -Errno.ERANGE;
    store<u8>(changetype<usize>(set) + offsetof<NftSet>('field0') + set.fieldCount, <u8>n);
    set.fieldCount++;
    bytes += (n + 3) & ~3;
    const step = nlaStep(at, left);
    at += step;
    left -= step;
  }
  return set.fieldCount > 1 && bytes !== set.klen ? -Errno.EINVAL : 0;
}

/** Into its table, or 1: such a set is there already. */
function setPlace(ctx: Ctx, tb: usize, set: NftSet): i32 {
  const table = tableLookup(ctx.nn, tbGet(tb, NftaSet.TABLE), ctx.family, false);
  if (table === null) return badAttr(ctx, tbGet(tb, NftaSet.TABLE), -Errno.ENOENT);
  ctx.table = table;
  const name = tbGet(tb, NftaSet.NAME);
  const there = namedLookup(table, NftKind.SET, name, 0, false);
  if (there !== 0) {
    if ((ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, name, -Errno.EEXIST);
    if ((ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EOPNOTSUPP;
    return setUpdate(ctx, changetype<NftSet>(there), set);
  }
  if ((ctx.flags & NLM_F_CREATE) === 0) return -Errno.ENOENT;
  set.nexprs = 0;
  const one = tbGet(tb, NftaSet.EXPR);
  const list = tbGet(tb, NftaSet.EXPRESSIONS);
  if (one !== 0 || list !== 0) {
    const err = exprsParse(ctx, one, list, set);
    if (err !== 0) return err;
  }
  const err = setBackendInit(set);
  if (err !== 0) return err;
  const udata = tbGet(tb, NftaSet.USERDATA);
  if (udata !== 0 && nlaLen(udata) !== 0) {
    set.udata = textNew(nlaData(udata), nlaLen(udata));
    if (set.udata === 0) return -Errno.ENOMEM;
  }
  set.id = nlaBe32(tbGet(tb, NftaSet.ID));
  const text = isPattern(name) ? numbered(table, name) : textOf(name);
  if (text === 0) return -Errno.ENOMEM;
  if (
    table.use === u32.MAX_VALUE ||
    !namedAdd(table, changetype<Named>(changetype<usize>(set)), NftKind.SET, text)
  ) {
    kfree(text);
    return -Errno.ENOMEM;
  }
  if (transAdd(ctx.nn, TransKind.SET_NEW, changetype<usize>(set), ctx.seq) === null) {
    setUnplace(set);
    return -Errno.ENOMEM;
  }
  table.use++;
  return 0;
}

function setUnplace(set: NftSet): void {
  setPut(set);
  kfree(set.name);
  set.name = 0;
}

/** Offset of `%d` in a name; its length when there is none. */
function patternAt(nla: usize): u32 {
  const ptr = nlaData(nla);
  const len = nlaStrlen(nla);
  let at: u32 = 0;
  while (at + 1 < len && (load<u8>(ptr + at) !== 37 || load<u8>(ptr + at + 1) !== 100)) at++;
  return at + 1 < len ? at : len;
}

function isPattern(nla: usize): bool {
  return patternAt(nla) < nlaStrlen(nla);
}

/** `__set%d` with the lowest number that no set of the table has. */
function numbered(table: Table, name: usize): usize {
  const ptr = nlaData(name);
  const len = nlaStrlen(name);
  const at = patternAt(name);
  const buf = kmalloc(len + 16);
  if (buf === 0) return 0;
  memory.copy(buf, ptr, at);
  for (let n: u32 = 0; n < 1 << 20; n++) {
    let digits: u32 = 1;
    for (let v = n; v > 9; v /= 10) digits++;
    let v = n;
    for (let i = digits; i > 0; i--) {
      store<u8>(buf + at + i - 1, <u8>(48 + (v % 10)));
      v /= 10;
    }
    memory.copy(buf + at + digits, ptr + at + 2, len - at - 2);
    const total = len - 2 + digits;
    if (free(table, buf, total)) {
      const text = textNew(buf, total);
      kfree(buf);
      return text;
    }
  }
  kfree(buf);
  return 0;
}

function free(table: Table, ptr: usize, len: u32): bool {
  for (let p = tableHead(table, NftKind.SET); p !== 0; p = changetype<Named>(p).next) {
    if (activeNext(changetype<Named>(p).state) && textIs(changetype<Named>(p).name, ptr, len)) return false;
  }
  return true;
}

/** A set that is there: its times and size may change, nothing else. */
function setUpdate(ctx: Ctx, set: NftSet, draft: NftSet): i32 {
  const same =
    set.flags === draft.flags &&
    set.klen === draft.klen &&
    set.dtype === draft.dtype &&
    set.dlen === draft.dlen &&
    set.objType === draft.objType &&
    set.policy === draft.policy &&
    set.fieldCount === draft.fieldCount &&
    set.field0 === draft.field0 &&
    set.field1 === draft.field1;
  if (!same) return -Errno.EEXIST;
  if ((set.flags & NFT_SET_ANONYMOUS) !== 0) return -Errno.EOPNOTSUPP;
  if (set.timeout === draft.timeout && set.gcInt === draft.gcInt && set.size === draft.size) return 1;
  const timeout = kmalloc(8);
  if (timeout === 0) return -Errno.ENOMEM;
  store<u64>(timeout, draft.timeout);
  const t = transAdd(ctx.nn, TransKind.SET_UPD, changetype<usize>(set), ctx.seq);
  if (t === null) {
    kfree(timeout);
    return -Errno.ENOMEM;
  }
  t.a = draft.gcInt;
  t.b = timeout;
  t.c = draft.size;
  return 1;
}

/** NFT_MSG_DELSET, DESTROYSET */
export function setDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaSet.MAX);
  let err = ctx.parse(tb, NftaSet.MAX, SET_POLICY);
  if (err === 0) err = setDelTb(ctx, tb, destroy);
  tbPop(ctx, tb);
  return err;
}

function setDelTb(ctx: Ctx, tb: usize, destroy: bool): i32 {
  if (tbGet(tb, NftaSet.TABLE) === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tbGet(tb, NftaSet.TABLE), ctx.family, false);
  if (table === null) return destroy ? 0 : badAttr(ctx, tbGet(tb, NftaSet.TABLE), -Errno.ENOENT);
  ctx.table = table;
  const handle = tbGet(tb, NftaSet.HANDLE);
  const name = tbGet(tb, NftaSet.NAME);
  if (handle === 0 && name === 0) return -Errno.EINVAL;
  const which = handle !== 0 ? handle : name;
  const p =
    handle !== 0
      ? namedByHandle(table, NftKind.SET, nlaBe64(handle), 0, false)
      : namedLookup(table, NftKind.SET, name, 0, false);
  if (p === 0) return destroy ? 0 : badAttr(ctx, which, -Errno.ENOENT);
  const set = changetype<NftSet>(p);
  if (set.use !== 0) return badAttr(ctx, which, -Errno.EBUSY);
  return setDelOne(ctx, set);
}

/** From the transaction's sight. */
export function setDelOne(ctx: Ctx, set: NftSet): i32 {
  if (transAdd(ctx.nn, TransKind.SET_DEL, changetype<usize>(set), ctx.seq) === null) return -Errno.ENOMEM;
  setMapDeactivate(set);
  set.state |= INACTIVE_NEXT;
  tableOf(changetype<Named>(changetype<usize>(set))).use--;
  return 0;
}

/** What elements name (chains, objects) is let go of, or held again. */
export function setMapDeactivate(set: NftSet): void {
  if ((set.flags & (NFT_SET_MAP | NFT_SET_OBJECT)) !== 0) setWalkData(set, false);
}

export function setMapActivate(set: NftSet): void {
  if ((set.flags & (NFT_SET_MAP | NFT_SET_OBJECT)) !== 0) setWalkData(set, true);
}

/** Frees a set and its elements; what they name was let go of before. */
export function setDestroy(set: NftSet): void {
  setBackendExit(set);
  if (set.gc !== 0) timerDel(changetype<Timer>(set.gc));
  kfree(set.gc);
  exprsDestroy(set.exprs, set.exprsLen, true);
  kfree(set.exprs);
  kfree(set.name);
  kfree(set.udata);
  kfree(changetype<usize>(set));
}

/** The timer that ends elements, made with the first that has a time; false: no memory. */
export function setGcMake(set: NftSet): bool {
  if (set.gc !== 0) return true;
  set.gc = kzalloc(TIMER_BYTES);
  if (set.gc === 0) return false;
  timerSetup(changetype<Timer>(set.gc), Op.TIMER_NFT_SET, changetype<usize>(set));
  return true;
}

/** Times and the like are made ready for the commit. */
export function setPrepare(set: NftSet): bool {
  return setMake(set);
}

/** What packets look up in becomes what was made ready. */
export function setPublish(set: NftSet): void {
  if (set.lookNext === 0) return;
  kfree(set.look);
  set.look = set.lookNext;
  set.lookNext = 0;
}

export function setFill(ctx: Ctx, set: NftSet): bool {
  const out: NlOut = ctx.out;
  const table = tableOf(changetype<Named>(changetype<usize>(set)));
  const msg = nftMsgBegin(ctx, NftMsg.NEWSET, table.family);
  nlaPutString(out, NftaSet.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(out, NftaSet.NAME, textPtr(set.name), textLen(set.name));
  nlaPutBe64(out, NftaSet.HANDLE, set.handle);
  if (set.flags !== 0) nlaPutBe32(out, NftaSet.FLAGS, set.flags);
  nlaPutBe32(out, NftaSet.KEY_TYPE, set.ktype);
  nlaPutBe32(out, NftaSet.KEY_LEN, set.klen);
  if ((set.flags & NFT_SET_MAP) !== 0) {
    nlaPutBe32(out, NftaSet.DATA_TYPE, set.dtype);
    nlaPutBe32(out, NftaSet.DATA_LEN, set.dlen);
  }
  if ((set.flags & NFT_SET_OBJECT) !== 0) nlaPutBe32(out, NftaSet.OBJ_TYPE, set.objType);
  if (set.timeout !== 0) nlaPutBe64(out, NftaSet.TIMEOUT, set.timeout);
  if (set.gcInt !== 0) nlaPutBe32(out, NftaSet.GC_INTERVAL, set.gcInt);
  if (set.policy !== 0) nlaPutBe32(out, NftaSet.POLICY, set.policy);
  if (set.udata !== 0) nlaPut(out, NftaSet.USERDATA, textPtr(set.udata), textLen(set.udata));
  const desc = nlaNestStart(out, NftaSet.DESC);
  if (set.size !== 0) nlaPutBe32(out, NftaSetDesc.SIZE, set.size);
  if (set.fieldCount > 1) {
    const concat = nlaNestStart(out, NftaSetDesc.CONCAT);
    for (let i: u32 = 0; i < <u32>set.fieldCount; i++) {
      const field = nlaNestStart(out, NFTA_LIST_ELEM);
      nlaPutBe32(out, NftaSetField.LEN, set.field(i));
      nlaNestEnd(out, field);
    }
    nlaNestEnd(out, concat);
  }
  nlaNestEnd(out, desc);
  nlaPutString(
    out,
    NftaSet.TYPE,
    BACKEND_NAMES + ((<u32>set.backend) << 4),
    load<u8>(BACKEND_NAMES + ((<u32>set.backend) << 4), 15),
  );
  nlaPutBe32(out, NftaSet.COUNT, set.backend === <u8>SetBackend.RBTREE ? set.nelems >> 1 : set.nelems);
  exprsDump(set.exprs, set.exprsLen, set.nexprs, out, NftaSet.EXPR, NftaSet.EXPRESSIONS, false);
  return nftMsgEnd(ctx, msg);
}

/** `nft_set_hash`, `nft_set_rbtree`, `nft_set_pipapo`; the last byte is the length. */
const BACKEND_NAMES = memory.data<u8>([
  110, 102, 116, 95, 115, 101, 116, 95, 104, 97, 115, 104, 0, 0, 0, 12, 110, 102, 116, 95, 115, 101, 116, 95,
  114, 98, 116, 114, 101, 101, 0, 14, 110, 102, 116, 95, 115, 101, 116, 95, 112, 105, 112, 97, 112, 111, 0,
  14,
]);

export function setTable(set: NftSet): TagTable {
  return set.table0();
}
