/**
 * The way of a packet through rules, told to the trace ring: every rule that gave a verdict, returns and the policy, of
 * packets that `meta nftrace set 1` marked, or of all while TRACE_F_NFT is on. Linux: net/netfilter/nf_tables_trace.c.
 */
import { TRACE_F_NFT, TRACE_F_NFT_STEPS, TraceKind, TraceNftStep } from '../../abi/trace';
import { NftTraceType } from '../../abi/nf_tables';
import { SKB_F_NFTRACE } from '../../skb/sk_buff';
import { traceFlags, traceNames, traceThree } from '../../skb/trace';
import { Chain, Named, Rule, tableOf, textLen, textPtr } from './nf_tables';
import { Pkt } from './nft_pkt';
import { NftSet } from './nft_set';

export function traceOn(pkt: Pkt): bool {
  return (pkt.skb.flags & SKB_F_NFTRACE) !== 0 || (traceFlags() & TRACE_F_NFT) !== 0;
}

/** DETAIL: NftTraceType | family << 8; A: verdict, B: handle of the rule, C: hook; DATA: names of table and chain. */
export function traceStep(pkt: Pkt, type: NftTraceType, chain: usize, verdict: i32): void {
  const c = changetype<Chain>(chain);
  const table = tableOf(changetype<Named>(chain));
  const handle: u32 =
    type === NftTraceType.RULE && pkt.rule !== 0 ? <u32>changetype<Rule>(pkt.rule).handle : 0;
  const detail = <u32>type | (table.family << 8);
  traceNames(
    TraceKind.NFT,
    detail,
    changetype<usize>(pkt.skb),
    pkt.in !== 0 ? pkt.in : pkt.out,
    <u32>verdict,
    handle,
    pkt.hook,
    textPtr(table.name),
    textLen(table.name),
    textPtr(c.name),
    textLen(c.name),
  );
}

/** Rules that do not match and keys that are looked up are told. */
export function traceSteps(): bool {
  return (traceFlags() & TRACE_F_NFT_STEPS) !== 0;
}

function traceNftStep(
  pkt: Pkt,
  chain: usize,
  step: TraceNftStep,
  a: u32,
  set: usize,
  key: usize,
  len: u32,
): void {
  const table = tableOf(changetype<Named>(chain));
  traceThree(
    TraceKind.NFT_STEP,
    <u32>step | (table.family << 8),
    changetype<usize>(pkt.skb),
    pkt.in !== 0 ? pkt.in : pkt.out,
    a,
    pkt.rule === 0 ? 0 : <u32>changetype<Rule>(pkt.rule).handle,
    pkt.hook,
    textPtr(table.name),
    textLen(table.name),
    set === 0 ? 0 : textPtr(changetype<Named>(set).name),
    set === 0 ? 0 : textLen(changetype<Named>(set).name),
    key,
    len,
  );
}

/** The rule that runs does not match, by its instruction number `at`. */
export function traceMiss(pkt: Pkt, chain: usize, at: u32): void {
  if (pkt.rule !== 0) traceNftStep(pkt, chain, TraceNftStep.MISS, at, 0, 0, 0);
}

export function traceLookup(pkt: Pkt, chain: usize, set: NftSet, key: usize, found: bool): void {
  if (pkt.rule !== 0)
    traceNftStep(pkt, chain, TraceNftStep.LOOKUP, u32(found), changetype<usize>(set), key, set.klen);
}
