/**
 * `rt`: where the packet's route leads; `socket` and `osf`, which find nothing here: the core has no sockets of
 * applications to look up, and no table of fingerprints. Linux: nft_rt.c, nft_socket.c, nft_osf.c.
 */
import { NftRt, NftaOsf, NftaRt, NftaSocket } from '../../abi/nf_tables';
import { NbKey } from '../../abi/nft_bytecode';
import { NfProto } from '../../abi/nfnl';
import { FlowI4, ipDstMtu, ipRouteOutput } from '../../ipv4/route';
import { flowI6Init, ip6DstMtu, ip6RouteOutput } from '../../ipv6/route';
import { Scratch, scratch } from '../../lib/scratch';
import { Errno } from '../../net/errno';
import { AF_INET, AF_INET6 } from '../../net/net';
import { NetfilterHook } from '../../net/hooks';
import { FibNh, nhGwPtr } from '../../route/fib';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutU8, nlaU8, tbGet } from '../nlattr';
import { chainBase } from './nf_tables';
import { Ctx, ctxChain } from './nft_ctx';
import { dumpRegister, regStore } from './nft_data';
import { Pkt } from './nft_pkt';

/** IP and TCP headers, which the MTU holds besides the segment. */
const HEADERS4: u32 = 40;
const HEADERS6: u32 = 60;
const MSS_DEFAULT: u32 = 536;
const MTU_MAX: u32 = 0xffff;

export function rtInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (tbGet(tb, NftaRt.KEY) === 0 || tbGet(tb, NftaRt.DREG) === 0) return -Errno.EINVAL;
  const key = nlaBe32(tbGet(tb, NftaRt.KEY));
  let len: u32 = 0;
  switch (key) {
    case NftRt.CLASSID:
    case NftRt.NEXTHOP4:
      len = 4;
      break;
    case NftRt.NEXTHOP6:
      len = 16;
      break;
    case NftRt.TCPMSS:
      len = 2;
      break;
    case NftRt.XFRM:
      len = 1;
      break;
    default:
      return -Errno.EOPNOTSUPP;
  }
  const reg = regStore(ctx, tbGet(tb, NftaRt.DREG), len);
  if (reg < 0) return reg;
  store<u8>(rec, <u8>key, 1);
  store<u16>(rec, <u16>reg, NbKey.REG);
  store<u8>(rec, <u8>len, NbKey.LEN);
  return 0;
}

