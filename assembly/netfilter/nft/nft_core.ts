/**
 * The machine: runs a base chain for one packet. Linux: nft_do_chain in net/netfilter/nf_tables_core.c.
 *
 *   RULE ─► instruction ─► instruction ─► ... ─► next RULE       NFT_BREAK goes to the next RULE at once
 *             │ verdict: accept, drop, queue, stolen: done
 *             │ jump: the next RULE is kept, 16 deep; goto: it is not; return, END: back to what was kept, or the policy
 */
import {
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_GOTO,
  NFT_JUMP,
  NFT_JUMP_STACK_SIZE,
  NFT_RETURN,
  NftTraceType,
} from '../../abi/nf_tables';
import {
  Nb,
  NbCmp,
  NbFused,
  NbFusedN,
  NbImmediate,
  NbKey,
  NbLookup,
  NftExprKind,
} from '../../abi/nft_bytecode';
import { NfProto } from '../../abi/nfnl';
import { NFT_UNDECIDED } from '../../abi/nft_frame';
import { devNamePtr, NetDevice } from '../../dev/net_device';
import { NfHookState } from '../../dev/nf_hook';
import { opIndex } from '../../lib/ops';
import { root } from '../../lib/root';
import {
  NFPROTO_ARP,
  NFPROTO_BRIDGE,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NF_ACCEPT,
  NF_DROP,
  NF_QUEUE,
  NF_STOLEN,
  NF_VERDICT_MASK,
  NetfilterHook,
} from '../../net/hooks';
import { SKB_F_PATH, SkBuff } from '../../skb/sk_buff';
import { ETH_P_IP, ETH_P_IPV6 } from '../../wire/ethernet';
import { ipRouteMeHarder } from '../nf_route';
import { bitwiseEval } from './nft_bitwise';
import { byteorderEval } from './nft_byteorder';
import { cmpBytes } from './nft_cmp';
import { Counter } from './nft_counter';
import { FRAMES, frameAt, nftCtx } from './nft_ctx';
import { Elem, ElemMore, elemData } from './nft_elem';
import { exprEval, exprsRun } from './nft_eval';
import { metaGet, metaSetEval } from './nft_meta';
import { BaseChain, Chain, ChainType, Table } from './nf_tables';
import { fragmentAt, payloadAt, payloadEval, payloadSetEval } from './nft_payload';
import { JUMP_STACK_AT, L4_VALID, Pkt, pktIngressValid, pktInit, pktL4 } from './nft_pkt';
import { rangeEval } from './nft_range';
import { NFT_DATA_VERDICT } from '../../abi/nf_tables';
import { NftSet } from './nft_set';
import { setLookup } from './nft_set_backend';
import { traceLookup, traceMiss, traceOn, traceStep, traceSteps } from './nft_trace';

/** Op NFT_DO_CHAIN: `priv` is a BaseChain. */
export function nftDoChainOp(priv: usize, skb: usize, state: usize): i32 {
  const code = opIndex(changetype<BaseChain>(priv).hookOp);
  if (code !== 0 && root().trace === 0) {
    const decided = call_indirect<i32>(code, priv, skb, state);
    if (decided !== NFT_UNDECIDED) return decided;
  }
  changetype<SkBuff>(skb).flags &= ~SKB_F_PATH;
  const ctx = nftCtx();
  // Chains inside chains (a rule that sends a packet): beyond this depth it is a loop of its own making.
  if (ctx.depth === FRAMES) return NF_DROP;
  const pkt = changetype<Pkt>(frameAt(ctx.depth++));
  const s = changetype<NfHookState>(state);
  const base = changetype<BaseChain>(priv);
  pktInit(pkt, changetype<SkBuff>(skb), s, familyOf(s));
  pkt.baseChain = priv;
  let verdict: i32;
  if (s.hook === <u32>NetfilterHook.NETDEV_INGRESS && isInet(base)) verdict = inetIngress(pkt, base);
  else if (base.type === ChainType.ROUTE) verdict = nftRoute(pkt, base);
  else verdict = nftDoChain(pkt, base);
  ctx.depth--;
  return verdict;
}

function isInet(base: BaseChain): bool {
  return changetype<Table>(changetype<Chain>(base.chain).table).family === <u32>NfProto.INET;
}

