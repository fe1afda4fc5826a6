/**
 * NFNL_MSG: netfilter's netlink messages (abi/nfnl), batches, questions and dumps. Linux: net/netfilter/nfnetlink.c.
 *
 *   request ─► copy of the messages ─┬─ batch: BATCH_BEGIN, messages, BATCH_END; may come in several requests
 *                                    ├─ question: one message
 *                                    └─ dump: one message with NLM_F_DUMP, and a cursor
 */
import {
  NFNL_BATCH_GENID,
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSGERR_ATTR_OFFS,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NfGenMsg,
  NfnlRec,
  NlMsgHdr,
} from '../abi/nfnl';
import { NftMsg } from '../abi/nf_tables';
import { kfree, kmalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { ctnetlinkRcv } from './nf_conntrack_netlink_rcv';
import { NlOut, nlaBe32, nlaParse, nlaReserve, tbGet } from './nlattr';
import { NftNet, nftNetGet } from './nft/nf_tables';
import { nftBatchMsg, nftDump, nftGet } from './nft/nf_tables_api';
import { Ctx, ctxBegin } from './nft/nft_ctx';
import { transAbort, transCommit } from './nft/nft_trans';

const BATCH_POLICY = memory.data<u8>([0, 0, 3, 0]);

export function nfnetlinkRequest(body: usize, len: u32): i32 {
  if (len < <u32>NfnlRec.DATA) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NfnlRec.NET));
  if (net === null) return -Errno.ENOENT;
  const bytes = load<u32>(body, NfnlRec.BYTES);
  if (bytes > len - <u32>NfnlRec.DATA) return -Errno.EINVAL;
  const nn = nftNetGet(net);
  if (nn === null) return -Errno.ENOMEM;
  store<u32>(body, 0, NfnlRec.OUT_BYTES);
  store<u32>(body, nn.genid, NfnlRec.GENID);
  if (bytes < <u32>NlMsgHdr.SIZE) return 0;
  // The answer is written where the question stands.
  const copy = kmalloc(bytes + 8);
  if (copy === 0) return -Errno.ENOMEM;
  memory.copy(copy, body + NfnlRec.DATA, bytes);
  store<u64>(copy + bytes, 0);
  const ctx = ctxBegin(net, nn, body + NfnlRec.DATA, body + len);
  const err = isBatch(nn, copy)
    ? batch(net, ctx, copy, bytes)
    : question(ctx, copy, bytes, body + NfnlRec.CURSOR);
  kfree(copy);
  store<u32>(body, ctx.out.at - ctx.out.begin, NfnlRec.OUT_BYTES);
  store<u32>(body, nn.genid, NfnlRec.GENID);
  return err;
}

/** Whether what begins with this message belongs to a transaction. */
function isBatch(nn: NftNet, msg: usize): bool {
  const type = <u32>load<u16>(msg, NlMsgHdr.TYPE);
  if (type === NFNL_MSG_BATCH_BEGIN || type === NFNL_MSG_BATCH_END) return true;
  return nn.batch !== 0 && !isGet(type);
}

function isGet(type: u32): bool {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return true;
  switch (type & 0xff) {
    case NftMsg.GETTABLE:
    case NftMsg.GETCHAIN:
    case NftMsg.GETRULE:
    case NftMsg.GETSET:
    case NftMsg.GETSETELEM:
    case NftMsg.GETGEN:
    case NftMsg.GETOBJ:
    case NftMsg.GETOBJ_RESET:
    case NftMsg.GETFLOWTABLE:
    case NftMsg.GETRULE_RESET:
    case NftMsg.GETSETELEM_RESET:
      return true;
  }
  return false;
}

/** Points the context at the message at `msg`. */
function ctxMsg(ctx: Ctx, msg: usize): void {
  const len = load<u32>(msg, NlMsgHdr.LEN);
  ctx.msg = msg;
  ctx.type = <u32>load<u16>(msg, NlMsgHdr.TYPE) & 0xff;
  ctx.flags = load<u16>(msg, NlMsgHdr.FLAGS);
  ctx.seq = load<u32>(msg, NlMsgHdr.SEQ);
  ctx.badAttr = 0;
  ctx.chain = 0;
  ctx.set = 0;
  ctx.regInited = 0;
  ctx.family = load<u8>(msg + NlMsgHdr.SIZE, NfGenMsg.FAMILY);
  ctx.attrs = msg + NlMsgHdr.SIZE + NfGenMsg.SIZE;
  ctx.attrsLen = len - <u32>NlMsgHdr.SIZE - <u32>NfGenMsg.SIZE;
}

/** An NLMSG_ERROR: 0 acknowledges. What finds no room is not told. Linux: netlink_ack. */
function ack(ctx: Ctx, msg: usize, err: i32, seq: u32): void {
  const out: NlOut = ctx.out;
  const bad = err !== 0 && ctx.badAttr > msg ? ctx.badAttr - msg : 0;
  const len: u32 = NlMsgHdr.SIZE + 4 + NlMsgHdr.SIZE + (bad === 0 ? 0 : 8);
  if (out.end - out.at < len) return;
  out.full = 0;
  const p = out.at;
  store<u32>(p, len, NlMsgHdr.LEN);
  store<u16>(p, <u16>NLMSG_ERROR, NlMsgHdr.TYPE);
  store<u16>(p, <u16>(NLM_F_CAPPED | (bad === 0 ? 0 : NLM_F_ACK_TLVS)), NlMsgHdr.FLAGS);
  store<u32>(p, seq, NlMsgHdr.SEQ);
  store<u32>(p, 0, NlMsgHdr.PID);
  store<i32>(p, err, NlMsgHdr.SIZE);
  memory.copy(p + NlMsgHdr.SIZE + 4, msg, NlMsgHdr.SIZE);
  out.at = p + NlMsgHdr.SIZE + 4 + NlMsgHdr.SIZE;
  if (bad === 0) return;
  const offset = nlaReserve(out, NLMSGERR_ATTR_OFFS, 4);
  if (offset !== 0) store<u32>(offset, bad);
}

