/**
 * The control socket of a running router: a unix socket named by the process id, readable by its user only. A client that
 * does not read fast enough misses frames, and is told how many; the router never waits for one.
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import type { Direction } from '../drivers/capture.js';
import type { ListenerPort } from '../drivers/listener_port.js';
import { wallClock } from '../drivers/middleware.js';
import { NetError } from '../net_error.js';
import type { NlAck } from '../netlink/nlmsg.js';
import { PcapFilter } from '../pcap_filter/pcap_filter.js';
import {
  type BuiltCode,
  controlPath,
  type ControlAnswer,
  type ControlRequest,
  DIRECTION_DROPPED,
  DIRECTION_IN,
  DIRECTION_OUT,
  type DumpShow,
  FRAME_HEAD_BYTES,
  makeControlFolder,
  type NetfilterEvents,
} from './control_protocol.js';
import type { TraceFeed } from './trace_feed.js';

/** A ruleset with a million elements, in base64. */
const REQUEST_BYTES_MAX = 256 << 20;
/** Bytes that may wait for a client. */
const QUEUE_BYTES_MAX = 4 << 20;

export interface DumpPort {
  readonly listener: ListenerPort;
  /** Of its device in the core. */
  readonly handle: number;
}

/** The router's side of `ww nft` and `ww conntrack` (services/control_rules). */
export interface ControlRules {
  links(): Promise<Readonly<Record<string, number>>>;
  ruleset(elements: boolean): Promise<Uint8Array>;
  batch(bytes: Uint8Array, echo: boolean): Promise<BatchAnswer>;
  /** What is answered to one message, an error as NLMSG_ERROR. */
  question(message: Uint8Array): Promise<Uint8Array>;
  /** Events from now on until the returned function is called. */
  listen(of: NetfilterEvents, each: (messages: Uint8Array) => void): Promise<() => void>;
}

export interface BatchAnswer {
  readonly acks: readonly NlAck[];
  /** What it made known: notifications. */
  readonly events: Uint8Array;
}

export class ControlServer {
  private readonly sockets = new Set<Socket>();
  /** Of the ports' devices: a drop elsewhere, in a bridge or a VLAN device, is every port's. */
  private readonly handles: ReadonlySet<number>;

  private constructor(
    private readonly server: Server,
    private readonly path: string,
    private readonly ports: ReadonlyMap<string, DumpPort>,
    private readonly feed: TraceFeed,
    private readonly rules?: ControlRules,
    private readonly built?: () => BuiltCode,
  ) {
    this.handles = new Set([...ports.values()].map(({ handle }) => handle));
    server.on('connection', (socket) => this.serve(socket));
    server.unref();
  }

