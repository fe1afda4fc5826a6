/**
 * Batches of request messages: written into the request area, handled in one crossing, read back in place
 * (assembly/abi/request.ts). Nothing here knows what the records mean; src/net does.
 */
import { Dump, Msg, type MsgType } from '../../assembly/abi/request.js';
import { Status } from '../../assembly/abi/layout.js';
import { NetError } from '../net_error.js';
import { errnoName } from './errno_name.js';
import type { CoreInstance } from './instance.js';

/** One message: `fill` writes its record (zeroed before), `read` takes the answer. Offsets are those of the record. */
export interface Message {
  type: MsgType;
  flags?: number;
  /** Bytes of the record, room for the answer included. */
  bytes: number;
  fill?: (view: DataView, at: number) => void;
}

export class Requests {
  private readonly area: number;
  private readonly bytes: number;

  constructor(
    private readonly core: CoreInstance,
    private readonly now: () => number,
  ) {
    this.area = core.status(Status.REQUEST_AREA);
    this.bytes = core.status(Status.REQUEST_BYTES);
  }

  /** Longest record that one message can have. */
  get recordMax(): number {
    return this.bytes - Msg.BODY;
  }

  /**
   * Handles one message and returns its answer's place in memory, valid until the next request. An errno is thrown
   * as a NetError whose message begins with `what`.
   */
  call(message: Message, what: string): number {
    const status = this.callStatus(message);
    if (status !== 0) throw new NetError(errnoName(status), `${what}: ${errnoName(status)}`);
    return this.area + Msg.BODY;
  }

  /** As call, but the errno (0 or negative) is the answer. */
  callStatus(message: Message): number {
    const { view, u8 } = this.core;
    const len = Msg.BODY + ((message.bytes + 7) & ~7);
    if (len > this.bytes)
      throw new NetError('EMSGSIZE', `a request of ${len} bytes; the area has ${this.bytes}`);
    u8.fill(0, this.area, this.area + len);
    this.put(this.area, len, message);
    this.submit(len);
    return view.getInt32(this.area + Msg.STATUS, true);
  }

  /** Handles many messages in as few crossings as they fit; returns the status of each, in order. */
  batch(messages: Iterable<Message>): number[] {
    const { view, u8 } = this.core;
    const results: number[] = [];
    let at = 0;
    let begun: number[] = [];
    const flush = () => {
      this.submit(at);
      for (const offset of begun) results.push(view.getInt32(this.area + offset + Msg.STATUS, true));
      at = 0;
      begun = [];
    };
    for (const message of messages) {
      const len = Msg.BODY + ((message.bytes + 7) & ~7);
      if (at + len > this.bytes) flush();
      u8.fill(0, this.area + at, this.area + at + len);
      this.put(this.area + at, len, message);
      begun.push(at);
      at += len;
    }
    if (at > 0) flush();
    return results;
  }

  /**
   * All records of a dump. `read` is called with the place of each, within one crossing's answer; `size` says how many
   * bytes a record takes when they are not all as long.
   */
  dump(
    type: MsgType,
    net: number,
    family: number,
    recordBytes: number,
    read: (view: DataView, at: number) => void,
    what: string,
    ifindex = 0,
    size: (view: DataView, at: number) => number = () => recordBytes,
  ): void {
    const { view, u8 } = this.core;
    const room = Math.max(1, Math.min(512, Math.floor((this.recordMax - Dump.RECORDS) / recordBytes)));
    const cursor = new Uint8Array(24);
    for (;;) {
      const body = this.call(
        {
          type,
          bytes: Dump.RECORDS + room * recordBytes,
          fill: (v, at) => {
            v.setUint32(at + Dump.NET, net, true);
            v.setUint32(at + Dump.FAMILY, family, true);
            v.setInt32(at + Dump.IFINDEX, ifindex, true);
            u8.set(cursor, at + Dump.CURSOR);
          },
        },
        what,
      );
      const count = view.getUint32(body + Dump.COUNT, true);
      if (count === 0) return;
      cursor.set(u8.subarray(body + Dump.CURSOR, body + Dump.CURSOR + 24));
      let at = body + Dump.RECORDS;
      for (let i = 0; i < count; i++) {
        read(view, at);
        at += size(view, at);
      }
    }
  }

  private put(at: number, len: number, message: Message): void {
    const { view } = this.core;
    view.setUint32(at + Msg.LEN, len, true);
    view.setUint32(at + Msg.TYPE, message.type, true);
    view.setUint32(at + Msg.FLAGS, message.flags ?? 0, true);
    message.fill?.(view, at + Msg.BODY);
  }

  private submit(bytes: number): void {
    const now = this.now();
    this.core.exports.request(now >>> 0, Math.floor(now / 4294967296), bytes);
  }
}
