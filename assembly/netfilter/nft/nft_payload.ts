/**
 * `payload`: bytes of the packet into a register, or a register into the packet with its checksums mended (also in the
 * pseudo header of a transport header, and SCTP's CRC). Linux: net/netfilter/nft_payload.c.
 *
 *   base  0 link layer   1 network   2 transport (not in later fragments)   3 behind it (TCP's and UDP's payload)
 */
import { NftaPayload } from '../../abi/nf_tables';
import { NbPayload } from '../../abi/nft_bytecode';
import { csumAdd, csumFold, csumPartial, csumSub } from '../../lib/checksum';
import { Errno } from '../../net/errno';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, CHECKSUM_PARTIAL, SkBuff, skbHeadlen } from '../../skb/sk_buff';
import { pskbMayPull, skbCowHead, skbUnshare } from '../../skb/skbuff';
import { NlOut, nlaBe32, nlaPutBe32, tbGet } from '../nlattr';
import { crc32cBytes } from './crc32c';
import { Ctx } from './nft_ctx';
import { dumpRegister, regLoad, regStore } from './nft_data';
import { JUMP_STACK_AT, Pkt, pktAt, pktL4, pktLen } from './nft_pkt';

export const BASE_LL: u32 = 0;
export const BASE_NETWORK: u32 = 1;
export const BASE_TRANSPORT: u32 = 2;
export const BASE_INNER: u32 = 3;

const CSUM_NONE: u32 = 0;
const CSUM_INET: u32 = 1;
const CSUM_SCTP: u32 = 2;
const PSEUDOHDR: u32 = 1;

const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_SCTP: u32 = 132;
const IPPROTO_UDPLITE: u32 = 136;
const IPPROTO_GRE: u32 = 47;

export function payloadInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const err = payloadCommon(rec, tb);
  if (err !== 0) return err;
  const reg = regStore(ctx, tbGet(tb, NftaPayload.DREG), load<u8>(rec, NbPayload.LEN));
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbPayload.REG);
  return 0;
}

function payloadCommon(rec: usize, tb: usize): i32 {
  const base = tbGet(tb, NftaPayload.BASE);
  const offset = tbGet(tb, NftaPayload.OFFSET);
  const len = tbGet(tb, NftaPayload.LEN);
  if (base === 0 || offset === 0 || len === 0) return -Errno.EINVAL;
  if (nlaBe32(base) > BASE_INNER) return -Errno.EOPNOTSUPP;
  if (nlaBe32(offset) > 0xffff || nlaBe32(len) > 255) return -Errno.ERANGE;
  store<u8>(rec, <u8>nlaBe32(base), 1);
  store<u16>(rec, <u16>nlaBe32(offset), NbPayload.OFFSET);
  store<u8>(rec, <u8>nlaBe32(len), NbPayload.LEN);
  return 0;
}

export function payloadSetInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const err = payloadCommon(rec, tb);
  if (err !== 0) return err;
  const type = tbGet(tb, NftaPayload.CSUM_TYPE);
  const at = tbGet(tb, NftaPayload.CSUM_OFFSET);
  const flags = tbGet(tb, NftaPayload.CSUM_FLAGS);
  const csumType = type === 0 ? CSUM_NONE : nlaBe32(type);
  const csumOffset = at === 0 ? 0 : nlaBe32(at);
  if (csumType > 255 || csumOffset > 255) return -Errno.ERANGE;
  if (flags !== 0 && (nlaBe32(flags) & ~PSEUDOHDR) !== 0) return -Errno.EINVAL;
  if (csumType === CSUM_SCTP) {
    if (<u32>load<u8>(rec, 1) !== BASE_TRANSPORT || csumOffset !== 8) return -Errno.EINVAL;
  } else if (csumType > CSUM_SCTP) return -Errno.EOPNOTSUPP;
  store<u8>(rec, <u8>csumType, NbPayload.CSUM_TYPE);
  store<u16>(rec, <u16>csumOffset, NbPayload.CSUM_OFFSET);
  store<u32>(rec, flags === 0 ? 0 : nlaBe32(flags), NbPayload.CSUM_FLAGS);
  const reg = regLoad(ctx, tbGet(tb, NftaPayload.SREG), load<u8>(rec, NbPayload.LEN));
  if (reg < 0) return reg;
  store<u16>(rec, <u16>reg, NbPayload.REG);
  return 0;
}

