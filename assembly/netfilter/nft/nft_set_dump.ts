/** NFT_MSG_GETSET. Linux: nf_tables_dump_sets, nf_tables_getset. */
import { NftaSet } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { tbGet } from '../nlattr';
import { NftKind, Table, activeNow, namedLookup, tableDumped, tableHead, tableLookup } from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { nftMsgFits } from './nft_msg';
import { SET_POLICY, NftSet, setFill } from './nft_set';

/** With NLM_F_DUMP: CURSOR: [1] how many were told. */
export function setDump(ctx: Ctx, cursor: usize): i32 {
  const tb = tbPush(ctx, NftaSet.MAX);
  const err = ctx.parse(tb, NftaSet.MAX, SET_POLICY);
  const tableName = tbGet(tb, NftaSet.TABLE);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let t = ctx.nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!tableDumped(ctx.nn, table, ctx.family, tableName)) continue;
    for (let p = tableHead(table, NftKind.SET); p !== 0; p = changetype<NftSet>(p).next) {
      const set = changetype<NftSet>(p);
      if (!activeNow(set.state)) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (!nftMsgFits(ctx) || !setFill(ctx, set)) return 0;
      store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
    }
  }
  return 0;
}

export function setGet(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaSet.MAX);
  let err = ctx.parse(tb, NftaSet.MAX, SET_POLICY);
  const tableName = tbGet(tb, NftaSet.TABLE);
  const name = tbGet(tb, NftaSet.NAME);
  tbPop(ctx, tb);
  if (err === 0 && (tableName === 0 || name === 0)) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const table = tableLookup(ctx.nn, tableName, ctx.family, true);
  if (table === null) return badAttr(ctx, tableName, -Errno.ENOENT);
  const p = namedLookup(table, NftKind.SET, name, 0, true);
  if (p === 0) return badAttr(ctx, name, -Errno.ENOENT);
  setFill(ctx, changetype<NftSet>(p));
  return 0;
}
