/**
 * Chains to what packets run: the rules' expressions one behind the other as instructions (abi/nft_bytecode), with what
 * reads and compares in one step where that means the same. Linux: nf_tables_commit_chain_prepare.
 */
import { NftCmpOp, NftMeta } from '../../abi/nf_tables';
import {
  Nb,
  NbBitwise,
  NbCmp,
  NbFused,
  NbFusedN,
  NbKey,
  NbPayload,
  NftExprKind,
} from '../../abi/nft_bytecode';
import { kfree, kmalloc } from '../../lib/kmalloc';
import { BITWISE_MASK_XOR } from './nft_bitwise';
import { Chain, NftNet, RULE_BYTES, Rule, activeNext } from './nf_tables';
import { chainJitStale } from './nft_jit';

const RULE_INSTRUCTION: u32 = 12;
const REF_BYTES: u32 = 8;

/** What stands in the blob whole; the others by reference. */
function inlined(kind: u32): bool {
  return kind >= <u32>NftExprKind.IMMEDIATE && kind <= <u32>NftExprKind.LOOKUP;
}

/** Makes chain.blobNext of the rules that the transaction sees; false: no memory. Once a transaction and chain. */
export function chainCompile(chain: Chain): bool {
  if (chain.dirty === 0 && (chain.blobNext !== 0 || chain.blob !== 0)) return true;
  let bytes: u32 = 4;
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    if (activeNext(rule.state)) bytes += RULE_INSTRUCTION + rule.dlen;
  }
  const blob = kmalloc(bytes);
  if (blob === 0) return false;
  let at = blob;
  for (let p = chain.ruleHead; p !== 0; p = changetype<Rule>(p).next) {
    const rule = changetype<Rule>(p);
    if (!activeNext(rule.state)) continue;
    const head = at;
    store<u32>(head, <u32>NftExprKind.RULE | (RULE_INSTRUCTION << 16));
    store<u32>(head, p, 8);
    at = ruleCompile(rule, head + RULE_INSTRUCTION);
    store<u32>(head, at, 4);
  }
  store<u32>(at, <u32>NftExprKind.END | (4 << 16));
  kfree(chain.blobNext);
  chain.blobNext = blob;
  chain.dirty = 0;
  return true;
}

/** The commit: packets run the new one from here on. */
export function chainSwap(nn: NftNet, chain: Chain): void {
  if (chain.blobNext === 0) return;
  kfree(chain.blob);
  chain.blob = chain.blobNext;
  chain.blobNext = 0;
  chainJitStale(chain, nn.genid + 1);
}

function ruleCompile(rule: Rule, to: usize): usize {
  let rec = changetype<usize>(rule) + RULE_BYTES;
  const end = rec + rule.dlen;
  let at = to;
  while (rec < end) {
    const used = fuse(rec, end, at);
    if (used !== 0) {
      rec += used;
      at += load<u16>(at, Nb.SIZE);
      continue;
    }
    const kind = <u32>load<u8>(rec);
    const size = <u32>load<u16>(rec, Nb.SIZE);
    if (inlined(kind)) {
      memory.copy(at, rec, size);
      at += size;
    } else {
      store<u32>(at, kind | ((<u32>load<u8>(rec, 1)) << 8) | (REF_BYTES << 16));
      store<u32>(at, rec, Nb.REF);
      at += REF_BYTES;
    }
    rec += size;
  }
  return at;
}

/** Writes one instruction for two or three expressions from `rec` on; bytes of records it stands for, 0: none. */
function fuse(rec: usize, end: usize, to: usize): u32 {
  const kind = <u32>load<u8>(rec);
  const size = <u32>load<u16>(rec, Nb.SIZE);
  const next = rec + size;
  if (next >= end) return 0;
  const nextKind = <u32>load<u8>(next);
  if (kind === <u32>NftExprKind.META && nextKind === <u32>NftExprKind.CMP) return fuseMeta(rec, next, to);
  if (kind !== <u32>NftExprKind.PAYLOAD) return 0;
  if (nextKind === <u32>NftExprKind.CMP) return fusePayload(rec, next, to);
  if (nextKind !== <u32>NftExprKind.BITWISE) return 0;
  const third = next + load<u16>(next, Nb.SIZE);
  if (third >= end || <u32>load<u8>(third) !== <u32>NftExprKind.CMP) return 0;
  return fuseMasked(rec, next, third, to);
}

/** A comparison for equality of `len` bytes of register `reg`. */
function equality(cmp: usize, reg: u32, len: u32): bool {
  return (
    <u32>load<u8>(cmp, 1) <= <u32>NftCmpOp.NEQ &&
    <u32>load<u16>(cmp, NbCmp.SREG) === reg &&
    <u32>load<u8>(cmp, NbCmp.LEN) === len
  );
}

function head(to: usize, kind: NftExprKind, size: u32, cmp: usize): void {
  store<u32>(to, <u32>kind | ((<u32>load<u8>(cmp, 1)) << 8) | (size << 16));
}

