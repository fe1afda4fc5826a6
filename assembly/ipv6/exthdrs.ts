/**
 * IPv6 extension headers of packets for us: Hop-by-Hop and Destination options, Routing. Linux: net/ipv6/exthdrs.c.
 * Each reads the header at skb.transportHeader, moves that behind it and notes where its next-header byte is;
 * false: the packet was dropped, with a Parameter Problem to its sender where RFC 8200 4 asks for one.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { Net, mibInc, sysctl } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { PACKET_HOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ICMPV6_HDR_FIELD, ICMPV6_PARAMPROB, ICMPV6_UNK_OPTION } from '../wire/icmpv6';
import { IPV6_HDR_LEN, IPV6_MAXPLEN, ipv6Daddr, ipv6PayloadLen } from '../wire/ipv6';
import { ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import {
  IPV6_SRCRT_TYPE_3,
  IPV6_SRCRT_TYPE_4,
  IPV6_TLV_DISCARD,
  IPV6_TLV_HAO,
  IPV6_TLV_ICMP_UNICAST,
  IPV6_TLV_JUMBO,
  IPV6_TLV_PAD1,
  IPV6_TLV_PADN,
  IPV6_TLV_ROUTERALERT,
  IPV6_TLV_SKIP,
  ipv6OptAction,
  ipv6OptNext,
  ipv6RtSegmentsLeft,
  ipv6RtType,
} from '../wire/ipv6_ext';
import { icmpv6Send } from './icmp';
import { ip6Trim } from './ip6_input';
import {
  IP6SKB_HOPBYHOP,
  IP6SKB_JUMBOGRAM,
  IP6SKB_ROUTERALERT,
  IP6SKB_SRCRT,
  ip6cbFlag,
  ip6cbSetNhoff,
} from './ip6cb';

/** Bytes of padding in a row: more is never needed to align to 8 (RFC 4942 2.1.9.5). */
const PADDING_MAX: u32 = 7;

function bad(skb: SkBuff): bool {
  kfreeSkbReason(skb, SkbDropReason.IPV6_BAD_EXTHDR);
  return false;
}

/** Sends a Parameter Problem about the octet at `pointer` and drops. Linux: icmpv6_param_prob. */
export function icmpv6ParamProb(skb: SkBuff, code: u32, pointer: u32): bool {
  icmpv6Send(skb, ICMPV6_PARAMPROB, code, pointer);
  return bad(skb);
}

/** Makes the extension header at skb.transportHeader linear; its length, or 0 when it does not fit the packet. */
function pullExt(skb: SkBuff): u32 {
  const offset = skb.transportHeader - skb.data;
  if (!pskbMayPull(skb, offset + 8)) return 0;
  const len = (<u32>load<u8>(skb.transportHeader, 1) + 1) << 3;
  return pskbMayPull(skb, offset + len) ? len : 0;
}

/** The Hop-by-Hop header of a received packet, which every node reads. The caller counts a header error. */
export function ipv6ParseHopopts(skb: SkBuff, net: Net): bool {
  const len = pullExt(skb);
  if (len === 0) return bad(skb);
  ip6cbFlag(skb, IP6SKB_HOPBYHOP);
  if (!parseOptions(skb, len, true, net)) return false;
  skb.transportHeader += len;
  ip6cbSetNhoff(skb, IPV6_HDR_LEN);
  return true;
}

/** A Destination Options header of a packet for us. */
export function ipv6DestoptRcv(skb: SkBuff, net: Net): bool {
  const len = pullExt(skb);
  if (len === 0) {
    mibInc(net, Mib.Ip6InHdrErrors);
    return bad(skb);
  }
  const nhoff = skb.transportHeader - skb.networkHeader;
  if (!parseOptions(skb, len, false, net)) {
    mibInc(net, Mib.Ip6InHdrErrors);
    return false;
  }
  skb.transportHeader += len;
  ip6cbSetNhoff(skb, nhoff);
  return true;
}

