/**
 * ctnetlink, the way in: connections are asked for, dumped by filter, deleted, changed, made; expectations dumped and
 * deleted. Linux: nf_conntrack_netlink.c.
 */
import { IPCT_ASSURED, IPCT_LABEL, IPCT_MARK, IPCT_NEW } from '../abi/nf_conntrack';
import {
  CTA_EXPECT_MAX,
  CTA_HELP_NAME,
  CTA_MAX,
  CTA_PROTOINFO_TCP,
  CTA_STATS_GLOBAL_ENTRIES,
  CTA_STATS_GLOBAL_MAX_ENTRIES,
  CtExpMsg,
  CtMsg,
  Cta,
  CtaExpect,
  CtaIp,
  CtaProto,
  CtaProtoinfoTcp,
  CtaStats,
  CtaTuple,
} from '../abi/nf_conntrack_netlink';
import {
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NfGenMsg,
  NlMsgHdr,
} from '../abi/nfnl';
import { Sysctl } from '../abi/sysctl';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, sysctl } from '../net/net';
import { nfctPut } from '../skb/nfct';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_MASK,
  IPS_SEEN_REPLY,
  NF_CT_DEFAULT_ZONE_DIR,
  NF_TUPLE_BYTES,
  NF_TUPLE_DST,
  NF_TUPLE_SRC,
  NfConn,
  NfCtStat,
  NfTuple,
  nfCtNet,
  nfCtSeconds,
  nfNodeConn,
  nfNodeDir,
  nfTuple,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtRefresh } from './nf_conntrack_acct';
import { nfCtDeliverCached, nfCtEventCache } from './nf_conntrack_ecache';
import {
  NF_EXPECT_BUCKETS,
  NfExpect,
  nfExpectFind,
  nfExpectTimer,
  nfExpectTuple,
  nfExpectUnlink,
} from './nf_conntrack_expect';
import { nfCtHelperAssign, nfCtHelperByName, nfCtHelperName } from './nf_conntrack_helper';
import { nfCtHelp } from './nf_conntrack_helper';
import { ctnetlinkFillInfo, ctnlId, ctnlMsgBegin, ctnlMsgEnd, ctnlPutTuple } from './nf_conntrack_netlink';
import { nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfCtAlloc, nfCtFind, nfCtInsert, nfCtKill } from './nf_conntrack_table';
import { TCP_CONNTRACK_MAX } from './nf_conntrack_tcp_state';
import { IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_SACK_PERM, nfTcpEnd } from './nf_conntrack_tcp_window';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, NfHash, nfProtoHasPorts } from './nf_conntrack_tuple';
import {
  NlOut,
  nlaBe16,
  nlaBe32,
  nlaData,
  nlaLen,
  nlaNestEnd,
  nlaNestStartFlagged,
  nlaParse,
  nlaParseNested,
  nlaPutBe32,
  nlaPutString,
  nlaU8,
  tbGet,
} from './nlattr';

/** Tables of attributes by type live in one scratch place each: 27 words at most. */
const POLICY_ANY = memory.data(64);
const POLICY = memory.data<u8>([
  0, 0, 6, 0, 6, 0, 3, 0, 6, 0, 6, 0, 6, 0, 3, 0, 3, 0, 6, 0, 6, 0, 3, 0, 3, 0, 6, 0, 6, 0, 6, 0, 6, 0, 3, 0,
  2, 0, 6, 0, 6, 0, 3, 0, 7, 16, 7, 16, 6, 0, 6, 0, 3, 0,
]);

/** What a dump or a flush is restricted to. */
@unmanaged
@final
class Filter {
  family: u32;
  mark: u32;
  markMask: u32;
  status: u32;
  statusMask: u32;
  zone: i32;
}

function tbOf(): usize {
  return scratch(Scratch.NF_EXPECT_MASK);
}

/**
 * One message of subsystem CTNETLINK or CTNETLINK_EXP, `len` bytes at `msg`. 0 or a negative errno; what it answers is
 * written to `out`. `cursor` (u32[4]) is where a dump goes on.
 */
