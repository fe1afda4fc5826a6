/**
 * A TCP port in front of a board's serial line, as ser2net is, with everything that can happen to a line: the next chunk
 * of a lane is damaged, bytes come late, or go nowhere, or the host finds the port closed. One client at a time, as with a
 * tty; a new one takes the line over.
 *
 *   serial:tcp://127.0.0.1:PORT ── LineProxy ── VirtualBoard.serial
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Random } from '../../test/random.js';
import { type Damage, damage } from './damaged_line.js';

/** What the line does with bytes: passes them on, keeps them for later, loses them. */
export type LineState = 'open' | 'held' | 'broken';

export class LineProxy {
  /** Of the next chunk. */
  toBoard: Damage | undefined;
  toHost: Damage | undefined;
  /** Chunks that were damaged. */
  damaged = 0;
  private state: LineState = 'open';
  private refusing = false;
  private readonly late: (() => void)[] = [];
  private client: Socket | undefined;
  private line: Duplex | undefined;

  private constructor(
    private readonly server: Server,
    private readonly random: Random,
  ) {
    server.on('connection', (client) => {
      client.on('error', () => {});
      if (this.refusing) {
        client.destroy();
        return;
      }
      this.client?.destroy();
      this.client = client;
      client.on('data', (bytes) => {
        const { toBoard } = this;
        this.toBoard = undefined;
        this.pass(bytes, toBoard, (arrives) => {
          if (this.client === client && this.line?.writable) this.line.write(arrives);
        });
      });
    });
  }

  static async open(random: Random): Promise<LineProxy> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LineProxy(server, random);
  }

  /** The line from now on: of a board that was started. */
  connect(line: Duplex): void {
    this.line = line;
    line.on('error', () => {});
    line.on('data', (bytes: Buffer) => {
      const { toHost } = this;
      if (this.line !== line) return;
      this.toHost = undefined;
      this.pass(bytes, toHost, (arrives) => this.client?.write(arrives));
    });
  }

  get spec(): string {
    return `serial:tcp://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What was held is passed on when it opens. */
  set(state: LineState): void {
    this.state = state;
    if (state === 'open') for (const pass of this.late.splice(0)) pass();
  }

  /** The cable is pulled out of the host; with `stay` it stays out until plug(). */
  disconnect(stay = false): void {
    this.refusing = stay;
    this.client?.destroy();
  }

  plug(): void {
    this.refusing = false;
  }

  close(): Promise<void> {
    this.client?.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private pass(bytes: Buffer, kind: Damage | undefined, on: (bytes: Buffer) => void): void {
    if (kind !== undefined) this.damaged++;
    const arrives = kind === undefined ? bytes : damage(bytes, kind, this.random);
    if (arrives.length === 0 || this.state === 'broken') return;
    if (this.state === 'held') this.late.push(() => on(arrives));
    else on(arrives);
  }
}
