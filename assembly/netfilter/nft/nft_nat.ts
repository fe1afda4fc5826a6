/**
 * `nat` (snat, dnat), `masq` and `redir`: what a new connection's packets are translated to. Linux: nft_nat.c,
 * nft_masq.c, nft_redir.c.
 */
import { NFT_BREAK, NftaMasq, NftaNat, NftaRedir } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { NfHookState } from '../../dev/nf_hook';
import { Scratch, scratch } from '../../lib/scratch';
import { Errno } from '../../net/errno';
import { NFPROTO_IPV4, NFPROTO_IPV6, NetfilterHook } from '../../net/hooks';
import { nfCtGet } from '../nf_conntrack';
import {
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_BYTES,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_MAX,
  NF_NAT_RANGE_MIN,
  NF_NAT_RANGE_NETMAP,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  NfNatRange,
} from '../nf_nat';
import { nfNatSetupInfo } from '../nf_nat_core';
import { nfNatMasquerade, nfNatRedirect } from '../nf_nat_masquerade';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { BaseChain, ChainType, chainBase } from './nf_tables';
import { Ctx, ctxChain } from './nft_ctx';
import { dumpRegister, regLoad } from './nft_data';
import { Pkt } from './nft_pkt';

/** AUX: NFT_NAT_SNAT (0) or DNAT (1); registers as offsets, 0: none. */
@unmanaged
@final
class Nat {
  head: u32;
  family: u32;
  addrMin: u16;
  addrMax: u16;
  protoMin: u16;
  protoMax: u16;
  flags: u32;
  /** nft_track */
  tableFamily: u32;
}
export const NAT_SIZE: u32 = 24;
const RANGE_MASK: u32 = 0x7f;

export function natInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const nat = changetype<Nat>(rec);
  const min = tbGet(tb, NftaNat.REG_ADDR_MIN);
  if (tbGet(tb, NftaNat.TYPE) === 0 || (min === 0 && tbGet(tb, NftaNat.REG_PROTO_MIN) === 0))
    return -Errno.EINVAL;
  const type = nlaBe32(tbGet(tb, NftaNat.TYPE));
  if (type > 1) return -Errno.EINVAL;
  store<u8>(rec, <u8>type, 1);
  if (tbGet(tb, NftaNat.FAMILY) === 0) return -Errno.EINVAL;
  nat.family = nlaBe32(tbGet(tb, NftaNat.FAMILY));
  if (ctx.family !== <u32>NfProto.INET && ctx.family !== nat.family) return -Errno.EOPNOTSUPP;
  let len: u32 = 16;
  if (nat.family === <u32>NfProto.IPV4) len = 4;
  else if (nat.family === <u32>NfProto.INET) {
    if (min !== 0) len = 16;
  } else if (nat.family !== <u32>NfProto.IPV6) return -Errno.EAFNOSUPPORT;
  if (min !== 0) {
    const reg = regLoad(ctx, min, len);
    if (reg < 0) return reg;
    nat.addrMin = <u16>reg;
    nat.addrMax = <u16>reg;
    if (tbGet(tb, NftaNat.REG_ADDR_MAX) !== 0) {
      const top = regLoad(ctx, tbGet(tb, NftaNat.REG_ADDR_MAX), len);
      if (top < 0) return top;
      nat.addrMax = <u16>top;
    }
    nat.flags |= NF_NAT_RANGE_MAP_IPS;
  }
  return tailInit(
    ctx,
    nat,
    tbGet(tb, NftaNat.REG_PROTO_MIN),
    tbGet(tb, NftaNat.REG_PROTO_MAX),
    tbGet(tb, NftaNat.FLAGS),
  );
}

/** Ports and flags, which all three have. */
function tailInit(ctx: Ctx, nat: Nat, min: usize, max: usize, flags: usize): i32 {
  if (flags !== 0) {
    const bits = nlaBe32(flags);
    if ((bits & ~RANGE_MASK) !== 0) return -Errno.EOPNOTSUPP;
    nat.flags |= bits;
  }
  if (min === 0) return 0;
  const reg = regLoad(ctx, min, 2);
  if (reg < 0) return reg;
  nat.protoMin = <u16>reg;
  nat.protoMax = <u16>reg;
  if (max !== 0) {
    const top = regLoad(ctx, max, 2);
    if (top < 0) return top;
    nat.protoMax = <u16>top;
  }
  nat.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
  return 0;
}

export function masqInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const nat = changetype<Nat>(rec);
  return tailInit(
    ctx,
    nat,
    tbGet(tb, NftaMasq.REG_PROTO_MIN),
    tbGet(tb, NftaMasq.REG_PROTO_MAX),
    tbGet(tb, NftaMasq.FLAGS),
  );
}

export function redirInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const nat = changetype<Nat>(rec);
  return tailInit(
    ctx,
    nat,
    tbGet(tb, NftaRedir.REG_PROTO_MIN),
    tbGet(tb, NftaRedir.REG_PROTO_MAX),
    tbGet(tb, NftaRedir.FLAGS),
  );
}

