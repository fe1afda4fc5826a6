/**
 * The control socket of a running router: a unix socket named by the process id, readable by its user only. A client that
 * does not read fast enough misses frames, and is told how many; the router never waits for one.
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Direction } from '../drivers/capture.js';
import type { ListenerPort } from '../drivers/listener_port.js';
import { PcapFilter } from '../pcap_filter/pcap_filter.js';
import {
  controlPath,
  type ControlAnswer,
  type ControlRequest,
  DIRECTION_IN,
  DIRECTION_OUT,
  FRAME_HEAD_BYTES,
  makeControlFolder,
} from './control_protocol.js';

const REQUEST_BYTES_MAX = 65536;
/** Bytes that may wait for a client. */
const QUEUE_BYTES_MAX = 4 << 20;

export class ControlServer {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly path: string,
    private readonly ports: ReadonlyMap<string, ListenerPort | null>,
  ) {
    server.on('connection', (socket) => this.serve(socket));
    server.unref();
  }

  static async open(folder: string, ports: ReadonlyMap<string, ListenerPort | null>): Promise<ControlServer> {
    makeControlFolder(folder);
    const path = controlPath(folder, process.pid);
    removeSocket(path);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
    chmodSync(path, 0o600);
    return new ControlServer(server, path, ports);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    removeSocket(this.path);
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    let text = '';
    socket.setEncoding('utf8');
    // A client that went is no failure of the router.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.sockets.delete(socket));
    const onData = (piece: string) => {
      text += piece;
      const end = text.indexOf('\n');
      if (end < 0) {
        if (text.length > REQUEST_BYTES_MAX) socket.destroy();
        return;
      }
      socket.removeListener('data', onData);
      this.answer(socket, text.slice(0, end));
    };
    socket.on('data', onData);
  }

  private answer(socket: Socket, line: string): void {
    const say = (answer: ControlAnswer) => socket.write(`${JSON.stringify(answer)}\n`);
    try {
      const request = JSON.parse(line) as ControlRequest;
      if (request.ask === 'ports') {
        say({ ok: true, ports: [...this.ports.keys()] });
        socket.end();
      } else if (request.ask === 'dump') {
        const port = this.ports.get(request.port);
        if (port === undefined) throw new Error(`there is no port ${request.port}`);
        if (port === null)
          throw new Error(
            `the core works the ring of ${request.port} by itself; tcpdump -i sees its interface's frames`,
          );
        const filter = new PcapFilter(request.filter);
        say({ ok: true });
        this.stream(socket, port, filter);
      } else {
        throw new Error('nothing that this process knows is asked for');
      }
    } catch (error) {
      say({ ok: false, error: (error as Error).message });
      socket.end();
    }
  }

  private stream(socket: Socket, port: ListenerPort, filter: PcapFilter): void {
    let lost = 0;
    const stop = port.listen((direction: Direction, frame: Uint8Array) => {
      const { length } = frame;
      if (!filter.matches({ bytes: frame, at: 0, length, originalLength: length, direction })) return;
      if (socket.writableLength > QUEUE_BYTES_MAX) {
        lost++;
        return;
      }
      const now = Date.now();
      const record = Buffer.alloc(FRAME_HEAD_BYTES + length);
      const head = [length, length, Math.floor(now / 1000), (now % 1000) * 1e6];
      for (const [i, word] of head.entries()) record.writeUInt32LE(word, i * 4);
      record.writeUInt32LE(direction === 'rx' ? DIRECTION_IN : DIRECTION_OUT, 16);
      record.writeUInt32LE(lost, 20);
      record.set(frame, FRAME_HEAD_BYTES);
      lost = 0;
      socket.write(record);
    });
    socket.on('close', stop);
    socket.resume();
  }
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There was none.
  }
}