export function ctnetlinkRcv(net: Net, msg: usize, len: u32, cursor: usize, out: NlOut): i32 {
  const head = <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE;
  if (len < head) return -Errno.EINVAL;
  if (net.ct === 0) {
    store<u32>(cursor, 1);
    return load<u8>(msg, NlMsgHdr.TYPE) === <u8>CtMsg.DELETE ? -Errno.ENOENT : 0;
  }
  const type = <u32>load<u16>(msg, NlMsgHdr.TYPE);
  const attrs = msg + head;
  const bytes = len - head;
  if (type >> 8 === NFNL_SUBSYS_CTNETLINK_EXP)
    return expectRcv(net, type & 0xff, msg, attrs, bytes, cursor, out);
  switch (type & 0xff) {
    case CtMsg.GET:
    case CtMsg.GET_CTRZERO:
      return get(net, type & 0xff, msg, attrs, bytes, cursor, out);
    case CtMsg.DELETE:
      return del(net, msg, attrs, bytes);
    case CtMsg.NEW:
      return set(net, msg, attrs, bytes);
    case CtMsg.GET_STATS:
      return stats(net, msg, out);
    case CtMsg.GET_STATS_CPU:
      return statsCpu(net, msg, cursor, out);
    case CtMsg.GET_DYING:
    case CtMsg.GET_UNCONFIRMED: {
      store<u32>(cursor, 1);
      return 0;
    }
    default:
      return -Errno.EINVAL;
  }
}

function familyOf(msg: usize): u32 {
  return load<u8>(msg, <usize>NlMsgHdr.SIZE);
}

function seqOf(msg: usize): u32 {
  return load<u32>(msg, NlMsgHdr.SEQ);
}

function isDump(msg: usize): bool {
  return (<u32>load<u16>(msg, NlMsgHdr.FLAGS) & NLM_F_DUMP) === NLM_F_DUMP;
}

/** Fills `tuple` from a tuple attribute of `family`. 0 or -EINVAL. Linux: ctnetlink_parse_tuple. */
function parseTuple(nla: usize, family: u32, zone: u16, tuple: NfTuple): i32 {
  memory.fill(changetype<usize>(tuple), 0, NF_TUPLE_BYTES);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EOPNOTSUPP;
  const tb = scratch(Scratch.NF_EXPECT_TUPLE);
  let err = nlaParseNested(tb, 3, nla, POLICY_ANY);
  if (err !== 0) return err;
  const ip = tbGet(tb, CtaTuple.IP);
  const proto = tbGet(tb, CtaTuple.PROTO);
  const zoneAttr = tbGet(tb, CtaTuple.ZONE);
  if (ip === 0 || proto === 0) return -Errno.EINVAL;
  tuple.l3num = <u8>family;
  tuple.zone = zoneAttr !== 0 && nlaLen(zoneAttr) >= 2 ? <u16>nlaBe16(zoneAttr) : zone;
  err = nlaParseNested(tb, 4, ip, POLICY_ANY);
  if (err !== 0) return err;
  const v4 = family === AF_INET;
  const src = tbGet(tb, v4 ? CtaIp.V4_SRC : CtaIp.V6_SRC);
  const dst = tbGet(tb, v4 ? CtaIp.V4_DST : CtaIp.V6_DST);
  const size: u32 = v4 ? 4 : 16;
  if (src === 0 || dst === 0 || nlaLen(src) < size || nlaLen(dst) < size) return -Errno.EINVAL;
  memory.copy(changetype<usize>(tuple) + NF_TUPLE_SRC, nlaData(src), size);
  memory.copy(changetype<usize>(tuple) + NF_TUPLE_DST, nlaData(dst), size);
  err = nlaParseNested(tb, 9, proto, POLICY_ANY);
  if (err !== 0) return err;
  const num = tbGet(tb, CtaProto.NUM);
  if (num === 0 || nlaLen(num) < 1) return -Errno.EINVAL;
  tuple.proto = <u8>nlaU8(num);
  return parsePorts(tb, tuple);
}