/** Linux: ip6_parse_tlv. `len`: bytes of the whole header, all linear. */
function parseOptions(skb: SkBuff, len: u32, hopByHop: bool, net: Net): bool {
  const opts = skb.transportHeader + 2;
  const first = opts - skb.networkHeader;
  const end = len - 2;
  const limit = sysctl(net, hopByHop ? Sysctl.IP6_MAX_HBH_OPTS_NUMBER : Sysctl.IP6_MAX_DST_OPTS_NUMBER);
  const longest = sysctl(net, hopByHop ? Sysctl.IP6_MAX_HBH_LENGTH : Sysctl.IP6_MAX_DST_OPTS_LENGTH);
  if (<i32>len > longest) return bad(skb);
  const most = <u32>abs(limit);
  let pos: u32 = 0;
  let padding: u32 = 0;
  let count: u32 = 0;
  while (pos < end) {
    const next = ipv6OptNext(opts, end, pos);
    if (next < 0) return bad(skb);
    const type = <u32>load<u8>(opts + pos);
    if (type === IPV6_TLV_PAD1 || type === IPV6_TLV_PADN) {
      padding += next - pos;
      if (padding > PADDING_MAX) return bad(skb);
      for (let at = pos + 2; at < <u32>next; at++) if (load<u8>(opts + at) !== 0) return bad(skb);
    } else {
      if (++count > most) return bad(skb);
      padding = 0;
      if (hopByHop && type === IPV6_TLV_ROUTERALERT) {
        if (next - pos !== 4) return bad(skb);
        ip6cbFlag(skb, IP6SKB_ROUTERALERT | ((<u32>bswap<u16>(load<u16>(opts + pos, 2))) << 16));
      } else if (hopByHop && type === IPV6_TLV_JUMBO) {
        if (!jumbo(skb, opts + pos, first + pos, next - pos, net)) return false;
      } else if (!hopByHop && type === IPV6_TLV_HAO) {
        // No binding with anybody exists: a home address is not to be believed (RFC 6275 9.3.1).
        return bad(skb);
      } else if (limit < 0) {
        return bad(skb);
      } else if (!unknownOption(skb, type, first + pos)) {
        return false;
      }
    }
    pos = next;
  }
  return true;
}

/** RFC 8200 4.2: what the two highest bits of an unknown option say. */
function unknownOption(skb: SkBuff, type: u32, offset: u32): bool {
  const action = ipv6OptAction(type);
  if (action === IPV6_TLV_SKIP) return true;
  if (action === IPV6_TLV_DISCARD) return bad(skb);
  if (action === IPV6_TLV_ICMP_UNICAST && ipv6AddrIsMulticast(ipv6Daddr(skb.networkHeader))) return bad(skb);
  return icmpv6ParamProb(skb, ICMPV6_UNK_OPTION, offset);
}

/** RFC 2675 3: the length of a packet longer than 65,535; `optLen` is the whole option. */
function jumbo(skb: SkBuff, opt: usize, offset: u32, optLen: u32, net: Net): bool {
  // "Alignment requirement: 4n + 2"
  if (optLen !== 6 || (offset & 3) !== 2) return bad(skb);
  const length = bswap<u32>(load<u32>(opt, 2));
  if (length <= IPV6_MAXPLEN) return icmpv6ParamProb(skb, ICMPV6_HDR_FIELD, offset + 2);
  if (ipv6PayloadLen(skb.networkHeader) !== 0) return icmpv6ParamProb(skb, ICMPV6_HDR_FIELD, offset);
  if (length > skb.len - IPV6_HDR_LEN) {
    mibInc(net, Mib.Ip6InTruncatedPkts);
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return false;
  }
  ip6Trim(skb, length + IPV6_HDR_LEN);
  ip6cbFlag(skb, IP6SKB_JUMBOGRAM);
  return true;
}

/** A Routing header of a packet for us. */
export function ipv6RthdrRcv(skb: SkBuff, net: Net): bool {
  const len = pullExt(skb);
  if (len === 0) {
    mibInc(net, Mib.Ip6InHdrErrors);
    return bad(skb);
  }
  const hdr = skb.transportHeader;
  const type = ipv6RtType(hdr);
  // Segment routing (RFC 8754) and RPL (RFC 6554) are off unless enabled by name, which nobody can here.
  if (type === IPV6_SRCRT_TYPE_4 || type === IPV6_SRCRT_TYPE_3) return bad(skb);
  if (ipv6AddrIsMulticast(ipv6Daddr(skb.networkHeader)) || skb.pktType !== PACKET_HOST) {
    mibInc(net, Mib.Ip6InAddrErrors);
    return bad(skb);
  }
  if (ipv6RtSegmentsLeft(hdr) === 0) {
    // "If Segments Left is zero, the node must ignore the Routing header" (RFC 8200 4.4).
    ip6cbFlag(skb, IP6SKB_SRCRT);
    ip6cbSetNhoff(skb, hdr - skb.networkHeader);
    skb.transportHeader = hdr + len;
    return true;
  }
  mibInc(net, Mib.Ip6InHdrErrors);
  // RFC 5095: type 0 is as any unknown type, and so is type 2 (RFC 6275) where nobody is a mobile node: "discard the
  // packet and send an ICMP Parameter Problem, Code 0, message to the packet's Source Address, pointing to the
  // unrecognized Routing Type".
  return icmpv6ParamProb(skb, ICMPV6_HDR_FIELD, hdr + 2 - skb.networkHeader);
}
