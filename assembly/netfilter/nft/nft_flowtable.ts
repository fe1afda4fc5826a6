/**
 * Flowtables: kept, dumped and referred to. Linux: nf_tables_newflowtable in net/netfilter/nf_tables_api.c. Differs: no
 * short way of flows goes through them (`flow add` lets the packet pass on), the core's own fast path is one already.
 */
import { NftMsg, NftaFlowtable, NftaFlowtableHook } from '../../abi/nf_tables';
import { NLM_F_EXCL, NLM_F_REPLACE, NfProto } from '../../abi/nfnl';
import { kfree, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import {
  nlaBe32,
  nlaBe64,
  nlaNestEnd,
  nlaNestStart,
  nlaParseNested,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  tbGet,
} from '../nlattr';
import {
  Flowtable,
  INACTIVE_NEXT,
  Named,
  NftKind,
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
  textOf,
  textPtr,
} from './nf_tables';
import { devsDump, devsParse, hookDevsFree } from './nft_chain';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { TransKind, transAdd } from './nft_trans';

const POLICY = memory.data<u8>([0, 0, 5, 255, 5, 255, 6, 0, 3, 0, 4, 0, 0, 0, 3, 0]);
const HOOK_POLICY = memory.data<u8>([0, 0, 3, 0, 3, 0, 6, 0]);
const HW_OFFLOAD: u32 = 1;
const COUNTER: u32 = 2;

/** NFT_MSG_NEWFLOWTABLE */
export function flowtableNew(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaFlowtable.MAX);
  let err = ctx.parse(tb, NftaFlowtable.MAX, POLICY);
  if (err === 0) err = newTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

function newTb(ctx: Ctx, tb: usize): i32 {
  const tableName = tbGet(tb, NftaFlowtable.TABLE);
  const name = tbGet(tb, NftaFlowtable.NAME);
  const hook = tbGet(tb, NftaFlowtable.HOOK);
  if (tableName === 0 || name === 0 || hook === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  const there = namedLookup(table, NftKind.FLOWTABLE, name, 0, false);
  if (there !== 0) {
    if ((ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, name, -Errno.EEXIST);
    if ((ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EOPNOTSUPP;
    return 0;
  }
  const ip =
    ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6 || ctx.family === <u32>NfProto.INET;
  if (!ip) return -Errno.ENOENT;
  const p = kzalloc(offsetof<Flowtable>());
  if (p === 0) return -Errno.ENOMEM;
  const ft = changetype<Flowtable>(p);
  const flags = tbGet(tb, NftaFlowtable.FLAGS);
  ft.flags = flags === 0 ? 0 : nlaBe32(flags);
  let err: i32 = (ft.flags & ~(HW_OFFLOAD | COUNTER)) !== 0 ? -Errno.EOPNOTSUPP : 0;
  if (err === 0) err = hookParse(ctx, hook, ft);
  const text = err === 0 ? textOf(name) : 0;
  if (err === 0 && (text === 0 || !namedAdd(table, changetype<Named>(p), NftKind.FLOWTABLE, text)))
    err = -Errno.ENOMEM;
  if (err === 0 && transAdd(ctx.nn, TransKind.FLOW_NEW, p, ctx.seq) === null) {
    namedRemove(changetype<Named>(p));
    err = -Errno.ENOMEM;
  }
  if (err !== 0) {
    kfree(text);
    hookDevsFree(ft.devs);
    kfree(p);
    return err;
  }
  table.use++;
  return 0;
}

function hookParse(ctx: Ctx, nla: usize, ft: Flowtable): i32 {
  const tb = tbPush(ctx, NftaFlowtableHook.MAX);
  let err = nlaParseNested(tb, NftaFlowtableHook.MAX, nla, HOOK_POLICY);
  const num = tbGet(tb, NftaFlowtableHook.NUM);
  const priority = tbGet(tb, NftaFlowtableHook.PRIORITY);
  const devs = tbGet(tb, NftaFlowtableHook.DEVS);
  if (err === 0 && (num === 0 || priority === 0)) err = -Errno.EINVAL;
  if (err === 0) {
    ft.hooknum = nlaBe32(num);
    ft.priority = <i32>nlaBe32(priority);
    if (ft.hooknum !== 0) err = -Errno.EOPNOTSUPP;
  }
  if (err === 0) err = devsParse(ctx, 0, devs, changetype<usize>(ft) + offsetof<Flowtable>('devs'));
  tbPop(ctx, tb);
  return err;
}

/** Nothing of a flowtable changes yet. */
export function flowtableUpdateCommit(_ft: Flowtable): void {}
export function flowtableUpdateAbort(_ft: Flowtable): void {}

export function flowtableDestroy(ft: Flowtable): void {
  hookDevsFree(ft.devs);
  kfree(ft.name);
  kfree(changetype<usize>(ft));
}

/** NFT_MSG_DELFLOWTABLE, DESTROYFLOWTABLE */
export function flowtableDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaFlowtable.MAX);
  let err = ctx.parse(tb, NftaFlowtable.MAX, POLICY);
  const tableName = tbGet(tb, NftaFlowtable.TABLE);
  const name = tbGet(tb, NftaFlowtable.NAME);
  const handle = tbGet(tb, NftaFlowtable.HANDLE);
  tbPop(ctx, tb);
  if (err === 0 && (tableName === 0 || (name === 0 && handle === 0))) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const table = tableLookup(ctx.nn, tableName, ctx.family, false);
  if (table === null) return destroy ? 0 : badAttr(ctx, tableName, -Errno.ENOENT);
  const p =
    handle !== 0
      ? namedByHandle(table, NftKind.FLOWTABLE, nlaBe64(handle), 0, false)
      : namedLookup(table, NftKind.FLOWTABLE, name, 0, false);
  if (p === 0) return destroy ? 0 : badAttr(ctx, handle !== 0 ? handle : name, -Errno.ENOENT);
  if (changetype<Flowtable>(p).use > 0) return -Errno.EBUSY;
  return flowtableDelOne(ctx, changetype<Flowtable>(p));
}

export function flowtableDelOne(ctx: Ctx, ft: Flowtable): i32 {
  if (transAdd(ctx.nn, TransKind.FLOW_DEL, changetype<usize>(ft), ctx.seq) === null) return -Errno.ENOMEM;
  ft.state |= INACTIVE_NEXT;
  tableOf(changetype<Named>(changetype<usize>(ft))).use--;
  return 0;
}

export function flowtableFill(ctx: Ctx, table: Table, ft: Flowtable): bool {
  const out = ctx.out;
  const msg = nftMsgBegin(ctx, NftMsg.NEWFLOWTABLE, table.family);
  nlaPutString(out, NftaFlowtable.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(out, NftaFlowtable.NAME, textPtr(ft.name), textLen(ft.name));
  nlaPutBe64(out, NftaFlowtable.HANDLE, ft.handle);
  nlaPutBe32(out, NftaFlowtable.USE, ft.use);
  nlaPutBe32(out, NftaFlowtable.FLAGS, ft.flags);
  const hook = nlaNestStart(out, NftaFlowtable.HOOK);
  nlaPutBe32(out, NftaFlowtableHook.NUM, ft.hooknum);
  nlaPutBe32(out, NftaFlowtableHook.PRIORITY, <u32>ft.priority);
  devsDump(out, ft.devs, NftaFlowtableHook.DEVS, 0);
  nlaNestEnd(out, hook);
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETFLOWTABLE with NLM_F_DUMP: CURSOR: [1] how many were told. */
export function flowtableDump(ctx: Ctx, cursor: usize): i32 {
  const tb = tbPush(ctx, NftaFlowtable.MAX);
  const err = ctx.parse(tb, NftaFlowtable.MAX, POLICY);
  const tableName = tbGet(tb, NftaFlowtable.TABLE);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let t = ctx.nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!tableDumped(ctx.nn, table, ctx.family, tableName)) continue;
    for (let p = tableHead(table, NftKind.FLOWTABLE); p !== 0; p = changetype<Flowtable>(p).next) {
      const ft = changetype<Flowtable>(p);
      if (!activeNow(ft.state)) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (!nftMsgFits(ctx) || !flowtableFill(ctx, table, ft)) return 0;
      store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
    }
  }
  return 0;
}