function parsePorts(tb: usize, tuple: NfTuple): i32 {
  const proto = <u32>tuple.proto;
  if (nfProtoHasPorts(proto)) {
    const sport = tbGet(tb, CtaProto.SRC_PORT);
    const dport = tbGet(tb, CtaProto.DST_PORT);
    if (sport === 0 || dport === 0 || nlaLen(sport) < 2 || nlaLen(dport) < 2) return -Errno.EINVAL;
    tuple.sport = load<u16>(nlaData(sport));
    tuple.dport = load<u16>(nlaData(dport));
    return 0;
  }
  if (proto !== IPPROTO_ICMP && proto !== IPPROTO_ICMPV6) return 0;
  const first = proto === IPPROTO_ICMP ? CtaProto.ICMP_ID : CtaProto.ICMPV6_ID;
  const id = tbGet(tb, first);
  const type = tbGet(tb, <u32>first + 1);
  const code = tbGet(tb, <u32>first + 2);
  if (id === 0 || type === 0 || code === 0) return -Errno.EINVAL;
  if (nlaLen(id) < 2 || nlaLen(type) < 1 || nlaLen(code) < 1) return -Errno.EINVAL;
  tuple.sport = load<u16>(nlaData(id));
  tuple.dport = <u16>(nlaU8(type) | (nlaU8(code) << 8));
  return 0;
}

/** The connection that the tuple of a message names; 0, and the errno in the scratch tuple's place, when none. */
function findBy(net: Net, msg: usize, tb: usize, errOut: usize): usize {
  const orig = tbGet(tb, Cta.TUPLE_ORIG);
  const nla = orig !== 0 ? orig : tbGet(tb, Cta.TUPLE_REPLY);
  const zoneAttr = tbGet(tb, Cta.ZONE);
  const tuple = changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE2));
  const zone: u16 = zoneAttr === 0 ? 0 : <u16>nlaBe16(zoneAttr);
  const err = parseTuple(nla, familyOf(msg), zone, tuple);
  store<i32>(errOut, err);
  if (err !== 0) return 0;
  const node = nfCtFind(net, tuple);
  if (node === 0) store<i32>(errOut, -Errno.ENOENT);
  return node;
}

function parseFilter(msg: usize, tb: usize, filter: Filter): void {
  const mark = tbGet(tb, Cta.MARK);
  const markMask = tbGet(tb, Cta.MARK_MASK);
  const status = tbGet(tb, Cta.STATUS);
  const statusMask = tbGet(tb, Cta.STATUS_MASK);
  const zone = tbGet(tb, Cta.ZONE);
  filter.family = familyOf(msg);
  filter.mark = mark === 0 ? 0 : nlaBe32(mark);
  filter.markMask = mark === 0 ? 0 : markMask === 0 ? u32.MAX_VALUE : nlaBe32(markMask);
  filter.status = status === 0 ? 0 : nlaBe32(status);
  filter.statusMask = status === 0 ? 0 : statusMask === 0 ? filter.status : nlaBe32(statusMask);
  filter.zone = zone === 0 ? -1 : <i32>nlaBe16(zone);
}

function wanted(ct: NfConn, filter: Filter): bool {
  if (filter.family !== 0 && <u32>nfTuple(ct, 0).l3num !== filter.family) return false;
  if ((ct.mark & filter.markMask) !== filter.mark) return false;
  if ((ct.status & filter.statusMask) !== filter.status) return false;
  return filter.zone < 0 || <i32>ct.zone === filter.zone;
}

function get(net: Net, type: u32, msg: usize, attrs: usize, len: u32, cursor: usize, out: NlOut): i32 {
  const tb = tbOf();
  const err = nlaParse(tb, CTA_MAX, attrs, len, POLICY);
  if (err !== 0) return err;
  const zero = type === <u32>CtMsg.GET_CTRZERO;
  if (isDump(msg)) return dump(net, msg, tb, cursor, out, zero);
  if (tbGet(tb, Cta.TUPLE_ORIG) === 0 && tbGet(tb, Cta.TUPLE_REPLY) === 0) return -Errno.EINVAL;
  const errOut = scratch(Scratch.NF_NAT_CURR);
  const node = findBy(net, msg, tb, errOut);
  if (node === 0) return load<i32>(errOut);
  return ctnetlinkFillInfo(out, nfNodeConn(node), seqOf(msg), 0, zero) ? 0 : -Errno.ENOSPC;
}

