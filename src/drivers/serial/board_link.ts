/**
 * A board at the end of a line, with all that keeps it there: the line is opened, opened again when it goes, and the
 * session begun again when the board or the line had a fault.
 *
 *   line (tty, TCP, QEMU) ─► LinkSession ─► who uses the board (driver, remote core, `ww board`)
 */
import { randomInt } from 'node:crypto';
import type { LinkOp } from '../../../assembly/abi/link.js';
import { NetError } from '../../net_error.js';
import { type ByteLine, openByteLine } from './byte_line.js';
import type { CallResult } from './link_calls.js';
import type { BoardInfo } from './link_messages.js';
import { type LinkEvents, LinkSession } from './link_session.js';
import type { SerialSpec } from './serial_spec.js';

const TICK_MS = 25;
const REOPEN_MS = 400;
/** Bytes that wait in the stream before we hold frames back: a line that stands still is no reason to hoard. */
const BACKLOG_BYTES = 65536;

export class BoardLink {
  readonly session: LinkSession;
  private line: ByteLine | undefined;
  private opening: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reopen: NodeJS.Timeout | undefined;
  private closed = false;
  private corked = false;
  /** The code told last: a line that fails alike again is not told of again. */
  private failure = '';
  private readonly waiting: { resolve(board: BoardInfo): void; reject(error: Error): void }[] = [];

  constructor(
    private readonly spec: SerialSpec,
    readonly events: Partial<LinkEvents>,
    private readonly openLine: (spec: SerialSpec) => Promise<ByteLine> = openByteLine,
  ) {
    const { events: told } = this;
    this.session = new LinkSession(
      {
        up: (board) => {
          this.failure = '';
          told.up?.(board);
          for (const { resolve } of this.waiting.splice(0)) resolve(board);
        },
        down: (why) => told.down?.(why),
        frame: (port, frame, timeNs, lost) => told.frame?.(port, frame, timeNs, lost),
        port: (port) => told.port?.(port),
        writable: () => told.writable?.(),
        boot: (boot) => told.boot?.(boot),
        trap: (trap) => told.trap?.(trap),
        log: (text) => told.log?.(text),
        coreNote: () => told.coreNote?.(),
        lost: (from, to) => told.lost?.(from, to),
      },
      { write: (bytes) => this.write(bytes), nonce: () => randomInt(1, 2 ** 32) },
    );
  }

  /** Of the line that is open. */
  get virtual(): ByteLine['board'] {
    return this.line?.board;
  }

  /** Begins; the events tell how it goes. */
  start(): void {
    this.timer = setInterval(() => this.session.tick(performance.now()), TICK_MS);
    this.open();
  }

  /** The board, when its session is up. Rejects with ETIMEDOUT, or with why the line cannot be had. */
  connected(timeoutMs: number): Promise<BoardInfo> {
    if (this.session.board !== undefined) return Promise.resolve(this.session.board);
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => entry.reject(new NetError('ETIMEDOUT', `no board answers within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      const entry = {
        resolve: (board: BoardInfo) => {
          clearTimeout(late);
          resolve(board);
        },
        reject: (error: Error) => {
          clearTimeout(late);
          const at = this.waiting.indexOf(entry);
          if (at >= 0) this.waiting.splice(at, 1);
          reject(error);
        },
      };
      this.waiting.push(entry);
    });
  }

  call(op: LinkOp, data: Uint8Array, what: string): Promise<CallResult> {
    return this.session.calls.call(op, data, what, performance.now());
  }

  /** True while frames may be sent without hoarding them. */
  get ready(): boolean {
    return (this.line?.stream.writableLength ?? BACKLOG_BYTES) < BACKLOG_BYTES;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.session.bye();
    clearInterval(this.timer);
    clearTimeout(this.reopen);
    for (const { reject } of this.waiting.splice(0)) reject(new NetError('ESHUTDOWN', 'the link was closed'));
    await this.opening;
    const { line } = this;
    this.line = undefined;
    if (line !== undefined) {
      line.stream.uncork();
      await line.close();
    }
  }

  private open(): void {
    this.opening = this.openLine(this.spec).then(
      (line) => this.opened(line),
      (error: unknown) => this.lost(error instanceof NetError ? error : new NetError('EIO', String(error))),
    );
  }

  private opened(line: ByteLine): void {
    this.line = line;
    if (this.closed) return;
    this.session.outstandingMax = line.outstandingMax;
    const { stream } = line;
    stream.on('data', (bytes: Buffer) => {
      if (this.line === line) this.session.receive(bytes, performance.now());
    });
    stream.on('drain', () => {
      if (this.line === line) this.events.writable?.();
    });
    const gone = (error?: Error): void => {
      if (this.line !== line || this.closed) return;
      this.line = undefined;
      const why = error?.message ?? 'it was closed at the other end';
      const told = (text: string): void => this.lost(new NetError('EIO', `the line is gone: ${text}`));
      void line.close();
      if (line.board === undefined) told(why);
      else void line.board.exited.then((how) => told(`the virtual board ended: ${how}`));
    };
    stream.on('error', gone);
    stream.on('close', () => gone());
    stream.on('end', () => gone());
    this.session.start(performance.now());
  }

  private lost(why: NetError): void {
    if (this.closed) return;
    // A session that is up tells of its end itself.
    const told = this.session.board !== undefined || this.failure === why.message;
    this.failure = why.message;
    this.session.stop(why);
    if (!told) this.events.down?.(why);
    if (why.code !== 'EIO') for (const { reject } of this.waiting.splice(0)) reject(why);
    clearTimeout(this.reopen);
    this.reopen = setTimeout(() => {
      if (!this.closed) this.open();
    }, REOPEN_MS);
  }

  /** Frames of one turn of the event loop go out in one write. */
  private write(bytes: Uint8Array): void {
    const stream = this.line?.stream;
    if (stream === undefined || stream.destroyed || stream.writableEnded) return;
    if (!this.corked) {
      this.corked = true;
      stream.cork();
      process.nextTick(() => {
        this.corked = false;
        stream.uncork();
      });
    }
    stream.write(bytes);
  }
}
