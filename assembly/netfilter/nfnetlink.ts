/**
 * NFNL_MSG: netfilter's netlink messages, handed to the subsystem that each is for. Linux: nfnetlink.c.
 *
 * The answer overwrites the question, so the question is put aside first.
 */
import {
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLMSG_ERROR,
  NLM_F_ACK,
  NLM_F_CAPPED,
  NfnlRec,
  NlMsgHdr,
} from '../abi/nfnl';
import { kfree, kmalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { ctnetlinkRcv } from './nf_conntrack_netlink_rcv';
import { NlOut } from './nlattr';

const ERROR_BYTES: u32 = 16 + 4 + 16;

export function nfnetlinkRequest(body: usize, len: u32): i32 {
  if (len < <u32>NfnlRec.DATA) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, NfnlRec.NET));
  if (net === null) return -Errno.ENOENT;
  const bytes = load<u32>(body, NfnlRec.BYTES);
  if (bytes > len - <u32>NfnlRec.DATA) return -Errno.EINVAL;
  const copy = kmalloc(offsetof<NlOut>() + bytes + 4);
  if (copy === 0) return -Errno.ENOMEM;
  const question = copy + offsetof<NlOut>();
  memory.copy(question, body + NfnlRec.DATA, bytes);
  const out = changetype<NlOut>(copy);
  out.begin = body + NfnlRec.DATA;
  out.at = out.begin;
  out.end = body + len;
  out.full = 0;
  let at: u32 = 0;
  while (bytes - at >= <u32>NlMsgHdr.SIZE) {
    const msg = question + at;
    const size = load<u32>(msg, NlMsgHdr.LEN);
    if (size < <u32>NlMsgHdr.SIZE || size > bytes - at) break;
    const err = receive(net, msg, size, body + NfnlRec.CURSOR, out);
    if (err !== 0 || (<u32>load<u16>(msg, NlMsgHdr.FLAGS) & NLM_F_ACK) !== 0) acknowledge(out, msg, err);
    at += min((size + 3) & ~3, bytes - at);
  }
  store<u32>(body, out.at - out.begin, NfnlRec.OUT_BYTES);
  kfree(copy);
  return 0;
}

function receive(net: Net, msg: usize, size: u32, cursor: usize, out: NlOut): i32 {
  const subsys = <u32>load<u8>(msg, NlMsgHdr.TYPE + 1);
  if (subsys === NFNL_SUBSYS_CTNETLINK || subsys === NFNL_SUBSYS_CTNETLINK_EXP) {
    return ctnetlinkRcv(net, msg, size, cursor, out);
  }
  return subsys === 0 ? 0 : -Errno.EOPNOTSUPP;
}

/** NLMSG_ERROR: the errno, 0 for an acknowledgement, and the header of the message in question. */
function acknowledge(out: NlOut, msg: usize, err: i32): void {
  if (out.end - out.at < ERROR_BYTES) return;
  const p = out.at;
  store<u32>(p, ERROR_BYTES, NlMsgHdr.LEN);
  store<u16>(p, <u16>NLMSG_ERROR, NlMsgHdr.TYPE);
  store<u16>(p, <u16>NLM_F_CAPPED, NlMsgHdr.FLAGS);
  store<u32>(p, load<u32>(msg, NlMsgHdr.SEQ), NlMsgHdr.SEQ);
  store<u32>(p, 0, NlMsgHdr.PID);
  store<i32>(p, err, NlMsgHdr.SIZE);
  memory.copy(p + NlMsgHdr.SIZE + 4, msg, NlMsgHdr.SIZE);
  out.at = p + ERROR_BYTES;
}
