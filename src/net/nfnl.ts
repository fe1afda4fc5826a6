/**
 * Client of NFNL_MSG: netfilter's netlink messages to a namespace of the core, as a socket of NETLINK_NETFILTER would
 * carry them. Knows how long a request may be, and nothing of what the messages mean.
 */
import { NfnlRec, NftEventsRec, NLM_F_DUMP, NlMsgHdr } from '../../assembly/abi/nfnl.js';
import { Msg, MsgType } from '../../assembly/abi/request.js';
import type { Core } from '../core/core.js';
import { errnoName } from '../core/errno_name.js';
import { NetError } from '../net_error.js';
import type { NlAttrWriter } from '../netlink/nlattr.js';
import { joinMessages, type NlAck, type NlMsg, nfMessage, readAck, readMessages } from '../netlink/nlmsg.js';

/** What fits the request area of the smallest core, and room for the answers to many small messages. */
const PIECE_BYTES = 48 * 1024;
const ANSWER_BYTES = 32 * 1024;

interface Answer {
  messages: NlMsg[];
  cursor: Uint8Array;
  genid: number;
}

export class Nfnl {
  constructor(
    private readonly core: Core,
    /** Of the namespace. */
    private readonly net: number,
    /** Longest request that the core takes (Status.REQUEST_BYTES); default: what every core takes. */
    private readonly requestBytes = Math.min(PIECE_BYTES + NfnlRec.DATA + Msg.BODY, core.requestBytes),
  ) {}

  private async ask(bytes: Uint8Array, wanted: number, cursor?: Uint8Array): Promise<Answer> {
    const room = Math.min(wanted, this.room & ~7);
    const view = await this.core.request(
      {
        type: MsgType.NFNL_MSG,
        bytes: NfnlRec.DATA + Math.max(bytes.length, room),
        fill: (v, at) => {
          v.setUint32(at + NfnlRec.NET, this.net, true);
          v.setUint32(at + NfnlRec.BYTES, bytes.length, true);
          const u8 = new Uint8Array(v.buffer, v.byteOffset + at, NfnlRec.DATA + bytes.length);
          if (cursor !== undefined) u8.set(cursor, NfnlRec.CURSOR);
          u8.set(bytes, NfnlRec.DATA);
        },
      },
      'netfilter message',
    );
    const answered = view.getUint32(NfnlRec.OUT_BYTES, true);
    const u8 = new Uint8Array(view.buffer);
    return {
      messages: readMessages(u8.subarray(NfnlRec.DATA, NfnlRec.DATA + answered)),
      cursor: u8.slice(NfnlRec.CURSOR, NfnlRec.OUT_BYTES),
      genid: view.getUint32(NfnlRec.GENID, true),
    };
  }

  private get room(): number {
    return this.requestBytes - NfnlRec.DATA - Msg.BODY;
  }

  /**
   * One transaction, from NFNL_MSG_BATCH_BEGIN to _END. Resolves with what the core answered: each failure, and an
   * acknowledgement of each message that asked for one. With a failure among them nothing was changed.
   */
  async batch(bytes: Uint8Array): Promise<NlAck[]> {
    const acks: NlAck[] = [];
    let from = 0;
    let to = 0;
    const send = async () => {
      if (to === from) return;
      const { messages } = await this.ask(bytes.subarray(from, to), Math.min(ANSWER_BYTES, this.room));
      for (const message of messages) {
        const ack = readAck(message);
        if (ack !== undefined) acks.push(ack);
      }
      from = to;
    };
    for (const message of readMessages(bytes)) {
      const end = message.bytes.byteOffset - bytes.byteOffset + ((message.bytes.length + 3) & ~3);
      if (end - from > this.room) await send();
      if (end - from > this.room)
        throw new NetError('EMSGSIZE', `a netfilter message of ${end - from} bytes; ${this.room} fit`);
      to = Math.min(end, bytes.length);
    }
    await send();
    return acks;
  }

  /** One question with one answer; an error is thrown. */
  async get(type: number, family: number, fill?: (attrs: NlAttrWriter) => void): Promise<NlMsg[]> {
    const { messages } = await this.ask(nfMessage({ type, family, seq: 1 }, fill), ANSWER_BYTES);
    this.refuse(messages);
    return messages;
  }

  /** All messages of a dump, as the kernel would send them (without NLMSG_DONE). */
  async dump(type: number, family: number, fill?: (attrs: NlAttrWriter) => void): Promise<NlMsg[]> {
    return this.dumpOf(nfMessage({ type, family, flags: NLM_F_DUMP, seq: 1 }, fill));
  }

  /** The same of a question that is made already. */
  async dumpOf(question: Uint8Array): Promise<NlMsg[]> {
    const found: NlMsg[] = [];
    let cursor: Uint8Array = new Uint8Array(NfnlRec.OUT_BYTES - NfnlRec.CURSOR);
    for (;;) {
      const answer = await this.ask(question, this.room, cursor);
      this.refuse(answer.messages);
      if (answer.messages.length === 0) return found;
      found.push(...answer.messages);
      cursor = answer.cursor;
    }
  }

  /** Bytes as they are, and what is answered to them. */
  async raw(bytes: Uint8Array): Promise<NlMsg[]> {
    return (await this.ask(bytes, ANSWER_BYTES)).messages;
  }

  /** Generation of the ruleset: what batchBegin takes. */
  async generation(): Promise<number> {
    return (await this.ask(new Uint8Array(NlMsgHdr.SIZE), 0)).genid;
  }

  /** What happens to the ruleset is kept in a ring of this size until it is read; 0: no more. */
  async listen(bytes: number): Promise<void> {
    await this.core.request(
      {
        type: MsgType.NFT_EVENTS,
        bytes: NftEventsRec.DATA,
        fill: (v, at) => {
          v.setUint32(at + NftEventsRec.NET, this.net, true);
          v.setUint32(at + NftEventsRec.BYTES, bytes, true);
        },
      },
      'nf_tables notifications',
    );
  }

  /** The notifications that wait, as bytes, and how many found no room since the last time. */
  async events(): Promise<{ messages: Uint8Array; lost: number }> {
    const pieces: Uint8Array[] = [];
    let lost = 0;
    for (;;) {
      const view = await this.core.request(
        {
          type: MsgType.NFT_EVENTS_READ,
          bytes: NftEventsRec.DATA + ANSWER_BYTES,
          fill: (v, at) => v.setUint32(at + NftEventsRec.NET, this.net, true),
        },
        'nf_tables notifications',
      );
      const bytes = view.getUint32(NftEventsRec.OUT_BYTES, true);
      lost += view.getUint32(NftEventsRec.LOST, true);
      if (bytes === 0) return { messages: joinMessages(pieces), lost };
      pieces.push(new Uint8Array(view.buffer, view.byteOffset + NftEventsRec.DATA, bytes).slice());
    }
  }

  private refuse(messages: readonly NlMsg[]): void {
    const error = messages.map(readAck).find((ack) => ack !== undefined && ack.error !== 0);
    if (error !== undefined)
      throw new NetError(errnoName(error.error), `netfilter: ${error.message ?? errnoName(error.error)}`);
  }
}