/** Only IP, which has to be whole. Linux: nft_do_chain_inet_ingress. */
function inetIngress(pkt: Pkt, base: BaseChain): i32 {
  const protocol = <u32>pkt.skb.protocol;
  if (protocol === ETH_P_IP) pkt.family = NfProto.IPV4;
  else if (protocol === ETH_P_IPV6) pkt.family = NfProto.IPV6;
  else return NF_ACCEPT;
  return pktIngressValid(pkt) ? nftDoChain(pkt, base) : NF_DROP;
}

/** A chain of type route: what it gave another way goes there. Linux: nft_chain_route.c. */
function nftRoute(pkt: Pkt, base: BaseChain): i32 {
  const skb = pkt.skb;
  const six = pkt.family === <u32>NfProto.IPV6;
  const mark = skb.mark;
  const first = load<u32>(pkt.nh);
  const tos = <u32>load<u8>(pkt.nh + (six ? 7 : 1));
  const a = load<u64>(pkt.nh + (six ? 8 : 12));
  const b = six ? load<u64>(pkt.nh, 16) : 0;
  const c = six ? load<u64>(pkt.nh, 24) : 0;
  const d = six ? load<u64>(pkt.nh, 32) : 0;
  const verdict = nftDoChain(pkt, base);
  const kind = verdict & NF_VERDICT_MASK;
  if (kind === NF_DROP || kind === NF_STOLEN) return verdict;
  // A rule may have moved the packet.
  const nh = pkt.nh;
  let same = skb.mark === mark && <u32>load<u8>(nh + (six ? 7 : 1)) === tos;
  if (six) {
    if (load<u32>(nh) !== first || load<u64>(nh, 8) !== a || load<u64>(nh, 16) !== b) same = false;
    if (load<u64>(nh, 24) !== c || load<u64>(nh, 32) !== d) same = false;
  } else if (load<u64>(nh, 12) !== a) same = false;
  if (same) return verdict;
  return ipRouteMeHarder(pkt.net, skb, six ? NFPROTO_IPV6 : NFPROTO_IPV4) ? verdict : NF_DROP;
}

function familyOf(state: NfHookState): u32 {
  if (state.hook >= <u32>NetfilterHook.NETDEV_INGRESS) return NfProto.NETDEV;
  if (state.family === NFPROTO_IPV6) return NfProto.IPV6;
  if (state.family === NFPROTO_BRIDGE) return NfProto.BRIDGE;
  return state.family === NFPROTO_ARP ? NfProto.ARP : NfProto.IPV4;
}

export function nftDoChain(pkt: Pkt, base: BaseChain): i32 {
  pkt.rule = 0;
  const trace = root().trace !== 0 && traceOn(pkt);
  const verdict = trace ? interpretTraced(pkt, base.chain) : nftRun(changetype<usize>(pkt), base.chain);
  if (verdict !== NFT_RETURN && verdict !== NFT_CONTINUE) return verdict;
  if (base.counting !== 0) {
    base.packets++;
    base.bytes += pkt.skb.len;
  }
  if (trace) traceStep(pkt, NftTraceType.POLICY, base.chain, base.policyNow);
  return base.policyNow;
}

/** A chain, by its generated code when there is some; a verdict, or NFT_RETURN or NFT_CONTINUE at its end. */
export function nftRun(pkt: usize, chain: usize): i32 {
  const op = changetype<Chain>(chain).jitOp;
  const fn = op === 0 ? 0 : opIndex(op);
  if (fn !== 0) return call_indirect<i32>(fn, pkt);
  return interpret(changetype<Pkt>(pkt), chain, 0);
}

/** From the RULE at `pc` to the end of its chain, and of those that it jumps to; the result is nftRun's. */
export function nftInterpret(pkt: usize, pc: usize): i32 {
  return interpret(changetype<Pkt>(pkt), 0, pc);
}

