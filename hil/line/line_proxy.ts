/**
 * A TCP port in front of a board's serial line, as ser2net is, that damages what passes: the next chunks of a lane, by
 * order of the test. One client at a time, as with a tty; a new one takes the line over.
 *
 *   serial:tcp://127.0.0.1:PORT ── LineProxy ── VirtualBoard.serial
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Random } from '../../test/random.js';
import { type Damage, damage } from './damaged_line.js';

export class LineProxy {
  toBoard: Damage | undefined;
  toHost: Damage | undefined;
  private client: Socket | undefined;
  private line: Duplex | undefined;

  private constructor(
    private readonly server: Server,
    private readonly random: Random,
  ) {
    server.on('connection', (client) => {
      this.client?.destroy();
      this.client = client;
      client.on('error', () => {});
      client.on('data', (bytes) => {
        const arrives = this.toBoard === undefined ? bytes : damage(bytes, this.toBoard, this.random);
        this.toBoard = undefined;
        if (this.client === client && arrives.length > 0 && this.line?.writable) this.line.write(arrives);
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
      if (this.line !== line) return;
      const arrives = this.toHost === undefined ? bytes : damage(bytes, this.toHost, this.random);
      this.toHost = undefined;
      if (arrives.length > 0) this.client?.write(arrives);
    });
  }

  get spec(): string {
    return `serial:tcp://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The cable is pulled out of the host. */
  disconnect(): void {
    this.client?.destroy();
  }

  close(): Promise<void> {
    this.client?.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
