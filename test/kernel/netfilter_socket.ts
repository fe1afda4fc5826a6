/**
 * A NETLINK_NETFILTER socket of the kernel, in the namespace of the thread that makes it: nf_tables and ctnetlink of
 * Linux. Never blocks: the kernel has answered when the call that asks returns. Linux: netlink(7).
 */
import { NLM_F_DUMP, NLMSG_DONE } from '../../assembly/abi/nfnl.js';
import { NetError } from '../../src/net_error.js';
import type { NlAttrWriter } from '../../src/netlink/nlattr.js';
import { type NlAck, type NlMsg, nfMessage, readAck, readMessages } from '../../src/netlink/nlmsg.js';
import { errnoError } from '../../src/sys/errno.js';
import { setBuffers, SOCK_NONBLOCK, SOCK_RAW } from '../../src/sys/if_packet.js';
import { packInt } from '../../src/sys/if_tun.js';
import type { Sys } from '../../src/sys/sys.js';

const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const BUFFER_BYTES = 8 << 20;
const EAGAIN = 11;

export class NetfilterSocket {
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new SharedArrayBuffer(BUFFER_BYTES));

  constructor(private readonly sys: Sys) {
    this.fd = sys.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_NETFILTER);
    setBuffers(sys, this.fd, BUFFER_BYTES);
    sys.setsockopt(this.fd, SOL_NETLINK, NETLINK_EXT_ACK, packInt(1));
  }

  private send(bytes: Uint8Array): void {
    this.buffer.set(bytes);
    const n = this.sys.write(this.fd, this.sys.addressOf(this.buffer), bytes.length);
    if (n !== bytes.length) throw errnoError(this.sys.errno(), 'netfilter socket');
  }

  /** The messages of the next datagram; undefined when there is none. */
  private receive(): NlMsg[] | undefined {
    const n = this.sys.read(this.fd, this.sys.addressOf(this.buffer), BUFFER_BYTES);
    if (n < 0) {
      if (this.sys.errno() === EAGAIN) return undefined;
      throw errnoError(this.sys.errno(), 'netfilter socket');
    }
    return readMessages(this.buffer.slice(0, n));
  }

  /** A transaction, or any other messages that are answered by NLMSG_ERROR only. */
  batchNow(messages: Uint8Array): NlAck[] {
    this.send(messages);
    const acks: NlAck[] = [];
    for (let part = this.receive(); part !== undefined; part = this.receive())
      for (const message of part) acks.push(...([readAck(message)].filter(Boolean) as NlAck[]));
    return acks;
  }

  async batch(messages: Uint8Array): Promise<NlAck[]> {
    return this.batchNow(messages);
  }

  async dump(type: number, family: number, fill?: (attrs: NlAttrWriter) => void): Promise<NlMsg[]> {
    return this.dumpNow(type, family, fill);
  }

  dumpNow(type: number, family: number, fill?: (attrs: NlAttrWriter) => void): NlMsg[] {
    this.send(nfMessage({ type, family, flags: NLM_F_DUMP, seq: 1 }, fill));
    const found: NlMsg[] = [];
    for (;;) {
      const part = this.receive();
      if (part === undefined) throw new Error('a dump of netfilter without its end');
      for (const message of part) {
        if (message.type === NLMSG_DONE) return found;
        const ack = readAck(message);
        if (ack !== undefined) {
          if (ack.error === 0) continue;
          throw new NetError('EPROTO', `netfilter dump ${type}: errno ${ack.error}`);
        }
        found.push(message);
      }
    }
  }

  close(): void {
    this.sys.close(this.fd);
  }
}