/** Cursor: begun, bucket, nodes of it that were told. Linux: ctnetlink_dump_table. */
function dump(net: Net, msg: usize, tb: usize, cursor: usize, out: NlOut, zero: bool): i32 {
  const ctnet = nfCtNet(net);
  const filter = changetype<Filter>(scratch(Scratch.NF_NAT_NEW));
  parseFilter(msg, tb, filter);
  let bucket = load<u32>(cursor, 4);
  let skip = load<u32>(cursor, 8);
  store<u32>(cursor, 1);
  const now = nfctTimeStamp(ctnet);
  for (; bucket <= ctnet.mask; bucket++) {
    let n: u32 = 0;
    for (let at = load<u32>(ctnet.buckets + (bucket << 2)); at !== 0; at = load<u32>(at)) {
      n++;
      if (n <= skip || nfNodeDir(at) !== 0) continue;
      const ct = nfNodeConn(at);
      if (<i32>(ct.timeout - now) <= 0 || !wanted(ct, filter)) continue;
      if (!ctnetlinkFillInfo(out, ct, seqOf(msg), NLM_F_MULTI, zero)) {
        out.full = 0;
        store<u32>(cursor, bucket, 4);
        store<u32>(cursor, n - 1, 8);
        return 0;
      }
    }
    skip = 0;
  }
  store<u32>(cursor, bucket, 4);
  store<u32>(cursor, 0, 8);
  return 0;
}

function del(net: Net, msg: usize, attrs: usize, len: u32): i32 {
  const tb = tbOf();
  const err = nlaParse(tb, CTA_MAX, attrs, len, POLICY);
  if (err !== 0) return err;
  if (tbGet(tb, Cta.TUPLE_ORIG) === 0 && tbGet(tb, Cta.TUPLE_REPLY) === 0) return flush(net, msg, tb);
  const errOut = scratch(Scratch.NF_NAT_CURR);
  const node = findBy(net, msg, tb, errOut);
  if (node === 0) return load<i32>(errOut);
  const ct = nfNodeConn(node);
  const id = tbGet(tb, Cta.ID);
  if (id !== 0 && nlaBe32(id) !== ctnlId(ct)) return -Errno.ENOENT;
  nfCtKill(ct);
  return 0;
}

function flush(net: Net, msg: usize, tb: usize): i32 {
  const ctnet = nfCtNet(net);
  const filter = changetype<Filter>(scratch(Scratch.NF_NAT_NEW));
  parseFilter(msg, tb, filter);
  for (let bucket: u32 = 0; bucket <= ctnet.mask; bucket++) {
    let at = load<u32>(ctnet.buckets + (bucket << 2));
    while (at !== 0) {
      const ct = nfNodeConn(at);
      if (wanted(ct, filter) && nfCtKill(ct)) at = load<u32>(ctnet.buckets + (bucket << 2));
      else at = load<u32>(at);
    }
  }
  return 0;
}

/** IPCTNL_MSG_CT_NEW: makes a connection, or changes one. */
function set(net: Net, msg: usize, attrs: usize, len: u32): i32 {
  const tb = tbOf();
  const err = nlaParse(tb, CTA_MAX, attrs, len, POLICY);
  if (err !== 0) return err;
  if (tbGet(tb, Cta.TUPLE_ORIG) === 0 && tbGet(tb, Cta.TUPLE_REPLY) === 0) return -Errno.EINVAL;
  const flags = <u32>load<u16>(msg, NlMsgHdr.FLAGS);
  const errOut = scratch(Scratch.NF_NAT_CURR);
  const node = findBy(net, msg, tb, errOut);
  if (node !== 0) {
    if ((flags & NLM_F_EXCL) !== 0) return -Errno.EEXIST;
    return change(nfNodeConn(node), tb);
  }
  const found = load<i32>(errOut);
  if (found !== -Errno.ENOENT || (flags & NLM_F_CREATE) === 0) return found;
  return create(net, msg, tb);
}

