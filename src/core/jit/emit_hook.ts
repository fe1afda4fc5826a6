/**
 * The code of a base chain that is asked before there is a frame: (base chain, skb, hook state) => verdict. It does what
 * can be said of a plain IPv4 packet by looking at it, and nothing is done before all is said; whatever else the chain
 * would do (interpret, jump, write, count and go on) it leaves undecided, and the chain is run from its beginning.
 *
 *   tests, lookups ─► verdict, counted, or the policy        anything else ─► NFT_UNDECIDED
 *
 * It tells paths of connections, too (netfilter/nf_forward_path): where it asks what another packet of the connection
 * need not share, it clears SKB_F_PATH.
 */
import { NFT_BREAK, NFT_CONTINUE, NFT_RETURN, NftCt, NftMeta } from '../../../assembly/abi/nf_tables.js';
import { NfProto } from '../../../assembly/abi/nfnl.js';
import {
  NFT_SKB_F_PATH,
  NFT_UNDECIDED,
  NftBaseChain,
  NftFrame,
  NftFrameSkb,
  NftHookState,
} from '../../../assembly/abi/nft_frame.js';
import { type Code, I32, Mem, Op } from './code.js';
import { LookupEmitter } from './emit_lookup.js';
import { ValueEmitter } from './emit_value.js';
import { headersOf, leading, type Lookup, type Rule, type Step, type Test } from './lift.js';
import { BASE_NETWORK, type Value } from './value.js';

/** Its parameters. */
const BASE_CHAIN = 0;
const SKB = 1;
const STATE = 2;
export const HOOK_PARAMS = [I32, I32, I32];

/** What lies behind these is for the chain's own code, which sorts rules. */
const RULES_MAX = 32;
const NFPROTO_IPV4 = 0;
const NETDEV_INGRESS = 5;
const NF_DROP = 0;
const NF_ACCEPT = 1;
const IPV4_BYTES = 20;
const IPPROTO_TCP = 6;
const TCP_FLAGS = 13;
/** PSH and ACK: packets that have others take no path. */
const TCP_PLAIN = 0x18;

/** Fills the function of a chain whose rules are these, in their order. */
export function emitHook(view: DataView, rules: readonly Rule[], code: Code): void {
  new HookEmitter(view, rules, code).emit();
}

class HookEmitter {
  private readonly nh: number;
  private readonly th: number;
  private readonly result: number;
  private readonly values: ValueEmitter;
  private readonly lookups: LookupEmitter;
  private readonly rules: readonly Rule[];

  constructor(
    view: DataView,
    private readonly all: readonly Rule[],
    private readonly code: Code,
  ) {
    this.rules = all.slice(0, RULES_MAX);
    this.nh = code.local(I32);
    this.th = code.local(I32);
    this.result = code.local(I32);
    this.values = new ValueEmitter(code, this.nh, this.th, (field) => this.field(field));
    this.lookups = new LookupEmitter(code, this.values, view, {
      verdict: (verdict, _chain, depth) => this.verdict(verdict, depth),
      found: (elem, dataAt) => this.found(elem, dataAt),
      evaluate: () => this.undecided(),
    });
  }

  emit(): void {
    this.prologue();
    for (const rule of this.rules) this.rule(rule);
    if (this.rules.length < this.all.length) this.code.i32Const(NFT_UNDECIDED);
    else {
      this.policy();
      this.code.i32Const(NFT_UNDECIDED);
    }
  }

  /** What a frame would tell. */
  private field(field: NftFrame): Code {
    const { code } = this;
    switch (field) {
      case NftFrame.SKB:
        return code.localGet(SKB);
      case NftFrame.IN:
        return code.localGet(STATE).mem(Mem.i32_load, NftHookState.IN);
      case NftFrame.OUT:
        return code.localGet(STATE).mem(Mem.i32_load, NftHookState.OUT);
      case NftFrame.FAMILY:
        return code.i32Const(NfProto.IPV4);
      case NftFrame.TPROT:
        return this.protocol();
      default:
        throw new Error(`field ${field} is only in a frame`);
    }
  }

