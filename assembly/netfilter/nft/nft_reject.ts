/**
 * `reject`: the packet ends, and its sender is told: ICMP, ICMPv6, or a reset. Linux: nft_reject.c, nft_reject_inet.c,
 * nf_reject_ipv4.c, nf_reject_ipv6.c; nft_reject_bridge.c, nft_reject_netdev.c, which ask no
 * routes. Differs: a bridge's answer passes none of the bridge's own hooks on its way out of the port.
 */
import { NftaReject } from '../../abi/nf_tables';
import { NfProto } from '../../abi/nfnl';
import { skbCsumValid } from '../../dev/checksum_help';
import { csumIpv6Nofold, csumTcpUdpNofold } from '../../lib/checksum';
import { NetDevice } from '../../dev/net_device';
import { inetAddrTypeDev } from '../../ipv4/route';
import { RtType } from '../../route/fib';
import { icmpSendRouted } from '../../ipv4/icmp';
import { icmpv6Send } from '../../ipv6/icmp';
import { Errno } from '../../net/errno';
import { NF_DROP, NetfilterHook } from '../../net/hooks';
import { Scratch, scratch } from '../../lib/scratch';
import { IPV6_HDR_LEN } from '../../wire/ipv6';
import { ipv6AddrIsLinklocal } from '../../wire/ipv6_addr';
import { ipv6WalkExthdr } from '../../wire/ipv6_ext';
import { skbHeadlen } from '../../skb/sk_buff';
import { pskbMayPull, skbTrim } from '../../skb/skbuff';
import { nfSendReset4, nfSendReset6 } from '../nf_reject';
import { nfFrameReset4, nfFrameReset6, nfFrameUnreach4, nfFrameUnreach6 } from '../nf_reject_netdev';
import { NlOut, nlaBe32, nlaPutBe32, nlaPutU8, nlaU8, tbGet } from '../nlattr';
import { chainBase } from './nf_tables';
import { Ctx, ctxChain } from './nft_ctx';
import { JUMP_STACK_AT, Pkt, pktAt, pktIpVersion, pktL4 } from './nft_pkt';

const ICMP_UNREACH: u32 = 0;
const TCP_RST: u32 = 1;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_GRE: u32 = 47;
const IPPROTO_ESP: u32 = 50;
const IPPROTO_AH: u32 = 51;
const IPPROTO_SCTP: u32 = 132;
const IPPROTO_UDPLITE: u32 = 136;
const ICMPX_UNREACH: u32 = 2;
const ICMPX_MAX: u32 = 3;
const ICMP_DEST_UNREACH: u32 = 3;
const ICMPV6_DEST_UNREACH: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const TCP_HDR_LEN: u32 = 20;
/** Bytes of a frame that its answer quotes. */
const FRAME_QUOTE4: u32 = 536;
const FRAME_QUOTE6: u32 = 1220;

/** Codes of icmpx: no route, port, host, prohibited. */
const ICMP_CODES = memory.data<u8>([0, 3, 1, 13]);
const ICMPV6_CODES = memory.data<u8>([0, 4, 3, 1]);

/** AUX: type; u8 at 4: code. */
export const REJECT_SIZE: u32 = 8;

export function rejectInit(ctx: Ctx, rec: usize, tb: usize): i32 {
  const typeAttr = tbGet(tb, NftaReject.TYPE);
  const code = tbGet(tb, NftaReject.ICMP_CODE);
  if (typeAttr === 0) return -Errno.EINVAL;
  const type = nlaBe32(typeAttr);
  const plain = ctx.family === <u32>NfProto.IPV4 || ctx.family === <u32>NfProto.IPV6;
  if (type > (plain ? TCP_RST : ICMPX_UNREACH)) return -Errno.EINVAL;
  if (type !== TCP_RST) {
    if (code === 0) return -Errno.EINVAL;
    if (type === ICMPX_UNREACH && nlaU8(code) > ICMPX_MAX) return -Errno.EINVAL;
    store<u8>(rec, <u8>nlaU8(code), 4);
  }
  store<u8>(rec, <u8>type, 1);
  return 0;
}

