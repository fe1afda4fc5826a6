/**
 * ICMP (RFC 792, RFC 1122 §3.2.2, RFC 1812 §4.3): errors about packets that we drop, answers to echo and timestamp,
 * and what others tell us of the paths of our own packets. Linux: net/ipv4/icmp.c.
 *
 *   icmpSend ─► refusals ─► global limit ─► route ─► limit per peer ─► quote ─► ipLocalOut
 *   icmpRcv ─► checksum ─► ECHO, TIMESTAMP ─► icmpReply ─► ipLocalOut
 *                        └► errors ─► icmpUnreach, icmpRedirect (ipv4/icmp_err) ─► exceptions
 */
import { TraceKind } from '../abi/trace';
import { traceData } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { l3mdevIfindexOf, l3mdevMasterIfindex } from '../dev/l3mdev';
import { IFF_LOOPBACK, NetDevice, devGetByIndex } from '../dev/net_device';
import { csumFold, csumPartial, csumReplace2 } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net, mibInc, sysctl } from '../net/net';
import { FibNh, RT_SCOPE_LINK, RtType, nhInfo } from '../route/fib';
import { icmpGlobalAllow, icmpGlobalConsume, inetPeerXrlimAllow } from '../route/inet_peer';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { nfCtAttach, nfResetCt } from '../skb/nfct';
import { allocSkb } from '../skb/pool';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  PACKET_HOST,
  SKB_F_CLONED,
  SkBuff,
} from '../skb/sk_buff';
import {
  pskbMayPull,
  skbChecksum,
  skbCopyBits,
  skbCowHead,
  skbPut,
  skbTrim,
  skbUnshare,
} from '../skb/skbuff';
import {
  ICMP_ADDRESS,
  ICMP_ADDRESSREPLY,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_EXT_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HDR_LEN,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
  ICMP_TIMESTAMP_LEN,
  ICMP_TIME_EXCEEDED,
  NR_ICMP_TYPES,
  emitIcmp,
  icmpType,
} from '../wire/icmp';
import {
  IPPROTO_ICMP,
  IPTOS_PREC_INTERNETCONTROL,
  IPTOS_TOS_MASK,
  IPV4_HDR_LEN,
  IPV4_MAX_TOT_LEN,
  IP_OFFSET,
  ipv4Daddr,
  ipv4FragOff,
  ipv4Ihl,
  ipv4Protocol,
  ipv4Saddr,
  ipv4SaddrBe,
  ipv4Tos,
} from '../wire/ipv4';
import { ipv4IsBadclass, ipv4IsMulticast, ipv4IsZeronet } from '../wire/ipv4_addr';
import { devSelectAddr } from './devinet';
import { icmpRedirect, icmpUnreach } from './icmp_err';
import { ipCbClear } from './ip_cb';
import {
  ReplyOptions,
  fibComputeSpecDst,
  inetCurrentTimestamp,
  ipOptionsBuild,
  ipOptionsEcho,
  replyOptionsData,
} from './ip_options';
import { ipEmitHeader, ipLocalOut, ipSelectIdent } from './ip_output';
import { FlowI4, inetAddrTypeDev, ipDstMtu, ipRouteOutput } from './route';

const ETH_P_IP: u16 = 0x0800;
const ETH_HLEN: u32 = 14;
/** RFC 1812 §4.3.2.3: as much of the datagram as fits without the error's exceeding 576 bytes. */
const ICMP_ERROR_MAX: u32 = 576;
/** Source of an error when we have no address at all (RFC 7600 §4.8; Linux: INADDR_DUMMY). */
const INADDR_DUMMY: u32 = 0xc0000008;
const NS_PER_MS: u64 = 1_000_000;
/** Types whose messages are errors, or that we do not know to be queries: never answered by an error. */
const ERROR_TYPES: u32 =
  (1 << 1) |
  (1 << 2) |
  (1 << 3) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 7) |
  (1 << 9) |
  (1 << 10) |
  (1 << 11) |
  (1 << 12);

