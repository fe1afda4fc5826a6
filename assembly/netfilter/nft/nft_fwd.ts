/**
 * `fwd` and `dup` of netdev chains: the frame, or a copy, out of another device. Linux: nft_fwd_netdev.c,
 * nft_dup_netdev.c. Not there yet: `fwd` to a neighbour's address, `dup` of IP chains.
 */
import { NFT_CONTINUE, NftaDup, NftaFwd } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { devGetByIndex } from '../../dev/net_device';
import { devQueueXmit } from '../../dev/xmit';
import { Errno } from '../../net/errno';
import { NF_DROP, NF_STOLEN } from '../../net/hooks';
import { consumeSkb } from '../../skb/free';
import { SkBuff } from '../../skb/sk_buff';
import { skbClone, skbCowHead } from '../../skb/skbuff';
import { NlOut, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { Pkt } from './nft_pkt';

/** u16 register of the device at 4. */
export const FWD_SIZE: u32 = 8;

export function fwdInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (ctx.family !== <u32>NfProto.NETDEV || tbGet(tb, NftaFwd.SREG_ADDR) !== 0) return -Errno.EOPNOTSUPP;
  return regInit(ctx, rec, tbGet(tb, NftaFwd.SREG_DEV));
}

export function dupInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (ctx.family !== <u32>NfProto.NETDEV) return -Errno.EOPNOTSUPP;
  return regInit(ctx, rec, tbGet(tb, NftaDup.SREG_DEV));
}

function regInit(ctx: Ctx, rec: usize, nla: usize): i32 {
  if (nla === 0) return -Errno.EINVAL;
  const reg = regLoad(ctx, nla, 4);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, 4);
  return 0;
}

export function fwdDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaFwd.SREG_DEV, load<u16>(rec, 4));
}

export function dupDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaDup.SREG_DEV, load<u16>(rec, 4));
}

/** Sends a frame that stands at its network header, or at its link-layer header, by the device; false: it cannot. */
function sendBy(pkt: Pkt, rec: usize, skb: SkBuff): bool {
  const dev = devGetByIndex(pkt.net, load<i32>(changetype<usize>(pkt) + load<u16>(rec, 4)));
  if (dev === null) return false;
  const mac = skb.macHeader;
  if (mac === 0 || mac < skb.head || mac > skb.data) return false;
  const front = skb.data - mac;
  if (!skbCowHead(skb, front)) return false;
  skb.data -= front;
  skb.len += front;
  skb.dev = changetype<usize>(dev);
  skb.dst = 0;
  devQueueXmit(skb);
  return true;
}

export function fwdEval(rec: usize, pkt: Pkt): i32 {
  return sendBy(pkt, rec, pkt.skb) ? NF_STOLEN : NF_DROP;
}

export function dupEval(rec: usize, pkt: Pkt): i32 {
  const copy = skbClone(pkt.skb);
  if (copy !== null && !sendBy(pkt, rec, copy)) consumeSkb(copy);
  return NFT_CONTINUE;
}