/** Linux: ctnetlink_change_status: what is known of a connection is not taken back. */
function changeStatus(ct: NfConn, status: u32): i32 {
  const differs = ct.status ^ status;
  if ((differs & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING)) !== 0) return -Errno.EBUSY;
  if ((differs & IPS_SEEN_REPLY) !== 0 && (status & IPS_SEEN_REPLY) === 0) return -Errno.EBUSY;
  if ((differs & IPS_ASSURED) !== 0 && (status & IPS_ASSURED) === 0) return -Errno.EBUSY;
  const may = IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT;
  ct.status |= status & may;
  return 0;
}

function apply(ct: NfConn, tb: usize): i32 {
  const status = tbGet(tb, Cta.STATUS);
  if (status !== 0) {
    const err = changeStatus(ct, nlaBe32(status));
    if (err !== 0) return err;
    nfCtEventCache(ct, IPCT_ASSURED);
  }
  const mark = tbGet(tb, Cta.MARK);
  if (mark !== 0) {
    const maskAttr = tbGet(tb, Cta.MARK_MASK);
    const mask = maskAttr === 0 ? 0 : ~nlaBe32(maskAttr);
    ct.mark = (ct.mark & mask) ^ nlaBe32(mark);
    nfCtEventCache(ct, IPCT_MARK);
  }
  const labels = tbGet(tb, Cta.LABELS);
  if (labels !== 0) setLabels(ct, labels, tbGet(tb, Cta.LABELS_MASK));
  const info = tbGet(tb, Cta.PROTOINFO);
  return info === 0 ? 0 : setProtoinfo(ct, info);
}

function setLabels(ct: NfConn, labels: usize, mask: usize): void {
  const bytes = min<u32>(nlaLen(labels), 16);
  const to = changetype<usize>(ct) + offsetof<NfConn>('labels0');
  for (let i: u32 = 0; i < bytes; i++) {
    const bits = mask === 0 || i >= nlaLen(mask) ? 0xff : load<u8>(nlaData(mask) + i);
    store<u8>(to + i, (load<u8>(to + i) & ~bits) ^ load<u8>(nlaData(labels) + i));
  }
  nfCtEventCache(ct, IPCT_LABEL);
}

function setProtoinfo(ct: NfConn, info: usize): i32 {
  if (nfTuple(ct, 0).proto !== <u8>IPPROTO_TCP) return 0;
  const tb = scratch(Scratch.NF_EXPECT_TUPLE);
  let err = nlaParseNested(tb, 3, info, POLICY_ANY);
  if (err !== 0) return err;
  const tcp = tbGet(tb, CTA_PROTOINFO_TCP);
  if (tcp === 0) return 0;
  err = nlaParseNested(tb, 5, tcp, POLICY_ANY);
  if (err !== 0) return err;
  const t = nfTcpOf(ct);
  const state = tbGet(tb, CtaProtoinfoTcp.STATE);
  if (state !== 0 && nlaLen(state) >= 1) {
    if (nlaU8(state) >= TCP_CONNTRACK_MAX) return -Errno.EINVAL;
    t.state = <u8>nlaU8(state);
  }
  for (let dir: u32 = 0; dir < 2; dir++) {
    const flags = tbGet(tb, <u32>CtaProtoinfoTcp.FLAGS_ORIGINAL + dir);
    if (flags !== 0 && nlaLen(flags) >= 2) {
      const mask = load<u8>(nlaData(flags), 1);
      const end = nfTcpEnd(t, dir);
      end.flags = (end.flags & ~mask) | (load<u8>(nlaData(flags)) & mask);
    }
    const scale = tbGet(tb, <u32>CtaProtoinfoTcp.WSCALE_ORIGINAL + dir);
    if (scale !== 0 && nlaLen(scale) >= 1) nfTcpEnd(t, dir).scale = <u8>min<u32>(nlaU8(scale), 14);
  }
  return 0;
}

