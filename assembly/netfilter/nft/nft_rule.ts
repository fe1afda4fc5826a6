/** Rules: NFT_MSG_NEWRULE, DELRULE, and dumps. Linux: nf_tables_newrule in net/netfilter/nf_tables_api.c. */
import { NFTA_LIST_ELEM, NFT_USERDATA_MAXLEN, NftMsg, NftaRule } from '../../abi/nf_tables';
import { Nb } from '../../abi/nft_bytecode';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../abi/nfnl';
import { kfree, kmalloc, kzalloc } from '../../lib/kmalloc';
import { Errno } from '../../net/errno';
import {
  nlaBe32,
  nlaBe64,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStart,
  nlaOk,
  nlaPut,
  nlaPutBe64,
  nlaPutString,
  nlaStep,
  nlaType,
  tbGet,
} from '../nlattr';
import {
  Chain,
  INACTIVE_NEXT,
  INACTIVE_NOW,
  NftKind,
  RULE_BYTES,
  Rule,
  Table,
  activeNext,
  activeNow,
  namedLookup,
  tableDumped,
  tableHead,
  tableLookup,
  textLen,
  textNew,
  textPtr,
} from './nf_tables';
import { Ctx, badAttr, tbPop, tbPush } from './nft_ctx';
import { chainById } from './nft_data';
import { exprActivate, exprDeactivate, exprDump, exprsDestroy, exprParse } from './nft_expr';
import { nftMsgBegin, nftMsgEnd, nftMsgFits } from './nft_msg';
import { TransKind, transAdd } from './nft_trans';

const POLICY = memory.data<u8>([
  0, 0, 5, 255, 5, 255, 4, 0, 6, 0, 6, 0, 4, 0, 7, 255, 0, 0, 3, 0, 3, 0, 3, 0,
]);
/** Linux: NFT_RULE_MAXEXPRS, and 4 KB of expressions. */
const EXPRS_MAX: u32 = 128;
const RULE_MAX: u32 = 4096;

/** NFT_MSG_NEWRULE */
export function ruleNew(ctx: Ctx): i32 {
  const tb = tbPush(ctx, NftaRule.MAX);
  let err = ctx.parse(tb, NftaRule.MAX, POLICY);
  if (err === 0) err = newTb(ctx, tb);
  tbPop(ctx, tb);
  return err;
}

/** The chain of the message, with ctx.table and ctx.chain set; a negative errno. */
function chainOf(ctx: Ctx, tb: usize): i32 {
  const name = tbGet(tb, NftaRule.TABLE);
  if (name === 0) return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, name, ctx.family, false);
  if (table === null) return badAttr(ctx, name, -Errno.ENOENT);
  ctx.table = table;
  const chainName = tbGet(tb, NftaRule.CHAIN);
  const id = tbGet(tb, NftaRule.CHAIN_ID);
  let p: usize = 0;
  if (chainName !== 0) p = namedLookup(table, NftKind.CHAIN, chainName, 0, false);
  else if (id !== 0) p = chainById(table, nlaBe32(id));
  else return 0;
  if (p === 0) return badAttr(ctx, chainName !== 0 ? chainName : id, -Errno.ENOENT);
  if (changetype<Chain>(p).bound !== 0) return -Errno.EOPNOTSUPP;
  ctx.chain = p;
  return 0;
}

function newTb(ctx: Ctx, tb: usize): i32 {
  const err = chainOf(ctx, tb);
  if (err !== 0) return err;
  if (ctx.chain === 0) return -Errno.EINVAL;
  const chain = changetype<Chain>(ctx.chain);
  const handle = tbGet(tb, NftaRule.HANDLE);
  let old: usize = 0;
  if (handle !== 0) {
    old = ruleByHandle(chain, nlaBe64(handle), false);
    if (old === 0) return badAttr(ctx, handle, -Errno.ENOENT);
    if ((ctx.flags & NLM_F_EXCL) !== 0) return badAttr(ctx, handle, -Errno.EEXIST);
    if ((ctx.flags & NLM_F_REPLACE) === 0) return -Errno.EOPNOTSUPP;
  } else {
    if ((ctx.flags & NLM_F_CREATE) === 0 || (ctx.flags & NLM_F_REPLACE) !== 0) return -Errno.EINVAL;
    if (chain.use === u32.MAX_VALUE) return -Errno.EOVERFLOW;
    const position = tbGet(tb, NftaRule.POSITION);
    const positionId = tbGet(tb, NftaRule.POSITION_ID);
    if (position !== 0) {
      old = ruleByHandle(chain, nlaBe64(position), false);
      if (old === 0) return badAttr(ctx, position, -Errno.ENOENT);
    } else if (positionId !== 0) {
      old = ruleById(chain, nlaBe32(positionId));
      if (old === 0) return badAttr(ctx, positionId, -Errno.ENOENT);
    }
  }
  const buf = kmalloc(RULE_MAX);
  if (buf === 0) return -Errno.ENOMEM;
  ctx.regInited = 0;
  // Taken even where the rule comes to nothing, as in Linux.
  const taken = ++ctx.table.handleNext;
  const rule = make(ctx, tb, buf);
  kfree(buf);
  if (rule === 0) return ctx.dup === 0 ? -Errno.ENOMEM : -(<i32>ctx.dup);
  changetype<Rule>(rule).handle = taken;
  return place(ctx, chain, changetype<Rule>(rule), old, handle !== 0);
}

