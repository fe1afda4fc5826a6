/** `immediate`: a value into a register, or a verdict. Linux: net/netfilter/nft_immediate.c. */
import { NFT_CHAIN_BINDING, NFT_GOTO, NFT_JUMP, NftaImmediate } from '../../abi/nf_tables';
import { NbImmediate } from '../../abi/nft_bytecode';
import { Errno } from '../../net/errno';
import { NlOut, tbGet } from '../nlattr';
import { chainDestroy } from './nft_chain';
import { Chain, INACTIVE_NEXT, Named, Rule, activeNext, namedRemove, tableOf } from './nf_tables';
import { Ctx } from './nft_ctx';
import {
  dataIsVerdict,
  dataValue,
  dataVerdict,
  dumpRegister,
  dumpValue,
  dumpVerdict,
  regIsVerdict,
  regStore,
  verdictGet,
  verdictPut,
} from './nft_data';
import { ruleActivate, ruleDeactivate, ruleDestroy, ruleUnlink } from './nft_rule';

export function immediateInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const dreg = tbGet(tb, NftaImmediate.DREG);
  const data = tbGet(tb, NftaImmediate.DATA);
  if (dreg === 0 || data === 0) return -Errno.EINVAL;
  const verdict = regIsVerdict(dreg);
  if (dataIsVerdict(ctx, data) !== verdict) return -Errno.EINVAL;
  if (verdict) {
    const err = dataVerdict(ctx, data, rec + NbImmediate.DATA, false);
    if (err !== 0) return err;
    store<u16>(rec, 0, NbImmediate.DREG);
    const chain = boundChain(rec);
    if (chain !== null) {
      chain.bound = 1;
      chain.use++;
    }
    return 0;
  }
  const len = dataValue(ctx, data, rec + NbImmediate.DATA, 16);
  if (len < 0) return len;
  const reg = regStore(ctx, dreg, <u32>len);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbImmediate.DREG);
  store<u8>(rec, <u8>len, NbImmediate.LEN);
  return 0;
}

function isVerdict(rec: usize): bool {
  return load<u16>(rec, NbImmediate.DREG) === 0;
}

/** The chain of a jump into a chain that belongs to its rule (`jump { ... }`), or null. */
function boundChain(rec: usize): Chain | null {
  if (!isVerdict(rec)) return null;
  const code = load<i32>(rec, NbImmediate.DATA);
  if (code !== NFT_JUMP && code !== NFT_GOTO) return null;
  const chain = changetype<Chain>(load<u32>(rec, NbImmediate.DATA + 4));
  return (chain.flags & NFT_CHAIN_BINDING) !== 0 ? chain : null;
}

export function immediateDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaImmediate.DREG, load<u16>(rec, NbImmediate.DREG));
  if (isVerdict(rec)) dumpVerdict(out, NftaImmediate.DATA, rec + NbImmediate.DATA);
  else dumpValue(out, NftaImmediate.DATA, rec + NbImmediate.DATA, load<u8>(rec, NbImmediate.LEN));
}

/** The rule goes from the transaction's sight: so does a chain that is bound to it, with its rules. */
export function immediateDeactivate(rec: usize): void {
  if (!isVerdict(rec)) return;
  verdictPut(rec + NbImmediate.DATA);
  const chain = boundChain(rec);
  if (chain === null || (chain.state & INACTIVE_NEXT) !== 0) return;
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    if (!activeNext(rule.state)) continue;
    ruleDeactivate(rule);
    rule.state |= INACTIVE_NEXT;
    chain.use--;
    chain.rules--;
  }
  chain.state |= INACTIVE_NEXT;
  chain.use--;
  tableOf(changetype<Named>(changetype<usize>(chain))).use--;
}

export function immediateActivate(rec: usize): void {
  if (!isVerdict(rec)) return;
  verdictGet(rec + NbImmediate.DATA);
  const chain = boundChain(rec);
  if (chain === null || (chain.state & INACTIVE_NEXT) === 0) return;
  chain.state &= ~INACTIVE_NEXT;
  chain.use++;
  tableOf(changetype<Named>(changetype<usize>(chain))).use++;
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    rule.state &= ~INACTIVE_NEXT;
    ruleActivate(rule);
    chain.use++;
    chain.rules++;
  }
}

/** Frees a bound chain with the rule that went (`commit`); an abort frees it by its own record. */
export function immediateDestroy(rec: usize, commit: bool): void {
  const chain = boundChain(rec);
  if (chain === null) return;
  chain.bound = 0;
  if (!commit) return;
  while (chain.ruleHead !== 0) {
    const rule = changetype<Rule>(chain.ruleHead);
    ruleUnlink(rule);
    ruleDestroy(rule, true);
  }
  namedRemove(changetype<Named>(changetype<usize>(chain)));
  chainDestroy(chain);
}
