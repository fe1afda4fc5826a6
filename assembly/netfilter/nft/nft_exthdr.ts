/**
 * `exthdr`: IPv6 extension headers, TCP and IPv4 options: a field, or whether it is there; TCP options also written and
 * reset (to NOPs). Linux: net/netfilter/nft_exthdr.c. Not there yet: SCTP chunks and DCCP options (NFT_BREAK).
 */
import { NFT_BREAK, NFT_CONTINUE, NftaExthdr } from '../../abi/nf_tables';
import { NftExprKind } from '../../abi/nft_bytecode';
import { csumReplace2 } from '../../lib/checksum';
import { Errno } from '../../net/errno';
import { NF_DROP } from '../../net/hooks';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE } from '../../skb/sk_buff';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutU8, nlaU8, tbGet } from '../nlattr';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad, regStore } from './nft_data';
import { pktWritable } from './nft_payload';
import { JUMP_STACK_AT, Pkt, ipv6FindHdr, pktAt, pktIpVersion, pktL4 } from './nft_pkt';

const OP_IPV6: u32 = 0;
const OP_TCPOPT: u32 = 1;
const OP_IPV4: u32 = 2;
const OP_MAX: u32 = 4;
const F_PRESENT: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const OPTION_CUT: u32 = u32.MAX_VALUE - 1;
const TCPOPT_EOL: u32 = 0;
const TCPOPT_NOP: u32 = 1;
const TCPOPT_MSS: u32 = 2;
const IPOPT_SSRR: u32 = 137;
const IPOPT_LSRR: u32 = 131;
const IPOPT_RR: u32 = 7;
const IPOPT_RA: u32 = 148;
const IPOPT_TIMESTAMP: u32 = 68;

/** AUX: NFT_EXTHDR_OP_*; u8 type, len, flags, pad; u16 offset, register. */
export enum NbExthdr {
  TYPE = 4,
  LEN = 5,
  FLAGS = 6,
  OFFSET = 8,
  REG = 10,
  SIZE = 12,
}

/** Which of the three kinds: read, write, reset; MAX: not to be told. */
export function exthdrKind(tb: usize): NftExprKind {
  const op = tbGet(tb, NftaExthdr.OP);
  const tcp = op !== 0 && nlaBe32(op) === OP_TCPOPT;
  if (tbGet(tb, NftaExthdr.SREG) !== 0 && tbGet(tb, NftaExthdr.DREG) !== 0) return NftExprKind.NONE;
  if (tbGet(tb, NftaExthdr.SREG) !== 0) return tcp ? NftExprKind.EXTHDR_SET : NftExprKind.NONE;
  if (tbGet(tb, NftaExthdr.DREG) !== 0) return NftExprKind.EXTHDR;
  return tcp ? NftExprKind.EXTHDR_RESET : NftExprKind.NONE;
}

export function exthdrInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const err = common(rec, tb);
  if (err !== 0) return err;
  const flagsAttr = tbGet(tb, NftaExthdr.FLAGS);
  const flags = flagsAttr === 0 ? 0 : nlaBe32(flagsAttr);
  if ((flags & ~F_PRESENT) !== 0) return -Errno.EINVAL;
  store<u8>(rec, <u8>flags, NbExthdr.FLAGS);
  const type = <u32>load<u8>(rec, NbExthdr.TYPE);
  if (
    <u32>load<u8>(rec, 1) === OP_IPV4 &&
    type !== IPOPT_SSRR &&
    type !== IPOPT_LSRR &&
    type !== IPOPT_RR &&
    type !== IPOPT_RA
  )
    return -Errno.EOPNOTSUPP;
  const reg = regStore(ctx, tbGet(tb, NftaExthdr.DREG), load<u8>(rec, NbExthdr.LEN));
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbExthdr.REG);
  return 0;
}