/** Parses the expressions into `buf` and makes the rule; 0: ctx.dup is the errno. */
function make(ctx: Ctx, tb: usize, buf: usize): usize {
  ctx.dup = 0;
  const list = tbGet(tb, NftaRule.EXPRESSIONS);
  let used: u32 = 0;
  let n: u32 = 0;
  let err: i32 = 0;
  if (list !== 0) {
    let at = nlaData(list);
    let left = nlaLen(list);
    while (err === 0 && nlaOk(at, left)) {
      if (nlaType(at) !== NFTA_LIST_ELEM || n === EXPRS_MAX) err = -Errno.EINVAL;
      else {
        const size = exprParse(ctx, at, buf + used, RULE_MAX - used);
        if (size < 0) {
          err = size;
          if (ctx.badAttr === 0) ctx.badAttr = at;
        } else {
          used += <u32>size;
          n++;
        }
      }
      const step = nlaStep(at, left);
      at += step;
      left -= step;
    }
  }
  let p: usize = 0;
  if (err === 0) {
    p = kzalloc(RULE_BYTES + used);
    const udata = tbGet(tb, NftaRule.USERDATA);
    if (p !== 0 && udata !== 0 && nlaLen(udata) !== 0) {
      if (nlaLen(udata) > NFT_USERDATA_MAXLEN) err = -Errno.ERANGE;
      else changetype<Rule>(p).udata = textNew(nlaData(udata), nlaLen(udata));
      if (err !== 0 || changetype<Rule>(p).udata === 0) {
        kfree(p);
        p = 0;
      }
    }
    if (p === 0 && err === 0) err = -Errno.ENOMEM;
  }
  if (err !== 0) {
    exprsRelease(buf, used);
    ctx.dup = <usize>-err;
    return 0;
  }
  const rule = changetype<Rule>(p);
  memory.copy(p + RULE_BYTES, buf, used);
  rule.dlen = used;
  rule.nexprs = <u8>n;
  rule.chain = ctx.chain;
  rule.state = INACTIVE_NOW;
  const id = tbGet(tb, NftaRule.ID);
  rule.id = id === 0 ? 0 : nlaBe32(id);
  return p;
}

/** Expressions that never became a rule. */
function exprsRelease(at: usize, len: u32): void {
  for (let o: u32 = 0; o < len; o += load<u16>(at + o, Nb.SIZE)) exprDeactivate(at + o);
  exprsDestroy(at, len, false);
}

/** Into the chain's list and the log. */
function place(ctx: Ctx, chain: Chain, rule: Rule, old: usize, replace: bool): i32 {
  const p = changetype<usize>(rule);
  // What it replaces goes first, and is told of first.
  const err: i32 = replace ? ruleDelOne(ctx, changetype<Rule>(old)) : 0;
  const t = err === 0 ? transAdd(ctx.nn, TransKind.RULE_NEW, p, ctx.seq) : null;
  if (t === null) {
    exprsRelease(p + RULE_BYTES, rule.dlen);
    kfree(rule.udata);
    kfree(p);
    return -Errno.ENOMEM;
  }
  t.c = ctx.flags;
  if (replace || (ctx.flags & NLM_F_APPEND) !== 0) linkAfter(chain, rule, old !== 0 ? old : chain.ruleTail);
  else linkAfter(chain, rule, old !== 0 ? changetype<Rule>(old).prev : 0);
  chain.use++;
  chain.rules++;
  chain.dirty = 1;
  return 0;
}

