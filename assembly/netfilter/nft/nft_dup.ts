/**
 * `dup`: a copy of the packet to a gateway (ip, ip6) or out of a device (netdev). Linux: nft_dup_ipv4.c, nft_dup_ipv6.c,
 * nft_dup_netdev.c.
 */
import { NFT_CONTINUE, NftaDup } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { consumeSkb } from '../../skb/free';
import { skbClone } from '../../skb/skbuff';
import { nfDupIpv4, nfDupIpv6 } from '../nf_dup';
import { NlOut, tbGet } from '../nlattr';
import { Ctx, nftCtx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { sendBy } from './nft_fwd';
import { Pkt } from './nft_pkt';

/** u16 registers: device at 4, address at 6; 0: none. */
export const DUP_SIZE: u32 = 8;

export function dupInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const addr = tbGet(tb, NftaDup.SREG_ADDR);
  const dev = tbGet(tb, NftaDup.SREG_DEV);
  const netdev = ctx.family === <u32>NfProto.NETDEV;
  if ((netdev ? dev : addr) === 0) return -Errno.EINVAL;
  if (!netdev) {
    const reg = regLoad(ctx, addr, ctx.family === <u32>NfProto.IPV4 ? 4 : 16);
    if (reg < 0) return reg;
    store<u16>(rec, <u16>reg, 6);
  }
  if (dev === 0) return 0;
  const reg = regLoad(ctx, dev, 4);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, 4);
  return 0;
}

export function dupDump(rec: usize, out: NlOut): void {
  if (load<u16>(rec, 6) !== 0) dumpRegister(out, NftaDup.SREG_ADDR, load<u16>(rec, 6));
  if (load<u16>(rec, 4) !== 0) dumpRegister(out, NftaDup.SREG_DEV, load<u16>(rec, 4));
}

export function dupEval(rec: usize, pkt: Pkt): i32 {
  const regs = changetype<usize>(pkt);
  const dev = <u32>load<u16>(rec, 4);
  const addr = <u32>load<u16>(rec, 6);
  if (addr === 0) {
    const copy = skbClone(pkt.skb);
    if (copy !== null && !sendBy(pkt, load<i32>(regs + dev), copy)) consumeSkb(copy);
    return NFT_CONTINUE;
  }
  const ctx = nftCtx();
  if (ctx.duplicated !== 0) return NFT_CONTINUE;
  ctx.duplicated = 1;
  const oif: i32 = dev === 0 ? 0 : load<i32>(regs + dev);
  if (pkt.family === <u32>NfProto.IPV4) nfDupIpv4(pkt.net, pkt.skb, pkt.hook, regs + addr, oif);
  else nfDupIpv6(pkt.net, pkt.skb, pkt.hook, regs + addr, oif);
  ctx.duplicated = 0;
  return NFT_CONTINUE;
}
