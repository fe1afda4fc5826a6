/**
 * The host's side of the link: sessions with a board, one after the other (firmware/link/link.c is the other side). It
 * knows neither streams nor clocks: bytes and time are given, so that tests run it against the board's own code.
 *
 *            start(), silence, BOOT                WELCOME of the last HELLO
 *   closed ──────────────────────► hello ─────────────────────────────────► up
 *                                  ▲ every 300 ms, a new nonce               │ silence of 1 s, BOOT, stream gone
 *                                  └─────────────────────────────────────────┘
 *
 * What is sent is bounded by the board's credit, and by `outstandingMax` where the stream wants less on its way.
 */
import {
  LINK_HEARTBEAT_MS,
  LINK_HELLO_MS,
  LINK_MAGIC,
  LINK_PAYLOAD_MAX,
  LINK_SILENCE_MS,
  LINK_VERSION,
  LinkCap,
  LinkFrame,
  LinkHeartbeat,
  LinkHello,
  LinkType,
} from '../../../assembly/abi/link.js';
import { NetError } from '../../net_error.js';
import { type FrameCounters, FrameLedger } from './frame_ledger.js';
import { encodeLinkFrame, LinkDecoder, type LinkFrameHeader, wireBytesMax } from './link_codec.js';
import {
  type BoardBoot,
  type BoardInfo,
  type BoardPort,
  type BoardTrap,
  parseBoot,
  parsePort,
  parseTrap,
  parseWelcome,
} from './link_messages.js';
import { LinkCalls } from './link_calls.js';

export interface LinkEvents {
  /** A session began. */
  up(board: BoardInfo): void;
  /** It ended, and why; a new one is tried for already. */
  down(why: NetError): void;
  /** A frame of the board's port; `lost` before it never came. Valid only during the call. */
  frame(port: number, frame: Uint8Array, timeNs: number, lost: number): void;
  port(port: BoardPort): void;
  /** Credit came: what could not be sent may go now. */
  writable(): void;
  boot?(boot: BoardBoot): void;
  trap?(trap: BoardTrap): void;
  log?(text: string): void;
  /** Records wait in rings of the core on the board. */
  coreNote?(): void;
  /** Ethernet frames that are known to be lost now, no FRAME being there to say so: from the board, to the board. */
  lost?(from: number, to: number): void;
}

export interface LinkSessionOptions {
  /** Puts bytes on the line; they are the callee's. */
  write(bytes: Uint8Array): void;
  /** A number from 1 to 2^32 - 1. */
  nonce(): number;
  /** Bytes that the board may have on the way to us. Default: 64 KB. */
  window?: number;
}

/** The line, seen from here. */
export interface LinkCounters extends FrameCounters {
  rxBytes: number;
  txBytes: number;
  rxFrames: number;
  txFrames: number;
  bad: number;
  lost: number;
  duplicates: number;
  stale: number;
  sessions: number;
}

const WINDOW = 65536;
const VERSION_WRONG_MS = 2000;

export class LinkSession {
  readonly counters: LinkCounters = {
    rxBytes: 0,
    txBytes: 0,
    rxFrames: 0,
    txFrames: 0,
    bad: 0,
    lost: 0,
    duplicates: 0,
    stale: 0,
    sessions: 0,
    sent: 0,
    delivered: 0,
    sentLost: 0,
    unconfirmed: 0,
    received: 0,
    framesLost: 0,
  };
  private readonly ledger = new FrameLedger(this.counters);
  readonly calls: LinkCalls;
  /** The board of the session that is up. */
  board: BoardInfo | undefined;
  /** Bytes that we have on the way to the board at most; the board's credit where it is less. */
  outstandingMax: number | undefined;
  private readonly decoder: LinkDecoder;
  private readonly window: number;
  private now = 0;
  private running = false;
  private nonce = 0;
  private helloAt = 0;
  private txSeq = 0;
  private rxSeq = 0;
  private txPos = 0;
  private txLimit = 0;
  private rxPos = 0;
  /** LIMIT as the board knows it. */
  private told = 0;
  private heard = 0;
  private beat = 0;
  private blocked = false;
  private readonly frameHead = Buffer.alloc(LinkFrame.SIZE);

  constructor(
    private readonly events: LinkEvents,
    private readonly options: LinkSessionOptions,
  ) {
    this.window = options.window ?? WINDOW;
    this.decoder = new LinkDecoder({
      frame: (header, payload, wire) => this.frame(header, payload, wire),
      bad: () => {
        this.counters.bad++;
      },
    });
    this.calls = new LinkCalls((payload) => this.send(LinkType.CALL, true, payload));
  }

  /** The stream is there: HELLO, until a board answers. */
  start(nowMs: number): void {
    this.now = nowMs;
    this.running = true;
    this.hello();
  }

  /** The stream is gone. */
  stop(why: NetError): void {
    this.running = false;
    this.end(why);
    this.nonce = 0;
  }