/** Linux: ctnetlink_change_conntrack. */
function change(ct: NfConn, tb: usize): i32 {
  if (tbGet(tb, Cta.NAT_SRC) !== 0 || tbGet(tb, Cta.NAT_DST) !== 0 || tbGet(tb, Cta.TUPLE_MASTER) !== 0) {
    return -Errno.EOPNOTSUPP;
  }
  if (tbGet(tb, Cta.HELP) !== 0) return -Errno.EOPNOTSUPP;
  const timeout = tbGet(tb, Cta.TIMEOUT);
  const err = apply(ct, tb);
  if (err !== 0) return err;
  if (timeout !== 0) {
    if ((ct.status & IPS_FIXED_TIMEOUT) !== 0 && tbGet(tb, Cta.STATUS) === 0) return -Errno.EPERM;
    nfCtRefresh(ct, nfCtSeconds(<i32>min<u32>(nlaBe32(timeout), i32.MAX_VALUE)));
  }
  if (ct.events !== 0) nfCtDeliverCached(ct);
  return 0;
}

/** Linux: ctnetlink_create_conntrack. */
function create(net: Net, msg: usize, tb: usize): i32 {
  const origAttr = tbGet(tb, Cta.TUPLE_ORIG);
  const replyAttr = tbGet(tb, Cta.TUPLE_REPLY);
  const timeout = tbGet(tb, Cta.TIMEOUT);
  if (origAttr === 0 || replyAttr === 0 || timeout === 0) return -Errno.EINVAL;
  if (tbGet(tb, Cta.NAT_SRC) !== 0 || tbGet(tb, Cta.NAT_DST) !== 0) return -Errno.EOPNOTSUPP;
  const zoneAttr = tbGet(tb, Cta.ZONE);
  const zone: u16 = zoneAttr === 0 ? 0 : <u16>nlaBe16(zoneAttr);
  const orig = changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE));
  const reply = changetype<NfTuple>(scratch(Scratch.NF_CT_REPLY));
  let err = parseTuple(origAttr, familyOf(msg), zone, orig);
  if (err === 0) err = parseTuple(replyAttr, familyOf(msg), zone, reply);
  if (err !== 0) return err;
  const ctnet = nfCtNet(net);
  const hash = NfHash.of(ctnet, orig);
  const ct = nfCtAlloc(net, zone, NF_CT_DEFAULT_ZONE_DIR, orig, reply, hash);
  if (ct === null) return -Errno.ENOMEM;
  const help = tbGet(tb, Cta.HELP);
  if (help !== 0) {
    const inner = scratch(Scratch.NF_EXPECT_TUPLE);
    if (nlaParseNested(inner, 2, help, POLICY_ANY) === 0 && tbGet(inner, CTA_HELP_NAME) !== 0) {
      const name = tbGet(inner, CTA_HELP_NAME);
      const helper = nfCtHelperByName(nlaData(name), nlaLen(name));
      if (helper === 0 || !nfCtHelperAssign(ct, helper)) {
        nfctPut(changetype<usize>(ct));
        return -Errno.EOPNOTSUPP;
      }
    }
  }
  const status = tbGet(tb, Cta.STATUS);
  const bits: u32 = status === 0 ? 0 : nlaBe32(status);
  ct.status |= IPS_CONFIRMED | (bits & (IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT));
  if ((bits & IPS_NAT_MASK) !== 0) ct.status |= bits & IPS_NAT_MASK;
  store<u32>(tb + ((<u32>Cta.STATUS) << 2), 0);
  if (orig.proto === <u8>IPPROTO_TCP) {
    // Nothing is known of its windows.
    const liberal = IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL;
    nfTcpEnd(nfTcpOf(ct), 0).flags = liberal;
    nfTcpEnd(nfTcpOf(ct), 1).flags = liberal;
  }
  err = apply(ct, tb);
  if (err === 0 && nfCtFind(net, reply) !== 0) err = -Errno.EEXIST;
  if (err !== 0) {
    ct.status &= ~IPS_CONFIRMED;
    nfctPut(changetype<usize>(ct));
    return err;
  }
  ct.timeout = nfctTimeStamp(ctnet) + nfCtSeconds(<i32>min<u32>(nlaBe32(timeout), i32.MAX_VALUE));
  nfCtInsert(ctnet, ct, hash, NfHash.of(ctnet, nfTuple(ct, 1)));
  nfCtEventCache(ct, IPCT_NEW);
  if (ct.events !== 0) nfCtDeliverCached(ct);
  nfctPut(changetype<usize>(ct));
  return 0;
}

