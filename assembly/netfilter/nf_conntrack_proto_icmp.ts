/**
 * ICMP: questions that are answered are connections; errors belong to the connection of the packet that they carry.
 * Linux: nf_conntrack_proto_icmp.c.
 */
import { CtInvalid } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { Scratch, scratch } from '../lib/scratch';
import { NF_ACCEPT } from '../net/hooks';
import { AF_INET, Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import {
  ICMP_ADDRESS,
  ICMP_ECHO,
  ICMP_HDR_LEN,
  ICMP_INFO_REQUEST,
  ICMP_TIMESTAMP,
  NR_ICMP_TYPES,
  icmpIsError,
} from '../wire/icmp';
import {
  IP_CT_DIR_REPLY,
  IP_CT_IS_REPLY,
  IP_CT_RELATED,
  NfConn,
  NfTuple,
  nfCtNet,
  nfCtSet,
  nfCtTimeoutSysctl,
  nfNodeConn,
  nfNodeDir,
  nfTuple,
} from './nf_conntrack';
import { nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtTmplZone } from './nf_conntrack_core';
import { nfCtBadChecksum, nfCtLogInvalid } from './nf_conntrack_proto';
import { nfCtFind } from './nf_conntrack_table';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_ICMP, nfGetTuplepr, nfInvertTuple } from './nf_conntrack_tuple';

export function nfCtIcmpPacket(net: Net, ct: NfConn, skb: SkBuff, info: u32, l3num: u32): i32 {
  if (l3num !== AF_INET) return -NF_ACCEPT;
  const type = <u32>nfTuple(ct, 0).dport & 0xff;
  if (type !== ICMP_ECHO && type !== ICMP_TIMESTAMP && type !== ICMP_INFO_REQUEST && type !== ICMP_ADDRESS) {
    return -NF_ACCEPT;
  }
  const policy = nfCtPolicyTimeout(ct, 0);
  nfCtRefreshAcct(
    ct,
    info,
    skb,
    policy !== 0 ? policy : nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_ICMP_TIMEOUT),
  );
  return NF_ACCEPT;
}

/** Before a connection is looked for. NF_ACCEPT: go on, unless the skb has one now. Linux: nf_conntrack_icmpv4_error. */
export function nfCtIcmpError(net: Net, skb: SkBuff, dataoff: u32, tmpl: usize, hook: u32, l3num: u32): i32 {
  if (!pskbMayPull(skb, dataoff + ICMP_HDR_LEN)) {
    nfCtLogInvalid(net, skb, IPPROTO_ICMP, CtInvalid.SHORT);
    return -NF_ACCEPT;
  }
  if (l3num !== AF_INET) return NF_ACCEPT;
  if (nfCtBadChecksum(net, skb, hook, l3num, dataoff, skb.len - dataoff, IPPROTO_ICMP)) {
    nfCtLogInvalid(net, skb, IPPROTO_ICMP, CtInvalid.CHECKSUM);
    return -NF_ACCEPT;
  }
  // RFC 1122 §3.2.2: "If an ICMP message of unknown type is received, it MUST be silently discarded."
  const type = <u32>load<u8>(skb.data + dataoff);
  if (type > NR_ICMP_TYPES) {
    nfCtLogInvalid(net, skb, IPPROTO_ICMP, CtInvalid.ICMP_TYPE);
    return -NF_ACCEPT;
  }
  if (!icmpIsError(type)) return NF_ACCEPT;
  return nfCtInetError(net, skb, dataoff + ICMP_HDR_LEN, tmpl, l3num, IPPROTO_ICMP);
}

/**
 * The packet inside an error, at `inner`: its connection becomes the error's, as RELATED, in the direction of an answer
 * to that packet. Who the error goes to must be who sent that packet, as the connection has it: otherwise anybody could
 * make a packet RELATED by writing a known connection into it. Linux: nf_conntrack_inet_error.
 */
export function nfCtInetError(net: Net, skb: SkBuff, inner: u32, tmpl: usize, l3num: u32, proto: u32): i32 {
  const orig = changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE2));
  const answer = changetype<NfTuple>(scratch(Scratch.NF_CT_REPLY));
  if (!nfGetTuplepr(skb, inner, l3num, 0, orig)) return -NF_ACCEPT;
  if (!nfInvertTuple(answer, orig, nfCtTmplZone(tmpl, 0))) return -NF_ACCEPT;
  if (changetype<usize>(nfCtNet(net)) === 0) return -NF_ACCEPT;
  const node = nfCtFind(net, answer);
  if (node === 0) return -NF_ACCEPT;
  const ct = nfNodeConn(node);
  const dir = nfNodeDir(node);
  const tuple = nfTuple(ct, dir);
  const iph = skb.data;
  const same =
    l3num === AF_INET
      ? <u32>tuple.dst0 === load<u32>(iph, 16)
      : tuple.dst0 === load<u64>(iph, 24) && tuple.dst1 === load<u64>(iph, 32);
  if (!same) {
    nfCtLogInvalid(net, skb, proto, CtInvalid.ICMP_OUTER);
    return -NF_ACCEPT;
  }
  ct.use++;
  nfCtSet(skb, ct, dir === IP_CT_DIR_REPLY ? IP_CT_RELATED + IP_CT_IS_REPLY : IP_CT_RELATED);
  return NF_ACCEPT;
}
