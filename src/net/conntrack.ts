/**
 * Connection tracking of a namespace: asked for, counted; connections listed, changed, deleted and heard of, by
 * ctnetlink messages (src/netlink/ctnetlink.ts). Linux: conntrack(8).
 */
import { CtEnableRec, CtEventsRec, CtStatsRec } from '../../assembly/abi/nf_conntrack.js';
import {
  CTA_PROTOINFO_TCP,
  CtExpMsg,
  CtMsg,
  Cta,
  CtaProtoinfoTcp,
} from '../../assembly/abi/nf_conntrack_netlink.js';
import {
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_CREATE,
  NLM_F_EXCL,
} from '../../assembly/abi/nfnl.js';
import { MsgType } from '../../assembly/abi/request.js';
import { parseIp } from '../config/ip_address.js';
import type { Core } from '../core/core.js';
import { errnoName } from '../core/errno_name.js';
import { NetError } from '../net_error.js';
import {
  type ConntrackEntry,
  type ConntrackEvent,
  type ConntrackExpectation,
  type ConntrackTuple,
  putTuple,
  readConntrack,
  readConntrackEvent,
  readExpectation,
} from '../netlink/ctnetlink.js';
import { joinMessages, nfMessage, readAck, readMessages } from '../netlink/nlmsg.js';
import { Nfnl } from './nfnl.js';

/** Counters since tracking began. Linux: struct ip_conntrack_stat, `conntrack -S`. */
export interface ConntrackStats {
  count: number;
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  clashResolve: number;
  drop: number;
  earlyDrop: number;
  error: number;
  expectNew: number;
  expectCreate: number;
  expectDelete: number;
  searchRestart: number;
  chaintoolong: number;
}

const STATS = [
  'found',
  'invalid',
  'insert',
  'insertFailed',
  'clashResolve',
  'drop',
  'earlyDrop',
  'error',
  'expectNew',
  'expectCreate',
  'expectDelete',
  'searchRestart',
  'chaintoolong',
] as const;

/** Bytes of the ring that events wait in, and of those that one request takes out of it. */
const EVENT_RING_BYTES = 1 << 16;
const EVENTS_AT_ONCE = 16384;
const ALL_EVENTS = 0xffff;
const type = (message: CtMsg): number => (NFNL_SUBSYS_CTNETLINK << 8) | message;

/** What a list or a flush is restricted to. */
export interface ConntrackFilter {
  family?: ConntrackFamily;
  mark?: number;
  markMask?: number;
  zone?: number;
}

/** 0: both families. */
export type ConntrackFamily = 0 | 2 | 10;

export class Conntrack {
  constructor(
    private readonly core: Core,
    private readonly net: number,
  ) {}

  /** Connections of the family are tracked, whether or not a ruleset asks for it. */
  enable(family: ConntrackFamily = 0): Promise<void> {
    return this.ask(family, 1);
  }

  /** The same, and new connections are asked of hooks of NAT (assembly/netfilter/nf_nat_hooks). */
  enableNat(family: ConntrackFamily = 0): Promise<void> {
    return this.ask(family, 3);
  }

  /** Takes one enable() back. */
  disable(family: ConntrackFamily = 0): Promise<void> {
    return this.ask(family, 0);
  }