function isErrorType(type: u32): bool {
  return type > NR_ICMP_TYPES || ((ERROR_TYPES >> type) & 1) !== 0;
}

function newFlow(): FlowI4 {
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_ICMP_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  return fl;
}

function newReplyOptions(): ReplyOptions {
  return changetype<ReplyOptions>(scratch(Scratch.IPV4_ICMP_OPTIONS));
}

/**
 * Tells the source of `skb` of an error; the skb stays the caller's, and may be at any of its headers. `info`: the MTU
 * of FRAG_NEEDED and the pointer of PARAMETERPROB in host order, the gateway of REDIRECT as loaded, else 0.
 */
export function icmpSend(skb: SkBuff, type: u32, code: u32, info: u32): void {
  icmpSendRouted(skb, type, code, info, true);
}

/** The same of a packet that may have no route yet: that it is for us, or for all, is not known then. */
export function icmpSendRouted(skb: SkBuff, type: u32, code: u32, info: u32, routed: bool): void {
  if (root().trace !== 0)
    traceData(TraceKind.ICMP_ERROR, AF_INET, changetype<usize>(skb), skb.dev, type, code, info, 0, 0, 0);
  if (skb.dev === 0 || skb.networkHeader === 0) return;
  const dev = changetype<NetDevice>(skb.dev);
  const net = dev.net;
  const iph = skb.networkHeader;
  const linearEnd = skb.data + skb.len - skb.dataLen;
  if (iph < skb.head || linearEnd < iph || linearEnd - iph < IPV4_HDR_LEN) return;
  if (!mayBeReported(net, skb, iph, type, routed)) return;
  const fromLoopback = (dev.flags & IFF_LOOPBACK) !== 0;
  if (!fromLoopback && !globalAllow(net, type, code)) return;

  const local = routed && inetAddrTypeDev(net, dev, ipv4Daddr(iph)) === RtType.LOCAL;
  const options = newReplyOptions();
  if (!ipOptionsEcho(net, options, skb)) return;
  const fl = newFlow();
  fl.daddr = options.srr !== 0 ? bswap<u32>(options.faddrBe) : ipv4Saddr(iph);
  // RFC 1812 §4.3.2.4: the address of the datagram's destination when it is ours, otherwise that of the interface
  // by which the error leaves.
  fl.saddr = local ? ipv4Daddr(iph) : inboundAddr(net, skb, ipv4Saddr(iph));
  // RFC 1812 §4.3.2.5: "ICMP error messages MUST ... be sent with the precedence 6 or 7", TOS as in the datagram.
  const tos = isErrorType(type) ? (ipv4Tos(iph) & IPTOS_TOS_MASK) | IPTOS_PREC_INTERNETCONTROL : ipv4Tos(iph);
  fl.tos = tos & IPTOS_TOS_MASK;
  fl.proto = IPPROTO_ICMP;
  fl.oif = l3mdevMasterIfindex(dev);
  fl.skb = changetype<usize>(skb);
  fl.mark = sysctl(net, Sysctl.FWMARK_REFLECT) !== 0 ? skb.mark : 0;
  if (ipRouteOutput(net, fl) !== 0) return;
  if (!xrlimAllow(net, fl, type, code)) return;

  const nh = changetype<FibNh>(fl.nh);
  const mtu = min(ipDstMtu(net, nh, fl.daddr, false), ICMP_ERROR_MAX);
  const headers = IPV4_HDR_LEN + options.optlen + ICMP_HDR_LEN;
  // "We need to include at least one IP network header for this message to make any sense."
  if (mtu <= headers + IPV4_HDR_LEN) return;
  const total = skb.len + (skb.data - iph);
  const quoted = min(total, mtu - headers);
  const error = allocSkb(ICMP_HDR_LEN + quoted);
  if (error === null) {
    mibInc(net, Mib.IcmpOutErrors);
    return;
  }
  if (skb.nfct !== 0) nfCtAttach(error, skb);
  const icmph = skbPut(error, ICMP_HDR_LEN + quoted);
  emitIcmp(icmph, type, code, infoWord(type, code, info));
  quote(skb, iph, icmph + ICMP_HDR_LEN, quoted);
  store<u16>(icmph, csumFold(csumPartial(icmph, ICMP_HDR_LEN + quoted, 0)), 2);
  if (fl.saddr === 0) fl.saddr = INADDR_DUMMY;
  pushReply(net, error, fl, tos, options, ipv4SaddrBe(iph), type);
}

