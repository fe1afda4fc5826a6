/**
 * What the handling of one message knows (Linux: struct nft_ctx), and the places that parsing and running take turns
 * with: one page behind root().nft, no state across calls. Tables of attributes nest as the parser does: tbPush takes
 * one, tbPop gives back all that was taken since.
 *
 *   Ctx │ tables of attributes (a stack) │ frames of running chains (nft_core)
 */
import { root } from '../../lib/root';
import { Net } from '../../net/net';
import { NftNet, Table, Chain } from './nf_tables';
import { NlOut, nlaParse } from '../nlattr';

@unmanaged
@final
export class Ctx {
  net: Net;
  nn: NftNet;
  family: u32;
  table: Table;
  /** Chain that a rule is being made for, or 0. */
  chain: usize;
  /** Set that an element's expression is being made for, or 0. */
  set: usize;
  /** The message: its address, type (NFT_MSG_*), flags and sequence number. */
  msg: usize;
  type: u32;
  flags: u32;
  seq: u32;
  /** First attribute behind nfgenmsg, and bytes of attributes. */
  attrs: usize;
  attrsLen: u32;
  /** The attribute that is wrong, 0 when not known. */
  badAttr: usize;
  /** Registers that an earlier expression of the rule wrote: a bit a word of 20. */
  regInited: u32;
  /** Depth of the stack of attribute tables. */
  tbTop: usize;
  out: NlOut;
  /** Frames of running chains in use. */
  depth: u32;
  /** The element that was in the way of an insertion. */
  dup: usize;
  /** A copy of a packet is being sent (nft_dup): it makes no copies. */
  duplicated: u32;

  /** Reads the message's attributes. */
  parse(tb: usize, max: u32, policy: usize): i32 {
    return nlaParse(tb, max, this.attrs, this.attrsLen, policy);
  }
}

const CTX_BYTES: u32 = 96;
const OUT_AT: u32 = CTX_BYTES;
const TB_AT: u32 = OUT_AT + 16;
const TB_END: u32 = 3072;
/** Chains that run inside each other: a rule sends a packet, whose chain sends another. */
export const FRAMES: u32 = 8;
export const FRAME_BYTES: u32 = 448;
export const NFT_RUN_BYTES: u32 = TB_END + FRAMES * FRAME_BYTES;

export function nftCtx(): Ctx {
  return changetype<Ctx>(root().nft);
}

/** Before the first message is read: an empty context that writes to `at` up to `end`. */
export function ctxBegin(net: Net, nn: NftNet, at: usize, end: usize): Ctx {
  const ctx = nftCtx();
  const depth = ctx.depth;
  memory.fill(changetype<usize>(ctx), 0, TB_AT);
  ctx.depth = depth;
  ctx.net = net;
  ctx.nn = nn;
  ctx.tbTop = root().nft + TB_AT;
  ctx.out = changetype<NlOut>(root().nft + OUT_AT);
  ctx.out.begin = at;
  ctx.out.at = at;
  ctx.out.end = end;
  return ctx;
}

/** Room for a table of attributes up to `max`; what nests is bounded by the code, not by what is parsed. */
export function tbPush(ctx: Ctx, max: u32): usize {
  const tb = ctx.tbTop;
  ctx.tbTop = tb + ((max + 1) << 2);
  assert(ctx.tbTop <= root().nft + TB_END, 'tbPush: too deep');
  return tb;
}

export function tbPop(ctx: Ctx, tb: usize): void {
  ctx.tbTop = tb;
}

/** Says which attribute is wrong and gives the errno on. */
export function badAttr(ctx: Ctx, nla: usize, err: i32): i32 {
  ctx.badAttr = nla;
  return err;
}

export function frameAt(depth: u32): usize {
  return root().nft + TB_END + depth * FRAME_BYTES;
}

export function ctxChain(ctx: Ctx): Chain {
  return changetype<Chain>(ctx.chain);
}