/** `pc` 0: the chain from its beginning. */
function interpret(pkt: Pkt, first: usize, from: usize): i32 {
  const regs = changetype<usize>(pkt);
  const stack = regs + JUMP_STACK_AT;
  let pc = from === 0 ? changetype<Chain>(first).blob : from;
  let chain: usize = first;
  let next: usize = 0;
  let depth: u32 = 0;
  let verdict: i32 = NFT_CONTINUE;
  for (;;) {
    const kind = <u32>load<u8>(pc);
    verdict = NFT_CONTINUE;
    switch (kind) {
      case NftExprKind.RULE:
        next = load<u32>(pc, 4);
        pkt.rule = load<u32>(pc, 8);
        pc += 12;
        continue;
      case NftExprKind.FUSED_PAYLOAD_CMP:
        if (!Fused.payload(pc, pkt, 0xffffffff, 0)) {
          pc = next;
          continue;
        }
        pc += NbFused.SIZE;
        continue;
      case NftExprKind.FUSED_PAYLOAD_MASK_CMP:
        if (!Fused.payload(pc, pkt, load<u32>(pc, NbFused.MASK), load<u32>(pc, NbFused.XOR))) {
          pc = next;
          continue;
        }
        pc += NbFused.SIZE;
        continue;
      case NftExprKind.FUSED_L4PROTO_CMP: {
        if (pkt.l4 !== L4_VALID && !pktL4(pkt)) {
          pc = next;
          continue;
        }
        const proto = pkt.tprot;
        store<u32>(regs + load<u16>(pc, NbFused.DREG), proto);
        if ((proto === load<u32>(pc, NbFused.VALUE)) === (load<u8>(pc, 1) !== 0)) {
          pc = next;
          continue;
        }
        pc += NbFused.SIZE;
        continue;
      }
      case NftExprKind.FUSED_NFPROTO_CMP: {
        store<u32>(regs + load<u16>(pc, NbFused.DREG), pkt.family);
        if ((pkt.family === load<u32>(pc, NbFused.VALUE)) === (load<u8>(pc, 1) !== 0)) {
          pc = next;
          continue;
        }
        pc += NbFused.SIZE;
        continue;
      }
      case NftExprKind.FUSED_IFNAME_CMP:
        if (Fused.ifname(pc, pkt) === (load<u8>(pc, 1) !== 0)) {
          pc = next;
          continue;
        }
        pc += NbFusedN.SIZE;
        continue;
      case NftExprKind.FUSED_PAYLOAD_CMPN:
        if (!fusedPayloadN(pc, pkt)) {
          pc = next;
          continue;
        }
        pc += NbFusedN.SIZE;
        continue;
      case NftExprKind.CMP:
        if (
          !cmpBytes(
            load<u8>(pc, 1),
            regs + load<u16>(pc, NbCmp.SREG),
            pc + NbCmp.DATA,
            load<u8>(pc, NbCmp.LEN),
          )
        ) {
          pc = next;
          continue;
        }
        pc += NbCmp.SIZE;
        continue;
      case NftExprKind.COUNTER:
        Counter.eval(load<u32>(pc, Nb.REF), pkt.skb.len);
        break;
      case NftExprKind.END:
        verdict = NFT_RETURN;
        break;
      default:
        verdict = nftEvaluate(changetype<usize>(pkt), pc);
        break;
    }
    if (verdict === NFT_CONTINUE) {
      pc += load<u16>(pc, Nb.SIZE);
      continue;
    }
    if (verdict === NFT_BREAK) {
      pc = next;
      continue;
    }
    const action = verdict & NF_VERDICT_MASK;
    if (action === NF_ACCEPT || action === NF_DROP || action === NF_STOLEN || action === NF_QUEUE)
      return verdict;
    if (verdict === NFT_JUMP || verdict === NFT_GOTO) {
      if (verdict === NFT_JUMP) {
        if (depth === NFT_JUMP_STACK_SIZE) return NF_DROP;
        store<u32>(stack + (depth << 3), next);
        store<u32>(stack + (depth << 3), chain, 4);
        depth++;
      }
      chain = pkt.chain;
      pc = changetype<Chain>(chain).blob;
      continue;
    }
    // NFT_RETURN: to behind the jump, or to the policy.
    if (depth === 0) break;
    depth--;
    pc = load<u32>(stack + (depth << 3));
    chain = load<u32>(stack + (depth << 3), 4);
  }
  return NFT_RETURN;
}