/** RFC 1122 §3.2.2: of which packets no error may be sent. */
function mayBeReported(net: Net, skb: SkBuff, iph: usize, type: u32, routed: bool): bool {
  // "a datagram sent as a link-layer broadcast" or multicast
  if (skb.pktType !== PACKET_HOST) return false;
  // "a datagram destined to an IP broadcast or IP multicast address"
  const to = routed ? ipv4Daddr(iph) : ipv4Saddr(iph);
  const kind = inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), to);
  if (kind === RtType.BROADCAST || kind === RtType.MULTICAST) return false;
  // "a non-initial fragment"
  if ((ipv4FragOff(iph) & IP_OFFSET) !== 0) return false;
  // "a datagram whose source address does not define a single host"
  const saddr = ipv4Saddr(iph);
  if (ipv4IsZeronet(saddr) || ipv4IsMulticast(saddr) || ipv4IsBadclass(saddr)) return false;
  // "an ICMP error message"; an unknown type may be one, and one that cannot be read may be, too.
  if (!isErrorType(type) || ipv4Protocol(iph) !== IPPROTO_ICMP) return true;
  const inner = scratch(Scratch.IPV4_ICMP_INNER);
  const at = iph + ipv4Ihl(iph);
  if (at < skb.data) {
    // data has moved on: into the transport header, whose first byte lies in front of it.
    return !isErrorType(load<u8>(at));
  }
  return skbCopyBits(skb, at - skb.data, inner, 1) && !isErrorType(load<u8>(inner));
}

/** Copies `len` bytes of the packet, from its network header on; data may lie on either side of that. */
function quote(skb: SkBuff, iph: usize, to: usize, len: u32): void {
  if (iph >= skb.data) {
    skbCopyBits(skb, iph - skb.data, to, len);
    return;
  }
  const front = min(skb.data - iph, len);
  memory.copy(to, iph, front);
  skbCopyBits(skb, 0, to + front, len - front);
}

/** The second word of the header, host order. */
function infoWord(type: u32, code: u32, info: u32): u32 {
  if (type === ICMP_PARAMETERPROB) return info << 24;
  if (type === ICMP_REDIRECT) return bswap<u32>(info);
  return info;
}

/** net.ipv4.icmp_errors_use_inbound_ifaddr: the address of where the packet came in; 0: routing chooses. */
function inboundAddr(net: Net, skb: SkBuff, saddr: u32): u32 {
  if (skb.iif === 0 || sysctl(net, Sysctl.ICMP_ERRORS_USE_INBOUND_IFADDR) === 0) return 0;
  const dev = devGetByIndex(net, skb.iif);
  return dev === null ? 0 : devSelectAddr(dev, saddr, RT_SCOPE_LINK);
}

/** Linux: icmpv4_mask_allow: types that no limit holds for; path MTU discovery must not suffer. */
function maskAllow(net: Net, type: u32, code: u32): bool {
  if (type > NR_ICMP_TYPES) return true;
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) return true;
  return ((sysctl(net, Sysctl.ICMP_RATEMASK) >> type) & 1) === 0;
}

function globalAllow(net: Net, type: u32, code: u32): bool {
  if (maskAllow(net, type, code) || icmpGlobalAllow(net)) return true;
  mibInc(net, Mib.IcmpOutRateLimitGlobal);
  return false;
}