/** Behind `at`; 0: in front of all. */
function linkAfter(chain: Chain, rule: Rule, at: usize): void {
  const p = changetype<usize>(rule);
  const next = at === 0 ? chain.ruleHead : changetype<Rule>(at).next;
  rule.prev = at;
  rule.next = next;
  if (at === 0) chain.ruleHead = p;
  else changetype<Rule>(at).next = p;
  if (next === 0) chain.ruleTail = p;
  else changetype<Rule>(next).prev = p;
}

export function ruleUnlink(rule: Rule): void {
  const chain = changetype<Chain>(rule.chain);
  if (rule.prev === 0) chain.ruleHead = rule.next;
  else changetype<Rule>(rule.prev).next = rule.next;
  if (rule.next === 0) chain.ruleTail = rule.prev;
  else changetype<Rule>(rule.next).prev = rule.prev;
}

export function ruleActivate(rule: Rule): void {
  const at = changetype<usize>(rule) + RULE_BYTES;
  for (let o: u32 = 0; o < rule.dlen; o += load<u16>(at + o, Nb.SIZE)) exprActivate(at + o);
}

/** What its expressions hold is let go of: the rule goes from the transaction's sight. */
export function ruleDeactivate(rule: Rule): void {
  const at = changetype<usize>(rule) + RULE_BYTES;
  for (let o: u32 = 0; o < rule.dlen; o += load<u16>(at + o, Nb.SIZE)) exprDeactivate(at + o);
}

/** Frees it; `commit`: with what lives only through it. */
export function ruleDestroy(rule: Rule, commit: bool): void {
  exprsDestroy(changetype<usize>(rule) + RULE_BYTES, rule.dlen, commit);
  kfree(rule.udata);
  kfree(changetype<usize>(rule));
}

export function ruleByHandle(chain: Chain, handle: u64, now: bool): usize {
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    if (rule.handle === handle && (now ? activeNow(rule.state) : activeNext(rule.state))) return p;
  }
  return 0;
}

function ruleById(chain: Chain, id: u32): usize {
  for (let p = chain.ruleTail; p !== 0; p = changetype<Rule>(p).prev) {
    if (changetype<Rule>(p).id === id && id !== 0) return p;
  }
  return 0;
}

/** NFT_MSG_DELRULE, DESTROYRULE: one, all of a chain, all of a table. */
export function ruleDel(ctx: Ctx, destroy: bool): i32 {
  const tb = tbPush(ctx, NftaRule.MAX);
  let err = ctx.parse(tb, NftaRule.MAX, POLICY);
  if (err === 0) {
    err = chainOf(ctx, tb);
    if (err === 0) err = delTb(ctx, tb);
    if (err === -Errno.ENOENT && destroy) err = 0;
  }
  tbPop(ctx, tb);
  return err;
}

function delTb(ctx: Ctx, tb: usize): i32 {
  if (ctx.chain === 0) {
    for (let p = tableHead(ctx.table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
      const chain = changetype<Chain>(p);
      if (!activeNext(chain.state) || chain.bound !== 0) continue;
      const err = ruleDelAll(ctx, chain);
      if (err !== 0) return err;
    }
    return 0;
  }
  const chain = changetype<Chain>(ctx.chain);
  const handle = tbGet(tb, NftaRule.HANDLE);
  const id = tbGet(tb, NftaRule.ID);
  if (handle !== 0) {
    const p = ruleByHandle(chain, nlaBe64(handle), false);
    return p === 0 ? badAttr(ctx, handle, -Errno.ENOENT) : ruleDelOne(ctx, changetype<Rule>(p));
  }
  if (id !== 0) {
    const p = ruleById(chain, nlaBe32(id));
    return p === 0 ? badAttr(ctx, id, -Errno.ENOENT) : ruleDelOne(ctx, changetype<Rule>(p));
  }
  return ruleDelAll(ctx, chain);
}

export function ruleDelAll(ctx: Ctx, chain: Chain): i32 {
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    if (!activeNext(changetype<Rule>(p).state)) continue;
    const err = ruleDelOne(ctx, changetype<Rule>(p));
    if (err !== 0) return err;
  }
  return 0;
}