export function payloadDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaPayload.DREG, load<u16>(rec, NbPayload.REG));
  dumpCommon(rec, out);
}

function dumpCommon(rec: usize, out: NlOut): void {
  nlaPutBe32(out, NftaPayload.BASE, load<u8>(rec, 1));
  nlaPutBe32(out, NftaPayload.OFFSET, load<u16>(rec, NbPayload.OFFSET));
  nlaPutBe32(out, NftaPayload.LEN, load<u8>(rec, NbPayload.LEN));
}

export function payloadSetDump(rec: usize, out: NlOut): void {
  dumpRegister(out, NftaPayload.SREG, load<u16>(rec, NbPayload.REG));
  dumpCommon(rec, out);
  nlaPutBe32(out, NftaPayload.CSUM_TYPE, load<u8>(rec, NbPayload.CSUM_TYPE));
  nlaPutBe32(out, NftaPayload.CSUM_OFFSET, load<u16>(rec, NbPayload.CSUM_OFFSET));
  nlaPutBe32(out, NftaPayload.CSUM_FLAGS, load<u32>(rec, NbPayload.CSUM_FLAGS));
}

/** Behind the transport header; all ones: there is none. Linux: nft_payload_inner_offset. */
function innerOffset(pkt: Pkt): u32 {
  if (pkt.inner !== 0) return pkt.inner;
  pkt.inner = u32.MAX_VALUE;
  if (!pktL4(pkt) || pkt.fragoff !== 0) return u32.MAX_VALUE;
  const thoff = pkt.thoff;
  const buf = changetype<usize>(pkt) + JUMP_STACK_AT - 8;
  switch (pkt.tprot) {
    case IPPROTO_UDP:
      pkt.inner = thoff + 8;
      break;
    case IPPROTO_TCP: {
      const p = pktAt(pkt, thoff + 12, 1, buf);
      if (p !== 0) pkt.inner = thoff + ((<u32>load<u8>(p) >> 4) << 2);
      break;
    }
    case IPPROTO_GRE: {
      const p = pktAt(pkt, thoff, 4, buf);
      if (p === 0) break;
      const flags = <u32>bswap<u16>(load<u16>(p));
      // Version 0: checksum, key and sequence number are optional words (RFC 2890).
      if ((flags & 7) !== 0) break;
      let len: u32 = 4;
      if ((flags & 0x8000) !== 0) len += 4;
      if ((flags & 0x2000) !== 0) len += 4;
      if ((flags & 0x1000) !== 0) len += 4;
      pkt.inner = thoff + len;
      break;
    }
  }
  return pkt.inner;
}

/** Offset of the base from the network header; all ones: the packet has none such. Not for the link layer. */
function baseOffset(pkt: Pkt, base: u32): u32 {
  if (base === BASE_NETWORK) return 0;
  if (base === BASE_TRANSPORT) {
    if (!pktL4(pkt) || pkt.fragoff !== 0) return u32.MAX_VALUE;
    return pkt.thoff;
  }
  return innerOffset(pkt);
}

/** `len` bytes at `offset` from the base: where they lie, or copied to `to`; 0: not there, NFT_BREAK. */
export function payloadAt(pkt: Pkt, base: u32, offset: u32, len: u32, to: usize): usize {
  if (base === BASE_LL) return linkAt(pkt, offset, len, to);
  const from = baseOffset(pkt, base);
  if (from === u32.MAX_VALUE) return 0;
  return pktAt(pkt, from + offset, len, to);
}

function linkAt(pkt: Pkt, offset: u32, len: u32, to: usize): usize {
  const skb = pkt.skb;
  const mac = skb.macHeader;
  if (mac === 0 || mac < skb.head || mac >= pkt.nh) return 0;
  if (skb.vlanProto !== 0) return taggedAt(pkt, mac, offset, len, to);
  const front = pkt.nh - mac;
  if (offset + len <= front + pkt.nhLen) return mac + offset;
  return offset >= front ? pktAt(pkt, offset - front, len, to) : 0;
}