  /** Says goodbye; the board need not wait for our silence. */
  bye(): void {
    if (this.board !== undefined) this.send(LinkType.BYE, false);
    this.stop(new NetError('ESHUTDOWN', 'the link was closed'));
  }

  /** Every 50 ms or so. */
  tick(nowMs: number): void {
    this.now = nowMs;
    if (!this.running) return;
    if (this.board === undefined) {
      if (nowMs >= this.helloAt) this.hello();
      return;
    }
    if (nowMs - this.heard > LINK_SILENCE_MS) {
      this.end(
        new NetError('ETIMEDOUT', `the board ${this.board.name} has been silent for ${LINK_SILENCE_MS} ms`),
      );
      this.hello();
      return;
    }
    if (nowMs - this.beat >= LINK_HEARTBEAT_MS) this.heartbeat();
    this.calls.tick(nowMs);
  }

  receive(bytes: Uint8Array, nowMs: number): void {
    this.now = nowMs;
    this.counters.rxBytes += bytes.length;
    this.decoder.push(bytes);
  }

  /** False without a session or credit; writable() follows when it had to wait for credit. */
  sendFrame(port: number, frame: Uint8Array): boolean {
    const head = this.frameHead;
    head[LinkFrame.PORT] = port;
    head.writeUInt32LE(this.ledger.session.sent, LinkFrame.NUMBER);
    if (!this.send(LinkType.FRAME, true, head, frame)) {
      this.blocked = this.board !== undefined;
      return false;
    }
    this.ledger.sentOne();
    return true;
  }

  private hello(): void {
    const { window } = this;
    this.nonce = this.options.nonce();
    this.helloAt = this.now + LINK_HELLO_MS;
    const hello = Buffer.alloc(LinkHello.SIZE);
    hello.writeUInt32LE(LINK_MAGIC, LinkHello.MAGIC);
    hello[LinkHello.VERSION_MIN] = LINK_VERSION;
    hello[LinkHello.VERSION_MAX] = LINK_VERSION;
    hello.writeUInt32LE(this.nonce, LinkHello.NONCE);
    hello.writeUInt32LE(window, LinkHello.WINDOW);
    hello.writeUInt32LE(LinkCap.PORT | LinkCap.CORE, LinkHello.CAPS);
    this.put(encodeLinkFrame({ type: LinkType.HELLO, seq: 0, session: 0, pos: 0, limit: 0 }, hello));
  }

  private put(bytes: Uint8Array): void {
    this.counters.txBytes += bytes.length;
    this.options.write(bytes);
  }

  private send(type: LinkType, credit: boolean, ...parts: readonly Uint8Array[]): boolean {
    if (this.board === undefined) return false;
    let payload = 0;
    for (const part of parts) payload += part.length;
    if (payload > LINK_PAYLOAD_MAX)
      throw new Error(`a payload of ${payload} bytes does not fit into a frame`);
    if (credit && ((this.credit() - (this.txPos + wireBytesMax(payload))) | 0) < 0) return false;
    const limit = (this.rxPos + this.window) >>> 0;
    const header = { type, seq: this.txSeq, session: this.nonce, pos: this.txPos, limit };
    const bytes = encodeLinkFrame(header, ...parts);
    this.txSeq = (this.txSeq + 1) & 0xffff;
    this.txPos = (this.txPos + bytes.length) >>> 0;
    this.told = limit;
    this.counters.txFrames++;
    this.put(bytes);
    return true;
  }

  /** How far we may send: the board's LIMIT, or less where the stream does not bear it. */
  private credit(): number {
    const { outstandingMax } = this;
    if (outstandingMax === undefined) return this.txLimit;
    // The board's LIMIT is its window ahead of what it has read.
    const read = this.txLimit - this.board!.window;
    return read + Math.min(this.board!.window, outstandingMax);
  }

  private heartbeat(): void {
    const beat = Buffer.alloc(LinkHeartbeat.SIZE);
    const { sent, received, lost } = this.ledger.session;
    beat.writeUInt32LE(sent, LinkHeartbeat.SENT);
    beat.writeUInt32LE(received, LinkHeartbeat.RECEIVED);
    beat.writeUInt32LE(lost, LinkHeartbeat.LOST);
    this.beat = this.now;
    this.send(LinkType.HEARTBEAT, false, beat);
  }