  static async open(
    folder: string,
    ports: ReadonlyMap<string, DumpPort>,
    feed: TraceFeed,
    rules?: ControlRules,
    built?: () => BuiltCode,
  ): Promise<ControlServer> {
    makeControlFolder(folder);
    const path = controlPath(folder, process.pid);
    removeSocket(path);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
    chmodSync(path, 0o600);
    return new ControlServer(server, path, ports, feed, rules, built);
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
      const line = piece.indexOf('\n');
      const end = text.length + line;
      text += piece;
      if (line < 0) {
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
        const filter = new PcapFilter(request.filter);
        say({ ok: true });
        this.stream(socket, port, filter, request.show ?? 'all');
      } else if (this.rules === undefined) {
        throw new Error('nothing that this process knows is asked for');
      } else if (request.ask === 'events') {
        this.follow(this.rules, request.of, socket, say);
      } else {
        void this.answerRules(this.rules, request).then((answer) => {
          say(answer);
          socket.end();
        });
      }
    } catch (error) {
      say({ ok: false, error: (error as Error).message });
      socket.end();
    }
  }

  private async answerRules(
    rules: ControlRules,
    request: Exclude<ControlRequest, { ask: 'dump' | 'ports' | 'events' }>,
  ): Promise<ControlAnswer> {
    try {
      switch (request.ask) {
        case 'built':
          return { ok: true, ...(this.built && { built: this.built() }) };
        case 'links':
          return { ok: true, links: await rules.links() };
        case 'ruleset':
          return { ok: true, ruleset: base64(await rules.ruleset(request.elements ?? true)) };
        case 'nfnetlink':
          return { ok: true, messages: base64(await rules.question(Buffer.from(request.message, 'base64'))) };
        case 'netfilter': {
          const { acks, events } = await rules.batch(
            Buffer.from(request.batch, 'base64'),
            request.echo ?? false,
          );
          const failed = acks.filter(({ error }) => error !== 0);
          return { ok: true, failed, ...(request.echo && { messages: base64(events) }) };
        }
      }
    } catch (error) {
      const code = error instanceof NetError ? { code: error.code } : {};
      return { ok: false, error: (error as Error).message, ...code };
    }
  }

  /** Events until the client goes; one that does not read is let go of, as Linux tells such a one ENOBUFS. */
  private follow(
    rules: ControlRules,
    of: NetfilterEvents,
    socket: Socket,
    say: (answer: ControlAnswer) => void,
  ): void {
    const listening = rules.listen(of, (messages) => {
      if (socket.writableLength > QUEUE_BYTES_MAX) socket.destroy();
      else socket.write(messages);
    });
    socket.on('close', () => void listening.then((stop) => stop()).catch(() => undefined));
    listening.then(
      () => say({ ok: true }),
      (error: Error) => {
        say({ ok: false, error: error.message });
        socket.end();
      },
    );
    socket.resume();
  }

  private stream(socket: Socket, port: DumpPort, filter: PcapFilter, show: DumpShow): void {
    let lost = 0;
    const put = (
      frame: Uint8Array,
      { timeMs, direction, comment = '', originalLength, missed = 0 }: FrameInfo,
    ) => {
      lost += missed;
      const { length } = frame;
      const said = direction === DIRECTION_OUT ? 'tx' : 'rx';
      const original = originalLength ?? length;
      if (!filter.matches({ bytes: frame, at: 0, length, originalLength: original, direction: said })) return;
      if (socket.writableLength > QUEUE_BYTES_MAX) {
        lost++;
        return;
      }
      const text = Buffer.from(comment);
      const record = Buffer.alloc(FRAME_HEAD_BYTES + length + text.length);
      const nanoseconds = Math.floor((timeMs % 1000) * 1e6);
      const head = [length, original, Math.floor(timeMs / 1000), nanoseconds, direction, lost, text.length];
      for (const [i, word] of head.entries()) record.writeUInt32LE(word, i * 4);
      record.set(frame, FRAME_HEAD_BYTES);
      record.set(text, FRAME_HEAD_BYTES + length);
      lost = 0;
      socket.write(record);
    };
    const stops: (() => void)[] = [];
    if (show !== 'drops') {
      const { mapped } = port.listener;
      stops.push(
        port.listener.listen((direction: Direction, frame: Uint8Array) => {
          const way = direction === 'rx' ? DIRECTION_IN : DIRECTION_OUT;
          put(frame, { timeMs: wallClock(), direction: way });
        }),
      );
      if (mapped === true)
        stops.push(
          this.feed.received(port.handle, ({ frame, length, timeMs }, missed) =>
            put(frame, { timeMs, direction: DIRECTION_IN, originalLength: length, missed }),
          ),
        );
    }
    if (show !== 'frames')
      stops.push(
        this.feed.drops(({ device, reason, frame, length, timeMs }, missed) => {
          if (device !== port.handle && this.handles.has(device)) return;
          const comment = `dropped: ${SkbDropReason[reason] ?? reason}`;
          put(frame, { timeMs, direction: DIRECTION_DROPPED, comment, originalLength: length, missed });
        }),
      );
    socket.on('close', () => {
      for (const stop of stops) stop();
    });
    socket.resume();
  }
}

interface FrameInfo {
  readonly timeMs: number;
  readonly direction: number;
  readonly comment?: string;
  readonly originalLength?: number;
  /** Frames before this one that nobody saw. */
  readonly missed?: number;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There was none.
  }
}