/** Linux: icmpv4_xrlim_allow: the limit per peer; none by way of lo. */
function xrlimAllow(net: Net, fl: FlowI4, type: u32, code: u32): bool {
  if (maskAllow(net, type, code)) return true;
  const dev = changetype<FibNh>(fl.nh).dev;
  if (fl.type === RtType.LOCAL || (dev !== 0 && (changetype<NetDevice>(dev).flags & IFF_LOOPBACK) !== 0))
    return true;
  const key = scratch(Scratch.IPV4_ICMP_KEY);
  store<u32>(key, bswap<u32>(fl.daddr));
  const timeout = <u64>max(sysctl(net, Sysctl.ICMP_RATELIMIT), 0) * NS_PER_MS;
  if (inetPeerXrlimAllow(net, AF_INET, key, l3mdevIfindexOf(dev), timeout)) {
    icmpGlobalConsume(net);
    return true;
  }
  mibInc(net, Mib.IcmpOutRateLimitHost);
  return false;
}

/** Puts the IP header before the message (data at it) and sends it. `finalBe`: where a source route ends. */
function pushReply(
  net: Net,
  skb: SkBuff,
  fl: FlowI4,
  tos: u32,
  options: ReplyOptions,
  finalBe: u32,
  type: u32,
): void {
  const nh = changetype<FibNh>(fl.nh);
  const hopLimit = nhInfo(nh).hopLimit;
  const ttl = hopLimit !== 0 ? hopLimit : <u32>sysctl(net, Sysctl.IP_DEFAULT_TTL);
  ipEmitHeader(
    skb,
    fl.saddr,
    fl.daddr,
    tos,
    ttl,
    IPPROTO_ICMP,
    false,
    replyOptionsData(options),
    options.optlen,
  );
  if (options.optlen !== 0) ipOptionsBuild(skb.data, options, finalBe);
  ipSelectIdent(net, skb.data, 1);
  skb.protocol = ETH_P_IP;
  skb.dst = fl.nh;
  skb.dev = nh.dev;
  countOut(net, type);
  ipLocalOut(net, skb);
}

function countOut(net: Net, type: u32): void {
  mibInc(net, Mib.IcmpOutMsgs);
  const id = outCounter(type);
  if (id !== Mib.MAX) mibInc(net, id);
}

function outCounter(type: u32): Mib {
  const known = inCounter(type);
  return known === Mib.MAX ? known : <Mib>(known - Mib.IcmpInDestUnreachs + Mib.IcmpOutDestUnreachs);
}

/** The counter of received messages of this type, MAX when there is none; those sent follow in the same order. */
function inCounter(type: u32): Mib {
  switch (type) {
    case ICMP_ECHOREPLY:
      return Mib.IcmpInEchoReps;
    case ICMP_DEST_UNREACH:
      return Mib.IcmpInDestUnreachs;
    case ICMP_SOURCE_QUENCH:
      return Mib.IcmpInSrcQuenchs;
    case ICMP_REDIRECT:
      return Mib.IcmpInRedirects;
    case ICMP_ECHO:
      return Mib.IcmpInEchos;
    case ICMP_TIME_EXCEEDED:
      return Mib.IcmpInTimeExcds;
    case ICMP_PARAMETERPROB:
      return Mib.IcmpInParmProbs;
    case ICMP_TIMESTAMP:
      return Mib.IcmpInTimestamps;
    case ICMP_TIMESTAMPREPLY:
      return Mib.IcmpInTimestampReps;
    case ICMP_ADDRESS:
      return Mib.IcmpInAddrMasks;
    case ICMP_ADDRESSREPLY:
      return Mib.IcmpInAddrMaskReps;
    default:
      return Mib.MAX;
  }
}

