/**
 * ICMPv6: as ICMP; what a link lives by (neighbour and router discovery, MLD) is not tracked at all.
 * Linux: nf_conntrack_proto_icmpv6.c.
 */
import { CtInvalid } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { NF_ACCEPT } from '../net/hooks';
import { AF_INET6, Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { IP_CT_UNTRACKED, NfConn, nfCtTimeoutSysctl, nfTuple } from './nf_conntrack';
import { nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtInetError } from './nf_conntrack_proto_icmp';
import { nfCtBadChecksum, nfCtLogInvalid } from './nf_conntrack_proto';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_ICMPV6 } from './nf_conntrack_tuple';

const ICMPV6_HDR_LEN: u32 = 8;
const ICMPV6_ECHO_REQUEST: u32 = 128;
const ICMPV6_NI_QUERY: u32 = 139;
const ICMPV6_MGM_QUERY: u32 = 130;
const NDISC_NEIGHBOUR_ADVERTISEMENT: u32 = 136;
const NDISC_REDIRECT: u32 = 137;
const ICMPV6_MLD2_REPORT: u32 = 143;
const ICMPV6_INFORMATIONAL: u32 = 128;
/** Target and destination of a redirect, behind its header; its option with the packet that caused it. */
const REDIRECT_LEN: u32 = 40;
const ND_OPT_REDIRECTED_HEADER: u32 = 4;

export function nfCtIcmpv6Packet(net: Net, ct: NfConn, skb: SkBuff, info: u32, l3num: u32): i32 {
  const type = <u32>nfTuple(ct, 0).dport & 0xff;
  if (l3num !== AF_INET6 || (type !== ICMPV6_ECHO_REQUEST && type !== ICMPV6_NI_QUERY)) return -NF_ACCEPT;
  const policy = nfCtPolicyTimeout(ct, 0);
  nfCtRefreshAcct(
    ct,
    info,
    skb,
    policy !== 0 ? policy : nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_ICMPV6_TIMEOUT),
  );
  return NF_ACCEPT;
}

/** Linux: nf_conntrack_icmpv6_error. */
export function nfCtIcmpv6Error(
  net: Net,
  skb: SkBuff,
  dataoff: u32,
  tmpl: usize,
  hook: u32,
  l3num: u32,
): i32 {
  if (!pskbMayPull(skb, dataoff + ICMPV6_HDR_LEN)) {
    nfCtLogInvalid(net, skb, IPPROTO_ICMPV6, CtInvalid.SHORT);
    return -NF_ACCEPT;
  }
  if (l3num !== AF_INET6) return NF_ACCEPT;
  if (nfCtBadChecksum(net, skb, hook, l3num, dataoff, skb.len - dataoff, IPPROTO_ICMPV6)) {
    nfCtLogInvalid(net, skb, IPPROTO_ICMPV6, CtInvalid.CHECKSUM);
    return -NF_ACCEPT;
  }
  const type = <u32>load<u8>(skb.data + dataoff);
  if ((type >= ICMPV6_MGM_QUERY && type <= NDISC_NEIGHBOUR_ADVERTISEMENT) || type === ICMPV6_MLD2_REPORT) {
    skb.nfct = IP_CT_UNTRACKED;
    return NF_ACCEPT;
  }
  if (type === NDISC_REDIRECT) return redirect(net, skb, dataoff, tmpl, l3num);
  if (type >= ICMPV6_INFORMATIONAL) return NF_ACCEPT;
  return nfCtInetError(net, skb, dataoff + ICMPV6_HDR_LEN, tmpl, l3num, IPPROTO_ICMPV6);
}

/** RFC 4861 §8.1: from a neighbour (hop limit 255); its Redirected Header option tells the connection. */
function redirect(net: Net, skb: SkBuff, dataoff: u32, tmpl: usize, l3num: u32): i32 {
  if (load<u8>(skb.data, 7) !== 255 || !pskbMayPull(skb, dataoff + REDIRECT_LEN)) return -NF_ACCEPT;
  let at = dataoff + REDIRECT_LEN;
  while (skb.len - at >= 8) {
    if (!pskbMayPull(skb, at + 8)) return -NF_ACCEPT;
    const size = (<u32>load<u8>(skb.data + at, 1)) << 3;
    if (size === 0 || size > skb.len - at) return -NF_ACCEPT;
    if (load<u8>(skb.data + at) === <u8>ND_OPT_REDIRECTED_HEADER) {
      return nfCtInetError(net, skb, at + 8, tmpl, l3num, IPPROTO_ICMPV6);
    }
    at += size;
  }
  return -NF_ACCEPT;
}