function common(rec: usize, tb: usize): i32 {
  const type = tbGet(tb, NftaExthdr.TYPE);
  const offset = tbGet(tb, NftaExthdr.OFFSET);
  const len = tbGet(tb, NftaExthdr.LEN);
  if (type === 0 || offset === 0 || len === 0) return -Errno.EINVAL;
  if (nlaBe32(offset) > 255 || nlaBe32(len) > 255) return -Errno.ERANGE;
  const op = tbGet(tb, NftaExthdr.OP);
  const value = op === 0 ? OP_IPV6 : nlaBe32(op);
  if (value > OP_MAX) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>value, 1);
  store<u8>(rec, <u8>nlaU8(type), NbExthdr.TYPE);
  store<u8>(rec, <u8>nlaBe32(len), NbExthdr.LEN);
  store<u16>(rec, <u16>nlaBe32(offset), NbExthdr.OFFSET);
  return 0;
}

export function exthdrSetInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const err = common(rec, tb);
  if (err !== 0) return err;
  const offset = <u32>load<u16>(rec, NbExthdr.OFFSET);
  const len = <u32>load<u8>(rec, NbExthdr.LEN);
  if (offset < 2) return -Errno.EOPNOTSUPP;
  if (len !== 2 && len !== 4) return -Errno.EOPNOTSUPP;
  const reg = regLoad(ctx, tbGet(tb, NftaExthdr.SREG), len);
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbExthdr.REG);
  return 0;
}

export function exthdrResetInit(_ctx: Ctx, rec: usize, tb: usize): i32 {
  const type = tbGet(tb, NftaExthdr.TYPE);
  if (type === 0 || tbGet(tb, NftaExthdr.SREG) !== 0 || tbGet(tb, NftaExthdr.DREG) !== 0)
    return -Errno.EINVAL;
  store<u8>(rec, <u8>OP_TCPOPT, 1);
  store<u8>(rec, <u8>nlaU8(type), NbExthdr.TYPE);
  return 0;
}

function dumpCommon(rec: usize, out: NlOut): void {
  nlaPutU8(out, NftaExthdr.TYPE, load<u8>(rec, NbExthdr.TYPE));
  nlaPutBe32(out, NftaExthdr.OFFSET, load<u16>(rec, NbExthdr.OFFSET));
  nlaPutBe32(out, NftaExthdr.LEN, load<u8>(rec, NbExthdr.LEN));
  nlaPutBe32(out, NftaExthdr.FLAGS, load<u8>(rec, NbExthdr.FLAGS));
  nlaPutBe32(out, NftaExthdr.OP, load<u8>(rec, 1));
}

export function exthdrDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaExthdr.DREG, load<u16>(rec, NbExthdr.REG));
  dumpCommon(rec, out);
}

export function exthdrSetDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaExthdr.SREG, load<u16>(rec, NbExthdr.REG));
  dumpCommon(rec, out);
}

export function exthdrResetDump(rec: usize, out: NlOut): void {
  dumpCommon(rec, out);
}

/** False: NFT_BREAK. */
export function exthdrEval(rec: usize, pkt: Pkt): bool {
  const op = <u32>load<u8>(rec, 1);
  const dst = changetype<usize>(pkt) + load<u16>(rec, NbExthdr.REG);
  const type = <u32>load<u8>(rec, NbExthdr.TYPE);
  const present = (<u32>load<u8>(rec, NbExthdr.FLAGS) & F_PRESENT) !== 0;
  let at: u32 = u32.MAX_VALUE;
  if (op === OP_IPV6) at = ipv6At(pkt, type);
  else if (op === OP_TCPOPT) {
    at = tcpOptAt(pkt, type);
    if (at === OPTION_CUT) at = u32.MAX_VALUE;
  } else if (op === OP_IPV4) at = ipv4OptAt(pkt, type);
  if (present) {
    store<u32>(dst, at === u32.MAX_VALUE ? 0 : 1);
    return true;
  }
  if (at === u32.MAX_VALUE) return false;
  const len = <u32>load<u8>(rec, NbExthdr.LEN);
  const offset = <u32>load<u16>(rec, NbExthdr.OFFSET);
  if (op === OP_TCPOPT && offset + len > optLen(pkt, at)) return false;
  if ((len & 3) !== 0) store<u32>(dst + (len & ~3), 0);
  const p = pktAt(pkt, at + offset, len, dst);
  if (p === 0) return false;
  if (p !== dst) memory.copy(dst, p, len);
  return true;
}

