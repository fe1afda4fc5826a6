/**
 * What a transaction changed, told to whoever listens: one message a table, chain, rule, set, element, object and flowtable,
 * and NEWGEN behind them. Elements that packets add or that end by themselves are not told of, as in Linux. Nobody
 * listening costs a load a change. Linux: nf_tables_*_notify in net/netfilter/nf_tables_api.c.
 */
import {
  NFNL_SUBSYS_NFTABLES,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NftEventsRec,
  NlMsgHdr,
} from '../../abi/nfnl';
import { NftMsg, NftaGen } from '../../abi/nf_tables';
import { MsgType } from '../../abi/request';
import { kfree } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import { netByHandle } from '../../net/net';
import {
  nfnlRingLost,
  nfnlRingNew,
  nfnlRingOut,
  nfnlRingPut,
  nfnlRingRead,
  nfnlRingTakeLost,
} from '../nfnl_ring';
import { nlaPutBe32 } from '../nlattr';
import {
  Chain,
  Flowtable,
  INACTIVE_NEXT,
  INACTIVE_NOW,
  NftNet,
  Obj,
  Rule,
  Table,
  Named,
  nftNetGet,
  tableOf,
} from './nf_tables';
import { chainFill } from './nft_chain';
import { Ctx, nftCtx } from './nft_ctx';
import { flowtableFill } from './nft_flowtable';
import { nftMsgBegin, nftMsgEnd } from './nft_msg';
import { objFill } from './nft_object';
import { ruleFill } from './nft_rule';
import { NftSet, setFill } from './nft_set';
import { setElemFill } from './nft_setelem';
import { tableFill } from './nft_table';
import { Trans, TransKind, elemAt } from './nft_trans';

/** The longest rule with its expressions as attributes. */
const NOTIFY_MAX: u32 = 16384;

/** The message that tells of such a change, as one of something new; 0: of no such. */
function newOf(kind: u32): u32 {
  if (kind <= <u32>TransKind.TABLE_DEL) return NftMsg.NEWTABLE;
  if (kind <= <u32>TransKind.CHAIN_DEL) return NftMsg.NEWCHAIN;
  if (kind <= <u32>TransKind.RULE_DEL) return NftMsg.NEWRULE;
  if (kind <= <u32>TransKind.SET_DEL) return NftMsg.NEWSET;
  if (kind <= <u32>TransKind.ELEM_DEL) return NftMsg.NEWSETELEM;
  if (kind <= <u32>TransKind.OBJ_DEL) return NftMsg.NEWOBJ;
  return NftMsg.NEWFLOWTABLE;
}

function delOf(kind: u32): u32 {
  switch (kind) {
    case TransKind.TABLE_DEL:
      return NftMsg.DELTABLE;
    case TransKind.CHAIN_DEL:
      return NftMsg.DELCHAIN;
    case TransKind.RULE_DEL:
      return NftMsg.DELRULE;
    case TransKind.SET_DEL:
      return NftMsg.DELSET;
    case TransKind.ELEM_DEL:
      return NftMsg.DELSETELEM;
    case TransKind.OBJ_DEL:
      return NftMsg.DELOBJ;
    case TransKind.FLOW_DEL:
      return NftMsg.DELFLOWTABLE;
  }
  return 0;
}

export function nftNotify(nn: NftNet, t: Trans): void {
  if (nn.eventRing === 0) return;
  if (newOf(t.kind) !== <u32>NftMsg.NEWSETELEM) {
    tell(nn, t, 0);
    return;
  }
  for (let i: u32 = 0; i < t.a; i++) tell(nn, t, elemAt(t, i));
}

function tell(nn: NftNet, t: Trans, elem: usize): void {
  const ctx = nftCtx();
  const out = ctx.out;
  const flags = ctx.flags;
  const seq = ctx.seq;
  ctx.out = nfnlRingOut(nn.eventRing);
  ctx.flags = 0;
  ctx.seq = t.seq;
  const begin = ctx.out.at;
  if (fill(ctx, t, elem)) {
    const del = delOf(t.kind);
    if (del !== 0) store<u16>(begin, <u16>((NFNL_SUBSYS_NFTABLES << 8) | del), NlMsgHdr.TYPE);
    else if (t.kind === TransKind.RULE_NEW)
      store<u16>(begin, <u16>(t.c & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND)), NlMsgHdr.FLAGS);
    nfnlRingPut(nn.eventRing);
  } else nfnlRingLost(nn.eventRing);
  ctx.out = out;
  ctx.flags = flags;
  ctx.seq = seq;
}