export function rejectDump(rec: usize, out: NlOut): void {
  const type = <u32>load<u8>(rec, 1);
  nlaPutBe32(out, NftaReject.TYPE, type);
  if (type !== TCP_RST) nlaPutU8(out, NftaReject.ICMP_CODE, load<u8>(rec, 4));
}

/** Where the sender may be told. */
export function rejectValidate(ctx: Ctx): i32 {
  const hook = chainBase(ctxChain(ctx)).hooknum;
  if (ctx.family === <u32>NfProto.NETDEV) return hook === 0 ? 0 : -Errno.EOPNOTSUPP;
  let hooks: u32 = (1 << NetfilterHook.PRE_ROUTING) | (1 << NetfilterHook.LOCAL_IN);
  if (ctx.family !== <u32>NfProto.BRIDGE)
    hooks |= (1 << NetfilterHook.FORWARD) | (1 << NetfilterHook.LOCAL_OUT);
  if (ctx.family === <u32>NfProto.INET) hooks |= 1 << NetfilterHook.NETDEV_INGRESS;
  return (hooks & (1 << hook)) !== 0 ? 0 : -Errno.EOPNOTSUPP;
}

export function rejectEval(rec: usize, pkt: Pkt): i32 {
  const ip = pkt.family === <u32>NfProto.IPV4 || pkt.family === <u32>NfProto.IPV6;
  if (!ip) {
    if (pkt.family === <u32>NfProto.NETDEV || pkt.family === <u32>NfProto.BRIDGE) frameEval(rec, pkt);
    return NF_DROP;
  }
  const type = <u32>load<u8>(rec, 1);
  let code = <u32>load<u8>(rec, 4);
  const six = pktIpVersion(pkt) === 6;
  if (type === TCP_RST) {
    reset(pkt, six);
    return NF_DROP;
  }
  if (type === ICMPX_UNREACH) code = load<u8>((six ? ICMPV6_CODES : ICMP_CODES) + code);
  unreach(pkt, six, code);
  return NF_DROP;
}

/** A frame that just came in: the answer goes back as a frame. Linux: nft_reject_netdev_eval. */
function frameEval(rec: usize, pkt: Pkt): void {
  const skb = pkt.skb;
  const version = pktIpVersion(pkt);
  const mac = skb.macHeader;
  // Not to what was for many, nor in the name of nobody.
  if (version === 0 || mac === 0 || pkt.in === 0 || pkt.nh !== skb.data || (load<u8>(mac) & 1) !== 0) return;
  const type = <u32>load<u8>(rec, 1);
  const six = version === 6;
  if (type === TCP_RST) {
    frameReset(pkt, six);
    return;
  }
  let code = <u32>load<u8>(rec, 4);
  if (type === ICMPX_UNREACH) code = load<u8>((six ? ICMPV6_CODES : ICMP_CODES) + code);
  if (six) frameUnreach6(pkt, code);
  else frameUnreach4(pkt, code);
}

/** The quotation may end with the frame's padding, which was there when its length was taken. */
function frameUnreach4(pkt: Pkt, code: u32): void {
  const skb = pkt.skb;
  if (!pktL4(pkt) || pkt.fragoff !== 0) return;
  const quoted = min<u32>(skb.len, FRAME_QUOTE4);
  if (!pskbMayPull(skb, quoted)) return;
  linear(pkt);
  const about = load<u8>(pkt.nh, 9) === 1 && quoted > 20 && <u32>load<u8>(pkt.nh, 20) === ICMP_DEST_UNREACH;
  if (about) return;
  skbTrim(skb, bswap<u16>(load<u16>(pkt.nh, 2)));
  linear(pkt);
  if (sumRight(pkt, false)) nfFrameUnreach4(pkt.net, skb, pkt.in, pkt.nh, quoted, code);
}