/** The link-layer header as if the tag that was taken off stood in it. Linux: nft_payload_copy_vlan. */
function taggedAt(pkt: Pkt, mac: usize, offset: u32, len: u32, to: usize): usize {
  const skb = pkt.skb;
  const front = pkt.nh - mac;
  if (front < 14) return 0;
  for (let i: u32 = 0; i < len; i++) {
    const at = offset + i;
    let byte: u32 = 0;
    if (at < 12) byte = load<u8>(mac + at);
    else if (at < 16) {
      const tag: u32 = ((<u32>skb.vlanProto) << 16) | skb.vlanTci;
      byte = tag >> ((15 - at) << 3);
    } else {
      const behind = at - 4;
      if (behind < front) byte = load<u8>(mac + behind);
      else {
        const p = pktAt(pkt, behind - front, 1, to + i);
        if (p === 0) return 0;
        byte = load<u8>(p);
      }
    }
    store<u8>(to + i, <u8>byte);
  }
  return to;
}

/**
 * Of a later fragment: 1, 2 or 4 aligned bytes are loaded as if it had a transport header, if they lie linear; 0: not.
 * Linux: nft_payload_fast_eval, which does not look at the offset of the fragment.
 */
export function fragmentAt(pkt: Pkt, offset: u32, len: u32): usize {
  if (!pktL4(pkt) || pkt.fragoff === 0) return 0;
  if ((len !== 1 && len !== 2 && len !== 4) || (offset & (len - 1)) !== 0) return 0;
  const at = pkt.thoff + offset;
  return at + len <= pkt.nhLen ? pkt.nh + at : 0;
}

/** Into the register, the last word filled with zeros. False: NFT_BREAK. */
export function payloadEval(rec: usize, pkt: Pkt): bool {
  const len = <u32>load<u8>(rec, NbPayload.LEN);
  const dst = changetype<usize>(pkt) + load<u16>(rec, NbPayload.REG);
  if ((len & 3) !== 0) store<u32>(dst + (len & ~3), 0);
  const offset = <u32>load<u16>(rec, NbPayload.OFFSET);
  let p = payloadAt(pkt, load<u8>(rec, 1), offset, len, dst);
  if (p === 0 && <u32>load<u8>(rec, 1) === BASE_TRANSPORT) p = fragmentAt(pkt, offset, len);
  if (p === 0) return false;
  if (p !== dst) memory.copy(dst, p, len);
  return true;
}

/** Makes bytes `from`..`from + len` from skb.data on linear and ours alone; header addresses of the frame follow. */
export function pktWritable(pkt: Pkt, from: u32, len: u32): bool {
  const skb = pkt.skb;
  const nh = pkt.nh - skb.data;
  if (!pskbMayPull(skb, from + len) || !skbUnshare(skb, 0)) return false;
  pkt.nh = skb.data + nh;
  pkt.nhLen = skb.data + skbHeadlen(skb) - pkt.nh;
  return true;
}

/** The register into the packet. False: NFT_BREAK. */
export function payloadSetEval(rec: usize, pkt: Pkt): bool {
  const skb = pkt.skb;
  const base = <u32>load<u8>(rec, 1);
  const len = <u32>load<u8>(rec, NbPayload.LEN);
  const src = changetype<usize>(pkt) + load<u16>(rec, NbPayload.REG);
  const offset = <u32>load<u16>(rec, NbPayload.OFFSET);
  if (base === BASE_LL) return linkSet(pkt, offset, len, src);
  const from = baseOffset(pkt, base);
  if (from === u32.MAX_VALUE) return false;
  const front = pkt.nh - skb.data;
  const at = front + from + offset;
  if (at > skb.len || len > skb.len - at) return false;
  const type = <u32>load<u8>(rec, NbPayload.CSUM_TYPE);
  const csumFlags = load<u32>(rec, NbPayload.CSUM_FLAGS);
  const csumAt = front + from + load<u16>(rec, NbPayload.CSUM_OFFSET);
  const mends =
    type === CSUM_INET &&
    ((base !== BASE_TRANSPORT && base !== BASE_INNER) || skb.ipSummed !== CHECKSUM_PARTIAL);
  const l4 = (csumFlags & PSEUDOHDR) !== 0 ? l4CsumOffset(pkt) : 0;
  if (l4 === u32.MAX_VALUE) {
    // Linux has mended the IP header when it finds that the other checksum is not there.
    if (mends && csumAt + 2 <= skb.len && pktWritable(pkt, 0, max(at + len, csumAt + 2))) {
      const odd = (offset & 1) !== 0;
      const old = turned(csumPartial(skb.data + at, len, 0), odd);
      mend(skb.data + csumAt, old, turned(csumPartial(src, len, 0), odd), false);
    }
    return false;
  }
  // Everything that is written, in one linear piece.
  let end = at + len;
  if (mends) end = max(end, csumAt + 2);
  if (l4 !== 0) end = max(end, front + l4 + 2);
  if (end > skb.len || !pktWritable(pkt, 0, end)) return false;
  const p = skb.data + at;
  // An odd place counts in the other half of the words: sums are turned by it.
  const odd = (offset & 1) !== 0;
  const before = turned(csumPartial(p, len, 0), odd);
  const after = turned(csumPartial(src, len, 0), odd);
  if (mends) mend(skb.data + csumAt, before, after, false);
  if (l4 !== 0) {
    const check = skb.data + front + l4;
    if (pkt.tprot !== IPPROTO_UDP || load<u16>(check) !== 0 || skb.ipSummed === CHECKSUM_PARTIAL) {
      // CHECKSUM_PARTIAL: the field holds the sum of the pseudo header itself, not its complement.
      if (skb.ipSummed === CHECKSUM_PARTIAL) mendPartial(check, before, after);
      else mend(check, before, after, pkt.tprot === IPPROTO_UDP || pkt.tprot === IPPROTO_UDPLITE);
    }
  }
  memory.copy(p, src, len);
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
  if (type === CSUM_SCTP && pktL4(pkt) && pkt.tprot === IPPROTO_SCTP && pkt.fragoff === 0)
    return sctpMend(pkt);
  // What was read of the headers may have changed.
  if (base === BASE_NETWORK) pkt.l4 = 0;
  pkt.inner = 0;
  return true;
}

