/**
 * A virtual board with traffic through it both ways, faults on its line and on itself, and a ledger of every frame.
 *
 *   toBoard  host ── BoardLink ── LineProxy ── VirtualBoard ── Ethernet (UDP) ── far
 *   fromBoard     ◄──────────────────────────────────────────────────────────────
 *
 * The ledger, when nothing is under way:
 *
 *   toBoard     sent = came + sentLost (host) + tx_dropped (board) + in a board that died
 *   fromBoard   sent = came + framesLost (host) + rx_dropped, rx_errors (board) + in a board that died
 *
 * A board that is reset or killed takes its last counters along. What is missing after that, and only then, is booked as
 * "died", and may be no more than what the host counts as unconfirmed, or was sent since the board was last asked.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinkOp } from '../../assembly/abi/link.js';
import { BoardLink } from '../../src/drivers/serial/board_link.js';
import { parseCounters } from '../../src/drivers/serial/link_messages.js';
import { parseSerial } from '../../src/drivers/serial/serial_spec.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { NetError } from '../../src/net_error.js';
import { Random } from '../../test/random.js';
import { LineProxy } from '../line/line_proxy.js';
import type { Place } from '../rig/suite.js';
import { CountedFrames } from './counted_frames.js';
import { FrameCapture } from './frame_capture.js';
import { SerialLog } from './serial_log.js';

const CONNECT_MS = 10_000;
const TRAFFIC_MS = 10;
const FRAMES_AT_ONCE = 3;
const RECEIVE_BUFFER = 4 << 20;
const ASK_MS = 20;

/** Of the board's port. */
interface PortCounts {
  readonly txDropped: number;
  readonly rxLost: number;
}
const NOTHING: PortCounts = { txDropped: 0, rxLost: 0 };

export class FaultBench {
  readonly toBoard: CountedFrames;
  readonly fromBoard: CountedFrames;
  /** Frames that went with boards that died, either way. */
  readonly died = { toBoard: 0, fromBoard: 0 };
  board!: VirtualBoard;
  private traffic: NodeJS.Timeout | undefined;
  private boot = 0;
  /** As the board last said, and of boards that are no more. */
  private counts = NOTHING;
  private gone = NOTHING;
  /** When it was last asked. */
  private asked = { fromBoard: 0, unconfirmed: 0 };

  private constructor(
    private readonly place: Place,
    readonly random: Random,
    readonly proxy: LineProxy,
    readonly link: BoardLink,
    private readonly far: Socket,
    private readonly boardPort: number,
    private readonly log: SerialLog,
    private readonly captures: readonly [line: FrameCapture, ethernet: FrameCapture],
  ) {
    this.toBoard = new CountedFrames(place.seed, 1);
    this.fromBoard = new CountedFrames(place.seed, 2);
    far.on('message', (frame) => {
      this.captures[1].write('rx', frame);
      this.toBoard.arrived(frame);
    });
    link.events.frame = (_port, frame) => {
      this.captures[0].write('rx', frame);
      this.fromBoard.arrived(frame);
    };
    log.follow(link);
  }

