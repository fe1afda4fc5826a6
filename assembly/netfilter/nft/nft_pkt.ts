/**
 * A packet as rules see it: registers, where its headers are, devices and hook. One frame a running chain, in the order
 * that chains run inside each other. Linux: struct nft_regs and struct nft_pktinfo.
 *
 *   frame │ verdict (4 words) │ NFT_REG32_00 .. 15 │ skb, devices, headers │ stack of jumps │
 *
 * The transport header is looked for when a rule first asks, once a hook. Nothing is loaded from the packet before its
 * length is compared.
 */
import { NfProto } from '../../abi/nfnl';
import { NFT_JUMP_STACK_SIZE } from '../../abi/nf_tables';
import { NfHookState } from '../../dev/nf_hook';
import { NF_ARP_OUT, NetfilterHook } from '../../net/hooks';
import { Net } from '../../net/net';
import { SkBuff, skbHeadlen } from '../../skb/sk_buff';
import { skbCopyBits } from '../../skb/skbuff';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6 } from '../../wire/ethernet';
import { NEXTHDR_AUTH, NEXTHDR_FRAGMENT, NEXTHDR_NONE } from '../../wire/ipv6';
import { ipv6ExtHdr } from '../../wire/ipv6_ext';
import { FRAME_BYTES } from './nft_ctx';

export const L4_UNKNOWN: u32 = 0;
export const L4_VALID: u32 = 1;
export const L4_NONE: u32 = 2;

@unmanaged
@final
export class Pkt {
  /** The verdict: code, and chain of a jump. */
  code: i32;
  chain: usize;
  v2: u32;
  v3: u32;
  r0: u64;
  r1: u64;
  r2: u64;
  r3: u64;
  r4: u64;
  r5: u64;
  r6: u64;
  r7: u64;
  skb: SkBuff;
  net: Net;
  /** NetDevices, or 0. */
  in: usize;
  out: usize;
  /** Number of nf_tables (NF_INET_*, NF_NETDEV_*), and family of the hook (NfProto). */
  hook: u32;
  family: u32;
  /** Address of the network header, and linear bytes from there on. */
  nh: usize;
  nhLen: u32;
  /** L4_*; protocol, offset of the transport header from `nh`, offset of the fragment. */
  l4: u32;
  tprot: u32;
  thoff: u32;
  fragoff: u32;
  /** Offset of the inner header from `nh`, 0: not looked for, all ones: none. */
  inner: u32;
  /** BaseChain that runs. */
  baseChain: usize;
  /** The rule that runs; not 0 while its way is recorded. */
  rule: usize;
  trace: u32;
}

export const JUMP_STACK_AT: usize = 160;

/** Fills the frame for a packet at a hook. */
export function pktInit(pkt: Pkt, skb: SkBuff, state: NfHookState, family: u32): void {
  assert(JUMP_STACK_AT >= offsetof<Pkt>() && JUMP_STACK_AT + NFT_JUMP_STACK_SIZE * 8 <= FRAME_BYTES, 'frame');
  pkt.skb = skb;
  pkt.net = changetype<Net>(state.net);
  pkt.in = state.in;
  pkt.out = state.out;
  pkt.family = family;
  pkt.inner = 0;
  pkt.l4 = L4_UNKNOWN;
  const hook = state.hook;
  pkt.hook = hook;
  if (hook === <u32>NetfilterHook.NETDEV_EGRESS || (family === <u32>NfProto.ARP && hook === NF_ARP_OUT)) {
    // The frame stands at its link-layer header there.
    const behind = skb.networkHeader;
    const inside = behind >= skb.data && behind - skb.data <= skbHeadlen(skb);
    pkt.nh = inside ? behind : skb.data + min(skbHeadlen(skb), ETH_HLEN);
  } else {
    pkt.nh = skb.data;
  }
  const end = skb.data + skbHeadlen(skb);
  pkt.nhLen = end > pkt.nh ? end - pkt.nh : 0;
}

/** Bytes of the packet from its network header on, fragments included. */
export function pktLen(pkt: Pkt): u32 {
  const skb = pkt.skb;
  return skb.len - (pkt.nh - skb.data);
}

/** `len` bytes at `offset` from the network header: where they lie linear, or copied to `to`; 0: not all there. */
export function pktAt(pkt: Pkt, offset: u32, len: u32, to: usize): usize {
  const linear = pkt.nhLen;
  if (offset <= linear && len <= linear - offset) return pkt.nh + offset;
  const skb = pkt.skb;
  const front = pkt.nh - skb.data;
  if (offset > skb.len || front > skb.len - offset || len > skb.len - offset - front) return 0;
  return skbCopyBits(skb, front + offset, to, len) ? to : 0;
}

/** True for the families whose packets need not be IP: what the ethertype says decides. */
function byEthertype(pkt: Pkt): bool {
  return pkt.family === <u32>NfProto.BRIDGE || pkt.family === <u32>NfProto.NETDEV;
}

/** Is the packet IPv4 (4), IPv6 (6) or neither (0). */
export function pktIpVersion(pkt: Pkt): u32 {
  if (pkt.family === <u32>NfProto.IPV4) return 4;
  if (pkt.family === <u32>NfProto.IPV6) return 6;
  if (!byEthertype(pkt)) return 0;
  if (pkt.skb.protocol === <u16>ETH_P_IP) return 4;
  return pkt.skb.protocol === <u16>ETH_P_IPV6 ? 6 : 0;
}