/** The messages of a transaction, or of a piece of one. */
function batch(net: Net, ctx: Ctx, from: usize, bytes: u32): i32 {
  const nn = ctx.nn;
  let at = from;
  let left = bytes;
  while (left >= <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE) {
    const len = load<u32>(at, NlMsgHdr.LEN);
    if (len < <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE || len > left) {
      nn.failed = 1;
      break;
    }
    ctxMsg(ctx, at);
    const type = <u32>load<u16>(at, NlMsgHdr.TYPE);
    const err = one(net, ctx, type);
    if (err !== 0) nn.failed = 1;
    if (err !== 0 || (ctx.flags & NLM_F_ACK) !== 0) ack(ctx, at, err, ctx.seq);
    const step = min((len + 3) & ~3, left);
    at += step;
    left -= step;
  }
  return 0;
}

function one(net: Net, ctx: Ctx, type: u32): i32 {
  const nn = ctx.nn;
  if (type === NFNL_MSG_BATCH_BEGIN) return begin(ctx);
  if (type === NFNL_MSG_BATCH_END) return end(net, ctx);
  if (nn.batch === 0) return -Errno.EINVAL;
  if (type < NLMSG_MIN_TYPE || (ctx.flags & NLM_F_REQUEST) === 0) return -Errno.EINVAL;
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return -Errno.EINVAL;
  return nftBatchMsg(ctx);
}

function begin(ctx: Ctx): i32 {
  const nn = ctx.nn;
  if (nn.batch !== 0) transAbort(nn);
  nn.batch = 1;
  nn.lastStart = 0;
  nn.failed = 0;
  const subsys = <u32>bswap<u16>(load<u16>(ctx.msg + NlMsgHdr.SIZE, NfGenMsg.RES_ID));
  if (subsys !== NFNL_SUBSYS_NFTABLES) return -Errno.EOPNOTSUPP;
  const tb = memory.data(8, 4);
  const err = nlaParse(tb, NFNL_BATCH_GENID, ctx.attrs, ctx.attrsLen, BATCH_POLICY);
  if (err !== 0) return err;
  const genid = tbGet(tb, NFNL_BATCH_GENID);
  return genid !== 0 && nlaBe32(genid) !== nn.genid ? -Errno.ERESTART : 0;
}

function end(net: Net, ctx: Ctx): i32 {
  const nn = ctx.nn;
  if (nn.batch === 0) return -Errno.EINVAL;
  nn.batch = 0;
  if (nn.failed !== 0) {
    transAbort(nn);
    return 0;
  }
  ctx.badAttr = 0;
  const err = transCommit(net, nn);
  if (err !== 0) transAbort(nn);
  return err;
}

/** Dumps and questions. */
function question(ctx: Ctx, msg: usize, bytes: u32, cursor: usize): i32 {
  const len = load<u32>(msg, NlMsgHdr.LEN);
  if (len < <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE || len > bytes) return 0;
  const type = <u32>load<u16>(msg, NlMsgHdr.TYPE);
  if (type < NLMSG_MIN_TYPE) return 0;
  const subsys = type >> 8;
  if (subsys === NFNL_SUBSYS_CTNETLINK || subsys === NFNL_SUBSYS_CTNETLINK_EXP)
    return conntrack(ctx, msg, bytes, cursor);
  ctxMsg(ctx, msg);
  const dumps = (ctx.flags & NLM_F_DUMP) === NLM_F_DUMP;
  let err: i32 = -Errno.EOPNOTSUPP;
  if (type >> 8 === NFNL_SUBSYS_NFTABLES) {
    if (isGet(type)) err = dumps ? nftDump(ctx, cursor) : nftGet(ctx);
  }
  if (err !== 0) {
    ctx.out.at = ctx.out.begin;
    ack(ctx, msg, err, ctx.seq);
  } else if (!dumps && (ctx.flags & NLM_F_ACK) !== 0) ack(ctx, msg, 0, ctx.seq);
  return 0;
}

/** Messages of conntrack, one behind the other. */
function conntrack(ctx: Ctx, from: usize, bytes: u32, cursor: usize): i32 {
  let at: u32 = 0;
  while (bytes - at >= <u32>NlMsgHdr.SIZE) {
    const msg = from + at;
    const size = load<u32>(msg, NlMsgHdr.LEN);
    if (size < <u32>NlMsgHdr.SIZE || size > bytes - at) break;
    const err = ctnetlinkRcv(ctx.net, msg, size, cursor, ctx.out);
    if (err !== 0 || (<u32>load<u16>(msg, NlMsgHdr.FLAGS) & NLM_F_ACK) !== 0)
      ack(ctx, msg, err, load<u32>(msg, NlMsgHdr.SEQ));
    at += min((size + 3) & ~3, bytes - at);
  }
  return 0;
}