  static async open(place: Place): Promise<FaultBench> {
    const random = new Random(place.seed);
    const far = createSocket('udp4').bind(0, '127.0.0.1');
    const free = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(far, 'listening'), once(free, 'listening')]);
    far.setRecvBufferSize(RECEIVE_BUFFER);
    const { port } = free.address();
    free.close();
    const proxy = await LineProxy.open(random);
    const link = new BoardLink(parseSerial(proxy.spec.replace(/^serial:/, '')), {});
    const capture = (name: string): FrameCapture =>
      new FrameCapture(join(place.folder, `${name}.pcapng`), name);
    const log = new SerialLog(join(place.folder, 'serial.log'));
    const captures = [capture('line'), capture('ethernet')] as const;
    const bench = new FaultBench(place, random, proxy, link, far, port, log, captures);
    try {
      await bench.startBoard();
      link.start();
      await link.connected(CONNECT_MS);
      bench.startTraffic();
      await bench.recovered(CONNECT_MS);
      return bench;
    } catch (error) {
      await bench.close();
      throw error;
    }
  }

  /** The board as from power. */
  async startBoard(): Promise<void> {
    const { line } = this.place.board;
    if (line.kind !== 'virtual') throw new Error('faults want a virtual board');
    const [local, remote] = [`127.0.0.1:${this.boardPort}`, `127.0.0.1:${this.far.address().port}`];
    this.board = await VirtualBoard.start({ board: line.board, nets: [{ kind: 'udp', local, remote }] });
    this.proxy.connect(this.board.serial);
  }

  say(text: string): void {
    this.log.say('fault', text);
  }

  startTraffic(): void {
    this.traffic ??= setInterval(() => {
      for (let n = this.random.below(FRAMES_AT_ONCE); n > 0; n--) this.sendToBoard();
      for (let n = this.random.below(FRAMES_AT_ONCE); n > 0; n--) this.sendFromFar();
    }, TRAFFIC_MS);
  }

  stopTraffic(): void {
    clearInterval(this.traffic);
    this.traffic = undefined;
  }

  /** Until frames that are sent from now on come, both ways. Returns how many ms that takes. */
  async recovered(limitMs: number): Promise<number> {
    const begin = performance.now();
    const first = [this.toBoard.sent, this.fromBoard.sent] as const;
    while (this.toBoard.newest < first[0] || this.fromBoard.newest < first[1]) {
      if (performance.now() - begin > limitMs) {
        const { session } = this.link;
        throw new NetError(
          'ETIMEDOUT',
          `no frames ${this.toBoard.newest < first[0] ? 'to' : 'from'} the board for ${limitMs} ms; the session is ${session.board === undefined ? 'down' : 'up'}, ${JSON.stringify(session.counters)}`,
        );
      }
      await sleep(5);
    }
    return performance.now() - begin;
  }

  /** Asks the board for its counters; undefined when it does not answer. */
  async ask(): Promise<PortCounts | undefined> {
    const { session } = this.link;
    const before = { fromBoard: this.fromBoard.sent, unconfirmed: session.counters.unconfirmed };
    try {
      const { board } = session;
      const { data } = await this.link.call(LinkOp.COUNTERS, Buffer.alloc(0), 'counters');
      if (board === undefined || session.board?.bootId !== board.bootId) return undefined;
      const { tx_dropped, rx_dropped, rx_errors } = parseCounters(data).ports[0]!;
      if (board.bootId !== this.boot) {
        const { gone, counts } = this;
        this.gone = { txDropped: gone.txDropped + counts.txDropped, rxLost: gone.rxLost + counts.rxLost };
        this.boot = board.bootId;
      }
      this.counts = { txDropped: tx_dropped!, rxLost: rx_dropped! + rx_errors! };
      this.asked = before;
      return this.counts;
    } catch {
      return undefined;
    }
  }

  /**
   * Stops the traffic, and waits until every frame is accounted for; throws with the ledger when one is not. `died`: the
   * board started again since the last time.
   */
  async settled(died: boolean, limitMs: number): Promise<void> {
    this.stopTraffic();
    const since = this.asked;
    const begin = performance.now();
    for (;;) {
      await sleep(ASK_MS);
      const asked = await this.ask();
      const missing = this.missing();
      if (asked !== undefined && this.accounted(missing, died, since)) {
        Object.assign(this.died, missing);
        this.startTraffic();
        return;
      }
      if (performance.now() - begin > limitMs) {
        throw new Error(`frames are not accounted for: ${JSON.stringify({ missing, ...this.ledger() })}`);
      }
    }
  }

  ledger(): Record<string, unknown> {
    const { sent, delivered, sentLost, unconfirmed, received, framesLost } = this.link.session.counters;
    return {
      toBoard: { sent: this.toBoard.sent, came: this.toBoard.received },
      fromBoard: { sent: this.fromBoard.sent, came: this.fromBoard.received },
      host: { sent, delivered, sentLost, unconfirmed, received, framesLost },
      board: this.boardCounts(),
      died: { ...this.died },
    };
  }

  async close(): Promise<void> {
    this.stopTraffic();
    this.log.counters(this.link);
    await this.link.close();
    await this.proxy.close();
    await this.board?.close();
    this.far.close();
    for (const capture of this.captures) capture.close();
    this.log.close();
  }

  private boardCounts(): PortCounts {
    const { gone, counts } = this;
    return { txDropped: gone.txDropped + counts.txDropped, rxLost: gone.rxLost + counts.rxLost };
  }

  /** Frames that did not come and that nobody has counted. */
  private missing(): { toBoard: number; fromBoard: number } {
    const { sentLost, framesLost } = this.link.session.counters;
    const { txDropped, rxLost } = this.boardCounts();
    return {
      toBoard: this.toBoard.sent - this.toBoard.received - sentLost - txDropped,
      fromBoard: this.fromBoard.sent - this.fromBoard.received - framesLost - rxLost,
    };
  }

  private accounted(
    missing: { toBoard: number; fromBoard: number },
    died: boolean,
    since: { fromBoard: number; unconfirmed: number },
  ): boolean {
    const { sent, delivered, sentLost, unconfirmed } = this.link.session.counters;
    if (sent !== delivered + sentLost + unconfirmed) return false;
    const to = missing.toBoard - this.died.toBoard;
    const from = missing.fromBoard - this.died.fromBoard;
    if (!died) return to === 0 && from === 0;
    const mayBe = { to: unconfirmed - since.unconfirmed, from: this.fromBoard.sent - since.fromBoard };
    return to >= 0 && to <= mayBe.to && from >= 0 && from <= mayBe.from;
  }

  private sendToBoard(): void {
    if (!this.link.ready || this.link.session.board === undefined) return;
    const frame = this.toBoard.next();
    // It may be at the far end before sendFrame() returns: it counts as sent at once, or not at all.
    if (!this.link.session.sendFrame(0, frame)) return;
    this.toBoard.sentOne();
    this.captures[0].write('tx', frame);
  }

  private sendFromFar(): void {
    const frame = this.fromBoard.next();
    this.fromBoard.sentOne();
    this.captures[1].write('tx', frame);
    this.far.send(frame, this.boardPort, '127.0.0.1');
  }
}
