/**
 * ctnetlink, the way out: connections and expectations as the kernel's messages, in answers, dumps and events.
 * Linux: nf_conntrack_netlink.c.
 */
import {
  IPCT_DESTROY,
  IPCT_HELPER,
  IPCT_LABEL,
  IPCT_MARK,
  IPCT_NEW,
  IPCT_PROTOINFO,
} from '../abi/nf_conntrack';
import { IPCT_RELATED, IPCT_SEQADJ } from '../abi/nf_conntrack';
import {
  CTA_COUNTERS_BYTES,
  CTA_COUNTERS_PACKETS,
  CTA_HELP_NAME,
  CTA_PROTOINFO_SCTP,
  CTA_PROTOINFO_TCP,
  CTA_SEQADJ_CORRECTION_POS,
  CTA_SEQADJ_OFFSET_AFTER,
  CTA_SEQADJ_OFFSET_BEFORE,
  CTA_TIMESTAMP_START,
  CTA_TIMESTAMP_STOP,
  CtMsg,
  Cta,
  CtaIp,
  CtaProto,
  CtaProtoinfoSctp,
  CtaProtoinfoTcp,
  CtaTuple,
} from '../abi/nf_conntrack_netlink';
import { NFNL_SUBSYS_CTNETLINK, NLM_F_CREATE, NLM_F_EXCL, NfGenMsg, NlMsgHdr } from '../abi/nfnl';
import { siphash } from '../lib/siphash';
import { AF_INET } from '../net/net';
import {
  IPS_OFFLOAD,
  IPS_SEQ_ADJUST,
  NF_CT_DEFAULT_ZONE_DIR,
  NF_TUPLE_BYTES,
  NF_TUPLE_DST,
  NF_TUPLE_SRC,
  NfConn,
  NfConnAcct,
  NfTuple,
  nfCtExpires,
  nfTuple,
} from './nf_conntrack';
import { nfCtHelp, nfCtHelperName } from './nf_conntrack_helper';
import { nfSctpState, nfSctpVtag } from './nf_conntrack_proto_sctp';
import { nfTcpOf } from './nf_conntrack_proto_tcp';
import { nfCtSeqadj } from './nf_conntrack_seqadj';
import { nfTcpEnd } from './nf_conntrack_tcp_window';
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  nfProtoHasPorts,
} from './nf_conntrack_tuple';
import {
  NlOut,
  nlaNestEnd,
  nlaNestStartFlagged,
  nlaPut,
  nlaPutBe16,
  nlaPutBe32,
  nlaPutBe64,
  nlaPutString,
  nlaPutU8,
} from './nlattr';
import { nfnlRingOut, nfnlRingPut } from './nfnl_ring';

const MS_PER_S: u32 = 1000;

/** Begins a message of subsystem `subsys`; 0 when there is no room for its header. */
export function ctnlMsgBegin(out: NlOut, subsys: u32, type: u32, flags: u32, seq: u32, family: u32): usize {
  const head = <u32>NlMsgHdr.SIZE + <u32>NfGenMsg.SIZE;
  if (out.end - out.at < head) {
    out.full = 1;
    return 0;
  }
  const msg = out.at;
  store<u32>(msg, 0, NlMsgHdr.LEN);
  store<u16>(msg, <u16>((subsys << 8) | type), NlMsgHdr.TYPE);
  store<u16>(msg, <u16>flags, NlMsgHdr.FLAGS);
  store<u32>(msg, seq, NlMsgHdr.SEQ);
  store<u32>(msg, 0, NlMsgHdr.PID);
  store<u32>(msg, family, NlMsgHdr.SIZE);
  out.at = msg + head;
  return msg;
}

/** Ends it; false, and it is taken back, when something did not fit. */
export function ctnlMsgEnd(out: NlOut, msg: usize): bool {
  if (out.full !== 0) {
    if (msg !== 0) out.at = msg;
    return false;
  }
  store<u32>(msg, out.at - msg, NlMsgHdr.LEN);
  return true;
}