/** An instruction that stands in blobs only: NFT_CONTINUE or NFT_BREAK. */
function fusedOutcome(kind: u32, pc: usize, pkt: Pkt): i32 {
  const regs = changetype<usize>(pkt);
  const inverted = load<u8>(pc, 1) !== 0;
  switch (kind) {
    case NftExprKind.FUSED_PAYLOAD_CMP:
      return outcome(Fused.payload(pc, pkt, 0xffffffff, 0));
    case NftExprKind.FUSED_PAYLOAD_MASK_CMP:
      return outcome(Fused.payload(pc, pkt, load<u32>(pc, NbFused.MASK), load<u32>(pc, NbFused.XOR)));
    case NftExprKind.FUSED_L4PROTO_CMP:
      if (pkt.l4 !== L4_VALID && !pktL4(pkt)) return NFT_BREAK;
      store<u32>(regs + load<u16>(pc, NbFused.DREG), pkt.tprot);
      return outcome((pkt.tprot === load<u32>(pc, NbFused.VALUE)) !== inverted);
    case NftExprKind.FUSED_NFPROTO_CMP:
      store<u32>(regs + load<u16>(pc, NbFused.DREG), pkt.family);
      return outcome((pkt.family === load<u32>(pc, NbFused.VALUE)) !== inverted);
    case NftExprKind.FUSED_IFNAME_CMP:
      return outcome(Fused.ifname(pc, pkt) !== inverted);
  }
  return outcome(fusedPayloadN(pc, pkt));
}

function isFused(kind: u32): bool {
  return (
    kind === <u32>NftExprKind.FUSED_PAYLOAD_CMP ||
    kind === <u32>NftExprKind.FUSED_PAYLOAD_MASK_CMP ||
    kind === <u32>NftExprKind.FUSED_L4PROTO_CMP ||
    kind === <u32>NftExprKind.FUSED_NFPROTO_CMP ||
    kind === <u32>NftExprKind.FUSED_IFNAME_CMP ||
    kind === <u32>NftExprKind.FUSED_PAYLOAD_CMPN
  );
}

/** Bytes of the instruction at `pc`. */
function sizeOf(kind: u32, pc: usize): u32 {
  if (kind === <u32>NftExprKind.CMP) return NbCmp.SIZE;
  if (kind === <u32>NftExprKind.FUSED_IFNAME_CMP || kind === <u32>NftExprKind.FUSED_PAYLOAD_CMPN)
    return NbFusedN.SIZE;
  return isFused(kind) ? <u32>NbFused.SIZE : <u32>load<u16>(pc, Nb.SIZE);
}

/** interpret, told step by step: only for packets whose way is recorded. */
function interpretTraced(pkt: Pkt, first: usize): i32 {
  const regs = changetype<usize>(pkt);
  const stack = regs + JUMP_STACK_AT;
  const steps = traceSteps();
  let pc = changetype<Chain>(first).blob;
  let chain: usize = first;
  let next: usize = 0;
  let depth: u32 = 0;
  /** A rule runs, and its instructions so far. */
  let inside = false;
  let at: u32 = 0;
  for (;;) {
    const kind = <u32>load<u8>(pc);
    if (kind === <u32>NftExprKind.RULE || kind === <u32>NftExprKind.END) {
      // It came to its end without a verdict.
      if (inside && pkt.rule !== 0) traceStep(pkt, NftTraceType.RULE, chain, NFT_CONTINUE);
      inside = false;
    }
    if (kind === <u32>NftExprKind.RULE) {
      next = load<u32>(pc, 4);
      pkt.rule = load<u32>(pc, 8);
      pc += 12;
      inside = true;
      at = 0;
      continue;
    }
    let verdict: i32 = NFT_RETURN;
    if (kind === <u32>NftExprKind.COUNTER) {
      Counter.eval(load<u32>(pc, Nb.REF), pkt.skb.len);
      verdict = NFT_CONTINUE;
    } else if (isFused(kind)) verdict = fusedOutcome(kind, pc, pkt);
    else if (kind !== <u32>NftExprKind.END) {
      const key = regs + load<u16>(pc, NbLookup.SREG);
      const set = changetype<NftSet>(load<u32>(pc, NbLookup.SET));
      // Before: what is found may overwrite the key.
      if (steps && kind === <u32>NftExprKind.LOOKUP)
        traceLookup(pkt, chain, set, key, setLookup(set, key) !== 0);
      verdict = nftEvaluate(regs, pc);
    }
    if (verdict === NFT_CONTINUE) {
      pc += sizeOf(kind, pc);
      at++;
      continue;
    }
    if (verdict === NFT_BREAK) {
      if (steps) traceMiss(pkt, chain, at);
      inside = false;
      pc = next;
      continue;
    }
    if (kind !== <u32>NftExprKind.END) traceStep(pkt, NftTraceType.RULE, chain, verdict);
    inside = false;
    const action = verdict & NF_VERDICT_MASK;
    if (action === NF_ACCEPT || action === NF_DROP || action === NF_STOLEN || action === NF_QUEUE)
      return verdict;
    if (verdict === NFT_JUMP || verdict === NFT_GOTO) {
      if (verdict === NFT_JUMP) {
        if (depth === NFT_JUMP_STACK_SIZE) return NF_DROP;
        store<u32>(stack + (depth << 3), next);
        store<u32>(stack + (depth << 3), chain, 4);
        depth++;
      }
      chain = pkt.chain;
      pc = changetype<Chain>(chain).blob;
      continue;
    }
    if (kind === <u32>NftExprKind.END && depth !== 0) traceStep(pkt, NftTraceType.RETURN, chain, NFT_RETURN);
    if (depth === 0) break;
    depth--;
    pc = load<u32>(stack + (depth << 3));
    chain = load<u32>(stack + (depth << 3), 4);
  }
  return NFT_RETURN;
}

