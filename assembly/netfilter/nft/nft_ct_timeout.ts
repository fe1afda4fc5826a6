/**
 * `ct timeout` objects: how long connections that a rule gives them to live in each state. A state that the object does
 * not name has the time that the sysctl had when it was made. Linux: nft_ct_timeout_obj_* in net/netfilter/nft_ct.c,
 * nlattr_to_obj of each protocol's tracker.
 */
import { Sysctl } from '../../abi/sysctl';
import { NftaCtTimeout } from '../../abi/nf_tables';
import { Errno } from '../../net/errno';
import { Net } from '../../net/net';
import { IPS_CONFIRMED, IPS_TEMPLATE, nfCtGet, nfCtSeconds, nfCtTimeoutSysctl } from '../nf_conntrack';
import { nfCtRefresh } from '../nf_conntrack_acct';
import {
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_MAX,
  TCP_CONNTRACK_RETRANS,
  TCP_CONNTRACK_SYN_SENT2,
  TCP_CONNTRACK_TIMEOUTS,
  TCP_CONNTRACK_UNACK,
} from '../nf_conntrack_tcp_state';
import {
  nfCtTimeoutAlloc,
  nfCtTimeoutAttach,
  nfCtTimeoutSetValue,
  nfCtTimeoutValue,
  nfCtUntimeout,
} from '../nf_conntrack_timeout';
import {
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../nf_conntrack_tuple';
import {
  NlOut,
  nlaBe16,
  nlaBe32,
  nlaNestEnd,
  nlaNestStartFlagged,
  nlaParseNested,
  nlaPutBe16,
  nlaPutBe32,
  nlaPutU8,
  nlaU8,
  tbGet,
} from '../nlattr';
import { Ctx, tbPop, tbPush } from './nft_ctx';
import { Pkt, pktL4 } from './nft_pkt';

const POLICY = memory.data<u8>([0, 0, 2, 0, 1, 0, 6, 0]);
/** CTA_TIMEOUT_*: u32 each, of no protocol more than 11. */
const DATA_POLICY = memory.data<u8>([0, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0]);
const IPPROTO_GENERIC: u32 = 255;
const SYN_SENT2_MS: u32 = 120_000;

/** u32 policy (nf_conntrack_timeout) at 4; u16 l3num, u8 protocol at 8; u32 family of the table at 12. */
export const CT_TIMEOUT_SIZE: u32 = 16;

/** How many values a protocol has; 0: it has no tracker of its own. */
function valuesOf(proto: u32): u32 {
  switch (proto) {
    case IPPROTO_TCP:
      return TCP_CONNTRACK_TIMEOUTS;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_GRE:
      return 2;
    case IPPROTO_SCTP:
      return 9;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
    case IPPROTO_GENERIC:
      return 1;
  }
  return 0;
}

/** Attributes of a protocol (CTA_TIMEOUT_TCP_MAX and so on). */
function attrsOf(proto: u32): u32 {
  if (proto === IPPROTO_TCP) return 11;
  if (proto === IPPROTO_SCTP) return 8;
  return valuesOf(proto);
}

/** The value that attribute `attr` is of. TCP's and SCTP's begin with a state that has none. */
function stateOf(proto: u32, attr: u32): u32 {
  if (proto === IPPROTO_TCP) {
    if (attr < TCP_CONNTRACK_MAX) return attr;
    return attr === TCP_CONNTRACK_MAX ? TCP_CONNTRACK_RETRANS : TCP_CONNTRACK_UNACK;
  }
  return proto === IPPROTO_SCTP ? attr : attr - 1;
}

/** Milliseconds by the sysctl of that state. */
function sysctlOf(net: Net, proto: u32, state: u32): u32 {
  let id: u32 = Sysctl.NF_CONNTRACK_GENERIC_TIMEOUT;
  switch (proto) {
    case IPPROTO_TCP:
      if (state === TCP_CONNTRACK_SYN_SENT2) return SYN_SENT2_MS;
      if (state === TCP_CONNTRACK_RETRANS) id = Sysctl.NF_CONNTRACK_TCP_TIMEOUT_MAX_RETRANS;
      else if (state === TCP_CONNTRACK_UNACK) id = Sysctl.NF_CONNTRACK_TCP_TIMEOUT_UNACKNOWLEDGED;
      else if (state <= TCP_CONNTRACK_CLOSE) id = <u32>Sysctl.NF_CONNTRACK_TCP_TIMEOUT_SYN_SENT + state - 1;
      break;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      id = state === 0 ? Sysctl.NF_CONNTRACK_UDP_TIMEOUT : Sysctl.NF_CONNTRACK_UDP_TIMEOUT_STREAM;
      break;
    case IPPROTO_GRE:
      id = state === 0 ? Sysctl.NF_CONNTRACK_GRE_TIMEOUT : Sysctl.NF_CONNTRACK_GRE_TIMEOUT_STREAM;
      break;
    case IPPROTO_SCTP:
      id = <u32>Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_CLOSED + state - 1;
      break;
    case IPPROTO_ICMP:
      id = Sysctl.NF_CONNTRACK_ICMP_TIMEOUT;
      break;
    case IPPROTO_ICMPV6:
      id = Sysctl.NF_CONNTRACK_ICMPV6_TIMEOUT;
      break;
  }
  return nfCtTimeoutSysctl(net, <Sysctl>id);
}

/** Reads NFTA_CT_TIMEOUT_* into `rec`, whose head is written. 0 or a negative errno. */
export function ctTimeoutInit(ctx: Ctx, rec: usize, data: usize): i32 {
  const tb = tbPush(ctx, NftaCtTimeout.MAX);
  let err = nlaParseNested(tb, NftaCtTimeout.MAX, data, POLICY);
  const l3 = tbGet(tb, NftaCtTimeout.L3PROTO);
  const l4 = tbGet(tb, NftaCtTimeout.L4PROTO);
  const values = tbGet(tb, NftaCtTimeout.DATA);
  tbPop(ctx, tb);
  if (err === 0 && (l4 === 0 || values === 0)) err = -Errno.EINVAL;
  if (err !== 0) return err;
  const proto = nlaU8(l4);
  const n = valuesOf(proto);
  if (n === 0) return -Errno.EOPNOTSUPP;
  const l3num = l3 === 0 ? ctx.family : nlaBe16(l3);
  const policy = nfCtTimeoutAlloc(<u8>l3num, <u8>proto, n);
  if (policy === 0) return -Errno.ENOMEM;
  err = valuesInit(ctx, policy, proto, values);
  if (err !== 0) {
    nfCtUntimeout(policy);
    return err;
  }
  store<u32>(rec, policy, 4);
  store<u16>(rec, <u16>l3num, 8);
  store<u8>(rec, <u8>proto, 10);
  return 0;
}

function valuesInit(ctx: Ctx, policy: usize, proto: u32, values: usize): i32 {
  const most = attrsOf(proto);
  const tb = tbPush(ctx, most);
  const err = nlaParseNested(tb, most, values, DATA_POLICY);
  for (let attr: u32 = 1; err === 0 && attr <= most; attr++) {
    const state = stateOf(proto, attr);
    const nla = tbGet(tb, attr);
    const ms =
      nla !== 0 ? nfCtSeconds(<i32>min<u32>(nlaBe32(nla), 0x7fffffff)) : sysctlOf(ctx.net, proto, state);
    nfCtTimeoutSetValue(policy, state, ms);
  }
  tbPop(ctx, tb);
  // What a connection begins with.
  if (err === 0 && stateOf(proto, 1) === 1) nfCtTimeoutSetValue(policy, 0, nfCtTimeoutValue(policy, 1));
  return err;
}

export function ctTimeoutDestroy(rec: usize): void {
  nfCtUntimeout(load<u32>(rec, 4));
}

export function ctTimeoutDump(rec: usize, out: NlOut): void {
  const proto = <u32>load<u8>(rec, 10);
  nlaPutU8(out, NftaCtTimeout.L4PROTO, proto);
  nlaPutBe16(out, NftaCtTimeout.L3PROTO, load<u16>(rec, 8));
  const nest = nlaNestStartFlagged(out, NftaCtTimeout.DATA);
  const most = attrsOf(proto);
  for (let attr: u32 = 1; attr <= most; attr++)
    nlaPutBe32(out, attr, nfCtTimeoutValue(load<u32>(rec, 4), stateOf(proto, attr)) / 1000);
  nlaNestEnd(out, nest);
}

/** A connection that begins gets the times. */
export function ctTimeoutEval(rec: usize, pkt: Pkt): void {
  if (!pktL4(pkt) || pkt.tprot !== <u32>load<u8>(rec, 10)) return;
  const ct = nfCtGet(pkt.skb);
  if (ct === null || (ct.status & (IPS_TEMPLATE | IPS_CONFIRMED)) !== 0) return;
  const policy = load<u32>(rec, 4);
  nfCtTimeoutAttach(ct, policy);
  nfCtRefresh(ct, nfCtTimeoutValue(policy, 0));
}