/** Addresses and ports, as children of a tuple attribute. Linux: ctnetlink_dump_tuples. */
export function ctnlPutTuple(out: NlOut, tuple: NfTuple): void {
  const src = changetype<usize>(tuple) + NF_TUPLE_SRC;
  const dst = changetype<usize>(tuple) + NF_TUPLE_DST;
  const v4 = <u32>tuple.l3num === AF_INET;
  const ip = nlaNestStartFlagged(out, CtaTuple.IP);
  nlaPut(out, v4 ? CtaIp.V4_SRC : CtaIp.V6_SRC, src, v4 ? 4 : 16);
  nlaPut(out, v4 ? CtaIp.V4_DST : CtaIp.V6_DST, dst, v4 ? 4 : 16);
  nlaNestEnd(out, ip);
  const nest = nlaNestStartFlagged(out, CtaTuple.PROTO);
  const proto = <u32>tuple.proto;
  nlaPutU8(out, CtaProto.NUM, proto);
  if (nfProtoHasPorts(proto) || proto === 47) {
    nlaPutBe16(out, CtaProto.SRC_PORT, bswap<u16>(tuple.sport));
    nlaPutBe16(out, CtaProto.DST_PORT, bswap<u16>(tuple.dport));
  } else if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) {
    const first = proto === IPPROTO_ICMP ? CtaProto.ICMP_ID : CtaProto.ICMPV6_ID;
    nlaPutBe16(out, first, bswap<u16>(tuple.sport));
    nlaPutU8(out, <u32>first + 1, tuple.dport & 0xff);
    nlaPutU8(out, <u32>first + 2, tuple.dport >> 8);
  }
  nlaNestEnd(out, nest);
}

function putDirection(out: NlOut, ct: NfConn, dir: u32, type: u32): void {
  const nest = nlaNestStartFlagged(out, type);
  ctnlPutTuple(out, nfTuple(ct, dir));
  if (ct.zone !== 0 && <u32>ct.zoneDir === (<u32>1) << dir) nlaPutBe16(out, CtaTuple.ZONE, ct.zone);
  nlaNestEnd(out, nest);
}

/** Both tuples and the zone: what every message about a connection begins with. */
function putTuples(out: NlOut, ct: NfConn): void {
  putDirection(out, ct, 0, Cta.TUPLE_ORIG);
  putDirection(out, ct, 1, Cta.TUPLE_REPLY);
  if (ct.zone !== 0 && ct.zoneDir === NF_CT_DEFAULT_ZONE_DIR) nlaPutBe16(out, Cta.ZONE, ct.zone);
}

/** A number that another connection at the same place does not have. Linux: nf_ct_get_id. */
export function ctnlId(ct: NfConn): u32 {
  return <u32>siphash(changetype<usize>(nfTuple(ct, 0)), NF_TUPLE_BYTES) ^ (ct.serial * 0x9e3779b1);
}

function putTimeout(out: NlOut, ct: NfConn): void {
  nlaPutBe32(out, Cta.TIMEOUT, nfCtExpires(ct) / MS_PER_S);
}

function putMaster(out: NlOut, ct: NfConn): void {
  if (ct.master === 0) return;
  const nest = nlaNestStartFlagged(out, Cta.TUPLE_MASTER);
  ctnlPutTuple(out, nfTuple(changetype<NfConn>(ct.master), 0));
  nlaNestEnd(out, nest);
}

