/** `fib`: what the routing tables say of the packet's source or destination. Linux: nft_fib.c, nft_fib_ipv4.c, _ipv6.c. */
import { NftaFib } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { NetDevice, devNamePtr } from '../../dev/net_device';
import { inetDevAddrType } from '../../ipv4/route';
import { ipv6ChkAddr } from '../../ipv6/addr_hash';
import { Scratch, scratch } from '../../lib/scratch';
import { Errno } from '../../net/errno';
import { NetfilterHook } from '../../net/hooks';
import { AF_INET, AF_INET6 } from '../../net/net';
import { FibInfo, FibNh, RtType } from '../../route/fib';
import { fibFlowInit } from '../../route/fib_lookup';
import { fibFlowLookup } from '../../route/fib_rules';
import { ipv6AddrIsMulticast } from '../../wire/ipv6_addr';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { chainBase } from './nf_tables';
import { Ctx, ctxChain } from './nft_ctx';
import { dumpRegister, regStore } from './nft_data';
import { Pkt, pktIpVersion } from './nft_pkt';

const RESULT_OIF: u32 = 1;
const RESULT_OIFNAME: u32 = 2;
const RESULT_ADDRTYPE: u32 = 3;
const F_SADDR: u32 = 1;
const F_DADDR: u32 = 2;
const F_MARK: u32 = 4;
const F_IIF: u32 = 8;
const F_OIF: u32 = 16;
const F_PRESENT: u32 = 32;

/** AUX: NFT_FIB_RESULT_*; u16 register at 4, u16 flags at 6. */
export const FIB_SIZE: u32 = 8;

export function fibInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  if (tbGet(tb, NftaFib.DREG) === 0 || tbGet(tb, NftaFib.RESULT) === 0 || tbGet(tb, NftaFib.FLAGS) === 0)
    return -Errno.EINVAL;
  const flags = nlaBe32(tbGet(tb, NftaFib.FLAGS));
  if (flags === 0 || (flags & ~0x3f) !== 0) return -Errno.EINVAL;
  if ((flags & (F_SADDR | F_DADDR)) === (F_SADDR | F_DADDR) || (flags & (F_SADDR | F_DADDR)) === 0)
    return -Errno.EINVAL;
  if ((flags & (F_IIF | F_OIF)) === (F_IIF | F_OIF)) return -Errno.EINVAL;
  const result = nlaBe32(tbGet(tb, NftaFib.RESULT));
  let len: u32 = 4;
  if (result === RESULT_OIFNAME) len = (flags & F_PRESENT) !== 0 ? 4 : 16;
  else if (result !== RESULT_OIF && result !== RESULT_ADDRTYPE) return -Errno.EINVAL;
  if (result !== RESULT_ADDRTYPE && (flags & F_OIF) !== 0) return -Errno.EINVAL;
  if (result === RESULT_ADDRTYPE && (flags & F_PRESENT) !== 0) return -Errno.EINVAL;
  const reg = regStore(
    ctx,
    tbGet(tb, NftaFib.DREG),
    result === RESULT_OIFNAME && (flags & F_PRESENT) !== 0 ? 1 : len,
  );
  if (reg < 0) return reg;
  store<u8>(rec, <u8>result, 1);
  store<u16>(rec, <u16>reg, 4);
  store<u16>(rec, <u16>flags, 6);
  return 0;
}

/** Where the direction that is asked about is known. */
export function fibValidate(ctx: Ctx, rec: usize): i32 {
  const flags = <u32>load<u16>(rec, 6);
  const hook = chainBase(ctxChain(ctx)).hooknum;
  const ip =
    ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6 || ctx.family === <u32>NfProto.INET;
  if (!ip) return ctx.family === <u32>NfProto.NETDEV && hook === 0 ? 0 : -Errno.EOPNOTSUPP;
  let hooks: u32 = 0;
  if (<u32>load<u8>(rec, 1) !== RESULT_ADDRTYPE) {
    hooks = (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_IN) | (1 << NetfilterHook.FORWARD);
  } else if ((flags & F_IIF) !== 0) {
    hooks = (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_IN) | (1 << NetfilterHook.FORWARD);
  } else if ((flags & F_OIF) !== 0) {
    hooks = (1 << NetfilterHook.LOCAL_OUT) | (1 << NetfilterHook.POST_ROUTING) | (1 << NetfilterHook.FORWARD);
  } else hooks = 0x1f;
  return (hooks & (1 << hook)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}

export function fibDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaFib.DREG, load<u16>(rec, 4));
  nlaPutBe32(out, NftaFib.RESULT, load<u8>(rec, 1));
  nlaPutBe32(out, NftaFib.FLAGS, load<u16>(rec, 6));
}