function stats(net: Net, msg: usize, out: NlOut): i32 {
  const at = ctnlMsgBegin(out, NFNL_SUBSYS_CTNETLINK, CtMsg.GET_STATS, 0, seqOf(msg), 0);
  nlaPutBe32(out, CTA_STATS_GLOBAL_ENTRIES, nfCtNet(net).count);
  nlaPutBe32(out, CTA_STATS_GLOBAL_MAX_ENTRIES, sysctl(net, Sysctl.NF_CONNTRACK_MAX));
  return ctnlMsgEnd(out, at) ? 0 : -Errno.ENOSPC;
}

function stat(net: Net, id: NfCtStat): u32 {
  return load<u32>(nfCtNet(net).stats + ((<usize>id) << 2));
}

/** One processor is all there is. */
function statsCpu(net: Net, msg: usize, cursor: usize, out: NlOut): i32 {
  if (load<u32>(cursor) !== 0) return 0;
  store<u32>(cursor, 1);
  const at = ctnlMsgBegin(out, NFNL_SUBSYS_CTNETLINK, CtMsg.GET_STATS_CPU, NLM_F_MULTI, seqOf(msg), 0);
  nlaPutBe32(out, CtaStats.FOUND, stat(net, NfCtStat.FOUND));
  nlaPutBe32(out, CtaStats.INVALID, stat(net, NfCtStat.INVALID));
  nlaPutBe32(out, CtaStats.INSERT, stat(net, NfCtStat.INSERT));
  nlaPutBe32(out, CtaStats.INSERT_FAILED, stat(net, NfCtStat.INSERT_FAILED));
  nlaPutBe32(out, CtaStats.DROP, stat(net, NfCtStat.DROP));
  nlaPutBe32(out, CtaStats.EARLY_DROP, stat(net, NfCtStat.EARLY_DROP));
  nlaPutBe32(out, CtaStats.ERROR, stat(net, NfCtStat.ERROR));
  nlaPutBe32(out, CtaStats.SEARCH_RESTART, stat(net, NfCtStat.SEARCH_RESTART));
  nlaPutBe32(out, CtaStats.CLASH_RESOLVE, stat(net, NfCtStat.CLASH_RESOLVE));
  nlaPutBe32(out, CtaStats.CHAIN_TOOLONG, stat(net, NfCtStat.CHAINTOOLONG));
  return ctnlMsgEnd(out, at) ? 0 : -Errno.ENOSPC;
}

function expectRcv(net: Net, type: u32, msg: usize, attrs: usize, len: u32, cursor: usize, out: NlOut): i32 {
  const tb = tbOf();
  const err = nlaParse(tb, CTA_EXPECT_MAX, attrs, len, POLICY_ANY);
  if (err !== 0) return err;
  if (type === <u32>CtExpMsg.GET && isDump(msg)) return expectDump(net, msg, cursor, out);
  if (type !== <u32>CtExpMsg.GET && type !== <u32>CtExpMsg.DELETE) return -Errno.EOPNOTSUPP;
  const nla = tbGet(tb, CtaExpect.TUPLE) !== 0 ? tbGet(tb, CtaExpect.TUPLE) : tbGet(tb, CtaExpect.MASTER);
  if (nla === 0) {
    if (type === <u32>CtExpMsg.GET) return -Errno.EINVAL;
    expectFlush(net);
    return 0;
  }
  const tuple = changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE2));
  const bad = parseTuple(nla, familyOf(msg), 0, tuple);
  if (bad !== 0) return bad;
  const exp = nfExpectFind(net, tuple);
  if (exp === null) return -Errno.ENOENT;
  if (type === <u32>CtExpMsg.DELETE) {
    nfExpectUnlink(nfCtNet(net), exp);
    return 0;
  }
  return expectFill(out, exp, seqOf(msg), 0) ? 0 : -Errno.ENOSPC;
}

