/**
 * What became of the Ethernet frames that went over the line, either way: each is delivered, known to be lost, or still
 * under way. The sides tell each other in heartbeats (this session) and in WELCOME (all sessions since the board's start),
 * which settles what was under way when a session ended. What a board took along that started again nobody can tell: it
 * is counted as unconfirmed.
 *
 *   sent = delivered + sentLost + unconfirmed + under way
 *   what the board has put on the line = received + framesLost + under way
 */
import type { BoardInfo } from './link_messages.js';

export interface FrameCounters {
  /** To the board. */
  sent: number;
  delivered: number;
  sentLost: number;
  /** The board started again before it could tell: they may have been delivered, or not. */
  unconfirmed: number;
  /** From the board. */
  received: number;
  framesLost: number;
}

interface Totals {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

const NONE: Totals = { sent: 0, received: 0, lost: 0 };
const less = (a: number, b: number): number => (a - b) >>> 0;

export class FrameLedger {
  /** Of the session. */
  private sent = 0;
  private received = 0;
  private next = 0;
  private told: Totals = NONE;
  /** Of this start of the board, since we know it; the session is not in it. */
  private bootId: number | undefined;
  private base: Totals = NONE;
  private before = { sent: 0, delivered: 0, sentLost: 0, received: 0, framesLost: 0 };

  constructor(private readonly counters: FrameCounters) {}

  /** A session began. Returns how many frames are now known to be lost of those before. */
  begin(board: BoardInfo): { from: number; to: number } {
    const { counters } = this;
    const was = { from: counters.framesLost, to: counters.sentLost + counters.unconfirmed };
    const { before } = this;
    const totals = { sent: board.framesSent, received: board.framesReceived, lost: board.framesLost };
    if (board.bootId === this.bootId) {
      const received = less(totals.received, this.base.received);
      this.settle(received - before.delivered, before.sent - received - before.sentLost);
      this.lose(less(totals.sent, this.base.sent) - before.received - before.framesLost);
    } else {
      counters.unconfirmed += before.sent - before.delivered - before.sentLost;
      // A board whose start we saw has spoken to nobody else; another one may have.
      this.base = this.bootId === undefined ? totals : NONE;
      this.bootId = board.bootId;
      this.before = { sent: 0, delivered: 0, sentLost: 0, received: 0, framesLost: 0 };
      this.lose(less(totals.sent, this.base.sent));
    }
    this.sent = this.received = this.next = 0;
    this.told = NONE;
    return { from: counters.framesLost - was.from, to: counters.sentLost + counters.unconfirmed - was.to };
  }

  sentOne(): void {
    this.sent = less(this.sent + 1, 0);
    this.before.sent++;
    this.counters.sent++;
  }

  /** FRAME `number` came; returns how many before it did not. */
  receivedOne(number: number): number {
    const lost = less(number, this.next);
    this.next = less(number + 1, 0);
    this.received = less(this.received + 1, 0);
    this.before.received++;
    this.counters.received++;
    this.lose(lost);
    return lost;
  }

  /** A HEARTBEAT of the session came: returns how many FRAMEs before it did not, and how many of ours are lost. */
  heartbeat(told: Totals): { from: number; to: number } {
    const from = less(told.sent, this.next);
    this.next = told.sent;
    this.lose(from);
    const to = less(told.lost, this.told.lost);
    this.settle(less(told.received, this.told.received), to);
    this.told = told;
    return { from, to };
  }

  /** What our heartbeats say; `sent` is the number of the next FRAME. */
  get session(): Totals {
    return { sent: this.sent, received: this.received, lost: less(this.next, this.received) };
  }

  private settle(delivered: number, sentLost: number): void {
    this.before.delivered += delivered;
    this.before.sentLost += sentLost;
    this.counters.delivered += delivered;
    this.counters.sentLost += sentLost;
  }

  private lose(count: number): void {
    this.before.framesLost += count;
    this.counters.framesLost += count;
  }
}
