/** Messages of nf_tables going out: nlmsghdr, nfgenmsg, then attributes. Linux: nfnl_msg_put. */
import { NFNL_SUBSYS_NFTABLES, NLM_F_DUMP, NLM_F_MULTI, NfGenMsg, NlMsgHdr } from '../../abi/nfnl';
import { NftMsg } from '../../abi/nf_tables';
import { Ctx } from './nft_ctx';

/** Room that every message of a dump finds: else it waits for the next piece. */
const ROOM: u32 = 512;

/** Where the message begins; 0: no room. */
export function nftMsgBegin(ctx: Ctx, type: NftMsg, family: u32): usize {
  const out = ctx.out;
  const size = <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE;
  if (out.full !== 0 || out.end - out.at < size) {
    out.full = 1;
    return 0;
  }
  const msg = out.at;
  memory.fill(msg, 0, size);
  store<u16>(msg, <u16>((NFNL_SUBSYS_NFTABLES << 8) | <u32>type), NlMsgHdr.TYPE);
  store<u16>(msg, <u16>((ctx.flags & NLM_F_DUMP) === NLM_F_DUMP ? NLM_F_MULTI : 0), NlMsgHdr.FLAGS);
  store<u32>(msg, ctx.seq, NlMsgHdr.SEQ);
  store<u8>(msg + NlMsgHdr.SIZE, <u8>family, NfGenMsg.FAMILY);
  store<u16>(msg + NlMsgHdr.SIZE, bswap<u16>(<u16>ctx.nn.genid), NfGenMsg.RES_ID);
  out.at = msg + size;
  return msg;
}

/** Ends it; false, and nothing of it is left, when it did not fit. */
export function nftMsgEnd(ctx: Ctx, msg: usize): bool {
  const out = ctx.out;
  if (msg === 0) return false;
  if (out.full !== 0) {
    out.at = msg;
    return false;
  }
  store<u32>(msg, out.at - msg, NlMsgHdr.LEN);
  return true;
}

export function nftMsgFits(ctx: Ctx): bool {
  return ctx.out.full === 0 && ctx.out.end - ctx.out.at > ROOM;
}