/** From the transaction's sight. */
export function ruleDelOne(ctx: Ctx, rule: Rule): i32 {
  if (transAdd(ctx.nn, TransKind.RULE_DEL, changetype<usize>(rule), ctx.seq) === null) return -Errno.ENOMEM;
  ruleDeactivate(rule);
  rule.state |= INACTIVE_NEXT;
  const chain = changetype<Chain>(rule.chain);
  chain.use--;
  chain.rules--;
  chain.dirty = 1;
  return 0;
}

export function ruleFill(ctx: Ctx, table: Table, chain: Chain, rule: Rule, before: u64, reset: bool): bool {
  const out = ctx.out;
  const msg = nftMsgBegin(ctx, NftMsg.NEWRULE, table.family);
  nlaPutString(out, NftaRule.TABLE, textPtr(table.name), textLen(table.name));
  nlaPutString(out, NftaRule.CHAIN, textPtr(chain.name), textLen(chain.name));
  nlaPutBe64(out, NftaRule.HANDLE, rule.handle);
  if (before !== 0) nlaPutBe64(out, NftaRule.POSITION, before);
  const list = nlaNestStart(out, NftaRule.EXPRESSIONS);
  const at = changetype<usize>(rule) + RULE_BYTES;
  for (let o: u32 = 0; o < rule.dlen; o += load<u16>(at + o, Nb.SIZE)) {
    exprDump(at + o, out, NFTA_LIST_ELEM, reset);
  }
  nlaNestEnd(out, list);
  if (rule.udata !== 0) nlaPut(out, NftaRule.USERDATA, textPtr(rule.udata), textLen(rule.udata));
  return nftMsgEnd(ctx, msg);
}

/** NFT_MSG_GETRULE with NLM_F_DUMP: CURSOR: [1] how many were told. */
export function ruleDump(ctx: Ctx, cursor: usize, reset: bool): i32 {
  const tb = tbPush(ctx, NftaRule.MAX);
  const err = ctx.parse(tb, NftaRule.MAX, POLICY);
  const tableName = tbGet(tb, NftaRule.TABLE);
  const chainName = tbGet(tb, NftaRule.CHAIN);
  tbPop(ctx, tb);
  if (err !== 0) return err;
  let skip = load<u32>(cursor, 4);
  store<u32>(cursor, 1);
  for (let t = ctx.nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!tableDumped(ctx.nn, table, ctx.family, tableName)) continue;
    for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
      const chain = changetype<Chain>(p);
      if (!activeNow(chain.state)) continue;
      if (chainName !== 0 && namedLookup(table, NftKind.CHAIN, chainName, 0, true) !== p) continue;
      let before: u64 = 0;
      for (let r = chain.ruleHead; r !== 0; r = changetype<Rule>(r).next) {
        const rule = changetype<Rule>(r);
        if (!activeNow(rule.state)) continue;
        if (skip > 0) skip--;
        else {
          if (!nftMsgFits(ctx) || !ruleFill(ctx, table, chain, rule, before, reset)) return 0;
          store<u32>(cursor, load<u32>(cursor, 4) + 1, 4);
        }
        before = rule.handle;
      }
    }
  }
  return 0;
}

/** NFT_MSG_GETRULE */
export function ruleGet(ctx: Ctx, reset: bool): i32 {
  const tb = tbPush(ctx, NftaRule.MAX);
  let err = ctx.parse(tb, NftaRule.MAX, POLICY);
  if (err === 0) err = getTb(ctx, tb, reset);
  tbPop(ctx, tb);
  return err;
}

function getTb(ctx: Ctx, tb: usize, reset: bool): i32 {
  if (tbGet(tb, NftaRule.TABLE) === 0 || tbGet(tb, NftaRule.CHAIN) === 0 || tbGet(tb, NftaRule.HANDLE) === 0)
    return -Errno.EINVAL;
  const table = tableLookup(ctx.nn, tbGet(tb, NftaRule.TABLE), ctx.family, true);
  if (table === null) return -Errno.ENOENT;
  const p = namedLookup(table, NftKind.CHAIN, tbGet(tb, NftaRule.CHAIN), 0, true);
  if (p === 0) return -Errno.ENOENT;
  const rule = ruleByHandle(changetype<Chain>(p), nlaBe64(tbGet(tb, NftaRule.HANDLE)), true);
  if (rule === 0) return -Errno.ENOENT;
  ruleFill(ctx, table, changetype<Chain>(p), changetype<Rule>(rule), 0, reset);
  return 0;
}