  private protocol(): Code {
    return this.code.localGet(this.nh).mem(Mem.i32_load8_u, 9);
  }

  /** Linear, of IPv4, with all headers that these rules look at. */
  private prologue(): void {
    const { code, nh, th } = this;
    const { network, transport, protocol } = headersOf(this.rules.flatMap(decidable));
    code.localGet(STATE).mem(Mem.i32_load, NftHookState.FAMILY).i32Const(NFPROTO_IPV4).op(Op.i32_ne);
    code.localGet(STATE).mem(Mem.i32_load, NftHookState.HOOK).i32Const(NETDEV_INGRESS).op(Op.i32_ge_u);
    code.op(Op.i32_or).localGet(SKB).mem(Mem.i32_load, NftFrameSkb.DATA_LEN).op(Op.i32_or).if();
    this.undecided();
    code.end();
    code.localGet(SKB).mem(Mem.i32_load, NftFrameSkb.DATA).localSet(nh);
    code.localGet(SKB).mem(Mem.i32_load, NftFrameSkb.LEN);
    code.i32Const(Math.max(network, IPV4_BYTES)).op(Op.i32_lt_u).if();
    this.undecided();
    code.end();
    if (!protocol || transport === 0) return;
    // No fragment but the first.
    code.localGet(nh).mem(Mem.i32_load16_u, 6).i32Const(0xff1f).op(Op.i32_and).if();
    this.undecided();
    code.end();
    code.localGet(nh).mem(Mem.i32_load8_u, 0).i32Const(15).op(Op.i32_and).i32Const(2).op(Op.i32_shl);
    code.localTee(th).i32Const(transport).op(Op.i32_add);
    code.localGet(SKB).mem(Mem.i32_load, NftFrameSkb.LEN).op(Op.i32_gt_u).if();
    this.undecided();
    code.end();
    code.localGet(th).localGet(nh).op(Op.i32_add).localSet(th);
  }

  private rule(rule: Rule): void {
    const { code } = this;
    const { steps } = rule;
    for (const { value, len } of leading(decidable(rule))) this.values.load(value, len);
    const before = this.values.enter();
    code.block();
    for (const [i, step] of steps.entries()) if (!this.step(step, steps.slice(i + 1))) break;
    code.end();
    this.values.leave(before);
  }

  /** False: nothing behind it is reached. */
  private step(step: Step, rest: readonly Step[]): boolean {
    const { code, values } = this;
    switch (step.kind) {
      case 'test':
        this.asks(step.value, step);
        values.test(step, 0);
        return true;
      case 'tracked':
        values.conn();
        code.op(Op.i32_eqz).brIf(0);
        return true;
      case 'lookup':
        if (!plainLookup(step)) break;
        for (const { value } of step.key) this.asks(value);
        if (step.set.changing) this.differs();
        this.lookups.emit(step);
        return true;
      case 'count': {
        const last = rest.find(({ kind }) => kind !== 'count');
        if (last?.kind !== 'verdict' || (last.code !== NF_ACCEPT && last.code !== NF_DROP)) break;
        this.differs();
        values.count(step.record);
        return true;
      }
      case 'verdict':
        this.verdict(step.code, 0);
        return false;
      case 'store':
        return true;
      case 'eval':
        break;
    }
    this.undecided();
    return false;
  }

  private undecided(): void {
    this.code.i32Const(NFT_UNDECIDED).op(Op.return);
  }

  /** The rule's end is `depth` out. */
  private verdict(verdict: number, depth: number): void {
    const { code } = this;
    if (verdict === NFT_CONTINUE || verdict === NFT_BREAK) code.br(depth);
    else if (verdict === NF_ACCEPT || verdict === NF_DROP) code.i32Const(verdict).op(Op.return);
    else if (verdict === NFT_RETURN) {
      this.policy();
      this.undecided();
    } else this.undecided();
  }