  private frame(header: LinkFrameHeader, payload: Buffer, wire: number): void {
    if (header.session === 0) {
      this.outside(header.type, payload);
      return;
    }
    if (header.session !== this.nonce || !this.running) {
      this.counters.stale++;
      return;
    }
    if (this.board === undefined) {
      // Of our HELLO, but its WELCOME was lost: the next HELLO brings another.
      const board = header.type === LinkType.WELCOME && header.seq === 0 ? parseWelcome(payload) : undefined;
      if (board === undefined) this.counters.stale++;
      else this.welcome(board, header, wire);
      return;
    }
    const gap = ((header.seq - this.rxSeq) << 16) >> 16;
    if (gap < 0) {
      this.counters.duplicates++;
      return;
    }
    this.counters.lost += gap;
    this.counters.rxFrames++;
    this.rxSeq = (header.seq + 1) & 0xffff;
    this.rxPos = (header.pos + wire) >>> 0;
    this.heard = this.now;
    if (((header.limit - this.txLimit) | 0) > 0) {
      this.txLimit = header.limit;
      this.unblock();
    }
    this.dispatch(header.type, payload);
    // Half the window is free and the board does not know.
    if (this.board !== undefined && ((this.rxPos + this.window - this.told) | 0) >= this.window / 2)
      this.heartbeat();
  }

  /** What boards say to whom they do not know. */
  private outside(type: number, payload: Buffer): void {
    switch (type) {
      case LinkType.BOOT: {
        const boot = parseBoot(payload);
        if (boot === undefined) break;
        this.events.boot?.(boot);
        const { board } = this;
        if (board !== undefined) {
          const again =
            board.bootId === boot.bootId ? 'has forgotten the session' : `started again (${boot.reason})`;
          this.end(new NetError('ECONNRESET', `the board ${board.name} ${again}`));
        }
        if (this.running && board !== undefined) this.hello();
        else this.helloAt = Math.min(this.helloAt, this.now);
        return;
      }
      case LinkType.TRAP: {
        const trap = parseTrap(payload);
        if (trap === undefined) break;
        this.events.trap?.(trap);
        return;
      }
      case LinkType.WELCOME: {
        const board = parseWelcome(payload);
        if (board === undefined || board.nonce !== this.nonce) break;
        const why = `the board ${board.name} speaks another version of the link than ${LINK_VERSION}: its image has to be of this build`;
        this.helloAt = this.now + VERSION_WRONG_MS;
        this.events.down(new NetError('EPROTONOSUPPORT', why));
        return;
      }
      default:
        break;
    }
    this.counters.stale++;
  }

  private welcome(board: BoardInfo, header: LinkFrameHeader, wire: number): void {
    this.board = board;
    this.txSeq = 0;
    this.rxSeq = 1;
    this.txPos = 0;
    this.rxPos = (header.pos + wire) >>> 0;
    this.txLimit = header.limit;
    this.told = this.window;
    this.heard = this.now;
    this.blocked = false;
    this.counters.sessions++;
    this.counters.rxFrames++;
    this.tellLost(this.ledger.begin(board));
    this.heartbeat();
    this.events.up(board);
    this.calls.begin(this.now);
  }

  /** A good frame of the session, in order. */
  private dispatch(type: number, payload: Buffer): void {
    switch (type) {
      case LinkType.FRAME:
        this.ethernet(payload);
        return;
      case LinkType.HEARTBEAT:
        this.heartbeatCame(payload);
        return;
      case LinkType.PORT: {
        const port = parsePort(payload);
        if (port !== undefined) this.events.port(port);
        return;
      }
      case LinkType.LOG:
        this.events.log?.(payload.toString());
        return;
      case LinkType.CORE_NOTE:
        this.events.coreNote?.();
        return;
      case LinkType.RESULT:
        this.calls.result(payload, this.now);
        return;
      default: // what a later version may say
    }
  }

  private ethernet(payload: Buffer): void {
    if (payload.length < LinkFrame.SIZE) {
      this.counters.bad++;
      return;
    }
    const number = payload.readUInt32LE(LinkFrame.NUMBER);
    const lost = this.ledger.receivedOne(number);
    const timeNs = payload.readUInt32LE(LinkFrame.TIME) + payload.readUInt32LE(LinkFrame.TIME + 4) * 2 ** 32;
    this.events.frame(payload[LinkFrame.PORT]!, payload.subarray(LinkFrame.SIZE), timeNs, lost);
  }

  /** It was said behind the FRAMEs that it counts: those that have not come will not. */
  private heartbeatCame(payload: Buffer): void {
    if (payload.length < LinkHeartbeat.SIZE) {
      this.counters.bad++;
      return;
    }
    this.tellLost(
      this.ledger.heartbeat({
        sent: payload.readUInt32LE(LinkHeartbeat.SENT),
        received: payload.readUInt32LE(LinkHeartbeat.RECEIVED),
        lost: payload.readUInt32LE(LinkHeartbeat.LOST),
      }),
    );
  }

  private tellLost({ from, to }: { from: number; to: number }): void {
    if (from > 0 || to > 0) this.events.lost?.(from, to);
  }

  private unblock(): void {
    if (this.blocked) {
      this.blocked = false;
      this.events.writable();
    }
    this.calls.tick(this.now);
  }

  private end(why: NetError): void {
    if (this.board === undefined) return;
    this.board = undefined;
    this.blocked = false;
    this.calls.end(why);
    this.events.down(why);
  }
}
