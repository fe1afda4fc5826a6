/**
 * UDP and UDP-Lite: a connection is what is answered; after two seconds of that it is a stream.
 * Linux: nf_conntrack_proto_udp.c.
 */
import { CtInvalid, IPCT_ASSURED } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { NF_ACCEPT } from '../net/hooks';
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  NfConn,
  nfCtNet,
  nfCtTimeoutSysctl,
  nfProtoState,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtEventCache } from './nf_conntrack_ecache';
import { nfCtBadChecksum, nfCtBadCoverage, nfCtLogInvalid } from './nf_conntrack_proto';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_UDP, IPPROTO_UDPLITE } from './nf_conntrack_tuple';

const UDP_HDR_LEN: u32 = 8;
/** Indices of a timeout policy. Linux: enum udp_conntrack. */
const UDP_CT_UNREPLIED: u32 = 0;
const UDP_CT_REPLIED: u32 = 1;
const STREAM_AFTER_MS: u32 = 2000;

/** Linux: udp_error, udplite_error. */
function problem(net: Net, skb: SkBuff, dataoff: u32, hook: u32, l3num: u32, proto: u32): CtInvalid {
  if (!pskbMayPull(skb, dataoff + UDP_HDR_LEN)) return CtInvalid.SHORT;
  const uh = skb.data + dataoff;
  const total = skb.len - dataoff;
  const len = <u32>bswap<u16>(load<u16>(uh, 4));
  const check = load<u16>(uh, 6);
  if (proto === IPPROTO_UDP) {
    if (len > total || len < UDP_HDR_LEN) return CtInvalid.TRUNCATED;
    // A sum of zero says that there is none.
    if (check === 0) return CtInvalid.NONE;
    // Over all that IP says there is, which is more than the datagram when other bytes follow it. Linux: nf_checksum.
    return nfCtBadChecksum(net, skb, hook, l3num, dataoff, total, proto)
      ? CtInvalid.CHECKSUM
      : CtInvalid.NONE;
  }
  // RFC 3828 §3.1: the coverage, 0 for all, at least the header; the checksum is not optional.
  const coverage = len === 0 ? total : len;
  if (coverage < UDP_HDR_LEN || coverage > total || check === 0) return CtInvalid.UDPLITE;
  return nfCtBadCoverage(net, skb, hook, l3num, dataoff, coverage, total)
    ? CtInvalid.CHECKSUM
    : CtInvalid.NONE;
}

export function nfCtUdpPacket(
  net: Net,
  ct: NfConn,
  skb: SkBuff,
  dataoff: u32,
  info: u32,
  hook: u32,
  l3num: u32,
  proto: u32,
): i32 {
  const why = problem(net, skb, dataoff, hook, l3num, proto);
  if (why !== CtInvalid.NONE) {
    nfCtLogInvalid(net, skb, proto, why);
    return -NF_ACCEPT;
  }
  const status = ct.status;
  const state = nfProtoState(ct);
  const now = nfctTimeStamp(nfCtNet(net));
  if ((status & IPS_CONFIRMED) === 0) store<u32>(state, now + STREAM_AFTER_MS);
  if ((status & IPS_SEEN_REPLY) === 0) {
    nfCtRefreshAcct(ct, info, skb, timeoutOf(net, ct, UDP_CT_UNREPLIED));
    return NF_ACCEPT;
  }
  // Once a stream it stays one, and need not be asked since when.
  const stream = (status & IPS_ASSURED) !== 0 || <i32>(load<u32>(state) - now) < 0;
  nfCtRefreshAcct(ct, info, skb, timeoutOf(net, ct, stream ? UDP_CT_REPLIED : UDP_CT_UNREPLIED));
  // A question and its answer are no stream: who only probes keeps no connection in a full table.
  if (stream && (status & IPS_ASSURED) === 0) {
    ct.status |= IPS_ASSURED;
    nfCtEventCache(ct, IPCT_ASSURED);
  }
  return NF_ACCEPT;
}

function timeoutOf(net: Net, ct: NfConn, state: u32): u32 {
  const policy = nfCtPolicyTimeout(ct, state);
  if (policy !== 0) return policy;
  return nfCtTimeoutSysctl(
    net,
    state === UDP_CT_REPLIED ? Sysctl.NF_CONNTRACK_UDP_TIMEOUT_STREAM : Sysctl.NF_CONNTRACK_UDP_TIMEOUT,
  );
}

/** Both share one tracker. */
export function nfCtIsUdp(proto: u32): bool {
  return proto === IPPROTO_UDP || proto === IPPROTO_UDPLITE;
}