function fill(ctx: Ctx, t: Trans, elem: usize): bool {
  switch (newOf(t.kind)) {
    case NftMsg.NEWTABLE:
      return tableFill(ctx, changetype<Table>(t.ptr));
    case NftMsg.NEWCHAIN:
      return chainFill(ctx, tableOf(changetype<Named>(t.ptr)), changetype<Chain>(t.ptr));
    case NftMsg.NEWRULE: {
      const rule = changetype<Rule>(t.ptr);
      const chain = changetype<Chain>(rule.chain);
      const before = t.kind === TransKind.RULE_NEW ? placeOf(rule) : 0;
      return ruleFill(ctx, tableOf(changetype<Named>(rule.chain)), chain, rule, before, false);
    }
    case NftMsg.NEWSET:
      return setFill(ctx, changetype<NftSet>(t.ptr));
    case NftMsg.NEWSETELEM:
      return setElemFill(ctx, changetype<NftSet>(t.ptr), elem, false);
    case NftMsg.NEWOBJ:
      return objFill(ctx, tableOf(changetype<Named>(t.ptr)), changetype<Obj>(t.ptr), false);
  }
  return flowtableFill(ctx, tableOf(changetype<Named>(t.ptr)), changetype<Flowtable>(t.ptr));
}

/** The handle of the rule before it, unless it is the last: then it goes without saying. */
function placeOf(rule: Rule): u64 {
  let next = rule.next;
  while (next !== 0 && (changetype<Rule>(next).state & INACTIVE_NEXT) !== 0)
    next = changetype<Rule>(next).next;
  if (next === 0) return 0;
  let prev = rule.prev;
  while (prev !== 0 && (changetype<Rule>(prev).state & (INACTIVE_NEXT | INACTIVE_NOW)) !== 0)
    prev = changetype<Rule>(prev).prev;
  return prev === 0 ? 0 : changetype<Rule>(prev).handle;
}

/** Behind all of a transaction. */
export function nftNotifyGen(nn: NftNet): void {
  if (nn.eventRing === 0) return;
  const ctx = nftCtx();
  const out = ctx.out;
  const flags = ctx.flags;
  ctx.out = nfnlRingOut(nn.eventRing);
  ctx.flags = 0;
  const msg = nftMsgBegin(ctx, NftMsg.NEWGEN, 0);
  nlaPutBe32(ctx.out, NftaGen.ID, nn.genid);
  if (nftMsgEnd(ctx, msg)) nfnlRingPut(nn.eventRing);
  ctx.out = out;
  ctx.flags = flags;
}

/** NFT_EVENTS, NFT_EVENTS_READ */
export function requestNftEvents(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>NftEventsRec.DATA) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NftEventsRec.NET));
  if (net === null) return -Errno.ENOENT;
  const nn = nftNetGet(net);
  if (nn === null) return -Errno.ENOMEM;
  if (type === <u32>MsgType.NFT_EVENTS_READ) {
    store<u32>(body, 0, NftEventsRec.OUT_BYTES);
    if (nn.eventRing === 0) return 0;
    const room = len - <u32>NftEventsRec.DATA;
    store<u32>(body, nfnlRingRead(nn.eventRing, body + NftEventsRec.DATA, room), NftEventsRec.OUT_BYTES);
    store<u32>(body, nfnlRingTakeLost(nn.eventRing), NftEventsRec.LOST);
    return 0;
  }
  const bytes = load<u32>(body, NftEventsRec.BYTES);
  const ring = bytes === 0 ? 0 : nfnlRingNew(bytes, NOTIFY_MAX);
  if (bytes !== 0 && ring < 2) return ring === 0 ? -Errno.ENOMEM : -Errno.EINVAL;
  kfree(nn.eventRing);
  nn.eventRing = ring;
  return 0;
}