/** Offset of the header from the network header; all ones: there is none. The packet's own transport header stays known. */
function ipv6At(pkt: Pkt, type: u32): u32 {
  if (pktIpVersion(pkt) !== 6) return u32.MAX_VALUE;
  pktL4(pkt);
  const thoff = pkt.thoff;
  const fragoff = pkt.fragoff;
  const found = ipv6FindHdr(pkt, <i32>type);
  const at = pkt.thoff;
  pkt.thoff = thoff;
  pkt.fragoff = fragoff;
  return found < 0 ? u32.MAX_VALUE : at;
}

function optLen(pkt: Pkt, at: u32): u32 {
  const p = pktAt(pkt, at + 1, 1, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
  // A length of 0 passes for one byte.
  return p === 0 ? 0 : max<u32>(load<u8>(p), 1);
}

/** Where the TCP option stands; OPTION_CUT: it says to be longer than what is left of the header. */
function tcpOptAt(pkt: Pkt, type: u32): u32 {
  if (!pktL4(pkt) || pkt.tprot !== IPPROTO_TCP || pkt.fragoff !== 0) return u32.MAX_VALUE;
  const buf = changetype<usize>(pkt) + JUMP_STACK_AT - 8;
  const d = pktAt(pkt, pkt.thoff + 12, 1, buf);
  if (d === 0) return u32.MAX_VALUE;
  const end = (<u32>load<u8>(d) >> 4) << 2;
  if (end < 20 || pktAt(pkt, pkt.thoff + end - 1, 1, buf) === 0) return u32.MAX_VALUE;
  let i: u32 = 20;
  while (i < end - 1) {
    const p = pktAt(pkt, pkt.thoff + i, 2, buf);
    if (p === 0) return u32.MAX_VALUE;
    const kind = <u32>load<u8>(p);
    const step: u32 = kind <= TCPOPT_NOP ? 1 : max<u32>(load<u8>(p, 1), 1);
    if (kind === type) return i + step > end ? OPTION_CUT : pkt.thoff + i;
    i += step;
  }
  return u32.MAX_VALUE;
}

/** Where the IPv4 option stands; all ones: not there, or any of the options is broken. Linux: __ip_options_compile. */
function ipv4OptAt(pkt: Pkt, type: u32): u32 {
  if (pktIpVersion(pkt) !== 4 || pkt.nhLen < 20) return u32.MAX_VALUE;
  const end = (<u32>load<u8>(pkt.nh) & 15) << 2;
  if (end < 20 || end > pkt.nhLen) return u32.MAX_VALUE;
  let i: u32 = 20;
  let at: u32 = u32.MAX_VALUE;
  let seen: u32 = 0;
  while (i < end) {
    const kind = <u32>load<u8>(pkt.nh + i);
    if (kind === TCPOPT_EOL) break;
    if (kind === TCPOPT_NOP) {
      i++;
      continue;
    }
    if (i + 1 >= end) return u32.MAX_VALUE;
    const len = <u32>load<u8>(pkt.nh + i + 1);
    if (len < 2 || len > end - i) return u32.MAX_VALUE;
    const once = ipv4OptOnce(kind);
    if ((seen & once) !== 0 || !ipv4OptRight(pkt.nh + i, kind, len)) return u32.MAX_VALUE;
    seen |= once;
    if (kind === type) at = i;
    i += len;
  }
  return at;
}

/** Options that may stand there once: source routes are one. */
function ipv4OptOnce(kind: u32): u32 {
  if (kind === IPOPT_SSRR || kind === IPOPT_LSRR) return 1;
  if (kind === IPOPT_RR) return 2;
  return kind === IPOPT_TIMESTAMP ? 4 : 0;
}

/** Are length and pointer what the option wants (RFC 791 §3.1)? */
function ipv4OptRight(p: usize, kind: u32, len: u32): bool {
  if (kind === IPOPT_RA) return len >= 4;
  if (kind === IPOPT_SSRR || kind === IPOPT_LSRR)
    return len >= 7 && ((len - 3) & 3) === 0 && <u32>load<u8>(p, 2) === 4;
  if (kind === IPOPT_RR) {
    if (len < 3) return false;
    const ptr = <u32>load<u8>(p, 2);
    return ptr >= 4 && (ptr > len || ptr + 3 <= len);
  }
  if (kind !== IPOPT_TIMESTAMP) return true;
  if (len < 4) return false;
  const ptr = <u32>load<u8>(p, 2);
  const flags = <u32>load<u8>(p, 3);
  if (ptr < 5) return false;
  if (ptr > len) return flags >> 4 !== 15;
  const wants: u32 = (flags & 15) === 1 || (flags & 15) === 3 ? 7 : 3;
  return ptr + wants <= len;
}

/** Is it TCP, and its whole header there? */
function tcpHeaderThere(pkt: Pkt): bool {
  if (!pktL4(pkt) || pkt.tprot !== IPPROTO_TCP || pkt.fragoff !== 0) return false;
  const buf = changetype<usize>(pkt) + JUMP_STACK_AT - 8;
  const d = pktAt(pkt, pkt.thoff + 12, 1, buf);
  if (d === 0) return false;
  const end = (<u32>load<u8>(d) >> 4) << 2;
  return end >= 20 && pktAt(pkt, pkt.thoff + end - 1, 1, buf) !== 0;
}

/** The field of a TCP option, if it is there; MSS only becomes smaller. False: NFT_BREAK, as for what is no TCP. */
export function exthdrSetEval(rec: usize, pkt: Pkt): bool {
  if (!tcpHeaderThere(pkt)) return false;
  const at = tcpOptAt(pkt, load<u8>(rec, NbExthdr.TYPE));
  if (at === u32.MAX_VALUE) return true;
  if (at === OPTION_CUT) return false;
  const len = <u32>load<u8>(rec, NbExthdr.LEN);
  const offset = <u32>load<u16>(rec, NbExthdr.OFFSET);
  if (offset + len > optLen(pkt, at)) return false;
  if (!writable(pkt)) return false;
  const src = changetype<usize>(pkt) + load<u16>(rec, NbExthdr.REG);
  const p = pkt.nh + at + offset;
  if (<u32>load<u8>(rec, NbExthdr.TYPE) === TCPOPT_MSS && len === 2) {
    if (bswap<u16>(load<u16>(p)) <= bswap<u16>(load<u16>(src))) return true;
  }
  for (let i: u32 = 0; i < len; i++) putByte(pkt, p + i, load<u8>(src + i));
  return true;
}

/** The option becomes NOPs. NFT_BREAK for what is no TCP; a packet whose option cannot be taken out is dropped. */
export function exthdrResetEval(rec: usize, pkt: Pkt): i32 {
  if (!tcpHeaderThere(pkt)) return NFT_BREAK;
  const at = tcpOptAt(pkt, load<u8>(rec, NbExthdr.TYPE));
  if (at === u32.MAX_VALUE) return NFT_CONTINUE;
  if (at === OPTION_CUT) return NF_DROP;
  const len = optLen(pkt, at);
  if (!writable(pkt)) return NF_DROP;
  for (let i: u32 = 0; i < len; i++) putByte(pkt, pkt.nh + at + i, <u8>TCPOPT_NOP);
  return NFT_CONTINUE;
}

/** The TCP header, in one linear piece of ours. */
function writable(pkt: Pkt): bool {
  const d = pktAt(pkt, pkt.thoff + 12, 1, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
  if (d === 0) return false;
  const end = pkt.nh - pkt.skb.data + pkt.thoff + ((<u32>load<u8>(d) >> 4) << 2);
  if (!pktWritable(pkt, 0, end)) return false;
  if (pkt.skb.ipSummed === CHECKSUM_COMPLETE) pkt.skb.ipSummed = CHECKSUM_NONE;
  return true;
}

/** A byte of the TCP header, and the checksum with it. */
function putByte(pkt: Pkt, p: usize, byte: u8): void {
  const th = pkt.nh + pkt.thoff;
  const high = ((p - th) & 1) === 0;
  const word = high ? p : p - 1;
  const before = load<u16>(word);
  store<u8>(p, byte);
  // A partial sum covers the pseudo header alone.
  if (pkt.skb.ipSummed !== 3) csumReplace2(th + 16, before, load<u16>(word));
}
