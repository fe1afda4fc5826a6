/**
 * `reject`: the packet ends, and its sender is told: ICMP, ICMPv6, or a reset. Linux: nft_reject.c, nft_reject_inet.c,
 * nf_reject_ipv4.c, nf_reject_ipv6.c. Not there yet: answers of the bridge and netdev families, whose packets are dropped.
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
import { skbHeadlen } from '../../skb/sk_buff';
import { pskbMayPull } from '../../skb/skbuff';
import { nfSendReset4, nfSendReset6 } from '../nf_reject';
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
  if (!ip) return NF_DROP;
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
  if (!pktL4(pkt)) return !six;
  const proto = pkt.tprot;
  if (proto === IPPROTO_GRE || proto === IPPROTO_AH || proto === IPPROTO_ESP) return true;
  if (proto === IPPROTO_SCTP || proto === IPPROTO_UDPLITE) return true;
  const skb = pkt.skb;
  const at = pkt.nh - skb.data + pkt.thoff;
  if (at >= skb.len) return !six;
  const len = skb.len - at;
  if (proto === IPPROTO_UDP) {
    const check = pktAt(pkt, pkt.thoff + 6, 2, changetype<usize>(pkt) + JUMP_STACK_AT - 8);
    if (check !== 0 && load<u16>(check) === 0) return true;
  }
  if (six) return skbCsumValid(skb, at, len, csumIpv6Nofold(pkt.nh + 8, pkt.nh + 24, len, proto, 0));
  let sum: u32 = 0;
  if (proto === IPPROTO_TCP || proto === IPPROTO_UDP)
    sum = csumTcpUdpNofold(load<u32>(pkt.nh, 12), load<u32>(pkt.nh, 16), len, proto, 0);
  // Over IPv4 Linux sums from the IP header on, whose own sum is right unless an option has recorded the route.
  return skbCsumValid(skb, at - pkt.thoff, len + pkt.thoff, sum);
}

/** In front of routing Linux takes the way back to the sender for the packet's route. */
function routed(pkt: Pkt): bool {
  return pkt.hook !== <u32>NetfilterHook.PRE_ROUTING && pkt.hook !== <u32>NetfilterHook.NETDEV_INGRESS;
}

function unreach(pkt: Pkt, six: bool, code: u32): void {
  pktL4(pkt);
  if (pkt.fragoff !== 0 || !sumRight(pkt, six) || !withDevice(pkt)) return;
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
  if (doff < TCP_HDR_LEN || doff > skb.len - front || !pskbMayPull(skb, front + doff)) return;
  const at = skb.data + front;
  const iph = at - pkt.thoff;
  if (six) nfSendReset6(pkt.net, skb, iph, at, doff, skb.len - front);
  else if (mayReset4(pkt, iph)) nfSendReset4(pkt.net, skb, iph, at, doff, skb.len - front);
  pkt.nh = skb.data + (front - pkt.thoff);
  pkt.nhLen = skb.data + skbHeadlen(skb) - pkt.nh;
}