/** Receives ICMP (op PROTO_ICMP): data at the ICMP header, networkHeader set. Owns the skb. */
export function icmpRcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  mibInc(net, Mib.IcmpInMsgs);
  if (!checksumOk(skb)) {
    mibInc(net, Mib.IcmpInCsumErrors);
    mibInc(net, Mib.IcmpInErrors);
    kfreeSkbReason(skb, SkbDropReason.ICMP_CSUM);
    return;
  }
  if (!pskbMayPull(skb, ICMP_HDR_LEN)) {
    inError(net, skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  skb.transportHeader = skb.data;
  const type = icmpType(skb.data);
  const counter = inCounter(type);
  if (counter !== Mib.MAX) mibInc(net, counter);
  if (type > NR_ICMP_TYPES) {
    // RFC 1122 §3.2.2: a message of unknown type must be silently discarded.
    if (type === ICMP_EXT_ECHOREPLY) kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
    else inError(net, skb, SkbDropReason.UNHANDLED_PROTO);
    return;
  }
  const kind = inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), ipv4Daddr(skb.networkHeader));
  if ((kind === RtType.BROADCAST || kind === RtType.MULTICAST) && !groupMayAsk(net, type)) {
    inError(net, skb, SkbDropReason.INVALID_PROTO);
    return;
  }
  switch (type) {
    case ICMP_ECHO:
      icmpEcho(net, skb);
      return;
    case ICMP_TIMESTAMP:
      icmpTimestamp(net, skb);
      return;
    case ICMP_ECHOREPLY:
      // Whoever waits for it has a raw socket and got its copy.
      kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
      return;
    case ICMP_DEST_UNREACH:
    case ICMP_SOURCE_QUENCH:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETERPROB: {
      const reason = icmpUnreach(net, skb);
      if (reason === SkbDropReason.NOT_DROPPED_YET) consumeSkb(skb);
      else kfreeSkbReason(skb, reason);
      return;
    }
    case ICMP_REDIRECT: {
      const reason = icmpRedirect(net, skb);
      if (reason === SkbDropReason.NOT_DROPPED_YET) consumeSkb(skb);
      else kfreeSkbReason(skb, reason);
      return;
    }
    default:
      // RFC 1812 §4.3.3.9, RFC 6918: address mask, information and router messages are not for us.
      consumeSkb(skb);
  }
}

function inError(net: Net, skb: SkBuff, reason: SkbDropReason): void {
  mibInc(net, Mib.IcmpInErrors);
  kfreeSkbReason(skb, reason);
}

