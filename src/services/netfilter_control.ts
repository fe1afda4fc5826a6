/**
 * The router's side of `ww nft` and `ww conntrack`: netfilter's netlink messages of a namespace, asked through the control
 * socket, and what happens there, told to all who listen. The core keeps notifications only while somebody does.
 *
 *   client ─► control socket ─► question, batch ─► NFNL_MSG ─► core
 *   client ◄─ listen ◄─ NFT_EVENTS_READ, CT_EVENTS_READ ◄─ events NFT, CT_EVENTS of the core
 */
import { EventType } from '../../assembly/abi/event.js';
import { NLM_F_DUMP } from '../../assembly/abi/nfnl.js';
import type { Core } from '../core/core.js';
import type { Namespace } from '../net/namespace.js';
import { joinMessages, type NlMsg, readMessages } from '../netlink/nlmsg.js';
import type { NetfilterEvents } from './control_protocol.js';
import type { BatchAnswer, ControlRules } from './control_server.js';
import { dumpRuleset } from './ruleset_dump.js';

/** A transaction of some thousand changes. */
const RING_BYTES = 1 << 21;

type Listener = (messages: Uint8Array) => void;

/** One kind of events: the ring is there while there is a listener. */
class EventSource {
  private readonly listeners = new Set<Listener>();
  private stop = (): void => {};
  private working: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly core: Core,
    private readonly event: EventType,
    private readonly net: number,
    private readonly open: (on: boolean) => Promise<void>,
    private readonly read: () => Promise<{ messages: Uint8Array }>,
  ) {}

  /** One after the other: the ring opens, is read and closes. */
  private inTurn<T>(what: () => Promise<T>): Promise<T> {
    const done = this.working.then(what);
    this.working = done.catch(() => undefined);
    return done;
  }

  async listen(each: Listener): Promise<() => void> {
    await this.inTurn(async () => {
      if (this.listeners.size === 0) await this.start();
      else await this.tell();
      this.listeners.add(each);
    });
    return () => void this.inTurn(() => this.leave(each)).catch(() => undefined);
  }

  /** What waits goes to those who listen. */
  flush(): Promise<void> {
    return this.inTurn(() => this.tell());
  }

  private async start(): Promise<void> {
    await this.open(true);
    this.stop = this.core.onEvent(({ type, net }) => {
      // The namespace may have gone meanwhile.
      if (type === this.event && net === this.net) this.flush().catch(() => undefined);
    });
  }

  private async leave(each: Listener): Promise<void> {
    if (!this.listeners.delete(each) || this.listeners.size > 0) return;
    this.stop();
    await this.open(false);
  }

  private async tell(): Promise<void> {
    const { messages } = await this.read();
    if (messages.length > 0) for (const listener of this.listeners) listener(messages);
  }
}

export class NetfilterControl implements ControlRules {
  private working: Promise<unknown> = Promise.resolve();
  private readonly sources: Readonly<Record<NetfilterEvents, EventSource>>;

  constructor(
    core: Core,
    private readonly namespace: Namespace,
    /** Told of each transaction before it is tried. */
    private readonly loading?: (bytes: Uint8Array) => void,
  ) {
    const { nfnl, conntrack, handle } = namespace;
    this.sources = {
      nftables: new EventSource(
        core,
        EventType.NFT,
        handle,
        (on) => nfnl.listen(on ? core.ringBytes(RING_BYTES) : 0),
        () => nfnl.events(),
      ),
      conntrack: new EventSource(
        core,
        EventType.CT_EVENTS,
        handle,
        (on) => conntrack.listen(on ? undefined : 0),
        () => conntrack.eventMessages(),
      ),
    };
  }

  async links(): Promise<Readonly<Record<string, number>>> {
    return Object.fromEntries((await this.namespace.links()).map(({ name, ifindex }) => [name, ifindex]));
  }

  ruleset(elements: boolean): Promise<Uint8Array> {
    return dumpRuleset(this.namespace.nfnl, elements);
  }

  /** One after the other: a long one is sent in pieces, between which nothing may come. */
  batch(bytes: Uint8Array, echo: boolean): Promise<BatchAnswer> {
    this.loading?.(bytes);
    const done = this.working.then(() => this.transaction(bytes, echo));
    this.working = done.catch(() => undefined);
    return done;
  }

  private async transaction(bytes: Uint8Array, echo: boolean): Promise<BatchAnswer> {
    const { nfnl } = this.namespace;
    if (!echo) return { acks: await nfnl.batch(bytes), events: new Uint8Array(0) };
    const pieces: Uint8Array[] = [];
    const stop = await this.sources.nftables.listen((messages) => pieces.push(messages));
    try {
      const acks = await nfnl.batch(bytes);
      await this.sources.nftables.flush();
      return { acks, events: joinMessages(pieces) };
    } finally {
      stop();
    }
  }

  async question(message: Uint8Array): Promise<Uint8Array> {
    const { nfnl } = this.namespace;
    const dumps = readMessages(message).some(({ flags }) => (flags & NLM_F_DUMP) === NLM_F_DUMP);
    const answer: NlMsg[] = dumps ? await nfnl.dumpOf(message) : await nfnl.raw(message);
    return joinMessages(answer.map(({ bytes }) => bytes));
  }

  listen(of: NetfilterEvents, each: Listener): Promise<() => void> {
    return this.sources[of].listen(each);
  }
}
