/**
 * Objects: counters, quotas, limits and the like with a name. Linux: nf_tables_newobj in net/netfilter/nf_tables_api.c.
 *
 * An object holds the record of the expression of its kind; those of tracking (ct helper, timeout, expectation) have
 * records of their own. Tunnel and secmark are refused: there is nothing here that they could be of.
 */
import { NftMsg, NftObject, NftaObj } from '../../abi/nf_tables';
import { Nb, NftExprKind } from '../../abi/nft_bytecode';
import { NLM_F_EXCL, NLM_F_REPLACE } from '../../abi/nfnl';
import { kfree, kmalloc, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import {
  NlOut,
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaPut,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  tbGet,
} from '../nlattr';
import {
  INACTIVE_NEXT,
  Named,
  NftKind,
  Obj,
  Table,
  activeNow,
  namedAdd,
  namedByHandle,
  namedLookup,
  namedRemove,
  tableDumped,
  tableHead,
  tableLookup,
  tableOf,
  textLen,
  textNew,
  textOf,
  textPtr,
} from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { connlimitDump } from './nft_connlimit';
import { CT_EXPECT_SIZE, ctExpectDump, ctExpectInit } from './nft_ct_expect';
import { CT_HELPER_SIZE, ctHelperDump, ctHelperInit } from './nft_ct_helper';
import { CT_TIMEOUT_SIZE, ctTimeoutDestroy, ctTimeoutDump, ctTimeoutInit } from './nft_ct_timeout';
import { counterDump } from './nft_counter';
import { exprInitType, exprsDestroy } from './nft_expr';
import { limitDump } from './nft_limit';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { quotaDump, quotaUpdate } from './nft_quota';
import { trackGet } from './nft_track';
import { TransKind, transAdd } from './nft_trans';
import { NftType } from './nft_type';

const POLICY = memory.data<u8>([0, 0, 5, 255, 5, 255, 3, 0, 6, 0, 3, 0, 4, 0, 0, 0, 7, 255]);
const DATA_MAX: u32 = 128;

/** The expression that an object of this type is; COUNT: not there. */
function exprType(type: u32): u32 {
  if (type === <u32>NftObject.COUNTER) return NftType.COUNTER;
  if (type === <u32>NftObject.QUOTA) return NftType.QUOTA;
  if (type === <u32>NftObject.LIMIT) return NftType.LIMIT;
  if (type === <u32>NftObject.CONNLIMIT) return NftType.CONNLIMIT;
  return NftType.COUNT;
}

/** The record that an object of tracking is; NONE: it is not one. */
function ctKind(type: u32): u32 {
  if (type === <u32>NftObject.CT_HELPER) return NftExprKind.CT_HELPER;
  if (type === <u32>NftObject.CT_TIMEOUT) return NftExprKind.CT_TIMEOUT;
  return type === <u32>NftObject.CT_EXPECT ? NftExprKind.CT_EXPECT : NftExprKind.NONE;
}

/** NFT_MSG_NEWOBJ */
export function objNew(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaObj.MAX);
  let err = ctx.parse(tb, NftaObj.MAX, POLICY);
  if (err === 0) err = newTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

function newTb(ctx: Ctx, tb: usize): i32 {
  const name = tbGet(tb, NftaObj.NAME);
  const data = tbGet(tb, NftaObj.DATA);
  if (tbGet(tb, NftaObj.TYPE) === 0 || name === 0 || data === 0) return -Errno.EINVAL;
  const tableName = tbGet(tb, NftaObj.TABLE);
  if (tableName === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  ctx.table = table;
  const type = nlaBe32(tbGet(tb, NftaObj.TYPE));
  const there = namedLookup(table, NftKind.OBJ, name, type, false);
  if (there !== 0 && (ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, name, -Errno.EEXIST);
  if (there !== 0 && (ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EOPNOTSUPP;
  const kind = ctKind(type);
  const expr = exprType(type);
  if (expr === <u32>NftType.COUNT && kind === <u32>NftExprKind.NONE) return -Errno.EOPNOTSUPP;
  const rec = kmalloc(DATA_MAX);
  if (rec === 0) return -Errno.ENOMEM;
  const size =
    kind !== <u32>NftExprKind.NONE
      ? ctObjInit(ctx, kind, rec, data)
      : exprInitType(ctx, expr, data, rec, DATA_MAX);
  if (size < 0) {
    kfree(rec);
    return size;
  }
  if (there !== 0) {
    // Linux: a type without update lets it be.
    const t = type === <u32>NftObject.QUOTA ? transAdd(ctx.nn, TransKind.OBJ_UPD, there, ctx.seq) : null;
    if (t !== null) t.b = rec;
    else dataFree(rec);
    return t === null && type === <u32>NftObject.QUOTA ? -Errno.ENOMEM : 0;
  }
  const err = place(ctx, table, tb, name, type, rec);
  if (err !== 0) dataFree(rec);
  return err;
}

function dataFree(rec: usize): void {
  if (rec !== 0) exprsDestroy(rec, load<u16>(rec, Nb.SIZE), true);
  kfree(rec);
}

function ctObjInit(ctx: Ctx, kind: u32, rec: usize, data: usize): i32 {
  memory.fill(rec, 0, DATA_MAX);
  let size = CT_HELPER_SIZE;
  let err: i32 = 0;
  if (kind === <u32>NftExprKind.CT_HELPER) err = ctHelperInit(ctx, rec, data);
  else if (kind === <u32>NftExprKind.CT_TIMEOUT) {
    size = CT_TIMEOUT_SIZE;
    err = ctTimeoutInit(ctx, rec, data);
  } else {
    size = CT_EXPECT_SIZE;
    err = ctExpectInit(ctx, rec, data);
  }
  if (err !== 0) return err;
  store<u8>(rec, <u8>kind);
  store<u16>(rec, <u16>size, Nb.SIZE);
  err = trackGet(ctx, kind, rec);
  if (err !== 0 && kind === <u32>NftExprKind.CT_TIMEOUT) ctTimeoutDestroy(rec);
  return err;
}

function place(ctx: Ctx, table: Table, tb: usize, name: usize, type: u32, rec: usize): i32 {
  const p = kzalloc(offsetof<Obj>());
  const text = textOf(name);
  if (p === 0 || text === 0) {
    kfree(p);
    kfree(text);
    return -Errno.ENOMEM;
  }
  const obj = changetype<Obj>(p);
  obj.data = rec;
  obj.objType = <u16>type;
  const udata = tbGet(tb, NftaObj.USERDATA);
  if (udata !== 0) obj.udata = textNew(nlaData(udata), nlaLen(udata));
  if (!namedAdd(table, changetype<Named>(p), NftKind.OBJ, text)) {
    kfree(obj.udata);
    kfree(text);
    kfree(p);
    return -Errno.ENOMEM;
  }
  if (transAdd(ctx.nn, TransKind.OBJ_NEW, p, ctx.seq) === null) {
    namedRemove(changetype<Named>(p));
    kfree(obj.udata);
    kfree(text);
    kfree(p);
    return -Errno.ENOMEM;
  }
  table.use++;
  return 0;
}

export function objUpdateCommit(obj: Obj, rec: usize): void {
  if (<u32>obj.objType === <u32>NftObject.QUOTA) quotaUpdate(obj.data, rec);
  dataFree(rec);
}

export function objUpdateAbort(_obj: Obj, rec: usize): void {
  dataFree(rec);
}

export function objDestroy(obj: Obj): void {
  dataFree(obj.data);
  kfree(obj.name);
  kfree(obj.udata);
  kfree(changetype<usize>(obj));
}

/** NFT_MSG_DELOBJ, DESTROYOBJ */
export function objDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaObj.MAX);
  let err = ctx.parse(tb, NftaObj.MAX, POLICY);
  if (err === 0) err = delTb(ctx, tb, destroy);
  tbPop(ctx, tb);
  return err;
}

function delTb(ctx: Ctx, tb: usize, destroy: bool): i32 {
  const name = tbGet(tb, NftaObj.NAME);
  const handle = tbGet(tb, NftaObj.HANDLE);
  if (tbGet(tb, NftaObj.TYPE) === 0 || (name === 0 && handle === 0)) return -Errno.EINVAL;
  const tableName = tbGet(tb, NftaObj.TABLE);
  if (tableName === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return destroy ? 0 : badAttr(ctx, tableName, -Errno.ENOENT);
  const type = nlaBe32(tbGet(tb, NftaObj.TYPE));
  const p =
    handle !== 0
      ? namedByHandle(table, NftKind.OBJ, nlaBe64(handle), type, false)
      : namedLookup(table, NftKind.OBJ, name, type, false);
  const which = handle !== 0 ? handle : name;
  if (p === 0) return destroy ? 0 : badAttr(ctx, which, -Errno.ENOENT);
  if (changetype<Obj>(p).use > 0) return badAttr(ctx, which, -Errno.EBUSY);
  return objDelOne(ctx, changetype<Obj>(p));
}

export function objDelOne(ctx: Ctx, obj: Obj): i32 {
  if (transAdd(ctx.nn, TransKind.OBJ_DEL, changetype<usize>(obj), ctx.seq) === null) return -Errno.ENOMEM;
  obj.state |= INACTIVE_NEXT;
  tableOf(changetype<Named>(changetype<usize>(obj))).use--;
  return 0;
}

function dataDump(rec: usize, out: NlOut, reset: bool): void {
  switch (<u32>load<u8>(rec)) {
    case NftExprKind.COUNTER:
      counterDump(rec, out, reset);
      return;
    case NftExprKind.QUOTA:
      quotaDump(rec, out, reset);
      return;
    case NftExprKind.CT_HELPER:
      ctHelperDump(rec, out);
      return;
    case NftExprKind.CT_TIMEOUT:
      ctTimeoutDump(rec, out);
      return;
    case NftExprKind.CT_EXPECT:
      ctExpectDump(rec, out);
      return;
    case NftExprKind.CONNLIMIT:
      connlimitDump(rec, out);
      return;
    case NftExprKind.LIMIT:
      limitDump(rec, out);
      return;
  }
}

export function objFill(ctx: Ctx, table: Table, obj: Obj, reset: bool): bool {
  const out = ctx.out;
  const msg = nftMsgBegin(ctx, NftMsg.NEWOBJ, table.family);
  nlaPutString(out, NftaObj.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(out, NftaObj.NAME, textPtr(obj.name), textLen(obj.name));
  nlaPutBe32(out, NftaObj.TYPE, obj.objType);
  nlaPutBe64(out, NftaObj.HANDLE, obj.handle);
  nlaPutBe32(out, NftaObj.USE, obj.use);
  const nest = nlaNestStart(out, NftaObj.DATA);
  dataDump(obj.data, out, reset);
  nlaNestEnd(out, nest);
  if (obj.udata !== 0) nlaPut(out, NftaObj.USERDATA, textPtr(obj.udata), textLen(obj.udata));
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETOBJ, GETOBJ_RESET with NLM_F_DUMP: CURSOR: [1] how many were told. */
export function objDump(ctx: Ctx, cursor: usize, reset: bool): i32 {
  const tb = tbPush(ctx, NftaObj.MAX);
  const err = ctx.parse(tb, NftaObj.MAX, POLICY);
  const tableName = tbGet(tb, NftaObj.TABLE);
  const typeAttr = tbGet(tb, NftaObj.TYPE);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  const type = typeAttr === 0 ? 0 : nlaBe32(typeAttr);
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let t = ctx.nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!tableDumped(ctx.nn, table, ctx.family, tableName)) continue;
    for (let p = tableHead(table, NftKind.OBJ); p !== 0; p = changetype<Obj>(p).next) {
      const obj = changetype<Obj>(p);
      if (!activeNow(obj.state) || (type !== 0 && <u32>obj.objType !== type)) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (!nftMsgFits(ctx) || !objFill(ctx, table, obj, reset)) return 0;
      store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
    }
  }
  return 0;
}

/** NFT_MSG_GETOBJ, GETOBJ_RESET */
export function objGet(ctx: Ctx, reset: bool): i32 {
  const tb = tbPush(ctx, NftaObj.MAX);
  let err = ctx.parse(tb, NftaObj.MAX, POLICY);
  const tableName = tbGet(tb, NftaObj.TABLE);
  const name = tbGet(tb, NftaObj.NAME);
  const type = tbGet(tb, NftaObj.TYPE);
  tbPop(ctx, tb);
  if (err === 0 && (tableName === 0 || name === 0 || type === 0)) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const table = tableLookup(ctx.nn, tableName, ctx.family, true);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  const p = namedLookup(table, NftKind.OBJ, name, nlaBe32(type), true);
  if (p === 0) return badAttr(ctx, name, -Errno.ENOENT);
  objFill(ctx, table, changetype<Obj>(p), reset);
  return 0;
}