/** The instruction at `pc`, none of those that stand only in blobs: NFT_CONTINUE, NFT_BREAK or a verdict. */
export function nftEvaluate(p: usize, pc: usize): i32 {
  const pkt = changetype<Pkt>(p);
  const kind = <u32>load<u8>(pc);
  switch (kind) {
    case NftExprKind.CMP: {
      const len = <u32>load<u8>(pc, NbCmp.LEN);
      return outcome(cmpBytes(load<u8>(pc, 1), p + load<u16>(pc, NbCmp.SREG), pc + NbCmp.DATA, len));
    }
    case NftExprKind.PAYLOAD:
      return outcome(payloadEval(pc, pkt));
    case NftExprKind.META:
      return outcome(metaGet(pkt, load<u8>(pc, 1), p + load<u16>(pc, NbKey.REG)));
    case NftExprKind.BITWISE:
      bitwiseEval(pc, p);
      return NFT_CONTINUE;
    case NftExprKind.BYTEORDER:
      byteorderEval(pc, p);
      return NFT_CONTINUE;
    case NftExprKind.RANGE:
      return outcome(rangeEval(pc, p));
    case NftExprKind.PAYLOAD_SET:
      return outcome(payloadSetEval(pc, pkt));
    case NftExprKind.META_SET:
      metaSetEval(pc, pkt);
      return NFT_CONTINUE;
    case NftExprKind.IMMEDIATE: {
      const dreg = <u32>load<u16>(pc, NbImmediate.DREG);
      if (dreg === 0) {
        pkt.chain = load<u32>(pc, NbImmediate.DATA + 4);
        return load<i32>(pc, NbImmediate.DATA);
      }
      memory.copy(p + dreg, pc + NbImmediate.DATA, (<u32>load<u8>(pc, NbImmediate.LEN) + 3) & ~3);
      return NFT_CONTINUE;
    }
    case NftExprKind.LOOKUP:
      return lookupEval(pc, pkt);
  }
  return exprEval(kind, load<u32>(pc, Nb.REF), pkt);
}

function outcome(goesOn: bool): i32 {
  return goesOn ? NFT_CONTINUE : NFT_BREAK;
}