function frameUnreach6(pkt: Pkt, code: u32): void {
  const skb = pkt.skb;
  if (!frameValid6(pkt)) return;
  const quoted = min<u32>(skb.len, FRAME_QUOTE6);
  if (!pskbMayPull(skb, quoted)) return;
  linear(pkt);
  const about =
    load<u8>(pkt.nh, 6) === 58 && quoted > 40 && <u32>load<u8>(pkt.nh, 40) === ICMPV6_DEST_UNREACH;
  if (about) return;
  const payload = <u32>bswap<u16>(load<u16>(pkt.nh, 4));
  if (payload !== 0) skbTrim(skb, payload + IPV6_HDR_LEN);
  linear(pkt);
  if (sumRight6(pkt)) nfFrameUnreach6(pkt.net, skb, pkt.in, pkt.nh, quoted, code);
}

function frameValid6(pkt: Pkt): bool {
  if (pkt.nhLen < IPV6_HDR_LEN || load<u8>(pkt.nh) >> 4 !== 6) return false;
  return <u32>bswap<u16>(load<u16>(pkt.nh, 4)) + IPV6_HDR_LEN <= pkt.skb.len;
}

/** The header and what is linear behind it, after a pull. */
function linear(pkt: Pkt): void {
  pkt.nh = pkt.skb.data;
  pkt.nhLen = skbHeadlen(pkt.skb);
}

/** The padding of a short frame counts as the segment's: its sum is wrong then, and nobody is told. */
function frameReset(pkt: Pkt, six: bool): void {
  const skb = pkt.skb;
  if (six ? !frameValid6(pkt) : !pktL4(pkt)) return;
  if (!pktL4(pkt) || pkt.fragoff !== 0 || pkt.tprot !== IPPROTO_TCP) return;
  if (!pskbMayPull(skb, pkt.thoff + TCP_HDR_LEN)) return;
  linear(pkt);
  if (!sumRight(pkt, six)) return;
  const th = pkt.nh + pkt.thoff;
  const len = skb.len - pkt.thoff;
  if (six) nfFrameReset6(pkt.net, skb, pkt.in, pkt.nh, th, len);
  else nfFrameReset4(pkt.net, skb, pkt.in, pkt.nh, th, len);
}

/** A device stands for where the packet is: what the host sends has none yet. */
function withDevice(pkt: Pkt): bool {
  const skb = pkt.skb;
  if (skb.dev === 0) skb.dev = pkt.out !== 0 ? pkt.out : pkt.in;
  if (skb.networkHeader === 0) skb.networkHeader = pkt.nh;
  return skb.dev !== 0;
}

/**
 * Nothing is said about a packet whose checksum is wrong. Linux: nf_reject_verify_csum, nf_ip_checksum: over IPv4 what
 * is neither TCP nor UDP is summed without a pseudo header, whatever it is. A header of UDP that is cut off is summed too.
 */