function putProtoinfo(out: NlOut, ct: NfConn, destroy: bool): void {
  const proto = <u32>nfTuple(ct, 0).proto;
  if (proto !== IPPROTO_TCP && proto !== IPPROTO_SCTP) return;
  const outer = nlaNestStartFlagged(out, Cta.PROTOINFO);
  if (proto === IPPROTO_TCP) {
    const t = nfTcpOf(ct);
    const nest = nlaNestStartFlagged(out, CTA_PROTOINFO_TCP);
    nlaPutU8(out, CtaProtoinfoTcp.STATE, t.state);
    if (!destroy) {
      nlaPutU8(out, CtaProtoinfoTcp.WSCALE_ORIGINAL, nfTcpEnd(t, 0).scale);
      nlaPutU8(out, CtaProtoinfoTcp.WSCALE_REPLY, nfTcpEnd(t, 1).scale);
      // struct nf_ct_tcp_flags: u8 flags, u8 mask
      nlaPutBe16(out, CtaProtoinfoTcp.FLAGS_ORIGINAL, (<u32>nfTcpEnd(t, 0).flags) << 8);
      nlaPutBe16(out, CtaProtoinfoTcp.FLAGS_REPLY, (<u32>nfTcpEnd(t, 1).flags) << 8);
    }
    nlaNestEnd(out, nest);
  } else {
    const nest = nlaNestStartFlagged(out, CTA_PROTOINFO_SCTP);
    nlaPutU8(out, CtaProtoinfoSctp.STATE, nfSctpState(ct));
    if (!destroy) {
      nlaPutBe32(out, CtaProtoinfoSctp.VTAG_ORIGINAL, bswap<u32>(nfSctpVtag(ct, 0)));
      nlaPutBe32(out, CtaProtoinfoSctp.VTAG_REPLY, bswap<u32>(nfSctpVtag(ct, 1)));
    }
    nlaNestEnd(out, nest);
  }
  nlaNestEnd(out, outer);
}

function putCounters(out: NlOut, type: u32, packets: u64, bytes: u64): void {
  const nest = nlaNestStartFlagged(out, type);
  nlaPutBe64(out, CTA_COUNTERS_PACKETS, packets);
  nlaPutBe64(out, CTA_COUNTERS_BYTES, bytes);
  nlaNestEnd(out, nest);
}

function putAcct(out: NlOut, ct: NfConn, zero: bool): void {
  if (ct.acct === 0) return;
  const acct = changetype<NfConnAcct>(ct.acct);
  putCounters(out, Cta.COUNTERS_ORIG, acct.packets0, acct.bytes0);
  putCounters(out, Cta.COUNTERS_REPLY, acct.packets1, acct.bytes1);
  if (zero && out.full === 0) {
    acct.packets0 = 0;
    acct.bytes0 = 0;
    acct.packets1 = 0;
    acct.bytes1 = 0;
  }
}

function putTimestamp(out: NlOut, ct: NfConn): void {
  if (ct.acct === 0 || changetype<NfConnAcct>(ct.acct).start === 0) return;
  const acct = changetype<NfConnAcct>(ct.acct);
  const nest = nlaNestStartFlagged(out, Cta.TIMESTAMP);
  nlaPutBe64(out, CTA_TIMESTAMP_START, acct.start);
  if (acct.stop !== 0) nlaPutBe64(out, CTA_TIMESTAMP_STOP, acct.stop);
  nlaNestEnd(out, nest);
}

function putHelper(out: NlOut, ct: NfConn): void {
  if (ct.help === 0 || nfCtHelp(ct).helper === 0) return;
  const nest = nlaNestStartFlagged(out, Cta.HELP);
  const name = out.end - 8;
  // The name is short, and is written behind itself.
  if (out.end - out.at < 32) out.full = 1;
  else nlaPutString(out, CTA_HELP_NAME, name, nfCtHelperName(nfCtHelp(ct).helper, name));
  nlaNestEnd(out, nest);
}

function putLabels(out: NlOut, ct: NfConn): void {
  if ((ct.labels0 | ct.labels1) === 0) return;
  nlaPut(out, Cta.LABELS, changetype<usize>(ct) + offsetof<NfConn>('labels0'), 16);
}