/** A value, a verdict or nothing; NFT_BREAK when the key is not there (or is, inverted). */
function lookupEval(pc: usize, pkt: Pkt): i32 {
  const set = changetype<NftSet>(load<u32>(pc, NbLookup.SET));
  const aux = <u32>load<u8>(pc, 1);
  const elem = setLookup(set, changetype<usize>(pkt) + load<u16>(pc, NbLookup.SREG));
  if ((elem !== 0) === ((aux & 1) !== 0)) return NFT_BREAK;
  if (elem === 0) return NFT_CONTINUE;
  let verdict: i32 = NFT_CONTINUE;
  if ((aux & 2) !== 0) {
    const data = elemData(set, elem);
    if (set.dtype === NFT_DATA_VERDICT) {
      verdict = load<i32>(data);
      pkt.chain = load<u32>(data, 4);
    } else {
      memory.copy(changetype<usize>(pkt) + load<u16>(pc, NbLookup.DREG), data, (set.dlen + 3) & ~3);
    }
  }
  const more = changetype<Elem>(elem).more;
  if (more === 0 || changetype<ElemMore>(more).exprs === 0) return verdict;
  const said = exprsRun(changetype<ElemMore>(more), pkt);
  return said === NFT_BREAK ? NFT_BREAK : verdict;
}

/** PAYLOAD and CMP of another length than 1, 2 and 4. */
function fusedPayloadN(pc: usize, pkt: Pkt): bool {
  const len = <u32>load<u8>(pc, NbFusedN.LEN);
  const dst = changetype<usize>(pkt) + load<u16>(pc, NbFusedN.DREG);
  if ((len & 3) !== 0) store<u32>(dst + (len & ~3), 0);
  const p = payloadAt(pkt, load<u8>(pc, NbFusedN.BASE), load<u32>(pc, NbFusedN.OFFSET), len, dst);
  if (p === 0) return false;
  if (p !== dst) memory.copy(dst, p, len);
  return (memory.compare(dst, pc + NbFusedN.VALUE, len) === 0) === (load<u8>(pc, 1) === 0);
}

class Fused {
  /** Loads, masks and compares 1, 2 or 4 bytes; false: NFT_BREAK. */
  @inline
  static payload(pc: usize, pkt: Pkt, mask: u32, xor: u32): bool {
    const len = <u32>load<u8>(pc, NbFused.LEN);
    let offset = load<u32>(pc, NbFused.OFFSET);
    let there = true;
    if (load<u8>(pc, NbFused.BASE) === 2) {
      if (pkt.l4 !== L4_VALID && !pktL4(pkt)) there = false;
      // Linux: nft_payload_fast_eval does not look at the offset of the fragment.
      if (pkt.fragoff !== 0 && fragmentAt(pkt, offset, len) === 0) there = false;
      offset += pkt.thoff;
    }
    const dst = changetype<usize>(pkt) + load<u16>(pc, NbFused.DREG);
    if (there && offset + len > pkt.nhLen) there = fusedFar(pkt, offset, len, dst);
    else if (there) {
      const p = pkt.nh + offset;
      if (len === 1) store<u32>(dst, load<u8>(p));
      else if (len === 2) store<u32>(dst, load<u16>(p));
      else store<u32>(dst, load<u32>(p));
    }
    let hit = false;
    if (there) {
      const value = (load<u32>(dst) & mask) ^ xor;
      store<u32>(dst, value);
      hit = (value === load<u32>(pc, NbFused.VALUE)) === (load<u8>(pc, 1) === 0);
    }
    return hit;
  }

  @inline
  static ifname(pc: usize, pkt: Pkt): bool {
    const dev = load<u8>(pc, NbFusedN.BASE) === 0 ? pkt.in : pkt.out;
    const dst = changetype<usize>(pkt) + load<u16>(pc, NbFusedN.DREG);
    let a: u64 = 0;
    let b: u64 = 0;
    if (dev !== 0) {
      const name = devNamePtr(changetype<NetDevice>(dev));
      a = load<u64>(name);
      b = load<u64>(name, 8);
    }
    store<u64>(dst, a);
    store<u64>(dst, b, 8);
    return a === load<u64>(pc, NbFusedN.VALUE) && b === load<u64>(pc, NbFusedN.VALUE + 8);
  }
}

/** Bytes that lie in fragments, or are not there. */
function fusedFar(pkt: Pkt, offset: u32, len: u32, dst: usize): bool {
  store<u32>(dst, 0);
  const p = payloadAt(pkt, 1, offset, len, dst);
  if (p === 0) return false;
  if (p !== dst) memory.copy(dst, p, len);
  return true;
}
