/** Tables: NFT_MSG_NEWTABLE, DELTABLE and dumps. Linux: nf_tables_newtable in net/netfilter/nf_tables_api.c. */
import { NFT_TABLE_F_DORMANT, NFT_TABLE_F_OWNER, NftMsg, NftaTable } from '../../abi/nf_tables';
import { NLM_F_EXCL, NLM_F_REPLACE, NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import {
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaPut,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  tbGet,
} from '../nlattr';
import {
  Chain,
  Flowtable,
  INACTIVE_NEXT,
  INACTIVE_NOW,
  Named,
  NftKind,
  Obj,
  Table,
  activeNext,
  activeNow,
  tableFree,
  tableHead,
  tableLookup,
  tableNew,
  tableUnlink,
  textLen,
  textNew,
  textPtr,
} from './nf_tables';
import { chainDelOne, chainHook, chainUnhook } from './nft_chain';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { flowtableDelOne } from './nft_flowtable';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { objDelOne } from './nft_object';
import { ruleDelAll } from './nft_rule';
import { NftSet, setDelOne } from './nft_set';
import { Trans, TransKind, transAdd } from './nft_trans';

const POLICY = memory.data<u8>([0, 0, 5, 255, 3, 0, 3, 0, 4, 0, 0, 0, 7, 255, 3, 0]);

function familyOk(family: u32): bool {
  return (
    family === <u32>NfProto.INET ||
    family === <u32>NfProto.IPV4 ||
    family === <u32>NfProto.ARP ||
    family === <u32>NfProto.NETDEV ||
    family === <u32>NfProto.BRIDGE ||
    family === <u32>NfProto.IPV6
  );
}

/** NFT_MSG_NEWTABLE */
export function tableMake(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaTable.MAX);
  let err = ctx.parse(tb, NftaTable.MAX, POLICY);
  if (err === 0) err = makeTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

function makeTb(ctx: Ctx, tb: usize): i32 {
  const name = tbGet(tb, NftaTable.NAME);
  if (name === 0) return -Errno.EINVAL;
  if (!familyOk(ctx.family)) return -Errno.EOPNOTSUPP;
  const flagsAttr = tbGet(tb, NftaTable.FLAGS);
  const flags = flagsAttr === 0 ? 0 : nlaBe32(flagsAttr);
  if ((flags & ~(NFT_TABLE_F_DORMANT | NFT_TABLE_F_OWNER)) !== 0) return -Errno.EOPNOTSUPP;
  const there = tableLookup(ctx.nn, name, ctx.family, false);
  if (there !== null) {
    if ((ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, name, -Errno.EEXIST);
    if ((ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EOPNOTSUPP;
    return flagsAttr === 0 ? 0 : update(ctx, there, flags);
  }
  const table = tableNew(ctx.nn, name, ctx.family);
  if (table === null) return -Errno.ENOMEM;
  table.flags = flags;
  table.flagsNow = flags;
  if ((flags & NFT_TABLE_F_OWNER) !== 0) table.owner = ctx.nn.portid;
  const udata = tbGet(tb, NftaTable.USERDATA);
  if (udata !== 0) table.udata = textNew(nlaData(udata), nlaLen(udata));
  const failed = udata !== 0 && table.udata === 0;
  if (failed || transAdd(ctx.nn, TransKind.TABLE_NEW, changetype<usize>(table), ctx.seq) === null) {
    tableUnlink(ctx.nn, table);
    tableFree(table);
    return -Errno.ENOMEM;
  }
  return 0;
}

/** Dormant, or awake again. */
function update(ctx: Ctx, table: Table, flags: u32): i32 {
  if (flags === table.flags) return 0;
  if (((flags ^ table.flags) & NFT_TABLE_F_OWNER) !== 0) return -Errno.EOPNOTSUPP;
  const t = transAdd(ctx.nn, TransKind.TABLE_UPD, changetype<usize>(table), ctx.seq);
  if (t === null) return -Errno.ENOMEM;
  t.a = table.flags;
  table.flags = flags;
  return 0;
}

export function tableUpdateCommit(table: Table, _t: Trans): void {
  const was = table.flagsNow & NFT_TABLE_F_DORMANT;
  table.flagsNow = table.flags;
  if (was === (table.flags & NFT_TABLE_F_DORMANT)) return;
  for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
    const chain = changetype<Chain>(p);
    if (chain.base === 0) continue;
    if (was !== 0) chainHook(chain);
    else chainUnhook(chain);
  }
}

export function tableUpdateAbort(table: Table, t: Trans): void {
  table.flags = t.a;
}

/** NFT_MSG_DELTABLE, DESTROYTABLE: one, or all of the family, or all. */
export function tableDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaTable.MAX);
  let err = ctx.parse(tb, NftaTable.MAX, POLICY);
  if (err === 0) err = delTb(ctx, tb, destroy);
  tbPop(ctx, tb);
  return err;
}

function delTb(ctx: Ctx, tb: usize, destroy: bool): i32 {
  const name = tbGet(tb, NftaTable.NAME);
  const handle = tbGet(tb, NftaTable.HANDLE);
  if (ctx.family === 0 || (name === 0 && handle === 0)) return delAll(ctx, name);
  let table: Table | null = null;
  if (handle !== 0) {
    for (let p = ctx.nn.tableHead; p !== 0; p = changetype<Table>(p).next) {
      const t = changetype<Table>(p);
      if (t.handle === nlaBe64(handle) && activeNext(t.state) && t.family === ctx.family) table = t;
    }
  } else table = tableLookup(ctx.nn, name, ctx.family, false);
  if (table === null) return destroy ? 0 : badAttr(ctx, handle !== 0 ? handle : name, -Errno.ENOENT);
  return delOne(ctx, table);
}

function delAll(ctx: Ctx, name: usize): i32 {
  for (let p = ctx.nn.tableHead; p !== 0; p = changetype<Table>(p).next) {
    const table = changetype<Table>(p);
    if (!activeNext(table.state) || (ctx.family !== 0 && ctx.family !== table.family)) continue;
    if (name !== 0 && tableLookup(ctx.nn, name, table.family, false) !== table) continue;
    const err = delOne(ctx, table);
    if (err !== 0) return err;
  }
  return 0;
}

/** With all that is in it: rules, sets, flowtables, objects, chains. Linux: nft_flush_table. */
function delOne(ctx: Ctx, table: Table): i32 {
  ctx.table = table;
  let err: i32 = 0;
  for (let p = tableHead(table, NftKind.CHAIN); p !== 0 && err === 0; p = changetype<Named>(p).next) {
    const chain = changetype<Chain>(p);
    if (activeNext(chain.state) && chain.bound === 0) err = ruleDelAll(ctx, chain);
  }
  for (let p = tableHead(table, NftKind.SET); p !== 0 && err === 0; p = changetype<Named>(p).next) {
    if (activeNext(changetype<NftSet>(p).state)) err = setDelOne(ctx, changetype<NftSet>(p));
  }
  for (let p = tableHead(table, NftKind.FLOWTABLE); p !== 0 && err === 0; p = changetype<Named>(p).next) {
    if (activeNext(changetype<Named>(p).state)) err = flowtableDelOne(ctx, changetype<Flowtable>(p));
  }
  for (let p = tableHead(table, NftKind.OBJ); p !== 0 && err === 0; p = changetype<Named>(p).next) {
    if (activeNext(changetype<Named>(p).state)) err = objDelOne(ctx, changetype<Obj>(p));
  }
  for (let p = tableHead(table, NftKind.CHAIN); p !== 0 && err === 0; p = changetype<Named>(p).next) {
    const chain = changetype<Chain>(p);
    if (activeNext(chain.state) && chain.bound === 0) err = chainDelOne(ctx, chain);
  }
  if (err !== 0) return err;
  if (transAdd(ctx.nn, TransKind.TABLE_DEL, changetype<usize>(table), ctx.seq) === null) return -Errno.ENOMEM;
  table.state |= INACTIVE_NEXT;
  return 0;
}

export function tableFill(ctx: Ctx, table: Table): bool {
  const out = ctx.out;
  const msg = nftMsgBegin(ctx, NftMsg.NEWTABLE, table.family);
  nlaPutString(out, NftaTable.NAME, textPtr(table.name), textLen(table.name));
  nlaPutBe32(out, NftaTable.USE, table.use);
  nlaPutBe64(out, NftaTable.HANDLE, table.handle);
  nlaPutBe32(out, NftaTable.FLAGS, table.flags);
  if ((table.flags & NFT_TABLE_F_OWNER) !== 0) nlaPutBe32(out, NftaTable.OWNER, table.owner);
  if (table.udata !== 0) nlaPut(out, NftaTable.USERDATA, textPtr(table.udata), textLen(table.udata));
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETTABLE with NLM_F_DUMP: CURSOR: [1] how many were told. */
export function tableDump(ctx: Ctx, cursor: usize): i32 {
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let p = ctx.nn.tableHead; p !== 0; p = changetype<Table>(p).next) {
    const table = changetype<Table>(p);
    if ((table.state & INACTIVE_NOW) !== 0 || (ctx.family !== 0 && ctx.family !== table.family)) continue;
    if (skip > 0) {
      skip--;
      continue;
    }
    if (!nftMsgFits(ctx) || !tableFill(ctx, table)) return 0;
    store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
  }
  return 0;
}

/** NFT_MSG_GETTABLE */
export function tableGet(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaTable.MAX);
  const err = ctx.parse(tb, NftaTable.MAX, POLICY);
  const name = tbGet(tb, NftaTable.NAME);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  if (name === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, name, ctx.family, true);
  if (table === null || !activeNow(table.state)) return badAttr(ctx, name, -Errno.ENOENT);
  tableFill(ctx, table);
  return 0;
}
