/**
 * Before a ruleset is taken: no jump leads back to where it came from, none goes deeper than 16, and expressions stand in
 * chains of hooks where they mean something. Linux: nft_table_validate, nft_chain_validate.
 *
 * A walk from every base chain along its rules' jumps and the verdicts of its maps. A chain is walked again only when it
 * is reached deeper than before.
 */
import { NFT_DATA_VERDICT, NFT_GOTO, NFT_JUMP, NFT_JUMP_STACK_SIZE } from '../../abi/nf_tables';
import { Nb, NbImmediate, NftExprKind } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { Chain, NftKind, NftNet, RULE_BYTES, Rule, Table, activeNext, tableHead } from './nf_tables';
import { Ctx, nftCtx } from './nft_ctx';
import { Elem, elemData, elemIsEnd } from './nft_elem';
import { fibValidate } from './nft_fib';
import { flowValidate } from './nft_flow_offload';
import { lookupSet } from './nft_lookup';
import { metaSetValidate } from './nft_meta';
import { masqValidate, natValidate, redirValidate } from './nft_nat';
import { rejectValidate } from './nft_reject';
import { osfValidate, rtValidate, socketValidate } from './nft_rt';
import { tproxyValidate } from './nft_tproxy';
import { NftSet, SetBackend } from './nft_set';
import { setWalk } from './nft_set_backend';
import { Trans, TransKind, transSeqOf } from './nft_trans';

/** The tables that the transaction touches. On failure ctx.seq is that of the message to blame. */
export function ctxValidate(nn: NftNet): i32 {
  let needed = false;
  for (let p = nn.transHead; p !== 0 && !needed; p = changetype<Trans>(p).next) {
    const kind = changetype<Trans>(p).kind;
    needed = kind === TransKind.RULE_NEW || kind === TransKind.ELEM_NEW || kind === TransKind.CHAIN_NEW;
  }
  if (!needed) return 0;
  nn.validate++;
  const ctx = nftCtx();
  for (let t = nn.tableHead; t !== 0; t = changetype<Table>(t).next) {
    const table = changetype<Table>(t);
    if (!activeNext(table.state)) continue;
    ctx.table = table;
    ctx.family = table.family;
    for (let p = tableHead(table, NftKind.CHAIN); p !== 0; p = changetype<Chain>(p).next) {
      const chain = changetype<Chain>(p);
      if (!activeNext(chain.state) || chain.base === 0) continue;
      ctx.chain = p;
      // Each base chain is another hook: what was found from one says nothing for another.
      nn.validate++;
      const err = chainValidate(ctx, chain, 0);
      if (err !== 0) return err;
    }
  }
  return 0;
}

function chainValidate(ctx: Ctx, chain: Chain, level: u32): i32 {
  if (level === NFT_JUMP_STACK_SIZE) return -Errno.EMLINK;
  if (chain.visited === ctx.nn.validate && <u32>chain.level >= level) return 0;
  chain.visited = ctx.nn.validate;
  chain.level = <u8>level;
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    if (!activeNext(rule.state)) continue;
    const err = ruleValidate(ctx, rule, level);
    if (err !== 0) {
      const seq = transSeqOf(ctx.nn, TransKind.RULE_NEW, p);
      if (seq !== 0) ctx.seq = seq;
      return err;
    }
  }
  return 0;
}

function ruleValidate(ctx: Ctx, rule: Rule, level: u32): i32 {
  const at = changetype<usize>(rule) + RULE_BYTES;
  for (let o: u32 = 0; o < rule.dlen; o += load<u16>(at + o, Nb.SIZE)) {
    const rec = at + o;
    let err: i32 = 0;
    switch (<u32>load<u8>(rec)) {
      case NftExprKind.IMMEDIATE:
        if (load<u16>(rec, NbImmediate.DREG) === 0) err = verdictValidate(ctx, rec + NbImmediate.DATA, level);
        break;
      case NftExprKind.LOOKUP:
        err = mapValidate(ctx, lookupSet(rec), level);
        break;
      case NftExprKind.META_SET:
        err = metaSetValidate(ctx, rec);
        break;
      case NftExprKind.REJECT:
        err = rejectValidate(ctx);
        break;
      case NftExprKind.FIB:
        err = fibValidate(ctx, rec);
        break;
      case NftExprKind.RT:
        err = rtValidate(ctx, rec);
        break;
      case NftExprKind.SOCKET:
        err = socketValidate(ctx);
        break;
      case NftExprKind.OSF:
        err = osfValidate(ctx);
        break;
      case NftExprKind.NAT:
        err = natValidate(ctx, rec);
        break;
      case NftExprKind.MASQ:
        err = masqValidate(ctx);
        break;
      case NftExprKind.REDIR:
        err = redirValidate(ctx);
        break;
      case NftExprKind.TPROXY:
        err = tproxyValidate(ctx);
        break;
      case NftExprKind.FLOW_OFFLOAD:
        err = flowValidate(ctx);
        break;
    }
    if (err !== 0) return err;
  }
  return 0;
}

function verdictValidate(ctx: Ctx, verdict: usize, level: u32): i32 {
  const code = load<i32>(verdict);
  if (code !== NFT_JUMP && code !== NFT_GOTO) return 0;
  return chainValidate(ctx, changetype<Chain>(load<u32>(verdict, 4)), level + 1);
}

function mapValidate(ctx: Ctx, set: NftSet, level: u32): i32 {
  if (set.dtype !== NFT_DATA_VERDICT || set.dataAt === 0) return 0;
  if (set.backend === <u8>SetBackend.RBTREE) {
    const err = treeValidate(ctx, set, set.store, level);
    if (err !== 0) return err;
  } else {
    // The walk's cursor is the set's: it is kept while chains that look in the same set are walked.
    const cursor = changetype<usize>(set) + offsetof<NftSet>('walk0');
    let a: u64 = 0;
    let b: u32 = 0;
    for (;;) {
      store<u64>(cursor, a);
      store<u32>(cursor, b, 8);
      const elem = setWalk(set, cursor);
      a = load<u64>(cursor);
      b = load<u32>(cursor, 8);
      if (elem === 0) return 0;
      const err = elemValidate(ctx, set, elem, level);
      if (err !== 0) return err;
    }
  }
  for (let at = set.catchall; at !== 0; at = changetype<Elem>(at).left) {
    const err = elemValidate(ctx, set, at, level);
    if (err !== 0) return err;
  }
  return 0;
}

function elemValidate(ctx: Ctx, set: NftSet, elem: usize, level: u32): i32 {
  if (!activeNext(changetype<Elem>(elem).state) || elemIsEnd(elem)) return 0;
  return verdictValidate(ctx, elemData(set, elem), level);
}

function treeValidate(ctx: Ctx, set: NftSet, tree: usize, level: u32): i32 {
  if (tree === 0) return 0;
  let err = treeValidate(ctx, set, changetype<Elem>(tree).left, level);
  if (err === 0) err = elemValidate(ctx, set, tree, level);
  return err !== 0 ? err : treeValidate(ctx, set, changetype<Elem>(tree).right, level);
}