function checksumOk(skb: SkBuff): bool {
  if (skb.ipSummed === CHECKSUM_UNNECESSARY || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  return csumFold(skbChecksum(skb, 0, skb.len, 0)) === 0;
}

/** RFC 1122 §3.2.2.6 and §3.2.2.8: echo and timestamp to a group may be ignored, and nothing else is asked of one. */
function groupMayAsk(net: Net, type: u32): bool {
  if (type === ICMP_ECHO || type === ICMP_TIMESTAMP) {
    return sysctl(net, Sysctl.ICMP_ECHO_IGNORE_BROADCASTS) === 0;
  }
  return type === ICMP_ADDRESS || type === ICMP_ADDRESSREPLY;
}

/** RFC 1122 §3.2.2.6: "Data received in an ICMP Echo Request MUST be entirely included in the resulting Echo Reply." */
function icmpEcho(net: Net, skb: SkBuff): void {
  if (sysctl(net, Sysctl.ICMP_ECHO_IGNORE_ALL) !== 0) {
    consumeSkb(skb);
    return;
  }
  reply(net, skb, ICMP_ECHOREPLY);
}

/** RFC 1122 §3.2.2.8: the reply has our time of receipt and of sending, which are the same. */
function icmpTimestamp(net: Net, skb: SkBuff): void {
  // Linux asks for the originate timestamp only and answers with all three.
  if (skb.len < ICMP_HDR_LEN + 4) {
    inError(net, skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  if (!pskbMayPull(skb, ICMP_HDR_LEN + 4)) {
    inError(net, skb, SkbDropReason.NOMEM);
    return;
  }
  skbTrim(skb, ICMP_TIMESTAMP_LEN);
  const missing = ICMP_TIMESTAMP_LEN - skb.len;
  if (!pskbMayPull(skb, skb.len) || !skbUnshare(skb, missing)) {
    inError(net, skb, SkbDropReason.NOMEM);
    return;
  }
  if (missing !== 0) skbPut(skb, missing);
  skb.transportHeader = skb.data;
  const now = bswap<u32>(inetCurrentTimestamp());
  store<u32>(skb.data, now, 12);
  store<u32>(skb.data, now, 16);
  // Its sum is not what the request's was.
  skb.ipSummed = CHECKSUM_UNNECESSARY;
  reply(net, skb, ICMP_TIMESTAMPREPLY);
}

/** Turns the request (data at its ICMP header, 8 bytes linear) into the reply of `type` and sends it. Linux: icmp_reply. */
function reply(net: Net, skb: SkBuff, type: u32): void {
  const options = newReplyOptions();
  const iph = skb.networkHeader;
  const tos = ipv4Tos(iph);
  const finalBe = ipv4SaddrBe(iph);
  if (!ipOptionsEcho(net, options, skb) || !globalAllow(net, type, 0)) {
    kfreeSkbReason(skb, SkbDropReason.ICMP_RATELIMIT);
    return;
  }
  const saddr = fibComputeSpecDst(net, skb);
  const fl = newFlow();
  fl.daddr = options.srr !== 0 ? bswap<u32>(options.faddrBe) : bswap<u32>(finalBe);
  fl.saddr = saddr;
  fl.tos = tos & IPTOS_TOS_MASK;
  fl.proto = IPPROTO_ICMP;
  fl.oif = l3mdevMasterIfindex(changetype<NetDevice>(skb.dev));
  fl.mark = sysctl(net, Sysctl.FWMARK_REFLECT) !== 0 ? skb.mark : 0;
  if (ipRouteOutput(net, fl) !== 0) {
    kfreeSkbReason(skb, SkbDropReason.IP_OUTNOROUTES);
    return;
  }
  if (!xrlimAllow(net, fl, type, 0)) {
    kfreeSkbReason(skb, SkbDropReason.ICMP_RATELIMIT);
    return;
  }
  const headers = IPV4_HDR_LEN + options.optlen;
  if (skb.len > IPV4_MAX_TOT_LEN - headers || !skbCowHead(skb, headers + ETH_HLEN)) {
    mibInc(net, Mib.IcmpOutErrors);
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  const icmph = skb.data;
  const verified = skb.ipSummed !== CHECKSUM_UNNECESSARY && skb.ipSummed !== CHECKSUM_PARTIAL;
  const oldBe = load<u16>(icmph);
  store<u8>(icmph, <u8>type);
  if (type === ICMP_TIMESTAMPREPLY) store<u8>(icmph, 0, 1);
  if (verified) {
    // The request's sum was right, so it follows the type (RFC 1624).
    csumReplace2(icmph + 2, oldBe, load<u16>(icmph));
  } else {
    store<u16>(icmph, 0, 2);
    store<u16>(icmph, csumFold(skbChecksum(skb, 0, skb.len, 0)), 2);
  }
  asOurOwn(skb);
  pushReply(net, skb, fl, tos, options, finalBe, type);
}

/** What a received packet's record must forget when its bytes go out as a packet of ours. */
function asOurOwn(skb: SkBuff): void {
  ipCbClear(skb);
  skb.next = 0;
  skb.macHeader = 0;
  skb.pktType = PACKET_HOST;
  skb.ipSummed = CHECKSUM_NONE;
  skb.gsoSize = 0;
  skb.gsoSegs = 0;
  skb.gsoType = 0;
  skb.flags &= SKB_F_CLONED;
  skb.vlanTci = 0;
  skb.vlanProto = 0;
  skb.mark = 0;
  skb.hash = 0;
  skb.priority = 0;
  skb.iif = 0;
  skb.tstamp = 0;
  nfResetCt(skb);
}