/** In chains of type nat, at hooks where that end may change. */
function validate(ctx: Ctx, hooks: u32): i32 {
  const base: BaseChain = chainBase(ctxChain(ctx));
  if (<u32>base.type !== <u32>ChainType.NAT) return -Errno.EOPNOTSUPP;
  return (hooks & (1 << base.hooknum)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}
const SRC_HOOKS: u32 = (1 << NetfilterHook.POST_ROUTING) | (1 << NetfilterHook.LOCAL_IN);
const DST_HOOKS: u32 = (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_OUT);

export function natValidate(ctx: Ctx, rec: usize): i32 {
  return validate(ctx, load<u8>(rec, 1) === 0 ? SRC_HOOKS : DST_HOOKS);
}

export function masqValidate(ctx: Ctx): i32 {
  return validate(ctx, 1 << NetfilterHook.POST_ROUTING);
}

export function redirValidate(ctx: Ctx): i32 {
  return validate(ctx, DST_HOOKS);
}

export function natDump(rec: usize, out: NlOut): void {
  const nat = changetype<Nat>(rec);
  nlaPutBe32(out, NftaNat.TYPE, load<u8>(rec, 1));
  nlaPutBe32(out, NftaNat.FAMILY, nat.family);
  if (nat.addrMin !== 0) {
    dumpRegister(out, NftaNat.REG_ADDR_MIN, nat.addrMin);
    dumpRegister(out, NftaNat.REG_ADDR_MAX, nat.addrMax);
  }
  if (nat.protoMin !== 0) {
    dumpRegister(out, NftaNat.REG_PROTO_MIN, nat.protoMin);
    dumpRegister(out, NftaNat.REG_PROTO_MAX, nat.protoMax);
  }
  if (nat.flags !== 0) nlaPutBe32(out, NftaNat.FLAGS, nat.flags);
}

export function masqDump(rec: usize, out: NlOut): void {
  const nat = changetype<Nat>(rec);
  if (nat.flags !== 0) nlaPutBe32(out, NftaMasq.FLAGS, nat.flags);
  if (nat.protoMin === 0) return;
  dumpRegister(out, NftaMasq.REG_PROTO_MIN, nat.protoMin);
  dumpRegister(out, NftaMasq.REG_PROTO_MAX, nat.protoMax);
}

export function redirDump(rec: usize, out: NlOut): void {
  const nat = changetype<Nat>(rec);
  if (nat.protoMin !== 0) {
    dumpRegister(out, NftaRedir.REG_PROTO_MIN, nat.protoMin);
    dumpRegister(out, NftaRedir.REG_PROTO_MAX, nat.protoMax);
  }
  if (nat.flags !== 0) nlaPutBe32(out, NftaRedir.FLAGS, nat.flags);
}

/** The range with flags and ports; addresses are zero. */
function rangeOf(nat: Nat, pkt: Pkt): NfNatRange {
  const range = changetype<NfNatRange>(scratch(Scratch.NFT_NAT_RANGE));
  memory.fill(changetype<usize>(range), 0, NF_NAT_RANGE_BYTES);
  range.flags = nat.flags;
  if (nat.protoMin !== 0) {
    range.minProto = load<u16>(changetype<usize>(pkt) + nat.protoMin);
    range.maxProto = load<u16>(changetype<usize>(pkt) + nat.protoMax);
  }
  return range;
}

export function natEval(rec: usize, pkt: Pkt): i32 {
  const nat = changetype<Nat>(rec);
  if (nat.family !== pkt.family && nat.family !== <u32>NfProto.INET) return NFT_BREAK;
  const ct = nfCtGet(pkt.skb);
  if (ct === null) return NFT_BREAK;
  const range = rangeOf(nat, pkt);
  const at = changetype<usize>(range);
  if (nat.addrMin !== 0) {
    const len: u32 = pkt.family === <u32>NfProto.IPV4 ? 4 : 16;
    memory.copy(at + NF_NAT_RANGE_MIN, changetype<usize>(pkt) + nat.addrMin, len);
    memory.copy(at + NF_NAT_RANGE_MAX, changetype<usize>(pkt) + nat.addrMax, len);
    if ((nat.flags & NF_NAT_RANGE_NETMAP) !== 0) netmap(pkt, at, len, load<u8>(rec, 1) === 0);
  }
  return nfNatSetupInfo(ct, range, load<u8>(rec, 1) === 0 ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST);
}

/** A prefix onto another: bits in which both ends of the range differ are the packet's. Linux: nft_nat_setup_netmap. */
function netmap(pkt: Pkt, range: usize, len: u32, source: bool): void {
  const four = len === 4;
  const offset: u32 = four ? (source ? 12 : 16) : source ? 8 : 24;
  if (pkt.nhLen < offset + len) return;
  for (let i: u32 = 0; i < len; i += 4) {
    const a = load<u32>(range + i, NF_NAT_RANGE_MIN);
    const b = load<u32>(range + i, NF_NAT_RANGE_MAX);
    const mask = ~(a ^ b);
    const addr = (load<u32>(pkt.nh + offset + i) & ~mask) | (a & mask);
    store<u32>(range + i, addr, NF_NAT_RANGE_MIN);
    store<u32>(range + i, addr, NF_NAT_RANGE_MAX);
  }
}

/** What netfilter's functions want of where the packet is. */
function hookState(pkt: Pkt): NfHookState {
  const state = changetype<NfHookState>(scratch(Scratch.NFT_HOOK_STATE));
  state.hook = pkt.hook;
  state.family = pkt.family === <u32>NfProto.IPV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  state.net = changetype<usize>(pkt.net);
  state.in = pkt.in;
  state.out = pkt.out;
  return state;
}

export function masqEval(rec: usize, pkt: Pkt): i32 {
  return nfNatMasquerade(pkt.skb, hookState(pkt), rangeOf(changetype<Nat>(rec), pkt));
}

export function redirEval(rec: usize, pkt: Pkt): i32 {
  return nfNatRedirect(pkt.skb, hookState(pkt), rangeOf(changetype<Nat>(rec), pkt));
}