function fuseMeta(meta: usize, cmp: usize, to: usize): u32 {
  const key = <u32>load<u8>(meta, 1);
  const reg = <u32>load<u16>(meta, NbKey.REG);
  const both = <u32>load<u16>(meta, Nb.SIZE) + load<u16>(cmp, Nb.SIZE);
  if (key === NftMeta.L4PROTO || key === NftMeta.NFPROTO) {
    if (!equality(cmp, reg, 1)) return 0;
    const l4 = key === NftMeta.L4PROTO;
    head(to, l4 ? NftExprKind.FUSED_L4PROTO_CMP : NftExprKind.FUSED_NFPROTO_CMP, NbFused.SIZE, cmp);
    memory.fill(to + 4, 0, <u32>NbFused.SIZE - 4);
    store<u16>(to, <u16>reg, NbFused.DREG);
    store<u8>(to, 1, NbFused.LEN);
    store<u32>(to, load<u8>(cmp, NbCmp.DATA), NbFused.VALUE);
    return both;
  }
  if (key === NftMeta.IIFNAME || key === NftMeta.OIFNAME) {
    if (!equality(cmp, reg, 16)) return 0;
    head(to, NftExprKind.FUSED_IFNAME_CMP, NbFusedN.SIZE, cmp);
    store<u16>(to, <u16>reg, NbFusedN.DREG);
    store<u8>(to, 16, NbFusedN.LEN);
    store<u8>(to, key === NftMeta.OIFNAME ? 1 : 0, NbFusedN.BASE);
    store<u32>(to, 0, NbFusedN.OFFSET);
    memory.copy(to + NbFusedN.VALUE, cmp + NbCmp.DATA, 16);
    return both;
  }
  return 0;
}

function fusePayload(payload: usize, cmp: usize, to: usize): u32 {
  const reg = <u32>load<u16>(payload, NbPayload.REG);
  const len = <u32>load<u8>(payload, NbPayload.LEN);
  const base = <u32>load<u8>(payload, 1);
  const both = <u32>load<u16>(payload, Nb.SIZE) + load<u16>(cmp, Nb.SIZE);
  if (base !== 1 && base !== 2) return 0;
  if (len > 16 || !equality(cmp, reg, len)) return 0;
  if (len === 1 || len === 2 || len === 4) {
    head(to, NftExprKind.FUSED_PAYLOAD_CMP, NbFused.SIZE, cmp);
    store<u32>(to, 0, NbFused.MASK);
    store<u32>(to, 0, NbFused.XOR);
    store<u32>(to, load<u32>(cmp, NbCmp.DATA), NbFused.VALUE);
  } else {
    head(to, NftExprKind.FUSED_PAYLOAD_CMPN, NbFusedN.SIZE, cmp);
    memory.copy(to + NbFusedN.VALUE, cmp + NbCmp.DATA, 16);
  }
  store<u16>(to, <u16>reg, NbFused.DREG);
  store<u8>(to, <u8>len, NbFused.LEN);
  store<u8>(to, <u8>base, NbFused.BASE);
  store<u32>(to, load<u16>(payload, NbPayload.OFFSET), NbFused.OFFSET);
  return both;
}

function fuseMasked(payload: usize, bitwise: usize, cmp: usize, to: usize): u32 {
  const reg = <u32>load<u16>(payload, NbPayload.REG);
  const len = <u32>load<u8>(payload, NbPayload.LEN);
  const base = <u32>load<u8>(payload, 1);
  if ((base !== 1 && base !== 2) || (len !== 1 && len !== 2 && len !== 4)) return 0;
  if (<u32>load<u8>(bitwise, 1) !== BITWISE_MASK_XOR || <u32>load<u8>(bitwise, NbBitwise.LEN) !== len)
    return 0;
  if (<u32>load<u16>(bitwise, NbBitwise.SREG) !== reg || <u32>load<u16>(bitwise, NbBitwise.DREG) !== reg)
    return 0;
  if (!equality(cmp, reg, len)) return 0;
  head(to, NftExprKind.FUSED_PAYLOAD_MASK_CMP, NbFused.SIZE, cmp);
  store<u16>(to, <u16>reg, NbFused.DREG);
  store<u8>(to, <u8>len, NbFused.LEN);
  store<u8>(to, <u8>base, NbFused.BASE);
  store<u32>(to, load<u16>(payload, NbPayload.OFFSET), NbFused.OFFSET);
  store<u32>(to, load<u32>(bitwise, NbBitwise.MASK), NbFused.MASK);
  store<u32>(to, load<u32>(bitwise, NbBitwise.XOR), NbFused.XOR);
  store<u32>(to, load<u32>(cmp, NbCmp.DATA), NbFused.VALUE);
  return <u32>load<u16>(payload, Nb.SIZE) + load<u16>(bitwise, Nb.SIZE) + load<u16>(cmp, Nb.SIZE);
}