function turned(sum: u32, odd: bool): u32 {
  return odd ? rotl<u32>(sum, 8) : sum;
}

/** RFC 1624; `zeroIsNone`: a sum of 0 is written as all ones (UDP). */
function mend(check: usize, before: u32, after: u32, zeroIsNone: bool): void {
  const sum = csumAdd(csumSub(<u32>(load<u16>(check) ^ 0xffff), before), after);
  let folded = csumFold(sum);
  if (zeroIsNone && folded === 0) folded = 0xffff;
  store<u16>(check, folded);
}

function mendPartial(check: usize, before: u32, after: u32): void {
  const sum = csumAdd(csumSub(<u32>load<u16>(check), before), after);
  store<u16>(check, ~csumFold(sum));
}

/** Offset of the checksum that covers the pseudo header, 0: none, all ones: the packet ends before. Linux: nft_payload_l4csum_offset. */
function l4CsumOffset(pkt: Pkt): u32 {
  if (!pktL4(pkt) || pkt.fragoff !== 0) return 0;
  let at: u32 = 0;
  switch (pkt.tprot) {
    case IPPROTO_TCP:
      at = 16;
      break;
    case IPPROTO_UDP: {
      const p = pktAt(pkt, pkt.thoff + 6, 2, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
      if (p === 0 || (load<u16>(p) === 0 && pkt.skb.ipSummed !== CHECKSUM_PARTIAL)) return 0;
      at = 6;
      break;
    }
    case IPPROTO_UDPLITE:
      at = 6;
      break;
    case IPPROTO_ICMPV6:
      at = 2;
      break;
    default:
      return 0;
  }
  at += pkt.thoff;
  return at + 2 <= pktLen(pkt) ? at : u32.MAX_VALUE;
}

/** SCTP's CRC32c over the whole of it (RFC 9260 §6.8). */
function sctpMend(pkt: Pkt): bool {
  const skb = pkt.skb;
  const from = pkt.nh - skb.data + pkt.thoff;
  if (skb.len < from + 12 || !pktWritable(pkt, 0, skb.len)) return false;
  const p = skb.data + from;
  store<u32>(p, 0, 8);
  store<u32>(p, crc32cBytes(p, skb.len - from), 8);
  return true;
}

function linkSet(pkt: Pkt, offset: u32, len: u32, src: usize): bool {
  const skb: SkBuff = pkt.skb;
  const mac = skb.macHeader;
  if (mac === 0 || mac < skb.head || mac >= pkt.nh) return false;
  if (skb.vlanProto !== 0) return false;
  const front = pkt.nh - mac;
  if (offset + len > front) return false;
  const nh = pkt.nh - skb.data;
  if (!skbCowHead(skb, 0)) return false;
  pkt.nh = skb.data + nh;
  pkt.nhLen = skb.data + skbHeadlen(skb) - pkt.nh;
  memory.copy(pkt.nh - front + offset, src, len);
  return true;
}
