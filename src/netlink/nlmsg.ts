/**
 * Netlink messages: bytes to messages and back, and netfilter's own header behind them (nfnetlink(7) in all but name).
 *
 *   0       4      6      8     12     16       17       18        20
 *   ├ len ──┼ type ┼ flags┼ seq ─┼ pid ─┼ family ┼ version┼ res_id ─┼─ attributes ...   (len: of all of it, padded to 4)
 */
import {
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NfGenMsg,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
  NlMsgHdr,
} from '../../assembly/abi/nfnl.js';
import { NetError } from '../net_error.js';
import { NlAttrs, NlAttrWriter } from './nlattr.js';

const align = (bytes: number): number => (bytes + 3) & ~3;

export interface NlMsg {
  type: number;
  flags: number;
  seq: number;
  pid: number;
  /** All of the message, its header included. */
  bytes: Uint8Array;
  /** What stands behind the header. */
  payload: Uint8Array;
}

/** The messages in `bytes`; EBADMSG when a length does not fit. */
export function readMessages(bytes: Uint8Array): NlMsg[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: NlMsg[] = [];
  let at = 0;
  while (bytes.length - at >= NlMsgHdr.SIZE) {
    const len = view.getUint32(at + NlMsgHdr.LEN, true);
    if (len < NlMsgHdr.SIZE || len > bytes.length - at)
      throw new NetError('EBADMSG', `netlink message: length ${len}, ${bytes.length - at} bytes are left`);
    found.push({
      type: view.getUint16(at + NlMsgHdr.TYPE, true),
      flags: view.getUint16(at + NlMsgHdr.FLAGS, true),
      seq: view.getUint32(at + NlMsgHdr.SEQ, true),
      pid: view.getUint32(at + NlMsgHdr.PID, true),
      bytes: bytes.subarray(at, at + len),
      payload: bytes.subarray(at + NlMsgHdr.SIZE, at + len),
    });
    at += align(len);
  }
  if (at < bytes.length) throw new NetError('EBADMSG', `${bytes.length - at} bytes behind netlink messages`);
  return found;
}

/** What an NLMSG_ERROR says; error is 0 (an acknowledgement) or a negative errno. */
export interface NlAck {
  seq: number;
  error: number;
  /** Offset, in the message that it answers, of the attribute that is wrong. */
  offset?: number;
  message?: string;
}

/** Reads an NLMSG_ERROR; undefined when the message is none. */
export function readAck(msg: NlMsg): NlAck | undefined {
  if (msg.type !== NLMSG_ERROR) return undefined;
  if (msg.payload.length < 4) throw new NetError('EBADMSG', 'NLMSG_ERROR without its errno');
  const view = new DataView(msg.payload.buffer, msg.payload.byteOffset, msg.payload.byteLength);
  const ack: NlAck = { seq: msg.seq, error: view.getInt32(0, true) };
  if ((msg.flags & NLM_F_ACK_TLVS) === 0) return ack;
  const whole = ack.error === 0 || (msg.flags & NLM_F_CAPPED) !== 0;
  const from = 4 + (whole ? NlMsgHdr.SIZE : align(view.getUint32(4 + NlMsgHdr.LEN, true)));
  const attrs = new NlAttrs(msg.payload.subarray(from));
  const offset = attrs.bytes(NLMSGERR_ATTR_OFFS);
  const message = attrs.text(NLMSGERR_ATTR_MSG);
  if (offset !== undefined) ack.offset = new DataView(offset.buffer, offset.byteOffset, 4).getUint32(0, true);
  if (message !== undefined) ack.message = message;
  return ack;
}

/** Behind nlmsghdr in all of netfilter's messages. */
export interface NfMsg {
  /** Upper half of the type. */
  subsystem: number;
  /** Lower half: NFT_MSG_*, IPCTNL_MSG_* */
  message: number;
  family: number;
  resId: number;
  attrs: NlAttrs;
}

export function readNfMsg(msg: NlMsg): NfMsg {
  const { payload } = msg;
  if (payload.length < NfGenMsg.SIZE)
    throw new NetError('EBADMSG', `netfilter message of ${payload.length} bytes`);
  return {
    subsystem: msg.type >> 8,
    message: msg.type & 0xff,
    family: payload[NfGenMsg.FAMILY]!,
    resId: (payload[NfGenMsg.RES_ID]! << 8) | payload[NfGenMsg.RES_ID + 1]!,
    attrs: new NlAttrs(payload.subarray(NfGenMsg.SIZE)),
  };
}

export interface NfHead {
  /** Subsystem << 8 | message. */
  type: number;
  family: number;
  /** NLM_F_REQUEST is always set. */
  flags?: number;
  seq: number;
  resId?: number;
}

/** One message of netfilter, with the attributes that `fill` writes. */
export function nfMessage(head: NfHead, fill?: (attrs: NlAttrWriter) => void): Uint8Array {
  const attrs = new NlAttrWriter();
  fill?.(attrs);
  const bytes = new Uint8Array(NlMsgHdr.SIZE + NfGenMsg.SIZE + attrs.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(NlMsgHdr.LEN, bytes.length, true);
  view.setUint16(NlMsgHdr.TYPE, head.type, true);
  view.setUint16(NlMsgHdr.FLAGS, NLM_F_REQUEST | (head.flags ?? 0), true);
  view.setUint32(NlMsgHdr.SEQ, head.seq, true);
  view.setUint8(NlMsgHdr.SIZE + NfGenMsg.FAMILY, head.family);
  view.setUint16(NlMsgHdr.SIZE + NfGenMsg.RES_ID, head.resId ?? 0);
  bytes.set(attrs.bytes, NlMsgHdr.SIZE + NfGenMsg.SIZE);
  return bytes;
}

/** Begins a transaction of nf_tables; with `genid` it is refused (ERESTART) unless the ruleset is of that generation. */
export function batchBegin(seq: number, genid?: number): Uint8Array {
  const head = { type: NFNL_MSG_BATCH_BEGIN, family: 0, seq, resId: NFNL_SUBSYS_NFTABLES };
  return nfMessage(head, (attrs) => {
    if (genid !== undefined) attrs.u32(NFNL_BATCH_GENID, genid);
  });
}

export function batchEnd(seq: number): Uint8Array {
  return nfMessage({ type: NFNL_MSG_BATCH_END, family: 0, seq, resId: NFNL_SUBSYS_NFTABLES });
}

/** Messages one behind the other. */
export function joinMessages(messages: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(messages.reduce((sum, message) => sum + align(message.length), 0));
  let at = 0;
  for (const message of messages) {
    joined.set(message, at);
    at += align(message.length);
  }
  return joined;
}