/** False: NFT_BREAK: neither IPv4 nor IPv6. */
export function fibEval(rec: usize, pkt: Pkt): bool {
  const version = pktIpVersion(pkt);
  const need: u32 = version === 4 ? 20 : 40;
  if (version === 0 || pkt.nhLen < need) return false;
  const dst = changetype<usize>(pkt) + load<u16>(rec, 4);
  const flags = <u32>load<u16>(rec, 6);
  if (<u32>load<u8>(rec, 1) === RESULT_ADDRTYPE) {
    store<u32>(dst, version === 4 ? addrType4(pkt, flags) : addrType6(pkt, flags));
    return true;
  }
  const loops = pkt.in !== 0 && changetype<NetDevice>(pkt.in) === changetype<NetDevice>(pkt.net.loopback);
  const oif = loops ? pkt.in : lookup(pkt, flags, version === 4);
  const found: usize = oif !== 0 && (flags & F_IIF) !== 0 && !loops && oif !== pkt.in ? 0 : oif;
  if ((flags & F_PRESENT) !== 0) {
    store<u32>(dst, found === 0 ? 0 : 1);
    return true;
  }
  if (<u32>load<u8>(rec, 1) === RESULT_OIF) {
    store<u32>(dst, found === 0 ? 0 : changetype<NetDevice>(found).ifindex);
    return true;
  }
  memory.fill(dst, 0, 16);
  if (found !== 0) memory.copy(dst, devNamePtr(changetype<NetDevice>(found)), 16);
  return true;
}

function addrType4(pkt: Pkt, flags: u32): u32 {
  const addr = bswap<u32>(load<u32>(pkt.nh + ((flags & F_DADDR) !== 0 ? 16 : 12)));
  const dev: usize = (flags & F_IIF) !== 0 ? pkt.in : (flags & F_OIF) !== 0 ? pkt.out : 0;
  return inetDevAddrType(pkt.net, dev, addr);
}

function addrType6(pkt: Pkt, flags: u32): u32 {
  const addr = pkt.nh + ((flags & F_DADDR) !== 0 ? 24 : 8);
  if (ipv6AddrIsMulticast(addr)) return RtType.MULTICAST;
  const dev: usize = (flags & F_IIF) !== 0 ? pkt.in : (flags & F_OIF) !== 0 ? pkt.out : 0;
  if (dev !== 0 && ipv6ChkAddr(pkt.net, addr, dev)) return RtType.LOCAL;
  const fl = fibFlowInit(scratch(Scratch.NFT_FIB_FLOW), AF_INET6);
  memory.copy(changetype<usize>(fl), addr, 16);
  if ((flags & F_MARK) !== 0) fl.mark = pkt.skb.mark;
  fl.iif = 1;
  const err = fibFlowLookup(pkt.net, fl);
  if (err !== 0) return refusal(err);
  const type = changetype<FibInfo>(fl.info).type;
  // Ours, but of another device than the one that is asked about.
  return dev !== 0 && type === <u8>RtType.LOCAL ? RtType.UNICAST : type;
}

/** The type of a route that refuses with this errno. */
function refusal(err: i32): u32 {
  if (err === -Errno.EINVAL) return RtType.BLACKHOLE;
  if (err === -Errno.EACCES) return RtType.PROHIBIT;
  return err === -Errno.EAGAIN ? RtType.THROW : RtType.UNREACHABLE;
}

/** Device of the route to the address, or 0: no such route, or not one to others. */
function lookup(pkt: Pkt, flags: u32, four: bool): usize {
  const fl = fibFlowInit(scratch(Scratch.NFT_FIB_FLOW), four ? AF_INET : AF_INET6);
  const towards = (flags & F_DADDR) !== 0;
  const to = pkt.nh + (four ? (towards ? 16 : 12) : towards ? 24 : 8);
  const from = pkt.nh + (four ? (towards ? 12 : 16) : towards ? 8 : 24);
  const len: u32 = four ? 4 : 16;
  memory.copy(changetype<usize>(fl), to, len);
  memory.copy(changetype<usize>(fl) + 16, from, len);
  if ((flags & F_MARK) !== 0) fl.mark = pkt.skb.mark;
  fl.iif = pkt.net.loopback === 0 ? 0 : changetype<NetDevice>(pkt.net.loopback).ifindex;
  if (fibFlowLookup(pkt.net, fl) !== 0 || fl.nh === 0) return 0;
  if (changetype<FibInfo>(fl.info).type !== <u8>RtType.UNICAST) return 0;
  return changetype<FibNh>(fl.nh).dev;
}
