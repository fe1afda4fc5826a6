/** Messages of nf_tables to their handlers. Linux: nf_tables_cb in net/netfilter/nf_tables_api.c. */
import { NftMsg, NftaGen } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { nlaPutBe32 } from '../nlattr';
import { chainDel, chainDump, chainGet, chainNew } from './nft_chain';
import { Ctx } from './nft_ctx';
import { flowtableDel, flowtableDump, flowtableNew } from './nft_flowtable';
import { nftMsgBegin, nftMsgEnd } from './nft_msg';
import { objDel, objDump, objGet, objNew } from './nft_object';
import { ruleDel, ruleDump, ruleGet, ruleNew } from './nft_rule';
import { setDel, setNew } from './nft_set';
import { setDump, setGet } from './nft_set_dump';
import { setElemDump, setElemGet, setElems } from './nft_setelem';
import { tableDel, tableDump, tableGet, tableMake } from './nft_table';

/** A message of a batch; 0 or a negative errno. */
export function nftBatchMsg(ctx: Ctx): i32 {
  switch (ctx.type) {
    case NftMsg.NEWTABLE:
      return tableMake(ctx);
    case NftMsg.DELTABLE:
    case NftMsg.DESTROYTABLE:
      return tableDel(ctx, ctx.type === NftMsg.DESTROYTABLE);
    case NftMsg.NEWCHAIN:
      return chainNew(ctx);
    case NftMsg.DELCHAIN:
    case NftMsg.DESTROYCHAIN:
      return chainDel(ctx, ctx.type === NftMsg.DESTROYCHAIN);
    case NftMsg.NEWRULE:
      return ruleNew(ctx);
    case NftMsg.DELRULE:
    case NftMsg.DESTROYRULE:
      return ruleDel(ctx, ctx.type === NftMsg.DESTROYRULE);
    case NftMsg.NEWSET:
      return setNew(ctx);
    case NftMsg.DELSET:
    case NftMsg.DESTROYSET:
      return setDel(ctx, ctx.type === NftMsg.DESTROYSET);
    case NftMsg.NEWSETELEM:
      return setElems(ctx, false, false);
    case NftMsg.DELSETELEM:
    case NftMsg.DESTROYSETELEM:
      return setElems(ctx, true, ctx.type === NftMsg.DESTROYSETELEM);
    case NftMsg.NEWOBJ:
      return objNew(ctx);
    case NftMsg.DELOBJ:
    case NftMsg.DESTROYOBJ:
      return objDel(ctx, ctx.type === NftMsg.DESTROYOBJ);
    case NftMsg.NEWFLOWTABLE:
      return flowtableNew(ctx);
    case NftMsg.DELFLOWTABLE:
    case NftMsg.DESTROYFLOWTABLE:
      return flowtableDel(ctx, ctx.type === NftMsg.DESTROYFLOWTABLE);
  }
  return -Errno.EINVAL;
}

/** NLM_F_DUMP: as many messages as fit, from `cursor` on. */
export function nftDump(ctx: Ctx, cursor: usize): i32 {
  switch (ctx.type) {
    case NftMsg.GETTABLE:
      return tableDump(ctx, cursor);
    case NftMsg.GETCHAIN:
      return chainDump(ctx, cursor);
    case NftMsg.GETRULE:
    case NftMsg.GETRULE_RESET:
      return ruleDump(ctx, cursor, ctx.type === NftMsg.GETRULE_RESET);
    case NftMsg.GETSET:
      return setDump(ctx, cursor);
    case NftMsg.GETSETELEM:
    case NftMsg.GETSETELEM_RESET:
      return setElemDump(ctx, cursor, ctx.type === NftMsg.GETSETELEM_RESET);
    case NftMsg.GETOBJ:
    case NftMsg.GETOBJ_RESET:
      return objDump(ctx, cursor, ctx.type === NftMsg.GETOBJ_RESET);
    case NftMsg.GETFLOWTABLE:
      return flowtableDump(ctx, cursor);
  }
  return -Errno.EOPNOTSUPP;
}

/** A question with one answer. */
export function nftGet(ctx: Ctx): i32 {
  switch (ctx.type) {
    case NftMsg.GETTABLE:
      return tableGet(ctx);
    case NftMsg.GETCHAIN:
      return chainGet(ctx);
    case NftMsg.GETRULE:
    case NftMsg.GETRULE_RESET:
      return ruleGet(ctx, ctx.type === NftMsg.GETRULE_RESET);
    case NftMsg.GETSET:
      return setGet(ctx);
    case NftMsg.GETSETELEM:
    case NftMsg.GETSETELEM_RESET:
      return setElemGet(ctx, ctx.type === NftMsg.GETSETELEM_RESET);
    case NftMsg.GETOBJ:
    case NftMsg.GETOBJ_RESET:
      return objGet(ctx, ctx.type === NftMsg.GETOBJ_RESET);
    case NftMsg.GETGEN: {
      const msg = nftMsgBegin(ctx, NftMsg.NEWGEN, 0);
      nlaPutBe32(ctx.out, NftaGen.ID, ctx.nn.genid);
      nftMsgEnd(ctx, msg);
      return 0;
    }
  }
  return -Errno.EOPNOTSUPP;
}
