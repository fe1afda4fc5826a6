/**
 * `tproxy`: a packet for somebody else goes to a socket here, its addresses untouched. Linux: net/netfilter/nft_tproxy.c.
 * Nothing fills the tables of sockets yet (inet/lookup): until then this does what Linux does when nobody listens,
 * NFT_BREAK.
 */
import { NFT_BREAK, NFT_CONTINUE, NftaTproxy } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { NetDevice } from '../../dev/net_device';
import { skbAssignTransparent, tcp4Lookup, tcp6Lookup, udp4Lookup, udp6Lookup } from '../../inet/lookup';
import { Errno } from '../../net/errno';
import { NFPROTO_IPV4, NFPROTO_IPV6, NetfilterHook } from '../../net/hooks';
import { nfDefragNetGet, nfDefragNetPut } from '../nf_conntrack_init';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { chainBase } from './nf_tables';
import { Ctx, ctxChain, nftCtx } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { JUMP_STACK_AT, Pkt, pktAt, pktL4 } from './nft_pkt';

/** AUX: NFPROTO_*, 0: either. u16 registers: address at 4, port at 6; 0: none. */
export const TPROXY_SIZE: u32 = 8;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;

export function tproxyInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const familyAttr = tbGet(tb, NftaTproxy.FAMILY);
  const addr = tbGet(tb, NftaTproxy.REG_ADDR);
  const port = tbGet(tb, NftaTproxy.REG_PORT);
  if (familyAttr === 0 || (addr === 0 && port === 0)) return -Errno.EINVAL;
  const family = nlaBe32(familyAttr);
  if (ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6) {
    if (family !== ctx.family) return -Errno.EINVAL;
  } else if (ctx.family !== <u32>NfProto.INET) return -Errno.EOPNOTSUPP;
  const any = family === 0;
  const four = family === <u32>NfProto.IPV4;
  if (any ? addr !== 0 : !four && family !== <u32>NfProto.IPV6) return -Errno.EINVAL;
  if (addr !== 0) {
    const reg = regLoad(ctx, addr, four ? 4 : 16);
    if (reg < 0) return reg;
    store<u16>(rec, <u16>reg, 4);
  }
  if (port !== 0) {
    const reg = regLoad(ctx, port, 2);
    if (reg < 0) return reg;
    store<u16>(rec, <u16>reg, 6);
  }
  store<u8>(rec, <u8>family, 1);
  // Sockets are found by ports: fragments have to be whole.
  let err: i32 = 0;
  if (any || four) err = nfDefragNetGet(ctx.net, NFPROTO_IPV4);
  if (err === 0 && (any || !four)) {
    err = nfDefragNetGet(ctx.net, NFPROTO_IPV6);
    if (err !== 0 && any) nfDefragNetPut(ctx.net, NFPROTO_IPV4);
  }
  return err;
}

export function tproxyDestroy(rec: usize): void {
  const family = <u32>load<u8>(rec, 1);
  const net = nftCtx().net;
  if (family !== <u32>NfProto.IPV6) nfDefragNetPut(net, NFPROTO_IPV4);
  if (family !== <u32>NfProto.IPV4) nfDefragNetPut(net, NFPROTO_IPV6);
}

export function tproxyValidate(ctx: Ctx): i32 {
  const hook = chainBase(ctxChain(ctx)).hooknum;
  return hook === <u32>NetfilterHook.PRE_ROUTING ? 0 : -Errno.EOPNOTSUPP;
}

export function tproxyDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaTproxy.FAMILY, load<u8>(rec, 1));
  if (load<u16>(rec, 4) !== 0) dumpRegister(out, NftaTproxy.REG_ADDR, load<u16>(rec, 4));
  if (load<u16>(rec, 6) !== 0) dumpRegister(out, NftaTproxy.REG_PORT, load<u16>(rec, 6));
}

export function tproxyEval(rec: usize, pkt: Pkt): i32 {
  const family = <u32>load<u8>(rec, 1);
  if (family !== 0 && family !== pkt.family) return NFT_BREAK;
  if (!pktL4(pkt) || (pkt.tprot !== IPPROTO_TCP && pkt.tprot !== IPPROTO_UDP)) return NFT_BREAK;
  const four = pkt.family === <u32>NfProto.IPV4;
  const hp = pktAt(pkt, pkt.thoff, 4, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
  if (hp === 0) return NFT_BREAK;
  const regs = changetype<usize>(pkt);
  const saddr = pkt.nh + (four ? 12 : 8);
  const daddr = pkt.nh + (four ? 16 : 24);
  const sport = <u32>bswap<u16>(load<u16>(hp));
  const dport = <u32>bswap<u16>(load<u16>(hp, 2));
  // One that was taken before, then one that listens where the rule says.
  let sk = find(pkt, four, saddr, sport, daddr, dport);
  if (sk === 0) {
    const addrReg = <u32>load<u16>(rec, 4);
    const portReg = <u32>load<u16>(rec, 6);
    const to = addrReg === 0 ? daddr : regs + addrReg;
    const port: u32 = portReg === 0 ? 0 : bswap<u16>(load<u16>(regs + portReg));
    sk = find(pkt, four, saddr, sport, to, port === 0 ? dport : port);
  }
  return sk !== 0 && skbAssignTransparent(pkt.skb, sk) ? NFT_CONTINUE : NFT_BREAK;
}

function find(pkt: Pkt, four: bool, saddr: usize, sport: u32, daddr: usize, dport: u32): u32 {
  const net = pkt.net;
  const dif: i32 = pkt.in === 0 ? 0 : changetype<NetDevice>(pkt.in).ifindex;
  const tcp = pkt.tprot === IPPROTO_TCP;
  if (four) {
    const from = bswap<u32>(load<u32>(saddr));
    const to = bswap<u32>(load<u32>(daddr));
    return tcp
      ? tcp4Lookup(net, from, sport, to, dport, dif, 0)
      : udp4Lookup(net, from, sport, to, dport, dif, 0);
  }
  return tcp
    ? tcp6Lookup(net, saddr, sport, daddr, dport, dif, 0)
    : udp6Lookup(net, saddr, sport, daddr, dport, dif, 0);
}