function expectFlush(net: Net): void {
  const ctnet = nfCtNet(net);
  for (let i: u32 = 0; i < NF_EXPECT_BUCKETS; i++) {
    while (load<u32>(ctnet.expects + (i << 2)) !== 0) {
      nfExpectUnlink(ctnet, changetype<NfExpect>(load<u32>(ctnet.expects + (i << 2))));
    }
  }
}

function expectDump(net: Net, msg: usize, cursor: usize, out: NlOut): i32 {
  const ctnet = nfCtNet(net);
  let bucket = load<u32>(cursor, 4);
  let skip = load<u32>(cursor, 8);
  store<u32>(cursor, 1);
  for (; bucket < NF_EXPECT_BUCKETS; bucket++) {
    let n: u32 = 0;
    let at = load<u32>(ctnet.expects + (bucket << 2));
    while (at !== 0) {
      const exp = changetype<NfExpect>(at);
      at = exp.next;
      const family = familyOf(msg);
      if (++n <= skip || (family !== 0 && family !== <u32>nfExpectTuple(exp).l3num)) continue;
      if (!expectFill(out, exp, seqOf(msg), NLM_F_MULTI)) {
        out.full = 0;
        store<u32>(cursor, bucket, 4);
        store<u32>(cursor, n - 1, 8);
        return 0;
      }
    }
    skip = 0;
  }
  store<u32>(cursor, bucket, 4);
  store<u32>(cursor, 0, 8);
  return 0;
}

/** Linux: ctnetlink_exp_dump_expect. */
function expectFill(out: NlOut, exp: NfExpect, seq: u32, flags: u32): bool {
  const tuple = nfExpectTuple(exp);
  const msg = ctnlMsgBegin(out, NFNL_SUBSYS_CTNETLINK_EXP, CtExpMsg.NEW, flags, seq, tuple.l3num);
  if (msg === 0) return false;
  let nest = nlaNestStartFlagged(out, CtaExpect.TUPLE);
  ctnlPutTuple(out, tuple);
  nlaNestEnd(out, nest);
  const mask = changetype<NfTuple>(scratch(Scratch.NF_CT_TUPLE2));
  memory.fill(changetype<usize>(mask), 0xff, NF_TUPLE_BYTES);
  mask.src0 = exp.maskSrc0;
  mask.src1 = exp.maskSrc1;
  mask.sport = exp.maskSport;
  mask.proto = tuple.proto;
  mask.l3num = tuple.l3num;
  nest = nlaNestStartFlagged(out, CtaExpect.MASK);
  ctnlPutTuple(out, mask);
  nlaNestEnd(out, nest);
  nest = nlaNestStartFlagged(out, CtaExpect.MASTER);
  const master = changetype<NfConn>(exp.master);
  ctnlPutTuple(out, nfTuple(master, 0));
  nlaNestEnd(out, nest);
  const left = nfExpectTimer(exp).expires - root().now;
  nlaPutBe32(out, CtaExpect.TIMEOUT, <u32>(left / 1_000_000_000));
  nlaPutBe32(out, CtaExpect.ID, exp.id);
  nlaPutBe32(out, CtaExpect.FLAGS, exp.flags);
  nlaPutBe32(out, CtaExpect.CLASS, 0);
  if (master.help !== 0) {
    const name = scratch(Scratch.NF_NAT_TARGET);
    nlaPutString(out, CtaExpect.HELP_NAME, name, nfCtHelperName(nfCtHelp(master).helper, name));
  }
  return ctnlMsgEnd(out, msg);
}