  private async ask(family: ConntrackFamily, on: number): Promise<void> {
    await this.core.request(
      {
        type: MsgType.CT_ENABLE,
        bytes: CtEnableRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + CtEnableRec.NET, this.net, true);
          v.setUint32(at + CtEnableRec.FAMILY, family, true);
          v.setUint32(at + CtEnableRec.ON, on, true);
        },
      },
      'conntrack',
    );
  }

  async stats(): Promise<ConntrackStats> {
    const view = await this.core.request(
      {
        type: MsgType.CT_STATS,
        bytes: CtStatsRec.SIZE,
        fill: (v, at) => v.setUint32(at + CtStatsRec.NET, this.net, true),
      },
      'conntrack statistics',
    );
    const values = STATS.map((name, i) => [name, view.getUint32(CtStatsRec.VALUES + i * 4, true)] as const);
    return {
      count: view.getUint32(CtStatsRec.COUNT, true),
      ...(Object.fromEntries(values) as Record<(typeof STATS)[number], number>),
    };
  }

  private get nfnl(): Nfnl {
    return new Nfnl(this.core, this.net);
  }

  /** All connections that the filter lets through. */
  async list(filter: ConntrackFilter = {}): Promise<ConntrackEntry[]> {
    const messages = await this.nfnl.dump(type(CtMsg.GET), filter.family ?? 0, (attrs) => {
      if (filter.mark !== undefined) {
        attrs.u32(Cta.MARK, filter.mark);
        attrs.u32(Cta.MARK_MASK, filter.markMask ?? 0xffff_ffff);
      }
      if (filter.zone !== undefined) attrs.u16(Cta.ZONE, filter.zone);
    });
    return messages.map(readConntrack);
  }

  /** Ends all connections that the filter lets through. */
  async flush(filter: ConntrackFilter = {}): Promise<void> {
    await this.nfnl.get(type(CtMsg.DELETE), filter.family ?? 0, (attrs) => {
      if (filter.mark !== undefined) {
        attrs.u32(Cta.MARK, filter.mark);
        attrs.u32(Cta.MARK_MASK, filter.markMask ?? 0xffff_ffff);
      }
      if (filter.zone !== undefined) attrs.u16(Cta.ZONE, filter.zone);
    });
  }

  /** Ends the connection of this tuple; ENOENT when there is none. */
  async delete(orig: ConntrackTuple): Promise<void> {
    const addresses = [parseIp(orig.src)!.bytes, parseIp(orig.dst)!.bytes];
    const family = addresses[0]!.length === 4 ? 2 : 10;
    await this.nfnl.get(type(CtMsg.DELETE), family, (attrs) =>
      putTuple(attrs, Cta.TUPLE_ORIG, orig, addresses),
    );
  }

  /** Changes mark, status or timeout (seconds) of the connection of this tuple. */
  async update(
    orig: ConntrackTuple,
    change: { mark?: number; timeout?: number; status?: number },
  ): Promise<void> {
    const addresses = [parseIp(orig.src)!.bytes, parseIp(orig.dst)!.bytes];
    const family = addresses[0]!.length === 4 ? 2 : 10;
    await this.nfnl.get(type(CtMsg.NEW), family, (attrs) => {
      putTuple(attrs, Cta.TUPLE_ORIG, orig, addresses);
      if (change.mark !== undefined) attrs.u32(Cta.MARK, change.mark);
      if (change.timeout !== undefined) attrs.u32(Cta.TIMEOUT, change.timeout);
      if (change.status !== undefined) attrs.u32(Cta.STATUS, change.status);
    });
  }

  /** Puts a connection into the table as if its packets had passed (`conntrack -I`); EEXIST when it is there. */
  async create(
    orig: ConntrackTuple,
    reply: ConntrackTuple,
    entry: { timeout: number; status: number; mark?: number; tcpState?: number },
  ): Promise<void> {
    const addresses = (of: ConntrackTuple) => [parseIp(of.src)!.bytes, parseIp(of.dst)!.bytes];
    const family = addresses(orig)[0]!.length === 4 ? 2 : 10;
    const flags = NLM_F_CREATE | NLM_F_EXCL;
    const message = nfMessage({ type: type(CtMsg.NEW), family, flags, seq: 1 }, (attrs) => {
      putTuple(attrs, Cta.TUPLE_ORIG, orig, addresses(orig));
      putTuple(attrs, Cta.TUPLE_REPLY, reply, addresses(reply));
      attrs.u32(Cta.TIMEOUT, entry.timeout).u32(Cta.STATUS, entry.status);
      if (entry.mark !== undefined) attrs.u32(Cta.MARK, entry.mark);
      const { tcpState } = entry;
      if (tcpState === undefined) return;
      attrs.nest(Cta.PROTOINFO, (info) => {
        info.nest(CTA_PROTOINFO_TCP, (tcp) => tcp.u8(CtaProtoinfoTcp.STATE, tcpState));
      });
    });
    const failed = (await this.nfnl.raw(message))
      .map(readAck)
      .find((ack) => ack !== undefined && ack.error !== 0);
    if (failed !== undefined)
      throw new NetError(errnoName(failed.error), `conntrack: ${errnoName(failed.error)}`);
  }

  async expectations(): Promise<ConntrackExpectation[]> {
    const exp = (NFNL_SUBSYS_CTNETLINK_EXP << 8) | CtExpMsg.GET;
    return (await this.nfnl.dump(exp, 0)).map(readExpectation);
  }

  /** Events are kept from now on, those of `mask` (IPCT_*), until they are read; 0: no more. */
  async listen(mask = ALL_EVENTS): Promise<void> {
    await this.core.request(
      {
        type: MsgType.CT_EVENTS,
        bytes: CtEventsRec.DATA,
        fill: (v, at) => {
          v.setUint32(at + CtEventsRec.NET, this.net, true);
          v.setUint32(at + CtEventsRec.MASK, mask, true);
          v.setUint32(at + CtEventsRec.BYTES, EVENT_RING_BYTES, true);
        },
      },
      'conntrack events',
    );
  }

  /** The events that wait, and how many found no room since the last time. */
  async events(): Promise<{ events: ConntrackEvent[]; lost: number }> {
    const { messages, lost } = await this.eventMessages();
    return { events: readMessages(messages).map(readConntrackEvent), lost };
  }

  /** The same as the bytes of their messages. */
  async eventMessages(): Promise<{ messages: Uint8Array; lost: number }> {
    const pieces: Uint8Array[] = [];
    let lost = 0;
    for (;;) {
      const view = await this.core.request(
        {
          type: MsgType.CT_EVENTS_READ,
          bytes: CtEventsRec.DATA + EVENTS_AT_ONCE,
          fill: (v, at) => v.setUint32(at + CtEventsRec.NET, this.net, true),
        },
        'conntrack events',
      );
      const bytes = view.getUint32(CtEventsRec.OUT_BYTES, true);
      lost += view.getUint32(CtEventsRec.LOST, true);
      if (bytes === 0) return { messages: joinMessages(pieces), lost };
      pieces.push(new Uint8Array(view.buffer, view.byteOffset + CtEventsRec.DATA, bytes).slice());
    }
  }
}
