/**
 * Flowtables: made and dumped, and their hooks at the devices' ingress; what they do is in nf_flow_table. Linux:
 * nf_tables_newflowtable in net/netfilter/nf_tables_api.c. Nothing is offloaded to hardware: that flag is kept.
 */
import { NftMsg, NftaFlowtable, NftaFlowtableHook } from '../../abi/nf_tables';
import { NLM_F_EXCL, NLM_F_REPLACE, NfProto } from '../../abi/nfnl';
import { Op } from '../../abi/ops';
import { NetDevice, devGetByName } from '../../dev/net_device';
import { kfree, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { hookRegister, hookUnregister } from '../../net/hooks';
import { Net } from '../../net/net';
import { nfFlowTableAlloc, nfFlowTableFree } from '../nf_flow_table';
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
  HookDev,
  INACTIVE_NEXT,
  Named,
  NftKind,
  NftNet,
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
import { Ctx, badAttr, nftCtx, tbPop, tbPush } from './nft_ctx';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { TransKind, transAdd } from './nft_trans';

const POLICY = memory.data<u8>([0, 0, 5, 255, 5, 255, 6, 0, 3, 0, 4, 0, 0, 0, 3, 0]);
const HOOK_POLICY = memory.data<u8>([0, 0, 3, 0, 3, 0, 6, 0]);
/** Names of our hooks, apart from those of chains. */
const HOOK_ID_BASE: u32 = 0xf1000000;
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
  if (err === 0) {
    ft.flows = nfFlowTableAlloc(ctx.net, (ft.flags & COUNTER) !== 0);
    if (ft.flows === 0) err = -Errno.ENOMEM;
  }
  const text = err === 0 ? textOf(name) : 0;
  if (err === 0 && (text === 0 || !namedAdd(table, changetype<Named>(p), NftKind.FLOWTABLE, text)))
    err = -Errno.ENOMEM;
  if (err === 0) {
    err = devsHook(ctx, ft);
    if (err === 0 && transAdd(ctx.nn, TransKind.FLOW_NEW, p, ctx.seq) === null) err = -Errno.ENOMEM;
    if (err !== 0) namedRemove(changetype<Named>(p));
  }
  if (err !== 0) {
    devsUnhook(ctx.net, ft);
    nfFlowTableFree(ft.flows);
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

/** At the ingress of its devices; 0 or -ENOMEM, with some of it done. */
function devsHook(ctx: Ctx, ft: Flowtable): i32 {
  ft.hookId = HOOK_ID_BASE + ++ctx.nn.hookIdNext;
  for (let p = ft.devs; p !== 0; p = changetype<HookDev>(p).next) {
    const dev = devGetByName(ctx.net, p + offsetof<HookDev>('name0'));
    if (dev === null) continue;
    const slot = changetype<usize>(dev) + offsetof<NetDevice>('ingressHooks');
    const err = hookRegister(slot, ft.priority, Op.NF_FLOW_OFFLOAD, ft.flows, ft.hookId);
    if (err !== 0) return err;
    changetype<HookDev>(p).ifindex = dev.ifindex;
  }
  return 0;
}

function devsUnhook(net: Net, ft: Flowtable): void {
  for (let p = ft.devs; p !== 0; p = changetype<HookDev>(p).next) {
    if (changetype<HookDev>(p).ifindex === 0) continue;
    const dev = devGetByName(net, p + offsetof<HookDev>('name0'));
    if (dev !== null) hookUnregister(changetype<usize>(dev) + offsetof<NetDevice>('ingressHooks'), ft.hookId);
  }
}

/** A device is going: flowtables leave it. Linux: nf_tables_flowtable_event. */
export function flowtablesDevGone(nn: NftNet, dev: NetDevice): void {
  for (let t = nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    for (
      let p = tableHead(changetype<Table>(t), NftKind.FLOWTABLE);
      p !== 0;
      p = changetype<Flowtable>(p).next
    ) {
      let link = p + offsetof<Flowtable>('devs');
      while (load<u32>(link) !== 0) {
        const hd = changetype<HookDev>(load<u32>(link));
        if (hd.ifindex !== dev.ifindex) {
          link = load<u32>(link);
          continue;
        }
        hookUnregister(
          changetype<usize>(dev) + offsetof<NetDevice>('ingressHooks'),
          changetype<Flowtable>(p).hookId,
        );
        store<u32>(link, hd.next);
        kfree(changetype<usize>(hd));
      }
    }
  }
}

/** Nothing of a flowtable changes yet. */
export function flowtableUpdateCommit(_ft: Flowtable): void {}
export function flowtableUpdateAbort(_ft: Flowtable): void {}

export function flowtableDestroy(ft: Flowtable): void {
  devsUnhook(nftCtx().net, ft);
  nfFlowTableFree(ft.flows);
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