function putSeqadjDir(out: NlOut, ct: NfConn, dir: u32): void {
  const way = nfCtSeqadj(ct, dir);
  const nest = nlaNestStartFlagged(out, <u32>Cta.SEQ_ADJ_ORIG + dir);
  nlaPutBe32(out, CTA_SEQADJ_CORRECTION_POS, way.correctionPos);
  nlaPutBe32(out, CTA_SEQADJ_OFFSET_BEFORE, <u32>way.offsetBefore);
  nlaPutBe32(out, CTA_SEQADJ_OFFSET_AFTER, <u32>way.offsetAfter);
  nlaNestEnd(out, nest);
}

function putSeqadj(out: NlOut, ct: NfConn): void {
  if ((ct.status & IPS_SEQ_ADJUST) === 0 || ct.seqadj === 0) return;
  putSeqadjDir(out, ct, 0);
  putSeqadjDir(out, ct, 1);
}

/** A connection in an answer or a dump; false when it does not fit. Linux: ctnetlink_fill_info. */
export function ctnetlinkFillInfo(out: NlOut, ct: NfConn, seq: u32, flags: u32, zero: bool): bool {
  const l3num = <u32>nfTuple(ct, 0).l3num;
  const msg = ctnlMsgBegin(out, NFNL_SUBSYS_CTNETLINK, CtMsg.NEW, flags, seq, l3num);
  if (msg === 0) return false;
  putTuples(out, ct);
  nlaPutBe32(out, Cta.STATUS, ct.status);
  nlaPutBe32(out, Cta.MARK, ct.mark);
  nlaPutBe32(out, Cta.ID, ctnlId(ct));
  // The table's reference is not told of: Linux counts it, and the one that the dump has.
  nlaPutBe32(out, Cta.USE, ct.use);
  putMaster(out, ct);
  if ((ct.status & IPS_OFFLOAD) === 0) {
    putTimeout(out, ct);
    putProtoinfo(out, ct, false);
  }
  putAcct(out, ct, zero);
  putTimestamp(out, ct);
  putHelper(out, ct);
  putLabels(out, ct);
  putSeqadj(out, ct);
  return ctnlMsgEnd(out, msg);
}

/** Bytes that one event takes at most. */
export const EVENT_MAX: u32 = 1024;

/** What happened to a connection, into the ring. Linux: ctnetlink_conntrack_event. */
export function ctnetlinkEvent(ring: usize, ct: NfConn, events: u32): void {
  const out = nfnlRingOut(ring);
  const destroy = (events & IPCT_DESTROY) !== 0;
  const fresh = (events & (IPCT_NEW | IPCT_RELATED)) !== 0;
  const type = destroy ? CtMsg.DELETE : CtMsg.NEW;
  const flags = fresh ? NLM_F_CREATE | NLM_F_EXCL : 0;
  const msg = ctnlMsgBegin(out, NFNL_SUBSYS_CTNETLINK, type, flags, 0, nfTuple(ct, 0).l3num);
  if (msg === 0) return;
  putTuples(out, ct);
  nlaPutBe32(out, Cta.ID, ctnlId(ct));
  nlaPutBe32(out, Cta.STATUS, ct.status);
  if (destroy) {
    putAcct(out, ct, false);
    putTimestamp(out, ct);
    putProtoinfo(out, ct, true);
  } else {
    if ((ct.status & IPS_OFFLOAD) === 0) putTimeout(out, ct);
    if ((events & IPCT_PROTOINFO) !== 0 || fresh) putProtoinfo(out, ct, false);
    if ((events & IPCT_HELPER) !== 0) putHelper(out, ct);
    if ((events & IPCT_LABEL) !== 0) putLabels(out, ct);
    if ((events & IPCT_RELATED) !== 0) putMaster(out, ct);
    if ((events & IPCT_SEQADJ) !== 0) putSeqadj(out, ct);
  }
  if ((events & IPCT_MARK) !== 0 || ct.mark !== 0) nlaPutBe32(out, Cta.MARK, ct.mark);
  if (ctnlMsgEnd(out, msg)) nfnlRingPut(ring);
}