/** Finds the transport header; true when there is one. Linux: nft_set_pktinfo_*. */
export function pktL4(pkt: Pkt): bool {
  if (pkt.l4 !== L4_UNKNOWN) return pkt.l4 === L4_VALID;
  pkt.l4 = L4_NONE;
  pkt.tprot = 0;
  pkt.thoff = 0;
  pkt.fragoff = 0;
  const version = pktIpVersion(pkt);
  const found = version === 4 ? l4of4(pkt) : version === 6 && l4of6(pkt);
  if (found) pkt.l4 = L4_VALID;
  return found;
}

/** pktL4 for generated code. */
export function nftTransport(pkt: usize): i32 {
  return i32(pktL4(changetype<Pkt>(pkt)));
}

function l4of4(pkt: Pkt): bool {
  if (pkt.nhLen < 20) return false;
  const iph = pkt.nh;
  const thoff = (<u32>load<u8>(iph) & 15) << 2;
  if (byEthertype(pkt)) {
    // A bridge has not looked at it yet.
    const total = <u32>bswap<u16>(load<u16>(iph, 2));
    if (load<u8>(iph) >> 4 !== 4 || thoff < 20 || pktLen(pkt) < total || total < thoff) return false;
  }
  pkt.tprot = load<u8>(iph, 9);
  pkt.thoff = thoff;
  pkt.fragoff = <u32>bswap<u16>(load<u16>(iph, 6)) & 0x1fff;
  return true;
}

/**
 * Walks the extension headers: to the first that is `target`, or, when that is negative, to the last header. Sets
 * thoff and fragoff (fragments but the first end the walk) and returns the protocol there, or -1. Linux: ipv6_find_hdr.
 */
export function ipv6FindHdr(pkt: Pkt, target: i32): i32 {
  if (pkt.nhLen < 40) return -1;
  let nexthdr = <u32>load<u8>(pkt.nh, 6);
  let start: u32 = 40;
  const buf = changetype<usize>(pkt) + JUMP_STACK_AT - 8;
  pkt.fragoff = 0;
  for (let i = 0; i < 64; i++) {
    const found = <i32>nexthdr === target;
    if (!ipv6ExtHdr(nexthdr) || nexthdr === NEXTHDR_NONE) {
      if (target >= 0 && !found) return -1;
      pkt.thoff = start;
      return <i32>nexthdr;
    }
    const p = pktAt(pkt, start, 2, buf);
    if (p === 0) return -1;
    const next = <u32>load<u8>(p);
    let len: u32 = (<u32>load<u8>(p, 1) + 1) << 3;
    if (nexthdr === NEXTHDR_FRAGMENT) {
      const f = pktAt(pkt, start + 2, 2, buf);
      if (f === 0) return -1;
      const off = <u32>bswap<u16>(load<u16>(f)) & 0xfff8;
      if (off !== 0 && !found) {
        if (target >= 0 || (ipv6ExtHdr(next) && next !== NEXTHDR_NONE)) return -1;
        pkt.fragoff = off;
        // Linux does not tell where: its transport header is the network header then.
        pkt.thoff = 0;
        return <i32>next;
      }
      len = 8;
    } else if (nexthdr === NEXTHDR_AUTH) {
      // What it protects is not looked for (IP6_FH_F_AUTH).
      if (target < 0) {
        pkt.thoff = start;
        return <i32>nexthdr;
      }
      len = (<u32>load<u8>(p, 1) + 2) << 2;
    }
    if (found) {
      pkt.thoff = start;
      return <i32>nexthdr;
    }
    nexthdr = next;
    start += len;
  }
  return -1;
}

function l4of6(pkt: Pkt): bool {
  if (pkt.nhLen < 40) return false;
  if (byEthertype(pkt)) {
    const total = <u32>bswap<u16>(load<u16>(pkt.nh, 4)) + 40;
    if (load<u8>(pkt.nh) >> 4 !== 6 || total > pktLen(pkt)) return false;
  }
  const proto = ipv6FindHdr(pkt, -1);
  if (proto < 0 || pkt.thoff > 0xffff) {
    pkt.thoff = 0;
    pkt.fragoff = 0;
    return false;
  }
  pkt.tprot = <u32>proto;
  return true;
}

/** A packet that comes in at a device, for a chain of inet: IP it is (pkt.family), and as long as it says. */
export function pktIngressValid(pkt: Pkt): bool {
  if (pkt.family === <u32>NfProto.IPV4) {
    if (pkt.nhLen < 20) return false;
    const total = <u32>bswap<u16>(load<u16>(pkt.nh, 2));
    const thoff = (<u32>load<u8>(pkt.nh) & 15) << 2;
    return load<u8>(pkt.nh) >> 4 === 4 && thoff >= 20 && pktLen(pkt) >= total && total >= thoff;
  }
  if (pkt.nhLen < 40 || load<u8>(pkt.nh) >> 4 !== 6) return false;
  return <u32>bswap<u16>(load<u16>(pkt.nh, 4)) + 40 <= pktLen(pkt) && pktL4(pkt);
}

/** In line: registers by offset. */
export class Reg {
  @inline
  static at(pkt: Pkt, offset: u32): usize {
    return changetype<usize>(pkt) + offset;
  }
}