  /** Of a map's element: only what ends the chain is said here. */
  private found(elem: number, dataAt: number): void {
    const { code, result } = this;
    code.localGet(elem).mem(Mem.i32_load, dataAt).localTee(result);
    code.i32Const(NFT_CONTINUE).op(Op.i32_ne).if();
    code.localGet(result).i32Const(NF_ACCEPT).op(Op.i32_gt_u).if();
    this.undecided();
    code.end().localGet(result).op(Op.return).end();
  }

  /** Returns the chain's policy, unless that is counted. */
  private policy(): void {
    const { code } = this;
    code.localGet(BASE_CHAIN).mem(Mem.i32_load8_u, NftBaseChain.COUNTING).op(Op.i32_eqz).if();
    code.localGet(BASE_CHAIN).mem(Mem.i32_load8_u, NftBaseChain.POLICY).op(Op.return);
    code.end();
  }

  /** Other packets of the connection may fare otherwise from here on. */
  private differs(): void {
    const { code } = this;
    code.localGet(SKB).localGet(SKB).mem(Mem.i32_load8_u, NftFrameSkb.FLAGS);
    code
      .i32Const(0xff & ~NFT_SKB_F_PATH)
      .op(Op.i32_and)
      .mem(Mem.i32_store8, NftFrameSkb.FLAGS);
  }

  /** A value is asked for: unless all packets of the connection share it, they differ. */
  private asks(value: Value, test?: Test): void {
    if (shared(value)) return;
    if (test === undefined || !sharedFlags(value)) {
      this.differs();
      return;
    }
    // All packets on a path have the same of these flags, if flags of TCP they are.
    this.protocol().i32Const(IPPROTO_TCP).op(Op.i32_ne).if();
    this.differs();
    this.code.end();
  }
}

/** The steps of a rule up to what is not decided here. */
function decidable({ steps }: Rule): Step[] {
  const end = steps.findIndex(
    (step) => step.kind === 'eval' || (step.kind === 'lookup' && !plainLookup(step)),
  );
  return end < 0 ? [...steps] : steps.slice(0, end);
}

const plainLookup = ({ register, set }: Lookup): boolean => register === 0 && set.map !== 'data';

/** The bytes of a payload that the value depends on. */
function bytesOf({ source, mask }: Value): number[] {
  if (source.kind !== 'payload') return [];
  return [...mask.keys()].filter((i) => mask[i] !== 0).map((i) => source.offset + i);
}

/** Do all packets of one direction of a connection have it: protocol, addresses, ports, devices, state. */
function shared(value: Value): boolean {
  const { source } = value;
  switch (source.kind) {
    case 'payload':
      if (source.base === BASE_NETWORK)
        return bytesOf(value).every((at) => at === 9 || (at >= 12 && at < 20));
      return bytesOf(value).every((at) => at < 4);
    case 'meta':
      return SHARED_META.has(source.key);
    case 'ct':
      return source.key === NftCt.STATE || source.key === NftCt.DIRECTION;
  }
}

const SHARED_META: ReadonlySet<NftMeta> = new Set([
  NftMeta.PROTOCOL,
  NftMeta.IIF,
  NftMeta.OIF,
  NftMeta.IIFNAME,
  NftMeta.OIFNAME,
  NftMeta.NFPROTO,
  NftMeta.L4PROTO,
]);

/** Does it depend on nothing of the transport header but flags that no packet on a path has. */
function sharedFlags(value: Value): boolean {
  const { source, mask } = value;
  if (source.kind !== 'payload' || source.base === BASE_NETWORK) return false;
  return bytesOf(value).every((at) => at === TCP_FLAGS && (mask[at - source.offset]! & TCP_PLAIN) === 0);
}