function sumRight(pkt: Pkt, six: bool): bool {
  if (six) return sumRight6(pkt);
  if (!pktL4(pkt)) return true;
  const proto = pkt.tprot;
  if (!summedAll(proto)) return true;
  const skb = pkt.skb;
  const at = pkt.nh - skb.data + pkt.thoff;
  if (at > skb.len) return true;
  const len = skb.len - at;
  if (proto === IPPROTO_UDP) {
    const check = pktAt(pkt, pkt.thoff + 6, 2, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
    if (check !== 0 && load<u16>(check) === 0) return true;
  }
  let sum: u32 = 0;
  if (proto === IPPROTO_TCP || proto === IPPROTO_UDP)
    sum = csumTcpUdpNofold(load<u32>(pkt.nh, 12), load<u32>(pkt.nh, 16), len, proto, 0);
  // Over IPv4 Linux sums from the IP header on, whose own sum is right unless an option has recorded the route.
  return skbCsumValid(skb, at - pkt.thoff, len + pkt.thoff, sum);
}

/** False for protocols whose sum, if they have one, is not that of all they carry. */
function summedAll(proto: u32): bool {
  switch (proto) {
    case IPPROTO_GRE:
    case IPPROTO_ESP:
    case IPPROTO_AH:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
      return false;
  }
  return true;
}

/** Over IPv6 what AH protects is summed, too; where headers do not end nothing is right. Linux: reject6_csum_ok. */
function sumRight6(pkt: Pkt): bool {
  if (pkt.nhLen < IPV6_HDR_LEN) return false;
  const skb = pkt.skb;
  const out = scratch(Scratch.NFT_REJECT_FL);
  const walked = ipv6WalkExthdr(
    pkt.nh + IPV6_HDR_LEN,
    pkt.nhLen - IPV6_HDR_LEN,
    load<u8>(pkt.nh, 6),
    out,
    out + 4,
  );
  const at = pkt.nh - skb.data + IPV6_HDR_LEN + <u32>walked;
  if (walked < 0 || at >= skb.len || (load<u32>(out, 4) & ~7) !== 0) return false;
  const proto = load<u32>(out);
  if (!summedAll(proto)) return true;
  if (proto === IPPROTO_UDP) {
    const check = pktAt(pkt, IPV6_HDR_LEN + <u32>walked + 6, 2, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
    if (check !== 0 && load<u16>(check) === 0) return true;
  }
  const len = skb.len - at;
  return skbCsumValid(skb, at, len, csumIpv6Nofold(pkt.nh + 8, pkt.nh + 24, len, proto, 0));
}

/** In front of routing Linux takes the way back to the sender for the packet's route. */
function routed(pkt: Pkt): bool {
  return pkt.hook !== <u32>NetfilterHook.PRE_ROUTING && pkt.hook !== <u32>NetfilterHook.NETDEV_INGRESS;
}

function unreach(pkt: Pkt, six: bool, code: u32): void {
  pktL4(pkt);
  if (pkt.fragoff !== 0 || !sumRight(pkt, six) || !withDevice(pkt)) return;
  // In front of IPv6 it is not noted yet by which link the packet came: the way back chooses the error's source.
  const ingress = pkt.hook === <u32>NetfilterHook.NETDEV_INGRESS;
  if (six && ingress && !ipv6AddrIsLinklocal(pkt.nh + 8)) pkt.skb.iif = 0;
  if (six) icmpv6Send(pkt.skb, ICMPV6_DEST_UNREACH, code, 0);
  else icmpSendRouted(pkt.skb, ICMP_DEST_UNREACH, code, 0, routed(pkt));
}

/** No reset answers what was for many. */
function mayReset4(pkt: Pkt, iph: usize): bool {
  const addr = bswap<u32>(load<u32>(iph + (routed(pkt) ? 16 : 12)));
  const type = inetAddrTypeDev(pkt.net, changetype<NetDevice>(pkt.skb.dev), addr);
  return type !== RtType.BROADCAST && type !== RtType.MULTICAST;
}

function reset(pkt: Pkt, six: bool): void {
  if (!pktL4(pkt) || pkt.fragoff !== 0 || pkt.tprot !== IPPROTO_TCP) return;
  if (!sumRight(pkt, six) || !withDevice(pkt)) return;
  const skb = pkt.skb;
  const front = pkt.nh - skb.data + pkt.thoff;
  if (!pskbMayPull(skb, front + TCP_HDR_LEN)) return;
  const th = skb.data + front;
  const doff = (<u32>load<u8>(th, 12) >> 4) << 2;
  const iph = th - pkt.thoff;
  if (six) nfSendReset6(pkt.net, skb, iph, th, doff, skb.len - front);
  else if (mayReset4(pkt, iph)) nfSendReset4(pkt.net, skb, iph, th, doff, skb.len - front);
  pkt.nh = skb.data + (front - pkt.thoff);
  pkt.nhLen = skb.data + skbHeadlen(skb) - pkt.nh;
}