/** The MSS is of a way out; what else there is to ask is not told where there is no route (NFT_BREAK). */
export function rtValidate(ctx: Ctx, rec: usize): i32 {
  const ip =
    ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6 || ctx.family === <u32>NfProto.INET;
  if (!ip) return -Errno.EOPNOTSUPP;
  if (<u32>load<u8>(rec, 1) !== NftRt.TCPMSS) return 0;
  const hooks: u32 =
    (1 << NetfilterHook.FORWARD) | (1 << NetfilterHook.LOCAL_OUT) | (1 << NetfilterHook.POST_ROUTING);
  return (hooks & (1 << chainBase(ctxChain(ctx)).hooknum)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}

/** Where a packet may belong to a socket, and be told by its system's fingerprint. */
export function socketValidate(ctx: Ctx): i32 {
  const hooks: u32 =
    (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_IN) | (1 << NetfilterHook.LOCAL_OUT);
  return (hooks & (1 << chainBase(ctxChain(ctx)).hooknum)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}

export function osfValidate(ctx: Ctx): i32 {
  const hooks: u32 =
    (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_IN) | (1 << NetfilterHook.FORWARD);
  return (hooks & (1 << chainBase(ctxChain(ctx)).hooknum)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}

export function rtDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaRt.KEY, load<u8>(rec, 1));
  dumpRegister(out, NftaRt.DREG, load<u16>(rec, NbKey.REG));
}

/** False: NFT_BREAK. */
export function rtEval(rec: usize, pkt: Pkt): bool {
  const dst = changetype<usize>(pkt) + load<u16>(rec, NbKey.REG);
  const key = <u32>load<u8>(rec, 1);
  if (pkt.skb.dst === 0) return false;
  const nh = changetype<FibNh>(pkt.skb.dst);
  const four = pkt.family === <u32>NfProto.IPV4;
  if (key === NftRt.CLASSID || key === NftRt.XFRM) {
    // No route has a realm, none leads through IPsec.
    store<u32>(dst, 0);
    return true;
  }
  if (key === NftRt.NEXTHOP4) {
    if (!four) return false;
    store<u32>(dst, <u32>nh.gwFamily === AF_INET ? load<u32>(nhGwPtr(nh)) : load<u32>(pkt.nh, 16));
    return true;
  }
  if (key === NftRt.NEXTHOP6) {
    if (four) return false;
    memory.copy(dst, <u32>nh.gwFamily === AF_INET6 ? nhGwPtr(nh) : pkt.nh + 24, 16);
    return true;
  }
  store<u32>(dst, four ? mss(wayMtu4(pkt, nh), HEADERS4) : mss(wayMtu6(pkt, nh), HEADERS6));
  return true;
}

function mss(mtu: u32, headers: u32): u32 {
  return mtu <= headers || mtu > MTU_MAX ? MSS_DEFAULT : mtu - headers;
}

/** The smaller MTU of the ways there and back. */
function wayMtu4(pkt: Pkt, nh: FibNh): u32 {
  const saddr = bswap<u32>(load<u32>(pkt.nh, 12));
  const there = ipDstMtu(pkt.net, nh, bswap<u32>(load<u32>(pkt.nh, 16)), false);
  const fl = changetype<FlowI4>(scratch(Scratch.NFT_REJECT_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = saddr;
  if (ipRouteOutput(pkt.net, fl) !== 0) return there;
  return min(there, ipDstMtu(pkt.net, changetype<FibNh>(fl.nh), saddr, false));
}

function wayMtu6(pkt: Pkt, nh: FibNh): u32 {
  const there = ip6DstMtu(pkt.net, nh, pkt.nh + 24, false);
  const fl = flowI6Init(scratch(Scratch.NFT_REJECT_FL), pkt.nh + 8, 0, 0, 0);
  if (ip6RouteOutput(pkt.net, fl) !== 0) return there;
  return min(there, ip6DstMtu(pkt.net, changetype<FibNh>(fl.nh), pkt.nh + 8, false));
}

export function socketInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (tbGet(tb, NftaSocket.DREG) === 0 || tbGet(tb, NftaSocket.KEY) === 0) return -Errno.EINVAL;
  const key = nlaBe32(tbGet(tb, NftaSocket.KEY));
  if (key > 3) return -Errno.EOPNOTSUPP;
  const len: u32 = key === 1 ? 4 : key === 3 ? 8 : 1;
  if (key === 3 && tbGet(tb, NftaSocket.LEVEL) === 0) return -Errno.EINVAL;
  store<u8>(rec, <u8>key, 1);
  if (key === 3) store<u8>(rec, <u8>nlaBe32(tbGet(tb, NftaSocket.LEVEL)), NbKey.DIR);
  const reg = regStore(ctx, tbGet(tb, NftaSocket.DREG), len);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbKey.REG);
  return 0;
}

export function socketDump(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaSocket.KEY, load<u8>(rec, 1));
  dumpRegister(out, NftaSocket.DREG, load<u16>(rec, NbKey.REG));
  if (<u32>load<u8>(rec, 1) === 3) nlaPutBe32(out, NftaSocket.LEVEL, load<u8>(rec, NbKey.DIR));
}

/** AUX: ttl; u32 at NbKey.LEN is not kept: flags at DIR. */
export function osfInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (tbGet(tb, NftaOsf.DREG) === 0) return -Errno.EINVAL;
  const ttl = tbGet(tb, NftaOsf.TTL);
  if (ttl !== 0 && nlaU8(ttl) > 2) return -Errno.EINVAL;
  const flags = tbGet(tb, NftaOsf.FLAGS);
  if (flags !== 0 && nlaBe32(flags) !== 1) return -Errno.EINVAL;
  store<u8>(rec, ttl === 0 ? 0 : <u8>nlaU8(ttl), 1);
  store<u8>(rec, flags === 0 ? 0 : 1, NbKey.DIR);
  const reg = regStore(ctx, tbGet(tb, NftaOsf.DREG), 16);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbKey.REG);
  return 0;
}

export function osfDump(rec: usize, out: NlOut): void {
  nlaPutU8(out, NftaOsf.TTL, load<u8>(rec, 1));
  nlaPutBe32(out, NftaOsf.FLAGS, load<u8>(rec, NbKey.DIR));
  dumpRegister(out, NftaOsf.DREG, load<u16>(rec, NbKey.REG));
}
